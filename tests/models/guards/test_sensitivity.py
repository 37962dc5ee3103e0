"""Sensitivity to a hidden cause: by hand, against sensemakr's numbers and plain regressions, and by properties."""

import json
from math import exp, inf, isnan, nan, sqrt

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from scipy.stats import t as student

from models.guards.sensitivity import (
    Covariate,
    Estimate,
    Sensitivity,
    adjusted,
    bounds,
    e_value,
    e_value_of_interval,
    measured,
    oster,
    partial_r2,
    robustness_value,
    rr_of_smd,
    sensitivity,
    words,
)

relaxed = settings(deadline=None, max_examples=100)
estimates = st.builds(Estimate, st.floats(-3, 3), st.floats(0.05, 1), st.floats(5, 5000).map(float), st.floats(1, 3))
shares = st.floats(0.001, 0.6)


@pytest.fixture(scope="session")
def cases(shared):
    """The reference cases by name."""
    return {c["id"]: c for c in json.loads((shared / "data" / "reference" / "statistics.json").read_text())["cases"]}


def ols_columns(cases):
    """DATA_ols: y, d, and the covariates links and da, all minus their means."""
    data = cases["DATA_ols"]["inputs"]
    y, d, links, da = (np.array(data[k]) - np.mean(data[k]) for k in ("y", "d", "links", "da"))
    return y, d, np.column_stack([links, da])


def by_label(outputs):
    """R's table of bounds as a dictionary of rows."""
    names = [n for n in outputs if n not in ("bound_label", "treatment")]
    return {label: {n: outputs[n][i] for n in names} for i, label in enumerate(outputs["bound_label"])}


def assert_bound(bound, row, tol):
    """A bound equals a row of R's table."""
    ours = (bound.r2_votes, bound.r2_position, bound.estimate, bound.se, bound.t, bound.low, bound.high)
    assert ours == pytest.approx(list(row.values()), abs=tol, rel=0)


# --- by hand


def test_robustness_value_by_hand():
    """t = 6 with 36 degrees of freedom: f = 1, RV = (sqrt 5 - 1) / 2."""
    assert robustness_value(Estimate(6.0, 1.0, 36)) == pytest.approx((sqrt(5) - 1) / 2)


def test_adjusted_by_hand():
    """Half of both: bias = se sqrt(df / 2) and the se grows by df / (df - 1) only."""
    left, se, t = adjusted(Estimate(-3.0, 0.5, 8), 0.5, 0.5)
    assert left == pytest.approx(-(3.0 - 0.5 * 2))
    assert se == pytest.approx(0.5 * sqrt(8 / 7))
    assert t == pytest.approx(left / se)


def test_a_cause_of_nothing_changes_nothing():
    """Shares of 0 leave the estimate."""
    assert adjusted(Estimate(2.0, 0.5, 50), 0.0, 0.0)[0] == 2.0


def test_an_estimate_of_nothing_needs_no_cause():
    """At t = 0, or below significance, the robustness values are 0, and so the words."""
    assert robustness_value(Estimate(0.0, 1.0, 50)) == 0
    assert robustness_value(Estimate(1.0, 1.0, 50), alpha=0.05) == 0
    assert "as it stands" in words(sensitivity(Estimate(1.0, 1.0, 50), [Covariate("links", 0.1, 0.1)]))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Estimate(1.0, 0.0, 10),
        lambda: Estimate(nan, 1.0, 10),
        lambda: Estimate(1.0, 1.0, 1),
        lambda: Covariate("links", 1.0, 0.1),
        lambda: Covariate("links", 0.1, nan),
        lambda: adjusted(Estimate(1.0, 1.0, 10), 1.0, 0.5),
        lambda: robustness_value(Estimate(1.0, 1.0, 10), q=0),
        lambda: robustness_value(Estimate(1.0, 1.0, 10), alpha=5),
        lambda: e_value(0),
        lambda: e_value_of_interval(2, 1),
        lambda: oster(1, 0.5, 0.5, 0.4, var_y=1, var_d=1, var_d_left=1),
        lambda: measured([1.0, 2.0], [1.0], [[1.0], [2.0]], ["links"]),
        lambda: measured(np.arange(9.0), np.arange(9.0) ** 2, np.ones((9, 2)), ["links", "links again"]),
    ],
)
def test_impossible_input_is_refused(make):
    """No number comes out of an input that makes no sense."""
    with pytest.raises(ValueError, match=r"\w+ \w+ \w+"):
        make()


