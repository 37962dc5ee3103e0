"""VK against its twin: walls, posts by id, errors inside good answers, and the old public count."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import httpx
import jconfig
import pytest
import requests
import vk_api
from hypothesis import given
from hypothesis import strategies as st
from requests.adapters import HTTPAdapter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from vk_api.tools import VkTools

from connectors import errors
from connectors.base import Ask, Post, Stream, parse_all
from connectors.http import Answer
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb, raw_table
from connectors.sandbox import vk as twin
from connectors.sandbox.server import build_app, running
from connectors.sandbox.world import World, WorldPost
from connectors.votes.vk import CONNECTOR, NAME, Found, Settings, listed, page_of, vk_error

WALL, BY_POST, BY_URL = CONNECTOR.streams
AT = datetime(2026, 10, 14, 12, tzinfo=UTC)
DAY = AT.date()
TOKEN = "vk1.a.0f0f"
WALLS = "twin_reviews,-1002"
SOME = "https://www.alder.example/a"
Question = Callable[..., Ask]


def told(stream: Stream, question: Ask) -> list[Observation]:
    """Fetch and parse."""
    return [o for o in parse_all(CONNECTOR, stream, list(stream.fetch(question))) if isinstance(o, Observation)]


def posts_at(world: World) -> dict[str, WorldPost]:
    """The posts there are, by id."""
    return {twin.id_of(p): p for p in world.posts(NAME) if p.exists_at(AT)}


def expected(post: WorldPost) -> dict[Verb, int | None]:
    """The true counters of a post, None where they are withheld."""
    names = {Verb.SHARE: "reposts", Verb.LIKE: "likes", Verb.COMMENT: "comments", Verb.VIEW: "views"}
    return {verb: twin.counters(post, AT)[name] for verb, name in names.items()}


def serving(*answers: Any) -> Any:
    """A service that gives these answers in turn, the last one for ever."""
    left = [a if isinstance(a, Response) else JSONResponse(a) for a in answers]

    async def respond(_: Request) -> Response:
        return left.pop(0) if len(left) > 1 else left[0]

    return running(Starlette(routes=[Route("/{path:path}", respond, methods=["GET", "POST"])]))


def item(number: int, **more: Any) -> dict[str, Any]:
    """A post as the API gives it."""
    counters = {"comments": {"count": 18}, "likes": {"count": 95}, "reposts": {"count": 12}, "views": {"count": 40110}}
    return {"id": number, "owner_id": -1, "date": 1790856000, **counters, **more}


def about(payload: Any, status: Status = Status.OBSERVED) -> dict[Verb, tuple[int | None, Status]]:
    """What one hand-written row says of each verb."""
    return {o.verb: (o.count, o.status) for o in BY_POST.parse([Raw("-1_7", AT, status, SOME, payload)])}


# --- walls -----------------------------------------------------------------------------------------------------------


def test_posts_are_the_worlds(ask: Question, world: World) -> None:
    """Every post of both walls with four counters; closed comments and missing views are hidden, never 0."""
    question = ask(CONNECTOR, token=TOKEN, walls=WALLS)
    found, truth = told(WALL, question), posts_at(world)
    assert len(found) == 4 * len(truth)
    for o in found:
        post = truth[str(o.object_id)]
        count = expected(post)[o.verb]
        assert (o.count, o.status) == (count, Status.HIDDEN if count is None else Status.OBSERVED)
        assert (o.basis, o.quality, o.published_at) == (Basis.POST, Quality.EXACT, post.published_at)
        assert o.url == twin.link_of(post)
    assert {twin.wall_of(truth[str(o.object_id)]) for o in found} == {-1001, -1002}
    assert any(o.url is None for o in found)
    assert question.meter.requests == 2


def test_shy_posts_hide_one_counter(ask: Question) -> None:
    """A shy post has either no views or closed comments: hidden; its other counters are read."""
    big = World(seed=7, keywords=30)
    shy = {i: p for i, p in posts_at(big).items() if p.is_shy}
    with running(build_app(big, speed=1e6)) as address:
        question = ask(CONNECTOR, token=TOKEN, walls=WALLS, base_url=f"{address}/{{day}}/{NAME}")
        hidden = [o for o in told(WALL, question) if o.status is Status.HIDDEN]
    assert {o.verb for o in hidden} == {Verb.COMMENT, Verb.VIEW}
    assert sorted(str(o.object_id) for o in hidden) == sorted(shy)


def test_nothing_of_people_is_kept(ask: Question) -> None:
    """Texts, names and ids of people are served and not stored, and neither is the token."""
    question = ask(CONNECTOR, token=TOKEN, walls=WALLS)
    asked = {"owner_id": "-1001", "count": "100", "access_token": TOKEN, "v": "5.199"}
    served = httpx.get(f"{question.base_url}/method/wall.get", params=asked).text
    assert "Somebody Invented" in served
    assert "signer_id" in served
    rows = list(WALL.fetch(question))
    kept = str(raw_table(rows).to_pydict())
    assert "nvented" not in kept
    assert TOKEN not in kept
    assert {key for r in rows for key in r.payload} == {"date", "likes", "reposts", "comments", "views"}


def test_nothing_is_asked_before_a_wall_is_named(ask: Question) -> None:
    """No wall, no request, no row."""
    question = ask(CONNECTOR, token=TOKEN, walls=" ,")
    assert list(WALL.fetch(question)) == []
    assert question.meter.requests == 0


def test_only_the_newest_posts_are_listed(ask: Question, world: World) -> None:
    """No more posts than the settings want, newest first."""
    rows = list(WALL.fetch(ask(CONNECTOR, token=TOKEN, walls="-1001", posts_per_wall=3)))
    newest = [i for i, p in reversed(posts_at(world).items()) if twin.wall_of(p) == -1001]
    assert [r.subject for r in rows] == newest[:3]


def test_walls_that_cannot_be_read_leave_the_others(ask: Question, world: World) -> None:
    """Denied, deleted, private, unknown: one failed row each, without an address; the others are read."""
    question = ask(CONNECTOR, token=TOKEN, walls="-15,-18,-30,no_such_wall,-1001")
    rows = list(WALL.fetch(question))
    refused = [(r.subject, r.url, (r.error or "").partition(":")[0]) for r in rows if r.status is Status.FAILED]
    assert refused == [
        ("-15", None, "NotPermitted"),
        ("-18", None, "Gone"),
        ("-30", None, "NotPermitted"),
        ("no_such_wall", None, "BadRequest"),
    ]
    assert len(rows) - 4 == sum(twin.wall_of(p) == -1001 for p in posts_at(world).values())


def test_what_was_read_before_a_failure_is_kept(ask: Question) -> None:
    """A part that fails ends in one failed row; the posts before it stay."""
    first = {"response": {"count": 150, "items": [item(n) for n in range(1, 101)]}}
    with serving(first, {"error": {"error_code": 15, "error_msg": "Access denied"}}) as address:
        rows = list(WALL.fetch(ask(CONNECTOR, token=TOKEN, walls="-1", base_url=address)))
    assert [r.status for r in rows] == [Status.OBSERVED] * 100 + [Status.FAILED]


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"response": None},
        {"response": {"items": []}},
        {"response": {"count": 3}},
        {"response": {"count": 1, "items": [{"id": 7}]}},
        {"response": {"count": 1, "items": [7]}},
    ],
    ids=json.dumps,
)
def test_other_shapes_are_bad_answers(ask: Question, body: Any) -> None:
    """Without the list, its size or the ids there is a failed row."""
    with serving(body) as address:
        [row] = WALL.fetch(ask(CONNECTOR, token=TOKEN, walls="-1", base_url=address))
    assert (row.error or "").startswith("BadAnswer: ")


def link(url: Any) -> dict[str, Any]:
    """An attached link."""
    return {"type": "link", "link": {"url": url, "title": "x"}}


@pytest.mark.parametrize(
    ("post", "page"),
    [
        ({"attachments": [{"type": "photo", "photo": {}}, link("https://a.example/x")]}, "https://a.example/x"),
        ({"attachments": [link("https://a.example/x")], "text": "https://b.example/"}, "https://a.example/x"),
        ({"attachments": [link("https://m.vk.com/@a-b")], "text": "https://b.example/."}, "https://b.example/"),
        ({"text": "see [id7|A B], https://vk.com/club7 and https://b.example/y?z=1, yes"}, "https://b.example/y?z=1"),
        ({"attachments": [link(None), link(3), {"type": "link"}, 7], "text": None}, None),
        ({"attachments": {"type": "link"}, "text": "https://vk.ru/x"}, None),
        ({}, None),
    ],
)
def test_the_page_of_a_post(post: dict[str, Any], page: str | None) -> None:
    """The attached link, else the first in the text that leads out of VK, else none."""
    assert page_of(post) == page


@given(st.data())
def test_paging_loses_and_repeats_nothing(data: st.DataObject) -> None:
    """Any number of posts and size of parts, also while posts come or go between two parts: what stays there comes
    exactly once.
    """
    wall = list(range(data.draw(st.integers(0, 30)), 0, -1))
    size, everything = data.draw(st.integers(1, 7)), set(wall)
    stayed, changes = set(wall), data.draw(st.lists(st.sampled_from(["come", "go", "stay"]), max_size=12))

    def part(offset: int, count: int) -> Found:
        change = changes.pop() if changes else "stay"
        if change == "come":
            wall.insert(0, 1000 + len(changes))
        elif change == "go" and wall:
            gone = wall.pop(data.draw(st.integers(0, len(wall) - 1)))
            stayed.discard(gone)
        return Found([{"owner_id": -1, "id": n} for n in wall[offset : offset + count]], len(wall))

    found = [post["id"] for post in listed(part, 10_000, size)]
    assert len(found) == len(set(found))
    assert stayed <= set(found)
    assert {n for n in found if n < 1000} <= everything


@given(st.integers(0, 30), st.integers(1, 7), st.integers(1, 40))
def test_no_more_than_wanted(number: int, size: int, most: int) -> None:
    """A calm wall gives its newest posts, at most so many, in as few parts as they take."""
    asked: list[tuple[int, int]] = []

    def part(offset: int, count: int) -> Found:
        asked.append((offset, count))
        wall: list[Mapping[str, Any]] = [{"owner_id": -1, "id": n} for n in range(number)]
        return Found(wall[offset : offset + count], number)

    wanted = min(number, most)
    assert [post["id"] for post in listed(part, most, size)] == list(range(wanted))
    assert len(asked) == max(1, -(-wanted // size))


# --- known posts -----------------------------------------------------------------------------------------------------


def test_refreshed_counts_are_the_truth(ask: Question, world: World) -> None:
    """A known post has the world's counters; one that is not there (yet, any more) is not found."""
    posts = [Post(twin.id_of(p), p.url, p.published_at) for p in world.posts(NAME)]
    question = ask(CONNECTOR, token=TOKEN, posts=posts)
    found, alive = told(BY_POST, question), posts_at(world)
    assert len(found) == 4 * len(posts) > 4 * len(alive)
    for o in found:
        if post := alive.get(str(o.object_id)):
            assert o.count == expected(post)[o.verb]
        else:
            assert o.status is Status.NOT_FOUND
        assert o.basis is Basis.POST
        assert o.published_at is not None
    assert question.meter.requests == 1


