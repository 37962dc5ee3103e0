"""The history an experiment is designed from and scored by: capped positions per page, list and day; votes per page.

A page that a list does not hold stands at depth + 1 if the list was read that deep, else its place is unknown. How
deep a list was read is what its source says, or, where it says nothing, the number of its results if they fill every
place from the first on. Lists read less deep than the experiment's depth are left out as a whole: there, only the
pages that stand high would be known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from connectors.errors import TallyrankError
from models.trials.experiment import Floats
from pipelines.experiment.plan import ResultList
from pipelines.lake import Lake

UNKNOWN_DEPTH = 100  # positions are cut here where no list says how deep it was read
LISTS = """
    SELECT
        list_id, keyword, country, language, device, source, CAST(ranked_at AS DATE) AS day,
        coalesce(
            max(depth), CASE WHEN rank_kind <> 'average' AND count(position) = max(position) THEN max(position) END
        ) AS depth
    FROM serp_results
    WHERE engine = ? AND rank_kind = ?
    GROUP BY list_id, keyword, country, language, device, source, ranked_at, rank_kind
"""
PLACES = """
    SELECT w.row_id, l.day, avg(CASE WHEN p.position <= ? THEN p.position
        WHEN p.position IS NOT NULL OR l.depth IS NOT NULL THEN ? + 1 END) AS place
    FROM watched AS w
    JOIN rulers AS u ON u.ruler = w.ruler
    JOIN lists AS l ON l.keyword = u.keyword AND l.country IS NOT DISTINCT FROM u.country
        AND l.language IS NOT DISTINCT FROM u.language AND l.device IS NOT DISTINCT FROM u.device
        AND l.source IS NOT DISTINCT FROM u.source
    LEFT JOIN (
        SELECT list_id, page_key, min(position) AS position FROM serp_results
        WHERE page_key IN (SELECT page_key FROM watched) GROUP BY list_id, page_key
    ) AS p ON p.list_id = l.list_id AND p.page_key = w.page_key
    WHERE l.day BETWEEN ? AND ? AND coalesce(l.depth >= ?, true)
    GROUP BY w.row_id, l.day
"""
VOTES = """
    SELECT page, step, votes, basis, n_resets, valid_from FROM (
        SELECT k.page, m.step, t.votes, t.basis, t.n_resets, t.valid_from,
            row_number() OVER (
                PARTITION BY k.page, m.step ORDER BY CASE WHEN t.votes IS NULL THEN 1 ELSE 0 END, t.basis
            ) AS choice
        FROM keys AS k
        JOIN stg_totals AS t ON t.page_key = k.page_key AND t.platform = ? AND t.verb = ?
        JOIN moments AS m ON t.valid_from <= m.moment AND m.moment < t.valid_to
    ) WHERE choice = 1
"""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A page that ranks: its key, an address and the lists in which it does."""

    key: str
    url: str
    lists: tuple[ResultList, ...]


