"""YouTube Analytics API v2: views, likes, comments, shares and saves of your own channels by country, age and gender.

Segments only: every count is of a part of the public and none is ever added to a total. Off by default.

**Asked** through google-api-python-client at `https://youtubeanalytics.googleapis.com`, read-only scope
`yt-analytics.readonly`, signed in as the owner of the channel (service accounts cannot own one): one report is
`GET v2/reports?ids=channel==UC…&startDate&endDate&metrics&dimensions&filters=video==…`. The numbers add up from `since`
to the day asked. The last two or three days are missing yet, so every number is a lower bound.

- by_country: `dimensions=country`, one request for each channel and, with `videos`, for each of its most viewed videos
  (`dimensions=video&sort=-views&maxResults`, at most 200). `ZZ` is a country that is not known.
- by_age_gender (off unless `demographics` is set): `dimensions=ageGroup,gender` knows one metric, `viewerPercentage`,
  a percentage of the views of signed-in people. The views of each part are estimated from it and from the views of
  all, two requests each. YouTube's terms want to approve numbers that are derived from its own: that is why it is off.

**Answers** are a table: `columnHeaders` names the columns in the order asked, `rows` holds lists and is missing, not
empty, when there are none (too few viewers for a segment). Whole tables come at once. An answer with status 200 may
hold `errors` instead. Counts below `segment_minimum` are withheld before they are stored. The page of a segment is the
channel or the video itself: which pages a video links to is told by the source `youtube`, under the same address.

**Errors** are Google's: `quotaExceeded` (403) ends the day, refilled at midnight Pacific; `forbidden` (403) is a
channel of somebody else; 400 is a metric or combination that there is not (any more): then metrics are asked for one
by one, and only the one that is refused fails; 401 asks for a new sign-in. A token lives for an hour; the refresh token
with the client's id and secret makes new ones.

**Terms**: as for YouTube, kept for 30 days at most, then read anew or deleted; never merged with other platforms.

UNVERIFIED: all but the parameters, headers and rows (those stand in the client's discovery document): the names of
metrics and dimensions (settings), the earliest `startDate` that is taken, the values of ageGroup, the daily quota.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Any, ClassVar

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from connectors import google
from connectors.base import (
    SUPPRESSED,
    Ask,
    Connector,
    ConnectorSettings,
    Stream,
    VerbMeaning,
    ask_in_batches,
    cell,
    failed,
    reading,
    whole,
)
from connectors.errors import BadAnswer, BadRequest, Gone, NotPermitted, QuotaExhausted, SourceError, Unavailable
from connectors.fields import comma_separated, dig, listed, loads, mapping, plain
from connectors.http import Answer, Classify
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb

NAME = "youtube_analytics"
MOST_VIDEOS = 200
ESTIMATE = "views x viewerPercentage"
PERCENTAGE = "viewerPercentage"
SHORT = {"ageGroup": "age"}  # our words for dimensions whose own are longer
ADVICE = "Check the sign-in of TALLYRANK_YOUTUBE_ANALYTICS_* and that YouTube Analytics API is enabled for its project."
METRICS = {
    Verb.VIEW: "views",
    Verb.LIKE: "likes",
    Verb.COMMENT: "comments",
    Verb.SHARE: "shares",
    Verb.SAVE: "videosAddedToPlaylists",
}
CODES: dict[str, type[SourceError]] = {
    "BAD_REQUEST": BadRequest,
    "FORBIDDEN": NotPermitted,
    "NOT_FOUND": Gone,
    "GONE": Gone,
    "INTERNAL_ERROR": Unavailable,
    "SERVICE_UNAVAILABLE": Unavailable,
}

Table = list[dict[str, Any]]
Read = Callable[[Ask, Any, str, str], list[Raw]]


class Settings(ConnectorSettings):
    """Settings of YouTube Analytics, read from `TALLYRANK_YOUTUBE_ANALYTICS_*`."""

    model_config = SettingsConfigDict(**ConnectorSettings.model_config | {"env_prefix": "TALLYRANK_YOUTUBE_ANALYTICS_"})
    required: ClassVar[tuple[str, ...]] = ("token", "channels")
    instead: ClassVar[Mapping[tuple[str, ...], tuple[str, ...]]] = {
        ("token",): ("refresh_token", "client_id", "client_secret")
    }

    base_url: str = Field("https://youtubeanalytics.googleapis.com", description="Root of the API.")
    enabled: bool = Field(False, description="Set to true to ask for your channels' countries.")
    requests_per_second: float = Field(5.0, gt=0, description="Highest pace; 720 a minute are said to be allowed.")
    concurrency: int = Field(2, ge=1, le=64, description="Requests under way at once.")
    token: SecretStr | None = Field(None, description="OAuth2 token of the channels' owner; it lives for an hour.")
    refresh_token: SecretStr | None = Field(None, description="Makes new tokens, with client_id and client_secret.")
    client_id: str = Field("", description="Id of the OAuth client; only with a refresh token.")
    client_secret: SecretStr | None = Field(None, description="Secret of the OAuth client; only with a refresh token.")
    token_url: str = Field("https://oauth2.googleapis.com/token", description="Where new tokens are made.")
    channels: str = Field("", description="Your own channels' ids (UC…), comma-separated.")
    videos: int = Field(0, ge=0, le=MOST_VIDEOS, description="Most viewed videos of a channel to ask about one by one.")
    demographics: bool = Field(False, description="Also estimate views by age and gender; needs YouTube's approval.")
    since: date = Field(date(2005, 2, 14), description="First day that is counted.")
    metrics: str = Field(
        ",".join(f"{verb}={name}" for verb, name in METRICS.items()),
        description="The metric of each verb, should YouTube rename one; a verb that is left out is not asked for.",
    )
    age_gender: str = Field("ageGroup,gender", description="Dimensions of the report by age and gender.")

    @field_validator("metrics")
    @classmethod
    def _known(cls, text: str) -> str:
        if unknown := {verb for verb, _ in _pairs(text)} - {verb.value for verb in METRICS}:
            raise ValueError(f"{sorted(unknown)} are none of {', '.join(METRICS)}")
        return text

    @property
    def channel_ids(self) -> list[str]:
        """The channels, each once."""
        return comma_separated(self.channels)

    @property
    def natives(self) -> dict[str, str]:
        """Metrics by verb."""
        return {verb: name for verb, name in _pairs(self.metrics) if name}


def _pairs(text: str) -> list[tuple[str, str]]:
    parts = (entry.partition("=") for entry in text.split(",") if entry.strip())
    return [(verb.strip(), name.strip()) for verb, _, name in parts]


def fetch_by_country(ask: Ask) -> Iterator[Raw]:
    """One row per channel (or video) and country."""
    yield from _of_all(ask, by_country)


def fetch_by_age_gender(ask: Ask) -> Iterator[Raw]:
    """One row per channel (or video), age group and gender; nothing unless it is switched on."""
    if ask.settings.demographics:
        yield from _of_all(ask, by_age_gender)


def _of_all(ask: Ask, read: Read) -> Iterator[Raw]:
    with _service(ask) as analytics:
        units: dict[str, tuple[str, str]] = {}
        for channel in ask.settings.channel_ids:
            units[page_of(channel)] = channel, ""
            try:
                units |= {page_of(channel, v): (channel, v) for v in _videos(ask, analytics, channel)}
            except SourceError as error:
                del units[page_of(channel)]
                yield replace(failed(ask, page_of(channel), error), url=None)
                if error.is_fatal:
                    break
        for row in ask_in_batches(ask, list(units), 1, lambda pages: read(ask, analytics, *units[pages[0]])):
            yield replace(row, url=None) if row.status is Status.FAILED else row


def _service(ask: Ask) -> AbstractContextManager[Any]:
    from google.oauth2 import credentials

    settings = ask.settings
    sign = credentials.Credentials(  # type: ignore[no-untyped-call]
        token=plain(settings.token) or None,
        refresh_token=plain(settings.refresh_token) or None,
        client_id=settings.client_id,
        client_secret=plain(settings.client_secret),
        token_uri=settings.token_url,
    )
    return google.service(ask, NAME, "youtubeAnalytics", "v2", classify=classify_for(ask), sign=sign)


def page_of(channel: str, video: str = "") -> str:
    """The address of a channel or of one of its videos."""
    return f"https://www.youtube.com/watch?v={video}" if video else f"https://www.youtube.com/channel/{channel}"


def _videos(ask: Ask, analytics: Any, channel: str) -> list[str]:
    """The most viewed videos of a channel, as many as are wanted."""
    most = ask.settings.videos
    if not most:
        return []
    more = {"dimensions": "video", "sort": "-views", "maxResults": most}
    return [_word(row, "video") for row in _report(ask, analytics, channel, "", ["views"], **more)]


def by_country(ask: Ask, analytics: Any, channel: str, video: str) -> list[Raw]:
    """A channel's or video's counts of each country."""
    natives = ask.settings.natives
    rows = _each(ask, analytics, channel, video, list(natives.values()), "country")
    counts = [{verb: _kept(ask, row, native) for verb, native in natives.items()} for row in rows]
    segments = [f"country={_word(row, 'country')}" for row in rows]
    return [_row(ask, channel, video, s, c, natives) for s, c in zip(segments, counts, strict=True)]


def by_age_gender(ask: Ask, analytics: Any, channel: str, video: str) -> list[Raw]:
    """A channel's or video's views of each age group and gender, as far as they can be estimated."""
    dimensions = comma_separated(ask.settings.age_gender)
    views = whole(next(iter(_report(ask, analytics, channel, video, ["views"])), {}).get("views"))
    shares = _report(ask, analytics, channel, video, [PERCENTAGE], dimensions=",".join(dimensions))
    return [
        _row(ask, channel, video, _segment(row, dimensions), {Verb.VIEW: cell(ask, estimate(views, row))}, ESTIMATES)
        for row in shares
    ]


ESTIMATES = {Verb.VIEW.value: ESTIMATE}


def estimate(views: int | None, row: Mapping[str, Any]) -> int | None:
    """The views of a part of the public; None where either number is unknown."""
    share = row.get(PERCENTAGE)
    if views is None or isinstance(share, bool) or not isinstance(share, int | float):
        return None
    return round(views * share / 100)


def _segment(row: Mapping[str, Any], dimensions: Sequence[str]) -> str:
    parts = [(SHORT.get(d, d), _word(row, d).removeprefix("age")) for d in dimensions]
    return ";".join(f"{dimension}={value}" for dimension, value in parts)


def _word(row: Mapping[str, Any], column: str) -> str:
    value = row.get(column)
    if not isinstance(value, str) or not value:
        raise BadAnswer(NAME, f"a row of the report has no `{column}`")
    return value


def _kept(ask: Ask, row: Mapping[str, Any], native: str) -> Any:
    return "failed" if native not in row else cell(ask, row[native])


def _row(ask: Ask, channel: str, video: str, segment: str, counts: Any, natives: Mapping[str, str]) -> Raw:
    page = page_of(channel, video)
    payload = {"segment": segment, "counts": {str(v): n for v, n in counts.items()}, "natives": dict(natives)}
    return Raw(page, ask.observed_at, url=page, payload=payload)


def _each(ask: Ask, analytics: Any, channel: str, video: str, metrics: list[str], dimension: str) -> Table:
    """A report of all metrics; where it is refused, of those metrics that are not."""
    try:
        return _report(ask, analytics, channel, video, metrics, dimensions=dimension)
    except BadRequest as error:
        rows: dict[str, dict[str, Any]] = {}
        refusal: SourceError | None = error
        for metric in metrics:
            try:
                found = _report(ask, analytics, channel, video, [metric], dimensions=dimension)
            except BadRequest:
                continue
            refusal = None
            for row in found:
                rows.setdefault(_word(row, dimension), {}).update(row)
        if refusal:
            raise refusal from None
        return list(rows.values())


def _report(ask: Ask, analytics: Any, channel: str, video: str, metrics: list[str], **more: Any) -> Table:
    filters = {"filters": f"video=={video}"} if video else {}
    request = analytics.reports().query(
        ids=f"channel=={channel}", startDate=ask.settings.since.isoformat(), endDate=ask.day.isoformat(),
        metrics=",".join(metrics), **filters, **more,
    )  # fmt: skip
    return table(google.execute(NAME, request))


def table(answer: Mapping[str, Any]) -> Table:
    """The rows by the names of their columns. No rows are no key, so a list by another name is a renamed one."""
    headers, rows = listed(answer.get("columnHeaders")), answer.get("rows")
    columns = [h["name"] for h in headers if isinstance(dig(h, "name"), str)]
    if not columns or len(columns) < len(headers):
        raise BadAnswer(NAME, "the report does not name its columns")
    others = [name for name, value in answer.items() if name != "columnHeaders" and isinstance(value, list)]
    if rows is None and not others:
        return []
    if not isinstance(rows, list) or not all(isinstance(r, list) and len(r) == len(columns) for r in rows):
        raise BadAnswer(NAME, "the rows of the report are not as wide as its columns")
    return [dict(zip(columns, row, strict=True)) for row in rows]


def classify_for(ask: Ask) -> Classify:
    """YouTube Analytics' reading of Google's errors, and of good answers that hold errors."""

    def spent(source: str, words: str) -> SourceError:
        resets_at = google.next_pacific_midnight(ask.observed_at)
        return QuotaExhausted(source, f"{words} It is refilled at {resets_at:%Y-%m-%d %H:%M} UTC.", resets_at)

    special: dict[str, google.Make] = {"quotaExceeded": spent, "dailyLimitExceeded": spent, "forbidden": NotPermitted}
    refusal = google.classifier(ADVICE, special)
    return lambda answer: refusal(answer) or inside(answer)


def inside(answer: Answer) -> SourceError | None:
    """The error inside an answer with status 200, if there is one."""
    if '"errors"' not in answer.text:
        return None
    errors = dig(loads(answer.text), "errors")
    if not errors:  # of what is no JSON, the reader of the answer says so
        return None
    code = dig(errors, "code")
    return CODES.get(str(code), BadAnswer)(answer.source, f"HTTP {answer.status}, but the report failed: {code}")


def parse(rows: Sequence[Raw], verbs: Sequence[Verb], quality: Quality) -> Iterator[Observation]:
    """A reading per verb of each segment."""
    for row in rows:
        payload = mapping(row.payload)
        counts, natives, segment = (payload.get(key) for key in ("counts", "natives", "segment"))
        if not isinstance(segment, str) or not isinstance(counts, dict) or not isinstance(natives, dict):
            continue  # without its segment it would be taken for a total
        for verb in verbs:
            value, native = counts.get(verb.value), natives.get(verb.value)
            more = {"segment": segment, "quality": quality, "native": native or METRICS[verb]}
            yield reading(CONNECTOR, verb, row, value, absent=_absent(value, native), **more)


def _absent(value: Any, native: Any) -> Status:
    if native is None:
        return Status.UNSUPPORTED  # not among the metrics that the settings ask for
    return Status.HIDDEN if value == SUPPRESSED else Status.FAILED


CONNECTOR = Connector(
    name=NAME,
    title="YouTube Analytics",
    signal="votes",
    settings=Settings,
    streams=(
        Stream(
            name="by_country",
            title="Your own channels by country",
            asks="account",
            requests="1 per channel",
            is_segmented=True,
            fetch=fetch_by_country,
            parse=partial(parse, verbs=tuple(METRICS), quality=Quality.LOWER_BOUND),
        ),
        Stream(
            name="by_age_gender",
            title="Views of your own channels by age and gender, estimated",
            asks="account",
            requests="2 per channel",
            is_segmented=True,
            fetch=fetch_by_age_gender,
            parse=partial(parse, verbs=(Verb.VIEW,), quality=Quality.ROUNDED),
            verbs=(Verb.VIEW,),
        ),
    ),
    quota="A daily number of queries per project and 720 a minute per person, both unverified; one query a channel.",
    terms="Keep for 30 days at most, then read anew or delete; own channels only; numbers derived from YouTube's own "
    "(by age and gender) need its approval.",
    keys_from="Enable YouTube Analytics API at https://console.cloud.google.com/apis/library, create an OAuth client, "
    "sign in as the channel's owner with the scope yt-analytics.readonly; keep the refresh token.",
    verbs={
        Verb.VIEW: VerbMeaning("views", "Views of a part of the public, without the last days.", Quality.LOWER_BOUND),
        Verb.LIKE: VerbMeaning("likes", "Likes by a part of the public, without the last days.", Quality.LOWER_BOUND),
        Verb.COMMENT: VerbMeaning("comments", "Comments by a part of the public.", Quality.LOWER_BOUND),
        Verb.SHARE: VerbMeaning("shares", "Uses of the Share button by a part of the public.", Quality.LOWER_BOUND),
        Verb.SAVE: VerbMeaning(
            "videosAddedToPlaylists", "Times videos were added to any playlist, Watch later too.", Quality.LOWER_BOUND
        ),
    },
    basis=Basis.PAGE,
    retention_days=30,
    verified="Parameters and table against the discovery document in Google's client; nothing against real answers.",
)
