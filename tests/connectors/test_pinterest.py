"""Pinterest against its twin: pins of the account, analytics for missing saves, and the public count by address."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
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

from connectors import errors
from connectors.base import Ask, Stream, parse_all
from connectors.http import Answer, Http
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb, raw_table
from connectors.sandbox import pinterest as twin
from connectors.sandbox.server import running
from connectors.sandbox.world import World, WorldPost
from connectors.votes.pinterest import (
    CONNECTOR,
    NAME,
    SAVE_90D,
    Settings,
    count_in,
    part_of,
    pin_pages,
    pinterest_error,
    project_pin,
    saves_of,
)
from pipelines.sqlfile import build, tables
from tests.pipelines.making import fill, observation_table, part
from tests.pipelines.making import rows as in_table

PINS, BY_URL, AUDIENCE = (CONNECTOR.stream(name) for name in ("pins", "by_url", "audience"))
AT = datetime(2026, 10, 14, 12, tzinfo=UTC)
DAY = AT.date()
TOKEN = "pina-0f0f"
Question = Callable[..., Ask]


def told(stream: Stream, question: Ask) -> list[Observation]:
    """Fetch and parse."""
    return [o for o in parse_all(CONNECTOR, stream, list(stream.fetch(question))) if isinstance(o, Observation)]


def about(payload: Any) -> dict[Verb, Observation]:
    """Readings of one hand-written pin."""
    return {o.verb: o for o in PINS.parse([Raw("813", AT, url="https://a.example/", payload=payload)])}


def pins_at(world: World) -> dict[str, WorldPost]:
    """The pins there are, by id."""
    return {p.object_id: p for p in world.posts("pinterest") if p.exists_at(AT)}


def lifetime(world: World, pin: WorldPost) -> dict[str, int]:
    """The true lifetime metrics of a pin."""
    return twin.pin_metrics(world, pin, DAY)["lifetime_metrics"]


# --- pins ------------------------------------------------------------------------------------------------------------


def test_pins_are_the_worlds(ask: Question, world: World) -> None:
    """Every pin with five counters of its lifetime; shy pins and metrics that do not come are hidden and never 0."""
    question = ask(CONNECTOR, token=TOKEN)
    found, truth = told(PINS, question), pins_at(world)
    assert {o.object_id for o in found} == set(truth)
    for o in found:
        pin = truth[str(o.object_id)]
        metrics = {} if pin.is_shy else lifetime(world, pin)
        expected = metrics.get(str(o.native))
        assert (o.count, o.status) == (expected, Status.HIDDEN if expected is None else Status.OBSERVED)
        assert (o.basis, o.published_at) == (Basis.POST, pin.published_at)
        assert o.url == (pin.url if twin.has_link(pin) else None)
    assert len(found) == 5 * len(truth)
    assert question.meter.requests == -(-len(truth) // 250)


def test_pins_of_a_page_share_its_saves(world: World) -> None:
    """In the twin a page's new saves are split over its pins, never fall, and begin with the pin."""
    for pin in world.posts("pinterest"):
        counts = twin.saves_by_pin(world)[pin.object_id]
        assert (counts[1:] >= counts[:-1]).all()
        assert counts[world.day_index(pin.published_at.date())] == 0 or pin.published_at.hour <= 12
    checked = 0
    for page in world.pages:
        pins = [p for p in world.posts("pinterest") if p.page is page]
        start = max((p.published_at.date() for p in pins), default=DAY) + timedelta(days=1)
        if len(pins) > 1 and start < DAY and not any(p.deleted_day for p in pins):
            first, last = world.day_index(start), world.day_index(DAY)
            counts = [twin.saves_by_pin(world)[p.object_id] for p in pins]
            total = world.pinterest_saves[:, page.index]
            assert sum(int(c[last] - c[first]) for c in counts) == total[last] - total[first]
            checked += 1
    assert checked


def test_texts_and_names_are_dropped(ask: Question) -> None:
    """Titles and board owners are served and not kept."""
    question = ask(CONNECTOR, token=TOKEN)
    served = httpx.get(f"{question.base_url}/v5/pins", headers={"Authorization": f"Bearer {TOKEN}"}).text
    assert "somebody_invented" in served
    kept = str(raw_table(list(PINS.fetch(question))).to_pydict())
    assert "nvented" not in kept
    assert TOKEN not in kept


