"""Bursts of votes and the event study: by hand, a known effect without noise, simulated worlds, properties."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.in_time.bursts import MIN_EVENTS, MIN_PAGES, SPAN, events_of, find_bursts, study, study_of, units_of
from models.in_time.panel import Panel
from models.simulation.simulate import Settings, simulate

relaxed = settings(deadline=None, max_examples=25)
NAN = float("nan")
DAY, DAYS = 30, 60  # of the burst in small panels, and their length


def panel_of(position, levels, keyword=None, page=None, **changes):
    """A panel of full lists: positions (rows of page x keyword, T) and levels in doublings (P, T)."""
    position, levels = np.asarray(position, float), np.asarray(levels, float)
    units, days = position.shape
    keyword = np.zeros(units, dtype=np.int64) if keyword is None else np.asarray(keyword)
    page = np.arange(units) if page is None else np.asarray(page)
    ids = (np.repeat(x, days) for x in (keyword, page))
    whole = Panel(
        *ids, np.tile(np.arange(days), units), position.ravel(), 2.0**levels - 1,
        ruler=np.zeros(levels.shape, dtype=np.int64), segment=np.zeros(days, dtype=np.int64),
        domain=np.arange(len(levels)), depth=1000,
    )  # fmt: skip
    return replace(whole, **changes)


def votes_of(*levels, **changes):
    """A panel in which only votes matter."""
    return panel_of(np.ones((len(levels), len(levels[0]))), levels, **changes)


def steps(*jumps, days=DAYS, start=0.0):
    """Levels that jump: steps((20, 3)) is 0 up to day 19 and 3 doublings from day 20 on."""
    return start + sum(size * (np.arange(days) >= day) for day, size in jumps)


def bursts_in(*levels, **changes):
    """Page, step and size of the bursts found."""
    found = find_bursts(votes_of(*levels, **changes))
    return list(zip(found.page.tolist(), found.step.tolist(), np.round(found.size, 9).tolist(), strict=True))


# --- bursts by hand


def test_a_sudden_burst_is_found_once_on_its_day():
    """Three windows of three days hold one jump: it is one burst, on the day of the jump."""
    assert bursts_in(steps((20, 3))) == [(0, 20, 3.0)]


def test_day_0_is_the_first_that_brings_a_tenth():
    """0.2, 0.8 and 3 doublings on three days: the first brings less than a tenth of 4, the second is day 0."""
    assert bursts_in(steps((20, 0.2), (21, 0.8), (22, 3))) == [(0, 21, 4.0)]
    assert bursts_in(steps((20, 0.5), (21, 0.5), (22, 3))) == [(0, 20, 4.0)]


def test_a_burst_of_a_week_is_one():
    """Growth that goes on for days is not a new burst every day."""
    found = bursts_in(steps(*((20 + i, 1) for i in range(7))))
    assert found == [(0, 20, 3.0)]


@pytest.mark.parametrize(("second", "expected"), [(15, [20, 35]), (14, [20]), (5, [20])])
def test_a_burst_needs_quiet_days_before(second, expected):
    """A second burst counts after 14 days without growth, and not before; which would be an effect of the first."""
    assert [step for _, step, _ in bursts_in(steps((20, 3), (20 + second, 3)))] == expected


def test_slow_growth_before_is_not_quiet():
    """More than half a doubling in the two weeks before rules a burst out; half of one does not."""
    slowly = np.cumsum((np.arange(DAYS) >= 6) & (np.arange(DAYS) < 16)) / 10
    assert bursts_in(0.6 * slowly + steps((20, 3))) == []
    assert len(bursts_in(0.49 * slowly + steps((20, 3)))) == 1


@pytest.mark.parametrize(
    ("start", "size", "found"),
    [(0.0, 2.0, 0), (0.0, np.log2(6), 1), (6.0, 0.99, 0), (6.0, 1.0, 1)],
)
def test_least_sizes(start, size, found):
    """A burst is at least five votes (0 to 3 is none, 0 to 5 is) and at least a doubling, however many votes."""
    assert len(bursts_in(steps((20, size), start=start))) == found


@pytest.mark.parametrize("votes", range(0, 60, 3))
def test_whole_votes_are_not_lost_in_rounding(votes):
    """Exactly five votes more, or exactly a doubling, is a burst from any count on, whatever logarithms round."""
    more = max(5, votes + 1)  # from few votes on five is more than a doubling, later a doubling more than five
    before, after = np.log2(1.0 + votes), np.log2(1.0 + votes + more)
    assert [step for _, step, _ in bursts_in(steps((20, after - before), start=before))] == [20]


def test_a_burst_is_odd_for_its_page():
    """Where counts go up and down by 0.6 all the time, 2 doublings are nothing odd, and 9 are."""
    restless = 5 + 0.3 * (-1.0) ** np.arange(DAYS)
    assert bursts_in(restless + steps((20, 2))) == []
    assert [step for _, step, _ in bursts_in(restless + steps((20, 9)))] == [20]


def test_unknown_counts_and_rulers():
    """Gaps of three days are bridged, longer ones hide a burst; a counter that starts anew is none."""
    short, long = steps((20, 3)), steps((20, 3))
    short[21:23], long[18:23] = NAN, NAN
    assert [step for _, step, _ in bursts_in(short)] == [20]
    assert bursts_in(long) == []
    assert bursts_in(steps((20, 3)), ruler=np.array([np.arange(DAYS) >= 20], dtype=np.int64)) == []


def test_a_reset_does_not_make_days_quiet():
    """Growth in the days before is not undone by a counter that is set back: on two rulers, quiet is unknown."""
    level = steps((15, 3), (18, -3), (22, 3))
    ruler = np.array([np.arange(DAYS) >= 18], dtype=np.int64)
    assert [step for _, step, _ in bursts_in(level, ruler=ruler)] == [15]


def test_pages_without_counts_have_no_bursts():
    """Never known, always 0, too short a time: no bursts, and no warning either."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert bursts_in(np.full(DAYS, NAN), np.zeros(DAYS), steps((20, 3))) == [(2, 20, 3.0)]
        assert bursts_in(np.zeros(2)) == []
        assert bursts_in(np.zeros(4)) == []


