"""What assets are given: the lake, how to analyse it, and somewhere to report progress."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dagster as dg
from pydantic import Field

from connectors.errors import TallyrankError
from pipelines.lake import Lake
from pipelines.panels import ACROSS, calendar

ACROSS_BREAKS = (
    "Breaks across which series are compared all the same, by their `id` in breaks.yaml, or `all`. A ruler that "
    "changed then counts as if pages had moved: look at the result with that in mind. Empty: the daily rule, which "
    "compares across none unless TALLYRANK_ACROSS_BREAKS says so."
)
_listeners: list[Callable[[str], None]] = []


class LakeResource(dg.ConfigurableResource[Lake]):
    """The data folder, by default the one named by TALLYRANK_DATA."""

    data_dir: str

    def open(self) -> Lake:
        """The lake in that folder."""
        return Lake(self.data_dir)


class AnalysisResource(dg.ConfigurableResource[None]):
    """How the models look at the data; what is left out is as the environment says."""

    across_breaks: list[str] = Field(default=[], description=ACROSS_BREAKS)

    @contextmanager
    def applied(self, lake: Lake) -> Iterator[None]:
        """Inside the block, the models of this process look across these breaks; raises TallyrankError for a break
        that nobody knows.
        """
        before = os.environ.get(ACROSS)
        check_breaks(self.across_breaks, lake)
        if self.across_breaks:
            os.environ[ACROSS] = ",".join(self.across_breaks)
        try:
            yield
        finally:
            if before is None:
                os.environ.pop(ACROSS, None)
            else:
                os.environ[ACROSS] = before


def check_breaks(names: list[str], lake: Lake) -> None:
    """Raise TallyrankError for names that are no breaks of the lake's calendar."""
    if not names:
        return
    known = {found.id for found in calendar(lake)}
    if unknown := sorted(set(names) - known - {"all"}):
        some = ", ".join(sorted(known)) or "none"
        raise TallyrankError(f"no break is called {' or '.join(unknown)}; across_breaks takes `all` or some of: {some}")


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
