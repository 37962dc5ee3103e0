"""Hootsuite: the counters of the posts that one organization's profiles published. Analytics API, version 1.

- posts: `POST /v1/analytics/posts?datatype=ORGANIC&networkId=…&limit=100` with `filters.profileId.in` (at most 10
  profiles) and `filters.reportingPeriod.timespan` (days of publishing, both included, two years at most), per network;
  paged by `metadata.collectionInfo.next.cursor` until there is none. Profiles are asked of `GET /v1/socialProfiles`
  unless named in the settings; kinds that the question does not know (LinkedIn among them) are left out.
  The page is the first of the post's `links`, else the first web address in its text; else the post has no page.
- Token: lives for an hour. `POST /oauth2/token` with the app's id and secret as HTTP Basic and `grant_type=member_app`
  (or `organization_app`) gives one without anybody signing in, as often as needed. Refresh tokens work a single time
  and would have to be written down after each use, so they are not used: secrets come from the environment only.

These are the networks' counts as Hootsuite tells them, not read from the networks: they stand under `hootsuite`, with
the network in the post's id (`facebook:1789_42`), and are never joined with what another source says of the same post.

Verbs come from `metrics`, an open map of numbers whose keys depend on the network; the first that came of a list of
names is read: like `reactions`, `likes`; comment `comments`, `replies`; share `shares`, `retweets`, `reposts`; save
`saves`; view `post_views`, `impressions`; click `clicks`. Alternatives are never added, because one may hold the other
(reactions hold likes). A key that is not there is hidden; a map that is not there, or no whole number, is failed.

Errors have two shapes: problem details (`title`, `status`, `detail`) and `{"errors": [{"code", "message"}]}`, the
latter also beside data in a 200: what came is kept and the errors are a failed row. 1043 is too many requests, 1003
and 1004 an allowance used up, 1000 to 1002 and others a refused token, 3020 a bad cursor. 20 requests a second and
100,000 a day; `X-Account-Quota`, `X-Account-Quota-Used`, `X-Account-Rate-Limit-Requests-Remaining`, no `Retry-After`.

Some figures of Facebook ended on 2026-06-03 and are hidden since. Authors, texts, pictures, tags and names of profiles
are not kept.

UNVERIFIED: the names of metrics per network (the settings `…_metrics` change them); whether the scope analytics:read
is enough for the list of profiles (name them in `profiles` to do without); `organization_app`; that the day's allowance
begins anew at midnight UTC.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from connectors.base import (
    Ask,
    Connector,
    ConnectorSettings,
    Stream,
    VerbMeaning,
    batches,
    failed,
    reading,
    whole,
)
from connectors.bearer import Bearer
from connectors.errors import (
    AuthError,
    BadAnswer,
    BadRequest,
    ConfigurationError,
    QuotaExhausted,
    RateLimited,
    SourceError,
)
from connectors.fields import comma_separated, dig, first_text, listed, loads, mapping, moment, objects, plain
from connectors.http import Answer, Http, Pace, by_status, redacted, secrets_of
from connectors.limits import next_midnight
from connectors.records import Basis, Observation, Raw, Status, Verb
from connectors.urls import links_in

NAME = "hootsuite"
MOST_PROFILES = 10
PAGE_SIZE = 100
NETWORKS = {
    "FACEBOOKPAGE": "facebook",
    "TWITTER": "twitter",
    "INSTAGRAMBUSINESS": "instagram",
    "TIKTOKBUSINESS": "tiktok",
    "YOUTUBECHANNEL": "youtube",
    "PINTEREST": "pinterest",
    "THREADS": "threads",
}
KINDS: dict[int, type[SourceError]] = {
    **dict.fromkeys((1000, 1001, 1002, 1005, 1007, 1032, 1034, 1036), AuthError),
    **dict.fromkeys((1009, 1010, 1014, 1033, 1037), ConfigurationError),
    **dict.fromkeys((1003, 1004), QuotaExhausted),
    1043: RateLimited,
    3020: BadRequest,
}

Item = dict[str, Any]
Profiles = dict[str, list[str]]


class Settings(ConnectorSettings):
    """Settings of Hootsuite."""

    model_config = SettingsConfigDict(env_prefix="TALLYRANK_HOOTSUITE_")
    required: ClassVar[tuple[str, ...]] = ("client_id", "client_secret")
    instead: ClassVar[Mapping[tuple[str, ...], tuple[str, ...]]] = {("client_id", "client_secret"): ("token",)}

    base_url: str = Field("https://platform.hootsuite.com", description="Address of the API.")
    requests_per_second: float = Field(5.0, gt=0, description="Highest pace; 20 a second are allowed.")
    client_id: str | None = Field(None, description="Id of your Hootsuite app.")
    client_secret: SecretStr | None = Field(None, description="Secret of your Hootsuite app.")
    member_id: str | None = Field(None, description="Id of the member who installed the app.")
    organization_id: str | None = Field(None, description="Id of the organization that installed it, if no member did.")
    token: SecretStr | None = Field(None, description="A ready access token, used instead of the app; lives an hour.")
    profiles: str = Field(
        "", description="Profiles as NETWORK:id, comma-separated (FACEBOOKPAGE:123456); empty for all there are."
    )
    days_back: int = Field(60, ge=1, le=730, description="Posts published in this many days are read every day.")
    like_metrics: str = Field("reactions,likes", description="Names of metrics that mean like, the best first.")
    comment_metrics: str = Field("comments,replies", description="Names of metrics that mean comment.")
    share_metrics: str = Field("shares,retweets,reposts", description="Names of metrics that mean share.")
    save_metrics: str = Field("saves", description="Names of metrics that mean save.")
    view_metrics: str = Field("post_views,impressions", description="Names of metrics that mean view.")
    click_metrics: str = Field("clicks", description="Names of metrics that mean click.")

    @field_validator("profiles")
    @classmethod
    def _named(cls, text: str) -> str:
        """Every profile is a known network and an id."""
        for part in comma_separated(text):
            network, _, number = part.partition(":")
            if network not in NETWORKS or not number:
                raise ValueError(f"{part!r} is not NETWORK:id with one of {', '.join(NETWORKS)}")
        return text

    @property
    def profile_ids(self) -> Profiles:
        """The profiles named, by network."""
        found: Profiles = {}
        for part in comma_separated(self.profiles):
            network, _, number = part.partition(":")
            found.setdefault(network, []).append(number)
        return found

    def names(self, verb: Verb) -> list[str]:
        """The names of metrics of a verb, the best first."""
        return comma_separated(getattr(self, f"{verb.value}_metrics"))

    def missing(self) -> tuple[str, ...]:
        """A ready token needs nothing else; an app needs to know for whom it asks."""
        if plain(self.token):
            return ()
        installed = () if self.member_id or self.organization_id else ("TALLYRANK_HOOTSUITE_MEMBER_ID",)
        return (*super().missing(), *installed)


class Api:
    """Questions with a token that is ready, or fetched for the app and renewed once when it is refused."""

    def __init__(self, http: Http, ask: Ask, secrets: list[str]) -> None:
        self._http, self._settings, self._secrets = http, ask.settings, secrets
        ready = plain(ask.settings.token)
        self._bearer = Bearer(ready, None if ready else self._obtained)

    def get(self, path: str) -> Item:
        """The answer to a GET."""
        return _object(self._bearer.send(lambda headers: self._http.get(path, headers=headers)))

    def post(self, path: str, params: Mapping[str, Any], body: Item) -> Item:
        """The answer to a POST."""
        return _object(self._bearer.send(lambda headers: self._http.post(path, params, json=body, headers=headers)))

    def _obtained(self) -> str:
        settings = self._settings
        key = b64encode(f"{settings.client_id}:{plain(settings.client_secret)}".encode()).decode()
        whom = "member" if settings.member_id else "organization"
        form = {"grant_type": f"{whom}_app", "scope": "analytics:read"}
        form |= {f"{whom}_id": settings.member_id or settings.organization_id}
        answer = _object(self._http.post("/oauth2/token", data=form, headers={"Authorization": f"Basic {key}"}))
        token = str(answer.get("access_token") or "")
        if not token:
            raise BadAnswer(NAME, "the answer that should hold a token has no `access_token`")
        self._secrets.append(token)
        return token


def _object(answer: Answer) -> Item:
    body = answer.json()
    if not isinstance(body, dict):
        raise BadAnswer(NAME, "the answer is no object")
    return body


def hootsuite_error(answer: Answer, secrets: Sequence[str] = (), now: datetime | None = None) -> SourceError | None:
    """What an answer says went wrong, in any of its shapes; errors beside data are for the reader of the page."""
    body = loads(answer.text)
    fields = mapping(body)
    if answer.status < 300 and (not fields.get("errors") or isinstance(fields.get("data"), list)):
        return by_status(answer)
    code, words = _told(fields)
    words = redacted(words or answer.text[:160], tuple(secrets))
    is_app_refused = fields.get("error") in ("invalid_client", "invalid_grant", "unauthorized_client", "invalid_token")
    kind = AuthError if is_app_refused else KINDS.get(code or 0)
    if kind is None and answer.status == 429:
        kind = QuotaExhausted if _is_day_used_up(answer.headers) else RateLimited
    if kind is QuotaExhausted:
        resets_at = next_midnight(now or datetime.now(UTC))
        return QuotaExhausted(
            NAME, f"the allowance is used up until {resets_at:%Y-%m-%d %H:%M} UTC: {words}", resets_at
        )
    if kind is None:
        problem = by_status(answer)
        kind = type(problem) if problem else BadRequest
    return kind(NAME, f"HTTP {answer.status}: {words}")


def _told(fields: Item) -> tuple[int | None, str]:
    """Code and words of an error: of the list, of problem details, or of OAuth."""
    first = next(iter(objects(fields.get("errors"))), None)
    if first:
        code = whole(first.get("code"))
        return code, f"{str(first.get('message'))[:160]} ({code})"
    parts = [fields.get(name) for name in ("title", "detail", "error", "error_description")]
    return None, ": ".join(part[:160] for part in parts if isinstance(part, str) and part)


def _is_day_used_up(headers: Mapping[str, str]) -> bool:
    """Whether the day's allowance (`100000 per day`) has been spent."""
    quota, used = whole(headers.get("x-account-quota", "").split(" ")[0]), whole(headers.get("x-account-quota-used"))
    return quota is not None and used is not None and used >= quota


