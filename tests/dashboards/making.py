"""A small warehouse in which every model has something to say, and makers of its rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from pipelines.evidence import table as evidence


def row(**more: Any) -> dict[str, Any]:
    """A row of the association table."""
    return {
        "engine": "google", "rank_kind": "organic", "platform": "reddit", "verb": "like", "depth": 10, "mean_rho": 0.2,
        "ci_low": 0.1, "ci_high": 0.3, "n_lists": 4, "n_skipped": 1, "n_keywords": 2,
    } | more  # fmt: skip


WHY = "it takes 14 days with votes known from 8 days before to 7 days after, and there are 3"
PATH = {
    "path_first_day": [-7.0, -3.0, -1.0, 0.0, 1.0, 2.0], "path": [0.0, 0.1, 0.0, 0.0, 0.4, 0.6],
    "path_low": [-0.2] * 5 + [None], "path_high": [0.9] * 5 + [None],
}  # fmt: skip


def verdict(**more: Any) -> dict[str, Any]:
    """A row of the verdicts."""
    return {
        "engine": "google", "rank_kind": "organic", "platform": "reddit", "verb": "like", "rung": "timing",
        "verdict": "supports", "direction": "votes_lead", "lag_days": 2, "estimate": 0.61, "ci_low": 0.4,
        "ci_high": 0.82, "q_value": 0.004, "n_keywords": 40, "n_pages": 300, "n_days": 75, "mde": 0.35,
        "placebo_share": 0.02, "robustness": 0.17, "prose": "Prose of the verdict.",
    } | more  # fmt: skip


NOTHING_YET = {
    "verb": "share", "rung": "association", "verdict": "not enough data", "direction": "unknown", "lag_days": None,
    "estimate": None, "ci_low": None, "ci_high": None, "q_value": None, "mde": None, "placebo_share": None,
    "prose": "Prose of what is missing.",
}  # fmt: skip
ROWS: dict[str, list[dict[str, Any]]] = {
    "verdicts": [verdict(**NOTHING_YET), verdict()],
    "association": [row(), row(verb="share")],
    "adjusted": [
        {"odds": 1.2, "odds_low": 1.1, "odds_high": 1.3, "covariates": "links", "in_words": "Words of the odds.",
         "n_lists": 4, "n_keywords": 2},
        {"verb": "share", "why_not": "votes never vary"},
    ],
    "timing": [
        {"after": 0.6, "step_days": 1, "placebo_share": 0.02, "placebo_shuffled": 0.0, "placebo_unrelated": 0.04,
         "placebo_dates": 0.02, "placebo_future": 0.0, "n_placebos": 151} | PATH,
        {"verb": "share", "why_not": WHY},
    ],
    "quasi_experiment": [{"after": 0.6, "step_days": 7} | PATH, {"verb": "share", "why_not": "fewer than 30 bursts"}],
    "prediction": [
        {"feature": "reddit like", "importance": 1.0, "depth": 10, "ndcg_random": 0.4, "ndcg_without": 0.5,
         "ndcg_with": 0.6, "in_words": "Words of the benchmark."},
    ],
    "replication": [
        {"study": "Searchmetrics", "country": "US", "year": 2012, "published_rho": 0.37, "published_depth": 30,
         "published_keywords": 10_000, "depth": 10, "mean_rho": 0.2, "ci_low": 0.1, "ci_high": 0.3,
         "is_inside": False, "reasons": "Other keywords."},
    ],
    "ledger": [
        {"family": "timing: positions move after votes", "hypothesis": "google / organic / reddit / like", "look": 1,
         "p": 0.0004, "q": 0.004, "n_tests": 1, "is_discovery": True},
    ],
}  # fmt: skip
OTHERS = """
    CREATE TABLE serp_results (keyword_id VARCHAR, list_id VARCHAR, page_key VARCHAR, ranked_at TIMESTAMPTZ);
    CREATE TABLE stg_observations (status VARCHAR);
    CREATE TABLE source_status (
        connector VARCHAR, stream VARCHAR, last_day DATE, last_good_day DATE, state VARCHAR, n_reads BIGINT,
        n_failed BIGINT, n_not_found BIGINT, n_failed_readings BIGINT, first_error VARCHAR, days_with_failures BIGINT
    );
"""


def columns_of(table: str) -> list[str]:
    """The columns that a model declares."""
    return list(evidence.tables()[table].columns)


def warehouse(folder: Path, rows: dict[str, list[dict[str, Any]]]) -> Path:
    """A warehouse with the tables that the models declare, holding these rows; columns not named are unknown."""
    path = folder / "warehouse.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute(OTHERS)
        for name, table in evidence.tables().items():
            who = {n: v for n, v in verdict().items() if n in ("engine", "rank_kind", "platform", "verb")}
            whole = [{column: (who | r).get(column) for column in columns_of(name)} for r in rows.get(name, [])]
            schema = pa.schema([(column, kind) for column, (kind, _) in table.columns.items()])
            con.register("arrow", pa.Table.from_pylist(whole, schema=schema))
            con.execute(f"CREATE TABLE {name} AS FROM arrow")
            con.unregister("arrow")
    return path
