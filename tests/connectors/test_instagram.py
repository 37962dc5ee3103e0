"""Instagram against its twin: media of the account, media by id, insights where a counter is missing."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from connectors import graph
from connectors.base import Ask, Post, Stream, parse_all
from connectors.errors import BadAnswer
from connectors.records import Basis, Observation, Raw, Status, Verb, raw_table
from connectors.sandbox import instagram as twin
from connectors.sandbox.server import running
from connectors.sandbox.world import World, WorldPost
from connectors.votes.instagram import (
    CONNECTOR,
    NAME,
    Settings,
    page_of,
    project_insights,
    project_media,
    segments_in,
)
from pipelines.sqlfile import build, tables
from tests.pipelines.making import fill, observation_table, part, rows

MEDIA, BY_POST, AUDIENCE = (CONNECTOR.stream(name) for name in ("media", "by_post", "audience"))
PROFILE = "https://www.instagram.com/our-shop/"
AT = datetime(2026, 10, 14, 12, tzinfo=UTC)
DAY = AT.date()
METRICS = {
    Verb.LIKE: "likes",
    Verb.COMMENT: "comments",
    Verb.SHARE: "shares",
    Verb.SAVE: "saved",
    Verb.VIEW: "views",
    Verb.CLICK: "link_clicks",
}
Question = Callable[..., Ask]


@pytest.fixture
def question(ask: Question) -> Question:
    """A question with the account's token and id."""
    return lambda **more: ask(CONNECTOR, **{"token": "tok-1g", "user_id": twin.USER_ID} | more)


def told(stream: Stream, question: Ask) -> list[Observation]:
    """Fetch and parse."""
    return [o for o in parse_all(CONNECTOR, stream, list(stream.fetch(question))) if isinstance(o, Observation)]


def media_at(world: World) -> dict[str, WorldPost]:
    """What the account shows, by id."""
    return {twin.media_id(p): p for p in world.posts("pinterest") if p.exists_at(AT)}


def is_withheld(post: WorldPost, verb: Verb) -> bool:
    """Whether a counter is not among the fields: the owner hides it, or it is a metric of the insights alone."""
    return verb is Verb.CLICK or (post.is_shy and verb in (Verb.LIKE, Verb.VIEW))


def test_media_are_the_worlds(question: Question, world: World) -> None:
    """Every medium with five counters; those its owner hides are hidden and never 0, and so are unread clicks."""
    found, truth = told(MEDIA, question()), media_at(world)
    assert {o.object_id for o in found} == set(truth)
    for o in found:
        post = truth[str(o.object_id)]
        expected = None if is_withheld(post, o.verb) else twin.counts_of(post, post.votes_at(AT))[METRICS[o.verb]]
        assert (o.count, o.status) == (expected, Status.HIDDEN if expected is None else Status.OBSERVED)
        assert (o.basis, o.published_at) == (Basis.POST, post.published_at)
    assert {o.status for o in found} == {Status.OBSERVED, Status.HIDDEN}


def test_the_page_is_the_first_link_of_the_caption(question: Question, world: World) -> None:
    """A medium speaks of the page its caption names; without one it stands for its own permalink."""
    for row in MEDIA.fetch(question()):
        post = media_at(world)[row.subject]
        permalink = f"https://www.instagram.com/p/{post.object_id[-9:]}/"
        assert row.url == (permalink if twin.has_no_link(post) else post.url)


@pytest.mark.parametrize(
    ("item", "page"),
    [
        ({"caption": "a https://a.example/x, b https://b.example/", "permalink": "p"}, "https://a.example/x"),
        ({"caption": "no link", "permalink": "https://www.instagram.com/p/A/"}, "https://www.instagram.com/p/A/"),
        ({"permalink": "https://www.instagram.com/p/A/"}, "https://www.instagram.com/p/A/"),
        ({"caption": None, "permalink": None}, None),
        ({}, None),
    ],
)
def test_pages_of_hand_written_media(item: dict[str, Any], page: str | None) -> None:
    """The caption first, then the permalink, then nothing."""
    assert page_of(item) == page


