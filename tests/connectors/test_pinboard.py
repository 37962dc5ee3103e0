"""Pinboard against its twin: the account's bookmarks, what became of known ones, haste; its client against the twin."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date
from typing import Any

import httpx
import pinboard
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from connectors import errors
from connectors.base import Ask, Post, Stream, parse_all
from connectors.http import LONGEST_WAIT_SECONDS
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb, raw_table
from connectors.sandbox import pinboard as twin
from connectors.sandbox.server import build_app, running
from connectors.sandbox.world import World, WorldPost, noon
from connectors.votes.pinboard import CONNECTOR, NAME, Settings, bookmarks_in

LIST, BY_POST = CONNECTOR.stream("bookmarks"), CONNECTOR.stream("by_post")
DAY = date(2027, 4, 12)  # by then one bookmark has been deleted
AT = noon(DAY)
TOKEN = "ada:0F0F0F"
Question = Callable[..., Ask]


def told(stream: Stream, question: Ask) -> list[Observation]:
    """Fetch and parse."""
    return [o for o in parse_all(CONNECTOR, stream, list(stream.fetch(question))) if isinstance(o, Observation)]


def refusal(rows: list[Raw]) -> list[str]:
    """The classes of the errors told."""
    return [(row.error or "").partition(":")[0] for row in rows if row.status is Status.FAILED]


def serving(answer: Any) -> Any:
    """A service that gives one answer to every question."""

    async def respond(_request: Request) -> JSONResponse:
        return JSONResponse(answer)

    return running(Starlette(routes=[Route("/{path:path}", respond)]))


@pytest.fixture
def alive(world: World) -> dict[str, WorldPost]:
    """The bookmarks there are, by address: the first post with it that is there."""
    found: dict[str, WorldPost] = {}
    for post in world.posts(NAME):
        if post.exists_at(AT):
            found.setdefault(post.url, post)
    assert len(found) < sum(p.exists_at(AT) for p in world.posts(NAME))
    return found


@pytest.fixture
def slow(world: World) -> Iterator[str]:
    """The sandbox in real time, where haste is refused."""
    with running(build_app(world, speed=1.0)) as address:
        yield f"{address}/{{day}}/{NAME}"


# --- the list --------------------------------------------------------------------------------------------------------


def test_bookmarks_are_the_worlds(ask: Question, alive: dict[str, WorldPost]) -> None:
    """One save per address, a lower bound of one post, in one request for all of them."""
    question = ask(CONNECTOR, day=DAY, token=TOKEN)
    found = told(LIST, question)
    assert {o.url: (o.object_id, o.published_at) for o in found} == {
        url: (twin.bookmark_id(url), post.published_at.replace(microsecond=0)) for url, post in alive.items()
    }
    assert len(found) == len(alive)
    assert {(o.verb, o.count, o.status, o.quality, o.basis, o.native) for o in found} == {
        (Verb.SAVE, 1, Status.OBSERVED, Quality.LOWER_BOUND, Basis.POST, "saved")
    }
    assert question.meter.requests == 1


def test_an_empty_account_is_no_reading(ask: Question) -> None:
    """Before the first bookmark nothing is told: no page has 0 saves by that."""
    assert list(LIST.fetch(ask(CONNECTOR, day=date(2026, 5, 1), token=TOKEN))) == []


def test_nothing_of_people_is_kept(ask: Question) -> None:
    """Titles, notes, tags and the account's name are served and not kept, nor is the token."""
    question = ask(CONNECTOR, day=DAY, token=TOKEN)
    parameters = {"auth_token": TOKEN, "format": "json"}
    assert "Ada Invented" in httpx.get(f"{question.base_url}/v1/posts/recent", params=parameters).text
    kept = str(raw_table(list(LIST.fetch(question))).to_pydict()).lower()
    assert not [word for word in ("ada ", "ada'", "ada:", "words", "shared", "0f0f0f") if word in kept]


