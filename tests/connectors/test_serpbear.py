"""SerpBear, from databases made by hand: lists, histories with unpadded days, zeros, repeated and skipped places."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.base import Ask, parse_all
from connectors.errors import ConfigurationError
from connectors.rankings.serpbear import CONNECTOR, NAME, Settings, belongs, first_pages, numbered
from connectors.records import Ranking, RankKind, Raw, Status, day_noon
from connectors.sandbox.world import World

DAY = date(2026, 11, 12)
AT = datetime(2026, 11, 12, 3, 0, 5, tzinfo=UTC)
OURS = "https://www.elm.example/kettle"
STREAM = CONNECTOR.streams[0]
COLUMNS = (
    "keyword TEXT, device TEXT, country TEXT, city TEXT, latlong TEXT, domain TEXT, lastUpdated TEXT, added TEXT, "
    "position INTEGER, history TEXT, volume INTEGER, url TEXT, tags TEXT, lastResult TEXT, sticky BOOLEAN, "
    "updating BOOLEAN, lastUpdateError TEXT, settings TEXT"
)
DOMAINS = "domain TEXT, slug TEXT, scrape_strategy TEXT, scrape_pagination_limit INTEGER, notification_emails TEXT"


def slot(position: int, url: str = "", **more: Any) -> dict[str, Any]:
    """One place of a list; without an address it was not fetched."""
    url = url or f"https://other{position}.example/"
    return {"position": position, "url": url, "title": "Words of somebody"} | more


def skipped(position: int) -> dict[str, Any]:
    """A place that was not fetched."""
    return {"position": position, "url": "", "title": "", "skipped": True}


def keyword(**more: Any) -> dict[str, Any]:
    """A keyword that stands third, as SerpBear keeps it."""
    known: dict[str, Any] = {"keyword": "Kettle", "device": "desktop", "country": "US", "city": "", "latlong": ""}
    known |= {"domain": "elm.example", "lastUpdated": "2026-11-12T03:00:05.000Z", "position": 3, "url": OURS}
    known |= {"history": {"2026-11-5": 4, "2026-11-12": 3}, "updating": 0, "lastUpdateError": "false"}
    known["lastResult"] = [slot(n) if n != 3 else slot(3, OURS) for n in range(1, 11)]
    return {k: json.dumps(v) if isinstance(v, dict | list) else v for k, v in (known | more).items()}


Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Make a database: make(keywords…, domains=[…], columns=…)."""

    def build(*keywords: dict[str, Any], domains: Any = ({"domain": "elm.example"},), columns: str = COLUMNS) -> Path:
        path = tmp_path / "database.sqlite"
        path.unlink(missing_ok=True)
        with closing(sqlite3.connect(path)) as base:
            base.execute(f"CREATE TABLE keyword (ID INTEGER PRIMARY KEY AUTOINCREMENT, {columns})")
            base.execute(f"CREATE TABLE domain (ID INTEGER PRIMARY KEY AUTOINCREMENT, {DOMAINS})")
            for table, rows in (("keyword", keywords), ("domain", domains)):
                for row in rows:
                    marks = ", ".join("?" * len(row))
                    base.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", list(row.values()))
            base.commit()
        return path

    return build


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., tuple[list[Raw], list[Ranking]]]:
    """The rows and rankings of one look: read(day, time_zone=…)."""

    def look(day: date = DAY, **settings: Any) -> tuple[list[Raw], list[Ranking]]:
        known = {"database": tmp_path / "database.sqlite"} | settings
        made = Settings(_env_file=None, **known)  # type: ignore[call-arg]
        rows = list(STREAM.fetch(Ask(made, day, day_noon(day))))
        return rows, parse_all(CONNECTOR, STREAM, rows)  # type: ignore[return-value]

    return look


def errors(rows: list[Raw]) -> list[str]:
    """What failed, in words."""
    return [(r.error or "").removeprefix("BadAnswer: ") for r in rows if r.status is Status.FAILED]


def test_the_last_list_is_read_with_competitors(make: Make, read: Any) -> None:
    """Every fetched place of the last scrape, at its moment: ranks of organic results, as deep as was looked."""
    make(keyword())
    rows, found = read()
    assert errors(rows) == []
    assert [(r.url, r.position) for r in found] == [
        (OURS if n == 3 else f"https://other{n}.example/", float(n)) for n in range(1, 11)
    ]
    assert {(r.keyword, r.ranked_at, r.found, r.engine, r.country, r.language, r.device) for r in found} == {
        ("Kettle", AT, True, "google", "us", None, "desktop")
    }
    assert {(r.depth, r.rank_kind, r.source) for r in found} == {(10, RankKind.ORGANIC, NAME)}


