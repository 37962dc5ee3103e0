"""TikTok's Research API against its twin: videos of named accounts, known videos in groups, quota and flakiness."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from connectors import errors
from connectors.base import Ask, Post, Stream, parse_all
from connectors.http import Answer
from connectors.records import Basis, Observation, Raw, Status, Verb, day_noon, raw_table
from connectors.sandbox import tiktok_research as twin
from connectors.sandbox.server import running
from connectors.sandbox.tiktok import counters_at, has_link, video_id, videos
from connectors.sandbox.world import World, WorldPost
from connectors.votes.tiktok_research import (
    CONNECTOR,
    MOST,
    NAME,
    WINDOW_DAYS,
    _research,
    day_of,
    grouped,
    page_of,
    query,
    spans,
)

VIDEOS, BY_POST = CONNECTOR.stream("videos"), CONNECTOR.stream("by_post")
AT = datetime(2026, 10, 14, 12, tzinfo=UTC)
DAY = AT.date()
TOKEN = "clt.0f0f"
PATH = "/v2/research/video/query/"
Question = Callable[..., Ask]


@pytest.fixture
def question(ask: Question) -> Question:
    """A question with a token, about both accounts since the world began."""
    both = f"@{twin.ACCOUNT}, {twin.OTHER}"
    return lambda **more: ask(CONNECTOR, **{"token": TOKEN, "usernames": both, "lookback_days": 180} | more)


def told(stream: Stream, question: Ask) -> list[Observation]:
    """Fetch and parse."""
    return [o for o in parse_all(CONNECTOR, stream, list(stream.fetch(question))) if isinstance(o, Observation)]


def alive(world: World) -> dict[str, WorldPost]:
    """The videos there are, by id."""
    return {i: p for i, p in videos(world, NAME).items() if p.exists_at(AT)}


def known(world: World) -> list[Post]:
    """The same as known posts."""
    return [Post(i, p.url, p.published_at) for i, p in alive(world).items()]


def errors_of(rows: list[Raw]) -> set[str]:
    """The classes of error of failed rows."""
    return {(r.error or "").partition(":")[0] for r in rows if r.status is Status.FAILED}


@contextmanager
def serving(*answers: Any) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A host that gives these answers one after the other (the last for ever), and what it was asked."""
    asked: list[dict[str, Any]] = []

    async def answer(request: Request) -> JSONResponse:
        asked.append(await request.json())
        return JSONResponse(answers[min(len(asked), len(answers)) - 1])

    with running(Starlette(routes=[Route(PATH, answer, methods=["POST"])])) as address:
        yield address, asked


def page(*ids: Any, **more: Any) -> dict[str, Any]:
    """A good answer, hand-written."""
    data = {"videos": [{"id": i, "like_count": 1} for i in ids], "has_more": False} | more
    return {"data": data, "error": {"code": "ok", "message": "", "log_id": "1"}}


# --- videos of accounts ----------------------------------------------------------------------------------------------


def test_nothing_is_asked_before_an_account_is_named(question: Question) -> None:
    """Without usernames there is no request and no row."""
    asked = question(usernames=" , @")
    assert list(VIDEOS.fetch(asked)) == []
    assert asked.meter.requests == 0


def test_videos_are_the_worlds(question: Question, world: World) -> None:
    """Every public video of the accounts with five true counters and the page its description links to."""
    found, truth = told(VIDEOS, question()), alive(world)
    assert {o.object_id for o in found} == set(truth)
    assert len(found) == 5 * len(truth)
    for o in found:
        post = truth[str(o.object_id)]
        assert (o.count, o.status) == (counters_at(post, AT)[str(o.native)], Status.OBSERVED)
        assert (o.basis, o.published_at) == (Basis.POST, post.published_at)
        assert o.url == (post.url if has_link(post) else None)


