"""DataForSEO against its twin: the queue and its waits, paying once, elements and places, codes inside a 200."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from connectors.base import Ask, Meter, parse_all
from connectors.errors import (
    AuthError,
    BadAnswer,
    BadRequest,
    Gone,
    NotPermitted,
    QuotaExhausted,
    RateLimited,
    SourceError,
    Unavailable,
    WalletEmpty,
)
from connectors.http import Answer
from connectors.rankings import dataforseo as module
from connectors.rankings.dataforseo import CONNECTOR, ROOT, dataforseo_error, listed, parse, row_of, tag_of, task_for
from connectors.records import Ranking, RankKind, Raw, Status
from connectors.sandbox.dataforseo import elements
from connectors.sandbox.faults import Fault, Faults
from connectors.sandbox.server import build_app, running
from connectors.sandbox.world import World
from tests.conftest import DAY

STREAM = CONNECTOR.stream("organic")
PASSWORD = "p4ssword-very-secret"
QUEUES = ("standard", "priority", "live")


@pytest.fixture
def put(ask: Callable[..., Ask]) -> Callable[..., Ask]:
    """A question about keywords by a login of its own: put("tea", queue="live")."""
    n = iter(range(99))

    def make(*keywords: str, meter: Meter | None = None, **settings: Any) -> Ask:
        known = {"login": f"{next(n)}@a.example", "password": PASSWORD, "concurrency": 1}
        return replace(ask(CONNECTOR, **known | settings), keywords=keywords, meter=meter or Meter())

    return make


def read(question: Ask) -> tuple[list[Raw], list[Ranking]]:
    """The stream's rows and rankings."""
    rows = list(STREAM.fetch(question))
    return rows, parse_all(CONNECTOR, STREAM, rows)  # type: ignore[return-value]


def kinds(rows: list[Raw]) -> list[str]:
    """The class of each row's error; empty where there is none."""
    return [(r.error or "").partition(":")[0] for r in rows]


@contextmanager
def watched(world: World, *faults: Fault, before: Callable[[Request], Response | None] | None = None) -> Iterator[Any]:
    """A sandbox of its own, with the paths it was asked for; `before` may answer instead of the twin."""
    app, asked = build_app(world, speed=1e6, faults=Faults(active=list(faults))), list[str]()

    async def outer(scope: Any, receive: Any, send: Any) -> None:
        asked.append(scope.get("path", "").rpartition("organic/")[2])
        answer = before(Request(scope)) if before else None
        await (answer or app)(scope, receive, send)

    with running(outer) as address:  # type: ignore[arg-type]
        yield f"{address}/{{day}}/dataforseo", asked


def task(code: int = 20000, items: Any = (), **more: Any) -> dict[str, Any]:
    """A task with its result, written by hand."""
    return {"id": "1", "status_code": code, "result": [{"items": list(items) if items is not None else None} | more]}


def organic(rank: Any, url: Any = "https://a.example/", **more: Any) -> dict[str, Any]:
    """An organic element, written by hand."""
    return {"type": "organic", "rank_group": rank, "rank_absolute": rank, "position": "left", "url": url} | more


