"""Keyword: its result list over time, votes and positions on one time axis."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboards.safe import shown
from dashboards.web.common import PAIR, SPAN, censored, pair_of, shade_breaks, since
from dashboards.web.figures import colours, laid_out, plain
from dashboards.web.series import LABEL, NAME, series_named
from dashboards.web.view import Block, Chart, Filter, Note, Query, Table, View, link
from dashboards.words import Row, sentence_case

MOST_FOUND, MOST_PAGES, HEIGHT = 50, 8, 620
FIND = f"""
    SELECT {NAME} AS id, {LABEL} AS label FROM keyword_series
    WHERE contains(keyword, lower(?))
    ORDER BY starts_with(keyword, lower(?)) DESC, keyword, series_id LIMIT {MOST_FOUND}
"""
POSITIONS = """
    SELECT day, page_key, url, position, is_found, depth FROM keyword_days
    WHERE series_id = ? AND day >= ? ORDER BY day, position
"""
VOTES = """
    SELECT page_key, day, votes, change, status, is_lower_bound FROM page_votes
    WHERE page_key IN (SELECT unnest(?::VARCHAR[])) AND platform = ? AND verb = ? AND day >= ? ORDER BY page_key, day
"""


def blocks(query: Query) -> Sequence[Block]:
    """The list of the last day, and positions above votes over time."""
    series = series_named(query, query["keyword"])
    if series is None:
        return [Note("No result list yet: import rankings, or set up a source of rankings, then analyse.")]
    positions = query.frame(POSITIONS, series["series_id"], since(query, series["last_day"]))
    last = positions[(positions["day"] == positions["day"].max()) & positions["is_found"]]
    pages = tuple(last["page_key"].head(MOST_PAGES))
    votes = query.frame(VOTES, list(last["page_key"]), *pair_of(query), since(query, series["last_day"]))
    return [
        Note(_about(series)),
        _over_time(query, series, positions, votes, pages),
        _last_list(query, series, last, votes),
    ]


def _about(series: Row) -> str:
    depth = f"down to place {series['depth']}" if series["depth"] else "to a depth that the source does not say"
    return (
        f"“{shown(series['keyword'])}”: {series['n_lists']:,} lists of {series['n_pages']:,} pages, "
        f"{series['first_day']} to {series['last_day']}, {depth}."
    )


def _over_time(
    query: Query, series: Row, positions: pd.DataFrame, votes: pd.DataFrame, pages: tuple[str, ...]
) -> Block:
    """Positions above, votes below, on one axis of days."""
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.06, row_heights=[0.6, 0.4])
    of = colours(pages)
    for page in pages:
        mine, cast = positions[positions["page_key"] == page], votes[votes["page_key"] == page]
        line = {"color": of[page], "width": 2}
        figure.add_trace(_line(mine["day"], mine["position"], page, line, "place %{y:.3g}"), row=1, col=1)
        figure.add_trace(censored(mine, page), row=1, col=1)
        figure.add_trace(_line(cast["day"], cast["votes"], page, line, "%{y:,} votes", is_shown=False), row=2, col=1)
    days = (max(since(query, series["last_day"]), series["first_day"]), series["last_day"])
    laid_out(figure, HEIGHT, showlegend=True, hovermode="x unified" if len(pages) < 2 else "closest")
    changed = shade_breaks(figure, query, series["engine"], series["rank_kind"], days)
    figure.update_yaxes(autorange="reversed", title_text="position (1 is best)", row=1, col=1)
    figure.update_yaxes(title_text=plain(f"{query['votes']}s known"), rangemode="tozero", row=2, col=1)
    shaded = f" Shaded: {' '.join(changed)}" if changed else ""
    data = positions.merge(votes, on=["page_key", "day"], how="left")
    return Chart(
        "over-time",
        "Positions and votes over time",
        figure if pages else None,
        f"Above, the places of the {len(pages)} pages that stand highest now; below, their {query['votes']}s. A gap is "
        "a day that was not read; an open triangle is a page looked for and not found down to that depth. That two "
        f"lines move together does not say which moved the other: Timing asks that.{shaded}",
        data,
        "No page was found in this list.",
    )


def _line(
    x: pd.Series[date], y: pd.Series[float], page: str, line: dict[str, Any], what: str, *, is_shown: bool = True
) -> go.Scatter:
    return go.Scatter(
        x=x, y=y, mode="lines+markers", name=plain(page), legendgroup=page, showlegend=is_shown, line=line,
        marker={"size": 4}, connectgaps=False,
        hovertemplate="%{x|%Y-%m-%d}: " + what + "<extra>" + plain(page) + "</extra>",
    )  # fmt: skip


def _last_list(query: Query, series: Row, last: pd.DataFrame, votes: pd.DataFrame) -> Block:
    """The newest list, with the votes known of each page."""
    newest = votes.groupby("page_key", sort=False).last().reset_index()
    data = last.merge(newest[["page_key", "votes", "status", "is_lower_bound"]], on="page_key", how="left")
    data["status"] = data["status"].fillna("never asked")
    data = data.assign(address=[link("page", page=key) for key in data["page_key"]])
    name = sentence_case(query["votes"])
    columns = {"position": "position", "url": "page", "votes": f"{name}s known", "status": "last reading"}
    return Table(
        "list",
        f"The list of {series['last_day']}",
        data,
        "What was known of each page's votes at its last reading; unknown is not zero.",
        columns,
        {"url": "address"},
    )


def _find(query: Query, typed: str) -> list[tuple[str, str]]:
    return [(r["id"], r["label"]) for r in query.rows(FIND, typed, typed)]


def _named(query: Query, value: str) -> str | None:
    found = series_named(query, value)
    return found["label"] if found else None


VIEW = View(
    "keyword",
    "Keyword",
    "Which pages stand where for one keyword, since when, and what happened to their votes?",
    20,
    blocks,
    (Filter("keyword", "Keyword", search=_find, label=_named), PAIR, SPAN),
)
