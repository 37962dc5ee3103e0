"""Blocks as components: every picture with its sentence, its data to read and as CSV."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from math import isfinite
from typing import Any

import pandas as pd
from dash import dcc, html
from dash.development.base_component import Component

from dashboards.web.figures import CONFIG
from dashboards.web.view import Block, Chart, Note, Part, Table, link
from dashboards.words import UNKNOWN

MOST_ROWS = 100
LONG, LONGEST = 60, 600


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
    return html.Div(block.words, className=kind, role=role)


def aria(**words: str) -> dict[str, Any]:
    """What a screen reader is told of a component: `aria(label="Pages")`."""
    return {f"aria-{name}": value for name, value in words.items()}


def _csv(block: Chart | Table, path: str, chosen: Mapping[str, str]) -> str:
    return link(f"csv/{path}/{block.id}.csv", **chosen)


def _chart(block: Chart, csv: str) -> Component:
    if block.figure is None:
        return _frame(block, [html.P(block.empty, className="empty")])
    graph = dcc.Graph(figure=block.figure, config=CONFIG, className="graph")
    picture = html.Div(graph, role="img", **aria(label=f"{block.title}. {block.sentence}"))
    data = html.Details([html.Summary(f"The {_counted(len(block.data))} behind it"), rows(block.data)])
    return _frame(block, [picture, html.P(block.sentence, className="sentence"), data, _download(block.title, csv)])


def _table(block: Table, csv: str) -> Component:
    if block.data.empty:
        return _frame(block, [html.P(block.empty, className="empty")])
    read = rows(block.data, block.columns, block.links)
    more = len(block.data) - MOST_ROWS
    left = [html.P(f"{more:,} more rows are in the CSV.", className="sentence")] if more > 0 else []
    return _frame(block, [html.P(block.sentence, className="sentence"), read, *left, _download(block.title, csv)])


def _frame(block: Chart | Table, children: list[Component]) -> Component:
    title = html.H2(block.title, id=f"{block.id}-title")
    return html.Section([title, *children], className="block", id=block.id, **aria(labelledby=f"{block.id}-title"))


def _download(title: str, csv: str) -> Component:
    return html.P(html.A("CSV", href=csv, **aria(label=f"{title} as CSV")), className="download")


def rows(
    data: pd.DataFrame, columns: Mapping[str, str] | None = None, links: Mapping[str, str] | None = None
) -> Component:
    """The first rows of a frame as a table that scrolls by itself where it is too wide."""
    shown = columns or {name: str(name).replace("_", " ") for name in data.columns}
    sides = {name: _side(data, name) for name in shown}
    head = html.Thead(html.Tr([html.Th(title, scope="col", className=sides[n]) for n, title in shown.items()]))
    body = [
        html.Tr([_cell(row, n, sides[n], links or {}) for n in shown])
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
    return "text long" if values.head(MOST_ROWS).astype(str).str.len().max() > LONG else "text"


def _cell(row: Mapping[Any, Any], name: str, side: str, links: Mapping[str, str]) -> Component:
    words = said(row[name])
    target = row.get(links[name]) if name in links else None
    inside = dcc.Link(words, href=target) if isinstance(target, str) and target.startswith("/") else words
    return html.Td(html.Bdi(inside), className=side)


def said(value: Any) -> str:
    """A value for people: unknown in words, numbers in four digits, days as days."""
    if value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and not isfinite(value)):
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (date, datetime)):
        return _moment(value)
    if isinstance(value, (int, float)):
        return _number(value)
    text = str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _moment(value: date | datetime) -> str:
    """A day, with the time where it says one."""
    has_time = isinstance(value, datetime) and (value.hour, value.minute) != (0, 0)
    return f"{value:%Y-%m-%d %H:%M}" if has_time else f"{value:%Y-%m-%d}"


def _number(value: float) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 10_000 else f"{value:,.4g}"


def _counted(n: int) -> str:
    return f"{n:,} row" + ("" if n == 1 else "s")
