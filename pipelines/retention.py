"""What a platform's terms do not let us keep: readings too old, and everything about posts that were deleted there.

Where a connector forgets what was deleted, a post whose latest reading is `not_found` leaves the lake: its rows and its
place inside the answers to other questions, in every raw and observations file. What stays is its id with `not_found`,
without address, time or number, so that it is known to be gone. Which part of an answer speaks of a post, the
connector's own parsing decides: an element of a list goes when without it the answer no longer tells of the post.

Where more than half of a source's posts seem to be gone at once, nothing is forgotten and it is said: that is how a
broken answer looks, and what is forgotten cannot be read again. TALLYRANK_FORGET_ALL=true forgets them all the same.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from connectors.base import Connector, Stream, parse_all
from connectors.records import OBSERVATION_SCHEMA, Raw, Status, raw_rows, raw_table
from pipelines.lake import FETCHED_AT, Lake, Part
from pipelines.pull import PARSED_LAYER

FEW, MOST_SHARE = 20, 0.5


def purge(lake: Lake, connectors: Iterable[Connector], now: datetime) -> list[Part]:
    """Delete what a platform's terms do not let us keep any longer; returns the parts that were deleted."""
    gone = []
    for connector in connectors:
        if connector.retention_days is None:
            continue
        limit = now - timedelta(days=connector.retention_days)
        for layer in ("raw", PARSED_LAYER[connector.signal]):
            for part in list(lake.parts(layer, connector.name)):
                if _fetched_at(pq.read_schema(lake.path(part))) < limit:
                    lake.remove(part)
                    gone.append(part)
    return gone


def _fetched_at(schema: pa.Schema) -> datetime:
    return datetime.fromisoformat((schema.metadata or {})[FETCHED_AT].decode())


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many posts were forgotten, and in words which sources seem to have lost too many to believe it."""

    n_posts: int
    doubts: tuple[str, ...] = ()


def forget_deleted(lake: Lake, connectors: Iterable[Connector]) -> Forgotten:
    """Take posts that are gone on their platform out of the lake.

    Raw goes first: what tells of a post that is still to be forgotten are the observations.
    """
    n_posts, doubts = 0, []
    for connector in connectors:
        if not connector.forgets_deleted or connector.signal != "votes":
            continue
        found = _to_forget(lake, connector)
        gone = frozenset().union(*(ids for _, ids in found))
        if doubt := _doubt(lake, connector, len(gone)):
            doubts.append(doubt)
            continue
        for part, ids in found:
            _rewrite(lake, replace(part, layer="raw"), connector, ids)
            _rewrite(lake, part, connector, ids)
        n_posts += len(gone)
    return Forgotten(n_posts, tuple(doubts))


def _doubt(lake: Lake, connector: Connector, n_gone: int) -> str | None:
    """Why so many posts are not forgotten, if they are too many."""
    if n_gone <= FEW or os.environ.get("TALLYRANK_FORGET_ALL", "").lower() in ("1", "true", "yes"):
        return None
    layer = PARSED_LAYER[connector.signal]
    select = "SELECT count(DISTINCT object_id) FROM parts WHERE url IS NOT NULL"
    n_known = lake.query(lake.parts(layer, connector.name), layer, select)[0][0]
    if n_gone <= MOST_SHARE * n_known:
        return None
    words = f"{connector.name}: {n_gone} of {n_known} posts seem to be deleted there, so none was forgotten here"
    return f"{words}; if it is true, run once with TALLYRANK_FORGET_ALL=true"


def _to_forget(lake: Lake, connector: Connector) -> list[tuple[Part, frozenset[str]]]:
    """The files that still tell of posts that are gone, and which posts those are."""
    layer = PARSED_LAYER[connector.signal]
    rows = lake.query(lake.parts(layer, connector.name), layer, GONE)
    return [(Part(layer, connector.name, stream, day), frozenset(ids)) for stream, day, ids in rows]


GONE = f"""
    SELECT stream, day, list(DISTINCT object_id) FROM parts
    WHERE (url IS NOT NULL OR status <> '{Status.NOT_FOUND.value}') AND object_id IN (
        SELECT object_id FROM (
            SELECT object_id, status, rank() OVER (PARTITION BY object_id ORDER BY observed_at DESC) AS nth
            FROM parts WHERE object_id IS NOT NULL AND status <> '{Status.FAILED.value}'
        ) WHERE nth = 1 GROUP BY object_id
        HAVING bool_or(status = '{Status.NOT_FOUND.value}')
            AND NOT bool_or(status IN ('{Status.OBSERVED.value}', '{Status.HIDDEN.value}'))
    )
    GROUP BY stream, day ORDER BY stream, day
