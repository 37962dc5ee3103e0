"""Stack Exchange (API 2.3): questions of Stack Overflow and its sister sites that link to a page, without a key.

- by_url: `GET /2.3/search/advanced?site=…&url=…&filter=withbody&page=…&pagesize=100`, one search per page and site, on
  while `has_more`, at most `pages_per_search` times (without a key pages after the 25th are refused, error 403). `url`
  takes `*` for any letters and is asked without scheme, so that both schemes, `www.` and whatever follows are found.
  That brings longer addresses too, and questions that only an answer links from: a question counts when a link in its
  own text has the page's join key. The text is looked at for that and not kept.
- by_post: `GET /2.3/questions/{ids}?site=…`, 100 ids joined by `;`. Deleted questions are left out without a word.
- An id is a question of one site only, so our ids are `<site>:<id>`.
- A page without a question gets zeros of quality lower_bound: only the sites in the settings are asked, links in
  answers do not count, and a link may be written in a way that the search does not know.

Verbs: like is `score` (up minus down, may be negative), comment is `answer_count`, view is `view_count`, share is 1 per
question. `comment_count` needs a `filter` of one's own (made once at /filters/create); where one is set, its comments
are added to the answers. `favorite_count` is no longer given and is not read. A missing counter is failed.

Every answer is compressed and tells `quota_max` and `quota_remaining`: 300 a day per address, 10,000 with a key; after
0 nothing more is asked. `backoff`, where it comes, is a number of seconds to wait. Errors are HTTP 400 with `error_id`,
`error_name`, `error_message`: 502 is asked too fast or quota gone ("more requests available in N seconds"), 400 a bad
parameter, 401, 402 and 406 about tokens, 403 refused, 405 key needed, 500 and 503 trouble there.
`owner` is missing or without a name for people who left; it is never kept.

UNVERIFIED: the parameter `url` and what `*` means in it (see `url_pattern`), whether it looks at answers, the words
about a wrong key, when the day of a quota begins. More than 30 requests a second get an address blocked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from html import unescape
from typing import Any

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
    failed,
    post_row,
    reading,
    whole,
)
from connectors.errors import (
    AuthError,
    BadAnswer,
    BadRequest,
    ConfigurationError,
    NotPermitted,
    QuotaExhausted,
    SourceError,
    Unavailable,
)
from connectors.fields import comma_separated, loads, mapping, moment, picked, since_epoch
from connectors.http import Answer, Http, Pace, by_status
from connectors.limits import limited
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb
from connectors.urls import links_in, url_key

NAME = "stackexchange"
BATCH = 100
LAST_PAGE = 25
KEPT = ("score", "answer_count", "view_count", "creation_date")

Item = Mapping[str, Any]


class Settings(ConnectorSettings):
    """Settings of Stack Exchange; no key is needed."""

    model_config = SettingsConfigDict(env_prefix="TALLYRANK_STACKEXCHANGE_")

    base_url: str = Field("https://api.stackexchange.com", description="Address of the API, without version.")
    key: SecretStr | None = Field(None, description="App key from stackapps.com: 10,000 requests a day instead of 300.")
    sites: str = Field("stackoverflow", description="Sites to search, comma-separated; each one is a search per page.")
    searches_per_day: int = Field(200, ge=0, description="Pages to look for per day; without a key 300 requests a day.")
    url_pattern: str = Field("*{address}*", description="What is searched for; {address} is the page's join key.")
    pages_per_search: int = Field(
        3, ge=1, le=LAST_PAGE, description="Pages of 100 questions to read per search; each one is a request."
    )
    filter: str = Field("", description="Id of a filter of your own that gives body and comment_count; optional.")

    @property
    def site_names(self) -> list[str]:
        """The sites, each once."""
        return comma_separated(self.sites)


@dataclass(frozen=True, slots=True)
class Found:
    """Questions, and whether there are more than these."""

    items: list[Item]
    has_more: bool


def stack_error(answer: Answer) -> SourceError | None:
    """What an answer says went wrong, by the error id in its body."""
    body = _body(answer)
    code, words = whole(body.get("error_id")), f"{body.get('error_name')}: {str(body.get('error_message'))[:160]}"
    if code == 502:
        return _throttled(answer, words)
    if code == 400 and str(body.get("error_message")).startswith("`key`"):
        return ConfigurationError(answer.source, f"check TALLYRANK_STACKEXCHANGE_KEY: {words}")
    return by_status(answer) if code is None else _KINDS.get(code, BadRequest)(answer.source, words)


_KINDS: dict[int, type[SourceError]] = {
    401: AuthError,
    402: AuthError,
    403: NotPermitted,
    405: ConfigurationError,
    406: AuthError,
    500: Unavailable,
    503: Unavailable,
}
_AVAILABLE = re.compile(r"available in (\d+) seconds?")


def _throttled(answer: Answer, words: str) -> SourceError:
    told = _AVAILABLE.search(words)
    return limited(answer.source, words, float(told[1]) if told else None)


def obey(answer: Answer, pace: Pace) -> None:
    """Wait as long as the answer asks for."""
    if seconds := whole(_body(answer).get("backoff")):
        pace.pause(seconds)


class _Api:
    """The API behind our errors; asks nothing more once it has said that nothing is left."""

    def __init__(self, ask: Ask) -> None:
        key = ask.settings.key
        params = {"key": key.get_secret_value()} if key and key.get_secret_value() else {}
        self._http = Http(NAME, ask, classify=stack_error, after=obey, params=params)
        self._left: int | None = None

    def __enter__(self) -> _Api:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.__exit__()

    def questions(self, path: str, params: Mapping[str, Any]) -> Found:
        """One page of questions."""
        if self._left == 0:
            raise QuotaExhausted(NAME, "the last answer said that no request is left for today")
        answer = self._http.get(path, params).json()
        body = mapping(answer)
        self._left, items = whole(body.get("quota_remaining")), body.get("items")
        if not isinstance(items, list) or not all(isinstance(i, dict) and whole(i.get("question_id")) for i in items):
            raise BadAnswer(NAME, "the answer has no list `items`, or a question has no `question_id`")
        return Found(items, body.get("has_more") is True)


def _body(answer: Answer) -> dict[str, Any]:
    return mapping(loads(answer.text))


def fetch_by_url(ask: Ask) -> Iterator[Raw]:
    """The questions that link to each page."""
    with _Api(ask) as api:
        yield from ask_in_batches(ask, list(dict.fromkeys(ask.urls)), 1, lambda urls: _linking_to(ask, api, urls[0]))


def _linking_to(ask: Ask, api: _Api, url: str) -> Iterator[Raw]:
    key = url_key(url)
    if key is None:
        raise BadRequest(NAME, "this is not a web address")
    payloads = [p for site in ask.settings.site_names for p in _search(ask, api, site, key)]
    for payload in payloads or [{"questions": 0}]:
        yield Raw(url, ask.observed_at, url=url, payload=payload)


def _search(ask: Ask, api: _Api, site: str, key: str) -> Iterator[dict[str, Any]]:
    """What is kept of a site's questions that really link to a page."""
    settings = ask.settings
    pattern = settings.url_pattern.replace("{address}", key)
    asked = {"site": site, "url": pattern, "filter": settings.filter or "withbody", "pagesize": BATCH}
    found = listed(
        lambda page: api.questions("/2.3/search/advanced", {**asked, "page": page}), settings.pages_per_search
    )
    if found.items and not any("body" in item for item in found.items):
        raise BadAnswer(NAME, "questions come without `body`, so their links cannot be checked")
    for item in found.items:
        if key in {url_key(link) for link in links_in(unescape(str(item.get("body"))))}:
            yield _kept(ask, site, item) | ({"is_cut": True} if found.has_more else {})