class TestLists:
    """What is read."""

    @pytest.mark.parametrize("queue", QUEUES)
    @pytest.mark.parametrize(("depth", "reach"), [(5, 5), (10, 10), (20, 20), (100, 20)])
    def test_places_are_those_of_the_world(self, put: Any, world: World, queue: str, depth: int, reach: int) -> None:
        """Each keyword's list is the world's, by queue or at once; the depth is how far it went."""
        _, found = read(put(*world.keywords, queue=queue, depth=depth))
        for keyword in world.keywords:
            truth = world.results(keyword, DAY)[:reach]
            assert [(r.url, r.position) for r in found if r.keyword == keyword] == [
                (p.url, float(n)) for n, p in enumerate(truth, 1)
            ]
        assert {(r.depth, r.rank_kind) for r in found} == {(reach, RankKind.ORGANIC)}

    def test_a_ranking_says_what_was_asked(self, put: Any, world: World) -> None:
        """Country, language and device are those of the question, at the moment of reading."""
        question = put(world.keywords[0], country="DE", language="de", device="mobile", location_code=2276, os="ios")
        rows, found = read(question)
        facts = {(r.engine, r.country, r.language, r.device, r.source, r.ranked_at) for r in found}
        assert facts == {("google", "de", "de", "mobile", "dataforseo", question.observed_at)}
        assert (rows[0].payload["location"], rows[0].payload["cost_usd"]) == (2276, 0.0006)

    def test_absolute_places_only_when_asked(self, put: Any, world: World) -> None:
        """With the setting on, every address of the left column has its place among all elements, as a kind of its
        own; those inside others stand where these stand, and the right column is left out.
        """
        [plain, more] = [read(put(world.keywords[0], absolute_ranks=on))[1] for on in (False, True)]
        assert [r for r in more if r.rank_kind is RankKind.ORGANIC] == plain
        absolute = {r.url: r.position for r in more if r.rank_kind is RankKind.ABSOLUTE}
        urls = [p.url for p in world.results(world.keywords[0], DAY)[:10]]
        expected = {url: n + (3 if n <= 3 else 4) - 1 for n, url in enumerate(urls, 1)}
        expected |= {urls[-1]: 1, "https://www.reddit.com/r/a/comments/1abc/": 6, "https://x.com/a/status/1": 6}
        assert absolute == expected
        assert {r.depth for r in more if r.rank_kind is RankKind.ABSOLUTE} == {13}

    def test_nothing_of_people_is_kept(self, put: Any, world: World) -> None:
        """No titles, descriptions, authors; and neither login nor password."""
        rows, _ = read(put(*world.keywords, absolute_ranks=True, login="who@a.example"))
        assert "nvented" not in repr(rows)
        assert "who@a.example" not in repr(rows)
        assert PASSWORD not in repr(rows)

    @pytest.mark.parametrize("queue", QUEUES)
    def test_nothing_found_is_an_empty_list(self, put: Any, queue: str) -> None:
        """Code 40102: looked at 0 results, no failure."""
        rows, found = read(put("words that nobody wrote", queue=queue))
        assert [(r.status, r.payload["depth"], r.payload["results"]) for r in rows] == [(Status.OBSERVED, 0, [])]
        assert found == []

    @pytest.mark.parametrize("queue", QUEUES)
    def test_a_task_that_fails_leaves_the_others(self, put: Any, world: World, queue: str) -> None:
        """Codes are per task, inside a 200: only that keyword fails, and the order of the keywords is kept."""
        keywords = [world.keywords[0], "engine error", "x" * 701, "elsewhere", world.keywords[1]]
        rows, _ = read(put(*keywords, queue=queue, retries=1))
        assert [r.subject for r in rows] == keywords
        assert kinds(rows) == ["", "Unavailable", "BadRequest", "Gone", ""]

    @pytest.mark.parametrize("keyword", ["50% off", "c++", "a%2Bb", "日本語"])
    def test_signs_of_a_keyword_are_written_as_the_service_asks(self, put: Any, keyword: str) -> None:
        """Percent and plus have codes of their own; the row has the keyword as it was asked for."""
        question = put(keyword)
        sent = task_for(question, keyword)["keyword"]
        assert "+" not in sent
        assert sent.replace("%2B", "+").replace("%25", "%") == keyword
        assert [r.subject for r in read(question)[0]] == [keyword]

    def test_no_question_no_request(self, put: Any) -> None:
        """Nothing asked, nothing sent, nothing spent."""
        for queue in QUEUES:
            question = put(queue=queue)
            assert read(question) == ([], [])
            assert (question.meter.requests, question.meter.usd) == (0, 0)


