"""A table that a model makes: its description, its commented columns, and how it is built and drawn.

Every module of this folder that holds a `TABLE` is a model; adding one adds a file and edits no list.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import isnan
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from dashboards.reading import mappings
from pipelines import evidence
from pipelines.lake import Lake, replaced

Rows = list[dict[str, Any]]
TEXT, REAL, WHOLE, FLAG, DAY = pa.string(), pa.float64(), pa.int64(), pa.bool_(), pa.date32()
REALS = pa.list_(REAL)
WHO = {
    "engine": (TEXT, "Search engine or ranking."),
    "rank_kind": (TEXT, 'What "position" means.'),
    "platform": (TEXT, "Where the votes were cast."),
    "verb": (TEXT, "What people did."),
}


@dataclass(frozen=True)
class ModelTable:
    """One model's table. `columns` maps names to (Arrow type, comment); `reads` names the tables it is made from.

    `draw` gives a PNG of the rows for places that run no scripts, or b"" where there is nothing to draw.
    """

    name: str
    description: str
    columns: Mapping[str, tuple[pa.DataType, str]]
    reads: tuple[str, ...]
    build: Callable[[Lake], Rows]
    draw: Callable[[Sequence[dict[str, Any]]], bytes] = lambda _: b""

    @property
    def comments(self) -> dict[str, str]:
        """Comment of every column."""
        return {name: comment for name, (_, comment) in self.columns.items()}


@cache
def tables() -> dict[str, ModelTable]:
    """All models, those first that others read."""
    names = [m.name for m in pkgutil.iter_modules(evidence.__path__)]
    modules = [importlib.import_module(f"{evidence.__name__}.{name}") for name in names]
    left = {t.name: t for m in modules if isinstance(t := getattr(m, "TABLE", None), ModelTable)}
    made: dict[str, ModelTable] = {}
    while left:
        ready = [t for t in left.values() if not set(t.reads) & set(left) - {t.name}]
        made |= {t.name: left.pop(t.name) for t in sorted(ready, key=lambda t: t.name)}
    return made


def build(lake: Lake, table: ModelTable) -> Rows:
    """Make the table, put it in place of the one of before, and give its rows; what is not a number becomes NULL."""
    rows = [{name: _known(row[name]) for name in table.columns} for row in table.build(lake)]
    schema = pa.schema([(name, kind) for name, (kind, _) in table.columns.items()])
    with replaced(lake.table_path(table.name)) as temporary:
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), temporary, compression="zstd")
    return rows


def _known(value: Any) -> Any:
    if isinstance(value, list):
        return [_known(v) for v in value]
    return None if isinstance(value, float) and isnan(value) else value


def rows_of(con: duckdb.DuckDBPyConnection, table: str) -> Rows:
    """The rows of a table as mappings, in order of their first columns."""
    return mappings(con.execute(f"SELECT * FROM {table} ORDER BY ALL"))