# --- against references


def test_reference_regression(cases):
    """H1: the estimate, its t and partial R2, and three robustness values, to 1e-6."""
    out, tol = cases["H1"]["outputs"], cases["H1"]["tol"]
    estimate, _ = measured(*ols_columns(cases), ["links", "da"])
    ours = (estimate.estimate, estimate.se, estimate.t, estimate.df, estimate.partial_r2)
    theirs = (out["ols_coef"][1], out["ols_se"][1], out["t"], out["df"], out["partial_r2_y_d"])
    assert ours == pytest.approx(theirs, abs=tol, rel=0)
    assert robustness_value(estimate) == pytest.approx(out["rv_q1"], abs=tol)
    assert robustness_value(estimate, q=0.5) == pytest.approx(out["rv_q05"], abs=tol)
    assert robustness_value(estimate, alpha=0.05) == pytest.approx(out["rv_q1_alpha05"], abs=tol)


def test_reference_bounds_and_impossible_ones(cases):
    """H1: bounds by links and authority as in R; those that R caps at a share of 1 are left out."""
    theirs = by_label(cases["H1"]["outputs"]["bounds_benchmark"])
    ours = bounds(*measured(*ols_columns(cases), ["links", "da"]))
    labels = [f"{b.times}x {b.covariate}" for b in ours]
    assert labels == [label for label, row in theirs.items() if row["r2yz.dx"] < 1]
    for bound, label in zip(ours, labels, strict=True):
        assert_bound(bound, theirs[label], cases["H1"]["tol"])


def test_published_example(cases):
    """H2, Darfur: robustness values and bounds from the published t, df and what 1 x female implies, to 1e-6."""
    out, tol = cases["H2"]["outputs"], cases["H2"]["tol"]
    s, theirs = out["stats"], by_label(out["bounds"])
    estimate = Estimate(s["estimate"], s["se"], s["dof"])
    assert (estimate.t, estimate.partial_r2) == pytest.approx((s["t_statistic"], s["r2yd.x"]), abs=tol)
    assert robustness_value(estimate) == pytest.approx(s["rv_q"], abs=tol)
    assert robustness_value(estimate, alpha=0.05) == pytest.approx(s["rv_qa"], abs=tol)
    for bound in bounds(estimate, [_female(theirs["1x female"])]):
        assert_bound(bound, theirs[f"{bound.times}x female"], tol)


def _female(row):
    """The covariate behind the published bounds at k = 1: a from r_d = a / (1 - a), b from r_y."""
    a = row["r2dz.x"] / (1 + row["r2dz.x"])
    w2 = a**2 / (1 - a) ** 2
    ratio = row["r2yz.dx"] * (1 - w2) / (1 + sqrt(w2)) ** 2
    return Covariate("female", a, ratio / (1 + ratio))


def test_e_values(cases):
    """H4: published E-values, and the one of a standardised mean difference of 0.2, to 1e-6."""
    case = cases["H4"]
    assert [e_value(rr) for rr in case["inputs"]["RR"]] == pytest.approx(case["outputs"]["E"], abs=case["tol"])
    assert e_value(rr_of_smd(0.2)[0]) == pytest.approx(case["outputs"]["from_smd_0_2"], abs=case["tol"])


def test_oster_reference(cases):
    """H3: delta at two Rmax, both roots, and the choice of the one that goes on in the covariates' direction."""
    out, tol = cases["H3"]["outputs"], cases["H3"]["tol"]
    regressions = (out["beta_short"], out["R_short"], out["beta_inter"], out["R_inter"])
    variances = {"var_y": out["var_y"], "var_d": out["var_d"], "var_d_left": out["var_d_resid"]}
    ours = oster(*regressions, **variances)
    assert ours.delta == pytest.approx(out["delta_for_beta0"], abs=tol)
    assert ours.roots == pytest.approx(out["beta_star_delta1_roots"], abs=tol)
    assert ours.beta == min(ours.roots)
    assert oster(*regressions, **variances, r2_max=1.0).delta == pytest.approx(out["delta_for_beta0_Rmax1"], abs=tol)


