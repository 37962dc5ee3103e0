"""YouTube Analytics against its twin: segments of own channels, small ones withheld, and what every error means."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from connectors import errors
from connectors.base import Ask, Stream, parse_all
from connectors.google import next_pacific_midnight
from connectors.http import Answer
from connectors.records import OBSERVATION_SCHEMA, Basis, Observation, Quality, Raw, Status, Verb, day_noon, to_table
from connectors.sandbox import youtube_analytics as twin
from connectors.sandbox.server import running
from connectors.sandbox.world import FIRST_DAY, World
from connectors.urls import url_key
from connectors.votes.youtube_analytics import (
    CONNECTOR,
    ESTIMATE,
    METRICS,
    NAME,
    Settings,
    classify_for,
    estimate,
    page_of,
    table,
)
from pipelines.lake import Lake
from pipelines.sqlfile import build, tables
from tests.conftest import DAY
from tests.pipelines.making import fill, part, rows

COUNTRY, AGE = CONNECTOR.stream("by_country"), CONNECTOR.stream("by_age_gender")
CHANNEL = next(iter(twin.CHANNELS))
DATA_DAY = DAY - timedelta(days=twin.LATE_DAYS)
SINCE = date(2005, 2, 14)
TOKEN = "ya29.very-secret"
Question = Callable[..., Ask]


@pytest.fixture
def question(ask: Question) -> Question:
    """A question about one channel."""
    return lambda **more: ask(CONNECTOR, **{"token": TOKEN, "channels": CHANNEL} | more)


def told(stream: Stream, question: Ask) -> list[Observation]:
    """Fetch and parse."""
    return [o for o in parse_all(CONNECTOR, stream, list(stream.fetch(question))) if isinstance(o, Observation)]


def complaint(rows: list[Raw]) -> str:
    """The class of the error of the only row."""
    (row,) = rows
    assert (row.status, row.url) == (Status.FAILED, None)
    return (row.error or "").partition(":")[0]


def truth(world: World, video: str = "", channel: str = CHANNEL) -> dict[Verb, dict[str, int]]:
    """The world's counts by country."""
    counts = twin.totals(world, channel, video, SINCE, DATA_DAY)
    return {verb: twin.split(counts[metric]) for verb, metric in METRICS.items()}


@contextmanager
def scripted(handler: Callable[[Request], JSONResponse]) -> Iterator[str]:
    """A real server whose every answer comes from `handler`."""

    async def answer(request: Request) -> JSONResponse:
        return handler(request)

    with running(Starlette(routes=[Route("/{path:path}", answer)])) as address:
        yield address


def report(columns: list[str], *lines: list[Any]) -> JSONResponse:
    """A table as YouTube writes it."""
    headers = [{"name": name, "columnType": "METRIC", "dataType": "INTEGER"} for name in columns]
    return JSONResponse({"kind": "youtubeAnalytics#resultTable", "columnHeaders": headers, "rows": list(lines)})


# --- by country


def test_countries_have_the_worlds_counts(question: Question, world: World) -> None:
    """Every verb of every country: the world's count until two days ago, as a lower bound, about the channel's page."""
    found, expected = told(COUNTRY, question(segment_minimum=0)), truth(world)
    assert {(o.verb, o.segment): o.count for o in found} == {
        (verb, f"country={country}"): count
        for verb, counts in expected.items()
        for country, count in counts.items()
        if any(expected[v][country] for v in METRICS)
    }
    assert {(o.url, o.basis, o.object_id, o.quality) for o in found} == {
        (page_of(CHANNEL), Basis.PAGE, None, Quality.LOWER_BOUND)
    }
    assert {o.native for o in found} == set(METRICS.values())
    assert sum(expected[Verb.LIKE].values()) > 0


