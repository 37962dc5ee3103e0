"""Twin of Brave Search: pages by number, which overlap by one result, and limits told in headers.

Keys choose the behaviour: `wrong…` is refused with 422 (`wrong-list…` in the other envelope), `spent…` has used up its
month, `broke…` its money, `hurried…` is too fast at its first question of a day.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.sandbox.stage import Twin, day_of, stage_of

A_SECOND, A_MONTH = 50, 15_000
MONTH_SECONDS = 2_592_000
MOST, LAST_PAGE = 20, 9
LANGUAGES = {"en", "de", "fr", "es", "it", "jp", "zh-hans", "pt-br"}


def refuse(status: int, code: str, detail: str, **headers: str) -> Response:
    """Brave's error envelope."""
    error = {"id": "0b1f", "status": status, "code": code, "detail": detail, "meta": {"component": "invented"}}
    return JSONResponse({"type": "ErrorResponse", "error": error, "time": 1_781_000_000}, status, headers)


def told(left: tuple[int, int], reset: tuple[float, float]) -> dict[str, str]:
    """The headers of limits."""
    pairs = {"Limit": (A_SECOND, A_MONTH), "Remaining": left, "Reset": (round(reset[0]), round(reset[1]))}
    policy = {"X-RateLimit-Policy": f"{A_SECOND};w=1, {A_MONTH};w={MONTH_SECONDS}"}
    return policy | {f"X-RateLimit-{name}": ", ".join(map(str, pair)) for name, pair in pairs.items()}


def stop(request: Request, key: str) -> Response | None:
    """The refusal that a token meets, if any."""
    if key.startswith("wrong-list"):
        one = {"status": 422, "code": "SUBSCRIPTION_TOKEN_INVALID", "detail": "The token is invalid."}
        return JSONResponse({"type": "ErrorResponse", "errors": [one]}, 422)
    if not key or key.startswith("wrong"):
        return refuse(422, "SUBSCRIPTION_TOKEN_INVALID", "The provided subscription token is invalid.")
    if key.startswith("broke"):
        return refuse(402, "PAYMENT_REQUIRED", "Your credits are used up.")
    if key.startswith("spent"):
        return refuse(429, "RATE_LIMITED", "Request quota exceeded for plan", **told((A_SECOND, 0), (1, 86_400)))
    if key.startswith("hurried") and stage_of(request).allowance(f"brave:{day_of(request)}:{key}", 1) >= 0:
        return refuse(429, "RATE_LIMITED", "Request rate limit exceeded for plan", **told((0, 9), (0, 86_400)))
    return None


async def search(request: Request) -> Response:
    """`/res/v1/web/search`: one page of a list."""
    key, stage = request.headers.get("x-subscription-token", ""), stage_of(request)
    if refusal := stop(request, key):
        return refusal
    second, reset = stage.window(f"brave:{key}", A_SECOND, 1.0)
    if second < 0:
        return refuse(429, "RATE_LIMITED", "Request rate limit exceeded for plan", **told((0, A_MONTH), (reset, 9e5)))
    asked = dict(request.query_params)
    if words := wrong_parameter(asked):
        return refuse(422, "VALIDATION", words)
    month = stage.allowance(f"brave:{day_of(request)}:{key}:month", A_MONTH)
    return JSONResponse(answer(request, asked), headers=told((second, month), (reset, 9e5)))


def wrong_parameter(asked: dict[str, str]) -> str | None:
    """What Brave would complain about."""
    words, count, offset = asked.get("q", ""), asked.get("count", "20"), asked.get("offset", "0")
    if not 1 <= len(words) <= 400 or len(words.split()) > 50:
        return "q must have between 1 and 400 characters and 50 words."
    if not count.isdecimal() or not 1 <= int(count) <= MOST:
        return "count must be between 1 and 20."
    if not offset.isdecimal() or int(offset) > LAST_PAGE:
        return "offset must be between 0 and 9."
    if asked.get("search_lang", "en") not in LANGUAGES:
        return "search_lang is not one of the known languages."
    country = asked.get("country", "US")
    return None if country == "ALL" or (len(country) == 2 and country.isupper()) else "country is unknown."


def answer(request: Request, asked: dict[str, str]) -> dict[str, Any]:
    """The page: from the second on it begins with the last result of the page before."""
    pages = stage_of(request).world.results(asked["q"], day_of(request))
    count, offset = int(asked.get("count", 20)), int(asked.get("offset", 0))
    start = offset * max(count - 1, 1)
    shown = pages[start : start + count]
    has_more = bool(shown) and shown[-1] is not pages[-1]
    query = {"original": asked["q"], "altered": None, "more_results_available": has_more, "country": "us"}
    places = [{"type": "web", "index": n, "all": False} for n, _ in enumerate(shown)]
    mixed = {
        "type": "mixed",
        "main": [*places[:1], {"type": "videos", "all": True}, *places[1:]],
        "top": [],
        "side": [],
    }
    web = {"web": {"type": "search", "results": [result(page.url) for page in shown]}} if shown else {}
    return {"type": "search", "query": query, "mixed": mixed, **web}


def result(url: str) -> dict[str, Any]:
    """One web result."""
    return {
        "type": "search_result",
        "title": "An invented title",
        "url": url,
        "description": "Somebody Invented writes about it.",
        "page_age": "2026-10-01T08:00:00",
        "language": "en",
        "family_friendly": True,
        "profile": {"name": "Somebody Invented"},
        "meta_url": {"scheme": "https", "netloc": "invented.example", "path": "> it"},
    }


TWIN = Twin("brave", [Route("/res/v1/web/search", search)], post_id=None)
