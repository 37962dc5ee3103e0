"""Google Search Console's bulk export: average positions of your own pages, from Parquet files on this machine.

Search Console can copy each day to BigQuery, without the cap of 50,000 rows and for ever. BigQuery writes tables to
Parquet files (`EXPORT DATA`, or an export to a bucket); `folder` names where their copy stands. No network is used:

- `searchdata_url_impression/data_date=2026-10-01/*.parquet`, one folder per day (Hive); or files at
  `searchdata_url_impression*.parquet`, or anywhere in that folder, with a column `data_date`. Columns are read by name,
  because Google adds some: `site_url`, `query`, `url`, `search_type` (upper case), `impressions`, `clicks`,
  `sum_position`, `is_anonymized_query`. `searchdata_site_impression` has no pages, so no lists: it is left alone.
- `ExportLog/*.parquet` or `ExportLog*.parquet` (optional): `namespace` (the table), `data_date`, `epoch_version`,
  `publish_time`.

**Traps.** `sum_position` is a sum over impressions counted from *zero*: the position is sum / impressions + 1. Rows
with the same keys are normal and are added up, never dropped. Rows of questions that very few people ask have
`is_anonymized_query` and an empty query (empty or NULL: UNVERIFIED, both are taken): they are kept out of the lists and
counted in a row of their own per property and day. Average positions count all elements of a result page and are no
ranks; no row means no impression.

**Days** are Pacific and come two or three days late; one that failed is tried again for about a week. A revision
replaces the whole day and is noted in ExportLog. So each look reads the last `days_back` data days, and with them any
day that ExportLog says was published within the same time. Of versions that stand side by side in `epoch_version=…`
folders the highest is read; otherwise the files of a day must be replaced as a whole. A failed row names a day that is
missing between others, one that the log knows and the folder does not, one whose files are older than its last
revision, and a file that cannot be read.

UNVERIFIED: how your copy partitions the table (hence both layouts).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import Field
from pydantic_settings import SettingsConfigDict

from connectors.base import Ask, Connector, ConnectorSettings, Stream, failed
from connectors.errors import BadAnswer, ConfigurationError
from connectors.fields import number
from connectors.records import Ranking, RankKind, Raw
from connectors.search_analytics import start_of, told

NAME = "search_console_export"
TABLE, LOG = "searchdata_url_impression", "ExportLog"
NEEDED = {"query": "string", "url": "string", "search_type": "string", "impressions": "int64", "sum_position": "int64"}
OPTIONAL = {"site_url": "string", "clicks": "int64", "is_anonymized_query": "bool", "epoch_version": "int64"}
SUMS = ("impressions", "clicks", "sum_position")


class Settings(ConnectorSettings):
    """Settings of the bulk export; there is no host and no key, only a folder."""

    model_config = SettingsConfigDict(
        **ConnectorSettings.model_config | {"env_prefix": "TALLYRANK_SEARCH_CONSOLE_EXPORT_"}
    )
    required: ClassVar[tuple[str, ...]] = ("folder",)

    base_url: str = Field("", description="Not used: files are read.")
    folder: Path | None = Field(None, description=f"Folder with the Parquet files of {TABLE} and {LOG}.")
    days_back: int = Field(5, ge=1, le=486, description="Data days read again at every look, the day itself included.")
    late_days: int = Field(3, ge=0, description="A day without files is missed only when it is at least this old.")
    search_type: str = Field("WEB", description="Which search is read: WEB, IMAGE, VIDEO or NEWS.")


@dataclass(frozen=True)
class File:
    """One Parquet file, with what the names of its folders say (`data_date=…`)."""

    path: Path
    facts: Mapping[str, str]

    def days(self) -> set[date]:
        """The data days in it."""
        if "data_date" in self.facts:
            return {date.fromisoformat(self.facts["data_date"])}
        return {_day(value) for value in pc.unique(self._read(["data_date"])["data_date"]).to_pylist() if value}

    def rows(self, day: date) -> pa.Table:
        """What is read of a day in it; columns that it need not have are filled from its folders' names, or NULL."""
        names = set(pq.read_schema(self.path).names)
        kinds = NEEDED | OPTIONAL
        if missing := [name for name in NEEDED if name not in names | self.facts.keys()]:
            raise BadAnswer(NAME, f"{self.path.name} has no column {' and no '.join(missing)}")
        dated = [] if "data_date" in self.facts else ["data_date"]
        table = self._read([*(name for name in kinds if name in names), *dated])
        if dated:
            table = table.filter(pc.equal(table["data_date"].cast(pa.date32()), pa.scalar(day)))
        columns = {name: self._column(table, name, kind) for name, kind in kinds.items()}
        return pa.table(columns)

    def entries(self) -> list[dict[str, Any]]:
        """All that is in it: for the log, which is small."""
        return list(self._read(None).to_pylist())

    def _column(self, table: pa.Table, name: str, kind: str) -> Any:
        if name in table.column_names:
            return table[name].cast(kind)
        return pa.repeat(pa.scalar(self.facts.get(name), pa.string()).cast(kind), table.num_rows)

    def _read(self, columns: list[str] | None) -> pa.Table:
        return pq.read_table(self.path, columns=columns, partitioning=None)


