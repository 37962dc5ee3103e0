"""Naver Search API: Naver's own lists of web pages, blogs, news or café articles, free up to a daily allowance.

**Asked** by `GET https://openapi.naver.com/v1/search/{section}.json` with the headers `X-Naver-Client-Id` and
`X-Naver-Client-Secret`: `query`, `display` (100 at most), `start` (from 1, 1,000 at most), and for blogs, news and café
articles `sort=sim` (by relevance). There is no country, language or device.

**Answered** by `{"lastBuildDate", "total", "start", "display", "items": [{"title", "link", "description"}]}`. The
place of a result is `start` plus its index: the index in the list of one section (`list_index`), not the place on
Naver's own mixed page. News join by `originallink`, because `link` leads to Naver's copy. `&amp;` in addresses is taken
back; titles (with `<b>` in them), texts and names of blogs and cafés are not kept. Long ago `link` was an address of
Naver's that hid the page (`openapi.naver.com/l?…`); such an address stays as it is.

**Errors** are `{"errorMessage", "errorCode"}`: SE01 to SE04 and SE06 a wrong question, SE05 no such section, SE99
Naver's own, 024 keys that are refused, all with 4xx or 500. 429 is either the day's allowance (010: nothing more until
midnight in Korea) or too many per second (012). 403 means that the application has not switched on search.

**Quota**: 25,000 questions a day for each application, over all sections.

UNVERIFIED: the codes 010 and 012 of a 429 (one without a code is taken for a matter of pace), midnight in Korea, and a
move to Naver Cloud's API Hub in 2026 (`base_url`, `id_header` and `secret_header` may be changed for it).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any, ClassVar, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from connectors.base import Ask, Connector, ConnectorSettings, Stream, ask_in_batches, whole
from connectors.errors import (
    AuthError,
    BadAnswer,
    BadRequest,
    ConfigurationError,
    NotPermitted,
    QuotaExhausted,
    RateLimited,
    SourceError,
    Unavailable,
)
from connectors.fields import dig, loads, plain, text
from connectors.http import Answer, Http, by_status, retry_after
from connectors.limits import next_midnight
from connectors.records import Ranking, RankKind, Raw
from connectors.serp import Page, entries_of, list_rows, rankings

NAME = "naver"
PAGE_SIZE, LAST_START = 100, 1000
KOREA = ZoneInfo("Asia/Seoul")
KINDS: dict[str, type[SourceError]] = {
    **dict.fromkeys(("SE01", "SE02", "SE03", "SE04", "SE06"), BadRequest),
    "SE05": ConfigurationError,
    "SE99": Unavailable,
    "024": AuthError,
    "012": RateLimited,
}
DAY_SPENT = "010"
SORTED = frozenset({"blog", "news", "cafearticle"})


class Settings(ConnectorSettings):
    """Settings of Naver Search."""

    model_config = SettingsConfigDict(env_prefix="TALLYRANK_NAVER_")
    required: ClassVar[tuple[str, ...]] = ("client_id", "client_secret")

    base_url: str = Field("https://openapi.naver.com/v1/search", description="Address of the search service.")
    client_id: SecretStr | None = Field(None, description="Client id of your application.")
    client_secret: SecretStr | None = Field(None, description="Client secret of your application.")
    id_header: str = Field("X-Naver-Client-Id", description="Header that carries the client id.")
    secret_header: str = Field("X-Naver-Client-Secret", description="Header that carries the client secret.")
    section: Literal["webkr", "blog", "news", "cafearticle"] = Field("webkr", description="Which list is read.")
    depth: int = Field(100, ge=1, le=LAST_START, description="Results wished for; every hundred are one question.")
    requests_per_second: float = Field(5.0, gt=0, description="Highest pace; a limit per second exists.")
    concurrency: int = Field(2, ge=1, le=64, description="Requests under way at once.")


def fetch(ask: Ask) -> Iterator[Raw]:
    """The result list of each keyword."""
    settings = ask.settings
    keys = {settings.id_header: settings.client_id, settings.secret_header: settings.client_secret}
    headers = {name: plain(secret) for name, secret in keys.items()}
    with Http(NAME, ask, classify=partial(naver_error, at=ask.observed_at), headers=headers) as http:
        yield from ask_in_batches(ask, list(dict.fromkeys(ask.keywords)), 1, partial(_list, ask, http))


def _list(ask: Ask, http: Http, keywords: Sequence[str]) -> list[Raw]:
    """The list of one keyword; other sections than the web's are lists of engines of their own."""
    section, size = ask.settings.section, min(PAGE_SIZE, ask.settings.depth)
    asked = {"query": keywords[0], "display": size} | ({"sort": "sim"} if section in SORTED else {})

    def read(number: int) -> Page:
        start = number * size + 1
        return page_of(http.get(f"/{section}.json", asked | {"start": start}).json(), start, size)

    engine = "naver" if section == "webkr" else f"naver_{section}"
    facts = {"engine": engine, "country": "kr", "language": "ko"}
    return list_rows(ask, keywords[0], facts, read, size=size, wished=ask.settings.depth)


