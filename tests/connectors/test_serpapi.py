"""SerpApi against its twin: places over pages, nothing found, the two meanings of 429, money, and its own client."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import serpapi
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
    RateLimited,
    SourceError,
    Unavailable,
    WalletEmpty,
)
from connectors.http import Answer
from connectors.rankings.serpapi import CONNECTOR, page_of, serpapi_error
from connectors.records import Ranking, RankKind, Raw, Status, day_noon
from connectors.sandbox.serpapi import NOTHING_FOUND
from connectors.sandbox.server import running
from connectors.sandbox.world import World
from connectors.urls import url_key
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
def scripted(*answers: Any) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A real server that gives these answers one after the other; also the questions it was asked."""
    asked: list[dict[str, str]] = []

    async def respond(request: Request) -> JSONResponse:
        asked.append(dict(request.query_params))
        return JSONResponse(answers[min(len(asked), len(answers)) - 1])

    with running(Starlette(routes=[Route("/search.json", respond)])) as address:
        yield address, asked


def page(*links: str, **more: Any) -> dict[str, Any]:
    """An answer, written by hand."""
    return {"search_metadata": {"status": "Success"}, "organic_results": [{"link": link} for link in links]} | more


@pytest.mark.parametrize("depth", [1, 10, 11, 20, 50])
def test_places_are_those_of_the_world(put: Any, world: World, depth: int) -> None:
    """Each keyword's list is the world's, ten places a page, though the service numbers every page from 1."""
    _, found = read(put(*world.keywords, depth=depth))
    for keyword in world.keywords:
        shown = [(url_key(r.url), r.position) for r in found if r.keyword == keyword]
        reach = 10 if depth <= 10 else 20
        truth = world.results(keyword, DAY)[:reach]
        assert shown == [(url_key(p.url), float(n)) for n, p in enumerate(truth, 1)]
        assert {r.depth for r in found if r.keyword == keyword} == {reach}


def test_the_number_given_is_kept_beside_the_place(put: Any, world: World) -> None:
    """On the second page the service begins at 1 again; both numbers are stored."""
    rows, _ = read(put(world.keywords[0], depth=20))
    numbers = [(e["position"], e["given"]) for e in rows[0].payload["results"]]
    assert numbers == [(n, (n - 1) % 10 + 1) for n in range(1, 21)]


def test_a_ranking_says_what_was_asked(put: Any, world: World) -> None:
    """Engine, country, language and device are those of the question, at the moment of reading, as organic places."""
    question = put(world.keywords[0], country="DE", language="de", device="mobile", location="Berlin, Germany")
    rows, found = read(question)
    facts = {(r.engine, r.country, r.language, r.device, r.rank_kind, r.source, r.ranked_at, r.found) for r in found}
    moment = question.observed_at
    assert facts == {("google", "de", "de", "mobile", RankKind.ORGANIC, "serpapi", moment, True)}
    assert rows[0].payload["location"] == "Berlin, Germany"


def test_what_is_asked() -> None:
    """One page by its start, with the settings as parameters; `num` is not sent, nothing that is empty either."""
    links = [f"https://a.example/{n}" for n in range(10)]
    first = page(*links, serpapi_pagination={"next": "https://serpapi.com/search.json?start=10"})
    with scripted(first, page("https://b.example/")) as (address, asked):
        made = CONNECTOR.settings(_env_file=None, base_url=address, api_key=KEY, requests_per_second=1e6, depth=30)  # type: ignore[call-arg]
        read(Ask(made, DAY, day_noon(DAY), keywords=("c++ & 50%",)))
    known = {"api_key": KEY, "engine": "google", "gl": "us", "hl": "en", "device": "desktop"}
    known |= {"google_domain": "google.com", "q": "c++ & 50%"}
    assert asked == [known | {"start": "0"}, known | {"start": "10"}]


