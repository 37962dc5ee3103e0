"""Hacker News against its twin: one search per site, matching by key, slices of time, refresh by id."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from connectors.base import Ask, Post, Stream, parse_all
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb, day_noon
from connectors.sandbox import hackernews as twin
from connectors.sandbox.server import build_app, running
from connectors.sandbox.world import World
from connectors.votes.hackernews import CONNECTOR, Found, stories

BY_URL, BY_POST = CONNECTOR.streams
AT = datetime(2026, 10, 14, 12, tzinfo=UTC)
SOME = "https://www.alder.example/a"
STORY = {"objectID": "41000001", "points": 120, "num_comments": 45, "created_at_i": 1790856000}


def readings(stream: Stream, question: Ask) -> list[Observation]:
    """All observations of a question."""
    return parse_all(CONNECTOR, stream, list(stream.fetch(question)))


def stored(payload: Any, status: Status = Status.OBSERVED) -> Raw:
    """A stored row, written by hand."""
    return Raw("41000001", AT, status, SOME, payload=payload)


def by_verb(stream: Stream, row: Raw) -> dict[Verb, tuple[int | None, Status]]:
    """What one stored row says of each verb."""
    return {o.verb: (o.count, o.status) for o in stream.parse([row])}


def answering(answer: Any, status: int = 200) -> Any:
    """A service that gives one and the same answer to every question."""

    async def respond(_: Any) -> JSONResponse:
        return JSONResponse(answer, status)

    return running(Starlette(routes=[Route("/search_by_date", respond)]))


@pytest.fixture
def truth(world):
    """The stories of every page on the day of the fixture `ask`: page address -> posts."""
    return {p.url: world.posts_of("hackernews", p, AT) for p in world.pages}


class TestByUrl:
    """Discovery: which stories link to these pages."""

    def test_every_story_of_every_page(self, ask, truth):
        """Pages get all their stories (submitted twice, by http, with a slash) and no stranger's."""
        got = readings(BY_URL, ask(CONNECTOR, urls=truth))
        found = {(o.url, o.object_id) for o in got if o.object_id}
        assert found == {(url, post.object_id) for url, posts in truth.items() for post in posts}
        assert any(len(posts) > 1 for posts in truth.values())

    def test_counts_are_the_truth(self, ask, world, truth):
        """Likes are points, comments are num_comments, each story is one share; times are the submission's."""
        got = {(o.object_id, o.verb): o for o in readings(BY_URL, ask(CONNECTOR, urls=truth)) if o.object_id}
        posts = [post for posts in truth.values() for post in posts]
        assert len(got) == 3 * len(posts)
        for post in posts:
            assert got[post.object_id, Verb.LIKE].count == post.votes_at(AT)
            assert got[post.object_id, Verb.SHARE].count == 1
            hidden = None if post.is_shy else twin.comments(post, AT)
            assert got[post.object_id, Verb.COMMENT].count == hidden
            assert got[post.object_id, Verb.LIKE].published_at == post.published_at
        assert {(o.basis, o.quality) for o in got.values()} == {(Basis.POST, Quality.EXACT)}

    def test_page_without_story_has_lower_bound_zeros(self, ask, truth):
        """Nothing found is a 0 that may be too low, once per verb and without a post."""
        got = readings(BY_URL, ask(CONNECTOR, urls=truth))
        bare = [o for o in got if not truth[o.url]]
        assert len(bare) == 3 * sum(not posts for posts in truth.values()) > 0
        facts = {(o.count, o.status, o.quality, o.basis, o.object_id) for o in bare}
        assert facts == {(0, Status.OBSERVED, Quality.LOWER_BOUND, Basis.POST, None)}

    def test_one_request_per_site(self, ask, world):
        """All pages of a site are answered by one search."""
        question = ask(CONNECTOR, urls=[p.url for p in world.pages])
        assert len(list(BY_URL.fetch(question))) >= len(world.pages)
        assert question.meter.requests == len({p.site for p in world.pages})

    def test_no_question_no_request(self, ask):
        """Nothing asked, nothing sent."""
        questions = ask(CONNECTOR), ask(CONNECTOR, posts=[])
        assert [list(BY_URL.fetch(questions[0])), list(BY_POST.fetch(questions[1]))] == [[], []]
        assert [q.meter.requests for q in questions] == [0, 0]

    def test_small_pages_find_the_same(self, ask, world):
        """However few stories fit on a page of the search, the stories are the same."""
        urls = [p.url for p in world.pages]
        whole, small = (readings(BY_URL, ask(CONNECTOR, urls=urls, hits_per_page=n)) for n in (1000, 2))
        assert set(small) == set(whole)
        assert len(small) == len(whole)

    def test_more_stories_than_a_search_serves(self, ask, world, monkeypatch):
        """A site with more stories than one search serves is read in slices of time."""
        urls = [p.url for p in world.pages]
        whole = readings(BY_URL, ask(CONNECTOR, urls=urls))
        monkeypatch.setattr(twin, "MOST_HITS", 3)
        question = ask(CONNECTOR, urls=urls, hits_per_page=2)
        sliced = readings(BY_URL, question)
        assert (set(sliced), len(sliced)) == (set(whole), len(whole))
        assert question.meter.requests > 2 * len({p.site for p in world.pages})

    def test_other_spellings_find_the_page(self, ask, truth):
        """A page asked for with tracking parameters or without www finds its stories, under the spelling asked for."""
        url = next(url for url, posts in truth.items() if posts)
        spelled = url.replace("https://www.", "http://") + "/?utm_source=x"
        got = readings(BY_URL, ask(CONNECTOR, urls=[url, spelled]))
        ids = [{o.object_id for o in got if o.url == u} for u in (url, spelled)]
        assert ids[0] == ids[1] == {post.object_id for post in truth[url]}

    def test_what_is_no_address_fails_in_words(self, ask, world):
        """A line that is no web address fails by itself, and no request is made for it."""
        question = ask(CONNECTOR, urls=["mailto:a@b.example", world.pages[0].url])
        rows = {r.subject: r for r in BY_URL.fetch(question)}
        assert rows["mailto:a@b.example"].error == "BadRequest: this is not a web address"
        assert rows[world.pages[0].url].status is Status.OBSERVED
        assert question.meter.requests == 1

    def test_a_failed_site_fails_each_of_its_pages(self, ask, fault, world):
        """When a site's search fails, its pages fail and the pages of the other sites are answered."""
        fault("hackernews", "400", times=1)
        rows = list(BY_URL.fetch(ask(CONNECTOR, urls=[p.url for p in world.pages], concurrency=1)))
        site = world.pages[0].site
        assert {r.subject for r in rows if r.status is Status.FAILED} == {p.url for p in world.pages if p.site == site}
        assert {r.subject for r in rows} == {p.url for p in world.pages}

    def test_nothing_of_people_is_kept(self, ask, truth):
        """Authors, titles and tags (which name the author) are not stored."""
        rows = list(BY_URL.fetch(ask(CONNECTOR, urls=truth)))
        assert {key for r in rows for key in r.payload} == {*STORY, "stories"}
        assert not re.search("visitor|invented", json.dumps([r.payload for r in rows]), re.IGNORECASE)

    def test_a_renamed_address_is_no_zero(self, ask, fault, world):
        """When stories come without `url`, pages fail: nobody knows whether they have stories."""
        fault("hackernews", "rename:url")
        rows = list(BY_URL.fetch(ask(CONNECTOR, urls=[p.url for p in world.pages])))
        assert {r.status for r in rows} == {Status.FAILED}
        assert all(r.error.startswith("BadAnswer: ") for r in rows)

    @pytest.mark.parametrize("field", ["hits", "nbHits", "nbPages", "objectID"])
    def test_a_renamed_frame_is_a_bad_answer(self, ask, fault, field, truth):
        """Without the list, its size or the ids the answer cannot be trusted to be whole."""
        fault("hackernews", f"rename:{field}")
        url, [post, *_] = next((url, posts) for url, posts in truth.items() if posts)
        questions = {BY_URL: ask(CONNECTOR, urls=[url]), BY_POST: ask(CONNECTOR, posts=[Post(post.object_id, url)])}
        rows = [row for stream, question in questions.items() for row in stream.fetch(question)]
        assert [r.error.partition(":")[0] for r in rows] == ["BadAnswer"] * 2

    def test_renamed_points_fail_alone(self, ask, fault, truth):
        """Without `points` likes fail; comments and shares stay."""
        fault("hackernews", "rename:points")
        got = [o for o in readings(BY_URL, ask(CONNECTOR, urls=truth)) if o.object_id]
        assert {o.status for o in got if o.verb is Verb.LIKE} == {Status.FAILED}
        assert {o.count for o in got if o.verb is Verb.SHARE} == {1}
        assert any(o.count for o in got if o.verb is Verb.COMMENT)


