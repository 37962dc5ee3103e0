"""X: posts that link to a page, and the counters of known posts. API v2, pay per use, on the app's own bearer token.

- by_url: `GET /2/tweets/counts/recent?query=…&granularity=day`, one page per request: how many posts of the last seven
  days link to it. Counted from an index from which deleted posts have not been taken, and by words: at best fuzzed.
- search: `GET /2/tweets/search/recent` (7 days) or, where `search_days` is more, `/2/tweets/search/all` (not on every
  plan), pages by `meta.next_token`. Each post is charged, so nothing is searched unless `search_per_day` is above 0.
- by_post: `GET /2/tweets?ids=…`, 100 posts per request; where that is not understood, `GET /2/tweets/<id>` for each.

The operator is `url:"…"`, quoted because a bare slash is refused. It matches words in a row, so `a.example/b` also
finds `a.example/b-c`: search confirms every hit by the key of its `unwound_url` or `expanded_url`; a count cannot. We
ask for the key of the page (no scheme, no `www.`: `url_query=bare`) or for the address as given (`full`), without
reposts. Spellings with one query are asked about once.

X renames posts (2026): `tweet.fields` becomes `post.fields`, `retweet_count` `repost_count`, `total_tweet_count`
`total_post_count`. Which of them the service speaks today is UNVERIFIED. Both are read, and the selector that
`fields_parameter` names is asked first; after a 400 the other one is tried, once.

Verbs of a post: share is reposts + `quote_count` (quotes are not in the reposts; without them it is a lower bound),
like is `like_count`, comment is `reply_count`, save is `bookmark_count`, view is `impression_count`. Bookmarks and
impressions are hidden where they are left out; the others always come, so without them a reading failed. A view of 0
on a post from before December 2022 is a default zero. Clicks are told about own posts only and are not read.
Verb of a page: share is the number of posts of seven days, a moving window, never to be compared with a lifetime.

What is left out: X omits what is empty, `data` as well. Posts that are gone stand in `errors` beside `data`, told by
the last part of `type`: resource-not-found, resource-unavailable and disallowed-resource are not found;
not-authorized-for-resource (protected) is hidden; anything else is failed. The words beside it may name people.

Money: a post read, a count and a search have prices of their own (settings). A price is spent before the request is
sent: of a search or look-up that of all posts that may come. What did not come is given back, and so is the price of a
question that was refused. A request tried again is not paid twice. That X charges the same post once per UTC day is
not counted on.

Errors are problems `{"title", "detail", "type", "status"}`, some without `status`, matched by the last part of `type`.
402: the credits are used up. 429: `x-rate-limit-reset` (unix seconds) says until when, or `usage-capped` that the cap
of the month is reached. 403 client-forbidden or unsupported-authentication: the app is not set up. Per 15 minutes: 300
counts, 450 searches (300 of the archive, one per second), 3,500 look-ups.

Terms: what is deleted or protected there must go here (as soon as possible, 24 hours after a request). The policy
forbids measuring X for competitive or commercial benchmarks: have it read by a lawyer before numbers leave the house.

UNVERIFIED: the vocabulary, that `url:` matches words in a row and takes an address without its scheme, the 0 of old
impressions, whether a repeated count is charged again (we assume so) and whether a search costs anything but its posts
(we assume not).
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any, ClassVar, Literal

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from connectors.base import (
    Ask,
    Connector,
    PaidSettings,
    Post,
    Stream,
    T,
    VerbMeaning,
    ask_in_batches,
    failed,
    nothing_found,
    reading,
    whole,
)
from connectors.errors import (
    AuthError,
    BadAnswer,
    BadRequest,
    ConfigurationError,
    Gone,
    NotPermitted,
    QuotaExhausted,
    RateLimited,
    SourceError,
    Unavailable,
    WalletEmpty,
)
from connectors.fallback import ManyOrOne, about, id_text
from connectors.fields import dig, listed, loads, moment, objects, picked, plain
from connectors.http import LONGEST_WAIT_SECONDS, Answer, Http, Pace, by_status
from connectors.limits import limited, seconds_until
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb
from connectors.urls import url_key

NAME = "x"
BATCH = 100
RECENT_DAYS = 7
LONGEST_QUERY = {"recent": 512, "all": 1024}
SELECTORS = ("tweet.fields", "post.fields")
METRICS = (
    "repost_count", "retweet_count", "quote_count", "like_count", "reply_count", "bookmark_count", "impression_count",
)  # fmt: skip
TOTALS, BUCKETS = ("total_post_count", "total_tweet_count"), ("post_count", "tweet_count")
LOST = frozenset({"resource-not-found", "resource-unavailable", "disallowed-resource"})
WITHHELD = frozenset({"not-authorized-for-resource", "field-unauthorized", "not-authorized-for-field"})
NOT_SET_UP = frozenset({"client-forbidden", "unsupported-authentication"})
IMPRESSIONS_SINCE = datetime(2022, 12, 15, tzinfo=UTC)
KEYS_FROM = "Create an app at console.x.com, buy credits, and copy its bearer token or its API key and secret."

_ID = re.compile(r"[0-9]{1,19}")
Item = dict[str, Any]


class Settings(PaidSettings):
    """Settings of X: a bearer token, or an app's key and secret; prices; and how pages are searched for."""

    model_config = SettingsConfigDict(env_prefix="TALLYRANK_X_")
    required: ClassVar[tuple[str, ...]] = ("token",)
    instead: ClassVar[Mapping[tuple[str, ...], tuple[str, ...]]] = {("token",): ("api_key", "api_secret")}

    base_url: str = Field("https://api.x.com", description="Address of the API, without version.")
    token: SecretStr | None = Field(None, description="Bearer token of the app.")
    api_key: SecretStr | None = Field(None, description="API key of the app; with its secret it gets a token.")
    api_secret: SecretStr | None = Field(None, description="API secret of the app.")
    requests_per_second: float = Field(0.33, gt=0, description="Highest pace; 300 counts are allowed in 15 minutes.")
    fields_parameter: Literal["tweet.fields", "post.fields"] = Field(
        "tweet.fields", description="Name of the parameter that chooses fields; the other one is tried after a 400."
    )
    url_query: Literal["bare", "full"] = Field(
        "bare", description="Look for a page without scheme and www (bare) or by its whole address (full)."
    )
    search_per_day: int = Field(0, ge=0, description="Pages per day to search posts about; 0 leaves the search off.")
    search_days: int = Field(
        RECENT_DAYS, ge=1, le=7000, description="Days to look back; above 7 the full archive is searched."
    )
    search_results: int = Field(10, ge=10, le=100, description="Posts per page of a search; that many are paid ahead.")
    search_pages: int = Field(10, ge=1, description="Most pages of posts to read about one web page.")
    usd_per_post: float = Field(0.005, ge=0, description="Price of one post that is read, in US dollars.")
    usd_per_count: float = Field(0.005, ge=0, description="Price of one count of posts, in US dollars.")
    usd_per_search: float = Field(0.0, ge=0, description="Price of a search beside that of its posts, in US dollars.")

    def url_for(self, day: date) -> str:
        """As usual; a version at the end of the address is not repeated."""
        return super().url_for(day).removesuffix("/2")


