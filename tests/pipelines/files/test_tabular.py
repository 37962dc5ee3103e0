"""Reading the tables that other tools export: encodings, delimiters, broken lines, line numbers."""

from __future__ import annotations

import csv
import gzip
import io
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from connectors.errors import TallyrankError
from pipelines.files.tabular import DELIMITERS, Sheet, read_table

QUIET = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read(folder: Path, content: str | bytes, *known: str, name: str = "export.csv") -> Sheet:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_table(path, lambda column: column in (known or ("url",)))


def rows(sheet: Sheet) -> list[list[str]]:
    return [list(cells) for cells in zip(*(c.to_pylist() for c in sheet.table.columns), strict=True)]


@pytest.mark.parametrize("delimiter", DELIMITERS)
def test_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    """Comma, semicolon, tab and bar are told apart by the header."""
    sheet = read(tmp_path, "url,n\na.b/c,1\n".replace(",", delimiter))
    assert (sheet.table.column_names, rows(sheet), sheet.delimiter) == (["url", "n"], [["a.b/c", "1"]], delimiter)


def test_delimiter_that_names_known_columns_wins(tmp_path: Path) -> None:
    """A header with more commas than semicolons is still a semicolon header when that finds the column."""
    assert read(tmp_path, "url;a, b, c, d\nx.y;1\n").table.column_names == ["url", "a, b, c, d"]


TEXT = "url,title\nhttps://a.b/é,Café “crème” – déjà vu à Montréal\n"


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b""),
        ("utf-8", b"\xef\xbb\xbf"),
        ("utf-16-le", b"\xff\xfe"),
        ("utf-16-be", b"\xfe\xff"),
        ("utf-16-le", b""),
        ("utf-16-be", b""),
        ("utf-32-le", b"\xff\xfe\0\0"),
        ("cp1252", b""),
    ],
)
def test_encodings(tmp_path: Path, encoding: str, mark: bytes) -> None:
    """Every usual encoding gives the same table, with or without a byte order mark."""
    sheet = read(tmp_path, mark + TEXT.encode(encoding))
    assert rows(sheet) == [["https://a.b/é", "Café “crème” – déjà vu à Montréal"]]
    assert sheet.table.column_names == ["url", "title"]


@pytest.mark.parametrize(
    ("encoding", "title"),
    [
        ("cp1251", "Как выбрать телефон в этом году"),
        ("cp932", "検索順位とソーシャルの関係について"),
        ("gb18030", "搜索排名与社交投票的关系"),
        ("euc_kr", "검색 순위와 소셜 투표의 관계"),
        ("cp1250", "Nejčastější dotazy, příliš žluťoučký kůň"),
        ("cp1252", "Größe"),
    ],
)
def test_code_pages(tmp_path: Path, encoding: str, title: str) -> None:
    """Code pages of other scripts are recognised, also where the first accents come late in the file."""
    plain = "https://a.b/c;plain\n" * 5000
    sheet = read(tmp_path, f"url;title\n{plain}https://a.b/c;{title}\n".encode(encoding))
    assert rows(sheet)[-1][1] == title
    assert sheet.notes[0].startswith("read as ")


def test_one_broken_byte_leaves_utf8(tmp_path: Path) -> None:
    """A UTF-8 file with one bad byte stays UTF-8; the others' accents survive, and a note says so."""
    sheet = read(tmp_path, ("url,t\n" + "a.b,ééé\n" * 50).encode() + b"a.b,\xff\n")
    assert (rows(sheet)[0][1], rows(sheet)[-1][1]) == ("ééé", "\ufffd")
    assert sheet.notes == ["1 characters are broken: they are not utf-8"]


def test_gzip_is_known_by_content(tmp_path: Path) -> None:
    """A gzip file under any name is unpacked."""
    assert rows(read(tmp_path, gzip.compress(b"url,n\na.b,1\n", mtime=0), name="x.csv")) == [["a.b", "1"]]


