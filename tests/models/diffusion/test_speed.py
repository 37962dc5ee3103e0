"""Velocity, half-life and curve: by hand, against statsmodels' survival estimate, and on posts of known half-life."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.duration.survfunc import SurvfuncRight

from models.diffusion.concentration import Part
from models.diffusion.published import PUBLISHED, is_inside, published
from models.diffusion.speed import AT_RISK, DAY, MIN_POSTS, WEEK, curve, half_life, kaplan_meier, velocity
from tests.models.diffusion.test_readings import of_posts

DAILY = np.arange(0.25, 40)


def decaying(half_days, n=MIN_POSTS, ages=DAILY, votes=1000.0):
    """Posts whose votes come with a half-life, read at these ages."""
    rows = [(a, votes * (1 - 0.5 ** (a / half_days))) for a in ages]
    return of_posts(*[rows] * n)


def test_velocity_by_hand():
    """Posts with 1 .. 21 votes after a day and 70 times the day's after a week: quartiles of votes per day."""
    found = of_posts(*[[(1, n), (6, 60 * n), (8, 80 * n)] for n in range(1, 22)])
    day, week = velocity(found, DAY), velocity(found, WEEK)
    assert (day.q1, day.median, day.q3, day.n) == (6, 11, 16, 21)
    assert (week.q1, week.median, week.q3) == pytest.approx((60, 110, 160))


def test_few_posts_have_no_velocity_and_are_counted():
    """One post less than it takes: unknown; posts read at wide gaps or counted anew do not count."""
    good, wide, anew = [(0.5, 1), (1.5, 3)], [(2.5, 9)], [(0.4, 50), (1.2, 9)]
    found = velocity(of_posts(*[good] * (MIN_POSTS - 1), wide, anew), DAY)
    assert np.isnan(found.median)
    assert found.n == MIN_POSTS - 1
    assert velocity(of_posts(*[good] * MIN_POSTS, wide, anew), DAY).median == 2


@pytest.mark.parametrize("half", [1.0, 2.0, 4.0])
def test_a_known_half_life_is_found(half):
    """Votes that come with a half-life: found to a tenth of a day with daily readings, none of them censored."""
    found = half_life(decaying(half))
    assert found.median == pytest.approx(half, abs=0.1)
    assert (found.n, found.n_censored) == (MIN_POSTS, 0)
    assert found.at_least == pytest.approx(found.median)


def test_posts_that_still_grow_leave_the_half_life_unknown():
    """All growing: no half-life, but a lower bound; a third growing slowly: still one, above that of the others."""
    slow = half_life(decaying(60.0))
    assert np.isnan(slow.median)
    assert (slow.n_censored, slow.n) == (MIN_POSTS, MIN_POSTS)
    assert 10 < slow.at_least < 60
    fast, long = decaying(2.0, 1), decaying(60.0, 1)
    rows = [list(zip(r.age_days, r.votes, strict=True)) for r in (fast, long)]
    mixed = half_life(of_posts(*[rows[0]] * 20, *[rows[1]] * 10))
    assert mixed.median == pytest.approx(2.0, abs=0.1)
    assert (mixed.n, mixed.n_censored) == (30, 10)
    assert np.isnan(mixed.q3) or mixed.q3 > 2.1


@pytest.mark.parametrize(
    "ages", [DAILY[DAILY > 3], DAILY[DAILY < 13], np.array([0.5, 30.0, 39.0])], ids=["late", "short", "gap"]
)
def test_posts_found_late_read_short_or_with_a_gap_are_left_out(ages):
    """Nothing is said of them; the others are as before."""
    odd = decaying(2.0, 1, ages)
    rows = list(zip(odd.age_days, odd.votes, strict=True))
    assert half_life(of_posts(*[rows] * MIN_POSTS)).n == 0
    good = list(zip(*[getattr(decaying(2.0, 1), name) for name in ("age_days", "votes")], strict=True))
    assert half_life(of_posts(*[good] * MIN_POSTS, *[rows] * 9)) == half_life(of_posts(*[good] * MIN_POSTS))


def test_posts_without_votes_have_no_half_life():
    """A post that nobody voted for is no post with a short life."""
    assert half_life(of_posts(*[[(a, 0) for a in DAILY]] * MIN_POSTS)).n == 0


def test_kaplan_meier_equals_statsmodels():
    """Quartiles of censored times with ties, wherever enough are left."""
    rng = np.random.default_rng(5)
    for _ in range(50):
        t, event = rng.integers(1, 15, 60).astype(float), rng.random(60) < 0.7
        theirs = SurvfuncRight(t, event)
        for p, mine in zip((0.25, 0.5), kaplan_meier(t, event, (0.25, 0.5)), strict=True):
            at = np.flatnonzero(theirs.surv_prob <= 1 - p + 1e-12)
            expected = theirs.surv_times[at[0]] if at.size and theirs.n_risk[at[0]] >= AT_RISK else np.nan
            np.testing.assert_equal(mine, expected)


def test_one_last_post_does_not_make_a_half_life():
    """Where all but the last are censored, its end would end the estimate: that is unknown instead."""
    times = np.arange(1.0, 31.0)
    assert np.isnan(kaplan_meier(times, times == 30, (0.5,))[0])


def test_the_curve_rises_from_nothing_to_all():
    """0 at publication, 1 at the horizon, half at the half-life; the longest horizon with enough posts is taken."""
    found = curve(decaying(2.0))
    assert (found.horizon, found.n, len(found.median)) == (28, MIN_POSTS, 29)
    assert (found.median[0], found.median[-1]) == (0, 1)
    assert found.median[2] == pytest.approx(0.5, abs=0.03)
    assert (np.diff(found.median) >= 0).all()
    assert curve(decaying(2.0, ages=DAILY[DAILY < 16])).horizon == 14
    assert curve(decaying(2.0, n=MIN_POSTS - 1)) is None


def test_published_fractions():
    """80 % of Pinterest's pins; a value is inside our interval as far as its digits go; unknown without an interval."""
    theirs = published("pinterest", "save")
    assert (theirs.value, theirs.study, theirs.year) == (0.8, "RJMetrics", 2012)
    assert published("pinterest", "like") is None
    assert is_inside(theirs, Part(0.79, 0.78, 0.796)) is True
    assert is_inside(theirs, Part(0.79, 0.78, 0.794)) is False
    assert is_inside(theirs, Part(0.79, float("nan"), float("nan"))) is None
    assert all(p.caveat.endswith(".") and 0 < p.value < 1 for p in PUBLISHED)