def listed(search: Callable[[int], Found], most: int) -> Found:
    """The questions of at most so many pages of a search, each once; has more where that is not the end."""
    found: dict[int, Item] = {}
    for page in range(1, most + 1):
        answer = search(page)
        fresh = {int(item["question_id"]): item for item in answer.items if int(item["question_id"]) not in found}
        found |= fresh
        if not answer.has_more or not fresh:
            return Found(list(found.values()), answer.has_more)
    return Found(list(found.values()), has_more=True)


def _kept(ask: Ask, site: str, item: Item) -> dict[str, Any]:
    more = {"comment_count": item.get("comment_count")} if ask.settings.filter else {}
    return {"question": f"{site}:{item['question_id']}"} | picked(item, KEPT) | more


def fetch_by_post(ask: Ask) -> Iterator[Raw]:
    """The counters of known questions."""
    posts = sorted(ask.posts, key=lambda post: _site_and_number(post)[0])
    with _Api(ask) as api:
        yield from ask_in_batches(ask, posts, BATCH, partial(_refresh, ask, api))


def _site_and_number(post: Post) -> tuple[str, str]:
    """Where a question is and its number there; ("", "") for what is no id of ours."""
    site, _, number = post.object_id.rpartition(":")
    return (site, number) if site and number.isascii() and number.isdecimal() else ("", "")


def _refresh(ask: Ask, api: _Api, posts: Sequence[Post]) -> Iterator[Raw]:
    found: dict[str, dict[str, Any]] = {}
    for site in dict.fromkeys(_site_and_number(post)[0] for post in posts):
        if site:
            ids = ";".join(n for s, n in map(_site_and_number, posts) if s == site)
            asked = {"site": site, "filter": ask.settings.filter or "default", "pagesize": BATCH}
            items = api.questions(f"/2.3/questions/{ids}", asked).items
            found |= {f"{site}:{item['question_id']}": _kept(ask, site, item) for item in items}
    yield from (_row(ask, post, found.get(post.object_id)) for post in posts)


