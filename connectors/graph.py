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
  (100/33, 803) is found by halving it.

UNVERIFIED: subcodes 33 and 467, codes 80001/80002 for Pages and Instagram, the hour of code 613.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

from pydantic import Field, SecretStr

from connectors.base import Ask, ConnectorSettings, Post, ask_in_batches, failed, whole
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


def plain(secret: SecretStr | None) -> str:
    """A secret's text, empty where there is none."""
    return secret.get_secret_value() if secret else ""


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
        base_url=f"{ask.base_url}/{ask.settings.version}",
    )


def graph_error(answer: Answer, secrets: Sequence[str] = ()) -> SourceError | None:
    """What an answer says went wrong, by code, then by subcode, then by HTTP status; None when nothing did."""
    for secret in filter(None, secrets):
        answer = replace(answer, text=answer.text.replace(secret, "***"))
    is_suspect = answer.status >= 300 or '"error"' in answer.text[:40]
    error = dig(_loads(answer.text), "error") if is_suspect else None
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
    by_owner = _loads(headers.get("x-business-use-case-usage", ""))
    gauges = [_loads(headers.get("x-app-usage", ""))]
    for uses in by_owner.values() if isinstance(by_owner, dict) else ():
        gauges.extend(uses if isinstance(uses, list) else ())
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


def items(http: Http, path: str, params: Mapping[str, Any], limit: int) -> Iterator[Item]:
    """Every item of an edge, page by page."""
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
        data = dig(body, "data")
        if not isinstance(data, list) or not all(isinstance(item, dict) for item in data):
            raise BadAnswer(answer.source, "a page of the answer has no list `data`")
        yield from data
        following = _following(dig(body, "paging", "next"))
        if not following:
            return
        if following == params:
            raise BadAnswer(answer.source, "the next page is this page again")
        params = following


def _following(address: Any) -> dict[str, str]:
    """The parameters of the next page, without what must not be kept or is ours to choose."""
    pairs = parse_qsl(urlsplit(address).query) if isinstance(address, str) else []
    return {name: value for name, value in pairs if name not in KEPT_FROM_US}


def by_ids(http: Http, ids: Sequence[str], fields: str) -> dict[str, Item]:
    """Objects by id, at most 50; those that are gone are left out."""
    try:
        with stopping():
            answer = http.get("/", {"ids": ",".join(ids), "fields": fields})
    except Gone:
        if len(ids) == 1:
            return {}
        half = len(ids) // 2
        return by_ids(http, ids[:half], fields) | by_ids(http, ids[half:], fields)
    found = answer.json()
    if not isinstance(found, dict):
        raise BadAnswer(answer.source, "the answer by ids is no object")
    return {key: value for key, value in found.items() if isinstance(value, dict)}


def refresh(ask: Ask, http: Http, fields: str, project: Callable[[Item], Item]) -> Iterator[Raw]:
    """A row per known post, 50 to a request: what `project` keeps of it, and when it was published."""

    def rows(posts: Sequence[Post]) -> Iterator[Raw]:
        found = by_ids(http, [post.object_id for post in posts], fields)
        for post in posts:
            item = found.get(post.object_id)
            known = {"published_at": post.published_at.isoformat() if post.published_at else None}
            status = Status.NOT_FOUND if item is None else Status.OBSERVED
            payload = {} if item is None else project(item)
            yield Raw(post.object_id, ask.observed_at, status, post.url, payload | known)

    return ask_in_batches(ask, ask.posts, MOST_IDS, rows)


def account_rows(ask: Ask, accounts: Iterable[str], read: Callable[[str], Iterator[Raw]]) -> Iterator[Raw]:
    """The rows of each account; one that fails ends in a failed row, and a fatal failure stops the rest."""
    fatal: SourceError | None = None
    for account in accounts:
        try:
            if fatal:
                raise fatal
            yield from read(account)
        except SourceError as error:
            fatal = error if error.is_fatal else fatal
            yield replace(failed(ask, account, error), url=None)


def dig(value: Any, *names: str) -> Any:
    """A nested field, None where any step is missing."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def moment(text: Any) -> datetime | None:
    """A time as the Graph API writes it (`2026-11-18T09:30:00+0000`)."""
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else None
        return at and (at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None


def _loads(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
