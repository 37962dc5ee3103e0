"""TikTok, Research API: the counters of anybody's public videos, for approved researchers who are not commercial.

`POST /v2/research/video/query/?fields=…` with `{"query": {"and": [condition, …]}, "start_date", "end_date",
"max_count": 100, "cursor", "search_id"}`: days (UTC) of publication, at most 30 days apart. The next page needs both
`cursor` and `search_id` of the last one. Pages may be short or empty while `has_more` is true, because what was deleted
is taken out late.

- videos: the videos of the accounts in `usernames` that were published in the last `lookback_days`. Links in
  descriptions cannot be searched for, so the accounts must be named. The page is the first address in a description.
- by_post: known videos by id, in groups of at most 100 that were published within the same 28 days (a question must
  name days). A video's day is the one remembered, or else the one inside its id, whose upper half is its second of
  publication (known to many, documented nowhere: UNVERIFIED). Videos that do not come are not found.

An `id` is a JSON number above 2^53 (UNVERIFIED): read as a whole number, kept as text; a rounded one is refused.

Verbs: like, comment, share, view and save (`favorites_count`); clicks are not told. Counters may lag days behind the
app (UNVERIFIED). Public creators of age only, none of Canada. A counter that did not come is failed.

Errors: see connectors/tiktok.py. Answers often fail for nothing (`internal_error`) and are then asked for again, by
TikTok's own wrapper up to 60 times. 1,000 requests and 100,000 videos a day; then 429 until 00:00 UTC.
Tokens live for 2 hours and are bought with the client's key and secret.

Terms: no commercial use; numbers are read anew at least every 15 days (wording of 2023, UNVERIFIED today) and what is
no longer there is deleted; notice of 30 days before publication. Names, texts and regions are not kept. Off by default.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, timedelta
from typing import ClassVar

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from connectors.base import Ask, Connector, Post, Stream, VerbMeaning, ask_in_batches, failed, whole
from connectors.errors import BadAnswer, BadRequest, QuotaExhausted, SourceError
from connectors.fields import first_text, since_epoch
from connectors.http import Answer
from connectors.limits import next_midnight
from connectors.records import Basis, Observation, Raw, Status, Verb
from connectors.tiktok import Api, Item, TikTokSettings, project, video_readings, videos_in
from connectors.urls import links_in

NAME = "tiktok_research"
MOST = 100
WINDOW_DAYS = 30  # from the first day asked about to the last
SPAN_DAYS = 28  # of one group of videos; a day more on each side forgives a clock
COUNTERS = ("like_count", "comment_count", "share_count", "view_count", "favorites_count")
FIELDS = ",".join(("id", "create_time", *COUNTERS))
GRANT = {"grant_type": "client_credentials"}


class Settings(TikTokSettings):
    """Settings of TikTok's Research API."""

    model_config = SettingsConfigDict(env_prefix="TALLYRANK_TIKTOK_RESEARCH_")
    required: ClassVar[tuple[str, ...]] = ("client_key", "client_secret")
    instead: ClassVar[Mapping[tuple[str, ...], tuple[str, ...]]] = {("client_key", "client_secret"): ("token",)}
    reads_from: ClassVar[tuple[str, ...]] = ("usernames",)

    enabled: bool = Field(
        False, description="Set to true if TikTok approved your research; commercial use is forbidden."
    )
    usernames: str = Field("", description="Accounts whose videos are looked through for links, comma-separated.")
    lookback_days: int = Field(30, ge=1, le=365, description="How many days back new videos are looked for.")
    retries: int = Field(8, ge=0, description="Tries after the first; answers often fail for nothing.")

    @property
    def accounts(self) -> list[str]:
        """The accounts, each once, without the @."""
        return list(dict.fromkeys(u.strip().lstrip("@") for u in self.usernames.split(",") if u.strip(" @")))


def _research(ask: Ask) -> Api:
    resets_at = next_midnight(ask.observed_at)

    def limited(_answer: Answer, words: str) -> SourceError:
        return QuotaExhausted(NAME, f"the day's allowance is used up until 00:00 UTC. {words}", resets_at)

    return Api(NAME, ask, limited, GRANT)


def fetch_videos(ask: Ask) -> Iterator[Raw]:
    """The videos of the accounts in the settings; nothing before one is named."""
    if not (accounts := ask.settings.accounts):
        return
    condition = {"operation": "IN", "field_name": "username", "field_values": accounts}
    with _research(ask) as api:
        try:
            for first, last in spans(ask.day, ask.settings.lookback_days):
                for i, video in query(api, condition, first, last, f"{FIELDS},video_description"):
                    yield Raw(i, ask.observed_at, url=page_of(video), payload=project(video, COUNTERS))
        except SourceError as error:
            yield replace(failed(ask, "account", error), url=None)


def spans(last: date, days: int) -> Iterator[tuple[date, date]]:
    """The days up to `last` in spans that one question may cover, the newest first, without overlap."""
    oldest = last - timedelta(days=days - 1)
    while last >= oldest:
        first = max(oldest, last - timedelta(days=WINDOW_DAYS - 1))
        yield first, last
        last = first - timedelta(days=1)


