"""Fixed effects regression: by hand, against reference cases, pyfixest, statsmodels and brute force, by properties."""

import json

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from models.in_time.panel_regression import (
    Contrast,
    Fit,
    by_cluster,
    counted,
    effective_df,
    fixed_effects,
    spread,
    swept,
)

relaxed = settings(deadline=None, max_examples=40)


@pytest.fixture(scope="module")
def cases(shared):
    """Reference cases by id."""
    found = json.loads((shared / "data" / "reference" / "statistics.json").read_text())["cases"]
    return {case["id"]: case for case in found}


@pytest.fixture(scope="module")
def data(cases):
    """Columns of the reference panel, unit 99 (a single row) included."""
    return {name: np.array(values) for name, values in cases["DATA_panel"]["inputs"].items()}


def fitted(data, names=("x", "z"), **options):
    """y on the named columns within unit and date, errors by unit and by grp."""
    effects = {"unit": data["unit"], "date": data["date"]}
    clusters = {"unit": data["unit"], "grp": data["grp"]}
    return fixed_effects(data["y"], {name: data[name] for name in names}, effects, clusters, **options)


def unbalanced(seed, units=25, dates=9, groups=7):
    """A panel with holes: two terms with coefficients, unit, date, a grouping of neither, one of units."""
    rng = np.random.default_rng(seed)
    unit, date = (ids.ravel() for ids in np.indices((units, dates)))
    kept = rng.random(unit.size) < 0.5
    unit, date = unit[kept], date[kept]
    own, day = rng.normal(size=units)[unit], rng.normal(size=dates)[date]
    x = rng.normal(size=unit.size) + own
    z = rng.gamma(1.0, size=unit.size) + day
    y = 1.5 * x - 0.4 * z + 3 * own - 2 * day + rng.standard_t(4, size=unit.size)
    columns = {"y": y, "x": x, "z": z, "unit": unit, "date": date}
    return columns | {"grp": rng.integers(groups, size=unit.size), "nest": unit % groups}


def dummies(*groupings):
    """One column per level of each grouping."""
    return np.hstack([(ids[:, None] == np.unique(ids)).astype(float) for ids in groupings])


def without_effects(data):
    """y, x and z less what dummies of unit and date explain, by dense least squares."""
    columns = np.column_stack([data["y"], data["x"], data["z"]])
    d = dummies(data["unit"], data["date"])
    return columns - d @ np.linalg.lstsq(d, columns, rcond=None)[0]


def without_one_effect(data):
    """y, x and z less their means by unit."""
    columns, unit = np.column_stack([data["y"], data["x"], data["z"]]), counted(data["unit"])
    return columns - (by_cluster(columns, unit) / np.bincount(unit)[:, None])[unit]


def plain_fit(coef, shifts, names=("a", "b")):
    """A fit as the class holds it, one grouping, classical errors of 1."""
    return Fit(names, np.array(coef), {"g": np.array(shifts)}, np.eye(len(coef)), 100, 90)


# --- by hand


def test_four_rows_by_hand():
    """Two units on two dates: what is left of y is (1, -1, -1, 1) times 1.5, of x times 0.5, so b = 3 without error."""
    x, y = np.array([1.0, 0, 0, 0]) * 2, np.array([6.0, 0, 0, 0]) + np.array([0, 1, 5, 6])
    unit, date = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    np.testing.assert_allclose(swept(x[:, None], [unit, date])[:, 0], [0.5, -0.5, -0.5, 0.5], atol=1e-12)
    assert fixed_effects(y, {"x": x}, {"unit": unit, "date": date}, {"unit": unit}) is None  # no freedom left
    three = np.tile(date, 2), np.repeat([0, 1, 2, 3], 2)
    found = fixed_effects(np.tile(y, 2), {"x": np.tile(x, 2)}, {"date": three[0], "unit": three[1]}, {"u": three[1]})
    assert found is not None
    assert (found.coef[0], found.n_rows, found.n_free) == (pytest.approx(3.0), 8, 8 - 1 - 2 - 4 + 1)