class TestByPost:
    """Refresh: the counters of known stories."""

    def posts(self, world: World) -> list[Post]:
        """Every story of the world, published yet or not, deleted or not."""
        return [Post(p.object_id, p.url, p.published_at) for p in world.posts("hackernews")]

    def test_counts_are_the_truth(self, ask, world):
        """A known story has the world's counters; one that is not there (yet, any more) is not found."""
        got = {(o.object_id, o.verb): o for o in readings(BY_POST, ask(CONNECTOR, posts=self.posts(world)))}
        assert len(got) == 3 * len(world.posts("hackernews"))
        for post in world.posts("hackernews"):
            like, share = got[post.object_id, Verb.LIKE], got[post.object_id, Verb.SHARE]
            if post.exists_at(AT):
                assert (like.count, share.count, like.url) == (post.votes_at(AT), 1, post.url)
            else:
                assert (like.status, share.status) == (Status.NOT_FOUND, Status.NOT_FOUND)
            assert (like.basis, like.published_at) == (Basis.POST, post.published_at)

    def test_both_streams_agree(self, ask, world, truth):
        """A story has the same numbers whether it was searched for or refreshed."""
        found = readings(BY_URL, ask(CONNECTOR, urls=truth))
        again = readings(BY_POST, ask(CONNECTOR, posts=self.posts(world)))
        numbers = [{(o.object_id, o.verb): (o.count, o.status) for o in got if o.object_id} for got in (found, again)]
        assert numbers[0].items() <= numbers[1].items()

    @pytest.mark.parametrize(("number", "requests"), [(1, 1), (50, 1), (51, 2), (120, 3)])
    def test_fifty_in_a_request(self, ask, number, requests):
        """50 stories go into one request; unknown ones are rows that say so."""
        question = ask(CONNECTOR, posts=[Post(str(10 + n), SOME) for n in range(number)])
        rows = list(BY_POST.fetch(question))
        assert [r.subject for r in rows] == [str(10 + n) for n in range(number)]
        assert {r.status for r in rows} == {Status.NOT_FOUND}
        assert question.meter.requests == requests

    def test_a_comment_is_no_story(self, ask, world):
        """Comments below the stories asked for are not read, even where the id of one is asked for as well."""
        story = next(p for p in world.posts("hackernews") if p.exists_at(AT))
        comment = str(int(story.object_id) + 1)
        assert any(item.object_id == comment and item.is_comment for item in twin.items(world))
        rows = BY_POST.fetch(ask(CONNECTOR, posts=[Post(story.object_id, SOME), Post(comment, SOME)]))
        assert [r.status for r in rows] == [Status.OBSERVED, Status.NOT_FOUND]


