"""`tallyrank mail`, as people call it."""

from __future__ import annotations

import shutil
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines import console
from pipelines.cli import app
from pipelines.mail.ledger import Event, Ledger
from tests.dashboards.mail.mailing import build
from tests.pipelines.mailing import NOW, project, serving


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse in which all is well."""
    return build(tmp_path_factory.mktemp("warehouse"), movers=[], history=[])


@pytest.fixture
def folder(tmp_path: Path, warehouse: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with a warehouse and one subscription, and no settings of mail."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TALLYRANK_DATA", "")
    data = project(tmp_path / "data", "a@example.com", "b@example.com")
    shutil.copy(warehouse, data / "warehouse.duckdb")
    return data


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    """The exit code, and all that is printed."""
    result = CliRunner().invoke(app, ["--data", str(folder), "mail", *arguments])
    return result.exit_code, result.output + (str(result.exception) if result.exception else "")


@pytest.fixture(autouse=True)
def _printing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The consoles write where the runner listens."""
    for name in ("out", "err"):
        monkeypatch.setattr(getattr(console, name), "_file", None)


def test_a_dry_run_says_what_would_be_sent_to_whom(folder: Path) -> None:
    """With nobody's server set: whom, when, the text, and what became of the last one; nothing is written."""
    event = Event(
        at=NOW, subscription="morning", day="2026-10-13", state="refused", refused={"b@example.com": "550 gone"}
    )
    Ledger(folder).note(event)
    before = sorted(folder.rglob("*"))
    code, said = run(folder, "--dry-run")
    assert code == 0, said
    assert "To:           a@example.com, b@example.com" in said
    assert "Last mail:    2026-10-13: refused (b@example.com: 550 gone)" in said
    assert said.index("Mail that did not arrive") < said.index("Verdicts")
    assert "(nothing was sent)" in said
    assert sorted(folder.rglob("*")) == before


def test_the_mail_can_be_written_to_files(folder: Path, tmp_path: Path) -> None:
    """A whole message, and a page that needs nothing else."""
    code, said = run(folder, "--out", str(tmp_path / "a.eml"), "--html", str(tmp_path / "a.html"))
    assert code == 0, said
    mail = message_from_bytes((tmp_path / "a.eml").read_bytes(), policy=default)
    assert mail["To"] == "a@example.com, b@example.com"
    assert "cid:" not in (tmp_path / "a.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--dry-run", "--to", "me@example.com"], "give one of"),
        (["--subscription", "morning"], "goes with"),
        (["--subscription", "evening", "--dry-run"], "no subscription 'evening'; it has morning"),
        (["--to", "me@example.com"], "TALLYRANK_MAIL_HOST is not set"),
    ],
)
def test_wrong_use_is_told(folder: Path, arguments: list[str], words: str) -> None:
    """In words, with what there is."""
    code, said = run(folder, *arguments)
    assert code != 0
    assert words in " ".join(said.split())


def test_sending_to_one_address(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Says to whom it went; a refusal is an exit code of 1 with the server's words."""
    with serving("none", tmp_path) as (server, environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        assert run(folder, "--to", "me@example.com") == (0, "morning: sent to me@example.com\n")
        server.replies["me@example.com"] = ["550 no such user"]
        code, said = run(folder, "--to", "me@example.com")
    assert code == 1
    assert "550 no such user" in said
    assert [to for to, _ in server.got] == [["me@example.com"]]


def test_nobody_is_subscribed(tmp_path: Path) -> None:
    """Says so, and where to change that."""
    code, said = run(tmp_path)
    assert code == 0
    assert "nobody is subscribed" in said
