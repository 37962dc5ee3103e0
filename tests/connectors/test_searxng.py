"""SearXNG against its twin: places of one engine, merged lists, blocked engines inside a 200, JSON switched off."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from connectors.base import Ask, parse_all
from connectors.errors import (
    AuthError,
    BadAnswer,
    BadRequest,
    ConfigurationError,
    Gone,
    RateLimited,
    SourceError,
    Unavailable,
)
from connectors.http import Answer
from connectors.rankings.searxng import CONNECTOR, Settings, page_of, searxng_error
from connectors.records import Ranking, RankKind, Raw
from connectors.sandbox.server import running
from connectors.sandbox.world import World
from connectors.serp import numbered
from tests.conftest import DAY

STREAM = CONNECTOR.stream("results")


@pytest.fixture
def put(ask: Callable[..., Ask]) -> Callable[..., Ask]:
    """A question about keywords: put("tea", engines="bing")."""
    return lambda *keywords, **settings: replace(ask(CONNECTOR, **settings), keywords=keywords)


@pytest.fixture
def get(sandbox: str) -> Callable[..., httpx.Response]:
    """A question put to the twin directly."""
    return lambda **asked: httpx.get(f"{sandbox}/{DAY}/searxng/search", params={"format": "json"} | asked)


def read(question: Ask) -> tuple[list[Raw], list[Ranking]]:
    """The stream's rows and rankings."""
    rows = list(STREAM.fetch(question))
    return rows, parse_all(CONNECTOR, STREAM, rows)  # type: ignore[return-value]


def kinds(rows: list[Raw]) -> list[str]:
    """The class of each row's error; empty where there is none."""
    return [(r.error or "").partition(":")[0] for r in rows]


def hit(url: str, *positions: int, engines: Any = ("google",)) -> dict[str, Any]:
    """One result, written by hand."""
    return {"url": url, "positions": list(positions), "engines": list(engines), "score": 1.0}


@pytest.mark.parametrize("depth", [1, 10, 11, 20, 50])
@pytest.mark.parametrize("engine", ["google", "bing"])
def test_one_engine_gives_its_own_places(put: Any, world: World, engine: str, depth: int) -> None:
    """Each keyword's list is that engine's, over all pages, under its name; an index, and read by searxng."""
    question = put(*world.keywords, engines=engine, depth=depth)
    _, found = read(question)
    reach = 10 if depth <= 10 else 20
    for keyword in world.keywords:
        pages = world.results(keyword, DAY)
        truth = (pages if engine == "google" else pages[::-1])[:reach]
        assert {(r.url, r.position) for r in found if r.keyword == keyword} == {
            (p.url, float(n)) for n, p in enumerate(truth, 1)
        }
    facts = {(r.engine, r.country, r.language, r.device, r.depth, r.rank_kind, r.source) for r in found}
    assert facts == {(engine, "us", "en", None, reach, RankKind.LIST_INDEX, "searxng")}
    assert {r.ranked_at for r in found} == {question.observed_at}


@pytest.mark.parametrize("engines", ["", "google,bing", " Google , bing "])
def test_several_engines_give_an_index_of_the_merged_list(put: Any, get: Any, world: World, engines: str) -> None:
    """The order of the answer, and no engine's name."""
    _, found = read(put(world.keywords[0], engines=engines, depth=10))
    merged = [r["url"] for r in get(q=world.keywords[0]).json()["results"]]
    assert [(r.url, r.position) for r in found] == [(url, float(n)) for n, url in enumerate(merged, 1)]
    assert {(r.engine, r.depth) for r in found} == {("searxng", len(merged))}


@pytest.mark.parametrize(
    ("language", "expected"),
    [("de-CH", ("de", "ch")), ("de", ("de", None)), ("all", (None, None)), ("auto", (None, None)), ("", (None, None))],
)
def test_a_region_is_the_country(put: Any, world: World, language: str, expected: tuple[str | None, ...]) -> None:
    """`de-CH` is German in Switzerland; `all` says nothing."""
    _, found = read(put(world.keywords[0], language=language))
    assert {(r.language, r.country) for r in found} == {expected}


