"""The sandbox twin of Reddit: tokens, and submissions by address or by id.

Switches, by credentials: client id `deny-200` gets HTTP 200 with an error instead of a token, `short-lived` gets
tokens that work three times, `useless` tokens that never do, `blocked` the page of a blocked client, `no-scope` a 403;
client secret `wrong` is refused, and so is the bearer token `expired`. Any other credentials are welcome.

A shy submission hides its score during its first day. On the pages with several submissions, some later ones are
crossposts of the first one with the same address.
"""

from __future__ import annotations

import base64
import html
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import urldefrag, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from connectors.sandbox.stage import Twin, moment_of, stage_of
from connectors.sandbox.world import World, WorldPost

QUOTA, WINDOW_SECONDS = 1000, 600
DEFAULT_LIMIT, MOST = 25, 100
SCORE_HIDDEN = timedelta(days=1)
TOKEN_USES = {"short-lived": 3, "useless": 0}
BLOCKED = "<!doctype html><html><body>You've been blocked by network security.</body></html>"
TOO_MANY = "<!doctype html><html><head><title>Too Many Requests</title></head></html>"


def score_at(post: WorldPost, moment: datetime) -> int:
    """Upvotes minus downvotes; the world has no downvotes."""
    return post.votes_at(moment)


def comments_at(post: WorldPost, moment: datetime) -> int:
    """One comment for about eight votes."""
    return post.votes_at(moment) // 8


def crossposts_at(world: World, post: WorldPost, moment: datetime) -> int:
    """Crossposts that anybody may see, and one for 400 votes that nobody can list (private communities)."""
    listed = sum(child.exists_at(moment) for child in _families(world)[1].get(post.object_id, ()))
    return listed + post.votes_at(moment) // 400


def parent_of(world: World, post: WorldPost) -> str | None:
    """The id of the submission that this one is a crosspost of."""
    return _families(world)[0].get(post.object_id)


def address(url: str) -> str:
    """What Reddit compares: scheme, path, query and slash as written; host without `www.` and case; no fragment."""
    parts = urlsplit(url if "#!" in url else urldefrag(url).url)
    host = parts.netloc.lower().removeprefix("www.")
    tail = parts._replace(scheme="", netloc="").geturl()
    return f"{parts.scheme}://{host}{tail}" if parts.scheme else address(f"http://{url}")


@lru_cache(maxsize=8)
def _families(world: World) -> tuple[dict[str, str], dict[str, list[WorldPost]]]:
    """Parents by child, children by parent."""
    parents: dict[str, str] = {}
    children: dict[str, list[WorldPost]] = defaultdict(list)
    for posts in _by_address(world).values():
        first, *later = posts
        for post in later[: len(later) * (first.page.index % 2)]:
            parents[post.object_id] = first.object_id
            children[first.object_id].append(post)
    return parents, children


@lru_cache(maxsize=8)
def _by_address(world: World) -> Mapping[str, list[WorldPost]]:
    found: dict[str, list[WorldPost]] = defaultdict(list)
    for post in world.posts("reddit"):
        found[address(post.url)].append(post)
    return dict(found)


async def _access_token(request: Request) -> Response:
    client, password = _basic(request)
    form = (await request.body()).decode()
    if not client or password == "wrong":  # noqa: S105
        return JSONResponse({"message": "Unauthorized", "error": 401}, 401)
    if "grant_type=client_credentials" not in form or client == "deny-200":
        return JSONResponse({"error": "unsupported_grant_type", "error_description": "not for this app"})
    number = stage_of(request).allowance("reddit tokens", 10**9) if client in TOKEN_USES else 0
    token = f"twin.{client}.{number}"
    return JSONResponse({"access_token": token, "token_type": "bearer", "expires_in": 86400, "scope": "*"})