class TestErrors:
    """Every refusal has its class, says what happened, and leaves no number."""

    @pytest.mark.parametrize("stream", [BY_URL, BY_POST], ids=lambda s: s.name)
    @pytest.mark.parametrize(
        ("status", "body", "kind"),
        [
            (400, {"code": 400, "message": "invalid numeric attribute(points)"}, "BadRequest"),
            (403, {"message": "Not allowed", "status": 403}, "NotPermitted"),
            (404, {"message": "Not found", "status": 404}, "Gone"),
            (429, {"message": "Too many requests", "status": 429}, "RateLimited"),
            (500, {"message": "Internal error", "status": 500}, "Unavailable"),
            (200, [], "BadAnswer"),
            (200, {"message": "Not ready", "status": 200}, "BadAnswer"),
            (200, {"hits": [7], "nbHits": 1, "nbPages": 1}, "BadAnswer"),
        ],
    )
    def test_classes(self, ask, stream, status, body, kind):
        """The row names the class and the service's words."""
        with answering(body, status) as address:
            question = ask(CONNECTOR, urls=[SOME], posts=[Post("1", SOME)], base_url=address, retries=1)
            [row] = stream.fetch(question)
        assert row.error.startswith(f"{kind}: ")
        assert status == 200 or body["message"] in row.error
        assert {o.count for o in parse_all(CONNECTOR, stream, [row])} == {None}

    def test_slices_need_times(self, ask):
        """A search that serves only part of the stories, without their times, fails instead of stopping early."""
        hit = {"objectID": "1", "url": SOME}
        with answering({"hits": [hit], "nbHits": 5, "nbPages": 1}) as address:
            [row] = BY_URL.fetch(ask(CONNECTOR, urls=[SOME], base_url=address))
        assert row.error.startswith("BadAnswer: a story has no `created_at_i`")


