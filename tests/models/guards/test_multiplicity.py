"""Adjusted p-values and the ledger: by hand, against R's numbers, scipy and statsmodels, and by properties."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control
from statsmodels.stats.multitest import multipletests

from models.guards.multiplicity import Entry, Ledger, adjust

METHODS = ("bh", "by", "holm", "hochberg", "bonferroni")
STATSMODELS = {"bh": "fdr_bh", "by": "fdr_by", "holm": "holm", "hochberg": "simes-hochberg", "bonferroni": "bonferroni"}
NAN = float("nan")

relaxed = settings(deadline=None, max_examples=60)
p_values = st.lists(st.floats(0, 1), min_size=1, max_size=25)


# --- by hand


def test_three_tests_by_hand():
    """p = 0.01, 0.03, 0.04: BH makes 3 x .01, min(3/2 x .03, .04), .04; Holm makes .03, .06, .06."""
    np.testing.assert_allclose(adjust([0.03, 0.01, 0.04]), [0.04, 0.03, 0.04])
    np.testing.assert_allclose(adjust([0.03, 0.01, 0.04], "holm"), [0.06, 0.03, 0.06])
    np.testing.assert_allclose(adjust([0.03, 0.01, 0.04], "hochberg"), [0.04, 0.03, 0.04])
    np.testing.assert_allclose(adjust([0.03, 0.01, 0.04], "bonferroni"), [0.09, 0.03, 0.12])


def test_one_test_stays_as_it_is():
    """A family of one needs no adjustment, by any method."""
    assert all(adjust([0.2], method).tolist() == [0.2] for method in METHODS)


def test_nothing_tried_gives_nothing():
    """An empty family, or one in which no test could be made, has no adjusted values."""
    assert adjust([]).size == 0
    assert np.isnan(adjust([NAN, NAN])).all()


@pytest.mark.parametrize("bad", [[-0.1], [1.2], [np.inf]])
def test_numbers_that_are_no_probabilities_are_refused(bad):
    """A t value or a percentage in place of a p-value is an error, not an adjusted p of 1."""
    with pytest.raises(ValueError, match=r"outside 0 \.\. 1"):
        adjust(bad)


def test_wrong_shapes_and_methods_are_refused():
    """A table of p-values is several families; an unknown method is named with those that exist."""
    with pytest.raises(ValueError, match="one family at a time"):
        adjust([[0.1, 0.2]])
    with pytest.raises(ValueError, match="bh, by, holm"):
        adjust([0.1], "fdr")


# --- against references


def test_reference_case(shared):
    """I1: the fifteen p-values of Benjamini & Hochberg 1995 under all five methods, to 1e-6."""
    cases = json.loads((shared / "data" / "reference" / "statistics.json").read_text())["cases"]
    case = next(c for c in cases if c["id"] == "I1")
    for name, expected in case["outputs"].items():
        np.testing.assert_allclose(adjust(case["inputs"]["p"], name.lower()), expected, atol=case["tol"], rtol=0)


@settings(relaxed, max_examples=12)  # statsmodels is slow
@given(p_values)
def test_equals_scipy_and_statsmodels(p):
    """The two libraries say the same, ties, zeros and ones included."""
    for method, theirs in STATSMODELS.items():
        np.testing.assert_allclose(adjust(p, method), multipletests(p, method=theirs)[1], atol=1e-12)
    np.testing.assert_allclose(adjust(p, "by"), false_discovery_control(p, method="by"), atol=1e-12)


# --- properties


@relaxed
@given(p_values, st.lists(st.integers(0, 25), max_size=5), st.sampled_from(METHODS))
def test_tests_not_made_do_not_count(p, places, method):
    """NaN stays NaN wherever it stands, and the others are adjusted as if it were not there."""
    with_gaps = np.insert(np.array(p), [min(i, len(p)) for i in places], np.nan)
    q = adjust(with_gaps, method)
    assert (np.isnan(q) == np.isnan(with_gaps)).all()
    np.testing.assert_array_equal(q[~np.isnan(q)], adjust(p, method))


@relaxed
@given(p_values, st.sampled_from(METHODS), st.randoms())
def test_adjusting_keeps_order_and_never_helps(p, method, random):
    """An adjusted p is at least p and at most 1, in the same order; and the order of asking does not matter."""
    p = np.array(p)
    q = adjust(p, method)
    assert ((q >= p - 1e-15) & (q <= 1)).all()
    assert (np.diff(q[np.argsort(p)]) >= 0).all()
    shuffled = random.sample(range(p.size), p.size)
    np.testing.assert_array_equal(adjust(p[shuffled], method), q[shuffled])


def test_false_alarms_are_rare_when_nothing_is_true():
    """Among 400 studies of 48 true nulls, BH finds something in about 5 % (plus or minus 4 sd), raw p in nearly all."""
    p = np.random.default_rng(3).uniform(size=(400, 48))
    found = np.mean([adjust(row).min() <= 0.05 for row in p])
    assert abs(found - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 400)
    assert np.mean(p.min(axis=1) <= 0.05) > 0.85


# --- the ledger


def test_families_are_adjusted_apart():
    """Two families of two: each p is adjusted for its own family only."""
    ledger = Ledger().record([Entry("reddit", "like", 0.01), Entry("x", "like", 0.04)])
    ledger = ledger.record([Entry("reddit", "share", 0.5), Entry("x", "share", NAN)])
    np.testing.assert_allclose(ledger.q_values(), [0.02, 0.04, 0.5, NAN])
    np.testing.assert_allclose(ledger.q_values("bonferroni"), [0.02, 0.04, 1.0, NAN])


def test_rows_say_none_where_nothing_is_known():
    """A test that could not be made has no p, no q and no verdict, and is not among the tests counted."""
    rows = Ledger().record([Entry("a", "made", 0.01), Entry("a", "not made", NAN)]).rows()
    assert rows == [
        {"family": "a", "hypothesis": "made", "look": 1, "p": 0.01, "q": 0.01, "n_tests": 1, "is_discovery": True},
        {"family": "a", "hypothesis": "not made", "look": 1, "p": None, "q": None, "n_tests": 1, "is_discovery": None},
    ]


def test_a_second_look_is_refused():
    """Another p for the same hypothesis is an error that names both and the way out; the first look stays."""
    ledger = Ledger().record([Entry("a", "h", 0.06)])
    with pytest.raises(ValueError, match=r"a / h was already tested with p = 0\.06, and now p = 0\.04.*looking_again"):
        ledger.record([Entry("a", "h", 0.04)])
    with pytest.raises(ValueError, match="already tested"):
        ledger.record([Entry("a", "h", NAN)])
    assert ledger.entries == (Entry("a", "h", 0.06),)


def test_the_same_look_twice_is_one_look():
    """A run repeated with the same result changes nothing."""
    ledger = Ledger().record([Entry("a", "h", 0.06), Entry("a", "k", NAN)])
    assert ledger.record(ledger.entries) == ledger


def test_two_looks_asked_for_are_two_tests():
    """Who looks again on purpose pays for both looks."""
    ledger = Ledger().record([Entry("a", "h", 0.06)]).record([Entry("a", "h", 0.04)], looking_again=True)
    assert [e.look for e in ledger.entries] == [1, 2]
    np.testing.assert_allclose(ledger.q_values(), [0.06, 0.06])
    with pytest.raises(ValueError, match=r"p = 0\.04"):
        ledger.record([Entry("a", "h", 0.01)])


def test_a_test_made_at_last_takes_the_place_of_the_one_that_could_not_be():
    """Nothing was seen before, so it is a first look."""
    ledger = Ledger().record([Entry("a", "h", NAN)]).record([Entry("a", "h", 0.01)])
    assert ledger.entries == (Entry("a", "h", 0.01),)


def test_broken_entries_and_ledgers_are_refused():
    """A p beyond 1 and a look written twice are errors."""
    with pytest.raises(ValueError, match=r"p of a / h is 1\.5"):
        Entry("a", "h", 1.5)
    with pytest.raises(ValueError, match="record"):
        Ledger((Entry("a", "h", 0.1), Entry("a", "h", 0.2)))
