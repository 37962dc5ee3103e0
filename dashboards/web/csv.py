"""Data as CSV that a spreadsheet opens and does not execute."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dashboards.safe import as_cell


def to_csv(data: pd.DataFrame) -> str:
    """CSV with a byte order mark (spreadsheets then read UTF-8), empty cells for what is unknown.

    Text that a spreadsheet would take for a formula, also in the head, gets an apostrophe in front.
    """
    safe = data.copy(deep=False)
    safe.columns = [as_cell(str(name)) for name in data.columns]
    for name, kind in safe.dtypes.items():
        if not pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_datetime64_any_dtype(kind):
            safe[name] = [_cell(value) for value in safe[name]]
    text: str = safe.to_csv(index=False, lineterminator="\r\n")
    return f"\ufeff{text}"


def _cell(value: Any) -> Any:
    if isinstance(value, (list, tuple)) or hasattr(value, "tolist"):
        return as_cell(" ".join("" if v is None else f"{v}" for v in value))
    return as_cell(value) if isinstance(value, str) else value
