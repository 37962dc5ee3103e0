"""Yandex Search API v2: Yandex's own result lists, for money.

**Asked** by `POST https://searchapi.api.cloud.yandex.net/v2/web/search` with `Authorization: Api-Key …` (or `Bearer …`
for an IAM token, which needs `folderId`): `query` (`searchType`, `queryText` of 400 characters at most, `page` from 0,
numbers as text), `groupSpec` (flat, one document per group, 100 groups at most), `region`, `l10n`,
`responseFormat=FORMAT_XML`. Correction of typing errors is off: by default it answers another question than the one
asked, and a list of such (`reask`) is refused here.

**Answered** by `{"rawData"}`, base64 of an XML document `yandexsearch/response/results/grouping/group/doc/url`; the
place of a result is `page first` plus the index of its group (`list_index`), not the place on Yandex's own page. No
part of it is sure to come. `<error code="15">` means that nothing was found: an empty list.

**Deferred** (`mode=deferred`) costs a sixteenth: `…/searchAsync` answers with an operation, whose result is fetched at
`https://operation.api.cloud.yandex.net/operations/{id}` after five minutes or more (kept there for 12 hours). All
keywords are handed in first, then asked for in rounds, `polls` times, `poll_seconds` apart. What is not ready by then
has failed, though it is paid for; `polls` should cover the longest wait.

**Errors** stand inside good answers as XML (1, 2, 18, 19, 37, 10002 a wrong question; 20 unknown; 31, 33, 44, 48 folder
or address; 32 the day's allowance; 42 the key; 55 too fast; 100 taken for a robot) or come as
`{"code", "message"}` with a gRPC code. 10 requests a second, 10,000 an hour, deferred 35,000; about 250 results deep.

**Money.** $4.00 per 1,000 questions (nights $3.00), deferred $0.25 ($0.208); the day's price is reckoned with.

UNVERIFIED: host names (the operations' one is documented, `operations_url`), what `region` has for a name beside its
number, when the allowance of error 32 comes back, and that 403 means a missing role (search-api.webSearch.user). API
v1 ended in September 2025.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from math import ceil
from typing import Any, ClassVar, Literal
from xml.etree import ElementTree

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from connectors.base import Ask, Connector, PaidSettings, Stream, ask_in_batches, failed, whole
from connectors.errors import (
    AuthError,
    BadAnswer,
    BadRequest,
    ConfigurationError,
    Gone,
    NotPermitted,
    QuotaExhausted,
    RateLimited,
    SourceError,
    Unavailable,
)
from connectors.fields import dig, loads, plain, text
from connectors.http import Answer, Http, by_status
from connectors.records import Ranking, RankKind, Raw, Status
from connectors.serp import Page, list_rows, rankings, refunded

NAME = "yandex"
API, OPERATIONS = "https://searchapi.api.cloud.yandex.net", "https://operation.api.cloud.yandex.net"
PAGE_SIZE = 100
NOTHING_FOUND = 15
XML_KINDS: dict[int, type[SourceError]] = {
    **dict.fromkeys((1, 2, 18, 19, 37, 10002), BadRequest),
    **dict.fromkeys((31, 33, 44, 48), ConfigurationError),
    20: Unavailable,
    32: QuotaExhausted,
    42: AuthError,
    43: AuthError,
    55: RateLimited,
    100: NotPermitted,
}
GRPC_KINDS: dict[int, type[SourceError]] = {
    **dict.fromkeys((2, 4, 13, 14), Unavailable),
    **dict.fromkeys((3, 11), BadRequest),
    5: Gone,
    7: NotPermitted,
    8: RateLimited,
    9: ConfigurationError,
    16: AuthError,
}
COUNTRIES = {"RU": "ru", "TR": "tr", "KK": "kz", "BE": "by", "UZ": "uz"}


class Settings(PaidSettings):
    """Settings of Yandex Search."""

    model_config = SettingsConfigDict(env_prefix="TALLYRANK_YANDEX_")
    required: ClassVar[tuple[str, ...]] = ("api_key",)
    instead: ClassVar[Mapping[tuple[str, ...], tuple[str, ...]]] = {("api_key",): ("token", "folder_id")}

    base_url: str = Field(API, description="Address of the search service.")
    operations_url: str | None = Field(
        None, description="Address where deferred answers are fetched; base_url where that was changed."
    )
    api_key: SecretStr | None = Field(None, description="API key of a service account.")
    token: SecretStr | None = Field(None, description="IAM token, used instead of the key; it lives for 12 hours.")
    folder_id: str = Field("", description="Folder in Yandex Cloud; needed with an IAM token.")
    mode: Literal["sync", "deferred"] = Field("sync", description="deferred costs a sixteenth and takes minutes.")
    search_type: Literal["RU", "TR", "COM", "KK", "BE", "UZ"] = Field("COM", description="Which Yandex is asked.")
    region: str = Field("", description="Number of the region searched from (213 is Moscow); empty for none.")
    country: str = Field("", description="Country to file the lists under; by default that of search_type or region.")
    notices: Literal["RU", "UK", "BE", "KK", "TR", "EN"] = Field("EN", description="Language of Yandex's own words.")
    family: Literal["NONE", "MODERATE", "STRICT"] = Field("NONE", description="What is filtered out of the lists.")
    depth: int = Field(100, ge=1, le=250, description="Results wished for; every hundred are one question to pay for.")
    polls: int = Field(60, ge=1, description="How often deferred answers are asked for.")
    poll_seconds: float = Field(30.0, ge=0, description="Seconds between asking for deferred answers.")
    usd_per_1000_sync: float = Field(4.0, ge=0, description="Price of 1,000 questions in US dollars.")
    usd_per_1000_deferred: float = Field(0.25, ge=0, description="Price of 1,000 deferred questions in US dollars.")
    requests_per_second: float = Field(2.5, gt=0, description="Highest pace; 10,000 requests an hour are allowed.")
    concurrency: int = Field(4, ge=1, le=64, description="Requests under way at once.")

    def missing(self) -> tuple[str, ...]:
        """A key, or a token and its folder."""
        if plain(self.token):
            return () if self.folder_id else ("TALLYRANK_YANDEX_FOLDER_ID",)
        return super().missing()

    @property
    def usd(self) -> float:
        """The price of one question."""
        return (self.usd_per_1000_deferred if self.mode == "deferred" else self.usd_per_1000_sync) / 1000


def fetch(ask: Ask) -> Iterator[Raw]:
    """The result list of each keyword."""
    keywords, settings = list(dict.fromkeys(ask.keywords)), ask.settings
    token = plain(settings.token)
    headers = {"Authorization": f"Bearer {token}" if token else f"Api-Key {plain(settings.api_key)}"}
    with Http(NAME, ask, classify=yandex_error, headers=headers) as http:
        if settings.mode == "sync":
            yield from ask_in_batches(ask, keywords, 1, partial(_list, ask, http))
            return
        where = settings.operations_url or (OPERATIONS if settings.base_url.rstrip("/") == API else settings.base_url)
        where = where.replace("{day}", ask.day.isoformat()).rstrip("/")
        with Http(NAME, ask, classify=yandex_error, headers=headers, base_url=where) as operations:
            yield from _deferred(ask, http, operations, keywords)


def _list(ask: Ask, http: Http, keywords: Sequence[str]) -> list[Raw]:
    """The list of one keyword, asked page by page."""

    def read(number: int) -> Page:
        return page_of(_paid(ask, http, "/v2/web/search", keywords[0], number), number, _size(ask))

    return list_rows(ask, keywords[0], _facts(ask), read, size=_size(ask), wished=ask.settings.depth)


def _deferred(ask: Ask, http: Http, operations: Http, keywords: Sequence[str]) -> Iterator[Raw]:
    """Hand in every keyword, then ask for the answers in rounds; what fails for a moment is asked for in the next."""
    pending: dict[str, list[str]] = {}
    for row in ask_in_batches(ask, keywords, 1, partial(_hand_in, ask, http)):
        if row.status is Status.FAILED:
            yield row
        else:
            pending[row.subject] = row.payload["operations"]
    for left in reversed(range(ask.settings.polls if pending else 0)):
        time.sleep(ask.settings.poll_seconds)
        collect = partial(_collect, ask, operations, pending, is_last=not left)
        rows = list(ask_in_batches(ask, list(pending), 1, collect))
        done = [r for r in rows if not left or not str(r.error or "").startswith(("Unavailable", "RateLimited"))]
        yield from done
        for subject in {row.subject for row in done}:
            pending.pop(subject)
        if not pending:
            return


def _hand_in(ask: Ask, http: Http, keywords: Sequence[str]) -> list[Raw]:
    """The operations of all pages of one keyword."""
    pages = range(ceil(ask.settings.depth / _size(ask)))
    answers = [_paid(ask, http, "/v2/web/searchAsync", keywords[0], number) for number in pages]
    ids = [text(dig(answer, "id")) for answer in answers]
    if None in ids:
        raise BadAnswer(NAME, "a deferred question was answered without an `id`")
    return [Raw(keywords[0], ask.observed_at, payload={"operations": ids})]


def _collect(
    ask: Ask, operations: Http, pending: Mapping[str, Sequence[str]], keywords: Sequence[str], *, is_last: bool
) -> list[Raw]:
    """The list of one keyword, or nothing as long as a page of it is not ready."""
    answers = [operations.get(f"/operations/{i}").json() for i in pending[keywords[0]]]
    if not all(dig(answer, "done") is True for answer in answers):
        late = Unavailable(NAME, "the deferred answer was not ready in time; raise TALLYRANK_YANDEX_POLLS")
        return [failed(ask, keywords[0], late)] if is_last else []

    def read(number: int) -> Page:
        return page_of(dig(answers[number], "response"), number, _size(ask))

    return list_rows(ask, keywords[0], _facts(ask), read, size=_size(ask), wished=ask.settings.depth)


def _size(ask: Ask) -> int:
    return min(PAGE_SIZE, int(ask.settings.depth))


def _facts(ask: Ask) -> dict[str, Any]:
    """What the list is filed under: a region without a country's name is a place of its own."""
    settings = ask.settings
    of_region = f"region-{settings.region}" if settings.region else None
    return {"engine": "yandex", "country": settings.country or of_region or COUNTRIES.get(settings.search_type)}


