"""Regions compared: against scipy and an independent Welch test, by simulation, and by properties."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.oneway import anova_oneway

from models.guards.pooling import pool
from models.regions import FEWEST_CLUSTERS, compare, welch

NAN = float("nan")


def summary(groups):
    """Means, standard errors and sizes of samples."""
    return (
        np.array([g.mean() for g in groups]),
        np.array([g.std(ddof=1) / np.sqrt(g.size) for g in groups]),
        np.array([float(g.size) for g in groups]),
    )


def test_the_test_is_welchs():
    """The same p as statsmodels' Welch analysis of variance of the samples, and as Welch's t for two."""
    rng = np.random.default_rng(0)
    groups = [rng.normal(m, s, n) for m, s, n in ((0, 1, 12), (0.4, 2, 30), (0.2, 0.5, 17))]
    expected = anova_oneway(groups, use_var="unequal", welch_correction=True).pvalue
    assert welch(*summary(groups)) == pytest.approx(expected, abs=1e-10)
    two = stats.ttest_ind(groups[0], groups[1], equal_var=False).pvalue
    assert welch(*summary(groups[:2])) == pytest.approx(two, abs=1e-10)


def test_with_many_clusters_it_is_the_q_test():
    """Q on chi-squared, as in pooling."""
    effects, errors = np.array([0.1, 0.3, 0.15, 0.2]), np.array([0.05, 0.04, 0.06, 0.05])
    expected = stats.chi2.sf(pool(effects, errors).q, 3)
    assert welch(effects, errors, np.full(4, 1e9)) == pytest.approx(expected, abs=1e-6)


def test_regions_too_small_or_unknown_take_no_part():
    """Too few keywords, no error, no effect: NaN in their place, and not counted."""
    few = FEWEST_CLUSTERS - 1
    found = compare([0.1, 0.9, NAN, 0.3, 0.2], [0.05, 0.01, 0.1, 0.05, 0.0], [30, few, 30, 30, 30])
    assert found.n_regions == 2
    assert np.isnan(found.pooled).tolist() == [False, True, True, False, True]
    assert found.overall == pytest.approx(0.2)


def test_one_region_is_compared_with_nothing():
    """It stays as it is, and there is no p."""
    found = compare([0.3], [0.1], [40])
    assert np.isnan([found.p, found.spread]).all() and found.pooled[0] == pytest.approx(0.3)
    assert compare([], [], []).n_regions == 0


def test_a_small_region_leans_on_the_others():
    """A wide estimate far off is drawn to the rest, further than a narrow one."""
    found = compare([0.2, 0.22, 0.18, 0.21, 0.6], [0.02, 0.02, 0.02, 0.02, 0.2], [50] * 5)
    assert found.pooled[4] < 0.35 and abs(found.pooled[0] - 0.2) < 0.02
    assert (found.low < found.pooled).all() and (found.pooled < found.high).all()


def worlds(differences, n_worlds=400, n_keywords=15):
    """p of samples of keywords, one set per region."""
    rng = np.random.default_rng(1)
    return np.array(
        [welch(*summary([rng.normal(0.2 + d, 0.3, n_keywords) for d in differences])) for _ in range(n_worlds)]
    )


def test_regions_that_are_alike_are_seldom_said_to_differ():
    """5 % of the time (400 worlds of few keywords: 1.7 to 8.3)."""
    assert 0.017 <= (worlds([0, 0, 0, 0]) < 0.05).mean() <= 0.083


def test_regions_that_differ_are_found():
    """Correlations of 0.2 and 0.6 with a spread of 0.3 between keywords: nearly always."""
    assert (worlds([0, 0, 0.4, 0.4]) < 0.05).mean() > 0.9


def test_shapes_that_differ_are_refused():
    """One error and one count per effect."""
    with pytest.raises(ValueError, match="equally long"):
        compare([0.1, 0.2], [0.1], [10, 10])
