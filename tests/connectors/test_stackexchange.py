"""Stack Exchange against its twin: searches by address, links looked up in the question, refresh by id, the quota."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx
import pytest
import stackapi
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from connectors import errors
from connectors.base import Ask, Post, Stream, parse_all
from connectors.http import Answer, Http
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb
from connectors.sandbox import stackexchange as twin
from connectors.sandbox.server import build_app, running
from connectors.sandbox.world import World, WorldPost
from connectors.votes import stackexchange
from connectors.votes.stackexchange import CONNECTOR, NAME, Found, listed, stack_error

BY_URL, BY_POST = CONNECTOR.streams
AT = datetime(2026, 10, 14, 12, tzinfo=UTC)
SOME = "https://www.alder.example/a"
QUESTION = {
    "question": "stackoverflow:7",
    "score": 12,
    "answer_count": 3,
    "view_count": 900,
    "creation_date": 1790856000,
}
Question = Callable[..., Ask]


@pytest.fixture
def question(ask: Question) -> Question:
    """A question with a key, whose quota lasts for all tests."""
    return partial(ask, CONNECTOR, key="roomy")


@pytest.fixture
def truth(world: World) -> dict[str, list[WorldPost]]:
    """The posts about each page on the day of the fixture `ask`."""
    return {p.url: world.posts_of(NAME, p, AT) for p in world.pages}


def told(stream: Stream, question: Ask) -> list[Observation]:
    """Fetch and parse."""
    return [o for o in parse_all(CONNECTOR, stream, list(stream.fetch(question))) if isinstance(o, Observation)]


def stored(payload: Any, status: Status = Status.OBSERVED) -> Raw:
    """A stored row, written by hand."""
    return Raw("stackoverflow:7", AT, status, SOME, payload=payload)


def by_verb(row: Raw) -> dict[Verb, tuple[int | None, Status]]:
    """What one stored row says of each verb."""
    return {o.verb: (o.count, o.status) for o in BY_POST.parse([row])}


def id_of(post: WorldPost) -> str:
    """Our id of a post's question."""
    return f"stackoverflow:{twin.number_of(post)}"


def serving(*answers: Any, status: int = 200) -> Any:
    """A service that gives these answers in turn, the last one for ever."""
    left = list(answers)

    async def respond(_: Request) -> JSONResponse:
        return JSONResponse(left.pop(0) if len(left) > 1 else left[0], status)

    return running(Starlette(routes=[Route("/{path:path}", respond)]))


def item(number: int, link: str = SOME, **more: Any) -> dict[str, Any]:
    """A question as the API gives it."""
    counts = {"score": 1, "answer_count": 0, "view_count": 5, "creation_date": 1790856000}
    return {"question_id": number, "body": f'<a href="{link}">x</a>', **counts, **more}


