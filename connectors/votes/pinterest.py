"""Pinterest: the counters of one account's own pins (API v5), and an old public count by web address (off by default).

- pins: `GET /v5/pins?page_size=250&pin_metrics=true`, paged by `bookmark` (sent back unchanged; null or missing on the
  last page). The page is the pin's `link`; a pin without one is kept and has no url.
- by_url: `GET /v1/urls/count.json?callback=receiveCount&url=…`, one web address per request, answered as JSONP
  (`receiveCount({"url": …, "count": 11278})`) without a key. It is undocumented and Pinterest asks to use supported
  interfaces only, so nothing is asked unless `public_count_per_day` is above 0. The count is `"-"` for an unknown
  address: hidden. Other spellings of an address have counts of their own, so it is a lower bound.
- audience (off unless `ad_account` and `audience_url` are set): `GET /v5/ad_accounts/{id}/audience_insights` with
  `audience_insight_type`, needs a business account and the scope ads:read. It tells the `size` of the audience of the
  last 30 days and, for each age, gender, country and device, the `ratio` of it: view is size times ratio, so an
  estimate of people who saw or used our pins, not of impressions. Segments only, never totals, filed under
  `audience_url`; those below `segment_minimum` are withheld before they are stored. `size_is_upper_bound` says that
  the size was rounded up. Display names and interests are not kept.

Verbs of a pin, all `pin_metrics.lifetime_metrics`: save is `save`, like is `reaction`, comment is `comment`, view is
`impression`, click is `clickthrough` (to the page; `pin_click`, which opens the pin, is not counted).
`pin_metrics` null, or a metric that is not in it, is hidden: which metrics come varies by pin, and pins made before
2023-03-20 have lifetime metrics only if they are videos or idea pins. Without the key `pin_metrics`, which was asked
for, every verb is failed.

`save` is often not among the lifetime metrics. With `analytics` on, such pins are asked about 100 at a time at
`/v5/pins/analytics` (metric SAVE, the last 90 days, days that are READY only) and read as `SAVE_90d`, quality
lower_bound: a sum over a moving window, which is never to be compared with a lifetime.

Errors are `{"code", "message"}`, `code` being sometimes Pinterest's own and sometimes the HTTP status, so the status
decides: 401 is a refused token (code 2), a token without the scope (3) or somebody else's pin (7). 429 tells the wait
in `X-RateLimit-Reset` (seconds) or in its text ("Retry after N seconds"); a wait too long to sit through ends the day.
Quota: 1,000 requests a day on trial access; 100 a second per person and app on standard access.
Retention: pins of the account that gave its consent, until it leaves. Titles, texts and boards are not kept.

UNVERIFIED: that `save` comes in lifetime metrics; the key `all` of analytics; whether count.json still answers, and how
it writes an error; all of the audience (from Pinterest's generated clients): whether a ratio is a fraction or a
percentage is a setting, as are the kind of audience and the lists of parts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from connectors.base import (
    SUPPRESSED,
    Ask,
    Connector,
    ConnectorSettings,
    Stream,
    VerbMeaning,
    ask_in_batches,
    batches,
    cell,
    failed,
    reading,
    whole,
)
from connectors.errors import (
    AuthError,
    BadAnswer,
    ConfigurationError,
    NotPermitted,
    SourceError,
)
from connectors.fields import comma_separated, dig, listed, loads, moment, picked, plain
from connectors.http import Answer, Http, by_status, retry_after
from connectors.limits import limited
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb

NAME = "pinterest"
PAGE_SIZE = 250
ANALYTICS_BATCH = 100
WINDOW_DAYS = 90
METRICS = ("save", "reaction", "comment", "impression", "clickthrough")
SAVE_90D = "SAVE_90d"
AUDIENCE = "size x ratio"
SINGULAR = {"ages": "age", "genders": "gender", "countries": "country", "devices": "device", "metros": "metro"}

_JSONP = re.compile(r"\s*[\w$.\[\]]+\((.*)\)\s*;?\s*", re.DOTALL)
_RETRY_AFTER = re.compile(r"retry after (\d+(?:\.\d+)?) seconds?", re.IGNORECASE)

Pin = dict[str, Any]


class Settings(ConnectorSettings):
    """Settings of Pinterest."""

    model_config = SettingsConfigDict(env_prefix="TALLYRANK_PINTEREST_")
    required: ClassVar[tuple[str, ...]] = ("token",)

    base_url: str = Field("https://api.pinterest.com", description="Address of the API, without version.")
    token: SecretStr | None = Field(None, description="Access token with the scopes boards:read and pins:read.")
    analytics: bool = Field(False, description="Ask the saves of 90 days for pins whose lifetime saves do not come.")
    public_count_per_day: int = Field(
        0, ge=0, description="Web addresses per day to ask the undocumented public count about; 0 leaves it off."
    )
    ad_account: str = Field("", pattern=r"^[0-9]*$", description="Ad account (a number) whose audience to ask about.")
    audience_url: str = Field(
        "", pattern=r"^(https?://\S+)?$", description="Address of your profile, under which its audience is filed."
    )
    audience_type: str = Field("YOUR_TOTAL_AUDIENCE", description="Whom to count: all who saw pins, or …ENGAGED….")
    audience_parts: str = Field("ages,genders,countries,devices", description="How to divide them.")
    audience_ratio_whole: float = Field(1.0, gt=0, description="The ratio of everybody: 1, or 100 for percentages.")


def pinterest_error(answer: Answer, token: str = "") -> SourceError | None:
    """What an answer says went wrong: by HTTP status, then by Pinterest's own code."""
    if token:
        answer = replace(answer, text=answer.text.replace(token, "***"))
    if answer.status == 429:
        return _too_fast(answer)
    code, words = whole(dig(loads(answer.text), "code")), answer.text[:160]
    if answer.status == 401 and code == 3:
        return ConfigurationError(answer.source, f"the token lacks a scope (boards:read, pins:read): {words}")
    if answer.status == 401 and code == 7:
        return NotPermitted(answer.source, f"not a pin of this account: {words}")
    if answer.status == 401:
        return AuthError(answer.source, f"the token is refused; sign in again: {words}")
    return by_status(answer)