@contextmanager
def opened(lake: Lake, engine: str, rank_kind: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with the lists of one engine and kind of position as `lists`."""
    with _connected(lake) as con:
        con.execute(f"CREATE TEMP TABLE lists AS {LISTS}", [engine, rank_kind])
        yield con


def _connected(lake: Lake) -> duckdb.DuckDBPyConnection:
    if not lake.table_path("serp_results").exists():
        raise TallyrankError(f"{lake.root} holds no table of rankings yet; run `tallyrank analyze` first")
    return lake.connect("serp_results", "stg_totals", "aliases")


def chosen_kind(lake: Lake, engine: str | None, rank_kind: str | None) -> tuple[str, str]:
    """The engine and kind of position meant; raises TallyrankError when the history holds none, or several."""
    with _connected(lake) as con:
        found = con.execute("SELECT DISTINCT engine, rank_kind FROM serp_results ORDER BY ALL").fetchall()
    kinds: list[tuple[str, str]] = [k for k in found if engine in (None, k[0]) and rank_kind in (None, k[1])]
    if len(kinds) == 1:
        return kinds[0]
    there = ", ".join(f"{e} ({k})" for e, k in found) or "no rankings at all"
    raise TallyrankError(f"choose one kind of ranking with --engine and --rank-kind; the history holds {there}")


def last_day(con: duckdb.DuckDBPyConnection) -> date | None:
    """The last day with a list."""
    row = con.execute("SELECT max(day) FROM lists").fetchone()
    return row[0] if row else None


def first_day(con: duckdb.DuckDBPyConnection) -> date | None:
    """The first day with a list."""
    row = con.execute("SELECT min(day) FROM lists").fetchone()
    return row[0] if row else None


def usual_depth(con: duckdb.DuckDBPyConnection, since: date) -> int:
    """A depth that 95 % of the recent lists reach; UNKNOWN_DEPTH where none says how deep it was read."""
    row = con.execute("SELECT quantile_disc(depth, 0.05) FROM lists WHERE day >= ?", [since]).fetchone()
    return int(row[0]) if row and row[0] is not None else UNKNOWN_DEPTH


def usual_days(con: duckdb.DuckDBPyConnection, since: date) -> int:
    """On how many days since then a list is usually read (median)."""
    by_list = (
        "SELECT count(DISTINCT day) AS n FROM lists WHERE day >= ? GROUP BY keyword, country, language, device, source"
    )
    row = con.execute(f"SELECT quantile_disc(n, 0.5) FROM ({by_list})", [since]).fetchone()
    return int(row[0]) if row and row[0] is not None else 0


def candidates(con: duckdb.DuckDBPyConnection, since: date, depth: int, min_days: int) -> list[Candidate]:
    """Pages found down to the depth in a list on at least `min_days` days since then, ordered by key."""
    columns = ", ".join(f"l.{name}" for name in ResultList.model_fields)
    rows = con.execute(
        f"SELECT r.page_key, max(r.url), {columns} FROM serp_results r JOIN lists l ON l.list_id = r.list_id "
        f"WHERE l.day >= ? AND r.position <= ? GROUP BY r.page_key, {columns} HAVING count(DISTINCT l.day) >= ? "
        "ORDER BY ALL",
        [since, depth, min_days],
    ).fetchall()
    found: dict[str, tuple[str, list[ResultList]]] = {}
    for key, url, *ruler in rows:
        names = dict(zip(ResultList.model_fields, ruler, strict=True))
        found.setdefault(key, (url, []))[1].append(ResultList(**names))
    return [Candidate(key, url, tuple(lists)) for key, (url, lists) in found.items()]


def current_keys(con: duckdb.DuckDBPyConnection, keys: Sequence[str]) -> list[str]:
    """Each key, or where a redirect or canonical address has since become known, the key it leads to."""
    known = dict(con.execute("SELECT from_key, max(to_key) FROM aliases GROUP BY from_key").fetchall())
    return [known.get(key, key) for key in keys]


def places(
    con: duckdb.DuckDBPyConnection,
    rulers: Sequence[ResultList],
    rows: Sequence[tuple[str, int]],
    days: tuple[date, date],
    depth: int,
) -> Floats:
    """Capped positions (rows, days) of (page key, number of its list) from the first day to the last, NaN unknown."""
    names = ("row_id", "page_key", "ruler")
    _temporary(con, "rulers", ("ruler", *ResultList.model_fields), ((i, *_values(r)) for i, r in enumerate(rulers)))
    _temporary(con, "watched", names, ((i, *row) for i, row in enumerate(rows)))
    answer = con.execute(PLACES, [depth, depth, *days, depth]).fetchnumpy()
    found = np.full((len(rows), (days[1] - days[0]).days + 1), np.nan)
    step = (answer["day"].astype("datetime64[D]") - np.datetime64(days[0])).astype(int)
    found[answer["row_id"], step] = np.ma.filled(answer["place"].astype(np.float64), np.nan)
    return found


def _values(ruler: ResultList) -> tuple[Any, ...]:
    return tuple(getattr(ruler, name) for name in ResultList.model_fields)


def _temporary(
    con: duckdb.DuckDBPyConnection, name: str, columns: Iterable[str], rows: Iterable[tuple[Any, ...]]
) -> None:
    """A temporary table of some rows of ours; texts where a whole column is unknown."""
    numbers = {"row_id", "ruler", "page", "step"}
    fields = [
        (c, pa.int64() if c in numbers else pa.timestamp("us", tz="UTC") if c == "moment" else pa.string())
        for c in columns
    ]
    table = pa.Table.from_pylist([dict(zip(columns, row, strict=True)) for row in rows], schema=pa.schema(fields))
    con.register("arriving", table)
    con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM arriving")
    con.unregister("arriving")


def votes(con: duckdb.DuckDBPyConnection, keys: Sequence[str], of: tuple[str, str], days: tuple[date, date]) -> Floats:
    """Votes (pages, days) of a platform and verb as known at the start of each day; NaN where unknown."""
    n_days = (days[1] - days[0]).days + 1
    found = np.full((len(keys), n_days), np.nan)
    for page, step, count, *_ in _known(con, keys, of, [days[0] + timedelta(days=i) for i in range(n_days)]):
        found[page, step] = np.nan if count is None else count
    return found


def growth(con: duckdb.DuckDBPyConnection, keys: Sequence[str], of: tuple[str, str], start: date, end: date) -> Floats:
    """Votes gained (pages,) from the start of one day to the end of another.

    NaN without a known total at both moments, without a reading in between, or across a reset.
    """
    at = {0: {}, 1: {}}  # type: dict[int, dict[int, Any]]
    for page, step, *state in _known(con, keys, of, [start, end + timedelta(days=1)]):
        at[step][page] = state
    gained = np.full(len(keys), np.nan)
    for page in at[0].keys() & at[1].keys():
        (before, basis, resets, _), (after, new_basis, new_resets, read_at) = at[0][page], at[1][page]
        is_new = read_at >= _midnight(start)
        if None not in (before, after) and (basis, resets) == (new_basis, new_resets) and is_new:
            gained[page] = after - before
    return gained


def _known(
    con: duckdb.DuckDBPyConnection, keys: Sequence[str], of: tuple[str, str], starts: Sequence[date]
) -> list[tuple[Any, ...]]:
    tables = con.execute("SELECT 1 FROM duckdb_views() WHERE view_name = 'stg_totals'").fetchall()
    if not tables:
        return []
    _temporary(con, "keys", ("page", "page_key"), enumerate(keys))
    _temporary(con, "moments", ("step", "moment"), ((i, _midnight(day)) for i, day in enumerate(starts)))
    return con.execute(VOTES, list(of)).fetchall()


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
