"""Tables as SQL files: a YAML header in the leading comment, one SELECT, an audit before the table is replaced.

The header states `description`, `grain` (columns that identify a row), `columns` (name: comment, in the order of the
SELECT) and `checks` (name: a condition that holds for every row). Dependencies are read from the query. The SELECT
keeps to SQL that other engines read alike: see DECISIONS.md, "Portable SQL".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Annotated

import duckdb
import sqlglot
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlglot import exp

from connectors.errors import TallyrankError
from pipelines.lake import Lake, replaced

FOLDER = Path(__file__).parent / "sql"
SOURCES = ("observations", "rankings", "covariates", "aliases", "reads")


class AuditError(TallyrankError):
    """A table does not keep what its header promises; the table of before stays in place."""


class Header(BaseModel):
    """What a table's file says about it."""

    model_config = ConfigDict(extra="forbid")
    description: str
    grain: Annotated[list[str], Field(min_length=1)]
    columns: dict[str, Annotated[str, Field(min_length=1)]]
    checks: dict[str, str] = {}


@dataclass(frozen=True)
class SqlTable:
    """One table: its name, layer (the folder), header, query and what the query reads."""

    name: str
    layer: str
    header: Header
    query: str
    reads: frozenset[str]


@cache
def tables(folder: Path = FOLDER) -> dict[str, SqlTable]:
    """All tables, each after those it reads."""
    paths = sorted(folder.glob("*/*.sql"))
    found = {path.stem: load(path) for path in paths}
    for path in paths:
        if path.parent.name != found[path.stem].layer:
            raise TallyrankError(f"{path.name} stands in {path.parent.name} and {found[path.stem].layer}: keep one")
    for table in found.values():
        if unknown := table.reads - found.keys() - set(SOURCES):
            raise TallyrankError(
                f"{table.name}.sql reads {', '.join(sorted(unknown))}, which is no table and no source"
            )
    order = TopologicalSorter({name: sorted(table.reads & found.keys()) for name, table in found.items()})
    try:
        return {name: found[name] for name in order.static_order()}
    except CycleError as error:
        raise TallyrankError(f"these tables read each other in a circle: {' -> '.join(error.args[1])}") from None


def load(path: Path) -> SqlTable:
    """Read one file; raises TallyrankError naming the file when its header or query is missing or wrong."""
    text = path.read_text(encoding="utf-8")
    head, end, query = text.partition("*/")
    if not head.startswith("/*") or not end:
        raise TallyrankError(f"{path}: must begin with a /* header */ in YAML (description, grain, columns, checks)")
    try:
        header = Header.model_validate(yaml.safe_load(head[2:]))
    except (yaml.YAMLError, ValidationError) as error:
        raise TallyrankError(f"{path}: header not understood: {error}") from None
    try:
        return SqlTable(path.stem, path.parent.name, header, query.strip(), _reads(query))
    except sqlglot.errors.SqlglotError as error:
        raise TallyrankError(f"{path}: query not understood: {error}") from None


def _reads(query: str) -> frozenset[str]:
    tree = sqlglot.parse_one(query, read="duckdb")
    named = {cte.alias for cte in tree.find_all(exp.CTE)}
    return frozenset(t.name for t in tree.find_all(exp.Table) if t.name not in named)


def build(lake: Lake, table: SqlTable) -> int:
    """Make a table from the lake, audit it, replace the old one; returns its number of rows."""
    path = lake.table_path(table.name)
    with lake.connect(*table.reads) as con, replaced(path) as temporary:
        target = str(temporary).replace("'", "''")
        con.execute(f"COPY ({table.query}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")
        con.execute(f"CREATE TEMP VIEW made AS FROM {lake.file(temporary)}")
        audit(con, table, "made")
        rows = con.execute("SELECT count(*) FROM made").fetchone()
    return int(rows[0]) if rows else 0


def audit(con: duckdb.DuckDBPyConnection, table: SqlTable, relation: str) -> None:
    """Raise AuditError unless `relation` has the promised columns, grain and checks."""
    columns = [row[0] for row in con.execute(f"DESCRIBE {relation}").fetchall()]
    if columns != list(table.header.columns):
        raise AuditError(f"{table.name}: columns are {columns}, the header says {list(table.header.columns)}")
    for name, condition in {**_grain_checks(table), **table.header.checks}.items():
        try:
            broken = con.execute(f"SELECT count(*) FROM {relation} WHERE NOT coalesce(({condition}), false)").fetchone()
        except duckdb.Error as error:
            raise AuditError(f"{table.name}: the check '{name}' ({condition}) makes no sense: {error}") from None
        if broken and broken[0]:
            raise AuditError(f"{table.name}: {broken[0]} rows break the check '{name}' ({condition})")
    grain = ", ".join(table.header.grain)
    twice = con.execute(f"SELECT {grain}, count(*) FROM {relation} GROUP BY ALL HAVING count(*) > 1 LIMIT 1").fetchone()
    if twice:
        raise AuditError(f"{table.name}: the grain ({grain}) is not unique, for example {twice}")


def _grain_checks(table: SqlTable) -> dict[str, str]:
    return {f"{column} is known": f"{column} IS NOT NULL" for column in table.header.grain}
