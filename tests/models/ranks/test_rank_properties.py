"""What every rank correlation inside lists must satisfy: displayed counts, monotone units, ties, shards, pandas."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.ranks.association import associate, within_list_spearman
from models.ranks.clusters import mean_estimate
from models.ranks.kendall import within_list_kendall
from models.ranks.lists import within_ranks
from tests.models.rank_cases import columns, ragged, reference

STATISTICS = (within_list_spearman, within_list_kendall)
METHODS = {within_list_spearman: "spearman", within_list_kendall: "kendall"}
relaxed = settings(deadline=None, max_examples=50)
lists = st.lists(st.lists(st.integers(0, 9), min_size=5, max_size=12), min_size=2, max_size=6)


def test_reference_displayed_counts(shared):
    """N2: counts as a platform displays them tie, and rho moves with them; both are computed from what is given."""
    ref = reference(shared, "N2")
    rho = {
        name: within_list_spearman(np.zeros(8, int), ref["inputs"]["position"], np.array(ref["inputs"][name], float))
        for name in ("true", "displayed")
    }
    for name, found in rho.items():
        assert -found.rho[0] == pytest.approx(ref["outputs"][f"rho_{name}"], abs=ref["tol"])
    assert abs(rho["true"].rho[0]) > abs(rho["displayed"].rho[0])


@pytest.mark.filterwarnings("ignore:An input array is constant")
@pytest.mark.parametrize("statistic", STATISTICS)
def test_equals_pandas(statistic):
    """Lists with ties and unknowns: what pandas' Series.corr gives for each group."""
    list_id, position, votes = ragged(1, lists=80)
    frame = pd.DataFrame({"height": -position, "votes": votes}).groupby(list_id)
    theirs = [group["height"].corr(group["votes"], METHODS[statistic], min_periods=5) for _, group in frame]
    np.testing.assert_allclose(statistic(list_id, position, votes).rho, theirs, atol=1e-12)


@pytest.mark.parametrize("descending", [False, True])
def test_ranks_equal_pandas(descending):
    """Average ranks of rows within lists, centred, in the order of the rows."""
    list_id, position, _ = ragged(2, unknown=0.0)
    x = -position if descending else position
    theirs = pd.Series(x).groupby(list_id)
    start = np.flatnonzero(np.diff(list_id, prepend=-1))
    expected = theirs.rank() - (theirs.transform("size") + 1) / 2
    np.testing.assert_allclose(within_ranks(start, x), expected, atol=1e-12)


@pytest.mark.parametrize("statistic", STATISTICS)
@relaxed
@given(votes_by_list=lists)
def test_monotone_units_and_winsorised_tails_change_nothing(statistic, votes_by_list):
    """P1: votes, their logarithms, and votes whose largest is cut without making a tie have the same correlation."""
    list_id, position, votes = columns(votes_by_list)
    plain = statistic(list_id, position, votes).rho
    np.testing.assert_array_equal(statistic(list_id, position, np.log1p(votes)).rho, plain)
    long_tailed = np.where(votes == votes.max(), 10**6, votes)
    np.testing.assert_array_equal(statistic(list_id, position, long_tailed).rho, plain)


@pytest.mark.parametrize("statistic", STATISTICS)
@relaxed
@given(votes_by_list=lists)
def test_swapping_tied_rows_changes_nothing(statistic, votes_by_list):
    """P1: two pages of one list with equal votes may change places in the table, the list stays what it is."""
    list_id, position, votes = columns(votes_by_list)
    other = position.copy()
    for i in np.unique(list_id):
        rows = np.flatnonzero(list_id == i)
        tied = rows[votes[rows] == votes[rows[0]]]
        other[tied] = position[tied[::-1]]
    np.testing.assert_array_equal(statistic(list_id, other, votes).rho, statistic(list_id, position, votes).rho)


@pytest.mark.parametrize("statistic", STATISTICS)
def test_order_of_keywords_and_shards_do_not_matter(statistic):
    """P1: lists under other numbers, or computed in two halves, have the same correlations to the last bit."""
    list_id, position, votes = ragged(3)
    plain = statistic(list_id, position, votes).rho
    np.testing.assert_array_equal(statistic(list_id.max() - list_id, position, votes).rho[::-1], plain)
    half = list_id < 50
    parts = [statistic(list_id[rows], position[rows], votes[rows]).rho for rows in (half, ~half)]
    np.testing.assert_array_equal(np.concatenate(parts), plain)


def test_every_keyword_twice_divides_the_error():
    """P1: the same mean; sd / sqrt(L) falls by sqrt(2), but for (L - 1) in the place of L."""
    list_id, position, votes = ragged(4)
    rho = within_list_spearman(list_id, position, votes).rho
    rho = rho[~np.isnan(rho)]
    once, twice = (mean_estimate(x, np.arange(x.size)) for x in (rho, np.r_[rho, rho]))
    assert twice.value == pytest.approx(once.value, abs=1e-12)
    assert twice.se == pytest.approx(once.se * np.sqrt((rho.size - 1) / (2 * rho.size - 1)), rel=1e-12)


def test_the_analytic_error_is_the_bootstraps():
    """Over many keywords the interval of associate is the mean +- 1.96 sd / sqrt(L), up to the noise of its draws."""
    rng = np.random.default_rng(5)
    list_id, position, votes = columns(rng.integers(0, 30, (400, 10)))
    rho = within_list_spearman(list_id, position, votes).rho
    found = associate(list_id, list_id, position, votes, 10, draws=4000)
    normal = mean_estimate(rho, np.arange(400)).normal
    np.testing.assert_allclose([found.ci_low, found.ci_high], normal, atol=0.06 * (normal[1] - normal[0]))
