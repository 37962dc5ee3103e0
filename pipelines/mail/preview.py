"""A mail without its subscribers: shown, written to a file, sent to one address. The ledger is read, not touched."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from connectors.errors import TallyrankError
from dashboards.mail.document import Document
from dashboards.mail.message import composed
from pipelines.mail.bounces import bounced
from pipelines.mail.ledger import Event, Ledger
from pipelines.mail.sending import Sent, document_of, outcome_state, outcome_words
from pipelines.mail.settings import bounces_folder, mail_settings
from pipelines.mail.smtp import deliver
from pipelines.project import Project, Subscription, load

NOBODY = "nobody@localhost.invalid"


def chosen(project: Project, name: str | None) -> Subscription:
    """A subscription by its name; without a name the only one, or an English one of nobody where there is none."""
    known = {s.name: s for s in project.subscriptions}
    if name is None and not known:
        return Subscription(name="preview", to=(NOBODY,), timezone=project.timezone)
    if name is None and len(known) == 1:
        return next(iter(known.values()))
    if name is None:
        raise TallyrankError(f"say which mail: --subscription with one of {', '.join(known)}")
    if name not in known:
        there = f"it has {', '.join(known)}" if known else "it has none; `tallyrank init` asks for one"
        raise TallyrankError(f"project.yaml has no subscription {name!r}; {there}")
    return known[name]


def events_now(data: Path, project: Project, now: datetime) -> list[Event]:
    """The ledger with what came back since, which is not written down."""
    events = Ledger(data).events()
    return [*events, *bounced(project, events, bounces_folder(), now).events]


def preview(data: Path, name: str | None, now: datetime) -> tuple[Subscription, Document]:
    """The mail that a subscription would get now."""
    project = load(data)
    subscription = chosen(project, name)
    day = now.astimezone(ZoneInfo(subscription.timezone)).date()
    more = bounced(project, [], bounces_folder(), now).troubles
    return subscription, document_of(data, project, subscription, day, events_now(data, project, now), now, more)


def send_to(data: Path, name: str | None, address: str, now: datetime) -> Sent:
    """Send a subscription's mail to one address alone, now."""
    settings = mail_settings()
    subscription, document = preview(data, name, now)
    zoned = now.astimezone(ZoneInfo(subscription.timezone))
    outcome = deliver(settings, composed(document, settings.from_, [address], zoned), [address])
    day = zoned.date().isoformat()
    return Sent(subscription.name, day, outcome_state(outcome), (address,), outcome_words(outcome))