"""


def _rewrite(lake: Lake, part: Part, connector: Connector, ids: frozenset[str]) -> None:
    """Replace a file by one without some posts; left for the next time where it is being written anew just now.

    The moment of reading is kept: what stays is not read anew, and may not be kept any longer for it.
    """
    path = lake.path(part)
    if not path.exists():
        return
    before = path.stat().st_mtime_ns
    table = pq.read_table(path, partitioning=None)
    if part.layer == "raw":
        kept = raw_table(without(connector, connector.stream(part.stream), raw_rows(table), ids))
    else:
        kept = _observations_without(table, ids)
    if path.stat().st_mtime_ns == before:
        lake.write(part, kept, _fetched_at(table.schema))


def _observations_without(table: pa.Table, ids: frozenset[str]) -> pa.Table:
    """Observations of other posts, and one row per verb that says a post is gone."""
    stays: list[dict[str, Any]] = []
    gone: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in table.to_pylist():
        if row["object_id"] not in ids:
            stays.append(row)
        elif row["status"] == Status.NOT_FOUND.value:
            bare = row | {"url": None, "url_key": None, "published_at": None}
            gone.setdefault((row["object_id"], row["verb"], row["observed_at"], row["segment"]), bare)
    return pa.Table.from_pylist([*stays, *gone.values()], schema=OBSERVATION_SCHEMA)


def without(connector: Connector, stream: Stream, rows: Sequence[Raw], ids: frozenset[str]) -> list[Raw]:
    """Raw rows that tell nothing of some posts; of those asked about by id it stays known that they are gone."""
    kept: dict[Raw | int, Raw] = {}
    for n, row in enumerate(rows):
        if row.subject not in ids:
            if (shorter := _shortened(connector, stream, row, ids)) is not None:
                kept[n] = shorter
        elif row.status is Status.NOT_FOUND:
            bare = replace(row, url=None, payload=None, error=None)
            kept.setdefault(bare, bare)
    found = list(kept.values())
    if _told(connector, stream, found) & ids:  # told by several rows together
        found = [row for row in found if row.payload is None or not _mentions(row.payload, ids)]
    return found


def _shortened(connector: Connector, stream: Stream, row: Raw, ids: frozenset[str]) -> Raw | None:
    """The row without what it tells of some posts; None where it tells of no other."""
    while (told := _told(connector, stream, [row])) & ids:
        shorter = (replace(row, payload=payload) for payload in _one_less(row.payload)) if told - ids else iter(())
        fits = (r for r in shorter if (rest := _told(connector, stream, [r])) < told and told - rest <= ids)
        following = next(fits, None)
        if following is None:
            return None
        row = following
    return row


def _told(connector: Connector, stream: Stream, rows: Sequence[Raw]) -> set[str | None]:
    """The posts that rows tell of; None among them where they tell of a page as a whole, or of none found."""
    return {getattr(record, "object_id", None) for record in parse_all(connector, stream, rows)}


def _one_less(payload: Any) -> Iterator[Any]:
    """The payload without one of the objects in its lists, whole objects before what is inside them."""
    if isinstance(payload, list):
        for n, item in enumerate(payload):
            if isinstance(item, dict):
                yield [*payload[:n], *payload[n + 1 :]]
    steps = payload.items() if isinstance(payload, dict) else enumerate(payload) if isinstance(payload, list) else ()
    for step, inner in steps:
        for less in _one_less(inner):
            changed = dict(payload) if isinstance(payload, dict) else list(payload)
            changed[step] = less
            yield changed


def _mentions(payload: Any, ids: frozenset[str]) -> bool:
    text = json.dumps(payload, ensure_ascii=False)
    return any(each in text for each in ids)
