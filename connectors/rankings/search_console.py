"""Google Search Console, Search Analytics: average positions of your own pages, impressions and clicks.

**Asked** through google-api-python-client at `https://searchconsole.googleapis.com`, read-only scope, with an OAuth2
bearer token or a service account that was added as a user of the property: `GET webmasters/v3/sites` (unless the
sites are named in the settings; unverified ones are left out) and
`POST webmasters/v3/sites/{siteUrl}/searchAnalytics/query`, once per property and data day, grouped by date, query and
page, `startRow` moving on until a page is shorter than `rowLimit` (25,000 at most). A property is `sc-domain:…`
or an address whose last slash belongs to the name. One day at a time, because Google keeps at most 50,000 rows per
day and property, the most clicked ones: a day that reaches them is marked `capped`. Rows come by clicks, ties in any
order, so a tie may be seen twice across two pages: rows are told apart by their keys.

**Meaning.** Position is, per impression, the topmost place of a link of the page among *all* elements of the result
page, averaged over impressions: it is fractional, never comparable with an organic rank, and may be summed up only
with impressions as weights. No row means no impression, never "not in the list", so nothing is censored and no depth
is known. `page` is the canonical address that Google chose, not always the one that people share. Questions asked by
very few people are left out of these rows (nearly half of all clicks on average), and one impression of two pages of
a site is two rows: never add these rows up to a site's total. `rows` is missing, not empty, when there are none.

**Days** are Pacific. Final data come 2 to 3 days late and are revised, so each look reads a trailing window of data
days again. 16 months are kept. `data_state=all` adds the unfinished last days.

**Quota**: 1,200 requests a minute per site and per user, and a *load* quota that page × query groupings use up
fastest.
**Errors**: `quotaExceeded` (403) is that load quota: nothing more is asked in this run, and a quarter of an hour is
the documented pause; `forbidden` (403) concerns one property; 401 asks for a new sign-in; 429 and 5xx are tried
again.

**Terms**: the owner's own data. Google dropped `num=100` in September 2025: impressions and positions break there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from connectors import google
from connectors.base import Ask, Connector, ConnectorSettings, Stream, ask_in_batches, failed
from connectors.errors import BadAnswer, ConfigurationError, NotPermitted, PastRefused, QuotaExhausted, SourceError
from connectors.http import Classify
from connectors.records import Ranking, RankKind, Raw, Status

NAME = "search_console"
SCOPE = "https://www.googleapis.com/auth/webmasters.readonly"
DIMENSIONS = ("date", "query", "page")
METRICS = ("clicks", "impressions", "position")
MOST_ROWS_A_DAY = 50_000
KEPT = timedelta(days=486)  # 16 months
PAUSE = timedelta(minutes=15)  # after the load quota
ADVICE = "Check TALLYRANK_SEARCH_CONSOLE_TOKEN (it lives for an hour) or the service account's access to the property."


class Settings(ConnectorSettings):
    """Settings of Search Console, read from `TALLYRANK_SEARCH_CONSOLE_*`."""

    model_config = SettingsConfigDict(**ConnectorSettings.model_config | {"env_prefix": "TALLYRANK_SEARCH_CONSOLE_"})
    required: ClassVar[tuple[str, ...]] = ("token",)

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
    days_back: int = Field(5, ge=1, le=486, description="Data days read again at every look, the day itself included.")
    data_state: Literal["final", "all"] = Field("final", description="`all` adds the unfinished last days.")
    row_limit: int = Field(25_000, ge=1, le=25_000, description="Rows per request.")

    @property
    def site_names(self) -> list[str]:
        """The properties named, each once."""
        return list(dict.fromkeys(s.strip() for s in self.sites.split(",") if s.strip()))

    def missing(self) -> tuple[str, ...]:
        """A token or a service account's file: one of them is enough."""
        return () if self.service_account_file else super().missing()


def fetch(ask: Ask) -> Iterator[Raw]:
    """One row per result row, for every property and every data day of the window."""
    days = _window(ask)
    with _service(ask) as console:
        try:
            sites = ask.settings.site_names or _verified(console)
        except SourceError as error:
            yield replace(failed(ask, "sites", error), url=None)
            return
        whole = {f"{site} {day}": (site, day) for site in sites for day in days}
        read = _reader(ask, console)
        for row in ask_in_batches(ask, list(whole), 1, lambda subjects: read(*whole[subjects[0]])):
            yield _explained(row, *whole[row.subject]) if row.status is Status.FAILED else row


def parse(rows: Sequence[Raw]) -> Iterator[Ranking]:
    """One ranking per result row, at the start of its Pacific day."""
    for row in rows:
        payload = row.payload if isinstance(row.payload, dict) else {}
        query, ranked_at, position = (
            payload.get("query"),
            _start_of(payload.get("date")),
            _number(payload.get("position")),
        )
        if not isinstance(query, str) or row.url is None or ranked_at is None or position is None:
            continue  # fetch makes a failure of such a row
        yield Ranking(
            query, row.url, ranked_at, position, rank_kind=RankKind.AVERAGE, source=NAME,
            impressions=_number(payload.get("impressions")), clicks=_number(payload.get("clicks")),
        )  # fmt: skip


def all_rows(query: Callable[[int], Mapping[str, Any]], row_limit: int) -> tuple[list[dict[str, Any]], bool]:
    """Every row of a day, page by page (`query` takes startRow), each once by its keys; and whether the cap was met."""
    seen: dict[tuple[Any, ...], dict[str, Any]] = {}
    for start in range(0, MOST_ROWS_A_DAY, row_limit):
        page = entries(query(start), "rows")
        for row in page:
            seen.setdefault(_keys(row), row)
        if len(page) < row_limit:
            return list(seen.values()), start + len(page) >= MOST_ROWS_A_DAY
    return list(seen.values()), True


