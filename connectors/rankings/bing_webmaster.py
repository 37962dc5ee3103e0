"""Bing Webmaster Tools: average positions of your own pages in Bing, week by week, with impressions and clicks.

**Asked** with an API key (`apikey=`, one per user) or an OAuth bearer token, by GET below
`https://ssl.bing.com/webmaster/api.svc/json/`: `GetUserSites` (unless sites are named in the settings; unverified ones
are left out), `GetQueryStats(siteUrl)` for the questions a site was shown for, and, for the most shown of them,
`GetQueryPageStats(siteUrl, query)` for the pages. There are no parameters for dates or pages: one call answers all that
Bing has kept, and the last `weeks_back` weeks of it are taken, because weeks are revised.

**Meaning.** `AvgImpressionPosition` is a mean over impressions, from 1, as a whole number: never to be mixed with
ranks, and to be summed up only with impressions as weights. Which elements of the page it counts is Bing's own affair.
`AvgClickPosition` (-1 without clicks) is not read. There is no country, device or language. No row means no
impression, never "not in the list", so nothing is censored and no depth is known. `GetQueryPageStats` answers in the
shape of questions: the address of the page stands in `Query` (a `Page`, should it come, is taken instead).

**Weeks.** `Date` is `/Date(<milliseconds>-0700)/`, with or without the zone: a moment whose day in Los Angeles names
the week. A ranking is dated to the start of its week's first day, so that no vote of the week explains its position.

**Errors** are HTTP 400 with `{"ErrorCode", "Message"}`; the name in the message decides ("ERROR!!! ThrottleUser"), then
the number. Data may stand still for months without any error: a site whose newest week is older than `stale_days` is
told as a failed read.

UNVERIFIED: whether the day is the first or the last of its week (`bucket_day`), the number of InvalidApiKey (3), that
about six months are kept, and how many questions `GetQueryStats` names. Bing's Web Search API ended in August 2025;
Microsoft offers no list of results since.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from connectors.base import Ask, Connector, ConnectorSettings, Stream, ask_in_batches, failed, whole
from connectors.errors import (
    AuthError,
    BadAnswer,
    BadRequest,
    ConfigurationError,
    Gone,
    NotPermitted,
    PastRefused,
    RateLimited,
    SourceError,
    Unavailable,
)
from connectors.fields import comma_separated, dig, loads, mapping, moment_of_day, number, plain
from connectors.http import Answer, Http, by_status
from connectors.records import Ranking, RankKind, Raw, Status

NAME = "bing_webmaster"
PACIFIC = ZoneInfo("America/Los_Angeles")
KINDS: dict[str, tuple[int, type[SourceError]]] = {
    "InternalError": (1, Unavailable),
    "UnknownError": (2, Unavailable),
    "InvalidApiKey": (3, AuthError),
    "ThrottleUser": (4, RateLimited),
    "ThrottleHost": (5, RateLimited),
    "UserBlocked": (6, ConfigurationError),
    "InvalidUrl": (7, BadRequest),
    "InvalidParameter": (8, BadRequest),
    "UserNotFound": (10, AuthError),
    "NotFound": (11, Gone),
    "NotAllowed": (13, NotPermitted),
    "NotAuthorized": (14, NotPermitted),
    "UnexpectedState": (15, Unavailable),
    "Deprecated": (16, Gone),
}
_DATE = re.compile(r"/Date\((-?\d{1,15})(?:[+-]\d{4})?\)/")

Entry = dict[str, Any]


class Settings(ConnectorSettings):
    """Settings of Bing Webmaster Tools."""

    model_config = SettingsConfigDict(env_prefix="TALLYRANK_BING_WEBMASTER_")
    required: ClassVar[tuple[str, ...]] = ("api_key",)
    instead: ClassVar[Mapping[tuple[str, ...], tuple[str, ...]]] = {("api_key",): ("token",)}

    base_url: str = Field("https://ssl.bing.com/webmaster/api.svc/json", description="Address of the JSON API.")
    api_key: SecretStr | None = Field(None, description="API key of the user (Settings, API access).")
    token: SecretStr | None = Field(None, description="OAuth bearer token, used instead of the key.")
    sites: str = Field(
        "", description="Sites (https://www.example.com/), comma-separated; empty for all verified ones."
    )
    queries_per_site: int = Field(
        200, ge=1, description="Questions per site whose pages are read, the most shown first."
    )
    weeks_back: int = Field(4, ge=1, le=60, description="Weeks read again at every look, the newest included.")
    bucket_day: Literal["first", "last"] = Field("first", description="Which day of its week a date of Bing's is.")
    stale_days: int = Field(35, ge=14, description="A site without a week newer than this many days has failed.")
    retry_wait_seconds: float = Field(5.0, ge=0, description="First wait between tries; doubles each time.")


def bing_error(answer: Answer) -> SourceError | None:
    """What an answer says went wrong: by the name in its message, by its number, by its HTTP status."""
    if answer.status < 300 and '"ErrorCode"' not in answer.text[:200]:
        return None
    body = loads(answer.text)
    code = whole(dig(body, "ErrorCode"))
    if not code:
        return by_status(answer)
    message = str(dig(body, "Message"))[:160]
    named = (kind for name, (_, kind) in KINDS.items() if re.search(rf"\b{name}\b", message))
    numbered = (kind for number, kind in KINDS.values() if number == code)
    kind = next(named, None) or next(numbered, BadRequest)
    return kind(answer.source, f"HTTP {answer.status}, code {code}: {message}")


def fetch(ask: Ask) -> Iterator[Raw]:
    """One row per week, question and page, for every site."""
    token = plain(ask.settings.token)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    params = {} if token else {"apikey": plain(ask.settings.api_key)}
    with Http(NAME, ask, classify=bing_error, headers=headers, params=params) as http:
        try:
            sites = comma_separated(ask.settings.sites) or _verified(http)
        except SourceError as error:
            yield replace(failed(ask, "sites", error), url=None)
            return
        asked: dict[str, tuple[str, str]] = {}
        for row in ask_in_batches(ask, sites, 1, lambda batch: _questions(ask, http, batch[0])):
            if row.status is Status.FAILED:
                yield replace(row, url=None)
            else:
                asked |= {f"{row.subject} {query}": (row.subject, query) for query in row.payload["queries"]}
        for row in ask_in_batches(ask, list(asked), 1, lambda batch: _pages(ask, http, *asked[batch[0]])):
            yield _explained(row, *asked[row.subject]) if row.status is Status.FAILED else row


def parse(rows: Sequence[Raw]) -> Iterator[Ranking]:
    """One ranking per row, at the start (Pacific) of the first day of its week."""
    for row in rows:
        payload = mapping(row.payload)
        query, at, position = (
            payload.get("query"),
            moment_of_day(payload.get("week"), PACIFIC),
            number(payload.get("position")),
        )
        if not isinstance(query, str) or row.url is None or at is None or position is None or position < 1:
            continue  # fetch makes a failure of such a row
        yield Ranking(
            query, row.url, at, position, engine="bing", rank_kind=RankKind.AVERAGE, source=NAME,
            impressions=number(payload.get("impressions")), clicks=number(payload.get("clicks")),
        )  # fmt: skip


def bucket_day(text: Any) -> date | None:
    """The day that a date of Bing's names: the one in Los Angeles at that moment; None for what is no date."""
    found = _DATE.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    try:
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(found[1]))).astimezone(PACIFIC).date()
    except OverflowError:
        return None


