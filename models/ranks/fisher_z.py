"""Fisher's z: intervals for one correlation, and other ways to average correlations over lists.

z = atanh(r) is nearly normal with variance 1 / (n - 3) for Pearson's r of normal data (Fisher 1921). For Spearman's rho
the variance is nearer to (1 + r^2 / 2) / (n - 3) (Bonett & Wright 2000).

Averaging z answers another question than averaging rho. The plain mean says what to expect of a keyword taken at
random. tanh of the mean z is pulled towards lists with rho near -1 or 1, and weights n - 3 let long lists speak louder
and lists of three not at all. At |rho| = 1, z is infinite: rho is cut to +-`CLIP`, so one short list in perfect order
still weighs like a z of 7.25. It stands beside the plain mean as a check, never in its place.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from models.ranks.bootstrap import UNKNOWN, Floats, Interval

CLIP = 0.999999


@dataclass(frozen=True)
class Averages:
    """Four averages of the same rho: plain, by z with weights n - 3, by z without weights, and weighted by n."""

    mean: float
    fisher_z: float
    fisher_z_unweighted: float
    n_weighted: float
    n_lists: int


def averages(rho: ArrayLike, n_pairs: ArrayLike) -> Averages:
    """The averages of rho (L,) of lists with n_pairs (L,) known pairs; NaN lists are left out, no list gives NaN."""
    r, n = np.asarray(rho, dtype=np.float64), np.asarray(n_pairs, dtype=np.float64)
    if r.ndim != 1 or r.shape != n.shape:
        raise ValueError("rho and n_pairs must be one-dimensional and equally long")
    if (np.abs(r) > 1).any():
        raise ValueError("rho holds a number outside -1 .. 1, which is no correlation")
    r, n = r[~np.isnan(r)], n[~np.isnan(r)]
    z, ones = np.arctanh(np.clip(r, -CLIP, CLIP)), np.ones(r.size)
    by_z, by_z_unweighted = (float(np.tanh(_weighted(z, w))) for w in (np.maximum(n - 3, 0), ones))
    return Averages(_weighted(r, ones), by_z, by_z_unweighted, _weighted(r, n), r.size)


def pearson_interval(r: float, n: int) -> Interval:
    """95 % interval of one Pearson correlation of n independent pairs; NaN for n <= 3 or an unknown r."""
    return _interval(r, n, 1.0)


def spearman_interval(r: float, n: int) -> Interval:
    """95 % interval of one Spearman correlation of n independent pairs (Bonett & Wright); NaN for n <= 3 or unknown r.

    For one list read alone. The results of a list compete for its places, so it is a rough guide there.
    """
    return _interval(r, n, 1 + r * r / 2)


def spearman_z_error(r: float, n: int) -> float:
    """Standard error of atanh(r) of one Spearman correlation; NaN for n <= 3."""
    return float(np.sqrt((1 + r * r / 2) / (n - 3))) if n > 3 else float("nan")


def _weighted(x: Floats, w: Floats) -> float:
    """The mean of x with weights w; NaN where all are 0."""
    return float((w * x).sum() / w.sum()) if w.sum() > 0 else float("nan")


def _interval(r: float, n: int, spread: float) -> Interval:
    """tanh of z plus and minus its error, whose square is spread / (n - 3)."""
    if abs(r) > 1:
        raise ValueError(f"a correlation lies between -1 and 1, not at {r}")
    if n <= 3 or np.isnan(r):
        return UNKNOWN
    z, half = np.arctanh(np.clip(r, -CLIP, CLIP)), ndtri(0.975) * np.sqrt(spread / (n - 3))
    low, high = np.tanh([z - half, z + half])
    return Interval(float(low), float(high))
