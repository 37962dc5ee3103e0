"""What all PNG pictures share: the canvas without a screen, the file, text and error bars that matplotlib takes."""

from __future__ import annotations

import io
from typing import Any

from dashboards.words import is_known

DOTS = 110  # per inch


def blank(width: float, height: float, lines: int = 1, columns: int = 1) -> tuple[Any, Any]:
    """A figure of so many inches and the array (lines, columns) of its axes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(lines, columns, squeeze=False)


def png(figure: Any) -> bytes:
    """The figure as a file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DOTS)
    return buffer.getvalue()


def plain(text: str) -> str:
    """Text in which matplotlib sees no formula."""
    return text.replace("$", r"\$")


def gap(high: float | None, low: float | None) -> float:
    """How far an error bar reaches; 0 where an end is unknown, or on the other side (bootstraps can put it there)."""
    return max(high - low, 0.0) if is_known(high) and is_known(low) else 0.0
