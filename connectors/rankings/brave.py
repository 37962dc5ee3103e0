"""Brave Search API: result lists of Brave's own index (not Google's), for money.

**Asked** by `GET https://api.search.brave.com/res/v1/web/search` with the header `X-Subscription-Token`: `q` (at most
400 characters and 50 words), `country` (two letters or ALL), `search_lang` (`en`; Japanese is `jp`, Chinese
`zh-hans`), `count` (20 at most), `offset`, `result_filter=web`. There is no device and no city.

**Paging.** `offset` is the number of the page, 0 to 9, and not of the row: 200 results at most. Pages may overlap; a
result that comes again keeps its first place. `query.more_results_available` false is the last page.

**Meaning.** Results have no number: the place is the order of `web.results`, counted over the pages, so it is the
index in a list (`list_index`) of Brave's own and never comparable with Google's places. Other parts of the page (news,
videos; `mixed` tells their order) are left out.

**Nothing found**: `web` is absent. Where `mixed.main` still speaks of web results, the field was renamed: a bad
answer.

**Errors** are `{"type": "ErrorResponse", "error": {"status", "code", "detail"}}`; the documentation once shows a list
`errors`, so both are read. A refused token is **422** with `SUBSCRIPTION_TOKEN_INVALID`; other 422 are wrong
questions. 402 is taken for an empty wallet (UNVERIFIED). `X-RateLimit-Limit`, `-Remaining` and `-Reset` hold one
number per window, the shortest first (a second, a month): a 429 whose used-up window resets within two minutes is a
matter of pace, a longer one means that the quota is used up until then. A limit of 0 is no limit (UNVERIFIED). The
live envelope of errors is UNVERIFIED.

**Money.** About $5 per 1,000 questions with $5 of credit a month (third parties, 2026).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from math import ceil
from typing import Any, ClassVar

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from connectors.base import Ask, Connector, PaidSettings, Stream, ask_in_batches
from connectors.errors import AuthError, BadAnswer, BadRequest, SourceError
from connectors.fields import dig, loads, plain, text
from connectors.http import LONGEST_WAIT_SECONDS, Answer, Http, Pace, by_status
from connectors.limits import limited
from connectors.records import Ranking, RankKind, Raw
from connectors.serp import Page, entries_of, list_rows, rankings, refunded

NAME = "brave"
PAGE_SIZE = 20
LANGUAGES = {"ja": "jp", "zh": "zh-hans"}  # as Brave spells them


class Settings(PaidSettings):
    """Settings of Brave Search."""

    model_config = SettingsConfigDict(env_prefix="TALLYRANK_BRAVE_")
    required: ClassVar[tuple[str, ...]] = ("api_key",)

    base_url: str = Field("https://api.search.brave.com", description="Address of the service.")
    api_key: SecretStr | None = Field(None, description="Subscription token of your plan for web search.")
    requests_per_second: float = Field(1.0, gt=0, description="Highest pace; paid plans allow up to 50 a second.")
    country: str = Field("us", description="Country of the search, two letters; `all` for none.")
    language: str = Field("en", description="Language of the results.")
    depth: int = Field(20, ge=1, le=200, description="Results wished for; every twenty are one question to pay for.")
    usd_per_request: float = Field(0.005, ge=0, description="Price of one question (twenty results) in US dollars.")


def fetch(ask: Ask) -> Iterator[Raw]:
    """The result list of each keyword."""
    key = plain(ask.settings.api_key)
    headers = {"X-Subscription-Token": key, "Accept": "application/json"}
    with Http(NAME, ask, classify=brave_error, after=_keep_pace, headers=headers) as http:
        yield from ask_in_batches(ask, list(dict.fromkeys(ask.keywords)), 1, partial(_list, ask, http))


def _list(ask: Ask, http: Http, keywords: Sequence[str]) -> list[Raw]:
    settings, keyword = ask.settings, keywords[0]
    if len(keyword) > 400 or len(keyword.split()) > 50:
        raise BadRequest(NAME, "a keyword may have 400 characters and 50 words at most")
    country, language, size = settings.country.lower(), settings.language, min(PAGE_SIZE, settings.depth)
    asked = {"q": keyword, "country": country.upper(), "search_lang": LANGUAGES.get(language, language)}
    asked |= {"count": size, "result_filter": "web"}
    facts = {"engine": "brave", "country": None if country == "all" else country or None, "language": language or None}

    def read(number: int) -> Page:
        ask.meter.spend(NAME, settings.usd_per_request)
        question = {name: value for name, value in asked.items() if value} | {"offset": number}
        with refunded(ask, settings.usd_per_request):
            return page_of(http.get("/res/v1/web/search", question).json())

    return list_rows(ask, keyword, facts, read, size=size, wished=settings.depth)


def page_of(answer: Any) -> Page:
    """The web results of an answer; none where the answer has no such part and does not speak of it either."""
    query, web = dig(answer, "query"), dig(answer, "web")
    if not isinstance(query, dict):
        raise BadAnswer(NAME, "the answer has no `query`")
    main = dig(answer, "mixed", "main")
    kinds = [dig(part, "type") for part in main] if isinstance(main, list) else []
    if web is None and "web" not in kinds:
        return Page([], is_last=True)
    entries = entries_of(NAME, dig(web, "results"), "web.results", "url")
    return Page(entries, is_last=query.get("more_results_available") is False)


def brave_error(answer: Answer) -> SourceError | None:
    """What an answer says went wrong: by Brave's code, then by HTTP status."""
    if answer.status < 300:
        return None
    code, detail = _code_and_detail(loads(answer.text))
    told = f"HTTP {answer.status} {code}: {detail[:160]}"
    if code == "SUBSCRIPTION_TOKEN_INVALID":
        return AuthError(answer.source, f"the token is refused; {told}")
    return _too_fast(answer, told) if answer.status == 429 else by_status(answer)


