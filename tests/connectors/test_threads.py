"""Threads against its twin: posts of the account, insights one by one, metrics and fields that were retired."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from connectors import graph
from connectors.base import Ask, Post, Stream, parse_all
from connectors.http import Http
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb, raw_table
from connectors.sandbox import threads as twin
from connectors.sandbox.server import build_app, running
from connectors.sandbox.world import World, WorldPost
from connectors.votes.threads import CONNECTOR, COUNTED, METRICS, NAME, Settings, listed, page_of, project_insights

POSTS, BY_POST = CONNECTOR.stream("posts"), CONNECTOR.stream("by_post")
AT = datetime(2026, 10, 14, 12, tzinfo=UTC)
DAY = AT.date()
SOME = "https://a.example/x"
Question = Callable[..., Ask]


@pytest.fixture(scope="module")
def large() -> World:
    """A world with some shy and some deleted posts."""
    return World(seed=7, keywords=45)


@pytest.fixture(scope="module")
def large_sandbox(large: World) -> Iterator[str]:
    """The address of that world's twin."""
    with running(build_app(large, speed=1e6)) as address:
        yield f"{address}/{{day}}/threads"


@pytest.fixture
def question(ask: Question) -> Question:
    """A question with the account's token."""
    return lambda **more: ask(CONNECTOR, **{"token": "tok-th"} | more)


def told(stream: Stream, question: Ask) -> list[Observation]:
    """Fetch and parse."""
    return [o for o in parse_all(CONNECTOR, stream, list(stream.fetch(question))) if isinstance(o, Observation)]


def posts_at(world: World) -> dict[str, WorldPost]:
    """What the account shows, by id."""
    return {p.object_id: p for p in world.posts(NAME) if p.exists_at(AT)}


def truth(post: WorldPost, verb: Verb) -> int | None:
    """The true count, None where Threads does not tell it."""
    counts = twin.counts_of(post.votes_at(AT))
    is_hidden = twin.is_facade(post) or (post.is_shy and verb is Verb.VIEW)
    return None if is_hidden else sum(counts[name] for name in COUNTED[verb])


def about(metrics: Any, refused: Any = ()) -> dict[Verb, tuple[int | None, Status, Quality]]:
    """Readings of one hand-written row."""
    row = Raw("1", AT, url=SOME, payload={"metrics": metrics, "refused": list(refused)})
    return {o.verb: (o.count, o.status, o.quality) for o in POSTS.parse([row])}


def answering(answer: Callable[[Request], Any]) -> Any:
    """A service that lists one post and answers as told to everything about it."""

    async def listing(_request: Request) -> JSONResponse:
        return JSONResponse({"data": [{"id": "1", "text": f"see {SOME}"}], "paging": {}})

    async def respond(request: Request) -> Response:
        found = answer(request)
        return found if isinstance(found, Response) else JSONResponse(found)

    return running(Starlette(routes=[Route("/v1.0/me/threads", listing), Route("/v1.0/{post}/insights", respond)]))


