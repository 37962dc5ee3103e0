"""TikTok's Display API against its twin: the videos of an account, videos by id, tokens, and every refusal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from connectors import errors
from connectors.base import Ask, Post, Stream, parse_all
from connectors.bearer import Bearer
from connectors.fields import since_epoch
from connectors.http import Answer
from connectors.records import Basis, Observation, Raw, Status, Verb, raw_table
from connectors.sandbox import tiktok as twin
from connectors.sandbox.server import running
from connectors.sandbox.world import World, WorldPost
from connectors.tiktok import tiktok_error, videos_in
from connectors.votes.tiktok import CONNECTOR, NAME, _tiktok, page_of, video_pages

VIDEOS, BY_POST = CONNECTOR.stream("videos"), CONNECTOR.stream("by_post")
AT = datetime(2026, 10, 14, 12, tzinfo=UTC)
TOKEN = "act.0f0f"
KEYS = {"client_key": "app-1", "client_secret": "shh-1", "refresh_token": "rft-1"}
Question = Callable[..., Ask]


@pytest.fixture
def question(ask: Question) -> Question:
    """A question with a token."""
    return lambda **more: ask(CONNECTOR, **{"token": TOKEN} | more)


def told(stream: Stream, question: Ask) -> list[Observation]:
    """Fetch and parse."""
    return [o for o in parse_all(CONNECTOR, stream, list(stream.fetch(question))) if isinstance(o, Observation)]


def alive(world: World) -> dict[str, WorldPost]:
    """The videos there are, by id, the newest first."""
    return {i: p for i, p in twin.videos(world, NAME).items() if p.exists_at(AT)}


def errors_of(rows: list[Raw]) -> list[str]:
    """The classes of error of failed rows."""
    return [(r.error or "").partition(":")[0] for r in rows if r.status is Status.FAILED]


@contextmanager
def serving(*answers: Any) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A host that gives these answers one after the other (the last for ever), and what it was asked."""
    asked: list[dict[str, Any]] = []

    async def answer(request: Request) -> JSONResponse:
        asked.append(await request.json())
        return JSONResponse(answers[min(len(asked), len(answers)) - 1])

    routes = [Route(f"/v2/video/{path}/", answer, methods=["POST"]) for path in ("list", "query")]
    with running(Starlette(routes=routes)) as address:
        yield address, asked


def page(*ids: Any, cursor: Any = None, has_more: bool = False) -> dict[str, Any]:
    """A good answer, hand-written."""
    data = {"videos": [{"id": i, "like_count": 1} for i in ids], "cursor": cursor, "has_more": has_more}
    return {"data": data, "error": {"code": "ok", "message": "", "log_id": "1"}}


# --- videos ----------------------------------------------------------------------------------------------------------


def test_videos_are_the_worlds(question: Question, world: World) -> None:
    """Every video of the account with four true counters and the page its description links to."""
    found, truth = told(VIDEOS, question()), alive(world)
    assert {o.object_id for o in found} == set(truth)
    assert len(found) == 4 * len(truth)
    for o in found:
        post = truth[str(o.object_id)]
        assert (o.count, o.status) == (twin.counters_at(post, AT)[str(o.native)], Status.OBSERVED)
        assert (o.basis, o.published_at) == (Basis.POST, post.published_at)
        assert o.url == (post.url if twin.has_link(post) else None)
    assert {twin.has_link(p) for p in truth.values()} == {True, False}


@pytest.mark.parametrize(
    ("video", "url"),
    [
        ({"video_description": "see https://a.example/x!", "title": "https://b.example/"}, "https://a.example/x"),
        ({"video_description": "none", "title": "https://b.example/"}, "https://b.example/"),
        ({"video_description": "https://a.example/1 https://a.example/2"}, "https://a.example/1"),
        ({"video_description": None, "title": 7}, None),
        ({}, None),
    ],
)
def test_pages_of_hand_written_videos(video: dict[str, Any], url: str | None) -> None:
    """The first address of the description, then of the title, then none."""
    assert page_of(video) == url


