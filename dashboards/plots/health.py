"""A picture of how reading went, source by source and day by day, as PNG."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from dashboards.plots.drawing import blank, plain, png
from dashboards.words import ACCENT, SECOND, Row

DAYS = 28
STATES = {"read well": ACCENT, "partly failed": "#f0b35a", "failed": SECOND, "not read": "#e6e9ee"}
WELL, PARTLY, FAILED, NOT_READ = range(len(STATES))
INK = ("white", "#1a202c", "white", "#1a202c")
MARKS = {PARTLY: "!", FAILED: "✗"}  # colour alone does not reach everybody


def state(row: Row) -> int:
    """How a day of a stream went, as an index of STATES."""
    if row["is_failed"]:
        return FAILED
    return PARTLY if row["n_failed"] + row["n_failed_readings"] > 0 else WELL


def health_png(rows: Sequence[Row]) -> bytes:
    """The last 28 days that were read, one line per source and stream; a day that was not read is left pale."""
    if not rows:
        return b""
    last = max(row["day"] for row in rows)
    days = [last - timedelta(days=n) for n in reversed(range(DAYS))]
    names = sorted({(row["connector"], row["stream"]) for row in rows})
    figure, ((axes,),) = blank(9, 1.5 + 0.26 * len(names))
    _fill(axes, _grid(rows, names, days))
    axes.set_yticks([n + 0.5 for n in range(len(names))], [plain("/".join(name)) for name in names], fontsize=8)
    axes.set_xticks([n + 0.5 for n in range(0, DAYS, 7)], [f"{day:%d %b %Y}" for day in days[::7]], fontsize=8)
    return png(figure)


def _grid(rows: Sequence[Row], names: Sequence[tuple[str, str]], days: Sequence[date]) -> list[list[int]]:
    """State (n_names, n_days)."""
    found = {(row["connector"], row["stream"], row["day"]): state(row) for row in rows}
    return [[found.get((*name, day), NOT_READ) for day in days] for name in names]


def _fill(axes: Any, grid: list[list[int]]) -> None:
    """Cells in the colours of their states, with a legend; failures carry a mark too."""
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    colours = ListedColormap(list(STATES.values()))
    axes.pcolormesh(grid, cmap=colours, vmin=-0.5, vmax=NOT_READ + 0.5, edgecolors="white", linewidth=1)
    for tick in (axes.xaxis, axes.yaxis):
        tick.set_tick_params(length=0)
    axes.invert_yaxis()
    for y, line in enumerate(grid):
        for x, value in enumerate(line):
            axes.text(x + 0.5, y + 0.5, MARKS.get(value, ""), ha="center", va="center", color=INK[value], fontsize=8)
    axes.legend(
        [Patch(color=colour) for colour in STATES.values()], list(STATES), ncols=len(STATES), frameon=False,
        loc="lower left", bbox_to_anchor=(0, 1), fontsize=8,
    )  # fmt: skip
    axes.set_frame_on(False)
