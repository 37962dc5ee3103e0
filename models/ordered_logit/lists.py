"""Result lists as the rank-ordered logit reads them: whole lists, rows of a list from its top down, nothing copied.

Rows that stand list by list and from the top down are used where they are. Others get one index array (8 bytes a row);
the columns themselves are never copied, sorted or converted as a whole.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.ordered_logit.tied_orders import LARGEST_BAND

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
NO_INDEX, NO_FLOATS, NO_FLAGS = np.empty(0, dtype=np.int64), np.empty(0), np.empty(0, dtype=np.bool_)
LARGEST_ID = 1 << 31  # so that a pair of cluster ids is one int64
SCAN = 1 << 20  # rows compared at once: what a comparison needs for itself stays at a few MB


@dataclass(frozen=True, eq=False)
class Block:
    """Some whole lists, n rows: a list's rows are all in one block, in any order.

    `list_id` (n,) integers; `position` (n,) numbers, 1 the best, equal where the order is unknown, NaN for a page that
    was looked for and not found, which `is_censored` (n,) must confirm: it then stands below all pages with a position.
    `x` (n, p) float64 or float32 covariates (others become float64), `offset` (n,) is added to x b. Positions beyond
    `top` are no stages of their own: such pages only lost against those above. `clusters` maps names ("keyword",
    "domain") to integers (n,), counted from 0 over all blocks.
    """

    list_id: NDArray[Any]
    position: NDArray[Any]
    x: NDArray[Any]
    offset: NDArray[Any] | None = None
    is_censored: NDArray[Any] | None = None
    top: float | None = None
    clusters: Mapping[str, NDArray[Any]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Lists:
    """A block, looked through: list l has the rows `order[start[l]:start[l + 1]]`, the first `stages[l]` are stages.

    An empty `order` (0,) means that rows are in place, an empty `offset` (0,) none, an empty `ends` (0,) no ties.
    `ends` (n,) marks the last row of each band of equal positions; `tied` holds the lists with ties that matter, whose
    stages are in `tied_stages` (L,) and 0 in `stages` (L,); `largest_band` is the largest band that matters.
    """

    x: NDArray[Any]
    offset: Floats
    order: Ints
    start: Ints
    stages: Ints
    tied_stages: Ints
    tied: Ints
    ends: NDArray[np.bool_]
    largest_band: int
    clusters: Mapping[str, NDArray[Any]]

    @property
    def n_lists(self) -> int:
        """Lists with a stage that could have gone otherwise, ties included."""
        return int(np.count_nonzero(self.stages)) + self.tied.size

    @property
    def n_stages(self) -> int:
        """Rows that were placed before another one, in those lists."""
        informative, behind = self.stages > 0, np.diff(self.start) - 1
        stages = np.minimum(self.stages, behind)[informative].sum()
        return int(stages + np.minimum(self.tied_stages, behind)[self.tied].sum())


def prepare(block: Block) -> Lists:
    """Find the lists of a block, or say in a ValueError what is wrong with it."""
    ids, position, x = _columns(block)
    offset = _offset(block.offset, ids.size)
    censored = _censored(block, position)
    order = _order(ids, position)
    start = _starts(ids[order] if order.size else ids)
    count = _stage_counts(position, censored, block.top, order, start)
    ends, tied, largest = _bands(ids, position, order, start, count)
    stages = np.where(np.diff(start) > 1, count, 0)
    stages[tied] = 0
    count = count if tied.size else stages
    return Lists(x, offset, order, start, stages, count, tied, ends, largest, _clusters(block.clusters, ids.size))


def _columns(block: Block) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """list_id, position and x as arrays that fit."""
    ids, position, x = np.asarray(block.list_id), np.asarray(block.position), np.asarray(block.x)
    if ids.ndim != 1 or ids.shape != position.shape or x.ndim != 2 or len(x) != ids.size or not x.shape[1]:
        raise ValueError(
            f"list_id {ids.shape}, position {position.shape} and x {x.shape} do not fit: they are (n,), (n,) and (n, p)"
        )
    if ids.dtype.kind not in "iu" and ids.size:
        raise ValueError("list_id must be integers: number the lists")
    if position.dtype.kind not in "iuf" and ids.size:
        raise ValueError("position must be numbers, NaN for a page that was not found")
    return ids, position, x if x.dtype in (np.float64, np.float32) else x.astype(np.float64)


def _offset(offset: NDArray[Any] | None, n: int) -> Floats:
    """The offset (n,), or (0,) for none."""
    if offset is None:
        return NO_FLOATS
    values = np.asarray(offset, dtype=np.float64)
    if values.shape != (n,) or not np.isfinite(values).all():
        raise ValueError(f"offset must be {n} finite numbers, one per row; 0 for a row without one")
    return values


def _censored(block: Block, position: NDArray[Any]) -> NDArray[np.bool_]:
    """Where a position is missing (n,), or (0,) for nowhere; it must be so exactly where `is_censored` says."""
    flags = NO_FLAGS if block.is_censored is None else np.asarray(block.is_censored, dtype=np.bool_)
    if block.is_censored is not None and flags.shape != position.shape:
        raise ValueError("is_censored must have one entry per row")
    if position.dtype.kind != "f":
        unknown = NO_FLAGS
    elif np.isinf(position).any():
        raise ValueError("position holds an infinite number: a page not found is NaN, with is_censored true")
    else:
        unknown = np.isnan(position)
    return _agreed(unknown if unknown.any() else NO_FLAGS, flags if flags.any() else NO_FLAGS)


def _agreed(unknown: NDArray[np.bool_], flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """`unknown`, or a ValueError where the flags say otherwise."""
    if unknown.size and not (flags.size and flags[unknown].all()):
        row = np.flatnonzero(unknown & ~flags if flags.size else unknown)[0]
        raise ValueError(
            f"position of row {row} is unknown: mark it in is_censored if the page was looked for and not found "
            "in the list, else leave the row out"
        )
    if flags.size and not (unknown.size and unknown[flags].all()):
        row = np.flatnonzero(flags & ~unknown if unknown.size else flags)[0]
        raise ValueError(f"row {row} is censored and has a position: a page that was not found has position NaN")
    return unknown


def _order(ids: NDArray[Any], position: NDArray[Any]) -> Ints:
    """Rows list by list and from the top down; (0,) if they stand so already."""
    for _, above, below in _neighbours(ids.size):
        is_wrong = ~(position[above] <= position[below])
        if position.dtype.kind == "f":
            is_wrong &= ~np.isnan(position[below])
        if (is_wrong & (ids[above] == ids[below])).any():
            return np.lexsort((position, ids))
    first = ids[_starts(ids)[:-1]]
    if (first[1:] > first[:-1]).all() or np.unique(first).size == first.size:
        return NO_INDEX
    return np.lexsort((position, ids))


def _neighbours(n: int) -> Iterator[tuple[int, slice, slice]]:
    """Slices of rows and of the rows behind them, `SCAN` at a time, each with its first row."""
    for a in range(0, n - 1, SCAN):
        b = min(a + SCAN, n - 1)
        yield a, slice(a, b), slice(a + 1, b + 1)


def _starts(ids: NDArray[Any]) -> Ints:
    """First row of each list and the number of rows (L + 1,), of ids that stand list by list."""
    parts = [np.flatnonzero(ids[above] != ids[below]) + (a + 1) for a, above, below in _neighbours(ids.size)]
    return np.concatenate([np.zeros(min(1, ids.size), dtype=np.int64), *parts, [ids.size]])


def _stage_counts(
    position: NDArray[Any], censored: NDArray[np.bool_], top: float | None, order: Ints, start: Ints
) -> Ints:
    """How many rows of each list have a position within `top` (L,); they are its first."""
    if top is None and not censored.size:
        return np.diff(start)
    is_stage = ~censored if top is None else position <= top
    if order.size:
        is_stage = is_stage[order]
    return np.add.reduceat(is_stage, start[:-1], dtype=np.int64) if start.size > 1 else NO_INDEX


def _bands(
    ids: NDArray[Any], position: NDArray[Any], order: Ints, start: Ints, count: Ints
) -> tuple[NDArray[np.bool_], Ints, int]:
    """Ends of bands (n,), the lists with a tied stage that matters, and the largest such band."""
    p = position[order] if order.size else position
    tie = _ties(p, start)
    if not tie.size:
        return NO_FLAGS, NO_INDEX, 0
    ends = np.ones(p.size, dtype=np.bool_)
    ends[tie] = False
    begin = np.flatnonzero(np.append(True, ends[:-1]))
    stop = np.append(begin[1:], p.size)
    home = np.searchsorted(start, begin, side="right") - 1
    inside = (stop - begin > 1) & (begin - start[home] < count[home])
    matters = inside & (stop < start[home + 1])
    _refuse_large(ids, p, order, begin[matters], (stop - begin)[matters])
    whole = np.bincount(home[inside & (stop - begin == np.diff(start)[home])], minlength=count.size) > 0
    count[whole] = 0
    tied = np.setdiff1d(home[inside], np.flatnonzero(whole))
    return ends, tied, int((stop - begin)[matters].max(initial=1))


def _ties(p: NDArray[Any], start: Ints) -> Ints:
    """Rows with the position of the next row of their list."""
    parts = [np.flatnonzero(p[above] == p[below]) + a for a, above, below in _neighbours(p.size)]
    tie = np.concatenate(parts) if parts else NO_INDEX
    return tie[~np.isin(tie + 1, start)] if tie.size else tie


def _refuse_large(ids: NDArray[Any], p: NDArray[Any], order: Ints, begin: Ints, size: Ints) -> None:
    """ValueError for the first band that is too large to sum over its orders."""
    if (size > LARGEST_BAND).any():
        which = np.flatnonzero(size > LARGEST_BAND)[0]
        row = begin[which]
        name = ids[order[row] if order.size else row]
        raise ValueError(
            f"list {name} has {size[which]} rows at position {p[row]:g}, and orders are summed up to {LARGEST_BAND} "
            "tied rows: use finer positions, set `top` above that position, or leave the list out"
        )


def _clusters(clusters: Mapping[str, NDArray[Any]], n: int) -> dict[str, NDArray[Any]]:
    """The cluster columns, checked."""
    checked = {name: np.asarray(ids) for name, ids in clusters.items()}
    for name, ids in checked.items():
        if ids.shape != (n,) or (n and (ids.dtype.kind not in "iu" or ids.min() < 0 or ids.max() >= LARGEST_ID)):
            raise ValueError(f"cluster {name!r} must be {n} integers, one per row, counted from 0: number the clusters")
    return checked
