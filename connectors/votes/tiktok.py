"""TikTok, Display API: the counters of the videos of one account that gave its consent.

- videos: `POST /v2/video/list/?fields=…` with `{"max_count": 20, "cursor": …}`. The cursor is in milliseconds (times in
  answers are in seconds) and `has_more` says whether to go on.
- by_post: `POST /v2/video/query/?fields=…` with at most 20 ids; ids that are unknown, deleted or somebody else's are
  left out without a word: not found.

The page is the first web address in the video's description or title, which are read for that and not kept; TikTok
does not make such addresses clickable, and cuts both at 150 letters. A video without one has no page.

Verbs: like `like_count`, comment `comment_count`, share `share_count`, view `view_count`. Saves and clicks are not
told. A counter that was asked for and did not come is failed: no rule of hiding it is documented.

Errors: see connectors/tiktok.py. `access_token_invalid` renews the token once; 600 requests a minute and endpoint in a
sliding window, then 429 `rate_limit_exceeded` without any header: we wait for the window to pass (`pause_seconds`).

A user's token lives for a day and its refresh token for a year (both UNVERIFIED), so a daily run needs the refresh
token. TikTok may hand out a new refresh token at a renewal; whether the old one goes on working is UNVERIFIED.
Names of people and cover images are not asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from connectors.base import Ask, Connector, Post, Stream, VerbMeaning, ask_in_batches, failed, whole
from connectors.errors import BadAnswer, RateLimited, SourceError
from connectors.fields import first_text, plain
from connectors.http import Answer, retry_after
from connectors.records import Basis, Observation, Raw, Status, Verb
from connectors.tiktok import Api, Item, TikTokSettings, project, video_readings, videos_in
from connectors.urls import links_in

NAME = "tiktok"
MOST = 20
COUNTERS = ("like_count", "comment_count", "share_count", "view_count")
FIELDS = ",".join(("id", "create_time", *COUNTERS))


class Settings(TikTokSettings):
    """Settings of TikTok's Display API."""

    model_config = SettingsConfigDict(env_prefix="TALLYRANK_TIKTOK_")
    required: ClassVar[tuple[str, ...]] = ("client_key", "client_secret", "refresh_token")
    instead: ClassVar[Mapping[tuple[str, ...], tuple[str, ...]]] = {
        ("client_key", "client_secret", "refresh_token"): ("token",)
    }

    refresh_token: SecretStr | None = Field(None, description="Refresh token of the account, with scope video.list.")
    pause_seconds: float = Field(60.0, ge=0, description="Wait when asked too often: the window is one minute.")
    requests_per_second: float = Field(5.0, gt=0, description="Highest pace; TikTok allows 600 requests a minute.")


def _tiktok(ask: Ask) -> Api:
    def limited(answer: Answer, words: str) -> SourceError:
        told = retry_after(answer)
        return RateLimited(NAME, words, ask.settings.pause_seconds if told is None else told)

    refresh = plain(ask.settings.refresh_token)
    grant = {"grant_type": "refresh_token", "refresh_token": refresh} if refresh else None
    return Api(NAME, ask, limited, grant)


def fetch_videos(ask: Ask) -> Iterator[Raw]:
    """All videos of the account."""
    with _tiktok(ask) as api:
        try:
            for page in video_pages(api, MOST):
                yield from (_row(ask, i, video, page_of(video)) for i, video in page)
        except SourceError as error:
            yield replace(failed(ask, "account", error), url=None)


def video_pages(api: Api, size: int) -> Iterator[list[tuple[str, Item]]]:
    """The account's videos with their ids, page by page, each video once."""
    seen: set[str] = set()
    cursor: int | None = None
    while True:
        body = {"max_count": size} | ({} if cursor is None else {"cursor": cursor})
        data = api.post("/v2/video/list/", f"{FIELDS},title,video_description", body)
        page = dict(videos_in(NAME, data))
        yield [(i, video) for i, video in page.items() if i not in seen]
        seen |= page.keys()
        if not data.get("has_more"):
            return
        following = whole(data.get("cursor"))
        if following is None or following == cursor:
            raise BadAnswer(NAME, "there are more videos, but the cursor does not move on")
        cursor = following


def page_of(video: Item) -> str | None:
    """The web page a video is about: the first address in its description, or else in its title."""
    return first_text(link for name in ("video_description", "title") for link in links_in(video.get(name)))


def _row(ask: Ask, object_id: str, video: Item, url: str | None) -> Raw:
    return Raw(object_id, ask.observed_at, url=url, payload=project(video, COUNTERS))


def fetch_by_post(ask: Ask) -> Iterator[Raw]:
    """The counters of known videos, 20 per request."""
    with _tiktok(ask) as api:
        yield from ask_in_batches(ask, ask.posts, MOST, partial(_refreshed, ask, api))


def _refreshed(ask: Ask, api: Api, posts: Sequence[Post]) -> Iterator[Raw]:
    ids = list(dict.fromkeys(post.object_id for post in posts))
    found = dict(videos_in(NAME, api.post("/v2/video/query/", FIELDS, {"filters": {"video_ids": ids}})))
    for post in posts:
        if post.object_id in found:
            yield _row(ask, post.object_id, found[post.object_id], post.url)
        else:
            yield Raw(post.object_id, ask.observed_at, Status.NOT_FOUND, post.url)


def parse(rows: Sequence[Raw]) -> Iterator[Observation]:
    """Four readings per video."""
    return video_readings(CONNECTOR, rows)


CONNECTOR = Connector(
    name=NAME,
    title="TikTok",
    signal="votes",
    settings=Settings,
    streams=(
        Stream("videos", "Videos of our own account", "account", fetch_videos, parse, MOST, requests="50"),
        Stream("by_post", "Counters of known videos of our account", "posts", fetch_by_post, parse, MOST, 50),
    ),
    quota="600 requests a minute for each kind of question, 20 videos per request; no daily limit is told.",
    terms="Only videos of the account that consented, for the purpose it consented to, until it leaves. No user names.",
    kept="as long as the account's consent lasts",
    keys_from="Create an app with the Display API at developers.tiktok.com; sign in with the account (video.list).",
    verbs={
        Verb.LIKE: VerbMeaning("like_count", "Likes of one video, as its owner sees them."),
        Verb.COMMENT: VerbMeaning("comment_count", "Comments on one video, as its owner sees them."),
        Verb.SHARE: VerbMeaning("share_count", "Times somebody used the share button of one video."),
        Verb.VIEW: VerbMeaning("view_count", "Times one video was played, repeats included."),
    },
    basis=Basis.POST,
)
