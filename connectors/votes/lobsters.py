"""Lobsters: stories that link to a page, with score and comments, without a key. Off unless you switch it on.

The owners do not welcome this: robots.txt closes the site to every robot, and the file that sets the limits asks people
to write no scrapers. There is no official API. `enabled` is the word that says you have weighed that, or asked them.

- by_url: `GET /stories/url/all.json?url=…`, one page per request; the answer is a list of stories, `[]` for an unknown
  address. The site compares addresses without scheme, `www.`, fragment, slash or `.html` at the end and index pages,
  with the parameters sorted, so one spelling is enough. Stories that moderators took down may be among them. A page
  without stories gets zeros of quality lower_bound.
- by_post: `GET /s/<short_id>.json`, one story per request; 404 means gone. The comments in it are not kept.

Verbs: like is `score` (upvotes minus flags, a net number that may fall below 0), comment `comment_count`,
share 1 per story. A null is hidden, a missing field failed.

Limits per address: 4 requests a second, 30 a minute, 100 per ten minutes, 400 an hour; then 429 in plain text. The wait
stands in `RateLimit-Reset` alone, as Unix time (a comment in the site's source says seconds, so a small number is read
as such); one too long to sit through ends the day. 400 where `url` is missing. Addresses of clients that name certain
libraries get one request a day. `created_at` carries the site's own zone.

UNVERIFIED: that `Retry-After` never comes (it is read where it does); how merged stories are listed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from connectors.base import (
    Ask,
    Connector,
    ConnectorSettings,
    Post,
    Stream,
    VerbMeaning,
    ask_in_batches,
    nothing_found,
    post_row,
    reading,
)
from connectors.errors import BadAnswer, BadRequest, Gone, SourceError
from connectors.fields import mapping, moment, picked
from connectors.http import Answer, Http, by_status, retry_after
from connectors.limits import limited
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb
from connectors.urls import url_key

NAME = "lobsters"
KEPT = ("score", "comment_count", "created_at")
LATEST_DURATION = 1_000_000_000  # a larger number is a moment, a smaller one a wait

Fields = dict[str, Any]


class Settings(ConnectorSettings):
    """Settings of Lobsters; no key is needed, but your word that it may be asked."""

    model_config = SettingsConfigDict(env_prefix="TALLYRANK_LOBSTERS_")

    base_url: str = Field("https://lobste.rs", description="Address of the site.")
    enabled: bool = Field(False, description="Off by default: the site asks robots to stay away.")
    requests_per_second: float = Field(0.1, gt=0, description="Highest pace; 400 requests an hour are allowed.")
    pages_per_day: int = Field(100, ge=0, description="Pages asked about per day.")


def lobsters_error(answer: Answer) -> SourceError | None:
    """What an answer says went wrong; its 429 is plain text, and the wait stands in RateLimit-Reset."""
    if answer.status != 429:
        return by_status(answer)
    seconds, words = window_ends_in(answer), f"HTTP 429: {answer.text[:160]}"
    return limited(answer.source, words, seconds)


def window_ends_in(answer: Answer) -> float | None:
    """Seconds until the window of requests ends."""
    reset = answer.headers.get("ratelimit-reset", "")
    if not reset.isdecimal():
        return retry_after(answer)
    now = datetime.now(UTC).timestamp()
    return max(int(reset) - now, 0.0) if int(reset) > LATEST_DURATION else float(reset)


def fetch_by_url(ask: Ask) -> Iterator[Raw]:
    """The stories of each page."""
    with Http(NAME, ask, classify=lobsters_error) as http:
        yield from ask_in_batches(ask, list(dict.fromkeys(ask.urls)), 1, lambda urls: _found(ask, http, urls[0]))


def _found(ask: Ask, http: Http, url: str) -> list[Raw]:
    if url_key(url) is None:
        raise BadRequest(NAME, "this is not a web address")
    stories = http.get("/stories/url/all.json", {"url": url}).json()
    if not isinstance(stories, list):
        raise BadAnswer(NAME, "the answer is no list of stories")
    unique = {payload["object_id"]: payload for payload in map(_kept, stories)}
    return [Raw(url, ask.observed_at, url=url, payload=payload) for payload in unique.values() or [{"stories": 0}]]


def _kept(story: Any) -> Fields:
    """What parsing reads of a story."""
    if not isinstance(story, dict) or not isinstance(story.get("short_id"), str):
        raise BadAnswer(NAME, "a story has no `short_id`")
    return {"object_id": story["short_id"], **picked(story, KEPT)}


def fetch_by_post(ask: Ask) -> Iterator[Raw]:
    """The counters of known stories."""
    with Http(NAME, ask, classify=lobsters_error) as http:
        yield from ask_in_batches(ask, ask.posts, 1, partial(_refreshed, ask, http))


def _refreshed(ask: Ask, http: Http, posts: Sequence[Post]) -> Iterator[Raw]:
    for post in posts:
        if not post.object_id.isalnum() or not post.object_id.isascii():
            raise BadRequest(NAME, "no id of a story (letters and digits)")
        try:
            story = http.get(f"/s/{post.object_id}.json").json()
        except Gone:
            yield post_row(ask, post, None)
            continue
        payload = _kept(story)
        if payload["object_id"] != post.object_id:
            raise BadAnswer(NAME, "the answer is not the story that was asked for")
        link = story.get("url")
        url = post.url or (link if isinstance(link, str) and url_key(link) else None)
        yield Raw(post.object_id, ask.observed_at, url=url, payload=payload | post.known)


def parse_by_url(rows: Sequence[Raw]) -> Iterator[Observation]:
    """Three readings per story, or three zeros of quality lower_bound for a page that has none."""
    for row in rows:
        payload = mapping(row.payload)
        if payload.get("object_id"):
            yield from _readings(row, payload, str(payload["object_id"]))
        else:
            yield from nothing_found(CONNECTOR, row, payload.get("stories"), quality=Quality.LOWER_BOUND)


def parse_by_post(rows: Sequence[Raw]) -> Iterator[Observation]:
    """Three readings per story that was asked for."""
    for row in rows:
        yield from _readings(row, mapping(row.payload), row.subject)


def _readings(row: Raw, payload: Mapping[str, Any], object_id: str) -> Iterator[Observation]:
    is_read = row.status is Status.OBSERVED and bool(payload.get("object_id"))
    at = moment(payload.get("created_at")) or moment(payload.get("published_at"))
    shares = {Verb.SHARE: ("stories", 1 if is_read else None)}
    fields = {Verb.LIKE: "score", Verb.COMMENT: "comment_count"}
    counts = {verb: (name, payload.get(name)) for verb, name in fields.items()} | shares
    for verb, (name, count) in counts.items():
        is_withheld = name in payload and payload[name] is None
        absent = Status.HIDDEN if is_withheld else Status.FAILED if row.status is Status.OBSERVED else row.status
        yield reading(CONNECTOR, verb, row, count, absent=absent, object_id=object_id, published_at=at)


CONNECTOR = Connector(
    name=NAME,
    title="Lobsters",
    signal="votes",
    settings=Settings,
    streams=(
        Stream(
            name="by_url",
            title="Stories that link to a page",
            asks="urls",
            fetch=fetch_by_url,
            parse=parse_by_url,
            requests_per_1000=1000,
            budget="pages_per_day",
        ),
        Stream(
            name="by_post",
            title="Counters of known stories",
            asks="posts",
            fetch=fetch_by_post,
            parse=parse_by_post,
            requests_per_1000=1000,
        ),
    ),
    quota="4 requests a second, 30 a minute, 100 per ten minutes, 400 an hour; one per page and one per known story.",
    terms="robots.txt closes the site to robots and its owners ask for no scrapers: off unless you switch it on, best "
    "after asking them. Names, titles and texts are not kept.",
    keys_from="No key is needed; best ask its owners first.",
    verbs={
        Verb.LIKE: VerbMeaning("score", "Upvotes of one story minus its flags, a net number that may fall below 0."),
        Verb.COMMENT: VerbMeaning("comment_count", "Comments below one story, replies included."),
        Verb.SHARE: VerbMeaning(
            "stories",
            "1 per story that links to the page; a page's shares are its submissions.",
            passing_on="not_counted",
        ),
    },
    basis=Basis.POST,
    forgets_deleted=True,
    verified="Nothing live: written from the site's source.",
)
