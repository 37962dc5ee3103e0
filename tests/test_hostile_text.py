"""Text that came from outside is only text: in the web app, the report, the mail, notebooks, the Dagster UI, terminals.

One lake (tests/hostile_world.py), analysed for real, is looked at in every place in which people read.
"""

from __future__ import annotations

import csv
import io
import os
import re
import unicodedata
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from html.parser import HTMLParser
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import duckdb
import pytest
from filelock import FileLock
from markdown_it import MarkdownIt
from playwright.sync_api import Page

from dashboards.mail.message import as_page, composed
from dashboards.web.view import Query, discover, link
from dashboards.web.warehouse import Warehouse
from pipelines import changes, notebooks
from pipelines.defs.showing import markdown
from pipelines.evidence import table as evidence
from pipelines.evidence.table import rows_of
from pipelines.mail.preview import preview
from tests.dashboards.small_world import published
from tests.dashboards.web.conftest import dashboard, drawn, open_page
from tests.hostile_world import EVIL, FORMULA, MARKS, PICTURE, SCRIPT, fill, tallyrank

__all__ = ("open_page",)  # a fixture
Open = Callable[..., Page]
VIEWS = tuple(discover())
ROUNDS = 2  # sets of choices that each page is opened with
TURNS = "\u202a\u202b\u202c\u202d\u202e\u200e\u200f\u061c"
MADE_OF_TEXT = "img[src='x'], img[src*='evil'], [onerror], a[href^='javascript'], a[href^='http://evil'], main b, p b"
WORDS = """[
    document.body.innerText, document.title,
    ...[...document.querySelectorAll('svg text')].map((each) => each.textContent),
    ...[...document.querySelectorAll('input:not([type=hidden])')].map((each) => each.value),
    ...[...document.querySelectorAll('[aria-label]')].map((each) => each.ariaLabel),
].join('\\n')"""


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of the hostile lake, made once for all processes that test."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "hostile"
    with FileLock(f"{folder}.lock"):
        if not (folder / "said.txt").exists():
            folder.mkdir()
            done = fill(folder / "data")
            assert [each.returncode for each in done] == [0, 0, 0, 0], [each.stderr for each in done]
            said = "".join(each.stdout + each.stderr for each in done)
            (folder / "said.txt").write_text(said, encoding="utf-8", newline="")
    return folder / "data"


@pytest.fixture(scope="module")
def served(hostile: Path) -> Iterator[str]:
    """The web app over the hostile data."""
    with dashboard(hostile) as address:
        yield address


def asked(hostile: Path, query: str) -> list[Any]:
    """The first column of what the warehouse answers."""
    with duckdb.connect(str(hostile / "warehouse.duckdb"), read_only=True) as con:
        return [row[0] for row in con.execute(query).fetchall()]


def test_the_lake_is_as_hostile_as_it_should_be(hostile: Path) -> None:
    """What was written came through: nothing below passes because the text was lost on the way."""
    platforms = asked(hostile, "SELECT DISTINCT platform FROM verdicts")
    assert any(SCRIPT in p for p in platforms) and FORMULA in platforms and max(map(len, platforms)) > 10_000
    assert any("\x1b" in p for p in platforms) and any("\u202e" in p for p in platforms)
    assert max(map(len, asked(hostile, "SELECT keyword FROM keyword_series"))) > 10_000
    assert max(map(len, asked(hostile, "SELECT page_key FROM pages"))) > 10_000
    assert asked(hostile, "SELECT count(*) FROM verdicts WHERE estimate IS NOT NULL") != [0]
    assert any(SCRIPT in b for b in asked(hostile, "SELECT DISTINCT brand FROM reputation_days"))
    assert any("\x1b" in e for e in asked(hostile, "SELECT first_error FROM source_status WHERE state = 'failed'"))


# --- the web app