class TestTasks:
    """What is asked."""

    def test_a_task_says_where_and_how(self, put: Any) -> None:
        """A place by code or by name, priority by queue, nothing that is empty, and a tag."""
        plain = task_for(put("tea"), "tea")
        known = {"keyword": "tea", "language_code": "en", "device": "desktop", "depth": 10, "priority": 1}
        assert plain == known | {"location_code": 2840, "tag": plain["tag"]}
        other = task_for(put("tea", queue="priority", location_name="Berlin,Germany", os="macos", depth=30), "tea")
        known |= {"priority": 2, "location_name": "Berlin,Germany", "os": "macos", "depth": 30}
        assert other == known | {"tag": other["tag"]}
        assert "priority" not in task_for(put("tea", queue="live"), "tea")

    def test_a_tag_stands_for_the_day_and_the_question(self, put: Any) -> None:
        """The same in another run of the day; another one for another day, keyword or setting; short enough."""
        question = put("tea")
        tags = [tag_of(put("tea"), "tea"), tag_of(put("tea", queue="priority"), "tea"), tag_of(question, "tea")]
        assert len(set(tags)) == 1
        others = [tag_of(question, "tee"), tag_of(replace(question, day=DAY.replace(day=1)), "tea")]
        others += [
            tag_of(put("tea", **{k: v}), "tea") for k, v in {"depth": 20, "language": "de", "os": "macos"}.items()
        ]
        assert len({*tags, *others}) == 6
        assert len(tags[0]) <= 255

    @pytest.mark.parametrize(("n", "posts"), [(1, 1), (100, 1), (101, 2), (250, 3)])
    def test_a_hundred_tasks_go_into_a_post(self, put: Any, world: World, n: int, posts: int) -> None:
        """No more, and each keyword is posted once."""
        with watched(world) as (address, asked):
            rows, _ = read(put(*(f"nobody {i}" for i in range(n)), base_url=address))
        counted = Counter(path.partition("/")[0] for path in asked)
        assert (len(rows), counted["task_post"], counted["task_get"]) == (n, posts, n)
        assert set(kinds(rows)) == {""}