def test_the_lists_of_the_world_come_out_as_they_are(make: Make, read: Any, world: World) -> None:
    """Positions of every keyword equal the world's true ones."""
    lists = {k: [p.url for p in world.results(k, date(2026, 10, 14))] for k in world.keywords}
    made = [
        keyword(keyword=k, url=urls[0], position=1, lastResult=[slot(n, u) for n, u in enumerate(urls, 1)])
        for k, urls in lists.items()
    ]
    make(*made)
    _, found = read()
    assert {(r.keyword, r.url, r.position) for r in found} == {
        (k, url, float(n)) for k, urls in lists.items() for n, url in enumerate(urls, 1)
    }
    assert len(found) == sum(map(len, lists.values())) > 100


def test_nothing_of_people_and_no_titles_are_kept(make: Make, read: Any) -> None:
    """Rows hold addresses, places and what a list is known by."""
    make(keyword(), domains=[{"domain": "elm.example", "notification_emails": "somebody@elm.example"}])
    rows, _ = read()
    assert "Words of" not in repr(rows)
    assert "somebody@" not in repr(rows)
    assert {frozenset(r.payload) for r in rows} == {
        frozenset({"query", "country", "device", "city", "ranked_at", "depth", "results", "not_found"})
    }


def test_a_zero_is_not_found_down_to_the_depth(make: Make, read: Any) -> None:
    """0: the home page was looked for as deep as the list goes; the competitors are there, no position is 0."""
    make(keyword(position=0, url="", lastResult=[slot(n) for n in range(1, 10)]))
    _, found = read()
    (missed,) = [r for r in found if not r.found]
    assert (missed.url, missed.position, missed.depth) == ("https://elm.example/", None, 9)
    assert [r.position for r in found if r.found] == [float(n) for n in range(1, 10)]


def test_a_domain_that_is_in_the_list_is_not_missed(make: Make, read: Any) -> None:
    """A 0 although the list shows the domain: the list is believed."""
    make(keyword(position=0, url="", lastResult=[slot(1), slot(2, OURS)]))
    _, found = read()
    assert [(r.url, r.found) for r in found] == [("https://other1.example/", True), (OURS, True)]


@pytest.mark.parametrize("result", ["[]", "", None, "no json", [skipped(1), skipped(2)]])
def test_a_zero_without_a_list_is_not_believed(make: Make, read: Any, result: Any) -> None:
    """So does a keyword look that was never scraped: a failed row that says why, no ranking."""
    make(keyword(position=0, url="[]", history="[]", lastResult=result), keyword(keyword="tea"))
    rows, found = read()
    assert {r.keyword for r in found} == {"tea"}
    assert errors(rows) == ["'Kettle' is said to be not found, but no first page was kept"]


def test_pages_that_were_not_fetched_end_the_depth(make: Make, read: Any) -> None:
    """Not found on pages 1, 2 and 4: nothing is known of page 3, so the depth is 20 and page 4 is left out."""
    fetched = [*range(1, 21), *range(31, 41)]
    make(keyword(position=0, url="", lastResult=[slot(n) if n in fetched else skipped(n) for n in range(1, 101)]))
    _, found = read()
    assert {r.depth for r in found} == {20}
    assert sorted(r.position for r in found if r.found) == [float(n) for n in range(1, 21)]


def test_a_page_found_beyond_a_gap_keeps_its_place(make: Make, read: Any) -> None:
    """Found on page 4 while page 3 was not fetched: places are as given, skipped ones make no result."""
    slots = [slot(n) if n < 21 or 31 <= n < 41 else skipped(n) for n in range(1, 101)]
    slots[33] = slot(34, OURS)
    make(keyword(position=34, lastResult=slots))
    _, found = read()
    assert {r.position for r in found} == {float(n) for n in (*range(1, 21), *range(31, 41))}
    assert [r.position for r in found if r.url == OURS] == [34.0]
    assert {(r.depth, r.found) for r in found} == {(40, True)}


