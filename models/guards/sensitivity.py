"""How strong must a hidden cause be to erase an estimate? Partial R2, robustness values, E-values, Oster's delta.

**Linear regressions** (Cinelli & Hazlett 2020, JRSS-B 82). A hidden cause Z that explains the share r_d of what is left
of the votes, and r_y of what is left of the positions (both given the covariates), moves the estimate by at most
|bias| = se sqrt(df) BF, with BF = sqrt(r_y r_d / (1 - r_d)), and makes its standard error
se sqrt((1 - r_y) / (1 - r_d)) sqrt(df / (df - 1)). With f = q |t| / sqrt(df) the robustness value, the share
r_y = r_d that takes away the part q of the estimate, is RV_q = (sqrt(f^4 + 4 f^2) - f^2) / 2. For RV_{q,alpha}, which
leaves it no longer significant, f is replaced by f - f*, f* = t_crit / sqrt(df - 1), not below 0; where f f* >= 1 the
worst r_y is smaller than r_d, because a large one also narrows the standard error, and RV = (f^2 - f*^2) / (1 + f^2).

**Benchmarks.** A cause k times as strong as the observed covariate j, whose partial R2 are a (votes) and b (positions),
has r_d = k a / (1 - a) and r_y = ((sqrt k + w) / sqrt(1 - w^2))^2 b / (1 - b), where
w^2 = k a^2 / ((1 - k a)(1 - a)). Where r_d or r_y would exceed 1 no such cause exists, and nothing is reported.

**E-value** (VanderWeele & Ding 2017): RR + sqrt(RR (RR - 1)), for RR < 1 of 1 / RR; a standardised mean difference d
is first made RR = exp(0.91 d).

**Oster 2019** (JBES 37, prop. 3): how much stronger selection on what is hidden must be than selection on what is seen.

How they fail: they speak of linear regressions of ranks or log positions, not of Plackett-Luce coefficients; t and df
must be classical, because partial R2 are (clustering enters as `inflation`, as if the hidden cause left that factor
alone); and a benchmark says nothing if nothing like the hidden cause was observed. Source of the wording: methods of
sensemakr; the sign outside is that of everywhere: positive = votes go with better positions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, inf, isfinite, nan, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.stats import t as student

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A coefficient of a linear regression: its classical standard error and degrees of freedom.

    `inflation` is the clustered standard error over the classical one; it widens what "significant" asks for.
    """

    estimate: float
    se: float
    df: float
    inflation: float = 1.0

    def __post_init__(self) -> None:
        if not (isfinite(self.estimate) and 0 < self.se < inf and 1 < self.df < inf and 0 < self.inflation < inf):
            raise ValueError(f"an estimate needs a finite value, a positive se and inflation, and df above 1: {self}")

    @property
    def t(self) -> float:
        """The classical t value."""
        return self.estimate / self.se

    @property
    def partial_r2(self) -> float:
        """Share of what is left of the positions that the votes explain."""
        return partial_r2(self.t, self.df)


@dataclass(frozen=True)
class Covariate:
    """An observed covariate: the shares it explains of votes (given the others) and of positions (given votes too)."""

    name: str
    r2_votes: float
    r2_position: float

    def __post_init__(self) -> None:
        if not (0 <= self.r2_votes < 1 and 0 <= self.r2_position < 1):
            raise ValueError(f"partial R2 of {self.name!r} must lie in 0 .. 1, 1 itself excluded: {self}")


@dataclass(frozen=True)
class Bound:
    """The estimate left by a hidden cause `times` as strong as a covariate, with its se, t and interval."""

    covariate: str
    times: float
    r2_votes: float
    r2_position: float
    estimate: float
    se: float
    t: float
    low: float
    high: float


@dataclass(frozen=True)
class Sensitivity:
    """What would erase an estimate: the robustness values, and multiples of the strongest observed covariate.

    `times_to_zero` leaves an estimate of 0, `times_to_doubt` one that is not significant; NaN where no covariate was
    observed (`strongest` None) or where no possible cause of that shape does it.
    """

    rv: float
    rv_doubt: float
    strongest: str | None
    times_to_zero: float
    times_to_doubt: float


