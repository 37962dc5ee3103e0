"""The twin of YouTube Data API v3: text search, videos, batchGetStats, channels and playlists, three daily quotas.

Videos are the world's posts of platform "youtube", one channel per site; a description holds the post's link. An API
key may be anything but empty or `bad`; one that ends in `-summary` makes batchGetStats add its unwritten summary.
"""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache, wraps
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from connectors.sandbox.stage import Twin, moment_of, stage_of
from connectors.sandbox.world import SITES, World, WorldPost

UNITS = {"search": 100, "batch": 10_000, "general": 10_000}
DAY_SECONDS = 86_400.0
SEARCH_CEILING = 500
PARTS = {"id", "snippet", "statistics", "contentDetails", "status"}

Page = tuple[list[Any], dict[str, Any]]


class Refusal(Exception):
    """An answer in YouTube's error envelope."""

    def __init__(self, status: int, reason: str, message: str, domain: str = "youtube.parameter") -> None:
        super().__init__(reason)
        entry = {"message": message, "domain": domain, "reason": reason}
        self.answer = JSONResponse({"error": {"code": status, "message": message, "errors": [entry]}}, status)


def channel_of(site: str) -> str:
    """The id of a site's channel; its uploads playlist is the same with UU in front."""
    return "UC" + hashlib.sha256(site.encode()).hexdigest()[:22]


def description_of(video: WorldPost) -> str:
    """The full text under a video: the page's link, and on every third video another one."""
    music = f"\nMusic: https://tunes.example/t/{_number(video)}" if _number(video) % 3 == 0 else ""
    return f"All about the {video.page.title}.\nRead it here: {video.url}{music}\nLike and subscribe!"


