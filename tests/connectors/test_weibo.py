"""Weibo against its twin: totals by short link, the account's timeline, counters by id, and two tables of errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from connectors import errors
from connectors.base import Ask, Post, Stream, parse_all
from connectors.http import Answer
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb, day_noon, raw_table
from connectors.sandbox import weibo as twin
from connectors.sandbox.server import build_app, running
from connectors.sandbox.world import World, WorldPost
from connectors.votes.weibo import CONNECTOR, FIELDS, Settings, timeline, weibo_error

BY_URL, TIMELINE, BY_POST = (CONNECTOR.stream(name) for name in ("by_url", "timeline", "by_post"))
AT = datetime(2026, 10, 14, 12, tzinfo=UTC)
TOKEN = "2.00invented"
SOME = "https://www.alder.example/a"
TRUE_NAMES = {Verb.SHARE: "reposts", Verb.COMMENT: "comments", Verb.LIKE: "attitudes", Verb.VIEW: "reads"}
Question = Callable[..., Ask]


def told(stream: Stream, question: Ask) -> list[Observation]:
    """Fetch and parse."""
    return [o for o in parse_all(CONNECTOR, stream, list(stream.fetch(question))) if isinstance(o, Observation)]


def about(payload: Any, stream: Stream = BY_POST, status: Status = Status.OBSERVED) -> dict[Verb, Observation]:
    """Readings of one hand-written row."""
    return {o.verb: o for o in stream.parse([Raw("813", AT, status, SOME, payload)])}


def posts_at(world: World) -> dict[str, WorldPost]:
    """The posts there are, by id."""
    return {p.object_id: p for p in world.posts("weibo") if p.exists_at(AT)}


def known(world: World) -> list[Post]:
    """Every post there ever is, as one remembers it."""
    return [Post(p.object_id, p.url, p.published_at) for p in world.posts("weibo")]


def errors_in(rows: list[Raw]) -> list[str]:
    """The classes of failed rows."""
    return [(r.error or "").partition(":")[0] for r in rows if r.status is Status.FAILED]


def answers(bodies: dict[str, Any]) -> Any:
    """A service with one fixed answer for each path's end."""

    async def respond(request: Request) -> JSONResponse:
        return JSONResponse(next(body for end, body in bodies.items() if request.url.path.endswith(end)))

    return running(Starlette(routes=[Route("/{path:path}", respond)]))


# --- totals by address -----------------------------------------------------------------------------------------------


