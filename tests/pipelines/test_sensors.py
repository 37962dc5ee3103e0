"""What Dagster starts by itself: imports from the inbox, mail, alerts; each without a traceback when nothing is set."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from aiosmtpd.controller import Controller

from pipelines import runs
from pipelines.defs import inbox, jobs, mails
from pipelines.defs.resources import LakeResource
from pipelines.files import dropped
from pipelines.lake import Lake
from pipelines.project import Project, Subscription

DAY = date(2026, 11, 20)
VOTES = "url,platform,verb,observed_at,count\nhttps://a.example/,reddit,like,2026-11-01,3\n"
CRAWL = "Address,Status Code,Indexability,Crawl Depth\nhttps://a.example/,200,Indexable,2\n"
RANKINGS = "keyword,url,position,ranked_at\nshoes,https://a.example/,1,2026-11-01\n"


def drop(data: Path, name: str, text: str = VOTES) -> Path:
    """A file in the inbox."""
    path = data / dropped.FOLDER / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def lying(data: Path) -> set[str]:
    """All files below the inbox."""
    root = data / dropped.FOLDER
    return {p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()}


def rows(data: Path, layer: str) -> int:
    """Rows of a layer of the lake."""
    lake = Lake(data)
    return int(lake.query(lake.parts(layer), layer, "SELECT count(*) FROM parts")[0][0])


@pytest.mark.parametrize(
    ("name", "text", "layer"),
    [
        ("any.csv", VOTES, "observations"),
        ("any.csv", RANKINGS, "rankings"),
        ("covariates/any.csv", "url,links\nhttps://a.example/,7\n", "covariates"),
        ("votes/any.csv", VOTES, "observations"),
    ],
)
def test_a_dropped_file_is_imported_and_moved_away(tmp_path: Path, name: str, text: str, layer: str) -> None:
    """Its kind is told by its columns or by its folder; a note beside it says what was read."""
    drop(tmp_path, name, text)
    taken = dropped.take(tmp_path, name, DAY)
    assert taken is not None and taken.is_new and taken.place == "inbox/done/2026-11-20/any.csv"
    assert lying(tmp_path) == {"done/2026-11-20/any.csv", "done/2026-11-20/any.csv.txt"}
    assert "kept" in (tmp_path / f"{taken.place}.txt").read_text(encoding="utf-8")
    assert rows(tmp_path, layer) == 1


def test_the_export_of_a_tool_is_recognised(tmp_path: Path) -> None:
    """A format that is known decides the kind, and nobody has to agree."""
    drop(tmp_path, "crawl.csv", CRAWL)
    taken = dropped.take(tmp_path, "crawl.csv", DAY)
    assert taken is not None and taken.kind == "covariates" and taken.kept is not None
    assert "Screaming Frog" in (tmp_path / f"{taken.place}.txt").read_text(encoding="utf-8")
    drop(tmp_path, "votes/crawl.csv", CRAWL)
    refused = dropped.take(tmp_path, "votes/crawl.csv", DAY)
    assert refused is not None and refused.is_refused and "which holds covariates" in refused.told


def test_the_same_file_twice_changes_nothing(tmp_path: Path) -> None:
    """The second is moved beside the first under a name of its own, and is no news."""
    for n in range(2):
        drop(tmp_path, "a.csv")
        taken = dropped.take(tmp_path, "a.csv", DAY)
        assert taken is not None and taken.is_new is (n == 0)
    assert rows(tmp_path, "observations") == 1
    assert {"done/2026-11-20/a.csv", "done/2026-11-20/a (2).csv"} <= lying(tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no.csv"),
        ("foo,bar\n1,2\n", "put it into one of inbox/votes"),
        ("url,platform,verb,observed_at,count\nnone,reddit,like,never,x\n", "cannot be used"),
        ("\x00\x01\x02", "no.csv"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_words(tmp_path: Path, text: str, words: str) -> None:
    """It leaves the inbox, the note says why, and nothing is in the lake."""
    drop(tmp_path, "no.csv", text)
    taken = dropped.take(tmp_path, "no.csv", DAY)
    assert taken is not None and taken.is_refused and words in taken.told
    assert lying(tmp_path) == {"refused/2026-11-20/no.csv", "refused/2026-11-20/no.csv.txt"}
    assert str(tmp_path) not in taken.told
    assert not (tmp_path / "lake").exists()


def test_only_whole_files_of_people_are_seen(tmp_path: Path) -> None:
    """Hidden and temporary names, links and what was dealt with are passed over."""
    for name in (".DS_Store", "~$a.xlsx", "a.csv.part", "b.crdownload", "c.csv~", "done/x.csv", "refused/y.csv"):
        drop(tmp_path, name)
    seen = drop(tmp_path, "rankings/a.csv", RANKINGS)
    (tmp_path / dropped.FOLDER / "link.csv").symlink_to(seen)
    assert list(dropped.waiting(tmp_path)) == ["rankings/a.csv"]
    assert dropped.take(tmp_path, "../keywords.txt", DAY) is None


def look(data: Path, instance: dg.DagsterInstance, cursor: str | None = None) -> tuple[Any, str]:
    """One tick of the inbox's sensor, and its cursor after it."""
    context = dg.build_sensor_context(instance, cursor=cursor, resources={"lake": LakeResource(data_dir=str(data))})
    return inbox.inbox(context), str(context.cursor)


