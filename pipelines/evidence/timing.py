"""Rung 3: do votes move before positions, or after? (models/in_time/timing.py, models/guards/placebo.py)"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dashboards.plots.evidence import paths_png
from models.guards.placebo import Placebos, placebos
from models.in_time.direction import direction
from models.in_time.panel import Panel
from models.in_time.panel_regression import Contrast
from models.in_time.timing import FIRST_DAY, NAMES, Timing, timing, usable_rows, why_not
from pipelines.evidence.table import REAL, REALS, TEXT, WHO, WHOLE, ModelTable, Rows
from pipelines.lake import Lake
from pipelines.panels import ACROSS, TABLES, Ranking, panels

MOST_ROWS_OF_PLACEBOS = 300_000
CONTRASTS = {
    "after": "Positions gained per doubling of votes in the 14 days after they came, against the 7 days before",
    "after_same_day": "The same, against the very day on which votes came",
    "after_long_before": "The same, against the time long before votes came",
    "same_day": "Positions gained on the day on which votes came, against the 7 days before",
}
FIGURES = {
    "p_forward": "Two-sided p: positions do not move after votes (both contrasts must).",
    "p_leads": "p: positions stood still in the 7 days before votes came (the joint test of the leads).",
    "p_same_day": "p: positions do not move on the day on which votes come.",
    "p_backward": "One-sided p: votes do not follow positions.",
    "lead_share": "Largest lead as a share of the effect; below a quarter it does not spoil it.",
    "placebo_share": "Share of placebos at least as large as the estimate.",
    "placebo_shuffled": "The same, of votes shuffled in the list.",
    "placebo_unrelated": "The same, of votes of pages of unrelated keywords.",
    "placebo_dates": "The same, of votes moved to fake dates.",
    "placebo_future": "1 if the votes of the week still to come do as well, else 0.",
}
COUNTS = {
    "sign": "1 when positions improve after votes, -1 when they fall.",
    "lag": "Steps from votes to the jump of positions, looked for where p_forward is below 5 %; NULL elsewhere.",
    "n_placebos": "Placebos tried.",
    "n_rows": "Page-days that the estimate rests on.",
    "n_pages": "Pages that gained votes.",
    "n_keywords": "Keywords (with country, language, device).",
    "n_steps": "Days (or weeks) with everything known around them.",
    "step_days": "Days in a step: 1, or 7 where data come once a week.",
}


def _contrast_columns() -> dict[str, Any]:
    parts = {
        "": ".",
        "_se": ": standard error, the widest of those clustered on pages, domains and keywords.",
        "_df": ": degrees of freedom of the interval.",
        "_classical_se": ": standard error if rows were independent, for measures of sensitivity.",
        "_low": ": lower end of the 95 % interval.",
        "_high": ": upper end of the 95 % interval.",
    }
    return {f"{n}{part}": (REAL, f"{c}{words}") for n, c in CONTRASTS.items() for part, words in parts.items()}


def build(lake: Lake) -> Rows:
    """One row per ranking, platform and verb."""
    return [_row(ranking, platform, verb, panel) for ranking, platform, verb, panel in panels(lake)]


def _row(ranking: Ranking, platform: str, verb: str, panel: Panel | str) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(COLUMNS) | ranking._asdict() | {"platform": platform, "verb": verb}
    row |= {"direction": "unknown", "path_first_day": list(FIRST_DAY.values())}
    if isinstance(panel, str):
        return row | {"why_not": panel}
    found = timing(panel)
    row |= {"step_days": panel.step_days}
    if found is None:
        return row | {"why_not": (why_not(panel) or "votes, or positions, hardly vary") + _cuts(panel)}
    return row | _figures(found) | _placebos(panel, found) | {"direction": direction(found)}


def _cuts(panel: Panel) -> str:
    """What the calendar of breaks has to do with it, as the end of a sentence."""
    cuts = np.unique(panel.segment).size - 1
    if not cuts:
        return ""
    return (
        f"; the calendar of breaks cuts these days {cuts} time{'s' if cuts > 1 else ''}, and nothing is compared "
        f"across a cut (to look across, set {ACROSS} to the names of breaks in breaks.yaml, or to all)"
    )


def _figures(found: Timing) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name in CONTRASTS:
        c: Contrast = getattr(found, name)
        low, high = c.interval
        row |= {name: c.estimate, f"{name}_se": c.se, f"{name}_df": float(c.df), f"{name}_classical_se": c.classical_se}
        row |= {f"{name}_low": low, f"{name}_high": high}
    path = [found.path[name] for name in NAMES]
    row |= {"path": [c.estimate for c in path], "path_low": [c.interval[0] for c in path]}
    row |= {"path_high": [c.interval[1] for c in path], "n_free": found.after.n_free}
    named = ("p_forward", "p_leads", "p_same_day", "p_backward", "lead_share", "sign", "lag", "n_rows", "n_pages")
    return row | {name: getattr(found, name) for name in (*named, "n_keywords", "n_steps")}


def _placebos(panel: Panel, found: Timing) -> dict[str, Any]:
    sample = panel if panel.keyword.size <= MOST_ROWS_OF_PLACEBOS else _sample(panel)
    real = found if sample is panel else timing(sample)
    if real is None:
        return {}
    tried = placebos(sample, usable_rows(sample), real)
    kinds = {"placebo_shuffled": "shuffled in the list", "placebo_unrelated": "unrelated keyword"}
    kinds |= {"placebo_dates": "fake dates", "placebo_future": "future votes"}
    by_kind = {column: tried.by_kind[kind] for column, kind in kinds.items()}
    return {"placebo_share": tried.share, "n_placebos": tried.n} | by_kind


def _sample(panel: Panel) -> Panel:
    """Whole keywords in hashed order, up to the rows that placebos are worth."""
    from dataclasses import replace

    n = np.bincount(panel.keyword)
    order = np.random.default_rng(0).permutation(n.size)
    kept = np.zeros(n.size, dtype=bool)
    kept[order[np.cumsum(n[order]) <= MOST_ROWS_OF_PLACEBOS]] = True
    rows = kept[panel.keyword]
    columns = {name: getattr(panel, name)[rows] for name in ("keyword", "page", "step", "position")}
    return replace(panel, **columns)


def timing_of(row: dict[str, Any]) -> Timing | None:
    """The model's answer again from its row."""
    if row["after"] is None:
        return None
    # the path keeps its estimates; its intervals stand in the table
    path = {name: Contrast(value, float("nan"), 1) for name, value in zip(NAMES, row["path"], strict=True)}
    after, after_same_day, after_long, same_day = (_contrast(row, name) for name in CONTRASTS)
    return Timing(
        path, after, after_same_day, after_long, same_day, p_forward=_number(row["p_forward"]), sign=row["sign"],
        p_leads=_number(row["p_leads"]), p_same_day=_number(row["p_same_day"]), p_backward=_number(row["p_backward"]),
        lead_share=_number(row["lead_share"]), n_rows=row["n_rows"], n_pages=row["n_pages"],
        n_keywords=row["n_keywords"], n_steps=row["n_steps"], lag=row["lag"],
    )  # fmt: skip


