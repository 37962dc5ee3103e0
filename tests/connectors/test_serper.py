"""Serper against its twin: places over pages that do not tell the end, credits, and errors told by a sentence."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from connectors.base import Ask, Meter, parse_all
from connectors.errors import AuthError, BadRequest, Gone, RateLimited, SourceError, Unavailable, WalletEmpty
from connectors.http import Answer
from connectors.rankings.serper import CONNECTOR, serper_error
from connectors.records import Ranking, RankKind, Raw, Status
from connectors.sandbox.server import running
from connectors.sandbox.world import World
from tests.conftest import DAY

STREAM = CONNECTOR.stream("organic")
KEY = "k3y-very-secret"


@pytest.fixture
def put(ask: Callable[..., Ask]) -> Callable[..., Ask]:
    """A question about keywords: put("tea", depth=20)."""

    def make(*keywords: str, meter: Meter | None = None, **settings: Any) -> Ask:
        question = ask(CONNECTOR, **{"api_key": KEY} | settings)
        return replace(question, keywords=keywords, meter=meter or Meter())

    return make


def read(question: Ask) -> tuple[list[Raw], list[Ranking]]:
    """The stream's rows and rankings."""
    rows = list(STREAM.fetch(question))
    return rows, parse_all(CONNECTOR, STREAM, rows)  # type: ignore[return-value]


@contextmanager
def scripted(*answers: Any) -> Iterator[tuple[str, list[tuple[str | None, Any]]]]:
    """A real server that gives these answers one after the other; also the keys and questions it was shown."""
    asked: list[tuple[str | None, Any]] = []

    async def respond(request: Request) -> JSONResponse:
        asked.append((request.headers.get("x-api-key"), await request.json()))
        return JSONResponse(answers[min(len(asked), len(answers)) - 1])

    with running(Starlette(routes=[Route("/search", respond, methods=["POST"])])) as address:
        yield address, asked


def page(*links: str, **more: Any) -> dict[str, Any]:
    """An answer, written by hand."""
    return {"organic": [{"link": link, "position": n} for n, link in enumerate(links, 1)], "credits": 1} | more


@pytest.mark.parametrize("depth", [1, 10, 11, 20, 50])
def test_places_are_those_of_the_world(put: Any, world: World, depth: int) -> None:
    """Each keyword's list is the world's, ten places a page, though every page is numbered from 1."""
    rows, found = read(put(*world.keywords, depth=depth))
    reach = 10 if depth <= 10 else 20
    for keyword in world.keywords:
        truth = world.results(keyword, DAY)[:reach]
        assert [(r.url, r.position) for r in found if r.keyword == keyword] == [
            (p.url, float(n)) for n, p in enumerate(truth, 1)
        ]
    assert {r.depth for r in found} == {reach}
    assert {e["given"] for row in rows for e in row.payload["results"]} == set(range(1, 11))


def test_a_ranking_says_what_was_asked(put: Any, world: World) -> None:
    """Country and language are those of the question; there is no device."""
    question = put(world.keywords[0], country="DE", language="de")
    _, found = read(question)
    facts = {(r.engine, r.country, r.language, r.device, r.rank_kind, r.source, r.ranked_at) for r in found}
    assert facts == {("google", "de", "de", None, RankKind.ORGANIC, "serper", question.observed_at)}


def test_what_is_asked(put: Any) -> None:
    """JSON with the page's number, the key in a header; no `num`, and nothing that is empty."""
    with scripted(page("https://a.example/"), page("https://b.example/"), page()) as (address, asked):
        rows, found = read(put("tea", base_url=address, depth=50, location="Berlin, Germany", language=""))
    known = {"q": "tea", "gl": "us", "location": "Berlin, Germany"}
    assert asked == [(KEY, known | {"page": n}) for n in (1, 2, 3)]
    assert [(r.url, r.position, r.depth) for r in found] == [
        ("https://a.example/", 1, 11),
        ("https://b.example/", 11, 11),
    ]
    assert rows[0].payload["location"] == "Berlin, Germany"


