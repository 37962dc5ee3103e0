"""Twin of Pinboard: the bookmarks of one account, one per address: the first post of the world with it that is there.

Titles, notes, tags and the name of the account are served; shy ones are private. Tokens are `<user>:<words>`; words
that begin with `expired`, and tokens without a colon, are refused. One request in three seconds, all bookmarks once in
five minutes, then 429 without a word on when to come back.
"""

from __future__ import annotations

from hashlib import md5
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from connectors.sandbox.stage import Twin, moment_of, stage_of
from connectors.sandbox.world import WorldPost

WINDOWS = {"all": 300.0, "recent": 60.0}
USUAL_WINDOW = 3.0


def bookmark_id(url: str) -> str:
    """The hash of an address."""
    return md5(url.encode(), usedforsecurity=False).hexdigest()


def shelf(request: Request) -> dict[str, WorldPost]:
    """The bookmarks there are, by address."""
    moment = moment_of(request)
    found: dict[str, WorldPost] = {}
    for post in stage_of(request).world.posts("pinboard"):
        if post.exists_at(moment):
            found.setdefault(post.url, post)
    return found


def bookmark(post: WorldPost) -> dict[str, str]:
    """One bookmark as the service tells it: everything is text."""
    return {
        "href": post.url,
        "description": f"Ada Invented's {post.page.title}",
        "extended": "Words of Ada Invented",
        "meta": bookmark_id(post.object_id),
        "hash": bookmark_id(post.url),
        "time": f"{post.published_at:%Y-%m-%dT%H:%M:%SZ}",
        "shared": "no" if post.is_shy else "yes",
        "toread": "no",
        "tags": "ada invented",
    }


def stop(request: Request, method: str) -> Response | None:
    """The refusal that a token or too much haste meets, if any."""
    user, colon, words = request.query_params.get("auth_token", "").partition(":")
    if not user or not colon or words.startswith("expired"):
        return PlainTextResponse("401 Forbidden", 401)
    left, _ = stage_of(request).window(f"pinboard {user} {method}", 1, WINDOWS.get(method, USUAL_WINDOW))
    return PlainTextResponse("429 Too Many Requests", 429) if left < 0 else None


async def posts(request: Request) -> Response:
    """`/v1/posts/<method>`: all, get, recent or update; XML, which is the default, is not played."""
    method = request.path_params["method"]
    if refusal := stop(request, method):
        return refusal
    if request.query_params.get("format") != "json":
        return Response('<?xml version="1.0" encoding="UTF-8"?><posts user="ada"></posts>', media_type="text/xml")
    found = shelf(request)
    newest = sorted(found.values(), key=lambda p: p.published_at, reverse=True)
    answers: dict[str, Any] = {
        "all": [bookmark(post) for post in newest],
        "get": _some([found[url] for url in [request.query_params.get("url", "")] if url in found], request),
        "recent": _some(newest[:15], request),
        "update": {"update_time": f"{moment_of(request):%Y-%m-%dT%H:%M:%SZ}"},
    }
    return JSONResponse(answers[method]) if method in answers else PlainTextResponse("404 Not Found", 404)


def _some(found: list[WorldPost], request: Request) -> dict[str, Any]:
    at = f"{moment_of(request):%Y-%m-%dT%H:%M:%SZ}"
    return {"date": at, "user": "ada", "posts": [bookmark(post) for post in found]}


TWIN = Twin(
    "pinboard",
    [Route("/v1/posts/{method}", posts)],
    keys={"token": "ada:0F0F0F0F0F0F0F0F0F0F"},
    post_id=None,
)