class TestPosts:
    """The account's own posts."""

    def test_counts_are_the_worlds(self, question: Question, large: World, large_sandbox: str) -> None:
        """Every post with four counts; reposts of others and late metrics are hidden and never 0."""
        found, posts = told(POSTS, question(base_url=large_sandbox)), posts_at(large)
        assert {o.object_id for o in found} == set(posts)
        assert len(found) == 4 * len(posts)
        for o in found:
            post = posts[str(o.object_id)]
            count = truth(post, o.verb)
            assert (o.count, o.status) == (count, Status.HIDDEN if count is None else Status.OBSERVED)
            assert (o.basis, o.quality, o.published_at) == (Basis.POST, Quality.EXACT, post.published_at)
        for is_special in (twin.is_facade, lambda p: p.is_shy, lambda p: not twin.has_link(p)):
            assert any(is_special(p) for p in posts.values())
        assert any(p.published_at < AT and not p.exists_at(AT) for p in large.posts(NAME))

    def test_pages_are_the_links_of_posts(self, question: Question, world: World) -> None:
        """The attached link, or the first one in the text that leads away; a post without one has no url."""
        rows = {r.subject: r.url for r in POSTS.fetch(question())}
        posts = posts_at(world)
        assert rows == {i: p.url if twin.has_link(p) else None for i, p in posts.items()}
        attached = [twin.is_attached(p) for p in posts.values() if twin.has_link(p)]
        assert True in attached
        assert False in attached

    @pytest.mark.parametrize(
        ("item", "page"),
        [
            ({"link_attachment_url": SOME, "text": "https://b.example/"}, SOME),
            ({"text": f"by https://www.threads.net/@x, https://threads.com/y and {SOME}."}, SOME),
            ({"link_attachment_url": "https://www.threads.com/@x", "text": SOME}, SOME),
            ({"text": "no link"}, None),
            ({"text": None, "link_attachment_url": 7}, None),
            ({}, None),
        ],
    )
    def test_pages_of_hand_written_posts(self, item: dict[str, Any], page: str | None) -> None:
        """The attachment first, then the text, never an address on Threads itself."""
        assert page_of(item) == page

    def test_one_request_per_post_and_none_for_reposts(self, question: Question, world: World) -> None:
        """The list takes one request, every post but a repost of others one more."""
        asked = question()
        told(POSTS, asked)
        assert asked.meter.requests == 1 + sum(not twin.is_facade(p) for p in posts_at(world).values())

    def test_nothing_of_people_is_kept(self, question: Question, world: World) -> None:
        """Texts, names and the token reach no row."""
        asked = question(posts=[Post(i, SOME) for i in posts_at(world)])
        address = f"{asked.base_url}/v1.0/me/threads"
        served = httpx.get(address, params={"fields": "text,username", "access_token": "tok-th"}).text
        assert "nvented" in served
        kept = str(raw_table([*POSTS.fetch(asked), *BY_POST.fetch(asked)]).to_pydict())
        assert "nvented" not in kept
        assert "tok-th" not in kept

    def test_what_was_read_before_a_failure_is_kept(self, question: Question) -> None:
        """A list that breaks off leaves the posts it gave, and one failed row without a url."""

        async def listing(request: Request) -> JSONResponse:
            if "after" in request.query_params:
                return JSONResponse({"error": {"code": 10, "message": "not allowed"}}, 403)
            paging = {"cursors": {"after": "QVFI"}, "next": "https://graph.threads.net/v1.0/me/threads?after=QVFI"}
            return JSONResponse({"data": [{"id": "1", "text": SOME}], "paging": paging})

        async def insights(_request: Request) -> JSONResponse:
            return JSONResponse({"data": [{"name": "likes", "values": [{"value": 3}]}]})

        routes = [Route("/v1.0/me/threads", listing), Route("/v1.0/{post}/insights", insights)]
        with running(Starlette(routes=routes)) as address:
            rows = list(POSTS.fetch(question(base_url=address)))
        assert [(r.subject, r.status, r.url) for r in rows] == [
            ("1", Status.OBSERVED, SOME),
            ("account", Status.FAILED, None),
        ]
        assert (rows[1].error or "").startswith("NotPermitted: ")

    def test_a_version_in_the_address_is_not_repeated(self, question: Question) -> None:
        """An address that ends in the version leads to the same place."""
        plain = question()
        assert told(POSTS, question(base_url=f"{plain.settings.base_url}/v1.0")) == told(POSTS, plain)


class TestPaging:
    """The list of posts, page by page."""

    @settings(max_examples=12)
    @given(limit=st.integers(1, 100), token=st.sampled_from(["tok-th", "cursors-only"]))
    def test_every_post_comes_once(self, limit: int, token: str, large: World, large_sandbox: str) -> None:
        """Whatever the page size, with a next address or cursors alone, newest first."""
        known: dict[str, Any] = {"base_url": large_sandbox, "token": token, "requests_per_second": 1e6}
        made = Settings(_env_file=None, **known)  # type: ignore[call-arg]
        with graph.connect(NAME, Ask(made, DAY, AT)) as http:
            assert [item["id"] for item in listed(http, limit)] == list(reversed(posts_at(large)))

    @given(pages=st.lists(st.lists(st.integers(0, 40), max_size=5), min_size=1, max_size=6))
    def test_short_empty_and_overlapping_pages(self, pages: list[list[int]]) -> None:
        """Pages may be short, empty or repeat a post while there is a next one: each post comes once."""

        def serve(request: httpx.Request) -> httpx.Response:
            n = int(request.url.params.get("after", 0))
            following = f"https://graph.threads.net/v1.0/me/threads?limit=5&after={n + 1}&access_token=x"
            paging = {"next": following} if n + 1 < len(pages) else {}
            return httpx.Response(200, json={"data": [{"id": str(i)} for i in pages[n]], "paging": paging})

        made = Settings(_env_file=None, requests_per_second=1e6)  # type: ignore[call-arg]
        with Http(NAME, Ask(made, DAY, AT), transport=httpx.MockTransport(serve)) as http:
            found = [item["id"] for item in listed(http, 5)]
        assert found == [str(i) for i in dict.fromkeys(i for page in pages for i in page)]

    @pytest.mark.parametrize(
        "body",
        [
            {},
            [],
            {"data": None},
            {"data": [{}]},
            {"data": ["x"]},
            {"data": [], "paging": {"next": "?after=A", "cursors": {"after": "A"}}},
        ],
        ids=json.dumps,
    )
    def test_lists_that_cannot_be_read_are_failed(self, question: Question, body: Any) -> None:
        """Another shape, a post without id, or a cursor that stands still: one failed row, no endless loop."""

        async def listing(_request: Request) -> JSONResponse:
            return JSONResponse(body)

        with running(Starlette(routes=[Route("/v1.0/me/threads", listing)])) as address:
            rows = list(POSTS.fetch(question(base_url=address)))
        assert [(r.status, (r.error or "").partition(":")[0]) for r in rows] == [(Status.FAILED, "BadAnswer")]