class TestByUrl:
    """Which questions link to these pages."""

    def test_counts_are_the_worlds(self, question: Question, truth: dict[str, list[WorldPost]]) -> None:
        """Every question of every page, with its true counters; no stranger among them, nor a link in an answer."""
        got = {(o.url, o.object_id, o.verb): o for o in told(BY_URL, question(urls=truth)) if o.object_id}
        expected: dict[Any, int] = {}
        for url, posts in truth.items():
            for p in posts:
                counts = {Verb.LIKE: twin.score, Verb.COMMENT: twin.answers, Verb.VIEW: twin.views}
                expected |= {(url, id_of(p), verb): count(p, AT) for verb, count in counts.items()}
                expected[url, id_of(p), Verb.SHARE] = 1
        assert {key: o.count for key, o in got.items()} == expected
        assert min(expected.values()) < 0, "a score may be negative"
        assert {(o.basis, o.quality) for o in got.values()} == {(Basis.POST, Quality.EXACT)}
        asked_at = {id_of(p): p.published_at for posts in truth.values() for p in posts}
        assert {o.object_id: o.published_at for o in got.values()} == asked_at

    def test_a_page_without_question_has_lower_bound_zeros(
        self, question: Question, truth: dict[str, list[WorldPost]]
    ) -> None:
        """Nothing found is a 0 that may be too low, once per verb and without a post."""
        bare = [o for o in told(BY_URL, question(urls=truth)) if not truth[str(o.url)]]
        assert len(bare) == 4 * sum(not posts for posts in truth.values()) > 0
        facts = {(o.count, o.status, o.quality, o.basis, o.object_id) for o in bare}
        assert facts == {(0, Status.OBSERVED, Quality.LOWER_BOUND, Basis.POST, None)}

    def test_one_request_per_page_and_site(self, question: Question, truth: dict[str, list[WorldPost]]) -> None:
        """A second site is a second search; it adds what it has and no more."""
        one, two = (question(urls=truth, sites=sites) for sites in ("stackoverflow", "stackoverflow, superuser,"))
        assert told(BY_URL, one) == told(BY_URL, two)
        assert (one.meter.requests, two.meter.requests) == (len(truth), 2 * len(truth))

    def test_other_spellings_find_the_page(self, question: Question, truth: dict[str, list[WorldPost]]) -> None:
        """Without www, by http, with tracking parameters: the same questions, under the spelling asked for."""
        url = next(url for url, posts in truth.items() if posts)
        spelled = url.replace("https://www.", "http://") + "/?utm_source=x"
        got = told(BY_URL, question(urls=[spelled]))
        assert {(o.url, o.object_id) for o in got} == {(spelled, id_of(p)) for p in truth[url]}

    def test_what_is_no_address_fails_in_words(self, question: Question, world: World) -> None:
        """A line that is no web address fails alone, and nothing is asked for it."""
        asked = question(urls=["mailto:a@b.example", world.pages[0].url])
        rows = {r.subject: r for r in BY_URL.fetch(asked)}
        assert rows["mailto:a@b.example"].error == "BadRequest: this is not a web address"
        assert rows[world.pages[0].url].status is Status.OBSERVED
        assert asked.meter.requests == 1

    def test_nothing_of_people_is_kept(self, question: Question, truth: dict[str, list[WorldPost]]) -> None:
        """Owners, titles and texts are served and not stored."""
        asked = question(urls=truth)
        params = {"site": "stackoverflow", "url": "*alder.example*", "filter": "withbody", "pagesize": "100"}
        served = httpx.get(f"{asked.base_url}/2.3/search/advanced", params=params).text
        assert "Invented words" in served
        assert "display_name" in served
        rows = list(BY_URL.fetch(asked))
        assert {key for r in rows for key in r.payload} == {*QUESTION, "questions"}
        assert not re.search("invented", json.dumps([r.payload for r in rows]), re.IGNORECASE)

    @pytest.mark.parametrize(
        ("link", "is_found"),
        [
            ("https://www.alder.example/a?b=1&amp;c=2", True),
            ("http://alder.example/a/?c=2&amp;b=1&amp;utm_source=x", True),
            ("https://www.alder.example/a?b=1", False),
            ("https://www.alder.example/a/part-2?b=1&amp;c=2", False),
        ],
    )
    def test_links_are_compared_by_key(self, question: Question, link: str, is_found: bool) -> None:
        """A link in the text counts when it leads to the page, escaped as HTML is."""
        url = "https://www.alder.example/a?b=1&c=2"
        with serving({"items": [item(7, link)], "has_more": False}) as address:
            got = told(BY_URL, question(urls=[url], base_url=address))
        assert {o.object_id for o in got} == ({"stackoverflow:7"} if is_found else {None})

    def test_texts_that_do_not_come_are_no_zero(self, question: Question) -> None:
        """Questions without `body` fail the page: nobody knows what they link to."""
        with serving({"items": [{"question_id": 7, "score": 3}], "has_more": False}) as address:
            [row] = BY_URL.fetch(question(urls=[SOME], base_url=address))
        assert (row.error or "").startswith("BadAnswer: questions come without `body`")

    def test_a_search_that_is_cut_off_is_a_lower_bound(self, question: Question) -> None:
        """More pages than may be read: what was found counts, and shares are marked as at least so many."""
        pages = [{"items": [item(n)], "has_more": True} for n in (7, 8, 9)]
        with serving(*pages) as address:
            asked = question(urls=[SOME], base_url=address, pages_per_search=2)
            got = told(BY_URL, asked)
        assert asked.meter.requests == 2
        shares = [(o.object_id, o.count, o.quality) for o in got if o.verb is Verb.SHARE]
        assert shares == [(f"stackoverflow:{n}", 1, Quality.LOWER_BOUND) for n in (7, 8)]
        assert {o.quality for o in got if o.verb is not Verb.SHARE} == {Quality.EXACT}


