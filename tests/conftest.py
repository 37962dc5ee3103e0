"""Shared fixtures: a small sandbox world served for real on loopback, and questions put to it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from playwright.sync_api import Browser, sync_playwright

from connectors.base import Ask, Connector, discover
from connectors.records import day_noon
from connectors.sandbox.faults import Fault, Faults
from connectors.sandbox.server import build_app, running
from connectors.sandbox.world import World
from pipelines.demo import only_shown as sandbox_settings
from tests import forked

REPOSITORY = Path(__file__).resolve().parents[1]
DAY = date(2026, 10, 14)

# The same examples on every machine, and no judgement of how fast they are drawn: tests assert no times.
settings.register_profile(
    "tallyrank",
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
settings.load_profile("tallyrank")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data beside the project, where it is there."""
    folder = REPOSITORY.parent / "shared"
    if not folder.is_dir():
        pytest.skip("the folder of shared data does not stand beside the project")
    return folder


@pytest.fixture(scope="session")
def world() -> World:
    """A small world: 6 keywords, 48 pages."""
    return World(seed=7, keywords=6)


@pytest.fixture(scope="session")
def _sandbox(world: World) -> Iterator[tuple[str, Faults]]:
    faults = Faults()
    with running(build_app(world, speed=1e6, faults=faults)) as address:
        yield address, faults


@pytest.fixture
def sandbox(_sandbox: tuple[str, Faults]) -> Iterator[str]:
    """Address of the sandbox, with no fault switched on."""
    yield _sandbox[0]
    _sandbox[1].active = []


@pytest.fixture
def fault(_sandbox: tuple[str, Faults], sandbox: str) -> Callable[..., None]:
    """Switch a fault on: fault("reddit", "429", times=2)."""
    return lambda *args, **kwargs: _sandbox[1].active.append(Fault(*args, **kwargs))


@pytest.fixture
def ask(sandbox: str) -> Callable[..., Ask]:
    """A question to a connector, pointed at the sandbox: ask(CONNECTOR, urls=[...], token="x")."""

    def make(
        connector: Connector,
        *,
        day: date = DAY,
        urls: Any = (),
        posts: Any = (),
        keywords: Any = (),
        **settings: Any,
    ) -> Ask:
        known = {"base_url": f"{sandbox}/{{day}}/{connector.name}", "requests_per_second": 1e6} | settings
        made = connector.settings(_env_file=None, retry_wait_seconds=0.0, **known)  # type: ignore[call-arg]
        return Ask(made, day, day_noon(day), tuple(urls), tuple(posts), tuple(keywords))

    return make


@pytest.fixture(scope="session")
def connectors() -> dict[str, Connector]:
    """Everything discovered."""
    return discover()


@pytest.fixture
def tallyrank(sandbox: str, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command line as a user would, in a process of its own, with every source pointed at the sandbox."""

    def run(*arguments: str | Path, data: Path = tmp_path / "data", **settings: str) -> Any:
        return forked.tallyrank([*map(str, arguments)], environment_of(sandbox, data) | settings, tmp_path)

    return run


TALLYRANK = (sys.executable, "-m", "pipelines.cli")


def environment_of(sandbox: str, data: Path) -> dict[str, str]:
    """The environment of a process whose sources all point at the sandbox, and whose lake is `data`."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("TALLYRANK_", "DAGSTER_"))}
    waits = {f"TALLYRANK_{name.upper()}_RETRY_WAIT_SECONDS": "0.01" for name in discover()}
    ours = {"TALLYRANK_DATA": str(data), "PYTHONPATH": str(REPOSITORY), "COLUMNS": "200", "PYTHONWARNINGS": "ignore"}
    return inherited | sandbox_settings(sandbox) | waits | ours


REQUIRED = "TALLYRANK_TESTS_NEED_BROWSER"  # set in .ci/run: there a missing browser is a failure


def chromium() -> str | None:
    """Where the system keeps a Chromium; None where it has none."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium as the system has it; where there is none, browser tests are skipped, and say so."""
    path = chromium()
    if path is None and os.environ.get(REQUIRED):
        pytest.fail(f"no chromium on the path, and {REQUIRED} is set")
    if path is None:
        pytest.skip("no browser here: install Debian's chromium to run the tests that drive one")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()
