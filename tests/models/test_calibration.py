"""Is the verdict right where the truth is known? Counting by hand, and a slice of the calibration that really runs."""

from __future__ import annotations

from dataclasses import replace
from math import inf, isfinite, isnan, nan

import pytest

from models.calibration import Summary, Trial, effect, evidence, summary, trial, varied
from models.in_time.timing import LAG, LEAD, MIN_STEPS
from models.simulation.settings import KINDS, Kind, Settings
from models.simulation.simulate import simulate
from models.verdict import Verdict, verdicts

IDLE: tuple[Kind, ...] = ("no effect", "shared cause", "reverse", "shock")
SEEDS = 10
SMALL = Settings(keywords=30, days=65)
BLANK = Verdict(
    "simulated", "vote", "timing", "cannot tell", "unknown", None, nan, nan, nan, nan, 0, 0, 0, inf, nan, nan, "",
)  # fmt: skip


def told(word, way="unknown", interval=(nan, nan, nan), mde=inf, truth=0.0, true_way="neither", naive=(0.0, -0.1)):
    """A trial that ended so: (estimate, low, high) beside the truth, and (rho, low) of the naive correlation."""
    estimate, low, high = interval
    made = replace(BLANK, verdict=word, direction=way, estimate=estimate, ci_low=low, ci_high=high, mde=mde)
    return Trial(SMALL, 0, truth, true_way, made, *naive)


# --- counting


def test_words_are_shares_of_all_trials():
    """Four words, four shares, which sum to 1."""
    words = ["supports", "contradicts", "contradicts", "cannot tell", "not enough data"]
    found = summary([told(word) for word in words])
    assert (found.n, found.supports, found.contradicts, found.cannot_tell, found.not_enough) == (5, 0.2, 0.4, 0.2, 0.2)


def test_power_counts_only_effects_that_could_be_seen():
    """Of two effects at or above the minimum detectable one, one was found; the third was too small to ask for."""
    found = summary(
        [
            told("supports", mde=0.5, truth=0.5),
            told("cannot tell", mde=0.5, truth=0.6),
            told("cannot tell", mde=0.5, truth=0.4),
            told("supports", mde=0.1, truth=0.0),
            told("not enough data", mde=nan, truth=0.6),
        ]
    )
    assert (found.power, found.n_detectable) == (0.5, 2)


def test_coverage_counts_only_verdicts_with_an_estimate():
    """Three intervals, two of which hold the truth; its ends belong to it."""
    found = summary(
        [
            told("supports", interval=(0.5, 0.4, 0.6), truth=0.6),
            told("supports", interval=(0.5, 0.4, 0.6), truth=0.7),
            told("cannot tell", interval=(0.0, -0.1, 0.1), truth=0.0),
            told("cannot tell", truth=0.0),
        ]
    )
    assert (found.coverage, found.n_estimates) == (pytest.approx(2 / 3), 3)
    assert found.mean_estimate == pytest.approx(1 / 3)
    assert found.mean_truth == pytest.approx(1.3 / 4)


def test_direction_counts_what_could_be_told():
    """Left out: `unknown`, and effects too small to be seen; a small effect called "neither" is no mistake."""
    found = summary(
        [
            told("supports", "votes_lead", mde=0.1, truth=0.5, true_way="votes_lead"),
            told("cannot tell", "simultaneous", mde=0.1, truth=0.5, true_way="votes_lead"),
            told("contradicts", "neither", mde=0.9, truth=0.5, true_way="votes_lead"),
            told("cannot tell", "positions_lead", true_way="positions_lead"),
            told("cannot tell", "unknown", true_way="simultaneous"),
        ]
    )
    assert (found.direction, found.n_directions) == (pytest.approx(2 / 3), 3)


def test_fooled_is_an_interval_above_zero():
    """A high correlation with an interval that reaches 0 fools nobody."""
    found = summary([told("cannot tell", naive=(0.3, 0.2)), told("cannot tell", naive=(0.4, -0.01))])
    assert (found.fooled, found.mean_naive) == (0.5, pytest.approx(0.35))


def test_nothing_to_count_is_unknown_and_not_zero():
    """Without trials every share is NaN; without detectable effects, so is the power."""
    empty = summary([])
    assert (empty.n, empty.n_detectable, empty.n_estimates, empty.n_directions) == (0, 0, 0, 0)
    assert all(isnan(getattr(empty, name)) for name in ("supports", "power", "coverage", "direction", "fooled"))
    assert isnan(summary([told("cannot tell")]).power) and isnan(summary([told("cannot tell")]).mean_estimate)


# --- worlds


