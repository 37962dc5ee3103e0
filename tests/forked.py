"""The command line in a process of its own that starts at once: forked from one that has imported everything already.

Importing Dagster and the models takes longer than most commands do, and the tests start hundreds of them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from multiprocessing import forkserver, get_context
from multiprocessing.context import ForkServerContext
from pathlib import Path
from subprocess import CompletedProcess
from tempfile import TemporaryDirectory
from unittest import mock

PATIENCE = 300.0
IMPORTED = ["pipelines.cli", "pipelines.runs", "matplotlib.figure", "matplotlib.backends.backend_agg"]


def tallyrank(
    arguments: Sequence[str], environment: Mapping[str, str], folder: Path, kill_after: float = PATIENCE
) -> CompletedProcess[str]:
    """Run a command in a folder; what it printed, and how it ended. It is killed (SIGKILL) after some seconds."""
    with TemporaryDirectory() as place:
        said, complained = Path(place, "out"), Path(place, "err")
        process = _context().Process(
            target=_command, args=([*arguments], dict(environment), str(folder), str(said), str(complained))
        )
        process.start()
        process.join(kill_after)
        if process.is_alive():
            process.kill()
            process.join()
        ended = process.exitcode
        assert ended is not None
        printed = [file.read_text(encoding="utf-8") if file.exists() else "" for file in (said, complained)]
    return CompletedProcess([*arguments], ended, *printed)


@cache
def _context() -> ForkServerContext:
    """Where processes are forked from; started once in each process that tests."""
    context = get_context("forkserver")
    context.set_forkserver_preload(IMPORTED)
    theirs = {"PYTHONPATH": str(Path(__file__).parents[1]), "COLUMNS": "200", "PYTHONWARNINGS": "ignore"}
    with mock.patch.dict(os.environ, theirs):
        forkserver.ensure_running()
    return context


def _command(arguments: list[str], environment: dict[str, str], folder: str, said: str, complained: str) -> None:
    """In the new process: put on the environment, and be `tallyrank`."""
    for path, descriptor in ((said, 1), (complained, 2)):
        with open(path, "wb") as file:  # noqa: PTH123  the descriptor is what counts
            os.dup2(file.fileno(), descriptor)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = ["tallyrank", *arguments]

    from pipelines.cli import main

    main()