@pytest.mark.parametrize(("depth", "per_keyword"), [(1, 1), (10, 1), (11, 2), (20, 2), (100, 2)])
def test_requests_and_money_are_what_the_depth_takes(put: Any, world: World, depth: int, per_keyword: int) -> None:
    """One search to pay for per ten results, as long as there are more; the estimate is never below the bill."""
    question = put(*world.keywords, depth=depth)
    read(question)
    assert question.meter.requests == len(world.keywords) * per_keyword
    assert question.meter.usd == pytest.approx(question.meter.requests * 0.015)
    assert STREAM.usd is not None
    estimate = STREAM.usd(question.settings, len(world.keywords))
    assert estimate == pytest.approx(len(world.keywords) * -(-depth // 10) * 0.015)
    assert question.meter.usd <= estimate + 1e-9


def test_a_keyword_named_twice_is_paid_once(put: Any, world: World) -> None:
    """One question, one list."""
    question = put(world.keywords[0], world.keywords[0])
    rows, _ = read(question)
    assert (len(rows), question.meter.requests) == (1, 1)


def test_links_stay_as_they_are_sent(put: Any, world: World) -> None:
    """Google's `srsltid` and its redirects are kept in the address; the join key takes them off."""
    _, found = read(put(world.keywords[0]))
    marked = [r for r in found if "srsltid=" in r.url]
    assert {url_key(r.url) for r in marked} <= {url_key(p.url) for p in world.pages}
    assert marked
    wrapped = "https://www.google.com/url?url=https%3A%2F%2Fa.example%2Fw&sa=U"
    assert [e["url"] for e in page_of(page(wrapped)).entries] == [wrapped]
    assert url_key(wrapped) == "a.example/w"


def test_nothing_found_is_an_empty_list(put: Any) -> None:
    """A success with a sentence in `error`: looked at 0 results, no failure, no ranking."""
    rows, found = read(put("words that nobody wrote"))
    assert [(r.status, r.payload["depth"], r.payload["results"]) for r in rows] == [(Status.OBSERVED, 0, [])]
    assert found == []


def test_nothing_of_people_is_kept(put: Any, world: World) -> None:
    """No titles, snippets, names of writers; and not the key."""
    rows, _ = read(put(*world.keywords, depth=20))
    assert "nvented" not in repr(rows)
    assert KEY not in repr(rows)
    assert {key for row in rows for e in row.payload["results"] for key in e} == {"url", "position", "given"}


@pytest.mark.parametrize(
    ("key", "kind", "requests"),
    [
        ("wrong", AuthError, 1),
        ("closed", NotPermitted, 6),
        ("spent", WalletEmpty, 1),
        ("spent-200", WalletEmpty, 1),
    ],
)
def test_a_key_that_is_refused(put: Any, world: World, key: str, kind: type[SourceError], requests: int) -> None:
    """Each refusal has its class; a wrong key and an empty account are asked once and never tried again."""
    question = put(*world.keywords, api_key=key)
    rows, found = read(question)
    assert [(r.error or "").partition(":")[0] for r in rows] == [kind.__name__] * len(world.keywords)
    assert (question.meter.requests, found, question.meter.usd) == (requests, [], 0)


def test_too_many_searches_an_hour_are_waited_for(put: Any, world: World) -> None:
    """The other meaning of 429 is tried again, and the search is booked once."""
    question = put(world.keywords[0], api_key="hurried-1")
    rows, _ = read(question)
    assert [r.status for r in rows] == [Status.OBSERVED]
    assert (question.meter.requests, question.meter.usd) == (2, 0.015)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"error": "Missing query `q` parameter."}, BadRequest),
        (401, {"error": "Invalid API key."}, AuthError),
        (403, {"error": "The account has been deleted."}, NotPermitted),
        (404, {"error": "Not here."}, Gone),
        (410, {"error": "The search expired."}, Gone),
        (429, {"error": "Your account has run out of searches."}, WalletEmpty),
        (429, {"error": "Too many searches this hour."}, RateLimited),
        (429, None, RateLimited),
        (500, {"error": "x"}, Unavailable),
        (503, {"search_metadata": {"status": "Error"}, "error": "Please try again later."}, Unavailable),
        (200, {"search_metadata": {"status": "Error"}, "error": "Please try again later."}, Unavailable),
        (200, {"search_metadata": {"status": "Processing"}}, BadAnswer),
        (200, {"search_metadata": {"status": "Queued"}}, BadAnswer),
        (200, {"error": "Your account has run out of searches."}, WalletEmpty),
        (200, {"error": "Invalid API key."}, AuthError),
        (200, {"error": "Unsupported `xx` gl parameter."}, BadRequest),
    ],
)
def test_every_documented_error_has_its_class(status: int, body: Any, kind: type[SourceError]) -> None:
    """By status, or by its sentence where one status means two things; also inside a 200."""
    text = "" if body is None else json.dumps(body)
    assert type(serpapi_error(Answer("serpapi", status, {}, text))) is kind


