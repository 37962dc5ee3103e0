"""The positions of pages in lists as a grid of steps, up to the last day: what a look for movers reads.

A list is one per series (keyword, country, language, device, source) and step, the last of it. How deep a series is
read is what nine in ten of its recent lists reach; shallower lists are left out, deeper ones cut. A page that such a
list does not hold was looked for and not found; a list that was not read says nothing. Averages are known where there
were impressions, and not being there says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from models.guards.breaks import Break, segments
from models.movers import DAILY, WEEKLY, Windows
from pipelines.panels import Ranking, usual_step

HISTORY_DAYS = 365
BLOCK = 2_000  # pages held as a table at once: a year of them fits the cache
COLUMNS = ("keyword", "country", "language", "device", "source", "page_key", "url")
SHALLOW = 0.1  # share of recent lists that may be shallower than the series is read

LISTS = """
    CREATE OR REPLACE TEMP TABLE lists AS
    WITH every AS (
        SELECT
            list_id, keyword, country, language, device, source, max(ranked_at) AS ranked_at,
            $steps - 1 - ($last - CAST(max(ranked_at) AS DATE)) // $step_days AS step,
            coalesce(max(depth), CAST(ceil(max(position)) AS BIGINT)) AS depth,
            dense_rank() OVER (ORDER BY keyword, country, language, device, source) - 1 AS series
        FROM serp_results
        WHERE engine = $engine AND rank_kind = $rank_kind AND CAST(ranked_at AS DATE) > $first
        GROUP BY list_id, keyword, country, language, device, source
    ),
    latest AS (
        SELECT * FROM every
        QUALIFY row_number() OVER (PARTITION BY series, step ORDER BY ranked_at DESC, list_id DESC) = 1
    )
    SELECT *, quantile_disc(depth, $shallow) FILTER (step >= $recent) OVER (PARTITION BY series) AS reach
    FROM latest
    QUALIFY $is_average OR depth >= reach
"""
CELLS = """
    CREATE OR REPLACE TEMP TABLE cells AS
    SELECT
        l.series, l.step, r.page_key, min(r.position) AS position, min(r.url) AS url,
        dense_rank() OVER (ORDER BY l.series, r.page_key) - 1 AS unit
    FROM lists AS l
    JOIN serp_results AS r USING (list_id)
    WHERE r.is_found AND ($is_average OR r.position <= l.reach) AND l.reach IS NOT NULL
    GROUP BY l.series, l.step, r.page_key
"""
UNITS = """
    WITH named AS (
        SELECT unit, any_value(series) AS series, any_value(page_key) AS page_key, arg_max(url, step) AS url
        FROM cells GROUP BY unit
    )
    SELECT n.series, s.keyword, s.country, s.language, s.device, s.source, n.page_key, n.url
    FROM named AS n
    JOIN (SELECT DISTINCT series, keyword, country, language, device, source FROM lists) AS s USING (series)
    ORDER BY n.unit
"""


@dataclass(frozen=True, eq=False)
class Grid:
    """Pages in series (U) over steps (T): what each is, and cells (n,) ordered by `unit`.

    `depth` (U,) is NaN where not being in a list says nothing; `has_list` (S, T) says of which series a list was read.
    """

    ranking: Ranking
    last_day: date
    step_days: int
    windows: Windows
    names: dict[str, list[Any]]
    series: NDArray[np.int64]
    depth: NDArray[np.float64]
    segment: NDArray[np.int64]
    has_list: NDArray[np.bool_]
    unit: NDArray[np.int64]
    step: NDArray[np.int64]
    position: NDArray[np.float64]

    def blocks(self) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        """Pages, some at a time, with their positions (B, T): `depth` + 1 if not found, NaN if not looked for."""
        for first in range(0, self.series.size, BLOCK):
            rows = slice(first, min(first + BLOCK, self.series.size))
            below = (self.depth[rows] + 1)[:, None]
            table = np.where(self.has_list[self.series[rows]], below, np.nan)
            a, b = np.searchsorted(self.unit, [rows.start, rows.stop])
            table[self.unit[a:b] - first, self.step[a:b]] = self.position[a:b]
            yield rows, table


def grid(con: duckdb.DuckDBPyConnection, ranking: Ranking, calendar: tuple[Break, ...]) -> Grid:
    """The last `HISTORY_DAYS` of one ranking."""
    step_days = usual_step(con, ranking)
    windows = DAILY if step_days == 1 else WEEKLY
    (last,) = con.execute(
        "SELECT max(CAST(ranked_at AS DATE)) FROM serp_results WHERE engine = ? AND rank_kind = ?", [*ranking]
    ).fetchall()[0]
    steps = HISTORY_DAYS // step_days
    is_average = ranking.rank_kind == "average"
    asked = ranking._asdict() | {"last": last, "first": last - timedelta(days=steps * step_days), "steps": steps}
    recent = steps - windows.last - windows.before
    con.execute(LISTS, asked | {"step_days": step_days, "recent": recent, "shallow": SHALLOW, "is_average": is_average})
    con.execute(CELLS, {"is_average": is_average})
    days = np.array([last - timedelta(days=step_days * n) for n in range(steps)][::-1], dtype="datetime64[D]")
    segment = segments(days, calendar, engine=ranking.engine, rank_kind=ranking.rank_kind)
    return Grid(ranking, last, step_days, windows, segment=segment, **_pages(con, is_average), **_cells(con, steps))


def _pages(con: duckdb.DuckDBPyConnection, is_average: bool) -> dict[str, Any]:
    """Who the pages are, their series and its depth."""
    found = con.execute(UNITS).fetchall()
    series = np.array([row[0] for row in found], dtype=np.int64)
    reach = dict(con.execute("SELECT DISTINCT series, reach FROM lists").fetchall())
    depth = [np.nan if is_average else float(reach[row[0]]) for row in found]
    names = {name: [row[n] for row in found] for n, name in enumerate(COLUMNS, start=1)}
    return {"names": names, "series": series, "depth": np.array(depth, dtype=np.float64)}


def _cells(con: duckdb.DuckDBPyConnection, steps: int) -> dict[str, Any]:
    """Where a list was read, and where it held which page."""
    lists = con.execute("SELECT series, step FROM lists").fetchnumpy()
    n_series = int(np.max(lists["series"], initial=-1)) + 1
    has_list = np.zeros((n_series, steps), dtype=bool)
    has_list[np.asarray(lists["series"], np.int64), np.asarray(lists["step"], np.int64)] = True
    cells = con.execute("SELECT unit, step, position FROM cells ORDER BY unit, step").fetchnumpy()
    kinds = {"unit": np.int64, "step": np.int64, "position": np.float64}
    return {"has_list": has_list} | {name: np.asarray(cells[name], kind) for name, kind in kinds.items()}
