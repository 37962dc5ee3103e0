"""Votes shuffled inside lists: reference cases, the exact variance, counted against drawn, and the size of tests."""

from itertools import permutations

import numpy as np
import pytest
from scipy import stats

from models.ranks.association import within_list_spearman
from models.ranks.lists import ListCorrelations
from models.ranks.permutation import null_test, permutation_test
from tests.models.rank_cases import columns, ragged, reference, reference_lists


def test_reference_exhaustive(shared):
    """L1: three lists of four, all 24^3 arrangements: statistic, one- and two-sided p, and the null's deviation."""
    ref = reference(shared, "L1")
    found, out = permutation_test(*reference_lists(ref["inputs"]), min_pairs=2), ref["outputs"]
    assert found.is_exact
    assert -found.mean_rho == pytest.approx(out["statistic_mean_rho"], abs=1e-6)
    assert found.p_better == pytest.approx(out["p_one_sided_le"], abs=1e-6)
    assert found.p == pytest.approx(out["p_two_sided_abs"], abs=1e-6)
    assert found.null_sd == pytest.approx(out["null_sd"], abs=1e-6)
    lists = within_list_spearman(*reference_lists(ref["inputs"]), min_pairs=2)
    assert null_test(lists).null_sd == pytest.approx(out["null_sd"], abs=1e-6)


def test_reference_exact_p_of_one_list(shared):
    """A2: all 40,320 arrangements of one list of eight."""
    ref = reference(shared, "A2")
    votes = np.array(ref["inputs"]["shares"], float)
    found = permutation_test(np.zeros(8, int), ref["inputs"]["position"], votes)
    assert found.is_exact
    assert found.p == pytest.approx(ref["outputs"]["p_exact_two_sided"], abs=1e-6)


@pytest.mark.parametrize("votes", [[9, 4, 4, 0, 0, 1], [0, 0, 0, 0, 7, 0], [5, 3, 1, 8, 2, 0]])
def test_variance_is_one_over_n_minus_one(votes):
    """Over all arrangements rho has mean 0 and variance 1 / (n - 1), whatever the ties."""
    arranged = np.array(list(permutations(votes)), float)
    rho = within_list_spearman(*columns(arranged)).rho
    assert rho.mean() == pytest.approx(0, abs=1e-12)
    assert rho.var() == pytest.approx(1 / 5, abs=1e-12)


def test_z_by_hand():
    """Lists of 5 and 10 with rho 1 and -0.5: z = 0.5 / sqrt(1/4 + 1/9); lists without rho count for nothing."""
    lists = ListCorrelations(np.arange(3), np.array([1.0, np.nan, -0.5]), np.array([5, 7, 10]))
    found = null_test(lists)
    assert found.z == pytest.approx(0.5 / np.sqrt(1 / 4 + 1 / 9))
    assert found.p == pytest.approx(2 * stats.norm.sf(found.z))
    assert (found.mean_rho, found.n_lists) == (0.25, 2)


def test_drawn_agrees_with_counted():
    """The same lists once counted out and once drawn: equal but for the noise of 20,000 draws."""
    list_id, position, votes = columns([[5, 3, 9, 0, 0], [1, 4, 2, 2, 0, 7], [3, 2, 1, 0, 0]])
    counted = permutation_test(list_id, position, votes)
    longer = columns([[5, 3, 9, 0, 0], [1, 4, 2, 2, 0, 7], [3, 2, 1, 0, 0], np.ones(9)])
    assert counted.is_exact
    again = permutation_test(*longer)  # a constant list beyond counting has no rho and changes nothing
    assert again == counted
    drawn = permutation_test(*columns([[5, 3, 9, 0, 0, 1, 2, 8, 4]]), draws=20_000)
    exact = np.array([5, 3, 9, 0, 0, 1, 2, 8, 4.0])
    ranks, height = stats.rankdata(exact) - 5, np.arange(4, -5, -1.0)
    sums = np.array([np.dot(height, ranks[list(x)]) for x in permutations(range(9))])
    assert not drawn.is_exact
    assert drawn.p == pytest.approx(np.mean(np.abs(sums) >= abs(height @ ranks) - 1e-9), abs=0.015)
    assert drawn.null_sd == pytest.approx(np.sqrt(1 / 8), rel=0.03)


def test_many_short_lists_are_drawn():
    """Beyond thirty lists arrangements are drawn, and p is near the one that the exact variance gives."""
    data = columns(np.random.default_rng(4).integers(0, 9, (60, 5)) + np.linspace(2, 0, 5))
    found, z = permutation_test(*data), null_test(within_list_spearman(*data))
    assert not found.is_exact
    assert found.p == pytest.approx(z.p, abs=0.03)
    assert found.null_sd == pytest.approx(z.null_sd, rel=0.06)


def test_row_order_and_unknown_rows_change_nothing():
    """Rows may come in any order and rows with NaN leave as if they had never been there, draws included."""
    list_id, position, votes = ragged(1, lists=30)
    order = np.random.default_rng(2).permutation(votes.size)
    known = ~np.isnan(votes)
    plain = permutation_test(list_id, position, votes, draws=200)
    assert permutation_test(list_id[order], position[order], votes[order], draws=200) == plain
    assert permutation_test(list_id[known], position[known], votes[known], draws=200) == plain
    assert plain.n_lists == null_test(within_list_spearman(list_id, position, votes)).n_lists


def test_p_is_never_zero_when_drawn():
    """Votes in perfect order in many lists: 1 / (1 + draws)."""
    found = permutation_test(*columns(np.tile(np.arange(20.0, 0, -1), (10, 1))), draws=99)
    assert (found.mean_rho, found.p, found.p_better) == (pytest.approx(1.0), 0.01, 0.01)


def test_both_tests_keep_their_size():
    """Votes dealt by lot with many ties, 400 worlds of 20 lists: each test rejects at 5 % in 2.5 to 8 % of them."""
    rng, p = np.random.default_rng(3), []
    for _ in range(400):
        data = columns(rng.poisson(0.7, (20, 10)))
        p.append((null_test(within_list_spearman(*data)).p, permutation_test(*data, draws=99).p))
    size = np.mean(np.array(p) <= 0.05, axis=0)
    assert size.min() >= 0.025
    assert size.max() <= 0.08


def test_nothing_gives_nothing():
    """No list with a rho: NaN, not a p of 1; bad numbers are errors."""
    for data in (([], [], []), columns([[1, 1, 1, 1, 1], [2]])):
        found, z = permutation_test(*data), null_test(within_list_spearman(*data))
        assert np.isnan([found.mean_rho, found.p, z.z, z.p]).all()
        assert found.n_lists == z.n_lists == 0
    with pytest.raises(ValueError, match="infinite"):
        permutation_test(np.zeros(2, int), [1, 2], [np.inf, 1])
    with pytest.raises(ValueError, match="draws"):
        permutation_test([0], [1], [1], draws=0)