def test_captions_and_names_are_dropped(question: Question, world: World) -> None:
    """What people wrote and who they are reaches no row."""
    asked = question(posts=[Post(i, p.url) for i, p in media_at(world).items()])
    url = f"{asked.base_url}/v26.0/{twin.USER_ID}/media"
    assert "nvented" in httpx.get(url, params={"fields": "caption,username", "access_token": "tok-1g"}).text
    kept = str(raw_table([*MEDIA.fetch(asked), *BY_POST.fetch(asked)]).to_pydict())
    assert "nvented" not in kept
    assert "tok-1g" not in kept


@settings(max_examples=15, deadline=None)
@given(limit=st.integers(1, 100))
def test_paging_loses_and_repeats_nothing(limit: int, world: World, _sandbox: Any) -> None:
    """Whatever the page size, every medium comes exactly once, newest first."""
    known: dict[str, Any] = {"token": "tok-1g", "user_id": twin.USER_ID, "requests_per_second": 1e6}
    made = Settings(_env_file=None, base_url=f"{_sandbox[0]}/{{day}}/instagram", **known)
    with graph.connect(NAME, Ask(made, DAY, AT)) as http:
        found = [i["id"] for i in graph.items(http, f"/{twin.USER_ID}/media", {"fields": "id"}, limit)]
    assert found == list(reversed(media_at(world)))


def test_known_media_are_refreshed_fifty_at_a_time(question: Question, world: World) -> None:
    """Counters by id equal those of the list; the page is the one remembered; unknown media are not found."""
    posts = [Post(i, "https://known.example/") for i in media_at(world)][:49]
    asked = question(posts=[*posts, Post("17900000000000000", "https://gone.example/", AT)])
    found = told(BY_POST, asked)
    assert asked.meter.requests == 1
    listed = {(o.object_id, o.verb): o.count for o in told(MEDIA, question())}
    assert all(o.count == listed[o.object_id, o.verb] for o in found if o.status is not Status.NOT_FOUND)
    gone = [o for o in found if o.status is Status.NOT_FOUND]
    assert {(o.object_id, o.url, o.published_at) for o in gone} == {("17900000000000000", "https://gone.example/", AT)}
    assert len(gone) == len(CONNECTOR.verbs)
    assert {o.url for o in found} == {"https://known.example/", "https://gone.example/"}


def test_insights_fill_what_is_missing(question: Question, world: World) -> None:
    """Asked for, they give clicks and hidden counters of our own media, one request per medium, marked as such."""
    plain, asked = question(), question(insights=True)
    before, found = told(MEDIA, plain), told(MEDIA, asked)
    truth = media_at(world)
    filled = [o for o, old in zip(found, before, strict=True) if old.status is Status.HIDDEN and o.count is not None]
    assert filled
    for o in filled:
        post = truth[str(o.object_id)]
        assert o.count == twin.counts_of(post, post.votes_at(AT))[METRICS[o.verb]]
        assert o.native == f"insights.{METRICS[o.verb]}"
    assert {o.verb for o in filled} == {Verb.LIKE, Verb.VIEW, Verb.CLICK}
    others = [(o, old) for o, old in zip(found, before, strict=True) if old.status is Status.OBSERVED]
    assert all(o == old for o, old in others)


def test_reels_have_no_clicks(question: Question, world: World) -> None:
    """The first reel refuses the metric and keeps its others; no other reel is asked for it, nor without need."""
    truth = list(media_at(world).values())
    reels = [post for post in reversed(truth) if twin.kind_of(post) == "REELS"]
    plain, asked = question(), question(insights=True)
    told(MEDIA, plain)
    clicks = {o.object_id: o for o in told(MEDIA, asked) if o.verb is Verb.CLICK}
    assert {clicks[twin.media_id(post)].status for post in reels} == {Status.HIDDEN}
    assert all(o.count is not None for o in clicks.values() if o.object_id in {*map(twin.media_id, feed_of(truth))})
    first = 1 + (3 if reels[0].is_shy else 0)  # all of them at once, then each by itself
    later = len([post for post in reels[1:] if post.is_shy])
    assert asked.meter.requests - plain.meter.requests == len(truth) - len(reels) + first + later