# --- matches and events by hand


def flat(*bases, days=DAYS):
    """Positions that stay where they are; those of candidates (all but the first) fall by 1, 2, 4 ... from day 0 on."""
    falls = np.r_[0, 2.0 ** np.arange(len(bases) - 1)]
    return np.array(bases, float)[:, None] + falls[:, None] * (np.arange(days) >= DAY)


def small(bases, levels=None, **changes):
    """Page 0 bursts by 3 doublings on day 30; the others have no votes unless told."""
    votes = np.zeros((len(bases), DAYS)) if levels is None else np.array(levels, float)
    votes[0] = steps((DAY, 3))
    return panel_of(flat(*bases), votes, **changes)


def fall_of_matches(panel):
    """By how much the matches fell on average, which tells who they were; None without an event of page 0."""
    events = events_of(panel, find_bursts(panel))
    mine = events.gap[events.page == 0]
    assert len(mine) <= 1
    return mine[0, SPAN + 5] if len(mine) else None


@pytest.mark.parametrize(
    ("bases", "matches"),
    [
        ([5, 6, 7, 8, 8.5], [1, 2, 4]),  # nearest three of four
        ([5, 8.5, 6, 3, 7.5], [2, 4, 8]),  # on either side, in any order
        ([5, 9, 9.1, 0.9], [1]),  # within four positions
        ([5, 6], [1]),
        ([5, 9.1], None),
    ],
)
def test_matches_are_the_nearest_within_the_caliper(bases, matches):
    """Up to three pages that stood nearest in the week before, none further than four positions away."""
    assert fall_of_matches(small(bases)) == (None if matches is None else pytest.approx(np.mean(matches)))


def test_matches_are_of_other_domains():
    """A page of the bursting page's own site is no comparison."""
    assert fall_of_matches(small([5, 5, 6], domain=np.array([7, 7, 8]))) == pytest.approx(2)


def test_matches_are_of_the_same_list():
    """A page that stands in another keyword's lists is no comparison; where no other is left, there is no event."""
    panel = small([5, 5, 6])
    keyword = np.repeat([0, 1, 0], DAYS)
    assert fall_of_matches(replace(panel, keyword=keyword)) == pytest.approx(2)
    assert fall_of_matches(replace(panel, keyword=np.repeat([0, 1, 1], DAYS))) is None


@pytest.mark.parametrize(
    ("jump", "is_match"),
    [((DAY + 10, 0.6), False), ((DAY - 10, 0.6), False), ((DAY, 0.4), True), ((DAY + 15, 5), True), ((10, 5), True)],
)
def test_matches_are_quiet(jump, is_match):
    """A page whose own votes grow by more than half a doubling from two weeks before to two after is none."""
    votes = np.zeros((3, DAYS))
    votes[1] = steps(jump, start=3)
    assert fall_of_matches(small([5, 5, 6], votes)) == pytest.approx(1.5 if is_match else 2)


