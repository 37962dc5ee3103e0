"""What the mail reads from the published warehouse, which is opened read-only."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb

from dashboards.reading import mappings
from dashboards.report import Contents, read_contents
from dashboards.words import SERIES, Row

PATH_DAYS = 28
MOST_MOVERS = 3
FRESH_DAYS = 2
SAME = (*SERIES, "page_key")

MOVERS = "SELECT * FROM movers WHERE is_discovery ORDER BY q, abs(change) DESC NULLS LAST, keyword, page_key"
LOOKS = "SELECT * FROM mover_looks ORDER BY engine, rank_kind"
POSITIONS = f"""
    SELECT CAST(ranked_at AS DATE) AS day, min(position) AS position, bool_or(is_found) AS is_found, max(depth) AS depth
    FROM serp_results
    WHERE {" AND ".join(f"{name} IS NOT DISTINCT FROM $" + name for name in SAME)}
        AND CAST(ranked_at AS DATE) BETWEEN $first_day AND $last_day
    GROUP BY CAST(ranked_at AS DATE)
    ORDER BY day
"""


@dataclass(frozen=True)
class Facts:
    """What the warehouse says. `history` and `movers` are None where it holds no such table. `unseen` are the rankings
    whose past is too short to tell a move from noise, `n_looks` is the number of all that were looked at.

    `movers` are those that the readers do not know yet, the surest first; `paths` holds, for each of the first
    `MOST_MOVERS`, its readings of the last weeks: day, position (None: not found down to `depth`).
    """

    contents: Contents
    history: Sequence[Row] | None
    movers: Sequence[Row] | None
    paths: Sequence[Sequence[Row]]
    unseen: Sequence[Row] = ()
    n_looks: int = 0

    @property
    def as_of(self) -> date | None:
        """Day of the newest result list."""
        last = self.contents.facts["last_list"]
        return last.date() if last else None

    @property
    def last_look(self) -> date | None:
        """The newest day on which any source was read, well or not."""
        return max((s["last_day"] for s in self.contents.sources), default=None)

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been read or imported: no source, no list, no reading."""
        counts = self.contents.facts
        return not (self.contents.sources or counts["lists"] or counts["readings"] or counts["failed_readings"])


def read_facts(warehouse: Path, known: Collection[str] = ()) -> Facts:
    """Everything that a mail may tell to readers who know some movers (by `mover_key`)."""
    contents = read_contents(warehouse)
    with duckdb.connect(str(warehouse), read_only=True) as con:
        con.execute("SET TimeZone = 'UTC'")
        there = {row["name"] for row in _rows(con, "SHOW TABLES")}
        history = _rows(con, "SELECT * FROM verdict_history ORDER BY as_of_day") if "verdict_history" in there else None
        movers = _fresh(_rows(con, MOVERS), known) if "movers" in there else None
        looks = _rows(con, LOOKS) if "mover_looks" in there else []
        paths = [_path(con, mover) for mover in (movers or ())[:MOST_MOVERS]]
    unseen = [look for look in looks if not look["has_enough_past"]]
    return Facts(contents, history, movers, paths, unseen, len(looks))


def _fresh(movers: Sequence[Row], known: Collection[str]) -> list[Row]:
    """Movers of the newest lists (a page of a list that is read no more does not move) that are not known."""
    newest = max((m["day"] for m in movers), default=None)
    return [m for m in movers if (newest - m["day"]).days <= FRESH_DAYS and mover_key(m) not in known]


def mover_key(row: Row) -> str:
    """What moved which way, as one text."""
    way = "left" if row["is_left"] else "entered" if row["is_entered"] else "up" if row["change"] > 0 else "down"
    return json.dumps([*(row[name] for name in SAME), way], ensure_ascii=False)


def _path(con: duckdb.DuckDBPyConnection, mover: Row) -> list[Row]:
    first = mover["day"] - timedelta(days=PATH_DAYS - 1)
    return _rows(con, POSITIONS, {n: mover[n] for n in SAME} | {"first_day": first, "last_day": mover["day"]})


def _rows(con: duckdb.DuckDBPyConnection, query: str, values: dict[str, Any] | None = None) -> list[Row]:
    return [*mappings(con.execute(query, values or {}))]
