"""Bluesky against its twin: search without pages, posts by id, Constellation's backlinks, and atproto as a witness."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import atproto
import httpx
import pytest
from atproto_client.exceptions import BadRequestError, RateLimitExceededError, UnauthorizedError
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from connectors.base import Ask, Post, Stream, parse_all
from connectors.constellation import linking_posts
from connectors.errors import AuthError, ConfigurationError, NotPermitted, RateLimited
from connectors.http import Answer, Pace
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb
from connectors.sandbox import bluesky as twin
from connectors.sandbox.server import running
from connectors.votes.bluesky import (
    CONNECTOR,
    _pause,
    bluesky_error,
    links_of,
    posts_back_in_time,
)

BY_URL, BACKLINKS, BY_POST = CONNECTOR.streams
DAY = datetime(2027, 2, 1, 12, tzinfo=UTC).date()  # by then shy posts are out, and others are gone
AT = datetime(2027, 2, 1, 12, tzinfo=UTC)
SOME = "https://www.alder.example/a"
URI = "at://did:plc:abc/app.bsky.feed.post/3kxyz"
POST = {
    "uri": URI, "cid": "bafy", "author": {"did": "did:plc:abc", "handle": "alice.bsky.social", "displayName": "Alice"},
    "record": {"text": "read this", "createdAt": "2026-10-01T12:00:00.000Z"},
    "embed": {"$type": "app.bsky.embed.external#view", "external": {"uri": SOME, "title": "A"}},
    "bookmarkCount": 1, "replyCount": 2, "repostCount": 5, "likeCount": 31, "quoteCount": 3,
    "indexedAt": "2026-10-01T12:00:01.000Z",
}  # fmt: skip
STORED = {"object_id": URI, "likeCount": 31, "replyCount": 2, "repostCount": 5, "quoteCount": 3, "bookmarkCount": 1}
SHUT = HTMLResponse(twin.SHUT, 403)


def readings(stream: Stream, question: Ask) -> list[Observation]:
    """All observations of a question."""
    return parse_all(CONNECTOR, stream, list(stream.fetch(question)))


def by_verb(stream: Stream, payload: Any, status: Status = Status.OBSERVED) -> dict[Verb, tuple[int | None, Status]]:
    """What one stored row says of each verb."""
    return {o.verb: (o.count, o.status) for o in stream.parse([Raw(URI, AT, status, SOME, payload)])}


@contextmanager
def service(answer: Any, asked: list[Request] | None = None) -> Iterator[str]:
    """A service that gives one answer (or what a function makes of the request) to every question."""

    async def respond(request: Request) -> Response:
        if asked is not None:
            asked.append(request)
        made = answer(request) if callable(answer) and not isinstance(answer, Response) else answer
        return made if isinstance(made, Response) else JSONResponse(made)

    with running(Starlette(routes=[Route("/{path:path}", respond, methods=["GET", "POST"])])) as address:
        yield address


@pytest.fixture
def put(ask):
    """A question to the twin as of DAY."""
    return lambda **more: ask(CONNECTOR, day=DAY, **more)


@pytest.fixture
def truth(world):
    """The posts of every page on DAY: page address -> posts."""
    return {p.url: world.posts_of("bluesky", p, AT) for p in world.pages}


def ids(observed: list[Observation]) -> set[tuple[str | None, str]]:
    """Which posts were found for which page."""
    return {(o.url, o.object_id) for o in observed if o.object_id}


class TestByUrl:
    """Discovery by search."""

    def test_every_post_of_every_page(self, put, truth):
        """Pages get all their posts, wherever the link stands, and no stranger's."""
        got = readings(BY_URL, put(urls=truth))
        assert ids(got) == {(url, twin.uri_of(p)) for url, posts in truth.items() for p in posts}
        assert {twin.places(p) for posts in truth.values() for p in posts} == {
            (twin.CARD, twin.TEXT), (twin.TEXT,), (twin.CARD,), (twin.MEDIA_CARD,)
        }  # fmt: skip

    def test_counts_are_the_truth(self, put, truth):
        """A share is the post itself, its reposts and its quotes; counters that do not come are hidden."""
        got = {(o.object_id, o.verb): o for o in readings(BY_URL, put(urls=truth)) if o.object_id}
        posts = [post for posts in truth.values() for post in posts]
        assert len(got) == 4 * len(posts)
        assert any(p.is_shy for p in posts)
        for post in posts:
            read = {verb: got[twin.uri_of(post), verb] for verb in CONNECTOR.verbs}
            assert {o.published_at for o in read.values()} == {post.published_at}
            if post.is_shy:
                assert {(o.count, o.status) for o in read.values()} == {(None, Status.HIDDEN)}
                continue
            assert {verb: o.count for verb, o in read.items()} == {
                Verb.SHARE: 1 + twin.reposts(post, AT) + twin.quotes(post, AT), Verb.LIKE: post.votes_at(AT),
                Verb.COMMENT: twin.replies(post, AT), Verb.SAVE: twin.bookmarks(post, AT),
            }  # fmt: skip
        assert {(o.basis, o.quality) for o in got.values()} == {(Basis.POST, Quality.EXACT)}

    def test_a_page_without_posts_has_lower_bound_zeros(self, put, truth):
        """Nothing found is a 0 that may be too low, once per verb and without a post."""
        bare = [o for o in readings(BY_URL, put(urls=truth)) if not truth[o.url]]
        assert len(bare) == 4 * sum(not posts for posts in truth.values()) > 0
        facts = {(o.count, o.status, o.quality, o.basis, o.object_id) for o in bare}
        assert facts == {(0, Status.OBSERVED, Quality.LOWER_BOUND, Basis.POST, None)}

    def test_a_thousand_requests_for_a_thousand_pages(self, put, truth):
        """One request per page while no page has more than 100 posts; a page asked for twice is asked once."""
        question = put(urls=[*truth, *truth])
        list(BY_URL.fetch(question))
        assert question.meter.requests == len(truth)

    def test_more_posts_than_a_page_holds(self, put, truth, monkeypatch):
        """Strangers read on by moving `until`, never by the cursor that they may not send."""
        whole = readings(BY_URL, put(urls=truth))
        assert max(map(len, truth.values())) > 1
        monkeypatch.setattr(twin, "PAGE", 1)
        question = put(urls=truth, pages_per_url=99)
        small = readings(BY_URL, question)
        assert (set(small), len(small)) == (set(whole), len(whole))
        assert question.meter.requests > len(truth)

    def test_pages_stop_where_the_settings_say(self, put):
        """A page with posts without end is read so many times and no more."""
        asked: list[Request] = []

        def more(request: Request) -> Any:
            made = f"2026-10-01T12:00:{59 - len(asked):02}.000Z"
            record = {"createdAt": made}
            return {"cursor": "x", "posts": [POST | {"uri": f"{URI}{len(asked)}", "record": record, "indexedAt": made}]}

        with service(more, asked) as address:
            rows = list(BY_URL.fetch(put(urls=[SOME], base_url=address, pages_per_url=3)))
        assert (len(rows), len(asked)) == (3, 3)
        assert [r.query_params.get("until") for r in asked] == [
            None, "2026-10-01T12:00:58.001000Z", "2026-10-01T12:00:57.001000Z"
        ]  # fmt: skip
        assert not any("cursor" in r.query_params for r in asked)

    @pytest.mark.parametrize(("query", "q"), [("*", "*"), ("{url}", SOME)])
    def test_the_question(self, put, query, q):
        """The address goes into `url`; what goes into the required `q` can be chosen."""
        asked: list[Request] = []
        with service({"posts": []}, asked) as address:
            list(BY_URL.fetch(put(urls=[SOME], base_url=f"{address}/xrpc", query=query)))
        [request] = asked
        assert request.url.path == "/xrpc/app.bsky.feed.searchPosts"
        assert dict(request.query_params) == {"q": q, "url": SOME, "sort": "latest", "limit": "100"}

    def test_strangers_are_left_out(self, put):
        """Search matches loosely: posts about other pages are no votes for this one."""
        other = POST | {"uri": f"{URI}2", "embed": {"external": {"uri": f"{SOME}-2"}}}
        with service({"posts": [other, POST]}) as address:
            got = readings(BY_URL, put(urls=[SOME], base_url=address))
        assert {o.object_id for o in got} == {URI}

    @pytest.mark.parametrize(
        "post",
        [
            {"embed": {"external": {"uri": SOME}}},
            {"record": {"embed": {"external": {"uri": SOME}}}},
            {"record": {"embed": {"media": {"external": {"uri": SOME}}}}},
            {"embed": {"media": {"external": {"uri": SOME}}}},
            {"record": {"facets": [{"features": [{"tag": "x"}, {"uri": SOME}]}]}},
        ],
    )
    def test_where_links_stand(self, post):
        """In the card, in the card beside a quote, and in the text."""
        assert set(links_of(post)) == {SOME}

    @pytest.mark.parametrize("post", [{}, {"record": 3, "embed": "x"}, {"record": {"facets": [7, {"features": None}]}}])
    def test_odd_posts_have_no_links(self, post):
        """A post of another shape links to nothing."""
        assert links_of(post) == []

    def test_posts_without_any_link_are_a_bad_answer(self, put):
        """When posts come without links, a field was renamed: nobody knows whether the page has posts."""
        with service({"posts": [POST | {"embed": None}]}) as address:
            [row] = BY_URL.fetch(put(urls=[SOME], base_url=address))
        assert row.error.startswith("BadAnswer: no post found by its link has a link")

    def test_older_posts_need_times(self, put):
        """Where there is more but posts have no time, the page fails instead of ending early."""
        timeless = {k: v for k, v in POST.items() if k not in ("record", "indexedAt")}
        with service({"cursor": "x", "posts": [timeless]}) as address:
            [row] = BY_URL.fetch(put(urls=[SOME], base_url=address))
        assert row.error.startswith("BadAnswer: a post has no time")

    def test_what_is_no_address_fails_in_words(self, put, world):
        """A line that is no web address fails by itself, and no request is made for it."""
        question = put(urls=["mailto:a@b.example", world.pages[0].url])
        rows = {r.subject: r for r in BY_URL.fetch(question)}
        assert rows["mailto:a@b.example"].error == "BadRequest: this is not a web address"
        assert rows[world.pages[0].url].status is Status.OBSERVED
        assert question.meter.requests == 1

    def test_nothing_of_people_is_kept(self, put, truth):
        """Handles, names and words are not stored; the id of a post is its only trace of an account."""
        rows = [r for s in (BY_URL, BACKLINKS) for r in s.fetch(put(urls=truth, constellation_per_day=99))]
        assert {key for r in rows for key in r.payload} == {*STORED, "created_at", "indexed_at", "posts"}
        told = json.dumps([{**r.payload, "object_id": None} for r in rows])
        assert not re.search("visitor|invented|did:|read this", told, re.IGNORECASE)

    @pytest.mark.parametrize("field", ["likeCount", "replyCount", "bookmarkCount"])
    def test_a_renamed_counter_degrades_its_verb(self, put, fault, truth, field):
        """Without one counter its verb is hidden; the others stay."""
        fault("bluesky", f"rename:{field}")
        url = next(url for url, posts in truth.items() if posts and not any(p.is_shy for p in posts))
        got = readings(BY_URL, put(urls=[url]))
        lost = {o.verb for o in got if o.status is not Status.OBSERVED}
        assert {CONNECTOR.verbs[verb].native for verb in lost} == {field}


