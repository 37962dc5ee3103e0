"""Kendall's tau-b inside lists: by hand, against scipy and the reference cases, and by properties."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau

from models.ranks import kendall
from models.ranks.kendall import in_words, partial_tau, within_list_kendall
from tests.models.rank_cases import columns, ragged, reference

SCIPY = 1e-12
relaxed = settings(deadline=None, max_examples=50)
lists = st.lists(st.lists(st.integers(0, 6), min_size=1, max_size=12), min_size=1, max_size=6)


def tau_of(votes, position=None, min_pairs=2):
    """tau of a single list."""
    position = np.arange(1.0, len(votes) + 1) if position is None else position
    return within_list_kendall(np.zeros(len(votes), int), position, votes, min_pairs=min_pairs).rho[0]


def scipy_tau(position, votes):
    """The independent answer over known rows; NaN where undefined."""
    known = ~(np.isnan(position) | np.isnan(votes))
    p, s = position[known], votes[known]
    return kendalltau(-p, s).statistic if p.size > 1 and np.ptp(p) > 0 and np.ptp(s) > 0 else np.nan


def test_more_votes_higher_up_is_plus_one():
    """The sign is that of height: the best-voted page on top gives +1, at the bottom -1."""
    assert tau_of([50, 40, 30, 20, 10]) == 1.0
    assert tau_of([10, 20, 30, 40, 50]) == -1.0


def test_ties_leave_the_denominator():
    """Votes 5 1 1 0: of 6 pairs 5 agree and one is tied in votes, so tau = 5 / sqrt(6 x 5)."""
    assert tau_of([5, 1, 1, 0]) == pytest.approx(5 / np.sqrt(30), abs=1e-15)


def test_tied_positions_leave_the_denominator():
    """Positions 1 2 2 4 with votes 9 5 7 1: 5 pairs agree, one is tied in position."""
    assert tau_of([9, 5, 7, 1], [1, 2, 2, 4]) == pytest.approx(5 / np.sqrt(30), abs=1e-15)


def test_unknown_is_left_out_and_short_lists_are_skipped():
    """A NaN leaves its list as if it had never been there; constant and short lists give NaN and are counted."""
    list_id, position, votes = columns([[5, np.nan, 3, 4, 1, 0], [4, 3, 2, 1], [2, 2, 2, 2, 2]])
    found = within_list_kendall(list_id, position, votes)
    assert found.rho[0] == tau_of([5, 3, 4, 1, 0])
    assert np.isnan(found.rho[1:]).all()
    np.testing.assert_array_equal(found.n_pairs, [5, 4, 5])
    assert found.n_skipped == 2


def test_bad_columns_are_refused():
    """Infinite numbers, lengths and ids that make no sense are errors that name the column."""
    ids, x = np.zeros(5, int), np.arange(5.0)
    with pytest.raises(ValueError, match="votes holds an infinite"):
        within_list_kendall(ids, x, np.r_[x[:4], np.inf])
    with pytest.raises(ValueError, match="list_id, position and votes must be one-dimensional and equally long"):
        within_list_kendall(ids, x, x[:4])
    with pytest.raises(ValueError, match="list_id must be integers"):
        within_list_kendall(x, x, x)


def test_nothing_gives_nothing():
    """No rows give no lists."""
    assert within_list_kendall([], [], []).rho.size == 0


@pytest.mark.parametrize("seed", [1, 2])
def test_equals_scipy(seed):
    """Lists of many lengths, ties on both sides and unknowns agree with scipy to 1e-12."""
    list_id, position, votes = ragged(seed)
    found = within_list_kendall(list_id, position, votes, min_pairs=2)
    expected = [scipy_tau(position[list_id == i], votes[list_id == i]) for i in found.list_id]
    np.testing.assert_allclose(found.rho, expected, atol=SCIPY, rtol=0)


def test_lists_from_the_top_down_equal_scipy():
    """The quicker way for lists without tied positions that stand from the top down gives scipy's numbers too."""
    rng = np.random.default_rng(3)
    list_id, position, votes = columns(rng.integers(0, 9, (50, 30)))
    expected = [scipy_tau(position[list_id == i], votes[list_id == i]) for i in range(50)]
    np.testing.assert_allclose(within_list_kendall(list_id, position, votes).rho, expected, atol=SCIPY, rtol=0)


