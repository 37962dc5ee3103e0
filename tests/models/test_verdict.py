"""The four words, the ladder and the paragraph: by constructed evidence, one reason at a time, and by random one."""

from __future__ import annotations

import re
from dataclasses import replace
from math import isfinite, isnan, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.guards.placebo import Placebos
from models.guards.power import minimum_detectable
from models.in_time.bursts import Study
from models.in_time.panel_regression import Contrast
from models.in_time.timing import NAMES, Timing
from models.prose import prose
from models.verdict import WORTHWHILE, Adjusted, Correlation, Evidence, Trial, verdicts

STRONG_RHO = Correlation(0.9, 0.85, 0.95, 5000)
STRONG_ODDS = Adjusted(3.0, 2.8, 3.2, ("links", "age"), "A hidden cause would have to be huge.")
RISE = (0.0, 0.0, 0.0, 0.0, 0.1, 0.3, 0.8, 0.8)  # heights in the windows of NAMES: half of the move after 4 days


def contrast(estimate, se=0.1, df=50.0):
    """An estimate with errors and what measures of sensitivity ask for."""
    return Contrast(estimate, se, df, 0.8 * se, 1000)


def found(after=0.8, se=0.1, path=RISE, **more):
    """Votes that lead by `after` positions per doubling, unless other numbers are given."""
    known = {
        "path": {name: contrast(value) for name, value in zip(NAMES, path, strict=True)},
        "after": contrast(after, se), "after_same_day": contrast(after, se), "after_long_before": contrast(after, se),
        "same_day": contrast(0.0, se), "p_forward": 1e-6, "sign": 1 if after > 0 else -1, "p_leads": 0.5,
        "p_same_day": 0.5, "p_backward": 0.5, "lead_share": 0.0, "n_rows": 9000, "n_pages": 200, "n_keywords": 40,
        "n_steps": 60,
    }  # fmt: skip
    return Timing(**known | more)


def nothing(after=0.0, se=0.1, **more):
    """Nothing moves with anything."""
    return found(after, se, (0.0,) * len(NAMES), p_forward=0.9, **more)


def bursts(after=0.7, se=0.1, p_effect=1e-4, p_before=0.5):
    """An event study."""
    none = np.zeros(0)
    same = contrast(after, se)
    return Study(none, none, same, same, p_effect, 1 if after > 0 else -1, p_before, 90, 40, 30, none)


def evidence(timing=None, **more):
    """Evidence on saves at Pinterest."""
    known = {"timing": timing, "n_keywords": 40, "n_pages": 200, "n_days": 75}
    return Evidence("pinterest", "save", **known | more)


def verdict(timing=None, **more):
    """The verdict where nothing else was tried."""
    (made,) = verdicts([evidence(timing, **more)])
    return made


def trial(word="supports", estimate=2.5, **more):
    """A scored experiment."""
    return Trial(
        **{"estimate": estimate, "ci_low": 1.0, "ci_high": 4.0, "p": 0.004, "n_pairs": 24, "word": word} | more
    )


# --- the words


@pytest.mark.parametrize(
    ("lower", "rung"),
    [
        ({}, "none"),
        ({"association": STRONG_RHO}, "association"),
        ({"association": STRONG_RHO, "adjusted": STRONG_ODDS}, "adjusted"),
        ({"association": STRONG_RHO, "study": bursts()}, "association"),
    ],
)
def test_an_association_alone_is_never_enough(lower, rung):
    """However large, adjusted or not, and whatever bursts say: without the timing rung the data are not enough."""
    made = verdict(**lower)
    assert (made.verdict, made.rung, made.direction) == ("not enough data", rung, "unknown")
    assert isnan(made.estimate) and isnan(made.mde) and isnan(made.q_value) and made.lag_days is None


