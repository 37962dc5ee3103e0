"""What Facebook and Instagram share: one Graph API, its errors, its usage headers, its pages and its questions by id.

- Every address carries the version; a question without one is answered by the oldest version the app may use.
- The token travels as `Authorization: Bearer`, so it stands in no address. `appsecret_proof` is the hex HMAC-SHA256 of
  the token under the app secret, and proves that whoever holds the token holds the app too.
- Errors are `{"error": {"message", "type", "code", "error_subcode", "is_transient"}}`, mostly as HTTP 400. The code
  decides, then the subcode; the HTTP status only where there is neither. Messages may repeat the token.
- Usage headers appear only after some calls and hold percents: `X-App-Usage` for an app's rolling hour,
  `X-Business-Use-Case-Usage` by Page or account, with the minutes until it may ask again. From 80 % we slow down, at
  100 % we wait.
- Pages end when `paging.next` is missing; a page may be short or empty before that. `next` holds the token, so only its
  other parameters are used. An answer that would be too large is refused (code 1) and asked for again by halves.
- `GET /?ids=a,b` answers at most 50 objects by id and leaves out those that are gone. One that fails the whole question
  (100/33, 803) is found by halving it. A service that does not understand this is asked `GET /<id>` for each.
- A version that stands at the end of the base address is used, whatever the setting says. A 404 that is not in Meta's
  words is a wrong address, and no object that is gone.

UNVERIFIED: subcodes 33 and 467, codes 80001/80002 for Pages and Instagram, the hour of code 613.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar
from urllib.parse import parse_qsl, quote, urlsplit

from pydantic import Field, SecretStr

from connectors.base import Ask, ConnectorSettings, Post, ask_in_batches, whole
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
    Transient,
    Unavailable,
)
from connectors.fallback import ManyOrOne, about, id_text
from connectors.fields import dig, listed, loads, plain
from connectors.http import LONGEST_WAIT_SECONDS, Answer, Http, Pace, by_status
from connectors.records import Raw, Status

VERSION = "v26.0"
MOST_IDS = 50
SLOW_PERCENT, FULL_PERCENT = 80, 100
SLOW_SECONDS, FULL_SECONDS = 5.0, 60.0
HOUR_SECONDS = 3600.0
TOO_MUCH = "reduce the amount of data"
PERCENTS = ("call_count", "total_time", "total_cputime")
KEPT_FROM_US = ("access_token", "appsecret_proof", "limit")
TOKEN_SUBCODES = {
    458: "the app is no longer installed; connect it again",
    459: "the token's owner must pass a check on Facebook",
    460: "the password was changed; make a new token",
    463: "the token has expired; make a new one",
    467: "the token is invalid; make a new one",
}
KINDS: dict[int, type[SourceError]] = {
    **dict.fromkeys((102, 104, 190), AuthError),
    **dict.fromkeys((4, 17, 32, 341, 613, *range(80000, 80015)), RateLimited),
    **dict.fromkeys((1, 2), Unavailable),
    **dict.fromkeys((3, 10, *range(200, 300)), NotPermitted),
    100: BadRequest,
    368: ConfigurationError,
    803: Gone,
}
KINDS_BY_STATUS: dict[int, type[SourceError]] = {401: AuthError, 403: NotPermitted, 429: RateLimited}
ADVICE: dict[type[SourceError], str] = {
    AuthError: "the token is refused; make a new one",
    ConfigurationError: "blocked for breaking a policy; see the app's dashboard",
    Gone: "it does not exist, or this token may not see it",
    NotPermitted: "the app lacks a permission or feature for this",
    RateLimited: "asked too often",
    Unavailable: "Facebook is in trouble",
}

Item = dict[str, Any]


class GraphSettings(ConnectorSettings):
    """What every source behind the Graph API is told."""

    required: ClassVar[tuple[str, ...]] = ("token",)

    base_url: str = Field("https://graph.facebook.com", description="Address of the Graph API, without version.")
    version: str = Field(VERSION, pattern=r"^v\d+\.\d+$", description="Version of the Graph API.")
    token: SecretStr | None = Field(None, description="Access token of the app, Page, system user or account.")
    app_secret: SecretStr | None = Field(None, description="App secret; proves each request (appsecret_proof).")

    @property
    def access_token(self) -> str:
        """The token in plain text, for the request's header only."""
        return plain(self.token)