def test_words_of_people_are_dropped(question: Question, world: World) -> None:
    """Descriptions, titles and addresses with names are not kept."""
    asked = question(posts=[Post(i, p.url) for i, p in alive(world).items()])
    address = f"{asked.base_url}/v2/video/list/?fields=video_description,share_url"
    served = httpx.post(address, json={}, headers={"Authorization": f"Bearer {TOKEN}"}).text
    assert "nvented" in served
    kept = str(raw_table([*VIDEOS.fetch(asked), *BY_POST.fetch(asked)]).to_pydict())
    assert "nvented" not in kept
    assert TOKEN not in kept


@settings(max_examples=15, deadline=None)
@given(size=st.integers(1, 20))
def test_paging_loses_and_repeats_nothing(size: int, world: World, _sandbox: Any) -> None:
    """Whatever the page size, every video comes exactly once, the newest first."""
    known: dict[str, Any] = {"base_url": f"{_sandbox[0]}/{{day}}/tiktok", "token": TOKEN, "requests_per_second": 1e6}
    made = CONNECTOR.settings(_env_file=None, **known)  # type: ignore[call-arg]
    with _tiktok(Ask(made, AT.date(), AT)) as api:
        found = [i for group in video_pages(api, size) for i, _ in group]
    assert found == list(alive(world))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.integers(0, 30), max_size=5), min_size=1, max_size=6))
def test_pages_may_overlap_or_be_empty(pages: list[list[int]]) -> None:
    """Whatever the pages hold, each video comes once and all pages are read."""

    class Paged:
        def post(self, _path: str, _fields: str, body: dict[str, Any]) -> Any:
            n = body.get("cursor", 0)
            return {"videos": [{"id": str(i)} for i in pages[n]], "cursor": n + 1, "has_more": n + 1 < len(pages)}

    found = [i for group in video_pages(Paged(), 20) for i, _ in group]  # type: ignore[arg-type]
    assert sorted(found) == sorted({str(i) for group in pages for i in group})


def test_what_was_read_before_a_failure_is_kept(question: Question) -> None:
    """A cursor that stands still ends in one failed row; videos read before it stay; the loop ends."""
    with serving(page("1", cursor=9, has_more=True), page("2", cursor=9, has_more=True)) as (address, asked):
        rows = list(VIDEOS.fetch(question(base_url=address)))
    assert [(r.subject, r.status) for r in rows] == [
        ("1", Status.OBSERVED),
        ("2", Status.OBSERVED),
        ("account", Status.FAILED),
    ]
    assert (rows[-1].url, errors_of(rows)) == (None, ["BadAnswer"])
    assert asked == [{"max_count": 20}, {"max_count": 20, "cursor": 9}]


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"code": "ok"}},
        {"data": {}, "error": {"code": "ok"}},
        {"data": {"videos": None}, "error": {"code": "ok"}},
        {"data": {"videos": [{}]}, "error": {"code": "ok"}},
        {"data": {"videos": [{"id": 7.08e18}]}, "error": {"code": "ok"}},
        {"data": {"videos": [{"id": True}]}, "error": {"code": "ok"}},
        page("1", cursor=None, has_more=True),
        [],
    ],
    ids=json.dumps,
)
def test_answers_of_another_shape_are_failed(question: Question, body: Any) -> None:
    """No data, no list, no whole id, no cursor: a failed row that says so."""
    with serving(body) as (address, _):
        rows = list(VIDEOS.fetch(question(base_url=address)))
    assert errors_of(rows) == ["BadAnswer"]


def test_a_renamed_counter_costs_that_verb_only(question: Question, fault: Callable[..., None]) -> None:
    """When `share_count` has another name, shares are failed, never zero, and the rest is as before."""
    calm = told(VIDEOS, question())
    fault(NAME, "rename:share_count")
    found = told(VIDEOS, question())
    assert {(o.status, o.count) for o in found if o.verb is Verb.SHARE} == {(Status.FAILED, None)}
    assert [o for o in found if o.verb is not Verb.SHARE] == [o for o in calm if o.verb is not Verb.SHARE]


