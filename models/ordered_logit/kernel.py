"""The rank-ordered logit's sums over untied lists, compiled: log-likelihood, gradient, information, score residuals.

For a list of rows 1..n in order of position, of which the first k are stages, with w_j = exp(x_j b + offset_j):

    S0_i = sum_{j >= i} w_j      m_i = sum_{j >= i} w_j x_j / S0_i      c_j = sum_{i <= min(j, k)} 1 / S0_i
    loglik = sum_{i <= k} [log w_i - log S0_i]          gradient = sum_j (1{j <= k} - w_j c_j) x_j
    information = sum_j w_j c_j x_j x_j' - sum_{i <= k} m_i m_i'                              (minus the Hessian)
    residual_j = 1{j <= k} (x_j - m_j) - w_j sum_{i <= min(j, k)} (x_j - m_i) / S0_i         (Therneau & Grambsch 2000)

The likelihood does not see a shift of a list, so weights are taken relative to the list's largest (no overflow) and
columns relative to the list's first row (large numbers that hardly differ keep their digits, and a column that is
constant within lists gives exact zeros). Sums run from the bottom up and add positive terms only: no cancellation.

Lists are copied, turned by 90 degrees, into a small buffer of about `ROWS` rows, in which every sum over rows is a dot
product of two contiguous vectors; only rows that stand in this buffer are ever converted to float64. Sums are added in
an order that does not depend on who runs them. The compiler may reorder the terms of one dot product, nothing else.
"""

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Table = NDArray[Any]  # float64 or float32
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ROWS = 480  # rows of a buffer: with 8 columns its two halves of 30 KB stay in the second-level cache
DOTS = {"reassoc", "contract", "nsz", "arcp"}  # not nnan, not ninf: a number that is not finite must stay visible


@njit(nogil=True, cache=True, error_model="numpy", fastmath=DOTS)
def add_statistics(
    x: Table,
    offset: Floats,
    order: Ints,
    start: Ints,
    stages: Ints,
    first: int,
    last: int,
    stride: int,
    beta: Floats,
    gradient: Floats,
    information: Floats,
) -> float:
    """Add lists first, first + stride, ... < last to `gradient` (p,) and to the lower half of `information` (p, p).

    Lists with `stages` 0 are passed over; `x` (n, p) is read as `order` says, or as it stands. Gives the loglik.
    """
    p, longest = beta.size, _longest(start, first, last, stride)
    width = (ROWS + longest) | 9
    z, m, v = np.empty((p, width)), np.empty((p, width)), np.empty((5, width))
    loglik, used, index = 0.0, 0, first
    while index < last:
        used = 0
        while index < last and used < ROWS:
            a, b = start[index], start[index + 1]
            if stages[index] > 0 and b - a > 1:
                _load(x, order, a, b, used, z)
                _log_weights(offset, order, a, b, beta, used, z, v[0])
                loglik += _weights(v, used, b - a, stages[index])
                _risk_means(z, m, v, used, b - a, stages[index])
                used += b - a
            index += stride
        _add_dots(z, m, v, used, gradient, information)
    return loglik


@njit(nogil=True, cache=True, error_model="numpy", fastmath=DOTS)
def write_residuals(
    x: Table, offset: Floats, order: Ints, start: Ints, stages: Ints, first: int, last: int, beta: Floats, out: Floats
) -> None:
    """Score residuals of lists first..last-1 into `out` (rows, p), in the order of the lists."""
    p, longest = beta.size, _longest(start, first, last, 1)
    z, m, v = np.empty((p, longest)), np.empty((p, longest)), np.empty((5, longest))
    for index in range(first, last):
        a, b, k, here = start[index], start[index + 1], stages[index], start[index] - start[first]
        if k > 0 and b - a > 1:
            _load(x, order, a, b, 0, z)
            _log_weights(offset, order, a, b, beta, 0, z, v[0])
            _weights(v, 0, b - a, k)
            _risk_means(z, m, v, 0, b - a, k)
            for column in range(p):
                past = 0.0
                for j in range(b - a):
                    past += m[column, j] * v[2, j]
                    stage = z[column, j] - m[column, j] if j < k else 0.0
                    out[here + j, column] = stage - v[1, j] * (v[3, j] * z[column, j] - past)


@njit(nogil=True, cache=True, error_model="numpy")
def add_rows(residuals: Floats, order: Ints, begin: int, cluster: Ints, out: Floats) -> None:
    """Add residuals (r, p) of the rows from `begin` on, in the order of the lists, to the rows `cluster` of `out`."""
    for j in range(residuals.shape[0]):
        row = order[begin + j] if order.size else begin + j
        for column in range(residuals.shape[1]):
            out[cluster[row], column] += residuals[j, column]


@njit(nogil=True, cache=True, error_model="numpy")
def _longest(start: Ints, first: int, last: int, stride: int) -> int:
    """Rows of the longest list."""
    longest = 0
    for index in range(first, last, stride):
        longest = max(longest, start[index + 1] - start[index])
    return longest


