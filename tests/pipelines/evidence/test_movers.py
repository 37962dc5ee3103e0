"""The tables `movers` and `mover_looks`: pages that jumped, left and entered, and what is no move."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from connectors.records import RankKind
from pipelines.evidence import mover_looks, movers, table
from tests.pipelines.making import START, fill, made, result

DAYS, LENGTH = 80, 12  # the calendar of breaks has none of Google in these days
LAST = (START + timedelta(days=DAYS - 1)).date()
KINDS = {"depth": LENGTH}


def url(keyword, n):
    """The address of a page."""
    return f"https://site{n}.example/{keyword}"


def quiet(keyword):
    """Lists in which neighbours change places by chance: day and pages by place."""
    rng = np.random.default_rng([ord(c) for c in keyword])
    for day in range(DAYS):
        yield day, (np.argsort(np.arange(LENGTH) + rng.normal(0, 1.2, LENGTH)) + 1).tolist()


def lists(keyword="shoes", change=None, skip=(), hour=0, **more):
    """Results of those lists; `change` rearranges a day's order, days in `skip` were not read."""
    return [
        result(day + hour / 24, url(keyword, n), place, keyword=keyword, **(KINDS | more))
        for day, order in quiet(keyword)
        if day not in skip
        for place, n in enumerate(change(day, order) if change else order, 1)
    ]


def jump(n, place, since=DAYS - 3):
    """Page n stands at a place from a day on."""

    def change(day, order):
        if day < since:
            return order
        rest = [m for m in order if m != n]
        return [*rest[: place - 1], n, *rest[place - 1 :]]

    return change


def told(folder, results):
    """Rows of `movers` by page, and those of `mover_looks`."""
    lake = made(fill(folder, (), results))
    found = table.build(lake, movers.TABLE)
    keys = [(r["keyword"], r["country"], r["device"], r["source"], r["engine"], r["page_key"]) for r in found]
    assert len(set(keys)) == len(keys)
    return {r["url"]: r for r in found}, table.build(lake, mover_looks.TABLE)


def discoveries(found):
    """The addresses of the discoveries."""
    return {address for address, row in found.items() if row["is_discovery"]}


def test_a_page_that_jumped_is_a_discovery(tmp_path):
    """From about ten to one: plus is better, with both places, the day, and how it was found."""
    found, (look,) = told(tmp_path, lists(change=jump(10, 1)))
    row = found[url("shoes", 10)]
    assert next(iter(found.values())) == row and row["is_discovery"] and len(discoveries(found)) < 4
    assert (row["position"], row["day"], row["window_days"], row["depth"]) == (1.0, LAST, 3, LENGTH)
    assert row["change"] == pytest.approx(row["position_before"] - 1) and 7 < row["change"] < 11
    assert row["p"] <= row["q"] <= 0.05 and row["n_before"] == 28
    assert (row["keyword"], row["engine"], row["rank_kind"]) == ("shoes", "google", "organic")
    assert (look["n_pages"], look["has_enough_past"], look["why_not"]) == (LENGTH, True, None)


def test_a_quiet_day_has_no_discovery_and_says_what_was_looked_at(tmp_path):
    """Every page stands in the table with its p, none is a discovery."""
    found, (look,) = told(tmp_path, lists())
    assert len(found) == LENGTH and not discoveries(found)
    assert look["n_pages"] == LENGTH and look["n_earlier"] > 20 * LENGTH


def test_a_page_that_left_the_list_is_marked(tmp_path):
    """Not within twelve any more: at least so many places lost, no position, and never a zero."""

    def gone(day, order):
        return order if day < DAYS - 3 else [n for n in order if n != 2]

    row = told(tmp_path, lists(change=gone))[0][url("shoes", 2)]
    assert (row["is_left"], row["is_entered"], row["position"], row["is_discovery"]) == (True, False, None, True)
    assert row["change"] == pytest.approx(row["position_before"] - (LENGTH + 1)) and row["change"] < -10


def test_a_page_that_entered_is_marked(tmp_path):
    """The same the other way round."""

    def new(day, order):
        return order[:LENGTH] if day < DAYS - 3 else [99, *order[: LENGTH - 1]]

    row = told(tmp_path, lists(change=new))[0][url("shoes", 99)]
    assert (row["is_left"], row["is_entered"], row["position_before"], row["is_discovery"]) == (False, True, None, True)
    assert (row["position"], row["change"]) == (1.0, LENGTH)


