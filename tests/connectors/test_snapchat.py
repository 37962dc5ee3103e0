"""Snapchat against its twin: Spotlights of a profile in both shapes, fields that are refused, tokens, refusals."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from connectors import errors
from connectors.base import Ask, parse_all
from connectors.http import Answer
from connectors.records import Basis, Observation, Raw, Status, Verb, raw_table
from connectors.sandbox import snapchat as twin
from connectors.sandbox.server import running
from connectors.sandbox.world import World, WorldPost
from connectors.votes.snapchat import CONNECTOR, NAME, UNREADABLE, assets_in, counts_in, fields_of, snapchat_error

SPOTLIGHTS = CONNECTOR.stream("spotlights")
AT = datetime(2026, 10, 14, 12, tzinfo=UTC)
TOKEN = "snap-0f0f"
KEYS = {"client_id": "app-1", "client_secret": "shh-1", "refresh_token": "hCg-1"}
Question = Callable[..., Ask]


@pytest.fixture
def question(ask: Question) -> Question:
    """A question with a token about the twin's profile."""
    return lambda **more: ask(CONNECTOR, **{"token": TOKEN, "profile_ids": twin.PROFILE} | more)


def told(question: Ask) -> list[Observation]:
    """Fetch and parse."""
    rows = list(SPOTLIGHTS.fetch(question))
    return [o for o in parse_all(CONNECTOR, SPOTLIGHTS, rows) if isinstance(o, Observation)]


def alive(world: World) -> dict[str, WorldPost]:
    """The Spotlights there are, by id."""
    return {twin.spotlight_id(p): p for p in world.posts(NAME) if p.exists_at(AT)}


def errors_of(rows: list[Raw]) -> list[str]:
    """The classes of error of failed rows."""
    return [(r.error or "").partition(":")[0] for r in rows if r.status is Status.FAILED]


@contextmanager
def serving(answer_to: Callable[[list[str]], Any]) -> Iterator[str]:
    """A host whose answer depends on the fields asked for; None refuses them."""

    async def answer(request: Request) -> JSONResponse:
        made = answer_to(request.query_params["fields"].split(","))
        return JSONResponse(made, 200) if made is not None else JSONResponse({"request_status": "ERROR"}, 400)

    paths = ("/public/v1/public_profiles/{profile}/stats", "/v1/public_profiles/{profile}/stats")
    with running(Starlette(routes=[Route(path, answer) for path in paths])) as address:
        yield address


def spotlight(counts: dict[str, Any]) -> dict[str, Any]:
    """One hand-written Spotlight."""
    told_ = [
        {"field": {"field_name": name}, "stats": [{"dimension_breakdown": "DEFAULT", "value": value}]}
        for name, value in counts.items()
    ]
    return {"id": "spot_1", "timeseries": [{"fields": told_}]}


def test_spotlights_are_the_worlds(question: Question, world: World) -> None:
    """Views and shares of every Spotlight, hidden where not told; likes and comments are unsupported; no page."""
    found, truth = told(question()), alive(world)
    assert {o.object_id for o in found} == set(truth)
    assert len(found) == 4 * len(truth)
    for o in found:
        public = twin.counts_at(truth[str(o.object_id)], AT) if o.verb in (Verb.VIEW, Verb.SHARE) else {}
        expected = public.get(str(o.native))
        unknown = Status.HIDDEN if o.verb is Verb.SHARE else Status.UNSUPPORTED
        assert (o.count, o.status) == (expected, unknown if expected is None else Status.OBSERVED)
        assert (o.basis, o.url) == (Basis.POST, None)
    assert {o.status for o in found} == {Status.OBSERVED, Status.HIDDEN, Status.UNSUPPORTED}


def test_both_shapes_say_the_same(question: Question) -> None:
    """The older shape of answers is read to the same numbers."""
    assert told(question(token="older-1")) == told(question())


def test_links_come_from_the_settings(question: Question, world: World) -> None:
    """Spotlights named in the settings have their page, the others none."""
    first, second, *_ = alive(world)
    links = f"{first}=https://a.example/x?id=7&b=2\n {second}=https://b.example/ broken =nothing"
    pages = {r.subject: r.url for r in SPOTLIGHTS.fetch(question(links=links)) if r.url}
    assert pages == {first: "https://a.example/x?id=7&b=2", second: "https://b.example/"}


def test_authorized_profiles_tell_more(question: Question, world: World) -> None:
    """With consent, favourites are likes and replies are comments, in the same single request."""
    asked = question(authorized=True)
    found, truth = told(asked), alive(world)
    assert asked.meter.requests == 1
    likes = {o.object_id: o.count for o in found if o.verb is Verb.LIKE}
    comments = {o.object_id: o.count for o in found if o.verb is Verb.COMMENT}
    assert likes == {i: twin.counts_at(p, AT)["FAVORITES"] for i, p in truth.items()}
    assert comments == {i: twin.counts_at(p, AT)["REPLIES"] for i, p in truth.items()}


