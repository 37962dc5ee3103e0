"""What changed between two states of a table: told in words, by the file of before."""

from __future__ import annotations

import html
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines import changes

PAIR = {"engine": "google", "rank_kind": "organic", "platform": "reddit"}


def parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    """A table as Parquet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def verdict(verb: str, word: str) -> dict[str, Any]:
    """A row of verdicts, as far as it is compared."""
    return {**PAIR, "verb": verb, "verdict": word, "rung": "timing", "q_value": 0.5}


def read(source: str, day: int, *, is_failed: bool, error: str | None = None) -> dict[str, Any]:
    """A day of a source."""
    known = {"connector": source, "stream": "by_url", "day": date(2026, 11, day)}
    return {**known, "is_failed": is_failed, "first_error": error or ""}


def test_verdicts_that_changed_are_named_with_both_words(tmp_path: Path) -> None:
    """Changed, new and gone ones; those that stay are not mentioned."""
    before = parquet(tmp_path / "a", [verdict(v, "cannot tell") for v in ("like", "save", "share")])
    now = [verdict("like", "supports"), verdict("save", "cannot tell"), verdict("view", "not enough data")]
    told = changes.of_table("verdicts", before, parquet(tmp_path / "b", now))
    assert told is not None
    assert told.splitlines() == [
        "- **reddit like**: cannot tell → supports",
        "- **reddit view** is new: not enough data",
        "- **reddit share** is gone (was: cannot tell)",
    ]


def test_sources_that_newly_fail_or_work_again_are_named(tmp_path: Path) -> None:
    """By the last day of each; a source that fails as before is no news; failures stand first."""
    was = [read("a", 1, is_failed=False), read("b", 1, is_failed=True), read("c", 1, is_failed=True)]
    more = [read("a", 2, is_failed=True, error="AuthError: expired"), read("b", 2, is_failed=False)]
    now = parquet(tmp_path / "b", [*was, *more, read("c", 2, is_failed=True), read("d", 2, is_failed=False)])
    told = changes.of_table("source_health", parquet(tmp_path / "a", was), now)
    assert told is not None and "_" not in told, "a sign of Markdown in a name is an entity"
    assert html.unescape(told).splitlines() == [
        "- **a/by_url** newly fails (2026-11-02): AuthError: expired",
        "- **b/by_url** works again (2026-11-02)",
        "- **d/by_url** is read for the first time (2026-11-02)",
    ]


def test_new_keywords_and_pages_are_counted_and_some_are_named(tmp_path: Path) -> None:
    """Names from outside are shown as code, in which Markdown does nothing."""
    before = parquet(tmp_path / "a", [{"keyword": "old", "page_key": "x.example/"}])
    rows = [{"keyword": f"k`{n:02}", "page_key": "x.example/"} for n in range(30)]
    told = changes.of_table("stg_rankings", before, parquet(tmp_path / "b", rows))
    assert told is not None
    new, gone = told.splitlines()
    assert new.startswith("- 30 keywords new: `k'00`, `k'01`") and new.endswith("`k'19`, …")
    assert gone == "- 1 keyword no longer there: `old`"


@pytest.mark.parametrize("name", changes.TOLD)
def test_the_first_time_there_is_nothing_to_compare_with(tmp_path: Path, name: str) -> None:
    """Nothing is called new where nothing was before."""
    assert changes.of_table(name, None, tmp_path / "b") == changes.FIRST_TIME


def test_a_table_of_another_version_is_not_compared(tmp_path: Path) -> None:
    """A column that an older file lacks ends in a sentence, not in an error."""
    before = parquet(tmp_path / "a", [{"keyword": "x"}])
    told = changes.of_table("stg_rankings", before, parquet(tmp_path / "b", [{"keyword": "x", "page_key": "y"}]))
    assert told is not None and "another version" in told


def warehouse(path: Path, **tables: str) -> Path:
    """A database with some tables."""
    with duckdb.connect(str(path)) as con:
        for name, query in tables.items():
            con.execute(f"CREATE TABLE {name} AS {query}")
    return path


def test_a_warehouse_tells_of_rows_that_moved(tmp_path: Path) -> None:
    """Tables with other numbers of rows, new ones and those that are gone; others are not listed."""
    before = warehouse(tmp_path / "a.duckdb", same="SELECT 1", more="FROM range(3)", old="SELECT 1")
    now = warehouse(tmp_path / "b.duckdb", same="SELECT 2", more="FROM range(1500)", fresh="SELECT 1")
    with changes.warehouses(before, now) as con:
        told = changes.of_warehouse(con)
    assert [line for line in told.splitlines() if line.startswith("| ")][1:] == [
        "| fresh | 1 | new |",
        "| more | 1,500 | 3 |",
        "| old | gone | 1 |",
    ]


def test_the_file_of_before_is_kept_until_the_end_of_the_block(tmp_path: Path) -> None:
    """It holds what it held when the block began, although it was replaced; then it leaves no trace."""
    path = tmp_path / "table.parquet"
    with changes.kept(path) as nothing:
        assert nothing is None
    path.write_text("old")
    with changes.kept(path) as before:
        (tmp_path / "new").write_text("new")
        (tmp_path / "new").replace(path)
        assert before is not None and (before.read_text(), path.read_text()) == ("old", "new")
    assert [p.name for p in tmp_path.iterdir()] == ["table.parquet"]
