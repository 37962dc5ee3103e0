"""A mail's document as plain text and as HTML; what came from outside is escaped and keeps its direction to itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from textwrap import wrap

import jinja2

from dashboards.mail.document import Document, Item, Picture
from dashboards.mail.language import Line
from dashboards.safe import isolated
from dashboards.words import ACCENT

TEMPLATES = Path(__file__).parent / "templates"
WIDTH = 78


def as_text(document: Document) -> str:
    """The plain part: whole sentences, the addresses of their numbers below each item."""
    return _template("daily.txt.j2").render(d=document, words=words, block=block, links=addresses)


def as_html(document: Document, source: Callable[[Picture], str]) -> str:
    """The HTML part; `source` gives the address of a picture (cid: in a mail)."""
    return _template("daily.html.j2").render(d=document, source=source, words=words, accent=ACCENT)


def _template(name: str) -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=jinja2.select_autoescape(["html.j2"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


def words(line: Line) -> str:
    """A line as text; pieces from outside between marks of isolation."""
    return "".join(isolated(span.text) if span.is_foreign else span.text for span in line)


def block(text: str, first: str, rest: str) -> str:
    """A paragraph in lines of a mail's width; addresses are never broken."""
    lines = wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(lines)


def addresses(item: Item) -> list[str]:
    """The addresses of an item's numbers, each once, in order."""
    return _once(span.href for line in (item.head, *item.more) for span in line if span.href)


def _once(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))
