"""Twin of Sprout Social: one customer with a profile on each of six networks, and all their posts by JSON question.

A post's network follows from its number. Shy posts lack impressions and their reactions are null; only some networks
have saves; YouTube has impressions of 0 and video views instead. One post in ten links to nothing, one in ten to the
network itself before its page. Tokens choose the behaviour: `expired…` and none are refused, `slow…` is answered 202
at the first question of a day, `partial…` gets an error inside a good answer. Profile `FOREIGN` belongs to
somebody else.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from functools import lru_cache
from math import ceil
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from connectors.sandbox.stage import Twin, bearer_of, day_of, moment_of, stage_of
from connectors.sandbox.world import World, WorldPost

CUSTOMER = 687751
NETWORKS = {"TWITTER": "T", "FACEBOOK": "F", "INSTAGRAM": "I", "LINKEDIN": "L", "YOUTUBE": "Y", "TIKTOK": "K"}
HOSTS = {"TWITTER": "x", "LINKEDIN": "linkedin"}
PROFILES = {101 + n: network for n, network in enumerate(NETWORKS)}
FOREIGN = 999
MOST_RESULTS = 10_000
REQUESTS_PER_MINUTE, REQUESTS_PER_MONTH = 60, 250_000
SAVES = frozenset({"INSTAGRAM", "TIKTOK"})
VIDEO = frozenset({"YOUTUBE", "TIKTOK"})
METRICS = frozenset(
    f"lifetime.{name}"
    for name in (
        "impressions", "reactions", "likes", "comments_count", "shares_count", "post_shares_count", "saves",
        "post_link_clicks", "post_content_clicks", "video_views",
    )
)  # fmt: skip
FIELDS = frozenset(
    {"guid", "created_time", "perma_link", "text", "network", "post_type", "post_category", "customer_profile_id"}
)


class Refused(Exception):
    """An answer in Sprout's envelope of errors."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.answer = JSONResponse({"error": words}, status)


def network_of(post: WorldPost) -> str:
    """The network a post was published on."""
    return tuple(NETWORKS)[int(post.object_id) % len(NETWORKS)]


def guid_of(post: WorldPost) -> str:
    """The post's id at Sprout."""
    return f"{NETWORKS[network_of(post)]}:{post.object_id}"


def text_of(post: WorldPost) -> str:
    """What people wrote: a link to the page, to nothing, or to the network and then to the page."""
    last = int(post.object_id) % 10
    own = f"https://www.{HOSTS.get(network_of(post), network_of(post).lower())}.com/somebody_invented "
    return "Nothing to see" if last == 3 else f"Somebody Invented says: {own if last == 7 else ''}{post.url}."


def metrics_of(post: WorldPost, moment: datetime) -> dict[str, int | None]:
    """Every metric that the post's network has."""
    votes, network = post.votes_at(moment), network_of(post)
    found: dict[str, int | None] = {
        "reactions": None if post.is_shy else votes,
        "likes": votes * 3 // 4,
        "comments_count": votes // 5,
        "shares_count": votes // 4,
        "post_link_clicks": votes // 2,
        "video_views": 30 * votes + 1 if network in VIDEO else 0,
    }
    if network in SAVES:
        found["saves"] = votes // 9
    if not post.is_shy:
        found["impressions"] = 0 if network == "YOUTUBE" else 40 * votes + 3
    return {f"lifetime.{name}": count for name, count in found.items()}


def _admit(request: Request) -> str:
    """The token, if it may come in and has not asked too often."""
    token = bearer_of(request)
    if not token or token.startswith("expired"):
        raise Refused(401, "The access token is missing, invalid or expired.")
    stage, day = stage_of(request), day_of(request)
    left, _ = stage.window(f"sprout_social:{day}:{token}", REQUESTS_PER_MINUTE, 60)
    if left < 0 or stage.allowance(f"sprout_social:{day:%Y-%m}:{token}", REQUESTS_PER_MONTH) < 0:
        raise Refused(429, "Too many requests.")
    return token


async def client(request: Request) -> JSONResponse:
    """`/metadata/client`: the customers of a token."""
    try:
        _admit(request)
    except Refused as refused:
        return refused.answer
    return JSONResponse({"data": [{"customer_id": CUSTOMER, "name": "Somebody Invented Ltd"}]})


async def customer(request: Request) -> JSONResponse:
    """`/{customer}/metadata/customer`: the profiles."""
    try:
        _admit(request)
        _own(request)
    except Refused as refused:
        return refused.answer
    data = [
        {
            "customer_profile_id": number,
            "network_type": "fb_instagram_account" if network == "INSTAGRAM" else network.lower(),
            "name": "Somebody Invented",
            "native_name": "somebody_invented",
            "native_id": str(5000 + number),
            "groups": [1],
        }
        for number, network in PROFILES.items()
    ]
    return JSONResponse({"data": data})


