"""Does an association differ between regions, or devices, or languages? Pooling, and a test of any difference.

Region g has the effect b_g with standard error s_g from k_g clusters (keywords). With w = 1 / s^2, W = sum w and
mu = sum w b / W, the test is Welch's (1951, Biometrika 38), the Q test for errors that are estimated themselves:

    F = [sum w (b - mu)^2 / (G - 1)] / [1 + 2 (G - 2) / (G^2 - 1) L],  L = sum (1 - w / W)^2 / (k - 1),

with G - 1 and (G^2 - 1) / (3 L) degrees of freedom. With many clusters it is Q on chi^2. What a region borrows from the
others is in models/guards/pooling.py; with a p above the level it leans on them nearly wholly.

Assumes that errors of regions are independent. The same pages in several regions make them move together, which makes
the test too cautious, not too bold. No difference found is none that these data can show: `spread` says how far regions
are thought to differ, and the intervals how far they may.
"""

from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import fdtrc

from models.guards.pooling import pool

Floats = NDArray[np.float64]
FEWEST_CLUSTERS = 10  # below, an error is little more than a guess
Z95 = 1.959964


@dataclass(frozen=True, eq=False)
class Compared:
    """Regions (G,): pooled effects with their 95 % intervals, NaN for those left out; overall, spread, and p.

    `n_regions` counts those that took part; `p` and `spread` are NaN with fewer than two.
    """

    pooled: Floats
    low: Floats
    high: Floats
    overall: float
    spread: float
    p: float
    n_regions: int


def compare(effects: ArrayLike, se: ArrayLike, n_clusters: ArrayLike) -> Compared:
    """Compare effects (G,) with errors (G,) of that many clusters (G,).

    A region with an unknown effect, an error that is unknown or 0, or below `FEWEST_CLUSTERS` clusters takes no part.
    """
    b, s, k = (np.asarray(x, dtype=np.float64) for x in (effects, se, n_clusters))
    if b.ndim != 1 or not b.shape == s.shape == k.shape:
        raise ValueError("effects, errors and clusters must be one-dimensional and equally long")
    takes_part = np.isfinite(b) & np.isfinite(s) & (s > 0) & (k >= FEWEST_CLUSTERS)
    b, s = np.where(takes_part, b, nan), np.where(takes_part, s, nan)
    found = pool(b, s)
    half = Z95 * found.shrunk_se
    p = welch(b[takes_part], s[takes_part], k[takes_part])
    spread = float(np.sqrt(found.tau2))
    return Compared(found.shrunk, found.shrunk - half, found.shrunk + half, found.mu, spread, p, found.n_groups)


def welch(b: Floats, s: Floats, k: Floats) -> float:
    """p of Welch's test that effects (G,) are equal; NaN with fewer than two."""
    groups = b.size
    if groups < 2:
        return nan
    w = 1 / s**2
    share = w / w.sum()
    lack = float(((1 - share) ** 2 / (k - 1)).sum())
    between = float((w * (b - (share * b).sum()) ** 2).sum()) / (groups - 1)
    f = between / (1 + 2 * (groups - 2) / (groups**2 - 1) * lack)
    return float(fdtrc(groups - 1, (groups**2 - 1) / (3 * lack), f))
