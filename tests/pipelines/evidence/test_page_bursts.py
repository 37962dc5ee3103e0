"""The table `page_bursts`: what came when, and what is no burst."""

from __future__ import annotations

from datetime import date

import pytest

from connectors.records import Status
from pipelines.evidence import page_bursts as model
from pipelines.evidence import table
from tests.pipelines.making import PAGE, fill, made, seen

BURST = 25


def bursts(folder, readings):
    """The rows of the table."""
    return table.build(made(fill(folder, readings)), model.TABLE)


def daily(counts, url=PAGE, **more):
    """A reading a day at noon, beginning on the first of January."""
    return [seen(n + 0.5, count, url=url, **more) for n, count in enumerate(counts)]


def growing(before=20, slow=0, gain=60, days=45):
    """A page that gains little, and much on one day."""
    return [before + slow * n // 10 + (gain if n >= BURST else 0) for n in range(days)]


def test_a_burst_is_told_with_its_day_and_its_votes(tmp_path):
    """60 votes on the 26th of January, after two weeks with two: a day of the page's own, ranked or not."""
    (row,) = bursts(tmp_path, daily(growing(slow=1)))
    assert (row["page_key"], row["platform"], row["verb"]) == ("example.com/a", "reddit", "like")
    assert (row["day"], row["votes_before"], row["votes_gained"]) == (date(2026, 1, 26), 22, 60)
    assert row["usual_per_day"] == pytest.approx(1 / 14, abs=0.04)
    assert row["doublings"] == pytest.approx(1.85, abs=0.02) and row["step_days"] == 1


@pytest.mark.parametrize(
    "counts", [growing(gain=10), growing(before=1, gain=4), [20 * 2 ** (n // 5) for n in range(45)]]
)
def test_what_is_usual_or_little_is_no_burst(tmp_path, counts):
    """Less than a doubling, fewer than five votes, or a page that always grows like this."""
    assert bursts(tmp_path, daily(counts)) == []


def test_a_post_found_late_is_no_burst(tmp_path):
    """Its votes may be of any day: the ruler changed, and nothing is compared across that."""
    old = seen(BURST + 0.5, 500, "late", published_at=None)
    first = daily(growing(gain=0), object_id="p", basis="post")
    assert bursts(tmp_path, [*first, old]) == []


def test_a_failed_read_is_no_burst(tmp_path):
    """Neither the gap nor the return to the same count is a gain."""
    counts = [Status.FAILED if 20 <= n <= 23 else 30 for n in range(45)]
    assert bursts(tmp_path, daily(counts)) == []


def test_pages_platforms_and_verbs_are_apart(tmp_path):
    """Two pages burst, each on its own platform; a page without votes and a young lake say nothing."""
    other = "https://example.com/b"
    readings = daily(growing()) + daily(growing(), other, platform="hatena", verb="save") + daily([0] * 45, other)
    found = [(r["page_key"], r["platform"], r["verb"]) for r in bursts(tmp_path / "a", readings)]
    assert found == [("example.com/b", "hatena", "save"), ("example.com/a", "reddit", "like")]
    assert bursts(tmp_path / "b", daily([5, 9])) == []


def test_weekly_readings_have_weekly_steps(tmp_path):
    """Counts read once a week: the burst is of a week, and usual growth is still by day."""
    counts = [20 + n // 3 + (60 if n >= 20 else 0) for n in range(40)]
    (row,) = bursts(tmp_path, [seen(7 * n + 0.5, count) for n, count in enumerate(counts)])
    assert (row["step_days"], row["votes_gained"]) == (7, 61)
    assert abs((row["day"] - date(2026, 1, 1)).days - 140) <= 7
    assert row["usual_per_day"] == pytest.approx(1 / 21, abs=0.02)
