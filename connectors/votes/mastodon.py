"""Mastodon, as one instance sees it: counters of known posts, links that trend, and the posts about them. No key.

Base address is an instance; every path begins with `/api` (an address that ends in `/api` is taken as it is).

- by_post: `GET /api/v1/statuses?id[]=…&id[]=…` (since 4.3; posts that are gone are left out, and asked for once more
  by themselves, lest a short answer be taken for deletions). An instance that refuses this or does not know it is asked
  for each post by itself: `GET /api/v1/statuses/<id>`, where 404 with `error` in it means gone.
- trends: `GET /api/v1/trends/links?limit=20&offset=…`, the links that trend with `history`, seven days of
  `{"day", "accounts", "uses"}` whose numbers are text. Read from `base_url` and from each of `instances`, and matched
  to our pages by URL key. Several spellings of a page on one instance are added; over instances the largest number
  wins, because instances hear of the same posts. A page that does not trend is hidden: nobody counts its shares.
- link_posts: for pages that trend on `base_url`, `GET /api/v1/timelines/link?url=…&limit=40` with the address exactly
  as the trends write it (since 4.3; 404 once it trends no longer), paged by `max_id` of the `Link` header. The posts
  found are refreshed by id from then on. Ids belong to the instance: a new `base_url` starts anew.
- Search by address is not used: anonymous callers find no posts, and an address is taken for the name of a post.

Verbs of a post: like is `favourites_count`, comment `replies_count`, share `reblogs_count` plus `quotes_count` (there
since 4.5, else boosts alone). A null is hidden, a missing field failed. Of a boost, the numbers of the post that it
repeats are read. Of a trending link, share is `uses` over the days told, a window that moves and no lifetime. All of it
is a lower bound: an instance counts what reached it.

A post whose page is not known gets its card's address, else the first link in its text (which is not kept).

Errors are `{"error", "error_description"?}`: 401 where an instance answers only those who signed in (a `token` helps;
it is sent to `base_url` alone), 404, 422, 503. 300 requests per five minutes and address, told by `X-RateLimit-Limit`,
`X-RateLimit-Remaining` and `X-RateLimit-Reset` (an ISO 8601 time); over it 429.

UNVERIFIED: how many ids one request may hold (20 are sent; `batch_size` changes it); how far `offset` reaches.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from html import unescape
from typing import Any
from urllib.parse import quote

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
    failed,
    reading,
    whole,
)
from connectors.errors import AuthError, BadAnswer, Gone, NotPermitted, RateLimited, SourceError, Unavailable
from connectors.fallback import REFUSALS as REFUSALS_OF_MANY
from connectors.fallback import ManyOrOne, about, id_text
from connectors.fields import comma_separated, dig, listed, mapping, moment, total
from connectors.http import Answer, Http, Pace, by_status, retry_after
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb
from connectors.urls import url_key

NAME = "mastodon"
BATCH = 20
TREND_PAGE, TIMELINE_PAGE = 20, 40
WINDOW_SECONDS = 300.0
# An instance may ask for a sign-in, or break, over the question for many alone.
REFUSALS = (*REFUSALS_OF_MANY, AuthError, NotPermitted, Unavailable)
COUNTERS = ("replies_count", "reblogs_count", "favourites_count", "quotes_count")

_ANCHOR = re.compile(r"<a\b[^>]*>", re.IGNORECASE)
_HREF = re.compile(r'\bhref="(https?://[^"]+)"', re.IGNORECASE)
_TAGGED = re.compile(r'\bclass="[^"]*\b(?:mention|hashtag)\b', re.IGNORECASE)
_NEXT = re.compile(r'<[^>]*[?&]max_id=([^&>]+)[^>]*>;\s*rel="?next"?')

Fields = dict[str, Any]


class Settings(ConnectorSettings):
    """Settings of Mastodon; no key is needed."""

    model_config = SettingsConfigDict(env_prefix="TALLYRANK_MASTODON_")

    base_url: str = Field("https://mastodon.social", description="The instance whose posts and trends are read.")
    instances: str = Field("", description="More instances to read trends from, by host or address, comma-separated.")
    token: SecretStr | None = Field(
        None, description="Access token of an account on base_url; needed by few instances."
    )
    batch_size: int = Field(BATCH, ge=1, le=100, description="Posts asked for in one request.")
    trending_links: int = Field(200, ge=1, description="Trending links read from each instance at most.")
    timeline_pages: int = Field(5, ge=1, description="Pages of 40 posts read about one trending link at most.")

    def others(self) -> list[str]:
        """The addresses of the further instances."""
        names = [name.rstrip("/") for name in comma_separated(self.instances)]
        return [name if "://" in name else f"https://{name}" for name in names]


def mastodon_error(answer: Answer) -> SourceError | None:
    """What an answer says went wrong; a refused reader is told what to do about it."""
    if answer.status == 429:
        return RateLimited(answer.source, f"HTTP 429: {answer.text[:160]}", window_ends_in(answer))
    if answer.status == 401:
        advice = "this instance wants a sign-in: set TALLYRANK_MASTODON_TOKEN anew, or ask another instance"
        return AuthError(answer.source, f"HTTP 401, {advice}: {answer.text[:160]}")
    return by_status(answer)


def window_ends_in(answer: Answer) -> float | None:
    """Seconds until the window of requests ends, by `X-RateLimit-Reset` (an ISO time) or `Retry-After`."""
    ends = moment(answer.headers.get("x-ratelimit-reset"))
    return max((ends - datetime.now(UTC)).total_seconds(), 0.0) if ends else retry_after(answer)


def _pause(answer: Answer, pace: Pace) -> None:
    """Ask nothing more until the window ends, once it is used up."""
    if answer.headers.get("x-ratelimit-remaining") == "0" or answer.status == 429:
        pace.pause(min(window_ends_in(answer) or 0.0, WINDOW_SECONDS))


def _http(ask: Ask, address: str | None = None) -> Http:
    """A client of one instance; the token goes to our own instance alone."""
    site = address.replace("{day}", ask.day.isoformat()) if address else ask.base_url
    site = site.removesuffix("/v1").removesuffix("/api")
    token = ask.settings.token
    headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token and not address else {}
    return Http(NAME, ask, classify=mastodon_error, after=_pause, headers=headers, base_url=f"{site}/api")


def fetch_by_post(ask: Ask) -> Iterator[Raw]:
    """The counters of known posts, many at once; one by one where the first request for many is refused."""
    with _http(ask) as http:
        forms = ManyOrOne[Post](ask, partial(_many, ask, http), lambda post: _one(ask, http, [post]), REFUSALS)
        yield from ask_in_batches(ask, ask.posts, ask.settings.batch_size, forms)


def _many(ask: Ask, http: Http, posts: Sequence[Post]) -> list[Raw]:
    statuses = _statuses(http.get("/v1/statuses", [("id[]", p.object_id) for p in posts]))
    found = about(NAME, {p.object_id for p in posts}, {s["id"]: s for s in statuses})
    missing = [post for post in posts if post.object_id not in found]
    rows = [_row(ask, post, found[post.object_id]) for post in posts if post.object_id in found]
    return [*rows, *ask_in_batches(ask, missing, 1, partial(_one, ask, http))]


def _one(ask: Ask, http: Http, posts: Sequence[Post]) -> Iterator[Raw]:
    for post in posts:
        status: Fields | None = None
        with _unless_gone():
            status = http.get(f"/v1/statuses/{quote(post.object_id, safe='')}").json()
            if id_text(dig(status, "id")) != post.object_id:
                raise BadAnswer(NAME, "the answer is not the post that was asked for")
        yield _row(ask, post, status)


@contextmanager
def _unless_gone() -> Iterator[None]:
    """Ends quietly at a 404 in the words of an instance; any other 404 is a wrong address, and no post that is gone."""
    try:
        yield
    except Gone as error:
        if '"error"' not in error.message:
            raise


def _statuses(answer: Answer) -> list[Fields]:
    statuses = answer.json()
    if not isinstance(statuses, list) or not all(isinstance(id_text(dig(s, "id")), str) for s in statuses):
        raise BadAnswer(NAME, "not a list of posts with ids")
    return [{**status, "id": id_text(status["id"])} for status in statuses]


def _row(ask: Ask, post: Post, status: Fields | None) -> Raw:
    known = post.known
    if status is None:
        return Raw(post.object_id, ask.observed_at, Status.NOT_FOUND, post.url or None, known)
    return Raw(post.object_id, ask.observed_at, url=post.url or link_of(status), payload=_kept(status) | known)


def _kept(status: Fields) -> Fields:
    """What parsing reads: of a boost, the counters of the post that it repeats."""
    counted = status["reblog"] if isinstance(status.get("reblog"), dict) else status
    return {
        "object_id": id_text(status["id"]),
        "created_at": status.get("created_at"),
        **{n: counted[n] for n in COUNTERS if n in counted},
    }


def link_of(status: Fields) -> str | None:
    """The page that a post is about: its card's address, else the first link that is neither a person nor a tag."""
    told = status["reblog"] if isinstance(status.get("reblog"), dict) else status
    card, text = dig(told.get("card"), "url"), told.get("content")
    if isinstance(card, str) and url_key(card):
        return card
    anchors = _ANCHOR.findall(text) if isinstance(text, str) else []
    links = (_HREF.search(anchor) for anchor in anchors if not _TAGGED.search(anchor))
    return next((unescape(link[1]) for link in links if link), None)


