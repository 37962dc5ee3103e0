"""The prediction benchmark: NDCG and folds by hand and against references, worlds with known answers, and honesty."""

import itertools
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.predict import prediction
from models.predict.fold import group_folds, sample_groups
from models.predict.ndcg import gain_of, ndcg
from models.predict.prediction import Prediction, benchmark

NAMES = {"base_names": ["authority"], "vote_names": ["shares"]}
relaxed = settings(deadline=None, max_examples=60)


def world(rng, keywords=150, size=10, *, of_votes=0.0, of_base=0.75, days=1, domains=60):
    """Columns of `benchmark`: positions by falling base and vote effect and Gumbel noise, anew every day."""
    lists = np.repeat(np.arange(keywords * days), size)
    base, votes = rng.normal(size=lists.size), rng.normal(size=lists.size)
    height = of_base * base + of_votes * votes + rng.gumbel(size=lists.size)
    return columns(
        lists, lists // days, rng.integers(0, domains, lists.size), height, base, np.floor(np.exp(4 + votes))
    )


def columns(lists, keyword, domain, height, base, votes):
    """Columns with the position of each row by falling height in its list."""
    order = np.lexsort((-height, lists))
    position = np.empty(lists.size)
    position[order] = np.arange(lists.size) - np.searchsorted(lists, lists) + 1.0
    return [lists, keyword, domain, position, np.reshape(base, (lists.size, -1)), np.reshape(votes, (lists.size, -1))]


@pytest.fixture(scope="module")
def found():
    """A small world in which votes matter, several days per keyword, and its result."""
    data = world(np.random.default_rng(3), keywords=60, of_votes=1.0, days=2)
    return data, benchmark(*data, **NAMES)


# --- NDCG


def test_ndcg_by_hand():
    """Gains 1 3 predicted in that order: (1 + 3 / log2 3) / (3 + 1 / log2 3); a perfect list beside it has 1."""
    wrong = (1 + 3 / np.log2(3)) / (3 + 1 / np.log2(3))
    np.testing.assert_allclose(ndcg([4, 9, 4, 9], [1, 2, 3, 0], [8, 2, 7, 1]), [wrong, 1.0], rtol=1e-15)


@pytest.mark.parametrize(("convention", "word"), [("linear", "linear"), ("exponential", "exp")])
def test_ndcg_equals_the_reference(shared, convention, word):
    """K1: both conventions of gain, at 5 and over all, to the reference's tolerance."""
    cases = json.loads((Path(shared) / "data" / "reference" / "statistics.json").read_text())["cases"]
    case = next(c for c in cases if c["id"] == "K1")
    gains, score = gain_of(case["inputs"]["relevance"], convention), case["inputs"]["score"]
    at_5 = next(v for k, v in case["outputs"].items() if k.startswith(f"ndcg5_{word}"))
    got = [ndcg(np.zeros(6, int), gains, score, depth)[0] for depth in (5, 6)]
    np.testing.assert_allclose(got, [at_5, case["outputs"][f"ndcg_all_{word}"]], atol=case["tol"])


@relaxed
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2)), min_size=1, max_size=6), st.integers(1, 7))
def test_ties_are_the_mean_over_their_orders(rows, depth):
    """Brute force: all orders of the rows that respect the scores, DCG of each, averaged; NaN without any gain."""
    gains, score = np.array(rows, dtype=float).T

    def dcg(ordered):
        return sum(g / np.log2(i + 2) for i, g in enumerate(ordered[:depth]))

    ways = [w for w in itertools.permutations(range(len(rows))) if (np.diff(score[list(w)]) <= 0).all()]
    mean = np.mean([dcg(gains[list(w)]) for w in ways])
    best = dcg(np.sort(gains)[::-1])
    expected = mean / best if best else np.nan
    np.testing.assert_allclose(ndcg(np.zeros(len(rows), int), gains, score, depth), [expected], rtol=1e-12)


def test_order_of_rows_cannot_leak():
    """Scores that are all equal give the value of chance even when rows stand in the true order."""
    gains = np.arange(20.0, 0, -1)
    chance = gains.mean() * (1 / np.log2(np.arange(2, 12))).sum()
    best = (gains[:10] / np.log2(np.arange(2, 12))).sum()
    assert ndcg(np.zeros(20, int), gains, np.ones(20))[0] == pytest.approx(chance / best, rel=1e-12)