def heed_limits(answer: Answer, pace: Pace) -> None:
    """Wait for the next second when the requests of this one are used up."""
    if whole(answer.headers.get("x-account-rate-limit-requests-remaining")) == 0:
        pace.pause(1.0)


def fetch_posts(ask: Ask) -> Iterator[Raw]:
    """The posts of each network's profiles."""
    secrets = [*secrets_of(ask.settings)]  # and the tokens that are fetched
    with Http(NAME, ask, classify=lambda answer: hootsuite_error(answer, secrets), after=heed_limits) as http:
        api = Api(http, ask, secrets)
        try:
            profiles = ask.settings.profile_ids or profiles_of(api.get("/v1/socialProfiles"))
        except SourceError as error:
            yield replace(failed(ask, "profiles", error), url=None)
            return
        for network, group in ((n, g) for n, ids in profiles.items() for g in batches(ids, MOST_PROFILES)):
            try:
                yield from _posts_of(ask, api, network, group)
            except SourceError as error:
                yield replace(failed(ask, _named(network, group), error), url=None)
                if error.is_fatal:
                    return


def _named(network: str, profiles: Sequence[str]) -> str:
    return f"{network} {','.join(profiles)}"


def profiles_of(body: Item) -> Profiles:
    """The profiles of an account by network, those left out that analytics does not know."""
    data = body.get("data")
    if not isinstance(data, list):
        raise BadAnswer(NAME, "the list of profiles has no `data`")
    found: Profiles = {}
    for profile in data:
        network, number = dig(profile, "type"), dig(profile, "id")
        if not isinstance(network, str) or number is None:
            raise BadAnswer(NAME, "a profile has no `type` or no `id`")
        if network in NETWORKS:
            found.setdefault(network, []).append(str(number))
    return found


