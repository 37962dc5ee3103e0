"""Twin of Buffer: one GraphQL address with the account's organizations and the posts that it sent.

Each post of the world was sent to one network, told by its page. Metrics are those of the network, refreshed at ten
past three (UTC); a post sent after that has none yet (zeros, `metricsUpdatedAt` null), and those of some pages are
three days old. What a network does not report is 0: Pinterest's reactions and LinkedIn's clicks always, and everything
of shy posts. Until 2026-12-01 the old names come beside the new ones. One organization holds most posts, the other the
rest.

Tokens choose the behaviour: `expired…` and `forged…` are refused, `narrow…` may not read, `flaky…` fails once a day,
`partial…` gets errors beside its posts, `hurried…` is told once to wait, `spent…` has used up its day.
"""

from __future__ import annotations

import base64
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.sandbox.stage import Twin, bearer_of, day_of, moment_of, stage_of
from connectors.sandbox.world import World, WorldPost

ORGANIZATIONS = ("66f0a1", "66f0a2")
MOST_POSTS = 100
QUOTAS = {900: 100, 86400: 250, 2592000: 3000}
METRICS = {
    "facebook": ("reactions", "likes", "comments", "shares", "impressions", "clicks", "reach", "engagementRate"),
    "linkedin": ("reactions", "comments", "shares", "impressions", "clicks", "viewers", "engagementRate"),
    "twitter": ("reactions", "comments", "reposts", "quotes", "impressions", "clicks"),
    "threads": ("reactions", "comments", "shares", "reposts", "quotes", "views"),
    "pinterest": ("reactions", "comments", "saves", "impressions", "clicks"),
    "mastodon": ("reactions", "comments", "reposts"),
    "instagram": ("reactions", "comments", "shares", "saves", "views", "reach", "follows"),
}
OLD_NAMES = {"reposts": "retweets", "reactions": "favorites", "comments": "replies", "clicks": "link_clicks"}
OLD_NAMES_END = date(2026, 12, 1)
NETWORKS = tuple(METRICS)
UNREPORTED = {("pinterest", "reactions"), ("linkedin", "clicks")}
ATTACHING = {
    "facebook": "FacebookPostMetadata",
    "linkedin": "LinkedInPostMetadata",
    "threads": "ThreadsPostMetadata",
}


def network(post: WorldPost) -> str:
    """Where a post was sent."""
    return NETWORKS[post.page.index % len(NETWORKS)]


def post_id(post: WorldPost) -> str:
    """Buffer's id of a post."""
    return f"66f{int(post.object_id):021x}"


def organization(post: WorldPost) -> str:
    """Whose post it is."""
    return ORGANIZATIONS[post.page.index % 5 == 0]


def has_link(post: WorldPost) -> bool:
    """Whether a post links to its page; few do not."""
    return post.page.index % 11 != 7


def updated_at(post: WorldPost, moment: datetime) -> datetime | None:
    """When Buffer last looked at a post; None before its first look."""
    today = datetime.combine(moment.date(), time(3, 10), UTC)
    last = today - timedelta(days=3) if post.page.index % 6 == 1 else today
    return last if last > post.published_at else None


def metrics(post: WorldPost, moment: datetime) -> dict[str, float]:
    """The numbers Buffer tells: those of its last look, and 0 for whatever was not reported."""
    seen, found = updated_at(post, moment), {}
    votes = post.votes_at(seen) if seen and not post.is_shy else 0
    for name in METRICS[network(post)]:
        is_told = votes and (network(post), name) not in UNREPORTED
        found[name] = float(count(name, votes)) if is_told else 0.0
    return found


