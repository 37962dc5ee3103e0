"""The bulk export, from Parquet files written by hand: sums from zero, repeated rows, unnamed questions, days."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.base import Ask, parse_all
from connectors.rankings.search_console_export import CONNECTOR, LOG, NAME, TABLE, Settings, average, parse
from connectors.records import Ranking, RankKind, Raw, Status, day_noon
from connectors.sandbox.search_console import cells, is_anonymous
from connectors.sandbox.world import World

DAY = date(2026, 10, 14)
SITE = "sc-domain:elm.example"
PAGE = "https://www.elm.example/kettle"
DATA_DAY = DAY - timedelta(days=4)
STREAM = CONNECTOR.streams[0]


def row(**more: Any) -> dict[str, Any]:
    """One row of the table as BigQuery has it, countries, devices and flags of appearances included."""
    known = {"site_url": SITE, "query": "kettle", "is_anonymized_query": False, "country": "usa", "device": "MOBILE"}
    known |= {"search_type": "WEB", "is_video": False, "impressions": 4, "clicks": 1, "sum_position": 10}
    return known | {"url": PAGE, "is_anonymized_discover": False} | more


Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write rows of a day as one more file of the Hive layout: write(rows, day)."""

    def save(rows: list[dict[str, Any]], day: date = DATA_DAY, *folders: str) -> Path:
        folder = tmp_path.joinpath(TABLE, f"data_date={day}", *folders)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"part-{len(list(folder.iterdir())):05}.parquet"
        pq.write_table(pa.Table.from_pylist(rows), path)
        return path

    return save


@pytest.fixture
def note(tmp_path: Path) -> Callable[..., None]:
    """Write the export's log: note((table, day, version, published), …)."""

    def save(*entries: tuple[str, date, int, datetime]) -> None:
        names = ("namespace", "data_date", "epoch_version", "publish_time")
        (tmp_path / LOG).mkdir(exist_ok=True)
        rows = [{"agenda": "SEARCHDATA"} | dict(zip(names, entry, strict=True)) for entry in entries]
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / LOG / "log.parquet")

    return save


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., tuple[list[Raw], list[Ranking]]]:
    """The rows and rankings of one look: read(day, late_days=…)."""

    def look(day: date = DAY, **settings: Any) -> tuple[list[Raw], list[Ranking]]:
        made = Settings(_env_file=None, **{"folder": tmp_path} | settings)  # type: ignore[call-arg]
        rows = list(STREAM.fetch(Ask(made, day, day_noon(day))))
        return rows, parse_all(CONNECTOR, STREAM, rows)  # type: ignore[return-value]

    return look


def errors(rows: list[Raw]) -> list[str]:
    """What failed, in words."""
    return [r.error or "" for r in rows if r.status is Status.FAILED]


def test_positions_count_from_one(write: Write, read: Any) -> None:
    """The sums are counted from zero: one is added to the quotient; the day starts at its Pacific midnight."""
    write([row(impressions=4, sum_position=10, clicks=1)])
    rows, found = read(late_days=9)
    assert found == [
        Ranking(
            "kettle", PAGE, datetime(2026, 10, 10, 7, tzinfo=UTC), 3.5, rank_kind=RankKind.AVERAGE,
            impressions=4.0, clicks=1.0, source=NAME,
        )
    ]  # fmt: skip
    assert errors(rows) == []


def test_a_top_position_is_one(write: Write, read: Any) -> None:
    """A sum of zero is the very first place, not an unknown one."""
    write([row(sum_position=0)])
    assert [r.position for r in read()[1]] == [1.0]


def test_repeated_rows_are_added_up(write: Write, read: Any) -> None:
    """Rows with the same keys, in one file or several, by country, device or appearance, are parts of one number."""
    write([row(), row(), row(country="deu", sum_position=2, impressions=2, clicks=0)])
    write([row(device="DESKTOP", is_video=True, impressions=10, sum_position=0, clicks=5)])
    (found,) = read()[1]
    assert (found.impressions, found.clicks, found.position) == (20.0, 7.0, 22 / 20 + 1)


