"""Twin of Agorapulse: two workspaces with profiles on seven networks, and the report of each profile's posts.

A post's profile follows from its number; no object in a report says its network. Shy posts lack likes; every ninth
Instagram post is a story; TikTok's fields are singular. One X profile stands in both workspaces; the Threads profile
has no report. One post in ten links to nothing. Keys that begin with `expired` or are missing are refused, `blocked…`
may not read reports.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.sandbox.stage import Twin, day_of, moment_of, stage_of
from connectors.sandbox.world import WorldPost

ORGANIZATION = 77
WORKSPACES: dict[int, dict[str, str]] = {
    1: {"fb1": "FACEBOOK_PAGE", "ig1": "FACEBOOK_INSTAGRAM", "tw1": "TWITTER", "th1": "THREADS"},
    2: {"li1": "LINKEDIN_COMPANY", "tk1": "TIKTOK", "tw1": "TWITTER", "yt1": "YOUTUBE"},
}
PROFILES = ("fb1", "ig1", "tw1", "li1", "tk1", "yt1")
NETWORKS = {
    "fb1": "facebook", "ig1": "instagram", "tw1": "twitter", "li1": "linkedin", "tk1": "tiktok", "yt1": "youtube"
}  # fmt: skip
REQUESTS_PER_WINDOW, WINDOW_SECONDS = 500, 1800


def profile_of(post: WorldPost) -> str:
    """The profile that published a post."""
    return PROFILES[int(post.object_id) % len(PROFILES)]


def is_story(post: WorldPost) -> bool:
    """Whether an Instagram post is a story, which has no votes."""
    return profile_of(post) == "ig1" and int(post.object_id) // 7 % 3 == 0


def has_link(post: WorldPost) -> bool:
    """Whether a post's text links to its page."""
    return int(post.object_id) % 10 != 4


def counters(post: WorldPost, moment: datetime) -> dict[str, Any]:
    """The fields of a post in its network's own shape."""
    votes, profile = post.votes_at(moment), profile_of(post)
    shares, comments, views = votes // 4, votes // 5, 40 * votes + 3
    shapes: dict[str, dict[str, Any]] = {
        "fb1": {
            "reactionsCount": votes, "likeCount": votes * 3 // 4, "loveCount": votes // 4, "sharesCount": shares,
            "commentsCount": comments, "clicksCount": votes, "linkClicksCount": votes // 2, "viewsCount": views,
            "organicViewsCount": views, "paidViewsCount": 0,
        },
        "ig1": {
            "likesCount": votes, "sharesCount": shares, "commentsCount": comments, "savesCount": votes // 9,
            "impressionsCount": views, "organicLikesCount": votes, "type": "post",
        },
        "tw1": {
            "likesCount": votes, "repostsCount": shares, "quotePostsCount": votes // 8, "commentsCount": comments,
            "impressionsCount": views, "videoViewsCount": 0,
        },
        "li1": {
            "likesCount": votes, "sharesCount": shares, "commentsCount": comments, "impressionsCount": views,
            "clicksCount": votes // 3,
        },
        "tk1": {"likeCount": votes, "shareCount": shares, "commentCount": comments, "viewsCount": views},
        "yt1": {
            "likesCount": votes, "dislikeCount": votes // 50, "sharesCount": shares, "commentsCount": comments,
            "addedToPlaylistCount": votes // 9, "videoViewsCount": views,
        },
    }  # fmt: skip
    if is_story(post):
        return {"impressionsCount": views, "tapBackCount": 2, "tapForwardCount": 9, "exitCount": 1, "type": "story"}
    shy = {"reactionsCount", "likesCount", "likeCount"} if post.is_shy else set()
    return {name: count for name, count in shapes[profile].items() if name not in shy}


def refuse(status: int, code: int, message: str) -> Response:
    """Agorapulse's error envelope."""
    return JSONResponse({"code": code, "message": message}, status)


