"""Twin of Tumblr: one blog that posts about the pages, another that reblogs it, the notes of a post, share counts.

Every seventh post is reblogged by its own blog and by the other one; all reblogs show the notes of the whole tree. Shy
posts lack `note_count`; deleted ones leave a gap, so that pages may be short. Keys choose the behaviour: `expired…` and
`narrow…` are refused, `spent…` has no requests left for the day, `hurried…` is told to wait once a day, `bare…` too,
without headers. With `callback` an answer is JSONP and always HTTP 200.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from connectors.sandbox.stage import Twin, day_of, moment_of, stage_of
from connectors.sandbox.world import World, WorldPost

BLOG, OTHER_BLOG = "invented", "invented-too"
PER_HOUR, PER_DAY = 1000, 5000
MOST_POSTS = 20

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """One post of a blog: the original, or a reblog of it."""

    object_id: str
    blog: str
    post: WorldPost

    @property
    def is_reblog(self) -> bool:
        """Whether it is another post's reblog."""
        return self.object_id != self.post.object_id


class Refusal(Exception):
    """An error envelope on its way out."""

    def __init__(self, status: int, message: str, code: int, detail: str, **headers: str) -> None:
        super().__init__(message)
        self.status, self.headers = status, {name.replace("_", "-"): value for name, value in headers.items()}
        errors = [{"title": message, "code": code, "detail": detail}]
        self.body = {"meta": {"status": status, "msg": message}, "response": [], "errors": errors}


def totals_of(votes: int) -> dict[str, int]:
    """The notes of a post by kind."""
    likes, reblogs, replies = votes, votes // 3, votes // 7
    return {"total_notes": likes + reblogs + replies, "total_likes": likes, "total_reblogs": reblogs}


def is_reblogged(post: WorldPost) -> bool:
    """Whether both blogs have reblogged a post."""
    return int(post.object_id) % 7 == 0