@pytest.mark.parametrize("timing", [nothing(se=0.3), found(p_backward=1e-6), found(p_forward=0.9, p_same_day=1e-6)])
def test_an_association_adds_nothing_to_what_timing_says(timing):
    """The word is the same with and without the strongest correlation there can be."""
    with_it = verdict(timing, association=STRONG_RHO, adjusted=STRONG_ODDS)
    assert with_it.verdict == verdict(timing).verdict == "cannot tell"


def test_votes_that_lead_upwards_support():
    """Positions improve after votes, flat before, nothing on the day: supports, with the estimate and its interval."""
    made = verdict(found())
    assert (made.verdict, made.rung, made.direction) == ("supports", "timing", "votes_lead")
    assert (made.estimate, (made.ci_low, made.ci_high)) == (0.8, contrast(0.8).interval)
    assert (made.n_keywords, made.n_pages, made.n_days) == (40, 200, 75)


def test_votes_that_lead_downwards_contradict():
    """Positions that fall after votes came, by the same standard."""
    made = verdict(found(-0.8, path=[-x for x in RISE]))
    assert (made.verdict, made.direction, made.estimate) == ("contradicts", "votes_lead", -0.8)
    assert made.lag_days == 4


@pytest.mark.parametrize(
    ("changes", "way"),
    [
        ({"p_forward": 0.9, "p_backward": 1e-4}, "positions_lead"),
        ({"p_forward": 0.9, "p_leads": 1e-4}, "positions_lead"),
        ({"p_forward": 0.9, "p_same_day": 1e-4}, "simultaneous"),
        ({"p_backward": 1e-4}, "simultaneous"),
        ({"p_leads": 1e-4, "lead_share": 0.6}, "simultaneous"),
    ],
)
def test_where_positions_lead_or_both_move_no_estimate_is_given(changes, way):
    """The regression has a number (even one above every threshold); it is not that of an effect, so none is told."""
    made = verdict(found(**changes), study=bursts())
    assert (made.verdict, made.rung, made.direction) == ("cannot tell", "timing", way)
    assert all(isnan(x) for x in (made.estimate, made.ci_low, made.ci_high, made.robustness))
    assert made.lag_days is None and isfinite(made.mde)


def test_small_leads_beside_a_large_effect_do_not_spoil_it():
    """Leads that are clear but below a quarter of the effect leave the word as it is."""
    assert verdict(found(p_leads=1e-4, lead_share=0.2)).verdict == "supports"


def test_data_that_could_not_show_an_effect_cannot_tell():
    """With a standard error of one position nothing was ruled out, and "nothing moves" is not claimed either."""
    made = verdict(nothing(se=1.0))
    assert (made.verdict, made.direction) == ("cannot tell", "unknown")
    assert made.mde > 1 and made.ci_high - made.ci_low > 2


@pytest.mark.parametrize(("after", "se", "word"), [(0.0, 0.04, "contradicts"), (0.0, 0.06, "cannot tell")])
def test_nothing_moves_contradicts_only_where_a_worthwhile_effect_is_ruled_out(after, se, word):
    """The whole interval lies below WORTHWHILE, or the data cannot tell."""
    made = verdict(nothing(after, se))
    assert (made.verdict, made.direction) == (word, "neither")
    assert (made.ci_high < WORTHWHILE) == (word == "contradicts")


@pytest.mark.parametrize("alarm", ["p_same_day", "p_backward"])
def test_a_narrow_interval_does_not_contradict_where_something_moves_with_votes(alarm):
    """A shock of one day, or votes that follow positions, hide an effect: the interval is not read."""
    assert verdict(nothing(0.0, 0.01, **{alarm: 1e-4})).verdict == "cannot tell"


@pytest.mark.parametrize(("share", "word"), [(0.0, "supports"), (0.2, "cannot tell")])
def test_an_effect_that_leads_but_is_not_worth_having_is_no_contradiction(share, word):
    """Found and small is found: the word is on whether votes move positions, the estimate on how far."""
    made = verdict(found(0.05, 0.005, [x / 16 for x in RISE]), placebos=Placebos(share, {}, 151))
    assert (made.verdict, made.ci_high < WORTHWHILE) == (word, True)


