"""The form that sets labels: the one thing that the web app writes, and it writes it by way of whoever serves it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import dash
import dash_mantine_components as dmc
import duckdb
from dash import Dash, Input, Output, State, html
from dash.development.base_component import Component

from connectors.errors import TallyrankError
from dashboards.safe import shown
from dashboards.web.labels import Entry, Labels
from dashboards.web.parts import aria, component
from dashboards.web.reputation.data import ABOUT_ALL, Row, series_of
from dashboards.web.view import Query, Table
from dashboards.web.warehouse import Warehouse
from dashboards.words import LABELS, UNLABELLED

PATH, NOW, HISTORY = "reputation", "results-now", "label-history"
FIELDS = ("page", "label", "scope", "author", "note")
ALL, ONE = "all", "one"
LONGEST = 100  # characters of an address in the list of pages

Redraw = Callable[[Query], tuple[Table, Table]]


def form(query: Query, rows: Sequence[Row], series: Row) -> Component | None:
    """The form for the results of the newest list; None where labels cannot be set here."""
    if query.labels is None:
        return None
    made: Component = html.Section(
        [
            html.H2("Say what a page is", id="label-title"),
            html.P(
                "Kept with your name and the time. Whoever looks can see who said what; nothing is overwritten. For "
                "pages that are not in this list: tallyrank label.",
                className="sentence",
            ),
            *_fields(rows, series),
            dmc.Button("Save", id="label-save", n_clicks=0, variant="default"),
            html.P(id="label-told", role="status"),
        ],
        className="block",
        **aria(labelledby="label-title"),
    )
    return made


def _fields(rows: Sequence[Row], series: Row) -> list[Component]:
    scopes = {ALL: ABOUT_ALL, ONE: f"“{shown(series['query'])}” alone"}
    return [
        dmc.Select(
            id="label-page",
            label="Page to label",
            data=[_option(row) for row in rows if row["series_id"] == series["series_id"]],
            searchable=True,
            nothingFoundMessage="Nothing fits",
            className="choice",
        ),
        _radios("label-label", "What it is", {name: name for name in LABELS}, None),
        _radios("label-scope", "For which searches", scopes, ALL),
        html.Div(
            [
                dmc.TextInput(
                    id="label-author", label="Your name", className="choice", persistence=True, persistence_type="local"
                ),
                dmc.TextInput(id="label-note", label="Why (may stay empty)", className="choice", value=""),
            ],
            className="controls",
        ),
    ]


def _option(row: Row) -> dict[str, str]:
    return {
        "value": row["url"],
        "label": f"{row['position']:.3g} · {shown(row['url'], LONGEST)} · {row['label'] or UNLABELLED}",
    }


def _radios(id_: str, title: str, options: dict[str, str], value: str | None) -> Component:
    buttons = [dmc.Radio(label=label, value=name) for name, label in options.items()]
    made: Component = dmc.RadioGroup(dmc.Group(buttons, my=6), id=id_, label=title, value=value, my=8)
    return made


def connect(app: Dash, warehouse: Warehouse, labels: Labels | None, redraw: Redraw) -> None:
    """Save what the form says, tell it in words, and draw anew what `redraw` makes of it; nothing without labels."""
    if labels is None:
        return

    @app.callback(
        Output("label-told", "children"),
        Output("label-told", "className"),
        Output(NOW, "children"),
        Output(HISTORY, "children"),
        Output("label-note", "value"),
        Output("label-label", "value"),
        Input("label-save", "n_clicks"),
        State("page", "data"),
        *(State(f"label-{name}", "value") for name in FIELDS),
        running=[(Output("label-save", "disabled"), True, False)],
        prevent_initial_call=True,
    )
    def save(clicks: int | None, page: dict[str, Any] | None, *given: Any) -> tuple[Any, ...]:
        if not clicks:
            return (dash.no_update,) * 6
        try:
            query = Query(warehouse, (page or {}).get("chosen", {}), labels)
            words = told(added(query, labels, given))
            blocks = [component(block, PATH, query.chosen).children for block in redraw(query)]
        except TallyrankError as error:
            return f"Not saved: {error}.", "bad", *(dash.no_update,) * 4
        except duckdb.Error:
            return "Not saved: the warehouse cannot be read just now; try again.", "bad", *(dash.no_update,) * 4
        return words, "good", *blocks, "", None


def added(query: Query, labels: Labels, given: Sequence[Any]) -> Entry:
    """The entry that the fields (page, label, scope, author, note) make; TallyrankError that says what is missing."""
    page, label, scope, author, note = (value if isinstance(value, str) else "" for value in given)
    series = series_of(query)
    if not page:
        raise TallyrankError("choose a page")
    if label not in LABELS:
        raise TallyrankError(f"choose what the page is: {', '.join(LABELS)}")
    if scope == ONE and series is None:
        raise TallyrankError("the search is not in the data any more; load the page anew")
    return labels.add(page, label, author, series["query"] if series and scope == ONE else None, note)


def told(entry: Entry) -> str:
    """That an entry is kept, in words."""
    about = f"“{shown(entry.query)}” alone" if entry.query else ABOUT_ALL
    return (
        f"Kept: {shown(entry.url, LONGEST)} is {entry.label} for {about}, said by {shown(entry.author)} on "
        f"{entry.labelled_at:%Y-%m-%d %H:%M} UTC. It is counted from the next analysis on."
    )
