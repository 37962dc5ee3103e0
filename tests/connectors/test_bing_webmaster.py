"""Bing Webmaster Tools against its twin: weekly averages of the world, days in Los Angeles, standstill, every error."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from bing_webmaster_tools import BingWebmasterClient
from bing_webmaster_tools import Settings as ClientSettings
from bing_webmaster_tools.errors import AuthenticationError, BingWebmasterError
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors import errors
from connectors.base import Ask, parse_all
from connectors.http import Answer
from connectors.rankings.bing_webmaster import CONNECTOR, NAME, PACIFIC, bing_error, bucket_day, entries
from connectors.records import Ranking, RankKind, Raw, Status
from connectors.sandbox import bing_webmaster as twin
from connectors.sandbox.server import running
from connectors.sandbox.world import DEPTH, SITES, World
from tests.conftest import DAY

STREAM = CONNECTOR.stream("query_page")
ELM = "https://www.elm.example/"
KEY = "b1ng-very-secret"
Question = Callable[..., Ask]


def read(question: Ask) -> tuple[list[Raw], list[Ranking]]:
    """The stream's rows and rankings."""
    rows = list(STREAM.fetch(question))
    return rows, [r for r in parse_all(CONNECTOR, STREAM, rows) if isinstance(r, Ranking)]


def weeks(day: date = DAY, back: int = 4) -> list[date]:
    """The weeks of a look: those whose first day lies in the window, and that are over."""
    return [w for w in twin.weeks_at(day) if day - timedelta(weeks=back) < w <= day]


def truth(world: World, site: str, week: date) -> dict[tuple[str, str], tuple[float, int, int]]:
    """(question, page) -> exact average position, impressions, clicks, worked out day by day from true positions."""
    found: dict[tuple[str, str], tuple[float, int, int]] = {}
    for k, keyword in enumerate(world.keywords):
        for c, index in enumerate(world.candidates[k]):
            page, shown, clicks, weighted = world.pages[index], 0, 0, 0
            for n in range(7):
                p = int(world.positions[world.day_index(week + timedelta(days=n)), k, c])
                if p <= DEPTH:
                    shown, clicks = shown + twin.shown(keyword, p), clicks + twin.clicked(keyword, p)
                    weighted += p * twin.shown(keyword, p)
            if shown and page.site == f"{site}.example":
                found[keyword, page.url] = (weighted / shown, shown, clicks)
    return found


def start_of(week: date) -> datetime:
    """Midnight Pacific, in UTC."""
    return datetime(week.year, week.month, week.day, tzinfo=PACIFIC).astimezone(UTC)


@contextmanager
def scripted(**answers: Any) -> Iterator[str]:
    """A service whose methods give the answers named."""

    async def answer(request: Request) -> Response:
        found = answers[request.url.path.strip("/")]
        return found if isinstance(found, Response) else JSONResponse(found)

    with running(Starlette(routes=[Route("/{path:path}", answer)])) as address:
        yield address


def row(query: str = "kettle", **more: Any) -> dict[str, Any]:
    """A row as Bing might write it, of the week of 2026-10-03."""
    known = {"Query": query, "Date": "/Date(1791010800000-0700)/", "Impressions": 12, "Clicks": 0}
    return known | {"AvgImpressionPosition": 7, "AvgClickPosition": -1} | more


# --- positions -------------------------------------------------------------------------------------------------------


def test_positions_are_those_of_the_world(ask: Question, world: World) -> None:
    """Every page shown in a week has the mean of its true positions by impressions, rounded, and the week's counts."""
    _, found = read(ask(CONNECTOR, api_key=KEY, sites=ELM))
    by_week = {start_of(week): truth(world, "elm", week) for week in weeks()}
    assert {(r.ranked_at, r.keyword, r.url) for r in found} == {(at, *key) for at, t in by_week.items() for key in t}
    for r in found:
        position, impressions, clicks = by_week[r.ranked_at][r.keyword, r.url]
        assert abs((r.position or 0) - position) <= 0.5
        assert (r.impressions, r.clicks) == (impressions, clicks)
    assert len(by_week) == 3


def test_a_ranking_says_what_its_position_is(ask: Question) -> None:
    """Averages of Bing, marked as such: no depth, no country, no device; a page without clicks has 0, not -1."""
    _, found = read(ask(CONNECTOR, api_key=KEY, sites=ELM))
    assert {(r.rank_kind, r.engine, r.source, r.depth, r.country, r.language, r.device, r.found) for r in found} == {
        (RankKind.AVERAGE, "bing", "bing_webmaster", None, None, None, None, True)
    }
    assert {r.position for r in found if not r.clicks} and all((r.position or 0) >= 1 for r in found)


