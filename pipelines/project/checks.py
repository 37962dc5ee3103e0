"""What may stand in the project file, piece by piece: the validators of its models, each a ValueError in words."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import time
from difflib import get_close_matches
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from babel import Locale

from connectors.base import discover
from connectors.urls import url_key


def line(words: str) -> str:
    """The words; ValueError where they hold a line break or another control character."""
    if any(ord(sign) < 32 or ord(sign) == 127 for sign in words):
        raise ValueError("must stand on one line, without tabs")
    return words


def clock(words: str) -> str:
    """A time of day as HH:MM; ValueError where it is none."""
    found = re.fullmatch(r"(\d{1,2}):(\d{2})", words.strip())
    if not found or int(found[1]) > 23 or int(found[2]) > 59:
        raise ValueError("is no time of day; write HH:MM, for example 07:30")
    return time(int(found[1]), int(found[2])).isoformat("minutes")


def timezone(name: str) -> str:
    """An IANA time zone; ValueError with the nearest one where it is none."""
    known = available_timezones()
    if name in known:
        ZoneInfo(name)
        return name
    raise ValueError(f"is no time zone{nearest(name, known, 'write one like Europe/Berlin')}")


def site(given: str) -> str:
    """A domain, host or beginning of addresses, as it was written; ValueError where no page can lie on it."""
    words = given.strip()
    key = url_key(words)
    has_scheme = "://" in words
    if key is None or "*" in words or "." not in key.partition("/")[0] or (has_scheme and not words.startswith("http")):
        raise ValueError("is no site; write a domain (example.com) or the beginning of addresses (https://…)")
    return words


def country(code: str) -> str:
    """A country's two letters (ISO 3166), lower case; ValueError where they are of none."""
    if code.upper() in countries():
        return code.lower()
    if code.lower() == "uk":
        raise ValueError("is no country of ISO 3166; the United Kingdom is gb")
    raise ValueError("is no country; write its two letters, for example de or us")


@cache
def countries() -> frozenset[str]:
    """The two letters of every country, upper case."""
    return frozenset(k for k in map(str, Locale("en").territories) if re.fullmatch("[A-Z]{2}", k)) - {
        "EU",
        "EZ",
        "UN",
        "ZZ",
    }


def address(given: str) -> str:
    """An address of mail; ValueError where it is none, or could smuggle a header in."""
    words = given.strip(" ")
    if not re.fullmatch(r"[!-?A-~]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?", words) or _is_odd(words):
        raise ValueError("is no address of mail; write it alone, for example me@example.com")
    return words


def _is_odd(words: str) -> bool:
    """Whether an address holds signs that separate addresses, dots where none may stand, or a host without a domain."""
    host = words.rpartition("@")[2]
    return (
        ("." not in host and host != "localhost")
        or any(sign in words for sign in '"(),:;<>[]\\')
        or ".." in words
        or words.startswith(".")
        or ".@" in words
    )


def source(name: str) -> str:
    """The name of a source; ValueError with the nearest one where it is none."""
    if name not in discover():
        raise ValueError(f"is no source{nearest(name, discover(), '`tallyrank doctor` lists them')}")
    return name


def as_setting(given: Any) -> Any:
    """A setting as an environment variable holds it; a list with commas between."""
    if isinstance(given, bool):
        return str(given).lower()
    if isinstance(given, int | float):
        return str(given)
    if isinstance(given, list) and given and all(isinstance(g, str) and "," not in g for g in given):
        return ",".join(given)
    return given


def nearest(name: str, known: Collection[str], otherwise: str) -> str:
    """The end of a sentence: what may have been meant, or else what to do."""
    near = get_close_matches(name, known, n=1) or get_close_matches(name.lower(), known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; {otherwise}"
