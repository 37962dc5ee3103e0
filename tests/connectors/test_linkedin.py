"""LinkedIn against its twin: posts of a page and of a person, their counters, reactions by kind, and every refusal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import linkedin_api.common.constants as linkedin_constants
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from linkedin_api.clients.restli.client import RestliClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from connectors import errors
from connectors.base import Ask, Post, Stream, parse_all
from connectors.http import Answer, Http
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb, raw_table
from connectors.sandbox import linkedin as twin
from connectors.sandbox.server import running
from connectors.sandbox.world import World, WorldPost
from connectors.votes.linkedin import (
    CONNECTOR,
    METRICS,
    NAME,
    REACTIONS,
    by_kind,
    linkedin_error,
    metric_type,
    page_of,
    post_pages,
    project,
    total_of,
    urn_list,
)

POSTS, BY_POST, BY_REACTION = (CONNECTOR.stream(name) for name in ("posts", "by_post", "by_reaction"))
AT = datetime(2026, 10, 14, 12, tzinfo=UTC)
TOKEN = "AQV-0f0f"
Question = Callable[..., Ask]
Handler = Callable[[str], Any]


@pytest.fixture
def question(ask: Question) -> Question:
    """A question with the page's token and URN."""
    return lambda **more: ask(CONNECTOR, **{"token": TOKEN, "authors": twin.ORGANIZATION} | more)


def told(stream: Stream, question: Ask) -> list[Observation]:
    """Fetch and parse."""
    return [o for o in parse_all(CONNECTOR, stream, list(stream.fetch(question))) if isinstance(o, Observation)]


def owned(world: World, author: str = twin.ORGANIZATION, at: datetime = AT) -> dict[str, WorldPost]:
    """The posts of an author that exist at a moment, by URN."""
    return {twin.urn_of(p): p for p in world.posts(NAME) if twin.author_of(p) == author and p.exists_at(at)}


def known(world: World, author: str = twin.ORGANIZATION) -> list[Post]:
    """The same as known posts."""
    return [Post(urn, post.url, post.published_at) for urn, post in owned(world, author).items()]


def about(payload: Any, at: datetime = AT) -> dict[Verb, Observation]:
    """Readings of one hand-written post."""
    row = Raw("urn:li:share:1", at, url="https://a.example/", payload=payload)
    return {o.verb: o for o in POSTS.parse([row])}


def errors_of(rows: list[Raw]) -> set[str]:
    """The classes of error in some rows."""
    return {(r.error or "").partition(":")[0] for r in rows if r.status is Status.FAILED}


@contextmanager
def serving(**handlers: Handler) -> Iterator[str]:
    """A hand-written host: each path answers what its handler makes of the raw query; (status, body) is a refusal."""

    def endpoint(handler: Handler) -> Any:
        async def answer(request: Request) -> JSONResponse:
            made = handler(request.scope["query_string"].decode())
            return JSONResponse(made[1], made[0]) if isinstance(made, tuple) else JSONResponse(made)

        return answer

    with running(Starlette(routes=[Route(f"/{path}", endpoint(made)) for path, made in handlers.items()])) as address:
        yield address


# --- posts of a page -------------------------------------------------------------------------------------------------


def test_posts_are_the_worlds(question: Question, world: World) -> None:
    """Every post of the page with five true counters; a post without activity has true zeros; saves are unsupported."""
    found, truth = told(POSTS, question()), owned(world)
    assert {o.object_id for o in found} == set(truth)
    assert len(found) == 6 * len(truth)
    for o in found:
        post = truth[str(o.object_id)]
        expected = None if o.verb is Verb.SAVE else twin.counts_at(post, AT)[str(o.native)]
        assert (o.count, o.status) == (expected, Status.UNSUPPORTED if expected is None else Status.OBSERVED)
        assert (o.basis, o.quality, o.published_at) == (Basis.POST, Quality.EXACT, post.published_at)
    assert {o.count for o in found if twin.is_quiet(truth[str(o.object_id)])} == {0, None}


def test_the_page_is_the_card_or_the_first_link(question: Question, world: World) -> None:
    """The link card's address, else the first one in the text without its escapes, else none."""
    truth = owned(world)
    for row in POSTS.fetch(question()):
        post = truth[row.subject]
        assert row.url == (post.url if twin.has_link(post) else None)
    assert any(not twin.has_link(p) for p in truth.values())


