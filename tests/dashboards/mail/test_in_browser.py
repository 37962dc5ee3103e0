"""The mail in a real browser: light and dark, phone and desk, pictures on and off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dashboards.mail.edition import edition
from dashboards.mail.message import as_page
from dashboards.mail.render import as_html
from tests.dashboards.mail.mailing import MOVER, build, remembered, request
from tests.dashboards.making import verdict

playwright = pytest.importorskip("playwright.sync_api")
LIGHT, DARK = "rgb(255, 255, 255)", "rgb(20, 24, 31)"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The HTML of a busy day with its pictures, and with pictures that do not load."""
    sources = [{}, {"connector": "facebook", "state": "failed", "first_error": "HTTP 503 " + "x" * 500}]
    movers = [MOVER, MOVER | {"page_key": "maple.example/" + "long-" * 60, "q": 0.02}]
    warehouse = build(tmp_path_factory.mktemp("warehouse"), sources=sources, movers=movers, history=[])
    document = edition(warehouse, request(memory=remembered(verdict(verdict="cannot tell"))))
    return {"on": as_page(document), "off": as_html(document, lambda p: f"cid:{p.name}")}


@pytest.mark.parametrize("pictures", ["on", "off"])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [380, 700])
def test_the_mail_is_readable(
    browser: Any, pages: dict[str, str], tmp_path: Path, pictures: str, theme: str, width: int
) -> None:
    """No sideways scroll, the theme's own ground, and no serious fault of access; pictures show, or say it in words."""
    from axe_playwright_python.sync_playwright import Axe

    path = tmp_path / "mail.html"
    path.write_text(pages[pictures], encoding="utf-8")
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
    page = context.new_page()
    page.goto(path.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == (LIGHT if theme == "light" else DARK)
    shown = page.evaluate("[...document.images].map(i => [i.naturalWidth > 0, i.alt.length > 20, i.clientHeight > 30])")
    assert shown == [[pictures == "on", True, True]] * 2
    faults = [v["id"] for v in Axe().run(page).response["violations"] if v["impact"] in ("serious", "critical")]
    assert faults == []
    context.close()
