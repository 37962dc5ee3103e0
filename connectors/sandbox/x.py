"""Twin of X: searching by words in a row, counting what search would not show, looking posts up by id.

Every third post of the world has a stranger beside it, whose address begins with the same words; each has a repost,
found only by a search that does not exclude reposts. Shy posts lack bookmarks and impressions, protected ones are
counted and never shown. Tokens choose the behaviour: `new…` meets the vocabulary of 2026 (`post.fields`,
`repost_count`); `expired…`, `unenrolled…`, `capped…`, `slow…` and `old-limit…` are refused, `hurried…` once a day;
`wallet-3` has credits for three answers a day, `broke…` for none.
"""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.sandbox.stage import Twin, day_of, moment_of, stage_of
from connectors.sandbox.world import World, WorldPost

WINDOW_SECONDS = 900
RECENT_DAYS, ARCHIVE_DAYS = 7, 30  # the archive's default
MOST_IDS = 100
FIELDS = frozenset({"id", "text", "created_at", "entities", "public_metrics", "lang", "edit_history_tweet_ids"})
OPERATORS = re.compile(r"-?is:\w+|-?has:\w+|lang:\w+|min_(?:likes|replies|reposts):\d+")

Body = dict[str, Any]
Params = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Item:
    """One post on X, made from a post of the world: the post itself, a stranger beside it, or a repost of it."""

    object_id: str
    post: WorldPost
    url: str
    is_repost: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """What the operator `url:` looks at."""
        return words_of(self.url)


@dataclass
class Refusal(Exception):
    """A problem on its way out."""

    status: int
    body: Body
    headers: dict[str, str] | None = None