class TestByPost:
    """The counters of known questions."""

    def posts(self, world: World) -> list[Post]:
        """Every question of the world, asked yet or not, deleted or not."""
        return [Post(id_of(p), p.url, p.published_at) for p in world.posts(NAME)]

    def test_counts_are_the_truth(self, question: Question, world: World) -> None:
        """A known question has the world's counters; one that is not there (yet, any more) is not found."""
        got = {(o.object_id, o.verb): o for o in told(BY_POST, question(posts=self.posts(world)))}
        assert len(got) == 4 * len(world.posts(NAME))
        for p in world.posts(NAME):
            mine = {verb: got[id_of(p), verb] for verb in CONNECTOR.verbs}
            counts = (twin.score(p, AT), twin.answers(p, AT), twin.views(p, AT), 1)
            expected = counts if p.exists_at(AT) else (None,) * 4
            assert tuple(o.count for o in mine.values()) == expected
            assert {o.status for o in mine.values()} == {Status.OBSERVED if p.exists_at(AT) else Status.NOT_FOUND}
            assert {(o.basis, o.published_at, o.url) for o in mine.values()} == {(Basis.POST, p.published_at, p.url)}

    def test_deleted_questions_are_not_found(self, question: Question) -> None:
        """A question that was there and was deleted is not found, for every verb."""
        big = World(seed=7, keywords=30)
        gone = [p for p in big.posts(NAME) if p.deleted_day and p.published_at < AT and p.deleted_day <= AT.date()]
        assert gone
        with running(build_app(big)) as address:
            asked = question(posts=[Post(id_of(p), p.url) for p in gone], base_url=f"{address}/{{day}}/{NAME}")
            assert {o.status for o in told(BY_POST, asked)} == {Status.NOT_FOUND}

    @pytest.mark.parametrize(("number", "requests"), [(1, 1), (100, 1), (101, 2), (250, 3)])
    def test_a_hundred_in_a_request(self, question: Question, number: int, requests: int) -> None:
        """100 questions go into one request; unknown ones are rows that say so."""
        asked = question(posts=[Post(f"stackoverflow:{n + 1}", SOME) for n in range(number)])
        rows = list(BY_POST.fetch(asked))
        assert [r.status for r in rows] == [Status.NOT_FOUND] * number
        assert asked.meter.requests == requests

    def test_sites_are_asked_apart(self, question: Question, world: World) -> None:
        """The same number on two sites is two questions."""
        post = next(p for p in world.posts(NAME) if p.exists_at(AT))
        asked = question(
            posts=[Post(f"{site}:{twin.number_of(post)}", SOME) for site in ("superuser", "stackoverflow")]
        )
        rows = {r.subject: r.status for r in BY_POST.fetch(asked)}
        assert rows == {id_of(post): Status.OBSERVED, f"superuser:{twin.number_of(post)}": Status.NOT_FOUND}
        assert asked.meter.requests == 2

    @pytest.mark.parametrize("wrong", ["12", "stackoverflow:", ":12", "stackoverflow:1;2", "stackoverflow:²"])
    def test_what_is_no_id_fails_alone(self, question: Question, world: World, wrong: str) -> None:
        """An id of another make fails in words, is not sent, and spoils no other."""
        post = next(p for p in world.posts(NAME) if p.exists_at(AT))
        rows = {r.subject: r for r in BY_POST.fetch(question(posts=[Post(wrong, SOME), Post(id_of(post), SOME)]))}
        assert (rows[wrong].error or "").startswith("BadRequest: not the id of a question")
        assert rows[id_of(post)].status is Status.OBSERVED

    def test_a_filter_adds_the_comments(self, question: Question, world: World) -> None:
        """With a filter of one's own, comments are added to answers and the native name says so."""
        post = next(p for p in world.posts(NAME) if p.exists_at(AT) and twin.comments(p, AT))
        got = told(BY_POST, question(posts=[Post(id_of(post), SOME)], filter="!mine"))
        [comment] = [o for o in got if o.verb is Verb.COMMENT]
        assert comment.count == twin.answers(post, AT) + twin.comments(post, AT)
        assert comment.native == "answer_count+comment_count"

    def test_a_filter_without_comments_fails_comments_alone(self, question: Question) -> None:
        """Comments that were asked for and did not come: the sum is unknown, the rest stays."""
        with serving({"items": [item(7)], "has_more": False}) as address:
            got = told(BY_POST, question(posts=[Post("stackoverflow:7", SOME)], filter="!mine", base_url=address))
        assert {o.verb: o.count for o in got} == {Verb.LIKE: 1, Verb.COMMENT: None, Verb.VIEW: 5, Verb.SHARE: 1}


