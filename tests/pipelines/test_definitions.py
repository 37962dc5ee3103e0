"""What Dagster sees: assets, partitions, pools, checks, jobs that follow each other, metadata that people want."""

from __future__ import annotations

import dataclasses
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from connectors.base import Connector
from connectors.records import Raw, Status, raw_table
from pipelines import runs, sqlfile
from pipelines.definitions import build_defs
from pipelines.defs import guide, jobs, published, source_checks, sources
from pipelines.defs.resources import AnalysisResource, LakeResource
from pipelines.defs.tables import model_asset, table_asset
from pipelines.evidence import table as evidence
from pipelines.lake import Lake
from pipelines.project import Schedule
from pipelines.pull import StreamDay
from tests.conftest import environment_of
from tests.pipelines.making import LIST_DAY, at, fill, made, part, result, seen

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
        assert graph.get(key).description and re.fullmatch(r"[1-6]_[a-z_]+", graph.get(key).group_name or "")


def test_every_description_reads_as_a_guide(connectors: dict[str, Connector]) -> None:
    """First what it is for, in a sentence; then what it is made of; then what to do when it is red."""
    graph = build_defs().resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        what, made, red = (graph.get(key).description or "").split("\n\n")
        assert what.endswith((".", "?")) and made and red.startswith("**When it is red:** "), key


def test_groups_follow_the_flow() -> None:
    """Sorted by name, no asset reads from a group after its own."""
    graph = build_defs().resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        for parent in graph.get(key).parent_keys:
            mine, before = graph.get(key).group_name or "", graph.get(parent).group_name or ""
            assert before <= mine, f"{key} of {mine} reads {parent} of {before}"


@pytest.mark.parametrize("name", evidence.tables())
def test_every_model_is_an_asset(name: str) -> None:
    """In one group, after what it reads and before the warehouse, with the type and comment of every column."""
    graph = build_defs().resolve_asset_graph()
    node, model = graph.get(dg.AssetKey(name)), evidence.tables()[name]
    assert node.group_name == guide.EVIDENCE
    assert (node.description or "").startswith(" ".join(model.description.split()))
    assert {k.to_user_string() for k in node.parent_keys} == set(model.reads)
    assert dg.AssetKey(name) in graph.get(dg.AssetKey("warehouse")).parent_keys
    columns = node.metadata["dagster/column_schema"].columns
    assert [(c.name, c.type, c.description) for c in columns] == [
        (column, str(kind), comment) for column, (kind, comment) in model.columns.items()
    ]


def materialised(lake: Lake, name: str) -> dict[str, Any]:
    """What the asset of a model records when it is made by itself."""
    resources = {"lake": LakeResource(data_dir=str(lake.root)), "analysis": AnalysisResource()}
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
    assert "a&#124;b" in row


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
    with runs._instance(pointed) as instance:
        last = instance.fetch_materializations(dg.AssetKey("report"), limit=1).records[0]
    assert "nothing to compare" in str(last.asset_materialization.metadata["what_changed"].value)


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
    assert re.match("(REVIEW|FAIL): .*BadAnswer.* What to do: .*newer Tallyrank", check.description or "")
    assert found["reddit", "failed_reads"].passed
    assert re.match(r"PASS: \d+ reads?, none failed", found["reddit", "failed_reads"].description or "")


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
    assert source_checks.said(outcomes, n_days) == words


