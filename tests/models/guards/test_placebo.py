"""Placebos of the timing estimate: what the statistic is, what each kind does, and what is left where nothing is."""

from dataclasses import replace

import numpy as np
import pytest

from models.guards import placebo
from models.guards.placebo import FEWEST_DAYS_MOVED, KINDS, Placebos, placebos
from models.in_time.panel_regression import swept
from models.in_time.timing import AFTER, BEFORE, NAMES, forward_fit, own_share, timing, usable_rows
from models.simulation.simulate import Settings, simulate

CONTRAST = {n: d / 14 for n, d in AFTER.items()} | {n: -d / 7 for n, d in BEFORE.items()}


def panel_of(kind, seed, **changes):
    """The panel of a small simulated world."""
    return simulate(Settings(kind=kind, **{"keywords": 20, "days": 50} | changes), seed).panel


def tried(panel, draws=20, seed=0):
    """Placebos of a panel, with what they stand beside."""
    real = timing(panel)
    assert real is not None
    return placebos(panel, usable_rows(panel), real, draws, seed), real


@pytest.fixture(scope="module")
def strong():
    """A panel with a clear effect, some counts unknown and some counters reset; its rows."""
    panel = panel_of("effect", 4, effect=0.8, hidden=0.1, resets=0.3)
    return panel, usable_rows(panel)


def weights_and_heights(panel, rows):
    """w and the heights without effects, as the module's docstring defines them."""
    terms = np.column_stack([rows.terms[name] for name in NAMES])
    columns = swept(np.column_stack([-panel.position[rows.index], terms]), (rows.unit, rows.lists))
    y, x = columns[:, 0], columns[:, 1:]
    return np.linalg.solve(x.T @ x, [CONTRAST.get(name, 0.0) for name in NAMES]), y


def growth_of(panel):
    """What pages gain from step to step, as placebos hand it round."""
    return placebo._growth(panel)


# --- the statistic


def test_with_real_votes_it_is_the_fitted_contrast(strong):
    """Handed every page's own votes, the sum over rows is the regression's *after*, before a list's own share."""
    panel, rows = strong
    w, y = weights_and_heights(panel, rows)
    own = growth_of(panel), panel.page[rows.index], panel.step[rows.index]
    fit, real = forward_fit(panel, rows), timing(panel)
    assert fit is not None and real is not None
    statistic = placebo._statistic(own, y, w)
    assert statistic == pytest.approx(fit.contrast(CONTRAST).estimate, rel=1e-6)
    assert statistic * own_share(rows) == pytest.approx(real.after.estimate, rel=1e-6)


def test_it_is_linear_in_votes_and_blind_to_levels(strong):
    """Twice the doublings give twice the statistic; a level that a page always had gives nothing."""
    panel, rows = strong
    w, y = weights_and_heights(panel, rows)
    growth, page, step = growth_of(panel), panel.page[rows.index], panel.step[rows.index]
    one = placebo._statistic((growth, page, step), y, w)
    assert placebo._statistic((2 * growth, page, step), y, w) == pytest.approx(2 * one)
    raised = growth.copy()
    raised[:, 0] += np.arange(len(growth))
    assert placebo._statistic((raised, page, step), y, w) == pytest.approx(one)


def test_unknown_windows_count_nothing(strong):
    """Rows at which the handed votes are unknown are left out of the sum; without any known ones it is 0."""
    panel, rows = strong
    w, y = weights_and_heights(panel, rows)
    growth, page, step = growth_of(panel), panel.page[rows.index], panel.step[rows.index]
    gone = page[0]
    less = growth.copy()
    less[gone] = np.nan
    kept = page != gone
    assert placebo._statistic((less, page, step), y, w) == pytest.approx(
        placebo._statistic((growth, page[kept], step[kept]), y[kept], w)
    )
    assert placebo._statistic((np.full_like(growth, np.nan), page, step), y, w) == 0


