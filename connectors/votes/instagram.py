"""Instagram: the counters of one professional account's own media. Graph API v26.0.

- media: `/{user_id}/media`, newest first, with the `*_count` fields, 50 per page.
- by_post: `GET /?ids=…`, 50 media per request, the same counters.
- audience (off unless `audience_url` is set): `/{user_id}/insights` with `metric_type=total_value` and a `breakdown`,
  one request per report: accounts that engaged with us, by country, and by age and gender; the last day's views by
  whether they came from followers. Segments only, never totals, filed under `audience_url`.

The caption is read for one thing only, the first web address in it, and is not kept. Instagram does not link addresses
in captions, so a medium without one stands for its own permalink.

Verbs: like is `like_count`, comment is `comments_count`, share is `shares_count` (sent on; `reposts_count` is another
thing and not added), save is `saved_count`, view is `view_count`. Click is `link_clicks`, which has no field and is
read from the insights only. Organic only.

A missing counter is hidden: owners may hide likes, and `reposts_count`, `saved_count`, `shares_count` exist for whole
posts only, not for parts of a carousel. (Read through another account a hidden like count is 0; we read our own.)
With `insights` on, each medium is asked for its clicks and for the counters it lacks, in one request: metrics by kind
of medium, because one unsupported metric fails the whole question. Where that happens all the same, they are asked one
by one, and the one refused is not asked about again for that kind in this run; it stays hidden, as clicks do without
`insights`. Metrics answer with `values` or with `total_value`; an empty list stands for missing data and is never 0.
Insights lag by up to 48 hours.

The audience counts people, not clicks of one kind: an account that engaged (liked, commented, saved, sent on) in the
timeframe counts once and stands under like; `native` names the metric. Countries are the first 45 only, people of
unknown age or country are left out, and an account with too few of them gets an empty list: no segments, not 0.
Segments below `segment_minimum` are withheld before they are stored.

Quota: a share of the account's impressions; usage headers as on Facebook. Retention: as long as the purpose needs it.
Names, owners, texts and media addresses are not kept.

UNVERIFIED: the largest page size of `/media`, the formula of the quota, which kinds of media have `link_clicks` (all
are asked, and those that refuse it only until they do), and of the audience all but the shape of a
breakdown (read from a recorded answer about a medium) and the names of timeframes and of `follow_type` (from Meta's own
client): so metric, timeframe and breakdowns are settings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from connectors.base import SUPPRESSED, Ask, Connector, Stream, VerbMeaning, account_rows, cell, reading, whole
from connectors.errors import BadAnswer, BadRequest, Gone, NotPermitted
from connectors.fields import dig, first_text, listed, moment, picked
from connectors.graph import MOST_IDS, GraphSettings, Item, connect, items, refresh, stopping
from connectors.http import Http
from connectors.records import Basis, Observation, Raw, Status, Verb
from connectors.urls import links_in

NAME = "instagram"
PAGE_SIZE = 50
COUNTERS = ("like_count", "comments_count", "shares_count", "saved_count", "view_count")
FIELDS = ",".join(("id", "timestamp", "media_product_type", *COUNTERS))
# The metric of each counter (clicks are a metric alone), and the metrics that each kind of medium has.
METRICS = {
    "like_count": "likes",
    "comments_count": "comments",
    "shares_count": "shares",
    "saved_count": "saved",
    "view_count": "views",
    "link_clicks": "link_clicks",
}
VIEWS = "views"
AUDIENCE_VERBS = (Verb.LIKE, Verb.VIEW)
METRICS_BY_KIND = {
    "FEED": tuple(METRICS.values()),
    "REELS": tuple(METRICS.values()),
    "STORY": ("shares", "views", "link_clicks"),
}

Refused = set[tuple[str, str]]  # kind of medium and metric


class Settings(GraphSettings):
    """Settings of Instagram."""

    model_config = SettingsConfigDict(env_prefix="TALLYRANK_INSTAGRAM_")
    required: ClassVar[tuple[str, ...]] = ("token", "user_id")

    user_id: str | None = Field(None, description="Id of the professional account (a number, not its name).")
    insights: bool = Field(
        False, description="Ask the insights for clicks and missing counters, one request per medium."
    )
    audience_url: str = Field(
        "", pattern=r"^(https?://\S+)?$", description="Address of your profile: set it to ask who engaged with you."
    )
    audience_metric: str = Field("engaged_audience_demographics", description="The metric that counts those people.")
    audience_timeframe: str = Field("this_month", description="The time in which they engaged.")
    audience_breakdowns: str = Field("country;age,gender", description="Reports, separated by semicolons.")
    audience_views: str = Field("follow_type", description="Breakdown of the last day's views; empty for none.")


def fetch_media(ask: Ask) -> Iterator[Raw]:
    """All media of the account."""
    with connect(NAME, ask) as http:
        yield from account_rows(ask, [str(ask.settings.user_id)], partial(_media_of, ask, http, Refused()))


def _media_of(ask: Ask, http: Http, refused: Refused, user: str) -> Iterator[Raw]:
    for item in items(http, f"/{user}/media", {"fields": f"{FIELDS},permalink,caption"}, PAGE_SIZE):
        if not isinstance(item.get("id"), str):
            raise BadAnswer(NAME, "a medium has no `id`")
        yield Raw(item["id"], ask.observed_at, url=page_of(item), payload=_completed(ask, http, refused, item))


def page_of(item: Item) -> str | None:
    """The web page a medium is about: the first address in its caption, or else its own permalink."""
    return first_text([*links_in(item.get("caption")), item.get("permalink")])


def project_media(item: Item) -> Item:
    """What parsing reads of a medium."""
    return picked(item, ("timestamp", *COUNTERS))


def project_insights(body: Any) -> dict[str, int]:
    """Metrics by name, from `values` (the last one) or from `total_value`; what is missing is left out."""
    found = {dig(metric, "name"): _metric(metric) for metric in listed(dig(body, "data"))}
    return {str(name): count for name, count in found.items() if name and count is not None}


def _metric(metric: Any) -> int | None:
    values = dig(metric, "values")
    last = dig(values[-1], "value") if isinstance(values, list) and values else None
    count = whole(last)
    return whole(dig(metric, "total_value", "value")) if count is None else count


def _completed(ask: Ask, http: Http, refused: Refused, item: Item) -> Item:
    """The projected medium, with the insights that it lacks where they are asked for."""
    kept, kind = project_media(item), str(item.get("media_product_type"))
    lacking = {metric for name, metric in METRICS.items() if whole(item.get(name)) is None}
    asked = [m for m in METRICS_BY_KIND.get(kind, ()) if m in lacking and (kind, m) not in refused]
    if not ask.settings.insights or not asked or not item.get("id"):
        return kept
    return kept | {"insights": _insights(http, item, asked, refused)}


def _insights(http: Http, item: Item, asked: Sequence[str], refused: Refused) -> dict[str, int]:
    """The metrics that a medium has; one that it has not costs the others nothing."""
    try:
        with stopping():
            return project_insights(http.get(f"/{item['id']}/insights", {"metric": ",".join(asked)}).json())
    except (BadAnswer, Gone, NotPermitted):  # too few viewers, or no such address: still hidden
        return {}
    except BadRequest as error:
        if len(asked) > 1:
            return {k: v for metric in asked for k, v in _insights(http, item, [metric], refused).items()}
        if "metric" in error.message:
            refused.add((str(item.get("media_product_type")), asked[0]))
        return {}


def fetch_by_post(ask: Ask) -> Iterator[Raw]:
    """The counters of known media, 50 per request."""
    with connect(NAME, ask) as http:
        yield from refresh(ask, http, FIELDS, partial(_completed, ask, http, Refused()))


def parse_media(rows: Sequence[Raw]) -> Iterator[Observation]:
    """Six readings per medium; where a counter is missing, its metric of the insights."""
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


def fetch_audience(ask: Ask) -> Iterator[Raw]:
    """The segments of the account's audience; nothing unless an address is set. A report that fails fails alone."""
    if not ask.settings.audience_url:
        return
    with connect(NAME, ask) as http:
        reports = audience_reports(ask.settings)
        yield from account_rows(ask, list(reports), lambda report: _audience(ask, http, reports[report]))


