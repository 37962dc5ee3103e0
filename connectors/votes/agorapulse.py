"""Agorapulse: the counters of our own posts on every network that Agorapulse manages for us, as the tool reports them.

- `GET /v1.0/core/organizations`, then `…/{organization}/workspaces`, then `…/{workspace}/profiles` lead to the
  profiles. A profile's `profileType` says its network, which must be remembered: posts do not say it.
- `GET /v1.0/report/organizations/{o}/workspaces/{w}/profiles/{uid}/insights/content?since=…&until=…` (Unix seconds,
  both needed) answers every post of the window at once, without pages: one request per profile and look. Read is a
  trailing window of `days_back` days; older posts are not read again.
- A profile may be in several workspaces: it is asked about in one, and a post is taken once.
- The page a post is about is the first address in its `text` that leads away from the network; the text is not kept.
- A post is `<network>:<id>` here, because one account holds posts of many networks.

Which fields are which verb depends on the network (FIELDS). Facebook's `likeCount` is a part of `reactionsCount` and is
not added. X's shares are reposts and quotes together; where one of the two is missing, the sum is a lower bound.
TikTok's names are singular (`shareCount`). Clicks on Facebook are `linkClicksCount`, else `clicksCount`. Totals count
paid and unpaid together. What is not in the list for a network is unsupported, as is all but views for a story on
Instagram; a counter that is in the list and missing is hidden: every one is optional by the contract.

Errors are `{"code", "message"}`, sometimes with `subCode`: 1 internal, 2 no valid key, 3 asked too often, 4 and 5 a
wrong question, 1013 no such address; 405, 406 and 415 have no body. 500 requests in 30 minutes per key, no header says
what is left. The API belongs to the Custom plan.

UNVERIFIED: seconds in `since` and `until` (typed as text; `times` may change it), whether the window goes by the day of
publishing, the HTTP status of code 3, and the terms. Threads, Bluesky, Pinterest and Google profiles have no documented
fields and are not asked about.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Literal

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from connectors.base import (
    Ask,
    Connector,
    ConnectorSettings,
    Stream,
    VerbMeaning,
    ask_in_batches,
    failed,
    reading,
    whole,
)
from connectors.errors import AuthError, BadAnswer, BadRequest, Gone, RateLimited, SourceError, Unavailable
from connectors.fields import comma_separated, dig, loads, moment, plain
from connectors.http import Answer, Http, by_status
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb
from connectors.urls import first_outside, links_in, registrable_domain

Item = dict[str, Any]
Names = tuple[str, ...]

NAME = "agorapulse"
CORE = "/v1.0/core/organizations"
KINDS: dict[int, type[SourceError]] = {
    1: Unavailable,
    2: AuthError,
    3: RateLimited,
    4: BadRequest,
    5: BadRequest,
    1013: BadRequest,
}
NETWORKS = {
    "FACEBOOK_PAGE": "facebook",
    "FACEBOOK_INSTAGRAM": "instagram",
    "LINKEDIN_PERSONAL": "linkedin",
    "LINKEDIN_COMPANY": "linkedin",
    "TIKTOK": "tiktok",
    "TWITTER": "twitter",
    "YOUTUBE": "youtube",
}
# By network and verb: the fields of which the first that came is read; those with a plus between them are added.
FIELDS: dict[str, dict[Verb, Names]] = {
    "facebook": {
        Verb.SHARE: ("sharesCount",), Verb.LIKE: ("reactionsCount",), Verb.COMMENT: ("commentsCount",),
        Verb.VIEW: ("viewsCount",), Verb.CLICK: ("linkClicksCount", "clicksCount"),
    },
    "instagram": {
        Verb.SHARE: ("sharesCount",), Verb.LIKE: ("likesCount",), Verb.COMMENT: ("commentsCount",),
        Verb.SAVE: ("savesCount",), Verb.VIEW: ("impressionsCount",),
    },
    "linkedin": {
        Verb.SHARE: ("sharesCount",), Verb.LIKE: ("likesCount",), Verb.COMMENT: ("commentsCount",),
        Verb.VIEW: ("impressionsCount",), Verb.CLICK: ("clicksCount",),
    },
    "twitter": {
        Verb.SHARE: ("repostsCount+quotePostsCount",), Verb.LIKE: ("likesCount",), Verb.COMMENT: ("commentsCount",),
        Verb.VIEW: ("impressionsCount",),
    },
    "tiktok": {
        Verb.SHARE: ("shareCount",), Verb.LIKE: ("likeCount",), Verb.COMMENT: ("commentCount",),
        Verb.VIEW: ("viewsCount",),
    },
    "youtube": {
        Verb.SHARE: ("sharesCount",), Verb.LIKE: ("likesCount",), Verb.COMMENT: ("commentsCount",),
        Verb.SAVE: ("addedToPlaylistCount",), Verb.VIEW: ("videoViewsCount",),
    },
}  # fmt: skip
OF_A_STORY: dict[Verb, Names] = {Verb.VIEW: ("impressionsCount",)}


class Settings(ConnectorSettings):
    """Settings of Agorapulse."""

    model_config = SettingsConfigDict(env_prefix="TALLYRANK_AGORAPULSE_")
    required: ClassVar[tuple[str, ...]] = ("api_key",)

    base_url: str = Field("https://api.agorapulse.com", description="Address of the API, without version.")
    api_key: SecretStr | None = Field(None, description="API key; it comes with the Custom plan.")
    profiles: str = Field("", description="Uids of profiles, with commas between them; empty for all.")
    days_back: int = Field(90, ge=1, le=3650, description="Posts of this many days, today included, are read.")
    times: Literal["seconds", "milliseconds"] = Field("seconds", description="How the window's ends are written.")
    requests_per_second: float = Field(0.25, gt=0, description="Highest pace; 500 requests in 30 minutes are allowed.")
    retry_wait_seconds: float = Field(5.0, ge=0, description="First wait between tries; doubles each time.")


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile, where its report is, and its network."""

    uid: str
    path: str
    network: str