def _posts_of(ask: Ask, api: Api, network: str, profiles: Sequence[str]) -> Iterator[Raw]:
    params = {"datatype": "ORGANIC", "networkId": network, "limit": PAGE_SIZE}
    span = {"since": (ask.day - timedelta(days=ask.settings.days_back)).isoformat(), "until": ask.day.isoformat()}
    body = {"filters": {"profileId": {"in": list(profiles)}, "reportingPeriod": {"timespan": span}}}

    def page_at(cursor: str | None) -> Item:
        return api.post("/v1/analytics/posts", params | ({"cursor": cursor} if cursor else {}), body)

    for page in pages(page_at):
        yield from (_row(ask, network, post) for post in page["data"])
        if page.get("errors"):
            _, words = _told(page)
            error = BadAnswer(NAME, f"part of a page was refused: {redacted(words, secrets_of(ask.settings))}")
            yield replace(failed(ask, f"{_named(network, profiles)}: part of a page", error), url=None)


def pages(page_at: Callable[[str | None], Item]) -> Iterator[Item]:
    """The answers to one question, page by page."""
    cursor: str | None = None
    while True:
        page = page_at(cursor)
        posts = page.get("data")
        if not isinstance(posts, list) or not all(isinstance(dig(p, "externalId"), str) for p in posts):
            raise BadAnswer(NAME, "a page of posts has no list `data`, or a post has no `externalId`")
        info = dig(page.get("metadata"), "collectionInfo")
        if not isinstance(info, dict):
            raise BadAnswer(NAME, "a page of posts has no `collectionInfo`, so nobody knows whether it is the last one")
        following = dig(info.get("next"), "cursor")
        if following and following == cursor:
            raise BadAnswer(NAME, "the next page of posts is this page again")
        yield page
        if not following:
            return
        cursor = str(following)


