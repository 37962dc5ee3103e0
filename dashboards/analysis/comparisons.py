"""Pictures that set numbers beside each other: known and unknown, naive and honest, by depth, within and pooled."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboards.charts import LEGEND, LINE, TOP_AND_BOTTOM, laid_out, whiskers
from dashboards.safe import as_label
from dashboards.words import (
    ACCENT,
    COLOURS,
    LONGEST_LABEL,
    MUTED,
    SECOND,
    Row,
    deepest,
    interval,
    label,
    pair,
    signed,
    strongest_first,
)  # fmt: skip

SHARES = {
    "known": ("known", ACCENT),
    "hidden": ("withheld by the platform", "#a9b3c3"),
    "failed": ("read failed", COLOURS["contradicts"]),
    "never_asked": ("never asked", "#dfe3ea"),
}
SHADES = ("#9db8e0", "#5f8acb", "#2457a7", "#142f5c")  # from shallow to deep


def completeness(rows: Sequence[Row]) -> go.Figure | None:
    """Share of results with known, withheld, failed and never asked votes; rows of the example `how_complete`."""
    shown = [r for r in reversed(rows) if r["results"]]
    if not shown:
        return None
    names = [as_label(label(r, rows), LONGEST_LABEL) for r in shown]
    figure = go.Figure(
        [
            go.Bar(
                y=names, x=[r[key] / r["results"] for r in shown], name=words, marker_color=colour, orientation="h",
                customdata=[f"{r[key]:,} of {r['results']:,} results" for r in shown],
                hovertemplate="%{y}, " + words + ": %{x:.1%}<br>%{customdata}<extra></extra>",
            )
            for key, (words, colour) in SHARES.items()
        ]
    )  # fmt: skip
    figure.update_layout(barmode="stack", legend=LEGEND)
    figure.update_xaxes(tickformat=".0%", range=[0, 1])
    return laid_out(figure, TOP_AND_BOTTOM + 50 + 24 * len(shown), "share of results", legend=True)


def naive_and_honest(verdicts: Sequence[Row], correlations: Sequence[Row]) -> go.Figure | None:
    """The correlation that an old study would report, and beside it what the verdict estimates, or that it does not.

    Verdicts of `not enough data` are left out: there is no second number to set beside the first.
    """
    shown = [v for v in reversed(strongest_first(verdicts)) if v["verdict"] != "not enough data"]
    if not shown:
        return None
    naive = {pair(r): r for r in deepest(correlations)}
    titles = ("naive: rank correlation", "honest: positions gained per doubling")
    figure = make_subplots(1, 2, shared_yaxes=True, horizontal_spacing=0.03, subplot_titles=titles)
    names = [as_label(label(v, verdicts), LONGEST_LABEL) for v in shown]
    first = [naive.get(pair(v), {"mean_rho": None, "ci_low": None, "ci_high": None}) for v in shown]
    figure.add_trace(points(first, names, ("mean_rho", "ci_low", "ci_high"), [MUTED] * len(shown)), 1, 1)
    colours = [COLOURS[v["verdict"]] for v in shown]
    figure.add_trace(points(shown, names, ("estimate", "ci_low", "ci_high"), colours), 1, 2)
    for name, v in zip(names, shown, strict=True):
        if v["estimate"] is None:
            words = f"{v['verdict']}: no estimate"
            figure.add_annotation(
                x=0, y=name, text=words, showarrow=False, row=1, col=2, font={"color": MUTED}, bgcolor="white"
            )
    figure.add_vline(x=0, line_color=MUTED, line_dash="dot")
    return laid_out(figure, TOP_AND_BOTTOM + 20 + LINE * len(shown), "", top=36)


def points(rows: Sequence[Row], names: Sequence[str], keys: tuple[str, str, str], colours: list[str]) -> go.Scatter:
    """One mark with its interval for each row that has a number; the others keep their line empty."""
    value, low, high = keys
    return go.Scatter(
        x=[r[value] for r in rows], y=list(names), mode="markers", marker={"size": 10, "color": colours},
        error_x=whiskers(rows, keys),
        text=[f"{signed(r[value], 2)}, 95 % interval {interval(r[low], r[high], 2)}" for r in rows],
        hovertemplate="%{y}: %{text}<extra></extra>",
    )  # fmt: skip


def depths(rows: Sequence[Row]) -> go.Figure | None:
    """Mean rho at each depth, a line for each platform and verb that is known at several; rows of `association`."""
    known = [r for r in rows if r["mean_rho"] is not None]
    names = {label(r, rows) for r in known if sum(label(o, rows) == label(r, rows) for o in known) > 1}
    shown = [r for r in known if label(r, rows) in names]
    if not shown:
        return None
    order = [label(r, rows) for r in deepest(shown)]
    figure = go.Figure(
        [_at_depth(shown, rows, n, depth) for n, depth in enumerate(sorted({r["depth"] for r in shown}))]
    )
    figure.add_vline(x=0, line_color=MUTED, line_dash="dot")
    figure.update_layout(legend=LEGEND)
    figure.update_yaxes(categoryorder="array", categoryarray=[as_label(name, LONGEST_LABEL) for name in order])
    return laid_out(figure, TOP_AND_BOTTOM + 40 + 26 * len(order), "mean rank correlation", legend=True)


def _at_depth(shown: Sequence[Row], rows: Sequence[Row], n: int, depth: int) -> go.Scatter:
    """The marks of one depth, which darken with it."""
    mine = [r for r in shown if r["depth"] == depth]
    return go.Scatter(
        x=[r["mean_rho"] for r in mine],
        y=[as_label(label(r, rows), LONGEST_LABEL) for r in mine], mode="markers", name=f"top {depth}",
        marker={"size": 10, "color": SHADES[min(n, len(SHADES) - 1)]},
        text=[interval(r["ci_low"], r["ci_high"], 2) for r in mine],
        hovertemplate="%{y}, top " + str(depth) + ": %{x:+.2f}<br>%{text}<extra></extra>",
    )  # fmt: skip


def within_and_pooled(rows: Sequence[Row]) -> go.Figure | None:
    """Mean rho inside lists, and with all lists thrown together as it should not be done; rows of `association`."""
    shown = [r for r in deepest(rows) if r["pooled_rho"] is not None]
    if not shown:
        return None
    names = [as_label(label(r, rows), LONGEST_LABEL) for r in shown]
    marks = {"mean_rho": ("inside lists", ACCENT, "circle"), "pooled_rho": ("thrown together", SECOND, "diamond")}
    figure = go.Figure(
        [
            go.Scatter(
                x=[r[key] for r in shown], y=names, mode="markers", name=words,
                marker={"size": 10, "color": colour, "symbol": symbol},
                hovertemplate="%{y}, " + words + ": %{x:+.2f}<extra></extra>",
            )
            for key, (words, colour, symbol) in marks.items()
        ]
    )  # fmt: skip
    figure.add_vline(x=0, line_color=MUTED, line_dash="dot")
    figure.update_layout(legend=LEGEND)
    return laid_out(figure, TOP_AND_BOTTOM + 40 + 26 * len(shown), "rank correlation", legend=True)


def reversed_signs(rows: Sequence[Row]) -> list[str]:
    """The platforms and verbs whose pooled correlation has the other sign than the one inside lists."""
    known = [r for r in deepest(rows) if r["pooled_rho"] is not None]
    return [label(r, rows) for r in known if r["mean_rho"] * r["pooled_rho"] < 0]