def test_small_segments_are_never_stored(question: Question, world: World) -> None:
    """A number below the minimum is hidden, and stands in no stored row either."""
    rows = list(COUNTRY.fetch(question(segment_minimum=50)))
    stored = [n for row in rows for n in row.payload["counts"].values()]
    assert all(n == "suppressed" or n >= 50 for n in stored)
    found = {(o.verb, o.segment): o for o in told(COUNTRY, question(segment_minimum=50))}
    withheld = [o for o in found.values() if o.status is Status.HIDDEN]
    assert withheld
    assert {o.count for o in withheld} == {None}
    for (verb, segment), o in found.items():
        count = truth(world)[verb][str(segment).removeprefix("country=")]
        assert o.count == (count if count >= 50 else None)


def test_each_channel_takes_one_request(question: Question, world: World) -> None:
    """Channels are asked once each, however often they are named."""
    asked = question(channels=f"{','.join(twin.CHANNELS)}, {CHANNEL},,")
    found = told(COUNTRY, asked)
    assert asked.meter.requests == len(twin.CHANNELS)
    seen = {channel for channel in twin.CHANNELS if twin.totals(world, channel, "", SINCE, DATA_DAY)["views"]}
    assert {o.url for o in found} == {page_of(channel) for channel in seen}
    assert len(seen) > 1


def test_the_most_viewed_videos_by_country(question: Question, world: World) -> None:
    """With `videos`, the channel and that many of its most viewed videos: one request to list them, one for each."""
    asked = question(videos=2, segment_minimum=0)
    found = told(COUNTRY, asked)
    videos = twin.videos_of(world, CHANNEL, DATA_DAY)
    best = sorted(videos, key=lambda v: (-videos[v]["views"], v))[:2]
    assert asked.meter.requests == 1 + 1 + 2
    assert {o.url for o in found} == {page_of(CHANNEL), *(page_of(CHANNEL, v) for v in best)}
    for video in best:
        likes = {o.segment: o.count for o in found if o.url == page_of(CHANNEL, video) and o.verb is Verb.LIKE}
        assert likes == {s: truth(world, video)[Verb.LIKE][str(s).removeprefix("country=")] for s in likes}
        assert likes


def test_counting_may_begin_later(question: Question, world: World) -> None:
    """`since` leaves out what was before it."""
    since = FIRST_DAY + timedelta(days=100)
    found = told(COUNTRY, question(since=since, segment_minimum=0))
    counts = twin.totals(world, CHANNEL, "", since, DATA_DAY)
    assert sum(o.count or 0 for o in found if o.verb is Verb.VIEW) == counts["views"]
    assert counts["views"] < twin.totals(world, CHANNEL, "", SINCE, DATA_DAY)["views"]


def test_a_retired_metric_fails_alone(question: Question, world: World) -> None:
    """A metric that is refused is failed; the others are asked one by one and keep their numbers."""
    metrics = "view=views,like=thumbs,share=shares"
    asked = question(metrics=metrics, segment_minimum=0)
    found = {(o.verb, o.segment): o for o in told(COUNTRY, asked)}
    assert asked.meter.requests == 1 + 3
    statuses = {verb: {o.status for (v, _), o in found.items() if v is verb} for verb in METRICS}
    assert statuses == {
        Verb.VIEW: {Status.OBSERVED},
        Verb.SHARE: {Status.OBSERVED},
        Verb.LIKE: {Status.FAILED},
        Verb.COMMENT: {Status.UNSUPPORTED},
        Verb.SAVE: {Status.UNSUPPORTED},
    }
    views = {s: o.count for (verb, s), o in found.items() if verb is Verb.VIEW}
    assert views == {f"country={c}": n for c, n in truth(world)[Verb.VIEW].items() if n}


def test_when_no_metric_is_taken_the_channel_failed(question: Question) -> None:
    """If all are refused there is one failed row, and no endless asking."""
    asked = question(metrics="view=seen,like=thumbs")
    assert complaint(list(COUNTRY.fetch(asked))) == "BadRequest"
    assert asked.meter.requests == 3


def test_a_column_that_does_not_come_fails_alone(question: Question) -> None:
    """A table without one of the columns asked for: that verb is failed and never 0."""
    with scripted(lambda _: report(["country", "views"], ["DE", 500])) as address:
        found = told(COUNTRY, question(base_url=address, metrics="view=views,like=likes"))
    assert {(o.verb, o.count, o.status) for o in found if o.status is not Status.UNSUPPORTED} == {
        (Verb.VIEW, 500, Status.OBSERVED),
        (Verb.LIKE, None, Status.FAILED),
    }


