"""Google's own Python client on our own HTTP: one pace, one retry rule, one reading of errors.

`google-api-python-client` brings the discovery documents of the services inside its wheel, so building a service
needs no network. It sends through whatever behaves like `httplib2.Http`; `Transport` does, on top of
`connectors.http.Http`. Requests are therefore counted, paced and retried as everywhere else, and may run in several
threads at once, which httplib2 does not allow. Google's libraries are imported where they are used: finding
connectors must stay fast. The client's own error (whose text holds the whole address, key included) never arises.

Errors are an envelope `{"error": {"code", "message", "errors": [{"reason", "domain"}], "status", "details"}}`. Older
services name the reason in `errors`, newer ones in `details`, and some write a vague one in the first and the real
one in the second; all are read, and the first one known decides. Slowing down is mostly said with 403, seldom with
429.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from connectors.base import Ask
from connectors.errors import AuthError, BadAnswer, ConfigurationError, Gone, RateLimited, SourceError, Unavailable
from connectors.fields import dig, loads, objects, plain
from connectors.http import Answer, Classify, Http, by_status, retry_after
from connectors.limits import next_midnight

logging.getLogger("googleapiclient.discovery").setLevel(logging.INFO)  # its DEBUG lines hold addresses with the key

PACIFIC = ZoneInfo("America/Los_Angeles")  # where Google's quota days and Search Console's data days begin
SETUP = frozenset(
    {
        "keyInvalid", "keyExpired", "ipRefererBlocked", "accessNotConfigured", "insufficientPermissions",
        "API_KEY_INVALID", "API_KEY_SERVICE_BLOCKED", "API_KEY_IP_ADDRESS_BLOCKED", "API_KEY_HTTP_REFERRER_BLOCKED",
        "SERVICE_DISABLED", "CONSUMER_INVALID", "CONSUMER_SUSPENDED", "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
    }
)  # fmt: skip
SIGN_IN = frozenset({"authError", "ACCESS_TOKEN_EXPIRED", "CREDENTIALS_MISSING", "invalid_grant"})
TOO_FAST = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED"})

Make = Callable[[str, str], SourceError]


@contextmanager
def service(
    ask: Ask, source: str, name: str, version: str, *, classify: Classify, key: str | None = None, sign: Any = None
) -> Iterator[Any]:
    """A Google service at `ask.base_url`: public data with an API `key`, or an account's with credentials (`sign`)."""
    from googleapiclient.discovery import build

    with Http(source, ask, classify=classify) as http:
        transport = Transport(source, http, sign, ask.settings.timeout_seconds)
        yield build(
            name, version, http=transport, developerKey=key, static_discovery=True, cache_discovery=False,
            client_options={"api_endpoint": ask.base_url},
        )  # fmt: skip


def account(source: str, settings: Any, scope: str) -> Any:
    """The credentials of an account: its ready `token`, else the service account of its `service_account_file`."""
    from google.oauth2 import credentials, service_account

    if token := plain(settings.token):
        return credentials.Credentials(token=token)  # type: ignore[no-untyped-call]
    file = str(settings.service_account_file)
    try:
        return service_account.Credentials.from_service_account_file(file, scopes=[scope])  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        words = f"TALLYRANK_{source.upper()}_SERVICE_ACCOUNT_FILE is no readable key file ({type(error).__name__})"
        raise ConfigurationError(source, words) from None


def execute(source: str, request: Any) -> dict[str, Any]:
    """Send one request of the client; raises BadAnswer when what comes back is not a JSON object."""
    try:
        answer = request.execute(num_retries=0)
    except json.JSONDecodeError:
        raise BadAnswer(source, "the answer is not JSON") from None
    if not isinstance(answer, dict):
        raise BadAnswer(source, f"the answer is a {type(answer).__name__}, not an object")
    return answer


