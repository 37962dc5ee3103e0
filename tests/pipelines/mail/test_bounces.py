"""Bounces are read from a folder and told once, first in the next mail."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.errors import TallyrankError
from dashboards.mail.edition import Trouble
from pipelines.mail.bounces import bounced, reports
from pipelines.mail.ledger import Event, Ledger, troubles_of
from pipelines.project import Project, Subscription

NOW = datetime(2026, 10, 15, 8, tzinfo=UTC)
PROJECT = Project(subscriptions=(Subscription(name="morning", to=("a@example.com", "b@example.com")),))
SENT = Event(
    at=NOW - timedelta(days=1), subscription="morning", day="2026-10-14", state="sent", message_id="<1@example.com>",
    accepted=("a@example.com",), verdicts={},
)  # fmt: skip
DSN = """\
From: MAILER-DAEMON@mx.example.com
To: bounces@example.com
Subject: Undelivered Mail Returned to Sender
Message-ID: <dsn@mx.example.com>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="B"

--B
Content-Type: text/plain

Sorry.
--B
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.com

Final-Recipient: rfc822; {address}
Action: {action}
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 <b>no such user</b>
 here

--B
Content-Type: {kind}

Message-ID: {mail}
Subject: Acme

--B--
"""


def dsn(folder: Path, name: str, **more: str) -> None:
    """Put a report into a folder."""
    given = {"address": "a@example.com", "action": "failed", "kind": "message/rfc822", "mail": "<1@example.com>"}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(DSN.format(**(given | more)).replace("\n", "\r\n").encode())


@pytest.mark.parametrize("kind", ["message/rfc822", "text/rfc822-headers"])
def test_a_report_names_its_mail(tmp_path: Path, kind: str) -> None:
    """Address, words, and the mail that it is about, with the whole mail or its headers attached."""
    dsn(tmp_path, "1.eml", kind=kind)
    [report] = reports(tmp_path)
    assert (report.address, report.message_id, report.is_late) == ("a@example.com", "<1@example.com>", False)
    assert report.words == "5.1.1 550 5.1.1 <b>no such user</b> here"


def test_a_maildir_is_read(tmp_path: Path) -> None:
    """New and read messages alike, whatever their files are called."""
    for part in ("new", "cur", "tmp"):
        dsn(tmp_path / part, f"1697.{part}:2,S", address=f"{part}@example.com")
    assert {r.address for r in reports(tmp_path)} == {"new@example.com", "cur@example.com"}


def test_other_mail_is_passed_over(tmp_path: Path) -> None:
    """Ordinary mail, broken files, successes, and reports about mail of others are no bounces of ours."""
    (tmp_path / "a.eml").write_text("Subject: hello\n\nFinal-Recipient: rfc822; a@example.com\nAction: failed\n")
    (tmp_path / "b.eml").write_bytes(b"\xff\xfe\0" * 500)
    (tmp_path / "c.eml").write_text("Content-Type: message/delivery-status\n\n")
    dsn(tmp_path, "d.eml", action="delivered")
    dsn(tmp_path, "e.eml", mail="<somebody-else@example.net>")
    assert bounced(PROJECT, [SENT], tmp_path, NOW).events == []


def test_a_bounce_is_told_once(tmp_path: Path) -> None:
    """It stands in the ledger, in the next mail, and no more once that mail has arrived."""
    dsn(tmp_path / "in", "1.eml")
    ledger = Ledger(tmp_path / "data")
    ledger.note(SENT)
    for event in bounced(PROJECT, ledger.events(), tmp_path / "in", NOW).events:
        ledger.note(event)
    assert bounced(PROJECT, ledger.events(), tmp_path / "in", NOW).events == []
    words = "5.1.1 550 5.1.1 <b>no such user</b> here"
    assert troubles_of(ledger.events(), "morning", "2026-10-15") == [
        Trouble("bounced", NOW.date() - timedelta(days=1), "a@example.com", words)
    ]
    for state in ("claimed", "sent"):
        accepted = ("b@example.com",) if state == "sent" else ()
        ledger.note(SENT.model_copy(update={"day": "2026-10-15", "at": NOW, "state": state, "accepted": accepted}))
    assert troubles_of(ledger.events(), "morning", "2026-10-16") == []


def test_a_delay_is_no_failure(tmp_path: Path) -> None:
    """A mail that may still arrive is told as late."""
    dsn(tmp_path, "1.eml", action="delayed")
    [event] = bounced(PROJECT, [SENT], tmp_path, NOW).events
    assert [t.kind for t in troubles_of([SENT, event], "morning", "2026-10-15")] == ["delayed"]


def test_without_the_mails_number_the_address_decides(tmp_path: Path) -> None:
    """A report that names no mail is about the subscriptions of its address, the day unknown."""
    dsn(tmp_path, "1.eml", mail="")
    [event] = bounced(PROJECT, [SENT], tmp_path, NOW).events
    assert (event.subscription, event.day) == ("morning", "")
    dsn(tmp_path, "1.eml", mail="", address="stranger@example.com")
    assert bounced(PROJECT, [SENT], tmp_path, NOW).events == []


def test_a_folder_that_is_gone_stops_no_mail(tmp_path: Path) -> None:
    """The mail says that bounces cannot be read; asked directly, it is an error that names the variable."""
    [trouble] = bounced(PROJECT, [], tmp_path / "gone", NOW).troubles
    assert (trouble.kind, "TALLYRANK_MAIL_BOUNCES" in trouble.words) == ("unread", True)
    with pytest.raises(TallyrankError, match="no folder"):
        reports(tmp_path / "gone")
