"""Reputation: whose page one is it when people search for a brand, and what is on its way there?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from dash import Dash, html

from connectors.errors import TallyrankError
from dashboards import words
from dashboards.safe import shown
from dashboards.web.common import SPAN, since
from dashboards.web.labels import COMMAND, Labels
from dashboards.web.reputation import form as label_form
from dashboards.web.reputation.charts import highest, shares
from dashboards.web.reputation.data import (
    ABOUT_ALL,
    PAGE_ONE,
    Row,
    days_of,
    history,
    newest,
    of_series,
    series_of,
    warnings,
)
from dashboards.web.series import NAME, SETTING
from dashboards.web.view import Block, Filter, Note, Part, Query, Table, View, link
from dashboards.web.warehouse import Warehouse

BRANDS = "SELECT DISTINCT brand FROM reputation_days ORDER BY brand"
QUERIES = f"""
    SELECT DISTINCT {NAME} AS id, query || ' · ' || {SETTING} AS label, n_lists
    FROM reputation_days JOIN keyword_series USING (series_id) WHERE brand = ? ORDER BY n_lists DESC, label
"""
LONGEST, MOST_NAMED = 120, 3  # characters, warnings
EXAMPLE = """brands:
  - name: Acme
    queries: [acme, acme reviews]
    friendly: [partner.example]"""


def blocks(query: Query) -> Sequence[Block]:
    """Warnings, the answer, shares, the highest hostile result, the list now, the form, and who labelled what."""
    series = series_of(query)
    if series is None:
        return _nothing_yet()
    rows, days = newest(query), days_of(query, series, since(query, series["last_day"]))
    warned = warnings(rows)
    form = label_form.form(query, rows, series)
    return [
        *([Note(_warning(warned), is_alarm=True), _warnings(warned)] if warned else []),
        *(Note(line) for line in _answer(series, days)),
        shares(query, series, days),
        highest(query, series, days),
        _now(rows, series, is_open=form is not None),
        Part(form) if form else Note(f"Labels are set on the command line: {COMMAND}. This page is read-only."),
        *_told(query),
    ]


def _nothing_yet() -> list[Block]:
    yaml = html.Pre(EXAMPLE, tabIndex="0")
    return [
        Note(
            "No result list of a brand query is known yet. Name your brands and what people search for in project.yaml "
            "(in the data folder), as below; then run the sources and analyse. It takes a source of result lists: the "
            "averages of Search Console show your own pages only, so all of page one would be yours."
        ),
        Part(html.Section([html.H2("In project.yaml"), yaml], className="block")),
        Note(f"What a page is, people say: {COMMAND}. Pages of your sites and of a brand's friends are known at once."),
    ]


def _answer(series: Row, days: pd.DataFrame) -> list[str]:
    """What page one looks like on the last day, and where the highest hostile result stands."""
    if days.empty:
        return [f"No list of “{shown(series['query'])}” is known in these days; choose more of them."]
    last = days.iloc[-1]
    n = int(last["n_results"])
    where = f"Page one of “{shown(series['query'])}” on {last['day']:%Y-%m-%d}"
    if not n:
        return [f"{where}: none of its results is known.", _hostile(last)]
    counts = {name: round(last[f"share_{name}"] * n) for name in (*words.LABELS, words.UNLABELLED)}
    parts = [f"{count} {name} ({words.percent(count / n)})" for name, count in counts.items() if count]
    unsaid = " Unlabelled is not neutral: nobody has said what it is." if counts[words.UNLABELLED] else ""
    return [f"{where}: of {n} result{'' if n == 1 else 's'}, {', '.join(parts)}.{unsaid}", _hostile(last)]


def _hostile(last: pd.Series[Any]) -> str:
    if pd.isna(last["hostile_position"]):
        return "No result among the first fifty is labelled hostile. Unlabelled ones may be."
    place = (
        f"The highest hostile result is {shown(last['hostile_url'], LONGEST)} at place {last['hostile_position']:.3g}"
    )
    if not last["days_there"]:
        return f"{place}: below page one."
    there = int(last["days_there"])
    return f"{place}. A hostile result has stood there or higher for {there} list{'' if there == 1 else 's'} in a row."


def _warning(warned: Sequence[Row]) -> str:
    named = "; ".join(
        f"{shown(r['url'], LONGEST)} at place {r['position']:.3g} for “{shown(r['query'])}”"
        for r in warned[:MOST_NAMED]
    )
    more = f"; and {len(warned) - MOST_NAMED} more" if len(warned) > MOST_NAMED else ""
    pages = "a hostile page below page one gains" if len(warned) == 1 else "hostile pages below page one gain"
    return f"Early warning: {pages} votes: {named}{more}."


def _warnings(warned: Sequence[Row]) -> Block:
    data = pd.DataFrame([row | {"address": link("page", page=row["page_key"])} for row in warned])
    columns = {
        "query": "search", "position": "position", "url": "page", "n_platforms_rising": "platforms rising",
        "rising": "where it gains", "day": "list of",
    }  # fmt: skip
    return Table(
        "warnings",
        "Early warnings",
        data,
        "Hostile pages that are not on page one and gained votes in the seven days up to the list, over all searches "
        "for the brand. Gaining votes does not say that they will rise: the Verdicts say what votes do.",
        columns,
        {"url": "address"},
    )


def _now(rows: Sequence[Row], series: Row, *, is_open: bool) -> Table:
    """The newest list with its labels, those of the ledger that wait for the next analysis included."""
    columns = {"position": "position", "url": "page", "said": "label", "by": "set by", "suggested": "a suggestion"}
    columns |= {"n_platforms_rising": "platforms rising"}
    waiting = " Not yet counted: set after the last analysis; the next one counts it." if is_open else ""
    return Table(
        label_form.NOW,
        "The results now",
        of_series(rows, series),
        f"The newest list; page one is its first {PAGE_ONE} places.{waiting} Rising: platforms on which it gained "
        "votes in the seven days before. The suggestion is what the English words of the address sound like to a "
        "lexicon: a hint for whoever sets labels, often wrong, and counted nowhere.",
        columns,
        {"url": "address"},
        "The newest list is empty.",
    )


def _told(query: Query) -> list[Block]:
    """The history of labels; faults of the ledger first."""
    table, faults = _history(query)
    return [*(Note(fault) for fault in faults), table]


def _history(query: Query) -> tuple[Table, Sequence[str]]:
    data, faults = history(query)
    whose = "Every label ever set" if query.labels else "The labels that hold (all: tallyrank label --list)"
    columns = {
        "labelled_at": "set at (UTC)", "url": "page", "label": "label", "query": "for", "author": "by", "note": "note",
        "standing": "standing",
    }  # fmt: skip
    table = Table(
        label_form.HISTORY,
        "Who called what what, and when",
        data,
        f"{whose}, the newest first. One for {ABOUT_ALL} replaces all that was said of the page before; a later one "
        "for a single search holds there alone. Nothing is ever taken out.",
        columns,
        empty="Nobody has labelled a page yet.",
    )
    return table, faults


def _summary(query: Query) -> Sequence[str]:
    series = series_of(query)
    if series is None:
        return ["No result list of a brand query is known yet."]
    warned = warnings(newest(query))
    days = days_of(query, series, since(query, series["last_day"]))
    return [*([_warning(warned)] if warned else []), *_answer(series, days)]


def _brands(query: Query) -> list[tuple[str, str]]:
    return [(r["brand"], r["brand"]) for r in query.rows(BRANDS)]


def _queries(query: Query) -> list[tuple[str, str]]:
    return [(r["id"], r["label"]) for r in query.rows(QUERIES, query["brand"])]


def _callbacks(app: Dash, warehouse: Warehouse, labels: Labels | None) -> None:
    """The form's Save; what it changes on the page is drawn anew."""
    label_form.connect(app, warehouse, labels, _redrawn)


def _redrawn(query: Query) -> tuple[Table, Table]:
    series = series_of(query)
    if series is None:
        raise TallyrankError("the search is not in the data any more; load the page anew")
    return _now(newest(query), series, is_open=True), _history(query)[0]


VIEW = View(
    "reputation",
    "Reputation",
    "When people search for the brand, whose page one is it, and what hostile page is on its way there?",
    60,
    blocks,
    (Filter("brand", "Brand", _brands), Filter("query", "Search", _queries), SPAN),
    _summary,
    _callbacks,
)
