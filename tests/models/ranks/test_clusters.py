"""Errors of means along one and two clusterings: by hand, against statsmodels and reference cases, by properties."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from models.ranks import bootstrap
from models.ranks.association import within_list_spearman
from models.ranks.bootstrap import cluster_bootstrap_mean
from models.ranks.clusters import bca_interval, clustered_variance, count, estimate, mean_estimate
from tests.models.rank_cases import reference, reference_lists

relaxed = settings(deadline=None, max_examples=50)


@pytest.fixture
def b1(shared):
    """B1: rho of the five lists that have one, and the reference outputs."""
    ref = reference(shared, "B1")
    rho = -within_list_spearman(*reference_lists(ref["inputs"]), min_pairs=2).rho
    return rho[~np.isnan(rho)], ref["outputs"]


def exhaustive_means(values):
    """The mean of every resample with replacement."""
    return np.array([np.mean(x) for x in product(values, repeat=len(values))])


# --- by hand and against references


def test_reference_intervals(b1):
    """B1: mean, its error, which is the jackknife's too, and the intervals by t and by the normal distribution."""
    rho, out = b1
    found = mean_estimate(rho, np.arange(rho.size))
    assert found.value == pytest.approx(out["mean"], abs=1e-6)
    assert found.se == pytest.approx(out["se_mean"], abs=1e-6)
    np.testing.assert_allclose([found.low, found.high], out["t_ci95"], atol=1e-6)
    np.testing.assert_allclose(found.normal, out["normal_ci95"], atol=1e-6)
    without = np.array([np.delete(rho, i).mean() for i in range(rho.size)])
    jackknife = np.sqrt((rho.size - 1) / rho.size * ((without - without.mean()) ** 2).sum())
    assert found.se == pytest.approx(jackknife, abs=1e-12) == pytest.approx(out["jackknife_se"], abs=1e-6)


def test_reference_exhaustive_bootstrap(b1, monkeypatch):
    """B1: with the counts of all 3,125 resamples as weights, our replicates have the reference error and quantiles."""
    rho, out = b1
    counts = np.array([np.bincount(x, minlength=5) for x in product(range(5), repeat=5)], float)
    monkeypatch.setattr(bootstrap, "_weights", lambda *_: [counts])
    interval, expected = cluster_bootstrap_mean(rho, np.arange(5)), out["exhaustive_bootstrap"]
    assert len(counts) == expected["n_resamples"]
    np.testing.assert_allclose(
        [interval.low, interval.high], [expected["q025_linear"], expected["q975_linear"]], atol=1e-6
    )
    shifts = bootstrap._shifts(rho - rho.mean(), np.ones(5), 1, 0)
    assert shifts.std() == pytest.approx(expected["se"], abs=1e-6)


def test_reference_bca(b1):
    """B1: the bias-corrected accelerated interval from all resamples."""
    rho, out = b1
    np.testing.assert_allclose(
        bca_interval(rho, exhaustive_means(rho)), out["exhaustive_bootstrap"]["bca_ci"], atol=1e-6
    )


def test_bca_equals_scipy():
    """Replicates of scipy's bootstrap give scipy's interval."""
    values = np.random.default_rng(1).gamma(1, 1, 25)
    theirs = stats.bootstrap((values,), np.mean, n_resamples=2000, method="BCa", random_state=np.random.default_rng(2))
    ours = bca_interval(values, theirs.bootstrap_distribution)
    np.testing.assert_allclose(ours, theirs.confidence_interval, atol=1e-9)


def test_bca_of_what_does_not_vary_is_unknown():
    """One value, equal values or no replicates give no interval."""
    assert np.isnan([bca_interval([1.0], [1.0]), bca_interval([1.0, 1.0], [1.0]), bca_interval([1.0, 2.0], [])]).all()


def test_two_clusters_by_hand():
    """Influences 1, 1, -2 in clusters a a b: sums 2 and -2, so V = 2 / 1 x (4 + 4) = 16."""
    u = np.array([[1.0], [1.0], [-2.0]])
    assert clustered_variance(u, np.array([7, 7, 9]))[0] == 16.0
    assert clustered_variance(u, np.array([7, 7, 9]), small_sample=False)[0] == 8.0


