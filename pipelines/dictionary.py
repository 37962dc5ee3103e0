"""The data dictionary `docs/DATA.md` and the example questions `docs/QUERIES.md`.

The dictionary is what DuckDB says of a warehouse without rows that went through the same publishing as everybody's, so
a column cannot be in one and not in the other.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from connectors.base import Connector, discover
from dashboards.analysis.examples import Example, examples
from pipelines import sqlfile
from pipelines.evidence import table as evidence
from pipelines.lake import Lake
from pipelines.publish import publish

WIDE = "serp_votes_wide"
GROUPS = {
    "marts": ("Joined and counted", "What most questions need."),
    "evidence": (
        "Models, sources and labels",
        "One table per rung of the ladder and what guards it; sources and what they cost, breaks, labels of people.",
    ),
    "staging": (
        "Close to what was read",
        "Every reading and every result, once; for whoever checks a number.",
    ),
    "views": ("Views", "The same rows in another form."),
}
HEAD = (
    "# Data dictionary",
    "",
    "Made by `make docs` from the tables themselves; a test compares it. Example questions with their SQL stand in",
    "[QUERIES.md](QUERIES.md), the sources in [SOURCES.md](SOURCES.md).",
    "",
    '`duckdb.connect("data/warehouse.duckdb", read_only=True)` opens the file at any moment, also while a run',
    "publishes. The same comments are in it:",
    "`SELECT column_name, comment FROM duckdb_columns() WHERE table_name = 'serp_votes'`.",
    "",
    "NULL is unknown, never 0. Times end in `_at` and are UTC; days are `day` or end in `_day`; `n_` counts things,",
    "`is_` is true or false; `ci_low` and `ci_high` are the ends of a 95 % interval. Positions: 1 is best; a change of",
    "position has a plus where pages stand better.",
    "",
)


QUERIES_HEAD = (
    "# Example questions",
    "",
    "Made by `make docs` from `dashboards/queries/`; a test runs each and compares this page. What the tables and",
    "their columns mean is in [DATA.md](DATA.md). Paste the SQL as it is:",
    "",
    "```python",
    "import duckdb",
    "",
    'con = duckdb.connect("data/warehouse.duckdb", read_only=True)',
    "con.execute(\"SET TimeZone = 'UTC'\")",
    'con.sql("""...""")',
    "```",
    "",
    'In a notebook (`tallyrank notebook blank`) the name does: `ask(con, "how_complete")`. NULL is unknown, never 0.',
    "",
)


@dataclass(frozen=True)
class Described:
    """One table or view as DuckDB describes it: its comment, and its columns as (name, type, comment)."""

    name: str
    comment: str
    columns: tuple[tuple[str, str, str], ...]


def page() -> str:
    """The page of tables and columns, `docs/DATA.md`."""
    with tempfile.TemporaryDirectory() as folder:
        found = described(empty_warehouse(Path(folder)))
    return "\n".join([*HEAD, *_overview(found), *_sections(found), *_meanings(list(discover().values()))])


def queries() -> str:
    """The page of example questions, `docs/QUERIES.md`: each with what comes back, how to read it, and its SQL."""
    return "\n".join([*QUERIES_HEAD, *_contents(), *(line for each in examples().values() for line in _question(each))])


def _contents() -> Iterator[str]:
    yield from (f"- [{each.header.question}](#{each.name})" for each in examples().values())
    yield ""


def _question(each: Example) -> Iterator[str]:
    yield from (f'<a id="{each.name}"></a>', "", f"## {each.header.question}", "", f"`{each.name}`", "")
    yield from ("| column | meaning |", "|---|---|")
    yield from (f"| `{name}` | {_cell(words)} |" for name, words in each.header.columns.items())
    yield from ("", _cell(each.header.note), "", "```sql", each.sql, "```", "")


def empty_warehouse(folder: Path) -> Path:
    """Publish a warehouse without a single row below a folder, with the real SQL and publishing; returns its path."""
    lake = Lake(folder)
    for made in sqlfile.tables().values():
        sqlfile.build(lake, made)
    for model in evidence.tables().values():
        schema = pa.schema([(name, kind) for name, (kind, _) in model.columns.items()])
        pq.write_table(schema.empty_table(), lake.table_path(model.name))
    publish(lake)
    return lake.warehouse


def described(warehouse: Path) -> dict[str, Described]:
    """Every table and view of a warehouse by name, with what its comments say."""
    with duckdb.connect(str(warehouse), read_only=True) as con:
        tables = con.execute(
            "SELECT table_name, comment FROM duckdb_tables() UNION ALL "
            "SELECT view_name, comment FROM duckdb_views() WHERE NOT internal ORDER BY ALL"
        ).fetchall()
        columns = con.execute(
            "SELECT table_name, column_name, data_type, comment FROM duckdb_columns() WHERE NOT internal "
            "ORDER BY table_name, column_index"
        ).fetchall()
    by_table: dict[str, list[tuple[str, str, str]]] = {name: [] for name, _ in tables}
    for name, column, kind, words in columns:
        by_table[name].append((column, kind, words or ""))
    return {name: Described(name, comment or "", tuple(by_table[name])) for name, comment in tables}


def _group(name: str) -> str:
    """The chapter of a table; what neither SQL nor a model made is a view."""
    made = sqlfile.tables().get(name)
    if made:
        return made.layer
    return "evidence" if name in evidence.tables() else "views"


def _overview(found: dict[str, Described]) -> Iterator[str]:
    yield from ("| table | what it holds |", "|---|---|")
    for group in GROUPS:
        names = [name for name in found if _group(name) == group]
        yield from (f"| [`{name}`](#{name}) | {_cell(_first_sentence(found[name].comment))} |" for name in names)
    yield ""


def _sections(found: dict[str, Described]) -> Iterator[str]:
    for group, (title, words) in GROUPS.items():
        yield from (f"## {title}", "", words, "")
        for name, table in found.items():
            if _group(name) == group:
                yield from (f'<a id="{name}"></a>', "", f"### `{name}`", "", _cell(table.comment), "")
                yield from _wide() if name == WIDE else _columns(table)


def _columns(table: Described) -> Iterator[str]:
    made = sqlfile.tables().get(table.name)
    if made:
        yield from (f"One row per {', '.join(f'`{column}`' for column in made.header.grain)}.", "")
    yield from ("| column | type | meaning |", "|---|---|---|")
    yield from (f"| `{name}` | {kind} | {_cell(words)} |" for name, kind, words in table.columns)
    yield ""
    if made and made.header.checks:
        yield from (f"Checked before it is published: {'; '.join(made.header.checks)}.", "")


def _wide() -> Iterator[str]:
    """The view's columns depend on what votes there are, so they are told by rule."""
    yield from (
        "All columns of [`serp_results`](#serp_results), and two for each platform and verb that your data hold:",
        "",
        "| column | type | meaning |",
        "|---|---|---|",
        "| `<platform>_<verb>` | BIGINT | Votes known at the moment of the list; NULL is unknown. |",
        "| `<platform>_<verb>_7d` | BIGINT | Growth over the 7 days before; NULL where it is not known. |",
        "",
    )


def _meanings(connectors: list[Connector]) -> Iterator[str]:
    """What each platform counts under each verb."""
    yield from (
        "## What each platform's verbs count",
        "",
        "`platform` and `verb` of the tables, as each source gives them; a tool that reports on networks stands as",
        "`tool:network`. Quality says how true a number is: `exact`, `rounded`, `lower_bound` (at least so many),",
        "`fuzzed` (blurred by the platform) or `default_zero` (a 0 may mean not reported). Why a verb means what it",
        "means stands in [DECISIONS.md](../DECISIONS.md).",
        "",
        "| platform | verb | there | quality | meaning |",
        "|---|---|---|---|---|",
    )
    for c in sorted(connectors, key=lambda c: c.title.lower()):
        for verb, m in c.verbs.items():
            known_as = f"[{c.title}](SOURCES.md#{c.name}) `{c.name}`"
            yield f"| {known_as} | {verb.value} | `{m.native}` | {m.quality.value} | {_cell(m.meaning)} |"
    yield ""


def _first_sentence(text: str) -> str:
    return text.partition(". ")[0].rstrip(".") + "."


def _cell(text: str) -> str:
    """Text for one cell of a table, in which nothing is markup."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