@pytest.mark.parametrize(
    "body", [page("https://a.example/"), {"search_metadata": {"status": "Success"}, "error": NOTHING_FOUND}]
)
def test_a_success_is_no_error(body: Any) -> None:
    """Results, or the sentence that there are none."""
    assert serpapi_error(Answer("serpapi", 200, {}, json.dumps(body))) is None


def test_a_pause_that_is_named_is_kept() -> None:
    """`Retry-After`, should it come, is the wait."""
    error = serpapi_error(Answer("serpapi", 429, {"retry-after": "17"}, "{}"))
    assert isinstance(error, RateLimited)
    assert error.retry_after == 17


def test_the_budget_ends_the_questions(put: Any, world: World) -> None:
    """What the budget does not cover is not asked: failed in words that name the setting, and no request is made."""
    question = put(*world.keywords, meter=Meter(0.03))
    rows, _ = read(question)
    assert [r.status for r in rows] == [Status.OBSERVED] * 2 + [Status.FAILED] * (len(world.keywords) - 2)
    assert all("BudgetSpent" in r.error and "TALLYRANK_SERPAPI_BUDGET_USD" in r.error for r in rows[2:] if r.error)
    assert question.meter.requests == 2


def test_a_list_that_the_budget_cuts_short_says_so(put: Any, world: World) -> None:
    """The page that was paid for is kept with its depth, beside a failed row."""
    question = put(world.keywords[0], depth=20, meter=Meter(0.02))
    rows, found = read(question)
    assert [(r.status, (r.error or "").partition(":")[0]) for r in rows] == [
        (Status.OBSERVED, ""), (Status.FAILED, "BudgetSpent"),
    ]  # fmt: skip
    assert ({r.depth for r in found}, len(found), question.meter.requests) == ({10}, 10, 1)


@pytest.mark.parametrize("name", ["organic_results", "link"])
def test_a_renamed_list_or_address_is_a_failure(put: Any, world: World, fault: Any, name: str) -> None:
    """Gone, and no word that nothing was found: failed, instead of seeming empty."""
    fault("serpapi", f"rename:{name}")
    rows, found = read(put(world.keywords[0]))
    assert [(r.error or "").partition(":")[0] for r in rows] == ["BadAnswer"]
    assert found == []


@pytest.mark.parametrize("name", ["position", "title", "search_information", "search_parameters", "related_questions"])
def test_a_renamed_field_that_is_not_needed_changes_nothing(put: Any, world: World, fault: Any, name: str) -> None:
    """Places are counted here, so even `position` may go."""
    before = read(put(world.keywords[0], depth=20))[1]
    fault("serpapi", f"rename:{name}")
    assert read(put(world.keywords[0], depth=20))[1] == before


