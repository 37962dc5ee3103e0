"""Which pages moved by more than pages usually do? The last days against the weeks before, and chance from the past.

For a page in a keyword's lists, position p[t] at step t, unknown where no list was read, `depth` + 1 where one was read
and did not hold the page:

    change[t] = mean of p over the `before` steps up to t - `last`  -  mean of p over the `last` steps up to t,

positive = better. Nothing is compared across a segment (models/guards/breaks.py), nor with few known steps. A page
takes part at t if it is in at least half of the lists on one side.

The noise is what the same number was at all earlier moments of all pages whose mean position before lay in the same
band: p = (1 + n / c) / (1 + N / c), n of N earlier moments being as large (Davison & Hinkley 1997, 4.2, but for c).
Moments hang together in episodes of c: a move is seen for several days, and the days of one move are not so many
proofs that it was chance (the runs estimate of the extremal index, Smith & Weissman 1994; c is read off the largest
1 % of each band). No normal distribution, and no independence of pages of one list. Moments whose last steps are among
today's do not count as earlier, or a move would hide itself. What is needed is that days are exchangeable but for this:
the largest move of today is then among the largest 5 % on 5 % of days, however pages hang together.

With m tests, a band can only show a discovery at 5 % if it holds 20 m earlier episodes. Bands that hold fewer borrow
from the next one: neighbours are thrown together until there are enough, each move divided by what 19 of 20 earlier
moves of its own band do not exceed (never less than half a position). Which bands do is decided by how many episodes
the past holds, not by the moves of today. With fewer than 20 m in all (`can_tell`), nothing is called a discovery: on
the stormiest of a few days, everything moves.

It fails right after a change of the engine that no calendar of breaks lists (everything moves, and is told to), and
for pages that swing from day to day among pages that do not: they are told more often than others.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

BANDS = (3, 10, 20)  # last position of each band but the last; means are rounded for this
LEVEL = 0.05
USUAL, LEAST_SCALE = 0.95, 0.5
LARGE = 0.99
NAMES = ("size", "size_before")
ROUNDING = 1e-9  # means of the same positions come out of running sums a hair apart


@dataclass(frozen=True)
class Windows:
    """How many steps are compared, and how many of them must be known, at the end and before it."""

    last: int
    least_last: int
    before: int
    least_before: int


DAILY, WEEKLY = Windows(3, 2, 28, 14), Windows(1, 1, 8, 4)


@dataclass(frozen=True, eq=False)
class Moves:
    """Per page and step (U, T): `change` (NaN where not compared), means `position` and `before`, and known lists.

    `n_before` counts the lists before, `found_last` and `found_before` those that held the page.
    """

    change: Floats
    position: Floats
    before: Floats
    n_before: Ints
    found_last: Ints
    found_before: Ints

    @property
    def is_left(self) -> Flags:
        """Whether no list of the last steps held the page (U, T)."""
        left: Flags = np.isfinite(self.change) & (self.found_last == 0)
        return left

    @property
    def is_entered(self) -> Flags:
        """Whether no list before held the page (U, T)."""
        entered: Flags = np.isfinite(self.change) & (self.found_before == 0)
        return entered


def moves(position: Floats, depth: Floats, segment: Ints, windows: Windows = DAILY) -> Moves:
    """The moves of pages at every step: position (U, T) as above, depth (U,), segment (T,) ascending.

    Depth is NaN where not being in a list says nothing (averages). Raises ValueError for shapes that do not fit.
    """
    if position.ndim != 2 or depth.shape != position.shape[:1] or segment.shape != position.shape[1:]:
        raise ValueError("position must be a table of pages x steps, with one depth per page and one segment per step")
    known = np.isfinite(position)
    found = known & ~(position > depth[:, None])
    step, begin = np.arange(segment.size), np.searchsorted(segment, segment)
    middle = np.maximum(step - windows.last + 1, begin)
    spans = (middle, step + 1), (np.maximum(middle - windows.before, begin), middle)
    n_last, n_before = _sums(known, *spans)
    found_last, found_before = _sums(found, *spans)
    total_last, total_before = _sums(np.where(known, position, 0.0), *spans)
    now, then = total_last / np.maximum(n_last, 1), total_before / np.maximum(n_before, 1)
    is_compared = (n_last >= windows.least_last) & (n_before >= windows.least_before)
    is_compared &= (2 * found_last >= n_last) | (2 * found_before >= n_before)
    change = np.where(is_compared, then - now, np.nan)
    return Moves(change, now, then, *(n.astype(np.int64) for n in (n_before, found_last, found_before)))


def _sums(x: NDArray[np.generic], *spans: tuple[Ints, Ints]) -> Iterator[Floats]:
    """Sums (U, T) of x (U, T) over steps first[t] .. end[t] - 1 of each span."""
    total = np.zeros((x.shape[0], x.shape[1] + 1))
    np.cumsum(x, axis=1, out=total[:, 1:])
    return (total[:, end] - total[:, first] for first, end in spans)


def band_of(before: Floats) -> Ints:
    """The band of each mean position, counted from 0."""
    return np.searchsorted(np.array(BANDS) + 0.5, before, side="right").astype(np.int64)


@dataclass(frozen=True, eq=False)
class Noise:
    """Sizes (n,) of the earlier moves of one band, and those of the same pages a step before (n,), 0 if unknown."""

    size: Floats
    size_before: Floats


def earlier(found: Moves, windows: Windows = DAILY) -> list[Noise]:
    """The moves of every band at moments that share no last step with the last one."""
    size = np.abs(found.change[:, : max(found.change.shape[1] - windows.last, 0)])
    size_before = np.nan_to_num(np.pad(size, ((0, 0), (1, 0)))[:, :-1])
    is_known, band = np.isfinite(size), band_of(found.before[:, : size.shape[1]])
    chosen = [is_known & (band == b) for b in range(len(BANDS) + 1)]
    return [Noise(size[rows], size_before[rows]) for rows in chosen]


def joined(parts: Sequence[Sequence[Noise]]) -> list[Noise]:
    """The noise of several sets of pages, band by band; that of none is empty."""
    return [
        Noise(*(np.concatenate([np.zeros(0), *(getattr(part[b], name) for part in parts)]) for name in NAMES))
        for b in range(len(BANDS) + 1)
    ]


def episode(noise: Sequence[Noise]) -> float:
    """How many moments a large move is seen, on average over the largest moves of every band; at least 1."""
    n_moments = n_episodes = 0
    for band in noise:
        if band.size.size:
            level = max(float(np.quantile(band.size, LARGE)), ROUNDING)
            n_moments += int((band.size >= level).sum())
            n_episodes += int(((band.size >= level) & (band.size_before < level)).sum())
    return max(n_moments / n_episodes, 1.0) if n_episodes else 1.0


def p_values(change: Floats, before: Floats, noise: Sequence[Noise], n_tests: int) -> Floats:
    """p (m,) of changes (m,) of pages that stood at `before` (m,); NaN without any earlier move.

    `noise` has the earlier moves of every band; `n_tests` counts all tests of the family.
    """
    p, band, size, long = np.full(change.shape, np.nan), band_of(before), np.abs(change), episode(noise)
    for group in together([n.size.size / long for n in noise], n_tests):
        scale = np.ones(len(noise))
        if len(group) > 1:
            scale[group] = [_usual(noise[b].size) for b in group]
        past = np.sort(np.concatenate([noise[b].size / scale[b] for b in group]))
        mine = np.isin(band, group)
        if past.size:
            larger = past.size - np.searchsorted(past, size[mine] / scale[band[mine]] - ROUNDING)
            p[mine] = (1 + larger / long) / (1 + past.size / long)
    return p


def can_tell(noise: Sequence[Noise], n_tests: int) -> bool:
    """Whether the past is long enough for the largest move of some band to be a discovery."""
    return n_tests > 0 and sum(n.size.size for n in noise) / episode(noise) >= needed(n_tests)


def needed(n_tests: int) -> int:
    """Earlier episodes that a discovery among so many tests takes."""
    return int(np.ceil(n_tests / LEVEL)) - 1


def together(sizes: Sequence[float], n_tests: int) -> list[list[int]]:
    """Which bands are taken together, from the top down, so that each group holds what a discovery takes."""
    groups: list[list[int]] = [[]]
    for band in range(len(sizes)):
        groups[-1].append(band)
        if sum(sizes[b] for b in groups[-1]) >= needed(n_tests):
            groups.append([])
    rest = groups.pop()
    if not groups:
        return [rest]
    groups[-1] += rest
    return groups


def _usual(sizes: Floats) -> float:
    """What 19 of 20 earlier moves do not exceed."""
    return max(float(np.quantile(sizes, USUAL)), LEAST_SCALE) if sizes.size else LEAST_SCALE
