"""What a refusal for too many requests means: a wait that can be sat through, or an allowance that is used up."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, tzinfo
from datetime import time as midnight

from connectors.errors import QuotaExhausted, RateLimited, SourceError
from connectors.http import LONGEST_WAIT_SECONDS


def limited(source: str, words: str, seconds: float | None) -> SourceError:
    """The error of a source that takes no more for so many seconds; None: for a while that nobody told."""
    if seconds is None or seconds <= LONGEST_WAIT_SECONDS:
        return RateLimited(source, words, seconds)
    resets_at = datetime.now(UTC) + timedelta(seconds=seconds)
    return QuotaExhausted(source, f"no more until {resets_at:%Y-%m-%d %H:%M} UTC: {words}", resets_at)


def next_midnight(at: datetime, zone: tzinfo = UTC) -> datetime:
    """The moment (UTC) at which the next day of a time zone begins."""
    tomorrow = at.astimezone(zone).date() + timedelta(days=1)
    return datetime.combine(tomorrow, midnight(), zone).astimezone(UTC)


def seconds_until(moment: str) -> float | None:
    """The seconds from now to a moment that a header gives in Unix seconds; None for what is no moment."""
    return max(float(moment) - time.time(), 0.0) if moment.isdecimal() else None