class TestQueue:
    """Waiting, and paying once."""

    def test_lists_are_waited_for(self, put: Any, world: World, monkeypatch: Any) -> None:
        """Asked first for what is ready already, then after waits that double up to the longest."""
        slept: list[float] = []
        monkeypatch.setattr(module, "sleep", slept.append)
        with watched(world) as (address, asked):
            question = put(world.keywords[0], base_url=address, poll_seconds=3)
            question = replace(question, settings=question.settings.model_copy(update={"retry_wait_seconds": 1.0}))
            rows, _ = read(question)
        assert kinds(rows) == [""]
        ready = ["tasks_ready"] * 4
        assert [path.partition("/")[0] for path in asked] == ["tasks_ready", "task_post", *ready, "task_get"]
        assert slept == [1, 2, 3, 3]

    def test_a_task_handed_over_is_waited_for(self, put: Any, world: World, monkeypatch: Any) -> None:
        """Asked by id too early, 40602 and 40601 are no failures: it is asked again later."""
        monkeypatch.setattr(module, "ASK_ANYWAY", 1)
        with watched(world) as (address, asked):
            rows, _ = read(put(world.keywords[0], base_url=address))
        assert kinds(rows) == [""]
        assert sum(path.startswith("task_get") for path in asked) > 1

    def test_tasks_that_are_never_listed_are_fetched_by_their_id(self, put: Any, world: World) -> None:
        """The list of ready tasks holds 1,000 ids and may miss ours: now and then all are asked for by id."""
        empty = {"status_code": 20000, "tasks": [{"status_code": 20000, "result": None}]}

        def before(request: Request) -> Response | None:
            return JSONResponse(empty) if request.url.path.endswith("tasks_ready") else None

        with watched(world, before=before) as (address, asked):
            rows, _ = read(put(world.keywords[0], base_url=address, polls=40))
        assert kinds(rows) == [""]
        assert sum(path.startswith("task_get") for path in asked) == 4  # queued twice, handed over, done

    def test_the_longest_wait_ends(self, put: Any, world: World) -> None:
        """A list that never becomes ready is a failed row after so many questions, and stays booked."""
        with watched(world) as (address, asked):
            question = put(*world.keywords[:2], base_url=address, password="slow", polls=3)
            rows, _ = read(question)
        assert kinds(rows) == ["Unavailable"] * 2
        assert "not ready after 3 questions" in (rows[0].error or "")
        assert asked == ["tasks_ready", "task_post", *["tasks_ready"] * 3]
        assert question.meter.usd == pytest.approx(0.0012)

    def test_what_an_earlier_run_posted_is_not_posted_again(self, put: Any, world: World) -> None:
        """A run that gave up; the next one of the day fetches its tasks and pays for the new keyword alone."""
        with watched(world) as (address, asked):
            same = {"base_url": address, "login": "same@a.example"}
            first, _ = read(put(*world.keywords[:2], polls=1, **same))
            for _ in range(3):
                httpx.get(f"{address.format(day=DAY)}{ROOT}/tasks_ready", auth=("same@a.example", PASSWORD))
            asked.clear()
            question = put(*world.keywords[:3], **same)
            second, found = read(question)
        assert kinds(first) == ["Unavailable"] * 2
        assert kinds(second) == [""] * 3
        assert question.meter.usd == pytest.approx(0.0006)
        assert [path.partition("/")[0] for path in asked[:4]] == ["tasks_ready", "task_post", "task_get", "task_get"]
        assert {r.keyword for r in found} == set(world.keywords[:3])

    @pytest.mark.parametrize("kind", ["lost", "unreadable", "nameless"])
    def test_a_post_whose_answer_is_lost_is_not_repeated(self, put: Any, world: World, kind: str) -> None:
        """The tasks were accepted: they are found by their tags, and paid for once."""
        app = build_app(world, speed=1e6)
        posts: list[int] = []

        async def outer(scope: Any, receive: Any, send: Any) -> None:
            if not scope.get("path", "").endswith("task_post"):
                return await app(scope, receive, send)
            posts.append(1)
            swallowed: list[Any] = []

            async def swallow(message: Any) -> None:
                swallowed.append(message)

            await app(scope, receive, swallow)
            nameless = {"status_code": 20000, "tasks": [{"id": "7", "status_code": 20100, "data": {}}]}
            answers = {
                "lost": Response(status_code=502),
                "unreadable": Response("<html>"),
                "nameless": JSONResponse(nameless),
            }
            return await answers[kind](scope, receive, send)

        with running(outer) as address:  # type: ignore[arg-type]
            question = put(*world.keywords, base_url=f"{address}/{{day}}/dataforseo")
            rows, found = read(question)
        assert (kinds(rows), len(posts)) == ([""] * 6, 1)
        assert question.meter.usd == pytest.approx(6 * 0.0006)
        assert {r.keyword for r in found} == set(world.keywords)

    def test_a_post_that_never_arrived_is_told(self, put: Any, world: World) -> None:
        """Its tags never appear: failed rows that say that it may not have been accepted."""

        def before(request: Request) -> Response | None:
            return Response(status_code=503) if request.url.path.endswith("task_post") else None

        with watched(world, before=before) as (address, asked):
            rows, _ = read(put(*world.keywords[:2], base_url=address, polls=3))
        assert kinds(rows) == ["Unavailable"] * 2
        assert "may not have been accepted: HTTP 503" in (rows[0].error or "")
        assert asked.count("task_post") == 1

    def test_an_outage_between_two_looks_is_waited_out(self, put: Any, world: World) -> None:
        """Tasks that are paid for are not given up because the service is away for a while."""
        looks: list[int] = []

        def before(request: Request) -> Response | None:
            if request.url.path.endswith("tasks_ready"):
                looks.append(1)
            return Response(status_code=503) if 2 <= len(looks) <= 7 and "tasks_ready" in request.url.path else None

        with watched(world, before=before) as (address, _):
            rows, _ = read(put(world.keywords[0], base_url=address, retries=1))
        assert kinds(rows) == [""]

    @pytest.mark.parametrize(("failures", "expected"), [(9, ""), (10**6, "Unavailable")])
    def test_an_outage_while_fetching_is_waited_out(self, put: Any, world: World, failures: int, expected: str) -> None:
        """Lists that are ready and cannot be fetched stay wanted until the last look, and are posted once."""
        fetches: list[int] = []

        def before(request: Request) -> Response | None:
            if "task_get" not in request.url.path:
                return None
            fetches.append(1)
            return Response(status_code=503) if len(fetches) <= failures else None

        with watched(world, before=before) as (address, asked):
            rows, _ = read(put(*world.keywords, base_url=address, retries=0, polls=12))
        assert (kinds(rows), asked.count("task_post")) == ([expected] * len(world.keywords), 1)

    def test_a_refusal_between_two_looks_ends_the_wait(self, put: Any, world: World) -> None:
        """A password that is changed meanwhile: failed at once with its class."""
        looks: list[int] = []

        def before(request: Request) -> Response | None:
            looks.append(1)
            return Response(status_code=401) if len(looks) > 2 else None

        with watched(world, before=before) as (address, asked):
            rows, _ = read(put(*world.keywords[:2], base_url=address))
        assert kinds(rows) == ["AuthError"] * 2
        assert len(asked) == 3


