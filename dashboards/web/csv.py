"""Data as CSV that a spreadsheet opens and does not execute."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

STARTS_A_FORMULA = re.compile(
    r"\A[\s\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]*[=+\-@|%\uff1d\uff0b\uff0d\uff20]|\A[\t\r\n]"
)


def to_csv(data: pd.DataFrame) -> str:
    """CSV with a byte order mark (spreadsheets then read UTF-8), empty cells for what is unknown.

    Text that a spreadsheet would take for a formula gets an apostrophe in front, as OWASP's page on CSV injection says.
    """
    safe = data.copy(deep=False)
    safe.columns = [harmless(str(name)) for name in data.columns]
    for name, kind in safe.dtypes.items():
        if not pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_datetime64_any_dtype(kind):
            safe[name] = [_cell(value) for value in safe[name]]
    text: str = safe.to_csv(index=False, lineterminator="\r\n")
    return f"\ufeff{text}"


def _cell(value: Any) -> Any:
    if isinstance(value, (list, tuple)) or hasattr(value, "tolist"):
        return " ".join("" if v is None else f"{v}" for v in value)
    return harmless(value) if isinstance(value, str) else value


def harmless(text: str) -> str:
    """The text, with an apostrophe in front where it begins like a formula."""
    return f"'{text}" if STARTS_A_FORMULA.match(text) else text