@settings(max_examples=15, deadline=None)
@given(size=st.integers(1, 250))
def test_paging_loses_and_repeats_nothing(size: int, world: World, _sandbox: Any) -> None:
    """Whatever the page size, every pin comes exactly once."""
    known: dict[str, Any] = {"token": TOKEN, "requests_per_second": 1e6}
    made = Settings(_env_file=None, base_url=f"{_sandbox[0]}/{{day}}/pinterest", **known)
    with Http(NAME, Ask(made, DAY, AT), headers={"Authorization": f"Bearer {TOKEN}"}) as http:
        found = [pin["id"] for page in pin_pages(http, size) for pin in page]
    assert found == list(reversed(pins_at(world)))


@pytest.mark.parametrize("size", ["0", "251", "x"])
def test_the_twin_limits_the_page_size(ask: Question, size: str) -> None:
    """Between 1 and 250 pins per page, else 400."""
    url = f"{ask(CONNECTOR, token=TOKEN).base_url}/v5/pins"
    answer = httpx.get(url, params={"page_size": size}, headers={"Authorization": f"Bearer {TOKEN}"})
    assert (answer.status_code, answer.json()["code"]) == (400, 1)


def test_what_was_read_before_a_failure_is_kept(ask: Question) -> None:
    """A page that fails ends in one failed row; pins read before it stay. A last page may lack the bookmark."""

    async def pages(request: Request) -> JSONResponse:
        if request.query_params.get("bookmark"):
            return JSONResponse({"code": 1, "message": "Invalid bookmark."}, 400)
        return JSONResponse({"items": [{"id": "1", "pin_metrics": None}], "bookmark": "b1"})

    with running(Starlette(routes=[Route("/v5/pins", pages)])) as address:
        rows = list(PINS.fetch(ask(CONNECTOR, token=TOKEN, base_url=address)))
    assert [(r.subject, r.status) for r in rows] == [("1", Status.OBSERVED), ("account", Status.FAILED)]
    assert rows[1].url is None
    assert (rows[1].error or "").startswith("BadRequest: ")


@pytest.mark.parametrize(
    "body",
    [{}, {"items": None}, {"items": [{}]}, {"items": ["x"]}, [], {"items": [], "bookmark": "same"}],
    ids=json.dumps,
)
def test_pages_without_pins_in_them_are_failed(ask: Question, body: Any) -> None:
    """Another shape, a pin without id, or a bookmark that stands still: a failed row, no endless loop."""

    async def page(_request: Request) -> JSONResponse:
        return JSONResponse(body)

    with running(Starlette(routes=[Route("/v5/pins", page)])) as address:
        rows = list(PINS.fetch(ask(CONNECTOR, token=TOKEN, base_url=address)))
    assert [(r.status, (r.error or "").partition(":")[0]) for r in rows] == [(Status.FAILED, "BadAnswer")]


@pytest.mark.parametrize(
    ("pin", "status"),
    [
        ({"pin_metrics": None}, Status.HIDDEN),
        ({"pin_metrics": {}}, Status.HIDDEN),
        ({"pin_metrics": {"lifetime_metrics": {}}}, Status.HIDDEN),
        ({"pin_metrics": {"90d": {"save": 3}}}, Status.HIDDEN),
        ({"pin_metrics_v2": {"lifetime_metrics": {"save": 3}}}, Status.FAILED),
        ({}, Status.FAILED),
    ],
)
def test_what_a_pin_without_numbers_means(pin: dict[str, Any], status: Status) -> None:
    """Null or incomplete metrics are hidden; metrics that were asked for and have no key are failed."""
    assert {(o.status, o.count) for o in about(project_pin(pin)).values()} == {(status, None)}


def test_renamed_metrics_are_failed(ask: Question, fault: Callable[..., None]) -> None:
    """When `pin_metrics` has another name, every verb of every pin is failed."""
    fault(NAME, "rename:pin_metrics")
    assert {o.status for o in told(PINS, ask(CONNECTOR, token=TOKEN))} == {Status.FAILED}


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-10-01T20:10:40Z", datetime(2026, 10, 1, 20, 10, 40, tzinfo=UTC)),
        ("2026-10-01T20:10:40", datetime(2026, 10, 1, 20, 10, 40, tzinfo=UTC)),
        ("2026-10-01T22:10:40+02:00", datetime(2026, 10, 1, 20, 10, 40, tzinfo=UTC)),
        ("0001-01-01T00:00:00+23:00", None),
        ("soon", None),
        (7, None),
        (None, None),
    ],
)
def test_times_come_with_and_without_a_zone(text: Any, at: datetime | None) -> None:
    """Without a zone it is UTC; what is no time is none."""
    assert about({"created_at": text, "lifetime": None})[Verb.SAVE].published_at == at