def counters_of(world: World, video: WorldPost, moment: datetime) -> dict[str, str]:
    """The public counters, as text; those that are withheld are missing."""
    likes = video.votes_at(moment)
    counters = {"viewCount": str(40 * likes + _number(video) % 100), "likeCount": str(likes)}
    if video.is_shy:
        del counters["likeCount"]
    if not (video.is_shy and _shy(world)[video.object_id] % 2):
        counters["commentCount"] = str(likes // 8)
    return counters


def _answers(bucket: str) -> Callable[[Callable[[Request], dict[str, Any]]], Any]:
    """A handler behind the key check and the quota of its bucket; a request that is wrong costs as well."""

    def decorate(handler: Callable[[Request], dict[str, Any]]) -> Any:
        @wraps(handler)
        async def answer(request: Request) -> JSONResponse:
            try:
                _spend(request, bucket)
                return JSONResponse(handler(request))
            except Refusal as refusal:
                return refusal.answer

        return answer

    return decorate


@_answers("search")
def search(request: Request) -> dict[str, Any]:
    """Videos that share at least half of the words asked for, best match first."""
    _parts(request, {"id", "snippet"})
    words = set(re.findall(r"\w+", request.query_params.get("q", "").lower()))
    world, channel = stage_of(request).world, request.query_params.get("channelId")
    scored = [
        (len(words & tokens) / len(words), video)
        for video, tokens in _tokens(world)
        if words and _visible(request, video) and channel in (None, channel_of(video.page.site))
    ]
    by_date = request.query_params.get("order") == "date"
    found = sorted(
        (pair for pair in scored if pair[0] >= 0.5),
        key=lambda p: (0.0 if by_date else -p[0], -p[1].published_at.timestamp()),
    )
    videos, paging = _paged(request, [video for _, video in found][:SEARCH_CEILING])
    items = [
        {
            "kind": "youtube#searchResult",
            "etag": _etag(video),
            "id": {"kind": "youtube#video", "videoId": video.object_id},
            "snippet": _snippet(video, 100) | {"liveBroadcastContent": "none"},
        }
        for video in videos
    ]
    return {"kind": "youtube#searchListResponse", "etag": "s", "regionCode": "US", "items": items} | paging


@_answers("general")
def videos(request: Request) -> dict[str, Any]:
    """Videos by id, in the order asked for; the unknown are dropped."""
    parts = _parts(request, PARTS)
    world, moment = stage_of(request).world, moment_of(request)
    items = []
    for video in _by_ids(request):
        whole = {
            "snippet": _snippet(video) | {"tags": ["kettle", "how-to"], "categoryId": "26"},
            "statistics": counters_of(world, video, moment) | {"favoriteCount": "0"},
            "contentDetails": {"duration": "PT3M33S", "definition": "hd"},
            "status": {"privacyStatus": "public", "publicStatsViewable": True},
        }
        items.append(_part_of("youtube#video", video, whole, parts))
    info = {"totalResults": len(items), "resultsPerPage": len(items)}
    return {"kind": "youtube#videoListResponse", "etag": "v", "items": items, "pageInfo": info}


@_answers("batch")
def batch_get_stats(request: Request) -> dict[str, Any]:
    """The newer method: fewer parts, other names, no favourites, no page info."""
    parts = _parts(request, {"id", "snippet", "statistics", "contentDetails"})
    world, moment = stage_of(request).world, moment_of(request)
    items = []
    for video in _by_ids(request):
        whole = {
            "snippet": {"publishTime": _time(video)},
            "statistics": counters_of(world, video, moment),
            "contentDetails": {"duration": "213s"},
        }
        items.append(_part_of("youtube#videoStats", video, whole, parts))
    answer: dict[str, Any] = {"kind": "youtube#batchGetStatsResponse", "etag": "b", "items": items}
    if request.query_params["key"].endswith("-summary"):
        asked = len(_ids(request))
        answer["summary"] = {"requestedVideoCount": asked, "succeededVideoCount": len(items)}
    return answer


@_answers("general")
def channels(request: Request) -> dict[str, Any]:
    """Channels by id; `items` is missing when none is known."""
    _parts(request, {"id", "snippet", "contentDetails", "statistics"})
    known = {channel_of(f"{site}.example"): site for site in SITES}
    items = [
        {
            "kind": "youtube#channel",
            "id": channel,
            "snippet": {"title": f"{known[channel]} channel", "customUrl": f"@{known[channel]}"},
            "contentDetails": {"relatedPlaylists": {"likes": "", "uploads": "UU" + channel[2:]}},
        }
        for channel in _ids(request)
        if channel in known
    ]
    info = {"totalResults": len(items), "resultsPerPage": 5}
    return {"kind": "youtube#channelListResponse", "etag": "c", "pageInfo": info} | ({"items": items} if items else {})


@_answers("general")
def playlist_items(request: Request) -> dict[str, Any]:
    """The uploads of a channel, newest first."""
    _parts(request, {"id", "snippet", "contentDetails", "status"})
    playlist = request.query_params.get("playlistId", "")
    site = {"UU" + channel_of(f"{s}.example")[2:]: f"{s}.example" for s in SITES}.get(playlist)
    if site is None:
        message = "The playlist identified with the request's playlistId parameter cannot be found."
        raise Refusal(404, "playlistNotFound", message, "youtube.playlistItem")
    found = [v for v in stage_of(request).world.posts("youtube") if v.page.site == site and _visible(request, v)]
    videos, paging = _paged(request, found[::-1])
    items = [
        {
            "kind": "youtube#playlistItem",
            "id": f"PL{video.object_id}",
            "snippet": _snippet(video) | {"videoOwnerChannelTitle": "Somebody Invented"},
            "contentDetails": {"videoId": video.object_id, "videoPublishedAt": _time(video)},
        }
        for video in videos
    ]
    return {"kind": "youtube#playlistItemListResponse", "etag": "p", "items": items} | paging


def _spend(request: Request, bucket: str) -> None:
    key, day = request.query_params.get("key", ""), request.path_params["day"]
    if not key:
        raise Refusal(403, "forbidden", "The request is missing a valid API key.", "global")
    if key == "bad":
        raise Refusal(400, "keyInvalid", "Bad Request", "usageLimits")
    if stage_of(request).window(f"youtube/{day}/{key}/{bucket}", UNITS[bucket], DAY_SECONDS)[0] < 0:
        message = (
            "The request cannot be completed because you have exceeded your "
            '<a href="/youtube/v3/getting-started#quota">quota</a>.'
        )
        raise Refusal(403, "quotaExceeded", message, "youtube.quota")


def _values(request: Request, name: str) -> list[str]:
    """A parameter that may be repeated, comma-separated, or both."""
    return [v for text in request.query_params.getlist(name) for v in text.split(",") if v]


def _parts(request: Request, known: set[str]) -> set[str]:
    parts = set(_values(request, "part"))
    if not parts:
        raise Refusal(400, "missingRequiredParameter", "No part selected.")
    if unknown := parts - known:
        raise Refusal(400, "unknownPart", f"'{unknown.pop()}'", "youtube.part")
    return parts


def _ids(request: Request) -> list[str]:
    ids = list(dict.fromkeys(_values(request, "id")))
    if not ids:
        raise Refusal(400, "missingRequiredParameter", "No filter selected. Expected one of: id")
    if len(ids) > 50:
        raise Refusal(400, "invalidFilters", "The request specifies too many ids.")
    return ids


def _by_ids(request: Request) -> list[WorldPost]:
    world = stage_of(request).world
    known = [world.post("youtube", i) for i in _ids(request)]
    return [video for video in known if video and _visible(request, video)]


def _visible(request: Request, video: WorldPost) -> bool:
    return video.exists_at(moment_of(request))


def _paged(request: Request, found: Sequence[WorldPost]) -> Page:
    """One page and what points to its neighbours."""
    size, start = _page_size(request), _page_start(request)
    paging: dict[str, Any] = {"pageInfo": {"totalResults": len(found), "resultsPerPage": size}}
    if start + size < len(found) and size:
        paging["nextPageToken"] = _token(start + size)
    if start:
        paging["prevPageToken"] = _token(max(0, start - size))
    return list(found[start : start + size]), paging


def _page_size(request: Request) -> int:
    text = request.query_params.get("maxResults", "5")
    if not text.isdigit() or int(text) > 50:
        raise Refusal(400, "invalidParameter", f"Invalid value '{text}'. Values must be within the range: [0, 50]")
    return int(text)


def _page_start(request: Request) -> int:
    token = request.query_params.get("pageToken")
    try:
        return int(base64.urlsafe_b64decode(token).decode().removeprefix("at:")) if token else 0
    except ValueError:
        raise Refusal(400, "invalidPageToken", "The request specifies an invalid page token.") from None


def _token(start: int) -> str:
    return base64.urlsafe_b64encode(f"at:{start}".encode()).decode()


def _part_of(kind: str, video: WorldPost, whole: dict[str, Any], parts: set[str]) -> dict[str, Any]:
    kept = {name: value for name, value in whole.items() if name in parts}
    return {"kind": kind, "etag": _etag(video), "id": video.object_id} | kept


def _snippet(video: WorldPost, most: int | None = None) -> dict[str, Any]:
    """What people wrote; a search cuts the description short."""
    text = description_of(video)
    return {
        "publishedAt": _time(video),
        "channelId": channel_of(video.page.site),
        "title": f"I tried the {video.page.title}",
        "description": text if most is None or len(text) <= most else text[:most] + " ...",
        "channelTitle": "Somebody Invented",
    }


def _time(video: WorldPost) -> str:
    return video.published_at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _etag(video: WorldPost) -> str:
    return f"e{_number(video):08x}"


@lru_cache(maxsize=1 << 14)
def _number(video: WorldPost) -> int:
    return zlib.crc32(video.object_id.encode())


@lru_cache(maxsize=8)
def _shy(world: World) -> dict[str, int]:
    """The ordinal of every video that hides its likes."""
    return {video.object_id: n for n, video in enumerate(v for v in world.posts("youtube") if v.is_shy)}


@lru_cache(maxsize=8)
def _tokens(world: World) -> list[tuple[WorldPost, frozenset[str]]]:
    return [
        (video, frozenset(re.findall(r"\w+", f"{video.page.title} {description_of(video)}".lower())))
        for video in world.posts("youtube")
    ]


TWIN = Twin(
    "youtube",
    [
        Route("/youtube/v3/search", search),
        Route("/youtube/v3/videos", videos),
        Route("/youtube/v3/videos:batchGetStats", batch_get_stats),
        Route("/youtube/v3/channels", channels),
        Route("/youtube/v3/playlistItems", playlist_items),
    ],
    keys={"channels": ",".join(channel_of(f"{site}.example") for site in SITES)},
)