@pytest.mark.parametrize("text", ["love=hearts", "views", "=views"])
def test_a_malformed_list_of_metrics_is_refused(text: str) -> None:
    """Only our verbs may be given a metric."""
    with pytest.raises(ValidationError):
        Settings(_env_file=None, metrics=text)  # type: ignore[call-arg]


def test_the_days_asked_about(question: Question) -> None:
    """Reports reach from the first day to the day asked, of the channel named, by country."""
    seen: list[dict[str, str]] = []

    def answer(request: Request) -> JSONResponse:
        seen.append(dict(request.query_params))
        return report(["country", "views"], ["DE", 500])

    with scripted(answer) as address:
        list(COUNTRY.fetch(question(base_url=address, metrics="view=views")))
    wanted = {"ids": f"channel=={CHANNEL}", "startDate": "2005-02-14", "endDate": "2026-10-14", "dimensions": "country"}
    assert [{name: s.get(name) for name in wanted} for s in seen] == [wanted]


# --- by age and gender


def test_age_and_gender_are_off_by_default(question: Question) -> None:
    """Numbers derived from YouTube's own need its approval: nothing is asked before it is switched on."""
    asked = question()
    assert told(AGE, asked) == []
    assert asked.meter.requests == 0


def test_views_by_age_and_gender_are_estimated(question: Question, world: World) -> None:
    """Each part's views are the percentage of all views, rounded, under both dimensions in our words."""
    asked = question(demographics=True, segment_minimum=0)
    found = told(AGE, asked)
    views = twin.totals(world, CHANNEL, "", SINCE, DATA_DAY)["views"]
    assert {o.segment: o.count for o in found} == {
        f"age={age.removeprefix('age')};gender={gender}": round(views * share / 100)
        for (age, gender), share in twin.PARTS.items()
    }
    assert {(o.verb, o.quality, o.native) for o in found} == {(Verb.VIEW, Quality.ROUNDED, ESTIMATE)}
    assert asked.meter.requests == 2


def test_small_parts_of_the_public_are_withheld(question: Question, world: World) -> None:
    """An estimate below the minimum is hidden."""
    views = twin.totals(world, CHANNEL, "", SINCE, DATA_DAY)["views"]
    least = round(views * 0.145)
    found = {o.segment: o for o in told(AGE, question(demographics=True, segment_minimum=least))}
    assert found["age=18-24;gender=female"].count == least
    assert {o.status for s, o in found.items() if s in ("age=65-;gender=female", "age=65-;gender=user_specified")} == {
        Status.HIDDEN
    }


def test_too_few_viewers_are_no_segments(question: Question, world: World) -> None:
    """A video that few people saw has no rows: nothing is told and nothing failed."""
    videos = twin.videos_of(world, CHANNEL, DATA_DAY)
    few = {page_of(CHANNEL, v) for v, counts in videos.items() if counts["views"] < twin.FEWEST_VIEWS}
    many = {page_of(CHANNEL, v) for v, counts in videos.items() if counts["views"] >= twin.FEWEST_VIEWS}
    rows = list(AGE.fetch(question(demographics=True, videos=200)))
    assert {r.url for r in rows} == {page_of(CHANNEL), *many}
    assert few.isdisjoint({r.url for r in rows})


@pytest.mark.parametrize(
    ("views", "share", "count"),
    [(200, 14.4, 29), (200, 0, 0), (0, 50.0, 0), (None, 50.0, None), (200, None, None), (200, True, None)],
)
def test_estimates_by_hand(views: int | None, share: Any, count: int | None) -> None:
    """A percentage of the views; unknown where either is."""
    assert estimate(views, {"viewerPercentage": share}) == count


def test_one_dimension_may_be_dropped(question: Question) -> None:
    """Should YouTube retire one, the other still works."""
    found = told(AGE, question(demographics=True, age_gender="gender", segment_minimum=0))
    assert {o.segment for o in found} == {f"gender={gender}" for _, gender in twin.PARTS}