def test_all_verified_sites_are_read(ask: Question, world: World) -> None:
    """Without sites in the settings the verified ones are read; one request per site and one per question of a site."""
    question = ask(CONNECTOR, api_key=KEY)
    rows, found = read(question)
    assert {r.subject for r in rows} == {twin.address_of(s) for s in SITES}
    asked = {(s, k) for s in SITES for w in weeks() for k, _ in truth(world, s, w)}
    assert question.meter.requests == 1 + len(SITES) + len(asked)
    assert len(found) == sum(len(truth(world, s, w)) for s in SITES for w in weeks())


@pytest.mark.parametrize("back", [1, 2, 9, 60])
def test_the_window_of_weeks(ask: Question, back: int) -> None:
    """`weeks_back` weeks are read again, as far as Bing keeps them, and none that is not over."""
    _, found = read(ask(CONNECTOR, api_key=KEY, sites=ELM, weeks_back=back))
    assert {r.ranked_at for r in found} == {start_of(w) for w in weeks(back=back)}
    assert len(twin.weeks_at(DAY)) < 26


def test_a_week_at_the_windows_edge_is_outside(ask: Question) -> None:
    """On a Saturday four weeks are the last four, not the one that began 28 days ago."""
    saturday = date(2026, 10, 17)
    _, found = read(ask(CONNECTOR, api_key=KEY, sites=ELM, day=saturday))
    assert {r.ranked_at for r in found} == {start_of(saturday - timedelta(weeks=n)) for n in (2, 3)}


def test_the_most_shown_questions_come_first(ask: Question, world: World) -> None:
    """Where only some questions are read, they are those with the most impressions in the window."""
    shown: dict[str, int] = {}
    for week in weeks():
        for (query, _), (_, impressions, _) in truth(world, "elm", week).items():
            shown[query] = shown.get(query, 0) + impressions
    question = ask(CONNECTOR, api_key=KEY, sites=ELM, queries_per_site=2)
    _, found = read(question)
    assert {r.keyword for r in found} == set(sorted(shown, key=lambda q: -shown[q])[:2])
    assert question.meter.requests == 1 + 2


def test_the_past_may_be_asked(ask: Question, world: World) -> None:
    """Any day that Bing still keeps answers as it would have; one before the oldest week is refused in words."""
    earlier = date(2026, 8, 1)
    _, found = read(replace(ask(CONNECTOR, api_key=KEY, sites=ELM), day=earlier))
    assert found
    assert {r.ranked_at for r in found} <= {start_of(w) for w in twin.weeks_at(DAY) if w <= earlier}
    rows = [row(Date="/Date(1791010800000)/")]
    with scripted(GetQueryStats={"d": rows}) as address:
        question = ask(CONNECTOR, api_key=KEY, sites=ELM, base_url=address, day=date(2025, 1, 1))
        (failed,) = STREAM.fetch(question)
    assert failed.error == "PastRefused: the oldest week that Bing has kept is that of 2026-10-03"


# --- weeks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("/Date(1399100400000)/", date(2014, 5, 3)),  # 07:00 UTC, midnight in Los Angeles
        ("/Date(1399100399999-0700)/", date(2014, 5, 2)),
        ("/Date(1781222400000-0700)/", date(2026, 6, 11)),  # midnight UTC is still the day before there
        ("/Date(1796112000000+0000)/", date(2026, 12, 1)),  # 08:00 UTC in winter
        ("/Date(1796111999999)/", date(2026, 11, 30)),
        ("/Date(-1000)/", date(1969, 12, 31)),
        ("/Date(999999999999999)/", None),
        ("2026-10-03", None),
        ("", None),
        (None, None),
        (1399100400000, None),
    ],
)
def test_days_are_those_of_los_angeles(text: Any, day: date | None) -> None:
    """The moment decides, not the zone written beside it and not this machine's."""
    assert bucket_day(text) == day


@given(st.dates(date(2020, 1, 1), date(2035, 1, 1)))
def test_days_come_back_as_written(day: date) -> None:
    """Any day, summer or winter, is read as the twin wrote it."""
    assert bucket_day(twin.written(day)) == day


