"""`tallyrank init`: asks what the project is about and writes its file. It never asks for a secret."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import typer

from connectors.base import discover, listed
from connectors.errors import TallyrankError
from pipelines.console import err, out
from pipelines.project import NAME, parsed
from pipelines.project.ask import Asking, answers_of, say
from pipelines.project.settings import unheard
from pipelines.project.write import SCHEMA, Answers, secrets_of, text_of

STOPPED = 130
OLD = f"{NAME}.old"
Given = Mapping[str, Any]


def init(folder: Path, given: Given, *, is_sure: bool, is_replacing: bool) -> None:
    """Ask for what was not given, show the file, and write it where it is wanted; Ctrl-C writes nothing."""
    path = folder / NAME
    if path.exists() and not is_replacing:
        raise TallyrankError(
            f"{path} is there already: change it, or write it anew with --replace (the old one is kept)"
        )
    try:
        answers = answers_of(Asking(given, is_sure))
        text = text_of(answers, folder)
        parsed(text.encode(), path)
        out.print(f"\n{text}", markup=False)
        is_wanted = is_sure or typer.confirm(f"Write this to {path}?", default=True)
    except (typer.Abort, KeyboardInterrupt, EOFError):
        err.print("\nstopped; nothing was written", markup=False)
        sys.exit(STOPPED)
    if not is_wanted:
        out.print("Nothing was written.")
        return
    _write(path, text)
    _tell_next(path, answers)


def _write(path: Path, text: str) -> None:
    """The file, whole or not at all; one that was there before is kept under another name."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as part:
            part.write(text)
        if path.exists():
            path.replace(path.with_name(OLD))
        Path(part.name).replace(path)
        path.chmod(0o644)
    except OSError as error:
        raise TallyrankError(
            f"{path} cannot be written ({error.strerror}): choose another folder with --data"
        ) from None


def _tell_next(path: Path, answers: Answers) -> None:
    """What to do now, in order."""
    out.print(f"\nwritten: {path}\n\nNext:", markup=False)
    _tell_platforms(answers)
    if not (answers.keywords or answers.queries):
        say(f"  no keywords yet: add some under `keywords` of {NAME}, or to keywords.txt, one a line")
    command = "tallyrank" if path.parent == SCHEMA.parent else f"tallyrank --data {shlex.quote(str(path.parent))}"
    steps = {"doctor": "what is ready, what is missing, where to get it"}
    steps["run"] = "read every source that is ready, then analyse"
    if answers.mail_to:
        steps["mail --dry-run"] = f"see the mail; `{command} mail --help` says what sending needs"
    steps["ui"] = "the daily schedule, runs and checks"
    width = len(command) + max(map(len, steps)) + 3
    for step, why in steps.items():
        say(f"  {f'{command} {step}':<{width}}{why}")


def _tell_platforms(answers: Answers) -> None:
    """The variables that the chosen sources wait for, and what of the market they take no notice of."""
    chosen = [discover()[name] for name in answers.platforms]
    if names := [holder for connector in chosen for holder in secrets_of(connector).values()]:
        say(f"  put these into the environment or into .env, never into {NAME}:")
        say("\n".join(f"    {name}=" for name in names))
    market: dict[str, str | None] = {"country": answers.country, "language": answers.language, "device": answers.device}
    for connector in chosen:
        if any(stream.asks == "keywords" for stream in connector.streams) and (lost := unheard(connector, market)):
            say(f"  {connector.name} takes no {listed(lost)} from this file; its own settings hold")