def answer(code: int, words: str = "words", status: int = 400) -> Answer:
    """A refusal in the API's envelope."""
    return Answer(NAME, status, {}, json.dumps({"error_id": code, "error_name": "a_name", "error_message": words}))


class TestErrors:
    """Every refusal has its class, says what happened, and leaves no number."""

    @pytest.mark.parametrize(
        ("code", "kind"),
        [
            (400, errors.BadRequest),
            (401, errors.AuthError),
            (402, errors.AuthError),
            (403, errors.NotPermitted),
            (404, errors.BadRequest),
            (405, errors.ConfigurationError),
            (406, errors.AuthError),
            (500, errors.Unavailable),
            (503, errors.Unavailable),
            (777, errors.BadRequest),
        ],
    )
    @pytest.mark.parametrize("status", [200, 400])
    def test_error_ids(self, code: int, kind: type[Exception], status: int) -> None:
        """The id in the body decides, whatever the HTTP status; the API's words are told."""
        error = stack_error(answer(code, "some words", status))
        assert type(error) is kind
        assert "a_name: some words" in str(error)

    @pytest.mark.parametrize(
        ("status", "kind"),
        [(401, errors.AuthError), (402, errors.WalletEmpty), (403, errors.NotPermitted), (429, errors.RateLimited)],
    )
    def test_refusals_without_an_id(self, status: int, kind: type[Exception]) -> None:
        """Without an id the HTTP status decides."""
        assert type(stack_error(Answer(NAME, status, {}, "<html>"))) is kind

    def test_a_wrong_key_is_named(self, question: Question) -> None:
        """A key that is unknown ends the questions and names the setting."""
        asked = question(urls=[SOME, SOME + "b"], key="wrong")
        rows = list(BY_URL.fetch(asked))
        assert all((r.error or "").startswith("ConfigurationError: check TALLYRANK_STACKEXCHANGE_KEY") for r in rows)
        assert asked.meter.requests == 1

    @pytest.mark.parametrize(("seconds", "is_long"), [(0, False), (120, False), (121, True), (70_000, True)])
    def test_too_many_requests(self, seconds: int, is_long: bool) -> None:
        """A short wait is obeyed; a long one ends the day and tells when there is more."""
        error = stack_error(
            answer(502, f"too many requests from this IP, more requests available in {seconds} seconds")
        )
        if is_long:
            assert isinstance(error, errors.QuotaExhausted)
            assert error.resets_at is not None
            assert abs(error.resets_at - datetime.now(UTC) - timedelta(seconds=seconds)) < timedelta(minutes=1)
        else:
            assert isinstance(error, errors.RateLimited)
            assert error.retry_after == seconds

    def test_a_throttle_without_a_time(self) -> None:
        """Without a number of seconds it is worth another try."""
        error = stack_error(answer(502, "slow down"))
        assert isinstance(error, errors.RateLimited)
        assert error.retry_after is None

    def test_a_spent_quota_ends_the_day(self, question: Question) -> None:
        """After the refusal no further question is asked, and every page says why."""
        asked = question(urls=[SOME, SOME + "b", SOME + "c"], key="spent")
        rows = list(BY_URL.fetch(asked))
        assert all(re.match(r"QuotaExhausted: no more until .* UTC: throttle_violation", r.error or "") for r in rows)
        assert (len(rows), asked.meter.requests) == (3, 1)

    def test_the_last_request_is_the_last(self, question: Question) -> None:
        """An answer that says that nothing is left is used, and nothing more is sent."""
        with serving({"items": [item(7)], "has_more": False, "quota_max": 300, "quota_remaining": 0}) as address:
            asked = question(urls=[SOME, SOME + "b", SOME + "c"], base_url=address)
            rows = list(BY_URL.fetch(asked))
        assert [r.status for r in rows] == [Status.OBSERVED, Status.FAILED, Status.FAILED]
        assert {(r.error or "").partition(":")[0] for r in rows[1:]} == {"QuotaExhausted"}
        assert asked.meter.requests == 1

    def test_asked_too_fast_is_tried_again(self, question: Question) -> None:
        """A wait of no seconds leaves no trace."""
        asked = question(posts=[Post("stackoverflow:1", SOME)], key="hurried")
        assert [r.status for r in BY_POST.fetch(asked)] == [Status.NOT_FOUND]
        assert asked.meter.requests == 2

    def test_backoff_is_obeyed(self, question: Question, monkeypatch: pytest.MonkeyPatch) -> None:
        """After an answer with `backoff` the next question waits so many seconds."""
        naps: list[float] = []
        monkeypatch.setattr(stackexchange, "Http", partial(Http, sleep=naps.append))
        asked = question(urls=[SOME, SOME + "b"], key="tired")
        assert {r.status for r in BY_URL.fetch(asked)} == {Status.OBSERVED}
        assert [round(nap) for nap in naps] == [10]

    @pytest.mark.parametrize(
        "body",
        [[], {}, {"items": None}, {"items": [7]}, {"items": [{"score": 3}]}, {"items": [{"question_id": None}]}],
        ids=json.dumps,
    )
    def test_other_shapes_are_bad_answers(self, question: Question, body: Any) -> None:
        """Without the list or the ids, a question could be mistaken for a deleted one."""
        with serving(body) as address:
            posts = [Post("stackoverflow:7", SOME)]
            rows = [r for s in (BY_URL, BY_POST) for r in s.fetch(question(urls=[SOME], posts=posts, base_url=address))]
        assert [(r.error or "").partition(":")[0] for r in rows] == ["BadAnswer"] * 2

    def test_html_is_a_bad_answer(self, question: Question, fault: Callable[..., None]) -> None:
        """A web page instead of JSON is said to be none, and its words are not kept."""
        fault(NAME, "html")
        [row] = BY_URL.fetch(question(urls=[SOME]))
        assert (row.error or "").startswith("BadAnswer: HTTP 200, but not JSON")
        assert "moment" not in (row.error or "")

    def test_the_key_stays_out_of_errors(self, question: Question) -> None:
        """An API that repeats the key it refuses does not bring it into our words."""
        with serving({"error_id": 400, "error_name": "x", "error_message": "bad roomy key"}, status=400) as address:
            [row] = BY_URL.fetch(question(urls=[SOME], base_url=address))
        assert "***" in (row.error or "")
        assert "roomy" not in (row.error or "")


