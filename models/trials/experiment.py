"""Do pages chosen by lot and promoted rise? Randomisation inference over the coin flips of matched pairs.

In each of n pairs a coin says which page is promoted. D_i = change of the promoted page - change of the other, where
change = mean capped position before - mean capped position after, so positive is better. Under "promotion moves
nothing" (Fisher's sharp null) turning coin i over turns the sign of D_i and nothing else, hence

    p = share of all sign patterns e with |mean e_i D_i| >= |mean D_i|             (Fisher 1935, ch. 3)

and "promotion moves every page by d" is tested by the same rule on D_i - d. The interval holds every d that is not
rejected. No search is needed: with A the pairs whose sign is turned, e rejects no d above
l_e = min(mean of D in A, mean of D outside A) on the lower side, and none below the larger of the two on the upper
(the "typical values" of Hartigan 1969, JASA 64), so both ends are order statistics over the patterns, and 0 lies
outside the interval exactly when p < alpha. Up to `EXACT` pairs all patterns count, beyond a sample of them plus the
one that was drawn, which keeps the test valid at any size of the sample (Phipson & Smyth 2010).

Assumptions: the coins were fair and obeyed, and a page's position hangs on its own promotion only. The p-value needs
nothing else: no normality, no independence of pages. The interval adds an effect that is the same for all pages.
How it fails: pages that compete in one list (one's rise is the other's fall: an effect looks up to twice as large);
pairs that drop out because of the promotion; looking early and stopping when it pleases. Below `fewest_pairs` no
result, however clear, can reach alpha.

Power comes from placebo experiments: pair differences of past windows in which nothing was promoted. A simulated
experiment draws n of them and tosses signs; with an effect d it would say "better" when d > -(lower end), so the share
of simulated experiments with -(lower end) < d is the power at d, and its quantile the minimum detectable effect.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, sqrt
from statistics import NormalDist
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Verdict: TypeAlias = Literal["supports", "contradicts", "cannot tell", "not enough data"]

EXACT = 16  # pairs up to which every pattern of signs is looked at
DRAWS = 19_999  # beyond: patterns drawn, beside the one that happened
BLOCK = 1024  # patterns held at once
EXPERIMENTS, PATTERNS = 1000, 1024  # of the simulation of power
LARGE = 400  # pairs from which the mean of the pairs is as good as normal
ROUNDING = 1e-9  # relative: sums in another order may differ by this and are still ties


@dataclass(frozen=True)
class Windows:
    """Days compared: `before` days, `washout` days (promotion goes on), `after` days; how many must be known."""

    before: int
    washout: int
    after: int
    min_before: int = 1
    min_after: int = 1

    def __post_init__(self) -> None:
        if min(self.before, self.after, self.min_before, self.min_after) < 1 or self.washout < 0:
            raise ValueError(f"windows need at least a day before and after and no negative washout, not {self}")


@dataclass(frozen=True)
class PairedTest:
    """`estimate` (mean difference of the pairs), its interval [low, high] (infinite below `fewest_pairs`) and p."""

    estimate: float
    low: float
    high: float
    p: float
    n_pairs: int
    is_exact: bool


def changes(series: ArrayLike, page: ArrayLike, n_pages: int, start: int, windows: Windows) -> Floats:
    """How many places each page (n_pages,) rose from the days before `start` to the days after it and the washout.

    `series` (S, T) holds capped positions, one row per page and list, one column per day, NaN where unknown; `page`
    (S,) numbers the row's page. A row counts when enough days are known on both sides; a page is the mean over its
    rows, NaN when fewer than half of them count. Raises ValueError when the windows reach beyond the days.
    """
    y, k = np.asarray(series, dtype=np.float64), np.asarray(page)
    first, last = start - windows.before, start + windows.washout + windows.after
    if y.ndim != 2 or k.shape != y.shape[:1]:
        raise ValueError("series must be a table of rows x days, and page name the page of every row")
    if first < 0 or last > y.shape[1]:
        raise ValueError(f"the windows need the days {first} to {last}, and only 0 to {y.shape[1]} are there")
    before = _mean(y[:, first:start], windows.min_before)
    rise = before - _mean(y[:, last - windows.after : last], windows.min_after)
    return mean_by_page(rise, k, n_pages, share=0.5)


def _mean(days: Floats, fewest: int) -> Floats:
    """Mean of the known days of each row, NaN where fewer than `fewest` are known."""
    known = np.isfinite(days)
    n = known.sum(axis=1)
    total = np.where(known, days, 0.0).sum(axis=1)
    return np.where(n >= fewest, total / np.maximum(n, 1), np.nan)


def mean_by_page(values: Floats, page: NDArray[np.integer], n_pages: int, share: float = 0.0) -> Floats:
    """Mean of the known values (S,) of each page (n_pages,); NaN where none, or less than a share, is known."""
    known = np.isfinite(values)
    n = np.bincount(page[known], minlength=n_pages)
    total = np.bincount(page[known], weights=values[known], minlength=n_pages)
    enough = (n > 0) & (n >= share * np.bincount(page, minlength=n_pages))
    return np.where(enough, total / np.maximum(n, 1), np.nan)


def fewest_pairs(alpha: float = 0.05) -> int:
    """The number of pairs from which p can fall below alpha: 6 for 5 %."""
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie between 0 and 1, not {alpha}")
    n = 1
    while 2.0 ** (1 - n) >= alpha:
        n += 1
    return n


def paired_test(differences: ArrayLike, alpha: float = 0.05, seed: int = 0, draws: int = DRAWS) -> PairedTest:
    """Two-sided randomisation test of pair differences (n,), with the interval of all effects it does not reject.

    Raises ValueError for differences that are not finite: a pair with an unknown page is left out before. Without a
    pair, everything is NaN.
    """
    d = np.asarray(differences, dtype=np.float64)
    if d.ndim != 1 or not np.isfinite(d).all():
        raise ValueError("differences must be one-dimensional and finite: leave pairs with an unknown page out")
    fewest_pairs(alpha)
    if not d.size:
        nan = float("nan")
        return PairedTest(nan, nan, nan, nan, 0, True)
    is_exact = d.size <= EXACT
    patterns = _all_patterns(d.size) if is_exact else _some_patterns(d.size, draws, seed)
    ends = [_ends(d[:, None], block) for block in patterns]
    low, high = (np.concatenate(side)[:, 0] for side in zip(*ends, strict=True))
    interval = _low(low[:, None], alpha)[0], -_low(-high[:, None], alpha)[0]
    return PairedTest(float(d.mean()), float(interval[0]), float(interval[1]), _p(d, low, high), d.size, is_exact)


def _all_patterns(n: int) -> Iterator[Floats]:
    """Which signs are turned (1.0) in every pattern; half of them, as turning all says the same as turning none."""
    half = 1 << (n - 1)
    for first in range(0, half, BLOCK):
        number = np.arange(first, min(first + BLOCK, half))[:, None]
        yield (number >> np.arange(n) & 1).astype(np.float64)


def _some_patterns(n: int, draws: int, seed: int) -> Iterator[Floats]:
    """The pattern that happened (nothing turned), then `draws` random ones."""
    rng = np.random.default_rng([seed, n])
    yield np.zeros((1, n))
    for done in range(0, draws, BLOCK):
        yield rng.integers(0, 2, (min(BLOCK, draws - done), n)).astype(np.float64)


def _ends(d: Floats, turned: Floats) -> tuple[Floats, Floats]:
    """Smaller and larger mean (N, R) of the turned and the other pairs, for R columns of differences d (n, R)."""
    n, k = d.shape[0], turned.sum(axis=1)[:, None]
    inside = turned @ d
    one, other = inside / np.maximum(k, 1), (d.sum(axis=0) - inside) / np.maximum(n - k, 1)
    whole = (k == 0) | (k == n)
    return np.where(whole, -np.inf, np.minimum(one, other)), np.where(whole, np.inf, np.maximum(one, other))


def _low(ends: Floats, alpha: float) -> Floats:
    """Lower end (R,) of the interval, from the lower ends (N, R) of the patterns: p >= alpha from here on."""
    nth = max(ceil(alpha * ends.shape[0] - ROUNDING), 1)
    low: Floats = np.partition(ends, nth - 1, axis=0)[nth - 1]
    return low


def _p(d: Floats, low: Floats, high: Floats) -> float:
    """Share of patterns as extreme as what happened."""
    tie = ROUNDING * np.abs(d).max()
    if abs(d.mean()) <= tie:
        return 1.0
    return float(np.mean(low <= tie) if d.mean() > 0 else np.mean(high >= -tie))


def verdict(test: PairedTest, worthwhile: float, alpha: float = 0.05, is_treated: bool | None = None) -> Verdict:
    """The plan's word. `worthwhile` > 0 is the smallest effect worth having, in places.

    `is_treated` says whether votes of promoted pages rose more than those of the others, None where that is not known.
    If they did not, positions say nothing of votes, whatever they did.
    """
    if worthwhile <= 0:
        raise ValueError(f"the worthwhile effect must be above 0 places, not {worthwhile}")
    if test.n_pairs < fewest_pairs(alpha):
        return "not enough data"
    if is_treated is False:
        return "cannot tell"
    if test.p < alpha and test.estimate > 0:
        return "supports"
    return "contradicts" if test.high < worthwhile else "cannot tell"


def power(placebos: ArrayLike, n_pairs: int, effect: float, alpha: float = 0.05, seed: int = 0) -> float:
    """Chance that `n_pairs` pairs find an effect of so many places, by simulation from placebo differences (m,)."""
    return float(np.mean(_least_effects(_pool(placebos), n_pairs, alpha, seed) < effect))


def minimum_detectable(
    placebos: ArrayLike, n_pairs: int, alpha: float = 0.05, power: float = 0.8, seed: int = 0
) -> float:
    """The effect, in places, that `n_pairs` pairs find with the given chance; infinite below `fewest_pairs`.

    By simulation up to `LARGE` pairs, beyond (z_{1-alpha/2} + z_power) sd / sqrt(n).
    """
    if not 0 < power < 1:
        raise ValueError(f"power must lie between 0 and 1, not {power}")
    pool = _pool(placebos)
    if n_pairs < fewest_pairs(alpha):
        return float("inf")
    if n_pairs > LARGE:
        return _reach(alpha, power) * spread(pool) / sqrt(n_pairs)
    return float(np.quantile(_least_effects(pool, n_pairs, alpha, seed), power))


def pairs_needed(placebos: ArrayLike, effect: float, alpha: float = 0.05, power: float = 0.8, seed: int = 0) -> int:
    """How many pairs find `effect` places with the given chance; raises ValueError unless the effect is above 0."""
    if not effect > 0:
        raise ValueError(f"the effect to find must be above 0 places, not {effect}")
    n = max(fewest_pairs(alpha), ceil((_reach(alpha, power) * spread(placebos) / effect) ** 2))
    while minimum_detectable(placebos, n, alpha, power, seed) > effect:
        n += max(1, n // 50)
    return n


def spread(placebos: ArrayLike) -> float:
    """Standard deviation, in places, of a pair difference whose sign a coin decides: the root mean square."""
    return float(np.sqrt(np.mean(_pool(placebos) ** 2)))


def _reach(alpha: float, power: float) -> float:
    return NormalDist().inv_cdf(1 - alpha / 2) + NormalDist().inv_cdf(power)


def _pool(placebos: ArrayLike) -> Floats:
    pool = np.asarray(placebos, dtype=np.float64)
    if pool.ndim != 1 or not pool.size or not np.isfinite(pool).all():
        raise ValueError("placebo differences must be one-dimensional, finite and at least one: give more history")
    return pool


def _least_effects(pool: Floats, n: int, alpha: float, seed: int) -> Floats:
    """For every simulated experiment without effect, the effect (EXPERIMENTS,) from which it would say "better"."""
    rng = np.random.default_rng([seed, n])
    d = rng.choice(pool, (n, EXPERIMENTS)) * rng.choice([-1.0, 1.0], (n, EXPERIMENTS))
    is_exact = 1 << (n - 1) <= PATTERNS
    blocks = _all_patterns(n) if is_exact else _some_patterns(n, PATTERNS - 1, seed)
    return -_low(np.concatenate([_ends(d, block)[0] for block in blocks]), alpha)
