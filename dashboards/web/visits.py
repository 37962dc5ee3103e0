"""Who is signed in, and how often others have tried: a small SQLite file that all workers share.

Attempts are counted before a password is looked at, so many at once cannot slip through, and an attempt that must wait
is not counted: whoever has the password gets in again by waiting.
"""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from connectors.errors import TallyrankError
from dashboards.web.password import folder_of_its_own

HOURS = 12
FORGOTTEN_AFTER = 3_600.0  # seconds
TABLES = """
    CREATE TABLE IF NOT EXISTS attempts (address TEXT NOT NULL, at REAL NOT NULL);
    CREATE INDEX IF NOT EXISTS attempts_by_address ON attempts (address, at);
    CREATE TABLE IF NOT EXISTS sessions (token TEXT PRIMARY KEY, mark TEXT NOT NULL, until REAL NOT NULL);
"""


@dataclass(frozen=True)
class Limit:
    """So many attempts an hour are free; then each waits twice as long as the one before, at most `longest` seconds."""

    n_free: int
    longest: float

    def wait(self, n_attempts: int, last_at: float, now: float) -> float:
        """Seconds until the next attempt may be made."""
        if n_attempts < self.n_free:
            return 0.0
        pause = min(self.longest, 2.0 ** min(n_attempts - self.n_free + 1, 30))
        return min(pause, max(0.0, last_at + pause - now))  # a clock that went back locks nobody out


OF_AN_ADDRESS, OF_ALL = Limit(5, 900.0), Limit(50, 30.0)


class Visits:
    """Sessions and attempts below a folder. `clock` gives seconds since 1970."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._path, self._clock = folder_of_its_own(folder) / "visits.sqlite", clock
        try:
            self._path.touch(mode=0o600)
            with self._open() as con:
                con.executescript(TABLES)
        except (OSError, sqlite3.Error) as error:
            raise TallyrankError(f"{self._path} cannot be written: {error}") from None

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A connection of its own for each question: workers are forked and have many threads."""
        with closing(sqlite3.connect(self._path, timeout=5.0, isolation_level=None)) as con:
            yield con

    @contextmanager
    def _alone(self) -> Iterator[sqlite3.Connection]:
        """A transaction that no other worker's can come between."""
        with self._open() as con:
            con.execute("BEGIN IMMEDIATE")
            yield con
            con.execute("COMMIT")

    def attempt(self, address: str | None) -> int:
        """Note an attempt to sign in and give 0; or, where one must wait, note nothing and give the whole seconds."""
        whose, now = _network(address), self._clock()
        with self._alone() as con:
            con.execute("DELETE FROM attempts WHERE at < ?", [now - FORGOTTEN_AFTER])
            one = con.execute("SELECT count(*), max(at) FROM attempts WHERE address = ?", [whose]).fetchone()
            every = con.execute("SELECT count(*), max(at) FROM attempts").fetchone()
            wait = max(OF_AN_ADDRESS.wait(one[0], one[1] or 0.0, now), OF_ALL.wait(every[0], every[1] or 0.0, now))
            if wait == 0:
                con.execute("INSERT INTO attempts VALUES (?, ?)", [whose, now])
        return ceil(wait)

    def welcome(self, address: str | None, mark: str) -> str:
        """Begin a session under the password of this mark and give its token; the address's attempts are forgotten."""
        token, now = secrets.token_urlsafe(32), self._clock()
        with self._alone() as con:
            con.execute("DELETE FROM attempts WHERE address = ?", [_network(address)])
            con.execute("DELETE FROM sessions WHERE until < ? OR mark <> ?", [now, mark])
            con.execute("INSERT INTO sessions VALUES (?, ?, ?)", [_hidden(token), mark, now + HOURS * 3_600])
        return token

    def is_in(self, token: str | None, mark: str) -> bool:
        """Whether a token is that of a session begun under this password, not ended and not too old."""
        if not token or not mark:
            return False
        query = "SELECT 1 FROM sessions WHERE token = ? AND mark = ? AND until > ?"
        with self._open() as con:
            return con.execute(query, [_hidden(token), mark, self._clock()]).fetchone() is not None

    def leave(self, token: str | None) -> None:
        """End a session: its cookie, wherever it was copied to, opens nothing any more."""
        if token:
            with self._alone() as con:
                con.execute("DELETE FROM sessions WHERE token = ?", [_hidden(token)])


def _hidden(token: str) -> str:
    """What is kept of a token: who reads the file cannot use it."""
    return hashlib.sha256(token.encode()).hexdigest()


def _network(address: str | None) -> str:
    """The address, or of IPv6 the /64, which one household holds whole."""
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv6Address):
        return str(found.ipv4_mapped or ipaddress.ip_network((found.packed, 64), strict=False))
    return str(found)
