"""Facebook against its twin: page totals in batches, posts of our Pages, posts by id, and how the Graph API refuses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors import errors, graph
from connectors.base import Ask, Post, Stream, parse_all
from connectors.fallback import TRIES
from connectors.http import Answer, Pace
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb, raw_table
from connectors.sandbox import facebook as twin
from connectors.sandbox.server import build_app, running
from connectors.sandbox.world import World, noon
from connectors.votes.facebook import CONNECTOR, NAME, Settings, link_of, project_insight, project_post, project_url

BY_URL, BY_PAGE, BY_POST = (CONNECTOR.stream(name) for name in ("by_url", "by_page", "by_post"))
AT = datetime(2026, 10, 14, 12, tzinfo=UTC)
DAY = AT.date()
TOKEN = "tok-5f3a-secret"
INSIGHTS = {Verb.VIEW: "post_media_view", Verb.CLICK: "post_clicks"}
Question = Callable[..., Ask]


def told(stream: Stream, question: Ask) -> list[Observation]:
    """Fetch and parse."""
    return [o for o in parse_all(CONNECTOR, stream, list(stream.fetch(question))) if isinstance(o, Observation)]


def about(payload: Any, stream: Stream = BY_URL) -> dict[Verb, Observation]:
    """Readings of one hand-written payload."""
    row = Raw("https://a.example/", AT, url="https://a.example/", payload=payload)
    return {o.verb: o for o in stream.parse([row])}


def refusal(code: int, subcode: int | None = None, status: int = 400, **more: Any) -> Answer:
    """An error envelope, written from the contract."""
    error = {"message": "words", "type": "OAuthException", "code": code, **more}
    return Answer(NAME, status, {}, json.dumps({"error": error | ({"error_subcode": subcode} if subcode else {})}))


@pytest.fixture
def strict(world: World) -> Iterator[str]:
    """A sandbox whose hours take an hour."""
    with running(build_app(world)) as address:
        yield address


# --- web pages -------------------------------------------------------------------------------------------------------


def test_page_totals_are_the_worlds(ask: Question, world: World) -> None:
    """Shares, reactions and comments of every page, fuzzed, as totals of the page, 50 pages in one request."""
    question = ask(CONNECTOR, urls=[p.url for p in world.pages], token=TOKEN)
    found = told(BY_URL, question)
    counts = {(o.url, o.verb): o.count for o in found}
    for page in world.pages:
        shares = int(world.facebook_shares[world.day_index(DAY), page.index])
        assert counts[page.url, Verb.SHARE] == shares
        assert counts[page.url, Verb.LIKE] == 5 * shares // 2
        assert counts[page.url, Verb.COMMENT] == 2 * shares // 5
    assert {(o.basis, o.quality, o.object_id) for o in found} == {(Basis.PAGE, Quality.FUZZED, None)}
    assert question.meter.requests == 1


@pytest.mark.parametrize(("pages", "requests"), [(0, 0), (1, 1), (50, 1), (51, 2), (101, 3)])
def test_batches_hold_fifty(ask: Question, pages: int, requests: int) -> None:
    """50 pages per request and not one more."""
    question = ask(CONNECTOR, urls=[f"https://nowhere.example/{i}" for i in range(pages)], token=TOKEN)
    assert len(list(BY_URL.fetch(question))) == pages
    assert question.meter.requests == requests


@pytest.mark.parametrize("url", ["https://x.example/a,b?c=d&e=f#g", "https://x.example/ü ö", "http://x.example/?id=1"])
def test_an_address_travels_whole(ask: Question, url: str) -> None:
    """Commas, ampersands and umlauts inside an address break no batch; a page Facebook never saw is not found."""
    found = told(BY_URL, ask(CONNECTOR, urls=[url], token=TOKEN))
    assert {(o.url, o.status, o.count) for o in found} == {(url, Status.NOT_FOUND, None)}
    assert {o.verb for o in found} == {Verb.SHARE, Verb.LIKE, Verb.COMMENT}


def test_spellings_of_a_page_share_their_numbers(ask: Question, world: World) -> None:
    """Scheme and trailing slash do not matter where the page states its address; each keeps its own spelling."""
    url = world.pages[3].url
    urls = [url, url + "/", url.replace("https", "http")]
    found = told(BY_URL, ask(CONNECTOR, urls=urls, token=TOKEN))
    assert {o.url for o in found} == set(urls)
    assert len({o.count for o in found if o.verb is Verb.SHARE}) == 1


def test_privacy_zeros_are_hidden(ask: Question, world: World) -> None:
    """Four zeros beside a sum above zero are no zeros: the app may not see the split."""
    question = ask(CONNECTOR, urls=[world.pages[0].url], token="new-app")
    rows = list(BY_URL.fetch(question))
    assert rows[0].payload["engagement"]["share_count"] == 0
    assert rows[0].payload["og_object"]["engagement"]["count"] > 0
    assert {(o.status, o.count) for o in parse_all(CONNECTOR, BY_URL, rows)} == {(Status.HIDDEN, None)}


def test_the_mode_chooses_what_is_asked(ask: Question, world: World) -> None:
    """`engagement` asks for the split alone, `og_object` for the sum alone, which cannot be split."""
    urls = [world.pages[0].url, "https://nowhere.example/"]
    split = list(BY_URL.fetch(ask(CONNECTOR, urls=urls, token=TOKEN, url_mode="engagement")))
    total = list(BY_URL.fetch(ask(CONNECTOR, urls=urls, token=TOKEN, url_mode="og_object")))
    assert [set(r.payload) for r in split] == [{"engagement"}, set()]
    assert [set(r.payload) for r in total] == [{"og_object"}, set()]
    assert [o.status for o in BY_URL.parse(total)] == [Status.HIDDEN] * 3 + [Status.NOT_FOUND] * 3


@pytest.mark.parametrize(
    ("payload", "status", "quality"),
    [
        (
            {"engagement": dict.fromkeys(("share_count", "reaction_count", "comment_count"), 0)},
            "observed",
            "default_zero",
        ),
        (
            {
                "engagement": dict.fromkeys(("share_count", "reaction_count", "comment_count"), 0),
                "og_object": {"engagement": {"count": 0}},
            },
            "observed",
            "fuzzed",
        ),
        ({"engagement": None}, "hidden", "fuzzed"),
        ({"og_object": {"engagement": {"count": 7}}}, "hidden", "fuzzed"),
        ({"unread": ["engagement_v2"]}, "failed", "fuzzed"),
        ({}, "not_found", "fuzzed"),
    ],
)
def test_what_a_page_without_numbers_means(payload: Any, status: str, quality: str) -> None:
    """Each way of saying nothing has its own meaning."""
    found = about(payload).values()
    assert {(o.status, o.quality) for o in found} == {(Status(status), Quality(quality))}


def test_a_renamed_counter_fails_alone() -> None:
    """A counter that is gone is failed; the others stay."""
    body = {"id": "u", "engagement": {"share_count_v2": 9, "reaction_count": 4, "comment_count": 2}}
    found = about(project_url(body))
    assert (found[Verb.SHARE].status, found[Verb.SHARE].count) == (Status.FAILED, None)
    assert (found[Verb.LIKE].count, found[Verb.COMMENT].count) == (4, 2)


def test_a_renamed_answer_is_failed_not_unknown() -> None:
    """When `engagement` itself has another name, the page is not said to be unknown."""
    body = {"id": "u", "engagement_v2": {"share_count": 9}}
    assert {o.status for o in about(project_url(body)).values()} == {Status.FAILED}


def test_plugin_comments_are_kept_apart(ask: Question, world: World) -> None:
    """`comment_plugin_count` stays in the raw row and is added to nothing; the sentence about people is dropped."""
    rows = list(BY_URL.fetch(ask(CONNECTOR, urls=[world.pages[0].url], token=TOKEN)))
    assert rows[0].payload["engagement"]["comment_plugin_count"] > 0
    assert "Invented" not in str(raw_table(rows).to_pydict())


def test_a_slow_page_is_asked_once_more(ask: Question, world: World) -> None:
    """A null item is asked again with the other null items only; one that is null twice is a failed row."""
    urls = [f"{p.url}?timeout-once={i}" for i, p in enumerate(world.pages[:3])]
    urls += [world.pages[4].url, world.pages[5].url + "?timeout"]
    question = ask(CONNECTOR, urls=urls, token="tok-slow")
    rows = list(BY_URL.fetch(question))
    assert [r.subject for r in rows] == urls
    assert [r.status for r in rows] == [Status.OBSERVED] * 4 + [Status.FAILED]
    assert rows[-1].error is not None
    assert rows[-1].error.startswith("Unavailable: ")
    assert question.meter.requests == 2


def test_the_eleventh_question_of_an_hour_fails_alone(ask: Question, world: World, strict: str) -> None:
    """A page may be asked ten times an hour; more is a failed row of that page, and the others are answered."""
    urls = [world.pages[0].url] * 11 + [world.pages[1].url]
    question = ask(CONNECTOR, urls=urls, token=TOKEN, base_url=f"{strict}/{{day}}/facebook")
    rows = list(BY_URL.fetch(question))
    assert [r.status for r in rows] == [Status.OBSERVED] * 10 + [Status.FAILED, Status.OBSERVED]
    assert rows[10].error is not None
    assert rows[10].error.startswith("RateLimited: ")
    assert question.meter.requests == 1


def test_an_allowance_used_up_inside_a_batch_stops_the_rest(ask: Question, strict: str) -> None:
    """What was answered before is kept; pages of later batches fail without a request."""
    urls = [f"https://nowhere.example/{i}" for i in range(300)]
    base_url, sent = f"{strict}/{{day}}/facebook", {"token": "small-app", "retries": 0}
    for i in range(3):  # 153 of 200 calls, and the twin's percents stay below 80
        list(BY_URL.fetch(ask(CONNECTOR, urls=urls[i * 50 : i * 50 + 50], base_url=base_url, **sent)))
    question = ask(CONNECTOR, urls=urls[150:], base_url=base_url, **sent)
    with_pause = list(BY_URL.fetch(replace(question, urls=tuple(urls[150:250]))))
    assert [r.status for r in with_pause].count(Status.OBSERVED) == 46
    assert {(r.error or "").partition(":")[0] for r in with_pause[46:]} == {"RateLimited", "QuotaExhausted"}
    assert question.meter.requests == 1


def test_too_large_a_batch_is_refused(sandbox: str) -> None:
    """The twin refuses 51 items, as the platform does."""
    items = json.dumps([{"method": "GET", "relative_url": "?id=https://a.example"}] * 51)
    answer = httpx.post(
        f"{sandbox}/{DAY}/facebook/v26.0/", data={"batch": items}, headers={"Authorization": f"Bearer {TOKEN}"}
    )
    assert answer.status_code == 400
    assert "Maximum batch size is 50" in answer.json()["error"]["message"]


def test_an_unreadable_item_fails_alone(ask: Question) -> None:
    """An item without a body, with a body that is no JSON, or with an error fails its page only."""
    items = [
        {"code": 200, "body": '{"id": "0", "engagement": {"share_count": 3}}'},
        {"code": 200, "body": "<html>"},
        {"code": 200, "body": "[]"},
        {"code": 200},
        {"code": 400, "body": refusal(100).text},
        {"code": 400, "body": refusal(100, 33).text},
        "nonsense",
    ]

    async def batch(_request: Any) -> JSONResponse:
        return JSONResponse(items)

    with running(Starlette(routes=[Route("/v26.0/", batch, methods=["POST"])])) as address:
        rows = list(BY_URL.fetch(ask(CONNECTOR, urls=[str(i) for i in range(7)], token=TOKEN, base_url=address)))
    kinds = [(r.error or r.status).partition(":")[0] for r in rows]
    assert kinds == ["observed", "BadAnswer", "BadAnswer", "BadAnswer", "BadRequest", "not_found", "BadAnswer"]


# --- posts -----------------------------------------------------------------------------------------------------------


def posts_at(world: World, moment: datetime = AT) -> dict[str, Any]:
    """What the Page has published, by id."""
    return {f"{twin.PAGE_ID}_{p.object_id}": p for p in world.posts("hackernews") if p.exists_at(moment)}


def test_posts_of_our_page_are_the_worlds(ask: Question, world: World) -> None:
    """Every post with its three counters and the page it links to; unshared posts are zeros that may be silence."""
    question = ask(CONNECTOR, token=TOKEN, pages=twin.PAGE_ID)
    found, truth = [o for o in told(BY_PAGE, question) if o.verb not in INSIGHTS], posts_at(world)
    assert {o.object_id for o in found} == set(truth)
    for o in found:
        post = truth[str(o.object_id)]
        count = twin.post_counts(post, post.votes_at(AT))
        native = {Verb.SHARE: "shares", Verb.LIKE: "reactions", Verb.COMMENT: "comments"}[o.verb]
        assert (o.status, o.count, o.published_at) == (Status.OBSERVED, count[native], post.published_at)
        assert o.basis is Basis.POST
        is_default = o.verb is Verb.SHARE and o.count == 0
        assert o.quality is (Quality.DEFAULT_ZERO if is_default else Quality.EXACT)
        assert o.url == (None if "facebook.com" in twin.attached_url(post) else post.url)
    assert {o.quality for o in found} == {Quality.DEFAULT_ZERO, Quality.EXACT}
    assert None in {o.url for o in found}


def test_without_pages_nothing_is_asked(ask: Question) -> None:
    """Nobody's posts are read unless a Page is named."""
    question = ask(CONNECTOR, token=TOKEN)
    assert list(BY_PAGE.fetch(question)) == []
    assert question.meter.requests == 0


