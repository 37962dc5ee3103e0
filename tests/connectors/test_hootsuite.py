"""Hootsuite against its twin: tokens of apps, profiles, posts with an open map of metrics, and two shapes of errors."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from connectors import errors
from connectors.base import Ask, parse_all
from connectors.http import Answer, Pace
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb, raw_table
from connectors.sandbox import hootsuite as twin
from connectors.sandbox.server import running
from connectors.sandbox.world import World, WorldPost
from connectors.votes.hootsuite import (
    CONNECTOR,
    NETWORKS,
    Settings,
    heed_limits,
    hootsuite_error,
    page_of,
    pages,
    profiles_of,
    project,
)

POSTS = CONNECTOR.stream("posts")
AT = datetime(2026, 10, 14, 12, tzinfo=UTC)
DAYS = [date(2026, 8, 1), AT.date(), date(2026, 12, 20)]
TOKEN = "hoot-0f0f"
APP = {"client_id": "some-app", "client_secret": "0f0f-secret", "member_id": "77"}
SOME_PROFILE = "FACEBOOKPAGE:123456"
Question = Callable[..., Ask]


def made(**settings: Any) -> Settings:
    """Settings that no environment has a part in."""
    return Settings(_env_file=None, **settings)  # type: ignore[call-arg]


NAMES = {verb: made().names(verb) for verb in CONNECTOR.verbs}


def told(asked: Ask) -> list[Observation]:
    """Fetch and parse."""
    return [o for o in parse_all(CONNECTOR, POSTS, list(POSTS.fetch(asked))) if isinstance(o, Observation)]


def about(metrics: Any, names: dict[Verb, list[str]] | None = None) -> dict[Verb, Observation]:
    """Readings of one hand-written post."""
    payload = project({"createdAt": "2026-10-05T09:00:00Z", "metrics": metrics}, names or NAMES)
    return {o.verb: o for o in POSTS.parse([Raw("facebook:1", AT, url="https://a.example/", payload=payload)])}


def failures(rows: list[Raw]) -> list[str]:
    """The classes of failed rows."""
    return [(r.error or "").partition(":")[0] for r in rows if r.status is Status.FAILED]


def posts_at(world: World, moment: datetime = AT, days: int = 60) -> dict[str, WorldPost]:
    """The posts published in the window, by our id."""
    first = moment.date() - timedelta(days)
    found = [p for p in world.posts("hootsuite") if p.exists_at(moment) and p.published_at.date() >= first]
    return {f"{NETWORKS[twin.network(p)]}:{twin.external_id(p)}": p for p in found}


def serving(*bodies: Any, status: int = 200) -> Any:
    """A service that gives these answers in turn, the last one for ever."""
    rest = list(bodies)

    async def respond(_: Request) -> JSONResponse:
        return JSONResponse(rest.pop(0) if len(rest) > 1 else rest[0], status)

    return running(Starlette(routes=[Route("/{path:path}", respond, methods=["GET", "POST"])]))


def page(*numbers: int, following: str | None = None) -> dict[str, Any]:
    """One page of posts."""
    info = {"next": {"cursor": following}} if following else {}
    return {"data": [{"externalId": str(n), "metrics": {}} for n in numbers], "metadata": {"collectionInfo": info}}


# --- posts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("day", DAYS)
def test_posts_are_the_worlds(ask: Question, world: World, day: date) -> None:
    """Every post of every network, with the network in its id; metrics that did not come are hidden, never 0."""
    moment = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    found, truth = told(ask(CONNECTOR, day=day, token=TOKEN)), posts_at(world, moment)
    assert {o.object_id for o in found} == set(truth) != set()
    assert len(found) == 6 * len(truth)
    for o in found:
        post = truth[str(o.object_id)]
        counts = twin.metrics(post, moment)
        name = next((n for n in NAMES[o.verb] if n in counts), None)
        if name is None:
            assert (o.status, o.count) == (Status.HIDDEN, None)
        else:
            assert (o.count, o.native) == (int(counts[name]), name)
        assert (o.platform, o.basis, o.quality) == (
            f"hootsuite:{o.object_id.partition(':')[0]}",
            Basis.POST,
            Quality.EXACT,
        )
        assert o.published_at == post.published_at


def test_the_world_holds_every_trap(world: World) -> None:
    """Every network, shy posts, and links in each of their places do occur on the days tested."""
    moments = [datetime(d.year, d.month, d.day, 12, tzinfo=UTC) for d in DAYS]
    posts = [p for m in moments for p in posts_at(world, m).values()]
    assert {twin.network(p) for p in posts} == set(twin.NETWORKS)
    assert {twin.linked_by(p) for p in posts} == {"links", "content", None}
    assert any(p.is_shy for p in posts)


def test_posts_stand_for_the_page_they_link_to(ask: Question, world: World) -> None:
    """The first link, else the first address in the text, else no page."""
    for day in DAYS:
        truth = posts_at(world, datetime(day.year, day.month, day.day, 12, tzinfo=UTC))
        urls = {o.object_id: o.url for o in told(ask(CONNECTOR, day=day, token=TOKEN))}
        assert urls == {i: p.url if twin.linked_by(p) else None for i, p in truth.items()}


@pytest.mark.parametrize(
    ("post", "url"),
    [
        ({"links": [{"extendedUrl": "https://a.example/"}], "content": "https://b.example/"}, "https://a.example/"),
        ({"links": [{"extendedUrl": None}, {"extendedUrl": "https://c.example/"}]}, "https://c.example/"),
        ({"links": [], "content": "Read https://b.example/x."}, "https://b.example/x"),
        ({"links": None, "content": None}, None),
        ({"links": ["x"], "content": 3, "sourceLink": "https://network.example/1"}, None),
    ],
)
def test_where_the_page_is_looked_for(post: dict[str, Any], url: str | None) -> None:
    """Links before text; the post's own address is no page that it links to."""
    assert page_of(post) == url


