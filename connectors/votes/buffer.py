"""Buffer: the counters of the posts that one account sent to its networks through this tool. GraphQL, one address.

- posts: `posts(input: {organizationId, filter: {status: [sent], dueAt: {start, end}}, sort}, first: 100, after)` for
  each organization (asked of `account` unless named in the settings), the newest first, paged by `pageInfo.endCursor`
  while `hasNextPage`. Posts due in the last `days_back` days are read again every day; Buffer itself looks once a day.
  The page is the post's link attachment, else the first web address in its text; a post without one has no page.

These are the networks' counts as Buffer tells them, not read from the networks: they stand under `buffer`, with the
network in the post's id (`linkedin:66f…`), and are never joined with what another source says of the same post.

Verbs, by type of metric: share is `shares` + `reposts` + `quotes` (whichever the network has), like `reactions`
(`likes` is a part of it on Facebook and not added), comment `comments`, save `saves`, view `impressions`, or `views`
where those are 0 or missing, click `clicks`. Old names (`retweets`, `favorites`, `repins`, …) end on 2026-12-01 and
are not read.

- A value is 0 when the network did not report it, so a 0 has quality default_zero, and a sum with such a part is a
  lower bound. A metric that is not in the list is hidden; one without a whole number is failed.
- `metricsUpdatedAt` null: Buffer has not looked yet, every number is hidden. Older than 36 hours: a look was missed,
  the numbers are lower bounds. `metrics` null: hidden.
- `engagementRate` and everything else in percent is no count.

Errors: 429 with `extensions.window` (15m, 24h, 30d) and `Retry-After`; `RateLimit` and `RateLimit-Policy` tell all
windows on every answer, matched by their length `w`, because their names change with the plan; an old triple
`X-RateLimit-*` may come instead. 401 is UNAUTHENTICATED. All else is HTTP 200 with `errors[].extensions.code`
(UNAUTHORIZED, FORBIDDEN, NOT_FOUND, UNEXPECTED); a question that is too complex has a message only. Data and errors
may come together: the posts are kept and the errors are a failed row. 100 requests in 15 minutes, 250 a day (500 on
Team), 3,000 to 15,000 in 30 days.

Metrics are marked experimental. Texts, titles, authors and channels are not kept.

UNVERIFIED: the largest page (100 assumed, `page_size`); whether posts are filtered by `dueAt` (as the published schema
says) or by `startDate` and `endDate` (as the guide says, `date_filter`); whether the old triple tells its reset in
seconds or as a time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar, Literal

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from connectors.base import Ask, Connector, ConnectorSettings, Stream, VerbMeaning, failed, reading, whole
from connectors.errors import (
    AuthError,
    BadAnswer,
    BadRequest,
    Gone,
    NotPermitted,
    QuotaExhausted,
    SourceError,
    Unavailable,
)
from connectors.fields import comma_separated, dig, first_text, loads, mapping, moment, objects, picked, plain, total
from connectors.http import LONGEST_WAIT_SECONDS, Answer, Http, Pace, by_status, redacted, retry_after
from connectors.limits import limited
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb
from connectors.urls import links_in

NAME = "buffer"
STALE_AFTER = timedelta(hours=36)
WINDOWS = {"15m": 900, "24h": 86400, "30d": 2592000}
# The types of metric of each verb: all that come are added, or the first that comes is taken.
SUMS: dict[Verb, tuple[str, ...]] = {Verb.SHARE: ("shares", "reposts", "quotes")}
FIRSTS: dict[Verb, tuple[str, ...]] = {
    Verb.LIKE: ("reactions",),
    Verb.COMMENT: ("comments",),
    Verb.SAVE: ("saves",),
    Verb.VIEW: ("impressions", "views"),
    Verb.CLICK: ("clicks",),
}
TYPES = frozenset(name for names in (*SUMS.values(), *FIRSTS.values()) for name in names)
KINDS: dict[str, type[SourceError]] = {
    "UNAUTHENTICATED": AuthError,
    "UNAUTHORIZED": AuthError,
    "FORBIDDEN": NotPermitted,
    "NOT_FOUND": Gone,
    "UNEXPECTED": Unavailable,
}
ORGANIZATIONS = "query { account { organizations { id } } }"
ATTACHED = ("Facebook", "LinkedIn", "Threads", "Bluesky")
LINKS = " ".join(f"... on {n}PostMetadata {{ linkAttachment {{ url expandedUrl }} }}" for n in ATTACHED)
FIELDS = "id text sentAt channelService status metricsUpdatedAt metrics { type value unit }"
POSTS = """query($input: PostsInput!, $first: Int, $after: String) {
  posts(input: $input, first: $first, after: $after) {
    edges { node { %s } }
    pageInfo { hasNextPage endCursor }
  }
}"""

Item = dict[str, Any]


class Settings(ConnectorSettings):
    """Settings of Buffer."""

    model_config = SettingsConfigDict(env_prefix="TALLYRANK_BUFFER_")
    required: ClassVar[tuple[str, ...]] = ("token",)

    base_url: str = Field("https://api.buffer.com", description="Address of the API.")
    token: SecretStr | None = Field(None, description="API key, or OAuth2 token with posts:read and insights:read.")
    organizations: str = Field("", description="Ids of organizations, comma-separated; empty for all of the account.")
    days_back: int = Field(60, ge=1, le=365, description="Posts due in this many days are read every day.")
    page_size: int = Field(100, ge=1, le=100, description="Posts per request.")
    date_filter: Literal["dueAt", "startDate"] = Field(
        "dueAt", description="How posts are filtered by day; `startDate` if Buffer refuses `dueAt`."
    )
    attachments: bool = Field(True, description="Ask for link attachments; false if Buffer refuses the question.")

    @property
    def organization_ids(self) -> list[str]:
        """The organizations named, each once."""
        return comma_separated(self.organizations)


def buffer_error(answer: Answer, token: str = "") -> SourceError | None:
    """What an answer says went wrong; errors beside data that can be used are for the reader of the page."""
    if answer.status == 429:
        return _too_fast(answer)
    body = loads(answer.text)
    if not isinstance(body, dict) or not body.get("errors") or _is_usable(body.get("data")):
        return by_status(answer)
    error = graphql_error(body, token)
    return by_status(answer) or error if type(error) is BadRequest else error


def _is_usable(data: Any) -> bool:
    return isinstance(data, dict) and any(value is not None for value in data.values())


def graphql_error(body: Item, token: str = "") -> SourceError:
    """The first error of an answer, by its code."""
    first = next(iter(objects(body.get("errors"))), {})
    code = str(dig(first, "extensions", "code") or "")
    words = redacted(str(first.get("message"))[:160], (token,) if token else ())
    return KINDS.get(code, BadRequest)(NAME, f"{words} ({code})" if code else words)


def _too_fast(answer: Answer) -> SourceError:
    window = _window_of(loads(answer.text))
    seconds = retry_after(answer)
    if seconds is None:
        seconds = next((t for w, left, t in rate_limits(answer.headers) if left <= 0 and w in (window, None)), None)
    words = f"HTTP 429: {answer.text[:160]}"
    if seconds is None and (window or 0) > WINDOWS["15m"]:
        return QuotaExhausted(NAME, f"the requests of this window are used up: {words}")
    return limited(NAME, words, seconds)


def _window_of(body: Any) -> int | None:
    """The length in seconds of the window that a refusal names."""
    first = next(iter(objects(dig(body, "errors"))), {})
    return WINDOWS.get(str(dig(first, "extensions", "window")))


def rate_limits(headers: Mapping[str, str]) -> list[tuple[int | None, int, float]]:
    """From the headers, per window: its length in seconds where told, the requests left, the seconds to its reset."""
    lengths = {name: more.get("w") for name, more in _entries(headers.get("ratelimit-policy", ""))}
    found = [
        (whole(lengths.get(name)), left, float(reset))
        for name, more in _entries(headers.get("ratelimit", ""))
        if (left := whole(more.get("r"))) is not None and (reset := whole(more.get("t"))) is not None
    ]
    left, reset = whole(headers.get("x-ratelimit-remaining")), whole(headers.get("x-ratelimit-reset"))
    if found or left is None or reset is None:
        return found
    is_moment = reset > WINDOWS["30d"]  # no window is longer, so this is a time and no number of seconds
    return [(None, left, max(reset - datetime.now(UTC).timestamp(), 0.0) if is_moment else float(reset))]


def _entries(header: str) -> list[tuple[str, dict[str, str]]]:
    """A list of quoted names with parameters: `"200-in-15min";r=198;t=897, …`."""
    found = re.findall(r'"([^"]*)"((?:\s*;\s*\w+=[^;,\s]*)*)', header)
    return [(name, dict(re.findall(r";\s*(\w+)=([^;,\s]*)", more))) for name, more in found]


def heed_limits(answer: Answer, pace: Pace) -> None:
    """Wait for a window that is used up, if that is soon; else the next answer says so."""
    waits = [reset for _, left, reset in rate_limits(answer.headers) if left <= 0 and reset <= LONGEST_WAIT_SECONDS]
    if waits and answer.status < 300:
        pace.pause(max(waits))


def fetch_posts(ask: Ask) -> Iterator[Raw]:
    """The sent posts of each organization."""
    token = plain(ask.settings.token)
    headers = {"Authorization": f"Bearer {token}"}
    with Http(NAME, ask, classify=partial(buffer_error, token=token), after=heed_limits, headers=headers) as http:
        try:
            organizations = ask.settings.organization_ids or _organizations(http)
        except SourceError as error:
            yield replace(failed(ask, "organizations", error), url=None)
            return
        for organization in organizations:
            try:
                yield from _posts_of(ask, http, organization)
            except SourceError as error:
                yield replace(failed(ask, organization, error), url=None)
                if error.is_fatal:
                    return


def _organizations(http: Http) -> list[str]:
    data = _asked(http, ORGANIZATIONS, {}).get("data")
    found = dig(data, "account", "organizations")
    if not isinstance(found, list) or not all(isinstance(dig(o, "id"), str) for o in found):
        raise BadAnswer(NAME, "the account has no list `organizations`, or one of them has no `id`")
    return [o["id"] for o in found]


def _asked(http: Http, query: str, variables: Item) -> Item:
    body = http.post("/", json={"query": query, "variables": variables}).json()
    if not isinstance(body, dict):
        raise BadAnswer(NAME, "the answer is no object")
    return body


def _posts_of(ask: Ask, http: Http, organization: str) -> Iterator[Raw]:
    query, variables = question(ask, organization)
    for body in pages(lambda after: _asked(http, query, variables | {"after": after})):
        for edge in body["data"]["posts"]["edges"]:
            yield _row(ask, edge["node"])
        if body.get("errors"):
            error = graphql_error(body, plain(ask.settings.token))
            yield replace(failed(ask, f"{organization}: part of a page", error), url=None)


def question(ask: Ask, organization: str) -> tuple[str, Item]:
    """The query for sent posts of an organization, and its variables without a cursor."""
    last = ask.observed_at.astimezone(UTC)
    start, end = (f"{at:%Y-%m-%dT%H:%M:%SZ}" for at in (last - timedelta(days=ask.settings.days_back), last))
    is_due = ask.settings.date_filter == "dueAt"
    days: Item = {"dueAt": {"start": start, "end": end}} if is_due else {"startDate": start, "endDate": end}
    asked: Item = {
        "organizationId": organization,
        "filter": {"status": ["sent"], **days},
        "sort": [{"field": "dueAt", "direction": "desc"}],
    }
    links = f" metadata {{ {LINKS} ... on PinterestPostMetadata {{ url }} }}" if ask.settings.attachments else ""
    return POSTS % (FIELDS + links), {"input": asked, "first": ask.settings.page_size}


def pages(page_after: Callable[[str | None], Item]) -> Iterator[Item]:
    """The answers to one question, page by page."""
    after: str | None = None
    while True:
        body = page_after(after)
        posts = dig(body.get("data"), "posts")
        edges, info = dig(posts, "edges"), dig(posts, "pageInfo")
        if not isinstance(edges, list) or not all(_is_post(dig(edge, "node")) for edge in edges):
            raise BadAnswer(NAME, "a page has no list `edges`, or a post has no `id` or no `channelService`")
        has_next, following = dig(info, "hasNextPage"), dig(info, "endCursor")
        if not isinstance(has_next, bool) or (has_next and (not following or following == after)):
            raise BadAnswer(NAME, "the page does not say whether there is another one, or which")
        yield body
        if not has_next:
            return
        after = str(following)


def _is_post(node: Any) -> bool:
    return isinstance(dig(node, "id"), str) and isinstance(dig(node, "channelService"), str)


def _row(ask: Ask, post: Item) -> Raw:
    kept: Item = {"sent_at": post.get("sentAt"), "updated_at": post.get("metricsUpdatedAt")}
    if "metrics" in post:
        metrics = post["metrics"]
        kept["metrics"] = [_metric(m) for m in metrics if _concerns(m)] if isinstance(metrics, list) else None
    return Raw(f"{post['channelService']}:{post['id']}", ask.observed_at, url=page_of(post), payload=kept)


def _concerns(metric: Any) -> bool:
    """Whether a metric is read, or cannot be told apart from one that is."""
    name = dig(metric, "type")
    return (name is None or name in TYPES) and dig(metric, "unit") != "percentage"


def _metric(metric: Any) -> Item:
    return picked(metric, ("type", "value"))


def page_of(post: Item) -> str | None:
    """The web page a post links to: its link attachment, or the first web address in its text."""
    metadata = post.get("metadata")
    attached = dig(metadata, "linkAttachment")
    links = (dig(attached, "expandedUrl"), dig(attached, "url"), dig(metadata, "url"))
    return first_text([*links, *links_in(post.get("text"))])


def parse_posts(rows: Sequence[Raw]) -> Iterator[Observation]:
    """Six readings per post."""
    for row in rows:
        payload = mapping(row.payload)
        metrics, updated_at = payload.get("metrics"), moment(payload.get("updated_at"))
        values = _values(metrics)
        is_blind = values is None and not ("metrics" in payload and metrics is None)
        is_stale = updated_at is None or row.observed_at - updated_at > STALE_AFTER
        for verb in CONNECTOR.verbs:
            names = _names(verb, values or {})
            parts = [whole((values or {})[n]) for n in names] if updated_at else []
            absent = Status.FAILED if is_blind or None in parts else Status.HIDDEN
            known = [p for p in parts if p is not None]
            yield reading(
                CONNECTOR, verb, row, total(parts), absent=absent, quality=_quality(known, is_stale),
                native=" + ".join(names) or CONNECTOR.verbs[verb].native,
                object_id=row.subject, published_at=moment(payload.get("sent_at")),
            )  # fmt: skip


def _names(verb: Verb, values: Mapping[str, Any]) -> tuple[str, ...]:
    """The types of metric that make a verb: every part of a sum that came, or the best one of several."""
    if verb in SUMS:
        return tuple(name for name in SUMS[verb] if name in values)
    come = [name for name in FIRSTS[verb] if name in values]
    return tuple(sorted(come, key=lambda name: whole(values[name]) == 0)[:1])


def _values(metrics: Any) -> Mapping[str, Any] | None:
    """Values by type; None where the list cannot be read."""
    if not isinstance(metrics, list) or not all(isinstance(dig(m, "type"), str) for m in metrics):
        return None
    return {m["type"]: m.get("value") for m in metrics}


def _quality(parts: Sequence[int], is_stale: bool) -> Quality:
    if not sum(parts):
        return Quality.DEFAULT_ZERO
    return Quality.LOWER_BOUND if is_stale or 0 in parts else Quality.EXACT


CONNECTOR = Connector(
    name=NAME,
    title="Buffer",
    signal="votes",
    settings=Settings,
    streams=(
        Stream(
            name="posts",
            title="Posts that our account sent through Buffer",
            asks="account",
            requests="10, and 1 for the organizations",
            fetch=fetch_posts,
            parse=parse_posts,
            batch=100,
        ),
    ),
    quota="100 requests in 15 minutes, 250 a day (500 on Team), 3,000 to 15,000 in 30 days, by plan; 100 posts each.",
    terms="A customer's contract with Buffer; the networks' own rules on keeping their figures hold as well "
    "(unverified). Texts, authors and channels are not kept.",
    kept="as the networks' own rules say, of which the strictest known is YouTube's: 30 days",
    keys_from="Create an API key at publish.buffer.com/settings/api.",
    verbs={
        Verb.SHARE: VerbMeaning(
            "shares + reposts + quotes",
            "The network's count as Buffer reports it: times one post was passed on, in every way the network has.",
            Quality.DEFAULT_ZERO,
        ),
        Verb.LIKE: VerbMeaning(
            "reactions",
            "The network's count as Buffer reports it: reactions of every kind to one post.",
            Quality.DEFAULT_ZERO,
        ),
        Verb.COMMENT: VerbMeaning(
            "comments",
            "The network's count as Buffer reports it: comments on and replies to one post.",
            Quality.DEFAULT_ZERO,
        ),
        Verb.SAVE: VerbMeaning(
            "saves",
            "The network's count as Buffer reports it: times one post was saved (Instagram, Pinterest).",
            Quality.DEFAULT_ZERO,
        ),
        Verb.VIEW: VerbMeaning(
            "impressions",
            "The network's count as Buffer reports it: times one post was on screen, else its views.",
            Quality.DEFAULT_ZERO,
        ),
        Verb.CLICK: VerbMeaning(
            "clicks",
            "The network's count as Buffer reports it: clicks on one post, not all of them to the page.",
            Quality.DEFAULT_ZERO,
        ),
    },
    basis=Basis.POST,
    is_tool=True,
    cost="The API is part of every plan, the free one too.",
)
