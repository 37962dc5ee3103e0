"""Dagster's history of runs, written quickly: for a process that runs a job by itself and holds nobody up with it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs.sqlite import sqlite_run_storage


@contextmanager
def quick() -> Iterator[None]:
    """Inside the block, the history does not wait for the disk at each of its many commits, and knows its statements.

    A power cut may then cost the history of this very run; the lake itself is flushed file by file, as ever.
    """
    sqlalchemy.event.listen(sqlalchemy.engine.Engine, "connect", _relax)
    try:
        with _engines_kept():
            yield
    finally:
        sqlalchemy.event.remove(sqlalchemy.engine.Engine, "connect", _relax)


def _relax(connection: Any, _record: Any) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous = OFF")


@contextmanager
def _engines_kept() -> Iterator[None]:
    """One SQLAlchemy engine per file. Dagster makes one for each question, so that each statement is compiled anew,
    thousands in an analysis: a third of its time on a small lake. Connections are still opened and closed each time.
    """
    engines: dict[str, sqlalchemy.Engine] = {}

    def kept(address: str, **options: Any) -> sqlalchemy.Engine:
        if address not in engines:
            engines[address] = sqlalchemy.create_engine(address, **options)
        return engines[address]

    places: tuple[Any, ...] = (sqlite_event_log, sqlite_run_storage)
    before = [place.create_engine for place in places]
    for place in places:
        place.create_engine = kept
    try:
        yield
    finally:
        for place, original in zip(places, before, strict=True):
            place.create_engine = original
