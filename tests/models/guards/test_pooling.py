"""Partial pooling: by hand, against the reference case, statsmodels and a direct maximum, and by properties."""

import json

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from statsmodels.stats.meta_analysis import combine_effects

from models.guards.pooling import pool, words

NAN = float("nan")
METHODS = ("fixed", "dl", "pm", "reml")

relaxed = settings(deadline=None, max_examples=60)
groups = st.lists(st.tuples(st.floats(-2, 2), st.floats(0.02, 1)), min_size=2, max_size=12)


def columns(pairs):
    """Effects and standard errors as arrays."""
    return np.array(pairs).T


# --- by hand


def test_two_groups_by_hand():
    """Effects 0 and 4, se 1: Q = 8, I2 = 7/8, tau2 = 7, so each keeps 7/8 of its distance from the mean 2."""
    for method in ("dl", "pm", "reml"):
        pooled = pool([0.0, 4.0], [1.0, 1.0], method)
        assert (pooled.mu, pooled.q, pooled.i2, pooled.tau2) == pytest.approx((2.0, 8.0, 7 / 8, 7.0))
        assert pooled.se_mu == pytest.approx(2.0)
        np.testing.assert_allclose(pooled.shrunk, [0.25, 3.75])
        np.testing.assert_allclose(pooled.shrunk_se, np.sqrt(7 / 8 + 4 / 64))


def test_equal_groups_share_their_value():
    """No spread between groups: all take the overall value, and nothing is heterogeneous."""
    pooled = pool([0.3, 0.3, 0.3], [0.1, 0.2, 0.3])
    assert (pooled.tau2, pooled.i2) == (0.0, 0.0)
    np.testing.assert_allclose(pooled.shrunk, 0.3)


def test_unknown_groups_stay_unknown_and_do_not_count():
    """NaN in effect or se leaves the group out, in its place."""
    pooled = pool([0.0, NAN, 4.0, 1.0], [1.0, 1.0, 1.0, NAN])
    assert (pooled.n_groups, pooled.mu) == (2, 2.0)
    assert np.isnan(pooled.shrunk).tolist() == [False, True, False, True]
    assert np.isnan(pooled.shrunk_se).tolist() == [False, True, False, True]


def test_one_group_has_nothing_to_lean_on():
    """A single group stays as it is; how much groups differ is unknown, not 0."""
    pooled = pool([0.4], [0.1])
    assert (pooled.mu, pooled.se_mu) == pytest.approx((0.4, 0.1))
    assert np.isnan([pooled.tau2, pooled.i2]).all()
    assert (pooled.shrunk.tolist(), pooled.shrunk_se.tolist()) == ([0.4], [pytest.approx(0.1)])


def test_no_group_has_no_effect():
    """Nothing known gives NaN, not 0."""
    pooled = pool([NAN], [0.1])
    assert np.isnan([pooled.mu, pooled.se_mu, pooled.tau2, pooled.q, pooled.i2]).all()
    assert pool([], []).n_groups == 0


@pytest.mark.parametrize(
    ("effects", "se", "method", "match"),
    [
        ([1.0], [0.0], "pm", "positive"),
        ([1.0], [-1.0], "pm", "positive"),
        ([np.inf], [1.0], "pm", "finite"),
        ([1.0, 2.0], [1.0], "pm", "equally long"),
        ([1.0], [1.0], "bayes", "fixed, dl, pm, reml"),
    ],
)
def test_impossible_input_is_refused(effects, se, method, match):
    """An error names what is wrong."""
    with pytest.raises(ValueError, match=match):
        pool(effects, se, method)


# --- against references


def test_reference_case(shared):
    """M1: eight verticals; fixed effect, Q, I2 and three tau2 with their means and shrunk values, to 1e-6."""
    cases = json.loads((shared / "data" / "reference" / "statistics.json").read_text())["cases"]
    case = next(c for c in cases if c["id"] == "M1")
    data, out = case["inputs"], case["outputs"]
    close = {"atol": case["tol"], "rtol": 0}
    fixed = pool(data["effect"], data["se"], "fixed")
    np.testing.assert_allclose((fixed.mu, fixed.q, fixed.i2), (out["fixed_effect"], out["Q"], out["I2"]), **close)
    for method, name in (("dl", "DerSimonianLaird"), ("pm", "PauleMandel"), ("reml", "REML")):
        ours, theirs = pool(data["effect"], data["se"], method), out[name]
        np.testing.assert_allclose(
            (ours.tau2, ours.mu, ours.se_mu), [theirs[k] for k in ("tau2", "mu", "se_mu")], **close
        )
        np.testing.assert_allclose(ours.shrunk, theirs["shrunk"], **close)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # statsmodels divides by a tau2 below 0 before it cuts it
