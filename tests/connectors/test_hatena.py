"""Hatena Bookmark against its twin: sums over both schemes, batches, and what a missing answer means."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from connectors.base import Ask, parse_all
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb
from connectors.sandbox.server import running
from connectors.votes.hatena import CONNECTOR

[BY_URL] = CONNECTOR.streams
AT = datetime(2026, 10, 14, 12, tzinfo=UTC)
SOME = "https://a.example/"


def readings(question: Ask) -> list[Observation]:
    """All observations of a question."""
    return parse_all(CONNECTOR, BY_URL, list(BY_URL.fetch(question)))


def stored(*counts: Any) -> Raw:
    """A stored row of one page, written by hand."""
    entries = [{"url": f"{SOME}{n}", "count": count} for n, count in enumerate(counts)]
    return Raw(SOME, AT, url=SOME, payload={"entries": entries})


def answering(answer: Any) -> Any:
    """A service that gives one and the same answer to every question."""

    async def respond(_: Any) -> Any:
        return answer

    return running(Starlette(routes=[Route("/count/entries", respond)]))


def test_sum_of_both_schemes_is_the_truth(ask, world):
    """A page's saves are the bookmarks of its http and https addresses added, as a total of the page."""
    question = ask(CONNECTOR, urls=[p.url for p in world.pages])
    truth = world.hatena_bookmarks[world.day_index(question.day)]
    got = readings(question)
    assert [o.count for o in got] == [int(truth[p.index]) for p in world.pages]
    assert {(o.platform, o.verb, o.basis, o.quality, o.object_id) for o in got} == {
        ("hatena", Verb.SAVE, Basis.PAGE, Quality.EXACT, None)
    }
    assert {o.observed_at for o in got} == {question.observed_at}


def test_one_scheme_only(ask, world):
    """With both_schemes off only the address as given is counted, and twice as many pages fit in a request."""
    https = ask(CONNECTOR, urls=[p.url for p in world.pages], both_schemes=False)
    http = ask(CONNECTOR, urls=[p.url.replace("https", "http") for p in world.pages], both_schemes=False)
    both = ask(CONNECTOR, urls=[p.url for p in world.pages])
    parts = [[o.count for o in readings(question)] for question in (https, http, both)]
    assert [a + b for a, b in zip(parts[0], parts[1], strict=True)] == parts[2]
    assert sum(parts[1]) > 0
    assert (https.meter.requests, both.meter.requests) == (1, 2)


@pytest.mark.parametrize(("pages", "requests"), [(0, 0), (1, 1), (25, 1), (26, 2), (51, 3)])
def test_requests_are_the_documented_minimum(ask, pages, requests):
    """25 pages go into one request, since a request holds at most 50 addresses."""
    question = ask(CONNECTOR, urls=[f"https://nobody.example/{n}" for n in range(pages)])
    assert len(readings(question)) == pages
    assert question.meter.requests == requests


def test_unknown_page_has_a_true_zero(ask):
    """Nobody bookmarked the page: an exact 0."""
    [reading] = readings(ask(CONNECTOR, urls=["https://nobody.example/"]))
    assert (reading.count, reading.status, reading.quality) == (0, Status.OBSERVED, Quality.EXACT)


@pytest.mark.parametrize(
    "url",
    [
        "https://例え.example/日本語?q=a b&c=d#e",
        "https://a.example/%E3%81%82?x=%26+y",
        "HTTP://a.example/",
        "a.example/b",
    ],
)
def test_addresses_come_back_as_sent(ask, url):
    """Whatever the spelling, an address finds its own count again, and the row names it as it was asked for."""
    [row] = BY_URL.fetch(ask(CONNECTOR, urls=[url]))
    assert (row.subject, row.url, row.status) == (url, url, Status.OBSERVED)
    assert [e["count"] for e in row.payload["entries"]] == [0, 0]
    assert [e["url"].partition("://")[0] for e in row.payload["entries"]] == ["https", "http"]


def test_a_page_asked_for_twice_is_answered_once(ask, world):
    """A page that stands twice in the list is one question."""
    url = world.pages[0].url
    assert len(readings(ask(CONNECTOR, urls=[url, url]))) == 1


def test_long_addresses_are_asked_in_halves(ask):
    """A request line that is too long is split until it fits, and no page is lost."""
    urls = [f"https://nobody.example/{'%E3%81%82' * 60}/{n}" for n in range(25)]
    question = ask(CONNECTOR, urls=urls)
    got = readings(question)
    assert [(o.url, o.count) for o in got] == [(url, 0) for url in urls]
    assert question.meter.requests > 1


def test_an_address_too_long_by_itself_fails_alone(ask, world):
    """One address that never fits fails in words; the others of its batch are answered."""
    endless, fine = "https://nobody.example/" + "x" * 17_000, world.pages[0].url
    rows = {r.subject: r for r in BY_URL.fetch(ask(CONNECTOR, urls=[fine, endless]))}
    assert rows[fine].status is Status.OBSERVED
    assert rows[endless].error.startswith("BadRequest: HTTP 414")


