"""Mail: a sensor that sends what subscriptions are due, and one that tells of failed runs and failed checks.

A failed check fails no run, so Dagster's own sensors for failed runs would not see it. The runs that ended since the
last look are therefore read from the event log, and all that went wrong in them goes into one mail.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import dagster as dg

from connectors.errors import TallyrankError
from dashboards.safe import shortened
from dashboards.words import counted
from pipelines.defs.jobs import BY_HAND
from pipelines.defs.resources import LakeResource
from pipelines.project import Project, load

MAIL_SECONDS, ALERT_SECONDS = 600, 60
OLDEST = timedelta(days=2)  # what could not be told for longer is told by the daily mail and the report
MOST_RUNS = 200
MOST_LINES = 50
LONGEST_LINE = 400  # characters
Ended = Literal[dg.DagsterEventType.RUN_FAILURE, dg.DagsterEventType.RUN_SUCCESS]
ENDED: tuple[Ended, ...] = (dg.DagsterEventType.RUN_FAILURE, dg.DagsterEventType.RUN_SUCCESS)
NOBODY = "nobody is subscribed: add `subscriptions` to project.yaml"


def sensors(project: Project) -> list[dg.SensorDefinition]:
    """Both sensors, switched on where somebody is subscribed."""
    status = dg.DefaultSensorStatus.RUNNING if project.subscriptions else dg.DefaultSensorStatus.STOPPED
    return [_mail(status), _alerts(status)]


def _mail(status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    @dg.sensor(
        name="mail",
        minimum_interval_seconds=MAIL_SECONDS,
        default_status=status,
        description="Every ten minutes: sends the daily mail to the subscriptions of project.yaml whose time has come, "
        "each at most once a day.",
    )
    def mail(lake: LakeResource) -> dg.SkipReason:
        return dg.SkipReason(_in_words(_send_due, lake))

    return mail


def _send_due(data: Path) -> str:
    from pipelines.mail.sending import send_due

    if not load(data).subscriptions:
        return NOBODY
    sent = send_due(data, datetime.now(UTC))
    return "; ".join(f"{s.subscription}: {s.state} {s.words}".rstrip() for s in sent) or "no mail is due"


def _in_words(work: Any, lake: LakeResource) -> str:
    """What came of it, or what to set: a mail server that is not set up is no fault of the pipeline."""
    try:
        return str(work(Path(lake.data_dir)))
    except TallyrankError as error:
        return str(error)


def _alerts(status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    @dg.sensor(
        name="alerts",
        minimum_interval_seconds=ALERT_SECONDS,
        default_status=status,
        description="Mails failed runs and failed checks (FAIL, not REVIEW), everything new in one mail. Runs "
        "started by hand are left out: whoever started them is looking.",
    )
    def alerts(context: dg.SensorEvaluationContext, lake: LakeResource) -> dg.SkipReason:
        return dg.SkipReason(_in_words(lambda data: _tell(context, data), lake))

    return alerts


def _tell(context: dg.SensorEvaluationContext, data: Path) -> str:
    """Mail what is new and remember up to where; when there is no way to mail, it stays new.

    A mail that the server did not take yet is kept in the cursor and handed over again as it is: under its key nobody
    gets it twice.
    """
    from pipelines.mail.sending import alert
    from pipelines.mail.settings import mail_settings

    if not load(data).subscriptions:
        return NOBODY
    mail_settings()
    now = datetime.now(UTC)
    cursor: dict[str, Any] = json.loads(context.cursor or "{}")
    runs, after = ended_runs(context.instance, cursor, now)
    waiting = [m for m in cursor.get("waiting", []) if m["at"] > (now - OLDEST).timestamp()]
    new = _mail_of(context.instance, runs, now)
    sent = {m["key"]: alert(data, m["subject"], m["lines"], m["key"]) for m in [*waiting, *new]}
    left = [m for m in [*waiting, *new] if not sent[m["key"]] or sent[m["key"]][0].state == "waiting"]
    context.update_cursor(json.dumps({**after, "waiting": left}))
    return "; ".join(m["subject"] for m in new) or "nothing failed since the last look"


def _mail_of(instance: dg.DagsterInstance, runs: list[dg.DagsterRun], now: datetime) -> list[dict[str, Any]]:
    """One mail about everything that went wrong in some runs; none where nothing did."""
    told = {run.run_id: lines for run in runs if (lines := list(_lines(instance, run)))}
    lines = [line for some in told.values() for line in some]
    if not lines:
        return []
    key = sha256(" ".join(sorted(told)).encode()).hexdigest()[:16]
    more = [f"… and {len(lines) - MOST_LINES:,} more"] if len(lines) > MOST_LINES else []
    return [{"key": key, "subject": subject(lines), "lines": [*lines[:MOST_LINES], *more], "at": now.timestamp()}]


def ended_runs(
    instance: dg.DagsterInstance, cursor: Mapping[str, Any], now: datetime
) -> tuple[list[dg.DagsterRun], dict[str, str]]:
    """The runs that ended since the cursor and were not started by hand, and the cursor after them."""
    found, after = [], {}
    since = (now - OLDEST).timestamp()
    for kind in ENDED:
        wanted = dg.RunStatusChangeRecordsFilter(kind, after_timestamp=since)
        seen = instance.fetch_run_status_changes(wanted, MOST_RUNS, cursor=cursor.get(kind.value), ascending=True)
        after[kind.value] = seen.cursor
        runs = (instance.get_run_by_id(record.run_id) for record in seen.records)
        found += [run for run in runs if run is not None and BY_HAND not in run.tags]
    return found, after


def _lines(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Iterator[str]:
    """A line for the run if it failed, with the first step that did, and one for each of its checks that did."""
    days = run.tags.get("dagster/partition") or run.tags.get("dagster/asset_partition_range_start") or ""
    if run.status is dg.DagsterRunStatus.FAILURE:
        yield _short(f"Run failed: {run.job_name}{f' of {days}' if days else ''}: {_why(instance, run)}")
    found = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION).records
    for record in found:
        check: Any = record.event_log_entry.get_dagster_event().event_specific_data
        if not check.passed and check.severity is dg.AssetCheckSeverity.ERROR:
            name = f"{check.asset_key.to_user_string()} · {check.check_name}"
            yield _short(f"Check failed: {name}{f' of {days}' if days else ''}: {check.description or 'see the run'}")


def _why(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    """The words of the steps that failed, our own where they are ours."""
    records = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE).records
    words = []
    for record in records:
        event: Any = record.event_log_entry.get_dagster_event()
        ours, error = event.step_failure_data.user_failure_data, event.step_failure_data.error
        while error and error.cause:
            error = error.cause
        said = (ours and ours.description) or (error and error.message) or "without a word"
        words.append(f"{event.step_key}: {said}")
    return "; ".join(words) or "it ended before its first step; its page in the Dagster UI says why"


def _short(line: str) -> str:
    return shortened(" ".join(line.split()), LONGEST_LINE)


def subject(lines: list[str]) -> str:
    """How many runs and how many checks failed."""
    n_runs = sum(line.startswith("Run failed") for line in lines)
    n_checks = len(lines) - n_runs
    parts = [counted(n, noun) for n, noun in ((n_runs, "run"), (n_checks, "check")) if n]
    return f"{' and '.join(parts)} failed"
