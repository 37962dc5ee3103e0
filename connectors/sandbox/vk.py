"""Twin of VK: two communities' walls, posts by id, and the old public share count.

Errors come with HTTP 200. Posts of the world stand on one of two walls; the second wall has its oldest post pinned.
Most posts attach a link, some have it in their text, some have none. Shy posts have either no views or closed comments.
Tokens choose the behaviour: `expired…` is refused, `captcha…` must prove to be a person, `spent…` has no calls left for
the day, `hurried…` is too fast at its first call of a day. Walls -15, -18 and -30 are denied, deleted, private.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from connectors.sandbox.stage import Twin, day_of, moment_of, stage_of
from connectors.sandbox.world import World, WorldPost

WALLS = {"twin_reviews": -1001, "twin_news": -1002}
CALLS_PER_SECOND = 3
DEFAULT_COUNT, MOST = 20, 100
BARE_LIST_BEFORE = (5, 100)  # wall.getById answered with a bare list in old versions
WORDS = {
    5: "User authorization failed: invalid access_token.",
    6: "Too many requests per second",
    3: "Unknown method passed",
    8: "Invalid request: v (version) is required",
    14: "Captcha needed",
    15: "Access denied",
    18: "User was deleted or banned",
    29: "Rate limit reached",
    30: "This profile is private",
    100: "One of the parameters specified was missing or invalid",
}
Asked = dict[str, str]
CLOSED = {"-15": 15, "-18": 18, "-30": 30}


class Refused(Exception):
    """One of VK's errors, by its code."""

    def __init__(self, code: int) -> None:
        super().__init__(WORDS[code])
        self.code = code


def number_of(post: WorldPost) -> int:
    """The number of a post on its wall."""
    return 1 + (int(post.object_id) - 813_744_226_420_000_000) // 1013


def wall_of(post: WorldPost) -> int:
    """The wall that a post stands on."""
    return list(WALLS.values())[post.page.index % 2]


def id_of(post: WorldPost) -> str:
    """A post's id in addresses."""
    return f"{wall_of(post)}_{number_of(post)}"


def link_of(post: WorldPost) -> str | None:
    """The page that a post links to; some link to none."""
    return None if number_of(post) % 11 == 3 else post.url


def counters(post: WorldPost, moment: datetime) -> dict[str, int | None]:
    """The counters of a post, as far as they are told."""
    votes = post.votes_at(moment)
    no_views, is_closed = (post.is_shy and number_of(post) % 2 == n for n in (0, 1))
    return {
        "likes": votes,
        "reposts": votes // 6,
        "comments": None if is_closed else votes // 4,
        "views": None if no_views else 50 * votes + 30,
    }


async def method(request: Request) -> Response:
    """`/method/{name}`: a call, by GET or by POST."""
    asked = dict(request.query_params) | dict(parse_qsl((await request.body()).decode()))
    try:
        _admit(request, asked.get("access_token", ""))
        if not asked.get("v"):
            raise Refused(8)
        name = request.path_params["name"]
        answers = {"wall.get": _wall, "wall.getById": _by_ids}
        if name not in answers:
            raise Refused(3)
        return JSONResponse({"response": answers[name](request, asked)})
    except Refused as refusal:
        shown = [{"key": k, "value": v} for k, v in asked.items() if k != "access_token"]
        problem = {"error_code": refusal.code, "error_msg": WORDS[refusal.code], "request_params": shown}
        return JSONResponse({"error": problem})


def _admit(request: Request, token: str) -> None:
    stage, day = stage_of(request), day_of(request)
    if not token or token.startswith("expired"):
        raise Refused(5)
    if token.startswith("captcha"):
        raise Refused(14)
    if token.startswith("spent"):
        raise Refused(29)
    is_first = token.startswith("hurried") and stage.allowance(f"vk hurry {day} {token}", 1) >= 0
    if is_first or stage.window(f"vk {token}", CALLS_PER_SECOND, 1.0)[0] < 0:
        raise Refused(6)