def count(name: str, votes: int) -> float:
    """A metric of a post with so many votes."""
    shares = {
        "reactions": votes,
        "likes": votes // 2,
        "comments": votes // 4,
        "shares": votes // 5,
        "saves": votes // 3,
    }
    wide = {"impressions": 30 * votes + 2, "views": 20 * votes + 1, "clicks": 3 * votes, "reach": 17 * votes}
    return (shares | wide | {"reposts": votes // 6, "quotes": votes // 40}).get(name, 3.4)


def refuse(code: str, message: str, status: int = 200, **more: Any) -> Response:
    """A GraphQL error without data."""
    extensions = {"code": code, **more} if code else {}
    return JSONResponse({"data": None, "errors": [{"message": message, "extensions": extensions}]}, status)


def limited(request: Request, token: str) -> tuple[dict[str, str], int | None]:
    """The headers of all windows, and the length of the one that is used up, if any."""
    stage, told, used_up = stage_of(request), [], None
    for seconds, quota in QUOTAS.items():
        left, reset = stage.window(f"buffer:{day_of(request)}:{seconds}:{token}", quota, seconds)
        if token.startswith("spent") and seconds == 86400:
            left, reset = -1, 51000.0
        used_up = seconds if left < 0 and used_up is None else used_up
        told.append((f'"{quota}-in-{seconds}"', seconds, quota, max(left, 0), reset))
    now = ", ".join(f"{name};r={left};t={reset:.0f}" for name, _, _, left, reset in told)
    policy = ", ".join(f"{name};q={quota};w={seconds};pk=:aW52ZW50ZWQ=:" for name, seconds, quota, _, _ in told)
    return {"RateLimit": now, "RateLimit-Policy": policy}, used_up


async def graphql(request: Request) -> Response:
    """The one address."""
    token = bearer_of(request)
    if not token or token.startswith("expired"):
        return refuse("UNAUTHENTICATED", "An authentication JWT or Access Token is required", 401)
    headers, used_up = limited(request, token)
    first_today = stage_of(request).allowance(f"buffer-first:{day_of(request)}:{token}", 1) >= 0
    if used_up or (token.startswith("hurried") and first_today):
        name = {900: "15m", 86400: "24h", 2592000: "30d"}[used_up or 900]
        words = "Too many requests from this client. Please try again later."
        answer = refuse("RATE_LIMIT_EXCEEDED", words, 429, window=name)
        headers["Retry-After"] = "0" if token.startswith("hurried") else "51000" if used_up == 86400 else "1"
    else:
        answer = await _answer(request, token, first_today)
    answer.headers.update(headers)
    return answer


async def _answer(request: Request, token: str, first_today: bool) -> Response:
    for kind, code, words in (
        ("forged", "UNAUTHORIZED", f"Invalid API key {token}"),
        ("narrow", "FORBIDDEN", "Not allowed to read insights"),
        ("flaky", "UNEXPECTED", "Something went wrong"),
    ):
        if token.startswith(kind) and (kind != "flaky" or first_today):
            return refuse(code, words)
    body = await request.json()
    query, variables = str(body.get("query")), body.get("variables") or {}
    if "organizations" in query:
        own = [{"id": o, "name": "Somebody Invented Ltd"} for o in ORGANIZATIONS]
        asked = [{"id": o["id"]} if "name" not in query else o for o in own]
        return JSONResponse({"data": {"account": {"organizations": asked}}})
    if "posts(" not in query:
        return refuse("", "Cannot query field")
    return _posts(request, query, variables, is_partial=token.startswith("partial"))


def _posts(request: Request, query: str, variables: dict[str, Any], *, is_partial: bool) -> Response:
    asked, size = variables.get("input") or {}, variables.get("first")
    if not isinstance(size, int) or not 1 <= size <= MOST_POSTS:
        return refuse("", "first must be between 1 and 100")
    if asked.get("organizationId") not in ORGANIZATIONS:
        return refuse("NOT_FOUND", "Organization not found")
    found = _matching(stage_of(request).world, asked, moment_of(request))
    start = int(base64.b64decode(variables["after"])) if variables.get("after") else 0
    page = found[start : start + size]
    edges = [
        {"node": _node(p, query, moment_of(request)), "cursor": _cursor(start + n + 1)} for n, p in enumerate(page)
    ]
    is_more = start + size < len(found)
    info = {"hasNextPage": is_more, "endCursor": _cursor(start + len(page)) if page else None}
    answer: dict[str, Any] = {"data": {"posts": {"edges": edges, "pageInfo": info}}}
    problem = {"message": "A channel could not be read", "path": ["posts"], "extensions": {"code": "UNEXPECTED"}}
    return JSONResponse(answer | ({"errors": [problem]} if is_partial else {}))


def _cursor(n: int) -> str:
    return base64.b64encode(str(n).encode()).decode()


def _matching(world: World, asked: dict[str, Any], moment: datetime) -> list[WorldPost]:
    """Sent posts of the organization in the window, the newest first; both forms of the window are understood."""
    wanted = asked.get("filter") or {}
    span = wanted.get("dueAt") or {"start": wanted.get("startDate"), "end": wanted.get("endDate")}
    start, end = (datetime.fromisoformat(span[n]) if span.get(n) else None for n in ("start", "end"))
    if "sent" not in wanted.get("status", ["sent"]):
        return []
    return [
        p
        for p in reversed(world.posts("buffer"))
        if p.exists_at(moment)
        and organization(p) == asked["organizationId"]
        and (start is None or p.published_at >= start)
        and (end is None or p.published_at <= end)
    ]


def _node(post: WorldPost, query: str, moment: datetime) -> dict[str, Any]:
    seen = updated_at(post, moment)
    text = f"Somebody Invented says: read {post.url}" if has_link(post) else "Somebody Invented says hello"
    node = {
        "id": post_id(post),
        "text": text if network(post) not in ATTACHING else "Somebody Invented says hello",
        "sentAt": f"{post.published_at:%Y-%m-%dT%H:%M:%S}.000Z",
        "externalLink": f"https://{network(post)}.example/{post.object_id}",
        "channelId": "5f0f",
        "channelService": network(post),
        "status": "sent",
        "author": {"name": "Somebody Invented", "email": "somebody@invented.example"},
        "metadata": _metadata(post, query) if "metadata" in query else None,
        "metricsUpdatedAt": f"{seen:%Y-%m-%dT%H:%M:%S}.000Z" if seen else None,
        "metrics": [_metric(*m) for m in _with_old_names(metrics(post, moment), moment)],
    }
    return {name: value for name, value in node.items() if name in query.replace("{", " ").split()}


def _metadata(post: WorldPost, query: str) -> dict[str, Any]:
    kind = ATTACHING.get(network(post), "")
    link = {"url": post.url, "expandedUrl": None, "title": "Somebody Invented"}
    asked = kind and f"... on {kind}" in query
    return {"linkAttachment": link if has_link(post) else None} if asked else {}


def _with_old_names(found: dict[str, float], moment: datetime) -> list[tuple[str, float]]:
    old = [(OLD_NAMES[name], value) for name, value in found.items() if name in OLD_NAMES]
    return [*found.items(), *(old if moment.date() < OLD_NAMES_END else [])]


def _metric(name: str, value: float) -> dict[str, Any]:
    unit = "percentage" if name == "engagementRate" else "count"
    return {"type": name, "name": name.title(), "value": value, "unit": unit}


TWIN = Twin("buffer", [Route("/", graphql, methods=["POST"])], post_id=None)