def test_deleted_posts_are_not_listed(ask: Question, world: World) -> None:
    """A deleted post is listed on the day before, and not from that day on."""
    gone = next(p for p in world.posts("hootsuite") if p.deleted_day)
    assert gone.deleted_day
    name = f"{NETWORKS[twin.network(gone)]}:{twin.external_id(gone)}"
    days = (gone.deleted_day - timedelta(days=1), gone.deleted_day)
    assert [name in {o.object_id for o in told(ask(CONNECTOR, day=d, token=TOKEN))} for d in days] == [True, False]


def test_profiles_are_found_or_named(ask: Question, world: World) -> None:
    """One question for the profiles and one per network; named ones need none, and the others are not read."""
    every = ask(CONNECTOR, token=TOKEN)
    list(POSTS.fetch(every))
    assert every.meter.requests == 1 + len(twin.NETWORKS)
    for network, number in twin.PROFILES.items():
        named = ask(CONNECTOR, token=TOKEN, profiles=f"{network}:{number}, {network}:{number}")
        assert {o.object_id for o in told(named)} == {
            i for i, p in posts_at(world).items() if twin.network(p) == network
        }
        assert named.meter.requests == 1


def test_ten_profiles_in_a_question(ask: Question) -> None:
    """Eleven profiles of a network take two questions; each network is asked by itself."""
    names = ",".join([*(f"THREADS:{n}" for n in range(11)), "TWITTER:5"])
    seen: list[tuple[str, int]] = []

    async def posts(request: Request) -> JSONResponse:
        ids = (await request.json())["filters"]["profileId"]["in"]
        seen.append((request.query_params["networkId"], len(ids)))
        return JSONResponse(page())

    with running(Starlette(routes=[Route("/v1/analytics/posts", posts, methods=["POST"])])) as host:
        assert list(POSTS.fetch(ask(CONNECTOR, token=TOKEN, profiles=names, base_url=host))) == []
    assert seen == [("THREADS", 10), ("THREADS", 1), ("TWITTER", 1)]


