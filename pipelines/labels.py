"""Labels that people give to pages: a ledger beside the lake, which only grows; the last entry about a page wins.

    <data>/labels.csv     url,query,label,author,labelled_at,note

An empty query means every brand query. Cells that a spreadsheet would calculate begin with an apostrophe, which is
taken off again where the file is read.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from connectors.errors import TallyrankError
from connectors.urls import host, url_key
from dashboards.safe import as_cell, is_formula
from dashboards.words import LABELS

NAME = "labels.csv"
HEADER = ("url", "query", "label", "author", "labelled_at", "note")
LONGEST = {"url": 2_000, "query": 400, "author": 100, "note": 1_000}
LOCK_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Label:
    """What somebody called a page, for one brand query or (None) for every one, and when."""

    url: str
    page_key: str
    query: str | None
    label: str
    author: str
    labelled_at: datetime
    note: str = ""


class Entries(NamedTuple):
    """The entries of a ledger, oldest first, and what is wrong with the lines that are none, in words."""

    labels: tuple[Label, ...]
    faults: tuple[str, ...]


def same_query(text: str) -> str:
    """A query as staging writes keywords: in lower case with single spaces."""
    return re.sub(r"[ \t\n\f\r]+", " ", text).lower().strip(" ")


def add(root: Path, url: str, label: str, author: str, query: str | None = None, note: str = "") -> Label:
    """Append an entry to the ledger of a data folder; TallyrankError, and nothing written, where it cannot be."""
    made = checked(url, query or "", label, author, datetime.now(UTC), note)
    path = root / NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(path.with_name(f"{NAME}.lock"), timeout=LOCK_SECONDS):
            _append(path, made)
    except Timeout:
        raise TallyrankError(f"{path} is held by another process since {LOCK_SECONDS} s; try again") from None
    except OSError as error:
        raise TallyrankError(f"{path} cannot be written ({error.strerror}); nothing was labelled") from None
    return made


def checked(url: str, query: str, label: str, author: str, labelled_at: datetime, note: str) -> Label:
    """An entry from texts; raises TallyrankError that says what is wrong with them."""
    texts = {"url": url, "query": query, "author": author, "note": note}
    clean = {name: " ".join(text.split()) for name, text in texts.items()}
    for name, most in LONGEST.items():
        if len(clean[name]) > most:
            raise TallyrankError(f"{name} has {len(clean[name]):,} characters; {most:,} are the most")
    key = url_key(clean["url"])
    if key is None or "." not in (host(key) or ""):  # any word could be a host
        raise TallyrankError(f"{clean['url']!r} is no web address; write it like https://example.com/page")
    if label not in LABELS:
        raise TallyrankError(f"{label!r} is no label; use one of {', '.join(LABELS)}")
    if not clean["author"]:
        raise TallyrankError("a label needs an author, so that others know whom to ask")
    asked = same_query(clean["query"]) or None
    return Label(clean["url"], key, asked, label, clean["author"], labelled_at, clean["note"])


def _append(path: Path, entry: Label) -> None:
    """One line more, in one write, with a header before it in a new file."""
    before = path.read_bytes() if path.exists() else b""
    if before and _header(before.decode("utf-8-sig", "replace")) != HEADER:
        raise TallyrankError(f"{path} does not begin with {','.join(HEADER)}; mend its first line, or move it away")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if not before:
        writer.writerow(HEADER)
    elif not before.endswith(b"\n"):
        text.write("\n")
    cells = (entry.url, entry.query or "", entry.label, entry.author, entry.labelled_at.isoformat(), entry.note)
    writer.writerow([_harmless(cell) for cell in cells])
    with path.open("ab") as file:
        file.write(text.getvalue().encode())
        file.flush()
        os.fsync(file.fileno())


def _header(text: str) -> tuple[str, ...]:
    return tuple(next(csv.reader(io.StringIO(text)), ()))


def read(root: Path) -> Entries:
    """All entries of a data folder's ledger, and its faults; none where nobody has labelled anything."""
    path = root / NAME
    if not path.exists():
        return Entries((), ())
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        return Entries((), (f"{path} is not UTF-8, so no label is read; save it as UTF-8",))
    except OSError as error:
        return Entries((), (f"{path} cannot be read ({error.strerror}), so no label is known; check its permissions",))
    if text and _header(text) != HEADER:
        return Entries((), (f"{path} does not begin with {','.join(HEADER)}, so no label is read; mend that line",))
    return _entries(path, text)


def _entries(path: Path, text: str) -> Entries:
    labels, faults = [], []
    lines = csv.reader(io.StringIO(text, newline=""))
    next(lines, None)
    try:
        for cells in lines:
            try:
                if cells:
                    labels.append(_label(cells))
            except (TallyrankError, ValueError) as error:
                faults.append(f"{path}, line {lines.line_num} is not read: {error}")
    except csv.Error as error:
        faults.append(f"{path}, from line {lines.line_num} on nothing is read: {error}")
    return Entries(tuple(labels), tuple(faults))


def _label(cells: list[str]) -> Label:
    if len(cells) != len(HEADER):
        raise TallyrankError(f"it has {len(cells)} cells, not {len(HEADER)}")
    url, query, label, author, at, note = map(_plain, cells)
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        raise TallyrankError(f"{at!r} is no moment; write it like 2026-11-21T09:30:00+00:00") from None
    return checked(url, query, label, author, moment if moment.tzinfo else moment.replace(tzinfo=UTC), note)


def _harmless(cell: str) -> str:
    """Text that no spreadsheet calculates; what begins with an apostrophe gets one more, to be the same when read."""
    return f"'{cell}" if cell.startswith("'") else as_cell(cell)


def _plain(cell: str) -> str:
    rest = cell.removeprefix("'")
    return rest if rest != cell and (rest.startswith("'") or is_formula(rest)) else cell


def latest(labels: Iterable[Label]) -> dict[tuple[str, str | None], Label]:
    """The entry that holds for each page and query (None: every query). The last one wins, and one about every query
    replaces what was said of single ones before.
    """
    holding: dict[tuple[str, str | None], Label] = {}
    for each in labels:
        if each.query is None:
            holding = {about: label for about, label in holding.items() if about[0] != each.page_key}
        holding[each.page_key, each.query] = each
    return holding


@dataclass(frozen=True)
class Ledger:
    """The labels of a data folder, for whoever is handed them: the web app reads and adds, and knows no path."""

    root: Path

    def read(self) -> Entries:
        """All entries, the oldest first, and faults in words."""
        return read(self.root)

    def latest(self) -> dict[tuple[str, str | None], Label]:
        """The entry that holds for each page and query."""
        return latest(read(self.root).labels)

    def add(self, url: str, label: str, author: str, query: str | None, note: str) -> Label:
        """Append an entry; TallyrankError, and nothing written, where it cannot be."""
        return add(self.root, url, label, author, query, note)


def told(root: Path) -> Iterator[str]:
    """The whole ledger in words, faults first, then every entry, newest first; entries that others replaced say so."""
    labels, faults = read(root)
    yield from faults
    holding = {id(each) for each in latest(labels).values()}
    for each in reversed(labels):
        about = f"for {each.query!r}" if each.query else "for every brand query"
        note = f": {each.note}" if each.note else ""
        past = "" if id(each) in holding else " (replaced since)"
        yield f"{each.labelled_at:%Y-%m-%d %H:%M} {each.label}{past} {each.url} {about}, by {each.author}{note}"
    if not labels:
        yield "No page is labelled yet: tallyrank label URL hostile --author NAME"