@pytest.mark.parametrize(("which", "first"), [("first", date(2026, 10, 3)), ("last", date(2026, 9, 27))])
def test_a_ranking_is_dated_to_the_first_day_of_its_week(ask: Question, which: str, first: date) -> None:
    """Whichever day of the week the date is, the ranking stands at the start of the first one."""
    answers = {"GetQueryStats": {"d": [row()]}, "GetQueryPageStats": {"d": [row(ELM)]}}
    with scripted(**answers) as address:
        _, found = read(ask(CONNECTOR, api_key=KEY, sites=ELM, base_url=address, bucket_day=which))
    assert [r.ranked_at for r in found] == [start_of(first)]


def test_data_that_stand_still_are_told(ask: Question) -> None:
    """Bing may freeze for months without an error: the site has failed, and the words say since when."""
    question = ask(CONNECTOR, api_key="frozen-key", sites=ELM)
    rows, found = read(question)
    assert found == []
    assert [(r.subject, r.url, r.error) for r in rows] == [
        (ELM, None, "BadAnswer: Bing's data stand still: the newest week is that of 2026-07-04, 102 days ago")
    ]


def test_a_site_nobody_saw_is_no_failure(ask: Question) -> None:
    """No question at all, or `d` null, is an empty answer."""
    nothing: tuple[Any, ...] = ([], None)
    for empty in nothing:
        with scripted(GetQueryStats={"d": empty}) as address:
            assert read(ask(CONNECTOR, api_key=KEY, sites=ELM, base_url=address)) == ([], [])


# --- answers ---------------------------------------------------------------------------------------------------------


def rows_of(ask: Question, *pages: dict[str, Any]) -> tuple[list[Raw], list[Ranking]]:
    """What comes of hand-written rows about one question."""
    with scripted(GetQueryStats={"d": [row()]}, GetQueryPageStats={"d": list(pages)}) as address:
        return read(ask(CONNECTOR, api_key=KEY, sites=ELM, base_url=address))


def test_the_page_stands_in_query(ask: Question) -> None:
    """The address of the page comes as `Query`; a `Page` beside it is taken instead."""
    _, found = rows_of(ask, row(f"{ELM}a"), row("kettle", Page=f"{ELM}b"))
    assert [(r.keyword, r.url) for r in found] == [("kettle", f"{ELM}a"), ("kettle", f"{ELM}b")]


def test_a_row_told_twice_counts_once(ask: Question) -> None:
    """The same page and week again is passed over."""
    _, found = rows_of(ask, row(ELM), row(ELM, Impressions=99), row(ELM, Date="/Date(1790406000000)/"))
    assert [(r.impressions, r.ranked_at.date()) for r in found] == [(12, date(2026, 10, 3)), (12, date(2026, 9, 26))]


@pytest.mark.parametrize("position", [0, -1, 0.5])
def test_no_position_is_no_ranking(ask: Question, position: float) -> None:
    """A position below 1 is none; the other rows are read."""
    _, found = rows_of(ask, row(f"{ELM}a", AvgImpressionPosition=position), row(f"{ELM}b"))
    assert [r.url for r in found] == [f"{ELM}b"]


def test_missing_counts_are_unknown(ask: Question) -> None:
    """Without impressions or clicks the position is read, and the number is None, not 0."""
    _, found = rows_of(ask, {k: v for k, v in row(ELM).items() if k not in ("Impressions", "Clicks")})
    assert [(r.position, r.impressions, r.clicks) for r in found] == [(7, None, None)]


@pytest.mark.parametrize("name", ["d", "Date", "Query", "AvgImpressionPosition", "Url", "IsVerified"])
def test_renamed_fields_are_failures(ask: Question, fault: Any, name: str) -> None:
    """A field that always was there and is gone fails what it belongs to, instead of an empty week."""
    fault(NAME, f"rename:{name}")
    rows, found = read(ask(CONNECTOR, api_key=KEY, sites="" if name in ("Url", "IsVerified") else ELM))
    assert rows and found == []
    assert {(r.status, r.url, str(r.error).partition(":")[0]) for r in rows} == {(Status.FAILED, None, "BadAnswer")}


@pytest.mark.parametrize("body", [[], {"d": {}}, {"d": [1]}, {"d": "x"}, 7, None])
def test_other_shapes_are_bad_answers(body: Any) -> None:
    """What is no list of objects is no answer."""
    with pytest.raises(errors.BadAnswer):
        entries(body)


def test_rows_hold_what_parsing_reads(ask: Question) -> None:
    """The site, the question, the week and three numbers; nothing else is kept."""
    rows, _ = read(ask(CONNECTOR, api_key=KEY, sites=ELM))
    assert {frozenset(r.payload) for r in rows} == {
        frozenset({"site", "query", "week", "position", "impressions", "clicks"})
    }
    assert KEY not in repr(rows)


