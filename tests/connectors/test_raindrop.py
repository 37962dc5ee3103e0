"""Raindrop.io against its twin: the account's bookmarks, what became of known ones, refusals, inside a 200 too."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import date
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from connectors import errors
from connectors.base import Ask, Post, Stream, parse_all
from connectors.http import Answer
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb, raw_table
from connectors.sandbox import raindrop as twin
from connectors.sandbox.server import running
from connectors.sandbox.world import World, WorldPost, noon
from connectors.votes.raindrop import CONNECTOR, NAME, bookmarks, raindrop_error

LIST, BY_POST = CONNECTOR.stream("bookmarks"), CONNECTOR.stream("by_post")
DAY = date(2027, 1, 10)  # by then one bookmark is in the trash and two are shy
AT = noon(DAY)
TOKEN = "rd-0f0f"
Question = Callable[..., Ask]


def told(stream: Stream, question: Ask) -> list[Observation]:
    """Fetch and parse."""
    return [o for o in parse_all(CONNECTOR, stream, list(stream.fetch(question))) if isinstance(o, Observation)]


def refusal(rows: list[Raw]) -> list[str]:
    """The classes of the errors told."""
    return [(row.error or "").partition(":")[0] for row in rows if row.status is Status.FAILED]


def serving(answer: Any, status: int = 200) -> Any:
    """A service that gives one answer to every question."""

    async def respond(_request: Request) -> JSONResponse:
        return JSONResponse(answer, status)

    return running(Starlette(routes=[Route("/{path:path}", respond)]))


@pytest.fixture
def alive(world: World) -> dict[str, WorldPost]:
    """The bookmarks there are, by id."""
    return {p.object_id: p for p in world.posts(NAME) if p.exists_at(AT)}


# --- the list --------------------------------------------------------------------------------------------------------


def test_bookmarks_are_the_worlds(ask: Question, alive: dict[str, WorldPost]) -> None:
    """One save per bookmark, a lower bound of one post; one without a time has none; what is in the trash is not there;
    as few requests as pages.
    """
    question = ask(CONNECTOR, day=DAY, token=TOKEN)
    found = told(LIST, question)
    assert {o.object_id: o.url for o in found} == {i: p.url for i, p in alive.items()}
    assert len(found) == len(alive)
    assert {(o.verb, o.count, o.status, o.quality, o.basis, o.native) for o in found} == {
        (Verb.SAVE, 1, Status.OBSERVED, Quality.LOWER_BOUND, Basis.POST, "saved")
    }
    times = {o.object_id: o.published_at for o in found}
    assert any(p.is_shy for p in alive.values())
    for i, p in alive.items():
        assert times[i] == (None if p.is_shy else p.published_at.replace(microsecond=123000))
    assert question.meter.requests == -(-len(alive) // 50)


def test_an_empty_account_is_no_reading(ask: Question) -> None:
    """Before the first bookmark there is one request and nothing told: no page has 0 saves by that."""
    question = ask(CONNECTOR, day=date(2026, 5, 1), token=TOKEN)
    assert list(LIST.fetch(question)) == []
    assert question.meter.requests == 1


def test_nothing_of_people_is_kept(ask: Question) -> None:
    """Titles, notes, tags and owners are served and not kept, nor is the token."""
    question = ask(CONNECTOR, day=DAY, token=TOKEN)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    assert "Ada Invented" in httpx.get(f"{question.base_url}/rest/v1/raindrops/0", headers=headers).text
    kept = str(raw_table(list(LIST.fetch(question))).to_pydict()).lower()
    assert not [word for word in ("ada", "note", "fullname", TOKEN) if word in kept]


@given(
    ids=st.lists(st.integers(1, 10**9), unique=True, max_size=60),
    size=st.integers(1, 50),
    added=st.lists(st.integers(10**9 + 1, 2 * 10**9), unique=True, max_size=9),
)
def test_paging_loses_and_repeats_nothing(ids: list[int], size: int, added: list[int]) -> None:
    """Whatever the page size, and while bookmarks are added at the end: each one once, and no endless reading."""
    listed, asked = list(ids), []

    def read(page: int, per_page: int) -> tuple[list[dict[str, Any]], int]:
        asked.append(page)
        found, total = listed[page * per_page : (page + 1) * per_page], len(listed)
        if added:
            listed.append(added.pop())
        return [{"_id": i} for i in found], total

    found = [item["_id"] for item in bookmarks(read, size)]
    assert found[: len(ids)] == ids
    assert len(found) == len(set(found))
    assert set(found) <= set(listed)
    assert len(asked) <= max(1, -(-len(listed) // size))


def test_a_list_that_stands_still_is_told(ask: Question) -> None:
    """A service that serves the first page again and again ends in a failed row; what was read stays."""
    with serving({"result": True, "items": [{"_id": 7, "link": "https://a.example/"}], "count": 500}) as address:
        rows = list(LIST.fetch(ask(CONNECTOR, token=TOKEN, base_url=address)))
    assert [r.subject for r in rows] == ["7", "account"]
    assert refusal(rows) == ["BadAnswer"]
    assert rows[1].url is None


@pytest.mark.parametrize(
    "body",
    [[], {}, {"items": []}, {"count": 3}, {"items": {}, "count": 3}, {"items": [{}], "count": 1},
     {"items": ["x"], "count": 1}, {"items": [{"_id": None}], "count": 1}, {"items": [{"_id_v2": 1}], "count": 1}],
    ids=json.dumps,
)  # fmt: skip
def test_lists_of_another_shape_are_failed(ask: Question, body: Any) -> None:
    """Without items, count or id: one failed row, and never an empty account."""
    with serving(body) as address:
        rows = list(LIST.fetch(ask(CONNECTOR, token=TOKEN, base_url=address)))
    assert refusal(rows) == ["BadAnswer"]
    assert len(rows) == 1


def test_bookmarks_of_other_things_have_no_page(ask: Question) -> None:
    """A link that is no web address, or none: the bookmark is known, its page is not."""
    items = [{"_id": 1, "link": "mailto:ada@a.example"}, {"_id": 2}, {"_id": 3, "link": "HTTPS://a.example/"}]
    with serving({"result": True, "items": items, "count": 3}) as address:
        found = told(LIST, ask(CONNECTOR, token=TOKEN, base_url=address))
    assert [(o.object_id, o.url, o.count) for o in found] == [
        ("1", None, 1),
        ("2", None, 1),
        ("3", "HTTPS://a.example/", 1),
    ]


# --- known bookmarks -------------------------------------------------------------------------------------------------


def test_what_became_of_known_bookmarks(ask: Question, world: World) -> None:
    """Still there: 1. In the trash, or never there: not found, with the time known before."""
    alive = next(p for p in world.posts(NAME) if p.exists_at(AT) and p.is_shy)
    gone = next(p for p in world.posts(NAME) if p.deleted_day and p.deleted_day <= DAY)
    posts = [Post(p.object_id, p.url, p.published_at) for p in (alive, gone)] + [Post("99", "https://a.example/")]
    question = ask(CONNECTOR, day=DAY, posts=posts, token=TOKEN)
    assert [(o.object_id, o.url, o.count, o.status) for o in told(BY_POST, question)] == [
        (alive.object_id, alive.url, 1, Status.OBSERVED),
        (gone.object_id, gone.url, None, Status.NOT_FOUND),
        ("99", "https://a.example/", None, Status.NOT_FOUND),
    ]
    assert question.meter.requests == 3


@pytest.mark.parametrize(
    ("item", "status"),
    [
        ({"_id": 1}, Status.OBSERVED),
        ({"_id": 1, "collection": {"$id": 32}, "removed": False}, Status.OBSERVED),
        ({"_id": 1, "collection": {"$id": -99}}, Status.NOT_FOUND),
        ({"_id": 1, "removed": True}, Status.NOT_FOUND),
        ({"id": 1}, Status.FAILED),
        (None, Status.FAILED),
    ],
    ids=json.dumps,
)
def test_the_trash_is_no_save(ask: Question, item: Any, status: Status) -> None:
    """The trash's collection or the mark of a removed one: not found; another shape: failed, not gone."""
    with serving({"result": True, "item": item}) as address:
        question = ask(CONNECTOR, posts=[Post("1", "https://a.example/")], token=TOKEN, base_url=address)
        [found] = told(BY_POST, question)
    assert (found.status, found.count) == (status, 1 if status is Status.OBSERVED else None)


