"""The report: one self-contained HTML file with the numbers of the warehouse and the state of each source."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import jinja2
import plotly.io

from dashboards.plots import forest_plot

TEMPLATES = Path(__file__).parent / "templates"
NOT_BY_ASSOCIATION = "cannot tell"

SOURCES = """
    WITH last AS (SELECT connector, stream, max(day) AS day FROM source_health GROUP BY ALL)
    SELECT
        h.connector, h.stream, h.day AS last_day, h.n_reads, h.n_failed, h.n_not_found, h.first_error,
        h.n_failed_readings,
        (SELECT max(g.day) FROM source_health g
         WHERE g.connector = h.connector AND g.stream = h.stream AND NOT g.is_failed) AS last_good_day,
        (SELECT count(*) FROM source_health g
         WHERE g.connector = h.connector AND g.stream = h.stream AND g.n_failed > 0) AS days_with_failures,
        CASE WHEN h.is_failed THEN 'failed' WHEN h.n_failed + h.n_failed_readings > 0 THEN 'partly failed'
             ELSE 'well' END AS state
    FROM source_health h JOIN last USING (connector, stream, day)
    ORDER BY h.n_failed + h.n_failed_readings = 0,
        h.n_failed::DOUBLE / greatest(h.n_reads, 1) DESC, h.connector, h.stream
"""
CORRELATIONS = "SELECT * FROM association ORDER BY engine, rank_kind, platform, verb, depth"
FACTS = """
    SELECT
        (SELECT count(DISTINCT keyword_id) FROM serp_results) AS keywords,
        (SELECT count(DISTINCT list_id) FROM serp_results) AS lists,
        (SELECT count(DISTINCT page_key) FROM serp_results) AS pages,
        (SELECT count(*) FROM stg_observations WHERE status = 'observed') AS readings,
        (SELECT count(*) FROM stg_observations WHERE status = 'failed') AS failed_readings,
        (SELECT min(ranked_at) FROM serp_results) AS first_list,
        (SELECT max(ranked_at) FROM serp_results) AS last_list
"""


@dataclass(frozen=True)
class Contents:
    """What the report says: counts of what is there, the state of each source, the correlations."""

    facts: dict[str, Any]
    sources: list[dict[str, Any]]
    correlations: list[dict[str, Any]]

    @property
    def failures(self) -> list[dict[str, Any]]:
        """Sources whose last day was not well."""
        return [s for s in self.sources if s["state"] != "well"]


def read_contents(warehouse: Path) -> Contents:
    """Read everything from the published warehouse, which is opened read-only."""
    with duckdb.connect(str(warehouse), read_only=True) as con:
        con.execute("SET TimeZone = 'UTC'")
        facts, sources, found = (_rows(con, query) for query in (FACTS, SOURCES, CORRELATIONS))
    return Contents(facts[0], sources, found)


def _rows(con: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    cursor = con.execute(query)
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def write_report(warehouse: Path, path: Path) -> None:
    """Write the report of a warehouse to `path`; the file appears whole or not at all."""
    contents = read_contents(warehouse)
    text = render(contents, datetime.now(UTC))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def render(contents: Contents, made_at: datetime) -> str:
    """The report as one HTML text; everything that came from outside is escaped."""
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True)
    environment.filters["signed"] = _signed
    environment.filters["count"] = lambda v: f"{v:,}"
    return str(
        environment.get_template("report.html.j2").render(
            contents=contents,
            made_at=made_at,
            plot=_plot(contents.correlations),
            sentence=sentence,
            word=NOT_BY_ASSOCIATION,
        )
    )


def _signed(value: float | None) -> str:
    return "unknown" if value is None else f"{value:+.3f}"


def _plot(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return ""
    figure = forest_plot(rows)
    return str(plotly.io.to_html(figure, full_html=False, include_plotlyjs="inline", config={"displaylogo": False}))


def sentence(row: dict[str, Any]) -> str:
    """What one coefficient says, and no more."""
    if row["mean_rho"] is None:
        return "no list could be compared"
    if row["ci_low"] is None:
        return "uncertainty unknown: fewer than two keywords"
    if row["ci_low"] > 0:
        return "more votes go with higher places"
    if row["ci_high"] < 0:
        return "more votes go with lower places"
    return "cannot be told from zero"