class TestShutOut:
    """Search that is switched off for strangers, and the ways around it."""

    def test_a_closed_door_ends_the_search(self, put):
        """An HTML 403 is told with what to do about it, and the other pages are not asked about."""
        asked: list[Request] = []
        with service(SHUT, asked) as address:
            rows = list(BY_URL.fetch(put(urls=[f"{SOME}{n}" for n in range(9)], base_url=address)))
        assert {r.error.partition(":")[0] for r in rows} == {"ConfigurationError"}
        assert "TALLYRANK_BLUESKY_IDENTIFIER" in rows[0].error
        assert (len(rows), len(asked)) == (9, 1)

    def test_the_second_host_is_asked(self, put):
        """Where the first host shuts us out the second is asked, from then on alone."""
        shut: list[Request] = []
        with service(SHUT, shut) as first, service({"posts": [POST]}) as second:
            question = put(urls=[SOME, SOME + "/"], base_url=first, second_url=second)
            rows = list(BY_URL.fetch(question))
        assert [r.status for r in rows] == [Status.OBSERVED] * 2
        assert (len(shut), question.meter.requests) == (1, 3)

    def test_two_closed_doors(self, put):
        """When both are shut, it ends."""
        with service(SHUT) as first, service(SHUT) as second:
            question = put(urls=[SOME, SOME + "/b"], base_url=first, second_url=second, concurrency=2)
            rows = list(BY_URL.fetch(question))
        assert {r.error.partition(":")[0] for r in rows} == {"ConfigurationError"}

    def test_known_posts_outlive_it(self, put):
        """Posts by address are another question, and are still read."""

        def half(request: Request) -> Any:
            return SHUT if "search" in request.url.path else {"posts": [POST]}

        with service(half) as address:
            question = put(urls=[SOME], posts=[Post(URI, SOME)], base_url=address)
            rows = [*BY_URL.fetch(question), *BY_POST.fetch(question)]
        assert [r.status for r in rows] == [Status.FAILED, Status.OBSERVED]

    def test_the_usual_hosts(self, put):
        """Nobody needs to name a host: strangers ask the AppView at two addresses, accounts ask their PDS."""
        stranger = CONNECTOR.settings(_env_file=None)
        assert stranger.hosts() == ("https://public.api.bsky.app", "https://api.bsky.app")
        assert stranger.index() == "https://constellation.microcosm.blue"
        account = CONNECTOR.settings(_env_file=None, identifier="a.example", password="b")
        assert account.hosts() == ("https://bsky.social",)
        elsewhere = put(urls=[]).settings
        assert elsewhere.hosts() == (elsewhere.base_url,)
        assert elsewhere.index() == elsewhere.base_url

    def test_signing_in(self, put, truth):
        """With an account the same posts are found, after one request more."""
        question = put(urls=truth, identifier="me.example", password="app-pass")
        assert set(readings(BY_URL, question)) == set(readings(BY_URL, put(urls=truth)))
        assert question.meter.requests == len(truth) + 1

    @pytest.mark.parametrize(("password", "requests"), [("wrong", 1), ("stale", 2)])
    def test_a_refused_sign_in_ends_it(self, put, truth, password, requests):
        """A wrong password and an expired token are AuthErrors, without the password, and nothing more is asked."""
        question = put(urls=truth, identifier="me.example", password=password)
        rows = list(BY_URL.fetch(question))
        assert {r.error.partition(":")[0] for r in rows} == {"AuthError"}
        assert not any(f"'{password}'" in r.error for r in rows)
        assert question.meter.requests == requests

    @pytest.mark.parametrize("answer", [{}, [], {"accessJwt": 7}, {"accessJwt": ""}])
    def test_a_sign_in_without_a_token(self, put, answer):
        """Signing in that gives no token is a bad answer."""
        with service(answer) as address:
            [row] = BY_URL.fetch(put(urls=[SOME], base_url=address, identifier="a", password="b"))
        assert row.error == "BadAnswer: signing in gave no `accessJwt`"


