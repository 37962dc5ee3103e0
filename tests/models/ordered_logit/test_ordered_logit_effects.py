"""Plain-word effects of the rank-ordered logit: against enumeration, by hand, and by properties."""

import json
from itertools import permutations

import numpy as np
import pytest

from models.ordered_logit.effects import PlacesGained, expected_position, odds_sentence, places_gained, places_sentence
from models.ordered_logit.fit import Block, fit


@pytest.fixture(scope="module")
def fitted():
    """A fit on 60 lists of 5 to 14 with its block."""
    rng = np.random.default_rng(0)
    ids = np.repeat(np.arange(60), rng.integers(5, 15, 60))
    x = rng.normal(size=(ids.size, 2))
    order = np.lexsort((-(x @ [0.5, -0.3] + rng.gumbel(size=ids.size)), ids))
    position = np.empty(ids.size)
    position[order] = np.concatenate([np.arange(1.0, n + 1) for n in np.bincount(ids)])
    block = Block(ids, position, x)
    return fit(block, names=["saves", "links"]), block


def test_expected_positions_equal_enumeration(shared):
    """D5: E[position] of five rows is that of the 120 orders, and so are small lists beside each other."""
    cases = json.loads((shared / "data/reference/statistics.json").read_text(encoding="utf-8"))["cases"]
    case = next(c for c in cases if c["id"] == "D5")
    eta = np.asarray(case["inputs"]["eta"])
    np.testing.assert_allclose(expected_position(eta), case["outputs"]["expected_position"], atol=1e-12)
    twice = expected_position(np.concatenate((eta, eta[::-1])), [7] * 5 + [3] * 5)
    np.testing.assert_allclose(twice[5:][::-1], case["outputs"]["expected_position"], atol=1e-12)


def test_expected_positions_are_means_over_orders():
    """Against our own enumeration of 4! orders, rows of two lists mixed."""
    eta = np.array([0.3, -1.0, 2.0, 0.1])
    weight, expected = np.exp(eta), np.zeros(4)
    for order in map(list, permutations(range(4))):
        chance = np.prod([weight[order[i]] / weight[order[i:]].sum() for i in range(4)])
        expected[order] += chance * np.arange(1, 5)
    mixed = expected_position(np.ravel(np.column_stack((eta, eta + 5))), np.tile([1, 2], 4))
    np.testing.assert_allclose(mixed, np.repeat(expected, 2), atol=1e-12)


def test_expected_positions_of_far_apart_rows_do_not_overflow():
    """Rows thousands apart stand 1, 2, 3 for sure; a row alone stands first; unknown is refused."""
    np.testing.assert_array_equal(expected_position([-2000.0, 3000.0, 0.0]), [3, 1, 2])
    np.testing.assert_array_equal(expected_position([-2000.0, 3000.0], [1, 2]), [1, 1])
    assert expected_position([]).size == 0
    with pytest.raises(ValueError, match="not finite"):
        expected_position([0.0, np.nan])
    with pytest.raises(ValueError, match="equally long"):
        expected_position([0.0, 1.0], [1])


def test_places_gained_are_differences_of_expected_positions(fitted):
    """The median over lists of the mean over rows of E[position] now minus after a doubling, done the long way."""
    found, block = fitted
    eta, gains = block.x @ found.coef, []
    for name in np.unique(block.list_id):
        here = eta[block.list_id == name]
        raised = [expected_position(here + found.coef[0] * (np.arange(here.size) == i))[i] for i in range(here.size)]
        gains.append(np.mean(expected_position(here) - raised))
    gained = places_gained(found, "saves", block)
    assert gained.places == pytest.approx(np.median(gains), abs=1e-12)
    assert gained.low < gained.places < gained.high
    assert gained.n_lists == 60


def test_the_sign_of_places_is_that_of_the_coefficient(fitted):
    """A column that pushes pages down gains a negative number of places."""
    found, block = fitted
    assert places_gained(found, "links", block).places < 0 < places_gained(found, "saves", block).places


def test_a_sample_of_lists_is_near_all(fitted):
    """Of many lists some are taken, at even distances."""
    found, block = fitted
    some = places_gained(found, "saves", block, most_lists=20)
    assert some.n_lists == 20
    assert some.places == pytest.approx(places_gained(found, "saves", block).places, rel=0.2)


def test_lists_of_one_row_gain_nothing_that_is_known(fitted):
    """Without a rival there is no position to gain: NaN, and a sentence that says so."""
    gained = places_gained(fitted[0], "saves", Block(np.arange(3), np.ones(3), np.ones((3, 2))))
    assert np.isnan(gained.places)
    assert gained.n_lists == 0
    assert places_sentence(gained, "saves") == "no list shows what doubling saves does to a position"


def test_sentences(fitted):
    """Odds and places are said with their intervals, rounded, by the name people know."""
    found, _ = fitted
    low, high = np.exp(found.interval()[0])
    odds = np.exp(found.coef[0])
    said = odds_sentence(found, "saves")
    assert said == f"doubling saves multiplies the odds of outranking a neighbour by {odds:.2f} ({low:.2f}–{high:.2f})"
    assert odds_sentence(found, "links", label="inbound links").startswith("doubling inbound links multiplies")
    assert places_sentence(PlacesGained(0.25, 0.1, 0.4, 9), "pins") == (
        "in the median list, a page that doubles its pins while its rivals stand still is expected 0.25 places higher "
        "(0.10 to 0.40; below 0 is lower)"
    )
    with pytest.raises(ValueError, match="there is no column 'pins'; there are 'saves', 'links'"):
        odds_sentence(found, "pins")