# --- known videos ----------------------------------------------------------------------------------------------------


def test_known_videos_are_refreshed_twenty_at_a_time(question: Question, world: World) -> None:
    """21 videos take two requests; the page is the one remembered; ids left out are not found."""
    posts = [Post(i, "https://known.example/") for i in alive(world)]
    gone = [Post(str(i), "https://gone.example/") for i in range(21 - len(posts))]
    asked = question(posts=[*posts, *gone])
    found = told(BY_POST, asked)
    assert asked.meter.requests == 2
    listed = {(o.object_id, o.verb): (o.count, o.published_at) for o in told(VIDEOS, question())}
    there = [o for o in found if o.url == "https://known.example/"]
    assert {(o.object_id, o.verb): (o.count, o.published_at) for o in there} == listed
    missing = [o for o in found if o.url == "https://gone.example/"]
    assert {(o.status, o.count) for o in missing} == {(Status.NOT_FOUND, None)}
    assert {o.object_id for o in missing} == {p.object_id for p in gone}


def test_a_deleted_video_is_not_found(question: Question, world: World) -> None:
    """From its day of deletion on it is not found, and was read before."""
    doomed = next(p for p in world.posts(NAME) if p.deleted_day)
    assert doomed.deleted_day
    posts = [Post(twin.video_id(doomed), doomed.url)]
    before = told(BY_POST, question(posts=posts, day=doomed.published_at.date().replace(day=28)))
    assert {o.status for o in before} == {Status.OBSERVED}
    assert {o.status for o in told(BY_POST, question(posts=posts, day=doomed.deleted_day))} == {Status.NOT_FOUND}


def test_a_video_of_two_pages_is_asked_for_once(question: Question, world: World) -> None:
    """One video that links to two pages is one id in the question and two rows in the answer."""
    first = next(iter(alive(world)))
    with serving(page(first)) as (address, asked):
        posts = [Post(first, "https://a.example/"), Post(first, "https://b.example/")]
        rows = list(BY_POST.fetch(question(base_url=address, posts=posts)))
    assert asked == [{"filters": {"video_ids": [first]}}]
    assert [(r.subject, r.url) for r in rows] == [(first, "https://a.example/"), (first, "https://b.example/")]


@pytest.mark.parametrize(
    ("seconds", "at"),
    [(1731900000, datetime(2024, 11, 18, 3, 20, tzinfo=UTC)), (10**18, None), ("x", None), (None, None)],
)
def test_times_are_seconds(seconds: Any, at: datetime | None) -> None:
    """Times in answers are seconds; what is no time is none."""
    assert since_epoch(seconds) == at


# --- tokens ----------------------------------------------------------------------------------------------------------


