"""One asset per connector and stream, raw and parsed, with their checks; a connector is a pool and one step."""

import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg

from connectors.base import Connector, Stream
from connectors.errors import PastRefused, SourceError
from pipelines import pull
from pipelines.console import counted
from pipelines.defs.resources import LakeResource, done
from pipelines.lake import Lake, Part

DAYS = dg.DailyPartitionsDefinition(start_date="2025-01-01", end_offset=1)
WARN_FAILED_SHARE, ERROR_FAILED_SHARE = 0.02, 0.2
STALE_DAYS = 2
REFUSED_DAYS = "refused_days"  # metadata of a failure: past days about which a live counter was not asked
GROUPS = {"rankings": "rankings_read", "votes": "votes_read"}
GRAINS = {
    "votes": "platform, verb, basis, url, object_id, segment, observed_at",
    "rankings": "keyword, url, engine, country, language, device, rank_kind, source, ranked_at",
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """What went wrong on one day, in one stream or (without a name) in the source as a whole."""

    day: date
    stream: str
    words: str
    is_refusal: bool = False


def raw_key(connector: Connector, stream: Stream) -> dg.AssetKey:
    """Asset key of what was received."""
    return dg.AssetKey([connector.name, stream.name, "raw"])


def parsed_key(connector: Connector, stream: Stream) -> dg.AssetKey:
    """Asset key of the same in our words."""
    return dg.AssetKey([connector.name, stream.name, "parsed"])


def source_assets(connector: Connector) -> dg.AssetsDefinition:
    """The assets of one connector: a step that reads every stream for each day of the run's partitions."""

    @dg.multi_asset(
        name=f"read_{connector.name}",
        specs=[spec for stream in connector.streams for spec in _specs(connector, stream)],
        check_specs=[check for stream in connector.streams for check in _check_specs(connector, stream)],
        partitions_def=DAYS,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=connector.name,
        description=f"Reads {connector.title} and parses what it answers.",
    )
    def read(context: dg.AssetExecutionContext, lake: LakeResource) -> Iterator[dg.AssetCheckResult]:
        days = [date.fromisoformat(key) for key in context.partition_keys]
        outcomes, troubles = _read_days(context, lake.open(), connector, days)
        for stream in connector.streams:
            yield from _checks(connector, stream, lake.open(), days, [o for o in outcomes if o.stream == stream.name])
        if troubles:
            raise _failure(troubles, len(days))

    return read


def _failure(troubles: Sequence[Trouble], n_days: int) -> dg.Failure:
    """All troubles as one failure: a line for each that is not a refused day, else the refusal."""
    refused = [t for t in troubles if t.is_refusal]
    others = [t for t in troubles if not t.is_refusal]
    said = _lines(others, n_days) or [refused[0].words]
    metadata = {REFUSED_DAYS: len(refused), "is_refused": not others}
    return dg.Failure(description="\n".join(said), metadata=metadata, allow_retries=False)


def _lines(troubles: Sequence[Trouble], n_days: int) -> list[str]:
    """One line for all troubles of the same words, with the streams and days that they befell."""
    lines = []
    for words in dict.fromkeys(t.words for t in troubles):
        same = [t for t in troubles if t.words == words]
        streams = ", ".join(dict.fromkeys(t.stream for t in same if t.stream))
        days = sorted({t.day for t in same})
        when = "" if n_days == 1 else f"{days[0]}" if len(days) == 1 else f"{len(days)} of {n_days} days"
        lines.append(": ".join(part for part in (", ".join(filter(None, (streams, when))), words) if part))
    return lines


def _specs(connector: Connector, stream: Stream) -> list[dg.AssetSpec]:
    about = f"{stream.title}. {connector.quota}"
    common = {
        "group_name": GROUPS[connector.signal], "partitions_def": DAYS, "skippable": True,
        "kinds": {"parquet"}, "owners": [],
    }  # fmt: skip
    raw = dg.AssetSpec(
        raw_key(connector, stream),
        description=f"{connector.title}, as received, without names or words of people. {about}",
        metadata={"terms": connector.terms, "retention_days": connector.retention_days or "no limit set"},
        **common,  # type: ignore[arg-type]
    )
    verbs = "; ".join(f"{v.value} = {m.native}: {m.meaning}" for v, m in connector.verbs.items())
    parsed = dg.AssetSpec(
        parsed_key(connector, stream),
        deps=[raw.key],
        description=f"{connector.title} in our words. {verbs}",
        **common,  # type: ignore[arg-type]
    )
    return [raw, parsed]


def _check_specs(connector: Connector, stream: Stream) -> list[dg.AssetCheckSpec]:
    key = parsed_key(connector, stream)
    return [
        dg.AssetCheckSpec("failed_reads", asset=key, description="Few reads failed on the days read."),
        dg.AssetCheckSpec("fresh", asset=key, description=f"The last good day is at most {STALE_DAYS} days old."),
        dg.AssetCheckSpec("grain", asset=key, description="No reading is there twice."),
    ]


def _read_days(
    context: dg.AssetExecutionContext, lake: Lake, connector: Connector, days: list[date]
) -> tuple[list[pull.StreamDay], list[Trouble]]:
    """Read day after day; returns what happened and what failed. A failed day stops no other day."""
    outcomes: list[pull.StreamDay] = []
    troubles: list[Trouble] = []
    for day in days:
        try:
            found = pull.pull_day(lake, connector, day)
        except SourceError as error:
            troubles.append(Trouble(day, "", error.message, isinstance(error, PastRefused)))
        except (ValueError, TypeError, LookupError, AttributeError) as error:  # a bug of ours costs a day, not all days
            context.log.error(traceback.format_exc())
            troubles.append(Trouble(day, "", f"unexpected {type(error).__name__}, see the log of the run"))
        else:
            outcomes += found
            troubles += [Trouble(o.day, o.stream, str(o.error)) for o in found if o.is_failed]
            for outcome in found:
                _record(context, lake, connector, outcome)
        done(f"{connector.title} {day}")
    return outcomes, troubles


def _record(context: dg.AssetExecutionContext, lake: Lake, connector: Connector, outcome: pull.StreamDay) -> None:
    """Tell Dagster about one stream's day; a failed day is not a materialisation."""
    if outcome.is_failed:
        return
    stream, day = connector.stream(outcome.stream), outcome.day.isoformat()
    numbers = {"requests": outcome.n_requests, "failed_reads": outcome.n_failed, "usd": outcome.usd}
    for key, rows, layer in (
        (raw_key(connector, stream), outcome.n_rows, "raw"),
        (parsed_key(connector, stream), outcome.n_parsed, pull.PARSED_LAYER[connector.signal]),
    ):
        path = lake.path(Part(layer, connector.name, stream.name, outcome.day))
        metadata: dict[str, Any] = {"dagster/row_count": rows, "path": dg.MetadataValue.path(str(path)), **numbers}
        if outcome.error:
            metadata["first_error"] = outcome.error
        context.log_event(dg.AssetMaterialization(key, partition=day, metadata=metadata))


def _checks(
    connector: Connector, stream: Stream, lake: Lake, days: list[date], outcomes: list[pull.StreamDay]
) -> Iterator[dg.AssetCheckResult]:
    key = parsed_key(connector, stream)
    yield _failed_reads(key, outcomes, days)
    yield _fresh(key, lake, connector, stream, days)
    yield _grain(key, lake, connector, stream, days)


def _failed_reads(key: dg.AssetKey, outcomes: list[pull.StreamDay], days: list[date]) -> dg.AssetCheckResult:
    rows, failed = sum(o.n_rows for o in outcomes), sum(o.n_failed for o in outcomes)
    parsed, unreadable = sum(o.n_parsed for o in outcomes), sum(o.n_unreadable for o in outcomes)
    share = max(failed / rows, unreadable / max(parsed, 1)) if rows else float(len(outcomes) < len(days))
    numbers = {
        "failed_reads": failed, "reads": rows, "failed_readings": unreadable, "readings": parsed, "share": share,
        "requests": sum(o.n_requests for o in outcomes), "usd": float(sum(o.usd for o in outcomes)),
    }  # fmt: skip
    return dg.AssetCheckResult(
        check_name="failed_reads",
        asset_key=key,
        passed=share <= WARN_FAILED_SHARE,
        severity=dg.AssetCheckSeverity.ERROR if share > ERROR_FAILED_SHARE else dg.AssetCheckSeverity.WARN,
        description=_said(outcomes, len(days)),
        metadata=numbers,
    )


def _said(outcomes: list[pull.StreamDay], n_days: int) -> str:
    """How well a stream was read, in words."""
    rows, failed = sum(o.n_rows for o in outcomes), sum(o.n_failed for o in outcomes)
    parsed, unreadable = sum(o.n_parsed for o in outcomes), sum(o.n_unreadable for o in outcomes)
    said = []
    if missing := n_days - len(outcomes):
        said.append(f"not read on {missing} of {counted(n_days, 'day')}")
    if failed:
        said.append(
            f"{failed:,} of {counted(rows, 'read')} failed, first: {next(o.error for o in outcomes if o.error)}"
        )
    elif unreadable:
        said.append(f"{unreadable:,} of {counted(parsed, 'number')} missing: has the source renamed a field?")
    return "; ".join(said) or f"{counted(rows, 'read')}, none failed"


def _fresh(key: dg.AssetKey, lake: Lake, connector: Connector, stream: Stream, days: list[date]) -> dg.AssetCheckResult:
    """Against today for a run that includes today, else against the last day asked for (a backfill is not stale)."""
    layer, wanted = pull.PARSED_LAYER[connector.signal], min(max(days), datetime.now(UTC).date())
    last = max((p.day for p in lake.parts(layer, connector.name, stream.name) if p.day <= wanted), default=None)
    passed = last is not None and wanted - last <= timedelta(days=STALE_DAYS)
    return dg.AssetCheckResult(
        check_name="fresh",
        asset_key=key,
        passed=passed,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"Last day read: {last or 'never'}; wanted: {wanted}.",
    )


def _grain(key: dg.AssetKey, lake: Lake, connector: Connector, stream: Stream, days: list[date]) -> dg.AssetCheckResult:
    layer, grain = pull.PARSED_LAYER[connector.signal], GRAINS[connector.signal]
    parts = [p for p in lake.parts(layer, connector.name, stream.name) if p.day in days]
    select = f"""
        SELECT coalesce(sum(n - 1), 0) FROM (SELECT count(*) AS n FROM parts GROUP BY day, {grain})
    """
    twice = lake.query(parts, layer, select)[0][0]
    return dg.AssetCheckResult(
        check_name="grain", asset_key=key, passed=twice == 0, description=f"{twice} readings are there twice ({grain})."
    )
