"""What a table or the warehouse says now that it did not say before: rows, verdicts, sources, keywords and pages.

The file of before is kept beside the new one while that is made, and both are asked by DuckDB; nothing is remembered
elsewhere, so that a history of runs that was deleted changes no answer.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from dashboards.analysis.analyst import plain
from dashboards.reading import mappings
from dashboards.safe import shown
from dashboards.words import counted, label, pair, strongest_first
from pipelines.lake import Lake

FIRST_TIME = "Made for the first time: there is nothing to compare it with."
NOTHING = "Nothing changed."
MOST_NAMED, LONGEST = 20, 600  # names, characters of an error
Con = duckdb.DuckDBPyConnection


@contextmanager
def kept(path: Path) -> Iterator[Path | None]:
    """A second name for the file as it is now, which outlives its replacement inside the block; None without a file.

    The name is one that `lake.replaced` sweeps should this process be killed.
    """
    if not path.exists():
        yield None
        return
    before = path.with_name(f"{path.name}.tmp-{os.getpid()}.before")
    before.unlink(missing_ok=True)
    try:
        os.link(path, before)
    except OSError:  # a file system without hard links
        shutil.copyfile(path, before)
    try:
        yield before
    finally:
        before.unlink(missing_ok=True)


@contextmanager
def side_by_side(name: str, before: Path, now: Path) -> Iterator[Con]:
    """A connection in which `before.<name>` and `now.<name>` are two Parquet files of one table."""
    with duckdb.connect(config={"python_enable_replacements": False}) as con:
        for side, path in (("before", before), ("now", now)):
            con.execute(f"ATTACH ':memory:' AS {side}")
            con.execute(f'CREATE VIEW {side}."{name}" AS FROM {Lake.file(path)}')
        yield con


@contextmanager
def warehouses(before: Path, now: Path) -> Iterator[Con]:
    """A connection in which `before` and `now` are two published warehouses, both read-only."""
    with duckdb.connect(config={"python_enable_replacements": False}) as con:
        for side, path in (("before", before), ("now", now)):
            con.execute(f"ATTACH '{str(path).replace(chr(39), chr(39) * 2)}' AS {side} (READ_ONLY)")
        yield con


def row_counts(con: Con, side: str) -> dict[str, int]:
    """Rows of every table of one side."""
    found = "SELECT table_name FROM duckdb_tables() WHERE database_name = ? ORDER BY ALL"
    names = [name for (name,) in con.execute(found, [side]).fetchall()]
    return {name: con.execute(f'SELECT count(*) FROM {side}."{name}"').fetchall()[0][0] for name in names}


def verdicts(con: Con) -> list[str]:
    """A line of Markdown for every verdict that changed its word, is new or is gone; the strongest of now first."""
    now, before = (mappings(con.execute(f"FROM {side}.verdicts")) for side in ("now", "before"))
    was = {pair(row): row for row in before}
    lines = [_verdict(row, was.pop(pair(row), None), now) for row in strongest_first(now)]
    return [
        *filter(None, lines),
        *(f"**{plain(label(row, before))}** is gone (was: {row['verdict']})" for row in was.values()),
    ]


def _verdict(row: Mapping[str, Any], was: Mapping[str, Any] | None, rows: Sequence[Mapping[str, Any]]) -> str:
    if was is None:
        return f"**{plain(label(row, rows))}** is new: {row['verdict']}"
    if was["verdict"] == row["verdict"]:
        return ""
    return f"**{plain(label(row, rows))}**: {was['verdict']} → {row['verdict']}"


LAST = """
    SELECT connector, stream, max(day) AS last_day, arg_max(is_failed, day) AS is_failed,
        arg_max(first_error, day) AS first_error
    FROM {side}.source_health GROUP BY connector, stream