@njit(nogil=True, cache=True, error_model="numpy")
def _load(x: Table, order: Ints, a: int, b: int, used: int, z: Floats) -> None:
    """Columns of rows a..b-1, relative to the first of them, into z[:, used:]."""
    if order.size:
        for j in range(b - a):
            row, top = x[order[a + j]], x[order[a]]
            for column in range(z.shape[0]):
                z[column, used + j] = np.float64(row[column]) - np.float64(top[column])
        return
    rows = x[a:b]
    for column in range(z.shape[0]):
        values, top = z[column, used : used + b - a], np.float64(rows[0, column])
        for j in range(b - a):
            values[j] = np.float64(rows[j, column]) - top


@njit(nogil=True, cache=True, error_model="numpy", fastmath=DOTS)
def _log_weights(offset: Floats, order: Ints, a: int, b: int, beta: Floats, used: int, z: Floats, eta: Floats) -> None:
    """x b + offset of rows a..b-1 into eta[used:]."""
    n = b - a
    here = eta[used : used + n]
    here[:] = 0.0
    for column in range(beta.size):
        values, slope = z[column, used : used + n], beta[column]
        for j in range(n):
            here[j] += slope * values[j]
    if offset.size:
        for j in range(n):
            here[j] += offset[order[a + j] if order.size else a + j]


@njit(nogil=True, cache=True, error_model="numpy")
def _weights(v: Floats, used: int, n: int, k: int) -> float:
    """From eta in v[0]: w, 1/S0 (stages; else 0), c and w c into v[1..4]; gives the list's loglik."""
    eta, w, inverse, c, wc = (
        v[0, used : used + n],
        v[1, used : used + n],
        v[2, used : used + n],
        v[3, used : used + n],
        v[4, used : used + n],
    )
    largest = eta[0]
    for j in range(1, n):
        largest = max(largest, eta[j])
    for j in range(n):
        w[j] = math.exp(eta[j] - largest)
    total, loglik, product = 0.0, 0.0, 1.0
    for j in range(n - 1, -1, -1):
        total += w[j]
        inverse[j] = total
    for j in range(k):
        loglik += eta[j] - largest
    for j in range(k):
        product *= inverse[j]
        if not 1e-200 < product < 1e200:
            loglik -= math.log(product)
            product = 1.0
    loglik -= math.log(product)
    for j in range(k):
        inverse[j] = 1.0 / inverse[j]
    inverse[k:] = 0.0
    total = 0.0
    for j in range(n):
        total += inverse[j]
        c[j] = total
        wc[j] = total * w[j]
    return loglik


@njit(nogil=True, cache=True, error_model="numpy")
def _risk_means(z: Floats, m: Floats, v: Floats, used: int, n: int, k: int) -> None:
    """m_i of the stages into m[:, used:], 0 behind them."""
    w, inverse = v[1, used : used + n], v[2, used : used + n]
    for column in range(z.shape[0]):
        values, mean, total = z[column, used : used + n], m[column, used : used + n], 0.0
        for j in range(n - 1, -1, -1):
            total += w[j] * values[j]
            mean[j] = total * inverse[j]


@njit(nogil=True, cache=True, error_model="numpy", fastmath=DOTS)
def _add_dots(z: Floats, m: Floats, v: Floats, used: int, gradient: Floats, information: Floats) -> None:
    """Close a buffer of `used` rows: its sums over rows are added to gradient and information."""
    p = gradient.size
    root, wc, inverse = v[0, :used], v[4, :used], v[2, :used]
    for j in range(used):
        root[j] = math.sqrt(wc[j])
        wc[j] = (1.0 if inverse[j] > 0.0 else 0.0) - wc[j]
    for column in range(p):
        values, total = z[column, :used], 0.0
        for j in range(used):
            total += wc[j] * values[j]
            values[j] *= root[j]
        gradient[column] += total
    for one in range(0, p, 2):
        for two in range(0, one + 1, 2):
            _add_four(z, m, used, one, min(one + 1, p - 1), two, min(two + 1, p - 1), information)


@njit(nogil=True, cache=True, error_model="numpy", fastmath=DOTS)
def _add_four(z: Floats, m: Floats, used: int, a: int, b: int, c: int, d: int, information: Floats) -> None:
    """Cells (a, c), (a, d), (b, c) and (b, d) of z z' - m m': four at once, as loading costs more than multiplying."""
    za, zb, zc, zd = z[a, :used], z[b, :used], z[c, :used], z[d, :used]
    ma, mb, mc, md = m[a, :used], m[b, :used], m[c, :used], m[d, :used]
    ac = ad = bc = bd = 0.0
    for j in range(used):
        ac += za[j] * zc[j] - ma[j] * mc[j]
        ad += za[j] * zd[j] - ma[j] * md[j]
        bc += zb[j] * zc[j] - mb[j] * mc[j]
        bd += zb[j] * zd[j] - mb[j] * md[j]
    information[a, c] += ac
    if c != d:
        information[a, d] += ad
    if a != b:
        information[b, c] += bc
    if a != b and c != d:
        information[b, d] += bd
