"""The published database: whole, commented, read-only, and never in anybody's way."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import duckdb
import pytest

from connectors.records import Status
from pipelines import publish, sqlfile
from pipelines.evidence import table as evidence
from tests.pipelines.making import fill, made, observation_table, part, result, rows, seen

OTHER = "https://example.com/b"
NO_SUCH_PROCESS = 2**22 + 1


def ready(folder, readings=(), results=None):
    """A lake with every table made, of SQL files and of models."""
    lists = [result(), result(url=OTHER, position=2)] if results is None else results
    lake = made(fill(folder, readings, lists))
    for table in evidence.tables().values():
        evidence.build(lake, table)
    return lake


def published(lake, query):
    """An answer of the published database, opened as people open it."""
    with duckdb.connect(str(lake.warehouse), read_only=True) as con:
        return rows(con, query)


def names(folder):
    """What stands directly in a folder."""
    return sorted(path.name for path in folder.iterdir())


# --- what is in it


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """A published lake with votes on two platforms."""
    readings = [seen(1, 3), seen(29, 5), seen(29, 7, verb="share"), seen(29, Status.HIDDEN, url=OTHER)]
    lake = ready(tmp_path_factory.mktemp("published"), [*readings, seen(29, 9, "1", platform="hatena", url=OTHER)])
    publish.publish(lake)
    return lake


def test_every_table_is_there_row_for_row(lake):
    """The database holds what the lake's tables hold, and publish says how many rows."""
    counts = publish.publish(lake)
    assert set(counts) == {*sqlfile.tables(), *evidence.tables()}
    for name, n in counts.items():
        found = published(lake, f"FROM {name} ORDER BY ALL")
        assert found == rows(lake, f"FROM {name} ORDER BY ALL")
        assert len(found) == n
    assert counts["serp_votes"] == 4


def test_comments_are_read_where_people_look(lake):
    """duckdb_tables() and duckdb_columns() give the words of the headers for every table and every column."""
    tables = {r["table_name"]: r["comment"] for r in published(lake, "FROM duckdb_tables()")}
    columns = {(r["table_name"], r["column_name"]): r["comment"] for r in published(lake, "FROM duckdb_columns()")}
    for table in sqlfile.tables().values():
        assert tables[table.name] == " ".join(table.header.description.split())
        for column, comment in table.header.columns.items():
            assert columns[table.name, column] == " ".join(comment.split())
    for model in evidence.tables().values():
        assert tables[model.name] == " ".join(model.description.split())
        for column, comment in model.comments.items():
            assert columns[model.name, column] == " ".join(comment.split())
    (view,) = published(lake, "FROM duckdb_views() WHERE view_name = 'serp_votes_wide'")
    assert "one row per" in view["comment"].lower()


def test_the_wide_view_has_one_row_per_result_and_a_column_per_platform_and_verb(lake):
    """A pair that was never asked about, or gave no number, is NULL and not 0."""
    first, second = published(lake, "FROM serp_votes_wide ORDER BY result_id")
    votes = ["hatena_like", "hatena_like_7d", "reddit_like", "reddit_like_7d", "reddit_share", "reddit_share_7d"]
    assert list(first) == [*sqlfile.tables()["serp_results"].header.columns, *votes]
    assert [first[n] for n in votes] == [None, None, 5, 2, 7, None]
    assert [second[n] for n in votes] == [9, None, None, None, None, None]


def test_the_wide_view_of_nothing_is_empty(tmp_path):
    """No results and no votes: a view with the columns of serp_results."""
    lake = ready(tmp_path, results=[])
    publish.publish(lake)
    assert published(lake, "FROM serp_votes_wide") == []


def test_the_wide_view_keeps_results_without_votes(tmp_path):
    """A result that nobody asked about is still one row."""
    lake = ready(tmp_path)
    publish.publish(lake)
    assert len(published(lake, "FROM serp_votes_wide")) == 2


def test_any_platform_name_is_a_column(tmp_path):
    """Imported names may hold quotes, spaces, dashes: the column is called by them and holds the votes."""
    platforms = ['so"called', "socalled", "it's", "my site", "two  spaces", "a-b.c", "ümlaut", "select", "1st", "%"]
    readings = [seen(day, 10 * n + day, platform=p) for n, p in enumerate(platforms) for day in (1, 29)]
    lake = ready(tmp_path, readings)
    publish.publish(lake)
    row = published(lake, "FROM serp_votes_wide ORDER BY result_id")[0]
    assert [row[f"{p}_like"] for p in platforms] == [10 * n + 29 for n in range(len(platforms))]
    assert [row[f"{p}_like_7d"] for p in platforms] == [28] * len(platforms)


