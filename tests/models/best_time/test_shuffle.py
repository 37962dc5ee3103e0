"""The test of "it does not matter when": false alarms no oftener than it says, and power where there is an effect."""

from __future__ import annotations

import numpy as np

from models.best_time.design import CELLS, WEEKDAY, design
from models.best_time.shuffle import p_value
from tests.models.best_time.worlds import world


def share_significant(worlds, **more):
    """Share of simulated worlds in which p is at most 0.05."""
    rng = np.random.default_rng(11)
    return np.mean([p_value(design(*world(rng, **more)[:3]), n) <= 0.05 for n in range(worlds)])


def test_size_with_shocks_of_days_and_weeks():
    """No effect of time, posts that share their days: at most 5 % false alarms, give or take what 200 worlds allow."""
    assert share_significant(200, n=150) <= 0.09
    assert share_significant(200, n=150, day_sd=1.0, weeks=5) <= 0.09


def test_size_without_shocks():
    """As far from too careful as from too bold where nothing is shared."""
    assert 0.01 <= share_significant(200, n=150, day_sd=0.0, week_sd=0.0) <= 0.09


def test_publishers_with_habits_raise_no_alarm():
    """Each domain at its own hours, and better or worse as a whole: that is no effect of the hour."""
    assert share_significant(100, n=150, habit=True) <= 0.09


def test_power():
    """Weekends worth half a standard deviation less are found in nearly all worlds of 600 posts in 20 weeks."""
    effects = np.where(WEEKDAY >= 5, -0.5, 0.0)
    assert share_significant(40, n=600, weeks=20, effects=effects, day_sd=0.2) >= 0.8


def test_p_is_small_but_never_zero_and_does_not_move():
    """A plain effect has the smallest p that the draws allow, the same each time."""
    effects = np.linspace(-2, 2, CELLS)
    found = design(*world(np.random.default_rng(12), n=400, effects=effects, day_sd=0.1)[:3])
    assert 0 < p_value(found) == p_value(found) <= 0.001


def test_order_of_posts_does_not_matter():
    """Posts shuffled as rows give the same p."""
    y, hour, domain, _ = world(np.random.default_rng(13))
    order = np.random.default_rng(14).permutation(y.size)
    assert p_value(design(y, hour, domain)) == p_value(design(y[order], hour[order], domain[order]))


def test_equal_outcomes_are_no_difference():
    """Nothing varies: p is 1."""
    _, hour, domain, _ = world(np.random.default_rng(15))
    assert p_value(design(np.ones(hour.size), hour, domain)) == 1.0
