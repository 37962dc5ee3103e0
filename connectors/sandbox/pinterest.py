"""Twin of Pinterest: the pins of one account, their analytics, its audience, and the old public count by web address.

The account owns every pin of the world. Each day's new saves of a page are split over its pins that exist that day, so
a pin's saves begin at 0 and never fall. Shy pins have no metrics; one pin in ten has no lifetime `save`.
Tokens choose the behaviour: `expired…` and `narrow…` are refused, `spent…` has no quota left for the day, `hurried…`
is told to wait at its first question of a day.
"""

from __future__ import annotations

import base64
import json
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from connectors.sandbox.stage import Twin, day_of, moment_of, stage_of
from connectors.sandbox.world import DAYS, FIRST_DAY, World, WorldPost, noon

WINDOW_DAYS = 90
LATE_DAYS = 2  # the last days are not final
AD_ACCOUNT = "549700000001"
AUDIENCES = {"YOUR_TOTAL_AUDIENCE": 100, "YOUR_ENGAGED_AUDIENCE": 20, "PINTEREST_TOTAL_AUDIENCE": 100_000}  # percent
PARTS = {
    "ages": {"18-24": 0.25, "25-34": 0.745, "65+": 0.005},
    "genders": {"female": 0.7, "male": 0.25, "unspecified": 0.05},
    "countries": {"us": 0.6, "de": 0.399, "fr": 0.001},
    "devices": {"iphone": 0.5, "web": 0.5},
    "metros": {"501": 1.0},
}
Counts = NDArray[np.int64]


@lru_cache(maxsize=8)
def saves_by_pin(world: World) -> dict[str, Counts]:
    """(DAYS,) saves so far of each pin."""
    pins_of: dict[int, list[WorldPost]] = {}
    for pin in world.posts("pinterest"):
        pins_of.setdefault(pin.page.index, []).append(pin)
    return {i: counts for page, pins in pins_of.items() for i, counts in _split(world, page, pins).items()}


