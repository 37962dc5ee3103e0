"""Twin of Hootsuite: tokens for apps and members, the list of profiles, and the posts of profiles with their metrics.

Each post of the world was published on one network, told by its page; every network has one profile, and one profile
on LinkedIn has no analytics. Keys of metrics differ by network, and some have both `reactions` and `likes`. Shy posts
lack all of their likes; one page in six has its link in the text only, one in eleven none.

Refresh tokens (`refresh…`) work once and come back renewed; one used a second time is refused. Client secret `wrong` is
refused. Client ids choose the behaviour of their tokens: `short-lived` three questions each, `useless` none, `narrow`
lacks the scope. Ready tokens: `expired…` is refused, `partial…` gets errors beside its posts, `hurried…` is told once
to slow down, `spent…` has used up its day, `planless…` is over its plan.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.sandbox.stage import Twin, bearer_of, day_of, moment_of, stage_of
from connectors.sandbox.world import WorldPost

METRICS = {
    "FACEBOOKPAGE": ("reactions", "likes", "comments", "shares", "post_views", "impressions", "clicks"),
    "TWITTER": ("likes", "replies", "retweets", "impressions", "clicks"),
    "INSTAGRAMBUSINESS": ("likes", "comments", "shares", "saves", "post_views"),
    "TIKTOKBUSINESS": ("likes", "comments", "shares", "post_views"),
    "YOUTUBECHANNEL": ("likes", "comments", "post_views"),
    "PINTEREST": ("reactions", "comments", "saves", "impressions", "clicks"),
    "THREADS": ("likes", "replies", "reposts", "post_views"),
}
NETWORKS = tuple(METRICS)
PROFILES = {network: str(123456 + n) for n, network in enumerate(NETWORKS)}
LINKEDIN = {"id": "123499", "type": "LINKEDINCOMPANY", "socialNetworkUsername": "Somebody Invented"}
MOST_PROFILES, MOST_POSTS, TWO_YEARS = 10, 100, 731
REQUESTS_PER_SECOND = 20
QUOTA = 100_000
TOKEN_USES = {"short-lived": 3, "useless": 0}


def network(post: WorldPost) -> str:
    """Where a post was published."""
    return NETWORKS[post.page.index % len(NETWORKS)]


def metrics(post: WorldPost, moment: datetime) -> dict[str, float]:
    """The metrics of a post: those of its network, no likes of shy posts."""
    votes = post.votes_at(moment)
    numbers = {
        "reactions": votes, "likes": votes - votes // 5, "comments": votes // 4, "replies": votes // 4,
        "shares": votes // 6, "retweets": votes // 6, "reposts": votes // 7, "saves": votes // 3,
        "post_views": 60 * votes + 4, "impressions": 90 * votes + 5, "clicks": 3 * votes,
    }  # fmt: skip
    names = [n for n in METRICS[network(post)] if not (post.is_shy and n in ("likes", "reactions"))]
    return {name: float(numbers[name]) for name in names}


def external_id(post: WorldPost) -> str:
    """The post's id on its network."""
    return f"1789_{post.object_id}"


def linked_by(post: WorldPost) -> str | None:
    """Where a post's link stands: `links`, `content` or nowhere."""
    return None if post.page.index % 11 == 3 else "content" if post.page.index % 6 == 2 else "links"


def refuse(status: int, code: int, message: str) -> Response:
    """The envelope of errors of the REST API."""
    return JSONResponse({"errors": [{"code": code, "message": message, "id": "0000-twin", "resource": {}}]}, status)


def problem(status: int, title: str, detail: str) -> Response:
    """The envelope of errors of analytics."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, "instance": "/v1/analytics"}
    return JSONResponse(body, status, media_type="application/problem+json")


async def token(request: Request) -> Response:
    """`/oauth2/token`: for a member or an organization that installed the app, or for a refresh token, once."""
    kind, _, code = request.headers.get("authorization", "").partition(" ")
    try:
        client, _, secret = (
            base64.b64decode(code, validate=True).decode().partition(":") if kind == "Basic" else ("",) * 3
        )
    except ValueError:
        client = secret = ""
    form = dict(parse_qsl((await request.body()).decode()))
    if not client or secret in ("", "wrong") or "client_secret" in form:
        return _oauth_error(401, "invalid_client", f"Client authentication failed for {secret}")
    grant, stage = form.get("grant_type"), stage_of(request)
    if grant == "refresh_token":
        used = form.get("refresh_token", "")
        if not used.startswith("refresh") or stage.allowance(f"hootsuite refresh {used}", 1) < 0:
            return _oauth_error(400, "invalid_grant", "The refresh token was used before")
    elif grant not in ("member_app", "organization_app"):
        return _oauth_error(400, "unsupported_grant_type", "Not this way")
    elif not form.get("member_id" if grant == "member_app" else "organization_id"):
        return _oauth_error(400, "invalid_request", "For whom?")
    number = stage.allowance("hootsuite tokens", 10**9) if client in TOKEN_USES or grant == "refresh_token" else 0
    body = {
        "access_token": f"twin.{client}.{number}",
        "token_type": "bearer",
        "expires_in": 3599,
        "scope": "analytics:read",
    }
    return JSONResponse(body | ({"refresh_token": f"refresh.{number}"} if grant == "refresh_token" else {}))


def _oauth_error(status: int, error: str, words: str) -> Response:
    return JSONResponse({"error": error, "error_description": words, "status_code": status}, status)


def stop(request: Request) -> Response | None:
    """The refusal that a token meets, if any."""
    told = bearer_of(request)
    client = told.split(".")[1] if told.startswith("twin.") else ""
    stage, uses = stage_of(request), TOKEN_USES.get(client)
    if not told or told.startswith("expired") or (uses is not None and stage.allowance(f"hootsuite {told}", uses) < 0):
        return refuse(401, 1001, f"Invalid access token {told}")
    if client == "narrow":
        return refuse(403, 1037, "The required scope to access this endpoint was not granted by the user")
    if told.startswith("planless"):
        return refuse(429, 1004, "API plan limit exceeded")
    if told.startswith("hurried") and stage.allowance(f"hootsuite-hurry:{day_of(request)}:{told}", 1) >= 0:
        return refuse(429, 1043, "Too many requests")
    return None


def metered(request: Request, answer: Response) -> Response:
    """The answer with the account's counters; a refusal when they are used up."""
    told = request.headers.get("authorization", "")
    left = stage_of(request).window(f"hootsuite:{told}", REQUESTS_PER_SECOND, 1.0)[0]
    spent = "spent" in told
    used = (
        QUOTA
        if spent
        else QUOTA - max(stage_of(request).allowance(f"hootsuite-day:{day_of(request)}:{told}", QUOTA), 0)
    )
    if spent or left < 0:
        answer = JSONResponse({"title": "too-many-requests", "status": 429}, 429)
    answer.headers["X-Account-Quota"] = f"{QUOTA} per day"
    answer.headers["X-Account-Quota-Used"] = str(used)
    answer.headers["X-Account-Rate-Limit-Requests-Remaining"] = str(max(left, 1))
    return answer


