"""Interactive pictures of the evidence for pages. Names from outside are escaped: plotly reads markup in its labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any

import plotly.graph_objects as go

from dashboards.plots.drawing import gap
from dashboards.safe import as_label, shown
from dashboards.words import ACCENT, COLOURS, LONGEST_LABEL, MUTED, SECOND, Row, deepest, interval, label

LINE, TOP_AND_BOTTOM = 36, 80  # pixels
BAND = "rgba(36, 87, 167, 0.18)"  # ACCENT, seen through
LEGEND = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "traceorder": "normal"}
CONFIG: Any = {"displaylogo": False, "responsive": True, "displayModeBar": False}
LONGEST_LINE = 36  # characters of a line of a label
PLACEBOS = {
    "placebo_shuffled": "shuffled in the list",
    "placebo_unrelated": "unrelated keyword",
    "placebo_dates": "fake dates",
    "placebo_future": "future votes",
}
SYMBOLS = ("circle", "square", "diamond", "triangle-up")


def forest(rows: Sequence[Row]) -> go.Figure | None:
    """Mean rho with its interval for each platform and verb, at the greatest depth."""
    shown = deepest(rows)
    hover = [f"top {r['depth']}, {r['n_lists']:,} lists of {r['n_keywords']:,} keywords" for r in shown]
    names = [_lines(label(r, rows)) for r in shown]
    return _intervals(shown, names, ("mean_rho", "ci_low", "ci_high"), 0.0, "mean rank correlation", hover)


def odds(rows: Sequence[Row]) -> go.Figure | None:
    """Odds of outranking a neighbour after a doubling of votes; 1 is no difference."""
    shown = [r for r in reversed(rows) if r["odds"] is not None]
    hover = [f"{r['n_lists']:,} lists of {r['n_keywords']:,} keywords" for r in shown]
    names, keys = [_lines(label(r, rows)) for r in shown], ("odds", "odds_low", "odds_high")
    figure = _intervals(shown, names, keys, 1.0, "odds of outranking a neighbour", hover)
    if figure is not None:
        figure.update_xaxes(type="log")
    return figure


def estimates(verdicts: Sequence[Row]) -> go.Figure | None:
    """Positions gained, for the verdicts that give an estimate, the strongest on top."""
    shown = [v for v in reversed(verdicts) if v["estimate"] is not None]
    hover = [f"{v['verdict']}; {v['rung']}" for v in shown]
    names = [_lines(label(v, verdicts), v["verdict"]) for v in shown]
    colours = [COLOURS[v["verdict"]] for v in shown]
    keys = ("estimate", "ci_low", "ci_high")
    return _intervals(shown, names, keys, 0.0, "positions gained", hover, colours)


def _intervals(
    rows: Sequence[Row],
    names: Sequence[str],
    keys: tuple[str, str, str],
    zero: float,
    title: str,
    hover: Sequence[str],
    colours: Sequence[str] = (),
) -> go.Figure | None:
    """Points with intervals, one line each, and a dotted line where nothing is found; None without rows."""
    if not rows:
        return None
    value, low, high = keys
    figure = go.Figure(
        go.Scatter(
            x=[r[value] for r in rows],
            y=list(names),
            mode="markers",
            marker={"size": 10, "color": list(colours) or ACCENT},
            error_x=whiskers(rows, keys),
            text=[f"95 % interval {interval(r[low], r[high])}<br>{h}" for r, h in zip(rows, hover, strict=True)],
            hovertemplate="%{y}: %{x:.3f}<br>%{text}<extra></extra>",
        )
    )
    figure.add_vline(x=zero, line_color=MUTED, line_dash="dot")
    return laid_out(figure, TOP_AND_BOTTOM + LINE * len(rows), title)


def whiskers(rows: Sequence[Row], keys: tuple[str, str, str], colour: str | None = MUTED) -> dict[str, Any]:
    """Error bars of rows by the names of their value and both ends; without a colour, in that of the marks."""
    value, low, high = keys
    return {
        "array": [gap(r[high], r[value]) for r in rows], "arrayminus": [gap(r[value], r[low]) for r in rows],
        "color": colour,
    }  # fmt: skip


def _lines(*parts: str) -> str:
    """Parts as lines of a label, in which nothing is markup."""
    return "<br>".join(as_label(line) for part in parts for line in wrap(shown(part, LONGEST_LABEL), LONGEST_LINE))


def path(row: Row, name: str, event: str = "votes came") -> go.Figure:
    """Positions before and after votes, with a band; days after the votes on x."""
    days = [d * (row["step_days"] or 1) for d in row["path_first_day"]]
    low, high = row["path_low"], row["path_high"]
    edge: dict[str, Any] = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
    figure = go.Figure(
        [
            go.Scatter(x=days, y=high, **edge),
            go.Scatter(x=days, y=low, fill="tonexty", fillcolor=BAND, **edge),
            go.Scatter(
                x=days, y=row["path"], mode="lines+markers", line={"color": ACCENT}, marker={"size": 6},
                text=[interval(a, b, 2) for a, b in zip(low, high, strict=True)],
                hovertemplate="day %{x:+d}: %{y:+.2f} positions<br>%{text}<extra></extra>",
            ),
        ]
    )  # fmt: skip
    figure.add_hline(y=0, line_color=MUTED, line_dash="dot")
    figure.add_vline(x=0, line_color=MUTED, line_dash="dot")
    figure.update_layout(title={"text": _lines(name), "font": {"size": 14}}, yaxis_title="positions gained")
    return laid_out(figure, 290, f"days after {event}", top=36)


def ndcg(rows: Sequence[Row]) -> go.Figure | None:
    """How well the order of results is predicted by chance, without votes and with them, per ranking."""
    first = _one_per_ranking(rows)
    if not first:
        return None
    names = [_lines(r["engine"], r["rank_kind"]) for r in first]
    bars = {"ndcg_random": ("by chance", "#c3cad5"), "ndcg_without": ("without votes", MUTED)}
    bars |= {"ndcg_with": ("with votes", ACCENT)}
    figure = go.Figure(
        [
            go.Bar(y=names, x=[r[key] for r in first], name=words, marker_color=colour, orientation="h",
                   hovertemplate="%{y}, " + words + ": %{x:.3f}<extra></extra>")
            for key, (words, colour) in bars.items()
        ]
    )  # fmt: skip
    figure.update_layout(legend=LEGEND, barmode="group")
    figure.update_yaxes(autorange="reversed")
    figure.update_xaxes(range=[0, 1])
    title = f"NDCG of the first {first[0]['depth']} results (1: the true order)"
    return laid_out(figure, TOP_AND_BOTTOM + 40 + 3 * LINE * len(first), title, legend=True)


def _one_per_ranking(rows: Sequence[Row]) -> list[Row]:
    """The gain stands on every row of a ranking; one of them is enough."""
    found: dict[tuple[str, str], Row] = {}
    for row in rows:
        if row["ndcg_with"] is not None:
            found.setdefault((row["engine"], row["rank_kind"]), row)
    return list(found.values())


def replication(rows: Sequence[Row]) -> go.Figure | None:
    """Published values beside ours."""
    if not rows:
        return None
    names = [_lines(label(r, rows), f"{r['study']} {r['year']}") for r in rows]
    hover = [f"our top {r['depth']}" for r in rows]
    figure = _intervals(rows, names, ("mean_rho", "ci_low", "ci_high"), 0.0, "mean rank correlation", hover)
    assert figure is not None
    figure.data[0].name = "ours, with 95 % interval"
    figure.add_scatter(
        x=[r["published_rho"] for r in rows], y=names, mode="markers", name="published",
        marker={"symbol": "diamond", "size": 10, "color": SECOND}, hovertemplate="%{y}: %{x:.2f}<extra></extra>",
    )  # fmt: skip
    figure.update_layout(legend=LEGEND)
    return laid_out(figure, TOP_AND_BOTTOM + 40 + LINE * len(rows), "mean rank correlation", legend=True)


def placebos(rows: Sequence[Row]) -> go.Figure | None:
    """Share of placebos of each kind that do as well as the real votes."""
    shown = [r for r in reversed(rows) if r["placebo_share"] is not None]
    if not shown:
        return None
    names = [_lines(label(r, rows)) for r in shown]
    figure = go.Figure(
        [
            go.Scatter(
                x=[r[key] for r in shown], y=names, mode="markers", name=words,
                marker={"size": 10, "symbol": symbol, "opacity": 0.75},
                hovertemplate="%{y}, " + words + ": %{x:.1%}<extra></extra>",
            )
            for (key, words), symbol in zip(PLACEBOS.items(), SYMBOLS, strict=True)
        ]
    )  # fmt: skip
    figure.add_vline(x=0.05, line_color=MUTED, line_dash="dot")
    figure.update_xaxes(tickformat=".0%", range=[-0.04, 1.04])
    figure.update_layout(legend=LEGEND)
    return laid_out(figure, TOP_AND_BOTTOM + 60 + LINE * len(shown), "placebos that do as well", legend=True)


def laid_out(figure: go.Figure, height: int, title: str, *, top: int = 10, legend: bool = False) -> go.Figure:
    """The figure in the layout that all share: its height in pixels, the title of its x axis, room for a legend."""
    layout: Mapping[str, Any] = {
        "height": height, "template": "plotly_white", "xaxis_title": title, "showlegend": legend,
        "margin": {"l": 10, "r": 16, "t": 50 if legend else top, "b": 44}, "font": {"family": "system-ui, sans-serif"},
        "hoverlabel": {"align": "left"},
    }  # fmt: skip
    figure.update_layout(**layout)
    figure.update_xaxes(automargin=True, fixedrange=True)
    figure.update_yaxes(automargin=True, fixedrange=True)
    return figure