@pytest.mark.parametrize(
    ("element", "page"),
    [
        ({"content": {"article": {"source": "https://a.example/"}}, "commentary": "https://b.example/"}, "https://a.example/"),
        ({"commentary": r"look https://a.example/b\_c\(d\) now"}, "https://a.example/b_c(d)"),
        ({"commentary": "two https://a.example/1 https://a.example/2"}, "https://a.example/1"),
        ({"commentary": None, "content": {"media": {"id": "urn:li:image:1"}}}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_pages_of_hand_written_posts(element: dict[str, Any], page: str | None) -> None:
    """Card before text; `_` and brackets are escaped by LinkedIn; media have no page."""
    assert page_of(element) == page


def test_words_of_people_are_dropped(question: Question, world: World) -> None:
    """Texts, titles and authors are served and not kept."""
    asked = question(posts=known(world), reactions=True)
    headers = {"Authorization": f"Bearer {TOKEN}", "LinkedIn-Version": "202606", "X-Restli-Protocol-Version": "2.0.0"}
    author = twin.ORGANIZATION.replace(":", "%3A")
    served = httpx.get(f"{asked.base_url}/posts?q=author&author={author}&count=100", headers=headers).text
    assert "nvented" in served
    kept = str(raw_table([*POSTS.fetch(asked), *BY_POST.fetch(asked), *BY_REACTION.fetch(asked)]).to_pydict())
    assert "nvented" not in kept
    assert TOKEN not in kept
    assert "organization:" not in kept


@settings(max_examples=15, deadline=None)
@given(size=st.integers(1, 100))
def test_paging_loses_and_repeats_nothing(size: int, world: World, _sandbox: Any) -> None:
    """Whatever the page size, every post comes exactly once."""
    made = CONNECTOR.settings(_env_file=None, base_url=f"{_sandbox[0]}/{{day}}/linkedin", requests_per_second=1e6)  # type: ignore[call-arg]
    headers = {"Authorization": f"Bearer {TOKEN}", "LinkedIn-Version": "202606", "X-Restli-Protocol-Version": "2.0.0"}
    with Http(NAME, Ask(made, AT.date(), AT), headers=headers) as http:
        found = [p.object_id for page in post_pages(http, twin.ORGANIZATION, size) for p in page]
    assert found == list(reversed(owned(world)))


@settings(max_examples=25, deadline=None)
@given(total=st.integers(0, 30), size=st.integers(1, 7), shift=st.integers(0, 3))
def test_posts_that_move_while_paging_come_once(total: int, size: int, shift: int) -> None:
    """Posts changed meanwhile push others onto the next page: none is taken twice, none of the old ones is lost."""
    asked: list[int] = []

    class Moving:
        def get(self, path: str, **_: Any) -> Answer:
            start = int(path.partition("&start=")[2].partition("&")[0])
            asked.append(start)
            pushed = shift * (len(asked) - 1) if size > shift else 0  # each look finds `shift` newer posts in front
            names = [f"n{i}" for i in range(pushed)][::-1] + [str(i) for i in range(total)]
            return Answer(NAME, 200, {}, json.dumps({"elements": [{"id": i} for i in names[start : start + size]]}))

    found = [p.object_id for page in post_pages(Moving(), twin.ORGANIZATION, size) for p in page]  # type: ignore[arg-type]
    assert len(found) == len(set(found))
    assert {i for i in found if i.isdigit()} == {str(i) for i in range(total)}


def test_a_list_that_stands_still_ends(question: Question) -> None:
    """A host that ignores `start` gives one failed row after what was read, and no endless loop."""
    page = {"elements": [{"id": f"urn:li:share:{i}"} for i in range(100)]}
    with serving(posts=lambda _: page, organizationalEntityShareStatistics=lambda _: {"elements": []}) as address:
        rows = list(POSTS.fetch(question(base_url=address)))
    assert len([r for r in rows if r.status is Status.OBSERVED]) == 100
    assert [(r.subject, r.url, (r.error or "").partition(":")[0]) for r in rows[100:]] == [
        ("account", None, "BadAnswer")
    ]


def test_drafts_are_no_posts(question: Question) -> None:
    """A post that is not published is not counted."""
    page = {"elements": [{"id": "urn:li:share:1", "lifecycleState": "DRAFT"}, {"id": "urn:li:share:2"}]}
    with serving(posts=lambda _: page, organizationalEntityShareStatistics=lambda _: {"elements": []}) as address:
        rows = list(POSTS.fetch(question(base_url=address)))
    assert [r.subject for r in rows] == ["urn:li:share:2"]


@pytest.mark.parametrize("body", [{}, [], {"elements": None}, {"elements": ["x"]}, {"elements": [{}]}], ids=json.dumps)
def test_pages_of_another_shape_are_failed(question: Question, body: Any) -> None:
    """Without a list of posts with ids there is one failed row."""
    with serving(posts=lambda _: body) as address:
        rows = list(POSTS.fetch(question(base_url=address)))
    assert errors_of(rows) == {"BadAnswer"}
    assert len(rows) == 1


def test_several_authors_fail_apart(question: Question, world: World) -> None:
    """A page that we do not manage is one failed row; the other page's posts are read."""
    rows = list(POSTS.fetch(question(authors=f"urn:li:organization:9, {twin.ORGANIZATION}")))
    assert [r.subject for r in rows if r.status is Status.FAILED] == ["account"]
    assert errors_of(rows) == {"NotPermitted"}
    assert len(rows) == 1 + len(owned(world))


def test_an_author_must_be_a_urn(question: Question) -> None:
    """A name instead of a URN is a setting to mend, without any request."""
    asked = question(authors="Acme Kettles")
    rows = list(POSTS.fetch(asked))
    assert errors_of(rows) == {"ConfigurationError"}
    assert asked.meter.requests == 0


# --- what is left out ------------------------------------------------------------------------------------------------


def listed(*ids: str, published: datetime | None = AT - timedelta(days=3)) -> dict[str, Any]:
    """A page of posts, hand-written."""
    at = {} if published is None else {"publishedAt": int(published.timestamp() * 1000)}
    return {"elements": [{"id": i, "author": twin.ORGANIZATION, **at} for i in ids]}


@pytest.mark.parametrize(
    ("published", "status", "count"),
    [
        (AT - timedelta(days=3), Status.OBSERVED, 0),
        (AT - timedelta(days=364), Status.OBSERVED, 0),
        (AT - timedelta(days=366), Status.HIDDEN, None),
        (None, Status.HIDDEN, None),
    ],
)
def test_left_out_is_zero_inside_the_window_only(
    question: Question, published: datetime | None, status: Status, count: int | None
) -> None:
    """Statistics reach back 12 months: a young post that is left out has true zeros, an old one is unknown."""
    page = listed("urn:li:share:1", published=published)
    with serving(posts=lambda _: page, organizationalEntityShareStatistics=lambda _: {"elements": []}) as address:
        found = told(POSTS, question(base_url=address))
    assert {(o.status, o.count) for o in found if o.verb is not Verb.SAVE} == {(status, count)}


def test_old_posts_have_at_least_what_is_told(question: Question, world: World) -> None:
    """A year later the numbers are those of the last 12 months, marked as lower bounds, and never zeros."""
    day = date(2027, 8, 1)
    at = datetime(2027, 8, 1, 12, tzinfo=UTC)
    found = told(POSTS, question(day=day, version="202706"))
    old = [o for o in found if o.verb is Verb.VIEW and o.published_at and at - o.published_at > timedelta(days=365)]
    assert old
    for o in old:
        told_now = twin.counts_at(owned(world, at=at)[str(o.object_id)], at)["impressionCount"]
        expected = (told_now, Quality.LOWER_BOUND) if told_now else (None, Quality.EXACT)
        assert (o.count, o.quality if o.count else Quality.EXACT) == expected
    assert {o.quality for o in found if o not in old and o.count} == {Quality.EXACT, Quality.LOWER_BOUND}


def test_counters_without_their_post_are_unreadable(question: Question) -> None:
    """If `share` had another name, posts would seem left out and thus zero: the answer is refused instead."""
    body = {"elements": [{"share_v2": "urn:li:share:1", "totalShareStatistics": {"likeCount": 5}}]}
    with serving(
        posts=lambda _: listed("urn:li:share:1"), organizationalEntityShareStatistics=lambda _: body
    ) as address:
        rows = list(POSTS.fetch(question(base_url=address)))
    assert errors_of(rows) == {"BadAnswer"}
    assert {o.count for o in parse_all(CONNECTOR, POSTS, rows) if isinstance(o, Observation)} == {None}


def test_a_renamed_counter_costs_that_verb_only(question: Question, fault: Callable[..., None]) -> None:
    """When `likeCount` has another name, likes are failed and the rest is as before."""
    calm = told(POSTS, question())
    fault(NAME, "rename:likeCount")
    found = told(POSTS, question())
    lost = {o.object_id for o in calm if o.verb is Verb.LIKE and o.count}
    assert {o.status for o in found if o.verb is Verb.LIKE and o.object_id in lost} == {Status.FAILED}
    assert [o for o in found if o.verb is not Verb.LIKE] == [o for o in calm if o.verb is not Verb.LIKE]


def test_a_renamed_object_of_counters_is_no_zero(question: Question, fault: Callable[..., None]) -> None:
    """When `totalShareStatistics` has another name, posts with activity are failed."""
    calm = {o.object_id for o in told(POSTS, question()) if o.count}
    fault(NAME, "rename:totalShareStatistics")
    found = [o for o in told(POSTS, question()) if o.object_id in calm and o.verb is not Verb.SAVE]
    assert {(o.status, o.count) for o in found} == {(Status.FAILED, None)}


@pytest.mark.parametrize("value", [-1, None, "many", True, 1.5])
def test_odd_numbers_are_no_counts(value: Any) -> None:
    """Withdrawn likes may be negative in a slice; that, and anything that is no whole number, is failed."""
    made = about({"kind": "organization", "statistics": {"likeCount": value, "commentCount": 2}})
    assert (made[Verb.LIKE].status, made[Verb.COMMENT].count) == (Status.FAILED, 2)


def test_only_counters_are_kept() -> None:
    """Unknown keys and rates are dropped; what did not come stays away."""
    assert project({"likeCount": 3, "engagement": 0.1, "zz": {}}) == {"likeCount": 3}
    assert project(None) is None


# --- known posts -----------------------------------------------------------------------------------------------------


def test_known_posts_are_refreshed_fifty_at_a_time(question: Question, world: World) -> None:
    """Two requests for 50 posts; the same numbers as in the list; the page is the one remembered."""
    posts = [Post(p.object_id, "https://known.example/", None) for p in known(world)][:49]
    gone = Post("urn:li:share:404", "https://gone.example/")
    asked = question(posts=[*posts, gone])
    found = told(BY_POST, asked)
    assert asked.meter.requests == 2
    calm = {(o.object_id, o.verb): (o.count, o.published_at) for o in told(POSTS, question())}
    there = [o for o in found if o.object_id != gone.object_id]
    assert all((o.count, o.published_at) == calm[o.object_id, o.verb] for o in there)
    assert {o.url for o in there} == {"https://known.example/"}
    assert {(o.status, o.url) for o in found if o.object_id == gone.object_id} == {(Status.NOT_FOUND, gone.url)}


def test_a_deleted_post_is_not_found_and_not_zero(question: Question, world: World) -> None:
    """Deleted posts are left out of the statistics like quiet ones; asking whether they exist tells them apart."""
    doomed = next(p for p in world.posts(NAME) if p.deleted_day and twin.author_of(p) == twin.ORGANIZATION)
    assert doomed.deleted_day
    posts = [Post(twin.urn_of(doomed), doomed.url, doomed.published_at)]
    before = told(BY_POST, question(posts=posts, day=doomed.deleted_day - timedelta(days=1)))
    assert {o.status for o in before} == {Status.OBSERVED, Status.UNSUPPORTED}
    after = told(BY_POST, question(posts=posts, day=doomed.deleted_day))
    assert {(o.status, o.count) for o in after} == {(Status.NOT_FOUND, None)}


def test_unchecked_zeros_are_marked(question: Question, world: World) -> None:
    """Without that check a left-out post is a zero that may mean deletion, and one request does for a batch."""
    quiet = [p for p in known(world) if twin.is_quiet(owned(world)[p.object_id])][:5]
    asked = question(posts=quiet, check_posts=False)
    found = [o for o in told(BY_POST, asked) if o.verb is not Verb.SAVE]
    assert {(o.count, o.quality) for o in found} == {(0, Quality.DEFAULT_ZERO)}
    assert asked.meter.requests == 1


def test_unchecked_posts_need_one_author(question: Question, world: World) -> None:
    """With several authors nobody could say whose post it is."""
    both = f"{twin.ORGANIZATION},{twin.PERSON}"
    rows = list(BY_POST.fetch(question(posts=known(world)[:3], check_posts=False, authors=both)))
    assert errors_of(rows) == {"ConfigurationError"}


def test_errors_inside_a_good_answer_are_heard(question: Question) -> None:
    """A 200 may hold errors by post: 404 is not found, 403 and the rest are failed, the others are read."""
    ids = [f"urn:li:share:{i}" for i in range(4)]
    body = {
        "results": {ids[0]: listed(ids[0])["elements"][0]},
        "errors": {ids[1]: {"status": 404}, ids[2]: {"status": 403}, ids[3]: {"status": 500}},
    }
    counts = {"elements": [{"share": ids[0], "totalShareStatistics": {"likeCount": 7}}]}
    with serving(posts=lambda _: body, organizationalEntityShareStatistics=lambda _: counts) as address:
        posts = [Post(i, "https://a.example/") for i in ids]
        rows = {r.subject: r for r in BY_POST.fetch(question(base_url=address, posts=posts))}
    assert rows[ids[0]].payload["statistics"] == {"likeCount": 7}
    assert rows[ids[1]].status is Status.NOT_FOUND
    assert [(rows[i].error or "").partition(":")[0] for i in ids[2:]] == ["NotPermitted", "BadAnswer"]


def test_posts_without_their_author_are_failed(question: Question, world: World, fault: Callable[..., None]) -> None:
    """Nobody can say whose statistics to ask for: failed, and never zero."""
    fault(NAME, "rename:author")
    rows = list(BY_POST.fetch(question(posts=known(world)[:3])))
    assert [r.status for r in rows] == [Status.FAILED] * 3
    assert errors_of(rows) == {"BadAnswer"}


def test_one_page_lost_costs_its_posts_only(question: Question) -> None:
    """Posts of a page that we no longer manage are failed; those of our page are read."""
    ids = ["urn:li:share:1", "urn:li:share:2"]
    found = listed(*ids)["elements"]
    found[1]["author"] = "urn:li:organization:9"

    def counts(query: str) -> Any:
        if "organization%3A9" in query:
            return 403, {"status": 403, "code": "ACCESS_DENIED", "message": "no"}
        return {"elements": [{"share": ids[0], "totalShareStatistics": {"likeCount": 7}}]}

    body = {"results": dict(zip(ids, found, strict=True)), "errors": {}}
    with serving(posts=lambda _: body, organizationalEntityShareStatistics=counts) as address:
        posts = [Post(i, "https://a.example/") for i in ids]
        rows = {r.subject: r for r in BY_POST.fetch(question(base_url=address, posts=posts))}
    assert rows[ids[0]].status is Status.OBSERVED
    assert (rows[ids[1]].error or "").startswith("NotPermitted")


def test_shares_and_ugc_posts_are_asked_for_apart(question: Question) -> None:
    """Each kind of URN goes into its own list, brackets as they are and URNs percent-encoded."""
    asked: list[str] = []

    def counts(query: str) -> Any:
        asked.append(query)
        return {"elements": []}

    with serving(
        posts=lambda _: listed("urn:li:share:1", "urn:li:ugcPost:2", "urn:li:share:3"),
        organizationalEntityShareStatistics=counts,
    ) as address:
        list(POSTS.fetch(question(base_url=address)))
    expected = (
        "q=organizationalEntity&organizationalEntity=urn%3Ali%3Aorganization%3A1066"
        "&shares=List(urn%3Ali%3Ashare%3A1,urn%3Ali%3Ashare%3A3)&ugcPosts=List(urn%3Ali%3AugcPost%3A2)"
    )
    assert asked == [expected]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(min_size=1), max_size=5))
def test_lists_are_read_as_they_were_written(urns: list[str]) -> None:
    """What is put into a list comes out of the twin's reader, whatever the letters."""
    written = [u.encode("utf-8", "ignore").decode() for u in urns]
    assert twin.restli(urn_list(written)) == [u for u in written if u]


# --- posts of a person -----------------------------------------------------------------------------------------------


def test_posts_of_a_person_take_a_request_per_metric(question: Question, world: World) -> None:
    """Six true numbers per post, saves among them; an empty answer is hidden and never zero."""
    asked, truth = question(authors=twin.PERSON), owned(world, twin.PERSON)
    found = told(POSTS, asked)
    assert {o.object_id for o in found} == set(truth)
    assert asked.meter.requests == 1 + 6 * len(truth)
    for o in found:
        post = truth[str(o.object_id)]
        expected = None if twin.is_quiet(post) else twin.counts_at(post, AT)[twin.METRICS[METRICS[o.verb]]]
        assert (o.count, o.status) == (expected, Status.HIDDEN if expected is None else Status.OBSERVED)
        assert o.native == METRICS[o.verb]
    assert {o.status for o in found} == {Status.OBSERVED, Status.HIDDEN}


def test_known_posts_of_a_person_are_refreshed(question: Question, world: World) -> None:
    """By id the same numbers come as by list."""
    posts = known(world, twin.PERSON)[:4]
    listed_ = {(o.object_id, o.verb): o.count for o in told(POSTS, question(authors=twin.PERSON))}
    found = told(BY_POST, question(authors=twin.PERSON, posts=posts))
    ids = {p.object_id for p in posts}
    by_list = {key: count for key, count in listed_.items() if key[0] in ids}
    assert {(o.object_id, o.verb): o.count for o in found} == by_list


def test_an_older_version_lacks_metrics(question: Question, world: World) -> None:
    """Before 202604 saves and clicks are refused: those verbs are failed; wrapped metrics are read."""
    found = told(POSTS, question(authors=twin.PERSON, version="202603"))
    quiet = {urn for urn, post in owned(world, twin.PERSON).items() if twin.is_quiet(post)}
    new = (Verb.SAVE, Verb.CLICK)
    assert {o.status for o in found if o.verb in new} == {Status.FAILED}
    assert {o.status for o in found if o.verb not in new and o.object_id not in quiet} == {Status.OBSERVED}


def test_metrics_can_be_chosen(question: Question, world: World) -> None:
    """Fewer metrics are fewer requests; the others are unsupported."""
    asked = question(authors=twin.PERSON, member_metrics="REACTION")
    found = told(POSTS, asked)
    assert asked.meter.requests == 1 + len(owned(world, twin.PERSON))
    assert {o.status for o in found if o.verb is not Verb.LIKE} == {Status.UNSUPPORTED}


@pytest.mark.parametrize(
    ("elements", "count"),
    [
        ([{"count": 2, "metricType": "COMMENT"}], 2),
        ([{"count": 2, "metricType": {twin.WRAPPER: "COMMENT"}}], 2),
        ([{"count": 0, "metricType": "COMMENT"}], 0),
        ([], None),
        ([{"count": 2, "metricType": "REACTION"}], "failed"),
        ([{"value": 2, "metricType": "COMMENT"}], "failed"),
        ([{"count": 2, "metricType": "COMMENT"}, {"count": 3, "metricType": "COMMENT"}], "failed"),
    ],
)
def test_a_metric_is_read_in_both_forms(elements: list[dict[str, Any]], count: Any) -> None:
    """A word, or an object around it; nothing is unknown; another metric, no count or two are unreadable."""
    assert total_of(elements, "COMMENT") == count


def test_an_empty_wrapper_names_no_metric() -> None:
    """An object without a word inside is no metric."""
    assert metric_type({"metricType": {}}) is None


# --- reactions by kind -----------------------------------------------------------------------------------------------


def test_reactions_are_off_by_default(question: Question) -> None:
    """Nothing is asked unless it is switched on."""
    asked = question()
    assert list(BY_REACTION.fetch(asked)) == []
    assert asked.meter.requests == 0


def test_reactions_are_segments_without_small_cells(question: Question, world: World) -> None:
    """One segment per kind; numbers below the minimum are withheld, in what is stored too."""
    asked, truth = question(reactions=True), owned(world)
    found = told(BY_REACTION, asked)
    assert asked.meter.requests == 2
    assert {o.object_id for o in found} == set(truth)
    assert {o.segment for o in found} == {f"reaction={kind}" for kind in REACTIONS}
    for o in found:
        kind = str(o.segment).removeprefix("reaction=")
        true = twin.reactions_at(truth[str(o.object_id)], AT).get(kind, 0)
        assert (o.count, o.status) == ((true, Status.OBSERVED) if true >= 10 else (None, Status.HIDDEN))
    stored = [v for r in BY_REACTION.fetch(asked) for v in r.payload["reactions"].values()]
    assert min(v for v in stored if v != "suppressed") >= 10
    assert {o.status for o in found} == {Status.OBSERVED, Status.HIDDEN}


def test_without_a_minimum_an_absent_kind_is_zero(question: Question) -> None:
    """A kind that nobody chose is absent from the answer, which is a documented zero; an unreadable one is unknown."""
    asked = question(segment_minimum=0)
    made = by_kind(asked, {"LIKE": {"count": 22}, "PRAISE": {"total": 2}})
    assert made is not None
    assert (made["LIKE"], made["PRAISE"], made["EMPATHY"]) == (22, None, 0)
    assert by_kind(asked, None) is None


def test_reactions_without_a_summary_are_failed(question: Question, fault: Callable[..., None]) -> None:
    """When `reactionSummaries` has another name, every kind is failed and none is zero."""
    fault(NAME, "rename:reactionSummaries")
    found = told(BY_REACTION, question(reactions=True, segment_minimum=0))
    assert {(o.status, o.count) for o in found} == {(Status.FAILED, None)}


def test_a_post_without_reactions_to_read_is_said(question: Question) -> None:
    """A listed post that is missing among the reactions, or refused there, is failed: it is not gone."""
    errors_ = {"urn:li:share:2": {"status": 403}}
    with serving(
        posts=lambda _: listed("urn:li:share:1", "urn:li:share:2"),
        socialMetadata=lambda _: {"results": {}, "errors": errors_},
    ) as address:
        rows = list(BY_REACTION.fetch(question(base_url=address, reactions=True)))
    assert [(r.error or "").partition("says ")[2].partition(" ")[0] for r in rows] == ["nothing", "403"]
    assert errors_of(rows) == {"BadAnswer"}
    assert {(o.segment, o.count) for o in parse_all(CONNECTOR, BY_REACTION, rows) if isinstance(o, Observation)} == {
        ("*", None)
    }


# --- refusals --------------------------------------------------------------------------------------------------------


def refusal(status: int, **body: Any) -> Answer:
    """An error envelope, written from the contract."""
    return Answer(NAME, status, {}, json.dumps({"status": status, "message": "words", **body}))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refusal(400, code="ILLEGAL_ARGUMENT"), errors.BadRequest),
        (refusal(401, serviceErrorCode=65601), errors.AuthError),
        (Answer(NAME, 401, {}, ""), errors.AuthError),
        (refusal(403, serviceErrorCode=100, code="ACCESS_DENIED"), errors.NotPermitted),
        (refusal(404), errors.Gone),
        (refusal(422), errors.BadRequest),
        (refusal(426, code="NONEXISTENT_VERSION"), errors.ConfigurationError),
        (refusal(429, code="TOO_MANY_REQUESTS"), errors.QuotaExhausted),
        (refusal(429, serviceErrorCode=101), errors.QuotaExhausted),
        (Answer(NAME, 429, {"retry-after": "3"}, ""), errors.RateLimited),
        (refusal(500), errors.Unavailable),
        (Answer(NAME, 503, {}, "<html>"), errors.Unavailable),
    ],
)
def test_each_status_has_its_class(answer: Answer, kind: type[errors.SourceError]) -> None:
    """The HTTP status decides; `code` and `serviceErrorCode` are each optional."""
    assert type(linkedin_error(answer, AT)) is kind