class TestBacklinks:
    """Discovery by Constellation."""

    def test_off_unless_asked_for(self, put, truth):
        """Nothing is asked by default."""
        question = put(urls=truth)
        assert list(BACKLINKS.fetch(question)) == []
        assert question.meter.requests == 0

    def test_the_same_posts_as_search(self, put, truth):
        """Every post is found once, also one that holds its link in two places, with the same counters."""
        found, searched = (readings(s, put(urls=truth, constellation_per_day=99)) for s in (BACKLINKS, BY_URL))
        assert (set(found), len(found)) == (set(searched), len(searched))
        twice = [p for posts in truth.values() for p in posts if len(twin.places(p)) == 2]
        assert twice

    def test_without_the_deprecated_count(self, put, truth):
        """When the count of places is gone, the known places are asked instead."""
        with service(
            lambda r: Response(b"", 404) if "links/all" in r.url.path else {"records": [], "cursor": None}
        ) as a:
            question = put(urls=[SOME], constellation_per_day=1, constellation_url=a)
            rows = list(BACKLINKS.fetch(question))
        assert [r.payload for r in rows] == [{"posts": 0}]
        assert question.meter.requests == 4 * 5

    def test_sources_have_no_leading_dot(self, put):
        """Places are written with a dot and asked for without; the limit is always sent, and JSON is asked for."""
        asked: list[Request] = []

        def answer(request: Request) -> Any:
            if "count" in request.url.path:
                return {"links": {"app.bsky.feed.post": {".embed.external.uri": 1}, "app.bsky.feed.like": {".x": 9}}}
            return {"total": 0, "records": [], "cursor": None}

        with service(answer, asked) as address:
            question = put(urls=[SOME], constellation_per_day=1, constellation_url=address, contact="me@a.example")
            list(BACKLINKS.fetch(question))
        links = [r for r in asked if "getBacklinks" in r.url.path]
        assert {r.query_params["source"] for r in links} == {"app.bsky.feed.post:embed.external.uri"}
        assert {r.query_params["limit"] for r in links} == {"100"}
        assert len({r.query_params["subject"] for r in links}) == len(links) == 4
        assert {r.headers["accept"] for r in asked} == {"application/json"}
        assert {r.headers["user-agent"].split()[-1] for r in asked} == {"me@a.example"}

    @pytest.mark.parametrize(
        ("answer", "kind"),
        [
            (Response(b"", 400), "BadRequest"),
            (Response(b"", 500), "Unavailable"),
            (HTMLResponse("<p>constellation"), "BadAnswer"),
            ({}, "BadAnswer"),
            ({"links": {"app.bsky.feed.post": {".embed.external.uri": 1}}, "records": [{"did": "x"}]}, "BadAnswer"),
        ],
    )
    def test_errors(self, put, answer, kind):
        """Each refusal is a failed row that names the class."""
        with service(answer) as address:
            question = put(urls=[SOME], constellation_per_day=1, constellation_url=address, retries=0)
            [row] = BACKLINKS.fetch(question)
        assert row.error.startswith(f"{kind}: ")

    def test_what_is_no_address_fails_in_words(self, put):
        """A line that is no web address fails by itself."""
        [row] = BACKLINKS.fetch(put(urls=["mailto:a@b.example"], constellation_per_day=1))
        assert row.error == "BadRequest: this is not a web address"