def test_what_is_asked(ask: Question) -> None:
    """Organic posts, 100 per page, of the days in the settings, with the token as bearer."""
    seen: list[Any] = []

    async def posts(request: Request) -> JSONResponse:
        seen.append((dict(request.query_params), await request.json(), request.headers["authorization"]))
        return JSONResponse(page())

    with running(Starlette(routes=[Route("/v1/analytics/posts", posts, methods=["POST"])])) as host:
        list(POSTS.fetch(ask(CONNECTOR, token=TOKEN, profiles=SOME_PROFILE, days_back=30, base_url=host)))
    timespan = {"since": "2026-09-14", "until": "2026-10-14"}
    filters = {"profileId": {"in": ["123456"]}, "reportingPeriod": {"timespan": timespan}}
    params = {"datatype": "ORGANIC", "networkId": "FACEBOOKPAGE", "limit": "100"}
    assert seen == [(params, {"filters": filters}, f"Bearer {TOKEN}")]


@pytest.mark.parametrize("text", ["LINKEDINCOMPANY:1", "123456", "FACEBOOKPAGE:", "facebookpage:1"])
def test_profiles_are_checked_when_named(text: str) -> None:
    """A network that analytics does not know, or no id, is said at once and in words."""
    with pytest.raises(ValidationError, match="NETWORK:id"):
        made(profiles=text)


@pytest.mark.parametrize("body", [{}, {"data": None}, {"data": [{}]}, {"data": ["x"]}, {"data": [{"type": "THREADS"}]}])
def test_lists_of_profiles_of_another_shape_are_refused(body: Any) -> None:
    """Without kind and id of each profile nobody knows what to ask."""
    with pytest.raises(errors.BadAnswer):
        profiles_of(body)


def test_profiles_without_analytics_are_left_out() -> None:
    """Kinds that the question does not know would make it fail; ids may be numbers."""
    data = [{"type": "LINKEDINCOMPANY", "id": "1"}, {"type": "THREADS", "id": 2}, {"type": "WHATSAPP", "id": "3"}]
    assert profiles_of({"data": data}) == {"THREADS": ["2"]}


def test_a_profile_that_is_refused_leaves_the_others(ask: Question, world: World) -> None:
    """Somebody else's profile is a failed row; the next network is read."""
    profiles = f"FACEBOOKPAGE:999,TWITTER:{twin.PROFILES['TWITTER']}"
    rows = list(POSTS.fetch(ask(CONNECTOR, token=TOKEN, profiles=profiles)))
    assert (rows[0].subject, rows[0].url, failures(rows)) == ("FACEBOOKPAGE 999", None, ["NotPermitted"])
    assert len(rows) == 1 + sum(twin.network(p) == "TWITTER" for p in posts_at(world).values())


@given(st.data())
def test_paging_loses_and_repeats_nothing(data: st.DataObject) -> None:
    """Any number of posts, any page sizes, empty pages between: each comes once, in order."""
    sizes = data.draw(st.lists(st.integers(0, 5), min_size=1, max_size=12))
    starts = [sum(sizes[:n]) for n in range(len(sizes))]
    asked: list[str | None] = []

    def page_at(cursor: str | None) -> dict[str, Any]:
        asked.append(cursor)
        n = 0 if cursor is None else int(cursor)
        following = str(n + 1) if n + 1 < len(sizes) else None
        return page(*(starts[n] + k for k in range(sizes[n])), following=following)

    found = [post["externalId"] for body in pages(page_at) for post in body["data"]]
    assert found == [str(n) for n in range(sum(sizes))]
    assert asked == [None, *map(str, range(1, len(sizes)))]


