"""Fisher's z: against the reference cases and scipy, by hand, and how it differs from the plain mean."""

import numpy as np
import pytest
from scipy import stats

from models.ranks.association import within_list_spearman
from models.ranks.fisher_z import Averages, averages, pearson_interval, spearman_interval, spearman_z_error
from tests.models.rank_cases import reference, reference_lists


def test_reference_averages(shared):
    """B1: the plain mean, both means of z, and the mean weighted by list length; the constant list is left out."""
    ref = reference(shared, "B1")
    found = within_list_spearman(*reference_lists(ref["inputs"]), min_pairs=2)
    out, ours = ref["outputs"], averages(-found.rho, found.n_pairs)
    assert ours.mean == pytest.approx(out["mean"], abs=1e-6)
    assert ours.fisher_z == pytest.approx(out["fisher_z_mean_back_nminus3_weights"], abs=1e-6)
    assert ours.fisher_z_unweighted == pytest.approx(out["fisher_z_unweighted_back"], abs=1e-6)
    assert ours.n_weighted == pytest.approx(out["n_weighted_mean"], abs=1e-6)
    assert ours.n_lists == out["n_keywords_used"]
    assert np.median(-found.rho[~np.isnan(found.rho)]) == pytest.approx(out["median"], abs=1e-6)
    assert np.nanstd(found.rho, ddof=1) == pytest.approx(out["sd"], abs=1e-6)


def test_reference_intervals(shared):
    """J1: the interval of r = 0.3 from 100 pairs, and Bonett and Wright's error at 20."""
    out = reference(shared, "J1")["outputs"]
    found = pearson_interval(0.3, 100)
    np.testing.assert_allclose([found.low, found.high], out["fisher_ci_r03_n100"], atol=1e-6)
    assert spearman_z_error(0.3, 20) == pytest.approx(out["spearman_fisher_se_bonett_wright_r03_n20"], abs=1e-6)


def test_pearson_interval_equals_scipy():
    """scipy's interval of a Pearson correlation of the same data."""
    x, y = np.random.default_rng(1).normal(size=(2, 40))
    theirs = stats.pearsonr(x, y)
    ours = pearson_interval(theirs.statistic, 40)
    np.testing.assert_allclose([ours.low, ours.high], theirs.confidence_interval(), atol=1e-12)


def test_spearman_interval_is_wider():
    """Ranks of correlated data vary more than Fisher's z for Pearson says; at 0 both are the same."""
    rank, normal = spearman_interval(0.8, 30), pearson_interval(0.8, 30)
    assert rank.low < normal.low < normal.high < rank.high
    assert spearman_interval(0.0, 30) == pearson_interval(0.0, 30)


def test_spearman_interval_covers():
    """Normal data with correlation 0.6, 30 pairs: the interval holds the true rho in 92 to 98 % of 1,000 samples."""
    rng, truth = np.random.default_rng(2), 6 / np.pi * np.arcsin(0.6 / 2)
    x = rng.normal(size=(1000, 30))
    y = 0.6 * x + 0.8 * rng.normal(size=x.shape)
    rho = [stats.spearmanr(*pair).statistic for pair in zip(x, y, strict=True)]
    held = [(i := spearman_interval(r, 30)).low <= truth <= i.high for r in rho]
    assert 0.92 <= np.mean(held) <= 0.98


def test_perfect_order_is_cut_not_infinite():
    """A list in perfect order pulls the mean of z, but not to 1, and its own interval stays within 1."""
    found = averages([1.0, 0.0], [10, 10])
    assert found.mean == 0.5
    assert found.fisher_z == found.fisher_z_unweighted == pytest.approx(np.tanh(np.arctanh(0.999999) / 2))
    assert 0.99 < spearman_interval(-1.0, 10).high * -1 <= spearman_interval(-1.0, 10).low * -1 <= 1


def test_lists_of_three_have_no_weight():
    """With weights n - 3 a list of three says nothing; alone it leaves the mean unknown."""
    assert averages([0.9, 0.1], [3, 8]).fisher_z == pytest.approx(0.1)
    assert np.isnan(averages([0.9], [3]).fisher_z)


def test_unknown_is_unknown():
    """No list, no pairs or an unknown rho give NaN."""
    nothing = averages([np.nan], [9])
    assert np.isnan([nothing.mean, nothing.fisher_z, nothing.fisher_z_unweighted, nothing.n_weighted]).all()
    assert isinstance(nothing, Averages)
    assert nothing.n_lists == 0
    assert np.isnan([spearman_interval(0.5, 3).low, pearson_interval(np.nan, 30).high, spearman_z_error(0.5, 3)]).all()


def test_what_is_no_correlation_is_refused():
    """Numbers beyond 1 and columns of two lengths are errors."""
    with pytest.raises(ValueError, match="outside"):
        averages([1.2], [9])
    with pytest.raises(ValueError, match="between -1 and 1"):
        spearman_interval(-1.5, 20)
    with pytest.raises(ValueError, match="equally long"):
        averages([0.5], [9, 9])