def test_a_field_that_is_refused_costs_its_verb_only(question: Question) -> None:
    """A wrong name fails the whole question; asked one by one, only that verb is failed."""
    calm = [o for o in told(question(authorized=True)) if o.verb is not Verb.LIKE]
    asked = question(authorized=True, like_field="HEARTS")
    found = told(asked)
    assert {(o.status, o.count, o.native) for o in found if o.verb is Verb.LIKE} == {(Status.FAILED, None, "HEARTS")}
    assert [o for o in found if o.verb is not Verb.LIKE] == calm
    assert asked.meter.requests == 1 + 4


def test_when_every_field_is_refused_the_profile_failed(question: Question) -> None:
    """One failed row for the profile, without a page."""
    with serving(lambda _: None) as address:
        rows = list(SPOTLIGHTS.fetch(question(base_url=address)))
    assert [(r.subject, r.url) for r in rows] == [("account", None)]
    assert errors_of(rows) == ["BadRequest"]


@pytest.mark.parametrize("name", ["value", "stats", "field_name", "fields", "timeseries", "dimension_breakdown"])
def test_a_renamed_key_is_no_number(question: Question, fault: Callable[..., None], name: str) -> None:
    """Whichever key has another name, numbers are failed and never zero or hidden."""
    fault(NAME, f"rename:{name}")
    found = [o for o in told(question()) if o.verb is Verb.VIEW]
    assert found
    assert {(o.status, o.count) for o in found} == {(Status.FAILED, None)}


@pytest.mark.parametrize("name", ["assets", "id"])
def test_a_renamed_list_is_one_failed_row(question: Question, fault: Callable[..., None], name: str) -> None:
    """Without Spotlights or without their ids there is one failed row."""
    fault(NAME, f"rename:{name}")
    assert errors_of(list(SPOTLIGHTS.fetch(question()))) == ["BadAnswer"]


@pytest.mark.parametrize(
    ("asset", "counts"),
    [
        (spotlight({"VIEWS": "123", "SHARES": "0"}), {"VIEWS": "123", "SHARES": "0"}),
        (spotlight({"VIEWS": 123}), {"VIEWS": 123}),
        (spotlight({"VIEWS": None}), {"VIEWS": UNREADABLE}),
        ({"timeseries": []}, {}),
        ({"timeseries": None}, {"VIEWS": UNREADABLE, "SHARES": UNREADABLE}),
        ({"timeseries": [{"fields": []}, {"fields": []}]}, {"VIEWS": UNREADABLE, "SHARES": UNREADABLE}),
        ({"timeseries": [{"fields": []}]}, {}),
    ],
)
def test_counts_of_hand_written_spotlights(asset: dict[str, Any], counts: dict[str, Any]) -> None:
    """Text or number, one stretch of time; no time at all tells nothing; anything else cannot be read."""
    assert counts_in(asset, ["VIEWS", "SHARES"]) == counts


def test_only_the_whole_is_counted() -> None:
    """Among the parts of a breakdown the one called DEFAULT is the whole; two of them are unreadable."""
    parts = [{"dimension_breakdown": b, "value": v} for b, v in (("COUNTRY_DE", "3"), ("DEFAULT", "9"))]
    entry = {"field": {"field_name": "VIEWS"}, "stats": parts}
    assert counts_in({"timeseries": [{"fields": [entry]}]}, ["VIEWS"]) == {"VIEWS": "9"}
    twice = entry | {"stats": [parts[1], parts[1]]}
    assert counts_in({"timeseries": [{"fields": [twice]}]}, ["VIEWS"]) == {"VIEWS": UNREADABLE}


@pytest.mark.parametrize(
    "answer", [{}, [], {"assets": None}, {"assets": ["x"]}, {"timeseries_stats": [{}]}], ids=json.dumps
)
def test_other_shapes_are_said(answer: Any) -> None:
    """Without a list of Spotlights the answer cannot be read."""
    with pytest.raises(errors.BadAnswer):
        assets_in(answer)


def test_words_and_names_are_dropped(question: Question) -> None:
    """Creators and descriptions are served and not kept."""
    asked = question()
    address = f"{asked.base_url}/public/v1/public_profiles/{twin.PROFILE}/stats"
    served = httpx.get(address, params={"assetType": "SPOTLIGHT"}, headers={"Authorization": f"Bearer {TOKEN}"}).text
    assert "nvented" in served
    kept = str(raw_table(list(SPOTLIGHTS.fetch(asked))).to_pydict())
    assert "nvented" not in kept
    assert TOKEN not in kept


def test_deleted_spotlights_do_not_come(question: Question, world: World) -> None:
    """What was deleted is not in the list any more."""
    doomed = next(p for p in world.posts(NAME) if p.deleted_day and p.deleted_day <= AT.date())
    assert doomed.deleted_day
    assert twin.spotlight_id(doomed) not in {r.subject for r in SPOTLIGHTS.fetch(question())}
    before = SPOTLIGHTS.fetch(question(day=doomed.deleted_day.replace(day=1)))
    assert twin.spotlight_id(doomed) in {r.subject for r in before}


