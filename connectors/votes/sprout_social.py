"""Sprout Social: the counters of our own posts on every network that Sprout manages for us, as Sprout reports them.

- `GET /metadata/client` names the customers that a token may read, `GET /{customer}/metadata/customer` their profiles.
  Both are left out where the settings name customers and profiles.
- `POST /{customer}/analytics/posts` lists posts by JSON: `filters` as expressions (`customer_profile_id.eq(1,2)`,
  `created_time.in(2026-01-01...2026-02-01)`, `guid.gt(…)`), `fields` (only `guid` comes when none is named), `metrics`,
  `sort`, `page` from 1 to `paging.total_pages` (a page beyond is a 400) and `limit`, 100 at most. At most 10,000 posts
  are served: sorted by guid, what is behind them is asked for by `guid.gt`.
- Read is a trailing window of `days_back` days; older posts are not read again.
- The page a post is about is the first address in its text that leads away from the network; the text is not kept.
- The same post is `<network>:<guid>` here, `twitter:T:1029384756`, because one account holds posts of many networks.

Verbs: share is `shares_count`, like is `reactions` (likes are among them), comment is `comments_count`, save is
`saves`, click is `post_link_clicks`; all `lifetime.…`. View is `impressions`; on YouTube and TikTok it is `video_views`
(YouTube's impressions are always 0 there, which means that there are none), as it is for a post without impressions
whose `video_views` are above 0. A metric that is missing or null is one that the network does not have: unsupported.

Errors are `{"error": "…"}`, also with 200 beside data: 400, 401 (token), 403 (not our customer or profile), 429, 5xx.
202 means accepted and not ready: asked again. A metric of a name that Sprout does not know refuses the whole question
with 400; which one it is is found out by asking for each alone, and only its verb fails. 60 requests a minute and
250,000 a month per customer; no header says what is left or how long to wait, so the waits are our own.

UNVERIFIED: two dots or three in ranges and whether the last day belongs to them (`range_dots`; tomorrow is asked for),
the names of networks beside TWITTER, how many profiles one question takes, that a month's allowance that is used up
looks like any other 429, and the terms: a customer's contract, and the networks' own rules on keeping numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar, Literal

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from connectors.base import (
    Ask,
    Connector,
    ConnectorSettings,
    Stream,
    VerbMeaning,
    account_rows,
    batches,
    failed,
    reading,
    whole,
)
from connectors.errors import BadAnswer, BadRequest, NotPermitted, SourceError, Unavailable
from connectors.fields import comma_separated, dig, moment, picked, plain
from connectors.http import Answer, Http, by_status
from connectors.records import Basis, Observation, Raw, Status, Verb
from connectors.urls import first_outside, links_in, registrable_domain

NAME = "sprout_social"
PAGE_SIZE = 100
MOST_RESULTS = 10_000
FIELDS = ("guid", "created_time", "perma_link", "text", "network")
IMPRESSIONS, VIDEO_VIEWS = "lifetime.impressions", "lifetime.video_views"
METRICS: dict[Verb, tuple[str, ...]] = {
    Verb.SHARE: ("lifetime.shares_count",),
    Verb.LIKE: ("lifetime.reactions",),
    Verb.COMMENT: ("lifetime.comments_count",),
    Verb.SAVE: ("lifetime.saves",),
    Verb.VIEW: (IMPRESSIONS, VIDEO_VIEWS),
    Verb.CLICK: ("lifetime.post_link_clicks",),
}
ALL_METRICS = tuple(name for names in METRICS.values() for name in names)
VIDEO_NETWORKS = frozenset({"youtube", "tiktok"})

Item = dict[str, Any]
Page = tuple[list[Item], int]


class Settings(ConnectorSettings):
    """Settings of Sprout Social."""

    model_config = SettingsConfigDict(env_prefix="TALLYRANK_SPROUT_SOCIAL_")
    required: ClassVar[tuple[str, ...]] = ("token",)

    base_url: str = Field("https://api.sproutsocial.com/v1", description="Address of the API, with its version.")
    token: SecretStr | None = Field(None, description="API token of the account.")
    customers: str = Field("", description="Ids of customers, with commas between them; empty for all.")
    profiles: str = Field("", description="Ids of customer profiles, with commas between them; empty for all.")
    days_back: int = Field(90, ge=1, le=3650, description="Posts of this many days, today included, are read.")
    profiles_per_request: int = Field(50, ge=1, description="Profiles asked about in one question.")
    range_dots: Literal["...", ".."] = Field("...", description="How a range of days is written.")
    requests_per_second: float = Field(0.9, gt=0, description="Highest pace; 60 requests a minute are allowed.")
    retry_wait_seconds: float = Field(5.0, ge=0, description="First wait between tries; doubles each time.")


def sprout_error(answer: Answer) -> SourceError | None:
    """What an answer says went wrong; 202 is "not ready", and an `error` in a good answer is one."""
    if answer.status == 202:
        return Unavailable(answer.source, "HTTP 202: accepted, but the answer is not ready")
    if answer.status < 300 and '"error"' in answer.text and (words := dig(answer.json(), "error")):
        return BadAnswer(answer.source, f"HTTP {answer.status}, but with an error: {str(words)[:160]}")
    return by_status(answer)


def fetch_posts(ask: Ask) -> Iterator[Raw]:
    """The posts of every customer's profiles."""
    token = plain(ask.settings.token)
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    with Http(NAME, ask, classify=sprout_error, headers=headers) as http:
        try:
            customers = comma_separated(ask.settings.customers) or _ids(http, "/metadata/client", "customer_id")
        except SourceError as error:
            yield replace(failed(ask, "customers", error), url=None)
            return
        yield from account_rows(ask, customers, partial(_posts_of, ask, http))