def test_a_page_that_fails_leaves_the_others(ask: Question, world: World) -> None:
    """A Page we may not see is one failed row without a url; the next Page is read."""
    rows = list(BY_PAGE.fetch(ask(CONNECTOR, token=TOKEN, pages=f"777, {twin.PAGE_ID},777")))
    assert (rows[0].subject, rows[0].status, rows[0].url) == ("777", Status.FAILED, None)
    assert (rows[0].error or "").startswith("Gone: ")
    assert len(rows) == 1 + len(posts_at(world))


def test_a_refused_token_stops_all_pages(ask: Question) -> None:
    """After a refused token the other Pages fail with the same words and no request."""
    question = ask(CONNECTOR, token="expired", pages="1,2,3")
    rows = list(BY_PAGE.fetch(question))
    assert [r.subject for r in rows] == ["1", "2", "3"]
    assert {(r.error or "").partition(":")[0] for r in rows} == {"AuthError"}
    assert question.meter.requests == 1


@settings(max_examples=20, deadline=None)
@given(limit=st.integers(1, 100))
def test_paging_loses_and_repeats_nothing(limit: int, world: World, _sandbox: Any) -> None:
    """Whatever the page size, short and empty pages included, every post comes exactly once."""
    made = Settings(_env_file=None, base_url=f"{_sandbox[0]}/{{day}}/facebook", token=TOKEN, requests_per_second=1e6)  # type: ignore[call-arg, arg-type]
    with graph.connect(NAME, Ask(made, DAY, AT)) as http:
        found = [i["id"] for i in graph.items(http, f"/{twin.PAGE_ID}/published_posts", {"fields": "id"}, limit)]
    assert sorted(found) == sorted(posts_at(world))
    assert len(found) == len(set(found))


