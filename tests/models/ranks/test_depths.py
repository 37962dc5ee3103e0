"""Mean rho at two depths of the same lists: by hand, pairing, and coverage."""

import numpy as np
import pytest

from models.ranks.association import associate
from models.ranks.depths import DepthDifference, depth_differences
from tests.models.rank_cases import columns, domain_world


def votes_that_agree_below(rng, lists, size, from_place):
    """Random votes down to a place, and from there votes that fall with position."""
    votes = rng.integers(10, 99, (lists, size)).astype(float)
    votes[:, from_place:] = np.arange(size - from_place, 0, -1)
    return columns(votes)


def test_by_hand():
    """Two lists: within 3 results rho -1 and 1, within 6 rho 26/35 and 1, so the mean difference is 0.871."""
    list_id, position, votes = columns([[7, 8, 9, 3, 2, 1], [6, 5, 4, 3, 2, 1]])
    (found,) = depth_differences(list_id, list_id, position, votes, (3, 6), min_pairs=3)
    first = 1 - 6 * 8 / (6 * 35)
    assert found.mean_difference == pytest.approx((first + 1) / 2)
    assert (found.ci_low, found.ci_high) == pytest.approx((0.0, first + 1))
    assert (found.shallow, found.deep, found.n_lists, found.n_skipped, found.n_keywords) == (3, 6, 2, 0, 2)


def test_lists_that_end_early_take_no_part():
    """A list without known votes beyond the shallower depth says nothing about depth; one without a rho is skipped."""
    list_id, position, votes = columns(
        [[3, 2, 1], [3, 2, 1, np.nan], [1, 1, 1, 0], [1, np.nan, np.nan, 0], [1, 2, 3, 9]]
    )
    (found,) = depth_differences(list_id, list_id, position, votes, (3, 4), min_pairs=3)
    assert (found.n_lists, found.n_skipped) == (1, 2)
    assert found.mean_difference == 0.0
    assert np.isnan(found.ci_low)
    assert "Too few" in found.in_words


def test_difference_is_that_of_associations_where_all_lists_are_whole():
    """With lists of full length the mean difference is the difference of the two means."""
    list_id, position, votes = columns(np.random.default_rng(1).integers(0, 50, (80, 30)))
    means = [associate(list_id, list_id, position, votes, depth).mean_rho for depth in (10, 20, 30)]
    found = depth_differences(list_id, list_id, position, votes, (10, 20, 30))
    np.testing.assert_allclose([x.mean_difference for x in found], np.diff(means), atol=1e-12)


@pytest.mark.parametrize("with_domains", [False, True])
def test_a_clear_difference_is_stated(with_domains):
    """Votes that follow position only below the tenth place: more association in deeper lists, in words; and less."""
    rng = np.random.default_rng(2)
    list_id, position, votes = votes_that_agree_below(rng, 200, 20, 10)
    domain = rng.integers(0, 300, list_id.size) if with_domains else None
    (more,) = depth_differences(list_id, list_id, position, votes, (10, 20), domain_id=domain)
    (less,) = depth_differences(list_id, list_id, position, -votes, (10, 20), domain_id=domain)
    assert more.ci_low > 0.3
    assert more.in_words == "Votes go with position more within the first 20 results than within the first 10."
    assert less.ci_high < -0.3
    assert less.in_words == "Votes go with position less within the first 20 results than within the first 10."


def test_pairing_narrows_the_interval():
    """Lists share their best results at both depths, so the difference is known better than from two samples."""
    rng = np.random.default_rng(3)
    height = -np.arange(40.0) / 10 + rng.normal(0, 1, (300, 40)) + rng.normal(0, 3, (300, 1)) * np.arange(40) / 40
    data = columns(np.floor(np.exp(height)))
    paired = depth_differences(data[0], *data, (20, 40))[0]
    one, two = (associate(data[0], *data, depth) for depth in (20, 40))
    unpaired = np.hypot(one.ci_high - one.ci_low, two.ci_high - two.ci_low)
    assert paired.ci_high - paired.ci_low < 0.8 * unpaired


def test_domains_of_their_own_give_the_interval_of_keywords():
    """If no domain stands in two lists, the two-way interval is the bootstrap's up to draw noise."""
    data = columns(np.random.default_rng(4).integers(0, 50, (300, 20)))
    (plain,) = depth_differences(data[0], *data, (10, 20), draws=4000)
    (both,) = depth_differences(data[0], *data, (10, 20), domain_id=data[0])
    width = plain.ci_high - plain.ci_low
    np.testing.assert_allclose([both.ci_low, both.ci_high], [plain.ci_low, plain.ci_high], atol=0.06 * width)


def test_no_difference_is_covered_under_domain_effects():
    """Nothing at either depth, strong domain effects: the interval holds 0 in 88 to 99 % of 100 worlds."""
    rng, held = np.random.default_rng(5), []
    for _ in range(100):
        keyword, domain, position, votes = domain_world(rng, 100, 20, 400, 0.5)
        (found,) = depth_differences(keyword, keyword, position, votes, (10, 20), domain_id=domain)
        held.append(found.ci_low <= 0 <= found.ci_high)
    assert 0.88 <= np.mean(held) <= 0.99


def test_depths_must_grow():
    """Depths out of order are an error; no rows give NaN, not an exception."""
    with pytest.raises(ValueError, match="grow"):
        depth_differences([], [], [], [], (20, 10))
    found = depth_differences([], [], [], [])
    assert [(x.shallow, x.deep) for x in found] == [(10, 20), (20, 30), (30, 50)]
    assert all(isinstance(x, DepthDifference) and np.isnan(x.mean_difference) and x.n_lists == 0 for x in found)


def test_an_unclear_difference_is_said_to_be_one():
    """An interval that holds 0 allows neither more nor less."""
    votes = np.random.default_rng(6).integers(0, 50, (30, 20))
    data = columns([*votes, *-votes])
    (found,) = depth_differences(data[0], *data, (10, 20))
    assert found.ci_low < 0 < found.ci_high
    assert "no clearly more and no clearly less" in found.in_words
