"""One asset per connector and stream, raw and parsed, with their checks; a connector is a pool and one step."""

import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import dagster as dg

from connectors.base import Connector, Stream
from connectors.errors import PastRefused, SourceError
from pipelines import pull
from pipelines.defs import guide, source_checks
from pipelines.defs.resources import LakeResource, done
from pipelines.lake import Lake, Part

FIRST_DAY = "2025-01-01"
DAYS = dg.DailyPartitionsDefinition(start_date=FIRST_DAY, end_offset=1)
REFUSED_DAYS = "refused_days"  # metadata of a failure: past days about which a live counter was not asked
# Read once a day: late after a day and some hours, stale after two
LATE, STALE = timedelta(hours=28), timedelta(hours=52)


ROW_COUNT = "dagster/row_count"
Rows = tuple[int | None, ...]


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


def source_assets(connector: Connector, *, is_on: bool = False) -> dg.AssetsDefinition:
    """The assets of one connector: a step that reads every stream for each day of the run's partitions.

    Of a source that `is_on` (switched on and configured) a reading is expected every day.
    """

    @dg.multi_asset(
        name=f"read_{connector.name}",
        specs=[spec for stream in connector.streams for spec in _specs(connector, stream, is_on)],
        check_specs=[
            check for s in connector.streams for check in source_checks.specs(connector, s, parsed_key(connector, s))
        ],
        partitions_def=DAYS,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=connector.name,
        description=f"Reads {connector.title} and parses what it answers.",
    )
    def read(context: dg.AssetExecutionContext, lake: LakeResource) -> Iterator[dg.AssetCheckResult]:
        days = [date.fromisoformat(key) for key in context.partition_keys]
        outcomes, troubles = _read_days(context, lake.open(), connector, days)
        n_refused = sum(t.is_refusal for t in troubles)
        for stream in connector.streams:
            mine = [o for o in outcomes if o.stream == stream.name]
            key = parsed_key(connector, stream)
            yield from source_checks.results(connector, stream, key, lake.open(), days, mine, n_refused)
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


def _specs(connector: Connector, stream: Stream, is_on: bool) -> list[dg.AssetSpec]:
    common = {
        "group_name": guide.READ[connector.signal], "partitions_def": DAYS, "skippable": True,
        "kinds": {"parquet"}, "owners": [],
    }  # fmt: skip
    raw = dg.AssetSpec(
        raw_key(connector, stream),
        description=guide.of_raw(connector, stream),
        metadata={"terms": connector.terms, "retention_days": connector.retention_days or "no limit set"},
        **common,  # type: ignore[arg-type]
    )
    parsed = dg.AssetSpec(
        parsed_key(connector, stream),
        deps=[raw.key],
        description=guide.of_parsed(connector, stream),
        freshness_policy=dg.FreshnessPolicy.time_window(STALE, LATE) if is_on else None,
        **common,  # type: ignore[arg-type]
    )
    return [raw, parsed]


def _read_days(
    context: dg.AssetExecutionContext, lake: Lake, connector: Connector, days: list[date]
) -> tuple[list[pull.StreamDay], list[Trouble]]:
    """Read day after day; returns what happened and what failed. A failed day stops no other day."""
    outcomes: list[pull.StreamDay] = []
    troubles: list[Trouble] = []
    before = {s.name: _rows_before(context, connector, s) for s in connector.streams}
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
                _record(context, lake, connector, outcome, before)
        done(f"{connector.title} {day}")
    return outcomes, troubles


def _rows_before(context: dg.AssetExecutionContext, connector: Connector, stream: Stream) -> Rows:
    """Rows of the last materialisation of raw and parsed; None where there is none."""
    keys = raw_key(connector, stream), parsed_key(connector, stream)
    events = [context.instance.get_latest_materialization_event(key) for key in keys]
    made = [event.asset_materialization if event else None for event in events]
    numbers = [m.metadata.get(ROW_COUNT) if m else None for m in made]
    return tuple(n.value if isinstance(n, dg.IntMetadataValue) else None for n in numbers)


def _record(
    context: dg.AssetExecutionContext,
    lake: Lake,
    connector: Connector,
    outcome: pull.StreamDay,
    before: dict[str, Rows],
) -> None:
    """Tell Dagster about one stream's day, beside the day materialised before; a failed day is no materialisation."""
    if outcome.is_failed:
        return
    stream, day = connector.stream(outcome.stream), outcome.day.isoformat()
    numbers: dict[str, Any] = {"requests": outcome.n_requests, "failed_reads": outcome.n_failed, "usd": outcome.usd}
    numbers |= {"first_error": outcome.error} if outcome.error else {}
    layers = ("raw", pull.PARSED_LAYER[connector.signal])
    now = (outcome.n_rows, outcome.n_parsed)
    keys = (raw_key(connector, stream), parsed_key(connector, stream))
    for key, layer, rows, was in zip(keys, layers, now, before[stream.name], strict=True):
        path = lake.path(Part(layer, connector.name, stream.name, outcome.day))
        metadata = {**rows_told(rows, was), "path": dg.MetadataValue.path(str(path)), **numbers}
        context.log_event(dg.AssetMaterialization(key, partition=day, metadata=metadata))
    before[stream.name] = now


def rows_told(now: int, before: int | None) -> dict[str, Any]:
    """Rows now and before, as metadata; nothing is compared with what is not known."""
    if before is None:
        return {ROW_COUNT: now, "rows_before": "unknown: made for the first time"}
    return {ROW_COUNT: now, "rows_before": before, "rows_change": f"{now - before:+,}"}
