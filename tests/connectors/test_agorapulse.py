"""Agorapulse against its twin: the way to the profiles, each network's own fields, refusals, what no number means."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors import errors
from connectors.base import Ask, parse_all
from connectors.http import Answer
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb, raw_table
from connectors.sandbox import agorapulse as twin
from connectors.sandbox.server import running
from connectors.sandbox.world import World, WorldPost
from connectors.votes.agorapulse import CONNECTOR, FIELDS, NAME, agorapulse_error, link_of, project

POSTS = CONNECTOR.stream("posts")
AT = datetime(2026, 10, 14, 12, tzinfo=UTC)
KEY = "ag-7c7c-secret"
LISTINGS = 1 + 1 + len(twin.WORKSPACES)
Question = Callable[..., Ask]
Counted = tuple[int | None, Status]


def told(question: Ask) -> list[Observation]:
    """Fetch and parse."""
    return [o for o in parse_all(CONNECTOR, POSTS, list(POSTS.fetch(question))) if isinstance(o, Observation)]


def about(network: str, **fields: Any) -> dict[Verb, Observation]:
    """Readings of one hand-written post of a network."""
    row = Raw(f"{network}:1", AT, url="https://a.example/", payload=project(network, {"id": "1", **fields}))
    return {o.verb: o for o in POSTS.parse([row])}


def posts_at(world: World, days_back: int = 365) -> dict[str, WorldPost]:
    """The posts of the window, by their id here."""
    first = datetime(2026, 10, 14, tzinfo=UTC) - timedelta(days=days_back - 1)
    posts = [p for p in world.posts(NAME) if p.exists_at(AT) and p.published_at >= first]
    return {f"{twin.NETWORKS[twin.profile_of(p)]}:{p.object_id}": p for p in posts}


def truth(post: WorldPost) -> dict[Verb, Counted]:
    """What each verb should say of a post, worked out from its votes and its network."""
    n, profile = post.votes_at(AT), twin.profile_of(post)
    gone: Counted = (None, Status.UNSUPPORTED)

    def seen(count: int) -> Counted:
        return count, Status.OBSERVED

    found = dict.fromkeys(CONNECTOR.verbs, gone) | {Verb.VIEW: seen(40 * n + 3)}
    if twin.is_story(post):
        return found
    found |= {Verb.LIKE: (None, Status.HIDDEN) if post.is_shy else seen(n), Verb.COMMENT: seen(n // 5)}
    found[Verb.SHARE] = seen(n // 4 + n // 8 if profile == "tw1" else n // 4)
    found |= {Verb.SAVE: seen(n // 9)} if profile in ("ig1", "yt1") else {}
    clicks = {"fb1": n // 2, "li1": n // 3}
    return found | ({Verb.CLICK: seen(clicks[profile])} if profile in clicks else {})


def scripted(*, profiles: Response | None = None, content: Response | None = None) -> Any:
    """A service with one workspace and one Facebook profile, and the answers given."""
    answers: dict[str, Response] = {
        "organizations": JSONResponse({"organizations": [{"organizationId": 1}]}),
        "workspaces": JSONResponse({"workspaces": [{"workspaceId": 2}]}),
        "profiles": profiles or JSONResponse({"profiles": [{"profileUid": "u", "profileType": "FACEBOOK_PAGE"}]}),
        "content": content or JSONResponse({"data": []}),
    }

    async def answer(request: Request) -> Response:
        return answers[request.url.path.rpartition("/")[2]]

    return running(Starlette(routes=[Route("/{path:path}", answer)]))


# --- posts -----------------------------------------------------------------------------------------------------------


def test_counts_are_the_worlds(ask: Question, world: World) -> None:
    """Every post of the window has six readings, each by the fields of its network."""
    found, posts = told(ask(CONNECTOR, api_key=KEY, days_back=365)), posts_at(world)
    assert len(found) == 6 * len(posts) == len({(o.object_id, o.verb) for o in found})
    for o in found:
        assert (o.count, o.status) == truth(posts[str(o.object_id)])[o.verb]
        assert (o.basis, o.quality, o.platform) == (
            Basis.POST,
            Quality.EXACT,
            f"agorapulse:{o.object_id.partition(':')[0]}",
        )
    assert {o.status for o in found} == {Status.OBSERVED, Status.HIDDEN, Status.UNSUPPORTED}
    assert {str(o.object_id).partition(":")[0] for o in found} == set(FIELDS)
    assert any(twin.is_story(p) for p in posts.values())


def test_times_and_pages(ask: Question, world: World) -> None:
    """A post's page is the link in its text, None without one; a null time is unknown."""
    found, posts = told(ask(CONNECTOR, api_key=KEY, days_back=365)), posts_at(world)
    for o in found:
        p = posts[str(o.object_id)]
        assert o.url == (p.url if twin.has_link(p) else None)
        assert o.published_at == (None if p.object_id.endswith("9") else p.published_at)
    assert {None} < {o.url for o in found}
    assert {None} < {o.published_at for o in found}