def test_one_effect_by_hand():
    """Units of two rows: y = 2, 4 | 0, 5 on x = 0, 1 | 0, 1 leaves -1, 1, -2.5, 2.5 on -.5, .5, -.5, .5: b = 3.5."""
    y, x, unit = np.array([2.0, 4, 0, 5]), np.array([0.0, 1, 0, 1]), np.array([0, 0, 1, 1])
    found = fixed_effects(y, {"x": x}, {"unit": unit}, {"unit": unit})
    assert found is not None
    np.testing.assert_allclose(found.coef, [3.5])
    np.testing.assert_allclose(np.sort(found.shifts["unit"][:, 0]), [-1.5, 1.5])  # alone, units give 2 and 5
    np.testing.assert_allclose(found.cov("unit"), [[2.25]])  # (G-1)/G (1.5^2 + 1.5^2)
    np.testing.assert_allclose(found.classical, [[2.25]])  # residuals -+0.75, 4 * 0.75^2 / 1 free / sum x^2 = 1


def test_counting_closes_gaps():
    """Ids become 0, 1, 2 ... in their order, whether they are small, far apart or negative; none stay none."""
    np.testing.assert_array_equal(counted(np.array([4, 2, 4, 9])), [1, 0, 1, 2])
    np.testing.assert_array_equal(counted(np.array([10**12, 2, 10**12])), [1, 0, 1])
    np.testing.assert_array_equal(counted(np.array([-5, 3, -5])), [0, 1, 0])
    assert counted(np.array([], dtype=np.int64)).size == 0


def test_sums_by_cluster():
    """Rows are added up by cluster, column by column."""
    rows = np.array([[1.0, 2], [3, 4], [5, 6]])
    np.testing.assert_array_equal(by_cluster(rows, np.array([1, 0, 1])), [[3, 4], [6, 8]])


def test_spread_is_the_jackknife_covariance():
    """(G-1)/G times the sum of squares, not centred: two shifts of 1 and -3 have 5."""
    np.testing.assert_allclose(spread(np.array([[1.0], [-3.0]])), [[5.0]])


# --- degrees of freedom


def test_equal_normal_clusters_count_as_many_as_there_are():
    """1,000 normal shifts of one size are worth about 1,000 degrees of freedom; more than G - 1 is never given."""
    assert effective_df(np.random.default_rng(0).normal(size=1000)) == pytest.approx(1000, rel=0.15)
    assert effective_df(np.ones(50)) == 49


def test_one_dominating_cluster_is_worth_three():
    """Where one cluster holds all the spread there are 3 degrees of freedom, whatever the number of clusters."""
    assert effective_df(np.r_[100.0, np.full(500, 1e-3)]) == pytest.approx(3, rel=1e-3)


def test_there_is_at_least_one_degree_of_freedom():
    """Two clusters give 1; no spread at all gives 1."""
    assert effective_df(np.array([1.0, -1.0])) == 1
    assert effective_df(np.zeros(9)) == 1


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=30), st.floats(0.01, 100))
@relaxed
def test_degrees_of_freedom_have_no_unit(shifts, factor):
    """Scaling all shifts changes nothing, nor does their sign or order; the value lies between 1 and G - 1."""
    shifts = np.array(shifts)
    assume((np.abs(shifts) > 1e-3).any())
    found = effective_df(shifts)
    assert 1 <= found <= shifts.size - 1
    assert effective_df(-factor * shifts[::-1]) == pytest.approx(found, rel=1e-9)


# --- contrasts


def test_contrast_by_hand():
    """2 with standard error 1 and 10 degrees of freedom: t = 2, two-sided p 0.0734, 95 % from -0.228 to 4.228."""
    found = Contrast(2.0, 1.0, 10.0)
    assert found.p_two_sided == pytest.approx(0.07339, abs=1e-5)
    assert found.p_above == pytest.approx(0.07339 / 2, abs=1e-5)
    assert found.interval == pytest.approx((2 - 2.22814, 2 + 2.22814), abs=1e-5)
    assert found.half_width == pytest.approx(2.22814, abs=1e-5)


def test_contrast_in_another_unit():
    """A factor scales estimate and errors; a negative one turns the sign and the one-sided p, not the two-sided."""
    one = Contrast(2.0, 1.0, 10.0, classical_se=0.5, n_free=70)
    other = one.scaled(-3.0)
    assert other == Contrast(-6.0, 3.0, 10.0, 1.5, 70)
    assert other.p_two_sided == one.p_two_sided
    assert other.p_above == pytest.approx(1 - one.p_above)


