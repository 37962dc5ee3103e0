"""Twin of dev.to: articles by author, one article by its number or path, and the author's own list with views.

Every site of the world is an author (`alder`, `birch`, …); the key's owner is the first of them. An article is a copy
of its page, but for some that were written for dev.to first. Keys that begin with `refused` are refused.
Shy articles of one's own tell no views.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from connectors.sandbox.stage import Twin, moment_of, stage_of
from connectors.sandbox.world import SITES, WorldPost

REQUESTS_PER_SECOND = 3
DEFAULT_SIZE, MOST = 30, 1000
OWNER = SITES[0]


def number_of(post: WorldPost) -> int:
    """The id of a post's article."""
    return 1_900_000 + (int(post.object_id) - 813_744_226_420_000_000) // 1013


def author_of(post: WorldPost) -> str:
    """Who wrote a post's article: its site."""
    return post.page.site.removesuffix(".example")


def is_copy(post: WorldPost) -> bool:
    """Whether an article names the page that it is a copy of; few were written for dev.to first."""
    return number_of(post) % 9 != 4


def page_of(post: WorldPost) -> str:
    """What an article calls its canonical address."""
    return post.url if is_copy(post) else f"https://dev.to{_path(post)}"


def counts(post: WorldPost, moment: datetime) -> dict[str, int]:
    """Public counters: one comment for seven reactions."""
    votes = post.votes_at(moment)
    return {"public_reactions_count": votes, "comments_count": votes // 7, "positive_reactions_count": votes}


def views(post: WorldPost, moment: datetime) -> int | None:
    """What the author is told of views; nothing for shy articles."""
    return None if post.is_shy else 25 * post.votes_at(moment) + 8


def _path(post: WorldPost) -> str:
    return f"/{author_of(post)}/guide-{number_of(post):x}"


def refuse(status: int, words: str) -> Response:
    """Forem's error envelope."""
    return JSONResponse({"error": words, "status": status}, status)


def stop(request: Request) -> Response | None:
    """429 for clients that ask too fast."""
    client = request.client.host if request.client else ""
    left, _ = stage_of(request).window(f"devto {client}", REQUESTS_PER_SECOND, 1.0)
    return PlainTextResponse("Retry later\n", 429, {"Retry-After": "1"}) if left < 0 else None


def _articles(request: Request) -> list[WorldPost]:
    """What is public now, newest first."""
    moment = moment_of(request)
    return [p for p in reversed(stage_of(request).world.posts("devto")) if p.exists_at(moment)]


async def articles(request: Request) -> Response:
    """`/articles`: public articles, of one author where one is named; an empty list for an author that is not there."""
    author = request.query_params.get("username")
    found = [p for p in _articles(request) if author in (None, author_of(p))]
    return stop(request) or _listed(request, found, is_own=False)


async def published(request: Request) -> Response:
    """`/articles/me/published`: the articles of the key's owner, with views."""
    key = request.headers.get("api-key", "")
    if not key or key.startswith("refused"):
        return refuse(401, "unauthorized")
    return stop(request) or _listed(request, [p for p in _articles(request) if author_of(p) == OWNER], is_own=True)


def _listed(request: Request, found: list[WorldPost], *, is_own: bool) -> Response:
    page, size = (
        request.query_params.get(name, default) for name, default in (("page", "1"), ("per_page", str(DEFAULT_SIZE)))
    )
    if not page.isdecimal() or not size.isdecimal() or not 1 <= int(size) <= MOST or int(page) < 1:
        return refuse(422, "param is invalid")
    start = (int(page) - 1) * int(size)
    return JSONResponse([_listed_article(request, p, is_own) for p in found[start : start + int(size)]])


async def article(request: Request) -> Response:
    """`/articles/{id}` and `/articles/{author}/{slug}`: one article with its text."""
    wanted = request.path_params
    for post in _articles(request):
        if number_of(post) == wanted.get("id") or _path(post) == f"/{wanted.get('author')}/{wanted.get('slug')}":
            return stop(request) or JSONResponse(_whole_article(request, post))
    return refuse(404, "not found")


def _whole_article(request: Request, post: WorldPost) -> dict[str, Any]:
    """One article by itself: here the tags are the other way round."""
    texts = {"body_html": "<p>Invented words</p>", "body_markdown": "Invented words"}
    return _article(request, post) | texts | {"tag_list": "invented", "tags": ["invented"]}


def _listed_article(request: Request, post: WorldPost, is_own: bool) -> dict[str, Any]:
    own = {"page_views_count": views(post, moment_of(request)), "published": True} if is_own else {}
    return _article(request, post) | {"tag_list": ["invented"], "tags": "invented"} | own


def _article(request: Request, post: WorldPost) -> dict[str, Any]:
    at, author = f"{post.published_at:%Y-%m-%dT%H:%M:%SZ}", author_of(post)
    return {
        "type_of": "article",
        "id": number_of(post),
        "title": "Somebody Invented's title",
        "description": "Invented words",
        "slug": _path(post).rpartition("/")[2],
        "path": _path(post),
        "url": f"https://dev.to{_path(post)}",
        "canonical_url": page_of(post),
        **counts(post, moment_of(request)),
        "collection_id": None,
        "created_at": at,
        "published_at": at,
        "published_timestamp": at,
        "edited_at": None,
        "crossposted_at": None,
        "reading_time_minutes": 4,
        "cover_image": None,
        "user": {"name": "Somebody Invented", "username": author, "user_id": 9, "twitter_username": None},
    }


TWIN = Twin(
    "devto",
    [
        Route("/articles", articles),
        Route("/articles/me/published", published),
        Route("/articles/{id:int}", article),
        Route("/articles/{author}/{slug}", article),
    ],
    keys={"authors": ",".join(SITES)},
    post_id=lambda post: str(number_of(post)),
)
