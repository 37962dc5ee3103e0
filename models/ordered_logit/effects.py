"""Coefficients of the rank-ordered logit in plain words: odds per doubling, and places gained.

    P(i above j) = 1 / (1 + exp(eta_j - eta_i))            E[position_i] = 1 + sum_{j != i} sigmoid(eta_j - eta_i)

are exact for this model, whatever else stands in the list (eta = x b + offset). Odds are about one pair of pages and
sound larger than what happens to a page: beside them belongs the number of places, which depends on the list. Both
describe the model, so they inherit all it assumes, above all that the list holds every candidate.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from models.ordered_logit.fit import OrderedLogit
from models.ordered_logit.lists import Block, Floats, Ints, Lists, prepare


@dataclass(frozen=True)
class PlacesGained:
    """Places that a page of the median list gains when one column of its alone rises by 1, with a 95 % interval."""

    places: float
    low: float
    high: float
    n_lists: int


def odds_sentence(fitted: OrderedLogit, name: str, *, kind: str = "model", label: str | None = None) -> str:
    """What a doubling does to the odds of one pair, for a column `name` that is a log2; `label` names it to people.

    "doubling saves multiplies the odds of outranking a neighbour by 1.08 (1.03–1.12)"
    """
    column = _column(fitted, name)
    low, high = np.exp(fitted.interval(kind)[column])
    odds = math.exp(fitted.coef[column])
    return (
        f"doubling {label or name} multiplies the odds of outranking a neighbour by {odds:.2f} ({low:.2f}–{high:.2f})"
    )


def expected_position(eta: ArrayLike, list_id: ArrayLike | None = None) -> Floats:
    """E[position] (n,) of rows with eta (n,) = x b + offset inside their lists; without `list_id` they are one list.

    Rows may stand in any order. Raises ValueError for numbers that are not finite. Cost: the square of a list's length.
    """
    values = np.ascontiguousarray(eta, dtype=np.float64)
    ids = np.zeros(values.size, dtype=np.int64) if list_id is None else np.asarray(list_id)
    if values.ndim != 1 or ids.shape != values.shape:
        raise ValueError("eta and list_id must be one-dimensional and equally long")
    if not np.isfinite(values).all():
        raise ValueError("eta holds numbers that are not finite: leave rows out whose columns are unknown")
    order = np.argsort(ids, kind="stable")
    start = np.append(np.flatnonzero(np.diff(ids[order], prepend=ids[order][:1] - 1)), values.size)
    out = np.empty(values.size)
    _expected(values, order, start, out)
    return out


def places_gained(
    fitted: OrderedLogit, name: str, data: Block | Lists, *, kind: str = "model", most_lists: int = 20_000
) -> PlacesGained:
    """Places gained per unit of a column, that is per doubling if it is a log2, at the list of median gain.

    A row's gain is E[position] as it is, minus E[position] with its own column one higher and its rivals unchanged; a
    list's gain is the mean over its rows. The interval repeats this at the ends of the coefficient's interval, with the
    other columns as fitted. Of more than `most_lists` lists, that many are taken at even distances. NaN without a list
    of two rows.
    """
    lists = prepare(data) if isinstance(data, Block) else data
    column = _column(fitted, name)
    whole = np.flatnonzero(np.diff(lists.start) > 1)
    chosen = whole[:: max(1, -(-whole.size // most_lists))]
    betas = np.repeat(fitted.coef[None], 3, axis=0)
    betas[1:, column] = fitted.interval(kind)[column]
    if not chosen.size:
        return PlacesGained(math.nan, math.nan, math.nan, 0)
    args = (lists.x, lists.offset, lists.order, lists.start, chosen)
    places, low, high = (float(np.median(_gains(*args, beta, beta[column]))) for beta in betas)
    return PlacesGained(places, low, high, chosen.size)


def places_sentence(gained: PlacesGained, label: str) -> str:
    """The places gained as a sentence; `label` names the column to people."""
    if math.isnan(gained.places):
        return f"no list shows what doubling {label} does to a position"
    return (
        f"in the median list, a page that doubles its {label} while its rivals stand still is expected "
        f"{gained.places:.2f} places higher ({gained.low:.2f} to {gained.high:.2f}; below 0 is lower)"
    )


def _column(fitted: OrderedLogit, name: str) -> int:
    """Where a column stands."""
    if name not in fitted.names:
        raise ValueError(f"there is no column {name!r}; there are {', '.join(map(repr, fitted.names))}")
    return fitted.names.index(name)


@njit(nogil=True, cache=True, error_model="numpy")
def _above(difference: float) -> float:
    """sigmoid without overflow."""
    if difference >= 0.0:
        return 1.0 / (1.0 + math.exp(-difference))
    small = math.exp(difference)
    return small / (1.0 + small)


@njit(nogil=True, cache=True, error_model="numpy")
def _expected(eta: Floats, order: Ints, start: Ints, out: Floats) -> None:
    """E[position] of every row into `out`."""
    out[:] = 1.0
    for index in range(start.size - 1):
        for i in range(start[index], start[index + 1]):
            for j in range(start[index], i):
                one, two = order[i], order[j]
                is_above = _above(eta[two] - eta[one])
                out[one] += is_above
                out[two] += 1.0 - is_above


@njit(nogil=True, cache=True, error_model="numpy")
def _gains(x: NDArray[Any], offset: Floats, order: Ints, start: Ints, chosen: Ints, beta: Floats, by: float) -> Floats:
    """Mean gain of the rows of each chosen list when one row's eta rises by `by`."""
    gains = np.empty(chosen.size)
    for place, index in enumerate(chosen):
        a, n = start[index], start[index + 1] - start[index]
        eta = np.zeros(n)
        for j in range(n):
            row = order[a + j] if order.size else a + j
            eta[j] = offset[row] if offset.size else 0.0
            for column in range(beta.size):
                eta[j] += beta[column] * x[row, column]
        total = 0.0
        for i in range(n):
            for j in range(n):
                if i != j:
                    total += _above(eta[j] - eta[i]) - _above(eta[j] - eta[i] - by)
        gains[place] = total / n
    return gains