def test_what_is_asked(put: Any) -> None:
    """JSON, the engine, the language, the page from 1, until a page is empty."""
    asked: list[dict[str, str]] = []

    async def respond(request: Request) -> JSONResponse:
        asked.append(dict(request.query_params))
        return JSONResponse({"results": [hit(f"https://a.example/{len(asked)}", 1)] if len(asked) < 3 else []})

    with running(Starlette(routes=[Route("/search", respond)])) as address:
        _, found = read(put("c++ & tea", base_url=address, depth=100))
    known = {"q": "c++ & tea", "format": "json", "categories": "general", "safesearch": "0", "engines": "google"}
    assert asked == [known | {"language": "en-US", "pageno": str(n)} for n in (1, 2, 3)]
    assert [(r.position, r.depth) for r in found] == [(1, 11), (11, 11)]


@given(st.data())
def test_places_do_not_depend_on_the_order_of_the_answer(data: st.DataObject) -> None:
    """However SearXNG sorts the results of one engine, each has the place that the engine gave it."""
    sizes = data.draw(st.lists(st.integers(1, 10), min_size=1, max_size=4))
    pages = [[hit(f"https://a.example/{n}/{i}", i + 1) for i in range(size)] for n, size in enumerate(sizes)]
    shuffled = [data.draw(st.permutations(page)) for page in pages]

    def read_page(number: int) -> Any:
        return page_of({"results": shuffled[number] if number < len(shuffled) else []}, "google", is_first=number == 0)

    found = {e["url"]: e["position"] for fresh, _ in numbered(read_page, 10, 100) for e in fresh}
    assert found == {h["url"]: 10 * n + h["positions"][0] for n, page in enumerate(pages) for h in page}


def test_an_address_met_twice_on_a_page_has_its_first_place() -> None:
    """SearXNG merges both and lists both places."""
    assert page_of({"results": [hit("https://a.example/", 2, 7)]}, "google", is_first=True).entries[0]["place"] == 2


def test_nothing_of_people_is_kept(put: Any, world: World) -> None:
    """No titles, contents, authors."""
    rows, _ = read(put(*world.keywords))
    assert "nvented" not in repr(rows)


def test_json_that_is_switched_off_says_how_to_switch_it_on(put: Any, sandbox: str, world: World) -> None:
    """403 concerns every keyword alike: asked once, with the words that help."""
    question = put(*world.keywords, base_url=f"{sandbox}/{{day}}/searxng/off")
    rows, found = read(question)
    assert kinds(rows) == ["ConfigurationError"] * len(world.keywords)
    assert all("`json`" in r.error and "formats" in r.error and "settings.yml" in r.error for r in rows if r.error)
    assert (question.meter.requests, found) == (1, [])


def test_the_limiter_of_the_instance_is_named(put: Any, sandbox: str, world: World) -> None:
    """429 is tried again, then says whose limiter it is; after three keywords the others are left alone."""
    question = put(*world.keywords, base_url=f"{sandbox}/{{day}}/searxng/limited", retries=1)
    rows, _ = read(question)
    assert kinds(rows) == ["RateLimited"] * len(world.keywords)
    assert "limiter" in (rows[0].error or "")
    assert question.meter.requests == 6


@pytest.mark.parametrize(
    ("mood", "kind", "requests"),
    [
        ("captcha", "RateLimited", 1),
        ("refused", "RateLimited", 1),
        ("slow", "Unavailable", 2),
        ("wordless", "BadAnswer", 1),
    ],
)
def test_no_results_are_unknown(put: Any, world: World, mood: str, kind: str, requests: int) -> None:
    """A blocked engine answers 200 with nothing in it: failed, never "not in the list", and no further try where the
    engine is left alone for minutes.
    """
    question = put(f"{world.keywords[0]} {mood}", retries=1)
    rows, found = read(question)
    assert kinds(rows) == [kind]
    assert (question.meter.requests, found) == (requests, [])


def test_a_keyword_without_any_result_is_unknown(put: Any) -> None:
    """Nobody can say whether the engine found nothing or failed without a word."""
    rows, found = read(put("words that nobody wrote"))
    assert (kinds(rows), found) == (["BadAnswer"], [])


def test_an_engine_blocked_on_the_second_page_leaves_the_first(put: Any, world: World) -> None:
    """Ten results of depth 10, beside a failed row."""
    rows, found = read(put(f"{world.keywords[0]} halfway", depth=20, retries=0))
    assert kinds(rows) == ["", "RateLimited"]
    assert ({r.depth for r in found}, len(found)) == ({10}, 10)


