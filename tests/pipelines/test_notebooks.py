"""The command that opens notebooks: a copy of the user's own, never the shipped one, on loopback alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from connectors.errors import TallyrankError
from pipelines import notebooks


def test_a_copy_is_made_once_and_then_kept(tmp_path: Path) -> None:
    """The first time the notebook is copied; what the user changed stays, and is said to differ."""
    first = notebooks.own(tmp_path, "blank")
    assert (first.path, first.is_new, first.is_changed) == (tmp_path / "notebooks" / "blank.py", True, False)
    assert first.path.read_bytes() == (notebooks.SHIPPED / "blank.py").read_bytes()
    assert not notebooks.own(tmp_path, "blank").is_changed
    first.path.write_text("mine", encoding="utf-8")
    again = notebooks.own(tmp_path, "blank")
    assert (again.is_new, again.is_changed, again.path.read_text(encoding="utf-8")) == (False, True, "mine")


def test_a_notebook_of_the_user_is_found(tmp_path: Path) -> None:
    """A file that the user put beside the copies is opened by its name, and told of when a name is misspelt."""
    notebooks.own(tmp_path, "blank").path.rename(tmp_path / "notebooks" / "my-question.py")
    assert not notebooks.own(tmp_path, "my-question").is_changed
    with pytest.raises(TallyrankError, match=r"there are first_look, .*my-question"):
        notebooks.own(tmp_path, "my_question")


@pytest.mark.parametrize("name", ["../blank", "/etc/passwd", "", ".hidden", "blank.py", "a b", "-x"])
def test_a_name_is_no_path(name: str, tmp_path: Path) -> None:
    """Nothing outside the folder of notebooks is read or written, whatever the name holds."""
    with pytest.raises(TallyrankError, match="no notebook is called"):
        notebooks.own(tmp_path, name)
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize("is_reading", [True, False])
def test_it_listens_on_loopback_behind_a_token(is_reading: bool, tmp_path: Path) -> None:
    """Whoever opens the address needs the token, and nobody outside the machine can."""
    words = notebooks.command(tmp_path / "x.py", 2718, is_reading=is_reading, is_headless=True)
    assert words[words.index("--host") + 1] == "127.0.0.1" and "--token" in words and "--headless" in words
    assert ("run" in words, "edit" in words) == (is_reading, not is_reading)


def test_without_marimo_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The optional library is named, with the commands that install it, before anything is copied."""
    monkeypatch.setattr(notebooks, "find_spec", lambda name: None)
    with pytest.raises(TallyrankError, match=r"need marimo.*make setup.*\[notebooks\]"):
        notebooks.command(tmp_path / "x.py", 2718, is_reading=False, is_headless=False)


def test_the_command_line_lists_them(tallyrank: Callable[..., CompletedProcess[str]], tmp_path: Path) -> None:
    """`--list` names each with what it is for, and makes no copy; a name that is none is one line and exit code 1."""
    told = tallyrank("notebook", "--list")
    assert told.returncode == 0
    assert [line.partition(":")[0] for line in told.stdout.splitlines()] == list(notebooks.shipped())
    wrong = tallyrank("notebook", "frist_look")
    assert wrong.returncode == 1 and "there are first_look, blank" in " ".join(wrong.stderr.split())
    assert not list(tmp_path.rglob("notebooks"))
