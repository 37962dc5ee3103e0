"""What is configured, what is missing and where to get it, and whether the hosts answer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from connectors.base import Connector, PaidSettings, discover
from connectors.errors import ConfigurationError
from connectors.http import reachable
from pipelines import estimate
from pipelines.console import out, table
from pipelines.demo import today
from pipelines.lake import Lake
from pipelines.pages import LIST, pages


def examine(folder: Path, *, offline: bool) -> None:
    """Print the state of every source, then of the data folder."""
    connectors = list(discover().values())
    with ThreadPoolExecutor(8) as pool:
        hosts = list(pool.map(_host, connectors)) if not offline else ["not tried"] * len(connectors)
    lake = Lake(folder)
    costs = _monthly(lake, connectors)
    rows = [
        [c.name, c.signal, *_state(c), costs.get(c.name, _price(c)), host]
        for c, host in zip(connectors, hosts, strict=True)
    ]
    names = ("source", "gives", "state", "what to do", "a month", "host")
    table("Sources", names, sorted(rows, key=lambda r: r[2] != "ready"))
    out.print(f"\ndata folder: {folder}{'' if folder.exists() else ' (made on the first run)'}")
    out.print(f"warehouse:   {lake.warehouse if lake.warehouse.exists() else 'none yet: run `tallyrank analyze`'}")
    n_pages = len(pages(lake, today()))
    hint = "" if n_pages else f"; list some in {folder / LIST}, or import rankings"
    out.print(f"pages to ask about: {n_pages}{hint}")


def _monthly(lake: Lake, connectors: list[Connector]) -> dict[str, str]:
    """What the sources that cost money and are ready would cost, asked every day about what there is to ask now."""
    sums: dict[str, float] = {}
    for found in estimate.estimates(lake, connectors, today()):
        sums[found.connector] = sums.get(found.connector, 0.0) + found.usd_a_month
    return {name: f"${usd:,.2f}" for name, usd in sums.items()}


def _price(connector: Connector) -> str:
    return "costs money" if issubclass(connector.settings, PaidSettings) else "free"


def _state(connector: Connector) -> tuple[str, str]:
    try:
        settings = connector.ready()
    except ConfigurationError as error:
        return "not ready", error.message
    return (
        ("ready", "") if settings.enabled else ("switched off", f"set TALLYRANK_{connector.name.upper()}_ENABLED=true")
    )


def _host(connector: Connector) -> str:
    try:
        address = connector.configured().url_for(today())
        return reachable(address) if address else "no one host"
    except ConfigurationError:
        return "not tried"
