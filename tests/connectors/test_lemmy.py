"""Lemmy against its twins of 0.19 and 1.0: which questions an instance understands, spellings, ids, pythorhead."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pythorhead import Lemmy
from pythorhead.types import ListingType, SearchType, SortType
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.base import Ask, Post, Stream, parse_all
from connectors.errors import Gone, NotPermitted, RateLimited
from connectors.http import Answer
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb
from connectors.sandbox import lemmy as twin
from connectors.sandbox.server import build_app, running
from connectors.votes.lemmy import CONNECTOR, every_post, lemmy_error

BY_URL, BY_POST = CONNECTOR.streams
AT = datetime(2027, 2, 1, 12, tzinfo=UTC)  # by then a shy post is out, and another one is gone
SOME = "https://www.alder.example/a"
OLD = {
    "post": {"id": 7, "name": "A title", "url": SOME, "published": "2026-10-01T12:00:00.123456Z", "creator_id": 2},
    "creator": {"id": 2, "name": "alice"},
    "counts": {"post_id": 7, "comments": 14, "score": 95, "upvotes": 101, "downvotes": 6},
}  # fmt: skip
NEW = {
    "post": {
        "id": 7, "url": SOME, "published_at": "2026-10-01T12:00:00.123456Z",
        "comments": 14, "score": 95, "upvotes": 101, "downvotes": 6,
    },
    "creator": {"id": 2, "name": "alice"},
}  # fmt: skip
STORED = {"object_id": "7", "upvotes": 101, "comments": 14, "made_at": "2026-10-01T12:00:00.123456Z"}
both_servers = pytest.mark.parametrize("server", ["", "/one"], ids=["0.19", "1.0"])


def readings(stream: Stream, question: Ask) -> list[Observation]:
    """All observations of a question."""
    return parse_all(CONNECTOR, stream, list(stream.fetch(question)))


def by_verb(stream: Stream, payload: Any, status: Status = Status.OBSERVED) -> dict[Verb, tuple[int | None, Status]]:
    """What one stored row says of each verb."""
    return {o.verb: (o.count, o.status) for o in stream.parse([Raw("7", AT, status, SOME, payload)])}


@contextmanager
def server(answers: dict[str, Any], asked: list[str] | None = None) -> Any:
    """An instance that knows some paths only (after the version); a whole answer may be given instead of JSON."""

    async def respond(request: Request) -> Response:
        if asked is not None:
            asked.append(f"{request.url.path}?{request.url.query}")
        answer = answers.get(request.url.path)
        if isinstance(answer, Response):
            return answer
        return JSONResponse({"error": "unknown"}, 404) if answer is None else JSONResponse(answer)

    with running(Starlette(routes=[Route("/{path:path}", respond)])) as address:
        yield address


SITE = {"/api/v3/site": {"version": "0.19.20"}}


@pytest.fixture
def put(ask, sandbox):
    """A question to one of the twins as of AT."""

    def make(server: str = "", **more: Any) -> Ask:
        known = {"base_url": f"{sandbox}/{{day}}/lemmy{server}", "searches_per_day": 999} | more
        return ask(CONNECTOR, day=AT.date(), **known)

    return make


@pytest.fixture
def truth(world):
    """The posts of every page at that moment: page address -> posts."""
    return {p.url: world.posts_of("lemmy", p, AT) for p in world.pages}


class TestByUrl:
    """Discovery: which posts link to these pages."""

    @both_servers
    def test_every_post_of_every_page(self, put, truth, server):
        """With all spellings asked for, pages get all their posts, from either kind of server."""
        got = readings(BY_URL, put(server, urls=truth, spellings=4))
        assert {(o.url, o.object_id) for o in got if o.object_id} == {
            (url, post.object_id) for url, posts in truth.items() for post in posts
        }
        assert {p.url.startswith("http:") for posts in truth.values() for p in posts} == {True, False}

    @both_servers
    def test_counts_are_the_truth(self, put, truth, server):
        """Upvotes without downvotes, comments, one share per post; upvotes that do not come are hidden."""
        got = {(o.object_id, o.verb): o for o in readings(BY_URL, put(server, urls=truth, spellings=4)) if o.object_id}
        posts = [post for posts in truth.values() for post in posts]
        assert len(got) == 3 * len(posts)
        assert any(p.is_shy for p in posts)
        for post in posts:
            like = got[post.object_id, Verb.LIKE]
            assert (like.count, like.status) == (
                (None, Status.HIDDEN) if post.is_shy else (post.votes_at(AT), Status.OBSERVED)
            )
            assert got[post.object_id, Verb.COMMENT].count == twin.comments(post, AT)
            assert got[post.object_id, Verb.SHARE].count == 1
            assert like.published_at.replace(microsecond=0) == post.published_at
        assert {(o.basis, o.quality) for o in got.values()} == {(Basis.POST, Quality.LOWER_BOUND)}

    def test_a_page_without_posts_has_lower_bound_zeros(self, put, truth):
        """Nothing found is a 0 that may be too low, once per verb and without a post."""
        bare = [o for o in readings(BY_URL, put(urls=truth, spellings=4)) if not truth[o.url]]
        assert len(bare) == 3 * sum(not posts for posts in truth.values()) > 0
        facts = {(o.count, o.status, o.quality, o.basis, o.object_id) for o in bare}
        assert facts == {(0, Status.OBSERVED, Quality.LOWER_BOUND, Basis.POST, None)}

    @pytest.mark.parametrize("spellings", [1, 2, 4])
    def test_requests(self, put, truth, spellings):
        """One question for the version, then one per page and spelling; a page asked for twice is asked once."""
        question = put(urls=[*truth, *truth], spellings=spellings)
        list(BY_URL.fetch(question))
        assert question.meter.requests == 1 + spellings * len(truth)

    def test_no_question_no_request(self, put):
        """Nothing asked, nothing sent."""
        question = put()
        assert [list(BY_URL.fetch(question)), list(BY_POST.fetch(question))] == [[], []]
        assert question.meter.requests == 0

    def test_the_older_question_finds_nothing_on_a_newer_server(self, put, truth):
        """Why the version is asked for: told to be 0.19, a 1.0 server says of every page that it has no posts."""
        wrong = readings(BY_URL, put("/one", urls=truth, api="v3"))
        right = readings(BY_URL, put("/one", urls=truth))
        assert {o.object_id for o in wrong} == {None}
        assert any(o.object_id for o in right)

    @pytest.mark.parametrize(("api", "path"), [("v3", "/api/v3/search"), ("v4", "/api/v4/search")])
    def test_the_version_can_be_told(self, put, api, path):
        """With `api` set nobody asks for the version, and the question is of that kind."""
        asked: list[str] = []
        with server({path: {"posts": []}}, asked) as address:
            list(BY_URL.fetch(put(urls=[SOME], base_url=address, api=api, spellings=1)))
        assert [a.partition("?")[0] for a in asked] == [path]

    @pytest.mark.parametrize(
        ("version", "path"),
        [("0.19.20", "v3"), ("0.18.5", "v3"), ("1.0.0", "v4"), ("1.0.0-beta.3", "v4"), ("2.1.0", "v4")],
    )
    def test_the_version_decides(self, put, version, path):
        """Below 1 the older question is asked, from 1 on the newer one."""
        asked: list[str] = []
        with server({"/api/v3/site": {"version": version}}, asked) as address:
            list(BY_URL.fetch(put(urls=[SOME], base_url=address, spellings=1)))
        assert asked[1].startswith(f"/api/{path}/search?")

    def test_a_server_without_the_older_site(self, put):
        """When /api/v3 is gone altogether, /api/v4 tells the version."""
        with server({"/api/v4/site": {"version": "1.2.0"}, "/api/v4/search": {"posts": [NEW]}}) as address:
            got = readings(BY_URL, put(urls=[SOME], base_url=address))
        assert {o.object_id for o in got} == {"7"}

    @pytest.mark.parametrize("site", [{}, {"version": None}, {"version": "new"}, []])
    def test_no_version_is_a_bad_answer(self, put, site):
        """An instance that does not tell its version is not guessed about: pages and posts fail."""
        with server({"/api/v3/site": site}) as address:
            question = put(urls=[SOME, SOME + "/b"], posts=[Post("7", SOME)], base_url=address)
            rows = [*BY_URL.fetch(question), *BY_POST.fetch(question)]
        assert [r.error.partition(":")[0] for r in rows] == ["BadAnswer"] * 3
        assert "TALLYRANK_LEMMY_API" in rows[0].error

    def test_the_older_question(self, put):
        """Exactly the documented parameters."""
        asked: list[str] = []
        with server(SITE | {"/api/v3/search": {"posts": []}}, asked) as address:
            list(BY_URL.fetch(put(urls=["https://a.example/b"], base_url=address, spellings=1)))
        assert asked[1] == (
            "/api/v3/search?q=https%3A%2F%2Fa.example%2Fb&type_=Url&listing_type=All&sort=TopAll&page=1&limit=50"
        )

    @both_servers
    def test_small_pages_find_the_same(self, put, truth, server, monkeypatch):
        """However few posts a page of the search holds, the posts are the same."""
        whole = readings(BY_URL, put(server, urls=truth, spellings=4))
        monkeypatch.setattr("connectors.votes.lemmy.MOST", 1)
        small = readings(BY_URL, put(server, urls=truth, spellings=4))
        assert (set(small), len(small)) == (set(whole), len(whole))

    def test_strangers_and_doubles_are_left_out(self, put):
        """Posts about other pages are no votes for this one, and a post found by two spellings counts once."""
        other = OLD | {"post": OLD["post"] | {"id": 8, "url": SOME + "-2"}}
        with server(SITE | {"/api/v3/search": {"posts": [OLD, other]}}) as address:
            rows = list(BY_URL.fetch(put(urls=[SOME], base_url=address, spellings=4)))
        assert [r.payload["object_id"] for r in rows] == ["7"]

    def test_posts_without_addresses_are_a_bad_answer(self, put):
        """When posts come without `url`, nobody knows whether the page has posts."""
        bare = OLD | {"post": {"id": 7}}
        with server(SITE | {"/api/v3/search": {"posts": [bare]}}) as address:
            [row] = BY_URL.fetch(put(urls=[SOME], base_url=address))
        assert row.error.startswith("BadAnswer: no post found by its address has a `url`")

    def test_what_is_no_address_fails_in_words(self, put, world):
        """A line that is no web address fails by itself."""
        rows = {r.subject: r for r in BY_URL.fetch(put(urls=["mailto:a@b.example", world.pages[0].url]))}
        assert rows["mailto:a@b.example"].error == "BadRequest: this is not a web address"
        assert rows[world.pages[0].url].status is Status.OBSERVED

    @both_servers
    def test_nothing_of_people_is_kept(self, put, truth, server):
        """Creators, titles and communities are not stored."""
        rows = list(BY_URL.fetch(put(server, urls=truth)))
        assert {key for r in rows for key in r.payload} == {*STORED, "posts"}
        told = json.dumps([r.payload for r in rows])
        assert not re.search("visitor|invented|technology", told, re.IGNORECASE)

    @pytest.mark.parametrize(("field", "verb"), [("upvotes", Verb.LIKE), ("comments", Verb.COMMENT)])
    @both_servers
    def test_a_renamed_counter_degrades_its_verb(self, put, fault, truth, server, field, verb):
        """Without one counter its verb is hidden; the others stay."""
        url = next(url for url, posts in truth.items() if posts and not any(p.is_shy for p in posts))
        fault("lemmy", f"rename:{field}")
        got = [o for o in readings(BY_URL, put(server, urls=[url], spellings=4)) if o.object_id]
        assert {o.verb for o in got if o.status is not Status.OBSERVED} == {verb}


class TestByPost:
    """Refresh: the counters of known posts."""

    def posts(self, world: Any) -> list[Post]:
        """Every post of the world, published yet or not, deleted or not."""
        return [Post(p.object_id, p.url, p.published_at) for p in world.posts("lemmy")]

    @both_servers
    def test_both_streams_agree(self, put, world, truth, server):
        """A post has the same numbers whether it was searched for or refreshed; the rest is not found."""
        found = readings(BY_URL, put(server, urls=truth, spellings=4))
        again = readings(BY_POST, put(server, posts=self.posts(world)))
        numbers = [{(o.object_id, o.verb): (o.count, o.status) for o in got if o.object_id} for got in (found, again)]
        assert numbers[0].items() <= numbers[1].items()
        assert {numbers[1][key] for key in numbers[1].keys() - numbers[0].keys()} == {(None, Status.NOT_FOUND)}
        assert any(p.deleted_day and p.deleted_day <= AT.date() for p in world.posts("lemmy"))

    def test_requests(self, put, world):
        """One question for the version, then one per post."""
        question = put(posts=self.posts(world))
        list(BY_POST.fetch(question))
        assert question.meter.requests == 1 + len(world.posts("lemmy"))

    @pytest.mark.parametrize(
        ("post", "status"),
        [
            ({}, Status.OBSERVED),
            ({"deleted": True}, Status.NOT_FOUND),
            ({"removed": True}, Status.NOT_FOUND),
            ({"deleted": False, "removed": False}, Status.OBSERVED),
            ({"url": SOME + "/other"}, Status.NOT_FOUND),
            ({"url": None}, Status.NOT_FOUND),
            ({"url": SOME + "/?utm_source=x"}, Status.OBSERVED),
        ],
    )
    def test_what_is_there(self, put, post, status):
        """Deleted, removed, or about another page than it was (or of another instance): not found."""
        view = OLD | {"post": OLD["post"] | post}
        with server(SITE | {"/api/v3/post": {"post_view": view}}) as address:
            [row] = BY_POST.fetch(put(posts=[Post("7", SOME)], base_url=address))
        assert row.status is status

    def test_a_post_of_unknown_page_gets_its_link(self, put):
        """The id alone is enough: the page is the post's link."""
        with server(SITE | {"/api/v3/post": {"post_view": OLD}}) as address:
            [row] = BY_POST.fetch(put(posts=[Post("7", "")], base_url=address))
        assert (row.url, row.payload["upvotes"]) == (SOME, 101)

    @pytest.mark.parametrize("wrong", ["x", "-1", "7&community_id=1", ""])
    def test_what_is_no_id_fails_alone(self, put, wrong):
        """An id of another form fails by itself, unasked."""
        asked: list[str] = []
        with server(SITE, asked) as address:
            [row] = BY_POST.fetch(put(posts=[Post(wrong, SOME)], base_url=address))
        assert row.error == "BadRequest: no id of a post (a number)"
        assert len(asked) == 1

    @pytest.mark.parametrize("answer", [{}, {"post_view": {}}, {"post_view": OLD | {"post": {"id": 8}}}, []])
    def test_another_answer_is_not_taken_for_it(self, put, answer):
        """An answer about no post or another post fails."""
        with server(SITE | {"/api/v3/post": answer}) as address:
            [row] = BY_POST.fetch(put(posts=[Post("7", SOME)], base_url=address))
        assert row.error == "BadAnswer: the answer is not the post that was asked for"

    def test_one_that_fails_leaves_the_others(self, put, fault, world):
        """A post whose answer cannot be read fails alone."""
        posts = [p for p in self.posts(world) if world.post("lemmy", p.object_id).exists_at(AT)][:2]
        fault("lemmy", "html", times=1)
        rows = list(BY_POST.fetch(put(posts=posts, api="v3")))
        assert [r.status for r in rows] == [Status.FAILED, Status.OBSERVED]


