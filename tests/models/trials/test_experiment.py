"""The randomisation test of pairs, its interval, and power: by hand, against enumeration, and over made experiments."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from models.trials import experiment
from models.trials.experiment import (
    PairedTest,
    Windows,
    changes,
    fewest_pairs,
    minimum_detectable,
    paired_test,
    pairs_needed,
    power,
    spread,
    verdict,
)

relaxed = settings(deadline=None, max_examples=60)
whole_numbers = st.lists(st.integers(-6, 6), min_size=1, max_size=9)
NAN = float("nan")


def enumerated(differences):
    """Two-sided p by trying every pattern of signs, in exact arithmetic."""
    exact = [Fraction(x) for x in differences]
    seen = abs(sum(exact))
    patterns = list(itertools.product((1, -1), repeat=len(exact)))
    extreme = sum(abs(sum(e * x for e, x in zip(signs, exact, strict=True))) >= seen for signs in patterns)
    return Fraction(extreme, len(patterns))


# --- by hand


def test_a_page_that_rises_has_a_positive_change():
    """Page 0 goes from 10 to 4 (days before and after one day of washout) and page 1 from 3 to 5."""
    series = [[10, 10, 99, 4, 4], [3, 3, 99, 5, 5]]
    np.testing.assert_array_equal(changes(series, [0, 1], 2, 2, Windows(2, 1, 2)), [6, -2])


def test_a_page_is_the_mean_over_its_lists():
    """Lists weigh the same, however many of their days are known; unknown days are left out, not counted as zero."""
    series = [[10, NAN, 4, 4], [8, 8, NAN, 6]]
    np.testing.assert_array_equal(changes(series, [0, 0], 1, 2, Windows(2, 0, 2)), [(6 + 2) / 2])


def test_too_few_known_days_make_a_page_unknown():
    """A list with too few days on either side does not count; a page with less than half of its lists is NaN."""
    short = [[10, NAN, 4, 4]]
    full = [[10, 10, 4, 4]]
    windows = Windows(2, 0, 2, min_before=2, min_after=2)
    np.testing.assert_array_equal(changes(short + full, [0, 0], 1, 2, windows), [6])
    np.testing.assert_array_equal(changes(short + short + full, [0, 0, 0], 1, 2, windows), [NAN])
    np.testing.assert_array_equal(changes(full, [1], 3, 2, windows), [NAN, 6, NAN])


def test_windows_beyond_the_days_are_refused():
    """A day that does not exist is an error, not an empty mean."""
    with pytest.raises(ValueError, match="need the days -1 to 4"):
        changes(np.ones((1, 5)), [0], 1, 1, Windows(2, 1, 2))
    with pytest.raises(ValueError, match="need the days"):
        changes(np.ones((1, 5)), [0], 1, 3, Windows(2, 1, 2))
    with pytest.raises(ValueError, match="at least a day"):
        Windows(0, 0, 1)


def test_six_pairs_by_hand():
    """1 to 6: only two of 64 patterns are as extreme; of all subset means the lowest is 1 and the highest 6."""
    assert paired_test([1, 2, 3, 4, 5, 6]) == PairedTest(3.5, 1.0, 6.0, 1 / 32, 6, True)


def test_equal_differences_have_a_point():
    """Where every pair says the same the interval is that value."""
    assert paired_test([2.0] * 7) == PairedTest(2.0, 2.0, 2.0, 1 / 64, 7, True)


def test_pairs_that_never_differ_say_nothing_happened():
    """All zero: p is 1."""
    assert paired_test(np.zeros(8)).p == 1.0


def test_five_pairs_can_say_nothing_at_five_per_cent():
    """Their lowest p is 1/16: the interval is the whole line, and 6 pairs are the fewest."""
    few = paired_test([9, 9, 9, 9, 9])
    assert (few.p, few.low, few.high) == (1 / 16, -np.inf, np.inf)
    assert [fewest_pairs(a) for a in (0.05, 0.01, 0.5)] == [6, 8, 3]


def test_no_pair_is_unknown():
    """Nothing is known of an effect without a pair."""
    nothing = paired_test([])
    assert nothing.n_pairs == 0
    assert np.isnan([nothing.estimate, nothing.low, nothing.high, nothing.p]).all()


# --- against references


@relaxed
@given(whole_numbers)
def test_p_is_that_of_full_enumeration(differences):
    """With ties, zeros and any number of pairs, p is the share of patterns as extreme, to the last bit."""
    assert paired_test(differences).p == float(enumerated(differences))


def test_p_is_that_of_scipy():
    """SciPy's exact permutation test of one sample (signs turned) agrees to 1e-12."""
    d = np.random.default_rng(2).normal(0.4, 1, 11)
    theirs = stats.permutation_test((d,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert paired_test(d).p == pytest.approx(theirs.pvalue, abs=1e-12)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(-6, 6), min_size=6, max_size=8), st.sampled_from([0.05, 0.1, 0.2]))
