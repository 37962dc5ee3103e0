"""Pairs of like pages and placebo experiments: matching against the optimum, whole experiments on made histories."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from models.trials import design as experiment_design
from models.trials.design import (
    History,
    competing,
    distances,
    features,
    match,
    pair_pages,
    placebo_differences,
    placebo_starts,
    rank_enough,
)
from models.trials.experiment import Windows, changes, minimum_detectable, paired_test, spread

relaxed = settings(deadline=None, max_examples=60)
WINDOWS = Windows(14, 2, 14, 7, 7)
DEPTH = 30


def history(series, ruler=None, votes=None, topic=None, depth=DEPTH):
    """One list per page, nothing known of votes, one topic, unless said."""
    y = np.asarray(series, dtype=float)
    n = len(y)
    lists = np.arange(n) if ruler is None else np.asarray(ruler)
    known = np.full((n, y.shape[1]), np.nan) if votes is None else votes
    return History(y, np.arange(n), lists, known, np.zeros(n, int) if topic is None else np.asarray(topic), depth)


def made(seed, pages=40, days=150, drift=0.4):
    """Positions that wander slowly about the page's own level, cut at the depth."""
    rng = np.random.default_rng(seed)
    level = rng.uniform(2, DEPTH - 4, pages)
    noise = np.zeros((pages, days))
    for day in range(1, days):
        noise[:, day] = 0.95 * noise[:, day - 1] + rng.normal(0, drift * np.sqrt(level / 10), pages)
    return np.clip(level[:, None] + noise, 1, DEPTH + 1)


def optimum(d, left):
    """Lowest sum of a perfect matching of a few pages, by trying all."""
    if not left:
        return 0.0
    first, *others = left
    return min(d[first, o] + optimum(d, [x for x in others if x != o]) for o in others)


def total(d, pairs):
    """Sum of the distances of pairs."""
    return d[pairs[:, 0], pairs[:, 1]].sum()


def points(rng, n):
    """Distances between random points."""
    x = rng.normal(size=(n, 3))
    return cdist(x, x)


# --- features and distances


def test_features_by_hand():
    """Level 4, falling by 2 within the window, standard deviation 1, 9 votes, one list."""
    votes = np.array([[np.nan, 9.0, 9.0, 9.0, 500.0]])
    found = features(history([[30, 3, 3, 5, 5]], votes=votes), 5, 4)
    np.testing.assert_allclose(found, [[4, 2, np.log(2), np.log(501), np.log(2)]])
    found = features(history([[30, 3, 3, 5, 5]], votes=votes), 4, 2)
    np.testing.assert_allclose(found, [[4, 2, np.log(2), np.log(10), np.log(2)]])


def test_features_know_nothing_of_the_future():
    """What happens from the start on changes no feature."""
    y = made(1)
    later = y.copy()
    later[:, 100:] = 1.0
    np.testing.assert_array_equal(features(history(y), 100, 28), features(history(later), 100, 28))


def test_distances_are_those_of_mahalanobis(monkeypatch):
    """Without ridge and outliers: SciPy's Mahalanobis distance of the scaled features, to 1e-6."""
    monkeypatch.setattr(experiment_design, "RIDGE", 0.0)
    monkeypatch.setattr(experiment_design, "CUT", 1e9)
    x = np.random.default_rng(2).normal(size=(30, 4)) @ np.random.default_rng(3).normal(size=(4, 4))
    z = (x - np.median(x, axis=0)) / (1.4826 * np.median(np.abs(x - np.median(x, axis=0)), axis=0))
    theirs = cdist(x, x, "mahalanobis", VI=np.linalg.inv((x - np.median(x, 0)).T @ (x - np.median(x, 0)) / 30))
    assert np.isfinite(z).all()
    np.testing.assert_allclose(distances(x), theirs**2, atol=1e-6)


def test_units_do_not_matter_and_unknown_is_typical():
    """Other units give the same distances; a column of unknowns, or one that never varies, adds nothing."""
    x = np.random.default_rng(4).normal(size=(25, 3))
    np.testing.assert_allclose(distances(x * [1, 60, 1e-3] + 5), distances(x), atol=1e-8)
    idle = np.column_stack((x, np.full(25, np.nan), np.full(25, 7.0)))
    np.testing.assert_allclose(distances(idle), distances(x), atol=1e-8)