def _too_fast(answer: Answer) -> SourceError:
    told = _RETRY_AFTER.search(answer.text)
    reset = answer.headers.get("x-ratelimit-reset", "")
    seconds = float(told[1]) if told else float(reset) if reset.isdecimal() else retry_after(answer)
    return limited(answer.source, f"HTTP 429: {answer.text[:160]}", seconds)


def fetch_pins(ask: Ask) -> Iterator[Raw]:
    """All pins of the account with their counters."""
    token = plain(ask.settings.token)
    headers = {"Authorization": f"Bearer {token}"}
    with Http(NAME, ask, classify=partial(pinterest_error, token=token), headers=headers) as http:
        try:
            for page in pin_pages(http, PAGE_SIZE):
                saves = _saves(ask, http, page) if ask.settings.analytics else {}
                yield from (_pin_row(ask, pin, saves) for pin in page)
        except SourceError as error:
            yield replace(failed(ask, "account", error), url=None)


def pin_pages(http: Http, size: int) -> Iterator[list[Pin]]:
    """The account's pins, page by page."""
    bookmark: str | None = None
    while True:
        more = {"bookmark": bookmark} if bookmark else {}
        body = http.get("/v5/pins", {"page_size": size, "pin_metrics": "true", **more}).json()
        pins, following = dig(body, "items"), dig(body, "bookmark")
        if not isinstance(pins, list) or not all(isinstance(dig(pin, "id"), str) for pin in pins):
            raise BadAnswer(NAME, "a page of pins has no list `items`, or a pin has no `id`")
        yield pins
        if not following:
            return
        if following == bookmark:
            raise BadAnswer(NAME, "the next page of pins is this page again")
        bookmark = following


def _saves(ask: Ask, http: Http, pins: Sequence[Pin]) -> dict[str, Pin]:
    """For pins whose lifetime metrics lack `save`: what analytics says of 90 days, or that it failed."""
    found: dict[str, Pin] = {}
    for group in batches([pin["id"] for pin in pins if _lacks_save(pin)], ANALYTICS_BATCH):
        try:
            series = _analytics(ask, http, group)
            found |= {i: {SAVE_90D: saves_of(dig(series, i))} for i in group}
        except SourceError as error:
            found |= {i: {"analytics_error": f"{type(error).__name__}: {error.message}"} for i in group}
    return found


def _lacks_save(pin: Pin) -> bool:
    lifetime = dig(pin.get("pin_metrics"), "lifetime_metrics")
    return isinstance(lifetime, dict) and whole(lifetime.get("save")) is None