def test_a_refused_token_is_renewed_once(question: Question, world: World) -> None:
    """The refusal, the sign-in, and then the same question again."""
    asked = question(token="expired-1", **KEYS)
    assert len(list(VIDEOS.fetch(asked))) == len(alive(world))
    assert asked.meter.requests == 2 + -(-len(alive(world)) // 20)


def test_without_a_token_one_is_obtained(question: Question, world: World) -> None:
    """The refresh token is enough."""
    asked = question(token=None, **KEYS)
    assert len(list(VIDEOS.fetch(asked))) == len(alive(world))
    assert asked.meter.requests == 1 + -(-len(alive(world)) // 20)


def test_a_token_that_expires_on_the_way_is_renewed(question: Question, world: World) -> None:
    """Tokens that work three times carry through a longer job, nothing lost or twice."""
    made = question(token=None, **KEYS | {"client_key": "short-lived-display"})
    with _tiktok(made) as api:
        found = [i for group in video_pages(api, 1) for i, _ in group]
    assert found == list(alive(world))


def test_a_new_token_that_is_refused_is_for_a_person(question: Question, world: World) -> None:
    """One renewal, then the sign-in is named and nothing more is asked."""
    asked = question(
        token=None, posts=[Post(i, p.url) for i, p in alive(world).items()], **KEYS | {"client_key": "useless"}
    )
    rows = list(BY_POST.fetch(asked))
    assert set(errors_of(rows)) == {"AuthError"}
    assert len(rows) == len(alive(world))
    assert asked.meter.requests <= 4


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ({"refresh_token": "revoked-7"}, "AuthError"),
        ({"client_secret": "wrong"}, "AuthError"),
    ],
)
def test_a_sign_in_that_fails_is_told_without_secrets(question: Question, more: dict[str, str], kind: str) -> None:
    """The flat error of the token address is read; TikTok may repeat the refresh token, we do not."""
    rows = list(VIDEOS.fetch(question(token=None, **KEYS | more)))
    assert errors_of(rows) == [kind]
    assert not any(secret in str(rows) for secret in ("revoked-7", "shh-1", "rft-1"))


@pytest.mark.parametrize(
    ("token", "kind"),
    [
        ("expired-9", "AuthError"),
        ("narrow-9", "ConfigurationError"),
        ("unscoped-9", "ConfigurationError"),
        ("broken-9", "BadAnswer"),
    ],
)
def test_refused_tokens_are_told_without_the_token(question: Question, token: str, kind: str) -> None:
    """The row says what happened, also where the error came with HTTP 200."""
    asked = question(token=token)
    rows = list(VIDEOS.fetch(asked))
    assert errors_of(rows) == [kind]
    assert token not in str(rows)
    assert asked.meter.requests == 1


def test_an_obtained_token_is_told_to_nobody(question: Question, world: World) -> None:
    """A token bought on the way, which TikTok repeats in its refusal, is in no row either."""
    rows = list(VIDEOS.fetch(question(token=None, **KEYS | {"client_key": "useless-quiet"})))
    assert errors_of(rows) == ["AuthError"]
    assert "twin." not in str(rows)


def test_what_must_be_set_is_named(ask: Question) -> None:
    """Key, secret and refresh token, or a ready token alone."""
    names = ("CLIENT_KEY", "CLIENT_SECRET", "REFRESH_TOKEN")
    assert ask(CONNECTOR).settings.missing() == tuple(f"TALLYRANK_TIKTOK_{name}" for name in names)
    assert ask(CONNECTOR, token=TOKEN).settings.missing() == ()


def test_of_two_that_are_refused_one_renews() -> None:
    """A token that another thread has renewed meanwhile is taken, and not renewed again."""
    bought: list[str] = []

    def obtain() -> str:
        bought.append("new")
        return "new"

    bearer = Bearer("old", obtain)

    def call(header: Any) -> Answer:
        if header["Authorization"] == "Bearer old":
            if not bought:
                assert bearer.send(call_of_another_thread).text == "Bearer new"
            raise errors.AuthError(NAME, "refused")
        return Answer(NAME, 200, {}, header["Authorization"])

    def call_of_another_thread(header: Any) -> Answer:
        if header["Authorization"] == "Bearer old":
            raise errors.AuthError(NAME, "refused")
        return Answer(NAME, 200, {}, header["Authorization"])

    assert bearer.send(call).text == "Bearer new"
    assert bought == ["new"]


# --- refusals --------------------------------------------------------------------------------------------------------


def limited(answer: Answer, words: str) -> errors.SourceError:
    """The error of too many requests."""
    return errors.RateLimited(answer.source, words, 60.0)


def refusal(status: int, code: str) -> Answer:
    """An error envelope, written from the contract."""
    return Answer(NAME, status, {}, json.dumps({"error": {"code": code, "message": "words", "log_id": "1"}}))


