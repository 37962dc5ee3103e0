"""The ledger of labels: it only grows, its last entry wins, and neither people nor spreadsheets break it."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import TallyrankError
from dashboards.safe import is_formula
from pipelines import labels
from tests.conftest import TALLYRANK

PAGE = "https://bad.example/acme-scam"
KEY = "bad.example/acme-scam"
HEADER = "url,query,label,author,labelled_at,note\n"


def holding(root):
    """Label and author that hold for each page and query."""
    return {about: (each.label, each.author) for about, each in labels.latest(labels.read(root).labels).items()}


def test_the_last_entry_wins_and_the_history_stays(tmp_path):
    """Every entry is kept with author and moment; the newest of one page and query holds."""
    labels.add(tmp_path, PAGE, "hostile", "Ann", note="a review")
    labels.add(tmp_path, f"{PAGE}/", "neutral", "Bob")
    assert holding(tmp_path) == {(KEY, None): ("neutral", "Bob")}
    entries, faults = labels.read(tmp_path)
    assert [(e.label, e.author, e.note) for e in entries] == [("hostile", "Ann", "a review"), ("neutral", "Bob", "")]
    assert faults == () and entries[0].labelled_at <= entries[1].labelled_at <= datetime.now(UTC)


def test_a_label_for_one_query_stands_beside_that_for_every_one_until_a_later_one_covers_both():
    """What is said of every query later replaces what was said of single ones before."""
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    every, one, later = (
        labels.checked(PAGE, query, label, "Ann", moment, "")
        for query, label in (("", "neutral"), ("Acme  Review", "hostile"), ("", "friendly"))
    )
    assert labels.latest([every, one]) == {(KEY, None): every, (KEY, "acme review"): one}
    assert labels.latest([every, one, later]) == {(KEY, None): later}


@given(st.text(max_size=60), st.text(max_size=60))
def test_what_is_written_is_read(author, note):
    """Any text comes back as it was said, with white space folded; no cell begins like a formula."""
    folded = [" ".join(text.split()) for text in (author, note)]
    made = labels.checked(PAGE, "", "hostile", f"A{author}", datetime(2026, 1, 1, tzinfo=UTC), note)
    for text in folded:
        assert labels._plain(labels._harmless(text)) == text
        assert not is_formula(labels._harmless(text))
    assert made.note == folded[1]


@pytest.mark.parametrize("text", ["=HYPERLINK(1)", "+1", "-1", "@x", "|x", "'quoted", "''=x", 'a "b", c', "ümlaut"])
def test_a_spreadsheet_finds_no_formula_and_a_reader_the_same_words(tmp_path, text):
    """The cell in the file is text; the entry says what was said."""
    labels.add(tmp_path, PAGE, "hostile", text, note=text)
    cells = list(csv.reader((tmp_path / labels.NAME).open(encoding="utf-8", newline="")))[1]
    assert not any(cell.startswith(("=", "+", "-", "@", "|")) for cell in cells)
    (entry,) = labels.read(tmp_path).labels
    assert (entry.author, entry.note) == (text, text)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"url": "nonsense"}, "is no web address"), ({"label": "bad"}, "use one of owned, friendly, neutral, hostile"),
        ({"author": "  "}, "needs an author"), ({"note": "x" * 1001}, "note has 1,001 characters"),
        ({"author": "x" * 101}, "author has 101"), ({"query": "x" * 401}, "query has 401"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_and_not_written(tmp_path, change, words):
    """One error in words, and no file."""
    given = {"url": PAGE, "label": "hostile", "author": "Ann"} | change
    with pytest.raises(TallyrankError, match=words):
        labels.add(tmp_path, **given)
    assert not (tmp_path / labels.NAME).exists()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (f"{PAGE},,hostile,Ann\n", "it has 4 cells, not 6"),
        (f"{PAGE},,evil,Ann,2026-01-01,\n", "'evil' is no label"),
        (f"{PAGE},,hostile,Ann,soon,\n", "'soon' is no moment"),
        ("nowhere,,hostile,Ann,2026-01-01,\n", "is no web address"),
    ],
)
def test_a_damaged_line_is_named_and_the_others_are_read(tmp_path, line, words):
    """People edit the file by hand: a slip costs that line, and is said with its number."""
    good = f"{PAGE},,hostile,Ann,2026-01-01T10:00:00,by hand\n\n"
    (tmp_path / labels.NAME).write_text(f"\ufeff{HEADER}{line}{good}", encoding="utf-8")
    entries, faults = labels.read(tmp_path)
    assert [(e.label, e.labelled_at) for e in entries] == [("hostile", datetime(2026, 1, 1, 10, tzinfo=UTC))]
    assert len(faults) == 1 and re.search(rf"labels\.csv, line 2 is not read: .*{re.escape(words)}", faults[0])


@pytest.mark.parametrize(
    ("content", "words"), [(b"page,label\n", "does not begin with url,query"), (b"\xff\xfe\x00", "is not UTF-8")]
)
def test_a_file_that_is_no_ledger_is_neither_read_nor_written(tmp_path, content, words):
    """The fault says what to do; nothing is appended to somebody's other file."""
    path = tmp_path / labels.NAME
    path.write_bytes(content)
    entries, faults = labels.read(tmp_path)
    assert entries == () and words in faults[0]
    with pytest.raises(TallyrankError, match="does not begin with"):
        labels.add(tmp_path, PAGE, "hostile", "Ann")
    assert path.read_bytes() == content


