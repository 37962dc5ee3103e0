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

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.ranks.bootstrap import Interval, cluster_bootstrap_mean
from models.ranks.clusters import count, estimate
from models.ranks.domains import mean_influence
from models.ranks.lists import (
    Floats,
    Ints,
    ListCorrelations,
    blocks,
    by_list,
    columns,
    midranks,
    of_list,
    per_list,
    rectangle_ranks,
    starts,
)

BLOCK = 32_768  # cells handled at once: the temporaries of 256 KB in use stay in the second-level cache


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
    n_domains: int | None = None  # domains behind an interval that is clustered on them too


def associate(
    list_id: ArrayLike,
    cluster_id: ArrayLike,
    position: ArrayLike,
    votes: ArrayLike,
    depth: int,
    *,
    domain_id: ArrayLike | None = None,
    min_pairs: int = 5,
    draws: int = 1000,
    seed: int = 0,
) -> Association:
    """Mean rho over lists cut at `depth`, every list weighing the same, and its 95 % interval clustered on keywords.

    All arrays (n,), one row per result; `cluster_id` is the keyword and the same on all rows of a list. `n_lists` and
    `n_keywords` count lists with a rho and their keywords, `n_skipped` other lists with a row within the depth.

    The interval is a bootstrap over keywords. With `domain_id`, the domain of each row, it allows for pages of one
    domain that stand in many lists too: Student's t on the two-way error of `models.ranks.domains`, NaN
    for a single domain.
    """
    given = {"list_id": list_id, "cluster_id": cluster_id} | ({} if domain_id is None else {"domain_id": domain_id})
    ids, clusters, *domains, p, s = by_list(*columns(given, {"position": position, "votes": votes}))
    start, within = starts(ids), p <= depth
    s = np.where(within, s, np.nan)
    found = spearman_of(ids, p, s, min_pairs)
    known = ~np.isnan(found.rho)
    rho, cluster = found.rho[known], of_list(ids, start, clusters)[known]
    mean = float(rho.mean()) if rho.size else float("nan")
    skipped = np.logical_or.reduceat(within, start)[~known].sum() if start.size else 0
    if domains:
        interval, n_domains = two_way(mean, mean_influence(ids, p, s, found.rho), clusters, *domains)
    else:
        interval, n_domains = cluster_bootstrap_mean(rho, cluster, draws, seed), None
    return Association(depth, mean, interval.low, interval.high, rho.size, int(skipped), count(cluster), n_domains)


def two_way(
    mean: float, influence: Floats, clusters: NDArray[np.integer], domains: NDArray[np.integer]
) -> tuple[Interval, int]:
    """The interval of a mean clustered on keywords and domains, and the number of domains that take part."""
    used = ~np.isnan(influence)
    found = estimate(mean, influence[used], clusters[used], domains[used])
    return Interval(found.low, found.high), count(domains[used])


def within_list_spearman(
    list_id: ArrayLike, position: ArrayLike, votes: ArrayLike, *, min_pairs: int = 5
) -> ListCorrelations:
    """Spearman's rho of votes and height inside every list; arrays (n,), rows in any order.

    A NaN vote or position is unknown and its row is left out. Fewer than `min_pairs` known rows, or equal votes or
    positions throughout, give NaN. Raises ValueError for infinite numbers.
    """
    ids, p, s = by_list(*columns({"list_id": list_id}, {"position": position, "votes": votes}))
    return spearman_of(ids, p, s, min_pairs)


def spearman_of(ids: NDArray[np.integer], p: Floats, s: Floats, min_pairs: int) -> ListCorrelations:
    """The same for checked columns whose rows stand list by list."""
    return per_list(ids, starts(ids), p, s, min_pairs=min_pairs, kernel=_rho, block=BLOCK)


def spearman_rectangle(position: ArrayLike, votes: ArrayLike) -> Floats:
    """rho (L,) of L lists of equal length m from (L, m) arrays without gaps; NaN where one does not vary."""
    p, s = np.asarray(position, dtype=np.float64), np.asarray(votes, dtype=np.float64)
    if p.ndim != 2 or p.shape != s.shape:
        raise ValueError("position and votes must be rectangles of one shape")
    if not (np.isfinite(p).all() and np.isfinite(s).all()):
        raise ValueError("a rectangle holds finite numbers only: use within_list_spearman where some are unknown")
    rho = np.full(len(p), np.nan)
    for rows in blocks(len(p), p.shape[1], BLOCK) if p.shape[1] > 1 else ():
        rho[rows] = _rho(p[rows], s[rows])
    return rho


def _rho(p: Floats, s: Floats) -> Floats:
    """rho (B,) of a block of B lists, p and s (B, m) finite. Ranks are doubled and centred: -(m - 1) .. m - 1."""
    m = p.shape[1]
    height, s = _by_height(p, s)
    key, bits = _sorted_with(s, height + (m - 1))
    rank = midranks(key >> bits)
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
    return -midranks(key >> bits), s.ravel()[cells]


def _sorted_with(x: Floats, low: Ints) -> tuple[Ints, int]:
    """Rows of x sorted, as int64 keys (B, m) whose last `bits` bits hold the companion 0 <= low <= 2 m - 2."""
    bits = (2 * x.shape[1] - 2).bit_length()
    key = np.add(x, 0.0, order="C").view(np.int64)  # a copy, and -0.0 becomes 0.0
    if np.bitwise_or.reduce(key, axis=None) & ((1 << bits) - 1):
        key = rectangle_ranks(x).astype(np.float64).view(np.int64)
    key |= low
    key.view(np.float64).sort(axis=1)
    return key, bits