# --- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"ErrorCode": 3, "Message": "ERROR!!! InvalidApiKey"}, errors.AuthError),
        (400, {"ErrorCode": 99, "Message": "ERROR!!! InvalidApiKey"}, errors.AuthError),
        (400, {"ErrorCode": 4, "Message": "ERROR!!! ThrottleUser"}, errors.RateLimited),
        (400, {"ErrorCode": 5, "Message": "ERROR!!! ThrottleHost"}, errors.RateLimited),
        (400, {"ErrorCode": 4, "Message": "words"}, errors.RateLimited),
        (200, {"ErrorCode": 4, "Message": "ERROR!!! ThrottleUser"}, errors.RateLimited),
        (400, {"ErrorCode": 1, "Message": "ERROR!!! InternalError"}, errors.Unavailable),
        (400, {"ErrorCode": 2, "Message": "ERROR!!! UnknownError"}, errors.Unavailable),
        (400, {"ErrorCode": 6, "Message": "ERROR!!! UserBlocked"}, errors.ConfigurationError),
        (400, {"ErrorCode": 7, "Message": "ERROR!!! InvalidUrl"}, errors.BadRequest),
        (400, {"ErrorCode": 8, "Message": "ERROR!!! InvalidParameter"}, errors.BadRequest),
        (400, {"ErrorCode": 11, "Message": "ERROR!!! NotFound"}, errors.Gone),
        (400, {"ErrorCode": 13, "Message": "ERROR!!! NotAllowed"}, errors.NotPermitted),
        (400, {"ErrorCode": 14, "Message": "ERROR!!! NotAuthorized"}, errors.NotPermitted),
        (400, {"ErrorCode": 16, "Message": "ERROR!!! Deprecated"}, errors.Gone),
        (400, {"ErrorCode": 12, "Message": "ERROR!!! AlreadyExists"}, errors.BadRequest),
        (400, None, errors.BadRequest),
        (401, None, errors.AuthError),
        (404, None, errors.Gone),
        (429, None, errors.RateLimited),
        (503, None, errors.Unavailable),
    ],
)
def test_every_documented_error_has_its_class(status: int, body: Any, kind: type[errors.SourceError]) -> None:
    """The name in the message decides, then the number, then the status."""
    assert type(bing_error(Answer(NAME, status, {}, json.dumps(body) if body else ""))) is kind


def test_good_answers_are_no_errors() -> None:
    """A list is none."""
    assert bing_error(Answer(NAME, 200, {}, '{"d": []}')) is None


def test_a_refused_key_is_named(ask: Question) -> None:
    """An unknown key: one request, one row that says so, without the key."""
    for sites in ("", ELM):
        question = ask(CONNECTOR, api_key="expired-key", sites=sites)
        rows, _ = read(question)
        assert [str(r.error) for r in rows] == ["AuthError: HTTP 400, code 3: ERROR!!! InvalidApiKey"]
        assert (rows[0].url, question.meter.requests) == (None, 1)


def test_being_throttled_is_tried_again(ask: Question) -> None:
    """HTTP 400 with ThrottleUser is a request to wait, not a wrong question."""
    plain, busy = ask(CONNECTOR, api_key=KEY, sites=ELM), ask(CONNECTOR, api_key="busy-key", sites=ELM)
    assert read(busy) == read(plain)
    assert busy.meter.requests == plain.meter.requests + 1


def test_a_foreign_site_stops_no_other(ask: Question) -> None:
    """A site of somebody else is one failed row; the others are read."""
    rows, found = read(ask(CONNECTOR, api_key=KEY, sites=f"{twin.UNVERIFIED},{ELM}"))
    assert [(r.subject, str(r.error).partition(":")[0]) for r in rows if r.status is Status.FAILED] == [
        (twin.UNVERIFIED, "NotPermitted")
    ]
    assert found


def test_a_question_that_fails_stops_no_other(ask: Question, fault: Any) -> None:
    """One question that cannot be read is one failed row that names it."""
    question = ask(CONNECTOR, api_key=KEY, sites=ELM)
    whole = len({r.keyword for r in read(question)[1]})

    async def answer(request: Request) -> Response:
        if request.url.path.endswith("GetQueryStats"):
            return JSONResponse({"d": [row("a"), row("b")]})
        is_bad = request.query_params["query"] == "a"
        return Response("<html>") if is_bad else JSONResponse({"d": [row(ELM)]})

    with running(Starlette(routes=[Route("/{path:path}", answer)])) as address:
        rows, found = read(ask(CONNECTOR, api_key=KEY, sites=ELM, base_url=address))
    assert whole > 1
    assert [r.payload for r in rows if r.status is Status.FAILED] == [{"site": ELM, "query": "a"}]
    assert [r.keyword for r in found] == ["b"]


