"""Published values beside ours: the table, differences, intervals, and reasons that apply and that do not."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from models.ranks.association import Association, associate
from models.ranks.replication import PUBLISHED, OurData, compare
from tests.models.rank_cases import columns

SHARES = ("facebook", "share")
ROW = Association(30, 0.30, 0.25, 0.365, n_lists=10_000, n_skipped=0, n_keywords=10_000)
ALIKE = OurData(
    engine="google",
    countries=frozenset({"US"}),
    first_day=date(2012, 2, 1),
    last_day=date(2012, 3, 31),
    complete_share=1.0,
    unknown_share=0.0,
    qualities=frozenset({"exact"}),
    rank_kind="organic",
    is_as_of=False,
)


def reasons(row=ROW, pair=SHARES, **different):
    """The reasons given beside the first published value of a platform and verb."""
    return compare({pair: row}, {pair: replace(ALIKE, **different)})[0].reasons


def test_the_table():
    """What was published: US 2012 and 2013, top 30 of 10,000 keywords, each value once and with its source."""
    values = {(p.platform, p.verb, p.year): p.value for p in PUBLISHED}
    assert len(values) == len(PUBLISHED) == 9
    assert values["facebook", "share", 2012], values["facebook", "share", 2013] == (0.37, 0.34)
    assert [values[key] for key in values if key[2] == 2012] == [0.37, 0.33, 0.30, 0.25]
    assert [values[key] for key in values if key[2] == 2013] == [0.34, 0.33, 0.31, 0.29, 0.28]
    assert {(p.country, p.depth, p.keywords) for p in PUBLISHED} == {("US", 30, 10_000)}
    assert all(p.source for p in PUBLISHED)


def test_by_hand():
    """Facebook shares of both years beside our 0.30: differences, and 0.37 inside 0.25 .. 0.365 to two digits."""
    first, second = compare({SHARES: ROW}, {SHARES: ALIKE})
    assert (first.published.year, second.published.year) == (2012, 2013)
    assert (first.difference, second.difference) == (pytest.approx(-0.07), pytest.approx(-0.04))
    assert (first.is_inside, second.is_inside) == (True, True)
    narrow = replace(ROW, ci_high=0.36)
    assert [x.is_inside for x in compare({SHARES: narrow}, {SHARES: ALIKE})] == [False, True]


def test_no_interval_says_nothing():
    """Without an interval it is unknown whether a value is inside; an unknown mean has an unknown difference."""
    (first, _) = compare({SHARES: replace(ROW, ci_low=np.nan, ci_high=np.nan)}, {SHARES: ALIKE})
    assert first.is_inside is None
    nothing = associate([], [], [], [], 30)
    assert np.isnan(compare({SHARES: nothing}, {SHARES: ALIKE})[0].difference)


def test_a_study_like_theirs_has_no_reason_to_differ():
    """The same country, year, size, depth and counting: no reason is given."""
    assert reasons() == ()


@pytest.mark.parametrize(
    ("different", "words"),
    [
        ({"engine": "bing"}, "those of bing"),
        ({"countries": frozenset({"JP", "US"})}, "ours of JP, US"),
        ({"countries": frozenset()}, "no known country"),
        ({"complete_share": 0.4}, "Only 40% of our lists hold all of the first 30 places: shorter"),
        ({"rank_kind": "average"}, "'average'"),
        ({"qualities": frozenset({"exact", "rounded"})}, "counts are rounded"),
        ({"qualities": frozenset({"lower_bound"})}, "counts are lower bound"),
        ({"qualities": frozenset({"default_zero"})}, "zeros may be unknown"),
        ({"unknown_share": 0.125}, "without a known count (12%)"),
        ({"is_as_of": True}, "at the moment of each list"),
    ],
)
def test_a_reason_is_given_when_it_applies(different, words):
    """One thing that differs gives its one reason."""
    (reason,) = reasons(**different)
    assert words in reason


@pytest.mark.parametrize(
    ("different", "words"),
    [
        ({"n_keywords": 80}, "ours are 80 others"),
        ({"depth": 10}, "our row the first 10"),
        ({"n_skipped": 1234}, "1,234 lists"),
    ],
)
def test_a_reason_of_the_row_is_given_when_it_applies(different, words):
    """One thing about the row that differs gives its one reason."""
    (reason,) = reasons(replace(ROW, **different))
    assert words in reason


def test_what_changed_since():
    """Lists of today: other years, Facebook's blur, and Google's short lists, the latter only on Google."""
    today = {"first_day": date(2025, 10, 1), "last_day": date(2026, 2, 1), "complete_share": 0.1}
    found = reasons(**today)
    assert len(found) == 3
    assert "of 2012, ours of 2025 to 2026" in found[0]
    assert "since September 2025 Google" in found[1]
    assert "Facebook may blur" in found[2]
    assert not any("September 2025" in reason for reason in reasons(**today | {"engine": "bing"}))
    assert not any("Facebook" in reason for reason in reasons(pair=("x", "share"), **today))


def test_blur_of_other_platforms():
    """Counts that a platform blurs are named for other platforms than Facebook, which has a reason of its own."""
    (reason,) = reasons(pair=("x", "share"), qualities=frozenset({"fuzzed"}))
    assert "blurred by the platform" in reason


def test_only_pairs_that_were_published():
    """A platform or verb that nobody published is left out; a row whose data is not described is an error."""
    list_id, position, votes = columns(np.random.default_rng(1).integers(0, 9, (40, 30)))
    row = associate(list_id, list_id, position, votes, 30)
    assert compare({("reddit", "comment"): row}, {}) == []
    with pytest.raises(ValueError, match="nothing on facebook share"):
        compare({SHARES: row}, {})
    found = compare({("pinterest", "save"): row}, {("pinterest", "save"): ALIKE})
    assert [(x.published.counted, x.ours) for x in found] == [("pins", row)]
