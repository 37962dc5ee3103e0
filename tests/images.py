"""The pictures of the README: every page of the web app and the mail, over the demo's data, as a reader sees them.

make images      (after make demo; needs a Chromium)
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from dashboards.web.view import discover
from tests.conftest import REPOSITORY, TALLYRANK, chromium
from tests.dashboards.web.conftest import dashboard, drawn

IMAGES = REPOSITORY / "docs" / "images"
DEMO = REPOSITORY / "data" / "demo"
WIDTH, HEIGHT = 1180, 860
MAIL = {"width": 700, "height": 900}


def pages(browser: Browser, address: str) -> None:
    """The top of each page, light, and the first one dark and on a phone."""
    for view in discover():
        _shot(browser, f"{address}/{view}", IMAGES / f"{view}.png", WIDTH, HEIGHT, "light")
    _shot(browser, f"{address}/", IMAGES / "dark.png", WIDTH, HEIGHT, "dark")
    _shot(browser, f"{address}/", IMAGES / "phone.png", 390, HEIGHT, "light")


def _shot(browser: Browser, address: str, path: Path, width: int, height: int, scheme: str) -> None:
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(address)
    drawn(page)
    page.screenshot(path=path)
    context.close()


def mail(browser: Browser) -> None:
    """The HTML part of the mail that a subscriber would get today, with its pictures."""
    with tempfile.TemporaryDirectory() as folder:
        html = Path(folder) / "mail.html"
        subprocess.run([*TALLYRANK, "mail", "--data", str(DEMO), "--html", str(html)], cwd=REPOSITORY, check=True)
        page = browser.new_page(viewport=MAIL)  # type: ignore[arg-type]
        page.goto(html.as_uri())
        page.screenshot(path=IMAGES / "mail.png", full_page=True)


def main() -> None:
    """Take them all."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright, dashboard(DEMO) as address:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        pages(browser, address)
        mail(browser)
        browser.close()


if __name__ == "__main__":
    main()
