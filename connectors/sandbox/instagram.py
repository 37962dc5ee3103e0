"""Twin of the Graph API as Instagram serves it: one account's media, media by id, and insights of a medium.

The media are the world's pins under other ids. The caption of most holds the page's address. Owners of shy media hide
likes and views; one medium in ten is a story, whose insights have few metrics, and reels have no clicks. The account's
own insights tell of people who engaged, of at least 100 of them, and of views by followers and others; a token that
begins with `quiet` belongs to an account with fewer. Lists are taken with commas or as JSON.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.sandbox.facebook import MOST_IN_BATCH, Body, Refusal, chosen, graph, listed, paged
from connectors.sandbox.stage import Twin, moment_of, stage_of
from connectors.sandbox.world import World, WorldPost

USER_ID = "17841400000000001"
REELS_METRICS = frozenset({"views", "reach", "likes", "comments", "shares", "saved", "total_interactions"})
METRICS_BY_KIND = {
    "FEED": REELS_METRICS | {"link_clicks"},
    "REELS": REELS_METRICS,
    "STORY": frozenset({"views", "shares", "reach", "replies", "link_clicks"}),
}
ENGAGED = "engaged_audience_demographics"
TIMEFRAMES = frozenset({"last_14_days", "last_30_days", "last_90_days", "prev_month", "this_month", "this_week"})
FEWEST_PEOPLE = 100
# Percent of the people who engaged (some have told neither) and of the views.
PEOPLE: dict[tuple[str, ...], dict[tuple[str, ...], int]] = {
    ("country",): {("US",): 50, ("DE",): 30, ("FR",): 9, ("JP",): 1},
    ("age", "gender"): {("18-24", "F"): 20, ("18-24", "M"): 25, ("25-34", "F"): 30, ("25-34", "U"): 1},
}
VIEWERS: dict[tuple[str, ...], int] = {("FOLLOWER",): 40, ("NON_FOLLOWER",): 60}
LATE = "reach"  # a metric that is still missing


def media_id(post: WorldPost) -> str:
    """The id of a medium."""
    return "179" + post.object_id[-14:]


def counts_of(post: WorldPost, votes: int) -> dict[str, int]:
    """Counters of a medium, by metric."""
    counts = {"likes": 9 * votes, "comments": votes // 2, "shares": votes // 3, "saved": votes, "views": 140 * votes}
    return counts | {"reach": 90 * votes, "replies": 0, "total_interactions": 10 * votes, "link_clicks": 2 * votes}


def caption_of(post: WorldPost) -> str:
    """The caption: with the page's address, except on media without a link."""
    return "Seen by Somebody Invented." if has_no_link(post) else f"Somebody Invented found this: {post.url}, lovely!"


def has_no_link(post: WorldPost) -> bool:
    """One medium in ten speaks of no page."""
    return post.object_id[-1] == "3"


def kind_of(post: WorldPost) -> str:
    """The kind of a medium."""
    return {"6": "STORY", "9": "REELS"}.get(post.object_id[-1], "FEED")


@lru_cache(maxsize=8)
def _media(world: World) -> dict[str, WorldPost]:
    """Media by id, newest first."""
    return {media_id(post): post for post in reversed(world.posts("pinterest"))}


def media_node(request: Request, post: WorldPost, fields: str) -> Body | None:
    """A medium, None when there is none at this moment."""
    if not post.exists_at(moment_of(request)):
        return None
    counts = counts_of(post, post.votes_at(moment_of(request)))
    known: dict[str, Callable[[], Any]] = {
        "id": lambda: media_id(post),
        "caption": lambda: caption_of(post),
        "username": lambda: "somebody.invented",
        "owner": lambda: {"id": USER_ID},
        "permalink": lambda: f"https://www.instagram.com/p/{post.object_id[-9:]}/",
        "media_type": lambda: "VIDEO" if kind_of(post) == "REELS" else "IMAGE",
        "media_product_type": lambda: kind_of(post),
        "timestamp": lambda: f"{post.published_at:%Y-%m-%dT%H:%M:%S+0000}",
        "like_count": lambda: None if post.is_shy else counts["likes"],
        "comments_count": lambda: counts["comments"],
        "shares_count": lambda: counts["shares"],
        "saved_count": lambda: counts["saved"],
        "reposts_count": lambda: 0,
        "view_count": lambda: None if post.is_shy else counts["views"],
    }
    return chosen(fields, known, "IGMedia")


def insights(post: WorldPost, votes: int, metrics: list[str]) -> Body:
    """Insights of a medium: one unsupported metric fails all; likes come as `total_value`, late ones not at all."""
    if wrong := [m for m in metrics if m not in METRICS_BY_KIND[kind_of(post)]]:
        raise Refusal(100, f"(#100) The {wrong[0]} metric is not supported for this media product type.")
    if kind_of(post) == "STORY" and votes < 1:
        raise Refusal(10, "(#10) Not enough viewers for the media to show insights")
    return {"data": [_metric(post, name, counts_of(post, votes)[name]) for name in metrics if name != LATE]}


