"""The demo's data, the web app served over them by its own command, and a real browser."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from filelock import FileLock
from playwright.sync_api import Browser, Page

from tests.conftest import REPOSITORY, TALLYRANK

DAYS, KEYWORDS = 36, 10
WIDE, PHONE = {"width": 1200, "height": 900}, {"width": 390, "height": 800}


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a small demo, made once for all processes that test."""
    shared = tmp_path_factory.getbasetemp().parent
    folder = (shared if os.environ.get("PYTEST_XDIST_WORKER") else tmp_path_factory.getbasetemp()) / "demo-data"
    with FileLock(f"{folder}.lock"):
        if not (folder / "warehouse.duckdb").exists():
            command = [*TALLYRANK, "demo", "--data", folder, "--days", DAYS, "--keywords", KEYWORDS]
            subprocess.run([str(c) for c in command], cwd=REPOSITORY, check=True, capture_output=True, text=True)
    return folder


@contextmanager
def dashboard(data: Path) -> Iterator[str]:
    """The web app over a data folder, served as a user serves it; its address."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TALLYRANK_")} | {
        "TALLYRANK_DATA": str(data)
    }
    with subprocess.Popen(
        [*TALLYRANK, "dashboard", "--port", "0"], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY, env=environment
    ) as process:
        try:
            assert process.stdout
            said = process.stdout.readline()
            assert said.startswith("served on http"), said
            yield said.split()[2]
        finally:
            process.terminate()


@pytest.fixture(scope="session")
def served(demo: Path) -> Iterator[str]:
    """The web app over the demo's data."""
    with dashboard(demo) as address:
        yield address


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open an address and wait until it is drawn; a complaint of the browser's console fails the test at its end."""
    complaints: list[str] = []
    contexts = []

    def go(address: str, *, phone: bool = False, dark: bool = False) -> Page:
        context = browser.new_context(viewport=PHONE if phone else WIDE, color_scheme="dark" if dark else "light")  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.on(
            "console", lambda m: complaints.append(f"{m.type}: {m.text}") if m.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
        page.goto(address)
        drawn(page)
        return page

    yield go
    for context in contexts:
        context.close()
    assert complaints == []


def drawn(page: Page) -> None:
    """Wait until the page's blocks are there and every picture in them is drawn."""
    page.wait_for_selector("#content > *")
    page.wait_for_function(
        "() => [...document.querySelectorAll('.dash-graph')].every(g => g.querySelector('.main-svg'))"
        " && !document.querySelector('[data-dash-is-loading=true]')"
    )
