"""The curves of table `virality` as rows: how much of its votes a post has at which age."""

from __future__ import annotations

from typing import Any

from pipelines.evidence.table import REAL, TEXT, WHOLE, ModelTable, Rows, rows_of
from pipelines.lake import Lake


def build(lake: Lake) -> Rows:
    """One row per platform, verb and day of age."""
    with lake.connect("virality") as con:
        return [row for pair in rows_of(con, "virality") if pair["curve_days"] for row in _rows(pair)]


def _rows(pair: dict[str, Any]) -> Rows:
    curve = zip(*(pair[f"curve_{name}"] for name in ("days", "median", "q1", "q3")), strict=True)
    who = {"platform": pair["platform"], "verb": pair["verb"], "n_posts": pair["n_curve"]}
    horizon = int(pair["curve_days"][-1])
    return [
        who | {"horizon_days": horizon, "age_days": int(age), "share_median": median, "share_q1": q1, "share_q3": q3}
        for age, median, q1, q3 in curve
    ]


COLUMNS: dict[str, Any] = {
    "platform": (TEXT, "Where the votes were cast."),
    "verb": (TEXT, "What people did."),
    "age_days": (WHOLE, "Days since publication."),
    "horizon_days": (WHOLE, "The age whose votes count as all: the longest to which enough posts were followed."),
    "share_median": (REAL, "Median over posts of the share of those votes that were there at this age."),
    "share_q1": (REAL, "A quarter of the posts had less."),
    "share_q3": (REAL, "A quarter of the posts had more."),
    "n_posts": (WHOLE, "Posts followed so long, with votes."),
}
TABLE = ModelTable(
    "virality_curve",
    "How much of its votes a post has at which age. One row per platform, verb and day of age; platforms without "
    "enough posts that were followed for a week have none.",
    COLUMNS,
    ("virality",),
    build,
)