def _analytics(ask: Ask, http: Http, ids: Sequence[str]) -> Any:
    first = ask.day - timedelta(days=WINDOW_DAYS - 1)
    dates = [("start_date", first.isoformat()), ("end_date", ask.day.isoformat()), ("metric_types", "SAVE")]
    return http.get("/v5/pins/analytics", [*(("pin_ids", i) for i in ids), *dates]).json()


def saves_of(series: Any) -> int | None:
    """Saves over the days that are final; None when none is."""
    days = dig(series, "all", "daily_metrics")
    ready = [day for day in listed(days) if dig(day, "data_status") == "READY"]
    counts = [whole(dig(day, "metrics", "SAVE")) for day in ready]
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _pin_row(ask: Ask, pin: Pin, saves: Mapping[str, Pin]) -> Raw:
    link = pin.get("link")
    payload = project_pin(pin) | saves.get(pin["id"], {})
    return Raw(pin["id"], ask.observed_at, url=link if isinstance(link, str) and link else None, payload=payload)


def project_pin(pin: Pin) -> Pin:
    """What parsing reads of a pin; a key that did not come stays away."""
    kept: Pin = {"created_at": pin.get("created_at")}
    if "pin_metrics" in pin:
        lifetime = dig(pin["pin_metrics"], "lifetime_metrics")
        kept["lifetime"] = picked(lifetime, METRICS) if isinstance(lifetime, dict) else None
    return kept


def parse_pins(rows: Sequence[Raw]) -> Iterator[Observation]:
    """Five readings per pin."""
    for row in rows:
        more: dict[str, Any] = {"object_id": row.subject, "published_at": moment(dig(row.payload, "created_at"))}
        lifetime = dig(row.payload, "lifetime")
        has_metrics = isinstance(row.payload, dict) and "lifetime" in row.payload
        absent = Status.HIDDEN if has_metrics else Status.FAILED
        for verb, meaning in CONNECTOR.verbs.items():
            value = dig(lifetime, meaning.native)
            if verb is Verb.SAVE and whole(value) is None and has_metrics:
                yield _save_90d(row, absent, more)
            else:
                yield reading(CONNECTOR, verb, row, value, absent=absent, **more)


def _save_90d(row: Raw, absent: Status, more: Mapping[str, Any]) -> Observation:
    """The save of a pin without a lifetime one: of 90 days where that was asked, hidden where not."""
    if SAVE_90D in row.payload:
        more = {**more, "native": SAVE_90D, "quality": Quality.LOWER_BOUND}
    status = Status.FAILED if "analytics_error" in row.payload else absent
    return reading(CONNECTOR, Verb.SAVE, row, row.payload.get(SAVE_90D), absent=status, **more)


def fetch_by_url(ask: Ask) -> Iterator[Raw]:
    """The public count of each web address; nothing unless it is switched on."""
    if not ask.settings.public_count_per_day:
        return
    with Http(NAME, ask, classify=pinterest_error) as http:
        yield from ask_in_batches(ask, ask.urls, 1, partial(_count, ask, http))


def _count(ask: Ask, http: Http, urls: Sequence[str]) -> Iterator[Raw]:
    for url in urls:
        answer = http.get("/v1/urls/count.json", {"callback": "receiveCount", "url": url})
        yield Raw(url, ask.observed_at, url=url, payload={"count": count_in(answer.text)})


def count_in(text: str) -> Any:
    """The count in a JSONP answer, whatever it is; BadAnswer when there is none."""
    wrapped = _JSONP.fullmatch(text)
    body = loads(wrapped[1]) if wrapped else None
    if not isinstance(body, dict) or "count" not in body:
        raise BadAnswer(NAME, f"no JSONP answer with a `count`: {text[:80]!r}")
    return body["count"]


def parse_by_url(rows: Sequence[Raw]) -> Iterator[Observation]:
    """One reading per web address."""
    for row in rows:
        more = {"basis": Basis.PAGE, "native": "count", "quality": Quality.LOWER_BOUND}
        yield reading(CONNECTOR, Verb.SAVE, row, dig(row.payload, "count"), absent=Status.HIDDEN, **more)


def fetch_audience(ask: Ask) -> Iterator[Raw]:
    """The parts of the account's audience; nothing unless the ad account and an address are set."""
    settings = ask.settings
    if not settings.ad_account or not settings.audience_url:
        return
    token = plain(settings.token)
    headers, asked = {"Authorization": f"Bearer {token}"}, {"audience_insight_type": settings.audience_type}
    with Http(NAME, ask, classify=partial(pinterest_error, token=token), headers=headers) as http:
        try:
            body = http.get(f"/v5/ad_accounts/{settings.ad_account}/audience_insights", asked).json()
            yield from _audience_rows(ask, body)
        except SourceError as error:
            yield replace(failed(ask, "audience", error), url=None)


