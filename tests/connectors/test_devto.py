"""dev.to against its twin: articles by author, our own with views, refresh of the ones that left the lists."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from connectors.base import Ask, Post, Stream, parse_all
from connectors.errors import BadAnswer
from connectors.http import Http
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb, raw_table
from connectors.sandbox import devto as twin
from connectors.sandbox.server import build_app, running
from connectors.sandbox.world import SITES, World, WorldPost
from connectors.votes import devto
from connectors.votes.devto import CONNECTOR, NAME, listed, page_of

ARTICLES, BY_POST = CONNECTOR.streams
AT = datetime(2026, 10, 14, 12, tzinfo=UTC)
KEY = "k3y-of-the-first-site"
EVERYBODY = ", ".join(f"@{site}" for site in SITES)
Question = Callable[..., Ask]


def told(stream: Stream, question: Ask) -> list[Observation]:
    """Fetch and parse."""
    return [o for o in parse_all(CONNECTOR, stream, list(stream.fetch(question))) if isinstance(o, Observation)]


def articles_at(world: World) -> dict[str, WorldPost]:
    """The articles there are, by id."""
    return {str(twin.number_of(p)): p for p in world.posts(NAME) if p.exists_at(AT)}


def serving(*answers: Response) -> Any:
    """A service that gives these answers in turn, the last one for ever."""
    left = list(answers)

    async def respond(_: Request) -> Response:
        return left.pop(0) if len(left) > 1 else left[0]

    return running(Starlette(routes=[Route("/{path:path}", respond)]))


def about(payload: Any, status: Status = Status.OBSERVED) -> dict[Verb, tuple[int | None, Status]]:
    """What one hand-written row says of each verb."""
    return {
        o.verb: (o.count, o.status) for o in ARTICLES.parse([Raw("150", AT, status, "https://a.example/", payload)])
    }


class TestArticles:
    """The lists of the authors in the settings."""

    def test_counts_are_the_worlds(self, ask: Question, world: World) -> None:
        """Every article of every author once, joined to the page it is a copy of; views are withheld from us."""
        question = ask(CONNECTOR, authors=EVERYBODY)
        found, truth = told(ARTICLES, question), articles_at(world)
        assert len(found) == 3 * len(truth)
        for o in found:
            post = truth[str(o.object_id)]
            public = twin.counts(post, AT)
            expected = {Verb.LIKE: public["public_reactions_count"], Verb.COMMENT: public["comments_count"]}
            assert o.count == expected.get(o.verb)
            assert o.status is (Status.HIDDEN if o.verb is Verb.VIEW else Status.OBSERVED)
            assert (o.url, o.published_at) == (twin.page_of(post), post.published_at)
            assert (o.basis, o.quality) == (Basis.POST, Quality.EXACT)
        assert {o.url == truth[str(o.object_id)].url for o in found} == {True, False}, "some were written there first"

    def test_one_page_and_an_empty_one(self, ask: Question) -> None:
        """An author's articles take one request, and the empty list at the end another."""
        question = ask(CONNECTOR, authors="alder,birch")
        list(ARTICLES.fetch(question))
        assert question.meter.requests == 4

    def test_a_key_tells_views_of_our_own(self, ask: Question, world: World) -> None:
        """With a key our own articles come first and with views; another author's have none; nothing comes twice."""
        found = told(ARTICLES, ask(CONNECTOR, authors=f"{twin.OWNER},birch", api_key=KEY))
        views = {o.object_id: o for o in found if o.verb is Verb.VIEW}
        assert 3 * len(views) == len(found)
        owners = {
            i: twin.author_of(p) for i, p in articles_at(world).items() if twin.author_of(p) in (twin.OWNER, "birch")
        }
        assert views.keys() == owners.keys()
        for i, o in views.items():
            expected = twin.views(articles_at(world)[str(i)], AT) if owners[str(i)] == twin.OWNER else None
            assert (o.count, o.status) == (expected, Status.HIDDEN if expected is None else Status.OBSERVED)
        assert any(o.count for o in views.values())

    def test_nothing_is_asked_before_an_author_is_named(self, ask: Question) -> None:
        """No author and no key: no request, no row."""
        question = ask(CONNECTOR, authors=" , ")
        assert list(ARTICLES.fetch(question)) == []
        assert question.meter.requests == 0

    def test_nothing_of_people_is_kept(self, ask: Question) -> None:
        """Names, titles and texts are served and not stored, and neither is the key."""
        question = ask(CONNECTOR, authors=EVERYBODY, api_key=KEY)
        served = httpx.get(f"{question.base_url}/articles").text
        assert "Somebody Invented" in served
        kept = str(raw_table(list(ARTICLES.fetch(question))).to_pydict())
        assert "nvented" not in kept
        assert KEY not in kept

    def test_an_author_that_fails_leaves_the_others(self, ask: Question, fault: Callable[..., None]) -> None:
        """One list that fails is one failed row without an address; the next author's is read."""
        fault(NAME, "404", times=1)
        rows = list(ARTICLES.fetch(ask(CONNECTOR, authors="nobody,birch")))
        assert [(r.subject, r.url) for r in rows if r.status is Status.FAILED] == [("nobody", None)]
        assert (rows[0].error or "").startswith("Gone: HTTP 404")
        assert len(rows) > 1

    def test_what_was_read_before_a_failure_is_kept(self, ask: Question) -> None:
        """A second page that fails ends in a failed row; the articles of the first stay."""
        first = JSONResponse([{"id": 150, "canonical_url": "https://a.example/", "public_reactions_count": 4}])
        with serving(first, JSONResponse({"error": "x", "status": 400}, 400)) as address:
            rows = list(ARTICLES.fetch(ask(CONNECTOR, authors="alder", base_url=address)))
        assert [(r.subject, r.status) for r in rows] == [("150", Status.OBSERVED), ("alder", Status.FAILED)]

    def test_a_refused_key_stops_everything(self, ask: Question) -> None:
        """After a 401 nothing more is asked, and every list says why."""
        question = ask(CONNECTOR, authors="alder,birch", api_key="refused-1")
        rows = list(ARTICLES.fetch(question))
        assert [(r.subject, (r.error or "").partition(":")[0]) for r in rows] == [
            (name, "AuthError") for name in ("me", "alder", "birch")
        ]
        assert question.meter.requests == 1

    @pytest.mark.parametrize(
        ("article", "page"),
        [
            ({"canonical_url": "https://a.example/", "url": "https://dev.to/x/y"}, "https://a.example/"),
            ({"canonical_url": None, "url": "https://dev.to/x/y"}, "https://dev.to/x/y"),
            ({"canonical_url": "", "url": "https://dev.to/x/y"}, "https://dev.to/x/y"),
            ({"canonical_url": 3}, None),
            ({}, None),
        ],
    )
    def test_the_page_of_an_article(self, article: dict[str, Any], page: str | None) -> None:
        """The page an article is a copy of, else its own address, else none."""
        assert page_of(article) == page


