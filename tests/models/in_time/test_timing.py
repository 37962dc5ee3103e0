"""Timing: windows, bridges and rows by hand, known effects without noise, simulated worlds, properties."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.in_time.direction import direction
from models.in_time.panel import Panel
from models.in_time.timing import (
    AFTER,
    BEFORE,
    FIRST_DAY,
    NAMES,
    backward_fit,
    bridged,
    changing_pages,
    forward_fit,
    own_share,
    page_heights,
    timing,
    usable_rows,
    why_not,
)
from models.simulation.simulate import Settings, simulate

relaxed = settings(deadline=None, max_examples=25)
NAN = float("nan")
OFFSETS = (7, 3, 1, 0, -1, -2, -4, -8)


def panel_of(keyword, page, step, position, votes, **changes):
    """A panel on one ruler and in one segment, five pages to a domain, but for the changes."""
    votes = np.asarray(votes, float)
    ruler, segment = np.zeros(votes.shape, dtype=np.int64), np.zeros(votes.shape[1], dtype=np.int64)
    domain = np.arange(votes.shape[0]) // 5
    ids = (np.asarray(x, dtype=np.int64) for x in (keyword, page, step))
    whole = Panel(*ids, np.asarray(position, float), votes, ruler, segment, domain, depth=1000)
    return replace(whole, **changes)


def grid(days, pages=30, keywords=12, per_list=5, seed=0):
    """keyword, page, step of full lists: every keyword has `per_list` pages on every day."""
    rng = np.random.default_rng(seed)
    hands = np.array([rng.choice(pages, per_list, replace=False) for _ in range(keywords)])
    keyword, place, step = (x.ravel() for x in np.indices((keywords, per_list, days)))
    return keyword, hands[keyword, place], step


def growing(days, pages=30, seed=0):
    """Votes (pages, days) that grow by chance on some days."""
    rng = np.random.default_rng(seed + 1)
    return np.cumsum(rng.poisson(3, (pages, days)) * (rng.random((pages, days)) < 0.3), axis=1).astype(float)


def exact(lag, effect=1.5, days=40, seed=0):
    """Heights that are nothing but constants of page x keyword and of the list, and votes `lag` days before."""
    keyword, page, step = grid(days, seed=seed)
    votes = growing(days + 20, seed=seed)
    heard = np.log2(1 + votes)[page, np.clip(step - lag, 0, days + 19)]
    position = 300 + 7 * np.sin(keyword + 3.3 * page) + 5 * np.cos(keyword * 1.7 + step) - effect * heard
    return panel_of(keyword, page, step, position, votes[:, :days])


def alone(votes, **changes):
    """One keyword whose lists hold every page on every day, in the order of the pages."""
    page, step = (x.ravel() for x in np.indices(np.shape(votes)))
    return panel_of(0 * page, page, step, page + 1, votes, **changes)


@pytest.fixture(scope="module")
def worlds():
    """One simulated world of each kind, votes at work with 0.5 where they are."""
    seeds = {"no effect": 1, "effect": 0, "shared cause": 0, "reverse": 0, "shock": 0}
    return {kind: simulate(Settings(kind=kind, keywords=40, days=75, effect=0.5), seed) for kind, seed in seeds.items()}


@pytest.fixture(scope="module")
def found(worlds):
    """What timing says of each."""
    return {kind: timing(world.panel) for kind, world in worlds.items()}


# --- by hand


@pytest.mark.parametrize("lag", sorted(FIRST_DAY.values()))
def test_a_known_effect_without_noise(lag):
    """Heights hear votes `lag` days late: windows from there on show the effect, less a list's own share, others 0."""
    panel = exact(lag)
    result = timing(panel)
    assert result is not None
    share = own_share(usable_rows(panel))
    assert share == pytest.approx(0.8)
    for name, first in FIRST_DAY.items():
        assert result.path[name].estimate == pytest.approx(1.5 * share * (first >= lag), abs=1e-6)


