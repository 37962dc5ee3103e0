"""Would an effect have been seen? Power, the smallest effect seen reliably, and how much more data a smaller one needs.

An estimate with standard error se is called significant where |estimate / se| > c, c = z_{alpha/2} (or t_{alpha/2, df}
with few clusters). Its power at an effect is P(estimate / se > c) + P(estimate / se < -c), which at effect 0 is alpha
exactly. The minimum detectable effect is the one found significant *with its right sign* with the probability wanted:
se (z_{alpha/2} + z_power), or se times the non-centrality at which a non-central t exceeds c so often. se falls as
1 / sqrt(n) in the number n of keywords (clusters) or weeks, so n grows as (minimum detectable / wanted)^2.

Assumes that new keywords or weeks vary as those at hand do and that se is right: one that ignores clusters makes every
promise here too good. Weeks of one panel are not independent (a page's error lasts), so their number is a lower bound.
Power says what the design could see; power at the estimate just found (post hoc) says nothing that its p did not.

Sources: Bloom 1995, Evaluation Review 19 (multiples of se); Fisher 1921 for correlations, whose atanh has variance
1 / (n - 3).
"""

from math import atanh, ceil, floor, inf, isfinite, isnan, log10, nan, sqrt

from scipy.optimize import brentq
from scipy.stats import nct, norm
from scipy.stats import t as student

OFTEN = {0.8: "4 times in 5", 0.9: "9 times in 10", 0.95: "19 times in 20"}


def power_at(effect: float, se: float, alpha: float = 0.05, df: float = inf) -> float:
    """Probability that an effect is found significant, two-sided; exactly `alpha` at 0, NaN where `se` is unknown."""
    if not _known(se, effect):
        return nan
    _check(alpha, None, df)
    if effect == 0:
        return alpha
    shift, c = abs(effect) / se, _critical(alpha, df)
    if not isfinite(df):
        return float(norm.sf(c - shift) + norm.cdf(-c - shift))
    wrong_sign = float(nct.cdf(-c, df, shift))
    # scipy gives NaN where that tail holds less than 1e-14
    return min(1.0, float(nct.sf(c, df, shift)) + (wrong_sign if isfinite(wrong_sign) else 0.0))


def minimum_detectable(se: float, alpha: float = 0.05, power: float = 0.8, df: float = inf) -> float:
    """Smallest effect found significant, with its right sign, with probability `power`; NaN where `se` is unknown."""
    _check(alpha, power, df)
    return se * standard_errors(alpha, power, df) if _known(se) else nan


def standard_errors(alpha: float = 0.05, power: float = 0.8, df: float = inf) -> float:
    """How many standard errors large the minimum detectable effect is: 2.80 at 5 % and 80 %, more with few clusters."""
    _check(alpha, power, df)
    c = _critical(alpha, df)
    z = float(norm.isf(alpha / 2) + norm.isf(1 - power))
    if not isfinite(df):
        return z
    enough = c + z
    while nct.sf(c, df, enough) < power:
        enough *= 2
    return float(brentq(lambda shift: nct.sf(c, df, shift) - power, 0.0, enough))


def needed(
    target: float, se: float, n: int, alpha: float = 0.05, power: float = 0.8, *, few: bool = False
) -> int | None:
    """How many clusters or weeks in all would show `target`, when the `n` at hand give `se`; None if `se` is unknown.

    `few` counts degrees of freedom: n - 1 clusters vary, so few of them need a larger effect. The answer may be below
    `n`. Raises ValueError for a target of 0, which no amount of data shows.
    """
    if target == 0 or n < 1:
        raise ValueError(f"needs a target other than 0 (not {target}) and at least one cluster or week (not {n})")
    if not _known(se, target):
        return None

    def shortfall(total: float) -> float:
        df = total - 1 if few else inf
        return se * sqrt(n / total) * standard_errors(alpha, power, df) - abs(target)

    least = 2 if few else 1
    guess = n * (se * standard_errors(alpha, power) / target) ** 2  # enough with known variances; few ask for more
    low = high = max(least, ceil(guess - 1e-9))
    while few and shortfall(high) > 0:
        low, high = high, 2 * high
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if shortfall(middle) <= 0 else (middle + 1, high)
    return low