# --- tables


words = st.text(st.characters(codec="ascii", categories=["L"]), min_size=1, max_size=5)


@given(st.lists(words, min_size=1, max_size=4, unique=True), st.lists(st.integers(), max_size=20))
def test_tables_lose_and_repeat_nothing(columns: list[str], numbers: list[int]) -> None:
    """Whatever the size: every row once, every number under its column's name."""
    lines = [[n] * len(columns) for n in numbers]
    answer = {"columnHeaders": [{"name": c} for c in columns]} | ({"rows": lines} if lines else {})
    assert table(answer) == [dict.fromkeys(columns, n) for n in numbers]


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"rows": [["DE", 1]]},
        {"columnHeaders": [], "rows": []},
        {"columnHeaders": [{"name": None}], "rows": [[1]]},
        {"columnHeaders": ["country"], "rows": [[1]]},
        {"columnHeaders": [{"name": "views"}], "rows": [[1, 2]]},
        {"columnHeaders": [{"name": "views"}], "rows": [1]},
        {"columnHeaders": [{"name": "views"}], "rows": {"1": 2}},
        {"columnHeaders": [{"name": "views"}], "lines": [[1]]},
    ],
    ids=json.dumps,
)
def test_other_shapes_of_a_table_are_said(answer: Any) -> None:
    """No names of columns, rows of another width, rows under another name: an error, never an empty table."""
    with pytest.raises(errors.BadAnswer):
        table(answer)


@pytest.mark.parametrize("name", ["rows", "columnHeaders", "name"])
def test_renamed_parts_of_an_answer_are_failed(question: Question, fault: Callable[..., None], name: str) -> None:
    """One failed row instead of no rows."""
    fault(NAME, f"rename:{name}")
    assert complaint(list(COUNTRY.fetch(question()))) == "BadAnswer"


@pytest.mark.parametrize("payload", [{"counts": {"view": 500}}, {"segment": None, "counts": {"view": 500}}])
def test_a_row_without_its_segment_is_no_total(payload: Any) -> None:
    """A stored row that lost its segment gives nothing at all."""
    for stream in CONNECTOR.streams:
        row = Raw("x", day_noon(DAY), url="https://a.example/", payload={"natives": {"view": "views"}, **payload})
        assert list(stream.parse([row])) == []


def test_totals_do_not_change(question: Question, tmp_path: Path) -> None:
    """In the warehouse the segments, and what failed, are in their own table and leave every reading as it was."""
    lake, reading = fill(tmp_path), tables()["stg_observations"]
    total = Observation("youtube", Verb.LIKE, page_of(CHANNEL), day_noon(DAY), 7)
    store(lake, "youtube", [total])
    build(lake, reading)
    before = rows(lake, "FROM stg_observations")
    failed = list(COUNTRY.fetch(question(token="stranger")))
    segments = told(COUNTRY, question()) + told(AGE, question(demographics=True))
    store(lake, NAME, [*segments, *parse_all(CONNECTOR, COUNTRY, failed)])
    build(lake, reading)
    build(lake, tables()["vote_segments"])
    assert rows(lake, "FROM stg_observations") == before != []
    kept = rows(lake, "SELECT verb, segment, count FROM vote_segments WHERE status <> 'failed'")
    assert len(kept) == len(segments)
    assert {(r["verb"], r["segment"], r["count"]) for r in kept} == {(o.verb, o.segment, o.count) for o in segments}


def store(lake: Lake, connector: str, observations: list[Any]) -> None:
    """Write a day of observations."""
    keys = [url_key(o.url) if o.url else None for o in observations]
    lake.write(part("observations", connector=connector), to_table(observations, OBSERVATION_SCHEMA, url_key=keys))


# --- refusals


