"""Run the Dagster jobs in this process, for the command line: same assets, same history of runs, no server needed."""

from __future__ import annotations

import fcntl
import logging
import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import dagster as dg
import yaml

from connectors.base import discover
from connectors.errors import TallyrankError
from pipelines import history
from pipelines.definitions import REPOSITORY, build_defs
from pipelines.defs.jobs import ANALYSIS, BY_HAND, RANGE_END, RANGE_START, RANKINGS, VOTES, keys_of
from pipelines.defs.sources import REFUSED_DAYS

QUIET: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass
class Reading:
    """What was read of one source, all its streams together; `warnings` says of which stream not all was."""

    rows: int = 0
    failed: int = 0
    requests: int = 0
    usd: float = 0.0
    warnings: dict[str, str] = field(default_factory=dict)

    def add(self, numbers: dict[str, float]) -> None:
        """Take in the numbers of one stream."""
        self.rows += int(numbers["reads"] - numbers["failed_reads"])
        self.failed += int(numbers["failed_reads"])
        self.requests += int(numbers["requests"])
        self.usd += numbers["usd"]


@dataclass
class Outcome:
    """How a run ended: the steps that went well and, in words, those that did not; what was read, by source; and the
    sources that were not asked about the past, with how they put that.
    """

    succeeded: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    readings: dict[str, Reading] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)

    def add(self, other: Outcome) -> None:
        """Take in the steps of another run."""
        self.succeeded += other.succeeded
        self.failed |= other.failed
        self.readings |= other.readings
        self.refused |= other.refused

    def blame(self, named: Collection[str]) -> None:
        """That a source cannot be asked about the past is a failure of it where it was asked for by name."""
        for source in named:
            if source in self.refused:
                self.failed.setdefault(step(source), self.refused.pop(source))

    @property
    def is_failed(self) -> bool:
        """Whether something failed, or sources were not asked about the past and nothing else was read."""
        return bool(self.failed) or (bool(self.refused) and not any(r.rows for r in self.readings.values()))


def step(source: str) -> str:
    """The name of the step that reads a source."""
    return f"read_{source}"


def run_days(data: Path, first: date, last: date, sources: Collection[str] = ()) -> Outcome:
    """Read rankings, then votes, for each day; then analyse and publish. A source that fails stops no other.

    With `sources`, those alone are read; they have to be switched on and configured.
    """
    with _instance(data) as instance:
        return run_days_in(instance, data, first, last, sources)


def run_days_in(
    instance: dg.DagsterInstance, data: Path, first: date, last: date, sources: Collection[str] = ()
) -> Outcome:
    """The same with the history of runs of an instance that is open already: that of the UI."""
    defs = build_defs(data)
    outcome = Outcome()
    names = [job.name for job in defs.jobs or []]
    tags = {RANGE_START: first.isoformat(), RANGE_END: last.isoformat()}
    with _signed_on(instance, data) as me:
        for name in (RANKINGS, VOTES):
            selection = _selection(name, sources)
            if name in names and selection != []:
                outcome.add(_execute(defs, name, instance, tags | {BY_HAND: me}, selection))
        outcome.blame(sources)
        outcome.add(_execute(defs, ANALYSIS, instance, {BY_HAND: me}))
    return outcome


def analyze(data: Path) -> Outcome:
    """Make tables, models, warehouse and report from what is in the lake."""
    with _instance(data) as instance:
        return analyze_in(instance, data)


def analyze_in(instance: dg.DagsterInstance, data: Path, across_breaks: Collection[str] = ()) -> Outcome:
    """The same with the history of an instance that is open already, and looking across some breaks."""
    config = {"resources": {"analysis": {"config": {"across_breaks": list(across_breaks)}}}}
    with _signed_on(instance, data) as me:
        return _execute(build_defs(data), ANALYSIS, instance, {BY_HAND: me}, config=config)


def _selection(job: str, sources: Collection[str]) -> list[dg.AssetKey] | None:
    """The assets of the named sources that a job reads; None: all of them."""
    if not sources:
        return None
    signal = {RANKINGS: "rankings", VOTES: "votes"}[job]
    return [key for c in discover().values() if c.name in sources and c.signal == signal for key in keys_of(c)]


def steps(data: Path, first: date, last: date, sources: Collection[str] = ()) -> int:
    """How many pieces of work `run_days` will report."""
    defs = build_defs(data)
    days = (last - first) // timedelta(days=1) + 1
    names = {job.name: job for job in defs.jobs or []}
    readers = [n.name for job in (RANKINGS, VOTES) if job in names for n in defs.resolve_job_def(job).all_node_defs]
    if sources:
        readers = [name for name in readers if name in {step(source) for source in sources}]
    return len(readers) * days + len(defs.resolve_job_def(ANALYSIS).all_node_defs)


