"""Does the association differ between countries, devices or languages? (models/regions.py)"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from models.guards.multiplicity import adjust
from models.ranks.association import Association, associate
from models.regions import FEWEST_CLUSTERS, Z95, compare
from pipelines.evidence.table import REAL, TEXT, WHO, WHOLE, ModelTable, Rows
from pipelines.lake import Lake
from pipelines.lists import FEW_DOMAINS, TABLES, Votes, votes_by_pair

DEPTH = 20
DIMENSIONS = ("country", "device", "language")
NOT_STATED = "not stated"
LEVEL = 0.05
NO_LIMIT = 1_000_000_000  # rows are cut to the depth before, with averages rounded
Names = dict[str, NDArray[Any]]


def build(lake: Lake) -> Rows:
    """One row per ranking, platform, verb, dimension and region."""
    with lake.connect("serp_results") as con:
        named = _named(con)
    groups = [rows for pair in votes_by_pair(lake) for rows in _groups(pair, named)]
    q = adjust([rows[0]["p"] for rows in groups])
    return [row | {"q": float(x), "answer": _answer(x)} for rows, x in zip(groups, q, strict=True) for row in rows]


def _named(con: duckdb.DuckDBPyConnection) -> Names:
    """Country, device and language of every list, by list_id."""
    columns = ", ".join(f"coalesce(any_value({name}), '{NOT_STATED}') AS {name}" for name in DIMENSIONS)
    rows = con.execute(f"SELECT list_id, {columns} FROM serp_results GROUP BY list_id ORDER BY list_id").fetchnumpy()
    return {name: np.asarray(column) for name, column in rows.items()}


def _groups(pair: Votes, named: Names) -> Iterator[Rows]:
    """The rows of every dimension. What a dimension calls by one name only is what another one does: asked once."""
    place = np.searchsorted(np.asarray(named["list_id"], np.int64), pair.lists.list_id)
    known: dict[bytes, Association] = {}
    for dimension in DIMENSIONS:
        region = named[dimension][place].astype(str)
        masks = {name: region == name for name in np.unique(region).tolist()}
        for mask in masks.values():
            if mask.tobytes() not in known:
                known[mask.tobytes()] = _association(pair, mask)
        if masks:
            yield _rows(pair, dimension, {name: known[mask.tobytes()] for name, mask in masks.items()})


def _association(pair: Votes, mask: NDArray[np.bool_]) -> Association:
    """Mean rho within the lists of one region, down to the depth."""
    lists = pair.lists
    rows = mask & (lists.place <= DEPTH)
    domain = lists.domain_id[rows]
    return associate(
        lists.list_id[rows], lists.keyword_id[rows], lists.position[rows], pair.votes[rows], NO_LIMIT,
        domain_id=domain if np.unique(domain).size >= FEW_DOMAINS else None,
    )  # fmt: skip


def _rows(pair: Votes, dimension: str, found: dict[str, Association]) -> Rows:
    """The regions of one dimension beside each other; lists that do not say theirs are no region."""
    effect = [np.nan if name == NOT_STATED else a.mean_rho for name, a in found.items()]
    error = [(a.ci_high - a.ci_low) / (2 * Z95) for a in found.values()]
    compared = compare(effect, error, [a.n_keywords for a in found.values()])
    shared = pair.who | {
        "dimension": dimension, "overall_rho": compared.overall, "spread": compared.spread, "p": compared.p,
        "n_regions": compared.n_regions, "why_not": _why_not(compared.n_regions),
    }  # fmt: skip
    return [
        shared | {"region": name, "mean_rho": a.mean_rho, "ci_low": a.ci_low, "ci_high": a.ci_high}
        | {"n_lists": a.n_lists, "n_keywords": a.n_keywords, "pooled_rho": float(compared.pooled[n])}
        | {"pooled_low": float(compared.low[n]), "pooled_high": float(compared.high[n])}
        for n, (name, a) in enumerate(found.items())
    ]  # fmt: skip


def _why_not(n_regions: int) -> str | None:
    if n_regions > 1:
        return None
    return f"it takes two regions with {FEWEST_CLUSTERS} keywords each, and there {'is 1' if n_regions else 'are 0'}"


def _answer(q: float) -> str:
    if np.isnan(q):
        return "not enough data"
    return "differs" if q <= LEVEL else "no detectable difference"


COLUMNS: dict[str, Any] = WHO | {
    "dimension": (TEXT, "What is compared: country, device or language of the search."),
    "region": (TEXT, 'Which one; "not stated" where the source does not say, which is compared with nothing.'),
    "mean_rho": (REAL, "Mean within-list rank correlation of votes and height down to position 20, its lists alone."),
    "ci_low": (REAL, "Lower end of its 95 % interval; NULL with fewer than two keywords."),
    "ci_high": (REAL, "Upper end of its 95 % interval."),
    "n_lists": (WHOLE, "Result lists that gave a rho."),
    "n_keywords": (WHOLE, "Keywords behind them."),
    "pooled_rho": (
        REAL, "The same, leaning on the other regions as far as they seem alike; NULL where it takes no part.",
    ),
    "pooled_low": (REAL, "Lower end of its 95 % interval."),
    "pooled_high": (REAL, "Upper end of its 95 % interval."),
    "overall_rho": (REAL, "Mean over regions."),
    "spread": (REAL, "Standard deviation between regions beyond chance; NULL with fewer than two."),
    "p": (REAL, "p: all regions are alike (Welch's test); the same in all rows of a dimension."),
    "q": (REAL, "False discovery rate at which they would be said to differ, over everything compared."),
    "answer": (TEXT, "no detectable difference, differs (at a false discovery rate of 5 %) or not enough data."),
    "n_regions": (WHOLE, "Regions with at least 10 keywords, which are compared."),
    "why_not": (TEXT, "Why there is no answer; NULL where there is one."),
}  # fmt: skip
TABLE = ModelTable(
    "regions",
    "Regions: does the association of votes and positions (top 20) differ between countries, devices or languages? "
    "Small regions lean on the others. One row per engine, kind of position, platform, verb, dimension and region.",
    COLUMNS,
    TABLES,
    build,
)
