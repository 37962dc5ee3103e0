"""Buffer against its twin: posts with their networks' counts, default zeros, windows of requests, partial data."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from graphql import build_schema, parse, validate
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors import errors
from connectors.base import Ask, parse_all
from connectors.http import Answer, Pace
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb, raw_table
from connectors.sandbox import buffer as twin
from connectors.sandbox.server import running
from connectors.sandbox.world import World, WorldPost
from connectors.votes.buffer import (
    CONNECTOR,
    FIRSTS,
    ORGANIZATIONS,
    SUMS,
    buffer_error,
    heed_limits,
    page_of,
    pages,
    question,
    rate_limits,
)

POSTS = CONNECTOR.stream("posts")
AT = datetime(2026, 10, 14, 12, tzinfo=UTC)
DAYS = [date(2026, 7, 20), AT.date(), date(2026, 12, 5)]
TOKEN = "buf-0f0f"
Question = Callable[..., Ask]

# What the queries touch of the published schema, written down anew.
SCHEMA = """
scalar DateTime
scalar OrganizationId
scalar PostId
enum PostStatus { draft needs_approval scheduled sending sent error }
enum Service { instagram facebook twitter linkedin pinterest tiktok mastodon youtube threads bluesky }
enum PostMetricType { reactions comments shares reposts impressions views clicks saves quotes engagementRate likes }
enum PostMetricUnit { count percentage }
enum PostSortableKey { dueAt createdAt }
enum SortDirection { asc desc }
input DateTimeComparator { start: DateTime end: DateTime }
input PostsFiltersInput { status: [PostStatus!] dueAt: DateTimeComparator createdAt: DateTimeComparator }
input PostSortInput { field: PostSortableKey! direction: SortDirection! }
input PostsInput { organizationId: OrganizationId! filter: PostsFiltersInput sort: [PostSortInput!] }
type PostMetric { type: PostMetricType! name: String! value: Float! unit: PostMetricUnit! }
type LinkAttachment { url: String! expandedUrl: String title: String! }
type FacebookPostMetadata { linkAttachment: LinkAttachment }
type LinkedInPostMetadata { linkAttachment: LinkAttachment }
type ThreadsPostMetadata { linkAttachment: LinkAttachment }
type BlueskyPostMetadata { linkAttachment: LinkAttachment }
type PinterestPostMetadata { url: String title: String }
union PostMetadata =
    FacebookPostMetadata | LinkedInPostMetadata | ThreadsPostMetadata | BlueskyPostMetadata | PinterestPostMetadata
type Post {
  id: PostId! text: String! sentAt: DateTime status: PostStatus! channelService: Service! metadata: PostMetadata
  metrics: [PostMetric!] metricsUpdatedAt: DateTime
}
type PageInfo { hasNextPage: Boolean! endCursor: String }
type PostsEdge { node: Post! cursor: String! }
type PostsResults { edges: [PostsEdge!] pageInfo: PageInfo! }
type Organization { id: OrganizationId! name: String! }
type Account { id: ID! email: String! organizations: [Organization!]! }
type Query { account: Account! posts(input: PostsInput!, first: Int, after: String): PostsResults! }
"""


def told(asked: Ask) -> list[Observation]:
    """Fetch and parse."""
    return [o for o in parse_all(CONNECTOR, POSTS, list(POSTS.fetch(asked))) if isinstance(o, Observation)]


def about(metrics: Any, updated_at: Any = "2026-10-14T03:10:00.000Z", **more: Any) -> dict[Verb, Observation]:
    """Readings of one hand-written post; metrics as a dict are written as Buffer's list."""
    listed = [{"type": t, "value": v} for t, v in metrics.items()] if isinstance(metrics, dict) else metrics
    payload = {"sent_at": "2026-10-10T09:00:00.000Z", "updated_at": updated_at, "metrics": listed, **more}
    return {o.verb: o for o in POSTS.parse([Raw("threads:66f", AT, url="https://a.example/", payload=payload)])}


def failures(rows: list[Raw]) -> list[str]:
    """The classes of failed rows."""
    return [(r.error or "").partition(":")[0] for r in rows if r.status is Status.FAILED]


