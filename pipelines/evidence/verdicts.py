"""The verdict on every platform and verb: what the rungs say together (models/verdict.py)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import duckdb

from dashboards.plots.evidence import verdicts_png
from models.verdict import Adjusted, Correlation, Evidence, Trial, Verdict, verdicts
from pipelines.evidence import quasi_experiment, timing
from pipelines.evidence.table import REAL, TEXT, WHO, WHOLE, ModelTable, Rows, rows_of
from pipelines.experiment.score import kept_results
from pipelines.lake import Lake

READS = ("association", "adjusted", "timing", "quasi_experiment", "serp_results", "stg_totals")
Key = tuple[str, str, str, str]


def build(lake: Lake) -> Rows:
    """One row per ranking, platform and verb, the strongest words first."""
    with lake.connect(*READS) as con:
        known = evidence(con, lake)
    found = verdicts(list(known.values()))
    ranked = sorted(zip(known, found, strict=True), key=lambda pair: (ORDER.index(pair[1].verdict), pair[0]))
    return [_row(key, verdict) for key, verdict in ranked]


ORDER = ("supports", "contradicts", "cannot tell", "not enough data")


def evidence(con: duckdb.DuckDBPyConnection, lake: Lake) -> dict[Key, Evidence]:
    """What every rung says, by engine, kind of position, platform and verb."""
    by_table = {name: {_key(r): r for r in rows_of(con, name)} for name in READS[:4]}
    counts = _counts(con)
    tried = _trials(lake)
    keys = sorted({key for rows in by_table.values() for key in rows} | set(tried))
    return {key: _evidence(key, {n: rows.get(key) for n, rows in by_table.items()}, counts, tried) for key in keys}


def _key(row: dict[str, Any]) -> Key:
    return row["engine"], row["rank_kind"], row["platform"], row["verb"]


def _evidence(
    key: Key, rows: dict[str, dict[str, Any] | None], counts: dict[Key, Any], tried: dict[Key, Trial]
) -> Evidence:
    time, bursts, plain, given = (rows[n] for n in ("timing", "quasi_experiment", "association", "adjusted"))
    keywords, pages, days = counts.get(key, (0, 0, 0))
    return Evidence(
        key[2], key[3],
        association=_correlation(plain), adjusted=_adjusted(given),
        timing=timing.timing_of(time) if time else None, placebos=timing.placebos_of(time) if time else None,
        study=quasi_experiment.study_of(bursts) if bursts else None, trial=tried.get(key),
        n_keywords=keywords, n_pages=pages, n_days=days, step_days=(time and time["step_days"]) or 1,
        why_no_timing=(time and time["why_not"]) or "",
    )  # fmt: skip


def _correlation(row: dict[str, Any] | None) -> Correlation | None:
    """Rung 1 at the greatest depth (rows come by depth, so the last one stays)."""
    if row is None or row["mean_rho"] is None:
        return None
    low, high = (float("nan") if row[n] is None else row[n] for n in ("ci_low", "ci_high"))
    return Correlation(row["mean_rho"], low, high, row["n_keywords"])


def _adjusted(row: dict[str, Any] | None) -> Adjusted | None:
    """Rung 2, where something was adjusted for."""
    if row is None or row["odds"] is None or not row["covariates"]:
        return None
    names = tuple(row["covariates"].split(", "))
    return Adjusted(row["odds"], row["odds_low"], row["odds_high"], names, row["hidden_cause"] or "")


def _trials(lake: Lake) -> dict[Key, Trial]:
    """The last scored experiment of each kind that changed votes as planned."""
    rows = sorted(kept_results(lake).to_pylist(), key=lambda r: r["scored_at"])
    return {_key(r): _trial(r) for r in rows if r["estimate"] is not None and r["is_treated"] is not False}


def _trial(row: dict[str, Any]) -> Trial:
    """A result; its interval has no ends below the fewest pairs."""
    low, high = (float("nan") if row[n] is None else row[n] for n in ("ci_low", "ci_high"))
    return Trial(row["estimate"], low, high, row["p_value"], row["n_pairs"], row["verdict"])


def _counts(con: duckdb.DuckDBPyConnection) -> dict[Key, tuple[int, int, int]]:
    """Keywords, pages and days on which positions and votes are known together."""
    rows = con.execute(
        """
        SELECT
            r.engine, r.rank_kind, t.platform, t.verb, count(DISTINCT r.keyword_id), count(DISTINCT r.page_key),
            count(DISTINCT CAST(r.ranked_at AS DATE))
        FROM serp_results r
        JOIN stg_totals t ON t.page_key = r.page_key AND t.valid_from <= r.ranked_at AND r.ranked_at < t.valid_to
        WHERE t.votes IS NOT NULL
        GROUP BY ALL
        """
    ).fetchall()
    return {tuple(row[:4]): tuple(row[4:]) for row in rows}


def _row(key: Key, found: Verdict) -> dict[str, Any]:
    return {"engine": key[0], "rank_kind": key[1]} | asdict(found)


def _draw(rows: Sequence[dict[str, Any]]) -> bytes:
    return verdicts_png(rows) if rows else b""


COLUMNS: dict[str, Any] = WHO | {
    "rung": (TEXT, "Highest rung reached: association, adjusted, timing, quasi-experiment or experiment."),
    "verdict": (TEXT, "supports, contradicts, cannot tell or not enough data. An association never earns supports."),
    "direction": (TEXT, "votes_lead, positions_lead, simultaneous, neither or unknown."),
    "lag_days": (WHOLE, "Days from votes to half of the move; NULL unless votes lead."),
    "estimate": (
        REAL, "Positions gained in the two weeks after votes doubled (in an experiment: by promotion); positive is "
        "better. NULL where it could not be read as an effect: positions lead, or both move on one day.",
    ),
    "ci_low": (REAL, "Lower end of its 95 % interval."),
    "ci_high": (REAL, "Upper end of its 95 % interval."),
    "q_value": (REAL, "False discovery rate at which it would be called a finding, over all pairs tried."),
    "n_keywords": (WHOLE, "Keywords with positions and known votes."),
    "n_pages": (WHOLE, "Pages with positions and known votes."),
    "n_days": (WHOLE, "Days with both."),
    "mde": (REAL, "Minimum detectable effect: positions per doubling that would be seen 4 times in 5."),
    "placebo_share": (REAL, "Share of placebos that do as well."),
    "robustness": (
        REAL, "Share of what is left of both votes and positions that a hidden cause must explain to erase it.",
    ),
    "prose": (TEXT, "What it says, for people."),
}  # fmt: skip
TABLE = ModelTable(
    "verdicts",
    "The verdicts: for every platform and verb, the highest rung of evidence reached and one of four words. One row "
    "per engine, kind of position, platform and verb.",
    COLUMNS,
    READS,
    build,
    _draw,
)