def test_an_answer_that_would_be_too_large_is_asked_by_halves(ask: Question, world: World) -> None:
    """The platform asks to reduce the amount of data: tried again, then with half as many."""
    question = ask(CONNECTOR, token=TOKEN, retries=1)
    with graph.connect(NAME, question) as http:
        found = list(graph.items(http, f"/{twin.PAGE_ID}/published_posts", {"fields": "id"}, 250))
    assert len(found) == len(posts_at(world))
    assert question.meter.requests == 2 * 2 + 1  # 250 and 125 are refused twice each; all posts fit on a page of 62


def test_a_cursor_that_stands_still_is_no_endless_loop(ask: Question) -> None:
    """A next page that is this page again is an error, after what was read; nothing is told twice."""

    async def stuck(request: Any) -> JSONResponse:
        return JSONResponse({"data": [{"id": "1_1"}], "paging": {"next": f"{request.base_url}x?after=same"}})

    with running(Starlette(routes=[Route("/v26.0/{page}/published_posts", stuck)])) as address:
        rows = list(BY_PAGE.fetch(ask(CONNECTOR, token=TOKEN, pages="1", base_url=address)))
    assert [r.status for r in rows] == [Status.OBSERVED, Status.FAILED]


def test_the_next_page_is_asked_without_its_token(ask: Question) -> None:
    """The address of the next page holds the token; we send its other parameters and keep the token in the header."""
    asked: list[dict[str, str]] = []

    async def page(request: Request) -> JSONResponse:
        asked.append(dict(request.query_params))
        following = f"{request.base_url}x?access_token={TOKEN}&appsecret_proof=0&limit=5&after=a&pretty=0"
        return JSONResponse({"data": [], "paging": {"next": following} if len(asked) == 1 else {}})

    with running(Starlette(routes=[Route("/v26.0/{page}/published_posts", page)])) as address:
        assert list(BY_PAGE.fetch(ask(CONNECTOR, token=TOKEN, pages="1", base_url=address))) == []
    assert asked[1] == {"after": "a", "pretty": "0", "limit": "100"}