def _basic(request: Request) -> tuple[str, str]:
    kind, _, code = request.headers.get("authorization", "").partition(" ")
    try:
        client, _, secret = base64.b64decode(code, validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return (client, secret) if kind.lower() == "basic" else ("", "")


async def _info(request: Request) -> Response:
    token = _bearer(request)
    client = token.split(".")[1] if token.startswith("twin.") else token
    if refused := _refusal(request, token, client):
        return refused
    remaining, reset = stage_of(request).window(f"reddit {client}", QUOTA, WINDOW_SECONDS)
    answer = HTMLResponse(TOO_MANY, 429) if remaining < 0 else _answer(request)
    remaining = max(remaining, 0)
    answer.headers["x-ratelimit-used"] = str(QUOTA - remaining)
    answer.headers["x-ratelimit-remaining"] = f"{remaining}.0"
    answer.headers["x-ratelimit-reset"] = str(math.ceil(reset))
    return answer


def _bearer(request: Request) -> str:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token if kind.lower() == "bearer" else ""


def _refusal(request: Request, token: str, client: str) -> Response | None:
    uses = TOKEN_USES.get(client)
    is_used_up = uses is not None and stage_of(request).allowance(f"reddit {token}", uses) < 0
    if token in ("", "expired") or is_used_up:
        why = {"www-authenticate": 'Bearer realm="reddit", error="invalid_token"'}
        return JSONResponse({"message": "Unauthorized", "error": 401}, 401, why)
    if client == "blocked":
        return HTMLResponse(BLOCKED, 403)
    if client == "no-scope":
        why = {"www-authenticate": 'Bearer realm="reddit", error="insufficient_scope"'}
        return JSONResponse({"message": "Forbidden", "error": 403}, 403, why)
    return None


def _answer(request: Request) -> Response:
    world, moment, query = stage_of(request).world, moment_of(request), request.query_params
    if "id" in query:
        posts = _existing((world.post("reddit", name) for name in query["id"].split(",")[:MOST]), moment)
    elif "url" in query:
        posts = _existing(reversed(_by_address(world).get(address(query["url"]), [])), moment)[: _limit(query)]
    else:
        return JSONResponse({"message": "Bad Request", "error": 400}, 400)
    is_raw = query.get("raw_json") == "1"
    return JSONResponse(_listing([_body(world, post, moment, is_raw) for post in posts]))


def _existing(posts: Iterable[WorldPost | None], moment: datetime) -> list[WorldPost]:
    return [post for post in posts if post and post.exists_at(moment)]


def _limit(query: Mapping[str, str]) -> int:
    asked = query.get("limit", "")
    return min(max(int(asked), 1), MOST) if asked.isdigit() else DEFAULT_LIMIT


def _listing(bodies: list[dict[str, Any]]) -> dict[str, Any]:
    children = [{"kind": "t3", "data": body} for body in bodies]
    data = {"after": None, "dist": len(children), "modhash": None, "geo_filter": "", "before": None}
    return {"kind": "Listing", "data": data | {"children": children}}


def _body(world: World, post: WorldPost, moment: datetime, is_raw: bool) -> dict[str, Any]:
    """A submission, with invented people, titles and texts."""
    number, community = post.object_id.removeprefix("t3_"), f"r{post.page.index % 9}"
    is_hidden = post.is_shy and moment - post.published_at < SCORE_HIDDEN
    score = 1 if is_hidden else score_at(post, moment)
    url = post.url if is_raw else html.escape(post.url, quote=False)
    parent = parent_of(world, post)
    return {
        "id": number, "name": post.object_id, "subreddit": community, "subreddit_id": f"t5_{community}",
        "subreddit_subscribers": 1000 + post.page.index, "title": f"Look at this {post.page.title}", "selftext": "",
        "url": url, "url_overridden_by_dest": url, "domain": post.page.site,
        "permalink": f"/r/{community}/comments/{number}/look_at_this/",
        "created_utc": post.published_at.timestamp(), "edited": False,
        "score": score, "ups": score, "downs": 0, "upvote_ratio": 0.85, "hide_score": is_hidden,
        "num_comments": comments_at(post, moment), "num_crossposts": crossposts_at(world, post, moment),
        "view_count": None, "gilded": 0, "total_awards_received": 0, "is_self": False, "over_18": False,
        "archived": False, "locked": False, "quarantine": False, "likes": None, "num_reports": None,
        "removed_by": None, "removed_by_category": "moderator" if post.page.index % 10 == 9 else None,
        "author": f"person_{number}", "author_fullname": f"t2_{number}",
    } | ({"crosspost_parent": parent} if parent else {})  # fmt: skip


TWIN = Twin(
    "reddit",
    [
        Route("/api/v1/access_token", _access_token, methods=["POST"]),
        Route("/api/info", _info),
        Route("/api/info/", _info),
    ],
)
