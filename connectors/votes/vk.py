"""VK (API 5.199): the posts of named walls, and the old public share count of web addresses (off by default).

- wall: `POST /method/wall.get` with `owner_id` (a community's number is negative) or `domain` (its short name),
  `offset` and `count` (at most 100), newest first, a pinned post before all others. `count` in the answer is the number
  of posts: where it falls while we read, posts moved up and are asked for again. The page is the attached link, else
  the first link in the text; links to VK itself lead nowhere. Nothing is asked before a wall is named.
- by_post: `POST /method/wall.getById` with `posts=-1_340364,…`, 100 per request. The answer is `{"items": […]}`, in
  older versions a bare list. Posts that are deleted or not to be seen are left out.
- by_url: `GET https://vk.com/share.php?act=count&index=1&url=…`, answered by a script (`VK.Share.count(1, 95);`),
  without a key. It is the back of a button, undocumented; nothing is asked unless `public_count_per_day` is above 0.
  Addresses are compared letter by letter, so http and https are asked for and added: at least that many. No token is
  sent there.

`access_token` and `v` go with every call. Verbs of a post: share is `reposts.count`, like is `likes.count`, comment is
`comments.count` (no number where comments are closed: hidden), view is `views.count` (missing on old posts: hidden).
Another missing counter is failed. Texts, names and people's ids are not kept.

Errors come with HTTP 200 as `{"error": {"error_code", "error_msg"}}`: 5, 27, 28 a refused token; 6 and 9 too fast; 1,
10, 36 trouble there; 14 and 17 a person must prove to be one; 7, 15, 30, 203, 210 not permitted; 18, 104 gone; 29 the
day's limit; 100 a wrong parameter. The call is repeated in the error (`request_params`), so it is not told on.

UNVERIFIED: 3 calls a second for a person's or service token and 20 for a community's; since when posts have views
(about 2017); whether share.php still answers; when the day of error 29 ends. Some clients use api.vk.ru by now (see
`base_url`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
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
    account_rows,
    ask_in_batches,
    failed,
    post_row,
    reading,
    whole,
)
from connectors.errors import (
    AuthError,
    BadAnswer,
    BadRequest,
    ConfigurationError,
    Gone,
    NotPermitted,
    QuotaExhausted,
    RateLimited,
    SourceError,
    Unavailable,
)
from connectors.fields import comma_separated, dig, loads, mapping, moment, objects, plain, since_epoch, total
from connectors.http import Answer, Http, by_status, redacted
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb
from connectors.urls import first_outside, links_in

NAME = "vk"
API, SITE = "https://api.vk.com", "https://vk.com"
MOST = 100
ITSELF = frozenset({"vk.com", "vk.ru"})
NATIVES = {Verb.SHARE: "reposts", Verb.LIKE: "likes", Verb.COMMENT: "comments", Verb.VIEW: "views"}
KEYS_FROM = "Create an app at dev.vk.com and copy its service token, or a token of the community or of your account."

_ID = re.compile(r"-?[0-9]+_[0-9]+")
_NUMBER = re.compile(r"-?[0-9]+")
_COUNT = re.compile(r"VK\.Share\.count\(\s*[0-9]+\s*,\s*([0-9]+)\s*\)")

Item = Mapping[str, Any]


class Settings(ConnectorSettings):
    """Settings of VK."""

    model_config = SettingsConfigDict(env_prefix="TALLYRANK_VK_")
    required: ClassVar[tuple[str, ...]] = ("token",)
    reads_from: ClassVar[tuple[str, ...]] = ("walls", "public_count_per_day")

    base_url: str = Field(API, description="Address of the API, without /method.")
    share_url: str | None = Field(
        None, description="Address of the public count; by default vk.com, or base_url where that was changed."
    )
    token: SecretStr | None = Field(None, description="Access token: a service token is enough for public walls.")
    version: str = Field("5.199", description="Version of the API.")
    walls: str = Field("", description="Walls to read: short names or numbers (communities: -123), comma-separated.")
    posts_per_wall: int = Field(1000, ge=1, description="Newest posts to list per wall; older known ones go by id.")
    requests_per_second: float = Field(2.5, gt=0, description="Highest pace; 3 a second are said to be allowed.")
    public_count_per_day: int = Field(
        0, ge=0, description="Pages per day to ask the undocumented public count about; 0 leaves it off."
    )

    @property
    def wall_names(self) -> list[str]:
        """The walls, each once."""
        return comma_separated(self.walls)

    def missing(self) -> tuple[str, ...]:
        """As usual, but the public count alone needs no token."""
        return () if self.public_count_per_day and not self.wall_names else super().missing()

    def share_url_for(self, day: date) -> str:
        """The address of the public count on a day, without a trailing slash."""
        return self.other_url_for(day, self.share_url, SITE)


@dataclass(frozen=True, slots=True)
class Found:
    """One part of a wall, and the number of posts on all of it."""

    items: list[Item]
    total: int


def vk_error(answer: Answer, token: str = "") -> SourceError | None:
    """What an answer says went wrong: by VK's own code, which comes with HTTP 200, else by HTTP status."""
    problem = dig(loads(answer.text), "error")
    code = whole(dig(problem, "error_code"))
    if code is None:
        return by_status(answer)
    words = f"error {code}: {str(dig(problem, 'error_msg'))[:160]}"
    words = redacted(words, (token,) if token else ())
    if code in (14, 17):
        words = f"sign in at vk.com with the account of the token and prove to be a person: {words}"
    return _KINDS.get(code, BadRequest)(answer.source, words)


