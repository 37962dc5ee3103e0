"""A table of any export as columns of text, with the line on which every row starts.

CSV, TSV, `;` and `|`; gzip and Parquet, known by content and not by name; any encoding. Fast reading is Arrow's; a file
with broken lines is read again by Python's csv module, which loses the broken lines and no others.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from connectors.errors import TallyrankError
from pipelines.files.encodings import file_bytes, unzipped, utf8

Lines: TypeAlias = npt.NDArray[np.int64]

DELIMITERS = ",;\t|"
HEADER_LINES = 100  # preambles are shorter
_HEAD = 1 << 20
_BATCH = 50_000


@dataclass(frozen=True, slots=True)
class Reject:
    """A line (or one cell of it) that cannot be used, and why."""

    line: int
    reason: str
    row: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file as read. `lines[i]` is the line on which row i starts (for Parquet the row's number), from 1.

    Columns are text, except those of a Parquet file, which keep their types. Names may repeat.
    """

    table: pa.Table
    lines: Lines
    rejects: list[Reject]
    notes: list[str]
    digest: str  # sha256 of the file's bytes
    delimiter: str = ","

    def texts(self, rows: npt.NDArray[Any]) -> list[str]:
        """These rows as they could stand in a file."""
        some = self.table.take(pa.array(rows, pa.int64()))
        columns = [_shown(column) for column in some.columns]
        return [self._joined(cells) for cells in zip(*columns, strict=True)]

    def _joined(self, cells: Sequence[Any]) -> str:
        text = io.StringIO()
        csv.writer(text, delimiter=self.delimiter, lineterminator="").writerow(cells)
        return text.getvalue()


@dataclass(frozen=True, slots=True)
class _Header:
    names: list[str]
    delimiter: str
    n_lines: int  # up to and with the header
    n_bytes: int
    n_skipped: int

    def score(self, is_known: Callable[[str], bool]) -> tuple[int, int]:
        return sum(map(is_known, self.names)), len(self.names)


def read_table(
    path: Path, is_known: Callable[[str], bool], fits: Callable[[Sequence[str]], bool] | None = None
) -> Sheet:
    """Read a file whose header names a column that `is_known`; lines before that header are skipped.

    Where a line `fits` as a whole, that line is the header, whatever the lines before it name.
    """
    raw = file_bytes(path)
    digest = hashlib.sha256(raw).hexdigest()
    data = unzipped(path, raw)
    if data.startswith(b"PAR1"):
        return _parquet(path, data, digest)
    data, notes = utf8(path, data)
    header = _header(data, is_known, fits)
    notes += [f"skipped {header.n_skipped} lines before the header"] if header.n_skipped else []
    body, line = data[header.n_bytes :], header.n_lines + 1
    columns, lines, rejects = _fast(body, header, line) or _careful(body, header, line)
    table, lines = _without_blank_rows(pa.Table.from_arrays(columns, header.names), lines)
    return Sheet(table, lines, rejects, notes, digest, header.delimiter)


def _shown(column: pa.ChunkedArray) -> list[str | None]:
    try:
        return cast("list[str | None]", column.cast(pa.string(), safe=False).to_pylist())
    except pa.ArrowException:  # lists, images
        return [f"({column.type})"] * len(column)


def _parquet(path: Path, data: bytes, digest: str) -> Sheet:
    try:
        table = pyarrow.parquet.read_table(pa.BufferReader(data))
        table.validate(full=True)
    except (pa.ArrowException, OSError):
        raise TallyrankError(f"{path} is a damaged Parquet file: write it again") from None
    return Sheet(table, np.arange(1, table.num_rows + 1), [], [], digest)


def possible_headers(path: Path) -> Iterator[list[str]]:
    """The names of every line that may be the file's header, by every delimiter; of Parquet the one it has."""
    data = unzipped(path, file_bytes(path))
    if data.startswith(b"PAR1"):
        yield _parquet(path, data, "").table.column_names
        return
    head, starts = _head(utf8(path, data)[0])
    for n, at in enumerate(starts):
        yield from (_header_record(head, at, n, delimiter).names for delimiter in DELIMITERS)


