"""When more will be known, by hand-made verdicts."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from dashboards.mail.outlook import STEPS, Outlook, outlook
from models.guards.power import minimum_detectable
from tests.dashboards.making import NOTHING_YET, verdict

TODAY = date(2026, 10, 14)
UNSURE: dict[str, Any] = {"verdict": "cannot tell", "direction": "unknown", "estimate": 0.1}


def found(*verdicts: dict[str, Any], step_days: int | None = 1) -> Outlook:
    """The outlook of some verdicts whose timing has steps of so many days."""
    timing = [
        {**{n: v[n] for n in ("engine", "rank_kind", "platform", "verb")}, "step_days": step_days} for v in verdicts
    ]
    return outlook(verdicts, timing, TODAY)


@pytest.mark.parametrize(("step_days", "after"), [(1, 3), (7, 21), (None, 3)])
def test_the_day_on_which_days_are_enough(step_days: int | None, after: int) -> None:
    """26 of 29 days are there: three more days, or three more weeks where data come once a week."""
    assert STEPS == 29
    waits = verdict(**NOTHING_YET | {"n_days": 26})
    assert found(waits, step_days=step_days) == Outlook(TODAY + timedelta(days=after), "days", [waits])


@pytest.mark.parametrize("n_days", [0, 29, 60])
def test_days_are_not_promised_where_they_do_not_help(n_days: int) -> None:
    """With no day at all, or with enough of them, something else is missing: nobody knows when."""
    assert found(verdict(**NOTHING_YET | {"n_days": n_days})) == Outlook(None, "experiment")


def test_the_day_on_which_one_position_would_be_seen() -> None:
    """Half the minimum detectable effect takes four times the weeks: 12 more after 4; then the power is there."""
    waits = verdict(**UNSURE, mde=2.0, n_days=28)
    assert found(waits) == Outlook(TODAY + timedelta(weeks=12), "power", [waits])
    assert minimum_detectable((2.0 / minimum_detectable(1.0)) / 2) == pytest.approx(1.0)


@pytest.mark.parametrize(
    "row",
    [
        {"direction": "positions_lead", "mde": 2.0},
        {"direction": "simultaneous", "mde": 2.0},
        {"mde": 0.9},
        {"mde": None},
        {"mde": 2.0, "n_days": 3},
        {"mde": 50.0},
    ],
)
def test_what_more_days_do_not_tell(row: dict[str, Any]) -> None:
    """Votes that follow, shocks, data that are precise enough, an unknown precision, and promises beyond two years."""
    assert found(verdict(**UNSURE | row)) == Outlook(None, "experiment")


def test_the_earliest_day_counts() -> None:
    """Of several, with all pairs that it is true of."""
    one, two = (verdict(**NOTHING_YET | {"n_days": 26, "platform": p}) for p in ("reddit", "vk"))
    late = verdict(**NOTHING_YET | {"n_days": 2, "platform": "x"})
    assert found(late, one, two).rows == [one, two]


def test_nothing_waits() -> None:
    """Where every verdict is given, none waits for data."""
    assert found(verdict()) == Outlook(None, "decided")
    assert outlook([], [], TODAY) == Outlook(None, "experiment")
