"""Twin of Diigo: the bookmarks of one account, one per address, the newest first, by name, password and key.

Times are of Shanghai, as Diigo wrote them once; titles, notes, tags and names are served; shy ones lack `created_at`.
A key that begins with `refused` meets 403, one that begins with `spent` the 400 of those who ask too much, as does more
than 100 bookmarks at once; a password that begins with `wrong` meets 401.
"""

from __future__ import annotations

import base64
from datetime import timedelta, timezone
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.sandbox.stage import Twin, moment_of, stage_of
from connectors.sandbox.world import WorldPost

USER = "somebody"
MOST = 100
SHANGHAI = timezone(timedelta(hours=8))


def refuse(status: int, words: str) -> Response:
    """A refusal; its body is guessed."""
    return JSONResponse({"message": words}, status)


def stop(request: Request) -> Response | None:
    """The refusal that name, password or key meet, if any."""
    name, _, password = _basic(request).partition(":")
    key = request.query_params.get("key", "")
    if name != USER or not password or password.startswith("wrong"):
        return refuse(401, f"Not Authorized: {password}")
    if not key or key.startswith("refused"):
        return refuse(403, f"Forbidden: {key}")
    return refuse(400, "Bad Request") if key.startswith("spent") else None


def _basic(request: Request) -> str:
    try:
        return base64.b64decode(request.headers.get("authorization", "").removeprefix("Basic ")).decode()
    except ValueError:
        return ""


def shelf(request: Request) -> list[WorldPost]:
    """The bookmarks there are, one per address, the newest first."""
    moment = moment_of(request)
    found: dict[str, WorldPost] = {}
    for post in stage_of(request).world.posts("diigo"):
        if post.exists_at(moment):
            found.setdefault(post.url, post)
    return sorted(found.values(), key=lambda p: p.published_at, reverse=True)


def bookmark(post: WorldPost) -> dict[str, Any]:
    """One bookmark as the service tells it."""
    at = f"{post.published_at.astimezone(SHANGHAI):%Y/%m/%d %H:%M:%S} +0800"
    body = {
        "title": f"Ada Invented's {post.page.title}",
        "url": post.url,
        "user": USER,
        "desc": "Words of Ada Invented",
        "tags": "ada,invented",
        "shared": "yes",
        "created_at": at,
        "updated_at": at,
        "comments": [],
        "annotations": [{"content": "Ada's words", "comments": []}],
    }
    return {name: value for name, value in body.items() if name != "created_at" or not post.is_shy}


async def bookmarks(request: Request) -> Response:
    """`/api/v2/bookmarks`: so many bookmarks from a place in the list on."""
    if refusal := stop(request):
        return refusal
    start, count = (request.query_params.get(name, default) for name, default in (("start", "0"), ("count", "10")))
    if not start.isdecimal() or not count.isdecimal() or not 1 <= int(count) <= MOST:
        return refuse(400, "Bad Request")
    if request.query_params.get("user") != USER:
        return JSONResponse([])
    return JSONResponse([bookmark(post) for post in shelf(request)[int(start) : int(start) + int(count)]])


TWIN = Twin("diigo", [Route("/api/v2/bookmarks", bookmarks)], keys={"user": USER}, post_id=None)
