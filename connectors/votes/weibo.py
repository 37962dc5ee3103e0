"""Sina Weibo: totals by web address, and the counters of one account's own posts. Open Platform, version 2.

The platform is closed to most new apps: the contract is known, whether one gets an app is doubtful.

- by_url: `GET /short_url/shorten.json?url_long=…` turns up to 20 addresses into `t.cn` links, then
  `/short_url/share/counts.json` and `/short_url/comment/counts.json` with `url_short=…` tell how often they were posted
  and commented on. Answers are `{"urls": […]}`, counts are text. Three requests per 20 pages. An address has totals of
  its own for each spelling, and only the one asked for is read, so they are lower bounds.
- timeline: `GET /statuses/user_timeline.json`, the posts of the account that signed in, 100 per page. Pages may be
  short, because posts of others are left out. Links are written as `t.cn` in the text; the first one is turned back by
  `/short_url/expand.json`, 20 at a time. A post without a link is kept and has no page.
- by_post: `GET /statuses/count.json?ids=…`, up to 100 known posts; those left out of the answer are not found.

With `business` on, posts are read at `https://c.api.weibo.com/2` (`…/biz.json`), and
`/media_statuses/count_sp/biz.json` adds `reads`.

Verbs: share is `reposts_count` of a post and `share_counts` of an address, comment `comments_count` and
`comment_counts`, like `attitudes_count` (`likes` on business calls), view `reads`. A counter that does not come
is hidden (views without a business contract, likes in older answers); a post without any counter is failed. Numbers
are whole numbers or text.

Errors are `{"error", "error_code", "request"}`, the code a number or text, mostly as HTTP 400 or 403 and sometimes as
200. Two tables of codes are in use and disagree around 1002x (10023 is "user requests out of rate limit" in one and
"system is busy" in the other), so the words decide first, then the code. Quota: 1,000 requests an hour per address (IP)
and 150 per user for an app in test, 50,000 an hour for business; no header tells what is left. The token goes in the
query (`access_token`).

Users, texts and pictures are not kept. Since about 2014 only one's own posts may be listed.

UNVERIFIED: 20 addresses per question outside business calls (`links_per_request`); the quota of test apps and that it
begins anew on the hour; that `url_long` comes back as it was sent; that `count.json` leaves deleted posts out; that
`count_sp` has all counters; how many posts a timeline gives.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
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
    batches,
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
    SourceError,
    Unavailable,
)
from connectors.fields import dig, first_text, loads, mapping, moment, moment_in, objects, picked, plain
from connectors.http import Answer, Http, by_status, redacted, secrets_of
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb
from connectors.urls import host, links_in

NAME = "weibo"
API, BUSINESS_API = "https://api.weibo.com/2", "https://c.api.weibo.com/2"
MOST_LINKS = 20
MOST_IDS = 100
PAGE_SIZE = 100
SHORT_HOST = "t.cn"
FORM = "%a %b %d %H:%M:%S %z %Y"  # Tue May 31 17:46:55 +0800 2011
# The names of each counter, of timelines and of counts by id.
FIELDS: dict[Verb, tuple[str, ...]] = {
    Verb.SHARE: ("reposts_count", "reposts"),
    Verb.COMMENT: ("comments_count", "comments"),
    Verb.LIKE: ("attitudes_count", "attitudes", "likes"),
    Verb.VIEW: ("reads",),
}
TOTALS = {Verb.SHARE: "share_counts", Verb.COMMENT: "comment_counts"}
KEPT = ("created_at", *(name for names in FIELDS.values() for name in names))
OVER_QUOTA = re.compile(r"rate limit", re.IGNORECASE)
BUSY = re.compile(r"busy|pending tasks|job expired|rpc error|unavailable|system error|internal error", re.IGNORECASE)
KINDS: dict[int, type[SourceError]] = {
    **dict.fromkeys((10001, 10002, 10003, 10009, 10010, 10011), Unavailable),
    **dict.fromkeys((10022, 10023, 10024), QuotaExhausted),
    **dict.fromkeys((10004, 10005, 10014, 10015), NotPermitted),
    **dict.fromkeys((10006, 21321), ConfigurationError),
    20101: Gone,
    **dict.fromkeys((*range(21313, 21320), 21327, 21332), AuthError),
}
ADVICE: dict[int, str] = {
    21321: "the app is in test and has too many users; have it reviewed",
    21327: "the token has expired; sign in again",
    21332: "the token is refused; sign in again",
}

Item = dict[str, Any]


class Settings(ConnectorSettings):
    """Settings of Weibo."""

    model_config = SettingsConfigDict(env_prefix="TALLYRANK_WEIBO_")
    required: ClassVar[tuple[str, ...]] = ("token",)

    base_url: str = Field(API, description="Address of the API, with its version.")
    token: SecretStr | None = Field(None, description="OAuth2 access token of the account whose posts are read.")
    business: bool = Field(False, description="Read posts by the business interface, which also tells views.")
    business_url: str | None = Field(
        None, description="Address of the business interface; by default c.api.weibo.com, or base_url if changed."
    )
    timeline_pages: int = Field(5, ge=1, description="Most pages of 100 posts to look for new posts in.")
    links_per_request: int = Field(MOST_LINKS, ge=1, le=MOST_LINKS, description="Web addresses per question.")

    def posts_url_for(self, day: date) -> str:
        """The address below which posts are read, without a trailing slash."""
        if not self.business:
            return self.url_for(day)
        return self.other_url_for(day, self.business_url, BUSINESS_API)


def weibo_error(answer: Answer, secrets: tuple[str, ...] = (), now: datetime | None = None) -> SourceError | None:
    """What an answer says went wrong, whatever its HTTP status: by its words, then by its code."""
    body = loads(answer.text)
    code = whole(dig(body, "error_code"))
    if not code:
        return by_status(answer)
    told = redacted(str(dig(body, "error")), secrets)[:160]
    words = f"{ADVICE[code]}: {told} ({code})" if code in ADVICE else f"{told} ({code})"
    if OVER_QUOTA.search(told):
        kind: type[SourceError] = QuotaExhausted
    else:
        kind = Unavailable if BUSY.search(told) else KINDS.get(code) or _by_http(answer)
    if kind is QuotaExhausted:
        resets_at = (now or datetime.now(UTC)).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        return QuotaExhausted(NAME, f"the hour's requests are used up until {resets_at:%H:%M} UTC: {words}", resets_at)
    return kind(NAME, words)


def _by_http(answer: Answer) -> type[SourceError]:
    problem = by_status(answer)
    return type(problem) if problem else BadRequest


@contextmanager
def connect(ask: Ask, base_url: str | None = None) -> Iterator[Http]:
    """A client with the account's token."""
    token = plain(ask.settings.token)
    classify = partial(weibo_error, secrets=secrets_of(ask.settings))
    with Http(NAME, ask, classify=classify, params={"access_token": token}, base_url=base_url) as http:
        yield http


