"""Choices and questions that several pages share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

import pandas as pd
import plotly.graph_objects as go

from dashboards.web.figures import breaks, plain
from dashboards.web.view import Filter, Query
from dashboards.words import MUTED, strongest_first

PAIRS = "SELECT platform, verb FROM vote_pairs ORDER BY n_pages DESC, platform, verb"
SPANS = {"90": "90 days", "28": "28 days", "365": "a year", "all": "all days"}
EVERY = "every"
BEGINNING = date(1970, 1, 1)
BREAKS = """
    SELECT DISTINCT first_day, last_day, what FROM breaks
    WHERE (engine = ? AND (rank_kinds IS NULL OR contains(rank_kinds, ?))
        OR platform = ? AND (verbs IS NULL OR contains(verbs, ?)))
        AND last_day >= ? AND first_day <= ?
    ORDER BY ALL
"""


def judged_first(query: Query, pairs: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of platform and verb as options, those with the strongest verdict first."""
    judged = [f"{v['platform']} {v['verb']}" for v in strongest_first(query.rows("SELECT * FROM verdicts"))]
    order = {pair: n for n, pair in reversed(list(enumerate(judged)))}
    return [(pair, pair) for pair in sorted(pairs, key=lambda pair: order.get(pair, len(order)))]


def _pairs(query: Query) -> list[tuple[str, str]]:
    return judged_first(query, [f"{r['platform']} {r['verb']}" for r in query.rows(PAIRS)])


def or_every(thing: str, values: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Values (value, label) as options, before them the choice of every one."""
    return [(EVERY, f"every {thing}"), *values]


PAIR = Filter("votes", "Votes", _pairs)
SPAN = Filter("span", "Days shown, up to the last", lambda _: list(SPANS.items()))


def pair_of(query: Query) -> tuple[str, str]:
    """Platform and verb that were chosen."""
    platform, _, verb = query["votes"].rpartition(" ")
    return platform, verb


def since(query: Query, last: date) -> date:
    """First day of the span that was chosen, which ends on `last`."""
    return BEGINNING if query["span"] == "all" else last - timedelta(days=int(query["span"]))


def shade_breaks(figure: go.Figure, query: Query, engine: str, rank_kind: str, days: tuple[date, date]) -> list[str]:
    """Shade the days on which a ruler of this chart changed; what changed, a sentence each."""
    found = query.rows(BREAKS, engine, rank_kind, *pair_of(query), *days)
    breaks(figure, found)
    return [f"{r['first_day']} to {r['last_day']}: {r['what']}" for r in found]


def censored(readings: pd.DataFrame, name: str) -> go.Scatter:
    """Marks of days on which a page was looked for down to a depth and not found: open, below the last place seen."""
    lost = readings[~readings["is_found"] & readings["depth"].notna()]
    return go.Scatter(
        x=lost["day"], y=lost["depth"] + 1, mode="markers", name=plain(name),
        showlegend=False,
        marker={"symbol": "triangle-down-open", "size": 9, "color": MUTED},
        text=[f"not among the first {depth:.0f}" for depth in lost["depth"]],
        hovertemplate="%{x|%Y-%m-%d}: %{text}<extra>" + plain(name) + "</extra>",
    )  # fmt: skip