def test_a_step_two_days_late_without_noise():
    """Votes lift from the second day on: 13 of 14 days after have it, none before, none on the day."""
    result = timing(exact(lag=2))
    assert result is not None
    for contrast in (result.after, result.after_same_day, result.after_long_before):
        assert contrast.estimate == pytest.approx(13 / 14 * 1.5 * 0.8, abs=1e-6)
    assert result.same_day.estimate == pytest.approx(0, abs=1e-6)
    assert result.lead_share == pytest.approx(0, abs=1e-5)
    assert (result.sign, result.n_keywords, result.n_steps, result.n_rows) == (1, 12, 25, 12 * 5 * 25)
    assert result.p_forward < 1e-6


def test_a_reaction_of_votes_shows_in_the_leads():
    """Heights that run a day ahead of votes show on the day (6/7 against the week before) and before it."""
    result = timing(exact(lag=-1))
    assert result is not None
    assert result.after.estimate == pytest.approx(6 / 7 * 1.5 * 0.8, abs=1e-6)
    assert result.after_same_day.estimate == pytest.approx(0, abs=1e-6)
    assert result.path["before_1"].estimate == pytest.approx(1.5 * 0.8, abs=1e-6)


def test_worse_positions_after_votes_are_negative():
    """An effect that pushes pages down has a negative sign and the same size."""
    up, down = timing(exact(lag=1)), timing(exact(lag=1, effect=-1.5))
    assert up is not None and down is not None
    assert (up.sign, down.sign) == (1, -1)
    assert down.after.estimate == pytest.approx(-up.after.estimate, abs=1e-6)


def test_windows_by_hand():
    """Doublings of t^2 at day t: each window is the growth over its days, the last one a level."""
    days = 20
    panel = alone([[2.0 ** (0.1 * t * t) - 1 for t in range(days)]] * 2)
    rows = usable_rows(panel)
    t = panel.step[rows.index]
    np.testing.assert_array_equal(np.unique(t), np.arange(8, days - 7))
    limits = dict(zip(NAMES, pairwise(OFFSETS), strict=False))
    for name, (to, since) in limits.items():
        np.testing.assert_allclose(rows.terms[name], 0.1 * ((t + to) ** 2 - (t + since) ** 2), atol=1e-9)
    np.testing.assert_allclose(rows.terms["after_8"], 0.1 * (t - 8) ** 2, atol=1e-9)


def test_windows_are_as_long_as_they_say():
    """Windows follow each other without gaps: each begins where the one before ends."""
    days = BEFORE | {"same_day": 1} | AFTER
    first = [FIRST_DAY[name] for name in NAMES]
    assert [first[i] + days[NAMES[i]] for i in range(7)] == first[1:]


def test_terms_add_up_to_the_level():
    """All windows together are the votes known seven days later."""
    panel = exact(lag=2)
    rows = usable_rows(panel)
    u, t = panel.page[rows.index], panel.step[rows.index]
    np.testing.assert_allclose(sum(rows.terms.values()), panel.doublings[u, t + 7], atol=1e-9)


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ([0, NAN, NAN, NAN, 4], [0, 1, 2, 3, 4]),
        ([0, NAN, NAN, NAN, NAN, 5], [0, NAN, NAN, NAN, NAN, 5]),
        ([NAN, 2, NAN, 3, NAN], [NAN, 2, 2.5, 3, NAN]),
        ([3, NAN, 1, NAN, NAN, 1], [3, 2, 1, 1, 1, 1]),
        ([NAN, NAN], [NAN, NAN]),
    ],
)
def test_bridges_by_hand(levels, expected):
    """Up to three unknown days between readings become a straight line of doublings; ends and longer gaps do not."""
    panel = alone([[2.0**x - 1 for x in levels]])
    np.testing.assert_allclose(bridged(panel), [expected], atol=1e-12)


def test_bridges_stay_on_one_ruler():
    """Between two rulers nothing is drawn; on either side it is. Each page has bridges of its own."""
    votes = [[1, NAN, 7, NAN, 31], [0, NAN, NAN, 7, 7]]
    ruler = np.array([[0, 0, 0, 1, 1], [0, 0, 0, 0, 0]])
    panel = alone(votes, ruler=ruler)
    np.testing.assert_allclose(bridged(panel), [[1, 2, 3, NAN, 5], [0, 1, 2, 3, 3]], atol=1e-12)
    assert np.isnan(panel.votes[0, 1])  # the panel itself stays as it was