def test_only_the_named_accounts_and_days_are_asked_about(question: Question, world: World) -> None:
    """Another account's videos, and those before the first day looked at, do not come."""
    rows = list(VIDEOS.fetch(question(usernames=twin.ACCOUNT, lookback_days=40)))
    since = DAY - timedelta(days=39)
    wanted = {
        i for i, p in alive(world).items() if twin.account_of(p) == twin.ACCOUNT and p.published_at.date() >= since
    }
    assert {r.subject for r in rows} == wanted
    assert wanted < set(alive(world))


def test_words_and_names_are_dropped(question: Question, world: World) -> None:
    """Descriptions and names are served and not kept."""
    asked = question(posts=known(world))
    body = {
        "query": {"and": [{"operation": "EQ", "field_name": "username", "field_values": [twin.ACCOUNT]}]},
        "start_date": "20260914",
        "end_date": "20261014",
    }
    address = f"{asked.base_url}{PATH}?fields=username,video_description"
    assert "nvented" in httpx.post(address, json=body, headers={"Authorization": f"Bearer {TOKEN}"}).text
    kept = str(raw_table([*VIDEOS.fetch(asked), *BY_POST.fetch(asked)]).to_pydict())
    assert "nvented" not in kept
    assert TOKEN not in kept


@given(last=st.dates(date(2024, 1, 1), date(2028, 1, 1)), days=st.integers(1, 365))
def test_spans_cover_each_day_once(last: date, days: int) -> None:
    """No day is missing or twice, and no span is longer than one question may be."""
    found = list(spans(last, days))
    covered = [first + timedelta(days=n) for first, end in found for n in range((end - first).days + 1)]
    assert sorted(covered) == [last - timedelta(days=n) for n in range(days)][::-1]
    assert all((end - first).days <= WINDOW_DAYS for first, end in found)


@settings(max_examples=15, deadline=None)
@given(size=st.integers(1, 100))
def test_paging_loses_and_repeats_nothing(size: int, world: World, _sandbox: Any) -> None:
    """Whatever the page size, every video of a span comes exactly once."""
    base = f"{_sandbox[0]}/{{day}}/{NAME}"
    made = CONNECTOR.settings(_env_file=None, base_url=base, token=f"clt.{size}", requests_per_second=1e6)  # type: ignore[call-arg]
    condition = {"operation": "IN", "field_name": "username", "field_values": [twin.ACCOUNT, twin.OTHER]}
    days = [p.published_at.date() for p in world.posts(NAME)]
    first = max(days, key=lambda day: sum(day <= other <= day + timedelta(days=WINDOW_DAYS) for other in days))
    last = first + timedelta(days=WINDOW_DAYS)
    with _research(Ask(made, last, day_noon(last))) as api:
        found = [i for i, _ in query(api, condition, first, last, "id", size)]
    there = {i: p for i, p in videos(world, NAME).items() if p.exists_at(day_noon(last))}
    assert found == [i for i, p in there.items() if p.published_at.date() >= first]
    assert len(found) > 5


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.integers(0, 30), max_size=5), min_size=1, max_size=6))
def test_pages_may_overlap_or_be_empty(pages: list[list[int]]) -> None:
    """Deleted videos leave short and empty pages; all pages are read with cursor and search id, each video once."""

    class Paged:
        def post(self, _path: str, _fields: str, body: dict[str, Any]) -> Any:
            n = body["cursor"]
            assert body.get("search_id") == ("s1" if n else None)
            more = {"cursor": n + 1, "has_more": n + 1 < len(pages), "search_id": "s1"}
            return {"videos": [{"id": i} for i in pages[n]], **more}

    found = [i for i, _ in query(Paged(), {}, DAY, DAY, "id")]  # type: ignore[arg-type]
    assert sorted(found) == sorted({str(i) for group in pages for i in group})


