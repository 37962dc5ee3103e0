"""Blocks as components: every picture with its sentence, its data to read and as CSV."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import pandas as pd
from dash import dcc, html
from dash.development.base_component import Component

from dashboards.charts import CONFIG
from dashboards.safe import shown
from dashboards.web.view import Block, Chart, Note, Part, Table, link
from dashboards.words import UNKNOWN, counted, is_known

MOST_ROWS = 100
MOST_BEHIND = 20  # of a chart's data; all of them are in the CSV
LONG, LONGEST, MOST_WORDS = 60, 600, 3_000  # characters: of a wide column, of a cell, of anything


def component(block: Block, path: str, chosen: Mapping[str, str]) -> Component:
    """One block of a page."""
    if isinstance(block, Chart):
        return _chart(block, _csv(block, path, chosen))
    if isinstance(block, Table):
        return _table(block, _csv(block, path, chosen))
    if isinstance(block, Note):
        return note(block)
    assert isinstance(block, Part)
    return block.component


def note(block: Note) -> Component:
    """Words in a box; an alarm interrupts a screen reader."""
    role, kind = ("alert", "note alarm") if block.is_alarm else ("note", "note")
    return html.Div(shown(block.words, MOST_WORDS), className=kind, role=role)


def aria(**words: str) -> dict[str, Any]:
    """What a screen reader is told of a component: `aria(label="Pages")`."""
    return {f"aria-{name}": value for name, value in words.items()}


def _csv(block: Chart | Table, path: str, chosen: Mapping[str, str]) -> str:
    return link(f"csv/{path}/{block.id}.csv", **chosen)


def _chart(block: Chart, csv: str) -> Component:
    if block.figure is None:
        return _frame(block, [html.P(shown(block.empty, LONGEST), className="empty")])
    graph = dcc.Graph(figure=block.figure, config=CONFIG, className="graph")
    sentence = shown(block.sentence, MOST_WORDS)
    picture = html.Div(graph, role="img", **aria(label=f"{shown(block.title, LONGEST)}. {sentence}"))
    data = html.Details([html.Summary(_behind(len(block.data))), rows(block.data.head(MOST_BEHIND))])
    return _frame(block, [picture, html.P(sentence, className="sentence"), data, _download(block.title, csv)])


def _behind(n: int) -> str:
    first = f", the first {MOST_BEHIND} here" if n > MOST_BEHIND else ""
    return f"The {counted(n, 'row')} behind it{first}"


def _table(block: Table, csv: str) -> Component:
    if block.data.empty:
        return _frame(block, [html.P(shown(block.empty, LONGEST), className="empty")])
    read = rows(block.data, block.columns, block.links)
    more = len(block.data) - MOST_ROWS
    left = [html.P(f"{more:,} more rows are in the CSV.", className="sentence")] if more > 0 else []
    return _frame(
        block,
        [html.P(shown(block.sentence, MOST_WORDS), className="sentence"), read, *left, _download(block.title, csv)],
    )


def _frame(block: Chart | Table, children: list[Component]) -> Component:
    title = html.H2(shown(block.title, LONGEST), id=f"{block.id}-title")
    return html.Section([title, *children], className="block", id=block.id, **aria(labelledby=f"{block.id}-title"))


def _download(title: str, csv: str) -> Component:
    return html.P(html.A("CSV", href=csv, **aria(label=f"{shown(title, LONGEST)} as CSV")), className="download")


def rows(
    data: pd.DataFrame, columns: Mapping[str, str] | None = None, links: Mapping[str, str] | None = None
) -> Component:
    """The first rows of a frame as a table that scrolls by itself where it is too wide."""
    named = columns or {name: str(name).replace("_", " ") for name in data.columns}
    sides = {name: _side(data, name) for name in named}
    head = html.Thead(html.Tr([html.Th(shown(title), scope="col", className=sides[n]) for n, title in named.items()]))
    body = [
        html.Tr([_cell(row, n, sides[n], links or {}) for n in named])
        for row in data.head(MOST_ROWS).to_dict("records")
    ]
    return html.Div(
        html.Table([head, html.Tbody(body)]), className="scroll", tabIndex="0", role="group", **aria(label="Table")
    )


def _side(data: pd.DataFrame, name: str) -> str:
    """How a column is set: numbers to the right, long texts with room."""
    values = data[name]
    if pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype):
        return "number"
    known = values.head(MOST_ROWS).dropna()
    if len(known) and all(isinstance(value, date) for value in known):
        return "text moment"
    return "text long" if values.head(MOST_ROWS).astype(str).str.len().max() > LONG else "text"


def _cell(row: Mapping[Any, Any], name: str, side: str, links: Mapping[str, str]) -> Component:
    words = said(row[name])
    target = row.get(links[name]) if name in links else None
    inside = dcc.Link(words, href=target) if isinstance(target, str) and target.startswith("/") else words
    return html.Td(html.Bdi(inside), className=side)


def said(value: Any) -> str:
    """A value for people: unknown in words, numbers in three digits, days as days."""
    if value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and not is_known(value)):
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (date, datetime)):
        return _moment(value)
    if isinstance(value, (int, float)):
        return _number(value)
    return shown(str(value), LONGEST)


def _moment(value: date | datetime) -> str:
    """A day, with the time where it says one."""
    has_time = isinstance(value, datetime) and (value.hour, value.minute) != (0, 0)
    return f"{value:%Y-%m-%d %H:%M}" if has_time else f"{value:%Y-%m-%d}"


def _number(value: float) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 100 else f"{value:,.3g}"