def test_one_viral_page_does_not_set_the_scale():
    """A page with a million times the votes changes the distances between the others by little."""
    x = np.random.default_rng(5).normal(size=(60, 2))
    wild = x.copy()
    wild[0, 1] = 1e6
    others = np.ix_(range(1, 60), range(1, 60))
    assert np.abs(distances(wild)[others] - distances(x)[others]).mean() < 0.25 * distances(x)[others].mean()


# --- matching


@pytest.mark.parametrize("seed", range(5))
def test_matching_is_close_to_the_optimum(seed):
    """Over 12 sets of 8 pages the sum of distances is within 5 % of the best, found by trying all 105 matchings."""
    rng = np.random.default_rng(seed)
    ours, best = 0.0, 0.0
    for _ in range(12):
        d = points(rng, 8)
        pairs = match(d, np.zeros((8, 8), bool))
        assert sorted(pairs.ravel()) == list(range(8))
        ours, best = ours + total(d, pairs), best + optimum(d, list(range(8)))
    assert best - 1e-9 <= ours <= 1.05 * best


def test_exchanges_mend_what_greed_broke():
    """On a line at 0, 10, 11, 21: greed takes 10-11 and leaves 0-21 (22); the best is 20."""
    x = np.array([[0.0], [10.0], [11.0], [21.0]])
    d = cdist(x, x)
    assert total(d, experiment_design._greedy(d + np.diag(np.full(4, np.inf)))) == 22
    assert total(d, match(d, np.zeros((4, 4), bool))) == 20


@relaxed
@given(st.integers(0, 10**6), st.integers(2, 15), st.floats(0, 0.8))
def test_pairs_are_disjoint_allowed_and_ordered(seed, n, share):
    """Nobody is in two pairs, barred pages never meet, the closest pair is first, an odd page stays alone."""
    rng = np.random.default_rng(seed)
    d, is_barred = points(rng, n), np.triu(rng.random((n, n)) < share, 1)
    is_barred |= is_barred.T
    pairs = match(d, is_barred)
    assert len(set(pairs.ravel().tolist())) == 2 * len(pairs) <= n
    assert not is_barred[pairs[:, 0], pairs[:, 1]].any()
    assert (np.diff(d[pairs[:, 0], pairs[:, 1]]) >= 0).all()
    if not is_barred.any():
        assert len(pairs) == n // 2


def test_pages_left_alone_find_partners_by_breaking_a_pair():
    """Two lists of three pages: greed may leave two pages of one list; all three pairs can be made."""
    ruler = np.array([0, 0, 0, 1, 1, 1, 2, 2])
    is_barred = ruler[:, None] == ruler
    for seed in range(30):
        assert len(match(points(np.random.default_rng(seed), 8), is_barred)) == 4


def test_many_pages_left_alone_find_partners_too():
    """Six pages of one list beside six very like each other: greed pairs those six; all six pairs can be made."""
    apart = np.r_[np.zeros(6, int), np.arange(1, 7)]
    x = np.c_[np.r_[np.linspace(5, 9, 6), np.linspace(0, 1e-3, 6)]]
    pairs = match(cdist(x, x), (apart[:, None] == 0) & (apart == 0))
    assert sorted(pairs.ravel()) == list(range(12))


def test_equal_pages_are_paired_quickly_too():
    """Four hundred pages of which none differs: everybody has a partner."""
    assert len(match(np.zeros((400, 400)), np.zeros((400, 400), bool))) == 200


def test_competitors_are_not_paired_unless_allowed():
    """Pages of one list are twins in everything but must not be a pair."""
    y = np.repeat(made(6, pages=4, days=40), 2, axis=0)
    past = history(y, ruler=np.repeat(np.arange(4), 2))
    assert competing(past)[0].tolist() == [True, True] + [False] * 6
    allowed = pair_pages(past, 40, WINDOWS, is_competing_allowed=True)
    assert sorted(map(sorted, allowed.tolist())) == [[0, 1], [2, 3], [4, 5], [6, 7]]
    kept_apart = pair_pages(past, 40, WINDOWS)
    assert len(kept_apart) == 4
    assert not (past.ruler[kept_apart[:, 0]] == past.ruler[kept_apart[:, 1]]).any()