def agorapulse_error(answer: Answer) -> SourceError | None:
    """What an answer says went wrong: by its code, then by its HTTP status."""
    if answer.status < 300 and not answer.text.lstrip().startswith('{"code"'):
        return None
    body = loads(answer.text)
    kind = KINDS.get(whole(dig(body, "code")) or 0)
    if kind is None or answer.status == 403:
        return by_status(answer)
    return kind(answer.source, f"HTTP {answer.status}, code {body['code']}: {str(dig(body, 'message'))[:160]}")


def fetch_posts(ask: Ask) -> Iterator[Raw]:
    """The posts of every profile that has a documented report."""
    key = plain(ask.settings.api_key)
    with Http(NAME, ask, classify=agorapulse_error, headers={"X-API-KEY": key}) as http:
        walk = _Walk(ask, http)
        profiles: dict[str, Profile] = {}
        for profile in walk.profiles():
            profiles.setdefault(profile.uid, profile)
        yield from walk.failures
        named = comma_separated(ask.settings.profiles) or list(profiles)
        uids, seen = [] if walk.is_over else list(dict.fromkeys(named)), set[str]()
        for row in ask_in_batches(ask, uids, 1, lambda batch: _content(ask, http, profiles, batch[0])):
            if row.subject not in seen:
                yield replace(row, url=None) if row.status is Status.FAILED else row
            seen.add(row.subject)


class _Walk:
    """The way from organizations to profiles. A listing that fails is a failed row; a fatal failure ends the way."""

    def __init__(self, ask: Ask, http: Http) -> None:
        self._ask, self._http, self.failures, self.is_over = ask, http, list[Raw](), False

    def profiles(self) -> Iterator[Profile]:
        """Every profile of every workspace whose network has a report."""
        for organization in self._entries("", "organizations", "organizationId"):
            for workspace in self._entries(f"/{organization['organizationId']}", "workspaces", "workspaceId"):
                where = f"/{organization['organizationId']}/workspaces/{workspace['workspaceId']}"
                for entry in self._entries(where, "profiles", "profileUid", "profileType"):
                    path = f"/v1.0/report/organizations{where}/profiles/{entry['profileUid']}/insights/content"
                    if network := NETWORKS.get(str(entry["profileType"])):
                        yield Profile(str(entry["profileUid"]), path, network)

    def _entries(self, where: str, name: str, *keys: str) -> list[Item]:
        """The entries of a listing, each with the fields named; none where it fails."""
        if self.is_over:
            return []
        try:
            entries = dig(self._http.get(f"{CORE}{where}/{name}" if where else CORE).json(), name)
            if not isinstance(entries, list) or not all(dig(e, key) for e in entries for key in keys):
                raise BadAnswer(NAME, f"no list `{name}`, or an entry without {' or '.join(keys)}")
        except SourceError as error:
            self.failures.append(replace(failed(self._ask, f"{name}{where and ' of '}{where}", error), url=None))
            self.is_over = error.is_fatal
            return []
        return entries