@dataclass(frozen=True)
class Oster:
    """`delta` = selection on the hidden over selection on the seen that makes the effect 0; `beta`, the effect if both
    are equal (delta 1), NaN if no root keeps the direction of the bias; `roots`, all real solutions, ascending."""

    delta: float
    beta: float
    roots: tuple[float, ...]


def partial_r2(t: float, df: float) -> float:
    """Partial R2 of the regressor whose classical t value is `t`: t^2 / (t^2 + df)."""
    return t**2 / (t**2 + df)


def measured(
    position: ArrayLike, votes: ArrayLike, covariates: ArrayLike, names: Sequence[str], absorbed: int = 1
) -> tuple[Estimate, tuple[Covariate, ...]]:
    """Estimate and covariates from demeaned columns (n,), (n,) and (n, p), by least squares.

    `position` is in the sign of everywhere (higher = better); `absorbed` counts the means or fixed effects taken out.
    Raises ValueError for shapes that do not fit, and for a covariate that the others determine.
    """
    y, d, x = (np.asarray(a, dtype=np.float64) for a in (position, votes, covariates))
    if y.ndim != 1 or d.shape != y.shape or x.shape != (y.size, len(names)):
        raise ValueError(
            f"position and votes must be (n,), covariates one column per name: {y.shape}, {d.shape}, {x.shape}"
        )
    of_position = _fit(y, np.column_stack([d, x]), absorbed)
    of_votes = _fit(d, x, absorbed) if names else None
    found = [] if of_votes is None else zip(names, of_votes.r2, of_position.r2[1:], strict=True)
    covariate = tuple(Covariate(name, float(a), float(b)) for name, a, b in found)
    return Estimate(float(of_position.beta[0]), float(of_position.se[0]), of_position.df), covariate


def robustness_value(estimate: Estimate, q: float = 1.0, alpha: float | None = None) -> float:
    """Share (0 .. 1) of what is left of both votes and positions that a hidden cause must explain.

    To take away the part `q` of the estimate, or with `alpha` to make it, so reduced, not significant at that level.
    """
    if q <= 0:
        raise ValueError(f"q is the part of the estimate to take away, above 0, not {q}")
    f, f_crit = q * abs(estimate.t) / sqrt(estimate.df), _critical(estimate, alpha)
    if f <= f_crit:
        return 0.0
    if f * f_crit >= 1:
        return (f**2 - f_crit**2) / (1 + f**2)
    return (sqrt((f - f_crit) ** 4 + 4 * (f - f_crit) ** 2) - (f - f_crit) ** 2) / 2


def adjusted(estimate: Estimate, r2_votes: float, r2_position: float) -> tuple[float, float, float]:
    """Estimate, se (inflated) and t if a hidden cause explains these shares and works against the estimate."""
    if not (0 <= r2_votes < 1 and 0 <= r2_position <= 1):
        raise ValueError(f"shares lie in 0 .. 1, that of votes below 1: {r2_votes} and {r2_position}")
    bias = estimate.se * sqrt(estimate.df * r2_position * r2_votes / (1 - r2_votes))
    left = (1 if estimate.estimate >= 0 else -1) * (abs(estimate.estimate) - bias)
    shrink = (1 - r2_position) / (1 - r2_votes) * estimate.df / (estimate.df - 1)
    se = estimate.inflation * estimate.se * sqrt(shrink)
    return left, se, left / se if se > 0 else nan


def bounds(
    estimate: Estimate, covariates: Sequence[Covariate], times: Sequence[float] = (1, 2, 3), alpha: float = 0.05
) -> tuple[Bound, ...]:
    """What is left after a cause 1, 2, 3 ... times as strong as each covariate; impossible causes are left out."""
    pairs = [(c, k, *_shares(c, k)) for c in covariates for k in times]
    return tuple(_bound(estimate, *pair, alpha) for pair in pairs if pair[2] < 1 and pair[3] < 1)


