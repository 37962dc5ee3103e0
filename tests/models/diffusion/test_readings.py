"""Votes at an age: by hand, against numpy's interpolation, and by properties."""

from __future__ import annotations

import numpy as np
import pytest

from models.diffusion.readings import Readings

NAN = float("nan")


def of_posts(*posts):
    """Readings of posts written as lists of (age, votes)."""
    rows = [(n, age, votes) for n, post in enumerate(posts) for age, votes in post]
    post, age, votes = (np.array(column) for column in zip(*rows, strict=True)) if rows else (np.zeros(0),) * 3
    return Readings(post.astype(np.int64), age.astype(float), votes.astype(float), len(posts))


def test_votes_at_an_age_by_hand():
    """Half way between two readings stands half of the growth; before the first, the way from 0 at publication."""
    found = of_posts([(1, 10), (3, 30)], [(4, 8)], [], [(2, 5)])
    np.testing.assert_allclose(found.at_age(2, 9), [20, 4, NAN, 5])
    np.testing.assert_allclose(found.at_age(0, 9), [0, 0, NAN, 0])
    np.testing.assert_allclose(found.at_age(3, 9), [30, 6, NAN, NAN])


def test_what_is_far_from_any_reading_is_unknown():
    """A gap wider than asked for, and an age after the last reading, have no number."""
    found = of_posts([(1, 10), (3, 30)], [(4, 8)])
    np.testing.assert_allclose(found.at_age(2, 2), [20, NAN])
    np.testing.assert_allclose(found.at_age(3.5, 9), [NAN, 7])


def test_each_post_at_its_own_age():
    """Ages may differ by post; an unknown age has unknown votes."""
    found = of_posts([(1, 10), (3, 30)], [(2, 8)], [(2, 8)])
    np.testing.assert_allclose(found.at_age([1, 1, NAN], 9), [10, 4, NAN])


def test_first_and_last_readings_and_resets():
    """A post without readings has none; a fall by more than a tenth and more than five is a recount."""
    found = of_posts([(1, 100), (2, 94)], [], [(0.5, 100), (1, 89)], [(1, 5), (2, 1)], [(1, 90), (2, 100)])
    np.testing.assert_allclose(found.first_age, [1, NAN, 0.5, 1, 1])
    np.testing.assert_allclose(found.last_age, [2, NAN, 1, 2, 2])
    np.testing.assert_allclose(found.last_votes, [94, NAN, 89, 1, 100])
    assert found.is_reset.tolist() == [False, False, True, False, False]


def test_when_votes_were_reached_by_hand():
    """The first time counts, on the line between the readings around it; never reached is unknown."""
    found = of_posts([(1, 10), (3, 30), (4, 10), (5, 40)], [(2, 8)], [(1, 3)], [])
    age, gap = found.age_at(np.array([20.0, 4.0, 9.0, 1.0]))
    np.testing.assert_allclose(age, [2, 1, NAN, NAN])
    np.testing.assert_allclose(gap, [2, 2, NAN, NAN])


def test_equals_numpys_interpolation():
    """On many posts of growing counts, both directions equal numpy.interp with (0, 0) in front."""
    rng = np.random.default_rng(1)
    posts = [
        list(zip(np.sort(rng.uniform(0.1, 20, n)), np.cumsum(rng.integers(1, 9, n)), strict=True))
        for n in rng.integers(1, 12, 200)
    ]
    found, asked = of_posts(*posts), rng.uniform(0, 15, 200)
    lines = [np.array([(0, 0), *post]).T for post in posts]
    expected = [np.interp(a, *line) if a <= line[0][-1] else NAN for a, line in zip(asked, lines, strict=True)]
    np.testing.assert_allclose(found.at_age(asked, np.inf), expected, rtol=1e-6)
    half = np.array([line[1][-1] / 2 for line in lines])
    back = [np.interp(h, line[1], line[0]) for h, line in zip(half, lines, strict=True)]
    np.testing.assert_allclose(found.age_at(half)[0], back, rtol=1e-6)


def test_the_future_does_not_change_the_past():
    """Later readings of a post move nothing at ages before them."""
    before, after = of_posts([(1, 10), (3, 30)]), of_posts([(1, 10), (3, 30), (4, 5), (9, 900)])
    for age in (0.5, 1, 2, 3):
        assert before.at_age(age, 9) == after.at_age(age, 9)


def test_impossible_readings_are_refused():
    """Readings before publication, out of order, unknown or of unequal length are named."""
    for rows, words in (([(-1, 1)], "ages start"), ([(1, NAN)], "known"), ([(2, 1), (1, 2)], "order")):
        with pytest.raises(ValueError, match=words):
            of_posts(rows)
    with pytest.raises(ValueError, match="equally long"):
        Readings(np.zeros(1, int), np.zeros(2), np.zeros(1), 1)
