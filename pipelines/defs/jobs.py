"""The daily work: read rankings, then votes about the pages that rank, then analyse and publish what is there.

Three jobs in a row, each started when the one before has ended, well or not: a source that fails keeps nobody waiting.
"""

import itertools
from collections.abc import Iterator
from typing import Any

import dagster as dg

from connectors.base import Connector
from connectors.errors import SourceError
from pipelines.defs.sources import DAYS, GROUPS

Job = Any  # what define_asset_job returns has no public name
RANKINGS, VOTES, ANALYSIS = "daily_rankings", "daily_votes", "daily_analysis"
HOUR_UTC = 5
BY_HAND = "tallyrank/command_line"  # tag of runs whose followers the command line starts itself; names the process


def read_job(name: str, signal: str, connectors: dict[str, Connector]) -> Job | None:
    """The job that reads every source of a signal that is switched on and configured; None when there is none."""
    ready = [c for c in connectors.values() if c.signal == signal and is_ready(c)]
    if not ready:
        return None
    selection = dg.AssetSelection.assets(*[key for c in ready for key in keys_of(c)])
    return dg.define_asset_job(name, selection, partitions_def=DAYS, description=f"Reads {signal} for a day.")


def keys_of(connector: Connector) -> Iterator[dg.AssetKey]:
    """The asset keys of what a connector reads."""
    for stream in connector.streams:
        for layer in ("raw", "parsed"):
            yield dg.AssetKey([connector.name, stream.name, layer])


def is_ready(connector: Connector) -> bool:
    """Whether a source is switched on and has the keys it needs."""
    try:
        settings = connector.configured()
    except SourceError:
        return False
    return settings.enabled and not settings.missing()


def half_set(connector: Connector) -> str | None:
    """What is wrong with a source that somebody began to set up: a malformed setting, or one key of several."""
    try:
        settings = connector.configured()
    except SourceError as error:
        return str(error)
    missing = settings.missing()
    if settings.enabled and missing and len(missing) < len(settings.required):
        return f"{connector.name}: set {' and '.join(missing)} too"
    return None


def analysis_job() -> Job:
    """Everything after reading."""
    selection = dg.AssetSelection.all() - dg.AssetSelection.groups(*GROUPS.values())
    return dg.define_asset_job(ANALYSIS, selection, description="Tables, models, warehouse and report.")


def schedule(first: Job) -> dg.ScheduleDefinition:
    """Starts the first job of the day; the others follow it."""

    @dg.schedule(job=first, cron_schedule=f"0 {HOUR_UTC} * * *", execution_timezone="UTC", name="daily")
    def daily(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        day = context.scheduled_execution_time.date().isoformat()
        return dg.RunRequest(run_key=day, partition_key=day)

    return daily


def followers(jobs: list[Job]) -> Iterator[dg.SensorDefinition]:
    """A sensor per pair of neighbours and per way of ending: the next job starts when the one before has ended."""
    for before, after in itertools.pairwise(jobs):
        for status in (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE):
            yield _follower(before, after, status)


def _follower(before: Job, after: Job, status: dg.DagsterRunStatus) -> dg.SensorDefinition:
    @dg.run_status_sensor(
        name=f"{after.name}_after_{before.name}_{status.value.lower()}",
        run_status=status,
        monitored_jobs=[before],
        request_job=after,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Starts {after.name} when {before.name} has ended ({status.value.lower()}).",
    )
    def follow(context: dg.RunStatusSensorContext) -> dg.RunRequest | dg.SkipReason:
        if BY_HAND in context.dagster_run.tags:
            return dg.SkipReason("run from the command line, which goes on by itself")
        partition = context.dagster_run.tags.get("dagster/partition")
        key = partition if after.name != ANALYSIS else None
        return dg.RunRequest(run_key=f"{after.name}-{context.dagster_run.run_id}", partition_key=key)

    return follow
