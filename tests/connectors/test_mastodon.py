"""Mastodon against its twin: posts by id, links that trend, the posts about them, and Mastodon.py as a witness."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import mastodon as client
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from connectors.base import Ask, Post, Stream, parse_all
from connectors.errors import AuthError, RateLimited
from connectors.http import Answer, Pace
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb
from connectors.sandbox import mastodon as twin
from connectors.sandbox.server import running
from connectors.urls import url_key
from connectors.votes.mastodon import CONNECTOR, _pause, link_of, mastodon_error, timeline, trending

TRENDS, LINK_POSTS, BY_POST = CONNECTOR.streams
AT = datetime(2026, 10, 14, 12, tzinfo=UTC)
LATER = datetime(2027, 2, 1, 12, tzinfo=UTC)  # by then a shy post is out, and others are gone
SOME = "https://www.alder.example/a"
ID = "103270115826048975"
STATUS = {
    "id": ID, "created_at": "2026-10-01T12:00:00.000Z", "replies_count": 7, "reblogs_count": 6, "favourites_count": 11,
    "quotes_count": 2, "reblog": None, "card": {"url": SOME, "title": "A"}, "content": "<p>words</p>",
    "account": {"id": "1", "acct": "alice", "display_name": "Alice"},
}  # fmt: skip
LINK = {"url": SOME, "title": "A", "history": [{"day": "1790812800", "accounts": "7", "uses": "9"}] * 7}


def readings(stream: Stream, question: Ask) -> list[Observation]:
    """All observations of a question."""
    return parse_all(CONNECTOR, stream, list(stream.fetch(question)))


def by_verb(observed: list[Observation]) -> dict[Verb, tuple[int | None, Status]]:
    """What the readings of one post or page say of each verb."""
    return {o.verb: (o.count, o.status) for o in observed}


@contextmanager
def instance(answers: Mapping[str, Any | Callable[[Request], Response]]) -> Iterator[tuple[str, list[str]]]:
    """An instance that knows some paths only: its address, and the questions it has had."""
    asked: list[str] = []

    async def respond(request: Request) -> Response:
        asked.append(f"{request.scope['raw_path'].decode()}?{request.url.query}")
        answer = answers.get(request.url.path)
        if callable(answer):
            return answer(request)
        return JSONResponse({"error": "Record not found"}, 404) if answer is None else JSONResponse(answer)

    with running(Starlette(routes=[Route("/{path:path}", respond)])) as address:
        yield address, asked


def known(world: Any) -> list[Post]:
    """Every post of the world, published yet or not, deleted or not."""
    return [Post(p.object_id, p.url, p.published_at) for p in world.posts("mastodon")]


class TestByPost:
    """The counters of known posts."""

    def test_counts_are_the_truth(self, ask, world):
        """Favourites, replies, boosts with quotes; what is not there (yet, any more) is not found; null is hidden."""
        got = {
            (o.object_id, o.verb): o for o in readings(BY_POST, ask(CONNECTOR, day=LATER.date(), posts=known(world)))
        }
        assert len(got) == 3 * len(world.posts("mastodon"))
        shy = 0
        for post in world.posts("mastodon"):
            share, like, comment = (got[post.object_id, v] for v in (Verb.SHARE, Verb.LIKE, Verb.COMMENT))
            if not post.exists_at(LATER):
                assert {o.status for o in (share, like, comment)} == {Status.NOT_FOUND}
                continue
            quotes = 0 if post.is_shy else twin.quotes(post, LATER)
            assert share.count == twin.boosts(post, LATER) + quotes
            assert comment.count == twin.replies(post, LATER)
            assert (like.count, like.status) == (
                (None, Status.HIDDEN) if post.is_shy else (post.votes_at(LATER), Status.OBSERVED)
            )
            shy += post.is_shy
            assert (like.url, like.published_at) == (post.url, post.published_at)
        assert shy
        assert {(o.basis, o.quality) for o in got.values()} == {(Basis.POST, Quality.LOWER_BOUND)}

    @pytest.mark.parametrize(("number", "requests"), [(0, 0), (1, 1), (20, 1), (21, 2)])
    def test_twenty_in_a_request(self, ask, world, number, requests):
        """20 posts go into one request."""
        alive = [p for p in world.posts("mastodon") if p.exists_at(AT)][:number]
        question = ask(CONNECTOR, posts=[Post(p.object_id, p.url) for p in alive])
        assert [r.subject for r in BY_POST.fetch(question)] == [p.object_id for p in alive]
        assert len(alive) == number
        assert question.meter.requests == requests

    def test_what_is_missing_is_asked_for_again(self, ask):
        """An instance that answers with fewer posts than asked for is not believed until it says so of each."""
        with instance({"/api/v1/statuses": [STATUS], "/api/v1/statuses/2": STATUS | {"id": "2"}}) as (address, asked):
            question = ask(CONNECTOR, posts=[Post(i, SOME) for i in (ID, "2", "3")], base_url=address)
            rows = {r.subject: r.status for r in BY_POST.fetch(question)}
        assert rows == {ID: Status.OBSERVED, "2": Status.OBSERVED, "3": Status.NOT_FOUND}
        assert len(asked) == 3

    def test_more_than_twenty_is_refused_and_mended(self, ask, world):
        """Where the instance takes fewer posts at once than we send, posts are asked for one by one."""
        alive = [p for p in world.posts("mastodon") if p.exists_at(AT)]
        assert len(alive) > 20
        question = ask(CONNECTOR, posts=[Post(p.object_id, p.url) for p in alive], batch_size=100)
        assert {r.status for r in BY_POST.fetch(question)} == {Status.OBSERVED}
        assert question.meter.requests == 1 + len(alive)

    def test_an_old_instance_has_no_quotes_and_no_batches(self, ask, world):
        """Before 4.3 posts are asked for one by one, and a share is a boost."""
        posts = [p for p in world.posts("mastodon") if p.exists_at(AT)][:5]
        question = ask(CONNECTOR, posts=[Post(p.object_id, p.url) for p in posts], token="old")
        shares = [o.count for o in readings(BY_POST, question) if o.verb is Verb.SHARE]
        assert shares == [twin.boosts(p, AT) for p in posts]
        assert question.meter.requests == 6

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 422, 500, 501])
    def test_any_refusal_of_many_leads_to_one_by_one(self, ask, status):
        """However an instance refuses the request for many, it is asked for each."""

        def refuse(_: Request) -> Response:
            return JSONResponse({"error": "no"}, status)

        with instance({"/api/v1/statuses": refuse, f"/api/v1/statuses/{ID}": STATUS}) as (address, _):
            question = ask(CONNECTOR, posts=[Post(ID, SOME), Post("9", SOME)], base_url=address, retries=0)
            rows = {r.subject: r.status for r in BY_POST.fetch(question)}
        assert rows == {ID: Status.OBSERVED, "9": Status.NOT_FOUND}

    @pytest.mark.parametrize("answer", [{}, {"error": "no"}, [{"id": 7}], ["x"], "x"])
    def test_no_list_of_posts_leads_to_one_by_one(self, ask, answer):
        """HTTP 200 with something else than posts (an error, say) is a refusal as well."""
        with instance({"/api/v1/statuses": answer, f"/api/v1/statuses/{ID}": STATUS}) as (address, _):
            [row] = BY_POST.fetch(ask(CONNECTOR, posts=[Post(ID, SOME)], base_url=address))
        assert row.payload["favourites_count"] == 11

    @pytest.mark.parametrize("end", ["", "/", "/api"])
    def test_paths_are_the_documented_ones(self, ask, end):
        """Every path is below /api/v1, whether or not the address says /api itself."""
        with instance({"/api/v1/statuses": [STATUS], "/api/v1/trends/links": [LINK]}) as (address, asked):
            list(BY_POST.fetch(ask(CONNECTOR, posts=[Post(ID, SOME)], base_url=address + end)))
            list(TRENDS.fetch(ask(CONNECTOR, urls=[SOME], base_url=address + end)))
        assert asked[0] == f"/api/v1/statuses?id%5B%5D={ID}"
        assert asked[1] == "/api/v1/trends/links?limit=20&offset=0"

    def test_an_id_cannot_change_the_path(self, ask):
        """What stands in a list of ids stays one step of the path."""
        with instance({}) as (address, asked):
            list(BY_POST.fetch(ask(CONNECTOR, posts=[Post("../x?y=1", SOME)], base_url=address)))
        assert asked[-1] == "/api/v1/statuses/..%2Fx%3Fy%3D1?"

    def test_another_post_is_not_taken_for_it(self, ask):
        """An answer about another post than asked for fails."""
        with instance({"/api/v1/statuses/9": STATUS}) as (address, _):
            [row] = BY_POST.fetch(ask(CONNECTOR, posts=[Post("9", SOME)], base_url=address))
        assert row.error == "BadAnswer: the answer is not the post that was asked for"

    def test_one_post_that_fails_leaves_the_others(self, ask):
        """Read one by one, a post that fails fails alone."""

        def broken(_: Request) -> Response:
            return HTMLResponse("<p>oops")

        answers = {f"/api/v1/statuses/{ID}": STATUS, "/api/v1/statuses/8": broken}
        with instance(answers) as (address, _):
            rows = list(BY_POST.fetch(ask(CONNECTOR, posts=[Post("8", SOME), Post(ID, SOME)], base_url=address)))
        assert [r.status for r in rows] == [Status.FAILED, Status.OBSERVED]
        assert rows[0].error.startswith("BadAnswer: HTTP 200, but not JSON")

    @pytest.mark.parametrize(
        ("status", "page"),
        [
            ({"card": {"url": "https://b.example/c"}}, "https://b.example/c"),
            ({"card": None, "content": '<a href="https://m.example/@x" class="u-url mention">x</a>'}, None),
            ({"content": '<a class="mention hashtag" href="https://m.example/t">t</a><a href="https://c.example/?a=1&amp;b=2">c</a>'}, "https://c.example/?a=1&b=2"),  # noqa: E501
            ({"card": {"url": ""}, "content": None}, None),
            ({"card": {"url": None}, "content": 7}, None),
            ({"reblog": {"card": {"url": "https://d.example/"}}}, "https://d.example/"),
            ({}, None),
        ],
    )  # fmt: skip
    def test_the_page_of_a_post(self, status, page):
        """The card's address, else the first link that names no person and no tag."""
        assert link_of(status) == page

    def test_a_post_of_unknown_page_gets_its_page(self, ask, world):
        """Ids alone are enough: posts name their pages themselves, also those without a card."""
        alive = [p for p in world.posts("mastodon") if p.exists_at(LATER)]
        assert any(p.is_shy for p in alive)
        rows = list(BY_POST.fetch(ask(CONNECTOR, day=LATER.date(), posts=[Post(p.object_id, "") for p in alive])))
        assert {r.subject: r.url for r in rows} == {p.object_id: p.url for p in alive}

    def test_nothing_of_people_is_kept(self, ask, world):
        """Accounts, words, and addresses that name people are not stored."""
        rows = list(BY_POST.fetch(ask(CONNECTOR, posts=known(world))))
        rows += LINK_POSTS.fetch(ask(CONNECTOR, urls=[p.url for p in world.pages]))
        counters = {"replies_count", "reblogs_count", "favourites_count", "quotes_count"}
        assert {key for r in rows for key in r.payload} == {
            *counters, "object_id", "created_at", "published_at", "is_trending"
        }  # fmt: skip
        assert not re.search(r"person|invented|friend|m\.example", json.dumps([r.payload for r in rows]), re.IGNORECASE)

    @pytest.mark.parametrize(
        ("field", "verb"),
        [("favourites_count", Verb.LIKE), ("replies_count", Verb.COMMENT), ("reblogs_count", Verb.SHARE)],
    )
    def test_a_renamed_field_degrades_its_verb(self, ask, fault, world, field, verb):
        """Without one counter its verb fails; the others stay."""
        fault("mastodon", f"rename:{field}")
        post = next(p for p in world.posts("mastodon") if p.exists_at(AT) and not p.is_shy)
        got = readings(BY_POST, ask(CONNECTOR, posts=[Post(post.object_id, post.url)]))
        assert {o.verb for o in got if o.status is Status.FAILED} == {verb}
        assert len(got) == 3


