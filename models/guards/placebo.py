"""What the timing estimate looks like where there is nothing to find: the same sum over votes that cannot have acted.

The statistic is the estimate itself, written as a sum over rows: after = w' X'y with y the heights from which all fixed
effects are swept out, X the windows of votes and w = (X'X)^-1 c, the weights of the real fit. Sweeping y alone is
enough (the projection is idempotent), so a placebo costs a look-up, not a fit. Placebos give every page other votes:

- `shuffled in the list`: those of another page of the same keyword's lists
- `unrelated keyword`: those of a page that shares no keyword with it
- `fake dates`: its own, moved round in time by a random number of days, each page by another

w stays that of the real votes. `future votes`, the votes of the week still to come, is one more: the estimate of the
leads. The share of placebos at least as large as the real estimate, on its side of 0, is a veto and no p-value: pages
differ in how their votes come, so the placebos spread less than estimates do from world to world.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from models.in_time.panel import Floats, Ints, Panel
from models.in_time.panel_regression import swept
from models.in_time.timing import AFTER, BEFORE, NAMES, Rows, Timing, bridged, weights

OFFSETS = (7, 3, 1, 0, -1, -2, -4, -8)  # where the windows of models/in_time/timing.py begin and end
FEWEST_DAYS_MOVED = 15


@dataclass(frozen=True)
class Placebos:
    """Share of placebos at least as far from 0, in the direction of the real estimate; by kind, and of all."""

    share: float
    by_kind: Mapping[str, float]
    n: int


def placebos(panel: Panel, rows: Rows, real: Timing, draws: int = 50, seed: int = 0) -> Placebos:
    """`draws` placebos of each kind for an estimate made on `rows`."""
    terms = np.column_stack([rows.terms[name] for name in NAMES])
    columns = swept(np.column_stack([-panel.position[rows.index], terms]), (rows.unit, rows.lists))
    y, x = columns[:, 0], columns[:, 1:]
    w = np.asarray(np.linalg.lstsq(x.T @ x, _contrast(), rcond=None)[0], dtype=np.float64)
    true = float(w @ (x.T @ y)) * real.sign
    growth = _growth(panel)
    beaten = {}
    for nth, (kind, votes) in enumerate(KINDS.items()):
        rng = np.random.default_rng([seed, nth])
        found = [real.sign * _statistic(votes(panel, rows, growth, rng), y, w) for _ in range(draws)]
        beaten[kind] = float(np.mean([f >= true for f in found]))
    beaten["future votes"] = float(_future(real) * real.sign >= real.after.estimate * real.sign)
    n = draws * len(KINDS) + 1
    share = (draws * sum(beaten[k] for k in KINDS) + beaten["future votes"]) / n
    return Placebos(share, beaten, n)


def _contrast() -> Floats:
    """Weights of *after minus before* over the windows."""
    weight = dict.fromkeys(NAMES, 0.0) | weights(AFTER) | weights(BEFORE, -1.0)
    return np.array([weight[name] for name in NAMES])


def _future(real: Timing) -> float:
    """The mean of the leads: what the votes of next week "did" to positions."""
    return sum(real.path[name].estimate * n for name, n in BEFORE.items()) / sum(BEFORE.values())


def _growth(panel: Panel) -> Floats:
    """Doublings gained from step to step (P, T), 0 on the first; NaN where unknown or the ruler changed."""
    level = bridged(panel)
    growth = np.zeros(level.shape)
    alike = (panel.ruler[:, 1:] == panel.ruler[:, :-1]) & (panel.segment[1:] == panel.segment[:-1])
    growth[:, 1:] = np.where(alike, np.diff(level, axis=1), np.nan)
    return growth


def _statistic(lookup: tuple[Floats, Ints, Ints], y: Floats, w: Floats) -> float:
    """w' X'y for votes given as growth (pages, T) and, for every row, its page and step; unknown windows count 0."""
    growth, page, step = lookup
    unknown = np.isnan(growth)
    level = np.cumsum(np.where(unknown, 0.0, growth), axis=1)
    blind = np.cumsum(unknown, axis=1)
    known = blind[page, step + OFFSETS[0]] == blind[page, step + OFFSETS[-1]]
    page, step, y = page[known], step[known], y[known]
    at = [level[page, step + k] for k in OFFSETS]
    windows = [a - b for a, b in pairwise(at)]
    last = at[-1] - _mean_by(page, at[-1])[page]
    return float(w @ np.array([x @ y for x in (*windows, last)]))


def _mean_by(group: Ints, x: Floats) -> Floats:
    n = np.bincount(group)
    return np.asarray(np.bincount(group, x) / np.maximum(n, 1))


def _shuffled(panel: Panel, rows: Rows, growth: Floats, rng: np.random.Generator) -> tuple[Floats, Ints, Ints]:
    """Each page of a keyword gets the votes of another page of that keyword."""
    keyword, page = panel.keyword[rows.index], panel.page[rows.index]
    code, unit = np.unique(keyword * growth.shape[0] + page, return_inverse=True)
    order = np.lexsort((rng.random(code.size), code // growth.shape[0]))
    other = (code % growth.shape[0])[order]
    return growth, other[unit], panel.step[rows.index]


def _unrelated(panel: Panel, rows: Rows, growth: Floats, rng: np.random.Generator) -> tuple[Floats, Ints, Ints]:
    """Each page gets the votes of a random page, and none where the two meet in a keyword."""
    keyword, page = panel.keyword[rows.index], panel.page[rows.index]
    pages = np.unique(page)
    other = np.zeros(growth.shape[0], dtype=np.int64)
    other[pages] = rng.permutation(pages)
    units = np.unique(keyword * growth.shape[0] + page)
    meets = np.zeros(growth.shape[0], dtype=bool)
    k, u = units // growth.shape[0], units % growth.shape[0]
    meets[u[np.isin(k * growth.shape[0] + other[u], units)]] = True
    kept = growth[other].copy()
    kept[meets] = np.nan
    return kept, page, panel.step[rows.index]


def _fake_dates(panel: Panel, rows: Rows, growth: Floats, rng: np.random.Generator) -> tuple[Floats, Ints, Ints]:
    """Each page keeps its votes, moved round in time."""
    pages, steps = growth.shape
    least = min(FEWEST_DAYS_MOVED, steps // 3)
    moved = rng.integers(least, steps - least, size=pages)
    at = (np.arange(steps)[None, :] + moved[:, None]) % steps
    return np.take_along_axis(growth, at, axis=1), panel.page[rows.index], panel.step[rows.index]


KINDS: dict[str, Callable[[Panel, Rows, Floats, np.random.Generator], tuple[Floats, Ints, Ints]]] = {
    "shuffled in the list": _shuffled,
    "unrelated keyword": _unrelated,
    "fake dates": _fake_dates,
}