@pytest.mark.parametrize(
    ("gain", "score"), [([-1.0], [0.0]), ([np.nan], [0.0]), ([1.0], [np.nan]), ([1.0, 2.0], [1.0])]
)
def test_bad_numbers_for_ndcg_are_refused(gain, score):
    """Negative or unknown gains, unknown scores and lengths that differ are errors."""
    with pytest.raises(ValueError, match=r"finite|equally long"):
        ndcg([1], gain, score)


# --- folds and samples


@relaxed
@given(st.lists(st.integers(-5, 20), min_size=1, max_size=80), st.integers(2, 6))
def test_folds_keep_groups_whole_and_level(group, folds):
    """No group lies in two folds, and no fold is heavier than another by more than the largest group."""
    group = np.array(group)
    fold = group_folds(group, folds)
    assert all(np.unique(fold[group == g]).size == 1 for g in np.unique(group))
    assert np.ptp(np.bincount(fold, minlength=folds)) <= np.unique(group, return_counts=True)[1].max()


def test_samples_are_of_whole_keywords_and_nested():
    """A larger limit keeps what a smaller one kept; a keyword's place hangs on its id, not on the others or on rows."""
    group = np.random.default_rng(1).integers(0, 300, 3000)
    small, large = (sample_groups(group, limit) for limit in (500, 1500))
    assert 450 < small.sum() <= 500 < large.sum() <= 1500
    assert not (small & ~large).any()
    assert not np.intersect1d(group[small], group[~small]).size
    np.testing.assert_array_equal(sample_groups(group[::-1], 500), small[::-1])
    assert not np.array_equal(sample_groups(group, 500, seed=1), small)


def test_no_model_scores_a_keyword_or_domain_it_has_met(monkeypatch):
    """Every score comes from a model that learnt without that keyword, or, by domain, without that domain."""
    met, scored = [], []

    class Watched:
        def __init__(self, booster, seen):
            self.booster, self.seen = booster, seen

        def predict(self, x, **options):
            met.append([np.intersect1d(x[:, i], self.seen[:, i]).size for i in (0, 1)])
            scored.append(len(x))
            return self.booster.predict(x, **options)

    def dataset(x, *args, **kwargs):
        made = lightgbm.Dataset(x, *args, **kwargs)
        made.seen = x
        return made

    def train(settings, data, rounds):
        return Watched(lightgbm.train(settings, data, rounds), data.seen)

    monkeypatch.setattr(prediction, "_lightgbm", lambda: SimpleNamespace(Dataset=dataset, train=train))
    data = world(np.random.default_rng(2), keywords=40, days=2)
    data[4] = np.column_stack((data[1], data[2])).astype(float)
    benchmark(*data, base_names=["keyword", "domain"], vote_names=["shares"])
    assert sum(scored) == 5 * len(data[0])  # without and with, by keyword and by domain; and the explanation
    assert all(0 in pair for pair in met)
    assert sum(keyword == 0 for keyword, _ in met) == 15
    assert sum(domain == 0 for _, domain in met) == 10


# --- worlds with a known answer


def test_votes_that_matter_improve_the_order(found):
    """With a strong effect the whole interval lies above 0, shares sum to 1, and the sentence claims no cause."""
    _, result = found
    assert result.ci_low > 0.02
    assert result.ndcg_random < result.ndcg_without < result.ndcg_with < 1
    assert result.gain == pytest.approx(result.ndcg_with - result.ndcg_without, abs=1e-12)
    assert result.gain_by_domain_fold > 0.01
    shares = dict(result.importance)
    assert list(shares) == ["authority", "shares"]
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["shares"] > 0.4
    assert (result.n_lists, result.n_keywords, result.n_skipped, result.n_left_out) == (120, 60, 0, 0)
    assert "help to predict" in result.sentence
    assert "does not say that they cause" in result.sentence