@pytest.mark.parametrize(
    ("token", "kind", "requests"),
    [
        ("expired-9", "AuthError", 1),
        ("narrow-9", "ConfigurationError", 1),
        ("stranger-9", "NotPermitted", 2),
        ("inside-9", "NotPermitted", 2),
    ],
)
def test_refusals_are_named(question: Question, token: str, kind: str, requests: int) -> None:
    """A refused sign-in stops the questions, a refused channel does not; the token is never repeated."""
    asked = question(token=token, channels=",".join(list(twin.CHANNELS)[:2]), concurrency=1)
    rows = list(COUNTRY.fetch(asked))
    assert {(r.error or "").partition(":")[0] for r in rows} == {kind}
    assert len(rows) == 2
    assert asked.meter.requests == requests
    assert token not in str(rows)


def test_a_spent_quota_ends_the_day(question: Question) -> None:
    """The first channel is read, the second finds the quota spent, and the third is not asked about."""
    asked = question(token="spent-9", channels=",".join(list(twin.CHANNELS)[:3]), concurrency=1)
    rows = list(COUNTRY.fetch(asked))
    assert {r.url for r in rows if r.status is Status.OBSERVED} == {page_of(CHANNEL)}
    lost = [(r.error or "") for r in rows if r.status is Status.FAILED]
    assert [e.partition(":")[0] for e in lost] == ["QuotaExhausted"] * 2
    assert all(f"{next_pacific_midnight(day_noon(DAY)):%Y-%m-%d %H:%M}" in e for e in lost)
    assert asked.meter.requests == 2


def test_being_told_to_slow_down_is_obeyed(question: Question) -> None:
    """Asked again, and answered."""
    asked = question(token="hurried-9")
    assert {r.status for r in COUNTRY.fetch(asked)} == {Status.OBSERVED}
    assert asked.meter.requests == 2


def test_a_list_of_videos_that_fails_is_one_failed_row(question: Question) -> None:
    """The channel is failed; with a refused sign-in the other channels are not asked about."""
    channels = ",".join(list(twin.CHANNELS)[:2])
    stopped, refused = question(token="expired-8", videos=3), question(token="stranger-8", videos=3, channels=channels)
    assert complaint(list(COUNTRY.fetch(stopped))) == "AuthError"
    assert [(r.error or "").partition(":")[0] for r in COUNTRY.fetch(refused)] == ["NotPermitted"] * 2


def envelope(status: int, reason: str) -> Answer:
    """An error as Google writes it."""
    error = {"code": status, "message": "Words.", "errors": [{"reason": reason, "domain": "global"}]}
    return Answer(NAME, status, {"retry-after": "7"}, json.dumps({"error": error}))


def inside(code: Any) -> Answer:
    """A good answer that holds an error."""
    return Answer(NAME, 200, {}, json.dumps({"errors": {"code": code, "error": []}}))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (envelope(400, "badRequest"), errors.BadRequest),
        (envelope(401, "authError"), errors.AuthError),
        (Answer(NAME, 401, {}, ""), errors.AuthError),
        (envelope(403, "insufficientPermissions"), errors.ConfigurationError),
        (envelope(403, "accessNotConfigured"), errors.ConfigurationError),
        (envelope(403, "forbidden"), errors.NotPermitted),
        (envelope(403, "quotaExceeded"), errors.QuotaExhausted),
        (envelope(403, "dailyLimitExceeded"), errors.QuotaExhausted),
        (envelope(403, "userRateLimitExceeded"), errors.RateLimited),
        (envelope(429, "rateLimitExceeded"), errors.RateLimited),
        (envelope(404, "notFound"), errors.Gone),
        (envelope(503, "backendError"), errors.Unavailable),
        (inside("BAD_REQUEST"), errors.BadRequest),
        (inside("FORBIDDEN"), errors.NotPermitted),
        (inside("NOT_FOUND"), errors.Gone),
        (inside("SERVICE_UNAVAILABLE"), errors.Unavailable),
        (inside("SOMETHING_NEW"), errors.BadAnswer),
        (inside(None), errors.BadAnswer),
    ],
)
def test_each_error_has_its_class(ask: Question, answer: Answer, kind: type[errors.SourceError]) -> None:
    """Google's reasons decide, inside good answers too."""
    error = classify_for(ask(CONNECTOR, token=TOKEN))(answer)
    assert type(error) is kind
    if isinstance(error, errors.RateLimited):
        assert error.retry_after == 7.0
    if isinstance(error, errors.QuotaExhausted):
        assert error.resets_at == next_pacific_midnight(day_noon(DAY))


