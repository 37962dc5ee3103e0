"""The twin of Google Search Console's Search Analytics: one domain property per site of the world.

For every keyword and every page of the site within the first 20, a day has impressions that fall with the true
position, clicks that fall faster, and an average position a fraction (below one half) worse than the true one. By
page, each page counts its own impressions; by property, a keyword's impressions are counted once, at the topmost
page. Some pages have a search appearance, a few have two. A bearer token may be anything but `expired`; `exhausted`
meets the load quota. `POST …/token` hands a token to a service account.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from connectors.sandbox.stage import Twin, day_of, stage_of
from connectors.sandbox.world import DAYS, DEPTH, FIRST_DAY, SITES, World

MOST_ROWS_A_DAY = 50_000
KEPT, HOURS_KEPT = timedelta(days=486), timedelta(days=10)
FINAL_AFTER, FRESH_AFTER = timedelta(days=3), timedelta(days=1)
ANONYMOUS_PER_CENT = 5
UNVERIFIED = "https://somebody-else.example/"
DIMENSIONS = {"date", "query", "page", "country", "device", "searchappearance", "hour"}
FILTERS = DIMENSIONS - {"date", "hour"}
SHARES: dict[str, dict[str, float]] = {
    "country": {"usa": 0.5, "gbr": 0.3, "deu": 0.2},
    "device": {"MOBILE": 0.55, "DESKTOP": 0.4, "TABLET": 0.05},
    "hour": {f"{hour:02}": 1 / 24 for hour in range(24)},
}
APPEARANCES = {"VIDEO": 3, "REVIEW_SNIPPET": 2}
OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "equals": lambda value, text: value.lower() == text.lower(),
    "notequals": lambda value, text: value.lower() != text.lower(),
    "contains": lambda value, text: text.lower() in value.lower(),
    "notcontains": lambda value, text: text.lower() not in value.lower(),
    "includingregex": lambda value, text: re.search(text, value) is not None,
    "excludingregex": lambda value, text: re.search(text, value) is None,
}


@dataclass(frozen=True, slots=True)
class Cell:
    """The finest count: one page for one question on one day, further split where asked."""

    date: str
    query: str
    page: str
    position: float
    impressions: int
    clicks: int
    country: str = ""
    device: str = ""
    hour: str = ""
    searchappearance: str = ""


@dataclass(frozen=True)
class Question:
    """A request body, checked."""

    start: date
    end: date
    dimensions: tuple[str, ...]
    filters: tuple[tuple[str, str, str], ...]
    kind: str
    aggregation: str
    state: str
    row_limit: int
    start_row: int

    @property
    def touched(self) -> set[str]:
        """Dimensions grouped or filtered by."""
        return {*self.dimensions, *(name for name, _, _ in self.filters)}

    @property
    def is_by_page(self) -> bool:
        """Whether each page counts its own impressions."""
        return bool({"page", "searchappearance"} & self.touched) or self.aggregation == "bypage"


@dataclass(frozen=True)
class Scope:
    """What a question is about: a site's data days as they look on another day."""

    world: World
    site: str
    first: date
    last: date
    today: date

    def days(self) -> list[date]:
        """Every data day, the oldest first."""
        return [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]


class Refusal(Exception):
    """An answer in Google's error envelope."""

    def __init__(self, status: int, reason: str, message: str, domain: str = "global") -> None:
        super().__init__(reason)
        entry = {"message": message, "domain": domain, "reason": reason}
        self.answer = JSONResponse({"error": {"code": status, "message": message, "errors": [entry]}}, status)


def property_of(site: str) -> str:
    """The name of a site's domain property."""
    return f"sc-domain:{site}"


def is_anonymous(site: str, query: str) -> bool:
    """Whether too few people ask this for it to be named."""
    return zlib.crc32(f"{site} {query}".encode()) % 100 < ANONYMOUS_PER_CENT


def appearances(page: str) -> list[str]:
    """How a page is shown in search results beyond the plain link: not at all, in one way or in two."""
    chance = zlib.crc32(page.encode())
    return [name for name, one_in in APPEARANCES.items() if chance % one_in == 0]


def cells(world: World, site: str, day: date) -> list[Cell]:
    """Everything that happened to a site on one day, anonymous questions included."""
    return _cells(world, day).get(site, [])


@lru_cache(maxsize=512)
def _cells(world: World, day: date) -> dict[str, list[Cell]]:
    """The same for all sites at once."""
    found: dict[str, list[Cell]] = {}
    if FIRST_DAY <= day < FIRST_DAY + timedelta(days=DAYS):
        positions = world.positions[world.day_index(day)]
        for k, c in zip(*(positions <= DEPTH).nonzero(), strict=True):
            page = world.pages[world.candidates[k, c]]
            found.setdefault(page.site, []).append(_cell(day, world.keywords[k], page.url, int(positions[k, c])))
    return found


