"""The twin of Yandex Search API v2: the world's result lists as XML inside JSON, at once or deferred.

Keys choose the behaviour: `expired…` and none are refused (gRPC 16), `norole…` may not search (7), `spent…` meets the
allowance of the day (XML error 32), `hurried…` is too fast at its first question of a day (55). A bearer token needs a
folder. An operation is ready at the second time it is asked for. With correction of typing errors on, a keyword that
holds `kettel` is answered as if it were `kettle`.
"""

from __future__ import annotations

import base64
import json
from typing import Any
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.sandbox.stage import Twin, day_of, stage_of

FOLDER = "b1gsandboxfolder"
PER_SECOND, PER_HOUR, DEFERRED_PER_HOUR = 10, 10_000, 35_000
MOST_DEEP = 250


class Refused(Exception):
    """An answer in the service's envelope of errors."""

    def __init__(self, status: int, code: int, words: str) -> None:
        super().__init__(words)
        self.answer = JSONResponse({"code": code, "message": words, "details": []}, status)


def _admit(request: Request, per_hour: int) -> str:
    """The key, if it may come in and has not asked too often."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme not in ("Api-Key", "Bearer") or not key or key.startswith("expired"):
        raise Refused(401, 16, f"Unknown api key '{key}'")
    if key.startswith("norole"):
        raise Refused(403, 7, "Permission denied")
    stage, where = stage_of(request), f"yandex:{day_of(request)}:{key}:{per_hour}"
    if min(stage.window(f"{where}:s", PER_SECOND, 1)[0], stage.window(f"{where}:h", per_hour, 3600)[0]) < 0:
        raise Refused(429, 8, "Resource exhausted")
    return key


def _check(request: Request, body: Any) -> dict[str, Any]:
    """The question in a body, as text and numbers; raises Refused for what the service refuses."""
    query, group = body.get("query") or {}, body.get("groupSpec") or {}
    page, size = str(query.get("page", "0")), str(group.get("groupsOnPage", "20"))
    is_bearer = request.headers.get("authorization", "").startswith("Bearer")
    words = query.get("queryText")
    if not str(query.get("searchType", "")).startswith("SEARCH_TYPE_") or not isinstance(words, str):
        raise Refused(400, 3, "query: searchType and queryText are required")
    if len(words) > 400 or not page.isdecimal() or not size.isdecimal() or not 1 <= int(size) <= 100:
        raise Refused(400, 3, "queryText, page or groupsOnPage is out of range")
    if body.get("responseFormat", "FORMAT_XML") != "FORMAT_XML" or (is_bearer and body.get("folderId") != FOLDER):
        raise Refused(400, 3, "folderId or responseFormat is invalid")
    is_fixed = query.get("fixTypoMode", "FIX_TYPO_MODE_ON") == "FIX_TYPO_MODE_ON" and "kettel" in words
    keyword = words.replace("kettel", "kettle") if is_fixed else words
    return {"keyword": keyword, "page": int(page), "size": int(size), "is_fixed": is_fixed}


def document(request: Request, key: str, asked: dict[str, Any]) -> str:
    """The XML of an answer, as base64."""
    if key.startswith("spent"):
        inner = _error(32, "The limit of queries per day is exceeded")
    elif key.startswith("hurried") and stage_of(request).allowance(f"yandex:hurry:{day_of(request)}:{key}", 1) >= 0:
        inner = _error(55, "Too many queries per second")
    else:
        inner = _results(request, asked)
    text = f'<?xml version="1.0" encoding="utf-8"?><yandexsearch version="1.0">{inner}</yandexsearch>'
    return base64.b64encode(text.encode()).decode()


def _error(code: int, words: str) -> str:
    return f'<response date="20261014T120000"><error code="{code}">{words}</error></response>'


def _results(request: Request, asked: dict[str, Any]) -> str:
    pages = stage_of(request).world.results(asked["keyword"], day_of(request))[:MOST_DEEP]
    start = asked["page"] * asked["size"]
    shown = pages[start : start + asked["size"]]
    if not shown:
        return _error(15, "Nothing was found")
    groups = "".join(_group(page.url, page.site, page.title) for page in shown)
    reask = "<reask><rule>Misspell</rule></reask>" if asked["is_fixed"] else ""
    return (
        f'<response date="20261014T120000"><found priority="all">{len(pages)}</found>{reask}<results>'
        f'<grouping attr="" mode="flat" groups-on-page="{asked["size"]}" docs-in-group="1">'
        f'<page first="{start + 1}" last="{start + len(shown)}">{asked["page"]}</page>{groups}'
        "</grouping></results></response>"
    )


def _group(url: str, site: str, title: str) -> str:
    first, _, rest = title.partition(" ")
    words = f"<title><hlword>{escape(first)}</hlword> {escape(rest)} by Somebody Invented</title>"
    return (
        f'<group><doccount>1</doccount><doc id="Z{len(url)}"><url>{escape(url)}</url>'
        f"<domain>{site}</domain>{words}<modtime>20260901T000000</modtime></doc></group>"
    )


async def search(request: Request) -> Response:
    """`/v2/web/search`."""
    try:
        key = _admit(request, PER_HOUR)
        asked = _check(request, await request.json())
    except Refused as refused:
        return refused.answer
    return JSONResponse({"rawData": document(request, key, asked)})


async def search_async(request: Request) -> Response:
    """`/v2/web/searchAsync`: an operation, whose id holds the question."""
    try:
        _admit(request, DEFERRED_PER_HOUR)
        asked = _check(request, await request.json())
    except Refused as refused:
        return refused.answer
    name = base64.urlsafe_b64encode(json.dumps(asked).encode()).decode().rstrip("=")
    return JSONResponse({"id": name, "description": "WEB search async", "createdBy": "somebody", "done": False})


async def operation(request: Request) -> Response:
    """`/operations/{id}`: not ready at first, then the answer."""
    name = request.path_params["id"]
    try:
        key = _admit(request, DEFERRED_PER_HOUR)
        asked = json.loads(base64.urlsafe_b64decode(name + "=" * (-len(name) % 4)))
    except Refused as refused:
        return refused.answer
    except ValueError:
        return Refused(404, 5, "Operation not found").answer
    known = {"id": name, "description": "WEB search async", "createdBy": "somebody"}
    if stage_of(request).allowance(f"yandex:operation:{day_of(request)}:{key}:{name}", 1) >= 0:
        return JSONResponse(known | {"done": False})
    kind = "type.googleapis.com/yandex.cloud.searchapi.v2.WebSearchResponse"
    return JSONResponse(known | {"done": True, "response": {"@type": kind, "rawData": document(request, key, asked)}})


TWIN = Twin(
    "yandex",
    [
        Route("/v2/web/search", search, methods=["POST"]),
        Route("/v2/web/searchAsync", search_async, methods=["POST"]),
        Route("/operations/{id}", operation),
    ],
    keys={"folder_id": FOLDER},
)
