"""Serper: Google's result lists, read for you, for money.

**Asked** by `POST https://google.serper.dev/search` with the header `X-API-KEY` and JSON: `q`, `gl` (country), `hl`
(language), `location`, `page` (from 1). There is no parameter for the device. Ten results come per page; whether `num`
above 10 still works since Google dropped it in September 2025 is UNVERIFIED (it cost two credits when it did), so it
is not sent and a list of 50 is five questions.

**Meaning.** `organic[].position` is a place among the organic results. Whether it begins anew on the second page is
UNVERIFIED, so the place is counted: ten for each page before, plus the place on the page; the number given is kept
beside it. `peopleAlsoAsk`, `topStories` and other parts have no place and are left out. `link` is kept as it is sent.

**Paging** ends when a page is empty or repeats the ones before, or at the depth: no field tells the last page.

**Errors** are `{"message": "…"}`, some with `statusCode`: 400 wrong question, and also "Not enough credits" when the
credits are used up (that sentence is from third parties); 401 or 403 "Unauthorized." is a wrong key; 429 too fast. No
header tells limits or pauses. All bodies are UNVERIFIED.

**Money.** A credit per page; the answer's own `credits` says how many were taken, and what differs from one is booked.
$1.00 per 1,000 when 50,000 are bought, down to $0.30 (third parties, 2026); credits last six months.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from math import ceil
from typing import Any, ClassVar

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from connectors.base import Ask, Connector, PaidSettings, Stream, ask_in_batches, whole
from connectors.errors import AuthError, RateLimited, SourceError, WalletEmpty
from connectors.fields import dig, loads, plain, text
from connectors.http import Answer, Http, by_status, retry_after
from connectors.records import Ranking, RankKind, Raw
from connectors.serp import Page, entries_of, list_rows, rankings, refunded, settle

NAME = "serper"
PAGE_SIZE = 10
NO_CREDITS = "not enough credits"


class Settings(PaidSettings):
    """Settings of Serper."""

    model_config = SettingsConfigDict(env_prefix="TALLYRANK_SERPER_")
    required: ClassVar[tuple[str, ...]] = ("api_key",)

    base_url: str = Field("https://google.serper.dev", description="Address of the service.")
    api_key: SecretStr | None = Field(None, description="Key of your account.")
    requests_per_second: float = Field(5.0, gt=0, description="Highest pace; plans allow 50 to 300 a second.")
    country: str = Field("us", description="Country of the search (gl), two letters.")
    language: str = Field("en", description="Language of the search (hl).")
    location: str = Field("", description="Place of the search (Austin, Texas, United States); empty for none.")
    depth: int = Field(10, ge=1, le=100, description="Results wished for; every ten are one credit to pay for.")
    usd_per_credit: float = Field(0.001, ge=0, description="Price of one credit (ten results) in US dollars.")


def fetch(ask: Ask) -> Iterator[Raw]:
    """The result list of each keyword."""
    key = plain(ask.settings.api_key)
    with Http(NAME, ask, classify=serper_error, headers={"X-API-KEY": key}) as http:
        yield from ask_in_batches(ask, list(dict.fromkeys(ask.keywords)), 1, partial(_list, ask, http))


def _list(ask: Ask, http: Http, keywords: Sequence[str]) -> list[Raw]:
    settings = ask.settings
    asked = {"q": keywords[0], "gl": settings.country.lower(), "hl": settings.language, "location": settings.location}
    facts = {"engine": "google", "location": asked["location"] or None}
    facts |= {"country": asked["gl"] or None, "language": asked["hl"] or None}

    def read(number: int) -> Page:
        ask.meter.spend(NAME, settings.usd_per_credit)
        question = {name: value for name, value in asked.items() if value} | {"page": number + 1}
        with refunded(ask, settings.usd_per_credit):
            answer = http.post("/search", json=question).json()
        _reconcile(ask, answer)
        return page_of(answer)

    return list_rows(ask, keywords[0], facts, read, size=PAGE_SIZE, wished=settings.depth)


def _reconcile(ask: Ask, answer: Any) -> None:
    """Book the credits that the answer says it took, where they are not the one reckoned with."""
    taken, price_usd = whole(dig(answer, "credits")), ask.settings.usd_per_credit
    if taken is not None and taken >= 0:
        settle(ask, price_usd, taken * price_usd)


def page_of(answer: Any) -> Page:
    """The organic results of an answer."""
    results = dig(answer, "organic")
    entries = entries_of(NAME, results, "organic", "link")
    for entry, result in zip(entries, results, strict=True):
        entry["given"] = result.get("position")
    return Page(entries)


def serper_error(answer: Answer) -> SourceError | None:
    """What an answer says went wrong: by its sentence where the status alone does not tell, else by HTTP status."""
    words = text(dig(loads(answer.text), "message")) or ""
    told = f"HTTP {answer.status}: {words[:160]}"
    if answer.status >= 300 and NO_CREDITS in words.lower():
        return WalletEmpty(answer.source, f"the credits are used up; {told}")
    if answer.status in (401, 403):
        return AuthError(answer.source, f"the key is refused; {told}")
    if answer.status == 429:
        return RateLimited(answer.source, told, retry_after(answer))
    return by_status(answer)


def parse(rows: Sequence[Raw]) -> Iterator[Ranking]:
    """The organic results of each list."""
    return rankings(NAME, rows, RankKind.ORGANIC)


def price(settings: Any, n: int) -> float:
    """What the lists of n keywords cost in US dollars, at most."""
    return float(n * ceil(settings.depth / PAGE_SIZE) * settings.usd_per_credit)


CONNECTOR = Connector(
    name=NAME,
    title="Serper (Google)",
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
    quota="50 to 300 questions a second by plan; credits last six months.",
    terms="Google does not welcome that its lists are read by programs; Serper sells it as a service at its own risk.",
    rank_kinds=(RankKind.ORGANIC,),
    keys_from="Sign up at https://serper.dev and copy the key from its dashboard.",
    cost="About $1.00 down to $0.30 per 1,000 keywords for the first ten results (third parties, 2026).",
    verified=(
        "Nothing against real answers, and no official description exists: shapes are from a tracker's source and a "
        "third party's description, errors and prices from third parties."
    ),
)