def test_no_site_is_told(ask: Question) -> None:
    """An account without a verified site is a matter for a person."""
    with scripted(GetUserSites={"d": [{"Url": ELM, "IsVerified": False}]}) as address:
        rows, _ = read(ask(CONNECTOR, api_key=KEY, base_url=address))
    assert str(rows[0].error).startswith("ConfigurationError: the account has no verified site")


def test_a_key_or_a_token(ask: Question) -> None:
    """The key travels in the address, a token in the header; one of them is enough."""
    asked: list[tuple[str | None, str | None]] = []

    async def answer(request: Request) -> Response:
        asked.append((request.query_params.get("apikey"), request.headers.get("authorization")))
        return JSONResponse({"d": []})

    with running(Starlette(routes=[Route("/{path:path}", answer)])) as address:
        for known in ({"api_key": KEY}, {"token": "t", "api_key": KEY}):
            read(ask(CONNECTOR, sites=ELM, base_url=address, **known))
    assert asked == [(KEY, None), (None, "Bearer t")]
    assert [ask(CONNECTOR, **known).settings.missing() for known in ({}, {"token": "t"})] == [
        ("TALLYRANK_BING_WEBMASTER_API_KEY",),
        (),
    ]


# --- the client bing-webmaster-tools reads the twin ------------------------------------------------------------------


def client(sandbox: str, key: str = KEY) -> BingWebmasterClient:
    """The client as its authors wrote it, pointed at the twin by its own setting, without its waits."""
    address = f"{sandbox}/{DAY}/{NAME}"
    made = ClientSettings.model_validate(
        {"api_key": key, "base_url": address, "max_retries": 0, "rate_limit_calls": None}
    )
    return BingWebmasterClient(made)


def test_the_client_reads_the_twin(sandbox: str, world: World) -> None:
    """Sites, questions, pages and traffic come through a client of other people as the world has them."""

    async def everything() -> tuple[Any, ...]:
        async with client(sandbox) as bing:
            query = next(iter(truth(world, "elm", weeks()[-1])))[0]
            pages = await bing.traffic.get_query_page_stats(ELM, query)
            return (
                await bing.sites.get_sites(),
                await bing.traffic.get_query_stats(ELM),
                query,
                pages,
                await bing.traffic.get_page_stats(ELM),
                await bing.traffic.get_page_query_stats(ELM, pages[0].query),
                await bing.traffic.get_rank_and_traffic_stats(ELM),
            )

    sites, queries, query, pages, all_pages, of_page, traffic = asyncio.run(everything())
    assert {(s.url, s.is_verified) for s in sites} == {(twin.address_of(s), True) for s in SITES} | {
        (twin.UNVERIFIED, False)
    }
    known = {w: truth(world, "elm", w) for w in twin.weeks_at(DAY)}
    assert {q.query for q in queries} == {keyword for t in known.values() for keyword, _ in t}
    assert sum(p.impressions for p in all_pages) == sum(n for t in known.values() for _, n, _ in t.values())
    assert sum(t.clicks for t in traffic) == sum(n for t in known.values() for _, _, n in t.values())
    assert query in {q.query for q in of_page}
    for p in pages:  # the client reads dates in this machine's zone, so the moment is compared
        week = p.date.astimezone(PACIFIC).date()
        position, impressions, clicks = known[week][query, p.query]
        assert (p.impressions, p.clicks, abs(p.avg_impression_position - position) <= 0.5) == (
            impressions,
            clicks,
            True,
        )
        assert (p.avg_click_position == -1) == (clicks == 0)


def test_the_client_understands_the_twins_refusals(sandbox: str) -> None:
    """An unknown key and a foreign site raise the client's own errors."""

    async def refused(key: str, site: str) -> None:
        async with client(sandbox, key) as bing:
            await bing.traffic.get_query_stats(site)

    with pytest.raises(AuthenticationError):
        asyncio.run(refused("expired-key", ELM))
    with pytest.raises(BingWebmasterError, match="NotAuthorized"):
        asyncio.run(refused(KEY, twin.UNVERIFIED))
