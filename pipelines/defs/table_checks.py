"""The checks of tables and models: the audit of the file's header, how much of the data can be used, enough data."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dagster as dg

from dashboards.words import counted, percent
from pipelines import sqlfile
from pipelines.defs.grades import Grade, graded
from pipelines.evidence import table as evidence
from pipelines.lake import Lake

AUDIT, ENOUGH = "audit", "enough_data"
FEW_VOTES, MANY_ABSENT = 0.5, 0.5  # shares of the results of the last lists, from which on somebody should look
RECENT_DAYS = 28
RECENT = f"ranked_at > (SELECT max(ranked_at) FROM serp_results) - INTERVAL {RECENT_DAYS} DAY"


def audit_spec(table: sqlfile.SqlTable) -> dg.AssetCheckSpec:
    """The promise of a table's header."""
    promises = "; ".join(table.header.checks) or "no further promise"
    words = f"FAIL when the table breaks what its file promises: its columns, its grain; {promises}."
    return dg.AssetCheckSpec(AUDIT, asset=table.name, description=words)


def audited(table: sqlfile.SqlTable, fault: str = "") -> dg.AssetCheckResult:
    """How the audit ended; with a fault, the table of before is still in place."""
    key, n = dg.AssetKey(table.name), len(table.header.checks)
    if fault:
        advice = "look at those rows (an imported file is the usual cause), then materialise this asset again"
        return graded(key, AUDIT, Grade.FAIL, f"{fault}; the table of before stays in place", advice)
    promises = f" and {counted(n, 'promise')} of its file" if n else ""
    return graded(key, AUDIT, Grade.PASS, f"columns, grain ({', '.join(table.header.grain)}){promises} hold.")


def _joined(lake: Lake) -> tuple[Grade, str, dict[str, Any]]:
    """Whether votes and result lists met."""
    known = "SELECT result_id FROM serp_votes WHERE votes IS NOT NULL"
    counts = f"count(*), count(CASE WHEN result_id IN ({known}) THEN 1 END)"
    n, n_known = _counts(lake, f"SELECT {counts} FROM serp_results WHERE is_found AND {RECENT}")
    (n_readings,) = _counts(lake, "SELECT count(*) FROM stg_observations WHERE status = 'observed'")
    numbers = {"results": n, "results_with_votes": n_known}
    if not n or not n_readings:
        return Grade.REVIEW, f"{'no readings of votes' if n else 'no result lists'} yet: nothing can be joined", numbers
    words = (
        f"of {counted(n, 'result')} in the last {RECENT_DAYS} days of lists, {percent(n_known / n)} have a known vote"
    )
    return Grade.FAIL if not n_known else _up_to(1 - n_known / n, 1 - FEW_VOTES), words, numbers


def _depth(lake: Lake) -> tuple[Grade, str, dict[str, Any]]:
    """How many of the results are pages that were looked for and not found."""
    n, n_absent = _counts(
        lake, f"SELECT count(*), count(CASE WHEN NOT is_found THEN 1 END) FROM serp_results WHERE {RECENT}"
    )
    numbers = {"results": n, "looked_for_and_not_found": n_absent}
    if not n:
        return Grade.REVIEW, "no result lists yet", numbers
    words = f"of {counted(n, 'result')} in the last {RECENT_DAYS} days of lists, {percent(n_absent / n)} were not found"
    return _up_to(n_absent / n, MANY_ABSENT), words, numbers


def _up_to(share: float, limit: float) -> Grade:
    return Grade.PASS if share <= limit else Grade.REVIEW


def _counts(lake: Lake, query: str) -> tuple[int, ...]:
    with lake.connect("serp_results", "serp_votes", "stg_observations") as con:
        return tuple(int(n) for n in con.execute(query).fetchall()[0])


Judge = Callable[[Lake], tuple[Grade, str, dict[str, Any]]]
USABLE: Mapping[str, Mapping[str, tuple[str, str, Judge]]] = {  # table: check: (what it says, advice, how it is judged)
    "serp_votes": {
        "joined": (
            f"FAIL when no result has a known vote, REVIEW when fewer than {FEW_VOTES:.0%} have: the analysis then "
            "speaks of few pages.",
            "see in stg_observations which pages were read; add platforms (`tallyrank doctor`), raise the budgets of "
            "pages a day, or import redirects (`tallyrank import aliases`) if addresses do not meet",
            _joined,
        )
    },
    "serp_results": {
        "depth": (
            f"REVIEW when more than {MANY_ABSENT:.0%} of the results are pages that were not found: their position is "
            "only known to be beyond the depth.",
            "look deeper (the `depth` setting of the source of rankings), or follow fewer pages that never rank",
            _depth,
        )
    },
}  # fmt: skip


def usable_specs(table: sqlfile.SqlTable) -> list[dg.AssetCheckSpec]:
    """What else is checked of a table once it is made."""
    return [
        dg.AssetCheckSpec(name, asset=table.name, description=words)
        for name, (words, _, _) in USABLE.get(table.name, {}).items()
    ]


def usable(table: sqlfile.SqlTable, lake: Lake) -> list[dg.AssetCheckResult]:
    """How those checks ended."""
    found = []
    for name, (_, advice, judge) in USABLE.get(table.name, {}).items():
        grade, words, numbers = judge(lake)
        found.append(graded(dg.AssetKey(table.name), name, grade, words, advice, numbers))
    return found


def has_answers(table: evidence.ModelTable) -> bool:
    """Whether a model's rows say if there were data enough now."""
    is_history = "as_of_day" in table.columns
    return bool({"why_not", "verdict"} & table.columns.keys()) and not is_history


def enough_specs(table: evidence.ModelTable) -> list[dg.AssetCheckSpec]:
    """The check of a model whose rows say whether there were data enough."""
    words = "REVIEW when for no platform and verb there are data enough to answer; says for whom, and what is missing."
    return [dg.AssetCheckSpec(ENOUGH, asset=table.name, description=words)] if has_answers(table) else []


def enough(table: evidence.ModelTable, rows: Sequence[Mapping[str, Any]]) -> list[dg.AssetCheckResult]:
    """How many of the rows have an answer, and the most frequent reason of those without."""
    if not has_answers(table):
        return []
    n_answered = sum(map(_is_answered, rows))
    words = (
        f"{n_answered} of {counted(len(rows), 'question')} could be asked of the data"
        if rows
        else "no votes in any list"
    )
    why = Counter(row["why_not"] for row in rows if row.get("why_not"))
    words += f"; most often missing: {why.most_common(1)[0][0]}" if why else ""
    advice = "let the daily run collect more days, and add keywords (job add_keywords); nothing is broken"
    grade = Grade.PASS if n_answered else Grade.REVIEW
    numbers = {"answered": n_answered, "asked": len(rows)}
    return [graded(dg.AssetKey(table.name), ENOUGH, grade, words, advice, numbers)]


def _is_answered(row: Mapping[str, Any]) -> bool:
    return not row["why_not"] if "why_not" in row else row["verdict"] != "not enough data"
