"""Source health: for each source the last success, failed reads, quota and cost; what failed comes first."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from dashboards.web.common import EVERY, or_every
from dashboards.web.figures import laid_out, plain
from dashboards.web.view import Block, Chart, Filter, Note, Query, Table, View
from dashboards.words import SECOND

ROW = 26  # pixels
NONE_READ = "No source has been read yet: what there is comes from imported files."
STATUS = """
    SELECT h.connector, h.stream, h.state, h.last_day, h.last_good_day, h.n_reads, h.n_failed, h.n_not_found,
        h.n_failed_readings, h.days_with_failures, h.n_days, h.first_error, s.quota, s.cost, s.retention_days, s.terms
    FROM source_status AS h LEFT JOIN sources AS s USING (connector)
    WHERE ? IN ('every', h.connector)
    ORDER BY h.state = 'well', h.state = 'partly failed', h.connector, h.stream
"""
DAYS = """
    SELECT connector || ' / ' || stream AS source, day, n_reads, n_failed, n_not_found, n_failed_readings, first_error,
        CASE WHEN is_failed THEN 1.0 ELSE (n_failed + n_failed_readings) / greatest(n_reads, 1) END AS share_failed
    FROM source_health WHERE ? IN ('every', connector) ORDER BY source, day
"""
SPENT = """
    SELECT connector, month, usd, budget_usd, problem FROM spending
    WHERE ? IN ('every', connector) ORDER BY month DESC, connector
"""
CATALOGUE = """
    SELECT title, signal, state, to_do, quota, cost, budget_usd, kept, verified, meanings, connector FROM sources
    WHERE ? IN ('every', connector) ORDER BY state <> 'ready', signal, title
"""


def blocks(query: Query) -> Sequence[Block]:
    """Failures, the state of each stream, every day, money, and what each source is."""
    of = query["source"]
    status = query.frame(STATUS, of)
    return [*_failures(status), _status(status), _days(query.frame(DAYS, of)), _spent(query, of), _catalogue(query, of)]


def _failures(status: pd.DataFrame) -> list[Block]:
    """What failed on its last day, and what follows from that."""
    failed = status[status["state"] != "well"]
    if status.empty:
        return [Note(NONE_READ)]
    if failed.empty:
        return [Note(f"All {len(status)} source streams read well on their last day.")]
    names = ", ".join(f"{c} / {s}" for c, s in zip(failed["connector"], failed["stream"], strict=True))
    words = (
        f"{len(failed)} of {len(status)} source streams did not read well on their last day: {names}. What could not "
        "be read is unknown everywhere; it is never a zero and never yesterday's number."
    )
    return [Note(words, is_alarm=True)]


def _status(status: pd.DataFrame) -> Block:
    columns = {
        "connector": "source", "stream": "stream", "state": "state", "last_good_day": "last success",
        "last_day": "last day",
        "n_reads": "reads", "n_failed": "failed", "n_not_found": "not found",
        "days_with_failures": "days with failures",
        "quota": "quota", "cost": "cost", "first_error": "first error",
    }  # fmt: skip
    return Table(
        "streams",
        "State of each source",
        status.fillna({"first_error": ""}),
        "Numbers are of the last day of looking. Not found is an answer (the source does not have it), failed is none.",
        columns,
        empty=NONE_READ,
    )


def _days(days: pd.DataFrame) -> Block:
    """A square for each source and day, the darker the more reads failed."""
    grid = days.pivot(index="source", columns="day", values="share_failed") if len(days) else pd.DataFrame()
    figure = go.Figure()
    if len(days):
        figure.add_heatmap(
            x=list(grid.columns), y=[plain(s) for s in grid.index], z=grid.to_numpy(), zmin=0, zmax=1, xgap=1, ygap=2,
            colorscale=[[0, "#7fb6a6"], [0.001, "#f0c48a"], [1, SECOND]], hoverongaps=False,
            colorbar={"title": "failed", "tickformat": ".0%", "len": 0.9},
            hovertemplate="%{y}, %{x|%Y-%m-%d}: %{z:.1%} failed<extra></extra>",
        )  # fmt: skip
    laid_out(figure, 110 + ROW * len(grid))
    return Chart(
        "days",
        "How reading went, day by day",
        figure if len(days) else None,
        "Each square is one day of one source: green read well, orange failed in part, dark brown failed altogether; "
        "where there is no square, the source was not read that day.",
        days,
        NONE_READ,
    )


def _spent(query: Query, of: str) -> Block:
    return Table(
        "spent",
        "Money spent",
        query.frame(SPENT, of).fillna({"problem": ""}),
        "US dollars in each calendar month (UTC), from the ledger of what was paid; a source stops at its budget.",
        {"connector": "source", "month": "month", "usd": "spent, $", "budget_usd": "budget, $", "problem": "trouble"},
        empty="Nothing has been spent.",
    )


def _catalogue(query: Query, of: str) -> Block:
    columns = {"title": "source", "signal": "gives", "state": "state", "budget": "budget a month"}
    found = query.frame(CATALOGUE, of)
    budgets = ["none" if pd.isna(usd) else f"{usd:,.2f} $" for usd in found["budget_usd"]]
    return Table(
        "catalogue",
        "Every source there is",
        found.assign(budget=budgets),
        "Ready ones first. What each still needs, its quota, its cost and what its verbs mean are in the CSV, in "
        "docs/SOURCES.md, and in the answer of `tallyrank doctor NAME`.",
        columns,
    )


def summary(query: Query) -> Sequence[str]:
    """A line for each stream."""
    rows = query.frame(STATUS, EVERY)
    pieces = zip(rows["connector"], rows["stream"], rows["state"], strict=True)
    return [f"{c} / {s}: {state}" for c, s, state in pieces]


def _sources(query: Query) -> list[tuple[str, str]]:
    found = query.rows(
        "SELECT connector, title FROM sources WHERE connector IN (SELECT connector FROM source_health) ORDER BY title"
    )
    return or_every("source", ((r["connector"], r["title"]) for r in found))


VIEW = View(
    "sources",
    "Source health",
    "Which sources read well, which failed, and what did they cost?",
    100,
    blocks,
    (Filter("source", "Source", _sources),),
    summary,
)
