"""CSV for spreadsheets: every value as it is, unknown empty, and nothing that is executed."""

from __future__ import annotations

import csv
import io

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.web.csv import to_csv


def read(text: str) -> list[list[str]]:
    """The cells of a CSV, as a spreadsheet reads them."""
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


@pytest.mark.parametrize(
    "text",
    [
        '=HYPERLINK("http://x","y")', "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "|calc", "%0A=1",
        "\u200b=1", "\u202e=1", "\ufeff=1", "＝1", "＋1", "－1", "＠x",
    ],
)  # fmt: skip
def test_what_looks_like_a_formula_is_text(text: str) -> None:
    """An apostrophe in front, in cells and in the names of columns; the text itself is all there."""
    cells = read(to_csv(pd.DataFrame({text: [text]})))
    assert cells == [[f"'{text}"], [f"'{text}"]]


@given(st.lists(st.text(max_size=30), min_size=1, max_size=5))
def test_no_cell_begins_like_a_formula(texts: list[str]) -> None:
    """Whatever the text; and apart from the apostrophe it comes back as it was."""
    cells = [row[0] if row else "" for row in read(to_csv(pd.DataFrame({"text": texts})))[1:]]
    assert [c.removeprefix("'") for c in cells] == [t.removeprefix("'") for t in texts]
    assert not any(c[:1] in "=+-@|%\t\r\n" and c for c in cells)


def test_numbers_stay_numbers_and_unknown_is_empty() -> None:
    """A negative number is no formula; None, NaN and NaT are empty cells, not zeros and not words."""
    data = pd.DataFrame(
        {"n": [-1.5, None], "k": pd.array([-3, None], dtype="Int64"), "t": ["a", None], "l": [[-1.0, None], None],
         "d": [pd.Timestamp("2026-01-02"), pd.NaT]}
    )  # fmt: skip
    assert read(to_csv(data))[1:] == [["-1.5", "-3", "a", "'-1.0 ", "2026-01-02"], ["", "", "", "", ""]]
