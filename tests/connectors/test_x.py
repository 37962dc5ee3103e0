"""X against its twin: counts and searches by address, look-ups by id, both vocabularies, money, and tweepy."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx
import pytest
import requests
import tweepy
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from connectors import errors
from connectors.base import Ask, Meter, Post, Stream, parse_all
from connectors.errors import ConfigurationError
from connectors.http import Answer, Pace
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb, raw_table
from connectors.sandbox import x as twin
from connectors.sandbox.server import build_app, running
from connectors.sandbox.world import World, WorldPost
from connectors.urls import url_key
from connectors.votes.x import CONNECTOR, NAME, heed_window, posts, query_of, seconds_to_reset, total_in, x_error

BY_URL, SEARCH, BY_POST = (CONNECTOR.stream(name) for name in ("by_url", "search", "by_post"))
AT = datetime(2026, 10, 14, 12, tzinfo=UTC)
DAY = AT.date()
SOME = "https://a.example/x"
NATIVE = {
    Verb.LIKE: ("like_count",),
    Verb.COMMENT: ("reply_count",),
    Verb.SHARE: ("repost_count", "quote_count"),
    Verb.SAVE: ("bookmark_count",),
    Verb.VIEW: ("impression_count",),
}
Question = Callable[..., Ask]


@pytest.fixture(scope="module")
def large() -> World:
    """A world with shy, protected and deleted posts."""
    return World(seed=7, keywords=40)


@pytest.fixture(scope="module")
def large_sandbox(large: World) -> Iterator[str]:
    """The address of that world's twin."""
    with running(build_app(large, speed=1e6)) as address:
        yield f"{address}/{{day}}/x"


@pytest.fixture
def question(ask: Question, large_sandbox: str) -> Question:
    """A question to the large world, with a token and the whole archive to search."""
    known = {"token": "AAAA", "base_url": large_sandbox, "search_per_day": 1000, "search_days": 400}
    return lambda **more: ask(CONNECTOR, **known | more)


def told(stream: Stream, question: Ask) -> list[Observation]:
    """Fetch and parse."""
    return [o for o in parse_all(CONNECTOR, stream, list(stream.fetch(question))) if isinstance(o, Observation)]


def kinds(rows: list[Raw]) -> list[str]:
    """The classes of the errors."""
    return [(r.error or "").partition(":")[0] for r in rows]


def public(world: World) -> dict[str, WorldPost]:
    """The posts that anybody may see, by id."""
    return {p.object_id: p for p in world.posts(NAME) if p.exists_at(AT) and not twin.is_protected(p)}


def truth(post: WorldPost, verb: Verb) -> int | None:
    """The true count, None where X leaves it out."""
    counts = twin.counts_of(post.votes_at(AT))
    return None if post.is_shy and verb in (Verb.SAVE, Verb.VIEW) else sum(counts[name] for name in NATIVE[verb])


def about(item: Mapping[str, Any]) -> dict[Verb, tuple[int | None, Status, Quality]]:
    """Readings of one hand-written payload."""
    payload = {"created_at": "2026-10-01T00:00:00.000Z"} | dict(item)
    found = BY_POST.parse([Raw("1", AT, url=SOME, payload=payload)])
    return {o.verb: (o.count, o.status, o.quality) for o in found}


def answering(answer: Callable[[Request], Any], status: int = 200, **headers: str) -> AbstractContextManager[str]:
    """A service that answers everything as told."""

    async def respond(request: Request) -> Response:
        found = answer(request)
        return found if isinstance(found, Response) else JSONResponse(found, status, dict(headers))

    return running(Starlette(routes=[Route("/{path:path}", respond, methods=["GET", "POST"])]))


METRICS = {"repost_count": 3, "reply_count": 1, "like_count": 12, "quote_count": 2, "bookmark_count": 2}
METRICS |= {"impression_count": 845}
PROBLEM = "https://api.twitter.com/2/problems/"


