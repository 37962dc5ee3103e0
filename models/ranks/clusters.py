"""Variance of an estimate from the influence of its rows, summed by cluster, along one or two clusterings.

An estimate is the truth plus a sum of row influences, T = theta + sum_i u_i. Rows of one cluster may depend on each
other in any way, so V = G / (G - 1) sum_g (sum_{i in g} u_i)^2 over the G clusters (Liang & Zeger 1986). With two
clusterings that cross, such as keywords and domains, V = V_1 + V_2 - V_12, where 12 are the cells of the crossing
(Cameron, Gelbach & Miller 2011). By chance that can fall below V_1 or V_2, even below 0; the largest of the three is
taken, so a second clustering never narrows an interval. With one value per cluster it is sd^2 / G.

It fails with few clusters, or few that hold most rows: errors are then too small by more than Student's t makes up
for. Below about thirty, use t or `bca_interval`, and below fifty domains doubt a result near the border. Sizes of tests
on simulated worlds stand in `models.ranks.domains`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri, stdtrit

Floats = NDArray[np.float64]
Clusters = NDArray[np.integer]


@dataclass(frozen=True)
class Estimate:
    """A number with its standard error, and the 95 % interval by Student's t on `df` = clusters - 1; NaN is unknown."""

    value: float
    se: float
    df: int

    @property
    def low(self) -> float:
        """Lower end of the 95 % interval."""
        return self.value - self._t * self.se

    @property
    def high(self) -> float:
        """Upper end of the 95 % interval."""
        return self.value + self._t * self.se

    @property
    def normal(self) -> tuple[float, float]:
        """The 95 % interval for very many clusters; too narrow below thirty."""
        half = float(ndtri(0.975)) * self.se
        return self.value - half, self.value + half

    @property
    def _t(self) -> float:
        return float(stdtrit(self.df, 0.975)) if self.df > 0 else float("nan")


def estimate(value: float, influence: Floats, *clusterings: Clusters) -> Estimate:
    """A value with the error that its row influences (n,) have along one or two clusterings (n,)."""
    if min(count(c) for c in clusterings) < 2:
        return Estimate(value, float("nan"), 0)
    se = float(np.sqrt(clustered_variance(influence[:, None], *clusterings)[0]))
    return Estimate(value, se, min(count(c) for c in clusterings) - 1)


def clustered_variance(
    influence: Floats, first: Clusters, second: Clusters | None = None, *, small_sample: bool = True
) -> Floats:
    """Variances (q,) of q estimates from row influences (n, q); `small_sample` turns on the factor G / (G - 1)."""
    one = _variance(influence, first, small_sample)
    if second is None:
        return one
    two, both = (_variance(influence, c, small_sample) for c in (second, _cells(first, second)))
    return np.maximum(np.maximum(one, two), one + two - both)


def mean_estimate(values: ArrayLike, cluster: ArrayLike) -> Estimate:
    """The plain mean of `values` (L,) with the error between clusters (L,) of integers.

    With one value per cluster the error is sd / sqrt(L). Values that are not finite raise ValueError.
    """
    v, k = np.asarray(values, dtype=np.float64), np.asarray(cluster)
    if v.ndim != 1 or v.shape != k.shape:
        raise ValueError("values and cluster must be one-dimensional and equally long")
    if not np.isfinite(v).all():
        raise ValueError("values must be finite: leave unknown lists out")
    if not v.size:
        return Estimate(float("nan"), float("nan"), 0)
    return estimate(float(v.mean()), (v - v.mean()) / v.size, k)


def bca_interval(values: ArrayLike, replicates: ArrayLike) -> tuple[float, float]:
    """Bias-corrected accelerated 95 % interval (Efron 1987) of a mean of few `values` (L,) from bootstrap means (R,).

    z0 is the normal quantile of the share of replicates below the mean (half of those equal to it), the acceleration
    comes from the jackknife. NaN for fewer than two values or values that are all equal.
    """
    v, r = np.asarray(values, dtype=np.float64), np.asarray(replicates, dtype=np.float64)
    if v.size < 2 or np.ptp(v) == 0 or not r.size:
        return float("nan"), float("nan")
    near = 1e-12 * max(1.0, float(np.abs(v).max()))
    z0 = ndtri(np.mean(r < v.mean() - near) + np.mean(np.abs(r - v.mean()) <= near) / 2)
    d = v - v.mean()
    a = (d**3).sum() / (6 * (d**2).sum() ** 1.5)
    z = z0 + ndtri([0.025, 0.975])
    low, high = np.quantile(r, ndtr(z0 + z / (1 - a * z)))
    return float(low), float(high)


def count(cluster: Clusters) -> int:
    """How many different clusters; faster than np.unique on millions."""
    if cluster.size and cluster.min() >= 0 and cluster.max() <= 4 * cluster.size:
        return int(np.count_nonzero(np.bincount(cluster.astype(np.int64, copy=False))))
    return int(np.count_nonzero(np.diff(np.sort(cluster)))) + (cluster.size > 0)


def _variance(influence: Floats, cluster: Clusters, small_sample: bool) -> Floats:
    """G / (G - 1) times the sum over clusters of squared sums of influence (q,)."""
    code, n = _code(cluster), count(cluster)
    factor = n / (n - 1) if small_sample and n > 1 else 1.0
    return np.array([factor * (np.bincount(code, weights=u) ** 2).sum() for u in influence.T])


def _cells(first: Clusters, second: Clusters) -> Clusters:
    """One number per crossing of two clusterings (n,)."""
    one, two = (_code(c) for c in (first, second))
    return _code(one * (int(two.max(initial=0)) + 1) + two)


def _code(cluster: Clusters) -> Clusters:
    """Numbers from 0 up, few enough to count with, that are equal where clusters are (n,)."""
    if cluster.size and (cluster.min() < 0 or cluster.max() > 4 * cluster.size):
        return np.unique(cluster, return_inverse=True)[1]
    return cluster.astype(np.int64, copy=False)
