"""Text from platforms, tools and people made harmless before it is shown: in mails, labels, terminals, spreadsheets."""

from __future__ import annotations

import re
import unicodedata
from html import escape

MOST = 90
ISOLATE, END = "\u2068", "\u2069"
FORMULA = re.compile(
    r"\A[\s\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]*[=+\-@|%\uff1d\uff0b\uff0d\uff20]|\A[\t\r\n]"
)


def shown(text: object, most: int = MOST) -> str:
    """One line of at most `most` characters without control characters or marks that turn the direction of writing."""
    start = str(text)[: 20 * most]  # nobody reads the rest, and some of it has ten thousand characters
    kept = "".join(c if _is_visible(c) else " " for c in start if not _is_mark(c))
    return shortened(" ".join(kept.split()), most)


def clean(text: str) -> str:
    """Text of any length without control characters (but ends of lines) and marks that turn the direction of writing:
    what a terminal or a page then shows is only text.
    """
    return "".join(c for c in text if c == "\n" or (_is_visible(c) and not _is_mark(c)))


def shortened(text: str, most: int) -> str:
    """At most `most` characters of a text; a longer one ends in an ellipsis."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def _is_visible(character: str) -> bool:
    return unicodedata.category(character) not in {"Cc", "Cs", "Zl", "Zp", "Co", "Cn"}


def _is_mark(character: str) -> bool:
    """Invisible characters: turns of direction, joiners, the byte order mark."""
    return unicodedata.category(character) == "Cf"


def isolated(text: str) -> str:
    """The text between marks that keep its direction of writing to itself, for places without markup."""
    return f"{ISOLATE}{text}{END}"


def as_label(text: object, most: int = 60) -> str:
    """A label of a plotly chart: no markup in it, its direction kept to itself, and not endless.

    Plotly reads a subset of HTML in labels and knows few entities (no `&quot;`); the sign that begins one of its
    templates is written as one too.
    """
    short = shown(text, most)
    return escape(short if short.isascii() else isolated(short), quote=False).replace("%{", "&#37;{")


def is_formula(text: str) -> bool:
    """Whether a spreadsheet would take a cell with this text for a formula (OWASP's page on CSV injection)."""
    return FORMULA.match(text) is not None


def as_cell(text: str) -> str:
    """The text for a cell of a spreadsheet, with an apostrophe in front where it would be a formula."""
    return f"'{text}" if is_formula(text) else text