class TestByUrl:
    """Counting the posts of seven days."""

    def truth(self, world: World, url: str) -> int:
        """Posts in the index that contain the words of the address in a row: strangers, deleted and protected too."""
        first, words = AT - timedelta(days=7), twin.words_of(str(url_key(url)))
        items = [i for i in twin.items(world).values() if first <= i.post.published_at <= AT and not i.is_repost]
        return sum(twin._in_a_row(words, i.words) for i in items)

    @pytest.mark.parametrize("token", ["AAAA", "new-1"])
    def test_counts_are_the_index(self, question: Question, large: World, token: str) -> None:
        """One number per page, of the page itself and fuzzed, in both vocabularies; 0 is told as such."""
        asked = question(urls=[p.url for p in large.pages], token=token)
        found = {o.url: o for o in told(BY_URL, asked)}
        assert {url: o.count for url, o in found.items()} == {p.url: self.truth(large, p.url) for p in large.pages}
        assert {o.count for o in found.values()} >= {0, 1}
        facts = {(o.verb, o.basis, o.quality, o.object_id, o.native) for o in found.values()}
        assert facts == {(Verb.SHARE, Basis.PAGE, Quality.FUZZED, None, "total_post_count_7d")}

    def test_one_request_and_one_price_per_page(self, question: Question, large: World) -> None:
        """1,000 pages are 1,000 requests and $5; the estimate agrees."""
        asked = question(urls=[p.url for p in large.pages])
        told(BY_URL, asked)
        n = len(large.pages)
        assert asked.meter.requests == n
        assert asked.meter.usd == pytest.approx(0.005 * n)
        assert BY_URL.usd
        assert BY_URL.usd(asked.settings, n) == pytest.approx(asked.meter.usd)

    def test_spellings_of_a_page_are_asked_about_once(self, question: Question, large: World) -> None:
        """http, www and tracking parameters make no other question; each spelling gets the number."""
        url = large.pages[0].url
        urls = [url, url.replace("https://www.", "http://") + "/?utm_source=a"]
        asked = question(urls=urls)
        found = told(BY_URL, asked)
        assert ([o.url for o in found], len({o.count for o in found})) == (urls, 1)
        assert asked.meter.requests == 1
        asked = question(urls=urls, url_query="full")
        assert len(told(BY_URL, asked)) == asked.meter.requests == 2

    @pytest.mark.parametrize("stream", [BY_URL, SEARCH], ids=lambda s: s.name)
    def test_what_cannot_be_asked_costs_nothing(self, question: Question, large: World, stream: Stream) -> None:
        """No web address, or one longer than a query may be: a failed row, no request, no price."""
        urls = ["mailto:a@b.example", "https://a.example/" + "x" * 1100, large.pages[0].url]
        asked = question(urls=urls, search_days=7)
        rows = list(stream.fetch(asked))
        assert {r.subject: (r.error or "").partition(":")[0] for r in rows if r.error} == dict.fromkeys(
            urls[:2], "BadRequest"
        )
        assert urls[2] in {r.subject for r in rows}
        assert asked.meter.requests == 1
        assert asked.meter.usd <= 0.05

    @pytest.mark.parametrize(
        ("body", "total"),
        [
            ({"meta": {"total_tweet_count": 8}}, 8),
            ({"meta": {"total_post_count": 0}, "data": [{"post_count": 5}]}, 0),
            ({"data": [{"tweet_count": 3}, {"post_count": 4}]}, 7),
        ],
    )
    def test_totals_of_both_vocabularies(self, body: Any, total: int) -> None:
        """The total, or the sum of the days where it is missing."""
        assert total_in(body) == total

    @pytest.mark.parametrize("body", [{}, {"data": []}, {"data": [{"tweet_count": 3}, {}]}, {"meta": {"total": 1}}])
    def test_a_count_without_a_total_is_no_zero(self, question: Question, body: Any) -> None:
        """Nothing to read is a failed row."""
        with pytest.raises(errors.BadAnswer):
            total_in(body)
        with answering(lambda _: body) as address:
            assert kinds(list(BY_URL.fetch(question(urls=[SOME], base_url=address)))) == ["BadAnswer"]

    @pytest.mark.parametrize(
        ("url", "how", "query"),
        [
            ("https://www.a.example/b?utm_source=x", "bare", 'url:"a.example/b" -is:retweet'),
            ("https://www.a.example/b?utm_source=x", "full", 'url:"https://www.a.example/b?utm_source=x" -is:retweet'),
            ('https://a.example/"b"', "full", 'url:"https://a.example/%22b%22" -is:retweet'),
        ],
    )
    def test_queries_are_quoted(self, url: str, how: str, query: str) -> None:
        """By key or as given, in quotes that the address cannot close, without reposts."""
        assert query_of(url, how) == query


