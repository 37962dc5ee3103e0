"""Rows that share a position: the rank-ordered logit summed over every order they may have had (marginal likelihood).

A band D of rows with weights w_a = exp(x_a b + offset_a), before the rest of its list, of total weight S, has

    P(D before the rest) = sum over orders of prod w_a / (S + w(A)),     A = what is left of D at each stage

(Kalbfleisch & Prentice 1973). The alternating form of this sum over subsets loses all digits, so it is built up from
the empty set: f(A) = sum_{a in A} w_a / (S + w(A)) f(A \\ a), with its first two derivatives in the logarithms of
w_a and S, carried along as moments over orders (Louis 1982). All terms are positive and f is kept as a logarithm.

Assumes: the order inside a band is unknown, not "equal". That is neither Breslow's nor Efron's approximation (both
pull coefficients to 0), nor coxph's "exact", which is a model of discrete time; each is another likelihood with other
numbers. A band at the end of a list, with nothing behind it, says nothing. Cost: 2^d d^3 for d rows, so bands of more
than `LARGEST_BAND` rows that have rows behind them are refused before they come here.

Score residuals of a row are the usual ones averaged over the orders of its band, given the estimate.
"""

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Table = NDArray[Any]  # float64 or float32
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

LARGEST_BAND = 10  # a band of 10 costs about 1 ms


@njit(nogil=True, cache=True, error_model="numpy")
def add_tied_statistics(
    x: Table,
    offset: Floats,
    order: Ints,
    start: Ints,
    stages: Ints,
    ends: Flags,
    lists: Ints,
    largest: int,
    beta: Floats,
    gradient: Floats,
    information: Floats,
) -> float:
    """Add the lists (indices) `lists` to `gradient` (p,) and `information` (p, p); gives the loglik.

    `ends` (n,) is true where a band ends, in the order of the lists; `largest` is the largest band's size.
    """
    p = beta.size
    logs = np.empty(1 << largest)
    first, second = np.empty((logs.size, largest + 1)), np.empty((logs.size, largest + 1, largest + 1))
    loglik = 0.0
    for index in lists:
        a, b = start[index], start[index + 1]
        z, eta = _rows(x, offset, order, a, b, beta)
        total, sums, squares = 0.0, np.zeros(p), np.zeros((p, p))
        stop = b - a
        while stop > 0:
            begin = _band_begin(ends, a, stop)
            if total > 0.0 and begin < stages[index]:
                loglik += _log_probability(eta[begin:stop], math.log(total), logs, first, second)
                full = (1 << (stop - begin)) - 1
                _add_band(z[begin:stop], total, sums, squares, first[full], second[full], gradient, information)
            for j in range(begin, stop):
                total += _add_moments(z[j], math.exp(eta[j]), sums, squares)
            stop = begin
    return loglik


@njit(nogil=True, cache=True, error_model="numpy")
def write_tied_residuals(
    x: Table,
    offset: Floats,
    order: Ints,
    start: Ints,
    stages: Ints,
    ends: Flags,
    lists: Ints,
    first_row: int,
    largest: int,
    beta: Floats,
    out: Floats,
) -> None:
    """Score residuals of the lists (indices) `lists` into `out` (rows, p), row `first_row` of the order being its 0."""
    logs, passed = np.empty(1 << largest), np.empty(1 << largest)
    for index in lists:
        a, b = start[index], start[index + 1]
        z, eta = _rows(x, offset, order, a, b, beta)
        total, sums = _totals_behind(z, eta)
        hazard, pull = 0.0, np.zeros(beta.size)
        begin = 0
        while begin < b - a:
            stop = begin + 1
            while not ends[a + stop - 1]:
                stop += 1
            here = out[a - first_row + begin : a - first_row + stop]
            for j in range(begin, stop):
                weight = math.exp(eta[j])
                for column in range(beta.size):
                    here[j - begin, column] = -weight * (hazard * z[j, column] - pull[column])
            if stop < b - a and total[stop] > 0.0 and begin < stages[index]:
                band = eta[begin:stop]
                _log_probability_only(band, math.log(total[stop]), logs)
                hazard += _follow_orders(z[begin:stop], band, total[stop], sums[stop], logs, passed, here, pull)
            begin = stop