def fetch(ask: Ask) -> Iterator[Raw]:
    """One row per property, day, query and page, one per property and day with what is anonymous, and the failures."""
    broken: list[BadAnswer] = []
    try:
        export = _export(ask.settings.folder, broken)
    except ConfigurationError as error:
        yield told(failed(ask, "export", error), "", ask.day)
        return
    log = published(ask.settings.folder, broken)
    yield from (told(failed(ask, f"broken file {n}", trouble), "", ask.day) for n, trouble in enumerate(broken, 1))
    for day in _days(ask, log):
        try:
            files = export.get(day, [])
            yield from _read(ask, day, files) if files else ()
            _heed(ask, day, files, log.get(day), min(export, default=ask.day))
        except BadAnswer as error:
            yield told(failed(ask, str(day), error), "", day)


def parse(rows: Sequence[Raw]) -> Iterator[Ranking]:
    """One ranking per query and page, at the start of its Pacific day."""
    for row in rows:
        payload = row.payload if isinstance(row.payload, dict) else {}
        query, at = payload.get("query"), start_of(payload.get("date"))
        position = average(payload.get("sum_position"), payload.get("impressions"))
        if isinstance(query, str) and query and row.url is not None and at is not None and position is not None:
            yield Ranking(
                query, row.url, at, position, rank_kind=RankKind.AVERAGE, source=NAME,
                impressions=number(payload.get("impressions")), clicks=number(payload.get("clicks")),
            )  # fmt: skip


def average(sum_position: Any, impressions: Any) -> float | None:
    """The average position: the sum is counted from zero, so one is added; None where there is nothing to divide."""
    total, shown = number(sum_position), number(impressions)
    return None if total is None or not shown or shown < 0 or total < 0 else total / shown + 1


def published(folder: Path, broken: list[BadAnswer]) -> dict[date, datetime]:
    """When each day was last published (UTC), by the export's log; empty where there is no log."""
    found: dict[date, datetime] = {}
    for file in files_of(folder, LOG):
        for entry in _guarded(file, broken, File.entries) or ():
            at = entry.get("publish_time")
            if entry.get("namespace") == TABLE and entry.get("data_date") and isinstance(at, datetime):
                day, moment = _day(entry["data_date"]), at.replace(tzinfo=at.tzinfo or UTC)
                found[day] = max(found.get(day, moment), moment)
    return found


def files_of(folder: Path, table: str) -> list[File]:
    """The Parquet files of a table, in order of their names."""
    paths = {*folder.glob(f"{table}*.parquet"), *(folder / table).rglob("*.parquet")}
    return [File(p, _facts(p.relative_to(folder))) for p in sorted(paths) if p.is_file()]


def _facts(path: Path) -> dict[str, str]:
    return {name: value for name, _, value in (part.partition("=") for part in path.parts[:-1]) if value}


def _export(folder: Path | None, broken: list[BadAnswer]) -> dict[date, list[File]]:
    """The files of every data day; those that cannot be read are added to `broken`."""
    if folder is None or not folder.is_dir():
        raise ConfigurationError(NAME, f"TALLYRANK_SEARCH_CONSOLE_EXPORT_FOLDER: there is no folder {folder}")
    found: dict[date, list[File]] = {}
    for file in files_of(folder, TABLE):
        for day in _guarded(file, broken, File.days) or ():
            found.setdefault(day, []).append(file)
    if not found and not broken:
        raise ConfigurationError(NAME, f"there are no Parquet files of {TABLE} in {folder}")
    return found


def _days(ask: Ask, log: Mapping[date, datetime]) -> list[date]:
    """The data days of the window, and those that were published within it."""
    first = ask.day - timedelta(days=ask.settings.days_back - 1)
    window = {first + timedelta(days=n) for n in range(ask.settings.days_back)}
    return sorted(window | {day for day, at in log.items() if first <= at.date() <= ask.day and day <= ask.day})