class TestSearch:
    """Finding posts by the pages they link to."""

    def test_every_post_of_every_page(self, question: Question, large: World) -> None:
        """Pages get all their public posts with true counts, and no stranger's; others get lower bounds of 0."""
        found = told(SEARCH, question(urls=[p.url for p in large.pages]))
        posts_ = [o for o in found if o.object_id]
        assert {(o.object_id, o.url) for o in posts_} == {(i, p.page.url) for i, p in public(large).items()}
        for o in posts_:
            post = public(large)[str(o.object_id)]
            count = truth(post, o.verb)
            assert (o.count, o.status) == (count, Status.HIDDEN if count is None else Status.OBSERVED)
            assert (o.basis, o.quality, o.published_at) == (Basis.POST, Quality.EXACT, post.published_at)
        bare = [o for o in found if not o.object_id]
        assert {o.url for o in bare} == {p.url for p in large.pages} - {p.page.url for p in public(large).values()}
        assert {(o.count, o.status, o.quality) for o in bare} == {(0, Status.OBSERVED, Quality.LOWER_BOUND)}
        assert {o.status for o in posts_} == {Status.OBSERVED, Status.HIDDEN}

    def test_both_vocabularies_say_the_same(self, question: Question, large: World) -> None:
        """Whatever X calls its fields, the readings agree; the other selector is tried once."""
        urls = [p.url for p in large.pages[:80]]
        old, new = question(urls=urls), question(urls=urls, token="new-1")
        named = question(urls=urls, token="new-1", fields_parameter="post.fields")
        assert told(SEARCH, old) == told(SEARCH, new) == told(SEARCH, named)
        assert [q.meter.requests - len(urls) for q in (old, new, named)] == [0, 1, 0]

    def test_the_last_seven_days_by_default(self, question: Question, large: World) -> None:
        """Unless more days are asked for, the recent search is used; the archive begins where we say."""
        urls = [p.url for p in large.pages]
        for days in (7, 60):
            found = {o.object_id for o in told(SEARCH, question(urls=urls, search_days=days)) if o.object_id}
            since = AT - timedelta(days=days)
            assert found == {i for i, p in public(large).items() if p.published_at >= since}
            assert found

    def test_it_is_off_by_default(self, question: Question) -> None:
        """Nothing is asked or paid unless a number of pages is set."""
        asked = question(urls=[SOME], search_per_day=0)
        assert list(SEARCH.fetch(asked)) == []
        assert (asked.meter.requests, asked.meter.usd) == (0, 0.0)

    def test_only_posts_that_came_are_paid(self, question: Question, large: World) -> None:
        """A full page is paid ahead and what did not come is given back; strangers are paid too."""
        asked = question(urls=[p.url for p in large.pages])
        told(SEARCH, asked)
        shown = [i for i in twin.items(large).values() if i.post.object_id in public(large) and not i.is_repost]
        hits = sum(twin._in_a_row(twin.words_of(str(url_key(p.url))), i.words) for i in shown for p in large.pages)
        assert hits > len(public(large))
        assert asked.meter.usd == pytest.approx(0.005 * hits)

    def test_a_budget_that_does_not_cover_a_page_of_posts_asks_nothing(self, question: Question) -> None:
        """What is left must pay for all that may come; then the rest fails without a request."""
        asked = replace(question(urls=[SOME, f"{SOME}2"], concurrency=1), meter=Meter(0.049))
        assert kinds(list(SEARCH.fetch(asked))) == ["BudgetSpent"] * 2
        assert (asked.meter.requests, asked.meter.usd) == (0, 0.0)

    @given(
        pages=st.lists(st.lists(st.integers(0, 60), max_size=6), min_size=1, max_size=7),
        most=st.integers(1, 8),
    )
    def test_paging_loses_and_repeats_nothing(self, pages: list[list[int]], most: int) -> None:
        """Whatever the pages hold, each post comes once, in order, up to the number of pages allowed."""

        def page(more: Mapping[str, str]) -> dict[str, Any]:
            n = int(more.get("next_token", "0"))
            data = {"data": [{"id": str(i)} for i in pages[n]]} if pages[n] else {}
            return data | {"meta": {"next_token": str(n + 1)} if n + 1 < len(pages) else {}}

        found = [post["id"] for post in posts(page, most)]
        assert found == [str(i) for i in dict.fromkeys(i for p in pages[:most] for i in p)]

    def test_pages_of_the_twin_are_followed(self, question: Question, large: World) -> None:
        """However big a page is, all posts come once, newest first."""
        address = f"{question().base_url}/2/tweets/search/all"
        asked = {"query": 'url:"example" -is:retweet', "start_time": "2026-01-01T00:00:00Z"}
        shown = [i for i in twin.items(large).values() if i.post.object_id in public(large) and not i.is_repost]
        with httpx.Client(headers={"Authorization": "Bearer AAAA"}) as client:

            def found(size: int) -> list[str]:
                known = {**asked, "max_results": str(size)}
                return [p["id"] for p in posts(lambda more: client.get(address, params={**known, **more}).json(), 99)]

            assert found(10) == found(33) == found(500) == [i.object_id for i in shown]

    def test_the_pages_of_one_search_are_limited(self, question: Question) -> None:
        """A famous page costs no more than the pages allowed; a token that stands still is an error."""
        asked_tokens: list[str | None] = []

        def endless(request: Request) -> Any:
            token = request.query_params.get("next_token")
            asked_tokens.append(token)
            return {"meta": {"result_count": 0, "next_token": f"{token}1"}}

        with answering(endless) as address:
            told(SEARCH, question(urls=[SOME], base_url=address, search_pages=3))
        assert asked_tokens == [None, "None1", "None11"]
        with answering(lambda _: {"meta": {"result_count": 0, "next_token": "same"}}) as address:
            assert kinds(list(SEARCH.fetch(question(urls=[SOME], base_url=address)))) == ["BadAnswer"]

    @pytest.mark.parametrize("field", ["entities", "expanded_url", "data", "id", "meta"])
    def test_a_renamed_frame_is_no_zero(self, ask: Question, fault: Any, world: World, field: str) -> None:
        """When hits cannot be confirmed or read, their pages fail: nobody knows whether they have posts."""
        fault(NAME, f"rename:{field}")
        post = next(p for p in public(world).values() if not twin.shortened(twin.items(world)[p.object_id]))
        known: dict[str, Any] = {"token": "AAAA", "search_per_day": 9, "search_days": 400}
        rows = list(SEARCH.fetch(ask(CONNECTOR, urls=[post.page.url], **known)))
        assert {r.status for r in rows} == ({Status.OBSERVED} if field == "meta" else {Status.FAILED})
        assert set(kinds(rows)) == ({""} if field == "meta" else {"BadAnswer"})