def _code_and_detail(body: Any) -> tuple[str, str]:
    """From `error`, or the first of `errors`."""
    several = dig(body, "errors")
    first = several[0] if isinstance(several, list) and several else dig(body, "error")
    return text(dig(first, "code")) or "", text(dig(first, "detail")) or ""


def _too_fast(answer: Answer, told: str) -> SourceError:
    return limited(answer.source, told, used_up_for(answer))


def used_up_for(answer: Answer) -> float | None:
    """Seconds until the slowest used-up window resets, by the headers; None when no window is used up."""
    limits, left, resets = (_numbers(answer, name) for name in ("limit", "remaining", "reset"))
    windows = zip(left, resets, limits or [1.0] * len(left), strict=False)
    return max((reset for remaining, reset, limit in windows if remaining <= 0 < limit), default=None)


def _numbers(answer: Answer, name: str) -> list[float]:
    parts = [part.strip() for part in answer.headers.get(f"x-ratelimit-{name}", "").split(",")]
    return [float(part) for part in parts] if all(part.isdecimal() for part in parts) else []


def _keep_pace(answer: Answer, pace: Pace) -> None:
    """Wait for the next window before the next question, where that takes moments."""
    seconds = used_up_for(answer)
    if seconds is not None and seconds <= LONGEST_WAIT_SECONDS:
        pace.pause(seconds)


def parse(rows: Sequence[Raw]) -> Iterator[Ranking]:
    """The web results of each list, by their index in it."""
    return rankings(NAME, rows, RankKind.LIST_INDEX)


def price(settings: Any, n: int) -> float:
    """What the lists of n keywords cost in US dollars, at most."""
    return float(n * ceil(settings.depth / PAGE_SIZE) * settings.usd_per_request)


CONNECTOR = Connector(
    name=NAME,
    title="Brave Search",
    signal="rankings",
    settings=Settings,
    streams=(
        Stream(
            name="web",
            title="Web results of keywords",
            asks="keywords",
            fetch=fetch,
            parse=parse,
            requests_per_1000=1000,
            usd=price,
        ),
    ),
    quota="By plan: questions per second and per month, told in headers; 200 results per keyword at most.",
    terms="Brave's own index, sold by Brave. Whether results may be kept depends on the plan: read its terms first.",
    kept="as your plan allows; not every plan does",
    rank_kinds=(RankKind.LIST_INDEX,),
    keys_from="Choose a plan for web search at https://api-dashboard.search.brave.com (needs a card) and make a key.",
    cost="About $5 per 1,000 keywords for the first twenty results, $5 of it free each month (third parties, 2026).",
    verified="Nothing against real answers: written from Brave's documentation and two public clients of others.",
)
