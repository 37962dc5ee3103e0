"""How values and names are said on the pages."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd
import pytest

from dashboards.web.parts import rows, said
from dashboards.web.views.best_time import _spread
from dashboards.web.views.page import _names


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.34312, "0.343"), (-7.0993, "-7.1"), (123.4, "123"), (12_345.6, "12,346"), (3.0, "3"), (0, "0"),
        (None, "unknown"), (float("nan"), "unknown"), (True, "yes"), (date(2026, 8, 16), "2026-08-16"),
    ],
)  # fmt: skip
def test_a_value_is_said_in_three_digits(value: Any, expected: str) -> None:
    """Three digits for a fraction, whole numbers whole, unknown in words."""
    assert said(value) == expected


def test_days_are_not_broken_over_lines() -> None:
    """A column of days is marked as such, also where one is unknown; words and a column without values are not."""
    data = pd.DataFrame({"day": [date(2026, 8, 16), None], "word": ["a", "b"], "nothing": [None, None]})
    shown = str(rows(data))
    assert shown.count("text moment") == 3  # the heading and two cells
    assert shown.count("className='text'") == 6


def test_series_of_one_keyword_are_told_apart() -> None:
    """A keyword that stands in two rankings carries their names; the others stay short."""
    ranks = pd.DataFrame(
        {
            "series_id": [1, 1, 2, 3],
            "keyword": ["kettle", "kettle", "kettle", "lamp"],
            "engine": "google",
            "rank_kind": ["organic", "organic", "average", "average"],
        }
    )
    assert _names(ranks) == {1: "kettle (google, organic)", 2: "kettle (google, average)", 3: "lamp"}


def test_a_spread_of_votes_is_a_factor() -> None:
    """Votes are judged on a logarithm, which nobody reads: the page says how many times; unknown stays unknown."""
    votes, search = {"outcome": "votes", "unit": "log of votes"}, {"outcome": "search", "unit": "positions"}
    assert _spread(votes, 0.8768) == "2.4 times"
    assert _spread(search, 1.26) == "1.3 positions"
    assert _spread(votes, None) == "unknown"
