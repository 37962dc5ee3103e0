"""Yandex against its twin: lists of the world, at once and deferred, money, errors inside good answers."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors import errors
from connectors.base import Ask, Meter, parse_all
from connectors.http import Answer
from connectors.rankings.yandex import CONNECTOR, NAME, page_of, question, yandex_error
from connectors.records import Ranking, RankKind, Raw, Status, raw_table
from connectors.sandbox import yandex as twin
from connectors.sandbox.server import running
from connectors.sandbox.world import World
from connectors.serp import numbered
from tests.conftest import DAY

STREAM = CONNECTOR.stream("web")
AT = datetime(2026, 10, 14, 12, tzinfo=UTC)
KEY = "AQVN-very-secret"
LATER: dict[str, Any] = {"mode": "deferred", "poll_seconds": 0}
Question = Callable[..., Ask]


@pytest.fixture
def about(ask: Question) -> Question:
    """A question about keywords: about(["kettle"], mode="deferred")."""

    def make(keywords: Sequence[str], meter: Meter | None = None, **known: Any) -> Ask:
        asked = ask(CONNECTOR, **{"api_key": KEY, "folder_id": twin.FOLDER} | known)
        return replace(asked, keywords=tuple(keywords), meter=meter or Meter())

    return make


def read(asked: Ask) -> tuple[list[Raw], list[Ranking]]:
    """The stream's rows and rankings."""
    rows = list(STREAM.fetch(asked))
    return rows, [r for r in parse_all(CONNECTOR, STREAM, rows) if isinstance(r, Ranking)]


def wrapped(inner: str) -> dict[str, str]:
    """A document as the service answers it."""
    return {"rawData": base64.b64encode(f"<yandexsearch>{inner}</yandexsearch>".encode()).decode()}


def listed(urls: Sequence[str | None], first: int | None = 1, before: str = "") -> dict[str, str]:
    """A list of results."""
    docs = "".join(f"<group><doc>{f'<url>{url}</url>' if url else ''}</doc></group>" for url in urls)
    page = f'<page first="{first}" last="99">0</page>' if first else ""
    return wrapped(f"<response>{before}<results><grouping>{page}{docs}</grouping></results></response>")


def failing(code: int) -> dict[str, str]:
    """An error inside a good answer."""
    return wrapped(f'<response><error code="{code}">Words.</error></response>')


@contextmanager
def scripted(handler: Callable[[Request, Any], Any]) -> Iterator[str]:
    """A service whose every answer comes from `handler`, which also gets the body."""

    async def answer(request: Request) -> Response:
        body = await request.body()
        found = handler(request, json.loads(body) if body else None)
        return found if isinstance(found, Response) else JSONResponse(found)

    with running(Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])])) as address:
        yield address


# --- lists -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("known", [{}, LATER], ids=["sync", "deferred"])
def test_lists_are_those_of_the_world(about: Question, world: World, known: dict[str, Any]) -> None:
    """Every keyword has the world's list in its order, asked at once or deferred."""
    _, found = read(about(world.keywords, **known))
    for keyword in world.keywords:
        pages = world.results(keyword, DAY)
        mine = sorted((r for r in found if r.keyword == keyword), key=lambda r: r.position or 0)
        assert [(r.position, r.url) for r in mine] == [(n, page.url) for n, page in enumerate(pages, 1)]
        assert {r.depth for r in mine} == {len(pages)}


@pytest.mark.parametrize(
    ("known", "country"),
    [
        ({}, None),
        ({"search_type": "RU"}, "ru"),
        ({"search_type": "KK"}, "kz"),
        ({"search_type": "RU", "region": "213"}, "region-213"),
        ({"search_type": "RU", "region": "213", "country": "ru-moscow"}, "ru-moscow"),
    ],
)
def test_a_ranking_says_what_its_position_is(about: Question, world: World, known: Any, country: str | None) -> None:
    """The index in Yandex's list; a region is a place of its own, so its lists are not mixed with others."""
    _, found = read(about(world.keywords[:1], **known))
    assert {(r.rank_kind, r.engine, r.country, r.language, r.device, r.source, r.ranked_at) for r in found} == {
        (RankKind.LIST_INDEX, "yandex", country, None, None, "yandex", AT)
    }