class TestByPost:
    """Refresh: the counters of known posts."""

    def posts(self, world: Any) -> list[Post]:
        """Every post of the world, published yet or not, deleted or not."""
        return [Post(twin.uri_of(p), p.url, p.published_at) for p in world.posts("bluesky")]

    def test_both_streams_agree(self, put, world, truth):
        """A post has the same numbers whether it was searched for or refreshed; the rest is not found."""
        found = {(o.object_id, o.verb): (o.count, o.status) for o in readings(BY_URL, put(urls=truth)) if o.object_id}
        again = {(o.object_id, o.verb): (o.count, o.status) for o in readings(BY_POST, put(posts=self.posts(world)))}
        assert found.items() <= again.items()
        assert {again[key] for key in again.keys() - found.keys()} == {(None, Status.NOT_FOUND)}
        assert any(p.deleted_day and p.deleted_day <= DAY for p in world.posts("bluesky"))

    @pytest.mark.parametrize(("number", "requests"), [(0, 0), (1, 1), (25, 1), (26, 2)])
    def test_twenty_five_in_a_request(self, put, number, requests):
        """25 posts go into one request; unknown ones are rows that say so."""
        question = put(posts=[Post(f"{URI}{n}", SOME) for n in range(number)])
        rows = list(BY_POST.fetch(question))
        assert [(r.subject, r.status) for r in rows] == [(f"{URI}{n}", Status.NOT_FOUND) for n in range(number)]
        assert question.meter.requests == requests

    @pytest.mark.parametrize("wrong", ["3kxyz", "https://bsky.app/profile/a/post/b", "at://did:plc:abc/other/x", ""])
    def test_what_is_no_post_fails_alone(self, put, wrong):
        """An id of another form fails by itself: one of them would spoil a whole batch."""
        question = put(posts=[Post(wrong, SOME), Post(URI, SOME)])
        rows = {r.subject: r.status for r in BY_POST.fetch(question)}
        assert rows == {wrong: Status.FAILED, URI: Status.NOT_FOUND}

    def test_a_post_of_unknown_page_gets_its_link(self, put, world):
        """Ids alone are enough: the page is the post's link."""
        alive = [p for p in world.posts("bluesky") if p.exists_at(AT)]
        rows = BY_POST.fetch(put(posts=[Post(twin.uri_of(p), "") for p in alive]))
        assert {r.subject: r.url for r in rows} == {twin.uri_of(p): p.url for p in alive}


