"""Sums over posts: against dense linear algebra on the same posts, and cells by hand."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from models.best_time.design import CELLS, PARTS, cells, design
from tests.models.best_time.worlds import world


def hours_since_1970(*moment):
    """Hours of a moment (year, month, day, hour)."""
    return int(datetime(*moment, tzinfo=UTC).timestamp()) // 3600


def dummies(code):
    """One column per value."""
    return (np.asarray(code)[:, None] == np.unique(code)).astype(float)


def test_cells_by_hand():
    """2026-11-16 was a Monday: its first hour is cell 0, its last cell 7, Sunday's last 55."""
    found = cells([hours_since_1970(2026, 11, 16, 0), hours_since_1970(2026, 11, 16, 23),
                   hours_since_1970(2026, 11, 22, 23), hours_since_1970(2026, 11, 18, 5)])  # fmt: skip
    assert found.tolist() == [0, PARTS - 1, CELLS - 1, 2 * PARTS + 1]


def test_sums_equal_dense_algebra():
    """Residuals, X'My, X'MX, X'MD, D'MD and degrees of freedom equal those of the projection written out."""
    y, hour, domain, cell = world(np.random.default_rng(1), n=150, weeks=5)
    found = design(y, hour, domain)
    days = hour // 24
    z = np.hstack([dummies(domain), dummies((days + 3) // 7)])
    m = np.eye(150) - z @ np.linalg.pinv(z)
    x = (cell[:, None] == np.arange(CELLS)).astype(float)
    close = {"atol": 1e-9}
    np.testing.assert_allclose(found.residual, m @ y, **close)
    np.testing.assert_allclose(found.score, x.T @ m @ y, **close)
    np.testing.assert_allclose(found.gram, x.T @ m @ x, **close)
    np.testing.assert_allclose(found.gram_days, x.T @ m @ dummies(days), **close)
    np.testing.assert_allclose(found.days_swept, dummies(days).T @ m @ dummies(days), **close)
    assert found.df == round(np.trace(m))


def test_variances_are_right_on_average():
    """Noise of variance 1 and shocks of days of variance 0.25, with and without effects to take out first."""
    rng = np.random.default_rng(2)
    found = [design(*world(rng, n=400, weeks=12)[:3]) for _ in range(40)]
    for name in ("variances", "variances_within"):
        np.testing.assert_allclose(np.mean([getattr(d, name) for d in found], axis=0), [1, 0.25], rtol=0.12)


def test_constants_of_domains_and_weeks_do_not_matter():
    """Another level of a domain or a week leaves every sum as it is."""
    y, hour, domain, _ = world(np.random.default_rng(3))
    moved = y + 10.0 * domain + 7.0 * ((hour // 24 + 3) // 7 % 5)
    np.testing.assert_allclose(design(moved, hour, domain).score, design(y, hour, domain).score, atol=1e-8)


def test_impossible_input_is_refused():
    """Unknown outcomes and unequal lengths are named."""
    with pytest.raises(ValueError, match="known"):
        design([1, np.nan], [0, 1], [0, 0])
    with pytest.raises(ValueError, match="equally long"):
        design([1.0], [0, 1], [0, 0])