@given(st.lists(st.tuples(st.integers(1, 500), st.integers(0, 9000)), min_size=1, max_size=20), st.integers(1, 19))
def test_no_row_is_lost_or_counted_twice(
    tmp_path_factory: pytest.TempPathFactory, parts: list[tuple[int, int]], cut: int
) -> None:
    """However the rows are spread over files, the sums are those of all rows."""
    folder = tmp_path_factory.mktemp("export")
    (folder / TABLE / f"data_date={DATA_DAY}").mkdir(parents=True)
    for n, group in enumerate(filter(None, (parts[:cut], parts[cut:]))):
        made = pa.Table.from_pylist([row(impressions=i, sum_position=s, clicks=None) for i, s in group])
        pq.write_table(made, folder / TABLE / f"data_date={DATA_DAY}" / f"{n}.parquet")
    settings = Settings(_env_file=None, folder=folder)  # type: ignore[call-arg]
    (found,) = parse(list(STREAM.fetch(Ask(settings, DAY, day_noon(DAY)))))
    shown, total = (sum(column) for column in zip(*parts, strict=True))
    assert found.impressions == shown
    assert found.position == pytest.approx(total / shown + 1)


@pytest.mark.parametrize("query", ["", None])
def test_anonymous_questions_are_counted_and_in_no_list(write: Write, read: Any, query: Any) -> None:
    """Marked or merely empty, empty or NULL: kept out of the lists, counted in one row per property and day."""
    write([row(), row(query=query, is_anonymized_query=True), row(query=query, is_anonymized_query=None)])
    rows, found = read(late_days=9)
    assert [r.keyword for r in found] == ["kettle"]
    (counted,) = [r for r in rows if r.url is None]
    known = {"site": SITE, "date": str(DATA_DAY), "anonymous_impressions": 8, "anonymous_clicks": 2}
    assert (counted.status, counted.payload) == (Status.OBSERVED, known)


def test_the_export_tells_what_the_api_tells(write: Write, read: Any, world: World) -> None:
    """The same world through the export: positions, impressions and clicks of every page and named question."""
    expected = {}
    found_cells = cells(world, "elm.example", DATA_DAY)
    for cell in found_cells:
        total = round((cell.position - 1) * cell.impressions)
        is_hidden = is_anonymous("elm.example", cell.query)
        write(
            [
                row(
                    query="" if is_hidden else cell.query, is_anonymized_query=is_hidden, url=cell.page,
                    impressions=cell.impressions, clicks=cell.clicks, sum_position=total,
                )
            ]
        )  # fmt: skip
        if not is_hidden:
            expected[cell.query, cell.page] = (cell.impressions, cell.clicks, total / cell.impressions + 1)
    _, found = read()
    assert {(r.keyword, r.url): (r.impressions, r.clicks, r.position) for r in found} == expected
    assert len(found) == len(expected) > 5


def test_other_kinds_of_search_are_left_out(write: Write, read: Any) -> None:
    """Only the search type asked for is read; Discover has no device and no query and is in no list."""
    write([row(), row(search_type="IMAGE", sum_position=40), row(search_type="DISCOVER", device=None, query=None)])
    assert [r.position for r in read()[1]] == [3.5]
    assert [r.position for r in read(search_type="image")[1]] == [11.0]


def test_two_properties_stay_two(write: Write, read: Any) -> None:
    """Rows of two properties are never added up."""
    write([row(), row(site_url="sc-domain:oak.example", url="https://oak.example/")])
    rows, found = read(late_days=9)
    assert {r.subject for r in rows} == {f"{SITE} {DATA_DAY}", f"sc-domain:oak.example {DATA_DAY}"}
    assert [r.impressions for r in found] == [4.0, 4.0]


def test_files_without_folders_of_days_are_read_by_their_column(tmp_path: Path, read: Any) -> None:
    """One file with many days: each row belongs to the day that stands in it."""
    days = [DAY - timedelta(days=n) for n in (20, 4, 3)]
    made = pa.Table.from_pylist([row(data_date=day, impressions=n + 1) for n, day in enumerate(days)])
    pq.write_table(made, tmp_path / f"{TABLE}-000.parquet")
    _, found = read(late_days=9)
    assert {(r.ranked_at.date(), r.impressions) for r in found} == {(days[1], 2.0), (days[2], 3.0)}