# --- guards


@pytest.mark.parametrize(("share", "word"), [(0.0, "supports"), (0.05, "supports"), (0.0501, "cannot tell")])
def test_more_than_five_percent_of_placebos_take_the_word_away(share, word):
    """Five in a hundred is what chance does; more, and the estimate is not special."""
    made = verdict(found(), placebos=Placebos(share, {}, 151))
    assert (made.verdict, made.direction, made.placebo_share) == (word, "votes_lead", share)


def test_bursts_that_say_the_opposite_take_the_word_away():
    """Their interval lies below 0 and below the estimate's."""
    made = verdict(found(), study=bursts(-0.7))
    assert (made.verdict, made.rung) == ("cannot tell", "timing")


@pytest.mark.parametrize(
    ("guard", "word", "rung"),
    [
        ({"study": bursts(0.7)}, "cannot tell", "timing"),
        ({"study": bursts(-0.7)}, "contradicts", "quasi-experiment"),
        ({"placebos": Placebos(0.06, {}, 151)}, "cannot tell", "timing"),
    ],
)
def test_the_guards_of_a_fall_are_those_of_a_rise(guard, word, rung):
    """For a fall the opposite is a rise; what placebos do as well is not called a fall either."""
    made = verdict(found(-0.8, path=[-x for x in RISE]), **guard)
    assert (made.verdict, made.rung) == (word, rung)


def test_bursts_that_are_unsure_take_nothing_away_and_add_nothing():
    """An interval around 0, whatever its middle, is no contradiction and no higher rung."""
    made = verdict(found(), study=bursts(-0.1, 0.2, p_effect=0.6))
    assert (made.verdict, made.rung) == ("supports", "timing")


def test_bursts_that_agree_raise_the_rung():
    """The same sign, clear, and flat before."""
    assert verdict(found(), study=bursts()).rung == "quasi-experiment"


@pytest.mark.parametrize("study", [bursts(p_effect=0.2), bursts(p_before=0.01)])
def test_bursts_that_are_not_clear_or_not_flat_before_leave_the_rung(study):
    """They do not contradict, and they do not answer either."""
    made = verdict(found(), study=study)
    assert (made.verdict, made.rung) == ("supports", "timing")


def test_bursts_alone_do_not_raise_the_rung():
    """Where votes do not lead, bursts that rise are no answer on their own."""
    assert verdict(nothing(se=0.3), study=bursts()).rung == "timing"


# --- experiments


@pytest.mark.parametrize("word", ["supports", "contradicts", "cannot tell"])
@pytest.mark.parametrize("timing", [None, found(), found(-0.8, path=[-x for x in RISE]), found(p_backward=1e-6)])
def test_a_scored_experiment_speaks_last(timing, word):
    """Its word, estimate and interval, on the highest rung, whatever the rungs below said."""
    made = verdict(timing, trial=trial(word), placebos=Placebos(0.9, {}, 151), study=bursts(-0.7))
    assert (made.verdict, made.rung) == (word, "experiment")
    assert (made.estimate, made.ci_low, made.ci_high) == (2.5, 1.0, 4.0)


def test_an_experiment_too_small_to_tell_leaves_the_word_to_timing():
    """Three pairs by lot do not silence weeks of data: the verdict is the one without them."""
    assert verdict(found(), trial=trial("not enough data")) == verdict(found())


def test_an_experiment_without_an_interval_is_told_without_one():
    """Below the fewest pairs the interval has no ends; the paragraph says so and holds no "nan"."""
    made = verdict(trial=trial("not enough data", 0.5, ci_low=nan, ci_high=nan, p=0.25, n_pairs=3))
    assert (made.verdict, made.estimate) == ("not enough data", 0.5) and isnan(made.ci_low)
    assert_readable(made)
    assert "3 pairs" in made.prose and "+0.50" in made.prose and "too few pairs for an interval" in made.prose


