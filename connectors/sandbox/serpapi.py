"""Twin of SerpApi: ten organic results a page, numbered anew on each, beside features that have no place.

Keys choose the behaviour: `wrong…` is no key, `closed…` a deleted account, `spent…` has no searches left (`spent-200…`
says so with 200), `hurried…` is over its searches per hour once a day. A search that succeeded counts as one, and the
same one again on that day comes from the cache. Every seventh link carries a `srsltid`.
"""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from connectors.sandbox.stage import Twin, day_of, moment_of, stage_of

PAGE_SIZE = 10
SEARCHES_A_MONTH = 5_000
SEARCHES_AN_HOUR = 1_000
NOTHING_FOUND = "Google hasn't returned any results for this query."
OUT_OF_SEARCHES = "Your account has run out of searches."
COUNTRIES = {"us", "gb", "uk", "de", "fr", "es", "it", "jp", "br", "in"}
DEVICES = ("desktop", "tablet", "mobile")


def refuse(status: int, words: str) -> Response:
    """SerpApi's error envelope."""
    return JSONResponse({"error": words}, status)


def stop(request: Request) -> Response | None:
    """The refusal that a key meets, if any."""
    key = request.query_params.get("api_key", "")
    if not key or key.startswith("wrong"):
        return refuse(401, "Invalid API key. Your API key should be here: https://serpapi.com/manage-api-key")
    if key.startswith("closed"):
        return refuse(403, "This account has been deleted.")
    if key.startswith("spent"):
        return refuse(200 if key.startswith("spent-200") else 429, OUT_OF_SEARCHES)
    is_hurried = key.startswith("hurried") and stage_of(request).allowance(f"{_who(request)}:hurry", 1) >= 0
    left, _ = stage_of(request).window(_who(request), SEARCHES_AN_HOUR, 3600)
    return refuse(429, "You are exceeding your hourly throughput limit.") if is_hurried or left < 0 else None


def _who(request: Request) -> str:
    return f"serpapi:{day_of(request)}:{request.query_params.get('api_key')}"


def wrong_parameter(asked: dict[str, str]) -> str | None:
    """What SerpApi would complain about."""
    if not asked.get("q"):
        return "Missing query `q` parameter."
    if asked.get("engine", "google") != "google":
        return f"Unsupported `{asked['engine']}` search engine."
    if asked.get("gl", "us") not in COUNTRIES:
        return f"Unsupported `{asked['gl']}` gl parameter."
    if asked.get("device", "desktop") not in DEVICES:
        return f"Unsupported `{asked['device']}` device parameter."
    if ("location" in asked and "uule" in asked) or asked.get("async") == asked.get("no_cache") == "true":
        return "These parameters can't be used together."
    return None if asked.get("start", "0").isdecimal() else "`start` must be a number."


async def search(request: Request) -> Response:
    """`/search` and `/search.json`: one page of a list."""
    if refusal := stop(request):
        return refusal
    asked = {name: value for name, value in request.query_params.items() if name != "api_key"}
    if words := wrong_parameter(asked):
        return refuse(400, words)
    mark = urlencode(sorted(asked.items()))
    is_new = stage_of(request).allowance(f"{_who(request)}:{mark}", 1) >= 0
    if is_new and stage_of(request).allowance(f"{_who(request)}:month", SEARCHES_A_MONTH) < 0:
        return refuse(429, OUT_OF_SEARCHES)
    return JSONResponse(answer(request, asked))


def answer(request: Request, asked: dict[str, str]) -> dict[str, Any]:
    """The body of a search that succeeded."""
    start = int(asked.get("start", 0))
    pages = stage_of(request).world.results(asked["q"], day_of(request))
    shown = [result(n, page.url) for n, page in enumerate(pages[start : start + PAGE_SIZE], 1)]
    body = metadata(request, asked) | {"search_parameters": {"engine": "google", **asked}}
    if not shown:
        information = {"organic_results_state": "Fully empty", "query_displayed": asked["q"]}
        return body | {"search_information": information, "error": NOTHING_FOUND}
    body["search_information"] = {"organic_results_state": "Results for exact spelling", "total_results": 2_310_000}
    body |= {"organic_results": shown} | features()
    has_more = start + PAGE_SIZE < len(pages)
    return body | {"serpapi_pagination": pagination(request, asked, start, has_more=has_more)}


