"""LinkedIn: the counters of posts by our own company pages (and, if asked for, by ourselves). Versioned REST API.

Every request carries the month of the API it was written for (`LinkedIn-Version: YYYYMM`; a month lives about a year,
then 426), `X-Restli-Protocol-Version: 2.0.0` and a bearer token of an administrator. Lists are written
`List(urn%3Ali%3Ashare%3A1,…)`: brackets and commas as they are, everything inside percent-encoded.

- posts: `/posts?q=author`, 100 per page by `start` and `count`; a page shorter than `count` is the last. The order is
  by last change, so that posts may move between pages: each is taken once. Then the counters, `batch_size` at a time.
- by_post: `/posts?ids=List(…)` says which known posts still exist and whose they are, then the counters.
- by_reaction (off unless `reactions` is set): the same list, then `/socialMetadata?ids=List(…)`, reactions by kind.

Counters of a page's posts are `/organizationalEntityShareStatistics` with `shares` and `ugcPosts`: organic only, and of
the last 12 months only, so a post older than that has at least what is told. A post without activity is left out and
that is a documented zero; one that is older than the window, or of unknown age, is hidden instead. Counters of a
member's posts are `/memberCreatorPostAnalytics`, one metric and one post per request; there an empty answer is unknown
and never zero. Before version 202605 a `metricType` is an object around the word.

The page is the link card's `content.article.source`, else the first address in `commentary`, where LinkedIn escapes
`_`, `(` and their like by a backslash. Nobody can be asked about by address: that counter was closed in 2018.

Verbs: share `shareCount` / RESHARE, like `likeCount` / REACTION (all kinds), comment `commentCount` / COMMENT, view
`impressionCount` / IMPRESSION, click `clickCount` / LINK_CLICKS, save POST_SAVE (members only).
Segments: no answer about posts tells of countries or trades; the kind of reaction is all there is, and kept as such.

Errors `{"status", "serviceErrorCode", "code", "message"}`: 401 token, 403 scope or page, 404, 422, 426 month, 429 the
day's allowance (numbers stand in the Developer Portal only), refilled at 00:00 UTC. No header tells what is left.
Retention: names and profiles of members never; aggregates and ids only.

UNVERIFIED: the longest `List()`, the body of a 429, the values of `serviceErrorCode` and `code`, the member's
`targetEntity` and `entity=(ugc:…)`, `/posts?ids=` (in clients of others only), the limits of 48 hours to 6 months for
keeping social activity: we keep six months.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar
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
    account_rows,
    ask_in_batches,
    cell,
    failed,
    reading,
    whole,
)
from connectors.errors import (
    AuthError,
    BadAnswer,
    BadRequest,
    ConfigurationError,
    NotPermitted,
    QuotaExhausted,
    SourceError,
)
from connectors.fields import comma_separated, dig, first_text, loads, mapping, moment, picked, plain, since_epoch, text
from connectors.http import Answer, Http, by_status
from connectors.limits import next_midnight
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb
from connectors.urls import links_in

NAME = "linkedin"
PAGE_SIZE = 100
BATCH = 50
WINDOW = timedelta(days=365)
PERSON, ORGANIZATION = "urn:li:person:", "urn:li:organization"
REACTIONS = ("LIKE", "PRAISE", "EMPATHY", "INTEREST", "APPRECIATION", "ENTERTAINMENT", "MAYBE")
METRICS = {
    Verb.LIKE: "REACTION",
    Verb.COMMENT: "COMMENT",
    Verb.SHARE: "RESHARE",
    Verb.VIEW: "IMPRESSION",
    Verb.CLICK: "LINK_CLICKS",
    Verb.SAVE: "POST_SAVE",
}
COUNTERS = ("likeCount", "commentCount", "shareCount", "impressionCount", "clickCount")
_ESCAPED = re.compile(r"\\([|{}@\[\]()<>#*_~\\])")

Item = dict[str, Any]
Answering = Callable[[Ask, Http, str, Sequence[Post]], Iterator[Raw]]


class Settings(ConnectorSettings):
    """Settings of LinkedIn."""

    model_config = SettingsConfigDict(env_prefix="TALLYRANK_LINKEDIN_")
    required: ClassVar[tuple[str, ...]] = ("token", "authors")

    base_url: str = Field("https://api.linkedin.com/rest", description="Address of the versioned API.")
    token: SecretStr | None = Field(None, description="Access token of an administrator of the pages.")
    authors: str = Field("", description="Whose posts: urn:li:organization:… (or urn:li:person:…), comma-separated.")
    version: str = Field("202606", pattern=r"^\d{6}(\.\d{2})?$", description="Month of the API; each lives for a year.")
    batch_size: int = Field(BATCH, ge=1, le=PAGE_SIZE, description="Posts in one question; the limit is not told.")
    check_posts: bool = Field(True, description="Ask whether known posts still exist, so that a deleted one is no 0.")
    reactions: bool = Field(False, description="Ask for reactions by kind (like, praise, …), one more request a batch.")
    member_metrics: str = Field(
        ",".join(METRICS.values()), description="Metrics of a person's posts, one request each and per post."
    )

    @property
    def author_urns(self) -> list[str]:
        """The authors, each once."""
        return comma_separated(self.authors)


def linkedin_error(answer: Answer, resets_at: datetime | None = None) -> SourceError | None:
    """What an answer says went wrong: by HTTP status; a 429 that names the throttle is the day's allowance."""
    body = loads(answer.text) if answer.status >= 300 else None
    words = f"HTTP {answer.status}: {dig(body, 'message') or answer.text[:160]}"
    if answer.status == 401:
        return AuthError(answer.source, f"the token is refused or expired; sign in again. {words}")
    if answer.status == 403:
        return NotPermitted(answer.source, f"the token lacks the scope, or its owner is no administrator. {words}")
    if answer.status == 426:
        return ConfigurationError(answer.source, f"set TALLYRANK_LINKEDIN_VERSION to a newer month (YYYYMM). {words}")
    if answer.status == 429 and (dig(body, "code") == "TOO_MANY_REQUESTS" or dig(body, "serviceErrorCode") == 101):
        return QuotaExhausted(answer.source, f"the day's allowance is used up until 00:00 UTC. {words}", resets_at)
    return by_status(answer)


