"""YouTube against its twin: what is found, what is withheld, what it costs, and what every error means."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from connectors.base import Ask, Post, parse_all
from connectors.errors import (
    AuthError,
    BadRequest,
    ConfigurationError,
    Gone,
    NotPermitted,
    QuotaExhausted,
    RateLimited,
    SourceError,
    Unavailable,
)
from connectors.google import next_pacific_midnight
from connectors.http import Answer
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb, day_noon
from connectors.sandbox.server import build_app, running
from connectors.sandbox.world import SITES, World, WorldPost
from connectors.sandbox.youtube import channel_of, description_of
from connectors.urls import links_in, url_key
from connectors.votes.youtube import CONNECTOR, Settings, classify_for, found_ids, parse
from tests.conftest import DAY

NOW = day_noon(DAY)
KEY = "AIzaVerySecret"


def read(ask: Ask, stream: str) -> tuple[list[Raw], list[Observation]]:
    """A stream's rows and observations."""
    rows = list(CONNECTOR.stream(stream).fetch(ask))
    return rows, parse_all(CONNECTOR, CONNECTOR.stream(stream), rows)  # type: ignore[return-value]


def alive(world: World) -> list[WorldPost]:
    """The videos that exist on the day of the tests."""
    return [v for v in world.posts("youtube") if v.exists_at(NOW)]


def as_posts(videos: list[WorldPost]) -> list[Post]:
    """Videos as known posts."""
    return [Post(v.object_id, v.url, v.published_at) for v in videos]


@contextmanager
def scripted(handler: Callable[[Request], JSONResponse]) -> Iterator[str]:
    """A real server whose every answer comes from `handler`."""

    async def answer(request: Request) -> JSONResponse:
        return handler(request)

    with running(Starlette(routes=[Route("/{path:path}", answer)])) as address:
        yield address


def envelope(code: int, reason: str, message: str = "Words.", **more: Any) -> JSONResponse:
    """An error as Google writes it."""
    entry = {"message": message, "domain": "global", "reason": reason}
    return JSONResponse({"error": {"code": code, "message": message, "errors": [entry], **more}}, code)


def test_videos_that_link_to_a_page_are_found(ask: Any, world: World) -> None:
    """For every page, exactly the videos whose description links to it are found, with the world's counts."""
    question = ask(CONNECTOR, urls=[p.url for p in world.pages], api_key=KEY)
    _, found = read(question, "by_url")
    likes = {(o.object_id, url_key(o.url)): o for o in found if o.verb is Verb.LIKE and o.object_id}
    assert set(likes) == {(v.object_id, url_key(v.page.url)) for v in alive(world)}
    for video in alive(world):
        o = likes[video.object_id, url_key(video.page.url)]
        assert o.count == (None if video.is_shy else video.votes_at(NOW))
        assert (o.basis, o.published_at, o.url) == (Basis.POST, video.published_at, video.url)


def test_extra_search_results_are_not_believed(ask: Any, world: World, sandbox: str) -> None:
    """Text search also returns videos about other pages; they never count for the page asked about."""
    video = alive(world)[0]
    query = {"part": "snippet", "q": f'"{video.page.url}"', "type": "video", "maxResults": "50", "key": KEY}
    answer = httpx.get(f"{sandbox}/{DAY}/youtube/youtube/v3/search", params=query).json()
    about = {v.object_id for v in alive(world) if v.page == video.page}
    assert about < set(found_ids(answer))
    rows, _ = read(ask(CONNECTOR, urls=[video.page.url], api_key=KEY), "by_url")
    assert {r.payload["id"] for r in rows} == about


def test_a_page_without_videos_reads_zero_as_a_lower_bound(ask: Any, world: World) -> None:
    """No confirmed video: 0 for every verb, as a lower bound, about no video."""
    linked = {v.page.url for v in alive(world)}
    bare = next(p.url for p in world.pages if p.url not in linked)
    _, found = read(ask(CONNECTOR, urls=[bare, "https://nobody.example/knows"], api_key=KEY), "by_url")
    assert len(found) == 6
    assert {(o.count, o.quality, o.basis, o.object_id) for o in found} == {(0, Quality.LOWER_BOUND, Basis.POST, None)}