def posts_at(world: World, moment: datetime = AT, days: int = 60) -> dict[str, WorldPost]:
    """The posts sent in the window, by our id."""
    found = [p for p in world.posts("buffer") if p.exists_at(moment) and moment - p.published_at <= timedelta(days)]
    return {f"{twin.network(p)}:{twin.post_id(p)}": p for p in found}


def serving(*bodies: Any, **headers: str) -> Any:
    """A service that gives these answers in turn, the last one for ever."""
    rest = list(bodies)

    async def respond(_: Request) -> Response:
        body = rest.pop(0) if len(rest) > 1 else rest[0]
        return JSONResponse(body, headers=headers)

    return running(Starlette(routes=[Route("/", respond, methods=["POST"])]))


def page(*nodes: Any, following: str | None = None) -> dict[str, Any]:
    """One page of posts."""
    info = {"hasNextPage": following is not None, "endCursor": following}
    return {"data": {"posts": {"edges": [{"node": n} for n in nodes], "pageInfo": info}}}


def post(number: int = 1, **fields: Any) -> dict[str, Any]:
    """One post, as asked for."""
    metrics = [{"type": "reactions", "value": 3.0, "unit": "count"}]
    updated = {"metricsUpdatedAt": "2026-10-14T03:10:00.000Z", "metrics": metrics}
    return {"id": f"66f{number}", "channelService": "threads", "text": "", **updated, **fields}


# --- posts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("day", DAYS)
def test_posts_are_the_worlds(ask: Question, world: World, day: date) -> None:
    """Every post of every organization with its network in its id; numbers are those of Buffer's last look."""
    moment = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    found, truth = told(ask(CONNECTOR, day=day, token=TOKEN)), posts_at(world, moment)
    assert {o.object_id for o in found} == set(truth) != set()
    assert len(found) == 6 * len(truth)
    for o in found:
        sent = truth[str(o.object_id)]
        counts, seen = twin.metrics(sent, moment), twin.updated_at(sent, moment)
        parts = [n for n in (*SUMS.get(o.verb, ()), *FIRSTS.get(o.verb, ())) if n in counts]
        if not parts or seen is None:
            assert (o.status, o.count) == (Status.HIDDEN, None)
            continue
        total = sum(int(counts[n]) for n in parts)
        assert (o.count, o.native) == (total, " + ".join(parts))
        assert (o.platform, o.basis, o.published_at) == (
            f"buffer:{o.object_id.partition(':')[0]}",
            Basis.POST,
            sent.published_at,
        )
        is_bounded = moment - seen > timedelta(hours=36) or any(counts[n] == 0 for n in parts)
        assert o.quality is (
            Quality.DEFAULT_ZERO if total == 0 else Quality.LOWER_BOUND if is_bounded else Quality.EXACT
        )


def test_the_world_holds_every_trap(world: World) -> None:
    """Shy posts, fresh and stale numbers, and every network do occur on the days tested."""
    moments = [datetime(d.year, d.month, d.day, 12, tzinfo=UTC) for d in DAYS]
    posts = [(p, m) for m in moments for p in posts_at(world, m).values()]
    looks = {None if (seen := twin.updated_at(p, m)) is None else (m - seen).days for p, m in posts}
    assert looks >= {0, 3}
    assert {twin.network(p) for p, _ in posts} == set(twin.NETWORKS)
    assert any(p.is_shy for p, _ in posts)


def test_posts_stand_for_the_page_they_link_to(ask: Question, world: World) -> None:
    """The attachment where the network has one, else the text's first address, else no page."""
    truth = posts_at(world, days=365)
    for attachments in (True, False):
        asked = ask(CONNECTOR, token=TOKEN, days_back=365, attachments=attachments)
        urls = {o.object_id: o.url for o in told(asked)}
        assert urls == {
            i: p.url if twin.has_link(p) and (attachments or twin.network(p) not in twin.ATTACHING) else None
            for i, p in truth.items()
        }
        assert set(urls.values()) > {None}


