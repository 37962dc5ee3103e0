"""The evidence as PNG: correlations, odds, verdicts, and what positions do around votes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dashboards.plots.drawing import blank, gap, plain, png
from dashboards.words import ACCENT, COLOURS, MUTED, deepest, label


def forest_png(rows: Sequence[dict[str, Any]]) -> bytes:
    """Mean rho with its interval for each platform and verb, at the greatest depth."""
    shown = deepest(rows)
    points = [(label(r, rows), r["mean_rho"], r["ci_low"], r["ci_high"]) for r in shown]
    return _intervals_png(points, 0.0, "mean rank correlation within result lists (right: more votes stand higher)")


def odds_png(rows: Sequence[dict[str, Any]]) -> bytes:
    """Odds of outranking a neighbour after a doubling of votes, with intervals; 1 is no difference."""
    points = [(label(r, rows), r["odds"], r["odds_low"], r["odds_high"]) for r in rows]
    return _intervals_png(points, 1.0, "odds of outranking a neighbour after a doubling of votes (1: no difference)")


def verdicts_png(rows: Sequence[dict[str, Any]]) -> bytes:
    """Positions gained per doubling, with intervals, for verdicts that give an estimate."""
    shown = [r for r in rows if r["estimate"] is not None]
    points = [(f"{label(r, rows)}: {r['verdict']}", r["estimate"], r["ci_low"], r["ci_high"]) for r in shown]
    colours = [COLOURS[r["verdict"]] for r in shown]
    return _intervals_png(points, 0.0, "positions gained in the two weeks after votes doubled", colours)


def _intervals_png(
    points: Sequence[tuple[str, float, float | None, float | None]],
    zero: float,
    title: str,
    colours: Sequence[str] = (),
) -> bytes:
    """Points with intervals, one line each, and a dotted line where nothing is found."""
    if not points:
        return b""
    figure, ((axes,),) = blank(8, 1 + 0.32 * len(points))
    places, values = list(range(len(points))), [p[1] for p in points]
    gaps = [[gap(v, low) for _, v, low, _ in points], [gap(high, v) for _, v, _, high in points]]
    axes.errorbar(values, places, xerr=gaps, fmt="none", ecolor=MUTED, capsize=3)
    axes.scatter(values, places, c=list(colours) or ACCENT, zorder=3)
    axes.axvline(zero, color=MUTED, linestyle=":")
    axes.set_yticks(places, [plain(p[0]) for p in points])
    axes.set_xlabel(title)
    return png(figure)


def paths_png(rows: Sequence[dict[str, Any]]) -> bytes:
    """What positions do before and after votes come, one small picture per platform and verb, with 95 % bands."""
    if not rows:
        return b""
    columns = min(3, len(rows))
    lines = -(-len(rows) // columns)
    figure, axes = blank(4 * columns, 2.6 * lines, lines, columns)
    for place, row in zip(axes.ravel(), rows, strict=False):
        days = [d * (row.get("step_days") or 1) for d in row["path_first_day"]]
        low, high, path = (np.array(row[name], dtype=np.float64) for name in ("path_low", "path_high", "path"))
        place.fill_between(days, low, high, color=ACCENT, alpha=0.2, linewidth=0)
        place.plot(days, path, color=ACCENT, marker="o", markersize=3)
        place.axhline(0, color=MUTED, linestyle=":")
        place.axvline(0, color=MUTED, linestyle=":")
        place.set_title(plain(label(row, rows)), fontsize=10)
        place.set_xlabel("days after the votes")
        place.set_ylabel("positions gained")
    for place in axes.ravel()[len(rows) :]:
        place.set_visible(False)
    return png(figure)