"""


def sources(con: Con) -> list[str]:
    """A line of Markdown for every source that is new, newly fails, or works again."""
    found = con.execute(f"""
        SELECT n.connector, n.stream, n.last_day, n.is_failed, n.first_error, b.connector IS NULL
        FROM ({LAST.format(side="now")}) AS n
        LEFT JOIN ({LAST.format(side="before")}) AS b USING (connector, stream)
        WHERE b.connector IS NULL OR b.is_failed <> n.is_failed
        ORDER BY n.is_failed DESC, n.connector, n.stream
    """).fetchall()
    return [_source(*row) for row in found]


def _source(source: str, stream: str, day: Any, is_failed: bool, error: str | None, is_new: bool) -> str:
    name = f"**{plain(source)}/{plain(stream)}**"
    if is_failed:
        return (
            f"{name} {'fails' if is_new else 'newly fails'} ({day}): {plain(shown(error or 'without a word', LONGEST))}"
        )
    return f"{name} {'is read for the first time' if is_new else 'works again'} ({day})"


def news(con: Con, table: str, column: str, noun: str) -> list[str]:
    """A line of Markdown for the values of a column that are new and those that are gone, some of them by name."""
    lines = []
    for sides, word in ((("now", "before"), "new"), (("before", "now"), "no longer there")):
        there, not_there = (f"SELECT {column} FROM {side}.{table} WHERE {column} IS NOT NULL" for side in sides)
        names = [row[0] for row in con.execute(f"{there} EXCEPT {not_there} ORDER BY ALL").fetchall()]
        if names:
            more = ", …" if len(names) > MOST_NAMED else ""
            lines.append(f"{counted(len(names), noun)} {word}: {', '.join(map(code, names[:MOST_NAMED]))}{more}")
    return lines


def code(text: str, most: int = 80) -> str:
    """A name from outside, in which Markdown sees nothing to do."""
    return f"`{shown(text.replace('`', chr(39)), most)}`"


def listed(con: Con) -> list[str]:
    """Keywords and pages that are new or gone among the result lists."""
    return [*news(con, "stg_rankings", "keyword", "keyword"), *news(con, "stg_rankings", "page_key", "page")]


TOLD: Mapping[str, Callable[[Con], list[str]]] = {
    "verdicts": verdicts,
    "source_health": sources,
    "stg_rankings": listed,
}


def of_table(name: str, before: Path | None, now: Path) -> str | None:
    """What changed in a table, as Markdown; None for a table of which only the rows are counted."""
    if name not in TOLD:
        return None
    if before is None:
        return FIRST_TIME
    with side_by_side(name, before, now) as con:
        return bullets(_asked(TOLD[name], con))


def of_warehouse(con: Con) -> str:
    """Everything that changed between two warehouses, as Markdown: what people act on first, rows last."""
    parts = []
    for name, title in (("source_health", "Sources"), ("verdicts", "Verdicts"), ("stg_rankings", "Result lists")):
        parts.append(f"**{title}**\n\n{bullets(_asked(TOLD[name], con))}")
    return "\n\n".join([*parts, _row_table(row_counts(con, "now"), row_counts(con, "before"))])


def _asked(told: Callable[[Con], list[str]], con: Con) -> list[str]:
    """The lines, or why there are none where an older file lacks the table or a column."""
    try:
        return told(con)
    except (duckdb.CatalogException, duckdb.BinderException):
        return ["Made by another version before: there is nothing to compare it with."]


def _row_table(now: Mapping[str, int], before: Mapping[str, int]) -> str:
    lines = [f"| {n} | {rows:,} | {_before(before.get(n))} |" for n, rows in now.items() if before.get(n) != rows]
    gone = [f"| {n} | gone | {rows:,} |" for n, rows in before.items() if n not in now]
    if not lines + gone:
        return "Every table has as many rows as before."
    return "\n".join(["| table | rows now | rows before |", "|---|---|---|", *lines, *gone])


def _before(rows: int | None) -> str:
    return "new" if rows is None else f"{rows:,}"


def bullets(lines: Sequence[str]) -> str:
    """Lines as a Markdown list; a sentence where there are none."""
    return "\n".join(f"- {line}" for line in lines) or NOTHING
