"""Values out of answers: what comes is read, what is odd is None or empty, and nothing raises."""

from __future__ import annotations

import json
from datetime import UTC, datetime, time, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from connectors.fields import (
    comma_separated,
    dig,
    first_text,
    listed,
    loads,
    mapping,
    moment,
    moment_in,
    moment_of_day,
    number,
    objects,
    picked,
    plain,
    since_epoch,
    text,
    total,
)

NAMES = st.sampled_from(["a", "b", "c"])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3))
TIMES = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001
BEIJING = timezone(timedelta(hours=8))
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(JSON)
def test_odd_values_raise_nothing_and_keep_their_shape(value: Any) -> None:
    """Whatever an answer holds, each reading gives its own kind of value or nothing."""
    assert dig(value, "a", "b") is mapping(mapping(value).get("a")).get("b")
    assert text(value) is (value if isinstance(value, str) and value.strip() else None)
    assert listed(value) is value if isinstance(value, list) else listed(value) == []
    assert set(picked(value, ("a", "b"))) == set(mapping(value)) & {"a", "b"}
    assert all(isinstance(item, dict) for item in objects(value))
    assert first_text([value]) is text(value)
    assert isinstance(number(value), float | None)
    assert isinstance(total([value]), int | None)
    for at in (moment(value), since_epoch(value), since_epoch(value, 1000)):
        assert at is None or at.tzinfo is UTC


@pytest.mark.parametrize(
    ("names", "found"), [((), {"a": {"b": 0}}), (("a", "b"), 0), (("a", "x"), None), (("a", "b", "c"), None)]
)
def test_digging_ends_at_the_first_missing_step(names: tuple[str, ...], found: Any) -> None:
    """A nested value as it is, 0 included; None where a step is missing or is no object."""
    assert dig({"a": {"b": 0}}, *names) == found


@pytest.mark.parametrize("value", ["", " \n", None, 5, ["tea"]])
def test_a_text_must_say_something(value: Any) -> None:
    """Blank texts and other kinds of values are no text."""
    assert text(value) is None
    assert text(" tea ") == " tea "


def test_the_first_text_that_says_something_is_taken() -> None:
    """Values that are no text, and blank ones, are passed over; without any text there is none."""
    assert first_text([None, 7, " ", "tea", "milk"]) == "tea"
    assert first_text([None, ""]) is None


@given(st.lists(st.integers(), min_size=1))
def test_a_sum_needs_all_its_parts(parts: list[int]) -> None:
    """Numbers, also as digits, are added; one unknown part makes the sum unknown, and no parts make no 0."""
    assert total(parts) == total(map(str, parts)) == sum(parts)
    assert total([*parts, None]) is None
    assert total([]) is None


@pytest.mark.parametrize(("value", "found"), [(3, 3.0), (2.5, 2.5), (0, 0.0), (True, None), ("3", None), (None, None)])
def test_a_number_is_no_text_and_no_boolean(value: Any, found: float | None) -> None:
    """Numbers are kept, 0 included; what only looks like one is not."""
    assert number(value) == found


@pytest.mark.parametrize(("words", "parts"), [("", []), (" , ", []), ("b, a,,b ", ["b", "a"])])
def test_parts_of_a_setting(words: str, parts: list[str]) -> None:
    """Each part once, in order, without the blanks around it; nothing is no part."""
    assert comma_separated(words) == parts


def test_a_field_that_did_not_come_differs_from_one_that_is_null() -> None:
    """Of the fields wanted, null stays null and a missing one stays away; others are left behind."""
    assert picked({"a": None, "b": 0, "name": "Ada"}, ("a", "b", "c")) == {"a": None, "b": 0}


def test_objects_leave_out_what_is_none() -> None:
    """Rubbish between objects does not hide them; what is no list has none."""
    assert objects([{"a": 1}, None, "b", []]) == [{"a": 1}]
    assert objects({"a": 1}) == objects(None) == []


@given(JSON)
def test_json_is_read_and_other_bodies_are_none(value: Any) -> None:
    """What was written as JSON comes back; a page of HTML is None."""
    assert repr(loads(json.dumps(value))) == repr(value)
    assert loads("<html>" + json.dumps(value)) is None
    assert loads("") is None


@given(TIMES, OFFSETS)
def test_a_moment_is_the_same_in_every_zone(at: datetime, zone: timezone) -> None:
    """A time in any zone is that time in UTC, and a time without a zone is taken for UTC."""
    assert moment(at.astimezone(zone).isoformat()) == at
    assert moment(at.replace(tzinfo=None).isoformat()) == at


@pytest.mark.parametrize(
    ("value", "at"),
    [
        ("2026-11-18T09:30:00+0000", datetime(2026, 11, 18, 9, 30, tzinfo=UTC)),
        ("2026-11-18T09:30:00Z", datetime(2026, 11, 18, 9, 30, tzinfo=UTC)),
        ("2026-11-18", datetime(2026, 11, 18, tzinfo=UTC)),
        ("0001-01-01T00:00:00+14:00", None),
        ("yesterday", None),
        (1_790_000_000, None),
    ],
)
def test_moments_as_platforms_write_them(value: Any, at: datetime | None) -> None:
    """Zones as `+0000` or `Z` and bare days are read; what UTC cannot hold, words and numbers are not."""
    assert moment(value) == at


@pytest.mark.parametrize(
    ("value", "at"),
    [
        ("2026/11/18 10:30:00 +0100", datetime(2026, 11, 18, 9, 30, tzinfo=UTC)),
        ("2026-11-18T10:30:00+01:00", None),
        ("0001/01/01 00:00:00 +1400", None),
        (None, None),
    ],
)
def test_moments_in_a_form_of_their_own(value: Any, at: datetime | None) -> None:
    """A text in the form told is a time in UTC; other texts are none."""
    assert moment_in("%Y/%m/%d %H:%M:%S %z", value) == at


@pytest.mark.parametrize(
    ("value", "at"),
    [
        ("2026-11-18", datetime(2026, 11, 17, 16, tzinfo=UTC)),
        ("2026-11-31", None),
        (20261118, None),
        (None, None),
    ],
)
def test_a_day_begins_in_its_zone(value: Any, at: datetime | None) -> None:
    """The first moment of a day, or another hour of it, where the day is counted; what is no day has none."""
    assert moment_of_day(value, BEIJING) == at
    assert moment_of_day(value, BEIJING, time(12)) == (at and at + timedelta(hours=12))
    assert moment_of_day("0001-01-01", BEIJING) is None  # that is a moment of the year before


@given(st.integers(-(2**31), 2**33))
def test_seconds_and_milliseconds_since_1970(seconds: int) -> None:
    """Seconds as a number or as digits, and milliseconds, name the same moment."""
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    assert since_epoch(seconds) == since_epoch(str(seconds)) == since_epoch(seconds * 1000, 1000) == at


@pytest.mark.parametrize("value", [None, True, "2026-11-18", 1.5, 10**15, 10**400, -(10**15)])
def test_what_is_no_count_of_seconds_is_no_time(value: Any) -> None:
    """Texts, fractions, booleans and moments that no calendar holds are unknown."""
    assert since_epoch(value) is None


def test_a_secret_that_was_not_given_is_empty() -> None:
    """A header can be made of a secret whether it was given or not."""
    assert plain(SecretStr("s3cret")) == "s3cret"
    assert plain(None) == ""