def sensitivity(estimate: Estimate, covariates: Sequence[Covariate] = (), alpha: float = 0.05) -> Sensitivity:
    """What would erase the estimate; the strongest covariate is the one of which the smallest multiple is enough."""
    values = (robustness_value(estimate), robustness_value(estimate, alpha=alpha))
    found = [(_times(estimate, c, None), _times(estimate, c, alpha), c.name) for c in covariates]
    if not found:
        return Sensitivity(*values, None, nan, nan)
    zero, doubt, name = min(found)
    return Sensitivity(*values, name, zero if isfinite(zero) else nan, doubt if isfinite(doubt) else nan)


def words(found: Sensitivity) -> str:
    """One or two sentences for people who know pages and links, not statistics."""
    if found.rv_doubt == 0:
        return "This is not clearly different from zero as it stands, so no hidden cause is needed to explain it."
    if found.strongest is None or not isfinite(found.times_to_zero):
        return (
            f"A hidden cause would have to explain {_percent(found.rv)} of what is left of both votes and positions to "
            f"erase this; {_percent(found.rv_doubt)} would be enough to leave it in doubt."
        )
    first = (
        f"A hidden cause would have to be {_multiple(found.times_to_zero)} times as strong as {found.strongest}, "
        "on both votes and positions, to erase this"
    )
    if found.times_to_doubt <= 1:
        return f"{first}. One as strong as {found.strongest} is enough to leave it in doubt: do not rely on it."
    return f"{first}; {_multiple(found.times_to_doubt)} times would be enough to leave it in doubt."


def e_value(rr: float) -> float:
    """How strongly (as a risk ratio) a hidden cause must go with both votes and outcome to explain the ratio `rr`."""
    if not 0 < rr < inf:
        raise ValueError(f"a risk ratio is a positive number, not {rr}")
    ratio = max(rr, 1 / rr)
    return ratio + sqrt(ratio * (ratio - 1))


def e_value_of_interval(low: float, high: float) -> float:
    """E-value of the end of a risk ratio's interval that lies nearer to 1; exactly 1 if the interval holds 1."""
    if not 0 < low <= high < inf:
        raise ValueError(f"an interval of risk ratios runs from a positive low to a higher end, not {low} to {high}")
    return 1.0 if low <= 1 <= high else e_value(low if low > 1 else high)


def rr_of_smd(d: float, se: float = 0.0) -> tuple[float, float, float]:
    """Risk ratio that stands for a standardised mean difference, with the ends of its 95 % interval (1.78 = 0.91 z)."""
    return exp(0.91 * d), exp(0.91 * d - 1.78 * se), exp(0.91 * d + 1.78 * se)


def oster(
    beta_short: float,
    r2_short: float,
    beta_long: float,
    r2_long: float,
    *,
    var_y: float,
    var_d: float,
    var_d_left: float,
    r2_max: float | None = None,
) -> Oster:
    """Oster's delta and bias-adjusted effect from the regressions without (`short`) and with (`long`) covariates.

    `var_d_left` is the variance of the votes that the covariates leave, `r2_max` the R2 with the hidden cause, by
    default 1.3 times the long one and at most 1. Of several roots, the one nearest to `beta_long` is taken among those
    that go on in the direction in which the covariates moved the estimate (Oster's assumption 3).
    """
    r2_max = min(1.0, 1.3 * r2_long) if r2_max is None else r2_max
    if not 0 <= r2_short <= r2_long < r2_max <= 1 or not 0 < var_d_left <= var_d or var_y <= 0:
        raise ValueError("needs 0 <= r2_short <= r2_long < r2_max <= 1 and 0 < var_d_left <= var_d: check the order")
    moved = beta_short - beta_long
    rest = (r2_max - r2_long) * var_y
    cubic = var_d_left * (var_d - var_d_left)
    square = var_d_left * moved * var_d
    linear = (r2_long - r2_short) * var_y * var_d_left + var_d * var_d_left * moved**2

    above = beta_long * linear + 2 * beta_long**2 * square + beta_long**3 * cubic
    below = rest * (moved * var_d + beta_long * (var_d - var_d_left)) + beta_long**2 * square + beta_long**3 * cubic
    roots = np.roots([-square, rest * (var_d - var_d_left) - linear, rest * moved * var_d])
    biases = roots[np.isreal(roots)].real
    onward = biases[np.sign(biases) == np.sign(moved)]
    beta = beta_long - onward[np.argmin(np.abs(onward))] if onward.size else nan
    return Oster(above / below if below else nan, float(beta), tuple(sorted((beta_long - biases).tolist())))