def entries(answer: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """A list of an answer; the key is absent when it has no entries, so a list by another name is a renamed one."""
    found = answer.get(name)
    if found is None and (others := [other for other, value in answer.items() if value and isinstance(value, list)]):
        raise BadAnswer(NAME, f"no `{name}` in the answer, but a list {others[0]!r}")
    if found is not None and not (isinstance(found, list) and all(isinstance(entry, dict) for entry in found)):
        raise BadAnswer(NAME, f"`{name}` is not a list of objects")
    return found or []


def classify_for(ask: Ask) -> Classify:
    """Search Console's reading of Google's errors."""

    def loaded(source: str, words: str) -> SourceError:
        return QuotaExhausted(source, f"{words} Wait a quarter of an hour.", ask.observed_at + PAUSE)

    def spent(source: str, words: str) -> SourceError:
        return QuotaExhausted(source, words, google.next_pacific_midnight(ask.observed_at))

    special: dict[str, google.Make] = {"quotaExceeded": loaded, "dailyLimitExceeded": spent}
    return google.classifier(ADVICE, special | {"forbidden": NotPermitted})


def _service(ask: Ask) -> AbstractContextManager[Any]:
    sign = _credentials(ask.settings)
    return google.service(ask, NAME, "searchconsole", "v1", classify=classify_for(ask), sign=sign)


def _credentials(settings: Settings) -> Any:
    from google.oauth2 import credentials, service_account

    if settings.token and settings.token.get_secret_value():
        return credentials.Credentials(token=settings.token.get_secret_value())  # type: ignore[no-untyped-call]
    file = str(settings.service_account_file)
    try:
        return service_account.Credentials.from_service_account_file(file, scopes=[SCOPE])  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        words = f"TALLYRANK_SEARCH_CONSOLE_SERVICE_ACCOUNT_FILE is no readable key file ({type(error).__name__})"
        raise ConfigurationError(NAME, words) from None


def _window(ask: Ask) -> list[date]:
    """The data days to read, the newest last; days that Google no longer keeps, or that are to come, are left out."""
    today = ask.day if ask.settings.has_clock else datetime.now(google.PACIFIC).date()
    if ask.day < today - KEPT:
        raise PastRefused(NAME, f"{ask.day} is further back than the 16 months that Google keeps")
    days = (ask.day - timedelta(days=back) for back in reversed(range(ask.settings.days_back)))
    return [day for day in days if today - KEPT <= day <= today]


def _verified(console: Any) -> list[str]:
    """The properties the account may read."""
    listed = entries(google.execute(NAME, console.sites().list()), "siteEntry")
    verified = [e["siteUrl"] for e in listed if "siteUrl" in e and e.get("permissionLevel") != "siteUnverifiedUser"]
    if not verified:
        raise ConfigurationError(NAME, "the account may read no property: add it as a user of one in Search Console")
    return verified


def _reader(ask: Ask, console: Any) -> Callable[[str, date], list[Raw]]:
    """Reads one day of one property; a property that refused once is not asked about its other days."""
    refused: dict[str, NotPermitted] = {}

    def read(site: str, day: date) -> list[Raw]:
        if site in refused:
            raise refused[site]
        try:
            return _read(ask, console, site, day)
        except NotPermitted as error:
            refused[site] = error
            raise

    return read


def _read(ask: Ask, console: Any, site: str, day: date) -> list[Raw]:
    settings, resource = ask.settings, console.searchanalytics()
    body = {
        "startDate": day.isoformat(),
        "endDate": day.isoformat(),
        "dimensions": DIMENSIONS,
        "dataState": settings.data_state,
        "rowLimit": settings.row_limit,
    }
    rows, is_capped = all_rows(
        lambda start: google.execute(NAME, resource.query(siteUrl=site, body=body | {"startRow": start})),
        settings.row_limit,
    )
    more = {"site": site, "capped": is_capped}
    return [Raw(site, ask.observed_at, url=row["keys"][2], payload=_project(row) | more) for row in rows]


def _project(row: Mapping[str, Any]) -> dict[str, Any]:
    if _number(row.get("position")) is None:
        raise BadAnswer(NAME, "a row without a `position`")
    return {"date": row["keys"][0], "query": row["keys"][1]} | {name: row.get(name) for name in METRICS}


def _keys(row: Mapping[str, Any]) -> tuple[Any, ...]:
    keys = row.get("keys")
    if not isinstance(keys, list) or len(keys) != len(DIMENSIONS) or not all(isinstance(key, str) for key in keys):
        raise BadAnswer(NAME, f"a row without its {len(DIMENSIONS)} keys")
    return tuple(keys)


def _explained(row: Raw, site: str, day: date) -> Raw:
    return replace(row, subject=site, url=None, payload={"site": site, "date": day.isoformat()})


def _start_of(day: Any) -> datetime | None:
    try:
        return datetime.combine(date.fromisoformat(day), time(), google.PACIFIC).astimezone(UTC)
    except (TypeError, ValueError):
        return None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


CONNECTOR = Connector(
    name=NAME,
    title="Google Search Console",
    signal="rankings",
    settings=Settings,
    streams=(
        Stream("query_page", "Average positions by day, query and page", "account", fetch, parse, keeps_past=True),
    ),
    quota="1,200 requests a minute per site and per user; a load quota on page and query groupings; 50,000 rows a day.",
    terms="Your own sites' data, by Google's API terms; 16 months are kept by Google, no limit is set on your copy.",
    keys_from=(
        "Add a service account (https://console.cloud.google.com/iam-admin/serviceaccounts) as a user of the property "
        "and name its key file, or sign in for a token with the scope webmasters.readonly."
    ),
)