class TestByPost:
    """Looking posts up."""

    def known(self, world: World) -> list[Post]:
        """Every post of the world, published yet or not, deleted or not, protected or not."""
        return [Post(p.object_id, p.page.url, p.published_at) for p in world.posts(NAME)]

    @pytest.mark.parametrize("token", ["AAAA", "new-1"])
    def test_counts_are_the_truth(self, question: Question, large: World, token: str) -> None:
        """Public posts have the world's counters; protected ones are hidden; those that are not there not found."""
        found = {(o.object_id, o.verb): o for o in told(BY_POST, question(posts=self.known(large), token=token))}
        assert len(found) == 5 * len(large.posts(NAME))
        for post in large.posts(NAME):
            for verb in CONNECTOR.verbs:
                o = found[post.object_id, verb]
                if not post.exists_at(AT):
                    expected: Any = (None, Status.NOT_FOUND)
                elif twin.is_protected(post) or truth(post, verb) is None:
                    expected = (None, Status.HIDDEN)
                else:
                    expected = (truth(post, verb), Status.OBSERVED)
                assert (o.count, o.status) == expected
                assert (o.url, o.published_at, o.basis) == (post.page.url, post.published_at, Basis.POST)
        assert {o.status for o in found.values()} == {Status.OBSERVED, Status.HIDDEN, Status.NOT_FOUND}

    def test_a_hundred_in_a_request(self, question: Question, large: World) -> None:
        """100 posts go into one request; those that are not there are not paid."""
        known = self.known(large)
        asked = question(posts=known)
        told(BY_POST, asked)
        assert asked.meter.requests == -(-len(known) // 100) > 1
        assert asked.meter.usd == pytest.approx(0.005 * len(public(large)))
        assert BY_POST.usd
        assert BY_POST.usd(asked.settings, 1000) == pytest.approx(5.0)

    def test_a_post_that_links_to_two_pages_is_read_for_both(self, question: Question, large: World) -> None:
        """It is asked about and paid once."""
        post = next(iter(public(large).values()))
        asked = question(posts=[Post(post.object_id, SOME), Post(post.object_id, f"{SOME}2")])
        found = told(BY_POST, asked)
        assert {o.url: o.count for o in found if o.verb is Verb.LIKE} == dict.fromkeys(
            (SOME, f"{SOME}2"), post.votes_at(AT)
        )
        assert asked.meter.usd == pytest.approx(0.005)

    def test_a_strange_id_fails_alone(self, question: Question, large: World) -> None:
        """X would refuse all hundred of its batch, so it is not sent."""
        post = next(iter(public(large).values()))
        rows = list(BY_POST.fetch(question(posts=[Post("t3_abc", SOME), Post(post.object_id, SOME)])))
        assert [(r.subject, r.status) for r in rows] == [
            ("t3_abc", Status.FAILED),
            (post.object_id, Status.OBSERVED),
        ]

    def test_nothing_of_people_is_kept(self, question: Question, large: World) -> None:
        """Texts, titles, names in `errors` and the token are served and not kept."""
        asked = question(urls=[p.url for p in large.pages], posts=self.known(large), token="secret-7")
        headers = {"Authorization": "Bearer secret-7"}
        ids = ",".join(p.object_id for p in large.posts(NAME) if p.exists_at(AT))[: 19 * 99 - 1]
        served = httpx.get(
            f"{asked.base_url}/2/tweets", params={"ids": ids, "tweet.fields": "entities"}, headers=headers
        ).text
        assert "Somebody Invented" in served
        assert "@somebody_invented" in served
        kept = str(raw_table([*SEARCH.fetch(asked), *BY_POST.fetch(asked)]).to_pydict())
        assert "nvented" not in kept
        assert "secret-7" not in kept

    @pytest.mark.parametrize(
        ("problem", "status"),
        [
            ("resource-not-found", Status.NOT_FOUND),
            ("resource-unavailable", Status.NOT_FOUND),
            ("disallowed-resource", Status.NOT_FOUND),
            ("not-authorized-for-resource", Status.HIDDEN),
            ("internal-error", Status.FAILED),
            ("something-new", Status.FAILED),
        ],
    )
    @pytest.mark.parametrize("host", ["https://api.twitter.com/2/problems/", "https://api.x.com/2/problems/"])
    def test_problems_of_single_posts(self, question: Question, problem: str, status: Status, host: str) -> None:
        """Told by the last part of the type, whatever the host; the other posts of the answer are read."""
        error = {"resource_id": "2", "value": "2", "detail": "@somebody", "title": "T", "type": host + problem}
        body = {"data": [{"id": "1", "public_metrics": METRICS}], "errors": [error]}
        with answering(lambda _: body) as address:
            rows = list(BY_POST.fetch(question(posts=[Post("1", SOME), Post("2", SOME)], base_url=address)))
        parsed = [o for o in parse_all(CONNECTOR, BY_POST, rows) if isinstance(o, Observation)]
        assert {o.status for o in parsed if o.object_id == "2"} == {status}
        assert {o.count for o in parsed if o.object_id == "2"} == {None}
        assert [o.count for o in parsed if o.object_id == "1" and o.verb is Verb.SHARE] == [5]
        assert "somebody" not in str(rows)

    @pytest.mark.parametrize("body", [{}, [], {"data": [7]}, {"data": [{"text": "x"}]}, {"errors": [{"title": "?"}]}])
    def test_answers_of_another_shape_are_failed(self, question: Question, body: Any) -> None:
        """Neither posts nor problems with them: a failed row each, no number."""
        with answering(lambda _: body) as address:
            rows = list(BY_POST.fetch(question(posts=[Post("1", SOME)], base_url=address)))
        assert kinds(rows) == ["BadAnswer"]

    def test_a_post_that_is_not_mentioned_is_unknown(self, question: Question) -> None:
        """It is neither found nor told to be gone: failed."""
        with answering(lambda _: {"data": {"id": "1", "public_metrics": METRICS}, "includes": {}}) as address:
            rows = list(BY_POST.fetch(question(posts=[Post("1", SOME), Post("2", SOME)], base_url=address)))
        assert kinds(rows) == ["", "BadAnswer"]


class TestParse:
    """What stored fields mean."""

    def test_a_post(self) -> None:
        """Five verbs, shares being reposts and quotes."""
        counts = {verb: found[0] for verb, found in about({"public_metrics": METRICS}).items()}
        assert counts == {Verb.LIKE: 12, Verb.COMMENT: 1, Verb.SHARE: 5, Verb.SAVE: 2, Verb.VIEW: 845}

    def test_the_old_name_of_reposts(self) -> None:
        """`retweet_count` is read where `repost_count` is missing, and not beside it."""
        old = {name: count for name, count in METRICS.items() if name != "repost_count"} | {"retweet_count": 7}
        assert about({"public_metrics": old})[Verb.SHARE][0] == 9
        assert about({"public_metrics": METRICS | {"retweet_count": 7}})[Verb.SHARE][0] == 5

    @pytest.mark.parametrize(
        ("left_out", "verb", "status"),
        [
            ("like_count", Verb.LIKE, Status.FAILED),
            ("reply_count", Verb.COMMENT, Status.FAILED),
            ("repost_count", Verb.SHARE, Status.FAILED),
            ("bookmark_count", Verb.SAVE, Status.HIDDEN),
            ("impression_count", Verb.VIEW, Status.HIDDEN),
        ],
    )
    def test_a_missing_counter_spoils_only_its_verb(self, left_out: str, verb: Verb, status: Status) -> None:
        """Failed where it always comes, hidden where X leaves it out; the other verbs stay."""
        found = about({"public_metrics": {n: c for n, c in METRICS.items() if n != left_out}})
        assert found.pop(verb)[:2] == (None, status)
        assert {s for _, s, _ in found.values()} == {Status.OBSERVED}

    def test_shares_without_quotes(self) -> None:
        """Reposts alone are a lower bound, and nothing when they are 0."""
        without = {name: count for name, count in METRICS.items() if name != "quote_count"}
        assert about({"public_metrics": without})[Verb.SHARE] == (3, Status.OBSERVED, Quality.LOWER_BOUND)
        assert about({"public_metrics": without | {"repost_count": 0}})[Verb.SHARE][:2] == (None, Status.FAILED)

    @pytest.mark.parametrize(
        ("problem", "status"),
        [(None, Status.FAILED), ("field-hydration-failure", Status.FAILED), ("field-unauthorized", Status.HIDDEN)],
    )
    def test_a_post_without_counters(self, problem: str | None, status: Status) -> None:
        """Failed, unless X says that we may not see the field."""
        assert {found[:2] for found in about({"problem": problem}).values()} == {(None, status)}

    def test_views_of_old_posts(self) -> None:
        """Impressions were counted since December 2022: a 0 before may be no number."""
        none = {"public_metrics": METRICS | {"impression_count": 0}}
        assert about(none)[Verb.VIEW] == (0, Status.OBSERVED, Quality.EXACT)
        assert about(none | {"created_at": "2022-01-01T00:00:00.000Z"})[Verb.VIEW][2] is Quality.DEFAULT_ZERO
        assert about(none | {"created_at": None})[Verb.VIEW][2] is Quality.DEFAULT_ZERO


class TestErrors:
    """Every refusal has its class, says what happened, and leaves no number."""

    @pytest.mark.parametrize("stream", [BY_URL, SEARCH, BY_POST], ids=lambda s: s.name)
    @pytest.mark.parametrize(
        ("status", "body", "kind"),
        [
            (400, {"title": "Invalid Request", "errors": [{"message": "no viable alternative"}]}, "BadRequest"),
            (401, {"title": "Unauthorized", "status": 401, "type": "about:blank"}, "AuthError"),
            (402, {"title": "CreditsDepleted", "account_id": 1553, "type": f"{PROBLEM}credits"}, "WalletEmpty"),
            (402, {"title": "Payment Required", "type": "https://api.x.com/2/problems/credits"}, "WalletEmpty"),
            (402, None, "WalletEmpty"),
            (403, {"type": f"{PROBLEM}client-forbidden", "reason": "client-not-enrolled"}, "ConfigurationError"),
            (403, {"type": f"{PROBLEM}unsupported-authentication"}, "ConfigurationError"),
            (403, {"title": "Forbidden"}, "NotPermitted"),
            (404, None, "Gone"),
            (429, {"title": "Too Many Requests", "type": "about:blank"}, "RateLimited"),
            (429, {"errors": [{"code": 88, "message": "Rate limit exceeded"}]}, "RateLimited"),
            (429, {"title": "Capped", "period": "Monthly", "type": f"{PROBLEM}usage-capped"}, "QuotaExhausted"),
            (429, {"title": "UsageCapExceeded"}, "QuotaExhausted"),
            (503, {"title": "Service Unavailable"}, "Unavailable"),
            (200, [], "BadAnswer"),
            (200, {"errors": [{"title": "odd"}]}, "BadAnswer"),
        ],
    )  # fmt: skip
    def test_classes(self, question: Question, stream: Stream, status: int, body: Any, kind: str) -> None:
        """By status, then by the last part of the type; what was refused is not paid."""
        with answering(lambda _: body, status) as address:
            asked = question(urls=[SOME], posts=[Post("1", SOME)], base_url=address, retries=0)
            rows = list(stream.fetch(asked))
        assert kinds(rows) == [kind]
        assert {o.status for o in parse_all(CONNECTOR, stream, rows) if isinstance(o, Observation)} == {Status.FAILED}
        assert "1553" not in str(rows)
        assert kind in ("BadAnswer", "Unavailable") or asked.meter.usd == pytest.approx(0.0)

    @pytest.mark.parametrize(
        ("token", "kind"),
        [
            ("expired-7", "AuthError"),
            ("unenrolled-7", "ConfigurationError"),
            ("capped-7", "QuotaExhausted"),
            ("slow-7", "QuotaExhausted"),
            ("broke-7", "WalletEmpty"),
            ("wallet-0-7", "WalletEmpty"),
        ],
    )
    def test_fatal_refusals_end_the_questions(self, question: Question, large: World, token: str, kind: str) -> None:
        """After one of these nothing more is asked, nothing is tried again, and the token is not shown."""
        asked = question(urls=[p.url for p in large.pages[:9]], token=token, concurrency=1)
        rows = list(BY_URL.fetch(asked))
        assert kinds(rows) == [kind] * 9
        assert asked.meter.requests == 1
        assert asked.meter.usd == pytest.approx(0.0)
        assert token not in str(rows)

    def test_a_wallet_that_runs_out_keeps_what_was_read(self, question: Question, large: World) -> None:
        """Three answers, then an end without further questions; only the three are paid."""
        asked = question(urls=[p.url for p in large.pages[:9]], token="wallet-3-a", concurrency=1)
        assert kinds(list(BY_URL.fetch(asked))) == [""] * 3 + ["WalletEmpty"] * 6
        assert asked.meter.requests == 4
        assert asked.meter.usd == pytest.approx(0.015)

    def test_a_budget_that_runs_out_keeps_what_was_read(self, question: Question, large: World) -> None:
        """Our own limit ends the questions before they are sent."""
        asked = replace(question(urls=[p.url for p in large.pages[:9]], concurrency=1), meter=Meter(0.012))
        assert kinds(list(BY_URL.fetch(asked))) == [""] * 2 + ["BudgetSpent"] * 7
        assert asked.meter.requests == 2

    @pytest.mark.parametrize("token", ["hurried-1", "hurried-2"])
    def test_a_short_wait_is_waited_for_and_paid_once(self, question: Question, large: World, token: str) -> None:
        """Told to wait until now, we ask again and are answered; one price for both."""
        asked = question(urls=[large.pages[0].url], token=token)
        assert kinds(list(BY_URL.fetch(asked))) == [""]
        assert asked.meter.requests == 2
        assert asked.meter.usd == pytest.approx(0.005)

    def test_the_wait_is_read_from_unix_seconds(self) -> None:
        """The header's moment less now; without it the wait is unknown; a long one ends the questions with its end."""

        def refused(headers: dict[str, str]) -> Any:
            return x_error(Answer(NAME, 429, headers, json.dumps({"title": "Too Many Requests"})))

        soon, late = refused({"x-rate-limit-reset": str(int(time.time()) + 60)}), refused({})
        assert (type(soon), type(late)) == (errors.RateLimited, errors.RateLimited)
        assert 55 < soon.retry_after <= 60
        assert late.retry_after is None
        end = int(time.time()) + 800
        far = refused({"x-rate-limit-reset": str(end)})
        assert isinstance(far, errors.QuotaExhausted)
        assert far.resets_at
        assert abs(far.resets_at.timestamp() - end) < 2
        assert seconds_to_reset(Answer(NAME, 200, {"x-rate-limit-reset": "5"}, "")) == 0.0

    def test_a_used_up_window_is_waited_for(self) -> None:
        """After the last request of a window nobody asks until the next one, for at most two minutes."""
        waits: list[float] = []
        pace = Pace(1e6, waits.append)

        def after(remaining: str, seconds: int) -> list[float]:
            reset = str(int(time.time()) + seconds)
            heed_window(Answer(NAME, 200, {"x-rate-limit-remaining": remaining, "x-rate-limit-reset": reset}, ""), pace)
            waits.clear()
            pace.wait()
            return list(waits)

        assert sum(after("1", 50)) < 1
        assert 45 < sum(after("0", 50)) <= 51
        assert 110 < sum(after("0", 5000)) <= 121

    def test_answers_that_are_no_json(self, question: Question) -> None:
        """A web page with HTTP 200 cannot be read, one with 503 is an outage."""

        def _page(status: int, _request: Request) -> Response:
            return HTMLResponse("<title>Just a moment</title>", status)

        for status, kind in ((200, "BadAnswer"), (503, "Unavailable")):
            with answering(partial(_page, status)) as address:
                asked = question(urls=[SOME], base_url=address, retries=0)
                assert kinds(list(BY_URL.fetch(asked))) == [kind]

    def test_a_question_that_both_vocabularies_refuse(self, question: Question) -> None:
        """The first refusal is told, and it is tried once more for each question only."""
        seen: list[str] = []

        def refuse(request: Request) -> Any:
            seen.append(next(name for name in request.query_params if name.endswith(".fields")))
            return {"title": "Invalid Request", "errors": [{"message": f"not with {seen[-1]}"}]}

        with answering(refuse, 400) as address:
            rows = list(BY_POST.fetch(question(posts=[Post("1", SOME)], base_url=address)))
        assert seen == ["tweet.fields", "post.fields"] * 2  # about many, and about the one
        assert "not with tweet.fields" in str(rows[0].error)


class TestToken:
    """A token, or a key and a secret that get one."""

    def test_a_key_and_a_secret_get_a_token(self, question: Question, large: World) -> None:
        """One request more, for as many pages as are asked about."""
        urls = [p.url for p in large.pages[:5]]
        asked = question(urls=urls, token=None, api_key="k", api_secret="s")
        assert asked.settings.missing() == ()
        assert told(BY_URL, asked) == told(BY_URL, question(urls=urls))
        assert asked.meter.requests == 6

    @pytest.mark.parametrize(
        ("settings", "kind", "requests_"),
        [
            ({"api_key": "k", "api_secret": "wrong-99"}, "AuthError", 1),
            ({"api_key": "k"}, "ConfigurationError", 0),
            ({}, "ConfigurationError", 0),
        ],
    )
    def test_without_a_token_everything_fails_in_words(
        self, question: Question, settings: dict[str, str], kind: str, requests_: int
    ) -> None:
        """Each page has its failed row; nothing else is asked or paid, no secret is shown."""
        asked = question(urls=[SOME, f"{SOME}2"], token=None, **settings)
        rows = list(BY_URL.fetch(asked))
        assert kinds(rows) == [kind] * 2
        assert {r.subject for r in rows} == {SOME, f"{SOME}2"}
        assert (asked.meter.requests, asked.meter.usd) == (requests_, 0.0)
        assert "wrong-99" not in str(rows)

    def test_an_answer_without_a_token(self, question: Question) -> None:
        """HTTP 200 without `access_token` is no answer."""
        with answering(lambda _: {"token_type": "bearer"}) as address:
            asked = question(urls=[SOME], token=None, api_key="k", api_secret="s", base_url=address)
            assert kinds(list(BY_URL.fetch(asked))) == ["BadAnswer"]

    def test_a_token_that_x_gave_is_not_shown(self, question: Question) -> None:
        """An error that repeats the token we were given is kept without it."""

        def answer(request: Request) -> Any:
            if request.method == "POST":
                return {"access_token": "AAAA-given"}
            return JSONResponse({"title": f"bad {request.headers['authorization']}"}, 401)

        with answering(answer) as address:
            asked = question(urls=[SOME], token=None, api_key="k", api_secret="s", base_url=address)
            rows = list(BY_URL.fetch(asked))
        assert kinds(rows) == ["AuthError"]
        assert "AAAA-given" not in str(rows)

    def test_nothing_asked_is_nothing_sent(self, question: Question) -> None:
        """Without a subject not even a token is asked for."""
        asked = question(token=None, api_key="k", api_secret="s")
        assert [list(stream.fetch(asked)) for stream in CONNECTOR.streams] == [[], [], []]
        assert asked.meter.requests == 0

    def test_what_must_be_set_is_named(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
        """The variable, and where to get it."""
        monkeypatch.chdir(tmp_path)
        with pytest.raises(ConfigurationError, match=r"TALLYRANK_X_TOKEN.*console\.x\.com"):
            CONNECTOR.ready()

    def test_a_version_in_the_address_is_not_repeated(self, question: Question, large: World) -> None:
        """An address that ends in /2 leads to the same place."""
        urls = [large.pages[0].url]
        plain = question(urls=urls)
        assert told(BY_URL, question(urls=urls, base_url=f"{plain.settings.base_url}/2")) == told(BY_URL, plain)


class ToSandbox(requests.adapters.HTTPAdapter):
    """Sends what is meant for X to the sandbox, and changes nothing else."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.address = address

    def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        request.url = request.url.replace("https://api.twitter.com", self.address)
        return super().send(request, *args, **kwargs)


class TestTweepy:
    """The well-kept client reads the twin as it reads X."""

    @pytest.fixture
    def client(self, large_sandbox: str) -> Callable[..., tweepy.Client]:
        """A client of tweepy whose session leads to the sandbox."""

        def make(token: str = "AAAA") -> tweepy.Client:
            client = tweepy.Client(token)
            client.session.mount("https://", ToSandbox(large_sandbox.replace("{day}", DAY.isoformat())))
            return client

        return make

    def test_posts_by_id(self, client: Callable[..., tweepy.Client], large: World) -> None:
        """Counters, dates, and errors beside the data."""
        known = [p for p in large.posts(NAME) if p.published_at < AT][:100]
        answer = client().get_tweets([p.object_id for p in known], tweet_fields=["public_metrics", "created_at"])
        shown = {str(post.id): post for post in answer.data}
        assert set(shown) == {p.object_id for p in known} & set(public(large))
        for i, post in shown.items():
            assert post.created_at == public(large)[i].published_at
            assert post.public_metrics["retweet_count"] == twin.counts_of(public(large)[i].votes_at(AT))["repost_count"]
        assert {error["resource_id"] for error in answer.errors} == {p.object_id for p in known} - set(shown)

    def test_search_by_its_pages(self, client: Callable[..., tweepy.Client], large: World) -> None:
        """tweepy's own paginator finds what the connector's query finds, and no reposts."""
        site = f"https://www.{large.pages[0].site}/"
        pages = tweepy.Paginator(
            client().search_all_tweets, query_of(site, "bare"), start_time="2026-01-01T00:00:00Z", max_results=10
        )
        found = [str(post.id) for post in pages.flatten()]
        shown = [i for i in twin.items(large).values() if i.post.object_id in public(large) and not i.is_repost]
        assert found == [i.object_id for i in shown if i.post.page.site == large.pages[0].site]
        assert client().search_recent_tweets('url:"nowhere.example"').data is None

    def test_counts(self, client: Callable[..., tweepy.Client], large: World) -> None:
        """Seven days and their total."""
        answer = client().get_recent_tweets_count('url:"example"', granularity="day")
        assert len(answer.data) == 7
        assert answer.meta["total_tweet_count"] == sum(day["tweet_count"] for day in answer.data) > 0

    @pytest.mark.parametrize(
        ("token", "kind"),
        [
            ("expired", tweepy.Unauthorized),
            ("unenrolled", tweepy.Forbidden),
            ("capped", tweepy.TooManyRequests),
            ("broke", tweepy.HTTPException),
            ("new-words", tweepy.BadRequest),
        ],
    )
    def test_errors(self, client: Callable[..., tweepy.Client], token: str, kind: type[Exception]) -> None:
        """Refusals are refusals to tweepy too; the vocabulary of 2026 refuses its old selector."""
        with pytest.raises(kind):
            client(token).get_tweets(["1"], tweet_fields=["public_metrics"])

    @pytest.mark.parametrize("query", ["https://a.example/b", 'url:"a.example" min_faves:3', ""])
    def test_wrong_queries(self, client: Callable[..., tweepy.Client], query: str) -> None:
        """A bare slash, an operator that is none, and nothing at all are refused."""
        with pytest.raises(tweepy.BadRequest):
            client().search_recent_tweets(query)
