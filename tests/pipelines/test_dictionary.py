"""The data dictionary holds every published table and column with its meaning, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from connectors.base import discover
from dashboards.analysis.examples import examples
from pipelines import dictionary, sqlfile
from pipelines.evidence import table as evidence
from tests.dashboards.small_world import small_world


@pytest.fixture(scope="module")
def page() -> str:
    """The page of tables."""
    return dictionary.page()


def section(page: str, name: str) -> str:
    """What the page says of one table."""
    _, _, rest = page.partition(f'<a id="{name}"></a>')
    return rest.partition("<a id=")[0].partition("\n## ")[0]


def test_every_published_table_is_explained(page: str) -> None:
    """Each table that SQL or a model makes, and the view, has a line in the overview and a section, once."""
    made = {*sqlfile.tables(), *evidence.tables(), dictionary.WIDE}
    assert set(re.findall(r'<a id="(\w+)">', page)) == made
    assert sorted(re.findall(r"^\| \[`(\w+)`\]\(#\w+\) \| \S", page, re.MULTILINE)) == sorted(made)


def test_every_column_has_its_type_and_meaning(page: str) -> None:
    """Columns in the order of the warehouse, with the comment of the header or of the model."""
    for table in sqlfile.tables().values():
        rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+) \|$", section(page, table.name), re.MULTILINE)
        assert [name for name, _, _ in rows] == list(table.header.columns)
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+) \|$", section(page, "association"), re.MULTILINE)
    assert rows[4] == ("depth", "BIGINT", evidence.tables()["association"].comments["depth"])


def test_the_grain_and_the_checks_are_told(page: str) -> None:
    """What identifies a row, and what holds for every row."""
    told = section(page, "serp_votes")
    assert "One row per `result_id`, `platform`, `verb`." in told
    assert "Checked before it is published: votes were read before the list" in told


def test_a_real_warehouse_has_the_tables_of_the_page(page: str, tmp_path: Path) -> None:
    """Tables and types with rows in them are those of the page, the view's own columns as its rule says."""
    found = dictionary.described(small_world(tmp_path))
    wide = [name for name, _, _ in found.pop(dictionary.WIDE).columns]
    assert wide[-4:] == ["facebook_share", "facebook_share_7d", "reddit_like", "reddit_like_7d"]
    for name, table in found.items():
        assert table.comment, name
        for column, kind, words in table.columns:
            assert f"| `{column}` | {kind} |" in section(page, name) and words, (name, column)


def test_each_platform_says_what_its_verbs_count(page: str) -> None:
    """Every verb of every source, with a link to what else is known of the source."""
    told = page.split("## What each platform's verbs count")[1]
    for connector in discover().values():
        lines = [line for line in told.splitlines() if f"(SOURCES.md#{connector.name}) " in line]
        assert len(lines) == len(connector.verbs), connector.name


def test_questions_come_with_columns_and_sql() -> None:
    """Each question as a heading with its name, what comes back, and the SQL as it is."""
    text = dictionary.queries()
    for name, each in examples().items():
        told = text.split(f'<a id="{name}"></a>')[1].split("<a id=")[0]
        assert f"## {each.header.question}" in told and each.sql in told
        assert re.findall(r"^\| `(\w+)` \|", told, re.MULTILINE) == list(each.header.columns)
