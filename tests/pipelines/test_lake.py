"""The lake: whole files or none, and layers that read alike whether they hold one file, many or none."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from connectors.records import Raw, Status, raw_table
from pipelines.lake import FETCHED_AT, LAYERS, PARSED, Lake, Part, replaced
from tests.pipelines.making import built, fill, observation_table, part, ranking_table, result, rows, seen

NO_SUCH_PROCESS = 2**22 + 1  # above the largest process id that Linux gives


def files(folder):
    """The names of all files below a folder."""
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


# --- replaced


def test_nothing_stands_under_the_final_name_while_writing(tmp_path):
    """The file appears whole, when the block has ended, and nothing else stays."""
    path = tmp_path / "data.parquet"
    with replaced(path) as temporary:
        temporary.write_text("half")
        assert not path.exists()
        temporary.write_text("whole")
    assert path.read_text() == "whole"
    assert files(tmp_path) == ["data.parquet"]


def test_a_failed_block_leaves_the_old_file_and_no_other(tmp_path):
    """What was there before stays as it was, to the byte."""
    path = tmp_path / "data.parquet"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="midway"), replaced(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError("midway")
    assert path.read_text() == "old"
    assert files(tmp_path) == ["data.parquet"]


def test_temporary_names_never_look_like_data(tmp_path):
    """A reader that looks while a writer is at work, or was killed, does not find half a file."""
    lake = fill(tmp_path, [seen(1, 5)], [])
    path = lake.path(part("observations"))
    with replaced(path) as temporary:
        temporary.write_text("half")
        assert len(rows(lake, "FROM observations")) == 1
        assert list(lake.parts("observations")) == [part("observations")]
        temporary.write_bytes(path.read_bytes())


@pytest.mark.parametrize("ending", ["", ".wal", ".something"])
def test_what_killed_processes_left_is_swept(tmp_path, ending):
    """The next writer of the same file removes the temporary files of dead processes, and those of no living one."""
    path = tmp_path / "warehouse.duckdb"
    stale, alive = (tmp_path / f"{path.name}.tmp-{pid}{ending}" for pid in (NO_SUCH_PROCESS, os.getppid()))
    stranger = tmp_path / f"{path.name}.tmp-notes"
    for left in (stale, alive, stranger):
        left.write_text("half")
    with replaced(path) as temporary:
        temporary.write_text("whole")
    assert (stale.exists(), alive.exists(), stranger.exists(), path.read_text()) == (False, True, True, "whole")


UNPRIVILEGED = """
import os, pathlib, sys
from pipelines.lake import replaced
path = pathlib.Path(sys.argv[1])
os.chmod(path.parent, 0o777)
os.getuid() or os.setuid(65534)
for text in ("first", "second"):
    with replaced(path) as temporary:
        temporary.write_text(text)
        temporary.chmod(0o444)
