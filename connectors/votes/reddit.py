"""Reddit: submissions that link to a page, through praw, the official client.

`GET /api/info?url=<address>&limit=100` lists the submissions of one literal address: scheme, path, query and trailing
slash must agree, `www.`, the host's case and the fragment do not matter. So every page is asked about under each
spelling of its scheme and slash, and a submission that answers to several is taken once. 25 rows come by default,
100 at most, and there is no second page: a full list makes the page's number of submissions a lower bound.
`GET /api/info?id=t3_a,t3_b` takes 100 ids; ids that are unknown or deleted are left out without a word. Where that is
not understood, each submission is asked for by itself: `GET /comments/<id>`, or else `GET /by_id/t3_<id>`. A spelling
of an address that is refused while another one is answered makes the page's number of submissions a lower bound.

Tokens: `POST /api/v1/access_token` with HTTP Basic and `grant_type=client_credentials`; a refusal is a 401 or a 200
with `error` in it. prawcore renews a token that the API refuses, we allow it one renewal per question. 100 requests a
minute per client, averaged over ten minutes; `x-ratelimit-remaining` (a float as text), `-used` and `-reset` (seconds)
say where we are and prawcore spreads its calls by them. A 429 may be HTML without `retry-after`: the wait is then
`x-ratelimit-reset`. A 403 in HTML means that the client is blocked, a 403 in JSON that this may not be read.

like     `score`: upvotes minus downvotes, blurred by Reddit; hidden while `hide_score` is true (`score` then shows 1).
comment  `num_comments`.
share    1 for the submission, plus its `num_crossposts`. A crosspost whose parent is read on the same day counts 0,
         because the parent has counted it.
`view_count` exists and is always null: Reddit tells no views, saves or clicks. A counter that is missing is a failed
reading. A submission that moderators removed still answers by id and is counted.

Retention: no period is fixed, but what was deleted on Reddit must vanish here: refresh known ids, drop those not found.
Authors, titles and texts are never kept. Commercial use needs an agreement; new apps need Reddit's approval (2025).

UNVERIFIED: the present shape of `info?url=` (the newest recording is of 2017), more than 100 ids in one request,
the full list of `removed_by_category`, that Reddit asks for a refresh within 48 hours.
"""

from __future__ import annotations

import configparser
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from connectors.base import (
    Ask,
    Connector,
    ConnectorSettings,
    Post,
    Stream,
    VerbMeaning,
    ask_in_batches,
    nothing_found,
    post_row,
    reading,
    whole,
)
from connectors.errors import (
    AuthError,
    BadAnswer,
    BadRequest,
    ConfigurationError,
    Gone,
    RateLimited,
    SourceError,
    Unavailable,
)
from connectors.fallback import REFUSALS, ManyOrOne, about
from connectors.fields import mapping
from connectors.http import Answer, Pace, by_status, retry_after, retrying, secrets_of
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb
from connectors.urls import url_variants

if TYPE_CHECKING:
    import praw
    import requests

NAME = "reddit"
API, SITE = "https://oauth.reddit.com", "https://www.reddit.com"
# Paths are relative: prawcore joins them by urljoin, which would drop a path prefix before a leading slash.
INFO = "api/info"
SINGLES = ("comments/{id}", "by_id/t3_{id}")
MOST = 100
WINDOW_SECONDS = 600
FIELDS = ("url", "created_utc", "score", "hide_score", "num_comments", "num_crossposts", "crosspost_parent")
KEYS_FROM = (
    "New apps need Reddit's approval (Responsible Builder Policy); then make one of type 'script' at "
    "https://www.reddit.com/prefs/apps and copy its id and secret."
)
# Named here so that no praw.ini and no praw_* variable of the machine can set them.
OURS: dict[str, Any] = dict.fromkeys(("redirect_uri", "refresh_token", "username", "password")) | {
    "check_for_updates": False, "check_for_async": False, "ratelimit_seconds": 5, "timeout": 16, "window_size": 600
}  # fmt: skip