class TestByPost:
    """Known posts."""

    def test_counts_are_those_of_the_list(self, question: Question, world: World) -> None:
        """One request each; the page and the time are the remembered ones."""
        posts = [Post(i, "https://known.example/", p.published_at) for i, p in posts_at(world).items()]
        asked = question(posts=posts)
        found = {(o.object_id, o.verb): o for o in told(BY_POST, asked)}
        assert asked.meter.requests == len(posts)
        listed_counts = {(o.object_id, o.verb): (o.count, o.status) for o in told(POSTS, question())}
        assert {key: (o.count, o.status) for key, o in found.items()} == listed_counts
        assert {o.url for o in found.values()} == {"https://known.example/"}
        assert {o.published_at for o in found.values()} == {p.published_at for p in posts}

    def test_posts_that_are_gone_are_not_found(self, question: Question, large: World, large_sandbox: str) -> None:
        """Deleted, unknown and future posts say so for every verb."""
        gone = [p.object_id for p in large.posts(NAME) if not p.exists_at(AT)] + ["1"]
        found = told(BY_POST, question(base_url=large_sandbox, posts=[Post(i, SOME, AT) for i in gone]))
        assert {o.status for o in found} == {Status.NOT_FOUND}
        assert {(o.object_id, o.published_at) for o in found} == {(i, AT) for i in gone}