def known_posts(world: World, moment: datetime = AT) -> list[Post]:
    """Posts of the Page as they are remembered."""
    return [Post(i, p.url, p.published_at) for i, p in posts_at(world, moment).items()]


def test_known_posts_are_refreshed_fifty_at_a_time(ask: Question, world: World) -> None:
    """Counters by id equal those of the edge; the page is the one remembered."""
    posts = known_posts(world)[:51] if len(known_posts(world)) > 50 else known_posts(world)
    question = ask(CONNECTOR, posts=posts, token=TOKEN)
    found = told(BY_POST, question)
    assert question.meter.requests == -(-len(posts) // 50)
    edge = {(o.object_id, o.verb): o.count for o in told(BY_PAGE, ask(CONNECTOR, token=TOKEN, pages=twin.PAGE_ID))}
    assert {(o.object_id, o.verb): o.count for o in found} == {
        k: v for k, v in edge.items() if k[0] in {p.object_id for p in posts}
    }
    assert {(o.object_id, o.url) for o in found} == {(p.object_id, p.url) for p in posts}


def test_posts_that_are_gone_are_not_found(ask: Question, world: World) -> None:
    """Deleted, future and foreign posts are left out by the platform and told as not found, dates kept."""
    gone = [p for p in world.posts("hackernews") if not p.exists_at(AT)][:3]
    posts = [Post(f"{twin.PAGE_ID}_{p.object_id}", p.url, p.published_at) for p in gone] + known_posts(world)[:2]
    posts.append(Post("5_5", "https://a.example/"))
    found = told(BY_POST, ask(CONNECTOR, posts=posts, token=TOKEN))
    missing = {o.object_id for o in found if o.status is Status.NOT_FOUND}
    assert missing == {p.object_id for p in posts[:3]} | {"5_5"}
    assert {o.published_at for o in found if o.object_id == posts[0].object_id} == {gone[0].published_at}
    assert len(found) == len(CONNECTOR.verbs) * len(posts)


def test_one_post_that_fails_the_question_is_found_by_halving(ask: Question, world: World) -> None:
    """An id the platform calls unknown fails the whole question; the others are read all the same."""
    posts = [*known_posts(world)[:4], Post("nonsense", "https://a.example/"), *known_posts(world)[4:8]]
    found = told(BY_POST, ask(CONNECTOR, posts=posts, token=TOKEN))
    assert {o.object_id for o in found if o.verb not in INSIGHTS and o.status is not Status.OBSERVED} == {"nonsense"}
    assert {o.status for o in found if o.object_id == "nonsense"} == {Status.NOT_FOUND}
    assert len(found) == 9 * len(CONNECTOR.verbs)


def test_absent_shares_are_zero_only_beside_the_other_counters() -> None:
    """An object that came without reactions or comments is not the object asked for: nothing is made up."""
    whole = {"reactions": {"summary": {"total_count": 4}}, "comments": {"summary": {"total_count": 1}}}
    unshared = about(project_post(whole), BY_POST)
    assert (unshared[Verb.SHARE].count, unshared[Verb.SHARE].quality) == (0, Quality.DEFAULT_ZERO)
    for name in whole:
        half = about(project_post({k: v for k, v in whole.items() if k != name}), BY_POST)
        assert half[Verb.SHARE].status is Status.FAILED


@pytest.mark.parametrize("native", ["reactions", "comments"])
def test_a_renamed_counter_of_posts_fails(ask: Question, world: World, fault: Callable[..., None], native: str) -> None:
    """A counter with another name is failed for its verb; the other one stays."""
    fault(NAME, f"rename:{native}")
    found = told(BY_POST, ask(CONNECTOR, posts=known_posts(world), token=TOKEN))
    renamed = {"reactions": Verb.LIKE, "comments": Verb.COMMENT}[native]
    assert {o.status for o in found if o.verb is renamed} == {Status.FAILED}
    other = ({Verb.LIKE, Verb.COMMENT} - {renamed}).pop()
    assert {o.status for o in found if o.verb is other} == {Status.OBSERVED}


def test_people_are_dropped(ask: Question, world: World) -> None:
    """Names and words that the platform serves reach no row."""
    url = f"{ask(CONNECTOR, token=TOKEN).base_url}/v26.0/{twin.PAGE_ID}/published_posts"
    assert "Invented" in httpx.get(url, params={"fields": "from,message", "access_token": TOKEN}).text
    rows = list(BY_PAGE.fetch(ask(CONNECTOR, token=TOKEN, pages=twin.PAGE_ID, insights=True)))
    rows += BY_POST.fetch(ask(CONNECTOR, posts=known_posts(world), token=TOKEN))
    assert "Invented" not in str(raw_table(rows).to_pydict())


@pytest.mark.parametrize(
    ("attached", "link"),
    [
        ([{"unshimmed_url": "https://a.example/x", "url": "https://l.facebook.com/l.php?u=y"}], "https://a.example/x"),
        (
            [{"unshimmed_url": "https://www.facebook.com/1/photos/2"}, {"url": "https://a.example/"}],
            "https://a.example/",
        ),
        ([{"unshimmed_url": "https://m.facebook.com/1/photos/2"}], None),
        ([{}], None),
        ("nonsense", None),
    ],
)
def test_the_page_is_what_leads_away_from_facebook(attached: Any, link: str | None) -> None:
    """Photos and videos on Facebook itself are no page."""
    assert link_of({"attachments": {"data": attached}}) == link


# --- insights --------------------------------------------------------------------------------------------------------


def is_young(post: Any, moment: datetime) -> bool:
    """Whether a post is too young to have insights."""
    return bool(moment - post.published_at < twin.INSIGHTS_AFTER)


@pytest.mark.parametrize("stream", [BY_PAGE, BY_POST], ids=lambda s: s.name)
def test_views_and_clicks_are_off_by_default(ask: Question, world: World, stream: Stream) -> None:
    """Nobody asked, so nothing is asked: no number and no request beyond those for the counters."""
    question = ask(CONNECTOR, token=TOKEN, pages=twin.PAGE_ID, posts=known_posts(world)[:50])
    found = [o for o in told(stream, question) if o.verb in INSIGHTS]
    assert {(o.status, o.count) for o in found} == {(Status.HIDDEN, None)}
    assert {o.verb for o in found} == set(INSIGHTS)
    assert question.meter.requests == 1 if stream is BY_POST else question.meter.requests <= 2


@pytest.mark.parametrize("stream", [BY_PAGE, BY_POST], ids=lambda s: s.name)
def test_views_and_clicks_are_the_worlds(ask: Question, world: World, stream: Stream) -> None:
    """Asked for, each metric is one request per post; what is not there yet is hidden; the counters stay the same."""
    newest = max(post.published_at for post in posts_at(world).values())
    day = (newest + timedelta(hours=12)).date()
    moment = noon(day)
    about_page = {"day": day, "token": TOKEN, "pages": twin.PAGE_ID, "posts": known_posts(world, moment)}
    plain, question = ask(CONNECTOR, **about_page), ask(CONNECTOR, **about_page, insights=True)
    before, found, truth = told(stream, plain), told(stream, question), posts_at(world, moment)
    assert [o for o in found if o.verb not in INSIGHTS] == [o for o in before if o.verb not in INSIGHTS]
    for o in (o for o in found if o.verb in INSIGHTS):
        post = truth[str(o.object_id)]
        count = None if is_young(post, moment) else twin.insight_counts(post.votes_at(moment))[INSIGHTS[o.verb]]
        assert (o.count, o.status) == (count, Status.HIDDEN if count is None else Status.OBSERVED)
        assert (o.native, o.basis, o.published_at) == (INSIGHTS[o.verb], Basis.POST, post.published_at)
    assert {o.object_id for o in found} == set(truth)
    assert {is_young(post, moment) for post in truth.values()} == {True, False}
    assert question.meter.requests - plain.meter.requests == 2 * len(truth)


@pytest.mark.parametrize("dead", list(INSIGHTS))
@pytest.mark.parametrize("stream", [BY_PAGE, BY_POST], ids=lambda s: s.name)
def test_a_dead_metric_costs_itself_alone(ask: Question, world: World, stream: Stream, dead: Verb) -> None:
    """A name that Facebook no longer knows is refused once, failed for its verb, and nothing else changes."""
    about_page = {"token": TOKEN, "pages": twin.PAGE_ID, "posts": known_posts(world), "insights": True}
    plain, question = (ask(CONNECTOR, **about_page, **more) for more in ({}, {f"{dead}_metric": "post_impressions"}))
    before, found = told(stream, plain), told(stream, question)
    lost = [o for o in found if o.verb is dead]
    assert {(o.status, o.count, o.native) for o in lost} == {(Status.FAILED, None, "post_impressions")}
    assert [o for o in found if o.verb is not dead] == [o for o in before if o.verb is not dead]
    assert plain.meter.requests - question.meter.requests == len(posts_at(world)) - 1


def test_a_metric_may_be_left_out(ask: Question, world: World) -> None:
    """An empty name is not asked for, and hidden."""
    question = ask(CONNECTOR, token=TOKEN, posts=known_posts(world)[:3], insights=True, click_metric="")
    found = told(BY_POST, question)
    assert {o.status for o in found if o.verb is Verb.CLICK} == {Status.HIDDEN}
    assert question.meter.requests == 1 + 3


def test_insights_without_permission_leave_the_counters(ask: Question, world: World) -> None:
    """A token without read_insights is refused once per metric; shares, likes and comments are read all the same."""
    question = ask(CONNECTOR, token="blind-1", posts=known_posts(world)[:10], insights=True)
    found = told(BY_POST, question)
    assert {o.status for o in found if o.verb in INSIGHTS} == {Status.FAILED}
    assert {o.status for o in found if o.verb not in INSIGHTS} == {Status.OBSERVED}
    assert question.meter.requests == 1 + 2


@pytest.mark.parametrize(
    ("answer", "asked_for"),
    [
        (refusal(100, 33), 6),
        (refusal(100, message="(#100) The value must be a valid insights metric"), 2),
        (refusal(100, message="(#100) Something is wrong with this post"), 6),
        (refusal(10), 2),
        (refusal(2, status=500), 2),
        (refusal(80001), 2),
        (Answer(NAME, 404, {}, "<html>"), 2),
        (Answer(NAME, 200, {}, "<html>"), 6),
    ],
)
def test_refused_insights_cost_no_counter(ask: Question, answer: Answer, asked_for: int) -> None:
    """Whatever is wrong with insights, the counters stay. What may be the post's own trouble is asked of the next."""
    asked: list[str] = []

    async def posts(_request: Request) -> JSONResponse:
        whole = {"reactions": {"summary": {"total_count": 4}}, "comments": {"summary": {"total_count": 1}}}
        return JSONResponse({"data": [{"id": f"1_{i}", "shares": {"count": 2}} | whole for i in range(3)]})

    async def insights(request: Request) -> Response:
        asked.append(request.path_params["post"])
        return Response(answer.text, answer.status, media_type="application/json")

    routes = [Route("/v26.0/{page}/published_posts", posts), Route("/v26.0/{post}/insights", insights)]
    with running(Starlette(routes=routes)) as address:
        question = ask(CONNECTOR, token=TOKEN, pages="1", insights=True, retries=0, base_url=address)
        found = told(BY_PAGE, question)
    assert {(o.status, o.count) for o in found if o.verb in INSIGHTS} == {(Status.FAILED, None)}
    assert [o.count for o in found if o.verb not in INSIGHTS] == [2, 4, 1] * 3
    assert len(asked) == asked_for


def test_a_token_that_expires_at_the_insights_is_said(ask: Question) -> None:
    """The Page ends in a failed row that names the sign-in."""

    async def posts(_request: Request) -> JSONResponse:
        return JSONResponse({"data": [{"id": "1_1"}, {"id": "1_2"}]})

    async def insights(_request: Request) -> Response:
        return Response(refusal(190, 463).text, 400, media_type="application/json")

    routes = [Route("/v26.0/{page}/published_posts", posts), Route("/v26.0/{post}/insights", insights)]
    with running(Starlette(routes=routes)) as address:
        question = ask(CONNECTOR, token=TOKEN, pages="1", insights=True, base_url=address)
        rows = list(BY_PAGE.fetch(question))
    assert [(r.subject, r.status) for r in rows] == [("1", Status.FAILED)]
    assert (rows[0].error or "").startswith("AuthError: ")
    assert question.meter.requests == 2


def test_several_metrics_at_once_are_refused_together(sandbox: str, world: World) -> None:
    """The twin answers good names together and refuses all of them for one that is dead, as the platform does."""
    name = next(i for i, post in posts_at(world).items() if not is_young(post, AT))
    url, sent = f"{sandbox}/{DAY}/facebook/v26.0/{name}/insights", {"access_token": TOKEN, "period": "lifetime"}
    good = httpx.get(url, params=sent | {"metric": "post_media_view,post_clicks"})
    bad = httpx.get(url, params=sent | {"metric": "post_media_view,post_impressions"})
    assert [m["name"] for m in good.json()["data"]] == ["post_media_view", "post_clicks"]
    assert (bad.status_code, bad.json()["error"]["code"]) == (400, 100)


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ({"data": [{"name": "m", "values": [{"value": 58}]}]}, 58),
        ({"data": [{"name": "m", "values": [{"value": 1}, {"value": "2"}]}]}, 2),
        ({"data": [{"name": "m", "total_value": {"value": 0}}]}, 0),
        ({"data": [{"name": "other", "values": [{"value": 1}]}, {"name": "m", "values": [{"value": 3}]}]}, 3),
        ({"data": []}, None),
    ],
)
def test_insights_are_read_in_both_shapes(body: Any, count: int | None) -> None:
    """`values` or `total_value`; an empty list is missing data and not 0."""
    assert project_insight(body, "m") == count


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"data": None},
        {"data": [{"name": "other", "values": [{"value": 1}]}]},
        {"data": [{"name": "m", "values": []}]},
        {"data": [{"name": "m", "values": [{"value": {"like": 3}}]}]},
        {"data": ["nonsense"]},
    ],
    ids=json.dumps,
)
def test_other_shapes_of_insights_are_said(body: Any) -> None:
    """Another metric, or something that is no number, is an error and never a number."""
    with pytest.raises(errors.BadAnswer):
        project_insight(body, "m")


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refusal(190, 463), errors.AuthError),
        (refusal(190), errors.AuthError),
        (refusal(102), errors.AuthError),
        (refusal(104), errors.AuthError),
        (refusal(4), errors.RateLimited),
        (refusal(17), errors.RateLimited),
        (refusal(32), errors.RateLimited),
        (refusal(341), errors.RateLimited),
        (refusal(613), errors.RateLimited),
        (refusal(80001), errors.RateLimited),
        (refusal(4, is_transient=True), errors.RateLimited),
        (refusal(1, status=500), errors.Unavailable),
        (refusal(2), errors.Unavailable),
        (refusal(9999, is_transient=True), errors.Unavailable),
        (refusal(9999, status=503), errors.Unavailable),
        (refusal(3), errors.NotPermitted),
        (refusal(10), errors.NotPermitted),
        (refusal(200), errors.NotPermitted),
        (refusal(299), errors.NotPermitted),
        (refusal(100), errors.BadRequest),
        (refusal(100, 33), errors.Gone),
        (refusal(803), errors.Gone),
        (refusal(368), errors.ConfigurationError),
        (refusal(9999), errors.BadRequest),
        (refusal(9999, status=401), errors.AuthError),
        (replace(refusal(190), status=200), errors.AuthError),
        (Answer(NAME, 500, {}, "<html>"), errors.Unavailable),
        (Answer(NAME, 403, {}, ""), errors.NotPermitted),
    ],
)
def test_each_code_has_its_class(answer: Answer, kind: type[errors.SourceError]) -> None:
    """The code decides, then the subcode, then the HTTP status."""
    assert type(graph.graph_error(answer)) is kind


