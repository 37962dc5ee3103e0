"""Rung 1: do better-voted pages stand higher in the same list? (models/ranks/association.py and its neighbours)"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from dashboards.plots.evidence import forest_png
from models.ranks.association import associate, within_list_spearman
from models.ranks.depths import DepthDifference, depth_differences
from models.ranks.fisher_z import averages
from models.ranks.kendall import within_list_kendall
from models.ranks.simpson import pooled_and_within
from pipelines.evidence.table import REAL, WHO, WHOLE, ModelTable, Rows, rows_of
from pipelines.lake import Lake
from pipelines.lists import TABLES, Votes, votes_by_pair

DEPTHS = (10, 20, 30, 50)
NO_LIMIT = 1_000_000_000  # rows are cut to the depth before, with averages rounded


def build(lake: Lake) -> Rows:
    """One row per ranking, platform, verb and depth."""
    return [row for pair in votes_by_pair(lake) for row in _rows(pair)]


def _rows(pair: Votes) -> Iterator[dict[str, Any]]:
    """A row for each depth that the lists reach: 30 says nothing new where lists end at 20."""
    place = pair.lists.place
    deepest = place.max(initial=0)
    reached = [d for d, before in zip(DEPTHS, (0, *DEPTHS), strict=False) if deepest > before]
    against = {d.deep: d for d in _differences(pair, reached)}
    for depth in reached:
        numbers = _at_depth(pair, place <= depth)
        yield pair.who | numbers | {"depth": depth} | _difference(against.get(depth))


def _at_depth(pair: Votes, within: NDArray[np.bool_]) -> dict[str, Any]:
    lists, votes = pair.lists, pair.votes[within]
    ids, keywords, position = lists.list_id[within], lists.keyword_id[within], lists.position[within]
    domains = None if lists.domains is None else lists.domains[within]
    found = asdict(associate(ids, keywords, position, votes, NO_LIMIT, domain_id=domains))
    rho = within_list_spearman(ids, position, votes)
    tau = within_list_kendall(ids, position, votes).rho
    others = {"mean_tau": float(np.nanmean(tau)) if np.isfinite(tau).any() else None}
    pooled = pooled_and_within(ids, position, votes).pooled
    return found | others | {"fisher_z_rho": averages(rho.rho, rho.n_pairs).fisher_z, "pooled_rho": pooled}


def _differences(pair: Votes, reached: list[int]) -> list[DepthDifference]:
    lists = pair.lists
    return depth_differences(lists.list_id, lists.keyword_id, lists.place, pair.votes, reached, domain_id=lists.domains)


def _difference(found: DepthDifference | None) -> dict[str, Any]:
    if found is None:
        return {"deeper_by": None, "deeper_low": None, "deeper_high": None}
    return {"deeper_by": found.mean_difference, "deeper_low": found.ci_low, "deeper_high": found.ci_high}


def correlations(con: duckdb.DuckDBPyConnection) -> Rows:
    """The rows of `association`, as the command line and the report give them out."""
    return rows_of(con, TABLE.name)


def _draw(rows: Sequence[dict[str, Any]]) -> bytes:
    return forest_png(rows) if rows else b""


COLUMNS: dict[str, Any] = WHO | {
    "depth": (WHOLE, "Results down to this position were compared (averages are rounded for this)."),
    "mean_rho": (
        REAL,
        "Mean over lists of Spearman's rho between votes and height in the list; positive means better-voted pages "
        "stand higher. An association, not an effect.",
    ),
    "ci_low": (
        REAL,
        "Lower end of the 95 % interval: keywords and domains drawn at random (below ten domains, keywords only); NULL "
        "with fewer than two keywords.",
    ),
    "ci_high": (REAL, "Upper end of the 95 % interval."),
    "n_lists": (WHOLE, "Result lists that gave a rho."),
    "n_skipped": (WHOLE, "Result lists left out: fewer than five results with known votes, or no variation."),
    "n_keywords": (WHOLE, "Keywords behind the lists."),
    "n_domains": (WHOLE, "Domains behind the interval; NULL where it is over keywords only."),
    "mean_tau": (
        REAL,
        "Mean of Kendall's tau-b: of two results of one list, the one with more votes is the higher one in 50 + 50 tau "
        "of 100 pairs.",
    ),
    "fisher_z_rho": (
        REAL, "tanh of the mean of atanh(rho), lists weighed by length - 3: another average, as a check.",
    ),
    "pooled_rho": (
        REAL, "Rho with all lists thrown together, as it should not be done: it compares pages that do not compete.",
    ),
    "deeper_by": (REAL, "Mean rho at this depth minus at the next shallower one, over lists that have both."),
    "deeper_low": (REAL, "Lower end of its 95 % interval."),
    "deeper_high": (REAL, "Upper end of its 95 % interval."),
}  # fmt: skip
TABLE = ModelTable(
    "association",
    "Rung 1, association: do better-voted pages stand higher in the same result list? "
    "One row per engine, kind of position, platform, verb and depth.",
    COLUMNS,
    TABLES,
    build,
    _draw,
)