def test_a_position_without_a_list_is_a_list_of_one(make: Make, read: Any) -> None:
    """Old versions keep no list: the own page at its position; without the page there is nothing to tell."""
    make(keyword(lastResult="[]"), keyword(keyword="tea", lastResult="[]", url=""))
    rows, found = read()
    assert [(r.url, r.position, r.depth) for r in found] == [(OURS, 3.0, 3)]
    assert errors(rows) == ["'tea' is at 3, but neither its page nor its list was kept"]


@given(st.sets(st.integers(1, 100)))
def test_what_was_fetched_is_listed_once(places: set[int]) -> None:
    """Whatever was skipped: each fetched place once and as given, and the first pages have no gap of a whole page."""
    slots = [slot(n) if n in places else skipped(n) for n in range(1, 101)]
    listed = numbered(slots)
    assert listed == {n: f"https://other{n}.example/" for n in sorted(places)}
    first = first_pages(listed)
    end = max(first, default=0)
    assert first == {n: url for n, url in listed.items() if n <= end}
    assert all(any((n - 1) // 10 == page for n in places) for page in range((end + 9) // 10))
    assert not any((n - 1) // 10 == (end + 9) // 10 for n in places)


def test_numbers_that_begin_anew_are_counted_in_order() -> None:
    """A scraper that numbers each page from 1: the order of the list decides."""
    slots = [slot(n, f"https://p{page}.example/{n}") for page in (1, 2) for n in (1, 2, 3)]
    assert list(numbered(slots)) == [1, 2, 3, 4, 5, 6]
    assert list(numbered([slot(1), {"url": "https://a.example/"}])) == [1, 2]


@pytest.mark.parametrize("slots", [None, "x", {}, [None, 3, []], [{"position": 1}], [slot(1, "javascript:alert(1)")]])
def test_odd_lists_are_empty(slots: Any) -> None:
    """What is no address is no result."""
    assert numbered(slots) == {}


@pytest.mark.parametrize(
    ("url", "domain", "expected"),
    [
        ("https://www.elm.example/a", "elm.example", True),
        ("http://elm.example", "www.elm.example", True),
        ("https://elm.example?x=1", "elm.example", True),
        ("https://helm.example/", "elm.example", False),
        ("https://elm.example.org/", "elm.example", False),
        ("https://shop.elm.example/", "elm.example", False),
        ("https://elm.example/shop/1", "elm.example/shop", True),
        ("https://elm.example/shopping", "elm.example/shop", False),
        ("https://elm.example/", "", False),
    ],
)
def test_whose_a_result_is(url: str, domain: str, expected: bool) -> None:
    """By host without `www.`, and by path where the domain has one."""
    assert belongs(url, domain) == expected


# --- days -------------------------------------------------------------------------------------------------------------


def test_a_past_day_is_in_the_history(make: Make, read: Any) -> None:
    """Asked about an earlier day: the entry of its unpadded name, at the start of the day, for the page last found."""
    make(keyword())
    rows, found = read(date(2026, 11, 5))
    midnight = datetime(2026, 11, 5, tzinfo=UTC)
    assert [(r.url, r.position, r.depth, r.ranked_at) for r in found] == [(OURS, 4.0, 10, midnight)]
    assert errors(rows) == []
    assert read(date(2026, 11, 6)) == ([], [])


def test_a_past_zero_is_not_found(make: Make, read: Any) -> None:
    """As deep as the domain's strategy looks; left out where zeros are not trusted."""
    make(keyword(history={"2026-1-9": 0}))
    day = date(2026, 1, 9)
    _, found = read(day)
    assert [(r.url, r.position, r.found, r.depth) for r in found] == [(OURS, None, False, 10)]
    assert read(day, history_zeros=False) == ([], [])


@pytest.mark.parametrize(
    ("strategy", "limit", "day", "depth"),
    [
        ("basic", 5, date(2026, 1, 9), 10),
        ("custom", 5, date(2026, 1, 9), 50),
        ("custom", None, date(2026, 1, 9), 10),
        ("smart", 5, date(2026, 1, 9), 10),
        ("", None, date(2026, 1, 9), 30),
        (None, None, date(2026, 1, 9), 30),
        ("basic", None, date(2025, 9, 9), 100),
    ],
)
def test_how_deep_a_past_day_looked(make: Make, read: Any, strategy: Any, limit: Any, day: date, depth: int) -> None:
    """By the strategy of the domain, else by the setting; before September 2025 a scrape gave 100 results."""
    history = {f"{day.year}-{day.month}-{day.day}": 0}
    domain = {"domain": "elm.example", "scrape_strategy": strategy, "scrape_pagination_limit": limit}
    make(keyword(history=history), domains=[domain])
    assert [r.depth for r in read(day, depth=30)[1]] == [depth]


def test_a_position_is_never_deeper_than_the_depth(make: Make, read: Any) -> None:
    """A past position beyond what the strategy of today would look at."""
    make(keyword(history={"2026-11-5": 47}))
    assert [(r.position, r.depth) for r in read(date(2026, 11, 5))[1]] == [(47.0, 47)]


@pytest.mark.parametrize("more", [{"history_pages": False}, {}])
def test_a_past_position_without_a_page_is_left_out(make: Make, read: Any, more: Any) -> None:
    """Where the page is not known, or is not to be guessed: a failed row, no ranking."""
    make(keyword() if more else keyword(url="[]"))
    rows, found = read(date(2026, 11, 5), **more)
    assert found == []
    assert errors(rows) == ["'Kettle' was at 4 on 2026-11-05, but its page is not known"]


def test_a_failed_scrape_repeats_nothing(make: Make, read: Any) -> None:
    """The day after the last good scrape bears its position again: told as failed, while the good list is read."""
    error = {"date": "2026-11-13T03:00:01.000Z", "error": "Words", "scraper": "proxy"}
    make(keyword(history={"2026-11-12": 3, "2026-11-13": 3}, lastUpdateError=error))
    rows, found = read(date(2026, 11, 13))
    assert {r.ranked_at for r in found} == {AT}
    words = ["the scrape of 'Kettle' on 2026-11-13 failed; what stands there is that of 2026-11-12"]
    assert errors(rows) == words
    rows, found = read(date(2026, 11, 13), days_back=1)
    assert (found, errors(rows)) == ([], words)


@pytest.mark.parametrize("error", ["false", None, "", "true", {"error": "Words"}])
def test_an_unchanged_last_update_is_enough_to_know_a_repetition(make: Make, read: Any, error: Any) -> None:
    """Whatever stands in lastUpdateError: an entry after lastUpdated is none of a good scrape."""
    history = {"2026-11-12": 3, "2026-11-16": 3}
    make(keyword(history=history, lastUpdateError=error))
    rows, found = read(date(2026, 11, 16))
    assert found == []
    assert len(errors(rows)) == 1


def test_an_error_without_an_entry_is_told_too(make: Make, read: Any) -> None:
    """A scrape that failed before it could write into the history."""
    error = {"date": "2026-11-16T03:00:01.000Z", "error": "Words", "scraper": "proxy"}
    make(keyword(lastUpdateError=error))
    assert len(errors(read(date(2026, 11, 16))[0])) == 1
    assert read(date(2026, 11, 17)) == ([], [])


def test_days_are_those_of_the_server(make: Make, read: Any) -> None:
    """A scrape at 23:30 UTC is of the next day in Berlin, and past days begin at midnight there."""
    late = keyword(lastUpdated="2026-11-11T23:30:00.000Z", history={"2026-11-12": 3, "2026-7-1": 5})
    make(late)
    assert len(read(date(2026, 11, 12), days_back=1, time_zone="Europe/Berlin")[1]) == 10
    assert read(date(2026, 11, 12), days_back=1)[1] == []
    (found,) = read(date(2026, 7, 1), time_zone="Europe/Berlin")[1]
    assert found.ranked_at == datetime(2026, 6, 30, 22, tzinfo=UTC)


@pytest.mark.parametrize(("days_back", "n"), [(1, 0), (2, 10)])
def test_a_list_is_read_for_some_days(make: Make, read: Any, days_back: int, n: int) -> None:
    """A scrape later in the day than the look is found by the next one."""
    make(keyword())
    assert len(read(DAY + timedelta(days=1), days_back=days_back)[1]) == n


@pytest.mark.parametrize("history", ["[]", "", None, "x", {"2026-13-45": 3, "today": 4, "2026-11-5": "x"}])
def test_odd_histories_are_empty(make: Make, read: Any, history: Any) -> None:
    """What is no day or no place says nothing."""
    make(keyword(history=history))
    assert read(date(2026, 11, 5)) == ([], [])


# --- keywords and the file --------------------------------------------------------------------------------------------


def test_cities_and_devices_are_lists_of_their_own(make: Make, read: Any) -> None:
    """The same words searched from two places, or on two devices, are never one list."""
    make(keyword(), keyword(device="mobile"), keyword(city="Austin"), keyword(country="DE"))
    _, found = read()
    lists = {(r.keyword, r.country, r.device, r.source) for r in found}
    base = ("Kettle", "us", "desktop", NAME)
    assert lists == {
        base,
        (*base[:2], "mobile", NAME),
        (*base[:3], f"{NAME}/austin"),
        ("Kettle", "de", "desktop", NAME),
    }


def test_only_the_domains_asked_for_are_read(make: Make, read: Any) -> None:
    """By their names in SerpBear, in any case."""
    make(keyword(), keyword(keyword="tea", domain="oak.example", position=0, url=""))
    assert {r.keyword for r in read(domains="Oak.example")[1]} == {"tea"}
    assert {r.keyword for r in read()[1]} == {"Kettle", "tea"}


@pytest.mark.parametrize(("name", "value"), [("lastUpdated", "soon"), ("lastUpdated", None), ("position", None)])
def test_a_keyword_that_cannot_be_read_spoils_no_other(make: Make, read: Any, name: str, value: Any) -> None:
    """A failed row for it, by its words; the others are read."""
    make(keyword(**{name: value}), keyword(keyword="tea"))
    rows, found = read()
    assert {r.keyword for r in found} == {"tea"}
    assert errors(rows) == [f"'Kettle' has no `{name}` that can be read"]


def test_the_file_is_opened_for_reading_only(make: Make, read: Any) -> None:
    """A file that nobody may write to is read, and it is the same afterwards; odd characters in its path do no harm."""
    path = make(keyword())
    odd = path.with_name("a b?c#d%20.sqlite")
    path.rename(odd)
    odd.chmod(0o444)
    before = odd.read_bytes()
    assert len(read(database=odd)[1]) == 10
    assert odd.read_bytes() == before
    assert list(odd.parent.iterdir()) == [odd]


def test_a_busy_file_is_told(make: Make, read: Any) -> None:
    """Locked for longer than the time allowed: to be tried again, no number invented."""
    path = make(keyword())
    with closing(sqlite3.connect(path)) as base:
        base.execute("BEGIN EXCLUSIVE")
        rows, found = read(timeout_seconds=0.01)
    assert found == []
    assert [r.error for r in rows] == ["Unavailable: the database cannot be read now: database is locked"]


def test_other_files_are_told(make: Make, read: Any, tmp_path: Path) -> None:
    """No file, no database, other tables, and columns that are gone: one failed row in words."""
    (told,) = errors(read()[0])
    assert "TALLYRANK_SERPBEAR_DATABASE" in told
    (tmp_path / "database.sqlite").write_bytes(b"no database at all, but long enough to be looked at" * 40)
    assert "cannot be read: file is not a database" in errors(read()[0])[0]
    make(columns=COLUMNS.replace("history", "historie"), domains=())
    assert errors(read()[0]) == ["the table keyword has no history"]
    (tmp_path / "database.sqlite").unlink()
    sqlite3.connect(tmp_path / "database.sqlite").close()
    (tmp_path / "database.sqlite").touch()
    assert errors(read()[0])[0].startswith("the table keyword has no ID and no keyword")


def test_columns_that_came_later_may_be_missing(make: Make, read: Any) -> None:
    """A file of an old version without city and errors."""
    old = {k: v for k, v in keyword().items() if k not in ("city", "lastUpdateError")}
    make(old, columns=COLUMNS.replace("city TEXT, ", "").replace("lastUpdateError TEXT, ", ""))
    assert len(read()[1]) == 10


def test_settings_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is required, and a time zone that does not exist is named."""
    assert Settings(_env_file=None).missing() == ("TALLYRANK_SERPBEAR_DATABASE",)  # type: ignore[call-arg]
    monkeypatch.setenv("TALLYRANK_SERPBEAR_TIME_ZONE", "Europe/Atlantis")
    with pytest.raises(ConfigurationError, match="there is no time zone 'Europe/Atlantis'"):
        CONNECTOR.configured()