def x_error(answer: Answer, token: str = "") -> SourceError | None:
    """What an answer says went wrong: by HTTP status, then by the last part of the problem's type."""
    if answer.status < 300:
        return None
    body, kind = loads(answer.text), _kind(loads(answer.text))
    words = _words(body) or answer.text
    answer = replace(answer, text=words.replace(token, "***") if token else words)
    if answer.status == 402:
        return WalletEmpty(answer.source, "the prepaid credits are used up (HTTP 402); buy more at console.x.com")
    if answer.status == 429:
        return _too_fast(answer, kind == "usage-capped" or dig(body, "title") == "UsageCapExceeded")
    if answer.status == 401:
        return AuthError(answer.source, f"the token is refused; make a new one: {answer.text[:160]}")
    if answer.status == 403 and kind in NOT_SET_UP:
        return ConfigurationError(answer.source, f"the app is not set up for this: {answer.text[:160]}")
    return by_status(answer)


def _words(body: Any) -> str:
    """A problem in one line: its title, its detail, and what is said of the parameters."""
    inner = dig(body, "errors")
    messages = [dig(error, "message") for error in listed(inner)]
    told = [dig(body, "title"), dig(body, "detail"), dig(body, "reason"), *messages]
    return "; ".join(dict.fromkeys(word for word in told if isinstance(word, str) and word))


