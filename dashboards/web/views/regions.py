"""Regions and audiences: does the relation differ by country, device or language, and who votes?"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from dashboards import charts, words
from dashboards.web.common import judged_first
from dashboards.web.figures import ROW, laid_out, plain
from dashboards.web.view import Block, Chart, Filter, Note, Query, Table, View

PAIRS = """
    SELECT DISTINCT platform || ' ' || verb AS pair
    FROM (SELECT platform, verb FROM regions UNION SELECT platform, verb FROM audiences) ORDER BY ALL
"""
REGIONS = """
    SELECT * FROM regions WHERE dimension = ? AND platform || ' ' || verb = ?
    ORDER BY engine, rank_kind, n_keywords DESC, region
"""
AUDIENCES = """
    SELECT * FROM audiences WHERE platform || ' ' || verb = ?
    ORDER BY basis, dimension, is_suppressed, share DESC, segment
"""
DIMENSIONS = {"country": "country", "device": "device", "language": "language"}


def blocks(query: Query) -> Sequence[Block]:
    """Regions of the search, then parts of the public that votes."""
    regions = query.frame(REGIONS, query["dimension"], query["pair"])
    audiences = query.frame(AUDIENCES, query["pair"])
    return [
        *_answers(query, regions),
        _forest(query, regions),
        _table(query, regions),
        _who(query, audiences),
        _segments(audiences),
    ]


def _answers(query: Query, regions: pd.DataFrame) -> list[Block]:
    """What the comparison says, one line for each ranking."""
    firsts = regions.drop_duplicates(["engine", "rank_kind"]).to_dict("records")
    return [
        Note(f"{query['pair']}, {r['engine']} ({r['rank_kind']}), by {query['dimension']}: {_answer(r)}.")
        for r in firsts
    ]


def _answer(row: dict[str, object]) -> str:
    why = row["why_not"]
    return f"{row['answer']}" + (f": {why}" if isinstance(why, str) else f" over {row['n_regions']} regions")


def _forest(query: Query, regions: pd.DataFrame) -> Block:
    known = regions[regions["mean_rho"].notna()]
    figure = go.Figure()
    for name, low, high, title, colour in (
        ("mean_rho", "ci_low", "ci_high", "its lists alone", words.MUTED),
        ("pooled_rho", "pooled_low", "pooled_high", "partially pooled", words.ACCENT),
    ):
        figure.add_scatter(
            x=known[name], y=_names(known), mode="markers", name=title,
            marker={"size": 9, "color": colour},
            error_x=charts.whiskers(known.to_dict("records"), (name, low, high), None),
            hovertemplate="%{y}: %{x:+.3f}<extra>" + title + "</extra>",
        )  # fmt: skip
    figure.add_vline(x=0, line_color=words.MUTED, line_dash="dot")
    laid_out(figure, 140 + ROW * len(known), showlegend=True, xaxis_title="mean rank correlation, first 20 results")
    return Chart(
        "regions",
        f"Does the correlation differ by {query['dimension']} of the search?",
        figure if len(known) else None,
        "Grey dots are the lists of one region alone, blue ones are drawn towards the mean of all as far as their data "
        "are few; bars are 95 % intervals. As everywhere, a correlation does not say what moves what.",
        regions,
        "No region has lists whose pages' votes are known.",
    )


def _names(regions: pd.DataFrame) -> list[str]:
    """Each region, with its ranking where there are several: positions of two kinds are not compared."""
    several = len(regions.drop_duplicates(["engine", "rank_kind"])) > 1
    rows = regions.to_dict("records")
    return [plain(f"{r['region']} ({r['engine']}, {r['rank_kind']})" if several else str(r["region"])) for r in rows]


def _table(query: Query, regions: pd.DataFrame) -> Block:
    columns = {
        "engine": "engine", "rank_kind": "kind", "region": query["dimension"], "mean_rho": "its lists alone",
        "pooled_rho": "pooled",
        "pooled_low": "from", "pooled_high": "to", "n_lists": "lists", "n_keywords": "keywords", "answer": "answer",
    }  # fmt: skip
    sentence = "Regions with fewer than 10 keywords are shown and not compared; not stated: the source does not say."
    return Table("regions-table", "Regions in numbers", regions, sentence, columns, empty="No region to show.")


def _who(query: Query, audiences: pd.DataFrame) -> Block:
    known = audiences[audiences["share"].notna()]
    figure = go.Figure()
    for dimension, mine in known.groupby("dimension", sort=True):
        figure.add_bar(
            y=[plain(f"{dimension}: {s}") for s in mine["segment"]], x=mine["share"], orientation="h",
            name=plain(str(dimension)),
            error_x=charts.whiskers(mine.to_dict("records"), ("share", "ci_low", "ci_high"), None),
            hovertemplate="%{y}: %{x:.1%}<extra></extra>",
        )  # fmt: skip
    laid_out(figure, 140 + ROW * len(known), xaxis_title="share of the votes whose segment is known")
    figure.update_xaxes(tickformat=".0%", rangemode="tozero")
    figure.update_yaxes(autorange="reversed")
    return Chart(
        "audience",
        f"Who gives the {query['pair']}s?" if query["pair"] else "Who votes?",
        figure if len(known) else None,
        "Shares of the votes whose country, age or device the platform tells, with 95 % intervals over pages, those of "
        "few votes drawn towards the mean. Segments below 10 votes are withheld, so the shares of others are a little "
        "too high.",
        audiences,
        "No source that is switched on tells by whom these votes were given.",
    )


def _segments(audiences: pd.DataFrame) -> Block:
    columns = {
        "dimension": "by", "segment": "segment", "votes": "votes", "share": "share", "ci_low": "from", "ci_high": "to",
        "n_pages": "pages", "is_suppressed": "withheld",
    }  # fmt: skip
    sentence = "Withheld: fewer than 10 votes are known, too few to show without telling of single people."
    return Table("segments", "Segments in numbers", audiences, sentence, columns, empty="No segment is known.")


def _pairs(query: Query) -> list[tuple[str, str]]:
    return judged_first(query, [r["pair"] for r in query.rows(PAIRS)])


VIEW = View(
    "regions",
    "Regions and audiences",
    "Does the relation differ by country, device or language, and who votes?",
    90,
    blocks,
    (
        Filter("pair", "Platform and verb", _pairs),
        Filter("dimension", "Compare by", lambda _: list(DIMENSIONS.items())),
    ),
)