class TestErrors:
    """Every refusal has its class, says what happened, and leaves no number."""

    @pytest.mark.parametrize("stream", [BY_URL, BY_POST], ids=lambda s: s.name)
    @pytest.mark.parametrize(
        ("status", "body", "kind"),
        [
            (400, {"error": "InvalidRequest", "message": "wrong"}, "BadRequest"),
            (400, {"error": "BadQueryString", "message": "wrong"}, "BadRequest"),
            (400, {"error": "ExpiredToken", "message": "Token has expired"}, "AuthError"),
            (401, {"error": "AuthMissing", "message": "Authentication Required"}, "AuthError"),
            (403, {"error": "Forbidden", "message": "no"}, "NotPermitted"),
            (429, {"error": "RateLimitExceeded", "message": "Rate Limit Exceeded"}, "RateLimited"),
            (502, {"error": "UpstreamFailure", "message": "down"}, "Unavailable"),
            (200, {"error": "InvalidRequest", "message": "no"}, "BadAnswer"),
            (200, {"posts": [{"cid": "x"}]}, "BadAnswer"),
            (200, [], "BadAnswer"),
        ],
    )
    def test_classes(self, put, stream, status, body, kind):
        """The row names the class and the service's words."""
        with service(JSONResponse(body, status)) as address:
            [row] = stream.fetch(put(urls=[SOME], posts=[Post(URI, SOME)], base_url=address, retries=0))
        assert row.error.startswith(f"{kind}: ")
        assert status == 200 or body["message"] in row.error
        assert {o.count for o in parse_all(CONNECTOR, stream, [row])} == {None}

    def test_the_pause_is_read_from_the_headers(self):
        """Retry-After tells the wait; without it RateLimit-Reset does, in Unix seconds; without both nobody knows."""
        reset = str(int(time.time()) + 90)
        waits = [
            bluesky_error(Answer("bluesky", 429, headers, "{}"))
            for headers in ({"retry-after": "7", "ratelimit-reset": reset}, {"ratelimit-reset": reset}, {})
        ]
        assert {type(w) for w in waits} == {RateLimited}
        assert waits[0].retry_after == 7
        assert 80 < waits[1].retry_after <= 91
        assert waits[2].retry_after is None

    def test_a_used_up_window_is_waited_out(self):
        """When nothing remains, the next request waits until the window ends."""
        slept: list[float] = []
        pace = Pace(1e6, slept.append)
        reset = str(int(time.time()) + 200)
        _pause(Answer("bluesky", 200, {"ratelimit-remaining": "9", "ratelimit-reset": reset}, ""), pace)
        pace.wait()
        assert sum(slept) < 1
        _pause(Answer("bluesky", 200, {"ratelimit-remaining": "0", "ratelimit-reset": reset}, ""), pace)
        pace.wait()
        assert 190 < sum(slept) < 202

    @pytest.mark.parametrize(
        ("status", "text", "kind"),
        [(403, twin.SHUT, ConfigurationError), (403, "{}", NotPermitted), (401, "<html>", AuthError)],
    )
    def test_pages_instead_of_data(self, status, text, kind):
        """A 403 is a closed door when it comes as a page, and a refusal of one thing when it comes as JSON."""
        assert type(bluesky_error(Answer("bluesky", status, {}, text))) is kind