@pytest.mark.parametrize("text", ['{"data": []}', "[]", '{"id": "error"}', '{"message": "an \\"error\\" in words"}'])
def test_an_answer_without_envelope_is_no_error(text: str) -> None:
    """Only an envelope is an error."""
    assert graph.graph_error(Answer(NAME, 200, {}, text)) is None


def test_the_wait_is_told_in_minutes() -> None:
    """The header of the business allowance says when calls come free; code 613 lasts an hour."""
    header = {"1066": [{"type": "pages", "call_count": 100, "estimated_time_to_regain_access": 7}]}
    error = graph.graph_error(replace(refusal(32), headers={"x-business-use-case-usage": json.dumps(header)}))
    assert isinstance(error, errors.RateLimited)
    assert error.retry_after == 420
    hour = graph.graph_error(refusal(613))
    assert isinstance(hour, errors.RateLimited)
    assert hour.retry_after == 3600


def test_a_long_wait_ends_the_questions() -> None:
    """A wait too long to sit through is an allowance used up, which stops all further questions; a short one is not."""
    with pytest.raises(errors.QuotaExhausted) as caught, graph.stopping():
        raise errors.RateLimited(NAME, "too fast", 1800)
    assert caught.value.is_fatal
    assert caught.value.resets_at is not None
    with pytest.raises(errors.RateLimited), graph.stopping():
        raise errors.RateLimited(NAME, "too fast", 5)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0),
        ({"x-app-usage": '{"call_count": 79, "total_time": 1, "total_cputime": 2}'}, 0),
        ({"x-app-usage": '{"call_count": 1, "total_time": 80, "total_cputime": 2}'}, graph.SLOW_SECONDS),
        ({"x-app-usage": '{"call_count": 100}'}, graph.FULL_SECONDS),
        (
            {"x-business-use-case-usage": '{"1": [{"call_count": 100, "estimated_time_to_regain_access": 1}]}'},
            60.0,
        ),
        (
            {"x-business-use-case-usage": '{"1": [{"call_count": 100, "estimated_time_to_regain_access": 90}]}'},
            120.0,
        ),
        ({"x-app-usage": "nonsense", "x-business-use-case-usage": "[1, 2]"}, 0),
        ({"x-business-use-case-usage": '{"1": null, "2": ["x"]}'}, 0),
    ],
)
def test_usage_slows_the_pace(headers: dict[str, str], seconds: float) -> None:
    """From 80 % of an allowance we slow down, at 100 % we wait; headers we cannot read change nothing."""
    slept: list[float] = []
    pace = Pace(1e9, slept.append)
    graph.heed_usage(Answer(NAME, 200, headers, ""), pace)
    pace.wait()
    assert sum(slept) == pytest.approx(seconds, abs=0.5)


