"""`tallyrank mail`: send what is due, show what would be sent, or send one mail to one address."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from pipelines.console import err, out
from pipelines.folder import DataOption, lake_of

if TYPE_CHECKING:
    from pipelines.mail.sending import Sent
    from pipelines.project import Project, Subscription


def mail(
    subscription: Annotated[str | None, typer.Option(help="One subscription of project.yaml, by its name.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be sent to whom; send nothing.")] = False,
    to: Annotated[str | None, typer.Option(help="Send it now, to this address alone; nobody else is told.")] = None,
    out_file: Annotated[Path | None, typer.Option("--out", help="Write the whole message to a file (.eml).")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write the HTML part to a file, for a browser.")] = None,
    data: DataOption = None,
) -> None:
    """Send the daily mails that are due, each once a day. Settings: TALLYRANK_MAIL_HOST, _FROM and others."""
    if sum((dry_run, to is not None, out_file is not None or html is not None)) > 1:
        raise typer.BadParameter("give one of --dry-run, --to, and --out or --html")
    folder, now = lake_of(data), datetime.now(UTC)
    if dry_run:
        _show(folder, subscription, now)
    elif to is not None:
        _send_one(folder, subscription, to, now)
    elif out_file or html:
        _write(folder, subscription, out_file, html, now)
    elif subscription is not None:
        raise typer.BadParameter(
            "--subscription goes with --dry-run, --to, --out or --html; without, all that is due is sent"
        )
    else:
        _send_due(folder, now)


def _send_due(folder: Path, now: datetime) -> None:
    from pipelines.mail.sending import due, is_filling, send_due
    from pipelines.project import load

    project = load(folder)
    if not project.subscriptions:
        out.print(
            f"nobody is subscribed: {folder / 'project.yaml'} names no subscriptions (`tallyrank init` asks for one)"
        )
        return
    sent = send_due(folder, now, by_hand=True)
    for each in sent:
        _tell(each)
    if not sent:
        is_waiting = bool(due(project, now)) and is_filling(folder, now)
        out.print("a run is under way; what is due is sent when it has ended" if is_waiting else "nothing is due")
    for subscription in project.subscriptions:
        out.print(f"next: {subscription.name} {_next(subscription, now)}", markup=False)
    _conclude(sent)


def _tell(sent: Sent) -> None:
    if sent.is_well:
        what = "nothing to tell, so nothing was sent" if sent.state == "skipped" else f"sent to {', '.join(sent.to)}"
        out.print(f"{sent.subscription}: {what}", markup=False)
    else:
        err.print(f"{sent.subscription}: {sent.state}: {sent.words}", markup=False)


def _conclude(sent: list[Sent]) -> None:
    if not all(each.is_well for each in sent):
        raise typer.Exit(1)


def _send_one(folder: Path, name: str | None, to: str, now: datetime) -> None:
    from pipelines.mail.preview import send_to

    sent = send_to(folder, name, to, now)
    _tell(sent)
    _conclude([sent])


def _show(folder: Path, name: str | None, now: datetime) -> None:
    """Each mail as it would be sent now, with whom it would go to, when, and what is wrong with earlier ones."""
    from dashboards.mail.render import as_text
    from pipelines.mail.preview import chosen, preview
    from pipelines.project import load

    project = load(folder)
    for each in [chosen(project, name)] if name or not project.subscriptions else project.subscriptions:
        subscription, document = preview(folder, each.name if project.subscriptions else None, now)
        out.print(f"Subscription: {each.name}; {_next(subscription, now)}", markup=False)
        out.print(
            f"To:           {', '.join(each.to) if project.subscriptions else 'nobody is subscribed'}", markup=False
        )
        if words := _waiting(folder, project, each.name, now):
            out.print(f"Last mail:    {words}", markup=False)
        out.print(f"Subject:      {document.subject}\n", markup=False)
        out.print(as_text(document), markup=False)
    out.print("(nothing was sent)")


def _waiting(folder: Path, project: Project, name: str, now: datetime) -> str:
    """What the ledger says last of a subscription."""
    from pipelines.mail.preview import events_now

    events = [e for e in events_now(folder, project, now) if e.subscription == name]
    if not events:
        return ""
    last = events[-1]
    told = "; ".join(f"{address}: {words}" for address, words in {**last.refused, **last.left}.items())
    return f"{last.day or 'day unknown'}: {last.state}{f' ({told})' if told else ''}"


def _next(subscription: Subscription, now: datetime) -> str:
    from pipelines.mail.due import next_due

    at = next_due(subscription, now).at.astimezone(ZoneInfo(subscription.timezone))
    return f"{at:%Y-%m-%d %H:%M} {subscription.timezone}"


def _write(folder: Path, name: str | None, eml: Path | None, html: Path | None, now: datetime) -> None:
    from dashboards.mail.message import as_page, composed
    from pipelines.mail.preview import chosen, preview
    from pipelines.mail.settings import sender
    from pipelines.project import load

    subscription, document = preview(folder, name, now)
    if html:
        html.resolve().write_text(as_page(document), encoding="utf-8")
    if eml:
        to = chosen(load(folder), name).to
        eml.resolve().write_bytes(
            composed(document, sender(), to, now.astimezone(ZoneInfo(subscription.timezone))).as_bytes()
        )
    for path in filter(None, (eml, html)):
        out.print(f"mail: {path.resolve()}", markup=False)
