"""When will more be known? The earliest day on which a verdict that waits for data could change, or none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from dashboards import words
from dashboards.words import Row
from models.guards.power import needed, standard_errors
from models.in_time.direction import INFORMATIVE
from models.in_time.timing import LAG, LEAD, MIN_STEPS

STEPS = MIN_STEPS + LEAD + LAG  # days (or weeks) with votes and positions before timing can be asked at all
FARTHEST_DAYS = 730  # a promise beyond two years is none
DAYS_PER_WEEK = 7
Why = Literal["days", "power", "experiment", "decided"]


@dataclass(frozen=True)
class Outlook:
    """The next decision: its earliest day and the verdicts that it is about. `why` is `days` where there are too few to
    ask what moves first, `power` where an effect of `INFORMATIVE` positions could not be seen yet. Without a day:
    `experiment` where more days alone will not tell or nobody knows how many, `decided` where no verdict waits.
    """

    day: date | None
    why: Why
    rows: Sequence[Row] = ()


def outlook(verdicts: Sequence[Row], timing: Iterable[Row], today: date) -> Outlook:
    """The next decision as seen on a day, if every day from now on is read."""
    steps = {words.pair(row): row.get("step_days") or 1 for row in timing}
    waits = [(day, why, v) for v in verdicts for day, why in [_wait(v, steps.get(words.pair(v), 1), today)] if day]
    if not waits:
        is_open = any(v["verdict"] in ("cannot tell", "not enough data") for v in verdicts)
        return Outlook(None, "experiment" if is_open or not verdicts else "decided")
    first, why, _ = min(waits, key=lambda wait: (wait[0], wait[1]))
    return Outlook(first, why, [v for day, reason, v in waits if (day, reason) == (first, why)])


def _wait(verdict: Row, step_days: int, today: date) -> tuple[date | None, Why]:
    """The earliest day on which a verdict could change for want of nothing but days; None where nobody can say."""
    n_days = verdict["n_days"] or 0
    if verdict["verdict"] == "not enough data" and 0 < n_days < STEPS:
        return today + timedelta(days=(STEPS - n_days) * step_days), "days"
    if verdict["verdict"] == "cannot tell" and verdict["direction"] == "unknown":
        return _until_seen(verdict, today), "power"
    return None, "experiment"


def _until_seen(verdict: Row, today: date) -> date | None:
    """When an effect of `INFORMATIVE` would be seen 4 times in 5: the minimum detectable one falls with the root of the
    weeks. Weeks of one panel are not independent, so it is no earlier.
    """
    weeks, mde = (verdict["n_days"] or 0) // DAYS_PER_WEEK, verdict["mde"]
    if not weeks or not words.is_known(mde) or mde <= INFORMATIVE:
        return None
    total = needed(INFORMATIVE, mde / standard_errors(), weeks)
    days = (total - weeks) * DAYS_PER_WEEK if total else FARTHEST_DAYS
    return today + timedelta(days=days) if 0 < days < FARTHEST_DAYS else None