class TestParse:
    """Reading stored rows, without a network."""

    def test_a_question(self) -> None:
        """The four verbs of a question, with its id and time."""
        observed = list(BY_URL.parse([stored(QUESTION)]))
        assert {o.verb: o.count for o in observed} == {Verb.LIKE: 12, Verb.COMMENT: 3, Verb.VIEW: 900, Verb.SHARE: 1}
        assert {(o.object_id, o.published_at) for o in observed} == {
            ("stackoverflow:7", datetime(2026, 10, 1, 12, tzinfo=UTC))
        }

    @pytest.mark.parametrize(
        ("field", "verb"), [("score", Verb.LIKE), ("answer_count", Verb.COMMENT), ("view_count", Verb.VIEW)]
    )
    @pytest.mark.parametrize("absent", [{}, {"value": None}, {"value": "many"}])
    def test_a_missing_counter_fails_alone(self, field: str, verb: Verb, absent: dict[str, Any]) -> None:
        """A counter that is missing, null or rubbish is a failed reading; the others stay."""
        payload = {k: v for k, v in QUESTION.items() if k != field} | ({field: absent["value"]} if absent else {})
        read = by_verb(stored(payload))
        assert read.pop(verb) == (None, Status.FAILED)
        assert {status for _, status in read.values()} == {Status.OBSERVED}

    @pytest.mark.parametrize("payload", [None, [], "x", {}, {"questions": None}, {"questions": 2}, {"score": 0}])
    def test_no_question_and_no_word_of_none_is_failed(self, payload: Any) -> None:
        """Only a row that says "no questions" becomes zeros."""
        shares = [o for o in BY_URL.parse([stored(payload)]) if o.verb is not Verb.LIKE]
        assert {(o.count, o.status) for o in shares} == {(None, Status.FAILED)}

    def test_gone(self) -> None:
        """A question that vanished is not found for every verb, and keeps its time."""
        observed = list(BY_POST.parse([stored({"published_at": "2026-10-01T12:00:00+00:00"}, Status.NOT_FOUND)]))
        assert {(o.status, o.object_id) for o in observed} == {(Status.NOT_FOUND, "stackoverflow:7")}
        assert {o.published_at for o in observed} == {datetime(2026, 10, 1, 12, tzinfo=UTC)}
        assert len(observed) == 4

    @pytest.mark.parametrize("time", [{"creation_date": 10**18}, {"published_at": "soon"}, {"published_at": 3}])
    def test_unreadable_times_are_unknown(self, time: dict[str, Any]) -> None:
        """A time that cannot be read is unknown; the counts stay."""
        observed = list(BY_POST.parse([stored({"score": 1, **time})]))
        assert {o.published_at for o in observed} == {None}
        assert observed[0].count == 1


