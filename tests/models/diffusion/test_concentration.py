"""Concentration and passing on: by hand, by definition, by properties, and how often intervals hold."""

from __future__ import annotations

import numpy as np
import pytest

from models.diffusion.concentration import gini, reshare_fraction, top_share

UNKNOWN = [True, True, True]


def unknown(part):
    """Which of its numbers are unknown."""
    return np.isnan([part.value, part.low, part.high]).tolist()


def test_gini_by_hand():
    """Equal votes 0, all votes with one post 1, and (0, 1, 2, 3): mean distance 5/3 over twice the mean 1.5."""
    pages = np.arange(4)
    assert gini([2, 2, 2, 2], pages).value == pytest.approx(0)
    assert gini([0, 0, 0, 7], pages).value == pytest.approx(1)
    assert gini([0, 1, 2, 3], pages).value == pytest.approx(5 / 9)


def test_gini_equals_its_definition():
    """Half the mean difference of all pairs over the mean, ties and all."""
    x = np.random.default_rng(1).geometric(0.2, 300).astype(float)
    pairs = np.abs(x[:, None] - x[None, :]).sum() / (300 * 299)
    assert gini(x, np.arange(300)).value == pytest.approx(pairs / (2 * x.mean()))


def test_top_share_by_hand():
    """The best of ten posts with 1 .. 10 votes has 10/55; a quarter of them is two and a half posts."""
    x, pages = np.arange(1, 11), np.arange(10)
    assert top_share(x, pages, 0.1).value == pytest.approx(10 / 55)
    assert top_share(x, pages, 0.25).value == pytest.approx((10 + 9 + 8 / 2) / 55)


def test_reshare_fraction_by_hand():
    """Three posts passed on 5, 0 and 1 times: 6 of 9 acts; one that is itself a reshare is no act more: 6 of 8."""
    assert reshare_fraction([5, 0, 1], [True] * 3, [0, 1, 2]).value == pytest.approx(6 / 9)
    assert reshare_fraction([5, 0, 1], [True, False, True], [0, 1, 2]).value == pytest.approx(6 / 8)


@pytest.mark.parametrize("part", [gini([], []), gini([3], [0]), gini([0, 0], [0, 1]), top_share([1] * 9, [0] * 9, 0.1)])
def test_too_little_to_say_is_unknown(part):
    """No posts, one post, no votes, and less than one post in the top have no number, not 0."""
    assert unknown(part) == UNKNOWN
    assert unknown(reshare_fraction([], [], [])) == UNKNOWN


def test_an_interval_needs_pages_posts_and_a_value_inside():
    """One page, fewer than a hundred posts, fewer than ten in the top, or a value of 0 give no interval."""
    x = np.arange(1.0, 101.0)
    assert unknown(gini(x, np.arange(100))) == [False, False, False]
    for part in (
        gini(x, np.zeros(100)), gini(x[:99], np.arange(99)), top_share(x, np.arange(100), 0.05),
        reshare_fraction(np.zeros(30), np.ones(30), np.arange(30)),
    ):  # fmt: skip
        assert unknown(part) == [False, True, True]


def test_scale_order_and_negative_scores():
    """Twice the votes in another order change nothing; a net score below zero counts as none."""
    rng = np.random.default_rng(2)
    x, page = rng.lognormal(0, 1, 300), rng.integers(0, 60, 300)
    order = rng.permutation(300)
    for measure in (gini, lambda v, p: top_share(v, p, 0.1)):
        one, other = measure(x, page), measure(2 * x[order], page[order])
        np.testing.assert_allclose([one.value, one.low, one.high], [other.value, other.low, other.high])
        assert measure(x - 1, page) == measure(np.maximum(x - 1, 0), page)
        assert 0 < one.low < one.value < one.high < 1


def test_posts_of_one_page_are_not_so_many_posts():
    """Each post twice, on the same page, says no more than once."""
    x = np.random.default_rng(3).lognormal(0, 1, 200)
    once, twice = gini(x, np.arange(200)), gini(np.repeat(x, 2), np.repeat(np.arange(200), 2))
    assert twice.high - twice.low == pytest.approx(once.high - once.low, rel=0.02)


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    """Log-normal votes of spread 1, 500 posts: Gini 0.5205, top 10 % 0.3891; posts passed on once on average: 0.5."""
    rng, held = np.random.default_rng(4), []
    for _ in range(300):
        x, page = rng.lognormal(0, 1, 500), np.arange(500)
        of_page = rng.gamma(2, 0.5, 60)
        page_of_post = rng.integers(0, 60, 300)
        passed = reshare_fraction(rng.poisson(of_page[page_of_post]), np.ones(300), page_of_post)
        parts = ((gini(x, page), 0.5205), (top_share(x, page, 0.1), 0.3891), (passed, 0.5))
        held.append([part.low <= truth <= part.high for part, truth in parts])
    assert (np.mean(held, axis=0) > 0.88).all()
    assert (np.mean(held, axis=0) < 0.99).all()


def test_impossible_input_is_refused():
    """Unknown votes, unequal lengths and a top of nothing are named."""
    with pytest.raises(ValueError, match="known"):
        gini([1, np.nan], [0, 1])
    with pytest.raises(ValueError, match="equally long"):
        gini([1, 2], [0])
    with pytest.raises(ValueError, match="between 0 and 1"):
        top_share([1, 2], [0, 1], 1.0)