class TestErrors:
    """Every refusal has its class, says what happened, and leaves no number."""

    @pytest.mark.parametrize("stream", [BY_URL, BY_POST], ids=lambda s: s.name)
    @pytest.mark.parametrize(
        ("status", "body", "kind"),
        [
            (400, {"error": "rate_limit_error"}, "RateLimited"),
            (429, {"error": "rate_limit_error"}, "RateLimited"),
            (429, {"error": "too_many_requests"}, "RateLimited"),
            (400, {"error": "couldnt_get_posts"}, "BadRequest"),
            (400, {"error": "invalid_fetch_limit"}, "BadRequest"),
            (400, {"error": "instance_is_private"}, "NotPermitted"),
            (401, {"error": "incorrect_login"}, "AuthError"),
            (403, {"error": "unknown", "message": "no"}, "NotPermitted"),
            (502, {"error": "unknown"}, "Unavailable"),
            (200, {"error": "unknown"}, "BadAnswer"),
            (200, [], "BadAnswer"),
            (200, {"posts": [{"counts": {}}], "post_view": {"counts": {}}}, "BadAnswer"),
        ],
    )
    def test_classes(self, put, stream, status, body, kind):
        """The row names the class and the instance's word."""
        answer = JSONResponse(body, status)
        with server(SITE | {"/api/v3/search": answer, "/api/v3/post": answer}) as address:
            question = put(urls=[SOME], posts=[Post("7", SOME)], base_url=address, retries=0)
            [row] = stream.fetch(question)
        assert row.error.startswith(f"{kind}: ")
        assert status == 200 or body["error"] in row.error
        assert {o.count for o in parse_all(CONNECTOR, stream, [row])} == {None}

    @pytest.mark.parametrize(("status", "word"), [(400, "couldnt_find_post"), (404, "not_found"), (404, "other")])
    def test_a_post_that_is_gone(self, status, word):
        """Both servers' words for a post that is not there, and a plain 404."""
        assert isinstance(lemmy_error(Answer("lemmy", status, {}, f'{{"error": "{word}"}}')), Gone)

    def test_the_limit_tells_no_time(self):
        """No header says when to come again: nobody knows."""
        error = lemmy_error(Answer("lemmy", 400, {}, '{"error":"rate_limit_error"}'))
        assert isinstance(error, RateLimited)
        assert error.retry_after is None

    def test_a_private_instance_ends_the_asking(self, put, truth):
        """An instance that answers members only is asked once, and the rows say what to do."""
        question = put("/private", urls=truth)
        rows = list(BY_URL.fetch(question))
        assert {r.error.partition(":")[0] for r in rows} == {"NotPermitted"}
        assert "base_url" in rows[0].error
        assert (len(rows), question.meter.requests) == (len(truth), 2)
        assert not NotPermitted("lemmy", "another one").is_fatal

    @both_servers
    def test_too_many_searches(self, put, world, server):
        """The search after the last one allowed fails as RateLimited, on either server; reading posts goes on."""
        app = build_app(world)
        app.state.stage.window(f"lemmy {'one' if server else 'old'} search", twin.SEARCHES, 600, cost=59)
        with running(app) as address:
            base = f"{address}/{{day}}/lemmy{server}"
            question = put(urls=[SOME, SOME + "/b"], base_url=base, spellings=1, retries=2)
            rows = list(BY_URL.fetch(question))
            known = list(BY_POST.fetch(put(posts=[Post("1", SOME)], base_url=base)))
        assert [r.status for r in rows] == [Status.OBSERVED, Status.FAILED]
        assert rows[1].error.startswith("RateLimited: HTTP 429" if server else "RateLimited: HTTP 400")
        assert question.meter.requests == 5
        assert [r.status for r in known] == [Status.NOT_FOUND]