def test_what_was_read_before_a_failure_is_kept(question: Question) -> None:
    """A cursor that stands still ends in one failed row without a page; videos read before it stay."""
    with serving(page(1, has_more=True, cursor=100, search_id="7"), page(2, has_more=True, cursor=100)) as (address, _):
        rows = list(VIDEOS.fetch(question(base_url=address)))
    assert [(r.subject, r.status) for r in rows[:2]] == [("1", Status.OBSERVED), ("2", Status.OBSERVED)]
    assert [(r.subject, r.url) for r in rows[2:]] == [("account", None)]
    assert errors_of(rows) == {"BadAnswer"}


# --- known videos ----------------------------------------------------------------------------------------------------


def test_known_videos_are_refreshed(question: Question, world: World) -> None:
    """By id the same numbers come as by account; unknown ids are not found; the page is the one remembered."""
    posts = [Post(p.object_id, "https://known.example/", p.published_at) for p in known(world)]
    gone = Post(video_id(world.posts(NAME)[-1]), "https://gone.example/")
    found = told(BY_POST, question(posts=[*posts, gone]))
    by_account = {(o.object_id, o.verb): (o.count, o.published_at) for o in told(VIDEOS, question())}
    there = [o for o in found if o.url == "https://known.example/"]
    assert {(o.object_id, o.verb): (o.count, o.published_at) for o in there} == by_account
    missing = {(o.object_id, o.status, o.count) for o in found if o.url == "https://gone.example/"}
    assert missing == {(gone.object_id, Status.NOT_FOUND, None)}


def test_the_day_inside_the_id_will_do(question: Question, world: World) -> None:
    """Videos whose day nobody remembers are found by the second of publication inside their ids."""
    posts = [Post(p.object_id, p.url) for p in known(world)]
    found = told(BY_POST, question(posts=posts))
    assert {o.status for o in found} == {Status.OBSERVED}
    assert {o.object_id for o in found} == set(alive(world))


def test_a_video_without_any_day_is_failed(question: Question, world: World) -> None:
    """An id that tells no day is failed without a request; the others are read."""
    odd = Post("abc", "https://odd.example/")
    rows = list(BY_POST.fetch(question(posts=[odd, *known(world)])))
    assert [(r.subject, r.url) for r in rows if r.status is Status.FAILED] == [("abc", "https://odd.example/")]
    assert errors_of(rows) == {"BadRequest"}
    assert len(rows) == 1 + len(alive(world))


@pytest.mark.parametrize(
    ("object_id", "published_at", "day"),
    [
        ("7686492280060557073", None, date(2026, 9, 17)),
        ("7686492280060557073", datetime(2026, 9, 1, 23, 59, tzinfo=UTC), date(2026, 9, 1)),
        ("12", None, None),
        ("abc", None, None),
        ("²", None, None),
        ("9" * 40, None, None),
    ],
)
def test_the_day_of_a_video(object_id: str, published_at: datetime | None, day: date | None) -> None:
    """What is remembered first, then the id, unless it is too small or too large for one."""
    assert day_of(Post(object_id, "https://a.example/", published_at)) == day


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 5)), max_size=260))
def test_groups_fit_into_one_question(made: list[tuple[int, int]]) -> None:
    """Every post is in exactly one group; a group has at most 100 posts published within 28 days."""
    posts = [Post(f"{day}-{n}", "https://a.example/", AT - timedelta(days=day)) for day, n in made]
    groups = list(grouped(posts))
    assert sorted(p.object_id for g in groups for p in g) == sorted({p.object_id for p in posts})
    for group in groups:
        days = [d for p in group if (d := day_of(p))]
        assert len(group) <= MOST
        assert (max(days) - min(days)).days < 28
    assert len(groups) <= len({p.object_id for p in posts})


def test_groups_are_as_few_as_can_be() -> None:
    """A hundred videos of four weeks are one question, the hundred and first is another."""
    posts = [Post(str(n), "https://a.example/", AT - timedelta(days=n % 28)) for n in range(101)]
    assert [len(g) for g in grouped(posts)] == [100, 1]