def test_pages_of_the_twin_are_followed(ask: Question, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few posts fit on a page, they are the same, one request per page."""
    whole = told(ask(CONNECTOR, token=TOKEN, days_back=365))
    monkeypatch.setattr("connectors.votes.hootsuite.PAGE_SIZE", 1)
    small = ask(CONNECTOR, token=TOKEN, days_back=365)
    assert told(small) == whole
    counts = [sum(twin.network(p) == n for p in posts_at(world, days=365).values()) for n in twin.NETWORKS]
    assert small.meter.requests == 1 + sum(max(n, 1) for n in counts)
    assert max(counts) > 1


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"data": None, "metadata": {"collectionInfo": {}}},
        {"data": [{}], "metadata": {"collectionInfo": {}}},
        {"data": ["x"], "metadata": {"collectionInfo": {}}},
        {"data": []},
        {"data": [], "metadata": {}},
    ],
    ids=json.dumps,
)
def test_pages_of_another_shape_are_failed(ask: Question, body: Any) -> None:
    """No list, no ids, no word of a next page: one failed row without a page."""
    with serving(body) as host:
        rows = list(POSTS.fetch(ask(CONNECTOR, token=TOKEN, base_url=host, profiles=SOME_PROFILE)))
    assert failures(rows) == ["BadAnswer"]
    assert [r.url for r in rows] == [None]


def test_a_page_that_comes_again_ends_the_reading(ask: Question) -> None:
    """A cursor that stands still is a failed row after what was read."""
    with serving(page(1, following="c"), page(2, following="c")) as host:
        rows = list(POSTS.fetch(ask(CONNECTOR, token=TOKEN, base_url=host, profiles=SOME_PROFILE)))
    assert [r.subject for r in rows] == ["facebook:1", "FACEBOOKPAGE 123456"]
    assert failures(rows) == ["BadAnswer"]


# --- numbers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metrics", "verb", "count", "native"),
    [
        ({"reactions": 12.0, "likes": 9.0}, Verb.LIKE, 12, "reactions"),
        ({"likes": 9.0}, Verb.LIKE, 9, "likes"),
        ({"retweets": 4.0}, Verb.SHARE, 4, "retweets"),
        ({"shares": 5.0, "reposts": 4.0}, Verb.SHARE, 5, "shares"),
        ({"replies": 2.0}, Verb.COMMENT, 2, "replies"),
        ({"impressions": 7.0}, Verb.VIEW, 7, "impressions"),
        ({"post_views": 0.0, "impressions": 7.0}, Verb.VIEW, 0, "post_views"),
        ({"saves": 1}, Verb.SAVE, 1, "saves"),
        ({"clicks": "41"}, Verb.CLICK, 41, "clicks"),
    ],
)
def test_alternatives_are_never_added(metrics: dict[str, Any], verb: Verb, count: int, native: str) -> None:
    """The first name that came is read, and said."""
    found = about(metrics)[verb]
    assert (found.count, found.native, found.status) == (count, native, Status.OBSERVED)


def test_names_of_metrics_can_be_changed(ask: Question, world: World) -> None:
    """Where a network uses another name, or two are to be told apart, the settings say so."""
    found = told(ask(CONNECTOR, token=TOKEN, view_metrics="impressions, post_views", like_metrics="likes"))
    for o in found:
        counts = twin.metrics(posts_at(world)[str(o.object_id)], AT)
        if o.verb is Verb.VIEW:
            name = "impressions" if "impressions" in counts else "post_views"
            assert (o.count, o.native) == (int(counts[name]), name)
        if o.verb is Verb.LIKE:
            assert o.count == (int(counts["likes"]) if "likes" in counts else None)


@pytest.mark.parametrize("value", [None, "many", 1.5, [], True])
def test_a_value_that_is_no_count_fails_its_verb(value: Any) -> None:
    """A metric that came without a whole number is failed; the others stay."""
    found = about({"likes": value, "comments": 3.0})
    assert (found[Verb.LIKE].status, found[Verb.LIKE].count) == (Status.FAILED, None)
    assert found[Verb.COMMENT].count == 3
    assert found[Verb.SHARE].status is Status.HIDDEN


@pytest.mark.parametrize(("metrics", "status"), [({}, Status.HIDDEN), (None, Status.FAILED), ([], Status.FAILED)])
def test_what_a_post_without_metrics_means(metrics: Any, status: Status) -> None:
    """An empty map is hidden, a map that is not there is failed; nothing is 0."""
    assert {(o.status, o.count) for o in about(metrics).values()} == {(status, None)}


@pytest.mark.parametrize(
    ("field", "verbs"), [("metrics", set(CONNECTOR.verbs)), ("comments", {Verb.COMMENT}), ("saves", {Verb.SAVE})]
)
def test_renamed_fields(ask: Question, fault: Callable[..., None], field: str, verbs: set[Verb]) -> None:
    """A renamed metric takes the number from its verb only; a renamed map from all of them."""
    before = told(ask(CONNECTOR, token=TOKEN))
    fault("hootsuite", f"rename:{field}")
    after = told(ask(CONNECTOR, token=TOKEN))
    changed = [(old.verb, new.count) for old, new in zip(before, after, strict=True) if old.count != new.count]
    assert {verb for verb, _ in changed} == verbs
    assert {count for _, count in changed} == {None}


def test_nothing_of_people_is_kept(ask: Question) -> None:
    """Names, texts, tags and pictures are served and not stored; nor is the token."""
    asked = ask(CONNECTOR, token=TOKEN)
    served = httpx.post(
        f"{asked.base_url}/v1/analytics/posts?datatype=ORGANIC&networkId=PINTEREST&limit=100",
        json={"filters": {"profileId": {"in": [twin.PROFILES["PINTEREST"]]}, "reportingPeriod": {"timespan": SPAN}}},
        headers={"Authorization": f"Bearer {TOKEN}"},
    ).text
    assert "Somebody Invented" in served
    rows = list(POSTS.fetch(asked))
    kept = str(raw_table(rows).to_pydict())
    assert not [word for word in ("nvented", "omebody", TOKEN) if word in kept]
    assert {key for r in rows for key in r.payload} == {"created_at", "metrics"}


SPAN = {"since": "2026-01-01", "until": "2026-10-14"}


# --- tokens ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("whom", [{"member_id": "77"}, {"member_id": None, "organization_id": "88"}], ids=str)
def test_an_app_fetches_its_token(ask: Question, whom: dict[str, Any]) -> None:
    """Id and secret go as HTTP Basic for a member or an organization; one question more, the same posts."""
    asked, calm = ask(CONNECTOR, **APP | whom), ask(CONNECTOR, token=TOKEN)
    assert told(asked) == told(calm)
    assert asked.meter.requests == calm.meter.requests + 1


def test_an_expired_token_is_renewed(ask: Question) -> None:
    """Tokens of three questions are renewed as often as needed; nothing is lost."""
    asked, calm = ask(CONNECTOR, **APP | {"client_id": "short-lived"}), ask(CONNECTOR, token=TOKEN)
    assert told(asked) == told(calm)
    renewals = -(-calm.meter.requests // 3)
    assert asked.meter.requests == calm.meter.requests + renewals + (renewals - 1)


@pytest.mark.parametrize(
    ("settings", "missing"),
    [
        ({}, {"CLIENT_ID", "CLIENT_SECRET", "MEMBER_ID"}),
        ({"client_id": "a", "client_secret": "b"}, {"MEMBER_ID"}),
        ({"client_id": "a", "client_secret": "b", "organization_id": "c"}, set()),
        (APP, set()),
        ({"token": "t"}, set()),
    ],
    ids=lambda names: "-".join(sorted(names)) or "none",
)
def test_what_is_missing_is_named(settings: dict[str, str], missing: set[str]) -> None:
    """A ready token, or an app and whom it asks for."""
    assert set(made(**settings).missing()) == {f"TALLYRANK_HOOTSUITE_{name}" for name in missing}


@pytest.mark.parametrize(
    ("keys", "kind"),
    [
        ({"client_secret": "wrong"}, "AuthError"),
        ({"client_id": "useless"}, "AuthError"),
        ({"client_id": "narrow"}, "ConfigurationError"),
    ],
)
def test_refused_apps_are_told_once(ask: Question, keys: dict[str, str], kind: str) -> None:
    """One failed row says why, without secret and token; nothing more is asked."""
    asked = ask(CONNECTOR, **APP | keys)
    rows = list(POSTS.fetch(asked))
    assert (failures(rows), len(rows)) == ([kind], 1)
    assert not [word for word in ("wrong", "twin.", APP["client_secret"]) if word in str(rows)]
    assert asked.meter.requests <= 4


def test_a_token_that_does_not_come_is_said(ask: Question) -> None:
    """An answer without `access_token` is a bad answer, not a crash."""
    with serving({"token_type": "bearer"}) as host:
        rows = list(POSTS.fetch(ask(CONNECTOR, base_url=host, **APP)))
    assert failures(rows) == ["BadAnswer"]


# --- refusals --------------------------------------------------------------------------------------------------------


def listed(code: Any, status: int = 400, **more: Any) -> Answer:
    """The envelope of the REST API."""
    body = {"errors": [{"code": code, "message": "words", "id": "0-1", "resource": {}}], **more}
    return Answer("hootsuite", status, {}, json.dumps(body))


def problem(status: int, title: str = "invalid-argument", **headers: str) -> Answer:
    """Problem details of analytics."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": "An invalid argument", "instance": "/x"}
    return Answer("hootsuite", status, {k.replace("_", "-"): v for k, v in headers.items()}, json.dumps(body))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (listed(1001, 401), errors.AuthError),
        (listed(1001), errors.AuthError),
        (listed("1001", 200), errors.AuthError),
        (listed(1037, 403), errors.ConfigurationError),
        (listed(1043, 429), errors.RateLimited),
        (listed(1003, 429), errors.QuotaExhausted),
        (listed(1004, 429), errors.QuotaExhausted),
        (listed(3020), errors.BadRequest),
        (listed(4001, 404), errors.Gone),
        (listed(9999, 200), errors.BadRequest),
        (listed(9999, 500), errors.Unavailable),
        (problem(422), errors.BadRequest),
        (problem(401, "unauthenticated"), errors.AuthError),
        (problem(403, "permission-denied"), errors.NotPermitted),
        (problem(404, "not-found"), errors.Gone),
        (problem(503, "unavailable"), errors.Unavailable),
        (problem(429), errors.RateLimited),
        (problem(429, x_account_quota="100000 per day", x_account_quota_used="512"), errors.RateLimited),
        (problem(429, x_account_quota="100000 per day", x_account_quota_used="100000"), errors.QuotaExhausted),
        (Answer("hootsuite", 400, {}, '{"error": "invalid_grant", "error_description": "used"}'), errors.AuthError),
        (Answer("hootsuite", 400, {}, '{"error": "invalid_scope"}'), errors.BadRequest),
        (Answer("hootsuite", 402, {}, ""), errors.WalletEmpty),
        (Answer("hootsuite", 403, {}, "<html>"), errors.NotPermitted),
        (Answer("hootsuite", 429, {}, ""), errors.RateLimited),
    ],
)
def test_each_refusal_has_its_class(answer: Answer, kind: type[errors.SourceError]) -> None:
    """Code, then OAuth's word, then HTTP status; no answer tells how long to wait."""
    error = hootsuite_error(answer)
    assert type(error) is kind
    assert getattr(error, "retry_after", None) is None


