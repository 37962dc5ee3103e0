"""Brave Search against its twin: pages that overlap, windows of limits in headers, and a refused token as 422."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from connectors.base import Ask, Meter, parse_all
from connectors.errors import (
    AuthError,
    BadAnswer,
    BadRequest,
    Gone,
    NotPermitted,
    QuotaExhausted,
    RateLimited,
    SourceError,
    Unavailable,
    WalletEmpty,
)
from connectors.http import Answer, Pace
from connectors.rankings import brave as module
from connectors.rankings.brave import CONNECTOR, brave_error, page_of, used_up_for
from connectors.records import Ranking, RankKind, Raw, Status
from connectors.sandbox.server import running
from connectors.sandbox.world import World
from tests.conftest import DAY

STREAM = CONNECTOR.stream("web")
KEY = "k3y-very-secret"


@pytest.fixture
def put(ask: Callable[..., Ask]) -> Callable[..., Ask]:
    """A question about keywords: put("tea", depth=40)."""

    def make(*keywords: str, meter: Meter | None = None, **settings: Any) -> Ask:
        question = ask(CONNECTOR, **{"api_key": KEY} | settings)
        return replace(question, keywords=keywords, meter=meter or Meter())

    return make


@pytest.fixture
def get(sandbox: str) -> Callable[..., httpx.Response]:
    """A question put to the twin directly."""
    address = f"{sandbox}/{DAY}/brave/res/v1/web/search"
    return lambda key="t", **asked: httpx.get(address, params=asked, headers={"X-Subscription-Token": key})


def read(question: Ask) -> tuple[list[Raw], list[Ranking]]:
    """The stream's rows and rankings."""
    rows = list(STREAM.fetch(question))
    return rows, parse_all(CONNECTOR, STREAM, rows)  # type: ignore[return-value]


def limits(**headers: str) -> dict[str, str]:
    """Headers as they arrive: limits(remaining="0, 9", reset="1, 86400")."""
    return {f"x-ratelimit-{name}": value for name, value in headers.items()}


def body(code: str, status: int = 400) -> str:
    """An error in Brave's envelope."""
    return json.dumps({"type": "ErrorResponse", "error": {"status": status, "code": code, "detail": "Words."}})


@pytest.mark.parametrize(("depth", "reach"), [(5, 5), (20, 20), (60, 20)])
def test_places_are_those_of_the_world(put: Any, world: World, depth: int, reach: int) -> None:
    """Each keyword's list is the world's, as deep as asked for and there is; the index is what there is for a place."""
    question = put(*world.keywords, depth=depth, country="DE", language="de")
    _, found = read(question)
    for keyword in world.keywords:
        truth = world.results(keyword, DAY)[:reach]
        assert [(r.url, r.position) for r in found if r.keyword == keyword] == [
            (p.url, float(n)) for n, p in enumerate(truth, 1)
        ]
    facts = {(r.engine, r.country, r.language, r.device, r.depth, r.rank_kind, r.source) for r in found}
    assert facts == {("brave", "de", "de", None, reach, RankKind.LIST_INDEX, "brave")}
    assert {r.ranked_at for r in found} == {question.observed_at}
    assert question.meter.requests == len(world.keywords)


def test_pages_that_overlap_lose_and_repeat_nothing(put: Any, world: World, monkeypatch: Any) -> None:
    """The offset is the number of the page; what the next page repeats keeps its first place."""
    monkeypatch.setattr(module, "PAGE_SIZE", 5)
    question = put(world.keywords[0], depth=20)
    _, found = read(question)
    truth = [p.url for p in world.results(world.keywords[0], DAY)]
    assert [r.url for r in found] == truth[:17]
    assert [r.position for r in found] == [n for n in range(1, 21) if n not in (6, 11, 16)]
    assert ({r.depth for r in found}, question.meter.requests) == ({20}, 4)


def test_what_is_asked(put: Any) -> None:
    """Count, number of the page, country in capitals, web results only; Japanese as Brave spells it."""
    asked: list[dict[str, str]] = []

    async def respond(request: Request) -> JSONResponse:
        asked.append(dict(request.query_params) | {"token": request.headers["x-subscription-token"]})
        results = [{"url": f"https://a.example/{len(asked)}"}]
        return JSONResponse({"query": {"more_results_available": len(asked) < 2}, "web": {"results": results}})

    with running(Starlette(routes=[Route("/res/v1/web/search", respond)])) as address:
        _, found = read(put("お茶", base_url=address, depth=60, country="jp", language="ja"))
    known = {"q": "お茶", "country": "JP", "search_lang": "jp", "count": "20", "result_filter": "web", "token": KEY}
    assert asked == [known | {"offset": "0"}, known | {"offset": "1"}]
    assert [(r.position, r.language, r.depth) for r in found] == [(1, "ja", 21), (21, "ja", 21)]


def test_every_country_is_no_country(put: Any, world: World) -> None:
    """`all` is asked as ALL and written as unknown."""
    _, found = read(put(world.keywords[0], country="all"))
    assert {r.country for r in found} == {None}