def test_one_question_per_keyword(about: Question, world: World) -> None:
    """A hundred results are one question; a keyword asked twice is one."""
    asked = about([*world.keywords, world.keywords[0]])
    rows, _ = read(asked)
    assert [r.subject for r in rows] == list(world.keywords)
    assert asked.meter.requests == len(world.keywords)


@pytest.mark.parametrize("known", [{}, LATER], ids=["sync", "deferred"])
def test_a_keyword_nobody_ranks_for(about: Question, known: dict[str, Any]) -> None:
    """Error 15 is an empty list, not a failure."""
    rows, found = read(about(["nobody ranks for this"], **known))
    assert [(r.status, r.payload["depth"], r.payload["results"]) for r in rows] == [(Status.OBSERVED, 0, [])]
    assert found == []


@settings(max_examples=40)
@given(total=st.integers(0, 60), depth=st.integers(1, 50), size=st.integers(1, 20))
def test_paging_loses_and_repeats_nothing(total: int, depth: int, size: int) -> None:
    """Whatever the length of the list, the depth and the size of a page: each result once, at its place."""
    urls = [f"https://a.example/{n}" for n in range(total)]

    def page(number: int) -> Any:
        shown = urls[number * size : (number + 1) * size]
        return page_of(listed(shown, number * size + 1) if shown else failing(15), number, size)

    found = [entry for fresh, _ in numbered(page, size, depth) for entry in fresh]
    assert [(e["position"], e["url"]) for e in found] == list(enumerate(urls[: -(-depth // size) * size], 1))


def test_deeper_lists_take_more_pages(about: Question) -> None:
    """250 results are three pages, numbered from 0, and places go on."""
    asked: list[str] = []

    def handler(_: Request, body: Any) -> Any:
        asked.append(body["query"]["page"])
        number = int(asked[-1])
        return listed([f"https://a.example/{number * 100 + n}" for n in range(100)], number * 100 + 1)

    with scripted(handler) as address:
        _, found = read(about(["kettle"], base_url=address, depth=250))
    assert asked == ["0", "1", "2"]
    assert [(r.position, r.url) for r in found] == [(n + 1, f"https://a.example/{n}") for n in range(300)]


@pytest.mark.parametrize(("first", "places"), [(1, [1, 3]), (None, [1, 3]), (6, [6, 8])])
def test_places_follow_the_first_of_the_page(about: Question, first: int | None, places: list[int]) -> None:
    """A place is the page's first plus the index of the group; a group without an address keeps its place."""
    answer = listed(["https://a.example/", None, "https://b.example/"], first)
    with scripted(lambda *_: answer) as address:
        _, found = read(about(["kettle"], base_url=address))
    assert [r.position for r in found] == places


def test_what_is_sent(about: Question) -> None:
    """The documented question: numbers as text, flat groups, no correction of typing errors."""
    asked = about([], search_type="RU", region="213", depth=30, notices="RU")
    assert question(asked, "синий чайник", 2) == {
        "query": {
            "searchType": "SEARCH_TYPE_RU",
            "queryText": "синий чайник",
            "familyMode": "FAMILY_MODE_NONE",
            "fixTypoMode": "FIX_TYPO_MODE_OFF",
            "page": "2",
        },
        "groupSpec": {"groupMode": "GROUP_MODE_FLAT", "groupsOnPage": "30", "docsInGroup": "1"},
        "l10n": "LOCALIZATION_RU",
        "responseFormat": "FORMAT_XML",
        "region": "213",
        "folderId": twin.FOLDER,
    }
    assert "region" not in question(about([]), "x", 0)


def test_a_misspelt_keyword_is_asked_as_it_is(about: Question, sandbox: str, world: World) -> None:
    """Yandex would answer for another word; we ask for this one, and refuse a list that says it is another's."""
    misspelt = next(k for k in world.keywords if "kettle" in k).replace("kettle", "kettel")
    _, found = read(about([misspelt]))
    assert found == []
    body = {"query": {"searchType": "SEARCH_TYPE_COM", "queryText": misspelt}, "folderId": twin.FOLDER}
    address, headers = f"{sandbox}/{DAY}/{NAME}/v2/web/search", {"Authorization": "Api-Key k"}
    corrected = httpx.post(address, json=body, headers=headers).json()
    with pytest.raises(errors.BadAnswer, match="another question"):
        page_of(corrected, 0, 20)


def test_nothing_of_people_is_kept(about: Question, world: World) -> None:
    """Titles are served and not stored; neither is the key."""
    asked = about(world.keywords[:1])
    body = question(asked, world.keywords[0], 0)
    served = httpx.post(f"{asked.base_url}/v2/web/search", json=body, headers={"Authorization": "Api-Key k"}).json()
    assert b"Somebody" in base64.b64decode(served["rawData"])
    for known in ({}, LATER):
        kept = str(raw_table(list(STREAM.fetch(about(world.keywords, **known)))).to_pydict())
        assert "omebody" not in kept
        assert KEY not in kept


# --- deferred --------------------------------------------------------------------------------------------------------


def test_deferred_answers_are_asked_for_in_rounds(about: Question, world: World) -> None:
    """All keywords are handed in, then asked for until they are ready; each is asked for twice at the twin."""
    asked = about(world.keywords, **LATER, api_key="first-key")
    rows, _ = read(asked)
    assert {r.status for r in rows} == {Status.OBSERVED}
    assert asked.meter.requests == 3 * len(world.keywords)


def test_between_rounds_there_is_a_pause(about: Question, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pause of the settings stands before every round."""
    slept: list[float] = []
    monkeypatch.setattr("connectors.rankings.yandex.time.sleep", slept.append)
    read(about(world.keywords, mode="deferred", poll_seconds=45, api_key="second-key"))
    assert slept == [45, 45]


def test_what_is_not_ready_in_time_has_failed(about: Question, world: World) -> None:
    """After the last round each keyword that is not ready says so, and those that are ready are read."""
    rows, _ = read(about(world.keywords, **LATER, polls=1, api_key="third-key"))
    assert {str(r.error)[:52] for r in rows} == {"Unavailable: the deferred answer was not ready in ti"}
    assert {r.subject for r in rows} == set(world.keywords)

    def handler(request: Request, body: Any) -> Any:
        if body:
            return {"id": body["query"]["queryText"], "done": False}
        is_ready = request.url.path.endswith("/e")
        return {"done": is_ready, "response": listed(["https://a.example/"])}

    with scripted(handler) as address:
        rows, found = read(about("abcde", **LATER, base_url=address, polls=2))
    assert [r.keyword for r in found] == ["e"]
    assert sorted(r.subject for r in rows if r.status is Status.FAILED) == ["a", "b", "c", "d"]


def test_a_round_that_fails_is_not_the_last_word(about: Question, world: World) -> None:
    """An outage while waiting costs a round, not the answers that are paid for."""
    down = iter([503] * 40)

    def handler(request: Request, body: Any) -> Any:
        if body:
            return {"id": body["query"]["queryText"], "done": False}
        if status := next(down, None):
            return Response(status_code=status)
        return {"done": True, "response": listed(["https://a.example/"])}

    with scripted(handler) as address:
        rows, found = read(about(world.keywords, **LATER, base_url=address, retries=1, concurrency=1))
    assert {r.keyword for r in found} == set(world.keywords)
    assert {r.status for r in rows} == {Status.OBSERVED}
    assert next(down, None) is None


def test_deferred_pages_are_put_together(about: Question) -> None:
    """Each page is an operation; the list waits for all of them."""

    def handler(request: Request, body: Any) -> Any:
        if body:
            return {"id": f"op{body['query']['page']}"}
        number = int(request.url.path[-1])
        urls = [f"https://a.example/{number * 100 + n}" for n in range(100)]
        return {"done": True, "response": listed(urls, number * 100 + 1)}

    with scripted(handler) as address:
        _, found = read(about(["kettle"], **LATER, base_url=address, depth=200))
    assert [r.position for r in found] == list(range(1, 201))


@pytest.mark.parametrize(
    ("done", "kind"),
    [
        ({"error": {"code": 13, "message": "Words."}}, "Unavailable"),
        ({"error": {"code": 7, "message": "Words."}}, "NotPermitted"),
        ({"error": {}}, "BadAnswer"),
        ({"response": {}}, "BadAnswer"),
        ({"response": failing(42)}, "AuthError"),
    ],
)
def test_operations_that_failed(about: Question, done: dict[str, Any], kind: str) -> None:
    """An operation ends in an error of its own, in none, or in a document with one."""
    with scripted(lambda _, body: {"id": "x"} if body else {"done": True, **done}) as address:
        rows, _ = read(about(["kettle"], **LATER, base_url=address, polls=2, retries=0))
    assert [str(r.error).partition(":")[0] for r in rows] == [kind]


def test_where_operations_are_asked_for(about: Question) -> None:
    """At the documented host, or below base_url where that was changed, or where the settings say."""
    paths: list[str] = []

    def handler(request: Request, body: Any) -> Any:
        paths.append(request.url.path)
        return {"id": "x"} if body else {"done": True, "response": listed(["https://a.example/"])}

    with scripted(handler) as address:
        read(about(["kettle"], **LATER, base_url=f"{address}/search"))
        read(about(["kettle"], **LATER, base_url=f"{address}/search", operations_url=f"{address}/ops/{{day}}"))
    assert paths == [
        "/search/v2/web/searchAsync", "/search/operations/x",
        "/search/v2/web/searchAsync", "/ops/2026-10-14/operations/x",
    ]  # fmt: skip


# --- money -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "usd"),
    [
        ({}, 0.004),
        (LATER, 0.00025),
        ({"depth": 250}, 0.012),
        ({"depth": 101, "usd_per_1000_sync": 3.0}, 0.006),
    ],
)
def test_the_estimate_is_what_is_spent(about: Question, world: World, known: dict[str, Any], usd: float) -> None:
    """A day costs at most the estimate; lists that end early cost less when asked at once."""
    asked = about(world.keywords, **known)
    assert STREAM.usd is not None
    assert STREAM.usd(asked.settings, 1000) == pytest.approx(1000 * usd)
    read(asked)
    pages = 1 if asked.settings.mode == "sync" else -(-asked.settings.depth // 100)
    assert asked.meter.usd == pytest.approx(len(world.keywords) * asked.settings.usd * pages)


def test_the_budget_ends_the_run(about: Question, world: World) -> None:
    """Where the budget ends nothing more is asked, and the rest says why."""
    for known in ({"usd_per_1000_sync": 4.0}, LATER | {"usd_per_1000_deferred": 4.0}):
        asked = about(world.keywords, Meter(left_usd=0.0085), concurrency=1, **known)
        rows, found = read(asked)
        assert len({r.keyword for r in found}) == 2
        assert asked.meter.usd == pytest.approx(0.008)
        bad = [r for r in rows if r.status is Status.FAILED]
        assert {str(r.error).partition(":")[0] for r in bad} == {"BudgetSpent"}
        assert len(bad) == len(world.keywords) - 2


def test_money_is_spent_before_the_question(about: Question) -> None:
    """The ledger knows of a question before it is sent, and not of its retries."""
    seen: list[tuple[str, float]] = []
    asked = about(["kettle"])

    def handler(*_: Any) -> Any:
        seen.append(("asked", asked.meter.usd))
        return Response(status_code=503) if len(seen) < 3 else listed(["https://a.example/"])

    with scripted(handler) as address:
        asked = about(["kettle"], Meter(1.0), base_url=address)
        read(asked)
    assert seen == [("asked", 0.004)] * 3
    assert asked.meter.usd == pytest.approx(0.004)


def test_refusals_cost_nothing(about: Question, world: World) -> None:
    """What the service refuses is taken back."""
    for key in ("expired-key", "norole-key", "spent-key"):
        asked = about(world.keywords, api_key=key, concurrency=1)
        read(asked)
        assert asked.meter.usd == pytest.approx(0)


def test_a_keyword_that_is_too_long_is_not_asked(about: Question) -> None:
    """401 characters are refused before anything is paid."""
    asked = about(["x" * 401])
    rows, _ = read(asked)
    assert str(rows[0].error).startswith("BadRequest: a keyword may have 400")
    assert (asked.meter.requests, asked.meter.usd) == (0, 0)


# --- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (1, errors.BadRequest), (2, errors.BadRequest), (18, errors.BadRequest), (19, errors.BadRequest),
        (37, errors.BadRequest), (10002, errors.BadRequest), (20, errors.Unavailable), (31, errors.ConfigurationError),
        (33, errors.ConfigurationError), (44, errors.ConfigurationError), (48, errors.ConfigurationError),
        (32, errors.QuotaExhausted), (42, errors.AuthError), (55, errors.RateLimited), (100, errors.NotPermitted),
        (777, errors.BadRequest),
    ],
)  # fmt: skip
def test_errors_inside_good_answers(code: int, kind: type[errors.SourceError]) -> None:
    """Each documented code has its class, in an answer at once and in an operation's."""
    for body in (failing(code), {"done": True, "response": failing(code)}):
        error = yandex_error(Answer(NAME, 200, {}, json.dumps(body)))
        assert type(error) is kind
        assert error.message == f"error {code}: Words."


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, 3, errors.BadRequest), (401, 16, errors.AuthError), (403, 7, errors.NotPermitted),
        (404, 5, errors.Gone), (429, 8, errors.RateLimited), (400, 9, errors.ConfigurationError),
        (500, 13, errors.Unavailable), (503, 14, errors.Unavailable), (504, 4, errors.Unavailable),
        (402, None, errors.WalletEmpty), (401, None, errors.AuthError), (403, None, errors.NotPermitted),
        (429, None, errors.RateLimited), (500, None, errors.Unavailable),
    ],
)  # fmt: skip
def test_every_documented_error_has_its_class(status: int, code: int | None, kind: type[errors.SourceError]) -> None:
    """The gRPC code decides where there is one, else the status."""
    body = json.dumps({"code": code, "message": "Words.", "details": []}) if code else ""
    error = yandex_error(Answer(NAME, status, {}, body))
    assert type(error) is kind
    assert code is None or "Words." in error.message


def test_good_answers_are_no_errors() -> None:
    """Lists, empty lists, and operations that are not done, are none."""
    for body in (listed(["https://a.example/"]), failing(15), {"id": "x", "done": False}, {"done": True}):
        assert yandex_error(Answer(NAME, 200, {}, json.dumps(body))) is None


@pytest.mark.parametrize(
    ("key", "kind"), [("expired-key", "AuthError"), ("norole-key", "NotPermitted"), ("spent-key", "QuotaExhausted")]
)
def test_refusals_end_the_run(about: Question, world: World, key: str, kind: str) -> None:
    """What is refused for one keyword is refused for all: one question, no secret in the words."""
    for known in ({}, LATER):
        asked = about(world.keywords, api_key=key, concurrency=1, **known)
        rows, _ = read(asked)
        assert {str(r.error).partition(":")[0] for r in rows} == {kind}
        assert {r.subject for r in rows} == set(world.keywords)
        assert key not in repr(rows)
        assert asked.meter.requests == 1 or (known and kind == "QuotaExhausted")


def test_too_fast_is_tried_again(about: Question, world: World) -> None:
    """Error 55 in a good answer is a matter of a moment."""
    asked = about(world.keywords, api_key="hurried-key", concurrency=1)
    rows, _ = read(asked)
    assert {r.status for r in rows} == {Status.OBSERVED}
    assert asked.meter.requests == len(world.keywords) + 1


@pytest.mark.parametrize("known", [{}, LATER], ids=["sync", "deferred"])
def test_a_renamed_document_is_a_bad_answer(about: Question, fault: Any, world: World, known: dict[str, Any]) -> None:
    """Without `rawData` a list has failed, instead of being empty."""
    fault(NAME, "rename:rawData")
    rows, _ = read(about(world.keywords[:2], **known))
    assert [str(r.error).partition(":")[0] for r in rows] == ["BadAnswer"] * 2


@pytest.mark.parametrize(
    "answer",
    [
        {"rawData": "no base64!"},
        {"rawData": base64.b64encode(b"no xml").decode()},
        {"rawData": base64.b64encode(b"<!DOCTYPE x [<!ENTITY a 'b'>]><yandexsearch>&a;</yandexsearch>").decode()},
        {"rawData": 7},
        {"rawData": None},
        {},
        [],
        None,
        wrapped("<request/>"),
        wrapped("<response><found>3</found></response>"),
        listed([None, None]),
    ],
)
def test_other_documents_are_bad_answers(answer: Any) -> None:
    """What is no list of results is no answer."""
    with pytest.raises(errors.BadAnswer):
        page_of(answer, 0, 100)


def test_one_keyword_that_fails_stops_no_other(about: Question) -> None:
    """A wrong question is a failed row of its keyword."""

    def handler(_: Request, body: Any) -> Any:
        return failing(1) if body["query"]["queryText"] == "//" else listed(["https://a.example/"])

    with scripted(handler) as address:
        rows, found = read(about(["//", "kettle"], base_url=address))
    assert [(r.subject, r.status) for r in rows] == [("//", Status.FAILED), ("kettle", Status.OBSERVED)]
    assert [r.keyword for r in found] == ["kettle"]


def test_a_key_or_a_token(about: Question, ask: Question, world: World) -> None:
    """An IAM token goes before the key and needs a folder."""
    sent: list[str | None] = []

    def handler(request: Request, _: Any) -> Any:
        sent.append(request.headers.get("authorization"))
        return listed(["https://a.example/"])

    with scripted(handler) as address:
        read(about(["x"], base_url=address))
        read(about(["x"], base_url=address, token="t1.iam"))
    assert sent == [f"Api-Key {KEY}", "Bearer t1.iam"]
    known: list[dict[str, str]] = [{}, {"api_key": "k"}, {"token": "t"}, {"token": "t", "folder_id": "f"}]
    assert [ask(CONNECTOR, **k).settings.missing() for k in known] == [
        ("TALLYRANK_YANDEX_API_KEY",), (), ("TALLYRANK_YANDEX_FOLDER_ID",), ()
    ]  # fmt: skip
    rows, _ = read(about(world.keywords[:1], token="t1.iam", folder_id="another"))
    assert str(rows[0].error).startswith("BadRequest: HTTP 400, code 3")


# --- the twin --------------------------------------------------------------------------------------------------------


class TestTwin:
    """The twin refuses what Yandex refuses."""

    def put(self, sandbox: str, path: str = "v2/web/search", **more: Any) -> httpx.Response:
        """A question put to the twin directly."""
        query = {"searchType": "SEARCH_TYPE_COM", "queryText": "kettle"} | more.pop("query", {})
        body = {"query": query, "folderId": twin.FOLDER} | more
        return httpx.post(f"{sandbox}/{DAY}/{NAME}/{path}", json=body, headers={"Authorization": "Api-Key k"})

    @pytest.mark.parametrize(
        "wrong",
        [
            {"query": {"queryText": "x" * 401}},
            {"query": {"searchType": ""}},
            {"query": {"page": "-1"}},
            {"groupSpec": {"groupsOnPage": "101"}},
            {"groupSpec": {"groupsOnPage": "0"}},
            {"responseFormat": "FORMAT_HTML"},
        ],
    )
    def test_wrong_questions(self, sandbox: str, wrong: dict[str, Any]) -> None:
        """Out of range or unknown: 400 with gRPC code 3."""
        for path in ("v2/web/search", "v2/web/searchAsync"):
            answer = self.put(sandbox, path, **wrong)
            assert (answer.status_code, answer.json()["code"]) == (400, 3)

    def test_other_refusals(self, sandbox: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """No key, unknown operations, too many questions."""
        base = f"{sandbox}/{DAY}/{NAME}"
        assert httpx.post(f"{base}/v2/web/search", json={}).status_code == 401
        headers = {"Authorization": "Api-Key k"}
        assert httpx.get(f"{base}/operations/nothing", headers=headers).status_code == 404
        monkeypatch.setattr(twin, "PER_SECOND", 0)
        assert (self.put(sandbox).status_code, self.put(sandbox).json()["code"]) == (429, 8)

    def test_pages_are_told(self, sandbox: str, world: World) -> None:
        """A page of seven says its first and last place."""
        spec = {"groupsOnPage": "7"}
        answer = self.put(sandbox, query={"queryText": world.keywords[0], "page": "1"}, groupSpec=spec).json()
        document = base64.b64decode(answer["rawData"]).decode()
        assert '<page first="8" last="14">1</page>' in document
        assert document.count("<group>") == 7
