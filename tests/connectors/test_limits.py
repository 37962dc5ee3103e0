"""Refusals for too many requests: which waits are sat through, and when an allowance is used up."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest

from connectors.errors import QuotaExhausted, RateLimited
from connectors.http import LONGEST_WAIT_SECONDS
from connectors.limits import limited, next_midnight, seconds_until


@pytest.mark.parametrize("seconds", [None, 0.0, LONGEST_WAIT_SECONDS])
def test_a_short_or_unknown_wait_is_sat_through(seconds: float | None) -> None:
    """The wait told is handed on; where none is told, the next try waits as usual."""
    error = limited("anywhere", "too fast", seconds)
    assert type(error) is RateLimited
    assert (error.source, error.message, error.retry_after) == ("anywhere", "too fast", seconds)


def test_a_long_wait_is_an_allowance_that_is_used_up() -> None:
    """Beyond the longest wait nothing more is asked, and the words say until when."""
    error = limited("anywhere", "too fast", 7200.0)
    assert isinstance(error, QuotaExhausted)
    assert error.resets_at is not None
    assert abs(error.resets_at - datetime.now(UTC) - timedelta(hours=2)) < timedelta(minutes=1)
    assert error.message == f"no more until {error.resets_at:%Y-%m-%d %H:%M} UTC: too fast"


@pytest.mark.parametrize(("ahead", "seconds"), [(90, 90.0), (-90, 0.0)])
def test_a_moment_ahead_is_seconds_from_now(ahead: int, seconds: float) -> None:
    """A moment in Unix seconds becomes a wait, and one that has passed no wait."""
    assert seconds_until(str(int(time.time()) + ahead)) == pytest.approx(seconds, abs=2)


@pytest.mark.parametrize("moment", ["", "soon", "-5", "12.5", "2026-11-18T09:30:00Z"])
def test_what_is_no_moment_is_no_wait(moment: str) -> None:
    """Headers that are missing or hold something else say nothing."""
    assert seconds_until(moment) is None


@pytest.mark.parametrize(
    ("at", "zone", "hour"),
    [
        (datetime(2026, 11, 18, 0, 0, tzinfo=UTC), UTC, datetime(2026, 11, 19, 0, tzinfo=UTC)),
        (datetime(2026, 11, 18, 15, 30, tzinfo=UTC), ZoneInfo("Asia/Seoul"), datetime(2026, 11, 19, 15, tzinfo=UTC)),
        (datetime(2026, 11, 18, 14, 30, tzinfo=UTC), ZoneInfo("Asia/Seoul"), datetime(2026, 11, 18, 15, tzinfo=UTC)),
        (datetime(2026, 10, 31, 12, tzinfo=UTC), ZoneInfo("America/New_York"), datetime(2026, 11, 1, 4, tzinfo=UTC)),
        (datetime(2026, 11, 1, 12, tzinfo=UTC), ZoneInfo("America/New_York"), datetime(2026, 11, 2, 5, tzinfo=UTC)),
    ],
)
def test_the_next_day_begins_where_it_is_counted(at: datetime, zone: tzinfo, hour: datetime) -> None:
    """Midnight of a zone, told in UTC, also over the night in which its clocks change."""
    assert next_midnight(at, zone) == hour
