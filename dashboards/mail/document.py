"""A mail before it is text or HTML: sections of items of lines, so that both parts say the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from connectors.errors import TallyrankError
from dashboards.mail.language import Line, Tongue, plain
from dashboards.mail.news import Told

PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Picture:
    """A PNG with what it says in words (for readers without images) and how to read it."""

    name: str
    png: bytes
    alt: str
    caption: str


@dataclass(frozen=True)
class Item:
    """A line with the lines below it; `colour` marks its edge."""

    head: Line
    more: Sequence[Line] = ()
    colour: str = ""


@dataclass(frozen=True)
class Section:
    """A heading and its items; `is_bad` where something went wrong."""

    title: str
    items: Sequence[Item]
    is_bad: bool = False
    picture: Picture | None = None


@dataclass(frozen=True)
class Document:
    """A whole mail in one language. `told` is None where it is no report: an alarm tells nothing of verdicts.

    `is_quiet`: it tells that nothing happened, and no more.
    """

    tongue: Tongue
    subject: str
    title: str
    about: Line
    sections: Sequence[Section]
    footer: Sequence[Line]
    told: Told | None = None
    is_quiet: bool = False

    @property
    def pictures(self) -> list[Picture]:
        """All pictures, in order."""
        return [s.picture for s in self.sections if s.picture]

    def lines(self) -> Iterator[Line]:
        """Every line of the body."""
        for item in (item for section in self.sections for item in section.items):
            yield item.head
            yield from item.more


def checked(document: Document) -> Document:
    """The document, if no part of it is blank; TallyrankError naming the part otherwise."""
    faults = [
        *(["no subject"] if not document.subject.strip() or not document.title.strip() else []),
        *(["no section"] if not document.sections else []),
        *(f"nothing below {s.title!r}" for s in document.sections if not s.items or not s.title.strip()),
        *("a blank line" for line in (*document.lines(), *document.footer) if not plain(line).strip()),
        *(f"the picture {p.name} is empty" for p in document.pictures if not p.png.startswith(PNG) or not p.alt),
    ]
    if faults:
        raise TallyrankError(f"mail: half a report is not sent: {'; '.join(faults)}")
    return document