def _linkedin(ask: Ask) -> Http:
    settings = ask.settings
    headers = {
        "Authorization": f"Bearer {plain(settings.token)}",
        "LinkedIn-Version": settings.version,
        "X-Restli-Protocol-Version": "2.0.0",
    }
    return Http(NAME, ask, classify=partial(linkedin_error, resets_at=next_midnight(ask.observed_at)), headers=headers)


def urn_list(urns: Iterable[str]) -> str:
    """A list as Rest.li writes it in an address."""
    return f"List({','.join(quote(urn, safe='') for urn in urns)})"


def fetch_posts(ask: Ask) -> Iterator[Raw]:
    """All posts of the authors with their counters."""
    yield from _of_authors(ask, _counted)


def fetch_by_reaction(ask: Ask) -> Iterator[Raw]:
    """All posts of the authors with their reactions by kind; nothing unless it is switched on."""
    if ask.settings.reactions:
        yield from _of_authors(ask, _reactions)


def _of_authors(ask: Ask, answer: Answering) -> Iterator[Raw]:
    authors = ask.settings.author_urns
    with _linkedin(ask) as http:
        for row in account_rows(ask, authors, partial(_of_author, ask, http, answer)):
            yield replace(row, subject="account") if row.subject in authors else row


def _of_author(ask: Ask, http: Http, answer: Answering, author: str) -> Iterator[Raw]:
    if not author.startswith((ORGANIZATION, PERSON)):
        raise ConfigurationError(NAME, "TALLYRANK_LINKEDIN_AUTHORS must hold urn:li:organization:… or urn:li:person:…")
    for page in post_pages(http, author, PAGE_SIZE):
        for row in ask_in_batches(ask, page, ask.settings.batch_size, partial(answer, ask, http, author)):
            yield replace(row, url=row.url or None)


def post_pages(http: Http, author: str, size: int) -> Iterator[list[Post]]:
    """An author's published posts, page by page, each post once."""
    seen: set[str] = set()
    start = 0
    while True:
        query = f"q=author&author={quote(author, safe='')}&count={size}&start={start}&sortBy=LAST_MODIFIED"
        elements = _elements(http.get(f"/posts?{query}", headers={"X-RestLi-Method": "FINDER"}).json())
        posts = {_id(element): element for element in elements}
        if len(elements) >= size and posts.keys() <= seen:
            raise BadAnswer(NAME, "the next page of posts is a page that was read before")
        yield [_post(i, e) for i, e in posts.items() if i not in seen and _is_published(e)]
        if len(elements) < size:
            return
        seen |= posts.keys()
        start += size


