"""Lobsters against its twin: off by default, stories by address and by id, limits told in plain text."""

from __future__ import annotations

import json
import re
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from connectors.base import Ask, Post, Stream, parse_all
from connectors.errors import QuotaExhausted, RateLimited
from connectors.http import Answer
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb
from connectors.sandbox import lobsters as twin
from connectors.sandbox.server import build_app, running
from connectors.votes.lobsters import CONNECTOR, lobsters_error

BY_URL, BY_POST = CONNECTOR.streams
AT = datetime(2026, 10, 14, 12, tzinfo=UTC)
SOME = "https://www.alder.example/a"
STORY = {
    "short_id": "abc123", "created_at": "2026-10-01T07:00:00.000-05:00", "title": "T", "url": SOME, "score": 34,
    "flags": 1, "comment_count": 12, "submitter_user": "alice", "comments": [{"comment_plain": "words", "score": 3}],
}  # fmt: skip
STORED = {"object_id": "abc123", "score": 34, "comment_count": 12, "created_at": "2026-10-01T07:00:00.000-05:00"}


def readings(stream: Stream, question: Ask) -> list[Observation]:
    """All observations of a question."""
    return parse_all(CONNECTOR, stream, list(stream.fetch(question)))


def by_verb(stream: Stream, payload: Any, status: Status = Status.OBSERVED) -> dict[Verb, tuple[int | None, Status]]:
    """What one stored row says of each verb."""
    return {o.verb: (o.count, o.status) for o in stream.parse([Raw("abc123", AT, status, SOME, payload)])}


@contextmanager
def site(answer: Any, asked: list[Request] | None = None) -> Any:
    """A site that gives one and the same answer to every question."""

    async def respond(request: Request) -> Response:
        if asked is not None:
            asked.append(request)
        return answer if isinstance(answer, Response) else JSONResponse(answer)

    with running(Starlette(routes=[Route("/{path:path}", respond)])) as address:
        yield address


@pytest.fixture
def truth(world):
    """The stories of every page on the day of the fixture `ask`: page address -> posts."""
    return {p.url: world.posts_of("lobsters", p, AT) for p in world.pages}


def test_off_by_default():
    """Nothing is asked of a site that asks robots to stay away, unless somebody switches it on."""
    settings = CONNECTOR.settings(_env_file=None)
    assert settings.enabled is False
    assert settings.requests_per_second * 3600 <= 400
    assert settings.missing() == ()