def feed_of(posts: list[WorldPost]) -> list[WorldPost]:
    """The media that are neither stories nor reels."""
    return [post for post in posts if twin.kind_of(post) == "FEED"]


@pytest.mark.parametrize("dead", ["likes", "views", "link_clicks"])
def test_a_dead_metric_costs_itself_alone(question: Question, dead: str) -> None:
    """One name that is no longer known spoils the question: asked one by one, the others are read."""
    asked: list[str] = []

    async def media(_request: Request) -> JSONResponse:
        items = [{"id": i, "media_product_type": "FEED", "comments_count": 1, "shares_count": 2} for i in "12"]
        return JSONResponse({"data": [item | {"saved_count": 3} for item in items]})

    async def insights(request: Request) -> JSONResponse:
        asked.append(request.query_params["metric"])
        names = asked[-1].split(",")
        if dead in names:
            return JSONResponse({"error": {"code": 100, "message": f"(#100) {dead} must be a valid metric"}}, 400)
        return JSONResponse({"data": [{"name": name, "values": [{"value": 7}]} for name in names]})

    routes = [Route("/v26.0/{user}/media", media), Route("/v26.0/{medium}/insights", insights)]
    with running(Starlette(routes=routes)) as address:
        found = told(MEDIA, question(insights=True, base_url=address))
    lacking = ["likes", "views", "link_clicks"]
    alive = [name for name in lacking if name != dead]
    assert asked == [",".join(lacking), *lacking, ",".join(alive)]
    lost = next(verb for verb, metric in METRICS.items() if metric == dead)
    assert {(o.status, o.count) for o in found if o.verb is lost} == {(Status.HIDDEN, None)}
    assert {o.count for o in found if METRICS[o.verb] in alive} == {7}
    assert {o.status for o in found if o.verb is not lost} == {Status.OBSERVED}


@pytest.mark.parametrize(
    ("status", "error", "found", "questions"),
    [
        (400, {"code": 10, "message": "Not enough viewers"}, Status.HIDDEN, 1),
        (400, {"code": 100, "message": "The metric is not supported for this media product type."}, Status.HIDDEN, 4),
        (400, {"code": 190, "error_subcode": 463, "message": "expired"}, Status.FAILED, 1),
    ],
)
def test_insights_that_are_refused(
    question: Question, status: int, error: dict[str, Any], found: Status, questions: int
) -> None:
    """Too few viewers or an unsupported metric leave a counter hidden; a refused token is a failure."""
    asked: list[str] = []

    async def media(_request: Request) -> JSONResponse:
        return JSONResponse({"data": [{"id": "1", "media_product_type": "STORY", "saved_count": 2}]})

    async def insights(request: Request) -> JSONResponse:
        asked.append(request.query_params["metric"])
        return JSONResponse({"error": error}, status)

    routes = [Route("/v26.0/{user}/media", media), Route("/v26.0/{medium}/insights", insights)]
    with running(Starlette(routes=routes)) as address:
        readings = told(MEDIA, question(insights=True, base_url=address))
    assert asked == ["shares,views,link_clicks", "shares", "views", "link_clicks"][:questions]
    assert {o.status for o in readings if o.verb is Verb.VIEW} == {found}
    assert [o.count for o in readings if o.verb is Verb.SAVE] == ([2] if found is Status.HIDDEN else [None])


@pytest.mark.parametrize(
    ("body", "metrics"),
    [
        ({"data": [{"name": "likes", "values": [{"value": 58}]}]}, {"likes": 58}),
        ({"data": [{"name": "likes", "total_value": {"value": 7}}]}, {"likes": 7}),
        ({"data": [{"name": "views", "values": [{"value": 1}, {"value": 2}]}]}, {"views": 2}),
        ({"data": [{"name": "likes", "values": []}, {"name": "saved"}, {"values": [{"value": 1}]}]}, {}),
        ({"data": []}, {}),
        ({"data": None}, {}),
        ({}, {}),
        ([], {}),
    ],
)
def test_insights_are_read_in_both_shapes(body: Any, metrics: dict[str, int]) -> None:
    """`values` or `total_value`; an empty list is missing data and not 0."""
    assert project_insights(body) == metrics