def test_the_interval_holds_what_the_test_does_not_reject(differences, alpha):
    """Just inside an end the effect is not rejected by enumeration, just outside it is: the ends are exact."""
    found = paired_test(differences, alpha)
    tiny = Fraction(1, 10**6)
    for end, inwards in ((found.low, 1), (found.high, -1)):
        for step, is_rejected in ((inwards * tiny, False), (-inwards * tiny, True)):
            if found.low < found.high or is_rejected:
                effect = Fraction(end).limit_denominator(1000) + step
                assert (enumerated([x - effect for x in differences]) < Fraction(str(alpha))) == is_rejected


@relaxed
@given(st.lists(st.floats(-5, 5), min_size=6, max_size=12))
def test_p_and_interval_agree(differences):
    """Zero lies outside the interval exactly when p is below alpha."""
    found = paired_test(differences)
    edge = 1e-6
    if min(abs(found.low), abs(found.high)) > edge:
        assert (found.p < 0.05) == (not found.low <= 0 <= found.high)


def test_sampled_patterns_agree_with_all(monkeypatch):
    """Beyond EXACT pairs a sample of patterns gives p within 0.01 and the ends within 3 % of the width."""
    d = np.random.default_rng(3).normal(0.6, 1.5, 15)
    exact = paired_test(d)
    monkeypatch.setattr(experiment, "EXACT", 10)
    sampled = paired_test(d)
    assert exact.is_exact and not sampled.is_exact
    assert sampled.p == pytest.approx(exact.p, abs=0.01)
    width = exact.high - exact.low
    assert [sampled.low, sampled.high] == pytest.approx([exact.low, exact.high], abs=0.03 * width)


def test_a_sampled_p_counts_what_happened():
    """Forty equal differences: no sampled pattern is as extreme, and p is 1 of the 100 looked at, never 0."""
    assert paired_test([1.0] * 40, draws=99).p == 0.01


# --- properties


@relaxed
@given(st.lists(st.floats(-5, 5), min_size=6, max_size=10), st.floats(-3, 3), st.floats(0.1, 9))
def test_shift_and_scale(differences, shift, scale):
    """An effect added to all pairs moves estimate and ends by it; other units scale them."""
    plain = paired_test(differences)
    moved = paired_test(shift + scale * np.array(differences))
    expected = [shift + scale * x for x in (plain.estimate, plain.low, plain.high)]
    np.testing.assert_allclose([moved.estimate, moved.low, moved.high], expected, atol=1e-9)


@relaxed
@given(st.lists(st.integers(-6, 6), min_size=6, max_size=10), st.randoms())
def test_swapped_arms_and_order(differences, random):
    """Promoted and other swapped turn the signs; the order of pairs does not matter."""
    plain = paired_test(differences)
    turned = paired_test([-x for x in differences])
    mixed = paired_test(random.sample(differences, len(differences)))
    assert (turned.p, -turned.high, -turned.low) == pytest.approx((plain.p, plain.low, plain.high))
    assert (mixed.p, mixed.low, mixed.high) == pytest.approx((plain.p, plain.low, plain.high))


def test_seed_decides_the_sample():
    """The same seed gives the same result, another one nearly the same."""
    d = np.random.default_rng(4).normal(0.3, 1, 30)
    assert paired_test(d, seed=1) == paired_test(d, seed=1)
    assert paired_test(d, seed=1) != paired_test(d, seed=2)
    assert paired_test(d, seed=1).p == pytest.approx(paired_test(d, seed=2).p, abs=0.01)


@pytest.mark.parametrize(
    "magnitudes",
    [[1, 2, 3, 4, 5, 6, 7, 8], [0, 0, 0, 1, 1, 1, 50, 50], [1, 1, 1, 1, 1, 1, 1, 1]],
    ids=["even", "two giants", "ties"],
)
def test_no_more_false_alarms_than_promised_whatever_the_pages_do(magnitudes):
    """Over all 256 ways the coins could fall, at most 5 % (and 20 %) of results pass, however odd the pages are."""
    coins = np.array(list(itertools.product((1, -1), repeat=8)))
    p = np.array([paired_test(signs * np.array(magnitudes)).p for signs in coins])
    assert np.mean(p < 0.05) <= 0.05
    assert np.mean(p < 0.20) <= 0.20
    assert p.min() == enumerated(magnitudes)


# --- size, coverage, power

