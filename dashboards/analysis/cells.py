"""What the cells of the notebooks show: a picture with its sentence, a table, a word of warning. Needs marimo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import marimo as mo
import plotly.graph_objects as go

from dashboards.analysis.analyst import made_at, not_ready, shown
from dashboards.words import Row

Kind = Literal["neutral", "warn", "success", "info", "danger"]
KINDS: dict[str, Kind] = {"supports": "success", "contradicts": "danger", "cannot tell": "warn"}  # by verdict
PAGE = 10  # rows of a table before one turns the page


def opened(path: Path) -> mo.Html:
    """Which warehouse is read; stops the cell, in words, where it cannot be."""
    words = not_ready(path)
    mo.stop(bool(words), said(words, "warn"))
    return mo.md(f"Reading `{path}`, published {made_at(path)}. Run this cell again to read it anew.")


def said(words: str, kind: Kind = "neutral") -> mo.Html:
    """Markdown in a box; `kind` colours it, and the words say the same without the colour."""
    return mo.callout(mo.md(words), kind=kind)


def picture(figure: go.Figure | None, reading: str, without: str) -> mo.Html:
    """A figure and the sentence that says how to read it; where there is nothing to draw, why."""
    if figure is None:
        return said(without)
    figure.update_layout(autosize=True)
    return mo.vstack([mo.as_html(figure), mo.md(reading)])


def listing(rows: Sequence[Row], names: Mapping[str, str], without: str) -> mo.Html:
    """Rows as a table with the columns named so; what is NULL says unknown. Without rows, why there are none."""
    if not rows:
        return said(without)
    return mo.ui.table(shown(rows, names), selection=None, page_size=PAGE, show_data_types=False)
