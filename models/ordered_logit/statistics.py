"""What the rank-ordered logit needs from a block of lists, as plain arrays that add: any engine may sum them.

`block_statistics` serves Newton's method. `cluster_scores` serves the sandwich (Lin & Wei 1989): score residuals are
per row and are summed by cluster, so a cluster may be a domain, whose rows lie in many lists. Neither holds more than
some pieces of a few thousand rows beside the block itself; the scores need p numbers per cluster, and per pair of
clusters that occurs, which for keyword and domain may be as many as there are rows.

Borders of pieces depend on the lists alone, and the pieces' sums are added in the order of the lists, so the number of
threads cannot change a result. Threads are ordinary ones: the compiled code gives up the interpreter's lock, so no
threading layer has to be safe after a fork or inside a thread.

First use compiles for some seconds, once per machine and type of `x`; the result is kept beside the source.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any, TypeVar

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.ordered_logit.kernel import add_rows, add_statistics, write_residuals
from models.ordered_logit.lists import Block, Floats, Ints, Lists, prepare
from models.ordered_logit.tied_orders import add_tied_statistics, write_tied_residuals

Item = TypeVar("Item")
Result = TypeVar("Result")

PIECE = 32_768  # rows handed out at once
RESIDUALS = 8_192  # the same where residuals are held: with 8 columns they take 512 KB and stay in the cache
PAIR = 31  # bits of a cluster id


@dataclass(frozen=True, eq=False)
class Statistics:
    """Log-likelihood, its gradient (p,) and Hessian (p, p), and what they are made of; `a + b` joins two blocks.

    `n_lists` counts lists that could tell something, `n_stages` the choices in them, `n_rows` all rows.
    """

    loglik: float
    gradient: Floats
    hessian: Floats
    n_lists: int
    n_stages: int
    n_rows: int

    def __add__(self, other: "Statistics") -> "Statistics":
        return Statistics(
            self.loglik + other.loglik,
            self.gradient + other.gradient,
            self.hessian + other.hessian,
            self.n_lists + other.n_lists,
            self.n_stages + other.n_stages,
            self.n_rows + other.n_rows,
        )


@dataclass(frozen=True, eq=False)
class ClusterScores:
    """Sums of score residuals `sums` (G, p) of the clusters `ids` (G,), ascending; `a + b` joins two blocks."""

    ids: Ints
    sums: Floats

    def __add__(self, other: "ClusterScores") -> "ClusterScores":
        ids, home = np.unique(np.concatenate((self.ids, other.ids)), return_inverse=True)
        sums = np.zeros((ids.size, self.sums.shape[1]))
        sums[home[: self.ids.size]] = self.sums
        sums[home[self.ids.size :]] += other.sums
        return ClusterScores(ids, sums)

    @property
    def meat(self) -> Floats:
        """Sum over clusters of U U' (p, p)."""
        product: Floats = self.sums.T @ self.sums
        return product


