"""What paid sources have cost month by month, from their ledgers (pipelines/money.py)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from connectors.base import Connector, PaidSettings, discover
from connectors.errors import ConfigurationError, TallyrankError
from pipelines.evidence.table import DAY, REAL, TEXT, ModelTable, Rows
from pipelines.lake import Lake
from pipelines.money import by_month, ledger


def build(lake: Lake) -> Rows:
    """One row per source and month in which it was paid; a ledger that cannot be read is one row that says so."""
    return [row for connector in discover().values() for row in _rows(lake, connector)]


def _rows(lake: Lake, connector: Connector) -> Iterator[dict[str, Any]]:
    shared = {"connector": connector.name, "budget_usd": _budget(connector)}
    try:
        for month, usd in sorted(by_month(ledger(lake, connector)).items()):
            yield shared | {"month": month, "usd": usd, "problem": None}
    except TallyrankError as error:  # the analysis goes on without what it cost
        yield shared | {"month": None, "usd": None, "problem": str(error)}


def _budget(connector: Connector) -> float | None:
    """The budget of a month as it is set now."""
    try:
        settings = connector.configured()
    except ConfigurationError:
        return None
    return settings.budget_usd if isinstance(settings, PaidSettings) else None


COLUMNS: dict[str, Any] = {
    "connector": (TEXT, "The source."),
    "month": (DAY, "First day of the calendar month (UTC); NULL when the ledger cannot be read."),
    "usd": (REAL, "US dollars spent in it; NULL when the ledger cannot be read."),
    "budget_usd": (REAL, "Most US dollars to spend in a month, as set when the tables were made; NULL where unknown."),
    "problem": (TEXT, "Why the amount is unknown, and what to do; else NULL."),
}
TABLE = ModelTable(
    "spending",
    "What paid sources have cost, from the ledgers beside the lake. One row per source and calendar month in which "
    "something was spent; a source without a row has cost nothing.",
    COLUMNS,
    (),
    build,
)