@pytest.mark.parametrize("version", ["5.92", "5.199"])
def test_both_shapes_of_an_answer_are_read(ask: Question, world: World, version: str) -> None:
    """A bare list, as old versions give, is read like the list in `items`."""
    [known, *_] = posts_at(world)
    posts = [Post(known, SOME), Post("-1001_1000000", SOME)]
    rows = list(BY_POST.fetch(ask(CONNECTOR, token=TOKEN, posts=posts, version=version)))
    assert [r.status for r in rows] == [Status.OBSERVED, Status.NOT_FOUND]


def test_deleted_posts_are_not_found(ask: Question) -> None:
    """A post that was there and was deleted is not found."""
    big = World(seed=7, keywords=30)
    gone = [p for p in big.posts(NAME) if p.deleted_day and p.published_at < AT and p.deleted_day <= DAY]
    assert gone
    with running(build_app(big, speed=1e6)) as address:
        posts = [Post(twin.id_of(p), p.url) for p in gone]
        found = told(BY_POST, ask(CONNECTOR, token=TOKEN, posts=posts, base_url=f"{address}/{{day}}/{NAME}"))
    assert {o.status for o in found} == {Status.NOT_FOUND}


@pytest.mark.parametrize(("number", "requests"), [(1, 1), (100, 1), (101, 2), (250, 3)])
def test_a_hundred_in_a_request(ask: Question, number: int, requests: int) -> None:
    """100 posts go into one request."""
    question = ask(CONNECTOR, token=TOKEN, posts=[Post(f"-1_{n + 1}", SOME) for n in range(number)])
    assert {r.status for r in BY_POST.fetch(question)} == {Status.NOT_FOUND}
    assert question.meter.requests == requests


