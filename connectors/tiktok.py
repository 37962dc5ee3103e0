"""What TikTok's two interfaces share: host, tokens, the envelope of answers and their errors.

- Every question is a POST with JSON; the fields wanted stand in the address nevertheless (`?fields=…`).
- Answers are `{"data": {…}, "error": {"code", "message", "log_id"}}`, and the code `ok` is success: the code decides,
  also where the HTTP status is 200.
- Tokens come from `POST /v2/oauth/token/` (a form). Its errors are flat: there `error` is a word, not an object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any

from pydantic import Field, SecretStr

from connectors.base import Ask, Connector, ConnectorSettings, reading
from connectors.bearer import Bearer
from connectors.errors import AuthError, BadAnswer, BadRequest, ConfigurationError, SourceError, Unavailable
from connectors.fields import dig, loads, picked, plain, since_epoch
from connectors.http import Answer, Http, by_status, redacted
from connectors.records import Observation, Raw, Status

TOKEN_PATH = "/v2/oauth/token/"  # noqa: S105  an address
TOO_FAST = "rate_limit_exceeded"
KINDS: dict[str, type[SourceError]] = {
    "access_token_invalid": AuthError,
    "scope_not_authorized": ConfigurationError,
    "scope_permission_missed": ConfigurationError,
    **dict.fromkeys(("invalid_params", "invalid_param", "invalid_request"), BadRequest),
    **dict.fromkeys(("internal_error", "timeout"), Unavailable),
}
ADVICE: dict[type[SourceError], str] = {
    AuthError: "the token is refused or expired; sign in again",
    ConfigurationError: "the token lacks a scope; sign in again and allow it",
}
SIGN_IN = ("invalid_grant", "invalid_client", "access_denied")

Item = dict[str, Any]
Limited = Callable[[Answer, str], SourceError]


class TikTokSettings(ConnectorSettings):
    """What both interfaces are told."""

    base_url: str = Field("https://open.tiktokapis.com", description="Address of the API.")
    token: SecretStr | None = Field(None, description="A ready access token, used until it is refused.")
    client_key: SecretStr | None = Field(None, description="Client key of the app.")
    client_secret: SecretStr | None = Field(None, description="Client secret of the app.")


def tiktok_error(answer: Answer, limited: Limited) -> SourceError | None:
    """What an answer says went wrong: by its code, then by HTTP status; `limited` makes the error of too many."""
    error = dig(loads(answer.text), "error")
    if isinstance(error, str) and error:
        return _sign_in_error(answer, error)
    code = dig(error, "code")
    if not isinstance(code, str) or code == "ok":
        return by_status(answer)
    words = f"{code}: {str(dig(error, 'message'))[:160]}"
    if code == TOO_FAST:
        return limited(answer, words)
    kind = KINDS.get(code)
    if kind is None:
        return by_status(answer) or BadAnswer(answer.source, f"TikTok answers an error that is not documented: {words}")
    return kind(answer.source, f"{ADVICE[kind]} ({words})" if kind in ADVICE else words)


def _sign_in_error(answer: Answer, error: str) -> SourceError:
    words = f"no token, {error[:80]}: {str(dig(loads(answer.text), 'error_description'))[:160]}"
    if answer.status >= 500:
        return Unavailable(answer.source, words)
    return (AuthError if error in SIGN_IN else ConfigurationError)(answer.source, words)


class Api:
    """A client of TikTok: one token, the envelope opened. `grant` is the form's part that buys a token."""

    def __init__(self, source: str, ask: Ask, limited: Limited, grant: Mapping[str, str] | None) -> None:
        self._source, self._settings, self._limited, self._grant = source, ask.settings, limited, grant
        keys = (ask.settings.client_key, ask.settings.client_secret)
        can_sign_in = grant is not None and all(plain(key) for key in keys)
        self._bearer = Bearer(plain(ask.settings.token), self._obtain if can_sign_in else None)
        self._http = Http(source, ask, classify=self._classify)

    def __enter__(self) -> Api:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._http.__exit__()

    def post(self, path: str, fields: str, body: Mapping[str, Any]) -> Item:
        """The `data` of an answer."""
        address = f"{path}?fields={fields}"
        answer = self._bearer.send(lambda header: self._http.post(address, json=body, headers=dict(header)))
        data = dig(answer.json(), "data")
        if not isinstance(data, dict):
            raise BadAnswer(self._source, "the answer has no `data`")
        return data

    def _classify(self, answer: Answer) -> SourceError | None:
        return tiktok_error(replace(answer, text=redacted(answer.text, self._bearer.secrets)), self._limited)

    def _obtain(self) -> str:
        keys = {"client_key": plain(self._settings.client_key), "client_secret": plain(self._settings.client_secret)}
        token = dig(self._http.post(TOKEN_PATH, data={**keys, **(self._grant or {})}).json(), "access_token")
        if not isinstance(token, str) or not token:
            raise BadAnswer(self._source, "the answer to our sign-in holds no `access_token`")
        return token


def videos_in(source: str, data: Item) -> list[tuple[str, Item]]:
    """The videos of an answer with their ids as text; an id that came as a rounded number is worth nothing."""
    videos = data.get("videos")
    if not isinstance(videos, list):
        raise BadAnswer(source, "the answer has no list `videos`")
    ids = [dig(video, "id") for video in videos]
    if not all(isinstance(i, (str, int)) and not isinstance(i, bool) for i in ids):
        raise BadAnswer(source, "a video has no whole `id`")
    return [(str(i), video) for i, video in zip(ids, videos, strict=True)]


def project(video: Item, names: Sequence[str]) -> Item:
    """What parsing reads of a video; a key that did not come stays away."""
    return picked(video, ("create_time", *names))


def video_readings(connector: Connector, rows: Sequence[Raw]) -> Iterator[Observation]:
    """One reading per verb and video, each of the field that the verb is natively."""
    for row in rows:
        more: dict[str, Any] = {"object_id": row.subject, "published_at": since_epoch(dig(row.payload, "create_time"))}
        absent = Status.NOT_FOUND if row.status is Status.NOT_FOUND else Status.FAILED
        for verb, meaning in connector.verbs.items():
            yield reading(connector, verb, row, dig(row.payload, meaning.native), absent=absent, **more)