def test_one_request_per_profile(ask: Question) -> None:
    """The way to the profiles, then one request each; a profile of two workspaces is asked about once."""
    question = ask(CONNECTOR, api_key=KEY, days_back=365)
    rows = list(POSTS.fetch(question))
    assert question.meter.requests == LISTINGS + len(twin.PROFILES)
    assert len({r.subject for r in rows}) == len(rows)
    assert any(r.subject.startswith("twitter:") for r in rows)


def test_a_post_that_is_told_twice_counts_once(ask: Question) -> None:
    """The same post in two reports, or twice in one, is one post."""
    post = {"id": "5", "text": "", "reactionsCount": 3}
    both = [{"profileUid": uid, "profileType": "FACEBOOK_PAGE"} for uid in ("u", "v")]
    with scripted(profiles=JSONResponse({"profiles": both}), content=JSONResponse({"data": [post, post]})) as address:
        question = ask(CONNECTOR, api_key=KEY, base_url=address)
        rows = list(POSTS.fetch(question))
    assert [r.subject for r in rows] == ["facebook:5"]
    assert question.meter.requests == 5


def test_profiles_may_be_named(ask: Question) -> None:
    """Only the profiles named are read; one that is nowhere, or has no report, is a failed row."""
    rows = list(POSTS.fetch(ask(CONNECTOR, api_key=KEY, days_back=365, profiles="tk1, th1, zz9")))
    good = {r.subject.partition(":")[0] for r in rows if r.status is Status.OBSERVED}
    bad = {r.subject: (r.url, str(r.error).partition(":")[0]) for r in rows if r.status is Status.FAILED}
    assert good == {"tiktok"}
    assert bad == {"th1": (None, "Gone"), "zz9": (None, "Gone")}


@pytest.mark.parametrize("days_back", [1, 10, 60])
def test_the_window_is_kept(ask: Question, world: World, days_back: int) -> None:
    """Only posts of the last days are read, today included."""
    found = {o.object_id for o in told(ask(CONNECTOR, api_key=KEY, days_back=days_back))}
    assert found == set(posts_at(world, days_back))


@pytest.mark.parametrize(("times", "unit"), [("seconds", 1), ("milliseconds", 1000)])
def test_the_window_is_written_as_set(ask: Question, times: str, unit: int) -> None:
    """Both ends are sent, as whole numbers in the unit of the settings; the end is tomorrow's start."""
    asked: list[dict[str, str]] = []

    async def answer(request: Request) -> Response:
        asked.append(dict(request.query_params))
        name = request.url.path.rpartition("/")[2]
        entry = {"organizationId": 1, "workspaceId": 2, "profileUid": "u", "profileType": "TIKTOK"}
        return JSONResponse({"data": []} if name == "content" else {name: [entry]})

    with running(Starlette(routes=[Route("/{path:path}", answer)])) as address:
        list(POSTS.fetch(ask(CONNECTOR, api_key=KEY, base_url=address, days_back=2, times=times)))
    end = int(datetime(2026, 10, 15, tzinfo=UTC).timestamp())
    assert asked[:3] == [{}, {}, {}]
    assert asked[3] == {"since": str((end - 2 * 86400) * unit), "until": str(end * unit)}


def test_nothing_of_people_is_kept(ask: Question) -> None:
    """Texts, names, tags and the posts' own addresses are served and not stored."""
    question = ask(CONNECTOR, api_key=KEY, days_back=365)
    assert "Somebody" in httpx.get(f"{question.base_url}{twin.CORE}", headers={"X-API-KEY": KEY}).text
    kept = str(raw_table(list(POSTS.fetch(question))).to_pydict())
    assert "nvented" not in kept
    assert KEY not in kept


# --- what a number means ---------------------------------------------------------------------------------------------


