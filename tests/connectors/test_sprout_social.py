"""Sprout Social against its twin: posts of many networks, pages and their ceiling, refusals, what is no number."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors import errors
from connectors.base import Ask, parse_all
from connectors.http import Answer
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb, raw_table
from connectors.sandbox import sprout_social as twin
from connectors.sandbox.server import running
from connectors.sandbox.world import World, WorldPost
from connectors.votes import sprout_social as module
from connectors.votes.sprout_social import (
    ALL_METRICS,
    CONNECTOR,
    METRICS,
    NAME,
    all_posts,
    link_of,
    project,
    sprout_error,
)

POSTS = CONNECTOR.stream("posts")
AT = datetime(2026, 10, 14, 12, tzinfo=UTC)
TOKEN = "sp-9f9f-secret"
Question = Callable[..., Ask]


def told(question: Ask) -> list[Observation]:
    """Fetch and parse."""
    return [o for o in parse_all(CONNECTOR, POSTS, list(POSTS.fetch(question))) if isinstance(o, Observation)]


def about(network: str = "twitter", refused: tuple[str, ...] = (), **metrics: Any) -> dict[Verb, Observation]:
    """Readings of one hand-written post, its metrics named without `lifetime.`."""
    named = {f"lifetime.{name}": count for name, count in metrics.items()}
    payload = {"network": network, "created_time": "2026-10-01T09:00:00Z", "metrics": named}
    payload |= {"refused": list(refused)} if refused else {}
    return {o.verb: o for o in POSTS.parse([Raw("twitter:T:1", AT, url="https://a.example/", payload=payload)])}


def posts_at(world: World, days_back: int = 90) -> dict[str, WorldPost]:
    """The posts of the window, by their id here."""
    first = datetime(2026, 10, 14, tzinfo=UTC) - timedelta(days=days_back - 1)
    posts = [p for p in world.posts(NAME) if p.exists_at(AT) and p.published_at >= first]
    return {f"{twin.network_of(p).lower()}:{twin.guid_of(p)}": p for p in posts}


def expected(post: WorldPost, verb: Verb) -> tuple[int | None, str]:
    """The count of the contract's rule and the metric it comes from."""
    metrics, network = twin.metrics_of(post, AT), twin.network_of(post)
    if verb is Verb.VIEW and network in twin.VIDEO:
        return metrics["lifetime.video_views"], "lifetime.video_views"
    return metrics.get(METRICS[verb][0]), METRICS[verb][0]


@contextmanager
def scripted(handler: Callable[[dict[str, Any]], Response]) -> Iterator[str]:
    """A service whose listings come from `handler`, which gets the question."""

    async def answer(request: Request) -> Response:
        return handler(json.loads(await request.body()))

    with running(Starlette(routes=[Route("/1/analytics/posts", answer, methods=["POST"])])) as address:
        yield address


def listing(*posts: dict[str, Any], pages: int = 1) -> JSONResponse:
    """A good answer."""
    return JSONResponse({"data": list(posts), "paging": {"current_page": 1, "total_pages": pages}})


def post(guid: str = "T:1", **more: Any) -> dict[str, Any]:
    """A post as Sprout might write it."""
    known = {"guid": guid, "network": "TWITTER", "text": "Read https://a.example/x", "created_time": None}
    return known | {"metrics": {"lifetime.reactions": 5}} | more


# --- posts -----------------------------------------------------------------------------------------------------------


def test_counts_are_the_worlds(ask: Question, world: World) -> None:
    """Every post of the window has six readings with the network's numbers; what a network lacks is unsupported."""
    found, truth = told(ask(CONNECTOR, token=TOKEN, days_back=365)), posts_at(world, 365)
    assert {o.object_id for o in found} == set(truth)
    assert len(found) == 6 * len(truth)
    for o in found:
        p = truth[str(o.object_id)]
        count, native = expected(p, o.verb)
        assert (o.count, o.native) == (count, native)
        assert o.status is (Status.UNSUPPORTED if count is None else Status.OBSERVED)
        assert (o.basis, o.published_at, o.quality) == (Basis.POST, p.published_at, Quality.EXACT)
    assert {Status.UNSUPPORTED, Status.OBSERVED} == {o.status for o in found}