def test_parquet_keeps_types(tmp_path: Path) -> None:
    """Parquet is known by content, its columns keep their types, its lines are row numbers."""
    buffer = io.BytesIO()
    pq.write_table(pa.table({"url": ["a.b", "c.d"], "n": [1, 2]}), buffer)
    sheet = read(tmp_path, buffer.getvalue())
    assert (sheet.table.schema.field("n").type, sheet.lines.tolist()) == (pa.int64(), [1, 2])


def test_preamble_is_skipped(tmp_path: Path) -> None:
    """Lines before the header are skipped when they name no known column, and still count as lines."""
    sheet = read(tmp_path, 'Report "all, pages"\nExported;today\n\nurl,n\na.b,1\n')
    assert (rows(sheet), sheet.lines.tolist()) == ([["a.b", "1"]], [5])
    assert sheet.notes == ["skipped 2 lines before the header"]


def test_first_line_that_names_a_column_is_the_header(tmp_path: Path) -> None:
    """A later line that looks more like a header is data."""
    assert rows(read(tmp_path, "url,n\nurl,url\n")) == [["url", "url"]]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_are_where_records_start(tmp_path: Path, end: str) -> None:
    """Quoted line breaks, blank lines, rows of mere delimiters and every line ending leave the numbers right."""
    text = 'url,t\n"a\n\nb",1\n\nc,2\n,\n"d,"",e",3\nf,"x\ny"'.replace("\n", end)
    sheet = read(tmp_path, text)
    assert sheet.lines.tolist() == [2, 6, 8, 9]
    assert rows(sheet)[2] == ['d,",e', "3"]


def test_broken_lines_are_set_aside(tmp_path: Path) -> None:
    """A line with too few or too many cells is a reject with its line and text; the others are kept."""
    sheet = read(tmp_path, 'url,t\na,1\nb\n"c,d",2,3\ne,"5\n6"\nf,6\n')
    assert [(r.line, r.reason, r.row) for r in sheet.rejects] == [
        (3, "1 field instead of 2", "b"),
        (4, "3 fields instead of 2", '"c,d",2,3'),
    ]
    assert (sheet.lines.tolist(), rows(sheet)[-1]) == ([2, 5, 7], ["f", "6"])


@pytest.mark.parametrize("tail", ["", 'x,"y z"\n', '"x","y"\n'])
def test_open_quote_swallows_nothing(tmp_path: Path, tail: str) -> None:
    """A quotation mark that is never closed costs its own line only."""
    sheet = read(tmp_path, 'url,t\na,1\n"b,2\nc,3\nd,4\n' + tail)
    assert [(r.line, r.row) for r in sheet.rejects] == [(3, '"b,2')]
    assert sheet.lines.tolist() == [2, 4, 5, 6][: 3 + bool(tail)]


def test_broken_record_over_lines_gives_back_whole_rows(tmp_path: Path) -> None:
    """Two open quotes far apart, which together look like one long cell, cost these two lines only."""
    sheet = read(tmp_path, 'url,t,n\na,1,1\n"b,2,2\nc,3,3\nd,4,4\ne","5\nf,6,6\n')
    assert [r.line for r in sheet.rejects] == [3, 6]
    assert [row[0] for row in rows(sheet)] == ["a", "c", "d", "f"]


def test_inner_quotes_and_spaces_before_quotes(tmp_path: Path) -> None:
    """Inches, quotes inside quotes and `, "x"` are read, not refused."""
    sheet = read(tmp_path, 'url,t\na,5" disk\nb, "x, y"\nc,"say "hi" now"\n')
    assert [row[1] for row in rows(sheet)[:2]] == ['5" disk', "x, y"]
    assert (len(rows(sheet)), sheet.rejects) == (3, [])


