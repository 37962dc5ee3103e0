"""The pace of a source: evenly spaced turns, kept by threads, connectors and processes together."""

from __future__ import annotations

import json
import shutil
import stat
import tempfile
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from filelock import FileLock
from pydantic import SecretStr

from connectors import pace as pacing
from connectors.base import Ask
from connectors.http import Http
from connectors.pace import LONGEST_PAUSE_SECONDS, MARGIN, Pace, folder
from tests.benchmarks.paced import Trial, run_trial
from tests.conftest import DAY

GAP = 10 * (1 + MARGIN)  # at one request in ten seconds
OF = ("source", "source.example", "s3cr3t-do-not-show")


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder of its own: nothing that other tests have paced is met."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def slept() -> list[float]:
    """Where the sleeps are written down."""
    return []


@pytest.fixture
def sleeping(monkeypatch: pytest.MonkeyPatch, slept: list[float]) -> Iterator[list[float]]:
    """Every pace sleeps only in writing, also one that shares its file."""
    monkeypatch.setattr(time, "sleep", slept.append)
    yield slept


def shared(per_second: float = 0.1, of: tuple[str, ...] = OF) -> Pace:
    """A pace that shares its turns; the sleep is that of `time`, whatever that is by now."""
    return Pace(per_second, time.sleep, of=of)