class Settings(ConnectorSettings):
    """Settings of the Reddit connector."""

    model_config = SettingsConfigDict(env_prefix="TALLYRANK_REDDIT_")
    required: ClassVar[tuple[str, ...]] = ("client_id", "client_secret")
    instead: ClassVar[Mapping[tuple[str, ...], tuple[str, ...]]] = {("client_id", "client_secret"): ("token",)}

    base_url: str = Field(API, description="Address of the data API.")
    auth_url: str | None = Field(
        None, description="Address that gives tokens; by default reddit.com, or base_url where that was changed."
    )
    client_id: SecretStr | None = Field(None, description="Id of your Reddit app.")
    client_secret: SecretStr | None = Field(None, description="Secret of your Reddit app.")
    token: SecretStr | None = Field(None, description="A ready bearer token, used instead of the id and the secret.")
    user_agent: str = Field(
        "python:tallyrank:0.1 (votes and rankings research)",
        min_length=7,
        description="How we introduce ourselves; Reddit asks for '<platform>:<app>:<version> (by /u/<name>)'.",
    )
    requests_per_second: float = Field(1.6, gt=0, description="Highest pace; Reddit allows 100 requests a minute.")

    def url_for(self, day: date) -> str:
        """As usual; the first part of the paths at the end of the address is not repeated."""
        return super().url_for(day).removesuffix("/api")

    def auth_url_for(self, day: date) -> str:
        """The address below which tokens are given, without a trailing slash."""
        return self.other_url_for(day, self.auth_url, SITE).removesuffix("/api")


