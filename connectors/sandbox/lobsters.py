"""Twin of Lobsters: stories by address (compared loosely) and by id, lists of a domain, and limits told in plain text.

Shy stories have no comment count. Comments, names and titles are invented.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from connectors.sandbox.stage import Twin, moment_of, stage_of
from connectors.sandbox.world import World, WorldPost

WINDOWS = ((4, 1), (30, 60), (100, 600), (400, 3600))
PAGE = 25
THROTTLED = "Throttled, sleep(1) between hits; more in config/initializers/rack_attack.rb"
CHICAGO = timezone(-timedelta(hours=5))


def short_id(post: WorldPost) -> str:
    """The six letters and digits of a story."""
    return str(np.base_repr(int(post.object_id) % 36**6, 36)).lower().zfill(6)


def comments(post: WorldPost, moment: datetime) -> int:
    """Comments below a story: one for two points."""
    return post.votes_at(moment) // 2


def flags(post: WorldPost, moment: datetime) -> int:
    """Flags of a story: one for nineteen upvotes."""
    return post.votes_at(moment) // 19


@lru_cache(maxsize=8)
def _by_id(world: World) -> dict[str, WorldPost]:
    return {short_id(post): post for post in world.posts("lobsters")}


def normalised(url: str) -> str:
    """What the site compares: no scheme, `www.`, fragment, slash or `.html` at the end, no index page; sorted query."""
    parts = urlsplit(url)
    path = parts.path
    for end in ("/", "/index.html", "/index.htm", "/index.php", ".html", ".htm"):
        path = path.removesuffix(end)
    query = "&".join(sorted(parts.query.split("&"))) if parts.query else ""
    return f"{parts.netloc.lower().removeprefix('www.')}{path.rstrip('/')}{'?' + query if query else ''}"


def _limited(answer: Callable[[Request], Response]) -> Callable[[Request], Any]:
    """The answer behind the four windows of requests."""

    async def respond(request: Request) -> Response:
        for most, seconds in WINDOWS:
            remaining, reset = stage_of(request).window(f"lobsters {seconds}", most, seconds)
            if remaining < 0:
                headers = {"RateLimit-Limit": str(most), "RateLimit-Remaining": "0"}
                headers["RateLimit-Reset"] = str(int(time.time() + reset))
                return PlainTextResponse(THROTTLED, 429, headers)
        return answer(request)

    return respond


def by_address(request: Request) -> Response:
    """`/stories/url/all.json`: every story with the same address, the newest first."""
    url = request.query_params.get("url")
    if not url:
        return JSONResponse({"error": "url is missing"}, 400)
    moment = moment_of(request)
    alive = [p for p in stage_of(request).world.posts("lobsters") if p.exists_at(moment)]
    return JSONResponse([body(p, moment) for p in reversed(alive) if normalised(p.url) == normalised(url)])


def by_id(request: Request) -> Response:
    """`/s/<short_id>.json`: one story with its comments."""
    moment, post = moment_of(request), _by_id(stage_of(request).world).get(request.path_params["id"])
    if post is None or not post.exists_at(moment):
        return JSONResponse({"error": "404 Not Found"}, 404)
    words = {"comment_plain": "Invented words", "commenting_user": "somebody_invented", "score": 3}
    return JSONResponse(body(post, moment) | {"comments": [words] * min(comments(post, moment), 3)})


def of_domain(request: Request) -> Response:
    """`/domains/<domain>.json`: 25 stories of a site, the newest first; 404 for a site nobody posted."""
    moment, site = moment_of(request), request.path_params["domain"].removeprefix("www.")
    known = [p for p in reversed(stage_of(request).world.posts("lobsters")) if p.page.site == site]
    if not known:
        return JSONResponse({"error": "404 Not Found"}, 404)
    start = (int(request.path_params.get("page", 1)) - 1) * PAGE
    alive = [p for p in known if p.exists_at(moment)]
    return JSONResponse([body(p, moment) for p in alive[start : start + PAGE]])


def to_domain(request: Request) -> Response:
    """`/domain/…`: moved."""
    return RedirectResponse(request.url.replace(path=request.url.path.replace("/domain/", "/domains/")), 301)


def newest(request: Request) -> Response:
    """`/newest.json`: the newest 25 stories."""
    moment = moment_of(request)
    alive = [p for p in reversed(stage_of(request).world.posts("lobsters")) if p.exists_at(moment)]
    return JSONResponse([body(p, moment) for p in alive[:PAGE]])


def body(post: WorldPost, moment: datetime) -> dict[str, Any]:
    """A story as the site shows it, with invented people and words."""
    name, base = short_id(post), "https://lobste.rs/s"
    made = post.published_at.astimezone(CHICAGO)
    return {
        "short_id": name,
        "created_at": made.isoformat(timespec="milliseconds"),
        "title": f"An invented title about {post.page.title}",
        "url": post.url,
        "score": post.votes_at(moment) - flags(post, moment),
        "flags": flags(post, moment),
        "comment_count": None if post.is_shy else comments(post, moment),
        "description": "",
        "description_plain": "",
        "submitter_user": f"visitor{name}",
        "user_is_author": False,
        "tags": ["practices"],
        "short_id_url": f"{base}/{name}",
        "comments_url": f"{base}/{name}/an_invented_title",
    }


TWIN = Twin(
    "lobsters",
    [
        Route("/stories/url/all.json", _limited(by_address)),
        Route("/s/{id}.json", _limited(by_id)),
        Route("/domains/{domain}/page/{page:int}.json", _limited(of_domain)),
        Route("/domains/{domain}.json", _limited(of_domain)),
        Route("/domain/{domain}.json", _limited(to_domain)),
        Route("/newest.json", _limited(newest)),
    ],
    post_id=short_id,
)