def _execute(
    defs: dg.Definitions,
    job: str,
    instance: dg.DagsterInstance,
    tags: dict[str, str],
    selection: list[dg.AssetKey] | None = None,
    config: Mapping[str, Any] = MappingProxyType({}),
) -> Outcome:
    result = defs.resolve_job_def(job).execute_in_process(
        instance=instance, tags=tags, run_config=QUIET | dict(config), raise_on_error=False, asset_selection=selection
    )
    outcome = Outcome()
    for event in result.all_events:
        if event.event_type == dg.DagsterEventType.STEP_SUCCESS:
            outcome.succeeded.append(str(event.step_key))
        elif event.event_type == dg.DagsterEventType.STEP_FAILURE:
            _note_failure(outcome, str(event.step_key), event.step_failure_data)
    for check in result.get_asset_check_evaluations():
        if check.check_name == "failed_reads":
            _note_reading(outcome, check)
    if not result.success and not outcome.failed and not outcome.refused:
        raise TallyrankError(f"the job {job} failed before its first step; open it with `make ui` to see why")
    return outcome


def _note_failure(outcome: Outcome, key: str, data: Any) -> None:
    """A failed step; one that failed for no other reason than that the past was asked about is told apart."""
    metadata = data.user_failure_data.metadata if data.user_failure_data else {}
    refused = metadata.get(REFUSED_DAYS)
    if refused and refused.value:
        source = key.removeprefix(step(""))
        outcome.refused[source] = _words(data) if metadata["is_refused"].value else "asked about today only"
        if metadata["is_refused"].value:
            return
    outcome.failed[key] = _words(data)


def _note_reading(outcome: Outcome, check: dg.AssetCheckEvaluation) -> None:
    """What was read of one stream."""
    source, stream = check.asset_key.path[:2]
    reading = outcome.readings.setdefault(source, Reading())
    told = {name: value.value for name, value in check.metadata.items()}
    words = str(told.pop("said"))
    reading.add(told)  # type: ignore[arg-type]
    if not check.passed:
        reading.warnings[stream] = words


def _words(data: Any) -> str:
    """What a failed step says, without a traceback: our own words where the failure is one of ours."""
    ours = data.user_failure_data
    if ours and ours.description:
        return str(ours.description)
    error = data.error
    if error and error.cls_name == "DagsterExecutionInterruptedError":
        raise KeyboardInterrupt
    while error and error.cause:
        error = error.cause
    return error.message.strip() if error else "failed without a word"


def dagster_home(data: Path) -> Path:
    """The folder that DAGSTER_HOME names for a data folder: the project for its own, else `<data>/dagster`.

    Either way the history of runs is in `<data>/dagster`, and the settings are those of dagster.yaml.
    """
    home = data / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    if data == REPOSITORY / "data":
        return REPOSITORY
    settings = _settings(home)
    (home / "dagster.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    return home


def _settings(home: Path) -> dict[str, Any]:
    """The settings of dagster.yaml, with everything that is written kept in `home`."""
    settings: dict[str, Any] = yaml.safe_load((REPOSITORY / "dagster.yaml").read_text(encoding="utf-8"))
    settings["storage"]["sqlite"]["base_dir"] = str(home)
    settings["local_artifact_storage"]["config"]["base_dir"] = str(home)
    settings["compute_logs"]["config"]["base_dir"] = str(home / "logs")
    return settings


@contextmanager
def _instance(data: Path) -> Iterator[dg.DagsterInstance]:
    """The instance whose history stands beside the lake; what steps print is shown, not captured."""
    home = data / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    overrides = _settings(home) | {
        "compute_logs": {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}
    }
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    with history.quick(), dg.DagsterInstance.local_temp(str(home), overrides=overrides) as instance:
        yield instance


@contextmanager
def _signed_on(instance: dg.DagsterInstance, data: Path) -> Iterator[str]:
    """A name for the runs of this process, which others can tell to be alive: it holds a lock that dies with it.

    Runs of processes that were killed are ended first: they hold their places in the pools, and would for ever.
    """
    folder = data / "dagster" / "alive"
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.iterdir():
        with left.open("rb") as file, suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _bury(instance, left.name)
            left.unlink(missing_ok=True)
    mine = folder / uuid.uuid4().hex
    with mine.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield mine.name
        finally:
            mine.unlink(missing_ok=True)


def _bury(instance: dg.DagsterInstance, name: str) -> None:
    """End the runs of a dead process and free what they held."""
    for run in instance.get_runs(dg.RunsFilter(tags={BY_HAND: name})):
        if not run.is_finished:
            instance.report_run_failed(run, "The process was killed; what it had read is kept.")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
