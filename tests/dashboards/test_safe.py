"""Text from outside is harmless wherever it is shown."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dashboards.safe import shown

MARKS = "\r\n\t\0\u202e\u202d\u2066\u2067\u2068\u2069\u200f\u2028\u2029\ufeff"
# a list, since the alphabet of st.text draws marks too seldom
HOSTILE = st.lists(st.one_of(st.sampled_from(MARKS), st.characters(), st.just("x" * 50)), max_size=40).map("".join)


@given(HOSTILE)
def test_what_is_shown_is_one_short_line(text: str) -> None:
    """Whatever comes: at most 90 characters, no control character, no mark that turns the direction of writing."""
    found = shown(text)
    assert len(found) <= 90
    assert not set(found) & set(MARKS)
    assert shown(found) == found


def test_ten_thousand_characters_are_shortened() -> None:
    """With a mark that something was left out."""
    assert shown("x" * 10_000) == "x" * 89 + "…"
