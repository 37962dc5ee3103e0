"""Of two pages of one list, how often is the better-voted one the higher one? Kendall's tau-b inside every list.

tau_b = (C - D) / sqrt((n0 - n1) (n0 - n2)): C pairs of results agree, D disagree, n0 = m (m - 1) / 2 pairs in all, n1
of them tied in position and n2 in votes (Kendall 1945). Without ties, (1 + tau) / 2 is the share of pairs in which
the better-voted page is the higher one, which makes tau the number to say aloud and rho the one to compare with
published studies. With ties the share among untied pairs is further from one half than tau-b says.

All pairs are compared, m (m - 1) / 2 each, which beats sorting up to some hundreds of results because a comparison runs
over thousands of lists at once in whole registers. Longer lists go to scipy's n log n algorithm, one by one.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.ranks.lists import Floats, Ints, ListCorrelations, by_list, columns, per_list, starts

BLOCK = 131_072  # cells handled at once: the two tables of counts in use fill 512 KB
LONG = 512  # results from which on sorting a list is quicker than comparing its pairs


def within_list_kendall(
    list_id: ArrayLike, position: ArrayLike, votes: ArrayLike, *, min_pairs: int = 5
) -> ListCorrelations:
    """Kendall's tau-b of votes and height inside every list (in `rho`); arrays (n,), rows in any order.

    A NaN vote or position is unknown and its row is left out. Fewer than `min_pairs` known rows, or equal votes or
    positions throughout, give NaN. Raises ValueError for infinite numbers.
    """
    ids, p, s = by_list(*columns({"list_id": list_id}, {"position": position, "votes": votes}))
    return per_list(ids, starts(ids), p, s, min_pairs=min_pairs, kernel=_tau, block=BLOCK)


def in_words(tau: float, more_votes: str = "votes") -> str:
    """The mean tau as a sentence for people; `more_votes` names what is counted, such as saves."""
    if np.isnan(tau):
        return f"Nothing can be said about two results of one page: too few {more_votes} are known."
    share = 50 + 100 * tau / 2
    return (
        f"Take two results of one page: the one with more {more_votes} is the higher one in {share:.0f} of 100 pairs."
    )


def partial_tau(height_votes: ArrayLike, height_control: ArrayLike, votes_control: ArrayLike) -> Floats:
    """tau of height and votes given one control, from the three plain ones (any shape; Kendall 1942).

    NaN where the control orders the pages exactly as height or votes do. Its error is unknown: a description only.
    """
    hs, hc, sc = (np.asarray(tau, dtype=np.float64) for tau in (height_votes, height_control, votes_control))
    left = (1 - hc**2) * (1 - sc**2)
    tau: Floats = np.divide(hs - hc * sc, np.sqrt(left), out=np.full(left.shape, np.nan), where=left > 0)
    return tau


def _tau(p: Floats, s: Floats) -> Floats:
    """tau-b (B,) of a block of B lists, p and s (B, m) finite."""
    if p.shape[1] > LONG:
        return np.array([_tau_of_long(*pair) for pair in zip(p, s, strict=True)])
    ordered = (p[:, 1:] > p[:, :-1]).all()
    agreeing, untied, apart = (_by_position if ordered else _by_pairs)(p, s)
    with np.errstate(invalid="ignore"):
        tau: Floats = agreeing / np.sqrt(untied.astype(np.float64) * apart)
    return tau


def _by_position(p: Floats, s: Floats) -> tuple[Ints, Ints, Ints]:
    """C - D, pairs untied in votes, pairs untied in position (B,), of lists that stand from the top down."""
    x = np.ascontiguousarray(s.T)
    m, lists = x.shape
    fewer, more = np.zeros(x.shape, np.int16), np.zeros(x.shape, np.int16)
    for i in range(m - 1):
        fewer[i + 1 :] += x[i + 1 :] < x[i]
        more[i + 1 :] += x[i + 1 :] > x[i]
    c, d = fewer.sum(axis=0, dtype=np.int64), more.sum(axis=0, dtype=np.int64)
    return c - d, c + d, np.full(lists, m * (m - 1) // 2)


def _by_pairs(p: Floats, s: Floats) -> tuple[Ints, Ints, Ints]:
    """The same for results in any order and with tied positions."""
    h, x = np.ascontiguousarray(-p.T), np.ascontiguousarray(s.T)
    agreeing, untied, apart = (np.zeros(x.shape, np.int16) for _ in range(3))
    for i in range(len(x) - 1):
        sign_h, sign_x = _sign(h, i), _sign(x, i)
        agreeing[i + 1 :] += sign_h * sign_x
        untied[i + 1 :] += sign_x != 0
        apart[i + 1 :] += sign_h != 0
    c_d, n_s, n_p = (count.sum(axis=0, dtype=np.int64) for count in (agreeing, untied, apart))
    return c_d, n_s, n_p


def _sign(x: Floats, i: int) -> NDArray[np.int8]:
    """Which of the rows below row i are above it in value, +1, and which below, -1."""
    sign: NDArray[np.int8] = (x[i + 1 :] > x[i]).view(np.int8) - (x[i + 1 :] < x[i]).view(np.int8)
    return sign


def _tau_of_long(p: Floats, s: Floats) -> float:
    """tau-b of one list by sorting."""
    from scipy.stats import kendalltau

    if np.ptp(p) == 0 or np.ptp(s) == 0:
        return float("nan")
    return float(kendalltau(-p, s).statistic)
