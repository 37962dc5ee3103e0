"""The published warehouse, read-only, for many readers at once while it is being replaced.

Publishing renames a new file into place. Each version that is found there gets a DuckDB of its own in memory, to which
the file is attached read-only: a question that runs on the old version ends there, the next one goes to the new.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from connectors.errors import TallyrankError
from dashboards.reading import mappings

MEMORY, MOST_ANSWERS = "1GB", 256
Version = tuple[int, int, int]


class NoWarehouse(TallyrankError):
    """There is no warehouse yet, or it cannot be opened."""


@dataclass
class _Open:
    """One version of the file: its connection, and the answers it has given."""

    con: duckdb.DuckDBPyConnection
    version: Version
    answers: OrderedDict[tuple[Any, ...], Any] = field(default_factory=OrderedDict)


class Warehouse:
    """Answers questions from the version of the warehouse that is in place when they are asked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._open: _Open | None = None
        self._lock = threading.Lock()

    def frame(self, query: str, *values: Any) -> pd.DataFrame:
        """The answer to a query, its `?` bound to `values`; not to be changed by the caller, for it is kept."""
        found: pd.DataFrame = self._answer(lambda cursor: cursor.df(), "frame", query, values)
        return found

    def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """The rows of an answer as mappings, with None for what is unknown; kept like frames."""
        found: list[dict[str, Any]] = self._answer(mappings, "rows", query, values)
        return found

    def _answer(
        self, take: Callable[[duckdb.DuckDBPyConnection], Any], kind: str, query: str, values: tuple[Any, ...]
    ) -> Any:
        """What `take` makes of the answer, from those kept of this version where it is there."""
        opened, key = self._current(), (kind, query, repr(values))
        with self._lock:
            if key in opened.answers:
                opened.answers.move_to_end(key)
                return opened.answers[key]
        cursor = opened.con.cursor()
        cursor.execute("USE warehouse")
        found = take(cursor.execute(query, list(values)))
        with self._lock:
            opened.answers[key] = found
            while len(opened.answers) > MOST_ANSWERS:
                opened.answers.popitem(last=False)
        return found

    @property
    def published_at(self) -> datetime:
        """When the version in place was published (UTC)."""
        return datetime.fromtimestamp(self._stat()[1] / 1e9, UTC)

    def _stat(self) -> Version:
        try:
            found = self.path.stat()
        except OSError:
            words = f"{self.path} does not exist yet; run `tallyrank analyze` (or `tallyrank demo`) first"
            raise NoWarehouse(words) from None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _current(self) -> _Open:
        """The version in place, opened once; an older one is closed by the last question that runs on it."""
        with self._lock:
            version = self._stat()
            if self._open is None or self._open.version != version:
                self._open = _Open(_connected(self.path), version)
            return self._open


def _connected(path: Path) -> duckdb.DuckDBPyConnection:
    """A DuckDB in memory that has the file attached and reaches nothing else: no file, no network, no extension."""
    con = duckdb.connect(config={"autoload_known_extensions": "false", "autoinstall_known_extensions": "false"})
    try:
        con.execute(f"ATTACH '{str(path).replace(chr(39), chr(39) * 2)}' AS warehouse (READ_ONLY)")
    except duckdb.Error as error:
        raise NoWarehouse(f"{path} cannot be opened ({error}); run `tallyrank analyze` to publish it anew") from None
    for setting in (f"memory_limit = '{MEMORY}'", "TimeZone = 'UTC'", "enable_external_access = false"):
        con.execute(f"SET {setting}")
    con.execute("SET lock_configuration = true")
    return con
