"""How much each result moves the mean within-list rho: what is needed to cluster its error by domain.

A keyword owns whole lists, a domain owns single rows of many lists. So the mean of rho over L lists is written as a sum
over rows. With a_i and b_i the centred ranks of height and votes in list l, each scaled to sum of squares 1, rho_l =
sum_i a_i b_i, and the influence of row i on the mean r (of a correlation; Devlin, Gnanadesikan & Kettenring 1975) is

    u_i = [a_i b_i - r (a_i^2 + b_i^2) / 2] / L,

which adds up to (rho_l - r) / L over a list, so clustering by keyword gives back the error of the list means exactly,
and `models.ranks.clusters` can add any second clustering. Ranks are taken as given: that a row also shifts the ranks
of the others in its list is left out. It is a term that vanishes at rho = 0, where tests are made.

Simulated size of a nominal 5 % test of "no association", 1,000 worlds each, lists of 20, domain sizes by a power law
of index 0.8; the domain effect is half of the variance of votes and, unrelated to it, half of that of positions:

| keywords | domains | domain effect | keyword alone | keyword and domain |
|---:|---:|---|---:|---:|
| 300 | 400 | none | 5.5 % | 5.0 % |
| 300 | 400 | half | 56.4 % | 6.9 % |
| 1,000 | 400 | half | 74.0 % | 7.4 % |
| 300 | 40 | half | 77.1 % | 7.1 % |

So an interval over keywords alone is worthless where domains have a standing of their own, and what is left is two
points of size, because the domains that stand in most lists are few.
"""

import numpy as np
from numpy.typing import NDArray

from models.ranks.lists import Floats, Ints, starts, within_ranks


def mean_influence(ids: NDArray[np.integer], p: Floats, s: Floats, rho: Floats) -> Floats:
    """Influence (n,) of every row on the mean of the known `rho` (L,); NaN for rows that take no part in it.

    Rows stand list by list, `rho` is that of their lists in the same order, and NaN in p or s means left out.
    """
    known = ~np.isnan(rho)
    n = np.diff(starts(ids), append=ids.size)
    used = np.repeat(known, n) & ~(np.isnan(p) | np.isnan(s))
    influence = np.full(ids.size, np.nan)
    if known.any():
        mean = rho[known].mean()
        a, b = (unit_ranks(ids[used], x[used]) for x in (-p, s))
        influence[used] = (a * b - mean * (a * a + b * b) / 2) / known.sum()
    return influence


def unit_ranks(ids: NDArray[np.integer], x: Floats) -> Floats:
    """Centred average ranks within lists, scaled to sum of squares 1 in each (n,); NaN where a list does not vary."""
    start: Ints = starts(ids)
    if not ids.size:
        return np.empty(0)
    rank = within_ranks(start, x)
    length = np.sqrt(np.add.reduceat(rank * rank, start))
    length[length == 0] = np.nan
    scaled: Floats = rank / np.repeat(length, np.diff(start, append=ids.size))
    return scaled
