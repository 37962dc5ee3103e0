"""What a run would cost, before anything is asked: for `--dry-run` and for `tallyrank doctor`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from connectors.base import Connector, PaidSettings
from connectors.errors import PastRefused, SourceError
from dashboards.words import counted
from pipelines.console import out, table
from pipelines.lake import Lake
from pipelines.money import ledger, spent
from pipelines.pages import KEYWORDS, keywords, pages
from pipelines.pull import refuse_past, subjects, to_ask

DAYS_A_MONTH = 30.4


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a paid stream costs, on one day or on several, for so many subjects, and what is left of this month's
    budget.
    """

    connector: str
    stream: str
    n_subjects: int
    usd: float
    left_usd: float

    @property
    def usd_a_month(self) -> float:
        """The same every day of a month."""
        return self.usd * DAYS_A_MONTH


def estimates(lake: Lake, connectors: Iterable[Connector], day: date, *, is_named: bool = False) -> Iterator[Estimate]:
    """What reading a day would cost, for each paid stream of the sources that are switched on and configured, and that
    can be asked about that day. Sources that were named are estimated also while they are off or without keys.
    """
    for connector in connectors:
        try:
            settings = connector.configured() if is_named else connector.ready()
            for stream in connector.streams:
                refuse_past(connector, stream, settings, day)
        except SourceError:
            continue
        if not isinstance(settings, PaidSettings) or not (settings.enabled or is_named):
            continue
        left = left_usd(lake, connector, settings)
        for stream in connector.streams:
            if stream.usd is not None:
                n = sum(len(subjects(ask)) for ask in to_ask(lake, connector, stream, settings, day))
                yield Estimate(connector.name, stream.name, n, stream.usd(settings, n), left)


def left_usd(lake: Lake, connector: Connector, settings: PaidSettings) -> float:
    """What may still be spent on a source this month, whichever day is asked about: it is spent today."""
    return settings.budget_usd - spent(ledger(lake, connector), datetime.now(UTC).date())


def over_days(
    lake: Lake, connectors: Sequence[Connector], days: Iterable[date], *, is_named: bool = False
) -> list[Estimate]:
    """What reading several days would cost, each stream once."""
    sums: dict[tuple[str, str], Estimate] = {}
    for day in days:
        for e in estimates(lake, connectors, day, is_named=is_named):
            before = sums.get((e.connector, e.stream), replace(e, n_subjects=0, usd=0.0))
            both = replace(e, n_subjects=before.n_subjects + e.n_subjects, usd=before.usd + e.usd)
            sums[e.connector, e.stream] = both
    return list(sums.values())


def refusing(connectors: Iterable[Connector], days: Sequence[date], *, is_named: bool = False) -> list[str]:
    """The paid sources, named or else switched on and configured, that cannot be asked about some of the days."""
    found = []
    for connector in connectors:
        try:
            settings = connector.configured()
            for stream in connector.streams if isinstance(settings, PaidSettings) else ():
                for day in days:
                    refuse_past(connector, stream, settings, day)
        except PastRefused:
            if is_named or (settings.enabled and not settings.missing()):
                found.append(connector.name)
        except SourceError:
            continue
    return found


def what_to_name(connector: Connector) -> str:
    """What to tell a source before it has anything to read."""
    return connector.keys_from.removeprefix("No key is needed: ").rstrip(".")


def why_idle(lake: Lake, connector: Connector, day: date) -> str:
    """Why a source had nothing to ask, and what to do about it."""
    asks = {stream.asks for stream in connector.streams}
    if not asks & {"urls", "keywords"}:
        return what_to_name(connector)
    if "keywords" in asks and not keywords(lake):
        return f"write keywords into {KEYWORDS} of the data folder, one a line, or into its project file"
    if asks & {"urls", "posts"} and not pages(lake, day):
        return "there are no pages to ask about yet"
    return "nothing was due"


def tell(found: Iterable[Estimate], n_days: int = 1) -> None:
    """Print what a day (or several) costs, source by source, and the whole."""
    costs = list(found)
    if not costs:
        out.print("No source that costs money would be asked: this run costs nothing.")
        return
    span = "this day" if n_days == 1 else f"these {counted(n_days, 'day')}"
    names = ["source", "stream", "questions", span, "left of this month's budget"]
    rows = [[e.connector, e.stream, str(e.n_subjects), f"${e.usd:.2f}", f"${e.left_usd:.2f}"] for e in costs]
    if n_days == 1:
        names.insert(4, "a month of such days")
        rows = [[*row[:4], f"${e.usd_a_month:.2f}", row[4]] for row, e in zip(rows, costs, strict=True)]
    table("What paid sources would cost", names, rows, names[2:])
    short = sorted({e.connector for e in costs if sum(c.usd for c in costs if c.connector == e.connector) > e.left_usd})
    out.print(f"\ntogether: ${sum(e.usd for e in costs):.2f} {span}; nothing was asked")
    if short:
        out.print(f"not covered by the budget, and cut off where it ends: {', '.join(short)}")