def _wall(request: Request, asked: Asked) -> dict[str, Any]:
    owner, name = asked.get("owner_id", ""), asked.get("domain", "")
    if owner in CLOSED:
        raise Refused(CLOSED[owner])
    wall = WALLS.get(name) if name else int(owner) if owner.removeprefix("-").isdecimal() else None
    offset, count = (_number(asked, key, default) for key, default in (("offset", 0), ("count", DEFAULT_COUNT)))
    if wall is None or count > MOST:
        raise Refused(100)
    posts = _on(request, wall)
    return {"count": len(posts), "items": [_post(request, p) for p in posts[offset : offset + count]]}


def _number(asked: Asked, name: str, default: int) -> int:
    text = asked.get(name, str(default))
    if not text.isdecimal():
        raise Refused(100)
    return int(text)


def _on(request: Request, wall: int) -> list[WorldPost]:
    """A wall's posts, newest first, but on the second wall the oldest is pinned."""
    posts = [p for p in reversed(_alive(request)) if wall_of(p) == wall]
    return posts[-1:] + posts[:-1] if wall == WALLS["twin_news"] else posts


def _alive(request: Request) -> list[WorldPost]:
    moment = moment_of(request)
    return [p for p in stage_of(request).world.posts("vk") if p.exists_at(moment)]


def _by_ids(request: Request, asked: Asked) -> Any:
    ids = [i for i in asked.get("posts", "").split(",") if i]
    if not 1 <= len(ids) <= MOST:
        raise Refused(100)
    found = [_post(request, p) for p in _alive(request) if id_of(p) in ids]
    version = tuple(int(part) for part in asked["v"].split("."))
    return found if version < BARE_LIST_BEFORE else {"items": found}


def _post(request: Request, post: WorldPost) -> dict[str, Any]:
    """A post with invented words and people; counters that are withheld are left out as VK does."""
    told, link = counters(post, moment_of(request)), link_of(post)
    in_text = link is not None and number_of(post) % 3 == 1
    attached = [{"type": "link", "link": {"url": link, "title": "An invented title"}}] if link and not in_text else []
    text = f"[id7|Somebody Invented] at https://vk.com/club7: {link}!" if in_text else "Invented words"
    photo = [{"type": "photo", "photo": {"id": 1, "owner_id": wall_of(post)}}]
    is_pinned = {"is_pinned": 1} if _on(request, wall_of(post))[0] is post and wall_of(post) == -1002 else {}
    return {
        "id": number_of(post),
        "owner_id": wall_of(post),
        "from_id": wall_of(post),
        "signer_id": 7,
        "date": int(post.published_at.timestamp()),
        "text": text,
        "type": "post",
        "attachments": photo + attached,
        "comments": {"can_post": 0} | ({} if told["comments"] is None else {"count": told["comments"]}),
        "likes": {"can_like": 1, "count": told["likes"], "user_likes": 0},
        "reposts": {"count": told["reposts"], "user_reposted": 0},
        **({} if told["views"] is None else {"views": {"count": told["views"]}}),
        **is_pinned,
    }


def shared(world: World, address: str, moment: datetime) -> int:
    """How often one address was shared, letter by letter."""
    posts = [p for p in world.posts("vk") if p.url == address and p.exists_at(moment)]
    return sum(1 + int(counters(p, moment)["reposts"] or 0) for p in posts)


async def share(request: Request) -> Response:
    """`/share.php?act=count`: a script with the number in it."""
    asked = request.query_params
    if asked.get("act") != "count" or not asked.get("url"):
        return PlainTextResponse("<!DOCTYPE html><title>Share a link</title>", media_type="text/html")
    number = shared(stage_of(request).world, asked["url"], moment_of(request))
    return PlainTextResponse(f"VK.Share.count({asked.get('index', '0')}, {number});", media_type="text/javascript")


TWIN = Twin(
    "vk",
    [Route("/method/{name}", method, methods=["GET", "POST"]), Route("/share.php", share)],
    keys={"walls": "-1001,twin_news"},
    post_id=id_of,
)
