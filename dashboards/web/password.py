"""The password of the web app: chosen by a person, kept as an argon2id hash that its owner alone can read."""

from __future__ import annotations

import hashlib
import os
import secrets
import threading
import unicodedata
from pathlib import Path

from argon2 import PasswordHasher, Type, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError
from filelock import FileLock

from connectors.errors import TallyrankError

VARIABLE = "TALLYRANK_DASHBOARD_PASSWORD_HASH"
SHORTEST, LONGEST = 12, 1_000
_one_at_a_time = threading.Lock()  # a check takes 64 MiB: many at once must not take them many times over


def why_unfit(password: str) -> str | None:
    """Why a password will not do, in words; None where it will."""
    if len(_same_everywhere(password)) < SHORTEST:
        return f"a password has at least {SHORTEST} characters; a few unrelated words do well"
    if len(password) > LONGEST:
        return f"a password has at most {LONGEST:,} characters"
    return None


def set_password(folder: Path, password: str) -> None:
    """Keep the hash of a password; whoever is signed in has to do it again."""
    if words := why_unfit(password):
        raise TallyrankError(words)
    _write(folder / "password", PasswordHasher(type=Type.ID).hash(_bytes(password)))


def kept_hash(folder: Path) -> str | None:
    """The hash in force: that of the environment, else that of the folder; None where no password is set.

    Raises TallyrankError where it is none of argon2id.
    """
    given = os.environ.get(VARIABLE, "").strip()
    path = folder / "password"
    try:
        found = given or path.read_text("utf-8").strip()
    except FileNotFoundError:
        return None
    try:
        is_ours = extract_parameters(found).type is Type.ID
    except InvalidHashError:
        is_ours = False
    if not is_ours:
        raise TallyrankError(f"{VARIABLE if given else path} holds no argon2id hash; set one by --set-password")
    return found


def is_right(folder: Path, password: str) -> bool:
    """Whether this is the password. Slow on purpose, equally so whatever was typed."""
    kept = kept_hash(folder)
    if kept is None or len(password) > LONGEST:
        return False
    with _one_at_a_time:
        try:
            return PasswordHasher().verify(kept, _bytes(password))
        except (VerificationError, InvalidHashError):
            return False


def mark(folder: Path) -> str:
    """What tells one password in force from the next, without telling the hash; empty where none is set."""
    kept = kept_hash(folder)
    return hashlib.sha256(kept.encode()).hexdigest() if kept else ""


def session_key(folder: Path) -> bytes:
    """The key that cookies are signed with: made once, the same for all workers and after a restart."""
    path = folder / "session-key"
    with FileLock(folder_of_its_own(folder) / "session-key.lock"):
        if not path.exists():
            _write(path, secrets.token_hex(32))
        return path.read_bytes()


def folder_of_its_own(folder: Path) -> Path:
    """The folder, made where it is missing so that nobody else can look into it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise TallyrankError(
            f"{folder} cannot be made ({error.strerror}); the web app keeps its password there"
        ) from None
    return folder


def _write(path: Path, words: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    new = folder_of_its_own(path.parent) / f".{path.name}.{secrets.token_hex(4)}"
    try:
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123
            file.write(f"{words}\n")
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as error:
        raise TallyrankError(f"{path} cannot be written: {error.strerror}") from None


def _same_everywhere(password: str) -> str:
    """The password in one spelling: keyboards send the same accented letter in different ways."""
    return unicodedata.normalize("NFKC", password)


def _bytes(password: str) -> bytes:
    """What is hashed; half a character, as broken input has it, is no error."""
    return _same_everywhere(password).encode("utf-8", "surrogatepass")
