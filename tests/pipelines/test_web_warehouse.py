"""The big warehouse of the benchmarks is a true one: what it takes a shorter way to, the shipped SQL makes too."""

from __future__ import annotations

import duckdb
import pytest

from pipelines import sqlfile
from pipelines.evidence import table as evidence
from tests.benchmarks import web_warehouse
from tests.pipelines.making import rows

RESULTS = 800


@pytest.fixture(scope="module")
def con(tmp_path_factory):
    """A small one, opened as people open it."""
    path = tmp_path_factory.mktemp("web") / "warehouse.duckdb"
    web_warehouse.build(path, RESULTS)
    with duckdb.connect(str(path), read_only=True) as con:
        con.execute("SET TimeZone = 'UTC'")
        yield con


def test_it_holds_every_table_at_the_size_asked_for(con):
    """All published tables; so many results, ten rows of serp_votes for each."""
    there = {r["name"] for r in rows(con, "SHOW TABLES")}
    assert {*sqlfile.tables(), *evidence.tables(), "serp_votes_wide"} <= there
    counts = "SELECT (SELECT count(*) FROM serp_results) AS results, (SELECT count(*) FROM serp_votes) AS votes"
    assert rows(con, counts) == [{"results": RESULTS, "votes": 10 * RESULTS}]


@pytest.mark.parametrize("name", ["serp_votes", "page_votes", "keyword_days", "keyword_series", "pages"])
def test_its_tables_are_those_of_the_shipped_sql(con, name):
    """The same rows as the shipped query gives over its staging tables, unknown growth included, and audited."""
    table = sqlfile.tables()[name]
    sqlfile.audit(con, table, name)
    assert rows(con, f"({table.query}) EXCEPT ALL FROM {name}") == []
    assert rows(con, f"FROM {name} EXCEPT ALL ({table.query})") == []


def test_its_world_has_something_of_everything(con):
    """Failed readings, changes, pages of every label, hostile results and early warnings."""
    (found,) = rows(
        con,
        "SELECT (SELECT count(DISTINCT label) FROM brand_results) AS labels, "
        "(SELECT count(*) FROM page_votes WHERE status = 'failed') AS failed, "
        "(SELECT count(*) FROM page_votes WHERE change > 0) AS changes, "
        "(SELECT count(*) FROM brand_results WHERE is_warning) AS warnings, "
        "(SELECT count(*) FROM reputation_days WHERE days_there > 1) AS days_there",
    )
    assert found.pop("labels") == 3 and min(found.values()) > 0
    assert all(times[0] > 0 for times in web_warehouse.timed(con).values())
