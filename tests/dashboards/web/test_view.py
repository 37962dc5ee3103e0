"""Pages: choices from the address, in turn; contents that fail in words; a CSV for every block."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboards.web.app import make_app
from dashboards.web.view import Filter, Query, View, choose, discover, link
from dashboards.web.warehouse import Warehouse
from tests.dashboards.making import ROWS, warehouse

LETTERS = Filter("letter", "Letter", lambda _: [("a", "A"), ("b", "B")])
NUMBERS = Filter("number", "Number", lambda q: [(f"{q['letter']}1", "1"), (f"{q['letter']}2", "2")])
VIEW = View("x", "X", "?", 1, lambda _: (), (LETTERS, NUMBERS))
NOWHERE = Warehouse(Path("nowhere"))


def test_the_first_value_is_the_usual_one_and_later_choices_see_earlier_ones() -> None:
    """Without a word in the address, the first option of each; with one, the options of those after it follow."""
    assert choose(VIEW, NOWHERE, {})[0].chosen == {"letter": "a", "number": "a1"}
    assert choose(VIEW, NOWHERE, {"letter": "b", "number": "b2"})[0].chosen == {"letter": "b", "number": "b2"}


def test_what_is_not_there_is_said_and_replaced() -> None:
    """A value of the address that is no option is named, shortened, and the usual one is shown."""
    query, complaints = choose(VIEW, NOWHERE, {"letter": "z" * 500, "number": "a2"})
    assert query.chosen == {"letter": "a", "number": "a2"}
    (words,) = complaints
    assert words.startswith("There is no letter “zzz") and len(words) < 200


def test_a_filter_without_options_chooses_nothing() -> None:
    """Its value is empty, and pages say in words that there is nothing."""
    assert choose(View("x", "X", "?", 1, lambda _: (), (Filter("f", "F"),)), NOWHERE, {})[0]["f"] == ""


def test_links_are_encoded() -> None:
    """Whatever a page or keyword is called, the address has one value of it."""
    assert link("page", page="a/b?c=d&e#f g") == "/page?page=a%2Fb%3Fc%3Dd%26e%23f+g"


def test_pages_stand_in_order_and_each_says_what_it_asks() -> None:
    """One file each; paths and places are their own; the title is short and the question is one."""
    views = list(discover().values())
    assert [v.order for v in views] == sorted({v.order for v in views})
    assert {"verdicts", "keyword", "page", "platforms", "timing", "reputation", "virality", "best-time", "regions",
            "sources"} == set(discover())  # fmt: skip
    assert all("?" in v.question for v in views)


@pytest.mark.parametrize("path", discover())
def test_a_page_over_hardly_anything_says_so_in_words(tmp_path: Path, path: str) -> None:
    """A missing warehouse, and one of an earlier version without the tables: words in place, no stack trace."""
    for file in (tmp_path / "none.duckdb", warehouse(tmp_path, ROWS)):
        answer = make_app(file).server.test_client().get(f"/{path}", headers={"Host": "localhost"})
        text = answer.get_data(as_text=True)
        assert answer.status_code == 200
        assert discover()[path].title in text and "Traceback" not in text


def test_every_block_of_a_page_can_be_had_as_csv(tmp_path: Path) -> None:
    """The address of a block's CSV answers with its data; others are told that there is none."""
    client = make_app(warehouse(tmp_path, ROWS)).server.test_client()
    here = {"Host": "localhost"}
    answer = client.get("/csv/verdicts/beside.csv", headers=here)
    assert answer.content_type == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["Content-Disposition"]
    rows = answer.get_data(as_text=True).splitlines()
    assert rows[0].startswith("\ufeffengine,rank_kind,platform,verb,verdict") and len(rows) == 3
    for missing in ("/csv/verdicts/nothing.csv", "/csv/nowhere/beside.csv"):
        assert client.get(missing, headers=here).status_code == 404
    assert client.get("/csv/keyword/list.csv", headers=here).status_code == 503


def test_a_query_without_a_choice_is_empty() -> None:
    """Pages may ask for a filter that had nothing to choose from."""
    assert Query(NOWHERE)["anything"] == ""