async def sites(request: Request) -> JSONResponse:
    """The account's properties; one of them is not verified."""
    try:
        _sign_in(request)
    except Refusal as refusal:
        return refusal.answer
    entries = [{"siteUrl": property_of(f"{s}.example"), "permissionLevel": "siteFullUser"} for s in SITES]
    return JSONResponse({"siteEntry": [*entries, {"siteUrl": UNVERIFIED, "permissionLevel": "siteUnverifiedUser"}]})


async def query(request: Request) -> JSONResponse:
    """searchanalytics.query."""
    try:
        bearer = _sign_in(request)
        site = _site(request)
        if bearer == "exhausted":
            message = "Search Analytics load quota exceeded. Learn about usage limits: see the documentation."
            raise Refusal(403, "quotaExceeded", message, "usageLimits")
        if stage_of(request).window(f"search_console/{day_of(request)}/{bearer}/{site}", 1200, 60)[0] < 0:
            raise Refusal(429, "rateLimitExceeded", "Quota exceeded for the site.", "usageLimits")
        return JSONResponse(_answer(request, site, _question(await request.json())))
    except Refusal as refusal:
        return refusal.answer


async def token(request: Request) -> JSONResponse:
    """Google's token endpoint: an assertion signed by a service account for a token."""
    form = (await request.body()).decode()
    if "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer" not in form or "assertion=" not in form:
        return JSONResponse({"error": "invalid_grant", "error_description": "Invalid JWT."}, 400)
    return JSONResponse({"access_token": "for-a-service-account", "expires_in": 3599, "token_type": "Bearer"})


def _sign_in(request: Request) -> str:
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    if scheme != "Bearer" or not bearer or bearer == "expired":
        message = "Request had invalid authentication credentials. Expected OAuth 2 access token."
        raise Refusal(401, "authError", message)
    return bearer


def _site(request: Request) -> str:
    name = request.path_params["property"]
    site = {property_of(f"{s}.example"): f"{s}.example" for s in SITES}.get(name)
    if site is None:
        raise Refusal(
            403, "forbidden", f"User does not have sufficient permission for site '{name}'. "
            "See also: https://support.google.com/webmasters/answer/2451999.",
        )  # fmt: skip
    return site


def _answer(request: Request, site: str, asked: Question) -> dict[str, Any]:
    scope = _scope(request, site, asked)
    rows = _rows(scope, asked) if asked.kind == "web" else ()
    page = rows[: MOST_ROWS_A_DAY * len(scope.days())][asked.start_row :][: asked.row_limit]
    answer: dict[str, Any] = {"responseAggregationType": "byPage" if asked.is_by_page else "byProperty"}
    incomplete = day_of(request) - FINAL_AFTER + timedelta(days=1)
    if asked.state == "all" and "date" in asked.dimensions and asked.end >= incomplete:
        answer["metadata"] = {"firstIncompleteDate": incomplete.isoformat()}
    return answer | ({"rows": list(page)} if page else {})


def _scope(request: Request, site: str, asked: Question) -> Scope:
    today = day_of(request)
    last = min(asked.end, today - (FINAL_AFTER if asked.state == "final" else FRESH_AFTER))
    first = max(asked.start, today - (HOURS_KEPT if "hour" in asked.dimensions else KEPT))
    # Final data look the same on every later day, so that later looks find them computed.
    return Scope(stage_of(request).world, site, first, last, min(today, last + FINAL_AFTER))


@lru_cache(maxsize=1024)
def _rows(scope: Scope, asked: Question) -> tuple[dict[str, Any], ...]:
    """All rows of an answer, the most clicked first."""
    sums: dict[tuple[str, ...], list[float]] = {}
    for cell in _counted(scope, asked):
        total = sums.setdefault(tuple(getattr(cell, name) for name in asked.dimensions), [0.0, 0.0, 0.0])
        total[0] += cell.clicks
        total[1] += cell.impressions
        total[2] += cell.impressions * cell.position
    rows = [_row(keys, *total) for keys, total in sums.items() if total[1]]
    if asked.dimensions == ("date",):
        return tuple(sorted(rows, key=lambda row: row["keys"]))
    return tuple(sorted(rows, key=lambda row: (-row["clicks"], -row["impressions"])))


def _row(keys: tuple[str, ...], clicks: float, impressions: float, weighted: float) -> dict[str, Any]:
    metrics = {"clicks": clicks, "impressions": impressions, "ctr": clicks / impressions}
    return ({"keys": list(keys)} if keys else {}) | metrics | {"position": weighted / impressions}


def _counted(scope: Scope, asked: Question) -> Iterator[Cell]:
    names = tuple(name for name in SHARES if name in asked.touched)
    for day in scope.days():
        found = [_ripened(cell, (scope.today - day).days) for cell in cells(scope.world, scope.site, day)]
        if "query" in asked.touched:
            found = [cell for cell in found if not is_anonymous(scope.site, cell.query)]
        if "searchappearance" in asked.touched:
            found = [replace(cell, searchappearance=a) for cell in found for a in appearances(cell.page)]
        for cell in found if asked.is_by_page else _topmost(found):
            yield from (part for part in _split(cell, names) if _passes(part, asked))


