"""SerpBear, a rank tracker that people run themselves: its result lists and its history, from its SQLite file.

`database` names the file (`data/database.sqlite` of SerpBear, of the volume `/app/data` in Docker); it is opened for
reading only, and may be in use. Two tables are read, by the names of their columns:

- `keyword`: `ID`, `keyword`, `device` (desktop, mobile), `country` (`US`), `city`, `domain`, `lastUpdated` (UTC, the
  last scrape that went well), `position` (**0: not found**), `url` (of the domain's best result; empty or `[]`: none),
  `history` (`{"2026-11-5": 4}`: day by the **server's** clock, month and day **not padded**; the last scrape of a day
  wins; `[]` at first), `lastResult` (up to 100 slots `{"position", "url", "title", "skipped"}`, of the last good scrape
  only; a skipped slot was not fetched) and `lastUpdateError` (`false`, or JSON with `date` and `error`).
- `domain`: `domain`, `scrape_strategy` (basic: the first page; custom: `scrape_pagination_limit` pages, fewer when
  found; smart: the first page and those around the last position; empty: as in SerpBear's settings, not read here).

**A look at a day** takes, for each keyword, the list of the last good scrape if that was at most `days_back` days ago,
competitors included; if the last scrape was later than the day asked about, it takes the day's entry in the history,
which has the domain's own position and no page: the page of the last scrape is taken for it, unless `history_pages` is
off. A list is of the moment it was scraped, an entry of the start of its day.

**Not found** is `found=False` for the page last found, else for the home page, down to the depth: of a list, the last
result before the first page that was not fetched; of the history, what the domain's strategy makes of it now, or
`depth`, or `old_depth` before September 2025, when Google gave 100 results at a time.

**Traps**, left out with a failed row that says so: a scrape that failed writes the position of the day before under
the new day while `lastUpdated` stays, so entries after `lastUpdated` are repetitions (once a later scrape went well
they cannot be told any more); a 0 without a list, as keywords have that were never scraped; a 0 of a list whose first
page is missing. A 0 although the domain is in the list is no "not found". Old versions wrote zeros for failures: see
`history_zeros`. Lists of a city bear the source `serpbear/<city>`. Titles are not kept.

UNVERIFIED: that scrapers number results through over pages (lists whose numbers do not grow are counted anew).
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from connectors.base import Ask, Connector, ConnectorSettings, Stream, failed, whole
from connectors.errors import BadAnswer, ConfigurationError, SourceError, Unavailable
from connectors.fields import loads, moment
from connectors.records import Ranking, RankKind, Raw
from connectors.urls import host

NAME = "serpbear"
PAGE = 10
ONE_PAGE_SINCE = date(2025, 9, 10)
NEEDED = ("ID", "keyword", "domain", "lastUpdated", "position", "history", "url", "lastResult")
OPTIONAL = ("device", "country", "city", "lastUpdateError")
Entry = dict[str, Any]
_DAY = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")


class Settings(ConnectorSettings):
    """Settings of SerpBear; there is no host and no key, only a file."""

    model_config = SettingsConfigDict(**ConnectorSettings.model_config | {"env_prefix": "TALLYRANK_SERPBEAR_"})
    required: ClassVar[tuple[str, ...]] = ("database",)

    base_url: str = Field("", description="Not used: a file is read.")
    database: Path | None = Field(None, description="SerpBear's file database.sqlite.")
    domains: str = Field("", description="Domains as SerpBear knows them, comma-separated; empty for all.")
    time_zone: str = Field("UTC", description="Time zone of SerpBear's server, for example Europe/Berlin.")
    days_back: int = Field(2, ge=1, description="A list is read up to as many days after its scrape, its own included.")
    depth: int = Field(10, ge=1, description="Results per scrape where the domain has no strategy of its own.")
    old_depth: int = Field(100, ge=1, description="Results per scrape before September 2025.")
    history_pages: bool = Field(True, description="Take the page last found for the page of a past day.")
    history_zeros: bool = Field(True, description="Take a 0 of a past day for not found, not for a failed scrape.")

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (OSError, ValueError, KeyError):
            raise ValueError(f"there is no time zone {name!r}") from None
        return name


def fetch(ask: Ask) -> Iterator[Raw]:
    """One row per keyword that has something to say about the day, failed ones where it cannot be believed."""
    try:
        keywords, strategies = _tables(ask)
    except SourceError as error:
        yield replace(failed(ask, "database", error), url=None)
        return
    wanted = {name.strip().lower() for name in ask.settings.domains.split(",") if name.strip()}
    for keyword in keywords:
        if not wanted or str(keyword["domain"]).lower() in wanted:
            yield from _rows(ask, keyword, strategies)


def parse(rows: Sequence[Raw]) -> Iterator[Ranking]:
    """The results of a list, and the page that was looked for in vain."""
    for row in rows:
        payload = row.payload if isinstance(row.payload, dict) else {}
        query, at, depth = payload.get("query"), moment(payload.get("ranked_at")), whole(payload.get("depth"))
        if not isinstance(query, str) or at is None or depth is None:
            continue
        city = payload.get("city")
        known: dict[str, Any] = {name: payload.get(name) for name in ("country", "device")}
        known |= {"depth": depth, "source": f"{NAME}/{city}" if city else NAME, "rank_kind": RankKind.ORGANIC}
        results = payload.get("results")
        for entry in results if isinstance(results, list) else ():
            url, position = (entry.get("url"), whole(entry.get("position"))) if isinstance(entry, dict) else (None, 0)
            if isinstance(url, str) and url and position is not None and position >= 1:
                yield Ranking(query, url, at, float(position), **known)
        if isinstance(missed := payload.get("not_found"), str) and missed:
            yield Ranking(query, missed, at, None, found=False, **known)


def _tables(ask: Ask) -> tuple[list[Entry], dict[str, Entry]]:
    """The keywords, and the strategy of each domain."""
    path = ask.settings.database
    if path is None or not path.is_file():
        raise ConfigurationError(NAME, f"TALLYRANK_SERPBEAR_DATABASE: there is no file {path}")
    try:
        address, patience = f"{path.resolve().as_uri()}?mode=ro", ask.settings.timeout_seconds
        with closing(sqlite3.connect(address, uri=True, timeout=patience)) as base:
            base.row_factory = sqlite3.Row
            keywords = _select(base, "keyword", NEEDED, OPTIONAL, "ORDER BY ID")
            domains = _select(base, "domain", ("domain",), ("scrape_strategy", "scrape_pagination_limit"))
    except sqlite3.OperationalError as error:
        raise Unavailable(NAME, f"the database cannot be read now: {error}") from None
    except sqlite3.Error as error:
        raise BadAnswer(NAME, f"the database cannot be read: {error}") from None
    return keywords, {str(entry["domain"]): entry for entry in domains}


def _select(
    base: sqlite3.Connection, table: str, needed: Sequence[str], optional: Sequence[str], order: str = ""
) -> list[Entry]:
    """The rows of a table; raises BadAnswer where a column is gone. Optional columns may be missing."""
    there = {row["name"] for row in base.execute(f"PRAGMA table_info({table})")}
    if missing := [name for name in needed if name not in there]:
        raise BadAnswer(NAME, f"the table {table} has no {' and no '.join(missing)}")
    names = ", ".join(f'"{name}"' for name in (*needed, *optional) if name in there)
    return [dict(row) for row in base.execute(f"SELECT {names} FROM {table} {order}")]


def _about(keyword: Entry) -> Entry:
    """What a list is known by."""
    facts = {name: str(keyword.get(name) or "").strip().lower() or None for name in ("country", "device", "city")}
    return {"query": keyword["keyword"], **facts}


def _rows(ask: Ask, keyword: Entry, strategies: Mapping[str, Entry]) -> Iterator[Raw]:
    """What a keyword says about the day asked for, and a failed row where something of it cannot be believed."""
    subject, zone = str(keyword["ID"]), ZoneInfo(ask.settings.time_zone)
    try:
        scraped_at = moment(keyword["lastUpdated"])
        if scraped_at is None:
            raise BadAnswer(NAME, f"{keyword['keyword']!r} has no `lastUpdated` that can be read")
        scraped_on, payload = scraped_at.astimezone(zone).date(), None
        if ask.day < scraped_on:
            payload = _past(ask, keyword, strategies)
        elif ask.day - scraped_on < timedelta(days=ask.settings.days_back):
            payload = _last(keyword, scraped_at)
        if payload:
            yield Raw(subject, ask.observed_at, payload=_about(keyword) | payload)
        if ask.day > scraped_on and (ask.day in _history(keyword) or _failed_on(keyword, zone) == ask.day):
            words = (
                f"the scrape of {keyword['keyword']!r} on {ask.day} failed; what stands there is that of {scraped_on}"
            )
            yield replace(failed(ask, f"{subject} {ask.day}", BadAnswer(NAME, words)), url=None)
    except BadAnswer as error:
        yield replace(failed(ask, subject, error), url=None)


def _last(keyword: Entry, scraped_at: datetime) -> Entry:
    """The list of the last good scrape."""
    position, page = whole(keyword["position"]), _page(keyword["url"])
    if position is None or position < 0:
        raise BadAnswer(NAME, f"{keyword['keyword']!r} has no `position` that can be read")
    listed = numbered(loads(keyword["lastResult"]))
    if position and page and page not in listed.values():
        listed.setdefault(position, page)
    missed = None
    if not position:
        listed = first_pages(listed)
        if not listed:
            raise BadAnswer(NAME, f"{keyword['keyword']!r} is said to be not found, but no first page was kept")
        is_listed = any(belongs(url, str(keyword["domain"])) for url in listed.values())
        missed = None if is_listed else _home(keyword)
    if not listed:
        raise BadAnswer(NAME, f"{keyword['keyword']!r} is at {position}, but neither its page nor its list was kept")
    results = [{"position": number, "url": listed[number]} for number in sorted(listed)]
    return {"ranked_at": scraped_at.isoformat(), "depth": max(listed), "results": results, "not_found": missed}


def _past(ask: Ask, keyword: Entry, strategies: Mapping[str, Entry]) -> Entry | None:
    """The entry of a past day in the history."""
    position = _history(keyword).get(ask.day)
    if position is None or (position == 0 and not ask.settings.history_zeros):
        return None
    page = _page(keyword["url"]) if ask.settings.history_pages else None
    if position and not page:
        raise BadAnswer(NAME, f"{keyword['keyword']!r} was at {position} on {ask.day}, but its page is not known")
    depth = max(position, _depth(ask, strategies.get(str(keyword["domain"]), {})))
    midnight = datetime.combine(ask.day, time(), ZoneInfo(ask.settings.time_zone)).astimezone(UTC)
    return {
        "ranked_at": midnight.isoformat(),
        "depth": depth,
        "results": [{"position": position, "url": page}] if position else [],
        "not_found": None if position else page or _home(keyword),
    }


def numbered(slots: Any) -> dict[int, str]:
    """The results of a list by position, skipped slots left out; counted in order where the numbers do not grow."""
    entries = [slot for slot in slots if isinstance(slot, dict)] if isinstance(slots, list) else []
    read = [(whole(slot.get("position")), slot.get("url")) for slot in entries if not slot.get("skipped")]
    given = [number for number, _ in read if number is not None]
    grows = len(given) == len(read) and all(a < b for a, b in zip([0, *given], given, strict=False))
    places = given if grows else range(1, len(read) + 1)
    return {place: page for place, (_, url) in zip(places, read, strict=True) if (page := _page(url))}


def first_pages(listed: Mapping[int, str]) -> dict[int, str]:
    """The results before the first page of ten that was not fetched."""
    pages = {(place - 1) // PAGE for place in listed}
    n = next(n for n in range(len(pages) + 1) if n not in pages)
    return {place: url for place, url in listed.items() if place <= n * PAGE}


def belongs(url: str, domain: str) -> bool:
    """Whether a result is of the domain (which may have a path); `www.` makes no difference."""
    there, ours = (re.sub(r"^(https?://)?(www\.)?", "", text.lower()).rstrip("/") for text in (url, domain))
    return bool(ours) and (there == ours or there.startswith((f"{ours}/", f"{ours}?", f"{ours}#", f"{ours}:")))


def _depth(ask: Ask, strategy: Entry) -> int:
    """How many results were looked at on a past day."""
    settings: Settings = ask.settings
    if ask.day < ONE_PAGE_SINCE:
        return settings.old_depth
    pages = whole(strategy.get("scrape_pagination_limit")) or 1
    known = {"basic": PAGE, "smart": PAGE, "custom": PAGE * max(1, min(pages, 10))}
    return known.get(str(strategy.get("scrape_strategy") or ""), settings.depth)


def _history(keyword: Entry) -> dict[date, int]:
    """Positions by day; entries that are no day or no position are left out."""
    history = loads(keyword["history"])
    found = {_local_day(name): whole(value) for name, value in history.items()} if isinstance(history, dict) else {}
    return {day: position for day, position in found.items() if day and position is not None and position >= 0}


def _local_day(text: str) -> date | None:
    parts = _DAY.fullmatch(text)
    try:
        return date(*map(int, parts.groups())) if parts else None
    except ValueError:
        return None


def _failed_on(keyword: Entry, zone: ZoneInfo) -> date | None:
    """The day of the last scrape that failed, where it came after the last good one."""
    error = loads(keyword.get("lastUpdateError"))
    at = moment(error.get("date")) if isinstance(error, dict) else None
    return at.astimezone(zone).date() if at else None


def _home(keyword: Entry) -> str:
    name = re.sub(r"^https?://", "", str(keyword["domain"]).strip()).rstrip("/")
    return f"https://{name}/" if "/" not in name else f"https://{name}"


def _page(url: Any) -> str | None:
    return url if isinstance(url, str) and url.startswith(("http://", "https://")) and host(url) else None


CONNECTOR = Connector(
    name=NAME,
    title="SerpBear",
    signal="rankings",
    settings=Settings,
    streams=(
        Stream(
            name="keywords",
            title="Result lists of the last scrape, and the history of past days",
            asks="account",
            requests="none",
            fetch=fetch,
            parse=parse,
            keeps_past=True,
        ),
    ),
    quota="None: a file is read, no question is asked.",
    terms="Your own tracker's data; how its scraper may be used is between you and the scraper's vendor.",
    rank_kinds=(RankKind.ORGANIC,),
    keys_from="Name SerpBear's file: data/database.sqlite in its folder, or in the Docker volume mounted at /app/data.",
    cost="Free here; SerpBear's scraper may cost money.",
    verified="Nothing against a real file: tables and habits are from reading SerpBear's code, version 3.1.",
)