@pytest.mark.parametrize("wrong", ["", "7", "x_7", "-1_7,-1_8", "-1_7_8"])
def test_what_is_no_id_fails_alone(ask: Question, world: World, wrong: str) -> None:
    """An id of another make fails in words, is not sent, and spoils no other."""
    [known, *_] = posts_at(world)
    rows = {
        r.subject: r for r in BY_POST.fetch(ask(CONNECTOR, token=TOKEN, posts=[Post(wrong, SOME), Post(known, SOME)]))
    }
    assert (rows[wrong].error or "").startswith("BadRequest: not the id of a post")
    assert rows[known].status is Status.OBSERVED


# --- refusals --------------------------------------------------------------------------------------------------------


def refusal(code: int, words: str = "words", status: int = 200) -> Answer:
    """An error in VK's envelope."""
    shown = [{"key": "posts", "value": "-1_7"}]
    problem = {"error_code": code, "error_msg": words, "request_params": shown}
    return Answer(NAME, status, {}, json.dumps({"error": problem}))


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (1, errors.Unavailable),
        (5, errors.AuthError),
        (6, errors.RateLimited),
        (7, errors.NotPermitted),
        (9, errors.RateLimited),
        (10, errors.Unavailable),
        (14, errors.ConfigurationError),
        (15, errors.NotPermitted),
        (17, errors.ConfigurationError),
        (18, errors.Gone),
        (27, errors.AuthError),
        (29, errors.QuotaExhausted),
        (30, errors.NotPermitted),
        (100, errors.BadRequest),
        (9999, errors.BadRequest),
    ],
)
@pytest.mark.parametrize("status", [200, 400])
def test_errors_by_code(code: int, kind: type[Exception], status: int) -> None:
    """VK's own code decides, in an answer with HTTP 200 too; the call that it repeats is not told on."""
    error = vk_error(refusal(code, "some words", status))
    assert type(error) is kind
    assert f"error {code}: some words" in str(error)
    assert "-1_7" not in str(error)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, errors.AuthError), (402, errors.WalletEmpty), (403, errors.NotPermitted), (429, errors.RateLimited)],
)
def test_refusals_without_a_code(status: int, kind: type[Exception]) -> None:
    """Without a code the HTTP status decides."""
    assert type(vk_error(Answer(NAME, status, {}, "<html>"))) is kind


