"""Everything that can go wrong with an outside source, as one tree.

SourceError                what happened, at which source, what to do
├── ConfigurationError     a key or setting is missing or refused: fix it, a retry cannot help
│   └── AuthError          the token is expired or revoked: sign in again
├── NotPermitted           the account may not read this
├── QuotaExhausted         the allowance is used up until `resets_at`
│   ├── WalletEmpty        prepaid credits are used up (HTTP 402): never retried
│   └── BudgetSpent        our own limit of spending is reached: nothing was asked
├── Transient              worth another try
│   ├── RateLimited        too fast; wait `retry_after` seconds
│   └── Unavailable        the source is down, slow, or cut the connection
├── BadAnswer              the answer cannot be read (not JSON, a field renamed)
├── BadRequest             the source says that our question is wrong: a bug of ours
├── Gone                   the thing asked for does not exist any more
└── PastRefused            a live counter was asked about another day than today
"""

from __future__ import annotations

from datetime import datetime


class TallyrankError(Exception):
    """An error written for the person who must act on it: one line, no traceback needed."""


class SourceError(TallyrankError):
    """A source failed. `is_fatal` means the rest of this source's questions would fail alike."""

    is_fatal = False

    def __init__(self, source: str, message: str) -> None:
        super().__init__(f"{source}: {message}")
        self.source, self.message = source, message

    def __reduce__(self) -> tuple[object, ...]:
        """Keep every attribute when the error crosses a process border."""
        return (_rebuild, (type(self), self.args, self.__dict__))


def _rebuild(kind: type[SourceError], args: tuple[object, ...], state: dict[str, object]) -> SourceError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error


class ConfigurationError(SourceError):
    """A key or a setting is missing or refused."""

    is_fatal = True


class AuthError(ConfigurationError):
    """The credentials are expired, revoked or wrong."""


class NotPermitted(SourceError):
    """The account may not read this; other questions may still be answered."""


class QuotaExhausted(SourceError):
    """The allowance is used up until `resets_at` (UTC; None where the source does not say)."""

    is_fatal = True

    def __init__(self, source: str, message: str, resets_at: datetime | None = None) -> None:
        super().__init__(source, message)
        self.resets_at = resets_at


class WalletEmpty(QuotaExhausted):
    """Prepaid credits are used up; asking again only a person's payment can help."""


class BudgetSpent(QuotaExhausted):
    """Asking would cost more than the budget set for this source leaves."""


class Transient(SourceError):
    """Worth another try, after `retry_after` seconds where the source says so."""

    def __init__(self, source: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(source, message)
        self.retry_after = retry_after


class RateLimited(Transient):
    """The source asks us to slow down."""


class Unavailable(Transient):
    """The source is down, too slow, or cut the connection."""


class BadAnswer(SourceError):
    """The answer cannot be read: not the promised format, or a field is missing that always was there."""


class BadRequest(SourceError):
    """The source says that the question is wrong."""


class Gone(SourceError):
    """The thing asked for does not exist (any more)."""


class PastRefused(SourceError):
    """A live counter cannot say how it stood on another day."""

    is_fatal = True
