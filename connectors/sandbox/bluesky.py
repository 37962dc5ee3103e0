"""Twin of Bluesky's AppView and of Constellation, the index of links beside it.

Every third post has its link both in a card and in its text, others in one place. Search matches addresses loosely, by
their beginning. Strangers who send a `cursor` meet the proxy's page. Shy posts come without counters.
Signing in succeeds but with the password `wrong`; with the password `stale` it gives a token that is refused.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from connectors.sandbox.stage import Twin, bearer_of, moment_of, stage_of
from connectors.sandbox.world import World, WorldPost

REQUESTS, WINDOW_SECONDS = 3000, 300
MOST_POSTS, MOST_FOUND, MOST_LINKS = 25, 100, 1000
PAGE = 100  # an answer may hold fewer posts than were asked for
SHUT = "<html><body><h1>403 Forbidden</h1>\nRequest forbidden by administrative rules.\n</body></html>\n"
CARD, MEDIA_CARD = ".embed.external.uri", ".embed.media.external.uri"
TEXT = ".facets[].features[app.bsky.richtext.facet#link].uri"
LINK_FEATURE = "app.bsky.richtext.facet#link"
COLLECTION = "app.bsky.feed.post"


def uri_of(post: WorldPost) -> str:
    """The address of a post: its account's number and its key."""
    name = base64.b32encode(hashlib.sha256(post.object_id.encode()).digest()).decode().lower()
    return f"at://did:plc:{name[:24]}/{COLLECTION}/3k{name[24:35]}"


def reposts(post: WorldPost, moment: datetime) -> int:
    """Reposts: one for five likes."""
    return post.votes_at(moment) // 5


def quotes(post: WorldPost, moment: datetime) -> int:
    """Quotes: one for eleven likes."""
    return post.votes_at(moment) // 11


def replies(post: WorldPost, moment: datetime) -> int:
    """Replies: one for four likes."""
    return post.votes_at(moment) // 4


def bookmarks(post: WorldPost, moment: datetime) -> int:
    """Bookmarks: one for six likes."""
    return post.votes_at(moment) // 6


def places(post: WorldPost) -> tuple[str, ...]:
    """Where a post holds its link."""
    return ((CARD, TEXT), (TEXT,), (CARD,), (MEDIA_CARD,))[post.page.index % 4]


@lru_cache(maxsize=8)
def _by_uri(world: World) -> dict[str, WorldPost]:
    return {uri_of(post): post for post in world.posts("bluesky")}


def _error(status: int, error: str, message: str) -> JSONResponse:
    return JSONResponse({"error": error, "message": message}, status)


def _limited(answer: Callable[[Request], Response]) -> Callable[[Request], Any]:
    """The answer behind the window of requests and the check of the token."""

    async def respond(request: Request) -> Response:
        remaining, reset = stage_of(request).window(f"bluesky {bearer_of(request)}", REQUESTS, WINDOW_SECONDS)
        response = answer(request)
        if bearer_of(request) == "expired":
            response = _error(400, "ExpiredToken", "Token has expired")
        if remaining < 0:
            response = _error(429, "RateLimitExceeded", "Rate Limit Exceeded")
            response.headers["Retry-After"] = str(round(reset))
        response.headers["RateLimit-Limit"] = str(REQUESTS)
        response.headers["RateLimit-Remaining"] = str(max(remaining, 0))
        response.headers["RateLimit-Reset"] = str(int(time.time() + reset))
        response.headers["RateLimit-Policy"] = f"{REQUESTS};w={WINDOW_SECONDS}"
        return response

    return respond


def address(url: str) -> str:
    """What search compares: no scheme, no `www.`, no slash at the end."""
    return url.partition("://")[2].removeprefix("www.").rstrip("/")


def search(request: Request) -> Response:
    """`searchPosts`: posts whose link begins like the one asked for, newest first; a cursor only for who signed in."""
    asked, moment = request.query_params, moment_of(request)
    if not asked.get("q"):
        return _error(400, "InvalidRequest", 'Error: Params must have the property "q"')
    size = asked.get("limit", "25")
    if not size.isdecimal() or not 1 <= int(size) <= MOST_FOUND:
        return _error(400, "InvalidRequest", "Error: limit can not be greater than 100")
    if not bearer_of(request) and "cursor" in asked:
        return HTMLResponse(SHUT, 403)
    found = _matching(stage_of(request).world, asked.get("url", ""), moment, asked.get("until"))
    start, most = int(asked.get("cursor", "0")), min(int(size), PAGE)
    page, following = found[start : start + most], start + most
    more = {"cursor": str(following)} if following < len(found) else {}
    return JSONResponse({**more, "hitsTotal": len(found) + 3, "posts": [body(post, moment) for post in page]})


def _matching(world: World, url: str, moment: datetime, until: str | None) -> list[WorldPost]:
    before = datetime.fromisoformat(until) if until else moment + timedelta(days=1)
    posts = [p for p in world.posts("bluesky") if p.exists_at(moment) and p.published_at < before]
    return [p for p in reversed(posts) if address(p.url).startswith(address(url))]


def posts(request: Request) -> Response:
    """`getPosts`: at most 25 by address; those that are gone are left out."""
    uris, moment = request.query_params.getlist("uris"), moment_of(request)
    if not 1 <= len(uris) <= MOST_POSTS:
        return _error(400, "InvalidRequest", "Error: uris must not have more than 25 elements")
    if not all(uri.startswith("at://") for uri in uris):
        return _error(400, "InvalidRequest", "Error: uris/0 must be a valid at-uri")
    known = [_by_uri(stage_of(request).world).get(uri) for uri in uris]
    return JSONResponse({"posts": [body(post, moment) for post in known if post and post.exists_at(moment)]})


