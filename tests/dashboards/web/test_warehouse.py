"""The web app's warehouse: read-only, shut off from everything else, and always the version that is in place."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import duckdb
import pytest

from dashboards.web.warehouse import MOST_ANSWERS, NoWarehouse, Warehouse


def publish(path: Path, number: int) -> None:
    """Rename a version into place that says its number in two tables."""
    fresh = path.with_name("next.duckdb")
    with duckdb.connect(str(fresh)) as con:
        con.execute(f"CREATE TABLE a AS SELECT {number} AS n; CREATE TABLE b AS SELECT {number} AS n")
    fresh.replace(path)


def test_the_next_question_goes_to_the_version_in_place(tmp_path: Path) -> None:
    """Also when the same question was asked of the version before, and also within the same second."""
    path = tmp_path / "warehouse.duckdb"
    warehouse = Warehouse(path)
    for number in range(5):
        publish(path, number)
        assert warehouse.rows("SELECT n FROM a") == [{"n": number}]
        assert warehouse.frame("SELECT n FROM a")["n"].tolist() == [number]


def test_readers_meet_no_error_and_no_half_version(tmp_path: Path) -> None:
    """Eight threads ask while forty versions are published: both tables of an answer are of one version."""
    path = tmp_path / "warehouse.duckdb"
    publish(path, 0)
    warehouse, wrong, is_over = Warehouse(path), [], threading.Event()
    asked = [0] * 8

    def read(me: int) -> None:
        while not is_over.is_set():
            asked[me] += 1
            try:
                (row,) = warehouse.rows("SELECT a.n AS a, b.n AS b, ? AS asked FROM a, b", f"{me}/{asked[me]}")
            except (duckdb.Error, NoWarehouse) as error:
                wrong.append(str(error))
            else:
                if row["a"] != row["b"]:
                    wrong.append(str(row))

    threads = [threading.Thread(target=read, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for number in range(1, 41):
        before = sum(asked)
        publish(path, number)
        ends = time.monotonic() + 5
        while sum(asked) < before + 8 and time.monotonic() < ends:
            is_over.wait(0.001)
    is_over.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert min(asked) > 0
    assert warehouse.rows("SELECT n FROM b") == [{"n": 40}]


@pytest.mark.parametrize(
    "query",
    [
        "CREATE TABLE c AS SELECT 1", "INSERT INTO a VALUES (1)", "DROP TABLE a", "DELETE FROM a",
        "SELECT * FROM read_csv('/etc/passwd')", "COPY a TO '/tmp/tallyrank-out.csv'", "ATTACH '/tmp/x.duckdb'",
        "INSTALL httpfs", "LOAD httpfs", "SET enable_external_access = true", "SET memory_limit = '1TB'",
    ],
)  # fmt: skip
def test_nothing_can_be_written_or_reached(tmp_path: Path, query: str) -> None:
    """No table, no file, no network, no extension, no setting: even for a query that somebody slipped in."""
    path = tmp_path / "warehouse.duckdb"
    publish(path, 1)
    before = path.read_bytes()
    with pytest.raises(duckdb.Error):
        Warehouse(path).rows(query)
    assert path.read_bytes() == before


def test_values_are_bound_and_not_pasted(tmp_path: Path) -> None:
    """What comes from an address is a value whatever it looks like."""
    publish(tmp_path / "warehouse.duckdb", 1)
    nasty = "'; DROP TABLE a; --"
    assert Warehouse(tmp_path / "warehouse.duckdb").rows("SELECT ? AS v, n FROM a", nasty) == [{"v": nasty, "n": 1}]


def test_answers_are_kept_up_to_a_number(tmp_path: Path) -> None:
    """The same question is answered from memory, and memory does not grow for ever."""
    publish(tmp_path / "warehouse.duckdb", 1)
    warehouse = Warehouse(tmp_path / "warehouse.duckdb")
    first = warehouse.frame("SELECT n FROM a")
    assert warehouse.frame("SELECT n FROM a") is first
    for n in range(MOST_ANSWERS):
        warehouse.rows("SELECT n, ? AS v FROM a", n)
    assert warehouse.frame("SELECT n FROM a") is not first


def test_where_there_is_none_it_says_what_to_do(tmp_path: Path) -> None:
    """A missing file, and one that is no database, each with the command that makes one."""
    with pytest.raises(NoWarehouse, match="does not exist yet; run `tallyrank analyze`"):
        Warehouse(tmp_path / "warehouse.duckdb").rows("SELECT 1")
    (tmp_path / "warehouse.duckdb").write_text("no database")
    with pytest.raises(NoWarehouse, match="cannot be opened"):
        Warehouse(tmp_path / "warehouse.duckdb").rows("SELECT 1")