_KINDS: dict[int, type[SourceError]] = (
    dict.fromkeys((1, 10, 36, 43), Unavailable)
    | dict.fromkeys((5, 27, 28), AuthError)
    | dict.fromkeys((6, 9), RateLimited)
    | dict.fromkeys((2, 14, 17), ConfigurationError)
    | dict.fromkeys((7, 15, 19, 30, 203, 210), NotPermitted)
    | dict.fromkeys((18, 104), Gone)
    | dict.fromkeys((29,), QuotaExhausted)
)


class _Api:
    """VK's methods; the token goes into the body, not into the address."""

    def __init__(self, ask: Ask) -> None:
        token = plain(ask.settings.token)
        self._common = {"access_token": token, "v": ask.settings.version}
        self._http = Http(NAME, ask, classify=partial(vk_error, token=token))

    def __enter__(self) -> _Api:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.__exit__()

    def call(self, method: str, **params: Any) -> Any:
        """The response of a method."""
        body = self._http.post(f"/method/{method}", data=self._common | params).json()
        if not isinstance(body, dict) or "response" not in body:
            raise BadAnswer(NAME, "the answer has neither `response` nor `error`")
        return body["response"]


def fetch_wall(ask: Ask) -> Iterator[Raw]:
    """The newest posts of the walls in the settings."""
    with _Api(ask) as api:
        yield from account_rows(ask, ask.settings.wall_names, partial(_posts_of, ask, api))


def _posts_of(ask: Ask, api: _Api, wall: str) -> Iterator[Raw]:
    who = {"owner_id" if _NUMBER.fullmatch(wall) else "domain": wall}

    def part(offset: int, count: int) -> Found:
        response = api.call("wall.get", **who, offset=offset, count=count)
        total = whole(dig(response, "count"))
        if total is None:
            raise BadAnswer(NAME, "a wall has no `count` of posts")
        return Found(_items(response), total)

    for post in listed(part, ask.settings.posts_per_wall, MOST):
        yield Raw(id_of(post), ask.observed_at, url=page_of(post), payload=_kept(post))


def listed(part: Callable[[int, int], Found], most: int, size: int) -> Iterator[Item]:
    """The newest posts of a wall, at most so many, each once, even while posts come or go."""
    seen: set[str] = set()
    offset, total = 0, None
    while offset < most:
        found = part(offset, min(size, most - offset))
        if total is not None and found.total < total:
            offset, total = max(offset - (total - found.total), 0), found.total
            continue
        yield from (post for post in found.items if id_of(post) not in seen)
        seen |= {id_of(post) for post in found.items}
        offset, total = offset + size, found.total
        if not found.items or offset >= total:
            return


def _items(response: Any) -> list[Item]:
    """The posts of a response, which holds them in `items` or is a bare list."""
    items = response if isinstance(response, list) else dig(response, "items")
    if not isinstance(items, list) or not all(whole(dig(post, key)) is not None for post in items for key in OWN_ID):
        raise BadAnswer(NAME, "the response has no posts, or a post has no `owner_id` and `id`")
    return items


OWN_ID = ("owner_id", "id")


def id_of(post: Item) -> str:
    """The id of a post, as it stands in its address."""
    return f"{post['owner_id']}_{post['id']}"


def page_of(post: Item) -> str | None:
    """The web page a post is about: an attached link, else a link in its text, but not one to VK itself."""
    attached = [dig(attachment, "link", "url") for attachment in objects(post.get("attachments"))]
    return first_outside([*attached, *links_in(post.get("text"))], ITSELF)


def _kept(post: Item) -> dict[str, Any]:
    """When it was published and its counters; a counter that did not come stays away, one without a number is null."""
    counters = {name: whole(dig(post[name], "count")) for name in NATIVES.values() if name in post}
    return {"date": post.get("date")} | counters


def fetch_by_post(ask: Ask) -> Iterator[Raw]:
    """The counters of known posts."""
    with _Api(ask) as api:
        yield from ask_in_batches(ask, ask.posts, MOST, partial(_refresh, ask, api))


def _refresh(ask: Ask, api: _Api, posts: Sequence[Post]) -> Iterator[Raw]:
    ids = [post.object_id for post in posts if _ID.fullmatch(post.object_id)]
    items = _items(api.call("wall.getById", posts=",".join(ids))) if ids else []
    found = {id_of(item): _kept(item) for item in items}
    yield from (_row(ask, post, found.get(post.object_id)) for post in posts)