def fetch_by_url(ask: Ask) -> Iterator[Raw]:
    """The totals of each page's address."""
    with connect(ask) as http:
        size = ask.settings.links_per_request
        yield from ask_in_batches(ask, list(dict.fromkeys(ask.urls)), size, partial(_totals, ask, http))


def _totals(ask: Ask, http: Http, urls: Sequence[str]) -> Iterator[Raw]:
    short = {str(e.get("url_long")): e for e in _links(http, "shorten", "url_long", urls)}
    known = {
        url: str(e.get("url_short")) for url, e in short.items() if _is_true(e.get("result")) and e.get("url_short")
    }
    counts: dict[str, Item] = {link: {} for link in known.values()}
    for call, field in (("share/counts", "share_counts"), ("comment/counts", "comment_counts")):
        for entry in _links(http, call, "url_short", list(counts)) if counts else ():
            if field in entry:
                counts.setdefault(str(entry.get("url_short")), {})[field] = entry[field]
    for url in urls:
        if url in known:
            yield Raw(url, ask.observed_at, url=url, payload=counts[known[url]])
        else:
            yield failed(ask, url, BadRequest(NAME, "Weibo made no short link of this address"))


def _links(http: Http, call: str, name: str, links: Sequence[str]) -> list[Item]:
    """The entries of a question about links."""
    body = http.get(f"/short_url/{call}.json", [(name, link) for link in links]).json()
    entries = dig(body, "urls")
    if not isinstance(entries, list):
        raise BadAnswer(NAME, f"the answer of {call} has no list `urls`")
    return objects(entries)


