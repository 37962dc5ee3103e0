"""The table `verdict_history`: it remembers, replaces its own day, and survives its own broken file."""

from __future__ import annotations

import logging
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.evidence import table, verdict_history, verdicts
from tests.pipelines.making import LIST_DAY, fill, made, result, seen

FIRST, SECOND = date(2026, 1, 31), date(2026, 2, 3)


def lake_of(folder, day=LIST_DAY):
    """A lake with lists up to a day, and its verdicts."""
    urls = [f"https://site{n}.example/" for n in range(1, 9)]
    votes = [seen(29, 3 * n % 7, url=url) for n, url in enumerate(urls)]
    lists = [result(d, url, n) for d in range(LIST_DAY, day + 1) for n, url in enumerate(urls, 1)]
    lake = made(fill(folder, votes, lists))
    for name in verdicts.READS[:4]:
        table.build(lake, table.tables()[name])
    table.build(lake, verdicts.TABLE)
    return lake


def said(lake, **words):
    """Put other words in the place of the verdicts reached."""
    path = lake.table_path("verdicts")
    rows = [row | words for row in pq.read_table(path, partitioning=None).to_pylist()]
    pq.write_table(pa.Table.from_pylist(rows, schema=pq.read_schema(path)), path)


def history(lake):
    """The table, made once more."""
    return table.build(lake, verdict_history.TABLE)


def words(rows):
    """Day and word of every row."""
    return [(row["as_of_day"], row["verdict"]) for row in rows]


def test_a_day_is_the_day_of_the_newest_list(tmp_path):
    """Not the day on which somebody ran the analysis: the same data give the same history whenever they are read."""
    (row,) = history(lake_of(tmp_path))
    assert row["as_of_day"] == FIRST
    assert (row["engine"], row["rank_kind"], row["platform"], row["verb"]) == ("google", "organic", "reddit", "like")
    assert (row["verdict"], row["direction"], row["estimate"]) == ("not enough data", "unknown", None)


def test_a_new_day_is_added_and_the_old_one_stays_as_it_was(tmp_path):
    """What was said then is not recomputed by what is known now."""
    lake = lake_of(tmp_path)
    said(lake, verdict="supports", estimate=1.5, ci_low=0.5, ci_high=2.5, q_value=0.01)
    before = history(lake)
    rows = history(lake_of(tmp_path, LIST_DAY + 3))
    assert words(rows) == [(FIRST, "supports"), (SECOND, "not enough data")]
    assert rows[:1] == before


def test_the_same_day_again_replaces_its_rows(tmp_path):
    """An analysis may be repeated: one row per day and pair, the last word counts, and a pair that is gone is gone."""
    lake = lake_of(tmp_path)
    said(lake, verdict="supports", platform="hatena")
    history(lake)
    said(lake, verdict="cannot tell", platform="reddit")
    assert words(history(lake)) == [(FIRST, "cannot tell")]
    assert history(lake) == history(lake)


def test_a_day_without_verdicts_takes_nothing_away(tmp_path):
    """A lake whose lists are gone keeps its history."""
    lake = lake_of(tmp_path)
    before = history(lake)
    made(fill(tmp_path))
    table.build(lake, verdicts.TABLE)
    assert history(lake) == before


def test_data_read_again_from_an_earlier_day_keep_the_later_days(tmp_path):
    """Days are in order of the data, not of the analyses."""
    history(lake_of(tmp_path, LIST_DAY + 3))
    assert [day for day, _ in words(history(lake_of(tmp_path)))] == [FIRST, SECOND]


@pytest.mark.parametrize("harm", ["cut", "empty", "foreign", "no day"])
def test_a_broken_file_is_put_aside_and_the_day_goes_on(tmp_path, caplog, harm):
    """Today is written, the broken file is kept whole under another name, and the log says which."""
    lake = lake_of(tmp_path)
    history(lake)
    path = lake.table_path("verdict_history")
    _harm(path, harm)
    content = path.read_bytes()
    with caplog.at_level(logging.WARNING):
        assert words(history(lake)) == [(FIRST, "not enough data")]
    aside = path.with_name("verdict_history.parquet.unreadable-1")
    assert aside.read_bytes() == content
    assert str(aside) in caplog.text and "analyze" in caplog.text
    with lake.connect() as con:
        assert con.execute("SELECT count(*) FROM verdict_history").fetchall() == [(1,)]


def _harm(path, harm):
    whole = path.read_bytes()
    if harm == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    elif harm == "empty":
        path.write_bytes(b"")
    elif harm == "foreign":
        pq.write_table(pa.table({"as_of_day": ["a week ago"], "engine": ["google"]}), path)
    else:
        read = pq.read_table(path, partitioning=None)
        pq.write_table(read.set_column(0, "as_of_day", pa.nulls(len(read), pa.date32())), path)


def test_two_broken_files_are_both_kept(tmp_path):
    """Putting aside never overwrites what was put aside before."""
    lake = lake_of(tmp_path)
    path = lake.table_path("verdict_history")
    for content in (b"one", b"two"):
        path.write_bytes(content)
        history(lake)
    found = {p.read_bytes() for p in path.parent.glob("verdict_history.parquet.unreadable-*")}
    assert found == {b"one", b"two"}


def test_a_file_of_a_version_that_knew_less_is_read(tmp_path):
    """A column that came later is unknown in older days, and nothing is put aside."""
    lake = lake_of(tmp_path)
    history(lake)
    path = lake.table_path("verdict_history")
    pq.write_table(pq.read_table(path, partitioning=None).drop_columns(["q_value", "rung"]), path)
    old, new = history(lake_of(tmp_path, LIST_DAY + 3))
    assert (old["as_of_day"], old["rung"], new["rung"]) == (FIRST, None, "association")
    assert not list(path.parent.glob("*unreadable*"))
