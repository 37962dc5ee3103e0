"""One keyword over time: where its pages stood, and what votes they had, on one axis of days."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboards.analysis.examples import ask
from dashboards.charts import LEGEND, laid_out
from dashboards.safe import as_label
from dashboards.words import MUTED, PALETTE, Row

MOST, LONGEST = 5, 60  # pages (more lines cannot be told apart), characters of a name
SETTING = ("keyword", "engine", "country", "language", "device", "rank_kind", "source")
SERIES = """
    SELECT keyword, engine, country, language, device, rank_kind, source, count(DISTINCT list_id) AS lists
    FROM serp_results GROUP BY ALL
    ORDER BY lists DESC, keyword, engine, country, language, device, rank_kind, source LIMIT 2000
"""
POINTS = """
    SELECT
        r.page_key, r.ranked_at, min(r.position) AS position, bool_or(r.is_found) AS is_found, max(r.depth) AS depth,
        any_value(v.votes) AS votes, any_value(v.status) AS status  -- of the page, so the same for all its addresses
    FROM serp_results AS r
    LEFT JOIN serp_votes AS v ON v.result_id = r.result_id AND v.platform = $platform AND v.verb = $verb
    WHERE r.keyword = $keyword AND r.engine = $engine AND r.rank_kind = $rank_kind
        AND r.country IS NOT DISTINCT FROM $country AND r.language IS NOT DISTINCT FROM $language
        AND r.device IS NOT DISTINCT FROM $device AND r.source IS NOT DISTINCT FROM $source
    GROUP BY r.page_key, r.ranked_at
    ORDER BY r.page_key, r.ranked_at
"""


def series(con: duckdb.DuckDBPyConnection) -> dict[str, Row]:
    """What can be followed over time (at most 2,000, those with most lists first), by a name that tells them apart."""
    return {_name(row): row for row in ask(con, SERIES)}


def _name(row: Row) -> str:
    about = [row[name] for name in SETTING[1:] if row[name]]
    return f"{row['keyword']} ({', '.join(about)})"


def points(con: duckdb.DuckDBPyConnection, chosen: Row, platform: str, verb: str) -> list[Row]:
    """Positions and votes of the pages that stood highest on average, at most `MOST`, page by page in order of time."""
    rows = ask(con, POINTS, platform=platform, verb=verb, **{name: chosen[name] for name in SETTING})
    places: dict[str, list[float]] = {}
    for row in rows:
        if row["position"] is not None:
            places.setdefault(row["page_key"], []).append(row["position"])
    # pages that were there for a day only would hide those worth following
    longest = max((len(p) for p in places.values()), default=0)
    steady = [page for page, p in places.items() if 2 * len(p) >= longest]
    best = sorted(steady, key=lambda page: sum(places[page]) / len(places[page]))[:MOST]
    return sorted((r for r in rows if r["page_key"] in best), key=lambda r: (best.index(r["page_key"]), r["ranked_at"]))


def over_time(rows: Sequence[Row], counted: str) -> go.Figure | None:
    """Positions above (1 on top), votes below; what is unknown leaves a gap, what was not found an open mark."""
    if not rows:
        return None
    figure = make_subplots(2, 1, shared_xaxes=True, vertical_spacing=0.06)
    for place, page in enumerate(dict.fromkeys(r["page_key"] for r in rows)):
        mine = [r for r in rows if r["page_key"] == page]
        figure.add_traces([_positions(mine, place), _votes(mine, place)], rows=[1, 2], cols=[1, 1])
        if any(_is_censored(r) for r in mine):
            figure.add_trace(_not_found(mine, place), 1, 1)
    figure.update_yaxes(title_text="position", autorange="reversed", row=1, col=1)
    figure.update_yaxes(title_text=as_label(counted), row=2, col=1)
    figure.update_layout(legend=LEGEND | {"xanchor": "left", "x": 0})
    laid_out(figure, 520, "", legend=True)
    return figure.update_layout(margin_t=84)


def _line(rows: Sequence[Row], key: str, place: int) -> dict[str, Any]:
    return {
        "x": [r["ranked_at"] for r in rows], "y": [r[key] for r in rows], "connectgaps": False, "mode": "lines+markers",
        "marker": {"size": 5}, "line": {"color": PALETTE[place], "width": 1.5},
        "name": as_label(rows[0]["page_key"], LONGEST), "legendgroup": rows[0]["page_key"],
    }  # fmt: skip


def _positions(rows: Sequence[Row], place: int) -> go.Scatter:
    return go.Scatter(**_line(rows, "position", place), hovertemplate="%{x|%Y-%m-%d}: place %{y:.3g}")


def _votes(rows: Sequence[Row], place: int) -> go.Scatter:
    told = [r["status"] or "never asked" for r in rows]
    return go.Scatter(
        **_line(rows, "votes", place), showlegend=False, text=told, hovertemplate="%{x|%Y-%m-%d}: %{y:,} (%{text})"
    )


def _is_censored(row: Row) -> bool:
    return row["is_found"] is False and row["depth"] is not None


def _not_found(rows: Sequence[Row], place: int) -> go.Scatter:
    """Open marks at the depth that was looked down to, said as what they are: no position."""
    gone = [r for r in rows if _is_censored(r)]
    return go.Scatter(
        x=[r["ranked_at"] for r in gone], y=[r["depth"] for r in gone], mode="markers", showlegend=False,
        marker={"symbol": "triangle-down-open", "size": 9, "color": MUTED, "line": {"color": PALETTE[place]}},
        legendgroup=rows[0]["page_key"], hovertemplate="%{x|%Y-%m-%d}: not among the first %{y}<extra></extra>",
    )  # fmt: skip
