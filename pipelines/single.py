"""One connector by itself, from files of subjects to a file of readings: for debugging a source, or for that alone."""

from __future__ import annotations

import csv
import difflib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow.parquet as pq

from connectors.base import Ask, Connector, ConnectorSettings, Meter, PaidSettings, Post, Stream, discover
from connectors.errors import ConfigurationError, TallyrankError
from connectors.records import Raw, Status, day_noon
from dashboards.words import counted
from pipelines import estimate, money
from pipelines.console import out
from pipelines.lake import Lake, replaced
from pipelines.pages import listed
from pipelines.pull import fetch, parsed_table, refuse_past, subjects


@dataclass(frozen=True, slots=True)
class Subjects:
    """The files that name what to ask about (none of them: the account), and the stream, where several would do."""

    urls: Path | None = None
    posts: Path | None = None
    keywords: Path | None = None
    stream: str | None = None

    @property
    def asks(self) -> str:
        """Which kind of stream they suit."""
        return next((name for name in ("urls", "posts", "keywords") if getattr(self, name)), "account")


def source(name: str) -> Connector:
    """The source of that name; raises TallyrankError with names like it when there is none."""
    known = discover()
    if name not in known:
        like = difflib.get_close_matches(name.lower(), known, n=3)
        hint = f"did you mean {' or '.join(like)}?" if like else "`tallyrank doctor` lists them all"
        raise TallyrankError(f"no source is called {name!r}; {hint}")
    return known[name]


def usable(connector: Connector) -> ConnectorSettings:
    """Settings of a source that may be asked; raises ConfigurationError when it is switched off or lacks a key."""
    settings = connector.configured()
    if not settings.enabled:
        name = connector.name.upper()
        raise ConfigurationError(connector.name, f"switched off; set TALLYRANK_{name}_ENABLED=true to ask it")
    return connector.ready()


def estimate_pull(lake: Lake, name: str, about: Subjects, day: date) -> None:
    """Say what a pull would cost; that takes no keys."""
    connector = source(name)
    stream, settings = _stream(connector, about), connector.configured()
    refuse_past(connector, stream, settings, day)
    estimate.tell(_estimate(lake, connector, stream, _ask(settings, about, day, datetime.now(UTC), Meter())))


def pull_to_file(lake: Lake, name: str, path: Path, about: Subjects, day: date) -> None:
    """Ask one connector about pages, posts, keywords or the account; write its readings as Parquet.

    Raises TallyrankError when the connector is unknown, switched off or cannot be asked that way, when there was
    nothing to ask, or when every read failed.
    """
    connector = source(name)
    stream, settings = _stream(connector, about), usable(connector)
    refuse_past(connector, stream, settings, day)
    moment = day_noon(day) if settings.has_clock else datetime.now(UTC)
    ask = _ask(settings, about, day, moment, money.meter(lake, connector, settings))
    rows = fetch(connector, stream, ask)
    if not rows and not ask.meter.requests:
        raise TallyrankError(f"{name}: nothing was asked; {_why_idle(connector, about)}")
    table = parsed_table(connector, stream, rows)
    with replaced(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")
    _summarise(connector, stream, rows, ask, table.num_rows, path)


def _ask(settings: ConnectorSettings, about: Subjects, day: date, moment: datetime, meter: Meter) -> Ask:
    lines, posts = tuple(_lines(about.urls)), tuple(_posts(about.posts))
    return Ask(settings, day, moment, lines, posts, tuple(_lines(about.keywords)), meter)


def _why_idle(connector: Connector, about: Subjects) -> str:
    """Why nothing was asked: the account has nothing to read yet, or the file is empty."""
    path = about.urls or about.posts or about.keywords
    return f"{path} has no entries" if path else estimate.what_to_name(connector)


def _estimate(lake: Lake, connector: Connector, stream: Stream, ask: Ask) -> Iterator[estimate.Estimate]:
    if stream.usd is not None and isinstance(ask.settings, PaidSettings):
        n, left = len(subjects(ask)), estimate.left_usd(lake, connector, ask.settings)
        yield estimate.Estimate(connector.name, stream.name, n, stream.usd(ask.settings, n), left)


def _stream(connector: Connector, about: Subjects) -> Stream:
    asks = about.asks
    suited = [s for s in connector.streams if s.asks == asks]
    found = next((s for s in suited if about.stream in (None, s.name)), None)
    if suited and not found:
        raise TallyrankError(f"{connector.name} has no such stream; there are: {', '.join(s.name for s in suited)}")
    if found is None:
        ways = {name: f"--{name} FILE" for name in ("urls", "posts", "keywords")} | {"account": "no list of subjects"}
        known = " or ".join(dict.fromkeys(ways[s.asks] for s in connector.streams))
        raise TallyrankError(f"{connector.name} cannot be asked with {ways[asks]}; give {known}")
    return found


def _lines(path: Path | None) -> list[str]:
    if path is None:
        return []
    if not path.is_file():
        raise TallyrankError(f"{path} is no file; give a text file, one entry a line")
    return listed(path)


def _posts(path: Path | None) -> list[Post]:
    rows = csv.reader(_lines(path))
    return [Post(row[0].strip(), row[1].strip() if len(row) > 1 else "") for row in rows if row]


def _summarise(connector: Connector, stream: Stream, rows: list[Raw], ask: Ask, n: int, path: Path) -> None:
    by_status = Counter(row.status.value for row in rows)
    words = ", ".join(f"{count:,} {status}" for status, count in sorted(by_status.items())) or "no rows"
    spent = f"; ${ask.meter.usd:.2f}" if ask.meter.usd else ""
    requests = f"{counted(ask.meter.requests, 'request')}{spent}"
    out.print(f"{connector.title}, {stream.title}: {words}; {requests}; {counted(n, 'reading')} in {path}")
    errors = [row.error for row in rows if row.status is Status.FAILED]
    if errors and len(errors) == len(rows):
        raise TallyrankError(f"{connector.name}: every read failed, first: {errors[0]}")
    if errors:
        out.print(f"{counted(len(errors), 'read')} failed, first: {errors[0]}", markup=False)
