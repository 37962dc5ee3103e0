"""Instagram: the counters of one professional account's own media. Graph API v26.0.

- media: `/{user_id}/media`, newest first, with the `*_count` fields, 50 per page.
- by_post: `GET /?ids=…`, 50 media per request, the same counters.

The caption is read for one thing only, the first web address in it, and is not kept. Instagram does not link addresses
in captions, so a medium without one stands for its own permalink.

Verbs: like is `like_count`, comment is `comments_count`, share is `shares_count` (sent on; `reposts_count` is another
thing and not added), save is `saved_count`, view is `view_count`. Organic only.

A missing counter is hidden: owners may hide likes, and `reposts_count`, `saved_count`, `shares_count` exist for whole
posts only, not for parts of a carousel. (Read through another account a hidden like count is 0; we read our own.)
With `insights` on, a medium that lacks a counter is asked for its insights, one request each: metrics by kind of
medium, because one unsupported metric fails the whole question. Metrics answer with `values` or with `total_value`; an
empty list stands for missing data and is never 0. Insights lag by up to 48 hours.

Quota: a share of the account's impressions; usage headers as on Facebook. Retention: as long as the purpose needs it.
Names, owners, texts and media addresses are not kept.

UNVERIFIED: the largest page size of `/media`, the formula of the quota, the inner keys of `total_value`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, ClassVar

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from connectors.base import Ask, Connector, Stream, VerbMeaning, reading, whole
from connectors.errors import BadAnswer, BadRequest, NotPermitted
from connectors.graph import (
    MOST_IDS,
    GraphSettings,
    Item,
    account_rows,
    connect,
    dig,
    items,
    moment,
    refresh,
    stopping,
)
from connectors.http import Http
from connectors.records import Basis, Observation, Raw, Status, Verb
from connectors.urls import links_in

NAME = "instagram"
PAGE_SIZE = 50
COUNTERS = ("like_count", "comments_count", "shares_count", "saved_count", "view_count")
FIELDS = ",".join(("id", "timestamp", "media_product_type", *COUNTERS))
# The metric of each counter, and the metrics that each kind of medium has.
METRICS = {
    "like_count": "likes",
    "comments_count": "comments",
    "shares_count": "shares",
    "saved_count": "saved",
    "view_count": "views",
}
METRICS_BY_KIND = {"FEED": tuple(METRICS.values()), "REELS": tuple(METRICS.values()), "STORY": ("shares", "views")}


class Settings(GraphSettings):
    """Settings of Instagram."""

    model_config = SettingsConfigDict(env_prefix="TALLYRANK_INSTAGRAM_")
    required: ClassVar[tuple[str, ...]] = ("token", "user_id")

    user_id: str | None = Field(None, description="Id of the professional account (a number, not its name).")
    insights: bool = Field(False, description="Ask the insights of media that lack a counter, one request each.")


def fetch_media(ask: Ask) -> Iterator[Raw]:
    """All media of the account."""
    with connect(NAME, ask) as http:
        yield from account_rows(ask, [str(ask.settings.user_id)], partial(_media_of, ask, http))


def _media_of(ask: Ask, http: Http, user: str) -> Iterator[Raw]:
    for item in items(http, f"/{user}/media", {"fields": f"{FIELDS},permalink,caption"}, PAGE_SIZE):
        if not isinstance(item.get("id"), str):
            raise BadAnswer(NAME, "a medium has no `id`")
        yield Raw(item["id"], ask.observed_at, url=page_of(item), payload=_completed(ask, http, item))


def page_of(item: Item) -> str | None:
    """The web page a medium is about: the first address in its caption, or else its own permalink."""
    caption, permalink = item.get("caption"), item.get("permalink")
    links = links_in(caption) if isinstance(caption, str) else []
    return links[0] if links else permalink if isinstance(permalink, str) else None


def project_media(item: Item) -> Item:
    """What parsing reads of a medium."""
    return {name: item[name] for name in ("timestamp", *COUNTERS) if name in item}


def project_insights(body: Any) -> dict[str, int]:
    """Metrics by name, from `values` (the last one) or from `total_value`; what is missing is left out."""
    data = dig(body, "data")
    found = {dig(metric, "name"): _metric(metric) for metric in (data if isinstance(data, list) else [])}
    return {str(name): count for name, count in found.items() if name and count is not None}


def _metric(metric: Any) -> int | None:
    values = dig(metric, "values")
    last = dig(values[-1], "value") if isinstance(values, list) and values else None
    count = whole(last)
    return whole(dig(metric, "total_value", "value")) if count is None else count


def _completed(ask: Ask, http: Http, item: Item) -> Item:
    """The projected medium, with its insights where they were asked for and a counter is missing."""
    kept = project_media(item)
    lacking = {metric for name, metric in METRICS.items() if whole(item.get(name)) is None}
    asked = [m for m in METRICS_BY_KIND.get(str(item.get("media_product_type")), ()) if m in lacking]
    if not ask.settings.insights or not asked:
        return kept
    try:
        with stopping():
            answer = http.get(f"/{item['id']}/insights", {"metric": ",".join(asked)})
    except (BadRequest, NotPermitted):  # too few viewers, or a metric this kind of medium has not: still hidden
        return kept
    return kept | {"insights": project_insights(answer.json())}


def fetch_by_post(ask: Ask) -> Iterator[Raw]:
    """The counters of known media, 50 per request."""
    with connect(NAME, ask) as http:
        yield from refresh(ask, http, FIELDS, partial(_completed, ask, http))


def parse_media(rows: Sequence[Raw]) -> Iterator[Observation]:
    """Five readings per medium; where a counter is missing, its metric of the insights."""
    for row in rows:
        payload = row.payload if isinstance(row.payload, dict) else {}
        at = moment(payload.get("timestamp")) or moment(payload.get("published_at"))
        absent = Status.NOT_FOUND if row.status is Status.NOT_FOUND else Status.HIDDEN
        for verb, meaning in CONNECTOR.verbs.items():
            value, native = payload.get(meaning.native), meaning.native
            metric = METRICS[native]
            if whole(value) is None and dig(payload, "insights", metric) is not None:
                value, native = dig(payload, "insights", metric), f"insights.{metric}"
            yield reading(
                CONNECTOR, verb, row, value, absent=absent, native=native, object_id=row.subject, published_at=at
            )


CONNECTOR = Connector(
    name=NAME,
    title="Instagram",
    signal="votes",
    settings=Settings,
    streams=(
        Stream(
            name="media",
            title="Media of our own account",
            asks="account",
            fetch=fetch_media,
            parse=parse_media,
            batch=PAGE_SIZE,
        ),
        Stream(
            name="by_post",
            title="Counters of known media",
            asks="posts",
            fetch=fetch_by_post,
            parse=parse_media,
            batch=MOST_IDS,
            requests_per_1000=20,
        ),
    ),
    quota="An allowance that grows with the account's impressions, told in percent by the usage headers.",
    terms="Meta Platform Terms: keep no longer than needed, delete on request. Names and texts are not kept.",
    keys_from="Create an app at developers.facebook.com, connect the professional account, and make a token with "
    "instagram_basic and instagram_manage_insights.",
    verbs={
        Verb.LIKE: VerbMeaning("like_count", "Likes of one medium; hidden when its owner hides them."),
        Verb.COMMENT: VerbMeaning("comments_count", "Comments on one medium."),
        Verb.SHARE: VerbMeaning("shares_count", "Times one medium was sent on; reposts are not included."),
        Verb.SAVE: VerbMeaning("saved_count", "Times one medium was saved."),
        Verb.VIEW: VerbMeaning("view_count", "Times one medium was shown or played, repeats included."),
    },
    basis=Basis.POST,
)
