"""Bluesky through its public AppView: posts that link to a page, and their counters, without a key.

- by_url: `GET /xrpc/app.bsky.feed.searchPosts?q=*&url=…&sort=latest&limit=100`. Strangers may not page (a `cursor` is
  answered with an HTML 403), so where the answer says that there is more, page one is asked for again with `until`
  moved to the oldest post seen, at most `pages_per_url` times. `url` is matched loosely: only posts whose card or links
  have the page's URL key are kept. A page without any gets zeros of quality lower_bound: some posts are hidden.
- by_post: `GET /xrpc/app.bsky.feed.getPosts?uris=…`, 25 posts per request; posts that are gone are left out.
- backlinks: asks Constellation, somebody else's index of links (connectors/constellation.py), which posts link to a
  page, then Bluesky for their counters. A post that holds a link twice is counted once. The index is incomplete and
  its robots.txt keeps crawlers out, so nothing is asked unless `constellation_per_day` is above 0; it finds posts when
  search is shut.

Strangers are shut out of search at times: HTML 403 "Request forbidden by administrative rules". Then `second_url` is
asked (api.bsky.app often answers where public.api.bsky.app does not), and if that is shut too the day's search ends.
With `identifier` and an app `password` we sign in (`com.atproto.server.createSession`, at bsky.social by default).

Verbs of a post: like is `likeCount`, comment `replyCount`, save `bookmarkCount`, share 1 for the post itself plus
`repostCount` plus `quoteCount`. The counters are optional: one that does not come is hidden.

Errors are `{"error", "message"}`: 400 InvalidRequest (also for more than 25 posts), 400 ExpiredToken, 401 AuthMissing,
429 with `RateLimit-Reset` (Unix seconds) and mostly `Retry-After`. 3,000 requests per five minutes on a PDS; the
AppView names no number.

The id of a post, `at://<DID>/app.bsky.feed.post/<key>`, holds the account's number: a post has no other address, so it
is kept, and nothing else of people is.

UNVERIFIED: that `q=*` with `url` answers with all posts of an address; that `until` reaches back without end; whether
Constellation's deprecated count stays.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property, partial
from typing import Any

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from connectors import constellation
from connectors.base import (
    Ask,
    Connector,
    ConnectorSettings,
    Post,
    Stream,
    VerbMeaning,
    ask_in_batches,
    batches,
    failed,
    nothing_found,
    post_row,
    reading,
    whole,
)
from connectors.errors import AuthError, BadAnswer, BadRequest, ConfigurationError, RateLimited, SourceError
from connectors.fields import dig, listed, mapping, moment, picked
from connectors.http import Answer, Http, Pace, by_status, retry_after
from connectors.limits import seconds_until
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb
from connectors.urls import url_key

NAME = "bluesky"
PUBLIC, SECOND, HOME = "https://public.api.bsky.app", "https://api.bsky.app", "https://bsky.social"
CONSTELLATION = "https://constellation.microcosm.blue"
BATCH, MOST = 25, 100
WINDOW_SECONDS = 300.0
COUNTERS = ("likeCount", "replyCount", "repostCount", "quoteCount", "bookmarkCount")

_POST = re.compile(r"at://did:[a-z]+:[^/\s]+/app\.bsky\.feed\.post/[^/\s]+")

Fields = dict[str, Any]


class Settings(ConnectorSettings):
    """Settings of Bluesky; no key is needed."""

    model_config = SettingsConfigDict(env_prefix="TALLYRANK_BLUESKY_")

    base_url: str = Field(PUBLIC, description="Address of the AppView, or of the PDS to sign in at.")
    second_url: str | None = Field(
        None, description="Asked when base_url shuts us out; by default api.bsky.app, where base_url is not changed."
    )
    requests_per_second: float = Field(3.0, gt=0, description="Highest pace; Constellation is asked at a third of it.")
    identifier: str = Field("", description="Handle of an account to sign in with; needed only where search is shut.")
    password: SecretStr | None = Field(None, description="App password of that account (never its own password).")
    query: str = Field("*", description="Words searched for beside the address; {url} stands for the address itself.")
    pages_per_url: int = Field(5, ge=1, description="Times 100 posts that are read about one page at most.")
    constellation_per_day: int = Field(
        0, ge=0, description="Web addresses per day to ask Constellation about; 0 leaves it off."
    )
    constellation_url: str | None = Field(
        None, description="Address of Constellation; by default the public one, or base_url where that was changed."
    )
    contact: str = Field("", description="Your mail or web address, told to Constellation as its owner asks.")

    def hosts(self) -> tuple[str, ...]:
        """The addresses to ask, the first one first."""
        is_usual = self.base_url.rstrip("/") == PUBLIC
        if self.password:
            return (HOME if is_usual else self.base_url,)
        second = self.second_url or (SECOND if is_usual else None)
        return (self.base_url, second) if second else (self.base_url,)

    def index(self) -> str:
        """The address of Constellation."""
        is_official = self.base_url.rstrip("/").removesuffix("/xrpc") in (PUBLIC, SECOND, HOME)
        return self.constellation_url or (CONSTELLATION if is_official else self.base_url)


def bluesky_error(answer: Answer) -> SourceError | None:
    """What an answer says went wrong: by its own word where it is JSON, as a closed door where it is a page."""
    if answer.status == 403 and answer.text.lstrip().startswith("<"):
        advice = "sign in (TALLYRANK_BLUESKY_IDENTIFIER and _PASSWORD) or set TALLYRANK_BLUESKY_CONSTELLATION_PER_DAY"
        return ConfigurationError(answer.source, f"HTTP 403 with a page, strangers are shut out; {advice}")
    if answer.status == 400 and re.search(r'"error"\s*:\s*"(ExpiredToken|InvalidToken)"', answer.text):
        return AuthError(answer.source, f"the sign-in is refused: {answer.text[:160]}")
    if answer.status == 429:
        return RateLimited(answer.source, f"HTTP 429: {answer.text[:160]}", window_ends_in(answer))
    return by_status(answer)


def window_ends_in(answer: Answer) -> float | None:
    """Seconds until the window of requests ends, by `Retry-After` or `RateLimit-Reset` (Unix seconds)."""
    asked = retry_after(answer)
    return seconds_until(answer.headers.get("ratelimit-reset", "")) if asked is None else asked


def _pause(answer: Answer, pace: Pace) -> None:
    """Ask nothing more until the window ends, once it is used up."""
    if answer.headers.get("ratelimit-remaining") == "0" or answer.status == 429:
        pace.pause(min(window_ends_in(answer) or 0.0, WINDOW_SECONDS))


class _Api:
    """Bluesky behind one question: signed in where an account is given, at the next host where one shuts us out."""

    def __init__(self, ask: Ask) -> None:
        self._ask, self._open, self._lock = ask, ExitStack(), threading.RLock()
        self._hosts = [host.replace("{day}", ask.day.isoformat()) for host in ask.settings.hosts()]

    def __enter__(self) -> _Api:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def get(self, method: str, params: Any) -> Any:
        """The answer to a question, as JSON."""
        client = self._client()
        try:
            return client.get(f"/xrpc/{method}", params).json()
        except AuthError:
            raise
        except ConfigurationError:
            if not self._moves_on(client):
                raise
        return self.get(method, params)

    def _moves_on(self, client: Http) -> bool:
        with self._lock:
            if self.__dict__.get("_http") is client and len(self._hosts) > 1:
                del self._hosts[0], self.__dict__["_http"]
            return self.__dict__.get("_http") is not client

    def _client(self) -> Http:
        with self._lock:
            return self._http

    @cached_property
    def _http(self) -> Http:
        password = self._ask.settings.password
        headers = {"Authorization": f"Bearer {self._signed_in(password.get_secret_value())}"} if password else {}
        return self._open.enter_context(_http(self._ask, self._hosts[0], headers))

    def _signed_in(self, password: str) -> str:
        account = {"identifier": self._ask.settings.identifier, "password": password}
        with _http(self._ask, self._hosts[0], {}) as http:
            answer = http.post("/xrpc/com.atproto.server.createSession", json=account).json()
        token = dig(answer, "accessJwt")
        if not isinstance(token, str) or not token:
            raise BadAnswer(NAME, "signing in gave no `accessJwt`")
        return token


def _http(ask: Ask, address: str, headers: Mapping[str, str]) -> Http:
    site = address.rstrip("/").removesuffix("/xrpc")
    return Http(NAME, ask, classify=bluesky_error, after=_pause, headers=headers, base_url=site)


def fetch_by_url(ask: Ask) -> Iterator[Raw]:
    """The posts that link to each page, by search."""
    with _Api(ask) as api:
        yield from ask_in_batches(ask, list(dict.fromkeys(ask.urls)), 1, lambda urls: _found(ask, api, urls[0]))


def _found(ask: Ask, api: _Api, url: str) -> list[Raw]:
    key = url_key(url)
    if key is None:
        raise BadRequest(NAME, "this is not a web address")
    words = ask.settings.query.replace("{url}", url)
    found = list(posts_back_in_time(partial(_search, api, words, url), ask.settings.pages_per_url))
    linked = [(post, {url_key(link) for link in links_of(post)}) for post in found]
    if found and not any(keys for _, keys in linked):
        raise BadAnswer(NAME, "no post found by its link has a link: a field may have been renamed")
    return _rows(ask, url, [post for post, keys in linked if key in keys])


def _rows(ask: Ask, url: str, posts: Sequence[Fields]) -> list[Raw]:
    payloads = [_kept(post) for post in posts] or [{"posts": 0}]
    return [Raw(url, ask.observed_at, url=url, payload=payload) for payload in payloads]


def _search(api: _Api, words: str, url: str, until: str | None) -> tuple[list[Fields], bool]:
    asked = {"q": words, "url": url, "sort": "latest", "limit": MOST} | ({"until": until} if until else {})
    answer = api.get("app.bsky.feed.searchPosts", asked)
    return _posts_in(answer), bool(dig(answer, "cursor"))


def _posts_in(answer: Any) -> list[Fields]:
    posts = dig(answer, "posts")
    if not isinstance(posts, list) or not all(isinstance(dig(post, "uri"), str) for post in posts):
        raise BadAnswer(NAME, "the answer has no list `posts`, or a post has no `uri`")
    return posts


def posts_back_in_time(page: Callable[[str | None], tuple[list[Fields], bool]], most: int) -> Iterator[Fields]:
    """Every post of a search, each once, over at most so many pages, each ending where the one before stopped.

    Pages overlap in the moment where they meet, which several posts may share; a page of nothing but known posts is
    followed by one that ends before them.
    """
    seen: set[str] = set()
    until: str | None = None
    for _ in range(most):
        posts, has_more = page(until)
        fresh = {post["uri"]: post for post in posts if post["uri"] not in seen}
        yield from fresh.values()
        if not posts or not has_more:
            return
        seen |= fresh.keys()
        until = _end_at_oldest(posts, overlap=timedelta(milliseconds=1 if fresh else 0))


def _end_at_oldest(posts: Sequence[Fields], overlap: timedelta) -> str:
    moments = [sorted_at(dig(post.get("record"), "createdAt"), post.get("indexedAt")) for post in posts]
    known = [moment for moment in moments if moment]
    if len(known) < len(moments):
        raise BadAnswer(NAME, "a post has no time, so the older ones cannot be asked for")
    return f"{min(known) + overlap:%Y-%m-%dT%H:%M:%S.%fZ}"


def sorted_at(created: Any, indexed: Any) -> datetime | None:
    """When a post was made, by its author's clock or the network's, whichever says earlier."""
    return min((at for at in (moment(created), moment(indexed)) if at), default=None)


def links_of(post: Fields) -> list[str]:
    """Every address that a post links to: of its card, of the card beside a quote, and in its text."""
    record = post.get("record")
    embeds = [post.get("embed"), dig(record, "embed")]
    embeds += [dig(embed, "media") for embed in embeds]
    facets = listed(dig(record, "facets"))
    features = [feature for facet in facets for feature in listed(dig(facet, "features"))]
    links = [dig(embed, "external", "uri") for embed in embeds]
    links += [dig(feature, "uri") for feature in features]
    return [link for link in links if isinstance(link, str)]


def _kept(post: Fields) -> Fields:
    times = {"created_at": dig(post.get("record"), "createdAt"), "indexed_at": post.get("indexedAt")}
    return {"object_id": post["uri"], **picked(post, COUNTERS), **times}


def fetch_by_post(ask: Ask) -> Iterator[Raw]:
    """The counters of known posts."""
    for post in ask.posts:
        if not _POST.fullmatch(post.object_id):
            yield failed(ask, post, BadRequest(NAME, "no id of a post (at://did:…/app.bsky.feed.post/…)"))
    posts = [post for post in ask.posts if _POST.fullmatch(post.object_id)]
    with _Api(ask) as api:
        yield from ask_in_batches(ask, posts, BATCH, partial(_refresh, ask, api))


def _refresh(ask: Ask, api: _Api, posts: Sequence[Post]) -> Iterator[Raw]:
    found = {post["uri"]: post for post in _counters(api, [post.object_id for post in posts])}
    for post in posts:
        body = found.get(post.object_id)
        url = post.url or next(iter(links_of(body or {})), None)
        yield replace(post_row(ask, post, body and _kept(body)), url=url)


def _counters(api: _Api, uris: Sequence[str]) -> list[Fields]:
    return _posts_in(api.get("app.bsky.feed.getPosts", [("uris", uri) for uri in uris]))


def fetch_backlinks(ask: Ask) -> Iterator[Raw]:
    """The posts that link to each page, by Constellation; nothing unless it is switched on."""
    if not ask.settings.constellation_per_day:
        return
    site = ask.settings.index().replace("{day}", ask.day.isoformat()).rstrip("/")
    with _Api(ask) as api, constellation.index_of(NAME, ask, site, ask.settings.contact) as index:
        yield from ask_in_batches(ask, list(dict.fromkeys(ask.urls)), 1, lambda u: _linked(ask, api, index, u[0]))


def _linked(ask: Ask, api: _Api, index: Http, url: str) -> list[Raw]:
    uris = constellation.posts_about(NAME, index, url, ask.settings.pages_per_url)
    return _rows(ask, url, [post for some in batches(uris, BATCH) for post in _counters(api, some)])


def parse_by_url(rows: Sequence[Raw]) -> Iterator[Observation]:
    """Four readings per post, or four zeros of quality lower_bound for a page that has none."""
    for row in rows:
        payload = mapping(row.payload)
        if payload.get("object_id"):
            yield from _readings(row, payload, str(payload["object_id"]))
        else:
            yield from nothing_found(CONNECTOR, row, payload.get("posts"), quality=Quality.LOWER_BOUND)


def parse_by_post(rows: Sequence[Raw]) -> Iterator[Observation]:
    """Four readings per post that was asked for."""
    for row in rows:
        yield from _readings(row, mapping(row.payload), row.subject)


def _readings(row: Raw, payload: Fields, object_id: str) -> Iterator[Observation]:
    is_there = row.status is Status.OBSERVED
    absent = row.status if not is_there else Status.HIDDEN if payload.get("object_id") else Status.FAILED
    at = sorted_at(payload.get("created_at"), payload.get("indexed_at")) or moment(payload.get("published_at"))
    counts = {
        Verb.SHARE: _shares(payload),
        Verb.LIKE: payload.get("likeCount"),
        Verb.COMMENT: payload.get("replyCount"),
        Verb.SAVE: payload.get("bookmarkCount"),
    }
    for verb, count in counts.items():
        yield reading(CONNECTOR, verb, row, count, absent=absent, object_id=object_id, published_at=at)


def _shares(payload: Fields) -> int | None:
    reposts, quotes = whole(payload.get("repostCount")), whole(payload.get("quoteCount"))
    return None if reposts is None or quotes is None else 1 + reposts + quotes


CONNECTOR = Connector(
    name=NAME,
    title="Bluesky",
    signal="votes",
    settings=Settings,
    streams=(
        Stream(
            name="by_url",
            title="Posts that link to a page, by search",
            asks="urls",
            fetch=fetch_by_url,
            parse=parse_by_url,
            requests_per_1000=1000,
        ),
        Stream(
            name="backlinks",
            title="Posts that link to a page, by Constellation's index",
            asks="urls",
            requests="1,000, and 1 per further 100 links of a page",
            fetch=fetch_backlinks,
            parse=parse_by_url,
            budget="constellation_per_day",
        ),
        Stream(
            name="by_post",
            title="Counters of known posts",
            asks="posts",
            fetch=fetch_by_post,
            parse=parse_by_post,
            batch=BATCH,
            requests_per_1000=40,
        ),
    ),
    quota="No number is published for strangers (3,000 requests per five minutes signed in); one per page, and one "
    "more per further 100 posts of it; one per 25 known posts. Constellation: at most one a second.",
    terms="Public data; search is not offered as a general feed, and deletions are to be followed. Constellation's "
    "owner asks for a contact and keeps crawlers out: off unless asked for. Of people only the number in a post's id "
    "is kept.",
    keys_from="No key is needed. To sign in: Settings, Privacy and security, App passwords on bsky.app.",
    verbs={
        Verb.SHARE: VerbMeaning(
            "1 + repostCount + quoteCount",
            "1 for the post that links to the page, plus its reposts and quotes.",
            passing_on="beyond_the_post",
        ),
        Verb.LIKE: VerbMeaning("likeCount", "Likes of one post, from accounts that are not hidden."),
        Verb.COMMENT: VerbMeaning("replyCount", "Replies straight below one post."),
        Verb.SAVE: VerbMeaning("bookmarkCount", "Times one post was bookmarked, by whomever."),
    },
    basis=Basis.POST,
    forgets_deleted=True,
    verified="Nothing live: written from the lexicons and source of the AppView and of Constellation; atproto reads "
    "our twin.",
)
