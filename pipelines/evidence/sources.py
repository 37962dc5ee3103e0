"""The catalogue of sources: what each gives, means, needs, costs and forbids, and whether it is ready here."""

from __future__ import annotations

from typing import Any

from connectors.base import Connector, PaidSettings, discover
from connectors.errors import ConfigurationError
from pipelines.doctor import READY, diagnosis
from pipelines.evidence.table import FLAG, REAL, TEXT, WHOLE, ModelTable, Rows
from pipelines.lake import Lake


def build(_: Lake) -> Rows:
    """One row per source that is known, by name."""
    return [_row(connector) for _, connector in sorted(discover().items())]


def _row(connector: Connector) -> dict[str, Any]:
    state, to_do = diagnosis(connector)
    return _settings(connector) | {
        "connector": connector.name, "title": connector.title, "signal": connector.signal,
        "is_ready": state == READY, "state": state, "to_do": to_do or None, "quota": connector.quota,
        "cost": connector.cost, "terms": connector.terms, "retention_days": connector.retention_days,
        "kept": connector.kept or None, "verified": connector.verified, "meanings": meanings(connector) or None,
    }  # fmt: skip


def _settings(connector: Connector) -> dict[str, Any]:
    """What the settings say; unknown while one of them is malformed."""
    try:
        settings = connector.configured()
    except ConfigurationError:
        return {"is_enabled": None, "budget_usd": None}
    budget = settings.budget_usd if isinstance(settings, PaidSettings) else None
    return {"is_enabled": settings.enabled, "budget_usd": budget}


def meanings(connector: Connector) -> str:
    """What each verb is on the platform, a line for each; empty for a source of rankings."""
    return "\n".join(f"{verb}: {m.native} ({m.quality}). {m.meaning}" for verb, m in connector.verbs.items())


COLUMNS: dict[str, Any] = {
    "connector": (TEXT, "Name of the source, as in source_status and in its settings."),
    "title": (TEXT, "Its name for people."),
    "signal": (TEXT, "What it gives: votes or rankings."),
    "is_enabled": (FLAG, "Whether it is switched on; NULL while one of its settings is malformed."),
    "is_ready": (FLAG, "Whether it is switched on and has all that it needs to be read."),
    "state": (TEXT, "ready, nothing to read, switched off or not ready, as `tallyrank doctor` says it."),
    "to_do": (TEXT, "What to do before it reads something; NULL when nothing is left to do."),
    "quota": (TEXT, "Its limits."),
    "cost": (TEXT, "What it costs."),
    "budget_usd": (REAL, "Most US dollars to spend in a month; NULL where it costs nothing for each question."),
    "terms": (TEXT, "The terms that bind us."),
    "retention_days": (WHOLE, "Days that its terms let us keep readings; NULL where they name no days."),
    "kept": (TEXT, "How long readings may be kept, where the terms say it in words; else NULL."),
    "verified": (TEXT, "What was checked against real answers, and what was not."),
    "meanings": (TEXT, "What each verb means there, a line for each; NULL for a source of rankings."),
}
TABLE = ModelTable(
    "sources",
    "Every source that is known: what it gives and means, what it costs and forbids, whether it is switched on and "
    "ready, as it was when the tables were made. One row per source. How reading went is in source_status.",
    COLUMNS,
    (),
    build,
)