def test_oster_with_delta_one_finds_zero_again():
    """If equal selection makes the effect exactly 0, then 0 is among the roots: delta and roots are one equation."""
    given_ = (0.9, 0.2, 0.4, 0.5)
    variances = {"var_y": 4.0, "var_d": 1.4, "var_d_left": 1.1}
    low, high = 0.500001, 1.0
    for _ in range(60):  # the Rmax at which delta is 1
        middle = (low + high) / 2
        low, high = (middle, high) if oster(*given_, **variances, r2_max=middle).delta > 1 else (low, middle)
    assert min(abs(r) for r in oster(*given_, **variances, r2_max=low).roots) < 1e-6


def test_a_simulated_hidden_cause_does_what_the_formula_says():
    """Leave a covariate out: the bias formula with its true shares gives back the regression that has it, to 1e-9."""
    rng = np.random.default_rng(5)
    z = rng.normal(size=300)
    d = 0.5 * z + rng.normal(size=300)
    y = 0.8 * d + 0.7 * z + rng.normal(size=300)
    y, d, z = (a - a.mean() for a in (y, d, z))
    short, _ = measured(y, d, np.empty((300, 0)), [])
    full, (cause,) = measured(y, d, z[:, None], ["cause"])
    left, se, t = adjusted(short, cause.r2_votes, cause.r2_position)
    assert (left, se, t) == pytest.approx((full.estimate, full.se, full.t), abs=1e-9)


# --- properties


@relaxed
@given(estimates, st.none() | st.floats(0.001, 0.5))
def test_a_cause_as_strong_as_the_robustness_value_just_erases(estimate, alpha):
    """At RV the worst cause leaves exactly nothing (or exactly the critical t); of all r_y up to RV none does more."""
    rv = robustness_value(estimate, alpha=alpha)
    assume(1e-6 < rv < 0.999)
    wanted = 0.0 if alpha is None else float(student.isf(alpha / 2, estimate.df - 1))
    t = [abs(estimate.t) and np.sign(estimate.t) * adjusted(estimate, rv, r)[2] for r in np.linspace(0, rv, 2001)]
    assert min(t) == pytest.approx(wanted, abs=2e-3 * (1 + abs(estimate.t)))


@relaxed
@given(estimates, shares, shares)
def test_multiples_erase_exactly(estimate, a, b):
    """A cause that many times as strong leaves 0, one a little weaker leaves the sign; a doubt never needs more."""
    covariate = Covariate("links", a, b)
    found = sensitivity(estimate, [covariate])
    assume(isinstance(found.times_to_zero, float) and found.times_to_zero > 1e-6)
    at, before = (bounds(estimate, [covariate], [found.times_to_zero * k]) for k in (1 - 1e-9, 0.99))
    assume(at and before)
    assert at[0].estimate == pytest.approx(0, abs=1e-5 * max(1, abs(estimate.estimate)))
    assert before[0].estimate * estimate.estimate > 0
    assert found.times_to_doubt <= found.times_to_zero + 1e-9


@relaxed
@given(estimates, shares, shares)
@example(Estimate(10.0, 1.0, 5.0), 0.4, 0.1)
def test_multiples_leave_exactly_a_doubt(estimate, a, b):
    """Of all causes up to that strength the worst just reaches the critical t; it need not have the largest r_y."""
    covariate = Covariate("links", a, b)
    k = sensitivity(estimate, [covariate]).times_to_doubt
    assume(k > 1e-6)
    at = bounds(estimate, [covariate], [k * (1 - 1e-9)])
    assume(at and at[0].r2_position < 0.999)
    t = min(
        np.sign(estimate.t) * adjusted(estimate, at[0].r2_votes, r)[2] for r in np.linspace(0, at[0].r2_position, 2001)
    )
    assert t == pytest.approx(float(student.isf(0.025, estimate.df - 1)), abs=2e-3 * (1 + abs(estimate.t)))


