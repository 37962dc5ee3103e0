"""Twin of three Lemmy instances: one of 0.19, one of 1.0 below `/one`, and a private one of 0.19 below `/private`.

The 1.0 instance still answers the older search, but ignores that an address was meant and finds nothing. Shy posts come
without `upvotes`. What its author deleted is not found on 0.19, and on 1.0 shown by id as deleted.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from connectors.sandbox.stage import Twin, moment_of, stage_of
from connectors.sandbox.world import WorldPost

SEARCHES, SEARCH_SECONDS = 60, 600
READS, READ_SECONDS = 180, 60
DEFAULT, MOST = 10, 50
TRACKING = ("utm_", "fbclid", "gclid")


def comments(post: WorldPost, moment: datetime) -> int:
    """Comments below a post: one for three upvotes."""
    return post.votes_at(moment) // 3


def downvotes(post: WorldPost, moment: datetime) -> int:
    """Downvotes of a post: one for nine upvotes."""
    return post.votes_at(moment) // 9


def _is_new(request: Request) -> bool:
    return "/lemmy/one/" in request.url.path


def _error(word: str, status: int = 400) -> JSONResponse:
    return JSONResponse({"error": word}, status)


def _guarded(answer: Callable[[Request], Response], kind: str, most: int, seconds: float) -> Callable[[Request], Any]:
    """The answer behind the bucket of its kind and, on the private instance, behind the door."""

    async def respond(request: Request) -> Response:
        place = "one" if _is_new(request) else "old"
        if stage_of(request).window(f"lemmy {place} {kind}", most, seconds)[0] < 0:
            return _error("too_many_requests", 429) if _is_new(request) else _error("rate_limit_error")
        if "/lemmy/private/" in request.url.path and kind != "site":
            return _error("instance_is_private")
        return answer(request)

    return respond


def site(request: Request) -> Response:
    """`/site`: what the instance says of itself."""
    version = "1.0.0-beta.3" if _is_new(request) else "0.19.20"
    return JSONResponse({"site_view": {"site": {"id": 1, "name": "An instance"}}, "admins": [], "version": version})


def nodeinfo(request: Request) -> Response:
    """`/nodeinfo/2.0.json`: which software this is."""
    version = "1.0.0-beta.3" if _is_new(request) else "0.19.20"
    return JSONResponse({"version": "2.0", "software": {"name": "lemmy", "version": version}})


def _limit(request: Request) -> int | None:
    text = request.query_params.get("limit", str(DEFAULT))
    return int(text) if text.isdecimal() and 1 <= int(text) <= MOST else None


def _linking(request: Request, address: str) -> list[WorldPost]:
    """The posts whose address is this one letter by letter, the best first."""
    moment = moment_of(request)
    known = [p for p in stage_of(request).world.posts("lemmy") if p.exists_at(moment) and p.url == address]
    return sorted(known, key=lambda p: (-p.votes_at(moment), p.object_id))


def search_v3(request: Request) -> Response:
    """`/api/v3/search`: by address where `type_=Url`, which a 1.0 server ignores; else by words of titles."""
    asked, limit = request.query_params, _limit(request)
    page = asked.get("page", "1")
    if "q" not in asked or limit is None or not page.isdecimal() or int(page) < 1:
        return _error("couldnt_get_posts")
    found = _linking(request, asked["q"]) if asked.get("type_") == "Url" and not _is_new(request) else []
    start = (int(page) - 1) * limit
    posts = [view_v3(post, moment_of(request)) for post in found[start : start + limit]]
    lists: dict[str, list[Any]] = {"comments": [], "communities": [], "users": []}
    return JSONResponse({"type_": asked.get("type_", "All"), "posts": posts, **lists})


def search_v4(request: Request) -> Response:
    """`/api/v4/search`: by address without its tracking parameters where `post_url_only=true`."""
    asked, limit = request.query_params, _limit(request)
    if "search_term" not in asked:
        return _error("unknown")
    if limit is None:
        return _error("invalid_fetch_limit")
    is_by_address = asked.get("post_url_only") == "true"
    found = _linking(request, cleaned(asked["search_term"])) if is_by_address else []
    start = int(asked.get("page_cursor", "P0")[1:])
    following = {"next_page": f"P{start + limit}"} if start + limit < len(found) else {}
    posts = [view_v4(post, moment_of(request)) for post in found[start : start + limit]]
    lists: dict[str, list[Any]] = {"comments": [], "communities": [], "persons": [], "multi_communities": []}
    return JSONResponse({"posts": posts, **lists, **following})


def cleaned(address: str) -> str:
    """An address without tracking parameters."""
    path, _, query = address.partition("?")
    kept = [pair for pair in query.split("&") if pair and not pair.startswith(TRACKING)]
    return f"{path}?{'&'.join(kept)}" if kept else path


def post(request: Request) -> Response:
    """`/post?id=…`: one post."""
    moment, number = moment_of(request), request.query_params.get("id", "")
    if not number.isdecimal():
        return _error("unknown")
    known, is_new = stage_of(request).world.post("lemmy", number), "/api/v4/" in request.url.path
    is_deleted = known is not None and known.published_at <= moment and not known.exists_at(moment)
    if known is None or known.published_at > moment or (is_deleted and not is_new):
        return _error("not_found", 404) if is_new else _error("couldnt_find_post")
    view = view_v4(known, moment, is_deleted=is_deleted) if is_new else view_v3(known, moment)
    return JSONResponse({"post_view": view, "community_view": {}, "moderators": [], "cross_posts": []})


def _counts(post: WorldPost, moment: datetime) -> dict[str, int]:
    ups, downs = post.votes_at(moment), downvotes(post, moment)
    known = {"comments": comments(post, moment), "score": ups - downs, "downvotes": downs}
    return known if post.is_shy else known | {"upvotes": ups}


def _post(post: WorldPost) -> dict[str, Any]:
    return {
        "id": int(post.object_id),
        "name": f"An invented title about {post.page.title}",
        "url": post.url,
        "creator_id": 2,
        "community_id": 3,
        "removed": False,
        "locked": False,
        "deleted": False,
        "nsfw": False,
        "ap_id": f"https://lemmy.example/post/{post.object_id}",
        "local": True,
        "language_id": 37,
        "featured_community": False,
        "featured_local": False,
    }


def _people(post: WorldPost) -> dict[str, Any]:
    name = f"visitor{post.object_id[-5:]}"
    creator = {
        "id": 2,
        "name": name,
        "display_name": "Somebody Invented",
        "actor_id": f"https://lemmy.example/u/{name}",
    }
    return {"creator": creator, "community": {"id": 3, "name": "technology", "title": "Technology"}}


def view_v3(post: WorldPost, moment: datetime) -> dict[str, Any]:
    """A post as 0.19 shows it: the counters beside it."""
    made = f"{post.published_at:%Y-%m-%dT%H:%M:%S}.123456Z"
    counts = {"post_id": int(post.object_id), **_counts(post, moment), "published": made, "newest_comment_time": made}
    flags = {"subscribed": "NotSubscribed", "saved": False, "read": False, "hidden": False, "unread_comments": 0}
    return {"post": {**_post(post), "published": made}, **_people(post), "counts": counts, **flags}


def view_v4(post: WorldPost, moment: datetime, *, is_deleted: bool = False) -> dict[str, Any]:
    """A post as 1.0 shows it: the counters inside, other names of dates."""
    made = f"{post.published_at:%Y-%m-%dT%H:%M:%S}.123456Z"
    inner = {**_post(post), "published_at": made, **_counts(post, moment), "deleted": is_deleted}
    return {"post": inner, **_people(post), "tags": [], "can_mod": False, "creator_banned": False}


def _routes(versions: tuple[str, ...]) -> list[Route]:
    searches = {"v3": search_v3, "v4": search_v4}
    found = [Route("/nodeinfo/2.0.json", _guarded(nodeinfo, "site", READS, READ_SECONDS))]
    for version in versions:
        found += [
            Route(f"/api/{version}/site", _guarded(site, "site", READS, READ_SECONDS)),
            Route(f"/api/{version}/search", _guarded(searches[version], "search", SEARCHES, SEARCH_SECONDS)),
            Route(f"/api/{version}/post", _guarded(post, "read", READS, READ_SECONDS)),
        ]
    return found


TWIN = Twin(
    "lemmy",
    [Mount("/one", routes=_routes(("v3", "v4"))), Mount("/private", routes=_routes(("v3",))), *_routes(("v3",))],
)
