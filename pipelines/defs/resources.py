"""What assets are given: the lake, and somewhere to report progress."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dagster as dg

from pipelines.lake import Lake

_listeners: list[Callable[[str], None]] = []


class LakeResource(dg.ConfigurableResource[Lake]):
    """The data folder, by default the one named by TALLYRANK_DATA."""

    data_dir: str

    def open(self) -> Lake:
        """The lake in that folder."""
        return Lake(self.data_dir)


@contextmanager
def on_progress(listener: Callable[[str], None]) -> Iterator[None]:
    """Inside the block, `listener` is told in one line each time a piece of work in this process is done."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def done(words: str) -> None:
    """Report a finished piece of work."""
    for listener in _listeners:
        listener(words)