"""


def test_a_read_only_file_can_be_put_in_place_by_anybody(tmp_path_factory):
    """A file that its block made read-only is flushed and renamed, and replaced again, without being root."""
    folder = tmp_path_factory.mktemp("anybody")
    for above in folder.parents[:3]:
        above.chmod(0o755) if above.owner() == folder.owner() else None
    command = [sys.executable, "-c", UNPRIVILEGED, str(folder / "warehouse.duckdb")]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (folder / "warehouse.duckdb").read_text() == "second"


# --- parts


def test_a_day_written_again_is_replaced_exactly(tmp_path):
    """No row of the earlier reading stays, and other days stay as they are."""
    lake = fill(tmp_path, [seen(1, 5), seen(2, 6)], [])
    lake.write(part("observations", 1), observation_table([seen(3, 7)]))
    lake.write(part("observations"), observation_table([seen(2, 8)]))
    found = rows(lake, "SELECT count, day FROM observations ORDER BY day")
    assert [tuple(r.values()) for r in found] == [(8, date(2026, 1, 1)), (7, date(2026, 1, 2))]


def test_the_same_table_written_twice_is_the_same_lake(tmp_path):
    """Writing is idempotent."""
    lake = fill(tmp_path, [seen(1, 5)], [])
    before = rows(lake, "FROM observations")
    lake.write(part("observations"), observation_table([seen(1, 5)]))
    assert rows(lake, "FROM observations") == before
    assert len(files(tmp_path)) == 2


def test_parts_come_in_order_of_their_path(tmp_path):
    """By connector, then stream, then day; and of one connector or stream where that is asked for."""
    lake = Lake(tmp_path)
    names = [("b", "x", 1), ("a", "y", 2), ("a", "x", 10), ("a", "x", 9), ("ab", "x", 1)]
    for connector, stream, day in names:
        lake.write(part("observations", day, connector, stream), observation_table([]))
    found = [(p.connector, p.stream, p.day.day - 1) for p in lake.parts("observations")]
    assert found == sorted(names)
    assert [p.connector for p in lake.parts("observations", "a")] == ["a", "a", "a"]
    assert [p.connector for p in lake.parts("observations", stream="x")] == ["a", "a", "ab", "b"]
    assert list(lake.parts("rankings")) == []


def test_a_removed_part_is_gone_and_removing_it_again_is_no_error(tmp_path):
    """Retention may run twice."""
    lake = fill(tmp_path, [seen(1, 5)], [])
    for _ in range(2):
        lake.remove(part("observations"))
        assert rows(lake, "FROM observations") == []


def test_the_moment_of_writing_is_kept_in_the_file(tmp_path):
    """Retention counts from it: UTC, now, and new at every writing; the columns keep their types."""
    lake = fill(tmp_path, [seen(1, 5)], [])
    stored = pq.read_schema(lake.path(part("observations")))
    fetched_at = datetime.fromisoformat(stored.metadata[FETCHED_AT].decode())
    assert timedelta() <= datetime.now(UTC) - fetched_at < timedelta(minutes=1)
    assert stored.remove_metadata() == LAYERS["observations"]


def test_raw_rows_come_back_as_they_were(tmp_path):
    """Payloads, failures and moments survive; a day that was never read is None, an empty one is empty."""
    lake, moment = Lake(tmp_path), datetime(2026, 1, 1, 12, 0, 0, 1, tzinfo=UTC)
    kept = [
        Raw("t3_a", moment, url="https://example.com/ü'\"", payload={"score": 3, "text": ["ü", None]}),
        Raw("t3_b", moment, Status.FAILED, error="Unavailable: it's down"),
    ]
    lake.write(Part("raw", "reddit", "by_post", date(2026, 1, 1)), raw_table(kept))
    lake.write(Part("raw", "reddit", "by_post", date(2026, 1, 2)), raw_table([]))
    assert lake.read_raw("reddit", "by_post", date(2026, 1, 1)) == kept
    assert lake.read_raw("reddit", "by_post", date(2026, 1, 2)) == []
    assert lake.read_raw("reddit", "by_post", date(2026, 1, 3)) is None


# --- layers


def types(lake, relation):
    """Columns and their types."""
    return [(r["column_name"], r["column_type"]) for r in rows(lake, f"DESCRIBE {relation}")]


@pytest.mark.parametrize("layer", [*PARSED, "reads"])
def test_an_empty_layer_reads_as_no_rows_of_the_right_types(tmp_path, layer):
    """A query does not care whether a layer holds nothing, an empty file, or rows."""
    empty, filled = Lake(tmp_path / "empty"), Lake(tmp_path / "filled")
    name = "raw" if layer == "reads" else layer
    filled.write(part(name), LAYERS[name].empty_table())
    assert rows(empty, f"FROM {layer}") == []
    assert types(empty, layer) == types(filled, layer)
    assert types(empty, layer)[-3:] == [("connector", "VARCHAR"), ("stream", "VARCHAR"), ("day", "DATE")]


def test_reads_show_no_payloads(tmp_path):
    """What was received stays in its files; how reading went is for everybody."""
    assert "payload" not in dict(types(Lake(tmp_path), "reads"))


def test_connectors_and_streams_stay_words(tmp_path):
    """A name that looks like a number or a day is kept as written."""
    lake = Lake(tmp_path)
    lake.write(part("rankings", connector="007", stream="2026-01-01"), ranking_table([result()]))
    found = rows(lake, "SELECT connector, stream, day FROM rankings")
    assert found == [{"connector": "007", "stream": "2026-01-01", "day": date(2026, 1, 1)}]


@pytest.mark.parametrize("folder", ["it's here", "a b  c", 'quo"te', "ümlaut", "a[b]c", "st*r?", "env=prod"])
def test_any_folder_will_do(tmp_path, folder):
    """Quotes, spaces, brackets, stars and equal signs in a path mean themselves, in the lake and in its tables."""
    lake = built(fill(tmp_path / folder, [seen(29, 5)], [result()]))
    (row,) = rows(lake, "SELECT v.votes, o.connector FROM serp_votes v, observations o")
    assert row == {"votes": 5, "connector": "test"}


def test_neighbours_are_not_read(tmp_path):
    """A folder whose name would match as a pattern is another lake."""
    fill(tmp_path / "abc", [seen(29, 5)], [])
    assert len(rows(fill(tmp_path / "a[b]c", [seen(29, 6)], []), "FROM observations")) == 1
    assert [r["count"] for r in rows(fill(tmp_path / "a*c", [seen(29, 7)], []), "FROM observations")] == [7]


def test_moments_are_utc_wherever_the_machine_stands(tmp_path, monkeypatch):
    """What is read is the moment that was written, shown in UTC."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    lake = fill(tmp_path, [seen(1.5, 5)], [])
    (row,) = rows(lake, "SELECT CAST(observed_at AS VARCHAR) AS at FROM observations")
    assert row == {"at": "2026-01-02 12:00:00+00"}


def test_parts_can_be_queried_one_by_one(tmp_path):
    """`query` reads the parts it is given and no others; of none it reads no rows."""
    lake = fill(tmp_path, [seen(1, 5)], [])
    lake.write(part("observations", 1), observation_table([seen(2, 6)]))
    select = "SELECT count, day FROM parts"
    assert lake.query([part("observations", 1)], "observations", select) == [(6, date(2026, 1, 2))]
    assert lake.query([], "observations", select) == []
