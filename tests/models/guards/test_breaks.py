"""Segments of comparable days: by hand, against their definition, and by properties."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.guards.breaks import Break, between, segments

relaxed = settings(deadline=None, max_examples=100)
START = date(2025, 9, 1)


def a_break(first, last=None, name="a", kind="measurement", **scope):
    """A break from day `first` to day `last` of September 2025, of google unless told otherwise."""
    days = [START + timedelta(days=n - 1) for n in (first, first if last is None else last)]
    return Break(name, kind, *days, "It changed.", "A source.", **(scope or {"engines": ("google",)}))


def september(*numbers):
    """Days of September 2025."""
    return [START + timedelta(days=n - 1) for n in numbers]


def of_google(numbers, *breaks, **more):
    """Segments of days of September for google's positions."""
    return segments(september(*numbers), breaks, engine="google", **more).tolist()


# --- by hand


def test_a_break_of_one_day_makes_two_segments():
    """Before it, and from it on."""
    assert of_google([8, 9, 10, 11], a_break(10)) == [0, 0, 1, 1]


def test_a_longer_break_makes_three():
    """Before, within, after: what was read while the ruler changed compares with neither side."""
    assert of_google([9, 10, 12, 14, 15, 30], a_break(10, 14)) == [0, 1, 1, 1, 2, 2]


def test_overlapping_breaks_cut_independently():
    """10-14 within 5-20: five segments; days before and after both still differ."""
    assert of_google([4, 5, 9, 10, 14, 15, 20, 21], a_break(5, 20), a_break(10, 14, "b")) == [0, 1, 1, 2, 2, 3, 3, 4]


def test_breaks_that_share_a_day_cut_once():
    """One break ends on the day before another begins: one cut, not two."""
    assert of_google([9, 10, 14, 15, 16], a_break(10, 14), a_break(15, None, "b")) == [0, 1, 1, 2, 2]


def test_only_what_is_named_is_cut():
    """Another engine, another kind of position, another platform or verb is untouched."""
    average = a_break(10, engines=("google",), rank_kinds=("average",))
    views = a_break(12, name="b", platforms=("youtube",), verbs=("view",))
    days, both = september(9, 11, 13), [average, views]

    def cut(**scope):
        return segments(days, both, **scope).tolist()

    assert cut(engine="google", rank_kind="average") == [0, 1, 1]
    assert cut(engine="google", rank_kind="organic") == [0, 0, 0]
    assert cut(engine="bing", rank_kind="average") == [0, 0, 0]
    assert cut(platform="youtube", verb="view") == [0, 0, 1]
    assert cut(platform="youtube", verb="like") == [0, 0, 0]
    assert cut(platform="reddit", verb="view") == [0, 0, 0]
    assert cut(engine="google", rank_kind="average", platform="youtube", verb="view") == [0, 1, 2]


def test_a_verb_or_kind_left_out_is_any():
    """Who does not say which verb is warned of every verb's breaks."""
    views = a_break(10, platforms=("youtube",), verbs=("view",))
    assert segments(september(9, 11), [views], platform="youtube").tolist() == [0, 1]


def test_updates_split_by_default_and_can_be_left_out():
    """An update leaves the ruler as it was; who knows that may compare across it."""
    update, measurement = a_break(10, kind="update"), a_break(20, name="b")
    assert of_google([9, 15, 25], update, measurement) == [0, 1, 2]
    assert of_google([9, 15, 25], update, measurement, kinds=("measurement",)) == [0, 0, 1]


def test_days_may_be_dates_or_datetimes_in_any_order():
    """Moments fall on their day; no days give no segments."""
    moments = np.array(["2025-09-10T00:00", "2025-09-09T23:59"], dtype="datetime64[m]")
    assert segments(moments, [a_break(10)], engine="google").tolist() == [1, 0]
    assert segments([], [a_break(10)], engine="google").shape == (0,)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: a_break(14, 10), "before it begins"),
        (lambda: a_break(1, engines=("google",), platforms=("x",)), "not both"),
        (lambda: Break("a", "update", START, START, "What.", "Source."), "engines or platforms"),
        (lambda: segments(september(1), []), "name an engine"),
        (lambda: segments(np.array(["NaT"], dtype="datetime64[D]"), [], engine="google"), "unknown"),
        (lambda: segments([20250901], [], engine="google"), "dates"),
        (lambda: between(*september(2, 1), [], engine="google"), "before it begins"),
    ],
)
def test_impossible_input_is_refused(make, match):
    """An error names what is wrong."""
    with pytest.raises(ValueError, match=match):
        make()


def test_breaks_between_two_days():
    """Those that separate days of the span, by first day; not one that holds the span or begins on its first day."""
    inner, holding, starting = a_break(12, 14), a_break(1, 30, "b"), a_break(10, name="c")
    ending, other = a_break(5, 11, "d"), a_break(13, name="e", platforms=("x",))
    found = between(*september(10, 20), [inner, holding, starting, ending, other], engine="google")
    assert [b.id for b in found] == ["d", "a"]


# --- properties

pairs = st.lists(st.tuples(st.integers(1, 30), st.integers(0, 9)), max_size=5)


@relaxed
@given(pairs, st.lists(st.integers(1, 40), min_size=1, max_size=12))
def test_equal_segments_are_days_on_the_same_side_of_every_break(spans, numbers):
    """The definition, break by break: each day is before, within or after (one-day breaks: before or from it on)."""
    breaks = [a_break(first, first + length, f"b{i}") for i, (first, length) in enumerate(spans)]
    ours = of_google(numbers, *breaks)

    def sides(n):
        return [0 if n < first else 1 if n <= first + length or not length else 2 for first, length in spans]

    for one, segment in zip(numbers, ours, strict=True):
        for other, its in zip(numbers, ours, strict=True):
            assert (segment == its) == (sides(one) == sides(other))


@relaxed
@given(pairs, st.lists(st.integers(1, 40), min_size=1, max_size=12), st.randoms())
def test_a_day_has_its_segment_whatever_else_is_asked(spans, numbers, random):
    """Later days have later segments, and neither other days nor the order of breaks change one."""
    breaks = [a_break(first, first + length, f"b{i}") for i, (first, length) in enumerate(spans)]
    ours = of_google(numbers, *breaks)
    assert ours == [of_google([n], *random.sample(breaks, len(breaks)))[0] for n in numbers]
    assert of_google(sorted(numbers), *breaks) == sorted(ours)


@relaxed
@given(pairs, st.integers(1, 40), st.integers(0, 20))
def test_between_names_a_break_exactly_where_segments_differ(spans, first, length):
    """A span holds days that cannot be compared if and only if some break is named."""
    breaks = [a_break(start, start + more, f"b{i}") for i, (start, more) in enumerate(spans)]
    days = range(first, first + length + 1)
    named = between(*september(days[0], days[-1]), breaks, engine="google")
    assert bool(named) == (len(set(of_google(days, *breaks))) > 1)