async def profiles(request: Request) -> Response:
    """`/v1/socialProfiles`: one profile per network, and one without analytics."""
    if refusal := stop(request):
        return metered(request, refusal)
    found = [{"id": i, "type": n, "socialNetworkUsername": "Somebody Invented"} for n, i in PROFILES.items()]
    return metered(request, JSONResponse({"data": [*found, LINKEDIN]}))


async def posts(request: Request) -> Response:
    """`/v1/analytics/posts`: the posts of some profiles of one network, published in a span of days."""
    return metered(request, stop(request) or await _posts(request))


async def _posts(request: Request) -> Response:
    asked, size = request.query_params, request.query_params.get("limit", "10")
    is_known = asked.get("datatype") in ("ORGANIC", "PAID") and asked.get("networkId") in NETWORKS
    if not is_known or not size.isdecimal() or not 1 <= int(size) <= MOST_POSTS:
        return problem(422, "invalid-argument", "datatype, networkId, or a limit that is not between 1 and 100")
    try:
        filters = json.loads(await request.body())["filters"]
        ids, (since, until) = filters["profileId"]["in"], _span(filters["reportingPeriod"]["timespan"])
        start = int(base64.b64decode(asked.get("cursor", "MA=="), validate=True))
    except (KeyError, TypeError):
        return problem(422, "invalid-argument", "profileId and reportingPeriod are needed")
    except ValueError:
        return refuse(400, 3020, "Invalid cursor format")
    if not 1 <= len(ids) <= MOST_PROFILES or (until - since).days > TWO_YEARS:
        return problem(422, "invalid-argument", "at most 10 profiles and two years")
    if unknown := [i for i in ids if i != PROFILES[asked["networkId"]]]:
        return problem(403, "permission-denied", f"no analytics of profile {unknown[0]}")
    return _page(request, asked["networkId"], since, until, start, int(size))


def _span(timespan: Mapping[str, str]) -> tuple[date, date]:
    return date.fromisoformat(timespan["since"]), date.fromisoformat(timespan["until"])


def _page(request: Request, kind: str, since: date, until: date, start: int, size: int) -> Response:
    moment = moment_of(request)
    found = [
        p
        for p in reversed(stage_of(request).world.posts("hootsuite"))
        if network(p) == kind and p.exists_at(moment) and since <= p.published_at.date() <= until
    ]
    data = [_body(p, moment) for p in found[start : start + size]]
    following = base64.b64encode(str(start + size).encode()).decode()
    info = {"next": {"cursor": following}} if start + size < len(found) else {}
    answer: dict[str, Any] = {"data": data, "metadata": {"collectionInfo": info}}
    if "Bearer partial" in request.headers["authorization"]:
        answer["errors"] = [{"code": 5000, "message": "One profile must be connected again", "id": "0000-twin"}]
    return JSONResponse(answer)


def _body(post: WorldPost, moment: datetime) -> dict[str, Any]:
    where = linked_by(post)
    return {
        "createdAt": f"{post.published_at:%Y-%m-%dT%H:%M:%SZ}",
        "lastRefreshed": f"{moment - timedelta(hours=9):%Y-%m-%dT%H:%M:%SZ}",
        "profileId": PROFILES[network(post)],
        "externalProfileId": "1789",
        "sourceLink": f"https://network.example/{external_id(post)}",
        "externalId": external_id(post),
        "createdMember": {"name": "Somebody Invented", "url": "https://network.example/somebody"},
        "title": None,
        "content": f"Somebody Invented: {post.url}" if where == "content" else "Somebody Invented says hello",
        "postType": f"{network(post)}_LINK",
        "metrics": metrics(post, moment),
        "links": [{"extendedUrl": post.url, "thumbnailUrl": None}] if where == "links" else [],
        "media": [],
        "tags": [{"id": "7", "label": "Somebody's news"}],
        "campaign": None,
        "isViral": False,
        "metadata": {},
    }


TWIN = Twin(
    "hootsuite",
    [
        Route("/oauth2/token", token, methods=["POST"]),
        Route("/v1/socialProfiles", profiles),
        Route("/v1/analytics/posts", posts, methods=["POST"]),
    ],
    post_id=None,
)