def _kind(problem: Any) -> str:
    """The last part of a problem's type, whatever the host before it."""
    kind = dig(problem, "type")
    return kind.rstrip("/").rpartition("/")[2] if isinstance(kind, str) else ""


def _too_fast(answer: Answer, is_capped: bool) -> SourceError:
    if is_capped:
        return QuotaExhausted(answer.source, f"the cap of the period is reached: {answer.text[:160]}")
    return limited(answer.source, f"HTTP 429: {answer.text[:160]}", seconds_to_reset(answer))


def seconds_to_reset(answer: Answer) -> float | None:
    """Seconds until the window of 15 minutes begins anew, from its header in unix seconds."""
    return seconds_until(answer.headers.get("x-rate-limit-reset", ""))


def heed_window(answer: Answer, pace: Pace) -> None:
    """Wait for the next window when this one is used up."""
    if answer.status < 300 and answer.headers.get("x-rate-limit-remaining") == "0":
        pace.pause(min(seconds_to_reset(answer) or 0.0, LONGEST_WAIT_SECONDS))


class Api:
    """Questions to X, each paid for before it is sent, under the vocabulary that X accepts."""

    def __init__(self, ask: Ask, http: Http) -> None:
        self._ask, self._http = ask, http
        preferred = ask.settings.fields_parameter
        self._selectors = (preferred, *(name for name in SELECTORS if name != preferred))

    @contextmanager
    def _paying(self, usd: float) -> Iterator[None]:
        """Spends the price of a question before it is sent; what X refuses it does not charge."""
        self._ask.meter.spend(NAME, usd)
        try:
            yield
        except (BadRequest, ConfigurationError, Gone, NotPermitted, QuotaExhausted, RateLimited):
            self._ask.meter.settle(-usd)
            raise

    def read(self, path: str, params: Mapping[str, Any], usd: float) -> Item:
        """One answer, an object."""
        with self._paying(usd):
            return self._get(path, params)

    def read_posts(self, path: str, params: Mapping[str, Any], fields: str, most: int, usd: float = 0.0) -> Item:
        """One answer about at most so many posts, with their fields. Posts that did not come are not paid."""
        price = self._ask.settings.usd_per_post
        with self._paying(usd + most * price):
            body = self._selected(path, params, fields)
        if unread := max(most - len(posts_in(body)), 0):
            self._ask.meter.settle(-unread * price)
        return body

    def _selected(self, path: str, params: Mapping[str, Any], fields: str) -> Item:
        refusals: list[BadRequest] = []
        for selector in self._selectors:
            try:
                body = self._get(path, {**params, selector: fields})
            except BadRequest as error:
                refusals.append(error)
                continue
            self._selectors = (selector,)
            return body
        raise refusals[0]

    def _get(self, path: str, params: Mapping[str, Any]) -> Item:
        body = self._http.get(path, params).json()
        if not isinstance(body, dict):
            raise BadAnswer(NAME, "the answer is no object")
        return body