def query(
    api: Api, condition: Item, first: date, last: date, fields: str, size: int = MOST
) -> Iterator[tuple[str, Item]]:
    """Every video that a condition fits, with its id, page by page and each once."""
    seen: set[str] = set()
    place: Item = {"cursor": 0}
    asked = {"query": {"and": [condition]}, "start_date": f"{first:%Y%m%d}", "end_date": f"{last:%Y%m%d}"}
    while True:
        data = api.post("/v2/research/video/query/", fields, {**asked, "max_count": size, **place})
        page = dict(videos_in(NAME, data))
        yield from ((i, video) for i, video in page.items() if i not in seen)
        seen |= page.keys()
        if not data.get("has_more"):
            return
        cursor = whole(data.get("cursor"))
        if cursor is None or cursor <= place["cursor"]:
            raise BadAnswer(NAME, "there are more videos, but the cursor does not move on")
        place = {"cursor": cursor, "search_id": str(data.get("search_id") or "")}


def page_of(video: Item) -> str | None:
    """The web page a video is about: the first address in its description."""
    return first_text(links_in(video.get("video_description")))


def fetch_by_post(ask: Ask) -> Iterator[Raw]:
    """The counters of known videos, group by group."""
    groups = {group[0]: group for group in grouped(ask.posts)}
    heads: dict[tuple[str, str | None], Post] = {(head.object_id, head.url): head for head in groups}
    with _research(ask) as api:
        for row in ask_in_batches(ask, list(groups), 1, lambda head: _refreshed(ask, api, groups[head[0]])):
            if row.status is Status.FAILED:  # the group's first video stands for all of it
                group = groups[heads[row.subject, row.url]]
                yield from (replace(row, subject=post.object_id, url=post.url) for post in group)
            else:
                yield row


def grouped(posts: Sequence[Post]) -> Iterator[list[Post]]:
    """Posts in groups that one question can be about: by day of publication, those without a day by themselves."""
    dated = sorted(((day, post) for post in dict.fromkeys(posts) if (day := day_of(post))), key=lambda p: p[0])
    group: list[Post] = []
    start = date.min
    for day, post in dated:
        if group and (len(group) == MOST or (day - start).days >= SPAN_DAYS):
            yield group
            group = []
        start = start if group else day
        group.append(post)
    yield from ([group] if group else [])
    yield from ([post] for post in dict.fromkeys(posts) if day_of(post) is None)


def day_of(post: Post) -> date | None:
    """The day (UTC) of publication: the one remembered, or the one inside the id."""
    if post.published_at:
        return post.published_at.astimezone(UTC).date()
    digits = post.object_id if post.object_id.isascii() and post.object_id.isdigit() else "0"
    at = since_epoch(int(digits) >> 32)
    return at.date() if at and at.year >= 2014 else None


def _refreshed(ask: Ask, api: Api, posts: Sequence[Post]) -> list[Raw]:
    days = [day for post in posts if (day := day_of(post))]
    if not days:
        raise BadRequest(NAME, "nobody knows when this video was published, and TikTok must be told")
    first, last = min(days) - timedelta(days=1), max(days) + timedelta(days=1 if max(days) < ask.day else 0)
    ids = list(dict.fromkeys(post.object_id for post in posts))
    condition = {"operation": "IN", "field_name": "video_id", "field_values": ids}
    found = dict(query(api, condition, first, last, FIELDS))
    return [_row(ask, post, found.get(post.object_id)) for post in posts]


def _row(ask: Ask, post: Post, video: Item | None) -> Raw:
    if video is None:
        return Raw(post.object_id, ask.observed_at, Status.NOT_FOUND, post.url)
    return Raw(post.object_id, ask.observed_at, url=post.url, payload=project(video, COUNTERS))


def parse(rows: Sequence[Raw]) -> Iterator[Observation]:
    """Five readings per video."""
    return video_readings(CONNECTOR, rows)


CONNECTOR = Connector(
    name=NAME,
    title="TikTok (research)",
    signal="votes",
    settings=Settings,
    streams=(
        Stream(
            "videos",
            "Videos of named accounts that link to a page",
            "account",
            fetch_videos,
            parse,
            MOST,
            requests="10 at least",
        ),
        Stream("by_post", "Counters of known videos", "posts", fetch_by_post, parse, MOST, requests="10 at least"),
    ),
    quota="1,000 requests and 100,000 videos a day, refilled at 00:00 UTC; 100 videos per request, if they were "
    "published within the same four weeks.",
    terms="Research that is not commercial, approved by TikTok. Read anew at least every 15 days and delete what is no "
    "longer there; notice of 30 days before publication. No user names.",
    keys_from="Apply at developers.tiktok.com/products/research-api and copy the client key and secret of the project.",
    verbs={
        Verb.LIKE: VerbMeaning("like_count", "Likes of one public video, possibly days old."),
        Verb.COMMENT: VerbMeaning("comment_count", "Comments on one public video, possibly days old."),
        Verb.SHARE: VerbMeaning("share_count", "Times somebody used the share button of one public video."),
        Verb.VIEW: VerbMeaning("view_count", "Times one public video was played, repeats included."),
        Verb.SAVE: VerbMeaning("favorites_count", "Times one public video was added to somebody's favourites."),
    },
    basis=Basis.POST,
    retention_days=15,
    forgets_deleted=True,
)
