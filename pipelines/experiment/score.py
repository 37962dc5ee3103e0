"""Score an experiment by its plan: the pairs' differences, the randomisation test, whether votes rose, one word."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from math import isfinite
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from connectors.errors import TallyrankError
from models.trials.experiment import Floats, PairedTest, Verdict, changes, fewest_pairs, paired_test, verdict
from pipelines.experiment import history as past
from pipelines.experiment.plan import FOLDER, Plan, digests
from pipelines.lake import Lake, replaced

RESULT_SCHEMA = pa.schema(
    [
        ("plan_id", pa.string()),
        ("platform", pa.string()),
        ("verb", pa.string()),
        ("engine", pa.string()),
        ("rank_kind", pa.string()),
        ("estimate", pa.float64()),
        ("ci_low", pa.float64()),
        ("ci_high", pa.float64()),
        ("p_value", pa.float64()),
        ("n_pairs", pa.int64()),
        ("n_planned", pa.int64()),
        ("worthwhile_effect", pa.float64()),
        ("alpha", pa.float64()),
        ("is_treated", pa.bool_()),
        ("verdict", pa.string()),
        ("start_day", pa.date32()),
        ("end_day", pa.date32()),
        ("scored_at", pa.timestamp("us", tz="UTC")),
        ("plan_digest", pa.string()),
    ]
)


@dataclass(frozen=True)
class VotesCheck:
    """Whether the promoted pages gained more votes than the others; `is_treated` is None where that is not known."""

    n_pairs: int
    mean_promoted: float | None
    mean_others: float | None
    p: float | None
    is_treated: bool | None


@dataclass(frozen=True, eq=False)
class Score:
    """The result of a plan. `dropped` says of every pair left out which and why; a peek is never usable."""

    plan: Plan
    test: PairedTest
    votes: VotesCheck
    verdict: Verdict
    dropped: list[str]
    last_day: date
    is_usable: bool

    def row(self) -> dict[str, Any]:
        """One row of RESULT_SCHEMA; NULL where there is no number."""
        plan, test = self.plan, self.test
        return {
            "plan_id": plan.plan_id,
            "platform": plan.platform,
            "verb": plan.verb.value,
            "engine": plan.engine,
            "rank_kind": plan.rank_kind.value,
            "estimate": known(test.estimate),
            "ci_low": known(test.low),
            "ci_high": known(test.high),
            "p_value": known(test.p),
            "n_pairs": test.n_pairs,
            "n_planned": len(plan.pairs),
            "worthwhile_effect": plan.worthwhile_effect,
            "alpha": plan.alpha,
            "is_treated": self.votes.is_treated,
            "verdict": self.verdict,
            "start_day": plan.start_day,
            "end_day": plan.end_day,
            "scored_at": datetime.now(UTC).replace(microsecond=0),
            "plan_digest": digests(plan)["plan"],
        }


def known(value: float) -> float | None:
    """The number, or None where it is none."""
    return float(value) if isfinite(value) else None


def score(lake: Lake, plan: Plan, today: date, is_peek: bool = False) -> Score:
    """The result of the plan, refused before its last day is over unless it is only a peek."""
    is_over = today > plan.end_day
    if not is_over and not is_peek:
        raise TallyrankError(
            f"the experiment {plan.plan_id} ends with {plan.end_day} and today is {today}: looking early makes chance "
            "look like success; wait, or use --peek for a look that will not count"
        )
    with past.opened(lake, plan.engine, plan.rank_kind.value) as con:
        last = past.last_day(con)
        if last is None or last < plan.start_day:
            raise TallyrankError(
                f"no {plan.engine} list has been read since the start on {plan.start_day} (the last is of {last}); run "
                "`tallyrank run` or import rankings, then `tallyrank analyze`"
            )
        change = _changes(con, plan, is_over)
        gained = past.growth(con, _keys(con, plan), (plan.platform, plan.verb.value), plan.start_day, plan.end_day)
    differences = change[0::2] - change[1::2]
    test = paired_test(differences[np.isfinite(differences)], plan.alpha, plan.seed)
    votes = _votes(gained, plan)
    # A peek never earns a word: stopping at the first good look is how chance becomes success.
    word = verdict(test, plan.worthwhile_effect, plan.alpha, votes.is_treated) if is_over else "cannot tell"
    return Score(plan, test, votes, word, list(_dropped(change, plan)), last, is_over and not is_peek)


def _keys(con: duckdb.DuckDBPyConnection, plan: Plan) -> list[str]:
    return past.current_keys(con, [page.key for page in plan.pages])


def _changes(con: duckdb.DuckDBPyConnection, plan: Plan, is_over: bool) -> Floats:
    """How many places each page of the plan rose; NaN with too few known days (a peek takes any day)."""
    rows = [(p, r - 1) for p, page in enumerate(plan.pages) for r in page.lists]
    keys, page = _keys(con, plan), np.array([p for p, _ in rows])
    series = past.places(con, plan.lists, [(keys[p], r) for p, r in rows], (plan.first_day, plan.end_day), plan.depth)
    windows = plan.windows if is_over else replace(plan.windows, min_after=1)
    return changes(series, page, len(keys), plan.before_days, windows)


def _dropped(change: Floats, plan: Plan) -> Iterator[str]:
    """Every pair that is left out, in words."""
    for number, pair in enumerate(plan.pairs, 1):
        unknown = np.isnan(change[2 * number - 2 : 2 * number])
        if unknown.any():
            pages = [
                p.url for p, is_unknown in zip((pair.promote, pair.leave_alone), unknown, strict=True) if is_unknown
            ]
            yield f"pair {number}: too few known days for {' and '.join(pages)}"


def _votes(gained: Floats, plan: Plan) -> VotesCheck:
    """The same test on log votes gained: did those who promote do what the plan says, and did people answer?"""
    both = np.isfinite(gained[0::2]) & np.isfinite(gained[1::2])
    promoted, others = gained[0::2][both], gained[1::2][both]
    if both.sum() < fewest_pairs(plan.alpha):
        return VotesCheck(int(both.sum()), None, None, None, None)
    logs = [np.log1p(np.maximum(side, 0.0)) for side in (promoted, others)]
    test = paired_test(logs[0] - logs[1], plan.alpha, plan.seed)
    is_treated = bool(test.p < plan.alpha and test.estimate > 0)
    return VotesCheck(int(both.sum()), float(promoted.mean()), float(others.mean()), test.p, is_treated)


def result_path(lake: Lake, plan_id: str) -> Path:
    """Where the result of a plan is kept."""
    return lake.root / FOLDER / f"{plan_id}.parquet"


def keep(lake: Lake, result: Score) -> Path | None:
    """Write the result as one row of RESULT_SCHEMA, replacing an earlier scoring of the plan; a peek is not kept."""
    if not result.is_usable:
        return None
    path = result_path(lake, result.plan.plan_id)
    with replaced(path) as temporary:
        pq.write_table(pa.Table.from_pylist([result.row()], schema=RESULT_SCHEMA), temporary, compression="zstd")
    return path


def kept_results(lake: Lake) -> pa.Table:
    """All results kept in a data folder, one row per plan, ordered by plan."""
    paths = sorted((lake.root / FOLDER).glob("*.parquet"))
    tables = [pq.read_table(path, schema=RESULT_SCHEMA, partitioning=None) for path in paths]
    return pa.concat_tables(tables) if tables else RESULT_SCHEMA.empty_table()


def sentence(result: Score) -> str:
    """What the result says, for people who work on search visibility."""
    return " ".join(part for part in (_peeked(result), _said(result), _votes_said(result), _shared(result)) if part)


def _peeked(result: Score) -> str:
    if result.is_usable:
        return ""
    return "NOT USABLE, an early or unofficial look: do not decide or report anything by it."


def _said(result: Score) -> str:
    test, plan = result.test, result.plan
    name = f"{plan.platform} {plan.verb.value}s"
    if test.n_pairs < fewest_pairs(plan.alpha):
        return (
            f"Not enough data: {test.n_pairs} of {len(plan.pairs)} pairs can be compared, and with fewer than "
            f"{fewest_pairs(plan.alpha)} no result could be told from chance."
        )
    interval = f"{100 * (1 - plan.alpha):g} % interval {test.low:+.1f} to {test.high:+.1f} places, plus is better"
    side = "better" if test.estimate >= 0 else "worse"
    found = (
        f"Pages promoted for {name} moved {abs(test.estimate):.1f} places {side} than their twins left alone "
        f"({interval}; {test.n_pairs} pairs). If promotion did nothing, the coins alone would give so large a "
        f"difference in {100 * test.p:.1f} % of cases."
    )
    return f"{found} {_word(result)}" if result.is_usable else found


def _word(result: Score) -> str:
    """The sentence that belongs to the verdict."""
    test, plan = result.test, result.plan
    worth = f"{plan.worthwhile_effect:g} places"
    if result.verdict == "supports":
        small = (
            f" It may be less than the {worth} that were called worthwhile."
            if test.low < plan.worthwhile_effect
            else ""
        )
        return f"This supports that promotion moves positions.{small}"
    if result.verdict == "contradicts":
        return f"This contradicts that promotion is worth {worth} or more: the whole interval lies below."
    if result.votes.is_treated is False:
        return "It cannot tell what votes do, because the promoted pages did not gain clearly more of them."
    return f"It cannot tell: both no effect and one of {worth} fit the data."


def _votes_said(result: Score) -> str:
    votes = result.votes
    if votes.is_treated is None or votes.mean_promoted is None or votes.mean_others is None:
        return f"Whether votes rose is not known (readings before and after for {votes.n_pairs} pairs)."
    return (
        f"Votes gained per page: {votes.mean_promoted:.1f} promoted, {votes.mean_others:.1f} left alone "
        f"(p = {votes.p:.3f}, {votes.n_pairs} pairs)."
    )


def _shared(result: Score) -> str:
    n, plan = result.plan.n_shared_lists, result.plan
    if not n:
        return ""
    return (
        f"In {n} of {len(plan.lists)} lists promoted pages compete with pages left alone: there one's rise is the "
        "other's fall, so the effect may look up to twice as large."
    )


def days_left(plan: Plan, last: date) -> int:
    """Days of the plan after the last day read; 0 when all is there."""
    return max((plan.end_day - last) // timedelta(days=1), 0)