def test_columns_written_as_dictionaries_or_other_numbers_are_read(tmp_path: Path, read: Any) -> None:
    """Some writers store texts as dictionaries and numbers as decimals of no fraction."""
    made = pa.Table.from_pylist([row()])
    made = made.set_column(0, "site_url", made["site_url"].dictionary_encode())
    n = made.column_names.index("impressions")
    made = made.set_column(n, "impressions", made["impressions"].cast("float64"))
    n = made.column_names.index("search_type")
    made = made.set_column(n, "search_type", made["search_type"].dictionary_encode())
    (folder := tmp_path / TABLE / f"data_date={DATA_DAY}").mkdir(parents=True)
    pq.write_table(made, folder / "a.parquet")
    assert [r.position for r in read()[1]] == [3.5]


def test_the_window_is_read_and_nothing_before_it(write: Write, read: Any) -> None:
    """`days_back` data days, the day itself included; with no file for the newest days there is no complaint."""
    for n in range(2, 9):
        write([row()], DAY - timedelta(days=n))
    rows, found = read()
    assert {r.ranked_at.date() for r in found} == {DAY - timedelta(days=n) for n in (2, 3, 4)}
    assert errors(rows) == []


def test_a_missing_day_is_named(write: Write, read: Any) -> None:
    """A day without files between days with files, and old enough: a failed row by its date, nothing invented."""
    write([row()], DAY - timedelta(days=5))
    write([row()], DAY - timedelta(days=3))
    rows, found = read()
    assert len(found) == 1
    assert errors(rows) == [f"BadAnswer: {DATA_DAY} is missing: there are neither files nor an entry in {LOG}"]
    (bad,) = [r for r in rows if r.status is Status.FAILED]
    assert (bad.subject, bad.url) == (str(DATA_DAY), None)


def test_days_before_the_export_began_are_not_missing(write: Write, read: Any) -> None:
    """The first day there is has none before it."""
    write([row()], DAY - timedelta(days=3))
    assert errors(read()[0]) == []


def test_a_day_that_the_log_knows_must_have_files(write: Write, note: Any, read: Any) -> None:
    """Published and not copied: told with the moment, however young the day."""
    write([row()], DAY - timedelta(days=5))
    young = DAY - timedelta(days=1)
    note((TABLE, young, 1, datetime(2026, 10, 14, 3, tzinfo=UTC)))
    (words,) = [e for e in errors(read(late_days=4)[0]) if str(young) in e]
    assert "was published at 2026-10-14 03:00 UTC, but your copy has no files of it" in words


def test_a_revised_day_is_read_again(write: Write, note: Any, read: Any) -> None:
    """A day that was published anew within the window is read again, older days that were not are left alone."""
    old, older = DAY - timedelta(days=40), DAY - timedelta(days=41)
    for day in (old, older):
        write([row()], day)
    first, again = datetime(2026, 9, 6, tzinfo=UTC), datetime(2026, 10, 13, 5, tzinfo=UTC)
    note((TABLE, old, 1, first), (TABLE, old, 2, again), (TABLE, older, 1, first), ("other", older, 2, again))
    _, found = read()
    assert [r.ranked_at.date() for r in found] == [old]


def test_a_copy_older_than_the_last_revision_is_told(write: Write, note: Any, read: Any) -> None:
    """Files older than the last publication of their day: what they say is kept, and a failed row asks for a copy."""
    path = write([row()])
    note(
        (TABLE, DATA_DAY, 1, datetime(2026, 10, 12, tzinfo=UTC)),
        (TABLE, DATA_DAY, 2, datetime(2026, 10, 13, tzinfo=UTC)),
    )
    os.utime(path, (0, datetime(2026, 10, 12, 12, tzinfo=UTC).timestamp()))
    rows, found = read(late_days=9)
    assert len(found) == 1
    assert errors(rows) == [
        f"BadAnswer: {DATA_DAY} was published anew at 2026-10-13 00:00 UTC, after your copy; copy it again"
    ]
    os.utime(path, (0, datetime(2026, 10, 13, 12, tzinfo=UTC).timestamp()))
    assert errors(read(late_days=9)[0]) == []