def _paid(ask: Ask, http: Http, path: str, keyword: str, number: int) -> Any:
    """One question that costs money; what the service refuses is taken back."""
    if len(keyword) > 400:
        raise BadRequest(NAME, "a keyword may have 400 characters at most")
    ask.meter.spend(NAME, ask.settings.usd)
    with refunded(ask, ask.settings.usd):
        return http.post(path, json=question(ask, keyword, number)).json()


def question(ask: Ask, keyword: str, number: int) -> dict[str, Any]:
    """The body of a question; numbers are text, as the service has them."""
    settings = ask.settings
    query = {
        "searchType": f"SEARCH_TYPE_{settings.search_type}",
        "queryText": keyword,
        "familyMode": f"FAMILY_MODE_{settings.family}",
        "fixTypoMode": "FIX_TYPO_MODE_OFF",
        "page": str(number),
    }
    group = {"groupMode": "GROUP_MODE_FLAT", "groupsOnPage": str(_size(ask)), "docsInGroup": "1"}
    more = {"region": settings.region, "folderId": settings.folder_id}
    format_ = {"l10n": f"LOCALIZATION_{settings.notices}", "responseFormat": "FORMAT_XML"}
    return {"query": query, "groupSpec": group} | format_ | {name: value for name, value in more.items() if value}


