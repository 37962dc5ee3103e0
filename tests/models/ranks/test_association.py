"""Within-list rank association: by hand, against scipy and the reference cases, and by properties."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from models.ranks import association
from models.ranks.association import Association, associate, spearman_rectangle, within_list_spearman

SCIPY = 1e-12  # tolerance against scipy.stats.spearmanr
REFERENCE = Path(__file__).parents[2].parent / "shared" / "data" / "reference" / "statistics.json"

relaxed = settings(deadline=None, max_examples=60)
counts = st.integers(0, 6) | st.integers(0, 10**6) | st.integers(2**31, 2**55)
lists = st.lists(st.lists(counts, min_size=1, max_size=12), min_size=1, max_size=6)


def columns(votes_by_list):
    """list_id, position 1.., votes of lists given as votes from the top down."""
    sizes = [len(votes) for votes in votes_by_list]
    position = np.concatenate([np.arange(1.0, size + 1) for size in sizes])
    return np.repeat(np.arange(len(sizes)), sizes), position, np.concatenate(votes_by_list).astype(float)


def rho_of(votes, position=None, min_pairs=2):
    """rho of a single list."""
    position = np.arange(1.0, len(votes) + 1) if position is None else position
    return within_list_spearman(np.zeros(len(votes), int), position, votes, min_pairs=min_pairs).rho[0]


def scipy_rho(position, votes):
    """The independent answer; NaN where scipy calls it undefined."""
    if np.ptp(position) == 0 or np.ptp(votes) == 0:
        return np.nan
    return spearmanr(-np.asarray(position), votes).statistic


def reference(case):
    """A reference case: inputs, outputs, tolerance."""
    if not REFERENCE.exists():
        pytest.skip("the folder `shared` with the reference cases is not beside the repository")
    return next(c for c in json.loads(REFERENCE.read_text())["cases"] if c["id"] == case)


# --- by hand


def test_more_votes_higher_up_is_plus_one():
    """The sign is that of height: the best-voted page on top gives +1, at the bottom -1."""
    assert rho_of([50, 40, 30, 20, 10]) == 1.0
    assert rho_of([10, 20, 30, 40, 50]) == -1.0


def test_ties_share_their_average_rank():
    """Votes 5 1 1 0 at positions 1-4 have ranks 4 2.5 2.5 1: rho = 4.5 / sqrt(5 x 4.5)."""
    assert rho_of([5, 1, 1, 0]) == pytest.approx(4.5 / np.sqrt(5 * 4.5), abs=1e-15)


def test_tied_positions_share_their_average_rank():
    """Positions 1 2 2 4 with votes 9 5 7 1: deviations 1.5 0 0 -1.5 and 1.5 -.5 .5 -1.5."""
    assert rho_of([9, 5, 7, 1], [1, 2, 2, 4]) == pytest.approx(4.5 / np.sqrt(4.5 * 5), abs=1e-15)


def test_unknown_votes_are_left_out_not_zero():
    """A page of unknown votes leaves its list as if it had never been there."""
    assert rho_of([5, np.nan, 3, 4, 1]) == rho_of([5, 3, 4, 1], [1, 3, 4, 5]) != rho_of([5, 0, 3, 4, 1])


def test_unknown_position_is_left_out():
    """A page that was not found within the depth has no position and takes no part."""
    assert rho_of([5, 9, 3, 4, 1], [1, np.nan, 3, 4, 5]) == rho_of([5, 3, 4, 1])


def test_short_and_constant_lists_are_skipped_and_counted():
    """Fewer known pairs than `min_pairs`, equal votes and equal positions give NaN, counted as skipped."""
    list_id = np.repeat([3, 5, 7, 9], [5, 4, 5, 5])
    position = np.r_[1:6, 1:5, 1:6, [2] * 5].astype(float)
    votes = np.r_[5:0:-1, 4:0:-1, [1] * 5, 1:6].astype(float)
    found = within_list_spearman(list_id, position, votes)
    np.testing.assert_array_equal(found.rho, [1, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(found.list_id, [3, 5, 7, 9])
    np.testing.assert_array_equal(found.n_pairs, [5, 4, 5, 5])
    assert found.n_skipped == 3


def test_a_list_without_any_known_vote_is_skipped():
    """A list of unknown votes between two known ones is kept apart from both."""
    list_id, position, votes = columns([[3, 2, 1, 5, 4], [np.nan] * 5, [1, 2, 3, 4, 5]])
    found = within_list_spearman(list_id, position, votes)
    np.testing.assert_array_equal(found.n_pairs, [5, 0, 5])
    assert np.isnan(found.rho[1])
    assert found.rho[2] == -1


@pytest.mark.parametrize("column", ["position", "votes"])
@pytest.mark.parametrize("infinite", [np.inf, -np.inf])
def test_infinite_numbers_are_refused(column, infinite):
    """Infinity is neither a count nor a position, also beyond the depth: the message names the column."""
    data = {"position": np.arange(1.0, 7), "votes": np.arange(6.0)}
    data[column][5] = infinite
    with pytest.raises(ValueError, match=f"{column} holds an infinite"):
        within_list_spearman(np.zeros(6, int), **data)
    with pytest.raises(ValueError, match=f"{column} holds an infinite"):
        associate(np.zeros(6, int), np.zeros(6, int), **data, depth=3)
    with pytest.raises(ValueError, match="finite"):
        spearman_rectangle(data["position"][None], data["votes"][None])


def test_columns_that_do_not_fit_are_refused():
    """Lengths, shapes and ids that make no sense are errors, not wrong numbers."""
    ids, x = np.zeros(5, int), np.arange(5.0)
    with pytest.raises(ValueError, match="equally long"):
        within_list_spearman(ids, x, x[:4])
    with pytest.raises(ValueError, match="integers"):
        within_list_spearman(x, x, x)
    with pytest.raises(ValueError, match="one shape"):
        spearman_rectangle(x[None], x)
    with pytest.raises(ValueError, match="one cluster"):
        associate(ids, np.array([0, 0, 1, 1, 1]), x, x, 10)


def test_nothing_gives_nothing():
    """No rows, no lists, one-page lists: empty or NaN, never an exception."""
    assert within_list_spearman([], [], []).rho.size == 0
    assert spearman_rectangle(np.empty((0, 5)), np.empty((0, 5))).size == 0
    assert np.isnan(spearman_rectangle(np.ones((2, 1)), np.ones((2, 1)))).all()
    assert np.isnan(spearman_rectangle(np.ones((2, 0)), np.ones((2, 0)))).all()
    nothing = associate([], [], [], [], 10)
    assert np.isnan([nothing.mean_rho, nothing.ci_low, nothing.ci_high]).all()
    assert (nothing.n_lists, nothing.n_skipped, nothing.n_keywords) == (0, 0, 0)


# --- against references


@pytest.mark.parametrize("kind", ["few", "counts", "huge", "real", "negative", "denormal"])
@pytest.mark.parametrize("positions", ["ascending", "shuffled", "tied", "average"])
def test_equals_scipy(kind, positions):
    """Lists of many lengths with ties on both sides agree with scipy to 1e-12, whatever the votes look like."""
    rng = np.random.default_rng(7)
    list_id, position, votes = columns([rng.integers(0, 9, m) for m in rng.integers(1, 60, 150)])
    n = votes.size
    votes = {
        "few": lambda: rng.integers(0, 3, n),
        "counts": lambda: np.floor(rng.lognormal(1, 2, n)),
        "huge": lambda: 2**53 - rng.integers(0, 20, n),
        "real": lambda: np.log1p(rng.integers(0, 40, n)),
        "negative": lambda: rng.integers(-3, 3, n) * 1.0 * rng.choice([0.0, 1.0], n),
        "denormal": lambda: rng.integers(0, 9, n) * 5e-324,
    }[kind]().astype(float)
    order = np.lexsort((rng.random(n), list_id))
    position = {
        "ascending": lambda: position,
        "shuffled": lambda: position[order],
        "tied": lambda: np.ceil(position[order] / 3),
        "average": lambda: np.round(position[order] / 3, 1),
    }[positions]()
    found = within_list_spearman(list_id, position, votes, min_pairs=2)
    expected = [scipy_rho(position[list_id == i], votes[list_id == i]) for i in found.list_id]
    np.testing.assert_allclose(found.rho, expected, atol=SCIPY, rtol=0)


def test_one_long_list_equals_scipy():
    """A list longer than a block is one block, and its sums do not overflow."""
    rng = np.random.default_rng(8)
    position, votes = rng.permutation(200_000).astype(float), np.floor(rng.lognormal(1, 2, 200_000))
    assert rho_of(votes, position) == pytest.approx(scipy_rho(position, votes), abs=SCIPY)


def test_rectangle_is_the_same_as_lists():
    """The rectangle entry point gives the very numbers of the general one, whatever the memory order."""
    rng = np.random.default_rng(9)
    votes = rng.integers(0, 30, (5000, 20)).astype(float)
    position = np.broadcast_to(np.arange(1.0, 21), votes.shape)
    general = within_list_spearman(np.repeat(np.arange(5000), 20), position.ravel(), votes.ravel()).rho
    np.testing.assert_array_equal(spearman_rectangle(position, votes), general)
    np.testing.assert_array_equal(spearman_rectangle(position, np.asfortranarray(votes)), general)


@pytest.mark.parametrize("block", [1, 50, 10**6])
def test_blocks_do_not_matter(block, monkeypatch):
    """The size of a block is a matter of speed only, for adjoining lists and for scattered ones."""
    rng = np.random.default_rng(10)
    data = columns([rng.integers(0, 9, m) for m in rng.choice([5, 5, 5, 8], 300)])
    plain = within_list_spearman(*data).rho
    monkeypatch.setattr(association, "BLOCK", block)
    np.testing.assert_array_equal(within_list_spearman(*data).rho, plain)


@pytest.mark.parametrize("case", ["A1", "A2"])
def test_reference_single_list(case):
    """A1 (ties) and A2 (none) of the reference numbers, with our sign; the short cut for ties is not used."""
    ref = reference(case)
    rho = -rho_of(np.array(ref["inputs"]["shares"], float), ref["inputs"]["position"])
    assert rho == pytest.approx(ref["outputs"]["spearman"], abs=ref["tol"])
    assert case == "A2" or abs(rho - ref["outputs"]["naive_1_minus_6d2"]) > 0.01


def test_reference_degenerate():
    """A3: constant votes and single pages are undefined, two pages are not."""
    ref = reference("A3")
    rho = {name: rho_of(np.array(votes, float), position) for name, (position, votes) in ref["inputs"].items()}
    assert np.isnan([rho["constant"], rho["n1"]]).all()
    assert -rho["n2"] == ref["outputs"]["n2"]


@pytest.mark.parametrize("case", ["B1", "B3"])
def test_reference_mean_over_lists(case):
    """B1 and B3: every list's rho, their plain mean, and the number of lists that gave none."""
    ref, names = reference(case), [*reference(case)["inputs"]]
    lists_in = [ref["inputs"][name] for name in names]
    list_id = np.repeat(np.arange(len(names)), [len(x["shares"]) for x in lists_in])
    position, votes = (np.concatenate([x[key] for x in lists_in]).astype(float) for key in ("position", "shares"))
    found = within_list_spearman(list_id, position, votes, min_pairs=2)
    expected = ref["outputs"].get("per_keyword") or [*ref["outputs"]["rho"].values()]
    np.testing.assert_allclose(-found.rho, np.array(expected, float), atol=ref["tol"])
    result = associate(list_id, list_id, position, votes, 10, min_pairs=2)
    assert -result.mean_rho == pytest.approx(ref["outputs"]["mean"], abs=ref["tol"])
    assert result.n_skipped == ref["outputs"].get("n_dropped_constant", 0)
    assert result.n_lists == result.n_keywords == ref["outputs"].get("n_keywords_used", 2)