def _asked(
    ask: Ask,
    subjects: Sequence[T],
    size: int,
    answer: Callable[[Api, Sequence[T]], Iterable[Raw]],
    one: Callable[[Api, T], Iterable[Raw]] | None = None,
) -> Iterator[Raw]:
    """Ask about all subjects with the app's token; without one they fail, and nothing is asked. `one` is the question
    about a single subject, where it differs.
    """
    try:
        token = _token(ask) if subjects else ""
    except SourceError as error:
        yield from (failed(ask, subject, error) for subject in subjects)
        return
    rule, headers = partial(x_error, token=token), {"Authorization": f"Bearer {token}"} if token else {}
    with Http(NAME, ask, classify=rule, after=heed_window, headers=headers) as http:
        api = Api(ask, http)
        several = partial(answer, api)
        yield from ask_in_batches(ask, subjects, size, ManyOrOne(ask, several, partial(one, api)) if one else several)


def _token(ask: Ask) -> str:
    """The token given, or one that X gives for the app's key and secret."""
    if token := plain(ask.settings.token):
        return token
    key, secret = plain(ask.settings.api_key), plain(ask.settings.api_secret)
    if not key or not secret:
        raise ConfigurationError(NAME, f"set {' and '.join(ask.settings.missing())}. {KEYS_FROM}")
    basic = {"Authorization": "Basic " + b64encode(f"{key}:{secret}".encode()).decode()}
    with Http(NAME, ask, classify=_token_error, headers=basic) as http:
        try:
            answer = http.post("/oauth2/token", data={"grant_type": "client_credentials"}).json()
        except (BadRequest, Gone):  # this host gives no tokens: whether it wants one, its answers will say
            return ""
    found = dig(answer, "access_token")
    if not isinstance(found, str) or not found:
        raise BadAnswer(NAME, "the answer to a request for a token holds none")
    return found


def _token_error(answer: Answer) -> SourceError | None:
    if answer.status in (400, 401, 403):
        return AuthError(answer.source, f"no token for this API key and secret; check both (HTTP {answer.status})")
    return x_error(answer)


def query_of(url: str, how: str) -> str:
    """The query that finds posts with a link to a page; BadRequest for what is no web address."""
    key = url_key(url)
    if key is None:
        raise BadRequest(NAME, "this is not a web address")
    phrase = (key if how == "bare" else url.strip()).replace('"', "%22")
    return f'url:"{phrase}" -is:retweet'


def _ask_pages(ask: Ask, longest: int, answer: Callable[[Api, str, str], Iterable[Raw]]) -> Iterator[Raw]:
    """Ask about each page once, however many spellings of its address were given; each spelling gets the rows."""
    groups: dict[str, list[str]] = {}
    for url in dict.fromkeys(ask.urls):
        try:
            query = query_of(url, ask.settings.url_query)
            if len(query) > longest:
                raise BadRequest(NAME, f"this address is too long to be searched for ({longest} characters at most)")
            groups.setdefault(query, []).append(url)
        except BadRequest as error:
            yield failed(ask, url, error)

    def one(api: Api, queries: Sequence[str]) -> Iterable[Raw]:
        query = queries[0]
        return [replace(row, subject=query) for row in answer(api, query, groups[query][0])]

    for row in _asked(ask, list(groups), 1, one):
        yield from (replace(row, subject=url, url=url) for url in groups[row.subject])


def fetch_by_url(ask: Ask) -> Iterator[Raw]:
    """How many posts of the last seven days link to each page."""

    def count(api: Api, query: str, url: str) -> Iterator[Raw]:
        params = {"query": query, "granularity": "day"}
        body = api.read("/2/tweets/counts/recent", params, ask.settings.usd_per_count)
        yield Raw(url, ask.observed_at, url=url, payload={"posts_7d": total_in(body)})

    return _ask_pages(ask, LONGEST_QUERY["recent"], count)