def _heed(ask: Ask, day: date, files: Sequence[File], at: datetime | None, first: date) -> None:
    """Raise where a day is missing, or older than its last revision."""
    if files:
        written = max(datetime.fromtimestamp(file.path.stat().st_mtime, UTC) for file in files)
        if at is not None and written < at:
            raise BadAnswer(
                NAME, f"{day} was published anew at {at:%Y-%m-%d %H:%M} UTC, after your copy; copy it again"
            )
    elif at is not None:
        raise BadAnswer(NAME, f"{day} was published at {at:%Y-%m-%d %H:%M} UTC, but your copy has no files of it")
    elif first < day <= ask.day - timedelta(days=ask.settings.late_days):
        raise BadAnswer(NAME, f"{day} is missing: there are neither files nor an entry in {LOG}")


def _read(ask: Ask, day: date, files: Sequence[File]) -> Iterator[Raw]:
    """The rows of one day, equal keys added up; raises BadAnswer after them where some have no position."""
    table = pa.concat_tables([_rows_of(file, day) for file in files])
    table = _newest(table.filter(pc.equal(pc.utf8_upper(table["search_type"]), ask.settings.search_type.upper())))
    hidden = pc.or_(pc.fill_null(table["is_anonymized_query"], False), pc.equal(pc.fill_null(table["query"], ""), ""))
    yield from _anonymous(ask, day, table.filter(hidden))
    n_bad = 0
    for entry in _summed(table.filter(pc.invert(hidden)), ["site_url", "query", "url"]):
        if not entry["url"] or average(entry["sum_position"], entry["impressions"]) is None:
            n_bad += 1
            continue
        site, page = entry.pop("site_url") or "", entry.pop("url")
        known = {"site": site, "date": day.isoformat()}
        yield Raw(f"{site} {day}", ask.observed_at, url=page, payload=entry | known)
    if n_bad:
        raise BadAnswer(NAME, f"{n_bad:,} rows of {day} have no page, no impressions or no sum of positions")


def _newest(table: pa.Table) -> pa.Table:
    """The rows of the highest version, where several stand side by side."""
    highest = pc.max(table["epoch_version"])
    return table.filter(pc.equal(table["epoch_version"], highest)) if highest.is_valid else table


def _anonymous(ask: Ask, day: date, table: pa.Table) -> Iterator[Raw]:
    """What was asked too rarely to be named, counted per property; parsing makes no list of it."""
    for entry in _summed(table, ["site_url"]):
        site = entry["site_url"] or ""
        counts = {f"anonymous_{name}": entry[name] for name in ("impressions", "clicks")}
        payload = {"site": site, "date": day.isoformat(), **counts}
        yield Raw(f"{site} {day} anonymous", ask.observed_at, payload=payload)


def _summed(table: pa.Table, keys: list[str]) -> list[dict[str, Any]]:
    """Sums by some columns; a sum with an unknown part is unknown."""
    whole = pc.ScalarAggregateOptions(skip_nulls=False)
    sums = table.group_by(keys, use_threads=False).aggregate([(name, "sum", whole) for name in SUMS])
    return list(sums.rename_columns([name.removesuffix("_sum") for name in sums.column_names]).to_pylist())


def _rows_of(file: File, day: date) -> pa.Table:
    broken: list[BadAnswer] = []
    table = _guarded(file, broken, lambda f: f.rows(day))
    if table is None:
        raise broken[0]
    return table


def _guarded(file: File, broken: list[BadAnswer], read: Callable[[File], Any]) -> Any:
    """What reading a file gives; None and one more in `broken` where it is no Parquet file of that shape."""
    try:
        return read(file)
    except BadAnswer as error:
        broken.append(error)
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        broken.append(BadAnswer(NAME, f"{file.path.name} cannot be read ({type(error).__name__})"))
    return None


def _day(value: Any) -> date:
    return value if isinstance(value, date) and not isinstance(value, datetime) else date.fromisoformat(str(value)[:10])


CONNECTOR = Connector(
    name=NAME,
    title="Google Search Console (bulk export)",
    signal="rankings",
    settings=Settings,
    streams=(
        Stream(
            name="query_page",
            title="Average positions by day, query and page, from the bulk export",
            asks="account",
            requests="none",
            fetch=fetch,
            parse=parse,
            keeps_past=True,
        ),
    ),
    quota="None: files are read, no question is asked.",
    terms="Your own sites' data, by Google's terms; no limit is set on your copy.",
    rank_kinds=(RankKind.AVERAGE,),
    keys_from=(
        "Turn the bulk export on in Search Console (Settings), write the tables to Parquet with BigQuery's EXPORT "
        "DATA, copy them to this machine, and name their folder."
    ),
    cost="Free here; BigQuery charges for storing and exporting beyond its free allowance.",
    verified="Nothing against a real export: tables and columns are from Google's help pages.",
)