# --- saves of 90 days ------------------------------------------------------------------------------------------------


def test_missing_saves_are_asked_of_analytics(ask: Question, world: World) -> None:
    """With analytics on, pins without a lifetime save get the sum of the final days of 90, never called `save`."""
    plain, question = ask(CONNECTOR, token=TOKEN), ask(CONNECTOR, token=TOKEN, analytics=True)
    before, found = told(PINS, plain), told(PINS, question)
    recent = [o for o in found if o.native == SAVE_90D]
    lacking = {i for i, p in pins_at(world).items() if not p.is_shy and not twin.has_save(p)}
    assert {o.object_id for o in recent} == lacking
    assert question.meter.requests == plain.meter.requests + -(-len(lacking) // 100)
    for o in recent:
        pin, counts = pins_at(world)[str(o.object_id)], twin.saves_by_pin(world)[str(o.object_id)]
        last, first = world.day_index(DAY - timedelta(days=2)), world.day_index(DAY - timedelta(days=90))
        if pin.published_at.date() <= DAY - timedelta(days=2):
            assert (o.count, o.quality) == (int(counts[last] - counts[first]), Quality.LOWER_BOUND)
        else:
            assert (o.count, o.status) == (None, Status.HIDDEN)
    others = [(o, old) for o, old in zip(found, before, strict=True) if o.native != SAVE_90D]
    assert all(o == old for o, old in others)


def test_saves_of_analytics_that_failed_are_failed(ask: Question) -> None:
    """When analytics refuses, the saves asked of it are failed and everything else stays."""

    async def pins(_request: Request) -> JSONResponse:
        metrics = [{"impression": 5}, {"impression": 6, "save": 2}]
        return JSONResponse(
            {"items": [{"id": str(i), "pin_metrics": {"lifetime_metrics": m}} for i, m in enumerate(metrics)]}
        )

    async def refused(_request: Request) -> JSONResponse:
        return JSONResponse({"code": 7, "message": "Not authorized to access board or Pin."}, 401)

    with running(Starlette(routes=[Route("/v5/pins", pins), Route("/v5/pins/analytics", refused)])) as address:
        found = told(PINS, ask(CONNECTOR, token=TOKEN, analytics=True, base_url=address))
    saves = {o.object_id: (o.status, o.count) for o in found if o.verb is Verb.SAVE}
    assert saves == {"0": (Status.FAILED, None), "1": (Status.OBSERVED, 2)}
    assert [o.count for o in found if o.verb is Verb.VIEW] == [5, 6]


def test_analytics_are_asked_a_hundred_pins_at_a_time(ask: Question) -> None:
    """101 pins without a save take two questions, the first about 100, over 90 days."""
    asked: list[tuple[int, str, str]] = []

    async def pins(_request: Request) -> JSONResponse:
        return JSONResponse({"items": [{"id": str(i), "pin_metrics": {"lifetime_metrics": {}}} for i in range(101)]})

    async def analytics(request: Request) -> JSONResponse:
        sent = request.query_params
        asked.append((len(sent.getlist("pin_ids")), sent["start_date"], sent["end_date"]))
        return JSONResponse({})

    with running(Starlette(routes=[Route("/v5/pins", pins), Route("/v5/pins/analytics", analytics)])) as address:
        found = told(PINS, ask(CONNECTOR, token=TOKEN, analytics=True, base_url=address))
    assert asked == [(100, "2026-07-17", "2026-10-14"), (1, "2026-07-17", "2026-10-14")]
    assert {o.status for o in found} == {Status.HIDDEN}


@pytest.mark.parametrize(
    ("days", "saves"),
    [
        ([("READY", {"SAVE": 20}), ("READY", {"SAVE": 1}), ("PROCESSING", {"SAVE": 99})], 21),
        ([("READY", {"SAVE": 0})], 0),
        ([("READY", {}), ("READY", {"SAVE": 2})], 2),
        ([("PROCESSING", {}), ("ESTIMATE", {"SAVE": 3}), ("BEFORE_PIN_CREATED", {"SAVE": 0})], None),
        ([], None),
    ],
)
def test_only_final_days_count(days: list[tuple[str, dict[str, int]]], saves: int | None) -> None:
    """Days that are not READY are no numbers; without any READY day there is none."""
    daily = [{"date": "2026-11-17", "data_status": status, "metrics": metrics} for status, metrics in days]
    assert saves_of({"all": {"daily_metrics": daily}}) == saves


@pytest.mark.parametrize(
    "series", [None, {}, {"all": None}, {"all": {"daily_metrics": 3}}, {"all": {"daily_metrics": [1]}}]
)
def test_other_shapes_of_analytics_are_no_number(series: Any) -> None:
    """Whatever else comes, there is no count and no exception."""
    assert saves_of(series) is None


# --- the public count ------------------------------------------------------------------------------------------------


def test_the_public_count_is_off_by_default(ask: Question, world: World) -> None:
    """Nothing is asked and nothing told unless it is switched on."""
    question = ask(CONNECTOR, urls=[p.url for p in world.pages], token=TOKEN)
    assert list(BY_URL.fetch(question)) == []
    assert question.meter.requests == 0


def test_public_counts_are_the_worlds(ask: Question, world: World) -> None:
    """One request per address; a dash for an unknown address is hidden; a total of the page, at least."""
    urls = [*(p.url for p in world.pages[:5]), "https://nowhere.example/?a=b&c=ü"]
    question = ask(CONNECTOR, urls=urls, token=TOKEN, public_count_per_day=10)
    found = told(BY_URL, question)
    saves = [int(world.pinterest_saves[world.day_index(DAY), p.index]) for p in world.pages[:5]]
    assert [o.count for o in found] == [*saves, None]
    assert [o.status for o in found] == [Status.OBSERVED] * 5 + [Status.HIDDEN]
    assert [o.url for o in found] == urls
    assert {(o.verb, o.basis, o.quality, o.object_id) for o in found} == {
        (Verb.SAVE, Basis.PAGE, Quality.LOWER_BOUND, None)
    }
    assert question.meter.requests == len(urls)


def test_the_public_count_gets_no_token(ask: Question) -> None:
    """The undocumented count needs no key and is shown none."""
    seen: list[str | None] = []

    async def count(request: Request) -> JSONResponse:
        seen.append(request.headers.get("authorization"))
        return JSONResponse({})

    with running(Starlette(routes=[Route("/v1/urls/count.json", count)])) as address:
        question = ask(CONNECTOR, urls=["https://a.example/"], token=TOKEN, public_count_per_day=1, base_url=address)
        rows = list(BY_URL.fetch(question))
    assert seen == [None]
    assert (rows[0].error or "").startswith("BadAnswer: ")


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ('receiveCount({"url":"http://a.example","count":11278})', 11278),
        ('receiveCount({"url":"http://a.example","count":"-"})', "-"),
        ('  a.b[0].$c({"count": 0}) ;\n', 0),
        ('f({"url":"http://a.example/)(","count":3})', 3),
    ],
)
def test_the_count_is_unwrapped(text: str, count: Any) -> None:
    """Any callback name, brackets in the address, a semicolon at the end."""
    assert count_in(text) == count


