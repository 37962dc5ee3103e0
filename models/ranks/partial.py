"""Do better-voted pages stand higher among pages of equal links, authority, length? Partial rank correlation.

Height, votes and covariates are replaced by their average ranks within each list and centred there. Height and votes
are each regressed on the covariates, with slopes shared by all lists; rho is the correlation of the two residuals,
which is -P_12 / sqrt(P_11 P_22) for the inverse P of the pooled matrix of products (Kendall 1942). Pooled slopes need
many keywords, not long lists. `within_list_partial` does the same inside every list, which is noisy unless there are
a dozen results more than covariates.

Errors are clustered by keyword and, if given, domain (`models.ranks.clusters`). With e_h and e_s the residuals and S
their sums of squares, row i moves rho by e_h e_s / sqrt(S_hh S_ss) - rho (e_h^2 / S_hh + e_s^2 / S_ss) / 2; the
coefficients of the regression of height ranks on the ranks X of votes and covariates move by (X'X)^-1 x_i e_i. Ranks
are taken as given.

It fails where covariates are noisy: links that measure quality badly leave a rho that votes did not earn. Even a cause
that is measured without error is not taken out whole, because ranks do not depend on each other by straight lines: of
a plain rho of 0.45 to 0.48 that one normal cause brings about, 0.05 is left in lists of 12, 0.04 of 20, 0.03 of 50.
So a small rho with a narrow interval shows no direct relation. And a covariate that votes themselves raise (links
earned through shares) takes real effect away: show rho with it and without.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.ranks.clusters import Estimate, clustered_variance, count, estimate
from models.ranks.lists import Floats, ListCorrelations, by_list, columns, of_list, starts, within_ranks

FLAT = 1e-8  # share of a covariate's variance that must be left beside the others
UNKNOWN = Estimate(float("nan"), float("nan"), 0)


@dataclass(frozen=True, eq=False)
class PartialCorrelation:
    """Partial `rho` and plain `raw`, positive = better; and the rank regression of height: `coef`, `se` by `names`.

    `names` (q,) are votes, then the covariates. NaN is unknown.
    """

    rho: Estimate
    raw: Estimate
    names: tuple[str, ...]
    coef: Floats
    se: Floats
    n_rows: int
    n_lists: int
    n_keywords: int
    n_domains: int | None = None


def partial_spearman(
    list_id: ArrayLike,
    cluster_id: ArrayLike,
    position: ArrayLike,
    votes: ArrayLike,
    covariates: Mapping[str, ArrayLike],
    *,
    domain_id: ArrayLike | None = None,
    min_pairs: int = 5,
    small_sample: bool = True,
) -> PartialCorrelation:
    """Partial rank correlation of votes and height within lists, given covariates (n,) by name.

    All arrays (n,), one row per result; `cluster_id` is the keyword and the same on all rows of a list. A row with any
    NaN is left out, then lists with fewer than `min_pairs` rows. `small_sample` turns on the factor G / (G - 1) of
    `se`. Votes that never vary give NaN. Raises ValueError for a covariate that is constant in every list, for one that
    the others determine, for covariates that determine votes, and for infinite numbers.
    """
    given = {"list_id": list_id, "cluster_id": cluster_id} | ({} if domain_id is None else {"domain_id": domain_id})
    ids, clusters, *domains, w = centred_ranks(given, position, votes, covariates, min_pairs)
    of_list(ids, starts(ids), clusters)
    names = ("votes", *covariates)
    _refuse_what_cannot_be_told_apart(w, names)
    sizes = (ids.size, count(ids), count(clusters), count(domains[0]) if domains else None)
    if not np.any(w[:, 0]) or not np.any(w[:, 1]):
        unknown = np.full(len(names), np.nan)
        return PartialCorrelation(UNKNOWN, UNKNOWN, names, unknown, unknown, *sizes)
    by = (clusters, *domains)
    height, x = w[:, 0], w[:, 1:]
    coef, residual = _least_squares(x, height)
    influence = (x * residual[:, None]) @ np.linalg.inv(x.T @ x)
    se = np.sqrt(clustered_variance(influence, *by, small_sample=small_sample))
    e_h, e_s = (_least_squares(x[:, 1:], y)[1] for y in (height, x[:, 0]))
    rho, raw = _correlation(e_h, e_s, by), _correlation(height, x[:, 0], by)
    return PartialCorrelation(rho, raw, names, coef, se, *sizes)


def within_list_partial(
    list_id: ArrayLike,
    position: ArrayLike,
    votes: ArrayLike,
    covariates: Mapping[str, ArrayLike],
    *,
    min_pairs: int | None = None,
) -> ListCorrelations:
    """The partial rank correlation inside every list that has `min_pairs` known rows; others are not listed.

    At least covariates + 3 rows are needed, by default covariates + 5. NaN where ranks of a list determine each other.
    """
    least = len(covariates) + (5 if min_pairs is None else max(min_pairs - len(covariates), 3))
    ids, w = centred_ranks({"list_id": list_id}, position, votes, covariates, least)
    start = starts(ids)
    n = np.diff(start, append=ids.size)
    rho = np.full(start.size, np.nan)
    if start.size:
        products = np.add.reduceat(w[:, :, None] * w[:, None, :], start)
        length = np.sqrt(np.einsum("kii->ki", products))
        length[length == 0] = np.nan
        matrix = products / (length[:, :, None] * length[:, None, :])
        whole = ~np.isnan(matrix).any(axis=(1, 2))
        whole[whole] = np.linalg.eigvalsh(matrix[whole])[:, 0] > FLAT
        inverse = np.linalg.inv(matrix[whole])
        rho[whole] = -inverse[:, 0, 1] / np.sqrt(inverse[:, 0, 0] * inverse[:, 1, 1])
    return ListCorrelations(ids[start], rho, n)


def centred_ranks(
    given: Mapping[str, ArrayLike],
    position: ArrayLike,
    votes: ArrayLike,
    covariates: Mapping[str, ArrayLike],
    min_pairs: int,
) -> tuple[NDArray[Any], ...]:
    """Ids of the rows that are known throughout, list by list, and centred ranks (n, q + 1) of height, votes, ..."""
    taken = {"position", "votes"} & set(covariates)
    if taken:
        raise ValueError(f"a covariate may not be called {' or '.join(sorted(taken))}: give it another name")
    every = columns(given, {"position": position, "votes": votes, **covariates})
    ids, numbers = every[: len(given)], every[len(given) :]
    known = ~np.any(np.isnan(numbers), axis=0)
    rows = by_list(*(x[known] for x in every))
    start = starts(rows[0])
    n = np.diff(start, append=rows[0].size)
    rows = tuple(x[np.repeat(n >= min_pairs, n)] for x in rows)
    start = starts(rows[0])
    ranks = [within_ranks(start, x) for x in rows[len(ids) :]]
    return *rows[: len(ids)], np.column_stack([-ranks[0], *ranks[1:]])


def _refuse_what_cannot_be_told_apart(w: Floats, names: tuple[str, ...]) -> None:
    """ValueError for covariates that never vary in a list or that ranks of others determine, by name."""
    flat = [name for name, x in zip(names[1:], w[:, 2:].T, strict=True) if not x.any()]
    if w.size and flat:
        raise ValueError(f"covariate {', '.join(flat)} is the same on all pages of every list: leave it out")
    order = [*range(2, w.shape[1]), *([1] if w[:, 1].any() else [])]
    for i in range(1, len(order) if w.size else 0):
        x, y = w[:, order[:i]], w[:, order[i]]
        coef, residual = _least_squares(x, y)
        if residual @ residual <= FLAT * (y @ y):
            by = [names[j - 1] for j, c in zip(order[:i], coef, strict=True) if abs(c) > np.sqrt(FLAT)]
            raise ValueError(
                f"{names[order[i] - 1]} is determined by {' and '.join(by)} inside lists, so that their parts cannot "
                "be told apart: leave one of them out"
            )


def _least_squares(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Coefficients (q,) and residuals (n,) of y on x, whose columns are not collinear."""
    coef = np.asarray(np.linalg.solve(x.T @ x, x.T @ y), dtype=np.float64)
    return coef, y - x @ coef


def _correlation(a: Floats, b: Floats, by: tuple[NDArray[np.integer], ...]) -> Estimate:
    """Correlation of two centred columns (n,) with its clustered error."""
    a, b = a / np.sqrt(a @ a), b / np.sqrt(b @ b)
    rho = float(a @ b)
    return estimate(rho, a * b - rho * (a * a + b * b) / 2, *by)