def page_of(answer: Any, number: int, size: int) -> Page:
    """The results in a good answer; a result without an address keeps its place."""
    response = _document(dig(answer, "rawData")).find("response")
    if response is None:
        raise BadAnswer(NAME, "the document has no `response`")
    if _code(response) == NOTHING_FOUND:
        return Page([], is_last=True)
    grouping = response.find("results/grouping")
    if grouping is None:
        raise BadAnswer(NAME, "the document has neither `results` nor an error")
    if response.find("reask") is not None:
        raise BadAnswer(NAME, "Yandex corrected the keyword and answered another question")
    groups, page = grouping.findall("group"), grouping.find("page")
    first = whole(page.get("first")) if page is not None else None
    before = max((first or 0) - 1 - number * size, 0)
    entries = [{"url": text(g.findtext("doc/url")), "place": before + n} for n, g in enumerate(groups, 1)]
    if entries and not any(entry["url"] for entry in entries):
        raise BadAnswer(NAME, "no result has a `url`: the field may have been renamed")
    return Page(entries, is_last=len(groups) < size)


def yandex_error(answer: Answer) -> SourceError | None:
    """What an answer says went wrong: in the document inside a good one, by gRPC code, or by HTTP status."""
    body = loads(answer.text)
    if answer.status >= 300:
        return _by_grpc(answer, body) or by_status(answer)
    if dig(body, "done") is True and dig(body, "error") is not None:
        return _by_grpc(answer, dig(body, "error")) or BadAnswer(answer.source, "the operation failed without a code")
    raw = dig(body, "rawData") or dig(body, "response", "rawData")
    try:
        response = _document(raw).find("response") if raw else None
    except BadAnswer as error:
        return error
    code = _code(response)
    if code in (None, NOTHING_FOUND) or response is None:
        return None
    words = f"error {code}: {(response.findtext('error') or '').strip()[:160]}"
    return _fatal(XML_KINDS.get(code or 0, BadRequest)(answer.source, words))