def result(place: int, url: str) -> dict[str, Any]:
    """One organic result; `place` is the place on the page."""
    return {
        "position": place,
        "title": "An invented title",
        "link": f"{url}?srsltid=Afm{place}" if place % 7 == 0 else url,
        "displayed_link": url,
        "snippet": "Somebody Invented writes about it.",
        "snippet_highlighted_words": ["it"],
        "sitelinks": {"inline": [{"title": "More", "link": f"{url}#more"}]},
        "source": "Invented",
    }


def features() -> dict[str, Any]:
    """What stands on the page beside the organic results, without a place."""
    story = {"title": "News", "link": "https://news.example/1", "source": "Somebody Invented", "date": "3 hours ago"}
    question = {"question": "Why?", "snippet": "Because.", "link": "https://answers.example/why"}
    return {
        "related_questions": [question],
        "top_stories": [story],
        "inline_videos": [{"position": 1, "title": "Film", "link": "https://www.youtube.com/watch?v=AAAAAAAAAAA"}],
        "ads": [{"position": 1, "block_position": "top", "link": "https://shop.example/"}],
    }


def metadata(request: Request, asked: dict[str, str]) -> dict[str, Any]:
    """Where the search is kept; its id holds what was asked."""
    number = base64.urlsafe_b64encode(urlencode(asked).encode()).decode()
    at = f"{moment_of(request):%Y-%m-%d %H:%M:%S} UTC"
    endpoint = f"https://serpapi.com/searches/{number}.json"
    more = {
        "created_at": at,
        "processed_at": at,
        "google_url": "https://www.google.com/search",
        "total_time_taken": 1.2,
    }
    return {"search_metadata": {"id": number, "status": "Success", "json_endpoint": endpoint, **more}}


def pagination(request: Request, asked: dict[str, str], start: int, *, has_more: bool) -> dict[str, Any]:
    """Where this page stands; the address of the next one has no key."""
    following = request.url.replace(query=urlencode(asked | {"start": str(start + PAGE_SIZE)}))
    return {"current": start // PAGE_SIZE + 1} | ({"next": str(following)} if has_more else {})


async def archived(request: Request) -> Response:
    """`/searches/<id>` and `/searches/<id>.json`: a search as it was answered; free."""
    number = request.path_params["number"].removesuffix(".json")
    if refusal := stop(request):
        return refusal
    if number.startswith("expired"):
        return refuse(410, "The search expired and has been deleted from the archive.")
    try:
        asked = dict(parse_qsl(base64.urlsafe_b64decode(number).decode()))
    except ValueError:
        asked = {}
    return JSONResponse(answer(request, asked)) if asked.get("q") else refuse(404, "The search does not exist.")


async def account(request: Request) -> Response:
    """`/account.json`: what is left."""
    if refusal := stop(request):
        return refusal
    left = stage_of(request).allowance(f"{_who(request)}:month", SEARCHES_A_MONTH, 0)
    known = {"account_email": "somebody@invented.example", "plan_name": "Developer Plan", "plan_searches_left": left}
    known |= {"total_searches_left": left, "this_month_usage": SEARCHES_A_MONTH - left}
    return JSONResponse(known | {"account_rate_limit_per_hour": SEARCHES_AN_HOUR})


async def locations(request: Request) -> Response:
    """`/locations.json`: places whose name holds `q`, without a key."""
    known = ["Austin, Texas, United States", "Berlin, Germany"]
    asked, limit = request.query_params.get("q", ""), request.query_params.get("limit", "10")
    if not limit.isdecimal():
        return PlainTextResponse("limit", 400)
    found = [{"canonical_name": name} for name in known if asked.lower() in name.lower()]
    return JSONResponse(found[: int(limit)])


TWIN = Twin(
    "serpapi",
    [
        Route("/search", search),
        Route("/search.json", search),
        Route("/searches/{number}", archived),
        Route("/account.json", account),
        Route("/locations.json", locations),
    ],
    post_id=None,
)