def _content(ask: Ask, http: Http, profiles: Mapping[str, Profile], uid: str) -> list[Raw]:
    """The posts of one profile."""
    if uid not in profiles:
        raise Gone(NAME, "no workspace has a profile of this uid on a network with reports")
    profile = profiles[uid]
    end = datetime(ask.day.year, ask.day.month, ask.day.day, tzinfo=UTC) + timedelta(days=1)
    unit = 1000 if ask.settings.times == "milliseconds" else 1
    since, until = (int(at.timestamp()) * unit for at in (end - timedelta(days=ask.settings.days_back), end))
    data = dig(http.get(profile.path, {"since": since, "until": until}).json(), "data")
    if not isinstance(data, list) or not all(dig(post, "id") for post in data):
        raise BadAnswer(NAME, "the report has no list `data`, or a post has no `id`")
    if data and not any("text" in post for post in data):
        raise BadAnswer(NAME, "no post has a `text`, so nobody can say what they link to")
    return [_row(ask, profile.network, post) for post in data]


def _row(ask: Ask, network: str, post: Item) -> Raw:
    return Raw(f"{network}:{post['id']}", ask.observed_at, url=link_of(post), payload=project(network, post))


def link_of(post: Mapping[str, Any]) -> str | None:
    """The first address in a post's text that leads away from its network."""
    return first_outside(links_in(post.get("text")), [registrable_domain(str(post.get("postUrl") or ""))])


def project(network: str, post: Mapping[str, Any]) -> Item:
    """What parsing reads of a post: its network, its time, whether it is a story, and the counters that came."""
    names = {name for group in FIELDS[network].values() for names in group for name in names.split("+")}
    counts = {name: post[name] for name in sorted(names) if name in post}
    return {
        "network": network,
        "published_at": post.get("publishingDate"),
        "is_story": network == "instagram" and post.get("type") == "story",
        "counts": counts,
    }


def parse_posts(rows: Sequence[Raw]) -> Iterator[Observation]:
    """Six readings per post, unsupported where its network has no such counter."""
    for row in rows:
        fields, counts = FIELDS.get(str(dig(row.payload, "network"))), dig(row.payload, "counts")
        if fields and dig(row.payload, "is_story") is True:
            fields = OF_A_STORY
        more = {"object_id": row.subject, "published_at": moment(dig(row.payload, "published_at"))}
        for verb in CONNECTOR.verbs:
            if fields is None or not isinstance(counts, dict):
                yield reading(CONNECTOR, verb, row, None, absent=Status.FAILED, **more)
            elif verb not in fields:
                yield reading(CONNECTOR, verb, row, None, absent=Status.UNSUPPORTED, **more)
            else:
                yield _counter(row, verb, fields[verb], counts, more)


def _counter(row: Raw, verb: Verb, names: Names, counts: Mapping[str, Any], more: Mapping[str, Any]) -> Observation:
    """The first of the fields that came; of a sum its known parts, if they are above 0."""
    native = next((name for name in names if any(counts.get(part) is not None for part in name.split("+"))), names[0])
    values = [counts.get(part) for part in native.split("+")]
    parts = [whole(value) for value in values if value is not None]
    known = [part for part in parts if part is not None]
    is_complete = len(known) == len(values)
    return reading(
        CONNECTOR, verb, row, sum(known) if is_complete or (known == parts and any(known)) else None,
        absent=Status.HIDDEN if known == parts else Status.FAILED, native=native,
        quality=Quality.LOWER_BOUND if known and not is_complete else Quality.EXACT, **more,
    )  # fmt: skip


def _meaning(native: str, words: str) -> VerbMeaning:
    return VerbMeaning(native, f"{words} on its network, as Agorapulse reports them.")


CONNECTOR = Connector(
    name=NAME,
    title="Agorapulse",
    signal="votes",
    settings=Settings,
    streams=(
        Stream(
            name="posts",
            title="Posts of our own profiles on every network in Agorapulse",
            asks="account",
            requests="1 per profile",
            fetch=fetch_posts,
            parse=parse_posts,
        ),
    ),
    quota="500 requests in 30 minutes per key; one per profile and look, whatever the number of posts.",
    terms="A customer's contract, own profiles only; the networks' own rules on keeping numbers apply (not verified).",
    kept="as the networks' own rules say, of which the strictest known is YouTube's: 30 days",
    keys_from="Create an API key in Agorapulse (Custom plan) under Settings, Open API.",
    verbs={
        Verb.SHARE: _meaning("sharesCount", "Shares of one post (on X reposts and quotes together)"),
        Verb.LIKE: _meaning("likesCount", "Likes, or reactions of every kind on Facebook, of one post"),
        Verb.COMMENT: _meaning("commentsCount", "Comments on one post"),
        Verb.SAVE: _meaning("savesCount", "Saves of one post, or playlists a video was added to,"),
        Verb.VIEW: _meaning("impressionsCount", "Impressions of one post, or views of a video,"),
        Verb.CLICK: _meaning("clicksCount", "Clicks on one post (on its link, where that is told)"),
    },
    basis=Basis.POST,
    is_tool=True,
    cost="Part of Agorapulse's Custom plan; no price per question.",
    verified="Nothing against real answers: written from the vendor's published description of the API (August 2026).",
)
