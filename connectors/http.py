"""HTTP for connectors: one pace, one retry rule, one reading of answers. The only file that imports httpx."""

from __future__ import annotations

import json
import logging
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx
import tenacity
from pydantic import SecretStr

from connectors.base import Ask
from connectors.errors import (
    AuthError,
    BadAnswer,
    BadRequest,
    ConfigurationError,
    Gone,
    NotPermitted,
    RateLimited,
    SourceError,
    Transient,
    Unavailable,
    WalletEmpty,
)

logging.getLogger("httpx").setLevel(logging.WARNING)  # its INFO lines hold whole addresses, tokens included

USER_AGENT = "tallyrank/0.1 (votes and rankings research)"
LONGEST_WAIT_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whole: status, headers (lower-case names) and text."""

    source: str
    status: int
    headers: Mapping[str, str]
    text: str

    def json(self) -> Any:
        """The body as JSON; raises BadAnswer when it is something else, without its words: they may be people's."""
        try:
            return json.loads(self.text)
        except ValueError:
            kind = self.headers.get("content-type", "of no stated type")
            words = f"HTTP {self.status}, but not JSON: {len(self.text):,} characters, {kind}"
            raise BadAnswer(self.source, words) from None


Classify = Callable[[Answer], SourceError | None]


def by_status(answer: Answer) -> SourceError | None:
    """The common meaning of HTTP statuses; a platform with habits of its own brings its own rule."""
    source, status = answer.source, answer.status
    words = f"HTTP {status}: {answer.text[:160]}"
    if status < 300:
        return None
    if status >= 500 or status == 408:
        return Unavailable(source, words, retry_after(answer))
    if status == 429:
        return RateLimited(source, words, retry_after(answer))
    return _KINDS.get(status, BadRequest)(source, words)


_KINDS: dict[int, type[SourceError]] = {
    401: AuthError,
    402: WalletEmpty,
    403: NotPermitted,
    404: Gone,
    410: Gone,
    451: Gone,
}


def retry_after(answer: Answer) -> float | None:
    """Seconds from `Retry-After`, where it holds a number."""
    value = answer.headers.get("retry-after", "")
    return float(value) if value.replace(".", "", 1).isdigit() else None


class Pace:
    """Keeps requests at most `per_second`, evenly spaced, across threads; a source's headers may ask for a pause."""

    def __init__(self, per_second: float, sleep: Callable[[float], None] = time.sleep) -> None:
        self._gap, self._sleep = 1.0 / per_second, sleep
        self._next, self._lock = 0.0, threading.Lock()

    def wait(self) -> None:
        """Sleep until this caller's turn."""
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next)
            self._next = turn + self._gap
        if turn > now:
            self._sleep(turn - now)

    def pause(self, seconds: float) -> None:
        """Nobody sends anything for this long."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)


class Http:
    """A client of one source: base address, pace, retries on named transient errors, errors in words."""

    def __init__(
        self,
        source: str,
        ask: Ask,
        *,
        classify: Classify = by_status,
        after: Callable[[Answer, Pace], None] | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        base_url: str | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        settings = ask.settings
        self._source, self._meter, self._classify, self._after = source, ask.meter, classify, after
        self._pace = Pace(settings.requests_per_second, sleep)
        self._params = dict(params or {})
        self._secrets = secrets_of(settings)
        self._client = httpx.Client(
            base_url=base_url or ask.base_url,
            headers={"User-Agent": USER_AGENT, **(headers or {})},
            timeout=settings.timeout_seconds,
            transport=transport,
            verify=_certificates(),
        )
        self._retry = retrying(settings, sleep)

    def __enter__(self) -> Http:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, path: str, params: Any = None, **kwargs: Any) -> Answer:
        """GET, retried while the failure is transient; raises a SourceError otherwise. `params` may repeat a name."""
        return self._request("GET", path, params, kwargs)

    def post(self, path: str, params: Any = None, **kwargs: Any) -> Answer:
        """POST with `data=` (form) or `json=`; as `get` otherwise."""
        return self._request("POST", path, params, kwargs)

    def _request(self, method: str, path: str, params: Any, kwargs: dict[str, Any]) -> Answer:
        pairs = [*self._params.items(), *(params.items() if isinstance(params, Mapping) else params or ())]
        return self._retry(self._once, method, path, pairs, kwargs)

    def _once(self, method: str, path: str, pairs: list[tuple[str, Any]], kwargs: dict[str, Any]) -> Answer:
        self._pace.wait()
        self._meter.count()
        try:
            response = self._client.request(method, path, params=pairs or None, **kwargs)
        except (httpx.LocalProtocolError, UnicodeError):  # its words would hold the header, and so the key
            raise ConfigurationError(self._source, "a key holds characters that cannot be sent; copy it anew") from None
        except (httpx.TransportError, httpx.InvalidURL, httpx.DecodingError) as error:
            words = redacted(str(error), self._secrets)
            raise Unavailable(
                self._source, f"{type(error).__name__} at {self._client.base_url.host}: {words}"
            ) from None
        text = response.text if response.is_success else redacted(response.text, self._secrets)
        answer = Answer(self._source, response.status_code, dict(response.headers), text)
        if self._after:
            self._after(answer, self._pace)
        if problem := self._classify(answer):
            raise problem
        return answer


def secrets_of(settings: Any) -> tuple[str, ...]:
    """The secret values among a connector's settings."""
    values = (v.get_secret_value() for v in vars(settings).values() if isinstance(v, SecretStr))
    return tuple(value for value in values if value)


def redacted(text: str, secrets: tuple[str, ...]) -> str:
    """The text without secrets: some services repeat the token that they refuse."""
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


@cache
def _certificates() -> ssl.SSLContext:
    """The trusted certificates, read once: reading them takes longer than many a request."""
    return httpx.create_ssl_context()


def retrying(
    settings: Any, sleep: Callable[[float], None] = time.sleep, longest: float = LONGEST_WAIT_SECONDS
) -> tenacity.Retrying:
    """The one rule of retries: transient failures only, after the wait the source asks for if it is at most `longest`
    seconds, else after a wait that doubles.
    """

    def is_worth_it(error: BaseException) -> bool:
        return isinstance(error, Transient) and (error.retry_after or 0) <= longest

    def wait(state: tenacity.RetryCallState) -> float:
        asked = getattr(state.outcome.exception() if state.outcome else None, "retry_after", None)
        doubled = settings.retry_wait_seconds * 2 ** (state.attempt_number - 1)
        return float(asked) if asked is not None else float(min(doubled, longest))

    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(is_worth_it),
        stop=tenacity.stop_after_attempt(settings.retries + 1),
        wait=wait,
        sleep=sleep,
        reraise=True,
    )


def reachable(address: str, timeout_seconds: float = 5.0) -> str:
    """Whether a host answers at all, in a word or a sentence: any HTTP answer counts, whatever its status."""
    try:
        response = httpx.get(address, timeout=timeout_seconds, headers={"User-Agent": USER_AGENT})
    except (httpx.TransportError, httpx.InvalidURL) as error:
        return f"no answer ({type(error).__name__})"
    return f"answers (HTTP {response.status_code})"
