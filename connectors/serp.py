"""Result lists read page by page: what the sources of search results have in common.

Since Google gives ten results at a time (September 2025), a deep list is several pages. Sources number a page anew, or
not at all, or say nothing about it, so the place of a result is counted here: where its page starts plus its place on
the page. A result that comes again on a later page keeps its first place. The depth of a list is how many results were
looked at, which may be fewer than wished for: below it nothing is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from typing import Any

from connectors.base import Ask, failed, whole
from connectors.errors import BadAnswer, SourceError, Unavailable
from connectors.fields import listed, mapping, text
from connectors.records import Ranking, RankKind, Raw

Entry = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """The results of one page in their order. An entry has a `url` (None: a result without an address stands there).

    Where the source says so, it also has its `place` on the page, from 1, and the number it was `given`, kept as it is.
    """

    entries: Sequence[Entry]
    is_last: bool = False


def numbered(read: Callable[[int], Page], size: int, wished: int) -> Iterator[tuple[list[Entry], int]]:
    """Page by page: the results that are new, each with its `position`, and how many were looked at so far.

    `read` takes the number of the page, from 0. It is not called again after the last page, an empty one, or one that
    only repeats the pages before.
    """
    seen: set[str] = set()
    looked_at = 0
    for number in range(ceil(wished / size)):
        page = read(number)
        start = max(number * size, looked_at)
        placed = [(start + (entry.get("place") or n), entry) for n, entry in enumerate(page.entries, 1)]
        fresh: list[Entry] = []
        for position, entry in placed:
            if entry["url"] and entry["url"] not in seen:
                seen.add(entry["url"])
                fresh.append({"url": entry["url"], "given": entry.get("given"), "position": position})
        if not fresh:
            return
        looked_at = max(position for position, _ in placed)
        yield fresh, looked_at
        if page.is_last:
            return


def list_rows(
    ask: Ask, keyword: str, facts: Mapping[str, Any], read: Callable[[int], Page], *, size: int, wished: int
) -> list[Raw]:
    """One row with the list of a keyword. When a later page fails, what was read is kept (the depth says how far it
    goes) beside a failed row; when the first one does, the error is raised.
    """
    found: list[Entry] = []
    looked_at, problem = 0, None
    try:
        for fresh, looked_at in numbered(read, size, wished):  # noqa: B007  the last value is wanted
            found += fresh
    except SourceError as error:
        if not found:
            raise
        problem = error
    row = Raw(keyword, ask.observed_at, payload={**facts, "depth": looked_at, "results": found})
    return [row, failed(ask, keyword, problem)] if problem else [row]


def rankings(source: str, rows: Sequence[Raw], kind: RankKind) -> Iterator[Ranking]:
    """The results of stored lists that have an address and a place."""
    for row in rows:
        payload = mapping(row.payload)
        depth, entries = whole(payload.get("depth")), payload.get("results")
        for entry in listed(entries):
            url, position = (
                (entry.get("url"), whole(entry.get("position"))) if isinstance(entry, dict) else (None, None)
            )
            if isinstance(url, str) and url and position is not None and position >= 1:
                yield Ranking(
                    row.subject, url, row.observed_at, float(position), engine=text(payload.get("engine")) or source,
                    country=text(payload.get("country")), language=text(payload.get("language")),
                    device=text(payload.get("device")), depth=depth, rank_kind=kind, source=source,
                )  # fmt: skip


def entries_of(source: str, results: Any, name: str, link: str) -> list[Entry]:
    """The results of a page with their addresses, which the field `link` holds.

    Raises BadAnswer when `results` is no list of objects, or when none of them has that field.
    """
    if not isinstance(results, list) or not all(isinstance(result, dict) for result in results):
        raise BadAnswer(source, f"the answer has no list `{name}`")
    entries = [{"url": text(result.get(link))} for result in results]
    if entries and not any(entry["url"] for entry in entries):
        raise BadAnswer(source, f"no result in `{name}` has a `{link}`: the field may have been renamed")
    return entries


def settle(ask: Ask, expected_usd: float, charged_usd: float) -> None:
    """Book the difference between the price reckoned with and the price charged.

    An answer that is paid for is kept even where the budget does not cover the difference.
    """
    if difference := round(charged_usd - expected_usd, 9):
        ask.meter.settle(difference)


@contextmanager
def refunded(ask: Ask, usd: float) -> Iterator[None]:
    """Take back what was spent when the service refuses; not when its answer is lost or cannot be read."""
    try:
        yield
    except (Unavailable, BadAnswer):
        raise
    except SourceError:
        settle(ask, usd, 0)
        raise
