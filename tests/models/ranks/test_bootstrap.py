"""The clustered bootstrap of a mean: by hand, against scipy and theory, exact against binned, and coverage."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from models.ranks import bootstrap
from models.ranks.bootstrap import Interval, cluster_bootstrap_mean

REFERENCE = Path(__file__).parents[2].parent / "shared" / "data" / "reference" / "statistics.json"
NOISE = 0.06  # two intervals of 4,000 draws: their ends differ by about 0.015 widths (1 sd), so four of these
ANALYTIC = 0.06  # 4,000 draws against a normal interval at a few hundred clusters, in widths of the interval

relaxed = settings(deadline=None, max_examples=60)


def ends(interval):
    """Both ends as an array."""
    return np.array([interval.low, interval.high])


def assert_close(one, other, share):
    """Ends differ by less than a share of the width."""
    np.testing.assert_allclose(ends(one), ends(other), atol=share * np.ptp(ends(other)), rtol=0)


def simulated(rng, clusters, size, spread=0.5):
    """Values with a common part per cluster, and their cluster."""
    cluster = np.repeat(np.arange(clusters), size)
    return rng.normal(0, spread, clusters)[cluster] + rng.normal(0, 1, cluster.size), cluster


# --- by hand


def test_equal_values_have_a_point():
    """Where nothing varies the interval is the value itself."""
    np.testing.assert_allclose(ends(cluster_bootstrap_mean(np.full(30, 0.4), np.arange(30))), 0.4, atol=1e-15)


@pytest.mark.parametrize("n", [0, 1, 9])
def test_fewer_than_two_clusters_have_no_interval(n):
    """Nothing is known about other clusters from one: NaN, not zero width."""
    assert np.isnan(ends(cluster_bootstrap_mean(np.arange(n), np.zeros(n, int)))).all()


def test_two_clusters_span_their_means():
    """With two clusters of two lists, replicates reach from one cluster's mean to the other's."""
    assert cluster_bootstrap_mean([0, 1, 2, 3], [5, 5, 8, 8]) == Interval(0.5, 2.5)


def test_reference_weights_give_reference_means(monkeypatch):
    """B1: with the given weights, replicates are the given weighted means (ratio of sums)."""
    if not REFERENCE.exists():
        pytest.skip("the folder `shared` with the reference cases is not beside the repository")
    out = next(c for c in json.loads(REFERENCE.read_text())["cases"] if c["id"] == "B1")["outputs"]
    rho = [x for x in out["rho"].values() if x is not None]
    monkeypatch.setattr(bootstrap, "_weights", lambda *_: [np.array(out["weights_matrix"], float)])
    low, high = np.quantile(out["weighted_rep_means"], (0.025, 0.975))
    assert_close(cluster_bootstrap_mean(rho, np.arange(5)), Interval(low, high), 1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(bad):
    """Unknown lists are left out by the caller, never averaged."""
    with pytest.raises(ValueError, match="finite"):
        cluster_bootstrap_mean([1.0, bad], [0, 1])


def test_columns_that_do_not_fit_are_refused():
    """Lengths, ids and draws that make no sense are errors, not wrong numbers."""
    with pytest.raises(ValueError, match="equally long"):
        cluster_bootstrap_mean([1.0, 2.0], [0])
    with pytest.raises(ValueError, match="integers"):
        cluster_bootstrap_mean([1.0, 2.0], [0.5, 1.0])
    with pytest.raises(ValueError, match="draws"):
        cluster_bootstrap_mean([1.0, 2.0], [0, 1], draws=0)


# --- against references


def test_equals_scipy_bootstrap():
    """One list per cluster: scipy's multinomial percentile bootstrap gives the same interval up to draw noise."""
    values = np.random.default_rng(1).gamma(1, 1, 300)
    theirs = stats.bootstrap((values,), np.mean, n_resamples=4000, method="percentile", rng=2).confidence_interval
    assert_close(cluster_bootstrap_mean(values, np.arange(300), 4000), theirs, NOISE)


@pytest.mark.parametrize("clusters", [400, 20_000])
def test_equals_the_analytic_interval(clusters):
    """mean +- 1.96 sd / sqrt(K), with the sd of cluster means, on the exact and on the binned path."""
    values, cluster = simulated(np.random.default_rng(3), clusters, 3)
    means = values.reshape(clusters, 3).mean(axis=1)
    half = 1.96 * means.std(ddof=1) / np.sqrt(clusters)
    analytic = Interval(means.mean() - half, means.mean() + half)
    assert_close(cluster_bootstrap_mean(values, cluster, 4000), analytic, ANALYTIC)


WORLDS = {
    "normal": lambda rng, k: (rng.normal(0.1, 0.2, k), np.arange(k)),
    "unequal clusters": lambda rng, k: (rng.normal(0.1, 0.2, 4 * k), np.r_[np.arange(k), rng.zipf(2, 3 * k) % k]),
    "two values": lambda rng, k: (rng.choice([-1.0, 1.0], k), np.arange(k)),
    "heavy tail": lambda rng, k: (rng.pareto(1.2, k), np.arange(k)),
    "one giant value": lambda rng, k: (np.r_[np.zeros(k - 1), 1e9], np.arange(k)),
    "one giant cluster": lambda rng, k: (rng.normal(1, 1, 2 * k), np.minimum(np.arange(2 * k), k - 1)),
}


def giant_at_the_mean(rng, k):
    """Half of all lists lie in one cluster whose influence is 0: it moves only the denominator, but that a lot."""
    others = rng.normal(0.1, 1, k - 1)
    return np.r_[others, np.full(k, others.mean())], np.minimum(np.arange(2 * k - 1), k - 1)


