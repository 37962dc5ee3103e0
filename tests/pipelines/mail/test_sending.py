"""The daily mail is sent at most once, over a real server, and says what became of earlier ones."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from connectors.errors import TallyrankError
from dashboards.mail.news import Told
from pipelines.mail.ledger import Event, Ledger, claim, memory_of, troubles_of
from pipelines.mail.preview import preview, send_to
from pipelines.mail.sending import Sent, alert, send_due
from tests.conftest import REPOSITORY
from tests.dashboards.mail.mailing import build
from tests.pipelines.mailing import NOW, PASSWORD, USER, Server, project, serving

DAY = date(2026, 10, 14)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse in which all is well."""
    return build(tmp_path_factory.mktemp("warehouse"), movers=[], history=[])


@pytest.fixture
def folder(tmp_path: Path, warehouse: Path) -> Path:
    """A data folder with a warehouse and one subscription."""
    data = project(tmp_path / "data", "a@example.com")
    shutil.copy(warehouse, data / "warehouse.duckdb")
    return data


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server without encryption on loopback, which the environment points at."""
    monkeypatch.chdir(tmp_path)
    with serving("none", tmp_path) as (made, environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield made


def states(data: Path) -> list[str]:
    """The states in the ledger, in order."""
    return [event.state for event in Ledger(data).events()]


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_mail_goes_over_an_encrypted_connection(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, security: str
) -> None:
    """Signed in over STARTTLS and TLS; text and HTML with its pictures arrive whole, once a day."""
    with serving(security, tmp_path) as (server, environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        assert send_due(folder, NOW) == [Sent("morning", "2026-10-14", "sent", ("a@example.com",), "")]
        assert send_due(folder, NOW + timedelta(hours=1)) == []
    [(to, mail)] = server.got
    assert (to, server.sign_ins, server.senders) == (["a@example.com"], 1, ["bounces@example.com"])
    assert mail["Subject"] == "Acme, Oct 14, 2026: first report"
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    assert "supports" in text.get_content()
    assert "http://127.0.0.1:8050/verdicts" in html.get_content()
    assert states(folder) == ["claimed", "sent"]


def test_a_wrong_password_is_told_without_it(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One try (in the two ways of signing in), no mail, and neither the words nor the ledger hold the password."""
    with serving("starttls", tmp_path) as (server, environment):
        for name, value in (environment | {"TALLYRANK_MAIL_PASSWORD": "wrong-battery-99"}).items():
            monkeypatch.setenv(name, value)
        [sent] = send_due(folder, NOW)
        assert send_due(folder, NOW + timedelta(minutes=9)) == []
        monkeypatch.setenv("TALLYRANK_MAIL_PASSWORD", PASSWORD)
        [later] = send_due(folder, NOW + timedelta(minutes=10))
    assert (sent.state, later.state, server.sign_ins, len(server.got)) == ("waiting", "sent", 2 + 1, 1)
    assert "TALLYRANK_MAIL_PASSWORD" in sent.words
    written = Ledger(folder).path.read_text(encoding="utf-8")
    assert not any(secret in sent.words + written for secret in ("wrong-battery-99", PASSWORD, "AHJhbms"))


