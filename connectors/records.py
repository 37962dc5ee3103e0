"""The words of Tallyrank as records: what a connector hands over, and the Parquet columns that keep it.

Three records: `Raw` (what was received, projected to the fields that parsing reads), `Observation` (one reading of
one count) and `Ranking` (one result of one result list). Unknown is None, never 0. Times are UTC.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

import pyarrow as pa


class Verb(StrEnum):
    """What people did; each platform's own meaning stands in its connector and in DECISIONS.md."""

    SHARE = "share"
    LIKE = "like"
    COMMENT = "comment"
    SAVE = "save"
    VIEW = "view"
    CLICK = "click"


class Status(StrEnum):
    """How a reading ended. Only `observed` carries a number."""

    OBSERVED = "observed"
    HIDDEN = "hidden"  # the platform withholds the number
    UNSUPPORTED = "unsupported"  # the platform has no such number
    NOT_FOUND = "not_found"  # the post or page does not exist there (any more)
    FAILED = "failed"  # we could not read it


class Quality(StrEnum):
    """How far a number can be trusted."""

    EXACT = "exact"
    ROUNDED = "rounded"
    LOWER_BOUND = "lower_bound"
    FUZZED = "fuzzed"
    DEFAULT_ZERO = "default_zero"  # a 0 that may also mean "not reported"


class Basis(StrEnum):
    """What a count belongs to; counts of the two kinds are never added together."""

    PAGE = "page"  # the platform's own total for a web page
    POST = "post"  # one post that links to the page; a page's count is the sum over its posts


class RankKind(StrEnum):
    """What "position" means; kinds are never mixed in one list."""

    ORGANIC = "organic"
    ABSOLUTE = "absolute"
    AVERAGE = "average"
    LIST_INDEX = "list_index"


@dataclass(frozen=True, slots=True)
class Raw:
    """One answer (or failure) about one subject, without names, ids or words of people.

    `subject` is what was asked for (a URL or a post id); `url` the page it concerns, where known before parsing;
    `payload` the projected answer; `error` "<class>: <message>" when `status` is failed.
    """

    subject: str
    observed_at: datetime
    status: Status = Status.OBSERVED
    url: str | None = None
    payload: Any = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """One reading of one count at one moment. `count` is None unless `status` is observed.

    `segment` is None for the whole; else which part of the public was counted, as `<dimension>=<value>` joined by `;`
    (`country=DE`, `age=25-34;gender=female`). Segments are never added to totals.
    """

    platform: str
    verb: Verb
    url: str | None
    observed_at: datetime
    count: int | None = None
    status: Status = Status.OBSERVED
    quality: Quality = Quality.EXACT
    basis: Basis = Basis.PAGE
    object_id: str | None = None
    published_at: datetime | None = None
    native: str | None = None
    segment: str | None = None

    def __post_init__(self) -> None:
        if (self.count is not None) != (self.status is Status.OBSERVED):
            raise ValueError(f"a count belongs to status 'observed' and to no other: {self}")


@dataclass(frozen=True, slots=True)
class Ranking:
    """One result of one result list. A URL looked for and not seen is `found=False`, with `depth` and no position."""

    keyword: str
    url: str
    ranked_at: datetime
    position: float | None
    found: bool = True
    engine: str = "google"
    country: str | None = None
    language: str | None = None
    device: str | None = None
    depth: int | None = None
    rank_kind: RankKind = RankKind.ORGANIC
    impressions: float | None = None
    clicks: float | None = None
    source: str | None = None

    def __post_init__(self) -> None:
        if (self.position is not None) != self.found:
            raise ValueError(f"a position belongs to a result that was found, and to no other: {self}")


_AT = pa.timestamp("us", tz="UTC")

RAW_SCHEMA = pa.schema(
    [
        ("subject", pa.string()),
        ("observed_at", _AT),
        ("status", pa.string()),
        ("url", pa.string()),
        ("payload", pa.string()),
        ("error", pa.string()),
    ]
)
OBSERVATION_SCHEMA = pa.schema(
    [
        ("platform", pa.string()),
        ("verb", pa.string()),
        ("url", pa.string()),
        ("url_key", pa.string()),
        ("observed_at", _AT),
        ("count", pa.int64()),
        ("status", pa.string()),
        ("quality", pa.string()),
        ("basis", pa.string()),
        ("object_id", pa.string()),
        ("published_at", _AT),
        ("native", pa.string()),
        ("segment", pa.string()),
    ]
)
RANKING_SCHEMA = pa.schema(
    [
        ("keyword", pa.string()),
        ("url", pa.string()),
        ("url_key", pa.string()),
        ("ranked_at", _AT),
        ("position", pa.float64()),
        ("found", pa.bool_()),
        ("engine", pa.string()),
        ("country", pa.string()),
        ("language", pa.string()),
        ("device", pa.string()),
        ("depth", pa.int32()),
        ("rank_kind", pa.string()),
        ("impressions", pa.float64()),
        ("clicks", pa.float64()),
        ("source", pa.string()),
    ]
)
COVARIATE_SCHEMA = pa.schema(
    [
        ("url", pa.string()),
        ("url_key", pa.string()),
        ("covariate_day", pa.date32()),
        ("name", pa.string()),
        ("value", pa.float64()),
    ]
)


def day_noon(day: date) -> datetime:
    """The moment at which a host with a clock of its own (a sandbox day) is said to have been read."""
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def to_table(records: Sequence[Any], schema: pa.Schema, **more: list[Any]) -> pa.Table:
    """Records as an Arrow table; `more` adds columns (such as url_key) that are not fields of the record."""
    columns = {name: [getattr(r, name) for r in records] for name in schema.names if name not in more}
    return pa.table({**columns, **more}, schema=schema) if records else schema.empty_table()


def raw_table(rows: Iterable[Raw]) -> pa.Table:
    """Raw rows as they are stored: the payload as compact JSON text with sorted keys."""
    kept = list(rows)
    payloads = [None if r.payload is None else json.dumps(r.payload, sort_keys=True, ensure_ascii=False) for r in kept]
    return to_table(kept, RAW_SCHEMA, payload=payloads)


def raw_rows(table: pa.Table) -> list[Raw]:
    """The inverse of `raw_table`."""
    names = [f.name for f in fields(Raw)]
    return [
        Raw(**{n: row[n] for n in names} | {"status": Status(row["status"]), "payload": _loads(row["payload"])})
        for row in table.to_pylist()
    ]


def _loads(text: str | None) -> Any:
    return None if text is None else json.loads(text)
