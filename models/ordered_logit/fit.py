"""Do votes raise a page above its neighbours, all else equal? The rank-ordered logit, stratified by result list.

Down a list, every stage picks the next page among those left with chances proportional to exp(x b + offset): the
Plackett-Luce model with covariates (Luce 1959, Plackett 1975; "exploded logit", Beggs, Cardell & Hausman 1981), whose
likelihood is Cox's partial likelihood with lists as strata and position as time. b > 0: more of it, better position.

Assumes that what a page does to its rivals is the same at every depth and for every rival (independence of irrelevant
alternatives), and that a list holds every candidate. The second fails for result pages, which show only pages that rank
already: the coefficient is then about the *order of pages that rank*, and shrinks to nothing the shorter the list is
beside the candidates. Never compare it across depths; give candidates that do not rank as censored rows, a sample of
them with the offset log(candidates / sampled). A confounder that is missing from `x` stays in the coefficient.

Errors: the inverse information ("model"), and sandwiches that let rows of a keyword or a domain hang together (Lin &
Wei 1989), for two clusterings V_a + V_b - V_ab (Cameron, Gelbach & Miller 2011), without G / (G - 1) unless asked.
The last may have negative eigenvalues; these are set to 0, as the authors do, and `notes` says so. Fewer than about 50
clusters make every sandwich too small.

Newton's method with step halving on a concave likelihood. Columns are brought to one scale in the gradient and the
Hessian, never in the data, and large data are approached from the solution for a sample of lists at even distances.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from statistics import NormalDist

import numpy as np

from models.ordered_logit.checks import check_finite, check_identified, check_separation, spread_of
from models.ordered_logit.lists import Block, Floats, Lists, prepare
from models.ordered_logit.statistics import ClusterScores, Statistics, block_statistics, cluster_scores

Blocks = Callable[[], Iterator[Block]]
Prepared = Callable[[], Iterator[Block | Lists]]
Evaluate = Callable[[Floats], Statistics]

WARM_ROWS = 200_000  # from twice this many rows on, the first steps are taken on a sample of about as many
# A last step, in units of a column's spread inside lists, with few rows and with many. What it leaves in a coefficient
# is about its square; in an error, relatively, about itself, as the Hessian is not taken again after it.
SMALL_STEP, WARM_STEP = 1e-9, 3e-5
HALVINGS = 30


@dataclass(frozen=True, eq=False)
class OrderedLogit:
    """Coefficients `coef` (p,) of the columns `names`, positive = better position, and what is known about them.

    `covariance` maps "model", each clustering ("keyword") and each pair ("keyword & domain") to a matrix (p, p), and
    `n_clusters` the latter two to their number of clusters. `score_test` is Rao's statistic of "no effect at all", chi
    squared with p degrees of freedom. `n_passes` counts evaluations over all data. `notes` are sentences for people.
    """

    names: tuple[str, ...]
    coef: Floats
    covariance: Mapping[str, Floats]
    loglik_null: float
    loglik: float
    score_test: float
    n_lists: int
    n_stages: int
    n_rows: int
    n_clusters: Mapping[str, int]
    is_converged: bool
    n_passes: int
    notes: tuple[str, ...]

    def se(self, kind: str = "model") -> Floats:
        """Standard errors (p,) of one kind: "model", a clustering, or a pair "a & b"."""
        root: Floats = np.sqrt(np.diag(self.covariance[kind]))
        return root

    def interval(self, kind: str = "model", level: float = 0.95) -> Floats:
        """Lower and upper ends (p, 2) of intervals at `level`."""
        reach = NormalDist().inv_cdf((1 + level) / 2) * self.se(kind)
        return np.column_stack((self.coef - reach, self.coef + reach))

    def wald(self, kind: str = "model") -> float:
        """Wald's statistic of "no effect at all", chi squared with p degrees of freedom; NaN if singular."""
        unit = self.se("model")
        values, vectors = np.linalg.eigh(self.covariance[kind] / np.outer(unit, unit))
        along = vectors.T @ (self.coef / unit)
        return float((along**2 / values).sum()) if values[0] > 1e-9 * values[-1] else float("nan")