def test_reference_pooling_is_another_number():
    """B2: all lists thrown into one reproduce the pooled value, which is not the mean over lists."""
    lists_in, out = reference("B1")["inputs"].values(), reference("B2")["outputs"]
    position, votes = (np.concatenate([x[key] for x in lists_in]).astype(float) for key in ("position", "shares"))
    assert -rho_of(votes, position) == pytest.approx(out["pooled_spearman"], abs=reference("B2")["tol"])
    assert abs(out["pooled_spearman"] - out["mean_per_keyword"]) > 0.1


# --- properties


@relaxed
@given(lists)
def test_monotone_transform_of_votes_changes_nothing(votes_by_list):
    """Only the order of votes counts, so logarithms and other units give the same rho."""
    list_id, position, votes = columns([np.minimum(votes, 10**6) for votes in votes_by_list])
    plain = within_list_spearman(list_id, position, votes, min_pairs=2).rho
    for transformed in (np.log1p(votes), 3 * votes - 10, np.sqrt(votes) / 7):
        np.testing.assert_array_equal(within_list_spearman(list_id, position, transformed, min_pairs=2).rho, plain)


@relaxed
@given(lists)
def test_reversing_votes_flips_the_sign(votes_by_list):
    """Negated votes give exactly the negated rho, and rho stays within -1 and 1."""
    list_id, position, votes = columns(votes_by_list)
    rho = within_list_spearman(list_id, position, votes, min_pairs=2).rho
    np.testing.assert_array_equal(within_list_spearman(list_id, position, -votes, min_pairs=2).rho, -rho)
    assert np.nanmax(np.abs(rho), initial=0) <= 1