def test_totals_are_the_worlds(ask: Question, world: World) -> None:
    """Posts with an address and comments on them, counts as text, at least that many; an unknown address has 0."""
    urls = [*dict.fromkeys(p.url for p in world.posts("weibo")), SOME]
    question = ask(CONNECTOR, urls=urls, token=TOKEN)
    found = told(BY_URL, question)
    assert [(o.url, o.verb) for o in found] == [(u, v) for u in urls for v in (Verb.SHARE, Verb.COMMENT)]
    for o in found:
        assert o.count == twin.totals(world, str(o.url), AT)[str(o.native)]
        assert (o.basis, o.quality, o.object_id) == (Basis.PAGE, Quality.LOWER_BOUND, None)
    assert {o.count for o in found if o.url == SOME} == {0}
    assert sum(o.count or 0 for o in found) > 0
    assert question.meter.requests == 3 * -(-len(urls) // 20)


def test_spellings_have_totals_of_their_own(ask: Question, world: World) -> None:
    """http and https, with and without a slash: each address has its own number."""
    page = next(p for p in world.pages if len(world.posts_of("weibo", p, AT)) > 1)
    spellings = [page.url, page.url + "/", page.url.replace("https", "http")]
    counts = [o.count for o in told(BY_URL, ask(CONNECTOR, urls=spellings, token=TOKEN)) if o.verb is Verb.SHARE]
    assert counts == [twin.totals(world, s, AT)["share_counts"] for s in spellings]
    assert len(set(counts)) > 1


@pytest.mark.parametrize("size", [1, 7, 20])
def test_links_go_together(ask: Question, world: World, size: int) -> None:
    """As many addresses per question as allowed, the same numbers whatever the size."""
    urls = [p.url for p in world.pages]
    question = ask(CONNECTOR, urls=urls, token=TOKEN, links_per_request=size)
    assert told(BY_URL, question) == told(BY_URL, ask(CONNECTOR, urls=urls, token=TOKEN))
    assert question.meter.requests == 3 * -(-len(urls) // size)


def test_what_cannot_be_shortened_fails_alone(ask: Question, world: World) -> None:
    """An entry without a result is a failed row in words; its neighbours are read."""
    rows = list(BY_URL.fetch(ask(CONNECTOR, urls=["mailto:a@b.example", world.pages[0].url], token=TOKEN)))
    assert [r.status for r in rows] == [Status.FAILED, Status.OBSERVED]
    assert rows[0].error == "BadRequest: Weibo made no short link of this address"


@pytest.mark.parametrize("result", [False, "false", None])
def test_results_may_be_text(ask: Question, result: Any) -> None:
    """`result` is true, or "true" as text; everything else is no link."""
    entry = {"url_long": SOME, "url_short": "http://t.cn/x", "type": 0}
    counts = {"urls": [{"url_short": "http://t.cn/x", "share_counts": "12", "comment_counts": "3"}]}
    for value, expected in ((result, [None, None]), (True, [12, 3]), ("true", [12, 3])):
        bodies = {"shorten.json": {"urls": [entry | {"result": value}]}, "counts.json": counts}
        with answers(bodies) as host:
            found = told(BY_URL, ask(CONNECTOR, urls=[SOME], token=TOKEN, base_url=host))
        assert [o.count for o in found] == expected


@pytest.mark.parametrize("call", ["share", "comment"])
def test_a_renamed_total_degrades_one_verb(ask: Question, fault: Callable[..., None], world: World, call: str) -> None:
    """Without one of the totals its verb is failed, the other stays."""
    fault("weibo", f"rename:{call}_counts")
    found = told(BY_URL, ask(CONNECTOR, urls=[p.url for p in world.pages], token=TOKEN))
    assert {o.status for o in found if o.verb == call} == {Status.FAILED}
    assert {o.status for o in found if o.verb != call} == {Status.OBSERVED}


def test_a_count_that_is_no_number_is_failed() -> None:
    """Words and nothing are no count, and never 0."""
    for value in ("many", None, "", True, 1.5):
        found = about({"share_counts": value, "comment_counts": "7"}, BY_URL)
        assert (found[Verb.SHARE].status, found[Verb.SHARE].count) == (Status.FAILED, None)
        assert found[Verb.COMMENT].count == 7


# --- timeline --------------------------------------------------------------------------------------------------------


def test_the_timeline_is_the_worlds(ask: Question, world: World) -> None:
    """Every post of the account with its counters, its page and its time; views and shy likes are hidden."""
    question, truth = ask(CONNECTOR, token=TOKEN), posts_at(world)
    found = told(TIMELINE, question)
    assert {o.object_id for o in found} == set(truth)
    assert len(found) == 4 * len(truth)
    for o in found:
        post = truth[str(o.object_id)]
        is_hidden = o.verb is Verb.VIEW or (o.verb is Verb.LIKE and post.is_shy)
        expected = None if is_hidden else twin.counters(post, AT)[TRUE_NAMES[o.verb]]
        assert (o.count, o.status) == (expected, Status.HIDDEN if is_hidden else Status.OBSERVED)
        assert o.url == (post.url if twin.has_link(post) else None)
        assert (o.published_at, o.basis, o.quality) == (post.published_at, Basis.POST, Quality.EXACT)
    assert {o.url is None for o in found} == {True, False}
    assert any(p.is_shy for p in truth.values())


def test_business_calls_tell_views(ask: Question, world: World) -> None:
    """The business interface names likes otherwise and adds reads, in timeline and by id alike."""
    truth = posts_at(world)
    for stream, posts in ((TIMELINE, []), (BY_POST, [p for p in known(world) if p.object_id in truth])):
        found = told(stream, ask(CONNECTOR, posts=posts, token=TOKEN, business=True))
        views = {o.object_id: o.count for o in found if o.verb is Verb.VIEW}
        assert views == {i: twin.counters(p, AT)["reads"] for i, p in truth.items()}
        likes = {o.object_id: o.count for o in found if o.verb is Verb.LIKE}
        assert likes == {i: None if p.is_shy else twin.counters(p, AT)["attitudes"] for i, p in truth.items()}


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ({}, "https://api.weibo.com/2"),
        ({"business": True}, "https://c.api.weibo.com/2"),
        ({"business": True, "base_url": "http://a.example/{day}/"}, "http://a.example/2026-10-14"),
        ({"business": True, "business_url": "http://b.example/{day}"}, "http://b.example/2026-10-14"),
    ],
)
def test_business_has_an_address_of_its_own(settings: dict[str, Any], address: str) -> None:
    """Unless it is named or the main address was changed."""
    assert Settings(**{"_env_file": None} | settings).posts_url_for(date(2026, 10, 14)) == address