def proof_of(secret: str, token: str) -> str:
    """`appsecret_proof` of a token."""
    return hmac.new(secret.encode(), token.encode(), hashlib.sha256).hexdigest()


def connect(source: str, ask: Ask) -> Http:
    """A client of the Graph API for one source, with its token, its proof and its manners."""
    token, secret = ask.settings.access_token, plain(ask.settings.app_secret)
    proof = {"appsecret_proof": proof_of(secret, token)} if secret else {}
    return Http(
        source,
        ask,
        classify=partial(graph_error, secrets=(token, token.partition("|")[2], secret, *proof.values())),
        after=heed_usage,
        headers={"Authorization": f"Bearer {token}"},
        params=proof,
        base_url=_versioned(ask.base_url, ask.settings.version),
    )


def _versioned(address: str, version: str) -> str:
    return address if re.search(r"/v\d+\.\d+$", address) else f"{address}/{version}"


def graph_error(answer: Answer, secrets: Sequence[str] = ()) -> SourceError | None:
    """What an answer says went wrong, by code, then by subcode, then by HTTP status; None when nothing did."""
    for secret in filter(None, secrets):
        answer = replace(answer, text=answer.text.replace(secret, "***"))
    is_suspect = answer.status >= 300 or '"error"' in answer.text[:40]
    error = dig(loads(answer.text), "error") if is_suspect else None
    return _by_code(answer, error) if isinstance(error, dict) else by_status(answer)


def _by_code(answer: Answer, error: Item) -> SourceError:
    code, subcode = whole(error.get("code")) or 0, whole(error.get("error_subcode")) or 0
    kind = _kind(answer.status, code, subcode, error.get("is_transient") is True)
    advice = TOKEN_SUBCODES.get(subcode) if kind is AuthError else None
    number = f"code {code}/{subcode}" if subcode else f"code {code}"
    words = f"{advice or ADVICE.get(kind, 'refused')}: {error.get('message')} ({number})"
    if issubclass(kind, Transient):
        wait = HOUR_SECONDS if code == 613 else usage(answer.headers)[1] * 60.0
        return kind(answer.source, words, wait or None)
    return kind(answer.source, words)


def _kind(status: int, code: int, subcode: int, is_transient: bool) -> type[SourceError]:
    if code == 100 and subcode == 33:
        return Gone
    if code in KINDS:
        return KINDS[code]
    return Unavailable if is_transient or status >= 500 else KINDS_BY_STATUS.get(status, BadRequest)


def usage(headers: Mapping[str, str]) -> tuple[int, int]:
    """From the usage headers: the highest percent of any allowance, and the minutes until one may be used again."""
    by_owner = loads(headers.get("x-business-use-case-usage", ""))
    gauges = [loads(headers.get("x-app-usage", ""))]
    for uses in by_owner.values() if isinstance(by_owner, dict) else ():
        gauges.extend(listed(uses))
    percents = [whole(dig(gauge, name)) or 0 for gauge in gauges for name in PERCENTS]
    return max(percents), max(whole(dig(gauge, "estimated_time_to_regain_access")) or 0 for gauge in gauges)


def heed_usage(answer: Answer, pace: Pace) -> None:
    """Slow down from 80 % of an allowance, wait at 100 %."""
    percent, minutes = usage(answer.headers)
    if percent >= FULL_PERCENT:
        pace.pause(min(minutes * 60.0 or FULL_SECONDS, LONGEST_WAIT_SECONDS))
    elif percent >= SLOW_PERCENT:
        pace.pause(SLOW_SECONDS)