def test_a_file_is_taken_once_it_lies_still(tmp_path: Path) -> None:
    """Not at first sight and not while it grows; then one run for all that lie still."""
    with runs._instance(tmp_path) as instance:
        first, cursor = look(tmp_path, instance)
        assert isinstance(first, dg.SkipReason) and "no file in the inbox" in str(first)
        path = drop(tmp_path, "a.csv")
        sight, cursor = look(tmp_path, instance, cursor)
        assert isinstance(sight, dg.SkipReason)
        path.write_text(VOTES * 2, encoding="utf-8")
        grown, cursor = look(tmp_path, instance, cursor)
        assert isinstance(grown, dg.SkipReason)
        request, _ = look(tmp_path, instance, cursor)
        assert request.run_config["ops"]["import_files"]["config"] == {"files": ["a.csv"]}


def imported(data: Path, instance: dg.DagsterInstance, files: list[str] | None = None, **more: Any) -> Any:
    """A run of the import, with the default form or with some files."""
    given = {"run_config": dg.RunConfig(ops={"import_files": inbox.Files(files=files)})} if files else {}
    resources = {"lake": LakeResource(data_dir=str(data))}
    return inbox.import_inbox.execute_in_process(
        instance=instance, resources=resources, raise_on_error=False, **given, **more
    )


def test_the_run_shows_what_was_read_and_fails_for_what_was_refused(tmp_path: Path) -> None:
    """Good files are imported beside a broken one, which is named in the failure; the next run finds nothing to do."""
    drop(tmp_path, "a.csv", VOTES + "none,reddit,like,2026-11-01,x\n")
    drop(tmp_path, "b.csv", "foo\n1\n")
    with runs._instance(tmp_path) as instance:
        result = imported(tmp_path, instance)
        (step,) = [e for e in result.all_events if e.event_type == dg.DagsterEventType.STEP_FAILURE]
        said = step.step_failure_data.user_failure_data
        assert said.description.startswith("b.csv was not imported: ")
        assert "| `a.csv` | votes | 1 | 1 | `inbox/done/" in said.metadata["files"].value
        assert instance.get_run_by_id(result.run_id).tags[jobs.NEWS] == "1"
        again = imported(tmp_path, instance)
        assert again.success and instance.get_run_by_id(again.run_id).tags[jobs.NEWS] == "0"


def test_a_file_whose_runs_are_cut_short_is_not_tried_for_ever(tmp_path: Path) -> None:
    """After three runs that ended before it was moved, the sensor says so and starts no more."""
    drop(tmp_path, "a.csv")
    with runs._instance(tmp_path) as instance:
        _, cursor = look(tmp_path, instance)
        keys = set()
        for _ in range(inbox.MOST_TRIES):
            request, cursor = look(tmp_path, instance, cursor)
            keys.add(request.run_key)
            run = instance.create_run_for_job(inbox.import_inbox, tags=request.tags)
            under_way, cursor = look(tmp_path, instance, cursor)
            assert isinstance(under_way, dg.SkipReason) and "under way" in str(under_way)
            instance.report_run_failed(run, "killed")
        assert len(keys) == inbox.MOST_TRIES
        over, _ = look(tmp_path, instance, cursor)
        assert isinstance(over, dg.SkipReason) and "a.csv: 3 runs ended" in str(over)


def subscribed(data: Path) -> Project:
    """A data folder whose project has one subscription."""
    data.mkdir(exist_ok=True)
    (data / "project.yaml").write_text("subscriptions: [{name: me, to: [me@example.com]}]\n", encoding="utf-8")
    return Project(subscriptions=(Subscription(name="me", to=("me@example.com",)),))


def sensor(name: str, data: Path, project: Project, instance: dg.DagsterInstance, cursor: str | None = None) -> Any:
    """One tick of a mail sensor, and its cursor after it."""
    (found,) = (s for s in mails.sensors(project) if s.name == name)
    context = dg.build_sensor_context(instance, cursor=cursor, resources={"lake": LakeResource(data_dir=str(data))})
    return found(context).skip_message, context.cursor