def test_links_that_cannot_be_read_leave_posts_without_a_page(ask: Question) -> None:
    """When short links are not expanded, counters stay, pages are unknown, and a failed row says so."""
    post = {"idstr": "1", "text": "a http://t.cn/x b", "reposts_count": 3}
    bodies: dict[str, Any] = {
        "user_timeline.json": {"statuses": [post], "total_number": 1},
        "expand.json": {"nothing": 1},
    }
    with answers(bodies) as host:
        rows = list(TIMELINE.fetch(ask(CONNECTOR, token=TOKEN, base_url=host)))
    assert sorted((r.subject, r.status, r.url) for r in rows) == [
        ("1", Status.OBSERVED, None),
        ("links", Status.FAILED, None),
    ]
    assert errors_in(rows) == ["BadAnswer"]


def test_a_long_link_needs_no_question(ask: Question) -> None:
    """A text with an address that is not short is not asked about."""
    post = {"id": 7, "text": f"看看{SOME}。", "reposts_count": 3}
    with answers({"user_timeline.json": {"statuses": [post], "total_number": 1}}) as host:
        question = ask(CONNECTOR, token=TOKEN, base_url=host)
        [row] = TIMELINE.fetch(question)
    assert (row.subject, row.url, question.meter.requests) == ("7", SOME, 1)


