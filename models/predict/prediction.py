"""Does knowing votes help to predict the order of results? LambdaMART with and without the vote columns, out of fold.

The relevance of a result is max(0, depth + 1 - position): `depth` for the first, 1 for the last that counts, 0 below.
NDCG@depth (models/predict/ndcg.py) with a linear or an exponential gain says how good a predicted order is. A model
that knows nothing scores `ndcg_random`, the exact mean over all orders.

The model is LambdaMART (Burges 2010) as LightGBM has it, small and fixed (`PARAMETERS`, `ROUNDS`): there is no tuning
that could favour one side. Only the order of a column's values counts, and unknown votes stay unknown (NaN).

- by keyword: all lists of a keyword lie in one fold, each list is scored by a model that never met its keyword. NDCG
  is averaged per keyword; `gain` is the mean of (with - without), paired, its interval resamples keywords.
- by domain: a model scores the pages of domains that it never met, and their order among themselves in each list is
  judged. `gain_same_pages` judges the models by keyword on the very same parts of lists: what these gain more was
  memory of domains, recognised by their counts.

Base columns should be what a page had before and apart from votes: authority or links (best as they were before the
votes), age, length, title match, brand. Not the position in an earlier list of the keyword: it holds whatever
earlier votes did, hides a true effect, and lets nearly any model look perfect. Nor what votes lead to (visits, links
earned through shares). With no base column "without" is chance (`ndcg_random`) and the gain is an association.

How it fails: prediction is not cause, a hidden quality that earns both votes and positions gives a gain. Order among
pages that rank at all is judged, not who ranks. The interval takes the fitted models as given (no unbiased variance of
cross-validation exists, Bengio & Grandvalet 2004) and is too narrow below about thirty keywords; in simulated worlds
of 200 and 800 keywords without effect its width was right. Useless columns cost a little, so the gain of votes that
mean nothing lies slightly below 0 (-0.001 at 800 keywords), which never counts as help. A true effect of 0.10 per
log-share beside good base columns gains only 0.003 to 0.005 NDCG@10 on 20 results, the more the wider votes spread.
Importances explain the model, not the search engine.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.predict.fold import group_folds, sample_groups
from models.predict.ndcg import Convention, gain_of, ndcg
from models.ranks.bootstrap import cluster_bootstrap_mean

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PARAMETERS = {
    "objective": "lambdarank",
    "learning_rate": 0.1,
    "num_leaves": 7,
    "min_data_in_leaf": 100,
    "lambda_l2": 10.0,
    "max_bin": 127,
    "deterministic": True,
    "force_row_wise": True,
    "seed": 0,
    "num_threads": 1,
    "verbosity": -1,
}
ROUNDS = 60
FOLDS = 5
EXPLAINED = 20_000  # rows whose contributions are taken: TreeSHAP is dear, and a share needs no more
MODEST, FEW = 0.003, 30  # what a real but modest effect gains (linear, depth 10, beside base columns); too few keywords


@dataclass(frozen=True)
class Prediction:
    """NDCG@`depth` out of fold without and with votes, mean over keywords; `gain` = with - without, positive = better.

    `ci_low`, `ci_high`: 95 % interval of `gain` over keywords. `importance`: name and share of each column, base first,
    in the model with votes. `n_lists`, `n_keywords` count what was judged, `n_skipped` lists with nothing to order
    (known positions all alike or below `depth`), `n_left_out` keywords beyond the row limit. NaN is unknown.
    """

    depth: int
    convention: Convention
    ndcg_random: float
    ndcg_without: float
    ndcg_with: float
    gain: float
    ci_low: float
    ci_high: float
    gain_by_domain_fold: float
    gain_same_pages: float
    n_lists: int
    n_keywords: int
    n_skipped: int
    n_left_out: int
    has_base: bool
    importance: tuple[tuple[str, float], ...]

    @property
    def memorised(self) -> float:
        """The part of the gain that is lost on domains never met, on the same parts of lists."""
        return self.gain_same_pages - self.gain_by_domain_fold

    @property
    def sentence(self) -> str:
        """The result in words: at most as strong as the interval allows."""
        if np.isnan(self.ci_low) or self.n_keywords < FEW:
            return f"Not enough data to say whether votes help to predict the order: {self.n_keywords} keywords."
        verb = "improve" if self.gain >= 0 else "change"
        size = f"{_signed(self.gain)} NDCG points ({_signed(self.ci_low)} … {_signed(self.ci_high)})"
        beyond = "" if self.has_base else " against chance, as nothing else was known about the pages,"
        return f"Votes {verb} the predicted order{beyond} by {size}: {self._meaning()}.{self._memory()}"

    def _meaning(self) -> str:
        if self.ci_low > 0:
            return "they help to predict the order, which does not say that they cause it"
        if not (self.has_base and self.depth == 10 and self.convention == "linear"):
            return "they are not seen to help to predict the order"
        if self.ci_high < MODEST:
            return f"they do not help to predict the order (a real but modest effect gives about {MODEST})"
        return f"they are not seen to help, but a real, modest effect gives only about {MODEST} and is not ruled out"

    def _memory(self) -> str:
        if self.ci_low <= 0 or np.isnan(self.memorised):
            return ""
        met, unmet = _signed(self.gain_same_pages), _signed(self.gain_by_domain_fold)
        return (
            f" Among pages of domains never met before, votes gain {unmet}; among the same pages, domains met, {met}."
        )


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows (n,) list by list, `list` counting from 0; `gain_at` (depth + 1,) is the gain of each `relevance`."""

    list: Ints
    keyword: NDArray[np.integer]
    domain: NDArray[np.integer]
    relevance: Ints
    gain_at: Floats
    base: Floats
    votes: Floats

    def per_keyword(self, lists: Ints, score: Floats) -> Floats:
        """Mean NDCG of the lists, or parts of lists, of each keyword that has one with something to order (K,)."""
        first, judged = self.judged(lists)
        if np.isnan(score).any():
            return np.full(np.unique(self.keyword[first[judged]]).size, np.nan)
        found = ndcg(lists, self.gain_at[self.relevance], score, self.gain_at.size - 1)[judged]
        keyword = np.unique(self.keyword[first[judged]], return_inverse=True)[1]
        means: Floats = np.bincount(keyword, weights=found) / np.bincount(keyword)
        return means

    def judged(self, lists: Ints) -> tuple[Ints, NDArray[np.bool_]]:
        """A row of each list, ids ascending, and whether its results differ in relevance (L,)."""
        _, first, member = np.unique(lists, return_index=True, return_inverse=True)
        judged = np.zeros(first.size, dtype=bool)
        judged[member[self.relevance != self.relevance[first][member]]] = True
        return first, judged


