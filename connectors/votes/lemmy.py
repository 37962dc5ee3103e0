"""Lemmy, as one instance sees it: posts that link to a page, and their counters, without a key.

There are two kinds of server, and a newer one still answers the older question, but wrongly (with nothing). So
`GET /api/v3/site` (else `/api/v4/site`) is asked first for its `version`; `api` sets it by hand.

- 0.19: `GET /api/v3/search?q=<address>&type_=Url&listing_type=All&sort=TopAll&page=1&limit=50`, at most 50 per page.
  The address is compared letter by letter, so `spellings` of each page are asked for and added. Counters are in
  `counts`.
- 1.0: `GET /api/v4/search?search_term=<address>&type_=posts&post_url_only=true&limit=50`, paged by `page_cursor` (from
  `next_page`). The server drops tracking parameters, the rest is compared letter by letter. Counters are in `post`.
- Either way what comes back is compared with the page by URL key, and a page without a post gets zeros of quality
  lower_bound: other instances may hold posts that this one has not heard of.
- by_post: `GET /api/v3/post?id=…` or `/api/v4/post?id=…`, one post per request. Ids belong to the instance: a post that
  links to another page than it did (its author changed it, or `base_url` names another instance) is not found.

Verbs: like is `upvotes` (downvotes and the score stay out), comment `comments`, share 1 per post that links to the page
(cross-posts are posts of their own). All are lower bounds, because an instance counts what reached it. Fields without
a value are left out of answers, so a missing counter is hidden.

Errors are `{"error", "message"?}`, and their word decides: `rate_limit_error` (0.19, with HTTP 400 or 429) and
`too_many_requests` (1.0, 429), `couldnt_find_post` (400) and `not_found` (404), `instance_is_private` (no stranger is
answered, so the asking ends). No headers tell of limits. By default an address may search 60 times per ten minutes, of
which `searches_per_day` are used, and read 180 posts per minute; an instance may set others.

UNVERIFIED: the pages by id come from Lemmy's source and pythorhead alone; whether a 1.0 server matches http to https.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from connectors.base import (
    Ask,
    Connector,
    ConnectorSettings,
    Post,
    Stream,
    VerbMeaning,
    ask_in_batches,
    failed,
    nothing_found,
    post_row,
    reading,
)
from connectors.errors import BadAnswer, BadRequest, Gone, NotPermitted, RateLimited, SourceError
from connectors.fields import dig, mapping, moment, picked
from connectors.http import Answer, Http, by_status, retry_after
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb
from connectors.urls import url_key, url_variants

NAME = "lemmy"
MOST = 50
READS_FASTER = 10.0
COUNTERS = ("upvotes", "comments")

_ERROR = re.compile(r'"error"\s*:\s*"(\w+)"')

Fields = dict[str, Any]
Version = Literal["v3", "v4"]


class Settings(ConnectorSettings):
    """Settings of Lemmy; no key is needed."""

    model_config = SettingsConfigDict(env_prefix="TALLYRANK_LEMMY_")

    base_url: str = Field("https://lemmy.world", description="The instance that is asked; a large one sees most posts.")
    requests_per_second: float = Field(
        0.1, gt=0, description="Highest pace of searches; known posts are read ten times as fast."
    )
    api: Literal["auto", "v3", "v4"] = Field(
        "auto", description="Which questions the instance understands: v3 (0.19), v4 (1.0), or auto to find out."
    )
    spellings: int = Field(
        2, ge=1, le=4, description="Spellings of a page (slash at the end, http) that are asked for."
    )
    searches_per_day: int = Field(50, ge=0, description="Pages asked about per day; 6 requests a minute.")
    search_pages: int = Field(5, ge=1, description="Times 50 posts that are read about one spelling at most.")


def lemmy_error(answer: Answer) -> SourceError | None:
    """What an answer says went wrong, by Lemmy's own word before the HTTP status."""
    if answer.status < 300:
        return None
    found, words = _ERROR.search(answer.text), f"HTTP {answer.status}: {answer.text[:160]}"
    word = found[1] if found else ""
    if answer.status == 429 or word in ("rate_limit_error", "too_many_requests"):
        return RateLimited(answer.source, words, retry_after(answer))
    if word in ("couldnt_find_post", "couldnt_find_object", "not_found"):
        return Gone(answer.source, words)
    if word == "instance_is_private":
        error = NotPermitted(answer.source, f"this instance answers its members only; set another base_url: {words}")
        error.is_fatal = True  # every other question would be refused alike
        return error
    return by_status(answer)


