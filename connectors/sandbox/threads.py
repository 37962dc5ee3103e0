"""Twin of the Threads API: one account's posts, one post by id, and the insights of a post.

One post in ten reposts somebody else's (its insights are empty), one in ten links to no page; half of the others carry
the link in their text only. Shy posts lack `views`; `likes` come as `total_value`. Tokens choose the behaviour, as on
Facebook, and besides: `cursors…` is given pages without `next`, `dated…` meets an API that knows neither the metric
`views` nor the field `link_attachment_url`, `narrow…` may not read insights.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.sandbox.facebook import Body, Refusal, chosen, graph, paged
from connectors.sandbox.stage import Twin, moment_of, stage_of
from connectors.sandbox.world import World, WorldPost

METRICS = ("views", "likes", "replies", "reposts", "quotes", "shares")
RETIRED_METRIC, RETIRED_FIELD = "views", "link_attachment_url"


def counts_of(votes: int) -> dict[str, int]:
    """Counters of a post, by metric."""
    spread = {"replies": votes // 4, "reposts": votes // 5, "quotes": votes // 9, "shares": votes // 7}
    return {"views": 60 * votes + 5, "likes": votes, **spread}


def is_facade(post: WorldPost) -> bool:
    """Whether a post only reposts somebody else's."""
    return post.object_id[-1] == "7"


def has_link(post: WorldPost) -> bool:
    """Whether a post links to its page."""
    return not is_facade(post) and post.object_id[-1] != "3"


def is_attached(post: WorldPost) -> bool:
    """Whether the link is attached; if not, it stands in the text."""
    return int(post.object_id) // 10 % 2 == 0


def text_of(post: WorldPost) -> str | None:
    """The text, none for a repost."""
    link = f" https://www.threads.net/@invented and {post.url}." if has_link(post) and not is_attached(post) else ""
    return None if is_facade(post) else f"Somebody Invented wrote this.{link}"


@lru_cache(maxsize=8)
def _posts(world: World) -> tuple[WorldPost, ...]:
    """The posts of the account, newest first."""
    return tuple(reversed(world.posts("threads")))


def node(request: Request, token: str, post: WorldPost, fields: str) -> Body | None:
    """A post, None when there is none at this moment."""
    if not post.exists_at(moment_of(request)):
        return None
    known: dict[str, Callable[[], Any]] = {
        "id": lambda: post.object_id,
        "text": lambda: text_of(post),
        "username": lambda: "somebody.invented",
        "owner": lambda: {"id": "24"},
        "permalink": lambda: f"https://www.threads.net/@somebody.invented/post/{post.object_id[-9:]}",
        "media_product_type": lambda: "THREADS",
        "media_type": lambda: "REPOST_FACADE" if is_facade(post) else "TEXT_POST",
        "timestamp": lambda: f"{post.published_at:%Y-%m-%dT%H:%M:%S+0000}",
        "is_quote_post": lambda: False,
        "link_attachment_url": lambda: post.url if has_link(post) and is_attached(post) else None,
    }
    if token.startswith("dated"):
        known.pop(RETIRED_FIELD)
    return chosen(fields, known, "ThreadsMedia")


def insights(post: WorldPost, votes: int, metrics: Sequence[str], supported: Sequence[str] = METRICS) -> Body:
    """Insights of a post: one unknown metric fails all, a repost has none, a shy post has no views."""
    if wrong := [m for m in metrics if m not in supported]:
        words = f"(#100) metric[{list(metrics).index(wrong[0])}] must be one of the following values: "
        raise Refusal(100, words + ", ".join(supported))
    late = ("views",) if post.is_shy else ()
    found = [] if is_facade(post) else [m for m in metrics if m not in late]
    return {"data": [_metric(post, name, counts_of(votes)[name]) for name in found]}


def _metric(post: WorldPost, name: str, count: int) -> Body:
    value: Body = {"total_value": {"value": count}} if name == "likes" else {"values": [{"value": count}]}
    words = {"title": name.title(), "description": f"The number of {name} on your post."}
    return {"name": name, "period": "lifetime", **value, **words, "id": f"{post.object_id}/insights/{name}/lifetime"}


def _list_answer(request: Request, token: str, params: dict[str, str]) -> Body:
    past = [p for p in _posts(stage_of(request).world) if p.published_at <= moment_of(request)]
    fields = params.get("fields", "id")
    if not token.startswith("cursors"):
        return paged(request, params, past, lambda post: node(request, token, post, fields))
    alive = [p for p in past if p.exists_at(moment_of(request))]
    limit = int(params.get("limit") or 25)
    start = int(base64.urlsafe_b64decode(params["after"])) if params.get("after") else 0
    after = base64.urlsafe_b64encode(str(start + limit).encode()).decode()
    data = [node(request, token, post, fields) for post in alive[start : start + limit]]
    return {"data": data, "paging": {"cursors": {"before": "QVFI", "after": after}}}


def _existing(request: Request) -> WorldPost:
    post = stage_of(request).world.post("threads", request.path_params["post"])
    if post is None or not post.exists_at(moment_of(request)):
        raise Refusal(100, "Unsupported get request. Object does not exist, or permissions are missing.", 33)
    return post


def _insights_answer(request: Request, token: str, params: dict[str, str]) -> Body:
    post = _existing(request)
    if token.startswith("narrow"):
        raise Refusal(10, "(#10) Application does not have permission for this action", status=403)
    is_dated = token.startswith("dated")
    supported = [m for m in METRICS if not (is_dated and m == RETIRED_METRIC)]
    return insights(post, post.votes_at(moment_of(request)), params.get("metric", "").split(","), supported)


def _node_answer(request: Request, token: str, params: dict[str, str]) -> Body:
    return node(request, token, _existing(request), params.get("fields", "id")) or {}


async def _list(request: Request) -> Response:
    return await graph(request, "threads", _list_answer)


async def _insights(request: Request) -> Response:
    return await graph(request, "threads", _insights_answer)


async def _node(request: Request) -> Response:
    return await graph(request, "threads", _node_answer)


TWIN = Twin(
    "threads",
    [
        Route("/{version}/me/threads", _list),
        Route("/{version}/{post}/insights", _insights),
        Route("/{version}/{post}", _node),
    ],
)