def test_words_of_both_shapes_are_told() -> None:
    """Title and detail of a problem; message and code of a list."""
    assert "invalid-argument: An invalid argument" in str(hootsuite_error(problem(422)))
    assert "words (3020)" in str(hootsuite_error(listed(3020)))
    assert "s3cr3t" not in str(
        hootsuite_error(Answer("hootsuite", 200, {}, '{"errors": [{"message": "s3cr3t"}]}'), ["s3cr3t"])
    )


def test_the_allowance_begins_anew_at_midnight() -> None:
    """UTC, as far as one knows."""
    error = hootsuite_error(listed(1003, 429), now=datetime(2026, 12, 31, 23, 59, tzinfo=UTC))
    assert isinstance(error, errors.QuotaExhausted)
    assert error.resets_at == datetime(2027, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ['{"data": []}', '{"data": [], "errors": [{"code": 1}]}', '{"errors": []}', "<html>", "[]"]
)
def test_answers_with_data_are_no_errors(text: str) -> None:
    """What came is kept; errors beside it are for the reader of the page."""
    assert hootsuite_error(Answer("hootsuite", 200, {}, text)) is None


@pytest.mark.parametrize(("left", "pause"), [("0", 1.0), ("14", 0.0), ("", 0.0), ("few", 0.0)])
def test_a_second_that_is_used_up_is_waited_for(left: str, pause: float) -> None:
    """The header counts the requests left in the present second."""
    waited: list[float] = []
    pace = Pace(1e6, waited.append)
    heed_limits(Answer("hootsuite", 200, {"x-account-rate-limit-requests-remaining": left}, ""), pace)
    pace.wait()
    assert sum(waited) == pytest.approx(pause, abs=0.1)