WORLDS["giant cluster without influence"] = giant_at_the_mean


@pytest.mark.parametrize("world", WORLDS)
def test_binned_agrees_with_exact(world, monkeypatch):
    """Sharing draws among clusters of like influence moves the interval by less than draws do, in ugly worlds too."""
    values, cluster = WORLDS[world](np.random.default_rng(5), 12_000)
    binned = cluster_bootstrap_mean(values, cluster, 4000)
    monkeypatch.setattr(bootstrap, "EXACT", 10**9)
    exact = cluster_bootstrap_mean(values, cluster, 4000)
    assert binned != exact
    assert_close(binned, exact, NOISE)


@pytest.mark.parametrize("world", WORLDS)
def test_bins_keep_totals_and_variance(world):
    """Bins hold every cluster once, keep both sums, and the bootstrap variance sum u^2 to rounding."""
    s, c = bootstrap._totals(*map(np.asarray, WORLDS[world](np.random.default_rng(6), 50_000)))
    u = s - s.sum() / c.sum() * c
    mean_u, mean_c, n = bootstrap._bins(u, c)
    assert n.sum() == u.size
    assert n.size == bootstrap.HEAVY + bootstrap.LIGHT
    assert (n * mean_c).sum() == pytest.approx(c.sum(), rel=1e-12)
    assert (n * mean_u**2).sum() == pytest.approx((u**2).sum(), rel=1e-12)


def test_the_share_lost_in_bins_is_as_documented(monkeypatch):
    """Before it is put back, binning a million normal influences loses less than 5e-5 of the variance."""
    u = np.random.default_rng(7).normal(size=1_000_000)
    heavy, light = bootstrap._heavy_and_light(u, np.ones(u.size))
    inside = sum(((part - part.mean()) ** 2).sum() for part in np.array_split(u[light], bootstrap.LIGHT))
    assert np.unique(np.r_[heavy, light]).size == u.size
    assert inside / (u**2).sum() < 5e-5


def test_all_equal_values_in_bins_have_a_point():
    """No variation among very many clusters is no error."""
    np.testing.assert_allclose(ends(cluster_bootstrap_mean(np.ones(9000), np.arange(9000))), 1.0, atol=1e-15)


# --- properties


@relaxed
@given(st.lists(st.tuples(st.floats(-1, 1), st.integers(-3, 5)), min_size=1, max_size=30), st.randoms())
def test_row_order_changes_nothing(rows, random):
    """The interval is the same to the last bit however rows are ordered."""
    mixed = random.sample(rows, len(rows))
    one, other = (cluster_bootstrap_mean(*map(np.array, zip(*x, strict=True)), draws=64) for x in (rows, mixed))
    np.testing.assert_array_equal(ends(one), ends(other))


def test_row_order_changes_nothing_in_bins():
    """Nor beyond the number of clusters that draw their own weights."""
    rng = np.random.default_rng(8)
    values, cluster = simulated(rng, 5000, 3)
    order = rng.permutation(values.size)
    assert cluster_bootstrap_mean(values[order], cluster[order]) == cluster_bootstrap_mean(values, cluster)


def test_names_of_clusters_do_not_matter():
    """Ids may be negative, huge or full of gaps: only which rows share one counts, and their order."""
    values, cluster = simulated(np.random.default_rng(9), 50, 2)
    plain = cluster_bootstrap_mean(values, cluster)
    unsigned = cluster.astype(np.uint64)
    for other in (cluster - 10, cluster * 10**15, unsigned, unsigned + np.uint64(2**63), cluster.astype(np.int8)):
        assert cluster_bootstrap_mean(values, other) == plain


@relaxed
@given(st.floats(-5, 5), st.floats(0.1, 9))
def test_shift_and_scale(shift, scale):
    """The same clusters meet the same draws, so the interval of a + b x is a + b times that of x."""
    values, cluster = simulated(np.random.default_rng(10), 40, 2)
    moved = cluster_bootstrap_mean(shift + scale * values, cluster)
    np.testing.assert_allclose(ends(moved), shift + scale * ends(cluster_bootstrap_mean(values, cluster)), atol=1e-12)


def test_weights_hang_on_seed_and_number_of_clusters_alone():
    """Two platforms on the same keywords meet the same weights, another seed others; more draws continue the stream."""
    n = np.ones(10)
    first, again = (np.concatenate([*bootstrap._weights(n, 10, draws, seed=4)]) for draws in (100, 300))
    np.testing.assert_array_equal(first, again[:100])
    assert not np.array_equal(first[:64], next(bootstrap._weights(n, 10, 100, seed=5)))


def test_repeated_runs_agree():
    """The same seed gives the same interval, another seed another one."""
    values, cluster = simulated(np.random.default_rng(12), 3000, 1)
    assert cluster_bootstrap_mean(values, cluster, seed=1) == cluster_bootstrap_mean(values, cluster, seed=1)
    assert cluster_bootstrap_mean(values, cluster, seed=1) != cluster_bootstrap_mean(values, cluster, seed=2)


# --- coverage


def test_coverage():
    """Of 400 worlds with 60 clusters, 90 to 98 % of the intervals hold the truth; ignoring clusters, under 80 %."""
    rng = np.random.default_rng(13)
    held = np.zeros((400, 2))
    for i in range(400):
        values, cluster = simulated(rng, 60, 5, spread=1.0)
        for j, unit in enumerate((cluster, np.arange(values.size))):
            interval = cluster_bootstrap_mean(values, unit, draws=400, seed=i)
            held[i, j] = interval.low <= 0 <= interval.high
    clustered, naive = held.mean(axis=0)
    assert 0.90 <= clustered <= 0.98
    assert naive < 0.80