# --- several at once


def test_the_false_discovery_rate_is_held_over_all_pairs():
    """q of Benjamini-Hochberg over the forward tests; what could not be tested is unknown and does not count."""
    made = verdicts([evidence(t) for t in (found(p_forward=0.01), None, found(p_forward=0.04), found(p_forward=0.9))])
    assert [v.q_value for v in made] == pytest.approx([0.03, nan, 0.06, 0.9], nan_ok=True)


def test_what_is_found_alone_may_not_be_found_among_many():
    """p = 0.03 supports by itself, and not beside nine pairs in which nothing was found."""
    weak = found(p_forward=0.03)
    assert verdict(weak).verdict == "supports"
    among = verdicts([evidence(weak), *[evidence(nothing(se=0.3))] * 9])
    assert among[0].q_value == pytest.approx(0.3)
    assert among[0].verdict == "cannot tell" and among[0].direction != "votes_lead"


def test_the_minimum_detectable_effect_shares_the_level_among_the_tests():
    """alpha / pairs, at the widest of the three contrasts; pairs that could not be tested take no share."""
    timing = found(after_same_day=contrast(0.8, 0.2, 30.0))
    alone = verdict(timing).mde
    assert alone == pytest.approx(minimum_detectable(0.2, 0.05, df=30.0), abs=1e-12)
    among = verdicts([evidence(timing), evidence(None), evidence(found()), evidence(found()), evidence(found())])
    assert among[0].mde == pytest.approx(minimum_detectable(0.2, 0.05 / 4, df=30.0), abs=1e-12)
    assert among[0].mde > alone and isnan(among[1].mde)


def test_verdicts_come_in_the_order_of_the_evidence():
    """One each, under its own name; nothing gives nothing."""
    pairs = [replace(evidence(), platform=p, verb=v) for p, v in (("x", "share"), ("hatena", "save"), ("a", "like"))]
    assert [(v.platform, v.verb) for v in verdicts(pairs)] == [(e.platform, e.verb) for e in pairs]
    assert verdicts([]) == []


# --- the lag


@pytest.mark.parametrize(
    ("after", "days"),
    [((0.8, 0.8, 0.8, 0.8), 1), ((0.1, 0.4, 0.8, 0.8), 2), ((0.1, 0.3, 0.8, 0.8), 4), ((0.0, 0.1, 0.3, 0.8), 8)],
)
def test_the_lag_is_the_first_day_with_half_of_the_move(after, days):
    """The move is the largest one, measured from the very day."""
    path = (0.0, 0.0, 0.0, 0.0, *after)
    assert verdict(found(path=path)).lag_days == days
    assert verdict(found(path=tuple(x - 5 for x in path))).lag_days == days
    assert verdict(found(path=path), step_days=7).lag_days == 7 * days


def test_robustness_is_told_of_what_leads_only():
    """The share a hidden cause must explain: more for a clearer estimate, NaN where there is none to explain away."""
    clear, less = verdict(found(se=0.05)).robustness, verdict(found(se=0.2)).robustness
    assert 0 < less < clear < 1
    assert isnan(verdict(nothing()).robustness)


# --- the paragraph


def assert_readable(made):
    """No hole in the text: no nan, None, inf or doubled blank; starts with who and the word."""
    assert not re.search(r"\bnan\b|None|\binf\b|  |\{|\}| \.|\.\.", made.prose), made.prose
    assert made.prose == made.prose.strip() and made.prose.endswith((".", ")."))
    assert made.prose.startswith(f"{made.platform} {made.verb}: {made.verdict}.")