def _elements(body: Any) -> list[Item]:
    elements = dig(body, "elements")
    if not isinstance(elements, list) or not all(isinstance(e, dict) for e in elements):
        raise BadAnswer(NAME, "the answer has no list `elements`")
    return elements


def _id(element: Item) -> str:
    if not isinstance(element.get("id"), str):
        raise BadAnswer(NAME, "a post has no `id`")
    return str(element["id"])


def _is_published(element: Item) -> bool:
    return bool(element.get("lifecycleState", "PUBLISHED") == "PUBLISHED")


def _post(object_id: str, element: Item) -> Post:
    return Post(object_id, page_of(element) or "", since_epoch(element.get("publishedAt"), 1000))


def page_of(element: Item) -> str | None:
    """The web page a post is about: its link card's, or else the first address in its text."""
    source, words = dig(element, "content", "article", "source"), text(element.get("commentary"))
    return first_text([source, *links_in(_ESCAPED.sub(r"\1", words or ""))])


def _counted(ask: Ask, http: Http, author: str, posts: Sequence[Post], *, is_sure: bool = True) -> Iterator[Raw]:
    """One row per post that exists (`is_sure`) or may exist."""
    if author.startswith(PERSON):
        yield from (_member_row(ask, http, post) for post in posts)
        return
    told = _statistics(http, author, list(dict.fromkeys(p.object_id for p in posts)))
    for post in posts:
        kept = told.get(post.object_id) or {"left_out": _left_out(ask, post, is_sure)}
        yield _row(ask, post, {"kind": "organization", **kept})


def _row(ask: Ask, post: Post, payload: Item) -> Raw:
    return Raw(post.object_id, ask.observed_at, url=post.url or None, payload=payload | post.known)


def _left_out(ask: Ask, post: Post, is_sure: bool) -> str:
    """What it means that a post is left out of the statistics: it had no activity, or the window does not reach it."""
    if post.published_at is None or ask.observed_at - post.published_at > WINDOW:
        return "out of window"
    return "no activity" if is_sure else "no activity, or deleted"


def _statistics(http: Http, author: str, urns: Sequence[str]) -> dict[str, Item]:
    """What parsing reads of each post's counters; posts without activity are left out."""
    ugc = [urn for urn in urns if urn.startswith("urn:li:ugcPost:")]
    lists = {"shares": [urn for urn in urns if urn not in ugc], "ugcPosts": ugc}
    chosen = "".join(f"&{name}={urn_list(some)}" for name, some in lists.items() if some)
    query = f"q=organizationalEntity&organizationalEntity={quote(author, safe='')}{chosen}"
    address = f"/organizationalEntityShareStatistics?{query}"
    elements = _elements(http.get(address, headers={"X-RestLi-Method": "FINDER"}).json())
    return {_counted_urn(e): {"statistics": project(e.get("totalShareStatistics"))} for e in elements}


def _counted_urn(element: Item) -> str:
    urn = element.get("share", element.get("ugcPost"))
    if not isinstance(urn, str):  # otherwise its post would seem to be left out, which means zero
        raise BadAnswer(NAME, "counters came without the `share` or `ugcPost` that they belong to")
    return urn


def project(statistics: Any) -> Item | None:
    """The counters that came; None where there is no such object."""
    return picked(statistics, COUNTERS) if isinstance(statistics, dict) else None


def _member_row(ask: Ask, http: Http, post: Post) -> Raw:
    wanted = comma_separated(ask.settings.member_metrics)
    return _row(ask, post, {"kind": "member", "metrics": {m: _metric(http, post.object_id, m) for m in wanted}})


def _metric(http: Http, urn: str, metric: str) -> Any:
    """A metric of one post: its number, None where LinkedIn tells nothing, "failed" where only this metric fails."""
    kind = "ugc" if urn.startswith("urn:li:ugcPost:") else "share"
    query = f"q=entity&entity=({kind}:{quote(urn, safe='')})&queryType={quote(metric)}&aggregation=TOTAL"
    try:
        answer = http.get(f"/memberCreatorPostAnalytics?{query}", headers={"X-RestLi-Method": "FINDER"})
        return total_of(_elements(answer.json()), metric)
    except BadRequest:  # this version does not have the metric (any more)
        return "failed"


