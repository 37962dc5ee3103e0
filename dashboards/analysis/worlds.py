"""What an old study would have found in worlds whose truth is known: the same number, with and without an effect."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from html import escape

import plotly.graph_objects as go

from dashboards.analysis.comparisons import points
from dashboards.charts import LINE, TOP_AND_BOTTOM, laid_out
from dashboards.words import COLOURS, MUTED, Row
from models.ranks.association import associate
from models.simulation.settings import KINDS, Kind, Settings
from models.simulation.simulate import simulate

TRUTH: dict[Kind, str] = {
    "no effect": "votes do nothing, and come by themselves",
    "effect": "votes lift pages",
    "shared cause": "votes do nothing; good pages stand high and get votes",
    "reverse": "votes do nothing; pages that stand high are seen and get votes",
    "shock": "votes do nothing; news brings votes and lifts the page",
}
KEYWORDS, DAYS, SEED = 30, 28, 1


@cache
def naive() -> tuple[Row, ...]:
    """One row per kind of world: `kind`, `truth`, `is_effect`, and the mean within-list rho with its interval."""
    return tuple(_row(kind) for kind in KINDS)


def _row(kind: Kind) -> Row:
    p = simulate(Settings(kind=kind, keywords=KEYWORDS, days=DAYS), SEED).panel
    lists = p.keyword * p.votes.shape[1] + p.step
    found = associate(lists, p.keyword, p.position, p.votes[p.page, p.step], p.depth, draws=200)
    numbers = {"mean_rho": found.mean_rho, "ci_low": found.ci_low, "ci_high": found.ci_high}
    return {"kind": kind, "truth": TRUTH[kind], "is_effect": kind == "effect"} | numbers


def picture(rows: Sequence[Row]) -> go.Figure:
    """The correlation of each world, the one with an effect in another colour."""
    shown = list(reversed(rows))
    names = [f"{escape(r['kind'])}<br>{escape(r['truth'])}" for r in shown]
    colours = [COLOURS["supports"] if r["is_effect"] else MUTED for r in shown]
    figure = go.Figure(points(shown, names, ("mean_rho", "ci_low", "ci_high"), colours))
    figure.add_vline(x=0, line_color=MUTED, line_dash="dot")
    return laid_out(figure, TOP_AND_BOTTOM + 14 * len(shown) + LINE * len(shown), "mean rank correlation")