def test_the_token_stays_out_of_errors() -> None:
    """A refusal that repeats the token does not bring it into our words."""
    assert TOKEN not in str(vk_error(refusal(5, f"invalid token {TOKEN}"), TOKEN))


@pytest.mark.parametrize(
    ("token", "kind"),
    [("expired-1", "AuthError"), ("captcha-1", "ConfigurationError"), ("spent-1", "QuotaExhausted")],
)
def test_fatal_refusals_stop_everything(ask: Question, token: str, kind: str) -> None:
    """After a refusal that would meet every call, nothing more is asked."""
    posts = [Post(f"-1_{n + 1}", SOME) for n in range(300)]
    asked = ask(CONNECTOR, token=token, walls=WALLS), ask(CONNECTOR, token=token, posts=posts)
    for stream, question in zip((WALL, BY_POST), asked, strict=True):
        rows = list(stream.fetch(question))
        assert {(r.error or "").partition(":")[0] for r in rows} == {kind}
        assert question.meter.requests == 1


def test_too_fast_is_tried_again(ask: Question) -> None:
    """Error 6 and then an answer: no trace of it in the rows."""
    question = ask(CONNECTOR, token="hurried-1", posts=[Post("-1_7", SOME)])
    assert [r.status for r in BY_POST.fetch(question)] == [Status.NOT_FOUND]
    assert question.meter.requests == 2