def flat(status: int, error: str) -> Answer:
    """An error of the token address."""
    return Answer(NAME, status, {}, json.dumps({"error": error, "error_description": "words", "log_id": "1"}))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refusal(200, "ok"), None),
        (refusal(401, "access_token_invalid"), errors.AuthError),
        (refusal(401, "scope_not_authorized"), errors.ConfigurationError),
        (refusal(401, "scope_permission_missed"), errors.ConfigurationError),
        (refusal(400, "invalid_params"), errors.BadRequest),
        (refusal(400, "invalid_param"), errors.BadRequest),
        (refusal(400, "invalid_request"), errors.BadRequest),
        (refusal(429, "rate_limit_exceeded"), errors.RateLimited),
        (refusal(500, "internal_error"), errors.Unavailable),
        (refusal(500, "timeout"), errors.Unavailable),
        (refusal(200, "internal_error"), errors.Unavailable),
        (refusal(200, "something_new"), errors.BadAnswer),
        (refusal(403, "something_new"), errors.NotPermitted),
        (flat(400, "invalid_grant"), errors.AuthError),
        (flat(200, "invalid_grant"), errors.AuthError),
        (flat(401, "invalid_client"), errors.AuthError),
        (flat(400, "unsupported_grant_type"), errors.ConfigurationError),
        (flat(503, "server_error"), errors.Unavailable),
        (Answer(NAME, 401, {}, ""), errors.AuthError),
        (Answer(NAME, 429, {"retry-after": "4"}, ""), errors.RateLimited),
        (Answer(NAME, 502, {}, "<html>"), errors.Unavailable),
        (Answer(NAME, 200, {}, "<html>"), None),
    ],
)
def test_each_code_has_its_class(answer: Answer, kind: type[errors.SourceError] | None) -> None:
    """The code decides, whatever the status; without one the status does; a page is left to the reader of JSON."""
    error = tiktok_error(answer, limited)
    assert (None if error is None else type(error)) is kind


def test_too_many_questions_wait_for_the_window(question: Question, world: World) -> None:
    """A 429 is waited out (here for no time) and then answered; a header that tells a time is preferred."""
    asked = question(token="hurried-1", pause_seconds=0)
    assert len(list(VIDEOS.fetch(asked))) == len(alive(world))
    assert asked.meter.requests == 1 + -(-len(alive(world)) // 20)


@pytest.mark.parametrize(("headers", "wait"), [({}, 60.0), ({"retry-after": "7"}, 7.0)])
def test_the_wait_is_a_minute_unless_told(question: Question, headers: dict[str, str], wait: float) -> None:
    """TikTok sends no header; one that comes is heard."""
    api = _tiktok(question())
    error = api._limited(Answer(NAME, 429, headers, ""), "words")
    assert isinstance(error, errors.RateLimited)
    assert error.retry_after == wait


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("list/", {}),
        ("list/?fields=id,nickname", {}),
        ("list/?fields=id", {"max_count": 21}),
        ("list/?fields=id", {"cursor": "yesterday"}),
        ("query/?fields=id", {"filters": {"video_ids": [str(i) for i in range(21)]}}),
        ("query/?fields=id", {"filters": {"video_ids": [1]}}),
        ("query/?fields=id", {}),
    ],
)
def test_the_twin_refuses_what_the_service_refuses(question: Question, path: str, body: dict[str, Any]) -> None:
    """No fields in the address, unknown ones, too many videos, ids as numbers: 400 in the envelope."""
    address = f"{question().base_url}/v2/video/{path}"
    answer = httpx.post(address, json=body, headers={"Authorization": f"Bearer {TOKEN}"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_params")


def test_ids_are_text_whatever_they_came_as() -> None:
    """A number above 2^53 keeps all its digits."""
    answer = json.loads('{"videos": [{"id": 7080213458555737987}, {"id": "7080213458555737986"}]}')
    assert [i for i, _ in videos_in(NAME, answer)] == ["7080213458555737987", "7080213458555737986"]
