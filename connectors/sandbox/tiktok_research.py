"""Twin of TikTok's Research API: one question about public videos, by id or by account, within 30 days.

Four videos in five are by one account, the others by another. Besides the tokens of the Display twin: `flaky…` fails
once for nothing at every second question, `spent…` has used up its day. Videos that were deleted are taken out of a
page after it was cut, so pages may be short or empty before the last one.
"""

from __future__ import annotations

import zlib
from datetime import UTC, date, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from connectors.sandbox.stage import Twin, day_of, moment_of, stage_of
from connectors.sandbox.tiktok import (
    Body,
    Refusal,
    access_token,
    admit,
    counters_at,
    description_of,
    enveloped,
    video_id,
    videos,
    wanted,
)
from connectors.sandbox.world import WorldPost

NAME = "tiktok_research"
MOST, WINDOW_DAYS = 100, 30
REQUESTS_PER_DAY, RECORDS_PER_DAY = 1000, 100_000
ACCOUNT, OTHER = "somebody_invented", "another_invented"
COUNTERS = ("like_count", "comment_count", "share_count", "view_count", "favorites_count")
FIELDS = frozenset(
    {"id", "create_time", "region_code", "username", "video_description", "voice_to_text", "hashtag_names", *COUNTERS}
)


def account_of(post: WorldPost) -> str:
    """Who published a video."""
    return OTHER if int(post.object_id) % 5 == 0 else ACCOUNT


def query(request: Request, body: Body) -> Body:
    """`/v2/research/video/query/`."""
    token = admit(request)
    _spend(request, token, 1)
    fields, first, last = wanted(request, FIELDS), _date(body, "start_date"), _date(body, "end_date")
    if not timedelta(0) <= last - first <= timedelta(days=WINDOW_DAYS):
        raise Refusal(400, "invalid_params", f"end_date must be at most {WINDOW_DAYS} days after start_date")
    size, start = body.get("max_count", 20), body.get("cursor", 0)
    if not isinstance(size, int) or not 1 <= size <= MOST or not isinstance(start, int):
        raise Refusal(400, "invalid_params", f"max_count must be 1 to {MOST}, cursor a number")
    search = str(7_400_000_000_000_000_000 + zlib.crc32(repr((body.get("query"), first, last)).encode()))
    if start and body.get("search_id") != search:
        raise Refusal(400, "invalid_params", f"Search Id {body.get('search_id')} is invalid or expired")
    conditions = _conditions(body)
    past = _published(request, first, last)
    fitting = [p for p in past if all(_facts(p)[name] in values for name, values in conditions)]
    page = [p for p in fitting[start : start + size] if p.exists_at(moment_of(request))]
    _spend(request, token, 0, len(page))
    found = [_video(post, moment_of(request), fields) for post in page]
    return {"videos": found, "cursor": start + size, "has_more": start + size < len(fitting), "search_id": search}


def _spend(request: Request, token: str, requests: int, records: int = 0) -> None:
    """From the day's two allowances."""
    stage, key = stage_of(request), f"{NAME}:{day_of(request)}:{token}"
    left = stage.allowance(f"{key}:requests", REQUESTS_PER_DAY, requests)
    if token.startswith("spent") or left < 0 or stage.allowance(f"{key}:records", RECORDS_PER_DAY, records) < 0:
        raise Refusal(429, "rate_limit_exceeded", "The API rate limit was exceeded. Please try again later.")
    if requests and token.startswith("flaky") and left % 2:
        raise Refusal(500, "internal_error", "Something is wrong. Please try again later.")


def _date(body: Body, name: str) -> date:
    try:
        return datetime.strptime(body[name], "%Y%m%d").replace(tzinfo=UTC).date()
    except (KeyError, TypeError, ValueError):
        raise Refusal(400, "invalid_params", f"{name} must be YYYYMMDD") from None


def _published(request: Request, first: date, last: date) -> list[WorldPost]:
    known = videos(stage_of(request).world, NAME).values()
    past = [post for post in known if post.published_at <= moment_of(request)]
    return [post for post in past if first <= post.published_at.date() <= last]


def _facts(post: WorldPost) -> dict[str, str]:
    """What may be asked for here: ids and accounts."""
    return {"video_id": video_id(post), "username": account_of(post)}


def _conditions(body: Body) -> list[tuple[str, list[str]]]:
    """Each condition's field and the values that meet it."""
    asked = body.get("query")
    conditions: list[Any] = asked.get("and", []) if isinstance(asked, dict) else []
    if not conditions:
        raise Refusal(400, "invalid_params", "query must hold a condition")
    for condition in conditions:
        name, values = condition.get("field_name"), condition.get("field_values")
        is_list = isinstance(values, list) and all(isinstance(v, str) for v in values)
        is_known = name in ("video_id", "username") and condition.get("operation") in ("EQ", "IN")
        if not is_known or not is_list or not values:
            raise Refusal(400, "invalid_params", f"cannot ask for {name} by {condition.get('operation')}")
    return [(condition["field_name"], condition["field_values"]) for condition in conditions]


def _video(post: WorldPost, moment: datetime, fields: list[str]) -> Body:
    """The fields of a video that were asked for; the id is a number too large for a float."""
    known = {
        "id": int(video_id(post)),
        "create_time": int(post.published_at.timestamp()),
        "region_code": "DE",
        "username": account_of(post),
        "video_description": description_of(post),
        "voice_to_text": "Somebody Invented says hello",
        "hashtag_names": ["fyp"],
        **counters_at(post, moment),
    }
    return {name: known[name] for name in fields}


TWIN = Twin(
    NAME,
    [
        Route("/v2/oauth/token/", access_token, methods=["POST"]),
        Route("/v2/research/video/query/", enveloped(query), methods=["POST"]),
    ],
    keys={"usernames": f"{ACCOUNT},{OTHER}", "lookback_days": "120"},
    post_id=video_id,
)
