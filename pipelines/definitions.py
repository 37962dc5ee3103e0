"""Everything that Dagster knows of Tallyrank. `build_defs` takes another lake or other connectors for tests."""

import os
from pathlib import Path

import dagster as dg

from connectors.base import Connector, discover
from pipelines import sqlfile
from pipelines.defs import jobs, tables
from pipelines.defs.resources import LakeResource
from pipelines.defs.sources import source_assets
from pipelines.evidence import table as evidence

REPOSITORY = Path(__file__).resolve().parents[1]


def data_dir() -> Path:
    """The data folder: TALLYRANK_DATA, else `data/` of the repository."""
    return Path(os.environ.get("TALLYRANK_DATA") or REPOSITORY / "data")


def build_defs(data: Path | None = None, connectors: dict[str, Connector] | None = None) -> dg.Definitions:
    """Assets of all connectors and tables, the three daily jobs, their schedule and sensors."""
    known = discover() if connectors is None else connectors
    reading = [
        job
        for name, signal in ((jobs.RANKINGS, "rankings"), (jobs.VOTES, "votes"))
        if (job := jobs.read_job(name, signal, known)) is not None
    ]
    daily = [*reading, jobs.analysis_job()]
    return dg.Definitions(
        assets=[
            *(source_assets(c) for c in known.values()),
            tables.retention_asset(known),
            *(tables.table_asset(t, known) for t in sqlfile.tables().values()),
            *(tables.model_asset(t) for t in evidence.tables().values()),
            tables.warehouse,
            tables.report,
        ],
        jobs=daily,
        schedules=[jobs.schedule(reading[0])] if reading else [],
        sensors=list(jobs.followers(daily)),
        resources={"lake": LakeResource(data_dir=str(data or data_dir()))},
        executor=dg.multiprocess_executor.configured(
            {"max_concurrent": 4, "start_method": {"forkserver": {"preload_modules": ["pipelines.definitions"]}}}
        ),
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions that `dagster` and `dg` load."""
    return build_defs()