def test_a_failed_batch_leaves_the_others(ask, fault):
    """One batch that fails becomes failed rows; the next one is answered."""
    fault("hatena", "400", times=1)
    rows = BY_URL.fetch(ask(CONNECTOR, urls=[f"https://nobody.example/{n}" for n in range(50)]))
    assert [r.status for r in rows] == [Status.FAILED] * 25 + [Status.OBSERVED] * 25


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "BadRequest"),
        (401, "AuthError"),
        (403, "NotPermitted"),
        (404, "Gone"),
        (429, "RateLimited"),
        (503, "Unavailable"),
    ],
)
def test_errors_have_their_class(ask, fault, status, kind):
    """Each refused request is a failed row that names the class, and no number."""
    fault("hatena", str(status))
    [row] = BY_URL.fetch(ask(CONNECTOR, urls=[SOME], retries=1))
    assert row.status is Status.FAILED
    assert re.match(rf"{kind}: HTTP {status}", row.error)
    [reading] = parse_all(CONNECTOR, BY_URL, [row])
    assert (reading.status, reading.count) == (Status.FAILED, None)


@pytest.mark.parametrize("body", ["null", "[]", "12", '"no"'])
def test_another_shape_is_a_bad_answer(ask, body):
    """JSON that is no object of counts fails; it is not read as zeros."""
    with answering(PlainTextResponse(body)) as address:
        [row] = BY_URL.fetch(ask(CONNECTOR, urls=[SOME], base_url=address))
    assert row.error.startswith("BadAnswer: ")


def test_an_empty_body_is_a_bad_answer(ask):
    """The empty body that the service sends to clients without a name fails."""
    with answering(PlainTextResponse("")) as address:
        [row] = BY_URL.fetch(ask(CONNECTOR, urls=[SOME], base_url=address))
    assert row.error.startswith("BadAnswer: HTTP 200, but not JSON")


@pytest.mark.parametrize("answer", [{}, {SOME: 7}, {SOME: None, "http://a.example/": 3}, {SOME: "many"}])
def test_half_an_answer_is_no_sum(ask, answer):
    """A scheme without a count leaves the page failed: neither 0 nor the other half."""
    with answering(JSONResponse(answer)) as address:
        [reading] = readings(ask(CONNECTOR, urls=[SOME], base_url=address))
    assert (reading.status, reading.count) == (Status.FAILED, None)


@given(st.lists(st.integers(0, 10**9) | st.integers(0, 99).map(str), min_size=1, max_size=2))
def test_whole_numbers_are_added(counts):
    """Counts add up whether they come as numbers or as digits."""
    [reading] = BY_URL.parse([stored(*counts)])
    assert reading.count == sum(map(int, counts))


@pytest.mark.parametrize("payload", [None, [], "x", {}, {"entries": None}, {"entries": []}, {"entries": [3]}])
def test_a_stored_row_without_entries_fails(payload):
    """A row of another shape is a failed reading, not an exception and not a 0."""
    [reading] = BY_URL.parse([Raw(SOME, AT, url=SOME, payload=payload)])
    assert (reading.status, reading.count) == (Status.FAILED, None)


def test_rubbish_is_not_counted():
    """A count that is no whole number fails the page."""
    for rubbish in (None, True, 1.5, "1.2K", "-", [], {}):
        [reading] = BY_URL.parse([stored(4, rubbish)])
        assert reading.status is Status.FAILED


class TestTwin:
    """The twin behaves as the contract says."""

    def get(self, sandbox, path, **kwargs):
        """A plain request to the twin."""
        return httpx.get(f"{sandbox}/2026-10-14/hatena{path}", **kwargs)

    def test_keys_as_sent_and_in_order(self, sandbox, world):
        """The answer is keyed by the addresses letter by letter, in the order of the question."""
        urls = [world.pages[3].url, "http://x.example/?b=1&a=%20", "not an address", world.pages[1].url + "/"]
        answer = self.get(sandbox, "/count/entries", params=[("url", u) for u in urls]).json()
        assert list(answer) == urls
        assert list(answer.values())[1:] == [0, 0, 0]

    @pytest.mark.parametrize(("number", "status"), [(50, 200), (51, 414)])
    def test_fifty_at_most(self, sandbox, number, status):
        """The 51st address is one too many."""
        params = [("url", f"https://x.example/{n}") for n in range(number)]
        assert self.get(sandbox, "/count/entries", params=params).status_code == status

    def test_no_user_agent_no_body(self, sandbox):
        """A client without a name gets an empty body."""
        answer = self.get(sandbox, "/count/entries", params={"url": SOME}, headers={"User-Agent": ""})
        assert (answer.status_code, answer.text) == (200, "")

    def test_single_count_is_a_bare_number(self, sandbox, world):
        """`/count/entry` answers with the number alone."""
        page = max(world.pages, key=lambda p: world.hatena_bookmarks[100, p.index])
        assert int(self.get(sandbox, "/count/entry", params={"url": page.url}).text) > 0

    def test_counts_grow(self, sandbox, world):
        """A later day never shows fewer bookmarks."""
        page = max(world.pages, key=lambda p: world.hatena_bookmarks[100, p.index])
        days = [f"{sandbox}/2026-{month:02}-01/hatena/count/entry" for month in range(6, 13)]
        counts = [int(httpx.get(day, params={"url": page.url}).text) for day in days]
        assert counts == sorted(counts)
        assert counts[0] < counts[-1]