def test_a_good_answer_is_no_error() -> None:
    """Below 300 nothing went wrong."""
    assert linkedin_error(Answer(NAME, 200, {}, "{}")) is None


def test_a_bare_429_waits_as_it_is_told() -> None:
    """Without the throttle's words it is a pace, and `Retry-After` is heard."""
    error = linkedin_error(Answer(NAME, 429, {"retry-after": "3"}, ""))
    assert isinstance(error, errors.RateLimited)
    assert error.retry_after == 3.0


def test_a_day_used_up_stops_until_midnight(question: Question, world: World) -> None:
    """The allowance comes back at 00:00 UTC; no second question is asked."""
    with (
        pytest.raises(errors.QuotaExhausted) as caught,
        Http(
            NAME,
            question(token="spent-1"),
            headers=HEADERS | {"Authorization": "Bearer spent-1"},
            classify=until_midnight,
        ) as http,
    ):
        http.get("/posts?q=author")
    assert caught.value.resets_at == datetime(2026, 10, 15, tzinfo=UTC)
    asked = question(token="spent-1", posts=known(world))
    rows = list(BY_POST.fetch(asked))
    assert errors_of(rows) == {"QuotaExhausted"}
    assert len(rows) == len(asked.posts)
    assert asked.meter.requests == 1


