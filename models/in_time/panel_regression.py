"""Linear regression with fixed effects and clustered errors.

y = X b + (one constant per level of each effect) + error. The constants are swept out by pyfixest's solver (its whole
regression builds several copies of the data: 1.6 times as slow, 2.8 times as large); the rest is least squares. Rows
alone in a level carry no information and are left out.

Errors are CV3: the spread of the estimates with one cluster left out at a time, V = (G-1)/G sum_g (b_g - b)(b_g - b)',
b_g - b = -(X'X - X_g'X_g)^-1 X_g'e_g (MacKinnon, Nielsen & Webb 2023). They are made by each grouping that is given
(pages, domains, keywords), and what is asked is answered with the widest. The usual CRV1, and V1 + V2 - V12 for two
groupings (Cameron, Gelbach & Miller 2011), are too narrow where few clusters hold much of the votes: measured here on
worlds without effect, they cover 90 to 92 % instead of 95. `jackknife=False` gives CRV1, G/(G-1) (n-1)/(n-k) times the
sum of squared scores, as fixest does; it is what the tests compare with R.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]
Ids = NDArray[np.integer]

FLAT = 1e-10  # share of a term's square that must be left within the effects
ILL = 1e13  # condition from which on terms cannot be told apart


@dataclass(frozen=True, eq=False)
class Fit:
    """Coefficients (p,), and what each would be with one cluster left out, minus itself (G, p), by each grouping.

    `classical` (p, p) is the covariance under independent errors with `n_free` degrees of freedom, which measures of
    sensitivity ask for.
    """

    names: tuple[str, ...]
    coef: Floats
    shifts: Mapping[str, Floats]
    classical: Floats
    n_rows: int
    n_free: int

    def contrast(self, weights: Mapping[str, float]) -> "Contrast":
        """A weighted sum of coefficients with the widest of its standard errors."""
        w = np.array([weights.get(name, 0.0) for name in self.names])
        value, plain = float(w @ self.coef), _root(w @ self.classical @ w)
        found = [_contrast(value, shifts @ w, plain, self.n_free) for shifts in self.shifts.values()]
        return max(found, key=lambda c: c.half_width)

    def joint_p(self, names: tuple[str, ...]) -> float:
        """p of the F test that all these coefficients are 0, the largest over the groupings; NaN without a test."""
        i = [self.names.index(name) for name in names]
        return max(_f_test(self.coef[i], shifts[:, i]) for shifts in self.shifts.values())

    def cov(self, group: str) -> Floats:
        """Covariance (p, p) of the coefficients by one grouping."""
        return spread(self.shifts[group])


def _contrast(value: float, shift: Floats, plain: float, n_free: int) -> "Contrast":
    """A contrast from its values with one cluster left out, minus itself (G,)."""
    return Contrast(value, _root(spread(shift[:, None])[0, 0]), effective_df(shift), plain, n_free)


def effective_df(shift: Floats) -> float:
    """Degrees of freedom of a variance that is a sum of squares (G,): 3 (sum s^2)^2 / sum s^4, between 1 and G - 1.

    Equal normal clusters give about G. Where few clusters hold most of the votes it is what those few are worth
    (Satterthwaite's approximation, with the fourth moment as it is found).
    """
    square = shift**2
    fourth = float((square**2).sum())
    found = 3.0 * float(square.sum()) ** 2 / fourth if fourth > 0 else 1.0
    return float(min(max(found, 1.0), max(shift.size - 1, 1)))


def _f_test(b: Floats, shifts: Floats) -> float:
    try:
        f = float(b @ np.linalg.solve(spread(shifts), b)) / b.size
    except np.linalg.LinAlgError:
        return float("nan")
    return float(stats.f.sf(f, b.size, min(effective_df(column) for column in shifts.T)))


def _root(variance: float) -> float:
    return float(np.sqrt(max(variance, 0.0)))


@dataclass(frozen=True)
class Contrast:
    """An estimate, its clustered standard error and degrees of freedom, and the classical ones beside them."""

    estimate: float
    se: float
    df: float
    classical_se: float = float("nan")
    n_free: int = 0

    @property
    def p_above(self) -> float:
        """One-sided p of "not above 0"; NaN without a standard error."""
        return float(stats.t.sf(self.estimate / self.se, self.df)) if self.se > 0 else float("nan")

    @property
    def p_two_sided(self) -> float:
        """Two-sided p of "is 0"; NaN without a standard error."""
        return float(2 * stats.t.sf(abs(self.estimate) / self.se, self.df)) if self.se > 0 else float("nan")

    @property
    def half_width(self) -> float:
        """Half of the 95 % interval."""
        return float(stats.t.ppf(0.975, self.df)) * self.se

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval."""
        return self.estimate - self.half_width, self.estimate + self.half_width

    def scaled(self, factor: float) -> "Contrast":
        """The same contrast in another unit."""
        size = abs(factor)
        return replace(self, estimate=self.estimate * factor, se=self.se * size, classical_se=self.classical_se * size)


def agreed(contrasts: Sequence[Contrast]) -> tuple[float, int]:
    """Two-sided p that not all contrasts lie on one side of 0 (the largest one-sided p decides), and that side, +-1."""
    above = [c.p_above for c in contrasts]
    up, down = max(above), max(1 - p for p in above)
    return min(1.0, 2 * min(up, down)), 1 if up <= down else -1


def fixed_effects(
    y: Floats,
    terms: Mapping[str, Floats],
    effects: Mapping[str, Ids],
    clusters: Mapping[str, Ids],
    *,
    jackknife: bool = True,
) -> Fit | None:
    """Regress y (n,) on `terms` ((n,) each) within `effects` (ids (n,)), errors clustered on `clusters` (ids (n,)).

    A grouping with fewer than two clusters is left out. None where nothing can be estimated: no rows, a term that does
    not vary within the effects, y that does not, or no grouping.
    """
    kept = _without_singletons(list(effects.values()))
    if not kept.any():
        return None
    levels = [counted(ids[kept]) for ids in effects.values()]
    columns = np.asfortranarray(np.column_stack([y[kept], *(x[kept] for x in terms.values())]))
    before = np.einsum("ij,ij->j", columns, columns)
    swept_columns = swept(columns, levels)
    y, x = swept_columns[:, 0], swept_columns[:, 1:]
    gram = x.T @ x
    left = np.append(y @ y, np.diag(gram))
    if (left <= FLAT * np.maximum(before, 1.0)).any() or np.linalg.cond(gram) > ILL:
        return None
    coef = np.asarray(np.linalg.solve(gram, x.T @ y), dtype=np.float64)
    groups = {name: counted(ids[kept]) for name, ids in clusters.items()}
    return _with_errors(tuple(terms), coef, x, y - x @ coef, gram, levels, groups, jackknife)


def _with_errors(
    names: tuple[str, ...],
    coef: Floats,
    x: Floats,
    residual: Floats,
    gram: Floats,
    levels: Sequence[Ids],
    clusters: Mapping[str, Ids],
    jackknife: bool,
) -> Fit | None:
    """The fit with a covariance for each grouping of two clusters or more."""
    n, p, sizes = residual.size, coef.size, [int(ids.max()) + 1 for ids in levels]
    n_free = n - p - sum(sizes) + len(sizes) - 1
    groups = {name: ids for name, ids in clusters.items() if ids.max() > 0}
    if not groups or n_free < 1:
        return None
    inverse = np.linalg.inv(gram)
    score = x * residual[:, None]
    shifts = {
        name: _shifts(x, score, gram, coef, ids) if jackknife else _crv1(score @ inverse, p, levels, ids)
        for name, ids in groups.items()
    }
    classical = np.asarray(inverse * (residual @ residual) / n_free, dtype=np.float64)
    return Fit(names, coef, shifts, classical, n, n_free)


def _shifts(x: Floats, score: Floats, gram: Floats, coef: Floats, ids: Ids) -> Floats:
    """b_g - b (G, p) for every cluster left out; what only that cluster tells of is 0 without it."""
    p, size = x.shape[1], np.sqrt(np.diag(gram))
    part = np.empty((int(ids.max()) + 1, p, p))
    for i in range(p):
        for j in range(i + 1):
            part[:, i, j] = part[:, j, i] = np.bincount(ids, x[:, i] * x[:, j])
    left, sums, b = (gram - part) / np.outer(size, size), by_cluster(score, ids) / size, coef * size
    shifts = np.empty_like(sums)
    told = np.linalg.cond(left) < 1 / FLAT
    shifts[told] = -np.linalg.solve(left[told], sums[told][:, :, None])[:, :, 0]
    inverse = np.linalg.pinv(left[~told], rcond=FLAT, hermitian=True)
    shifts[~told] = (inverse @ (left[~told] @ b - sums[~told])[:, :, None])[:, :, 0] - b
    return np.asarray(shifts / size, dtype=np.float64)


def spread(shifts: Floats) -> Floats:
    """Covariance (p, p) from the estimates with one cluster left out, minus the estimate (G, p)."""
    g = len(shifts)
    return np.asarray(shifts.T @ shifts * ((g - 1) / g), dtype=np.float64)


def by_cluster(rows: Floats, ids: Ids) -> Floats:
    """Sums (G, p) of rows (n, p) by cluster (n,), counted from 0."""
    return np.stack([np.bincount(ids, column) for column in rows.T], axis=1)


def _crv1(influence: Floats, p: int, levels: Sequence[Ids], ids: Ids) -> Floats:
    """Rows (G, p) whose `spread` is CRV1; effects nested in the clusters cost no degrees of freedom (as in fixest)."""
    n, g, sums = len(influence), int(ids.max()) + 1, by_cluster(influence, ids)
    spent = [int(level.max()) + 1 for level in levels if not _is_nested(level, ids)]
    k = p + sum(spent) - max(len(spent) - 1, 0)
    return np.asarray(sums * (g / (g - 1)) * np.sqrt((n - 1) / max(n - k, 1)), dtype=np.float64)


def _without_singletons(effects: list[Ids]) -> NDArray[np.bool_]:
    """Rows that share every level with another row (n,); taking one out may leave another alone, so it repeats."""
    kept = np.ones(effects[0].size, dtype=bool)
    while True:
        alone = np.zeros(kept.size, dtype=bool)
        for ids in effects:
            codes = counted(ids[kept])
            alone[np.flatnonzero(kept)[np.bincount(codes)[codes] == 1]] = True
        if not alone.any():
            return kept
        kept &= ~alone


def counted(ids: Ids) -> NDArray[np.int64]:
    """The same grouping (n,) counted from 0 without gaps."""
    if ids.size and ids.min() >= 0 and ids.max() < 8 * ids.size:
        present = np.bincount(ids) > 0
        return (np.cumsum(present) - 1)[ids]
    return np.unique(ids, return_inverse=True)[1].astype(np.int64)


def _is_nested(inner: Ids, outer: Ids) -> bool:
    """Whether every level of `inner` lies in one level of `outer`."""
    first = np.empty(int(inner.max()) + 1, dtype=outer.dtype)
    first[inner] = outer
    return bool((first[inner] == outer).all())


def swept(columns: Floats, levels: Sequence[Ids]) -> Floats:
    """The columns (n, p) with all fixed effects (ids (n,) from 0) taken out, by pyfixest's solver."""
    from pyfixest.core.demean import demean_within

    ids = np.column_stack(levels).astype(np.uint32)
    return np.asarray(demean_within(np.asfortranarray(columns), ids)[0], dtype=np.float64)