def test_two_ways_by_hand():
    """A 2 x 2 crossing with influences 3 1 / 1 -1: V_1 = 2 x 16, V_2 = 2 x 16, V_12 = 4/3 x 12."""
    u = np.array([[3.0], [1.0], [1.0], [-1.0]])
    first, second = np.array([0, 0, 1, 1]), np.array([5, 6, 5, 6])
    assert clustered_variance(u, first, second)[0] == pytest.approx(32 + 32 - 16)


def test_a_second_clustering_never_narrows():
    """Where V_1 + V_2 - V_12 falls below a part of it, the largest part stands."""
    u = np.array([[1.0], [-1.0], [-1.0], [1.0]])
    first, second = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    assert clustered_variance(u, first, second)[0] == 0.0
    assert clustered_variance(u, np.arange(4), second)[0] == clustered_variance(u, np.arange(4))[0]


def test_means_equal_regression_on_a_constant():
    """statsmodels' cluster-robust error of a constant, one and two ways, up to its (n - 1) / (n - k) = 1."""
    sm = pytest.importorskip("statsmodels.api")
    rng = np.random.default_rng(3)
    first, second = rng.integers(0, 30, 600), rng.integers(0, 25, 600)
    y = rng.normal(size=30)[first] + rng.normal(size=25)[second] + rng.normal(size=600)
    fit = sm.OLS(y, np.ones(600)).fit(cov_type="cluster", cov_kwds={"groups": first})
    assert mean_estimate(y, first).se == pytest.approx(fit.bse[0], rel=1e-9)
    u = (y - y.mean()) / y.size
    both = sm.OLS(y, np.ones(600)).fit(cov_type="cluster", cov_kwds={"groups": np.column_stack([first, second])})
    assert estimate(y.mean(), u, first, second).se == pytest.approx(both.bse[0], rel=1e-9)


def test_too_few_clusters_have_no_interval():
    """One cluster says nothing about others, nor do no values: NaN, not zero width."""
    one, none = mean_estimate([1.0, 2.0], [4, 4]), mean_estimate([], np.array([], int))
    assert (one.value, one.df) == (1.5, 0)
    assert np.isnan([one.se, one.low, one.high, none.value, none.low]).all()


def test_unknown_values_are_refused():
    """Unknown lists are left out by the caller; lengths must fit."""
    with pytest.raises(ValueError, match="finite"):
        mean_estimate([1.0, np.nan], [0, 1])
    with pytest.raises(ValueError, match="equally long"):
        mean_estimate([1.0, 2.0], [0])


# --- properties


@relaxed
@given(st.lists(st.floats(-1, 1), min_size=2, max_size=30))
def test_own_clusters_give_the_textbook_error(values):
    """One value per cluster: sd / sqrt(n), whatever numbers name the clusters."""
    names = np.random.default_rng(4).permutation(10**9 + np.arange(len(values))) - 5 * 10**8
    found = mean_estimate(values, names)
    assert found.se == pytest.approx(np.std(values, ddof=1) / np.sqrt(len(values)), abs=1e-12)


def test_duplicating_every_cluster_divides_the_error():
    """P1: every keyword twice gives the same mean and, but for G / (G - 1), an error smaller by sqrt(2)."""
    rng = np.random.default_rng(5)
    y, k = rng.normal(size=200), np.repeat(np.arange(40), 5)
    u = ((y - y.mean()) / y.size)[:, None]
    once = clustered_variance(u, k, small_sample=False)[0]
    twice = clustered_variance(np.r_[u, u] / 2, np.r_[k, k + 40], small_sample=False)[0]
    assert twice == pytest.approx(once / 2, rel=1e-12)


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint64])
def test_names_of_clusters_do_not_matter(dtype):
    """Only which rows share a cluster counts, not the numbers or their type."""
    rng = np.random.default_rng(6)
    first, second, u = rng.integers(0, 9, 50), rng.integers(0, 7, 50), rng.normal(size=(50, 2))
    plain = clustered_variance(u, first, second)
    named = clustered_variance(u, (first * 13 + 1).astype(dtype), (100 - second).astype(dtype))
    np.testing.assert_allclose(named, plain, rtol=1e-12)
    assert count((first * 13).astype(dtype)) == np.unique(first).size