@given(st.data())
def test_paging_loses_and_repeats_nothing(data: st.DataObject) -> None:
    """Any posts, some of them left out of their page, some seen twice: each that is served comes once."""
    size, most = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 8))
    posts = [{"idstr": str(n)} for n in data.draw(st.lists(st.integers(0, 25), max_size=30))]
    is_ours = data.draw(st.lists(st.booleans(), min_size=len(posts), max_size=len(posts)))
    has_total = data.draw(st.booleans())
    asked: list[int] = []

    def page_at(page: int) -> dict[str, Any]:
        asked.append(page)
        window = slice((page - 1) * size, page * size)
        served = [p for p, ours in zip(posts[window], is_ours[window], strict=True) if ours or not has_total]
        return {"statuses": served, **({"total_number": len(posts)} if has_total else {})}

    found = [p["idstr"] for page in timeline(page_at, size, most) for p in page]
    reached = list(zip(posts, is_ours, strict=True))[: size * most]
    assert found == list(dict.fromkeys(p["idstr"] for p, ours in reached if ours or not has_total))
    full_pages = -(-len(posts) // size)
    assert len(asked) == min(max(full_pages, 1) if has_total else full_pages + 1, most)


@pytest.mark.parametrize("body", [[], {}, {"statuses": None}, {"statuses": [{}]}, {"statuses": ["x"]}], ids=json.dumps)
def test_pages_without_posts_in_them_are_failed(ask: Question, body: Any) -> None:
    """Another shape or a post without an id: one failed row without a page."""
    with answers({"user_timeline.json": body}) as host:
        rows = list(TIMELINE.fetch(ask(CONNECTOR, token=TOKEN, base_url=host)))
    assert [(r.url, r.status) for r in rows] == [(None, Status.FAILED)]
    assert errors_in(rows) == ["BadAnswer"]


def test_what_was_read_before_a_failure_is_kept(ask: Question) -> None:
    """A second page that is refused ends in one failed row after the posts of the first."""

    async def pages(request: Request) -> JSONResponse:
        if request.query_params["page"] == "2":
            return JSONResponse({"error": "Insufficient app permissions", "error_code": "10014"}, 403)
        return JSONResponse({"statuses": [{"idstr": "1", "text": "", "reposts_count": 0}], "total_number": 101})

    with running(Starlette(routes=[Route("/statuses/user_timeline.json", pages)])) as host:
        rows = list(TIMELINE.fetch(ask(CONNECTOR, token=TOKEN, base_url=host)))
    assert [(r.subject, r.status) for r in rows] == [("1", Status.OBSERVED), ("timeline", Status.FAILED)]
    assert errors_in(rows) == ["NotPermitted"]


# --- by post ---------------------------------------------------------------------------------------------------------


def test_counts_by_id_are_the_worlds(ask: Question, world: World) -> None:
    """Known posts have the world's counters, as text; those not there (yet, any more) are not found."""
    question = ask(CONNECTOR, posts=known(world), token=TOKEN)
    found = {(o.object_id, o.verb): o for o in told(BY_POST, question)}
    assert len(found) == 4 * len(world.posts("weibo"))
    for post in world.posts("weibo"):
        for verb, name in TRUE_NAMES.items():
            o = found[post.object_id, verb]
            if not post.exists_at(AT):
                assert (o.status, o.count) == (Status.NOT_FOUND, None)
            elif verb is Verb.VIEW or (verb is Verb.LIKE and post.is_shy):
                assert (o.status, o.count) == (Status.HIDDEN, None)
            else:
                assert o.count == twin.counters(post, AT)[name]
            assert (o.url, o.published_at) == (post.url, post.published_at)


def test_deleted_posts_are_not_found() -> None:
    """A post that was deleted is left out of the answer, and not found from that day on."""
    world = World(seed=3, keywords=12)
    post = next(p for p in world.posts("weibo") if p.deleted_day)
    assert post.deleted_day
    known: dict[str, Any] = {"_env_file": None, "token": TOKEN, "requests_per_second": 1e6}
    with running(build_app(world)) as address:
        settings = Settings(**known, base_url=f"{address}/{{day}}/weibo")
        days = [post.deleted_day - timedelta(days=1), post.deleted_day]
        asks = [Ask(settings, d, day_noon(d), posts=[Post(post.object_id, post.url)]) for d in days]
        found = [{o.status for o in told(BY_POST, a) if o.verb is Verb.SHARE} for a in asks]
    assert found == [{Status.OBSERVED}, {Status.NOT_FOUND}]


def test_both_streams_agree(ask: Question, world: World) -> None:
    """A post has the same numbers listed or asked by id."""
    listed = {(o.object_id, o.verb): (o.count, o.status) for o in told(TIMELINE, ask(CONNECTOR, token=TOKEN))}
    by_id = told(BY_POST, ask(CONNECTOR, posts=known(world), token=TOKEN))
    assert listed.items() <= {(o.object_id, o.verb): (o.count, o.status) for o in by_id}.items()


@pytest.mark.parametrize(("number", "requests"), [(1, 1), (100, 1), (101, 2)])
def test_a_hundred_in_a_request(ask: Question, number: int, requests: int) -> None:
    """100 posts go into one request; unknown ones are rows that say so."""
    question = ask(CONNECTOR, posts=[Post(str(n + 1), SOME) for n in range(number)], token=TOKEN)
    rows = list(BY_POST.fetch(question))
    assert {r.status for r in rows} == {Status.NOT_FOUND}
    assert (len(rows), question.meter.requests) == (number, requests)


@pytest.mark.parametrize("body", [{}, {"counts": []}, [{}], ["x"], [{"comments": 1}]], ids=json.dumps)
def test_counts_of_another_shape_are_failed(ask: Question, body: Any) -> None:
    """A list of counters with ids, or nothing is believed: an empty object is not "all deleted"."""
    with answers({"count.json": body}) as host:
        rows = list(BY_POST.fetch(ask(CONNECTOR, posts=[Post("1", SOME)], token=TOKEN, base_url=host)))
    assert errors_in(rows) == ["BadAnswer"]


@pytest.mark.parametrize("field", ["comments", "reposts"])
def test_a_renamed_counter_degrades_one_verb(
    ask: Question, fault: Callable[..., None], world: World, field: str
) -> None:
    """Without one counter its verb has no number; the others stay."""
    posts = [p for p in known(world) if p.object_id in posts_at(world)]
    before = told(BY_POST, ask(CONNECTOR, posts=posts, token=TOKEN))
    fault("weibo", f"rename:{field}")
    after = told(BY_POST, ask(CONNECTOR, posts=posts, token=TOKEN))
    changed = {old.verb for old, new in zip(before, after, strict=True) if old.count != new.count}
    assert [TRUE_NAMES[v] for v in changed] == [field]


@pytest.mark.parametrize(
    ("payload", "status"),
    [
        ({"reposts": "0", "comments": "", "created_at": "x"}, Status.HIDDEN),
        ({"reposts_count": 0}, Status.HIDDEN),
        ({"created_at": "Tue May 31 17:46:55 +0800 2011"}, Status.FAILED),
        (None, Status.FAILED),
        ([], Status.FAILED),
    ],
)
def test_missing_counters_are_no_zeros(payload: Any, status: Status) -> None:
    """One missing counter is hidden; a post without any is failed; a 0 that was told is a 0."""
    found = about(payload)
    assert (found[Verb.COMMENT].status, found[Verb.COMMENT].count) == (status, None)
    assert found[Verb.SHARE].count == (0 if status is Status.HIDDEN else None)


@pytest.mark.parametrize("name", [n for names in FIELDS.values() for n in names])
@pytest.mark.parametrize("value", [16, "16"])
def test_counters_have_several_names_and_types(name: str, value: Any) -> None:
    """Whatever it is called there, a number is a number, also as text, and says its name."""
    found = about({name: value})
    [o] = [o for o in found.values() if o.count is not None]
    assert (o.count, o.native) == (16, name)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("Tue May 31 17:46:55 +0800 2011", datetime(2011, 5, 31, 9, 46, 55, tzinfo=UTC)),
        ("2011-05-31", None),
        (5, None),
        (None, None),
    ],
)
def test_times_are_read(text: Any, at: datetime | None) -> None:
    """Weibo's own form; anything else is unknown."""
    assert about({"created_at": text, "reposts": 1})[Verb.SHARE].published_at == at