def body(post: WorldPost, moment: datetime) -> dict[str, Any]:
    """A post as everybody sees it, with invented people and words."""
    uri, card = uri_of(post), {"uri": post.url, "title": post.page.title, "description": "Invented words"}
    counts = {
        "bookmarkCount": bookmarks(post, moment),
        "replyCount": replies(post, moment),
        "repostCount": reposts(post, moment),
        "likeCount": post.votes_at(moment),
        "quoteCount": quotes(post, moment),
    }
    made = f"{post.published_at:%Y-%m-%dT%H:%M:%S}"
    view = {"embed": {"$type": "app.bsky.embed.external#view", "external": card}} if CARD in places(post) else {}
    return {
        "uri": uri,
        "cid": "bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a",
        "author": {
            "did": uri.split("/")[2],
            "handle": f"visitor{post.object_id[-5:]}.bsky.social",
            "displayName": "Somebody Invented",
            "labels": [],
        },
        "record": {"$type": COLLECTION, "text": "read this", "createdAt": f"{made}.000Z", **_links(post, card)},
        **view,
        **({} if post.is_shy else counts),
        "indexedAt": f"{made}.750Z",
        "labels": [],
    }


def _links(post: WorldPost, card: dict[str, str]) -> dict[str, Any]:
    external = {"$type": "app.bsky.embed.external", "external": card}
    quoted = {"$type": "app.bsky.embed.record", "record": {"uri": uri_of(post), "cid": "bafyreib2rxk3rybk3aobmv5"}}
    feature = {"$type": LINK_FEATURE, "uri": post.url}
    found: dict[str, Any] = {}
    if CARD in places(post):
        found["embed"] = external
    if MEDIA_CARD in places(post):
        found["embed"] = {"$type": "app.bsky.embed.recordWithMedia", "record": quoted, "media": external}
    if TEXT in places(post):
        found["facets"] = [{"index": {"byteStart": 5, "byteEnd": 9}, "features": [feature]}]
    return found


async def sign_in(request: Request) -> Response:
    """`createSession`: tokens for an account."""
    account = await request.json()
    if not account.get("identifier") or account.get("password") in (None, "", "wrong"):
        return _error(401, "AuthenticationRequired", "Invalid identifier or password")
    did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz"
    handle = str(account["identifier"])
    token = "expired" if account["password"] == "stale" else "signed-in"  # noqa: S105  words of the twin
    return JSONResponse({"did": did, "handle": handle, "accessJwt": token, "refreshJwt": "refresh", "active": True})


def search_v2(_: Request) -> Response:
    """`searchPostsV2`: not switched on."""
    return _error(400, "InvalidRequest", "Search v2 is not enabled")


def _linking(request: Request, target: str, place: str) -> list[WorldPost]:
    """The posts that hold an address, letter by letter, in one place, newest first."""
    moment = moment_of(request)
    known = [p for p in stage_of(request).world.posts("bluesky") if p.exists_at(moment) and p.url == target]
    return [p for p in reversed(known) if place in places(p)]


async def backlinks(request: Request) -> Response:
    """Constellation's `getBacklinks`: the posts that link to an address from one place."""
    asked = request.query_params
    if "application/json" not in request.headers.get("accept", ""):
        return HTMLResponse("<!doctype html><title>constellation</title>")
    collection, colon, path = asked.get("source", "").partition(":")
    limit, cursor = asked.get("limit", "100"), asked.get("cursor", "")
    if not colon or not limit.isdecimal() or int(limit) > MOST_LINKS:
        return Response(b"", 400)
    found = _linking(request, asked.get("subject", ""), f".{path}") if collection == COLLECTION else []
    start, size = int(cursor or "0", 16), int(limit)
    records = [_record(post) for post in found[start : start + size]]
    following = f"{start + size:016x}" if start + size < len(found) else None
    return JSONResponse({"total": len(found), "records": records, "cursor": following})


def _record(post: WorldPost) -> dict[str, str]:
    _, _, did, collection, key = uri_of(post).split("/")
    return {"did": did, "collection": collection, "rkey": key}


async def backlinks_count(request: Request) -> Response:
    """Constellation's `getBacklinksCount`: how many links to an address there are in one place."""
    path = request.query_params.get("source", "").partition(":")[2]
    return JSONResponse({"total": len(_linking(request, request.query_params.get("subject", ""), f".{path}"))})


async def link_counts(request: Request) -> Response:
    """Constellation's `/links/all/count`: the places where an address stands, with the links in each."""
    if "application/json" not in request.headers.get("accept", ""):
        return HTMLResponse("<!doctype html><title>constellation</title>")
    target = request.query_params.get("target", "")
    counts = {place: len(_linking(request, target, place)) for place in (CARD, MEDIA_CARD, TEXT)}
    found = {place: count for place, count in counts.items() if count}
    return JSONResponse({"links": {COLLECTION: found} if found else {}})


TWIN = Twin(
    "bluesky",
    [
        Route("/xrpc/app.bsky.feed.searchPosts", _limited(search)),
        Route("/xrpc/app.bsky.feed.searchPostsV2", _limited(search_v2)),
        Route("/xrpc/app.bsky.feed.getPosts", _limited(posts)),
        Route("/xrpc/com.atproto.server.createSession", sign_in, methods=["POST"]),
        Route("/xrpc/blue.microcosm.links.getBacklinks", backlinks),
        Route("/xrpc/blue.microcosm.links.getBacklinksCount", backlinks_count),
        Route("/links/all/count", link_counts),
    ],
    post_id=uri_of,
)