class TestMetrics:
    """Which metrics there are, and what a missing one means."""

    def test_a_retired_metric_fails_alone(self, question: Question, world: World) -> None:
        """It fails the first question, is found one by one, and is asked for no more; the others are read."""
        plain, asked = question(), question(token="dated-1")
        calm, found = told(POSTS, plain), told(POSTS, asked)
        counts = [{(o.object_id, o.verb): o.count for o in some if o.verb is not Verb.VIEW} for some in (calm, found)]
        assert counts[0] == counts[1]
        views = {str(o.object_id): o.status for o in found if o.verb is Verb.VIEW}
        posts = posts_at(world)
        assert views == {i: Status.HIDDEN if twin.is_facade(posts[i]) else Status.FAILED for i in views}
        # one more for the refused whole, one for each metric, and one for the list whose field was refused
        assert asked.meter.requests == plain.meter.requests + len(METRICS) + 1

    def test_a_retired_field_spoils_only_what_it_told(self, question: Question, world: World) -> None:
        """Without attached links those posts have no page; links in texts and times stay."""
        rows = {r.subject: r for r in POSTS.fetch(question(token="dated-1"))}
        for i, post in posts_at(world).items():
            assert rows[i].url == (post.url if twin.has_link(post) and not twin.is_attached(post) else None)
        assert {o.published_at for o in POSTS.parse(list(rows.values()))} == {
            p.published_at for p in posts_at(world).values()
        }

    def test_a_question_that_is_wrong_as_a_whole_is_failed(self, question: Question) -> None:
        """When each metric by itself is refused too, it is not the metrics: the post fails, in Meta's words."""
        error = {"error": {"code": 100, "message": "Something else is wrong."}}
        with answering(lambda _: JSONResponse(error, 400)) as address:
            rows = list(POSTS.fetch(question(base_url=address)))
        assert [(r.subject, r.status) for r in rows] == [("1", Status.FAILED)]
        assert "BadRequest" in str(rows[0].error)
        assert "Something else is wrong." in str(rows[0].error)

    @pytest.mark.parametrize(
        ("body", "metrics"),
        [
            ({"data": [{"name": "likes", "values": [{"value": 58}]}]}, {"likes": 58}),
            ({"data": [{"name": "likes", "total_value": {"value": 7}}]}, {"likes": 7}),
            ({"data": [{"name": "views", "values": [{"value": 1}, {"value": 2}]}]}, {"views": 2}),
            ({"data": [{"name": "likes", "values": []}, {"name": "views"}]}, {"likes": None, "views": None}),
            ({"data": [{"name": "likes", "values": [{"value": 1}]}, {"name": "strange"}, 7]}, {"likes": 1}),
            ({"data": []}, {}),
            ({"data": [{"name": "strange"}]}, None),
            ({"data": None}, None),
            ([], None),
        ],
    )  # fmt: skip
    def test_insights_are_read_in_both_shapes(self, body: Any, metrics: Any) -> None:
        """`values` or `total_value`; an empty list is missing data; something else is no answer."""
        assert project_insights(body) == metrics

    def test_shares_are_three_numbers(self) -> None:
        """Share adds reposts, quotes and shares; without one of them it is at least the others, and never a 0."""
        exact, least = Quality.EXACT, Quality.LOWER_BOUND
        cases = [
            ({"reposts": 3, "quotes": 2, "shares": 4}, (9, Status.OBSERVED, exact)),
            ({"reposts": 0, "quotes": 0, "shares": 0}, (0, Status.OBSERVED, exact)),
            ({"reposts": 3, "quotes": 2}, (5, Status.OBSERVED, least)),
            ({"reposts": 0, "quotes": 0}, (None, Status.HIDDEN, exact)),
            ({}, (None, Status.HIDDEN, exact)),
            ({"reposts": 0, "quotes": 0, "shares": None}, (None, Status.FAILED, exact)),
        ]
        assert [about(metrics)[Verb.SHARE] for metrics, _ in cases] == [expected for _, expected in cases]
        row = Raw("1", AT, url=SOME, payload={"metrics": {"reposts": 3, "quotes": 2}})
        assert [o.native for o in POSTS.parse([row]) if o.verb is Verb.SHARE] == ["reposts+quotes"]

    def test_what_a_missing_metric_means(self) -> None:
        """Not there: hidden. There without a number, refused, or no metrics at all: failed."""
        assert about({"likes": 3})[Verb.VIEW][:2] == (None, Status.HIDDEN)
        assert about({"views": None})[Verb.VIEW][:2] == (None, Status.FAILED)
        assert about({}, ["views"])[Verb.VIEW][:2] == (None, Status.FAILED)
        assert about(None)[Verb.VIEW][:2] == (None, Status.FAILED)
        assert about({"views": 0})[Verb.VIEW][:2] == (0, Status.OBSERVED)


