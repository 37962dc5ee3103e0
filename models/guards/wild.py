"""A p-value and interval that hold with few clusters: the restricted wild cluster bootstrap-t.

For H0: beta_j = b0, the regression is fitted without column j to y - b0 x_j. Its residuals u keep or change their sign
cluster by cluster, v_g = +1 or -1 with equal chance (Rademacher), y* = fit + v_g u, and
t* = (beta*_j - b0) / se*_j is compared with the observed t: p is the share of |t*| >= |t|, the observed signs included.
se is the cluster sandwich without a small-sample factor, which would cancel. With x~ the residual of x_j on the other
columns, a cluster's part of the numerator is v_g s_g, s_g = sum over its rows of x~ u, and its score after refitting is

    c_g = v_g s_g - A_g (X'X)^+ sum_h v_h B_h,    A_g = sum x~ X (1 x p),    B_h = sum X u (p),

so that t* = sum_g v_g s_g / sqrt(sum_g c_g^2) needs sums per cluster only: G x draws numbers, not n x draws. u is
linear in b0, so a draw is five numbers from which t* follows for every b0, and a null on the way to the interval costs
`draws` only.

Up to `EXACT` clusters all 2^G sign vectors are used (one of each mirror pair, of equal |t*|, is looked at), so p is
exact; beyond, `draws` random ones, and p = (1 + hits) / (1 + draws). p cannot go below 2 / 2^G: 5 clusters never reach
5 %, and their interval is unknown.

Assumes that clusters are independent, and errors about symmetric. Fails when one or two clusters hold nearly all the
variation of x~ (t* then has a few values only). Fixed effects that are not nested in clusters (dates) must be *columns*
of X for t* to be exact; taken out beforehand they are held fixed, which is the same for large n.

Source: Cameron, Gelbach & Miller 2008, REStat 90; Roodman et al. 2019, Stata Journal 19 (the sums per cluster).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import nan, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

EXACT = 12  # up to so many clusters, all sign vectors
CELLS = 1 << 20  # clusters x draws held at once
WIDEST = 1 << 12  # an end further away than so many standard errors is unknown
BISECTIONS = 40  # to a millionth of a millionth of a standard error
TIE = 1e-9  # equal |t|, up to rounding


@dataclass(frozen=True)
class WildTest:
    """The estimate, its cluster-robust t at the null, p, and the interval of level 1 - alpha; NaN where unknown.

    `n_signs` counts sign vectors; `smallest_p` is the least p these clusters can give, and above alpha there is no
    interval.
    """

    estimate: float
    t: float
    p_value: float
    low: float
    high: float
    n_clusters: int
    n_signs: int
    smallest_p: float


def wild_cluster(
    y: ArrayLike,
    x: ArrayLike,
    cluster: ArrayLike,
    column: int = 0,
    *,
    null: float = 0.0,
    draws: int = 999,
    seed: int = 0,
    alpha: float = 0.05,
) -> WildTest:
    """Test beta_column = null in the regression of y (n,) on x (n, p), both demeaned; `cluster` (n,) integers.

    The order of rows does not matter. Raises ValueError for shapes that do not fit, numbers that are not finite, a
    single cluster, and a column that the others determine.
    """
    estimate, sums = _sums(*_checked(y, x, cluster, column), column)
    if draws < 1 or not 0 < alpha < 1:
        raise ValueError(f"needs at least one draw (not {draws}) and alpha between 0 and 1 (not {alpha})")
    groups = sums.s.shape[0]
    is_exact = groups <= EXACT
    signs = _all_signs(groups) if is_exact else _random_signs(groups, draws, seed)
    table = np.concatenate([_quadratics(sums, v) for v in signs])
    observed = _quadratics(sums, np.ones((groups, 1)))

    def p_of(b: float) -> float:
        # a draw that has no t counts against the effect
        hits = int((~(np.abs(_t(table, b)) < abs(_t(observed, b)[0]) * (1 - TIE))).sum())
        return hits / len(table) if is_exact else (1 + hits) / (1 + len(table))

    step = sqrt(observed[0, 2]) / float(observed[0, 1])
    smallest = 2.0 ** (1 - groups) if is_exact else max(2.0 ** (1 - groups), 1 / (1 + draws))
    low, high = (_end(p_of, side * step, alpha) if smallest <= alpha else nan for side in (-1, 1))
    n_signs = 2**groups if is_exact else draws
    t, p = float(_t(observed, null - estimate)[0]), p_of(null - estimate)
    return WildTest(estimate, t, p, estimate + low, estimate + high, groups, n_signs, smallest)


def words(test: WildTest, alpha: float = 0.05) -> str:
    """What few clusters mean, in a sentence for people; empty where there are enough of them."""
    clusters = f"{test.n_clusters} independent clusters (domains or keywords)"
    can = f"With {clusters} no p-value falls below {test.smallest_p:.2g}"
    if test.smallest_p > alpha:
        return f"{can}: these data cannot tell an effect from chance, however large it is."
    if test.smallest_p > alpha / 5:
        return f"{can}, so even a clear effect looks uncertain; more clusters help, more rows in each do not."
    return ""


@dataclass(frozen=True, eq=False)
class _Sums:
    """Sums per cluster, for residuals u and x~ in their place (last axis): s (G, 2), b (G, p, 2); and a = A (X'X)^+."""

    s: Floats
    b: Floats
    a: Floats


def _sums(y: Floats, x: Floats, cluster: Ints, column: int) -> tuple[float, _Sums]:
    """The estimate, and the sums with residuals at the estimate, so that nulls are distances from it."""
    others = np.delete(x, column, axis=1)
    both = np.column_stack([y, x[:, column]])
    left = both - others @ np.linalg.lstsq(others, both, rcond=None)[0]
    tilde = left[:, 1]
    if (tilde**2).sum() <= 1e-12 * (x[:, column] ** 2).sum():
        raise ValueError(f"column {column} of x does not vary, or the others determine it: nothing can be tested")
    estimate = float(tilde @ left[:, 0] / (tilde @ tilde))
    left[:, 0] -= estimate * tilde
    b = np.stack([_by_cluster(cluster, x * left[:, [k]]) for k in (0, 1)], axis=-1)
    a = _by_cluster(cluster, tilde[:, None] * x) @ np.linalg.pinv(x.T @ x, hermitian=True)
    return estimate, _Sums(_by_cluster(cluster, tilde[:, None] * left), b, a)


def _checked(y: ArrayLike, x: ArrayLike, cluster: ArrayLike, column: int) -> tuple[Floats, Floats, Ints]:
    """The columns, clusters counted from 0, or ValueError."""
    ys, xs, given = np.asarray(y, dtype=np.float64), np.asarray(x, dtype=np.float64), np.asarray(cluster)
    if ys.ndim != 1 or xs.ndim != 2 or xs.shape[0] != ys.size or given.shape != ys.shape:
        raise ValueError(f"y and cluster must be (n,) and x (n, p), not {ys.shape}, {given.shape} and {xs.shape}")
    if not 0 <= column < xs.shape[1]:
        raise ValueError(f"column counts the columns of x from 0 to {xs.shape[1] - 1}, not {column}")
    if not (np.isfinite(ys).all() and np.isfinite(xs).all()):
        raise ValueError("y and x must be finite: leave rows with unknown values out before demeaning")
    names, codes = np.unique(given, return_inverse=True)
    if names.size < 2:
        raise ValueError(f"needs at least two clusters, not {names.size}: one group of pages tells nothing of others")
    return ys, xs, codes.astype(np.int64)


def _by_cluster(cluster: Ints, rows: Floats) -> Floats:
    """Sums (G, m) of rows (n, m)."""
    return np.column_stack([np.bincount(cluster, weights=column) for column in rows.T])


def _all_signs(groups: int) -> Iterator[Floats]:
    """Half of all sign vectors (G, draws), in blocks: the first cluster keeps its sign, mirror images are left out."""
    count = 1 << (groups - 1)
    for start in range(0, count, max(1, CELLS // groups)):
        number = np.arange(start, min(count, start + max(1, CELLS // groups)))
        yield np.where((number >> np.arange(groups)[:, None]) & 1, -1.0, 1.0)


def _random_signs(groups: int, draws: int, seed: int) -> Iterator[Floats]:
    """Random sign vectors (G, draws), in blocks; the same for the same seed, whatever the size of blocks."""
    rng = np.random.default_rng(seed)
    while draws > 0:
        block = min(draws, max(1, CELLS // groups))
        yield np.where(rng.integers(0, 2, (block, groups)).T, -1.0, 1.0)
        draws -= block


def _quadratics(sums: _Sums, v: Floats) -> Floats:
    """Five numbers per draw (draws, 5): the numerator is n_u - b n_x, its squared scale d_uu - 2 b d_ux + b^2 d_xx."""
    u, x = (v * sums.s[:, [k]] - sums.a @ (sums.b[:, :, k].T @ v) for k in (0, 1))
    return np.column_stack([v.T @ sums.s, (u * u).sum(axis=0), (u * x).sum(axis=0), (x * x).sum(axis=0)])


def _t(quadratics: Floats, b: float) -> Floats:
    """t (draws,) at the null estimate + b; infinite without any spread, NaN where there is nothing at all."""
    nu, nx, uu, ux, xx = quadratics.T
    with np.errstate(divide="ignore", invalid="ignore"):
        t: Floats = (nu - b * nx) / np.sqrt(np.maximum(uu - 2 * b * ux + b**2 * xx, 0.0))
    return t


def _end(p_of: Callable[[float], float], step: float, alpha: float) -> float:
    """Distance from the estimate, on the side of `step`, at which p falls to alpha; NaN if it never does."""
    far = 1
    while p_of(far * step) > alpha:
        far *= 2
        if far > WIDEST:
            return nan
    inside, outside = far // 2 * step, far * step
    for _ in range(BISECTIONS):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if p_of(middle) > alpha else (inside, middle)
    return (inside + outside) / 2