def _contrast(row: dict[str, Any], name: str) -> Contrast:
    plain = _number(row[f"{name}_classical_se"])
    return Contrast(row[name], row[f"{name}_se"], row[f"{name}_df"], plain, row["n_free"])


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def placebos_of(row: dict[str, Any]) -> Placebos | None:
    """The placebos again from a row."""
    return None if row["placebo_share"] is None else Placebos(row["placebo_share"], {}, row["n_placebos"])


def _draw(rows: Sequence[dict[str, Any]]) -> bytes:
    return paths_png([r for r in rows if r["path"]])


COLUMNS: dict[str, Any] = (
    WHO
    | {
        "direction": (
            TEXT,
            "votes_lead, positions_lead, simultaneous, neither or unknown, before all pairs are weighed.",
        )
    }
    | _contrast_columns()
    | {name: (REAL, words) for name, words in FIGURES.items()}
    | {name: (WHOLE, words) for name, words in COUNTS.items()}
    | {
        "n_free": (WHOLE, "Degrees of freedom if rows were independent."),
        "path_first_day": (REALS, "First day of each window of the path, relative to the votes, in steps."),
        "path": (REALS, "Positions gained per doubling in each window, against the time long before the votes."),
        "path_low": (REALS, "Lower ends of the 95 % intervals."),
        "path_high": (REALS, "Upper ends of the 95 % intervals."),
        "why_not": (TEXT, "Why there is no answer; NULL where there is one."),
    }
)
TABLE = ModelTable(
    "timing",
    "Rung 3, timing: do votes move before positions, or after? Page x keyword and keyword x day fixed effects, "
    "distributed lags and leads in both directions. One row per engine, kind of position, platform and verb.",
    COLUMNS,
    TABLES,
    build,
    _draw,
)
