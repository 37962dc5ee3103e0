"""How closely it was looked for movers, and whether one could have been told (models/movers.py)."""

from __future__ import annotations

from typing import Any

from models.movers import can_tell, episode, needed
from pipelines.evidence.movers import READS, Look, looks
from pipelines.evidence.table import DAY, FLAG, REAL, TEXT, WHO, WHOLE, ModelTable, Rows
from pipelines.lake import Lake


def build(lake: Lake) -> Rows:
    """One row per ranking."""
    looked = looks(lake)
    n_tests = sum(look.change.size for look in looked)
    return [_row(look, n_tests) for look in looked]


def _row(look: Look, n_tests: int) -> dict[str, Any]:
    earlier = sum(n.size.size for n in look.noise)
    is_enough = can_tell(look.noise, n_tests)
    return look.ranking._asdict() | {
        "day": look.last_day, "window_days": look.window_days, "n_pages": look.change.size, "n_earlier": earlier,
        "moments_per_move": episode(look.noise) if earlier else None, "has_enough_past": is_enough,
        "why_not": None if is_enough else _why_not(look, n_tests, earlier),
    }  # fmt: skip


def _why_not(look: Look, n_tests: int, earlier: int) -> str:
    if not look.change.size:
        return (
            "No page could be compared: it takes lists of the last days and of at least half of the weeks before, with "
            "no break of the rankings between."
        )
    episodes = round(earlier / episode(look.noise))
    return (
        f"Too short a past: to tell a move from chance among {n_tests:,} pages takes {needed(n_tests):,} earlier moves "
        f"to compare it with, and there are {episodes:,}."
    )


COLUMNS: dict[str, Any] = {name: WHO[name] for name in ("engine", "rank_kind")} | {
    "day": (DAY, "Last day looked at."),
    "window_days": (WHOLE, "Days at the end that were compared with those before."),
    "n_pages": (WHOLE, "Pages x keywords looked at: all of them count when it is asked what chance alone would show."),
    "n_earlier": (WHOLE, "Earlier moments of pages that the moves are held against."),
    "moments_per_move": (REAL, "How many moments one large move is seen for; NULL without earlier moments."),
    "has_enough_past": (FLAG, "Whether the past is long enough to tell even the largest move from chance."),
    "why_not": (TEXT, "Why no move could be told from chance; NULL where one could."),
}
TABLE = ModelTable(
    "mover_looks",
    "How closely it was looked for movers, so that no mover is not read as no move: pages compared, the past they are "
    "held against, and whether a move could have been told from chance. One row per engine and kind of position.",
    COLUMNS,
    READS,
    build,
)