def test_reactions_contain_likes() -> None:
    """On Facebook likes are a part of reactions: never added, never in their place."""
    assert about("facebook", reactionsCount=500, likeCount=450)[Verb.LIKE].count == 500
    assert about("facebook", likeCount=450)[Verb.LIKE].status is Status.HIDDEN


def test_reposts_and_quotes_are_shares() -> None:
    """On X both are added; one of them alone is a lower bound, and its 0 says nothing."""
    both = about("twitter", repostsCount=23, quotePostsCount=45)[Verb.SHARE]
    assert (both.count, both.quality, both.native) == (68, Quality.EXACT, "repostsCount+quotePostsCount")
    one = about("twitter", repostsCount=23)[Verb.SHARE]
    assert (one.count, one.quality) == (23, Quality.LOWER_BOUND)
    assert about("twitter", quotePostsCount=0)[Verb.SHARE].status is Status.HIDDEN
    assert about("twitter", repostsCount=0, quotePostsCount=0)[Verb.SHARE].count == 0
    assert about("twitter", repostsCount="?", quotePostsCount=4)[Verb.SHARE].status is Status.FAILED


def test_tiktok_speaks_in_the_singular() -> None:
    """TikTok's fields have names of their own; plural ones are not its."""
    found = about("tiktok", shareCount=1, likeCount=2, commentCount=3, viewsCount=4, likesCount=99)
    assert {v: o.count for v, o in found.items() if o.count is not None} == {
        Verb.SHARE: 1, Verb.LIKE: 2, Verb.COMMENT: 3, Verb.VIEW: 4
    }  # fmt: skip


def test_link_clicks_come_before_clicks() -> None:
    """Clicks on the link where they are told, else all clicks, and the reading says which."""
    found = about("facebook", linkClicksCount=90, clicksCount=120)[Verb.CLICK]
    other = about("facebook", clicksCount=120)[Verb.CLICK]
    assert (found.count, found.native, other.count, other.native) == (90, "linkClicksCount", 120, "clicksCount")


def test_a_story_has_views_only() -> None:
    """Instagram stories have no votes: unsupported, not hidden."""
    found = about("instagram", type="story", impressionsCount=7)
    assert {v: (o.count, o.status) for v, o in found.items() if v is Verb.VIEW} == {Verb.VIEW: (7, Status.OBSERVED)}
    assert {o.status for v, o in found.items() if v is not Verb.VIEW} == {Status.UNSUPPORTED}
    assert about("facebook", type="story", sharesCount=3)[Verb.SHARE].count == 3


@pytest.mark.parametrize("network", sorted(FIELDS))
def test_what_is_missing_is_hidden(network: str) -> None:
    """A counter that the network has and that did not come is hidden; one it has not is unsupported; null is no 0."""
    for found in (about(network), about(network, **dict.fromkeys(("sharesCount", "likeCount", "viewsCount")))):
        for verb, o in found.items():
            assert (o.count, o.status) == (None, Status.HIDDEN if verb in FIELDS[network] else Status.UNSUPPORTED)


@pytest.mark.parametrize("value", ["many", 2.5, True, []])
def test_what_is_no_number_is_failed(value: Any) -> None:
    """A counter that cannot be read is failed, and the others stay."""
    found = about("linkedin", likesCount=value, commentsCount=4)
    assert (found[Verb.LIKE].status, found[Verb.COMMENT].count) == (Status.FAILED, 4)


@pytest.mark.parametrize("name", ["likesCount", "commentsCount", "savesCount", "impressionsCount"])
def test_a_renamed_counter_costs_its_verb_only(ask: Question, fault: Any, name: str) -> None:
    """A counter under another name is hidden, and the other verbs are read."""
    whole = {(o.object_id, o.verb): o for o in told(ask(CONNECTOR, api_key=KEY, profiles="ig1", days_back=365))}
    fault(NAME, f"rename:{name}")
    found = told(ask(CONNECTOR, api_key=KEY, profiles="ig1", days_back=365))
    verb = next(v for v, names in FIELDS["instagram"].items() if name in names)
    assert {o.count for o in found if o.verb is verb} == {None}
    assert all(o == whole[o.object_id, o.verb] for o in found if o.verb is not verb)
    assert any(o.count is not None for o in found)


