"""How the cells of a file are spelled, brought into the one spelling that `values` reads.

Nothing is guessed: `1.234` is a thousand only where the decimal mark is known to be a comma, and 03/04/2026 is a day
only where the order of day and month is known. A cell that contradicts what was said stays unreadable.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connectors.errors import TallyrankError
from connectors.urls import links_in, registrable_domain
from pipelines.files.values import BLANKS, Cells

TIMES = frozenset({"observed_at", "published_at", "ranked_at", "day"})
DECIMALS = {"point": ".", "comma": ","}
# What people and tools write after a number for a thousand, a million, a milliard
_SCALE_WORDS = {
    "K": "k tsd tys mil mila mille dzd",
    "M": "m mio mln mill million millionen millions mi",
    "B": "b bn mrd md mld bi milliarden milliards",
}
SCALES = {word: scale for scale, words in _SCALE_WORDS.items() for word in words.split()}
_SCALED = re.compile(r"(?P<number>.*[0-9])\s*(?P<word>[^\W\d_]+)\.?", re.DOTALL)
# A post's text names people and hashtags by addresses of these
_NETWORKS = """
    facebook.com fb.com instagram.com threads.net threads.com linkedin.com x.com twitter.com tiktok.com pinterest.com
    youtube.com youtu.be bsky.app tumblr.com vk.com t.me snapchat.com
"""
NETWORKS = frozenset(_NETWORKS.split())
_SPACES = " \xa0\u2009\u202f"
_WRITTEN = {
    ".": re.compile(rf"[+\-−]?(?:[0-9]{{1,3}}(?:[{_SPACES},'’][0-9]{{3}})+|[0-9]+)(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?"),
    ",": re.compile(rf"[+\-−]?(?:[0-9]{{1,3}}(?:[{_SPACES}.'’][0-9]{{3}})+|[0-9]+)(?:,[0-9]*)?(?:[eE][+-]?[0-9]+)?"),
}
_THOUSANDS = {".": re.compile(rf"[{_SPACES},'’]"), ",": re.compile(rf"[{_SPACES}.'’]")}

_TOKEN = re.compile(r"YYYY|YY|MM?|DD?|hh?|mm|ss|[ap]\.?m\.?", re.IGNORECASE)
_CODES = {"yyyy": "%Y", "yy": "%y", "dd": "%d", "d": "%d", "ss": "%S"}
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", ", %H:%M", ", %H:%M:%S", ", %I:%M %p")
FORM = "a date format looks like DD.MM.YYYY, MM/DD/YYYY or 'MM/DD/YYYY hh:mm am'"


@dataclass(frozen=True, slots=True)
class Dialect:
    """What is known of the spelling. `unknown` and `words` are by field, `*` for every field, in lower case."""

    decimal: str = ""
    dates: tuple[str, ...] = ()
    unknown: dict[str, tuple[str, ...]] = field(default_factory=dict)
    words: dict[str, dict[str, str]] = field(default_factory=dict)
    prefix: dict[str, str] = field(default_factory=dict)

    def spelled(self, name: str, cells: Cells, is_number: bool = False) -> Cells:
        """The cells of a field in our spelling; each distinct text is looked at once."""
        if self == PLAIN and not is_number:
            return cells
        return Cells([self._text(name, text, is_number) for text in cells.texts], cells.codes)

    def _text(self, name: str, text: str, is_number: bool) -> str:
        low = text.casefold()
        if low in self.unknown.get(name, ()) or low in self.unknown.get("*", ()):
            return ""
        if is_number:
            return number(text, self.decimal)
        if name in TIMES:
            return moment(text, self.dates)
        text = self.words.get(name, {}).get(low, text)
        return text if low in BLANKS else self.prefix.get(name, "") + text


PLAIN = Dialect()


def number(text: str, decimal: str = "") -> str:
    """A number with K, M or B for every word of scale, and with a point where the decimal mark is known.

    What contradicts the decimal mark is returned with a remark, and is a number to nobody.
    """
    body, percent = (text[:-1].rstrip(), "%") if text.endswith("%") else (text, "")
    found = _SCALED.fullmatch(body)
    scale = SCALES.get(found["word"].casefold(), "") if found else ""
    if found and scale:
        body = found["number"]
    if not decimal or not any(c.isdigit() for c in body):
        return body + scale + percent
    if not _WRITTEN[decimal].fullmatch(body):
        return f"{text} (the decimal mark is '{decimal}')"
    return _THOUSANDS[decimal].sub("", body).replace(",", ".") + scale + percent


def moment(text: str, formats: tuple[str, ...]) -> str:
    """A time in one of the formats as ISO 8601; anything else as it is."""
    plain = re.sub(r"\b([ap])\.?m\b\.?", r"\1m", " ".join(text.split()), flags=re.IGNORECASE)
    for form in formats:
        for clock in ("",) if "%H" in form or "%I" in form else _CLOCKS:
            try:
                return datetime.strptime(plain, form + clock).isoformat()  # noqa: DTZ007  without zone: UTC, as all files
            except ValueError:
                continue
    return text


def date_format(words: str) -> str:
    """`DD.MM.YYYY hh:mm` in the codes of strptime; what has codes already is only checked."""
    codes = words if "%" in words else _codes(words)
    try:
        sample = datetime(2026, 3, 4, 15, 6).strftime(codes)  # noqa: DTZ001  a sample
        read: Any = datetime.strptime(sample, codes)  # noqa: DTZ007
    except (ValueError, re.error):  # no format, or the same part twice
        read = None
    if read is None or (read.year, read.month, read.day) != (2026, 3, 4):
        raise TallyrankError(f"{words!r} is no date format with a year, a month and a day: {FORM}")
    return codes


def _codes(words: str) -> str:
    has_half = re.search(r"[ap]\.?m", words, re.IGNORECASE)
    hour = "%I" if has_half else "%H"

    def code(found: re.Match[str]) -> str:
        token = found[0].lower()
        if token in ("hh", "h"):
            return hour
        if token in ("mm", "m"):
            return "%m" if found[0].isupper() else "%M"
        return _CODES.get(token, "%p")

    return _TOKEN.sub(code, words)


def date_words(codes: str) -> str:
    """A format of strptime as people write it."""
    known = {
        "%Y": "YYYY",
        "%y": "YY",
        "%m": "MM",
        "%d": "DD",
        "%H": "hh",
        "%I": "hh",
        "%M": "mm",
        "%S": "ss",
        "%p": "am",
    }
    for code, words in known.items():
        codes = codes.replace(code, words)
    return codes


def linked(cells: Cells) -> Cells:
    """Of texts, the first address in each that leads away from the networks."""
    return Cells([next(filter(_leads_away, links_in(text)), "") for text in cells.texts], cells.codes)


def _leads_away(link: str) -> bool:
    return registrable_domain(link) not in NETWORKS