def test_matches_have_known_counts_and_positions():
    """Counts unknown or set back around the burst, or no position in the week before, rule a match out."""
    votes = np.zeros((3, DAYS))
    votes[1] = NAN
    assert fall_of_matches(small([5, 5, 6], votes)) == pytest.approx(2)
    ruler = np.zeros((3, DAYS), dtype=np.int64)
    ruler[1, DAY + 3 :] = 1
    assert fall_of_matches(small([5, 5, 6], ruler=ruler)) == pytest.approx(2)
    panel = small([5, 5, 6])
    kept = (panel.page != 1) | (panel.step < DAY - 9) | (panel.step >= DAY - 2)
    names = ("keyword", "page", "step", "position")
    assert fall_of_matches(replace(panel, **{n: getattr(panel, n)[kept] for n in names})) == pytest.approx(2)


def test_an_event_by_hand():
    """Page 0 rises 4 places from the day after; its match falls 1 on day 0: 1 on day 0, 5 from then, 0 before."""
    panel = small([9, 9])
    rises = 4 * ((panel.page == 0) & (panel.step > DAY))
    events = events_of(replace(panel, position=panel.position - rises), find_bursts(panel))
    np.testing.assert_allclose(events.gap, [np.r_[np.zeros(SPAN), 1, np.full(SPAN, 5)]], atol=1e-12)
    assert (events.size, events.dose) == (pytest.approx([3]), pytest.approx([3]))
    assert (events.page.tolist(), events.keyword.tolist()) == ([0], [0])


def test_the_dose_is_what_is_in_force():
    """A burst of 3 doublings of which 1 comes at once and 2 a week later: 1 + 2 * 7/14; the match's 0.4 go off."""
    votes = np.zeros((2, DAYS))
    votes[1] = steps((DAY, 0.4), start=3)
    panel = small([9, 9], votes)
    panel.votes[0] = 2 ** steps((DAY, 1), (DAY + 2, 2), (DAY + 7, 2), start=2) - 1
    events = events_of(panel, find_bursts(panel))
    np.testing.assert_allclose(events.size, [3])
    np.testing.assert_allclose(events.dose, [1 + 2 * 12 / 14 + 2 * 7 / 14 - 0.4])


def test_a_reset_after_the_burst_is_not_a_smaller_dose():
    """Days after a counter was set back are unknown to the dose: it is the mean of the days before that."""
    panel = small([9, 9])
    ruler = np.zeros((2, DAYS), dtype=np.int64)
    ruler[0, DAY + 6 :] = 1
    panel.votes[0, DAY + 6 :] = 1.0
    events = events_of(replace(panel, ruler=ruler), find_bursts(panel))
    np.testing.assert_allclose(events.dose, [3])


def test_one_burst_is_an_event_in_every_list_of_the_page():
    """A page in two keywords' lists has two events, each against its own list."""
    position = np.vstack([flat(5, 6), flat(15, 16)])
    panel = panel_of(position, [steps((DAY, 3)), np.zeros(DAYS)], keyword=[0, 0, 1, 1], page=[0, 1, 0, 1])
    events = events_of(panel, find_bursts(panel))
    assert (events.page.tolist(), events.keyword.tolist()) == ([0, 0], [0, 1])


def test_units_by_hand():
    """Rows become a table of heights by page in keyword, unknown where there was no row and beyond both ends."""
    panel = panel_of([[1, 2], [3, 4]], np.zeros((4, 2)), keyword=[2, 0], page=[3, 1])
    units = units_of(panel)
    assert (units.keyword.tolist(), units.page.tolist()) == ([0, 2], [1, 3])
    np.testing.assert_array_equal(units.height[:, SPAN : SPAN + 2], [[-3, -4], [-1, -2]])
    assert np.isnan(units.height[:, :SPAN]).all() and np.isnan(units.height[:, SPAN + 2 :]).all()


# --- the study without noise


