"""Twin of TikTok's Display API: tokens, and the videos of one account; the Research twin borrows its manners.

Every video of the world is the account's; a few have no link in their description. Tokens choose the behaviour:
`expired…`, `narrow…` and `unscoped…` are refused, `hurried…` is too fast at its first question of a day, `broken…`
gets an error that no list has. By client key: `short-lived…` buys tokens that work three times, `useless…` ones that
never do; a client secret `wrong` and a refresh token `revoked…` buy nothing.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.sandbox.stage import Twin, bearer_of, day_of, moment_of, stage_of
from connectors.sandbox.world import World, WorldPost

MOST, PER_MINUTE = 20, 600
TOKEN_USES = {"short-lived": 3, "useless": 0}
FIELDS = frozenset(
    {
        "id",
        "create_time",
        "cover_image_url",
        "share_url",
        "video_description",
        "duration",
        "title",
        "like_count",
        "comment_count",
        "share_count",
        "view_count",
    }
)

Body = dict[str, Any]


class Refusal(Exception):
    """An answer in TikTok's envelope of errors."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.error = status, {"code": code, "message": message, "log_id": "202610140000000000"}


def video_id(post: WorldPost) -> str:
    """The id of a video; its upper half is the second of publication."""
    return str((int(post.published_at.timestamp()) << 32) + int(post.object_id) % 2**32)


def has_link(post: WorldPost) -> bool:
    """Whether a video's description holds its page; few do not."""
    return int(post.object_id) % 11 != 5


def counters_at(post: WorldPost, moment: datetime) -> dict[str, int]:
    """Counters by field."""
    likes = post.votes_at(moment)
    return {
        "like_count": likes,
        "comment_count": likes // 8,
        "share_count": likes // 6,
        "view_count": 90 * likes + int(post.object_id) % 100,
        "favorites_count": likes // 7,
    }


def description_of(post: WorldPost) -> str:
    """What the creator wrote, cut as TikTok cuts it."""
    link = post.url if has_link(post) else "link in bio"
    return f"Somebody Invented shows: {link} #{post.page.site.partition('.')[0]} #fyp"[:150]


@lru_cache(maxsize=8)
def videos(world: World, platform: str) -> dict[str, WorldPost]:
    """Every video by id, the newest first."""
    return {video_id(post): post for post in reversed(world.posts(platform))}


def admit(request: Request) -> str:
    """The token; refuses those that may not come in."""
    token = bearer_of(request)
    client = bytes.fromhex(token.split(".")[1]).decode() if token.startswith("twin.") else ""
    uses = next((n for name, n in TOKEN_USES.items() if client.startswith(name)), None)
    is_used_up = uses is not None and stage_of(request).allowance(f"tiktok {token}", uses) < 0
    if not token or token.startswith("expired") or is_used_up:
        raise Refusal(401, "access_token_invalid", f"The access token {token} is invalid or not found in the request.")
    if token.startswith(("narrow", "unscoped")):
        code = "scope_not_authorized" if token.startswith("narrow") else "scope_permission_missed"
        raise Refusal(401, code, "The user did not authorize the scope required for completing this request.")
    if token.startswith("broken"):
        raise Refusal(200, "spam_risk", "Nobody has written this down.")
    return token


def wanted(request: Request, known: frozenset[str]) -> list[str]:
    """The fields asked for; without any the question is wrong."""
    fields = [name for name in request.query_params.get("fields", "").split(",") if name]
    if not fields or set(fields) - known:
        raise Refusal(400, "invalid_params", f"fields must be chosen from {', '.join(sorted(known))}")
    return fields


async def json_of(request: Request) -> Body:
    """The body, which must be JSON and say so."""
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise Refusal(400, "invalid_params", "Content-Type must be application/json")
    try:
        body = json.loads(await request.body() or "{}")
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refusal(400, "invalid_params", "The body is no JSON object.")
    return body


def enveloped(handler: Callable[[Request, Body], Body]) -> Callable[[Request], Awaitable[Response]]:
    """A handler behind the envelope: its `data`, or a refusal."""

    async def answer(request: Request) -> Response:
        try:
            data = handler(request, await json_of(request))
        except Refusal as refusal:
            return JSONResponse({"data": {}, "error": refusal.error}, refusal.status)
        return JSONResponse({"data": data, "error": {"code": "ok", "message": "", "log_id": "202610140000000000"}})

    return answer


