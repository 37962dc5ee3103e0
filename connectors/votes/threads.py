"""Threads: the counters of one account's own posts. Threads API v1.0, a relative of the Graph API.

- posts: `GET /v1.0/me/threads?fields=…&limit=100`, newest first, then for each post
  `GET /v1.0/{id}/insights?metric=views,likes,replies,reposts,quotes,shares`.
- by_post: the same insights of known posts. No way is documented to ask about several at once: one request each.

The page is the post's `link_attachment_url`, or else the first address in its text that leads away from Threads; a post
without one has no url. The text is read for that and not kept.

Paging: `paging.next` while there is more, and pages may be short before that. Where only `paging.cursors` come, a full
page is followed by its `after` and a short one ends the list.

Verbs: like is `likes`, comment is `replies` (direct ones; replies to replies are not counted), view is `views` (Meta
calls it "in development"), share is `reposts` + `quotes` + `shares` (sent on), stored apart. If one of the three did
not come, the others are a lower bound, and nothing at all if they are 0. `threads_media_clicks` is undocumented and not
read.

What a missing number means: a metric that did not come is hidden, and an empty `data` hides all of them (a repost of
somebody else's post, `REPOST_FACADE`, always has it, so it is not asked about). A metric that came in another shape is
failed. One metric that is no longer known fails the whole question (code 100): then they are asked one by one, and the
one refused is left out for the rest of the run and failed. Metrics answer with `values` or with `total_value`.

Quota: 4,800 calls a day for each impression of the account, of which it has at least 10 (48,000). Usage headers, errors
and tokens as on Facebook (connectors/graph.py); a post that is gone is code 100/33. Only the account's own posts.
Retention: as long as the purpose needs it. Names, texts and media addresses are not kept.

UNVERIFIED: the largest page (`page_size`), whether `next` comes beside the cursors, several posts in one question,
`appsecret_proof` on this host, that the token may travel as `Authorization: Bearer` (third-party code does so), the
60 days that a token lasts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from connectors.base import Ask, Connector, Post, Stream, VerbMeaning, ask_in_batches, failed, reading, whole
from connectors.errors import BadAnswer, BadRequest, Gone, SourceError
from connectors.fields import dig, moment
from connectors.graph import GraphSettings, Item, connect, is_told, page_of_items, stopping
from connectors.http import Answer, Http
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb
from connectors.urls import first_outside, links_in

NAME = "threads"
VERSION = "v1.0"
FIELDS = ("id", "text", "timestamp", "media_type", "link_attachment_url")
SPARE = ("timestamp", "media_type", "link_attachment_url")  # fields that a list can do without
OWN_SITES = ("threads.net", "threads.com")
FACADE = "REPOST_FACADE"
METRICS = ("views", "likes", "replies", "reposts", "quotes", "shares")
COUNTED = {
    Verb.LIKE: ("likes",),
    Verb.COMMENT: ("replies",),
    Verb.SHARE: ("reposts", "quotes", "shares"),
    Verb.VIEW: ("views",),
}


class Settings(GraphSettings):
    """Settings of Threads."""

    model_config = SettingsConfigDict(env_prefix="TALLYRANK_THREADS_")

    base_url: str = Field("https://graph.threads.net", description="Address of the Threads API, without version.")
    version: str = Field(VERSION, pattern=r"^v\d+\.\d+$", description="Version of the Threads API.")
    page_size: int = Field(100, ge=1, le=100, description="Posts per page of the account's list.")

    def url_for(self, day: date) -> str:
        """As usual; a version at the end of the address is not repeated."""
        return super().url_for(day).removesuffix(f"/{self.version}")


def fetch_posts(ask: Ask) -> Iterator[Raw]:
    """All posts of the account with their insights."""
    posts: list[Item] = []
    problem: SourceError | None = None
    with connect(NAME, ask) as http:
        try:
            for item in listed(http, ask.settings.page_size):
                posts.append(item)  # one by one: what came before a failure is kept
        except SourceError as error:
            problem = error
        facades = [_post(item) for item in posts if item.get("media_type") == FACADE]
        yield from (_row(ask, post, {}, ()) for post in facades)
        rows = _insights_of(ask, http, [_post(item) for item in posts if item.get("media_type") != FACADE])
        yield from (replace(row, url=row.url or None) for row in rows)
    if problem:
        yield replace(failed(ask, "account", problem), url=None)


def listed(http: Http, limit: int) -> Iterator[Item]:
    """Every post of the account, newest first and each once."""
    seen: set[str] = set()
    fields, after = list(FIELDS), None
    while True:
        answer, fields = _page(http, fields, {"limit": limit} | ({"after": after} if after else {}))
        body = answer.json()
        data = page_of_items(NAME, body)
        if not all(isinstance(item.get("id"), str) for item in data):
            raise BadAnswer(NAME, "a post in a page of posts has no `id`")
        fresh = {item["id"]: item for item in data if item["id"] not in seen}
        yield from fresh.values()
        seen |= fresh.keys()
        following = _following(body, is_full=len(data) >= limit)
        if following is None:
            return
        if following == after:
            raise BadAnswer(NAME, "the next page of posts is this page again")
        after = following


def _page(http: Http, fields: list[str], more: Mapping[str, Any]) -> tuple[Answer, list[str]]:
    """A page of the list and the fields that it has: one that is refused and can be spared is asked for no more."""
    while True:
        try:
            with stopping():
                return http.get("/me/threads", {"fields": ",".join(fields), **more}), fields
        except BadRequest as error:
            refused = next((f for f in SPARE if f in fields and f"({f})" in error.message), None)
            if refused is None:
                raise
            fields = [f for f in fields if f != refused]


def _following(body: Any, *, is_full: bool) -> str | None:
    """The cursor of the next page, None after the last."""
    after, following = dig(body, "paging", "cursors", "after"), dig(body, "paging", "next")
    if isinstance(following, str) and following:
        return dict(parse_qsl(urlsplit(following).query)).get("after") or after
    return after if is_full and isinstance(after, str) and after else None


def _post(item: Item) -> Post:
    return Post(item["id"], page_of(item) or "", moment(item.get("timestamp")))


def page_of(item: Item) -> str | None:
    """The web page a post is about: its link, or the first address in its text that leads away from Threads."""
    return first_outside([item.get("link_attachment_url"), *links_in(item.get("text"))], OWN_SITES)


def fetch_by_post(ask: Ask) -> Iterator[Raw]:
    """The insights of known posts, one request each."""
    with connect(NAME, ask) as http:
        yield from _insights_of(ask, http, ask.posts)


def _insights_of(ask: Ask, http: Http, posts: Sequence[Post]) -> Iterator[Raw]:
    refused: set[str] = set()

    def rows(batch: Sequence[Post]) -> Iterator[Raw]:
        for post in batch:
            try:
                yield _row(ask, post, insights(http, post.object_id, refused), refused)
            except Gone as error:
                if not is_told(error):
                    raise BadAnswer(
                        NAME, f"no answer of the Threads API; is the address right? {error.message}"
                    ) from None
                yield replace(_row(ask, post, {}, ()), status=Status.NOT_FOUND)

    return ask_in_batches(ask, posts, 1, rows)


def insights(http: Http, post_id: str, refused: set[str]) -> dict[str, Any]:
    """The metrics of a post by name; those that Threads does not know (any more) are added to `refused`."""
    asked = [metric for metric in METRICS if metric not in refused]
    try:
        return _metrics(http, post_id, asked)
    except BadRequest:
        return _one_by_one(http, post_id, asked, refused)


def _one_by_one(http: Http, post_id: str, asked: Sequence[str], refused: set[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    wrong: dict[str, BadRequest] = {}
    for metric in asked:
        try:
            found |= _metrics(http, post_id, [metric])
        except BadRequest as error:
            wrong[metric] = error
    if len(wrong) == len(asked):  # then it is not the metrics
        raise wrong[asked[0]]
    refused |= set(wrong)
    return found


def _metrics(http: Http, post_id: str, metrics: Sequence[str]) -> dict[str, Any]:
    with stopping():
        body = http.get(f"/{post_id}/insights", {"metric": ",".join(metrics)}).json()
    found = project_insights(body)
    if found is None:
        raise BadAnswer(NAME, "the insights of a post have no list `data`, or none of the metrics asked for in it")
    return found


def project_insights(body: Any) -> dict[str, int | None] | None:
    """Metrics by name, None where one has no number; None when the answer holds something else than metrics."""
    data = dig(body, "data")
    if not isinstance(data, list):
        return None
    found = {name: _number(metric) for metric in data if (name := dig(metric, "name")) in METRICS}
    return found if found or not data else None


def _number(metric: Any) -> int | None:
    values = dig(metric, "values")
    count = whole(dig(values[-1], "value")) if isinstance(values, list) and values else None
    return whole(dig(metric, "total_value", "value")) if count is None else count


def _row(ask: Ask, post: Post, metrics: Mapping[str, Any], refused: Sequence[str] | set[str]) -> Raw:
    payload = {**post.known, "metrics": dict(metrics), "refused": sorted(refused)}
    return Raw(post.object_id, ask.observed_at, url=post.url or None, payload=payload)


def parse_posts(rows: Sequence[Raw]) -> Iterator[Observation]:
    """Four readings per post."""
    for row in rows:
        for verb, names in COUNTED.items():
            yield _reading(row, verb, names)


def _reading(row: Raw, verb: Verb, names: Sequence[str]) -> Observation:
    metrics, refused = dig(row.payload, "metrics"), dig(row.payload, "refused")
    counts = {name: count for name in names if (count := whole(dig(metrics, name))) is not None}
    total, is_whole = sum(counts.values()), len(counts) == len(names)
    return reading(
        CONNECTOR,
        verb,
        row,
        total if is_whole or total else None,
        absent=_absence(row, names, metrics, refused),
        quality=Quality.EXACT if is_whole or not total else Quality.LOWER_BOUND,
        native="+".join(counts if total and not is_whole else names),
        object_id=row.subject,
        published_at=moment(dig(row.payload, "published_at")),
    )


def _absence(row: Raw, names: Sequence[str], metrics: Any, refused: Any) -> Status:
    """What it means that a number is missing."""
    if row.status is Status.NOT_FOUND:
        return Status.NOT_FOUND
    if not isinstance(metrics, dict):
        return Status.FAILED
    is_broken = any(name in metrics and whole(metrics[name]) is None for name in names)
    is_refused = isinstance(refused, list) and any(name in refused for name in names)
    return Status.FAILED if is_broken or is_refused else Status.HIDDEN


CONNECTOR = Connector(
    name=NAME,
    title="Threads",
    signal="votes",
    settings=Settings,
    streams=(
        Stream(
            name="posts",
            title="Posts of our own account",
            asks="account",
            requests="1,010",
            fetch=fetch_posts,
            parse=parse_posts,
        ),
        Stream(
            name="by_post",
            title="Counters of known posts",
            asks="posts",
            fetch=fetch_by_post,
            parse=parse_posts,
            requests_per_1000=1000,
        ),
    ),
    quota="4,800 calls a day for each impression of the account, at least 48,000. One request per post.",
    terms="Meta Platform Terms: keep no longer than needed, delete on request. Names and texts are not kept.",
    kept="as long as the purpose needs it, and until somebody asks for its deletion",
    keys_from="Create an app at developers.facebook.com with the Threads use case, and make a token of the account "
    "with threads_basic and threads_manage_insights.",
    verbs={
        Verb.LIKE: VerbMeaning("likes", "Likes of one post."),
        Verb.COMMENT: VerbMeaning("replies", "Direct replies to one post; replies to replies are not counted."),
        Verb.SHARE: VerbMeaning(
            "reposts+quotes+shares", "Times one post was reposted, quoted or sent on; a lower bound if one is missing."
        ),
        Verb.VIEW: VerbMeaning("views", "Times one post was shown; Meta calls this number in development."),
    },
    basis=Basis.POST,
    verified="Written from the documentation and its example answers, and checked against a twin made from them; "
    "nothing was read live.",
)