class TestParse:
    """Reading stored rows, without a network."""

    @pytest.mark.parametrize("stream", [BY_URL, BY_POST], ids=lambda s: s.name)
    def test_a_post(self, stream):
        """The three verbs of a post."""
        assert by_verb(stream, STORED) == {
            Verb.LIKE: (101, Status.OBSERVED), Verb.COMMENT: (14, Status.OBSERVED), Verb.SHARE: (1, Status.OBSERVED)
        }  # fmt: skip

    @pytest.mark.parametrize("view", [OLD, NEW], ids=["0.19", "1.0"])
    def test_both_shapes_are_kept_alike(self, put, view):
        """Counters beside the post or inside it, dates by either name: the same is stored."""
        api = "v3" if view is OLD else "v4"
        with server({f"/api/{api}/search": {"posts": [view]}}) as address:
            [row] = BY_URL.fetch(put(urls=[SOME], base_url=address, api=api))
        assert row.payload == STORED

    @pytest.mark.parametrize("payload", [None, [], "x", {}, {"posts": None}, {"posts": 3}, {"upvotes": 0}])
    def test_no_post_and_no_word_of_none_is_failed(self, payload):
        """Only a row that says "no posts" becomes zeros."""
        assert set(by_verb(BY_URL, payload).values()) == {(None, Status.FAILED)}

    def test_gone(self):
        """A post that vanished is not found for every verb, shares included, and keeps its known time."""
        row = Raw("7", AT, Status.NOT_FOUND, SOME, {"published_at": "2026-10-01T12:00:00+00:00"})
        observed = list(BY_POST.parse([row]))
        assert {(o.status, o.object_id, o.published_at.day) for o in observed} == {(Status.NOT_FOUND, "7", 1)}
        assert len(observed) == 3

    @pytest.mark.parametrize("time", ["", "yesterday", 7, None, "9999-99-99"])
    def test_unreadable_times_are_unknown(self, time):
        """A time that cannot be read is unknown; the counts stay."""
        observed = list(BY_URL.parse([Raw("7", AT, url=SOME, payload=STORED | {"made_at": time})]))
        assert {o.published_at for o in observed} == {None}
        assert {o.status for o in observed} == {Status.OBSERVED}

    def test_a_time_without_a_zone_is_utc(self):
        """Old servers write times without a zone."""
        row = Raw("7", AT, url=SOME, payload=STORED | {"made_at": "2026-10-01T12:00:00"})
        assert {o.published_at for o in BY_URL.parse([row])} == {datetime(2026, 10, 1, 12, tzinfo=UTC)}