def test_networks_are_told_apart(ask: Question, world: World) -> None:
    """An id says which network a post is of; each network, as the tool reports it, is a platform of its own."""
    found = told(ask(CONNECTOR, token=TOKEN, days_back=365))
    assert {str(o.object_id).partition(":")[0] for o in found} == {n.lower() for n in twin.NETWORKS}
    assert {o.platform for o in found} == {f"sprout_social:{o.object_id.partition(':')[0]}" for o in found}
    assert len({o.platform for o in found}) > 1


def test_pages_come_from_the_text(ask: Question, world: World) -> None:
    """A post counts for the first address that leads away from its network; without one it has no page."""
    pages = {o.object_id: o.url for o in told(ask(CONNECTOR, token=TOKEN, days_back=365))}
    truth = posts_at(world, 365)
    assert {i: pages[i] for i in truth} == {i: None if int(p.object_id) % 10 == 3 else p.url for i, p in truth.items()}
    assert None in pages.values()
    assert any(int(p.object_id) % 10 == 7 for p in truth.values())


@pytest.mark.parametrize(
    ("text", "page"),
    [
        ("See (https://a.example/x).", "https://a.example/x"),
        ("https://twitter.com/somebody and https://bit.ly/3x", "https://bit.ly/3x"),
        ("https://x.com/a only", None),
        ("nothing", None),
        (None, None),
        (7, None),
    ],
)
def test_links_of_texts(text: Any, page: str | None) -> None:
    """Addresses of the network itself are passed over, under either of its names; shorteners stay as they are."""
    assert link_of({"text": text, "perma_link": "https://twitter.com/somebody/status/1"}) == page


