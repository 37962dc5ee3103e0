"""`tallyrank init`: what it writes loads and says what was answered; it overwrites nothing and holds no secret."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from connectors.base import discover
from connectors.errors import TallyrankError
from pipelines.project import NAME, Project, load, parsed
from pipelines.project.init import init
from pipelines.project.schema import schema
from pipelines.project.write import Answers, quoted, secrets_of, text_of
from tests.conftest import REPOSITORY, TALLYRANK

EVERY = (
    "--yes", "--name", "Acme: Shoes", "--timezone", "Europe/Berlin", "--site", "acme.example", "--competitor",
    "rival.example", "--keyword", "no", "--keyword", "laufschuhe: damen", "--country", "de", "--language", "de",
    "--device", "mobile", "--brand", "Acme", "--brand-query", "acme", "--platform", "reddit", "--platform", "searxng",
    "--mail", "me@example.com", "--mail-time", "7:30", "--mail-language", "de", "--mail-days", "weekly:friday",
)  # fmt: skip

TEXTS = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=40).filter(
    lambda t: t.strip() == t
)


def test_options_answer_every_question(tallyrank: Callable[..., Any], tmp_path: Path) -> None:
    """A script is asked nothing; the file says what the options said, names variables, and what to do next is told."""
    done = tallyrank("init", *EVERY)
    assert done.returncode == 0, done.stderr
    found = load(tmp_path / "data")
    assert (found.name, found.timezone, found.sites) == ("Acme: Shoes", "Europe/Berlin", ("acme.example",))
    assert found.searches == ("no", "laufschuhe: damen", "acme")
    assert found.market_of(found.keywords[0]) == {"country": "de", "language": "de", "device": "mobile"}
    assert found.platforms["reddit"].credentials["client_id"] == "TALLYRANK_REDDIT_CLIENT_ID"
    assert found.platforms["searxng"].enabled is True
    mail = found.subscriptions[0]
    assert (mail.to, mail.time, mail.language, mail.days) == (("me@example.com",), "07:30", "de", "weekly:friday")
    told = done.stdout
    for words in ("TALLYRANK_REDDIT_CLIENT_SECRET=", "searxng takes no device", "doctor", "mail --dry-run"):
        assert words in told


def written(folder: Path, *, is_replacing: bool = False, **given: object) -> Project:
    """What a script's answers make of a folder."""
    init(folder, given, is_sure=True, is_replacing=is_replacing)
    return load(folder)