class TestParse:
    """Reading stored rows, without a network."""

    @pytest.mark.parametrize("stream", [BY_URL, BACKLINKS, BY_POST], ids=lambda s: s.name)
    def test_a_post(self, stream):
        """The four verbs of a post."""
        assert by_verb(stream, STORED) == {
            Verb.SHARE: (9, Status.OBSERVED), Verb.LIKE: (31, Status.OBSERVED),
            Verb.COMMENT: (2, Status.OBSERVED), Verb.SAVE: (1, Status.OBSERVED),
        }  # fmt: skip

    @pytest.mark.parametrize("lost", ["repostCount", "quoteCount"])
    def test_half_a_share_is_hidden(self, lost):
        """Without reposts or quotes there is no share; likes stay."""
        told = by_verb(BY_URL, {k: v for k, v in STORED.items() if k != lost})
        assert told[Verb.SHARE] == (None, Status.HIDDEN)
        assert told[Verb.LIKE] == (31, Status.OBSERVED)

    @pytest.mark.parametrize("payload", [None, [], "x", {}, {"posts": None}, {"posts": 3}, {"likeCount": 0}])
    def test_no_post_and_no_word_of_none_is_failed(self, payload):
        """Only a row that says "no posts" becomes zeros."""
        assert set(by_verb(BY_URL, payload).values()) == {(None, Status.FAILED)}

    def test_the_earlier_clock_counts(self):
        """A post dated in the future by its author is as old as the network says."""
        payload = STORED | {"created_at": "2031-01-01T00:00:00Z", "indexed_at": "2026-10-01T12:00:01.000Z"}
        assert {o.published_at for o in BY_URL.parse([Raw(URI, AT, url=SOME, payload=payload)])} == {
            datetime(2026, 10, 1, 12, 0, 1, tzinfo=UTC)
        }

    def test_gone(self):
        """A post that vanished is not found for every verb, shares included, and keeps its known time."""
        row = Raw(URI, AT, Status.NOT_FOUND, SOME, {"published_at": "2026-10-01T12:00:00+00:00"})
        observed = list(BY_POST.parse([row]))
        assert {(o.status, o.object_id, o.published_at.day) for o in observed} == {(Status.NOT_FOUND, URI, 1)}
        assert len(observed) == 4


