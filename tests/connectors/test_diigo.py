"""Diigo against its twin: the account's bookmarks, pages that move while they are read, a 400 that means haste."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
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
from connectors.base import Ask, parse_all
from connectors.fields import moment_in
from connectors.http import Answer
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb, raw_table
from connectors.sandbox import diigo as twin
from connectors.sandbox.server import running
from connectors.sandbox.world import World, WorldPost, noon
from connectors.votes.diigo import CONNECTOR, FORM, NAME, bookmarks, diigo_error

LIST = CONNECTOR.stream("bookmarks")
DAY = date(2027, 3, 1)  # by then two bookmarks have been deleted and one is shy
AT = noon(DAY)
KNOWN = {"user": twin.USER, "password": "p4ssword", "api_key": "k3y"}
Question = Callable[..., Ask]


def told(question: Ask) -> list[Observation]:
    """Fetch and parse."""
    return [o for o in parse_all(CONNECTOR, LIST, list(LIST.fetch(question))) if isinstance(o, Observation)]


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
    """The bookmarks there are, by address."""
    found: dict[str, WorldPost] = {}
    for post in world.posts(NAME):
        if post.exists_at(AT):
            found.setdefault(post.url, post)
    return found


def test_bookmarks_are_the_worlds(ask: Question, alive: dict[str, WorldPost]) -> None:
    """One save per address, a lower bound of one post; times are turned to UTC, and one that lacks is unknown."""
    question = ask(CONNECTOR, day=DAY, **KNOWN)
    found = told(question)
    assert {o.url: o.published_at for o in found} == {
        url: None if p.is_shy else p.published_at.replace(microsecond=0) for url, p in alive.items()
    }
    assert None in {o.published_at for o in found}
    assert len(found) == len({o.object_id for o in found}) == len(alive)
    assert {(o.verb, o.count, o.status, o.quality, o.basis, o.native) for o in found} == {
        (Verb.SAVE, 1, Status.OBSERVED, Quality.LOWER_BOUND, Basis.POST, "saved")
    }
    assert question.meter.requests == 1


def test_deleted_bookmarks_are_not_listed(ask: Question, world: World, alive: dict[str, WorldPost]) -> None:
    """What was deleted before the day is told no more, and an empty account tells nothing."""
    gone = {p.url for p in world.posts(NAME) if p.deleted_day and p.deleted_day <= DAY} - alive.keys()
    assert gone
    assert gone & {o.url for o in told(ask(CONNECTOR, day=DAY, **KNOWN))} == set()
    assert told(ask(CONNECTOR, day=date(2026, 5, 1), **KNOWN)) == []


def test_nothing_of_people_is_kept(ask: Question) -> None:
    """Titles, notes, tags and names are served and not kept, nor are the password and the key."""
    question = ask(CONNECTOR, day=DAY, **KNOWN)
    parameters, auth = {"key": "k3y", "user": twin.USER}, (twin.USER, "p4ssword")
    served = httpx.get(f"{question.base_url}/api/v2/bookmarks", params=parameters, auth=auth).text
    assert "Ada Invented" in served
    kept = str(raw_table(list(LIST.fetch(question))).to_pydict()).lower()
    assert not [w for w in ("ada invented", "words", "tags", twin.USER, "p4ssword", "k3y") if w in kept]


@given(
    n=st.integers(0, 60),
    size=st.integers(2, 20),
    is_added=st.lists(st.booleans(), max_size=40),
)
def test_paging_loses_and_repeats_nothing(n: int, size: int, is_added: list[bool]) -> None:
    """Whatever the page size, and while new bookmarks push the others on: each one once, in order."""
    listed = [f"u{i}" for i in range(n)]
    added = [f"new{i}" for i, is_one in enumerate(is_added) if is_one]
    changes = iter(is_added)
    asked: list[int] = []

    def read(start: int, count: int) -> list[dict[str, Any]]:
        asked.append(start)
        page = [{"url": url} for url in listed[start : start + count]]
        if next(changes, False):
            listed.insert(0, added.pop())
        return page

    found = [item["url"] for item in bookmarks(read, size)]
    assert [url for url in found if url.startswith("u")] == [f"u{i}" for i in range(n)]
    assert len(found) == len(set(found))
    assert len(asked) <= len(listed) // size + 1


def test_every_page_is_asked_for(ask: Question, alive: dict[str, WorldPost], monkeypatch: pytest.MonkeyPatch) -> None:
    """In small pages the account's bookmarks are the same."""
    monkeypatch.setattr("connectors.votes.diigo.PAGE_SIZE", 4)
    question = ask(CONNECTOR, day=DAY, **KNOWN)
    assert {o.url for o in told(question)} == set(alive)
    assert question.meter.requests == len(alive) // 4 + 1


