"""Do deeper lists show more of the association, or less? The paired difference of mean rho between two depths.

A list cut at 10 and the same list cut at 30 share their best ten results, so the two means must not be compared as if
they were two samples. For every list that has a rho at both depths, and known votes beyond the shallower one, the
difference d_l = rho_l(deep) - rho_l(shallow) is taken; its mean has the interval of `models.ranks.association`, by a
bootstrap over keywords or, with domains, by the two-way error of the difference of the row influences.

A difference is no effect of depth on search engines. Cutting a list restricts the range, so a cause that acts on the
order directly or through a shared quality gives a smaller rho at shallow depths. Votes that only follow positions
can give the same rho at all depths.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.ranks.association import spearman_of, two_way
from models.ranks.bootstrap import Interval, cluster_bootstrap_mean
from models.ranks.clusters import count
from models.ranks.domains import mean_influence
from models.ranks.lists import Floats, by_list, columns, of_list, starts

DEPTHS = (10, 20, 30, 50)


@dataclass(frozen=True)
class DepthDifference:
    """Mean of rho at `deep` minus rho at `shallow` over the lists that have both; NaN is unknown."""

    shallow: int
    deep: int
    mean_difference: float
    ci_low: float
    ci_high: float
    n_lists: int
    n_skipped: int
    n_keywords: int

    @property
    def in_words(self) -> str:
        """What the interval allows to say."""
        more = f"within the first {self.deep} results than within the first {self.shallow}"
        if np.isnan(self.ci_low):
            return f"Too few lists reach beyond {self.shallow} results to compare depths."
        if self.ci_low > 0:
            return f"Votes go with position more {more}."
        if self.ci_high < 0:
            return f"Votes go with position less {more}."
        return f"Votes go with position no clearly more and no clearly less {more}."


class _Rows(NamedTuple):
    """Rows that stand list by list."""

    ids: NDArray[np.integer]
    clusters: NDArray[np.integer]
    domains: NDArray[np.integer] | None
    p: Floats
    s: Floats


def depth_differences(
    list_id: ArrayLike,
    cluster_id: ArrayLike,
    position: ArrayLike,
    votes: ArrayLike,
    depths: Sequence[int] = DEPTHS,
    *,
    domain_id: ArrayLike | None = None,
    min_pairs: int = 5,
    draws: int = 1000,
    seed: int = 0,
) -> list[DepthDifference]:
    """Each depth against the next deeper one; arrays (n,) and intervals as in `models.ranks.association.associate`.

    `n_skipped` counts lists with a known row beyond the shallower depth that lack a rho at either.
    """
    if list(depths) != sorted(set(depths)):
        raise ValueError(f"depths must grow from one to the next, not {tuple(depths)}")
    given = {"list_id": list_id, "cluster_id": cluster_id} | ({} if domain_id is None else {"domain_id": domain_id})
    ids, clusters, *domains, p, s = by_list(*columns(given, {"position": position, "votes": votes}))
    rows = _Rows(ids, clusters, domains[0] if domains else None, p, s)
    return [_difference(rows, *pair, min_pairs, draws, seed) for pair in pairwise(depths)]


def _difference(rows: _Rows, shallow: int, deep: int, min_pairs: int, draws: int, seed: int) -> DepthDifference:
    """One pair of depths."""
    start = starts(rows.ids)
    votes = [np.where(rows.p <= depth, rows.s, np.nan) for depth in (shallow, deep)]
    rho = [spearman_of(rows.ids, rows.p, s, min_pairs).rho for s in votes]
    beyond = (rows.p > shallow) & ~np.isnan(votes[1])
    reaches = np.logical_or.reduceat(beyond, start) if start.size else beyond
    known = reaches & ~np.isnan(rho[0]) & ~np.isnan(rho[1])
    d, keyword = (rho[1] - rho[0])[known], of_list(rows.ids, start, rows.clusters)[known]
    mean = float(d.mean()) if d.size else float("nan")
    if rows.domains is None:
        interval = cluster_bootstrap_mean(d, keyword, draws, seed)
    else:
        interval = _with_domains(rows, mean, votes, [np.where(known, r, np.nan) for r in rho], rows.domains)
    skipped = int(reaches.sum() - known.sum())
    return DepthDifference(shallow, deep, mean, interval.low, interval.high, d.size, skipped, count(keyword))


def _with_domains(
    rows: _Rows, mean: float, votes: list[Floats], rho: list[Floats], domains: NDArray[np.integer]
) -> Interval:
    """The interval from the difference of influences; a row that only the deeper cut has counts there alone."""
    shallow, deep = (mean_influence(rows.ids, rows.p, s, r) for s, r in zip(votes, rho, strict=True))
    return two_way(mean, deep - np.nan_to_num(shallow), rows.clusters, domains)[0]
