"""Page: everything known of one page, platform by platform, beside the keywords it ranks for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from dashboards.safe import shown
from dashboards.web.common import PAIR, SPAN, censored, pair_of, since
from dashboards.web.figures import SHORT, colours, laid_out, plain
from dashboards.web.series import NAME
from dashboards.web.view import Block, Chart, Filter, Note, Query, Table, View, link
from dashboards.words import ACCENT, ranking

MOST_FOUND, MOST_SERIES = 50, 8
FIND = f"""
    SELECT page_key AS id, page_key || CASE WHEN n_keywords > 0 THEN '' ELSE ' (does not rank)' END AS label FROM pages
    WHERE contains(page_key, lower(?))
    ORDER BY n_keywords = 0, n_platforms DESC, best_position, page_key LIMIT {MOST_FOUND}
"""
ABOUT = "SELECT * FROM pages WHERE page_key = ?"
VOTES = """
    SELECT platform, verb, day, votes, change, status, is_lower_bound, basis FROM page_votes
    WHERE page_key = ? AND day >= ? ORDER BY platform, verb, day
"""
BURSTS = "SELECT * FROM page_bursts WHERE page_key = ? AND day >= ? ORDER BY ALL"
RANKS = f"""
    SELECT
        s.keyword, s.series_id, s.name, s.engine, s.country, s.device, s.rank_kind,
        d.day, d.position, d.is_found, d.depth
    FROM keyword_days AS d JOIN (SELECT *, {NAME} AS name FROM keyword_series) AS s USING (series_id)
    WHERE d.page_key = ? AND d.day >= ? ORDER BY s.keyword, s.series_id, d.day
