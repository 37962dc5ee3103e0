"""The paragraph under a verdict, for people who know pages and links, not statistics."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf, isfinite
from typing import TYPE_CHECKING

from models.guards.power import words as power_words
from models.guards.sensitivity import Sensitivity
from models.guards.sensitivity import words as sensitivity_words
from models.in_time.direction import INFORMATIVE, LEVEL

if TYPE_CHECKING:
    from models.verdict import Evidence, Verdict

TARGET = 0.25  # positions per doubling that the power sentence asks about
DAYS_PER_WEEK = 7


def prose(v: Verdict, e: Evidence, tests: int, hidden: Sensitivity | None) -> str:
    """All sentences of one verdict."""
    return " ".join(sentence for sentence in _sentences(v, e, tests, hidden) if sentence)


def _sentences(v: Verdict, e: Evidence, tests: int, hidden: Sensitivity | None) -> Iterator[str]:
    yield f"{v.platform} {v.verb}: {v.verdict}."
    if e.trial:
        yield _trial(e)
        return
    yield from _association(e)
    if e.timing is None:
        why = e.why_no_timing or "there are too few days"
        yield f"Whether votes or positions move first cannot be asked yet: {why}."
        return
    yield _direction(v, e)
    if v.direction == "votes_lead":
        yield from _guards(v, e, tests, hidden)
    if v.direction in ("neither", "unknown"):
        yield _power(v, e, tests)


def _association(e: Evidence) -> Iterator[str]:
    """What the lower rungs say, and why that is not an answer."""
    a, b = e.association, e.adjusted
    if a is None or not isfinite(a.mean_rho):
        return
    where = "higher" if a.mean_rho > 0 else "lower"
    clear = isfinite(a.ci_low) and (a.ci_low > 0 or a.ci_high < 0)
    rho = f"(mean rank correlation {a.mean_rho:+.2f})"
    yield (
        f"On the same results page, better-voted pages stand {where} {rho}; that alone would look the same if "
        "positions brought the votes, or a good page both."
        if clear
        else f"On the same results page, votes and positions hardly go together {rho}."
    )
    if b is not None and isfinite(b.odds):
        given = f" among pages of equal {', '.join(b.covariates)}" if b.covariates else ""
        yield (
            f"Doubling the {e.verb}s goes with {b.odds:.2f} times the odds of outranking a neighbour"
            f"{given} ({b.ci_low:.2f} to {b.ci_high:.2f})."
        )
        if b.hidden_cause:
            yield b.hidden_cause


def _direction(v: Verdict, e: Evidence) -> str:
    if v.direction == "votes_lead":
        better, days = "higher" if v.estimate > 0 else "lower", "day" if v.lag_days == 1 else "days"
        return (
            f"In the two weeks after a page's {e.verb}s doubled it stood {abs(v.estimate):.2f} positions {better} "
            f"({_range(v)}) than in the week before, compared with the other pages of the same lists; the move comes "
            f"about {v.lag_days} {days} after the votes, and is larger than any on the very day."
        )
    return {
        "positions_lead": f"Votes follow positions: pages gain {e.verb}s after they have risen, not before. What votes "
        "do in return cannot be read from such data, so no estimate is given.",
        "simultaneous": f"{e.verb.capitalize()}s and positions move on the same days, or in both directions. Something "
        "else, such as news about the page, may move both; which one moves the other cannot be told, so no estimate is "
        "given.",
        "neither": f"Positions do not move after votes, nor votes after positions: {v.estimate:+.2f} positions per "
        f"doubling in the two weeks after ({_range(v)}).",
        "unknown": "Which moves first cannot be told: "
        + (
            "these data are too noisy to show an effect even of one position per doubling"
            if v.mde > INFORMATIVE
            else "positions seem to move with votes, but not clearly after them and not clearly on the very day"
        )
        + f" (estimate {v.estimate:+.2f}, {_range(v)}).",
    }[v.direction]


def _range(v: Verdict) -> str:
    return f"95 % interval {v.ci_low:+.2f} to {v.ci_high:+.2f}"


def _guards(v: Verdict, e: Evidence, tests: int, hidden: Sensitivity | None) -> Iterator[str]:
    """What stands beside an estimate that was found."""
    yield f"Of {tests} combinations tried, the false discovery rate of this one is {_percent(v.q_value)}."
    if e.placebos:
        yield (
            f"Of {e.placebos.n} placebos (votes of other pages, other keywords, other dates, next week's) "
            f"{_percent(e.placebos.share)} do as well."
        )
    if e.study:
        agree = "agree" if v.rung == "quasi-experiment" else "do not add to it"
        yield (
            f"Sudden bursts of votes {agree}: {e.study.after.estimate:+.2f} positions per doubling against like pages "
            f"of the same lists ({e.study.n_events} bursts in lists)."
        )
    if hidden:
        yield sensitivity_words(hidden) + " It would have to change with time: what is constant is already taken out."
    yield (
        "What this cannot exclude is something that brings votes first and lifts the page days later by another way; "
        "only an experiment can (`tallyrank experiment design`)."
    )


def _power(v: Verdict, e: Evidence, tests: int) -> str:
    """What the data could have shown."""
    if e.timing is None or not isfinite(v.mde):
        return ""
    c = max((e.timing.after, e.timing.after_same_day, e.timing.after_long_before), key=lambda x: x.se)
    if v.verdict == "contradicts":
        return f"An effect of {v.mde:.2g} positions per doubling would have been seen 4 times in 5."
    weeks = v.n_days // DAYS_PER_WEEK or None
    return power_words(c.se, TARGET, max(v.n_keywords, 2), weeks, alpha=LEVEL / tests, few=c.df < inf)


def _percent(share: float) -> str:
    return "less than 0.1 %" if share < 0.001 else f"{100 * share:.1f} %"


def _trial(e: Evidence) -> str:
    """What a scored experiment says."""
    assert e.trial is not None
    t = e.trial
    return (
        f"In an experiment with {t.n_pairs} pairs of pages, one of each promoted by lot, the promoted pages moved "
        f"{t.estimate:+.2f} positions more than the others ({_ends(t.ci_low, t.ci_high)}, p = {t.p:.3f} by "
        "randomisation)."
    )


def _ends(low: float, high: float) -> str:
    """An interval in words; below the fewest pairs of an experiment it has no ends."""
    known = isfinite(low) and isfinite(high)
    return f"95 % interval {low:+.2f} to {high:+.2f}" if known else "too few pairs for an interval"