def fit(
    data: Block | Blocks,
    *,
    names: Sequence[str] | None = None,
    small_sample: bool = False,
    clip: bool = True,
    threads: int | None = None,
    max_passes: int = 60,
) -> OrderedLogit:
    """Maximum likelihood on a block, or on the blocks of an iterator that `data` makes anew for every pass.

    A list must lie in one block. `names` (p,) are the columns of `x`, for messages. `small_sample` multiplies each
    sandwich by G / (G - 1); `clip` False leaves a two-way matrix as it is, negative eigenvalues too. Raises ValueError
    when the data cannot answer: no list with two rows to compare, numbers that are not finite, columns that are
    constant inside lists or collinear, or an order that a column foretells without error.
    """
    blocks = _prepared(data)
    names = tuple(names) if names is not None else tuple(f"x{i}" for i in range(_width(blocks)))
    if len(names) != _width(blocks):
        raise ValueError(f"{len(names)} names for {_width(blocks)} columns of x: one name per column is needed")
    null = _total(blocks, np.zeros(len(names)), threads)
    check_finite(null, blocks, names)
    check_identified(null, blocks, names)
    start = _warm_start(blocks, names, threads)
    path = _newton(lambda beta: _total(blocks, beta, threads), null, start, names, max_passes)
    return _result(path, null, names, *_sandwiches(path, null, blocks, small_sample, clip, threads))


@dataclass(frozen=True, eq=False)
class _Path:
    """Where Newton's method came to rest."""

    beta: Floats
    at: Statistics
    passes: int
    is_converged: bool


def _prepared(data: Block | Blocks) -> Prepared:
    """A block is looked through once, blocks that are read anew each time they come."""
    if isinstance(data, Block):
        lists = prepare(data)
        return lambda: iter((lists,))
    return data


def _first(blocks: Prepared) -> Block | Lists:
    """The first block, or a ValueError."""
    for block in blocks():
        return block
    raise ValueError("there is no block of lists: give at least one")


def _width(blocks: Prepared) -> int:
    """Columns of x."""
    return int(np.asarray(_first(blocks).x).shape[1])


def _total(blocks: Prepared, beta: Floats, threads: int | None) -> Statistics:
    """Sums over all blocks."""
    return reduce(add, (block_statistics(beta, block, threads=threads) for block in blocks()))


def _warm_start(blocks: Prepared, names: tuple[str, ...], threads: int | None) -> Floats | None:
    """The solution for a sample of the first block's lists at even distances, if that is large and has one."""
    first = _first(blocks)
    stride = len(first.x) // WARM_ROWS
    if stride < 2:
        return None
    lists = prepare(first) if isinstance(first, Block) else first

    def evaluate(beta: Floats) -> Statistics:
        return block_statistics(beta, lists, stride=stride, threads=threads)

    try:
        return _newton(evaluate, evaluate(np.zeros(len(names))), None, names, 12).beta
    except (ValueError, np.linalg.LinAlgError):  # a sample may lack what the whole has
        return None


def _newton(
    evaluate: Evaluate, null: Statistics, start: Floats | None, names: tuple[str, ...], max_passes: int
) -> _Path:
    """Climb from `start`, or from 0 if that is no better, until a step is small; the last step is taken unseen."""
    beta, at, passes, spread, small = np.zeros(len(names)), null, 1, spread_of(null), SMALL_STEP
    if start is not None:
        there, passes, small = evaluate(start), 2, WARM_STEP
        beta, at = (start, there) if _is_up(there, null) else (beta, at)
    while True:
        step = _step(at, spread)
        if (np.abs(step) * spread).max() <= small:
            gain = float(at.gradient @ step) / 2
            at = Statistics(at.loglik + gain, at.gradient, at.hessian, at.n_lists, at.n_stages, at.n_rows)
            return _Path(beta + step, at, passes, True)
        if passes >= max_passes:
            return _Path(beta, at, passes, False)
        beta, at, used = _climb(evaluate, beta, at, step, max_passes - passes)
        passes += used
        check_separation(beta, at, null, names)


def _step(at: Statistics, spread: Floats) -> Floats:
    """Newton's step, solved on the columns' own scale."""
    step: Floats = np.linalg.solve(-at.hessian / np.outer(spread, spread), at.gradient / spread) / spread
    return step