class TestMoney:
    """Prices, cost, budget."""

    @pytest.mark.parametrize(("queue", "depth", "usd"), [
        ("standard", 10, 0.60), ("priority", 10, 1.20), ("live", 10, 2.00),
        ("standard", 11, 1.05), ("standard", 100, 4.65), ("live", 100, 15.50),
    ])  # fmt: skip
    def test_a_thousand_lists_cost_what_the_table_says(self, put: Any, queue: str, depth: int, usd: float) -> None:
        """Further pages of ten cost three quarters of the first."""
        assert STREAM.usd is not None
        assert STREAM.usd(put(queue=queue, depth=depth).settings, 1000) == pytest.approx(usd)

    @pytest.mark.parametrize("queue", QUEUES)
    @pytest.mark.parametrize("depth", [10, 20])
    def test_the_cost_told_is_what_is_booked(self, put: Any, world: World, queue: str, depth: int) -> None:
        """A price in the settings that is wrong is corrected by the reply; what was refused costs nothing."""
        wrong = {f"usd_{name}": 0.5 for name in QUEUES}
        question = put(*world.keywords[:2], "x" * 701, queue=queue, depth=depth, **wrong)
        rows, _ = read(question)
        right = {"standard": 0.0006, "priority": 0.0012, "live": 0.002}[queue] * (1 if depth == 10 else 1.75)
        assert question.meter.usd == pytest.approx(2 * right)
        assert [r.payload["cost_usd"] for r in rows[:2]] == [pytest.approx(right)] * 2

    @pytest.mark.parametrize("queue", QUEUES)
    def test_the_budget_ends_the_questions(self, put: Any, world: World, queue: str) -> None:
        """As many keywords as it covers are asked, the others fail in words."""
        price = {"standard": 0.0006, "priority": 0.0012, "live": 0.002}[queue]
        rows, _ = read(put(*world.keywords, queue=queue, meter=Meter(2.5 * price)))
        assert kinds(rows) == ["", ""] + ["BudgetSpent"] * (len(world.keywords) - 2)

    def test_a_budget_that_covers_nothing_posts_nothing(self, put: Any, world: World) -> None:
        """No empty post is made."""
        with watched(world) as (address, asked):
            rows, _ = read(put(*world.keywords, base_url=address, meter=Meter(0.0)))
        assert set(kinds(rows)) == {"BudgetSpent"}
        assert asked == ["tasks_ready"]

    def test_a_lost_answer_at_once_is_paid_for(self, put: Any, world: World) -> None:
        """The work was done: the second try is booked too."""
        with watched(world, Fault("dataforseo", "cut", 1)) as (address, asked):
            question = put(world.keywords[0], base_url=address, queue="live")
            rows, _ = read(question)
        assert (kinds(rows), asked) == ([""], ["live/advanced"] * 2)
        assert question.meter.usd == pytest.approx(0.004)


