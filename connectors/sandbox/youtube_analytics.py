"""The twin of YouTube Analytics API v2: reports on the channels of the YouTube twin, by country, by age and gender.

One channel per site, all owned by whoever signs in; a token that begins with `stranger` owns none. `expired…` is
refused, `narrow…` lacks the scope, `hurried…` is told to slow down at its first question of a day, `inside…` gets its
error in an answer with status 200. Data end two days before the day in the address. `POST …/token` makes tokens for the
refresh token `refresh-me`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from connectors.sandbox.stage import Twin, day_of, stage_of
from connectors.sandbox.world import SITES, World, WorldPost, noon
from connectors.sandbox.youtube import channel_of, counters_of

LATE_DAYS = 2
QUERIES, DAY_SECONDS = 10_000, 86_400.0
MOST_VIDEOS = 200
COUNTRIES = {"US": 60, "DE": 25, "FR": 10, "JP": 4, "ZZ": 1}  # percent
PARTS = {
    ("age18-24", "female"): 14.5,
    ("age18-24", "male"): 20.5,
    ("age25-34", "female"): 21.0,
    ("age25-34", "male"): 33.9,
    ("age65-", "female"): 10.0,
    ("age65-", "user_specified"): 0.1,
}  # percent of the views of signed-in people
FEWEST_VIEWS = 100  # below, nothing is told about age and gender
METRICS = ("views", "likes", "comments", "shares", "videosAddedToPlaylists", "estimatedMinutesWatched")
CHANNELS = {channel_of(f"{site}.example"): f"{site}.example" for site in SITES}

Row = list[Any]


class Refusal(Exception):
    """An answer in Google's error envelope."""

    def __init__(self, status: int, reason: str, message: str, domain: str = "global") -> None:
        super().__init__(reason)
        entry = {"message": message, "domain": domain, "reason": reason}
        self.answer = JSONResponse({"error": {"code": status, "message": message, "errors": [entry]}}, status)


