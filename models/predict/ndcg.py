"""NDCG: how good is a predicted order of each list, with a fair value where scores tie.

DCG@depth = sum over slots i = 1 .. depth of gain_i / log2(1 + i), results by falling score; NDCG = DCG / the DCG of
the best order (Jarvelin & Kekalainen 2002). Gain of a relevance r is r ("linear", as in scikit-learn) or 2^r - 1
("exponential", LightGBM's default): different rulers, never to be compared with each other. Equal scores share the
mean discount of their slots (McSherry & Najork 2008), which is the mean over their orders: scores that say nothing
give exactly the value of chance, and the order of rows, often that of the truth, cannot leak in.
"""

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Convention = Literal["linear", "exponential"]


def gain_of(relevance: ArrayLike, convention: Convention = "linear") -> Floats:
    """Gain of each relevance, of the same shape; ValueError for a convention that is not known."""
    if convention not in get_args(Convention):
        raise ValueError(f"convention must be linear or exponential, not {convention!r}")
    r = np.asarray(relevance, dtype=np.float64)
    return r if convention == "linear" else np.exp2(r) - 1.0


def ndcg(list_id: ArrayLike, gain: ArrayLike, score: ArrayLike, depth: int = 10) -> Floats:
    """NDCG@`depth` of each list (L,), ids ascending; inputs (n,), rows in any order, a higher score stands higher.

    A list without any gain has no NDCG: NaN. Raises ValueError for numbers that are not finite, or gains below 0.
    """
    ids, g, s = np.asarray(list_id), np.asarray(gain, dtype=np.float64), np.asarray(score, dtype=np.float64)
    if ids.ndim != 1 or not ids.shape == g.shape == s.shape:
        raise ValueError("list_id, gain and score must be one-dimensional and equally long")
    if not (np.isfinite(g).all() and np.isfinite(s).all() and (g >= 0).all()):
        raise ValueError("gains must be finite and not below 0, scores finite: leave unknown results out")
    lists = np.unique(ids, return_inverse=True)[1]
    with np.errstate(invalid="ignore"):
        ratio: Floats = _dcg(lists, g, s, depth) / _dcg(lists, g, g, depth)
    return ratio


def ties(lists: Ints, x: Floats) -> tuple[Ints, Ints, Ints]:
    """Rows by list and rising x (n,), and the first row and length of each run of equal x in a list (runs,)."""
    order = np.lexsort((x, lists))
    changes = (np.diff(lists[order]) != 0) | (np.diff(x[order]) != 0)
    first = np.flatnonzero(np.r_[order.size > 0, changes][: order.size])
    return order, first, np.diff(first, append=order.size)


def _dcg(lists: Ints, gain: Floats, score: Floats, depth: int) -> Floats:
    """DCG@depth of each list (L,)."""
    order, first, length = ties(lists, -score)
    slot = np.arange(order.size) - np.searchsorted(lists[order], lists[order])
    discount = np.where(slot < depth, 1.0 / np.log2(slot + 2.0), 0.0)
    shared = np.repeat(np.add.reduceat(discount, first) / length, length) if order.size else discount
    return np.bincount(lists[order], weights=gain[order] * shared).astype(np.float64)
