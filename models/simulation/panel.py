"""What is seen of a simulated world, as a panel, and what is true of it (see `models.simulation.simulate`)."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.in_time.panel import Panel
from models.simulation.scores import Floats, Ground, Ints, stream
from models.simulation.settings import Settings

Bools = NDArray[np.bool_]

PATH_DAYS = 61
RUN_DAYS = 5.0  # how long counts stay hidden that are hidden in runs
DIRECTIONS: dict[str, Literal["votes_lead", "positions_lead", "simultaneous", "neither"]] = {
    "effect": "votes_lead",
    "reverse": "positions_lead",
    "shock": "simultaneous",
}
LAG_DAYS = {"positions_lead": 1, "simultaneous": 0}


@dataclass(frozen=True, eq=False)
class Truth:
    """What a model should find: which comes first, by how many days (None if neither), and how much votes do.

    `path` (61,) is the gain in capped positions, positive = better, that a row of the panel can expect 0 .. 60 days
    after the votes of its page have doubled for good. `half_life_days` is that of the lift by news, NaN without news.
    """

    direction: Literal["votes_lead", "positions_lead", "simultaneous", "neither"]
    lag_days: int | None
    path: Floats
    half_life_days: float


def truth_of(world: Settings, score: Floats, order: Ints, is_row: Bools, half_life_days: float) -> Truth:
    """The truth of a world of these scores and order (T, K, C), for the panel's rows (T, K, C)."""
    direction = "neither" if world.kind == "effect" and not world.is_at_work else DIRECTIONS.get(world.kind, "neither")
    lag = world.lag if direction == "votes_lead" else LAG_DAYS.get(direction)
    boost = np.array([world.response_at(days) for days in range(PATH_DAYS)])
    boost *= world.effect * np.log(2.0) if world.is_at_work else 0.0
    ranked = np.take_along_axis(score, order, axis=-1)
    gain = overtaken(ranked, np.take_along_axis(is_row, order, axis=-1), boost, world.depth)
    return Truth(direction, lag, gain, half_life_days)


def overtaken(ranked: Floats, is_row: Bools, boost: Floats, depth: int) -> Floats:
    """Mean places gained (n,) over rows if one row's score alone rises by `boost` (n,); those below `depth` are one.

    `ranked` (..., C) are scores from best to worst, `is_row` says which of them count. Each pair of a list is looked at
    once: the lower overtakes the upper if the boost exceeds their distance, which is seen only if the upper is within
    the depth. A negative boost lets the upper fall behind the lower, seen as long as the lower is not more than one
    below the depth. Without rows the gain of a boost is unknown, NaN.
    """
    rows, most = int(is_row.sum()), float(np.abs(boost).max(initial=0.0))
    if rows == 0 or most == 0.0:
        return np.full(boost.shape, 0.0 if most == 0.0 else np.nan)
    rises, falls = [np.empty(0)], [np.empty(0)]
    for places in range(1, ranked.shape[-1]):
        distance = ranked[..., :-places] - ranked[..., places:]
        is_near = distance < most
        if not is_near.any():
            break
        upper = np.arange(1, distance.shape[-1] + 1)
        rises.append(distance[is_near & is_row[..., places:] & (upper <= depth)])
        falls.append(distance[is_near & is_row[..., :-places] & (upper + places <= depth + 1)])
    up, down = (np.sort(np.concatenate(found)) for found in (rises, falls))
    gain = np.searchsorted(up, boost, side="left") - np.searchsorted(down, -boost, side="left")
    return gain / rows


def read_lists(world: Settings, seed: int) -> Bools:
    """Which lists were read (K, T): a third of the `missing` ones on days without any, the others at random."""
    whole = world.missing / 3
    single = (world.missing - whole) / (1 - whole)
    is_day = stream(seed, "lost days").random(world.days) >= whole
    return ((stream(seed, "lost lists").random((world.days, world.keywords)) >= single) & is_day[:, None]).T


def known_counts(world: Settings, seed: int) -> Bools:
    """Which counts are known (P, T): half of the `hidden` in runs, half at random, and some pages are never known."""
    in_runs = world.hidden / 2
    single = (world.hidden - in_runs) / (1 - in_runs)
    shape = world.days, world.n_pages
    is_known = stream(seed, "hidden days").random(shape) >= single
    is_known &= ~_runs(stream(seed, "hidden runs"), shape, in_runs)
    is_known &= stream(seed, "hidden pages").random(world.n_pages) >= world.hidden / 10
    return is_known.T


def _runs(dice: np.random.Generator, shape: tuple[int, int], share: float) -> Bools:
    """Runs of mean length `RUN_DAYS` that cover a `share` of days (T, P): a two-state chain from its balance on."""
    begins = share / (1 - share) / RUN_DAYS
    luck, runs = dice.random(shape), np.zeros(shape, dtype=bool)
    runs[0] = luck[0] < share
    for today in range(1, shape[0]):
        runs[today] = luck[today] < np.where(runs[today - 1], 1 - 1 / RUN_DAYS, begins)
    return runs


def rows_of(world: Settings, position: NDArray[np.int16], was_read: Bools) -> Bools:
    """Which (T, K, C) are rows: of lists that were read, and of pages found in at least half of the keyword's."""
    is_read = was_read.T[:, :, None]
    found = ((position <= world.depth) & is_read).sum(axis=0)
    is_often: Bools = (2 * found >= was_read.sum(axis=1)[:, None]) & (found > 0)
    return is_read & is_often


def panel_of(
    world: Settings, ground: Ground, position: NDArray[np.int16], is_row: Bools, votes: Floats, ruler: Ints
) -> Panel:
    """The panel of a world, keyword by keyword, page by page, day by day; votes (P, T) with NaN where hidden."""
    keyword, candidate, step = np.nonzero(is_row.transpose(1, 2, 0))
    seen = np.minimum(position[step, keyword, candidate], world.depth + 1).astype(np.float64)
    page, segment = ground.candidates[keyword, candidate], np.zeros(world.days, dtype=np.int64)
    return Panel(keyword, page, step, seen, votes, ruler, segment, ground.domain, world.depth)
