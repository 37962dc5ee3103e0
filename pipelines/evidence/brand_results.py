"""Brand queries: every result of the first fifty with its label, and whether its votes are rising.

Search Console is left out: its lists hold pages of our own sites only, so all of its "page one" would be ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from math import floor
from typing import Any, NamedTuple
from urllib.parse import unquote

from pipelines import project
from pipelines.evidence.table import DAY, FLAG, REAL, TEXT, WHOLE, ModelTable, Rows, rows_of
from pipelines.labels import same_query
from pipelines.lake import Lake

READS = ("keyword_series", "keyword_days", "page_votes", "page_labels")
DEPTH = 50  # results looked at
PAGE_ONE = 10  # results on page one
WINDOW_DAYS = 7
CLEAR = 0.2  # polarity from which on words suggest something; between are the faint ones ("new", "first")
RESULTS = f"""
    WITH watched AS (
        SELECT b.brand, s.series_id, b.query
        FROM keyword_series s JOIN brands b ON b.query = s.keyword
        WHERE s.rank_kind <> 'average'
    ),
    results AS (
        SELECT d.series_id, w.brand, w.query, d.day, d.page_key, d.url, d.position
        FROM keyword_days d JOIN watched w USING (series_id)
        WHERE d.is_found AND d.position < {DEPTH} + 0.5
    ),
    gained AS (
        SELECT r.page_key, r.day, v.platform, v.verb, sum(v.change) AS change
        FROM (SELECT DISTINCT page_key, day FROM results) r
        JOIN page_votes v ON v.page_key = r.page_key AND v.day <= r.day AND v.day > r.day - {WINDOW_DAYS}
        WHERE v.change IS NOT NULL
        GROUP BY ALL
    ),
    rising AS (
        SELECT
            page_key, day, count(DISTINCT platform) FILTER (change > 0) AS n_platforms_rising,
            string_agg(platform || ' ' || verb, ', ' ORDER BY platform, verb) FILTER (change > 0) AS rising
        FROM gained GROUP BY ALL
    )
    SELECT r.*, coalesce(l.label, e.label) AS label, g.n_platforms_rising, g.rising
    FROM results r
    LEFT JOIN page_labels l ON l.page_key = r.page_key AND l.query = r.query
    LEFT JOIN page_labels e ON e.page_key = r.page_key AND e.query IS NULL
    LEFT JOIN rising g ON g.page_key = r.page_key AND g.day = r.day
"""


class Suggestion(NamedTuple):
    """A label that words suggest (None: they suggest nothing clear) and their polarity (None: no word that has one)."""

    label: str | None
    score: float | None


def build(lake: Lake) -> Rows:
    """One row per brand, series of one of its queries, day and page."""
    with lake.connect(*READS) as con:
        con.execute("CREATE TABLE brands (brand VARCHAR, query VARCHAR)")
        for pair in queries(project.load(lake.root).brands):
            con.execute("INSERT INTO brands VALUES (?, ?)", pair)
        rows = rows_of(con, f"({RESULTS})")
    suggested = {key: suggest(key) for key in {row["page_key"] for row in rows}}
    return [row | _judged(row, suggested[row["page_key"]]) for row in rows]


def queries(brands: Iterable[project.Brand]) -> list[tuple[str, str]]:
    """Every brand with each of its queries, written as keywords are in the tables."""
    return list(dict.fromkeys((brand.name, same_query(query)) for brand in brands for query in brand.queries))


def _judged(row: dict[str, Any], suggestion: Suggestion) -> dict[str, Any]:
    is_page_one = floor(row["position"] + 0.5) <= PAGE_ONE
    return {
        "is_page_one": is_page_one, "suggestion": suggestion.label, "suggestion_score": suggestion.score,
        "is_warning": row["label"] == "hostile" and not is_page_one and bool(row["n_platforms_rising"]),
    }  # fmt: skip


def suggest(key: str) -> Suggestion:
    """What the English words of an address suggest, by the lexicon of TextBlob's PatternAnalyzer."""
    from textblob.en.sentiments import PatternAnalyzer  # takes a second to import, so not when the program starts

    found = PatternAnalyzer().analyze(words_of(key), keep_assessments=True)
    if not found.assessments:
        return Suggestion(None, None)
    score = float(found.polarity)
    return Suggestion("hostile" if score <= -CLEAR else "friendly" if score >= CLEAR else None, score)


def words_of(key: str) -> str:
    """The words in the path of an address: `x.com/acme-is%20bad?id=7` says "acme is bad"."""
    path = unquote(key.partition("/")[2].partition("?")[0])
    return " ".join(re.findall(r"[^\W\d_]+", path)).lower()


COLUMNS: dict[str, Any] = {
    "series_id": (WHOLE, "The series, as in keyword_series."),
    "brand": (TEXT, "The brand, as the project file names it."),
    "query": (TEXT, "The brand query, in lower case with single spaces."),
    "day": (DAY, "Day of the result list (UTC)."),
    "page_key": (TEXT, "Join key of the page."),
    "url": (TEXT, "Its address as the source wrote it."),
    "position": (REAL, "Its position, 1 is best; the first fifty are here."),
    "is_page_one": (FLAG, "Whether it is among the first ten."),
    "label": (TEXT, "owned, friendly, neutral or hostile, as it is labelled now; NULL when nobody labelled it."),
    "n_platforms_rising": (
        WHOLE,
        "Platforms on which it gained votes in the seven days up to and with this one; NULL when no change is known.",
    ),
    "rising": (TEXT, "Those platforms and verbs, each counted for itself; NULL when none is known to rise."),
    "suggestion": (
        TEXT,
        "hostile or friendly, where the English words of the address sound so: a hint for whoever sets labels, never "
        "used as one. NULL when they say nothing clear.",
    ),
    "suggestion_score": (REAL, "Polarity of these words from -1 to 1 (TextBlob); NULL when none of them is known."),
    "is_warning": (FLAG, "Early warning: hostile, not on page one yet, and its votes are rising."),
}  # fmt: skip
TABLE = ModelTable(
    "brand_results",
    "Reputation: the first fifty results of every brand query (project.yaml, brands), day by day, with labels "
    "and early warnings. One row per brand, series, day and page. Averages of Search Console are left out: they show "
    "our own pages only.",
    COLUMNS,
    READS,
    build,
)
