"""The history of runs written quickly is the same history, and Dagster is left as it was."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs.sqlite import sqlite_run_storage

from pipelines import history


@dg.asset
def seven() -> int:
    """Something to be made."""
    return 7


def test_what_was_written_quickly_is_read_by_anybody(tmp_path: Path) -> None:
    """A run made inside the block is in the history that Dagster reads by itself later, with its events."""
    with history.quick(), dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        run = dg.materialize([seven], instance=instance)
        inside = [record.event_log_entry for record in instance.get_records_for_run(run.run_id).records]
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        assert [r.run_id for r in instance.get_runs()] == [run.run_id]
        assert [record.event_log_entry for record in instance.get_records_for_run(run.run_id).records] == inside
        assert instance.fetch_materializations(seven.key, limit=5).records[0].run_id == run.run_id


def test_a_file_has_one_engine_inside_the_block_and_two_files_have_two(tmp_path: Path) -> None:
    """What was compiled for a question is known at the next one; no question goes to another file."""
    one, other = (f"sqlite:///{tmp_path / name}" for name in ("one.db", "other.db"))
    with history.quick():
        engine = sqlite_event_log.create_engine(one)
        assert sqlite_event_log.create_engine(one) is sqlite_run_storage.create_engine(one) is engine
        assert str(sqlite_event_log.create_engine(other).url) == other


def test_dagster_is_left_as_it_was(tmp_path: Path) -> None:
    """Also by a block that fails: engines are made anew, and wait for the disk as ever."""
    with pytest.raises(ZeroDivisionError), history.quick():
        raise ZeroDivisionError
    assert sqlite_event_log.create_engine is sqlite_run_storage.create_engine is sqlalchemy.create_engine
    with sqlalchemy.create_engine(f"sqlite:///{tmp_path / 'x.db'}").connect() as con:
        assert con.exec_driver_sql("PRAGMA synchronous").scalar() == 2
