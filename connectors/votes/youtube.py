"""YouTube Data API v3: likes, comments and views of videos whose description links to a page.

**Asked** through google-api-python-client, with an API key (`key=`), at `https://youtube.googleapis.com`:
`search.list` (text search, at most 50 per page), `videos.list` and `videos:batchGetStats` (at most 50 ids),
`channels.list` and `playlistItems.list` (the uploads of a channel, 50 per page).

**Quota**, reset at midnight Pacific, no header tells what is left: 100 searches a day (each page is one), 10,000
`batchGetStats` in a bucket of its own, 10,000 units for everything else (a list call is 1; a refused request too).

**Discovery** (`by_url`). There is no index of links. A text search for the address, without its scheme and last slash
so that the spellings of it match alike, brings candidates; only those whose full description really links to the page
(equal join keys) count. The search's own snippet is cut short and decides nothing. What such a search misses is
UNVERIFIED, so a page without a confirmed video reads 0 as a *lower bound*. One page of results is read: a second one
costs another search.

**Refresh** (`by_post`) uses `batchGetStats`; where that method is not known (400, 404, 405, 501) or answers without
items or about other videos, `videos.list` is asked, and where that refuses many ids, it is asked for each. Ids that are
deleted, private or unknown are simply absent from a good answer: `not_found`.

**Numbers** are text holding whole numbers. like = `likeCount`: accounts whose thumb is up now; the key is absent when
the owner hides it. comment = `commentCount`: public comments, replies included (UNVERIFIED); absent when comments are
off. view = `viewCount`: plays, counted from the start of playback (Shorts since 2025-03-31, all formats since about
2026-08-24: two breaks of the series); always there, so its absence is a failure. Shares and saves exist only in the
owner's own analytics. `favoriteCount` is a leftover that is always "0"; `dislikeCount` is for owners.

**Errors**: `quotaExceeded` and `dailyLimitExceeded` (403) end the day; `rateLimitExceeded` (403) waits and tries
again; `keyInvalid` (400), `accessNotConfigured`, `forbidden` (403) are for a person to mend; 5xx is tried again.

**Terms**: numbers read with a key are kept for 30 days at most, then read anew or deleted; they are not merged with
those of other platforms into one metric; nothing about persons is kept (titles, descriptions and channels stay
outside).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import date
from typing import Any, ClassVar

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from connectors import google
from connectors.base import (
    Ask,
    Connector,
    ConnectorSettings,
    Post,
    Stream,
    VerbMeaning,
    ask_in_batches,
    batches,
    reading,
)
from connectors.errors import BadAnswer, BadRequest, ConfigurationError, Gone, QuotaExhausted, SourceError
from connectors.fallback import ManyOrOne, about
from connectors.fields import comma_separated, dig, mapping, moment, picked
from connectors.http import Classify
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb
from connectors.urls import links_in, url_key

NAME = "youtube"
MOST_IDS = 50
COUNTERS = {Verb.LIKE: "likeCount", Verb.COMMENT: "commentCount", Verb.VIEW: "viewCount"}
ADVICE = "Check TALLYRANK_YOUTUBE_API_KEY, and that YouTube Data API v3 is enabled for its project and this host."


class Settings(ConnectorSettings):
    """Settings of YouTube, read from `TALLYRANK_YOUTUBE_*`."""

    model_config = SettingsConfigDict(**ConnectorSettings.model_config | {"env_prefix": "TALLYRANK_YOUTUBE_"})
    required: ClassVar[tuple[str, ...]] = ("api_key",)
    instead: ClassVar[Mapping[tuple[str, ...], tuple[str, ...]]] = {("api_key",): ("token",)}

    base_url: str = Field("https://youtube.googleapis.com", description="Root of the API.")
    requests_per_second: float = Field(5.0, gt=0, description="Highest pace; the daily quota is what limits.")
    concurrency: int = Field(4, ge=1, le=64, description="Requests under way at once.")
    api_key: SecretStr | None = Field(None, description="API key for public data.")
    token: SecretStr | None = Field(None, description="Another name for the API key.")
    channels: str = Field("", description="Your own channels' ids (UC…), comma-separated; optional.")
    searches_per_day: int = Field(100, ge=0, description="Pages searched for per day; the quota's default is 100.")

    @property
    def key(self) -> str:
        """The API key, by either of its names; empty when none is set."""
        names = (self.api_key, self.token)
        return next((text for secret in names if secret and (text := secret.get_secret_value())), "")

    @property
    def channel_ids(self) -> list[str]:
        """The channels, each once."""
        return comma_separated(self.channels)

    def url_for(self, day: date) -> str:
        """As usual; the path of the API at the end of the address is not repeated."""
        return super().url_for(day).removesuffix("/youtube/v3")


def fetch_by_url(ask: Ask) -> Iterator[Raw]:
    """One search per page, and one look at the descriptions of what it found."""
    with _youtube(ask) as youtube:
        yield from ask_in_batches(ask, ask.urls, 1, lambda urls: _linking_to(ask, youtube, urls[0]))


def fetch_by_channel(ask: Ask) -> Iterator[Raw]:
    """Every link in the description of every video uploaded to the channels in the settings."""
    if not ask.settings.channel_ids:
        return
    with _youtube(ask) as youtube:
        for row in ask_in_batches(ask, ask.settings.channel_ids, 1, lambda ids: _uploads(ask, youtube, ids[0])):
            yield replace(row, url=None) if row.status is Status.FAILED else row  # a channel's id is no address


def fetch_by_post(ask: Ask) -> Iterator[Raw]:
    """The counters of known videos, 50 per request."""
    with _youtube(ask) as youtube:
        stats = _Stats(youtube)
        forms = ManyOrOne[Post](
            ask,
            lambda posts: _refreshed(ask, stats, posts),
            lambda post: _refreshed(ask, stats.classic, [post]),
        )
        yield from ask_in_batches(ask, ask.posts, MOST_IDS, forms)


def parse(rows: Sequence[Raw]) -> Iterator[Observation]:
    """Three observations per row: like, comment, view."""
    for row in rows:
        payload = row.payload if isinstance(row.payload, dict) else {}
        for verb in COUNTERS:
            if row.status is Status.NOT_FOUND:
                yield reading(CONNECTOR, verb, row, None, absent=Status.NOT_FOUND, object_id=_video_id(row))
            elif payload.get("found") == 0:
                yield reading(CONNECTOR, verb, row, 0, absent=Status.FAILED, quality=Quality.LOWER_BOUND)
            else:
                yield _counter(verb, row, payload)


def project(item: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """What is kept of a video, from any of the three shapes it comes in: id, counters, time of publication."""
    snippet, statistics = mapping(item.get("snippet")), item.get("statistics")
    kept = picked(statistics, COUNTERS.values()) if isinstance(statistics, dict) else None
    published = snippet.get("publishedAt", snippet.get("publishTime"))
    return {"id": item.get("id"), "publishedAt": published, "statistics": kept, **more}


def found_ids(answer: Mapping[str, Any]) -> list[str]:
    """The ids of the videos in a search's answer, where `id` is an object."""
    ids = [item.get("id") for item in google.items_of(NAME, answer)]
    return [i["videoId"] for i in ids if isinstance(i, dict) and isinstance(i.get("videoId"), str)]


