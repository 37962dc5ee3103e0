"""Outcomes of posts by weekday and time of day, with who published and in which week taken out, as sums that are few.

y = cell effect + group (platform and domain) + week + shock of the day + noise. Groups and weeks are swept out (Frisch
& Waugh 1933, Econometrica 1), so nobody is compared with another publisher, nor a week with another week. With X the
cells (weekday x time of day), D the days and M the sweep, everything the estimate needs is

    s = X'My, G = X'MX (C, C), H = X'MD D'MX (C, C), and s ~ N(G beta, noise2 G + day2 H).

noise2 and day2 come from two sums of squares of the residuals, of all posts and of days, set to their expected values
tr(M) noise2 + tr(A) day2 and tr(A) noise2 + tr(A^2) day2, A = D'MD (Henderson 1953, Biometrics 9).

Posts of one day share what happened that day; a model that forgets this finds best weekdays in the news.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

HOURS = 3  # of one part of the day
PARTS = 24 // HOURS
WEEKDAYS = 7
CELLS = WEEKDAYS * PARTS
MONDAY = 3  # days since 1970, which began on a Thursday, are moved by this to start weeks on Mondays
WEEKDAY, PART = np.arange(CELLS) // PARTS, np.arange(CELLS) % PARTS


@dataclass(frozen=True, eq=False)
class Design:
    """Posts (n,): residual of the outcome, cell and day (numbered 0 .. n_days - 1); and the sums of the module's text.

    `weekday` and `week` are of the days (n_days,); `df` is what groups and weeks leave of n.
    """

    residual: Floats
    cell: Ints
    day: Ints
    weekday: Ints
    week: Ints
    score: Floats
    gram: Floats
    gram_days: Floats
    days_swept: Floats
    df: int

    @property
    def n_cell(self) -> Ints:
        """Posts per cell (CELLS,)."""
        return np.bincount(self.cell, minlength=CELLS).astype(np.int64)

    @cached_property
    def variances(self) -> tuple[float, float]:
        """noise2 and day2, as if time did not matter; day2 not below 0."""
        a = self.days_swept
        of_day = np.bincount(self.day, weights=self.residual)
        return _solve(
            float(self.residual @ self.residual), float(of_day @ of_day),
            float(self.df), float(np.trace(a)), float((a**2).sum()),
        )  # fmt: skip

    @cached_property
    def variances_within(self) -> tuple[float, float]:
        """noise2 and day2 of what weekday and time of day, added up, do not explain."""
        z = np.concatenate((WEEKDAY[:, None] == np.arange(WEEKDAYS), PART[:, None] == np.arange(PARTS)), axis=1)
        z = z.astype(np.float64)
        inverse = np.linalg.pinv(z.T @ self.gram @ z, rcond=1e-9, hermitian=True)
        beta, across = inverse @ (z.T @ self.score), z.T @ self.gram_days
        a = self.days_swept - across.T @ inverse @ across
        of_day = np.bincount(self.day, weights=self.residual) - across.T @ beta
        squares = float(self.residual @ self.residual - (z.T @ self.score) @ beta)
        rank = np.linalg.matrix_rank(z.T @ self.gram @ z, tol=1e-9 * max(np.trace(self.gram), 1.0), hermitian=True)
        return _solve(
            max(squares, 0.0), float(of_day @ of_day), float(self.df - rank), float(np.trace(a)), float((a**2).sum())
        )


def cells(hour: ArrayLike) -> Ints:
    """Cell (n,) 0 .. CELLS - 1, Monday's first part of the day first, of hours (n,) since 1970 on a local clock."""
    h = np.asarray(hour, dtype=np.int64)
    return (h // 24 + MONDAY) % WEEKDAYS * PARTS + h % 24 // HOURS


def design(outcome: ArrayLike, hour: ArrayLike, group: ArrayLike) -> Design:
    """Sums of posts (n,): finite outcomes, hours since 1970 on a local clock, and groups as integers.

    Takes time and memory in proportion to n, and for a matrix of days by days.
    """
    y, h = np.asarray(outcome, dtype=np.float64), np.asarray(hour, dtype=np.int64)
    if y.ndim != 1 or not y.shape == h.shape == np.asarray(group).shape:
        raise ValueError("outcome, hour and group must be one-dimensional and equally long")
    if not np.isfinite(y).all():
        raise ValueError("outcomes must be known: leave other posts out")
    dates, day = np.unique(h // 24, return_inverse=True)
    week = np.unique((dates + MONDAY) // WEEKDAYS, return_inverse=True)[1]
    code = np.unique(group, return_inverse=True)[1]
    cell = cells(h)
    swept, to_week = _without_groups(cell, day, code, dates.size), _indicator(week)
    weeks = swept[:, CELLS:] @ to_week
    inverse = np.linalg.pinv(to_week.T @ weeks[CELLS:], rcond=1e-9, hermitian=True)
    swept -= weeks @ inverse @ weeks.T
    within = y - _group_means(y, code)
    of_week = inverse @ np.bincount(week[day], weights=within, minlength=to_week.shape[1])
    rest = y - of_week[week[day]]
    residual = rest - _group_means(rest, code)
    n_weeks = round(float(np.trace(inverse @ (to_week.T @ weeks[CELLS:]))))
    return Design(
        residual, cell, day.astype(np.int64), ((dates + MONDAY) % WEEKDAYS).astype(np.int64), week.astype(np.int64),
        _sums(cell, residual, CELLS), swept[:CELLS, :CELLS], swept[:CELLS, CELLS:],
        swept[CELLS:, CELLS:], y.size - int(code.max(initial=-1)) - 1 - n_weeks,
    )  # fmt: skip


def _without_groups(cell: Ints, day: Ints, group: Ints, n_days: int) -> Floats:
    """[X D]' M [X D] with only groups swept out (CELLS + n_days square)."""
    n = cell.size
    columns = np.concatenate((cell, CELLS + day))
    both = sparse.csr_matrix((np.ones(2 * n), (np.tile(np.arange(n), 2), columns)), shape=(n, CELLS + n_days))
    of_group = sparse.csr_matrix((np.ones(n), (group, np.arange(n))))
    size = np.asarray(of_group.sum(axis=1)).ravel()
    sums = of_group @ both
    crossed = sums.T @ sparse.diags(1 / size) @ sums
    return np.asarray((both.T @ both - crossed).todense(), dtype=np.float64)


def _sums(code: Ints, values: Floats, size: int = 0) -> Floats:
    return np.bincount(code, weights=values, minlength=size).astype(np.float64)


def _group_means(y: Floats, group: Ints) -> Floats:
    means = np.bincount(group, weights=y) / np.maximum(np.bincount(group), 1)
    return np.asarray(means[group], dtype=np.float64)


def _indicator(code: Ints) -> Floats:
    is_own: Floats = (code[:, None] == np.arange(int(code.max(initial=-1)) + 1)).astype(np.float64)
    return is_own


def _solve(squares: float, squares_of_days: float, tr_m: float, tr_a: float, tr_a2: float) -> tuple[float, float]:
    """noise2 and day2 from the two sums of squares and their traces."""
    determinant = tr_m * tr_a2 - tr_a**2
    day2 = 0.0 if determinant <= 1e-9 * tr_m * tr_a2 else (tr_m * squares_of_days - tr_a * squares) / determinant
    day2 = max(day2, 0.0)
    noise2 = (squares - tr_a * day2) / tr_m if tr_m > 0 else 0.0
    return (noise2, day2) if noise2 > 0 else (max(squares / tr_m, 0.0) if tr_m > 0 else 0.0, 0.0)
