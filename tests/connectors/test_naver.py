"""Naver against its twin: lists of the world by section, pages of a hundred, the daily allowance, every error."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors import errors
from connectors.base import Ask, parse_all
from connectors.http import Answer
from connectors.limits import next_midnight
from connectors.rankings.naver import CONNECTOR, KOREA, NAME, naver_error, page_of
from connectors.records import Ranking, RankKind, Raw, Status, raw_table
from connectors.sandbox import naver as twin
from connectors.sandbox.server import running
from connectors.sandbox.world import World
from connectors.serp import numbered
from connectors.urls import url_key
from tests.conftest import DAY

STREAM = CONNECTOR.stream("web")
AT = datetime(2026, 10, 14, 12, tzinfo=UTC)
KEYS = {"client_id": "nv-id-1", "client_secret": "nv-very-secret"}
Question = Callable[..., Ask]


@pytest.fixture
def about(ask: Question) -> Question:
    """A question about keywords: about(["kettle"], section="news")."""

    def make(keywords: Sequence[str], **known: Any) -> Ask:
        return replace(ask(CONNECTOR, **KEYS | known), keywords=tuple(keywords))

    return make


def read(question: Ask) -> tuple[list[Raw], list[Ranking]]:
    """The stream's rows and rankings."""
    rows = list(STREAM.fetch(question))
    return rows, [r for r in parse_all(CONNECTOR, STREAM, rows) if isinstance(r, Ranking)]


@contextmanager
def scripted(handler: Callable[[Request], Response]) -> Iterator[str]:
    """A service whose every answer comes from `handler`."""

    async def answer(request: Request) -> Response:
        return handler(request)

    with running(Starlette(routes=[Route("/{path:path}", answer)])) as address:
        yield address


def listing(links: Sequence[str], start: int, total: int) -> JSONResponse:
    """A good answer."""
    items = [{"title": "t", "link": link, "description": "d"} for link in links]
    return JSONResponse({"total": total, "start": start, "display": len(items), "items": items})


# --- lists -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("section", twin.SECTIONS)
def test_lists_are_those_of_the_world(about: Question, world: World, section: str) -> None:
    """Every keyword has the world's list in its order, in every section; news by the page's own address."""
    _, found = read(about(world.keywords, section=section))
    for keyword in world.keywords:
        listed = sorted((r for r in found if r.keyword == keyword), key=lambda r: r.position or 0)
        pages = world.results(keyword, DAY)
        wanted = [twin.address(page, n).replace("&amp;", "&") for n, page in enumerate(pages, 1)]
        assert [r.url for r in listed] == wanted
        assert [r.position for r in listed] == list(range(1, len(pages) + 1))
        assert {r.depth for r in listed} == {len(pages)}


@pytest.mark.parametrize(("section", "engine"), [("webkr", "naver"), ("news", "naver_news"), ("blog", "naver_blog")])
def test_a_ranking_says_what_its_position_is(about: Question, world: World, section: str, engine: str) -> None:
    """The index in one section's list, in Korea and Korean; sections are never one list."""
    _, found = read(about(world.keywords[:1], section=section))
    assert {
        (r.rank_kind, r.engine, r.country, r.language, r.device, r.source, r.found, r.ranked_at) for r in found
    } == {(RankKind.LIST_INDEX, engine, "kr", "ko", None, "naver", True, AT)}


def test_one_question_per_keyword(about: Question, world: World) -> None:
    """A hundred results are one question; a keyword asked twice is one."""
    question = about([*world.keywords, world.keywords[0]])
    rows, _ = read(question)
    assert [r.subject for r in rows] == list(world.keywords)
    assert question.meter.requests == len(world.keywords)


def test_a_keyword_nobody_ranks_for(about: Question) -> None:
    """An empty list is an answer with nothing in it, not a failure."""
    rows, found = read(about(["nobody ranks for this"]))
    assert [(r.status, r.payload["depth"], r.payload["results"]) for r in rows] == [(Status.OBSERVED, 0, [])]
    assert found == []


