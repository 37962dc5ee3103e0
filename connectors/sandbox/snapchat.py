"""Twin of Snapchat's Public Profile API, as far as anybody knows it: tokens, and stats of a profile's Spotlights.

Of shy Spotlights the shares are not told. Tokens choose the behaviour: `expired…` is refused, `stranger…` is not on
Snap's list, `hurried…` gets a bare 429 at its first question of a day, `odd…` an error inside a 200, `older…` the other
shape of answers. A refresh token `revoked…` buys nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.sandbox.stage import Twin, bearer_of, day_of, moment_of, stage_of
from connectors.sandbox.world import WorldPost

PROFILE = "5b1c9f3e-0000-4000-8000-0000000000aa"
PUBLIC = ("VIEWS", "SHARES")
AUTHORIZED = (*PUBLIC, "FAVORITES", "REPLIES", "VIEWERS")
PER_SECOND = 1000

Body = dict[str, Any]


def spotlight_id(post: WorldPost) -> str:
    """The id of a Spotlight."""
    return f"spot_{post.object_id}"


def counts_at(post: WorldPost, moment: datetime) -> dict[str, int]:
    """Counters of a lifetime."""
    votes = post.votes_at(moment)
    counts = {"VIEWS": 60 * votes + 3, "FAVORITES": votes, "REPLIES": votes // 9, "VIEWERS": 50 * votes + 2}
    return counts if post.is_shy else counts | {"SHARES": votes // 3}


def refuse(status: int, code: str, message: str) -> Response:
    """An error, in the envelope of Snap's other interfaces."""
    told = {"debug_message": message, "display_message": message, "error_code": code}
    return JSONResponse({"request_status": "ERROR", "request_id": "invented", **told}, status)


async def access_token(request: Request) -> Response:
    """`/login/oauth2/access_token`: a form in, a token out."""
    form = dict(parse_qsl((await request.body()).decode()))
    names = ("client_id", "client_secret", "refresh_token")
    if form.get("grant_type") != "refresh_token" or not all(form.get(name) for name in names):
        return JSONResponse({"error": "invalid_request", "error_description": "A field is missing."}, 400)
    if form["refresh_token"].startswith("revoked"):
        words = f"The refresh token {form['refresh_token']} is revoked."
        return JSONResponse({"error": "invalid_grant", "error_description": words}, 400)
    return JSONResponse({"access_token": "twin-token", "token_type": "Bearer", "expires_in": 1800})


def stop(request: Request, token: str) -> Response | None:
    """The refusal that a token meets, if any."""
    stage, day = stage_of(request), day_of(request)
    if not token or token.startswith("expired"):
        return refuse(401, "E3002", f"The token {token} is not valid.")
    if token.startswith("stranger") or request.path_params["profile"] != PROFILE:
        return refuse(403, "E3003", "The client is not permitted to read this profile.")
    if token.startswith("odd"):
        return refuse(200, "E1008", "Something went wrong inside.")
    is_hurried = token.startswith("hurried") and stage.allowance(f"snapchat-hurry:{day}:{token}", 1) >= 0
    is_fast = stage.window(f"snapchat:{token}", PER_SECOND, 1.0)[0] < 0
    return Response(status_code=429) if is_hurried or is_fast else None


async def stats(request: Request) -> Response:
    """`…/stats`: every Spotlight of the profile, with the fields asked for."""
    token = bearer_of(request)
    if refusal := stop(request, token):
        return refusal
    asked, known = request.query_params, PUBLIC if request.url.path.split("/")[3] == "public" else AUTHORIZED
    fields = [field for field in asked.get("fields", "").split(",") if field] or list(known)
    if wrong := [field for field in fields if field not in known]:
        return refuse(400, "E1001", f"{wrong[0]} is not available for the requested asset type")
    if asked.get("assetType") != "SPOTLIGHT" or asked.get("granularity", "LIFETIME") != "LIFETIME":
        return refuse(400, "E1001", "Only the lifetime of Spotlights is played here.")
    moment = moment_of(request)
    alive = [post for post in stage_of(request).world.posts("snapchat") if post.exists_at(moment)]
    assets = [asset(post, moment, fields) for post in alive]
    good: Body = {"request_status": "SUCCESS", "request_id": "invented"}
    if token.startswith("older"):
        wrapped = [{"sub_request_status": "SUCCESS", "timeseries_stat": one} for one in assets]
        return JSONResponse(good | {"timeseries_stats": wrapped})
    return JSONResponse(good | {"assets": assets})


def asset(post: WorldPost, moment: datetime, fields: list[str]) -> Body:
    """One Spotlight; numbers are text, and a field without a number is not there."""
    counts = counts_at(post, moment)
    told = [
        {"field": {"field_name": name}, "stats": [{"dimension_breakdown": "DEFAULT", "value": str(counts[name])}]}
        for name in fields
        if name in counts
    ]
    times = {
        "start_time": f"{post.published_at:%Y-%m-%dT00:00:00.000Z}",
        "end_time": f"{moment:%Y-%m-%dT00:00:00.000Z}",
    }
    people = {"creator": "Somebody Invented", "description": "Words of Somebody Invented"}
    return {"id": spotlight_id(post), **people, "timeseries": [{**times, "fields": told}]}


TWIN = Twin(
    "snapchat",
    [
        Route("/login/oauth2/access_token", access_token, methods=["POST"]),
        Route("/v1/public_profiles/{profile}/stats", stats),
        Route("/public/v1/public_profiles/{profile}/stats", stats),
    ],
    keys={"profile_ids": PROFILE},
    post_id=spotlight_id,
)
