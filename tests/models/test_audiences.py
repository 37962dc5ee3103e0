"""Shares over pages: by hand, on simulated pages that differ, and by properties."""

from __future__ import annotations

import numpy as np
import pytest

from models.audiences import share


def test_pages_that_are_alike_are_counted_together():
    """30 of 100 and 60 of 200: 30 %, nothing but counting, so the interval is that of 300 votes."""
    found = share([30, 60], [100, 200])
    assert (found.value, found.correlation, found.n_pages) == (pytest.approx(0.3), 0.0, 2)
    assert found.low < 0.3 < found.high


def test_pages_that_differ_weigh_alike():
    """One huge page of 90 % and nine of 10 %: votes are nearly all of the huge one, pages are not."""
    found = share([9000, *[10] * 9], [10_000, *[100] * 9])
    assert found.value == pytest.approx(0.18, abs=0.01)
    assert found.correlation > 0.3
    assert found.low < 0.1 and found.high > 0.2


def test_one_page_has_no_interval_and_none_has_no_share():
    """What one page says of others is unknown."""
    alone, nothing = share([5], [20]), share([], [])
    assert (alone.value, alone.n_pages) == (0.25, 1) and np.isnan([alone.low, alone.high, alone.correlation]).all()
    assert nothing.n_pages == 0 and np.isnan(nothing.value)


def test_all_or_nothing_has_no_interval():
    """A share of 1 everywhere: the odds are infinite, and no interval is made up."""
    found = share([10, 20], [10, 20])
    assert found.value == 1.0 and np.isnan(found.low)


@pytest.mark.parametrize(("votes", "total"), [([3], [2]), ([-1], [2]), ([0], [0]), ([np.nan], [2]), ([1, 2], [3])])
def test_counts_that_are_none_are_refused(votes, total):
    """Unknown counts are to be left out."""
    with pytest.raises(ValueError, match="votes"):
        share(votes, total)


@pytest.mark.parametrize("spread", [2.0, 20.0, 1e6])
def test_intervals_hold_the_truth_as_often_as_they_say(spread):
    """Beta-binomial pages of very different sizes: 95 % of intervals cover (500 worlds; 91 to 99)."""
    rng = np.random.default_rng(int(spread))
    covered = []
    for _ in range(500):
        total = rng.geometric(1 / 300, 25)
        votes = rng.binomial(total, rng.beta(0.2 * spread, 0.8 * spread, 25))
        found = share(votes, total)
        covered.append(found.low <= 0.2 <= found.high)
    assert 0.91 <= np.mean(covered) <= 0.99


def test_the_correlation_is_that_of_the_pages():
    """Beta(2, 8) has 1 / (2 + 8 + 1): the moments find it among many pages."""
    rng = np.random.default_rng(0)
    total = rng.integers(20, 2000, 4000)
    found = share(rng.binomial(total, rng.beta(2, 8, 4000)), total)
    assert found.correlation == pytest.approx(1 / 11, abs=0.01)
    assert found.value == pytest.approx(0.2, abs=0.01)


def test_a_segment_and_its_rest_make_a_whole():
    """The share of everybody else is one minus it, interval and all; the order of pages does not matter."""
    votes, total = np.array([5, 20, 33, 2]), np.array([50, 60, 40, 90])
    one, other = share(votes, total), share((total - votes)[::-1], total[::-1])
    assert [one.value, one.low, one.high] == pytest.approx([1 - other.value, 1 - other.high, 1 - other.low])