def test_a_wrong_account_is_a_failed_row(question: Question) -> None:
    """An account the token may not see is one failed row without a url."""
    rows = list(MEDIA.fetch(question(user_id="1")))
    assert [(r.subject, r.status, r.url) for r in rows] == [("1", Status.FAILED, None)]
    assert (rows[0].error or "").startswith("Gone: ")


def test_a_refused_token_is_named(question: Question) -> None:
    """An expired token says so, and the error does not repeat it."""
    rows = list(MEDIA.fetch(question(token="expired-77")))
    assert (rows[0].error or "").startswith("AuthError: the token has expired")
    assert "expired-77" not in str(rows)


def test_what_must_be_set_is_named(ask: Question) -> None:
    """Token and account are both needed."""
    assert ask(CONNECTOR).settings.missing() == ("TALLYRANK_INSTAGRAM_TOKEN", "TALLYRANK_INSTAGRAM_USER_ID")


# --- the audience ----------------------------------------------------------------------------------------------------


def test_the_audience_is_off_by_default(question: Question) -> None:
    """Nothing is asked before an address is set."""
    asked = question()
    assert told(AUDIENCE, asked) == []
    assert asked.meter.requests == 0


def test_segments_of_the_audience(question: Question, world: World) -> None:
    """People who engaged by country, and by age and gender; views by followers; small segments are hidden."""
    asked = question(audience_url=PROFILE, segment_minimum=20)
    people = twin.people_of(world, AT)
    known = {f"country={c}": people * share // 100 for (c,), share in twin.PEOPLE["country",].items()}
    ages = twin.PEOPLE["age", "gender"].items()
    known |= {f"age={age};gender={gender}": people * share // 100 for (age, gender), share in ages}
    known |= {f"follow_type={kind}": 7 * people * share // 100 for (kind,), share in twin.VIEWERS.items()}
    found = told(AUDIENCE, asked)
    assert {o.segment: o.count for o in found} == {s: n if n >= 20 else None for s, n in known.items()}
    assert {o.status for o in found if o.count is None} == {Status.HIDDEN}
    assert {(o.url, o.basis, o.object_id) for o in found} == {(PROFILE, Basis.PAGE, None)}
    assert {(o.verb, o.native) for o in found} == {(Verb.LIKE, twin.ENGAGED), (Verb.VIEW, "views")}
    assert asked.meter.requests == 3


def test_small_segments_are_never_stored(question: Question, world: World) -> None:
    """What is withheld stands in no stored row."""
    stored = [r.payload["count"] for r in AUDIENCE.fetch(question(audience_url=PROFILE, segment_minimum=20))]
    assert "suppressed" in stored
    assert all(n == "suppressed" or n >= 20 for n in stored)


def test_too_few_people_are_no_segments(question: Question) -> None:
    """An empty list is missing data: no segments of people, and no failure."""
    rows_ = list(AUDIENCE.fetch(question(token="quiet-1", audience_url=PROFILE, audience_views="")))
    assert rows_ == []


def test_a_report_that_is_retired_fails_alone(question: Question) -> None:
    """A breakdown that is refused is one failed row without a url; the other reports keep their numbers."""
    settings = {"audience_url": PROFILE, "audience_breakdowns": "country; shoe_size ;", "segment_minimum": 0}
    read = list(AUDIENCE.fetch(question(**settings)))
    lost = [r for r in read if r.status is Status.FAILED]
    assert [(r.subject, r.url, (r.error or "").partition(":")[0]) for r in lost] == [
        (f"{twin.ENGAGED} by shoe_size", None, "BadRequest")
    ]
    assert {o.verb for o in AUDIENCE.parse([r for r in read if r not in lost])} == {Verb.LIKE, Verb.VIEW}


def test_another_timeframe_may_be_set(question: Question) -> None:
    """A timeframe that there is not is refused by the twin; another one that there is, is answered."""
    good = question(audience_url=PROFILE, audience_timeframe="last_90_days", audience_views="")
    bad = question(audience_url=PROFILE, audience_timeframe="for_ever", audience_views="")
    assert {r.status for r in AUDIENCE.fetch(good)} == {Status.OBSERVED}
    assert {r.status for r in AUDIENCE.fetch(bad)} == {Status.FAILED}


def test_a_refused_token_stops_the_reports(question: Question) -> None:
    """After an expired token the other reports fail alike, unasked."""
    asked = question(token="expired-5", audience_url=PROFILE)
    assert {(r.error or "").partition(":")[0] for r in AUDIENCE.fetch(asked)} == {"AuthError"}
    assert asked.meter.requests == 1


def test_words_of_the_audience_are_dropped(question: Question) -> None:
    """Titles and descriptions are served and not kept."""
    kept = str(raw_table(list(AUDIENCE.fetch(question(audience_url=PROFILE)))).to_pydict())
    assert "nvented" not in kept
    assert "tok-1g" not in kept


def insight(**total: Any) -> dict[str, Any]:
    """Account insights with a total written by hand."""
    return {"data": [{"name": "people", "total_value": total}]}


@pytest.mark.parametrize(
    ("body", "segments"),
    [
        ({"data": []}, {}),
        (insight(breakdowns=[]), {}),
        (insight(breakdowns=[{"dimension_keys": ["age"], "results": []}]), {}),
        (
            insight(breakdowns=[{"dimension_keys": ["age"], "results": [{"dimension_values": ["18-24"], "value": 9}]}]),
            {"age=18-24": 9},
        ),
        (
            insight(
                breakdowns=[{"dimension_keys": ["timeframe", "age"], "results": [{"dimension_values": ["T", "9"]}]}]
            ),
            {"age=9": None},
        ),
    ],
)
def test_segments_by_hand(body: Any, segments: dict[str, Any]) -> None:
    """Each result by what it is a part of; the timeframe is no part; a missing value is unknown."""
    assert segments_in(body, "people") == segments


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"data": None},
        {"data": [{"name": "others", "total_value": {"breakdowns": []}}]},
        insight(value=7),
        insight(breakdowns=[{"dimension_keys": ["age"]}]),
        insight(breakdowns=[{"dimension_keys": ["age"], "results": [{"value": 7}]}]),
        insight(breakdowns=[{"dimension_keys": ["age"], "results": [{"dimension_values": ["a", "b"], "value": 7}]}]),
        insight(breakdowns=[{"dimension_keys": ["age"], "results": [{"dimension_values": [3], "value": 7}]}]),
    ],
    ids=json.dumps,
)
def test_other_shapes_of_the_audience_are_said(body: Any) -> None:
    """A whole without parts, or parts without their names: an error, never a number."""
    with pytest.raises(BadAnswer):
        segments_in(body, "people")


