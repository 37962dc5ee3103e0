"""What each weekday and time of day is worth: the surfaces of table `best_time_summary` as rows."""

from __future__ import annotations

from math import exp
from typing import Any

from models.best_time.design import HOURS, PARTS
from pipelines.evidence.best_time_summary import QUESTION, UNITS
from pipelines.evidence.table import REAL, WHOLE, ModelTable, Rows, rows_of
from pipelines.lake import Lake


def build(lake: Lake) -> Rows:
    """One row per question that could be asked, weekday and time of day."""
    with lake.connect("best_time_summary") as con:
        return [row for asked in rows_of(con, "best_time_summary") if asked["effects"] for row in _rows(asked)]


def _rows(asked: dict[str, Any]) -> Rows:
    who = {name: asked[name] for name in QUESTION}
    surface = zip(*(asked[name] for name in ("posts", "effects", "effects_low", "effects_high")), strict=True)
    return [
        who | {
            "weekday": cell // PARTS + 1, "hour": cell % PARTS * HOURS, "n_posts": int(n), "effect": effect,
            "effect_low": low, "effect_high": high, "factor": exp(effect) if asked["unit"] == UNITS["votes"] else None,
        }
        for cell, (n, effect, low, high) in enumerate(surface)
    ]  # fmt: skip


COLUMNS: dict[str, Any] = QUESTION | {
    "weekday": (WHOLE, "1 is Monday, 7 is Sunday."),
    "hour": (WHOLE, f"First hour (0 to 23) of {HOURS} hours: single hours hold too few posts."),
    "n_posts": (WHOLE, "Posts published then; with few or none, the effect leans on its weekday and time of day."),
    "effect": (
        REAL,
        "What this time is worth against the average time of the posts: log of votes, or positions; plus is better. "
        "Partially pooled, so small cells are drawn towards 0.",
    ),
    "effect_low": (REAL, "Lower end of its 95 % interval."),
    "effect_high": (REAL, "Upper end of its 95 % interval."),
    "factor": (REAL, "The effect on votes as a factor, 1 is the average time; NULL for search."),
}
TABLE = ModelTable(
    "best_time",
    "Best time to publish, weekday by weekday and time by time. One row per question of best_time_summary that could "
    "be asked, weekday and hour. Read the answer there first: without a detectable difference, the best of these is "
    "luck.",
    COLUMNS,
    ("best_time_summary",),
    build,
)