def test_links_of_texts() -> None:
    """The first address that leads away from the post's own network."""
    own = "https://www.instagram.com/p/1"
    assert link_of({"text": f"{own}?x=1 and (https://a.example/b).", "postUrl": own}) == "https://a.example/b"
    assert [link_of({"text": text, "postUrl": own}) for text in (own, "", None, 3)] == [None] * 4


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["organizations", "organizationId", "workspaces", "profileUid", "profileType"])
def test_a_renamed_listing_is_a_bad_answer(ask: Question, fault: Any, name: str) -> None:
    """Without the way to the profiles the day has failed, instead of seeming empty."""
    fault(NAME, f"rename:{name}")
    rows = list(POSTS.fetch(ask(CONNECTOR, api_key=KEY)))
    assert {(r.status, r.url) for r in rows} == {(Status.FAILED, None)}
    assert all(str(r.error).startswith("BadAnswer") and name in str(r.error) for r in rows)


@pytest.mark.parametrize("name", ["data", "id", "text"])
def test_a_renamed_report_is_a_bad_answer(ask: Question, fault: Any, name: str) -> None:
    """Without ids or texts a report says nothing; each profile fails."""
    fault(NAME, f"rename:{name}")
    rows = list(POSTS.fetch(ask(CONNECTOR, api_key=KEY, profiles="fb1,tk1", days_back=365)))
    assert [(r.subject, str(r.error).partition(":")[0]) for r in rows] == [("fb1", "BadAnswer"), ("tk1", "BadAnswer")]


@pytest.mark.parametrize("key", ["expired-key", ""])
def test_a_refused_key_is_named(ask: Question, key: str) -> None:
    """401, code 2: one request, one row that says so, without the key."""
    question = ask(CONNECTOR, api_key=key)
    (row,) = POSTS.fetch(question)
    assert str(row.error).startswith("AuthError: HTTP 401, code 2") and "expired-key" not in str(row.error)
    assert (row.url, question.meter.requests) == (None, 1)


def test_reports_that_may_not_be_read(ask: Question) -> None:
    """403 on a report concerns its profile: each is told by name."""
    rows = list(POSTS.fetch(ask(CONNECTOR, api_key="blocked-key")))
    assert {(r.subject, str(r.error).partition(":")[0]) for r in rows} == {(p, "NotPermitted") for p in twin.PROFILES}


def test_one_workspace_that_fails_stops_no_other(ask: Question) -> None:
    """A listing that fails is a row; the profiles of the other workspaces are read."""

    async def answer(request: Request) -> Response:
        path = request.url.path
        if path.endswith("/workspaces/1/profiles"):
            return JSONResponse({"code": 1002, "message": "Organization or workspace not found"}, 404)
        known = {
            "organizations": [{"organizationId": 1}],
            "workspaces": [{"workspaceId": 1}, {"workspaceId": 2}],
            "profiles": [{"profileUid": "u", "profileType": "TIKTOK"}],
        }
        name = path.rpartition("/")[2]
        post = {"id": "5", "text": "", "likeCount": 3}
        return JSONResponse({"data": [post]} if name == "content" else {name: known[name]})

    with running(Starlette(routes=[Route("/{path:path}", answer)])) as address:
        rows = list(POSTS.fetch(ask(CONNECTOR, api_key=KEY, base_url=address)))
    assert [(r.subject, r.status) for r in rows] == [
        ("profiles of /1/workspaces/1", Status.FAILED), ("tiktok:5", Status.OBSERVED)
    ]  # fmt: skip
    assert str(rows[0].error).startswith("Gone: HTTP 404")


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"code": 2, "message": "No valid API key found"}, errors.AuthError),
        (429, {"code": 3, "message": "Rate limit exceeded"}, errors.RateLimited),
        (400, {"code": 3, "message": "Rate limit exceeded"}, errors.RateLimited),
        (500, {"code": 1, "message": "Internal"}, errors.Unavailable),
        (400, {"code": 4, "message": "Unprocessable"}, errors.BadRequest),
        (422, {"code": 5, "message": "Validation", "subCode": 7}, errors.BadRequest),
        (404, {"code": 1013, "message": "No endpoint"}, errors.BadRequest),
        (404, {"code": 1002, "message": "Not found"}, errors.Gone),
        (403, {"code": 1001, "message": "No"}, errors.NotPermitted),
        (200, {"code": 3, "message": "Rate limit exceeded"}, errors.RateLimited),
        (405, None, errors.BadRequest),
        (406, None, errors.BadRequest),
        (415, None, errors.BadRequest),
        (429, None, errors.RateLimited),
        (503, None, errors.Unavailable),
    ],
)
def test_every_documented_error_has_its_class(status: int, body: Any, kind: type[errors.SourceError]) -> None:
    """The code decides where there is one, else the status; a body that is missing is no exception."""
    assert type(agorapulse_error(Answer(NAME, status, {}, json.dumps(body) if body else ""))) is kind


