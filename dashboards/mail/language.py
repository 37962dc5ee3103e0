"""The languages of the mail: catalogues in dashboards/locale, numbers and days as each locale writes them.

English stands in the code as the key of each sentence. A catalogue is read as it is (`mail.po`), nothing is compiled
beforehand. Values are put into a sentence as pieces of their own, so that no text from outside is ever a template.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import date
from functools import cache
from gettext import GNUTranslations, NullTranslations
from math import isfinite
from pathlib import Path
from string import Formatter

from babel import Locale
from babel.dates import format_date
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent

from connectors.errors import TallyrankError
from dashboards.safe import shown

LOCALES = {"en": "en", "de": "de", "es": "es", "zh": "zh_Hans", "ms": "ms"}
FOLDER = Path(__file__).resolve().parents[1] / "locale"


@dataclass(frozen=True)
class Span:
    """A piece of a line. What is foreign came from outside and keeps its direction of writing to itself."""

    text: str
    href: str = ""
    is_foreign: bool = False
    is_strong: bool = False


Line = tuple[Span, ...]
Value = str | Span | Line


def foreign(text: object, href: str = "", most: int = 90, *, is_strong: bool = False) -> Span:
    """A piece that came from outside, made harmless."""
    return Span(shown(text, most), href, is_foreign=True, is_strong=is_strong)


@dataclass(frozen=True, eq=False)
class Tongue:
    """One language: its sentences, its numbers, its days."""

    code: str
    locale: Locale
    catalogue: NullTranslations

    @property
    def html(self) -> str:
        """The language as HTML names it."""
        return str(self.locale).replace("_", "-")

    def say(self, text: str) -> str:
        """A word or sentence without values."""
        return self.catalogue.gettext(text)

    def line(self, text: str, **values: Value) -> Line:
        """A sentence with its values in their places."""
        return filled(self.catalogue.gettext(text), values)

    def counted(self, one: str, many: str, count: int, href: str = "", /, **values: Value) -> Line:
        """A sentence about `count` things, which it names {n}; the number leads to `href`."""
        number = Span(self.number(count), href)
        return filled(self.catalogue.ngettext(one, many, count), values | {"n": number})

    def number(self, value: float | None, digits: int = 0) -> str:
        """A number, or the word for unknown; `digits` is the most that stand after the mark."""
        return self._known(value, "#,##0" + ("." + "#" * digits if digits else ""))

    def signed(self, value: float | None) -> str:
        """A number with its sign and two digits after the mark, or the word for unknown."""
        return self._known(value, "+#,##0.00;-#,##0.00")

    def percent(self, value: float | None) -> str:
        """A share of 1 in per cent, no zero that is none, or the word for unknown."""
        if value is None or not isfinite(value):
            return self.say("unknown")
        least = "<\u00a0" if 0 < value < 0.001 else ""
        return least + str(format_percent(max(value, 0.001) if least else value, "#,##0.0\u00a0%", locale=self.locale))

    def day(self, day: date) -> str:
        """A day, as people of the language write it."""
        return str(format_date(day, "medium", locale=self.locale))

    def _known(self, value: float | None, pattern: str) -> str:
        if value is None or not isfinite(value):
            return self.say("unknown")
        return str(format_decimal(value, pattern, locale=self.locale))


def filled(template: str, values: dict[str, Value]) -> Line:
    """The template as pieces; TallyrankError where it names a value that is not given, or leaves one out."""
    pieces: list[Span] = []
    used = set()
    for text, name, _, _ in Formatter().parse(template):
        pieces += [Span(text)] if text else []
        if name is not None:
            used.add(name)
            pieces += _pieces(values, name, template)
    if used != values.keys():
        raise TallyrankError(f"mail: the sentence {template!r} does not use {', '.join(sorted(values.keys() - used))}")
    return tuple(pieces)


def _pieces(values: dict[str, Value], name: str, template: str) -> Line:
    if name not in values:
        raise TallyrankError(
            f"mail: the sentence {template!r} wants {{{name}}}, which is not known; mend its catalogue"
        )
    value = values[name]
    if isinstance(value, Span):
        return (value,)
    return (Span(value),) if isinstance(value, str) else value


def joined(parts: list[Line], between: str = ", ") -> Line:
    """Lines one after another."""
    return tuple(span for n, part in enumerate(parts) for span in ((Span(between), *part) if n else part))


def plain(line: Line) -> str:
    """The words of a line alone."""
    return "".join(span.text for span in line)


def catalogue_path(code: str) -> Path:
    """Where the catalogue of a language is kept; English has none."""
    return FOLDER / code / "LC_MESSAGES" / "mail.po"


@cache
def tongue(code: str) -> Tongue:
    """A language by its code; TallyrankError for one that the mail does not speak."""
    if code not in LOCALES:
        raise TallyrankError(f"the mail speaks {', '.join(LOCALES)}, not {code!r}")
    locale = Locale.parse(LOCALES[code])
    return Tongue(code, locale, NullTranslations() if code == "en" else _catalogue(code))


def _catalogue(code: str) -> GNUTranslations:
    with catalogue_path(code).open("rb") as file:
        read = read_po(file, locale=code, abort_invalid=True)
    compiled = io.BytesIO()
    write_mo(compiled, read)
    compiled.seek(0)
    return GNUTranslations(compiled)