def block_statistics(
    beta: ArrayLike, block: Block | Lists, *, stride: int = 1, threads: int | None = None
) -> Statistics:
    """Sums of a block at `beta` (p,), or over every `stride`-th of its lists; `threads` None: as many as numba has."""
    b, lists = np.ascontiguousarray(beta, dtype=np.float64), _lists(block)

    def piece(borders: tuple[int, int]) -> tuple[float, Floats, Floats]:
        first = -(-borders[0] // stride) * stride
        lower, gradient = np.zeros((b.size, b.size)), np.zeros(b.size)
        args = (lists.x, lists.offset, lists.order, lists.start)
        loglik = add_statistics(*args, lists.stages, first, borders[1], stride, b, gradient, lower)
        information = np.tril(lower) + np.tril(lower, -1).T
        tied = _tied(lists, *borders)
        tied = tied[tied % stride == 0]
        if tied.size:
            more = (lists.tied_stages, lists.ends, tied, lists.largest_band)
            loglik += add_tied_statistics(*args, *more, b, gradient, information)
        return loglik, gradient, information

    _same_width(b, lists)
    loglik, gradient, information = 0.0, np.zeros(b.size), np.zeros((b.size, b.size))
    for part in _in_order(piece, _pieces(lists.start, PIECE), threads):
        loglik, gradient, information = loglik + part[0], gradient + part[1], information + part[2]
    return Statistics(loglik, gradient, -information, lists.n_lists, lists.n_stages, len(lists.x))


def score_residuals(beta: ArrayLike, block: Block | Lists, *, threads: int | None = None) -> Floats:
    """Score residuals (n, p) of the rows of a block, as they stand in it; their sum is the gradient."""
    b, lists = np.ascontiguousarray(beta, dtype=np.float64), _lists(block)
    out = np.empty((len(lists.x), b.size))
    for first_row, part in _residual_pieces(b, lists, threads):
        rows = slice(first_row, first_row + len(part))
        out[lists.order[rows] if lists.order.size else rows] = part
    return out


def cluster_scores(
    beta: ArrayLike, block: Block | Lists, *, threads: int | None = None
) -> dict[tuple[str, ...], ClusterScores]:
    """Summed score residuals by each of the block's clusterings, key (name,), and each pair of them, (name, name)."""
    b, lists = np.ascontiguousarray(beta, dtype=np.float64), _lists(block)
    codes = {key: _codes([lists.clusters[name] for name in key]) for key in _keys(tuple(lists.clusters))}
    sums = {key: np.zeros((ids.size, b.size)) for key, (ids, _) in codes.items()}
    for first_row, part in _residual_pieces(b, lists, threads) if codes else ():
        for key, (_, code) in codes.items():
            add_rows(part, lists.order, first_row, code, sums[key])
    return {key: _present(ids, code, sums[key]) for key, (ids, code) in codes.items()}


def _lists(block: Block | Lists) -> Lists:
    """The block, prepared."""
    return prepare(block) if isinstance(block, Block) else block


def _same_width(b: Floats, lists: Lists) -> None:
    """ValueError unless there is one coefficient per column."""
    if b.shape != lists.x.shape[1:]:
        raise ValueError(f"x has {lists.x.shape[1]} columns and beta the shape {b.shape}: one coefficient per column")


def _pieces(start: Ints, size: int) -> list[tuple[int, int]]:
    """Runs of lists, first and last + 1, of about `size` rows."""
    rows = np.arange(0, start[-1], size)
    borders = np.unique(np.append(np.searchsorted(start, rows), start.size - 1)).tolist()
    return list(pairwise(borders))


def _tied(lists: Lists, first: int, last: int) -> Ints:
    """The lists with ties among first..last-1."""
    low, high = np.searchsorted(lists.tied, (first, last))
    return lists.tied[low:high]


def _residual_pieces(b: Floats, lists: Lists, threads: int | None) -> Iterator[tuple[int, Floats]]:
    """Residuals piece by piece, in the order of the lists, each with the number of its first row in that order."""

    def piece(borders: tuple[int, int]) -> tuple[int, Floats]:
        first_row, stop = int(lists.start[borders[0]]), int(lists.start[borders[1]])
        out = np.zeros((stop - first_row, b.size))
        args = (lists.x, lists.offset, lists.order, lists.start)
        write_residuals(*args, lists.stages, *borders, b, out)
        tied = _tied(lists, *borders)
        if tied.size:
            ties = (lists.tied_stages, lists.ends, tied)
            write_tied_residuals(*args, *ties, first_row, lists.largest_band, b, out)
        return first_row, out

    _same_width(b, lists)
    return _in_order(piece, _pieces(lists.start, RESIDUALS), threads)


def _in_order(work: Callable[[Item], Result], items: Sequence[Item], threads: int | None) -> Iterator[Result]:
    """Results in the order of the items, a few of them ahead of the one that is asked for."""
    threads = int(vars(numba.config)["NUMBA_NUM_THREADS"]) if threads is None else threads
    if threads < 2 or len(items) < 2:
        yield from map(work, items)
        return
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[Result]] = deque()
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _keys(names: tuple[str, ...]) -> Iterable[tuple[str, ...]]:
    """Each clustering, then each pair of them."""
    return [(name,) for name in names] + list(combinations(names, 2))


def _codes(columns: list[NDArray[Any]]) -> tuple[Ints, NDArray[Any]]:
    """Ids (G,) of clusters, or of pairs, and each row's index among them (n,): the column itself if it can serve."""
    if len(columns) == 2:
        columns = [columns[0].astype(np.int64) << PAIR | columns[1].astype(np.int64)]
    largest = int(columns[0].max(initial=0))
    if largest < 2 * columns[0].size + 1024:
        return np.arange(largest + 1), columns[0]
    ids, code = np.unique(columns[0], return_inverse=True)
    return ids.astype(np.int64), code


def _present(ids: Ints, code: NDArray[Any], sums: Floats) -> ClusterScores:
    """Scores of the clusters that have rows."""
    is_present = np.zeros(ids.size, dtype=np.bool_)
    is_present[code] = True
    return ClusterScores(ids, sums) if is_present.all() else ClusterScores(ids[is_present], sums[is_present])
