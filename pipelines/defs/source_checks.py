"""The checks of sources: few reads failed, the last day is recent, nothing is there twice; each says what to do."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from connectors.base import Connector, Stream
from dashboards.words import counted
from pipelines import pull
from pipelines.defs.grades import Grade, graded
from pipelines.lake import Lake

REVIEW_FAILED_SHARE, FAIL_FAILED_SHARE = 0.02, 0.2
STALE_DAYS = 2
GRAINS = {
    "votes": "platform, verb, basis, url, object_id, segment, observed_at",
    "rankings": "keyword, url, engine, country, language, device, rank_kind, source, ranked_at",
}
ADVICE = {  # by the name with which the words of an error begin
    "AuthError": "sign in anew; `tallyrank doctor {name}` says where its key is from",
    "ConfigurationError": "`tallyrank doctor {name}` says what to set",
    "NotPermitted": "the account may not read this: ask for the permission, or switch the stream off",
    "QuotaExhausted": "nothing today; the allowance comes back by itself. Ask less, or ask the platform for more",
    "WalletEmpty": "its credits are used up: pay, or set TALLYRANK_{NAME}_ENABLED=false",
    "BudgetSpent": "our own limit was reached: raise TALLYRANK_{NAME}_BUDGET_USD, or wait for the next month",
    "RateLimited": "lower TALLYRANK_{NAME}_REQUESTS_PER_SECOND, then materialise the day again",
    "Unavailable": "it usually passes: materialise the day again, today if the counter is read live",
    "BadAnswer": "the source may have changed its answers: look for a newer Tallyrank",
    "BadRequest": "this is a fault of ours: look for a newer Tallyrank, or report the words of the error",
}
USUAL = "open the log of the run, then `tallyrank doctor {name}`; materialise the day again when that is mended"


def specs(connector: Connector, stream: Stream, key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """What is checked of one stream."""
    told = {
        "failed_reads": f"REVIEW above {REVIEW_FAILED_SHARE:.0%} of failed reads, FAIL above {FAIL_FAILED_SHARE:.0%}. "
        "A failed read is unknown, never 0.",
        "fresh": f"REVIEW when the last day read is more than {STALE_DAYS} days before the one wanted.",
        "grain": "FAIL when a reading is there twice: it would count twice.",
    }
    return [dg.AssetCheckSpec(name, asset=key, description=words) for name, words in told.items()]


def results(
    connector: Connector,
    stream: Stream,
    key: dg.AssetKey,
    lake: Lake,
    days: list[date],
    outcomes: list[pull.StreamDay],
    n_refused: int,
) -> Iterator[dg.AssetCheckResult]:
    """How the checks of one stream ended; `n_refused` of the days were past ones about which it was not asked."""
    yield failed_reads(connector, key, outcomes, len(days), n_refused)
    yield _fresh(connector, stream, key, lake, days)
    yield _grain(connector, stream, key, lake, days)


def failed_reads(
    connector: Connector, key: dg.AssetKey, outcomes: list[pull.StreamDay], n_days: int, n_refused: int = 0
) -> dg.AssetCheckResult:
    """How many reads failed, with the first error and what to do about that kind of error."""
    rows, failed = sum(o.n_rows for o in outcomes), sum(o.n_failed for o in outcomes)
    parsed, unreadable = sum(o.n_parsed for o in outcomes), sum(o.n_unreadable for o in outcomes)
    missed = len(outcomes) + n_refused < n_days
    share = max(failed / rows, unreadable / max(parsed, 1)) if rows else float(missed)
    words = said(outcomes, n_days)
    numbers = {
        "failed_reads": failed, "reads": rows, "failed_readings": unreadable, "readings": parsed, "share": share,
        "requests": sum(o.n_requests for o in outcomes), "usd": float(sum(o.usd for o in outcomes)),
    }  # fmt: skip
    grade = _grade(share, is_complete=len(outcomes) == n_days)
    return graded(
        key, "failed_reads", grade, words, _advice(connector, outcomes, n_refused), {**numbers, "said": words}
    )


def _grade(share: float, *, is_complete: bool) -> Grade:
    if share > FAIL_FAILED_SHARE:
        return Grade.FAIL
    return Grade.PASS if share <= REVIEW_FAILED_SHARE and is_complete else Grade.REVIEW


def _advice(connector: Connector, outcomes: list[pull.StreamDay], n_refused: int) -> str:
    """By the kind of the first error."""
    first = next((o.error for o in outcomes if o.error), "").partition(":")[0]
    usual = "read it every day; the days that were missed cannot be read later" if n_refused else USUAL
    return _format(ADVICE.get(first, usual), connector)


def said(outcomes: list[pull.StreamDay], n_days: int) -> str:
    """How well a stream was read, in words."""
    rows, failed = sum(o.n_rows for o in outcomes), sum(o.n_failed for o in outcomes)
    parsed, unreadable = sum(o.n_parsed for o in outcomes), sum(o.n_unreadable for o in outcomes)
    parts = []
    if missing := n_days - len(outcomes):
        parts.append(f"not read on {missing} of {counted(n_days, 'day')}")
    if failed:
        first = next(o.error for o in outcomes if o.error)
        parts.append(f"{failed:,} of {counted(rows, 'read')} failed, first: {first}")
    elif unreadable:
        parts.append(f"{unreadable:,} of {counted(parsed, 'number')} missing: has the source renamed a field?")
    return "; ".join(parts) or f"{counted(rows, 'read')}, none failed"


def _fresh(connector: Connector, stream: Stream, key: dg.AssetKey, lake: Lake, days: list[date]) -> dg.AssetCheckResult:
    """Against today for a run that includes today, else against the last day asked for (a backfill is not stale)."""
    layer, wanted = pull.PARSED_LAYER[connector.signal], min(max(days), datetime.now(UTC).date())
    last = max((p.day for p in lake.parts(layer, connector.name, stream.name) if p.day <= wanted), default=None)
    is_fresh = last is not None and wanted - last <= timedelta(days=STALE_DAYS)
    words = f"last day read: {last or 'never'}; wanted: {wanted}"
    return graded(key, "fresh", Grade.PASS if is_fresh else Grade.REVIEW, words, _format(USUAL, connector))


def _grain(connector: Connector, stream: Stream, key: dg.AssetKey, lake: Lake, days: list[date]) -> dg.AssetCheckResult:
    layer, grain = pull.PARSED_LAYER[connector.signal], GRAINS[connector.signal]
    parts = [p for p in lake.parts(layer, connector.name, stream.name) if p.day in days]
    select = f"""
        SELECT coalesce(sum(n - 1), 0) FROM (SELECT count(*) AS n FROM parts GROUP BY day, {grain})
    """
    twice = int(lake.query(parts, layer, select)[0][0])
    words = f"{counted(twice, 'reading')} there twice ({grain})" if twice else "no reading is there twice"
    advice = "materialise the day again; if it stays, this is a fault of ours: report it with the source and the day"
    return graded(key, "grain", Grade.FAIL if twice else Grade.PASS, words, advice)


def _format(words: str, connector: Connector) -> str:
    return words.format(name=connector.name, NAME=connector.name.upper())