def _head(data: bytes) -> tuple[list[str], list[int]]:
    """The first lines, and which of them may be the header."""
    head = list(io.StringIO(data[:_HEAD].decode(errors="ignore"), newline=""))
    return head, [at for at, line in enumerate(head[:HEADER_LINES]) if line.strip()]


def _header(data: bytes, is_known: Callable[[str], bool], fits: Callable[[Sequence[str]], bool] | None) -> _Header:
    head, starts = _head(data)
    every = (_header_record(head, at, n, d) for n, at in enumerate(starts) for d in DELIMITERS)
    if fits and (whole := next((header for header in every if fits(header.names)), None)):
        return whole
    candidates = (_header_at(head, at, n, is_known) for n, at in enumerate(starts))
    known = (header for header in candidates if header.score(is_known)[0])
    return next(known, None) or _header_at(head, starts[0] if starts else 0, 0, is_known)


def _header_at(head: list[str], at: int, n_skipped: int, is_known: Callable[[str], bool]) -> _Header:
    """The line read with the delimiter that gives the most known columns, then the most columns."""
    read = [_header_record(head, at, n_skipped, delimiter) for delimiter in DELIMITERS]
    return max(read, key=lambda header: header.score(is_known))


def _header_record(head: list[str], at: int, n_skipped: int, delimiter: str) -> _Header:
    reader = csv.reader(iter(head[at:]), delimiter=delimiter, skipinitialspace=True)
    try:
        names, n_lines = next(reader), at + reader.line_num
    except (csv.Error, StopIteration):
        names, n_lines = [head[at]], at + 1
    if n_lines > at + 1 and "".join(head[at:n_lines]).count('"') % 2:
        names, n_lines = head[at].split(delimiter), at + 1
    n_bytes = len("".join(head[:n_lines]).encode())
    return _Header([name.strip(" \t\r\n\ufeff") for name in names], delimiter, n_lines, n_bytes, n_skipped)


_Read: TypeAlias = tuple[list[pa.ChunkedArray], Lines, list[Reject]]


def _fast(body: bytes, header: _Header, line: int) -> _Read | None:
    """Arrow's reading, where it is certain which line is which: quotes pair, and both count the same records."""
    has_quotes = b'"' in body
    if has_quotes and _has_odd_quotes(body, header.delimiter.encode()):
        return None
    lines = _record_lines(body, has_quotes) + line
    broken: list[Any] = []
    table = _arrow(body, header, has_quotes, None)
    if table is None:
        table = _arrow(body, header, has_quotes, broken)
    if table is None or table.num_rows + len(broken) != len(lines) or any("\n" in row.text for row in broken):
        return None
    at = [row.number - 1 for row in broken]
    rejects = [
        Reject(int(lines[i]), _miscount(row.actual_columns, row.expected_columns), row.text)
        for i, row in zip(at, broken, strict=True)
    ]
    return table.columns, np.delete(lines, at), rejects


def _has_odd_quotes(body: bytes, delimiter: bytes) -> bool:
    """Quotes that do not pair, with letters on both sides, or after spaces: readers differ over them."""
    after_spaces = rb"(?:\A|[\r\n" + re.escape(delimiter) + rb']) +"'
    if body.count(b'"') % 2 or (b' "' in body and re.search(after_spaces, body)):
        return True
    data = np.frombuffer(b"\n" + body + b"\n", np.uint8)
    is_border = np.zeros(256, bool)
    is_border[list(b'\r\n"' + delimiter)] = True
    at = np.flatnonzero(data == ord('"'))
    return bool((~is_border[data[at - 1]] & ~is_border[data[at + 1]]).any())


def _arrow(body: bytes, header: _Header, has_quotes: bool, broken: list[Any] | None) -> pa.Table | None:
    """None for a body with a broken line; with a list for the broken ones, slower and without them."""
    names = [str(i) for i in range(len(header.names))]
    parse = pyarrow.csv.ParseOptions(delimiter=header.delimiter, newlines_in_values=has_quotes)
    if broken is not None:
        parse.invalid_row_handler = _collector(broken)
    convert = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False)
    read = pyarrow.csv.ReadOptions(column_names=names, block_size=1 << 22, use_threads=broken is None)
    try:
        return pyarrow.csv.read_csv(pa.BufferReader(body), read, parse, convert)
    except pa.ArrowInvalid:
        return None