@relaxed
@given(estimates, shares, shares)
def test_the_sign_of_the_estimate_does_not_matter(estimate, a, b):
    """Votes that seem to harm are as easily erased as votes that seem to help."""
    mirrored = Estimate(-estimate.estimate, estimate.se, estimate.df, estimate.inflation)
    one, other = (repr(sensitivity(e, [Covariate("links", a, b)])) for e in (estimate, mirrored))
    assert one == other


@relaxed
@given(estimates, st.floats(1.01, 5))
def test_clustering_makes_doubt_easier_and_leaves_zero_alone(estimate, more):
    """A wider clustered standard error lowers RV at alpha and never the RV to zero."""
    wider = Estimate(estimate.estimate, estimate.se, estimate.df, estimate.inflation * more)
    assert robustness_value(wider) == robustness_value(estimate)
    assert robustness_value(wider, alpha=0.05) <= robustness_value(estimate, alpha=0.05)


def test_the_strongest_covariate_is_the_one_that_erases_first():
    """The words name the covariate of which the smallest multiple is enough; one that explains nothing is none."""
    estimate = Estimate(0.5, 0.1, 500)
    weak, strong, idle = Covariate("age", 0.01, 0.01), Covariate("links", 0.1, 0.1), Covariate("length", 0.0, 0.3)
    assert sensitivity(estimate, [weak, idle, strong]).strongest == "links"
    assert isnan(sensitivity(estimate, [idle]).times_to_zero)


@relaxed
@given(st.floats(0.01, 100))
def test_e_values_are_symmetric_and_at_least_the_ratio(rr):
    """A ratio and its inverse ask for the same cause, never weaker than the ratio; 1 asks for none."""
    assert e_value(rr) == pytest.approx(e_value(1 / rr))
    assert e_value(rr) >= max(rr, 1 / rr) * (1 - 1e-12)
    assert e_value(1) == 1


def test_e_value_of_an_interval_is_that_of_the_nearer_end():
    """Below and above 1 the end nearer to 1 counts; an interval that holds 1 needs no cause."""
    assert e_value_of_interval(1.5, 4) == e_value(1.5)
    assert e_value_of_interval(0.2, 0.8) == e_value(0.8)
    assert e_value_of_interval(0.9, 4) == 1
    _, low, high = rr_of_smd(0.5, 0.1)
    assert (low, high) == pytest.approx((exp(0.455 - 0.178), exp(0.455 + 0.178)))


def test_partial_r2_runs_from_nothing_to_all():
    """0 at t = 0, and towards 1 for a huge t."""
    assert partial_r2(0, 10) == 0
    assert partial_r2(1e9, 10) == pytest.approx(1)


# --- words


def test_words_name_the_strongest_covariate():
    """The multiple comes with one digit, the covariate by its name, and the doubt in the same breath."""
    said = words(Sensitivity(0.3, 0.2, "referring domains", 1.44, 1.12))
    assert said == (
        "A hidden cause would have to be 1.4 times as strong as referring domains, on both votes and positions, "
        "to erase this; 1.1 times would be enough to leave it in doubt."
    )


def test_words_warn_when_what_is_seen_is_already_enough():
    """If a cause as strong as an observed one is enough, people are told not to rely on it."""
    assert words(Sensitivity(0.3, 0.05, "referring domains", 1.44, 0.6)).endswith("do not rely on it.")


def test_words_without_covariates_speak_of_shares():
    """Nothing observed, or no cause of that shape strong enough: the robustness values in per cent."""
    said = words(Sensitivity(0.12, 0.031, None, nan, nan))
    assert said.startswith("A hidden cause would have to explain 12 % of what is left of both votes and positions")
    assert "3.1 % would be enough" in said
    assert words(Sensitivity(0.12, 0.031, "links", nan, nan)) == said


def test_words_of_real_numbers(cases):
    """H1: links are the strongest; less than one of them is enough, as the bound at 1x links shows (it turns sign)."""
    found = sensitivity(*measured(*ols_columns(cases), ["links", "da"]))
    assert found.strongest == "links"
    assert 0 < found.times_to_doubt < found.times_to_zero < 1
    assert "do not rely on it" in words(found)
    assert found.times_to_zero < inf