@pytest.mark.parametrize("missing", ["segment", "metric", "verb"])
def test_a_row_without_its_segment_is_no_total(missing: str) -> None:
    """A stored row that lost what it is about gives nothing at all."""
    payload = {"segment": "age=9", "metric": "people", "verb": "like", "count": 50}
    row = Raw("x", AT, url=PROFILE, payload=payload)
    assert [o.count for o in AUDIENCE.parse([row])] == [50]
    del payload[missing]
    assert list(AUDIENCE.parse([row])) == []


def test_totals_do_not_change(question: Question, tmp_path: Path) -> None:
    """In the warehouse the audience, and what failed of it, leaves the readings of media as they were."""
    lake, table = fill(tmp_path, told(MEDIA, question())), tables()["stg_observations"]
    build(lake, table)
    before = rows(lake, "FROM stg_observations ORDER BY ALL")
    audience = told(AUDIENCE, question(audience_url=PROFILE))
    refused = told(AUDIENCE, question(audience_url=PROFILE, token="expired-6"))
    lake.write(part("observations", connector=NAME, stream="audience"), observation_table([*audience, *refused]))
    build(lake, table)
    build(lake, tables()["vote_segments"])
    assert rows(lake, "FROM stg_observations ORDER BY ALL") == before != []
    assert len(rows(lake, "FROM vote_segments WHERE status <> 'failed'")) == len(audience) > 0