def benchmark(
    list_id: ArrayLike,
    keyword_id: ArrayLike,
    domain_id: ArrayLike,
    position: ArrayLike,
    base: ArrayLike,
    votes: ArrayLike,
    *,
    base_names: Sequence[str],
    vote_names: Sequence[str],
    depth: int = 10,
    convention: Convention = "linear",
    max_rows: int = 200_000,
    draws: int = 1000,
    seed: int = 0,
) -> Prediction:
    """What votes add to the out-of-fold NDCG@`depth`; one row per result, ids integers (n,), `position` (n,) from 1.

    `base` (n, p), p = 0 allowed, and `votes` (n, q) in any units, NaN where unknown. Rows of unknown position are left
    out. Beyond `max_rows` (200,000 take about a minute of one core) whole keywords are left out, by a hash of their id.
    Fewer than two keywords (or domains) give NaN. The order of rows changes nothing where positions in a list differ.
    Raises ValueError for columns that do not fit, positions that are not whole, or LightGBM missing.
    """
    gain_at = _gain_at(depth, convention)
    table = _table(list_id, keyword_id, domain_id, position, base, votes)
    names = _names(base_names, vote_names, table)
    kept = sample_groups(table["keyword"], max_rows, seed)
    left_out = np.setdiff1d(table["keyword"], table["keyword"][kept]).size
    rows = _rows({name: x[kept] for name, x in table.items()}, gain_at, seed)
    known, unseen = _compare(rows, rows.keyword), _compare(rows, rows.domain)
    chance, without, knowing = (rows.per_keyword(rows.list, s) for s in (np.zeros(rows.list.size), *known.scores))
    difference = (knowing - without)[~np.isnan(knowing)]
    interval = cluster_bootstrap_mean(difference, np.arange(difference.size), draws, seed)
    judged = rows.judged(rows.list)[1]
    return Prediction(
        depth=depth,
        convention=convention,
        ndcg_random=_mean(chance),
        ndcg_without=_mean(without),
        ndcg_with=_mean(knowing),
        gain=_mean(difference),
        ci_low=interval.low,
        ci_high=interval.high,
        gain_by_domain_fold=_gain_on_parts(rows, unseen, unseen),
        gain_same_pages=_gain_on_parts(rows, known, unseen),
        n_lists=int(judged.sum()),
        n_keywords=chance.size,
        n_skipped=int((~judged).sum()),
        n_left_out=left_out,
        has_base=bool(base_names),
        importance=tuple(zip(names, _shares(rows, known), strict=True)),
    )