@pytest.mark.parametrize("m", [kendall.LONG, kendall.LONG + 1])
def test_long_lists_equal_scipy(m):
    """Counts of the longest lists that are compared pair by pair do not overflow, and longer ones are sorted."""
    rng = np.random.default_rng(4)
    for position in (np.arange(1.0, m + 1), rng.integers(1, 50, m).astype(float)):
        for votes in (np.arange(m, 0, -1.0), rng.integers(0, 50, m).astype(float), np.ones(m)):
            np.testing.assert_allclose(tau_of(votes, position), scipy_tau(position, votes), atol=SCIPY, rtol=0)


@pytest.mark.parametrize("block", [1, 50])
def test_blocks_do_not_matter(block, monkeypatch):
    """The size of a block is a matter of speed only."""
    data = ragged(5)
    plain = within_list_kendall(*data).rho
    monkeypatch.setattr(kendall, "BLOCK", block)
    np.testing.assert_array_equal(within_list_kendall(*data).rho, plain)


@pytest.mark.parametrize(("case", "name"), [("A1", "kendall_tau_b"), ("A2", "kendall")])
def test_reference_single_list(case, name, shared):
    """A1 (ties) and A2 (none) of the reference numbers, with our sign."""
    ref = reference(shared, case)
    tau = tau_of(np.array(ref["inputs"]["shares"], float), ref["inputs"]["position"])
    assert -tau == pytest.approx(ref["outputs"][name], abs=ref["tol"])


def test_reference_degenerate(shared):
    """A3: constant votes and single pages are undefined, two pages are not."""
    tau = {k: tau_of(np.array(s, float), p) for k, (p, s) in reference(shared, "A3")["inputs"].items()}
    assert np.isnan([tau["constant"], tau["n1"]]).all()
    assert tau["n2"] == 1.0


def test_reference_partial(shared):
    """C1: tau of position and votes given links in the first list, from the three plain ones and from the data."""
    out, serp = reference(shared, "C1")["outputs"]["kendall_partial_kw0"], reference(shared, "DATA_serp")["inputs"]
    first = np.array(serp["kw"]) == 0
    pos, votes, links = (np.array(serp[name], float)[first] for name in ("pos", "shares", "links"))
    plain = tau_of(votes, pos), tau_of(links, pos), tau_of(votes, -links)
    np.testing.assert_allclose(plain, [-out["pos_shares"], -out["pos_links"], out["shares_links"]], atol=1e-6)
    assert -partial_tau(*plain) == pytest.approx(out["partial"], abs=1e-6)


def test_partial_of_a_perfect_control_is_unknown():
    """A control that orders pages as votes do leaves nothing to correlate; one of no relation changes nothing."""
    np.testing.assert_array_equal(partial_tau([0.5, 0.5], [0.5, 0.0], [1.0, 0.0]), [np.nan, 0.5])


@relaxed
@given(lists, st.randoms(use_true_random=False))
def test_row_order_and_monotone_votes_change_nothing(votes_by_list, random):
    """Only the order of votes counts, and rows may come in any order."""
    list_id, position, votes = columns(votes_by_list)
    plain = within_list_kendall(list_id, position, votes, min_pairs=2).rho
    order = np.array(random.sample(range(votes.size), votes.size))
    mixed = within_list_kendall(list_id[order], position[order], np.log1p(votes[order]), min_pairs=2).rho
    np.testing.assert_array_equal(mixed, plain)


@relaxed
@given(lists)
def test_reversing_votes_flips_the_sign(votes_by_list):
    """Negated votes give exactly the negated tau, which stays within -1 and 1."""
    list_id, position, votes = columns(votes_by_list)
    tau = within_list_kendall(list_id, position, votes, min_pairs=2).rho
    np.testing.assert_array_equal(within_list_kendall(list_id, position, -votes, min_pairs=2).rho, -tau)
    assert np.nanmax(np.abs(tau), initial=0) <= 1 + 1e-15


def test_the_sentence_counts_pairs():
    """Without ties, the sentence's number is the share of pairs in which the better-voted page is the higher one."""
    votes = np.array([5.0, 1, 4, 2, 3])
    agree = sum(votes[i] > votes[j] for i in range(5) for j in range(i + 1, 5))
    assert agree == 6
    assert in_words(tau_of(votes), "saves") == (
        "Take two results of one page: the one with more saves is the higher one in 60 of 100 pairs."
    )
    assert (
        in_words(0.14) == "Take two results of one page: the one with more votes is the higher one in 57 of 100 pairs."
    )
    assert "too few" in in_words(np.nan)
