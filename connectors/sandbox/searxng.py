"""Twin of a SearXNG instance that asks two engines: google and bing, the latter with the list upside down.

Merged lists are sorted by score, and a result of both engines has two positions in no particular order. Words of a
question choose the behaviour: `captcha`, `slow`, `refused` and `wordless` block the engines in that way, `halfway`
blocks them from the second page on. `/off/…` is an instance whose JSON is switched off, `/limited/…` one whose limiter
stops everything.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from connectors.sandbox.stage import Twin, day_of, stage_of
from connectors.sandbox.world import Page

PAGE_SIZE = 10
ENGINES = ("google", "bing")
REASONS = {"captcha": "CAPTCHA", "slow": "timeout", "refused": "Suspended: too many requests"}


async def search(request: Request) -> Response:
    """`/search`: a page of a list as JSON."""
    asked = dict(request.query_params)
    mood = request.path_params.get("mood", "")
    if mood == "limited":
        return PlainTextResponse("Too Many Requests", 429)
    if not asked.get("q"):
        return PlainTextResponse("No query", 400)
    if asked.get("format") != "json" or mood == "off":
        return PlainTextResponse("Forbidden", 403)
    page = asked.get("pageno", "1")
    if not page.isdecimal() or int(page) < 1:
        return PlainTextResponse("Invalid value", 400)
    return JSONResponse(answer(request, asked, int(page)))


def answer(request: Request, asked: dict[str, str], number: int) -> dict[str, Any]:
    """The body: what the engines that answer have found, the best score first."""
    names = [name for name in asked.get("engines", ",".join(ENGINES)).lower().split(",") if name in ENGINES]
    blocked = unresponsive(asked["q"], names, number)
    lists = {n: listed(request, asked["q"], n)[(number - 1) * PAGE_SIZE : number * PAGE_SIZE] for n in names}
    found = merged({n: pages for n, pages in lists.items() if n not in dict(blocked) and "wordless" not in asked["q"]})
    return {
        "query": asked["q"],
        "results": sorted(found, key=lambda r: -r["score"]),
        "answers": [],
        "corrections": [],
        "infoboxes": [],
        "suggestions": ["something else"],
        "unresponsive_engines": [list(pair) for pair in blocked],
    }


def unresponsive(words: str, names: list[str], number: int) -> list[tuple[str, str]]:
    """The engines that do not answer a question, and why."""
    reason = next((reason for word, reason in REASONS.items() if word in words), None)
    if "halfway" in words and number > 1:
        reason = "CAPTCHA"
    if "one-sided" in words:
        return [("bing", "timeout")] if "bing" in names else []
    return [(name, reason) for name in names] if reason else []


def listed(request: Request, words: str, engine: str) -> list[Page]:
    """The list of one engine; words that choose a behaviour are no part of the question."""
    known = " ".join(w for w in words.split() if w not in (*REASONS, "halfway", "one-sided", "wordless"))
    pages = stage_of(request).world.results(known, day_of(request))
    return pages if engine == "google" else pages[::-1]


def merged(lists: dict[str, list[Page]]) -> list[dict[str, Any]]:
    """Results of all engines, each address once."""
    found: dict[str, dict[str, Any]] = {}
    for engine, pages in sorted(lists.items()):
        for place, page in enumerate(pages, 1):
            one = found.setdefault(page.url, result(page.url, engine))
            one["engines"], one["positions"] = [engine, *one["engines"]], [*one["positions"], place]
            one["score"] = len(one["positions"]) * sum(1 / position for position in one["positions"])
    return list(found.values())


def result(url: str, engine: str) -> dict[str, Any]:
    """One result before its places are known."""
    return {
        "url": url,
        "title": "An invented title",
        "content": "Somebody Invented writes about it.",
        "engine": engine,
        "parsed_url": ["https", "invented.example", "/", "", "", ""],
        "template": "default.html",
        "engines": [],
        "positions": [],
        "score": 0.0,
        "category": "general",
        "publishedDate": None,
        "author": "Somebody Invented",
    }


TWIN = Twin("searxng", [Route("/search", search), Route("/{mood}/search", search)], post_id=None)
