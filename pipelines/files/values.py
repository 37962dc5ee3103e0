"""Cells of exports as values: counts, numbers, times, words, addresses. Each distinct text is read once.

A parser gives, for every row, a value or NULL, and beside it what is wrong with the cell or NULL. It never guesses.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from connectors.errors import TallyrankError
from connectors.urls import url_key

# Value and fault of one cell; both None where the cell says nothing
Read: TypeAlias = tuple[Any, str | None]

BLANKS = frozenset({"", "-", "--", "–", "—", "n/a", "#n/a", "null", "nan", "none", "\\n"})
NO_NUMBERS = BLANKS | {"na"}  # as a country, NA is Namibia
FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
YEARS = (1990, 2100)  # an unset clock says 1970

_AT = pa.timestamp("us", "UTC")
_NUMBER = re.compile(
    r"(?P<sign>[+\-−]?)"
    r"(?P<whole>[0-9]{1,3}(?P<mark>[, \xa0\u2009\u202f'’])[0-9]{3}(?:(?P=mark)[0-9]{3})*|[0-9]{1,30})"
    r"(?:(?P<point>[.,])(?P<part>[0-9]{0,30}))?"
    r"(?:\s?(?P<scale>[KMB])|E(?P<power>[+-]?[0-9]{1,3}))?",
    re.IGNORECASE,
)
_SCALES = {"": 0, "K": 3, "M": 6, "B": 9}
_DAY_FIRST = re.compile(r"[0-9]{1,2}[/.\-][0-9]{1,2}[/.\-][0-9]{2,4}\b.*", re.DOTALL)
_BASIC_DAY, _BASIC_TIME = r"^([0-9]{4})([0-9]{2})([0-9]{2})([Tt]|$)", r"^(.{10}[Tt][0-9]{2})([0-9]{2})([0-9]{2})"
_TIME = (
    r"^(?P<year>[0-9]{4})[-/](?P<month>[0-9]{1,2})[-/](?P<day>[0-9]{1,2})"
    r"(?:[Tt ] *(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,](?P<part>[0-9]{1,12}))?)?"
    r" *(?P<zone>[Zz]|[Uu][Tt][Cc]|[Gg][Mm][Tt]|(?P<sign>[+-])(?P<hours>[0-9]{2})(?::?(?P<minutes>[0-9]{2}))?)?)?$"
)
_UNIX = r"^[0-9]{9,10}(?:\.[0-9]*)?$"
_UNIX_MS = r"^[0-9]{12,13}$"


@dataclass(frozen=True, slots=True)
class Cells:
    """A column as its distinct texts, trimmed, and for every row which of them it holds."""

    texts: list[str]
    codes: pa.Array

    @classmethod
    def of(cls, column: pa.ChunkedArray) -> Cells:
        """The cells of a column of any type that can be written in one cell."""
        coded = as_text(column).cast(pa.large_string()).combine_chunks().dictionary_encode("encode")
        texts = coded.dictionary.to_numpy(zero_copy_only=False)
        return cls(["" if text is None else text.strip() for text in texts], coded.indices)

    @classmethod
    def same(cls, text: str, n: int) -> Cells:
        """A column that says the same in every row."""
        return cls([text.strip()], pa.array(np.zeros(n, np.int32)))


@dataclass(frozen=True, slots=True)
class Parsed:
    """Of every row the value, and the fault (text) where there is one."""

    values: pa.Array
    faults: pa.Array

    @classmethod
    def of(cls, cells: Cells, read: Callable[[str], Read], kind: pa.DataType) -> Parsed:
        """Read each distinct text once."""
        values, faults = [], []
        for text in cells.texts:  # a million pairs kept in one list would keep the garbage collector busy
            value, fault = read(text)
            values.append(value)
            faults.append(fault)
        return cls(pa.array(values, kind).take(cells.codes), pa.array(faults, pa.string()).take(cells.codes))


def first_of(columns: list[Cells]) -> Cells:
    """In every row the first cell that is not blank."""
    if len(columns) == 1:
        return columns[0]
    rows = [
        pa.array([None if t.casefold() in BLANKS else t for t in cells.texts], pa.string()).take(cells.codes)
        for cells in columns
    ]
    return Cells.of(pa.chunked_array([pc.coalesce(*rows)]))


def as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A typed column (of Parquet) in the spelling that the parsers read."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return as_text(column.cast(kind.value_type))
    if pa.types.is_floating(kind):
        spelled = [None if v is None else repr(v).removesuffix(".0") for v in column.to_pylist()]
        return pa.chunked_array([spelled], pa.string())
    try:
        if pa.types.is_timestamp(kind):
            column = column.cast(pa.timestamp("us", "UTC" if kind.tz else None), safe=False)
        return column.cast(pa.string())
    except pa.ArrowException:
        raise TallyrankError(f"a column of type {kind} cannot be read: write it as text or as a number") from None


def shown(text: str) -> str:
    """A cell as it stands in a message: on one line, and not all of a long one."""
    return repr(text if len(text) <= 60 else text[:59] + "…")


def words(cells: Cells, is_lower: bool = False, blanks: Collection[str] = BLANKS) -> Parsed:
    """Names; in lower case where engines and platforms are told apart by them."""

    def read(text: str) -> Read:
        if "\ufffd" in text:
            return None, f"{shown(text)} holds a broken character: export the file as UTF-8"
        return (None if text.casefold() in blanks else text.lower() if is_lower else text), None

    return Parsed.of(cells, read, pa.string())


def choices(cells: Cells, allowed: Collection[str]) -> Parsed:
    """One of a few words."""

    def read(text: str) -> Read:
        word = text.lower()
        if word in allowed or word in BLANKS:
            return (word if word in allowed else None), None
        return None, f"{shown(text)} is none of {', '.join(allowed)}"

    return Parsed.of(cells, read, pa.string())


def flags(cells: Cells) -> Parsed:
    """Yes or no."""

    def read(text: str) -> Read:
        word = text.lower()
        return (
            FLAGS.get(word),
            None if word in FLAGS or word in BLANKS else f"{shown(text)} is neither true nor false",
        )

    return Parsed.of(cells, read, pa.bool_())


def addresses(cells: Cells) -> tuple[pa.Array, Parsed]:
    """Web addresses as they were given, and their keys."""
    return words(cells).values, Parsed.of(cells, _key, pa.string())


def _key(text: str) -> Read:
    if text.casefold() in BLANKS:
        return None, "is blank"
    if "\n" in text or "\r" in text or "\ufffd" in text:
        return None, f"{shown(text)} holds a line break or a broken character"
    key = url_key(text)
    return key, None if key else f"{shown(text)} is no web address"


def counts(cells: Cells, least: int = 0, most: int = 2**63 - 1) -> tuple[Parsed, pa.Array]:
    """Whole numbers, and whether each was written rounded (`1.2K`)."""

    def read(text: str) -> Read:
        if text.casefold() in NO_NUMBERS:
            return None, None
        number, is_rounded = _number(text)
        if number is None or (number != number.to_integral_value() and not is_rounded):
            is_open = re.fullmatch(r"[0-9]{1,3}\.[0-9]{3}", text)
            return None, f"{shown(text)} is no whole number" + (" unless you give --decimal comma" if is_open else "")
        if not least <= number <= most:
            return None, f"{shown(text)} is " + (f"below {least}" if number < least else "too large")
        return int(number.to_integral_value()), None

    rounded = pa.array([_number(text)[1] for text in cells.texts], pa.bool_())
    return Parsed.of(cells, read, pa.int64()), rounded.take(cells.codes)


def numbers(cells: Cells) -> Parsed:
    """Any numbers; `45.6%` is 0.456."""
    return Parsed.of(cells, _float, pa.float64())


def _float(text: str) -> Read:
    if text.casefold() in NO_NUMBERS:
        return None, None
    number, _ = _number(text.removesuffix("%").rstrip())
    value = math.inf if number is None else float(number) / (100 if text.endswith("%") else 1)
    return (value, None) if math.isfinite(value) else (None, f"{shown(text)} is no number")


def _number(text: str) -> tuple[Decimal | None, bool]:
    """The number, where it can be read in one way only, and whether it was written rounded."""
    if text.isascii() and text.isdigit() and len(text) < 19:
        return Decimal(text), False
    found = _NUMBER.fullmatch(text)
    if not found or (found["mark"] and (found["scale"] or found["mark"] == found["point"])):
        return None, False
    whole = found["whole"].translate({ord(mark): None for mark in found["mark"] or ""})
    power = int(found["power"] or _SCALES[(found["scale"] or "").upper()])
    number = Decimal(f"{whole}.{found['part'] or '0'}E{power}")
    is_rounded = bool(found["scale"] or found["power"])
    return (-number if found["sign"] in ("-", "−") else number), is_rounded


def times(cells: Cells) -> Parsed:
    """ISO 8601 in its common spellings (without zone: UTC; without time: midnight), unix seconds or milliseconds."""
    texts = pa.array(cells.texts, pa.string())
    moments = _iso(texts).combine_first(_unix(texts))
    first, last = (pd.Timestamp(year, 1, 1) for year in YEARS)
    moments = moments.where((moments >= first) & (moments < last))
    faults = [
        _time_fault(text) if is_missing else None for text, is_missing in zip(cells.texts, moments.isna(), strict=True)
    ]
    values = pa.Array.from_pandas(moments.dt.tz_localize("UTC"), type=_AT)
    return Parsed(values.take(cells.codes), pa.array(faults, pa.string()).take(cells.codes))


def _time_fault(text: str) -> str | None:
    if text.casefold() in NO_NUMBERS:
        return None
    if _DAY_FIRST.fullmatch(text):
        return f"{shown(text)} leaves open which number is the day: write it as YYYY-MM-DD, or give --date-format"
    return f"{shown(text)} is no time between {YEARS[0]} and {YEARS[1]}: write it as YYYY-MM-DD or YYYY-MM-DDThh:mm:ssZ"


def _iso(texts: pa.Array) -> pd.Series[pd.Timestamp]:
    """UTC without zone; NaT where the text is none."""
    with_day = pc.replace_substring_regex(texts, _BASIC_DAY, r"\1-\2-\3\4")
    found = pc.extract_regex(pc.replace_substring_regex(with_day, _BASIC_TIME, r"\1:\2:\3"), _TIME)
    piece = {name: pc.struct_field(found, name) for name in [f.name for f in found.type]}
    two = {name: pc.utf8_lpad(piece[name], 2, "0") for name in ("month", "day", "hour", "minute", "second")}
    part = pc.utf8_slice_codeunits(pc.utf8_rpad(piece["part"], 6, "0"), 0, 6)
    day = pc.binary_join_element_wise(piece["year"], two["month"], two["day"], "-")
    clock = pc.binary_join_element_wise(two["hour"], two["minute"], two["second"], ":")
    text = pc.binary_join_element_wise(day, "T", clock, ".", part, "")
    local = pd.to_datetime(pd.Series(text.to_pylist(), dtype="str"), format="ISO8601", errors="coerce")
    return local.astype("datetime64[us]") - _offset(piece)


def _offset(piece: dict[str, pa.Array]) -> pd.Series[pd.Timedelta]:
    """East of Greenwich is ahead; NaT for an offset that no place has."""
    hours, minutes = (
        pd.to_numeric(pd.Series(piece[name].to_pylist(), dtype="str"), errors="coerce").fillna(0)
        for name in ("hours", "minutes")
    )
    total = (60 * hours + minutes).where((hours <= 14) & (minutes < 60))
    is_west = pd.Series(piece["sign"].to_pylist(), dtype="str") == "-"
    return pd.to_timedelta(total.mask(is_west, -total), unit="min").astype("timedelta64[us]")


def _unix(texts: pa.Array) -> pd.Series[pd.Timestamp]:
    spelled = pd.Series(texts.to_pylist(), dtype="str")
    number = pd.to_numeric(spelled.where(pc.match_substring_regex(texts, _UNIX).to_pandas()), errors="coerce")
    millis = pd.to_numeric(spelled.where(pc.match_substring_regex(texts, _UNIX_MS).to_pandas()), errors="coerce")
    micros = (number * 1e6).fillna(millis * 1e3).round()
    return pd.to_datetime(micros, unit="us", errors="coerce").astype("datetime64[us]")
