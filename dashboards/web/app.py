"""The web app: a frame with the list of pages, controls whose values live in the address, and the blocks of a page."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import dash
import dash_mantine_components as dmc
import duckdb
import flask
from dash import ALL, MATCH, Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component

from connectors.errors import TallyrankError
from dashboards.safe import shown
from dashboards.web import locks
from dashboards.web.csv import to_csv
from dashboards.web.labels import Labels
from dashboards.web.parts import LONGEST, aria, component, note
from dashboards.web.status import failures, status
from dashboards.web.view import Chart, Filter, Note, Options, Query, Table, View, choose, discover
from dashboards.web.warehouse import NoWarehouse, Warehouse

log = logging.getLogger(__name__)
ASSETS = Path(__file__).parent / "assets"
LONGEST_ADDRESS, LONGEST_CHOICE = 4_000, 200  # characters
OLD = (
    "This page needs tables that the warehouse does not have: it was made by an earlier version. "
    "Run `tallyrank analyze`."
)


class Frame(Dash):
    """Dash whose first answer already holds the page's words: something true is read before scripts have run."""

    def __init__(self, warehouse: Warehouse, labels: Labels | None = None, **more: Any) -> None:
        super().__init__(__name__, assets_folder=str(ASSETS), update_title="", title="Tallyrank", **more)
        self.warehouse, self.labels = warehouse, labels

    def interpolate_index(self, **pieces: Any) -> str:  # type: ignore[override]
        """The page as HTML, its words in the place that scripts then fill."""
        view = _view(flask.request.path)
        given = _given(flask.request.query_string.decode("utf-8", "replace"))
        words = _first_words(view, self, given)
        pieces["app_entry"] = f'<div id="react-entry-point">{words}</div>'
        whole: str = super().interpolate_index(**pieces)  # type: ignore[no-untyped-call]
        page = whole.replace("<html>", '<html lang="en">', 1)
        return page.replace("<title>Tallyrank</title>", f"<title>{escape(_title(view))}</title>", 1)


def make_app(warehouse: Path, lock: locks.Lock | None = None, labels: Labels | None = None) -> Frame:
    """The app over a warehouse file; with a lock, behind a password; with labels, these can be set."""
    app = Frame(Warehouse(warehouse), labels, suppress_callback_exceptions=True)
    app.layout = _layout(lock)
    _navigate(app)
    _search(app)
    app.server.add_url_rule("/csv/<path>/<name>.csv", "csv", lambda path, name: _csv(app, path, name))
    for view in discover().values():
        view.callbacks(app, app.warehouse, labels)
    locks.secure(app, lock)
    return app


def _layout(lock: locks.Lock | None) -> Component:
    views = discover().values()
    pages = [html.Li(dmc.NavLink(label=v.title, href=f"/{v.path}", active="exact")) for v in views]
    bar = html.Header(
        [
            html.A("Skip to the answer", href="#content", className="skip"),
            dcc.Link("Tallyrank", href="/", className="brand"),
            html.Div(id="status"),
            dmc.ColorSchemeToggle(
                lightIcon="☀", darkIcon="☾", variant="default", size="lg", **aria(label="Light or dark")
            ),
            *locks.way_out(lock),
        ],
        className="bar",
    )
    body = [
        html.Nav(html.Ul(pages), className="pages", **aria(label="Pages")),
        html.Main(
            [
                html.Div(id="heading"),
                html.Div(id="controls", className="controls", role="search", **aria(label="Choices")),
                html.Div(id="content", tabIndex="-1"),
                html.Div(id="said", className="unseen", role="status"),
            ]
        ),
    ]
    whole: Component = dmc.MantineProvider(
        [
            dcc.Location(id="address", refresh="callback-nav"),
            dcc.Store(id="page"),
            bar,
            html.Div(body, className="body"),
        ],
        defaultColorScheme="auto",
        theme={"primaryColor": "blue", "fontFamily": "system-ui, sans-serif"},
    )
    return whole


def _navigate(app: Frame) -> None:
    """Address to page, and choices to address."""

    @app.callback(
        Output("controls", "children"),
        Output("content", "children"),
        Output("heading", "children"),
        Output("status", "children"),
        Output("said", "children"),
        Output("page", "data"),
        Input("address", "pathname"),
        Input("address", "search"),
        State({"type": "choice", "name": ALL}, "value"),
        State({"type": "choice", "name": ALL}, "id"),
        State("page", "data"),
    )
    def show(
        path: str | None,
        search: str | None,
        values: list[str | None],
        ids: list[dict[str, str]],
        before: dict[str, Any] | None,
    ) -> tuple[Any, ...]:
        view = _view(path or "/")
        query, content, words = _contents(view, app, _given(search or ""))
        standing = {each["name"]: value for each, value in zip(ids, values, strict=True)}
        is_same = before is not None and before["path"] == view.path and standing == dict(query.chosen)
        controls = dash.no_update if is_same else _controls(view, query)
        page = {"path": view.path, "chosen": dict(query.chosen), "title": _title(view)}
        return controls, content, _heading(view), status(app.warehouse), words, page

    app.clientside_callback(  # type: ignore[no-untyped-call]
        """function(values, ids, page, address) {
            const chosen = Object.fromEntries(ids.map((id, n) => [id.name, values[n]]));
            const same = page && ids.every((id) => (page.chosen[id.name] ?? null) === (chosen[id.name] ?? null));
            if (!page || same || ids.some((id) => chosen[id.name] === undefined || chosen[id.name] === null)) {
                return window.dash_clientside.no_update;
            }
            return "?" + new URLSearchParams(chosen).toString();
        }""",
        Output("address", "search"),
        Input({"type": "choice", "name": ALL}, "value"),
        State({"type": "choice", "name": ALL}, "id"),
        State("page", "data"),
        State("address", "search"),
        prevent_initial_call=True,
    )
    app.clientside_callback(  # type: ignore[no-untyped-call]
        "function(page) { if (page) { document.title = page.title; } return window.dash_clientside.no_update; }",
        Output("page", "modified_timestamp"),
        Input("page", "data"),
    )


