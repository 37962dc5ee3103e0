"""HTTP for connectors: one pace, one retry rule, one reading of answers. The only file that imports httpx."""

from __future__ import annotations

import json
import logging
import socket
import ssl
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx
import tenacity
from pydantic import SecretStr

from connectors import public
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
from connectors.pace import Pace as Pace  # noqa: PLC0414  what paces an answer's source is imported from here
from connectors.urls import host

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
    if status == 408 or (status >= 500 and status not in _KINDS):
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
    501: BadRequest,  # the source has no such method, and will have none in a minute
}


def retry_after(answer: Answer) -> float | None:
    """Seconds from `Retry-After`, where it holds a number."""
    value = answer.headers.get("retry-after", "")
    return float(value) if value.replace(".", "", 1).isdigit() else None


class Http:
    """A client of one source: base address, pace, retries on named transient errors, errors in words.

    With `is_public` it reads whole addresses that people gave, and reaches public hosts only.
    """

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
        is_public: bool = False,
        encoding: str | Callable[[bytes], str] = "utf-8",
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        settings = ask.settings
        self._source, self._meter, self._classify, self._after = source, ask.meter, classify, after
        self._params = dict(params or {})
        self._secrets = secrets_of(settings)
        self._host, self._has_answered = httpx.URL(ask.base_url).host, False
        paced = (source, httpx.URL(base_url or ask.base_url).netloc.decode(), *self._secrets)
        self._pace = Pace(settings.requests_per_second, sleep, of=paced)
        self._client = httpx.Client(
            base_url=base_url or ask.base_url,
            headers={"User-Agent": USER_AGENT, **(headers or {})},
            timeout=settings.timeout_seconds,
            transport=PublicTransport(source, transport) if is_public else transport,
            verify=_certificates(),
            default_encoding=encoding,
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
            raise self._unavailable(error, path) from None
        self._has_answered = True
        text = response.text if response.is_success else redacted(response.text, self._secrets)
        answer = Answer(self._source, response.status_code, dict(response.headers), text)
        if self._after:
            self._after(answer, self._pace)
        if problem := self._classify(answer):
            raise problem
        return answer

    def _unavailable(self, error: Exception, path: str) -> Unavailable:
        """What kept an answer from coming. A source whose own host has no address, and had
        none before, would not answer the rest either.
        """
        where = self._client.base_url.host or host(path)
        if not is_nameless(error):
            words = redacted(str(error), self._secrets)
            return Unavailable(self._source, f"{type(error).__name__} at {where}: {words}")
        trouble = Unavailable(self._source, f"host not found: {where}; are you online?")
        trouble.is_fatal = not self._has_answered and self._client.base_url.host == self._host != ""
        return trouble


def is_nameless(error: BaseException | None) -> bool:
    """Whether a connection failed because the host's name leads to no address."""
    while error is not None:
        if isinstance(error, socket.gaierror):
            return True
        error = error.__cause__ or error.__context__
    return False


class PublicTransport(httpx.BaseTransport):
    """Reaches public hosts only, by the very address that was checked; raises NotPermitted for others.

    Connections are not kept: one that was opened for a name must not serve another name of the same address.
    """

    def __init__(self, source: str, inner: httpx.BaseTransport | None = None) -> None:
        self._source = source
        limits = httpx.Limits(max_keepalive_connections=0)
        self._inner = inner or httpx.HTTPTransport(verify=_certificates(), limits=limits, trust_env=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Resolve, check, connect: to the next address where one cannot be reached."""
        name = request.url.raw_host.decode("ascii")
        trouble: httpx.TransportError = httpx.ConnectError("this name has no address", request=request)
        for number in self._addresses(name, request):
            try:
                return self._bounded(self._inner.handle_request(_sent_to(number, name, request)))
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                trouble = error
        raise trouble

    def _addresses(self, name: str, request: httpx.Request) -> list[str]:
        try:
            return public.addresses(name, request.url.port or (443 if request.url.scheme == "https" else 80))
        except public.NotPublic as error:
            raise NotPermitted(self._source, str(error)) from None
        except (OSError, UnicodeError):
            return []

    def _bounded(self, response: httpx.Response) -> httpx.Response:
        encoding = response.headers.pop("content-encoding", "").strip().lower()
        assert isinstance(response.stream, httpx.SyncByteStream)
        response.stream = _Bounded(self._source, response.stream, encoding)
        return response

    def close(self) -> None:
        """Close every connection."""
        self._inner.close()


def _sent_to(number: str, name: str, request: httpx.Request) -> httpx.Request:
    """The request as it goes to one address: the header Host and the certificate are still those of the name."""
    extensions = {**request.extensions, "sni_hostname": name}
    headers = request.headers.copy()
    headers["Accept-Encoding"] = "gzip"  # the only packing that is unpacked with a limit
    url, stream = request.url.copy_with(host=number), request.stream
    return httpx.Request(request.method, url, headers=headers, stream=stream, extensions=extensions)


class _Bounded(httpx.SyncByteStream):
    """A body that ends in an error when it grows too long."""

    def __init__(self, source: str, inner: httpx.SyncByteStream, encoding: str) -> None:
        self._source, self._inner, self._encoding = source, inner, encoding

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from public.unpacked(self._inner, self._encoding)
        except public.TooLong as error:
            raise BadAnswer(self._source, str(error)) from None
        except zlib.error:
            raise httpx.DecodingError("the answer cannot be unzipped") from None

    def close(self) -> None:
        """Close what is read from."""
        self._inner.close()


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
    seconds, else after a wait that doubles. A host that has no address is tried once more: mostly we are offline.
    """

    def is_worth_it(error: BaseException) -> bool:
        return isinstance(error, Transient) and (error.retry_after or 0) <= longest

    def is_enough(state: tenacity.RetryCallState) -> bool:
        is_fatal = getattr(state.outcome.exception() if state.outcome else None, "is_fatal", False)
        return bool(state.attempt_number > (min(settings.retries, 1) if is_fatal else settings.retries))

    def wait(state: tenacity.RetryCallState) -> float:
        asked = getattr(state.outcome.exception() if state.outcome else None, "retry_after", None)
        doubled = settings.retry_wait_seconds * 2 ** (state.attempt_number - 1)
        return float(asked) if asked is not None else float(min(doubled, longest))

    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(is_worth_it),
        stop=is_enough,
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