def _row(ask: Ask, post: Post, payload: dict[str, Any] | None) -> Raw:
    if not _site_and_number(post)[0]:
        return failed(ask, post, BadRequest(NAME, "not the id of a question, which is <site>:<number>"))
    return post_row(ask, post, payload)


def parse_by_url(rows: Sequence[Raw]) -> Iterator[Observation]:
    """Four readings per question, or four zeros of quality lower_bound for a page that has none."""
    for row in rows:
        payload = mapping(row.payload)
        if whole(payload.get("questions")) == 0:
            zeros = dict.fromkeys(CONNECTOR.verbs, 0)
            yield from _readings(row, zeros, Status.FAILED, quality=Quality.LOWER_BOUND)
        else:
            yield from _question(row, payload, payload.get("question"))


def parse_by_post(rows: Sequence[Raw]) -> Iterator[Observation]:
    """Four readings per question that was asked for."""
    for row in rows:
        payload = mapping(row.payload)
        if row.status is Status.NOT_FOUND:
            known = {"object_id": row.subject, "published_at": _published_at(payload)}
            yield from _readings(row, {}, Status.NOT_FOUND, **known)
        else:
            yield from _question(row, payload, row.subject)


def _question(row: Raw, payload: Item, object_id: Any) -> Iterator[Observation]:
    counts = {
        Verb.LIKE: payload.get("score"),
        Verb.COMMENT: _comments(payload),
        Verb.VIEW: payload.get("view_count"),
        Verb.SHARE: 1 if isinstance(object_id, str) else None,
    }
    more = {"object_id": object_id if isinstance(object_id, str) else None, "published_at": _published_at(payload)}
    for o in _readings(row, counts, Status.FAILED, **more):
        yield _qualified(o, payload)


def _qualified(o: Observation, payload: Item) -> Observation:
    """The reading, marked where it means more (comments added) or less (a search that was cut off) than usual."""
    if o.verb is Verb.COMMENT and "comment_count" in payload:
        return replace(o, native="answer_count+comment_count")
    is_cut = o.verb is Verb.SHARE and payload.get("is_cut") is True
    return replace(o, quality=Quality.LOWER_BOUND) if is_cut else o


def _comments(payload: Item) -> int | None:
    answers = whole(payload.get("answer_count"))
    if answers is None or "comment_count" not in payload:
        return answers
    comments = whole(payload["comment_count"])
    return None if comments is None else answers + comments


def _readings(row: Raw, counts: Mapping[Verb, Any], absent: Status, **more: Any) -> Iterator[Observation]:
    for verb in CONNECTOR.verbs:
        yield reading(CONNECTOR, verb, row, counts.get(verb), absent=absent, **more)


def _published_at(payload: Item) -> datetime | None:
    """When the question was asked, by the answer or else as it was known before."""
    return since_epoch(payload.get("creation_date")) or moment(payload.get("published_at"))


CONNECTOR = Connector(
    name=NAME,
    title="Stack Exchange",
    signal="votes",
    settings=Settings,
    streams=(
        Stream(
            name="by_url",
            title="Questions that link to pages, one search per page and site",
            asks="urls",
            fetch=fetch_by_url,
            parse=parse_by_url,
            requests_per_1000=1000,
            budget="searches_per_day",
        ),
        Stream(
            name="by_post",
            title="Counters of known questions",
            asks="posts",
            fetch=fetch_by_post,
            parse=parse_by_post,
            batch=BATCH,
            requests_per_1000=10,
        ),
    ),
    quota="300 requests a day per address, 10,000 with a key; at most 30 a second, and pauses where the answer asks.",
    terms="Content is CC BY-SA, to be attributed; obey `backoff`; several keys to get around the quota are forbidden. "
    "Only counters are kept: no texts, titles or people.",
    keys_from="No key is needed; one from stackapps.com raises the quota.",
    verbs={
        Verb.LIKE: VerbMeaning(
            "score", "Votes up minus votes down of one question, a net number that may fall below 0."
        ),
        Verb.COMMENT: VerbMeaning(
            "answer_count", "Answers to one question, and its comments where a filter asks them."
        ),
        Verb.VIEW: VerbMeaning("view_count", "Times one question was looked at, as the site counts."),
        Verb.SHARE: VerbMeaning(
            "questions",
            "1 per question whose text links to the page; links in answers not.",
            passing_on="not_counted",
        ),
    },
    basis=Basis.POST,
    verified="The twin, by the client StackAPI 0.3.1; nothing against real answers.",
)