@pytest.mark.parametrize("text", ["", "<html>", '{"count": 3}', 'f({"error": "x"})', 'f({"count": 3}', "f([])", "f()"])
def test_what_is_no_count_is_said(text: str) -> None:
    """Half an answer, another shape, an error inside the callback: an error of ours with the first characters."""
    with pytest.raises(errors.BadAnswer):
        count_in(text)


# --- the audience ----------------------------------------------------------------------------------------------------

OURS = {"token": TOKEN, "ad_account": twin.AD_ACCOUNT, "audience_url": "https://www.pinterest.com/our-shop/"}


@pytest.mark.parametrize("name", ["ad_account", "audience_url"])
def test_the_audience_is_off_by_default(ask: Question, name: str) -> None:
    """Nothing is asked unless both the ad account and the address are set."""
    question = ask(CONNECTOR, **OURS | {name: ""})
    assert list(AUDIENCE.fetch(question)) == []
    assert question.meter.requests == 0


def test_parts_of_the_audience_are_estimated(ask: Question, world: World) -> None:
    """Each part's people are its ratio of the size; small parts are hidden; one request tells all."""
    question, size = ask(CONNECTOR, **OURS, segment_minimum=200), twin.audience_of(world, DAY)
    known = {
        f"{word}={key}": round(size * ratio)
        for name, word in {"ages": "age", "genders": "gender", "countries": "country", "devices": "device"}.items()
        for key, ratio in twin.PARTS[name].items()
    }
    found = told(AUDIENCE, question)
    assert {o.segment: o.count for o in found} == {s: n if n >= 200 else None for s, n in known.items()}
    assert {o.status for o in found} == {Status.OBSERVED, Status.HIDDEN}
    assert {(o.verb, o.url, o.basis, o.object_id, o.native, o.quality) for o in found} == {
        (Verb.VIEW, OURS["audience_url"], Basis.PAGE, None, "size x ratio", Quality.ROUNDED)
    }
    assert question.meter.requests == 1
    assert all(r.payload["people"] == "suppressed" or r.payload["people"] >= 200 for r in AUDIENCE.fetch(question))


