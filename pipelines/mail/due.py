"""Which mails are due: once a local day of each subscription, also on the days on which clocks change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from pipelines.project import Project, Subscription

GRACE = timedelta(hours=12)  # a machine that slept still sends its morning mail; after that, the next one is near
FARTHEST_DAYS = 8  # a weekly mail comes within so many days


@dataclass(frozen=True)
class Due:
    """A subscription's mail of one local day, and the moment (UTC) from which it is due."""

    subscription: Subscription
    day: date
    at: datetime


def due(project: Project, now: datetime) -> list[Due]:
    """The newest mail of each subscription whose moment came in the last `GRACE`; the ledger knows what was sent."""
    found = [[d for d in _moments(s, now, -2, 1) if d.at <= now < d.at + GRACE] for s in project.subscriptions]
    return [moments[-1] for moments in found if moments]


def next_due(subscription: Subscription, now: datetime) -> Due:
    """The next mail of a subscription."""
    return next(d for d in _moments(subscription, now, -1, FARTHEST_DAYS + 1) if d.at > now)


def _moments(subscription: Subscription, now: datetime, first: int, last: int) -> Iterator[Due]:
    """The mails of local days around now. A time that clocks jump over comes as much later as they jump; one that they
    show twice counts when it comes first.
    """
    zone = ZoneInfo(subscription.timezone)
    today = now.astimezone(zone).date()
    for day in (today + timedelta(days=n) for n in range(first, last + 1)):
        if subscription.is_on(day):
            yield Due(subscription, day, datetime.combine(day, subscription.at, zone).astimezone(UTC))
