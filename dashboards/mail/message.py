"""A mail's document as a message: text and HTML side by side, pictures inside, headers that nothing breaks."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, getaddresses, make_msgid, parseaddr

from connectors.errors import TallyrankError
from dashboards.mail.document import Document, Picture
from dashboards.mail.render import as_html, as_text
from dashboards.safe import shown

POLICY = SMTP.clone(cte_type="7bit")  # servers that know no 8BITMIME get it whole too


def composed(document: Document, sender: str, to: Sequence[str], at: datetime) -> EmailMessage:
    """The whole message with its pictures; `at` is when it was made, with its time zone."""
    message = headed(document.subject, sender, to, at)
    message["Content-Language"] = document.tongue.html
    message.set_content(as_text(document))
    domain = domain_of(sender)
    ids = {picture.name: make_msgid(picture.name, domain) for picture in document.pictures}
    message.add_alternative(as_html(document, lambda p: f"cid:{ids[p.name][1:-1]}"), subtype="html")
    html = message.get_body(("html",))
    for picture in document.pictures:
        name = f"{picture.name}.png"
        html.add_related(picture.png, "image", "png", cid=ids[picture.name], filename=name, disposition="inline")  # type: ignore[union-attr]
    return message


def plain_message(subject: str, lines: Sequence[str], sender: str, to: Sequence[str], at: datetime) -> EmailMessage:
    """A message of plain lines, each made harmless."""
    message = headed(subject, sender, to, at)
    message.set_content("\n".join(shown(line, 500) for line in lines) + "\n")
    return message


def headed(subject: str, sender: str, to: Sequence[str], at: datetime) -> EmailMessage:
    """An empty message with its headers; what answers by machine is told not to."""
    message = EmailMessage(policy=POLICY)
    message["Subject"] = shown(subject, 200)
    message["From"] = address(sender)
    message["To"] = ", ".join(address(each) for each in to)
    message["Date"] = format_datetime(at)
    message["Message-ID"] = make_msgid(domain=domain_of(sender))
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    return message


def address(text: str) -> str:
    """An address of mail, with or without a name; TallyrankError for what is none or would break out of a header."""
    found = getaddresses([text])
    local, _, domain = found[0][1].rpartition("@") if len(found) == 1 else ("", "", "")
    is_whole = text.isprintable() and text.isascii() and f"{local}@{domain}" in text
    is_fine = is_whole and local and domain and not set(local + domain) & set(' ,;:<>()[]\\"@')
    if not is_fine:
        raise TallyrankError(f"{shown(text)!r} is no address of mail; write it like name@example.com, in plain letters")
    return text


def bare(text: str) -> str:
    """The address alone, without a name."""
    return parseaddr(address(text))[1]


def domain_of(sender: str) -> str:
    """The part behind the @."""
    return bare(sender).rpartition("@")[2]


def as_page(document: Document) -> str:
    """The HTML part with its pictures inside, for a browser."""

    def inside(picture: Picture) -> str:
        return f"data:image/png;base64,{base64.b64encode(picture.png).decode()}"

    return as_html(document, inside)
