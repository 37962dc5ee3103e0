"""The Reputation page: over a hand-made warehouse, and a label set in a real browser."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from math import isnan
from pathlib import Path
from typing import Any

import duckdb
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from connectors.errors import TallyrankError
from dashboards.web.app import make_app
from dashboards.web.labels import Labels
from dashboards.web.parts import component
from dashboards.web.reputation import form as label_form
from dashboards.web.view import Block, Chart, Note, Part, Query, Table, choose, discover
from dashboards.web.warehouse import Warehouse
from pipelines import labels
from pipelines.labels import Ledger
from tests.dashboards.making import warehouse
from tests.dashboards.web.conftest import dashboard

DAY = date(2026, 8, 16)
AT = datetime(2026, 8, 10, 9, 30, 0, 123456, tzinfo=UTC)
SHARES = {"share_owned": 0.5, "share_friendly": 0.0, "share_neutral": 0.0, "share_hostile": 0.25}
MARTS = """
    CREATE TABLE keyword_series AS SELECT 1::BIGINT AS series_id, 1::BIGINT AS keyword_id, 'acme reviews' AS keyword,
        'google' AS engine, 'us' AS country, 'en' AS language, NULL::VARCHAR AS device, 'organic' AS rank_kind,
        'serper' AS source, 2::BIGINT AS n_lists, 6::BIGINT AS n_pages, DATE '2026-08-13' AS first_day,
        DATE '2026-08-16' AS last_day, 20::INTEGER AS depth;
    CREATE TABLE pages AS SELECT 'b.example/x' AS page_key, 'https://b.example/x' AS url;
"""


def day(when: date, **more: Any) -> dict[str, Any]:
    """Page one of a day: four results, one hostile at place 3."""
    return {
        "series_id": 1, "brand": "Acme", "query": "acme reviews", "day": when, "n_results": 4, **SHARES,
        "share_unlabelled": 0.25, "hostile_position": 3.0, "hostile_url": "https://b.example/x", "days_there": 2,
        "n_warnings": 1,
    } | more  # fmt: skip


def result(key: str, position: float, label: str | None, **more: Any) -> dict[str, Any]:
    """A result of the newest list."""
    return {
        "series_id": 1, "brand": "Acme", "query": "acme reviews", "day": DAY, "page_key": key,
        "url": f"https://{key}", "position": position, "is_page_one": position <= 10, "label": label,
        "is_warning": False,
    } | more  # fmt: skip


RISING = {"is_warning": True, "n_platforms_rising": 2, "rising": "facebook share, reddit like"}
ROWS: dict[str, list[dict[str, Any]]] = {
    "reputation_days": [day(DAY - timedelta(days=3)), day(DAY)],
    "brand_results": [
        result("old.example/x", 15, "hostile", day=DAY - timedelta(days=3), **RISING),
        result("acme.example/a", 1, "owned"),
        result("acme.example/b", 2, "owned"),
        result("b.example/x", 3, "hostile"),
        result("c.example/awful", 4, None, suggestion="hostile", suggestion_score=-1.0),
        result("d.example/y", 14, "hostile", **RISING),
    ],
    "page_labels": [
        {"page_key": "acme.example/a", "label": "owned", "origin": "project"},
        {"page_key": "acme.example/b", "label": "owned", "origin": "project"},
        {"page_key": "b.example/x", "label": "hostile", "author": "Bo", "labelled_at": AT, "origin": "person",
         "note": "a bad review"},
        {"page_key": "d.example/y", "label": "hostile", "query": "acme reviews", "author": "Bo", "labelled_at": AT,
         "origin": "person"},
    ],
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with one brand query and the two labels that its warehouse has counted."""
    return made(tmp_path, ROWS)