def test_defaults_alone_make_a_file_that_loads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--yes` without more: an almost empty project, and a word on what is still missing."""
    assert written(tmp_path / "data").searches == ()
    assert "no keywords yet" in capsys.readouterr().out


def test_keywords_come_from_a_file(tmp_path: Path) -> None:
    """One a line, comments and blank lines passed over, each once."""
    words = tmp_path / "words.txt"
    words.write_text("# ours\nshoes\n\nboots\nshoes\n", encoding="utf-8")
    assert written(tmp_path / "data", keywords_file=words).searches == ("shoes", "boots")


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    """A file that is there stays; with --replace it is kept under another name."""
    assert written(tmp_path, name="First").name == "First"
    with pytest.raises(TallyrankError, match="--replace"):
        written(tmp_path, name="Second")
    assert load(tmp_path).name == "First"
    assert written(tmp_path, name="Second", is_replacing=True).name == "Second"
    old = tmp_path / f"{NAME}.old"
    assert parsed(old.read_bytes(), old).name == "First"


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("site", ["foo"], "--site: 'foo' is no site"),
        ("timezone", "Berlin", "did you mean 'Europe/Berlin'?"),
        ("country", "uk", "the United Kingdom is gb"),
        ("language", "english", "--language: 'english' must be a language"),
        ("device", "phone", "must be 'desktop' or 'mobile'"),
        ("platform", ["redit"], "did you mean 'reddit'?"),
        ("brand_query", ["a\nb"], "--brand-query: 'a\\nb' must stand on one line"),
        ("mail", ["me"], "--mail: 'me' is no address of mail"),
        ("keywords_file", Path("nope.txt"), "name a text file with one keyword a line"),
    ],
)
def test_a_wrong_option_is_told_and_nothing_written(tmp_path: Path, option: str, value: object, words: str) -> None:
    """By the option's name, with what was meant."""
    with pytest.raises(TallyrankError) as error:
        written(tmp_path, **{option: value})
    assert words in str(error.value)
    assert list(tmp_path.iterdir()) == []


def conversation(tmp_path: Path, answers: list[tuple[str, str]], *, interrupt: bool = False) -> tuple[int, str]:
    """`tallyrank init` on a terminal: each answer is typed when its question stands there."""
    leader, follower = pty.openpty()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TALLYRANK_")}
    process = subprocess.Popen(
        [*TALLYRANK, "--data", str(tmp_path / "data"), "init"], stdin=follower, stdout=follower, stderr=follower,
        cwd=tmp_path, env=environment | {"PYTHONPATH": str(REPOSITORY), "COLUMNS": "200", "TZ": "UTC"},
        start_new_session=True,
    )  # fmt: skip
    os.close(follower)
    seen = ""
    for question, answer in answers:
        seen = until(leader, question, seen)
        os.write(leader, f"{answer}\n".encode())
    if interrupt:
        process.send_signal(signal.SIGINT)
    seen = until(leader, None, seen)
    os.close(leader)
    return process.wait(60), seen


def until(leader: int, question: str | None, seen: str) -> str:
    """Read until the question was asked after all that was seen, or, without one, until the end."""
    fresh = ""
    while question is None or question not in fresh:
        assert select.select([leader], [], [], 60)[0], f"{question!r} was not asked: {seen}{fresh}"
        try:
            part = os.read(leader, 4096)
        except OSError:  # how a terminal says that nobody is there any more
            part = b""
        if not part:
            assert question is None, f"{question!r} was not asked: {seen}{fresh}"
            break
        fresh += part.decode(errors="replace")
    return seen + fresh


TALK = [
    ("Name of the project", "Acme"), ("Time zone", ""), ("Your sites", "foo"),
    ("is no site", "acme.example, b.example"), ("Competitors", ""), ("Country", "no"), ("Language", "nb"),
    ("On what", ""), ("one a line", "sko: dame\nno\n"), ("Searches for your brand", "acme"),
    ("Name of the brand", ""), ("read without a key", "redit"), ("did you mean", "reddit"),
    ("daily mail", "me@example.com"), ("Time of the mail", "25:00"), ("is no time", "08:15"),
    ("Language of the mail", ""), ("Days", "weekdays"),
]  # fmt: skip


def test_a_conversation_writes_what_was_said(tmp_path: Path) -> None:
    """Wrong answers are asked again, keywords are pasted, the file is shown, and written after a yes."""
    code, seen = conversation(tmp_path, [*TALK, ("Write this to", "y")])
    assert code == 0, seen
    found = load(tmp_path / "data")
    assert (found.name, found.sites, found.searches) == (
        "Acme",
        ("acme.example", "b.example"),
        ("sko: dame", "no", "acme"),
    )
    assert found.market_of(found.keywords[0]) == {"country": "no", "language": "nb", "device": "desktop"}
    assert (found.subscriptions[0].time, found.subscriptions[0].days) == ("08:15", "weekdays")
    assert list(found.platforms) == ["reddit"]


def test_a_no_at_the_end_writes_nothing(tmp_path: Path) -> None:
    """Having seen the file, one may decline."""
    code, seen = conversation(tmp_path, [*TALK, ("Write this to", "n")])
    assert (code, "Nothing was written" in seen) == (0, True)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("n", [0, 4, len(TALK)])
def test_an_interruption_writes_nothing(tmp_path: Path, n: int) -> None:
    """Ctrl-C at the first question, in the middle, and before the yes."""
    question = (*[q for q, _ in TALK], "Write this to")[n]
    code, seen = conversation(tmp_path, [*TALK[:n], (question, "")][: n + (n < len(TALK))], interrupt=True)
    assert (code, "nothing was written" in seen) == (130, True), seen
    assert not (tmp_path / "data").exists()


@given(TEXTS)
def test_any_text_is_read_back_as_it_was(words: str) -> None:
    """By our reader and by a common one, whatever signs it holds and whatever word YAML takes it for."""
    text = f"name: {quoted(words)}\n"
    assert yaml.safe_load(text) == {"name": words}
    assert parsed(text.encode(), Path(NAME)).name == words


@pytest.mark.parametrize(
    "words", ["no", "on", "1984", "1e3", "2026-01-05", "null", "~", "17:30", "# a", "a #b", "- a", "@a"]
)
def test_words_that_yaml_takes_for_others_are_quoted(words: str) -> None:
    """Other tools that read the file see a text too."""
    assert yaml.safe_load(quoted(words)) == words


def test_every_source_can_be_chosen(tmp_path: Path) -> None:
    """All at once: the file loads, fits the schema, and names a variable for each thing a source needs."""
    text = text_of(Answers("All", "UTC", platforms=tuple(discover())), tmp_path)
    found = parsed(text.encode(), tmp_path / NAME)
    assert list(found.platforms) == list(discover())
    assert {n: dict(p.credentials) for n, p in found.platforms.items()} == {
        name: secrets_of(connector) for name, connector in discover().items()
    }
    errors = jsonschema.Draft202012Validator(schema()).iter_errors(yaml.safe_load(text))
    assert [error.message for error in errors] == []
