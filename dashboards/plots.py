"""Pictures of the numbers: interactive for pages, PNG for places that run no scripts."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

ACCENT, MUTED = "#2457a7", "#8a94a6"


def deepest(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row per engine, kind of position, platform and verb: the one of greatest depth that has a number."""
    best: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        key = (row["engine"], row["rank_kind"], row["platform"], row["verb"])
        if row["mean_rho"] is not None and (key not in best or row["depth"] > best[key]["depth"]):
            best[key] = row
    return sorted(best.values(), key=lambda r: r["mean_rho"])


def label(row: dict[str, Any], rows: Sequence[dict[str, Any]]) -> str:
    """`platform verb`, with the engine where there are several."""
    several = len({(r["engine"], r["rank_kind"]) for r in rows}) > 1
    return f"{row['platform']} {row['verb']}" + (f" ({row['engine']}, {row['rank_kind']})" if several else "")


def forest_plot(rows: Sequence[dict[str, Any]]) -> go.Figure:
    """Mean rho with its interval for each platform and verb, at the greatest depth."""
    shown = deepest(rows)
    figure = go.Figure(
        go.Scatter(
            x=[r["mean_rho"] for r in shown],
            y=[label(r, rows) for r in shown],
            mode="markers",
            marker={"size": 9, "color": ACCENT},
            error_x={
                "array": [_gap(r["ci_high"], r["mean_rho"]) for r in shown],
                "arrayminus": [_gap(r["mean_rho"], r["ci_low"]) for r in shown],
                "color": MUTED,
            },
            customdata=[[r["depth"], r["n_lists"], r["n_keywords"]] for r in shown],
            hovertemplate="%{y}: %{x:.3f}<br>top %{customdata[0]}, %{customdata[1]} lists of "
            "%{customdata[2]} keywords<extra></extra>",
        )
    )
    figure.add_vline(x=0, line_color=MUTED, line_dash="dot")
    figure.update_layout(
        height=120 + 28 * len(shown),
        margin={"l": 10, "r": 20, "t": 10, "b": 40},
        template="plotly_white",
        xaxis_title="mean rank correlation within result lists, with 95 % interval (right: more votes stand higher)",
        yaxis={"automargin": True},
    )
    return figure


def forest_png(rows: Sequence[dict[str, Any]]) -> bytes:
    """The same picture as PNG, drawn without a browser."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = deepest(rows)
    figure = Figure(figsize=(8, 1 + 0.32 * len(shown)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    places = list(range(len(shown)))
    gaps = [[_gap(r["mean_rho"], r["ci_low"]) for r in shown], [_gap(r["ci_high"], r["mean_rho"]) for r in shown]]
    axes.errorbar([r["mean_rho"] for r in shown], places, xerr=gaps, fmt="o", color=ACCENT, ecolor=MUTED, capsize=3)
    axes.axvline(0, color=MUTED, linestyle=":")
    axes.set_yticks(places, [label(r, rows) for r in shown])
    axes.set_xlabel("mean rank correlation within result lists (right: more votes stand higher)")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()


def _gap(high: float | None, low: float | None) -> float:
    return 0.0 if high is None or low is None else high - low
