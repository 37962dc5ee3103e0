"""What a run would cost, before anything is asked: for `--dry-run` and for `tallyrank doctor`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from connectors.base import Connector, PaidSettings
from connectors.errors import SourceError
from pipelines.console import out, table
from pipelines.lake import Lake
from pipelines.money import ledger, spent
from pipelines.pull import subjects, to_ask

DAYS_A_MONTH = 30.4


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one day of a paid stream costs, for so many subjects, and what is left of the month's budget."""

    connector: str
    stream: str
    n_subjects: int
    usd: float
    left_usd: float

    @property
    def usd_a_month(self) -> float:
        """The same every day of a month."""
        return self.usd * DAYS_A_MONTH


def estimates(lake: Lake, connectors: Iterable[Connector], day: date) -> Iterator[Estimate]:
    """What reading a day would cost, for each paid stream of the sources that are switched on and configured."""
    for connector in connectors:
        try:
            settings = connector.ready()
        except SourceError:
            continue
        if not settings.enabled or not isinstance(settings, PaidSettings):
            continue
        left = settings.budget_usd - spent(ledger(lake, connector), day)
        for stream in connector.streams:
            if stream.usd is not None:
                n = len(subjects(to_ask(lake, connector, stream, settings, day)))
                yield Estimate(connector.name, stream.name, n, stream.usd(settings, n), left)


def tell(found: Iterable[Estimate]) -> None:
    """Print what a day costs, source by source, and the whole."""
    costs = list(found)
    if not costs:
        out.print("No source that costs money is switched on and configured: this run costs nothing.")
        return
    rows = [
        [e.connector, e.stream, str(e.n_subjects), f"${e.usd:.2f}", f"${e.usd_a_month:.2f}", f"${e.left_usd:.2f}"]
        for e in costs
    ]
    names = ("source", "stream", "questions", "this day", "a month of such days", "left of this month's budget")
    table("What paid sources would cost", names, rows, names[2:])
    short = sorted({e.connector for e in costs if sum(c.usd for c in costs if c.connector == e.connector) > e.left_usd})
    out.print(f"\ntogether: ${sum(e.usd for e in costs):.2f} this day; nothing was asked")
    if short:
        out.print(f"not covered by the budget, and cut off where it ends: {', '.join(short)}")
