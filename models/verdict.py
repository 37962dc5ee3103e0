"""One row per platform and verb: how far up the ladder the data reach, one of four words, and a paragraph for people.

The word is decided by the timing rung and above; an association, adjusted or not, never earns *supports*.

- **supports**: votes lead (models/in_time/direction.py) upwards at a false discovery rate of 5 % over everything tried,
  no more than 5 % of the placebos do as well, and bursts, where there are enough, do not say otherwise.
- **contradicts**: positions fall after votes by the same standard, or the interval lies wholly below `WORTHWHILE`
  positions per doubling while nothing moved on one day: an effect worth having would have been seen.
- **not enough data**: the timing rung cannot be reached (too few days, pages that gain votes, or keywords).
- **cannot tell**: everything else.

An experiment that was scored speaks last, unless it is too small to tell anything that timing cannot. Where positions
lead, or both move on one day, no estimate is given: the regression would return a number, but not of an effect.
`mde` is what would be seen 4 times in 5 at the level that is left when all pairs are tested (alpha / pairs).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite, nan
from typing import Literal

from models.guards.multiplicity import adjust
from models.guards.placebo import Placebos
from models.guards.sensitivity import Estimate, Sensitivity, sensitivity
from models.in_time.bursts import Study
from models.in_time.direction import LEVEL, Direction, detectable, direction
from models.in_time.timing import FIRST_DAY, Timing
from models.prose import prose

Word = Literal["supports", "contradicts", "cannot tell", "not enough data"]
Rung = Literal["none", "association", "adjusted", "timing", "quasi-experiment", "experiment"]

WORTHWHILE = 0.1  # positions per doubling: ten times the votes would be worth a third of a position
MOST_PLACEBOS = 0.05


@dataclass(frozen=True)
class Correlation:
    """Rung 1: mean rho, its interval, and keywords behind it."""

    mean_rho: float
    ci_low: float
    ci_high: float
    n_keywords: int


@dataclass(frozen=True)
class Adjusted:
    """Rung 2: odds of outranking a neighbour per doubling, given `covariates`, with their interval.

    `hidden_cause` says in words how strong a cause that is not among them would have to be.
    """

    odds: float
    ci_low: float
    ci_high: float
    covariates: tuple[str, ...]
    hidden_cause: str = ""


@dataclass(frozen=True)
class Trial:
    """Rung 5: a scored experiment, in positions."""

    estimate: float
    ci_low: float
    ci_high: float
    p: float
    n_pairs: int
    word: Word


@dataclass(frozen=True)
class Evidence:
    """Everything known of one platform and verb on one ranking; what could not be made is None."""

    platform: str
    verb: str
    association: Correlation | None = None
    adjusted: Adjusted | None = None
    timing: Timing | None = None
    placebos: Placebos | None = None
    study: Study | None = None
    trial: Trial | None = None
    n_keywords: int = 0
    n_pages: int = 0
    n_days: int = 0
    step_days: int = 1
    why_no_timing: str = ""


@dataclass(frozen=True)
class Verdict:
    """One verdict; `estimate` in positions per doubling of votes (an experiment: positions), NaN is unknown."""

    platform: str
    verb: str
    rung: Rung
    verdict: Word
    direction: Direction
    lag_days: int | None
    estimate: float
    ci_low: float
    ci_high: float
    q_value: float
    n_keywords: int
    n_pages: int
    n_days: int
    mde: float
    placebo_share: float
    robustness: float
    prose: str


def verdicts(evidence: Sequence[Evidence]) -> list[Verdict]:
    """A verdict for each; the false discovery rate is held over all of them together."""
    p = [e.timing.p_forward if e.timing else nan for e in evidence]
    tests = sum(isfinite(x) for x in p)
    heard = [replace(e, trial=None) if _is_mute(e) else e for e in evidence]
    return [_verdict(e, float(q), max(tests, 1)) for e, q in zip(heard, adjust(p), strict=True)]


def _is_mute(e: Evidence) -> bool:
    """Whether there is an experiment too small to tell anything, beside a timing that can."""
    return e.timing is not None and e.trial is not None and e.trial.word == "not enough data"


def _verdict(e: Evidence, q: float, tests: int) -> Verdict:
    found, way = e.timing, direction(e.timing, q)
    is_read = found is not None and way not in ("positions_lead", "simultaneous")
    rung = _rung(e, way)
    mde = detectable(found, tests) if found else nan
    hidden = _sensitivity(found) if way == "votes_lead" else None
    estimate, low, high = (found.after.estimate, *found.after.interval) if found and is_read else (nan, nan, nan)
    word = _word(e, way)
    if e.trial:
        estimate, low, high, word = e.trial.estimate, e.trial.ci_low, e.trial.ci_high, e.trial.word
    made = Verdict(
        e.platform, e.verb, rung, word, way, _lag(e, way), estimate, low, high, q, e.n_keywords, e.n_pages, e.n_days,
        mde, e.placebos.share if e.placebos else nan, hidden.rv if hidden else nan, "",
    )  # fmt: skip
    return replace(made, prose=prose(made, e, tests, hidden))


def _word(e: Evidence, way: Direction) -> Word:
    found = e.timing
    if found is None:
        return "not enough data"
    if way == "votes_lead" and _passes_guards(e):
        return "supports" if found.sign > 0 else "contradicts"
    if way == "neither" and found.after.interval[1] < WORTHWHILE:
        return "contradicts"
    return "cannot tell"


def _passes_guards(e: Evidence) -> bool:
    """Placebos do worse, and bursts do not say the opposite."""
    if e.placebos and e.placebos.share > MOST_PLACEBOS:
        return False
    if e.study is None or e.timing is None:
        return True
    sign = e.timing.sign
    worst, best = sorted(sign * x for x in e.timing.after.interval), sorted(sign * x for x in e.study.after.interval)
    return not (best[1] < 0 and best[1] < worst[0])


def _rung(e: Evidence, way: Direction) -> Rung:
    """The highest rung that gave an answer."""
    if e.trial:
        return "experiment"
    if e.timing:
        return "quasi-experiment" if way == "votes_lead" and bursts_agree(e) else "timing"
    if e.adjusted:
        return "adjusted"
    return "association" if e.association else "none"


def bursts_agree(e: Evidence) -> bool:
    """Whether bursts show the same sign with a flat time before."""
    return bool(
        e.study and e.timing and e.study.p_effect < LEVEL and e.study.sign == e.timing.sign
        and not e.study.p_before < LEVEL
    )  # fmt: skip


def _sensitivity(found: Timing | None) -> Sensitivity | None:
    c = found.after if found else None
    if c is None or not (c.classical_se > 0 and c.n_free > 1):
        return None
    return sensitivity(Estimate(c.estimate, c.classical_se, c.n_free, c.se / c.classical_se))


def _lag(e: Evidence, way: Direction) -> int | None:
    """First day after votes on which the position has moved half as far as it will; None if votes do not lead."""
    if e.timing is None or way != "votes_lead":
        return None
    if e.timing.lag is not None:
        return e.timing.lag * e.step_days
    path, sign = e.timing.path, e.timing.sign
    after = [name for name in FIRST_DAY if name.startswith("after")]
    base = path["same_day"].estimate
    most = max(sign * (path[name].estimate - base) for name in after)
    first = next(name for name in after if sign * (path[name].estimate - base) >= most / 2)
    return FIRST_DAY[first] * e.step_days
