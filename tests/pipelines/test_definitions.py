"""What Dagster sees: assets, partitions, pools, checks, jobs that follow each other, metadata that people want."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from connectors.base import Connector
from pipelines import runs, sqlfile
from pipelines.definitions import build_defs
from pipelines.defs import jobs, sources
from pipelines.defs.resources import LakeResource
from pipelines.defs.tables import model_asset
from pipelines.evidence import table as evidence
from pipelines.lake import Lake
from pipelines.pull import StreamDay
from tests.conftest import environment_of
from tests.pipelines.making import LIST_DAY, fill, made, result, seen

DAY = "2026-10-14"


@pytest.fixture
def pointed(sandbox: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every source points at the sandbox; the lake is empty."""
    for name, value in environment_of(sandbox, tmp_path).items():
        if name.startswith("TALLYRANK_"):
            monkeypatch.setenv(name, value)
    return tmp_path


def test_every_connector_and_table_has_its_assets(connectors: dict[str, Connector]) -> None:
    """Raw and parsed per stream, one asset per SQL file, and the rest; each with a group and a description."""
    graph = build_defs().resolve_asset_graph()
    keys = {k.to_user_string() for k in graph.get_all_asset_keys()}
    for connector in connectors.values():
        for stream in connector.streams:
            assert {f"{connector.name}/{stream.name}/{layer}" for layer in ("raw", "parsed")} <= keys
    assert {*sqlfile.tables(), *evidence.tables(), "warehouse", "report", "retention"} <= keys
    for key in graph.get_all_asset_keys():
        assert graph.get(key).description and graph.get(key).group_name != "default"


@pytest.mark.parametrize("name", evidence.tables())
def test_every_model_is_an_asset(name: str) -> None:
    """In one group, after what it reads and before the warehouse, with the type and comment of every column."""
    graph = build_defs().resolve_asset_graph()
    node, model = graph.get(dg.AssetKey(name)), evidence.tables()[name]
    assert (node.group_name, node.description) == ("models", model.description)
    assert {k.to_user_string() for k in node.parent_keys} == set(model.reads)
    assert dg.AssetKey(name) in graph.get(dg.AssetKey("warehouse")).parent_keys
    columns = node.metadata["dagster/column_schema"].columns
    assert [(c.name, c.type, c.description) for c in columns] == [
        (column, str(kind), comment) for column, (kind, comment) in model.columns.items()
    ]


def materialised(lake: Lake, name: str) -> dict[str, Any]:
    """What the asset of a model records when it is made by itself."""
    resources = {"lake": LakeResource(data_dir=str(lake.root))}
    result = dg.materialize([model_asset(evidence.tables()[name])], resources=resources, run_config=runs.QUIET)
    (event,) = result.asset_materializations_for_node(name)
    return dict(event.metadata)


def test_a_model_shows_its_rows_and_its_picture(tmp_path: Path) -> None:
    """Rows as Markdown with unknowns by name, and a picture that needs no scripts; the table is in its place."""
    lists = [result(url=f"https://site{n}.example/", position=n) for n in range(1, 11)]
    votes = [seen(LIST_DAY - 1, (7 * n) % 11, url=f"https://site{n}.example/") for n in range(1, 11)]
    lake = made(fill(tmp_path, votes, lists))
    metadata = materialised(lake, "association")
    assert metadata["dagster/row_count"].value == 1
    assert str(metadata["plot"].value).startswith("![association](data:image/png;base64,iVBOR")
    head, _, row = str(metadata["rows"].value).splitlines()
    cells = dict(zip(head.split(" | "), row.split(" | "), strict=True))
    assert (cells["platform"], cells["depth"], cells["ci_low"]) == ("reddit", "10", "unknown")
    assert lake.table_path("association").exists()


def test_a_model_with_nothing_to_show_says_so(tmp_path: Path) -> None:
    """No rows, no picture, no error: the first day of a lake."""
    metadata = materialised(made(fill(tmp_path)), "timing")
    assert metadata["dagster/row_count"].value == 0
    assert "Nothing to show yet" in str(metadata["rows"].value)
    assert "plot" not in metadata