def _metric(post: WorldPost, name: str, count: int) -> Body:
    value: Body = {"total_value": {"value": count}} if name == "likes" else {"values": [{"value": count}]}
    return {"name": name, "period": "lifetime", **value, "id": f"{media_id(post)}/insights/{name}/lifetime"}


def _root_answer(request: Request, _token: str, params: dict[str, str]) -> Body:
    ids = params.get("ids", "").split(",")
    if len(ids) > MOST_IN_BATCH:
        raise Refusal(100, f"(#100) Too many IDs. Maximum: {MOST_IN_BATCH}")
    if strange := [i for i in ids if not re.fullmatch(r"\d+", i)]:
        raise Refusal(803, f"(#803) Some of the aliases you requested do not exist: {','.join(strange)}")
    media, fields = _media(stage_of(request).world), params.get("fields", "")
    found = {i: media_node(request, media[i], fields) for i in ids if i in media}
    return {i: body for i, body in found.items() if body is not None}


def _media_answer(request: Request, _token: str, params: dict[str, str]) -> Body:
    if request.path_params["user"] != USER_ID:
        raise Refusal(100, "Unsupported get request. Object does not exist, or permissions are missing.", 33)
    past = [p for p in _media(stage_of(request).world).values() if p.published_at <= moment_of(request)]
    return paged(request, params, past, lambda post: media_node(request, post, params.get("fields", "")))


def people_of(world: World, moment: datetime) -> int:
    """How many accounts have engaged with the account."""
    return 20 * sum(post.votes_at(moment) for post in world.posts("pinterest") if post.exists_at(moment))


def account_insights(people: int, params: dict[str, str]) -> Body:
    """Insights of the account, broken down; an empty list where too few people engaged."""
    (metric, *others), keys = listed(params, "metric"), tuple(listed(params, "breakdown"))
    period = listed(params, "period")
    if others:
        raise Refusal(100, "(#100) These metrics do not go together.")
    if params.get("metric_type") != "total_value":
        raise Refusal(100, f"(#100) The metric {metric} must be specified with metric_type=total_value.")
    if metric == ENGAGED and keys in PEOPLE:
        if params.get("timeframe") not in TIMEFRAMES or period != ["lifetime"]:
            raise Refusal(100, "(#100) Invalid parameter: timeframe or period.")
        if people < FEWEST_PEOPLE:
            return {"data": []}
        frame = params["timeframe"].upper()
        results = [_part((frame, *who), people * share // 100) for who, share in PEOPLE[keys].items()]
        return {"data": [_broken_down(metric, "lifetime", ["timeframe", *keys], results)]}
    if metric == "views" and keys == ("follow_type",) and period == ["day"]:
        results = [_part(who, 7 * people * share // 100) for who, share in VIEWERS.items()]
        return {"data": [_broken_down(metric, "day", [*keys], results)]}
    raise Refusal(100, f"(#100) The breakdown is not supported for the metric {metric}.")


def _part(values: tuple[str, ...], value: int) -> Body:
    return {"dimension_values": [*values], "value": value}


def _broken_down(name: str, period: str, keys: list[str], results: list[Body]) -> Body:
    known = {"title": "Somebody Invented", "description": "Words.", "id": f"{USER_ID}/insights/{name}/{period}"}
    total = {"breakdowns": [{"dimension_keys": keys, "results": results}]}
    return {"name": name, "period": period, "total_value": total, **known}


def _insights_answer(request: Request, token: str, params: dict[str, str]) -> Body:
    if request.path_params["medium"] == USER_ID:
        people = 0 if token.startswith("quiet") else people_of(stage_of(request).world, moment_of(request))
        return account_insights(people, params)
    post = _media(stage_of(request).world).get(request.path_params["medium"])
    if post is None or not post.exists_at(moment_of(request)):
        raise Refusal(100, "Unsupported get request. Object does not exist, or permissions are missing.", 33)
    return insights(post, post.votes_at(moment_of(request)), listed(params, "metric"))


async def _root(request: Request) -> Response:
    return await graph(request, "instagram", _root_answer)


async def _user_media(request: Request) -> Response:
    return await graph(request, "instagram", _media_answer)


async def _insights(request: Request) -> Response:
    return await graph(request, "instagram", _insights_answer)


TWIN = Twin(
    "instagram",
    [
        Route("/{version}", _root),
        Route("/{version}/", _root),
        Route("/{version}/{user}/media", _user_media),
        Route("/{version}/{medium}/insights", _insights),
    ],
    keys={"user_id": USER_ID},
    post_id=None,
)