def _audience_rows(ask: Ask, body: Any) -> Iterator[Raw]:
    """One row per part; a list of parts that did not come is one failed row, and the others stay."""
    size, demographics, wanted = whole(dig(body, "size")), dig(body, "demographics"), ask.settings.audience_parts
    if size is None or not isinstance(demographics, dict):
        raise BadAnswer(NAME, "the audience has no `size` or no `demographics`")
    for name in comma_separated(wanted):
        try:
            ratios = ratios_in(demographics, name)
        except BadAnswer as error:
            yield replace(failed(ask, f"audience by {name}", error), url=None)
            continue
        for key, ratio in ratios.items():
            segment = f"{SINGULAR.get(name, name)}={key}"
            payload = {"segment": segment, "people": cell(ask, part_of(size, ratio, ask.settings.audience_ratio_whole))}
            yield Raw(f"audience {segment}", ask.observed_at, url=ask.settings.audience_url, payload=payload)


def ratios_in(demographics: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The ratio of each part, by Pinterest's key of it; BadAnswer where there is no such list."""
    parts = demographics.get(name)
    if not isinstance(parts, list) or not all(isinstance(dig(part, "key"), str) for part in parts):
        raise BadAnswer(NAME, f"the audience has no list `{name}` of parts with a `key`")
    return {part["key"]: part.get("ratio") for part in parts}


def part_of(size: int, ratio: Any, everybody: float) -> int | None:
    """The people of a part; None where its ratio is unknown, or no part of a whole."""
    if isinstance(ratio, bool) or not isinstance(ratio, int | float) or not 0 <= ratio <= everybody:
        return None
    return round(size * ratio / everybody)


def parse_audience(rows: Sequence[Raw]) -> Iterator[Observation]:
    """One estimate per part, about the account."""
    more = {"basis": Basis.PAGE, "native": AUDIENCE, "quality": Quality.ROUNDED}
    for row in rows:
        segment, people = dig(row.payload, "segment"), dig(row.payload, "people")
        if isinstance(segment, str) and segment:  # without its segment it would be taken for a total
            absent = Status.HIDDEN if people == SUPPRESSED else Status.FAILED
            yield reading(CONNECTOR, Verb.VIEW, row, people, absent=absent, segment=segment, **more)


CONNECTOR = Connector(
    name=NAME,
    title="Pinterest",
    signal="votes",
    settings=Settings,
    streams=(
        Stream(
            name="pins",
            title="Pins of our own account",
            asks="account",
            requests="4",
            fetch=fetch_pins,
            parse=parse_pins,
            batch=PAGE_SIZE,
        ),
        Stream(
            name="by_url",
            title="The undocumented public count of web addresses",
            asks="urls",
            fetch=fetch_by_url,
            parse=parse_by_url,
            requests_per_1000=1000,
            budget="public_count_per_day",
            basis=Basis.PAGE,
            verbs=(Verb.SAVE,),
        ),
        Stream(
            name="audience",
            title="Who saw our own pins, by age, gender, country and device",
            asks="account",
            requests="1 per account",
            is_segmented=True,
            fetch=fetch_audience,
            parse=parse_audience,
            basis=Basis.PAGE,
            verbs=(Verb.VIEW,),
        ),
    ),
    quota="1,000 requests a day on trial access; 100 a second on standard access. 250 pins per request.",
    terms="Developer guidelines: only the account that consented, only for its own benefit, supported interfaces only.",
    kept="as long as the account's consent lasts",
    keys_from="Create an app at developers.pinterest.com and sign in with the account whose pins are to be read.",
    verbs={
        Verb.SAVE: VerbMeaning("save", "Times one pin was saved to a board, over its lifetime.", passing_on="counted"),
        Verb.LIKE: VerbMeaning("reaction", "Reactions of every kind to one pin, over its lifetime."),
        Verb.COMMENT: VerbMeaning("comment", "Comments on one pin, over its lifetime."),
        Verb.VIEW: VerbMeaning("impression", "Times one pin was on somebody's screen, over its lifetime."),
        Verb.CLICK: VerbMeaning("clickthrough", "Clicks from one pin to the page it links to, over its lifetime."),
    },
    basis=Basis.POST,
)