def classify_for(ask: Ask) -> Classify:
    """YouTube's reading of Google's errors: a spent quota comes back at midnight Pacific."""

    def spent(source: str, words: str) -> SourceError:
        resets_at = google.next_pacific_midnight(ask.observed_at)
        return QuotaExhausted(source, f"{words} It is refilled at {resets_at:%Y-%m-%d %H:%M} UTC.", resets_at)

    special: dict[str, google.Make] = {"quotaExceeded": spent, "dailyLimitExceeded": spent}
    return google.classifier(ADVICE, special | {"forbidden": ConfigurationError})


def _youtube(ask: Ask) -> AbstractContextManager[Any]:
    return google.service(ask, NAME, "youtube", "v3", classify=classify_for(ask), key=ask.settings.key)


def _linking_to(ask: Ask, youtube: Any, url: str) -> list[Raw]:
    words = re.sub(r"^https?://|/$", "", url)
    request = youtube.search().list(part="snippet", type="video", q=f'"{words}"', maxResults=MOST_IDS)
    ids = found_ids(google.execute(NAME, request))
    rows = [
        Raw(url, ask.observed_at, url=url, payload=project(video, url=link))
        for video in _videos(youtube, ids)
        for link in _links(video)
        if url_key(link) == url_key(url)
    ]
    return rows or [Raw(url, ask.observed_at, url=url, payload={"found": 0})]


def _uploads(ask: Ask, youtube: Any, channel: str) -> list[Raw]:
    request = youtube.channels().list(part="contentDetails", id=channel)
    found = google.items_of(NAME, google.execute(NAME, request))
    if not found:
        return [Raw(channel, ask.observed_at, Status.NOT_FOUND)]
    ids = list(dict.fromkeys(_playlist(youtube, _uploads_playlist(found[0]))))
    videos = (video for group in batches(ids, MOST_IDS) for video in _videos(youtube, group))
    return [
        Raw(str(video.get("id")), ask.observed_at, url=link, payload=project(video, url=link))
        for video in videos
        for link in _links(video)
    ]


def _uploads_playlist(channel: Mapping[str, Any]) -> str:
    try:
        return str(channel["contentDetails"]["relatedPlaylists"]["uploads"])
    except (KeyError, TypeError):
        raise BadAnswer(NAME, "the channel names no playlist of its uploads") from None


def _playlist(youtube: Any, playlist: str) -> Iterator[str]:
    """The ids of all videos of a playlist, page by page."""
    resource = youtube.playlistItems()
    request = resource.list(part="contentDetails", playlistId=playlist, maxResults=MOST_IDS)
    while request is not None:
        answer = google.execute(NAME, request)
        yield from (i for item in google.items_of(NAME, answer) if isinstance(i := _listed_id(item), str))
        request = resource.list_next(request, answer)