def page_of(answer: Any, start: int, size: int) -> Page:
    """The results of a page; the original address of a piece of news goes before Naver's."""
    items, total = dig(answer, "items"), whole(dig(answer, "total"))
    links = entries_of(NAME, items, "items", "link")
    originals = [text(item.get("originallink")) for item in items]
    if total is None or whole(dig(answer, "start")) not in (None, start):
        raise BadAnswer(NAME, "the answer has no `total`, or begins elsewhere than asked")
    urls = [original or entry["url"] for original, entry in zip(originals, links, strict=True)]
    entries = [{"url": url.replace("&amp;", "&") if url else None} for url in urls]
    return Page(entries, is_last=len(entries) < size or start + size > min(total, LAST_START))


def naver_error(answer: Answer, at: datetime) -> SourceError | None:
    """What an answer says went wrong: by Naver's code, then by HTTP status. `at` is the moment of asking."""
    body = loads(answer.text)
    code = text(dig(body, "errorCode"))
    if answer.status < 300 and code is None:
        return None
    words = f"HTTP {answer.status} {code or ''}: {str(dig(body, 'errorMessage') or answer.text)[:160]}"
    if code == DAY_SPENT:
        resets_at = next_midnight(at, KOREA)
        return QuotaExhausted(answer.source, f"no more until {resets_at:%Y-%m-%d %H:%M} UTC; {words}", resets_at)
    if answer.status == 403:
        return _not_switched_on(answer, words)
    if code in ("012", None) and answer.status == 429:
        return RateLimited(answer.source, words, retry_after(answer))
    kind = KINDS.get(code or "")
    return kind(answer.source, words) if kind else by_status(answer) or BadAnswer(answer.source, words)


def _not_switched_on(answer: Answer, words: str) -> SourceError:
    """What the application may not do, it may for no keyword: the rest is not asked."""
    error = NotPermitted(answer.source, f"switch on search for the application at developers.naver.com; {words}")
    error.is_fatal = True
    return error


def parse(rows: Sequence[Raw]) -> Iterator[Ranking]:
    """The results of each list, by their index in it."""
    return rankings(NAME, rows, RankKind.LIST_INDEX)


CONNECTOR = Connector(
    name=NAME,
    title="Naver Search",
    signal="rankings",
    settings=Settings,
    streams=(
        Stream(
            name="web",
            title="Results of keywords in one section of Naver",
            asks="keywords",
            fetch=fetch,
            parse=parse,
            requests_per_1000=1000,
        ),
    ),
    quota="25,000 questions a day for each application (Korean days); 100 results per question, 1,000 deep.",
    terms="Naver's open API for registered applications; whether results may be kept was not verified.",
    rank_kinds=(RankKind.LIST_INDEX,),
    keys_from="Register an application with search switched on at https://developers.naver.com/apps.",
    cost="Free up to 25,000 questions a day.",
    verified="Nothing against real answers: written from Naver's own guide to its open API.",
)
