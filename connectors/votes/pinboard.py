"""Pinboard: which pages our own account has bookmarked. What others saved is on a web page only, which is not read.

- bookmarks: `GET /v1/posts/all?auth_token=<user>:<token>&format=json`, all of them in one answer, a list of
  `{"href", "description", "extended", "meta", "hash", "time", "shared", "toread", "tags"}`. Once in five minutes.
- by_post: `GET /v1/posts/get?url=<address>`, for bookmarks known from earlier days that the list did not hold today:
  `{"date", "user", "posts": [...]}`, an empty list when the address is not bookmarked. One request each. An address has
  one bookmark at most, and its id is `hash`, the MD5 of the address.

Verbs: save is 1 per bookmark, private ones too. A page without a bookmark of ours has no reading at all; saves are a
lower bound. The number of people who saved an address stands on `https://pinboard.in/url:<md5>`, an HTML page with
their names (UNVERIFIED), and is not read. There are no likes, comments, shares or views.

One request in three seconds; then 429 without a wait in the header, to be answered by doubling ours, which therefore
begins at 30 seconds and outlasts the five minutes of `posts/all`. 401 is a refused token. Errors are no JSON.
`description` is a title, `extended` a note, `tags` words, `user` a name: none of them is kept, nor `shared`.

UNVERIFIED: the shape of refusals, how soon a deleted bookmark leaves `posts/all` (it is made anew after a change).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, ClassVar

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from connectors.base import (
    Ask,
    Connector,
    ConnectorSettings,
    Post,
    Stream,
    VerbMeaning,
    ask_in_batches,
)
from connectors.bookmarks import bookmark_row, known_row, own_rows, readings
from connectors.errors import BadAnswer
from connectors.fields import dig, moment, plain
from connectors.http import Http
from connectors.records import Basis, Observation, Quality, Raw, Verb

NAME = "pinboard"

Bookmark = dict[str, Any]


class Settings(ConnectorSettings):
    """Settings of Pinboard."""

    model_config = SettingsConfigDict(env_prefix="TALLYRANK_PINBOARD_")
    required: ClassVar[tuple[str, ...]] = ("token",)

    base_url: str = Field("https://api.pinboard.in", description="Address of the API, without version.")
    token: SecretStr | None = Field(None, description="API token, with the name before it: user:NNNNNN.")
    requests_per_second: float = Field(0.32, gt=0, description="Highest pace; one request in three seconds is allowed.")
    retry_wait_seconds: float = Field(30.0, ge=0, description="First wait between tries; doubles each time.")


def _http(ask: Ask) -> Http:
    token = plain(ask.settings.token)
    return Http(NAME, ask, params={"auth_token": token, "format": "json"})


def fetch_bookmarks(ask: Ask) -> Iterator[Raw]:
    """All bookmarks of the account."""
    with _http(ask) as http:
        yield from own_rows(ask, lambda: _all(ask, http))


def _all(ask: Ask, http: Http) -> Iterator[Raw]:
    unique = {bookmark["hash"]: bookmark for bookmark in bookmarks_in(http.get("/v1/posts/all").json())}
    for object_id, bookmark in unique.items():
        yield bookmark_row(ask, object_id, bookmark.get("href"), {"time": bookmark.get("time")})


def bookmarks_in(body: Any) -> list[Bookmark]:
    """The bookmarks of a list; BadAnswer when it is none, or one of them has no `hash`."""
    if not isinstance(body, list) or not all(isinstance(b, dict) and isinstance(b.get("hash"), str) for b in body):
        raise BadAnswer(NAME, "the answer is no list of bookmarks, or one of them has no `hash`")
    return body


def fetch_by_post(ask: Ask) -> Iterator[Raw]:
    """Whether known bookmarks are still there."""
    with _http(ask) as http:
        yield from ask_in_batches(ask, ask.posts, 1, partial(_refresh, ask, http))


def _refresh(ask: Ask, http: Http, posts: Sequence[Post]) -> Iterator[Raw]:
    for post in posts:
        body = http.get("/v1/posts/get", {"url": post.url}).json()
        found = bookmarks_in(dig(body, "posts"))
        bookmark = next((b for b in found if b["hash"] == post.object_id), None)
        if found and not bookmark:
            raise BadAnswer(NAME, "asked about one bookmark, the service answered about another")
        yield known_row(ask, post, "time", bookmark)


def parse(rows: Sequence[Raw]) -> Iterator[Observation]:
    """One reading per bookmark."""
    return readings(CONNECTOR, rows, lambda payload: moment(payload.get("time")))


CONNECTOR = Connector(
    name=NAME,
    title="Pinboard",
    signal="votes",
    settings=Settings,
    streams=(
        Stream(
            name="bookmarks",
            title="Bookmarks of our own account",
            asks="account",
            requests="1 for all",
            fetch=fetch_bookmarks,
            parse=parse,
        ),
        Stream(
            name="by_post",
            title="Whether known bookmarks are still there",
            asks="posts",
            fetch=fetch_by_post,
            parse=parse,
            requests_per_1000=1000,
        ),
    ),
    quota="One request in three seconds, the list of all bookmarks once in five minutes; one request holds them all.",
    terms="The account's own data, by token and not by password. No rule on keeping was found. Titles are not kept.",
    keys_from="Copy the API token from pinboard.in/settings/password, with the name and the colon before it.",
    verbs={
        Verb.SAVE: VerbMeaning(
            "saved",
            "1 if our own account has bookmarked the page; what others saved is not told.",
            Quality.LOWER_BOUND,
        )
    },
    basis=Basis.POST,
    cost="Needs a paid Pinboard account; requests are free.",
    verified="The twin against the client pinboard 2.1.9; nothing against real answers.",
)