def fetch_trends(ask: Ask) -> Iterator[Raw]:
    """For each page, how often it was shared on each instance where it trends."""
    if not ask.urls:
        return
    read = [_trending(ask, address) for address in (None, *ask.settings.others())]
    error = next((error for _, error in read if error), None)
    for url in dict.fromkeys(ask.urls):
        found = [links[key] for links, _ in read if (key := url_key(url) or "") in links]
        instances = [{"links": [{"uses": _uses(link)} for link in links]} for links in found]
        if found:
            yield Raw(url, ask.observed_at, url=url, payload={"instances": instances})
        else:
            yield failed(ask, url, error) if error else _untold(ask, url)


def _trending(ask: Ask, address: str | None = None) -> tuple[dict[str, list[Fields]], SourceError | None]:
    """The trending links of an instance by URL key, and what ended the reading before its time."""
    found: dict[str, list[Fields]] = {}
    with _http(ask, address) as http:
        try:
            for link in trending(partial(_trend_page, http), ask.settings.trending_links):
                found.setdefault(url_key(link["url"]) or "", []).append(link)
        except SourceError as error:
            return found, error
    return found, None


def trending(page: Callable[[int], list[Fields]], most: int) -> Iterator[Fields]:
    """Links from pages that begin at an offset, each once, until a page brings none that is new."""
    seen: set[str] = set()
    offset = 0
    while offset < most:
        links = page(offset)
        fresh = {link["url"]: link for link in links if link["url"] not in seen}
        if not fresh:
            return
        yield from fresh.values()
        seen |= fresh.keys()
        offset += len(links)