SAID = {
    "nothing": (evidence(), ["cannot be asked yet: there are too few days"]),
    "why": (evidence(why_no_timing="it takes 14 days, and there are 3"), ["yet: it takes 14 days, and there are 3."]),
    "rho": (evidence(association=STRONG_RHO), ["stand higher", "+0.90", "positions brought the votes"]),
    "low": (evidence(association=Correlation(-0.4, -0.5, -0.3, 9)), ["stand lower", "-0.40"]),
    "flat": (evidence(association=Correlation(0.02, -0.1, 0.1, 9)), ["hardly go together", "+0.02"]),
    "one keyword": (evidence(association=Correlation(0.3, nan, nan, 1)), ["hardly go together", "+0.30"]),
    "odds": (
        evidence(association=STRONG_RHO, adjusted=STRONG_ODDS),
        ["Doubling the saves", "3.00 times", "equal links, age", "2.80 to 3.20", "cause would have to be huge."],
    ),
    "leads": (
        evidence(found()),
        ["0.80 positions higher", "+0.60 to +1.00", "about 4 days", "less than 0.1 %", "experiment design"],
    ),
    "falls": (evidence(found(-0.8, path=[-x for x in RISE])), ["0.80 positions lower", "-1.00 to -0.60"]),
    "placebos": (evidence(found(), placebos=Placebos(0.02, {}, 151)), ["Of 151 placebos", "2.0 %"]),
    "agree": (evidence(found(), study=bursts()), ["bursts of votes agree: +0.70", "90 bursts"]),
    "disagree": (evidence(found(), study=bursts(-0.7)), ["bursts of votes do not add to it: -0.70"]),
    "hidden": (evidence(found()), ["hidden cause would have to explain"]),
    "backward": (evidence(found(p_forward=0.9, p_backward=1e-4)), ["Votes follow positions", "no estimate is given"]),
    "same day": (evidence(found(p_forward=0.9, p_same_day=1e-4)), ["on the same days", "no estimate is given"]),
    "neither": (evidence(nothing(se=0.2)), ["+0.00 positions per doubling", "4 times in 5", "as many keywords"]),
    "ruled out": (evidence(nothing(se=0.04)), ["nor votes after positions", "would have been seen 4 times in 5"]),
    "noisy": (evidence(nothing(se=1.0)), ["too noisy", "instead of 40"]),
    "not the day": (
        evidence(found(0.8, se=0.2, p_forward=0.2)),
        ["but not clearly after them and not clearly on the very day", "estimate +0.80"],
    ),
    "trial": (evidence(found(), trial=trial()), ["24 pairs", "+2.50 positions", "+1.00 to +4.00", "p = 0.004"]),
}  # fmt: skip


@pytest.mark.parametrize("name", SAID)
def test_the_paragraph_says_what_was_found(name):
    """Every branch holds its numbers and its direction, and is text without holes."""
    given_evidence, wanted = SAID[name]
    (made,) = verdicts([given_evidence])
    assert_readable(made)
    assert [words for words in wanted if words not in made.prose] == []


def test_an_association_is_never_told_as_an_effect():
    """Without timing the paragraph says that the question is open, however strong the correlation."""
    text = verdict(association=STRONG_RHO, adjusted=STRONG_ODDS).prose
    assert "cannot be asked yet" in text
    assert not re.search(r"supports|moves? positions|lifts|after a page", text)


def test_a_paragraph_without_a_detectable_effect_has_no_hole():
    """Where the minimum detectable effect is not known, the sentence on power is left out, and nothing else."""
    e = evidence(nothing(se=0.3))
    (made,) = verdicts([e])
    without = replace(made, prose=prose(replace(made, mde=nan), e, 1, None))
    assert_readable(without)
    assert "4 times in 5" in made.prose and made.prose.startswith(without.prose)
    assert "4 times in 5" not in without.prose


# --- any evidence

SHARES = st.floats(0.0, 1.0)
P = st.one_of(SHARES, st.sampled_from([1e-9, 0.004, 0.03]))
P_OR_UNKNOWN = st.one_of(P, st.just(nan))
NUMBERS = st.floats(-3.0, 3.0)
CONTRASTS = st.builds(
    Contrast, NUMBERS, st.floats(0.01, 3.0), st.floats(1.0, 200.0), st.one_of(st.floats(0.01, 3.0), st.just(nan)),
    st.integers(0, 5000),
)  # fmt: skip