@dataclass(frozen=True, slots=True)
class _Api:
    """The questions as one instance understands them."""

    http: Http
    version: Version
    most_pages: int

    def search(self, address: str) -> list[Fields]:
        """The posts that the instance finds by an address."""
        page = self._page_v3 if self.version == "v3" else self._page_v4
        return list(every_post(partial(page, address), self.most_pages))

    def post(self, object_id: str) -> Fields:
        """One post by its id."""
        view = dig(self.http.get(f"/api/{self.version}/post", {"id": object_id}).json(), "post_view")
        if str(dig(view, "post", "id")) != object_id:
            raise BadAnswer(NAME, "the answer is not the post that was asked for")
        return dict(view)

    def _page_v3(self, address: str, page: Any) -> tuple[list[Fields], Any]:
        asked = {"q": address, "type_": "Url", "listing_type": "All", "sort": "TopAll"}
        posts = _posts_in(self.http.get("/api/v3/search", {**asked, "page": page or 1, "limit": MOST}).json())
        return posts, (page or 1) + 1 if len(posts) >= MOST else None

    def _page_v4(self, address: str, cursor: Any) -> tuple[list[Fields], Any]:
        asked = {"search_term": address, "type_": "posts", "post_url_only": "true", "limit": MOST}
        answer = self.http.get("/api/v4/search", asked | ({"page_cursor": cursor} if cursor else {})).json()
        return _posts_in(answer), dig(answer, "next_page")


def _posts_in(answer: Any) -> list[Fields]:
    posts = dig(answer, "posts")
    if not isinstance(posts, list) or not all(dig(post, "post", "id") for post in posts):
        raise BadAnswer(NAME, "the answer has no list `posts`, or a post has no `id`")
    return posts


def every_post(page: Callable[[Any], tuple[list[Fields], Any]], most: int) -> Iterator[Fields]:
    """The posts of a search, each once, over at most so many pages."""
    seen: set[str] = set()
    following: Any = None
    for _ in range(most):
        posts, following = page(following)
        fresh = {i: post for post in posts if (i := str(post["post"]["id"])) not in seen}
        yield from fresh.values()
        seen |= fresh.keys()
        if not following or not fresh:
            return


def _api(ask: Ask, http: Http) -> _Api:
    version = ask.settings.api
    return _Api(http, version_of(http) if version == "auto" else version, ask.settings.search_pages)


def version_of(http: Http) -> Version:
    """Which questions the instance understands, by the version that it tells."""
    try:
        site = http.get("/api/v3/site").json()
    except Gone:
        site = http.get("/api/v4/site").json()
    told = re.match(r"(\d+)\.", str(dig(site, "version")))
    if told is None:
        raise BadAnswer(NAME, "the instance does not tell its `version`; set TALLYRANK_LEMMY_API")
    return "v4" if int(told[1]) >= 1 else "v3"


def fetch_by_url(ask: Ask) -> Iterator[Raw]:
    """The posts that link to each page."""
    urls = list(dict.fromkeys(ask.urls))
    if not urls:
        return
    with Http(NAME, ask, classify=lemmy_error) as http:
        try:
            api = _api(ask, http)
        except SourceError as error:
            yield from (failed(ask, url, error) for url in urls)
            return
        yield from ask_in_batches(ask, urls, 1, lambda batch: _found(ask, api, batch[0]))


def _found(ask: Ask, api: _Api, url: str) -> list[Raw]:
    spellings = [spelling for spelling in url_variants(url) if "#" not in spelling][: ask.settings.spellings]
    if not spellings:
        raise BadRequest(NAME, "this is not a web address")
    found = [view for spelling in spellings for view in api.search(spelling)]
    if found and not any(view["post"].get("url") for view in found):
        raise BadAnswer(NAME, "no post found by its address has a `url`: the field may have been renamed")
    linked = {view["post"]["id"]: view for view in found if _key(view) == url_key(url)}
    payloads = [_kept(view) for view in linked.values()] or [{"posts": 0}]
    return [Raw(url, ask.observed_at, url=url, payload=payload) for payload in payloads]


def _key(view: Fields) -> str | None:
    url = view["post"].get("url")
    return url_key(url) if isinstance(url, str) else None