def test_errors_beside_data_are_told_and_the_data_kept(ask: Question) -> None:
    """Every post that came, and a failed row per question that says what did not."""
    rows = list(POSTS.fetch(ask(CONNECTOR, token="partial-1")))
    good = [r for r in rows if r.status is not Status.FAILED]
    assert good == list(POSTS.fetch(ask(CONNECTOR, token=TOKEN)))
    assert failures(rows) == ["BadAnswer"] * len(twin.NETWORKS)
    assert all("connected again" in (r.error or "") for r in rows if r.status is Status.FAILED)


@pytest.mark.parametrize(
    ("token", "kind"),
    [("expired-1", "AuthError"), ("spent-1", "QuotaExhausted"), ("planless-1", "QuotaExhausted")],
)
@pytest.mark.parametrize("profiles", ["", ",".join(f"{n}:{i}" for n, i in twin.PROFILES.items())])
def test_a_refused_account_is_asked_once(ask: Question, token: str, kind: str, profiles: str) -> None:
    """One failed row that says why, without the token; no other network is asked."""
    asked = ask(CONNECTOR, token=token, profiles=profiles)
    rows = list(POSTS.fetch(asked))
    assert (failures(rows), len(rows), asked.meter.requests) == ([kind], 1, 1)
    assert token not in str(rows)