def audience_reports(settings: Settings) -> dict[str, dict[str, str]]:
    """The parameters of each report, by its name."""
    people = {"metric": settings.audience_metric, "period": "lifetime", "timeframe": settings.audience_timeframe}
    asked = [people | {"breakdown": b} for text in settings.audience_breakdowns.split(";") if (b := _tidy(text))]
    if views := _tidy(settings.audience_views):
        asked.append({"metric": VIEWS, "period": "day", "breakdown": views})
    return {f"{report['metric']} by {report['breakdown']}": report for report in asked}


def _tidy(text: str) -> str:
    return ",".join(part.strip() for part in text.split(",") if part.strip())


def _audience(ask: Ask, http: Http, report: Mapping[str, str]) -> Iterator[Raw]:
    with stopping():
        answer = http.get(f"/{ask.settings.user_id}/insights", {**report, "metric_type": "total_value"})
    metric, url = report["metric"], ask.settings.audience_url
    verb = Verb.VIEW if metric == VIEWS else Verb.LIKE
    for segment, value in segments_in(answer.json(), metric).items():
        payload = {"segment": segment, "metric": metric, "verb": verb.value, "count": cell(ask, value)}
        yield Raw(f"{metric} {segment}", ask.observed_at, url=url, payload=payload)


def segments_in(body: Any, metric: str) -> dict[str, Any]:
    """Values by segment. An empty `data` is missing data: no segments; anything else must be of the known shape."""
    data = dig(body, "data")
    if not isinstance(data, list):
        raise BadAnswer(NAME, "the insights have no list `data`")
    breakdowns = [_list(dig(m, "total_value", "breakdowns")) for m in data if dig(m, "name") == metric]
    if data and not breakdowns:
        raise BadAnswer(NAME, f"the insights do not hold {metric}")
    return {
        _segment(b, result): dig(result, "value")
        for some in breakdowns
        for b in some
        for result in _list(dig(b, "results"))
    }


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise BadAnswer(NAME, "the insights are not broken down")
    return value