@given(st.data())
def test_moving_until_loses_and_repeats_nothing(data):
    """Any number of posts, with ties in time smaller than a page: each comes exactly once, on pages of any size."""
    size = data.draw(st.integers(1, 8))
    gaps = data.draw(st.lists(st.integers(0, 2), max_size=40))
    moments = [1000]
    for gap in gaps:
        tied = size == 1 or (len(moments) >= size - 1 and moments[-1] == moments[1 - size])
        moments.append(moments[-1] + max(gap, int(tied)))
    start = datetime(2026, 10, 1, tzinfo=UTC)
    times = [(start + timedelta(milliseconds=m)).isoformat() for m in moments]
    everything = [{"uri": str(n), "indexedAt": t} for n, t in enumerate(times)][::-1]

    def page(until: str | None) -> tuple[list[dict[str, Any]], bool]:
        end = datetime.fromisoformat(until) if until else start + timedelta(days=1)
        rest = [post for post in everything if datetime.fromisoformat(post["indexedAt"]) < end]
        return rest[:size], len(rest) > size

    assert list(posts_back_in_time(page, 10_000)) == everything


@given(st.lists(st.integers(0, 40), max_size=60), st.integers(1, 9))
def test_pages_of_backlinks_lose_and_repeat_nothing(numbers, size):
    """Any posts, listed twice or not, on pages of any size: each comes exactly once."""
    listed = [str(n) for n in numbers]

    def page(cursor: str | None) -> tuple[list[str], str | None]:
        start = int(cursor or "0", 16)
        return listed[start : start + size], f"{start + size:x}" if start + size < len(listed) else None

    assert list(linking_posts(page, 10_000)) == list(dict.fromkeys(listed))


def test_backlinks_that_turn_in_circles_end():
    """A cursor that leads to itself ends the list."""
    assert list(linking_posts(lambda _: (["a"], "1"), 10_000)) == ["a"]