def test_too_many_requests_are_tried_again(ask: Question) -> None:
    """1043 comes without a wait: ours doubles, and the result is the same."""
    asked, calm = ask(CONNECTOR, token="hurried-1"), ask(CONNECTOR, token=TOKEN)
    assert told(asked) == told(calm)
    assert asked.meter.requests == calm.meter.requests + 1


# --- the twin --------------------------------------------------------------------------------------------------------


def filters(ids: list[str] | None = None, **span: str) -> dict[str, Any]:
    """A body of a question for posts."""
    timespan = {"since": "2026-01-01", "until": "2026-10-14"} | span
    return {"filters": {"profileId": {"in": ids or ["123456"]}, "reportingPeriod": {"timespan": timespan}}}


@pytest.mark.parametrize(
    ("params", "body", "status"),
    [
        ({"limit": "101"}, filters(), 422),
        ({"limit": "0"}, filters(), 422),
        ({"networkId": "LINKEDINCOMPANY"}, filters(), 422),
        ({"datatype": "ALL"}, filters(), 422),
        ({}, {}, 422),
        ({}, filters([str(n) for n in range(11)]), 422),
        ({}, filters(since="2024-01-01"), 422),
        ({}, filters(["5"]), 403),
        ({"cursor": "%%"}, filters(), 400),
    ],
)
def test_the_twin_refuses_what_hootsuite_refuses(
    ask: Question, params: dict[str, str], body: dict[str, Any], status: int
) -> None:
    """Problem details from analytics, a list of errors for a cursor; the account's counters on every answer."""
    asked = {"datatype": "ORGANIC", "networkId": "FACEBOOKPAGE"} | params
    answer = httpx.post(
        f"{ask(CONNECTOR, token=TOKEN).base_url}/v1/analytics/posts",
        params=asked,
        json=body,
        headers={"Authorization": "Bearer any"},
    )
    assert answer.status_code == status
    shape = {"errors"} if status == 400 else {"type", "title", "status", "detail", "instance"}
    assert set(answer.json()) == shape
    assert "retry-after" not in answer.headers
    assert answer.headers["x-account-quota"] == "100000 per day"