def test_an_untrusted_certificate_is_refused(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sent to a server whose certificate nobody vouches for; no password either."""
    with serving("tls", tmp_path) as (server, environment):
        del environment["TALLYRANK_MAIL_CA_FILE"]
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        [sent] = send_due(folder, NOW)
    assert (sent.state, server.sign_ins, server.got) == ("waiting", 0, [])
    assert "TALLYRANK_MAIL_CA_FILE" in sent.words


def test_a_server_without_starttls_gets_no_password(
    folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """STARTTLS that is asked for and not offered is a fault, not a reason to go on without."""
    for name, value in (("SECURITY", "starttls"), ("USERNAME", USER), ("PASSWORD", PASSWORD)):
        monkeypatch.setenv(f"TALLYRANK_MAIL_{name}", value)
    [sent] = send_due(folder, NOW)
    assert (sent.state, server.got, server.sign_ins) == ("waiting", [], 0)
    assert "no STARTTLS" in sent.words


@pytest.mark.parametrize("at", ["rcpt", "data"])
def test_a_passing_fault_is_tried_again(folder: Path, server: Server, at: str) -> None:
    """4xx once, then fine: exactly one mail."""
    if at == "rcpt":
        server.replies["a@example.com"] = ["450 greylisted, come back"]
    else:
        server.data_replies = ["451 disk is busy"]
    [sent] = send_due(folder, NOW)
    assert (sent.is_well, len(server.got), server.transactions) == (True, 1, 2)
    assert send_due(folder, NOW) == []


def test_one_refused_address_keeps_nobody_else_from_the_mail(folder: Path, server: Server) -> None:
    """550 for one: the others get it once; the refusal stands in the ledger and first in the next mail."""
    project(folder, "a@example.com", "gone@example.com", "slow@example.com")
    server.replies = {"gone@example.com": ["550 no such user"], "slow@example.com": ["450 later"]}
    [sent] = send_due(folder, NOW)
    assert sent.state == "sent"
    assert sent.words == "not accepted for gone@example.com: 550 no such user"
    assert [to for to, _ in server.got] == [["a@example.com"], ["slow@example.com"]]
    tomorrow = NOW + timedelta(days=1)
    _, document = preview(folder, None, tomorrow)
    assert document.sections[0].title == "Mail that did not arrive"
    [item] = document.sections[0].items
    assert "gone@example.com" in "".join(s.text for s in item.head)


def test_an_address_that_waits_is_tried_again_alone(folder: Path, server: Server) -> None:
    """Whoever has the mail does not get it again when the others' turn comes, with growing waits."""
    project(folder, "a@example.com", "slow@example.com")
    server.replies["slow@example.com"] = ["450 later"] * 8
    at = NOW
    for minutes in (0, 10, 20):
        at += timedelta(minutes=minutes)
        [sent] = send_due(folder, at)
        assert send_due(folder, at + timedelta(minutes=9)) == []
    assert sent.state == "sent"
    assert [to for to, _ in server.got] == [["a@example.com"], ["slow@example.com"]]
    assert server.got[0][1]["Subject"] == server.got[1][1]["Subject"]


def test_refused_for_good_is_not_tried_again_that_day(folder: Path, server: Server) -> None:
    """A mail that nobody may get is over for the day, and so is one that the server will not have."""
    server.data_replies = ["554 looks like spam"]
    [sent] = send_due(folder, NOW)
    assert (sent.state, sent.words) == ("refused", "not accepted for a@example.com: 554 looks like spam")
    assert send_due(folder, NOW + timedelta(hours=3)) == []
    assert server.transactions == 1


def test_a_connection_that_breaks_before_the_message_is_mended(folder: Path, server: Server) -> None:
    """Nothing was accepted, so it is sent on the next connection, once."""
    server.drop = "before"
    [sent] = send_due(folder, NOW)
    assert (sent.is_well, len(server.got)) == (True, 1)


def test_a_connection_that_breaks_after_the_message_is_not(folder: Path, server: Server) -> None:
    """Nobody knows whether it was accepted: it is not sent again, and the next mail says so."""
    server.drop = "after"
    [sent] = send_due(folder, NOW)
    assert (sent.state, len(server.got)) == ("unknown", 1)
    server.drop = ""
    assert send_due(folder, NOW + timedelta(hours=1)) == []
    [next_day] = send_due(folder, NOW + timedelta(days=1))
    assert next_day.is_well
    body = server.got[1][1].get_body(("plain",))
    assert body is not None
    assert body.get_content().index("arrived is unknown") < body.get_content().index("Pages that moved")
    events = Ledger(folder).events()
    assert troubles_of(events, "morning", "2026-10-16") == []


KILLED = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
import pipelines.mail.sending as mail
mail.deliver = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
mail.send_due(Path(sys.argv[1]), datetime.fromisoformat(sys.argv[2]))
"""
SENDING = """
import sys
from datetime import datetime
from pathlib import Path
from pipelines.mail.sending import send_due
print([s.state for s in send_due(Path(sys.argv[1]), datetime.fromisoformat(sys.argv[2]))])
"""


def in_a_process(code: str, data: Path) -> subprocess.CompletedProcess[str]:
    """Run code over a data folder in a process of its own."""
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(data), NOW.isoformat()],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)}, cwd=data, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip


def test_a_process_killed_after_its_claim_sends_nothing_twice(folder: Path, server: Server) -> None:
    """Killed between claim and outcome: unknown, not sent again, told by the next mail."""
    assert in_a_process(KILLED, folder).returncode == -signal.SIGKILL
    assert states(folder) == ["claimed"]
    assert send_due(folder, NOW) == []
    assert states(folder) == ["claimed", "unknown"]
    assert send_due(folder, NOW + timedelta(hours=1)) == []
    assert server.got == []
    _, document = preview(folder, "morning", NOW + timedelta(days=1))
    assert "unknown" in "".join(s.text for s in document.sections[0].items[0].head)


def test_two_processes_at_once_send_one_mail(folder: Path, server: Server) -> None:
    """Whoever comes second sees what the first has done."""
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda _: in_a_process(SENDING, folder), range(2)))
    assert sorted(d.stdout.strip() for d in done) == ["['sent']", "[]"], [d.stderr[-500:] for d in done]
    assert len(server.got) == 1


def test_half_a_line_of_a_killed_process_is_cut_off(folder: Path) -> None:
    """The ledger goes on after its last whole line; a damaged line within it is a fault with its number."""
    ledger = Ledger(folder)
    ledger.note(Event(at=NOW, subscription="morning", day="2026-10-13", state="skipped"))
    with ledger.path.open("ab") as file:
        file.write(b'{"at": "2026-10-14T08')
    assert len(ledger.events()) == 1
    ledger.note(Event(at=NOW, subscription="morning", day="2026-10-14", state="skipped"))
    assert [e.day for e in ledger.events()] == ["2026-10-13", "2026-10-14"]
    ledger.path.write_text("nonsense\n" + ledger.path.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(TallyrankError, match="line 1"):
        ledger.events()


def test_the_next_mail_compares_with_the_last_that_arrived() -> None:
    """A mail that was refused, or is being retried the same day, is not what the reader knows."""
    first, second = (Told({"pair": word}, ()) for word in ("cannot tell", "supports"))
    kept = [
        claim("m", "2026-10-12", "<1>", ["a"], first, NOW).model_copy(update={"state": "sent", "accepted": ("a",)}),
        claim("m", "2026-10-13", "<2>", ["a"], second, NOW).model_copy(update={"state": "refused"}),
    ]
    found = memory_of(kept, "m", "2026-10-14", NOW)
    assert (found.day, dict(found.verdicts)) == (date(2026, 10, 12), {"pair": "cannot tell"})
    assert memory_of(kept, "m", "2026-10-12", NOW).day is None
    assert memory_of(kept, "other", "2026-10-14", NOW).day is None


def test_a_page_that_moved_is_told_once_a_week(folder: Path, server: Server) -> None:
    """What yesterday's mail said of a page, today's does not say again."""
    from tests.dashboards.mail.mailing import MOVER

    build(folder.parent / "other", movers=[MOVER], history=[])
    data = project(folder.parent / "other", "a@example.com")
    for day in (0, 1, 7):
        send_due(data, NOW + timedelta(days=day))
    told = ["rose from" in str(mail.get_body(("plain",)).get_content()) for _, mail in server.got]  # type: ignore[union-attr]
    assert told == [True, False, True]


def test_a_day_on_which_nobody_could_be_reached_is_told(folder: Path, server: Server) -> None:
    """The server was away all day: that day's mail is over, and the next one says so."""
    server.replies["a@example.com"] = ["450 away"] * 4
    assert [s.state for s in send_due(folder, NOW)] == ["waiting"]
    _, same_day = preview(folder, None, NOW + timedelta(hours=1))
    assert "Mail that did not arrive" not in [s.title for s in same_day.sections]
    assert [s.state for s in send_due(folder, NOW + timedelta(days=1))] == ["sent"]
    [(_, mail)] = server.got
    body = mail.get_body(("plain",))
    assert body is not None
    assert "450 away" in body.get_content()


def test_a_quiet_day_can_be_left_out(folder: Path, server: Server) -> None:
    """With `quiet: false` nothing is sent, once, where nothing happened; a first report is no quiet day."""
    with (folder / "project.yaml").open("a", encoding="utf-8") as file:
        file.write("    quiet: false\n")
    day = datetime(2026, 10, 14, 8, tzinfo=UTC)
    assert [s.state for s in send_due(folder, day)] == ["sent"]
    assert [s.state for s in send_due(folder, day + timedelta(days=1))] == ["skipped"]
    assert send_due(folder, day + timedelta(days=1)) == []
    assert len(server.got) == 1


def test_a_mail_to_one_address_is_no_subscribers_mail(folder: Path, server: Server) -> None:
    """It is sent now, to that address alone, and the ledger knows nothing of it."""
    assert send_to(folder, None, "me@example.com", NOW).is_well
    assert [to for to, _ in server.got] == [["me@example.com"]]
    assert not Ledger(folder).path.exists()
    assert [s.state for s in send_due(folder, NOW)] == ["sent"]


def test_an_alert_is_sent_once_per_key(folder: Path, server: Server) -> None:
    """To everybody who is subscribed, as plain lines; what a line holds cannot become a header."""
    lines = ["reddit failed\r\nBcc: evil@example.com", "x" * 10_000]
    assert [s.state for s in alert(folder, "A run failed\r\nBcc: evil@example.com", lines, "run-1")] == ["sent"]
    assert alert(folder, "A run failed", ["again"], "run-1") == []
    assert [s.state for s in alert(folder, "A run failed", ["another"], "run-2")] == ["sent"]
    to, mail = server.got[0]
    assert (to, mail["Bcc"], mail.get_content_type()) == (["a@example.com"], None, "text/plain")
    assert mail["Subject"] == "Acme: A run failed Bcc: evil@example.com"
    assert "reddit failed Bcc: evil@example.com" in mail.get_content()


def test_nobody_is_alerted_where_nobody_is_subscribed(tmp_path: Path) -> None:
    """Without subscriptions no server is needed either."""
    assert alert(tmp_path, "A run failed", [], "run-1") == []
    assert send_due(tmp_path, NOW) == []


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("HOST", None, "TALLYRANK_MAIL_HOST is not set"),
        ("FROM", None, "TALLYRANK_MAIL_FROM is not set"),
        ("FROM", "a@example.com\r\nBcc: x@example.com", "TALLYRANK_MAIL_FROM"),
        ("HOST", "mail.example.com", "starttls or tls"),
        ("PASSWORD", "secret-17", "username and password"),
        ("PORT", "many", "TALLYRANK_MAIL_PORT"),
    ],
)
def test_wrong_settings_are_told_by_name(
    folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch, name: str, value: str | None, words: str
) -> None:
    """Before anything is claimed, and without the password."""
    variable = f"TALLYRANK_MAIL_{name}"
    monkeypatch.delenv(variable) if value is None else monkeypatch.setenv(variable, value)
    with pytest.raises(TallyrankError, match=words) as caught:
        send_due(folder, NOW)
    assert "secret-17" not in str(caught.value)
    assert (states(folder), server.got) == ([], [])


def test_a_mail_waits_for_a_run_that_is_under_way(folder: Path, server: Server) -> None:
    """Data newer than the warehouse, written just now: the report is on its way. An hour later it is an alarm."""
    part = folder / "lake" / "raw" / "connector=reddit" / "stream=by_url" / "day=2026-10-15" / "data.parquet"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"")
    written = (NOW - timedelta(minutes=30)).timestamp()
    os.utime(part, (written, written))
    os.utime(folder / "warehouse.duckdb", (written - 9_000, written - 9_000))
    assert send_due(folder, NOW) == []
    assert [s.state for s in send_due(folder, NOW + timedelta(minutes=31))] == ["sent"]
    assert "Alarm" in server.got[0][1]["Subject"]


def test_the_ledger_holds_no_secret_and_one_object_a_line(folder: Path, server: Server) -> None:
    """Every line is JSON by itself."""
    send_due(folder, NOW)
    lines = Ledger(folder).path.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["state"] for line in lines] == ["claimed", "sent"]
