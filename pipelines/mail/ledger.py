"""What was mailed to whom: a ledger beside the lake, so that nobody gets a mail twice.

    <data>/mail/ledger.jsonl     one line per event: {"at": …, "subscription": "morning", "day": …, "state": "sent", …}

A line `claimed` is written and flushed to the disk before a mail is sent, under a lock that is held until its outcome
stands behind it. The lock dies with its process: who holds it and finds a claim without an outcome knows that its
process was killed, and writes `unknown`. Such a mail is not sent again. Of what a mail said, the words of its verdicts
and the pages that moved stand here, for the next mail to compare with; secrets never do.

States: `claimed` · `sent` (taken over by the server) · `waiting` (nothing was taken for the addresses in `left`: they
are tried again) · `refused` (for good) · `unknown` · `skipped` (nothing to tell) · `bounced` (a report came back).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from connectors.errors import TallyrankError
from dashboards.mail.edition import Trouble
from dashboards.mail.news import Memory, Told

State = Literal["claimed", "sent", "waiting", "refused", "unknown", "skipped", "bounced"]
MOVERS_DAYS = 7  # a page that moved is told once in this time
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=10), timedelta(hours=6)


class Event(BaseModel):
    """One line. `day` is the subscriber's local day (an alert: its key); `told` is empty for alarms and alerts."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    at: datetime
    subscription: str
    day: str
    state: State
    message_id: str = ""
    accepted: tuple[str, ...] = ()
    refused: Mapping[str, str] = Field(default_factory=dict)
    left: Mapping[str, str] = Field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    verdicts: Mapping[str, str] | None = None
    movers: tuple[str, ...] = ()
    report: str = ""
    is_late: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """What is sent once: a subscription's mail of a day."""
        return self.subscription, self.day


class Ledger:
    """The events of one data folder, oldest first."""

    def __init__(self, data: Path) -> None:
        self.path = data / "mail" / "ledger.jsonl"

    @contextmanager
    def held(self, seconds: float) -> Iterator[None]:
        """Hold the ledger while mail is sent; TallyrankError if another process does for longer than `seconds`."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.path.with_suffix(".lock"))
        try:
            lock.acquire(timeout=seconds)
        except Timeout:
            raise TallyrankError(
                "another process is sending mail now; what is due will be sent by it or later"
            ) from None
        try:
            yield
        finally:
            lock.release()

    def events(self) -> list[Event]:
        """All events; TallyrankError for a damaged line. Half a line at the end, of a process killed while writing, is
        passed over.
        """
        if not self.path.exists():
            return []
        lines = self.path.read_text(encoding="utf-8").split("\n")
        return [self._event(n, line) for n, line in enumerate(lines[:-1], 1) if line.strip()]

    def _event(self, number: int, line: str) -> Event:
        try:
            return Event.model_validate_json(line)
        except ValidationError:
            words = "is damaged; correct it, or delete it if you are sure that nobody is to be told of it"
            raise TallyrankError(f"{self.path}, line {number} {words}") from None

    def note(self, event: Event) -> None:
        """Write an event down and flush it to the disk; what a killed process left of a line is cut off first."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab+") as file:
            _cut_half_line(file)
            file.write(_line(event))
            file.flush()
            os.fsync(file.fileno())

    def settle(self, now: datetime) -> None:
        """Say of claims without an outcome that it is unknown. Only for whoever holds the ledger."""
        last = {event.key: event for event in self.events() if event.state != "bounced"}
        for event in last.values():
            if event.state == "claimed":
                self.note(event.model_copy(update={"at": now, "state": "unknown"}))


def _line(event: Event) -> bytes:
    return json.dumps(event.model_dump(mode="json", exclude_defaults=True), ensure_ascii=False).encode() + b"\n"


def _cut_half_line(file: Any) -> None:
    end = file.seek(0, os.SEEK_END)
    if not end:
        return
    file.seek(0)
    whole = file.read().rfind(b"\n") + 1
    if whole < end:
        file.truncate(whole)


def last_of(events: Sequence[Event], subscription: str, day: str) -> Event | None:
    """The newest event of a subscription's mail of a day."""
    found = [e for e in events if e.key == (subscription, day) and e.state != "bounced"]
    return found[-1] if found else None


def may_send(events: Sequence[Event], subscription: str, day: str, now: datetime) -> bool:
    """Whether that mail is neither done nor waiting for its next try; waits grow from ten minutes to six hours."""
    last = last_of(events, subscription, day)
    if last is None:
        return True
    if last.state != "waiting":
        return False
    tried = sum(e.key == last.key and e.state == "waiting" for e in events)
    wait: timedelta = min(FIRST_WAIT * 2 ** min(tried - 1, 10), LONGEST_WAIT)
    return now >= last.at + wait


def memory_of(events: Sequence[Event], subscription: str, day: str, now: datetime) -> Memory:
    """What the readers of a subscription know before its mail of a day: from the last report that a server took over,
    and of movers lately. The mail of that day itself is left out: whoever gets it late gets it as the others did.
    """
    told = [e for e in _delivered(events, subscription, day) if e.verdicts is not None]
    if not told:
        return Memory()
    recent = [e for e in told if now - e.at < timedelta(days=MOVERS_DAYS)]
    last = told[-1]
    return Memory(_day(last.day), dict(last.verdicts or {}), frozenset(m for e in recent for m in e.movers))


def troubles_of(events: Sequence[Event], subscription: str, day: str) -> list[Trouble]:
    """What became of a subscription's mails since its last delivered one was begun, as its mail of a day tells it."""
    own = [e for e in events if e.subscription == subscription]
    done = _delivered(own, subscription, day)
    since = next((n for n, e in enumerate(own) if done and e.key == done[-1].key), 0)
    last = {e.key: e for e in own[since:] if e.state != "bounced" and e.day != day}
    over = [
        Trouble("refused", _day(e.day), a, w) for e in last.values() if e.state == "waiting" for a, w in e.left.items()
    ]
    return list(dict.fromkeys([*(trouble for event in own[since:] for trouble in _troubles(event)), *over]))


def _delivered(events: Sequence[Event], subscription: str, day: str) -> list[Event]:
    """Mails of other days that a server took over for somebody."""
    return [e for e in events if e.subscription == subscription and e.day != day and e.accepted]


def _troubles(event: Event) -> Iterator[Trouble]:
    day = _day(event.day)
    if event.unknown and event.state != "claimed":
        yield Trouble("unknown", day)
    for address, words in event.refused.items():
        kind: Literal["delayed", "bounced", "refused"] = "refused"
        if event.state == "bounced":
            kind = "delayed" if event.is_late else "bounced"
        yield Trouble(kind, day, address, words)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def claim(subscription: str, day: str, message_id: str, to: Sequence[str], told: Told | None, at: datetime) -> Event:
    """The claim on a mail that is about to be sent; it holds what the mail says, for its outcome to keep."""
    return Event(
        at=at, subscription=subscription, day=day, state="claimed", message_id=message_id, unknown=tuple(to),
        verdicts=None if told is None else told.verdicts, movers=() if told is None else tuple(told.movers),
    )  # fmt: skip