def test_growth_by_hand(strong):
    """Doublings from step to step, 0 on the first, unknown where a reading is or the ruler or segment changed."""
    panel = strong[0]
    pages = np.zeros((2, 5), dtype=np.int64)
    votes = np.array([[1, 3, 7, 0, 1], [0, np.nan, np.nan, np.nan, np.nan]], float)
    ruler, segment = pages.copy(), np.array([0, 0, 0, 0, 1])
    ruler[0, 3:] = 1
    small = replace(panel, votes=votes, ruler=ruler, segment=segment, domain=np.zeros(2, dtype=np.int64))
    np.testing.assert_allclose(
        growth_of(small), [[0, 1, 1, np.nan, np.nan], [0, np.nan, np.nan, np.nan, np.nan]], atol=1e-12
    )


# --- what each kind does


def handed(kind, panel, rows, seed=0):
    """growth, page and step that a kind hands to the rows."""
    return KINDS[kind](panel, rows, growth_of(panel), np.random.default_rng(seed))


def test_shuffled_votes_stay_in_the_keyword(strong):
    """In every keyword the pages of its lists exchange their votes one for one; days stay; most get another's."""
    panel, rows = strong
    growth, other, step = handed("shuffled in the list", panel, rows)
    keyword, page = panel.keyword[rows.index], panel.page[rows.index]
    np.testing.assert_array_equal(growth, growth_of(panel))
    np.testing.assert_array_equal(step, panel.step[rows.index])
    exchanged = []
    for k in np.unique(keyword):
        pairs = np.unique(np.column_stack([page, other])[keyword == k], axis=0)
        np.testing.assert_array_equal(np.unique(page[keyword == k]), np.sort(pairs[:, 0]))
        np.testing.assert_array_equal(np.sort(pairs[:, 0]), np.sort(pairs[:, 1]))
        exchanged.append((pairs[:, 0] != pairs[:, 1]).mean())
    assert np.mean(exchanged) > 0.8


def whose(growth, votes):
    """The pages whose votes these are, in the order of `votes`; pages without growth are not told apart."""
    same = np.isclose(votes[:, None, :], growth[None, :, :], equal_nan=True).all(axis=2)
    return [np.flatnonzero(row) for row in same]


def test_unrelated_votes_come_from_pages_of_other_keywords(strong):
    """Votes are those of another page, one that shares no keyword with the one that gets them, or unknown."""
    panel, rows = strong
    votes, page, step = handed("unrelated keyword", panel, rows)
    growth = growth_of(panel)
    np.testing.assert_array_equal(page, panel.page[rows.index])
    np.testing.assert_array_equal(step, panel.step[rows.index])
    lists = [set(panel.keyword[rows.index][page == u].tolist()) for u in range(len(votes))]
    received = 0
    for u in np.unique(page):
        if not np.isfinite(votes[u]).any():
            continue
        donors = [v for v in whose(growth, votes[u : u + 1])[0] if v != u and not lists[u] & lists[v]]
        assert donors
        received += 1
    assert received > 0.3 * np.unique(page).size


def test_unrelated_votes_are_none_where_all_pages_meet():
    """Where every page stands in one keyword's lists, there is no unrelated page: nothing is handed out."""
    panel = panel_of("no effect", 0, keywords=1, candidates=20)
    votes, page, _ = handed("unrelated keyword", panel, usable_rows(panel))
    assert np.isnan(votes[np.unique(page)]).all()


