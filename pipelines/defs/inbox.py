"""The inbox: a sensor that sees export files dropped into `<data>/inbox`, and the job that imports them."""

import json
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import dagster as dg
from pydantic import Field

from dashboards.safe import MOST
from dashboards.words import counted
from pipelines.changes import code
from pipelines.defs.jobs import NEWS
from pipelines.defs.resources import LakeResource
from pipelines.defs.showing import failure
from pipelines.files import dropped
from pipelines.files.choosing import KINDS

IMPORT = "import_inbox"
LOOK_SECONDS = 30
MOST_TRIES = 3
FILES = "tallyrank/inbox"  # tag of a run: which files, in which state


class Files(dg.Config):
    """Which files of the inbox to import."""

    files: list[str] = Field(
        default=[], description='Names below the inbox, for example ["votes/march.csv"]. Empty: all that lie there.'
    )


@dg.op(name="import_files", pool="inbox", description="Imports files of the inbox and moves them away.")
def import_files(context: dg.OpExecutionContext, config: Files, lake: LakeResource) -> None:
    """Take file after file; one that is refused stops no other, and fails the run at the end so that somebody looks."""
    data, day = Path(lake.data_dir), datetime.now(UTC).date()
    taken = []
    for name in config.files or dropped.waiting(data):
        if (found := dropped.take(data, name, day)) is not None:
            context.log.info(found.told)
            taken.append(found)
    context.instance.add_run_tags(context.run_id, {NEWS: str(sum(t.is_new for t in taken))})
    metadata = {
        "files": dg.MetadataValue.md(told(taken)),
        "rows_set_aside": sum(t.kept.n_rejects for t in taken if t.kept),
    }
    if refused := [t for t in taken if t.is_refused]:
        raise failure("\n".join(dropped.summary(t) for t in refused), metadata)
    context.add_output_metadata(metadata)


def told(taken: list[dropped.Taken]) -> str:
    """What became of each file, as a Markdown table."""
    if not taken:
        return "No file lay in the inbox."
    lines = ["| file | read as | rows | set aside | now in |", "|---|---|---|---|---|"]
    for t in taken:
        numbers = f"{t.kept.n_rows:,} | {t.kept.n_rejects:,}" if t.kept else "refused | "
        lines.append(f"| {_cell(t.name)} | {t.kind or 'unknown'} | {numbers} | {_cell(t.place)} |")
    return "\n".join(lines)


def _cell(text: str) -> str:
    """A name from outside in a cell of a table."""
    return code(text.replace("|", "/"), MOST)


@dg.job(
    name=IMPORT,
    description="Imports what lies in the inbox of the data folder. The sensor `inbox` starts it by itself; the "
    "analysis follows.",
    executor_def=dg.in_process_executor,
    config=dg.RunConfig(ops={"import_files": Files()}),
)
def import_inbox() -> None:
    """One step."""
    import_files()


@dg.sensor(
    name="inbox",
    job_name=IMPORT,
    minimum_interval_seconds=LOOK_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Imports export files dropped into `inbox/` of the data folder (or its sub-folders "
    f"{', '.join(KINDS)}) once they lie still, and moves them to `inbox/done` or `inbox/refused`.",
)
def inbox(context: dg.SensorEvaluationContext, lake: LakeResource) -> dg.RunRequest | dg.SkipReason:
    """Ask for a run over the files that are as they were at the last look."""
    data = Path(lake.data_dir)
    if not data.is_dir():
        return dg.SkipReason(f"the data folder {data} does not exist yet")
    (data / dropped.FOLDER).mkdir(exist_ok=True)
    now = {name: list(seen) for name, seen in dropped.waiting(data).items()}
    before = json.loads(context.cursor or "{}")
    context.update_cursor(json.dumps(now))
    still = {name: seen for name, seen in now.items() if before.get(name) == seen}
    if not still:
        moving = f"{counted(len(now), 'file')} may still be being written" if now else "no file in the inbox"
        return dg.SkipReason(f"{moving}; drop exports into {data / dropped.FOLDER}")
    return _request(context.instance, still)


def _request(instance: dg.DagsterInstance, still: dict[str, list[int]]) -> dg.RunRequest | dg.SkipReason:
    """The run for these files, unless one is under way, or several over the very same files were cut short."""
    if any(not run.is_finished for run in instance.get_runs(dg.RunsFilter(job_name=IMPORT), limit=MOST_TRIES)):
        return dg.SkipReason("an import is under way; these files are next")
    state = sha256(json.dumps(still, sort_keys=True).encode()).hexdigest()[:16]
    tries = instance.get_runs_count(dg.RunsFilter(job_name=IMPORT, tags={FILES: state}))
    if tries >= MOST_TRIES:
        names = ", ".join(still)
        return dg.SkipReason(
            f"{names}: {tries} runs ended before they were imported; see those runs, then save them anew"
        )
    config = dg.RunConfig(ops={"import_files": Files(files=sorted(still))})
    return dg.RunRequest(run_key=f"{state}-{tries}", run_config=config, tags={FILES: state})