def test_requests_are_few(ask: Question, world: World) -> None:
    """Two requests find the profiles, each hundred posts is one more; profiles that are named are not looked up."""
    whole, named = ask(CONNECTOR, token=TOKEN), ask(CONNECTOR, token=TOKEN, customers="687751", profiles="101,102")
    n = len({o.object_id for o in told(whole)})
    some = {str(o.object_id).partition(":")[0] for o in told(named)}
    assert (whole.meter.requests, named.meter.requests) == (2 + -(-n // 100), 1)
    assert some == {"twitter", "facebook"}


def test_groups_of_profiles_find_the_same(ask: Question) -> None:
    """However few profiles are asked about at once, the posts are the same."""
    whole, single = ask(CONNECTOR, token=TOKEN), ask(CONNECTOR, token=TOKEN, profiles_per_request=1)
    assert sorted(map(repr, told(single))) == sorted(map(repr, told(whole)))
    assert single.meter.requests == 2 + len(twin.PROFILES)


@pytest.mark.parametrize("days_back", [1, 7, 30])
def test_the_window_is_kept(ask: Question, world: World, days_back: int) -> None:
    """Only posts of the last days are read, today included."""
    found = {o.object_id for o in told(ask(CONNECTOR, token=TOKEN, days_back=days_back))}
    assert found == set(posts_at(world, days_back))


def test_two_dots_ask_the_same(ask: Question) -> None:
    """Ranges may be written either way."""
    answers = [told(ask(CONNECTOR, token=TOKEN, range_dots=dots)) for dots in ("..", "...")]
    assert answers[0] == answers[1] != []


def test_pages_add_up(ask: Question, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small pages give the same posts, with one request each."""
    whole = told(ask(CONNECTOR, token=TOKEN))
    monkeypatch.setattr(module, "PAGE_SIZE", 7)
    question = ask(CONNECTOR, token=TOKEN)
    assert told(question) == whole
    assert question.meter.requests == 2 + -(-len(whole) // 6 // 7)


def test_the_ceiling_of_results_is_passed(ask: Question, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind the last post that a listing serves, the next listing begins."""
    whole = told(ask(CONNECTOR, token=TOKEN))
    monkeypatch.setattr(twin, "MOST_RESULTS", 10)
    monkeypatch.setattr(module, "PAGE_SIZE", 5)
    monkeypatch.setattr(all_posts, "__defaults__", (2,))
    assert told(ask(CONNECTOR, token=TOKEN)) == whole
    assert len(whole) > 60


@given(st.integers(0, 60), st.integers(1, 7), st.integers(1, 5))
def test_paging_loses_and_repeats_nothing(n: int, size: int, most_pages: int) -> None:
    """Whatever the number of posts, the page size and the ceiling: every post once, in order."""
    posts = [{"guid": f"T:{i:03}"} for i in range(n)]

    def page(after: str | None, number: int) -> tuple[list[dict[str, Any]], int]:
        served = [p for p in posts if p["guid"] > (after or "")][: size * most_pages]
        assert 1 <= number <= max(-(-len(served) // size), 1), "a page beyond the last one is refused"
        return served[(number - 1) * size : number * size], -(-len(served) // size)

    assert list(all_posts(page, most_pages)) == posts


@given(st.lists(st.integers(0, 30), max_size=40), st.integers(1, 6))
def test_posts_that_move_between_pages_come_once(numbers: list[int], size: int) -> None:
    """A post that is served again, because a new one came before it, is taken once."""
    posts = [{"guid": f"T:{i}"} for i in numbers]
    found = list(all_posts(lambda _, n: (posts[(n - 1) * size : n * size], -(-len(posts) // size))))
    assert found == [{"guid": f"T:{i}"} for i in dict.fromkeys(numbers)]


def test_a_listing_that_never_ends_ends() -> None:
    """A service that forgets `guid.gt` is not asked for ever."""
    asked: list[int] = []
    same = [{"guid": "T:1"}]

    def page(_: str | None, number: int) -> tuple[list[dict[str, Any]], int]:
        asked.append(number)
        return same, 9

    assert list(all_posts(page, 2)) == same
    assert len(asked) < 6


def test_nothing_of_people_is_kept(ask: Question) -> None:
    """Texts, names and the posts' own addresses are served and not stored."""
    question = ask(CONNECTOR, token=TOKEN)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    assert "somebody_invented" in httpx.get(f"{question.base_url}/687751/metadata/customer", headers=headers).text
    kept = str(raw_table(list(POSTS.fetch(question))).to_pydict())
    assert "nvented" not in kept
    assert TOKEN not in kept
    assert set(project(post(perma_link="https://x.com/somebody"))) == {"network", "created_time", "metrics"}


# --- what a number means ---------------------------------------------------------------------------------------------


def test_youtube_impressions_are_no_number() -> None:
    """YouTube's impressions of 0 mean that there are none: views are those of the video."""
    seen = about("youtube", impressions=0, video_views=900)[Verb.VIEW]
    assert (seen.count, seen.native) == (900, "lifetime.video_views")
    unknown = about("youtube", impressions=0)[Verb.VIEW]
    assert (unknown.count, unknown.status) == (None, Status.UNSUPPORTED)


def test_video_views_stand_in_for_impressions() -> None:
    """Without impressions a post's video views count, but not their 0, which any text has."""
    assert about("facebook", impressions=5, video_views=9)[Verb.VIEW].count == 5
    assert about("facebook", video_views=9)[Verb.VIEW].count == 9
    assert about("facebook", impressions=None, video_views=9)[Verb.VIEW].native == "lifetime.video_views"
    assert about("facebook", video_views=0)[Verb.VIEW].status is Status.UNSUPPORTED
    assert about("facebook", impressions=0)[Verb.VIEW].count == 0


def test_likes_are_part_of_reactions() -> None:
    """`likes` are neither added to reactions nor taken in their place."""
    assert about(reactions=12, likes=9)[Verb.LIKE].count == 12
    assert about(likes=9)[Verb.LIKE].count is None
    assert "lifetime.likes" not in ALL_METRICS


@pytest.mark.parametrize("value", ["many", 1.5, True, {}, []])
def test_what_is_no_number_is_failed(value: Any) -> None:
    """A metric that came and cannot be read is a failed reading; the others stay."""
    found = about(reactions=value, comments_count=3)
    assert (found[Verb.LIKE].status, found[Verb.COMMENT].count) == (Status.FAILED, 3)


@pytest.mark.parametrize("payload", [{"metrics": {"lifetime.impressions": 0}}, {"network": "youtube"}, None])
def test_without_network_or_metrics_all_is_failed(payload: Any) -> None:
    """Which metric is meant depends on the network: without it nothing is read."""
    found = list(POSTS.parse([Raw("x", AT, payload=payload)]))
    assert {(o.count, o.status) for o in found} == {(None, Status.FAILED)}
    assert len(found) == 6


def test_a_refused_metric_is_failed() -> None:
    """A metric that Sprout refused is a failure to be mended, not something the network lacks."""
    found = about("instagram", ("lifetime.saves",), reactions=1)
    assert (found[Verb.SAVE].status, found[Verb.SHARE].status) == (Status.FAILED, Status.UNSUPPORTED)


# --- refusals --------------------------------------------------------------------------------------------------------


def test_a_retired_metric_costs_its_verb_only(ask: Question, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """When one metric's name refuses the whole question, it is found and left out: saves fail, all else is read."""
    whole = {(o.object_id, o.verb): o for o in told(ask(CONNECTOR, token=TOKEN))}
    monkeypatch.setattr(twin, "METRICS", twin.METRICS - {"lifetime.saves"})
    question = ask(CONNECTOR, token=TOKEN)
    found = {(o.object_id, o.verb): o for o in told(question)}
    assert {o.status for (_, verb), o in found.items() if verb is Verb.SAVE} == {Status.FAILED}
    assert all(o == whole[key] for key, o in found.items() if key[1] is not Verb.SAVE)
    assert question.meter.requests == 2 + 1 + len(ALL_METRICS) + 1


def test_a_question_that_is_wrong_stays_wrong(ask: Question, monkeypatch: pytest.MonkeyPatch) -> None:
    """When every metric is refused, the question itself is at fault, and the words say so."""
    monkeypatch.setattr(twin, "FIELDS", twin.FIELDS - {"text"})
    rows = list(POSTS.fetch(ask(CONNECTOR, token=TOKEN)))
    assert [(r.status, r.url) for r in rows] == [(Status.FAILED, None)]
    assert str(rows[0].error).startswith("BadRequest: HTTP 400") and "text" in str(rows[0].error)


@pytest.mark.parametrize("name", ["lifetime.reactions", "lifetime.shares_count", "lifetime.post_link_clicks"])
def test_a_renamed_metric_costs_its_verb_only(ask: Question, fault: Any, name: str) -> None:
    """A metric that comes under another name is not a number, and the other verbs are read."""
    fault(NAME, f"rename:{name}")
    found = told(ask(CONNECTOR, token=TOKEN))
    verb = next(v for v, names in METRICS.items() if name in names)
    assert {o.count for o in found if o.verb is verb} == {None}
    assert sum(o.count is not None for o in found if o.verb is Verb.COMMENT) == len(found) / 6


@pytest.mark.parametrize("name", ["guid", "network", "data", "paging", "total_pages", "text"])
def test_a_renamed_frame_is_a_bad_answer(ask: Question, fault: Any, name: str) -> None:
    """Without ids, networks, texts or the number of pages nothing can be trusted."""
    fault(NAME, f"rename:{name}")
    rows = list(POSTS.fetch(ask(CONNECTOR, token=TOKEN, customers="687751", profiles="101")))
    assert [str(r.error).partition(":")[0] for r in rows] == ["BadAnswer"]


def test_an_answer_that_is_not_ready_is_asked_for_again(ask: Question) -> None:
    """202 is no answer: the question is put again until there is one."""
    plain, slow = ask(CONNECTOR, token=TOKEN), ask(CONNECTOR, token="slow-token")
    assert told(slow) == told(plain)
    assert slow.meter.requests == plain.meter.requests + 1


def test_a_foreign_profile_stops_no_other(ask: Question) -> None:
    """A profile that is refused is found by halving; the posts of the others are read."""
    question = ask(CONNECTOR, token=TOKEN, profiles="101,999,102")
    rows = list(POSTS.fetch(question))
    bad = [r for r in rows if r.status is Status.FAILED]
    assert [(r.subject, r.url) for r in bad] == [("999", None)]
    assert str(bad[0].error).startswith("NotPermitted: HTTP 403")
    alone = told(ask(CONNECTOR, token=TOKEN, profiles="101,102"))
    assert {r.subject for r in rows if r.status is Status.OBSERVED} == {o.object_id for o in alone} != set()


def test_a_foreign_customer_stops_no_other(ask: Question) -> None:
    """A customer that may not be read is one failed row."""
    rows = list(POSTS.fetch(ask(CONNECTOR, token=TOKEN, customers="1,687751")))
    assert [r.subject for r in rows if r.status is Status.FAILED] == ["1"]
    assert sum(r.status is Status.OBSERVED for r in rows) > 10


def test_an_expired_token_is_named(ask: Question) -> None:
    """401: one request, one row that says so, without the token."""
    question = ask(CONNECTOR, token="expired-token")
    (row,) = POSTS.fetch(question)
    assert str(row.error).startswith("AuthError: HTTP 401") and "expired-token" not in str(row.error)
    assert (row.url, question.meter.requests) == (None, 1)


def test_an_error_in_a_good_answer_is_one(ask: Question) -> None:
    """200 with `error` beside data is a failure, not half of the posts."""
    (row,) = POSTS.fetch(ask(CONNECTOR, token="partial-token"))
    assert row.error == "BadAnswer: HTTP 200, but with an error: Some profiles could not be read."


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (202, "{}", errors.Unavailable),
        (200, '{"error": "no", "data": []}', errors.BadAnswer),
        (400, '{"error": "no"}', errors.BadRequest),
        (401, '{"error": "no"}', errors.AuthError),
        (403, '{"error": "no"}', errors.NotPermitted),
        (404, '{"error": "no"}', errors.Gone),
        (405, '{"error": "no"}', errors.BadRequest),
        (415, '{"error": "no"}', errors.BadRequest),
        (429, '{"error": "no"}', errors.RateLimited),
        (500, "", errors.Unavailable),
        (503, "", errors.Unavailable),
        (504, "", errors.Unavailable),
    ],
)
def test_every_documented_error_has_its_class(status: int, body: str, kind: type[errors.SourceError]) -> None:
    """The status decides, but for 202 and for an error inside a good answer."""
    assert type(sprout_error(Answer(NAME, status, {}, body))) is kind


def test_good_answers_are_no_errors() -> None:
    """A null `error`, or the word in somebody's post, is none."""
    for body in ('{"error": null, "data": []}', '{"data": [{"text": "an \\"error\\""}]}'):
        assert sprout_error(Answer(NAME, 200, {}, body)) is None


def test_waits_add_up_to_a_minute() -> None:
    """No header tells how long to wait, so the tries outlast the minute of the limit, and the pace keeps below it."""
    settings = CONNECTOR.settings(_env_file=None)  # type: ignore[call-arg]
    assert sum(settings.retry_wait_seconds * 2**n for n in range(settings.retries)) >= 60
    assert settings.requests_per_second * 60 <= twin.REQUESTS_PER_MINUTE


def test_too_fast_is_tried_again(ask: Question) -> None:
    """429 is asked again, and told as such when it stays."""
    with scripted(lambda _: JSONResponse({"error": "Too many requests."}, 429)) as address:
        question = ask(CONNECTOR, token=TOKEN, base_url=address, customers="1", profiles="1", retries=2)
        (row,) = POSTS.fetch(question)
    assert str(row.error).startswith("RateLimited: HTTP 429")
    assert question.meter.requests == 3


def test_a_later_page_that_fails_keeps_the_first(ask: Question) -> None:
    """What was listed before a failure is kept, and one row says that the rest is missing."""

    def handler(asked: dict[str, Any]) -> Response:
        return listing(post(), pages=2) if asked["page"] == 1 else JSONResponse({"error": "no"}, 400)

    with scripted(handler) as address:
        rows = list(POSTS.fetch(ask(CONNECTOR, token=TOKEN, base_url=address, customers="1", profiles="1")))
    assert [(r.subject, r.status) for r in rows] == [("twitter:T:1", Status.OBSERVED), ("1", Status.FAILED)]


def test_the_question_is_the_documented_one(ask: Question) -> None:
    """Filters, fields, metrics, order and size as the contract has them; the end of the range is tomorrow."""
    asked: list[dict[str, Any]] = []
    with scripted(lambda q: asked.append(q) or listing(post())) as address:  # type: ignore[func-returns-value]
        list(POSTS.fetch(ask(CONNECTOR, token=TOKEN, base_url=address, customers="1", profiles="5,6", days_back=2)))
    assert asked == [
        {
            "filters": ["customer_profile_id.eq(5,6)", "created_time.in(2026-10-13...2026-10-15)"],
            "fields": ["guid", "created_time", "perma_link", "text", "network"],
            "metrics": list(ALL_METRICS),
            "sort": ["guid:asc"],
            "timezone": "UTC",
            "page": 1,
            "limit": 100,
        }
    ]


# --- the twin --------------------------------------------------------------------------------------------------------


class TestTwin:
    """The twin refuses what Sprout refuses."""

    QUESTION: dict[str, Any] = {  # noqa: RUF012
        "filters": ["customer_profile_id.eq(101, 102)", "created_time.in(2026-08-01...2026-10-15)"]
    }

    def put(self, sandbox: str, token: str = TOKEN, **body: Any) -> httpx.Response:
        """A question put to the twin directly."""
        address = f"{sandbox}/2026-10-14/{NAME}/687751/analytics/posts"
        return httpx.post(address, json=self.QUESTION | body, headers={"Authorization": f"Bearer {token}"})

    def test_without_fields_only_ids_come(self, sandbox: str) -> None:
        """No field and no metric but those that are named, fifty posts by default."""
        answer = self.put(sandbox).json()
        assert {frozenset(p) for p in answer["data"]} == {frozenset({"guid"})}
        assert answer["paging"]["current_page"] == 1
        assert len(self.put(sandbox, limit=3).json()["data"]) == 3

    @pytest.mark.parametrize(
        "wrong",
        [
            {"page": 99},
            {"page": 0},
            {"limit": 101},
            {"metrics": ["lifetime.saves_count"]},
            {"fields": ["author"]},
            {"filters": ["customer_profile_id.eq(101)"]},
            {"filters": ["customer_profile_id.eq(101)", "created_time.in(today)"]},
        ],
    )
    def test_wrong_questions(self, sandbox: str, wrong: dict[str, Any]) -> None:
        """Pages beyond the last, sizes, names and filters that are unknown: 400 with words."""
        answer = self.put(sandbox, **wrong)
        assert answer.status_code == 400
        assert set(answer.json()) == {"error"}

    def test_other_refusals(self, sandbox: str) -> None:
        """Tokens, customers, bodies that are no JSON."""
        assert self.put(sandbox, token="expired-x").status_code == 401
        headers = {"Authorization": f"Bearer {TOKEN}"}
        base = f"{sandbox}/2026-10-14/{NAME}"
        assert httpx.get(f"{base}/metadata/client").status_code == 401
        assert httpx.get(f"{base}/1/metadata/customer", headers=headers).status_code == 403
        assert httpx.post(f"{base}/687751/analytics/posts", content="x", headers=headers).status_code == 415

    def test_sixty_a_minute(self, sandbox: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Beyond the allowance: 429 without any header that says when."""
        monkeypatch.setattr(twin, "REQUESTS_PER_MINUTE", 0)
        answer = self.put(sandbox)
        assert answer.status_code == 429
        assert not {h for h in answer.headers if "limit" in h or "retry" in h}