def made(folder: Path, rows: dict[str, list[dict[str, Any]]]) -> Path:
    """A data folder whose warehouse holds these rows, and whose ledger the labels that are in them."""
    path = warehouse(folder, rows)
    with duckdb.connect(str(path)) as con:
        con.execute(MARTS)
    lines = [
        f"https://{r['page_key']},{r.get('query') or ''},{r['label']},Bo,{AT.isoformat()},{r.get('note', '')}\n"
        for r in rows.get("page_labels", [])
        if r["origin"] == "person"
    ]
    (folder / labels.NAME).write_text(",".join(labels.HEADER) + "\n" + "".join(lines), encoding="utf-8")
    return folder


def asked(folder: Path, ledger: Labels | None = None, **given: str) -> Query:
    """The page's question as the app puts it."""
    view = discover()["reputation"]
    return choose(view, Warehouse(folder / "warehouse.duckdb"), given, ledger)[0]


def blocks(folder: Path, ledger: Labels | None = None, **given: str) -> list[Block]:
    """The blocks of the page."""
    return list(discover()["reputation"].blocks(asked(folder, ledger, **given)))


def notes(found: list[Block]) -> list[str]:
    """All that is said in boxes."""
    return [b.words for b in found if isinstance(b, Note)]


def block(found: list[Block], name: str) -> Any:
    """The chart or table of that id."""
    return next(b for b in found if isinstance(b, (Chart, Table)) and b.id == name)


def now(folder: Path, ledger: Labels | None = None) -> dict[str, tuple[str, str]]:
    """Label and who set it, by page, as the table of the newest list says."""
    data = block(blocks(folder, ledger), "results-now").data
    return {r["page_key"]: (r["said"], r["by"]) for r in data.to_dict("records")}


def test_the_answer_counts_page_one_and_names_the_highest_hostile_result(folder: Path) -> None:
    """Numbers by hand: 2 of 4 owned, 1 hostile, 1 unlabelled, which is said not to be neutral."""
    said = notes(blocks(folder))
    assert (
        "Page one of “acme reviews” on 2026-08-16: of 4 results, 2 owned (50 %), 1 hostile (25 %), 1 unlabelled "
        "(25 %). Unlabelled is not neutral: nobody has said what it is."
    ) in said
    assert (
        "The highest hostile result is https://b.example/x at place 3. A hostile result has stood there or higher for "
        "2 lists in a row."
    ) in said


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"hostile_position": None, "hostile_url": None, "days_there": 0}, "is labelled hostile. Unlabelled ones may"),
        ({"hostile_position": 14.0, "days_there": 0}, "at place 14: below page one."),
        ({"days_there": 1}, "for 1 list in a row."),
        ({"n_results": 0} | dict.fromkeys([*SHARES, "share_unlabelled"]), "none of its results is known"),
    ],
)
def test_what_is_not_known_or_not_there_is_said(tmp_path: Path, change: dict[str, Any], expected: str) -> None:
    """No hostile result, one below page one, a list with nothing on page one: each has its words, and no zero."""
    said = " ".join(notes(blocks(made(tmp_path, ROWS | {"reputation_days": [day(DAY, **change)]}))))
    assert expected in said


def test_warnings_of_the_newest_list_come_first_as_an_alarm(folder: Path, tmp_path_factory: Any) -> None:
    """What rose below page one then and is gone now warns of nothing; without warnings there is no empty alarm."""
    found = blocks(folder)
    assert isinstance(found[0], Note) and found[0].is_alarm
    assert "https://d.example/y at place 14 for “acme reviews”" in found[0].words
    assert list(block(found, "warnings").data["page_key"]) == ["d.example/y"]
    calm = ROWS | {"brand_results": [r | {"is_warning": False} for r in ROWS["brand_results"]]}
    quiet = blocks(made(tmp_path_factory.mktemp("calm"), calm))
    assert not any(isinstance(b, Note) and b.is_alarm for b in quiet)
    assert "warnings" not in [b.id for b in quiet if isinstance(b, (Chart, Table))]