def _trend_page(http: Http, offset: int) -> list[Fields]:
    links = http.get("/v1/trends/links", {"limit": TREND_PAGE, "offset": offset}).json()
    if not isinstance(links, list) or not all(isinstance(dig(link, "url"), str) for link in links):
        raise BadAnswer(NAME, "not a list of links with addresses")
    return links


def _uses(link: Fields) -> list[Any] | None:
    history = link.get("history")
    return [dig(day, "uses") for day in history] if isinstance(history, list) else None


def _untold(ask: Ask, url: str) -> Raw:
    return Raw(url, ask.observed_at, Status.HIDDEN, url, {"is_trending": False})


def fetch_link_posts(ask: Ask) -> Iterator[Raw]:
    """The posts about each page that trends on our instance."""
    if not ask.urls:
        return
    links, error = _trending(ask)
    urls = list(dict.fromkeys(ask.urls))
    for url in urls:
        if (url_key(url) or "") not in links:
            yield failed(ask, url, error) if error else _untold(ask, url)
    with _http(ask) as http:
        trend = [url for url in urls if (url_key(url) or "") in links]
        yield from ask_in_batches(ask, trend, 1, lambda batch: _posts_about(ask, http, batch[0], links))


def _posts_about(ask: Ask, http: Http, url: str, links: Mapping[str, Sequence[Fields]]) -> list[Raw]:
    found: dict[str, Fields] = {}
    for link in links[url_key(url) or ""]:
        pages = partial(_timeline_page, http, link["url"])
        found |= {s["id"]: s for s in timeline(pages, ask.settings.timeline_pages)}
    rows = [Raw(url, ask.observed_at, url=url, payload=_kept(status)) for status in found.values()]
    return rows or [_untold(ask, url)]


def timeline(page: Callable[[str | None], tuple[list[Fields], str | None]], most: int) -> Iterator[Fields]:
    """Posts of a timeline, newest first and each once, over at most so many pages."""
    seen: set[str] = set()
    max_id: str | None = None
    for _ in range(most):
        statuses, following = page(max_id)
        fresh = {s["id"]: s for s in statuses if s["id"] not in seen}
        yield from fresh.values()
        seen |= fresh.keys()
        if not following or following == max_id:
            return
        max_id = following