def _kept(view: Fields) -> Fields:
    """What parsing reads: the counters from where either kind of server has them."""
    post = view["post"]
    counts = view["counts"] if isinstance(view.get("counts"), dict) else post
    made = post.get("published") or post.get("published_at")
    return {
        "object_id": str(post["id"]),
        "made_at": made,
        **picked(counts, COUNTERS),
    }


def fetch_by_post(ask: Ask) -> Iterator[Raw]:
    """The counters of known posts, one by one: reading is allowed more often than searching."""
    if not ask.posts:
        return
    pace = ask.settings.requests_per_second * READS_FASTER
    faster = replace(ask, settings=ask.settings.model_copy(update={"requests_per_second": pace}))
    with Http(NAME, faster, classify=lemmy_error) as http:
        try:
            api = _api(ask, http)
        except SourceError as error:
            yield from (failed(ask, post, error) for post in ask.posts)
            return
        yield from ask_in_batches(ask, ask.posts, 1, lambda batch: [_refreshed(ask, api, batch[0])])


def _refreshed(ask: Ask, api: _Api, post: Post) -> Raw:
    if not post.object_id.isdecimal():
        raise BadRequest(NAME, "no id of a post (a number)")
    try:
        view = api.post(post.object_id)
    except Gone:
        return post_row(ask, post, None)
    is_gone = view["post"].get("deleted") is True or view["post"].get("removed") is True
    is_other = bool(post.url) and _key(view) != url_key(post.url)
    if is_gone or is_other:
        return post_row(ask, post, None)
    return replace(post_row(ask, post, _kept(view)), url=post.url or view["post"].get("url"))


def parse_by_url(rows: Sequence[Raw]) -> Iterator[Observation]:
    """Three readings per post, or three zeros for a page that has none."""
    for row in rows:
        payload = mapping(row.payload)
        if payload.get("object_id"):
            yield from _readings(row, payload, str(payload["object_id"]))
        else:
            yield from nothing_found(CONNECTOR, row, payload.get("posts"))


def parse_by_post(rows: Sequence[Raw]) -> Iterator[Observation]:
    """Three readings per post that was asked for."""
    for row in rows:
        yield from _readings(row, mapping(row.payload), row.subject)


def _readings(row: Raw, payload: Mapping[str, Any], object_id: str) -> Iterator[Observation]:
    is_read = row.status is Status.OBSERVED and bool(payload.get("object_id"))
    absent = row.status if row.status is not Status.OBSERVED else Status.HIDDEN if is_read else Status.FAILED
    at = moment(payload.get("made_at")) or moment(payload.get("published_at"))
    counts = {
        Verb.LIKE: payload.get("upvotes"),
        Verb.COMMENT: payload.get("comments"),
        Verb.SHARE: 1 if is_read else None,
    }
    for verb, count in counts.items():
        yield reading(CONNECTOR, verb, row, count, absent=absent, object_id=object_id, published_at=at)


CONNECTOR = Connector(
    name=NAME,
    title="Lemmy",
    signal="votes",
    settings=Settings,
    streams=(
        Stream(
            name="by_url",
            title="Posts that link to a page",
            asks="urls",
            requests="2,000 with two spellings, and 1",
            fetch=fetch_by_url,
            parse=parse_by_url,
            budget="searches_per_day",
        ),
        Stream(
            name="by_post",
            title="Counters of known posts",
            asks="posts",
            requests="1,000, and 1",
            fetch=fetch_by_post,
            parse=parse_by_post,
        ),
    ),
    quota="60 searches per ten minutes and address by default: one per page and spelling. 180 posts per minute by id, "
    "one per request. One more request finds out the version.",
    terms="Each instance has rules of its own; private ones are left alone, and what an author deletes is to be "
    "deleted here. Names, titles and texts are not kept.",
    keys_from="No key is needed.",
    verbs={
        Verb.LIKE: VerbMeaning("upvotes", "Upvotes of one post that reached the instance.", Quality.LOWER_BOUND),
        Verb.COMMENT: VerbMeaning("comments", "Comments below one post that reached it.", Quality.LOWER_BOUND),
        Verb.SHARE: VerbMeaning(
            "posts",
            "1 per post that links to the page, cross-posts included.",
            Quality.LOWER_BOUND,
            passing_on="not_counted",
        ),
    },
    basis=Basis.POST,
    forgets_deleted=True,
    verified="Nothing live: written from Lemmy's source (0.19.20 and the 1.0 line); pythorhead reads our twin of 0.19.",
)
