"""The table `audiences`: latest counts, what is withheld, and shares that give nothing away."""

from __future__ import annotations

import pytest

from connectors.records import Status
from pipelines.evidence import audiences as model
from pipelines.evidence import table
from tests.pipelines.making import fill, made, seen


def audiences(folder, readings):
    """The rows by segment."""
    found = table.build(made(fill(folder, readings)), model.TABLE)
    assert len({(r["verb"], r["dimension"], r["segment"]) for r in found}) == len(found)
    return {r["segment"]: r for r in found}


def told(segment, count, n=1, day=1.0, **more):
    """A count of a segment of a page's public."""
    return seen(day, count, url=f"https://site.example/{n}", segment=segment, platform="youtube", verb="view", **more)


def test_shares_are_of_what_is_told(tmp_path):
    """Two pages with the same mix: a quarter and three quarters, with an interval over pages."""
    readings = [told(s, c * n, n) for n in (1, 2) for s, c in (("country=DE", 25), ("country=FR", 75))]
    found = audiences(tmp_path, readings)
    row = found["DE"]
    assert (row["platform"], row["verb"], row["dimension"], row["votes"]) == ("youtube", "view", "country", 75)
    assert (row["share"], row["share_of_all"]) == (pytest.approx(0.25), pytest.approx(0.25))
    assert row["ci_low"] < 0.25 < row["ci_high"]
    assert (row["n_pages"], row["n_subjects"], row["n_suppressed"], row["is_suppressed"]) == (2, 2, 0, False)
    assert found["FR"]["share"] == pytest.approx(0.75)


def test_the_latest_count_of_a_subject_speaks(tmp_path):
    """Counts are running totals: yesterday's is not added, and a segment no longer told is not kept alive."""
    readings = [
        told("country=DE", 50),
        told("country=US", 50),
        told("country=DE", 60, day=2),
        told("country=FR", 40, day=2),
    ]
    found = audiences(tmp_path, readings)
    assert {name: r["votes"] for name, r in found.items()} == {"DE": 60, "FR": 40}


def test_a_failed_read_changes_nothing(tmp_path):
    """It is neither a zero nor a withheld count."""
    readings = [told("country=DE", 50), told("country=FR", 50), told("country=DE", Status.FAILED, day=2)]
    found = audiences(tmp_path, readings)
    assert {n: (r["votes"], r["n_suppressed"]) for n, r in found.items()} == {"DE": (50, 0), "FR": (50, 0)}


@pytest.mark.parametrize("small", [9, Status.HIDDEN])
def test_small_cells_are_withheld_and_cannot_be_computed(tmp_path, small):
    """Their numbers are NULL, and no total holds them: the others' votes are the whole of their shares."""
    readings = [told("country=DE", 60), told("country=FR", 40), told("country=LI", small)]
    found = audiences(tmp_path, readings)
    row = found["LI"]
    assert row["is_suppressed"] and row["n_subjects"] == 1
    assert {row[n] for n in model.NUMBERS} == {None}
    assert found["DE"]["share"] == pytest.approx(0.6) and found["FR"]["share_of_all"] == pytest.approx(0.4)


def test_ten_votes_over_pages_are_told(tmp_path):
    """The cell of the table is what must not be small; hidden counts beside it are counted."""
    readings = [told("country=DE", 5, 1), told("country=DE", 5, 2), told("country=DE", Status.HIDDEN, 3)]
    readings += [told("country=FR", 30, n) for n in (1, 2, 3)]
    row = audiences(tmp_path, readings)["DE"]
    assert (row["votes"], row["n_pages"], row["n_subjects"], row["n_suppressed"]) == (10, 2, 3, 1)


def test_a_page_that_does_not_tell_of_a_segment_is_not_a_zero(tmp_path):
    """The share is over the pages that tell; over all votes it is a lower bound."""
    readings = [told("country=DE", 50, 1), told("country=FR", 50, 1), told("country=FR", 400, 2)]
    row = audiences(tmp_path, readings)["DE"]
    assert (row["n_pages"], row["share"], row["share_of_all"]) == (1, pytest.approx(0.5), pytest.approx(0.1))


def test_a_segment_alone_is_a_share_of_nothing(tmp_path):
    """One segment told: its votes are known, and "100 %" would say too much."""
    row = audiences(tmp_path, [told("country=DE", 50), told("country=FR", Status.HIDDEN)])["DE"]
    assert (row["votes"], row["share"], row["share_of_all"]) == (50, None, None)


def test_crossed_dimensions_are_one_and_apart_from_others(tmp_path):
    """Age by gender is a dimension of its own; names may hold an equals sign."""
    readings = [
        told("age=18-24;gender=f", 30),
        told("age=18-24;gender=m", 70),
        told("age=18-24", 100),
        told("a=b=c", 20),
    ]
    found = audiences(tmp_path, readings)
    assert found["18-24;f"]["dimension"] == "age;gender" and found["18-24;f"]["share"] == pytest.approx(0.3)
    assert found["18-24"]["share"] is None and found["b=c"]["dimension"] == "a"


def test_posts_of_one_page_are_one_page(tmp_path):
    """Posts are added up by the page they link to before pages are compared."""
    more = {"verb": "like"}
    readings = [seen(1, c, post, segment=f"reaction={s}", **more) for post in "ab" for s, c in (("x", 10), ("y", 30))]
    row = audiences(tmp_path, readings)["x"]
    assert (row["votes"], row["n_pages"], row["n_subjects"], row["ci_low"]) == (20, 1, 2, None)