@given(st.lists(st.integers(0, 30), max_size=60), st.integers(1, 7))
def test_pages_lose_and_repeat_nothing(numbers, size):
    """Any posts on pages of any size, one of them seen on two pages: each comes exactly once."""
    listed = [{"post": {"id": n}} for n in dict.fromkeys(numbers)]
    shifted = listed[:size] + listed[max(size - 1, 0) :] if size > 1 else listed

    def page(start: Any) -> tuple[list[dict[str, Any]], Any]:
        begin = start or 0
        return shifted[begin : begin + size], begin + size if begin + size < len(shifted) else None

    assert list(every_post(page, 10_000)) == listed


def test_a_search_that_turns_in_circles_ends():
    """A page that brings nothing new is the last."""
    assert len(list(every_post(lambda _: ([{"post": {"id": 1}}], "again"), 10_000))) == 1


class TestTwin:
    """The twin behaves as the contract says, also in the eyes of pythorhead."""

    @pytest.fixture
    def api(self, sandbox) -> Lemmy:
        """pythorhead as it is, pointed at the twin of 0.19 by its own option."""
        return Lemmy(f"{sandbox}/{AT:%Y-%m-%d}/lemmy", raise_exceptions=True)

    def get(self, sandbox: str, path: str, **params: Any) -> httpx.Response:
        """A plain request to a twin."""
        return httpx.get(f"{sandbox}/{AT:%Y-%m-%d}/lemmy{path}", params=params)

    def test_the_client_knows_the_software(self, api):
        """Nodeinfo and site name Lemmy and its version."""
        assert str(api.instance_version) == "0.19.20"
        assert api.site.get()["version"] == "0.19.20"

    def test_the_client_searches(self, api, truth):
        """Search by address finds the posts with exactly this address, the best first."""
        [post, *_] = next(posts for posts in truth.values() if len(posts) > 1)
        found = api.search(post.url, type_=SearchType.Url, listing_type=ListingType.All, sort=SortType.TopAll, limit=50)
        views = found["posts"]
        assert {v["post"]["url"] for v in views} == {post.url}
        assert post.votes_at(AT) in [v["counts"].get("upvotes") for v in views]
        assert [v["counts"]["score"] for v in views] == sorted((v["counts"]["score"] for v in views), reverse=True)

    def test_the_client_reads_a_post(self, api, world):
        """A post by id has the same counters; one that is deleted is not found."""
        post = next(p for p in world.posts("lemmy") if p.exists_at(AT))
        gone = next(p for p in world.posts("lemmy") if p.published_at < AT and not p.exists_at(AT))
        assert api.post.get(int(post.object_id))["post_view"]["counts"]["comments"] == twin.comments(post, AT)
        with pytest.raises(Exception, match="couldnt_find_post"):
            api.post.get(int(gone.object_id))

    @pytest.mark.parametrize("wrong", [{"limit": 51}, {"limit": 0}, {"page": 0}])
    def test_the_client_is_refused(self, api, wrong):
        """More than 50 posts at once, and what is no page, are refused."""
        with pytest.raises(Exception, match="couldnt_get_posts"):
            api.search("x", type_=SearchType.Url, **wrong)

    def test_a_newer_server_ignores_the_address(self, sandbox, truth):
        """The older search of a 1.0 server finds nothing, the newer one does, whatever tracking is attached."""
        url = next(p.url for posts in truth.values() for p in posts)
        old = self.get(sandbox, "/one/api/v3/search", q=url, type_="Url").json()
        new = self.get(sandbox, "/one/api/v4/search", search_term=f"{url}?utm_source=x", post_url_only="true").json()
        assert old["posts"] == []
        assert new["posts"][0]["post"]["url"] == url
        assert "counts" not in new["posts"][0]

    def test_both_tell_their_version(self, sandbox):
        """The older site page works on both servers."""
        versions = [self.get(sandbox, f"{place}/api/v3/site").json()["version"] for place in ("", "/one")]
        assert versions == ["0.19.20", "1.0.0-beta.3"]
        assert self.get(sandbox, "/api/v4/site").status_code == 404

    def test_newer_refusals(self, sandbox):
        """51 posts at once are refused by the newer word, a missing post with 404."""
        many = self.get(sandbox, "/one/api/v4/search", search_term="x", limit=51)
        none = self.get(sandbox, "/one/api/v4/post", id=1)
        assert (many.status_code, many.json()) == (400, {"error": "invalid_fetch_limit"})
        assert (none.status_code, none.json()) == (404, {"error": "not_found"})

    def test_a_deleted_post_is_shown_as_deleted(self, sandbox, world):
        """A 1.0 server still shows a deleted post by id."""
        gone = next(p for p in world.posts("lemmy") if p.published_at < AT and not p.exists_at(AT))
        view = self.get(sandbox, "/one/api/v4/post", id=gone.object_id).json()["post_view"]
        assert view["post"]["deleted"] is True

    def test_the_private_door(self, sandbox):
        """The private instance tells its version and nothing else."""
        assert self.get(sandbox, "/private/api/v3/site").status_code == 200
        assert self.get(sandbox, "/private/api/v3/search", q="x").json() == {"error": "instance_is_private"}
