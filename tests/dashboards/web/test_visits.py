"""Sessions and attempts: counted before they are looked at, shared by workers, forgotten in time."""

from __future__ import annotations

import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import TallyrankError
from dashboards.web.visits import FORGOTTEN_AFTER, HOURS, OF_ALL, OF_AN_ADDRESS, Limit, Visits

HERE, THERE = "198.51.100.7", "203.0.113.9"


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Some moment."""
    return Clock()


@pytest.fixture
def visits(tmp_path: Path, clock: Clock) -> Visits:
    """An empty file."""
    return Visits(tmp_path / "web", clock)


def test_waits_double_after_the_free_attempts(visits: Visits, clock: Clock) -> None:
    """Five attempts are free, then 2, 4, 8 … seconds, at most fifteen minutes."""
    assert [visits.attempt(HERE) for _ in range(5)] == [0] * 5
    waits = []
    for _ in range(11):
        waits.append(visits.attempt(HERE))
        clock.now += waits[-1]
        assert visits.attempt(HERE) == 0
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]


def test_waiting_is_not_counted(visits: Visits, clock: Clock) -> None:
    """Whoever asks too early waits no longer for it."""
    for _ in range(5):
        visits.attempt(HERE)
    assert [visits.attempt(HERE) for _ in range(20)] == [2] * 20
    clock.now += 2
    assert visits.attempt(HERE) == 0


def test_addresses_wait_by_themselves_and_are_forgotten(visits: Visits, clock: Clock) -> None:
    """One address's attempts stop no other, and after an hour they are forgotten."""
    for _ in range(5):
        visits.attempt(HERE)
    assert visits.attempt(HERE) > 0
    assert visits.attempt(THERE) == 0
    clock.now += FORGOTTEN_AFTER + 1
    assert [visits.attempt(HERE) for _ in range(5)] == [0] * 5


def test_many_addresses_together_are_slowed(visits: Visits, clock: Clock) -> None:
    """After fifty attempts from anywhere in an hour everyone waits, at most half a minute."""
    assert [visits.attempt(f"198.51.{n}.1") for n in range(50)] == [0] * 50
    assert visits.attempt(THERE) == 2
    for n in range(50, 60):
        clock.now += 30
        assert visits.attempt(f"198.51.{n}.1") == 0
    assert visits.attempt(THERE) == 30


@pytest.mark.parametrize(
    ("one", "other", "are_same"),
    [
        ("2001:db8::1", "2001:db8::2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:198.51.100.7", HERE, True),
        ("::ffff:198.51.100.7", "::ffff:203.0.113.9", False),
        ("nonsense", None, True),
    ],
)
def test_who_counts_as_one(visits: Visits, one: str, other: str | None, are_same: bool) -> None:
    """A /64 of IPv6 is one visitor; IPv4 written as IPv6 is IPv4."""
    for _ in range(5):
        visits.attempt(one)
    assert (visits.attempt(other) > 0) is are_same


def test_attempts_at_once_do_not_slip_through(tmp_path: Path, clock: Clock) -> None:
    """Of forty attempts at the same moment, in several workers, five get through."""
    workers = [Visits(tmp_path / "web", clock) for _ in range(4)]
    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(lambda n: workers[n % 4].attempt(HERE), range(40)))
    assert waits.count(0) == 5


def test_success_forgets_the_attempts_of_this_address(visits: Visits) -> None:
    """Who got in may mistype five times again; others' attempts stay counted."""
    for address in (HERE, THERE):
        for _ in range(5):
            visits.attempt(address)
    visits.welcome(HERE, "mark")
    assert visits.attempt(HERE) == 0
    assert visits.attempt(THERE) > 0


def test_a_session_lasts_twelve_hours_in_every_worker(visits: Visits, clock: Clock, tmp_path: Path) -> None:
    """A token opens in all workers, under its password, for twelve hours."""
    token, other = visits.welcome(HERE, "mark"), Visits(tmp_path / "web", clock)
    assert other.is_in(token, "mark")
    assert not other.is_in(token, "another password")
    assert not other.is_in(token, "")
    assert not other.is_in(None, "mark")
    assert not other.is_in(f"{token}x", "mark")
    clock.now += HOURS * 3_600 - 1
    assert other.is_in(token, "mark")
    clock.now += 1
    assert not other.is_in(token, "mark")


def test_leaving_ends_this_session_alone(visits: Visits) -> None:
    """The token left opens nothing; another goes on."""
    mine, yours = visits.welcome(HERE, "mark"), visits.welcome(THERE, "mark")
    visits.leave(mine)
    visits.leave(None)
    assert (visits.is_in(mine, "mark"), visits.is_in(yours, "mark")) == (False, True)


def test_the_file_helps_nobody_in(visits: Visits, tmp_path: Path) -> None:
    """The file holds no token, and only its owner can read it."""
    token = visits.welcome(HERE, "mark")
    path = tmp_path / "web" / "visits.sqlite"
    assert token.encode() not in path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_old_sessions_are_swept(visits: Visits, clock: Clock, tmp_path: Path) -> None:
    """Sessions that are over, or of an earlier password, are not kept."""
    visits.welcome(HERE, "earlier")
    visits.welcome(HERE, "mark")
    clock.now += HOURS * 3_600 + 1
    visits.welcome(HERE, "mark")
    with sqlite3.connect(tmp_path / "web" / "visits.sqlite") as con:
        assert con.execute("SELECT count(*) FROM sessions").fetchone() == (1,)


def test_a_file_that_is_none_is_said(tmp_path: Path) -> None:
    """A broken file is an error in words, at the start."""
    (tmp_path / "visits.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(TallyrankError, match=r"visits\.sqlite cannot be written"):
        Visits(tmp_path)


@given(st.sampled_from([OF_AN_ADDRESS, OF_ALL]), st.integers(0, 10_000), st.floats(0, 1e10), st.floats(0, 1e10))
def test_nobody_waits_for_ever(limit: Limit, n: int, last_at: float, now: float) -> None:
    """Whatever the clock does, the wait has an end, and more attempts never make it shorter."""
    wait = limit.wait(n, last_at, now)
    assert 0 <= wait <= limit.longest
    assert limit.wait(n + 1, last_at, now) >= wait
