"""Pictures of the Reputation page: whose page one is, and where the highest hostile result stands."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboards import words
from dashboards.web.common import shade_breaks
from dashboards.web.figures import laid_out
from dashboards.web.reputation.data import PAGE_ONE, Row
from dashboards.web.view import Chart, Query
from dashboards.words import LABELS, UNLABELLED

COLOURS = {
    "owned": words.ACCENT, "friendly": "#00806f", "neutral": "#b59a4c", "hostile": "#b8336a", UNLABELLED: words.MUTED,
}  # fmt: skip
PATTERNS = {"hostile": "x", UNLABELLED: "/"}  # told apart without colours too
A_DAY, HEIGHT = 86_400_000, 480  # ms, pixels


def shares(query: Query, series: Row, days: pd.DataFrame) -> Chart:
    """Page one by label, a stacked bar for each day."""
    figure = go.Figure()
    for name in (*LABELS, UNLABELLED):
        figure.add_bar(
            x=days["day"], y=days[f"share_{name}"], name=name, width=A_DAY,
            marker={"color": COLOURS[name], "line": {"width": 0}, "pattern": {"shape": PATTERNS.get(name, "")}},
            hovertemplate="%{x|%Y-%m-%d}: %{y:.0%}<extra>" + name + "</extra>",
        )  # fmt: skip
    laid_out(figure, barmode="stack", bargap=0, showlegend=True, legend={"traceorder": "normal"})
    figure.update_yaxes(range=[0, 1], tickformat=".0%", title_text=f"share of the first {PAGE_ONE}")
    shaded = _shaded(figure, query, series, days)
    return Chart(
        "shares",
        "Whose page one is it?",
        figure if len(days) else None,
        "Each bar is one day's page one, by what people called its results; hatched grey is what nobody has labelled, "
        "which is never guessed. Labels are those that hold now, also for days before they were set, so a change shows "
        f"that results moved, not that opinions did. A day without a list is empty.{shaded}",
        days,
        "No list of this search is known in these days.",
    )


def _shaded(figure: go.Figure, query: Query, series: Row, days: pd.DataFrame) -> str:
    """Shade the breaks of the ranking, and say which."""
    if days.empty:
        return ""
    ends = (days["day"].min().date(), days["day"].max().date())
    found = shade_breaks(figure, query, series["engine"], series["rank_kind"], ends)
    return f" Shaded: {' '.join(found)}" if found else ""


def highest(query: Query, series: Row, days: pd.DataFrame) -> Chart:
    """Where the highest hostile result stands, and for how many lists it has."""
    whole = _every_day(days)
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08, row_heights=[0.65, 0.35])
    figure.add_scatter(
        x=whole["day"], y=whole["hostile_position"], mode="lines+markers", connectgaps=False, name="position",
        line={"color": COLOURS["hostile"]}, hovertemplate="%{x|%Y-%m-%d}: place %{y:.3g}<extra></extra>", row=1, col=1,
    )  # fmt: skip
    figure.add_bar(
        x=whole["day"], y=whole["days_there"], name="lists in a row", width=A_DAY * 0.8,
        marker={"color": COLOURS["hostile"]}, hovertemplate="%{x|%Y-%m-%d}: %{y} in a row<extra></extra>", row=2, col=1,
    )  # fmt: skip
    figure.add_hline(y=PAGE_ONE + 0.5, line_dash="dot", line_color=words.MUTED, row=1, col=1)
    laid_out(figure, HEIGHT, showlegend=False)
    shaded = _shaded(figure, query, series, days)
    figure.update_yaxes(autorange="reversed", title_text="position (1 is best)", row=1, col=1)
    figure.update_yaxes(rangemode="tozero", title_text="lists in a row", row=2, col=1)
    return Chart(
        "highest",
        "The highest hostile result",
        figure if days["hostile_position"].notna().any() else None,
        "Above, its place on each day; the dotted line is the end of page one, and a gap is a day without a list or "
        "without a hostile result among the first fifty. Below, for how many lists in a row a hostile result has stood "
        f"at that place or higher: 0 when none is on page one. It need not be the same page all the time.{shaded}",
        days[["day", "hostile_position", "hostile_url", "days_there", "n_warnings"]],
        "No result among the first fifty of this search is labelled hostile. Unlabelled ones may be.",
    )


def _every_day(days: pd.DataFrame) -> pd.DataFrame:
    """The days with those between that have no list, unknown there, so that no line leads across them."""
    if days.empty:
        return days
    calendar = pd.DataFrame({"day": pd.date_range(days["day"].min(), days["day"].max())})
    return calendar.merge(days.assign(day=pd.to_datetime(days["day"])), on="day", how="left")