@pytest.mark.parametrize(
    "body", [{}, {"posts": []}, "x", [1], [{}], [{"hash": None}], [{"hash_v2": "a"}], [[]]], ids=json.dumps
)
def test_lists_of_another_shape_are_failed(ask: Question, body: Any) -> None:
    """What is no list of bookmarks is one failed row, and never an empty account."""
    with pytest.raises(errors.BadAnswer):
        bookmarks_in(body)
    with serving(body) as address:
        rows = list(LIST.fetch(ask(CONNECTOR, token=TOKEN, base_url=address)))
    assert (refusal(rows), len(rows), rows[0].url) == (["BadAnswer"], 1, None)


@settings(max_examples=12)
@given(hashes=st.lists(st.text("abc", min_size=1, max_size=2), max_size=12))
def test_a_bookmark_listed_twice_is_one(hashes: list[str]) -> None:
    """Whatever the list repeats, each bookmark is told once and none is lost."""
    with serving([{"hash": h, "href": f"https://a.example/{h}"} for h in hashes]) as address:
        known: dict[str, Any] = {"_env_file": None, "token": TOKEN, "requests_per_second": 1e6}
        made = Settings(base_url=address, **known)
        rows = list(LIST.fetch(Ask(made, DAY, AT)))
    assert sorted(r.subject for r in rows) == sorted(set(hashes))


def test_bookmarks_of_other_things_have_no_page(ask: Question) -> None:
    """A script or a file that is bookmarked is known, and has no page; a time that is none is unknown."""
    listed = [{"hash": "a", "href": "javascript:alert(1)"}, {"hash": "b"}, {"hash": "c", "href": "http://c.example/"}]
    with serving([b | {"time": "soon"} for b in listed]) as address:
        found = told(LIST, ask(CONNECTOR, token=TOKEN, base_url=address))
    assert [(o.object_id, o.url, o.count, o.published_at) for o in found] == [
        ("a", None, 1, None),
        ("b", None, 1, None),
        ("c", "http://c.example/", 1, None),
    ]


def test_stored_rows_without_the_save_are_failed() -> None:
    """A stored row that lost its field is failed, never 0."""
    assert [(o.count, o.status) for o in LIST.parse([Raw("a", AT, payload={"time": None})])] == [(None, Status.FAILED)]


# --- known bookmarks -------------------------------------------------------------------------------------------------


def test_what_became_of_known_bookmarks(ask: Question, world: World, alive: dict[str, WorldPost]) -> None:
    """Still there: 1. Deleted, or never there: not found, with the time known before."""
    url, post = next(iter(alive.items()))
    gone = next(p for p in world.posts(NAME) if p.deleted_day and p.deleted_day <= DAY and p.url not in alive)
    posts = [Post(twin.bookmark_id(p.url), p.url, p.published_at) for p in (post, gone)]
    question = ask(CONNECTOR, day=DAY, posts=[*posts, Post("f" * 32, "https://a.example/?x=1&y=2")], token=TOKEN)
    assert [(o.url, o.count, o.status, o.published_at) for o in told(BY_POST, question)] == [
        (url, 1, Status.OBSERVED, post.published_at.replace(microsecond=0)),
        (gone.url, None, Status.NOT_FOUND, gone.published_at),
        ("https://a.example/?x=1&y=2", None, Status.NOT_FOUND, None),
    ]
    assert question.meter.requests == 3


@pytest.mark.parametrize(
    "body", [{}, [], {"posts": None}, {"posts": [{}]}, {"posts": [{"hash": "other"}]}], ids=json.dumps
)
def test_answers_about_something_else_are_failed(ask: Question, body: Any) -> None:
    """Without the list of posts, or with another bookmark in it, nothing is known: not gone, failed."""
    with serving(body) as address:
        question = ask(CONNECTOR, posts=[Post("a", "https://a.example/")], token=TOKEN, base_url=address)
        rows = list(BY_POST.fetch(question))
    assert refusal(rows) == ["BadAnswer"]


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["ada:expired-s3cr3t", "s3cr3t-without-a-name"])
def test_refused_tokens_are_told_without_the_token(ask: Question, token: str) -> None:
    """One failed row says that the sign-in failed, after one request; known bookmarks are not asked about in vain."""
    question = ask(CONNECTOR, token=token)
    rows = list(LIST.fetch(question))
    assert (refusal(rows), question.meter.requests) == (["AuthError"], 1)
    assert "s3cr3t" not in str(rows)
    known = ask(CONNECTOR, posts=[Post(str(n), f"https://a.example/{n}") for n in range(5)], token=token)
    assert (refusal(list(BY_POST.fetch(known))), known.meter.requests) == (["AuthError"] * 5, 1)


