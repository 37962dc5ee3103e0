"""Small makers of readings, results and lakes; moments are written as days since `START`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from connectors.records import (
    OBSERVATION_SCHEMA,
    RANKING_SCHEMA,
    Basis,
    Observation,
    Quality,
    Ranking,
    Status,
    to_table,
)
from pipelines import sqlfile
from pipelines.lake import ALIAS_SCHEMA, Lake, Part

START = datetime(2026, 1, 1, tzinfo=UTC)
LIST_DAY = 30
PAGE = "https://example.com/a"


def at(day: float) -> datetime:
    """The moment so many days after `START`."""
    return START + timedelta(days=day)


def key(url: str | None) -> str | None:
    """A join key as good as any: without scheme and without the last slash."""
    return None if url is None else url.partition("://")[2].rstrip("/")


def seen(day: float, count: int | Status | None, post: str | None = None, **more: Any) -> Observation:
    """A reading of likes on Reddit: of a post if one is named, else a page total; a Status in place of a count."""
    status = count if isinstance(count, Status) else Status.OBSERVED
    known = {
        "platform": "reddit", "verb": "like", "url": PAGE, "observed_at": at(day), "status": status,
        "count": None if isinstance(count, Status) else count, "object_id": post,
        "basis": Basis.POST if post else Basis.PAGE, "quality": Quality.EXACT,
    }  # fmt: skip
    return Observation(**known | more)


def searched(day: float, count: int | Status | None = 0, **more: Any) -> Observation:
    """A search for posts that found none, or that went wrong."""
    return seen(day, count, basis=Basis.POST, **more)


def result(day: float = LIST_DAY, url: str = PAGE, position: float | None = 1, **more: Any) -> Ranking:
    """One result of the list "shoes"; without a position it was looked for and not found."""
    known = {"keyword": "shoes", "url": url, "ranked_at": at(day), "position": position, "found": position is not None}
    return Ranking(**known | more)


def observation_table(readings: Iterable[Observation]) -> pa.Table:
    """Readings as the lake keeps them."""
    rows = list(readings)
    return to_table(rows, OBSERVATION_SCHEMA, url_key=[key(r.url) for r in rows])


def ranking_table(results: Iterable[Ranking]) -> pa.Table:
    """Results as the lake keeps them."""
    rows = list(results)
    return to_table(rows, RANKING_SCHEMA, url_key=[key(r.url) for r in rows])


def part(layer: str, day: int = 0, connector: str = "test", stream: str = "all") -> Part:
    """The name of a file of the lake."""
    return Part(layer, connector, stream, date(2026, 1, 1) + timedelta(days=day))


def fill(
    folder: Path,
    readings: Iterable[Observation] = (),
    results: Iterable[Ranking] = (),
    aliases: dict[str, str] | None = None,
) -> Lake:
    """A lake with all readings in one file and all results in another."""
    lake = Lake(folder)
    lake.write(part("observations"), observation_table(readings))
    lake.write(part("rankings"), ranking_table(results))
    if aliases:
        lake.write(part("aliases"), alias_table(aliases))
    return lake


def alias_table(aliases: dict[str, str]) -> pa.Table:
    """Redirects, by key."""
    kinds = ["redirect"] * len(aliases)
    return pa.table({"from_key": list(aliases), "to_key": list(aliases.values()), "kind": kinds}, schema=ALIAS_SCHEMA)


def made(lake: Lake) -> Lake:
    """The same lake with the table of every SQL file, made quickly: in one connection and without audits."""
    lake.table_path("x").parent.mkdir(parents=True, exist_ok=True)
    with lake.connect() as con:
        for table in sqlfile.tables().values():
            target = str(lake.table_path(table.name)).replace("'", "''")
            con.execute(f"CREATE OR REPLACE TABLE made AS {table.query}")
            con.execute(f"COPY made TO '{target}' (FORMAT parquet)")
            con.execute(f"CREATE OR REPLACE VIEW {table.name} AS FROM {lake.file(lake.table_path(table.name))}")
    return lake


def built(lake: Lake) -> Lake:
    """The same lake with every table of the SQL files made and audited."""
    for table in sqlfile.tables().values():
        sqlfile.build(lake, table)
    return lake


def rows(source: Lake | duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    """The answer to a query, by column name."""
    if isinstance(source, Lake):
        with source.connect() as con:
            return rows(con, query)
    cursor = source.execute(query)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def votes_in_memory(
    readings: Iterable[Observation],
    results: Iterable[Ranking],
    aliases: dict[str, str] | None = None,
    *,
    is_audited: bool = False,
    table: str = "serp_votes",
    order: str = "ranked_at, url, platform, verb",
) -> list[dict[str, Any]]:
    """`serp_votes` (or another table), made by the shipped SQL in memory: quick enough for many small lakes."""
    with duckdb.connect(config={"threads": 1}) as con:
        con.execute("SET TimeZone = 'UTC'")
        sources = {
            "observations": observation_table(readings),
            "rankings": ranking_table(results),
            "aliases": alias_table(aliases or {}),
        }
        for name, source in sources.items():
            con.register("arrow", source)
            place = "'test' AS connector, 'all' AS stream, DATE '2026-01-01' AS day"
            con.execute(f"CREATE TABLE {name} AS SELECT *, {place} FROM arrow")
            con.unregister("arrow")
        for each in needed_by(table):
            con.execute(f"CREATE TABLE {each.name} AS {each.query}")
            if is_audited:
                sqlfile.audit(con, each, each.name)
        return rows(con, f"FROM {table} ORDER BY {order}")


def needed_by(name: str) -> list[sqlfile.SqlTable]:
    """A table and all tables that it is made from, each after those it reads."""
    needed = {name}
    for each in reversed(sqlfile.tables().values()):
        if each.name in needed:
            needed |= each.reads
    return [each for each in sqlfile.tables().values() if each.name in needed]