@pytest.mark.parametrize("kind", ["404", "html", "broken_json", "cut", "503"])
def test_the_key_shows_nowhere(put: Any, world: World, fault: Any, kind: str, caplog: Any) -> None:
    """It stands in the address, and neither rows nor logs tell it."""
    caplog.set_level("DEBUG")
    fault("serpapi", kind)
    rows, _ = read(put(world.keywords[0], retries=1))
    assert {r.status for r in rows} == {Status.FAILED}
    assert KEY not in repr(rows) + caplog.text


# --- the twin, read by SerpApi's own client ---------------------------------------------------------------------------


@pytest.fixture
def client(sandbox: str) -> serpapi.Client:
    """The client as it is, with the twin's address instead of the service's."""
    made = serpapi.Client(api_key=KEY, timeout=10)
    made.BASE_DOMAIN = f"{sandbox}/{DAY}/serpapi"
    return made


def test_the_client_reads_the_twin_page_by_page(client: serpapi.Client, world: World) -> None:
    """It follows `next`, to which it adds the key, and finds the world's list."""
    pages = list(client.search(engine="google", q=world.keywords[0]).yield_pages())
    links = [url_key(r["link"]) for p in pages for r in p["organic_results"]]
    assert links == [url_key(p.url) for p in world.results(world.keywords[0], DAY)]
    assert [p["serpapi_pagination"]["current"] for p in pages] == [1, 2]
    assert KEY not in pages[0].next_page_url


def test_the_client_finds_a_search_again(client: serpapi.Client, world: World) -> None:
    """By the id in `search_metadata`; an expired one is 410."""
    found = client.search(engine="google", q=world.keywords[1])
    again = client.search_archive(search_id=found["search_metadata"]["id"])
    assert again["organic_results"] == found["organic_results"]
    with pytest.raises(serpapi.HTTPError) as caught:
        client.search_archive(search_id="expired")
    assert caught.value.status_code == 410


def test_the_client_counts_what_is_left(client: serpapi.Client, world: World) -> None:
    """Searches that succeed count, the same again does not, and a refused one neither."""
    client.api_key = "counted"
    before = client.account()["total_searches_left"]
    for keyword in (*world.keywords[:2], world.keywords[0]):
        client.search(engine="google", q=keyword)
    with pytest.raises(serpapi.HTTPError):
        client.search(engine="google")
    assert client.account()["total_searches_left"] == before - 2


@pytest.mark.parametrize(
    ("key", "asked", "status"),
    [
        ("wrong", {"q": "tea"}, 401),
        ("closed", {"q": "tea"}, 403),
        ("spent", {"q": "tea"}, 429),
        (KEY, {}, 400),
        (KEY, {"q": "tea", "gl": "zz"}, 400),
        (KEY, {"q": "tea", "device": "watch"}, 400),
        (KEY, {"q": "tea", "engine": "altavista"}, 400),
        (KEY, {"q": "tea", "start": "x"}, 400),
        (KEY, {"q": "tea", "location": "a", "uule": "b"}, 400),
        (KEY, {"q": "tea", "async": "true", "no_cache": "true"}, 400),
    ],
)
def test_the_client_understands_the_twins_refusals(
    client: serpapi.Client, key: str, asked: dict[str, str], status: int
) -> None:
    """Status and sentence arrive in the client's own exception."""
    client.api_key = key
    with pytest.raises(serpapi.HTTPError) as caught:
        client.search(asked)
    assert caught.value.status_code == status
    assert caught.value.error


def test_the_twin_ignores_num(client: serpapi.Client, world: World) -> None:
    """Ten results a page, whatever is asked for."""
    assert len(client.search(q=world.keywords[0], num=100)["organic_results"]) == 10


def test_the_client_looks_up_places(client: serpapi.Client) -> None:
    """Places by a part of their name."""
    assert [p["canonical_name"] for p in client.locations(q="berlin", limit=3)] == ["Berlin, Germany"]