def _revealed(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


class _Api:
    """praw behind our pace, meter and errors. praw is not made for several threads: one question at a time."""

    def __init__(self, ask: Ask) -> None:
        self._ask, self._lock, self._token = ask, threading.Lock(), _revealed(ask.settings.token)
        self._session = _session(ask, can_renew=not self._token)
        self._retry = retrying(ask.settings, longest=WINDOW_SECONDS)
        self._singles: tuple[str, ...] = SINGLES

    def close(self) -> None:
        """Close every connection."""
        self._session.close()

    def info(self, **params: Any) -> list[dict[str, Any]]:
        """The submissions that answer to a question, projected to the fields that parsing reads."""
        return _posts(self._get(INFO, params))

    def single(self, name: str) -> list[dict[str, Any]]:
        """One submission, by the first address that is understood; none when it is gone in Reddit's own words."""
        refusals: list[SourceError] = []
        for path in self._singles:
            try:
                found = _posts(self._get(path.format(id=name.removeprefix("t3_")), {}))
            except REFUSALS as error:
                refusals.append(error)
            else:
                self._singles = (path,)
                return found
        raise refusals[0]

    def _get(self, path: str, params: dict[str, Any]) -> Any:
        with self._lock:
            try:
                return self._retry(self._once, path, params)
            except _NoTokensHere:
                self._go_without()
                return self._retry(self._once, path, params)

    def _go_without(self) -> None:
        """From now on ask without a token: whether the host wants one, its answers will say."""
        self.close()
        self._token, self._session = "none", _session(self._ask, can_renew=False)
        del self._reddit

    def _once(self, path: str, params: dict[str, Any]) -> Any:
        import prawcore

        try:
            return self._reddit.request(method="GET", path=path, params=params)
        except prawcore.RequestException as error:
            raise _own(error.original_exception) from None
        except prawcore.OAuthException as error:
            raise AuthError(NAME, f"no token: {str(error.error)[:80]}. {_advice(self._ask)}") from None
        except prawcore.BadJSON:
            raise BadAnswer(NAME, "HTTP 200, but not JSON") from None
        except prawcore.ResponseException as error:
            raise _refusal(_answer(error.response), self._ask) or BadAnswer(NAME, str(error)) from None
        except (KeyError, TypeError, ValueError) as error:
            raise BadAnswer(NAME, f"token or headers are not as documented ({type(error).__name__})") from None
        except configparser.Error:
            raise ConfigurationError(NAME, "a praw.ini in this folder or your home cannot be read") from None

    @cached_property
    def _reddit(self) -> praw.Reddit:
        import praw

        settings, token = self._ask.settings, self._token
        if wanted := settings.wanted():
            raise ConfigurationError(NAME, f"set {wanted}. {KEYS_FROM}")
        reddit = praw.Reddit(
            "DEFAULT",
            requestor_kwargs={"session": self._session},
            client_id=_revealed(settings.client_id) or "unused",
            client_secret=None if token else _revealed(settings.client_secret),
            user_agent=settings.user_agent,
            oauth_url=f"{self._ask.base_url}/",
            reddit_url=settings.auth_url_for(self._ask.day),
            **OURS,
        )
        if token:
            reddit.auth.implicit(access_token=token, expires_in=86400, scope="*")
        return reddit


class _NoTokensHere(Gone):
    """The host has no address that gives tokens."""


def _session(ask: Ask, *, can_renew: bool) -> requests.Session:
    """A session that keeps our pace, counts every request, and turns failures into our errors.

    prawcore retries its own choice of failures after waits of its own; errors raised here pass through it untouched,
    so that there is one rule of retrying. Only the first 401 is left to it, to renew the token.
    """
    import requests

    paced = (NAME, urlsplit(ask.base_url).netloc, *secrets_of(ask.settings))
    pace = Pace(ask.settings.requests_per_second, of=paced)

    class Session(requests.Session):
        may_renew = can_renew

        def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> requests.Response:
            pace.wait()
            ask.meter.count()
            try:
                response = super().request(method, url, *args, **kwargs | {"timeout": ask.settings.timeout_seconds})
            except requests.RequestException as error:
                raise Unavailable(NAME, f"{type(error).__name__} at {urlsplit(url).hostname}") from None
            refusal = _refusal(_answer(response), ask)
            if method != "GET" and response.status_code in (404, 405, 501):
                raise _NoTokensHere(NAME, f"no tokens are given there: HTTP {response.status_code}")
            if refusal and not (response.status_code == 401 and self.may_renew):
                raise refusal
            # A new token is no proof yet; an answered question is.
            self.may_renew = can_renew and not refusal and (self.may_renew or method == "GET")
            return response

    return Session()


def _answer(response: requests.Response) -> Answer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(NAME, response.status_code, headers, response.text if response.status_code >= 300 else "")


def _refusal(answer: Answer, ask: Ask) -> SourceError | None:
    """What an answer's status means on Reddit; None for a good one."""
    if answer.status == 401:
        return AuthError(NAME, f"HTTP 401, our credentials are refused. {_advice(ask)}")
    if answer.status == 403 and answer.text.lstrip().startswith("<"):
        return ConfigurationError(
            NAME, "HTTP 403 with a page: Reddit blocks this client. Check TALLYRANK_REDDIT_USER_AGENT."
        )
    if answer.status == 429:
        seconds = _pause(answer)
        when = "" if seconds is None else f" again in {seconds:.0f} seconds"
        return RateLimited(NAME, f"HTTP 429, the app's requests are used up: ask{when or ' later'}", seconds)
    return by_status(answer)


def _advice(ask: Ask) -> str:
    if _revealed(ask.settings.token):
        return "The token is expired or revoked: set a new TALLYRANK_REDDIT_TOKEN."
    return "Check TALLYRANK_REDDIT_CLIENT_ID and TALLYRANK_REDDIT_CLIENT_SECRET."


def _pause(answer: Answer) -> float | None:
    asked = retry_after(answer)
    reset = answer.headers.get("x-ratelimit-reset", "")
    return float(reset) if asked is None and reset.replace(".", "", 1).isdigit() else asked


def _own(error: Exception) -> SourceError:
    return error if isinstance(error, SourceError) else Unavailable(NAME, type(error).__name__)


def _posts(listing: Any) -> list[dict[str, Any]]:
    """The submissions of a listing; one without a name could be mistaken for a deleted one, so it spoils the answer."""
    try:
        listing = listing[0] if isinstance(listing, list) else listing  # with a second one of comments
        posts = [_projected(child["data"]) for child in listing["data"]["children"]]
        if not all(isinstance(p["object_id"], str) for p in posts):
            raise TypeError
    except (IndexError, KeyError, TypeError):
        raise BadAnswer(NAME, "not a listing of posts with names: has the API changed?") from None
    return posts


def _projected(post: dict[str, Any]) -> dict[str, Any]:
    """What parsing reads of a submission; its `name` there is an id, not a name of somebody."""
    return {"object_id": post["name"], **{k: post[k] for k in FIELDS if k in post}}


def fetch_by_url(ask: Ask) -> Iterator[Raw]:
    """One row per page with all submissions found under its spellings; `is_full` if there may be more."""
    with closing(_Api(ask)) as api:
        yield from ask_in_batches(ask, ask.urls, 1, lambda urls: [_search(ask, api, url) for url in urls])


def _search(ask: Ask, api: _Api, url: str) -> Raw:
    spellings = [v for v in url_variants(url) if "#" not in v]
    if not spellings:
        raise BadRequest(NAME, "this is not a web address")
    lists, refusals = _answers(api, spellings)
    posts = {post["object_id"]: post for found in lists for post in found}
    is_full = bool(refusals) or any(len(found) >= MOST for found in lists)
    return Raw(url, ask.observed_at, url=url, payload={"posts": list(posts.values()), "is_full": is_full})


def _answers(api: _Api, spellings: Sequence[str]) -> tuple[list[list[dict[str, Any]]], list[SourceError]]:
    """What is found under each spelling, and refusals; raises the first of them when nothing was answered."""
    lists: list[list[dict[str, Any]]] = []
    refusals: list[SourceError] = []
    for spelling in spellings:
        try:
            lists.append(api.info(url=spelling, limit=MOST))
        except (BadRequest, Gone) as error:
            refusals.append(error)
    if not lists:
        raise refusals[0]
    return lists, refusals


def fetch_by_post(ask: Ask) -> Iterator[Raw]:
    """One row per known submission, 100 ids to a request; ids that Reddit leaves out are not found."""
    with closing(_Api(ask)) as api:
        forms = ManyOrOne[Post](ask, lambda posts: _refresh(ask, api, posts), lambda post: _alone(ask, api, post))
        yield from ask_in_batches(ask, ask.posts, MOST, forms)


def fullname(object_id: str) -> str:
    """A submission's id as Reddit asks for it, with its kind before it."""
    return object_id if "_" in object_id else f"t3_{object_id}"


def _refresh(ask: Ask, api: _Api, posts: Sequence[Post]) -> Iterator[Raw]:
    names = [fullname(post.object_id) for post in posts]
    return _rows(ask, posts, api.info(id=",".join(names)))


def _alone(ask: Ask, api: _Api, post: Post) -> Iterator[Raw]:
    return _rows(ask, [post], api.single(fullname(post.object_id)))


def _rows(ask: Ask, posts: Sequence[Post], answer: Sequence[dict[str, Any]]) -> Iterator[Raw]:
    names = {fullname(post.object_id) for post in posts}
    found = about(NAME, names, {post["object_id"]: post for post in answer})
    for post in posts:
        yield post_row(ask, post, found.get(fullname(post.object_id)))


def parse_by_url(rows: Sequence[Raw]) -> Iterator[Observation]:
    """Readings of every submission once, under the address that it links to; zeros for a page without any."""
    found: dict[str, tuple[Raw, dict[str, Any]]] = {}
    for row in rows:
        posts = mapping(row.payload).get("posts")
        if not isinstance(posts, list) or not posts:
            yield from nothing_found(CONNECTOR, row, 0 if posts == [] else None, quality=Quality.LOWER_BOUND)
            continue
        for n, post in enumerate(map(mapping, posts)):
            found.setdefault(str(post.get("object_id") or f"{row.subject} {n}"), (row, post))
    for row, post in found.values():
        yield from _readings(row, post, found.keys(), _link(post) or row.url)


def parse_by_post(rows: Sequence[Raw]) -> Iterator[Observation]:
    """Readings of every submission under the page it was found for."""
    names = {row.subject for row in rows if row.status is Status.OBSERVED}
    for row in rows:
        post = mapping(row.payload) | {"object_id": row.subject}
        yield from _readings(row, post, names, row.url or _link(post))


def _link(post: dict[str, Any]) -> str | None:
    url = post.get("url")
    return url if isinstance(url, str) and url.startswith(("http://", "https://")) else None


def _readings(row: Raw, post: dict[str, Any], names: Collection[str], url: str | None) -> Iterator[Observation]:
    is_hidden = post.get("hide_score") is True
    is_there, is_full = row.status is Status.OBSERVED, mapping(row.payload).get("is_full") is True
    counts: dict[Verb, Any] = {
        Verb.LIKE: None if is_hidden else post.get("score"),
        Verb.COMMENT: post.get("num_comments"),
        Verb.SHARE: _shares(post, names),
    }
    for verb, count in counts.items():
        absent = Status.HIDDEN if verb is Verb.LIKE and is_hidden else Status.FAILED
        more: dict[str, Any] = {"quality": Quality.LOWER_BOUND} if verb is Verb.SHARE and is_full else {}
        yield reading(
            CONNECTOR, verb, row, count, absent=absent if is_there else row.status, url=url,
            object_id=post.get("object_id"), published_at=_published_at(post), **more,
        )  # fmt: skip


def _shares(post: dict[str, Any], names: Collection[str]) -> int | None:
    crossposts, parent = whole(post.get("num_crossposts")), post.get("crosspost_parent")
    if isinstance(parent, str) and parent in names:
        return 0
    return None if crossposts is None else 1 + crossposts


def _published_at(post: dict[str, Any]) -> datetime | None:
    created = post.get("created_utc")
    try:
        if isinstance(created, (int, float)) and not isinstance(created, bool):
            return datetime.fromtimestamp(created, UTC)
        return datetime.fromisoformat(post["published_at"])
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return None


CONNECTOR = Connector(
    name=NAME,
    title="Reddit",
    signal="votes",
    settings=Settings,
    basis=Basis.POST,
    streams=(
        Stream("by_url", "Submissions that link to a page", "urls", fetch_by_url, parse_by_url, 1, 4000),
        Stream("by_post", "Counters of known submissions", "posts", fetch_by_post, parse_by_post, MOST, 10),
    ),
    verbs={
        Verb.LIKE: VerbMeaning("score", "Upvotes minus downvotes of a submission, blurred by Reddit.", Quality.FUZZED),
        Verb.COMMENT: VerbMeaning("num_comments", "Comments below a submission, replies included."),
        Verb.SHARE: VerbMeaning(
            "num_crossposts",
            "1 for the submission itself plus its crossposts; a crosspost counts 0 where its parent is read too.",
            passing_on="beyond_the_post",
        ),
    },
    quota="100 requests a minute per app, averaged over 10 minutes. A page takes 4 requests, 100 known posts take 1.",
    terms="What was deleted on Reddit must vanish here: refresh known posts (every 48 hours is common practice) and "
    "drop those not found. No names or ids of people. Commercial use needs an agreement with Reddit.",
    keys_from=KEYS_FROM,
    cost="Free for approved apps; commercial use by agreement.",
    forgets_deleted=True,
)
