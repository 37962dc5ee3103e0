"""What all figures of the web app share. Colours of text and lines come from the style sheet, in light and in dark."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from dashboards.charts import LEGEND
from dashboards.safe import as_label
from dashboards.words import PALETTE, SECOND

TALL, SHORT, ROW = 420, 280, 34  # pixels of a chart, of a low one, of a line of names
CLEAR = "rgba(0,0,0,0)"
AXIS = {"automargin": True, "zeroline": False, "fixedrange": True, "showline": False, "ticks": ""}
plain = as_label


def laid_out(figure: go.Figure, height: int = TALL, **layout: object) -> go.Figure:
    """The figure on a transparent ground, with room for its labels and none wasted."""
    common = {
        "template": "none", "height": height, "colorway": PALETTE, "margin": {"l": 10, "r": 10, "t": 16, "b": 44},
        "font": {"family": "system-ui, sans-serif", "size": 13}, "legend": LEGEND | {"x": 0},
        "hoverlabel": {"align": "left"}, "paper_bgcolor": CLEAR, "plot_bgcolor": CLEAR,
    }  # fmt: skip
    figure.update_layout(
        common | layout
    )  # at once: each call checks the whole layout, which takes longer than it reads
    figure.update_xaxes(AXIS)
    return figure.update_yaxes(AXIS)


def on_clear_ground(figure: go.Figure) -> go.Figure:
    """The figure without a ground of its own: the style sheet gives it one, and its ink."""
    return figure.update_layout(paper_bgcolor=CLEAR, plot_bgcolor=CLEAR)


def themed(figure: go.Figure | None) -> go.Figure | None:
    """A figure of the report, on the web app's ground."""
    return None if figure is None else on_clear_ground(figure)


def colours(names: Sequence[str]) -> dict[str, str]:
    """A colour for each name, the same for the same list of names."""
    return {name: PALETTE[n % len(PALETTE)] for n, name in enumerate(names)}


def breaks(figure: go.Figure, found: Sequence[dict[str, object]]) -> go.Figure:
    """Shade the days on which a ruler changed: rows with first_day, last_day and what."""
    common = {
        "type": "rect", "xref": "x", "yref": "paper", "y0": 0, "y1": 1, "fillcolor": SECOND, "opacity": 0.15,
        "line": {"width": 1, "color": SECOND}, "layer": "below",
    }  # fmt: skip
    shades = [common | {"x0": row["first_day"], "x1": row["last_day"]} for row in found]
    return figure.update_layout(shapes=[*figure.layout.shapes, *shades])