class TestByPost:
    """Articles that are known."""

    def test_counts_are_the_truth(self, ask: Question, world: World) -> None:
        """A known article has the world's counters, one request each; one that is not public is not found."""
        posts = [Post(str(twin.number_of(p)), p.url, p.published_at) for p in world.posts(NAME)]
        question = ask(CONNECTOR, posts=posts)
        found, alive = told(BY_POST, question), articles_at(world)
        assert question.meter.requests == len(posts)
        assert len(found) == 3 * len(posts) > 3 * len(alive)
        for o in found:
            if post := alive.get(str(o.object_id)):
                public = twin.counts(post, AT)
                expected = {Verb.LIKE: public["public_reactions_count"], Verb.COMMENT: public["comments_count"]}
                assert (o.count, o.published_at) == (expected.get(o.verb), post.published_at)
            else:
                assert o.status is Status.NOT_FOUND
        assert {o.status for o in found if o.verb is Verb.VIEW} == {Status.HIDDEN, Status.NOT_FOUND}

    def test_deleted_articles_are_not_found(self, ask: Question) -> None:
        """An article that was there and was deleted is not found."""
        big = World(seed=7, keywords=30)
        gone = [p for p in big.posts(NAME) if p.deleted_day and p.published_at < AT and p.deleted_day <= AT.date()]
        assert gone
        with running(build_app(big, speed=1e6)) as address:
            posts = [Post(str(twin.number_of(p)), p.url) for p in gone]
            found = told(BY_POST, ask(CONNECTOR, posts=posts, base_url=f"{address}/{{day}}/{NAME}"))
        assert {o.status for o in found} == {Status.NOT_FOUND}

    @pytest.mark.parametrize("wrong", ["", "x", "../users/me", "1;2"])
    def test_what_is_no_id_is_not_sent(self, ask: Question, wrong: str) -> None:
        """An id of another make fails in words without a request."""
        question = ask(CONNECTOR, posts=[Post(wrong, "https://a.example/")])
        [row] = BY_POST.fetch(question)
        assert (row.error or "").startswith("BadRequest: not the id of an article")
        assert question.meter.requests == 0

    @pytest.mark.parametrize("body", [[], {}, {"id": 8}, {"id": None}, "x"], ids=json.dumps)
    def test_another_article_is_a_bad_answer(self, ask: Question, body: Any) -> None:
        """What is not the article asked for gives no number."""
        with serving(JSONResponse(body)) as address:
            [row] = BY_POST.fetch(ask(CONNECTOR, posts=[Post("7", "https://a.example/")], base_url=address))
        assert (row.error or "").startswith("BadAnswer: the answer is not the article")


