"""Twin of Raindrop.io: the bookmarks of one account, which are the posts of the world, the oldest first.

Deleted ones are in the trash: gone from the list, and by id still there with the collection -99; ids nobody ever had
answer 404. Shy ones have no `created`. Titles, notes and the owner are served. Tokens choose the behaviour: `expired…`
is refused, `closed…` gets an error with HTTP 200, `spent…` has used up its minute.
"""

from __future__ import annotations

import time
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from connectors.sandbox.stage import Twin, bearer_of, moment_of, stage_of
from connectors.sandbox.world import WorldPost

REQUESTS_PER_MINUTE = 120
MOST_PER_PAGE = 50
TRASH = -99


def refuse(status: int, words: str) -> Response:
    """The error envelope."""
    return JSONResponse({"result": False, "error": -1, "errorMessage": words}, status)


def stop(request: Request) -> Response | None:
    """The refusal that a token meets, if any."""
    token = bearer_of(request)
    if not token or token.startswith("expired"):
        return PlainTextResponse("Unauthorized", 401)
    if token.startswith("closed"):
        return refuse(200, f"The account of {token} is closed")
    left, reset = stage_of(request).window(f"raindrop {token}", REQUESTS_PER_MINUTE, 60)
    if left < 0 or token.startswith("spent"):
        at = int(time.time() + reset) + 1
        headers = {"X-RateLimit-Limit": "120", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(at)}
        return PlainTextResponse("Too Many Requests", 429, headers=headers)
    return None


def bookmark(post: WorldPost, collection: int) -> dict[str, Any]:
    """One bookmark as the service tells it."""
    body = {
        "_id": int(post.object_id),
        "link": post.url,
        "title": f"Ada Invented's {post.page.title}",
        "excerpt": "Words of Ada Invented",
        "note": "Ada's note",
        "user": {"$id": 32},
        "creatorRef": {"_id": 32, "fullName": "Ada Invented"},
        "created": f"{post.published_at:%Y-%m-%dT%H:%M:%S}.123Z",
        "lastUpdate": f"{post.published_at:%Y-%m-%dT%H:%M:%S}.123Z",
        "tags": ["ada"],
        "important": False,
        "type": "link",
        "domain": post.page.site,
        "collection": {"$id": collection},
        "removed": collection == TRASH,
    }
    return {name: value for name, value in body.items() if name != "created" or not post.is_shy}


async def listing(request: Request) -> Response:
    """`/rest/v1/raindrops/0`: all but the trash."""
    if refusal := stop(request):
        return refusal
    page, size = (request.query_params.get(name, default) for name, default in (("page", "0"), ("perpage", "25")))
    if not page.isdecimal() or not size.isdecimal():
        return refuse(400, "page and perpage must be numbers")
    size_served = min(int(size), MOST_PER_PAGE)
    start, moment = int(page) * size_served, moment_of(request)
    alive = [p for p in stage_of(request).world.posts("raindrop") if p.exists_at(moment)]
    items = [bookmark(p, -1) for p in alive[start : start + size_served]]
    return JSONResponse({"result": True, "items": items, "count": len(alive), "collectionId": 0})


async def single(request: Request) -> Response:
    """`/rest/v1/raindrop/{id}`: one bookmark, from the trash too."""
    if refusal := stop(request):
        return refusal
    post = stage_of(request).world.post("raindrop", request.path_params["id"])
    if post is None or post.published_at > moment_of(request):
        return refuse(404, "Not found")
    collection = -1 if post.exists_at(moment_of(request)) else TRASH
    return JSONResponse({"result": True, "item": bookmark(post, collection)})


TWIN = Twin("raindrop", [Route("/rest/v1/raindrops/0", listing), Route("/rest/v1/raindrop/{id}", single)])