def test_haste_is_refused(ask: Question, slow: str) -> None:
    """The list is given once in five minutes; then it is a rate limit, tried again as often as allowed."""
    first, again = (ask(CONNECTOR, day=DAY, token=TOKEN, base_url=slow, retries=n) for n in (0, 2))
    assert refusal(list(LIST.fetch(first))) == []
    assert refusal(list(LIST.fetch(again))) == ["RateLimited"]
    assert again.meter.requests == 3


def test_the_waits_outlast_the_window() -> None:
    """By default the pace is one request in three seconds, and the waits between tries add up to five minutes."""
    usual = Settings(_env_file=None)  # type: ignore[call-arg]
    waits = [min(usual.retry_wait_seconds * 2**n, LONGEST_WAIT_SECONDS) for n in range(usual.retries)]
    assert 1 / usual.requests_per_second >= 3
    assert sum(waits) > 300


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("401", "AuthError"),
        ("403", "NotPermitted"),
        ("500", "Unavailable"),
        ("429", "RateLimited"),
        ("html", "BadAnswer"),
    ],
)
def test_each_status_has_its_class(ask: Question, fault: Callable[..., None], kind: str, name: str) -> None:
    """Refusals are no JSON: the status tells, and a page instead of data is a bad answer."""
    fault(NAME, kind)
    assert refusal(list(LIST.fetch(ask(CONNECTOR, day=DAY, token=TOKEN, retries=1)))) == [name]


# --- other people's client against the twin --------------------------------------------------------------------------


@pytest.fixture
def client(sandbox: str, monkeypatch: pytest.MonkeyPatch) -> pinboard.Pinboard:
    """The client pinboard, pointed at the twin by its constant."""
    monkeypatch.setattr(pinboard.pinboard, "PINBOARD_API_ENDPOINT", f"{sandbox}/{DAY}/{NAME}/v1/")
    return pinboard.Pinboard(TOKEN)


def test_a_client_of_pinboard_reads_the_twin(client: pinboard.Pinboard, alive: dict[str, WorldPost]) -> None:
    """All bookmarks, one by address, the newest and the last change come as the client expects them."""
    listed = client.posts.all()
    assert {b.url: b.time.replace(tzinfo=UTC) for b in listed} == {
        url: post.published_at.replace(microsecond=0) for url, post in alive.items()
    }
    assert {b.hash for b in listed} == {twin.bookmark_id(url) for url in alive}
    url = next(iter(alive))
    assert [b.url for b in client.posts.get(url=url)["posts"]] == [url]
    assert client.posts.get(url="https://nowhere.example/")["posts"] == []
    assert client.posts.recent()["posts"][0].time == max(b.time for b in listed)
    assert client.posts.update() == AT.replace(tzinfo=None)


def test_a_client_of_pinboard_is_refused_alike(client: pinboard.Pinboard) -> None:
    """A refused token is the client's own error of authentication."""
    client.token = "ada:expired"
    with pytest.raises(pinboard.PinboardAuthenticationError):
        client.posts.all()


def test_the_twin_speaks_json_when_asked(ask: Question) -> None:
    """Without format=json the answer is XML; an unknown method is not there."""
    address = f"{ask(CONNECTOR).base_url}/v1/posts"
    assert httpx.get(f"{address}/all", params={"auth_token": TOKEN}).headers["content-type"].startswith("text/xml")
    assert httpx.get(f"{address}/none", params={"auth_token": TOKEN, "format": "json"}).status_code == 404