# --- how it is put in place


def test_the_file_is_read_only_and_alone(tmp_path):
    """Mode 0444, no write-ahead log, no temporary file; published again it is replaced."""
    lake = ready(tmp_path)
    for _ in range(2):
        publish.publish(lake)
        assert lake.warehouse.stat().st_mode & 0o777 == 0o444
        assert names(tmp_path) == ["lake", "warehouse.duckdb"]


def test_a_stale_log_is_removed(tmp_path):
    """A log beside the target would be replayed into the new file, or stop every reader."""
    lake = ready(tmp_path)
    stray = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(stray)) as con:
        con.execute("SET checkpoint_threshold = '1TB'")
        con.execute("PRAGMA disable_checkpoint_on_shutdown")
        con.execute("CREATE TABLE intruder AS SELECT 1 AS x")
    assert names(tmp_path) == ["lake", "warehouse.duckdb", "warehouse.duckdb.wal"]
    publish.publish(lake)
    assert names(tmp_path) == ["lake", "warehouse.duckdb"]
    assert "intruder" not in {r["table_name"] for r in published(lake, "FROM duckdb_tables()")}


@pytest.mark.parametrize("pid", [NO_SUCH_PROCESS, None], ids=["another", "ours"])
def test_what_a_killed_publish_left_does_no_harm(tmp_path, pid):
    """A half-written file and its log, of a dead process or of one that had our number, are swept away."""
    lake = ready(tmp_path)
    half = tmp_path / f"warehouse.duckdb.tmp-{os.getpid() if pid is None else pid}"
    for name in (half, half.with_name(f"{half.name}.wal")):
        name.write_bytes(b"half" * 5000)
    publish.publish(lake)
    assert names(tmp_path) == ["lake", "warehouse.duckdb"]
    assert len(published(lake, "FROM serp_results")) == 2


@pytest.mark.parametrize(("broken", "how"), [("association", "missing"), ("serp_votes", "rubbish")])
def test_a_failing_publish_leaves_the_old_database(tmp_path, broken, how):
    """A table that is missing or unreadable: an error, the file of before to the byte, and no other file."""
    lake = ready(tmp_path, [seen(29, 5)])
    publish.publish(lake)
    before = lake.warehouse.read_bytes()
    path = lake.table_path(broken)
    path.unlink() if how == "missing" else path.write_bytes(b"rubbish")
    with pytest.raises(duckdb.Error):
        publish.publish(lake)
    assert lake.warehouse.read_bytes() == before
    assert names(tmp_path) == ["lake", "warehouse.duckdb"]


READER = """
import duckdb, json, sys
with duckdb.connect(sys.argv[1], read_only=True) as con:
    print(json.dumps([con.sql("SELECT count(*) FROM serp_votes_wide").fetchall()[0][0],
                      con.sql("SELECT tags FROM duckdb_databases() WHERE path IS NOT NULL").fetchall()[0][0]]))
    sys.stdout.flush()
    sys.stdin.readline()
    print(con.sql("SELECT count(*) FROM serp_votes_wide").fetchall()[0][0])
"""


def test_a_reader_in_another_process_neither_waits_nor_hinders(tmp_path):
    """It opens the file read-only, at the declared storage version, and keeps its state while we publish."""
    lake = ready(tmp_path)
    publish.publish(lake)
    command = [sys.executable, "-c", READER, str(lake.warehouse)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        n, tags = json.loads(reader.stdout.readline())
        lake.write(part("observations", 1), observation_table([seen(2, 8)]))
        publish.publish(ready(tmp_path, results=[result()]))
        after, _ = reader.communicate("\n", timeout=30)
    assert (n, int(after), len(published(lake, "FROM serp_results"))) == (2, 2, 1)
    assert tags["storage_version"].startswith("v1.5")


@pytest.mark.parametrize("folder", ["it's a b", "a[b]", "env=prod"])
def test_any_folder_can_be_published(tmp_path, folder):
    """Quotes, spaces and brackets in the path of the data folder mean themselves."""
    lake = ready(tmp_path / folder)
    publish.publish(lake)
    assert len(published(lake, "FROM serp_results")) == 2
