"""SerpApi: Google's result lists, read for you, for money.

**Asked** with a key in the address: `GET https://serpapi.com/search.json` with `engine=google`, `q`, `api_key`, `gl`
(country), `hl` (language), `device` (desktop, tablet, mobile), `google_domain`, `location` and `start` (0, 10, 20, …).
One page holds ten results at most: `num` above 10 is ignored since Google dropped it in September 2025, so a list of
50 is five searches.

**Meaning.** `organic_results[].position` is the place among the organic results of that page. Whether it goes on or
begins anew on the second page is UNVERIFIED, so the place is `start` plus the place on the page, and the number given
is kept beside it. Everything else on the page (answers, maps, news, videos, advertisements) has no place of its own
and is left out. `link` is kept as it is sent, with Google's `srsltid` or a redirect around it: the join key takes them
off.

**Paging** ends when `serpapi_pagination.next` is absent, when a page is empty or repeats the one before, or at the
depth.

**Nothing found** is a success: HTTP 200, `search_metadata.status` "Success" and a sentence in `error`. That is a list
of depth 0 on the first page and the end of the list on later ones.

**Errors** are `{"error": "…"}`: 400 wrong parameter, 401 wrong key, 403 not allowed (a deleted account), 404, 410 (an
archived search has expired), 429 either for the hourly throughput or because no searches are left on the account (the
sentence tells which; it was also seen with 200), 500 and 503 (status "Error"). Headers tell no limits.

**Money.** Only searches that succeed are counted; the same search within an hour comes from the cache and is free,
which is not reckoned with here. $75 a month for 5,000 searches ($0.015 each) by third parties; what is not used
lapses. The size of the free plan is UNVERIFIED (100 or 250 a month).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from math import ceil
from typing import Any, ClassVar, Literal

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from connectors.base import Ask, Connector, PaidSettings, Stream, ask_in_batches
from connectors.errors import AuthError, BadAnswer, BadRequest, RateLimited, SourceError, Unavailable, WalletEmpty
from connectors.fields import dig, loads, plain, text
from connectors.http import Answer, Http, by_status, retry_after
from connectors.records import Ranking, RankKind, Raw
from connectors.serp import Page, entries_of, list_rows, rankings, refunded

NAME = "serpapi"
PAGE_SIZE = 10
OUT_OF_SEARCHES = "run out of searches"


class Settings(PaidSettings):
    """Settings of SerpApi."""

    model_config = SettingsConfigDict(env_prefix="TALLYRANK_SERPAPI_")
    required: ClassVar[tuple[str, ...]] = ("api_key",)

    base_url: str = Field("https://serpapi.com", description="Address of the service.")
    api_key: SecretStr | None = Field(None, description="Key of your account.")
    requests_per_second: float = Field(1.0, gt=0, description="Highest pace; your plan limits searches per hour.")
    timeout_seconds: float = Field(60.0, gt=0, description="Give a search up after this long; some take half a minute.")
    country: str = Field("us", description="Country of the search (gl), two letters.")
    language: str = Field("en", description="Language of the search (hl).")
    device: Literal["desktop", "tablet", "mobile"] = Field("desktop", description="Device of the search.")
    location: str = Field("", description="Place of the search as SerpApi names it (Austin, Texas); empty for none.")
    google_domain: str = Field("google.com", description="Domain of Google that is searched.")
    depth: int = Field(10, ge=1, le=100, description="Results wished for; every ten are one search to pay for.")
    usd_per_search: float = Field(0.015, ge=0, description="Price of one search (ten results) in US dollars.")


def fetch(ask: Ask) -> Iterator[Raw]:
    """The result list of each keyword."""
    key = plain(ask.settings.api_key)
    with Http(NAME, ask, classify=serpapi_error, params={"api_key": key, **_asked(ask.settings)}) as http:
        yield from ask_in_batches(ask, list(dict.fromkeys(ask.keywords)), 1, partial(_list, ask, http))


def _asked(settings: Any) -> dict[str, str]:
    known = {"gl": settings.country.lower(), "hl": settings.language, "device": settings.device}
    known |= {"google_domain": settings.google_domain, "location": settings.location}
    return {"engine": "google"} | {name: value for name, value in known.items() if value}


def _list(ask: Ask, http: Http, keywords: Sequence[str]) -> list[Raw]:
    settings, keyword = ask.settings, keywords[0]
    facts = {"engine": "google", "device": settings.device, "location": settings.location or None}
    facts |= {"country": settings.country.lower() or None, "language": settings.language or None}

    def read(number: int) -> Page:
        ask.meter.spend(NAME, settings.usd_per_search)
        with refunded(ask, settings.usd_per_search):
            return page_of(http.get("/search.json", {"q": keyword, "start": number * PAGE_SIZE}).json())

    return list_rows(ask, keyword, facts, read, size=PAGE_SIZE, wished=settings.depth)


def page_of(answer: Any) -> Page:
    """The organic results of an answer; no results where the answer says that there are none."""
    results = dig(answer, "organic_results")
    if results is None and _says_nothing_found(answer):
        return Page([], is_last=True)
    entries = entries_of(NAME, results, "organic_results", "link")
    for entry, result in zip(entries, results, strict=True):
        entry["given"] = result.get("position")
    return Page(entries, is_last=not text(dig(answer, "serpapi_pagination", "next")))


def _says_nothing_found(answer: Any) -> bool:
    is_success = dig(answer, "search_metadata", "status") == "Success"
    return is_success and text(dig(answer, "error")) is not None


def serpapi_error(answer: Answer) -> SourceError | None:
    """What an answer says went wrong: by its sentence where one status means two things, else by HTTP status."""
    body = loads(answer.text)
    words = text(dig(body, "error")) or ""
    told = f"HTTP {answer.status}: {words[:160]}"
    if OUT_OF_SEARCHES in words.lower():
        return WalletEmpty(answer.source, f"no searches are left on the account; {told}")
    if answer.status == 429:
        return RateLimited(answer.source, f"searches per hour are used up; {told}", retry_after(answer))
    if answer.status >= 300:
        return by_status(answer)
    return _inside(answer.source, body, words, told)


def _inside(source: str, body: Any, words: str, told: str) -> SourceError | None:
    """What is wrong inside a 200."""
    status = dig(body, "search_metadata", "status")
    if status == "Error":
        return Unavailable(source, f"the search failed; {told}")
    if status in ("Processing", "Queued"):
        return BadAnswer(source, f"the search is still {status.lower()}, though the answer was to be waited for")
    if words and status is None:
        is_key = "api key" in words.lower()
        return (AuthError if is_key else BadRequest)(source, told)
    return None


def parse(rows: Sequence[Raw]) -> Iterator[Ranking]:
    """The organic results of each list."""
    return rankings(NAME, rows, RankKind.ORGANIC)


def price(settings: Any, n: int) -> float:
    """What the lists of n keywords cost in US dollars, at most."""
    return float(n * ceil(settings.depth / PAGE_SIZE) * settings.usd_per_search)


CONNECTOR = Connector(
    name=NAME,
    title="SerpApi (Google)",
    signal="rankings",
    settings=Settings,
    streams=(
        Stream(
            name="organic",
            title="Organic results of keywords",
            asks="keywords",
            fetch=fetch,
            parse=parse,
            requests_per_1000=1000,
            usd=price,
        ),
    ),
    quota="Searches per month and per hour by plan; one search per keyword and ten results.",
    terms="Google does not welcome that its lists are read by programs; SerpApi sells it as a service at its own risk.",
    rank_kinds=(RankKind.ORGANIC,),
    keys_from="Sign up at https://serpapi.com and copy the key from https://serpapi.com/manage-api-key.",
    cost="About $15 per 1,000 keywords for the first ten results, ten times that for 100 (third parties, 2026).",
    verified=(
        "Nothing against real answers. The official client serpapi 1.2.0 reads our twin; whether `position` goes on "
        "over pages, the sentence of the hourly limit and all prices are unverified."
    ),
)