def _row(ask: Ask, post: Post, payload: dict[str, Any] | None) -> Raw:
    if not _ID.fullmatch(post.object_id):
        return failed(ask, post, BadRequest(NAME, "not the id of a post, which is <wall>_<number>"))
    return post_row(ask, post, payload)


def parse_posts(rows: Sequence[Raw]) -> Iterator[Observation]:
    """Four readings per post."""
    for row in rows:
        payload = mapping(row.payload)
        more = {"basis": Basis.POST, "object_id": row.subject, "published_at": _published_at(payload)}
        for verb, name in NATIVES.items():
            absent = row.status if row.status is Status.NOT_FOUND else _absent(verb, name, payload)
            native = f"{name}.count"
            yield reading(CONNECTOR, verb, row, payload.get(name), absent=absent, native=native, **more)


def _absent(verb: Verb, name: str, payload: Item) -> Status:
    """What it means that a counter is not there: closed comments and the views of old posts are withheld."""
    is_closed = verb is Verb.COMMENT and name in payload
    is_old = verb is Verb.VIEW and "date" in payload
    return Status.HIDDEN if is_closed or is_old else Status.FAILED


def _published_at(payload: Item) -> datetime | None:
    """When the post was published, by the answer or else as it was known before."""
    return since_epoch(payload.get("date")) or moment(payload.get("published_at"))


def fetch_by_url(ask: Ask) -> Iterator[Raw]:
    """The public count of each page's two addresses; nothing unless it is switched on."""
    if not ask.settings.public_count_per_day:
        return
    with Http(NAME, ask, base_url=ask.settings.share_url_for(ask.day)) as http:
        yield from ask_in_batches(ask, list(dict.fromkeys(ask.urls)), 1, lambda urls: [_counted(ask, http, urls[0])])


def _counted(ask: Ask, http: Http, url: str) -> Raw:
    found = re.match(r"https?://", url, re.IGNORECASE)
    rest = url[found.end() :] if found else url
    addresses = [f"{scheme}://{rest}" for scheme in ("https", "http")]
    entries = [{"url": address, "count": _public_count(http, address)} for address in addresses]
    return Raw(url, ask.observed_at, url=url, payload={"entries": entries})


def _public_count(http: Http, address: str) -> str:
    answer = http.get("/share.php", {"act": "count", "index": "1", "url": address})
    found = _COUNT.search(answer.text)
    if found is None:
        raise BadAnswer(NAME, f"no VK.Share.count(…) in {len(answer.text):,} characters")
    return found[1]


def parse_by_url(rows: Sequence[Raw]) -> Iterator[Observation]:
    """One reading per page: the sum over its addresses, failed when one of them is missing."""
    for row in rows:
        counts = [dig(entry, "count") for entry in objects(dig(row.payload, "entries"))]
        count = total(counts) if len(counts) == 2 else None
        more = {"quality": Quality.LOWER_BOUND, "native": "VK.Share.count"}
        yield reading(CONNECTOR, Verb.SHARE, row, count, absent=Status.FAILED, **more)


CONNECTOR = Connector(
    name=NAME,
    title="VK",
    signal="votes",
    settings=Settings,
    streams=(
        Stream(
            name="wall",
            title="Posts on the walls in the settings",
            asks="account",
            requests="10",
            fetch=fetch_wall,
            parse=parse_posts,
            batch=MOST,
            basis=Basis.POST,
        ),
        Stream(
            name="by_post",
            title="Counters of known posts",
            asks="posts",
            fetch=fetch_by_post,
            parse=parse_posts,
            batch=MOST,
            requests_per_1000=10,
            basis=Basis.POST,
        ),
        Stream(
            name="by_url",
            title="The undocumented public share count of web pages",
            asks="urls",
            fetch=fetch_by_url,
            parse=parse_by_url,
            requests_per_1000=2000,
            budget="public_count_per_day",
            verbs=(Verb.SHARE,),
        ),
    ),
    quota="About 3 calls a second per token, 100 posts each; no limit is published for the public count.",
    terms="VK's rules for developers apply to the token; the public count is a button's back end without a contract: "
    "keep it low. Names, texts and people's ids are not kept.",
    keys_from=KEYS_FROM,
    verbs={
        Verb.SHARE: VerbMeaning("reposts.count", "Reposts of one post; for a page, what the share button counted."),
        Verb.LIKE: VerbMeaning("likes.count", "Likes of one post, reactions of every kind."),
        Verb.COMMENT: VerbMeaning("comments.count", "Comments below one post, as VK counts them."),
        Verb.VIEW: VerbMeaning("views.count", "Times one post was shown to somebody."),
    },
    basis=Basis.PAGE,
    verified="The twin, by the client vk_api 11.10.1; nothing against real answers.",
)