def test_lists_of_numbers_are_drawn_and_not_printed(tmp_path: Path) -> None:
    """The rows of a model leave its paths out; bars inside texts do not break the table."""
    lists = [result(url=f"https://site{n}.example/", position=n) for n in range(1, 11)]
    votes = [seen(1, n, url=f"https://site{n}.example/", platform="a|b") for n in range(1, 11)]
    text = str(materialised(made(fill(tmp_path, votes, lists)), "timing")["rows"].value)
    head, line, row = text.splitlines()
    assert "path_first_day" not in head and " why_not " in head
    assert head.count("|") == line.count("|") == row.count("|")
    assert "a/b" in row


def test_a_connector_is_a_pool(connectors: dict[str, Connector]) -> None:
    """No two steps of one platform run at once, in whatever run; other platforms do not wait."""
    pools = {node.name: node.pool for node in build_defs().resolve_job_def("__ASSET_JOB").all_node_defs}
    assert {pools[f"read_{name}"] for name in connectors} == set(connectors)


def test_a_run_of_a_day_records_what_an_analyst_wants(pointed: Path) -> None:
    """Rows, failed reads and requests per stream and day; coefficients as a table and a picture; checks."""
    assert not runs.run_days(pointed, date(2026, 10, 9), date(2026, 10, 14)).failed
    key = dg.AssetKey(["reddit", "by_url", "parsed"])
    names = ("failed_reads", "fresh", "grain")
    with runs._instance(pointed) as instance:
        seen = instance.fetch_materializations(key, limit=10).records
        checks = instance.event_log_storage.get_latest_asset_check_execution_by_key(
            [dg.AssetCheckKey(key, name) for name in names]
        )
        coefficients = instance.fetch_materializations(dg.AssetKey("association"), limit=1).records[0]
    assert {r.partition_key for r in seen} == {f"2026-10-{day:02}" for day in range(9, 15)}
    assert {"dagster/row_count", "requests", "failed_reads"} <= set(seen[0].asset_materialization.metadata)
    assert [c.status.value for c in checks.values()] == ["SUCCEEDED"] * 3
    metadata = coefficients.asset_materialization.metadata
    assert str(metadata["plot"].value).startswith("![")
    assert "| reddit | like |" in str(metadata["rows"].value)


def test_failed_reads_fail_their_check(pointed: Path, fault: Any) -> None:
    """Half of the answers broken: the check fails and says how many and why; what was read is kept."""
    fault("hatena", "broken_json", times=1)
    defs = build_defs(pointed)
    with runs._instance(pointed) as instance:
        defs.resolve_job_def(jobs.RANKINGS).execute_in_process(
            instance=instance, partition_key=DAY, run_config=runs.QUIET
        )
        result = defs.resolve_job_def(jobs.VOTES).execute_in_process(
            instance=instance, partition_key=DAY, run_config=runs.QUIET, raise_on_error=False
        )
    found = {(e.asset_key.path[0], e.check_name): e for e in result.get_asset_check_evaluations()}
    check = found["hatena", "failed_reads"]
    assert not check.passed
    assert "BadAnswer" in (check.description or "")
    assert found["reddit", "failed_reads"].passed


def outcome_of(rows: int, failed: int, parsed: int = 0, unreadable: int = 0) -> StreamDay:
    """How a day of a stream went."""
    error = "Unavailable: down" if failed else None
    return StreamDay("x", "by_url", date(2026, 10, 14), rows, failed, parsed, unreadable, 1, 0.0, error)


@pytest.mark.parametrize(
    ("outcomes", "n_days", "words"),
    [
        ([], 3, "not read on 3 of 3 days"),
        ([outcome_of(10, 0, 30)], 1, "10 reads, none failed"),
        ([outcome_of(10, 3), outcome_of(10, 1)], 2, "4 of 20 reads failed, first: Unavailable: down"),
        ([outcome_of(10, 0, 30, 10)], 1, "10 of 30 numbers missing: has the source renamed a field?"),
        ([outcome_of(1, 1)], 2, "not read on 1 of 2 days; 1 of 1 read failed, first: Unavailable: down"),
    ],
)
def test_how_well_a_stream_was_read_is_said_in_words(outcomes: list[StreamDay], n_days: int, words: str) -> None:
    """Days that were not read, reads that failed, numbers that are missing; never "0 of 0"."""
    assert sources._said(outcomes, n_days) == words


