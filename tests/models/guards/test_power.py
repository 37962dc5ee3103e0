"""Power and the smallest effect that can be seen: by hand, against closed forms, statsmodels and simulation."""

import json
from math import inf, isnan, nan, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from statsmodels.stats.power import TTestPower

from models.guards.power import (
    keywords_for_mean_rho,
    minimum_detectable,
    needed,
    pairs_for_correlation,
    power_at,
    standard_errors,
    words,
)

relaxed = settings(deadline=None, max_examples=60)
ses = st.floats(0.001, 100)
dfs = st.just(inf) | st.integers(1, 400).map(float)


# --- by hand


def test_an_effect_of_two_standard_errors():
    """At 5 %, c = 1.96: an effect of 1.96 se is found half the time (and once in 20,000 with the wrong sign)."""
    c = norm.isf(0.025)
    assert power_at(3 * c, 3.0) == pytest.approx(0.5 + norm.cdf(-2 * c))
    assert minimum_detectable(2.0) == pytest.approx(5.603170)


def test_power_at_no_effect_is_alpha_exactly():
    """Where nothing is to be found, chance finds alpha: not 100 %, and not alpha / 2."""
    assert [power_at(0.0, 0.3, a, df) for a in (0.01, 0.05, 0.2) for df in (inf, 5)] == [
        0.01,
        0.01,
        0.05,
        0.05,
        0.2,
        0.2,
    ]
    assert power_at(1e-9, 0.3) == pytest.approx(0.05)
    assert power_at(1e-9, 0.3, df=5) == pytest.approx(0.05)


def test_half_the_effect_needs_four_times_the_data():
    """se falls as 1 / sqrt(n)."""
    se = 0.25 / standard_errors()
    assert needed(0.125, se, 60) == 240
    assert needed(-0.125, se, 60) == 240
    assert needed(0.25, se, 60) == 60
    assert needed(0.5, se, 60) == 15


def test_unknown_in_unknown_out():
    """Without a standard error there is no power, no smallest effect and no number of keywords."""
    assert isnan(power_at(1.0, nan))
    assert isnan(power_at(nan, 1.0))
    assert isnan(minimum_detectable(nan))
    assert needed(1.0, nan, 10) is None
    assert "not known" in words(nan, 1.0, 10)


@pytest.mark.parametrize(
    "make",
    [
        lambda: power_at(1.0, 0.0),
        lambda: power_at(1.0, -1.0),
        lambda: power_at(1.0, 1.0, alpha=5),
        lambda: power_at(1.0, 1.0, df=0),
        lambda: minimum_detectable(1.0, power=1.0),
        lambda: minimum_detectable(1.0, alpha=0.3, power=0.2),
        lambda: needed(0.0, 1.0, 10),
        lambda: needed(1.0, 1.0, 0),
        lambda: keywords_for_mean_rho(0.0, 0.2),
        lambda: keywords_for_mean_rho(0.1, 0.0),
        lambda: pairs_for_correlation(1.0),
        lambda: pairs_for_correlation(0.0),
    ],
)
def test_impossible_input_is_refused(make):
    """No number comes out of an input that makes no sense; the sentence says what was given."""
    with pytest.raises(ValueError, match=r"not .*\d"):
        make()


# --- against references


def test_reference_case(shared):
    """J1: sum of quantiles, sample sizes of a correlation and of a mean rho, to 1e-6 and to the unit."""
    cases = json.loads((shared / "data" / "reference" / "statistics.json").read_text())["cases"]
    case = next(c for c in cases if c["id"] == "J1")
    out = case["outputs"]
    assert standard_errors(**case["inputs"]) == pytest.approx(out["z_sum"], abs=case["tol"])
    assert {r: pairs_for_correlation(float(r)) for r in out["n_for_single_correlation"]} == out[
        "n_for_single_correlation"
    ]
    for rho, by_sd in out["keywords_for_mean_rho"].items():
        assert {sd: keywords_for_mean_rho(float(rho), float(sd)) for sd in by_sd} == by_sd


