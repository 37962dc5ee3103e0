"""The web app in a real browser, over the demo's data: what a reader sees is what the warehouse says."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from dashboards import words
from dashboards.web.view import discover
from tests.dashboards.web.conftest import drawn

Open = Callable[..., Page]
VIEWS = tuple(discover())


def asked(demo: Path, query: str) -> list[tuple[object, ...]]:
    """What the warehouse itself answers."""
    with duckdb.connect(str(demo / "warehouse.duckdb"), read_only=True) as con:
        return con.execute(query).fetchall()


def control(page: Page, name: str) -> Locator:
    """The field of a choice, by the label that stands over it."""
    return page.locator("#controls").get_by_label(name, exact=True).and_(page.locator("input:not([type=hidden])"))


def choose(page: Page, name: str, words_: str) -> None:
    """Choose in a control as a reader would: open it, and click what it offers."""
    control(page, name).click()
    page.get_by_role("option", name=words_, exact=True).first.click()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_every_page_opens_and_can_be_used_by_everybody(served: str, open_page: Open, view: str, dark: bool) -> None:
    """Title and contents are there, without a complaint of the browser, and axe finds no serious fault."""
    page = open_page(f"{served}/{view}", dark=dark)
    expect(page.get_by_role("heading", level=1)).to_have_text(discover()[view].title)
    expect(page).to_have_title(f"{discover()[view].title} · Tallyrank")
    assert page.locator("#content > *").count() > 0
    found = Axe().run(page)
    serious = [v for v in found.response["violations"] if v["impact"] in ("serious", "critical")]
    assert [(v["id"], [n["html"][:200] for n in v["nodes"]][:3]) for v in serious] == []


@pytest.mark.parametrize("view", VIEWS)
def test_a_phone_shows_every_page_without_moving_it_sideways(served: str, open_page: Open, view: str) -> None:
    """At 390 pixels only tables scroll, each by itself."""
    page = open_page(f"{served}/{view}", phone=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("view", VIEWS)
def test_words_are_there_before_any_script_has_run(served: str, browser: object, view: str) -> None:
    """Without JavaScript the page's question is read, and that charts need it."""
    page = browser.new_context(java_script_enabled=False).new_page()  # type: ignore[attr-defined]
    page.goto(f"{served}/{view}")
    expect(page.get_by_role("heading", level=1)).to_have_text(discover()[view].title)
    expect(page.get_by_text("they need JavaScript")).to_be_visible()
    page.context.close()


def test_verdicts_on_screen_are_those_of_the_warehouse(served: str, open_page: Open, demo: Path) -> None:
    """Each combination stands there with its word, as a card or among those without enough data."""
    page = open_page(f"{served}/verdicts")
    cards = {
        card.locator("h2").inner_text(): card.locator(".word").inner_text().partition(" ")[2]
        for card in page.locator("article.card").all()
    }
    with duckdb.connect(str(demo / "warehouse.duckdb"), read_only=True) as con:
        rows = con.execute("SELECT * FROM verdicts").df().to_dict("records")
    truth = [(words.label(row, rows), row["verdict"]) for row in rows]
    assert cards == {name: word for name, word in truth if word != words.NOT_ENOUGH}
    few = page.locator("#not-enough tbody tr td:first-child").all_inner_texts()
    assert sorted(few) == sorted(name for name, word in truth if word == words.NOT_ENOUGH)
    expect(page.get_by_text(f"of {len(truth)} combinations")).to_be_visible()


def test_a_choice_goes_into_the_address_and_the_address_makes_the_choice(
    served: str, open_page: Open, demo: Path
) -> None:
    """What is chosen can be shared: the same address shows the same; the way back leads back."""
    page = open_page(f"{served}/virality")
    choose(page, "Platform", "pinterest")
    page.wait_for_url(re.compile("platform=pinterest"))
    cells = page.locator("#speed tbody tr td:first-child")
    expect(cells.first).to_have_text("pinterest")
    assert set(cells.all_inner_texts()) == {"pinterest"}
    again = open_page(page.url)
    expect(control(again, "Platform")).to_have_value("pinterest")
    assert again.locator("#speed tbody").inner_text() == page.locator("#speed tbody").inner_text()
    page.go_back()
    expect(control(page, "Platform")).to_have_value("every platform")
    expect(page.locator("#speed tbody")).to_contain_text("reddit")