class TestTrends:
    """How often pages were shared where they trend."""

    def test_sums_are_the_truth(self, ask, world):
        """Seven days of uses over all spellings of a page; pages that do not trend are hidden, never 0."""
        truth: dict[str, int] = {}
        for url, posts in twin.trending(world, AT).items():
            truth[url_key(url)] = truth.get(url_key(url), 0) + twin.uses_of_week(posts, AT.date())
        got = {url_key(o.url): o for o in readings(TRENDS, ask(CONNECTOR, urls=[p.url for p in world.pages]))}
        assert len(got) == len(world.pages)
        assert {key: o.count for key, o in got.items() if o.status is Status.OBSERVED} == truth
        assert {o.status for key, o in got.items() if key not in truth} == {Status.HIDDEN}
        facts = {(o.verb, o.basis, o.quality, o.object_id, o.native) for o in got.values()}
        assert facts == {(Verb.SHARE, Basis.PAGE, Quality.LOWER_BOUND, None, "uses")}

    def test_no_question_no_request(self, ask):
        """Nothing asked, nothing sent."""
        questions = ask(CONNECTOR), ask(CONNECTOR), ask(CONNECTOR)
        assert [list(s.fetch(q)) for s, q in zip(CONNECTOR.streams, questions, strict=True)] == [[], [], []]
        assert [q.meter.requests for q in questions] == [0, 0, 0]

    def test_spellings_are_added_and_instances_are_not(self, ask):
        """On one instance two spellings are two links; of two instances the one that knows more speaks."""
        small, big = [LINK], [LINK, LINK | {"url": SOME + "/?utm_source=x"}]
        with (
            instance({"/api/v1/trends/links": small}) as (one, _),
            instance({"/api/v1/trends/links": big}) as (two, _),
        ):
            question = ask(CONNECTOR, urls=[SOME, SOME + "/other"], base_url=one, instances=f" {two}/ , ")
            got = readings(TRENDS, question)
        assert [(o.count, o.status) for o in got] == [(2 * 7 * 9, Status.OBSERVED), (None, Status.HIDDEN)]

    def test_the_token_goes_to_our_instance_alone(self, ask):
        """Other instances never see the token."""
        seen: list[str | None] = []

        def note(request: Request) -> Response:
            seen.append(request.headers.get("authorization"))
            return JSONResponse([])

        with (
            instance({"/api/v1/trends/links": note}) as (one, _),
            instance({"/api/v1/trends/links": note}) as (two, _),
        ):
            list(TRENDS.fetch(ask(CONNECTOR, urls=[SOME], base_url=one, instances=two, token="secret")))
        assert seen == ["Bearer secret", None]

    def test_hosts_and_addresses_name_instances(self, ask):
        """An instance is named by its host or by an address."""
        settings = ask(CONNECTOR, instances="a.example, http://b.example/,").settings
        assert settings.others() == ["https://a.example", "http://b.example"]

    def test_half_a_reading_is_no_absence(self, ask):
        """When an instance fails, pages seen elsewhere are known, and the rest fails instead of being absent."""
        with instance({"/api/v1/trends/links": [LINK]}) as (one, _), instance({}) as (two, _):
            rows = list(TRENDS.fetch(ask(CONNECTOR, urls=[SOME, SOME + "/b"], base_url=one, instances=two)))
        assert [r.status for r in rows] == [Status.OBSERVED, Status.FAILED]
        assert rows[1].error.startswith("Gone: HTTP 404")

    @pytest.mark.parametrize(
        "history", [None, [], [{"uses": None}], [{"uses": "7"}, {"day": "1"}], [{"uses": "many"}], "x"]
    )
    def test_a_history_that_cannot_be_read_fails(self, ask, history):
        """Without uses, or with a day that cannot be read, there is no sum."""
        with instance({"/api/v1/trends/links": [{"url": SOME, "history": history}]}) as (address, _):
            [reading] = readings(TRENDS, ask(CONNECTOR, urls=[SOME], base_url=address))
        assert (reading.count, reading.status) == (None, Status.FAILED)

    def test_a_limit_on_links(self, ask, world):
        """Only so many links are read as the settings say."""
        question = ask(CONNECTOR, urls=[p.url for p in world.pages], trending_links=1)
        list(TRENDS.fetch(question))
        assert question.meter.requests == 1