def test_shuffled_votes_gain_nothing():
    """Votes dealt out anew within lists: 0 lies in most intervals, and hardly one claims that votes help."""
    low, high = [], []
    for seed in range(8):
        rng = np.random.default_rng(100 + seed)
        data = world(rng, keywords=100, of_votes=1.0)
        data[5] = rng.permuted(data[5].reshape(100, 10), axis=1).reshape(-1, 1)
        result = benchmark(*data, **NAMES, draws=300)
        low.append(result.ci_low)
        high.append(result.ci_high)
    assert sum(a <= 0 <= b for a, b in zip(low, high, strict=True)) >= 6
    assert sum(a > 0 for a in low) <= 1


def test_memory_of_domains_is_told_apart():
    """Sixteen domains known by their count alone, good or bad at random: the gain is lost on domains never met."""
    rng = np.random.default_rng(5)
    lists = np.repeat(np.arange(300), 10)
    domain = rng.integers(0, 16, lists.size)
    height = np.tile([2.0, -2.0], 8)[rng.permutation(16)][domain] + rng.gumbel(size=lists.size)
    result = benchmark(*columns(lists, lists, domain, height, rng.normal(size=lists.size), domain), **NAMES)
    assert result.ci_low > 0.05
    assert result.gain_same_pages > 0.02
    assert result.gain_by_domain_fold < 0.01
    assert result.memorised == result.gain_same_pages - result.gain_by_domain_fold
    assert "domains never met" in result.sentence


def test_without_base_the_other_side_is_chance():
    """No base column: "without" is exactly the mean over all orders, and the sentence says so."""
    data = world(np.random.default_rng(6), of_votes=1.0, of_base=0.0)
    data[4] = np.empty((len(data[0]), 0))
    result = benchmark(*data, base_names=[], vote_names=["shares"])
    assert result.ndcg_without == result.ndcg_random
    assert result.ci_low > 0.05
    assert result.importance == (("shares", 1.0),)
    assert "against chance" in result.sentence


def test_unknown_votes_stay_unknown():
    """Where half of the votes are unknown the rest still helps, more than if the unknown were stored as 0."""
    data = world(np.random.default_rng(7), of_votes=1.5)
    hidden = np.random.default_rng(8).random(len(data[0])) < 0.5
    data[5][hidden] = np.nan
    as_zero = [*data[:5], np.nan_to_num(data[5])]
    known = benchmark(*data, **NAMES)
    assert known.ci_low > 0.02
    assert known.gain != benchmark(*as_zero, **NAMES).gain


@pytest.mark.parametrize(("depth", "convention"), [(100, "linear"), (30, "exponential")])
def test_long_lists_work(depth, convention):
    """Lists of 100 with as many steps of relevance as LightGBM's labels are told to hold."""
    data = world(np.random.default_rng(9), keywords=12, size=100, of_votes=1.0)
    result = benchmark(*data, **NAMES, depth=depth, convention=convention, draws=100)
    assert result.gain > 0.01
    assert 0 < result.ndcg_random < result.ndcg_with < 1


# --- properties and edges


def test_same_input_gives_the_same_result_in_any_order(found):
    """Repeated runs and rows in another order agree to the last bit."""
    data, result = found
    order = np.random.default_rng(4).permutation(len(data[0]))
    assert benchmark(*(x[order] for x in data), **NAMES) == result


def test_only_the_order_of_counts_matters(found):
    """Logarithms of counts change nothing but the edges of bins: trees see order only."""
    data, result = found
    other = benchmark(*data[:5], np.log(1 + data[5]), **NAMES)
    assert other.gain == pytest.approx(result.gain, abs=2e-3)


def test_row_limit_leaves_keywords_out_and_says_so(found):
    """Half of the rows: whole keywords go, and are counted."""
    data, _ = found
    result = benchmark(*data, **NAMES, max_rows=600)
    assert (result.n_keywords, result.n_lists, result.n_left_out) == (30, 60, 30)


def test_unknown_positions_and_lists_without_order_take_no_part(found):
    """A row of unknown position might as well not be there; a list all below the depth is skipped and counted."""
    data, result = found
    extra = [np.r_[x, x[:3]] for x in data]
    extra[3][-3:] = np.nan
    assert benchmark(*extra, **NAMES) == result
    deep = [x.copy() for x in data]
    deep[3][:10] += 50
    assert benchmark(*deep, **NAMES).n_skipped == 1