def _split(world: World, page: int, pins: list[WorldPost]) -> dict[str, Counts]:
    new = np.diff(world.pinterest_saves[:, page], prepend=0)
    moments = [noon(FIRST_DAY + timedelta(days=t)) for t in range(DAYS)]
    lives = np.array([[pin.exists_at(m) for m in moments] for pin in pins])  # (pins, DAYS)
    sharers = np.maximum(lives.sum(axis=0), 1)
    turn = np.cumsum(lives, axis=0) - 1  # the first pins get what does not divide evenly
    parts = np.where(lives, (new + sharers - 1 - turn) // sharers, 0)
    return {pin.object_id: part.cumsum() for pin, part in zip(pins, parts, strict=True)}


def has_save(pin: WorldPost) -> bool:
    """Whether the lifetime metrics of a pin hold `save`."""
    return pin.object_id[-1] != "0"


def has_link(pin: WorldPost) -> bool:
    """Whether a pin links to its page; few do not."""
    return int(pin.object_id) % 23 != 5


def metrics_of(saves: int) -> dict[str, int]:
    """The other metrics, which follow the saves."""
    return {"impression": 40 * saves + 3, "pin_click": 5 * saves, "clickthrough": 2 * saves, "save": saves}


def refuse(status: int, code: int, message: str, **headers: str) -> Response:
    """Pinterest's error envelope."""
    return JSONResponse(
        {"code": code, "message": message}, status, {k.replace("_", "-"): v for k, v in headers.items()}
    )


def stop(request: Request) -> Response | None:
    """The refusal that a token meets, if any."""
    token = request.headers.get("authorization", "").removeprefix("Bearer ")
    stage, day = stage_of(request), day_of(request)
    if not token or token.startswith("expired"):
        return refuse(401, 2, f"Authentication failed for {token}.")
    if token.startswith("narrow"):
        return refuse(401, 3, "The token lacks a permission for this.")
    if token.startswith("spent"):
        return refuse(429, 8, "This request exceeded a rate limit.", X_RateLimit_Reset="67150")
    if token.startswith("hurried") and stage.allowance(f"pinterest-hurry:{day}:{token}", 1) >= 0:
        return refuse(429, 8, "This request exceeded a rate limit. Retry after 0 seconds.")
    left, reset = stage.window(f"pinterest:{day}:{token}", 100, 1.0)
    return refuse(429, 8, "This request exceeded a rate limit.", X_RateLimit_Reset=f"{reset:.0f}") if left < 0 else None


async def pins(request: Request) -> Response:
    """`/v5/pins`: the account's pins, newest first."""
    if refusal := stop(request):
        return refusal
    size, bookmark = request.query_params.get("page_size", "25"), request.query_params.get("bookmark", "")
    if not size.isdecimal() or not 1 <= int(size) <= 250:
        return refuse(400, 1, "page_size must be between 1 and 250.")
    try:
        start = int(base64.b64decode(bookmark)) if bookmark else 0
    except ValueError:
        return refuse(400, 1, "Invalid bookmark.")
    moment = moment_of(request)
    alive = [p for p in reversed(stage_of(request).world.posts("pinterest")) if p.exists_at(moment)]
    following = start + int(size)
    bookmark = base64.b64encode(str(following).encode()).decode() if following < len(alive) else ""
    found = [pin_body(request, pin) for pin in alive[start:following]]
    return JSONResponse({"items": found, "bookmark": bookmark or None})


def pin_body(request: Request, pin: WorldPost) -> dict[str, Any]:
    """One pin; the key `pin_metrics` only where it was asked for."""
    zone = "" if pin.object_id[-1] in "147" else "Z"
    body = {
        "id": pin.object_id,
        "created_at": f"{pin.published_at:%Y-%m-%dT%H:%M:%S}{zone}",
        "link": pin.url if has_link(pin) else None,
        "title": "Somebody Invented's pin",
        "description": None,
        "board_id": "549755885175",
        "board_owner": {"username": "somebody_invented"},
        "creative_type": "REGULAR",
        "is_owner": True,
    }
    if request.query_params.get("pin_metrics") != "true":
        return body
    return body | {"pin_metrics": None if pin.is_shy else pin_metrics(stage_of(request).world, pin, day_of(request))}


def pin_metrics(world: World, pin: WorldPost, day: date) -> dict[str, dict[str, int]]:
    """Metrics of 90 days and of the lifetime."""
    counts, today = saves_by_pin(world)[pin.object_id], world.day_index(day)
    saves = int(counts[today])
    recent = saves - int(counts[max(today - WINDOW_DAYS, 0)])
    lifetime = metrics_of(saves) | {"reaction": saves // 2, "comment": saves // 9}
    if not has_save(pin):
        lifetime.pop("save")
    return {"90d": metrics_of(recent), "lifetime_metrics": lifetime}


async def analytics(request: Request) -> Response:
    """`/v5/pins/analytics`: metrics by day, of at most 100 pins and 90 days."""
    if refusal := stop(request):
        return refusal
    asked, world, day = request.query_params, stage_of(request).world, day_of(request)
    ids = asked.getlist("pin_ids")
    try:
        first, last = date.fromisoformat(asked["start_date"]), date.fromisoformat(asked["end_date"])
    except (KeyError, ValueError):
        return refuse(400, 1, "start_date and end_date must be YYYY-MM-DD.")
    is_old = first < day - timedelta(days=WINDOW_DAYS) or (last - first).days > WINDOW_DAYS or last < first
    if is_old or not 1 <= len(ids) <= 100 or not asked.get("metric_types"):
        return refuse(400, 1, "Invalid multi_pins analytics parameters.")
    found = {i: world.post("pinterest", i) for i in ids}
    if not all(pin and pin.exists_at(moment_of(request)) for pin in found.values()):
        return refuse(401, 7, "Not authorized to access board or Pin.")
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    series = {
        i: {"all": {"daily_metrics": [daily(world, pin, d, day) for d in days]}} for i, pin in found.items() if pin
    }
    return JSONResponse(series)


def series(world: World, pin: WorldPost, days: list[date], today: date) -> dict[str, Any]:
    """Analytics of one pin, not split by kind of app."""
    return {"all": {"daily_metrics": [daily(world, pin, day, today) for day in days]}}


def daily(world: World, pin: WorldPost, day: date, today: date) -> dict[str, Any]:
    """One day of a pin; not final for the last two days, nothing before the pin was made."""
    if day < pin.published_at.date():
        return {"date": day.isoformat(), "data_status": "BEFORE_PIN_CREATED", "metrics": {}}
    if day > today - timedelta(days=LATE_DAYS):
        return {"date": day.isoformat(), "data_status": "PROCESSING", "metrics": {}}
    counts, index = saves_by_pin(world)[pin.object_id], world.day_index(day)
    new = int(counts[index] - counts[index - 1]) if index else int(counts[0])
    return {"date": day.isoformat(), "data_status": "READY", "metrics": {"SAVE": new}}


async def count(request: Request) -> Response:
    """`/v1/urls/count.json`: saves of one exact address, as JSONP; `"-"` for an address nobody saved."""
    name, url = request.query_params.get("callback", "receiveCount"), request.query_params.get("url")
    world = stage_of(request).world
    page = world.page_by_url.get(url or "")
    total: int | str = int(world.pinterest_saves[world.day_index(day_of(request)), page.index]) if page else "-"
    body = {"url": url, "count": total} if url else {"error": "url is missing"}
    return PlainTextResponse(f"{name}({json.dumps(body)})", media_type="application/javascript")


def audience_of(world: World, day: date) -> int:
    """How many people saw the account's pins, in round numbers."""
    return 100 * int(world.pinterest_saves[world.day_index(day)].sum() // 10)


async def audience_insights(request: Request) -> Response:
    """`/v5/ad_accounts/{id}/audience_insights`: the size of an audience, and the ratios of its parts."""
    if refusal := stop(request):
        return refusal
    if request.path_params["account"] != AD_ACCOUNT:
        return refuse(403, 29, "You are not permitted to access that resource.")
    if (kind := request.query_params.get("audience_insight_type")) not in AUDIENCES:
        return refuse(400, 1, "Invalid audience_insight_type.")
    size = audience_of(stage_of(request).world, day_of(request)) * AUDIENCES[kind] // 100
    parts = {
        name: [{"key": key, "name": "Somebody Invented", "ratio": ratio} for key, ratio in ratios.items()]
        for name, ratios in PARTS.items()
    }
    known = {"type": kind, "date": day_of(request).isoformat(), "categories": [{"key": "1", "name": "Lamps"}]}
    return JSONResponse(known | {"size": size, "size_is_upper_bound": True, "demographics": parts})


TWIN = Twin(
    "pinterest",
    [
        Route("/v5/pins", pins),
        Route("/v5/pins/analytics", analytics),
        Route("/v5/ad_accounts/{account}/audience_insights", audience_insights),
        Route("/v1/urls/count.json", count),
    ],
)
