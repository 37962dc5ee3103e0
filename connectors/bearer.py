"""A bearer token, obtained when it is needed and renewed once when it is refused (TikTok, Snapchat, Hootsuite)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from connectors.errors import AuthError
from connectors.http import Answer

Call = Callable[[Mapping[str, str]], Answer]


class Bearer:
    """A token given, or obtained. One that is refused is renewed once; a refused new one is for a person to mend.

    Safe to share between threads: of several that are refused at the same time, one renews.
    """

    def __init__(self, token: str, obtain: Callable[[], str] | None) -> None:
        self._token, self._obtain = token, obtain
        self._may_renew, self._lock = obtain is not None, threading.Lock()

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no message may hold."""
        return (self._token,) if self._token else ()

    def send(self, call: Call) -> Answer:
        """The answer to a request that is made with the header it is given."""
        token = self._current()
        try:
            answer = call(_header(token))
        except AuthError:
            renewed = self._renewed(token)
            if not renewed:
                raise
            answer = call(_header(renewed))
        self._may_renew = self._obtain is not None  # a token that works may expire later
        return answer

    def _current(self) -> str:
        with self._lock:
            if not self._token and self._obtain:
                self._token = self._obtain()
                self._may_renew = False
            return self._token

    def _renewed(self, refused: str) -> str | None:
        with self._lock:
            if self._token == refused and self._obtain and self._may_renew:
                self._may_renew = False
                self._token = self._obtain()
            return self._token if self._token != refused else None


def _header(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