@pytest.mark.parametrize("n", [3, 8, 30, 200])
@pytest.mark.parametrize("effect", [0.1, 0.5, 1.0])
def test_power_with_few_clusters_equals_statsmodels(n, effect):
    """A mean of n clusters, sd 1: the one-sample t test's two-sided power in statsmodels."""
    theirs = TTestPower().power(effect, n, 0.05, alternative="two-sided")
    assert power_at(effect, 1 / sqrt(n), df=n - 1) == pytest.approx(theirs, abs=1e-6)


def test_a_huge_effect_is_seen_for_sure():
    """Far out, where scipy's and so statsmodels' tail is NaN, the power is 1."""
    assert power_at(2.5, 1 / sqrt(200), df=199) == pytest.approx(1.0)
    assert power_at(1000.0, 1.0, df=4) == pytest.approx(1.0)


def test_power_is_what_a_simulation_finds():
    """20,000 studies of 8 clusters: the share found significant is the power, within four standard errors."""
    rng = np.random.default_rng(11)
    studies = rng.normal(0.9, 1.0, (20_000, 8))
    t = studies.mean(axis=1) / (studies.std(axis=1, ddof=1) / sqrt(8))
    share = np.mean(np.abs(t) > 2.3646242510)
    expected = power_at(0.9, 1 / sqrt(8), df=7)
    assert abs(share - expected) < 4 * sqrt(expected * (1 - expected) / 20_000)


# --- properties


@relaxed
@given(ses, st.floats(0.3, 0.99), st.floats(0.001, 0.2), dfs)
def test_the_smallest_effect_has_the_power_asked_for(se, power, alpha, df):
    """Power at the minimum detectable effect is the one wanted; wrong signs, at most half alpha, come on top."""
    assert -1e-6 <= power_at(minimum_detectable(se, alpha, power, df), se, alpha, df) - power <= alpha / 2
    assert power_at(minimum_detectable(se, df=df), se, df=df) == pytest.approx(0.8, abs=1e-5)


@relaxed
@given(ses, st.floats(0, 6), st.floats(0.001, 0.2), dfs)
def test_power_grows_with_the_effect_and_ignores_its_sign(se, shift, alpha, df):
    """A larger effect is seen more often, a negative one as often; power never falls below alpha."""
    here, more = power_at(shift * se, se, alpha, df), power_at((shift + 0.1) * se, se, alpha, df)
    assert alpha - 1e-9 <= here <= more + 1e-9 <= 1 + 2e-9
    assert power_at(-shift * se, se, alpha, df) == here


@relaxed
@given(st.floats(0.05, 3), st.floats(0.1, 2), st.integers(2, 300), st.booleans())
def test_needed_is_enough_and_one_less_is_not(target, se, n, few):
    """The number given shows the target, and a number one smaller would not."""

    def smallest(total):
        return minimum_detectable(se * sqrt(n / total), df=total - 1 if few else inf)

    total = needed(target, se, n, few=few)
    assert smallest(total) <= target * (1 + 1e-9)
    assert total == (2 if few else 1) or smallest(total - 1) > target * (1 - 1e-9)


@relaxed
@given(st.integers(2, 400))
def test_few_clusters_need_larger_effects(df):
    """Degrees of freedom cost: always more standard errors than with a known variance, fewer as they grow."""
    assert standard_errors(df=df) > standard_errors(df=df + 1) > standard_errors()


# --- words


def test_words_say_what_would_take_what():
    """60 keywords show 0.6 positions per doubling; 0.25 takes 5.8 times as many, or weeks in the same proportion."""
    se = 0.6 / standard_errors()
    assert words(se, 0.25, 60) == (
        "With these data an effect of 0.6 positions per doubling would be seen 4 times in 5. "
        "To see 0.25 you would need about 5.8 times as many keywords (350 instead of 60)."
    )
    assert words(se, 0.25, 60, 8).endswith("(350 instead of 60), or at least 47 weeks instead of 8.")


def test_words_say_when_the_data_are_enough():
    """A target within reach asks for nothing more."""
    assert words(0.1, 0.5, 60).endswith("That is enough to see 0.5.")


def test_words_with_few_clusters_ask_for_more():
    """Six keywords: the smallest effect is larger than the normal formula says."""
    assert "an effect of 2.8 " in words(1.0, 1.0, 6)
    assert "an effect of 3.5 " in words(1.0, 1.0, 6, few=True)
    assert "in 70 % of studies" in words(1.0, 1.0, 6, power=0.7)