@njit(nogil=True, cache=True, error_model="numpy")
def _rows(x: Table, offset: Floats, order: Ints, a: int, b: int, beta: Floats) -> tuple[Floats, Floats]:
    """Columns of a list relative to its first row (n, p), and logarithms of its weights, the largest being 0."""
    n, p = b - a, beta.size
    z, eta, largest = np.empty((n, p)), np.zeros(n), -np.inf
    for j in range(n):
        row = order[a + j] if order.size else a + j
        top = order[a] if order.size else a
        if offset.size:
            eta[j] = offset[row]
        for column in range(p):
            z[j, column] = np.float64(x[row, column]) - np.float64(x[top, column])
            eta[j] += beta[column] * z[j, column]
        largest = max(largest, eta[j])
    for j in range(n):
        eta[j] -= largest
    return z, eta


@njit(nogil=True, cache=True, error_model="numpy")
def _add_moments(row: Floats, weight: float, sums: Floats, squares: Floats) -> float:
    """Add a row to the weighted sum and the weighted squares of rows; gives its weight."""
    for i in range(row.size):
        sums[i] += weight * row[i]
        for k in range(row.size):
            squares[i, k] += weight * row[i] * row[k]
    return weight


@njit(nogil=True, cache=True, error_model="numpy")
def _band_begin(ends: Flags, a: int, stop: int) -> int:
    """First row of the band that ends before row `stop` of the list that begins at `a`."""
    begin = stop - 1
    while begin > 0 and not ends[a + begin - 1]:
        begin -= 1
    return begin


@njit(nogil=True, cache=True, error_model="numpy")
def _totals_behind(z: Floats, eta: Floats) -> tuple[Floats, Floats]:
    """Sum of weights, and of weighted rows, from each row of a list to its end: (n + 1,), (n + 1, p)."""
    n, p = z.shape
    total, sums = np.zeros(n + 1), np.zeros((n + 1, p))
    for j in range(n - 1, -1, -1):
        weight = math.exp(eta[j])
        total[j] = total[j + 1] + weight
        for column in range(p):
            sums[j, column] = sums[j + 1, column] + weight * z[j, column]
    return total, sums


@njit(nogil=True, cache=True, error_model="numpy")
def _log_total(subset: int, eta: Floats, rest: float) -> float:
    """log(S + w(A)) of a subset given by its bits."""
    largest, total = rest, 0.0
    for a in range(eta.size):
        if subset >> a & 1:
            largest = max(largest, eta[a])
    for a in range(eta.size):
        if subset >> a & 1:
            total += math.exp(eta[a] - largest)
    return largest + math.log(total + math.exp(rest - largest))


@njit(nogil=True, cache=True, error_model="numpy")
def _log_probability_only(eta: Floats, rest: float, logs: Floats) -> float:
    """log f of all subsets into `logs`; gives that of the whole band."""
    d = eta.size
    logs[0] = 0.0
    for subset in range(1, 1 << d):
        largest, total = -np.inf, 0.0
        for a in range(d):
            if subset >> a & 1:
                largest = max(largest, eta[a] + logs[subset & ~(1 << a)])
        for a in range(d):
            if subset >> a & 1:
                total += math.exp(eta[a] + logs[subset & ~(1 << a)] - largest)
        logs[subset] = largest + math.log(total) - _log_total(subset, eta, rest)
    return float(logs[(1 << d) - 1])


@njit(nogil=True, cache=True, error_model="numpy")
def _log_probability(eta: Floats, rest: float, logs: Floats, first: Floats, second: Floats) -> float:
    """log f of the whole band; its gradient and Hessian in (log w_1 .. log w_d, log S) in the last of the tables."""
    d = eta.size
    result = _log_probability_only(eta, rest, logs)
    share, step = np.empty(d + 1), np.empty(d + 1)
    first[0, :] = 0.0
    second[0, :, :] = 0.0
    for subset in range(1, 1 << d):
        whole = _log_total(subset, eta, rest)
        for a in range(d):
            share[a] = math.exp(eta[a] - whole) if subset >> a & 1 else 0.0
        share[d] = math.exp(rest - whole)
        _add_subset(subset, d, eta, whole, logs, share, step, first, second)
    return result


