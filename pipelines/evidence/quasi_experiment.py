"""Rung 4: do sudden bursts of votes move positions, against like pages of the same list? (models/in_time/bursts.py)"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dashboards.plots.evidence import paths_png
from models.in_time.bursts import MIN_EVENTS, MIN_PAGES, SPAN, Study, study
from models.in_time.panel import Panel
from models.in_time.panel_regression import Contrast
from pipelines.evidence.table import REAL, REALS, TEXT, WHO, WHOLE, ModelTable, Rows
from pipelines.lake import Lake
from pipelines.panels import TABLES, Ranking, panels

Z95 = 1.96


def build(lake: Lake) -> Rows:
    """One row per ranking, platform and verb."""
    return [_row(ranking, platform, verb, panel) for ranking, platform, verb, panel in panels(lake)]


def _row(ranking: Ranking, platform: str, verb: str, panel: Panel | str) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(COLUMNS) | ranking._asdict() | {"platform": platform, "verb": verb}
    if isinstance(panel, str):
        return row | {"why_not": panel}
    found = study(panel)
    if found is None:
        return row | {"why_not": f"fewer than {MIN_EVENTS} bursts in lists, or {MIN_PAGES} pages with one"}
    return row | _figures(found, panel.step_days)


def _figures(found: Study, step_days: int) -> dict[str, Any]:
    (low, high), same = found.after.interval, found.after_same_day
    return {
        "after": found.after.estimate, "after_se": found.after.se, "after_df": float(found.after.df), "after_low": low,
        "after_high": high, "after_same_day": same.estimate, "after_same_day_se": same.se, "p_effect": found.p_effect,
        "p_before": found.p_before, "sign": found.sign, "n_events": found.n_events, "n_pages": found.n_pages,
        "n_keywords": found.n_keywords, "step_days": step_days, "path_first_day": list(range(-SPAN, SPAN + 1)),
        "path": found.path.tolist(), "path_low": (found.path - Z95 * found.path_se).tolist(),
        "path_high": (found.path + Z95 * found.path_se).tolist(),
    }  # fmt: skip


def study_of(row: dict[str, Any]) -> Study | None:
    """The model's answer again from its row, as far as the verdict reads it."""
    import numpy as np

    if row["after"] is None:
        return None
    after = Contrast(row["after"], row["after_se"], row["after_df"])
    same = Contrast(row["after_same_day"], row["after_same_day_se"], row["after_df"])
    p_before = float("nan") if row["p_before"] is None else row["p_before"]
    nothing = np.zeros(0)
    return Study(
        nothing, nothing, after, same, row["p_effect"], row["sign"], p_before, row["n_events"], row["n_pages"],
        row["n_keywords"], nothing,
    )  # fmt: skip


def _draw(rows: Sequence[dict[str, Any]]) -> bytes:
    return paths_png([r for r in rows if r["path"]])


COLUMNS: dict[str, Any] = WHO | {
    "after": (REAL, "Positions gained per doubling of votes in the 14 days after a burst, against matched pages."),
    "after_se": (REAL, "Its standard error, the widest of those clustered on pages, domains and keywords."),
    "after_df": (REAL, "Degrees of freedom of the interval."),
    "after_low": (REAL, "Lower end of the 95 % interval."),
    "after_high": (REAL, "Upper end of the 95 % interval."),
    "after_same_day": (REAL, "The same, against the day of the burst."),
    "after_same_day_se": (REAL, "Its standard error."),
    "p_effect": (REAL, "Two-sided p: positions do not move after bursts (against before, and against the day itself)."),
    "p_before": (REAL, "p: positions stood still in the two weeks before the burst."),
    "sign": (WHOLE, "1 when positions improve after bursts, -1 when they fall."),
    "n_events": (WHOLE, "Bursts x lists."),
    "n_pages": (WHOLE, "Pages that had a burst."),
    "n_keywords": (WHOLE, "Keywords with one."),
    "step_days": (WHOLE, "Days in a step: 1, or 7 where data come once a week."),
    "path_first_day": (REALS, "Step of each entry of the path, relative to the burst."),
    "path": (REALS, "Positions gained per doubling on each step, against matched pages and the week before."),
    "path_low": (REALS, "Lower ends of the 95 % intervals."),
    "path_high": (REALS, "Upper ends of the 95 % intervals."),
    "why_not": (TEXT, "Why there is no answer; NULL where there is one."),
}
TABLE = ModelTable(
    "quasi_experiment",
    "Rung 4, quasi-experiment: do sudden bursts of votes move positions, against like pages of the same lists? "
    "Matched event study with graded dose. One row per engine, kind of position, platform and verb.",
    COLUMNS,
    TABLES,
    build,
    _draw,
)