def kind_of(post: WorldPost) -> str:
    """How a post carries its link: as a link post, below a photo, in its text in three ways, as its source, or not."""
    return ("link", "photo", "text", "sourced", "wrapped", "plain", "link", "none")[int(post.object_id) // 10 % 8]


@lru_cache(maxsize=8)
def entries(world: World) -> tuple[Entry, ...]:
    """Everything both blogs will ever post, newest first; a reblog is as old as its original."""
    found = [entry for post in world.posts("tumblr") for entry in _entries_of(post)]
    return tuple(sorted(found, key=lambda e: (e.post.published_at, e.object_id), reverse=True))


def _entries_of(post: WorldPost) -> list[Entry]:
    number = int(post.object_id)
    reblogs = [Entry(str(number + 1), BLOG, post), Entry(str(number + 2), OTHER_BLOG, post)]
    return [Entry(post.object_id, BLOG, post), *(reblogs if is_reblogged(post) else [])]


def linked(post: WorldPost) -> Body:
    """The fields of a post that depend on its kind."""
    own, wrapper = "https://invented.tumblr.com/", f"https://t.umblr.com/redirect?z={quote(post.url, safe='')}&amp;t=a"
    anchor = f"""<a href="{own}">Somebody Invented</a> found <a class="x" href='{post.url}'>this</a>"""
    kinds: dict[str, Body] = {
        "link": {"type": "link", "url": post.url, "title": "Invented", "description": "<p>Somebody Invented</p>"},
        "photo": {"type": "photo", "link_url": post.url, "caption": "<p>Seen by Somebody Invented</p>", "photos": []},
        "text": {"type": "text", "title": None, "body": f'<p>{anchor} <img src="https://pictures.example/1.png"></p>'},
        "wrapped": {"type": "text", "title": None, "body": f'<p><a href="{wrapper}">Somebody Invented</a></p>'},
        "plain": {
            "type": "text",
            "title": None,
            "body": f"<p>Somebody Invented: {own}, <b>{post.url}</b>.</p>",
        },
        "sourced": {"type": "quote", "text": "Somebody Invented said", "source": "a book", "source_url": post.url},
        "none": {
            "type": "text",
            "title": "Invented",
            "body": f'<p>{own} <img src="https://pictures.example/2.png"></p>',
        },
    }
    return kinds[kind_of(post)]


def node(request: Request, entry: Entry) -> Body:
    """A post of a blog, in the old format."""
    post, asked = entry.post, request.query_params
    totals = totals_of(post.votes_at(moment_of(request)))
    body: Body = {
        "blog_name": entry.blog,
        "id": int(entry.object_id),
        "id_string": entry.object_id,
        "post_url": f"https://{entry.blog}.tumblr.com/post/{entry.object_id}",
        "slug": "somebody-invented",
        "date": f"{post.published_at:%Y-%m-%d %H:%M:%S} GMT",
        "timestamp": int(post.published_at.timestamp()),
        "state": "published",
        "tags": ["invented"],
        "summary": "Somebody Invented",
        **linked(post),
    }
    if not post.is_shy:
        body["note_count"] = totals["total_notes"]
    if asked.get("reblog_info") == "true" and entry.is_reblog:
        body |= {"reblogged_from_id": post.object_id, "reblogged_from_name": BLOG}
        body |= {"reblogged_root_id": post.object_id, "reblogged_root_name": BLOG}
    if asked.get("notes_info") == "true":
        body["notes"] = notes_of(entry)
    return body


def notes_of(entry: Entry) -> list[Body]:
    """A few notes: they name the people who left them."""
    at = int(entry.post.published_at.timestamp())
    return [
        {"type": "like", "timestamp": at + 9, "blog_name": "somebody-invented", "blog_uuid": "t:inv", "followed": False}
    ]


def admit(request: Request) -> dict[str, str]:
    """Refuses keys that may not come in and counts the others; the headers that tell of it."""
    key, stage, day = request.query_params.get("api_key", ""), stage_of(request), day_of(request)
    if not request.headers.get("user-agent"):
        raise Refusal(403, "Forbidden", 0, "A User-Agent is needed.")
    if not key or key.startswith("expired"):
        raise Refusal(401, "Unauthorized", 1016, f"Unable to authorize {key}")
    if key.startswith("narrow"):
        raise Refusal(403, "Forbidden", 4012, "You do not have permission to see this blog")
    if key.startswith("spent"):
        raise Refusal(429, "Limit Exceeded", 0, "Limit Exceeded", **_told(40_000, 0, 900, 12))
    if key.startswith("hurried") and stage.allowance(f"tumblr-hurry:{day}:{key}", 1) >= 0:
        raise Refusal(429, "Limit Exceeded", 0, "Limit Exceeded", **_told(70_000, 400, 0, 0))
    if key.startswith("bare") and stage.allowance(f"tumblr-bare:{day}:{key}", 1) >= 0:
        raise Refusal(429, "Limit Exceeded", 0, "Limit Exceeded")
    by_hour, reset = stage.window(f"tumblr:{day}:{key}", PER_HOUR, 3600)
    by_day = stage.allowance(f"tumblr:{day}:{key}", PER_DAY)
    if by_hour < 0 or by_day < 0:
        raise Refusal(
            429, "Limit Exceeded", 0, "Limit Exceeded", **_told(40_000, max(by_day, 0), reset, max(by_hour, 0))
        )
    return {name.replace("_", "-"): value for name, value in _told(40_000, by_day, reset, by_hour).items()}


def _told(day_reset: float, day_left: int, hour_reset: float, hour_left: int) -> dict[str, str]:
    return {
        "X_Ratelimit_Perday_Limit": str(PER_DAY),
        "X_Ratelimit_Perday_Remaining": str(day_left),
        "X_Ratelimit_Perday_Reset": f"{day_reset:.0f}",
        "X_Ratelimit_Perhour_Limit": str(PER_HOUR),
        "X_Ratelimit_Perhour_Remaining": str(hour_left),
        "X_Ratelimit_Perhour_Reset": f"{hour_reset:.0f}",
    }


def answered(request: Request, answer: Callable[[Request], Body], *, is_keyed: bool = True) -> Response:
    """The frame of every answer: key, envelope, JSONP."""
    try:
        headers = admit(request) if is_keyed else {}
        body: Body = {"meta": {"status": 200, "msg": "OK"}, "response": answer(request)}
        status = 200
    except Refusal as refusal:
        body, status, headers = refusal.body, refusal.status, refusal.headers
    if callback := request.query_params.get("callback"):
        return PlainTextResponse(f"{callback}({json.dumps(body)});", headers=headers)
    return JSONResponse(body, status, headers)


def blog_of(request: Request) -> str:
    """The blog in the address; 404 when there is none."""
    blog = str(request.path_params["blog"]).removesuffix(".tumblr.com")
    if blog not in (BLOG, OTHER_BLOG):
        raise Refusal(404, "Not Found", 0, "Tumblr could not find this blog.")
    return blog


def posts(request: Request) -> Body:
    """One page of a blog's posts, newest first, or the one post asked for."""
    asked, moment = request.query_params, moment_of(request)
    blog, kind = blog_of(request), request.path_params.get("type")
    past = [e for e in entries(stage_of(request).world) if e.blog == blog and e.post.published_at <= moment]
    past = [e for e in past if kind in (None, linked(e.post)["type"]) and e.object_id == asked.get("id", e.object_id)]
    if "id" in asked and not any(e.post.exists_at(moment) for e in past):
        raise Refusal(404, "Not Found", 0, "Post not found")
    if "offset" in asked and ("before" in asked or "after" in asked):
        raise Refusal(400, "Bad Request", 0, "offset and before exclude each other")
    if "before" in asked:
        past = [e for e in past if e.post.published_at.timestamp() < int(asked["before"])]
    start, size = int(asked.get("offset", 0)), min(int(asked.get("limit", MOST_POSTS)), MOST_POSTS)
    page = [node(request, e) for e in past[start : start + size] if e.post.exists_at(moment)]
    return {"blog": {"name": blog, "uuid": "t:inv", "posts": len(past)}, "posts": page, "total_posts": len(past)}


def notes(request: Request) -> Body:
    """The notes of a post: totals by kind in the mode `conversation` only."""
    blog, asked, moment = blog_of(request), request.query_params, moment_of(request)
    mode = asked.get("mode", "all")
    if mode not in ("all", "likes", "conversation", "rollup", "reblogs_with_tags"):
        raise Refusal(400, "Bad Request", 0, "Invalid mode")
    found = [e for e in entries(stage_of(request).world) if e.blog == blog and e.object_id == asked.get("id")]
    if not found or not found[0].post.exists_at(moment):
        raise Refusal(404, "Not Found", 0, "Post not found")
    totals = totals_of(found[0].post.votes_at(moment))
    kept = totals if mode == "conversation" else {"total_notes": totals["total_notes"]}
    following = {"href": f"/v2/blog/{blog}/notes", "method": "GET", "query_params": {"before_timestamp": "1"}}
    return {"notes": notes_of(found[0]), "rollup_notes": [], **kept, "_links": {"next": following}}


def share_stats(request: Request) -> Body:
    """All notes of the posts about one exact address."""
    url, moment = request.query_params.get("url", ""), moment_of(request)
    about = [p for p in stage_of(request).world.posts("tumblr") if p.page.url == url and p.exists_at(moment)]
    return {"url": url, "note_count": sum(totals_of(p.votes_at(moment))["total_notes"] for p in about)}


def info(request: Request) -> Body:
    """A blog's own card."""
    return {"blog": {"name": blog_of(request), "title": "Invented", "uuid": "t:inv", "posts": 1}}


async def _posts(request: Request) -> Response:
    return answered(request, posts)


async def _notes(request: Request) -> Response:
    return answered(request, notes)


async def _info(request: Request) -> Response:
    return answered(request, info)


async def _share_stats(request: Request) -> Response:
    return answered(request, share_stats, is_keyed=False)


TWIN = Twin(
    "tumblr",
    [
        Route("/v2/blog/{blog}/posts", _posts),
        Route("/v2/blog/{blog}/posts/{type}", _posts),
        Route("/v2/blog/{blog}/notes", _notes),
        Route("/v2/blog/{blog}/info", _info),
        Route("/v2/share/stats", _share_stats),
    ],
    keys={"blogs": BLOG},
)
