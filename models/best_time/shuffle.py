"""Would posts published at shuffled times do as well? A test of "it does not matter when" for weekday and time of day.

Outcomes, publishers and weeks stay as they are; the times are dealt anew: the days of a week exchange their weekdays,
each with all its posts, and the blocks of posts of one day and part of the day exchange, within a week, their parts of
the day. So what posts of one day share, and what a week brought, is in every shuffle as it is in the data. The
statistic is the sum over weekdays and parts of the day of (sum of residuals)^2 / its variance (noise2 n + day2 sum
n_day^2).

p by sequential Monte Carlo (Besag & Clifford 1991, Biometrika 78): drawing ends when `ENOUGH` shuffles did as well, p
is then their share, and else (1 + as good) / (1 + draws); both are valid at any level.

If a publisher always publishes at one time, its residuals there sum to 0 and the test is too careful, not too bold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.best_time.design import PARTS, WEEKDAYS, Design

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DRAWS, ENOUGH, STEP = 1999, 40, 100
SAME = 1 - 1e-9  # statistics nearer than this are equal but for rounding


@dataclass(frozen=True, eq=False)
class Labelled:
    """Things that exchange labels within weeks: sums of residuals, posts, and sums of squared posts by day (m,)."""

    week: Ints
    label: Ints
    n_labels: int
    total: Floats
    posts: Floats
    squares: Floats


def p_value(found: Design, seed: int = 0) -> float:
    """Probability of weekdays and times of day that differ as much by chance."""
    parts = (_days(found), _blocks(found))
    variances = found.variances
    if variances[0] <= 0:
        return 1.0
    actual = sum(_statistic(p, p.label[None, :], variances)[0] for p in parts)
    rng = np.random.default_rng(seed)
    as_good = drawn = 0
    while drawn < DRAWS:
        step = min(STEP, DRAWS - drawn)
        shuffled = sum(_statistic(p, _shuffled(p, step, rng), variances) for p in parts)
        is_as_good = np.cumsum(shuffled >= actual * SAME)
        if as_good + is_as_good[-1] >= ENOUGH:
            return ENOUGH / (drawn + int(np.argmax(as_good + is_as_good >= ENOUGH)) + 1)
        as_good, drawn = as_good + int(is_as_good[-1]), drawn + step
    return (1 + as_good) / (1 + drawn)


def _days(found: Design) -> Labelled:
    """Days with their weekdays."""
    n = np.bincount(found.day).astype(np.float64)
    total = np.bincount(found.day, weights=found.residual).astype(np.float64)
    return Labelled(found.week, found.weekday, WEEKDAYS, total, n, n**2)


def _blocks(found: Design) -> Labelled:
    """Posts of one day and part of the day, with that part."""
    blocks, code = np.unique(found.day * PARTS + found.cell % PARTS, return_inverse=True)
    n = np.bincount(code).astype(np.float64)
    total = np.bincount(code, weights=found.residual).astype(np.float64)
    return Labelled(found.week[blocks // PARTS], blocks % PARTS, PARTS, total, n, n**2)


def _shuffled(part: Labelled, draws: int, rng: np.random.Generator) -> Ints:
    """Labels (draws, m), dealt anew within each week."""
    by_week = np.argsort(part.week, kind="stable")
    order = np.argsort(part.week + rng.random((draws, part.week.size)), axis=1)
    labels = np.empty(order.shape, dtype=np.int64)
    labels[:, by_week] = part.label[order]
    return labels


def _statistic(part: Labelled, labels: Ints, variances: tuple[float, float]) -> Floats:
    """Sum over labels of squared sums over their variances (draws,)."""
    draws = labels.shape[0]
    code = (labels + part.n_labels * np.arange(draws)[:, None]).ravel()

    def sums(values: Floats) -> Floats:
        of_label = np.bincount(code, np.tile(values, draws), draws * part.n_labels)
        return of_label.reshape(draws, -1).astype(np.float64)

    variance = variances[0] * sums(part.posts) + variances[1] * sums(part.squares)
    ratio = np.divide(sums(part.total) ** 2, variance, out=np.zeros(variance.shape), where=variance > 0)
    return np.asarray(ratio.sum(axis=1), dtype=np.float64)
