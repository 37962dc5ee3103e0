"""Diigo: which pages our own account has bookmarked. What others saved is not told anywhere.

`GET /api/v2/bookmarks?key=<api key>&user=<name>&start=0&count=100&sort=0&filter=all`, with HTTP Basic of the account
beside the key, answers with a bare list, the newest first: `[{"title", "url", "user", "desc", "tags", "shared",
"created_at", "updated_at", "comments", "annotations"}]`. `start` counts bookmarks, 100 is the most, `filter=all` adds
the private ones. No total is told: a page that is not full is the last, so that a number that divides by 100 costs one
request more. A bookmark made while reading pushes one on to the next page, where it is passed over; one that is deleted
pulls one over the border, and it may be missed that day.

Verbs: save is 1 per bookmark. A bookmark has no id of its own: it is known by its address, which is bookmarked once at
most; bookmarked scripts and files are left out. A page without a bookmark of ours has no reading, so saves are a lower
bound. `comments` and `annotations` are notes on the account's own bookmark, no votes. Diigo cannot be asked about one
address, so of a bookmark that was deleted the last reading stays.

Errors by HTTP status. 400 means a wrong parameter, and also that too much was asked: our parameters do not change, so
it is tried again as a rate limit, without a wait to read. 401 is a refused name or password, 403 a refused key.
Times are `2008/04/30 06:28:54 +0800`. Titles, notes, tags and names are not kept.

UNVERIFIED: everything but the shape of a bookmark, which clients of others read so; whether Diigo still gives API keys;
that `sort=0` is by date of making; the body of errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, ClassVar

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from connectors.base import Ask, Connector, ConnectorSettings, Stream, VerbMeaning
from connectors.bookmarks import bookmark_row, own_rows, readings
from connectors.errors import BadAnswer, RateLimited, SourceError
from connectors.fields import moment_in, plain
from connectors.http import Answer, Http, by_status, retry_after
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb

NAME = "diigo"
PAGE_SIZE = 100
FORM = "%Y/%m/%d %H:%M:%S %z"

Bookmark = dict[str, Any]


class Settings(ConnectorSettings):
    """Settings of Diigo."""

    model_config = SettingsConfigDict(env_prefix="TALLYRANK_DIIGO_")
    required: ClassVar[tuple[str, ...]] = ("user", "password", "api_key")

    base_url: str = Field("https://secure.diigo.com", description="Address of the service.")
    user: str = Field("", description="Name of the account whose bookmarks are read.")
    password: SecretStr | None = Field(None, description="Password of the account.")
    api_key: SecretStr | None = Field(None, description="API key of your app.")
    retry_wait_seconds: float = Field(5.0, ge=0, description="First wait between tries; doubles each time.")


def diigo_error(answer: Answer) -> SourceError | None:
    """What an answer says went wrong: as usual, but 400 is also said to those who ask too much."""
    if answer.status == 400:
        words = f"HTTP 400, which Diigo says of a wrong question and of too many: {answer.text[:120]}"
        return RateLimited(answer.source, words, retry_after(answer))
    return by_status(answer)


def _http(ask: Ask) -> Http:
    key = plain(ask.settings.api_key)
    params = {"key": key, "user": ask.settings.user, "sort": "0", "filter": "all"}
    return Http(NAME, ask, classify=diigo_error, params=params)


def fetch(ask: Ask) -> Iterator[Raw]:
    """All bookmarks of the account."""
    password = plain(ask.settings.password)
    read = partial(_page, auth=(ask.settings.user, password))
    with _http(ask) as http:
        rows = own_rows(ask, lambda: (_row(ask, item) for item in bookmarks(partial(read, http), PAGE_SIZE)))
        yield from (row for row in rows if row.url or row.status is Status.FAILED)  # an address is also the id


def _row(ask: Ask, item: Bookmark) -> Raw:
    return bookmark_row(ask, item["url"], item["url"], {"created_at": item.get("created_at")})


def bookmarks(read: Callable[[int, int], list[Bookmark]], size: int) -> Iterator[Bookmark]:
    """Every bookmark once, until a page that is not full."""
    seen: set[str] = set()
    start = 0
    while True:
        page = read(start, size)
        fresh = {item["url"]: item for item in page if item["url"] not in seen}
        if len(page) == size and not fresh:
            raise BadAnswer(NAME, "the next page of bookmarks is an earlier page again")
        yield from fresh.values()
        seen |= fresh.keys()
        start += len(page)
        if len(page) < size:
            return


def _page(http: Http, start: int, size: int, auth: tuple[str, str]) -> list[Bookmark]:
    body = http.get("/api/v2/bookmarks", {"start": start, "count": size}, auth=auth).json()
    if not isinstance(body, list) or not all(isinstance(b, dict) and isinstance(b.get("url"), str) for b in body):
        raise BadAnswer(NAME, "the answer is no list of bookmarks, or one of them has no `url`")
    return body


def parse(rows: Sequence[Raw]) -> Iterator[Observation]:
    """One reading per bookmark."""
    return readings(CONNECTOR, rows, lambda payload: moment_in(FORM, payload.get("created_at")))


CONNECTOR = Connector(
    name=NAME,
    title="Diigo",
    signal="votes",
    settings=Settings,
    streams=(
        Stream(
            name="bookmarks",
            title="Bookmarks of our own account",
            asks="account",
            requests="10",
            fetch=fetch,
            parse=parse,
            batch=PAGE_SIZE,
        ),
    ),
    quota="Not published; one request per 100 bookmarks. 400 is answered when it is too much.",
    terms="The account's own data. No rule on keeping was found. Titles, notes and names are not kept.",
    keys_from="Apply for an API key at diigo.com/api_keys/new, and set the name and password of the account.",
    verbs={
        Verb.SAVE: VerbMeaning(
            "saved",
            "1 if our own account has bookmarked the page; what others saved is not told.",
            Quality.LOWER_BOUND,
        )
    },
    basis=Basis.POST,
    verified="Nothing against real answers: written from the API's page and from clients of others.",
)
