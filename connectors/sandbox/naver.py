"""The twin of Naver's Search API: the world's result lists, with people's names and marked-up titles around them.

Client ids choose the behaviour: none and `wrong…` are refused (024), `closed…` has not switched on search (403),
`spent…` has used up its day (010), `hurried…` is too fast at its first question of a day (012). News carry the page's
address as `originallink` and a copy of Naver's as `link`; every third address of a list has a query with `&amp;` in it.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.sandbox.stage import Twin, day_of, stage_of
from connectors.sandbox.world import Page

PER_DAY, PER_SECOND = 25_000, 10
SECTIONS = ("webkr", "blog", "news", "cafearticle")


class Refused(Exception):
    """An answer in Naver's envelope of errors."""

    def __init__(self, status: int, code: str, words: str) -> None:
        super().__init__(words)
        self.answer = JSONResponse({"errorMessage": words, "errorCode": code}, status)


def _admit(request: Request) -> None:
    """Refuses keys that may not come in, and those that asked too much."""
    name, secret = (request.headers.get(f"x-naver-client-{part}", "") for part in ("id", "secret"))
    if not name or not secret or name.startswith("wrong"):
        raise Refused(401, "024", "Not Exist Client ID : Authentication failed.")
    if name.startswith("closed"):
        raise Refused(403, "024", "Scope Status Invalid : Authentication failed.")
    stage, day = stage_of(request), day_of(request)
    if name.startswith("spent") or stage.allowance(f"naver:{day}:{name}", PER_DAY) < 0:
        raise Refused(429, "010", "Query limit exceeded.")
    is_hurried = name.startswith("hurried") and stage.allowance(f"naver:hurry:{day}:{name}", 1) >= 0
    if is_hurried or stage.window(f"naver:s:{day}:{name}", PER_SECOND, 1)[0] < 0:
        raise Refused(429, "012", "Rate limit exceeded.")


def _numbers(request: Request) -> tuple[int, int]:
    """`start` and `display`."""
    start, display = (request.query_params.get(name, default) for name, default in (("start", "1"), ("display", "10")))
    if not display.isdecimal() or not 1 <= int(display) <= 100:
        raise Refused(400, "SE02", "Invalid display value.")
    if not start.isdecimal() or not 1 <= int(start) <= 1000:
        raise Refused(400, "SE03", "Invalid start value.")
    return int(start), int(display)


def address(page: Page, place: int) -> str:
    """How Naver writes a page: every third with a query, which is escaped."""
    return f"{page.url}?a=1&amp;copy=2" if place % 3 == 0 else page.url


def item(section: str, page: Page, place: int) -> dict[str, Any]:
    """One result in the shape of its section."""
    first, _, rest = page.title.partition(" ")
    known = {"title": f"<b>{first}</b> {rest} &amp; more", "description": "Somebody Invented writes about it."}
    more = {
        "webkr": {"link": address(page, place)},
        "blog": {
            "link": address(page, place), "bloggername": "Somebody Invented",
            "bloggerlink": "blog.naver.com/somebody_invented", "postdate": "20260901",
        },
        "news": {
            "originallink": address(page, place), "link": f"https://n.news.naver.com/article/{page.index}",
            "pubDate": "Mon, 28 Sep 2026 07:50:00 +0900",
        },
        "cafearticle": {
            "link": address(page, place), "cafename": "Somebody Invented's friends",
            "cafeurl": "https://cafe.naver.com/somebody_invented",
        },
    }  # fmt: skip
    return known | more[section]


async def search(request: Request) -> Response:
    """`/{section}.json`."""
    try:
        _admit(request)
        section, keyword = request.path_params["section"], request.query_params.get("query", "")
        if section not in SECTIONS:
            raise Refused(404, "SE05", "Invalid search api.")
        if not keyword:
            raise Refused(400, "SE01", "Incorrect query request.")
        if request.query_params.get("sort", "sim") not in ("sim", "date"):
            raise Refused(400, "SE04", "Invalid sort value.")
        start, display = _numbers(request)
    except Refused as refused:
        return refused.answer
    pages = stage_of(request).world.results(keyword, day_of(request))
    shown = [item(section, page, place) for place, page in enumerate(pages, 1)][start - 1 : start - 1 + display]
    known = {"lastBuildDate": "Wed, 14 Oct 2026 21:00:00 +0900", "total": len(pages), "start": start}
    return JSONResponse(known | {"display": len(shown), "items": shown})


TWIN = Twin("naver", [Route("/{section}.json", search)])