class TestParse:
    """Reading stored rows, without a network."""

    def test_a_story(self):
        """The three verbs of a story, with its id and time."""
        observed = list(BY_URL.parse([stored(STORY)]))
        assert [(o.verb, o.count) for o in observed] == [(Verb.LIKE, 120), (Verb.COMMENT, 45), (Verb.SHARE, 1)]
        assert {(o.object_id, o.url, o.published_at) for o in observed} == {
            ("41000001", SOME, datetime(2026, 10, 1, 12, tzinfo=UTC))
        }

    @pytest.mark.parametrize("absent", [{}, {"num_comments": None}])
    def test_missing_comments_are_hidden(self, absent):
        """A null or missing num_comments is withheld, not 0."""
        payload = {k: v for k, v in STORY.items() if k != "num_comments"} | absent
        assert by_verb(BY_URL, stored(payload)) == {
            Verb.LIKE: (120, Status.OBSERVED),
            Verb.COMMENT: (None, Status.HIDDEN),
            Verb.SHARE: (1, Status.OBSERVED),
        }

    @pytest.mark.parametrize("absent", [{}, {"points": None}])
    def test_missing_points_are_failed(self, absent):
        """Every story has points: without them the reading has failed."""
        payload = {k: v for k, v in STORY.items() if k != "points"} | absent
        assert by_verb(BY_POST, stored(payload))[Verb.LIKE] == (None, Status.FAILED)

    @pytest.mark.parametrize("payload", [None, [], "x", {}, {"stories": None}, {"stories": 3}, {"points": 0}])
    def test_no_story_and_no_word_of_none_is_failed(self, payload):
        """Only a row that says "no stories" becomes zeros."""
        assert set(by_verb(BY_URL, stored(payload)).values()) == {(None, Status.FAILED)}

    def test_gone(self):
        """A story that vanished is not found for every verb, shares included."""
        row = stored({"published_at": "2026-10-01T12:00:00+00:00"}, Status.NOT_FOUND)
        observed = list(BY_POST.parse([row]))
        assert {(o.status, o.object_id, o.published_at.day) for o in observed} == {(Status.NOT_FOUND, "41000001", 1)}
        assert len(observed) == 3

    @pytest.mark.parametrize(
        "time", [{"created_at_i": 10**18}, {"created_at_i": "soon", "published_at": "soon"}, {"published_at": 3}]
    )
    def test_unreadable_times_are_unknown(self, time):
        """A time that cannot be read is unknown; the counts stay."""
        payload = {"objectID": "41000001", "points": 1, **time}
        assert {o.published_at for o in BY_POST.parse([stored(payload)])} == {None}