@pytest.mark.parametrize(("depth", "per_keyword"), [(10, 1), (20, 2), (30, 3), (100, 3)])
def test_requests_and_money_are_what_the_depth_takes(put: Any, world: World, depth: int, per_keyword: int) -> None:
    """One credit per page; the empty page that tells the end of a list of 20 is one too."""
    question = put(*world.keywords, depth=depth)
    read(question)
    assert question.meter.requests == len(world.keywords) * per_keyword
    assert question.meter.usd == pytest.approx(question.meter.requests * 0.001)
    assert STREAM.usd is not None
    assert STREAM.usd(question.settings, 1000) == pytest.approx(1000 * -(-depth // 10) * 0.001)


@pytest.mark.parametrize(("taken", "usd"), [(1, 0.001), (2, 0.002), (0, 0.0), (None, 0.001), ("x", 0.001), (-1, 0.001)])
def test_the_credits_told_are_what_is_booked(put: Any, taken: Any, usd: float) -> None:
    """The answer's own number corrects the price; without one the price stands."""
    with scripted(page("https://a.example/", credits=taken)) as (address, _):
        question = put("tea", base_url=address)
        read(question)
    assert question.meter.usd == pytest.approx(usd)


def test_links_stay_as_they_are_sent(put: Any) -> None:
    """A redirect around an address is not taken off here."""
    wrapped = "https://www.google.com/url?q=https%3A%2F%2Fa.example%2Fw"
    with scripted(page(wrapped)) as (address, _):
        _, found = read(put("tea", base_url=address))
    assert [r.url for r in found] == [wrapped]


def test_nothing_found_is_an_empty_list(put: Any) -> None:
    """Looked at 0 results: no failure, no ranking, one credit."""
    question = put("words that nobody wrote", depth=50)
    rows, found = read(question)
    assert [(r.status, r.payload["depth"], r.payload["results"]) for r in rows] == [(Status.OBSERVED, 0, [])]
    assert (found, question.meter.requests) == ([], 1)


def test_nothing_of_people_is_kept(put: Any, world: World) -> None:
    """No titles, snippets or names, and not the key."""
    rows, _ = read(put(*world.keywords, depth=20))
    assert "nvented" not in repr(rows)
    assert KEY not in repr(rows)
    assert {key for row in rows for e in row.payload["results"] for key in e} == {"url", "position", "given"}


@pytest.mark.parametrize(("key", "kind"), [("wrong", AuthError), ("spent", WalletEmpty)])
def test_a_key_that_is_refused(put: Any, world: World, key: str, kind: type[SourceError]) -> None:
    """A wrong key and used-up credits are asked once, never tried again, and cost nothing."""
    question = put(*world.keywords, api_key=key)
    rows, found = read(question)
    assert [(r.error or "").partition(":")[0] for r in rows] == [kind.__name__] * len(world.keywords)
    assert (question.meter.requests, question.meter.usd, found) == (1, 0, [])


def test_too_fast_is_tried_again(put: Any, world: World) -> None:
    """A 429 is waited out; the page is booked once."""
    question = put(world.keywords[0], api_key="hurried-1")
    rows, _ = read(question)
    assert [r.status for r in rows] == [Status.OBSERVED]
    assert (question.meter.requests, question.meter.usd) == (2, 0.001)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"message": "Missing query parameter"}, BadRequest),
        (400, {"message": "Not enough credits", "statusCode": 400}, WalletEmpty),
        (402, {"message": "Payment required"}, WalletEmpty),
        (401, {"message": "Unauthorized."}, AuthError),
        (403, {"message": "Unauthorized.", "statusCode": 403}, AuthError),
        (403, None, AuthError),
        (404, None, Gone),
        (429, {"message": "Too many requests"}, RateLimited),
        (500, {"message": "x"}, Unavailable),
        (503, None, Unavailable),
    ],
)
def test_every_documented_error_has_its_class(status: int, body: Any, kind: type[SourceError]) -> None:
    """By status, or by the sentence about credits."""
    text = "" if body is None else json.dumps(body)
    assert type(serper_error(Answer("serper", status, {}, text))) is kind


def test_results_are_no_error() -> None:
    """A page about credits is still a page."""
    body = {"organic": [], "searchParameters": {"q": "not enough credits"}, "message": "not enough credits"}
    assert serper_error(Answer("serper", 200, {}, json.dumps(body))) is None


