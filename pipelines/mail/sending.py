"""The daily mail, sent at most once: made from the warehouse, claimed in the ledger, handed to a server, written down.

At most once, not at least once: where a process is killed, or the connection breaks, after a server may have accepted a
mail, it is not sent again; the next mail and the command say that nobody knows whether it arrived.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from hashlib import sha256
from pathlib import Path
from zoneinfo import ZoneInfo

from dashboards.mail.document import Document
from dashboards.mail.edition import Request, Trouble, edition
from dashboards.mail.message import composed, plain_message
from dashboards.mail.news import Told
from dashboards.safe import shown
from pipelines.lake import Lake
from pipelines.mail.bounces import bounced
from pipelines.mail.due import Due, due
from pipelines.mail.ledger import Event, Ledger, State, claim, last_of, may_send, memory_of, troubles_of
from pipelines.mail.settings import MailSettings, mail_settings
from pipelines.mail.smtp import Outcome, deliver
from pipelines.project import Project, Subscription, load

LOCK_SECONDS = 30.0
SETTLED = timedelta(hours=1)  # a run writes files as it goes; an hour without one, and it has ended or died
ALERT = "alert:"
MOST_LINES = 200


@dataclass(frozen=True)
class Sent:
    """What became of one mail: `state` as in the ledger (sent, waiting, refused, unknown, skipped), and its faults."""

    subscription: str
    day: str
    state: State
    to: tuple[str, ...]
    words: str

    @property
    def is_well(self) -> bool:
        """Whether everybody's mail was taken over, or there was nothing to tell."""
        return self.state in ("sent", "skipped") and not self.words


def send_due(data: Path, now: datetime, *, by_hand: bool = False) -> list[Sent]:
    """Send every mail that is due and not sent yet; faults of sending are told in what is returned.

    A mail waits while a run is filling the lake, and between its tries (not if `by_hand`). Raises TallyrankError where
    the project file, the settings, or the ledger cannot be read, and where another process is sending.
    """
    project = load(data)
    found = due(project, now)
    ledger = Ledger(data)
    if not any(_is_open(ledger.events(), d, now, by_hand) for d in found) or is_filling(data, now):
        return []
    settings = mail_settings()
    with ledger.held(LOCK_SECONDS):
        ledger.settle(now)
        came_back = bounced(project, ledger.events(), settings.bounces, now)
        for event in came_back.events:
            ledger.note(event)
        left = [d for d in found if _is_open(ledger.events(), d, now, by_hand)]
        return [_send(data, project, settings, ledger, d, now, came_back.troubles) for d in left]


def _is_open(events: Sequence[Event], mail: Due, now: datetime, by_hand: bool) -> bool:
    last = last_of(events, mail.subscription.name, mail.day.isoformat())
    if by_hand and last is not None and last.state == "waiting":
        return True
    # a claim is another process's: whoever gets the lock sees what became of it
    return (last is not None and last.state == "claimed") or may_send(
        events, mail.subscription.name, mail.day.isoformat(), now
    )


def is_filling(data: Path, now: datetime) -> bool:
    """Whether data were read that the warehouse has not got yet, by a run that seems to be under way."""
    newest, path = last_run(data), Lake(data).warehouse
    if newest is None:
        return False
    written = max(Lake(data).path(p).stat().st_mtime for p in Lake(data).parts("raw") if p.day == newest)
    is_behind = not path.exists() or path.stat().st_mtime < written
    return is_behind and now - datetime.fromtimestamp(written, UTC) < SETTLED


def last_run(data: Path) -> date | None:
    """The newest day on which anything was read into the lake."""
    return max((part.day for part in Lake(data).parts("raw")), default=None)