def test_a_keyword_is_found_by_typing_and_its_list_is_the_newest(served: str, open_page: Open, demo: Path) -> None:
    """The table shows the places of the last list, in order, with the votes known; a page leads to its own page."""
    last = "rank_kind = 'average' ORDER BY keyword DESC LIMIT 1"
    keyword, series = asked(demo, f"SELECT keyword, series_id FROM keyword_series WHERE {last}")[0]
    page = open_page(f"{served}/keyword")
    control(page, "Keyword").fill(str(keyword))
    page.get_by_role("option").filter(has_text=f"{keyword} · google, average").first.click()
    expect(page.get_by_text(f"“{keyword}”:")).to_be_visible()
    rows = page.locator("#list tbody tr")
    truth = asked(
        demo,
        f"SELECT url, position FROM keyword_days WHERE series_id = {series} AND is_found "
        f"AND day = (SELECT max(day) FROM keyword_days WHERE series_id = {series}) ORDER BY position",
    )
    expect(rows).to_have_count(len(truth))
    shown = [row.locator("td").all_inner_texts()[:2] for row in rows.all()]
    assert [(url, float(place)) for place, url in shown] == [(u, pytest.approx(p, rel=5e-3)) for u, p in truth]
    page.locator("#list tbody a").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Page")
    expect(page.locator(".note").first).to_contain_text(str(truth[0][0]))


def test_state_of_sources_is_that_of_the_warehouse(served: str, open_page: Open, demo: Path) -> None:
    """Every stream stands there with its state and its last success."""
    page = open_page(f"{served}/sources")
    rows = [row.locator("td").all_inner_texts()[:4] for row in page.locator("#streams tbody tr").all()]
    truth = asked(demo, "SELECT connector, stream, state, last_good_day::VARCHAR FROM source_status ORDER BY ALL")
    assert sorted(rows) == [[str(c) for c in row] for row in truth]


def test_the_keyboard_is_enough(served: str, open_page: Open) -> None:
    """The first stop skips the list of pages; a choice is made with arrows and Enter; a table can be scrolled to."""
    page = open_page(f"{served}/verdicts")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the answer")).to_be_focused()
    control(page, "Platform").focus()
    for key in ("ArrowDown", "ArrowDown", "Enter"):  # opens the list, goes to its second value, takes it
        page.keyboard.press(key)
    page.wait_for_url(re.compile("platform="))
    drawn(page)
    assert page.locator(".scroll[tabindex='0']").count() > 0


def test_light_and_dark_can_be_changed_and_stay(served: str, open_page: Open) -> None:
    """The switch turns the ground dark, and a page opened afterwards is dark too."""
    page = open_page(f"{served}/verdicts")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="Light or dark").click()
    page.wait_for_function(f"() => getComputedStyle(document.body).backgroundColor !== '{light}'")
    page.reload()
    drawn(page)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light


def test_an_address_of_something_that_is_not_there_says_so(served: str, open_page: Open) -> None:
    """A link to a page that left the data shows another one and says it in words."""
    page = open_page(f"{served}/page?page=nowhere.example%2F%3Cscript%3E")
    expect(page.get_by_text("There is no page “nowhere.example/<script>” in the data")).to_be_visible()


def test_every_chart_has_its_sentence_and_its_data(served: str, open_page: Open) -> None:
    """Under each picture stand how to read it, a link to a CSV that opens, and for screen readers the same words."""
    for view in VIEWS:
        page = open_page(f"{served}/{view}")
        for block in page.locator("section.block").filter(has=page.locator("[role=img]")).all():
            sentence = block.locator("p.sentence").first.inner_text()
            assert len(sentence) > 40, view
            assert sentence[:40] in (block.locator("[role=img]").get_attribute("aria-label") or "")
            csv = page.request.get(served + (block.get_by_role("link", name="as CSV").get_attribute("href") or ""))
            assert csv.ok and csv.headers["content-type"].startswith("text/csv"), view
