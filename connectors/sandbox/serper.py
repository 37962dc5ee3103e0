"""Twin of Serper: ten organic results a page, numbered anew on each, and no word of which page is the last.

Keys choose the behaviour: `wrong…` is no key, `spent…` has no credits, `hurried…` is too fast at its first question of
a day. `num` above 10 takes two credits and is otherwise ignored. Unknown keywords and pages beyond the end have an
empty list.
"""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.sandbox.stage import Twin, day_of, stage_of

PAGE_SIZE = 10
CREDITS = 50_000
QUESTIONS_A_SECOND = 50


def refuse(status: int, words: str) -> Response:
    """Serper's error envelope."""
    return JSONResponse({"message": words, "statusCode": status}, status)


def stop(request: Request, key: str) -> Response | None:
    """The refusal that a key meets, if any."""
    who = f"serper:{day_of(request)}:{key}"
    if not key or key.startswith("wrong"):
        return refuse(403, "Unauthorized.")
    if key.startswith("spent") or stage_of(request).allowance(who, CREDITS) < 0:
        return refuse(400, "Not enough credits")
    is_hurried = key.startswith("hurried") and stage_of(request).allowance(f"{who}:hurry", 1) >= 0
    left, _ = stage_of(request).window(who, QUESTIONS_A_SECOND, 1.0)
    return refuse(429, "Too many requests") if is_hurried or left < 0 else None


async def search(request: Request) -> Response:
    """`/search`, by POST with JSON, or by GET with `apiKey` in the address."""
    body = await request.body()
    try:
        asked = json.loads(body) if body else dict(request.query_params)
    except ValueError:
        return refuse(400, "Invalid JSON")
    key = request.headers.get("x-api-key") or request.query_params.get("apiKey", "")
    if refusal := stop(request, key):
        return refusal
    page = asked.get("page", 1) if isinstance(asked, dict) else 0
    if not isinstance(asked, dict) or not asked.get("q") or not str(page).isdecimal() or int(page) < 1:
        return refuse(400, "Missing query parameter" if page else "Invalid page")
    return JSONResponse(answer(request, asked, int(page)))


def answer(request: Request, asked: dict[str, Any], page: int) -> dict[str, Any]:
    """One page of a list."""
    pages = stage_of(request).world.results(str(asked["q"]), day_of(request))
    shown = pages[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    known = {name: asked[name] for name in ("q", "gl", "hl", "location") if name in asked}
    return {
        "searchParameters": known | {"type": "search", "page": page, "num": PAGE_SIZE, "engine": "google"},
        "organic": [result(n, p.url) for n, p in enumerate(shown, 1)],
        "peopleAlsoAsk": [
            {"question": "Why?", "snippet": "Because.", "title": "Why", "link": "https://answers.example/"}
        ],
        "topStories": [{"title": "News", "link": "https://news.example/1", "source": "Somebody Invented"}],
        "relatedSearches": [{"query": "something else"}],
        "credits": 2 if int(asked.get("num", PAGE_SIZE)) > PAGE_SIZE else 1,
    }


def result(place: int, url: str) -> dict[str, Any]:
    """One organic result; `place` is the place on the page."""
    more = {"sitelinks": [{"title": "More", "link": f"{url}#more"}]} if place == 1 else {}
    words = {"title": "An invented title", "snippet": "Somebody Invented writes about it.", "date": "Oct 1, 2026"}
    return {**words, "link": url, "position": place, **more}


TWIN = Twin("serper", [Route("/search", search, methods=["GET", "POST"])], post_id=None)