def _is_up(there: Statistics, here: Statistics) -> bool:
    """Whether a point is no lower than another, up to rounding; far out, where weights underflow, nothing is finite."""
    is_finite = np.isfinite(there.loglik) and np.isfinite(there.gradient).all() and np.isfinite(there.hessian).all()
    return bool(is_finite and there.loglik >= here.loglik - 1e-12 * abs(here.loglik))


def _climb(
    evaluate: Evaluate, beta: Floats, at: Statistics, step: Floats, passes: int
) -> tuple[Floats, Statistics, int]:
    """The first of step, step / 2, step / 4, ... that does not go down, and how many were tried."""
    for tried in range(1, min(passes, HALVINGS) + 1):
        there = evaluate(beta + step)
        if _is_up(there, at):
            return beta + step, there, tried
        step = step / 2
    return beta, at, tried


def _result(
    path: _Path,
    null: Statistics,
    names: tuple[str, ...],
    covariance: Mapping[str, Floats],
    n_clusters: Mapping[str, int],
    notes: tuple[str, ...],
) -> OrderedLogit:
    """The answer, put together."""
    if not path.is_converged:
        notes = (f"Not converged after {path.passes} passes over the data: do not use these numbers.", *notes)
    return OrderedLogit(
        names=names,
        coef=path.beta,
        covariance=covariance,
        loglik_null=null.loglik,
        loglik=path.at.loglik,
        score_test=float(null.gradient @ _step(null, spread_of(null))),
        n_lists=null.n_lists,
        n_stages=null.n_stages,
        n_rows=null.n_rows,
        n_clusters=n_clusters,
        is_converged=path.is_converged,
        n_passes=path.passes,
        notes=notes,
    )


def _all_scores(blocks: Prepared, beta: Floats, threads: int | None) -> dict[tuple[str, ...], ClusterScores]:
    """Scores by cluster over all blocks, which must have the same clusterings."""
    total: dict[tuple[str, ...], ClusterScores] | None = None
    for block in blocks() if _first(blocks).clusters else ():
        here = cluster_scores(beta, block, threads=threads)
        if total is not None and here.keys() != total.keys():
            raise ValueError("blocks must have the same clusters: give every block the same names")
        total = here if total is None else {key: total[key] + here[key] for key in total}
    return total or {}


def _sandwiches(
    path: _Path, null: Statistics, blocks: Prepared, small_sample: bool, clip: bool, threads: int | None
) -> tuple[dict[str, Floats], dict[str, int], tuple[str, ...]]:
    """Covariances by kind, numbers of clusters, and notes on two-way matrices that are not positive semi-definite."""
    scale = np.outer(spread_of(null), spread_of(null))
    model = np.linalg.inv(-path.at.hessian / scale) / scale
    scores = _all_scores(blocks, path.beta, threads)
    plain = {key: _sandwich(model, found, small_sample) for key, found in scores.items()}
    result, notes = {"model": model} | {key[0]: v for key, v in plain.items() if len(key) == 1}, []
    for key in (key for key in plain if len(key) == 2):
        name, two_way = " & ".join(key), plain[key[:1]] + plain[key[1:]] - plain[key]
        mended, is_bad = _mended(two_way, np.sqrt(np.diag(model)))
        result[name] = mended if clip else two_way
        if is_bad:
            done = "which was set to 0" if clip else "so no joint test can use it, and errors may be too small"
            notes.append(f"The two-way covariance by {name} has a negative eigenvalue, {done}.")
    return result, {" & ".join(key): found.ids.size for key, found in scores.items()}, tuple(notes)


def _sandwich(model: Floats, scores: ClusterScores, small_sample: bool) -> Floats:
    """V = H^-1 (sum U U') H^-1."""
    clusters = scores.ids.size
    factor = clusters / (clusters - 1) if small_sample and clusters > 1 else 1.0
    middle: Floats = model @ scores.meat @ model * factor
    return middle


def _mended(v: Floats, unit: Floats) -> tuple[Floats, bool]:
    """The nearest positive semi-definite matrix, in units of the model's errors so that units of x do not matter."""
    values, vectors = np.linalg.eigh(v / np.outer(unit, unit))
    if values[0] >= -1e-12 * max(values[-1], 1e-300):
        return v, False
    clipped: Floats = (vectors * np.maximum(values, 0.0)) @ vectors.T * np.outer(unit, unit)
    return clipped, True
