"""Read one source for one day: decide what to ask, fetch, keep the raw rows, parse them. No Dagster here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa

from connectors.base import Ask, Connector, ConnectorSettings, Meter, Post, Stream, parse_all
from connectors.errors import PastRefused, SourceError
from connectors.records import (
    OBSERVATION_SCHEMA,
    RANKING_SCHEMA,
    Basis,
    Raw,
    Status,
    day_noon,
    raw_table,
    to_table,
)
from connectors.urls import url_key
from pipelines import money, project
from pipelines.lake import Lake, Part
from pipelines.pages import keywords, pages
from pipelines.project.settings import by_market

KNOWN_POSTS_DAYS = 60
ORDER = {"account": 0, "keywords": 1, "urls": 2, "posts": 3}
PARSED_LAYER = {"votes": "observations", "rankings": "rankings"}


@dataclass(frozen=True, slots=True)
class StreamDay:
    """How reading one stream for one day went. `error` is the first failure in words; `n_unreadable` counts parsed
    readings without a number, because a read failed or a field is gone.
    """

    connector: str
    stream: str
    day: date
    n_rows: int
    n_failed: int
    n_parsed: int
    n_unreadable: int
    n_requests: int
    usd: float
    error: str | None

    @property
    def is_failed(self) -> bool:
        """Nothing could be read."""
        return self.n_failed > 0 and self.n_failed == self.n_rows


def pull_day(lake: Lake, connector: Connector, day: date) -> list[StreamDay]:
    """Read every stream of a connector for a day and replace that day in the lake.

    A stream that fails leaves its failed rows; the other streams go on. Raises SourceError before anything is asked
    when the source is not configured or the day cannot be asked about.
    """
    settings = connector.ready()
    streams = sorted(connector.streams, key=lambda s: ORDER[s.asks])
    for stream in streams:
        refuse_past(connector, stream, settings, day)
    return [_pull_stream(lake, connector, stream, settings, day) for stream in streams]


def refuse_past(connector: Connector, stream: Stream, settings: ConnectorSettings, day: date) -> None:
    """Raise PastRefused when a live counter is asked about another day than today."""
    today = datetime.now(UTC).date()
    if day == today or settings.has_clock or (stream.keeps_past and day < today):
        return
    words = f"{stream.title} can only be read live: asked for {day}, today is {today} (UTC). Leave out the day."
    raise PastRefused(connector.name, words)


def _pull_stream(lake: Lake, connector: Connector, stream: Stream, settings: Any, day: date) -> StreamDay:
    now = day_noon(day) if settings.has_clock else datetime.now(UTC)
    ask = _with_subjects(lake, connector, stream, Ask(settings, day, now, meter=money.meter(lake, connector, settings)))
    paid, parts = _unpaid(lake, connector, stream, ask)
    asked = [part for part in parts if stream.asks == "account" or subjects(part)]
    rows = [row for part in asked for row in fetch(connector, stream, part)]
    if _is_listing(stream) and any(r.status is Status.FAILED and r.url is None for r in rows):
        rows += _unread(lake, connector, stream, ask, rows)
    return keep(lake, connector, stream, day, [*paid, *rows], ask.meter)


def _is_listing(stream: Stream) -> bool:
    """Whether a stream lists the posts of accounts."""
    return stream.asks == "account" and not stream.is_segmented


def _unpaid(lake: Lake, connector: Connector, stream: Stream, ask: Ask) -> tuple[list[Raw], list[Ask]]:
    """What an earlier run of the day has read and would cost money again; and the question without it, in parts."""
    parts = in_markets(lake, connector, stream, ask)
    paid = _paid_for(lake, connector, stream, ask.day, parts)
    answered = {row.subject for row in paid}
    return paid, [without(part, answered) for part in parts]


def _paid_for(lake: Lake, connector: Connector, stream: Stream, day: date, parts: Sequence[Ask]) -> list[Raw]:
    """What an earlier run of the same day has read well, where reading it again would cost money again."""
    if stream.usd is None or stream.asks == "account":
        return []
    times = Counter(s for part in parts for s in subjects(part))
    earlier = lake.read_raw(connector.name, stream.name, day) or []
    well = [row for row in earlier if row.status is not Status.FAILED and row.subject in times]
    answers = Counter(row.subject for row in well)
    return [row for row in well if answers[row.subject] >= times[row.subject]]


def in_markets(lake: Lake, connector: Connector, stream: Stream, ask: Ask) -> list[Ask]:
    """A question about keywords, in a part for each market that the project file names, with the settings that tell it
    to the source; any other question as it is.
    """
    if stream.asks != "keywords":
        return [ask]
    found = by_market(connector, project.load(lake.root), ask.keywords)
    return [
        replace(ask, keywords=tuple(texts), settings=_changed(ask.settings, dict(changes)))
        for changes, texts in found.items()
    ]


def _changed(settings: Any, changes: dict[str, str]) -> Any:
    """Settings with some of them changed, checked like all others."""
    return type(settings)(**(settings.model_dump() | changes)) if changes else settings


def subjects(ask: Ask) -> list[str]:
    """What a question is about: pages, ids of posts, or keywords."""
    return [*ask.urls, *(post.object_id for post in ask.posts), *ask.keywords]


def without(ask: Ask, answered: set[str]) -> Ask:
    """The question without the subjects that need no answer any more."""
    return replace(
        ask,
        urls=tuple(u for u in ask.urls if u not in answered),
        posts=tuple(p for p in ask.posts if p.object_id not in answered),
        keywords=tuple(k for k in ask.keywords if k not in answered),
    )


def to_ask(lake: Lake, connector: Connector, stream: Stream, settings: Any, day: date) -> list[Ask]:
    """The questions that a run of that day would put, without putting them (what is paid for already is left out)."""
    ask = _with_subjects(lake, connector, stream, Ask(settings, day, datetime.now(UTC)))
    return _unpaid(lake, connector, stream, ask)[1]


def fetch(connector: Connector, stream: Stream, ask: Ask) -> list[Raw]:
    """All rows of a stream; a failure of the stream as a whole becomes one failed row."""
    rows: list[Raw] = []
    try:
        rows.extend(stream.fetch(ask))
    except SourceError as error:
        words = f"{type(error).__name__}: {error.message}"
        rows.append(Raw(stream.name, ask.observed_at, Status.FAILED, error=words))
    return rows


def _unread(lake: Lake, connector: Connector, stream: Stream, ask: Ask, rows: Sequence[Raw]) -> list[Raw]:
    """Failed rows for the posts that this account had and that could not be listed today: unknown, not as yesterday."""
    read = {getattr(record, "object_id", None) for record in parse_all(connector, stream, rows)}
    error = next(r.error for r in rows if r.status is Status.FAILED)
    known = known_posts(lake, connector, ask.day, stream)
    return [
        Raw(post.object_id, ask.observed_at, Status.FAILED, post.url, error=error)
        for post in known
        if post.object_id not in read
    ]


def keep(lake: Lake, connector: Connector, stream: Stream, day: date, rows: Sequence[Raw], meter: Meter) -> StreamDay:
    """Replace the raw and parsed rows of a day in the lake.

    What was read well earlier that day and fails now is kept: a live counter cannot be read again tomorrow.
    """
    errors = [r.error for r in rows if r.status is Status.FAILED]
    kept = _with_earlier(lake, connector, stream, day, rows)
    parsed = parsed_table(connector, stream, kept)
    lake.write(Part("raw", connector.name, stream.name, day), raw_table(kept))
    lake.write(Part(PARSED_LAYER[connector.signal], connector.name, stream.name, day), parsed)
    statuses = parsed["status"].to_pylist() if connector.signal == "votes" else []
    return StreamDay(
        connector.name, stream.name, day, len(rows), len(errors), parsed.num_rows,
        statuses.count(Status.FAILED.value), meter.requests, meter.usd, errors[0] if errors else None,
    )  # fmt: skip


def _with_earlier(lake: Lake, connector: Connector, stream: Stream, day: date, rows: Sequence[Raw]) -> list[Raw]:
    """The rows, where one failed with what an earlier run of the same day read of its subject."""
    lost = {r.subject for r in rows if r.status is Status.FAILED}
    earlier = lake.read_raw(connector.name, stream.name, day) if lost else None
    saved = [r for r in earlier or [] if r.subject in lost and r.status is not Status.FAILED]
    mended = {r.subject for r in saved}
    return [r for r in rows if r.status is not Status.FAILED or r.subject not in mended] + saved


def parsed_table(connector: Connector, stream: Stream, rows: Sequence[Raw]) -> pa.Table:
    """Rows parsed into observations or rankings, with their join keys."""
    records = parse_all(connector, stream, rows)
    schema = OBSERVATION_SCHEMA if connector.signal == "votes" else RANKING_SCHEMA
    return to_table(records, schema, url_key=[url_key(r.url) if r.url else None for r in records])


def _with_subjects(lake: Lake, connector: Connector, stream: Stream, ask: Ask) -> Ask:
    if stream.asks == "account":
        return ask
    if stream.asks == "keywords":
        return replace(ask, keywords=tuple(keywords(lake)))
    if stream.asks == "posts":
        due = overdue_posts(lake, connector, ask.day, ask.settings.recheck_days)
        return replace(ask, posts=(*known_posts(lake, connector, ask.day), *due))
    wanted, is_discovery = pages(lake, ask.day), _is_discovery(connector, stream)
    if not is_discovery and stream.budget is None:
        return replace(ask, urls=tuple(wanted))
    asked = last_asked(lake, connector, stream, ask.day)
    if is_discovery:
        since = ask.day - timedelta(days=ask.settings.rediscover_days)
        wanted = [u for u in wanted if asked.get(u, date.min) <= since]
    if stream.budget is not None:
        wanted = sorted(wanted, key=lambda u: asked.get(u, date.min))[: getattr(ask.settings, stream.budget)]
    return replace(ask, urls=tuple(wanted))


def _is_discovery(connector: Connector, stream: Stream) -> bool:
    """Whether pages are asked about to find posts, which are then refreshed by id."""
    refreshed = any(s.asks == "posts" for s in connector.streams)
    return stream.asks == "urls" and connector.basis is Basis.POST and refreshed


def last_asked(lake: Lake, connector: Connector, stream: Stream, before: date) -> dict[str, date]:
    """The last day before `before` on which each page was asked about with success."""
    parts = [p for p in lake.parts("raw", connector.name, stream.name) if p.day < before]
    select = f"SELECT subject, max(day) FROM parts WHERE status <> '{Status.FAILED.value}' GROUP BY subject"
    return dict(lake.query(parts, "raw", select))


def known_posts(lake: Lake, connector: Connector, day: date, stream: Stream | None = None) -> list[Post]:
    """Posts found on earlier days (by one stream, or any) and not gone since, less those that have been read already
    this day by a stream that finds posts.
    """
    name = stream.name if stream else "*"
    found = lake.parts("observations", connector.name, name)
    earlier = [p for p in found if timedelta(0) < day - p.day <= timedelta(days=KNOWN_POSTS_DAYS)]
    done = set() if stream else _found_today(lake, connector, day)
    return [Post(*row) for row in lake.query(earlier, "observations", LAST_SEEN) if row[0] not in done]


def _found_today(lake: Lake, connector: Connector, day: date) -> set[str]:
    """Posts that a stream which finds posts has read this day."""
    finders = {s.name for s in connector.streams if s.asks != "posts" and not s.is_segmented}
    today = [p for p in lake.parts("observations", connector.name) if p.day == day and p.stream in finders]
    select = f"SELECT DISTINCT object_id FROM parts WHERE status <> '{Status.FAILED.value}'"
    return {row[0] for row in lake.query(today, "observations", select)}


def overdue_posts(lake: Lake, connector: Connector, day: date, recheck_days: int) -> list[Post]:
    """Posts that left the daily refreshing because they could not be read for too long, and are due to be looked for
    again: where what is deleted must be deleted here too, nothing may lie in the lake unasked.
    """
    horizon = day - timedelta(days=max(KNOWN_POSTS_DAYS + 1, recheck_days))
    parts = [p for p in lake.parts("observations", connector.name) if p.day < day]
    if not connector.forgets_deleted or not any(p.day <= horizon for p in parts):
        return []
    done = _found_today(lake, connector, day)
    select = f"SELECT object_id, min(url), min(published_at) FROM ({LAST_SEEN_DAY}) GROUP BY 1"
    due = f"{select} HAVING max(day) <= DATE '{horizon}' ORDER BY 1"
    return [Post(*row) for row in lake.query(parts, "observations", due) if row[0] not in done]


LAST_SEEN_DAY = f"""
    SELECT object_id, url, published_at, day FROM (
        SELECT
            object_id, url, published_at, status, day,
            row_number() OVER (PARTITION BY object_id, url_key ORDER BY observed_at DESC, status, verb, url) AS nth
        FROM parts
        WHERE object_id IS NOT NULL AND url IS NOT NULL AND segment IS NULL AND status <> '{Status.FAILED.value}'
    ) WHERE nth = 1 AND status <> '{Status.NOT_FOUND.value}'
"""
LAST_SEEN = f"SELECT object_id, url, published_at FROM ({LAST_SEEN_DAY}) ORDER BY object_id, url"