class TestErrors:
    """What each refusal is."""

    @pytest.mark.parametrize("queue", ["standard", "live"])
    @pytest.mark.parametrize(("password", "kind"), [
        ("wrong", AuthError), ("broke", WalletEmpty), ("poor", WalletEmpty), ("capped", QuotaExhausted),
    ])  # fmt: skip
    def test_a_sign_in_that_is_refused(
        self, put: Any, world: World, queue: str, password: str, kind: type[SourceError]
    ) -> None:
        """Asked once, never tried again, and nothing is spent."""
        question = put(*world.keywords, queue=queue, password=password)
        rows, found = read(question)
        assert kinds(rows) == [kind.__name__] * len(world.keywords)
        assert (question.meter.requests, question.meter.usd, found) == (1, pytest.approx(0), [])

    def test_no_money_at_the_post_is_no_doubt(self, put: Any, world: World) -> None:
        """A refused post was not accepted: failed at once, the money is back."""

        def before(request: Request) -> Response | None:
            refused = {"status_code": 40210, "status_message": "Insufficient Funds.", "tasks": None}
            return JSONResponse(refused) if request.url.path.endswith("task_post") else None

        with watched(world, before=before) as (address, asked):
            question = put(*world.keywords, base_url=address)
            rows, _ = read(question)
        assert kinds(rows) == ["WalletEmpty"] * len(world.keywords)
        assert asked == ["tasks_ready", "task_post"]
        assert question.meter.usd == pytest.approx(0)

    @pytest.mark.parametrize("queue", ["standard", "live"])
    def test_too_fast_is_tried_again(self, put: Any, world: World, queue: str) -> None:
        """Code 40202 inside a 200 is waited out, and what was refused is not booked."""
        question = put(world.keywords[0], queue=queue, password=f"hurried-{queue}")
        rows, _ = read(question)
        assert kinds(rows) == [""]
        assert question.meter.usd == pytest.approx({"standard": 0.0006, "live": 0.002}[queue])

    @pytest.mark.parametrize(
        ("status", "code", "kind"),
        [
            (200, 40100, AuthError),
            (200, 40101, Unavailable),
            (200, 40104, AuthError),
            (200, 40200, WalletEmpty),
            (200, 40202, RateLimited),
            (200, 40203, QuotaExhausted),
            (200, 40204, NotPermitted),
            (200, 40205, BadRequest),
            (200, 40210, WalletEmpty),
            (200, 40400, Gone),
            (200, 40401, Gone),
            (200, 40501, BadRequest),
            (200, 50000, Unavailable),
            (200, "soon", BadAnswer),
            (401, 40100, AuthError),
            (402, 40200, WalletEmpty),
            (404, 40400, Gone),
            (429, 0, RateLimited),
            (500, 50000, Unavailable),
        ],
    )
    def test_every_documented_error_has_its_class(self, status: int, code: Any, kind: type[SourceError]) -> None:
        """By HTTP status, then by the code inside; the service's words are told."""
        text = json.dumps({"status_code": code, "status_message": "Words."})
        error = dataforseo_error(Answer("dataforseo", status, {}, text))
        assert type(error) is kind

    @pytest.mark.parametrize("code", [20000, 20100, 40102, 40601, 40602])
    def test_what_is_no_error(self, code: int) -> None:
        """Done, created, nothing found, in the queue."""
        assert dataforseo_error(Answer("dataforseo", 200, {}, json.dumps({"status_code": code}))) is None

    @pytest.mark.parametrize("kind", ["404", "html", "broken_json", "cut", "503"])
    @pytest.mark.parametrize("queue", ["standard", "live"])
    def test_login_and_password_show_nowhere(
        self, put: Any, world: World, fault: Any, queue: str, kind: str, caplog: Any
    ) -> None:
        """Neither rows nor logs tell them."""
        caplog.set_level("DEBUG")
        fault("dataforseo", kind)
        rows, _ = read(put(world.keywords[0], queue=queue, retries=1))
        assert {r.status for r in rows} == {Status.FAILED}
        assert PASSWORD not in repr(rows) + caplog.text

    @pytest.mark.parametrize("name", ["tasks", "items", "url", "rank_group", "type"])
    def test_a_renamed_field_that_is_needed_is_a_failure(self, put: Any, world: World, fault: Any, name: str) -> None:
        """Failed, instead of seeming empty."""
        fault("dataforseo", f"rename:{name}")
        rows, found = read(put(world.keywords[0], queue="live"))
        assert (kinds(rows), found) == (["BadAnswer"], [])

    @pytest.mark.parametrize("name", ["rank_absolute", "title", "cost", "item_types", "result_count"])
    def test_a_renamed_field_that_is_not_needed_changes_nothing(
        self, put: Any, world: World, fault: Any, name: str
    ) -> None:
        """The list is the same, and without `cost` the price stands."""
        before = read(put(world.keywords[0], queue="live"))[1]
        fault("dataforseo", f"rename:{name}")
        question = put(world.keywords[0], queue="live")
        assert read(question)[1] == before
        assert question.meter.usd == pytest.approx(0.002)

    def test_only_absolute_places_suffer_when_theirs_are_gone(self, put: Any, world: World, fault: Any) -> None:
        """Organic places are kept when the absolute ones cannot be read."""
        fault("dataforseo", "rename:rank_absolute")
        _, found = read(put(world.keywords[0], queue="live", absolute_ranks=True))
        assert {r.rank_kind for r in found} == {RankKind.ORGANIC}


