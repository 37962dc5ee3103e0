"""Which pages' positions moved beyond noise, and beyond what comes of looking at many? (models/movers.py)"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.guards.multiplicity import adjust
from models.movers import LEVEL, Moves, Noise, can_tell, earlier, joined, moves, p_values
from pipelines.evidence.table import DAY, FLAG, REAL, TEXT, WHOLE, ModelTable, Rows
from pipelines.lake import Lake
from pipelines.panels import Ranking, cutting_breaks, rankings
from pipelines.series import Grid, grid

READS = ("serp_results", "stg_totals")
MOST_ROWS = 200  # beside the discoveries, by p


@dataclass(frozen=True, eq=False)
class Look:
    """What was looked at in one ranking: a row per page (m), their changes (m,), and the noise to hold them against."""

    ranking: Ranking
    last_day: date
    window_days: int
    rows: Rows
    change: NDArray[np.float64]
    before: NDArray[np.float64]
    noise: list[Noise]


def build(lake: Lake) -> Rows:
    """Every discovery, and the pages that come nearest to one."""
    rows: Rows = []
    looked = looks(lake)
    n_tests = sum(look.change.size for look in looked)
    for look in looked:
        p = p_values(look.change, look.before, look.noise, n_tests)
        is_enough = can_tell(look.noise, n_tests)
        rows += [row | {"p": float(x), "is_enough": is_enough} for row, x in zip(look.rows, p, strict=True)]
    q = adjust([row["p"] if row["is_enough"] else 1.0 for row in rows])  # looked at all the same, so they count
    rows = [row | _judged(float(x), row["is_enough"]) for row, x in zip(rows, q, strict=True)]
    rows.sort(key=lambda row: (np.nan_to_num(row["p"], nan=2.0), -abs(row["change"]), row["keyword"], row["page_key"]))
    return [row for n, row in enumerate(rows) if row["is_discovery"] or n < MOST_ROWS]


def _judged(q: float, is_enough: bool) -> dict[str, Any]:
    """What the past is too short for is unknown: on the stormiest of a few days, everything moves."""
    return {"q": q, "is_discovery": q <= LEVEL} if is_enough else {"q": None, "is_discovery": None}


def looks(lake: Lake) -> list[Look]:
    """The last days of every ranking against the weeks before."""
    calendar = cutting_breaks(lake)
    with lake.connect(*READS) as con:
        return [_look(grid(con, ranking, calendar)) for ranking in rankings(con)]


def _look(found: Grid) -> Look:
    rows: Rows = []
    parts: list[list[Noise]] = []
    change: list[NDArray[np.float64]] = [np.zeros(0)]
    before: list[NDArray[np.float64]] = [np.zeros(0)]
    for block, position in found.blocks():
        moved = moves(position, found.depth[block], found.segment, found.windows)
        parts.append(earlier(moved, found.windows))
        tested = np.flatnonzero(np.isfinite(moved.change[:, -1]))
        change.append(moved.change[tested, -1])
        before.append(moved.before[tested, -1])
        rows += [_row(found, moved, int(n), block.start) for n in tested]
    window = found.windows.last * found.step_days
    return Look(
        found.ranking, found.last_day, window, rows, np.concatenate(change), np.concatenate(before), joined(parts)
    )


def _row(found: Grid, moved: Moves, n: int, first: int) -> dict[str, Any]:
    """One page of a block that begins with page `first`."""
    unit = first + n
    is_left, is_entered = bool(moved.is_left[n, -1]), bool(moved.is_entered[n, -1])
    depth = found.depth[unit]
    return found.ranking._asdict() | {name: column[unit] for name, column in found.names.items()} | {
        "day": found.last_day, "window_days": found.windows.last * found.step_days, "is_left": is_left,
        "position": None if is_left else float(moved.position[n, -1]), "is_entered": is_entered,
        "position_before": None if is_entered else float(moved.before[n, -1]),
        "change": float(moved.change[n, -1]), "depth": None if np.isnan(depth) else int(depth),
        "n_before": int(moved.n_before[n, -1]),
    }  # fmt: skip


COLUMNS: dict[str, Any] = {
    "keyword": (TEXT, "The keyword, in lower case."),
    "engine": (TEXT, "Search engine or ranking."),
    "country": (TEXT, "Country of the search; NULL where the source does not say."),
    "language": (TEXT, "Language of the search; NULL where the source does not say."),
    "device": (TEXT, "Device of the search; NULL where the source does not say."),
    "rank_kind": (TEXT, 'What "position" means.'),
    "source": (TEXT, "Where the lists come from."),
    "page_key": (TEXT, "Join key of the page."),
    "url": (TEXT, "The page's address, as the last list that held it wrote it."),
    "day": (DAY, "Last day looked at."),
    "position": (
        REAL,
        "Mean position in the lists of the last days; one that did not hold the page counts as depth + 1. NULL if none "
        "held it.",
    ),
    "position_before": (REAL, "The same over the weeks before; NULL if no list held the page then."),
    "change": (
        REAL,
        "Positions gained, plus = better. At least that many where the page left or entered the first `depth` results: "
        "it is counted as depth + 1 when it was not among them.",
    ),
    "is_entered": (FLAG, "Whether no list of the weeks before held the page: it entered the first `depth` results."),
    "is_left": (FLAG, "Whether no list of the last days held the page: it left the first `depth` results."),
    "depth": (WHOLE, "How deep the lists were read; NULL for averages, where not being there says nothing."),
    "n_before": (WHOLE, "Lists read in the weeks before, since the last break."),
    "p": (
        REAL,
        "How often pages at such places moved as much at earlier moments; NULL without earlier moments.",
    ),
    "q": (
        REAL,
        "False discovery rate (Benjamini-Hochberg) at which it would be called a finding, over all pages looked at; "
        "NULL where the past is too short to tell.",
    ),
    "is_discovery": (FLAG, "Whether it is beyond noise at 5 %; NULL where the past is too short to tell."),
    "window_days": (WHOLE, "Days at the end that were compared with those before."),
}
TABLE = ModelTable(
    "movers",
    "The movers: pages whose mean position of the last days differs from that of the weeks before by more than pages "
    "at such places usually move, over all pages looked at. Every discovery, and the 200 pages with the smallest p. "
    "Nothing is compared across a break. One row per page, keyword with its market and source, engine and kind of "
    "position.",
    COLUMNS,
    READS,
    build,
)