def test_of_several_versions_the_highest_is_read(write: Write, read: Any) -> None:
    """Versions side by side are never added up."""
    write([row(impressions=100)], DATA_DAY, "epoch_version=1")
    write([row(impressions=5)], DATA_DAY, "epoch_version=2")
    assert [r.impressions for r in read()[1]] == [5.0]


@pytest.mark.parametrize("name", ["query", "url", "search_type", "impressions", "sum_position"])
def test_a_renamed_column_fails_its_day_alone(write: Write, read: Any, name: str) -> None:
    """A column that must be there and is not is named; the other days are read."""
    write([{f"{k}_v2" if k == name else k: v for k, v in row().items()}])
    write([row()], DAY - timedelta(days=3))
    rows, found = read(late_days=9)
    assert [r.ranked_at.date() for r in found] == [DAY - timedelta(days=3)]
    assert errors(rows) == [f"BadAnswer: part-00000.parquet has no column {name}"]


def test_missing_clicks_are_unknown(write: Write, read: Any) -> None:
    """Without the column, or with one unknown part in a sum, clicks are None and never 0."""
    write([{k: v for k, v in row().items() if k != "clicks"}])
    write([row(), row(clicks=None)], DAY - timedelta(days=3))
    _, found = read()
    assert [(r.position, r.clicks) for r in found] == [(3.5, None), (3.5, None)]


@pytest.mark.parametrize("more", [{"impressions": 0}, {"impressions": None}, {"sum_position": None}, {"url": None}])
def test_rows_without_a_position_are_counted(write: Write, read: Any, more: dict[str, Any]) -> None:
    """A row that cannot be placed is in no list; the rest is, and a failed row says how many there were."""
    write([row(query="other") | more, row()])
    rows, found = read(late_days=9)
    assert [r.keyword for r in found] == ["kettle"]
    assert errors(rows) == [f"BadAnswer: 1 rows of {DATA_DAY} have no page, no impressions or no sum of positions"]


def test_a_file_that_is_no_parquet_spoils_nothing_else(write: Write, read: Any, tmp_path: Path) -> None:
    """A broken file fails its day; one in the log or outside the folders of days is told by its name."""
    write([row()], DAY - timedelta(days=3))
    write([row()]).write_bytes(b"PAR1 and nothing")
    (tmp_path / f"{TABLE}-x.parquet").write_bytes(b"no")
    (tmp_path / f"{LOG}.parquet").write_bytes(b"no")
    rows, found = read(late_days=9)
    assert [r.ranked_at.date() for r in found] == [DAY - timedelta(days=3)]
    names = [words.split()[1] for words in errors(rows)]
    assert sorted(names) == [f"{LOG}.parquet", "part-00000.parquet", f"{TABLE}-x.parquet"]
    assert all("cannot be read" in words for words in errors(rows))


def test_no_folder_and_an_empty_one_are_told(read: Any, tmp_path: Path) -> None:
    """A matter for a person, in words; without the setting the source is not ready at all."""
    assert errors(read()[0]) == [f"ConfigurationError: there are no Parquet files of {TABLE} in {tmp_path}"]
    (words,) = errors(read(folder=tmp_path / "none")[0])
    assert "TALLYRANK_SEARCH_CONSOLE_EXPORT_FOLDER" in words
    assert Settings(_env_file=None).missing() == ("TALLYRANK_SEARCH_CONSOLE_EXPORT_FOLDER",)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("total", "shown", "expected"),
    [(0, 5, 1.0), (10, 4, 3.5), (None, 4, None), (10, None, None), (10, 0, None), (-1, 4, None), (True, 4, None)],
)
def test_an_average_needs_both_numbers(total: Any, shown: Any, expected: float | None) -> None:
    """The sum over the impressions, plus one; unknown where either is missing or makes no sense."""
    assert average(total, shown) == expected


def test_rows_hold_what_parsing_reads(write: Write, read: Any) -> None:
    """Country, device and flags do not leave the files."""
    write([row()])
    (found,) = [r for r in read(late_days=9)[0] if r.url]
    assert set(found.payload) == {"site", "date", "query", "impressions", "clicks", "sum_position"}