@pytest.mark.parametrize(
    ("sent", "url"),
    [
        ({"text": "see https://a.example/x, and https://b.example"}, "https://a.example/x"),
        (
            {"text": "https://buff.ly/1", "metadata": {"linkAttachment": {"url": "https://c.example/"}}},
            "https://c.example/",
        ),
        (
            {"metadata": {"linkAttachment": {"url": "https://s.co/1", "expandedUrl": "https://d.example/"}}},
            "https://d.example/",
        ),
        ({"text": "", "metadata": {"url": "https://pin.example/"}}, "https://pin.example/"),
        ({"text": "no link", "metadata": {"linkAttachment": None}}, None),
        ({"text": None, "metadata": None}, None),
        ({"text": 3, "metadata": []}, None),
    ],
)
def test_where_the_page_is_looked_for(sent: dict[str, Any], url: str | None) -> None:
    """Attachment before text, the expanded address before the short one."""
    assert page_of(sent) == url


def test_deleted_posts_are_not_listed(ask: Question, world: World) -> None:
    """A post deleted in Buffer is listed on the day before, and not from that day on."""
    gone = next(p for p in world.posts("buffer") if p.deleted_day)
    assert gone.deleted_day
    name = f"{twin.network(gone)}:{twin.post_id(gone)}"
    days = (gone.deleted_day - timedelta(days=1), gone.deleted_day)
    assert [name in {o.object_id for o in told(ask(CONNECTOR, day=d, token=TOKEN))} for d in days] == [True, False]


