"""The wild cluster bootstrap: by hand, against the definition row by row and the reference case, and by properties."""

import json
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.guards import wild
from models.guards.wild import WildTest, wild_cluster, words

relaxed = settings(deadline=None, max_examples=30)


def simulated(seed, groups, size=6, effect=0.0, columns=2, spread=1.0):
    """Rows with a common error per cluster and regressors that vary between clusters too, demeaned."""
    rng = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(groups), size)
    x = rng.normal(size=(cluster.size, columns)) + rng.normal(size=(groups, columns))[cluster]
    y = effect * x[:, 0] + rng.normal(0, spread, groups)[cluster] + rng.normal(size=cluster.size)
    return y - y.mean(), x - x.mean(axis=0), cluster


def cluster_t(y, x, cluster, column, null):
    """The t of a refitted regression with the cluster sandwich, without any factor."""
    bread = np.linalg.pinv(x.T @ x)
    beta = bread @ x.T @ y
    scores = np.array([x[cluster == g].T @ (y - x @ beta)[cluster == g] for g in np.unique(cluster)])
    return (beta[column] - null) / np.sqrt((bread @ scores.T @ scores @ bread)[column, column])


def by_definition(y, x, cluster, column, null=0.0):
    """t and p over all 2^G sign vectors, refitting every bootstrap sample row by row."""
    others, shifted = np.delete(x, column, axis=1), y - null * x[:, column]
    fit = others @ np.linalg.lstsq(others, shifted, rcond=None)[0] + null * x[:, column]
    groups = np.unique(cluster)
    signs = [np.array(v)[np.searchsorted(groups, cluster)] for v in product((1, -1), repeat=groups.size)]
    ts = np.array([cluster_t(fit + v * (y - fit), x, cluster, column, null) for v in signs])
    t = cluster_t(y, x, cluster, column, null)
    return t, np.mean(np.abs(ts) >= abs(t) * (1 - 1e-9))


def panel(shared):
    """DATA_panel without unit 99: y, x and z, all three, cluster grp, and dummies of unit and date."""
    cases = json.loads((shared / "data" / "reference" / "statistics.json").read_text())["cases"]
    by_id = {c["id"]: c for c in cases}
    data = {k: np.array(v) for k, v in by_id["DATA_panel"]["inputs"].items()}
    kept = data["unit"] != 99
    data = {k: v[kept] for k, v in data.items()}
    dummies = [(data[k][:, None] == np.unique(data[k])).astype(float) for k in ("unit", "date")]
    return data, np.hstack(dummies), by_id["F4"]


# --- by hand


def test_three_clusters_by_hand():
    """x = 1 throughout, one row each, y = 1, 2, 3: t = 2 / sqrt(2 / 9), and of 8 sign vectors two are as far out."""
    found = wild_cluster([1.0, 2.0, 3.0], np.ones((3, 1)), [7, 8, 9])
    assert (found.estimate, found.p_value, found.n_signs, found.smallest_p) == (pytest.approx(2), 0.25, 8, 0.25)
    assert found.t == pytest.approx(2 / np.sqrt(2 / 9))
    assert np.isnan([found.low, found.high]).all()


@pytest.mark.parametrize(
    ("y", "x", "cluster", "options", "match"),
    [
        ([1.0, 2.0], [[1.0], [2.0]], [0, 0], {}, "at least two clusters"),
        ([1.0, 2.0], [[1.0], [2.0]], [0], {}, r"\(n,\)"),
        ([1.0, 2.0], [1.0, 2.0], [0, 1], {}, r"\(n, p\)"),
        ([1.0, np.nan], [[1.0], [2.0]], [0, 1], {}, "finite"),
        ([1.0, 2.0], [[0.0], [0.0]], [0, 1], {}, "does not vary"),
        ([1.0, 2.0, 3.0], [[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]], [0, 1, 2], {}, "determine"),
        ([1.0, 2.0], [[1.0], [2.0]], [0, 1], {"column": 1}, "from 0 to 0"),
        ([1.0, 2.0], [[1.0], [2.0]], [0, 1], {"draws": 0}, "at least one draw"),
        ([1.0, 2.0], [[1.0], [2.0]], [0, 1], {"alpha": 95.0}, "alpha"),
    ],
)
def test_impossible_input_is_refused(y, x, cluster, options, match):
    """An error names what is wrong and with which numbers."""
    with pytest.raises(ValueError, match=match):
        wild_cluster(y, x, cluster, **options)


