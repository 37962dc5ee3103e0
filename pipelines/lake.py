"""The lake: Parquet files below one folder, each written whole under another name and renamed into place.

    <data>/lake/raw/connector=reddit/stream=by_url/day=2026-10-01/data.parquet     what was received
    <data>/lake/observations|rankings|covariates|aliases/connector=.../...          the same, parsed
    <data>/lake/tables/<name>.parquet                                              what SQL and models made of it
    <data>/warehouse.duckdb                                                        what people open

A day read again replaces its file, so a lake is the same however often, and however interrupted, it was filled.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from connectors.records import COVARIATE_SCHEMA, OBSERVATION_SCHEMA, RANKING_SCHEMA, RAW_SCHEMA, Raw, raw_rows

ALIAS_SCHEMA = pa.schema([("from_key", pa.string()), ("to_key", pa.string()), ("kind", pa.string())])
PARSED = {
    "observations": OBSERVATION_SCHEMA,
    "rankings": RANKING_SCHEMA,
    "covariates": COVARIATE_SCHEMA,
    "aliases": ALIAS_SCHEMA,
}
LAYERS = {"raw": RAW_SCHEMA, **PARSED}
FETCHED_AT = b"tallyrank_fetched_at"


@dataclass(frozen=True, slots=True)
class Part:
    """One file of the lake: layer, connector, stream and day."""

    layer: str
    connector: str
    stream: str
    day: date

    @property
    def folder(self) -> Path:
        """Path below `<data>/lake`, in hive style."""
        return Path(self.layer, f"connector={self.connector}", f"stream={self.stream}", f"day={self.day.isoformat()}")


class Lake:
    """All files of one data folder."""

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root).resolve()

    @property
    def warehouse(self) -> Path:
        """The published database."""
        return self.root / "warehouse.duckdb"

    def path(self, part: Part) -> Path:
        """Where a part is kept."""
        return self.root / "lake" / part.folder / "data.parquet"

    def table_path(self, name: str) -> Path:
        """Where a table made by SQL or by a model is kept."""
        return self.root / "lake" / "tables" / f"{name}.parquet"

    def write(self, part: Part, table: pa.Table, fetched_at: datetime | None = None) -> Path:
        """Replace a part by a table; the moment of reading goes into the file's metadata (retention counts from it).
        That is now, unless what was read before is only written anew.
        """
        now = (fetched_at or datetime.now(UTC)).isoformat().encode()
        table = table.replace_schema_metadata({**(table.schema.metadata or {}), FETCHED_AT: now})
        path = self.path(part)
        with replaced(path) as temporary:
            pq.write_table(table, temporary, compression="zstd")
        return path

    def read_raw(self, connector: str, stream: str, day: date) -> list[Raw] | None:
        """The raw rows of a day, None when that day was never read."""
        path = self.path(Part("raw", connector, stream, day))
        return raw_rows(pq.read_table(path, partitioning=None)) if path.exists() else None

    def parts(self, layer: str, connector: str = "*", stream: str = "*") -> Iterator[Part]:
        """The parts that exist, ordered by path."""
        pattern = f"connector={connector}/stream={stream}/day=*/data.parquet"
        for path in sorted((self.root / "lake" / layer).glob(pattern)):
            values = [p.partition("=")[2] for p in path.parts[-4:-1]]
            yield Part(layer, values[0], values[1], date.fromisoformat(values[2]))

    def remove(self, part: Part) -> None:
        """Delete a part."""
        self.path(part).unlink(missing_ok=True)

    def source(self, layer: str, parts: Iterable[Part] | None = None) -> str:
        """SQL that reads a layer (or some of its parts) with connector, stream and day; zero typed rows when empty."""
        if next(self.parts(layer) if parts is None else iter(parts := list(parts)), None) is None:
            return f"SELECT * FROM ({_empty(LAYERS[layer])}) WHERE false"
        whole = _quoted(self.root / "lake" / layer, "/*/*/*/data.parquet")
        files = whole if parts is None else f"[{', '.join(_quoted(self.path(p)) for p in parts)}]"
        kinds = "{'connector': VARCHAR, 'stream': VARCHAR, 'day': DATE}"
        columns = ", ".join(f'"{name}"' for name in _columns(layer))
        read = f"read_parquet({files}, hive_partitioning = true, hive_types = {kinds}, union_by_name = true)"
        empty = f"({_empty(LAYERS[layer])}) WHERE false"  # older files lack the columns that came later
        return f"SELECT {columns} FROM (SELECT * FROM {empty} UNION ALL BY NAME SELECT * FROM {read})"

    def connect(self, *names: str) -> duckdb.DuckDBPyConnection:
        """An in-memory DuckDB with a view per layer (`reads` for raw, without payloads) and per finished table.

        With `names`, only those: a view over many files takes a while to make.
        """
        con = duckdb.connect()
        con.execute("SET TimeZone = 'UTC'")
        for layer in PARSED:
            if layer in names or not names:
                con.execute(f"CREATE VIEW {layer} AS {self.source(layer)}")
        if "reads" in names or not names:
            con.execute(f"CREATE VIEW reads AS SELECT * EXCLUDE (payload) FROM ({self.source('raw')})")
        for path in sorted(self.table_path("x").parent.glob("*.parquet")):
            if path.stem in names or not names:
                con.execute(f'CREATE VIEW "{path.stem}" AS FROM {self.file(path)}')
        return con

    @staticmethod
    def file(path: Path) -> str:
        """SQL that reads one Parquet file as it is, whatever the folders above it are called."""
        return f"read_parquet({_quoted(path)}, hive_partitioning = false)"

    def query(self, parts: Iterable[Part], layer: str, select: str) -> list[tuple[Any, ...]]:
        """The rows of a SELECT over some parts of a layer, which it reads as `parts`."""
        with duckdb.connect() as con:
            con.execute("SET TimeZone = 'UTC'")
            return con.execute(f"WITH parts AS ({self.source(layer, parts)}) {select}").fetchall()


def _columns(layer: str) -> list[str]:
    return [*LAYERS[layer].names, "connector", "stream", "day"]


_SQL_TYPES = {
    pa.string(): "VARCHAR", pa.int64(): "BIGINT", pa.int32(): "INTEGER", pa.float64(): "DOUBLE",
    pa.bool_(): "BOOLEAN", pa.date32(): "DATE", pa.timestamp("us", tz="UTC"): "TIMESTAMP WITH TIME ZONE",
}  # fmt: skip


def _empty(schema: pa.Schema) -> str:
    typed = [f'CAST(NULL AS {_SQL_TYPES[f.type]}) AS "{f.name}"' for f in schema]
    partition = ["CAST(NULL AS VARCHAR) AS connector", "CAST(NULL AS VARCHAR) AS stream", "CAST(NULL AS DATE) AS day"]
    return f"SELECT {', '.join(typed + partition)}"


def _quoted(path: Path, glob: str = "") -> str:
    """A path (and what is to be found below it) as SQL text; brackets and stars in the path mean themselves."""
    text = "".join(f"[{c}]" if c in "[*?" else c for c in str(path)) + glob
    return "'" + text.replace("'", "''") + "'"


@contextlib.contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A temporary name beside `path`, renamed onto it when the block ends well; a failed block leaves no trace.

    The file is flushed to the disk before the rename: a power cut leaves the old file or the new one, never half.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.tmp-{os.getpid()}")
    try:
        yield temporary
        with temporary.open("rb") as file:  # reading is enough to flush, and a published file is read-only by then
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
        _sweep(path, lambda pid: not _alive(pid))


def _sweep(path: Path, is_stale: Callable[[int], bool]) -> None:
    """Remove what killed processes left beside a path."""
    for left in path.parent.glob(f"{path.name}.tmp-*"):
        pid = left.name.removeprefix(f"{path.name}.tmp-").partition(".")[0]  # DuckDB adds ".wal"
        if pid.isdigit() and is_stale(int(pid)):
            left.unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists() if Path("/proc").exists() else True