def _is_true(value: Any) -> bool:
    return value is True or value == "true"


def fetch_timeline(ask: Ask) -> Iterator[Raw]:
    """The account's newest posts with their counters."""
    suffix = "/biz" if ask.settings.business else ""
    with connect(ask) as http, connect(ask, ask.settings.posts_url_for(ask.day)) as posts:

        def page_at(page: int) -> Item:
            asked = {"count": PAGE_SIZE, "page": page, "trim_user": 1}
            return _object(posts.get(f"/statuses/user_timeline{suffix}.json", asked))

        try:
            for page in timeline(page_at, PAGE_SIZE, ask.settings.timeline_pages):
                yield from _posts(ask, http, posts, page)
        except SourceError as error:
            yield replace(failed(ask, "timeline", error), url=None)


def timeline(page_at: Callable[[int], Item], size: int, most_pages: int) -> Iterator[list[Item]]:
    """The posts of a timeline page by page, each post once; pages may be short before the last one."""
    seen: set[str] = set()
    for page in range(1, most_pages + 1):
        body = page_at(page)
        posts, total = body.get("statuses"), whole(body.get("total_number"))
        if not isinstance(posts, list) or not all(isinstance(p, dict) and _id(p) for p in posts):
            raise BadAnswer(NAME, "a timeline has no list `statuses`, or a post has no `idstr`")
        fresh = {_id(post): post for post in posts if _id(post) not in seen}
        yield list(fresh.values())
        seen |= fresh.keys()
        if page * size >= total if total is not None else not posts:
            return


def _id(post: Item) -> str:
    return str(post.get("idstr") or post.get("id") or "")


def _posts(ask: Ask, http: Http, posts: Http, page: Sequence[Item]) -> Iterator[Raw]:
    """The rows of a page of posts; where its links cannot be read, they have no page and a failed row says why."""
    links = {_id(post): _first_link(post) for post in page}
    pages: dict[str, str] = {}
    reads = _counts(posts, [_id(post) for post in page], business=True) if ask.settings.business and page else {}
    try:
        pages = _pages(http, [link for link in dict.fromkeys(links.values()) if link], ask.settings.links_per_request)
    except SourceError as error:
        if error.is_fatal:
            raise
        yield replace(failed(ask, "links", error), url=None)
    for post in page:
        payload = _kept(post) | ({"reads": reads[_id(post)].get("reads")} if _id(post) in reads else {})
        yield Raw(_id(post), ask.observed_at, url=pages.get(links[_id(post)] or ""), payload=payload)


def _first_link(post: Item) -> str | None:
    return first_text(links_in(post.get("text")))


def _pages(http: Http, links: Sequence[str], size: int) -> dict[str, str]:
    """The page that each link leads to, by link; short ones are asked for."""
    found = {link: link for link in links if host(link) != SHORT_HOST}
    for group in batches((link for link in links if link not in found), size):
        for entry in _links(http, "expand", "url_short", group):
            link, page = entry.get("url_short"), entry.get("url_long")
            if isinstance(link, str) and isinstance(page, str) and page and _is_true(entry.get("result", True)):
                found[link] = page
    return found


def _kept(post: Item) -> Item:
    return picked(post, KEPT)


def fetch_by_post(ask: Ask) -> Iterator[Raw]:
    """The counters of known posts, 100 per request."""
    with connect(ask, ask.settings.posts_url_for(ask.day)) as http:
        yield from ask_in_batches(ask, ask.posts, MOST_IDS, partial(_refresh, ask, http))


