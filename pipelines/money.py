"""What paid sources have cost: a ledger beside the lake, and the budget that is left.

    <data>/spending/<connector>.jsonl     {"at": "2026-10-14T12:00:00+00:00", "usd": 0.005}, one line per question

A line is written before the question is sent, so a run that is killed has spent what the ledger says, or less.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from connectors.base import Connector, Meter, PaidSettings
from connectors.errors import TallyrankError
from pipelines.lake import Lake


def meter(lake: Lake, connector: Connector, settings: Any) -> Meter:
    """A meter that refuses what the month's budget does not cover; of a source that is free, one without limits."""
    if not isinstance(settings, PaidSettings) or settings.has_clock:
        return Meter()
    path = ledger(lake, connector)

    def note(usd: float) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"at": datetime.now(UTC).isoformat(), "usd": usd}) + "\n")

    return Meter(settings.budget_usd - spent(path, datetime.now(UTC).date()), note)


def ledger(lake: Lake, connector: Connector) -> Path:
    """Where the spending of a source is written down."""
    return lake.root / "spending" / f"{connector.name}.jsonl"


def spent(path: Path, month: date) -> float:
    """US dollars spent in the calendar month of a day; raises TallyrankError for a ledger that cannot be read."""
    return by_month(path).get(month.replace(day=1), 0.0)


def by_month(path: Path) -> dict[date, float]:
    """US dollars spent in each calendar month, by its first day; raises TallyrankError for a ledger that cannot be
    read.
    """
    sums: dict[date, float] = {}
    try:
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
            if line.strip():
                entry = json.loads(line)
                month = date.fromisoformat(f"{entry['at'][:7]}-01")
                sums[month] = sums.get(month, 0.0) + float(entry["usd"])
    except (ValueError, TypeError, KeyError, AttributeError):
        words = "a line is damaged; correct it, or move the file away to begin the month at $0"
        raise TallyrankError(f"{path}: {words}") from None
    return sums