def test_three_calls_a_second(world: World) -> None:
    """In real time the fourth call within a second is error 6."""
    with running(build_app(world)) as address, httpx.Client(base_url=f"{address}/2026-10-14/vk/method") as client:
        sent = {"access_token": TOKEN, "v": "5.199", "posts": "-1_7"}
        answers = [client.post("/wall.getById", data=sent).json() for _ in range(4)]
    assert [a.get("error", {}).get("error_code") for a in answers] == [None, None, None, 6]


def test_html_is_a_bad_answer(ask: Question, fault: Callable[..., None]) -> None:
    """A web page instead of JSON fails, and its words are not kept."""
    fault(NAME, "html")
    [row] = BY_POST.fetch(ask(CONNECTOR, token=TOKEN, posts=[Post("-1_7", SOME)]))
    assert (row.error or "").startswith("BadAnswer: HTTP 200, but not JSON")


def test_the_token_goes_into_the_body(ask: Question) -> None:
    """Addresses, which end up in logs, do not hold the token."""
    seen: list[tuple[str, dict[str, list[str]]]] = []

    async def respond(request: Request) -> JSONResponse:
        seen.append((request.url.query, parse_qs((await request.body()).decode())))
        return JSONResponse({"response": {"items": []}})

    with running(Starlette(routes=[Route("/method/wall.getById", respond, methods=["POST"])])) as address:
        list(BY_POST.fetch(ask(CONNECTOR, token=TOKEN, posts=[Post("-1_7", SOME)], base_url=address)))
    assert seen == [("", {"access_token": [TOKEN], "v": ["5.199"], "posts": ["-1_7"]})]


# --- stored rows -----------------------------------------------------------------------------------------------------


def test_a_post() -> None:
    """The four verbs of a post, a true 0 among them."""
    assert about({"date": 1790856000, "likes": 95, "reposts": 12, "comments": 0, "views": 40110}) == {
        Verb.SHARE: (12, Status.OBSERVED),
        Verb.LIKE: (95, Status.OBSERVED),
        Verb.COMMENT: (0, Status.OBSERVED),
        Verb.VIEW: (40110, Status.OBSERVED),
    }


@pytest.mark.parametrize(
    ("change", "verb", "status"),
    [
        ({"comments": {"can_post": 0}}, Verb.COMMENT, Status.HIDDEN),
        ({"comments": ...}, Verb.COMMENT, Status.FAILED),
        ({"views": ...}, Verb.VIEW, Status.HIDDEN),
        ({"likes": ...}, Verb.LIKE, Status.FAILED),
        ({"likes": {"can_like": 1}}, Verb.LIKE, Status.FAILED),
        ({"reposts": ...}, Verb.SHARE, Status.FAILED),
        ({"reposts": {"count": "many"}}, Verb.SHARE, Status.FAILED),
    ],
)
def test_missing_counters(ask: Question, change: dict[str, Any], verb: Verb, status: Status) -> None:
    """Closed comments and the views of old posts are hidden; any other counter that is missing fails alone."""
    post = {k: v for k, v in (item(7) | change).items() if v is not ...}
    with serving({"response": {"items": [post]}}) as address:
        question = ask(CONNECTOR, token=TOKEN, posts=[Post("-1_7", SOME)], base_url=address)
        found = {o.verb: (o.count, o.status) for o in told(BY_POST, question)}
    assert found.pop(verb) == (None, status)
    assert {s for _, s in found.values()} == {Status.OBSERVED}


@pytest.mark.parametrize("time", [{"date": 10**18}, {"date": "soon", "published_at": "soon"}, {"published_at": 3}])
def test_unreadable_times_are_unknown(time: dict[str, Any]) -> None:
    """A time that cannot be read is unknown; the counts stay."""
    [share, *_] = WALL.parse([Raw("-1_7", AT, payload={"reposts": 3, **time})])
    assert (share.count, share.published_at) == (3, None)