def test_questions_name_the_days_around_a_group(question: Question) -> None:
    """A day more on each side, never a day to come, and never more than 30 days."""
    ages = (0, 1, 27, 28, 70)
    posts = [Post(str(n), "https://a.example/", AT - timedelta(days=n)) for n in ages]
    with serving(page()) as (address, asked):
        rows = list(BY_POST.fetch(question(base_url=address, posts=posts)))
    assert {r.status for r in rows} == {Status.NOT_FOUND}
    days = [(a["start_date"], a["end_date"]) for a in asked]
    assert days == [("20260804", "20260806"), ("20260915", "20261014"), ("20261013", "20261014")]
    assert asked[1]["query"] == {
        "and": [{"operation": "IN", "field_name": "video_id", "field_values": ["28", "27", "1"]}]
    }
    assert all(first <= last for first, last in pairwise(sorted(d for d, _ in days)))


def test_a_group_that_fails_is_explained_whole(question: Question, world: World) -> None:
    """Every video of a failed group has a row of its own with its own page, and no further group is asked about."""
    asked = question(token="spent-1", posts=known(world))
    rows = list(BY_POST.fetch(asked))
    assert {(r.subject, r.url) for r in rows} == {(p.object_id, p.url) for p in asked.posts}
    assert errors_of(rows) == {"QuotaExhausted"}
    assert asked.meter.requests == 1


def test_a_video_of_two_pages_is_asked_for_once(question: Question) -> None:
    """One video that links to two pages is one id in the question and two rows in the answer."""
    posts = [Post("5", f"https://{host}.example/", AT) for host in "ab"]
    with serving(page(5)) as (address, asked):
        rows = list(BY_POST.fetch(question(base_url=address, posts=posts)))
    assert asked[0]["query"]["and"][0]["field_values"] == ["5"]
    assert [r.url for r in rows] == ["https://a.example/", "https://b.example/"]


def test_ids_come_as_numbers_and_stay_exact(question: Question, world: World) -> None:
    """The twin's ids are numbers above 2^53; the rows hold all their digits as text."""
    odd = [i for i in alive(world) if int(float(i)) != int(i)]
    assert odd, "some id must be one that a float would change"
    assert set(odd) <= {r.subject for r in BY_POST.fetch(question(posts=known(world)))}


def test_a_renamed_counter_costs_that_verb_only(question: Question, fault: Callable[..., None]) -> None:
    """When `favorites_count` has another name, saves are failed, never zero, and the rest is as before."""
    calm = told(VIDEOS, question())
    fault(NAME, "rename:favorites_count")
    found = told(VIDEOS, question())
    assert {(o.status, o.count) for o in found if o.verb is Verb.SAVE} == {(Status.FAILED, None)}
    assert [o for o in found if o.verb is not Verb.SAVE] == [o for o in calm if o.verb is not Verb.SAVE]


@pytest.mark.parametrize("text", [None, 7, "no address", ""])
def test_videos_without_a_page(text: Any) -> None:
    """Without an address in the description there is no page."""
    assert page_of({"video_description": text}) is None


# --- tokens, quota, flakiness ----------------------------------------------------------------------------------------


def test_a_token_is_bought_with_key_and_secret(question: Question, world: World) -> None:
    """Without a ready token one is bought, and one that expires on the way is bought anew."""
    keys = {"token": None, "client_secret": "shh"}
    found = {r.subject for r in VIDEOS.fetch(question(client_key="app-2", **keys))}
    assert found == set(alive(world))
    short = question(client_key="short-lived-research", **keys)
    assert {r.subject for r in VIDEOS.fetch(short)} == set(alive(world))
    assert short.meter.requests > question(client_key="app-2", **keys).meter.requests + 6


def test_failures_for_nothing_are_asked_again(question: Question, world: World) -> None:
    """`internal_error` at every second question costs requests and loses nothing."""
    calm, flaky = question(), question(token="flaky-1")
    before = list(VIDEOS.fetch(calm))
    assert list(VIDEOS.fetch(flaky)) == before
    assert flaky.meter.requests == 2 * calm.meter.requests


