"""Twin of LinkedIn's versioned REST API: posts of one page and one person, their counters, reactions by kind.

Six posts in seven are the page's, the others the person's. Quiet posts of the page had no activity and are left out of
its statistics; of quiet posts of the person nothing is told. A few posts link to no page.
Tokens choose the behaviour: `expired…` is refused, `narrow…` lacks every scope, `spent…` has used up its day.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.sandbox.stage import Twin, bearer_of, day_of, moment_of, stage_of
from connectors.sandbox.world import World, WorldPost

ORGANIZATION, PERSON = "urn:li:organization:1066", "urn:li:person:tW1n"
OLDEST_VERSION = "202511"
MOST_PER_PAGE = 100
MOST_IDS = 200
DAY_LIMIT = 100_000
WINDOW = timedelta(days=365)
WRAPPER = "com.linkedin.adsexternalapi.memberanalytics.v1.CreatorPostAnalyticsMetricTypeV1"
METRICS_SINCE = {"POST_SAVE": "202604", "POST_SEND": "202604", "LINK_CLICKS": "202604"}
METRICS = {
    "IMPRESSION": "impressionCount",
    "MEMBERS_REACHED": "uniqueImpressionsCount",
    "RESHARE": "shareCount",
    "REACTION": "likeCount",
    "COMMENT": "commentCount",
    "POST_SAVE": "saveCount",
    "POST_SEND": "sendCount",
    "LINK_CLICKS": "clickCount",
}

Body = dict[str, Any]
Query = dict[str, Any]


class Refusal(Exception):
    """An answer in LinkedIn's error envelope."""

    def __init__(self, status: int, code: str, message: str, number: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"status": status, "code": code, "message": message}
        self.body |= {} if number is None else {"serviceErrorCode": number}


def urn_of(post: WorldPost) -> str:
    """The URN of a post: some are shares, some UGC posts."""
    return f"urn:li:{'share' if int(post.object_id) % 2 else 'ugcPost'}:{post.object_id}"


def author_of(post: WorldPost) -> str:
    """Whose post it is."""
    return PERSON if int(post.object_id) % 7 == 3 else ORGANIZATION


def has_link(post: WorldPost) -> bool:
    """Whether a post links to its page; few do not."""
    return int(post.object_id) % 23 != 5


def is_quiet(post: WorldPost) -> bool:
    """Whether nobody ever noticed a post."""
    return post.is_shy or int(post.object_id) % 11 == 2


def counts_at(post: WorldPost, moment: datetime) -> dict[str, int]:
    """Counters of the last twelve months; all zero for posts without activity."""
    votes = 0 if is_quiet(post) else post.votes_at(moment) - post.votes_at(moment - WINDOW)
    return {
        "likeCount": votes,
        "commentCount": votes // 8,
        "shareCount": votes // 5,
        "impressionCount": 40 * votes,
        "uniqueImpressionsCount": 25 * votes,
        "clickCount": 3 * votes,
        "saveCount": votes // 6,
        "sendCount": votes // 9,
    }


