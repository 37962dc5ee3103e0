"""Google Search Console, Search Analytics: average positions of your own pages, impressions and clicks.

**Asked** through google-api-python-client at `https://searchconsole.googleapis.com`, read-only scope, with an OAuth2
bearer token or a service account that was added as a user of the property: `GET webmasters/v3/sites` (unless the
sites are named in the settings; unverified ones are left out) and
`POST webmasters/v3/sites/{siteUrl}/searchAnalytics/query`, once per property and data day, grouped by date, query and
page, `startRow` moving on until a page is shorter than `rowLimit` (25,000 at most). A property is `sc-domain:…`
or an address whose last slash belongs to the name. Rows come by clicks, ties in any order, so a tie may be seen twice
across two pages: rows are told apart by their keys.

**The cap.** Google keeps at most 50,000 rows per day and property, the most clicked ones, so one day is asked for at a
time. A day that reaches them is read, marked `capped`, and has a failed row beside it that tells people so.

**Meaning.** Position is, per impression, the topmost place of a link of the page among *all* elements of the result
page, averaged over impressions: it is fractional, never comparable with an organic rank, and may be summed up only
with impressions as weights. No row means no impression, never "not in the list", so nothing is censored and no depth
is known. `page` is the canonical address that Google chose, not always the one that people share. Questions asked by
very few people are left out of these rows (nearly half of all clicks on average), and one impression of two pages of
a site is two rows: never add these rows up to a site's total. `rows` is missing, not empty, when there are none.

**Splits**, off unless named in `splits`, are streams of their own whose lists never mix with the main ones: by country
and by device the same rows have one more key and are filed under it, from the source `search_console/country` or
`search_console/device`; a search appearance (`VIDEO`, `REVIEW_SNIPPET`, …)
may only be grouped by alone, so the ones of a day are listed first and then used as filters, one question each, and
their lists bear the source `search_console/<appearance>`. A page may have several appearances. Parts repeat what the
main lists count, cost load quota, and meet the cap sooner. Impressions and clicks of a part that are below
`segment_minimum` are not kept: they could speak of single people.

**Days** are Pacific. Final data come 2 to 3 days late and are revised, so each look reads a trailing window of data
days again. 16 months are kept. `data_state=all` adds the unfinished last days, which are marked `unfinished`;
`hourly_all` is not read. On its last look a day that some property fails to answer (other than by refusing it
altogether) is left as the look before found it, for every property: else the lists that they share would lose that
property's pages.

**Quota**: 1,200 requests a minute per site and per user, and a *load* quota that page × query groupings use up
fastest. Days are asked for oldest first, so that what is left unasked has another look to come.
**Errors**: `quotaExceeded` (403) is that load quota: nothing more is asked in this run, and a quarter of an hour is
the documented pause; `forbidden` (403) concerns one property; 401 asks for a new sign-in; 429 and 5xx are tried
again.

**Terms**: the owner's own data. Google dropped `num=100` in September 2025: impressions and positions break there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from connectors import google
from connectors.base import Ask, Connector, ConnectorSettings, Stream, ask_in_batches, cell, failed
from connectors.errors import BadAnswer, ConfigurationError, NotPermitted, PastRefused, QuotaExhausted, SourceError
from connectors.fields import comma_separated, number
from connectors.http import Classify
from connectors.records import Ranking, RankKind, Raw
from connectors.search_analytics import (
    MOST_ROWS_A_DAY,
    Day,
    all_rows,
    country,
    entries,
    settled,
    start_of,
    told,
)

NAME = "search_console"
SCOPE = "https://www.googleapis.com/auth/webmasters.readonly"
DIMENSIONS = ("date", "query", "page")
APPEARANCE = "searchAppearance"
SPLITS = ("country", "device", APPEARANCE)
METRICS = ("clicks", "impressions", "position")
KEPT = timedelta(days=486)  # 16 months
DAYS_LATE = {"final": 3, "all": 1}  # after as many days a data day surely has rows
PAUSE = timedelta(minutes=15)  # after the load quota
ADVICE = "Check TALLYRANK_SEARCH_CONSOLE_TOKEN (it lives for an hour) or the service account's access to the property."


class Settings(ConnectorSettings):
    """Settings of Search Console, read from `TALLYRANK_SEARCH_CONSOLE_*`."""

    model_config = SettingsConfigDict(**ConnectorSettings.model_config | {"env_prefix": "TALLYRANK_SEARCH_CONSOLE_"})
    required: ClassVar[tuple[str, ...]] = ("token",)
    instead: ClassVar[Mapping[tuple[str, ...], tuple[str, ...]]] = {("token",): ("service_account_file",)}

    base_url: str = Field("https://searchconsole.googleapis.com", description="Root of the API.")
    requests_per_second: float = Field(5.0, gt=0, description="Highest pace; 20 per second are allowed per site.")
    concurrency: int = Field(4, ge=1, le=64, description="Requests under way at once.")
    token: SecretStr | None = Field(None, description="OAuth2 bearer token; or set the service account's file.")
    service_account_file: Path | None = Field(
        None, description="JSON key file of a service account; instead of a token."
    )
    sites: str = Field(
        "", description="Properties, comma-separated (sc-domain:example.com); empty for all verified ones."
    )
    splits: str = Field(
        "", description="Also read in parts, as lists of their own: country, device, searchAppearance, comma-separated."
    )
    days_back: int = Field(5, ge=1, le=486, description="Data days read again at every look, the day itself included.")
    data_state: Literal["final", "all"] = Field("final", description="`all` adds the unfinished last days.")
    row_limit: int = Field(25_000, ge=1, le=25_000, description="Rows per request.")

    @field_validator("splits")
    @classmethod
    def _known_splits(cls, names: str) -> str:
        if unknown := set(comma_separated(names)) - set(SPLITS):
            raise ValueError(f"no such split: {', '.join(sorted(unknown))}; there are {', '.join(SPLITS)}")
        return names

    @property
    def site_names(self) -> list[str]:
        """The properties named, each once."""
        return comma_separated(self.sites)


class Question(NamedTuple):
    """One property on one data day, in parts by `split` where it is not empty."""

    site: str
    day: date
    split: str

    @property
    def subject(self) -> str:
        """What the rows of its answer are about."""
        return f"{self.site} {self.day}"


def fetch(ask: Ask, split: str = "") -> Iterator[Raw]:
    """One row per result row, for every property and every data day of the window, the oldest day first."""
    if split and split not in comma_separated(ask.settings.splits):
        return
    days = _window(ask)
    with _service(ask) as console:
        try:
            sites = ask.settings.site_names or _verified(console)
        except SourceError as error:
            yield replace(failed(ask, "sites", error), url=None)
            return
        questions = {q.subject: q for q in (Question(site, day, split) for day in days for site in sites)}
        read = _reader(ask, console)
        answers = ask_in_batches(ask, list(questions), 1, lambda subjects: read(questions[subjects[0]]))
        rows = (told(row, *questions[row.subject][:2]) if row.payload is None else row for row in answers)
        for day, group in groupby(rows, key=lambda row: str(row.payload["date"])):
            yield from settled(NAME, ask, list(group)) if day == _last_look(ask) else group  # noqa: B031  once only


def parse(rows: Sequence[Raw], split: str = "") -> Iterator[Ranking]:
    """One ranking per result row, at the start of its Pacific day; a part is filed under what it is a part of."""
    for row in rows:
        payload = row.payload if isinstance(row.payload, dict) else {}
        query, at, position = payload.get("query"), start_of(payload.get("date")), number(payload.get("position"))
        part = payload.get(split) if split else None
        if not isinstance(query, str) or row.url is None or at is None or position is None:
            continue  # fetch makes a failure of such a row
        if split and not (isinstance(part, str) and part):
            continue
        yield Ranking(
            query, row.url, at, position, rank_kind=RankKind.AVERAGE,
            impressions=number(payload.get("impressions")), clicks=number(payload.get("clicks")),
            **_filed(split, str(part)),
        )  # fmt: skip


def classify_for(ask: Ask) -> Classify:
    """Search Console's reading of Google's errors."""

    def loaded(source: str, words: str) -> SourceError:
        return QuotaExhausted(source, f"{words} Wait a quarter of an hour.", ask.observed_at + PAUSE)

    def spent(source: str, words: str) -> SourceError:
        return QuotaExhausted(source, words, google.next_pacific_midnight(ask.observed_at))

    special: dict[str, google.Make] = {"quotaExceeded": loaded, "dailyLimitExceeded": spent}
    return google.classifier(ADVICE, special | {"forbidden": NotPermitted})


def _filed(split: str, part: str) -> dict[str, Any]:
    """The fields of a ranking that keep the lists of a part apart from all others."""
    if split == "country":
        return {"country": country(part), "source": f"{NAME}/country"}
    if split == "device":
        return {"device": part.lower(), "source": f"{NAME}/device"}
    return {"source": f"{NAME}/{part.lower()}" if split else NAME}


def _service(ask: Ask) -> AbstractContextManager[Any]:
    sign = google.account(NAME, ask.settings, SCOPE)
    return google.service(ask, NAME, "searchconsole", "v1", classify=classify_for(ask), sign=sign)


def _window(ask: Ask) -> list[date]:
    """The data days to read, the newest last; days that Google no longer keeps, or that are to come, are left out."""
    today = ask.day if ask.settings.has_clock else datetime.now(google.PACIFIC).date()
    if ask.day < today - KEPT:
        raise PastRefused(NAME, f"{ask.day} is further back than the 16 months that Google keeps")
    days = (ask.day - timedelta(days=back) for back in reversed(range(ask.settings.days_back)))
    return [day for day in days if today - KEPT <= day <= today]


def _last_look(ask: Ask) -> str | None:
    """The data day that is looked at for the last time and surely had rows at the look before; None: there is none."""
    age = ask.settings.days_back - 1
    is_seen = age - 1 >= DAYS_LATE[ask.settings.data_state]
    return str(ask.day - timedelta(days=age)) if is_seen else None


def _verified(console: Any) -> list[str]:
    """The properties the account may read."""
    listed = entries(NAME, google.execute(NAME, console.sites().list()), "siteEntry")
    verified = [e["siteUrl"] for e in listed if "siteUrl" in e and e.get("permissionLevel") != "siteUnverifiedUser"]
    if not verified:
        raise ConfigurationError(NAME, "the account may read no property: add it as a user of one in Search Console")
    return verified


def _reader(ask: Ask, console: Any) -> Callable[[Question], list[Raw]]:
    """Reads one day of one property; a property that refused once is not asked about its other days."""
    refused: dict[str, NotPermitted] = {}

    def read(question: Question) -> list[Raw]:
        if question.site in refused:
            raise refused[question.site]
        try:
            return _read(ask, console, question)
        except NotPermitted as error:
            refused[question.site] = error
            raise

    return read


def _read(ask: Ask, console: Any, question: Question) -> list[Raw]:
    """The rows of one day of one property, and one that tells people where the cap was met."""
    if question.split != APPEARANCE:
        dimensions = (*DIMENSIONS, question.split) if question.split else DIMENSIONS
        return _rows(ask, question, _asked(ask, console, question, dimensions), {})
    found: list[Raw] = []
    for row in _asked(ask, console, question, (APPEARANCE,)).rows:
        only = {"dimension": APPEARANCE, "operator": "equals", "expression": row["keys"][0]}
        more = {"dimensionFilterGroups": [{"groupType": "and", "filters": [only]}]}
        day = _asked(ask, console, question, DIMENSIONS, more)
        found += _rows(ask, question, day, {APPEARANCE: row["keys"][0]})
    return found


def _asked(
    ask: Ask, console: Any, question: Question, dimensions: Sequence[str], more: Mapping[str, Any] | None = None
) -> Day:
    settings, resource = ask.settings, console.searchanalytics()
    body = {
        "startDate": question.day.isoformat(),
        "endDate": question.day.isoformat(),
        "dimensions": dimensions,
        "dataState": settings.data_state,
        "rowLimit": settings.row_limit,
        **(more or {}),
    }

    def query(start: int) -> dict[str, Any]:
        return google.execute(NAME, resource.query(siteUrl=question.site, body=body | {"startRow": start}))

    return all_rows(NAME, query, settings.row_limit, len(dimensions))


def _rows(ask: Ask, question: Question, day: Day, part: Mapping[str, str]) -> list[Raw]:
    known = {"site": question.site, "capped": day.is_capped, **part}
    if day.unfinished_from is not None:
        known["unfinished"] = question.day.isoformat() >= day.unfinished_from
    rows = [
        Raw(question.subject, ask.observed_at, url=row["keys"][2], payload=_project(ask, row, question.split) | known)
        for row in day.rows
    ]
    return [*rows, _cap(ask, question, part)] if day.is_capped else rows


def _project(ask: Ask, row: Mapping[str, Any], split: str) -> dict[str, Any]:
    """What parsing reads of a row; of a part, counts so small that they could speak of single people are not kept."""
    if number(row.get("position")) is None:
        raise BadAnswer(NAME, "a row without a `position`")
    counts = {name: row.get(name) for name in METRICS}
    if split:
        counts |= {name: cell(ask, row.get(name)) for name in ("clicks", "impressions")}
    more = {split: row["keys"][3]} if len(row["keys"]) > len(DIMENSIONS) else {}
    return {"date": row["keys"][0], "query": row["keys"][1], **counts, **more}


def _cap(ask: Ask, question: Question, part: Mapping[str, str]) -> Raw:
    """The row that tells people that rows of a day are missing."""
    words = (
        f"Google gave only the {MOST_ROWS_A_DAY:,} most clicked rows of {question.site} on {question.day}: rarer "
        "questions are missing. Its bulk export (search_console_export) has no such limit."
    )
    subject = " ".join((question.subject, *part.values(), "beyond the cap"))
    return told(failed(ask, subject, BadAnswer(NAME, words)), question.site, question.day, capped=True)


def _stream(name: str, title: str, split: str = "") -> Stream:
    return Stream(
        name=name,
        title=title,
        asks="account",
        requests="1 per property, data day and 25,000 rows" + (", for each appearance" if split == APPEARANCE else ""),
        fetch=partial(fetch, split=split),
        parse=partial(parse, split=split),
        keeps_past=True,
    )


CONNECTOR = Connector(
    name=NAME,
    title="Google Search Console",
    signal="rankings",
    settings=Settings,
    streams=(
        _stream("query_page", "Average positions by day, query and page"),
        _stream("by_country", "The same by country, where `splits` names it", "country"),
        _stream("by_device", "The same by device, where `splits` names it", "device"),
        _stream("by_appearance", "The same by search appearance, where `splits` names it", APPEARANCE),
    ),
    quota="1,200 requests a minute per site and per user; a load quota on page and query groupings; 50,000 rows a day.",
    terms="Your own sites' data, by Google's API terms; 16 months are kept by Google, no limit is set on your copy.",
    rank_kinds=(RankKind.AVERAGE,),
    keys_from=(
        "Add a service account (https://console.cloud.google.com/iam-admin/serviceaccounts) as a user of the property "
        "and name its key file, or sign in for a token with the scope webmasters.readonly."
    ),
    verified=(
        "Nothing against real answers: requests are made by Google's own client, whose description of the service was "
        "read; caps, quotas and delays are from Google's documentation."
    ),
)
