"""Movers: by hand, on simulated lists with and without jumps, and by properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.guards.multiplicity import adjust
from models.movers import (
    DAILY,
    LEVEL,
    WEEKLY,
    Noise,
    Windows,
    band_of,
    can_tell,
    earlier,
    episode,
    joined,
    moves,
    needed,
    p_values,
    together,
)

NAN = float("nan")
SMALL = Windows(last=2, least_last=1, before=4, least_before=2)


def one(position, depth=10.0, segment=None, windows=SMALL):
    """The moves of a single page."""
    cuts = np.zeros(len(position), np.int64) if segment is None else np.array(segment)
    return moves(np.array([position], dtype=float), np.array([depth]), cuts, windows)


def noise_of(*sizes):
    """Earlier moves of every band, each an episode of its own."""
    return [Noise(np.array(s, dtype=float), np.zeros(len(s))) for s in sizes]


# --- by hand


def test_the_last_days_against_the_days_before():
    """Means of 8, 8, 6, 6 before and 2, 4 after: four places gained, from 7 to 3."""
    found = one([8, 8, 6, 6, 2, 4])
    assert (found.change[0, -1], found.before[0, -1], found.position[0, -1]) == (4.0, 7.0, 3.0)
    assert (found.n_before[0, -1], found.is_left[0, -1], found.is_entered[0, -1]) == (4, False, False)


def test_a_day_without_a_list_is_no_position():
    """Unknown days are left out of both means, and too few known days are not compared."""
    assert one([8, NAN, 6, NAN, 2, NAN]).change[0, -1] == 5.0
    assert np.isnan(one([8, NAN, NAN, NAN, 2, 2]).change[0, -1])
    assert np.isnan(one([8, 8, 8, 8, NAN, NAN]).change[0, -1])


def test_a_page_that_left_is_counted_just_below_the_depth():
    """From 4 to nowhere within ten: at least seven places lost, and marked; the other way round it entered."""
    left, entered = one([4, 4, 4, 4, 11, 11]), one([11, 11, 11, 11, 4, 4])
    assert (left.change[0, -1], left.is_left[0, -1], left.is_entered[0, -1]) == (-7.0, True, False)
    assert (entered.change[0, -1], entered.is_left[0, -1], entered.is_entered[0, -1]) == (7.0, False, True)


def test_an_average_that_is_missing_says_nothing():
    """Where not being there says nothing (no depth), nobody leaves: the page is not compared."""
    found = one([4, 4, 4, 4, NAN, NAN], depth=NAN)
    assert np.isnan(found.change[0, -1]) and not found.is_left[0, -1]


def test_a_page_that_is_hardly_ever_there_takes_no_part():
    """Found once in four lists and then not at all: on neither side in half of them."""
    assert np.isnan(one([4, 11, 11, 11, 11, 11]).change[0, -1])
    assert np.isfinite(one([4, 4, 11, 11, 11, 11]).change[0, -1])


def test_nothing_is_compared_across_a_break():
    """Days of another segment are as if they had not been read."""
    position = [20, 20, 8, 8, 2, 2]
    assert one(position, 30.0, [0, 0, 1, 1, 1, 1]).change[0, -1] == 6.0
    assert np.isnan(one(position, 30.0, [0, 0, 0, 0, 1, 1]).change[0, -1])
    assert np.isnan(one(position, 30.0, [0, 0, 0, 0, 0, 1]).change[0, -1])


def test_bands_are_those_of_rounded_positions():
    """1-3, 4-10, 11-20 and beyond."""
    assert band_of(np.array([1, 3.4, 3.5, 10.4, 10.6, 20.4, 20.6, 99])).tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


def test_p_counts_the_earlier_moves_that_were_as_large():
    """99 moves of 0.01 .. 0.99 of one place: 0.9 is reached by ten of them, whatever its sign."""
    past = noise_of(np.arange(1, 100) / 100, [], [], [])
    p = p_values(np.array([0.9, -0.9, 5.0, 0.0]), np.full(4, 2.0), past, 1)
    np.testing.assert_allclose(p, [0.11, 0.11, 0.01, 1.0])


def test_an_episode_is_one_witness():
    """Two moves seen for five days each are two: large moves hang together, and p is larger than by days."""
    size = np.concatenate([np.full(990, 0.1), np.full(10, 4.0)])
    before = np.concatenate([np.full(991, 0.1), np.full(4, 4.0), [0.1], np.full(4, 4.0)])
    past = [Noise(size, before), *noise_of([], [], [])]
    assert episode(past) == 5.0
    (p,) = p_values(np.array([9.0]), np.array([1.0]), past, 1)
    assert p == pytest.approx(1 / (1 + 1000 / 5))


def test_without_a_past_there_is_no_p():
    """Unknown, not 1 and not 0."""
    assert np.isnan(p_values(np.array([5.0]), np.array([2.0]), joined([]), 1)).all()
    assert not can_tell(joined([]), 1)


def test_bands_with_too_short_a_past_borrow_from_the_next():
    """Ten tests need 199 earlier episodes: groups grow from the top down, and a rest joins the last."""
    assert needed(10) == 199
    assert together([200, 300, 400, 500], 10) == [[0], [1], [2], [3]]
    assert together([100, 100, 400, 100], 10) == [[0, 1], [2, 3]]
    assert together([10, 10, 10, 10], 10) == [[0, 1, 2, 3]]


def test_borrowed_moves_are_measured_by_what_is_usual_in_each_band():
    """Five places are much where one is usual, and little where ten are."""
    past = noise_of(np.full(50, 1.0), np.full(50, 10.0), [], [])
    p = p_values(np.array([5.0, 5.0]), np.array([2.0, 7.0]), past, 4)
    np.testing.assert_allclose(p, [1 / 101, 1.0])


def test_today_is_not_its_own_past():
    """Moments that share a last day with today's are not earlier, so a jump does not hide itself."""
    rows = [5] * 40 + [1, 1, 1]
    found = one(rows, windows=DAILY)
    assert max(n.size.max(initial=0) for n in earlier(found, DAILY)) == 0.0
    assert found.change[0, -1] == 4.0


