"""What the verdicts were, day by day of the data: the one table that remembers instead of being made anew.

Its file is its only memory. A verdict of last month cannot be recomputed: data came late, rulers and models changed.
Who deletes the file deletes the history; back it up with the rest of the data folder.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.evidence.table import DAY, REAL, TEXT, WHO, ModelTable, Rows, rows_of
from pipelines.lake import Lake

SAID = ("rung", "verdict", "direction", "estimate", "ci_low", "ci_high", "q_value")
ASIDE = "unreadable"


def build(lake: Lake) -> Rows:
    """The former rows, and today's in place of those of the same day of data; by day, then as they are named."""
    with lake.connect(*TABLE.reads) as con:
        (day,) = con.execute("SELECT max(CAST(ranked_at AS DATE)) FROM serp_results").fetchall()[0]
        found = rows_of(con, "verdicts") if day else []
    today = [{"as_of_day": day} | {name: row[name] for name in (*WHO, *SAID)} for row in found]
    kept = [row for row in _former(lake.table_path(TABLE.name)) if not today or row["as_of_day"] != day]
    return sorted(kept + today, key=lambda row: (row["as_of_day"], *(row[name] for name in WHO)))


def _former(path: Path) -> Rows:
    """The rows written before; none for a first day. A file that cannot be read is put aside, and the day goes on."""
    if not path.exists():
        return []
    try:
        return list(_rows(pq.read_table(path, partitioning=None)))
    except (OSError, ValueError, KeyError) as error:  # pyarrow's errors are among them
        _put_aside(path, error)
        return []


def _rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    """Rows as declared now: a column that came later is NULL in older days."""
    columns = {
        name: table[name].cast(kind) if name in table.column_names else pa.nulls(len(table), kind)
        for name, (kind, _) in TABLE.columns.items()
    }
    for row in pa.table(columns).to_pylist():
        if any(row[name] is None for name in GRAIN):
            raise ValueError("a row without a day, or without what it is about")
        yield row


def _put_aside(path: Path, error: Exception) -> None:
    """Keep the file under another name, for people to look at; nothing ever overwrites it."""
    names = (path.with_name(f"{path.name}.{ASIDE}-{n}") for n in count(1))
    name = next(name for name in names if not name.exists())
    path.rename(name)
    logging.getLogger(__name__).warning(
        "The history of verdicts cannot be read (%s). It is kept as %s and begins anew today; to get it back, put a "
        "good copy in its place at %s and run `tallyrank analyze`.",
        " ".join(str(error).split()), name, path,
    )  # fmt: skip


COLUMNS: dict[str, Any] = {
    "as_of_day": (DAY, "Day of the newest result list when the verdict was reached."),
    **WHO,
    "rung": (TEXT, "Highest rung reached: association, adjusted, timing, quasi-experiment or experiment."),
    "verdict": (TEXT, "supports, contradicts, cannot tell or not enough data."),
    "direction": (TEXT, "votes_lead, positions_lead, simultaneous, neither or unknown."),
    "estimate": (
        REAL,
        "Positions gained in the two weeks after votes doubled (in an experiment: by promotion); NULL where unknown.",
    ),
    "ci_low": (REAL, "Lower end of its 95 % interval."),
    "ci_high": (REAL, "Upper end of its 95 % interval."),
    "q_value": (REAL, "False discovery rate at which it would be called a finding, over all pairs tried that day."),
}
GRAIN = ("as_of_day", *WHO)
TABLE = ModelTable(
    "verdict_history",
    "The verdicts as they were on every day of data that was analysed. The same day analysed again replaces its rows; "
    "other days are never recomputed, and deleting the file of this table in the lake loses them. One row per day, "
    "engine, kind of position, platform and verb.",
    COLUMNS,
    ("verdicts", "serp_results"),
    build,
)
