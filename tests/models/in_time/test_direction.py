"""What moved first: the whole table of words, its borders, and what data must be able to show."""

from dataclasses import replace

import pytest

from models.guards.power import minimum_detectable
from models.in_time.direction import detectable, direction, has_flat_leads, is_still
from models.in_time.panel_regression import Contrast
from models.in_time.timing import Timing

QUIET = {"p_forward": 0.6, "p_backward": 0.6, "p_leads": 0.6, "p_same_day": 0.6, "lead_share": 3.0}
FORWARD = {"p_forward": 0.001, "lead_share": 0.1}
NAN = float("nan")


def seen(se=0.1, after=0.0, **changes):
    """A timing in which nothing moves with anything, but for the changes."""
    still, moved = Contrast(0.0, se, 60), Contrast(after, se, 60)
    counts = {"sign": 1, "n_rows": 5000, "n_pages": 60, "n_keywords": 40, "n_steps": 50}
    return Timing({}, moved, still, still, still, **QUIET | counts | changes)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({}, "neither"),
        ({"se": 1.0}, "unknown"),
        ({"after": 0.5}, "unknown"),
        (FORWARD, "votes_lead"),
        (FORWARD | {"p_leads": 0.001}, "votes_lead"),
        (FORWARD | {"p_leads": 0.001, "lead_share": 0.5}, "simultaneous"),
        (FORWARD | {"p_same_day": 0.001}, "votes_lead"),
        (FORWARD | {"p_backward": 0.001}, "simultaneous"),
        ({"p_backward": 0.001}, "positions_lead"),
        ({"p_backward": 0.001, "p_same_day": 0.001, "p_leads": 0.001}, "positions_lead"),
        ({"p_leads": 0.001}, "positions_lead"),
        ({"p_leads": 0.001, "p_same_day": 0.001}, "simultaneous"),
        ({"p_same_day": 0.001}, "simultaneous"),
        ({"p_same_day": 0.19}, "unknown"),
        ({"p_same_day": 0.2}, "neither"),
        ({"p_same_day": 0.001, "se": 1.0}, "simultaneous"),
        ({"p_forward": NAN, "p_backward": NAN, "p_leads": NAN, "p_same_day": NAN}, "neither"),
    ],
)
def test_the_table_of_words(changes, word):
    """Each pattern of alarms has one word; without any, only data that would have shown an effect say neither."""
    assert direction(seen(**changes)) == word


@pytest.mark.parametrize(
    ("field", "level", "below"),
    [
        ("p_forward", 0.05, "votes_lead"),
        ("p_backward", 0.02, "positions_lead"),
        ("p_leads", 0.01, "positions_lead"),
        ("p_same_day", 0.02, "simultaneous"),
    ],
)
def test_levels_of_the_tests(field, level, below):
    """A p at its level raises nothing, one just below does."""
    assert direction(seen(**{field: level})) == ("unknown" if field == "p_same_day" else "neither")
    assert direction(seen(**{field: level - 1e-9})) == below


def test_no_timing_is_unknown():
    """Where nothing could be estimated the answer is unknown, whatever q is given."""
    assert direction(None) == "unknown"
    assert direction(None, q_forward=0.001) == "unknown"


def test_q_stands_in_for_p():
    """Where several pairs were tried, their common q decides, in either sense; the other alarms stay."""
    assert direction(seen(**FORWARD), q_forward=0.2) == "neither"
    assert direction(seen(), q_forward=0.01) == "votes_lead"
    assert direction(seen(p_backward=0.001), q_forward=0.01) == "simultaneous"
    assert direction(seen(**FORWARD), q_forward=0.0) == "votes_lead"


@pytest.mark.parametrize(
    ("p_leads", "lead_share", "flat"),
    [(0.01, 9.0, True), (0.009, 0.25, False), (0.009, 0.24, True), (NAN, 9.0, True), (0.5, float("inf"), True)],
)
def test_flat_leads(p_leads, lead_share, flat):
    """Leads spoil an effect only if they are certain and at least a quarter of it."""
    assert has_flat_leads(seen(p_leads=p_leads, lead_share=lead_share)) is flat


def test_what_all_contrasts_would_show():
    """The widest of the three contrasts decides; sharing the level among tests asks for more."""
    found = replace(seen(), after_same_day=Contrast(0.0, 0.3, 12))
    assert detectable(found) == pytest.approx(minimum_detectable(0.3, 0.05, df=12))
    assert detectable(found, tests=10) == pytest.approx(minimum_detectable(0.3, 0.005, df=12))
    assert detectable(found, tests=10) > detectable(found) > detectable(seen())
    assert detectable(replace(seen(), after_long_before=Contrast(0.0, 0.4, 60))) > detectable(seen())
    assert detectable(replace(seen(), same_day=Contrast(0.0, 9.0, 60))) == detectable(seen())


def test_informative_is_one_position():
    """Data say "neither" only where an effect of one position per doubling would have been seen 4 times in 5."""
    se = 1 / minimum_detectable(1.0, 0.05, df=60)
    assert is_still(seen(se=se * 0.999))
    assert not is_still(seen(se=se * 1.001))