def addresses(view: str, warehouse: Warehouse, n: int) -> str:
    """The address of a page with the n-th value of every filter chosen, counted from the end for odd n."""
    chosen: dict[str, str] = {}
    for each in discover()[view].filters:
        query = Query(warehouse, dict(chosen))
        options = [value for value, _ in (each.search(query, "") if each.search else each.options(query))]
        short = [value for value in options if len(value) < 900]
        if short:
            chosen[each.name] = short[-1 - n // 2] if n % 2 and n // 2 < len(short) else short[min(n, len(short) - 1)]
    return link(view, **chosen)


@pytest.mark.parametrize("view", VIEWS)
def test_no_page_of_the_web_app_takes_it_for_more(hostile: Path, served: str, open_page: Open, view: str) -> None:
    """On a phone, with hostile values chosen: no element, no script, no turned line, no sideways scroll; CSVs too."""
    warehouse = Warehouse(hostile / "warehouse.duckdb")
    page = open_page(f"{served}/{view}", phone=True)
    for n in range(ROUNDS):
        address = served + addresses(view, warehouse, n)
        page.goto(address)
        drawn(page)
        assert page.locator("#content .alarm", has_text="unexpected").count() == 0
        harmless(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, address
        first = page.request.get(address).text()
        assert not Elements.of(first) & {"img", "b"} and "<script>window" not in first
        assert not set(first) & set(TURNS)
        for each in page.locator("a[href^='/csv/']").all():
            no_formula(page.request.get(served + (each.get_attribute("href") or "")))


def harmless(page: Page) -> None:
    """Nothing on an open page came of hostile text but text."""
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.evaluate("window.pwned") is None
    assert page.locator(MADE_OF_TEXT).evaluate_all("all => all.map(each => each.outerHTML)") == []
    words = page.evaluate(WORDS)
    assert not {c for c in words if c in TURNS or (unicodedata.category(c) == "Cc" and c not in "\n\t")}
    assert words.count("\u2068") == words.count("\u2069")
    assert not re.search("x{3100}", words)


def no_formula(answer: Any) -> None:
    """No cell of a CSV, head included, is one that a spreadsheet would compute; numbers are."""
    assert answer.ok
    for cell in (cell for row in csv.reader(io.StringIO(answer.text().lstrip("\ufeff"))) for cell in row):
        is_number = re.fullmatch(r"-?[\d.]+(e-?\d+)?", cell)
        assert is_number or not re.match(r"[\s\x00-\x20\u200b-\u206f]*[=+\-@|%]", cell), cell


class Elements(HTMLParser):
    """The names of the elements of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note one."""
        self.names.add(tag)

    @classmethod
    def of(cls, page: str) -> set[str]:
        """All of a page."""
        made = cls()
        made.feed(page)
        return made.names


def test_charts_show_it_as_it_is_written(served: str, open_page: Open) -> None:
    """What plotly would take for markup stands there letter by letter."""
    page = open_page(f"{served}/verdicts")
    labels = page.locator("#estimates svg text").all_text_contents()
    assert any("<script>window.pwned=1</script>" in text for text in labels), labels
    page = open_page(f"{served}/platforms")
    labels = page.locator("svg text").all_text_contents()
    assert any(FORMULA in text for text in labels), labels


def test_the_report_takes_it_for_text(hostile: Path, open_page: Open, browser: Any) -> None:
    """The one file, in a browser, on a phone."""
    context = browser.new_context(viewport={"width": 390, "height": 800})
    page = context.new_page()
    page.goto((hostile / "report.html").as_uri())
    page.wait_for_function("() => document.querySelector('.main-svg')")
    harmless(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert any(SCRIPT[:30] in text for text in page.locator("svg text").all_text_contents())
    context.close()


# --- the mail


def test_the_mail_takes_it_for_text(hostile: Path, browser: Any) -> None:
    """Headers, the plain part, and the HTML part in a browser."""
    at = datetime(2026, 2, 5, 8, tzinfo=UTC)
    _, document = preview(hostile, None, at)
    mail = composed(document, "rank@example.com", ["reader@example.com"], at)
    read = message_from_bytes(mail.as_bytes(), policy=default)
    assert sorted(read.keys()) == sorted(mail.keys()) and len(read["Subject"]) <= 200
    text = read.get_body(("plain",)).get_content().replace("\r\n", "\n")  # type: ignore[union-attr]
    for words in (text, str(read["Subject"])):
        assert not set(words) & set(TURNS) and not [c for c in words if unicodedata.category(c) == "Cc" and c != "\n"]
        assert words.count("\u2068") == words.count("\u2069")
    assert "BadAnswer" in text and "xxxx" * 100 not in text
    context = browser.new_context(viewport={"width": 390, "height": 800})
    page = context.new_page()
    page.set_content(as_page(document))
    harmless(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()


# --- notebooks


@pytest.mark.parametrize("name", list(notebooks.shipped()))
def test_notebooks_take_it_for_text(hostile: Path, name: str, monkeypatch: pytest.MonkeyPatch, browser: Any) -> None:
    """What the cells show makes no element, and holds no mark that turns a line."""
    monkeypatch.setenv("TALLYRANK_DATA", str(hostile))
    spec = spec_from_file_location(name, notebooks.SHIPPED / f"{name}.py")
    assert spec and spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    outputs, _ = module.app.run()
    shown = "\n".join(each.text for each in outputs if hasattr(each, "text"))
    assert "script" in shown
    context = browser.new_context()
    page = context.new_page()
    page.set_content(shown)
    harmless(page)
    context.close()


# --- the Dagster UI


def as_elements(words: str) -> set[str]:
    """The elements that Markdown makes of words."""
    return Elements.of(MarkdownIt("commonmark", {"html": True}).enable("table").render(words))


TABLE = {"table", "thead", "tbody", "tr", "th", "td"}


@pytest.mark.parametrize("name", ["verdicts", "association", "brand_results", "page_labels", "movers", "ledger"])
def test_rows_in_the_dagster_ui_are_text(hostile: Path, name: str) -> None:
    """A table of Markdown with as many cells as columns, and nothing in them but text."""
    with duckdb.connect(str(hostile / "warehouse.duckdb"), read_only=True) as con:
        con.execute("SET TimeZone = 'UTC'")
        rows = rows_of(con, name)
    assert name in evidence.tables()
    words = markdown(rows)
    assert as_elements(words) <= TABLE
    assert len({line.count("|") for line in words.splitlines()}) == 1
    assert not set(words) & set(MARKS) and "\x1b" not in words and "x" * 1_000 not in words


def test_changes_in_the_dagster_ui_are_text(hostile: Path, tmp_path: Path) -> None:
    """New verdicts, failures of sources, keywords and pages are named, and do nothing."""
    empty = published(tmp_path, {})
    with changes.warehouses(empty, hostile / "warehouse.duckdb") as con:
        words = changes.of_warehouse(con)
    assert "is new: cannot tell" in words and "fails" in words and "10 keywords new" in words
    assert as_elements(words) <= TABLE | {"ul", "li", "p", "strong", "code"}
    assert not set(words) & set(MARKS) and "\x1b" not in words and "x" * 1_000 not in words


# --- the terminal


@pytest.mark.parametrize(
    "command", [("results",), ("results", "--explain"), ("label", "--list"), ("mail", "--dry-run")], ids=" ".join
)
def test_a_terminal_gets_nothing_but_text(hostile: Path, command: tuple[str, ...]) -> None:
    """No control character and no mark of direction; what looks like rich's markup is printed as it is."""
    done = tallyrank(hostile, *command)
    assert done.returncode == 0, done.stderr
    of_terminals(done.stdout + done.stderr)
    if command[0] == "results":
        assert "[bold red]rich[/]" in " ".join(done.stdout.split())
        assert re.search("x{3100}", done.stdout.replace("\n", "")) is None


def test_errors_on_a_terminal_are_text(hostile: Path, tmp_path: Path) -> None:
    """A file that is refused, and what an import says of its columns."""
    of_terminals((hostile.parent / "said.txt").read_text(encoding="utf-8"))
    bad = tmp_path / "bad \x1b[31m.csv"
    bad.write_text(f'"{PICTURE}","{EVIL.replace(chr(34), chr(39))}"\n1,2\n', encoding="utf-8")
    done = tallyrank(hostile, "import", "votes", bad)
    assert done.returncode == 1
    of_terminals(done.stdout + done.stderr)


def of_terminals(words: str) -> None:
    """Words hold nothing with which a terminal could be steered."""
    assert not {c for c in words if c in MARKS or (unicodedata.category(c) == "Cc" and c != "\n")}