def test_the_official_client_reads_the_twin(sandbox: str, world: World) -> None:
    """facebook-business, unmodified and told another address, reads media, insights and the audience from the twin."""
    from facebook_business.adobjects.igmedia import IGMedia
    from facebook_business.adobjects.iguser import IGUser
    from facebook_business.api import FacebookAdsApi
    from facebook_business.exceptions import FacebookRequestError
    from facebook_business.session import FacebookSession

    class Session(FacebookSession):  # type: ignore[misc, unused-ignore]
        GRAPH = f"{sandbox}/{DAY}/instagram"

    api = FacebookAdsApi(Session(access_token="sdk-1g"), api_version="v26.0")
    truth = media_at(world)
    media = list(IGUser(twin.USER_ID, api=api).get_media(fields=["id", "comments_count"], params={"limit": 7}))
    votes = {i: twin.counts_of(post, post.votes_at(AT))["comments"] for i, post in truth.items()}
    assert {m["id"]: m["comments_count"] for m in media} == votes
    feed = next(i for i, post in truth.items() if twin.kind_of(post) == "FEED")
    saved, clicks = IGMedia(feed, api=api).get_insights(params={"metric": ["saved", "link_clicks"]})
    assert saved["values"][0]["value"] == truth[feed].votes_at(AT)
    assert clicks["values"][0]["value"] == 2 * truth[feed].votes_at(AT)
    asked = {"metric": ["views"], "period": ["day"], "metric_type": "total_value", "breakdown": ["follow_type"]}
    (views,) = IGUser(twin.USER_ID, api=api).get_insights(params=asked)
    assert segments_in({"data": [views.export_all_data()]}, "views") == {
        f"follow_type={kind}": 7 * twin.people_of(world, AT) * share // 100 for (kind,), share in twin.VIEWERS.items()
    }
    with pytest.raises(FacebookRequestError) as caught:
        list(
            IGUser(twin.USER_ID, api=FacebookAdsApi(Session(access_token="expired-1"), api_version="v26.0")).get_media()
        )
    assert (caught.value.api_error_code(), caught.value.api_error_subcode()) == (190, 463)


def recorded(shared: Path, name: str) -> Any:
    """A recorded answer."""
    return json.loads((shared / "data/responses/instagram" / name).read_text())


def test_recorded_media_parse(shared: Path) -> None:
    """Real media: likes and comments are observed, counters that did not come are hidden."""
    found = recorded(shared, "medias_fields.json")
    rows = [Raw(i, AT, url=page_of(item), payload=project_media(item)) for i, item in found.items()]
    parsed = list(MEDIA.parse(rows))
    counts = {(o.object_id, o.verb): o.count for o in parsed if o.status is Status.OBSERVED}
    truth = {(i, Verb.LIKE): item["like_count"] for i, item in found.items()}
    truth |= {(i, Verb.COMMENT): item["comments_count"] for i, item in found.items()}
    assert counts == truth
    assert {o.status for o in parsed if o.verb not in (Verb.LIKE, Verb.COMMENT)} == {Status.HIDDEN}
    assert all(o.published_at and o.url for o in parsed)
    assert not any(item["caption"] in str(r.payload) for r, item in zip(rows, found.values(), strict=True))


def test_recorded_insights_parse(shared: Path) -> None:
    """Real insights give one number per metric."""
    body = recorded(shared, "insights_new.json")
    assert project_insights(body) == {m["name"]: m["values"][-1]["value"] for m in body["data"]}