@pytest.mark.parametrize("name", ["mail", "alerts"])
def test_without_subscriptions_or_server_the_sensors_say_what_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Switched off where nobody is subscribed; never a traceback."""
    monkeypatch.delenv("TALLYRANK_MAIL_HOST", raising=False)
    (found,) = (s for s in mails.sensors(Project()) if s.name == name)
    assert found.default_status is dg.DefaultSensorStatus.STOPPED
    with runs._instance(tmp_path) as instance:
        assert "subscriptions" in sensor(name, tmp_path, Project(), instance)[0]
        project = subscribed(tmp_path)
        (found,) = (s for s in mails.sensors(project) if s.name == name)
        assert found.default_status is dg.DefaultSensorStatus.RUNNING
        failed_run(tmp_path, instance)
        told, cursor = sensor(name, tmp_path, project, instance)
        if name == "alerts":
            assert "TALLYRANK_MAIL_HOST" in told and cursor is None  # it stays new until it can be told


@dg.asset(check_specs=[dg.AssetCheckSpec(name, asset="made") for name in ("bad", "doubtful", "good")])
def made() -> Any:
    """An asset whose run ends well although one of its checks fails."""
    yield dg.MaterializeResult()
    yield dg.AssetCheckResult(check_name="bad", passed=False, description="FAIL: half of it\nis gone")
    yield dg.AssetCheckResult(check_name="doubtful", passed=False, severity=dg.AssetCheckSeverity.WARN)
    yield dg.AssetCheckResult(check_name="good", passed=True)


@dg.op
def break_down() -> None:
    """A step that fails in words."""
    raise dg.Failure(description="reddit: the token is expired")


@dg.job
def broken() -> None:
    """A job that fails."""
    break_down()


def failed_run(data: Path, instance: dg.DagsterInstance, **tags: str) -> str:
    """A run that failed."""
    return str(broken.execute_in_process(instance=instance, raise_on_error=False, tags=tags).run_id)


def test_failed_runs_and_failed_checks_are_told_once_and_together(tmp_path: Path) -> None:
    """A check that fails in a run that ends well is told too, REVIEW is not; nor are runs started by hand."""
    with runs._instance(tmp_path) as instance:
        dg.materialize([made], instance=instance)
        failed_run(tmp_path, instance)
        failed_run(tmp_path, instance, **{jobs.BY_HAND: "me"})
        now = datetime.now(UTC)
        found, cursor = mails.ended_runs(instance, {}, now)
        lines = [line for run in found for line in mails._lines(instance, run)]
        assert sorted(lines) == [
            "Check failed: made · bad: FAIL: half of it is gone",
            "Run failed: broken: break_down: reddit: the token is expired",
        ]
        assert mails.subject(lines) == "1 run and 1 check failed"
        assert mails.ended_runs(instance, cursor, now)[0] == []
        failed_run(tmp_path, instance)
        assert len(mails.ended_runs(instance, json.loads(json.dumps(cursor)), now)[0]) == 1


class Box:
    """Takes mail over, or says that it cannot just now."""

    def __init__(self) -> None:
        self.mails: list[str] = []
        self.is_busy = False

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        """What SMTP calls when a mail is handed over."""
        if self.is_busy:
            return "451 busy, come back later"
        self.mails.append(envelope.content.decode())
        return "250 taken"


@pytest.fixture
def box(monkeypatch: pytest.MonkeyPatch) -> Iterator[Box]:
    """A mail server on loopback, named by the settings."""
    taken = Box()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = Controller(taken, hostname="127.0.0.1", port=port)
    server.start()
    settings = {"HOST": "127.0.0.1", "PORT": str(port), "SECURITY": "none", "FROM": "t@example.com", "RETRIES": "0"}
    for name, value in settings.items():
        monkeypatch.setenv(f"TALLYRANK_MAIL_{name}", value)
    yield taken
    server.stop()


def test_an_alert_is_mailed_once(tmp_path: Path, box: Box) -> None:
    """One mail about a failed run and a failed check together; the next look has nothing new."""
    project = subscribed(tmp_path)
    with runs._instance(tmp_path) as instance:
        dg.materialize([made], instance=instance)
        failed_run(tmp_path, instance)
        told, cursor = sensor("alerts", tmp_path, project, instance)
        assert told == "1 run and 1 check failed"
        again, _ = sensor("alerts", tmp_path, project, instance, cursor)
        assert again == "nothing failed since the last look"
    (mail,) = box.mails
    assert "reddit: the token is expired" in mail and "FAIL: half of it is gone" in mail


def test_an_alert_that_was_not_taken_is_kept(tmp_path: Path, box: Box) -> None:
    """What the server puts off stays in the cursor until it is taken; it is not handed over twice at once."""
    project, box.is_busy = subscribed(tmp_path), True
    with runs._instance(tmp_path) as instance:
        failed_run(tmp_path, instance)
        _, cursor = sensor("alerts", tmp_path, project, instance)
        (kept,) = json.loads(cursor)["waiting"]
        assert box.mails == [] and kept["subject"] == "1 run failed"
        box.is_busy = False
        _, cursor = sensor("alerts", tmp_path, project, instance, cursor)
        assert json.loads(cursor)["waiting"] == [kept]  # the ledger waits some minutes before it tries again


def test_old_failures_are_not_told_when_mail_is_set_up(tmp_path: Path) -> None:
    """Whoever subscribes is not flooded with the past."""
    with runs._instance(tmp_path) as instance:
        failed_run(tmp_path, instance)
        assert mails.ended_runs(instance, {}, datetime.now(UTC) + 2 * mails.OLDEST)[0] == []
