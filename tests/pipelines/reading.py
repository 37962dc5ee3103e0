"""Sources pointed at a sandbox with everything switched on, for tests that read all there is."""

from __future__ import annotations

from typing import get_args

import pytest

from connectors.base import Connector
from connectors.sandbox.stage import twins
from pipelines.demo import environment


def point_at(address: str, connectors: list[Connector], patch: pytest.MonkeyPatch) -> None:
    """Set the environment so that these sources read all they can from a sandbox, with keys that it accepts."""
    for name, value in environment(address).items():
        patch.setenv(name, value)
    for connector in connectors:
        for name, value in everything(connector).items():
            patch.setenv(f"TALLYRANK_{connector.name.upper()}_{name.upper()}", value)


def everything(connector: Connector) -> dict[str, str]:
    """Settings that leave nothing out and never wait: switches on, budgets of subjects high."""
    fields = connector.settings.model_fields
    is_switch = {n: bool in (f.annotation, *get_args(f.annotation)) for n, f in fields.items()}
    switches = {n: "true" for n, f in fields.items() if is_switch[n] and f.default is False}
    waits = {n: "0" for n in fields if n in ("retry_wait_seconds", "poll_seconds")}
    return (
        switches
        | waits
        | {s.budget: "1000" for s in connector.streams if s.budget}
        | dict(twins()[connector.name].keys)
    )
