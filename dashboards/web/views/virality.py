"""Virality: how much is passed on, how fast and how long posts collect votes, and how unevenly."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from dashboards import charts, words
from dashboards.web.common import or_every
from dashboards.web.figures import ROW, laid_out, plain
from dashboards.web.view import Block, Chart, Filter, Note, Query, Table, View

ROWS = "SELECT * FROM virality WHERE ? IN ('every', platform) ORDER BY platform, verb, basis"
CURVE = "SELECT * FROM virality_curve WHERE ? IN ('every', platform) ORDER BY platform, verb, age_days"
POSTS = """
    SELECT * EXCLUDE (curve_days, curve_q1, curve_median, curve_q3) FROM virality
    WHERE ? IN ('every', platform) AND basis = 'post' ORDER BY platform, verb
"""
UNKNOWN = """
    SELECT platform, verb, basis, why_not FROM virality
    WHERE why_not IS NOT NULL AND ? IN ('every', platform) ORDER BY ALL
"""
CLAIM = "SELECT * FROM virality WHERE published_fraction IS NOT NULL ORDER BY platform, verb"


def blocks(query: Query) -> Sequence[Block]:
    """The published claim beside our data, passing on, speed, the curve of age, concentration."""
    found = query.rows(ROWS, query["platform"])
    if not found:
        return [Note("No post has been read yet: run the sources, then analyse.")]
    return [
        *(Note(_claim(row)) for row in query.rows(CLAIM)),
        _passed_on(found),
        _curve(query.frame(CURVE, query["platform"])),
        _speed(query),
        _concentration(found),
        _unknown(query),
    ]


def _claim(row: words.Row) -> str:
    """A published value, and what our own data say of it."""
    said = (
        f"{row['published_study']} ({row['published_year']}) found that {words.percent(row['published_fraction'])} of "
        f"the activity on {words.sentence_case(row['platform'])} is passing on."
    )
    if row["reshare_fraction"] is None:
        return f"{said} Your data cannot tell: {row['why_not'] or 'too few posts'} {row['caveat'] or ''}"
    ours = f"{words.percent(row['reshare_fraction'])} ({_range(row, 'reshare_fraction')})"
    verdict = {
        True: "the published value is inside that interval",
        False: "the published value is outside that interval",
    }
    agreed = verdict.get(row["is_inside"], "whether they agree is unknown")
    return f"{said} In your data it is {ours}; {agreed}. {row['caveat'] or ''}"


def _range(row: words.Row, name: str) -> str:
    return f"{words.percent(row[f'{name}_low'])} to {words.percent(row[f'{name}_high'])}"


def _passed_on(rows: Sequence[words.Row]) -> Block:
    known = [r for r in rows if r["reshare_fraction"] is not None]
    figure = _intervals(known, "reshare_fraction", "ours, with 95 % interval")
    theirs = [r for r in known if r["published_fraction"] is not None]
    if theirs:
        figure.add_scatter(
            x=[r["published_fraction"] for r in theirs], y=[_name(r) for r in theirs], mode="markers", name="published",
            marker={"symbol": "diamond", "size": 11, "color": words.SECOND},
            hovertemplate="%{y}: %{x:.0%}<extra></extra>",
        )  # fmt: skip
    laid_out(figure, 130 + ROW * len(known), showlegend=True)
    figure.update_xaxes(range=[0, 1], tickformat=".0%", title_text="part of all acts that is passing on")
    return Chart(
        "passed-on",
        "Repins and reshares: how much is passing on",
        figure if known else None,
        "Of all acts of putting a page before people, the part that passes on somebody else's post, with its 95 % "
        "interval "
        "over pages. It says how content travels, not whether search engines care.",
        _data(
            known,
            (
                "reshare_fraction",
                "n_originals",
                "n_reshares",
                "reshares_per_post",
                "published_fraction",
                "is_inside",
                "caveat",
            ),
        ),
        "No platform here counts both posts and their reshares, or there are too few posts.",
    )


def _intervals(rows: Sequence[words.Row], name: str, title: str) -> go.Figure:
    return go.Figure(
        go.Scatter(
            x=[r[name] for r in rows], y=[_name(r) for r in rows], mode="markers", name=title,
            marker={"size": 10, "color": words.ACCENT},
            error_x=charts.whiskers(rows, (name, f"{name}_low", f"{name}_high")),
            hovertemplate="%{y}: %{x:.1%}<extra></extra>",
        )
    )  # fmt: skip


def _name(row: words.Row) -> str:
    return plain(f"{row['platform']} {row['verb']}" + (" (pages)" if row["basis"] == "page" else ""))


def _data(rows: Sequence[words.Row], names: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame([{n: r[n] for n in ("platform", "verb", "basis", *names)} for r in rows])


def _curve(curve: pd.DataFrame) -> Block:
    figure = go.Figure()
    for (platform, verb), mine in curve.groupby(["platform", "verb"], sort=True) if len(curve) else ():
        figure.add_scatter(
            x=mine["age_days"], y=mine["share_median"], mode="lines", name=plain(f"{platform} {verb}"),
            hovertemplate="day %{x}: %{y:.0%}<extra>" + plain(f"{platform} {verb}") + "</extra>",
        )  # fmt: skip
    laid_out(figure, showlegend=True, xaxis_title="days since publication", yaxis_title="share of its votes")
    figure.update_yaxes(tickformat=".0%", range=[0, 1.02])
    return Chart(
        "curve",
        "How old a post is when it has its votes",
        figure if len(curve) else None,
        "Each line is the median share of a post's votes that were there at an age; steep at the left means "
        "short-lived. "
        "Only posts followed from their beginning are in it, and all votes means those at the end of the line.",
        curve,
        "No platform has enough posts that were followed from their beginning.",
    )


def _speed(query: Query) -> Block:
    columns = {
        "platform": "platform", "verb": "verb", "n_posts": "posts", "first_day_median": "votes a day, first day",
        "first_week_median": "votes a day, first week", "half_life_median": "half-life, days",
        "half_life_at_least": "at least, days",
        "n_half_life_left_out": "posts left out",
    }  # fmt: skip
    data = query.frame(POSTS, query["platform"])
    return Table(
        "speed",
        "How fast, and how long",
        data,
        "Medians over posts. Half-life is the age at which half of the votes of the last reading were there; a post "
        "that is "
        "still young has no half-life yet, and posts that were found late are left out rather than guessed.",
        columns,
    )


def _concentration(rows: Sequence[words.Row]) -> Block:
    known = [r for r in rows if r["top_10_share"] is not None]
    figure = _intervals(known, "top_10_share", "top tenth")
    laid_out(figure, 110 + ROW * len(known))
    figure.update_xaxes(range=[0, 1.02], tickformat=".0%", title_text="share of all votes that the top tenth has")
    return Chart(
        "concentration",
        "How unevenly votes fall",
        figure if known else None,
        "The share of all votes that the tenth of posts (or pages) with the most votes has, with its 95 % interval; 10 "
        "% would be perfectly even. Where a few posts hold nearly all votes, averages over posts say little.",
        _data(
            known,
            (
                "gini",
                "gini_low",
                "gini_high",
                "top_1_share",
                "top_10_share",
                "top_10_share_low",
                "top_10_share_high",
                "n_posts",
                "n_pages",
            ),
        ),
        "There are too few posts.",
    )


def _unknown(query: Query) -> Block:
    data = query.frame(UNKNOWN, query["platform"])
    return Table("unknown", "What is unknown, and why", data, "", empty="Nothing: every number could be made.")


def _platforms(query: Query) -> list[tuple[str, str]]:
    found = query.rows("SELECT DISTINCT platform FROM virality ORDER BY platform")
    return or_every("platform", ((r["platform"], r["platform"]) for r in found))


VIEW = View(
    "virality",
    "Virality",
    "How much is passed on, how fast and how long do posts collect votes, and how unevenly?",
    70,
    blocks,
    (Filter("platform", "Platform", _platforms),),
)