@pytest.mark.parametrize(
    ("outcomes", "n_days", "n_refused", "word"),
    [
        ([outcome_of(100, 1)], 1, 0, "PASS"),
        ([outcome_of(100, 3)], 1, 0, "REVIEW"),
        ([outcome_of(100, 21)], 1, 0, "FAIL"),
        ([outcome_of(10, 0, 10, 5)], 1, 0, "FAIL"),
        ([], 2, 0, "FAIL"),
        ([], 2, 2, "REVIEW"),  # past days of a live counter: nothing is broken
    ],
)
def test_the_word_of_a_check_follows_the_share_of_failures(
    connectors: dict[str, Connector], outcomes: list[StreamDay], n_days: int, n_refused: int, word: str
) -> None:
    """PASS up to 2 %, FAIL above 20 %; REVIEW is a warning, FAIL an error, and both say what to do."""
    key = dg.AssetKey("x")
    check = source_checks.failed_reads(connectors["reddit"], key, outcomes, n_days, n_refused)
    assert (check.description or "").startswith(f"{word}: ")
    assert check.passed is (word == "PASS")
    assert ("What to do: " in (check.description or "")) is not check.passed
    severity = dg.AssetCheckSeverity.WARN if word == "REVIEW" else dg.AssetCheckSeverity.ERROR
    assert check.severity is severity


@pytest.mark.parametrize(
    ("now", "before", "word"),
    [
        ({"a": 10}, {}, "PASS"),
        ({"a": 499, "b": 0}, {"a": 1000, "b": 9}, "REVIEW"),
        ({"a": 500, "b": 0}, {"a": 1000, "b": 9}, "PASS"),
        ({"a": 10}, {"a": 10, "b": 1}, "FAIL"),
    ],
)
def test_a_warehouse_that_lost_something_is_noticed(now: dict[str, int], before: dict[str, int], word: str) -> None:
    """A table of before that is gone, or that lost more than half of its rows; small ones may."""
    assert (published.whole(now, before).description or "").startswith(f"{word}: ")


def checks_of(lake: Lake, name: str) -> dict[str, str]:
    """What the checks of a table say when it is made by itself."""
    asset = table_asset(sqlfile.tables()[name], {})
    result = dg.materialize(
        [asset], resources={"lake": LakeResource(data_dir=str(lake.root))}, run_config=runs.QUIET, raise_on_error=False
    )
    return {e.check_name: e.description or "" for e in result.get_asset_check_evaluations()}


def test_votes_that_meet_no_result_are_noticed(tmp_path: Path) -> None:
    """FAIL where pages and results are different ones, PASS where they meet, REVIEW before there is anything."""
    there, elsewhere = [result(url=f"https://site{n}.example/", position=n) for n in (1, 2)], [seen(1, 5)]
    assert checks_of(made(fill(tmp_path / "a", elsewhere, there)), "serp_votes")["joined"].startswith(
        "FAIL: of 2 results"
    )
    met = [seen(1, 5, url="https://site1.example/")]
    assert checks_of(made(fill(tmp_path / "b", met, there)), "serp_votes")["joined"].startswith("PASS: ")
    assert checks_of(made(fill(tmp_path / "c")), "serp_votes")["joined"].startswith("REVIEW: no result lists yet")


def test_pages_that_are_never_found_are_noticed(tmp_path: Path) -> None:
    """REVIEW where most of the results are known only to be beyond the depth."""
    lists = [result(url=f"https://site{n}.example/", position=None, depth=10) for n in (1, 2)] + [result()]
    assert checks_of(made(fill(tmp_path / "a", [], lists)), "serp_results")["depth"].startswith("REVIEW: of 3 results")
    assert checks_of(made(fill(tmp_path / "b", [], lists[1:])), "serp_results")["depth"].startswith("PASS: ")


def test_a_broken_promise_fails_the_audit_and_keeps_the_table(tmp_path: Path) -> None:
    """The check says FAIL and which rows; the table of before stays."""
    lake = made(fill(tmp_path, [seen(1, 5)]))
    before = lake.table_path("stg_observations").read_bytes()
    table = sqlfile.tables()["stg_observations"]
    header = table.header.model_copy(update={"checks": {"never": "false"}})
    broken = dataclasses.replace(table, header=header)
    resources = {"lake": LakeResource(data_dir=str(lake.root))}
    run = dg.materialize([table_asset(broken, {})], resources=resources, run_config=runs.QUIET, raise_on_error=False)
    (audit,) = run.get_asset_check_evaluations()
    assert not run.success and "FAIL: stg_observations: 1 rows break the check 'never'" in (audit.description or "")
    assert lake.table_path("stg_observations").read_bytes() == before