@pytest.mark.parametrize("rows", [0, 1, 10])
def test_one_keyword_or_none_gives_unknown(rows):
    """Nothing can be learnt from one keyword about others: NaN, not 0, and the sentence says that data lack."""
    data = [x[:rows] for x in world(np.random.default_rng(10), keywords=1)]
    result = benchmark(*data, **NAMES)
    assert np.isnan([result.gain, result.ci_low, result.ndcg_with, result.gain_by_domain_fold, result.memorised]).all()
    assert np.isnan([share for _, share in result.importance]).all()
    assert "Not enough data" in result.sentence


def test_one_domain_has_no_validation_by_domain(found):
    """Everything on one domain: the gain by keyword stands, that by domain is unknown."""
    data, result = found
    alone = benchmark(*data[:2], np.zeros_like(data[2]), *data[3:], **NAMES)
    assert alone.gain == result.gain
    assert np.isnan(alone.gain_by_domain_fold)


BAD = {
    "equally long": {0: np.zeros(3, int)},
    "integers": {2: np.zeros(20)},
    "one row per result": {4: np.zeros((19, 1))},
    "infinite": {5: np.full((20, 1), np.inf)},
    "whole numbers": {3: np.full(20, 1.5)},
    "one keyword": {1: np.arange(20)},
    "one name per column": {5: np.zeros((20, 2))},
}


@pytest.mark.parametrize("says", BAD)
def test_columns_that_do_not_fit_are_refused(says):
    """The message names what does not fit."""
    data = world(np.random.default_rng(11), keywords=2)
    for i, bad in BAD[says].items():
        data[i] = bad
    with pytest.raises(ValueError, match=says):
        benchmark(*data, **NAMES)


def test_choices_that_make_no_sense_are_refused():
    """Depths beyond the ruler, unknown conventions and nothing to compare."""
    data = world(np.random.default_rng(11), keywords=2)
    with pytest.raises(ValueError, match="between 1 and 30"):
        benchmark(*data, **NAMES, depth=31, convention="exponential")
    with pytest.raises(ValueError, match="linear or exponential"):
        benchmark(*data, **NAMES, convention="cubic")
    with pytest.raises(ValueError, match="nothing to compare"):
        benchmark(*data[:5], np.empty((20, 0)), base_names=["authority"], vote_names=[])


def test_missing_lightgbm_says_what_to_install(monkeypatch):
    """Without the package, the message names the extra."""
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(ValueError, match=r"tallyrank\[prediction\]"):
        benchmark(*world(np.random.default_rng(12), keywords=2), **NAMES)


def test_missing_openmp_says_what_to_install(monkeypatch):
    """With the package but without the system's OpenMP library, the message names that."""

    class Broken:
        def find_spec(self, name, path=None, target=None):
            if name == "lightgbm":
                raise OSError("libgomp.so.1: cannot open shared object file")

    monkeypatch.delitem(sys.modules, "lightgbm")
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    with pytest.raises(ValueError, match="install libgomp1"):
        benchmark(*world(np.random.default_rng(12), keywords=2), **NAMES)


# --- words

PLAIN = Prediction(
    10, "linear", 0.417, 0.654, 0.657, 0.0011, -0.0004, 0.0025, 0.0, 0.0, 900, 900, 0, 0, True, (("shares", 1.0),)
)
SENTENCES = {
    "by 0.001 NDCG points (0.000 … 0.003): they do not help to predict the order": {},
    "change the predicted order by −0.002 NDCG points (−0.004 … −0.001)": {
        "gain": -0.002,
        "ci_low": -0.004,
        "ci_high": -0.001,
    },
    "is not ruled out": {"ci_high": 0.007},
    "they help to predict": {"ci_low": 0.0005},
    "they are not seen to help to predict the order.": {"convention": "exponential"},
    "Not enough data to say whether votes help to predict the order: 12 keywords.": {"n_keywords": 12},
}


@pytest.mark.parametrize("words", SENTENCES)
def test_sentence_is_as_strong_as_the_interval(words):
    """Help is claimed above 0 only, no help only where a modest effect is ruled out, and little data says so."""
    assert words in replace(PLAIN, **SENTENCES[words]).sentence