@pytest.mark.parametrize("se", [0.0, float("nan")])
def test_no_error_no_p(se):
    """Without a standard error there is no p: NaN, neither 0 nor 1."""
    assert np.isnan([Contrast(2.0, se, 10.0).p_above, Contrast(2.0, se, 10.0).p_two_sided]).all()


@given(st.floats(-5, 5), st.floats(0.01, 5), st.floats(1, 200))
@relaxed
def test_interval_and_p_say_the_same(estimate, se, df):
    """0 is outside the 95 % interval exactly where the two-sided p is below 0.05."""
    found = Contrast(estimate, se, df)
    assume(abs(found.p_two_sided - 0.05) > 1e-9)
    low, high = found.interval
    assert (low <= 0 <= high) == (found.p_two_sided > 0.05)


def test_contrast_takes_the_widest_grouping():
    """Of several groupings the one with the widest interval answers, few degrees of freedom counted in."""
    many = np.tile([[0.1], [-0.1]], (50, 1))
    few = np.array([[0.3], [-0.3]])
    fit = Fit(("a",), np.array([1.0]), {"many": many, "few": few}, np.array([[0.04]]), 100, 90)
    found = fit.contrast({"a": 2.0})
    assert (found.estimate, found.classical_se, found.n_free) == (2.0, pytest.approx(0.4), 90)
    assert (found.se, found.df) == (pytest.approx(np.sqrt(0.5 * 2 * 0.6**2)), 1)
    assert fit.contrast({}).estimate == 0.0


def test_weights_of_a_contrast_combine_covariances():
    """a - b has the variance V_aa + V_bb - 2 V_ab of the shifts."""
    shifts = np.random.default_rng(3).normal(size=(12, 2)) @ np.array([[1.0, 0.8], [0.0, 0.5]])
    found, v = plain_fit([2.0, 0.5], shifts).contrast({"a": 1.0, "b": -1.0}), spread(shifts)
    assert found.estimate == 1.5
    assert found.se == pytest.approx(np.sqrt(v[0, 0] + v[1, 1] - 2 * v[0, 1]))


# --- the joint test


def test_joint_test_of_one_is_its_t_test():
    """The F test of a single coefficient is the square of its t test."""
    fit = plain_fit([0.7, 0.0], np.random.default_rng(1).normal(0, 0.1, (15, 2)))
    assert fit.joint_p(("a",)) == pytest.approx(fit.contrast({"a": 1.0}).p_two_sided, rel=1e-9)


def test_joint_test_against_statsmodels():
    """The F value is statsmodels' for the same covariance; its p is scipy's with the fewest degrees of freedom."""
    import statsmodels.api as sm

    data = unbalanced(4)
    fit = fixed_effects(
        data["y"], {"x": data["x"], "z": data["z"]}, {"date": data["date"]}, {"unit": data["unit"]}, jackknife=False
    )
    assert fit is not None and fit.n_rows == data["y"].size
    design = np.column_stack([data["x"], data["z"], dummies(data["date"])])
    cov = np.zeros((design.shape[1],) * 2)
    cov[:2, :2] = fit.cov("unit")
    value = float(sm.OLS(data["y"], design).fit().f_test(np.eye(2, design.shape[1]), cov_p=cov).fvalue)
    df = min(effective_df(column) for column in fit.shifts["unit"].T)
    assert fit.joint_p(("x", "z")) == pytest.approx(stats.f.sf(value, 2, df), rel=1e-6)


def test_joint_test_takes_the_largest_p():
    """Of several groupings the least certain answers; one that cannot say (singular) leaves NaN alone."""
    rng = np.random.default_rng(2)
    narrow, wide = rng.normal(0, 0.1, (30, 2)), rng.normal(0, 0.5, (30, 2))
    both = Fit(("a", "b"), np.array([1.0, 1.0]), {"n": narrow, "w": wide}, np.eye(2), 100, 90)
    assert both.joint_p(("a", "b")) == plain_fit([1.0, 1.0], wide).joint_p(("a", "b"))
    assert both.joint_p(("a", "b")) > plain_fit([1.0, 1.0], narrow).joint_p(("a", "b"))
    assert np.isnan(plain_fit([1.0, 1.0], np.zeros((5, 2))).joint_p(("a", "b")))