def total_in(body: Item) -> int:
    """The total of a count, or the sum of its days where the total is missing."""
    total = _first(body.get("meta"), TOTALS)
    days = body.get("data")
    if total is None and isinstance(days, list) and days:
        counts = [_first(day, BUCKETS) for day in days]
        total = None if None in counts else sum(count or 0 for count in counts)
    if total is None:
        raise BadAnswer(NAME, "a count of posts has neither a total nor the counts of its days")
    return total


def parse_by_url(rows: Sequence[Raw]) -> Iterator[Observation]:
    """One reading per page, of the page itself."""
    for row in rows:
        more = {"basis": Basis.PAGE, "native": "total_post_count_7d", "quality": Quality.FUZZED}
        yield reading(CONNECTOR, Verb.SHARE, row, dig(row.payload, "posts_7d"), absent=Status.FAILED, **more)


def fetch_search(ask: Ask) -> Iterator[Raw]:
    """The posts that link to each page; nothing unless it is switched on."""
    if not ask.settings.search_per_day:
        return
    where = "recent" if ask.settings.search_days <= RECENT_DAYS else "all"

    def search(api: Api, query: str, url: str) -> Iterator[Raw]:
        found = list(posts(partial(_search, ask, api, where, query), ask.settings.search_pages))
        if found and not any(_links(post) for post in found):
            raise BadAnswer(NAME, "no post found by its link has `entities.urls`: the field may have been renamed")
        ours = [post for post in found if url_key(url) in _links(post)]
        payloads = [project(post) | {"object_id": post["id"]} for post in ours] or [{"posts": 0}]
        return (Raw(url, ask.observed_at, url=url, payload=payload) for payload in payloads)

    yield from _ask_pages(ask, LONGEST_QUERY[where], search)


def posts(page: Callable[[Mapping[str, str]], Item], most_pages: int) -> Iterator[Item]:
    """Every post of a search, each once, up to so many pages."""
    seen: set[str] = set()
    more: dict[str, str] = {}
    for _ in range(most_pages):
        body = page(more)
        fresh = {post["id"]: post for post in posts_in(body) if post["id"] not in seen}
        yield from fresh.values()
        seen |= fresh.keys()
        following = dig(body.get("meta"), "next_token")
        if not isinstance(following, str) or not following:
            return
        if following == more.get("next_token"):
            raise BadAnswer(NAME, "the next page of posts is this page again")
        more = {"next_token": following}


def _search(ask: Ask, api: Api, where: str, query: str, more: Mapping[str, str]) -> Item:
    settings = ask.settings
    params: dict[str, Any] = {"query": query, "max_results": settings.search_results, **more}
    if where == "all":
        since = ask.observed_at - timedelta(days=settings.search_days)
        params["start_time"] = f"{since:%Y-%m-%dT%H:%M:%SZ}"
    fields, path = "created_at,entities,public_metrics", f"/2/tweets/search/{where}"
    body = api.read_posts(path, params, fields, settings.search_results, settings.usd_per_search)
    if "data" not in body and whole(dig(body.get("meta"), "result_count")) != 0:
        raise BadAnswer(NAME, "a search has neither `data` nor a `result_count` of 0")
    return body


def posts_in(body: Item) -> list[Item]:
    """The posts of an answer; `data` is left out when there are none."""
    data = body.get("data", [])
    found = [data] if isinstance(data, dict) else data
    if not isinstance(found, list) or not all(isinstance(id_text(dig(post, "id")), str) for post in found):
        raise BadAnswer(NAME, "`data` is no list of posts, or a post has no `id`")
    return [{**post, "id": id_text(post["id"])} for post in found]


def _links(post: Item) -> set[str | None]:
    """The keys of all addresses that a post links to."""
    urls = dig(post.get("entities"), "urls")
    found = [dig(url, name) for url in listed(urls) for name in _ADDRESSES]
    return {url_key(url) for url in found if isinstance(url, str)}


_ADDRESSES = ("unwound_url", "expanded_url")


