"""Imported files on their way into the lake: understood, kept day by day, what could not be used set aside."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.console import out
from pipelines.files import imports
from pipelines.lake import Lake, Part

CONNECTOR = "import"
KINDS = {
    "votes": ("observations", "observed_at", imports.read_votes),
    "rankings": ("rankings", "ranked_at", imports.read_rankings),
    "covariates": ("covariates", "covariate_day", imports.read_covariates),
}
NO_DAY = date(1970, 1, 1)


def import_file(folder: Path, kind: str, file: Path, mapping: dict[str, str], constants: dict[str, str]) -> None:
    """Import a file into the lake and say what was understood. The same file again, understood alike, changes nothing.

    Raises TallyrankError when the file cannot be read or holds no usable row.
    """
    layer, moment, read = KINDS[kind]
    found = read(file, mapping, constants)
    lake = Lake(folder)
    n_days = n_new = 0
    for day, table in by_day(found.table, moment):
        part = Part(layer, CONNECTOR, found.import_id, day)
        n_days += 1
        if not lake.path(part).exists():
            lake.write(part, table)
            n_new += 1
    rejects = folder / "rejects" / f"{file.name}.{found.import_id}.csv"
    if found.rejects:
        imports.write_rejects(found.rejects, rejects)
    _summarise(kind, file, found, n_days, n_new, rejects)


def by_day(table: pa.Table, moment: str) -> Iterator[tuple[date, pa.Table]]:
    """The rows of each day (UTC), in the order of the file."""
    days = pc.fill_null(pc.cast(table[moment], pa.date32()), NO_DAY)
    for day in sorted(pc.unique(days).to_pylist()):
        yield day, table.filter(pc.equal(days, day))


def _summarise(kind: str, file: Path, found: imports.Imported, n_days: int, n_new: int, rejects: Path) -> None:
    understood = ", ".join(f"{field} from {column}" for field, column in found.understood.items())
    out.print(f"{file.name}: {found.n_read:,} rows read as {kind} ({understood})", markup=False)
    for note in found.notes:
        out.print(f"note: {note}", markup=False)
    unknown = found.table["status"].to_pylist().count("hidden") if kind == "votes" else 0
    more = f", of which {unknown:,} have no number (unknown, not zero)" if unknown else ""
    news = "" if n_new else "; nothing new, this file is already in the lake"
    out.print(f"{found.table.num_rows:,} {kind} kept over {n_days:,} days{more}{news}")
    if found.rejects:
        first = found.rejects[0]
        out.print(
            f"{len(found.rejects):,} rows set aside in {rejects}, first: line {first.line}: {first.reason}",
            markup=False,
        )
