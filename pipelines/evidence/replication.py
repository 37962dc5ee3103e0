"""Our correlations beside the published ones (models/ranks/replication.py)."""

from __future__ import annotations

from typing import Any

import duckdb

from models.ranks.association import Association
from models.ranks.replication import OurData, compare
from pipelines.evidence.table import FLAG, REAL, TEXT, WHO, WHOLE, ModelTable, Rows, rows_of
from pipelines.lake import Lake

READS = ("association", "serp_results", "serp_votes", "stg_observations")
DEPTH = 30


def build(lake: Lake) -> Rows:
    """One row per ranking and published value of a platform and verb that we have votes of."""
    with lake.connect(*READS) as con:
        ours = [r for r in rows_of(con, "association") if r["depth"] <= DEPTH and r["mean_rho"] is not None]
        deepest = {(r["engine"], r["rank_kind"], r["platform"], r["verb"]): r for r in ours}
        kinds = sorted({key[:2] for key in deepest})
        return [row for kind in kinds for row in _rows(con, kind, deepest)]


def _rows(con: duckdb.DuckDBPyConnection, kind: tuple[str, str], deepest: dict[Any, dict[str, Any]]) -> Rows:
    mine = {key[2:]: _association(row) for key, row in deepest.items() if key[:2] == kind}
    found = compare(mine, {pair: _data(con, kind, pair) for pair in mine})
    return [
        {
            "engine": kind[0], "rank_kind": kind[1], "platform": r.published.platform, "verb": r.published.verb,
            "study": r.published.study, "country": r.published.country, "year": r.published.year,
            "published_rho": r.published.value, "published_depth": r.published.depth,
            "published_keywords": r.published.keywords, "source": r.published.source, "depth": r.ours.depth,
            "mean_rho": r.ours.mean_rho, "ci_low": r.ours.ci_low, "ci_high": r.ours.ci_high,
            "difference": r.difference, "is_inside": r.is_inside, "reasons": " ".join(r.reasons),
        }
        for r in found
    ]  # fmt: skip


def _association(row: dict[str, Any]) -> Association:
    low, high = (float("nan") if row[n] is None else row[n] for n in ("ci_low", "ci_high"))
    return Association(row["depth"], row["mean_rho"], low, high, row["n_lists"], row["n_skipped"], row["n_keywords"])


def _data(con: duckdb.DuckDBPyConnection, kind: tuple[str, str], pair: tuple[str, str]) -> OurData:
    """What our lists and counts are like."""
    countries, first, last, complete = con.execute(
        """
        WITH lists AS (
            SELECT list_id, any_value(country) AS country, min(CAST(ranked_at AS DATE)) AS day,
                count(DISTINCT position) FILTER (position <= $3) AS places
            FROM serp_results WHERE engine = $1 AND rank_kind = $2 GROUP BY list_id
        )
        SELECT list(DISTINCT country) FILTER (country IS NOT NULL), min(day), max(day),
            avg(CASE WHEN places >= $3 THEN 1.0 ELSE 0.0 END) FROM lists
        """,
        [*kind, DEPTH],
    ).fetchall()[0]
    unknown = con.execute(
        """
        SELECT 1.0 - count(v.votes) * 1.0 / greatest(count(*), 1) FROM serp_results r
        LEFT JOIN serp_votes v ON v.result_id = r.result_id AND v.platform = $3 AND v.verb = $4
        WHERE r.engine = $1 AND r.rank_kind = $2
        """,
        [*kind, *pair],
    ).fetchall()[0][0]
    qualities = con.execute(
        "SELECT DISTINCT quality FROM stg_observations WHERE platform = ? AND verb = ? AND quality IS NOT NULL", [*pair]
    ).fetchall()
    return OurData(
        kind[0], frozenset(countries or ()), first, last, float(complete), float(unknown),
        frozenset(row[0] for row in qualities), kind[1], True,
    )  # fmt: skip


COLUMNS: dict[str, Any] = WHO | {
    "study": (TEXT, "Who published it."),
    "country": (TEXT, "Country of the published study."),
    "year": (WHOLE, "Its year."),
    "published_rho": (REAL, "The published mean within-list rank correlation."),
    "published_depth": (WHOLE, "Results per list in the study."),
    "published_keywords": (WHOLE, "Keywords in the study."),
    "source": (TEXT, "Where the published value was found."),
    "depth": (WHOLE, "The depth of ours beside it."),
    "mean_rho": (REAL, "Ours."),
    "ci_low": (REAL, "Lower end of our 95 % interval."),
    "ci_high": (REAL, "Upper end of our 95 % interval."),
    "difference": (REAL, "Ours minus the published value."),
    "is_inside": (FLAG, "Whether the published value lies in our interval; NULL without one."),
    "reasons": (TEXT, "Why the two may differ, as far as it applies to these data."),
}
TABLE = ModelTable(
    "replication",
    "Replication: our correlations (top 30) beside published ones, and why they may differ. One row per engine, kind "
    "of position and published value. A world without any effect of votes reproduces the published values too.",
    COLUMNS,
    READS,
    build,
)