def test_pictures_show_the_shares_and_leave_days_without_a_list_unknown(folder: Path) -> None:
    """Bars are the shares of the table, unlabelled ones hatched; no line leads across the days that are missing."""
    shares, highest = (block(blocks(folder), name).figure for name in ("shares", "highest"))
    assert {bar.name: list(bar.y) for bar in shares.data} == {
        "owned": [0.5, 0.5], "friendly": [0, 0], "neutral": [0, 0], "hostile": [0.25, 0.25],
        "unlabelled": [0.25, 0.25],
    }  # fmt: skip
    assert shares.data[-1].marker.pattern.shape == "/"
    line = highest.data[0]
    assert [None if isnan(y) else y for y in line.y] == [3, None, None, 3] and line.connectgaps is False
    assert highest.layout.yaxis.autorange == "reversed"


def test_a_suggestion_is_marked_as_one_and_is_no_label(folder: Path) -> None:
    """A page that sounds hostile stays unlabelled, set by nobody."""
    assert now(folder)["c.example/awful"] == ("unlabelled", "nobody yet")
    data = block(blocks(folder), "results-now").data.set_index("page_key")
    assert data.loc["c.example/awful", "suggested"] == "sounds hostile, not used"
    assert data.loc["b.example/x", "suggested"] == "nothing clear"


def test_labels_say_who_set_them_and_which_are_not_counted_yet(folder: Path) -> None:
    """What the warehouse has counted is not marked; a newer entry of the ledger is shown at once, and marked."""
    ledger = Ledger(folder)
    assert now(folder, ledger) == now(folder)
    assert now(folder)["acme.example/a"] == ("owned", "the project file")
    assert now(folder)["b.example/x"] == ("hostile", "Bo, 2026-08-10 09:30 UTC")
    at = ledger.add("https://c.example/awful", "hostile", "Ana", "Acme  Reviews", "").labelled_at
    ledger.add("https://b.example/x", "neutral", "Ana", None, "")
    ledger.add("https://acme.example/a", "friendly", "Ana", "another query", "")
    shown = now(folder, ledger)
    assert shown["c.example/awful"] == ("hostile, not yet counted", f"Ana, {at:%Y-%m-%d %H:%M} UTC")
    assert shown["b.example/x"][0] == "neutral, not yet counted"
    assert shown["acme.example/a"] == ("owned", "the project file")
    assert now(folder) == now(folder, None) != shown


def test_history_keeps_what_was_replaced(folder: Path) -> None:
    """Every entry stands there, the newest first, with whether it still holds; a line that is none is told."""
    ledger = Ledger(folder)
    ledger.add("https://b.example/x", "neutral", "Ana", None, "answered")
    with (folder / labels.NAME).open("a", encoding="utf-8") as file:
        file.write("no address,,hostile,Ana,2026-08-11,\n")
    found = blocks(folder, ledger)
    told = block(found, "label-history").data[["url", "label", "query", "author", "note", "standing"]].values.tolist()
    assert told == [
        ["https://b.example/x", "neutral", "every brand query", "Ana", "answered", "holds"],
        ["https://d.example/y", "hostile", "acme reviews", "Bo", "", "holds"],
        ["https://b.example/x", "hostile", "every brand query", "Bo", "a bad review", "replaced since"],
    ]
    assert any("line 5 is not read" in words for words in notes(found))


def test_without_a_ledger_the_page_only_reads(folder: Path) -> None:
    """The form is left out and the command named; the labels that were counted are the history."""
    found = blocks(folder)
    assert not any(isinstance(b, Part) for b in found)
    assert any("tallyrank label URL hostile --author NAME" in words for words in notes(found))
    assert set(block(found, "label-history").data["url"]) == {"https://b.example/x", "d.example/y"}
    assert any(isinstance(b, Part) for b in blocks(folder, Ledger(folder)))