POOLS = {
    "normal": lambda rng, n: rng.normal(0, 2, n),
    "heavy tail": lambda rng, n: rng.standard_t(3, n),
    "mostly still": lambda rng, n: rng.normal(0, 4, n) * (rng.random(n) < 0.4),
}


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("n", [12, 30])
def test_size_and_coverage(pool, n):
    """Without effect 5 % of 400 experiments reject; with 1.5 places 95 % of the intervals hold them.

    Pairs that did not move at all tell nothing: among few pairs they make the test reject less often, never more.
    """
    rng = np.random.default_rng(5)
    rejected, held = 0, 0
    for _ in range(400):
        d = POOLS[pool](rng, n)
        rejected += paired_test(d, draws=999).p < 0.05
        found = paired_test(d + 1.5, draws=999)
        held += found.low <= 1.5 <= found.high
    is_tied = pool == "mostly still" and n == 12
    assert (0 if is_tied else 0.02) <= rejected / 400 <= 0.085
    assert 0.915 <= held / 400 <= (1 if is_tied else 0.985)


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("n", [8, 20, 60])
def test_power_at_the_minimum_detectable_effect_is_as_promised(pool, n):
    """Fresh experiments with that effect find it in about 80 % of 300 cases."""
    rng = np.random.default_rng(6)
    effect = minimum_detectable(POOLS[pool](rng, 3000), n)
    experiments = [paired_test(POOLS[pool](rng, n) + effect, draws=999) for _ in range(300)]
    found = np.mean([e.p < 0.05 and e.estimate > 0 for e in experiments])
    assert 0.71 <= found <= 0.89


def test_power_rises_with_effect_and_agrees_with_its_inverse():
    """No effect is found in about 2.5 % of cases (better side), the minimum detectable one in 80 %."""
    pool = np.random.default_rng(7).normal(0, 3, 400)
    curve = [power(pool, 20, effect) for effect in (0.0, 1.0, 2.0, 4.0)]
    assert curve == sorted(curve)
    assert 0.005 <= curve[0] <= 0.045
    assert power(pool, 20, minimum_detectable(pool, 20)) == pytest.approx(0.8, abs=0.01)


def test_simulation_meets_the_formula_for_many_pairs():
    """At 300 pairs the simulation is within 8 % of 2.8016 sd / sqrt(n), which takes over beyond LARGE."""
    pool = np.random.default_rng(8).normal(0, 2, 5000)
    formula = 2.8015852181129683 * spread(pool)
    assert minimum_detectable(pool, 300) == pytest.approx(formula / 300**0.5, rel=0.08)
    assert minimum_detectable(pool, 900) == pytest.approx(formula / 900**0.5, rel=1e-9)


@pytest.mark.parametrize("effect", [0.5, 1.0, 2.0, 5.0])
def test_pairs_needed_are_enough_and_not_many_more(effect):
    """With the number named the effect is within reach, with four fifths of it it is not."""
    pool = np.random.default_rng(9).normal(0, 2, 2000)
    n = pairs_needed(pool, effect)
    assert minimum_detectable(pool, n) <= effect
    assert n == fewest_pairs() or minimum_detectable(pool, int(0.8 * n)) > effect


def test_fewer_pairs_than_can_tell_detect_nothing():
    """Five pairs find no effect however large."""
    assert minimum_detectable([1.0, 2.0], 5) == np.inf
    assert pairs_needed(np.zeros(4), 1.0) == 6


# --- the word


def test_verdicts():
    """p and sign earn supports; an interval below the worthwhile effect contradicts; the rest cannot tell."""
    better, useless, wide, worse = (
        PairedTest(2.0, 0.5, 3.5, 0.01, 20, False),
        PairedTest(0.1, -0.4, 0.6, 0.7, 20, False),
        PairedTest(0.5, -1.0, 2.0, 0.4, 20, False),
        PairedTest(-2.0, -3.0, -1.0, 0.01, 20, False),
    )
    words = [verdict(test, 1.0) for test in (better, useless, wide, worse)]
    assert words == ["supports", "contradicts", "cannot tell", "contradicts"]
    assert verdict(PairedTest(9.0, -np.inf, np.inf, 1 / 16, 5, True), 1.0) == "not enough data"


def test_positions_say_nothing_of_votes_that_did_not_rise():
    """Where promoted pages gained no more votes, neither a rise nor a flat line is evidence."""
    better, useless = PairedTest(2.0, 0.5, 3.5, 0.01, 20, False), PairedTest(0.1, -0.4, 0.6, 0.7, 20, False)
    assert [verdict(t, 1.0, is_treated=False) for t in (better, useless)] == ["cannot tell"] * 2
    assert [verdict(t, 1.0, is_treated=True) for t in (better, useless)] == ["supports", "contradicts"]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: paired_test([1.0, NAN]), "finite"),
        (lambda: paired_test([[1.0]]), "one-dimensional"),
        (lambda: paired_test([1.0], alpha=0), "alpha"),
        (lambda: verdict(paired_test([1.0] * 6), 0.0), "worthwhile"),
        (lambda: minimum_detectable([], 10), "history"),
        (lambda: minimum_detectable([1.0], 10, power=1.0), "power"),
        (lambda: pairs_needed([1.0], 0.0), "above 0"),
        (lambda: changes(np.ones(3), [0], 1, 1, Windows(1, 0, 1)), "table"),
    ],
)
def test_what_makes_no_sense_is_refused(call, words):
    """A sentence says what is wrong."""
    with pytest.raises(ValueError, match=words):
        call()