def test_nothing_of_people_is_kept(ask: Question, world: World) -> None:
    """Users and texts are served and not stored, nor is the token."""
    question = ask(CONNECTOR, posts=known(world), urls=[p.url for p in world.pages], token=TOKEN)
    served = httpx.get(f"{question.base_url}/statuses/user_timeline.json", params={"access_token": TOKEN}).text
    assert "somebody_invented" in served
    kept = str([raw_table(list(stream.fetch(question))).to_pydict() for stream in CONNECTOR.streams])
    assert not [word for word in ("nvented", "看看", "1404376560") if word in kept]


# --- refusals --------------------------------------------------------------------------------------------------------


def refusal(code: Any, words: str = "words", status: int = 403) -> Answer:
    """Weibo's envelope of errors."""
    return Answer("weibo", status, {}, json.dumps({"error": words, "error_code": code, "request": "/2/x.json"}))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refusal(21327, "expired_token"), errors.AuthError),
        (refusal("21327", "expired_token", 400), errors.AuthError),
        (refusal(21332, "invalid_access_token", 200), errors.AuthError),
        (refusal(21315, "token_expired"), errors.AuthError),
        (refusal(10014, "Insufficient app permissions"), errors.NotPermitted),
        (refusal(10004, "IP limit"), errors.NotPermitted),
        (refusal(10004, "Rate limit"), errors.QuotaExhausted),
        (refusal(10006, "Source paramter (appkey) is missing"), errors.ConfigurationError),
        (refusal(21321, "Applications over the unaudited use restrictions!"), errors.ConfigurationError),
        (refusal(10022, "IP requests out of rate limit!"), errors.QuotaExhausted),
        (refusal(10023, "User requests out of rate limit!"), errors.QuotaExhausted),
        (refusal("10024", "User requests for (x) out of rate limit!", 200), errors.QuotaExhausted),
        (refusal(10024), errors.QuotaExhausted),
        (refusal(10023, "Too many pending tasks,system is busy"), errors.Unavailable),
        (refusal(10024, "Job expired"), errors.Unavailable),
        (refusal(10001, "System error"), errors.Unavailable),
        (refusal(20101, "target weibo does not exist!", 400), errors.Gone),
        (refusal(10008, "Param error, see doc for more info", 400), errors.BadRequest),
        (refusal(29999, "unheard of", 200), errors.BadRequest),
        (refusal(29999, "unheard of", 403), errors.NotPermitted),
        (Answer("weibo", 429, {"retry-after": "9"}, ""), errors.RateLimited),
        (Answer("weibo", 403, {}, "<html>"), errors.NotPermitted),
        (Answer("weibo", 502, {}, "<html>"), errors.Unavailable),
    ],
)
def test_each_refusal_has_its_class(answer: Answer, kind: type[errors.SourceError]) -> None:
    """Words decide before codes where the two tables disagree; codes may be text; the HTTP status comes last."""
    assert type(weibo_error(answer)) is kind


