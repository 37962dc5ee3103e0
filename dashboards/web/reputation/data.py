"""What the Reputation page shows, read from the warehouse and, where labels can be set, from their ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pandas as pd

from dashboards.web.labels import Entry
from dashboards.web.series import NAME
from dashboards.web.view import Query, link
from dashboards.words import UNLABELLED

Row = dict[str, Any]
PAGE_ONE = 10
SERIES = f"""
    SELECT s.*, r.brand, r.query FROM (SELECT *, {NAME} AS name FROM keyword_series) s
    JOIN (SELECT DISTINCT series_id, brand, query FROM reputation_days) r USING (series_id)
    WHERE r.brand = ? AND s.name = ?
"""
DAYS = "SELECT * FROM reputation_days WHERE brand = ? AND series_id = ? AND day >= ? ORDER BY day"
NEWEST = """
    SELECT r.*, p.author, p.labelled_at, p.note, p.origin
    FROM (FROM brand_results QUALIFY day = max(day) OVER (PARTITION BY brand, series_id)) r
    LEFT JOIN page_labels p ON p.page_key = r.page_key AND (p.query = r.query OR p.query IS NULL)
    WHERE r.brand = ?
    QUALIFY row_number() OVER (PARTITION BY r.series_id, r.page_key ORDER BY p.query NULLS LAST) = 1
    ORDER BY r.query, r.series_id, r.position
"""
HELD = """
    SELECT
        l.labelled_at, coalesce(p.url, l.page_key) AS url, l.page_key, l.label, l.query, l.author,
        coalesce(l.note, '') AS note
    FROM page_labels l LEFT JOIN pages p USING (page_key) WHERE l.origin = 'person' ORDER BY labelled_at DESC
"""
HISTORY = ("labelled_at", "url", "label", "query", "author", "note", "standing", "page_key")
ABOUT_ALL = "every brand query"


def series_of(query: Query) -> Row | None:
    """The series that was chosen, with its brand and query; None where there is none."""
    found = query.rows(SERIES, query["brand"], query["query"])
    return found[0] if found else None


def days_of(query: Query, series: Row, first: date) -> pd.DataFrame:
    """Page one day by day."""
    return query.frame(DAYS, series["brand"], series["series_id"], first)


def newest(query: Query) -> list[Row]:
    """The results of the newest list of each series of the brand, each with the label that holds now.

    `label` and who set it are those of the ledger where it is newer than the warehouse; `is_counted` is then False.
    """
    rows = query.rows(NEWEST, query["brand"])
    holding = query.labels.latest() if query.labels else {}
    return [_with_ledger(row, holding) for row in rows]


def _with_ledger(row: Row, holding: Mapping[tuple[str, str | None], Entry]) -> Row:
    said = holding.get((row["page_key"], row["query"])) or holding.get((row["page_key"], None))
    if said is None or said.labelled_at == row["labelled_at"]:
        return row | {"is_counted": row["label"] is not None}
    told = {"label": said.label, "author": said.author, "labelled_at": said.labelled_at, "note": said.note or None}
    return row | told | {"origin": "person", "is_counted": False}


def of_series(rows: Sequence[Row], series: Row) -> pd.DataFrame:
    """The newest list of one series for people: labels in words, by whom and when, and what is only suggested."""
    mine = [row for row in rows if row["series_id"] == series["series_id"]]
    shown = [row | _in_words(row) | {"address": link("page", page=row["page_key"])} for row in mine]
    return pd.DataFrame(shown, columns=[*(mine[0] if mine else ()), "said", "by", "suggested", "address"])


def _in_words(row: Row) -> dict[str, str]:
    label = row["label"] or UNLABELLED
    waits = row["label"] and not row["is_counted"]
    return {
        "said": f"{label}, not yet counted" if waits else label,
        "by": _by(row),
        "suggested": f"sounds {row['suggestion']}, not used" if row["suggestion"] else "nothing clear",
    }


def _by(row: Row) -> str:
    if row["label"] is None:
        return "nobody yet"
    if row["author"] is None or row["labelled_at"] is None:
        return "the project file"
    return f"{row['author']}, {row['labelled_at']:%Y-%m-%d %H:%M} UTC"


def warnings(rows: Sequence[Row]) -> list[Row]:
    """Hostile pages below page one whose votes rise, as the last analysis counted them."""
    return [row for row in rows if row["is_warning"]]


def history(query: Query) -> tuple[pd.DataFrame, Sequence[str]]:
    """Every label ever set, the newest first, and faults of the ledger; without the ledger, those that were counted."""
    if query.labels is None:
        rows = [row | {"standing": "holds", "query": row["query"] or ABOUT_ALL} for row in query.rows(HELD)]
        return pd.DataFrame(rows, columns=list(HISTORY)), ()
    entries, faults = query.labels.read()
    holding = {(e.page_key, e.query, e.labelled_at) for e in query.labels.latest().values()}
    rows = [_entry(e, (e.page_key, e.query, e.labelled_at) in holding) for e in reversed(entries)]
    return pd.DataFrame(rows, columns=list(HISTORY)), faults


def _entry(entry: Entry, is_holding: bool) -> Row:
    return {
        "labelled_at": entry.labelled_at, "url": entry.url, "label": entry.label, "query": entry.query or ABOUT_ALL,
        "author": entry.author, "note": entry.note, "standing": "holds" if is_holding else "replaced since",
        "page_key": entry.page_key,
    }  # fmt: skip
