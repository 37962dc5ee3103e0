"""Which mails are due: once a local day, also when clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from pipelines.mail.due import due, next_due
from pipelines.project import Project, Subscription


def subscription(**more: Any) -> Subscription:
    """A subscription at seven in Berlin."""
    kept = {"name": "morning", "to": ("a@example.com",), "time": "07:00", "timezone": "Europe/Berlin"}
    return Subscription(**(kept | more))


def days_due(one: Subscription, first: datetime, last: datetime) -> list[tuple[date, datetime]]:
    """Every mail that becomes due while somebody looks every ten minutes, with the moment it is seen first."""
    seen: dict[date, datetime] = {}
    now = first
    while now <= last:
        for found in due(Project(subscriptions=(one,)), now):
            seen.setdefault(found.day, now)
        now += timedelta(minutes=10)
    return list(seen.items())


def at(text: str) -> datetime:
    """A moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_once_a_local_day() -> None:
    """At seven in Berlin, which is five in summer UTC and six in winter; 25 October 2026 has 25 hours."""
    found = days_due(subscription(), at("2026-10-24T00:00"), at("2026-10-26T23:00"))
    assert [seen for day, seen in found if day >= date(2026, 10, 24)] == [
        at("2026-10-24T05:00"), at("2026-10-25T06:00"), at("2026-10-26T06:00"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("clock", "first", "moment"),
    [
        ("02:30", "2026-03-29T00:00", "2026-03-29T01:30"),
        ("02:30", "2026-10-25T00:00", "2026-10-25T00:30"),
    ],
)
def test_a_time_that_clocks_skip_or_show_twice(clock: str, first: str, moment: str) -> None:
    """Half past two does not exist on 29 March 2026 in Berlin and exists twice on 25 October: one mail each."""
    found = days_due(subscription(time=clock), at(first) - timedelta(hours=3), at(first) + timedelta(hours=20))
    day = date.fromisoformat(first[:10])
    assert [(d, seen) for d, seen in found if d == day] == [(day, at(moment))]
    assert len(found) <= 2


def test_a_mail_before_midnight_is_not_missed() -> None:
    """Five to midnight, looked at on the hour only: it is due a few minutes into the next day, as the day before's."""
    late = subscription(time="23:55", timezone="Asia/Singapore")
    assert [d.day for d in due(Project(subscriptions=(late,)), at("2026-10-14T16:00"))] == [date(2026, 10, 14)]


def test_after_half_a_day_a_mail_is_history() -> None:
    """A machine that was off for a weekend sends no old mail."""
    morning = Project(subscriptions=(subscription(),))
    assert due(morning, at("2026-10-14T16:59"))
    assert due(morning, at("2026-10-14T17:01")) == []


@pytest.mark.parametrize(
    ("days", "expected"),
    [("daily", list(range(12, 19))), ("weekdays", list(range(12, 17))), ("weekly:friday", [16])],
)
def test_days_of_the_week(days: str, expected: list[int]) -> None:
    """Monday 12 to Sunday 18 October 2026, by the subscriber's calendar."""
    one = subscription(days=days, timezone="Pacific/Auckland")
    found = days_due(one, at("2026-10-11T11:00"), at("2026-10-18T10:50"))
    assert [day.day for day, _ in found if date(2026, 10, 12) <= day <= date(2026, 10, 18)] == expected


def test_the_next_mail() -> None:
    """Is the first moment after now, a week away at most."""
    assert next_due(subscription(), at("2026-10-14T05:00")).at == at("2026-10-15T05:00")
    assert next_due(subscription(days="weekly:wednesday"), at("2026-10-14T05:00")).day == date(2026, 10, 21)