def entries(answer: Any) -> list[Entry]:
    """The list in an answer; BadAnswer where there is none, or where something else than objects is in it."""
    found = answer.get("d", False) if isinstance(answer, dict) else False
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise BadAnswer(NAME, "the answer has no list `d`")
    return found


def _verified(http: Http) -> list[str]:
    """The sites that the account may read."""
    found = entries(http.get("/GetUserSites").json())
    if not all(isinstance(site.get("Url"), str) and "IsVerified" in site for site in found):
        raise BadAnswer(NAME, "a site has no `Url` or no `IsVerified`")
    sites = [site["Url"] for site in found if site["IsVerified"]]
    if not sites:
        raise ConfigurationError(NAME, "the account has no verified site; verify one in Bing Webmaster Tools")
    return sites


def _questions(ask: Ask, http: Http, site: str) -> list[Raw]:
    """The most shown questions of a site in the weeks to read; raises where Bing's data stand still."""
    found = entries(http.get("/GetQueryStats", {"siteUrl": site}).json())
    weeks = [_day_of(entry) for entry in found]
    _heed_age(ask, weeks)
    shown: dict[str, float] = {}
    for entry, week in zip(found, weeks, strict=True):
        if _is_wanted(ask, week):
            query = _text_of(entry, "Query")
            shown[query] = shown.get(query, 0) + (number(entry.get("Impressions")) or 0)
    queries = sorted(shown, key=lambda query: (-shown[query], query))[: ask.settings.queries_per_site]
    return [Raw(site, ask.observed_at, payload={"queries": queries})]