def _cell(day: date, question: str, page: str, position: int) -> Cell:
    chance = zlib.crc32(f"{day} {question} {page}".encode())
    popularity = 80 + zlib.crc32(question.encode()) % 400
    impressions = 2 + int(popularity / (1 + 0.25 * position) * (0.9 + chance % 200 / 1000))
    clicks = int(impressions * 0.35 / position)
    return Cell(day.isoformat(), question, page, position + chance % 490 / 1000, impressions, clicks)


def _ripened(cell: Cell, age_days: int) -> Cell:
    """The last days are not counted to the end yet."""
    share = {1: 0.4, 2: 0.8}.get(age_days, 1.0)
    return (
        cell
        if share == 1
        else replace(cell, impressions=int(cell.impressions * share), clicks=int(cell.clicks * share))
    )


def _topmost(found: list[Cell]) -> Iterator[Cell]:
    """By property: one impression of several pages is one, at the place of the topmost; clicks add up."""
    best: dict[str, Cell] = {}
    for cell in sorted(found, key=lambda c: c.position):
        kept = best.get(cell.query)
        best[cell.query] = cell if kept is None else replace(kept, clicks=kept.clicks + cell.clicks)
    yield from best.values()


def _split(cell: Cell, names: tuple[str, ...]) -> Iterator[Cell]:
    """The cell divided by country, device and hour so that the parts add up to it."""
    if not names:
        yield cell
        return
    share = 0.0
    for value, size in SHARES[names[0]].items():
        low, share = share, share + size
        label = f"{cell.date}T{value}:00:00-07:00" if names[0] == "hour" else value
        labels: dict[str, Any] = {names[0]: label}
        yield from _split(
            replace(
                cell,
                impressions=round(cell.impressions * share) - round(cell.impressions * low),
                clicks=round(cell.clicks * share) - round(cell.clicks * low),
                **labels,
            ),
            names[1:],
        )


def _passes(cell: Cell, asked: Question) -> bool:
    return all(OPERATORS[how](getattr(cell, name), text) for name, how, text in asked.filters)


def _question(body: dict[str, Any]) -> Question:
    """The body, with Google's defaults; raises Refusal for what Google refuses."""
    asked = Question(
        _day(body, "startDate"),
        _day(body, "endDate"),
        tuple(_plain(d) for d in body.get("dimensions") or ()),
        tuple(_filters(body)),
        _plain(body.get("type") or body.get("searchType") or "web"),
        _plain(body.get("aggregationType") or "auto"),
        str(body.get("dataState") or "final").lower(),
        _whole(body, "rowLimit", 1000, 1, 25_000),
        _whole(body, "startRow", 0, 0, 1 << 31),
    )
    for broken, message in _rules(asked):
        if broken:
            raise _bad(message)
    return asked


def _rules(asked: Question) -> Iterator[tuple[bool, str]]:
    grouped = set(asked.dimensions)
    yield asked.end < asked.start, "endDate must be on or after startDate."
    yield not grouped <= DIMENSIONS, "Invalid value at 'dimensions'."
    yield len(grouped) < len(asked.dimensions), "A dimension may be named once."
    yield "hour" in grouped and asked.state != "hourly_all", "Grouping by HOUR requires dataState HOURLY_ALL."
    yield "page" in asked.touched and asked.aggregation == "byproperty", "Cannot aggregate by property and by page."
    yield "searchappearance" in grouped and len(grouped) > 1, "SEARCH_APPEARANCE is grouped by alone."
    yield asked.kind == "discover" and bool(grouped & {"device", "query"}), "Discover has no device and no query."
    yield asked.kind == "googlenews" and "query" in grouped, "Google News has no query."
    yield asked.state not in ("final", "all", "hourly_all"), "Invalid value at 'dataState'."


def _filters(body: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for entry in (f for group in body.get("dimensionFilterGroups") or () for f in group.get("filters") or ()):
        name, how = _plain(entry.get("dimension")), _plain(entry.get("operator") or "equals")
        if name not in FILTERS or how not in OPERATORS:
            raise _bad("Invalid filter.")
        yield name, how, str(entry.get("expression", ""))


def _plain(name: Any) -> str:
    """One spelling of BY_PAGE and byPage."""
    return str(name).replace("_", "").lower()


def _day(body: dict[str, Any], name: str) -> date:
    try:
        return date.fromisoformat(body[name])
    except (KeyError, TypeError, ValueError):
        raise _bad(f"{name} must be a date, YYYY-MM-DD.") from None


def _whole(body: dict[str, Any], name: str, default: int, least: int, most: int) -> int:
    value = body.get(name, default)
    if not isinstance(value, int) or not least <= value <= most:
        raise _bad(f"{name} must be between {least} and {most}.")
    return value


def _bad(message: str) -> Refusal:
    return Refusal(400, "invalidParameter", message)


TWIN = Twin(
    "search_console",
    [
        Route("/webmasters/v3/sites", sites),
        Route("/webmasters/v3/sites/{property:path}/searchAnalytics/query", query, methods=["POST"]),
        Route("/token", token, methods=["POST"]),
    ],
)