@njit(nogil=True, cache=True, error_model="numpy")
def _add_subset(
    subset: int,
    d: int,
    eta: Floats,
    whole: float,
    logs: Floats,
    share: Floats,
    step: Floats,
    first: Floats,
    second: Floats,
) -> None:
    """Moments of one subset from those with one row less: mean score, and its variance less the mean information."""
    mean, cells = first[subset], second[subset]
    mean[: d + 1] = 0.0
    for i in range(d + 1):
        for k in range(d + 1):
            cells[i, k] = share[i] * share[k] - (share[i] if i == k else 0.0)
    for a in range(d):
        if subset >> a & 1:
            left = subset & ~(1 << a)
            chance = math.exp(eta[a] - whole + logs[left] - logs[subset])
            for i in range(d + 1):
                step[i] = first[left, i] - share[i] + (1.0 if i == a else 0.0)
                mean[i] += chance * step[i]
            for i in range(d + 1):
                for k in range(d + 1):
                    cells[i, k] += chance * (second[left, i, k] + step[i] * step[k])
    for i in range(d + 1):
        for k in range(d + 1):
            cells[i, k] -= mean[i] * mean[k]


@njit(nogil=True, cache=True, error_model="numpy")
def _add_band(
    z: Floats,
    total: float,
    sums: Floats,
    squares: Floats,
    first: Floats,
    second: Floats,
    gradient: Floats,
    information: Floats,
) -> None:
    """Turn derivatives in log w and log S into those in beta: log S has the slope sums / S and a curvature too."""
    d, p = z.shape
    rows, turned = np.empty((d + 1, p)), np.zeros((d + 1, p))
    for i in range(d + 1):
        for column in range(p):
            rows[i, column] = z[i, column] if i < d else sums[column] / total
            gradient[column] += first[i] * rows[i, column]
    for i in range(d + 1):
        for k in range(d + 1):
            for column in range(p):
                turned[i, column] += second[i, k] * rows[k, column]
    for one in range(p):
        for two in range(p):
            cell = first[d] * (squares[one, two] / total - rows[d, one] * rows[d, two])
            for i in range(d + 1):
                cell += rows[i, one] * turned[i, two]
            information[one, two] -= cell


@njit(nogil=True, cache=True, error_model="numpy")
def _follow_orders(
    z: Floats, eta: Floats, rest: float, rest_sums: Floats, logs: Floats, passed: Floats, here: Floats, pull: Floats
) -> float:
    """Add the stages of a band, averaged over its orders, to its residuals `here` (d, p) and to `pull` (p,).

    `passed` becomes the chance, given the list, that a subset is what is left at some stage. Gives the mean sum of
    1 / (S + w(A)) over stages, which with `pull`, the same with the mean of the rows, is owed by all rows behind.
    """
    d, p = z.shape
    full, hazard, mean = (1 << d) - 1, 0.0, np.empty(p)
    for subset in range(full):
        passed[subset] = 0.0
    passed[full] = 1.0
    for subset in range(full, 0, -1):
        total = _mean_left(subset, z, eta, rest, rest_sums, mean)
        rate = passed[subset] / total
        hazard += rate
        for column in range(p):
            pull[column] += rate * mean[column]
        for a in range(d):
            if subset >> a & 1:
                left = subset & ~(1 << a)
                chance = passed[subset] * math.exp(eta[a] - math.log(total) + logs[left] - logs[subset])
                passed[left] += chance
                for column in range(p):
                    here[a, column] += (chance - rate * math.exp(eta[a])) * (z[a, column] - mean[column])
    return hazard


@njit(nogil=True, cache=True, error_model="numpy")
def _mean_left(subset: int, z: Floats, eta: Floats, rest: float, rest_sums: Floats, mean: Floats) -> float:
    """S + w(A), and the weighted mean (p,) of the rows it stands for into `mean`."""
    total = rest
    for column in range(mean.size):
        mean[column] = rest_sums[column]
    for a in range(eta.size):
        if subset >> a & 1:
            weight = math.exp(eta[a])
            total += weight
            for column in range(mean.size):
                mean[column] += weight * z[a, column]
    for column in range(mean.size):
        mean[column] /= total
    return total