@dataclass(frozen=True, eq=False)
class _Fit:
    """Coefficients, standard errors and partial R2 (p,) of a least-squares fit, and its degrees of freedom."""

    beta: Floats
    se: Floats
    r2: Floats
    df: float


def _fit(y: Floats, x: Floats, absorbed: int) -> _Fit:
    n, p = x.shape
    if n - p - absorbed < 2 or np.linalg.matrix_rank(x) < p:
        raise ValueError(f"{n} rows cannot tell {p} columns apart: leave out a covariate that the others determine")
    df = n - p - absorbed
    inverse = np.linalg.inv(x.T @ x)
    beta = inverse @ (x.T @ y)
    se = np.sqrt(((y - x @ beta) ** 2).sum() / df * np.diag(inverse))
    t2 = (beta / se) ** 2
    return _Fit(beta, se, t2 / (t2 + df), float(df))


def _critical(estimate: Estimate, alpha: float | None) -> float:
    """f* of the significance level, 0 for none; one degree of freedom goes to the hidden cause."""
    if alpha is None:
        return 0.0
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is a significance level between 0 and 1, not {alpha}")
    df = estimate.df - 1
    return estimate.inflation * float(student.isf(alpha / 2, df)) / sqrt(df)


def _shares(covariate: Covariate, k: float) -> tuple[float, float]:
    """r_d and r_y of a cause k times as strong as the covariate; infinite where it cannot exist."""
    a, b = covariate.r2_votes, covariate.r2_position
    r_d = k * a / (1 - a)
    if r_d >= 1:
        return inf, inf
    w2 = k * a**2 / ((1 - k * a) * (1 - a))
    return r_d, (sqrt(k) + sqrt(w2)) ** 2 / (1 - w2) * b / (1 - b)


def _bound(estimate: Estimate, covariate: Covariate, k: float, r_d: float, r_y: float, alpha: float) -> Bound:
    left, se, t = adjusted(estimate, r_d, r_y)
    half = float(student.isf(alpha / 2, estimate.df)) * se  # df, not df - 1: as in sensemakr, whose tables people know
    return Bound(covariate.name, k, r_d, r_y, left, se, t, left - half, left + half)


def _times(estimate: Estimate, covariate: Covariate, alpha: float | None) -> float:
    """Smallest multiple of a covariate that erases the estimate; infinite if no possible cause of its shape does."""
    f, f_crit = abs(estimate.t) / sqrt(estimate.df), _critical(estimate, alpha)
    if f <= f_crit:
        return 0.0

    def left(k: float) -> float:
        """What the worst cause up to k times as strong leaves beyond significance; falls as k rises."""
        r_d, r_y = _shares(covariate, k)
        r_y = min(r_y, 1.0, r_d / (r_d + f_crit**2) if f_crit else 1.0)
        return f * sqrt(1 - r_d) - sqrt(r_y * r_d) - f_crit * sqrt(1 - r_y)

    most = _most(covariate)
    return float(brentq(left, 0.0, most)) if most > 0 and left(most) <= 0 else inf


def _most(covariate: Covariate) -> float:
    """The largest multiple of a covariate that a cause can have (r_y is 1); 0 if the covariate explains nothing."""
    a = covariate.r2_votes
    if a == 0 or covariate.r2_position == 0:
        return 0.0
    end = (1 - a) / a * (1 - 1e-9)
    return float(brentq(lambda k: min(_shares(covariate, k)[1], 2.0) - 1, 0.0, end))


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.0f} %"


def _multiple(times: float) -> str:
    return f"{times:.2g}" if times < 0.95 else f"{times:.1f}" if times < 10 else f"{times:.0f}"