def test_a_materialisation_says_what_changed(tmp_path: Path) -> None:
    """Rows now and before; new keywords by name; nothing is compared the first time."""
    told = []
    for more in ([], [result(keyword="boots")]):
        fill(tmp_path, [], [result(), *more])
        asset = table_asset(sqlfile.tables()["stg_rankings"], {})
        run = dg.materialize([asset], resources={"lake": LakeResource(data_dir=str(tmp_path))}, run_config=runs.QUIET)
        told.append({k: v.value for k, v in run.asset_materializations_for_node("stg_rankings")[0].metadata.items()})
    assert told[0]["rows_before"] == "unknown: made for the first time"
    assert (told[1]["dagster/row_count"], told[1]["rows_before"], told[1]["rows_change"]) == (2, 1, "+1")
    assert told[1]["what_changed"] == "- 1 keyword new: `boots`"
    types = {c.name: (c.type, bool(c.description)) for c in told[1]["dagster/column_schema"].columns}
    assert types["position"] == ("double", True) and types["is_found"] == ("bool", True)


def test_the_health_of_sources_is_drawn(tmp_path: Path) -> None:
    """A picture beside the table, without scripts."""
    lake = fill(tmp_path)
    row = Raw("https://a.example/", at(1), Status.FAILED, error="Unavailable: down")
    lake.write(part("raw", 1), raw_table([row]))
    asset = table_asset(sqlfile.tables()["source_health"], {})
    run = dg.materialize([asset], resources={"lake": LakeResource(data_dir=str(tmp_path))}, run_config=runs.QUIET)
    (event,) = run.asset_materializations_for_node("source_health")
    assert str(event.metadata["plot"].value).startswith("![source_health](data:image/png;base64,iVBOR")


def test_only_what_is_switched_on_is_expected_every_day(pointed: Path) -> None:
    """Freshness is asked of parsed readings of sources that are on, of the warehouse and of the report."""
    graph = build_defs(pointed).resolve_asset_graph()
    expected = {k.to_user_string() for k in graph.get_all_asset_keys() if graph.get(k).freshness_policy}
    assert {"warehouse", "report", "hatena/by_url/parsed"} <= expected
    assert not any(key.endswith("/raw") or key.startswith("lobsters/") for key in expected)


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


def test_after_a_range_of_days_comes_the_same_range() -> None:
    """A run over several days has no single one; its followers read the same days, and the analysis has none."""
    days = {jobs.RANGE_START: "2026-10-01", jobs.RANGE_END: "2026-10-09"}
    ranged, single = dg.DagsterRun("rankings", tags=days), dg.DagsterRun("rankings", tags={jobs.PARTITION: DAY})
    request = jobs.follow_up(jobs.VOTES, ranged)
    assert (request.partition_key, request.tags) == (None, days)
    assert jobs.follow_up(jobs.VOTES, single).partition_key == DAY
    assert jobs.follow_up(jobs.ANALYSIS, ranged).tags == {}


@pytest.mark.parametrize(
    ("when", "fires"),
    [
        (Schedule(), datetime(2026, 10, 14, 5, tzinfo=UTC)),
        (Schedule(time="06:30", timezone="Asia/Tokyo"), datetime(2026, 10, 15, 6, 30, tzinfo=ZoneInfo("Asia/Tokyo"))),
    ],
)
def test_the_schedule_asks_for_its_own_day(pointed: Path, when: Schedule, fires: datetime) -> None:
    """The daily schedule starts the first job at the project's time, for the day in UTC on which it fires."""
    more = f"timezone: {when.timezone}, hour: {when.hour}, minute: {when.minute}"
    (pointed / "project.yaml").write_text(f"schedule: {{{more}}}\n", encoding="utf-8")
    repository = build_defs(pointed).get_repository_def()
    schedule = repository.get_schedule_def("daily")
    assert (schedule.cron_schedule, schedule.execution_timezone) == (f"{when.minute} {when.hour} * * *", when.timezone)
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