@settings(max_examples=40)
@given(total=st.integers(0, 60), depth=st.integers(1, 50), size=st.integers(1, 20))
def test_paging_loses_and_repeats_nothing(total: int, depth: int, size: int) -> None:
    """Whatever the length of the list, the depth and the size of a page: each result once, at its place."""
    links = [f"https://a.example/{n}" for n in range(total)]
    starts: list[int] = []

    def page(number: int) -> Any:
        start = number * size + 1
        starts.append(start)
        items = [{"link": link} for link in links[start - 1 : start - 1 + size]]
        return page_of({"items": items, "total": total, "start": start}, start, size)

    found = [entry for fresh, _ in numbered(page, size, depth) for entry in fresh]
    wanted = links[: -(-depth // size) * size]
    assert [(e["position"], e["url"]) for e in found] == list(enumerate(wanted, 1))
    assert starts == [n * size + 1 for n in range(max(-(-len(wanted) // size), 1))]


def test_the_last_start_is_never_passed() -> None:
    """Naver refuses a start beyond 1,000: the page before it is the last, however many results there are."""
    full = {"items": [{"link": "https://a.example/"}] * 100, "total": 81_296_956}
    assert [page_of(full | {"start": start}, start, 100).is_last for start in (801, 901)] == [False, True]


def test_a_result_on_two_pages_keeps_its_first_place(about: Question) -> None:
    """Pages that shift while they are read repeat nothing, and the others keep their places."""

    def handler(request: Request) -> Response:
        start = int(request.query_params["start"])
        numbers = range(100) if start == 1 else range(99, 150)
        return listing([f"https://a.example/{n}" for n in numbers], start, 151)

    with scripted(handler) as address:
        _, found = read(about(["kettle"], base_url=address, depth=200))
    places = {r.url: r.position for r in found}
    assert (len(found), places["https://a.example/99"], places["https://a.example/149"]) == (150, 100, 151)


def test_what_is_sent(about: Question) -> None:
    """The keyword as it is, pages by start and display, the order by relevance where there is a choice, two headers."""
    asked: list[tuple[str, dict[str, str]]] = []
    sent: list[tuple[str | None, str | None]] = []

    def handler(request: Request) -> Response:
        asked.append((request.url.path, dict(request.query_params)))
        sent.append((request.headers.get("x-naver-client-id"), request.headers.get("x-other")))
        return listing(["https://a.example/"] * 100, int(request.query_params["start"]), 1000)

    with scripted(handler) as address:
        read(about(["파란 & 주전자"], base_url=address, depth=150))
        read(about(["x"], base_url=address, depth=7, section="blog", secret_header="X-Other"))
    assert asked == [
        ("/webkr.json", {"query": "파란 & 주전자", "display": "100", "start": "1"}),
        ("/webkr.json", {"query": "파란 & 주전자", "display": "100", "start": "101"}),
        ("/blog.json", {"query": "x", "display": "7", "sort": "sim", "start": "1"}),
    ]
    assert sent == [("nv-id-1", None), ("nv-id-1", None), ("nv-id-1", "nv-very-secret")]


@pytest.mark.parametrize("link", ["https://a.example/?x=1&copy=2&amp;lt=3", "http://openapi.naver.com/l?AAABWLyw=="])
def test_addresses_stay_as_they_are(link: str) -> None:
    """Only `&amp;` is taken back (`&copy` is no copyright sign); an address that hides its page is not guessed at."""
    (entry,) = page_of({"items": [{"link": link}], "total": 1, "start": 1}, 1, 100).entries
    assert entry["url"] == link.replace("&amp;", "&")
    assert url_key(entry["url"]) is not None


def test_nothing_of_people_is_kept(about: Question, world: World) -> None:
    """Names of blogs and cafés, titles and texts are served and not stored."""
    for section in twin.SECTIONS:
        question = about(world.keywords[:1], section=section)
        headers = {"X-Naver-Client-Id": "a", "X-Naver-Client-Secret": "b"}
        served = httpx.get(f"{question.base_url}/{section}.json", params={"query": world.keywords[0]}, headers=headers)
        assert "Somebody" in served.text
        kept = str(raw_table(list(STREAM.fetch(question))).to_pydict())
        assert "omebody" not in kept
        assert "<b>" not in kept
        assert KEYS["client_secret"] not in kept


# --- answers that cannot be used -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["items", "link", "total"])
def test_renamed_fields_are_failures(about: Question, fault: Any, world: World, name: str) -> None:
    """A list without its frame or its addresses has failed, instead of being empty."""
    fault(NAME, f"rename:{name}")
    rows, found = read(about(world.keywords[:2]))
    assert [str(r.error).partition(":")[0] for r in rows] == ["BadAnswer"] * 2
    assert found == []


@pytest.mark.parametrize(
    "body", [None, [], {}, {"items": {}}, {"items": [1], "total": 1}, {"items": [], "total": 5, "start": 101}]
)
def test_other_shapes_are_bad_answers(body: Any) -> None:
    """What is no list, or another page than asked for, is no answer."""
    with pytest.raises(errors.BadAnswer):
        page_of(body, 1, 100)


def test_a_result_without_an_address_keeps_its_place() -> None:
    """A hole in a list moves nobody up."""
    items = [{"link": "https://a.example/"}, {"link": ""}, {}, {"link": "https://b.example/"}]
    page = page_of({"items": items, "total": 4, "start": 1}, 1, 100)
    assert [entry["url"] for entry in page.entries] == ["https://a.example/", None, None, "https://b.example/"]


def test_a_later_page_that_fails_keeps_the_first(about: Question) -> None:
    """What was read stays, with the depth it reaches, beside a row that says what is missing."""

    def handler(request: Request) -> Response:
        if request.query_params["start"] != "1":
            return JSONResponse({"errorCode": "SE99", "errorMessage": "System Error"}, 500)
        return listing([f"https://a.example/{n}" for n in range(100)], 1, 1000)

    with scripted(handler) as address:
        rows, found = read(about(["kettle"], base_url=address, depth=300, retries=0))
    assert [(r.subject, r.status) for r in rows] == [("kettle", Status.OBSERVED), ("kettle", Status.FAILED)]
    assert (len(found), {r.depth for r in found}) == (100, {100})


# --- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "SE01", errors.BadRequest),
        (400, "SE02", errors.BadRequest),
        (400, "SE03", errors.BadRequest),
        (400, "SE04", errors.BadRequest),
        (400, "SE06", errors.BadRequest),
        (404, "SE05", errors.ConfigurationError),
        (500, "SE99", errors.Unavailable),
        (401, "024", errors.AuthError),
        (401, "028", errors.AuthError),
        (403, "024", errors.NotPermitted),
        (429, "010", errors.QuotaExhausted),
        (429, "012", errors.RateLimited),
        (429, None, errors.RateLimited),
        (200, "SE99", errors.Unavailable),
        (200, "SE77", errors.BadAnswer),
        (401, None, errors.AuthError),
        (402, None, errors.WalletEmpty),
        (404, None, errors.Gone),
        (503, None, errors.Unavailable),
    ],
)
def test_every_documented_error_has_its_class(status: int, code: str | None, kind: type[errors.SourceError]) -> None:
    """The code decides where it is known, else the status; an error inside a good answer is one."""
    body = json.dumps({"errorMessage": "Words.", "errorCode": code}) if code else ""
    error = naver_error(Answer(NAME, status, {}, body), AT)
    assert type(error) is kind
    assert code is None or "Words." in error.message


def test_good_answers_are_no_errors() -> None:
    """A list is none."""
    assert naver_error(Answer(NAME, 200, {}, '{"items": []}'), AT) is None


@pytest.mark.parametrize(
    ("moment", "midnight"),
    [
        (datetime(2026, 10, 14, 12, tzinfo=UTC), datetime(2026, 10, 14, 15, tzinfo=UTC)),
        (datetime(2026, 10, 14, 15, tzinfo=UTC), datetime(2026, 10, 15, 15, tzinfo=UTC)),
        (datetime(2026, 12, 31, 16, tzinfo=UTC), datetime(2027, 1, 1, 15, tzinfo=UTC)),
    ],
)
def test_the_allowance_comes_back_at_midnight_in_korea(moment: datetime, midnight: datetime) -> None:
    """The error says when, in UTC."""
    assert next_midnight(moment, KOREA) == midnight
    error = naver_error(Answer(NAME, 429, {}, '{"errorCode": "010", "errorMessage": "x"}'), moment)
    assert isinstance(error, errors.QuotaExhausted)
    assert error.resets_at == midnight


def test_a_spent_day_ends_the_run(about: Question, world: World) -> None:
    """010: one question, and every keyword says that the day is over."""
    question = about(world.keywords, client_id="spent-id", concurrency=1)
    rows, _ = read(question)
    assert question.meter.requests == 1
    assert {str(r.error)[:43] for r in rows} == {"QuotaExhausted: no more until 2026-10-14 15"}
    assert {r.subject for r in rows} == set(world.keywords)


def test_too_fast_is_tried_again(about: Question, world: World) -> None:
    """012 is a matter of a moment."""
    question = about(world.keywords, client_id="hurried-id", concurrency=1)
    rows, _ = read(question)
    assert {r.status for r in rows} == {Status.OBSERVED}
    assert question.meter.requests == len(world.keywords) + 1


@pytest.mark.parametrize(("name", "kind"), [("wrong-id", "AuthError"), ("closed-id", "NotPermitted")])
def test_refusals_end_the_run(about: Question, world: World, name: str, kind: str) -> None:
    """Keys that are refused, or may not search, are so for every keyword: one question tells."""
    question = about(world.keywords, client_id=name, concurrency=1)
    rows, _ = read(question)
    assert question.meter.requests == 1
    assert {str(r.error).partition(":")[0] for r in rows} == {kind}
    assert KEYS["client_secret"] not in repr(rows)


# --- the twin --------------------------------------------------------------------------------------------------------


class TestTwin:
    """The twin refuses what Naver refuses."""

    def get(self, sandbox: str, path: str = "webkr.json", **params: Any) -> httpx.Response:
        """A question put to the twin directly."""
        headers = {"X-Naver-Client-Id": "i", "X-Naver-Client-Secret": "s"}
        return httpx.get(f"{sandbox}/{DAY}/{NAME}/{path}", params=params, headers=headers)

    @pytest.mark.parametrize(
        ("params", "status", "code"),
        [
            ({}, 400, "SE01"),
            ({"query": "a", "display": 101}, 400, "SE02"),
            ({"query": "a", "display": 0}, 400, "SE02"),
            ({"query": "a", "start": 1001}, 400, "SE03"),
            ({"query": "a", "sort": "best"}, 400, "SE04"),
            ({"query": "a", "path": "images.json"}, 404, "SE05"),
        ],
    )
    def test_wrong_questions(self, sandbox: str, params: dict[str, Any], status: int, code: str) -> None:
        """Each has its code and both fields of the envelope."""
        answer = self.get(sandbox, **params)
        assert (answer.status_code, answer.json()["errorCode"]) == (status, code)
        assert set(answer.json()) == {"errorMessage", "errorCode"}

    def test_pages(self, sandbox: str, world: World) -> None:
        """Ten by default, from `start` on; the total is that of the list."""
        answer = self.get(sandbox, query=world.keywords[0]).json()
        assert (answer["start"], answer["display"], len(answer["items"]), answer["total"]) == (1, 10, 10, 20)
        last = self.get(sandbox, query=world.keywords[0], start=16, display=100).json()
        assert (last["start"], last["display"]) == (16, 5)

    def test_a_daily_allowance(self, sandbox: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Beyond it: 429 with code 010."""
        monkeypatch.setattr(twin, "PER_DAY", 0)
        answer = self.get(sandbox, query="a")
        assert (answer.status_code, answer.json()["errorCode"]) == (429, "010")