def test_ten_posts_come_by_default(ask: Question, world: World) -> None:
    """Without a limit a page holds ten posts at most."""
    base = f"{ask(CONNECTOR, token=TOKEN, day=date(2027, 5, 1)).base_url}/v1/analytics/posts"
    total = 0
    for network, number in twin.PROFILES.items():
        params = {"datatype": "ORGANIC", "networkId": network}
        body = filters([number], until="2027-05-01", since="2026-05-01")
        data = httpx.post(base, params=params, json=body, headers={"Authorization": "Bearer any"}).json()["data"]
        moment = datetime(2027, 5, 1, 12, tzinfo=UTC)
        there = [p for p in world.posts("hootsuite") if p.exists_at(moment) and twin.network(p) == network]
        assert len(data) == min(len(there), 10)
        total += len(data)
    assert total


def test_refresh_tokens_work_once(ask: Question) -> None:
    """Each use gives a new one; the old one is refused from then on."""
    url = f"{ask(CONNECTOR, token=TOKEN).base_url}/oauth2/token"
    basic = {"Authorization": f"Basic {b64encode(b'some-app:some-secret').decode()}"}
    form = {"grant_type": "refresh_token", "refresh_token": "refresh-first"}
    first = httpx.post(url, data=form, headers=basic)
    assert first.status_code == 200
    again = httpx.post(url, data=form, headers=basic)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    following = httpx.post(url, data=form | {"refresh_token": first.json()["refresh_token"]}, headers=basic)
    assert following.json()["access_token"] != first.json()["access_token"]


@pytest.mark.parametrize(
    ("form", "headers", "error"),
    [
        ({"grant_type": "member_app", "member_id": "7"}, {}, "invalid_client"),
        ({"grant_type": "member_app", "member_id": "7", "client_secret": "x"}, None, "invalid_client"),
        ({"grant_type": "member_app", "member_id": "7"}, {"Authorization": "Basic %%"}, "invalid_client"),
        ({"grant_type": "member_app"}, None, "invalid_request"),
        ({"grant_type": "password"}, None, "unsupported_grant_type"),
    ],
)
def test_the_twin_refuses_apps(ask: Question, form: dict[str, str], headers: dict[str, str] | None, error: str) -> None:
    """Credentials in the form, other grants and nobody to ask for are refused in OAuth's words."""
    basic = {"Authorization": f"Basic {b64encode(b'some-app:some-secret').decode()}"}
    url = f"{ask(CONNECTOR, token=TOKEN).base_url}/oauth2/token"
    answer = httpx.post(url, data=form, headers=basic if headers is None else headers)
    assert (answer.status_code // 100, answer.json()["error"]) == (4, error)