class TestLinkPosts:
    """The posts about pages that trend."""

    def test_every_post_of_every_trending_page(self, ask, world):
        """All posts of pages that trend, with the world's counts; the other pages are hidden, without a post."""
        truth = {p.object_id: p for posts in twin.trending(world, AT).values() for p in posts}
        got = readings(LINK_POSTS, ask(CONNECTOR, urls=[p.url for p in world.pages]))
        comments = {o.object_id: o for o in got if o.verb is Verb.COMMENT and o.object_id}
        assert {i: o.count for i, o in comments.items()} == {i: twin.replies(p, AT) for i, p in truth.items()}
        assert {i: o.url for i, o in comments.items()} == {i: p.page.url for i, p in truth.items()}
        rest = {o.url for o in got if o.object_id is None}
        assert rest == {p.url for p in world.pages} - {p.page.url for p in truth.values()}
        assert {(o.status, o.basis) for o in got if o.object_id is None} == {(Status.HIDDEN, Basis.POST)}

    def test_small_pages_find_the_same(self, ask, world, monkeypatch):
        """However few posts and links a page holds, what is found is the same."""
        urls = [p.url for p in world.pages]
        whole = readings(LINK_POSTS, ask(CONNECTOR, urls=urls))
        monkeypatch.setattr(twin, "MOST_STATUSES", 1)
        monkeypatch.setattr(twin, "MOST_TRENDS", 3)
        small = readings(LINK_POSTS, ask(CONNECTOR, urls=urls))
        assert (set(small), len(small)) == (set(whole), len(whole))

    def test_a_link_that_trends_no_longer_is_hidden(self, ask):
        """404 of a timeline means that the link has left the trends meanwhile."""
        with instance({"/api/v1/trends/links": [LINK]}) as (address, _):
            [row] = LINK_POSTS.fetch(ask(CONNECTOR, urls=[SOME], base_url=address))
        assert row.status is Status.HIDDEN

    def test_a_timeline_that_fails_fails_alone(self, ask):
        """A page whose timeline is refused fails; pages that do not trend are hidden."""

        def refuse(_: Request) -> Response:
            return JSONResponse({"error": "This API requires an authenticated user"}, 401)

        with instance({"/api/v1/trends/links": [LINK], "/api/v1/timelines/link": refuse}) as (address, _):
            rows = {r.subject: r for r in LINK_POSTS.fetch(ask(CONNECTOR, urls=[SOME, SOME + "/b"], base_url=address))}
        assert rows[SOME].error.startswith("AuthError: ")
        assert rows[SOME + "/b"].status is Status.HIDDEN