@pytest.mark.parametrize("size", [1, 3, 100])
def test_small_pages_find_the_same(ask: Question, world: World, size: int) -> None:
    """However few posts fit on a page, the posts are the same; one request per page and organization, one for those."""
    asked = ask(CONNECTOR, token=TOKEN, page_size=size)
    assert told(asked) == told(ask(CONNECTOR, token=TOKEN))
    sizes = [sum(twin.organization(p) == o for p in posts_at(world).values()) for o in twin.ORGANIZATIONS]
    assert asked.meter.requests == 1 + sum(max(-(-n // size), 1) for n in sizes)


def test_named_organizations_need_no_question(ask: Question, world: World) -> None:
    """Only the organizations named are read, each once."""
    asked = ask(CONNECTOR, token=TOKEN, organizations=f"{twin.ORGANIZATIONS[1]}, {twin.ORGANIZATIONS[1]},")
    found = {o.object_id for o in told(asked)}
    assert found == {i for i, p in posts_at(world).items() if twin.organization(p) == twin.ORGANIZATIONS[1]}
    assert asked.meter.requests == 1


def test_an_unknown_organization_fails_alone(ask: Question, world: World) -> None:
    """NOT_FOUND as HTTP 200 is a failed row; the next organization is read."""
    rows = list(POSTS.fetch(ask(CONNECTOR, token=TOKEN, organizations=f"nobody,{twin.ORGANIZATIONS[0]}")))
    assert (rows[0].subject, rows[0].url, failures(rows)) == ("nobody", None, ["Gone"])
    assert len(rows) == 1 + sum(twin.organization(p) == twin.ORGANIZATIONS[0] for p in posts_at(world).values())


def test_both_forms_of_the_window_are_understood(ask: Question) -> None:
    """`dueAt` as in the schema, `startDate` and `endDate` as in the guide: the same posts."""
    assert told(ask(CONNECTOR, token=TOKEN, date_filter="startDate")) == told(ask(CONNECTOR, token=TOKEN))
    few = told(ask(CONNECTOR, token=TOKEN, days_back=10))
    assert {o.published_at for o in few} == {
        o.published_at for o in few if o.published_at and (AT - o.published_at).days < 10
    }
    _, variables = question(ask(CONNECTOR, token=TOKEN, days_back=10, date_filter="startDate"), "66f")
    assert variables["input"]["filter"] == {
        "status": ["sent"],
        "startDate": "2026-10-04T12:00:00Z",
        "endDate": "2026-10-14T12:00:00Z",
    }


@pytest.mark.parametrize("attachments", [True, False])
def test_the_queries_suit_the_schema(ask: Question, attachments: bool) -> None:
    """Checked by a GraphQL engine against the published schema: names, arguments and types of the variables."""
    query, variables = question(ask(CONNECTOR, token=TOKEN, attachments=attachments), "66f")
    schema = build_schema(SCHEMA)
    for text in (query, ORGANIZATIONS):
        assert validate(schema, parse(text)) == []
    assert validate(schema, parse(query.replace("sentAt", "sent_at"))) != []
    asked = variables["input"]
    literal = (
        f'{{ posts(first: {variables["first"]}, input: {{organizationId: "{asked["organizationId"]}", '
        f'filter: {{status: [sent], dueAt: {{start: "{asked["filter"]["dueAt"]["start"]}"}}}}, '
        f"sort: [{{field: {asked['sort'][0]['field']}, direction: {asked['sort'][0]['direction']}}}]}}) "
        "{ pageInfo { hasNextPage } } }"
    )
    assert validate(schema, parse(literal)) == []


@given(st.data())
def test_paging_loses_and_repeats_nothing(data: st.DataObject) -> None:
    """Any number of posts, any page size, empty pages between: each comes once, in order."""
    sizes = data.draw(st.lists(st.integers(0, 5), min_size=1, max_size=12))
    starts = [sum(sizes[:n]) for n in range(len(sizes))]
    asked: list[str | None] = []

    def page_after(after: str | None) -> dict[str, Any]:
        asked.append(after)
        n = 0 if after is None else int(after)
        following = str(n + 1) if n + 1 < len(sizes) else None
        return page(*(post(starts[n] + k) for k in range(sizes[n])), following=following)

    found = [edge["node"]["id"] for body in pages(page_after) for edge in body["data"]["posts"]["edges"]]
    assert found == [f"66f{n}" for n in range(sum(sizes))]
    assert asked == [None, *map(str, range(1, len(sizes)))]


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"data": None},
        {"data": {"posts": None}},
        {"data": {"posts": {"edges": None, "pageInfo": {"hasNextPage": False}}}},
        {"data": {"posts": {"edges": []}}},
        {"data": {"posts": {"edges": [], "pageInfo": {"hasNextPage": "no"}}}},
        {"data": {"posts": {"edges": [], "pageInfo": {"hasNextPage": True, "endCursor": None}}}},
        page({"id": "1"}),
        page({"channelService": "threads"}),
        page(None),
        page("x"),
    ],
    ids=json.dumps,
)
def test_pages_of_another_shape_are_failed(ask: Question, body: Any) -> None:
    """No list, no ids, no word of a next page: one failed row, never an endless loop."""
    with serving(body) as host:
        rows = list(POSTS.fetch(ask(CONNECTOR, token=TOKEN, base_url=host, organizations="66f")))
    assert failures(rows) == ["BadAnswer"]
    assert len(rows) == 1


def test_a_page_that_comes_again_ends_the_reading(ask: Question) -> None:
    """A cursor that stands still is a failed row after what was read."""
    with serving(page(post(1), following="c"), page(post(2), following="c")) as host:
        rows = list(POSTS.fetch(ask(CONNECTOR, token=TOKEN, base_url=host, organizations="66f")))
    assert [r.subject for r in rows] == ["threads:66f1", "66f"]
    assert failures(rows) == ["BadAnswer"]


@pytest.mark.parametrize(
    "body", [{"data": {"account": None}}, {"data": {"account": {"organizations": [{}]}}}], ids=json.dumps
)
def test_an_account_without_organizations_is_failed(ask: Question, body: Any) -> None:
    """Nothing else is asked when the account does not say what it holds."""
    with serving(body) as host:
        asked = ask(CONNECTOR, token=TOKEN, base_url=host)
        rows = list(POSTS.fetch(asked))
    assert (failures(rows), asked.meter.requests) == (["BadAnswer"], 1)


# --- numbers ---------------------------------------------------------------------------------------------------------


def test_ways_of_passing_on_are_added() -> None:
    """Shares, reposts and quotes are one verb; the native name says which came."""
    found = about({"shares": 4.0, "reposts": 3.0, "quotes": 2.0})
    assert (found[Verb.SHARE].count, found[Verb.SHARE].native) == (9, "shares + reposts + quotes")
    found = about({"reposts": 3.0})
    assert (found[Verb.SHARE].count, found[Verb.SHARE].native) == (3, "reposts")


