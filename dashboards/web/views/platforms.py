"""Platforms: correlations with intervals, how they change with depth, and published values beside ours."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from dashboards import charts, words
from dashboards.web.common import or_every
from dashboards.web.figures import laid_out, plain, themed
from dashboards.web.view import Block, Chart, Filter, Note, Query, Table, View

RANKINGS = "SELECT DISTINCT engine, rank_kind FROM association ORDER BY ALL"
WHICH = "engine || ' ' || rank_kind = ? AND (? = 'every' OR platform = ?)"
CAVEAT = (
    "An association is the lowest rung of evidence and never earns the word supports: votes may lift positions, "
    "positions "
    "may bring votes, or a third thing (quality, links, a known brand) may bring both."
)


def blocks(query: Query) -> Sequence[Block]:
    """Forest plot, depths, adjusted odds, placebos, replication."""
    if not query["ranking"]:
        return [Note("Nothing to compare yet: no result list has pages whose votes were known at its moment.")]
    found = {table: _rows(query, table) for table in ("association", "adjusted", "timing", "replication")}
    return [
        Note(CAVEAT),
        _forest(query, found["association"]),
        _depths(query, found["association"]),
        _adjusted(query, found["adjusted"]),
        _placebos(query, found["timing"]),
        *_replication(query, found["replication"]),
    ]


def _rows(query: Query, table: str) -> list[words.Row]:
    """The rows of a table of evidence about the chosen ranking and platform, in the order of the verdicts."""
    chosen = (query["ranking"], query["platform"], query["platform"])
    rows = query.rows(f"SELECT * FROM {table} WHERE {WHICH} ORDER BY ALL", *chosen)
    return words.in_order_of(query.rows("SELECT * FROM verdicts"), rows)


def _data(query: Query, table: str, columns: str) -> object:
    chosen = (query["ranking"], query["platform"], query["platform"])
    return query.frame(f"SELECT {columns} FROM {table} WHERE {WHICH} ORDER BY ALL", *chosen)


def _forest(query: Query, rows: Sequence[words.Row]) -> Block:
    return Chart(
        "forest",
        "Do better-voted pages stand higher in the same list?",
        themed(charts.forest(rows)),
        "Each dot is a mean over result lists at the greatest depth that the data reach (right of 0: more votes stand "
        "higher), with its 95 % interval over keywords and domains; it does not say which of the two brings the other.",
        _data(query, "association", "*"),
        "No result list of this choice has enough pages with known votes.",
    )


def _depths(query: Query, rows: Sequence[words.Row]) -> Block:
    figure = go.Figure()
    for pair in dict.fromkeys(words.pair(r) for r in rows):
        mine = [r for r in rows if words.pair(r) == pair and r["mean_rho"] is not None]
        figure.add_scatter(
            x=[r["depth"] for r in mine], y=[r["mean_rho"] for r in mine], mode="lines+markers",
            name=plain(f"{pair[2]} {pair[3]}"), hovertemplate="first %{x}: %{y:+.3f}<extra></extra>",
        )  # fmt: skip
    laid_out(figure, xaxis_title="depth of the list", yaxis_title="mean rank correlation", showlegend=True)
    figure.add_hline(y=0, line_color=words.MUTED, line_dash="dot")
    return Chart(
        "depths",
        "How much the depth of the list changes the number",
        figure if figure.data else None,
        "Each line is the mean correlation of one platform and verb within the first 10, 20, 30 and 50 results: the "
        "same "
        "data give different numbers at different depths, so only numbers of equal depth can be compared.",
        _data(
            query,
            "association",
            "platform, verb, depth, mean_rho, ci_low, ci_high, n_lists, deeper_by, deeper_low, deeper_high",
        ),
    )


def _adjusted(query: Query, rows: Sequence[words.Row]) -> Block:
    return Chart(
        "adjusted",
        "Still, among pages that are equal otherwise?",
        themed(charts.odds(rows)),
        "Each dot says how many times the odds of outranking a neighbour in the list are after a doubling of votes "
        "(right "
        "of 1: better), among pages equal in what you import as covariates; it does not say what a page would gain.",
        _data(query, "adjusted", "*"),
        "No list of this choice could be fitted.",
    )


def _placebos(query: Query, rows: Sequence[words.Row]) -> Block:
    return Chart(
        "placebos",
        "Do votes that cannot have acted do as well?",
        themed(charts.placebos(rows)),
        "Each mark is the share of placebos of one kind that do as well as the real votes: right of the dotted line (5 "
        "%), what the real votes show is no more than what chance or the calendar shows.",
        _data(
            query,
            "timing",
            "platform, verb, placebo_share, placebo_shuffled, placebo_unrelated, placebo_dates, placebo_future, "
            "n_placebos, why_not",
        ),
        "No placebo could be run: timing could not be asked for.",
    )


def _replication(query: Query, rows: Sequence[words.Row]) -> list[Block]:
    columns = (
        "platform, verb, study, country, year::VARCHAR AS year, published_rho, published_depth, mean_rho, ci_low, "
        "ci_high, depth, difference, is_inside, reasons, source"
    )
    data = _data(query, "replication", columns)
    sentence = (
        "Diamonds are published correlations, dots are ours with their 95 % interval: agreement with a published "
        "number is "
        "no evidence of an effect, for a world without any effect gives such numbers too."
    )
    heads = {
        "platform": "platform",
        "verb": "verb",
        "study": "study",
        "year": "year",
        "published_rho": "published",
        "mean_rho": "ours",
        "is_inside": "inside our interval",
        "reasons": "why they may differ",
    }
    none = "No study published a value for these platforms and verbs."
    return [
        Chart("replication", "Published values beside ours", themed(charts.replication(rows)), sentence, data, none),
        Table("studies", "Why published values may differ from ours", data, "One line a study.", heads, empty=none),
    ]  # fmt: skip


def _rankings(query: Query) -> list[tuple[str, str]]:
    return [
        (f"{r['engine']} {r['rank_kind']}", f"{r['engine']}, {r['rank_kind']} position") for r in query.rows(RANKINGS)
    ]


def _platforms(query: Query) -> list[tuple[str, str]]:
    found = query.rows("SELECT DISTINCT platform FROM association ORDER BY ALL")
    return or_every("platform", ((r["platform"], r["platform"]) for r in found))


VIEW = View(
    "platforms",
    "Platforms",
    "How do platforms compare, how far do depth and placebos explain it, and what did others publish?",
    40,
    blocks,
    (Filter("ranking", "Ranking", _rankings), Filter("platform", "Platform", _platforms)),
)