def test_gone() -> None:
    """A post that vanished is not found for every verb."""
    assert set(about({}, Status.NOT_FOUND).values()) == {(None, Status.NOT_FOUND)}


# --- the public count ------------------------------------------------------------------------------------------------


def test_the_public_count_is_off_by_default(ask: Question, world: World) -> None:
    """Nothing is asked and nothing told unless it is switched on."""
    question = ask(CONNECTOR, urls=[p.url for p in world.pages], token=TOKEN)
    assert list(BY_URL.fetch(question)) == []
    assert question.meter.requests == 0


def test_public_counts_are_the_worlds(ask: Question, world: World) -> None:
    """The https and the http address of a page are asked for and added, at least so many; both are questions."""
    urls = [p.url for p in world.pages]
    question = ask(CONNECTOR, urls=[*urls, urls[0]], public_count_per_day=100)
    found = told(BY_URL, question)
    both = [twin.shared(world, u, AT) + twin.shared(world, u.replace("https", "http"), AT) for u in urls]
    assert [(o.url, o.count) for o in found] == list(zip(urls, both, strict=True))
    assert any(twin.shared(world, u.replace("https", "http"), AT) for u in urls)
    facts = {(o.verb, o.basis, o.quality, o.object_id, o.native) for o in found}
    assert facts == {(Verb.SHARE, Basis.PAGE, Quality.LOWER_BOUND, None, "VK.Share.count")}
    assert question.meter.requests == 2 * len(urls)


def test_the_public_count_gets_no_token(ask: Question) -> None:
    """It needs no key and is shown none; the address of the API is not asked."""
    seen: list[dict[str, str]] = []

    async def share(request: Request) -> PlainTextResponse:
        seen.append(dict(request.query_params) | {"body": (await request.body()).decode()})
        return PlainTextResponse("VK.Share.count(1, 95);")

    with running(Starlette(routes=[Route("/share.php", share)])) as address:
        question = ask(CONNECTOR, urls=[SOME], token=TOKEN, public_count_per_day=1, share_url=address)
        [o] = told(BY_URL, question)
    assert o.count == 190
    http = SOME.replace("https", "http")
    assert seen == [{"act": "count", "index": "1", "url": url, "body": ""} for url in (SOME, http)]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("VK.Share.count(1, 95);", 190),
        ("VK.Share.count(0,0)\n", 0),
        ("", None),
        ("<html>", None),
        ("VK.Share.count(1);", None),
        ("VK.Share.count(1, many);", None),
        ("ODKL.updateCount('1','95');", None),
    ],
)
def test_the_script_is_read(ask: Question, text: str, count: int | None) -> None:
    """A number in the script is the count of an address; anything else is a bad answer and no number."""
    with serving(PlainTextResponse(text)) as address:
        rows = list(BY_URL.fetch(ask(CONNECTOR, urls=[SOME], public_count_per_day=1, base_url=address)))
    [o] = parse_all(CONNECTOR, BY_URL, rows)
    assert isinstance(o, Observation)
    assert o.count == count
    assert count is not None or (rows[0].error or "").startswith("BadAnswer: no VK.Share.count")


@pytest.mark.parametrize(
    "payload", [None, [], {}, {"entries": None}, {"entries": [{"count": "3"}]}, {"entries": [3, 4]}]
)
def test_half_an_answer_is_no_sum(payload: Any) -> None:
    """A scheme without a count leaves the page failed: neither 0 nor the other half."""
    [o] = BY_URL.parse([Raw(SOME, AT, url=SOME, payload=payload)])
    assert (o.count, o.status) == (None, Status.FAILED)


def test_what_must_be_set(ask: Question) -> None:
    """The API needs a token; the public count alone needs none."""
    told = [ask(CONNECTOR, **more).settings.missing() for more in ({}, {"public_count_per_day": 5})]
    assert told == [("TALLYRANK_VK_TOKEN",), ()]
    assert ask(CONNECTOR, public_count_per_day=5, walls="-1").settings.missing() == ("TALLYRANK_VK_TOKEN",)


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ({}, "https://vk.com"),
        ({"base_url": "https://api.vk.com/"}, "https://vk.com"),
        ({"base_url": "http://127.0.0.1/{day}/vk"}, "http://127.0.0.1/2026-10-14/vk"),
        ({"share_url": "https://vk.ru/"}, "https://vk.ru"),
    ],
)
def test_where_the_public_count_is_asked(settings: dict[str, Any], address: str) -> None:
    """At vk.com, unless another address is set."""
    assert Settings(_env_file=None, **settings).share_url_for(DAY) == address  # type: ignore[call-arg]