def _timeline_page(http: Http, link: str, max_id: str | None) -> tuple[list[Fields], str | None]:
    """One page and where the next one begins; nothing once the link trends no longer."""
    asked = {"url": link, "limit": TIMELINE_PAGE} | ({"max_id": max_id} if max_id else {})
    try:
        answer = http.get("/v1/timelines/link", asked)
    except Gone:
        return [], None
    following = _NEXT.search(answer.headers.get("link", ""))
    return _statuses(answer), following[1] if following else None


def parse_posts(rows: Sequence[Raw]) -> Iterator[Observation]:
    """Three readings per post, or three hidden ones for a page whose posts nobody lists."""
    for row in rows:
        payload = mapping(row.payload)
        found = payload.get("object_id") or (None if row.status is Status.HIDDEN else row.subject)
        at = moment(payload.get("created_at")) or moment(payload.get("published_at"))
        more: Fields = {"object_id": found, "published_at": at, "basis": Basis.POST}
        for verb, (name, value) in _counts(payload).items():
            absent = row.status if row.status is not Status.OBSERVED else Status.FAILED
            is_withheld = name in payload and payload[name] is None
            yield reading(CONNECTOR, verb, row, value, absent=Status.HIDDEN if is_withheld else absent, **more)


def _counts(payload: Fields) -> dict[Verb, tuple[str, Any]]:
    """By verb: the field that decides, and the count."""
    boosts, quotes = whole(payload.get("reblogs_count")), whole(payload.get("quotes_count"))
    return {
        Verb.SHARE: ("reblogs_count", None if boosts is None else boosts + (quotes or 0)),
        Verb.LIKE: ("favourites_count", payload.get("favourites_count")),
        Verb.COMMENT: ("replies_count", payload.get("replies_count")),
    }


def parse_trends(rows: Sequence[Raw]) -> Iterator[Observation]:
    """One reading per page: the uses of its links on the instance that knows most of them."""
    for row in rows:
        instances = dig(row.payload, "instances")
        sums = [_sum_of(instance) for instance in listed(instances)]
        known = [uses for uses in sums if uses is not None]
        absent = row.status if row.status is not Status.OBSERVED else Status.FAILED
        yield reading(CONNECTOR, Verb.SHARE, row, max(known, default=None), absent=absent, native="uses")


def _sum_of(instance: Any) -> int | None:
    """Uses of all links over all days; None as soon as one of them cannot be read."""
    days = [dig(link, "uses") for link in listed(dig(instance, "links"))]
    return total(uses for day in days for uses in (listed(day) or [None]))


CONNECTOR = Connector(
    name=NAME,
    title="Mastodon",
    signal="votes",
    settings=Settings,
    streams=(
        Stream(
            name="trends",
            title="Uses of pages that trend, over seven days",
            asks="urls",
            requests="1 per 20 trending links",
            fetch=fetch_trends,
            parse=parse_trends,
            verbs=(Verb.SHARE,),
        ),
        Stream(
            name="link_posts",
            title="Posts about pages that trend",
            asks="urls",
            requests="1 per trending page and 40 posts about it",
            fetch=fetch_link_posts,
            parse=parse_posts,
            basis=Basis.POST,
        ),
        Stream(
            name="by_post",
            title="Counters of known posts",
            asks="posts",
            fetch=fetch_by_post,
            parse=parse_posts,
            batch=BATCH,
            requests_per_1000=50,
            basis=Basis.POST,
        ),
    ),
    quota="300 requests per five minutes and address; 20 trending links or 20 known posts per request.",
    terms="Each instance has rules of its own; closed instances are left alone, and what an author deletes is to be "
    "deleted here. Names, texts and addresses of posts (which name people) are not kept.",
    keys_from="No key is needed. Where an instance is closed: Preferences, Development, New application, scope read.",
    verbs={
        Verb.SHARE: VerbMeaning(
            "reblogs_count + quotes_count",
            "Boosts and quotes of one post that reached the instance; for a page that trends, posts with its link "
            "(uses) over seven days, on the instance that knows most.",
            Quality.LOWER_BOUND,
        ),
        Verb.LIKE: VerbMeaning(
            "favourites_count", "Favourites of one post that reached the instance.", Quality.LOWER_BOUND
        ),
        Verb.COMMENT: VerbMeaning(
            "replies_count", "Replies to one post that reached the instance.", Quality.LOWER_BOUND
        ),
    },
    basis=Basis.PAGE,
    forgets_deleted=True,
    verified="Nothing live: written from Mastodon's documentation and source; Mastodon.py reads our twin.",
)
