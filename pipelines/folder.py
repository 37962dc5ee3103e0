"""The data folder of a command: its option, and the settings that hold inside."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from connectors.errors import TallyrankError

REPOSITORY = Path(__file__).resolve().parents[1]
DataOption = Annotated[
    Path | None, typer.Option("--data", help="The data folder; else TALLYRANK_DATA, else data/ of the project.")
]


def lake_of(data: Path | None) -> Path:
    """The data folder, as `folder_of` says; the settings of its project file hold from here on."""
    from pipelines import project

    folder = folder_of(data)
    project.apply(project.load(folder))
    return folder


def folder_of(data: Path | None) -> Path:
    """The data folder that the options and the environment select; the environment then names it too."""
    chosen = (data or Path(os.environ.get("TALLYRANK_DATA") or REPOSITORY / "data")).resolve()
    if chosen.exists() and not chosen.is_dir():
        raise TallyrankError(f"{chosen} is a file; --data wants a folder")
    os.environ["TALLYRANK_DATA"] = str(chosen)
    return chosen
