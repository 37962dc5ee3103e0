"""What the notebooks share: where the warehouse is, whether it says anything yet, and how unknowns are shown."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from math import isfinite
from pathlib import Path
from typing import Any

import duckdb

from dashboards.safe import as_cell
from dashboards.safe import shown as one_line
from dashboards.words import UNKNOWN, Row

REPOSITORY = Path(__file__).resolve().parents[1]
MARKUP = frozenset("&<>\\`*_[](){}#$|~:!^=+\"'")
LONGEST, MOST_WORDS = 200, 3_000  # characters: of a cell, of a text
NEEDED = ("serp_results", "serp_votes", "source_health", "association", "verdicts", "timing", "replication")


def warehouse_path() -> Path:
    """The published warehouse of the data folder: that of TALLYRANK_DATA, else data/ of the project."""
    return Path(os.environ.get("TALLYRANK_DATA") or REPOSITORY / "data").resolve() / "warehouse.duckdb"


def not_ready(path: Path) -> str:
    """Why a warehouse cannot be read and what to do, in markdown; empty where it can."""
    if not path.exists():
        return (
            f"There is no warehouse at `{path}` yet. Run `tallyrank analyze` once there is something to analyse, or "
            "`tallyrank demo` for a simulated world (and open this notebook with its data: "
            "`tallyrank --data data/demo notebook`)."
        )
    try:
        with duckdb.connect(str(path), read_only=True) as con:
            there = {name for (name,) in con.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    except duckdb.Error as error:
        return f"`{path}` cannot be read ({_first_line(error)}). Run `tallyrank analyze`, which makes it anew."
    if lacking := [name for name in NEEDED if name not in there]:
        return f"`{path}` lacks the table {', '.join(lacking)}: an older version made it. Run `tallyrank analyze`."
    return ""


def made_at(path: Path) -> str:
    """When a warehouse was published, to the minute (UTC)."""
    return f"{datetime.fromtimestamp(path.stat().st_mtime, UTC):%Y-%m-%d %H:%M} UTC"


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def shown(rows: Sequence[Row], names: Mapping[str, str], digits: int = 2) -> list[dict[str, Any]]:
    """Rows for a table that people read: columns by their titles, NULL as `unknown`, no text that is a formula.

    `names` says which columns, and what they are called. A column of numbers without gaps stays one, so that it sorts.
    """
    columns = {title: _column([row[name] for row in rows], digits) for name, title in names.items()}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _column(values: Sequence[Any], digits: int) -> list[Any]:
    if all(isinstance(v, int | float) and not isinstance(v, bool) and isfinite(v) for v in values):
        return [v if isinstance(v, int) else round(v, digits) for v in values]
    return [_said(v, digits) for v in values]


def _said(value: Any, digits: int) -> str:
    """One cell; the order matters, since a truth is also a whole number and a moment also a day."""
    if value is None or (isinstance(value, float) and not isfinite(value)):
        return UNKNOWN
    said: dict[type, Callable[[Any], str]] = {
        bool: lambda v: "yes" if v else "no",
        float: lambda v: f"{v:.{digits}f}",
        datetime: lambda v: f"{v:%Y-%m-%d %H:%M}",
        date: lambda v: f"{v:%Y-%m-%d}",
    }
    words = next((say(value) for kind, say in said.items() if isinstance(value, kind)), None)
    return _cell(one_line(value, LONGEST)) if words is None else words


def _cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula when the table is saved; signed numbers stay as they are."""
    is_numbers = re.fullmatch(r"[-+\d.,… ]*", text) is not None
    return text if is_numbers else as_cell(text)


def plain(text: object) -> str:
    """Text from outside inside markdown: nothing in it is markup, since every sign that could be is an entity."""
    return "".join(f"&#{ord(sign)};" if sign in MARKUP else sign for sign in one_line(text, MOST_WORDS))
