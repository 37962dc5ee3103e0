"""Result lists over pages: places, depth, what a failing page leaves, and money that is booked afterwards."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.base import Ask, Meter
from connectors.errors import BadAnswer, BudgetSpent, RateLimited, SourceError, Unavailable, WalletEmpty
from connectors.records import RankKind, Raw, Status
from connectors.serp import Page, entries_of, list_rows, numbered, rankings, refunded, settle

AT = datetime(2026, 10, 14, 12, tzinfo=UTC)
QUESTION = Ask(None, AT.date(), AT, keywords=("tea",))
FACTS = {"engine": "google", "country": "us"}


def serving(urls: list[str], size: int, *, knows_end: bool, asked: list[int] | None = None) -> Callable[[int], Page]:
    """A source of pages of one list; it may not say which page is the last."""

    def read(number: int) -> Page:
        if asked is not None:
            asked.append(number)
        shown = urls[number * size : (number + 1) * size]
        is_last = knows_end and (number + 1) * size >= len(urls)
        return Page([{"url": url} for url in shown], is_last=is_last)

    return read


@given(st.integers(0, 60), st.integers(1, 20), st.integers(1, 80), st.booleans())
def test_paging_loses_and_repeats_nothing(n: int, size: int, wished: int, knows_end: bool) -> None:
    """Any list, page size and depth: every result of the pages asked for comes once, at its place, and no page more."""
    urls, asked = [f"https://a.example/{i}" for i in range(n)], list[int]()
    pages = list(numbered(serving(urls, size, knows_end=knows_end, asked=asked), size, wished))
    reach = min(n, -(-wished // size) * size)
    found = [entry for fresh, _ in pages for entry in fresh]
    assert [(e["url"], e["position"]) for e in found] == [(url, i + 1) for i, url in enumerate(urls[:reach])]
    assert (pages[-1][1] if pages else 0) == reach
    assert asked == list(range(len(asked)))
    assert len(asked) <= -(-wished // size)


@given(st.lists(st.lists(st.sampled_from("abcdefghij"), max_size=6), max_size=6), st.integers(1, 6))
def test_pages_that_overlap_keep_first_places(pages: list[list[str]], size: int) -> None:
    """Whatever comes again keeps its first place; places never fall and never repeat; the depth is the last of them."""

    def read(number: int) -> Page:
        return Page([{"url": url} for url in pages[number]] if number < len(pages) else [])

    found = list(numbered(read, size, 6 * size))
    entries = [entry for fresh, _ in found for entry in fresh]
    positions = [entry["position"] for entry in entries]
    assert len({entry["url"] for entry in entries}) == len(entries)
    assert positions == sorted(set(positions))
    assert all(depth >= fresh[-1]["position"] for fresh, depth in found)
    read_through = [url for page in pages[: len(found)] for url in page]
    assert {entry["url"] for entry in entries} == set(read_through)


def test_a_page_that_repeats_the_one_before_ends_the_list() -> None:
    """Some services give the last page again and again: it is looked at once, and deepens nothing."""
    asked: list[int] = []

    def read(number: int) -> Page:
        asked.append(number)
        return Page([{"url": "https://a.example/"}, {"url": "https://b.example/"}])

    assert [depth for _, depth in numbered(read, 2, 100)] == [2]
    assert asked == [0, 1]


def test_a_result_without_an_address_holds_its_place() -> None:
    """The next one is one further down, and the depth counts it."""
    [(fresh, depth)] = numbered(lambda _: Page([{"url": "a"}, {"url": None}, {"url": "c"}, {"url": None}]), 4, 4)
    assert [(e["url"], e["position"]) for e in fresh] == [("a", 1), ("c", 3)]
    assert depth == 4


def test_a_short_page_leaves_a_gap_and_a_long_one_pushes_on() -> None:
    """The second page starts where the service says that it starts, or behind what the first one held."""
    pages = [["a"], ["b", "c", "d"], ["e"]]
    found = list(numbered(lambda n: Page([{"url": u} for u in pages[n]]), 2, 6))
    assert [(e["url"], e["position"]) for fresh, _ in found for e in fresh] == [
        ("a", 1), ("b", 3), ("c", 4), ("d", 5), ("e", 6),
    ]  # fmt: skip


def test_places_given_by_the_source_are_kept() -> None:
    """A place on the page stands above the order of the answer."""
    [(fresh, depth)] = numbered(lambda _: Page([{"url": "b", "place": 4}, {"url": "a", "place": 1}]), 10, 10)
    assert {e["url"]: e["position"] for e in fresh} == {"b": 4, "a": 1}
    assert depth == 4


def test_a_later_page_that_fails_leaves_what_was_read() -> None:
    """The list so far with the depth it has, beside a failed row that says why it goes no deeper."""

    def read(number: int) -> Page:
        if number == 1:
            raise RateLimited("serper", "too fast")
        return Page([{"url": "https://a.example/"}])

    good, bad = list_rows(QUESTION, "tea", FACTS, read, size=1, wished=5)
    assert good == Raw("tea", AT, payload={**FACTS, "depth": 1, "results": good.payload["results"]})
    assert (bad.subject, bad.status, bad.url, bad.error) == ("tea", Status.FAILED, None, "RateLimited: too fast")


def test_a_first_page_that_fails_is_raised() -> None:
    """Nothing was read, so there is no list."""

    def read(number: int) -> Page:
        raise RateLimited("serper", f"page {number}")

    with pytest.raises(RateLimited, match="page 0"):
        list_rows(QUESTION, "tea", FACTS, read, size=1, wished=5)


def test_an_empty_list_is_known_to_be_empty() -> None:
    """No results: a row of depth 0, which parses to nothing."""
    [row] = list_rows(QUESTION, "tea", FACTS, lambda _: Page([]), size=10, wished=10)
    assert row.payload == {**FACTS, "depth": 0, "results": []}
    assert list(rankings("serper", [row], RankKind.ORGANIC)) == []


def test_a_ranking_says_where_and_how_it_was_looked() -> None:
    """Engine, country, language, device, depth and kind come from the stored row; unknown ones stay unknown."""
    known = {"engine": "google", "country": "de", "language": "de", "device": "mobile", "depth": 9}
    row = Raw("tee", AT, payload={**known, "results": [{"url": "https://a.example/", "position": 3}]})
    [r] = rankings("serpapi", [row], RankKind.ORGANIC)
    assert (r.keyword, r.url, r.position, r.ranked_at, r.depth) == ("tee", "https://a.example/", 3.0, AT, 9)
    assert (r.engine, r.country, r.language, r.device, r.source) == ("google", "de", "de", "mobile", "serpapi")
    [bare] = rankings("serpapi", [Raw("tee", AT, payload={"results": row.payload["results"]})], RankKind.ORGANIC)
    assert (bare.country, bare.language, bare.device, bare.depth, bare.engine) == (None, None, None, None, "serpapi")


@pytest.mark.parametrize(
    "entry",
    [None, 7, {}, {"url": "https://a.example/"}, {"url": "", "position": 1}, {"url": "x", "position": 0},
     {"url": "x", "position": None}, {"url": "x", "position": "first"}, {"url": 7, "position": 1}],
)  # fmt: skip
def test_no_place_or_no_address_is_no_ranking(entry: Any) -> None:
    """An entry that lacks one of them is left out, and the others stay."""
    good = {"url": "https://b.example/", "position": 2}
    found = list(rankings("serper", [Raw("tea", AT, payload={"results": [entry, good]})], RankKind.ORGANIC))
    assert [(r.url, r.position) for r in found] == [("https://b.example/", 2.0)]


@pytest.mark.parametrize("results", [None, {}, "x", [1], [{}], [{"href": "https://a.example/"}]])
def test_a_list_of_another_shape_is_a_bad_answer(results: Any) -> None:
    """No list, no objects, or none of them with the address."""
    with pytest.raises(BadAnswer):
        entries_of("serper", results, "organic", "link")
    assert entries_of("serper", [], "organic", "link") == []


def test_what_differs_from_the_price_is_booked() -> None:
    """Dearer or cheaper than reckoned; the same price books nothing; beyond the budget the answer is kept."""
    booked: list[float] = []
    ask = Ask(None, AT.date(), AT, meter=Meter(1.0, booked.append))
    settle(ask, 0.1, 0.3)
    settle(ask, 0.1, 0.04)
    settle(ask, 0.1, 0.1)
    settle(ask, 0.1, 5.0)
    assert booked == pytest.approx([0.2, -0.06, 4.9])
    with pytest.raises(BudgetSpent):
        ask.meter.spend("serper", 0.9)


@pytest.mark.parametrize(
    ("error", "left"), [(RateLimited, 1.0), (WalletEmpty, 1.0), (Unavailable, 0.9), (BadAnswer, 0.9), (None, 0.9)]
)
def test_what_is_refused_costs_nothing(error: type[SourceError] | None, left: float) -> None:
    """A refusal is taken back; an answer that is lost or unreadable may have been charged, so it stays booked."""
    ask = Ask(None, AT.date(), AT, meter=Meter(1.0))
    ask.meter.spend("serper", 0.1)
    with suppress(SourceError), refunded(ask, 0.1):
        if error:
            raise error("serper", "no")
    assert 1.0 - ask.meter.usd == pytest.approx(left)
