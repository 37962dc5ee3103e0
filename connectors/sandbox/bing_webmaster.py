"""The twin of Bing Webmaster Tools: one site per site of the world, and its weeks from Saturday to Friday.

On each day a page within the first 20 has impressions that fall with its true position, and clicks that fall faster. A
week adds them up; its position is the mean of the days' positions with impressions as weights, rounded. Weeks are told
once they are over, and 26 of them are kept. Keys that begin with `expired` are unknown, `busy…` is asked to slow down
at its first question of a day, `frozen…` sees data that stopped in July 2026.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.sandbox.stage import Twin, bearer_of, day_of, stage_of
from connectors.sandbox.world import DAYS, DEPTH, FIRST_DAY, SITES, World

PACIFIC = ZoneInfo("America/Los_Angeles")
FIRST_WEEK = FIRST_DAY + timedelta(days=(5 - FIRST_DAY.weekday()) % 7)  # a Saturday
WEEKS_KEPT, LATE_DAYS = 26, 2
FROZEN_AT = date(2026, 7, 4)
UNVERIFIED = "https://somebody-else.example/"
TYPE = "{}:#Microsoft.Bing.Webmaster.Api"
ERRORS = {3: "InvalidApiKey", 4: "ThrottleUser", 8: "InvalidParameter", 14: "NotAuthorized"}


@dataclass(frozen=True, slots=True)
class Cell:
    """One page for one question in one week; the sums are weighted by impressions and by clicks."""

    week: date
    query: str
    page: str
    impressions: int
    clicks: int
    impression_sum: int
    click_sum: int


class Refused(Exception):
    """An answer in Bing's envelope of errors."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.answer = JSONResponse({"ErrorCode": code, "Message": f"ERROR!!! {ERRORS[code]}"}, 400)


def address_of(site: str) -> str:
    """How the account names a site of the world."""
    return f"https://www.{site}.example/"


def shown(query: str, position: int) -> int:
    """Impressions of a page on one day."""
    return 2 + int((40 + zlib.crc32(query.encode()) % 200) / (1 + 0.25 * position))


def clicked(query: str, position: int) -> int:
    """Clicks on a page on one day."""
    return int(shown(query, position) * 0.3 / position)


@lru_cache(maxsize=256)
def cells(world: World, week: date) -> tuple[Cell, ...]:
    """Everything that happened in a week."""
    days = [world.day_index(week + timedelta(days=n)) for n in range(7)]
    found = []
    for k, query in enumerate(world.keywords):
        for c, page in enumerate(world.candidates[k]):
            seen = [int(p) for p in world.positions[days, k, c] if p <= DEPTH]
            if seen:
                impressions, clicks = [shown(query, p) for p in seen], [clicked(query, p) for p in seen]
                sums = (sum(p * n for p, n in zip(seen, counts, strict=True)) for counts in (impressions, clicks))
                found.append(Cell(week, query, world.pages[page].url, sum(impressions), sum(clicks), *sums))
    return tuple(found)


def weeks_at(day: date) -> list[date]:
    """The weeks that are told on a day, the oldest first."""
    number = (day - timedelta(days=LATE_DAYS + 6) - FIRST_WEEK).days // 7
    last = min(number, (DAYS - 7) // 7)
    return [FIRST_WEEK + timedelta(weeks=n) for n in range(max(0, last - WEEKS_KEPT + 1), last + 1)]


def written(day: date) -> str:
    """A day as .NET writes it: midnight Pacific in milliseconds, mostly with the zone."""
    at = datetime.combine(day, time(), PACIFIC)
    return f"/Date({int(at.timestamp()) * 1000}{at:%z})/" if day.day % 3 else f"/Date({int(at.timestamp()) * 1000})/"


def stats(found: Iterable[Cell], by: str) -> list[dict[str, Any]]:
    """Rows of type QueryStats by `query` or by `page`; whichever it is, it stands in `Query`."""
    groups: dict[tuple[date, str], list[Cell]] = {}
    for cell in found:
        groups.setdefault((cell.week, getattr(cell, by)), []).append(cell)
    return [_row(week, key, group) for (week, key), group in groups.items()]


def _row(week: date, key: str, group: list[Cell]) -> dict[str, Any]:
    impressions, clicks = sum(c.impressions for c in group), sum(c.clicks for c in group)
    return {
        "__type": TYPE.format("QueryStats"),
        "AvgClickPosition": round(sum(c.click_sum for c in group) / clicks) if clicks else -1,
        "AvgImpressionPosition": round(sum(c.impression_sum for c in group) / impressions),
        "Clicks": clicks,
        "Date": written(week),
        "Impressions": impressions,
        "Query": key,
    }


def _admit(request: Request) -> str:
    bearer = bearer_of(request)
    key = request.query_params.get("apikey", "") or bearer
    if not key or key.startswith("expired"):
        raise Refused(3)
    if key.startswith("busy") and stage_of(request).allowance(f"bing_webmaster:{day_of(request)}:{key}", 1) >= 0:
        raise Refused(4)
    return key


def _cells_of(request: Request) -> list[Cell]:
    """The cells of the site asked about, in all weeks that are kept."""
    key, site = _admit(request), request.query_params.get("siteUrl", "")
    if site not in {address_of(name) for name in SITES}:
        raise Refused(14)
    weeks = [w for w in weeks_at(day_of(request)) if not key.startswith("frozen") or w <= FROZEN_AT]
    world = stage_of(request).world
    return [cell for week in weeks for cell in cells(world, week) if cell.page.startswith(site)]


async def user_sites(request: Request) -> Response:
    """GetUserSites."""
    try:
        _admit(request)
    except Refused as refused:
        return refused.answer
    sites = [(address_of(name), True) for name in SITES] + [(UNVERIFIED, False)]
    found = [
        {
            "__type": TYPE.format("Site"), "AuthenticationCode": "0", "DnsVerificationCode": "0",
            "IsVerified": is_verified, "Url": url,
        }
        for url, is_verified in sites
    ]  # fmt: skip
    return JSONResponse({"d": found})


def method(answer: Callable[[list[Cell]], list[dict[str, Any]]], *needed: str) -> Any:
    """A method of the API: `answer` makes rows of a site's cells; the parameters named must be there."""

    async def endpoint(request: Request) -> Response:
        try:
            found = _cells_of(request)
            if not all(request.query_params.get(name) for name in needed):
                raise Refused(8)
        except Refused as refused:
            return refused.answer
        asked = {name: request.query_params[name] for name in needed}
        kept = [c for c in found if all(getattr(c, name) == value for name, value in asked.items())]
        return JSONResponse({"d": answer(kept)})

    return endpoint


def traffic(found: list[Cell]) -> list[dict[str, Any]]:
    """Rows of type RankAndTrafficStats; by week here, by day at Bing."""
    rows = [_row(week, "", [c for c in found if c.week == week]) for week in sorted({c.week for c in found})]
    return [
        {"__type": TYPE.format("RankAndTrafficStats")} | {name: row[name] for name in ("Clicks", "Date", "Impressions")}
        for row in rows
    ]


TWIN = Twin(
    "bing_webmaster",
    [
        Route("/GetUserSites", user_sites),
        Route("/GetQueryStats", method(lambda found: stats(found, "query"))),
        Route("/GetPageStats", method(lambda found: stats(found, "page"))),
        Route("/GetQueryPageStats", method(lambda found: stats(found, "page"), "query")),
        Route("/GetPageQueryStats", method(lambda found: stats(found, "query"), "page")),
        Route("/GetRankAndTrafficStats", method(traffic)),
    ],
)
