"""Raindrop.io: which pages our own account has bookmarked. What others saved is not told anywhere.

- bookmarks: `GET /rest/v1/raindrops/0?perpage=50&page=N&sort=created` (0: all collections but the trash; pages from 0;
  50 is the most), `Authorization: Bearer <token>`. The answer is `{"result": true, "items": […], "count": 123}`, with
  the `count` over all pages, so no request is spent to find the end. Oldest first, so that a bookmark made meanwhile
  comes on the last page. A bookmark deleted while reading moves the later ones up: one may be missed that day.
- by_post: `GET /rest/v1/raindrop/{id}` for bookmarks known from earlier days that the list did not hold today. 404, or
  the collection -99 (the trash), or `removed`: not found. One request each.

Verbs: save is 1 per bookmark. A page without a bookmark of ours has no reading at all, and a page's saves are a lower
bound: two people of a team with a list of each see two. There are no likes, comments, shares or views.

Errors are `{"result": false, "error": -1, "errorMessage": "…"}`, also with HTTP 200, which is then a bad answer, or by
its `status` what that status means. 401 is a refused token. 120 requests a minute and user; then 429 with
`X-RateLimit-Reset`, the moment (UTC, seconds since 1970) at which the minute ends.
`_id` is a number, `link` the page, `created` a time; titles, excerpts, notes, tags, owners and highlights are not kept.

UNVERIFIED: the name `created` of the order (older documentation knows `lastUpdate` only; an unknown one is said to be
ignored), what a bookmark in the trash answers by its id, `status` inside an error, the body of a 401.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
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
    whole,
)
from connectors.bookmarks import bookmark_row, known_row, own_rows, readings
from connectors.errors import BadAnswer, Gone, RateLimited, SourceError
from connectors.fields import dig, loads, mapping, moment, plain
from connectors.http import Answer, Http, by_status, redacted, retry_after, secrets_of
from connectors.limits import seconds_until
from connectors.records import Basis, Observation, Quality, Raw, Verb

NAME = "raindrop"
PAGE_SIZE = 50
TRASH = -99
KEYS_FROM = "Make an app at app.raindrop.io/settings/integrations and copy its test token."

Item = dict[str, Any]


class Settings(ConnectorSettings):
    """Settings of Raindrop.io."""

    model_config = SettingsConfigDict(env_prefix="TALLYRANK_RAINDROP_")
    required: ClassVar[tuple[str, ...]] = ("token",)

    base_url: str = Field("https://api.raindrop.io", description="Address of the API, without version.")
    token: SecretStr | None = Field(None, description="Test token of your own app, or an OAuth access token.")
    requests_per_second: float = Field(1.5, gt=0, description="Highest pace; 120 requests a minute are allowed.")


def raindrop_error(answer: Answer, secrets: tuple[str, ...] = ()) -> SourceError | None:
    """What an answer says went wrong: by HTTP status, then by what stands inside a 200."""
    if answer.status == 429:
        return RateLimited(answer.source, f"HTTP 429: {answer.text[:160]}", _wait(answer))
    if problem := by_status(answer):
        return problem
    body = loads(answer.text)
    if not isinstance(body, dict) or body.get("result") is not False:
        return None
    words = redacted(str(body.get("errorMessage", "no reason")), secrets)
    inner = replace(answer, status=whole(body.get("status")) or 200, text=words)
    return by_status(inner) or BadAnswer(answer.source, f"HTTP 200, but refused: {inner.text[:160]}")


def _wait(answer: Answer) -> float | None:
    """Seconds until the moment in the header."""
    seconds = seconds_until(answer.headers.get("x-ratelimit-reset", ""))
    return retry_after(answer) if seconds is None else seconds


def _http(ask: Ask) -> Http:
    token = plain(ask.settings.token)
    classify = partial(raindrop_error, secrets=secrets_of(ask.settings))
    return Http(NAME, ask, classify=classify, headers={"Authorization": f"Bearer {token}"})


def fetch_bookmarks(ask: Ask) -> Iterator[Raw]:
    """All bookmarks of the account."""
    with _http(ask) as http:
        yield from own_rows(ask, lambda: (_row(ask, item) for item in bookmarks(partial(_page, http), PAGE_SIZE)))


def _row(ask: Ask, item: Item) -> Raw:
    return bookmark_row(ask, str(item["_id"]), item.get("link"), {"created": item.get("created")})


def bookmarks(read: Callable[[int, int], tuple[list[Item], int]], size: int) -> Iterator[Item]:
    """Every bookmark once, page by page, until there are as many as the answer says."""
    seen: set[int] = set()
    page = 0
    while True:
        items, total = read(page, size)
        fresh = {item["_id"]: item for item in items if item["_id"] not in seen}
        if items and not fresh:
            raise BadAnswer(NAME, "the next page of bookmarks is an earlier page again")
        yield from fresh.values()
        seen |= fresh.keys()
        page += 1
        if not items or page * size >= total:
            return


def _page(http: Http, page: int, size: int) -> tuple[list[Item], int]:
    body = http.get("/rest/v1/raindrops/0", {"perpage": size, "page": page, "sort": "created"}).json()
    fields = mapping(body)
    items, total = fields.get("items"), whole(fields.get("count"))
    if not isinstance(items, list) or total is None or not all(_is_bookmark(item) for item in items):
        raise BadAnswer(NAME, "a page of bookmarks has no `items` or `count`, or a bookmark has no `_id`")
    return items, total


def _is_bookmark(item: Any) -> bool:
    return isinstance(item, dict) and whole(item.get("_id")) is not None


def fetch_by_post(ask: Ask) -> Iterator[Raw]:
    """Whether known bookmarks are still there."""
    with _http(ask) as http:
        yield from ask_in_batches(ask, ask.posts, 1, partial(_refresh, ask, http))


def _refresh(ask: Ask, http: Http, posts: Sequence[Post]) -> Iterator[Raw]:
    for post in posts:
        yield known_row(ask, post, "created", _bookmark(http, post.object_id))


def _bookmark(http: Http, object_id: str) -> Item | None:
    """A bookmark by its id; None when it is deleted or in the trash."""
    try:
        body = http.get(f"/rest/v1/raindrop/{object_id}").json()
    except Gone:
        return None
    item = dig(body, "item")
    if not isinstance(item, dict) or not _is_bookmark(item):
        raise BadAnswer(NAME, "the answer has no `item`, or the bookmark has no `_id`")
    collection = item.get("collection")
    is_trash = isinstance(collection, dict) and whole(collection.get("$id")) == TRASH
    return None if is_trash or item.get("removed") is True else item


def parse(rows: Sequence[Raw]) -> Iterator[Observation]:
    """One reading per bookmark."""
    return readings(CONNECTOR, rows, lambda payload: moment(payload.get("created")))


CONNECTOR = Connector(
    name=NAME,
    title="Raindrop.io",
    signal="votes",
    settings=Settings,
    streams=(
        Stream(
            name="bookmarks",
            title="Bookmarks of our own account",
            asks="account",
            fetch=fetch_bookmarks,
            parse=parse,
            batch=PAGE_SIZE,
            requests_per_1000=20,
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
    quota="120 requests a minute and user; 50 bookmarks per request.",
    terms="API terms: be gentle, and nothing that replaces Raindrop.io. No period of keeping. Titles are not kept.",
    keys_from=KEYS_FROM,
    verbs={
        Verb.SAVE: VerbMeaning(
            "saved",
            "1 per bookmark of our own account that holds the page; what others saved is not told.",
            Quality.LOWER_BOUND,
        )
    },
    basis=Basis.POST,
    verified="Nothing against real answers: written from the developer site of 2024-12-24.",
)