@pytest.mark.parametrize("shape", [(2, 5), (3, 6)])
def test_tables_that_do_not_fit_are_refused(shape):
    """One depth per page and one segment per step."""
    with pytest.raises(ValueError, match="one depth per page"):
        moves(np.zeros(shape), np.zeros(2), np.zeros(6, np.int64))


# --- simulated lists


def lists(rng, n_keywords, days, jumps=0, noise=2.0, depth=20, memory=0.7, storms=0.0):
    """Pages (K x 30) whose scores wander about their own mean, ranked day by day; those that jump at the end."""
    base = np.sort(rng.uniform(0, 30, (n_keywords, 30)), axis=1)
    shocks = rng.normal(size=(n_keywords, 30, days))
    wander = shocks.copy()
    for t in range(1, days):
        wander[..., t] = memory * wander[..., t - 1] + np.sqrt(1 - memory**2) * shocks[..., t]
    wander *= np.exp(storms * rng.normal(size=days))
    score = base[..., None] + (noise * (1 + base / 15))[..., None] * wander
    score[:jumps, 14, -3:] -= 14
    position = score.argsort(axis=1).argsort(axis=1) + 1.0
    cut = np.where(position > depth, depth + 1, position)
    return cut.reshape(n_keywords * 30, days), np.arange(jumps) * 30 + 14


def discoveries(position, depth=20, windows=DAILY):
    """Whether each page (U,) is a discovery today."""
    found = moves(position, np.full(len(position), float(depth)), np.zeros(position.shape[1], np.int64), windows)
    tested = np.isfinite(found.change[:, -1])
    p = np.full(len(position), NAN)
    noise = earlier(found, windows)
    n_tests = int(tested.sum())
    p[tested] = p_values(found.change[tested, -1], found.before[tested, -1], noise, n_tests)
    return (adjust(p) <= LEVEL) & can_tell(noise, n_tests)


@pytest.mark.parametrize(("days", "memory", "storms"), [(80, 0.7, 0), (120, 0.97, 0), (80, 0.7, 0.8), (140, 0.0, 0)])
def test_without_change_few_days_have_any_discovery(days, memory, storms):
    """At most 5 % of days have one, if pages wander slowly or in storms (200 days; from 19 on it is 3 errors more)."""
    rng = np.random.default_rng(days)
    alarms = sum(discoveries(lists(rng, 5, days, memory=memory, storms=storms)[0]).any() for _ in range(200))
    assert alarms <= 18


def test_real_jumps_are_found():
    """Ten places within quiet lists: nearly all are found, and few others."""
    rng = np.random.default_rng(4)
    found = others = 0
    for _ in range(20):
        position, jumped = lists(rng, 15, 90, jumps=3, noise=1.0)
        told = discoveries(position)
        found += told[jumped].sum()
        others += told.sum() - told[jumped].sum()
    assert found >= 48 and others <= 12


def test_weekly_lists_are_compared_with_the_weeks_before():
    """One list against the eight before, with the same answer to a jump."""
    position = np.tile(np.arange(1.0, 16.0)[:, None], (1, 60))
    position[:, ::2] = position[np.r_[1, 0, 2:15], ::2]
    position[9, -1], position[3, -1] = 4.0, 10.0
    told = discoveries(position, windows=WEEKLY)
    assert np.flatnonzero(told).tolist() == [3, 9]


# --- properties

tables = st.integers(0, 2**32 - 1).map(np.random.default_rng)


@settings(deadline=None, max_examples=30)
@given(tables)
def test_the_future_never_changes_the_past(rng):
    """Moves up to a day are the same whatever comes after."""
    position = np.where(rng.random((6, 60)) < 0.2, NAN, rng.integers(1, 12, (6, 60)).astype(float))
    segment = np.sort(rng.integers(0, 3, 60))
    whole = moves(position, np.full(6, 10.0), segment)
    part = moves(position[:, :45], np.full(6, 10.0), segment[:45])
    np.testing.assert_array_equal(whole.change[:, :45], part.change)


@settings(deadline=None, max_examples=30)
@given(tables)
def test_better_and_worse_are_judged_alike(rng):
    """Turned upside down, every change has the other sign and the same size."""
    position = rng.integers(1, 11, (6, 60)).astype(float)
    up, down = (moves(x, np.full(6, NAN), np.zeros(60, np.int64)) for x in (position, 11 - position))
    np.testing.assert_allclose(up.change, -down.change, atol=1e-9)


@settings(deadline=None, max_examples=30)
@given(tables, st.integers(1, 500))
def test_a_larger_move_of_one_band_never_has_a_larger_p(rng, n_tests):
    """p falls as the size grows."""
    past = [Noise(x, np.roll(x, 1)) for x in rng.exponential(size=(4, 80))]
    size = np.sort(rng.exponential(2, 40))
    for before in (2.0, 7.0, 15.0, 40.0):
        p = p_values(size, np.full(40, before), past, n_tests)
        assert (np.diff(p) <= 0).all() and (p > 0).all() and (p <= 1).all()
