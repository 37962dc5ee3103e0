"""When did a page suddenly gain votes? The bursts of all pages, found as for rung 4 (models/in_time/bursts.py)."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from models.guards.breaks import Break
from models.in_time.bursts import SPAN, WIDTH, find_bursts
from models.in_time.panel import Panel
from models.in_time.timing import bridged
from pipelines.evidence.table import DAY, REAL, TEXT, WHO, WHOLE, ModelTable, Rows
from pipelines.lake import Lake
from pipelines.panels import SECONDS_PER_DAY, WEEKLY, Positions, Ranking, cutting_breaks, votes_of

READS = ("stg_totals",)
DAYS = """
    SELECT min(CAST(valid_from AS DATE)), max(CAST(valid_from AS DATE)) FROM stg_totals WHERE platform = ? AND verb = ?
"""
PAGES = "SELECT DISTINCT page_key FROM stg_totals WHERE platform = ? AND verb = ? AND votes > 0 ORDER BY page_key"
GAP = """
    SELECT median(gap) FROM (
        SELECT CAST(valid_from AS DATE) - lag(CAST(valid_from AS DATE)) OVER (PARTITION BY page_key ORDER BY valid_from)
            AS gap
        FROM stg_totals WHERE platform = ? AND verb = ?
    ) WHERE gap > 0
"""


def build(lake: Lake) -> Rows:
    """One row per page, platform, verb and burst."""
    calendar = cutting_breaks(lake)
    with lake.connect(*READS) as con:
        pairs = con.execute("SELECT DISTINCT platform, verb FROM stg_totals ORDER BY ALL").fetchall()
        return [row for platform, verb in pairs for row in _rows(con, platform, verb, calendar)]


def _rows(con: duckdb.DuckDBPyConnection, platform: str, verb: str, calendar: tuple[Break, ...]) -> Rows:
    pages = _pages(con, platform, verb)
    if not pages.pages.size:
        return []
    panel = votes_of(con, pages, platform, verb, calendar)
    found, votes = find_bursts(panel), np.exp2(bridged(panel)) - 1
    order = np.lexsort((found.step, found.page))
    columns = (found.page[order].tolist(), found.step[order].tolist(), found.size[order].tolist())
    return [
        {"page_key": str(pages.pages[page]), "platform": platform, "verb": verb, "day": pages.days[step]}
        | {"doublings": size, "step_days": pages.step_days}
        | _votes(panel, votes[page], page, step)
        for page, step, size in zip(*columns, strict=True)
    ]


def _votes(panel: Panel, votes: NDArray[np.float64], page: int, step: int) -> dict[str, Any]:
    """What came in the days of a burst, and what came a day in the quiet time before."""
    level = float(votes[step - 1])
    past = np.arange(max(step - 1 - SPAN, 0), step - 1)
    past = past[np.isfinite(votes[past]) & (panel.ruler[page, past] == panel.ruler[page, step - 1])]
    days = (step - 1 - int(past[0])) * panel.step_days if past.size else 0
    return {
        "votes_before": round(level), "votes_gained": round(float(np.nanmax(votes[step : step + WIDTH])) - level),
        "usual_per_day": (level - float(votes[past[0]])) / days if days else None,
    }  # fmt: skip


def _pages(con: duckdb.DuckDBPyConnection, platform: str, verb: str) -> Positions:
    """Every page that had votes, without positions, as counts are asked for at the end of each day (or week)."""
    names = np.array([row[0] for row in con.execute(PAGES, [platform, verb]).fetchall()], dtype=str)
    first, last = con.execute(DAYS, [platform, verb]).fetchall()[0]
    step_days = 7 if (con.execute(GAP, [platform, verb]).fetchall()[0][0] or 1) >= WEEKLY else 1
    days = _days(first, last, step_days)
    end = np.array(days, dtype="datetime64[us]")
    end += np.timedelta64(SECONDS_PER_DAY * 1_000_000 * step_days - 1, "us")
    none, no_domain = np.zeros(0, np.int64), np.zeros(names.size, np.int64)
    return Positions(
        Ranking("", ""), none, none, none, np.zeros(0), names, no_domain, end, np.zeros(len(days), np.int64), 0,
        step_days, days,
    )  # fmt: skip


def _days(first: date, last: date, step_days: int) -> tuple[date, ...]:
    """First days of the steps, the last of which ends on the last day."""
    n = (last - first).days // step_days + 1
    return tuple(last - timedelta(days=step_days * (n - i) - 1) for i in range(n))


COLUMNS: dict[str, Any] = {
    "page_key": (TEXT, "Join key of the page."),
    "platform": WHO["platform"],
    "verb": WHO["verb"],
    "day": (DAY, "First day of the burst (UTC); where counts are read once a week, the first day of that week."),
    "votes_before": (WHOLE, "Votes at the end of the day before."),
    "votes_gained": (WHOLE, "Votes gained in the three days (or weeks) of the burst."),
    "doublings": (REAL, "The same as doublings of 1 + votes: the dose in the quasi-experiment."),
    "usual_per_day": (
        REAL, "Votes gained a day in the two weeks before, which have to be quiet; NULL where it is not known.",
    ),
    "step_days": (WHOLE, "Days in a step: 1, or 7 where counts are read once a week."),
}  # fmt: skip
TABLE = ModelTable(
    "page_bursts",
    "Bursts of votes: days on which a page gained votes suddenly, by the rule of the quasi-experiment (a doubling and "
    "five votes at least, far above what is usual for the page, after two quiet weeks), in rankings or not. One row "
    "per page, platform, verb and day.",
    COLUMNS,
    READS,
    build,
)