def project(post: Item) -> Item:
    """What parsing reads of a post."""
    metrics = post.get("public_metrics")
    kept = picked(metrics, METRICS) if isinstance(metrics, dict) else None
    return {"created_at": post.get("created_at"), "public_metrics": kept}


def fetch_by_post(ask: Ask) -> Iterator[Raw]:
    """The counters of known posts, 100 per request."""
    # One strange id would fail the hundred that it is asked with.
    for post in ask.posts:
        if not _ID.fullmatch(post.object_id):
            yield failed(ask, post, BadRequest(NAME, "this is no id of a post: ids are up to 19 digits"))
    known = [post for post in ask.posts if _ID.fullmatch(post.object_id)]
    yield from _asked(ask, known, BATCH, partial(_look_up, ask), partial(_look_up_one, ask))


def _look_up(ask: Ask, api: Api, asked: Sequence[Post]) -> list[Raw]:
    ids = list(dict.fromkeys(post.object_id for post in asked))
    body = api.read_posts("/2/tweets", {"ids": ",".join(ids)}, "created_at,public_metrics", len(ids))
    return _told(ask, asked, body)


def _look_up_one(ask: Ask, api: Api, asked: Post) -> list[Raw]:
    return _told(ask, [asked], api.read_posts(f"/2/tweets/{asked.object_id}", {}, "created_at,public_metrics", 1))


def _told(ask: Ask, asked: Sequence[Post], body: Item) -> list[Raw]:
    problems = problems_in(body)
    ids = {post.object_id for post in asked}
    found = {post["id"]: post for post in posts_in(body)}
    found = found if ids & problems.keys() else about(NAME, ids, found)
    if not found and not problems:
        raise BadAnswer(NAME, "the answer has neither posts nor problems with them")
    return [_row(ask, post, found.get(post.object_id), problems.get(post.object_id)) for post in asked]


def problems_in(body: Item) -> dict[str, str]:
    """What is the matter with single posts, by id: the last part of the problem's type, never its words."""
    told = objects(body.get("errors"))
    named = {str(error.get("resource_id") or error.get("value") or ""): _kind(error) for error in told}
    return {i: kind for i, kind in named.items() if i}


def _row(ask: Ask, post: Post, item: Item | None, problem: str | None) -> Raw:
    known = {**post.known, "problem": problem}
    if item is not None:
        return Raw(post.object_id, ask.observed_at, url=post.url, payload=project(item) | known)
    if problem in LOST:
        return Raw(post.object_id, ask.observed_at, Status.NOT_FOUND, post.url, payload=known)
    if problem in WITHHELD:
        return Raw(post.object_id, ask.observed_at, url=post.url, payload=known)
    if problem is None:
        return failed(ask, post, BadAnswer(NAME, "the answer says nothing about this post"))
    return failed(ask, post, Unavailable(NAME, f"X could not tell of this post ({problem})"))


def parse_search(rows: Sequence[Raw]) -> Iterator[Observation]:
    """Five readings per post, or five zeros of quality lower_bound for a page that no post was found for."""
    for row in rows:
        object_id = dig(row.payload, "object_id")
        if whole(dig(row.payload, "posts")) == 0:
            yield from nothing_found(CONNECTOR, row, 0, quality=Quality.LOWER_BOUND)
        else:
            yield from _readings(row, object_id if isinstance(object_id, str) else None)


def parse_by_post(rows: Sequence[Raw]) -> Iterator[Observation]:
    """Five readings per post that was asked about."""
    for row in rows:
        yield from _readings(row, row.subject)


def _readings(row: Raw, object_id: str | None) -> Iterator[Observation]:
    published = moment(dig(row.payload, "created_at")) or moment(dig(row.payload, "published_at"))
    metrics = dig(row.payload, "public_metrics")
    for verb in CONNECTOR.verbs:
        value, more = _counted(verb, metrics, published)
        absent = _absence(row, verb, metrics)
        yield reading(CONNECTOR, verb, row, value, absent=absent, object_id=object_id, published_at=published, **more)


