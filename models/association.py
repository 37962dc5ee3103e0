"""Do better-voted pages stand higher in the same list? Spearman's rho inside every list, averaged over lists.

rho is Pearson's correlation of average ranks (Spearman 1904; ties as in Kendall & Gibbons 1990, ch. 3), of votes and of
*height* = minus position. The short cut 1 - 6 sum d^2 / (n^3 - n) is wrong with ties and is not used.

Speed comes from three choices. Lists of one length form a rectangle, so a block of lists is one numpy call. A block
fits the cache. And a sort carries its companion along: vote counts are whole numbers, so the last bits of their
float64 are zero and hold the rank of the position while the votes are sorted; nothing is gathered or scattered back.
Values whose last bits are taken (logarithms, average positions, counts beyond 2^40 or so) are first replaced by their
ranks, which costs an argsort. Ranks are doubled to be whole and all sums are of integers, so they are exact, and the
order of rows cannot change a result.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.bootstrap import cluster_bootstrap_mean

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BLOCK = 32_768  # cells handled at once: the temporaries of 256 KB in use stay in the second-level cache


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


@dataclass(frozen=True)
class Association:
    """Mean within-list rho down to `depth`, positive = more votes stand higher; NaN is unknown."""

    depth: int
    mean_rho: float
    ci_low: float
    ci_high: float
    n_lists: int
    n_skipped: int
    n_keywords: int


def associate(
    list_id: ArrayLike,
    cluster_id: ArrayLike,
    position: ArrayLike,
    votes: ArrayLike,
    depth: int,
    *,
    min_pairs: int = 5,
    draws: int = 1000,
    seed: int = 0,
) -> Association:
    """Mean rho over lists cut at `depth`, every list weighing the same, and its 95 % interval clustered on keywords.

    All arrays (n,), one row per result; `cluster_id` is the keyword and the same on all rows of a list. `n_lists` and
    `n_keywords` count lists with a rho and their keywords, `n_skipped` other lists with a row within the depth.
    """
    ids, p, s, clusters = _by_list(*_columns(list_id, position, votes, cluster_id))
    start, within = _starts(ids), p <= depth
    found = _per_list(ids, start, p, np.where(within, s, np.nan), min_pairs)
    known = ~np.isnan(found.rho)
    rho, cluster = found.rho[known], _cluster_of_list(ids, start, clusters)[known]
    interval = cluster_bootstrap_mean(rho, cluster, draws, seed)
    mean = float(rho.mean()) if rho.size else float("nan")
    skipped = np.logical_or.reduceat(within, start)[~known].sum() if start.size else 0
    return Association(depth, mean, interval.low, interval.high, rho.size, int(skipped), _distinct(cluster))


def within_list_spearman(
    list_id: ArrayLike, position: ArrayLike, votes: ArrayLike, *, min_pairs: int = 5
) -> ListCorrelations:
    """Spearman's rho of votes and height inside every list; arrays (n,), rows in any order.

    A NaN vote or position is unknown and its row is left out. Fewer than `min_pairs` known rows, or equal votes or
    positions throughout, give NaN. Raises ValueError for infinite numbers.
    """
    ids, p, s, _ = _by_list(*_columns(list_id, position, votes, list_id))
    return _per_list(ids, _starts(ids), p, s, min_pairs)


def spearman_rectangle(position: ArrayLike, votes: ArrayLike) -> Floats:
    """rho (L,) of L lists of equal length m from (L, m) arrays without gaps; NaN where one does not vary."""
    p, s = np.asarray(position, dtype=np.float64), np.asarray(votes, dtype=np.float64)
    if p.ndim != 2 or p.shape != s.shape:
        raise ValueError("position and votes must be rectangles of one shape")
    if not (np.isfinite(p).all() and np.isfinite(s).all()):
        raise ValueError("a rectangle holds finite numbers only: use within_list_spearman where some are unknown")
    rho = np.full(len(p), np.nan)
    for rows in _blocks(len(p), p.shape[1]) if p.shape[1] > 1 else ():
        rho[rows] = _rho(p[rows], s[rows])
    return rho


def _columns(*columns: ArrayLike) -> tuple[NDArray[Any], ...]:
    """list_id, position, votes and cluster_id as arrays of one length (n,), or ValueError."""
    ids, p, s, clusters = (np.asarray(x, dtype) for x, dtype in zip(columns, (None, float, float, None), strict=True))
    if ids.ndim != 1 or not ids.shape == p.shape == s.shape == clusters.shape:
        raise ValueError("list_id, cluster_id, position and votes must be one-dimensional and equally long")
    if ids.size and ids.dtype.kind + clusters.dtype.kind not in ("ii", "iu", "ui", "uu"):
        raise ValueError("list_id and cluster_id must be integers")
    for name, x in (("position", p), ("votes", s)):
        if np.isinf(x).any():
            raise ValueError(f"{name} holds an infinite number; what is unknown is NaN")
    return ids, p, s, clusters


def _by_list(ids: NDArray[np.integer], *columns: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    """Ids and columns (n,) with the rows of each list together, ids ascending."""
    if (ids[1:] >= ids[:-1]).all():
        return ids, *columns
    order = np.argsort(ids, kind="stable")
    return tuple(x[order] for x in (ids, *columns))


def _starts(ids: NDArray[np.integer]) -> Ints:
    """First row of each list (L,)."""
    first = np.ones(ids.size, dtype=bool)
    np.not_equal(ids[1:], ids[:-1], out=first[1:])
    return np.flatnonzero(first)


def _cluster_of_list(ids: NDArray[np.integer], start: Ints, clusters: NDArray[np.integer]) -> NDArray[np.integer]:
    """The cluster of each list (L,); ValueError if the rows of a list disagree."""
    if ((ids[1:] == ids[:-1]) & (clusters[1:] != clusters[:-1])).any():
        raise ValueError("a list lies in one cluster: cluster_id differs between rows of one list_id")
    return clusters[start]


def _distinct(x: NDArray[np.integer]) -> int:
    """How many different numbers; faster than np.unique on millions."""
    return int(np.count_nonzero(np.diff(np.sort(x)))) + (x.size > 0)


def _per_list(ids: NDArray[np.integer], start: Ints, p: Floats, s: Floats, min_pairs: int) -> ListCorrelations:
    """rho of every list, for rows that stand list by list, each list from its `start` (L,)."""
    known = ~(np.isnan(p) | np.isnan(s))
    if known.all():
        n, offset = np.diff(start, append=ids.size), start
    else:
        n, kept = np.add.reduceat(known, start, dtype=np.int64), np.flatnonzero(known)
        p, s, offset = p[kept], s[kept], np.cumsum(n) - n
    rho = np.full(start.size, np.nan)
    for lists, m in _equal_lengths(n, max(min_pairs, 2)):
        for rows in _blocks(lists.size, m):
            cells = _cells(offset[lists[rows]], m)
            rho[lists[rows]] = _rho(p[cells].reshape(-1, m), s[cells].reshape(-1, m))
    return ListCorrelations(ids[start], rho, n)


def _equal_lengths(n: Ints, least: int) -> Iterator[tuple[Ints, int]]:
    """The lists (indices) of each length n >= least; there are at most sqrt(2 x rows) different lengths."""
    order = np.argsort(n, kind="stable")
    for lists in np.split(order, np.flatnonzero(np.diff(n[order])) + 1):
        if lists.size and n[lists[0]] >= least:
            yield lists, int(n[lists[0]])


def _cells(offset: Ints, m: int) -> slice | Ints:
    """The rows of lists of length m that begin at ascending `offset`: a slice, which copies nothing, if they adjoin."""
    if offset[-1] - offset[0] == (offset.size - 1) * m:
        return slice(offset[0], offset[-1] + m)
    return offset[:, None] + np.arange(m)


def _blocks(lists: int, m: int) -> Iterator[slice]:
    """Slices of about `BLOCK` cells over lists of length m."""
    step = max(1, BLOCK // m)
    return (slice(i, i + step) for i in range(0, lists, step))


def _rho(p: Floats, s: Floats) -> Floats:
    """rho (B,) of a block of B lists, p and s (B, m) finite. Ranks are doubled and centred: -(m - 1) .. m - 1."""
    m = p.shape[1]
    height, s = _by_height(p, s)
    key, bits = _sorted_with(s, height + (m - 1))
    rank = _midranks(key >> bits)
    product = np.einsum("ij,ij->i", rank, key & ((1 << bits) - 1))  # a row of rank sums to 0, so m - 1 drops out
    spread = [np.einsum("ij,ij->i", r, r).astype(np.float64) for r in (rank, height)]
    with np.errstate(invalid="ignore"):
        rho: Floats = product / np.sqrt(spread[0] * spread[1])
    return rho


def _by_height(p: Floats, s: Floats) -> tuple[Ints, Floats]:
    """Doubled centred ranks of height, and the votes, in order of position (B, m)."""
    lists, m = p.shape
    if (p[:, 1:] > p[:, :-1]).all():
        return np.broadcast_to(m - 1 - 2 * np.arange(m), p.shape), s
    key, bits = _sorted_with(p, np.arange(m))
    cells = (key & ((1 << bits) - 1)) + m * np.arange(lists)[:, None]
    return -_midranks(key >> bits), s.ravel()[cells]


def _sorted_with(x: Floats, low: Ints) -> tuple[Ints, int]:
    """Rows of x sorted, as int64 keys (B, m) whose last `bits` bits hold the companion 0 <= low <= 2 m - 2."""
    bits = (2 * x.shape[1] - 2).bit_length()
    key = np.add(x, 0.0, order="C").view(np.int64)  # a copy, and -0.0 becomes 0.0
    if np.bitwise_or.reduce(key, axis=None) & ((1 << bits) - 1):
        key = _ordinals(x).view(np.int64)
    key |= low
    key.view(np.float64).sort(axis=1)
    return key, bits


def _ordinals(x: Floats) -> Floats:
    """Whole numbers (B, m) in the same order and with the same ties, row by row."""
    cells = np.argsort(x, axis=1) + x.shape[1] * np.arange(len(x))[:, None]
    ordinal = np.empty(x.shape)
    ordinal.ravel()[cells] = _midranks(x.ravel()[cells])
    return ordinal


def _midranks(ordered: NDArray[Any]) -> Ints:
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