def test_a_file_without_a_last_line_break_is_continued_on_a_new_line(tmp_path):
    """Editors leave it out."""
    (tmp_path / labels.NAME).write_text(f"{HEADER}{PAGE},,hostile,Ann,2026-01-01,", encoding="utf-8")
    labels.add(tmp_path, PAGE, "neutral", "Bob")
    assert [e.label for e in labels.read(tmp_path).labels] == ["hostile", "neutral"]


ADD = "import sys; from pathlib import Path; from pipelines import labels\n" + (
    "for n in range(20): labels.add(Path(sys.argv[1]), f'https://a.example/{sys.argv[2]}/{n}', 'hostile', 'Ann')"
)


def test_processes_that_label_at_once_lose_nothing(tmp_path):
    """Three processes, twenty entries each: sixty whole lines below one header."""
    command = [sys.executable, "-c", ADD, str(tmp_path)]
    workers = [subprocess.Popen([*command, str(n)]) for n in range(3)]
    assert [worker.wait(60) for worker in workers] == [0, 0, 0]
    entries, faults = labels.read(tmp_path)
    assert len({e.url for e in entries}) == 60 and faults == ()


def said(data, *arguments):
    """What `tallyrank label` prints, and its exit code."""
    done = subprocess.run(
        [*TALLYRANK, "--data", str(data), "label", *arguments], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


def test_the_command_labels_lists_and_refuses(tmp_path):
    """Told in words what holds now; the list shows entries of before as replaced; errors are one line."""
    assert "No page is labelled yet" in said(tmp_path, "--list")[1]
    assert said(tmp_path, PAGE, "hostile", "--author", "Ann", "--query", "ACME Review", "--note", "[red]") == (
        0, f"{PAGE} is hostile for 'acme review'; `tallyrank analyze` takes it over\n", "",
    )  # fmt: skip
    said(tmp_path, PAGE, "neutral", "--author", "Bob")
    listed = said(tmp_path, "--list")[1].splitlines()
    assert "neutral https" in listed[0] and "by Bob" in listed[0]
    assert "hostile (replaced since)" in listed[1] and "by Ann: [red]" in listed[1]
    code, _, words = said(tmp_path, PAGE, "evil", "--author", "Ann")
    assert code == 1 and words.startswith("tallyrank: 'evil' is no label")
    assert said(tmp_path, PAGE)[0] == 2


def test_the_command_line_starts_without_textblob():
    """Its import takes a second; only the table of suggestions needs it."""
    code = (
        "import sys, pipelines.cli, pipelines.labels; from pipelines.evidence import table; table.tables();"
        "sys.exit('textblob' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