class TestErrors:
    """Every refusal has its class and leaves no number."""

    @pytest.mark.parametrize("stream", [ARTICLES, BY_POST], ids=lambda s: s.name)
    @pytest.mark.parametrize(
        ("status", "kind"),
        [
            (400, "BadRequest"),
            (401, "AuthError"),
            (402, "WalletEmpty"),
            (403, "NotPermitted"),
            (422, "BadRequest"),
            (429, "RateLimited"),
            (503, "Unavailable"),
        ],
    )
    def test_classes(self, ask: Question, stream: Stream, status: int, kind: str) -> None:
        """The row names the class and the service's words."""
        with serving(JSONResponse({"error": "some words", "status": status}, status)) as address:
            posts = [Post("7", "https://a.example/")]
            question = ask(CONNECTOR, authors="alder", posts=posts, base_url=address, retries=1)
            [row] = stream.fetch(question)
        assert (row.error or "").startswith(f"{kind}: HTTP {status}")
        assert "some words" in (row.error or "")
        assert {o.count for o in parse_all(CONNECTOR, stream, [row]) if isinstance(o, Observation)} == {None}

    def test_the_wait_it_asks_for_is_kept(self, ask: Question, monkeypatch: pytest.MonkeyPatch) -> None:
        """A 429 with `Retry-After` is tried again after so many seconds."""
        naps: list[float] = []
        monkeypatch.setattr(devto, "Http", partial(Http, sleep=naps.append))
        slow = PlainTextResponse("Retry later\n", 429, {"Retry-After": "7"})
        with serving(slow, JSONResponse({"id": 7})) as address:
            [row] = BY_POST.fetch(ask(CONNECTOR, posts=[Post("7", "https://a.example/")], base_url=address))
        assert row.status is Status.OBSERVED
        assert naps == [7.0]

    @pytest.mark.parametrize("body", [{}, None, {"error": "x"}, [7], [{}], [{"id": "x"}]], ids=json.dumps)
    def test_other_shapes_are_bad_answers(self, ask: Question, body: Any) -> None:
        """Without a list of articles with ids there is a failed row."""
        with serving(JSONResponse(body)) as address:
            [row] = ARTICLES.fetch(ask(CONNECTOR, authors="alder", base_url=address))
        assert (row.error or "").startswith("BadAnswer: the answer is no list of articles")

    def test_html_is_a_bad_answer(self, ask: Question, fault: Callable[..., None]) -> None:
        """A web page instead of JSON fails."""
        fault(NAME, "html")
        [row] = ARTICLES.fetch(ask(CONNECTOR, authors="alder"))
        assert (row.error or "").startswith("BadAnswer: HTTP 200, but not JSON")

    @pytest.mark.parametrize(
        ("field", "verb"),
        [
            ("public_reactions_count", Verb.LIKE),
            ("comments_count", Verb.COMMENT),
            ("page_views_count", Verb.VIEW),
        ],
    )
    def test_a_renamed_counter_fails_alone(
        self, ask: Question, fault: Callable[..., None], field: str, verb: Verb
    ) -> None:
        """A counter with another name is failed for its verb; the others stay."""
        fault(NAME, f"rename:{field}")
        found = told(ARTICLES, ask(CONNECTOR, api_key=KEY))
        assert {(o.count, o.status) for o in found if o.verb is verb} == {(None, Status.FAILED)}
        assert all(o.status is not Status.FAILED for o in found if o.verb is not verb)
        assert any(o.count for o in found)


class TestParse:
    """Reading stored rows, without a network."""

    def test_an_own_article(self) -> None:
        """The three verbs of an article."""
        payload = {"public_reactions_count": 41, "comments_count": 0, "page_views_count": 900, "is_own": True}
        assert about(payload) == {
            Verb.LIKE: (41, Status.OBSERVED),
            Verb.COMMENT: (0, Status.OBSERVED),
            Verb.VIEW: (900, Status.OBSERVED),
        }

    @pytest.mark.parametrize(
        ("payload", "status"),
        [
            ({"is_own": False}, Status.HIDDEN),
            ({"is_own": True}, Status.FAILED),
            ({"is_own": True, "page_views_count": None}, Status.HIDDEN),
            ({}, Status.FAILED),
        ],
    )
    def test_views_that_do_not_come(self, payload: dict[str, Any], status: Status) -> None:
        """Withheld from strangers, withheld as null, or missing although they should be there: never 0."""
        assert about(payload)[Verb.VIEW] == (None, status)

    @pytest.mark.parametrize(
        ("times", "at"),
        [
            ({"published_timestamp": "2026-11-02T09:00:00Z"}, datetime(2026, 11, 2, 9, tzinfo=UTC)),
            ({"published_timestamp": "2026-11-02T09:00:00"}, datetime(2026, 11, 2, 9, tzinfo=UTC)),
            (
                {"published_timestamp": None, "published_at": "2026-11-02T09:00:00+00:00"},
                datetime(2026, 11, 2, 9, tzinfo=UTC),
            ),
            ({"published_timestamp": "soon"}, None),
            ({"published_timestamp": 7}, None),
            ({}, None),
        ],
    )
    def test_times(self, times: dict[str, Any], at: datetime | None) -> None:
        """The time of the answer, else the one known before, else none."""
        [first, *_] = BY_POST.parse([Raw("150", AT, payload=times)])
        assert first.published_at == at

    def test_gone(self) -> None:
        """An article that vanished is not found for every verb."""
        assert set(about({}, Status.NOT_FOUND).values()) == {(None, Status.NOT_FOUND)}