def test_likes_are_a_part_of_reactions() -> None:
    """Facebook's `likes` are not added, and are no stand-in either."""
    assert about({"reactions": 12.0, "likes": 7.0})[Verb.LIKE].count == 12
    assert about({"likes": 7.0})[Verb.LIKE].status is Status.HIDDEN


@pytest.mark.parametrize(
    ("metrics", "count", "native"),
    [
        ({"impressions": 880.0, "views": 40.0}, 880, "impressions"),
        ({"views": 40.0}, 40, "views"),
        ({"impressions": 0.0, "views": 40.0}, 40, "views"),
        ({"impressions": 0.0, "views": 0.0}, 0, "impressions"),
    ],
)
def test_views_stand_in_for_impressions(metrics: dict[str, float], count: int, native: str) -> None:
    """Impressions where the network reports them; a 0 may mean that it does not."""
    found = about(metrics)[Verb.VIEW]
    assert (found.count, found.native) == (count, native)


def test_old_names_are_not_read() -> None:
    """What ends on 2026-12-01 is neither counted nor counted twice."""
    old = {
        "retweets": 5.0,
        "reblogs": 5.0,
        "favorites": 5.0,
        "replies": 5.0,
        "repins": 5.0,
        "link_clicks": 5.0,
        "other": 5.0,
    }
    assert {o.status for o in about([]).values()} == {Status.HIDDEN}
    with serving(page(post(metrics=[{"type": t, "value": v, "unit": "count"} for t, v in old.items()]))) as host:
        settings = {"base_url": host, "organizations": "66f", "token": TOKEN, "requests_per_second": 1e6}
        asked = Ask(CONNECTOR.settings(**{"_env_file": None} | settings), AT.date(), AT)
        [row] = POSTS.fetch(asked)
    assert row.payload["metrics"] == []
    assert {o.count for o in POSTS.parse([row])} == {None}


@pytest.mark.parametrize(
    ("metrics", "quality"),
    [
        ({"reposts": 0.0}, Quality.DEFAULT_ZERO),
        ({"shares": 0.0, "reposts": 0.0}, Quality.DEFAULT_ZERO),
        ({"shares": 4.0, "reposts": 0.0}, Quality.LOWER_BOUND),
        ({"shares": 4.0, "reposts": 1.0}, Quality.EXACT),
    ],
)
def test_a_zero_may_mean_not_reported(metrics: dict[str, float], quality: Quality) -> None:
    """A 0 is a default zero, a sum with such a part at least that much."""
    assert about(metrics)[Verb.SHARE].quality is quality


def test_numbers_of_a_missed_look_are_lower_bounds() -> None:
    """More than 36 hours old: counts mostly grow, so it is at least that much; a 0 stays a default zero."""
    for hours, quality in ((36, Quality.EXACT), (37, Quality.LOWER_BOUND)):
        at = (AT - timedelta(hours=hours)).isoformat()
        found = about({"reactions": 3.0, "comments": 0.0}, at)
        assert (found[Verb.LIKE].count, found[Verb.LIKE].quality) == (3, quality)
        assert found[Verb.COMMENT].quality is Quality.DEFAULT_ZERO


@pytest.mark.parametrize("updated_at", [None, "soon", 7])
def test_before_the_first_look_there_are_no_numbers(updated_at: Any) -> None:
    """The zeros of a post that Buffer has not looked at yet are no counts."""
    assert {(o.status, o.count) for o in about({"reactions": 0.0, "views": 9.0}, updated_at).values()} == {
        (Status.HIDDEN, None)
    }


@pytest.mark.parametrize("value", [None, "many", 1.5, [], True])
def test_a_value_that_is_no_count_fails_its_verb(value: Any) -> None:
    """One metric without a whole number is failed, in a sum too; the others stay."""
    found = about({"reactions": value, "shares": 3.0, "quotes": value, "comments": 2.0})
    assert [(found[v].status, found[v].count) for v in (Verb.LIKE, Verb.SHARE, Verb.COMMENT)] == [
        (Status.FAILED, None),
        (Status.FAILED, None),
        (Status.OBSERVED, 2),
    ]