@pytest.mark.parametrize("what", ["ruler", "segment"])
def test_rows_stay_on_one_side_of_a_break(what):
    """No row looks across a change of the counts' ruler (of its own page) or of the positions' segment (of all)."""
    days, changed = 50, 25
    panel = alone(growing(days, pages=3))
    after = (np.arange(days) >= changed).astype(np.int64)
    changes = {"ruler": np.outer([1, 0, 0], after)} if what == "ruler" else {"segment": after}
    panel = replace(panel, **changes)
    rows = usable_rows(panel)
    t, page = panel.step[rows.index], panel.page[rows.index]
    clear = (t + 7 < changed) | (t - 8 >= changed)
    assert clear[page == 0].all() and clear[page == 0].any()
    assert clear[page != 0].all() == (what == "segment")
    assert np.unique(rows.unit[page == 0]).size == 2
    assert np.unique(rows.unit[page == 1]).size == (1 if what == "ruler" else 2)


def test_own_share_by_hand():
    """Two lists, of 2 and 4 rows: a page is 2/6 of what it is compared with."""
    rows = replace(usable_rows(exact(lag=1)), lists=np.array([0, 0, 1, 1, 1, 1]))
    assert own_share(rows) == pytest.approx(1 - 2 / 6)


def test_heights_of_pages_by_hand():
    """A page's height is the mean over its lists of the day, each against its own mean; no list, NaN."""
    keyword, page, step = [0, 0, 1, 1, 1], [0, 0, 0, 0, 0], [0, 1, 0, 1, 2]
    panel = panel_of(keyword, page, step, [4, 2, 9, 9, 3], np.zeros((1, 4)))
    np.testing.assert_allclose(page_heights(panel), [[(-1 - 2) / 2, (1 - 2) / 2, 4, NAN]])


def test_votes_that_follow_positions_without_noise():
    """New votes that are made of yesterday's heights give 1 for the day before and 0 for every other day."""
    days, pages = 40, 25
    rng = np.random.default_rng(5)
    keyword, page, step = (np.repeat(np.arange(pages), days) * k for k in (0, 1, 0))
    step = np.tile(np.arange(days), pages)
    panel = panel_of(keyword, page, step, rng.uniform(1, 10, page.size), np.zeros((pages, days)))
    height = page_heights(panel)
    new = np.zeros((pages, days))
    new[:, 1:] = 2 ** (20 + height[:, :-1] + np.sin(np.arange(days - 1)) + np.arange(pages)[:, None] % 3) - 1
    fit = backward_fit(replace(panel, votes=np.cumsum(new, axis=1)))
    assert fit is not None
    assert dict(zip(fit.names, fit.coef, strict=True)) == pytest.approx(
        {name: float(name == "before_1") for name in fit.names}, abs=1e-6
    )
    assert set(fit.shifts) == {"page", "domain"}