def stop(request: Request) -> Response | None:
    """The refusal that a key meets, if any."""
    key = request.headers.get("x-api-key", "")
    if not key or key.startswith("expired"):
        return refuse(401, 2, "No valid API key found in request header X-API-Key")
    left, _ = stage_of(request).window(f"agorapulse:{day_of(request)}:{key}", REQUESTS_PER_WINDOW, WINDOW_SECONDS)
    if left < 0:
        return refuse(429, 3, "Rate limit exceeded")
    if key.startswith("blocked") and "/report/" in request.url.path:
        return JSONResponse({"code": 1001, "message": "Insufficient permissions"}, 403)
    if request.path_params.get("organization", str(ORGANIZATION)) != str(ORGANIZATION):
        return refuse(404, 1002, "Organization or workspace not found")
    return None


async def organizations(request: Request) -> Response:
    """`/v1.0/core/organizations`."""
    found = {
        "organizationId": ORGANIZATION, "organizationName": "Somebody Invented", "managerOrganizationRole": "OWNER"
    }  # fmt: skip
    return stop(request) or JSONResponse({"organizations": [found]})


async def workspaces(request: Request) -> Response:
    """`…/{organization}/workspaces`."""
    found = [{"workspaceId": w, "workspaceName": f"Team {w}", "organizationId": ORGANIZATION} for w in WORKSPACES]
    return stop(request) or JSONResponse({"workspaces": found})


async def profiles(request: Request) -> Response:
    """`…/{workspace}/profiles`."""
    if refusal := stop(request):
        return refusal
    workspace = int(request.path_params["workspace"])
    found = [
        {
            "profileUid": uid, "profileName": "Somebody Invented", "profileType": kind, "socialNetworkId": f"9{uid}",
            "workspaceId": workspace,
        }
        for uid, kind in WORKSPACES[workspace].items()
    ]  # fmt: skip
    return JSONResponse({"profiles": found})


async def content(request: Request) -> Response:
    """`…/insights/content`: every post of a profile that was published in the window."""
    if refusal := stop(request):
        return refusal
    since, until = (request.query_params.get(name, "") for name in ("since", "until"))
    if not since.isdecimal() or not until.isdecimal() or int(until) <= int(since):
        return refuse(400, 5, "since and until must be timestamps")
    uid = request.path_params["uid"]
    if uid not in WORKSPACES.get(int(request.path_params["workspace"]), {}) or uid not in PROFILES:
        return refuse(404, 1003, "Profile not found")
    moment = moment_of(request)
    found = [
        render(post, moment)
        for post in stage_of(request).world.posts("agorapulse")
        if profile_of(post) == uid
        and post.exists_at(moment)
        and int(since) <= post.published_at.timestamp() < int(until)
    ]
    return JSONResponse({"data": found})


def render(post: WorldPost, moment: datetime) -> dict[str, Any]:
    """One post of a report."""
    network = NETWORKS[profile_of(post)]
    host = {"twitter": "x.com"}.get(network, f"{network}.com")
    known = {
        "id": post.object_id,
        "postUrl": f"https://www.{host}/somebody_invented/{post.object_id}",
        "publishingDate": None if post.object_id.endswith("9") else f"{post.published_at:%Y-%m-%dT%H:%M:%SZ}",
        "text": f"Somebody Invented: {post.url}" if has_link(post) else "Somebody Invented says hello",
        "tags": ["test"],
        "username": "somebody_invented",
        "engagementCount": 2 * post.votes_at(moment),
    }
    return known | counters(post, moment)


async def nowhere(request: Request) -> Response:
    """Any other address: the gateway's own refusal."""
    return stop(request) or refuse(404, 1013, "No endpoint matches the request path")


CORE = "/v1.0/core/organizations"
TWIN = Twin(
    "agorapulse",
    [
        Route(CORE, organizations),
        Route(f"{CORE}/{{organization}}/workspaces", workspaces),
        Route(f"{CORE}/{{organization}}/workspaces/{{workspace:int}}/profiles", profiles),
        Route(
            "/v1.0/report/organizations/{organization}/workspaces/{workspace:int}/profiles/{uid}/insights/content",
            content,
        ),
        Route("/{path:path}", nowhere),
    ],
    post_id=lambda post: f"{NETWORKS[profile_of(post)]}:{post.object_id}",
)
