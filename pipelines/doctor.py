"""What is configured, what is missing and where to get it, and whether the hosts answer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from connectors.base import Connector, discover
from connectors.errors import ConfigurationError
from connectors.http import reachable
from pipelines.console import out, table
from pipelines.demo import today
from pipelines.lake import Lake
from pipelines.pages import LIST, pages


def examine(folder: Path, *, offline: bool) -> None:
    """Print the state of every source, then of the data folder."""
    connectors = list(discover().values())
    with ThreadPoolExecutor(8) as pool:
        hosts = list(pool.map(_host, connectors)) if not offline else ["not tried"] * len(connectors)
    rows = [[c.name, c.signal, *_state(c), host] for c, host in zip(connectors, hosts, strict=True)]
    table("Sources", ("source", "gives", "state", "what to do", "host"), sorted(rows, key=lambda r: r[2] != "ready"))
    lake = Lake(folder)
    out.print(f"\ndata folder: {folder}{'' if folder.exists() else ' (made on the first run)'}")
    out.print(f"warehouse:   {lake.warehouse if lake.warehouse.exists() else 'none yet: run `tallyrank analyze`'}")
    n_pages = len(pages(lake, today()))
    hint = "" if n_pages else f"; list some in {folder / LIST}, or import rankings"
    out.print(f"pages to ask about: {n_pages}{hint}")


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
        return reachable(connector.configured().url_for(today()))
    except ConfigurationError:
        return "not tried"
