"""What the doctor says of each source: its state, what is left to do, what it costs, and where settings come from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from connectors.base import discover
from connectors.errors import ConfigurationError, TallyrankError
from pipelines import doctor

CONNECTORS = discover()


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of this machine is seen: neither of its environment nor of a `.env`."""
    for name in [name for name in os.environ if name.startswith("TALLYRANK_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def shown(capsys: pytest.CaptureFixture[str], folder: Path, **options: Any) -> str:
    """What the doctor prints, without asking any host, in one line of words."""
    doctor.examine(folder, offline=True, **options)
    return " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("name", "state", "first"),
    [
        ("hatena", "ready", ""),
        ("feeds", "nothing to read", "set TALLYRANK_FEEDS_ADDRESSES or TALLYRANK_FEEDS_FILE. "),
        ("devto", "nothing to read", "set TALLYRANK_DEVTO_AUTHORS. "),
        ("telegram", "switched off", "set TALLYRANK_TELEGRAM_ENABLED=true; TALLYRANK_TELEGRAM_CHANNELS. "),
        ("lobsters", "switched off", "set TALLYRANK_LOBSTERS_ENABLED=true. No key is needed"),
        ("searxng", "switched off", "set TALLYRANK_SEARXNG_ENABLED=true. No key is needed: run an instance"),
        ("x", "not ready", "set TALLYRANK_X_TOKEN, or TALLYRANK_X_API_KEY and TALLYRANK_X_API_SECRET. "),
        (
            "facebook",
            "not ready",
            "set TALLYRANK_FACEBOOK_TOKEN, or TALLYRANK_FACEBOOK_APP_ID and TALLYRANK_FACEBOOK_APP_SECRET. ",
        ),
        (
            "search_console",
            "not ready",
            "set TALLYRANK_SEARCH_CONSOLE_TOKEN, or TALLYRANK_SEARCH_CONSOLE_SERVICE_ACCOUNT_FILE. Add a",
        ),
        (
            "tiktok_research",
            "switched off",
            "set TALLYRANK_TIKTOK_RESEARCH_ENABLED=true; TALLYRANK_TIKTOK_RESEARCH_CLIENT_KEY and "
            "TALLYRANK_TIKTOK_RESEARCH_CLIENT_SECRET, or TALLYRANK_TIKTOK_RESEARCH_TOKEN; "
            "TALLYRANK_TIKTOK_RESEARCH_USERNAMES. ",
        ),
        (
            "youtube_analytics",
            "switched off",
            "set TALLYRANK_YOUTUBE_ANALYTICS_ENABLED=true; TALLYRANK_YOUTUBE_ANALYTICS_TOKEN and "
            "TALLYRANK_YOUTUBE_ANALYTICS_CHANNELS, or TALLYRANK_YOUTUBE_ANALYTICS_REFRESH_TOKEN, ",
        ),
    ],
)
def test_all_that_is_left_to_do_is_said_at_once(name: str, state: str, first: str) -> None:
    """Switch, keys and what to read are named together, with the keys that would do as well."""
    found, advice = doctor.diagnosis(CONNECTORS[name])
    assert found == state
    assert advice.startswith(first) and bool(advice) == bool(first)


@pytest.mark.parametrize("connector", CONNECTORS.values(), ids=lambda c: c.name)
def test_doing_what_is_said_makes_a_source_ready(connector: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every variable named as missing, and the switch, once set, are all it takes (paths and names are made up)."""
    settings = connector.configured()
    for name in (*settings.missing(), *settings.idle().split(" or ")[:1]):
        if name:
            monkeypatch.setenv(name, "1")
    monkeypatch.setenv(f"TALLYRANK_{connector.name.upper()}_ENABLED", "true")
    assert doctor.diagnosis(connector) == ("ready", "")


@pytest.mark.parametrize("connector", CONNECTORS.values(), ids=lambda c: c.name)
def test_what_stands_for_a_key_makes_it_needless(connector: Any) -> None:
    """With the settings that do in place of others, these are missing no more."""
    for names, others in connector.settings.instead.items():
        settings = connector.settings(_env_file=None, **dict.fromkeys(others, "1"))
        prefix = f"TALLYRANK_{connector.name.upper()}_"
        assert not {f"{prefix}{name.upper()}" for name in names} & set(settings.missing())
        half = connector.settings(_env_file=None, **dict.fromkeys(others[:-1], "1"))
        assert half.missing()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("TALLYRANK_X_BUDGET_USD", "much", "TALLYRANK_X_BUDGET_USD must be a number"),
        ("TALLYRANK_X_BUDGET_USD", "-1", "TALLYRANK_X_BUDGET_USD must be 0 or more"),
        ("TALLYRANK_X_RETRIES", "1.5", "TALLYRANK_X_RETRIES must be a whole number"),
        ("TALLYRANK_X_ENABLED", "perhaps", "TALLYRANK_X_ENABLED must be true or false"),
        ("TALLYRANK_X_CONCURRENCY", "65", "TALLYRANK_X_CONCURRENCY must be 64 or less"),
        ("TALLYRANK_X_REQUESTS_PER_SECOND", "0", "TALLYRANK_X_REQUESTS_PER_SECOND must be more than 0"),
        ("TALLYRANK_YANDEX_MODE", "s3cr3t", "TALLYRANK_YANDEX_MODE must be 'sync'"),
        ("TALLYRANK_FACEBOOK_VERSION", "s3cr3t", "TALLYRANK_FACEBOOK_VERSION must be of the form ^v"),
        ("TALLYRANK_SEARCH_CONSOLE_SPLITS", "moon", "TALLYRANK_SEARCH_CONSOLE_SPLITS is malformed: "),
    ],
)
def test_a_malformed_setting_is_called_by_its_variable(
    name: str, value: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable and what it must be, in words of ours and without its value."""
    monkeypatch.setenv(name, value)
    connector = next(c for c in CONNECTORS.values() if name.startswith(f"TALLYRANK_{c.name.upper()}_"))
    with pytest.raises(ConfigurationError) as caught:
        connector.configured()
    assert caught.value.message.startswith(words)
    assert "Input" not in caught.value.message and "Value error" not in caught.value.message
    assert "s3cr3t" not in caught.value.message


def test_prices_say_what_they_rest_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A paid plan is not free; a paid source without keywords costs nothing yet, and with some what they cost."""
    words = {name: doctor.price(CONNECTORS[name]) for name in ("agorapulse", "sprout_social", "hootsuite", "pinboard")}
    assert set(words.values()) == {"part of its plan"}
    assert doctor.price(CONNECTORS["hatena"]) == "free"
    assert doctor.price(CONNECTORS["brave"]) == "costs money"
    monkeypatch.setenv("TALLYRANK_BRAVE_API_KEY", "k")
    monkeypatch.setenv("TALLYRANK_BRAVE_USD_PER_REQUEST", "0.01")
    assert "$0.00 (no keywords yet)" in shown(capsys, tmp_path, only="brave")
    (tmp_path / "keywords.txt").write_text("tea\ncoffee\n")
    assert "a month $0.61 cost" in shown(capsys, tmp_path, only="brave")


def test_a_narrow_terminal_is_not_overrun() -> None:
    """No line is longer than the terminal, but one that is a single address or name of a setting."""
    found = [
        doctor.Finding(name, c.signal, *doctor.diagnosis(c), doctor.price(c), "answers (HTTP 200)")
        for name, c in CONNECTORS.items()
    ]
    told = list(doctor.lines(found, 80))
    assert [line for line in told if len(line) > 80 and " " in line.strip()] == []
    assert {line.split()[0] for line in told if not line.startswith(" ")} == set(CONNECTORS)
    assert "TALLYRANK_SEARCH_CONSOLE_SERVICE_ACCOUNT_FILE" in "".join(told)


def test_one_source_is_told_all_about(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """State, advice, terms and which of its variables are set, never what they hold; no other source."""
    monkeypatch.setenv("TALLYRANK_REDDIT_CLIENT_SECRET", "s3cr3t")
    words = shown(capsys, tmp_path, only="reddit")
    assert "Reddit (reddit): not ready" in words
    assert "Responsible Builder Policy" in words and "set now TALLYRANK_REDDIT_CLIENT_SECRET" in words
    assert "s3cr3t" not in words and "hatena" not in words


@pytest.mark.parametrize(
    ("name", "hint"), [("hatenna", "did you mean hatena"), ("zzz", "`tallyrank doctor` lists them all")]
)
def test_an_unknown_source_is_answered_with_near_names(name: str, hint: str, tmp_path: Path) -> None:
    """A slip of the pen is answered with what may have been meant."""
    with pytest.raises(TallyrankError, match=hint):
        doctor.examine(tmp_path, offline=True, only=name)


def test_the_file_of_settings_that_was_read_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """`.env` is that of the current folder; where there is none, this is said."""
    assert f"the environment alone; there is no {tmp_path / '.env'}" in shown(capsys, tmp_path, only="hatena")
    (tmp_path / ".env").write_text("TALLYRANK_HATENA_RETRIES=2\n")
    words = shown(capsys, tmp_path, only="hatena")
    assert f"the environment, then {tmp_path / '.env'}" in words
    assert "set now TALLYRANK_HATENA_RETRIES" in words


def test_the_projects_own_file_is_pointed_at(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A `.env` beside the project is not read from another folder, and the doctor says so."""
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / ".env").write_text("")
    monkeypatch.setattr(doctor, "REPOSITORY", tmp_path / "project")
    assert "is read only from its own folder" in doctor.settings_read_from()