def _refresh(ask: Ask, http: Http, posts: Sequence[Post]) -> Iterator[Raw]:
    found = _counts(http, [post.object_id for post in posts], business=ask.settings.business)
    for post in posts:
        counts = found.get(post.object_id)
        yield post_row(ask, post, None if counts is None else _kept(counts))


def _counts(http: Http, ids: Sequence[str], *, business: bool) -> dict[str, Item]:
    """Counters by id; posts that are gone are left out."""
    path = "/media_statuses/count_sp/biz.json" if business else "/statuses/count.json"
    body = http.get(path, {"ids": ",".join(ids)}).json()
    if not isinstance(body, list) or not all(isinstance(entry, dict) and _id(entry) for entry in body):
        raise BadAnswer(NAME, "the counts of posts are no list, or an entry has no `id`")
    return {_id(entry): entry for entry in body}


def parse_by_url(rows: Sequence[Raw]) -> Iterator[Observation]:
    """Two readings per page: how often its address was posted and commented on."""
    for row in rows:
        payload = mapping(row.payload)
        for verb, native in TOTALS.items():
            more = {"native": native, "quality": Quality.LOWER_BOUND}
            yield reading(CONNECTOR, verb, row, payload.get(native), absent=Status.FAILED, **more)


def parse_posts(rows: Sequence[Raw]) -> Iterator[Observation]:
    """Four readings per post; a counter that did not come is hidden, all of them missing is a failure."""
    for row in rows:
        payload = mapping(row.payload)
        at = moment_in(FORM, payload.get("created_at")) or moment(payload.get("published_at"))
        has_counters = any(name in payload for names in FIELDS.values() for name in names)
        absent = Status.HIDDEN if has_counters else Status.FAILED
        absent = Status.NOT_FOUND if row.status is Status.NOT_FOUND else absent
        for verb, names in FIELDS.items():
            native = next((name for name in names if name in payload), names[0])
            yield reading(
                CONNECTOR, verb, row, payload.get(native), absent=absent,
                native=native, basis=Basis.POST, object_id=row.subject, published_at=at,
            )  # fmt: skip


def _object(answer: Answer) -> Item:
    body = answer.json()
    if not isinstance(body, dict):
        raise BadAnswer(NAME, "the answer is no object")
    return body


CONNECTOR = Connector(
    name=NAME,
    title="Sina Weibo",
    signal="votes",
    settings=Settings,
    streams=(
        Stream(
            name="by_url",
            title="How often web addresses were posted and commented on",
            asks="urls",
            fetch=fetch_by_url,
            parse=parse_by_url,
            batch=MOST_LINKS,
            requests_per_1000=150,
            verbs=tuple(TOTALS),
        ),
        Stream(
            name="timeline",
            title="Posts of our own account",
            asks="account",
            requests="10, and 1 per 20 links",
            fetch=fetch_timeline,
            parse=parse_posts,
            batch=PAGE_SIZE,
            basis=Basis.POST,
        ),
        Stream(
            name="by_post",
            title="Counters of known posts",
            asks="posts",
            fetch=fetch_by_post,
            parse=parse_posts,
            batch=MOST_IDS,
            requests_per_1000=10,
            basis=Basis.POST,
        ),
    ),
    quota="1,000 requests an hour per address and 150 per user for an app in test (unverified); 50,000 an hour for "
    "business. 20 web addresses or 100 posts per request.",
    terms="By review of the app, and closed to most new ones; since about 2014 one's own posts only. No rule on "
    "keeping counters was found. Users and texts are not kept.",
    keys_from="The platform is closed to most new apps. Create one at open.weibo.com, have it reviewed, and sign in "
    "with the account whose posts are read.",
    verbs={
        Verb.SHARE: VerbMeaning(
            "reposts_count", "Reposts of one post; for a page, how often its address was posted (share_counts)."
        ),
        Verb.COMMENT: VerbMeaning(
            "comments_count", "Comments on one post; for a page, on posts with its address (comment_counts)."
        ),
        Verb.LIKE: VerbMeaning("attitudes_count", "Likes of one post, other moods included."),
        Verb.VIEW: VerbMeaning("reads", "Times one post was read; told to business apps only."),
    },
    basis=Basis.PAGE,
)
