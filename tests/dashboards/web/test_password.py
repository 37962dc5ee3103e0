"""The password: long enough, kept as argon2id, readable by its owner alone, never told."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import argon2
import pytest

from connectors.errors import TallyrankError
from dashboards.web import password
from dashboards.web.password import VARIABLE

RIGHT = "correct horse battery"


@pytest.fixture(autouse=True)
def _no_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


def test_it_is_kept_as_an_argon2id_hash(tmp_path: Path) -> None:
    """The file holds what argon2's own parser calls argon2id, for its owner alone, and no other file is left."""
    folder = tmp_path / "web"
    password.set_password(folder, RIGHT)
    kept = (folder / "password").read_text().strip()
    assert argon2.extract_parameters(kept).type is argon2.Type.ID
    assert argon2.PasswordHasher().verify(kept, RIGHT)
    assert stat.S_IMODE((folder / "password").stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir()] == ["password"]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the password."""
    folder = tmp_path_factory.mktemp("web")
    password.set_password(folder, RIGHT)
    return folder


@pytest.mark.parametrize("wrong", ["", "correct horse", RIGHT.upper(), f"{RIGHT} ", "x" * 100_000, "\x00", "\ud800"])
def test_nothing_else_is_right(kept: Path, wrong: str) -> None:
    """Only the password is right; odd and endless ones are wrong, and no error."""
    assert not password.is_right(kept, wrong)


def test_the_password_is_right(kept: Path) -> None:
    """What was set opens."""
    assert password.is_right(kept, RIGHT)


def test_spellings_of_one_letter_are_the_same(tmp_path: Path) -> None:
    """An accented letter typed as one or as two characters is the same password."""
    password.set_password(tmp_path, "schöne Schuhe für alle")
    assert password.is_right(tmp_path, "scho\u0308ne Schuhe fu\u0308r alle")


@pytest.mark.parametrize(
    ("unfit", "words"), [("x" * 11, "at least 12"), ("", "at least 12"), ("x" * 1001, "at most 1,000")]
)
def test_too_short_or_endless_is_refused(tmp_path: Path, unfit: str, words: str) -> None:
    """Words say why, and nothing is kept."""
    with pytest.raises(TallyrankError, match=words):
        password.set_password(tmp_path / "web", unfit)
    assert not (tmp_path / "web").exists()


def test_without_a_password_nothing_is_right(tmp_path: Path) -> None:
    """No file: no hash, no mark, and no password gets in."""
    assert password.kept_hash(tmp_path) is None
    assert password.mark(tmp_path) == ""
    assert not password.is_right(tmp_path, "")


def test_the_environment_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hash in the environment holds instead of the file."""
    password.set_password(tmp_path, RIGHT)
    before = password.mark(tmp_path)
    monkeypatch.setenv(VARIABLE, argon2.PasswordHasher().hash("another long password"))
    assert password.is_right(tmp_path, "another long password")
    assert not password.is_right(tmp_path, RIGHT)
    assert password.mark(tmp_path) != before


@pytest.mark.parametrize(
    "kind", ["plain words", argon2.PasswordHasher(type=argon2.Type.I).hash(RIGHT)], ids=["plain words", "argon2i"]
)
def test_what_is_no_argon2id_hash_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """A password put where its hash belongs is refused without being repeated."""
    monkeypatch.setenv(VARIABLE, kind)
    with pytest.raises(TallyrankError, match=f"{VARIABLE} holds no argon2id hash") as caught:
        password.kept_hash(tmp_path)
    assert kind not in str(caught.value)


def test_the_mark_changes_with_the_password_even_if_it_is_the_same_again(tmp_path: Path) -> None:
    """Setting a password, even the same one, ends the sessions begun before."""
    password.set_password(tmp_path, RIGHT)
    before = password.mark(tmp_path)
    password.set_password(tmp_path, RIGHT)
    assert password.mark(tmp_path) not in ("", before)


def test_the_key_is_made_once(tmp_path: Path) -> None:
    """Workers that start at the same moment, and later ones, have one key, which its owner alone can read."""
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: password.session_key(tmp_path / "web"), range(16)))
    assert len(keys) == 1
    assert len(keys.pop()) >= 64
    assert stat.S_IMODE((tmp_path / "web" / "session-key").stat().st_mode) == 0o600


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    """A file where the folder should be is an error in words."""
    (tmp_path / "file").write_text("")
    with pytest.raises(TallyrankError, match="cannot be made"):
        password.set_password(tmp_path / "file" / "web", RIGHT)