def test_percents_come_after_ten_calls(strict: str) -> None:
    """The twin shows percents after ten calls, and refuses the 201st call of a small app with code 4."""
    url, sent = f"{strict}/{DAY}/facebook/v26.0/", {"id": "https://a.example/", "access_token": "small-one"}
    with httpx.Client() as client:
        answers = [client.get(url, params=sent | {"id": f"https://a.example/{i}"}) for i in range(201)]
    assert ["x-app-usage" in a.headers for a in answers[:11]] == [False] * 10 + [True]
    assert json.loads(answers[99].headers["x-app-usage"])["call_count"] == 50
    assert answers[199].status_code == 200
    assert answers[200].json()["error"]["code"] == 4


@pytest.mark.parametrize(
    ("token", "kind", "words"),
    [
        ("expired-1", "AuthError", "has expired"),
        ("blocked-1", "ConfigurationError", "policy"),
        ("malformed-1", "AuthError", "Malformed access token ***"),
        ("secured-1", "BadRequest", "appsecret_proof"),
    ],
)
def test_refused_tokens_are_told_without_the_token(ask: Question, token: str, kind: str, words: str) -> None:
    """The row says what happened and what to do; the platform repeats the token, we do not."""
    question = ask(CONNECTOR, urls=[f"https://a.example/{i}" for i in range(120)], token=token)
    rows = list(BY_URL.fetch(question))
    assert {(r.status, (r.error or "").partition(":")[0]) for r in rows} == {(Status.FAILED, kind)}
    assert words in (rows[0].error or "")
    assert token not in str(rows)
    assert question.meter.requests == (3 + TRIES if kind == "BadRequest" else 1)