def test_a_list_that_lacks_an_engine_says_so(put: Any, world: World) -> None:
    """One of two engines is blocked: the list is kept with the name of what is missing."""
    rows, found = read(put(f"{world.keywords[0]} one-sided", engines="google,bing"))
    assert [r.payload["unresponsive"] for r in rows] == [["bing"]]
    assert len(found) == 10


def test_an_unknown_engine_is_no_list(put: Any, world: World) -> None:
    """The instance leaves the name out without a word: nothing, or results of another engine."""
    assert kinds(read(put(world.keywords[0], engines="gogle"))[0]) == ["BadAnswer"]
    with pytest.raises(BadAnswer, match="other engines"):
        page_of({"results": [hit("https://a.example/", 1, engines=["bing"])]}, "gogle", is_first=True)


@pytest.mark.parametrize(
    ("reason", "kind", "pause"),
    [
        ("CAPTCHA", RateLimited, 3600),
        ("Suspended: CAPTCHA", RateLimited, 3600),
        ("too many requests", RateLimited, 180),
        ("Suspended: access denied", RateLimited, 180),
        ("timeout", Unavailable, None),
        ("parsing error", Unavailable, None),
        ("Zeitüberschreitung", Unavailable, None),
    ],
)
def test_every_reason_has_its_class(reason: str, kind: type[SourceError], pause: float | None) -> None:
    """By the words of an instance that speaks English; other words are an engine that did not answer."""
    text = json.dumps({"results": [], "unresponsive_engines": [["google", reason]]})
    error = searxng_error(Answer("searxng", 200, {}, text))
    assert type(error) is kind
    assert getattr(error, "retry_after", None) == pause


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, BadRequest),
        (401, AuthError),
        (403, ConfigurationError),
        (404, Gone),
        (429, RateLimited),
        (500, Unavailable),
    ],
)
def test_every_documented_error_has_its_class(status: int, kind: type[SourceError]) -> None:
    """What the instance itself refuses, by status."""
    assert type(searxng_error(Answer("searxng", status, {}, "Words"))) is kind


def test_a_pause_that_is_named_is_kept() -> None:
    """`Retry-After` of the limiter is the wait."""
    error = searxng_error(Answer("searxng", 429, {"retry-after": "9"}, ""))
    assert isinstance(error, RateLimited)
    assert error.retry_after == 9


@pytest.mark.parametrize("name", ["results", "url", "positions"])
def test_a_renamed_field_that_is_needed_is_a_failure(put: Any, world: World, fault: Any, name: str) -> None:
    """Failed, instead of seeming empty or in some order."""
    fault("searxng", f"rename:{name}")
    rows, found = read(put(world.keywords[0]))
    assert (kinds(rows), found) == (["BadAnswer"], [])


@pytest.mark.parametrize("name", ["engines", "unresponsive_engines", "score", "title", "parsed_url"])
def test_a_renamed_field_that_is_not_needed_changes_nothing(put: Any, world: World, fault: Any, name: str) -> None:
    """The list is the same."""
    before = read(put(world.keywords[0]))[1]
    fault("searxng", f"rename:{name}")
    assert read(put(world.keywords[0]))[1] == before


def test_it_is_off_until_it_is_switched_on() -> None:
    """Without an instance of one's own nothing is asked; no key is ever missing."""
    settings = Settings(_env_file=None)  # type: ignore[call-arg]
    assert (settings.enabled, settings.missing(), settings.base_url) == (False, (), "http://127.0.0.1:8888")


# --- the twin ---------------------------------------------------------------------------------------------------------


def test_the_twin_speaks_json_only_when_asked(get: Any, sandbox: str) -> None:
    """Other formats are forbidden, an empty question is wrong, a page has a number."""
    assert get(q="tea").status_code == 200
    assert get(q="tea", format="csv").status_code == 403
    assert get(q="").status_code == 400
    assert get(q="tea", pageno="x").status_code == 400
    assert httpx.get(f"{sandbox}/{DAY}/searxng/off/search", params={"q": "x", "format": "json"}).status_code == 403


def test_the_twin_merges_engines(get: Any, world: World) -> None:
    """A result of both engines has two places, the best scores come first, and removed fields are not sent."""
    answer = get(q=world.keywords[0], pageno=1).json()
    scores = [r["score"] for r in answer["results"]]
    assert scores == sorted(scores, reverse=True)
    assert len({r["url"] for r in answer["results"]}) == len(scores) == 20
    assert "number_of_results" not in answer