@given(st.data())
def test_slices_lose_and_repeat_nothing(data):
    """Any number of stories, any ties in time below the cap, any page size and cap: each story comes exactly once."""
    cap = data.draw(st.integers(2, 8))
    gaps = data.draw(st.lists(st.integers(0, 2), max_size=40))
    moments = [100]
    for gap in gaps:
        tied = len(moments) >= cap - 1 and moments[-1] == moments[1 - cap]
        moments.append(moments[-1] + max(gap, int(tied)))
    size = data.draw(st.integers(1, cap))
    everything = [{"objectID": str(n), "created_at_i": m} for n, m in enumerate(moments)][::-1]

    def search(asked: Mapping[str, Any]) -> Found:
        latest = int(asked.get("numericFilters", "created_at_i<=999").partition("<=")[2])
        hits = [hit for hit in everything if hit["created_at_i"] <= latest]
        page, served = asked.get("page", 0), hits[:cap]
        return Found(served[page * size : (page + 1) * size], -(-len(served) // size), len(hits))

    assert list(stories(search, {})) == everything


@given(st.lists(st.integers(0, 9), max_size=30))
def test_pages_that_shift_repeat_nothing(numbers):
    """A story seen on two pages, because a new one was submitted meanwhile, is taken once."""
    hits = [{"objectID": str(n), "created_at_i": n} for n in numbers]

    def search(asked: Mapping[str, Any]) -> Found:
        return Found(hits[asked.get("page", 0) * 5 :][:5], -(-len(hits) // 5), len(hits))

    assert [h["objectID"] for h in stories(search, {})] == list(dict.fromkeys(map(str, numbers)))


class TestTwin:
    """The twin behaves as the contract says."""

    def get(self, sandbox: str, path: str = "search_by_date", **params: Any) -> httpx.Response:
        """A plain request to the twin."""
        return httpx.get(f"{sandbox}/2026-10-14/hackernews/{path}", params=params)

    def test_shape(self, sandbox):
        """Ids are text, the page says where it is, twenty hits by default."""
        answer = self.get(sandbox, tags="story").json()
        assert (answer["page"], answer["hitsPerPage"], len(answer["hits"])) == (0, 20, 20)
        assert answer["nbPages"] == -(-answer["nbHits"] // 20)
        assert all(isinstance(hit["objectID"], str) and hit["author"] for hit in answer["hits"])

    def test_newest_first(self, sandbox):
        """`/search_by_date` sorts by time, `/search` by points."""
        times = [hit["created_at_i"] for hit in self.get(sandbox, tags="story", hitsPerPage=1000).json()["hits"]]
        hits = self.get(sandbox, "search", tags="story", hitsPerPage=1000).json()["hits"]
        points = [hit["points"] for hit in hits]
        assert (times, points) == (sorted(times, reverse=True), sorted(points, reverse=True))

    def test_words_match_strangers(self, sandbox, world):
        """A search by site also finds stories of other pages and sites."""
        page = world.posts("hackernews")[0].page
        words = {"query": page.site, "restrictSearchableAttributes": "url", "tags": "story", "hitsPerPage": 1000}
        urls = {hit["url"] for hit in self.get(sandbox, **words).json()["hits"]}
        known = {p.url for p in world.posts("hackernews")}
        assert urls & known
        assert urls - known

    @pytest.mark.parametrize("field", ["points", "num_comments"])
    def test_only_time_can_be_filtered(self, sandbox, field):
        """Filters on counters are refused with 400 in Algolia's words."""
        answer = self.get(sandbox, numericFilters=f"{field}>10")
        assert (answer.status_code, answer.json()["code"]) == (400, 400)
        assert f"invalid numeric attribute({field})" in answer.json()["message"]

    @pytest.mark.parametrize("wrong", [{"hitsPerPage": 1001}, {"page": "x"}, {"numericFilters": "created_at_i"}])
    def test_wrong_questions(self, sandbox, wrong):
        """What is out of range is refused."""
        assert self.get(sandbox, **wrong).status_code == 400

    def test_time_filters(self, sandbox):
        """Both ends of a window hold."""
        times = [hit["created_at_i"] for hit in self.get(sandbox, tags="story", hitsPerPage=1000).json()["hits"]]
        window = f"created_at_i>{times[5]},created_at_i<={times[2]}"
        inside = [hit["created_at_i"] for hit in self.get(sandbox, numericFilters=window, tags="story").json()["hits"]]
        assert inside == [t for t in times if times[5] < t <= times[2]]

    def test_a_thousand_hits_at_most(self, sandbox, monkeypatch):
        """Beyond the cap pages are empty, while nbHits tells how many there are."""
        monkeypatch.setattr(twin, "MOST_HITS", 4)
        answers = [self.get(sandbox, tags="story", hitsPerPage=3, page=n).json() for n in range(3)]
        assert [len(a["hits"]) for a in answers] == [3, 1, 0]
        assert answers[0]["nbPages"] == 2
        assert answers[0]["nbHits"] > 4

    def test_too_many_requests(self, world, monkeypatch):
        """Over the window the twin answers 429, and the connector says so after its tries."""
        monkeypatch.setattr(twin, "REQUESTS_PER_HOUR", 2)
        with running(build_app(world)) as address:
            settings = CONNECTOR.settings(
                _env_file=None,
                base_url=f"{address}/{{day}}/hackernews",
                requests_per_second=1e6,
                retries=1,
                retry_wait_seconds=0.0,
            )
            posts = tuple(Post(str(n), SOME) for n in range(150))
            rows = list(BY_POST.fetch(Ask(settings, AT.date(), day_noon(AT.date()), posts=posts)))
        failed = [r for r in rows if r.status is Status.FAILED]
        assert len(failed) == 50
        assert failed[0].error.startswith("RateLimited: HTTP 429")