@relaxed
@given(groups)
def test_equals_statsmodels(pairs):
    """combine_effects gives the same fixed effect, Q, and tau2 and mean by DerSimonian-Laird and Paule-Mandel."""
    b, se = columns(pairs)
    for method, theirs in (("dl", "dl"), ("pm", "pm")):
        ours, other = pool(b, se, method), combine_effects(b, se**2, method_re=theirs)
        assert ours.q == pytest.approx(other.q, abs=1e-8)
        assert ours.tau2 == pytest.approx(max(other.tau2, 0), abs=1e-3)  # statsmodels stops its search early
        assert pool(b, se, "fixed").mu == pytest.approx(other.mean_effect_fe, abs=1e-9)
        if ours.tau2 > 0:
            assert ours.mu == pytest.approx(other.mean_effect_re, abs=1e-3)


@relaxed
@given(groups)
@example([(0.0, 0.15625), (0.75, 0.0234375), (0.75, 0.0234375)])
def test_reml_is_the_highest_restricted_likelihood(pairs):
    """No tau2 of a fine search is more likely than the one found, also where there are two summits (the example)."""
    b, se = columns(pairs)

    def likelihood(tau2):
        w = 1 / (se**2 + np.atleast_1d(tau2)[:, None])
        mu = (w @ b) / w.sum(axis=1)
        square = (w * (b - mu[:, None]) ** 2).sum(axis=1)
        return (np.log(w).sum(axis=1) - np.log(w.sum(axis=1)) - square) / 2

    found = pool(b, se, "reml").tau2
    grid = np.concatenate([np.linspace(0, 2 * np.ptp(b) ** 2 + 1, 5001), np.geomspace(1e-7, 1, 2001)])
    assert likelihood(found)[0] >= likelihood(grid).max() - 1e-9


def test_pooling_beats_the_raw_values_where_groups_are_small():
    """500 worlds of 12 groups, true spread 0.1, noise 0.3: shrinking more than halves the squared error."""
    rng = np.random.default_rng(2)
    truth = rng.normal(0.2, 0.1, (500, 12))
    seen = truth + rng.normal(0, 0.3, truth.shape)
    shrunk = np.array([pool(row, np.full(12, 0.3)).shrunk for row in seen])
    assert ((shrunk - truth) ** 2).mean() < 0.5 * ((seen - truth) ** 2).mean()


# --- properties


@relaxed
@given(groups, st.sampled_from(METHODS), st.floats(0.01, 100), st.floats(-5, 5))
def test_scale_and_shift(pairs, method, scale, shift):
    """Other units and another zero change the numbers as they change the data."""
    b, se = columns(pairs)
    one, other = pool(b, se, method), pool(scale * b + shift, scale * se, method)
    assert other.mu == pytest.approx(scale * one.mu + shift, abs=1e-6 * (1 + scale))
    np.testing.assert_allclose(other.shrunk, scale * one.shrunk + shift, atol=1e-6 * (1 + scale))
    assert other.tau2 == pytest.approx(scale**2 * one.tau2, abs=1e-7 * scale**2)


@relaxed
@given(groups, st.sampled_from(METHODS), st.randoms())
def test_shrunk_values_lie_between_their_own_and_the_overall(pairs, method, random):
    """Shrinking moves a group towards the overall value, never past it; and the order of groups does not matter."""
    b, se = columns(pairs)
    pooled = pool(b, se, method)
    low, high = np.minimum(b, pooled.mu), np.maximum(b, pooled.mu)
    assert ((pooled.shrunk >= low - 1e-9) & (pooled.shrunk <= high + 1e-9)).all()
    assert 0 <= pooled.i2 < 1
    assert pooled.tau2 >= 0
    order = random.sample(range(b.size), b.size)
    np.testing.assert_allclose(pool(b[order], se[order], method).shrunk, pooled.shrunk[order], atol=1e-7)


# --- words


def test_words():
    """The overall effect, its interval and what groups make of it; few groups, one and none have own sentences."""
    b, se = [0.3, -0.1, 0.5, 0.0, 0.2, 0.4], [0.05] * 6
    said = words(pool(b, se), "places")
    assert said.startswith("Over 6 groups the effect is +0.22 places (95 % interval +0.03")
    assert said.endswith("For small groups we lean on the overall value.")
    assert "Chance alone" in words(pool([0.2] * 6, se))
    assert "can hardly be told" in words(pool(b[:3], se[:3]))
    assert words(pool(b, se, "fixed")).startswith("If 6 groups share one effect, it is +0.22 ")
    assert "Only one group" in words(pool([0.2], [0.1]))
    assert "nothing to pool" in words(pool([], []))
