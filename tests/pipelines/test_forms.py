"""The forms of the launchpad: they work as they open, take what is typed, and refuse nonsense in words."""

from __future__ import annotations

import os
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from connectors.base import discover
from connectors.errors import TallyrankError
from pipelines import runs
from pipelines.definitions import build_defs
from pipelines.defs import forms, jobs
from pipelines.defs.resources import AnalysisResource
from pipelines.lake import Lake
from pipelines.panels import ACROSS
from tests.conftest import environment_of
from tests.pipelines.making import fill, made, seen

TODAY = date(2026, 11, 21)


def run(data: Path, name: str, **config: Any) -> Any:
    """A run of a form as it opens, or with what is typed into its one op."""
    job = build_defs(data).resolve_job_def(name)
    (op,) = [node.name for node in job.all_node_defs]
    given = {"run_config": {"ops": {op: {"config": config}}}} if config else {}
    with runs._instance(data) as instance:
        return job.execute_in_process(instance=instance, raise_on_error=False, **given)


def failure(result: Any) -> str:
    """What the failed step says."""
    (event,) = [e for e in result.all_events if e.event_type == dg.DagsterEventType.STEP_FAILURE]
    return str(event.step_failure_data.user_failure_data.description)


@pytest.mark.parametrize("name", [forms.ADD, forms.BACKFILL, forms.AGAIN])
def test_every_field_is_described_and_filled_in(tmp_path: Path, name: str) -> None:
    """Whoever opens a form sees every field with words and a value that is valid."""
    job = build_defs(tmp_path).resolve_job_def(name)
    (op,) = job.all_node_defs
    fields = op.config_schema.config_type.fields
    assert fields and all(field.description for field in fields.values())
    opened = job.run_config["ops"][op.name]["config"]
    assert set(opened) == set(fields)


def test_keywords_are_added_once(tmp_path: Path) -> None:
    """What is known (in whatever capitals) is left out, what people wrote into the file stays."""
    path = tmp_path / "keywords.txt"
    path.write_text("# ours\nRunning  Shoes", encoding="utf-8")
    result = run(tmp_path, forms.ADD, keywords=["running shoes", " trail  shoes ", "TRAIL shoes", ""])
    assert result.success
    assert path.read_text(encoding="utf-8") == "# ours\nRunning  Shoes\ntrail shoes\n"
    assert run(tmp_path, forms.ADD).success  # as it opens: nothing to add is no fault
    assert path.read_text(encoding="utf-8") == "# ours\nRunning  Shoes\ntrail shoes\n"


@pytest.mark.parametrize("keyword", ["two\nlines", "# remark", "x" * 401])
def test_what_is_no_keyword_is_refused_whole(tmp_path: Path, keyword: str) -> None:
    """Nothing is written when one of the entries is wrong."""
    with pytest.raises(TallyrankError):
        forms.add_keywords(Lake(tmp_path), ["fine", keyword])
    assert not (tmp_path / "keywords.txt").exists()


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        ("2026-11-20", "2026-11-19", "exchange them"),
        ("yesterday", "2026-11-22", "has not come yet"),
        ("2024-12-31", "yesterday", "too long ago"),
        ("2025-01-01", "yesterday", "more than 400 days"),
        ("last week", "yesterday", "first_day 'last week' is no day"),
    ],
)
def test_days_that_cannot_be_meant_are_refused(first: str, last: str, words: str) -> None:
    """Each with the field and what to write instead."""
    with pytest.raises(TallyrankError, match=words):
        forms.days_of(forms.PastDays(first_day=first, last_day=last), TODAY)


def test_the_form_opens_with_yesterday() -> None:
    """Both days, whenever it is opened."""
    assert forms.days_of(forms.PastDays(), TODAY) == (TODAY - timedelta(days=1),) * 2


@pytest.fixture
def pointed(sandbox: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every source points at the sandbox; the lake is empty."""
    for name, value in environment_of(sandbox, tmp_path).items():
        if name.startswith("TALLYRANK_"):
            monkeypatch.setenv(name, value)
    return tmp_path


def test_past_days_are_read_in_runs_of_their_own(pointed: Path) -> None:
    """The named source alone is read for the days of the range, by the daily jobs; then all is analysed."""
    result = run(
        pointed, forms.BACKFILL, first_day="2026-10-13", last_day="2026-10-14", sources=["search_console", "hatena"]
    )
    assert result.success
    parts = list(Lake(pointed).parts("raw"))
    assert {p.connector for p in parts} == {"search_console", "hatena"}
    assert {p.day for p in parts} == {date(2026, 10, 13), date(2026, 10, 14)}
    with runs._instance(pointed) as instance:
        names = {r.job_name for r in instance.get_runs()}
    assert names == {forms.BACKFILL, jobs.RANKINGS, jobs.VOTES, jobs.ANALYSIS}


def test_a_source_that_is_read_live_is_refused_by_name(pointed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Named, it is refused in words; unnamed, it is left out; where none is left, that is said."""
    monkeypatch.setenv("TALLYRANK_HATENA_BASE_URL", "http://127.0.0.1:9")
    first = last = date(2026, 10, 14)
    with pytest.raises(TallyrankError, match="hatena: can only be read live"):
        forms.backfillable(["hatena"], first, last)
    keeping = forms.backfillable([], first, last)
    assert "search_console" in keeping and "hatena" not in keeping
    with pytest.raises(TallyrankError, match="did you mean hatena"):
        forms.backfillable(["hatna"], first, last)
    for name in discover():
        monkeypatch.setenv(f"TALLYRANK_{name.upper()}_ENABLED", "false")
    with pytest.raises(TallyrankError, match="no source that is switched on keeps the past"):
        forms.backfillable([], first, last)
    assert "nothing to read" in failure(run(pointed, forms.BACKFILL))


def test_the_analysis_can_look_across_breaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inside the block the models see the names, afterwards what the environment said; an unknown one is refused."""
    monkeypatch.setenv(ACROSS, "as-before")
    lake = made(fill(tmp_path, [seen(1, 5)]))
    with AnalysisResource().applied(lake):
        assert os.environ[ACROSS] == "as-before"
    with AnalysisResource(across_breaks=["all"]).applied(lake):
        assert os.environ[ACROSS] == "all"
    assert os.environ[ACROSS] == "as-before"
    refused = AnalysisResource(across_breaks=["nonsense"])
    with pytest.raises(TallyrankError, match="no break is called nonsense"), refused.applied(lake):
        pass


def test_the_analysis_is_made_anew_in_a_run_of_its_own(tmp_path: Path) -> None:
    """As the form opens, and across breaks, which reach the run's configuration; an unknown break is refused before."""
    lake = made(fill(tmp_path, [seen(1, 5)]))
    assert run(tmp_path, forms.AGAIN, across_breaks=["all"]).success
    assert lake.warehouse.exists()
    with runs._instance(tmp_path) as instance:
        (nested,) = instance.get_runs(dg.RunsFilter(job_name=jobs.ANALYSIS))
    assert nested.run_config["resources"]["analysis"]["config"] == {"across_breaks": ["all"]}
    assert "no break is called nonsense" in failure(run(tmp_path, forms.AGAIN, across_breaks=["nonsense"]))