def _send(
    data: Path, project: Project, settings: MailSettings, ledger: Ledger, mail: Due, now: datetime,
    more: Sequence[Trouble],
) -> Sent:  # fmt: skip
    """Make one mail and send it to whoever has not got it yet."""
    subscription, day, events = mail.subscription, mail.day.isoformat(), ledger.events()
    document = document_of(data, project, subscription, mail.day, events, now, more)
    if document.is_quiet and not subscription.quiet:
        ledger.note(Event(at=now, subscription=subscription.name, day=day, state="skipped"))
        return Sent(subscription.name, day, "skipped", (), "")
    last = last_of(events, subscription.name, day)
    to = tuple(last.left) if last and last.state == "waiting" else subscription.to
    zoned = now.astimezone(ZoneInfo(subscription.timezone))
    message = composed(document, settings.from_, to, zoned)
    return _handed_over(settings, ledger, subscription.name, day, message, to, document.told, now)


def _handed_over(
    settings: MailSettings, ledger: Ledger, name: str, day: str, message: EmailMessage, to: Sequence[str],
    told: Told | None, now: datetime,
) -> Sent:  # fmt: skip
    """Claim, deliver, write the outcome down."""
    claimed = claim(name, day, str(message["Message-ID"]), to, told, now)
    ledger.note(claimed)
    outcome = deliver(settings, message, to)
    state = outcome_state(outcome)
    ledger.note(
        claimed.model_copy(
            update={
                "state": state, "accepted": outcome.accepted, "refused": outcome.refused, "left": outcome.left,
                "unknown": outcome.unknown,
            }
        )
    )  # fmt: skip
    return Sent(name, day, state, tuple(to), outcome_words(outcome))


def outcome_state(outcome: Outcome) -> State:
    """The ledger's word for what became of a mail."""
    if outcome.left:
        return "waiting"
    if outcome.unknown:
        return "unknown"
    return "sent" if outcome.accepted else "refused"


def outcome_words(outcome: Outcome) -> str:
    """What did not go well, by address; empty if all did."""
    parts = [f"not accepted for {a}: {words}" for a, words in outcome.refused.items()]
    parts += [f"not sent to {a} yet: {words}" for a, words in outcome.left.items()]
    lost = "nobody knows whether it arrived, the connection broke at the end; it is not sent again"
    parts += [f"{a}: {lost}" for a in outcome.unknown]
    return "; ".join(parts)


def document_of(
    data: Path, project: Project, subscription: Subscription, day: date, events: Sequence[Event], now: datetime,
    more: Sequence[Trouble] = (),
) -> Document:  # fmt: skip
    """The mail of a subscription of a local day, as the warehouse, the ledger's events and `more` troubles make it."""
    request = Request(
        project.name, subscription.name, subscription.language, day,
        memory_of(events, subscription.name, day.isoformat(), now),
        [*more, *troubles_of(events, subscription.name, day.isoformat())], last_run(data),
    )  # fmt: skip
    return edition(Lake(data).warehouse, request)


def alert(data: Path, subject: str, lines: Sequence[str], key: str) -> list[Sent]:
    """Mail plain lines to everybody who is subscribed, each address once, and once per key, now.

    Raises TallyrankError as `send_due` does; a project without subscriptions has nobody to tell, and gives [].
    """
    project, ledger, now = load(data), Ledger(data), datetime.now(UTC)
    to = tuple(dict.fromkeys(address for s in project.subscriptions for address in s.to))
    name = ALERT + sha256(key.encode()).hexdigest()[:16]
    if not to:
        return []
    settings = mail_settings()
    with ledger.held(LOCK_SECONDS):
        ledger.settle(now)
        events = ledger.events()
        if not may_send(events, name, ALERT, now):
            return []
        last = last_of(events, name, ALERT)
        left = tuple(last.left) if last else to
        return [_alert_one(settings, ledger, project, name, subject, lines, left, now)]


def _alert_one(
    settings: MailSettings, ledger: Ledger, project: Project, name: str, subject: str, lines: Sequence[str],
    to: Sequence[str], now: datetime,
) -> Sent:  # fmt: skip
    left_out = [f"… and {len(lines) - MOST_LINES:,} more lines"] if len(lines) > MOST_LINES else []
    told = [shown(subject, 200), "", *lines[:MOST_LINES], *left_out]
    head = f"{shown(project.name, 40)}: {shown(subject, 140)}"
    message = plain_message(head, told, settings.from_, to, now)
    return _handed_over(settings, ledger, name, ALERT, message, to, None, now)


__all__ = ["Sent", "alert", "due", "send_due"]