def total_of(elements: Sequence[Item], metric: str) -> Any:
    """The count of the metric among the elements; None when there are none, "failed" when it is not among them."""
    counts = [whole(e.get("count")) for e in elements if metric_type(e) in (metric, None)]
    known = [count for count in counts if count is not None]
    return (known[0] if len(known) == 1 else "failed") if elements else None


def metric_type(element: Item) -> Any:
    """The word of a `metricType`, which older versions wrap into an object."""
    told = element.get("metricType")
    return next(iter(told.values()), None) if isinstance(told, dict) else told


def fetch_by_post(ask: Ask) -> Iterator[Raw]:
    """The counters of known posts; those that are gone are not found."""
    with _linkedin(ask) as http:
        yield from ask_in_batches(ask, ask.posts, ask.settings.batch_size, partial(_refreshed, ask, http))


def _refreshed(ask: Ask, http: Http, posts: Sequence[Post]) -> Iterator[Raw]:
    if not ask.settings.check_posts:
        yield from _counted(ask, http, _only_author(ask), posts, is_sure=False)
        return
    found, errors = _batch(http, "posts", posts)
    by_author: dict[str, list[Post]] = defaultdict(list)
    for post in posts:
        if (element := found.get(post.object_id)) is None:
            yield _missing(ask, post, errors)
        elif not isinstance(element.get("author"), str):
            yield failed(ask, post, BadAnswer(NAME, "the post came without its author"))
        else:
            at = since_epoch(element.get("publishedAt"), 1000) or post.published_at
            by_author[element["author"]].append(replace(post, published_at=at))
    for author, group in by_author.items():
        try:
            yield from _counted(ask, http, author, group)
        except NotPermitted as error:  # one page of several that we no longer manage
            yield from (failed(ask, post, error) for post in group)


def _only_author(ask: Ask) -> str:
    authors: list[str] = ask.settings.author_urns
    if len(authors) != 1:
        raise ConfigurationError(NAME, "with TALLYRANK_LINKEDIN_CHECK_POSTS off there must be exactly one author")
    return authors[0]


def _batch(http: Http, resource: str, posts: Sequence[Post]) -> tuple[Item, Item]:
    """The entities found by URN, and the errors by URN: a 200 may hold both."""
    urns = dict.fromkeys(post.object_id for post in posts)
    body = http.get(f"/{resource}?ids={urn_list(urns)}", headers={"X-RestLi-Method": "BATCH_GET"}).json()
    results, errors = dig(body, "results"), dig(body, "errors")
    if not isinstance(results, dict):
        raise BadAnswer(NAME, "the answer by ids has no `results`")
    return {k: v for k, v in results.items() if isinstance(v, dict)}, mapping(errors)


def _missing(ask: Ask, post: Post, errors: Item) -> Raw:
    status = dig(errors, post.object_id, "status") or 404
    if status == 404:
        return Raw(post.object_id, ask.observed_at, Status.NOT_FOUND, post.url or None)
    kind = NotPermitted if status == 403 else BadAnswer
    return failed(ask, post, kind(NAME, f"LinkedIn says {status} for this post"))


def _reactions(ask: Ask, http: Http, _author: str, posts: Sequence[Post]) -> Iterator[Raw]:
    found, errors = _batch(http, "socialMetadata", posts)
    for post in posts:
        if (element := found.get(post.object_id)) is None:  # it was listed a moment ago, so it is not gone
            status = dig(errors, post.object_id, "status") or "nothing"
            yield failed(ask, post, BadAnswer(NAME, f"LinkedIn says {status} about the reactions to this post"))
        else:
            yield _row(ask, post, {"reactions": by_kind(ask, element.get("reactionSummaries"))})


def by_kind(ask: Ask, summaries: Any) -> Item | None:
    """Reactions by kind, small numbers withheld: a kind that is not mentioned has none; None without any summary."""
    if not isinstance(summaries, dict):
        return None
    return {kind: cell(ask, dig(summaries, kind, "count") if kind in summaries else 0) for kind in REACTIONS}


def parse_posts(rows: Sequence[Raw]) -> Iterator[Observation]:
    """Six readings per post."""
    for row in rows:
        more = {"object_id": row.subject, "published_at": moment(dig(row.payload, "published_at"))}
        for verb in CONNECTOR.verbs:
            if row.status is Status.NOT_FOUND:
                yield reading(CONNECTOR, verb, row, None, absent=Status.NOT_FOUND, **more)
            elif dig(row.payload, "kind") == "member":
                yield _of_member(verb, row, more)
            else:
                yield _of_organization(verb, row, more)