def world(effect=0.8, lag=1, keywords=20, days=70, seed=0, ahead=0.0, noise=0.0, late=1.0):
    """Three bursting pages of one site and three quiet ones per keyword; heights hear votes `lag` days late.

    Up to `late` doublings of a burst come on its second day. `ahead` makes heights rise by so much a day in the ten
    days before a burst; whole lists move by chance.
    """
    rng = np.random.default_rng(seed)
    pages, bursting = 6 * keywords, np.arange(6 * keywords) % 6 < 3
    day, size = rng.integers(20, days - 20, pages), rng.uniform(3, 6, pages)
    rest = late * rng.uniform(0, 1, pages)
    t = np.arange(days)
    levels = bursting[:, None] * (size[:, None] * (t >= day[:, None]) + rest[:, None] * (t >= day[:, None] + 1))
    heard = levels[:, np.maximum(t - lag, 0)]
    ramp = ahead * bursting[:, None] * np.clip(t - (day[:, None] - 11), 0, 10)
    base = rng.uniform(10, 13, pages)[:, None] + rng.normal(size=(keywords, days))[np.arange(pages) // 6]
    position = base - effect * heard - ramp + noise * rng.normal(size=(pages, days))
    domain = np.where(bursting, np.arange(pages) // 6, keywords + np.arange(pages))
    return panel_of(position, levels, keyword=np.arange(pages) // 6, domain=domain)


OWN = 1 - 1 / 6


@pytest.mark.parametrize("effect", [0.8, -0.5, 0.0])
def test_a_known_effect_without_noise(effect):
    """Heights that hear votes a day late: after a burst they show the effect per doubling, on the day and before 0."""
    found = study(world(effect))
    assert found is not None
    assert found.after.estimate == pytest.approx(effect * OWN, abs=1e-9)
    assert found.after_same_day.estimate == pytest.approx(effect * OWN, abs=1e-9)
    np.testing.assert_allclose(found.path[: SPAN + 1], 0, atol=1e-9)
    np.testing.assert_allclose(found.path[SPAN + 3 :], found.path[-1], rtol=0.02, atol=1e-9)
    assert (found.n_events, found.n_pages, found.n_keywords) == (60, 60, 20)
    assert found.path.shape == found.path_se.shape == (2 * SPAN + 1,)
    assert found.dose.shape == (60,) and (found.dose >= 3).all()


def test_the_sign_of_an_effect():
    """Some noise: an effect in either direction is found with its sign and a small p."""
    for effect in (0.8, -0.8):
        found = study(world(effect, noise=0.3))
        assert found is not None
        assert (found.sign, found.p_effect < 1e-6, found.p_before > 0.01) == (np.sign(effect), True, True)
        assert found.after.interval[0] < effect * OWN < found.after.interval[1]


def test_a_rise_before_the_burst_alarms():
    """Heights that rose in the ten days before: the days before are not flat, and the test of them says so."""
    rising, still = study(world(0.0, ahead=0.2, noise=0.3)), study(world(0.0, noise=0.3))
    assert rising is not None and still is not None
    assert rising.p_before < 1e-6 and still.p_before > 0.01
    assert rising.path[SPAN - 13] < rising.path[SPAN - 5] < rising.path[SPAN]


def test_a_rise_on_the_day_is_not_an_effect():
    """Heights that move with votes on the same day are up after them, but no more than on the day: no effect."""
    found = study(world(0.8, lag=0, noise=0.3, late=0.0))
    assert found is not None
    assert found.after.p_two_sided < 1e-6
    assert found.p_effect > 0.01
    assert found.p_effect == pytest.approx(min(1, 2 * max(found.after.p_above, found.after_same_day.p_above)))


def first_events(panel, kept):
    """A study of some of the events."""
    events = events_of(panel, find_bursts(panel))
    return study_of(panel, type(events)(*(column[kept] for column in events)))


def test_too_few_events_or_pages_give_nothing():
    """Less than 30 events or 15 pages: no answer. Just enough: one. No bursts at all: none, and no error."""
    panel = world(noise=0.3)
    assert first_events(panel, slice(MIN_EVENTS)) is not None
    assert first_events(panel, slice(MIN_EVENTS - 1)) is None
    events = events_of(panel, find_bursts(panel))
    few = [i for i in range(60) if events.page[i] in np.unique(events.page)[: MIN_PAGES - 1]]
    assert first_events(panel, np.resize(few, 60)) is None
    enough = [i for i in range(60) if events.page[i] in np.unique(events.page)[:MIN_PAGES]]
    assert first_events(panel, np.resize(enough, 60)) is not None
    quiet = replace(panel, votes=np.zeros_like(panel.votes))
    assert study(quiet) is None
    assert events_of(quiet, find_bursts(quiet)).gap.shape == (0, 2 * SPAN + 1)


def test_errors_leave_out_clusters():
    """The error is the widest of pages, sites and keywords: with all bursts on two sites it has 1 degree of freedom."""
    panel = world(noise=0.3, effect=0.4)
    shared = replace(panel, domain=np.where(panel.domain < 20, panel.domain % 2, panel.domain))
    one, two = study(panel), study(shared)
    assert one is not None and two is not None
    assert two.after.estimate == pytest.approx(one.after.estimate)
    assert two.after.half_width > one.after.half_width
    assert two.after.df == 1


def test_error_by_brute_force():
    """The jackknife error: the ratio of sums refitted without each page, from the events themselves."""
    panel = world(noise=0.5)
    events, found = events_of(panel, find_bursts(panel)), study(panel)
    assert found is not None
    g, z = events.gap[:, SPAN + 1 :].mean(axis=1), events.size

    def ratio(kept):
        return (z * g)[kept].sum() / (z * events.dose)[kept].sum()

    def error(ids):
        alone = np.array([ratio(ids != i) - ratio(ids >= 0) for i in np.unique(ids)])
        return np.sqrt((alone**2).sum() * (alone.size - 1) / alone.size)

    assert found.after.estimate == pytest.approx(ratio(events.page >= 0) * OWN)
    expected = {round(error(ids) * OWN, 9) for ids in (events.page, events.keyword)}
    assert round(found.after.se, 9) in expected


# --- simulated worlds


@pytest.fixture(scope="module")
def simulated():
    """A world of three kinds, and what the study says of each."""
    worlds = {k: simulate(Settings(kind=k, keywords=40, days=75, effect=0.5), 0) for k in KINDS}
    return {kind: (one, study(one.panel)) for kind, one in worlds.items()}


KINDS = ("no effect", "effect", "shock")


def test_a_simulated_effect(simulated):
    """Votes at work: the effect is found, near its true mean, and the days before are flat."""
    one, found = simulated["effect"]
    truth = one.truth.path[1:15].mean()
    assert found.p_effect < 0.001 and found.sign == 1 and found.p_before > 0.05
    assert abs(found.after.estimate - truth) < 0.25 * truth


def test_a_simulated_world_without_effect(simulated):
    """Bursts that do nothing: 0 is inside the interval, and p is not small."""
    found = simulated["no effect"][1]
    low, high = found.after.interval
    assert low < 0 < high and found.p_effect > 0.05


def test_a_simulated_shock_is_not_an_effect(simulated):
    """News that moves both at once: pages stand higher after bursts, but did so on the day itself."""
    found = simulated["shock"][1]
    assert found.after.interval[0] > 0
    assert found.p_effect > 0.05


# --- properties


@given(st.integers(0, 10**6))
@relaxed
def test_constants_order_and_names_do_not_matter(seed):
    """Whole lists moved, rows in another order, pages and keywords renumbered: the same study."""
    panel, rng = world(noise=0.3, keywords=12, seed=seed % 5), np.random.default_rng(seed)
    pages, keywords, order = (rng.permutation(n) for n in (72, 12, panel.page.size))
    moved, back = rng.normal(0, 3, (12, 70))[panel.keyword, panel.step], np.argsort(pages)
    other = replace(
        panel, page=pages[panel.page][order], keyword=keywords[panel.keyword][order], step=panel.step[order],
        position=(panel.position + moved)[order], votes=panel.votes[back], domain=panel.domain[back],
    )  # fmt: skip
    one, two = study(panel), study(other)
    assert one is not None and two is not None
    assert two.after.estimate == pytest.approx(one.after.estimate, abs=1e-9)
    assert (two.p_effect, two.p_before, two.n_events) == pytest.approx((one.p_effect, one.p_before, one.n_events))
    np.testing.assert_allclose(two.path, one.path, atol=1e-9)


@given(st.integers(0, 10**6))
@relaxed
def test_bursts_keep_their_rules(seed):
    """In random counts, with gaps and resets: bursts of a page are 15 days apart at least, sized, on known days."""
    rng = np.random.default_rng(seed)
    levels = np.log2(1 + np.cumsum(rng.poisson(30, (20, 80)) * (rng.random((20, 80)) < 0.02), axis=1))
    levels[rng.random(levels.shape) < 0.1] = NAN
    ruler = np.cumsum(rng.random(levels.shape) < 0.01, axis=1)
    found = find_bursts(votes_of(*levels, ruler=ruler))
    assert (found.size >= 1 - 1e-9).all()
    assert (ruler[found.page, found.step] == ruler[found.page, found.step - 1]).all()
    for page in np.unique(found.page):
        assert (np.diff(np.sort(found.step[found.page == page])) >= SPAN - 1).all()
