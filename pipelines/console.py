"""What the command line shows: progress while it works, tables when it is done, one line when it fails."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from dashboards.safe import clean, shown
from dashboards.words import DIRECTIONS, Row, interval, is_known, label, lag, signed, small

LONGEST_CELL = 200  # characters


class Plain(Console):
    """A console that lets through no sign with which text from outside could steer a terminal."""

    def print(self, *objects: Any, **options: Any) -> None:
        """As rich prints; texts without control characters and marks of direction."""
        super().print(*(clean(each) if isinstance(each, str) else each for each in objects), **options)


out = Plain(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 140)
err = Plain(stderr=True, highlight=False, soft_wrap=True)


@contextmanager
def progress(title: str, total: int) -> Iterator[Callable[[str], None]]:
    """A bar on the terminal, advanced by calling what is yielded; silent when nobody watches."""
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[last]}"),
    )  # fmt: skip
    with Progress(*columns, console=err, transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(title, total=total, last="")
        yield lambda words: bar.update(task, advance=1, last=words)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], numbers: Sequence[str] = ()) -> None:
    """A plain table on standard output; `numbers` names the columns to align right."""
    made = Table(title=shown(title, LONGEST_CELL), title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(shown(column, LONGEST_CELL), justify="right" if column in numbers else "left", overflow="fold")
    for row in rows:
        made.add_row(*(_cell(each) for each in row))
    out.print(made)


def _cell(value: Any) -> Text:
    """A value as text in which rich sees no markup."""
    return Text("" if value is None else shown(value, LONGEST_CELL))


def correlation_rows(rows: Sequence[dict[str, Any]]) -> list[list[Any]]:
    """Rows of the association table as the terminal shows them."""
    return [
        [
            r["platform"], r["verb"], r["depth"], signed(r["mean_rho"]),
            interval(r["ci_low"], r["ci_high"]), r["n_lists"], r["n_skipped"], r["n_keywords"],
        ]
        for r in rows
    ]  # fmt: skip


CORRELATION_COLUMNS = ("platform", "verb", "depth", "mean rho", "95 % interval", "lists", "skipped", "keywords")
CORRELATION_NUMBERS = CORRELATION_COLUMNS[2:]


def verdict_rows(verdicts: Sequence[Row]) -> list[list[Any]]:
    """Rows of the verdicts as the terminal shows them; without an estimate there is no interval either."""
    return [
        [
            label(v, verdicts), v["verdict"], DIRECTIONS[v["direction"]], lag(v), *estimate_cells(v),
            small(v["q_value"]) if is_known(v["q_value"]) else "",
        ]
        for v in verdicts
    ]  # fmt: skip


def estimate_cells(verdict: Row) -> tuple[str, str]:
    """Estimate and interval of a verdict; empty where none is given."""
    if verdict["estimate"] is None:
        return "", ""
    return signed(verdict["estimate"], 2), interval(verdict["ci_low"], verdict["ci_high"], 2)


VERDICT_COLUMNS = ("votes", "verdict", "direction", "lag", "positions", "95 % interval", "q")
VERDICT_NUMBERS = ("lag", "positions", "95 % interval", "q")