def test_the_same_trouble_is_told_once() -> None:
    """One line for the same words, with the streams and the number of days; refused days only where nothing else is."""
    days = [date(2026, 10, n) for n in (1, 2, 3)]
    down = [sources.Trouble(day, name, "down") for day in days[1:] for name in ("by_url", "by_post")]
    refused = sources.Trouble(days[0], "", "read live only", is_refusal=True)
    both, alone = sources._failure([refused, *down], 3), sources._failure([refused], 3)
    assert both.description == "by_url, by_post, 2 of 3 days: down"
    assert (both.metadata["refused_days"].value, both.metadata["is_refused"].value) == (1, False)
    assert (alone.description, alone.metadata["is_refused"].value) == ("read live only", True)
    assert sources._failure([sources.Trouble(days[0], "", "no key")], 1).description == "no key"


def test_the_daily_jobs_follow_each_other_however_they_end(pointed: Path) -> None:
    """Votes follow rankings, analysis follows votes, after success and failure; not after the command line's runs."""
    defs = build_defs(pointed)
    names = {s.name for s in defs.sensors or []}
    for pair in ("daily_votes_after_daily_rankings", "daily_analysis_after_daily_votes"):
        assert {f"{pair}_success", f"{pair}_failure"} <= names
    repository = defs.get_repository_def()
    sensor: Any = repository.get_sensor_def("daily_votes_after_daily_rankings_success")
    with runs._instance(pointed) as instance:
        job = defs.resolve_job_def(jobs.RANKINGS)
        done = job.execute_in_process(instance=instance, partition_key=DAY, run_config=runs.QUIET)
        event = next(e for e in done.all_events if e.event_type == dg.DagsterEventType.RUN_SUCCESS)
        context = dg.build_run_status_sensor_context(
            sensor.name, event, instance, dagster_run=done.dagster_run, repository_def=repository
        )
        request = sensor(context)
        assert (request.partition_key, request.job_name or jobs.VOTES) == (DAY, jobs.VOTES)
        by_hand = job.execute_in_process(
            instance=instance, partition_key=DAY, run_config=runs.QUIET, tags={jobs.BY_HAND: "true"}
        )
        context = dg.build_run_status_sensor_context(
            sensor.name, event, instance, dagster_run=by_hand.dagster_run, repository_def=repository
        )
        assert isinstance(sensor(context), dg.SkipReason)


def test_the_schedule_asks_for_its_own_day(pointed: Path) -> None:
    """The daily schedule starts the first job for the day on which it fires."""
    repository = build_defs(pointed).get_repository_def()
    schedule = repository.get_schedule_def("daily")
    fires = datetime(2026, 10, 14, 5, tzinfo=UTC)
    context = dg.build_schedule_context(scheduled_execution_time=fires, repository_def=repository)
    requests = schedule.evaluate_tick(context).run_requests or []
    assert [r.partition_key or r.tags["dagster/partition"] for r in requests] == [DAY]


def test_sources_without_keys_are_left_out_of_the_daily_jobs(pointed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unconfigured source is an asset with words on what to do, and no part of the daily work."""
    monkeypatch.setenv("TALLYRANK_REDDIT_CLIENT_ID", "")
    monkeypatch.setenv("TALLYRANK_REDDIT_TOKEN", "")
    monkeypatch.setenv("TALLYRANK_FACEBOOK_ENABLED", "false")
    defs = build_defs(pointed)
    nodes = {n.name for n in defs.resolve_job_def(jobs.VOTES).all_node_defs}
    assert "read_hatena" in nodes
    assert not {"read_reddit", "read_facebook"} & nodes