async def access_token(request: Request) -> Response:
    """`/v2/oauth/token/`: errors are flat here."""
    form = dict(parse_qsl((await request.body()).decode()))
    client, grant = form.get("client_key", ""), form.get("grant_type")
    if not client or form.get("client_secret") in (None, "wrong"):
        return _flat("invalid_client", "Client key or secret is incorrect.")
    if grant not in ("refresh_token", "client_credentials"):
        return _flat("unsupported_grant_type", "Grant type is not supported.")
    refresh = form.get("refresh_token", "revoked" if grant == "refresh_token" else "")
    if refresh.startswith("revoked"):
        return _flat("invalid_grant", f"Refresh token {refresh} is invalid or expired.")
    number = stage_of(request).allowance(f"tiktok tokens {client}", 10**9)
    token = {"access_token": f"twin.{client.encode().hex()}.{number}", "expires_in": 7200, "token_type": "Bearer"}
    more = {"open_id": "invented", "refresh_token": refresh, "refresh_expires_in": 31536000, "scope": "video.list"}
    return JSONResponse(token | (more if refresh else {}))


def _flat(error: str, description: str) -> Response:
    return JSONResponse({"error": error, "error_description": description, "log_id": "202610140000000000"}, 400)


def _enter(request: Request) -> None:
    token, stage, path = admit(request), stage_of(request), request.url.path
    is_hurried = token.startswith("hurried") and stage.allowance(f"tiktok-hurry:{day_of(request)}:{token}", 1) >= 0
    if is_hurried or stage.window(f"tiktok:{path}:{token}", PER_MINUTE, 60.0)[0] < 0:
        raise Refusal(429, "rate_limit_exceeded", "The API rate limit was exceeded. Please try again later.")


def _list(request: Request, body: Body) -> Body:
    _enter(request)
    fields, size, cursor = wanted(request, FIELDS), body.get("max_count", 10), body.get("cursor")
    if not isinstance(size, int) or not 1 <= size <= MOST or not isinstance(cursor, int | None):
        raise Refusal(400, "invalid_params", f"max_count must be 1 to {MOST}, cursor a time in milliseconds")
    moment = moment_of(request)
    alive = [p for p in videos(stage_of(request).world, "tiktok").values() if p.exists_at(moment)]
    rest = [p for p in alive if cursor is None or _milliseconds(p) < cursor]
    page = [_body(post, moment, fields) for post in rest[:size]]
    last = _milliseconds(rest[min(size, len(rest)) - 1]) if rest else cursor or 0
    return {"videos": page, "cursor": last, "has_more": len(rest) > size}


def _milliseconds(post: WorldPost) -> int:
    """A time of publication that no two videos share."""
    return int(post.published_at.timestamp()) * 1000 + int(post.object_id) % 1000


def _query(request: Request, body: Body) -> Body:
    _enter(request)
    fields, filters = wanted(request, FIELDS), body.get("filters")
    ids = filters.get("video_ids") if isinstance(filters, dict) else None
    if not isinstance(ids, list) or not 1 <= len(ids) <= MOST or not all(isinstance(i, str) for i in ids):
        raise Refusal(400, "invalid_params", f"filters.video_ids must hold 1 to {MOST} ids")
    found, moment = videos(stage_of(request).world, "tiktok"), moment_of(request)
    return {"videos": [_body(found[i], moment, fields) for i in ids if i in found and found[i].exists_at(moment)]}


def _body(post: WorldPost, moment: datetime, fields: list[str]) -> Body:
    """The fields of a video that were asked for."""
    address = f"https://www.tiktok.com/@somebody_invented/video/{video_id(post)}"
    known = {
        "id": video_id(post),
        "create_time": int(post.published_at.timestamp()),
        "cover_image_url": "https://cdn.example/cover.jpeg",
        "share_url": address,
        "video_description": description_of(post),
        "duration": 21,
        "title": f"Somebody Invented and the {post.page.title}"[:150],
        **counters_at(post, moment),
    }
    return {name: known[name] for name in fields}


TWIN = Twin(
    "tiktok",
    [
        Route("/v2/oauth/token/", access_token, methods=["POST"]),
        Route("/v2/video/list/", enveloped(_list), methods=["POST"]),
        Route("/v2/video/query/", enveloped(_query), methods=["POST"]),
    ],
    post_id=video_id,
)