def test_stored_rows_without_the_save_are_failed() -> None:
    """A stored row that lost its field is failed; a time that is none is unknown."""
    rows = [Raw("1", AT, payload={"created": "soon"}), Raw("2", AT, payload={"saved": 1, "created": 7})]
    assert [(o.count, o.status, o.published_at) for o in LIST.parse(rows)] == [
        (None, Status.FAILED, None),
        (1, Status.OBSERVED, None),
    ]


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, {"result": False, "error": -1, "errorMessage": "no"}, errors.BadAnswer),
        (200, {"result": False, "status": 401, "errorMessage": "Unauthorized"}, errors.AuthError),
        (200, {"result": False, "status": 403}, errors.NotPermitted),
        (200, {"result": False, "status": 404}, errors.Gone),
        (400, {"result": False, "error": -1, "errorMessage": "no"}, errors.BadRequest),
        (401, "Unauthorized", errors.AuthError),
        (402, {}, errors.WalletEmpty),
        (403, {"result": False}, errors.NotPermitted),
        (404, {"result": False}, errors.Gone),
        (429, "Too Many Requests", errors.RateLimited),
        (500, "<html>", errors.Unavailable),
    ],
)
def test_each_refusal_has_its_class(status: int, body: Any, kind: type[errors.SourceError]) -> None:
    """The HTTP status decides; inside a 200 the answer's own status, or none: a bad answer."""
    text = body if isinstance(body, str) else json.dumps(body)
    assert type(raindrop_error(Answer(NAME, status, {}, text))) is kind