@pytest.mark.parametrize(
    ("metrics", "status"),
    [(None, Status.HIDDEN), ([], Status.HIDDEN), ([{"value": 3}], Status.FAILED), ("x", Status.FAILED)],
)
def test_what_a_post_without_metrics_means(metrics: Any, status: Status) -> None:
    """Null or empty is hidden; a list whose entries have no type cannot be read."""
    assert {(o.status, o.count) for o in about(metrics).values()} == {(status, None)}


@pytest.mark.parametrize(
    ("field", "verbs"),
    [
        ("metrics", set(CONNECTOR.verbs)),
        ("type", set(CONNECTOR.verbs)),
        ("value", None),
        ("unit", set()),
        ("text", set()),
    ],
)
def test_renamed_fields(ask: Question, fault: Callable[..., None], field: str, verbs: set[Verb] | None) -> None:
    """What cannot be read is failed and never 0; a unit or a text that is gone costs no count."""
    before = told(ask(CONNECTOR, token=TOKEN))
    fault("buffer", f"rename:{field}")
    after = told(ask(CONNECTOR, token=TOKEN))
    pairs = list(zip(before, after, strict=True))
    lost = {new.verb for old, new in pairs if new.status is Status.FAILED and old.status is not Status.FAILED}
    assert lost == (set(CONNECTOR.verbs) if verbs is None else verbs)
    assert {new.count for old, new in pairs if new.verb in lost} <= {None}
    assert all(old.count == new.count for old, new in pairs if old.verb not in lost)


def test_percentages_are_no_counts(ask: Question) -> None:
    """A metric in percent is not kept, whatever its type."""
    metrics = [
        {"type": "reactions", "value": 50.0, "unit": "percentage"},
        {"type": "shares", "value": 2.0, "unit": "count"},
    ]
    with serving(page(post(metrics=metrics))) as host:
        [row] = POSTS.fetch(ask(CONNECTOR, token=TOKEN, base_url=host, organizations="66f"))
    assert row.payload["metrics"] == [{"type": "shares", "value": 2.0}]


def test_nothing_of_people_is_kept(ask: Question) -> None:
    """Texts, titles, authors and channels are served or asked for, and not stored; nor is the token."""
    asked = ask(CONNECTOR, token=TOKEN)
    query, variables = question(asked, twin.ORGANIZATIONS[0])
    headers = {"Authorization": f"Bearer {TOKEN}"}
    served = httpx.post(f"{asked.base_url}/", json={"query": query, "variables": variables}, headers=headers).text
    assert "Somebody Invented" in served
    rows = list(POSTS.fetch(asked))
    kept = str(raw_table(rows).to_pydict())
    assert not [word for word in ("nvented", TOKEN) if word in kept]
    assert {key for r in rows for key in r.payload} == {"sent_at", "updated_at", "metrics"}


# --- refusals and windows --------------------------------------------------------------------------------------------


def refusal(code: str | None, status: int = 200, message: str = "words", data: Any = None, **extensions: Any) -> Answer:
    """A GraphQL error."""
    told_ = {"message": message, **({"extensions": {"code": code, **extensions}} if code else {})}
    return Answer("buffer", status, {}, json.dumps({"data": data, "errors": [told_]}))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refusal("UNAUTHENTICATED", 401), errors.AuthError),
        (refusal("UNAUTHORIZED"), errors.AuthError),
        (refusal("FORBIDDEN"), errors.NotPermitted),
        (refusal("NOT_FOUND"), errors.Gone),
        (refusal("UNEXPECTED"), errors.Unavailable),
        (refusal(None, message="Query exceeds maximum allowed complexity."), errors.BadRequest),
        (refusal("GRAPHQL_VALIDATION_FAILED", 400), errors.BadRequest),
        (refusal("UNEXPECTED", data={"posts": None}), errors.Unavailable),
        (refusal("SOMETHING", 503), errors.Unavailable),
        (Answer("buffer", 401, {}, ""), errors.AuthError),
        (Answer("buffer", 402, {}, ""), errors.WalletEmpty),
        (Answer("buffer", 403, {}, "<html>"), errors.NotPermitted),
        (Answer("buffer", 200, {}, '{"errors": "x"}'), errors.BadRequest),
        (Answer("buffer", 200, {}, '{"errors": [7], "data": null}'), errors.BadRequest),
    ],
)
def test_each_refusal_has_its_class(answer: Answer, kind: type[errors.SourceError]) -> None:
    """The code decides, also in an HTTP 200; without a known one the HTTP status does."""
    assert type(buffer_error(answer)) is kind


