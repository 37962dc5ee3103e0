"""Reports about mails that did not arrive (RFC 3464) in a maildir or a folder of .eml files, which stay as they are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage, Message
from email.policy import default
from hashlib import sha256
from pathlib import Path

from connectors.errors import TallyrankError
from dashboards.mail.edition import Trouble
from dashboards.safe import shown
from pipelines.mail.ledger import Event
from pipelines.project import Project

MOST_BYTES = 5_000_000
SAYS = {"failed": False, "delayed": True}  # actions that are told, and whether the mail may still arrive


@dataclass(frozen=True)
class Report:
    """One address of one report: whether its mail may still arrive, what the server said, and which mail it was."""

    id: str
    address: str
    words: str
    is_late: bool
    message_id: str


def reports(folder: Path) -> list[Report]:
    """Every report in the folder, in the order of file names; TallyrankError where there is no such folder."""
    if not folder.is_dir():
        raise TallyrankError(f"{folder} is no folder; TALLYRANK_MAIL_BOUNCES wants a maildir or a folder of .eml files")
    return [report for path in _files(folder) for report in _read(path)]


def _files(folder: Path) -> list[Path]:
    maildir = [folder / name for name in ("new", "cur")]
    if all(path.is_dir() for path in maildir):
        return sorted(p for path in maildir for p in path.iterdir() if p.is_file() and not p.name.startswith("."))
    return sorted(p for p in folder.glob("*.eml") if p.is_file())


def _read(path: Path) -> Iterator[Report]:
    """The addresses of one file, none if it is something else."""
    try:
        if path.stat().st_size > MOST_BYTES:
            return
        content = path.read_bytes()
    except OSError:  # taken away by its owner meanwhile
        return
    message = message_from_bytes(content, policy=default)
    status = next((p for p in message.walk() if p.get_content_type() == "message/delivery-status"), None)
    if status is None or not isinstance(parts := status.get_payload(), list):
        return
    original, mark = _original(message), sha256(content).hexdigest()[:16]
    for part in parts:
        if isinstance(part, Message) and (found := _report(part, original, mark)):
            yield found


def _report(part: Message, original: str, mark: str) -> Report | None:
    action = str(part.get("Action", "")).strip().lower()
    address = _typed(part.get("Original-Recipient") or part.get("Final-Recipient"))
    if action not in SAYS or not address:
        return None
    words = " ".join(filter(None, (str(part.get("Status", "")).strip(), _typed(part.get("Diagnostic-Code")))))
    return Report(f"{mark}:{address}", address, words or action, SAYS[action], original)


def _typed(value: object) -> str:
    """What stands behind the type: `rfc822; me@example.com`."""
    text = str(make_header(decode_header(str(value)))) if value else ""
    return shown(text.partition(";")[2] or text, 160)


def _original(message: EmailMessage | Message) -> str:
    """Message-ID of the mail that the report is about: from the copy, or the headers, that come with it."""
    for part in message.walk():
        if part is message or part.get_content_type() not in ("message/rfc822", "text/rfc822-headers"):
            continue
        payload = part.get_payload()
        inner = payload[0] if isinstance(payload, list) and payload else part.get_payload(decode=True)
        text = inner.decode("latin-1") if isinstance(inner, bytes) else str(inner)
        if found := re.search(r"(?im)^Message-ID:\s*(<[^<>\s]+>)", text):
            return found[1]
    return ""


@dataclass(frozen=True)
class CameBack:
    """Events that the ledger does not hold yet, and that the folder cannot be read where it cannot."""

    events: Sequence[Event]
    troubles: Sequence[Trouble] = ()


def bounced(project: Project, events: Sequence[Event], folder: Path | None, now: datetime) -> CameBack:
    """What came back since the last time. A folder that cannot be read stops no mail: the mail tells it."""
    if folder is None:
        return CameBack(())
    try:
        found = list(_untold(reports(folder), events, project))
    except TallyrankError as error:
        return CameBack((), (Trouble("unread", None, "", str(error)),))
    return CameBack([_event(name, day, report, now) for name, day, report in found])


def _event(name: str, day: str, report: Report, now: datetime) -> Event:
    refused = {report.address: report.words}
    return Event(
        at=now, subscription=name, day=day, state="bounced", refused=refused, report=report.id, is_late=report.is_late
    )


def _untold(found: Sequence[Report], events: Sequence[Event], project: Project) -> Iterator[tuple[str, str, Report]]:
    """Reports that the ledger does not hold yet, each with the subscription and the day of the mail that it is about.

    A report belongs to the mail whose Message-ID it names; without one, to the subscriptions of its address, and then
    the day is unknown (empty). Others are about somebody else's mail.
    """
    known, sent = {e.report for e in events}, {e.message_id: e for e in events if e.message_id}
    for report in found:
        if report.id in known:
            continue
        if mail := sent.get(report.message_id):
            yield mail.subscription, mail.day, report
        elif not report.message_id:
            yield from ((s.name, "", report) for s in project.subscriptions if report.address in s.to)