def _search(app: Frame) -> None:
    """What is typed into a choice with many values, to those that fit."""

    @app.callback(
        Output({"type": "choice", "name": MATCH}, "data"),
        Input({"type": "choice", "name": MATCH}, "searchValue"),
        State({"type": "choice", "name": MATCH}, "id"),
        State({"type": "choice", "name": MATCH}, "value"),
        State("page", "data"),
        prevent_initial_call=True,
    )
    def find(typed: str | None, of: dict[str, str], value: str | None, page: dict[str, Any] | None) -> Any:
        view = discover().get((page or {}).get("path", ""))
        each = next((f for f in view.filters if f.name == of["name"]), None) if view else None
        if page is None or each is None or each.search is None:
            return dash.no_update
        query = Query(app.warehouse, page["chosen"])
        if value and each.label and typed == each.label(query, value):
            typed = ""
        fitting = each.offered(query, (typed or "")[:200])
        return _data(each, query, value, fitting) if fitting else dash.no_update  # what stands there may be just chosen


def _view(path: str) -> View:
    found = discover()
    return found.get(path.strip("/"), next(iter(found.values())))


def _title(view: View) -> str:
    return f"{view.title} · Tallyrank"


def _given(search: str) -> dict[str, str]:
    """The choices that an address names."""
    return dict(parse_qsl(search[:LONGEST_ADDRESS].removeprefix("?")))


def _contents(view: View, app: Frame, given: Mapping[str, str]) -> tuple[Query, list[Component], str]:
    """What was chosen, the page's components, and a line for screen readers; trouble is told in words."""
    try:
        query, complaints = choose(view, app.warehouse, given, app.labels)
        blocks = [*map(Note, complaints), *view.blocks(query)]
        drawn = [component(block, view.path, query.chosen) for block in blocks]
        chosen = ", ".join(shown(value) for value in query.chosen.values())
        return query, drawn, f"{view.title}: {chosen or 'everything'}"
    except NoWarehouse as error:
        words = str(error)
    except duckdb.CatalogException:
        log.exception("page %s", view.path)
        words = OLD
    except Exception:  # the last line of defence: a page that fails says so, and the others go on
        log.exception("page %s", view.path)
        words = "This page cannot be shown: something unexpected happened, and the log of the web app says what."
    return Query(app.warehouse), [note(Note(words, is_alarm=True))], words


def _heading(view: View) -> list[Component]:
    return [html.H1(view.title), html.P(view.question, className="question")]


def _controls(view: View, query: Query) -> list[Component]:
    """A select for each filter that has something to choose."""
    return [_control(each, query) for each in view.filters if query[each.name]]


def _control(each: Filter, query: Query) -> Component:
    value = query[each.name]
    made: Component = dmc.Select(
        id={"type": "choice", "name": each.name},
        label=each.title,
        data=_data(each, query, value, each.offered(query)),
        value=value,
        searchable=True,
        allowDeselect=False,
        debounce=200 if each.search else False,
        nothingFoundMessage="Nothing fits",
        maxDropdownHeight=320,
        className="choice wide" if each.search else "choice",
    )
    return made


def _data(each: Filter, query: Query, value: str | None, found: Options) -> list[dict[str, str]]:
    """The values to choose from, always with the one that stands there."""
    options = dict(found)
    if value and each.label and value not in options:
        options[value] = each.label(query, value) or value
    return [{"value": v, "label": shown(words, LONGEST_CHOICE)} for v, words in options.items()]


def _first_words(view: View, app: Frame, given: Mapping[str, str]) -> str:
    """The page's question and first lines as plain HTML."""
    try:
        lines: Sequence[str] = [
            *failures(app.warehouse),
            *view.summary(choose(view, app.warehouse, given, app.labels)[0]),
        ]
    except (TallyrankError, duckdb.Error) as error:
        lines = [str(error) if isinstance(error, TallyrankError) else OLD]
    found = "".join(f"<li>{escape(shown(line, LONGEST))}</li>" for line in lines)
    heading = f"<h1>{escape(view.title)}</h1><p class='question'>{escape(view.question)}</p>"
    return (
        f'<main class="first">{heading}<ul>{found}</ul><p>The charts are being drawn; they need JavaScript.</p></main>'
    )


def _csv(app: Frame, path: str, name: str) -> flask.Response:
    """The data of one block of a page, with the choices that the address names."""
    view = discover().get(path)
    if view is None:
        return flask.Response("There is no such page.\n", 404, mimetype="text/plain")
    try:
        query, _ = choose(view, app.warehouse, flask.request.args.to_dict(), app.labels)
        found = [b for b in view.blocks(query) if isinstance(b, (Chart, Table)) and b.id == name]
    except (TallyrankError, duckdb.Error):
        log.exception("csv %s %s", path, name)
        return flask.Response("The data cannot be read; the log of the web app says why.\n", 503, mimetype="text/plain")
    if not found:
        return flask.Response("There is no such table on this page.\n", 404, mimetype="text/plain")
    headers = {"Content-Disposition": f"attachment; filename=tallyrank-{view.path}-{found[0].id}.csv"}
    return flask.Response(to_csv(found[0].data), headers=headers, content_type="text/csv; charset=utf-8")