@given(st.lists(st.integers(1, 30), max_size=60), st.integers(1, 10), st.integers(1, 12))
def test_paging_loses_and_repeats_nothing(numbers: list[int], size: int, most: int) -> None:
    """Any questions (some on two pages, because a new one came meanwhile), any page size: each comes exactly once."""
    asked: list[int] = []

    def search(page: int) -> Found:
        asked.append(page)
        part = numbers[(page - 1) * size : page * size]
        return Found([{"question_id": n} for n in part], page * size < len(numbers))

    found = listed(search, most)
    read = list(dict.fromkeys(numbers[: len(asked) * size]))
    assert [i["question_id"] for i in found.items] == read
    assert found.has_more == (len(asked) * size < len(numbers))
    assert asked == list(range(1, len(asked) + 1))
    assert len(asked) <= most
    if len(numbers) == len(set(numbers)):
        assert len(asked) == min(most, max(1, -(-len(numbers) // size)))


class TestTwin:
    """The twin behaves as the contract says."""

    def get(self, sandbox: str, path: str = "search/advanced", **params: Any) -> httpx.Response:
        """A plain request to the twin."""
        known = {"site": "stackoverflow", "key": "roomy"} | params
        sent = {k: v for k, v in known.items() if v is not None}
        return httpx.get(f"{sandbox}/2026-10-14/stackexchange/2.3/{path}", params=sent)

    def test_answers_are_compressed(self, sandbox: str) -> None:
        """Good answers and refusals alike, whatever the client says."""
        for response in (self.get(sandbox, url="*"), self.get(sandbox, url="*", pagesize=101)):
            assert response.headers["content-encoding"] == "gzip"

    def test_it_finds_more_than_the_page(self, sandbox: str, world: World) -> None:
        """A search with stars brings longer addresses, and questions that only an answer links from."""
        found = self.get(sandbox, url="*alder.example*", filter="withbody", pagesize=100).json()["items"]
        bodies = " ".join(i["body"] for i in found)
        assert "part-2" in bodies
        assert any("href" not in i["body"] for i in found)
        exact = next(p for p in world.posts(NAME) if p.exists_at(AT))
        assert {i["question_id"] for i in self.get(sandbox, url=exact.url).json()["items"]} >= {twin.number_of(exact)}

    def test_filters_choose_the_fields(self, sandbox: str) -> None:
        """Text and comments come only where the filter gives them; an unknown filter is refused."""
        fields = [set(self.get(sandbox, url="*", filter=f).json()["items"][0]) for f in ("default", "withbody", "!x")]
        assert ["body" in f for f in fields] == [False, True, True]
        assert ["comment_count" in f for f in fields] == [False, False, True]
        assert self.get(sandbox, url="*", filter="none-such").json()["error_id"] == 400

    def test_people_who_left(self) -> None:
        """Some questions have no owner, some one that does not exist, most one with a name."""
        owners = {
            json.dumps(sorted(twin.owner(q).get("owner", {}))) for q in twin.questions(World(seed=7, keywords=30))
        }
        assert owners == {"[]", '["user_type"]', '["display_name", "user_id"]'}

    @pytest.mark.parametrize(
        ("wrong", "code"),
        [
            ({"site": None}, 400),
            ({"site": "nowhere"}, 400),
            ({"pagesize": 101}, 400),
            ({"page": 0}, 400),
            ({"url": None}, 400),
            ({"page": 26, "key": None}, 403),
        ],
    )
    def test_wrong_questions(self, sandbox: str, wrong: dict[str, Any], code: int) -> None:
        """What the API refuses is refused in its envelope with HTTP 400."""
        response = self.get(sandbox, **({"url": "*"} | wrong))
        assert (response.status_code, response.json()["error_id"]) == (400, code)
        assert set(response.json()) == {"error_id", "error_name", "error_message"}

    def test_the_quota_counts_down(self, sandbox: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """300 a day without a key, 10,000 with one; each request takes one, and another day begins anew."""
        assert (twin.QUOTA, twin.QUOTA_WITH_KEY) == (300, 10_000)
        mine = [self.get(sandbox, url="*", key="counted").json() for _ in range(2)]
        assert [(b["quota_max"], b["quota_remaining"]) for b in mine] == [(10_000, 9_999), (10_000, 9_998)]
        monkeypatch.setattr(twin, "QUOTA", 2)
        for day in ("2026-01-01", "2026-01-02"):
            address = f"{sandbox}/{day}/stackexchange/2.3/questions/1"
            answers = [httpx.get(address, params={"site": "stackoverflow"}).json() for _ in range(3)]
            assert [a.get("quota_remaining") for a in answers] == [1, 0, None]
            assert answers[2]["error_name"] == "throttle_violation"

    def test_stackapi_reads_it(self, sandbox: str, world: World) -> None:
        """The client StackAPI, unmodified, pages through a search and refreshes by id."""
        client = stackapi.StackAPI("stackoverflow", base_url=f"{sandbox}/2026-10-14/stackexchange", key="client")
        client.page_size, client.max_pages = 7, 20
        found = client.fetch("search/advanced", url="*.example/*")
        alive = [q for q in twin.questions(world) if q.post.exists_at(AT) and q.asked_at <= AT]
        assert [i["question_id"] for i in found["items"]] == [q.number for q in alive]
        assert found["has_more"] is False
        assert found["quota_max"] == 10_000
        ids = [q.number for q in alive[:3]]
        scores = {i["question_id"]: i["score"] for i in client.fetch("questions/{ids}", ids=ids)["items"]}
        assert scores == {q.number: twin.score(q.post, AT) for q in alive[:3]}

    def test_stackapi_understands_its_refusals(self, sandbox: str) -> None:
        """The client reads id, name and words of an error."""
        client = stackapi.StackAPI("stackoverflow", base_url=f"{sandbox}/2026-10-14/stackexchange", key="client")
        with pytest.raises(stackapi.StackAPIError) as caught:
            client.fetch("questions/{ids}", ids=["x"])
        assert (caught.value.error, caught.value.code) == (400, "bad_parameter")
