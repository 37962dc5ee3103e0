"""Models run over the tables of the lake; each writes one table beside them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from math import isnan
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from models.association import Association, associate
from pipelines.lake import Lake, replaced

DEPTHS = (10, 20, 30, 50)
NO_LIMIT = 1_000_000_000  # rows are cut to the depth before, with averages rounded
ASSOCIATION = "association"
COLUMNS = {
    "engine": "Search engine or ranking.",
    "rank_kind": 'What "position" means.',
    "platform": "Where the votes were cast.",
    "verb": "What people did.",
    "depth": "Results down to this position were compared (averages are rounded for this).",
    "mean_rho": "Mean over lists of Spearman's rho between votes and height in the list; positive means better-voted "
    "pages stand higher. An association, not an effect.",
    "ci_low": "Lower end of the 95 % interval (bootstrap over keywords); NULL with fewer than two keywords.",
    "ci_high": "Upper end of the 95 % interval; NULL with fewer than two keywords.",
    "n_lists": "Result lists that gave a rho.",
    "n_skipped": "Result lists left out: fewer than five results with known votes, or no variation.",
    "n_keywords": "Keywords behind the lists.",
}
DESCRIPTION = (
    "Rung 1, association: do better-voted pages stand higher in the same result list? "
    "One row per engine, kind of position, platform, verb and depth."
)
SCHEMA = pa.schema(
    [
        ("engine", pa.string()),
        ("rank_kind", pa.string()),
        ("platform", pa.string()),
        ("verb", pa.string()),
        ("depth", pa.int32()),
        ("mean_rho", pa.float64()),
        ("ci_low", pa.float64()),
        ("ci_high", pa.float64()),
        ("n_lists", pa.int64()),
        ("n_skipped", pa.int64()),
        ("n_keywords", pa.int64()),
    ]
)


def build_association(lake: Lake) -> int:
    """Write the table `association`; returns its number of rows."""
    with lake.connect("serp_results", "serp_votes") as con:
        rows = [row for kind in _kinds(con) for row in _of_kind(con, *kind)]
    with replaced(lake.table_path(ASSOCIATION)) as temporary:
        pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), temporary, compression="zstd")
    return len(rows)


def _kinds(con: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    return con.execute("SELECT DISTINCT engine, rank_kind FROM serp_results ORDER BY ALL").fetchall()


def _of_kind(con: duckdb.DuckDBPyConnection, engine: str, rank_kind: str) -> Iterator[dict[str, Any]]:
    """Every platform, verb and depth over the lists of one engine and kind of position."""
    where = "r.engine = ? AND r.rank_kind = ? AND r.is_found"
    results = con.execute(
        f"SELECT r.result_id, r.list_id, r.keyword_id, r.position FROM serp_results r WHERE {where} ORDER BY 1",
        [engine, rank_kind],
    ).fetchnumpy()
    votes = con.execute(
        "SELECT v.platform, v.verb, v.result_id, v.votes FROM serp_votes v "
        f"JOIN serp_results r ON r.result_id = v.result_id WHERE {where} AND v.votes IS NOT NULL",
        [engine, rank_kind],
    ).fetch_df()
    for (platform, verb), pair in votes.groupby(["platform", "verb"], sort=True):
        column = np.full(len(results["result_id"]), np.nan)
        column[np.searchsorted(results["result_id"], pair["result_id"])] = pair["votes"]
        for found in _by_depth(results, column):
            numbers = {k: None if isinstance(v, float) and isnan(v) else v for k, v in asdict(found).items()}
            yield {"engine": engine, "rank_kind": rank_kind, "platform": platform, "verb": verb} | numbers


def _by_depth(results: dict[str, Any], votes: np.ndarray) -> Iterator[Association]:
    """One association per depth that the lists reach: 30 says nothing new where lists end at 20."""
    place = np.floor(results["position"] + 0.5)
    deepest = place.max(initial=0)
    for depth, shallower in zip(DEPTHS, (0, *DEPTHS), strict=False):
        if deepest > shallower:
            within = place <= depth
            lists, keywords, position = (results[name][within] for name in ("list_id", "keyword_id", "position"))
            found = associate(lists, keywords, position, votes[within], depth=NO_LIMIT)
            yield replace(found, depth=depth)


def correlations(con: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """The rows of `association`, as the command line and the report give them out."""
    cursor = con.execute(f"SELECT * FROM {ASSOCIATION} ORDER BY engine, rank_kind, platform, verb, depth")
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