def test_a_list_that_stands_still_is_told(ask: Question) -> None:
    """A service that serves a full page again and again ends in a failed row; what was read stays."""
    with serving([{"url": f"https://a.example/{n}"} for n in range(100)]) as address:
        rows = list(LIST.fetch(ask(CONNECTOR, base_url=address, **KNOWN)))
    assert (len(rows), refusal(rows), rows[-1].url) == (101, ["BadAnswer"], None)


@pytest.mark.parametrize("body", [{}, None, "x", [1], [{}], [{"url": None}], [{"url_v2": "x"}]], ids=json.dumps)
def test_lists_of_another_shape_are_failed(ask: Question, body: Any) -> None:
    """What is no list of bookmarks is one failed row, and never an empty account."""
    with serving(body) as address:
        rows = list(LIST.fetch(ask(CONNECTOR, base_url=address, **KNOWN)))
    assert (refusal(rows), len(rows)) == (["BadAnswer"], 1)


def test_bookmarks_of_other_things_are_left_out(ask: Question) -> None:
    """What is no web address has no page, and its address, which would be its id, may be a whole script."""
    with serving([{"url": "javascript:alert(1)"}, {"url": "HTTP://a.example/"}]) as address:
        found = told(ask(CONNECTOR, base_url=address, **KNOWN))
    assert [(o.object_id, o.url) for o in found] == [("HTTP://a.example/", "HTTP://a.example/")]


def test_stored_rows_without_the_save_are_failed() -> None:
    """A stored row that lost its field is failed, never 0."""
    assert [(o.count, o.status) for o in LIST.parse([Raw("x", AT, payload={"created_at": None})])] == [
        (None, Status.FAILED)
    ]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.RateLimited),
        (401, errors.AuthError),
        (403, errors.NotPermitted),
        (404, errors.Gone),
        (429, errors.RateLimited),
        (500, errors.Unavailable),
        (502, errors.Unavailable),
        (503, errors.Unavailable),
    ],
)
def test_each_status_has_its_class(status: int, kind: type[errors.SourceError]) -> None:
    """The status decides; 400 is haste."""
    assert type(diigo_error(Answer(NAME, status, {}, "words"))) is kind
    assert diigo_error(Answer(NAME, 200, {}, "[]")) is None


@pytest.mark.parametrize(
    ("change", "kind", "requests"),
    [
        ({"password": "wrong-s3cr3t"}, "AuthError", 1),
        ({"api_key": "refused-s3cr3t"}, "NotPermitted", 1),
        ({"api_key": "spent-s3cr3t"}, "RateLimited", 3),
    ],
)
def test_refusals_are_told_without_the_secret(ask: Question, change: dict[str, str], kind: str, requests: int) -> None:
    """One failed row says what happened; the service may repeat password and key, we do not. Only haste is repeated."""
    question = ask(CONNECTOR, retries=2, **KNOWN | change)
    rows = list(LIST.fetch(question))
    assert (refusal(rows), question.meter.requests, rows[0].url) == ([kind], requests, None)
    assert "s3cr3t" not in str(rows)


def test_a_400_that_passes_leaves_no_trace(ask: Question, fault: Callable[..., None]) -> None:
    """Asked too fast twice, then answered: the same bookmarks."""
    calm = told(ask(CONNECTOR, day=DAY, **KNOWN))
    fault(NAME, "400", times=2)
    assert told(ask(CONNECTOR, day=DAY, **KNOWN)) == calm


def test_what_is_missing_is_named(ask: Question) -> None:
    """Name, password and key are needed, each by its variable."""
    assert ask(CONNECTOR).settings.missing() == (
        "TALLYRANK_DIIGO_USER",
        "TALLYRANK_DIIGO_PASSWORD",
        "TALLYRANK_DIIGO_API_KEY",
    )


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2008/04/30 06:28:54 +0800", datetime(2008, 4, 29, 22, 28, 54, tzinfo=UTC)),
        ("2008/04/30 06:28:54 -0130", datetime(2008, 4, 30, 7, 58, 54, tzinfo=UTC)),
        ("2008/04/30 06:28:54", None),
        ("0001/01/01 00:00:00 +0800", None),
        ("2008-04-30T06:28:54Z", None),
        (7, None),
        (None, None),
    ],
)
def test_times_have_a_zone(text: Any, at: datetime | None) -> None:
    """Times are turned to UTC; without a zone, or in another form, there is none."""
    assert moment_in(FORM, text) == at


@pytest.mark.parametrize(
    ("parameters", "status"), [({"count": "101"}, 400), ({"start": "x"}, 400), ({"count": "100"}, 200)]
)
def test_the_twin_limits_the_page(ask: Question, parameters: dict[str, str], status: int) -> None:
    """At most 100 bookmarks at once, from a number on."""
    url = f"{ask(CONNECTOR).base_url}/api/v2/bookmarks"
    answer = httpx.get(url, params={"key": "k3y", "user": twin.USER, **parameters}, auth=(twin.USER, "p4ssword"))
    assert answer.status_code == status