# --- the twin, by a client of other people ---------------------------------------------------------------------------


class Redirected(HTTPAdapter):
    """Sends what is meant for VK to the twin."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.address = address

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """As usual, but elsewhere."""
        request.url = str(request.url).replace("https://api.vk.ru", self.address)
        return super().send(request, *args, **kwargs)


@pytest.fixture
def client(sandbox: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., vk_api.VkApi]:
    """The client vk_api, unmodified, in front of the twin."""
    monkeypatch.setattr(vk_api.VkApi, "RPS_DELAY", 0)

    def make(token: str = TOKEN, **more: Any) -> vk_api.VkApi:
        session = requests.Session()
        session.mount("https://api.vk.ru", Redirected(f"{sandbox}/2026-10-14/vk"))
        return vk_api.VkApi(token=token, session=session, config=jconfig.MemoryConfig, **more)

    return make


def test_vk_api_reads_walls(client: Callable[..., vk_api.VkApi], world: World) -> None:
    """Its paging, seven posts at a time, finds every post of a wall; the second wall begins with the pinned one."""
    found = list(VkTools(client()).get_all_slow_iter("wall.get", 7, {"domain": "twin_news"}))
    alive = {i: p for i, p in posts_at(world).items() if twin.wall_of(p) == -1002}
    assert {f"{i['owner_id']}_{i['id']}" for i in found} == alive.keys()
    assert len(found) == len(alive)
    assert [i.get("is_pinned") for i in found] == [1] + [None] * (len(alive) - 1)


@pytest.mark.parametrize(("version", "is_bare"), [("5.92", True), ("5.199", False)])
def test_vk_api_reads_posts(client: Callable[..., vk_api.VkApi], world: World, version: str, is_bare: bool) -> None:
    """Posts by id in both shapes, with the counters where the schema has them."""
    known = dict(list(posts_at(world).items())[:3])
    answer = client(api_version=version).get_api().wall.getById(posts=[*known, "-1001_1000000"])
    assert isinstance(answer, list) is is_bare
    items = answer if is_bare else answer["items"]
    likes = {f"{i['owner_id']}_{i['id']}": i["likes"]["count"] for i in items}
    assert likes == {i: twin.counters(p, AT)["likes"] for i, p in known.items()}


@pytest.mark.parametrize(
    ("token", "call", "code"),
    [
        ("expired-1", {"posts": "-1_7"}, 5),
        (TOKEN, {"posts": ""}, 100),
        (TOKEN, {"posts": [f"-1_{n}" for n in range(101)]}, 100),
    ],
)
def test_vk_api_understands_refusals(
    client: Callable[..., vk_api.VkApi], token: str, call: dict[str, Any], code: int
) -> None:
    """It reads the code of an error inside a good answer."""
    with pytest.raises(vk_api.ApiError) as caught:
        client(token).get_api().wall.getById(**call)
    assert caught.value.code == code


def test_the_twin_wants_a_version(sandbox: str) -> None:
    """A call without `v` is error 8; an unknown method is error 3."""
    address = f"{sandbox}/2026-10-14/vk/method"
    without = httpx.get(f"{address}/wall.get", params={"access_token": TOKEN}).json()
    unknown = httpx.get(f"{address}/wall.no", params={"access_token": TOKEN, "v": "5.199"}).json()
    assert [a["error"]["error_code"] for a in (without, unknown)] == [8, 3]


def test_the_twins_share_page(sandbox: str) -> None:
    """Without `act=count` it is the page on which people share: no number."""
    address = f"{sandbox}/2026-10-14/vk/share.php"
    assert "VK.Share" not in httpx.get(address, params={"url": SOME}).text
    assert httpx.get(address, params={"act": "count", "index": 3, "url": SOME}).text == "VK.Share.count(3, 0);"