def _by_grpc(answer: Answer, body: Any) -> SourceError | None:
    kind = GRPC_KINDS.get(whole(dig(body, "code")) or 0)
    words = f"HTTP {answer.status}, code {dig(body, 'code')}: {str(dig(body, 'message'))[:160]}"
    return _fatal(kind(answer.source, words)) if kind else None


def _fatal(error: SourceError) -> SourceError:
    """A role that is missing is missing for every keyword: the rest is not asked."""
    error.is_fatal = error.is_fatal or isinstance(error, NotPermitted)
    return error


def _code(response: ElementTree.Element | None) -> int | None:
    error = response.find("error") if response is not None else None
    return whole(error.get("code")) if error is not None else None


def _document(raw: Any) -> ElementTree.Element:
    """The document in an answer; one that defines entities of its own is not read."""
    try:
        document = base64.b64decode(raw, validate=True)
        if b"<!ENTITY" in document or b"<!DOCTYPE" in document:
            raise BadAnswer(NAME, "the document defines entities, which no list of results needs")
        return ElementTree.fromstring(document)  # noqa: S314  without entities there is nothing to blow up
    except (TypeError, ValueError, ElementTree.ParseError):
        raise BadAnswer(NAME, "the answer holds no XML document in `rawData`") from None


def parse(rows: Sequence[Raw]) -> Iterator[Ranking]:
    """The results of each list, by their index in it."""
    return rankings(NAME, rows, RankKind.LIST_INDEX)


def price(settings: Any, n: int) -> float:
    """What the lists of n keywords cost in US dollars, at most."""
    return float(n * ceil(settings.depth / PAGE_SIZE) * settings.usd)


CONNECTOR = Connector(
    name=NAME,
    title="Yandex Search",
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
    quota="10 requests a second and 10,000 an hour (deferred 35,000); 100 results per question, about 250 deep.",
    terms="Sold by Yandex Cloud; whether results may be kept was not verified: read its terms first.",
    rank_kinds=(RankKind.LIST_INDEX,),
    keys_from=(
        "Create a service account with the role search-api.webSearch.user at https://console.yandex.cloud, "
        "and an API key of it."
    ),
    cost="$4.00 per 1,000 keywords for the first hundred results, deferred $0.25 (Yandex's price list, 2026).",
    verified="Nothing against real answers: written from Yandex's published definitions and documentation of the API.",
)