def test_no_row_holds_a_credential(ask: Question, world: World) -> None:
    """Paging addresses hold the token; no row does, nor the secret, nor the proof."""
    secret = twin.APP_SECRET
    question = ask(CONNECTOR, urls=[world.pages[0].url], token="secured-app", app_secret=secret, pages=twin.PAGE_ID)
    rows = [*BY_URL.fetch(question), *BY_PAGE.fetch(question)]
    assert {r.status for r in rows} == {Status.OBSERVED}
    kept = str(raw_table(rows).to_pydict())
    assert not any(s in kept for s in ("secured-app", secret, graph.proof_of(secret, "secured-app")))


@pytest.mark.parametrize(("secret", "status"), [(twin.APP_SECRET, Status.OBSERVED), ("wrong", Status.FAILED)])
def test_the_proof_is_checked(ask: Question, world: World, secret: str, status: Status) -> None:
    """With the right app secret the token is let in, with another one it is not."""
    rows = list(BY_URL.fetch(ask(CONNECTOR, urls=[world.pages[0].url], token="secured-app", app_secret=secret)))
    assert rows[0].status is status


def test_an_app_signs_in_with_id_and_secret(ask: Question, world: World) -> None:
    """Id and secret stand in for a token; without either, the missing variable is named."""
    question = ask(CONNECTOR, urls=[world.pages[0].url], app_id="123", app_secret="s3")
    assert question.settings.missing() == ()
    assert [r.status for r in BY_URL.fetch(question)] == [Status.OBSERVED]
    assert ask(CONNECTOR).settings.missing() == ("TALLYRANK_FACEBOOK_TOKEN",)
    assert ask(CONNECTOR, app_id="123").settings.missing() == ("TALLYRANK_FACEBOOK_TOKEN",)