def test_another_audience_and_other_parts(ask: Question, world: World) -> None:
    """The kind of audience and the lists of parts are settings; a list that there is not fails alone."""
    question = ask(CONNECTOR, **OURS, audience_type="YOUR_ENGAGED_AUDIENCE", audience_parts="genders, shoes,metros")
    rows = list(AUDIENCE.fetch(question))
    size = twin.audience_of(world, DAY) * 20 // 100
    assert {o.segment: o.count for o in AUDIENCE.parse([r for r in rows if r.status is Status.OBSERVED])} == {
        "gender=female": round(size * 0.7),
        "gender=male": round(size * 0.25),
        "gender=unspecified": round(size * 0.05),
        "metro=501": size,
    }
    lost = [(r.subject, r.url, (r.error or "").partition(":")[0]) for r in rows if r.status is Status.FAILED]
    assert lost == [("audience by shoes", None, "BadAnswer")]


def test_names_of_the_audience_are_dropped(ask: Question) -> None:
    """Display names and interests are served and not kept."""
    kept = str(raw_table(list(AUDIENCE.fetch(ask(CONNECTOR, **OURS)))).to_pydict())
    assert "nvented" not in kept
    assert "Lamps" not in kept
    assert TOKEN not in kept


@pytest.mark.parametrize(
    ("size", "ratio", "everybody", "people"),
    [
        (1000, 0.25, 1.0, 250),
        (1000, 25, 100.0, 250),
        (1000, 0, 1.0, 0),
        (1000, 1, 1.0, 1000),
        (1000, 25, 1.0, None),
        (1000, -0.1, 1.0, None),
        (1000, None, 1.0, None),
        (1000, "0.25", 1.0, None),
        (1000, True, 1.0, None),
    ],
)
def test_a_part_of_a_whole(size: int, ratio: Any, everybody: float, people: int | None) -> None:
    """Fractions and percentages; what is more than the whole, or no number, is unknown and never 0."""
    assert part_of(size, ratio, everybody) == people


@pytest.mark.parametrize("name", ["size", "demographics", "key"])
def test_an_audience_of_another_shape_is_failed(ask: Question, fault: Callable[..., None], name: str) -> None:
    """Renamed, it is failed rows without a url, and no number."""
    fault(NAME, f"rename:{name}")
    rows = list(AUDIENCE.fetch(ask(CONNECTOR, **OURS)))
    assert {(r.status, r.url, (r.error or "").partition(":")[0]) for r in rows} == {(Status.FAILED, None, "BadAnswer")}


def test_renamed_ratios_are_failed(ask: Question, fault: Callable[..., None]) -> None:
    """Parts without their ratio are failed and never 0."""
    fault(NAME, "rename:ratio")
    assert {(o.count, o.status) for o in told(AUDIENCE, ask(CONNECTOR, **OURS))} == {(None, Status.FAILED)}


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({"ad_account": "1"}, "NotPermitted"),
        ({"token": "narrow-3"}, "ConfigurationError"),
        ({"token": "expired-3"}, "AuthError"),
        ({"token": "spent-3"}, "QuotaExhausted"),
        ({"audience_type": "EVERYBODY"}, "BadRequest"),
    ],
)
def test_a_refused_audience_is_one_failed_row(ask: Question, changed: dict[str, Any], kind: str) -> None:
    """Somebody else's ad account, a token that may not: said, without a url."""
    rows = list(AUDIENCE.fetch(ask(CONNECTOR, **OURS | changed)))
    assert [(r.subject, r.url, (r.error or "").partition(":")[0]) for r in rows] == [("audience", None, kind)]


def test_a_part_without_its_name_is_no_total() -> None:
    """A stored row that lost its segment gives nothing at all."""
    rows = [Raw("audience", AT, url="https://a.example/", payload=p) for p in ({"people": 500}, {"segment": ""}, None)]
    assert list(AUDIENCE.parse(rows)) == []