class TestByUrl:
    """Discovery: which stories link to these pages."""

    def test_every_story_of_every_page(self, ask, truth):
        """Pages get all their stories, whatever the spelling, from one request each."""
        question = ask(CONNECTOR, urls=[*truth, *truth])
        got = readings(BY_URL, question)
        assert {(o.url, o.object_id) for o in got if o.object_id} == {
            (url, twin.short_id(p)) for url, posts in truth.items() for p in posts
        }
        assert {p.url == p.page.url for posts in truth.values() for p in posts} == {True, False}
        assert question.meter.requests == len(truth)

    def test_counts_are_the_truth(self, ask, truth):
        """Scores are net of flags; each story is one share; a null is hidden; times are the submission's, in UTC."""
        got = {(o.object_id, o.verb): o for o in readings(BY_URL, ask(CONNECTOR, urls=truth)) if o.object_id}
        posts = [post for posts in truth.values() for post in posts]
        assert len(got) == 3 * len(posts)
        assert any(p.is_shy for p in posts)
        for post in posts:
            like, comment, share = (got[twin.short_id(post), v] for v in (Verb.LIKE, Verb.COMMENT, Verb.SHARE))
            assert (like.count, share.count) == (post.votes_at(AT) - twin.flags(post, AT), 1)
            assert (comment.count, comment.status) == (
                (None, Status.HIDDEN) if post.is_shy else (twin.comments(post, AT), Status.OBSERVED)
            )
            assert like.published_at == post.published_at
            assert like.published_at.utcoffset().total_seconds() == 0
        assert {o.basis for o in got.values()} == {Basis.POST}
        assert {(o.verb, o.quality) for o in got.values()} == {
            (Verb.LIKE, Quality.EXACT), (Verb.COMMENT, Quality.EXACT), (Verb.SHARE, Quality.EXACT)
        }  # fmt: skip

    def test_a_page_without_stories_has_lower_bound_zeros(self, ask, truth):
        """Nothing found is a 0 that may be too low, once per verb and without a post."""
        bare = [o for o in readings(BY_URL, ask(CONNECTOR, urls=truth)) if not truth[o.url]]
        assert len(bare) == 3 * sum(not posts for posts in truth.values()) > 0
        facts = {(o.count, o.status, o.quality, o.object_id) for o in bare}
        assert facts == {(0, Status.OBSERVED, Quality.LOWER_BOUND, None)}

    def test_the_question(self, ask):
        """The documented path, with the address as it is."""
        asked: list[Request] = []
        with site([], asked) as address:
            list(BY_URL.fetch(ask(CONNECTOR, urls=[SOME + "?a=1&b=2#c"], base_url=address)))
        assert asked[0].url.path == "/stories/url/all.json"
        assert dict(asked[0].query_params) == {"url": SOME + "?a=1&b=2#c"}

    def test_a_story_listed_twice_counts_once(self, ask):
        """A story that comes twice in an answer is one story."""
        with site([STORY, STORY]) as address:
            rows = list(BY_URL.fetch(ask(CONNECTOR, urls=[SOME], base_url=address)))
        assert [r.payload for r in rows] == [STORED]

    def test_what_is_no_address_fails_unasked(self, ask, world):
        """A line that is no web address fails by itself, and no request is made for it."""
        question = ask(CONNECTOR, urls=["mailto:a@b.example", world.pages[0].url])
        rows = {r.subject: r for r in BY_URL.fetch(question)}
        assert rows["mailto:a@b.example"].error == "BadRequest: this is not a web address"
        assert rows[world.pages[0].url].status is Status.OBSERVED
        assert question.meter.requests == 1

    def test_nothing_of_people_is_kept(self, ask, truth, world):
        """Submitters, titles and comments are not stored."""
        posts = [Post(twin.short_id(p), p.url) for p in world.posts("lobsters")]
        rows = [*BY_URL.fetch(ask(CONNECTOR, urls=truth)), *BY_POST.fetch(ask(CONNECTOR, posts=posts))]
        assert {key for r in rows for key in r.payload} == {*STORED, "stories", "published_at"}
        assert not re.search("visitor|invented", json.dumps([r.payload for r in rows]), re.IGNORECASE)

    @pytest.mark.parametrize(("field", "verb"), [("score", Verb.LIKE), ("comment_count", Verb.COMMENT)])
    def test_a_renamed_field_degrades_its_verb(self, ask, fault, truth, field, verb):
        """Without one field its verb fails; the others stay."""
        fault("lobsters", f"rename:{field}")
        url = next(url for url, posts in truth.items() if posts and not any(p.is_shy for p in posts))
        got = readings(BY_URL, ask(CONNECTOR, urls=[url]))
        assert {(o.verb, o.status) for o in got if o.status is not Status.OBSERVED} == {(verb, Status.FAILED)}


class TestByPost:
    """Refresh: the counters of known stories."""

    def test_both_streams_agree(self, ask, world, truth):
        """A story has the same numbers whether it was searched for or refreshed; the rest is not found."""
        posts = [Post(twin.short_id(p), p.url, p.published_at) for p in world.posts("lobsters")]
        found = readings(BY_URL, ask(CONNECTOR, urls=truth))
        question = ask(CONNECTOR, posts=posts)
        again = readings(BY_POST, question)
        numbers = [{(o.object_id, o.verb): (o.count, o.status) for o in got if o.object_id} for got in (found, again)]
        assert numbers[0].items() <= numbers[1].items()
        assert {numbers[1][key] for key in numbers[1].keys() - numbers[0].keys()} == {(None, Status.NOT_FOUND)}
        assert question.meter.requests == len(posts)

    def test_a_story_of_unknown_page_gets_its_link(self, ask):
        """The id alone is enough: the page is the story's link, where it has one."""
        for link, page in ((SOME, SOME), ("", None), (None, None)):
            with site(STORY | {"url": link}) as address:
                [row] = BY_POST.fetch(ask(CONNECTOR, posts=[Post("abc123", "")], base_url=address))
            assert row.url == page

    @pytest.mark.parametrize("wrong", ["", "../domains/x", "a b", "ébc123", "abc?x=1"])
    def test_what_is_no_id_fails_unasked(self, ask, wrong):
        """An id that could change the path is not sent."""
        question = ask(CONNECTOR, posts=[Post(wrong, SOME)])
        [row] = BY_POST.fetch(question)
        assert row.error == "BadRequest: no id of a story (letters and digits)"
        assert question.meter.requests == 0

    @pytest.mark.parametrize("answer", [STORY | {"short_id": "zzz999"}, {}, [], [STORY]])
    def test_another_answer_is_not_taken_for_it(self, ask, answer):
        """An answer about no story or another one fails."""
        with site(answer) as address:
            [row] = BY_POST.fetch(ask(CONNECTOR, posts=[Post("abc123", SOME)], base_url=address))
        assert row.error.startswith("BadAnswer: ")