def _posts_of(ask: Ask, http: Http, customer: str) -> Iterator[Raw]:
    """The posts of one customer, some profiles at a time."""
    path = f"/{customer}/metadata/customer"
    profiles = comma_separated(ask.settings.profiles) or _ids(http, path, "customer_profile_id")
    groups = {",".join(group): group for group in batches(profiles, ask.settings.profiles_per_request)}
    yield from account_rows(ask, groups, lambda name: _group(ask, http, customer, groups[name]))


def _group(ask: Ask, http: Http, customer: str, profiles: Sequence[str]) -> Iterator[Raw]:
    """The posts of some profiles; a group that is refused for one of them is asked about in halves."""
    question = _Question(ask, http, customer, profiles)
    try:
        first = question.page(None, 1)
    except NotPermitted:
        if len(profiles) == 1:
            raise
        halves = {",".join(half): half for half in (profiles[: len(profiles) // 2], profiles[len(profiles) // 2 :])}
        yield from account_rows(ask, halves, lambda name: _group(ask, http, customer, halves[name]))
        return
    for post in all_posts(
        lambda after, number: first if (after, number) == (None, 1) else question.page(after, number)
    ):
        yield _row(ask, post, question.refused)


class _Question:
    """One listing of posts: the same filters for every page, less the metrics that turn out to be refused."""

    def __init__(self, ask: Ask, http: Http, customer: str, profiles: Sequence[str]) -> None:
        first, end = ask.day - timedelta(days=ask.settings.days_back - 1), ask.day + timedelta(days=1)
        days = f"created_time.in({first}{ask.settings.range_dots}{end})"
        self._http, self._path = http, f"/{customer}/analytics/posts"
        self._filters = [f"customer_profile_id.eq({','.join(profiles)})", days]
        self.refused: list[str] = []

    def page(self, after: str | None, number: int) -> Page:
        """One page of posts and the number of pages there are."""
        try:
            body = self._send(self._asked(), after, number, PAGE_SIZE)
        except BadRequest:
            if number > 1 or after or self.refused or not self._refusals():
                raise
            body = self._send(self._asked(), after, number, PAGE_SIZE)
        posts, pages = dig(body, "data"), whole(dig(body, "paging", "total_pages"))
        if not isinstance(posts, list) or pages is None:
            raise BadAnswer(NAME, "the answer has no list `data` or no `paging.total_pages`")
        _check(posts)
        return posts, pages

    def _asked(self) -> list[str]:
        return [name for name in ALL_METRICS if name not in self.refused]

    def _refusals(self) -> list[str]:
        """The metrics that are refused when asked for alone, if others are not."""
        found = [name for name in ALL_METRICS if self._is_refused(name)]
        self.refused = found if len(found) < len(ALL_METRICS) else []
        return self.refused

    def _is_refused(self, name: str) -> bool:
        try:
            self._send([name], None, 1, 1)
        except BadRequest:
            return True
        return False

    def _send(self, metrics: Sequence[str], after: str | None, number: int, limit: int) -> Any:
        filters = [*self._filters, f"guid.gt({after})"] if after else self._filters
        asked = {"filters": filters, "fields": FIELDS, "metrics": metrics, "sort": ["guid:asc"], "timezone": "UTC"}
        return self._http.post(self._path, json=asked | {"page": number, "limit": limit}).json()


def all_posts(page: Callable[[str | None, int], Page], most_pages: int = MOST_RESULTS // PAGE_SIZE) -> Iterator[Item]:
    """Every post, each once: page by page, and at the ceiling of results on from the last guid."""
    seen: set[str] = set()
    after, number = None, 1
    while True:
        posts, pages = page(after, number)
        fresh = {post["guid"]: post for post in posts if post["guid"] not in seen}
        yield from fresh.values()
        seen |= fresh.keys()
        if number < min(pages, most_pages):
            number += 1
        elif number == most_pages and fresh:
            after, number = posts[-1]["guid"], 1
        else:
            return


def _check(posts: Sequence[Any]) -> None:
    """A post that cannot be told apart, or texts gone from all of them, would be wrong numbers without a word."""
    if not all(isinstance(dig(p, "guid"), str) and isinstance(dig(p, "network"), str) for p in posts):
        raise BadAnswer(NAME, "a post has no `guid` or no `network`")
    if posts and not any("text" in post for post in posts):
        raise BadAnswer(NAME, "no post has a `text`, so nobody can say what they link to")


def _ids(http: Http, path: str, field: str) -> list[str]:
    """The ids in a list of metadata."""
    data = dig(http.get(path).json(), "data")
    ids = [whole(dig(entry, field)) for entry in data] if isinstance(data, list) else [None]
    if None in ids:
        raise BadAnswer(NAME, f"{path}: no list `data`, or an entry has no `{field}`")
    return [str(i) for i in ids]


def _row(ask: Ask, post: Item, refused: Sequence[str]) -> Raw:
    return Raw(
        f"{post['network'].lower()}:{post['guid']}", ask.observed_at, url=link_of(post), payload=project(post, refused)
    )


def link_of(post: Mapping[str, Any]) -> str | None:
    """The first address in a post's text that leads away from its network."""
    return first_outside(links_in(post.get("text")), [registrable_domain(str(post.get("perma_link") or ""))])


def project(post: Mapping[str, Any], refused: Sequence[str] = ()) -> Item:
    """What parsing reads of a post; a metric that did not come stays away."""
    metrics = post.get("metrics")
    kept = picked(metrics, ALL_METRICS) if isinstance(metrics, dict) else None
    known = {"network": str(post["network"]).lower(), "created_time": post.get("created_time"), "metrics": kept}
    return known | ({"refused": list(refused)} if refused else {})


def parse_posts(rows: Sequence[Raw]) -> Iterator[Observation]:
    """Six readings per post."""
    for row in rows:
        for verb, names in METRICS.items():
            yield _counter(row, verb, names)


def _counter(row: Raw, verb: Verb, names: tuple[str, ...]) -> Observation:
    network, metrics = dig(row.payload, "network"), dig(row.payload, "metrics")
    more = {"object_id": row.subject, "published_at": moment(dig(row.payload, "created_time"))}
    if not isinstance(network, str) or not isinstance(metrics, dict):
        return reading(CONNECTOR, verb, row, None, absent=Status.FAILED, **more)
    if verb is Verb.VIEW:
        names = (_view_of(network, metrics),)
    value, refused = metrics.get(names[0]), dig(row.payload, "refused") or ()
    absent = Status.UNSUPPORTED if value is None and names[0] not in refused else Status.FAILED
    return reading(CONNECTOR, verb, row, value, absent=absent, native=names[0], **more)


def _view_of(network: str, metrics: Mapping[str, Any]) -> str:
    """The metric that counts as views of a post."""
    is_video = metrics.get(IMPRESSIONS) is None and (whole(metrics.get(VIDEO_VIEWS)) or 0) > 0
    return VIDEO_VIEWS if is_video or network in VIDEO_NETWORKS else IMPRESSIONS


CONNECTOR = Connector(
    name=NAME,
    title="Sprout Social",
    signal="votes",
    settings=Settings,
    streams=(
        Stream(
            name="posts",
            title="Posts of our own profiles on every network in Sprout Social",
            asks="account",
            requests="10 per 50 profiles, and 2",
            fetch=fetch_posts,
            parse=parse_posts,
            batch=PAGE_SIZE,
        ),
    ),
    quota="60 requests a minute and 250,000 a month per customer; 100 posts per request, 10,000 per listing.",
    terms="A customer's contract, own profiles only; the networks' own rules on keeping numbers apply (not verified).",
    kept="as the networks' own rules say, of which the strictest known is YouTube's: 30 days",
    keys_from="Create an API token in Sprout Social under Settings, Global Features, API.",
    verbs={
        Verb.SHARE: VerbMeaning("lifetime.shares_count", "Shares of one post on its network, as Sprout reports them."),
        Verb.LIKE: VerbMeaning(
            "lifetime.reactions", "Reactions of every kind to one post on its network, as Sprout reports them."
        ),
        Verb.COMMENT: VerbMeaning(
            "lifetime.comments_count", "Comments on one post on its network, as Sprout reports them."
        ),
        Verb.SAVE: VerbMeaning("lifetime.saves", "Saves of one post on its network, as Sprout reports them."),
        Verb.VIEW: VerbMeaning(
            IMPRESSIONS, "Impressions of one post (views of a video) on its network, as Sprout reports them."
        ),
        Verb.CLICK: VerbMeaning(
            "lifetime.post_link_clicks", "Clicks on the link of one post on its network, as Sprout reports them."
        ),
    },
    basis=Basis.POST,
    is_tool=True,
    cost="Part of Sprout Social's advanced plans; no price per question.",
    verified="Nothing against real answers: written from copies of the vendor's documentation and of working clients.",
)