def test_mechanisms_go_round_with_the_seed_and_the_kind_stays():
    """Thirty seeds hold every pair of arrivals and noise, and every lag of 1 to 5 days."""
    worlds = [varied(Settings(kind="effect"), seed) for seed in range(30)]
    assert len({(w.arrivals, w.noise, w.tails) for w in worlds}) == 6
    assert {w.lag for w in worlds} == {1, 2, 3, 4, 5}
    assert {(w.kind, w.keywords, w.effect) for w in worlds} == {("effect", Settings().keywords, Settings().effect)}


def test_the_truth_is_the_mean_over_two_weeks():
    """Days 1 to 14 of the counted path: nothing before the lag, and 0 in a world where votes do nothing."""
    world = simulate(Settings(kind="effect", keywords=12, days=40, lag=3), 1)
    assert effect(world) == pytest.approx(sum(world.truth.path[day] for day in range(1, 15)) / 14, abs=1e-12)
    assert effect(world) > 0.1
    assert effect(simulate(Settings(kind="shared cause", keywords=12, days=40), 1)) == 0


def test_a_trial_is_the_same_again():
    """Same settings and seed, same verdict, word for word."""
    world = varied(Settings(kind="effect", keywords=12, days=40), 3)
    assert repr(trial(world, 3)) == repr(trial(world, 3))


def test_a_trial_reads_the_world_as_the_product_does():
    """The verdict of a trial is the verdict on the world's panel; counts are those of its rows."""
    world = varied(replace(SMALL, kind="effect", days=45), 1)
    found, panel = trial(world, 1), simulate(world, 1).panel
    (again,) = verdicts([evidence(panel)])
    assert repr(found.verdict) == repr(again)
    assert (found.verdict.n_keywords, found.verdict.n_days) == (30, 45)


@pytest.fixture(scope="module")
def slices() -> dict[str, list[Trial]]:
    """Ten small worlds of each kind."""
    return {kind: [trial(varied(replace(SMALL, kind=kind), s), s) for s in range(SEEDS)] for kind in KINDS}


@pytest.fixture(scope="module")
def counted(slices: dict[str, list[Trial]]) -> dict[str, Summary]:
    """Their summaries."""
    return {kind: summary(trials) for kind, trials in slices.items()}


def test_where_votes_do_nothing_hardly_a_world_supports(slices):
    """Of forty worlds at most one: 5 % would be two."""
    false = [(t.settings.kind, t.seed) for kind in IDLE for t in slices[kind] if t.verdict.verdict == "supports"]
    assert len(false) <= 1, false


def test_where_votes_lift_pages_the_verdict_supports(counted):
    """At least 80 % of the worlds whose effect is no smaller than the minimum detectable one, and there are some."""
    found = counted["effect"]
    assert found.n_detectable >= 6
    assert found.power >= 0.8
    assert found.contradicts == 0


def test_estimates_are_near_the_truth(slices, counted):
    """Intervals of effect worlds hold the truth, and the mean estimate lies within a fifth of it."""
    found = counted["effect"]
    assert found.coverage >= 0.8 and found.n_estimates >= 8
    assert found.mean_estimate == pytest.approx(found.mean_truth, rel=0.2)
    assert all(t.verdict.lag_days >= 1 for t in slices["effect"] if t.verdict.verdict == "supports")


def test_what_moved_first_is_told_right(slices, counted):
    """At least 80 % of those that could tell, over all kinds; and most can."""
    everything = summary([t for trials in slices.values() for t in trials])
    assert everything.direction >= 0.8
    assert everything.n_directions >= 0.7 * everything.n
    for kind, way in (("effect", "votes_lead"), ("reverse", "positions_lead"), ("shock", "simultaneous")):
        assert {t.true_direction for t in slices[kind]} == {way}
        assert counted[kind].direction >= 0.7


def test_no_estimate_is_given_where_it_would_be_no_effect(slices):
    """Worlds that end as positions first, or both at once, have no number to quote."""
    moved = [t for kind in ("reverse", "shock") for t in slices[kind]]
    silent = [t for t in moved if t.verdict.direction in ("positions_lead", "simultaneous")]
    assert len(silent) >= 14
    assert not any(isfinite(t.verdict.estimate) for t in silent)


def test_the_naive_correlation_is_fooled_by_a_shared_cause(counted):
    """Clearly positive in nearly all worlds in which good pages get votes and votes do nothing; the verdict is not."""
    found = counted["shared cause"]
    assert found.fooled >= 0.9 and found.mean_naive > 0.2
    assert found.supports == 0
    assert counted["reverse"].fooled >= 0.9
    assert abs(counted["no effect"].mean_naive) < 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_short_worlds_are_not_enough_data(kind):
    """Three weeks and a half cannot reach the timing rung, whatever is true; the paragraph says what is missing."""
    assert LAG + LEAD + MIN_STEPS > 25
    found = trial(varied(replace(SMALL, kind=kind, days=25), 4), 4)
    assert (found.verdict.verdict, found.verdict.direction) == ("not enough data", "unknown")
    assert isnan(found.verdict.estimate) and "it takes 14 days" in found.verdict.prose