def _counted(verb: Verb, metrics: Any, published: datetime | None) -> tuple[int | None, Item]:
    """A verb's count, and what is special about it."""
    if verb is Verb.SHARE:
        reposts, quotes = _first(metrics, METRICS[:2]), _first(metrics, ("quote_count",))
        if reposts and quotes is None:
            return reposts, {"native": "repost_count", "quality": Quality.LOWER_BOUND}
        return (None if reposts is None or quotes is None else reposts + quotes), {}
    count = _first(metrics, (CONNECTOR.verbs[verb].native,))
    is_old = published is None or published < IMPRESSIONS_SINCE
    is_default = verb is Verb.VIEW and count == 0 and is_old
    return count, {"quality": Quality.DEFAULT_ZERO} if is_default else {}


def _absence(row: Raw, verb: Verb, metrics: Any) -> Status:
    """What it means that a count is missing."""
    if row.status is Status.NOT_FOUND:
        return Status.NOT_FOUND
    if dig(row.payload, "problem") in WITHHELD:
        return Status.HIDDEN
    return Status.HIDDEN if metrics and verb in (Verb.SAVE, Verb.VIEW) else Status.FAILED


def _first(value: Any, names: Iterable[str]) -> int | None:
    """The first whole number among the fields of these names."""
    counts = (whole(dig(value, name)) for name in names)
    return next((count for count in counts if count is not None), None)


def _usd_of_search(settings: Settings, n: int) -> float:
    return n * (settings.usd_per_search + settings.search_results * settings.usd_per_post)


CONNECTOR = Connector(
    name=NAME,
    title="X",
    signal="votes",
    settings=Settings,
    streams=(
        Stream(
            name="by_url",
            title="Posts of the last seven days that link to pages, counted",
            asks="urls",
            fetch=fetch_by_url,
            parse=parse_by_url,
            requests_per_1000=1000,
            basis=Basis.PAGE,
            verbs=(Verb.SHARE,),
            usd=lambda settings, n: n * settings.usd_per_count,
        ),
        Stream(
            name="search",
            title="Posts that link to pages",
            asks="urls",
            requests="1 per page and 100 posts about it",
            fetch=fetch_search,
            parse=parse_search,
            budget="search_per_day",
            usd=_usd_of_search,
        ),
        Stream(
            name="by_post",
            title="Counters of known posts",
            asks="posts",
            fetch=fetch_by_post,
            parse=parse_by_post,
            batch=BATCH,
            requests_per_1000=10,
            usd=lambda settings, n: n * settings.usd_per_post,
        ),
    ),
    quota="Per 15 minutes 300 counts, 450 searches and 3,500 look-ups of 100 posts; 3 million posts read a month.",
    terms="X Developer Agreement: what is deleted or protected on X must go here at once. No measuring of X for "
    "commercial or competitive benchmarks, no merging into one score. Authors and texts are not kept.",
    keys_from=KEYS_FROM,
    verbs={
        Verb.LIKE: VerbMeaning("like_count", "Likes of one post."),
        Verb.COMMENT: VerbMeaning("reply_count", "Replies to one post."),
        Verb.SHARE: VerbMeaning(
            "repost_count+quote_count",
            "Reposts and quotes of one post; for a page as a whole, posts of the last seven days that link to it.",
        ),
        Verb.SAVE: VerbMeaning("bookmark_count", "Times one post was bookmarked."),
        Verb.VIEW: VerbMeaning("impression_count", "Times one post was shown, counted since December 2022."),
    },
    basis=Basis.POST,
    forgets_deleted=True,
    cost="Pay per use: $0.005 for each post read and for each count of posts (prices of August 2026, to be set).",
    verified="Written from the specification 2.167 and the documentation; tweepy reads the twin made from them. "
    "Nothing was read live.",
)