def _listed_id(item: Mapping[str, Any]) -> Any:
    """The id of a video in a playlist, from the part asked for or from the one that others ask for."""
    return dig(item, "contentDetails", "videoId") or dig(item, "snippet", "resourceId", "videoId")


def _videos(youtube: Any, ids: Sequence[str]) -> list[dict[str, Any]]:
    if not ids:
        return []
    request = youtube.videos().list(part="snippet,statistics", id=",".join(ids))
    return google.items_of(NAME, google.execute(NAME, request))


def _links(video: Mapping[str, Any]) -> list[str]:
    """The addresses a video's description links to, one spelling of each."""
    snippet = video.get("snippet")
    if not isinstance(snippet, dict) or not isinstance(snippet.get("description"), str):
        raise BadAnswer(NAME, "a video came without a description, so nobody can say what it links to")
    links = {url_key(link): link for link in reversed(links_in(snippet["description"]))}
    return [link for key, link in reversed(links.items()) if key]


class _Stats:
    """Counters by id: `batchGetStats`, or `videos.list` from the moment the former turns out not to exist."""

    def __init__(self, youtube: Any) -> None:
        self._youtube, self._has_batch = youtube, hasattr(youtube.videos(), "batchGetStats")

    def __call__(self, ids: Sequence[str]) -> dict[str, Any]:
        if self._has_batch:
            try:
                return self._batch(ids)
            except (BadRequest, Gone):
                self._has_batch = False
            except BadAnswer:
                pass  # only the classic method is known to say clearly that it found nothing
        return self.classic(ids)

    def classic(self, ids: Sequence[str]) -> dict[str, Any]:
        """The same by `videos.list`."""
        return about(NAME, ids, _by_id(_videos(self._youtube, ids)))

    def _batch(self, ids: Sequence[str]) -> dict[str, Any]:
        request = self._youtube.videos().batchGetStats(part="id,snippet,statistics", id=",".join(ids))
        return about(NAME, ids, _by_id(google.items_of(NAME, google.execute(NAME, request))))


def _by_id(items: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {i: item for item in items if isinstance(i := item.get("id"), str)}


def _refreshed(ask: Ask, stats: Callable[[Sequence[str]], dict[str, Any]], posts: Sequence[Post]) -> Iterator[Raw]:
    ids = list(dict.fromkeys(post.object_id for post in posts))
    found = stats(ids)
    for post in posts:
        item = found.get(post.object_id)
        if item is None:
            yield Raw(post.object_id, ask.observed_at, Status.NOT_FOUND, post.url)
            continue
        payload = project(item)
        if post.published_at and not payload["publishedAt"]:
            payload["publishedAt"] = post.published_at.isoformat()
        yield Raw(post.object_id, ask.observed_at, url=post.url, payload=payload)


def _counter(verb: Verb, row: Raw, payload: Mapping[str, Any]) -> Observation:
    statistics = payload.get("statistics")
    value = dig(statistics, COUNTERS[verb])
    # Only a single counter can be withheld; no counters at all, or words instead of a number, is not hiding.
    hidden = verb is not Verb.VIEW and isinstance(statistics, dict) and value is None
    return reading(
        CONNECTOR, verb, row, value, absent=Status.HIDDEN if hidden else Status.FAILED,
        url=payload.get("url") or row.url, object_id=payload.get("id"), published_at=moment(payload.get("publishedAt")),
    )  # fmt: skip


def _video_id(row: Raw) -> str | None:
    return row.subject if row.url else None  # a missing channel has no page and is no video


CONNECTOR = Connector(
    name=NAME,
    title="YouTube",
    signal="votes",
    settings=Settings,
    streams=(
        Stream(
            "by_url", "Videos that link to a page", "urls", fetch_by_url, parse, budget="searches_per_day",
            requests="1,000, of which 100 a day, and 20 per 1,000 videos found",
        ),
        Stream(
            "by_channel", "Links in the videos of your own channels", "account", fetch_by_channel, parse, requests="40"
        ),
        Stream(
            "by_post", "Counters of known videos", "posts", fetch_by_post, parse,
            batch=MOST_IDS, requests_per_1000=20,
        ),
    ),
    quota="Per day (Pacific): 100 searches; 10,000 batchGetStats of 50 videos each; 10,000 units for all other calls.",
    terms="Keep numbers for 30 days at most, then read anew or delete; never merge them with other platforms' numbers.",
    keys_from="Enable YouTube Data API v3 and create an API key at https://console.cloud.google.com/apis/credentials.",
    verbs={
        Verb.LIKE: VerbMeaning("likeCount", "Accounts whose thumb is up now; hidden when the owner hides it."),
        Verb.COMMENT: VerbMeaning("commentCount", "Public comments under the video; hidden when comments are off."),
        Verb.VIEW: VerbMeaning(
            "viewCount",
            "Plays, counted from the start of playback (Shorts since 2025-03-31, all since about 2026-08-24).",
        ),
    },
    basis=Basis.POST,
    retention_days=30,
    forgets_deleted=True,
)  # fmt: skip