def test_the_twins_moment_decides(ask: Question, world: World) -> None:
    """The same question about an earlier day gives that day's numbers."""
    early = world.posts("hackernews")[5].published_at.date()
    found = told(BY_PAGE, ask(CONNECTOR, day=early, token=TOKEN, pages=twin.PAGE_ID))
    assert {o.object_id for o in found} == set(posts_at(world, noon(early)))


# --- real answers ----------------------------------------------------------------------------------------------------


def recorded(shared: Path, name: str) -> Any:
    """A recorded answer."""
    return json.loads((shared / "data/responses/facebook" / name).read_text())


def test_a_recorded_feed_parses(shared: Path) -> None:
    """Posts of a real feed: three counters each, the link only where it leads away from Facebook."""
    feed = recorded(shared, "feeds_default_fields_p1.json")["data"]
    rows = [Raw(i["id"], AT, url=link_of(i), payload=project_post(i)) for i in feed]
    parsed = list(BY_PAGE.parse(rows))
    assert {(o.status, o.count) for o in parsed if o.verb in INSIGHTS} == {(Status.HIDDEN, None)}
    found = [o for o in parsed if o.verb not in INSIGHTS]
    assert len(found) == 3 * len(feed)
    assert {o.status for o in found} == {Status.OBSERVED}
    assert {o.quality for o in found} == {Quality.EXACT}
    truth = {(i["id"], Verb.SHARE): i["shares"]["count"] for i in feed}
    truth |= {(i["id"], Verb.LIKE): i["reactions"]["summary"]["total_count"] for i in feed}
    truth |= {(i["id"], Verb.COMMENT): i["comments"]["summary"]["total_count"] for i in feed}
    assert {(o.object_id, o.verb): o.count for o in found} == truth
    assert all(o.published_at for o in found)
    assert [r.url for r in rows if r.url] != []
    assert all("facebook.com" not in r.url for r in rows if r.url)
    messages = [i["message"] for i in feed if i.get("message")]
    assert not any(m[:30] in json.dumps([r.payload for r in rows], ensure_ascii=False) for m in messages)


def test_recorded_posts_by_id_parse(shared: Path) -> None:
    """Real posts that came without counters give dates and no number."""
    found = recorded(shared, "multi_posts_data_fields.json")
    rows = [Raw(i, AT, payload=project_post(item)) for i, item in found.items()]
    parsed = list(BY_POST.parse(rows))
    assert {(o.status, o.count) for o in parsed if o.verb not in INSIGHTS} == {(Status.FAILED, None)}
    assert {(o.status, o.count) for o in parsed if o.verb in INSIGHTS} == {(Status.HIDDEN, None)}
    assert all(o.published_at for o in parsed)
    assert len(parsed) == len(CONNECTOR.verbs) * len(found)


def test_a_recorded_error_is_classified(shared: Path) -> None:
    """A real envelope becomes one of our errors, with the platform's words."""
    body = recorded(shared, "error.json")
    error = graph.graph_error(Answer(NAME, 400, {}, json.dumps(body)))
    assert type(error) is errors.BadRequest
    assert body["error"]["message"] in error.message


# --- the official client ---------------------------------------------------------------------------------------------


def test_the_official_client_reads_the_twin(sandbox: str, world: World) -> None:
    """facebook-business, unmodified and told another address, reads pages, batches and posts from the twin."""
    from facebook_business.adobjects.page import Page
    from facebook_business.adobjects.pagepost import PagePost
    from facebook_business.api import FacebookAdsApi
    from facebook_business.exceptions import FacebookRequestError
    from facebook_business.session import FacebookSession

    class Session(FacebookSession):  # type: ignore[misc, unused-ignore]
        GRAPH = f"{sandbox}/{DAY}/facebook"

    api = FacebookAdsApi(Session(app_secret=twin.APP_SECRET, access_token="secured-sdk"), api_version="v26.0")
    url = world.pages[2].url
    known = api.call("GET", (), params={"id": url, "fields": "engagement"}).json()
    assert known["engagement"]["share_count"] == world.facebook_shares[world.day_index(DAY), 2]

    answers: list[Any] = []
    batch = api.new_batch()
    batch.add("GET", "", params={"id": url, "fields": "engagement"}, success=lambda r: answers.append(r.json()))
    batch.add("GET", "", params={"id": url + "?timeout", "fields": "engagement"}, success=answers.append)
    assert len(batch.execute()) == 1
    assert answers == [known]

    posts = Page(twin.PAGE_ID, api=api).get_published_posts(fields=["created_time", "shares"], params={"limit": 10})
    assert sorted(p["id"] for p in posts) == sorted(posts_at(world))
    name, post = next((i, post) for i, post in posts_at(world).items() if not is_young(post, AT))
    (views,) = PagePost(name, api=api).get_insights(params={"metric": ["post_media_view"], "period": "lifetime"})
    assert views["values"][0]["value"] == twin.insight_counts(post.votes_at(AT))["post_media_view"]

    with pytest.raises(FacebookRequestError) as caught:
        FacebookAdsApi(Session(access_token="expired-sdk"), api_version="v26.0").call("GET", (), params={"id": url})
    assert (caught.value.api_error_code(), caught.value.api_error_subcode()) == (190, 463)