def _heed_age(ask: Ask, weeks: Sequence[date]) -> None:
    """Raise where there are weeks, but none that the day asked about can be told from."""
    past = [week for week in weeks if week <= ask.day]
    if weeks and not past:
        raise PastRefused(NAME, f"the oldest week that Bing has kept is that of {min(weeks)}")
    if past and ask.day - max(past) > timedelta(days=ask.settings.stale_days):
        age = (ask.day - max(past)).days
        raise BadAnswer(NAME, f"Bing's data stand still: the newest week is that of {max(past)}, {age} days ago")


def _is_wanted(ask: Ask, week: date) -> bool:
    return ask.day - timedelta(weeks=ask.settings.weeks_back) < week <= ask.day


def _pages(ask: Ask, http: Http, site: str, query: str) -> list[Raw]:
    """The pages shown for a question, week by week, each once."""
    rows: dict[tuple[date, str], Raw] = {}
    for entry in entries(http.get("/GetQueryPageStats", {"siteUrl": site, "query": query}).json()):
        week, page = _day_of(entry), _text_of(entry, "Page", "Query")
        if number(entry.get("AvgImpressionPosition")) is None:
            raise BadAnswer(NAME, "a row without `AvgImpressionPosition`")
        if _is_wanted(ask, week):
            payload = {"site": site, "query": query} | project(entry, _first_day(ask, week))
            rows.setdefault((week, page), Raw(site, ask.observed_at, url=page, payload=payload))
    return list(rows.values())


def project(entry: Mapping[str, Any], week: date) -> Entry:
    """What parsing reads of a row."""
    return {
        "week": week.isoformat(),
        "position": entry.get("AvgImpressionPosition"),
        "impressions": entry.get("Impressions"),
        "clicks": entry.get("Clicks"),
    }


def _first_day(ask: Ask, week: date) -> date:
    return week - timedelta(days=6) if ask.settings.bucket_day == "last" else week


def _day_of(entry: Mapping[str, Any]) -> date:
    day = bucket_day(entry.get("Date"))
    if day is None:
        raise BadAnswer(NAME, "a row without a `Date` that can be read")
    return day


def _text_of(entry: Mapping[str, Any], *names: str) -> str:
    found = next((entry[name] for name in names if isinstance(entry.get(name), str) and entry[name]), None)
    if found is None:
        raise BadAnswer(NAME, f"a row without `{names[-1]}`")
    return str(found)


def _explained(row: Raw, site: str, query: str) -> Raw:
    return replace(row, subject=site, url=None, payload={"site": site, "query": query})


CONNECTOR = Connector(
    name=NAME,
    title="Bing Webmaster Tools",
    signal="rankings",
    settings=Settings,
    streams=(
        Stream(
            name="query_page",
            title="Average positions in Bing by week, query and page",
            asks="account",
            requests="1 per site and 1 per question of it",
            fetch=fetch,
            parse=parse,
            keeps_past=True,
        ),
    ),
    quota="No limit is published; too many requests are refused. One per site and one per question of a site.",
    terms="Your own sites' data; no rule on keeping your copy was found.",
    rank_kinds=(RankKind.AVERAGE,),
    keys_from="Verify your sites at https://www.bing.com/webmasters and create an API key under Settings, API access.",
    verified=(
        "Nothing against real answers: written from Microsoft's reference and read by the client bing-webmaster-tools."
    ),
)