@contextmanager
def stopping() -> Iterator[None]:
    """Turns a wait too long to sit through into an allowance that is used up, so that nothing more is asked."""
    try:
        yield
    except RateLimited as error:
        if (error.retry_after or 0) <= LONGEST_WAIT_SECONDS:
            raise
        resets_at = datetime.now(UTC) + timedelta(seconds=error.retry_after or 0)
        raise QuotaExhausted(error.source, f"{error.message}; again from {resets_at:%H:%M} UTC", resets_at) from None


def is_told(error: Gone) -> bool:
    """Whether Meta itself says that an object is gone, and not a web server that knows no such address."""
    return not error.message.startswith("HTTP")


def items(http: Http, path: str, params: Mapping[str, Any], limit: int) -> Iterator[Item]:
    """Every item of an edge, page by page, each once."""
    seen: set[str] = set()
    pages: list[Mapping[str, Any]] = []
    while True:
        try:
            with stopping():
                answer = http.get(path, {**params, "limit": limit})
        except Unavailable as error:
            if TOO_MUCH not in error.message or limit == 1:
                raise
            limit //= 2
            continue
        body = answer.json()
        for item in page_of_items(answer.source, body):
            if item.get("id") not in seen:
                yield item
            seen.update(i for i in (item.get("id"),) if isinstance(i, str))
        pages.append(params)
        params = _following(dig(body, "paging", "next"))
        if not params:
            return
        if params in pages:
            raise BadAnswer(answer.source, "the next page is this page again, or an earlier one")


def page_of_items(source: str, body: Any) -> list[Item]:
    """The items of a page, ids as text; a single one may come without a list."""
    data = dig(body, "data")
    found = [data] if isinstance(data, dict) else data
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise BadAnswer(source, "a page of the answer has no list `data`")
    return [{**item, "id": id_text(item["id"])} if "id" in item else item for item in found]


def _following(address: Any) -> dict[str, str]:
    """The parameters of the next page, without what must not be kept or is ours to choose."""
    pairs = parse_qsl(urlsplit(address).query) if isinstance(address, str) else []
    return {name: value for name, value in pairs if name not in KEPT_FROM_US}


def by_ids(http: Http, ids: Sequence[str], fields: str) -> dict[str, Item]:
    """Objects by id, at most 50; those that are gone are left out."""
    try:
        with stopping():
            answer = http.get("/", {"ids": ",".join(ids), "fields": fields})
    except Gone as error:
        if not is_told(error):
            raise
        if len(ids) == 1:
            return {}
        half = len(ids) // 2
        return by_ids(http, ids[:half], fields) | by_ids(http, ids[half:], fields)
    found = answer.json()
    if not isinstance(found, dict):
        raise BadAnswer(answer.source, "the answer by ids is no object")
    return {key: value for key, value in about(answer.source, ids, found).items() if isinstance(value, dict)}


def by_id(http: Http, object_id: str, fields: str) -> Item | None:
    """One object, None when it is gone."""
    try:
        with stopping():
            answer = http.get(f"/{quote(object_id, safe='')}", {"fields": fields})
    except Gone as error:
        if not is_told(error):
            raise
        return None
    found = answer.json()
    name = id_text(dig(found, "id"))
    if not isinstance(name, str) or object_id not in (name, name.rpartition("_")[2]):
        raise BadAnswer(answer.source, "the answer is not the object that was asked for")
    return dict(found)


def refresh(ask: Ask, http: Http, fields: str, project: Callable[[Item], Item]) -> Iterator[Raw]:
    """A row per known post, 50 to a request: what `project` keeps of it, and when it was published."""

    def row(post: Post, item: Item | None) -> Raw:
        status = Status.NOT_FOUND if item is None else Status.OBSERVED
        payload = {} if item is None else project(item)
        return Raw(post.object_id, ask.observed_at, status, post.url, payload | post.known)

    def many(posts: Sequence[Post]) -> Iterator[Raw]:
        found = by_ids(http, [post.object_id for post in posts], fields)
        return (row(post, found.get(post.object_id)) for post in posts)

    def one(post: Post) -> Iterator[Raw]:
        yield row(post, by_id(http, post.object_id, fields))

    return ask_in_batches(ask, ask.posts, MOST_IDS, ManyOrOne[Post](ask, many, one))