def _gain_at(depth: int, convention: Convention) -> Floats:
    """Gain of the relevances 0 .. depth, or ValueError."""
    limit = 30 if convention == "exponential" else 1000
    if not 1 <= depth <= limit:
        raise ValueError(f"depth must lie between 1 and {limit} where the gain is {convention}, not {depth}")
    return gain_of(np.arange(depth + 1), convention)


def _table(*columns: ArrayLike) -> dict[str, NDArray[Any]]:
    """The columns as arrays, rows of unknown position left out, or ValueError."""
    ids = dict(zip(("list", "keyword", "domain"), map(np.asarray, columns[:3]), strict=True))
    position, base, votes = (np.asarray(x, dtype=np.float64) for x in columns[3:])
    if position.ndim != 1 or any(x.shape != position.shape for x in ids.values()):
        raise ValueError("list_id, keyword_id, domain_id and position must be one-dimensional and equally long")
    if any(x.size and x.dtype.kind not in "iu" for x in ids.values()):
        raise ValueError("list_id, keyword_id and domain_id must be integers")
    if any(x.ndim != 2 or len(x) != position.size for x in (base, votes)):
        raise ValueError("base and votes must be tables with one row per result: (n, p) and (n, q)")
    if np.isinf(base).any() or np.isinf(votes).any():
        raise ValueError("base or votes hold an infinite number; what is unknown is NaN")
    known = ~np.isnan(position)
    if not ((position[known] >= 1) & (position[known] % 1 == 0)).all():
        raise ValueError("positions must be whole numbers from 1: average positions belong to no single list")
    return {name: x[known] for name, x in (ids | {"position": position, "base": base, "votes": votes}).items()}


def _names(base_names: Sequence[str], vote_names: Sequence[str], table: dict[str, NDArray[Any]]) -> list[str]:
    """Names of all columns, base first, or ValueError."""
    if len(base_names) != table["base"].shape[1] or len(vote_names) != table["votes"].shape[1]:
        raise ValueError("base_names and vote_names must have one name per column of base and votes")
    if not vote_names:
        raise ValueError("votes has no column: there is nothing to compare with")
    return [*base_names, *vote_names]


def _rows(table: dict[str, NDArray[Any]], gain_at: Floats, seed: int) -> _Rows:
    """The table list by list, each list in an order drawn by lot.

    LambdaRank starts from equal scores and takes the order of rows for theirs: the true order would be a biased start.
    """
    order = np.lexsort((table["position"], table["list"]))
    lot = np.random.default_rng(seed).random(order.size)
    order = order[np.lexsort((lot, table["list"][order]))]
    ids, keyword, domain, position, base, votes = (x[order] for x in table.values())
    if ((ids[1:] == ids[:-1]) & (keyword[1:] != keyword[:-1])).any():
        raise ValueError("a list belongs to one keyword: keyword_id differs between rows of one list_id")
    lists = np.unique(ids, return_inverse=True)[1].astype(np.int64)
    relevance = np.maximum(0, gain_at.size - position).astype(np.int64)
    return _Rows(lists, keyword, domain, relevance, gain_at, base, votes)


