"""Example questions with their SQL, one file each in `queries/`: for notebooks, and shown in docs/QUERIES.md.

A file begins with a header in YAML, as tables do: `question`, `columns` (name: meaning, in the order of the SELECT) and
`note` (how to read the answer, and what it does not say). Then one SELECT over the published warehouse.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import duckdb
import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from connectors.errors import TallyrankError
from dashboards.reading import mappings
from dashboards.words import Row

FOLDER = Path(__file__).resolve().parents[1] / "queries"


class Header(BaseModel):
    """What a query's file says about it."""

    model_config = ConfigDict(extra="forbid")
    question: str
    columns: dict[str, str]
    note: str


@dataclass(frozen=True)
class Example:
    """One question: `header` says what it asks and what comes back, `sql` is the SELECT."""

    name: str
    header: Header
    sql: str


@cache
def examples(folder: Path = FOLDER) -> dict[str, Example]:
    """All example questions by name; raises TallyrankError naming a file that is not understood."""
    return {path.stem: load(path) for path in sorted(folder.glob("*.sql"))}


def load(path: Path) -> Example:
    """Read one file; raises TallyrankError naming it when its header is missing or wrong."""
    head, end, sql = path.read_text(encoding="utf-8").partition("*/")
    if not head.startswith("/*") or not end:
        raise TallyrankError(f"{path}: must begin with a /* header */ in YAML (question, columns, note)")
    try:
        return Example(path.stem, Header.model_validate(yaml.safe_load(head[2:])), sql.strip())
    except (yaml.YAMLError, ValidationError) as error:
        raise TallyrankError(f"{path}: header not understood: {error}") from None


def example(name: str) -> Example:
    """The example of that name; TallyrankError with the names there are."""
    if name not in examples():
        raise TallyrankError(f"no example is called {name!r}; there are {', '.join(examples())}")
    return examples()[name]


def ask(con: duckdb.DuckDBPyConnection, query: str, **values: object) -> list[Row]:
    """The rows that answer a query (SQL, or the name of an example) as mappings; `$name` in it takes a value."""
    sql = examples()[query].sql if query in examples() else query
    return [*mappings(con.execute(sql, values) if values else con.execute(sql))]