def test_good_answers_are_no_errors() -> None:
    """Data are no error, whatever people write in them."""
    assert agorapulse_error(Answer(NAME, 200, {}, '{"data": [{"text": "{\\"code\\": 2}"}]}')) is None


def test_a_page_instead_of_data(ask: Question) -> None:
    """HTML with 200 is a bad answer, and its words are not repeated."""
    with scripted(content=Response("<title>Somebody</title>", media_type="text/html")) as address:
        (row,) = POSTS.fetch(ask(CONNECTOR, api_key=KEY, base_url=address))
    assert str(row.error).startswith("BadAnswer: HTTP 200, but not JSON") and "Somebody" not in str(row.error)


def test_networks_without_a_report_are_not_asked(ask: Question) -> None:
    """Profiles of networks without documented fields cost no request and are no failure."""
    others = [{"profileUid": f"u{n}", "profileType": t} for n, t in enumerate(("THREADS", "BLUESKY", "PINTEREST"))]
    with scripted(profiles=JSONResponse({"profiles": others})) as address:
        question = ask(CONNECTOR, api_key=KEY, base_url=address)
        assert list(POSTS.fetch(question)) == []
    assert question.meter.requests == 3


# --- the twin --------------------------------------------------------------------------------------------------------


class TestTwin:
    """The twin refuses what Agorapulse refuses, in its envelope."""

    def get(self, sandbox: str, path: str, **params: Any) -> httpx.Response:
        """A question put to the twin directly."""
        return httpx.get(f"{sandbox}/2026-10-14/{NAME}{path}", params=params, headers={"X-API-KEY": KEY})

    def report(self, sandbox: str, uid: str, **params: Any) -> httpx.Response:
        """A profile's report."""
        path = f"/v1.0/report/organizations/77/workspaces/1/profiles/{uid}/insights/content"
        return self.get(sandbox, path, **params)

    def test_posts_do_not_say_their_network(self, sandbox: str) -> None:
        """Nothing in a report tells the network, and its shapes differ."""
        data = self.report(sandbox, "fb1", since=0, until=2_000_000_000).json()["data"]
        assert data
        assert not {"network", "profileType"} & {key for p in data for key in p}
        assert {"reactionsCount", "likeCount"} <= {key for p in data for key in p}

    @pytest.mark.parametrize("params", [{}, {"since": 1}, {"since": "x", "until": 2}, {"since": 5, "until": 5}])
    def test_both_ends_are_needed(self, sandbox: str, params: dict[str, Any]) -> None:
        """A window without an end, or of words, is refused with code 5."""
        answer = self.report(sandbox, "fb1", **params)
        assert (answer.status_code, answer.json()["code"]) == (400, 5)

    def test_other_addresses(self, sandbox: str) -> None:
        """What is nowhere is the gateway's 1013; other people's organizations and profiles are not found."""
        assert self.get(sandbox, "/v1.0/nowhere").json()["code"] == 1013
        assert self.get(sandbox, "/v1.0/core/organizations/1/workspaces").status_code == 404
        assert self.report(sandbox, "li1", since=1, until=2).status_code == 404

    def test_methods_are_refused_without_a_body(self, sandbox: str) -> None:
        """405 has no JSON."""
        answer = httpx.post(f"{sandbox}/2026-10-14/{NAME}{twin.CORE}", headers={"X-API-KEY": KEY})
        assert answer.status_code == 405
        assert "json" not in answer.headers.get("content-type", "")

    def test_five_hundred_in_half_an_hour(self, sandbox: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Beyond the allowance: code 3, without any header that says when; the connector keeps below that pace."""
        monkeypatch.setattr(twin, "REQUESTS_PER_WINDOW", 0)
        answer = self.get(sandbox, twin.CORE)
        assert answer.json()["code"] == 3
        assert not {h for h in answer.headers if "limit" in h or "retry" in h}
        assert CONNECTOR.settings(_env_file=None).requests_per_second * 1800 < 500  # type: ignore[call-arg]
