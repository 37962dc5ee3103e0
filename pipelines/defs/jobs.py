"""The daily work: read rankings, then votes about the pages that rank, then analyse and publish what is there.

Three jobs in a row, each started when the one before has ended, well or not: a source that fails keeps nobody waiting.
"""

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC
from typing import Any

import dagster as dg

from connectors.base import Connector
from connectors.errors import SourceError
from pipelines.defs import guide
from pipelines.defs.sources import DAYS
from pipelines.project import Schedule

Job = Any  # what define_asset_job returns has no public name
RANKINGS, VOTES, ANALYSIS = "daily_rankings", "daily_votes", "daily_analysis"
RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
PARTITION = "dagster/partition"
NEWS = "tallyrank/files_with_news"  # tag of an import: how many of its files changed the lake
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


def analysis() -> dg.AssetSelection:
    """Everything after reading."""
    return dg.AssetSelection.all() - dg.AssetSelection.groups(*guide.READ.values())


def analysis_job() -> Job:
    """Makes everything after reading."""
    about = "Tables, models, warehouse and report, from what is in the lake; nothing is read from outside."
    return dg.define_asset_job(ANALYSIS, analysis(), description=about)


def schedule(first: Job, at: Schedule) -> dg.ScheduleDefinition:
    """Starts the first job of the day at the project's time; the others follow it."""

    @dg.schedule(
        job=first,
        cron_schedule=f"{at.minute} {at.hour} * * *",
        execution_timezone=at.timezone,
        name="daily",
        description=f"Every day at {at.hour:02}:{at.minute:02} ({at.timezone}): rankings, then votes, then the "
        "analysis. `schedule` in project.yaml sets the time.",
    )
    def daily(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        day = context.scheduled_execution_time.astimezone(UTC).date().isoformat()  # days are UTC wherever we are
        return dg.RunRequest(run_key=day, partition_key=day)

    return daily


def followers(jobs: list[Job]) -> Iterator[dg.SensorDefinition]:
    """A sensor per pair of neighbours and per way of ending: the next job starts when the one before has ended."""
    for before, after in itertools.pairwise(jobs):
        for status in (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE):
            yield _follower(before, after, status)


def after_import(before: Job, after: Job) -> Iterator[dg.SensorDefinition]:
    """The analysis starts when files were imported, also beside others that were refused."""
    for status in (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE):
        yield _follower(before, after, status, has_news=lambda run: int(run.tags.get(NEWS, "0")) > 0)


def _follower(
    before: Job, after: Job, status: dg.DagsterRunStatus, has_news: Callable[[dg.DagsterRun], bool] = lambda _: True
) -> dg.SensorDefinition:
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
            return dg.SkipReason("run from the command line or a form, which goes on by itself")
        if not has_news(context.dagster_run):
            return dg.SkipReason("it changed nothing in the lake")
        return follow_up(after.name, context.dagster_run)

    return follow


def follow_up(after: str, before: dg.DagsterRun) -> dg.RunRequest:
    """The request for the job after a run: of the same day, or of the same range of days; the analysis has no days."""
    run_key, tags = f"{after}-{before.run_id}", before.tags
    if after == ANALYSIS:
        return dg.RunRequest(run_key=run_key)
    days = {name: tags[name] for name in (RANGE_START, RANGE_END) if name in tags}
    return dg.RunRequest(run_key=run_key, partition_key=None if days else tags.get(PARTITION), tags=days)
