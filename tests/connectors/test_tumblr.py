"""Tumblr against its twin: posts of blogs, notes split by kind, reblogs that share them, share counts, and pytumblr."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import pytumblr
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from connectors import errors
from connectors.base import Ask, Post, Stream, parse_all
from connectors.http import Answer
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb, raw_table
from connectors.sandbox import tumblr as twin
from connectors.sandbox.server import build_app, running
from connectors.sandbox.world import World, WorldPost
from connectors.urls import url_key
from connectors.votes.tumblr import (
    CONNECTOR,
    NAME,
    PAGE_SIZE,
    Listed,
    id_of,
    listed,
    page_of,
    seconds_left,
    split,
    tumblr_error,
    without_repeats,
)

POSTS, BY_POST, BY_URL = (CONNECTOR.stream(name) for name in ("posts", "by_post", "by_url"))
AT = datetime(2026, 10, 14, 12, tzinfo=UTC)
DAY = AT.date()
SOME = "https://a.example/x"
BOTH = f"{twin.BLOG}, {twin.OTHER_BLOG}.tumblr.com"
TOTALS = {"total_notes": 12, "total_likes": 7, "total_reblogs": 4}
Question = Callable[..., Ask]


@pytest.fixture(scope="module")
def large() -> World:
    """A world with posts of every kind, shy and deleted ones too."""
    return World(seed=7, keywords=40)


@pytest.fixture(scope="module")
def large_sandbox(large: World) -> Iterator[str]:
    """The address of that world's twin."""
    with running(build_app(large, speed=1e6)) as address:
        yield f"{address}/{{day}}/tumblr"


@pytest.fixture
def question(ask: Question, large_sandbox: str) -> Question:
    """A question to the large world about its blog, with a key."""
    known = {"api_key": "key-1", "blogs": twin.BLOG, "base_url": large_sandbox}
    return lambda **more: ask(CONNECTOR, **known | more)


def told(stream: Stream, question: Ask) -> list[Observation]:
    """Fetch and parse."""
    return [o for o in parse_all(CONNECTOR, stream, list(stream.fetch(question))) if isinstance(o, Observation)]


def kinds(rows: list[Raw]) -> list[str]:
    """The classes of the errors."""
    return [(r.error or "").partition(":")[0] for r in rows]


def posts_at(world: World) -> dict[str, WorldPost]:
    """The posts there are, without reblogs, by id."""
    return {p.object_id: p for p in world.posts(NAME) if p.exists_at(AT)}


def truth(post: WorldPost, verb: Verb) -> int:
    """The true count."""
    totals = twin.totals_of(post.votes_at(AT))
    replies = totals["total_notes"] - totals["total_likes"] - totals["total_reblogs"]
    return {Verb.LIKE: totals["total_likes"], Verb.SHARE: totals["total_reblogs"], Verb.COMMENT: replies}[verb]


def about(payload: Any, status: Status = Status.OBSERVED) -> dict[Verb, tuple[int | None, Status]]:
    """Readings of one hand-written row."""
    return {o.verb: (o.count, o.status) for o in POSTS.parse([Raw("1", AT, status, SOME, payload=payload)])}


def envelope(response: Any, status: int = 200, **more: Any) -> dict[str, Any]:
    """An answer as Tumblr wraps it."""
    return {"meta": {"status": status, "msg": "told"}, "response": response, **more}


def answering(answer: Callable[[Request], Any], status: int = 200, **headers: str) -> AbstractContextManager[str]:
    """A service that answers everything as told."""

    async def respond(request: Request) -> Response:
        found = answer(request)
        return found if isinstance(found, Response) else JSONResponse(found, status, dict(headers))

    return running(Starlette(routes=[Route("/{path:path}", respond)]))


