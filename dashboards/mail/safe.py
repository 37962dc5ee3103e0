"""Text from platforms, tools and people made harmless before it is shown: one short line in its own direction."""

from __future__ import annotations

import unicodedata

MOST = 90
ISOLATE, END = "\u2068", "\u2069"


def shown(text: object, most: int = MOST) -> str:
    """One line of at most `most` characters without control characters or marks that turn the direction of writing."""
    start = str(text)[: 20 * most]  # nobody reads the rest, and some of it has ten thousand characters
    kept = "".join(c if _is_visible(c) else " " for c in start if not _is_mark(c))
    line = " ".join(kept.split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def _is_visible(character: str) -> bool:
    return unicodedata.category(character) not in {"Cc", "Cs", "Zl", "Zp", "Co", "Cn"}


def _is_mark(character: str) -> bool:
    """Invisible characters: turns of direction, joiners, the byte order mark."""
    return unicodedata.category(character) == "Cf"


def isolated(text: str) -> str:
    """The text between marks that keep its direction of writing to itself, for places without markup."""
    return f"{ISOLATE}{text}{END}"
