"""One pace per source: kept by all threads and all processes of this user on this machine.

The free turn of a source, host and credential stands in a small file below the user's own temporary folder, changed
under a lock. Its name is a hash, so that no key shows. Moments are those of `time.monotonic`, which all processes of a
machine share; after a restart of the machine that clock begins anew, and what an earlier start has left is told by its
mark and passed over, as is every moment further ahead than any queue reaches. Where the file cannot be used (a full
disk, a folder of somebody else), each process keeps the pace by itself and the log says so once.

Turns are MARGIN further apart than the allowed rate asks for. A source counts requests as they arrive: of two that
left exactly a window apart, the second may come a little sooner after the first, and would be one too many. With 3 %
a request may be 1.8 seconds later than another in a window of a minute, 30 ms in one of a second, and 97 % of the
allowance is used.
"""

from __future__ import annotations

import json
import logging
import os
import stat
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

from filelock import FileLock

MARGIN = 0.03
ALONE_PER_SECOND = 1000.0  # from this pace on (tests, the sandbox) a file costs more than it is good for
LONGEST_PAUSE_SECONDS = 3600.0
MOST_WAITING = 1000
LOCK_SECONDS = 5.0
POLL_SECONDS = 0.001
WIDTH = 256
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class State:
    """When the next turn is free, and until when nobody may send anything; on the clock `time.monotonic`."""

    next_at: float = 0.0
    held_until: float = 0.0

    def within(self, furthest: float) -> State:
        """The same without moments after `furthest`: no queue of ours reaches that far, so another clock wrote them."""
        return State(*(moment if moment <= furthest else 0.0 for moment in (self.next_at, self.held_until)))


class Pace:
    """Keeps requests at most `per_second`, evenly spaced; a source's headers may ask for a pause.

    `of` names what is paced (source, host, credentials): all that name the same share one pace, in whatever process.
    Without it, or with a sleep that is not a real one, the pace holds for the threads that share this object.
    """

    def __init__(
        self, per_second: float, sleep: Callable[[float], None] = time.sleep, *, of: Sequence[str] = ()
    ) -> None:
        self._gap, self._sleep = (1 + MARGIN) / per_second, sleep
        self._state, self._lock = State(), threading.Lock()
        is_shared = of and per_second < ALONE_PER_SECOND and sleep is time.sleep
        self._file = _File(of) if is_shared else None

    def wait(self) -> None:
        """Sleep until this caller's turn; whoever is held by a pause said meanwhile takes a new one."""
        while True:
            now, turn = self._take()
            if turn <= now:
                return
            self._sleep(turn - now)
            if self._held_until() <= turn:
                return

    def _take(self) -> tuple[float, float]:
        """The time now, and the turn that is this caller's alone."""
        now, turns = time.monotonic(), []

        def take(state: State) -> State:
            turns.append(max(now, state.next_at, state.held_until))
            return State(turns[-1] + self._gap, state.held_until)

        self._change(take)
        return now, turns[-1]

    def pause(self, seconds: float) -> None:
        """Nobody sends anything for this long, at most LONGEST_PAUSE_SECONDS."""
        until = time.monotonic() + min(seconds, LONGEST_PAUSE_SECONDS)
        self._change(lambda s: State(s.next_at, max(s.held_until, until)))

    def _change(self, change: Callable[[State], State]) -> None:
        """Change the state; no other thread or process does so meanwhile."""
        with self._lock:
            try:
                if self._file:
                    self._state = self._file.change(lambda state: change(self._sane(state)))
                    return
            except (OSError, NotImplementedError) as error:
                log.warning("each process keeps the pace alone: the file of turns fails (%s)", type(error).__name__)
                self._file = None
            self._state = change(self._sane(self._state))

    def _held_until(self) -> float:
        """Read without the lock: half a file holds nothing, and is whole when the next turn is taken."""
        file = self._file
        return self._sane(file.read() if file else self._state).held_until

    def _sane(self, state: State) -> State:
        return state.within(time.monotonic() + LONGEST_PAUSE_SECONDS + MOST_WAITING * self._gap)


class _File:
    """A state in a file that many processes change, one after the other."""

    def __init__(self, of: Sequence[str]) -> None:
        self._name = sha256(json.dumps(list(of)).encode()).hexdigest()[:32]
        self._lock: FileLock | None = None

    def change(self, change: Callable[[State], State]) -> State:
        """Replace the state by another made from it, and return that; raises OSError where that cannot be done."""
        place = folder()
        if self._lock is None:
            path = place / f"{self._name}.lock"
            self._lock = FileLock(path, timeout=LOCK_SECONDS, poll_interval=POLL_SECONDS, thread_local=False)
        with self._lock:
            state = change(self.read())
            self._write(place / self._name, json.dumps({"boot": _boot(), **asdict(state)}))
        return state

    @staticmethod
    def _write(path: Path, text: str) -> None:
        """Over what was there, always as long: to empty a file first would wait for the disk."""
        file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.write(file, text.ljust(WIDTH).encode("ascii"))
        finally:
            os.close(file)

    def read(self) -> State:
        """The state in the file; a free one where there is none of this start of the machine."""
        try:
            known = json.loads((folder() / self._name).read_bytes()[:WIDTH])
            if known["boot"] == _boot():
                return State(float(known["next_at"]), float(known["held_until"]))
        except (OSError, ValueError, TypeError, LookupError):
            pass
        return State()


def folder() -> Path:
    """Where paces are kept: a folder that only this user may enter. Raises PermissionError where it is another's."""
    user = getattr(os, "getuid", lambda: 0)()
    path = Path(tempfile.gettempdir(), f"tallyrank-{user}", "pace")
    for each in (path.parent, path):
        each.mkdir(mode=0o700, exist_ok=True)
        found = each.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != user:
            raise PermissionError(f"{each} belongs to somebody else")
        if found.st_mode & 0o077:
            each.chmod(0o700)
    return path


@cache
def _boot() -> str:
    """A mark of this start of the machine; empty where the system has none."""
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""