# --- tokens and refusals ---------------------------------------------------------------------------------------------


def test_a_refused_token_is_renewed_once(question: Question, world: World) -> None:
    """The refusal, the sign-in, and then the same question again."""
    asked = question(token="expired-1", **KEYS)
    assert len(list(SPOTLIGHTS.fetch(asked))) == len(alive(world))
    assert asked.meter.requests == 3


def test_without_a_token_one_is_obtained(question: Question, world: World) -> None:
    """The refresh token is enough."""
    asked = question(token=None, **KEYS)
    assert len(list(SPOTLIGHTS.fetch(asked))) == len(alive(world))
    assert asked.meter.requests == 2


def test_a_sign_in_that_fails_is_told_without_secrets(question: Question) -> None:
    """A revoked refresh token is named as such and not repeated."""
    rows = list(SPOTLIGHTS.fetch(question(token=None, **KEYS | {"refresh_token": "revoked-7"})))
    assert errors_of(rows) == ["AuthError"]
    assert not any(secret in str(rows) for secret in ("revoked-7", "shh-1"))


@pytest.mark.parametrize(
    ("token", "kind"),
    [("expired-9", "AuthError"), ("stranger-9", "NotPermitted"), ("odd-9", "BadAnswer")],
)
def test_refusals_are_told_without_the_token(question: Question, token: str, kind: str) -> None:
    """The row says what happened, also where the error came with HTTP 200."""
    rows = list(SPOTLIGHTS.fetch(question(token=token)))
    assert errors_of(rows) == [kind]
    assert token not in str(rows)


def test_profiles_fail_apart(question: Question, world: World) -> None:
    """A profile that we may not read is one failed row; the other one is read."""
    rows = list(SPOTLIGHTS.fetch(question(profile_ids=f"other, {twin.PROFILE}")))
    assert errors_of(rows) == ["NotPermitted"]
    assert len(rows) == 1 + len(alive(world))


def test_a_bare_429_is_tried_again(question: Question, world: World) -> None:
    """Nothing tells how long to wait: the usual wait, then the answer."""
    asked = question(token="hurried-1")
    assert len(list(SPOTLIGHTS.fetch(asked))) == len(alive(world))
    assert asked.meter.requests == 2


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, {"request_status": "SUCCESS"}, None),
        (200, {"request_status": "success"}, None),
        (200, {}, None),
        (200, {"request_status": "ERROR", "display_message": "words"}, errors.BadAnswer),
        (400, {"request_status": "ERROR", "error_code": "E1001"}, errors.BadRequest),
        (400, {"error": "invalid_grant"}, errors.AuthError),
        (401, {"error": "invalid_client"}, errors.AuthError),
        (401, {}, errors.AuthError),
        (403, {}, errors.NotPermitted),
        (404, {}, errors.Gone),
        (429, {}, errors.RateLimited),
        (500, {"request_status": "ERROR"}, errors.Unavailable),
    ],
)
def test_each_status_has_its_class(status: int, body: Any, kind: type[errors.SourceError] | None) -> None:
    """The HTTP status decides, then the word inside a good answer."""
    error = snapchat_error(Answer(NAME, status, {}, json.dumps(body)))
    assert (None if error is None else type(error)) is kind


def test_it_is_off_and_asks_nothing_before_a_profile_is_named(question: Question) -> None:
    """Off by default; without a profile there is no request."""
    asked = question(profile_ids=" , ")
    assert asked.settings.enabled is False
    assert list(SPOTLIGHTS.fetch(asked)) == []
    assert asked.meter.requests == 0


def test_what_must_be_set_is_named(ask: Question) -> None:
    """Credentials or a ready token, and the profiles in any case."""
    names = ("CLIENT_ID", "CLIENT_SECRET", "REFRESH_TOKEN", "PROFILE_IDS")
    assert ask(CONNECTOR).settings.missing() == tuple(f"TALLYRANK_SNAPCHAT_{name}" for name in names)
    assert ask(CONNECTOR, token=TOKEN).settings.missing() == ("TALLYRANK_SNAPCHAT_PROFILE_IDS",)


def test_fields_are_asked_for_by_tier(question: Question) -> None:
    """The public tier is asked for views and shares only; an empty name is not asked for."""
    assert fields_of(question().settings) == {"view": "VIEWS", "share": "SHARES"}
    more = question(authorized=True, comment_field="").settings
    assert fields_of(more) == {"view": "VIEWS", "share": "SHARES", "like": "FAVORITES"}


def test_tokens_come_from_the_sign_in_host(ask: Question) -> None:
    """By default Snapchat's own, where the API's address was changed that one, or the one in the settings."""
    day = AT.date()
    real = ask(CONNECTOR, base_url="https://businessapi.snapchat.com").settings
    assert real.auth_url_for(day) == "https://accounts.snapchat.com"
    assert ask(CONNECTOR, base_url="http://x/{day}/").settings.auth_url_for(day) == "http://x/2026-10-14"
    assert ask(CONNECTOR, auth_url="http://y/").settings.auth_url_for(day) == "http://y"