def test_discovery_costs_one_search_and_one_look(ask: Any, world: World) -> None:
    """One search per page, and one videos.list where the search found anything."""
    question = ask(CONNECTOR, urls=[alive(world)[0].page.url, "https://zzz.test/qqq"], api_key=KEY)
    read(question, "by_url")
    assert question.meter.requests == 3


def test_known_videos_are_refreshed_in_batches(ask: Any, world: World) -> None:
    """The world's counts come back, 50 ids per request."""
    videos = alive(world) * 4
    question = ask(CONNECTOR, posts=as_posts(videos), api_key=KEY)
    rows, found = read(question, "by_post")
    assert question.meter.requests == -(-len(videos) // 50)
    assert [r.subject for r in rows] == [v.object_id for v in videos]
    for video, triple in zip(videos, zip(*[iter(found)] * 3, strict=True), strict=True):
        like, comment, view = triple
        assert like.count == (None if video.is_shy else video.votes_at(NOW))
        assert comment.count in (video.votes_at(NOW) // 8, None if video.is_shy else -1)
        assert 0 <= view.count - 40 * video.votes_at(NOW) < 100
        assert {o.published_at for o in triple} == {video.published_at}
        assert {o.url for o in triple} == {video.url}


def test_withheld_counters_are_hidden(ask: Any) -> None:
    """Likes that an owner hides, and comments that are off, are hidden and never 0; views stay."""
    world = World(seed=11, keywords=40)
    shy = [v for v in alive(world) if v.is_shy]
    with running(build_app(world)) as address:
        base = f"{address}/{{day}}/youtube"
        _, found = read(ask(CONNECTOR, posts=as_posts(shy), base_url=base, api_key=KEY), "by_post")
    states = {verb: {(o.status, o.count is None) for o in found if o.verb is verb} for verb in Verb}
    assert states[Verb.LIKE] == {(Status.HIDDEN, True)}
    assert states[Verb.COMMENT] == {(Status.HIDDEN, True), (Status.OBSERVED, False)}
    assert states[Verb.VIEW] == {(Status.OBSERVED, False)}


def test_vanished_videos_are_not_found(ask: Any, world: World) -> None:
    """Deleted, future and invented ids are dropped by YouTube and reported by us; the others are read."""
    gone = [v for v in world.posts("youtube") if not v.exists_at(NOW)]
    posts = [*as_posts(gone), Post("neverexists", "https://a.example/"), *as_posts(alive(world)[:2])]
    rows, found = read(ask(CONNECTOR, posts=posts, api_key=KEY), "by_post")
    assert [r.status for r in rows] == [Status.NOT_FOUND] * (len(gone) + 1) + [Status.OBSERVED] * 2
    missing = [o for o in found if o.object_id == "neverexists"]
    assert {(o.status, o.count, o.url) for o in missing} == {(Status.NOT_FOUND, None, "https://a.example/")}


def test_a_video_about_two_pages_is_read_for_both(ask: Any, world: World) -> None:
    """One id, two pages: asked once, answered twice."""
    video = alive(world)[0]
    posts = [Post(video.object_id, "https://a.example/1"), Post(video.object_id, "https://a.example/2")]
    rows, _ = read(ask(CONNECTOR, posts=posts, api_key=KEY), "by_post")
    assert [r.url for r in rows] == ["https://a.example/1", "https://a.example/2"]
    assert rows[0].payload == rows[1].payload


@pytest.mark.parametrize("status", [404, 501])
def test_the_classic_method_stands_in_for_the_new_one(ask: Any, status: int) -> None:
    """Where batchGetStats does not exist, videos.list is asked, and the new method is not tried again."""

    def handler(request: Request) -> JSONResponse:
        if request.url.path.endswith(":batchGetStats"):
            return JSONResponse({"error": {"code": status, "message": "Method not found."}}, status)
        ids = request.query_params["id"].split(",")
        return JSONResponse({"items": [{"id": i, "statistics": {"viewCount": "7"}} for i in ids]})

    posts = [Post(f"v{n}", "https://a.example/", NOW) for n in range(100)]
    with scripted(handler) as address:
        question = ask(CONNECTOR, posts=posts, base_url=address, api_key=KEY)
        _, found = read(question, "by_post")
    assert question.meter.requests <= 4
    assert {o.count for o in found if o.verb is Verb.VIEW} == {7}
    assert {o.published_at for o in found} == {NOW}


def test_an_answer_without_items_is_not_an_empty_one(ask: Any) -> None:
    """If neither method brings `items`, the batch failed; nothing is declared deleted."""
    with scripted(lambda _: JSONResponse({"kind": "youtube#videoListResponse", "itemz": []})) as address:
        rows, found = read(ask(CONNECTOR, posts=[Post("v", "https://a.example/")], base_url=address), "by_post")
    assert rows[0].status is Status.FAILED
    assert rows[0].error is not None
    assert rows[0].error.startswith("BadAnswer: no `items`")
    assert {o.status for o in found} == {Status.FAILED}


def test_an_unwritten_summary_is_ignored(ask: Any, world: World) -> None:
    """batchGetStats may add a summary that no schema mentions; it changes nothing."""
    posts = as_posts(alive(world))
    plain, _ = read(ask(CONNECTOR, posts=posts, api_key="a"), "by_post")
    summed, _ = read(ask(CONNECTOR, posts=posts, api_key="a-summary"), "by_post")
    assert plain == summed


def test_a_renamed_counter_fails_alone(ask: Any, fault: Any, world: World) -> None:
    """Views are always there; without them that verb failed and the others are read."""
    bold = [v for v in alive(world) if not v.is_shy]
    fault("youtube", "rename:viewCount")
    _, found = read(ask(CONNECTOR, posts=as_posts(bold), api_key=KEY), "by_post")
    assert {o.verb for o in found if o.status is Status.FAILED} == {Verb.VIEW}
    assert {o.status for o in found if o.verb is not Verb.VIEW} == {Status.OBSERVED}


def test_no_statistics_at_all_is_a_failure(ask: Any, fault: Any, world: World) -> None:
    """A single counter can be withheld; all of them missing is not hiding."""
    fault("youtube", "rename:statistics")
    _, found = read(ask(CONNECTOR, posts=as_posts(alive(world)), api_key=KEY), "by_post")
    assert {(o.status, o.count) for o in found} == {(Status.FAILED, None)}


@pytest.mark.parametrize("value", ["many", "", None, [], {}, True, 1.5, "9" * 30])
def test_rubbish_is_not_a_number(value: Any) -> None:
    """Whatever stands where a count should: parsing neither raises nor invents a small number."""
    payload = {"id": "v", "publishedAt": value, "statistics": {"likeCount": value, "viewCount": value}}
    found = list(parse([Raw("v", NOW, url="https://a.example/", payload=payload)]))
    assert len(found) == 3
    assert all(o.count is None or o.count == int("9" * 30) for o in found)


def test_the_channels_in_the_settings_are_read(ask: Any, world: World) -> None:
    """Every (video, linked address) of the own channels, also links to pages nobody asked about."""
    sites = [f"{s}.example" for s in SITES[:3]]
    question = ask(CONNECTOR, api_key=KEY, channels=", ".join(map(channel_of, sites)))
    rows, found = read(question, "by_channel")
    videos = [v for v in alive(world) if v.page.site in sites]
    expected = {(v.object_id, link) for v in videos for link in links_in(description_of(v))}
    assert {(r.subject, r.url) for r in rows} == expected
    assert {(o.object_id, o.url) for o in found} == expected
    assert question.meter.requests == 3 * 3


def test_no_channels_no_requests(ask: Any) -> None:
    """Without channels of one's own the stream asks nothing."""
    question = ask(CONNECTOR, api_key=KEY)
    assert read(question, "by_channel") == ([], [])
    assert question.meter.requests == 0


def test_an_unknown_channel_stops_no_other(ask: Any, world: World) -> None:
    """A channel that does not exist is reported as not found, about no page; the next one is read."""
    site = alive(world)[0].page.site
    rows, found = read(ask(CONNECTOR, api_key=KEY, channels=f"UCnobody,{channel_of(site)}"), "by_channel")
    assert (rows[0].subject, rows[0].status, rows[0].url) == ("UCnobody", Status.NOT_FOUND, None)
    assert {(o.status, o.object_id) for o in found[:3]} == {(Status.NOT_FOUND, None)}
    assert len(rows) > 1


def test_a_failing_channel_is_about_no_page(ask: Any, fault: Any) -> None:
    """A channel that could not be read gives a failed row that does not pass its id off as an address."""
    fault("youtube", "503")
    rows, _ = read(ask(CONNECTOR, api_key=KEY, channels="UCa", retries=0), "by_channel")
    assert [(r.subject, r.status, r.url) for r in rows] == [("UCa", Status.FAILED, None)]


UPLOADS: dict[str, int] = {"videos": 0, "page": 1}


def _long_channel(request: Request) -> JSONResponse:
    """A channel with UPLOADS["videos"] videos, served UPLOADS["page"] at a time."""
    if request.url.path.endswith("/channels"):
        return JSONResponse({"items": [{"contentDetails": {"relatedPlaylists": {"uploads": "UU"}}}]})
    if request.url.path.endswith("/playlistItems"):
        start = int(request.query_params.get("pageToken", "0"))
        end = min(start + UPLOADS["page"], UPLOADS["videos"])
        items = [{"contentDetails": {"videoId": f"v{n}"}} for n in range(start, end)]
        more = {"nextPageToken": str(end)} if end < UPLOADS["videos"] else {}
        return JSONResponse({"items": items} | more)
    ids = request.query_params["id"].split(",")
    assert len(ids) <= 50
    snippet = {"description": "See https://a.example/page."}
    return JSONResponse({"items": [{"id": i, "snippet": snippet, "statistics": {}} for i in ids]})


@pytest.fixture(scope="module")
def long_channel() -> Iterator[str]:
    """The address of that channel's server."""
    with scripted(_long_channel) as address:
        yield address


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(videos=st.integers(0, 130), page=st.integers(1, 60))
def test_paging_loses_and_repeats_nothing(ask: Any, long_channel: str, videos: int, page: int) -> None:
    """Whatever the sizes of pages: every upload once, in the documented minimum of requests."""
    UPLOADS.update(videos=videos, page=page)
    question = ask(CONNECTOR, base_url=long_channel, channels="UC", api_key=KEY)
    rows, _ = read(question, "by_channel")
    assert [r.subject for r in rows] == [f"v{n}" for n in range(videos)]
    assert question.meter.requests == 1 + max(1, -(-videos // page)) + -(-videos // 50)


def test_a_spent_quota_stops_the_day(ask: Any) -> None:
    """The 101st search of a day is refused: the rest fails with the same words, and nothing more is asked."""
    urls = [f"https://zzz.test/{n}" for n in range(110)]
    with running(build_app(World(seed=7, keywords=1))) as address:
        question = ask(CONNECTOR, urls=urls, base_url=f"{address}/{{day}}/youtube", concurrency=1, api_key=KEY)
        rows, _ = read(question, "by_url")
        again = ask(
            CONNECTOR, posts=[Post("v", "https://a.example/")], base_url=question.settings.base_url, api_key=KEY
        )
        refreshed, _ = read(again, "by_post")
    assert question.meter.requests == 101
    assert [r.status for r in rows] == [Status.OBSERVED] * 100 + [Status.FAILED] * 10
    assert {(r.error or "").partition(":")[0] for r in rows[100:]} == {"QuotaExhausted"}
    assert "exceeded your quota. It is refilled at 2026-10-15 07:00 UTC" in (rows[-1].error or "")
    assert refreshed[0].status is Status.NOT_FOUND, "the other bucket is not touched"


def test_midnight_is_pacific() -> None:
    """Allowances are refilled at midnight in Los Angeles, in summer and in winter."""
    assert next_pacific_midnight(datetime(2026, 7, 1, 6, 59, tzinfo=UTC)) == datetime(2026, 7, 1, 7, tzinfo=UTC)
    assert next_pacific_midnight(datetime(2026, 12, 1, 8, tzinfo=UTC)) == datetime(2026, 12, 2, 8, tzinfo=UTC)


@pytest.mark.parametrize("stream", ["by_url", "by_post"])
def test_a_refused_key_is_a_matter_for_a_person(ask: Any, stream: str) -> None:
    """After keyInvalid nothing more is asked, and the words say what to check."""
    urls, posts = ["https://a.example/", "https://b.example/"], [Post("v", "https://a.example/")] * 60
    question = ask(CONNECTOR, urls=urls, posts=posts, api_key="bad", concurrency=1)
    rows, _ = read(question, stream)
    assert question.meter.requests == 1
    assert {r.status for r in rows} == {Status.FAILED}
    assert all((r.error or "").startswith("ConfigurationError: HTTP 400 keyInvalid") for r in rows)
    assert all("TALLYRANK_YOUTUBE_API_KEY" in (r.error or "") for r in rows)


DISABLED = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED"}]
INVALID = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]


@pytest.mark.parametrize(
    ("status", "reason", "more", "kind"),
    [
        (403, "quotaExceeded", {}, QuotaExhausted),
        (403, "dailyLimitExceeded", {}, QuotaExhausted),
        (429, "rateLimitExceeded", {"message": "Quota 'Search Queries per day' is used up."}, QuotaExhausted),
        (403, "rateLimitExceeded", {}, RateLimited),
        (403, "userRateLimitExceeded", {}, RateLimited),
        (429, "rateLimitExceeded", {}, RateLimited),
        (400, "keyInvalid", {}, ConfigurationError),
        (400, "badRequest", {"details": INVALID, "status": "INVALID_ARGUMENT"}, ConfigurationError),
        (403, "accessNotConfigured", {}, ConfigurationError),
        (403, "forbidden", {}, ConfigurationError),
        (403, "vague", {"details": DISABLED, "status": "PERMISSION_DENIED"}, ConfigurationError),
        (401, "authError", {}, AuthError),
        (401, "whatever", {}, AuthError),
        (403, "playlistItemsNotAccessible", {}, NotPermitted),
        (404, "videoNotFound", {}, Gone),
        (404, "playlistNotFound", {}, Gone),
        (501, "notImplemented", {}, Gone),
        (400, "invalidPageToken", {}, BadRequest),
        (400, "missingRequiredParameter", {}, BadRequest),
        (500, "backendError", {}, Unavailable),
        (503, "backendError", {}, Unavailable),
    ],
)
def test_every_documented_error_has_its_class(
    ask: Any, status: int, reason: str, more: dict[str, Any], kind: type[SourceError]
) -> None:
    """The reason decides, wherever the envelope names it; the status decides where no reason is known."""
    body = bytes(envelope(status, reason, **more).body).decode()
    error = classify_for(ask(CONNECTOR))(Answer("youtube", status, {}, body))
    assert type(error) is kind
    assert isinstance(error, SourceError)
    assert reason in error.message
    if isinstance(error, QuotaExhausted):
        assert error.resets_at == datetime(2026, 10, 15, 7, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "<html>no</html>", "[]", '"x"', '{"error": "invalid_grant"}', '{"error": {}}'])
def test_errors_without_an_envelope_are_read_by_their_status(ask: Any, text: str) -> None:
    """A web page or nothing at all instead of the envelope is no exception of another kind."""
    error = classify_for(ask(CONNECTOR))(Answer("youtube", 401, {}, text))
    assert type(error) is AuthError


def test_too_fast_is_tried_again(ask: Any) -> None:
    """403 rateLimitExceeded is waited out, and the batch is read."""
    answers = [envelope(403, "rateLimitExceeded"), envelope(503, "backendError"), JSONResponse({"items": []})]
    with scripted(lambda _: answers.pop(0)) as address:
        question = ask(CONNECTOR, posts=[Post("v", "https://a.example/")], base_url=address, api_key=KEY)
        rows, _ = read(question, "by_post")
    assert rows[0].status is Status.NOT_FOUND
    assert question.meter.requests == 3


@pytest.mark.parametrize("kind", ["404", "html", "broken_json", "cut", "503"])
def test_the_key_shows_nowhere(ask: Any, fault: Any, kind: str, caplog: Any) -> None:
    """The key travels in the address, and neither rows nor logs tell it."""
    caplog.set_level("DEBUG")
    fault("youtube", kind)
    rows, _ = read(ask(CONNECTOR, posts=[Post("v", "https://a.example/")], api_key=KEY, retries=1), "by_post")
    assert {r.status for r in rows} == {Status.FAILED}
    assert KEY not in repr(rows) + caplog.text


def test_nothing_about_people_is_kept(ask: Any, world: World) -> None:
    """Titles, descriptions, tags and channels stay outside."""
    videos = alive(world)
    question = ask(CONNECTOR, urls=[v.page.url for v in videos[:5]], posts=as_posts(videos), api_key=KEY)
    question = replace(question, settings=question.settings.model_copy(update={"channels": channel_of("elm.example")}))
    for stream in ("by_url", "by_channel", "by_post"):
        rows, _ = read(question, stream)
        assert {key for r in rows for key in r.payload} <= {"id", "publishedAt", "statistics", "url", "found"}
        text = json.dumps([r.payload for r in rows])
        assert not [word for word in ("Invented", "tried", "Read it", "UC", "favorite", "how-to") if word in text]


def test_either_name_of_the_key_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """TALLYRANK_YOUTUBE_TOKEN is another name of TALLYRANK_YOUTUBE_API_KEY."""
    assert Settings(_env_file=None).missing() == ("TALLYRANK_YOUTUBE_API_KEY",)  # type: ignore[call-arg]
    monkeypatch.setenv("TALLYRANK_YOUTUBE_TOKEN", "abc")
    known = Settings(_env_file=None)  # type: ignore[call-arg]
    assert (known.missing(), known.key) == ((), "abc")
    assert "abc" not in repr(known)


def test_retention_is_thirty_days() -> None:
    """Numbers read with a key are kept for 30 days at most."""
    assert CONNECTOR.retention_days == 30


def recorded(shared: Path, name: str) -> Any:
    """A recorded answer of the real service."""
    return json.loads((shared / "data/responses/youtube" / name).read_text())


@pytest.mark.parametrize("name", ["videos_info_multi.json", "videos_chart_paged_1.json"])
def test_recorded_videos_are_read(ask: Any, shared: Path, name: str) -> None:
    """Real answers give the counters that stand in them; without counters the reading failed, and time is known."""
    answer = recorded(shared, name)
    posts = [Post(item["id"], "https://a.example/") for item in answer["items"]]
    with scripted(lambda _: JSONResponse(answer)) as address:
        _, found = read(ask(CONNECTOR, posts=posts, base_url=address, api_key=KEY), "by_post")
    views = {o.object_id: o for o in found if o.verb is Verb.VIEW}
    assert set(views) == {item["id"] for item in answer["items"]}
    for item in answer["items"]:
        o, counters = views[item["id"]], item.get("statistics", {})
        assert (str(o.count), o.status is Status.FAILED) == (counters.get("viewCount", "None"), not counters)
        assert o.published_at is not None
        assert o.published_at.isoformat()[:19] == item["snippet"]["publishedAt"][:19]


def test_a_recorded_search_and_its_videos_are_read(ask: Any, shared: Path) -> None:
    """A real search names its videos; a link in a real description is found again."""
    search, videos = recorded(shared, "search_by_keywords_p1.json"), recorded(shared, "videos_chart_paged_1.json")
    assert len(found_ids(search)) == len(search["items"])
    video = next(v for v in videos["items"] if links_in(v["snippet"]["description"]))
    link = links_in(video["snippet"]["description"])[0]
    answers = {True: search, False: videos}
    with scripted(lambda r: JSONResponse(answers[r.url.path.endswith("/search")])) as address:
        rows, _ = read(ask(CONNECTOR, urls=[link], base_url=address, api_key=KEY), "by_url")
    assert video["id"] in {r.payload["id"] for r in rows}
    assert "description" not in json.dumps([r.payload for r in rows])


def test_a_recorded_error_is_understood(ask: Any, shared: Path) -> None:
    """A real envelope of a refused key is a matter for a person."""
    body = recorded(shared, "error_response.json")
    with scripted(lambda _: JSONResponse(body, body["error"]["code"])) as address:
        rows, _ = read(ask(CONNECTOR, urls=["https://a.example/"], base_url=address, api_key=KEY), "by_url")
    assert (rows[0].error or "").startswith("ConfigurationError: HTTP 400 keyInvalid")


@pytest.mark.parametrize(
    ("path", "params", "status", "reason"),
    [
        ("videos", {"part": "id", "id": ",".join(f"v{n}" for n in range(51))}, 400, "invalidFilters"),
        ("videos:batchGetStats", {"part": "id", "id": ",".join(f"v{n}" for n in range(51))}, 400, "invalidFilters"),
        ("videos", {"part": "id"}, 400, "missingRequiredParameter"),
        ("videos", {"id": "v"}, 400, "missingRequiredParameter"),
        ("videos", {"part": "nonsense", "id": "v"}, 400, "unknownPart"),
        ("search", {"part": "snippet", "q": "x", "maxResults": "51"}, 400, "invalidParameter"),
        ("search", {"part": "snippet", "q": "x", "pageToken": "nonsense"}, 400, "invalidPageToken"),
        ("playlistItems", {"part": "snippet", "playlistId": "UUnobody"}, 404, "playlistNotFound"),
        ("videos", {"part": "id", "id": "v", "key": ""}, 403, "forbidden"),
    ],
)
def test_the_twin_refuses_as_youtube_does(
    sandbox: str, path: str, params: dict[str, str], status: int, reason: str
) -> None:
    """Wrong questions get the envelope with the reason."""
    answer = httpx.get(f"{sandbox}/{DAY}/youtube/youtube/v3/{path}", params={"key": "k"} | params)
    assert answer.status_code == status
    assert answer.json()["error"]["errors"][0]["reason"] == reason


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(size=st.integers(1, 50))
def test_the_twin_pages_with_tokens(sandbox: str, world: World, size: int) -> None:
    """Following nextPageToken sees every upload once; the last page has no token."""
    site, seen, token = "elm.example", [], ""
    while True:
        params = {
            "part": "contentDetails",
            "playlistId": "UU" + channel_of(site)[2:],
            "maxResults": str(size),
            "key": "k",
        }
        more = {"pageToken": token} if token else {}
        answer = httpx.get(f"{sandbox}/{DAY}/youtube/youtube/v3/playlistItems", params=params | more).json()
        seen += [item["contentDetails"]["videoId"] for item in answer["items"]]
        if not (token := answer.get("nextPageToken", "")):
            break
    assert seen == [v.object_id for v in alive(world)[::-1] if v.page.site == site]
