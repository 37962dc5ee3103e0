"""`tallyrank run` from end to end: real processes, the real sandbox, real files."""

from __future__ import annotations

import json
import random
import re
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pyarrow.parquet as pq
import pytest

from connectors.base import ask_in_batches, discover
from connectors.http import Http
from connectors.records import Raw, Status
from pipelines.demo import SHOWN
from tests import forked
from tests.conftest import TALLYRANK, environment_of

FIRST, LAST = "2026-10-12", "2026-10-13"
RUN = ["run", "--from", FIRST, "--to", LAST]
KILLS = 20


def contents(folder: Path) -> dict[str, list[str]]:
    """Every Parquet file of a lake by its path, as its rows in a fixed order."""
    return {
        str(path.relative_to(folder)): sorted(map(repr, pq.read_table(path, partitioning=None).to_pylist()))
        for path in sorted((folder / "lake").rglob("*.parquet"))
    }


def published(folder: Path) -> dict[str, list[str]]:
    """Every table of the warehouse as its rows in a fixed order."""
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as con:
        names = [row[0] for row in con.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
        return {name: sorted(map(repr, con.execute(f'FROM "{name}"').fetchall())) for name in names}


def few_sources(sandbox: str, data: Path) -> dict[str, str]:
    """Rankings, a source that discovers and refreshes posts, and one that reads totals."""
    off = {f"TALLYRANK_{n}_ENABLED": "false" for n in ("FACEBOOK", "INSTAGRAM", "PINTEREST", "YOUTUBE", "REDDIT")}
    return environment_of(sandbox, data) | off


@pytest.fixture(scope="module")
def undisturbed(_sandbox: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """A lake filled without interruption, and the seconds that took."""
    folder = tmp_path_factory.mktemp("undisturbed")
    started = time.monotonic()
    forked.tallyrank(RUN, few_sources(_sandbox[0], folder), folder).check_returncode()
    return folder, time.monotonic() - started


@pytest.mark.parametrize("seed", range(KILLS))
def test_a_killed_run_leaves_nothing_that_a_second_run_does_not_mend(
    seed: int, undisturbed: tuple[Path, float], sandbox: str, tmp_path: Path
) -> None:
    """Killed at a random moment and run again, the lake equals that of an undisturbed run, row for row."""
    reference, seconds = undisturbed
    environment = few_sources(sandbox, tmp_path)
    forked.tallyrank(RUN, environment, tmp_path, kill_after=random.Random(seed).uniform(0.05, 1.0) * seconds)
    again = forked.tallyrank(RUN, environment, tmp_path)
    assert again.returncode == 0, again.stderr
    assert contents(tmp_path) == contents(reference)
    assert published(tmp_path) == published(reference)
    assert not list(tmp_path.rglob("*.tmp-*"))


def test_reading_a_day_again_replaces_it_exactly(tallyrank: Any, tmp_path: Path) -> None:
    """The same days read twice give the same lake, row for row, from every source."""
    first = tallyrank("run", "--from", FIRST, "--to", LAST)
    assert first.returncode == 0, first.stderr
    before = contents(tmp_path / "data")
    assert tallyrank("run", "--day", LAST).returncode == 0
    assert contents(tmp_path / "data") == before
    assert {p.split("/")[2] for p in before if p.startswith("lake/observations")} >= {
        "connector=facebook", "connector=hackernews", "connector=hatena", "connector=pinterest", "connector=reddit",
        "connector=youtube",
    }  # fmt: skip


READER = """
import duckdb, json, pathlib, sys
path, stop, seen, n = sys.argv[1], pathlib.Path(sys.argv[2]), set(), 0
while not stop.exists():
    with duckdb.connect(path, read_only=True) as con:
        state = tuple(con.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in
                      ("stg_observations", "stg_rankings", "serp_results", "serp_votes", "source_health"))
        seen.add(state); n += 1
print(json.dumps({"reads": n, "seen": sorted(seen)}))
"""


def test_readers_never_wait_and_never_see_half_a_day(tallyrank: Any, tmp_path: Path) -> None:
    """While runs publish day after day, another process opens the warehouse in a loop: no error, only whole states."""
    data, stop = tmp_path / "data", tmp_path / "stop"
    states = []
    assert tallyrank("run", "--day", "2026-10-12").returncode == 0
    states.append(_state(data))
    command = [TALLYRANK[0], "-c", READER, str(data / "warehouse.duckdb"), str(stop)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as reader:
        for day in ("2026-10-13", "2026-10-14"):
            assert tallyrank("run", "--day", day).returncode == 0
            states.append(_state(data))
        stop.touch()
        out, err = reader.communicate(timeout=60)
    assert reader.returncode == 0, err
    found = json.loads(out)
    assert found["reads"] > 20
    assert {tuple(s) for s in found["seen"]} <= set(states)
    assert len(found["seen"]) > 1


def _state(data: Path) -> tuple[int, ...]:
    tables = ("stg_observations", "stg_rankings", "serp_results", "serp_votes", "source_health")
    with duckdb.connect(str(data / "warehouse.duckdb"), read_only=True) as con:
        return tuple(con.execute(f"SELECT count(*) FROM {t}").fetchall()[0][0] for t in tables)


def test_a_failing_source_fails_alone_and_first(tallyrank: Any, fault: Any, tmp_path: Path) -> None:
    """One platform down: its own step fails, the others publish, and command line and report name it first."""
    fault("hatena", "500")
    result = tallyrank("run", "--day", LAST)
    assert result.returncode == 1
    assert [line.partition(":")[0] for line in result.stderr.splitlines()] == ["failed read_hatena"]
    assert result.stderr.count("HTTP 500") == 1
    assert "Traceback" not in result.stderr
    report = (tmp_path / "data" / "report.html").read_text(encoding="utf-8")
    assert report.index("hatena / by_url") < report.index("What is known")
    with duckdb.connect(str(tmp_path / "data" / "warehouse.duckdb"), read_only=True) as con:
        votes = con.execute("SELECT count(*) FROM stg_observations WHERE platform = 'reddit' AND count > 0").fetchall()
        failed = con.execute("SELECT count(*), count(count) FROM stg_observations WHERE platform = 'hatena'").fetchall()
    assert votes[0][0] > 0
    assert failed[0][0] > 0 and failed[0][1] == 0


def test_a_renamed_field_is_told(tallyrank: Any, fault: Any, tmp_path: Path) -> None:
    """A field that vanished degrades its verb alone, and terminal and report say so instead of calling all well."""
    fault("hackernews", "rename:points")
    result = tallyrank("run", "--day", LAST)
    (line,) = result.stderr.splitlines()
    assert line.startswith("not all read: hackernews: ")
    assert "missing: has the source renamed a field?" in line
    report = (tmp_path / "data" / "report.html").read_text(encoding="utf-8")
    assert "has the source renamed a field?" in report
    with duckdb.connect(str(tmp_path / "data" / "warehouse.duckdb"), read_only=True) as con:
        query = (
            "SELECT verb, count(count) FROM stg_observations "
            "WHERE platform = 'hackernews' AND subject <> url_key GROUP BY 1"
        )
        known = dict(con.execute(query).fetchall())
    assert known["like"] == 0
    assert known["comment"] > 0


def test_a_live_counter_refuses_the_past(tallyrank: Any, sandbox: str) -> None:
    """A host without a clock can only be read today: told in one line beside sources that can be asked about the past,
    and a failure where it was named, or where there is nothing else.
    """
    live = {f"TALLYRANK_{n.upper()}_BASE_URL": f"{sandbox}/{LAST}/{n}" for n in ("hatena", "pinterest")}
    result = tallyrank("run", "--day", LAST, **live)
    assert (result.returncode, result.stderr) == (0, "asked about today only: hatena, pinterest\n")
    assert "reddit:" in result.stdout and "hatena:" not in result.stdout
    named = tallyrank("run", "--day", LAST, "--source", "hatena", **live)
    assert named.returncode == 1
    assert [line.partition(":")[0] for line in named.stderr.splitlines()] == ["failed read_hatena"]
    assert "can only be read live" in named.stderr
    off = {f"TALLYRANK_{n.upper()}_ENABLED": "false" for n in SHOWN - {"hatena", "pinterest"}}
    alone = tallyrank("run", "--day", LAST, **live, **off)
    assert alone.returncode == 1
    assert "asked about today only: hatena, pinterest; leave out --day, --from and --to" in alone.stderr
    assert "failed" not in alone.stderr


def test_a_run_of_named_sources_reads_them_alone(tallyrank: Any, tmp_path: Path) -> None:
    """Only what was named is read and told of, then all is published; a wrong name is answered by those like it."""
    assert tallyrank("run", "--day", LAST).returncode == 0
    result = tallyrank("run", "--day", "2026-10-14", "--source", "hatena", "--source", "reddit")
    assert result.returncode == 0, result.stderr
    read = {line.partition(":")[0] for line in result.stdout.splitlines() if " read, " in line}
    assert read == {"hatena", "reddit"}
    later = [p for p in contents(tmp_path / "data") if "day=2026-10-14" in p]
    assert {p.split("/")[2] for p in later} == {"connector=hatena", "connector=reddit"}
    assert "report:" in result.stdout
    unknown = tallyrank("run", "--source", "redit")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert unknown.stderr.startswith("tallyrank: no source is called 'redit'; did you mean reddit")
    off = tallyrank("run", "--source", "lobsters")
    assert (off.returncode, len(off.stderr.splitlines())) == (1, 1)
    assert "set TALLYRANK_LOBSTERS_ENABLED=true" in off.stderr
    keyless = tallyrank("run", "--source", "youtube", TALLYRANK_YOUTUBE_API_KEY="", TALLYRANK_YOUTUBE_TOKEN="")
    assert keyless.returncode == 1 and "TALLYRANK_YOUTUBE_API_KEY" in keyless.stderr


def test_a_run_tells_what_was_read(tallyrank: Any) -> None:
    """A line per source with rows and requests; a source with nothing to ask says what to set."""
    result = tallyrank("run", "--day", LAST, TALLYRANK_FEEDS_ENABLED="true", TALLYRANK_FEEDS_ADDRESSES="")
    assert (result.returncode, result.stderr) == (0, "")
    told = dict(line.split(": ", 1) for line in result.stdout.splitlines() if ": " in line)
    assert set(told) >= SHOWN
    assert re.fullmatch(r"[1-9]\d* rows read, [1-9]\d* requests?", told["hatena"])
    assert told["feeds"].startswith("nothing asked; name feeds in TALLYRANK_FEEDS_ADDRESSES")


class Offline(httpx.BaseTransport):
    """No name leads to an address, but for the first requests; counts what was tried."""

    def __init__(self, n_answered: int = 0) -> None:
        self.tried, self._n_answered = 0, n_answered

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """An answer, or what a connection raises when the resolver knows no address."""
        self.tried += 1
        if self.tried <= self._n_answered:
            return httpx.Response(200, json={})
        try:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        except socket.gaierror as error:
            raise httpx.ConnectError(str(error), request=request) from error


def read_offline(ask: Any, transport: Offline, path: str = "/x", **more: Any) -> list[Any]:
    """Nine questions to a host without an address, one after the other; the rows."""
    question = ask(discover()["hatena"], concurrency=1, retries=4)
    with Http("hatena", question, transport=transport, sleep=lambda _: None, **more) as http:

        def answer(urls: list[str]) -> list[Raw]:
            http.get(path)
            return [Raw(url, question.observed_at, url=url) for url in urls]

        return list(ask_in_batches(question, [f"https://a.example/{n}" for n in range(9)], 1, answer))


def test_offline_a_source_is_asked_once_and_once_more(ask: Any) -> None:
    """A host whose name leads nowhere is not asked about the other pages; the words ask whether you are online."""
    transport = Offline()
    rows = read_offline(ask, transport)
    assert transport.tried == 2
    assert {row.error for row in rows} == {"Unavailable: host not found: 127.0.0.1; are you online?"}


def test_a_resolver_that_fails_later_is_an_outage_like_any_other(ask: Any) -> None:
    """A host that answered before, and one of several hosts, get all their tries: the trouble may be gone."""
    later = Offline(n_answered=2)
    rows = read_offline(ask, later)
    assert [row.status for row in rows[:3]] == [Status.OBSERVED, Status.OBSERVED, Status.FAILED]
    assert later.tried == 2 + 3 * 5
    other = Offline()
    read_offline(ask, other, base_url="http://other.example")
    assert other.tried == 3 * 5


def test_a_run_can_be_stopped(sandbox: str, tmp_path: Path) -> None:
    """Ctrl-C ends the run at once, with one line and exit code 130; nothing is published after it."""
    environment = environment_of(sandbox, tmp_path) | {"TALLYRANK_HATENA_REQUESTS_PER_SECOND": "0.01"}
    command = [*TALLYRANK, "run", "--from", FIRST, "--to", LAST]
    with subprocess.Popen(command, env=environment, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as run:
        while not (tmp_path / "lake" / "raw" / "connector=hackernews").exists():
            assert run.poll() is None
        run.send_signal(signal.SIGINT)
        _, errors = run.communicate(timeout=60)
    assert run.returncode == 130
    assert "stopped" in errors.splitlines()[-1]
    assert not (tmp_path / "warehouse.duckdb").exists()