class Transport:
    """What Google's client takes for an `httplib2.Http`; signs with google-auth credentials, which renew themselves."""

    def __init__(self, source: str, http: Http, sign: Any = None, timeout_seconds: float = 30.0) -> None:
        self._source, self._http, self._sign, self._timeout = source, http, sign, timeout_seconds

    def request(
        self, uri: str, method: str = "GET", body: Any = None, headers: Mapping[str, str] | None = None, **_: Any
    ) -> tuple[Any, bytes]:
        """Send, and return what httplib2 would: a response and the body. Raises a SourceError on any failure."""
        import httplib2

        signed = self._signed(uri, method, dict(headers or {}))
        send = self._http.post if method == "POST" else self._http.get
        answer = send(uri, content=body, headers=signed)
        return httplib2.Response({**answer.headers, "status": str(answer.status)}), answer.text.encode()

    def _signed(self, uri: str, method: str, headers: dict[str, str]) -> dict[str, str]:
        if self._sign is None:
            return headers
        import google_auth_httplib2
        import httplib2
        from google.auth import exceptions

        renewal = google_auth_httplib2.Request(httplib2.Http(timeout=self._timeout))
        try:
            self._sign.before_request(renewal, method, uri, headers)
        except (exceptions.TransportError, httplib2.HttpLib2Error, OSError) as error:
            raise Unavailable(self._source, f"Google's sign-in cannot be reached: {type(error).__name__}") from None
        except exceptions.GoogleAuthError as error:
            raise AuthError(self._source, f"Google's sign-in refused the account: {type(error).__name__}") from None
        return headers

    def close(self) -> None:
        """Nothing of its own to close: the `Http` below belongs to whoever made it."""


def classifier(advice: str, special: Mapping[str, Make] | None = None) -> Classify:
    """A reading of Google's errors; `special` is what some reasons mean for one service, `advice` what to check."""

    def classify(answer: Answer) -> SourceError | None:
        if answer.status < 300:
            return None
        reasons, message = explain(answer)
        detail = f"{reasons[0]}: {message}" if reasons else message
        if "per day" in message and TOO_FAST.intersection(reasons):  # UNVERIFIED: a spent day said as "too fast"
            reasons = ["dailyLimitExceeded"]
        makes = (make for r in reasons if (make := (special or {}).get(r) or _known(r, answer)))
        make = next(makes, Gone if answer.status == 501 else None)  # 501: the service has no such method
        words = f"HTTP {answer.status} {detail}"
        error = make(answer.source, words) if make else by_status(replace(answer, text=detail))
        return (
            type(error)(error.source, f"{error.message} {advice}") if isinstance(error, ConfigurationError) else error
        )

    return classify


def explain(answer: Answer) -> tuple[list[str], str]:
    """The reasons named in an error (the plainest first) and its message without markup."""
    error = dig(loads(answer.text), "error")
    if not isinstance(error, dict):
        return ([error], "") if isinstance(error, str) else ([], "no explanation in the answer")
    entries = [e for part in ("errors", "details") for e in objects(error.get(part))]
    reasons = [reason for e in entries if isinstance(reason := e.get("reason"), str)]
    message = re.sub(r"<[^>]*>", "", str(error.get("message", "")))[:200]
    return reasons, message


def items_of(source: str, answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The `items` of a list answer. The key may be missing only when the answer says that there are none."""
    items = answer.get("items")
    if isinstance(items, list):
        return objects(items)
    info = answer.get("pageInfo")
    if isinstance(info, dict) and info.get("totalResults") == 0:
        return []
    raise BadAnswer(source, f"no `items` in the answer, only {', '.join(sorted(answer)) or 'nothing'}")


def next_pacific_midnight(moment: datetime) -> datetime:
    """When Google's daily allowances are refilled, in UTC."""
    return next_midnight(moment, PACIFIC)


def _known(reason: str, answer: Answer) -> Make | None:
    if reason in TOO_FAST:
        return lambda source, words: RateLimited(source, words, retry_after(answer))
    return ConfigurationError if reason in SETUP else AuthError if reason in SIGN_IN else None
