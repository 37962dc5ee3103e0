"""Rung 2: do better-voted pages still stand higher among otherwise equal pages? (models/ordered_logit/fit.py)"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import erfc, exp, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboards.plots.evidence import odds_png
from models.guards.sensitivity import e_value_of_interval, measured, sensitivity, words
from models.ordered_logit.effects import odds_sentence, places_gained, places_sentence
from models.ordered_logit.fit import OrderedLogit, fit
from models.ordered_logit.lists import Block
from models.ranks.partial import centred_ranks, partial_spearman
from pipelines.covariates import covariates, usable
from pipelines.evidence.table import REAL, TEXT, WHO, WHOLE, ModelTable, Rows
from pipelines.lake import Lake
from pipelines.lists import TABLES, Lists, Votes, votes_by_pair

VOTES = "votes"
KEYWORDS_PER_COLUMN = 10
FEWEST = 5  # results that a list needs, as in models/ranks


def build(lake: Lake) -> Rows:
    """One row per ranking, platform and verb."""
    rows: Rows = []
    known: tuple[Lists, Mapping[str, NDArray[np.float64]]] | None = None
    for pair in votes_by_pair(lake):
        if known is None or known[0] is not pair.lists:
            known = (pair.lists, covariates(lake, pair.lists))
        rows.append(_row(pair, known[1]))
    return rows


def _row(pair: Votes, found: Mapping[str, NDArray[np.float64]]) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(COLUMNS) | pair.who
    given = usable(found, np.isfinite(pair.votes))
    left_out = sorted(set(found) - set(given))
    most = max(np.unique(pair.lists.keyword_id).size // KEYWORDS_PER_COLUMN - 1, 0)
    if len(given) > most:
        left_out += list(given)[most:]
        given = dict(list(given.items())[:most])
    row |= {"covariates": ", ".join(given), "left_out": ", ".join(left_out)}
    try:
        return row | _fitted(pair, given)
    except ValueError as error:
        return row | {"why_not": str(error)}


def _fitted(pair: Votes, given: Mapping[str, NDArray[np.float64]]) -> dict[str, Any]:
    """The logit and the partial correlation over rows with everything known."""
    lists = pair.lists
    columns = {VOTES: np.log2(1.0 + pair.votes), **given}
    x = np.column_stack(list(columns.values()))
    whole = np.isfinite(x).all(axis=1)
    clusters = {"keyword": lists.keyword_id[whole]}
    if lists.domains is not None:
        clusters["domain"] = lists.domains[whole]
    block = Block(lists.list_id[whole], lists.position[whole], x[whole], clusters=clusters)
    found = fit(block, names=tuple(columns), small_sample=True)
    return _numbers(pair, found, block) | _partial(pair, given)


def _numbers(pair: Votes, found: OrderedLogit, block: Block) -> dict[str, Any]:
    kind = " & ".join(block.clusters)
    place = found.names.index(VOTES)
    low, high = found.interval(kind)[place]
    gained = places_gained(found, VOTES, block, kind=kind)
    label = f"{pair.verb}s"
    told = f"{odds_sentence(found, VOTES, kind=kind, label=label)}; {places_sentence(gained, label)}."
    ratio = sorted((exp(low / 2), exp(high / 2)))  # sqrt of the odds ratio stands for a risk ratio (VanderWeele 2017)
    return {
        "e_value": e_value_of_interval(*ratio),
        "odds": exp(found.coef[place]), "odds_low": exp(low), "odds_high": exp(high), "places": gained.places,
        "places_low": gained.low, "places_high": gained.high,
        "p_value": erfc(abs(found.coef[place]) / found.se(kind)[place] / sqrt(2)), "clustered_on": kind,
        "n_lists": found.n_lists, "n_rows": found.n_rows, "n_keywords": found.n_clusters["keyword"],
        "in_words": told[0].upper() + told[1:], "notes": " ".join(found.notes) or None,
    }  # fmt: skip


def _partial(pair: Votes, given: Mapping[str, NDArray[np.float64]]) -> dict[str, Any]:
    lists = pair.lists
    if not given:
        return {}
    found = partial_spearman(
        lists.list_id, lists.keyword_id, lists.position, pair.votes, given, domain_id=lists.domains
    )
    rho, raw = found.rho, found.raw
    shares = {"partial_rho": rho.value, "partial_low": rho.low, "partial_high": rho.high, "raw_rho": raw.value}
    return shares | _hidden_cause(pair, given, float(found.se[0]))


def _hidden_cause(pair: Votes, given: Mapping[str, NDArray[np.float64]], se: float) -> dict[str, Any]:
    """How strong a hidden cause must be to erase the rank regression's coefficient, whose clustered error is `se`."""
    lists = pair.lists
    ids, w = centred_ranks({"list_id": lists.list_id}, lists.position, pair.votes, given, FEWEST)
    absorbed = int(np.unique(ids).size)
    if w.shape[0] <= absorbed + w.shape[1] or not se > 0:
        return {}
    plain, known = measured(w[:, 0], w[:, 1], w[:, 2:], tuple(given), absorbed)
    found = sensitivity(replace(plain, inflation=se / plain.se), known)
    return {"robustness": found.rv, "hidden_cause": words(found)}


def _draw(rows: Sequence[dict[str, Any]]) -> bytes:
    return odds_png([r for r in rows if r["odds"] is not None])


COLUMNS: dict[str, Any] = WHO | {
    "odds": (REAL, "How many times the odds of outranking a neighbour are after a doubling of votes."),
    "odds_low": (REAL, "Lower end of its 95 % interval."),
    "odds_high": (REAL, "Upper end of its 95 % interval."),
    "places": (REAL, "Places that a page of the median list would stand higher with twice the votes."),
    "places_low": (REAL, "Lower end of its 95 % interval."),
    "places_high": (REAL, "Upper end of its 95 % interval."),
    "partial_rho": (REAL, "Partial rank correlation of votes and height within lists, given the covariates."),
    "partial_low": (REAL, "Lower end of its 95 % interval."),
    "partial_high": (REAL, "Upper end of its 95 % interval."),
    "raw_rho": (REAL, "The plain rank correlation of the same rows."),
    "p_value": (REAL, "p of the logit's coefficient, by Wald."),
    "e_value": (
        REAL,
        "E-value of the interval's end: how many times likelier a hidden cause must make both many votes and "
        "outranking to explain the odds; 1 needs none.",
    ),
    "robustness": (REAL, "Share of what is left of votes and positions that a hidden cause must explain to erase it."),
    "hidden_cause": (TEXT, "The same beside what is known of the pages, in words."),
    "clustered_on": (TEXT, "What errors are clustered on."),
    "covariates": (TEXT, "What pages were made equal by; empty where nothing is known of them but votes."),
    "left_out": (TEXT, "Covariates known for too few pages (below 80 %), or too many for the keywords."),
    "n_lists": (WHOLE, "Lists with at least two results of which everything is known."),
    "n_rows": (WHOLE, "Results in them."),
    "n_keywords": (WHOLE, "Keywords."),
    "in_words": (TEXT, "What it says. An association: order given that the pages already rank."),
    "notes": (TEXT, "What went on in fitting, where it matters."),
    "why_not": (TEXT, "Why there is no answer; NULL where there is one."),
}
TABLE = ModelTable(
    "adjusted",
    "Rung 2, adjusted: do better-voted pages still stand higher among pages that are equal otherwise? Rank-ordered "
    "(Plackett-Luce) logit by list and partial rank correlation. One row per engine, kind of position, platform, verb.",
    COLUMNS,
    (*TABLES, "page_covariates"),
    build,
    _draw,
)
