"""The surface: a posterior in closed form, how often intervals hold, leaning of small cells, and properties."""

from __future__ import annotations

import numpy as np

from models.best_time import surface as module
from models.best_time.design import CELLS, PART, WEEKDAY, design
from models.best_time.surface import surface
from tests.models.best_time.worlds import some_effects, world


def test_given_the_spreads_the_draws_have_the_closed_form(monkeypatch):
    """One point of the grid: mean and spread of the draws are those of the normal posterior, worked out directly."""
    monkeypatch.setattr(module, "DRAWS", 40_000)
    rng = np.random.default_rng(21)
    w, z, point = rng.normal(0, 0.3, (12, module.FACTORS.shape[1])), rng.normal(0, 1, 12), np.array([0.5, 0.8, 0.2])
    drawn = module._draws(point[None, :], np.ones(1), w, z, rng)
    k = np.diag(np.repeat(point, module.SIZES) ** 2)
    gain = k @ w.T @ np.linalg.inv(w @ k @ w.T + np.eye(12))
    mean, covariance = module.FACTORS @ gain @ z, module.FACTORS @ (k - gain @ w @ k) @ module.FACTORS.T
    np.testing.assert_allclose(drawn.mean(axis=0), mean, atol=0.03)
    np.testing.assert_allclose(np.cov(drawn.T), covariance, atol=0.04)


def test_intervals_and_the_largest_difference_hold_the_truth():
    """Over 30 worlds with effects of any size, 95 % intervals hold 90 to 99 % of cells, and few spreads are larger."""
    rng, held, below = np.random.default_rng(22), [], []
    for n in range(30):
        effects = some_effects(rng, abs(rng.normal(0, 0.3)))
        y, hour, domain, cell = world(rng, n=400, weeks=12, effects=effects, day_sd=0.3)
        found, posts = surface(design(y, hour, domain), n), np.bincount(cell, minlength=CELLS)
        truth = effects - effects @ posts / posts.sum()
        held.append(((found.low <= truth) & (truth <= found.high)).mean())
        below.append(np.ptp(truth[posts > 0]) <= found.spread_below)
    assert 0.90 <= np.mean(held) <= 0.99
    assert np.mean(below) >= 0.85


def test_many_posts_find_the_truth_and_few_domains_posts_do_not_shrink_it():
    """20,000 posts: effects to a tenth; the same with two posts per domain, where plain demeaning would halve them."""
    effects = 0.6 * np.sin(2 * np.pi * PART / 8) + 0.3 * (WEEKDAY >= 5)
    for domains in (8, 10_000):
        y, hour, domain, cell = world(
            np.random.default_rng(23), n=20_000, weeks=52, domains=domains, effects=effects, day_sd=0.1, noise=0.5
        )
        posts = np.bincount(cell, minlength=CELLS)
        truth, found = effects - effects @ posts / posts.sum(), surface(design(y, hour, domain))
        often = posts > 200
        np.testing.assert_allclose(found.effect[often], truth[often], atol=0.12)
        assert np.polyfit(truth[often], found.effect[often], 1)[0] > 0.9


def test_cells_without_posts_lean_on_their_weekday_and_time():
    """No post on Sunday afternoon: its effect is that of Sundays and afternoons, with a wider interval than others."""
    effects = np.where(WEEKDAY == 6, 1.0, 0.0)
    y, hour, domain, cell = world(np.random.default_rng(24), n=3000, weeks=30, effects=effects, day_sd=0.1)
    kept = cell != CELLS - 3
    found = surface(design(y[kept], hour[kept], domain[kept]))
    assert found.effect[CELLS - 3] > 0.6
    assert (found.high - found.low)[CELLS - 3] > (found.high - found.low)[CELLS - 5]


def test_no_effect_leaves_little_room_with_many_posts():
    """What is not there is bounded ever closer: below a tenth of a standard deviation with 100,000 posts."""
    bounds = [
        surface(design(*world(np.random.default_rng(25), n=n, weeks=52, day_sd=0.0)[:3])).spread_below
        for n in (1000, 100_000)
    ]
    assert 0 < bounds[1] < 0.15 < bounds[0]


def test_scale_shift_and_mean():
    """Twice the outcome plus a constant is twice the surface; its mean over posts is 0."""
    y, hour, domain, cell = world(np.random.default_rng(26))
    one, other = surface(design(y, hour, domain)), surface(design(2 * y + 5, hour, domain))
    for name in ("effect", "low", "high", "spread", "spread_below"):
        np.testing.assert_allclose(getattr(other, name), 2 * getattr(one, name), rtol=1e-6, atol=1e-9)
    assert abs(one.effect @ np.bincount(cell, minlength=CELLS)) < 1e-9