class TestAlone:
    """Turns are evenly spaced, across threads, and a pause holds for everybody."""

    def test_even_spacing(self, slept: list[float]) -> None:
        """The first goes at once, the n-th waits n gaps from the first, less what has passed by itself."""
        pace, began = Pace(0.1, slept.append), time.monotonic()
        for _ in range(5):
            pace.wait()
        passed = time.monotonic() - began
        assert len(slept) == 4
        assert all(n * GAP - passed <= seconds <= n * GAP for n, seconds in enumerate(slept, start=1))

    def test_late_callers_do_not_wait(self, slept: list[float]) -> None:
        """Whoever comes after the gap has passed goes at once, and unused turns are not saved up."""
        pace = Pace(1e6, slept.append)
        pace.wait()
        time.sleep(0.001)
        pace.wait()
        assert slept == []

    def test_one_pace_for_all_threads(self) -> None:
        """Turns of many threads are one gap apart, each given once."""
        turns: list[float] = []
        pace = Pace(0.1, lambda seconds: turns.append(time.monotonic() + seconds))

        def ask_often() -> None:
            for _ in range(5):
                pace.wait()

        threads = [threading.Thread(target=ask_often) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        turns.sort()
        assert len(turns) == 39
        assert all(abs(b - a - GAP) < 1 for a, b in pairwise(turns))

    def test_a_pause_delays_the_next(self, slept: list[float]) -> None:
        """After pause(30) the next caller waits 30 seconds; a shorter pause does not shorten it."""
        pace = Pace(1000, slept.append)
        pace.pause(30)
        pace.pause(3)
        pace.wait()
        assert slept == [pytest.approx(30, abs=1)]

    def test_a_pause_holds_those_who_wait_already(self) -> None:
        """Who sleeps until a turn when a pause is said takes a new turn after the pause."""
        slept: list[float] = []

        def sleep(seconds: float) -> None:
            slept.append(seconds)
            if len(slept) == 1:
                pace.pause(60)

        pace = Pace(0.1, sleep)
        pace.wait()
        pace.wait()
        assert slept == [pytest.approx(GAP, abs=1), pytest.approx(60, abs=1)]

    def test_no_pause_is_longer_than_an_hour(self, slept: list[float]) -> None:
        """A source that asks for a day is asked again after an hour."""
        pace = Pace(0.1, slept.append)
        pace.pause(86_400)
        pace.wait()
        assert slept == [pytest.approx(LONGEST_PAUSE_SECONDS, abs=1)]


class TestTogether:
    """All that name the same source, host and credential share their turns through a file."""

    def test_turns_are_shared(self, sleeping: list[float]) -> None:
        """Two paces of the same name take turns; another host or another key has a pace of its own."""
        first, second = shared(), shared()
        first.wait()
        second.wait()
        first.wait()
        shared(of=(*OF[:2], "another key")).wait()
        shared(of=(OF[0], "another.example", OF[2])).wait()
        assert sleeping == [pytest.approx(GAP, abs=1), pytest.approx(2 * GAP, abs=1)]

    def test_a_pause_is_shared(self, sleeping: list[float]) -> None:
        """What a platform asked one connector to wait, another waits too."""
        shared().pause(300)
        shared().wait()
        assert sleeping == [pytest.approx(300, abs=1)]

    def test_a_real_pause_holds_sleepers_of_other_paces(self) -> None:
        """A caller asleep in one pace when another pace is paused sends nothing before the pause ends."""
        sleeper, other = shared(1), shared(1)
        sent: list[float] = []

        def send() -> None:
            sleeper.wait()
            sent.append(time.monotonic())

        sleeper.wait()
        thread = threading.Thread(target=send)
        thread.start()
        time.sleep(0.05)
        until = time.monotonic() + 1.3
        other.pause(1.3)
        thread.join()
        assert sent[0] >= until

    def test_no_key_shows(self, temporary: Path) -> None:
        """Neither names nor contents of the files hold what the pace is of, and nobody else may enter the folder."""
        shared().wait()
        files = [path for path in temporary.rglob("*") if path.is_file()]
        assert files
        seen = "".join(f"{path} {path.read_text()}" for path in files)
        assert not any(word in seen for word in OF)
        assert stat.S_IMODE(folder().stat().st_mode) == stat.S_IMODE(folder().parent.stat().st_mode) == 0o700

    def test_an_open_folder_is_closed(self, temporary: Path) -> None:
        """A folder of ours that others may enter is closed to them."""
        folder().parent.chmod(0o777)
        shared().wait()
        assert stat.S_IMODE(folder().parent.stat().st_mode) == 0o700

    def test_quick_paces_need_no_file(self, temporary: Path) -> None:
        """From a thousand a second on, and where nothing is named, no file is made."""
        Pace(1000, of=OF).wait()
        Pace(10).wait()
        assert list(temporary.iterdir()) == []


class TestTrouble:
    """A file that says nothing sensible delays nobody."""

    def written(self, **state: Any) -> None:
        """Replace what the file of turns says."""
        shared().wait()
        [path] = (p for p in folder().iterdir() if p.suffix != ".lock")
        known = json.loads(path.read_text()) | state
        path.write_text(json.dumps(known))

    def test_an_earlier_start_of_the_machine(self, sleeping: list[float]) -> None:
        """The clock begins anew at a restart: what was written before is passed over."""
        self.written(boot="another", next_at=time.monotonic() + 500)
        shared().wait()
        assert sleeping == []

    @pytest.mark.parametrize("name", ["next_at", "held_until"])
    @pytest.mark.parametrize("moment", [1e12, float("inf"), float("nan")])
    def test_a_clock_that_differs(self, name: str, moment: float, sleeping: list[float]) -> None:
        """A turn further ahead than any queue reaches is passed over."""
        self.written(**{"next_at": 0.0, name: moment})
        shared().wait()
        assert sleeping == []

    @pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"boot": "x"}', "\x00\x01", "x" * 999])
    def test_a_damaged_file(self, text: str, sleeping: list[float]) -> None:
        """Half a file is as good as none, and is mended by the next turn."""
        self.written()
        [path] = (p for p in folder().iterdir() if p.suffix != ".lock")
        path.write_text(text)
        shared().wait()
        shared().wait()
        assert sleeping == [pytest.approx(GAP, abs=1)]

    def test_a_file_that_vanishes(self, sleeping: list[float]) -> None:
        """What a cleaner of temporary files takes away is made anew."""
        pace = shared()
        pace.wait()
        shutil.rmtree(folder().parent)
        pace.wait()
        pace.wait()
        assert sleeping == [pytest.approx(GAP, abs=1)]

    def test_a_folder_that_cannot_be_made(
        self, temporary: Path, sleeping: list[float], caplog: pytest.LogCaptureFixture
    ) -> None:
        """Where something else stands in its place each process keeps the pace alone, and says so once."""
        folder().rmdir()
        folder_of_us = temporary / folder().parent.name
        folder().rmdir()
        folder_of_us.rmdir()
        folder_of_us.write_text("in the way")
        pace = shared()
        for _ in range(3):
            pace.wait()
        assert sleeping == [pytest.approx(GAP, abs=1), pytest.approx(2 * GAP, abs=1)]
        assert len([r for r in caplog.records if r.levelname == "WARNING"]) == 1

    def test_a_folder_of_somebody_else(
        self, temporary: Path, sleeping: list[float], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A link that somebody laid in the public folder is not followed."""
        elsewhere = temporary / "elsewhere"
        elsewhere.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(temporary / "public"))
        (temporary / "public").mkdir()
        name = folder().parent
        folder().rmdir()
        name.rmdir()
        name.symlink_to(elsewhere)
        shared().wait()
        assert list(elsewhere.iterdir()) == []

    def test_a_lock_that_is_never_given_back(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Who stopped while holding the lock stops nobody else for long: those keep the pace alone, and say so."""
        monkeypatch.setattr(pacing, "LOCK_SECONDS", 0.01)
        shared().wait()
        [lock] = folder().glob("*.lock")
        with FileLock(lock):
            thread = threading.Thread(target=shared().wait)
            thread.start()
            thread.join()
        assert [r.levelname for r in caplog.records if r.name == pacing.__name__] == ["WARNING"]


def test_connectors_share_by_source_host_and_key(sleeping: list[float]) -> None:
    """Clients of one source, host and key take turns, whatever thread or partition made them; others do not wait."""

    def client(source: str, host: str, key: str) -> Http:
        known = {"requests_per_second": 0.1, "retries": 0, "retry_wait_seconds": 0.0, "timeout_seconds": 5.0}
        known |= {"url_for": lambda day: f"https://{host}/api", "token": SecretStr(key)}  # type: ignore[dict-item]
        return Http(source, Ask(SimpleNamespace(**known), DAY, None), sleep=time.sleep)  # type: ignore[arg-type]

    for of in (("a", "h", "k"), ("a", "h", "k"), ("b", "h", "k"), ("a", "g", "k"), ("a", "h", "l")):
        client(*of)._pace.wait()
    assert sleeping == [pytest.approx(GAP, abs=1)]


def test_an_allowance_is_used_and_never_overdrawn() -> None:
    """Four processes, several threads and connectors, many partitions: 95 % of every allowance, not one refusal."""
    results = run_trial(Trial(window_seconds=5.0, seconds=11.0, allowed=(150, 100, 50)))
    assert {r.connector for r in results} == {"c0", "c1", "c2"}
    for result in results:
        assert result.refused == 0
        assert result.share >= 0.95