HEADERS = {"LinkedIn-Version": "202606", "X-Restli-Protocol-Version": "2.0.0"}


def until_midnight(answer: Answer) -> errors.SourceError | None:
    """The rule of a question of 2026-10-14."""
    return linkedin_error(answer, datetime(2026, 10, 15, tzinfo=UTC))


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ({"token": "expired-9"}, "AuthError"),
        ({"token": "narrow-9"}, "NotPermitted"),
        ({"version": "202401"}, "ConfigurationError"),
    ],
)
def test_refusals_are_told_without_the_token(question: Question, more: dict[str, str], kind: str) -> None:
    """The row says what happened; LinkedIn may repeat the token, we do not."""
    asked = question(**more)
    rows = list(POSTS.fetch(asked))
    assert errors_of(rows) == {kind}
    assert "-9" not in str(rows)
    assert asked.meter.requests == 1


def test_an_expired_month_names_the_setting(question: Question) -> None:
    """The message of a 426 says which setting to change."""
    rows = list(POSTS.fetch(question(version="202401")))
    assert "TALLYRANK_LINKEDIN_VERSION" in (rows[0].error or "")


def test_what_must_be_set_is_named(ask: Question) -> None:
    """Token and authors are both needed."""
    assert ask(CONNECTOR).settings.missing() == ("TALLYRANK_LINKEDIN_TOKEN", "TALLYRANK_LINKEDIN_AUTHORS")