def _of_member(verb: Verb, row: Raw, more: Item) -> Observation:
    metrics, native = dig(row.payload, "metrics"), METRICS[verb]
    value = _natural(dig(metrics, native))
    absent = Status.FAILED
    if isinstance(metrics, dict) and metrics.get(native, "failed") is None:
        absent = Status.HIDDEN
    elif isinstance(metrics, dict) and native not in metrics:
        absent = Status.UNSUPPORTED  # not among the metrics that the settings ask for
    return reading(CONNECTOR, verb, row, value, absent=absent, native=native, **more)


def _of_organization(verb: Verb, row: Raw, more: Item) -> Observation:
    left_out, at = dig(row.payload, "left_out"), more["published_at"]
    if verb is Verb.SAVE:
        is_read = dig(row.payload, "kind") == "organization"
        return reading(CONNECTOR, verb, row, None, absent=Status.UNSUPPORTED if is_read else Status.FAILED, **more)
    if left_out in ("no activity", "no activity, or deleted"):
        sure = {} if left_out == "no activity" else {"quality": Quality.DEFAULT_ZERO}
        return reading(CONNECTOR, verb, row, 0, absent=Status.FAILED, **more, **sure)
    is_old = at is not None and row.observed_at - at > WINDOW
    quality = {"quality": Quality.LOWER_BOUND} if is_old else {}
    value = _natural(dig(row.payload, "statistics", CONNECTOR.verbs[verb].native))
    absent = Status.HIDDEN if left_out == "out of window" else Status.FAILED
    return reading(CONNECTOR, verb, row, value, absent=absent, **more, **quality)


def _natural(value: Any) -> int | None:
    """A count; withdrawn likes may make a number negative, which is no count."""
    count = whole(value)
    return None if count is None or count < 0 else count


def parse_by_reaction(rows: Sequence[Raw]) -> Iterator[Observation]:
    """One reading per post and kind of reaction, as segments."""
    for row in rows:
        more = {"object_id": row.subject, "published_at": moment(dig(row.payload, "published_at"))}
        for kind in REACTIONS:
            value = dig(row.payload, "reactions", kind)
            absent = Status.HIDDEN if value == "suppressed" else Status.FAILED
            more |= {"segment": f"reaction={kind}", "native": "reactionSummaries"}
            yield reading(CONNECTOR, Verb.LIKE, row, value, absent=absent, **more)


CONNECTOR = Connector(
    name=NAME,
    title="LinkedIn",
    signal="votes",
    settings=Settings,
    streams=(
        Stream("posts", "Posts of our own pages", "account", fetch_posts, parse_posts, PAGE_SIZE, requests="30"),
        Stream("by_post", "Counters of known posts of our pages", "posts", fetch_by_post, parse_posts, BATCH, 40),
        Stream(
            name="by_reaction",
            title="Reactions to posts of our own pages, by kind",
            asks="account",
            requests="30 to 50",
            is_segmented=True,
            fetch=fetch_by_reaction,
            parse=parse_by_reaction,
            batch=PAGE_SIZE,
            verbs=(Verb.LIKE,),
        ),
    ),
    quota="A daily allowance per app and per member, told in the Developer Portal only, refilled at 00:00 UTC. 1,000 "
    "known posts of pages take 40 requests; a person's post takes one request per metric.",
    terms="Only our own pages and posts, after LinkedIn's review of the app. Nothing of members may be kept but ids; "
    "how long social activity may be kept is unclear (48 hours to 6 months), so six months.",
    keys_from="Ask for the Community Management API at developer.linkedin.com and sign in as an administrator of the "
    "pages, with rw_organization_admin and r_organization_social (r_member_postAnalytics for your own posts).",
    verbs={
        Verb.SHARE: VerbMeaning("shareCount", "Times a post was shared on, organic only."),
        Verb.LIKE: VerbMeaning("likeCount", "Reactions of every kind to a post, organic only."),
        Verb.COMMENT: VerbMeaning("commentCount", "Comments on a post, organic only."),
        Verb.VIEW: VerbMeaning("impressionCount", "Times a post was on somebody's screen, organic only."),
        Verb.CLICK: VerbMeaning(
            "clickCount", "Clicks on a page's post, its link, name and logo; of a person's, its link."
        ),
        Verb.SAVE: VerbMeaning("POST_SAVE", "Times a person's post was saved; pages have no such number."),
    },
    basis=Basis.POST,
    retention_days=180,
)