@pytest.mark.parametrize("text", ["[]", "{}", '{"urls": []}', '{"error_code": 0}', "<html>", '{"error_code": "x"}'])
def test_good_answers_are_no_errors(text: str) -> None:
    """Without a code there is no error."""
    assert weibo_error(Answer("weibo", 200, {}, text)) is None


def test_the_quota_begins_anew_on_the_hour() -> None:
    """No header tells it; the hour does."""
    error = weibo_error(
        refusal(10023, "User requests out of rate limit!"), now=datetime(2026, 10, 14, 23, 59, tzinfo=UTC)
    )
    assert isinstance(error, errors.QuotaExhausted)
    assert error.resets_at == datetime(2026, 10, 15, tzinfo=UTC)


@pytest.mark.parametrize("stream", CONNECTOR.streams, ids=lambda s: s.name)
@pytest.mark.parametrize(
    ("token", "kind"),
    [
        ("expired-1", "AuthError"),
        ("forged-1", "AuthError"),
        ("unreviewed-1", "ConfigurationError"),
        ("spent-1", "QuotaExhausted"),
        ("quiet-1", "QuotaExhausted"),
    ],
)
def test_a_refused_account_is_asked_once(ask: Question, stream: Stream, token: str, kind: str) -> None:
    """Every row says what happened, without the token, and no further question is put."""
    urls = [f"{SOME}{n}" for n in range(50)]
    question = ask(CONNECTOR, urls=urls, posts=[Post(str(n), SOME) for n in range(250)], token=token)
    rows = list(stream.fetch(question))
    assert set(errors_in(rows)) == {kind}
    assert len(errors_in(rows)) == len(rows)
    assert token not in str(rows)
    assert question.meter.requests == 1


