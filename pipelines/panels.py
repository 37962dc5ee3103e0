"""The tables of the lake as panels: positions of pages day by day, and the votes known of them at each moment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, NamedTuple

import duckdb
import numpy as np
from numpy.typing import NDArray

from connectors.urls import registrable_domain
from models.guards.breaks import Break, segments
from models.in_time.panel import Panel
from pipelines import breaks
from pipelines.lake import Lake

TABLES = ("serp_results", "stg_totals")
SHARE_OF_LISTS = 0.5  # a page takes part in a keyword if it is in at least this share of its lists
DEPTH_SHARE = 0.1  # lists shallower than nine in ten of the others are left out
WEEKLY = 4  # days between lists, or readings, from which on steps are weeks
SECONDS_PER_DAY = 86_400
STALE_STEPS = 3  # a reading older than this many steps is not the count of today
ACROSS = "TALLYRANK_ACROSS_BREAKS"


class Ranking(NamedTuple):
    """An engine and what its positions mean."""

    engine: str
    rank_kind: str


@dataclass(frozen=True, eq=False)
class Positions:
    """The rows of one ranking in steps; pages by name."""

    ranking: Ranking
    keyword: NDArray[np.int64]
    page: NDArray[np.int64]
    step: NDArray[np.int64]
    position: NDArray[np.float64]
    pages: NDArray[Any]
    domain: NDArray[np.int64]
    moments: NDArray[np.datetime64]
    segment: NDArray[np.int64]
    depth: int
    step_days: int
    days: tuple[date, ...]


def rankings(con: duckdb.DuckDBPyConnection) -> list[Ranking]:
    """Every engine and kind of position there is."""
    rows = con.execute("SELECT DISTINCT engine, rank_kind FROM serp_results ORDER BY ALL").fetchall()
    return [Ranking(*row) for row in rows]


def panels(lake: Lake) -> Iterator[tuple[Ranking, str, str, Panel | str]]:
    """One panel per ranking, platform and verb, or in words why there is none."""
    calendar = cutting_breaks(lake)
    with lake.connect(*TABLES) as con:
        pairs = con.execute("SELECT DISTINCT platform, verb FROM stg_totals ORDER BY ALL").fetchall()
        for ranking in rankings(con):
            found = positions(con, ranking, calendar, usual_step(con, ranking))
            for platform, verb in pairs:
                if _asked_about(con, ranking, platform, verb):
                    made = found if isinstance(found, str) else votes_of(con, found, platform, verb, calendar)
                    yield ranking, platform, verb, made


def cutting_breaks(lake: Lake) -> tuple[Break, ...]:
    """Breaks that split series: all of the calendar but those one asks to look across."""
    across = {name.strip() for name in os.environ.get(ACROSS, "").split(",")}
    if "all" in across:
        return ()
    return tuple(b for b in calendar(lake) if b.id not in across)


def calendar(lake: Lake) -> tuple[Break, ...]:
    """All breaks of the data folder's calendar, which may name any platform of which there are votes."""
    with lake.connect("stg_totals") as con:
        names = [row[0] for row in con.execute("SELECT DISTINCT platform FROM stg_totals").fetchall()]
    return breaks.load(breaks.calendar_of(lake.root), names)


def _asked_about(con: duckdb.DuckDBPyConnection, ranking: Ranking, platform: str, verb: str) -> bool:
    """Whether any result of the ranking is a page whose votes were read."""
    query = (
        "SELECT count(*) FROM (SELECT 1 FROM serp_results r JOIN stg_totals t ON t.page_key = r.page_key "
        "WHERE r.engine = ? AND r.rank_kind = ? AND t.platform = ? AND t.verb = ? LIMIT 1)"
    )
    return bool(con.execute(query, [*ranking, platform, verb]).fetchall()[0][0])


