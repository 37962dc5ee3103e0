"""WeChat against its twin: tokens, figures by day of publishing, links of articles, and wechatpy on the twin."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from requests.adapters import HTTPAdapter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from wechatpy import WeChatClient
from wechatpy.exceptions import APILimitedException, WeChatClientException

from connectors import errors
from connectors.base import Ask, parse_all
from connectors.http import Answer
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb, raw_table
from connectors.sandbox import wechat as twin
from connectors.sandbox.server import running
from connectors.sandbox.world import World, WorldPost
from connectors.votes.wechat import CONNECTOR, FIELDS, NEW, OLD, days_of, msgid_of, project, published, wechat_error

ARTICLES = CONNECTOR.stream("articles")
AT = datetime(2026, 10, 14, 12, tzinfo=UTC)
YESTERDAY = date(2026, 10, 13)
DAYS = [date(2026, 7, 14), date(2026, 9, 1), AT.date()]
SECRET = "0f0f-secret"
KEYS = {"app_id": "wx0f0f", "app_secret": SECRET}
Question = Callable[..., Ask]


def told(question: Ask) -> list[Observation]:
    """Fetch and parse."""
    return [o for o in parse_all(CONNECTOR, ARTICLES, list(ARTICLES.fetch(question))) if isinstance(o, Observation)]


def failures(question: Ask) -> list[tuple[str, str]]:
    """Subject and class of every failed row."""
    rows = list(ARTICLES.fetch(question))
    return [(r.subject, (r.error or "").partition(":")[0]) for r in rows if r.status is Status.FAILED]


def about(payload: Any) -> dict[Verb, Observation]:
    """Readings of one hand-written row."""
    return {o.verb: o for o in ARTICLES.parse([Raw("2247_1", AT, url="https://a.example/", payload=payload)])}


def listed(world: World, day: date, span: int = 30, moment: datetime | None = None) -> dict[str, WorldPost]:
    """The articles that figures hold on a day: published on one of the `span` Beijing days before it."""
    now = moment or datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    posts = [p for p in world.posts("wechat") if p.exists_at(now)]
    return {twin.msgid(p): p for p in posts if 1 <= (day - twin.publish_day(p)).days <= span}


def answers(**bodies: Any) -> Any:
    """A service with one fixed answer per question; a token is always given."""

    async def respond(request: Request) -> JSONResponse:
        name = request.url.path.rsplit("/", 1)[1]
        empty: dict[str, Any] = {"item": [], "total_count": 0} if name == "batchget" else {"list": []}
        token = {"access_token": "t", "expires_in": 7200}
        return JSONResponse(bodies.get(name, token if name == "stable_token" else empty))

    return running(Starlette(routes=[Route("/{path:path}", respond, methods=["POST"])]))


# --- figures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("day", DAYS)
def test_articles_are_the_worlds(ask: Question, world: World, day: date) -> None:
    """Every article of the last 30 days of publishing has the counts of yesterday, Beijing time."""
    question, truth = ask(CONNECTOR, day=day, **KEYS), listed(world, day)
    found = told(question)
    assert {o.object_id for o in found} == set(truth) != set()
    for o in found:
        post = truth[str(o.object_id)]
        counts = twin.figures(post, day - timedelta(days=1))
        names = FIELDS[NEW].get(o.verb)
        if names is None:
            assert (o.verb, o.status, o.count) == (Verb.CLICK, Status.UNSUPPORTED, None)
        elif post.is_shy:
            assert (o.status, o.count) == (Status.HIDDEN, None)
        else:
            assert (o.count, o.native) == (sum(counts[n] for n in names), " + ".join(names))
        assert (o.basis, o.quality, o.platform) == (Basis.POST, Quality.EXACT, "wechat")


def test_both_kinds_of_like_are_added(world: World) -> None:
    """A thumb and a 'wow' are two fields and one verb; one of them alone is no count."""
    day = {"stat_date": "2026-10-13", "like_user": 19, "zaikan_user": 6}
    assert about({"figures": NEW, "newest": day})[Verb.LIKE].count == 25
    half = about({"figures": NEW, "newest": {**day, "zaikan_user": None, "read_user": 8}})
    assert (half[Verb.LIKE].status, half[Verb.LIKE].count) == (Status.FAILED, None)
    assert half[Verb.VIEW].count == 8


def test_the_day_of_publishing_is_noon_in_beijing(ask: Question, world: World) -> None:
    """Only the day is told; noon there is 4 o'clock UTC of the same date."""
    truth = listed(world, AT.date())
    for o in told(ask(CONNECTOR, **KEYS)):
        day = twin.publish_day(truth[str(o.object_id)])
        assert o.published_at == datetime(day.year, day.month, day.day, 4, tzinfo=UTC)