def test_without_a_brand_the_page_says_what_to_write(tmp_path: Path) -> None:
    """An empty warehouse leads to project.yaml and to the command."""
    found = blocks(made(tmp_path, {}), Ledger(tmp_path))
    assert "Name your brands and what people search for in project.yaml" in notes(found)[0]
    assert "tallyrank label" in notes(found)[-1]
    shown = [component(b, "reputation", {}) for b in found]
    assert "queries: [acme, acme reviews]" in str(shown)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((None, "hostile", "all", "Ana", ""), "choose a page"),
        (("https://b.example/x", None, "all", "Ana", ""), "choose what the page is"),
        (("https://b.example/x", "hostile", "all", "  ", ""), "needs an author"),
        (("https://b.example/x", "hostile", "all", {"a": 1}, ["b"]), "needs an author"),
        (("javascript:alert(1)", "hostile", "all", "Ana", ""), "is no web address"),
        (("https://b.example/x", "hostile", "all", "A" * 101, ""), "author has 101 characters"),
    ],
)
def test_what_is_wrong_with_a_form_is_said_and_nothing_kept(folder: Path, given: Any, expected: str) -> None:
    """Whatever a browser sends, only whole labels reach the ledger."""
    before = (folder / labels.NAME).read_bytes()
    with pytest.raises(TallyrankError, match=expected):
        label_form.added(asked(folder, Ledger(folder)), Ledger(folder), given)
    assert (folder / labels.NAME).read_bytes() == before


def test_a_label_is_for_every_query_or_for_the_one_that_is_shown(folder: Path) -> None:
    """The scope decides which query the entry names."""
    ledger = Ledger(folder)
    query = asked(folder, ledger)
    whole = label_form.added(query, ledger, ("https://b.example/x", "neutral", "all", "Ana", ""))
    single = label_form.added(query, ledger, ("https://b.example/x", "friendly", "one", "Ana", "a partner"))
    assert (whole.query, single.query, single.note) == (None, "acme reviews", "a partner")


def test_an_app_without_a_ledger_takes_no_label(folder: Path) -> None:
    """Nothing listens for a form there; with a ledger something does."""
    path = folder / "warehouse.duckdb"
    listening = [any("label-told" in key for key in app.callback_map) for app in (make_app(path), _open(folder))]
    assert listening == [False, True]


def _open(folder: Path) -> Any:
    return make_app(folder / "warehouse.duckdb", None, Ledger(folder))


def test_a_label_set_in_the_browser_reaches_the_ledger_and_nothing_else(
    folder: Path, open_page: Callable[..., Page]
) -> None:
    """Kept with author and time, told in words, shown at once as not yet counted; the warehouse stays as it was."""
    before = hashlib.sha256((folder / "warehouse.duckdb").read_bytes()).digest()
    began = datetime.now(UTC)
    with dashboard(folder) as address:
        page = open_page(f"{address}/reputation")
        status = page.locator("#label-told")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(status).to_have_text("Not saved: choose a page.")
        page.get_by_label("Page to label").first.click()
        page.get_by_role("option").filter(has_text="c.example/awful").click()
        page.get_by_role("radio", name="hostile", exact=True).check()
        page.get_by_role("radio", name="“acme reviews” alone", exact=True).check()
        page.get_by_label("Your name").fill("Ana <script>")
        page.get_by_label("Why").fill("=HYPERLINK(1)")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(status).to_contain_text("Kept: https://c.example/awful is hostile for “acme reviews” alone")
        expect(status).to_contain_text("counted from the next analysis on")
        expect(page.locator("#results-now tbody tr").nth(3)).to_contain_text("hostile, not yet counted")
        expect(page.locator("#label-history tbody tr").first).to_contain_text("Ana <script>")
        expect(page.get_by_label("Why")).to_have_value("")
        serious = [
            (v["id"], [n["html"] for n in v["nodes"]])
            for v in Axe().run(page).response["violations"]
            if v["impact"] in ("serious", "critical")
        ]
        assert serious == []
    made_ = labels.read(folder).labels[-1]
    said = (made_.url, made_.query, made_.label, made_.author, made_.note)
    assert said == ("https://c.example/awful", "acme reviews", "hostile", "Ana <script>", "=HYPERLINK(1)")
    assert began <= made_.labelled_at <= datetime.now(UTC)
    assert hashlib.sha256((folder / "warehouse.duckdb").read_bytes()).digest() == before
