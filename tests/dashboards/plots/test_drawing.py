"""What all PNG pictures share."""

from __future__ import annotations

import pytest

from dashboards.plots.drawing import gap
from dashboards.plots.evidence import forest_png


@pytest.mark.parametrize(
    ("high", "low", "reach"),
    [(0.5, 0.2, 0.3), (0.2, 0.5, 0.0), (None, 0.2, 0.0), (0.5, None, 0.0), (float("nan"), 0.2, 0.0)],
)
def test_an_error_bar_reaches_as_far_as_is_known(high: float | None, low: float | None, reach: float) -> None:
    """And nowhere where an end is unknown or on the other side."""
    assert gap(high, low) == pytest.approx(reach)


def test_an_estimate_outside_its_interval_is_drawn() -> None:
    """A bootstrap can put one there, and matplotlib refuses bars that reach backwards."""
    row = {"engine": "google", "rank_kind": "organic", "platform": "reddit", "verb": "like", "depth": 10}
    assert forest_png([row | {"mean_rho": 0.4, "ci_low": 0.1, "ci_high": 0.3}]).startswith(b"\x89PNG")