@pytest.mark.parametrize(
    ("content", "advice"),
    [
        (b"", "is empty"),
        (b" \n\r\n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (bytes(range(256)) * 40, "is no table of text"),
        (b"PK\x03\x04" + bytes(50), "save the sheet as CSV"),
        (b"%PDF-1.7\n", "is a PDF"),
        (b"\x1f\x8b\x08broken", "damaged gzip"),
        (gzip.compress(b"url,n\na,1\n" * 99, mtime=0)[:-9], "damaged gzip"),
        (gzip.compress(b"", mtime=0), "holds an empty file"),
        (b"PAR1 and no more", "damaged Parquet"),
    ],
)
def test_rubbish_is_refused_with_advice(tmp_path: Path, content: bytes, advice: str) -> None:
    """What is no table is refused in one line that names the file."""
    with pytest.raises(TallyrankError, match=advice) as caught:
        read(tmp_path, content)
    assert "export.csv" in str(caught.value) and "\n" not in str(caught.value)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    """A wrong name and a folder are refused with advice."""
    with pytest.raises(TallyrankError, match="does not exist"):
        read_table(tmp_path / "none.csv", bool)
    with pytest.raises(TallyrankError, match="is a folder"):
        read_table(tmp_path, bool)


CELL = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=8) | st.sampled_from(
    ["a\nb", 'say "hi"', "a,b", "x;y", "a\tb", "a\r\nb", '"', "''", " x "]
)


@QUIET
@given(
    table=st.lists(st.tuples(st.just("u"), CELL, CELL), max_size=8),
    delimiter=st.sampled_from(DELIMITERS),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_round_trip(tmp_path: Path, table: list[tuple[str, ...]], delimiter: str, encoding: str, end: str) -> None:
    """Any table survives csv, in any delimiter and Unicode encoding, and each row starts on the line it is said to."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end)
    writer.writerow(("url", "a", "b"))
    starts = []
    for row in table:
        starts.append(1 + sum(1 for _ in io.StringIO(text.getvalue(), newline="")))
        writer.writerow(row)
    sheet = read(tmp_path, text.getvalue().encode(encoding))
    wanted = [list(row) for row in table]
    assert (_stripped(rows(sheet)), sheet.rejects, sheet.lines.tolist()) == (_stripped(wanted), [], starts)


def _stripped(table: list[list[str]]) -> list[list[str]]:
    """Spaces before a cell mean nothing in exports."""
    return [[cell.lstrip(" ") for cell in row] for row in table]


LINE = st.text(st.sampled_from('ab,"" \u00e9'), max_size=10)


@QUIET
@given(st.lists(LINE, max_size=12))
@example(['"', '"'])
def test_no_line_is_lost(tmp_path: Path, lines: list[str]) -> None:
    """Whatever the quotes do, every line that is not blank belongs to a row or a reject, and no line to two."""
    sheet = read(tmp_path, "\n".join(["url,t", *lines]) + "\n")
    starts = sorted([*sheet.lines.tolist(), *(r.line for r in sheet.rejects)])
    assert len(set(starts)) == len(starts)
    assert all(2 <= n <= len(lines) + 1 and lines[n - 2] for n in starts)


@QUIET
@given(st.binary(max_size=300) | st.text(max_size=80).map(str.encode) | st.binary(max_size=99).map(gzip.compress))
def test_only_our_error(tmp_path: Path, content: bytes) -> None:
    """Arbitrary bytes are read or refused with a TallyrankError of one line."""
    try:
        sheet = read(tmp_path, content)
    except TallyrankError as error:
        assert "\n" not in str(error)
    else:
        assert len(sheet.lines) == sheet.table.num_rows


def test_three_megabytes_are_quick(tmp_path: Path) -> None:
    """A usual export is read in well under a second, also with a broken line in it."""
    line = "https://www.example.com/some/long/path-of-a-page,reddit,like,2026-01-02 03:04:05,12\n"
    body = f"url,platform,verb,observed_at,count\n{line * 36_000}broken\n"
    assert len(body) > 3e6
    start = time.perf_counter()
    sheet = read(tmp_path, body)
    assert time.perf_counter() - start < 2.0  # a busy machine; alone it is a tenth of that
    assert (len(sheet.lines), sheet.rejects[0].line) == (36_000, 36_002)


def test_texts_are_rows_again(tmp_path: Path) -> None:
    """Rows can be shown as they could stand in the file, with its delimiter."""
    sheet = read(tmp_path, 'url;t\na;"x;y"\nb;z\n')
    assert sheet.texts(np.array([0, 1])) == ['a;"x;y"', "b;z"]
