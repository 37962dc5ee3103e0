"""The pictures of a mail as PNG: few words (they stand in the text), solid white, large enough for a phone."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Sequence
from datetime import date
from functools import cache
from itertools import pairwise
from math import ceil
from typing import Any

from dashboards.safe import shown
from dashboards.words import ACCENT, COLOURS, MUTED, Row, is_known, label

WIDTH, DOTS = 5.2, 220  # inches and dots per inch: sharp at twice the 560 points it is shown at
SIZE = 12  # points; on a phone the picture is 350 points wide
INK, BAD = "#1f2733", COLOURS["contradicts"]


def estimates_png(rows: Sequence[Row]) -> bytes:
    """Positions gained per doubling with their 95 % intervals, one line per verdict, and a dotted line at none."""
    figure, axes = _figure(0.75 + 0.42 * len(rows), 1)
    place = axes[0]
    for n, row in enumerate(rows):
        ends = [row[name] if is_known(row[name]) else row["estimate"] for name in ("ci_low", "ci_high")]
        colour = COLOURS[row["verdict"]]
        place.plot(ends, [n, n], color=colour, linewidth=3, solid_capstyle="round")
        place.plot([row["estimate"]], [n], "o", color=colour, markersize=8)
    place.axvline(0, color=MUTED, linestyle=":")
    names = [drawable(label(row, rows), n + 1) for n, row in enumerate(rows)]
    place.set_yticks(range(len(rows)), names, parse_math=False)
    place.set_ylim(len(rows) - 0.4, -0.6)
    return _png(figure)


def paths_png(movers: Sequence[tuple[Row, Sequence[Row]]], days: Sequence[str]) -> bytes:
    """Positions over the last weeks, the first place on top; gaps are days without a reading, triangles days on which
    the page was not found down to the depth. `days` are the words for the first and the last day of each mover, one
    after another.
    """
    figure, axes = _figure(1.9 * len(movers), len(movers))
    for n, (place, (mover, path)) in enumerate(zip(axes, movers, strict=True)):
        _draw_path(place, path)
        place.set_title(
            drawable(shown(mover["page_key"], 44), n + 1), loc="left", fontsize=SIZE, color=INK, parse_math=False
        )
        ends = [path[0]["day"], path[-1]["day"]]
        names = [w if drawable(w, 0) == w else d.isoformat() for w, d in zip(days[2 * n :], ends, strict=False)]
        place.set_xticks(ends, names, parse_math=False)
    return _png(figure)


def _draw_path(place: Any, path: Sequence[Row]) -> None:
    found = [r for r in path if r["position"] is not None]
    for run in _runs(found):
        place.plot([r["day"] for r in run], [r["position"] for r in run], "o-", color=ACCENT, markersize=4)
    lost = [r for r in path if r["position"] is None and r["depth"] is not None]
    place.plot([r["day"] for r in lost], [r["depth"] + 1 for r in lost], "v", color=BAD, markersize=6, fillstyle="none")
    low = ceil(max([r["position"] for r in found] + [r["depth"] + 1 for r in lost], default=1))
    place.set_ylim(max(low + 1, 4), 0.3)
    place.set_yticks(sorted({1, (1 + max(low, 3)) // 2, max(low, 3)}))


def _runs(path: Sequence[Row]) -> list[list[Row]]:
    """The readings in pieces without a day missing between them."""
    pieces: list[list[Row]] = [[path[0]]] if path else []
    for before, row in pairwise(path):
        if (row["day"] - before["day"]).days > 1:
            pieces.append([])
        pieces[-1].append(row)
    return pieces


def has_path(path: Sequence[Row]) -> bool:
    """Whether there is anything to draw."""
    days: set[date] = {r["day"] for r in path if r["position"] is not None}
    return len(days) > 1


def drawable(text: str, number: int) -> str:
    """The text where the font can write it from left to right, else its number in the list below the heading."""
    known = _characters()
    is_plain = all(ord(c) in known and unicodedata.bidirectional(c) not in ("R", "AL", "AN") for c in text)
    return text if is_plain and text else f"({number})"


@cache
def _characters() -> frozenset[int]:
    from matplotlib.font_manager import findfont, get_font

    return frozenset(get_font(findfont("DejaVu Sans")).get_charmap())


def _figure(height: float, lines: int) -> tuple[Any, list[Any]]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    figure = Figure(figsize=(WIDTH, height), layout=ConstrainedLayoutEngine(h_pad=0.12), facecolor="white")
    FigureCanvasAgg(figure)
    axes = list(figure.subplots(lines, 1, squeeze=False)[:, 0])
    for place in axes:
        place.tick_params(labelsize=SIZE, colors=INK)
        place.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DOTS, facecolor="white", pad_inches=0.12, bbox_inches="tight")
    return buffer.getvalue()