@pytest.mark.parametrize(
    "text", ['{"rows": [["errors"]]}', '{"errors": null}', '{"errors": {}}', '["errors"]', '"errors']
)
def test_a_good_answer_is_no_error(ask: Question, text: str) -> None:
    """The word alone, or an empty place for errors, is none."""
    assert classify_for(ask(CONNECTOR, token=TOKEN))(Answer(NAME, 200, {}, text)) is None


# --- sign-in


def test_a_refresh_token_makes_tokens(question: Question, sandbox: str, world: World) -> None:
    """Without a token, one is made from the refresh token and the client."""
    client = {"client_id": "id", "client_secret": "hush", "token_url": f"{sandbox}/{DAY}/{NAME}/token"}
    asked = question(token=None, refresh_token="refresh-me", segment_minimum=0, **client)
    assert asked.settings.missing() == ()
    found = told(COUNTRY, asked)
    views = sum(o.count or 0 for o in found if o.verb is Verb.VIEW)
    assert views == sum(truth(world)[Verb.VIEW].values())


def test_a_refused_refresh_token_is_named(question: Question, sandbox: str) -> None:
    """A revoked one asks for a new sign-in, without its words."""
    client = {"client_id": "id", "client_secret": "hush", "token_url": f"{sandbox}/{DAY}/{NAME}/token"}
    rows = list(COUNTRY.fetch(question(token=None, refresh_token="revoked-7", **client)))
    assert complaint(rows) == "AuthError"
    assert "revoked-7" not in str(rows)


def test_what_must_be_set_is_named(ask: Question) -> None:
    """Channels, and a token or a refresh token with its client."""
    names = ("TALLYRANK_YOUTUBE_ANALYTICS_TOKEN", "TALLYRANK_YOUTUBE_ANALYTICS_CHANNELS")
    assert ask(CONNECTOR).settings.missing() == names
    assert ask(CONNECTOR, refresh_token="r", client_id="i").settings.missing() == names
    assert ask(CONNECTOR, refresh_token="r", client_id="i", client_secret="s").settings.missing() == names[1:]


def test_it_is_off_by_default(ask: Question) -> None:
    """Runs leave it out until it is switched on."""
    assert not ask(CONNECTOR).settings.enabled


def test_the_official_client_reads_the_twin(sandbox: str, world: World) -> None:
    """google-api-python-client, unmodified and told another address, reads a report and Google's errors."""
    import google_auth_httplib2
    import httplib2
    from google.oauth2.credentials import Credentials
    from googleapiclient.discovery import build as service
    from googleapiclient.errors import HttpError

    def client(token: str) -> Any:
        known = Credentials(token=token)  # type: ignore[no-untyped-call]
        http = google_auth_httplib2.AuthorizedHttp(known, http=httplib2.Http())
        options = {"api_endpoint": f"{sandbox}/{DAY}/{NAME}"}
        return service("youtubeAnalytics", "v2", http=http, client_options=options, static_discovery=True)

    asked = {"ids": f"channel=={CHANNEL}", "startDate": "2026-06-01", "endDate": str(DAY), "metrics": "views"}
    answer = client("sdk").reports().query(**asked, dimensions="country").execute()
    views = twin.totals(world, CHANNEL, "", date(2026, 6, 1), DATA_DAY)["views"]
    assert dict(answer["rows"]) == {c: n for c, n in twin.split(views).items() if n}
    assert [h["name"] for h in answer["columnHeaders"]] == ["country", "views"]
    with pytest.raises(HttpError) as caught:
        client("stranger").reports().query(**asked).execute()
    assert (caught.value.resp.status, caught.value.error_details[0]["reason"]) == (403, "forbidden")


def test_a_new_day_is_a_new_moment(question: Question) -> None:
    """Readings carry the moment they were asked at."""
    later = DAY + timedelta(days=30)
    moments = {r.observed_at for r in COUNTRY.fetch(question(day=later))}
    assert moments == {datetime.combine(later, day_noon(later).timetz())}
