"""Counts of posts by age, and how many votes a post had at an age nobody read it at."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

AGES = 65_536.0  # days; more than any age, so that post and age fit into one sortable number
RESET_SHARE, RESET_VOTES = 0.1, 5  # a fall by more than both is a recount, as in the table stg_points


@dataclass(frozen=True, eq=False)
class Readings:
    """Known counts of posts 0 .. n_posts - 1: arrays (n,), rows by post and then by age in days since publication.

    `votes` count from 0 at publication, so the post itself is not among them.
    """

    post: Ints
    age_days: Floats
    votes: Floats
    n_posts: int

    def __post_init__(self) -> None:
        if not self.post.shape == self.age_days.shape == self.votes.shape:
            raise ValueError("post, age_days and votes must be equally long")
        if self.post.size and (np.diff(self._key) < 0).any():
            raise ValueError("readings must be in order of post and age")
        if (self.age_days < 0).any() or not np.isfinite(self.votes).all():
            raise ValueError("ages start at 0 and votes are known: leave other readings out")

    @cached_property
    def _key(self) -> Floats:
        return self.post * AGES + self.age_days

    @cached_property
    def start(self) -> Ints:
        """Row of each post's first reading (n_posts,); the next post's where it has none."""
        return np.searchsorted(self.post, np.arange(self.n_posts)).astype(np.int64)

    @cached_property
    def n_readings(self) -> Ints:
        """Readings per post (n_posts,)."""
        return np.bincount(self.post, minlength=self.n_posts).astype(np.int64)

    @cached_property
    def first_age(self) -> Floats:
        """Age at the first reading (n_posts,), NaN without one."""
        return self._of_row(self.age_days, self.start)

    @cached_property
    def last_age(self) -> Floats:
        """Age at the last reading (n_posts,), NaN without one."""
        return self._of_row(self.age_days, self.start + self.n_readings - 1)

    @cached_property
    def last_votes(self) -> Floats:
        """Votes at the last reading (n_posts,), NaN without one."""
        return self._of_row(self.votes, self.start + self.n_readings - 1)

    @cached_property
    def is_reset(self) -> Flags:
        """Whether a post's count once fell by more than a tenth and more than five (n_posts,)."""
        fall = -np.diff(self.votes)
        is_recount = (fall > RESET_VOTES) & (fall > RESET_SHARE * self.votes[:-1]) & (np.diff(self.post) == 0)
        return np.bincount(self.post[1:][is_recount], minlength=self.n_posts) > 0

    def at_age(self, days: ArrayLike, widest: float) -> Floats:
        """Votes (n_posts,) at an age, or at one age per post; NaN where it is not known.

        Between the readings on both sides (publication, with 0 votes, is one) a straight line is drawn; a gap wider
        than `widest` days, or no reading afterwards, leaves the votes unknown.
        """
        age = np.broadcast_to(np.asarray(days, dtype=np.float64), (self.n_posts,))
        row = np.searchsorted(self._key, np.arange(self.n_posts) * AGES + np.where(np.isnan(age), 0, age))
        is_read = (row < self.start + self.n_readings) & ~np.isnan(age)
        old_age, new_age, old, new = self._around(np.where(is_read, row, 0))
        gap = new_age - old_age
        share = np.divide(age - old_age, gap, out=np.ones(self.n_posts), where=gap > 0)
        return np.where(is_read & (gap <= widest), old + share * (new - old), np.nan)

    def age_at(self, votes: Floats) -> tuple[Floats, Floats]:
        """When each post first had so many votes (n_posts,), on a straight line, and the gap between the two readings.

        NaN where it never had, or where `votes` is NaN.
        """
        has = self.votes >= np.repeat(votes, self.n_readings)
        rows = np.flatnonzero(has)
        posts, first = np.unique(self.post[rows], return_index=True)
        old_age, new_age, old, new = self._around(rows[first], posts)
        rise = new - old
        share = np.divide(votes[posts] - old, rise, out=np.ones(posts.size), where=rise > 0)
        age, gap = np.full(self.n_posts, np.nan), np.full(self.n_posts, np.nan)
        age[posts], gap[posts] = old_age + np.clip(share, 0, 1) * (new_age - old_age), new_age - old_age
        return age, gap

    def _around(self, row: Ints, posts: Ints | None = None) -> tuple[Floats, Floats, Floats, Floats]:
        """Age before and at a row of each post, and votes before and at it; before the first reading stand 0 and 0."""
        if not self.post.size:
            return (np.zeros(row.shape),) * 4
        start = self.start if posts is None else self.start[posts]
        is_first = row <= start
        age, votes = (np.where(is_first, 0.0, x[np.maximum(row - 1, 0)]) for x in (self.age_days, self.votes))
        return age, self.age_days[row], votes, self.votes[row]

    def _of_row(self, values: Floats, row: Ints) -> Floats:
        has = self.n_readings > 0
        found = np.full(self.n_posts, np.nan)
        found[has] = values[row[has]]
        return found