@pytest.mark.parametrize("days", [30, 50, 80])
def test_fake_dates_move_votes_round_in_time(days):
    """Each page keeps its votes, moved round by 15 days at least (a third of a short panel), not all by the same."""
    panel = panel_of("no effect", 1, days=days)
    rows = usable_rows(panel)
    growth = np.arange(1.0, days + 1) + 1000 * np.arange(panel.votes.shape[0])[:, None]
    votes, page, step = KINDS["fake dates"](panel, rows, growth, np.random.default_rng(0))
    np.testing.assert_array_equal(page, panel.page[rows.index])
    np.testing.assert_array_equal(step, panel.step[rows.index])
    np.testing.assert_array_equal(np.sort(votes, axis=1), growth)
    moved = (votes[:, 0] - growth[:, 0]).astype(int)
    np.testing.assert_array_equal(votes, [np.roll(row, -k) for row, k in zip(growth, moved, strict=True)])
    round_trip = np.minimum(moved, days - moved)
    assert round_trip.min() >= min(FEWEST_DAYS_MOVED, days // 3)
    assert np.unique(moved).size > 5


def test_future_votes_are_the_leads():
    """The votes of next week beat the estimate exactly where the mean of the leads is further in its direction."""
    for kind, seed in (("effect", 1), ("reverse", 2), ("no effect", 3), ("shared cause", 3)):
        found, real = tried(panel_of(kind, seed), draws=1)
        leads = sum(real.path[n].estimate * d for n, d in BEFORE.items()) / 7
        assert found.by_kind["future votes"] == float(leads * real.sign >= real.after.estimate * real.sign)


# --- the share


def test_a_strong_effect_is_not_found_in_placebos(strong):
    """Where votes work, other votes do not do as well: the share is small, of every kind."""
    found, real = tried(strong[0], draws=30)
    assert real.p_forward < 0.001
    assert found.share < 0.02
    assert all(share < 0.1 for share in found.by_kind.values())


def test_the_share_is_that_of_all_kinds(strong):
    """Each kind counts its draws, future votes count once."""
    found, _ = tried(panel_of("no effect", 5), draws=10)
    assert isinstance(found, Placebos)
    assert set(found.by_kind) == {*KINDS, "future votes"}
    assert found.n == 31
    beaten = sum(10 * found.by_kind[kind] for kind in KINDS) + found.by_kind["future votes"]
    assert found.share == pytest.approx(beaten / 31)
    assert all(10 * found.by_kind[kind] == pytest.approx(round(10 * found.by_kind[kind])) for kind in KINDS)


def test_a_negative_effect_is_compared_downwards(strong):
    """Positions that fall after votes are as far from placebos as positions that rise: the share is the same."""
    panel, _ = strong
    up, real = tried(panel)
    down, turned = tried(replace(panel, position=60.0 - panel.position))
    assert (real.sign, turned.sign) == (1, -1)
    assert down.by_kind == up.by_kind


def test_the_seed_decides():
    """The same seed gives the same placebos, another gives others; the panel is left as it was."""
    panel = panel_of("no effect", 7)
    votes = panel.votes.copy()
    one, two, other = (tried(panel, draws=40, seed=seed)[0] for seed in (1, 1, 2))
    assert one == two
    assert one.by_kind != other.by_kind
    np.testing.assert_array_equal(panel.votes, votes)


@pytest.fixture(scope="module")
def idle():
    """Placebos and sign of 40 small worlds in which votes do nothing."""
    found = [tried(panel_of("no effect", seed, keywords=16, days=45, noise="iid"), draws=20) for seed in range(40)]
    return [(one, real.sign) for one, real in found]


def upwards(share, sign):
    """The share of placebos that lie higher, of one that looks in the direction of the estimate."""
    return share if sign > 0 else 1 - share


@pytest.mark.parametrize("kind", [*KINDS, "all"])
def test_idle_votes_are_no_better_than_placebos(idle, kind):
    """Over 40 worlds without effect the real votes stand anywhere among their placebos: low, in the middle, high."""
    share = [upwards(found.share if kind == "all" else found.by_kind[kind], sign) for found, sign in idle]
    assert 0.35 < np.mean(share) < 0.65
    for third in (0, 1, 2):
        assert 3 <= np.sum((np.array(share) * 3 // 1).clip(0, 2) == third) <= 27


def test_looking_one_way_halves_the_share(idle):
    """The share looks in the direction of the estimate alone, so without effect it lies below a half on average."""
    share = np.array([found.share for found, _ in idle])
    assert 0.15 < share.mean() < 0.5
    assert np.mean(share < 0.05) < 0.35