def test_a_missing_right_is_told_per_question(ask: Question) -> None:
    """10014 concerns this call; another may still be allowed."""
    rows = list(BY_POST.fetch(ask(CONNECTOR, posts=[Post("1", SOME)], token="narrow-1")))
    assert errors_in(rows) == ["NotPermitted"]


def test_the_token_is_not_repeated() -> None:
    """Words of a 200 lose the token too."""
    error = weibo_error(refusal(21332, f"invalid {TOKEN}", 200), (TOKEN,))
    assert error
    assert TOKEN not in error.message


def test_busy_is_asked_again(ask: Question, world: World) -> None:
    """The older table's 10023 means a busy system: tried again, with the same result."""
    question = ask(CONNECTOR, token="busy-1")
    assert told(TIMELINE, question) == told(TIMELINE, ask(CONNECTOR, token=TOKEN))
    again = ask(CONNECTOR, token=TOKEN)
    list(TIMELINE.fetch(again))
    assert question.meter.requests == again.meter.requests + 1


def test_the_hours_allowance_ends_the_questions(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the allowance the rest fails in words, what was read before stays, and nothing more is asked."""
    monkeypatch.setattr(twin, "REQUESTS_PER_HOUR", 3)
    with running(build_app(world)) as address:
        base = f"{address}/{{day}}/weibo"
        known: dict[str, Any] = {"_env_file": None, "base_url": base, "token": TOKEN, "requests_per_second": 1e6}
        settings = Settings(**known)
        question = Ask(settings, AT.date(), AT, urls=[p.url for p in world.pages])
        rows = list(BY_URL.fetch(question))
    assert [r.status for r in rows] == [Status.OBSERVED] * 20 + [Status.FAILED] * (len(world.pages) - 20)
    assert set(errors_in(rows)) == {"QuotaExhausted"}
    assert question.meter.requests == 4


# --- the twin --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "params", "code"),
    [
        ("short_url/shorten.json", [("url_long", f"{SOME}{n}") for n in range(21)], 10008),
        ("short_url/shorten.json", [], 10008),
        ("short_url/other.json", [("url_short", "http://t.cn/x")], 10020),
        ("statuses/count.json", [("ids", ",".join(map(str, range(101))))], 10008),
        ("statuses/count.json", [("ids", "")], 10008),
        ("statuses/show.json", [("id", "5")], 20101),
        ("statuses/user_timeline.json", [("count", "x")], 10008),
    ],
)
def test_the_twin_refuses_what_weibo_refuses(
    ask: Question, path: str, params: list[tuple[str, str]], code: int
) -> None:
    """Too many links or posts, unknown calls and posts: a code and an HTTP error."""
    base = ask(CONNECTOR, token=TOKEN).base_url
    answer = httpx.get(f"{base}/{path}", params=httpx.QueryParams((("access_token", TOKEN), *params)))
    assert answer.status_code >= 400
    assert answer.json()["error_code"] == code
    assert httpx.get(f"{base}/{path}", params=httpx.QueryParams(tuple(params))).json()["error_code"] == 10006


def test_the_twin_tells_one_post(ask: Question, world: World) -> None:
    """`show` gives a status with numbers and Weibo's own form of time."""
    post = next(p for p in posts_at(world).values() if not p.is_shy)
    base = ask(CONNECTOR, token=TOKEN).base_url
    body = httpx.get(f"{base}/statuses/show.json", params={"access_token": TOKEN, "id": post.object_id}).json()
    counts = twin.counters(post, AT)
    assert (body["id"], body["reposts_count"]) == (int(post.object_id), counts["reposts"])
    assert body["created_at"].endswith(f"+0800 {(post.published_at + timedelta(hours=8)).year}")