def test_ten_pages_at_most(put: Any) -> None:
    """The deepest list that may be wished for ends at the page with the number 9."""
    asked: list[str] = []

    async def respond(request: Request) -> JSONResponse:
        asked.append(request.query_params["offset"])
        results = [{"url": f"https://a.example/{len(asked)}/{n}"} for n in range(20)]
        return JSONResponse({"query": {"more_results_available": True}, "web": {"results": results}})

    with running(Starlette(routes=[Route("/res/v1/web/search", respond)])) as address:
        _, found = read(put("tea", base_url=address, depth=200))
    assert asked == [str(n) for n in range(10)]
    assert [r.position for r in found] == list(range(1, 201))


@pytest.mark.parametrize(("depth", "requests"), [(1, 1), (20, 1), (21, 2), (200, 10)])
def test_the_price_is_told_before(put: Any, world: World, depth: int, requests: int) -> None:
    """$0.005 per question of twenty results, and what is spent is what was asked."""
    question = put(*world.keywords, depth=depth)
    read(question)
    assert STREAM.usd is not None
    assert STREAM.usd(question.settings, 1000) == pytest.approx(5.0 * requests)
    assert question.meter.usd == pytest.approx(0.005 * question.meter.requests)


def test_the_budget_ends_the_questions(put: Any, world: World) -> None:
    """What the budget does not cover is not asked."""
    question = put(*world.keywords, meter=Meter(0.01))
    rows, _ = read(question)
    assert [(r.error or "").partition(":")[0] for r in rows] == ["", ""] + ["BudgetSpent"] * (len(world.keywords) - 2)
    assert question.meter.requests == 2


def test_a_keyword_that_is_too_long_fails_alone(put: Any, world: World) -> None:
    """More than 400 characters or 50 words are not asked, and cost nothing; the other keywords are read."""
    question = put("x" * 401, "w " * 51, world.keywords[0])
    rows, _ = read(question)
    assert [(r.error or "").partition(":")[0] for r in rows] == ["BadRequest", "BadRequest", ""]
    assert (question.meter.requests, question.meter.usd) == (1, 0.005)


def test_nothing_found_is_an_empty_list(put: Any) -> None:
    """`web` is absent and `mixed` does not speak of it: looked at 0 results."""
    rows, found = read(put("words that nobody wrote"))
    assert [(r.status, r.payload["depth"], r.payload["results"]) for r in rows] == [(Status.OBSERVED, 0, [])]
    assert found == []


def test_nothing_of_people_is_kept(put: Any, world: World) -> None:
    """No titles, descriptions, profiles, and not the key."""
    rows, _ = read(put(*world.keywords))
    assert "nvented" not in repr(rows)
    assert KEY not in repr(rows)


@pytest.mark.parametrize(
    ("key", "kind"),
    [("wrong", AuthError), ("wrong-list", AuthError), ("broke", WalletEmpty), ("spent", QuotaExhausted)],
)
def test_a_token_that_is_refused(put: Any, world: World, key: str, kind: type[SourceError]) -> None:
    """A wrong token (422, in either envelope), no money, a used-up month: asked once, never again, and free."""
    question = put(*world.keywords, api_key=key)
    rows, found = read(question)
    assert [(r.error or "").partition(":")[0] for r in rows] == [kind.__name__] * len(world.keywords)
    assert (question.meter.requests, question.meter.usd, found) == (1, 0, [])


def test_too_fast_is_tried_again(put: Any, world: World) -> None:
    """A 429 whose window is a second is waited out; the question is booked once."""
    question = put(world.keywords[0], api_key="hurried-1")
    rows, _ = read(question)
    assert [r.status for r in rows] == [Status.OBSERVED]
    assert (question.meter.requests, question.meter.usd) == (2, 0.005)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (422, "SUBSCRIPTION_TOKEN_INVALID", AuthError),
        (422, "VALIDATION", BadRequest),
        (400, "BAD", BadRequest),
        (401, "", AuthError),
        (402, "", WalletEmpty),
        (403, "", NotPermitted),
        (404, "", Gone),
        (429, "RATE_LIMITED", RateLimited),
        (500, "", Unavailable),
        (503, "", Unavailable),
    ],
)
def test_every_documented_error_has_its_class(status: int, code: str, kind: type[SourceError]) -> None:
    """By Brave's code, then by status; also without a body."""
    assert type(brave_error(Answer("brave", status, {}, body(code, status)))) is kind
    if code != "SUBSCRIPTION_TOKEN_INVALID":
        assert type(brave_error(Answer("brave", status, {}, ""))) is kind


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        (limits(limit="1, 15000", remaining="0, 14999", reset="1, 1419704"), 1),
        (limits(limit="1, 15000", remaining="1, 0", reset="1, 1419704"), 1419704),
        (limits(limit="1, 15000", remaining="0, 0", reset="1, 1419704"), 1419704),
        (limits(limit="1, 15000", remaining="1, 5", reset="1, 1419704"), None),
        (limits(limit="20, 0", remaining="0, 0", reset="1, 1419704"), 1),
        (limits(remaining="0", reset="3"), 3),
        (limits(remaining="x", reset="3"), None),
        ({}, None),
    ],
)
def test_a_used_up_window_is_read_from_the_headers(headers: dict[str, str], seconds: float | None) -> None:
    """The slowest of the windows in which nothing remains; a limit of 0 is no window; rubbish is nothing."""
    assert used_up_for(Answer("brave", 429, headers, "")) == seconds