@st.composite
def timings(draw):
    """Numbers as the kernel gives them: the path and the contrasts tell of one move."""
    path = dict(zip(NAMES, draw(st.lists(CONTRASTS, min_size=8, max_size=8)), strict=True))
    days = {"after_1": 1, "after_2_3": 2, "after_4_7": 4, "after_8": 7}
    mean = sum(path[n].estimate * d for n, d in days.items()) / 14
    same = replace(draw(CONTRASTS), estimate=mean - path["same_day"].estimate)
    after, long_before = draw(CONTRASTS), replace(draw(CONTRASTS), estimate=mean)
    is_one_way = len({x.estimate > 0 for x in (after, same, long_before)}) == 1
    sign = 1 if after.estimate > 0 else -1
    p_forward = draw(P) if is_one_way and same.estimate else draw(st.floats(0.5, 1.0))
    return Timing(
        path, after, same, long_before, draw(CONTRASTS), p_forward, sign, draw(P_OR_UNKNOWN), draw(P_OR_UNKNOWN),
        draw(P_OR_UNKNOWN), draw(st.floats(0.0, 5.0)), 1000, 100, 30, 40,
    )  # fmt: skip


STUDIES = st.builds(bursts, NUMBERS, st.floats(0.01, 2.0), P, P_OR_UNKNOWN)
WORDS = ("supports", "contradicts", "cannot tell", "not enough data")
EVIDENCE = st.builds(
    Evidence, st.just("reddit"), st.sampled_from(["like", "share", "save"]),
    association=st.none() | st.builds(Correlation, NUMBERS | st.just(nan), NUMBERS, NUMBERS, st.integers(0, 99)),
    adjusted=st.none() | st.builds(Adjusted, st.floats(0.1, 9.0), SHARES, SHARES, st.sampled_from([(), ("links",)])),
    timing=st.none() | timings(), placebos=st.none() | st.builds(Placebos, SHARES, st.just({}), st.just(151)),
    study=st.none() | STUDIES, trial=st.none() | st.builds(trial, st.sampled_from(WORDS), NUMBERS),
    n_keywords=st.integers(0, 500), n_pages=st.integers(0, 500), n_days=st.integers(0, 500),
    step_days=st.sampled_from([1, 7]), why_no_timing=st.sampled_from(["", "there are 3"]),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(EVIDENCE, max_size=3))
def test_no_evidence_breaks_a_verdict(given_evidence):
    """Any numbers give one of four words; *supports* needs votes that lead upwards and placebos that do not."""
    made = verdicts(given_evidence)
    assert len(made) == len(given_evidence)
    for v, e in zip(made, given_evidence, strict=True):
        assert v.verdict in WORDS
        assert_readable(v)
        assert e.trial or isnan(v.estimate) or v.direction not in ("positions_lead", "simultaneous")
        assert (v.lag_days is not None) == (v.direction == "votes_lead")
        if v.verdict == "supports" and e.trial is None:
            assert v.direction == "votes_lead" and v.q_value < 0.05 and v.estimate > 0
            assert e.placebos is None or e.placebos.share <= 0.05


@settings(max_examples=30, deadline=None)
@given(st.lists(EVIDENCE, min_size=1, max_size=3), EVIDENCE)
def test_trying_more_never_makes_an_effect_easier_to_see(few, another):
    """A pair more raises the minimum detectable effect of the others or leaves it; q stays at or above p."""
    before, after = verdicts(few), verdicts([*few, another])[:-1]
    for e, one, other in zip(few, before, after, strict=True):
        assert isnan(one.mde) == isnan(other.mde) == (e.timing is None)
        if e.timing:
            assert other.mde >= one.mde - 1e-9
            assert other.q_value >= e.timing.p_forward