def _own(request: Request) -> None:
    if request.path_params["customer"] != str(CUSTOMER):
        raise Refused(403, "The client may not access this customer.")


async def posts(request: Request) -> JSONResponse:
    """`/{customer}/analytics/posts`: one page of a listing."""
    try:
        token = _admit(request)
        _own(request)
        if not request.headers.get("content-type", "").startswith("application/json"):
            raise Refused(415, "Only JSON is understood.")
        if token.startswith("slow") and stage_of(request).allowance(f"sprout_social:202:{day_of(request)}", 1) >= 0:
            return JSONResponse({"data": []}, 202)
        answer = _listing(request, await request.json())
    except Refused as refused:
        return refused.answer
    return JSONResponse(answer | ({"error": "Some profiles could not be read."} if token.startswith("partial") else {}))


def _listing(request: Request, asked: dict[str, Any]) -> dict[str, Any]:
    page, limit = asked.get("page", 1), asked.get("limit", 50)
    fields, metrics = asked.get("fields") or ["guid"], asked.get("metrics") or []
    if unknown := [*(set(fields) - FIELDS), *(set(metrics) - METRICS)]:
        raise Refused(400, f"Unknown field or metric: {sorted(unknown)[0]}")
    if not isinstance(limit, int) or not 1 <= limit <= 100 or asked.get("sort", ["guid:asc"]) != ["guid:asc"]:
        raise Refused(400, "Invalid limit or sort.")
    found = _matching(request, asked.get("filters") or [])[:MOST_RESULTS]
    pages = ceil(len(found) / limit)
    if not isinstance(page, int) or not 1 <= page <= max(pages, 1):
        raise Refused(400, "The page is beyond the last one.")
    shown = found[(page - 1) * limit : page * limit]
    data = [_render(post, fields, metrics, moment_of(request)) for post in shown]
    return {"data": data, "paging": {"current_page": page, "total_pages": pages}}


@lru_cache(maxsize=4)
def _by_guid(world: World) -> tuple[WorldPost, ...]:
    return tuple(sorted(world.posts("sprout_social"), key=guid_of))


def _matching(request: Request, filters: list[str]) -> list[WorldPost]:
    profiles, first, end, after = _filters(filters)
    if foreign := [p for p in profiles if p not in PROFILES]:
        raise Refused(403, f"The client may not access profile {foreign[0]}.")
    networks = {PROFILES[p] for p in profiles}
    return [
        post
        for post in _by_guid(stage_of(request).world)
        if post.exists_at(moment_of(request))
        and network_of(post) in networks
        and first <= post.published_at < end
        and guid_of(post) > after
    ]


def _filters(filters: list[str]) -> tuple[list[int], datetime, datetime, str]:
    """Profiles, the first moment and the end of the range, and the guid to begin behind."""
    parts = {f[1]: f[2] for text in filters if (f := re.fullmatch(r"([\w.]+)\((.*)\)", text))}
    days = re.fullmatch(r"(\d{4}-\d\d-\d\d)\.{2,3}(\d{4}-\d\d-\d\d)", parts.get("created_time.in", ""))
    ids = re.fullmatch(r"\d+(, ?\d+)*", parts.get("customer_profile_id.eq", ""))
    if len(parts) != len(filters) or not days or not ids or set(parts) - KNOWN_FILTERS:
        raise Refused(400, "Invalid filters.")
    first, end = (datetime.combine(date.fromisoformat(d), datetime.min.time(), UTC) for d in days.groups())
    return [int(i) for i in ids[0].split(",")], first, end, parts.get("guid.gt", "")


KNOWN_FILTERS = {"created_time.in", "customer_profile_id.eq", "guid.gt"}


def _render(post: WorldPost, fields: list[str], metrics: list[str], moment: datetime) -> dict[str, Any]:
    network = network_of(post)
    whole = {
        "guid": guid_of(post),
        "created_time": f"{post.published_at:%Y-%m-%dT%H:%M:%SZ}",
        "perma_link": f"https://{HOSTS.get(network, network.lower())}.com/somebody_invented/status/{post.object_id}",
        "text": text_of(post),
        "network": network,
        "post_type": "TWEET" if network == "TWITTER" else f"{network}_POST",
        "post_category": "POST",
        "customer_profile_id": next(number for number, n in PROFILES.items() if n == network),
    }
    counts = {name: count for name, count in metrics_of(post, moment).items() if name in metrics}
    return {name: whole[name] for name in fields} | ({"metrics": counts} if metrics else {})


TWIN = Twin(
    "sprout_social",
    [
        Route("/metadata/client", client),
        Route("/{customer}/metadata/customer", customer),
        Route("/{customer}/analytics/posts", posts, methods=["POST"]),
    ],
    post_id=lambda post: f"{network_of(post).lower()}:{guid_of(post)}",
)
