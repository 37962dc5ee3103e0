"""Brand queries day by day: whose page one is it, and how long has the highest hostile result been there?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from dashboards.words import LABELS, UNLABELLED
from pipelines.evidence.brand_results import DEPTH
from pipelines.evidence.table import DAY, REAL, TEXT, WHOLE, ModelTable, Rows, rows_of
from pipelines.lake import Lake

READS = ("brand_results",)
WHICH = itemgetter("series_id", "brand", "query")  # as brand_results are ordered
Result = dict[str, Any]


def build(lake: Lake) -> Rows:
    """One row per brand, series of one of its queries and day with a list."""
    with lake.connect(*READS) as con:
        results = rows_of(con, "brand_results")
    return [row for which, some in groupby(results, WHICH) for row in _days(which, list(some))]


def _days(which: tuple[Any, ...], results: Sequence[Result]) -> Iterator[dict[str, Any]]:
    """The days of one series, with the lists in a row that held a hostile result on page one at least as high."""
    spans: list[tuple[float, int]] = []
    for day, some in groupby(results, itemgetter("day")):
        found = list(some)
        hostile = [r for r in found if r["label"] == "hostile"]
        on_page_one = [r["position"] for r in hostile if r["is_page_one"]]
        spans = _with(spans, min(on_page_one)) if on_page_one else []
        yield dict(zip(("series_id", "brand", "query"), which, strict=True)) | {
            "day": day, **_shares([r for r in found if r["is_page_one"]]), **_highest(hostile),
            "days_there": spans[-1][1] if spans else 0, "n_warnings": sum(r["is_warning"] for r in found),
        }  # fmt: skip


def _with(spans: list[tuple[float, int]], position: float) -> list[tuple[float, int]]:
    """The spans after one more list whose highest hostile result stands at `position`.

    A span is a position and the lists in a row, up to the next span, with a result at or above it. The new list takes
    over the spans of all lists before it that stood no lower (the "stock span", one step per list over all).
    """
    n_lists = 1
    while spans and spans[-1][0] <= position:
        n_lists += spans.pop()[1]
    return [*spans, (position, n_lists)]


def _shares(page_one: Sequence[Result]) -> dict[str, Any]:
    """Of the results on page one, the share with each label; unknown where there is none."""
    n = len(page_one)
    labels = [r["label"] for r in page_one]
    shares = {name: labels.count(label) / n if n else None for name, label in zip(SHARES, (*LABELS, None), strict=True)}
    return {"n_results": n} | shares


def _highest(hostile: Sequence[Result]) -> dict[str, Any]:
    first = min(hostile, key=itemgetter("position"), default=None)
    return {"hostile_position": first and first["position"], "hostile_url": first and first["url"]}


SHARES = tuple(f"share_{label}" for label in (*LABELS, UNLABELLED))
COLUMNS: dict[str, Any] = {
    "series_id": (WHOLE, "The series, as in keyword_series."),
    "brand": (TEXT, "The brand, as the project file names it."),
    "query": (TEXT, "The brand query, in lower case with single spaces."),
    "day": (DAY, "Day of the result list (UTC); days without a list have no row."),
    "n_results": (WHOLE, "Results on page one (the first ten)."),
    "share_owned": (REAL, "Share of them that is ours; NULL when there are none."),
    "share_friendly": (REAL, "Share of them that speaks well of the brand."),
    "share_neutral": (REAL, "Share of them labelled neutral."),
    "share_hostile": (REAL, "Share of them that is hostile."),
    "share_unlabelled": (REAL, "Share of them that nobody has labelled."),
    "hostile_position": (REAL, f"Position of the highest hostile result; NULL when none is among the first {DEPTH}."),
    "hostile_url": (TEXT, "Its address."),
    "days_there": (
        WHOLE,
        "Lists in a row, up to this day, with a hostile result on page one at or above hostile_position; 0 when "
        "none is on page one. One list a day counts, and a day without a list neither counts nor ends the row.",
    ),
    "n_warnings": (WHOLE, "Early warnings: hostile results below page one whose votes are rising."),
}  # fmt: skip
TABLE = ModelTable(
    "reputation_days",
    "Reputation: page one of every brand query day by day, by label, and the highest hostile result. Labels are "
    "those of now, also for days before they were set. One row per brand, series and day.",
    COLUMNS,
    READS,
    build,
)