def test_the_newest_day_is_read_in_any_order() -> None:
    """The days of an article may come in any order; the latest one counts."""
    days = [{"stat_date": f"2026-10-{d}", "read_user": n} for d, n in (("11", 5), ("13", 9), ("12", 7))]
    article = {"msgid": "1_1", "ref_date": "2026-10-11", "detail_list": days}
    assert about(project(article, NEW))[Verb.VIEW].count == 9


@pytest.mark.parametrize(
    ("article", "status"),
    [
        ({"detail_list": []}, Status.HIDDEN),
        ({"detail_list": None}, Status.FAILED),
        ({"detail_list_v2": [{"read_user": 4}]}, Status.FAILED),
        ({"detail_list": [{"stat_date": "2026-10-13"}]}, Status.FAILED),
    ],
    ids=str,
)
def test_an_article_without_figures_has_no_count(article: dict[str, Any], status: Status) -> None:
    """Too few readers is hidden; a list or a counter that is gone is failed."""
    found = about(project({"msgid": "1_1", **article}, NEW))
    assert {(o.status, o.count) for v, o in found.items() if v is not Verb.CLICK} == {(status, None)}


def test_one_renamed_counter_degrades_one_verb(ask: Question, fault: Callable[..., None]) -> None:
    """Without `comment_count` comments are failed; the others stay as they were."""
    before = told(ask(CONNECTOR, **KEYS))
    fault("wechat", "rename:comment_count")
    after = told(ask(CONNECTOR, **KEYS))
    changed = {old.verb for old, new in zip(before, after, strict=True) if old != new}
    assert changed == {Verb.COMMENT}
    assert {o.status for o in after if o.verb is Verb.COMMENT} <= {Status.FAILED, Status.HIDDEN}