@relaxed
@given(lists, st.randoms(use_true_random=False))
def test_row_order_changes_nothing(votes_by_list, random):
    """Rows may come in any order: the results are equal to the last bit, interval included."""
    list_id, position, votes = columns(votes_by_list)
    order = np.array(random.sample(range(votes.size), votes.size))
    plain = associate(list_id, list_id // 2, position, votes, 10, min_pairs=2, draws=50)
    mixed = associate(list_id[order], list_id[order] // 2, position[order], votes[order], 10, min_pairs=2, draws=50)
    np.testing.assert_equal(vars(mixed), vars(plain))


@relaxed
@given(lists, st.integers(1, 8))
def test_a_list_of_unknown_votes_changes_only_the_skipped(votes_by_list, size):
    """Unknown is not zero: such a list is counted and touches no other number."""
    list_id, position, votes = columns(votes_by_list)
    more_id = np.r_[list_id, np.full(size, 99)]
    more_position, more_votes = np.r_[position, np.arange(1.0, size + 1)], np.r_[votes, np.full(size, np.nan)]
    plain = associate(list_id, list_id, position, votes, 10, min_pairs=2, draws=50)
    more = associate(more_id, more_id, more_position, more_votes, 10, min_pairs=2, draws=50)
    np.testing.assert_equal(vars(more), vars(plain) | {"n_skipped": plain.n_skipped + 1})


@relaxed
@given(lists, lists)
def test_other_lists_never_change_a_rho(votes_by_list, others):
    """A list's rho is its own: other lists of any length and size of counts leave it equal to the last bit."""
    alone = within_list_spearman(*columns(votes_by_list), min_pairs=2).rho
    together = within_list_spearman(*columns(votes_by_list + others), min_pairs=2).rho
    np.testing.assert_array_equal(together[: len(votes_by_list)], alone)


# --- the mean and its interval


def test_associate_by_hand():
    """Three lists with rho 1, -1 and 1 of two keywords: the mean is over lists, the interval spans the keywords."""
    list_id, position, votes = columns([[5, 4, 3, 2, 1], [1, 2, 3, 4, 5], [9, 8, 7, 6, 5], [0, 0, 0, 0, 0], [1, 2]])
    result = associate(list_id, np.array([7, 7, 8, 8, 9])[list_id], position, votes, 10)
    assert result == Association(10, 1 / 3, 0.0, 1.0, n_lists=3, n_skipped=2, n_keywords=2)


def test_depth_cuts_lists():
    """Rows below the depth take no part, and a list with no row within it is not even skipped."""
    list_id, position, votes = columns([[5, 4, 3, 2, 1, 90, 80], [1, 2, 3, 4, 5, 0, 0]])
    position[list_id == 1] += 5
    shallow = associate(list_id, list_id, position, votes, 5)
    assert (shallow.mean_rho, shallow.n_lists, shallow.n_skipped) == (1.0, 1, 0)
    middle = associate(list_id, list_id, position, votes, 7)
    assert (middle.n_lists, middle.n_skipped) == (1, 1)
    assert associate(list_id, list_id, position, votes, 20).n_lists == 2


def test_one_keyword_has_no_interval():
    """One keyword says nothing about others: its interval is unknown, not of zero width."""
    list_id, position, votes = columns([[5, 4, 3, 2, 1], [1, 2, 3, 4, 5]])
    result = associate(list_id, np.zeros_like(list_id), position, votes, 10)
    assert (result.mean_rho, result.n_keywords) == (0.0, 1)
    assert np.isnan([result.ci_low, result.ci_high]).all()


def test_lists_weigh_the_same_whatever_their_length():
    """A long list counts as much as a short one."""
    list_id, position, votes = columns([np.arange(50, 0, -1), np.arange(5)])
    assert associate(list_id, list_id, position, votes, 50).mean_rho == 0.0


def test_no_effect_is_covered():
    """Votes that mean nothing: the 95 % interval holds zero in 90 to 98 % of 300 small worlds of 40 keywords."""
    rng = np.random.default_rng(11)
    list_id = np.repeat(np.arange(80), 10)
    position = np.tile(np.arange(1.0, 11), 80)
    results = [associate(list_id, list_id // 2, position, rng.poisson(2, 800), 10, draws=400) for _ in range(300)]
    assert 0.90 <= np.mean([r.ci_low <= 0 <= r.ci_high for r in results]) <= 0.98