# --- against references


def test_reference_case(shared):
    """F4: six groups, unit and date effects partialled out: t, p and 64 sign vectors, to 1e-6."""
    data, dummies, case = panel(shared)
    columns = np.column_stack([data["y"], data["x"], data["z"]])
    left = columns - dummies @ np.linalg.lstsq(dummies, columns, rcond=None)[0]
    found = wild_cluster(left[:, 0], left[:, 1:], data["grp"])
    out = case["outputs"]
    ours = (found.t, found.p_value, found.n_signs)
    assert ours == pytest.approx((out["t"], out["p_value_symmetric"], out["n_sign_vectors"]), abs=case["tol"])
    assert found.low < found.estimate < found.high < 0


def test_fixed_effects_as_columns_are_refitted(shared):
    """With the dummies among the columns, t stays and the interval hardly moves: they were nearly fixed anyway."""
    data, dummies, case = panel(shared)
    full = np.column_stack([data["x"], data["z"], dummies])
    left = full[:, :2] - dummies @ np.linalg.lstsq(dummies, full[:, :2], rcond=None)[0]
    y_left = data["y"] - dummies @ np.linalg.lstsq(dummies, data["y"], rcond=None)[0]
    inside, outside = wild_cluster(data["y"], full, data["grp"]), wild_cluster(y_left, left, data["grp"])
    assert inside.t == pytest.approx(case["outputs"]["t"], abs=1e-6)
    assert (inside.low, inside.high) == pytest.approx((outside.low, outside.high), abs=0.1)
    t, p = by_definition(data["y"], full, data["grp"], 0)
    assert (inside.t, inside.p_value) == pytest.approx((t, p), abs=1e-6)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("null", [0.0, 0.4, -3.0])
def test_equals_the_definition(seed, null):
    """Seven clusters of unequal size, 2nd of three columns: t and p of 128 regressions fitted row by row."""
    y, x, cluster = simulated(seed, 7, columns=3)
    y, x, cluster = y[3:], x[3:], cluster[3:]
    found = wild_cluster(y, x, cluster, 1, null=null)
    assert (found.t, found.p_value) == pytest.approx(by_definition(y, x, cluster, 1, null), abs=1e-9)


def test_rejects_as_often_as_it_says_where_the_sandwich_does_not():
    """No effect, 8 clusters, 400 worlds: about 5 % of p-values below 5 %; of |t| above 1.96, more than twice that."""
    found = [wild_cluster(*simulated(seed, 8)) for seed in range(400)]
    noise = np.sqrt(0.05 * 0.95 / 400)
    assert abs(np.mean([f.p_value <= 0.05 for f in found]) - 0.05) < 4 * noise
    assert np.mean([abs(f.t) > 1.96 for f in found]) > 0.10


def test_intervals_hold_the_truth():
    """Effect 0.5, 10 clusters, 200 worlds: the 95 % interval holds it in about 95 %."""
    found = [wild_cluster(*simulated(seed, 10, effect=0.5)) for seed in range(200)]
    assert abs(np.mean([f.low <= 0.5 <= f.high for f in found]) - 0.95) < 4 * np.sqrt(0.05 * 0.95 / 200)