def counts_of(world: World, video: WorldPost, day: date) -> dict[str, int]:
    """All that happened to a video until the end of a day; the owner's own numbers hide nothing."""
    likes = video.votes_at(noon(day))
    views = int(counters_of(world, video, noon(day))["viewCount"]) if likes else 0
    more = {"shares": likes // 5, "videosAddedToPlaylists": likes // 10, "estimatedMinutesWatched": 3 * views}
    return {"views": views, "likes": likes, "comments": likes // 8, **more}


def split(count: int) -> dict[str, int]:
    """A count by country: whole parts, and what is left over to the first."""
    parts = {country: count * share // 100 for country, share in COUNTRIES.items()}
    return parts | {"US": parts["US"] + count - sum(parts.values())}


@lru_cache(maxsize=512)
def videos_of(world: World, channel: str, day: date) -> dict[str, dict[str, int]]:
    """The counts of a channel's videos, by their ids."""
    videos = [v for v in world.posts("youtube") if v.page.site == CHANNELS[channel] and v.exists_at(noon(day))]
    return {video.object_id: counts_of(world, video, day) for video in videos}


def totals(world: World, channel: str, video: str, first: date, last: date) -> dict[str, int]:
    """What happened to a channel, or to one video of it, from the first day to the last."""
    until, before = videos_of(world, channel, last), videos_of(world, channel, first - timedelta(days=1))
    chosen = [video] if video else list(until)
    none = dict.fromkeys(METRICS, 0)
    return {m: sum(until.get(v, none)[m] - before.get(v, none)[m] for v in chosen) for m in METRICS}


async def reports(request: Request) -> JSONResponse:
    """`/v2/reports`."""
    try:
        token = _sign_in(request)
        if token.startswith("inside"):
            return JSONResponse({"errors": {"code": "FORBIDDEN", "error": [{"domain": "GLOBAL", "code": "forbidden"}]}})
        return JSONResponse(_answer(request, token))
    except Refusal as refusal:
        return refusal.answer


def _sign_in(request: Request) -> str:
    token = request.headers.get("authorization", "").removeprefix("Bearer ")
    if not token or token.startswith("expired"):
        raise Refusal(401, "authError", f"Invalid Credentials: {token}")
    if token.startswith("narrow"):
        raise Refusal(403, "insufficientPermissions", "Request had insufficient authentication scopes.")
    stage, key = stage_of(request), f"youtube_analytics/{day_of(request)}/{token}"
    if token.startswith("hurried") and stage.allowance(f"{key}/hurry", 1) >= 0:
        raise Refusal(403, "rateLimitExceeded", "Too many requests; slow down.", "usageLimits")
    limit = 1 if token.startswith("spent") else QUERIES
    if stage.window(key, limit, DAY_SECONDS)[0] < 0:
        raise Refusal(403, "quotaExceeded", "The quota of this project is used up.", "youtube.quota")
    return token


def _answer(request: Request, token: str) -> dict[str, Any]:
    channel, video, first, last = _scope(request, token)
    metrics = _listed(request, "metrics")
    dimensions = _listed(request, "dimensions")
    if not metrics:
        raise Refusal(400, "required", "Required parameter: metrics")
    world = stage_of(request).world
    counts = totals(world, channel, video, first, last)
    if metrics == ["viewerPercentage"] and set(dimensions) in ({"ageGroup", "gender"}, {"ageGroup"}, {"gender"}):
        rows = _by_age_gender(dimensions) if counts["views"] >= FEWEST_VIEWS else []
    elif unknown := [m for m in metrics if m not in METRICS]:
        raise Refusal(400, "badRequest", f"Unknown identifier ({unknown[0]}) given in field parameters.metrics.")
    elif dimensions == ["country"]:
        parts = {metric: split(counts[metric]) for metric in metrics}
        rows = [[c, *(parts[m][c] for m in metrics)] for c in COUNTRIES if any(parts[m][c] for m in metrics)]
    elif dimensions == ["video"]:
        rows = _top(request, videos_of(world, channel, last), metrics)
    elif not dimensions:
        rows = [[counts[metric] for metric in metrics]] if counts["views"] else []
    else:
        raise Refusal(400, "badRequest", "The query is not supported.")
    return _table([*dimensions, *metrics], len(dimensions), rows)


def _scope(request: Request, token: str) -> tuple[str, str, date, date]:
    asked = request.query_params
    kind, _, channel = asked.get("ids", "").partition("==")
    if kind != "channel" or channel not in CHANNELS or token.startswith("stranger"):
        raise Refusal(403, "forbidden", "Forbidden: the channel belongs to somebody else.")
    try:
        first, last = date.fromisoformat(asked["startDate"]), date.fromisoformat(asked["endDate"])
    except (KeyError, ValueError):
        raise Refusal(400, "badRequest", "startDate and endDate must be YYYY-MM-DD.") from None
    name, _, video = asked.get("filters", "").partition("==")
    if name not in ("", "video"):
        raise Refusal(400, "badRequest", "The query is not supported.")
    return channel, video, first, min(last, day_of(request) - timedelta(days=LATE_DAYS))


def _listed(request: Request, name: str) -> list[str]:
    return [part for part in request.query_params.get(name, "").split(",") if part]


def _by_age_gender(dimensions: Sequence[str]) -> list[Row]:
    sums: dict[tuple[str, ...], float] = {}
    for (age, gender), share in PARTS.items():
        known = {"ageGroup": age, "gender": gender}
        key = tuple(known[d] for d in dimensions)
        sums[key] = round(sums.get(key, 0.0) + share, 1)
    return [[*key, share] for key, share in sums.items()]


def _top(request: Request, videos: dict[str, dict[str, int]], metrics: Sequence[str]) -> list[Row]:
    sort, most = request.query_params.get("sort", ""), request.query_params.get("maxResults", "")
    if not sort.startswith("-") or not most.isdigit() or not 1 <= int(most) <= MOST_VIDEOS:
        raise Refusal(400, "badRequest", "A report by video needs a descending sort and maxResults of at most 200.")
    order = sorted(videos, key=lambda v: (-videos[v][sort[1:]], v))
    return [[v, *(videos[v][m] for m in metrics)] for v in order[: int(most)] if videos[v]["views"]]


def _table(columns: Sequence[str], dimensions: int, rows: list[Row]) -> dict[str, Any]:
    """The answer; no `rows` where there are none."""
    headers = [
        {"name": name, "columnType": "DIMENSION", "dataType": "STRING"}
        if n < dimensions
        else {"name": name, "columnType": "METRIC", "dataType": "FLOAT" if name == "viewerPercentage" else "INTEGER"}
        for n, name in enumerate(columns)
    ]
    answer: dict[str, Any] = {"kind": "youtubeAnalytics#resultTable", "columnHeaders": headers}
    return answer | ({"rows": rows} if rows else {})


async def token(request: Request) -> JSONResponse:
    """A new token for the right refresh token."""
    body = (await request.body()).decode()
    if "refresh_token=refresh-me" not in body:
        return JSONResponse({"error": "invalid_grant", "error_description": "Token has been expired or revoked."}, 400)
    return JSONResponse({"access_token": "renewed", "expires_in": 3599, "token_type": "Bearer"})


TWIN = Twin(
    "youtube_analytics",
    [Route("/v2/reports", reports), Route("/token", token, methods=["POST"])],
    keys={"channels": ",".join(CHANNELS)},
    post_id=None,
)