def counts_of(votes: int) -> dict[str, int]:
    """Counters of a post, by the names of 2026."""
    spread = {"repost_count": votes // 3, "reply_count": votes // 4, "quote_count": votes // 8}
    return {**spread, "like_count": votes, "bookmark_count": votes // 6, "impression_count": 41 * votes}


def is_protected(post: WorldPost) -> bool:
    """Whether only followers may see a post."""
    return int(post.object_id) % 16 == 3


def words_of(text: str) -> tuple[str, ...]:
    """Text as the index sees it."""
    return tuple(re.findall(r"[a-z0-9]+", text.lower()))


@lru_cache(maxsize=8)
def items(world: World) -> dict[str, Item]:
    """Everything there will ever be, newest first, by id."""
    found = [item for n, post in enumerate(world.posts("x")) for item in _items_of(n, post)]
    found.sort(key=lambda item: (item.post.published_at, item.object_id), reverse=True)
    return {item.object_id: item for item in found}


def _items_of(n: int, post: WorldPost) -> list[Item]:
    number = int(post.object_id)
    others = [Item(str(number + 2), post, f"{post.page.url}-part-2")] if n % 3 == 0 else []
    return [Item(post.object_id, post, post.url), Item(str(number + 1), post, post.url, is_repost=True), *others]


def shortened(item: Item) -> bool:
    """Whether the link went through a shortener that X has resolved."""
    return int(item.object_id) % 2 == 0


# --- who may ask -----------------------------------------------------------------------------------------------------


def token_of(request: Request) -> str:
    """The bearer token."""
    return request.headers.get("authorization", "").removeprefix("Bearer ")


def is_new(request: Request) -> bool:
    """Whether this client meets the vocabulary of 2026."""
    return token_of(request).startswith("new")


def problem(request: Request, kind: str, **more: Any) -> Body:
    """A problem with a type under the host of the vocabulary."""
    site = "api.x.com" if is_new(request) else "api.twitter.com"
    return {**more, "type": f"https://{site}/2/problems/{kind}" if kind != "about:blank" else kind}


def admit(request: Request) -> None:
    """Refuses tokens that may not come in."""
    token, stage, day = token_of(request), stage_of(request), day_of(request)
    if not token or token.startswith("expired"):
        body = problem(request, "about:blank", title="Unauthorized", status=401, detail="Unauthorized")
        raise Refusal(401, body)
    if token.startswith("unenrolled"):
        words = {"title": "Client Forbidden", "detail": "This app must be attached to a Project."}
        raise Refusal(403, problem(request, "client-forbidden", reason="client-not-enrolled", **words))
    if token.startswith("capped"):
        words = {"title": "UsageCapExceeded", "detail": "Usage cap exceeded: Monthly product cap"}
        raise Refusal(429, problem(request, "usage-capped", account_id=1, period="Monthly", scope="Product", **words))
    if token.startswith("slow"):
        raise _too_many(request, 800)
    if token.startswith("old-limit"):
        body = {"errors": [{"code": 88, "message": "Rate limit exceeded"}]}
        raise Refusal(429, body, {"x-rate-limit-reset": str(int(time.time()))})
    if token.startswith("hurried") and stage.allowance(f"x-hurry:{day}:{token}", 1) >= 0:
        raise _too_many(request, 0)
    credits_left = re.fullmatch(r"wallet-(\d+).*", token)
    if token.startswith("broke"):
        words = {"title": "Payment Required", "detail": "credits depleted"}
        raise Refusal(402, problem(request, "credits-depleted", status=402, **words))
    if credits_left and stage.allowance(f"x-wallet:{day}:{token}", int(credits_left[1])) < 0:
        words = {"title": "CreditsDepleted", "detail": "Your enrolled account [1553] does not have any credits."}
        raise Refusal(402, problem(request, "credits", account_id=1553, **words))


def _too_many(request: Request, seconds: float) -> Refusal:
    body = problem(request, "about:blank", title="Too Many Requests", detail="Too Many Requests", status=429)
    headers = {"x-rate-limit-limit": "300", "x-rate-limit-remaining": "0"}
    return Refusal(429, body, headers | {"x-rate-limit-reset": str(int(time.time() + seconds))})


def spend(request: Request, route: str, limit: int) -> dict[str, str]:
    """One request of a window of 15 minutes; the headers that tell of it."""
    key = f"x:{day_of(request)}:{route}:{token_of(request)}"
    left, reset = stage_of(request).window(key, limit, WINDOW_SECONDS)
    if left < 0:
        raise _too_many(request, reset)
    told = {"x-rate-limit-limit": str(limit), "x-rate-limit-remaining": str(left), "api-version": "2.165"}
    return told | {"x-rate-limit-reset": str(int(time.time() + reset))}


def wrong(request: Request, name: str, message: str) -> Refusal:
    """The 400 for a wrong parameter."""
    inner = [{"parameters": {name: [request.query_params.get(name, "")]}, "message": message}]
    words = {"title": "Invalid Request", "detail": "One or more parameters to your request was invalid."}
    return Refusal(400, problem(request, "invalid-request", errors=inner, **words))


def check(request: Request, *allowed: str) -> None:
    """Refuses parameters and fields that this vocabulary does not know."""
    selector = "post.fields" if is_new(request) else "tweet.fields"
    for name in request.query_params:
        if name not in (*allowed, selector):
            known = ",".join([*allowed, selector])
            raise wrong(request, name, f"The query parameter [{name}] is not one of [{known}]")
    asked = [field for field in request.query_params.get(selector, "").split(",") if field]
    if strange := [field for field in asked if field not in FIELDS]:
        raise wrong(
            request, selector, f"The `{selector}` query parameter value [{strange[0]}] is not one of the fields"
        )


async def answered(request: Request, route: str, limit: int, answer: Callable[[Request], Body]) -> Response:
    """The frame of every answer: token, window, wallet, problems."""
    try:
        headers = spend(request, route, limit)
        admit(request)
        return JSONResponse(answer(request), headers=headers)
    except Refusal as refusal:
        return JSONResponse(refusal.body, refusal.status, refusal.headers)


# --- what there is ---------------------------------------------------------------------------------------------------


def node(request: Request, item: Item) -> Body:
    """A post with the fields asked for; its id, its text and its edits come always."""
    asked = request.query_params.get("post.fields" if is_new(request) else "tweet.fields", "").split(",")
    link = {"start": 0, "end": 23, "url": f"https://t.co/{item.object_id[-8:]}", "display_url": "invented"}
    if shortened(item):
        link |= {
            "expanded_url": item.url,
            "unwound_url": f"{item.url}?utm_source=x",
            "status": 200,
            "title": "Invented",
        }
    else:
        link |= {"expanded_url": item.url}
    fields: Body = {
        "created_at": f"{item.post.published_at:%Y-%m-%dT%H:%M:%S.000Z}",
        "entities": {"urls": [link], "mentions": [{"username": "somebody_invented", "id": "24"}]},
        "public_metrics": metrics(request, item),
        "lang": "en",
    }
    edits = "edit_history_post_ids" if is_new(request) else "edit_history_tweet_ids"
    always = {"id": item.object_id, "text": "Somebody Invented says https://t.co/x", edits: [item.object_id]}
    return always | {name: value for name, value in fields.items() if name in asked}


def metrics(request: Request, item: Item) -> dict[str, int]:
    """The public counters, under the names of the vocabulary; shy posts lack two."""
    counts = counts_of(item.post.votes_at(moment_of(request)))
    if item.post.is_shy:
        counts = {name: count for name, count in counts.items() if name not in ("bookmark_count", "impression_count")}
    return counts if is_new(request) else {n.replace("repost", "retweet"): count for n, count in counts.items()}


def matching(request: Request, longest: int, earliest: datetime) -> list[Item]:
    """Everything in the index that a query finds, deleted and protected posts too."""
    query = request.query_params.get("query", "")
    phrases = [words_of(phrase) for phrase in re.findall(r'url:"([^"]*)"', query)]
    rest = re.sub(r'url:"[^"]*"', "", query).split()
    if not query or len(query) > longest:
        raise wrong(request, "query", f"query must be between 1 and {longest} characters")
    if slash := next((word for word in rest if "/" in word), None):
        words = f"no viable alternative at character '/' (at position {query.index(slash) + slash.index('/') + 1})"
        raise wrong(request, "query", words)
    if unknown := next((word for word in rest if ":" in word and not OPERATORS.fullmatch(word)), None):
        raise wrong(request, "query", f"Reference to invalid operator '{unknown}'")
    moment = moment_of(request)
    return [
        item
        for item in items(stage_of(request).world).values()
        if earliest <= item.post.published_at <= moment
        and all(_in_a_row(phrase, item.words) for phrase in phrases)
        and not (item.is_repost and "-is:retweet" in rest)
    ]


def _in_a_row(phrase: tuple[str, ...], words: tuple[str, ...]) -> bool:
    return any(words[n : n + len(phrase)] == phrase for n in range(len(words) - len(phrase) + 1))


def search(request: Request, longest: int, most: int, days: int) -> Body:
    """One page of the posts that a query finds; `data` is left out when there is none."""
    check(request, "query", "max_results", "next_token", "pagination_token", "start_time", "end_time", "sort_order")
    asked, moment = request.query_params, moment_of(request)
    size = asked.get("max_results", "10")
    if not size.isdecimal() or not 10 <= int(size) <= most:
        raise wrong(
            request, "max_results", f"The `max_results` query parameter value [{size}] is not between 10 and {most}"
        )
    earliest = moment - timedelta(days=days)
    if since := asked.get("start_time"):
        earliest = datetime.fromisoformat(since)
        if longest == 512 and earliest < moment - timedelta(days=RECENT_DAYS):
            raise wrong(request, "start_time", "'start_time' must be on or after the start of the last seven days")
    shown = [i for i in matching(request, longest, earliest) if i.post.exists_at(moment) and not is_protected(i.post)]
    start = _start(request, asked.get("next_token") or asked.get("pagination_token"))
    page, following = shown[start : start + int(size)], start + int(size)
    meta: Body = {"result_count": len(page)}
    if not page:
        return {"meta": meta}
    meta |= {"newest_id": page[0].object_id, "oldest_id": page[-1].object_id}
    meta |= {"next_token": base64.b32encode(str(following).encode()).decode()} if following < len(shown) else {}
    return {"data": [node(request, item) for item in page], "meta": meta}


def _start(request: Request, token: str | None) -> int:
    try:
        return int(base64.b32decode(token)) if token else 0
    except ValueError:
        raise wrong(request, "next_token", "Invalid 'next_token'") from None


def count(request: Request) -> Body:
    """Posts per day of the last seven days."""
    check(request, "query", "granularity", "start_time", "end_time", "since_id", "until_id")
    moment = moment_of(request)
    first = moment - timedelta(days=RECENT_DAYS)
    found = matching(request, 512, first)
    edges = [first + timedelta(days=n) for n in range(RECENT_DAYS + 1)]
    bucket, total = ("post_count", "total_post_count") if is_new(request) else ("tweet_count", "total_tweet_count")
    data = [
        {
            "start": f"{start:%Y-%m-%dT%H:%M:%S.000Z}",
            "end": f"{end:%Y-%m-%dT%H:%M:%S.000Z}",
            bucket: sum(start < item.post.published_at <= end for item in found),
        }
        for start, end in pairwise(edges)
    ]
    return {"data": data, "meta": {total: sum(day[bucket] for day in data)}}


def look_up(request: Request) -> Body:
    """Posts by id; what is gone or protected stands in `errors` beside them."""
    check(request, "ids")
    ids = request.query_params.get("ids", "").split(",")
    if not 1 <= len(ids) <= MOST_IDS:
        raise wrong(
            request, "ids", f"The number of values in the `ids` query parameter list is not between 1 and {MOST_IDS}"
        )
    if strange := [i for i in ids if not re.fullmatch(r"[0-9]{1,19}", i)]:
        raise wrong(request, "ids", f"The `ids` query parameter value [{strange[0]}] is not valid")
    data, errors = [], []
    for i in ids:
        item = items(stage_of(request).world).get(i)
        if item is None or not item.post.exists_at(moment_of(request)):
            errors.append(_missing(request, i, "resource-not-found", "Not Found Error", "Could not find tweet"))
        elif is_protected(item.post):
            words = "Sorry, you are not authorized to see the Tweet of @somebody_invented"
            errors.append(_missing(request, i, "not-authorized-for-resource", "Authorization Error", words))
        else:
            data.append(node(request, item))
    return ({"data": data} if data else {}) | ({"errors": errors} if errors else {})


def _missing(request: Request, i: str, kind: str, title: str, words: str) -> Body:
    about = {"value": i, "resource_id": i, "resource_type": "tweet", "parameter": "ids"}
    return problem(request, kind, title=title, detail=f"{words} with ids: [{i}].", **about)


async def _token(request: Request) -> Response:
    given = request.headers.get("authorization", "").removeprefix("Basic ")
    key, _, secret = base64.b64decode(given or b"").decode().partition(":")
    if not key or not secret or secret.startswith("wrong"):
        error = {"code": 99, "message": "Unable to verify your credentials", "label": "authenticity_token_error"}
        return JSONResponse({"errors": [error]}, 403)
    if (await request.body()) != b"grant_type=client_credentials":
        return JSONResponse({"errors": [{"code": 170, "message": "Missing required parameter: grant_type"}]}, 403)
    return JSONResponse({"token_type": "bearer", "access_token": f"AAAA-twin-{key}"})


async def _recent(request: Request) -> Response:
    return await answered(request, "recent", 450, lambda r: search(r, 512, 100, RECENT_DAYS))


async def _archive(request: Request) -> Response:
    return await answered(request, "all", 300, lambda r: search(r, 1024, 500, ARCHIVE_DAYS))


async def _counts(request: Request) -> Response:
    return await answered(request, "counts", 300, count)


async def _tweets(request: Request) -> Response:
    return await answered(request, "tweets", 3500, look_up)


TWIN = Twin(
    "x",
    [
        Route("/oauth2/token", _token, methods=["POST"]),
        Route("/2/tweets/counts/recent", _counts),
        Route("/2/tweets/search/recent", _recent),
        Route("/2/tweets/search/all", _archive),
        Route("/2/tweets", _tweets),
    ],
)