@dataclass(frozen=True, eq=False)
class _Compared:
    """Folds of the rows (n,), scores out of fold without and with votes (n,), and the models with votes by fold."""

    fold: Ints
    scores: tuple[Floats, Floats]
    models: dict[int, Any]


def _compare(rows: _Rows, group: NDArray[np.integer]) -> _Compared:
    """Learn in folds of whole groups and score what was held out; NaN where there is one group only."""
    fold = group_folds(group, FOLDS)
    tables = rows.base, np.hstack((rows.base, rows.votes))
    models = [_learn(rows, x, fold) for x in tables]
    without, knowing = (_scores(m, x, fold) for m, x in zip(models, tables, strict=True))
    return _Compared(fold, (without, knowing), models[1])


def _learn(rows: _Rows, x: Floats, fold: Ints) -> dict[int, Any]:
    """For each fold, LambdaMART of the relevance on x (n, p), learnt on all other rows; none where x has no column."""
    lightgbm, found = _lightgbm(), np.unique(fold)
    settings = PARAMETERS | {"label_gain": rows.gain_at.tolist(), "lambdarank_truncation_level": rows.gain_at.size + 4}
    models = {}
    for held_out in found.tolist() if found.size > 1 and x.shape[1] else ():
        rest = fold != held_out
        sizes = np.unique(rows.list[rest], return_counts=True)[1]
        data = lightgbm.Dataset(x[rest], rows.relevance[rest], group=sizes, params=settings)
        models[held_out] = lightgbm.train(settings, data, ROUNDS)
    return models


def _scores(models: dict[int, Any], x: Floats, fold: Ints) -> Floats:
    """Score (n,) of each row by the model that has not met its group: equal without columns, NaN without a model."""
    score = np.full(fold.size, np.nan if x.shape[1] else 0.0)
    for held_out, model in models.items():
        rows = fold == held_out
        score[rows] = model.predict(x[rows], num_threads=1)
    return score


def _gain_on_parts(rows: _Rows, compared: _Compared, parted: _Compared) -> float:
    """Mean gain of one comparison on the parts of lists that are held out together in the other."""
    parts = rows.list * FOLDS + parted.fold
    without, knowing = (rows.per_keyword(parts, score) for score in compared.scores)
    return _mean(knowing - without) if knowing.size > 1 else float("nan")


def _shares(rows: _Rows, compared: _Compared) -> list[float]:
    """Share of each column (p + q,) in the mean |TreeSHAP contribution| around the mean of the list, out of fold.

    What a column adds to all results of a list alike orders nothing and does not count.
    """
    x = np.hstack((rows.base, rows.votes))
    explained = rows.list % (rows.list.size // EXPLAINED + 1) == 0
    total = np.zeros(x.shape[1])
    for held_out, model in compared.models.items():
        here = explained & (compared.fold == held_out)
        if here.any():
            parts = model.predict(x[here], pred_contrib=True, num_threads=1)[:, :-1]
            total += _spread(rows.list[here], parts)
    shares: list[float] = (total / total.sum() if total.any() else np.full(total.size, np.nan)).tolist()
    return shares


def _spread(lists: Ints, parts: Floats) -> Floats:
    """Sum of |deviation from the mean of the list| of each column (c,) of parts (n, c)."""
    _, first, size = np.unique(lists, return_index=True, return_counts=True)
    means = np.add.reduceat(parts, first, axis=0) / size[:, None]
    spread: Floats = np.abs(parts - np.repeat(means, size, axis=0)).sum(axis=0)
    return spread


def _lightgbm() -> ModuleType:
    """LightGBM, or ValueError with what to install."""
    try:
        import lightgbm
    except ImportError as error:
        raise ValueError("the prediction benchmark needs LightGBM: pip install 'tallyrank[prediction]'") from error
    except OSError as error:
        raise ValueError(
            "LightGBM is installed, but a library of the system that it needs is missing, most often OpenMP: "
            f"install libgomp1 (Debian, Ubuntu), libgomp (Fedora, Alpine) or libomp (Homebrew). It said: {error}"
        ) from error
    return lightgbm


def _mean(x: Floats) -> float:
    return float(x.mean()) if x.size else float("nan")


def _signed(x: float) -> str:
    return f"{round(x, 3) + 0.0:.3f}".replace("-", "−")
