"""How often is the verdict right where the truth is known? One simulated world at a time, and many of them together.

A trial makes a world (models/simulation/simulate.py), reads it as the product would read a customer's data, and keeps
what the verdict said beside the truth. `summary` counts over trials of one kind:

- *false supports*: worlds in which votes do nothing and the verdict is `supports`; at most 5 % are allowed;
- *power*: worlds with an effect of at least the minimum detectable one that end in `supports`; at least 80 %;
- *coverage*: 95 % intervals that hold the truth, of the worlds whose verdict gives an estimate;
- *direction*: worlds with the right word for what moved first, of those that could tell;
- *fooled*: worlds in which the plain correlation is clearly above 0, which is what most tools would report.

The truth of an estimate is the mean of the true path over days 1 to 14 after votes double for good.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite, nan

import numpy as np

from models.guards.placebo import placebos
from models.in_time.bursts import study
from models.in_time.direction import LEVEL
from models.in_time.panel import Panel
from models.in_time.timing import timing, usable_rows, why_not
from models.ranks.association import associate
from models.simulation.simulate import Settings, World, simulate
from models.verdict import Evidence, Verdict, verdicts

ARRIVALS = ("bursts", "viral")
NOISES = (("ar", "normal"), ("iid", "gumbel"), ("walk", "student"))
PLACEBO_DRAWS = 20


@dataclass(frozen=True)
class Trial:
    """One world: what is true, what was said, and the naive correlation with its interval."""

    settings: Settings
    seed: int
    true_effect: float
    true_direction: str
    verdict: Verdict
    naive_rho: float
    naive_low: float


@dataclass(frozen=True)
class Summary:
    """Shares over trials of one kind, NaN where there are none to count; `n_...` are what they are shares of."""

    n: int
    supports: float
    contradicts: float
    cannot_tell: float
    not_enough: float
    power: float
    n_detectable: int
    coverage: float
    n_estimates: int
    direction: float
    n_directions: int
    fooled: float
    mean_naive: float
    mean_estimate: float
    mean_truth: float


def varied(settings: Settings, seed: int) -> Settings:
    """The same kind of world with mechanisms that go round with the seed: arrivals, noise and tails, lag."""
    noise, tails = NOISES[seed % len(NOISES)]
    arrivals = ARRIVALS[seed // len(NOISES) % len(ARRIVALS)]
    return replace(settings, noise=noise, tails=tails, arrivals=arrivals, lag=1 + seed % 5)  # type: ignore[arg-type]


def trial(settings: Settings, seed: int) -> Trial:
    """One world and its verdict."""
    world = simulate(settings, seed)
    (found,) = verdicts([evidence(world.panel)])
    low, rho = _naive(world)
    return Trial(settings, seed, effect(world), world.truth.direction, found, rho, low)


def effect(world: World) -> float:
    """The true mean gain over days 1 to 14."""
    return float(world.truth.path[1:15].mean())


def evidence(panel: Panel) -> Evidence:
    """What the rungs in time say of one panel."""
    found = timing(panel)
    counts = (int(np.unique(x).size) for x in (panel.keyword, panel.page, panel.step))
    # placebos can only take a finding away, so they are tried where there is one
    is_finding = found is not None and found.p_forward < LEVEL
    shown = placebos(panel, usable_rows(panel), found, PLACEBO_DRAWS) if found and is_finding else None
    keywords, pages, days = counts
    return Evidence(
        "simulated", "vote", timing=found, placebos=shown, study=study(panel), n_keywords=keywords, n_pages=pages,
        n_days=days, why_no_timing=why_not(panel),
    )  # fmt: skip


def _naive(world: World) -> tuple[float, float]:
    """Lower end of the interval of the mean within-list correlation, and its value."""
    p = world.panel
    lists = p.keyword * p.votes.shape[1] + p.step
    found = associate(lists, p.keyword, p.position, p.votes[p.page, p.step], p.depth, draws=200)
    return found.ci_low, found.mean_rho


def summary(trials: Sequence[Trial]) -> Summary:
    """Counts over trials of one kind of world."""
    words = [t.verdict.verdict for t in trials]
    seen = [t for t in trials if t.true_effect > 0 and t.verdict.mde <= t.true_effect]
    told = [t for t in trials if isfinite(t.verdict.estimate)]
    asked = [t for t in trials if t.verdict.direction != "unknown" and (t.true_effect == 0 or t in seen)]
    shares = [_share([w == word for w in words]) for word in WORDS]
    return Summary(
        n=len(trials), supports=shares[0], contradicts=shares[1], cannot_tell=shares[2], not_enough=shares[3],
        power=_share([t.verdict.verdict == "supports" for t in seen]), n_detectable=len(seen),
        coverage=_share([t.verdict.ci_low <= t.true_effect <= t.verdict.ci_high for t in told]), n_estimates=len(told),
        direction=_share([t.verdict.direction == t.true_direction for t in asked]), n_directions=len(asked),
        fooled=_share([t.naive_low > 0 for t in trials]), mean_naive=_mean([t.naive_rho for t in trials]),
        mean_estimate=_mean([t.verdict.estimate for t in told]), mean_truth=_mean([t.true_effect for t in trials]),
    )  # fmt: skip


WORDS = ("supports", "contradicts", "cannot tell", "not enough data")


def _share(hits: Sequence[bool]) -> float:
    return sum(hits) / len(hits) if hits else nan


def _mean(numbers: Sequence[float]) -> float:
    return float(np.nanmean(numbers)) if np.isfinite(numbers).any() else nan