def usual_step(con: duckdb.DuckDBPyConnection, ranking: Ranking) -> int:
    """1, or 7 where lists or readings come about once a week."""
    gaps = con.execute(
        """
        WITH lists AS (
            SELECT DISTINCT keyword_id AS who, CAST(ranked_at AS DATE) AS day FROM serp_results
            WHERE engine = ? AND rank_kind = ?
        ),
        readings AS (
            SELECT DISTINCT page_key AS who, CAST(valid_from AS DATE) AS day FROM stg_totals
            WHERE page_key IN (SELECT page_key FROM serp_results WHERE engine = ? AND rank_kind = ?)
        )
        SELECT median(gap) FROM (SELECT day - lag(day) OVER (PARTITION BY who ORDER BY day) AS gap FROM lists)
        UNION ALL
        SELECT median(gap) FROM (SELECT day - lag(day) OVER (PARTITION BY who ORDER BY day) AS gap FROM readings)
        """,
        [*ranking, *ranking],
    ).fetchall()
    return 7 if max((row[0] or 1 for row in gaps), default=1) >= WEEKLY else 1


def positions(
    con: duckdb.DuckDBPyConnection, ranking: Ranking, calendar: tuple[Break, ...], step_days: int
) -> Positions | str:
    """Rows of one ranking, capped at its depth; a string says why there are none."""
    con.execute("DROP TABLE IF EXISTS looked")
    con.execute(
        """
        CREATE TEMP TABLE looked AS
        WITH found AS (
            SELECT
                dense_rank() OVER (ORDER BY keyword_id, country, language, device, source) - 1 AS series,
                CAST(ranked_at AS DATE) - (SELECT min(CAST(ranked_at AS DATE)) FROM serp_results
                    WHERE engine = $1 AND rank_kind = $2) AS day,
                list_id, page_key, url, position, depth, ranked_at
            FROM serp_results WHERE engine = $1 AND rank_kind = $2
        ),
        reach AS (
            SELECT list_id, coalesce(max(depth), CAST(ceil(max(position)) AS BIGINT)) AS depth
            FROM found GROUP BY list_id
        )
        SELECT f.series, f.day // $3 AS step, f.list_id, f.page_key, f.url, f.position, r.depth, f.ranked_at
        FROM found f JOIN reach r USING (list_id)
        QUALIFY f.list_id = last_value(f.list_id) OVER (
            PARTITION BY f.series, f.day // $3 ORDER BY f.ranked_at, f.list_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        )
        """,
        [*ranking, step_days],
    )
    is_average = ranking.rank_kind == "average"
    depth = _depth(con, is_average)
    if depth is None:
        return "no list of this ranking holds a result"
    rows = _rows(con, depth, is_average)
    if not rows["series"].size:
        return "no page is in half of the lists of its keyword"
    first, last = con.execute(
        "SELECT min(CAST(ranked_at AS DATE)), max(CAST(ranked_at AS DATE)) FROM serp_results "
        "WHERE engine = ? AND rank_kind = ?", [*ranking],
    ).fetchall()[0]  # fmt: skip
    steps = (last - first).days // step_days + 1
    days = tuple(first + timedelta(days=step_days * i) for i in range(steps))
    pages, page = np.unique(rows["page_key"].astype(str), return_inverse=True)
    url = np.empty(pages.size, dtype=object)
    url[page] = rows["url"]
    _, domain = np.unique([registrable_domain(str(u)) or str(u) for u in url], return_inverse=True)
    return Positions(
        ranking, rows["series"].astype(np.int64), page.astype(np.int64), rows["step"].astype(np.int64),
        rows["position"].astype(np.float64), pages, domain.astype(np.int64), _moments(con, days, step_days),
        segments(_dates(days), calendar, engine=ranking.engine, rank_kind=ranking.rank_kind), depth, step_days, days,
    )  # fmt: skip


def _dates(days: tuple[date, ...]) -> NDArray[np.datetime64]:
    return np.array(days, dtype="datetime64[D]")


def _depth(con: duckdb.DuckDBPyConnection, is_average: bool) -> int | None:
    """How deep nearly all lists reach."""
    share = 1.0 if is_average else DEPTH_SHARE
    found = con.execute(
        f"SELECT quantile_disc(depth, {share}) FROM (SELECT DISTINCT list_id, depth FROM looked) "
        "WHERE depth IS NOT NULL"
    ).fetchall()[0][0]
    return None if found is None else int(found)


