"""Everything that Dagster knows of Tallyrank. `build_defs` takes another lake or other connectors for tests."""

import os
from pathlib import Path

import dagster as dg

from connectors.base import Connector, discover
from pipelines import project, sqlfile
from pipelines.defs import forms, inbox, jobs, mails, published, tables
from pipelines.defs.resources import AnalysisResource, LakeResource
from pipelines.defs.sources import source_assets
from pipelines.evidence import table as evidence

REPOSITORY = Path(__file__).resolve().parents[1]


def data_dir() -> Path:
    """The data folder: TALLYRANK_DATA, else `data/` of the repository."""
    return Path(os.environ.get("TALLYRANK_DATA") or REPOSITORY / "data")


def build_defs(data: Path | None = None, connectors: dict[str, Connector] | None = None) -> dg.Definitions:
    """Assets of all connectors and tables, the daily jobs and the forms, their schedule and sensors."""
    folder = data or data_dir()
    plan = project.load(folder)
    project.apply(plan)
    known = discover() if connectors is None else connectors
    reading = [
        job
        for name, signal in ((jobs.RANKINGS, "rankings"), (jobs.VOTES, "votes"))
        if (job := jobs.read_job(name, signal, known)) is not None
    ]
    analysis = jobs.analysis_job()
    return dg.Definitions(
        assets=[
            *(source_assets(c, is_on=jobs.is_ready(c)) for c in known.values()),
            published.retention_asset(known),
            *(tables.table_asset(t, known) for t in sqlfile.tables().values()),
            *(tables.model_asset(t) for t in evidence.tables().values()),
            published.warehouse,
            published.report,
        ],
        jobs=[*reading, analysis, inbox.import_inbox, *forms.jobs()],
        schedules=[jobs.schedule(reading[0], plan.schedule)] if reading else [],
        sensors=[
            *jobs.followers([*reading, analysis]),
            *jobs.after_import(inbox.import_inbox, analysis),
            inbox.inbox,
            *mails.sensors(plan),
        ],
        resources={"lake": LakeResource(data_dir=str(folder)), "analysis": AnalysisResource()},
        executor=dg.multiprocess_executor.configured(
            {"max_concurrent": 4, "start_method": {"forkserver": {"preload_modules": ["pipelines.definitions"]}}}
        ),
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions that `dagster` and `dg` load."""
    return build_defs()
