"""Does knowing votes help to predict the order of results? (models/predict/prediction.py)"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import numpy as np

from models.predict.prediction import Prediction, benchmark
from pipelines.covariates import covariates, usable
from pipelines.evidence.table import REAL, TEXT, WHO, WHOLE, ModelTable, Rows
from pipelines.lake import Lake
from pipelines.lists import TABLES, Votes, votes_by_pair

FEWEST_KEYWORDS = 30  # to teach on some and judge on others
MOST_ROWS = 60_000  # results; more keywords are sampled, since daily lists of one keyword say nearly the same


def build(lake: Lake) -> Rows:
    """One row per ranking and feature of the model that knows votes; the gain is the same on all rows of a ranking."""
    rows: Rows = []
    for _, pairs in groupby(votes_by_pair(lake), key=lambda pair: id(pair.lists)):
        rows += _rows(lake, list(pairs))
    return rows


def _rows(lake: Lake, pairs: list[Votes]) -> Iterator[dict[str, Any]]:
    lists = pairs[0].lists
    start: dict[str, Any] = dict.fromkeys(COLUMNS) | lists.ranking._asdict()
    keywords = np.unique(lists.keyword_id).size
    if keywords < FEWEST_KEYWORDS:
        why = f"it takes {FEWEST_KEYWORDS} keywords, and there are {keywords}"
        yield start | {"n_keywords": keywords, "in_words": f"Not enough data: {why}.", "why_not": why}
        return
    given = usable(covariates(lake, lists), np.ones(lists.list_id.size, dtype=bool))
    names = [f"{pair.platform} {pair.verb}" for pair in pairs]
    base = np.column_stack(list(given.values())) if given else np.zeros((lists.list_id.size, 0))
    votes = np.column_stack([np.log2(1.0 + pair.votes) for pair in pairs])
    try:
        found = benchmark(
            lists.list_id, lists.keyword_id, lists.domain_id, lists.place, base, votes,
            base_names=tuple(given), vote_names=tuple(names), max_rows=MOST_ROWS,
        )  # fmt: skip
    except ValueError as error:
        yield start | {"why_not": str(error)}
        return
    for feature, share in found.importance:
        yield start | _numbers(found) | {"feature": feature, "importance": share}


def _numbers(found: Prediction) -> dict[str, Any]:
    names = ("depth", "ndcg_random", "ndcg_without", "ndcg_with", "gain", "ci_low", "ci_high", "gain_by_domain_fold")
    more = ("n_lists", "n_keywords", "n_left_out")
    return {name: getattr(found, name) for name in (*names, *more)} | {"in_words": found.sentence}


COLUMNS: dict[str, Any] = {name: WHO[name] for name in ("engine", "rank_kind")} | {
    "feature": (TEXT, "What the model looks at: votes of a platform, or something else known of pages."),
    "importance": (REAL, "Its share of the model's mean absolute contributions (TreeSHAP); explains the model only."),
    "depth": (WHOLE, "Results judged per list (NDCG at this depth, linear gain)."),
    "ndcg_random": (REAL, "NDCG of a random order."),
    "ndcg_without": (REAL, "NDCG of predictions that know no votes, cross-validated by keyword."),
    "ndcg_with": (REAL, "NDCG of predictions that know votes too."),
    "gain": (REAL, "The difference."),
    "ci_low": (REAL, "Lower end of its 95 % interval over keywords."),
    "ci_high": (REAL, "Upper end of its 95 % interval."),
    "gain_by_domain_fold": (REAL, "The gain on pages of domains that the model has not seen."),
    "n_lists": (WHOLE, "Lists judged."),
    "n_keywords": (WHOLE, "Keywords judged."),
    "n_left_out": (WHOLE, "Keywords left out to keep it quick."),
    "in_words": (TEXT, "What it says."),
    "why_not": (TEXT, "Why there is no answer; NULL where there is one."),
}
TABLE = ModelTable(
    "prediction",
    "Prediction benchmark: does knowing votes help to predict the order of results (LambdaMART, cross-validated by "
    "keyword)? One row per engine, kind of position and feature.",
    COLUMNS,
    (*TABLES, "page_covariates"),
    build,
)
