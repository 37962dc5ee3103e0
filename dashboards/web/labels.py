"""What the Reputation page may write: labels, by way of whoever serves the app. Everything else is read-only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

COMMAND = "tallyrank label URL hostile --author NAME"


class Entry(Protocol):
    """What somebody called a page, for one brand query or (None) for every one, and when (UTC)."""

    @property
    def url(self) -> str:
        """The address as it was given."""

    @property
    def page_key(self) -> str:
        """The join key of the page."""

    @property
    def query(self) -> str | None:
        """The brand query, or None for every one."""

    @property
    def label(self) -> str:
        """One of words.LABELS."""

    @property
    def author(self) -> str:
        """Who said so."""

    @property
    def labelled_at(self) -> datetime:
        """When."""

    @property
    def note(self) -> str:
        """Why, in the author's words; empty where nothing was noted."""


class Labels(Protocol):
    """The ledger of labels: who called which page what, for which query."""

    def read(self) -> tuple[Sequence[Entry], Sequence[str]]:
        """Every entry, the oldest first, and in words what is wrong with lines that are none."""

    def latest(self) -> Mapping[tuple[str, str | None], Entry]:
        """The entry that holds for each (page key, query), None being every query."""

    def add(self, url: str, label: str, author: str, query: str | None, note: str) -> Entry:
        """Append an entry; raises TallyrankError that says what is wrong with it."""
