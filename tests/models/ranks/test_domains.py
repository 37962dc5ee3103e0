"""The mean rho clustered by keyword and domain: its influences, and the size of its test in simulated worlds."""

from dataclasses import replace

import numpy as np
import pytest

from models.ranks.association import Association, associate, spearman_of, within_list_spearman
from models.ranks.clusters import clustered_variance
from models.ranks.domains import mean_influence, unit_ranks
from models.ranks.lists import by_list
from tests.models.rank_cases import columns, domain_world, ragged

SIZES = {0.0: (0.01, 0.10), 0.5: (0.01, 0.13)}  # share of worlds that reject at 5 %, by domain effect


def test_influences_of_a_list_are_its_distance_from_the_mean():
    """Summed by list, influences are (rho_l - mean) / L, so clustering by list gives back the error of the means."""
    ids, p, s = by_list(*ragged(1))
    rho = spearman_of(ids, p, s, 5).rho
    influence = mean_influence(ids, p, s, rho)
    known, lists = ~np.isnan(rho), np.bincount(ids, weights=np.nan_to_num(influence))
    np.testing.assert_allclose(lists[known], (rho[known] - rho[known].mean()) / known.sum(), atol=1e-15)
    used = ~np.isnan(influence)
    variance = clustered_variance(influence[used][:, None], ids[used])[0]
    assert variance == pytest.approx(rho[known].var(ddof=1) / known.sum(), rel=1e-12)


def test_rows_that_take_no_part_have_no_influence():
    """Unknown votes and lists without a rho are NaN, not 0."""
    ids, p, s = columns([[3, 1, np.nan, 2], [4, 4, 4, 4], [1, 2]])
    influence = mean_influence(ids, p, s, spearman_of(ids, p, s, 3).rho)
    np.testing.assert_array_equal(np.isnan(influence), [0, 0, 1, 0, 1, 1, 1, 1, 1, 1])


def test_influence_is_the_derivative_of_rho():
    """Weighing a row by 1 + h moves the weighted correlation of a list's ranks by h times the row's influence."""
    rng, h = np.random.default_rng(2), 1e-6
    ids, p, s = np.zeros(12, int), np.arange(1.0, 13), rng.integers(0, 6, 12).astype(float)
    influence = mean_influence(ids, p, s, spearman_of(ids, p, s, 5).rho)
    ranks = np.stack([unit_ranks(ids, -p), unit_ranks(ids, s)])
    for row in range(12):
        covariance = np.cov(ranks, aweights=1 + h * (np.arange(12) == row), ddof=0)
        moved = covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])
        assert (moved - ranks[0] @ ranks[1]) / h == pytest.approx(influence[row], abs=1e-5)


def test_domains_leave_everything_but_the_interval():
    """With domains only the interval changes, and the number of those that take part is told."""
    list_id, position, votes = ragged(3)
    domain = np.random.default_rng(3).integers(0, 30, list_id.size)
    plain, both = (associate(list_id, list_id // 2, position, votes, 20, domain_id=d) for d in (None, domain))
    assert plain.n_domains is None
    assert both.n_domains == 30
    assert replace(both, ci_low=plain.ci_low, ci_high=plain.ci_high, n_domains=None) == plain
    assert both.ci_low < both.mean_rho < both.ci_high


def test_domains_of_their_own_give_the_interval_of_keywords():
    """If no domain stands in two lists, the two-way error is that of the lists: sd / sqrt(L), with t."""
    rng = np.random.default_rng(4)
    list_id, position, votes = columns(rng.integers(0, 9, (60, 10)))
    rho = within_list_spearman(list_id, position, votes).rho
    found = associate(list_id, list_id, position, votes, 10, domain_id=list_id)
    half = 2.0009953780882688 * rho.std(ddof=1) / np.sqrt(60)  # t of 59 degrees of freedom at 97.5 %
    np.testing.assert_allclose([found.ci_low, found.ci_high], [rho.mean() - half, rho.mean() + half], atol=1e-9)


def test_row_order_changes_nothing():
    """Rows may come in any order, ids may be any numbers."""
    list_id, position, votes = ragged(5)
    domain = np.random.default_rng(5).integers(0, 30, list_id.size)
    order = np.random.default_rng(6).permutation(list_id.size)
    plain = associate(list_id, list_id // 2, position, votes, 20, domain_id=domain)
    mixed = associate(
        list_id[order], list_id[order] // 2, position[order], votes[order], 20, domain_id=10**12 + domain[order]
    )
    np.testing.assert_allclose(list(vars(mixed).values()), list(vars(plain).values()), rtol=1e-12)


def test_one_domain_or_no_rows_have_no_interval():
    """One domain says nothing about others."""
    list_id, position, votes = columns([[5, 4, 3, 2, 1], [1, 2, 3, 4, 5]])
    one = associate(list_id, list_id, position, votes, 10, domain_id=np.zeros_like(list_id))
    assert (one.mean_rho, one.n_domains) == (0.0, 1)
    assert np.isnan([one.ci_low, one.ci_high]).all()
    nothing = associate([], [], [], [], 10, domain_id=[])
    assert isinstance(nothing, Association)
    assert np.isnan([nothing.mean_rho, nothing.ci_low]).all()


def test_domains_must_fit():
    """Domains are integers, one per row."""
    list_id, position, votes = columns([[5, 4, 3, 2, 1]])
    with pytest.raises(ValueError, match="list_id, cluster_id and domain_id must be integers"):
        associate(list_id, list_id, position, votes, 10, domain_id=votes)
    with pytest.raises(ValueError, match="equally long"):
        associate(list_id, list_id, position, votes, 10, domain_id=[1])


@pytest.mark.parametrize("share", SIZES)
def test_size_of_the_test_under_domain_effects(share):
    """No association, 120 keywords, 400 domains: the two-way test keeps its size, with domain effects or without.

    Of 200 worlds a true 5 % gives 2 to 8 % and the 7 to 8 % that few large domains cost 3.5 to 12 %. With domain
    effects the interval over keywords alone rejects in more than a quarter of all worlds.
    """
    rng, rejected = np.random.default_rng(7), []
    for _ in range(200):
        keyword, domain, position, votes = domain_world(rng, 120, 20, 400, share)
        rho = within_list_spearman(keyword, position, votes).rho
        both = associate(keyword, keyword, position, votes, 20, domain_id=domain)
        alone = abs(rho.mean()) > 1.98 * rho.std(ddof=1) / np.sqrt(120)
        rejected.append((both.ci_low > 0 or both.ci_high < 0, alone))
    size, size_of_keywords_alone = np.mean(rejected, axis=0)
    low, high = SIZES[share]
    assert low <= size <= high
    assert share == 0 or size_of_keywords_alone > 0.25