@pytest.mark.parametrize("text", ["[]", "{}", '{"result": true}', "<html>"])
def test_a_good_answer_is_no_refusal(text: str) -> None:
    """Only `result: false` is a refusal; what is no JSON is told when it is read."""
    assert raindrop_error(Answer(NAME, 200, {}, text)) is None


def test_the_wait_is_the_moment_in_the_header() -> None:
    """The reset is a moment in seconds since 1970; one that has passed is no wait; else the common header counts."""
    ahead = raindrop_error(Answer(NAME, 429, {"x-ratelimit-reset": str(int(time.time()) + 40)}, ""))
    passed = raindrop_error(Answer(NAME, 429, {"x-ratelimit-reset": "1392321600"}, ""))
    common = raindrop_error(Answer(NAME, 429, {"x-ratelimit-reset": "soon", "retry-after": "7"}, ""))
    waits = [e.retry_after for e in (ahead, passed, common) if isinstance(e, errors.RateLimited)]
    assert waits == [pytest.approx(40, abs=2), 0.0, 7.0]


@pytest.mark.parametrize(("token", "kind"), [("expired-s3cr3t", "AuthError"), ("closed-s3cr3t", "BadAnswer")])
def test_refused_tokens_are_told_without_the_token(ask: Question, token: str, kind: str) -> None:
    """One failed row says what happened, in one request; the service may repeat the token, we do not."""
    question = ask(CONNECTOR, token=token)
    rows = list(LIST.fetch(question))
    assert (refusal(rows), question.meter.requests) == ([kind], 1)
    assert token not in str(rows)


def test_a_minute_that_is_used_up_is_told(ask: Question) -> None:
    """As many tries as allowed, then a failed row."""
    question = ask(CONNECTOR, token="spent-1", retries=1)
    rows = list(LIST.fetch(question))
    assert (refusal(rows), question.meter.requests) == (["RateLimited"], 2)


def test_the_twin_serves_so_many_at_most(ask: Question, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """More per page than the service gives are not given, the count is of all; words for numbers are refused."""
    monkeypatch.setattr(twin, "MOST_PER_PAGE", 5)
    question, headers = ask(CONNECTOR, day=DAY), {"Authorization": f"Bearer {TOKEN}"}
    address = f"{question.base_url}/rest/v1/raindrops/0"
    body = httpx.get(address, params={"perpage": 500}, headers=headers).json()
    assert (len(body["items"]), body["count"]) == (5, sum(p.exists_at(AT) for p in world.posts(NAME)))
    assert httpx.get(address, params={"perpage": "x"}, headers=headers).status_code == 400
