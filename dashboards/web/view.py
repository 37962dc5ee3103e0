"""What a page of the web app is: a question, filters that live in the address, and blocks that answer it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlencode

import pandas as pd
import plotly.graph_objects as go
from dash import Dash
from dash.development.base_component import Component

from dashboards.safe import shown
from dashboards.web import views
from dashboards.web.labels import Labels
from dashboards.web.warehouse import Warehouse

Options = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Filter:
    """One choice of a page. `options` gives (value, label) pairs; the first is taken where the address names none.

    With `search`, it gives those that fit what was typed (at most some tens, for there may be a hundred thousand), and
    `label` says how a value that the address names is called, or None where there is no such value.
    """

    name: str
    title: str
    options: Callable[[Query], Options] = lambda _: ()
    search: Callable[[Query, str], Options] | None = None
    label: Callable[[Query, str], str | None] | None = None

    def offered(self, query: Query, typed: str = "") -> Options:
        """What there is to choose from; where that is searched, what fits the words typed."""
        return self.search(query, typed) if self.search else self.options(query)


@dataclass(frozen=True)
class Query:
    """What is asked of a page: the warehouse and the values chosen, those of the address or else the usual ones."""

    warehouse: Warehouse
    chosen: Mapping[str, str] = field(default_factory=dict)
    labels: Labels | None = None

    def __getitem__(self, name: str) -> str:
        """A chosen value; empty where there is nothing to choose from."""
        return self.chosen.get(name, "")

    def frame(self, query: str, *values: Any) -> pd.DataFrame:
        """The answer to a query; kept, so not to be changed."""
        return self.warehouse.frame(query, *values)

    def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """The rows of an answer, None where unknown."""
        return self.warehouse.rows(query, *values)


@dataclass(frozen=True)
class Chart:
    """A picture, the sentence that says how to read it and what it does not say, and its data.

    `figure` is None where there is nothing to draw; `empty` then says why, and what to do.
    """

    id: str
    title: str
    figure: go.Figure | None
    sentence: str
    data: pd.DataFrame
    empty: str = "Nothing to show yet."


@dataclass(frozen=True)
class Table:
    """Rows to read. `columns` maps names of the data to headings; what is not named is only in the CSV.

    `links` maps a column to the column that holds the address it leads to.
    """

    id: str
    title: str
    data: pd.DataFrame
    sentence: str
    columns: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    empty: str = "Nothing to show yet."


@dataclass(frozen=True)
class Part:
    """Anything else: a component of Dash, such as cards or a sentence."""

    component: Component


@dataclass(frozen=True)
class Note:
    """Words that come before what they are about. An alarm is read out at once."""

    words: str
    is_alarm: bool = False


Block = Chart | Table | Part | Note


@dataclass(frozen=True)
class View:
    """One page: its path, title, the question it answers in one sentence, its place in the list, and its contents.

    `summary` gives lines that are sent as plain HTML with the page itself, before anything is drawn. `callbacks`
    connects what a page has beyond filters.
    """

    path: str
    title: str
    question: str
    order: int
    blocks: Callable[[Query], Sequence[Block]]
    filters: tuple[Filter, ...] = ()
    summary: Callable[[Query], Sequence[str]] = lambda _: ()
    callbacks: Callable[[Dash, Warehouse, Labels | None], None] = lambda *_: None


@cache
def discover() -> dict[str, View]:
    """All pages by path, in their order."""
    modules = [importlib.import_module(f"{views.__name__}.{m.name}") for m in pkgutil.iter_modules(views.__path__)]
    found = [module.VIEW for module in modules if hasattr(module, "VIEW")]
    return {view.path: view for view in sorted(found, key=lambda v: v.order)}


def link(path: str, **chosen: Any) -> str:
    """The address of a page with some choices made: `link("page", page="example.com/a")`."""
    return f"/{path}" + (f"?{urlencode(chosen)}" if chosen else "")


def choose(
    view: View, warehouse: Warehouse, given: Mapping[str, str], labels: Labels | None = None
) -> tuple[Query, list[str]]:
    """A query with every filter of a page decided in turn, and in words which given values there is nothing of.

    A filter sees what was chosen in those before it.
    """
    chosen: dict[str, str] = {}
    complaints: list[str] = []
    for each in view.filters:
        query = Query(warehouse, dict(chosen), labels)
        wanted = given.get(each.name)
        if wanted is not None and _is_there(each, query, wanted):
            chosen[each.name] = wanted
            continue
        if wanted:
            complaints.append(f"There is no {each.title.lower()} “{shown(wanted)}” in the data; another one is shown.")
        options = each.offered(query)
        if options:
            chosen[each.name] = options[0][0]
    return Query(warehouse, chosen, labels), complaints


def _is_there(each: Filter, query: Query, wanted: str) -> bool:
    if each.label is not None:
        return each.label(query, wanted) is not None
    return wanted in dict(each.options(query))
