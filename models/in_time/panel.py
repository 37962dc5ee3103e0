"""What the models of time read: the positions of pages in lists, and their votes, day by day."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Panel:
    """Positions (n rows) and votes (P pages x T steps) of one engine, platform and verb.

    A row is one page in one result list: `keyword` (n,) and `page` (n,) count from 0, `step` (n,) is the time step,
    `position` (n,) is 1 for the best. A page that is often in a keyword's lists but was not found in one of them stands
    there with `depth` + 1, which is read as "below `depth`"; a list that was not read has no rows.

    `votes` (P, T) is the count known at the moment of the lists of a step, NaN where unknown. `ruler` (P, T) changes
    whenever counts before and after cannot be compared (a reset, a post found late, a break of the platform's metric),
    `segment` (T,) whenever positions cannot (a break of the search engine's). `domain` (P,) is the page's registrable
    domain, counted from 0. A step lasts `step_days` days.
    """

    keyword: Ints
    page: Ints
    step: Ints
    position: Floats
    votes: Floats
    ruler: Ints
    segment: Ints
    domain: Ints
    depth: int
    step_days: int = 1

    def __post_init__(self) -> None:
        rows = {x.shape for x in (self.keyword, self.page, self.step, self.position)}
        if len(rows) != 1 or self.keyword.ndim != 1:
            raise ValueError("keyword, page, step and position must be one-dimensional and equally long")
        if self.votes.ndim != 2 or self.ruler.shape != self.votes.shape:
            raise ValueError("votes and ruler must be tables of pages x steps of one shape")
        if self.domain.shape != self.votes.shape[:1] or self.segment.shape != self.votes.shape[1:]:
            raise ValueError("domain has one entry per page, segment one per step")

    @property
    def doublings(self) -> Floats:
        """log2(1 + votes) (P, T): a step of 1 is a doubling, once there are a few votes."""
        return np.log2(1.0 + self.votes)


def mean_known(x: Floats, axis: int) -> Floats:
    """Mean of the known entries along an axis; NaN where none is known."""
    n = np.isfinite(x).sum(axis=axis)
    mean: Floats = np.where(n > 0, np.nansum(x, axis=axis) / np.maximum(n, 1), np.nan)
    return mean
