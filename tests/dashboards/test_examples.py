"""Example questions: each runs, returns what its header promises, and is right where it can be counted by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from connectors.errors import TallyrankError
from dashboards.analysis.examples import ask, example, examples, load
from tests.dashboards.small_world import BURST_TO, DAYS, EVIL, KEYWORD, RISEN, published, site, small_world, url
from tests.pipelines.making import at


@pytest.fixture(scope="module")
def con(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """The small world, opened as the page of questions says."""
    with duckdb.connect(str(small_world(tmp_path_factory.mktemp("world"))), read_only=True) as con:
        con.execute("SET TimeZone = 'UTC'")
        yield con


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """A warehouse without a row."""
    with duckdb.connect(str(published(tmp_path_factory.mktemp("empty"), {})), read_only=True) as con:
        yield con


@pytest.mark.parametrize("name", examples())
def test_each_returns_the_columns_it_promises(name: str, con: duckdb.DuckDBPyConnection) -> None:
    """The columns of the answer are those of the header, in its order; the small world answers every question."""
    found = con.execute(example(name).sql)
    assert [column[0] for column in found.description] == list(example(name).header.columns)
    assert found.fetchall()


@pytest.mark.parametrize("name", examples())
def test_an_empty_warehouse_gives_no_error(name: str, empty: duckdb.DuckDBPyConnection) -> None:
    """Nothing is made up where nothing is known; only the columns of the tables are there."""
    assert bool(ask(empty, name)) == (name == "what_columns_mean")


def only(rows: list[Any]) -> Any:
    """The one row."""
    assert len(rows) == 1
    return rows[0]


def test_what_is_there_is_counted_by_hand(con: duckdb.DuckDBPyConnection) -> None:
    """Two keywords, a list a day and one more, six pages, thirty days."""
    first, last = at(0).date(), at(DAYS - 1).date()
    assert only(ask(con, "what_is_there")) == {
        "engine": "google", "rank_kind": "organic", "keywords": 2, "lists": DAYS + 1, "pages": 6, "first_day": first,
        "last_day": last, "days": DAYS,
    }  # fmt: skip


def test_completeness_keeps_the_kinds_of_unknown_apart(con: duckdb.DuckDBPyConnection) -> None:
    """Known, withheld, failed and never asked add up to all results, and none is taken for another."""
    found = {(r["platform"], r["verb"]): r for r in ask(con, "how_complete")}
    counts = {
        pair: [r[n] for n in ("results", "known", "hidden", "failed", "never_asked")] for pair, r in found.items()
    }
    results = 6 * DAYS + 6
    assert counts == {
        ("reddit", "like"): [results, results, 0, 0, 0],
        ("facebook", "share"): [results, 0, DAYS + 1, DAYS + 1, results - 2 * (DAYS + 1)],
    }


def test_a_failure_is_told_with_its_last_good_day(con: duckdb.DuckDBPyConnection) -> None:
    """The source that failed on its last day, with what it said and when it last worked."""
    told = next(r for r in ask(con, "failed_reads") if r["connector"] == "reddit")
    assert told == {
        "connector": "reddit", "stream": "by_url", "last_day": date(2026, 1, 2), "last_good_day": date(2026, 1, 1),
        "days_with_failures": 1, "failed": 2, "first_error": "Unavailable: HTTP 503",
    }  # fmt: skip


def test_the_verdict_stands_beside_the_naive_number(con: duckdb.DuckDBPyConnection) -> None:
    """The question of the README: the word and the estimate, with the correlation of the greatest depth beside them."""
    found = ask(con, "do_votes_move_positions")
    assert [r["verdict"] for r in found] == ["supports", "cannot tell", "not enough data"]
    first = found[0]
    assert (first["platform"], first["verb"], first["naive_rho"], first["estimate"]) == ("reddit", "like", 0.3, 0.61)
    assert found[1]["estimate"] is None, "positions lead, so no estimate is given"


def test_the_burst_and_what_followed_is_counted_by_hand(con: duckdb.DuckDBPyConnection) -> None:
    """Page 5 gained 60 likes in the week up to day 20, stood on place 5 in the week before and on place 2 after."""
    told = only(ask(con, "biggest_bursts"))
    assert (told["page_key"], told["last_day"]) == (f"{site(RISEN)}/page", at(BURST_TO).date())
    assert (told["gained"], told["before"], told["after"], told["places_gained"], told["keywords"]) == (60, 5, 2, 3, 1)


def test_not_found_is_no_position(con: duckdb.DuckDBPyConnection) -> None:
    """The keyword that comes first by name is followed, and the page that was not found has a depth and no position."""
    found = ask(con, "keyword_over_time")
    assert {r["keyword"] for r in found} == {EVIL}
    assert [(r["position"], r["depth"]) for r in found if r["url"] == url(6)] == [(None, 10)]


def test_page_one_is_the_last_list_of_each_keyword(con: duckdb.DuckDBPyConnection) -> None:
    """Places and likes of the last day alone; what is unknown is there and is NULL."""
    found = [r for r in ask(con, "votes_of_page_one") if r["keyword"] == KEYWORD]
    assert {r["ranked_at"] for r in found} == {at(DAYS - 1)}
    told = {(r["url"], r["platform"]): (r["position"], r["votes"], r["status"]) for r in found}
    assert told[url(RISEN), "reddit"] == (2, 70, "observed")
    assert told[url(1), "facebook"] == (1, None, "failed")


def test_sites_of_page_one_are_counted_by_hand(con: duckdb.DuckDBPyConnection) -> None:
    """Every host with its keywords and best place; a page that was not found holds nothing."""
    found = {r["site"]: (r["keywords"], r["pages"], r["best_position"]) for r in ask(con, "who_holds_page_one")}
    assert found == {
        site(1): (2, 1, 1), site(2): (2, 1, 2), site(3): (2, 1, 3), site(4): (2, 1, 4), site(5): (2, 1, 2),
        site(6): (1, 1, 6),
    }  # fmt: skip


def test_findings_are_fewer_than_small_p() -> None:
    """Tests without a p are not counted as made; a small p is no finding by itself."""
    with duckdb.connect() as con:
        con.execute(
            "CREATE TABLE ledger AS SELECT * FROM (VALUES ('f', 0.04, false), ('f', 0.001, true), ('f', NULL, NULL), "
            "('f', 0.9, false)) AS t(family, p, is_discovery)"
        )
        assert ask(con, "what_luck_would_find") == [{"family": "f", "tests": 3, "small_p": 2, "findings": 1}]


def test_an_unknown_name_says_which_there_are() -> None:
    """A misspelt name is answered with the names."""
    with pytest.raises(TallyrankError, match=r"no example is called 'how_compete'.*how_complete"):
        example("how_compete")


@pytest.mark.parametrize(
    ("text", "words"),
    [("SELECT 1", "must begin with"), ("/* question: x */ SELECT 1", "columns"), ("/* a: [ */ SELECT 1", "header")],
)
def test_a_file_without_its_header_is_named(text: str, words: str, tmp_path: Path) -> None:
    """A file that is not understood is named, with what is wrong in it."""
    (tmp_path / "mine.sql").write_text(text, encoding="utf-8")
    with pytest.raises(TallyrankError, match=rf"mine\.sql(?s:.*){words}"):
        load(tmp_path / "mine.sql")
