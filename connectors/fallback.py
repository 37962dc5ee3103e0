"""Asking about many at once, or about each by itself where a service does not understand the question for many.

Real services answer both forms; older ones, proxies and servers that replay recorded answers may know only one. Only a
refusal of the *form* leads to the other one: not found, a wrong question, an unreadable answer, or an answer about
something else altogether. A refused token, a used-up allowance and a service that is down say nothing about the form.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Generic

from connectors.base import BREAK_AFTER, Ask, T, failed
from connectors.errors import BadAnswer, BadRequest, Gone, SourceError, Transient
from connectors.records import Raw, Status

REFUSALS: tuple[type[SourceError], ...] = (BadAnswer, BadRequest, Gone)
TRIES = 5  # subjects asked for by themselves before that form, too, is given up


class ManyOrOne(Generic[T]):
    """An answer for `ask_in_batches`: `many` as long as it is understood, else `one` for each, for the rest of the run.

    The form for one counts as understood once it gives a row that is not failed. Where none of the first TRIES
    subjects gets one, it is not tried again, and whichever refusal says more than "not found" is told.
    """

    def __init__(
        self,
        ask: Ask,
        many: Callable[[Sequence[T]], Iterable[Raw]],
        one: Callable[[T], Iterable[Raw]],
        refusals: tuple[type[SourceError], ...] = REFUSALS,
    ) -> None:
        self._ask, self._refusals = ask, refusals
        self._many: Callable[[Sequence[T]], Iterable[Raw]] = many
        self._one: Callable[[T], Iterable[Raw]] = one
        self._knows_one: bool | None = None  # None: not tried yet
        self._end: SourceError | None = None
        self._n_down = 0
        self._trying = threading.Lock()

    def __call__(self, batch: Sequence[T]) -> list[Raw]:
        """The rows of a batch; raises a SourceError when it fails as a whole."""
        if self._end:
            raise self._end
        if self._knows_one:
            return self._each(batch)
        try:
            return list(self._many(batch))
        except self._refusals as refusal:
            with self._trying:  # several threads may be refused at once, and one tries for all
                if self._knows_one is None:
                    return self._instead(batch, refusal)
            if not self._knows_one:
                raise
            return self._each(batch)

    def _instead(self, batch: Sequence[T], refusal: SourceError) -> list[Raw]:
        rows = self._each(batch[:TRIES])
        self._knows_one = any(row.status is not Status.FAILED for row in rows)
        if self._knows_one:
            return rows + self._each(batch[TRIES:])
        if not isinstance(refusal, Gone):
            raise self._end or refusal
        return rows + [failed(self._ask, subject, self._end or refusal) for subject in batch[TRIES:]]

    def _each(self, batch: Sequence[T]) -> list[Raw]:
        rows: list[Raw] = []
        for subject in batch:
            try:
                rows.extend(self._by_itself(subject))
            except SourceError as error:
                rows.append(failed(self._ask, subject, error))
        return rows

    def _by_itself(self, subject: T) -> list[Raw]:
        """The rows of one subject. What is fatal, and an outage, ends the run: what was read before it is kept."""
        if self._end:
            raise self._end
        try:
            rows = list(self._one(subject))
        except SourceError as error:
            self._n_down = self._n_down + 1 if isinstance(error, Transient) else 0
            self._end = error if error.is_fatal or self._n_down >= BREAK_AFTER else None
            raise
        self._n_down = 0
        return rows


def about(source: str, asked: Collection[str], found: dict[str, Any]) -> dict[str, Any]:
    """What was found by id. Raises BadAnswer when all of it is about something that nobody asked for: then what is
    missing may be there all the same.
    """
    if found and not found.keys() & set(asked):
        raise BadAnswer(source, "the answer is about something else than was asked for")
    return found


def id_text(value: Any) -> Any:
    """An id as text, where it came as a number; anything else as it is."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value