def test_joint_test_is_uniform_where_nothing_is_true():
    """300 regressions without effect: the p of both coefficients is below 0.1 in about a tenth."""
    found = []
    for seed in range(300):
        data = unbalanced(seed, units=30, dates=6)
        noise = np.random.default_rng(seed + 5000).normal(size=data["y"].size)
        fit = fitted(data | {"y": noise})
        assert fit is not None
        found.append(fit.joint_p(("x", "z")))
    assert 0.02 < np.mean(np.array(found) < 0.1) < 0.15
    assert 0.4 < np.mean(found) < 0.65


# --- against references


@pytest.mark.parametrize("name", ["unit", "grp"])
def test_reference_coefficients_and_clustered_errors(cases, data, name):
    """F1: two effects, one row alone in its unit left out; coefficients and CRV1 errors of R and pyfixest to 1e-6."""
    fit, out = fitted(data, jackknife=False), cases["F1"]["outputs"][f"cluster {name} / pyfixest fixef_rm=singleton"]
    assert fit is not None
    assert fit.n_rows == out["n"] == 267
    np.testing.assert_allclose(fit.coef, out["coef"], atol=1e-6)
    np.testing.assert_allclose(np.sqrt(np.diag(fit.cov(name))), out["se"], atol=1e-6)


def test_reference_classical_errors(cases, data):
    """F1: errors under independence to 1e-6, from either kind of clustered fit."""
    out = cases["F1"]["outputs"]["iid / pyfixest fixef_rm=singleton"]
    for jackknife in (True, False):
        fit = fitted(data, jackknife=jackknife)
        assert fit is not None
        np.testing.assert_allclose(np.sqrt(np.diag(fit.classical)), out["se"], atol=1e-6)


def test_reference_lags_and_leads(cases, data):
    """F2: lags 0 to 2 and leads 1 and 2 by calendar date; rows with an unknown neighbour left out; to 1e-6.

    The case keeps a row alone in its unit, which counts in its factor G/(G-1) (n-1)/(n-k) and nowhere else.
    """
    at = {key: x for *key, x in zip(data["unit"], data["date"], data["x"], strict=True) for key in [tuple(key)]}
    order = {"x": 0, "lag1": -1, "lag2": -2, "lead1": 1, "lead2": 2}
    moved = {
        name: np.array([at.get((u, d + k), np.nan) for u, d in zip(data["unit"], data["date"], strict=True)])
        for name, k in order.items()
    }
    known = np.isfinite(np.column_stack(list(moved.values()))).all(axis=1)
    rows = {name: x[known] for name, x in (data | moved).items()}
    fit, out = fitted(rows, tuple(order), jackknife=False), cases["F2"]["outputs"]
    assert fit is not None
    n, g, k = known.sum(), np.unique(rows["unit"]).size, 5 + np.unique(rows["date"]).size
    assert (n, fit.n_rows) == (out["n"], n - 1)
    np.testing.assert_allclose(fit.coef, out["coef"], atol=1e-6)
    theirs, ours = (g / (g - 1) * (n - 1) / (n - k) for g, n in ((g, n), (g - 1, n - 1)))
    np.testing.assert_allclose(np.sqrt(np.diag(fit.cov("unit")) * theirs / ours), out["se"], atol=1e-6)


def test_reference_t_with_six_groups(cases, data):
    """F4: the t of x with six groups, once the factor G/(G-1) (n-1)/(n-k) is taken out (k: 2 terms and 12 dates)."""
    fit = fitted(data, jackknife=False)
    assert fit is not None
    factor = 6 / 5 * (267 - 1) / (267 - 2 - 12)
    t = fit.coef[0] / np.sqrt(fit.cov("grp")[0, 0] / factor)
    assert t == pytest.approx(cases["F4"]["outputs"]["t"], abs=1e-6)