class TestTwin:
    """The twin behaves as the contract says, also in the eyes of atproto."""

    @pytest.fixture
    def api(self, sandbox) -> atproto.Client:
        """The atproto client as it is, pointed at the twin by its own option."""
        return atproto.Client(base_url=f"{sandbox}/{DAY}/bluesky")

    def get(self, sandbox: str, path: str, params: Any = None, **kwargs: Any) -> httpx.Response:
        """A plain request to the twin."""
        return httpx.get(f"{sandbox}/{DAY}/bluesky/{path}", params=params, **kwargs)

    def test_the_client_searches(self, api, truth):
        """Search gives typed posts with counters, or without them where a post is shy."""
        url, [post, *_] = next((url, posts) for url, posts in truth.items() if posts and not posts[0].is_shy)
        answer = api.app.bsky.feed.search_posts({"q": "*", "url": url, "limit": 100})
        found = {p.uri: p for p in answer.posts}
        assert found[twin.uri_of(post)].like_count == post.votes_at(AT)
        assert answer.hits_total != len(answer.posts)

    def test_the_client_reads_posts(self, api, world):
        """Posts by address, without those that are gone."""
        alive = [p for p in world.posts("bluesky") if p.exists_at(AT)][:5]
        answer = api.app.bsky.feed.get_posts({"uris": [*(twin.uri_of(p) for p in alive), URI]})
        assert [p.uri for p in answer.posts] == [twin.uri_of(p) for p in alive]

    def test_the_client_is_refused(self, api):
        """A stranger's cursor meets the proxy's page, the new search a refusal in JSON."""
        with pytest.raises(UnauthorizedError) as shut:
            api.app.bsky.feed.search_posts({"q": "*", "cursor": "25"})
        assert b"Request forbidden by administrative rules" in shut.value.response.content
        with pytest.raises(BadRequestError) as refused:
            api.app.bsky.feed.search_posts_v2({"query": "x"})
        assert refused.value.response.content.error == "InvalidRequest"

    def test_the_client_signs_in(self, api):
        """An account gets tokens; a wrong password gets none."""
        session = api.com.atproto.server.create_session({"identifier": "me.example", "password": "x"})
        assert session.access_jwt
        with pytest.raises(UnauthorizedError):
            api.com.atproto.server.create_session({"identifier": "me.example", "password": "wrong"})

    def test_the_client_understands_the_limit(self, api, monkeypatch):
        """Over the window the client reads when to come again."""
        monkeypatch.setattr(twin, "REQUESTS", -1)
        with pytest.raises(RateLimitExceededError) as refused:
            api.app.bsky.feed.get_posts({"uris": [URI]})
        assert refused.value.retry_after is not None
        assert refused.value.reset_at.tzinfo is not None
        assert refused.value.policy.endswith(";w=300")

    def test_signed_in_pages(self, sandbox, world):
        """With a token the cursor leads on."""
        params = {"q": "*", "url": "https://www.", "limit": "3"}
        headers = {"Authorization": "Bearer signed-in"}
        first = self.get(sandbox, "xrpc/app.bsky.feed.searchPosts", params, headers=headers).json()
        second = self.get(
            sandbox, "xrpc/app.bsky.feed.searchPosts", params | {"cursor": first["cursor"]}, headers=headers
        ).json()
        assert {p["uri"] for p in first["posts"]}.isdisjoint(p["uri"] for p in second["posts"])
        assert len(second["posts"]) == 3

    @pytest.mark.parametrize("wrong", [{}, {"q": ""}, {"q": "*", "limit": "101"}, {"q": "*", "limit": "x"}])
    def test_wrong_questions(self, sandbox, wrong):
        """A search without `q`, or for more than 100, is refused."""
        answer = self.get(sandbox, "xrpc/app.bsky.feed.searchPosts", wrong)
        assert (answer.status_code, answer.json()["error"]) == (400, "InvalidRequest")

    @pytest.mark.parametrize("uris", [[URI] * 26, [], ["x"]])
    def test_wrong_posts(self, sandbox, uris):
        """None, more than 25, or what is no address of a post is refused."""
        answer = self.get(sandbox, "xrpc/app.bsky.feed.getPosts", [("uris", uri) for uri in uris])
        assert (answer.status_code, answer.json()["error"]) == (400, "InvalidRequest")

    def test_search_is_loose(self, sandbox, world):
        """Search also finds posts of pages whose address begins alike."""
        prefix = f"https://{world.posts('bluesky')[0].page.site}"
        answer = self.get(sandbox, "xrpc/app.bsky.feed.searchPosts", {"q": "*", "url": prefix, "limit": "100"}).json()
        assert len({link for post in answer["posts"] for link in links_of(post)}) > 1

    def test_constellation(self, sandbox, truth):
        """JSON only where it is asked for, an empty 400, a cursor in hex and null at the end, letter by letter."""
        json_please = {"headers": {"Accept": "application/json"}}
        post = next(p for posts in truth.values() for p in posts if twin.places(p) == (twin.CARD, twin.TEXT))
        count = self.get(sandbox, "links/all/count", {"target": post.url}, **json_please).json()
        assert set(count["links"]["app.bsky.feed.post"]) == {twin.CARD, twin.TEXT}
        assert "<title>" in self.get(sandbox, "links/all/count", {"target": post.url}).text
        links = "xrpc/blue.microcosm.links.getBacklinks"
        bad = self.get(sandbox, links, {"subject": post.url, "source": "nocolon"}, **json_please)
        assert (bad.status_code, bad.content) == (400, b"")
        source = {"subject": post.url, "source": "app.bsky.feed.post:embed.external.uri", "limit": "100"}
        answer = self.get(sandbox, links, source, **json_please).json()
        assert answer["cursor"] is None
        assert answer["total"] == len(answer["records"]) > 0
        other = self.get(sandbox, links, source | {"subject": post.url + "#x"}, **json_please).json()
        assert other["records"] == []
        total = self.get(sandbox, "xrpc/blue.microcosm.links.getBacklinksCount", source, **json_please).json()
        assert total == {"total": answer["total"]}