def test_draws_come_close_to_all_sign_vectors(monkeypatch):
    """Twelve clusters, exhaustive against 20,000 draws: p to four standard errors, ends to a tenth of the width."""
    y, x, cluster = simulated(6, 12, effect=0.4)
    exact = wild_cluster(y, x, cluster)
    monkeypatch.setattr(wild, "EXACT", 2)
    drawn = wild_cluster(y, x, cluster, draws=20_000)
    assert abs(drawn.p_value - exact.p_value) < 4 * np.sqrt(exact.p_value * (1 - exact.p_value) / 20_000) + 1e-4
    assert (drawn.low, drawn.high) == pytest.approx((exact.low, exact.high), abs=0.1 * (exact.high - exact.low))


# --- properties


@relaxed
@given(st.integers(0, 10**6), st.sampled_from([6, 9, 15, 30]))
def test_interval_and_p_value_agree(seed, groups):
    """p is above alpha just inside the ends and not above just outside."""
    y, x, cluster = simulated(seed, groups)
    found = wild_cluster(y, x, cluster)
    for end, inward in ((found.low, 1), (found.high, -1)):
        step = 1e-6 * abs(found.estimate - end) * inward
        if np.isfinite(end):
            assert wild_cluster(y, x, cluster, null=end + step).p_value > 0.05
            assert wild_cluster(y, x, cluster, null=end - step).p_value <= 0.05


@relaxed
@given(st.integers(0, 10**6), st.floats(0.01, 100), st.floats(0.01, 100), st.sampled_from([6, 20]))
def test_units_do_not_matter(seed, of_y, of_x, groups):
    """p is the same in other units, and estimate and ends change as the units do; the order of rows matters nothing."""
    y, x, cluster = simulated(seed, groups)
    order = np.random.default_rng(seed).permutation(y.size)
    one = wild_cluster(y, x, cluster)
    other = wild_cluster(of_y * y[order], of_x * x[order], 5 * cluster[order])
    assert other.p_value == pytest.approx(one.p_value)
    scaled = np.array([one.estimate, one.low, one.high]) * of_y / of_x
    np.testing.assert_allclose([other.estimate, other.low, other.high], scaled, rtol=1e-6, atol=1e-9 * of_y / of_x)


def test_a_mirrored_outcome_mirrors_the_interval():
    """Minus y: minus the estimate, the same p, ends exchanged."""
    y, x, cluster = simulated(3, 9)
    one, other = wild_cluster(y, x, cluster), wild_cluster(-y, x, cluster)
    assert other.p_value == one.p_value
    assert (other.low, other.high) == pytest.approx((-one.high, -one.low))


def test_draws_depend_on_the_seed_only(monkeypatch):
    """The same seed gives the same p, another another; how many draws are held at once changes nothing."""
    y, x, cluster = simulated(8, 20)
    here = wild_cluster(y, x, cluster, seed=1)
    assert here != wild_cluster(y, x, cluster, seed=2)
    monkeypatch.setattr(wild, "CELLS", 20 * 7)
    assert wild_cluster(y, x, cluster, seed=1) == here
    nine = simulated(3, 9)
    assert wild_cluster(*nine).p_value == by_definition(*nine, 0)[1]


def test_drawn_p_values_are_never_zero():
    """An effect beyond doubt has p = 1 / (draws + 1), not 0."""
    found = wild_cluster(*simulated(1, 30, effect=50.0), draws=99)
    assert found.p_value == found.smallest_p == 0.01


@pytest.mark.parametrize(
    ("groups", "said"), [(4, "cannot tell an effect from chance"), (6, "looks uncertain"), (9, "")]
)
def test_words_say_when_there_are_too_few_clusters(groups, said):
    """4 clusters cannot reach 5 %, 6 barely (3.1 %), 9 are enough to say nothing; the interval is unknown with 4."""
    found = wild_cluster(*simulated(5, groups))
    assert isinstance(found, WildTest)
    assert found.smallest_p == 2 / 2**groups
    assert np.isnan(found.low) == np.isnan(found.high) == (groups == 4)
    assert (said in words(found)) if said else words(found) == ""