class TestShapes:
    """Odd results."""

    def rows(self, put: Any, found: Any, **settings: Any) -> list[Ranking]:
        """What a task with these elements parses to."""
        row = row_of(put("tea", **settings), "tea", found, None)
        assert row is not None
        return list(parse([row]))

    def test_gaps_are_normal(self, put: Any) -> None:
        """Places are taken as told, the depth is the last of them, and nothing is counted here."""
        found = self.rows(put, task(items=[organic(2), organic(5, "https://b.example/")]))
        assert [(r.position, r.depth) for r in found] == [(2, 5), (5, 5)]

    def test_an_organic_result_without_an_address_deepens_the_list(self, put: Any) -> None:
        """It was looked at, though it cannot be named."""
        found = self.rows(put, task(items=[organic(1), organic(2, None)]))
        assert [(r.position, r.depth) for r in found] == [(1, 2)]

    def test_the_right_column_is_left_out(self, put: Any) -> None:
        """`position` is a column, not a place."""
        found = self.rows(put, task(items=[organic(1), organic(1, "https://r.example/", position="right")]))
        assert [r.url for r in found] == ["https://a.example/"]

    def test_a_redirect_stays_as_it_is_sent(self, put: Any) -> None:
        """The join key takes it off."""
        wrapped = "https://www.google.com/url?q=https%3A%2F%2Fa.example%2Fw"
        assert [r.url for r in self.rows(put, task(items=[organic(1, wrapped)]))] == [wrapped]

    def test_an_address_listed_twice_has_its_best_place(self, put: Any) -> None:
        """Once per kind of place."""
        found = self.rows(put, task(items=[organic(3), organic(1)]), absolute_ranks=True)
        assert [(r.rank_kind, r.position) for r in found] == [(RankKind.ORGANIC, 1), (RankKind.ABSOLUTE, 1)]

    @pytest.mark.parametrize(
        "found",
        [
            {},
            {"status_code": 20000},
            {"status_code": 20000, "result": None},
            task(items=None),
            task(items=[{"kind": "organic"}]),
            *(task(items=[organic(rank)]) for rank in (None, "x", 0)),
        ],
    )
    def test_no_list_is_a_bad_answer(self, put: Any, found: Any) -> None:
        """Never an empty list."""
        with pytest.raises(BadAnswer):
            row_of(put("tea"), "tea", found, None)

    def test_a_page_without_elements_is_empty_when_it_says_so(self, put: Any) -> None:
        """`items` null with `items_count` 0; and a page of features alone has no organic place."""
        assert self.rows(put, task(items=None, items_count=0)) == []
        assert self.rows(put, task(items=[{"type": "invented_box", "rank_absolute": 1}])) == []

    @pytest.mark.parametrize("code", [20100, 40601, 40602])
    def test_a_task_in_the_queue_is_no_list(self, put: Any, code: int) -> None:
        """Neither a row nor a failure."""
        assert row_of(put("tea"), "tea", {"status_code": code}, None) is None

    @given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(1, 30)), min_size=1, max_size=20))
    def test_no_place_is_lost(self, places: list[tuple[str, int]]) -> None:
        """Every address once, at its best place, in order; the depth is the last place."""
        found = listed([{"url": url, "rank_group": place} for url, place in places], "rank_group")
        best = {url: min(place for u, place in places if u == url) for url, _ in places}
        assert {e["url"]: e["position"] for e in found["results"]} == best
        assert [e["position"] for e in found["results"]] == sorted(best.values())
        assert found["depth"] == max(place for _, place in places)