def test_totals_do_not_change(ask: Question, tmp_path: Path) -> None:
    """In the warehouse the audience, and what failed of it, leaves the readings of pins as they were."""
    lake, table = fill(tmp_path, told(PINS, ask(CONNECTOR, token=TOKEN))), tables()["stg_observations"]
    build(lake, table)
    before = in_table(lake, "FROM stg_observations ORDER BY ALL")
    audience = told(AUDIENCE, ask(CONNECTOR, **OURS))
    refused = told(AUDIENCE, ask(CONNECTOR, **OURS | {"token": "expired-4"}))
    lake.write(part("observations", connector=NAME, stream="audience"), observation_table([*audience, *refused]))
    build(lake, table)
    build(lake, tables()["vote_segments"])
    assert in_table(lake, "FROM stg_observations ORDER BY ALL") == before != []
    assert len(in_table(lake, "FROM vote_segments WHERE status <> 'failed'")) == len(audience) > 0


# --- refusals --------------------------------------------------------------------------------------------------------


def refusal(status: int, code: int, message: str = "words", **headers: str) -> Answer:
    """An error envelope, written from the contract."""
    return Answer(NAME, status, headers, json.dumps({"code": code, "message": message}))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refusal(400, 1), errors.BadRequest),
        (refusal(400, 400), errors.BadRequest),
        (refusal(401, 2), errors.AuthError),
        (refusal(401, 401), errors.AuthError),
        (Answer(NAME, 401, {}, ""), errors.AuthError),
        (refusal(401, 3), errors.ConfigurationError),
        (refusal(401, 7), errors.NotPermitted),
        (refusal(403, 29), errors.NotPermitted),
        (refusal(404, 50), errors.Gone),
        (refusal(429, 8), errors.RateLimited),
        (refusal(429, 30), errors.RateLimited),
        (refusal(500, 11), errors.Unavailable),
    ],
)
def test_each_status_has_its_class(answer: Answer, kind: type[errors.SourceError]) -> None:
    """The HTTP status decides, then Pinterest's own code."""
    assert type(pinterest_error(answer)) is kind


@pytest.mark.parametrize(
    ("answer", "wait"),
    [
        (refusal(429, 8, "Retry after 17 seconds"), 17.0),
        (refusal(429, 8, "too fast, retry after 1.5 seconds."), 1.5),
        (Answer(NAME, 429, {"x-ratelimit-reset": "30"}, "{}"), 30.0),
        (Answer(NAME, 429, {"x-ratelimit-reset": "30"}, '{"message": "Retry after 5 seconds"}'), 5.0),
        (Answer(NAME, 429, {"retry-after": "9"}, ""), 9.0),
        (Answer(NAME, 429, {"x-ratelimit-reset": "soon"}, ""), None),
    ],
)
def test_the_wait_is_read_from_text_and_header(answer: Answer, wait: float | None) -> None:
    """Text first, then the reset header, then the common one."""
    error = pinterest_error(answer)
    assert isinstance(error, errors.RateLimited)
    assert error.retry_after == wait


def test_a_day_used_up_stops_the_questions(ask: Question) -> None:
    """A reset of many hours is a quota used up until then; no further page is asked."""
    question = ask(CONNECTOR, token="spent-1")
    rows = list(PINS.fetch(question))
    assert [(r.error or "").partition(":")[0] for r in rows] == ["QuotaExhausted"]
    assert "UTC" in (rows[0].error or "")
    assert question.meter.requests == 1


def test_a_wait_told_in_words_is_obeyed(ask: Question, world: World) -> None:
    """The wait stands in the text of a 429: waited for, then answered."""
    question = ask(CONNECTOR, token="hurried-1")
    assert len(list(PINS.fetch(question))) == len(pins_at(world))
    assert question.meter.requests == 1 + -(-len(pins_at(world)) // 250)


@pytest.mark.parametrize(("token", "kind"), [("expired-9", "AuthError"), ("narrow-9", "ConfigurationError")])
def test_refused_tokens_are_told_without_the_token(ask: Question, token: str, kind: str) -> None:
    """The row says what happened; the platform may repeat the token, we do not."""
    question = ask(CONNECTOR, token=token)
    rows = list(PINS.fetch(question))
    assert [(r.error or "").partition(":")[0] for r in rows] == [kind]
    assert token not in str(rows)
    assert question.meter.requests == 1