def reactions_at(post: WorldPost, moment: datetime) -> dict[str, int]:
    """Reactions by kind; kinds that nobody chose are not there."""
    votes = counts_at(post, moment)["likeCount"]
    parts = {"PRAISE": votes // 4, "EMPATHY": votes // 10, "INTEREST": votes // 20}
    return {kind: n for kind, n in ({"LIKE": votes - sum(parts.values())} | parts).items() if n}


@lru_cache(maxsize=8)
def posts_by_urn(world: World) -> dict[str, WorldPost]:
    """Every post, by URN."""
    return {urn_of(post): post for post in world.posts("linkedin")}


def restli(text: str) -> Any:
    """A value of Rest.li 2.0: a list, an object, or a percent-encoded word."""
    if text.startswith("List(") and text.endswith(")"):
        return [unquote(part) for part in text[5:-1].split(",") if part]
    if text.startswith("(") and text.endswith(")"):
        pairs = (part.partition(":") for part in text[1:-1].split(","))
        return {name: unquote(value) for name, _, value in pairs}
    if re.search(r"[(),:]", text):
        raise Refusal(400, "ILLEGAL_ARGUMENT", "Reserved characters must be percent-encoded outside of List().")
    return unquote(text)


async def _query(request: Request) -> Query:
    """The parameters, from the address or (tunnelled, because they are long) from the body of a POST."""
    raw = request.scope["query_string"].decode()
    if request.method == "POST":
        if request.headers.get("x-http-method-override") != "GET":
            raise Refusal(405, "METHOD_NOT_ALLOWED", "Only reading is played here.")
        raw = (await request.body()).decode()
    return {unquote(name): restli(value) for name, _, value in (p.partition("=") for p in raw.split("&")) if name}


def _admit(request: Request) -> None:
    token = bearer_of(request)
    version = request.headers.get("linkedin-version", "")
    if not token or token.startswith("expired"):
        raise Refusal(401, "EXPIRED_ACCESS_TOKEN", f"The token {token} used in the request has expired.", 65601)
    if version[:6] < OLDEST_VERSION:
        raise Refusal(426, "NONEXISTENT_VERSION", f"Requested version {version} is not active")
    if request.headers.get("x-restli-protocol-version") != "2.0.0":
        raise Refusal(400, "ILLEGAL_ARGUMENT", "Lists are read by version 2.0.0 of the protocol only.")
    if token.startswith("narrow"):
        raise Refusal(403, "ACCESS_DENIED", "Not enough permissions to access this resource.", 100)
    left = stage_of(request).allowance(f"linkedin:{day_of(request)}:{token}", DAY_LIMIT)
    if token.startswith("spent") or left < 0:
        message = "Resource level throttle limit for calls to this resource is reached."
        raise Refusal(429, "TOO_MANY_REQUESTS", message, 101)


def _answers(handler: Callable[[Request, Query], Body]) -> Any:
    async def answer(request: Request) -> Response:
        try:
            _admit(request)
            return JSONResponse(handler(request, await _query(request)))
        except Refusal as refusal:
            return JSONResponse(refusal.body, refusal.status)

    return answer


def _posts(request: Request, query: Query) -> Body:
    """`/posts`: by author, paged, or by ids."""
    if "ids" in query:
        return _by_ids(request, query, lambda post: _post_body(post, moment_of(request)))
    if query.get("q") != "author" or query.get("author") not in (ORGANIZATION, PERSON):
        raise Refusal(403, "ACCESS_DENIED", "The viewer may not see this author's posts.", 100)
    start, count = int(query.get("start", 0)), int(query.get("count", 10))
    if not 1 <= count <= MOST_PER_PAGE:
        raise Refusal(400, "ILLEGAL_ARGUMENT", f"count must be between 1 and {MOST_PER_PAGE}")
    owned = [p for p in reversed(stage_of(request).world.posts("linkedin")) if author_of(p) == query["author"]]
    alive = [p for p in owned if p.exists_at(moment_of(request))]
    page = [_post_body(post, moment_of(request)) for post in alive[start : start + count]]
    return {"paging": {"start": start, "count": count, "links": []}, "elements": page}


def _post_body(post: WorldPost, moment: datetime) -> Body:
    number, link = int(post.object_id), post.url if has_link(post) else None
    in_text = number % 3 == 0 and link
    escaped = re.sub(r"([|{}@\[\]()<>#*_~\\])", r"\\\1", f"{link} (read_me)")
    told = f"{escaped} {{hashtag|\\#|kettle}}" if in_text else "No address here."
    article = {"source": link, "title": "By Somebody Invented", "description": "Words of Somebody Invented"}
    published = int(post.published_at.timestamp() * 1000)
    return {
        "id": urn_of(post),
        "author": author_of(post),
        "commentary": f"Somebody Invented wrote: {told}",
        "content": {"article": article} if link and not in_text else {},
        "visibility": "PUBLIC",
        "lifecycleState": "PUBLISHED",
        "createdAt": published - 5000,
        "publishedAt": published,
        "lastModifiedAt": int(moment.timestamp() * 1000),
        "isReshareDisabledByAuthor": False,
    }


def _by_ids(request: Request, query: Query, body: Callable[[WorldPost], Body]) -> Body:
    ids, posts = query["ids"], posts_by_urn(stage_of(request).world)
    if not isinstance(ids, list) or not ids or len(ids) > MOST_IDS:
        raise Refusal(400, "ILLEGAL_ARGUMENT", f"ids must be a List() of 1 to {MOST_IDS} URNs")
    there = {i: posts[i] for i in ids if i in posts and posts[i].exists_at(moment_of(request))}
    gone = [i for i in ids if i not in there]
    errors = {i: {"status": 404, "message": f"Cannot find {i}"} for i in gone}
    return {
        "results": {i: body(post) for i, post in there.items()},
        "statuses": dict.fromkeys(gone, 404),
        "errors": errors,
    }


def _statistics(request: Request, query: Query) -> Body:
    """`/organizationalEntityShareStatistics`: posts without activity (and unknown ones) are left out."""
    if query.get("q") != "organizationalEntity" or query.get("organizationalEntity") != ORGANIZATION:
        raise Refusal(403, "ACCESS_DENIED", "The viewer is no administrator of this organization.", 100)
    posts, moment = posts_by_urn(stage_of(request).world), moment_of(request)
    elements = []
    for key, name, kind in (("share", "shares", "urn:li:share:"), ("ugcPost", "ugcPosts", "urn:li:ugcPost:")):
        for urn in query.get(name, ()):
            if not urn.startswith(kind):
                raise Refusal(400, "ILLEGAL_ARGUMENT", f"{name} must hold {kind}…")
            post = posts.get(urn)
            if (
                post
                and post.exists_at(moment)
                and author_of(post) == ORGANIZATION
                and any(_told(post, moment).values())
            ):
                elements.append(
                    {"organizationalEntity": ORGANIZATION, key: urn, "totalShareStatistics": _told(post, moment)}
                )
    return {"paging": {"start": 0, "count": 10, "links": []}, "elements": elements}


def _told(post: WorldPost, moment: datetime) -> dict[str, float]:
    counts = counts_at(post, moment)
    kept = {name: n for name, n in counts.items() if name not in ("saveCount", "sendCount")}
    return kept | ({"engagement": 0.0753} if kept["impressionCount"] else {})


def _member(request: Request, query: Query) -> Body:
    """`/memberCreatorPostAnalytics`: one metric of one post."""
    metric, entity = query.get("queryType", ""), query.get("entity", {})
    version = request.headers["linkedin-version"][:6]
    if metric not in METRICS or version < METRICS_SINCE.get(metric, ""):
        raise Refusal(400, "ILLEGAL_ARGUMENT", f"{metric} is not a queryType of version {version}")
    if query.get("q") != "entity" or query.get("aggregation") != "TOTAL" or not isinstance(entity, dict):
        raise Refusal(400, "ILLEGAL_ARGUMENT", "Only totals of one entity are played here.")
    kind, urn = next(iter(entity.items()))
    post = posts_by_urn(stage_of(request).world).get(urn)
    if post is None or author_of(post) != PERSON or kind != ("ugc" if ":ugcPost:" in urn else "share"):
        raise Refusal(403, "ACCESS_DENIED", "This is no post of the member.", 100)
    told = {WRAPPER: metric} if version < "202605" else metric
    element = {
        "count": counts_at(post, moment_of(request))[METRICS[metric]],
        "metricType": told,
        "targetEntity": {kind: urn},
    }
    paging = {"start": 0, "count": 10, "links": []}
    return {"paging": paging, "elements": [] if is_quiet(post) else [element]}


def _metadata(request: Request, query: Query) -> Body:
    """`/socialMetadata`: reactions by kind, and comments."""
    return _by_ids(request, query, lambda post: _metadata_body(post, moment_of(request)))


def _metadata_body(post: WorldPost, moment: datetime) -> Body:
    comments = counts_at(post, moment)["commentCount"]
    return {
        "entity": urn_of(post),
        "commentsState": "OPEN",
        "commentSummary": {"count": comments, "topLevelCount": comments // 2},
        "reactionSummaries": {k: {"reactionType": k, "count": n} for k, n in reactions_at(post, moment).items()},
    }


_METHODS = ["GET", "POST"]
TWIN = Twin(
    "linkedin",
    [
        Route("/posts", _answers(_posts), methods=_METHODS),
        Route("/organizationalEntityShareStatistics", _answers(_statistics), methods=_METHODS),
        Route("/memberCreatorPostAnalytics", _answers(_member), methods=_METHODS),
        Route("/socialMetadata", _answers(_metadata), methods=_METHODS),
    ],
    keys={"authors": ORGANIZATION, "reactions": "true"},
    post_id=urn_of,
)