@pytest.mark.parametrize(
    ("before", "same_day", "after", "leads"),
    [(1, 0, 0, True), (1, 0.3, 0.3, True), (0.3, 1, 0, False), (0.3, 0, 1, False), (0, 0, 0, False), (-1, 0, 0, False)],
)
def test_positions_lead_only_where_heights_before_do_most(before, same_day, after, leads):
    """New votes that go more with heights of the same day, or of the day after, are no sign that votes follow."""
    days, rng = 45, np.random.default_rng(8)
    page, step = (x.ravel() for x in np.indices((60, days)))
    panel = panel_of(page // 5, page, step, rng.uniform(1, 10, page.size), np.zeros((60, days)))
    height = np.pad(page_heights(panel), ((0, 0), (1, 1)))
    heard = before * height[:, :-2] + same_day * height[:, 1:-1] + after * height[:, 2:]
    new = 2 ** (25 + heard + rng.normal(size=heard.shape)) - 1
    result = timing(replace(panel, votes=np.cumsum(new, axis=1)))
    assert result is not None
    assert (result.p_backward < 1e-6) == leads
    assert leads or result.p_backward == 1 or not before > 0


def test_falling_counts_are_no_votes_and_rulers_are_not_crossed():
    """A reading that fell (votes taken back) brings no new votes; across a change of ruler new votes are unknown."""
    panel = exact(lag=1)
    fallen = panel.votes.copy()
    fallen[:, 20] = fallen[:, 19] - 1
    level = panel.votes.copy()
    level[:, 20] = level[:, 19]
    level[:, 21:] += 1.0  # the day after, the same number of new votes as after the fall
    ours, theirs = (backward_fit(replace(panel, votes=v)) for v in (fallen, level))
    cut = backward_fit(replace(panel, ruler=np.broadcast_to(np.arange(40) >= 20, panel.ruler.shape).astype(np.int64)))
    assert ours is not None and theirs is not None and cut is not None
    watched = np.unique(panel.page).size
    np.testing.assert_allclose(ours.coef, theirs.coef, atol=1e-9)
    assert ours.n_rows == watched * (40 - 2 * 7)
    assert cut.n_rows == ours.n_rows - watched


# --- what there is too little of


def test_why_not_says_what_is_missing():
    """Each shortage has its sentence with the numbers, and no estimate; where all is there, no sentence."""
    whole = exact(lag=2)
    assert why_not(whole) == ""
    short = exact(lag=2, days=28)
    assert why_not(short).startswith("it takes 14 days with votes known from 8 days before to 7 days after")
    assert "there are 13 (about 29 days of lists and votes in all)" in why_not(short)
    assert "14 weeks with votes known from 8 weeks" in why_not(replace(short, step_days=7))
    still = replace(whole, votes=np.where(np.arange(30)[:, None] < 11, 7.0, whole.votes))
    gaining = np.unique(whole.page[whole.page >= 11]).size
    assert why_not(still) == f"it takes 20 pages that gain votes while they are watched, and there are {gaining}"
    assert why_not(replace(whole, keyword=whole.keyword % 9)) == "it takes 10 keywords, and there are 9"
    for panel in (short, still):
        assert timing(panel) is None


def test_lists_of_a_single_page_compare_with_nothing():
    """Where every list holds one page, there is nothing that a list's own day could be taken from."""
    days = 40
    page, step = (x.ravel() for x in np.indices((25, days)))
    panel = panel_of(page, page, step, 1 + page % 7, growing(days, pages=25))
    assert "holds a single page" in why_not(panel)
    assert timing(panel) is None


def test_counts_that_are_never_known():
    """Without a single known count there are no rows, and a sentence rather than an error."""
    panel = exact(lag=2)
    unknown = replace(panel, votes=np.full_like(panel.votes, NAN))
    assert usable_rows(unknown).index.size == 0
    assert "there are 0" in why_not(unknown)
    assert timing(unknown) is None
    assert backward_fit(unknown) is None


def test_votes_that_do_not_differ_within_lists_give_nothing():
    """If all pages gain the same votes on the same days, list effects take all of it: no estimate."""
    panel = exact(lag=2)
    same = replace(panel, votes=np.tile(growing(40)[0], (30, 1)))
    assert why_not(same) == ""
    assert timing(same) is None


def test_pages_that_change():
    """Only pages with growth in some window of their rows count; a page that keeps its votes does not."""
    votes = growing(40, pages=4)
    votes[1], votes[2] = 9.0, NAN
    panel = alone(votes)
    assert changing_pages(panel, usable_rows(panel)) == 2


# --- simulated worlds


@pytest.mark.parametrize("kind", ["no effect", "effect", "shared cause", "reverse", "shock"])
def test_the_direction_of_simulated_worlds(worlds, found, kind):
    """Of a world of each kind, what moved first is told right; where nothing does, it may also be left open."""
    told, true = direction(found[kind]), worlds[kind].truth.direction
    assert told == true or (true == "neither" and told == "unknown")


def test_the_size_of_a_simulated_effect(worlds, found):
    """The interval of the effect holds the true mean gain over days 1 to 14, and not 0."""
    truth, (low, high) = worlds["effect"].truth.path[1:15].mean(), found["effect"].after.interval
    assert 0 < low < truth < high < 2 * truth


def test_intervals_of_idle_worlds_hold_zero(found):
    """Where votes do nothing and follow nothing, 0 is within the interval, also if good pages have more votes."""
    for kind in ("no effect", "shared cause"):
        low, high = found[kind].after.interval
        assert low < 0 < high


def test_what_a_shock_and_followers_look_like(found):
    """News stands out on the day, and votes do not follow positions; followers do, and leads are not flat."""
    assert found["shock"].p_same_day < 0.001 and found["shock"].p_backward > 0.05
    assert found["reverse"].p_backward < 1e-6 and found["reverse"].p_leads < 0.001


def test_the_largest_p_decides(found):
    """p of the forward direction is two-sided and that of the weakest of three contrasts, in the better direction."""
    for result in found.values():
        above = [c.p_above for c in (result.after, result.after_same_day, result.after_long_before)]
        up, down = max(above), max(1 - p for p in above)
        assert result.p_forward == pytest.approx(min(1, 2 * min(up, down)))
        assert result.sign == (1 if up <= down else -1)


def test_contrasts_are_those_of_the_path(worlds, found):
    """The contrasts are the means of the path over their days, and the path is the fit's, less the own share."""
    result, panel = found["effect"], worlds["effect"].panel
    path = {name: c.estimate for name, c in result.path.items()}
    after, before = (sum(path[n] * d for n, d in days.items()) / sum(days.values()) for days in (AFTER, BEFORE))
    assert result.after.estimate == pytest.approx(after - before)
    assert result.after_long_before.estimate == pytest.approx(after)
    assert result.after_same_day.estimate == pytest.approx(after - path["same_day"])
    assert result.same_day.estimate == pytest.approx(path["same_day"] - before)
    assert result.lead_share == pytest.approx(max(abs(path[n]) for n in BEFORE) / abs(after - before))
    rows = usable_rows(panel)
    fit = forward_fit(panel, rows)
    assert fit is not None
    np.testing.assert_allclose(list(path.values()), fit.coef * own_share(rows))
    assert set(fit.shifts) == {"page", "domain", "keyword"}


def test_hidden_counts_and_resets_do_not_bias():
    """With counts hidden, lists missing and counters reset, the interval still holds the truth."""
    hard = Settings(kind="effect", effect=0.5, keywords=40, days=75, hidden=0.2, missing=0.15, resets=0.2)
    world = simulate(hard, 3)
    result = timing(world.panel)
    assert result is not None
    low, high = result.after.interval
    assert 0 < low < world.truth.path[1:15].mean() < high


# --- properties


@given(st.integers(0, 10**6))
@relaxed
def test_rows_are_those_whose_votes_are_known(seed):
    """With counts unknown, rulers and segments changed at random: a row is used exactly if all its readings allow."""
    rng = np.random.default_rng(seed)
    pages, days = 4, 45
    votes = np.where(rng.random((pages, days)) < rng.uniform(0, 0.5), NAN, growing(days, pages, seed % 1000))
    ruler = np.cumsum(rng.random((pages, days)) < 0.02, axis=1)
    segment = np.cumsum(rng.random(days) < 0.01)
    panel = alone(votes, ruler=ruler, segment=segment)
    level, rows = bridged(panel), usable_rows(panel)
    expected = [
        i
        for i, (u, t) in enumerate(zip(panel.page, panel.step, strict=True))
        if 8 <= t < days - 7
        and ruler[u, t - 8] == ruler[u, t + 7]
        and segment[t - 8] == segment[t + 7]
        and all(np.isfinite(level[u, t + k]) for k in OFFSETS)
    ]
    np.testing.assert_array_equal(rows.index, expected)
    assert all(np.isfinite(x).all() for x in rows.terms.values())


@given(st.integers(0, 10**6), st.integers(0, 39), st.integers(0, 29))
@relaxed
def test_votes_change_only_rows_whose_windows_they_are_in(seed, day, page):
    """Counts of one page from some day on leave alone the rows of others, and its own of a week and more before."""
    panel = exact(lag=2)
    votes = panel.votes.copy()
    votes[page, day:] += np.random.default_rng(seed).integers(1, 1000)
    one, other = usable_rows(panel), usable_rows(replace(panel, votes=votes))
    np.testing.assert_array_equal(one.index, other.index)
    u, t = panel.page[one.index], panel.step[one.index]
    same = (u != page) | (t + 7 < day)
    for name in NAMES:
        np.testing.assert_array_equal(one.terms[name][same], other.terms[name][same])
    moved = (u == page) & (t - 8 >= day)
    for name in NAMES[:-1]:  # a higher level from long ago is a smaller growth since, and more of it long ago
        assert (np.abs(other.terms[name]) <= np.abs(one.terms[name]))[moved].all()


def test_positions_outside_the_rows_do_not_matter():
    """Forward, positions of the first 8 and last 7 days are not looked at: their votes are not all known."""
    panel = simulate(Settings(kind="effect", keywords=20, days=50), 1).panel
    outside = (panel.step < 8) | (panel.step >= 50 - 7)
    moved = replace(panel, position=np.where(outside, 99.0, panel.position))
    one, other = (forward_fit(p, usable_rows(p)) for p in (panel, moved))
    assert one is not None and other is not None
    np.testing.assert_array_equal(one.coef, other.coef)


def same(one, other, *, backward=True):
    """Whether two answers agree, to what the solver leaves open."""
    assert one is not None and other is not None
    for ours, theirs in zip(contrasts(one), contrasts(other), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
    ps = ("p_forward", "p_leads", "p_same_day", "lead_share", *(("p_backward",) if backward else ()))
    for name in (*ps, "sign", "n_rows", "n_pages", "n_keywords", "n_steps"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-3, abs=1e-6)


def contrasts(result):
    """Estimate and error of everything estimated."""
    whole = (result.after, result.after_same_day, result.after_long_before, result.same_day, *result.path.values())
    return np.array([(c.estimate, c.se) for c in whole]).T


@pytest.fixture(scope="module")
def small():
    """A panel with unknown counts, missing lists and resets, and its answer."""
    world = Settings(kind="reverse", keywords=20, days=50, hidden=0.1, missing=0.1, resets=0.2)
    panel = simulate(world, 2).panel
    return panel, timing(panel)


@pytest.mark.parametrize("seed", range(2))
def test_names_and_order_do_not_matter(small, seed):
    """Pages, keywords and domains numbered otherwise and rows in any order: the same answer."""
    panel, result = small
    rng = np.random.default_rng(seed)
    pages, keywords, order = (rng.permutation(n) for n in (panel.domain.size, 20, panel.keyword.size))
    back = np.argsort(pages)
    other = replace(
        panel, keyword=keywords[panel.keyword][order], page=pages[panel.page][order], step=panel.step[order],
        position=panel.position[order], votes=panel.votes[back], ruler=panel.ruler[back],
        domain=rng.permutation(panel.domain.max() + 1)[panel.domain[back]],
    )  # fmt: skip
    same(result, timing(other))


def test_constants_of_a_page_in_a_keyword_do_not_matter(small):
    """A page that always stands lower for a keyword, for whatever constant reason, changes nothing."""
    panel, result = small
    constant = 10 + 5 * np.sin(panel.keyword * 31 + panel.page)
    same(result, timing(replace(panel, position=panel.position + constant)))


def test_constants_of_a_list_do_not_matter_forward(small):
    """A whole list that moves on some day changes nothing forward; backward, heights of pages do move."""
    panel, result = small
    constant = 5 * np.sin(panel.keyword * 31 + panel.step)
    same(result, timing(replace(panel, position=panel.position + constant)), backward=False)


def test_effects_scale_with_positions(small):
    """Positions twice as far apart give twice the effects and errors, and the same p."""
    panel, result = small
    double = timing(replace(panel, position=2 * panel.position))
    assert result is not None and double is not None
    np.testing.assert_allclose(contrasts(double), 2 * contrasts(result), rtol=1e-5, atol=1e-6)
    assert double.p_forward == pytest.approx(result.p_forward, abs=1e-6)
    assert double.p_backward == pytest.approx(result.p_backward, abs=1e-6)


def test_the_lag_is_the_day_of_the_jump(worlds, found):
    """Where votes lead, the lag is the true one to the day; a world in which nothing leads has none."""
    assert found["effect"].lag == worlds["effect"].truth.lag_days
    assert found["reverse"].lag is None