class TestErrors:
    """Every refusal has its class, says what happened, and leaves no number."""

    @pytest.mark.parametrize("stream", [TRENDS, BY_POST], ids=lambda s: s.name)
    @pytest.mark.parametrize(
        ("status", "body", "kind"),
        [
            (401, {"error": "The access token is invalid"}, "AuthError"),
            (403, {"error": "This action is not allowed"}, "NotPermitted"),
            (422, {"error": "Validation failed", "error_description": "why"}, "BadRequest"),
            (429, {"error": "Too many requests"}, "RateLimited"),
            (503, {"error": "There was a temporary problem"}, "Unavailable"),
            (200, {"error": "Not now"}, "BadAnswer"),
            (200, [{"title": "no address, no id"}], "BadAnswer"),
        ],
    )
    def test_classes(self, ask, stream, status, body, kind):
        """The row names the class and the instance's words."""

        async def respond(_: Request) -> Response:
            return JSONResponse(body, status)

        with running(Starlette(routes=[Route("/{path:path}", respond)])) as address:
            question = ask(CONNECTOR, urls=[SOME], posts=[Post("1", SOME)], base_url=address, retries=0)
            [row] = stream.fetch(question)
        assert row.error.startswith(f"{kind}: ")
        assert status == 200 or body["error"] in row.error
        assert {o.count for o in parse_all(CONNECTOR, stream, [row])} == {None}

    @pytest.mark.parametrize("token", ["expired", "outsider"])
    def test_a_closed_instance_says_what_to_do(self, ask, world, token):
        """A refused token, or an instance closed to strangers, ends the asking at once."""
        question = ask(CONNECTOR, posts=known(world), token=token)
        rows = list(BY_POST.fetch(question))
        assert len(rows) == len(world.posts("mastodon"))
        assert {r.status for r in rows} == {Status.FAILED}
        assert "TALLYRANK_MASTODON_TOKEN" in rows[0].error
        assert question.meter.requests == 2

    def test_the_pause_is_read_from_the_reset(self):
        """X-RateLimit-Reset is an ISO time; the wait is what is left until then."""
        reset = datetime.now(UTC) + timedelta(seconds=90)
        headers = {"x-ratelimit-reset": f"{reset:%Y-%m-%dT%H:%M:%S.%fZ}"}
        error = mastodon_error(Answer("mastodon", 429, headers, '{"error": "Too many requests"}'))
        assert isinstance(error, RateLimited)
        assert 80 < error.retry_after <= 90

    @pytest.mark.parametrize(
        ("headers", "seconds"), [({}, None), ({"x-ratelimit-reset": "soon"}, None), ({"retry-after": "7"}, 7)]
    )
    def test_other_pauses(self, headers, seconds):
        """Without a readable reset, Retry-After counts; without that, nobody knows."""
        error = mastodon_error(Answer("mastodon", 429, headers, ""))
        assert isinstance(error, RateLimited)
        assert error.retry_after == seconds

    def test_a_used_up_window_is_waited_out(self):
        """When nothing remains, the next request waits until the window ends."""
        slept: list[float] = []
        pace = Pace(1e6, slept.append)
        reset = (datetime.now(UTC) + timedelta(seconds=200)).isoformat()
        _pause(Answer("mastodon", 200, {"x-ratelimit-remaining": "1", "x-ratelimit-reset": reset}, ""), pace)
        pace.wait()
        assert sum(slept) < 1
        _pause(Answer("mastodon", 200, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": reset}, ""), pace)
        pace.wait()
        assert 190 < sum(slept) < 201

    def test_a_401_is_an_auth_error(self):
        """The class tells that a sign-in is missing, whatever the body."""
        assert isinstance(mastodon_error(Answer("mastodon", 401, {}, "<html>")), AuthError)


class TestParse:
    """Reading stored rows, without a network."""

    def posts(self, payload: Any, status: Status = Status.OBSERVED) -> list[Observation]:
        """What a stored row of a post says."""
        return list(BY_POST.parse([Raw(ID, AT, status, SOME, payload)]))

    def test_a_post(self):
        """Shares are boosts and quotes."""
        observed = self.posts(STATUS | {"object_id": ID})
        assert by_verb(observed) == {
            Verb.SHARE: (8, Status.OBSERVED), Verb.LIKE: (11, Status.OBSERVED), Verb.COMMENT: (7, Status.OBSERVED)
        }  # fmt: skip
        assert {o.published_at for o in observed} == {datetime(2026, 10, 1, 12, tzinfo=UTC)}

    @pytest.mark.parametrize(
        ("changed", "verb", "status"),
        [
            ({"favourites_count": None}, Verb.LIKE, Status.HIDDEN),
            ({"reblogs_count": None}, Verb.SHARE, Status.HIDDEN),
            ({"replies_count": "many"}, Verb.COMMENT, Status.FAILED),
        ],
    )
    def test_null_is_hidden_and_rubbish_failed(self, changed, verb, status):
        """Neither becomes a number, and the other verbs stay."""
        told = by_verb(self.posts(STATUS | changed))
        assert told.pop(verb) == (None, status)
        assert {s for _, s in told.values()} == {Status.OBSERVED}

    def test_quotes_nobody_counts_add_nothing(self):
        """Before 4.5, or null, quotes are unknown and boosts alone are the shares."""
        without = {k: v for k, v in STATUS.items() if k != "quotes_count"}
        for payload in (without, without | {"quotes_count": None}):
            assert by_verb(self.posts(payload))[Verb.SHARE] == (6, Status.OBSERVED)

    @pytest.mark.parametrize("time", ["", "yesterday", 7, None, "9999-99-99"])
    def test_unreadable_times_are_unknown(self, time):
        """A time that cannot be read is unknown; the counts stay."""
        observed = self.posts(STATUS | {"created_at": time})
        assert {o.published_at for o in observed} == {None}
        assert {o.status for o in observed} == {Status.OBSERVED}

    def test_a_boost_speaks_of_its_post(self, ask):
        """The numbers of a boost are those of the post that it repeats."""
        boost = STATUS | {"favourites_count": 0, "reblogs_count": 0, "replies_count": 0, "reblog": STATUS | {"id": "1"}}
        with instance({"/api/v1/statuses": [boost]}) as (address, _):
            got = readings(BY_POST, ask(CONNECTOR, posts=[Post(ID, SOME)], base_url=address))
        assert by_verb(got)[Verb.LIKE] == (11, Status.OBSERVED)
        assert {o.object_id for o in got} == {ID}


@given(st.lists(st.integers(0, 30), max_size=60), st.integers(2, 7))
def test_pages_of_trends_lose_and_repeat_nothing(numbers, size):
    """Any links, repeated or not, on pages of any size: each address comes exactly once."""
    links = [{"url": f"https://a.example/{n}"} for n in dict.fromkeys(numbers)]
    shifted = [*links[:size], *links[max(size - 1, 0) :]]  # one link moved to the next page meanwhile
    got = list(trending(lambda offset: shifted[offset : offset + size], 10_000))
    assert sorted(link["url"] for link in got) == sorted({link["url"] for link in links})
    assert len(got) == len(links)


def test_an_instance_without_offsets_ends():
    """An instance that answers every offset with the same links is asked twice."""
    asked: list[int] = []

    def page(offset: int) -> list[dict[str, Any]]:
        asked.append(offset)
        return [{"url": "https://a.example/"}]

    assert len(list(trending(page, 10_000))) == 1
    assert asked == [0, 1]


@given(st.sets(st.integers(1, 500)), st.integers(1, 9))
def test_pages_of_timelines_lose_and_repeat_nothing(ids, size):
    """Any posts on pages of any size: each comes exactly once, newest first."""
    statuses = [{"id": str(n)} for n in sorted(ids, reverse=True)]

    def page(max_id: str | None) -> tuple[list[dict[str, Any]], str | None]:
        rest = [s for s in statuses if max_id is None or int(s["id"]) < int(max_id)][:size]
        return rest, rest[-1]["id"] if rest else None

    assert list(timeline(page, 10_000)) == statuses


def test_a_timeline_that_turns_in_circles_ends():
    """A page that names itself as the next one is the last."""
    assert len(list(timeline(lambda _: ([{"id": "1"}], "1"), 10_000))) == 1


class TestTwin:
    """The twin behaves as the contract says, also in the eyes of Mastodon.py."""

    @pytest.fixture
    def api(self, sandbox) -> client.Mastodon:
        """Mastodon.py as it is, pointed at the twin by its own option."""
        return client.Mastodon(api_base_url=f"{sandbox}/2026-10-14/mastodon", ratelimit_method="throw")

    def get(self, sandbox: str, path: str, **kwargs: Any) -> httpx.Response:
        """A plain request to the twin."""
        return httpx.get(f"{sandbox}/2026-10-14/mastodon/api{path}", **kwargs)

    def test_the_client_reads_posts(self, api, world):
        """One post, many posts, and one that is not there."""
        posts = [p for p in world.posts("mastodon") if p.exists_at(AT)][:3]
        assert [int(s.id) for s in api.statuses([p.object_id for p in posts])] == [int(p.object_id) for p in posts]
        status = api.status(posts[0].object_id)
        assert (status.favourites_count, status.created_at) == (posts[0].votes_at(AT), posts[0].published_at)
        with pytest.raises(client.MastodonNotFoundError):
            api.status("1")

    def test_the_client_reads_trends(self, api, world):
        """Links with seven days of history, and the posts about them over all pages."""
        links = api.trending_links(limit=20)
        url, posts = next(iter(twin.trending(world, AT).items()))
        assert {link.url for link in links} == set(twin.trending(world, AT))
        assert all(len(link.history) == 7 for link in links)
        first = api.timeline_link(url, limit=1)
        found = api.fetch_remaining(first)
        assert {int(s.id) for s in found} == {int(p.object_id) for p in posts}

    def test_the_client_understands_the_limit(self, sandbox, world, api, monkeypatch):
        """Over the window the client sees 429 and reads when it ends."""
        monkeypatch.setattr(twin, "REQUESTS", -1)
        with pytest.raises(client.MastodonRatelimitError):
            api.status("1")
        answer = self.get(sandbox, "/v1/trends/links")
        assert (answer.status_code, answer.json()) == (429, {"error": "Too many requests"})
        assert datetime.fromisoformat(answer.headers["X-RateLimit-Reset"]).tzinfo is not None

    def test_history_is_text(self, sandbox):
        """Days and uses of a trending link are strings."""
        day = self.get(sandbox, "/v1/trends/links").json()[0]["history"][0]
        assert {type(value) for value in day.values()} == {str}
        assert int(day["day"]) % 86400 == 0

    def test_limits_of_trends(self, sandbox):
        """10 links by default, 20 at most."""
        sizes = [len(self.get(sandbox, f"/v1/trends/links{end}").json()) for end in ("", "?limit=5", "?limit=99")]
        assert sizes[1] == 5
        assert sizes[0] <= 10
        assert sizes[2] <= 20

    @pytest.mark.parametrize(("asked", "words"), [("offset=1", twin.NO_PAGES), ("resolve=true", twin.NO_RESOLVING)])
    def test_strangers_search_little(self, sandbox, asked, words):
        """Anonymous searches find no posts, and are refused pages and resolving."""
        answer = self.get(sandbox, f"/v2/search?q=x&{asked}")
        assert (answer.status_code, answer.json()) == (401, {"error": words})
        assert self.get(sandbox, "/v2/search?q=x&type=statuses").json()["statuses"] == []

    def test_old_and_shy(self, sandbox, world):
        """Posts of old instances have no quotes; shy ones have a null, and no card."""
        shy = next(p for p in world.posts("mastodon") if p.is_shy and p.exists_at(LATER))
        body = httpx.get(f"{sandbox}/{LATER:%Y-%m-%d}/mastodon/api/v1/statuses/{shy.object_id}").json()
        assert (body["favourites_count"], body["card"]) == (None, None)
        assert "quotes_count" not in body
        old = self.get(sandbox, "/v1/statuses?id[]=1", headers={"Authorization": "Bearer old"})
        assert old.status_code == 404

    def test_deleted_posts_are_gone(self, world, sandbox):
        """A post is there from its first to its last day."""
        post = next(p for p in world.posts("mastodon") if p.deleted_day)
        days = post.published_at.date() + timedelta(days=1), post.deleted_day
        codes = [httpx.get(f"{sandbox}/{d}/mastodon/api/v1/statuses/{post.object_id}").status_code for d in days]
        assert codes == [200, 404]