"""


def blocks(query: Query) -> Sequence[Block]:
    """What is known, positions over time, votes and their increments, bursts, keywords."""
    found = query.rows(ABOUT, query["page"])
    if not found:
        return [Note("No page yet: import rankings or votes, or run the sources, then analyse.")]
    page = found[0]
    last = query.rows("SELECT max(day) AS day FROM page_votes")[0]["day"] or page["first_day"]
    first = since(query, max(filter(None, (last, page["last_ranked_day"])), default=last))
    votes = query.frame(VOTES, page["page_key"], first)
    ranks = query.frame(RANKS, page["page_key"], first)
    bursts = query.frame(BURSTS, page["page_key"], first)
    return [
        Note(_about(page)),
        _positions(ranks),
        _votes(votes, bursts),
        _increments(query, votes),
        _bursts(bursts),
        _keywords(ranks),
        _readings(votes),
    ]


def _about(page: dict[str, Any]) -> str:
    place = f"best place {page['best_position']:.3g}" if page["best_position"] is not None else "in no list"
    return (
        f"{shown(page['url'] or page['page_key'], 200)}: {place} on {page['last_ranked_day'] or 'no day'}, found for "
        f"{page['n_keywords']:,} keywords; votes known on {page['n_platforms']:,} platforms; first seen "
        f"{page['first_day']}."
    )


def _positions(ranks: pd.DataFrame) -> Block:
    """A line for each of the keywords for which the page stands highest."""
    figure = go.Figure()
    best = ranks.groupby("series_id", sort=False)["position"].min().sort_values().head(MOST_SERIES).index
    of, names = colours([str(s) for s in best]), _names(ranks)
    for series in best:
        mine = ranks[ranks["series_id"] == series]
        name = names[series]
        figure.add_scatter(
            x=mine["day"], y=mine["position"], mode="lines+markers", name=plain(name), connectgaps=False,
            line={"color": of[str(series)]}, marker={"size": 4},
            hovertemplate="%{x|%Y-%m-%d}: place %{y:.3g}<extra>" + plain(name) + "</extra>",
        )  # fmt: skip
        figure.add_trace(censored(mine, name))
    laid_out(figure, showlegend=True, yaxis_title="position (1 is best)")
    figure.update_yaxes(autorange="reversed")
    return Chart(
        "positions",
        "Where it stands",
        figure if len(best) else None,
        "Each line is the page's place for one keyword; a gap is a day that was not read, an open triangle a list in "
        "which it was looked for and not found down to that depth.",
        ranks,
        "The page was found in no list of these days.",
    )


def _names(ranks: pd.DataFrame) -> dict[Any, str]:
    """What each series is called: its keyword, with engine and kind of position where several share the keyword."""
    series = ranks.drop_duplicates("series_id")
    shared = series["keyword"].duplicated(keep=False)
    rows = zip(series["series_id"], series.to_dict("records"), shared, strict=True)
    return {id: f"{r['keyword']} ({ranking(r)})" if twice else str(r["keyword"]) for id, r, twice in rows}


def _votes(votes: pd.DataFrame, bursts: pd.DataFrame) -> Block:
    """Votes of each platform and verb, each for itself: they are never added up."""
    positive = votes.assign(votes=votes["votes"].where(votes["votes"] > 0))
    figure = _lines(positive, "votes", "%{y:,} votes")
    for (platform, verb), mine in bursts.groupby(["platform", "verb"], sort=True) if len(bursts) else ():
        known = votes[(votes["platform"] == platform) & (votes["verb"] == verb)]
        at = mine.merge(known[["day", "votes"]], on="day", how="inner")
        figure.add_scatter(
            x=at["day"], y=at["votes"], mode="markers", name=plain(f"burst of {platform} {verb}s"),
            marker={"symbol": "star", "size": 12}, hovertemplate="%{x|%Y-%m-%d}: burst<extra></extra>",
        )  # fmt: skip
    laid_out(figure, showlegend=True, yaxis_title="votes known", yaxis_type="log")
    return Chart(
        "votes",
        "Its votes, platform by platform",
        figure if positive["votes"].notna().any() else None,
        "Votes known at the end of each day (logarithmic, so zeros are left out); platforms are never added up, for "
        "a like here and a like there are different things. Other gaps are readings that failed or were not made. "
        "Stars are bursts.",
        votes,
        "No vote of this page is known in these days.",
    )


def _increments(query: Query, votes: pd.DataFrame) -> Block:
    """What came new of the votes chosen: platforms differ too much in size for one axis."""
    platform, verb = pair_of(query)
    mine = votes[(votes["platform"] == platform) & (votes["verb"] == verb)]
    bars = go.Bar(
        x=mine["day"], y=mine["change"], marker_color=ACCENT, hovertemplate="%{x|%Y-%m-%d}: %{y:+,}<extra></extra>"
    )
    return Chart(
        "increments",
        f"What came new each day: {platform} {verb}s",
        laid_out(go.Figure(bars), SHORT, yaxis_title="votes gained") if mine["change"].notna().any() else None,
        "Votes gained since the reading before; nothing is drawn where that is not known (a failed reading, a recount, "
        "a post found late). Below 0, people took votes back or the platform recounted.",
        mine[["platform", "verb", "day", "change"]],
        f"No change of this page's {platform} {verb}s is known in these days.",
    )


def _lines(votes: pd.DataFrame, column: str, what: str) -> go.Figure:
    """A line for each platform and verb of which a number is known."""
    figure = go.Figure()
    for (platform, verb), mine in votes.groupby(["platform", "verb"], sort=True):
        if mine[column].notna().any():
            name = plain(f"{platform} {verb}")
            figure.add_scatter(
                x=mine["day"], y=mine[column], mode="lines+markers", name=name, connectgaps=False, marker={"size": 4},
                hovertemplate="%{x|%Y-%m-%d}: " + what + "<extra>" + name + "</extra>",
            )  # fmt: skip
    return figure


def _bursts(bursts: pd.DataFrame) -> Block:
    return Table(
        "bursts",
        "Sudden bursts of votes",
        bursts,
        "Days on which far more votes came than is usual for the page; what positions did afterwards is on Timing.",
        empty="No burst of votes in these days.",
    )


def _keywords(ranks: pd.DataFrame) -> Block:
    last = ranks.groupby("series_id", sort=False).last().reset_index()
    data = last.sort_values("position")
    data["address"] = [link("keyword", keyword=name) for name in data["name"]]
    columns = {
        "keyword": "keyword",
        "engine": "engine",
        "country": "country",
        "device": "device",
        "rank_kind": "kind",
        "position": "position",
        "day": "last list",
    }
    none = "It was looked for in no list of these days."
    sentence = "The newest list of each in these days."
    return Table("keywords", "Keywords it ranks for", data, sentence, columns, {"keyword": "address"}, none)


def _readings(votes: pd.DataFrame) -> Block:
    """The newest reading of each platform and verb."""
    newest = votes.groupby(["platform", "verb"], sort=True).last().reset_index()
    days = votes.groupby(["platform", "verb"], sort=True)["day"].max().reset_index(drop=True)
    columns = {
        "platform": "platform",
        "verb": "verb",
        "votes": "last known votes",
        "last_reading": "last reading",
        "status": "it was",
    }
    data, sentence = newest.assign(last_reading=days), "Failed or hidden is unknown, not zero."
    return Table("readings", "Last readings", data, sentence, columns, empty="No vote of it was ever read.")


def _find(query: Query, typed: str) -> list[tuple[str, str]]:
    return [(r["id"], r["label"]) for r in query.rows(FIND, typed)]


def _named(query: Query, value: str) -> str | None:
    return value if query.rows(ABOUT, value) else None


VIEW = View(
    "page",
    "Page",
    "What is known of one page: its votes on every platform, bursts, and the keywords it ranks for?",
    30,
    blocks,
    (Filter("page", "Page", search=_find, label=_named), PAIR, SPAN),
)