def keywords_for_mean_rho(rho: float, sd: float, alpha: float = 0.05, power: float = 0.8) -> int:
    """Keywords whose mean rho shows a true mean `rho`, when single rhos vary with `sd`: ((z + z) sd / rho)^2."""
    if rho == 0 or not 0 < sd < inf:
        raise ValueError(f"needs a mean rho other than 0 (not {rho}) and a positive spread of rho (not {sd})")
    return ceil((standard_errors(alpha, power) * sd / rho) ** 2)


def pairs_for_correlation(r: float, alpha: float = 0.05, power: float = 0.8) -> int:
    """Independent pairs that show one true correlation `r`: ((z + z) / atanh r)^2 + 3."""
    if not 0 < abs(r) < 1:
        raise ValueError(f"a correlation to be found lies between 0 and 1, both excluded, not {r}")
    return ceil((standard_errors(alpha, power) / atanh(r)) ** 2 + 3)


def words(
    se: float,
    target: float,
    n_keywords: int,
    n_weeks: int | None = None,
    *,
    unit: str = "positions per doubling",
    alpha: float = 0.05,
    power: float = 0.8,
    few: bool = False,
) -> str:
    """What these data can show, and what showing `target` would take, in two sentences for people."""
    found = minimum_detectable(se, alpha, power, n_keywords - 1 if few and n_keywords > 1 else inf)
    total = needed(target, se, n_keywords, alpha, power, few=few)
    if not isfinite(found) or total is None:
        return "How small an effect these data could show is not known: they give no standard error."
    often = OFTEN.get(power, f"in {100 * power:.0f} % of studies")
    first = f"With these data an effect of {found:.2g} {unit} would be seen {often}."
    if total <= n_keywords:
        return f"{first} That is enough to see {abs(target):.2g}."
    times = _round_up(total) / n_keywords if total > 100 * n_keywords else total / n_keywords
    second = (
        f" To see {abs(target):.2g} you would need about {_multiple(times)} times as many keywords "
        f"({_round_up(total):,} instead of {n_keywords:,})"
    )
    weeks = needed(target, se, n_weeks, alpha, power) if n_weeks else None
    if weeks is None:
        return f"{first}{second}."
    return f"{first}{second}, or at least {_round_up(weeks):,} weeks instead of {n_weeks:,}."


def _known(*numbers: float) -> bool:
    """Whether all are numbers; ValueError for a standard error (the first) that is 0 or below, or infinite."""
    if any(isnan(x) for x in numbers):
        return False
    if not 0 < numbers[0] < inf:
        raise ValueError(f"a standard error is a positive number, not {numbers[0]}: NaN if it is unknown")
    return True


def _check(alpha: float, power: float | None, df: float) -> None:
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is a significance level between 0 and 1, not {alpha}")
    if power is not None and not alpha < power < 1:
        raise ValueError(f"power lies above alpha ({alpha}) and below 1, not at {power}: chance alone finds alpha")
    if not df >= 1:
        raise ValueError(f"needs at least one degree of freedom, not {df}: two clusters or more")


def _critical(alpha: float, df: float) -> float:
    return float(student.isf(alpha / 2, df) if isfinite(df) else norm.isf(alpha / 2))


def _round_up(n: int) -> int:
    """Up to two leading digits: 346 is about 350."""
    step: int = 10 ** max(0, floor(log10(n)) - 1)
    return ceil(n / step) * step


def _multiple(times: float) -> str:
    return f"{times:.1f}" if times < 10 else f"{times:,.0f}"
