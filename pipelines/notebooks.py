"""Notebooks for people: a shipped one is copied into the data folder and opened there, and never changed itself."""

from __future__ import annotations

import ast
import re
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from connectors.errors import TallyrankError

SHIPPED = Path(__file__).resolve().parents[1] / "dashboards" / "notebooks"
FIRST = "first_look"


@dataclass(frozen=True)
class Copy:
    """A notebook of the user's; `is_changed` says that the shipped one of that name reads otherwise."""

    path: Path
    is_new: bool
    is_changed: bool


def shipped() -> dict[str, str]:
    """The notebooks that come along, by name, with the first line of what each says of itself."""
    paths = sorted(SHIPPED.glob("*.py"), key=lambda path: (path.stem != FIRST, path.stem))
    return {path.stem: (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").splitlines()[0] for path in paths}


def own(data: Path, name: str) -> Copy:
    """The user's copy of a notebook, made now if there is none; one that was made earlier is left as it is.

    A notebook that the user put there is found too. TallyrankError, with the names there are, if there is none.
    """
    path, source = data / "notebooks" / f"{name}.py", SHIPPED / f"{name}.py"
    if not re.fullmatch(r"\w[\w-]*", name) or not (path.exists() or source.exists()):
        mine = sorted(p.stem for p in path.parent.glob("*.py") if p.stem not in shipped())
        raise TallyrankError(f"no notebook is called {name!r}; there are {', '.join([*shipped(), *mine])}")
    if path.exists():
        return Copy(path, False, source.exists() and path.read_bytes() != source.read_bytes())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(source.read_bytes())
    return Copy(path, True, False)


def command(path: Path, port: int, *, is_reading: bool, is_headless: bool) -> list[str]:
    """The command that opens a notebook with marimo on loopback; TallyrankError that says what to do without marimo.

    `is_reading` shows it as a page without code, else it can be changed; `is_headless` opens no browser.
    """
    if find_spec("marimo") is None:
        raise TallyrankError(
            "notebooks need marimo, which is not installed: run `make setup` in the project's folder, or there "
            "`pip install --editable '.[notebooks]'`"
        )
    verb = ["run"] if is_reading else ["edit", "--skip-update-check"]
    options = ["--host", "127.0.0.1", "--port", str(port), "--token", "--no-sandbox"]
    return [
        sys.executable,
        "-m",
        "pipelines.notebook_server",
        *verb,
        *options,
        *(["--headless"] if is_headless else []),
        str(path),
    ]
