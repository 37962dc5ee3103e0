"""Which moved first? One word from the two directions of models/in_time/timing.py.

`votes_lead`: positions improve (or fall) after votes came, more than on the day itself and than in the week before,
and the week before was flat. `positions_lead`: votes follow positions. `simultaneous`: both move on one day, or in
both directions, so that nothing says which moved the other. `neither`: nothing moves with anything, in data that would
have shown an effect of `INFORMATIVE` positions per doubling. `unknown`: the data are too few or too noisy to ask, or
positions seem to move with votes, but not clearly before, on or after the day.
"""

from typing import Literal

from models.guards.power import minimum_detectable
from models.in_time.timing import Timing

Direction = Literal["votes_lead", "positions_lead", "simultaneous", "neither", "unknown"]

LEVEL = 0.05  # of the forward test
BACKWARD, SAME_DAY, LEADS = 0.02, 0.02, 0.01  # of the tests that raise an alarm
NOTHING = 0.2  # a same-day move with a smaller p is no proof of one, but not nothing either
INFORMATIVE = 1.0  # positions per doubling that data must be able to show before "nothing moves" means anything
SMALL_LEAD = 0.25  # leads of less than this share of the effect do not spoil it


def direction(found: Timing | None, q_forward: float | None = None) -> Direction:
    """The word for one platform and verb; `q_forward` replaces the forward p where several were tried."""
    if found is None:
        return "unknown"
    q = found.p_forward if q_forward is None else q_forward
    forward, backward = q < LEVEL, found.p_backward < BACKWARD
    if forward and not backward and has_flat_leads(found):
        return "votes_lead"
    if backward and not forward:
        return "positions_lead"
    same_day, leads = found.p_same_day < SAME_DAY, found.p_leads < LEADS
    if leads and not same_day and not forward:
        return "positions_lead"
    if forward or backward or same_day or leads:
        return "simultaneous"
    return "neither" if is_still(found) else "unknown"


def is_still(found: Timing) -> bool:
    """Whether nothing moved, after votes or with them, where a move of `INFORMATIVE` would have been seen."""
    with_votes = minimum_detectable(found.same_day.se, LEVEL, df=found.same_day.df)
    return (
        max(detectable(found), with_votes) <= INFORMATIVE
        and not found.after.p_two_sided < LEVEL
        and not found.p_same_day < NOTHING
    )


def detectable(found: Timing, tests: int = 1) -> float:
    """The effect that all contrasts would show 4 times in 5, where `tests` share the level."""
    contrasts = (found.after, found.after_same_day, found.after_long_before)
    return max(minimum_detectable(c.se, LEVEL / tests, df=c.df) for c in contrasts)


def has_flat_leads(found: Timing) -> bool:
    """Whether positions stood still in the week before votes came, or moved by little beside the effect."""
    return not found.p_leads < LEADS or found.lead_share < SMALL_LEAD
