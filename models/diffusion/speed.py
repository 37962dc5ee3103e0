"""How fast a post collects its votes and how soon that is over: velocity, half-life, and the curve between.

- Velocity: votes per day in the first day and in the first week.
- Half-life: age at which a post first had half of the votes of its last reading. Only posts are followed whose first
  reading came within `EARLY` days and whose last came after `FOLLOWED`; whether a post is among them depends on when it
  was read, never on its votes. If it still grew by more than `STILL` in the last week, half of its final votes comes
  later than that: the age is censored there, and quartiles are those of Kaplan & Meier 1958 (JASA 53).
- Curve: share of the votes of a horizon that a post had at each age up to it.

Assumes that posts which still grow are like the others of that age; they are the long-lived ones, so a half-life with
many of them is too short. It is unknown if the estimate of who is left does not fall to one half while it rests on
`AT_RISK` posts. A lower bound needs no such assumption: no half-life is shorter than the age seen, so their median is
not shorter than the median age seen. Posts without votes have no half-life.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.diffusion.readings import Flags, Readings

Floats = NDArray[np.float64]

MIN_POSTS = 20  # fewer say nothing about the next post
DAY, WEEK = 1.0, 7.0
GAPS = {DAY: 2.0, WEEK: 3.0}  # how many days readings may be apart around an age
EARLY, FOLLOWED, STILL = 2.0, 14.0, 0.05
AT_RISK = 5  # posts that must be left for the estimate of Kaplan and Meier to move
WIDE = 3.0  # days between two readings within which half of the votes came; wider after some time
HORIZONS = (28, 14, 7)
QUARTILES = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class Quartiles:
    """Quartiles over `n` posts, of which `n_censored` lie at an unknown place above; NaN is unknown.

    The median is not below `at_least`, whatever is said of those.
    """

    q1: float
    median: float
    q3: float
    n: int
    n_censored: int = 0
    at_least: float = float("nan")


@dataclass(frozen=True, eq=False)
class Curve:
    """Share of the votes at the horizon that was there at ages 0 .. horizon: quartiles (horizon + 1,), `n` posts."""

    horizon: int
    q1: Floats
    median: Floats
    q3: Floats
    n: int


def velocity(readings: Readings, days: float) -> Quartiles:
    """Votes per day over the first `days` (`DAY` or `WEEK`) of a post."""
    votes = early_votes(readings, days) / days
    known = votes[~np.isnan(votes)]
    if known.size < MIN_POSTS:
        return _too_few(known.size)
    q1, median, q3 = (float(q) for q in np.quantile(known, QUARTILES))
    return Quartiles(q1, median, q3, known.size)


def early_votes(readings: Readings, days: float) -> Floats:
    """Votes (n_posts,) at the end of the first `DAY` or `WEEK`; NaN where not read near enough, or counted anew."""
    return np.where(readings.is_reset, np.nan, readings.at_age(days, GAPS[days]))


def half_life(readings: Readings) -> Quartiles:
    """Quartiles over posts of the age in days at which half of the last reading's votes were there."""
    votes = np.where(_followed(readings, FOLLOWED), readings.last_votes, np.nan)
    age, gap = readings.age_at(np.where(votes > 0, votes / 2, np.nan))
    age[gap > np.maximum(WIDE, age / 4)] = np.nan
    before = readings.at_age(readings.last_age - WEEK, np.inf)
    used = ~np.isnan(age)
    is_over = votes - before <= STILL * votes
    n, censored = int(used.sum()), int((used & ~is_over).sum())
    if n < MIN_POSTS:
        return _too_few(n, censored)
    q1, median, q3 = kaplan_meier(age[used], is_over[used], QUARTILES)
    return Quartiles(q1, median, q3, n, censored, float(np.median(age[used])))


def kaplan_meier(times: ArrayLike, is_event: ArrayLike, parts: tuple[float, ...]) -> tuple[float, ...]:
    """Times (of `times` (n,)) by which each part had its event; NaN where the estimate does not get there.

    It stops where fewer than `AT_RISK` are left.
    """
    t, event = np.asarray(times, dtype=np.float64), np.asarray(is_event, dtype=bool)
    moments, code = np.unique(t, return_inverse=True)
    events = np.bincount(code, weights=event, minlength=moments.size)
    at_risk = t.size - np.concatenate(([0], np.cumsum(np.bincount(code, minlength=moments.size))[:-1]))
    left = np.cumprod(1 - events / at_risk)
    reached = [np.flatnonzero((left <= 1 - part + 1e-12) & (at_risk >= AT_RISK)) for part in parts]
    return tuple(float(moments[at[0]]) if at.size else float("nan") for at in reached)


def curve(readings: Readings) -> Curve | None:
    """The curve to the longest horizon to which enough posts were followed; None where none is."""
    for horizon in HORIZONS:
        whole = readings.at_age(float(horizon), GAPS[WEEK])
        used = _followed(readings, horizon) & (whole > 0)
        if used.sum() >= MIN_POSTS:
            ages = np.arange(horizon + 1)
            shares = [readings.at_age(float(a), GAPS[WEEK])[used] / whole[used] for a in ages]
            q = np.array([_known_quartiles(s) for s in shares])
            return Curve(horizon, q[:, 0], q[:, 1], q[:, 2], int(used.sum()))
    return None


def _known_quartiles(share: Floats) -> Floats:
    known = share[~np.isnan(share)]
    return np.quantile(known, QUARTILES) if known.size >= MIN_POSTS else np.full(3, np.nan)


def _followed(readings: Readings, days: float) -> Flags:
    """Posts read early, for long enough, and on one ruler (n_posts,)."""
    return (readings.first_age <= EARLY) & (readings.last_age >= days) & ~readings.is_reset


def _too_few(n: int, n_censored: int = 0) -> Quartiles:
    unknown = float("nan")
    return Quartiles(unknown, unknown, unknown, n, n_censored)