def _collector(broken: list[Any]) -> Callable[[Any], str]:
    def collect(row: Any) -> str:
        broken.append(row)
        return "skip"

    return collect


def _miscount(n: int, width: int) -> str:
    return f"{n} field{'s' * (n != 1)} instead of {width}"


def _record_lines(body: bytes, has_quotes: bool) -> Lines:
    """How many lines stand before each record that is not blank. Between an odd and an even quote no record ends."""
    data = np.frombuffer(body, np.uint8)
    is_end = data == ord("\n")
    if b"\r" in body:
        is_end[:-1] |= (data[:-1] == ord("\r")) & ~is_end[1:]
        is_end[-1] |= data[-1] == ord("\r")
    ends = np.flatnonzero(is_end)
    outside = np.arange(len(ends))
    if has_quotes:
        outside = np.flatnonzero(np.searchsorted(np.flatnonzero(data == ord('"')), ends) % 2 == 0)
    starts, lines = np.append(0, ends[outside] + 1), np.append(0, outside + 1).astype(np.int64)
    first = data[starts[starts < len(body)]]
    kept: Lines = lines[: len(first)][(first != ord("\n")) & (first != ord("\r"))]
    return kept


@dataclass(slots=True)
class _Rewindable(Iterator[str]):
    """Lines for a csv reader, which can be put back."""

    lines: list[str]
    at: int = 0

    def __next__(self) -> str:
        if self.at >= len(self.lines):
            raise StopIteration
        self.at += 1
        return self.lines[self.at - 1]


@dataclass(slots=True)
class _Kept:
    """Rows on their way into Arrow, some at a time."""

    width: int
    rows: list[list[str]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    batches: list[list[pa.Array]] = field(default_factory=list)

    def add(self, row: list[str], line: int) -> None:
        self.rows.append(row)
        self.lines.append(line)
        if len(self.rows) == _BATCH:
            self.flush()

    def flush(self) -> None:
        if self.rows:
            self.batches.append([pa.array(cells, pa.string()) for cells in zip(*self.rows, strict=True)])
            self.rows = []

    def columns(self) -> list[pa.ChunkedArray]:
        self.flush()
        return [pa.chunked_array([batch[i] for batch in self.batches], pa.string()) for i in range(self.width)]


def _careful(body: bytes, header: _Header, line: int) -> _Read:
    """Python's reading: after a broken record it goes on at the next line."""
    source = _Rewindable(list(io.StringIO(body.decode(), newline="")))
    reader = csv.reader(source, delimiter=header.delimiter, skipinitialspace=True)
    kept, rejects = _Kept(len(header.names)), []
    while (start := source.at) < len(source.lines):
        row, fault = _record(reader, source, kept.width, header.delimiter)
        if fault:
            text = "".join(source.lines[start : source.at]).rstrip("\r\n")
            rejects.append(Reject(line + start, fault, text))
        elif row:
            kept.add(row, line + start)
    return kept.columns(), np.array(kept.lines, np.int64), rejects


def _record(reader: Any, source: _Rewindable, width: int, delimiter: str) -> tuple[list[str], str]:
    """The next record and what is wrong with it; of one whose quotes do not pair, only its first line is consumed."""
    start = source.at
    try:
        row = next(reader)
    except csv.Error as error:
        source.at = start + 1
        return [], f"not readable as a table row ({error})"
    fault = _miscount(len(row), width) if len(row) not in (0, width) else ""
    lines = source.lines[start : source.at]
    # Quotes that do not pair, or a broken record that has swallowed whole ones
    is_whole = (line.count(delimiter) == width - 1 for line in lines[1:])
    if len(lines) > 1 and ("".join(lines).count('"') % 2 or (fault and any(is_whole))):
        source.at = start + 1
        return [], "a quotation mark is opened and not closed"
    return row, fault


def _without_blank_rows(table: pa.Table, lines: Lines) -> tuple[pa.Table, Lines]:
    """Spreadsheets save the rows below the table as `,,,`."""
    blank = np.ones(table.num_rows, bool)
    for column in table.columns:
        if not blank.any():
            return table, lines
        blank &= pc.equal(column, "").to_numpy()
    return table.filter(pa.array(~blank)), lines[~blank]
