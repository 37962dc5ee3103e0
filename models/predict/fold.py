"""Which rows learn together: whole groups (keywords, domains) in folds of like size, and samples of whole groups.

A model that has met a group while learning can recognise it instead of understanding it, so a group is never split.
Both functions depend on ids and numbers of rows only, never on the order of rows.
"""

import heapq

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def group_folds(group: NDArray[np.integer], folds: int) -> Ints:
    """Fold 0 .. folds - 1 of each row (n,), all rows of a group in one: the largest group goes to the lightest fold."""
    _, member, rows = np.unique(group, return_inverse=True, return_counts=True)
    fold_of = np.zeros(rows.size, dtype=np.int64)
    lightest = [(0, fold) for fold in range(folds)]
    for one in np.argsort(-rows, kind="stable"):
        load, fold_of[one] = lightest[0]
        heapq.heapreplace(lightest, (load + int(rows[one]), int(fold_of[one])))
    return fold_of[member]


def sample_groups(group: NDArray[np.integer], max_rows: int, seed: int = 0) -> NDArray[np.bool_]:
    """Rows (n,) of the groups that are kept: groups in the order of a hash of (seed, id), while rows fit `max_rows`.

    Whether a group comes early hangs on its own id, so a larger limit keeps all that a smaller one kept and platforms
    read on the same groups are compared on the same sample. The first group is kept even if it does not fit.
    """
    ids, member, rows = np.unique(group, return_inverse=True, return_counts=True)
    order = np.argsort(_hash(ids, seed), kind="stable")
    kept = np.zeros(ids.size, dtype=bool)
    kept[order] = np.cumsum(rows[order]) <= max_rows
    kept[order[:1]] = True
    return kept[member]


def _hash(ids: NDArray[np.integer], seed: int) -> NDArray[np.uint64]:
    """The mixing steps of SplitMix64 (Steele, Lea & Flood 2014): neighbouring ids land far apart."""
    z = ids.astype(np.uint64) + np.uint64((seed + 1) * 0x9E3779B97F4A7C15 % 2**64)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