@given(st.integers(0, 40), st.integers(1, 12), st.integers(0, 3))
def test_paging_loses_and_repeats_nothing(number: int, size: int, new: int) -> None:
    """Any number of articles and page size, also when new ones come between two pages: each comes exactly once."""
    asked: list[int] = []

    def pages(page: int) -> Sequence[dict[str, int]]:
        asked.append(page)
        come = min(new, size - 1) if page > 1 else 0
        there = [{"id": n} for n in (*range(-come, 0), *range(number))]
        return there[(page - 1) * size : page * size]

    assert [a["id"] for a in listed(pages)] == list(range(number))
    assert asked == list(range(1, len(asked) + 1))


def test_a_list_that_does_not_move_on_ends() -> None:
    """A service that gives the same page for ever is a bad answer, not an endless loop."""
    with pytest.raises(BadAnswer):
        list(listed(lambda _: [{"id": 1}]))


class TestTwin:
    """The twin behaves as the contract says."""

    def get(self, sandbox: str, path: str, key: str = "", **params: Any) -> httpx.Response:
        """A plain request to the twin."""
        headers = {"api-key": key} if key else {}
        return httpx.get(f"{sandbox}/2026-10-14/devto/{path}", params=params, headers=headers)

    def test_thirty_by_default_newest_first(self, sandbox: str, world: World) -> None:
        """Without sizes a page has thirty articles at most; an author that is not there has none."""
        found = self.get(sandbox, "articles").json()
        assert [a["id"] for a in found] == [int(i) for i in reversed(articles_at(world))][:30]
        assert self.get(sandbox, "articles", username="nobody-there").json() == []

    def test_tags_are_the_other_way_round(self, sandbox: str) -> None:
        """A list has an array in `tag_list`, one article has it in `tags`, by number and by path."""
        [first, *_] = self.get(sandbox, "articles").json()
        whole = self.get(sandbox, f"articles/{first['id']}").json()
        assert (first["tag_list"], first["tags"]) == (whole["tags"], whole["tag_list"])
        assert self.get(sandbox, f"articles{first['path']}").json() == whole
        assert "body_html" in whole.keys() - first.keys()

    def test_views_are_the_owners(self, sandbox: str) -> None:
        """Views come in the owner's list only, and the list needs a key."""
        own = self.get(sandbox, "articles/me/published", KEY).json()
        assert {a["user"]["username"] for a in own} == {twin.OWNER}
        assert all("page_views_count" in a for a in own)
        assert not any("page_views_count" in a for a in self.get(sandbox, "articles").json())
        refused = self.get(sandbox, "articles/me/published")
        assert (refused.status_code, refused.json()) == (401, {"error": "unauthorized", "status": 401})

    @pytest.mark.parametrize(("path", "status"), [("articles/1", 404), ("articles/a/b", 404)])
    def test_what_is_not_there(self, sandbox: str, path: str, status: int) -> None:
        """404 in the service's envelope."""
        answer = self.get(sandbox, path)
        assert (answer.status_code, answer.json()) == (status, {"error": "not found", "status": status})

    def test_sizes_have_limits(self, sandbox: str) -> None:
        """Between 1 and 1,000 articles per page."""
        assert [self.get(sandbox, "articles", per_page=n).status_code for n in (0, 1, 1000, 1001)] == [
            422,
            200,
            200,
            422,
        ]

    def test_three_a_second(self, world: World) -> None:
        """The fourth request within a second is refused with a wait; the connector says so after its tries."""
        with running(build_app(world)) as address:
            answers = [httpx.get(f"{address}/2026-10-14/devto/articles/1") for _ in range(2)]
            answers += [httpx.get(f"{address}/2026-10-14/devto/articles") for _ in range(4)]
        assert [a.status_code for a in answers] == [404, 404, 200, 200, 200, 429]
        assert answers[-1].headers["retry-after"] == "1"
