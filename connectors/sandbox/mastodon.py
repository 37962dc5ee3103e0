"""Twin of a Mastodon instance: posts by id, links that trend, the posts about them, and a search that hides posts.

Every address that posts of the world are written with is a link of its own; those of pages with an even number trend.
Shy posts come from elsewhere: their favourites are null, they have no card, and nobody has counted their quotes.
Tokens choose the behaviour: `expired…` is refused, `outsider…` meets an instance closed to strangers, `old…` an
instance of before 4.3, which knows neither many posts at once nor timelines of links, nor quotes.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.sandbox.stage import Twin, day_of, moment_of, stage_of
from connectors.sandbox.world import World, WorldPost, noon

REQUESTS, WINDOW_SECONDS = 300, 300
MOST_IDS, MOST_TRENDS, MOST_STATUSES = 20, 20, 40
HISTORY_DAYS = 7
NOT_FOUND, CLOSED = "Record not found", "This API requires an authenticated user"
NO_PAGES = "Search queries pagination is not supported without authentication"
NO_RESOLVING = "Search queries that resolve remote resources are not supported without authentication"


def boosts(post: WorldPost, moment: datetime) -> int:
    """Boosts of a post: one for two favourites."""
    return post.votes_at(moment) // 2


def quotes(post: WorldPost, moment: datetime) -> int:
    """Quotes of a post: one for seven boosts."""
    return boosts(post, moment) // 7


def replies(post: WorldPost, moment: datetime) -> int:
    """Replies to a post: one for three favourites."""
    return post.votes_at(moment) // 3


@lru_cache(maxsize=8)
def links(world: World) -> dict[str, list[WorldPost]]:
    """The posts by the address they link to, for pages that trend."""
    found: dict[str, list[WorldPost]] = {}
    for post in world.posts("mastodon"):
        if post.page.index % 2 == 0:
            found.setdefault(post.url, []).append(post)
    return found


def trending(world: World, moment: datetime) -> dict[str, list[WorldPost]]:
    """The links that trend at a moment, with the posts that exist then."""
    alive = {url: [p for p in posts if p.exists_at(moment)] for url, posts in links(world).items()}
    return {url: posts for url, posts in alive.items() if posts}


def uses(posts: list[WorldPost], day: date) -> int:
    """How often a link was used on a day; nothing before it was first posted."""
    older = [p for p in posts if p.published_at <= noon(day)]
    return len(older) + (older[0].page.index + day.toordinal()) % 4 if older else 0


def uses_of_week(posts: list[WorldPost], day: date) -> int:
    """The uses that the history of a link adds up to."""
    return sum(uses(posts, day - timedelta(days=n)) for n in range(HISTORY_DAYS))


def _token(request: Request) -> str:
    return request.headers.get("authorization", "").removeprefix("Bearer ")


def _error(status: int, words: str) -> JSONResponse:
    return JSONResponse({"error": words}, status)


def _answer(request: Request, body: Any, following: str = "", status: int = 200) -> Response:
    """The answer with the headers of the window, or the refusal that the token or the window asks for."""
    token = _token(request)
    remaining, reset = stage_of(request).window(f"mastodon {token}", REQUESTS, WINDOW_SECONDS)
    answer = JSONResponse(body, status)
    if remaining < 0:
        answer = _error(429, "Too many requests")
    elif token.startswith("expired"):
        answer = _error(401, "The access token is invalid")
    elif token.startswith("outsider"):
        answer = _error(401, CLOSED)
    elif following:
        address = request.url.include_query_params(max_id=following)
        answer.headers["Link"] = f'<{address}>; rel="next", <{request.url}>; rel="prev"'
    answer.headers["X-RateLimit-Limit"] = str(REQUESTS)
    answer.headers["X-RateLimit-Remaining"] = str(max(remaining, 0))
    answer.headers["X-RateLimit-Reset"] = f"{datetime.now(UTC) + timedelta(seconds=reset):%Y-%m-%dT%H:%M:%S.%fZ}"
    return answer


def _body(request: Request, post: WorldPost) -> dict[str, Any]:
    """A status, with invented people and words."""
    moment, person = moment_of(request), f"person{post.object_id[-5:]}"
    card = {"url": post.url, "title": post.page.title, "description": "Invented words", "type": "link", "image": None}
    is_old = post.is_shy or _token(request).startswith("old")
    return {
        "id": post.object_id,
        "created_at": f"{post.published_at:%Y-%m-%dT%H:%M:%S}.000Z",
        "uri": f"https://m.example/users/{person}/statuses/{post.object_id}",
        "url": f"https://m.example/@{person}/{post.object_id}",
        "visibility": "public",
        "language": "en",
        "content": f'<p><a href="https://m.example/@friend" class="u-url mention">@friend</a> read '
        f'<a href="{post.url}" rel="nofollow">this</a></p>',
        "replies_count": replies(post, moment),
        "reblogs_count": boosts(post, moment),
        "favourites_count": None if post.is_shy else post.votes_at(moment),
        **({} if is_old else {"quotes_count": quotes(post, moment)}),
        "edited_at": None,
        "reblog": None,
        "card": None if post.is_shy else card,
        "account": {"id": "1", "acct": person, "display_name": "Somebody Invented"},
        "media_attachments": [],
        "mentions": [{"id": "2", "username": "friend", "acct": "friend", "url": "https://m.example/@friend"}],
        "tags": [],
        "emojis": [],
        "poll": None,
    }


def _status(request: Request, object_id: str) -> WorldPost | None:
    post = stage_of(request).world.post("mastodon", object_id)
    return post if post and post.exists_at(moment_of(request)) else None


async def statuses(request: Request) -> Response:
    """`/api/v1/statuses`: posts by id, at most 20; those that are gone are left out."""
    ids = list(dict.fromkeys(request.query_params.getlist("id[]")))
    if _token(request).startswith("old"):
        return _answer(request, {"error": NOT_FOUND}, status=404)
    if len(ids) > MOST_IDS:
        return _answer(request, {"error": "Validation failed"}, status=422)
    return _answer(request, [_body(request, post) for i in ids if (post := _status(request, i))])


async def status(request: Request) -> Response:
    """`/api/v1/statuses/<id>`: one post."""
    post = _status(request, request.path_params["id"])
    return _answer(request, _body(request, post)) if post else _answer(request, {"error": NOT_FOUND}, status=404)


async def trends(request: Request) -> Response:
    """`/api/v1/trends/links`: links by use, with seven days of history in text."""
    day, moment = day_of(request), moment_of(request)
    found = sorted(trending(stage_of(request).world, moment).items(), key=lambda i: (-uses_of_week(i[1], day), i[0]))
    offset, limit = _number(request, "offset", 0), min(_number(request, "limit", 10), MOST_TRENDS)
    return _answer(request, [_link(url, posts, day) for url, posts in found[offset : offset + limit]])


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, "")
    return int(text) if text.isdecimal() else default


def _link(url: str, posts: list[WorldPost], day: date) -> dict[str, Any]:
    history = [_history(posts, day - timedelta(days=n)) for n in range(HISTORY_DAYS)]
    words = {"title": posts[0].page.title, "description": "", "author_name": "Somebody Invented", "provider_name": ""}
    return {"url": url, **words, "type": "link", "image": None, "history": history}


def _history(posts: list[WorldPost], day: date) -> dict[str, str]:
    midnight, used = int(noon(day).timestamp()) // 86400 * 86400, str(uses(posts, day))
    return {"day": str(midnight), "accounts": used, "uses": used}


async def link_timeline(request: Request) -> Response:
    """`/api/v1/timelines/link`: the posts about one trending address, letter by letter, newest first."""
    about = trending(stage_of(request).world, moment_of(request)).get(request.query_params.get("url", ""))
    if about is None or _token(request).startswith("old"):
        return _answer(request, {"error": NOT_FOUND}, status=404)
    limit, max_id = min(_number(request, "limit", 20), MOST_STATUSES), _number(request, "max_id", 10**30)
    rest = sorted((p for p in about if int(p.object_id) < max_id), key=lambda p: -int(p.object_id))
    page = rest[:limit]
    return _answer(request, [_body(request, p) for p in page], page[-1].object_id if page else "")


async def search(request: Request) -> Response:
    """`/api/v2/search`: strangers find no posts, turn no pages and resolve nothing."""
    is_known = bool(_token(request))
    if not is_known and "offset" in request.query_params:
        return _answer(request, {"error": NO_PAGES}, status=401)
    if not is_known and request.query_params.get("resolve") in ("true", "1"):
        return _answer(request, {"error": NO_RESOLVING}, status=401)
    return _answer(request, {"accounts": [], "statuses": [], "hashtags": []})


async def instance(request: Request) -> Response:
    """`/api/v2/instance`: what the instance says of itself."""
    version = "4.2.10" if _token(request).startswith("old") else "4.5.0"
    return _answer(request, {"domain": "m.example", "title": "m.example", "version": version, "configuration": {}})


TWIN = Twin(
    "mastodon",
    [
        Route("/api/v1/statuses", statuses),
        Route("/api/v1/statuses/{id}", status),
        Route("/api/v1/trends/links", trends),
        Route("/api/v1/timelines/link", link_timeline),
        Route("/api/v2/search", search),
        Route("/api/v2/instance", instance),
    ],
)