@pytest.mark.parametrize(
    "answer",
    [
        Answer("buffer", 200, {}, '{"data": {"posts": {}}}'),
        Answer("buffer", 200, {}, '{"data": {"posts": {}}, "errors": []}'),
        refusal("UNEXPECTED", data={"posts": {"edges": []}}),
        Answer("buffer", 200, {}, "<html>"),
    ],
)
def test_answers_with_data_are_no_errors(answer: Answer) -> None:
    """Data that came is kept, whatever stands beside it."""
    assert buffer_error(answer) is None


def too_fast(window: str | None, **headers: str) -> Answer:
    """A 429, written from the contract."""
    told_ = {"message": "Too many requests", "extensions": {"code": "RATE_LIMIT_EXCEEDED", "window": window}}
    return Answer("buffer", 429, {k.replace("_", "-"): v for k, v in headers.items()}, json.dumps({"errors": [told_]}))


POLICY = '"100-in-15min";q=100;w=900;pk=:aW5=:, "day";q=250;w=86400;pk=:aW5=:, "month";q=3000;w=2592000;pk=:aW5=:'


@pytest.mark.parametrize(
    ("answer", "wait"),
    [
        (too_fast("15m", retry_after="17"), 17.0),
        (too_fast("15m", ratelimit='"100-in-15min";r=0;t=42, "day";r=9;t=50000', ratelimit_policy=POLICY), 42.0),
        (too_fast("15m", ratelimit='"day";r=0;t=50000, "100-in-15min";r=0;t=42', ratelimit_policy=POLICY), 42.0),
        (too_fast("15m", x_ratelimit_remaining="0", x_ratelimit_reset="33"), 33.0),
        (too_fast("15m"), None),
        (Answer("buffer", 429, {}, ""), None),
    ],
)
def test_a_short_wait_is_waited(answer: Answer, wait: float | None) -> None:
    """`Retry-After` first, then the window that was named, matched by its length."""
    error = buffer_error(answer)
    assert isinstance(error, errors.RateLimited)
    assert error.retry_after == wait


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (too_fast("24h", retry_after="40000"), 40000),
        (too_fast("15m", retry_after="800"), 800),
        (too_fast("24h", ratelimit='"100-in-15min";r=0;t=4, "day";r=0;t=50000', ratelimit_policy=POLICY), 50000),
        (too_fast("30d"), None),
    ],
)
def test_a_long_wait_ends_the_day(answer: Answer, seconds: int | None) -> None:
    """More than two minutes is a quota used up until then."""
    error = buffer_error(answer)
    assert type(error) is errors.QuotaExhausted
    if seconds is None:
        assert error.resets_at is None
    else:
        assert error.resets_at is not None
        assert abs((error.resets_at - datetime.now(UTC)).total_seconds() - seconds) < 60


def test_windows_are_matched_by_their_length() -> None:
    """Names change with the plan and say nothing; entries without numbers are left out."""
    headers = {"ratelimit": '"100-in-15min";r=98;t=897,"day";r=0;t=12 , "odd";r=x', "ratelimit-policy": POLICY}
    assert rate_limits(headers) == [(900, 98, 897.0), (86400, 0, 12.0)]
    assert rate_limits({}) == []
    assert rate_limits({"ratelimit": "nothing of the kind"}) == []