class TestErrors:
    """Every refusal has its class, says what happened, and leaves no number."""

    @pytest.mark.parametrize("stream", [BY_URL, BY_POST], ids=lambda s: s.name)
    @pytest.mark.parametrize(
        ("answer", "kind"),
        [
            (JSONResponse({"error": "url is missing"}, 400), "BadRequest"),
            (HTMLResponse("<p>no", 403), "NotPermitted"),
            (PlainTextResponse(twin.THROTTLED, 429), "RateLimited"),
            (PlainTextResponse(twin.THROTTLED, 429, {"RateLimit-Reset": "3000"}), "QuotaExhausted"),
            (HTMLResponse("<p>down", 503), "Unavailable"),
            (HTMLResponse("<p>a page"), "BadAnswer"),
            (JSONResponse({"error": "no"}), "BadAnswer"),
            (JSONResponse([{"score": 1}]), "BadAnswer"),
            (JSONResponse([7]), "BadAnswer"),
        ],
    )
    def test_classes(self, ask, stream, answer, kind):
        """The row names the class."""
        with site(answer) as address:
            question = ask(CONNECTOR, urls=[SOME], posts=[Post("abc123", SOME)], base_url=address, retries=0)
            [row] = stream.fetch(question)
        assert row.error.startswith(f"{kind}: ")
        assert {o.count for o in parse_all(CONNECTOR, stream, [row])} == {None}

    def test_gone(self, ask):
        """404 of a story means that it is not there (any more); of an address, that the question failed."""
        with site(JSONResponse({"error": "404 Not Found"}, 404)) as address:
            question = ask(CONNECTOR, urls=[SOME], posts=[Post("abc123", SOME)], base_url=address)
            rows = [*BY_POST.fetch(question), *BY_URL.fetch(question)]
        assert [r.status for r in rows] == [Status.NOT_FOUND, Status.FAILED]

    @pytest.mark.parametrize(
        ("headers", "seconds"),
        [({"ratelimit-reset": "45"}, 45), ({"retry-after": "7"}, 7), ({"ratelimit-reset": "soon"}, None), ({}, None)],
    )
    def test_short_waits(self, headers, seconds):
        """A small RateLimit-Reset is seconds; Retry-After counts where it comes; else nobody knows."""
        error = lobsters_error(Answer("lobsters", 429, headers, twin.THROTTLED))
        assert isinstance(error, RateLimited)
        assert error.retry_after == seconds

    def test_the_reset_is_a_moment(self):
        """RateLimit-Reset is Unix time: the wait is what is left until then."""
        reset = str(int(time.time()) + 60)
        error = lobsters_error(Answer("lobsters", 429, {"ratelimit-reset": reset}, twin.THROTTLED))
        assert isinstance(error, RateLimited)
        assert 50 < error.retry_after <= 60

    def test_an_hour_ends_the_day(self, ask):
        """A wait too long to sit through is an exhausted quota with its end, and nothing more is asked."""
        reset = int(time.time()) + 3000
        answer = PlainTextResponse(twin.THROTTLED, 429, {"RateLimit-Reset": str(reset)})
        error = lobsters_error(Answer("lobsters", 429, {"ratelimit-reset": str(reset)}, twin.THROTTLED))
        assert isinstance(error, QuotaExhausted)
        assert abs(error.resets_at.timestamp() - reset) < 5
        asked: list[Request] = []
        with site(answer, asked) as address:
            rows = list(BY_URL.fetch(ask(CONNECTOR, urls=[SOME, SOME + "/b"], base_url=address)))
        assert (len(rows), len(asked)) == (2, 1)


class TestParse:
    """Reading stored rows, without a network."""

    @pytest.mark.parametrize("stream", [BY_URL, BY_POST], ids=lambda s: s.name)
    def test_a_story(self, stream):
        """The three verbs of a story."""
        assert by_verb(stream, STORED) == {
            Verb.LIKE: (34, Status.OBSERVED), Verb.COMMENT: (12, Status.OBSERVED), Verb.SHARE: (1, Status.OBSERVED)
        }  # fmt: skip

    def test_a_score_may_be_negative(self):
        """More flags than upvotes: the net number is kept as it is."""
        [like] = [o for o in BY_URL.parse([Raw("x", AT, url=SOME, payload=STORED | {"score": -2})]) if o.verb == "like"]
        assert (like.count, like.quality) == (-2, Quality.EXACT)

    @pytest.mark.parametrize(
        ("changed", "status"), [({"score": None}, Status.HIDDEN), ({"score": "many"}, Status.FAILED)]
    )
    def test_null_is_hidden_and_rubbish_failed(self, changed, status):
        """Neither becomes a number, and the other verbs stay."""
        told = by_verb(BY_URL, STORED | changed)
        assert told.pop(Verb.LIKE) == (None, status)
        assert {s for _, s in told.values()} == {Status.OBSERVED}

    @pytest.mark.parametrize("payload", [None, [], "x", {}, {"stories": None}, {"stories": 3}, {"score": 0}])
    def test_no_story_and_no_word_of_none_is_failed(self, payload):
        """Only a row that says "no stories" becomes zeros."""
        assert set(by_verb(BY_URL, payload).values()) == {(None, Status.FAILED)}

    def test_gone(self):
        """A story that vanished is not found for every verb, shares included, and keeps its known time."""
        row = Raw("abc123", AT, Status.NOT_FOUND, SOME, {"published_at": "2026-10-01T12:00:00+00:00"})
        observed = list(BY_POST.parse([row]))
        assert {(o.status, o.object_id, o.published_at.day) for o in observed} == {(Status.NOT_FOUND, "abc123", 1)}
        assert len(observed) == 3

    @pytest.mark.parametrize("moment", ["", "yesterday", 7, None, "9999-99-99"])
    def test_unreadable_times_are_unknown(self, moment):
        """A time that cannot be read is unknown; the counts stay."""
        observed = list(BY_URL.parse([Raw("abc123", AT, url=SOME, payload=STORED | {"created_at": moment})]))
        assert {o.published_at for o in observed} == {None}
        assert {o.status for o in observed} == {Status.OBSERVED}