# --- the twin, through somebody else's client ------------------------------------------------------------------------


@pytest.fixture
def client(sandbox: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """LinkedIn's own client, unmodified but for the address it asks."""
    monkeypatch.setattr(linkedin_constants, "VERSIONED_BASE_URL", f"{sandbox}/2026-10-14/linkedin")
    common = {"access_token": TOKEN, "version_string": "202606"}
    restli = RestliClient()
    return lambda method, path, **more: getattr(restli, method)(resource_path=path, **common, **more)


def test_the_official_client_reads_the_counters(client: Callable[..., Any], world: World) -> None:
    """Its finder gets the true numbers of every post, also when the list is so long that it is sent in a body."""
    wanted = {
        "shares": [u for u in owned(world) if ":share:" in u],
        "ugcPosts": [u for u in owned(world) if ":ugcPost:" in u],
    }
    strangers = [f"urn:li:share:{i}" for i in range(10**15, 10**15 + 150)]
    repeated = wanted | {"shares": wanted["shares"] + strangers}
    assert len(urn_list(repeated["shares"])) > 4000, "long enough for the client to send it in a body"
    for params in (wanted, repeated):
        query = {"organizationalEntity": twin.ORGANIZATION, **params}
        answer = client(
            "finder", "/organizationalEntityShareStatistics", finder_name="organizationalEntity", query_params=query
        )
        assert answer.status_code == 200
        found = {e.get("share", e.get("ugcPost")): e["totalShareStatistics"]["likeCount"] for e in answer.elements}
        truth = {urn: twin.counts_at(post, AT)["likeCount"] for urn, post in owned(world).items()}
        assert found == {urn: likes for urn, likes in truth.items() if likes}


def test_the_official_client_pages_and_gets_by_id(client: Callable[..., Any], world: World) -> None:
    """Its paging fields are filled, and its batch answer tells the gone from the there."""
    query = {"author": twin.ORGANIZATION, "count": 3, "start": 3}
    page = client("finder", "/posts", finder_name="author", query_params=query)
    assert (page.paging.start, page.paging.count, len(page.elements)) == (3, 3, 3)
    urns = [next(iter(owned(world))), "urn:li:share:404"]
    batch = client("batch_get", "/posts", ids=urns)
    assert (set(batch.results), batch.statuses) == ({urns[0]}, {urns[1]: 404})
    metadata = client("batch_get", "/socialMetadata", ids=urns)
    assert set(metadata.errors) == {urns[1]}


def test_the_official_client_reads_a_metric(client: Callable[..., Any], world: World) -> None:
    """A member's metric comes with its type and its post."""
    urn, post = next((u, p) for u, p in owned(world, twin.PERSON).items() if not twin.is_quiet(p))
    kind = "ugc" if ":ugcPost:" in urn else "share"
    query = {"entity": {kind: urn}, "queryType": "REACTION", "aggregation": "TOTAL"}
    answer = client("finder", "/memberCreatorPostAnalytics", finder_name="entity", query_params=query)
    likes = twin.counts_at(post, AT)["likeCount"]
    assert answer.elements == [{"count": likes, "metricType": "REACTION", "targetEntity": {kind: urn}}]


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("ids=List%28urn%3Ali%3Ashare%3A1%29", {}, 400),
        ("ids=List(urn:li:share:1)", {"X-Restli-Protocol-Version": "1.0.0"}, 400),
        ("q=author&author=urn:li:organization:1066", {}, 400),
        ("q=author&author=urn%3Ali%3Aorganization%3A9", {}, 403),
        ("q=author&author=urn%3Ali%3Aorganization%3A1066&count=101", {}, 400),
        ("ids=List(urn%3Ali%3Ashare%3A1)", {"LinkedIn-Version": "202401"}, 426),
    ],
)
def test_the_twin_refuses_what_the_service_refuses(
    question: Question, query: str, headers: dict[str, str], status: int
) -> None:
    """Encoded brackets, bare colons, the old protocol, somebody else's posts, too long a page, an expired month."""
    sent = HEADERS | {"Authorization": f"Bearer {TOKEN}"} | headers
    answer = httpx.get(f"{question().base_url}/posts?{query}", headers=sent)
    assert (answer.status_code, answer.json()["status"]) == (status, status)
