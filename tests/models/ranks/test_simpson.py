"""Pooled beside within-list correlation: reference cases, and what is said of them."""

import numpy as np
import pytest

from models.ranks.simpson import pooled_and_within
from tests.models.rank_cases import columns, ragged, reference, reference_lists


def test_reference_pooling_is_another_number(shared):
    """B2: the lists of B1 thrown together."""
    ref = reference(shared, "B2")
    found = pooled_and_within(*reference_lists(reference(shared, "B1")["inputs"]), min_pairs=2)
    assert -found.pooled == pytest.approx(ref["outputs"]["pooled_spearman"], abs=ref["tol"])
    assert -found.within == pytest.approx(ref["outputs"]["mean_per_keyword"], abs=ref["tol"])
    assert not found.is_reversed
    assert "Only the first compares pages that compete" in found.in_words


def test_reference_reversal(shared):
    """B3: every list says +1, all thrown together say -0.52, and the words say so."""
    ref = reference(shared, "B3")
    found = pooled_and_within(*reference_lists(ref["inputs"]), min_pairs=2)
    assert -found.within == ref["outputs"]["mean"]
    assert -found.pooled == pytest.approx(ref["outputs"]["pooled_spearman"], abs=ref["tol"])
    assert found.is_reversed
    assert found.in_words.startswith("Correlation is +1.00 inside lists, -0.52 with all lists thrown together: pooling")


def test_one_list_is_both():
    """A single list has one number; rows in any order and unknown rows change nothing."""
    list_id, position, votes = ragged(1, lists=1)
    votes[0] = np.nan
    found = pooled_and_within(list_id, position, votes)
    assert found.pooled == found.within
    known = ~np.isnan(votes)
    assert pooled_and_within(list_id[known][::-1], position[known][::-1], votes[known][::-1]) == found


def test_votes_that_only_tell_lists_apart():
    """Counts that are the same on all pages of a list say nothing inside lists, whatever pooling says."""
    list_id, position, votes = columns([[1] * 5, [2] * 6])
    position[5:] += 5
    found = pooled_and_within(list_id, position, votes)
    assert found.pooled < 0
    assert np.isnan(found.within)
    assert found.n_lists == 0
    assert not found.is_reversed
    assert "cannot be compared" in found.in_words
    assert np.isnan(pooled_and_within([], [], []).pooled)