@pytest.mark.filterwarnings("ignore:.*singleton fixed effect:UserWarning")
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("cluster", ["unit", "nest", "date", "grp"])
def test_random_panels_against_pyfixest(seed, cluster):
    """Panels with holes: coefficients and CRV1 to 1e-8, for groupings that hold the units, the dates, or neither."""
    import pandas as pd
    import pyfixest

    data = unbalanced(seed)
    rows = pd.DataFrame({name: data[name] for name in ("y", "x", "z", "unit", "date", "nest", "grp")})
    sharp = pyfixest.LsmrDemeaner(fixef_atol=1e-13, fixef_btol=1e-13)
    peer = pyfixest.feols("y ~ x + z | unit + date", rows, vcov={"CRV1": cluster}, demeaner=sharp)
    effects, clusters = {name: data[name] for name in ("unit", "date")}, {cluster: data[cluster]}
    fit = fixed_effects(data["y"], {"x": data["x"], "z": data["z"]}, effects, clusters, jackknife=False)
    assert fit is not None
    assert fit.n_rows == peer._N
    np.testing.assert_allclose(fit.coef, peer.coef().to_numpy(), atol=1e-8)
    np.testing.assert_allclose(np.sqrt(np.diag(fit.cov(cluster))), peer.se().to_numpy(), atol=1e-8)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("cluster", ["unit", "date", "grp"])
def test_leaving_out_each_cluster_by_brute_force(seed, cluster):
    """Every shift is what least squares gives without the cluster's rows, effects swept out beforehand by dummies."""
    data = unbalanced(seed, dates=12)
    assert np.unique(data["unit"], return_counts=True)[1].min() > 1
    fit = fixed_effects(
        data["y"], {"x": data["x"], "z": data["z"]}, {n: data[n] for n in ("unit", "date")}, {cluster: data[cluster]}
    )
    assert fit is not None
    left, ids = without_effects(data), data[cluster]
    alone = [np.linalg.lstsq(left[ids != g, 1:], left[ids != g, 0], rcond=None)[0] for g in np.unique(ids)]
    np.testing.assert_allclose(fit.shifts[cluster], np.array(alone) - fit.coef, atol=1e-8)
    g = len(alone)
    by_hand = (g - 1) / g * sum(np.outer(b - fit.coef, b - fit.coef) for b in alone)
    np.testing.assert_allclose(fit.cov(cluster), by_hand, atol=1e-10)


def test_a_cluster_that_holds_all_of_a_term():
    """Without the only cluster in which a term moves nothing tells of it: 0 is left, the shift is the whole of it."""
    data = unbalanced(1, dates=12)
    data["z"] = np.where(data["unit"] == 3, np.arange(data["y"].size, dtype=float), 0.0)
    fit = fixed_effects(data["y"], {"x": data["x"], "z": data["z"]}, {"unit": data["unit"]}, {"unit": data["unit"]})
    assert fit is not None
    assert fit.n_rows == data["y"].size
    shift = fit.shifts["unit"][counted(data["unit"])[data["unit"] == 3][0]]
    left = without_one_effect(data)
    others = data["unit"] != 3
    x_alone = np.linalg.lstsq(left[others, 1:2], left[others, 0], rcond=None)[0][0]
    np.testing.assert_allclose(shift, [x_alone - fit.coef[0], -fit.coef[1]], atol=1e-8)
    assert fit.contrast({"z": 1.0}).se >= abs(fit.coef[1]) * 0.9


# --- rows that say nothing


def test_rows_alone_in_a_level_change_nothing(data):
    """The row of unit 99 is left out: with or without it, the fit is the same."""
    kept = data["unit"] != 99
    whole, less = fitted(data), fitted({name: x[kept] for name, x in data.items()})
    assert whole is not None and less is not None
    assert whole.n_rows == less.n_rows == 267
    np.testing.assert_array_equal(whole.coef, less.coef)
    np.testing.assert_array_equal(whole.cov("grp"), less.cov("grp"))


def test_leaving_out_rows_repeats():
    """A chain of rows, each alone once the one before has gone, unravels to the end; a square of four stays."""
    unit = np.array([0, 0, 1, 1, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5])
    date = np.array([0, 1, 1, 2, 2, 3, 7, 8, 9, 7, 8, 9, 7, 8, 9])
    rng = np.random.default_rng(0)
    y, x = rng.normal(size=(2, 15))
    fit = fixed_effects(y, {"x": x}, {"unit": unit, "date": date}, {"unit": unit})
    assert fit is not None
    assert fit.n_rows == 9
    square = fixed_effects(y[6:], {"x": x[6:]}, {"unit": unit[6:], "date": date[6:]}, {"unit": unit[6:]})
    assert square is not None
    np.testing.assert_allclose(fit.coef, square.coef)