def _row(ask: Ask, network: str, post: Item) -> Raw:
    payload = project(post, {verb: ask.settings.names(verb) for verb in CONNECTOR.verbs})
    return Raw(f"{NETWORKS[network]}:{post['externalId']}", ask.observed_at, url=page_of(post), payload=payload)


def project(post: Item, names: Mapping[Verb, Sequence[str]]) -> Item:
    """What parsing reads of a post: per verb the metrics that came, in the order of the names."""
    metrics = post.get("metrics")
    kept: Item = {"created_at": post.get("createdAt")}
    if isinstance(metrics, dict):
        kept["metrics"] = {
            verb.value: [[n, metrics[n]] for n in found if n in metrics] for verb, found in names.items()
        }
    return kept


def page_of(post: Item) -> str | None:
    """The web page a post links to: its first link, or the first web address in its text."""
    links = [dig(link, "extendedUrl") for link in listed(post.get("links"))]
    return first_text([*links, *links_in(post.get("content"))])


def parse_posts(rows: Sequence[Raw]) -> Iterator[Observation]:
    """Six readings per post, each of the first of its metrics that came."""
    for row in rows:
        metrics, at = dig(row.payload, "metrics"), moment(dig(row.payload, "created_at"))
        for verb, meaning in CONNECTOR.verbs.items():
            come = dig(metrics, verb.value)
            name, value = _first(come) or (meaning.native, None)
            absent = Status.HIDDEN if come == [] else Status.FAILED
            yield reading(
                CONNECTOR, verb, row, value, absent=absent, native=name, object_id=row.subject, published_at=at,
            )  # fmt: skip


def _first(come: Any) -> tuple[str, Any] | None:
    """Name and value of the first metric of a verb that came."""
    first = come[0] if isinstance(come, list) and come else None
    return (str(first[0]), first[1]) if isinstance(first, list) and len(first) == 2 else None


CONNECTOR = Connector(
    name=NAME,
    title="Hootsuite",
    signal="votes",
    settings=Settings,
    streams=(
        Stream(
            name="posts",
            title="Posts that our profiles published",
            asks="account",
            requests="10 per network and 10 profiles, and 1 for the profiles",
            fetch=fetch_posts,
            parse=parse_posts,
            batch=PAGE_SIZE,
        ),
    ),
    quota="20 requests a second and 100,000 a day; 100 posts of up to 10 profiles each.",
    terms="A customer's contract with Hootsuite; the networks' own rules on keeping their figures hold as well "
    "(unverified). Authors, texts and names of profiles are not kept.",
    kept="as the networks' own rules say, of which the strictest known is YouTube's: 30 days",
    keys_from="Make an app in Hootsuite's app directory (Developer apps), tick analytics:read under Security, install "
    "it, and copy client id, client secret and your member id.",
    verbs={
        Verb.SHARE: VerbMeaning(
            "shares", "The network's count as Hootsuite reports it: shares, retweets or reposts of one post."
        ),
        Verb.LIKE: VerbMeaning(
            "reactions", "The network's count as Hootsuite reports it: reactions to one post, else its likes."
        ),
        Verb.COMMENT: VerbMeaning(
            "comments", "The network's count as Hootsuite reports it: comments on one post, else replies to it."
        ),
        Verb.SAVE: VerbMeaning("saves", "The network's count as Hootsuite reports it: times one post was saved."),
        Verb.VIEW: VerbMeaning(
            "post_views", "The network's count as Hootsuite reports it: views of one post, else its impressions."
        ),
        Verb.CLICK: VerbMeaning(
            "clicks", "The network's count as Hootsuite reports it: clicks on one post, not all of them to the page."
        ),
    },
    basis=Basis.POST,
    is_tool=True,
    cost="Part of a Hootsuite plan with API access.",
)