def test_being_looked_for_and_not_found_is_the_same_as_not_being_there(tmp_path):
    """A row that says so adds nothing to a list that is known to that depth."""

    def gone(day, order):
        return order if day < DAYS - 3 else [n for n in order if n != 2]

    said = [result(d, url("shoes", 2), None, keyword="shoes", **KINDS) for d in range(DAYS - 3, DAYS)]
    assert told(tmp_path / "a", lists(change=gone))[0] == told(tmp_path / "b", lists(change=gone) + said)[0]


def test_a_list_that_was_not_read_is_no_move(tmp_path):
    """The last lists of one keyword are missing: it is not compared, and nobody left it."""
    missing = lists("boots", skip=range(DAYS - 3, DAYS))
    found, (look,) = told(tmp_path, lists() + missing)
    assert not any("boots" in address for address in found) and not discoveries(found)
    assert look["n_pages"] == LENGTH


def test_a_shallow_list_is_left_out(tmp_path):
    """The last list broke off after three results: the others are not gone."""
    cut = [r for r in lists() if r.ranked_at.date() < LAST or r.position <= 3]
    short = [result(DAYS - 1, r.url, r.position, depth=3) if r.ranked_at.date() == LAST else r for r in cut]
    found, _ = told(tmp_path, short)
    assert len(found) == LENGTH and not discoveries(found) and not any(r["is_left"] for r in found.values())


def test_averages_do_not_leave(tmp_path):
    """Without impressions there is no position: the page is not compared."""

    def gone(day, order):
        return order if day < DAYS - 3 else order[:-1]

    found, _ = told(tmp_path, lists(change=gone, rank_kind=RankKind.AVERAGE, depth=None))
    assert len(found) == LENGTH - 1 and not any(r["is_left"] or r["depth"] for r in found.values())


def test_nothing_is_compared_across_a_break(tmp_path):
    """The calendar of the data folder has a break two days ago: there is nothing to compare with, and it says so."""
    since = date(2026, 1, 1) + timedelta(days=DAYS - 2)
    (tmp_path / "breaks.yaml").write_text(
        f"breaks:\n- {{id: now, kind: update, first_day: {since}, engines: [google], what: A test., source: none}}\n"
    )
    found, (look,) = told(tmp_path, lists(change=jump(10, 1)))
    assert not found
    assert (look["n_pages"], look["has_enough_past"]) == (0, False) and "No page could be compared" in look["why_not"]


def test_a_short_past_cannot_tell_and_says_so(tmp_path):
    """Twenty-five days: the jump stands first in the table, and whether it is a discovery is unknown."""
    results = [r for r in lists(change=jump(10, 1)) if r.ranked_at >= START + timedelta(days=DAYS - 25)]
    found, (look,) = told(tmp_path, results)
    first = next(iter(found.values()))
    assert (first["url"], first["is_discovery"], first["q"]) == (url("shoes", 10), None, None) and first["p"] < 0.1
    assert not discoveries(found)
    assert (
        not look["has_enough_past"] and "Too short a past: to tell a move from chance among 12 pages" in look["why_not"]
    )


def test_markets_devices_and_sources_are_series_of_their_own(tmp_path):
    """A jump on the phone is none on the desktop; the last list of a day counts."""
    desktop = lists(device="desktop", change=jump(10, 1)) + lists(device="desktop", hour=18)
    results = desktop + lists(device="mobile", change=jump(10, 1))
    lake = made(fill(tmp_path, (), results))
    told_of = {(r["device"], r["page_key"]) for r in table.build(lake, movers.TABLE) if r["is_discovery"]}
    assert ("mobile", "site10.example/shoes") in told_of and "desktop" not in dict(told_of)


def test_only_the_nearest_are_kept_beside_the_discoveries(tmp_path, monkeypatch):
    """The smallest p first, and every discovery whatever the limit."""
    monkeypatch.setattr(movers, "MOST_ROWS", 3)
    lake = made(fill(tmp_path, (), lists(change=jump(10, 1))))
    found = table.build(lake, movers.TABLE)
    assert len(found) == 3 and found[0]["is_discovery"]
    assert [r["p"] for r in found] == sorted(r["p"] for r in found)


def test_pages_in_several_blocks_are_the_same_pages(tmp_path, monkeypatch):
    """How many pages are held at once changes nothing."""
    results = lists(change=jump(10, 1)) + lists("boots")
    whole = told(tmp_path / "a", results)
    monkeypatch.setattr("pipelines.series.BLOCK", 5)
    assert told(tmp_path / "b", results) == whole
