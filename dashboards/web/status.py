"""The line at the top of every page: how old the data are, and which sources did not read well."""

from __future__ import annotations

import duckdb
from dash import dcc, html
from dash.development.base_component import Component

from connectors.errors import TallyrankError
from dashboards.web.warehouse import Warehouse
from dashboards.words import counted

NEWEST = "SELECT max(last_day)::VARCHAR AS day FROM keyword_series"
TROUBLE = """
    SELECT connector, stream, state, last_day::VARCHAR AS last_day, last_good_day::VARCHAR AS last_good_day
    FROM source_status WHERE state <> 'well' ORDER BY connector, stream
"""


def failures(warehouse: Warehouse) -> list[str]:
    """A line for each source stream that did not read well on its last day."""
    return [
        f"{row['connector']} / {row['stream']}: {row['state']} on {row['last_day']}; last day with data "
        f"{row['last_good_day'] or 'never'}. What was not read is unknown, never zero."
        for row in warehouse.rows(TROUBLE)
    ]


def status(warehouse: Warehouse) -> list[Component]:
    """Failures first, then the newest day of rankings and when all was published."""
    try:
        failed = len(warehouse.rows(TROUBLE))
        day = warehouse.rows(NEWEST)[0]["day"]
        published = f"{warehouse.published_at:%Y-%m-%d %H:%M} UTC"
    except duckdb.CatalogException:
        return [html.Span("Data of an earlier version", className="bad")]
    except (TallyrankError, duckdb.Error):
        return [html.Span("No data", className="bad")]
    words = f"{counted(failed, 'source stream')} did not read well"
    trouble = [dcc.Link(words, href="/sources", className="bad")] if failed else []
    newest = f"Rankings to {day}" if day else "No rankings yet"
    return [*trouble, html.Span(f"{newest} · published {published}")]