class TestErrors:
    """Every refusal has its class and says what to do."""

    @pytest.mark.parametrize(
        ("status", "code", "subcode", "kind"),
        [
            (400, 190, 463, "AuthError"),
            (400, 102, None, "AuthError"),
            (403, 10, None, "NotPermitted"),
            (403, 200, None, "NotPermitted"),
            (400, 4, None, "RateLimited"),
            (400, 613, None, "QuotaExhausted"),
            (400, 368, None, "ConfigurationError"),
            (500, 2, None, "Unavailable"),
            (400, 100, None, "BadRequest"),
        ],
    )
    def test_codes_have_their_classes(
        self, question: Question, status: int, code: int, subcode: int | None, kind: str
    ) -> None:
        """By code and subcode, for a listed post as for a known one."""
        error = {"error": {"message": "no", "code": code, "error_subcode": subcode, "type": "OAuthException"}}
        with answering(lambda _: JSONResponse(error, status)) as address:
            asked = question(base_url=address, retries=0, posts=[Post("1", SOME)])
            rows = [*POSTS.fetch(asked), *BY_POST.fetch(asked)]
        assert [(r.error or "").partition(":")[0] for r in rows] == [kind] * 2
        assert {o.status for o in parse_all(CONNECTOR, POSTS, rows) if isinstance(o, Observation)} == {Status.FAILED}

    def test_a_post_that_is_gone_is_no_failure(self, question: Question) -> None:
        """Code 100 with subcode 33 is a post that is not there any more."""
        error = {"error": {"message": "Unsupported get request.", "code": 100, "error_subcode": 33}}
        with answering(lambda _: JSONResponse(error, 400)) as address:
            rows = list(POSTS.fetch(question(base_url=address)))
        assert [r.status for r in rows] == [Status.NOT_FOUND]

    def test_the_usage_header_says_how_long_to_wait(self, question: Question) -> None:
        """The minutes of the business header become the pause; an hour ends the questions with its end told."""
        error = {"error": {"message": "slow down", "code": 80002}}

        def refuse(minutes: int) -> JSONResponse:
            usage = {"24": [{"type": "threads", "call_count": 100, "estimated_time_to_regain_access": minutes}]}
            return JSONResponse(error, 400, {"X-Business-Use-Case-Usage": json.dumps(usage)})

        posts = [Post("1", SOME), Post("2", SOME), Post("3", SOME)]
        with answering(lambda _: refuse(42)) as address:
            asked = question(base_url=address, posts=posts, concurrency=1)
            rows = list(BY_POST.fetch(asked))
        assert {(r.error or "").partition(":")[0] for r in rows} == {"QuotaExhausted"}
        assert "again from" in str(rows[0].error)
        assert asked.meter.requests == 1

    @pytest.mark.parametrize(
        ("answer", "kind"),
        [
            (HTMLResponse("<title>Just a moment</title>"), "BadAnswer"),
            (JSONResponse({"error": {"code": 190, "message": "expired"}}), "AuthError"),
            (JSONResponse([]), "BadAnswer"),
            (HTMLResponse("<title>Not Found</title>", 404), "BadAnswer"),
            (JSONResponse({"data": [{"name": "strange", "values": []}]}), "BadAnswer"),
        ],
    )
    def test_answers_that_are_none(self, question: Question, answer: Response, kind: str) -> None:
        """A web page, an error inside a 200, another shape, a 404 that is not Meta's: failed, and no post is gone."""
        with answering(lambda _: answer) as address:
            rows = list(BY_POST.fetch(question(base_url=address, posts=[Post("1", SOME)])))
        assert [(r.error or "").partition(":")[0] for r in rows] == [kind]

    def test_one_post_that_fails_spoils_no_other(self, question: Question) -> None:
        """The posts around it are read."""

        def answer(request: Request) -> Any:
            if request.path_params["post"] == "2":
                return JSONResponse({"error": {"code": 10, "message": "no"}}, 403)
            return {"data": [{"name": "likes", "values": [{"value": 5}]}]}

        with answering(answer) as address:
            rows = list(BY_POST.fetch(question(base_url=address, posts=[Post(i, SOME) for i in "123"])))
        assert [r.status for r in rows] == [Status.OBSERVED, Status.FAILED, Status.OBSERVED]

    def test_refused_tokens_are_named_and_not_repeated(self, question: Question, world: World) -> None:
        """An expired token fails the list and is not shown; one without insights fails each post."""
        rows = list(POSTS.fetch(question(token="expired-77")))
        assert [(r.error or "").partition(":")[0] for r in rows] == ["AuthError"]
        rows += POSTS.fetch(question(token="narrow-88"))
        failed = [r for r in rows[1:] if r.status is Status.FAILED]
        assert len(failed) == sum(not twin.is_facade(p) for p in posts_at(world).values())
        assert {(r.error or "").partition(":")[0] for r in failed} == {"NotPermitted"}
        assert "expired-77" not in str(rows)
        assert "narrow-88" not in str(rows)

    def test_what_must_be_set_is_named(self, ask: Question) -> None:
        """A token is needed, nothing else."""
        assert ask(CONNECTOR).settings.missing() == ("TALLYRANK_THREADS_TOKEN",)


class TestTwin:
    """Traps of the contract that the twin sets."""

    def served(self, ask: Ask, path: str, **params: str) -> httpx.Response:
        """What the twin answers."""
        return httpx.get(f"{ask.base_url}/v1.0/{path}", params={"access_token": "t", **params})

    def test_insights_of_a_repost_are_an_empty_list(self, question: Question, world: World) -> None:
        """Not zeros, and no error."""
        facade = next(i for i, p in posts_at(world).items() if twin.is_facade(p))
        answer = self.served(question(), f"{facade}/insights", metric="likes")
        assert (answer.status_code, answer.json()) == (200, {"data": []})

    def test_one_wrong_metric_fails_the_question(self, question: Question, world: World) -> None:
        """HTTP 400 with code 100, although the other metric is right."""
        answer = self.served(question(), f"{next(iter(posts_at(world)))}/insights", metric="likes,plays")
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, 100)

    def test_one_post_by_id(self, question: Question, world: World) -> None:
        """A post tells the fields asked for, and its id."""
        found, post = next(iter(posts_at(world).items()))
        answer = self.served(question(), found, fields="timestamp").json()
        assert answer == {"id": found, "timestamp": f"{post.published_at:%Y-%m-%dT%H:%M:%S}+0000"}
