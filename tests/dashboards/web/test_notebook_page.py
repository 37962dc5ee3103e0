"""A notebook as its reader sees it: opened by the command, in a real browser, with hostile text in the data."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import REPOSITORY, TALLYRANK
from tests.dashboards.small_world import small_world


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """`tallyrank notebook first_look --read` over the small world; its address, with the token."""
    data = small_world(tmp_path).parent
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [*TALLYRANK, "notebook", "first_look", "--read", "--headless", "--port", str(port)]
    environment = os.environ | {"TALLYRANK_DATA": str(data), "PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path, env=environment) as process:
        try:
            assert process.stdout
            lines = (re.search(r"http://\S+", line) for line in process.stdout)
            found = next((each.group() for each in lines if each), None)
            assert found, "the notebook did not start"
            yield found
        finally:
            process.terminate()
            process.communicate()


def test_a_notebook_opens_says_the_verdicts_and_loads_nothing_from_elsewhere(address: str, browser: Browser) -> None:
    """The verdict and the failure are on screen, pictures are drawn, no text is run, no other host is reached."""
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    page, dialogs, elsewhere = context.new_page(), [], []
    page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    page.on("response", lambda r: None if is_here(r.url) else elsewhere.append(r.url))
    page.on("requestfailed", lambda r: None if is_here(r.url) or r.failure == "csp" else elsewhere.append(r.url))
    page.goto(address)
    look(page)
    assert (dialogs, elsewhere) == ([], [])
    context.close()


def is_here(url: str) -> bool:
    """Whether an address is of this machine, or of the page itself."""
    return re.match(r"(data|blob):|https?://(localhost|127\.0\.0\.1)[:/]", url) is not None


def look(page: Page) -> None:
    """What a reader sees on the first look."""
    expect(page.get_by_text("1 supports, 1 cannot tell, 1 not enough data")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("Unavailable: HTTP 503").first).to_be_visible()
    expect(page.locator(".js-plotly-plot")).to_have_count(3, timeout=60_000)
    expect(page.get_by_text("cannot tell: no estimate").first).to_be_visible()
    expect(page.get_by_text("<script>alert(1)</script>").first).to_be_attached()  # as text, in a folded section