def nothing(**changes):
    """A fit of a small panel with some columns replaced."""
    data = unbalanced(0) | changes
    effects = {"unit": data["unit"], "date": data["date"]}
    return fixed_effects(data["y"], {"x": data["x"], "z": data["z"]}, effects, {"grp": data["grp"]})


def test_nothing_to_estimate_gives_nothing():
    """A constant term, one fixed by the effects, two that are one, a single cluster, rows all alone: None."""
    data = unbalanced(0)
    n = data["y"].size
    assert nothing() is not None
    assert nothing(x=np.full(n, 3.0)) is None
    assert nothing(x=data["unit"] * 2.0 + data["date"]) is None
    assert nothing(x=5 * data["z"]) is None
    assert nothing(grp=np.zeros(n, dtype=np.int64)) is None
    assert nothing(unit=np.arange(n)) is None


def test_no_rows_give_nothing():
    """Empty columns are an empty answer, not an error."""
    none, ids = np.zeros(0), np.zeros(0, dtype=np.int64)
    assert fixed_effects(none, {"x": none}, {"unit": ids}, {"unit": ids}) is None


def test_a_grouping_of_one_cluster_is_left_out():
    """Beside a real grouping, one that holds all rows in one cluster is not counted."""
    data = unbalanced(0)
    clusters = {"all": np.zeros(data["y"].size, dtype=np.int64), "grp": data["grp"]}
    fit = fixed_effects(data["y"], {"x": data["x"]}, {"unit": data["unit"]}, clusters)
    assert fit is not None
    assert list(fit.shifts) == ["grp"]


# --- properties


@given(st.integers(0, 500), st.floats(-50, 50), st.floats(0.1, 20))
@relaxed
def test_constants_of_levels_and_units_of_measure(seed, constant, factor):
    """Constants of units and dates leave all as it is; scaling y or a term scales coefficient and error with it."""
    data = unbalanced(seed, dates=10)
    base = fitted(data)
    shifted = data["y"] + constant * np.sin(data["unit"]) - constant * np.cos(data["date"])
    other = fitted(data | {"y": factor * shifted, "x": data["x"] / factor + data["unit"]})
    assert base is not None and other is not None
    np.testing.assert_allclose(other.coef, base.coef * [factor**2, factor], rtol=1e-4, atol=1e-5 * factor**2)
    for name in ("unit", "grp"):
        ours, theirs = (np.sqrt(np.diag(fit.cov(name))) for fit in (base, other))
        np.testing.assert_allclose(theirs, ours * [factor**2, factor], rtol=1e-4)


@given(st.integers(0, 500))
@relaxed
def test_order_of_rows_and_names_of_levels_do_not_matter(seed):
    """Rows in another order, units, dates and clusters renumbered: the same coefficients and errors."""
    data, rng = unbalanced(seed), np.random.default_rng(seed)
    order = rng.permutation(data["y"].size)
    other = {name: x[order] for name, x in data.items()}
    other |= {name: rng.permutation(100)[other[name]] for name in ("unit", "date", "grp")}
    base, mixed = fitted(data), fitted(other)
    assert base is not None and mixed is not None
    np.testing.assert_allclose(mixed.coef, base.coef, atol=1e-6)
    np.testing.assert_allclose(mixed.cov("grp"), base.cov("grp"), atol=1e-6)
    np.testing.assert_allclose(mixed.cov("unit"), base.cov("unit"), atol=1e-6)


def test_positions_that_never_move_give_no_fit():
    """Where y is constant within the effects there is nothing to estimate, and rounding is not taken for a finding."""
    rng = np.random.default_rng(0)
    unit, step = np.repeat(np.arange(30), 20), np.tile(np.arange(20), 30)
    terms, clusters = {"x": rng.normal(size=600)}, {"unit": unit}
    assert fixed_effects(np.repeat(rng.normal(size=30), 20), terms, {"unit": unit, "step": step}, clusters) is None
