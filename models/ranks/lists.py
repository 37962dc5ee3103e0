"""Result lists as numpy arrays: checked columns, rows of a list together, lists of one length as rectangles, ranks.

A statistic of every list is computed by a kernel that takes a block of lists of one length, (B, m) arrays, at once.
Average ranks share ties (Kendall & Gibbons 1990, ch. 3). They are kept doubled and centred, -(m - 1) .. m - 1, which
are whole numbers: sums of them are exact, so the order of rows cannot change a result.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Kernel = Callable[[Floats, Floats], Floats]


@dataclass(frozen=True, eq=False)
class ListCorrelations:
    """One row per list, ascending by `list_id`: `rho` (L,), NaN where undefined, and its known pairs `n_pairs` (L,)."""

    list_id: NDArray[np.integer]
    rho: Floats
    n_pairs: Ints

    @property
    def n_skipped(self) -> int:
        """Lists that gave no rho: too few known pairs, or no variation."""
        return int(np.isnan(self.rho).sum())


def columns(ids: Mapping[str, ArrayLike], numbers: Mapping[str, ArrayLike]) -> tuple[NDArray[Any], ...]:
    """Integer ids and float columns as arrays of one length (n,), NaN allowed; ValueError names what does not fit."""
    found = {name: np.asarray(x) for name, x in ids.items()}
    found |= {name: np.asarray(x, dtype=np.float64) for name, x in numbers.items()}
    if any(x.ndim != 1 for x in found.values()) or len({x.size for x in found.values()}) > 1:
        raise ValueError(f"{_and(found)} must be one-dimensional and equally long")
    if any(found[name].size and found[name].dtype.kind not in "iu" for name in ids):
        raise ValueError(f"{_and(ids)} must be integers")
    for name in numbers:
        if np.isinf(found[name]).any():
            raise ValueError(f"{name} holds an infinite number; what is unknown is NaN")
    return tuple(found.values())


def _and(names: Mapping[str, Any]) -> str:
    """The names as a sentence has them."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def by_list(ids: NDArray[np.integer], *columns: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    """Ids and columns (n,) with the rows of each list together, ids ascending."""
    if (ids[1:] >= ids[:-1]).all():
        return ids, *columns
    order = np.argsort(ids, kind="stable")
    return tuple(x[order] for x in (ids, *columns))


def starts(ids: NDArray[np.integer]) -> Ints:
    """First row of each list (L,), for rows that stand list by list."""
    first = np.ones(ids.size, dtype=bool)
    np.not_equal(ids[1:], ids[:-1], out=first[1:])
    return np.flatnonzero(first)


def of_list(ids: NDArray[np.integer], start: Ints, of_row: NDArray[np.integer]) -> NDArray[np.integer]:
    """What all rows of a list share, such as its keyword (L,); ValueError if the rows of a list disagree."""
    if ((ids[1:] == ids[:-1]) & (of_row[1:] != of_row[:-1])).any():
        raise ValueError("a list lies in one cluster: cluster_id differs between rows of one list_id")
    return of_row[start]


def per_list(
    ids: NDArray[np.integer], start: Ints, p: Floats, s: Floats, *, min_pairs: int, kernel: Kernel, block: int
) -> ListCorrelations:
    """The kernel's answer for every list, for rows that stand list by list, each list from its `start` (L,).

    Rows with a NaN are left out, lists with fewer than `min_pairs` others stay NaN. The kernel sees about `block` cells
    at once and returns (B,) for two (B, m) arrays.
    """
    known = ~(np.isnan(p) | np.isnan(s))
    if known.all():
        n, offset = np.diff(start, append=ids.size), start
    else:
        n, kept = np.add.reduceat(known, start, dtype=np.int64), np.flatnonzero(known)
        p, s, offset = p[kept], s[kept], np.cumsum(n) - n
    rho = np.full(start.size, np.nan)
    for lists, cells in rectangles(n, offset, max(min_pairs, 2), block):
        m = n[lists[0]]
        rho[lists] = kernel(p[cells].reshape(-1, m), s[cells].reshape(-1, m))
    return ListCorrelations(ids[start], rho, n)


def rectangles(n: Ints, offset: Ints, least: int, block: int) -> Iterator[tuple[Ints, slice | Ints]]:
    """Lists of one length n >= least in blocks: their indices (B,) and their rows, which make a (B, n) rectangle.

    There are at most sqrt(2 x rows) different lengths, so most blocks are full.
    """
    order = np.argsort(n, kind="stable")
    for lists in np.split(order, np.flatnonzero(np.diff(n[order])) + 1):
        if lists.size and n[lists[0]] >= least:
            m = int(n[lists[0]])
            yield from ((lists[rows], _cells(offset[lists[rows]], m)) for rows in blocks(lists.size, m, block))


def _cells(offset: Ints, m: int) -> slice | Ints:
    """The rows of lists of length m that begin at ascending `offset`: a slice, which copies nothing, if they adjoin."""
    if offset[-1] - offset[0] == (offset.size - 1) * m:
        return slice(offset[0], offset[-1] + m)
    return offset[:, None] + np.arange(m)


def blocks(lists: int, m: int, block: int) -> Iterator[slice]:
    """Slices of about `block` cells over lists of length m."""
    step = max(1, block // m)
    return (slice(i, i + step) for i in range(0, lists, step))


def within_ranks(start: Ints, x: Floats) -> Floats:
    """Average rank of every row within its list, centred to sum 0, (n,) in the order of the rows; x has no NaN."""
    n, rank = np.diff(start, append=x.size), np.zeros(x.size)
    for lists, cells in rectangles(n, start, 2, 1 << 16):
        rank[cells] = rectangle_ranks(x[cells].reshape(lists.size, -1)).reshape(rank[cells].shape) / 2
    return rank


def rectangle_ranks(x: Floats) -> Ints:
    """Doubled, centred average ranks (B, m), row by row."""
    cells = np.argsort(x, axis=1) + x.shape[1] * np.arange(len(x))[:, None]
    rank = np.empty(x.shape, dtype=np.int64)
    rank.ravel()[cells] = midranks(x.ravel()[cells])
    return rank


def midranks(ordered: NDArray[Any]) -> Ints:
    """Doubled, centred average ranks (B, m) of rows in ascending order: 2 x slot - (m - 1), ties sharing their mean."""
    lists, m = ordered.shape
    flat, first = ordered.ravel(), np.ones(ordered.size, dtype=bool)
    np.not_equal(flat[1:], flat[:-1], out=first[1:])
    first[::m] = True
    start = np.flatnonzero(first)
    if start.size == flat.size:
        return np.broadcast_to(2 * np.arange(m) - (m - 1), ordered.shape)
    length = np.diff(start, append=flat.size)
    rank = np.repeat(2 * start + length - 1, length).reshape(lists, m)
    rank -= 2 * m * np.arange(lists)[:, None] + (m - 1)
    return rank