class TestPosts:
    """The posts of chosen blogs."""

    def test_counts_are_the_worlds(self, question: Question, large: World) -> None:
        """Every post with likes, reblogs and replies; a post whose note count is left out is asked about as well."""
        found, posts = told(POSTS, question()), posts_at(large)
        assert {o.object_id for o in found} == set(posts)
        assert len(found) == 3 * len(posts)
        for o in found:
            post = posts[str(o.object_id)]
            assert (o.count, o.status) == (truth(post, o.verb), Status.OBSERVED)
            assert (o.basis, o.quality, o.published_at) == (Basis.POST, Quality.EXACT, post.published_at)
        assert any(p.is_shy for p in posts.values())
        assert any(p.published_at < AT and not p.exists_at(AT) for p in large.posts(NAME))

    def test_pages_are_the_links_of_posts(self, question: Question, large: World) -> None:
        """Links of every kind of post are found, wrapped ones too; a post without one has no url."""
        rows, posts = {r.subject: r.url for r in POSTS.fetch(question())}, posts_at(large)
        for i, post in posts.items():
            expected = None if twin.kind_of(post) == "none" else url_key(post.url)
            assert url_key(rows[i]) == expected
        assert {twin.kind_of(p) for p in posts.values()} == {
            "link", "photo", "text", "sourced", "wrapped", "plain", "none"
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("post", "page"),
        [
            ({"url": SOME, "body": '<a href="https://b.example/">b</a>'}, SOME),
            ({"url": "https://x.tumblr.com/post/1", "link_url": SOME}, SOME),
            ({"body": '<a title="a" HREF = "https://a.example/x?a=1&amp;b=2">'}, "https://a.example/x?a=1&b=2"),
            ({"caption": '<img src="https://pictures.example/1.png">', "source_url": SOME}, SOME),
            ({"description": "<p>https://www.tumblr.com/x https://a.example/x</p>"}, SOME),
            ({"text": '<a href="/relative">a</a><a href="mailto:a@b.example">b</a>'}, None),
            ({"body": None, "url": 7}, None),
            ({}, None),
        ],
    )
    def test_pages_of_hand_written_posts(self, post: dict[str, Any], page: str | None) -> None:
        """The post's own link, then links in its text, then its source; never Tumblr itself and no picture."""
        assert page_of(post) == page

    def test_reblogs_do_not_count_their_notes_twice(self, question: Question, large: World) -> None:
        """Own reblogs, and those of a second blog, are left out beside the original; without it one of them is read."""
        both = told(POSTS, question(blogs=BOTH))
        assert both == told(POSTS, question())
        other = told(POSTS, question(blogs=twin.OTHER_BLOG))
        reblogged = {str(int(i) + 2): p for i, p in posts_at(large).items() if twin.is_reblogged(p)}
        assert {o.object_id: o.count for o in other if o.verb is Verb.LIKE} == {
            i: p.votes_at(AT) for i, p in reblogged.items()
        }
        assert reblogged

    def test_of_two_reblogs_without_their_original_one_is_kept(self) -> None:
        """The first of the list; posts of other trees stay."""
        trees = [("1", "9"), ("2", "9"), ("3", "3"), ("4", "3"), ("5", "8")]
        found = [Listed("b", Post(i, SOME), None, root) for i, root in trees]
        assert [one.post.object_id for one in without_repeats(found)] == ["1", "3", "5"]

    def test_requests_are_pages_and_posts_with_notes(self, question: Question, large: World) -> None:
        """20 posts per page (more where pages are short), one request for each post that may have notes."""
        whole, lists = question(), question(splits_per_day=0)
        told(POSTS, whole)
        told(POSTS, lists)
        silent = [p for p in posts_at(large).values() if not p.is_shy and not p.votes_at(AT)]
        assert silent
        assert whole.meter.requests - lists.meter.requests == len(posts_at(large)) - len(silent)
        past = [e for e in twin.entries(large) if e.blog == twin.BLOG and e.post.published_at <= AT]
        n_pages, n_gaps = -(-len(past) // PAGE_SIZE), sum(not e.post.exists_at(AT) for e in past)
        assert n_pages <= lists.meter.requests <= n_pages + n_gaps

    def test_only_the_largest_are_split(self, question: Question, large: World) -> None:
        """Within the day's number the most notes come first; the verbs of the rest are hidden, but for 0 notes."""
        found, posts = told(POSTS, question(splits_per_day=30)), posts_at(large)
        known = [p for p in posts.values() if not p.is_shy]
        n_shy = len(posts) - len(known)
        largest = sorted((p.votes_at(AT) for p in known), reverse=True)[: 30 - n_shy]
        for o in found:
            post = posts[str(o.object_id)]
            votes = post.votes_at(AT)
            if post.is_shy or votes > largest[-1] or not votes:
                assert o.count == truth(post, o.verb)
            elif votes < largest[-1]:
                assert (o.count, o.status) == (None, Status.HIDDEN)
        assert {o.status for o in found} == {Status.OBSERVED, Status.HIDDEN}
        none = question(splits_per_day=0)
        assert {o.count for o in told(POSTS, none)} == {None, 0}

    def test_nothing_of_people_is_kept(self, question: Question, large: World) -> None:
        """Names, texts and the key are served or sent, and not kept."""
        asked = question(posts=[Post(i, SOME) for i in list(posts_at(large))[:5]])
        address = f"{asked.base_url}/v2/blog/{twin.BLOG}/posts"
        served = httpx.get(address, params={"api_key": "key-1", "notes_info": "true"}).text
        assert "Somebody Invented" in served
        assert "somebody-invented" in served
        kept = str(raw_table([*POSTS.fetch(asked), *BY_POST.fetch(asked)]).to_pydict())
        assert "nvented" not in kept.replace(twin.BLOG, "")
        assert "key-1" not in kept

    def test_a_blog_that_fails_spoils_no_other(self, question: Question, large: World) -> None:
        """An unknown blog is one failed row without a url; the posts of the others are read."""
        rows = list(POSTS.fetch(question(blogs=f"nobody, {twin.BLOG}")))
        assert [(r.subject, r.url) for r in rows if r.status is Status.FAILED] == [("nobody", None)]
        assert {r.subject for r in rows} == {"nobody", *posts_at(large)}
        assert kinds(rows)[-1] == "Gone"

    def test_what_was_read_before_a_failure_is_kept(self, question: Question) -> None:
        """A list that breaks off leaves the posts it gave."""

        def answer(request: Request) -> Any:
            if "notes" in request.url.path:
                return envelope(TOTALS)
            if request.query_params["offset"] != "0":
                return JSONResponse(envelope([], 500), 500)
            return envelope({"posts": [{"id_string": "1", "url": SOME, "note_count": 12}], "total_posts": 2})

        with answering(answer) as address:
            rows = list(POSTS.fetch(question(base_url=address, retries=0)))
        assert [(r.subject, r.status) for r in rows] == [("1", Status.OBSERVED), (twin.BLOG, Status.FAILED)]

    def test_a_fatal_refusal_ends_the_lists(self, question: Question) -> None:
        """After a refused key the other blogs are not asked for; each has its failed row, without the key."""
        asked = question(blogs=BOTH, api_key="expired-99")
        rows = list(POSTS.fetch(asked))
        assert kinds(rows) == ["AuthError"] * 2
        assert asked.meter.requests == 1
        assert "expired-99" not in str(rows)


class TestPaging:
    """A blog's list."""

    @given(
        sizes=st.lists(st.integers(0, PAGE_SIZE), max_size=8),
        has_total=st.booleans(),
        moved=st.integers(0, 3),
    )
    def test_every_post_comes_once(self, sizes: list[int], has_total: bool, moved: int) -> None:
        """Gaps make pages short or empty, new posts move the rest down: no post is lost and none comes twice."""
        places: list[int | None] = []
        for n, size in enumerate(sizes):
            places += [100 * n + i + 1 for i in range(size)] + [None] * (PAGE_SIZE - size)
        if not has_total:  # then an empty page is all that tells the end
            places = [place for place in places if place is not None]
        calls = 0

        def page(offset: int) -> dict[str, Any]:
            nonlocal calls
            calls += 1
            now: list[int | None] = [*(10_000 + i for i in range(moved if calls > 1 else 0)), *places]
            found = [{"id": i} for i in now[offset : offset + PAGE_SIZE] if i is not None]
            return {"posts": found} | ({"total_posts": len(now)} if has_total else {})

        found = [int(id_of(post)) for post in listed(page)]
        assert [i for i in found if i < 10_000] == [i for i in places if i is not None]

    def test_pages_of_the_twin(self, question: Question, large: World) -> None:
        """Deleted posts leave gaps in the twin's pages; the blog's list is whole."""
        asked = question(splits_per_day=0)
        address = f"{asked.base_url}/v2/blog/{twin.BLOG}/posts"
        with httpx.Client(params={"api_key": "key-1"}) as client:

            def page(offset: int) -> Any:
                return client.get(address, params={"offset": offset, "limit": PAGE_SIZE}).json()["response"]

            assert len(page(0)["posts"]) <= PAGE_SIZE
            found = [id_of(post) for post in listed(page)]
        alive = [e for e in twin.entries(large) if e.blog == twin.BLOG and e.post.exists_at(AT)]
        assert found == [e.object_id for e in alive]

    @pytest.mark.parametrize("response", [{}, {"posts": None}, {"posts": [{}]}, {"posts": ["x"]}, []], ids=json.dumps)
    def test_lists_that_cannot_be_read_are_failed(self, question: Question, response: Any) -> None:
        """Another shape or a post without id: one failed row."""
        with answering(lambda _: envelope(response)) as address:
            assert kinds(list(POSTS.fetch(question(base_url=address)))) == ["BadAnswer"]

    @pytest.mark.parametrize(
        ("post", "name"),
        [
            ({"id": 658001234567890123, "id_string": "658001234567890123"}, "658001234567890123"),
            ({"id": 658001234567890100, "id_string": "658001234567890123"}, "658001234567890123"),
            ({"id": 658001234567890123}, "658001234567890123"),
            ({"id": None}, ""),
            ("x", ""),
        ],
    )
    def test_ids_are_read_as_text(self, post: Any, name: str) -> None:
        """They are larger than many readers of JSON can hold."""
        assert id_of(post) == name


class TestByPost:
    """Known posts."""

    def test_counts_are_the_worlds(self, question: Question, large: World) -> None:
        """One request each; gone, future and unknown posts are not found; the page is the remembered one."""
        known = [Post(p.object_id, SOME, p.published_at) for p in large.posts(NAME)] + [Post("1", SOME)]
        asked = question(posts=known)
        found = {(o.object_id, o.verb): o for o in told(BY_POST, asked)}
        assert asked.meter.requests == len(known)
        assert len(found) == 3 * len(known)
        alive = posts_at(large)
        for (i, verb), o in found.items():
            expected = (truth(alive[i], verb), Status.OBSERVED) if i in alive else (None, Status.NOT_FOUND)
            assert (o.count, o.status) == expected
            assert o.url == SOME
        assert {o.published_at for o in found.values()} == {p.published_at for p in known}

    def test_a_post_is_looked_for_in_every_blog(self, question: Question, large: World) -> None:
        """An id of the second blog takes two requests, one that names its blog takes one."""
        post = next(p for p in posts_at(large).values() if twin.is_reblogged(p))
        reblog = str(int(post.object_id) + 2)
        for name, n_requests in ((reblog, 2), (f"{twin.OTHER_BLOG}/{reblog}", 1), (post.object_id, 1)):
            asked = question(blogs=BOTH, posts=[Post(name, SOME)])
            likes = [(o.object_id, o.count) for o in told(BY_POST, asked) if o.verb is Verb.LIKE]
            assert likes == [(name, post.votes_at(AT))]
            assert asked.meter.requests == n_requests

    def test_totals_come_in_one_mode_only(self, question: Question, large: World) -> None:
        """The twin tells likes and reblogs in `conversation` alone, as Tumblr does."""
        address = f"{question().base_url}/v2/blog/{twin.BLOG}/notes"
        known = {"api_key": "key-1", "id": next(iter(posts_at(large)))}
        modes = {m: httpx.get(address, params={**known, "mode": m}).json()["response"] for m in ("all", "conversation")}
        assert {m: "total_likes" in response for m, response in modes.items()} == {"all": False, "conversation": True}

    def test_one_post_that_fails_spoils_no_other(self, question: Question) -> None:
        """The posts around it are read."""

        def answer(request: Request) -> Any:
            is_bad = request.query_params["id"] == "2"
            return JSONResponse(envelope([], 403), 403) if is_bad else envelope(TOTALS)

        with answering(answer) as address:
            rows = list(BY_POST.fetch(question(base_url=address, posts=[Post(i, SOME) for i in "123"])))
        assert kinds(rows) == ["", "NotPermitted", ""]


class TestByUrl:
    """The undocumented public count."""

    def test_it_is_off_by_default(self, question: Question) -> None:
        """Nothing is asked unless it is switched on."""
        asked = question(urls=[SOME])
        assert list(BY_URL.fetch(asked)) == []
        assert asked.meter.requests == 0

    def test_counts_are_the_worlds(self, question: Question, large: World) -> None:
        """One number per page, all notes together: a fuzzed share of the page, a 0 that may mean nothing."""
        asked = question(urls=[p.url for p in large.pages], share_stats_per_day=1000)
        found = {o.url: o for o in told(BY_URL, asked)}
        for page in large.pages:
            posts = [p for p in posts_at(large).values() if p.page.url == page.url]
            total = sum(twin.totals_of(p.votes_at(AT))["total_notes"] for p in posts)
            quality = Quality.FUZZED if total else Quality.DEFAULT_ZERO
            o = found[page.url]
            assert (o.count, o.quality, o.basis, o.verb) == (total, quality, Basis.PAGE, Verb.SHARE)
        assert asked.meter.requests == len(large.pages)

    def test_it_is_shown_no_key(self, question: Question) -> None:
        """The count needs none."""
        seen: list[dict[str, str]] = []

        def answer(request: Request) -> Any:
            seen.append(dict(request.query_params))
            return envelope({"url": SOME, "note_count": 17})

        with answering(answer) as address:
            told(BY_URL, question(urls=[SOME], base_url=address, share_stats_per_day=1))
        assert seen == [{"url": SOME}]

    @pytest.mark.parametrize("response", [{}, [], {"url": SOME}, {"note_count_v2": 3}])
    def test_without_a_count_it_is_failed(self, question: Question, response: Any) -> None:
        """Another shape is no 0."""
        with answering(lambda _: envelope(response)) as address:
            asked = question(urls=[SOME], base_url=address, share_stats_per_day=1)
            assert kinds(list(BY_URL.fetch(asked))) == ["BadAnswer"]


class TestParse:
    """What stored fields mean."""

    @pytest.mark.parametrize(
        ("totals", "counts"),
        [
            (TOTALS, (7, 4, 1)),
            ({"total_notes": 0, "total_likes": 0, "total_reblogs": 0}, (0, 0, 0)),
            ({"total_notes": 12, "total_likes": 7}, (7, None, None)),
            ({"total_likes": 7, "total_reblogs": 4}, (7, 4, None)),
            ({"total_notes": 10, "total_likes": 7, "total_reblogs": 4}, (7, 4, None)),
            ({"total_notes": 12, "total_likes": "7", "total_reblogs": None}, (7, None, None)),
        ],
    )
    def test_replies_are_what_is_left(self, totals: dict[str, Any], counts: tuple[int | None, ...]) -> None:
        """Of all notes without likes and reblogs; unknown when one is missing or they do not add up."""
        found = split(totals)
        assert (found[Verb.LIKE], found[Verb.SHARE], found[Verb.COMMENT]) == counts

    def test_what_is_missing(self) -> None:
        """A total: failed. No totals: hidden where there are notes, 0 where there are none, failed where unknown."""
        assert about({"totals": {"total_notes": 1}})[Verb.LIKE] == (None, Status.FAILED)
        assert about({"note_count": 5})[Verb.LIKE] == (None, Status.HIDDEN)
        assert about({"note_count": 0})[Verb.LIKE] == (0, Status.OBSERVED)
        assert about({})[Verb.LIKE] == (None, Status.FAILED)
        assert about({"totals": TOTALS}, Status.NOT_FOUND)[Verb.LIKE] == (None, Status.NOT_FOUND)

    def test_a_renamed_total_spoils_only_what_needs_it(self, question: Question, large: World) -> None:
        """Without `total_likes` likes and replies fail; reblogs stay."""

        def answer(_request: Request) -> Any:
            return envelope({"total_notes": 12, "likes": 7, "total_reblogs": 4})

        with answering(answer) as address:
            found = told(BY_POST, question(base_url=address, posts=[Post("1", SOME)]))
        assert {o.verb: (o.count, o.status) for o in found} == {
            Verb.LIKE: (None, Status.FAILED),
            Verb.SHARE: (4, Status.OBSERVED),
            Verb.COMMENT: (None, Status.FAILED),
        }


class TestErrors:
    """Every refusal has its class, says what happened, and leaves no number."""

    @pytest.mark.parametrize("http_status", [None, 200], ids=["as HTTP", "inside a 200"])
    @pytest.mark.parametrize(
        ("status", "kind"),
        [
            (400, "BadRequest"),
            (401, "AuthError"),
            (402, "WalletEmpty"),
            (403, "NotPermitted"),
            (429, "RateLimited"),
            (500, "Unavailable"),
            (503, "Unavailable"),
        ],
    )
    def test_classes(self, question: Question, status: int, http_status: int | None, kind: str) -> None:
        """By the status inside the answer, whatever that of HTTP; in Tumblr's words and without the key."""
        words = [{"title": "Refused", "code": 1016, "detail": "no entry for key-77"}]
        with answering(lambda _: envelope([], status, errors=words), http_status or status) as address:
            known = {"urls": [SOME], "posts": [Post("1", SOME)], "share_stats_per_day": 1, "api_key": "key-77"}
            asked = question(base_url=address, retries=0, **known)
            rows = [row for stream in CONNECTOR.streams for row in stream.fetch(asked)]
        assert kinds(rows) == [kind] * 3
        assert all("Refused" in (row.error or "") for row in rows)
        assert "key-77" not in str(rows[:2])

    def test_a_post_that_is_gone_inside_a_200(self, question: Question) -> None:
        """404 in the envelope is not found, whatever HTTP says."""
        with answering(lambda _: envelope([], 404)) as address:
            rows = list(BY_POST.fetch(question(base_url=address, posts=[Post("1", SOME)])))
        assert [r.status for r in rows] == [Status.NOT_FOUND]

    @pytest.mark.parametrize(
        "answer",
        [
            HTMLResponse("<title>Just a moment</title>"),
            HTMLResponse("<title>Not Found</title>", 404),
            JSONResponse([]),
            JSONResponse({}),
            JSONResponse(envelope({})),
        ],
    )
    def test_answers_that_are_none(self, question: Question, answer: Response) -> None:
        """A web page, another shape, or a 404 that is not Tumblr's is a failed row, and no post is gone."""
        with answering(lambda _: answer) as address:
            assert kinds(list(BY_POST.fetch(question(base_url=address, posts=[Post("1", SOME)])))) == ["BadAnswer"]

    @pytest.mark.parametrize(
        ("headers", "seconds"),
        [
            ({"x-ratelimit-perhour-remaining": "0", "x-ratelimit-perhour-reset": "50"}, 50.0),
            ({"x-ratelimit-perhour-remaining": "3", "x-ratelimit-perhour-reset": "50"}, None),
            (
                {
                    "x-ratelimit-perhour-remaining": "0", "x-ratelimit-perhour-reset": "50",
                    "x-ratelimit-perday-remaining": "0", "x-ratelimit-perday-reset": "5000",
                },
                5000.0,
            ),
            ({"x-ratelimit-perhour-remaining": "0"}, None),
            ({"retry-after": "7"}, 7.0),
            ({}, None),
        ],
    )  # fmt: skip
    def test_the_wait_is_the_seconds_left(self, headers: dict[str, str], seconds: float | None) -> None:
        """Of the windows that are used up the last one counts; headers may be missing."""
        assert seconds_left(Answer(NAME, 429, headers, "")) == seconds
        refusal = tumblr_error(Answer(NAME, 429, headers, json.dumps(envelope([], 429))))
        if seconds and seconds > 120:
            assert isinstance(refusal, errors.QuotaExhausted)
            assert refusal.resets_at
            assert abs((refusal.resets_at - datetime.now(UTC)).total_seconds() - seconds) < 60
        else:
            assert isinstance(refusal, errors.RateLimited)
            assert refusal.retry_after == seconds

    def test_a_day_without_requests_ends_the_questions(self, question: Question) -> None:
        """Nothing more is asked, and the row says until when."""
        asked = question(api_key="spent-1", posts=[Post(i, SOME) for i in "123"], concurrency=1)
        rows = list(BY_POST.fetch(asked))
        assert kinds(rows) == ["QuotaExhausted"] * 3
        assert "no more until" in str(rows[0].error)
        assert asked.meter.requests == 1

    @pytest.mark.parametrize("key", ["hurried-1", "bare-1"])
    def test_a_short_wait_is_waited_for(self, question: Question, large: World, key: str) -> None:
        """With and without headers that tell it, the question is put again."""
        asked = question(api_key=key, posts=[Post(next(iter(posts_at(large))), SOME)])
        assert kinds(list(BY_POST.fetch(asked))) == [""]
        assert asked.meter.requests == 2

    def test_what_must_be_set_is_named(self, ask: Question) -> None:
        """A key and the blogs."""
        assert ask(CONNECTOR).settings.missing() == ("TALLYRANK_TUMBLR_API_KEY", "TALLYRANK_TUMBLR_BLOGS")

    def test_a_version_in_the_address_is_not_repeated(self, question: Question, large: World) -> None:
        """An address that ends in /v2 leads to the same place."""
        posts = [Post(next(iter(posts_at(large))), SOME)]
        plain = question(posts=posts)
        again = question(posts=posts, base_url=f"{plain.settings.base_url}/v2")
        assert told(BY_POST, again) == told(BY_POST, plain)


class TestPytumblr:
    """The official client reads the twin as it reads Tumblr."""

    @pytest.fixture
    def client(self, large_sandbox: str) -> Callable[..., Any]:
        """pytumblr with its own option for another host."""
        host = large_sandbox.replace("{day}", DAY.isoformat())
        return lambda key="key-1": pytumblr.TumblrRestClient(key, host=host)

    def test_posts(self, client: Callable[..., Any], large: World) -> None:
        """A blog's posts by page, by kind and by id."""
        first, second = (client().posts(twin.BLOG, limit=5, offset=n, reblog_info=True) for n in (0, 5))
        assert first["total_posts"] == second["total_posts"] > len(posts_at(large))
        ids = [post["id_string"] for page in (first, second) for post in page["posts"]]
        assert len(ids) == len(set(ids)) > 5
        links = client().posts(twin.BLOG, type="link")["posts"]
        assert {post["type"] for post in links} == {"link"}
        link = next(post for post in links if post["id_string"] in posts_at(large))
        assert client().posts(twin.BLOG, id=link["id"])["posts"] == [link]
        votes = posts_at(large)[link["id_string"]].votes_at(AT)
        assert link["note_count"] == twin.totals_of(votes)["total_notes"]
        assert client().blog_info(twin.BLOG)["blog"]["name"] == twin.BLOG

    def test_notes_and_errors(self, client: Callable[..., Any]) -> None:
        """Notes need the key that pytumblr does not send with them; refusals keep their envelope."""
        refused = client().notes(twin.BLOG, "1")
        assert refused["meta"]["status"] == 401
        assert refused["errors"][0]["code"] == 1016
        assert client().posts("nobody")["meta"]["status"] == 404
        assert client("spent").posts(twin.BLOG)["meta"] == {"status": 429, "msg": "Limit Exceeded"}
        assert client().posts(twin.BLOG, offset=1, before=5)["meta"]["status"] == 400

    def test_jsonp_is_always_200(self, question: Question) -> None:
        """With a callback the status stands inside only."""
        answer = httpx.get(f"{question().base_url}/v2/blog/nobody/posts", params={"callback": "f", "api_key": "k"})
        assert answer.status_code == 200
        assert json.loads(answer.text.removeprefix("f(").removesuffix(");"))["meta"]["status"] == 404
