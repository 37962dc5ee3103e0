"""Would votes shuffled inside every list do as well? The exact null of the mean within-list rho.

If the votes of a list had been dealt to its places by lot, every arrangement would be equally likely. Then rho_k has
mean 0 and variance exactly 1 / (n_k - 1), with ties or without (Hoeffding 1951; Kendall & Gibbons 1990, ch. 4), so

    z = sum rho_k / sqrt(sum 1 / (n_k - 1))

needs no shuffling and is nearly normal from some dozen lists on. For fewer, `permutation_test` counts all arrangements
where that is possible, by adding up the lists' exact distributions, and otherwise draws them.

Rejecting says "some association" and no more: any shared cause rejects as well. Lists are shuffled independently, which
is too generous if the same keyword is there on many days or the same domain in many lists: for those, see the
intervals of `models.ranks.association`. Give one list per keyword.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from models.ranks.domains import unit_ranks
from models.ranks.lists import Floats, ListCorrelations, columns, rectangles, starts

LONGEST = 8  # results of a list up to which all its 40,320 arrangements are counted
FEW = 30  # lists up to which that is done; beyond, drawing is as good and quicker
MOST = 2_000_000  # different sums of rho that are held at once
SAME = 1e-9  # sums of rho nearer than this are equal but for rounding


@dataclass(frozen=True)
class NullTest:
    """Mean rho against its exact standard deviation under shuffling; p is two-sided and normal. NaN without lists."""

    mean_rho: float
    null_sd: float
    z: float
    p: float
    n_lists: int


@dataclass(frozen=True)
class PermutationTest:
    """Mean rho and the share of arrangements with a mean at least as high (`p_better`) or as far from 0 (`p`)."""

    mean_rho: float
    p_better: float
    p: float
    null_sd: float
    n_lists: int
    is_exact: bool


def null_test(lists: ListCorrelations) -> NullTest:
    """The test of "votes are dealt by lot" from rho and n of every list; lists without rho are left out."""
    known = ~np.isnan(lists.rho)
    rho, variance = lists.rho[known], 1 / (lists.n_pairs[known] - 1)
    if not rho.size:
        return NullTest(*(float("nan"),) * 4, 0)
    z = float(rho.sum() / np.sqrt(variance.sum()))
    sd = float(np.sqrt(variance.sum()) / rho.size)
    return NullTest(float(rho.mean()), sd, z, float(2 * ndtr(-abs(z))), rho.size)


def permutation_test(
    list_id: ArrayLike, position: ArrayLike, votes: ArrayLike, *, min_pairs: int = 5, draws: int = 1999, seed: int = 0
) -> PermutationTest:
    """Shuffle votes inside every list; arrays (n,), rows in any order, rows with NaN left out.

    Counts all arrangements of up to `FEW` lists, none longer than `LONGEST`, if their sums can be held; otherwise draws
    `draws` of them, and p = (1 + as extreme) / (1 + draws), which is never 0. Raises ValueError for infinite numbers.
    """
    if draws < 1:
        raise ValueError(f"draws must be at least 1, not {draws}")
    parts = list(_parts(*_known(list_id, position, votes), min_pairs))
    lists = sum(len(a) for a, _ in parts)
    if not lists:
        return PermutationTest(*(float("nan"),) * 4, 0, False)
    found = sum(float((a * b).sum()) for a, b in parts)
    exact = _all_sums(parts) if lists <= FEW else None
    sums, weight = exact or _drawn_sums(parts, draws, np.random.default_rng(seed))
    add, total = (0.0, weight.sum()) if exact else (1.0, weight.sum() + 1)
    better, as_far = sums >= found - SAME, np.abs(sums) >= abs(found) - SAME
    p_better, p = (float((add + weight[some].sum()) / total) for some in (better, as_far))
    sd = float(np.sqrt((weight * sums**2).sum() / weight.sum()) / lists)
    return PermutationTest(found / lists, p_better, p, sd, lists, exact is not None)


def _known(list_id: ArrayLike, position: ArrayLike, votes: ArrayLike) -> tuple[NDArray[np.integer], Floats, Floats]:
    """Known rows by list, position and votes, so that the order in which rows came cannot change the draws."""
    ids, p, s = columns({"list_id": list_id}, {"position": position, "votes": votes})
    known = ~(np.isnan(p) | np.isnan(s))
    ids, p, s = ids[known], p[known], s[known]
    order = np.lexsort((s, p, ids))
    return ids[order], p[order], s[order]


def _parts(ids: NDArray[np.integer], p: Floats, s: Floats, min_pairs: int) -> Iterator[tuple[Floats, Floats]]:
    """Scaled ranks of height and votes (B, m) of the lists of each length that vary: a row's product sum is its rho."""
    start = starts(ids)
    a, b = (unit_ranks(ids, x) for x in (-p, s))
    n = np.diff(start, append=ids.size)
    for lists, cells in rectangles(n, start, max(min_pairs, 2), ids.size):
        x, y = (z[cells].reshape(lists.size, -1) for z in (a, b))
        varies = ~(np.isnan(x) | np.isnan(y)).any(axis=1)
        yield x[varies], y[varies]


def _all_sums(parts: list[tuple[Floats, Floats]]) -> tuple[Floats, Floats] | None:
    """Every sum of rho over lists and its probability, or None if there are too many to count."""
    sums, weight = np.zeros(1), np.ones(1)
    for a, b in ((a, b) for x, y in parts for a, b in zip(x, y, strict=True)):
        if a.size > LONGEST:
            return None
        values, share = _merged(a[np.array(list(permutations(range(a.size))))] @ b, None)
        if values.size * sums.size > MOST:
            return None
        sums, weight = _merged(np.add.outer(sums, values).ravel(), np.multiply.outer(weight, share).ravel())
    return sums, weight


def _merged(values: Floats, weight: Floats | None) -> tuple[Floats, Floats]:
    """Equal values once, with the sum of their weights; without weights, all weigh the same and sum to 1."""
    different, code = np.unique(np.round(values, 11), return_inverse=True)
    weights = np.full(values.size, 1 / values.size) if weight is None else weight
    return different, np.bincount(code, weights=weights).astype(np.float64)


def _drawn_sums(parts: list[tuple[Floats, Floats]], draws: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Sums of rho over lists of as many random arrangements, each with weight 1."""
    sums = np.array([sum(np.vdot(a, rng.permuted(b, axis=1)) for a, b in parts) for _ in range(draws)])
    return sums.astype(np.float64), np.ones(draws)
