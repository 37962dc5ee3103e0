"""Which part of the votes comes from one part of the public? A share over pages that differ, so that no page rules it.

Page i had x_i of its n_i votes from the segment. Pages differ by more than chance: x_i is beta-binomial with mean p and
intra-class correlation r, so x_i / n_i has the variance p (1 - p) (1 + (n_i - 1) r) / n_i. The share is the weighted
mean of x_i / n_i with w_i = n_i / (1 + (n_i - 1) r): all votes alike at r = 0, all pages alike at r = 1 (Kleinman 1973,
JASA 68). r comes from moments: with S = sum w (x/n - p)^2 and W = sum w,

    r = (S / (p (1 - p)) - A) / (B - A),  A = sum (w / n) (1 - w / W),  B = sum w (1 - w / W),  cut to 0 .. 1.

The interval is Student's t on m - 1 pages for log(p / (1 - p)), with the variance between pages
m / (m - 1) sum w^2 (x/n - p)^2 / W^2, and never less than that of plain counting.

Assumes that votes are counted and pages do not share people. Fails below about ten pages, where intervals are rough,
and says nothing of segments that a platform withholds.
"""

from dataclasses import dataclass
from math import exp, inf, log, nan, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

Floats = NDArray[np.float64]
ROUNDS = 20  # of weights and correlation in turn; they settle within a few


@dataclass(frozen=True)
class Share:
    """The share of a segment with its 95 % interval, and how alike votes of one page are; NaN is unknown."""

    value: float
    low: float
    high: float
    correlation: float
    n_pages: int


def share(votes: ArrayLike, total: ArrayLike) -> Share:
    """The share over pages with `votes` (m,) of `total` (m,) each; one page has no interval, none is NaN throughout.

    Raises ValueError for shapes that differ and counts that are not 0 <= votes <= total, total > 0.
    """
    x, n = _checked(votes, total)
    m = x.size
    if not m:
        return Share(nan, nan, nan, nan, 0)
    r = _correlation(x, n)
    w = _weights(n, r)
    p = _mean(x, n, w)
    low, high = _interval(x, n, w, p)
    return Share(p, low, high, r if m > 1 else nan, m)


def _checked(votes: ArrayLike, total: ArrayLike) -> tuple[Floats, Floats]:
    x, n = np.asarray(votes, dtype=np.float64), np.asarray(total, dtype=np.float64)
    if x.ndim != 1 or x.shape != n.shape:
        raise ValueError("votes and total must be one-dimensional and equally long")
    if not (np.isfinite(x).all() and np.isfinite(n).all()) or (x < 0).any() or (x > n).any() or (n <= 0).any():
        raise ValueError("votes lie between 0 and the total, and totals above 0: leave pages with unknown counts out")
    return x, n


def _weights(n: Floats, r: float) -> Floats:
    w: Floats = n / (1 + (n - 1) * r)
    return w


def _mean(x: Floats, n: Floats, w: Floats) -> float:
    return float((w * x / n).sum() / w.sum())


def _correlation(x: Floats, n: Floats) -> float:
    """r by moments, weights and r in turn."""
    r = 0.0
    for _ in range(ROUNDS):
        w = _weights(n, r)
        p, rest = _mean(x, n, w), w * (1 - w / w.sum())
        a, b = float((rest / n).sum()), float(rest.sum())
        if not (0 < p < 1 and b > a):
            return 0.0
        s = float((w * (x / n - p) ** 2).sum()) / (p * (1 - p))
        r = min(max((s - a) / (b - a), 0.0), 1.0)
    return r


def _interval(x: Floats, n: Floats, w: Floats, p: float) -> tuple[float, float]:
    m = x.size
    if m < 2 or not 0 < p < 1:
        return nan, nan
    between = m / (m - 1) * float((w**2 * (x / n - p) ** 2).sum() / w.sum() ** 2)
    se = sqrt(max(between, p * (1 - p) / n.sum())) / (p * (1 - p))
    centre, half = log(p / (1 - p)), float(stdtrit(m - 1, 0.975)) * se
    return _share_of(centre - half), _share_of(centre + half)


def _share_of(odds: float) -> float:
    """The share whose log odds these are."""
    return 1 / (1 + exp(-odds)) if odds > -700 else (0.0 if odds > -inf else nan)