def test_a_window_of_moments_is_a_pause_and_one_of_days_ends_the_quota() -> None:
    """429 by the second: wait that long. 429 by the month: nothing more until then."""
    fast = brave_error(Answer("brave", 429, limits(remaining="0, 9", reset="1, 86400"), body("RATE_LIMITED")))
    assert isinstance(fast, RateLimited)
    assert fast.retry_after == 1
    now = datetime.now(UTC)
    spent = brave_error(Answer("brave", 429, limits(remaining="1, 0", reset="1, 86400"), body("RATE_LIMITED")))
    assert isinstance(spent, QuotaExhausted)
    assert spent.resets_at is not None
    assert timedelta(0) <= spent.resets_at - now - timedelta(days=1) < timedelta(minutes=1)


def test_the_pace_follows_the_headers() -> None:
    """When nothing remains in this second, the next question waits for the next one; a month is not waited for."""
    slept: list[float] = []
    pace = Pace(1e6, slept.append)
    module._keep_pace(Answer("brave", 200, limits(remaining="3, 0", reset="1, 86400"), ""), pace)
    pace.wait()
    assert sum(slept) < 0.5
    module._keep_pace(Answer("brave", 200, limits(remaining="0, 9", reset="1, 86400"), ""), pace)
    pace.wait()
    assert sum(slept) == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize("name", ["web", "results", "url", "query"])
def test_a_renamed_field_that_is_needed_is_a_failure(put: Any, world: World, fault: Any, name: str) -> None:
    """Failed, instead of seeming empty: `mixed` still speaks of web results."""
    fault("brave", f"rename:{name}")
    rows, found = read(put(world.keywords[0]))
    assert [(r.error or "").partition(":")[0] for r in rows] == ["BadAnswer"]
    assert found == []


@pytest.mark.parametrize("name", ["mixed", "more_results_available", "title", "meta_url"])
def test_a_renamed_field_that_is_not_needed_changes_nothing(put: Any, world: World, fault: Any, name: str) -> None:
    """The list is the same."""
    before = read(put(world.keywords[0]))[1]
    fault("brave", f"rename:{name}")
    assert read(put(world.keywords[0]))[1] == before


@pytest.mark.parametrize(
    "answer", [None, [], {}, {"web": {"results": []}}, {"query": {}, "web": {}}, {"query": {}, "web": 7}]
)
def test_an_answer_of_another_shape_is_a_bad_answer(answer: Any) -> None:
    """No question in it, or no list of results."""
    with pytest.raises(BadAnswer):
        page_of(answer)


@pytest.mark.parametrize("kind", ["404", "html", "broken_json", "cut", "503"])
def test_the_key_shows_nowhere(put: Any, world: World, fault: Any, kind: str, caplog: Any) -> None:
    """Neither rows nor logs tell it."""
    caplog.set_level("DEBUG")
    fault("brave", kind)
    rows, _ = read(put(world.keywords[0], retries=1))
    assert {r.status for r in rows} == {Status.FAILED}
    assert KEY not in repr(rows) + caplog.text


# --- the twin ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"q": "x" * 401},
        {"q": "w " * 51},
        {"q": "x", "count": 21},
        {"q": "x", "count": 0},
        {"q": "x", "offset": 10},
        {"q": "x", "offset": "y"},
        {"q": "x", "search_lang": "ja"},
        {"q": "x", "country": "germany"},
        {"q": "x", "country": "de"},
    ],
)
def test_the_twin_refuses_what_brave_refuses(get: Any, asked: dict[str, Any]) -> None:
    """422 in the envelope."""
    answer = get(**asked)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "VALIDATION")


def test_the_twins_pages_overlap(get: Any, world: World) -> None:
    """Each page begins with the last result of the one before, and the last one says that it is."""
    pages = [get(q=world.keywords[0], count=8, offset=n).json() for n in range(4)]
    urls = [[r["url"] for r in p["web"]["results"]] if "web" in p else [] for p in pages]
    assert (urls[0][-1], urls[1][-1]) == (urls[1][0], urls[2][0])
    assert list(dict.fromkeys(url for page in urls for url in page)) == [
        p.url for p in world.results(world.keywords[0], DAY)
    ]
    assert [p["query"]["more_results_available"] for p in pages] == [True, True, False, False]


def test_the_twin_tells_its_limits(get: Any) -> None:
    """Two windows in each header."""
    headers = get(q="tea").headers
    for name in ("Limit", "Remaining", "Reset", "Policy"):
        assert len(headers[f"X-RateLimit-{name}"].split(",")) == 2