def _rows(con: duckdb.DuckDBPyConnection, depth: int, is_average: bool) -> dict[str, NDArray[Any]]:
    """Rows of pages that take part, with depth + 1 where a page was not found (an average says nothing then)."""
    join = "JOIN" if is_average else "LEFT JOIN"
    found = con.execute(
        f"""
        WITH good AS (SELECT DISTINCT series, step, list_id FROM looked WHERE depth >= {1 if is_average else depth}),
        best AS (
            SELECT list_id, page_key, min(position) AS position, min(url) AS url FROM looked
            WHERE position <= {depth} GROUP BY list_id, page_key
        ),
        lists AS (SELECT series, count(*) AS n FROM good GROUP BY series),
        part AS (
            SELECT g.series, b.page_key, min(b.url) AS url FROM good g JOIN best b USING (list_id)
            JOIN lists l ON l.series = g.series
            GROUP BY g.series, b.page_key, l.n HAVING count(*) >= {SHARE_OF_LISTS} * l.n
        )
        SELECT g.series, g.step, p.page_key, p.url, coalesce(b.position, {depth + 1}) AS position
        FROM good g JOIN part p USING (series) {join} best b ON b.list_id = g.list_id AND b.page_key = p.page_key
        ORDER BY g.series, g.step, p.page_key
        """
    ).fetchnumpy()
    return {name: np.asarray(column) for name, column in found.items()}


def _moments(con: duckdb.DuckDBPyConnection, days: tuple[date, ...], step_days: int) -> NDArray[np.datetime64]:
    """When the lists of each step were read (T,); where none was, at the usual time of day."""
    seconds = con.execute(f"SELECT median(epoch(ranked_at) % {SECONDS_PER_DAY}) FROM looked").fetchall()[0][0]
    usual = np.array(days, dtype="datetime64[us]")
    usual += np.timedelta64((step_days - 1) * SECONDS_PER_DAY + int(seconds or 0), "s")
    rows = con.execute("SELECT step, max(epoch_us(ranked_at)) FROM looked GROUP BY step").fetchall()
    for step, us in rows:
        usual[step] = np.datetime64(us, "us")
    return usual


def votes_of(
    con: duckdb.DuckDBPyConnection, found: Positions, platform: str, verb: str, calendar: tuple[Break, ...]
) -> Panel:
    """The panel of one platform and verb: counts as of each moment, not older than `STALE_STEPS` steps."""
    totals = con.execute(
        """
        WITH mine AS (SELECT * FROM stg_totals WHERE platform = ? AND verb = ?),
        basis AS (SELECT page_key, min(basis) AS basis FROM mine WHERE votes IS NOT NULL GROUP BY page_key)
        SELECT
            m.page_key, epoch_us(m.valid_from) AS since, m.votes, m.n_blind,
            m.n_resets + m.n_late AS n_breaks
        FROM mine m JOIN basis USING (page_key, basis) ORDER BY m.page_key, m.valid_from
        """,
        [platform, verb],
    ).fetchnumpy()
    votes, ruler = _as_of(totals, found)
    cut = segments(_dates(found.days), calendar, platform=platform, verb=verb)
    return Panel(
        found.keyword, found.page, found.step, found.position, votes, ruler + cut[None, :] * 10**9, found.segment,
        found.domain, found.depth, found.step_days,
    )  # fmt: skip


def _as_of(totals: dict[str, Any], found: Positions) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Votes (P, T), NaN where unknown or stale, and the ruler (P, T) they were read with."""
    shape = (found.pages.size, found.moments.size)
    votes, ruler = np.full(shape, np.nan), np.zeros(shape, dtype=np.int64)
    names = np.asarray(totals["page_key"]).astype(str)
    since = np.asarray(totals["since"], dtype=np.int64)
    count = np.ma.filled(np.ma.asarray(totals["votes"]).astype(np.float64), np.nan)
    code = np.asarray(totals["n_breaks"], dtype=np.int64) * 1000 + np.minimum(np.asarray(totals["n_blind"]), 999)
    first, last = np.searchsorted(names, found.pages, "left"), np.searchsorted(names, found.pages, "right")
    moments = found.moments.astype(np.int64)
    oldest = moments - STALE_STEPS * found.step_days * SECONDS_PER_DAY * 1_000_000
    for page, (a, b) in enumerate(zip(first, last, strict=True)):
        if a < b:
            at = a + np.searchsorted(since[a:b], moments, "right") - 1
            is_known = (at >= a) & (since[np.maximum(at, a)] >= oldest)
            votes[page, is_known] = count[at[is_known]]
            ruler[page] = code[np.maximum(at, a)]
    return votes, ruler