def test_the_old_triple_may_tell_a_time() -> None:
    """Where the reset is a moment and no number of seconds, the rest of it is waited for."""
    reset = str(int(datetime.now(UTC).timestamp()) + 60)
    [(window, left, seconds)] = rate_limits({"x-ratelimit-remaining": "0", "x-ratelimit-reset": reset})
    assert (window, left) == (None, 0)
    assert 50 < seconds <= 60


@pytest.mark.parametrize(
    ("status", "entry", "pause"),
    [(200, "r=0;t=30", 30.0), (200, "r=0;t=3000", 0.0), (200, "r=1;t=30", 0.0), (429, "r=0;t=30", 0.0)],
)
def test_a_window_that_is_used_up_is_waited_for(status: int, entry: str, pause: float) -> None:
    """After a good answer that was the last of its window nothing is sent until it begins anew, if that is soon."""
    waited: list[float] = []
    pace = Pace(1e6, waited.append)
    heed_limits(Answer("buffer", status, {"ratelimit": f'"a";{entry}'}, ""), pace)
    pace.wait()
    assert sum(waited) == pytest.approx(pause, abs=1)


def test_errors_beside_data_are_told_and_the_data_kept(ask: Question) -> None:
    """Partial answers: every post that came, and a failed row per page that says what did not."""
    rows = list(POSTS.fetch(ask(CONNECTOR, token="partial-1")))
    good = [r for r in rows if r.status is not Status.FAILED]
    assert good == list(POSTS.fetch(ask(CONNECTOR, token=TOKEN)))
    assert failures(rows) == ["Unavailable"] * len(twin.ORGANIZATIONS)
    assert {r.url for r in rows if r.status is Status.FAILED} == {None}


@pytest.mark.parametrize(
    ("token", "kind"), [("expired-1", "AuthError"), ("forged-1", "AuthError"), ("narrow-1", "NotPermitted")]
)
def test_refused_tokens_are_told_once(ask: Question, token: str, kind: str) -> None:
    """One failed row that says why, without the token; nothing more is asked."""
    asked = ask(CONNECTOR, token=token)
    rows = list(POSTS.fetch(asked))
    assert (failures(rows), len(rows), asked.meter.requests) == ([kind], 1, 1)
    assert token not in str(rows)


@pytest.mark.parametrize("token", ["flaky-1", "hurried-1"])
def test_passing_trouble_leaves_no_trace(ask: Question, token: str) -> None:
    """UNEXPECTED in a 200 and a 429 with a wait are tried again, with the same result."""
    asked, calm = ask(CONNECTOR, token=token), ask(CONNECTOR, token=TOKEN)
    assert told(asked) == told(calm)
    assert asked.meter.requests == calm.meter.requests + 1


def test_a_day_used_up_stops_the_questions(ask: Question) -> None:
    """The 24-hour window is told with its end; no organization is asked after that."""
    asked = ask(CONNECTOR, token="spent-1", organizations=",".join(twin.ORGANIZATIONS))
    rows = list(POSTS.fetch(asked))
    assert (failures(rows), asked.meter.requests) == (["QuotaExhausted"], 1)
    assert "UTC" in (rows[0].error or "")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"query": "{ posts(first: 101) { edges } }", "variables": {"first": 101}}, ""),
        ({"query": "{ posts(first: 0) { edges } }", "variables": {"first": 0}}, ""),
        (
            {"query": "{ posts(first: 1) { edges } }", "variables": {"first": 1, "input": {"organizationId": "x"}}},
            "NOT_FOUND",
        ),
        ({"query": "{ drafts }"}, ""),
    ],
)
def test_the_twin_refuses_what_buffer_refuses(ask: Question, body: dict[str, Any], code: str) -> None:
    """HTTP 200, no data, errors with a code or only words; all windows stand in the headers."""
    base = ask(CONNECTOR, token=TOKEN).base_url
    answer = httpx.post(f"{base}/", json=body, headers={"Authorization": "Bearer any"})
    told_ = answer.json()
    assert (answer.status_code, told_["data"], told_["errors"][0]["extensions"].get("code", "")) == (200, None, code)
    assert [window for window, _, _ in rate_limits(dict(answer.headers))] == list(twin.QUOTAS)