def _segment(breakdown: Any, result: Any) -> str:
    keys, values = _list(dig(breakdown, "dimension_keys")), _list(dig(result, "dimension_values"))
    if len(keys) != len(values) or not all(isinstance(word, str) for word in (*keys, *values)):
        raise BadAnswer(NAME, "a segment does not say what it is a part of")
    pairs = zip(keys, values, strict=True)
    return ";".join(f"{key}={value}" for key, value in pairs if key != "timeframe")


def parse_audience(rows: Sequence[Raw]) -> Iterator[Observation]:
    """One reading per segment, about the account."""
    for row in rows:
        segment, metric, count = (dig(row.payload, name) for name in ("segment", "metric", "count"))
        verb = next((v for v in AUDIENCE_VERBS if v.value == dig(row.payload, "verb")), None)
        if not isinstance(segment, str) or not segment or not isinstance(metric, str) or verb is None:
            continue  # without its segment it would be taken for a total
        absent = Status.HIDDEN if count == SUPPRESSED else Status.FAILED
        more = {"basis": Basis.PAGE, "native": metric, "segment": segment}
        yield reading(CONNECTOR, verb, row, count, absent=absent, **more)


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
            requests="10; with insights 1 more per medium",
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
        Stream(
            name="audience",
            title="Who engaged with our own account, by country, age and gender",
            asks="account",
            requests="3 per account",
            is_segmented=True,
            fetch=fetch_audience,
            parse=parse_audience,
            basis=Basis.PAGE,
            verbs=AUDIENCE_VERBS,
        ),
    ),
    quota="An allowance that grows with the account's impressions, told in percent by the usage headers.",
    terms="Meta Platform Terms: keep no longer than needed, delete on request. Names and texts are not kept.",
    kept="as long as the purpose needs it, and until somebody asks for its deletion",
    keys_from="Create an app at developers.facebook.com, connect the professional account, and make a token with "
    "instagram_basic and instagram_manage_insights.",
    verbs={
        Verb.LIKE: VerbMeaning("like_count", "Likes of one medium; hidden when its owner hides them."),
        Verb.COMMENT: VerbMeaning("comments_count", "Comments on one medium."),
        Verb.SHARE: VerbMeaning("shares_count", "Times one medium was sent on; reposts are not included."),
        Verb.SAVE: VerbMeaning("saved_count", "Times one medium was saved."),
        Verb.VIEW: VerbMeaning("view_count", "Times one medium was shown or played, repeats included."),
        Verb.CLICK: VerbMeaning(
            "link_clicks", "Times a link of one medium was followed; read only where insights are asked for."
        ),
    },
    basis=Basis.POST,
)