def test_a_pause_that_is_named_is_kept() -> None:
    """`Retry-After`, should it come, is the wait."""
    error = serper_error(Answer("serper", 429, {"retry-after": "3"}, ""))
    assert isinstance(error, RateLimited)
    assert error.retry_after == 3


def test_the_budget_ends_the_questions(put: Any, world: World) -> None:
    """What the budget does not cover is not asked."""
    question = put(*world.keywords, meter=Meter(0.002))
    rows, _ = read(question)
    assert [(r.error or "").partition(":")[0] for r in rows] == ["", ""] + ["BudgetSpent"] * (len(world.keywords) - 2)
    assert question.meter.requests == 2


def test_a_later_page_that_fails_leaves_the_first(put: Any) -> None:
    """Ten results of depth 10, beside a failed row."""
    with scripted(page(*(f"https://a.example/{n}" for n in range(10))), {"message": "odd"}) as (address, _):
        rows, found = read(put("tea", base_url=address, depth=20))
    assert [(r.error or "").partition(":")[0] for r in rows] == ["", "BadAnswer"]
    assert ({r.depth for r in found}, len(found)) == ({10}, 10)


@pytest.mark.parametrize("name", ["organic", "link"])
def test_a_renamed_list_or_address_is_a_failure(put: Any, world: World, fault: Any, name: str) -> None:
    """Failed, instead of seeming empty."""
    fault("serper", f"rename:{name}")
    rows, found = read(put(world.keywords[0]))
    assert [(r.error or "").partition(":")[0] for r in rows] == ["BadAnswer"]
    assert found == []


@pytest.mark.parametrize("name", ["position", "credits", "title", "searchParameters", "peopleAlsoAsk"])
def test_a_renamed_field_that_is_not_needed_changes_nothing(put: Any, world: World, fault: Any, name: str) -> None:
    """Places are counted here, and the price stands without credits."""
    before = read(put(world.keywords[0], depth=20))[1]
    fault("serper", f"rename:{name}")
    question = put(world.keywords[0], depth=20)
    assert read(question)[1] == before
    assert question.meter.usd == pytest.approx(0.002)


@pytest.mark.parametrize("kind", ["404", "html", "broken_json", "cut", "503"])
def test_the_key_shows_nowhere(put: Any, world: World, fault: Any, kind: str, caplog: Any) -> None:
    """Neither rows nor logs tell it."""
    caplog.set_level("DEBUG")
    fault("serper", kind)
    rows, _ = read(put(world.keywords[0], retries=1))
    assert {r.status for r in rows} == {Status.FAILED}
    assert KEY not in repr(rows) + caplog.text


# --- the twin ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def address(sandbox: str) -> str:
    """The twin's search."""
    return f"{sandbox}/{DAY}/serper/search"


def test_the_twin_answers_get_too(address: str, world: World) -> None:
    """With the key and the question in the address, as trackers ask it."""
    asked = {"q": world.keywords[0], "apiKey": "t"}
    answer = httpx.get(address, params=asked).json()
    assert [r["link"] for r in answer["organic"]] == [p.url for p in world.results(world.keywords[0], DAY)[:10]]
    assert answer["credits"] == 1
    assert httpx.get(address, params=asked | {"num": 100}).json()["credits"] == 2


@pytest.mark.parametrize(
    ("key", "body", "status"),
    [("", {"q": "x"}, 403), ("wrong", {"q": "x"}, 403), ("spent", {"q": "x"}, 400), ("t", {}, 400),
     ("t", {"q": "x", "page": 0}, 400), ("t", {"q": "x", "page": "y"}, 400), ("t", [], 400)],
)  # fmt: skip
def test_the_twin_refuses_what_the_service_refuses(address: str, key: str, body: Any, status: int) -> None:
    """In its envelope: a sentence and the status."""
    answer = httpx.post(address, json=body, headers={"X-API-KEY": key})
    assert (answer.status_code, answer.json()["statusCode"]) == (status, status)
    assert answer.json()["message"]


def test_the_twin_never_tells_the_last_page(address: str, world: World) -> None:
    """Beyond the end there is an empty list, as for a keyword that nobody ranks for."""
    for body in ({"q": world.keywords[0], "page": 3}, {"q": "words that nobody wrote"}):
        assert httpx.post(address, json=body, headers={"X-API-KEY": "t"}).json()["organic"] == []