class TestTwin:
    """The twin behaves as the contract says."""

    @pytest.fixture
    def call(self, sandbox: str) -> Callable[..., Any]:
        """A request to the twin: call("tasks_ready"), call("task_post", [...])."""

        def send(path: str, body: Any = None, password: str = "t") -> httpx.Response:
            address = f"{sandbox}/{DAY}/dataforseo{ROOT}/{path}"
            auth = ("twin@a.example", password)
            return httpx.get(address, auth=auth) if body is None else httpx.post(address, json=body, auth=auth)

        return send

    def asked(self, keyword: str = "tea", **more: Any) -> dict[str, Any]:
        """A task that is right."""
        return {"keyword": keyword, "location_code": 2840, "language_code": "en"} | more

    def test_a_task_goes_through_the_queue(self, call: Any, world: World) -> None:
        """Created, in the queue, handed over, listed until it is fetched, and fetched again for free."""
        posted = call("task_post", [self.asked(world.keywords[0], tag="mine")]).json()
        [one] = posted["tasks"]
        assert (one["status_code"], one["cost"], posted["cost"], one["data"]["tag"]) == (20100, 0.0006, 0.0006, "mine")
        path = f"task_get/advanced/{one['id']}"
        codes = [call(path).json()["tasks"][0]["status_code"] for _ in range(3)]
        assert codes == [40602, 40602, 40601]
        listed_ids = [[r["id"] for r in call("tasks_ready").json()["tasks"][0]["result"]] for _ in range(2)]
        assert all(one["id"] in ids for ids in listed_ids)
        assert [call(path).json()["tasks"][0]["cost"] for _ in range(2)] == [0, 0]
        assert one["id"] not in [r["id"] for r in call("tasks_ready").json()["tasks"][0]["result"]]

    def test_tasks_are_refused_one_by_one(self, call: Any) -> None:
        """Each with its code, inside a 200; a refused one costs nothing."""
        wrong = [
            {},
            self.asked(""),
            self.asked(depth=701),
            self.asked(device="watch"),
            self.asked(os="ios"),
            {"keyword": "x"},
        ]
        answer = call("task_post", [self.asked(), *wrong])
        codes = [t["status_code"] for t in answer.json()["tasks"]]
        assert (answer.status_code, codes) == (200, [20100] + [40501] * len(wrong))
        assert (answer.json()["tasks_error"], answer.json()["cost"]) == (len(wrong), 0.0006)
        assert call("task_post", [self.asked()] * 101).json()["tasks"][100]["status_code"] == 40006
        assert call("live/advanced", [self.asked()] * 2).json()["tasks"][0]["status_code"] == 40000
        assert call("task_get/advanced/none").json()["tasks"][0]["status_code"] == 40400

    @pytest.mark.parametrize(("password", "status", "code"), [
        ("wrong", 401, 40100), ("broke", 402, 40200), ("poor", 200, 40200),
        ("capped", 200, 40203), ("barred", 200, 40204),
    ])  # fmt: skip
    def test_refusals_have_the_envelope(self, call: Any, password: str, status: int, code: int) -> None:
        """HTTP stays 200 but for sign-in and money."""
        answer = call("tasks_ready", password=password)
        assert (answer.status_code, answer.json()["status_code"]) == (status, code)

    def test_regular_lists_have_gaps(self, call: Any, world: World) -> None:
        """Features are dropped and absolute places stay, so they have gaps."""
        [one] = call("live/regular", [self.asked(world.keywords[0])]).json()["tasks"]
        items = one["result"][0]["items"]
        assert {i["type"] for i in items} == {"organic"}
        assert [i["rank_group"] for i in items] == list(range(1, 11))
        assert [i["rank_absolute"] for i in items] == [3, 4, 5, *range(7, 14)]

    def test_elements_hold_unknown_types_and_addresses_inside(self) -> None:
        """As the service does."""
        found = elements(["https://a.example/", "https://b.example/", "https://c.example/"])
        types = [i["type"] for i in found]
        assert types == [
            "featured_snippet",
            "invented_box",
            "organic",
            "organic",
            "organic",
            "discussions_and_forums",
            "knowledge_graph",
        ]
        assert found[-1]["position"] == "right"