class TestTwin:
    """The twin behaves as the contract says."""

    def get(self, sandbox: str, path: str, **params: Any) -> httpx.Response:
        """A plain request to the twin."""
        return httpx.get(f"{sandbox}/2026-10-14/lobsters{path}", params=params)

    @pytest.mark.parametrize("end", ["", "/", ".html", "/index.html", "#part"])
    @pytest.mark.parametrize("scheme", ["http://", "https://www."])
    def test_addresses_are_compared_loosely(self, sandbox, truth, scheme, end):
        """Scheme, www, fragment, slash, .html and index pages make no difference."""
        url, posts = next((url, posts) for url, posts in truth.items() if posts)
        spelled = url.replace("https://www.", scheme) + end
        found = self.get(sandbox, "/stories/url/all.json", url=spelled).json()
        assert {story["short_id"] for story in found} == {twin.short_id(p) for p in posts}

    def test_the_order_of_parameters_does_not_matter(self):
        """Queries are compared sorted, and not dropped."""
        assert twin.normalised("https://a.example/?b=2&a=1") == twin.normalised("http://www.a.example?a=1&b=2")
        assert twin.normalised("https://a.example/?a=1") != twin.normalised("https://a.example/")

    def test_unknown_and_missing(self, sandbox):
        """An unknown address is an empty list, none at all a 400, an unknown site or story a 404."""
        assert self.get(sandbox, "/stories/url/all.json", url="https://nobody.example/").json() == []
        codes = [
            self.get(sandbox, p).status_code for p in ("/stories/url/all.json", "/domains/x.example.json", "/s/0.json")
        ]
        assert codes == [400, 404, 404]

    def test_lists(self, sandbox, world):
        """A site's stories on pages of 25, the older path redirected, and the newest of all."""
        posted = world.posts("lobsters")[0].page.site
        stories = self.get(sandbox, f"/domains/{posted}.json").json()
        assert 0 < len(stories) <= 25
        assert self.get(sandbox, f"/domains/{posted}/page/2.json").json() == []
        assert self.get(sandbox, f"/domain/{posted}.json").headers["location"].endswith(f"/domains/{posted}.json")
        times = [datetime.fromisoformat(s["created_at"]) for s in self.get(sandbox, "/newest.json").json()]
        assert times == sorted(times, reverse=True)
        assert {t.utcoffset().total_seconds() for t in times} == {-5 * 3600}

    def test_four_windows(self, world):
        """The fifth request of a second is throttled in plain text, with the end of the window as Unix time."""
        with running(build_app(world, speed=0.01)) as address:  # a second takes 100
            answers = [httpx.get(f"{address}/2026-10-14/lobsters/newest.json") for _ in range(5)]
        assert [a.status_code for a in answers] == [200] * 4 + [429]
        last = answers[-1]
        assert last.headers["content-type"].startswith("text/plain")
        assert last.text == twin.THROTTLED
        assert (last.headers["ratelimit-remaining"], last.headers["ratelimit-limit"]) == ("0", "4")
        assert 50 < int(last.headers["ratelimit-reset"]) - time.time() <= 100
        assert "retry-after" not in last.headers

    @pytest.mark.parametrize(("most", "seconds"), [(30, 60), (100, 600), (400, 3600)])
    def test_longer_windows(self, world, most, seconds):
        """The longer windows close as well, each with its own end."""
        app = build_app(world)
        app.state.stage.window(f"lobsters {seconds}", most, seconds, cost=most)
        with running(app) as address:
            answer = httpx.get(f"{address}/2026-10-14/lobsters/newest.json")
        assert answer.headers["ratelimit-limit"] == str(most)
        assert seconds - 10 < int(answer.headers["ratelimit-reset"]) - time.time() <= seconds
