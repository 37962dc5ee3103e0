"""Is there a best time to publish, in one set of posts? The test, the surface, and the word for both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from models.best_time.design import Design, design
from models.best_time.shuffle import p_value
from models.best_time.surface import Surface, surface
from models.guards.multiplicity import adjust

Answer = Literal["differs", "no detectable difference", "not enough data"]

LEVEL = 0.05
MIN_POSTS, MIN_WEEKS, MIN_DF = 50, 4, 20


@dataclass(frozen=True, eq=False)
class Study:
    """What one set of posts says: p of the test, the surface, posts per cell, and the number of posts and weeks."""

    p: float
    surface: Surface
    n_cell: tuple[int, ...]
    n_posts: int
    n_weeks: int


def study(outcome: ArrayLike, hour: ArrayLike, group: ArrayLike) -> Study | str:
    """The study of posts (n,), see models.best_time.design.design; a string says in words why there is none."""
    y, h = np.asarray(outcome, dtype=np.float64), np.asarray(hour, dtype=np.int64)
    if y.size < MIN_POSTS:
        return f"it takes {MIN_POSTS} posts whose outcome is known; there {'is' if y.size == 1 else 'are'} {y.size}"
    found = design(y, h, group)
    n_weeks = _comparable_weeks(found)
    if n_weeks < MIN_WEEKS:
        return (
            f"it takes {MIN_WEEKS} weeks with posts on several days; there {'is' if n_weeks == 1 else 'are'} {n_weeks}"
        )
    if found.df < MIN_DF:
        return "nearly every post is the only one of its domain, so there is nothing to compare it with"
    if found.variances_within[0] <= 1e-12 * max(1.0, float(np.var(y))):
        return "the outcome is the same for all posts"
    return Study(p_value(found), surface(found), tuple(found.n_cell.tolist()), y.size, n_weeks)


def answers(studies: list[Study | str], level: float = LEVEL) -> list[tuple[Answer, float]]:
    """The answer to each question and its q, with the false discovery rate held over all that could be asked."""
    q = adjust([float("nan") if isinstance(s, str) else s.p for s in studies])
    return [(_answer(s, float(value), level), float(value)) for s, value in zip(studies, q, strict=True)]


def _answer(found: Study | str, q: float, level: float) -> Answer:
    if isinstance(found, str):
        return "not enough data"
    return "differs" if q <= level else "no detectable difference"


def _comparable_weeks(found: Design) -> int:
    """Weeks with posts on two days or more: the others have nothing to shuffle."""
    return int((np.bincount(found.week) > 1).sum())
