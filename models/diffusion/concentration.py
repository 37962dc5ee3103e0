"""How unevenly votes are spread over posts, and which part of all acts is passing on; with intervals.

- Gini = mean |x_i - x_j| / (2 mean), over all pairs of different posts, so n / (n - 1) times the plug-in value (Deltas
  2003, REStat 85): 0 if all posts have equally many votes, 1 if one has them all.
- Share of the top p: 1 - L(1 - p) of the Lorenz curve; a post on the border counts in part.
- Reshare fraction: reshares / (reshares + originals), of all acts of putting a thing before people.

Intervals are by influence, summed over pages (posts of one page depend on each other; models.ranks.clusters), on the
logit scale, which keeps them between 0 and 1. Influences: Gini (E|x - X| - D) / mu - G (x - mu) / mu with D the mean
difference; top share ((x - q)+ + p q - S x) / mu with q the (1 - p) quantile (Cowell & Victoria-Feser 1996,
Econometrica 64); fraction (r - T (r + o)) / sum (r + o).

They are given from `MIN_GINI` posts, or `MIN_TOP` posts in the top, on. Below, and where few posts hold most votes,
they are too narrow, because the next sample may hold a larger post than any here. In so many of 300 samples of
log-normal votes the 95 % intervals (Gini, top 10 %) held the truth: spread 1 and 200 posts 92 and 89 %, spread 1.5 and
1,000 posts 88 and 89 %, spread 2 and 200 posts 72 and 76 %, spread 2 and 5,000 posts 85 and 86 %. Leaving out
samples that few posts dominate makes it worse. Net scores below zero count as 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit

from models.ranks.clusters import estimate

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


MIN_GINI, MIN_TOP = 100, 10


@dataclass(frozen=True)
class Part:
    """A number between 0 and 1 with its 95 % interval; NaN is unknown."""

    value: float
    low: float
    high: float


UNKNOWN = Part(*(float("nan"),) * 3)


def gini(votes: ArrayLike, page: ArrayLike) -> Part:
    """Gini index of the votes (n,) of posts on pages (n,) of integers; unknown below two posts or without votes."""
    x, k = _checked(votes, page)
    n, mu = x.size, x.mean() if x.size else 0.0
    if n < 2 or mu == 0:
        return UNKNOWN
    distance = _mean_distances(x)
    g = distance.mean() / (2 * mu)
    influence = ((distance - distance.mean()) - g * (x - mu)) / mu / n
    return _part(min(g * n / (n - 1), 1.0), influence, k, n >= MIN_GINI)


def top_share(votes: ArrayLike, page: ArrayLike, part: float) -> Part:
    """Share of all votes (n,) that the top `part` of posts have; unknown where that is less than one post."""
    x, k = _checked(votes, page)
    if not 0 < part < 1:
        raise ValueError(f"the top part of posts lies between 0 and 1, not at {part}")
    many = part * x.size
    if many < 1 - 1e-9 or x.sum() == 0:
        return UNKNOWN
    falling = np.sort(x)[::-1]
    border = falling[min(int(many), x.size - 1)]
    share = (np.maximum(x - border, 0).sum() + many * border) / x.sum()
    influence = (np.maximum(x - border, 0) + part * border - share * x) / x.mean() / x.size
    return _part(share, influence, k, many >= MIN_TOP - 1e-9)


def reshare_fraction(reshares: ArrayLike, is_original: ArrayLike, page: ArrayLike) -> Part:
    """Which part of all acts is passing on what somebody else put there; arrays (n,) over posts.

    `is_original` is false for a post that is itself a reshare and counted as one by another. Unknown without posts.
    """
    r, k = _checked(reshares, page)
    acts = r + np.asarray(is_original, dtype=np.float64)
    if not acts.sum() > 0:
        return UNKNOWN
    share = r.sum() / acts.sum()
    return _part(share, (r - share * acts) / acts.sum(), k, True)


def _part(value: float, influence: Floats, page: Ints, is_enough: bool) -> Part:
    """The interval on the logit scale; unknown at 0 and 1, where that scale ends, and with a single page."""
    found = estimate(float(value), influence, page)
    if not is_enough or not 0 < value < 1 or np.isnan(found.se):
        return Part(float(value), float("nan"), float("nan"))
    half = (found.high - found.value) / (value * (1 - value))
    low, high = expit(logit(value) + np.array([-half, half]))
    return Part(float(value), float(low), float(high))


def _mean_distances(x: Floats) -> Floats:
    """Mean distance of each value to all (n,)."""
    order = np.argsort(x)
    ascending, below = x[order], np.cumsum(x[order])
    sums = np.empty(x.size)
    sums[order] = ascending * (2 * np.arange(1, x.size + 1) - x.size) + below[-1] - 2 * below
    return sums / x.size


def _checked(votes: ArrayLike, page: ArrayLike) -> tuple[Floats, Ints]:
    x, k = np.asarray(votes, dtype=np.float64), np.asarray(page, dtype=np.int64)
    if x.ndim != 1 or x.shape != k.shape:
        raise ValueError("votes and page must be one-dimensional and equally long")
    if not np.isfinite(x).all():
        raise ValueError("votes must be known: leave unknown posts out")
    return np.maximum(x, 0.0), k