def test_the_day_ends_at_midnight_utc(question: Question) -> None:
    """The allowance comes back at 00:00 UTC; the row says so."""
    error = _research(question())._limited(Answer(NAME, 429, {}, ""), "words")
    assert isinstance(error, errors.QuotaExhausted)
    assert error.resets_at == datetime(2026, 10, 15, tzinfo=UTC)
    asked = question(token="spent-2")
    rows = list(VIDEOS.fetch(asked))
    assert errors_of(rows) == {"QuotaExhausted"}
    assert asked.meter.requests == 1


def test_the_twin_counts_a_thousand_requests(question: Question) -> None:
    """The thousand and first request of a day is refused with 429."""
    asked = question(token="clt.thousand", day=date(2026, 10, 1))
    with httpx.Client(headers={"Authorization": "Bearer clt.thousand"}) as client:
        statuses = [client.post(f"{asked.base_url}{PATH}?fields=id", json=GOOD).status_code for _ in range(1001)]
    assert (set(statuses[:1000]), statuses[1000]) == ({200}, 429)


@pytest.mark.parametrize(
    ("token", "kind"),
    [("expired-9", "AuthError"), ("narrow-9", "ConfigurationError"), ("unscoped-9", "ConfigurationError")],
)
def test_refused_tokens_are_told_without_the_token(question: Question, world: World, token: str, kind: str) -> None:
    """The row says what happened, without the token, and nothing more is asked."""
    asked = question(token=token, posts=known(world))
    rows = list(BY_POST.fetch(asked))
    assert errors_of(rows) == {kind}
    assert token not in str(rows)
    assert asked.meter.requests == 1


def test_it_is_off_unless_research_was_approved(ask: Question) -> None:
    """Off by default, kept for 15 days, and what is deleted there is deleted here."""
    assert ask(CONNECTOR).settings.enabled is False
    assert (CONNECTOR.retention_days, CONNECTOR.forgets_deleted) == (15, True)


def test_what_must_be_set_is_named(ask: Question) -> None:
    """Key and secret, or a ready token alone."""
    prefix = "TALLYRANK_TIKTOK_RESEARCH_"
    assert ask(CONNECTOR).settings.missing() == (f"{prefix}CLIENT_KEY", f"{prefix}CLIENT_SECRET")
    assert ask(CONNECTOR, token=TOKEN).settings.missing() == ()


IN = {"operation": "IN", "field_name": "video_id", "field_values": ["1"]}
GOOD = {"query": {"and": [IN]}, "start_date": "20261001", "end_date": "20261014"}


@pytest.mark.parametrize(
    "change",
    [
        {"start_date": "20260913"},
        {"end_date": "20260930"},
        {"end_date": "2026-10-14"},
        {"end_date": None},
        {"max_count": 101},
        {"max_count": 0},
        {"cursor": 100, "search_id": "1"},
        {"query": {}},
        {"query": {"and": [IN | {"operation": "LIKE"}]}},
        {"query": {"and": [IN | {"field_name": "link"}]}},
        {"query": {"and": [IN | {"field_values": [1]}]}},
    ],
    ids=json.dumps,
)
def test_the_twin_refuses_what_the_service_refuses(question: Question, change: dict[str, Any]) -> None:
    """More than 30 days, days the wrong way round, too many videos, a wrong search id, an unknown condition: 400."""
    address = f"{question().base_url}{PATH}?fields=id"
    sent = {"Authorization": f"Bearer {TOKEN}"}
    assert httpx.post(address, json=GOOD, headers=sent).status_code == 200
    answer = httpx.post(address, json=GOOD | change, headers=sent)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_params")
    assert httpx.post(address.partition("?")[0], json=GOOD, headers=sent).status_code == 400