def test_one_request_per_day_of_publishing(ask: Question, world: World) -> None:
    """Thirty days, one token, and a page of links for every 20 published articles."""
    published_ones = [p for p in world.posts("wechat") if p.exists_at(AT) and not twin.is_mass_sent(p)]
    question = ask(CONNECTOR, **KEYS)
    list(ARTICLES.fetch(question))
    assert question.meter.requests == 30 + 1 + -(-len(published_ones) // 20)
    short = ask(CONNECTOR, days_back=3, source_links=False, **KEYS)
    assert {o.object_id for o in told(short)} == set(listed(world, AT.date(), 3))
    assert short.meter.requests == 3 + 1


def test_days_are_beijings(ask: Question) -> None:
    """Late in the UTC evening it is tomorrow in Beijing; days before the figures began are not asked."""
    question = ask(CONNECTOR, days_back=2, **KEYS)
    late = Ask(question.settings, AT.date(), AT.replace(hour=17))
    assert days_of(question) == [YESTERDAY, date(2026, 10, 12)]
    assert days_of(late) == [AT.date(), YESTERDAY]
    early = Ask(ask(CONNECTOR, **KEYS).settings, date(2025, 11, 3), datetime(2025, 11, 3, 12, tzinfo=UTC))
    assert days_of(early) == [date(2025, 11, 2), date(2025, 11, 1)]


def test_older_figures_are_counts_of_readings(ask: Question, world: World) -> None:
    """The older question holds mass-sent articles for a week: other words, with clicks, without likes and comments."""
    day = DAYS[1]
    question = ask(CONNECTOR, day=day, figures=OLD, **KEYS)
    truth = {i: p for i, p in listed(world, day, 7).items() if twin.is_mass_sent(p)}
    found = told(question)
    assert {o.object_id for o in found} == set(truth) != set()
    for o in found:
        post, names = truth[str(o.object_id)], FIELDS[OLD].get(o.verb)
        if names is None:
            assert (o.verb in (Verb.LIKE, Verb.COMMENT), o.status) == (True, Status.UNSUPPORTED)
        elif not post.is_shy:
            counts = twin.older_figures(post, day - timedelta(days=1))
            assert (o.count, o.native) == (counts[names[0]], names[0])
    assert question.meter.requests == 7 + 1 + question_pages(world, day)


def question_pages(world: World, day: date) -> int:
    """Pages of the list of published articles on a day."""
    now = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    return -(-len([p for p in world.posts("wechat") if p.exists_at(now) and not twin.is_mass_sent(p)]) // 20)


# --- links -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bodies", [False, True])
def test_articles_stand_for_the_page_they_link_to(ask: Question, world: World, bodies: bool) -> None:
    """The link behind "read the original"; mass-sent articles and those without a link stand for themselves."""
    for day in DAYS:
        truth = listed(world, day)
        for o in told(ask(CONNECTOR, day=day, link_bodies=bodies, **KEYS)):
            post = truth[str(o.object_id)]
            assert o.url == (post.url if twin.has_source(post) else twin.article_address(post))
    kinds = {twin.has_source(p) for day in DAYS for p in listed(world, day).values()}
    assert kinds == {True, False}


@pytest.mark.parametrize("settings", [{"source_links": False}, {"app_id": "listless"}], ids=str)
def test_links_may_be_left_alone(ask: Question, world: World, settings: dict[str, Any]) -> None:
    """Switched off, or not allowed to the account, every article stands for its own address and nothing fails."""
    question = ask(CONNECTOR, **KEYS | settings)
    assert failures(question) == []
    own = {i: twin.article_address(p) for i, p in listed(world, AT.date()).items()}
    assert {o.object_id: o.url for o in told(question)} == own


def test_without_links_today_counts_have_no_page(ask: Question, world: World) -> None:
    """A list of links that fails leaves counts without a page (not with another one) and a row that says why."""
    with answers(batchget={"item": [{"content": {}}], "total_count": 1}, getarticletotaldetail=one_article()) as host:
        rows = list(ARTICLES.fetch(ask(CONNECTOR, base_url=host, days_back=1, **KEYS)))
    assert [(r.subject, r.url, r.status) for r in rows] == [
        ("links", None, Status.FAILED),
        ("2247_1", None, Status.OBSERVED),
    ]
    assert "TALLYRANK_WECHAT_LINK_BODIES" in (rows[0].error or "")
    assert {o.count for o in parse_all(CONNECTOR, ARTICLES, rows[1:]) if o.verb is Verb.VIEW} == {8}  # type: ignore[union-attr]


def one_article() -> dict[str, Any]:
    """Figures of one article, written from the contract."""
    day = {"stat_date": "2026-10-13", "read_user": 8, "share_user": 2, "like_user": 1, "zaikan_user": 0}
    own = "https://mp.weixin.qq.com/s?__biz=x&mid=2247&idx=1&sn=y"
    return {"list": [{"msgid": "2247_1", "ref_date": "2026-10-13", "content_url": own, "detail_list": [day]}]}


@pytest.mark.parametrize(
    ("address", "msgid"),
    [
        ("https://mp.weixin.qq.com/s?__biz=MzA5&mid=2247483700&idx=2&sn=0f", "2247483700_2"),
        ("http://mp.weixin.qq.com/s?idx=1&mid=5#wechat_redirect", "5_1"),
        ("https://mp.weixin.qq.com/s/Ab3dEf", None),
        ("https://mp.weixin.qq.com/s?mid=5", None),
        (None, None),
        (7, None),
    ],
)
def test_the_id_stands_in_the_address(address: Any, msgid: str | None) -> None:
    """`mid` and `idx` make the id; the short form hides both."""
    assert msgid_of(address) == msgid


@given(total=st.integers(0, 130), per_page=st.integers(1, 20), most=st.integers(1, 9), data=st.data())
def test_paging_loses_and_repeats_nothing(total: int, per_page: int, most: int, data: st.DataObject) -> None:
    """Any number of items of any number of articles, any page size: each comes once, up to the cap on pages."""
    sizes = data.draw(st.lists(st.integers(1, 3), min_size=total, max_size=total))
    items = [[{"n": f"{i}.{k}"} for k in range(size)] for i, size in enumerate(sizes)]
    asked: list[int] = []

    def page_at(offset: int) -> dict[str, Any]:
        asked.append(offset)
        page = items[offset : offset + per_page]
        return {"total_count": total, "item_count": len(page), "item": [{"content": {"news_item": i}} for i in page]}

    found = [article["n"] for article in published(page_at, most)]
    assert found == [a["n"] for item in items[: per_page * most] for a in item]
    assert len(asked) == min(max(-(-total // per_page), 1), most)


def test_a_list_that_ends_early_ends(ask: Question) -> None:
    """An empty page ends the list, however many items were announced."""
    pages = iter(
        [{"total_count": 99, "item": [{"content": {"news_item": [{"n": 1}]}}]}, {"total_count": 99, "item": []}]
    )
    assert list(published(lambda _: next(pages), 10)) == [{"n": 1}]


# --- people ----------------------------------------------------------------------------------------------------------


def test_nothing_of_people_is_kept(ask: Question, world: World) -> None:
    """Titles, authors, texts and scenes are served and not stored, nor is the secret or a token."""
    question = ask(CONNECTOR, **KEYS)
    rows = list(ARTICLES.fetch(question))
    served = client(question).post("https://api.weixin.qq.com/datacube/" + NEW, data=span(day_with_articles(world)))
    assert "Somebody Invented" in json.dumps(served)
    kept = str(raw_table(rows).to_pydict())
    assert not [word for word in ("nvented", SECRET, "twin.wx0f0f", "scene") if word in kept]
    assert {key for r in rows for key in r.payload} == {"ref_date", "figures", "newest"}


# --- refusals --------------------------------------------------------------------------------------------------------


def refusal(code: int, message: str = "words rid: 1") -> Answer:
    """WeChat's envelope of errors."""
    return Answer("wechat", 200, {}, json.dumps({"errcode": code, "errmsg": message}))


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (-1, errors.Unavailable),
        (40001, errors.AuthError),
        (40014, errors.AuthError),
        (41001, errors.AuthError),
        (42001, errors.AuthError),
        (40013, errors.AuthError),
        (40125, errors.AuthError),
        (40164, errors.ConfigurationError),
        (47009, errors.ConfigurationError),
        (45009, errors.QuotaExhausted),
        (45011, errors.RateLimited),
        (48001, errors.NotPermitted),
        (53600, errors.Gone),
        (61500, errors.BadRequest),
        (61501, errors.BadRequest),
        (99999, errors.BadRequest),
    ],
)
def test_each_code_has_its_class(code: int, kind: type[errors.SourceError]) -> None:
    """Errors come as HTTP 200; the code decides, and stands in the words."""
    error = wechat_error(refusal(code))
    assert type(error) is kind
    assert str(code) in error.message


@pytest.mark.parametrize(
    "text", ['{"list": []}', '{"errcode": 0, "errmsg": "ok"}', "[]", "<html>", '{"errcode": null}']
)
def test_good_answers_are_no_errors(text: str) -> None:
    """No code, or 0, is a good answer; what is no JSON is for the reader of the body to refuse."""
    assert wechat_error(Answer("wechat", 200, {}, text)) is None


def test_the_quota_begins_anew_at_midnight_in_beijing() -> None:
    """16:00 UTC is midnight there."""
    error = wechat_error(refusal(45009), now=datetime(2026, 10, 14, 17, tzinfo=UTC))
    assert isinstance(error, errors.QuotaExhausted)
    assert error.resets_at == datetime(2026, 10, 15, 16, tzinfo=UTC)


def test_the_secret_is_not_repeated() -> None:
    """Words of the service lose the secret."""
    error = wechat_error(refusal(40125, f"invalid appsecret {SECRET}"), (SECRET,))
    assert error
    assert SECRET not in error.message


@pytest.mark.parametrize(
    ("keys", "kind", "words"),
    [
        ({"app_id": "nobody"}, "AuthError", "TALLYRANK_WECHAT_APP_ID"),
        ({"app_secret": "wrong"}, "AuthError", "TALLYRANK_WECHAT_APP_SECRET"),
        ({"app_id": "elsewhere"}, "ConfigurationError", "203.0.113.7"),
        ({"app_id": "useless"}, "AuthError", "invalid credential"),
    ],
)
def test_refused_apps_are_told_once(ask: Question, keys: dict[str, str], kind: str, words: str) -> None:
    """One failed row says what to mend, and nothing more is asked."""
    question = ask(CONNECTOR, **KEYS | keys)
    rows = list(ARTICLES.fetch(question))
    assert [(r.status, (r.error or "").partition(":")[0], r.url) for r in rows] == [(Status.FAILED, kind, None)]
    assert words in (rows[0].error or "")
    assert not [told for told in (SECRET, "twin.") if told in str(rows)]
    assert question.meter.requests <= 4


def test_an_expired_token_is_renewed(ask: Question, world: World) -> None:
    """Tokens that work three times are renewed as often as needed, and nothing is lost."""
    question = ask(CONNECTOR, **KEYS | {"app_id": "short-lived"})
    assert told(question) == told(ask(CONNECTOR, **KEYS))
    questions = 30 + question_pages(world, AT.date())
    renewals = -(-questions // 3)
    assert question.meter.requests == questions + renewals + (renewals - 1)  # tokens, and questions asked twice


def test_a_quota_used_up_keeps_what_was_read(ask: Question) -> None:
    """After 45009 no further day is asked; the days before it stay."""
    question = ask(CONNECTOR, **KEYS | {"app_id": "spent", "source_links": False})
    rows = list(ARTICLES.fetch(question))
    failed = [r for r in rows if r.status is Status.FAILED]
    assert question.meter.requests == 1 + 3
    assert len(failed) == 28
    assert {(r.error or "").partition(":")[0] for r in failed} == {"QuotaExhausted"}
    assert "UTC" in (failed[0].error or "")


def test_an_account_that_may_not_read_is_asked_once(ask: Question) -> None:
    """48001 concerns every day alike."""
    question = ask(CONNECTOR, **KEYS | {"app_id": "unverified", "source_links": False})
    assert {kind for _, kind in failures(question)} == {"NotPermitted"}
    assert question.meter.requests == 2


def test_figures_that_are_late_are_no_zeros(ask: Question) -> None:
    """`is_delay` fails the days; after three of them the rest is not asked."""
    question = ask(CONNECTOR, **KEYS | {"app_id": "late", "source_links": False})
    rows = list(ARTICLES.fetch(question))
    assert len(rows) == 30
    assert {r.url for r in rows} == {None}
    assert all("not ready yet" in (r.error or "") for r in rows)
    assert {o.count for o in parse_all(CONNECTOR, ARTICLES, rows) if isinstance(o, Observation)} == {None}
    assert question.meter.requests == 1 + 3


def test_a_late_answer_with_numbers_is_not_believed(ask: Question) -> None:
    """Numbers beside `is_delay: true` are not kept."""
    with answers(getarticletotaldetail=one_article() | {"is_delay": True}) as host:
        assert failures(ask(CONNECTOR, base_url=host, days_back=1, **KEYS)) == [("2026-10-13", "Unavailable")]


@pytest.mark.parametrize("body", [[], {}, {"list": None}, {"list": [{}]}, {"list": ["x"]}, 7], ids=json.dumps)
def test_other_shapes_are_failed_days(ask: Question, body: Any) -> None:
    """Without a list of articles with ids the day is failed."""
    with answers(getarticletotaldetail=body) as host:
        assert failures(ask(CONNECTOR, base_url=host, days_back=1, **KEYS)) == [("2026-10-13", "BadAnswer")]


def test_a_day_that_fails_leaves_the_others(ask: Question, fault: Callable[..., None], world: World) -> None:
    """One bad answer is one failed day."""
    keys = {**KEYS, "source_links": False}
    before = list(ARTICLES.fetch(ask(CONNECTOR, **keys)))
    day = max(twin.publish_day(p) for p in listed(world, AT.date()).values())
    lost = {twin.msgid(p) for p in listed(world, AT.date()).values() if twin.publish_day(p) == day}

    async def relay(request: Request) -> JSONResponse:
        body = await request.body()
        if day.isoformat().encode() in body:
            return JSONResponse({"errcode": 61500, "errmsg": "date format error"})
        target = f"{ask(CONNECTOR, **KEYS).base_url}{request.url.path}?{request.url.query}"
        return JSONResponse(httpx.post(target, content=body).json())

    with running(Starlette(routes=[Route("/{path:path}", relay, methods=["POST"])])) as host:
        rows = list(ARTICLES.fetch(ask(CONNECTOR, base_url=host, **keys)))
    assert [r for r in rows if r.status is not Status.FAILED] == [r for r in before if r.subject not in lost]
    assert [r.subject for r in rows if r.status is Status.FAILED] == [day.isoformat()]


def test_a_token_that_does_not_come_is_said(ask: Question) -> None:
    """An answer without `access_token` is a bad answer, not a crash."""
    with answers(stable_token={"expires_in": 7200}) as host:
        found = failures(ask(CONNECTOR, base_url=host, days_back=1, source_links=False, **KEYS))
    assert found == [("2026-10-13", "BadAnswer")]


@pytest.mark.parametrize("payload", [{"figures": "other"}, {"figures": NEW}, {"newest": {"read_user": 0}}])
def test_rows_that_cannot_be_read_are_failed(payload: Any) -> None:
    """A stored row of another shape has no count for any verb."""
    found = about(payload)
    assert {o.count for o in found.values()} == {None}
    assert found[Verb.VIEW].status is Status.FAILED


def test_deleted_articles_are_not_listed(ask: Question, world: World) -> None:
    """An article that was deleted is not read any more."""
    gone = [p for p in world.posts("wechat") if p.deleted_day]
    assert gone
    for post in gone:
        assert post.deleted_day
        found = {o.object_id for o in told(ask(CONNECTOR, day=post.deleted_day, **KEYS))}
        assert twin.msgid(post) not in found


# --- wechatpy, a client of others, on the twin -----------------------------------------------------------------------


class ToTwin(HTTPAdapter):
    """Carries what is meant for api.weixin.qq.com to the twin; the client knows nothing of it."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = base

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """The same request, elsewhere."""
        parts = urlsplit(str(request.url))
        request.url = f"{self.base}{parts.path}?{parts.query}"
        return super().send(request, *args, **kwargs)


def client(question: Ask, app: str = "wx0f0f", secret: str = SECRET) -> Any:
    """wechatpy as it is, on the twin."""
    made = WeChatClient(app, secret)
    made._http.mount("https://api.weixin.qq.com", ToTwin(question.base_url))
    return made


def span(day: date) -> dict[str, str]:
    """One day, as figures are asked for."""
    return {"begin_date": day.isoformat(), "end_date": day.isoformat()}


def day_with_articles(world: World) -> date:
    """A day of publishing that has figures on the day of the tests."""
    return max(twin.publish_day(p) for p in listed(world, AT.date()).values() if not p.is_shy)


def test_wechatpy_reads_the_twin(ask: Question, world: World) -> None:
    """Its token, its call for totals, and a call of the new figures give what the connector reads."""
    question = ask(CONNECTOR, day=DAYS[1], **KEYS)
    wechatpy, yesterday = client(question), DAYS[1] - timedelta(days=1)
    for figures, days in ((OLD, 7), (NEW, 30)):
        ours = {
            r.subject: r.payload["newest"] for r in ARTICLES.fetch(ask(CONNECTOR, day=DAYS[1], figures=figures, **KEYS))
        }
        theirs: dict[str, Any] = {}
        for n in range(days):
            day = yesterday - timedelta(days=n)
            if figures == OLD:
                found = wechatpy.datacube.get_article_total(day, day)
            else:
                found = wechatpy.post(f"https://api.weixin.qq.com/datacube/{NEW}", data=span(day))["list"]
            theirs |= {a["msgid"]: a["details" if figures == OLD else "detail_list"] for a in found}
        assert ours
        assert ours.keys() == theirs.keys()
        for name, newest in ours.items():
            last = max(theirs[name], key=lambda d: str(d["stat_date"]), default=None)
            assert newest == (last and {k: last[k] for k in newest})


@pytest.mark.parametrize(
    ("app", "secret", "code"), [("nobody", SECRET, 40013), ("wx0f0f", "wrong", 40125), ("elsewhere", SECRET, 40164)]
)
def test_wechatpy_sees_refused_apps(ask: Question, app: str, secret: str, code: int) -> None:
    """The codes of refused credentials reach the client as its own exception."""
    with pytest.raises(WeChatClientException) as caught:
        client(ask(CONNECTOR, **KEYS), app, secret).datacube.get_article_total(YESTERDAY, YESTERDAY)
    assert caught.value.errcode == code


def test_wechatpy_renews_and_meets_limits(ask: Question) -> None:
    """42001 makes it fetch another token, 45009 is its limit exception, 61501 and 48001 are told by code."""
    question = ask(CONNECTOR, day=date(2026, 10, 20), **KEYS)
    yesterday = date(2026, 10, 19)
    renewing = client(question, "short-lived")
    assert [renewing.datacube.get_article_total(yesterday, yesterday) for _ in range(5)] == [[]] * 5
    spent = client(question, "spent")
    with pytest.raises(APILimitedException):
        for _ in range(3):
            spent.datacube.get_article_total(yesterday, yesterday)
    for app, first, code in (
        ("wx0f0f", YESTERDAY, 61501),
        ("wx0f0f", date(2014, 1, 1), 61501),
        ("unverified", yesterday, 48001),
    ):
        with pytest.raises(WeChatClientException) as caught:
            client(question, app).datacube.get_article_total(first, yesterday)
        assert caught.value.errcode == code
    for first, last in ((date(2026, 10, 20), date(2026, 10, 20)), (date(2014, 1, 1), date(2014, 1, 1))):
        with pytest.raises(WeChatClientException) as caught:
            client(question).datacube.get_article_total(first, last)
        assert caught.value.errcode == 61500


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/cgi-bin/stable_token", b"no json", 40002),
        ("/cgi-bin/stable_token", b'{"grant_type": "client_credential"}', 41002),
        ("/cgi-bin/freepublish/batchget", b'{"offset": 0, "count": 21}', 40097),
        ("/cgi-bin/freepublish/batchget", b'{"offset": 0, "count": 0}', 40097),
        ("/datacube/getarticlesummary", b"{}", 47009),
        (f"/datacube/{NEW}", b"[]", 61500),
        (f"/datacube/{NEW}?access_token=", b"{}", 41001),
        (f"/datacube/{NEW}?access_token=forged", b"{}", 40001),
    ],
)
def test_the_twin_refuses_what_wechat_refuses(ask: Question, path: str, body: bytes, code: int) -> None:
    """Always HTTP 200, always a code."""
    path = path if "access_token" in path else f"{path}?access_token=twin.wx0f0f.0"
    answer = httpx.post(ask(CONNECTOR, **KEYS).base_url + path, content=body)
    assert (answer.status_code, answer.json()["errcode"]) == (200, code)
