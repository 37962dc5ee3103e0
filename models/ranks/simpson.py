"""Does throwing all lists together turn the answer round? Pooled Spearman beside the mean within-list one.

Popular keywords have more votes on all their pages, and their lists are deeper or their pages stand elsewhere. A rank
correlation over all rows mixes that with the question of which page of one list stands higher, and can have the other
sign (Simpson 1951; Blyth 1972). Only the within-list number compares pages that compete. The pooled one is computed to
show what would have been said without lists, never as evidence.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from models.ranks.association import within_list_spearman


@dataclass(frozen=True)
class PooledAndWithin:
    """Spearman over all rows as if they were one list, and its mean inside lists; positive = better, NaN unknown."""

    pooled: float
    within: float
    n_lists: int

    @property
    def is_reversed(self) -> bool:
        """Whether pooling gives the other sign."""
        return self.pooled * self.within < 0

    @property
    def in_words(self) -> str:
        """Both numbers and what they differ by, for people."""
        if np.isnan(self.pooled) or np.isnan(self.within):
            return "Pooled and within-list correlation cannot be compared: too few known votes."
        numbers = f"{self.within:+.2f} inside lists, {self.pooled:+.2f} with all lists thrown together"
        if self.is_reversed:
            return f"Correlation is {numbers}: pooling turns the sign round, because whole lists differ. Use the first."
        return f"Correlation is {numbers}. Only the first compares pages that compete."


def pooled_and_within(
    list_id: ArrayLike, position: ArrayLike, votes: ArrayLike, *, min_pairs: int = 5
) -> PooledAndWithin:
    """Both correlations of votes and height; arrays (n,), rows with NaN left out, ValueError for infinite numbers."""
    rho = within_list_spearman(list_id, position, votes, min_pairs=min_pairs).rho
    one = within_list_spearman(np.zeros(np.shape(position), dtype=np.int64), position, votes, min_pairs=min_pairs).rho
    known = rho[~np.isnan(rho)]
    within = float(known.mean()) if known.size else float("nan")
    return PooledAndWithin(float(one[0]) if one.size else float("nan"), within, known.size)
