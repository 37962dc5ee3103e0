"""The word for a set of posts: what is too little, what differs, and the false discovery rate over all questions."""

from __future__ import annotations

import numpy as np
import pytest

from models.best_time.design import CELLS, WEEKDAY
from models.best_time.study import MIN_POSTS, MIN_WEEKS, Study, answers, study
from tests.models.best_time.worlds import world

RNG = np.random.default_rng(31)
NULL, EFFECT = (study(*world(RNG, n=400, weeks=12, effects=e)[:3]) for e in (None, np.where(WEEKDAY >= 5, -2.0, 0.5)))


def test_an_effect_differs_and_none_does_not():
    """Both words, each with its q."""
    (nothing, _), (differs, q) = answers([NULL, EFFECT])
    assert (nothing, differs) == ("no detectable difference", "differs")
    assert q == pytest.approx(2 * EFFECT.p)


def test_what_was_not_asked_counts_for_nothing():
    """Too few data have no q, and do not make the others' larger."""
    alone, beside = answers([EFFECT]), answers(["too few", EFFECT, "too few"])
    assert beside[1] == alone[0]
    assert beside[0][0] == "not enough data"
    assert np.isnan(beside[0][1])


def test_many_questions_need_stronger_answers():
    """A p of 0.03 differs alone, and not among ten that say nothing."""
    one = Study(0.03, NULL.surface, NULL.n_cell, 400, 12)
    dull = Study(0.6, NULL.surface, NULL.n_cell, 400, 12)
    assert answers([one])[0][0] == "differs"
    assert answers([one, *[dull] * 9])[0][0] == "no detectable difference"


def test_too_little_is_said_in_words():
    """Few posts, few weeks, a domain for each post, and outcomes that are all equal each have their sentence."""
    y, hour, domain, _ = world(np.random.default_rng(32), n=60, weeks=8)
    assert f"it takes {MIN_POSTS} posts" in study(y[:49], hour[:49], domain[:49])
    assert "there is 1" in study(y[:1], hour[:1], domain[:1])
    assert "there are 0" in study([], [], [])
    assert f"it takes {MIN_WEEKS} weeks" in study(*world(np.random.default_rng(33), weeks=3)[:3])
    assert "the only one of its domain" in study(y, hour, np.arange(60))
    assert "the same for all" in study(np.ones(60), hour, domain)


def test_a_study_counts_what_it_used():
    """Posts per cell add up to the posts."""
    assert (NULL.n_posts, NULL.n_weeks) == (400, 12)
    assert (sum(NULL.n_cell), len(NULL.n_cell)) == (400, CELLS)