def test_pages_of_one_topic_are_preferred():
    """Among pages about as like, the topic decides."""
    topic = np.arange(40) % 2
    pairs = pair_pages(history(made(7), topic=topic), 150, WINDOWS)
    assert np.mean(topic[pairs[:, 0]] == topic[pairs[:, 1]]) > 0.8


def test_pages_that_rank_too_rarely_are_no_candidates():
    """Six days of fourteen within the depth are too few where seven are wanted."""
    y = np.full((3, 20), DEPTH + 1.0)
    y[0, -6:], y[1, -7:], y[2] = 5, 5, np.nan
    assert rank_enough(history(y), 20, WINDOWS).tolist() == [False, True, False]


def test_histories_that_do_not_fit_are_refused():
    """Rows without a page, or pages without votes, are errors."""
    with pytest.raises(ValueError, match="one entry per row"):
        History(np.ones((2, 3)), np.array([0]), np.array([0, 1]), np.ones((2, 3)), np.zeros(2, int), 10)
    with pytest.raises(ValueError, match="must number"):
        History(np.ones((1, 3)), np.array([4]), np.array([0]), np.ones((2, 3)), np.zeros(2, int), 10)
    with pytest.raises(ValueError, match="square"):
        match(np.ones((2, 3)), np.zeros((2, 3), bool))


# --- placebo experiments


def test_placebo_windows_do_not_overlap_and_fit():
    """Starts lie a washout and an after apart; the first has its days before, the last its days after."""
    starts = placebo_starts(100, WINDOWS)
    assert starts == [84, 68, 52, 36, 20]
    assert placebo_starts(30, WINDOWS) == [14]
    assert placebo_starts(29, WINDOWS) == []


def test_placebo_differences_are_those_of_pairs_known_then():
    """With one window, the differences are of pairs matched on the days before it, and of nothing later."""
    y = made(8, days=30)
    pairs = pair_pages(history(y), 14, WINDOWS)
    change = changes(y, np.arange(40), 40, 14, WINDOWS)
    np.testing.assert_array_equal(placebo_differences(history(y), WINDOWS), change[pairs[:, 0]] - change[pairs[:, 1]])


def test_matching_makes_pairs_drift_apart_less():
    """Pages fall the faster the higher they stand: pairs of like pages differ far less than pairs by lot."""
    rng = np.random.default_rng(9)
    level = rng.uniform(1, 20, 60)
    y = level[:, None] + np.outer((20 - level) / 60, np.arange(60)) + rng.normal(0, 0.3, (60, 60))
    matched = placebo_differences(history(y, depth=50), WINDOWS)
    change = changes(y, np.arange(60), 60, 20, WINDOWS)
    assert spread(matched) < 0.5 * spread(change[:30] - change[30:])


# --- whole experiments


def experiment(seed, effect=0.0):
    """Design on the first 150 days, promote by coin, score on the last 16; returns the test and what was promised."""
    y, start = made(seed, days=166), 150
    past = history(y[:, :start])
    pairs = pair_pages(past, start, WINDOWS)
    coins = np.random.default_rng([seed, 1]).integers(0, 2, len(pairs)).astype(bool)
    promoted, others = np.where(coins[:, None], pairs[:, ::-1], pairs).T
    y[promoted, start:] -= effect
    change = changes(y, np.arange(len(y)), len(y), start, WINDOWS)
    return paired_test(change[promoted] - change[others], draws=999), past


def test_whole_experiments_without_effect_reject_as_promised():
    """Over 200 made histories in which promotion does nothing, about 5 % find something."""
    tests = [experiment(seed)[0] for seed in range(200)]
    assert 0.01 <= np.mean([t.p < 0.05 for t in tests]) <= 0.09
    assert 0.91 <= np.mean([t.low <= 0 <= t.high for t in tests]) <= 0.99


def test_whole_experiments_find_the_promised_effect_as_often_as_promised():
    """The effect that the placebos promise to find is found in about 80 % of 100 later experiments, and is covered."""
    found, held = [], []
    promise = np.median([minimum_detectable(placebo_differences(experiment(s)[1], WINDOWS), 20) for s in range(5)])
    for seed in range(200, 300):
        test, _ = experiment(seed, promise)
        found.append(test.p < 0.05 and test.estimate > 0)
        held.append(test.low <= promise <= test.high)
    assert 0.67 <= np.mean(found) <= 0.93
    assert 0.89 <= np.mean(held) <= 1.0
