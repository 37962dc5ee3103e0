"""Simulated worlds are what they say: their positions, votes, what is hidden of them, and above all their truth."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from models.ranks.association import associate
from models.simulation import simulate as simulation
from models.simulation.panel import overtaken
from models.simulation.scores import carried, lay, lift_of, noise_of, places
from models.simulation.settings import WARM_UP_DAYS
from models.simulation.simulate import HARDSHIPS, KINDS, Settings, simulate, under
from models.simulation.votes import arrive, follow, news, recounted

TINY = Settings(keywords=4, candidates=9, domains=5, depth=5, days=8)
SMALL = Settings(keywords=20, days=40)
ARRIVALS = ("bursts", "steady", "viral")
worlds = st.builds(
    Settings,
    kind=st.sampled_from(KINDS),
    keywords=st.integers(1, 6),
    candidates=st.integers(1, 12),
    domains=st.integers(1, 9),
    depth=st.integers(1, 14),
    days=st.integers(1, 15),
    effect=st.floats(-1, 1),
    lag=st.integers(0, 40),
    response=st.sampled_from(["step", "fading"]),
    arrivals=st.sampled_from(ARRIVALS),
    noise=st.sampled_from(["ar", "iid", "walk"]),
    tails=st.sampled_from(["normal", "gumbel", "student"]),
    page_noise=st.floats(0, 0.5),
    domain_noise=st.floats(0, 0.5),
    sparse=st.floats(0, 1),
    hidden=st.floats(0, 1),
    missing=st.floats(0, 1),
    resets=st.floats(0, 1),
    shock_spread=st.floats(0, 9),
)


def naive_rho(settings, seed):
    """Mean within-list rho of a world's panel."""
    p = simulate(settings, seed).panel
    list_id = p.keyword * settings.days + p.step
    return associate(list_id, p.keyword, p.position, p.votes[p.page, p.step], p.depth, draws=10).mean_rho


def cell_of_rows(world):
    """Day, keyword and candidate of each row of the panel."""
    at = {(k, page): c for k, pages in enumerate(world.candidates) for c, page in enumerate(pages.tolist())}
    p = world.panel
    return [
        (t, k, at[k, page]) for t, k, page in zip(p.step.tolist(), p.keyword.tolist(), p.page.tolist(), strict=True)
    ]


def new_votes(world):
    """New votes (P, T - 1) of the days after the first."""
    return np.diff(world.votes, axis=1)


# --- by hand


def test_overtaken_by_hand():
    """Scores 9 7 6.5 3: a rise by 1 passes one neighbour (6.5 to 7), by 2.2 also 7 to 9, by 2.6 also 6.5 to 9."""
    ranked, rows = np.array([[9.0, 7, 6.5, 3]]), np.ones((1, 4), dtype=bool)
    np.testing.assert_array_equal(overtaken(ranked, rows, np.array([0.0, 1, 2.2, 2.6]), 4), [0, 1 / 4, 2 / 4, 3 / 4])
    np.testing.assert_array_equal(overtaken(ranked, rows, np.array([-1.0, -3.6]), 4), [-1 / 4, -4 / 4])


def test_overtaken_below_the_depth_is_not_seen():
    """At depth 1, positions 2, 3 and 4 are one place: passing the third is not seen, passing the first is."""
    ranked, rows = np.array([[9.0, 7, 6.5, 3]]), np.array([[False, True, True, True]])
    np.testing.assert_array_equal(overtaken(ranked, rows, np.array([1.0, 2.2, 2.6]), 1), [0, 1 / 3, 2 / 3])
    np.testing.assert_array_equal(overtaken(ranked, ~rows, np.array([-1.0, -2.2, -2.6]), 1), [0, -1, -1])


def test_gain_without_rows_is_unknown():
    """Nothing seen: the gain of an effect is NaN, that of no effect is still 0."""
    nothing = np.zeros((1, 2), dtype=bool)
    np.testing.assert_array_equal(overtaken(np.array([[2.0, 1]]), nothing, np.array([0.0, 1]), 2), [np.nan, np.nan])
    np.testing.assert_array_equal(overtaken(np.array([[2.0, 1]]), nothing, np.array([0.0]), 2), [0.0])


def test_carried_and_places_by_hand():
    """Half of 8 is carried on, day after day; the second candidate of three is the best."""
    np.testing.assert_array_equal(carried(np.array([8.0, 0, 0, 1]), 0.5), [8, 4, 2, 2])
    np.testing.assert_array_equal(places(np.array([[1, 2, 0]])), [[3, 1, 2]])


def test_a_recount_halves_once_for_good():
    """Every page with votes loses half of what it had the day before, its ruler changes that day; others keep both."""
    world = replace(TINY, resets=1.0)
    true = np.cumsum(np.ones((8, world.n_pages), dtype=int), axis=0) * 10
    true[:, 0] = 0
    shown, ruler = recounted(world, 5, true)
    when = ruler.argmax(axis=0)
    assert (ruler[:, 0] == 0).all() and (shown[:, 0] == 0).all()
    for page in range(1, world.n_pages):
        lost = (true - shown)[:, page]
        assert (lost[: when[page]] == 0).all() and (lost[when[page] :] == true[when[page] - 1, page] / 2).all()
        np.testing.assert_array_equal(ruler[:, page], lost > 0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "magic"}, "kind .* use one of"),
        ({"noise": "pink"}, "noise .* use one of"),
        ({"days": 0}, "days .* 1 or more"),
        ({"hidden": 1.2}, "hidden .* share"),
        ({"sparse": float("nan")}, "sparse .* share"),
        ({"page_noise": 0.7, "domain_noise": 0.7}, "sum to 1"),
        ({"lag": -1}, "0 or more"),
        ({"shock_spread": float("nan")}, "0 or more"),
    ],
)
def test_settings_that_make_no_world_are_refused(change, words):
    """The message names the setting, what it is and what it may be."""
    with pytest.raises(ValueError, match=words):
        Settings(**change)


def test_unknown_names_and_seeds_are_refused():
    """A hardship that does not exist and a seed below 0 are errors in words."""
    with pytest.raises(ValueError, match="use one of"):
        under("rain", TINY)
    with pytest.raises(ValueError, match="seed"):
        simulate(TINY, -1)


def test_all_at_once_is_all_the_others():
    """The last hardship holds every change of the others, and each makes a world that can be simulated."""
    assert all(HARDSHIPS["all at once"].items() >= changes.items() for changes in HARDSHIPS.values())
    sizes = {name: simulate(under(name, SMALL), 1).panel.position.size for name in HARDSHIPS}
    assert sizes["shallow"] < sizes["plain"] and sizes["missing days"] < sizes["plain"]


# --- the truth, against brute force


@pytest.mark.parametrize("response", ["step", "fading"])
@pytest.mark.parametrize("effect", [0.6, -0.6])
def test_path_equals_ordering_each_list_anew(response, effect):
    """The path is what comes of raising each row's score, ordering its list anew and averaging the capped gain."""
    settings = replace(TINY, kind="effect", effect=effect, response=response, missing=0.2)
    world = simulate(settings, 4)
    cells, gains = cell_of_rows(world), []
    for days in (0, 1, 2, 3, 9, 30, 60):
        gain = 0
        for t, k, c in cells:
            score = world.scores[t, k].copy()
            before = min(1 + (score > score[c]).sum(), settings.depth + 1)
            score[c] += effect * np.log(2) * settings.response_at(days)
            gain += before - min(1 + (score > score[c]).sum(), settings.depth + 1)
        gains.append(gain / len(cells))
    np.testing.assert_allclose(world.truth.path[[0, 1, 2, 3, 9, 30, 60]], gains, atol=1e-12)
    assert abs(gains[2]) > 0.1


@pytest.mark.parametrize("response", ["step", "fading"])
@pytest.mark.parametrize("lag", [0, 3])
def test_doubling_for_good_lifts_as_the_truth_says(response, lag):
    """In the world's own machinery, 1 + votes doubled from a day on add effect x ln 2 x response to later scores."""
    settings = Settings(kind="effect", effect=0.4, lag=lag, response=response)
    votes = np.random.default_rng(1).poisson(3.0, (50, 2)).cumsum(axis=0).astype(float)
    more = votes.copy()
    more[20:, 0] = 2 * (1 + votes[20:, 0]) - 1
    gained = lift_of(settings, more) - lift_of(settings, votes)
    expected = [0.4 * np.log(2) * settings.response_at(day - 20) if day >= 20 else 0.0 for day in range(50)]
    np.testing.assert_allclose(gained, np.c_[expected, np.zeros(50)], atol=1e-12)


def test_votes_of_old_lift_as_a_stock_or_not_at_all():
    """Votes that were there all the time hold a page up for good where their lift stays, and no more where it fades."""
    votes = np.full((9, 1), 7)
    np.testing.assert_allclose(lift_of(Settings(effect=0.4), votes), 0.4 * np.log(8))
    np.testing.assert_array_equal(lift_of(Settings(effect=0.4, response="fading"), votes), 0)


def test_responses_by_hand():
    """Nothing before the lag; a step stays whole, a fading one halves in a week."""
    step, fading = Settings(lag=2), Settings(lag=2, response="fading")
    assert [step.response_at(days) for days in (0, 1, 2, 9, 60)] == [0, 0, 1, 1, 1]
    np.testing.assert_allclose([fading.response_at(days) for days in (1, 2, 9, 16)], [0, 1, 1 / 2, 1 / 4])


@pytest.mark.parametrize("lag", [0, 1, 5])
def test_path_is_zero_before_the_lag(lag):
    """Votes cannot have done anything before they act, and a step does the same on every day from then on."""
    truth = simulate(replace(SMALL, kind="effect", lag=lag), 2).truth
    assert truth.path.shape == (61,) and (truth.direction, truth.lag_days) == ("votes_lead", lag)
    assert (truth.path[:lag] == 0).all() and truth.path[lag] > 0.5
    assert (truth.path[lag:] == truth.path[lag]).all()


@pytest.mark.parametrize(
    ("kind", "direction", "lag"),
    [
        ("no effect", "neither", None),
        ("shared cause", "neither", None),
        ("reverse", "positions_lead", 1),
        ("shock", "simultaneous", 0),
    ],
)
def test_votes_that_do_nothing_have_a_zero_path(kind, direction, lag):
    """Where votes do nothing the path is 0 throughout, whatever the setting of the effect, and positions too."""
    world = simulate(replace(SMALL, kind=kind, effect=0.9), 2)
    assert (world.truth.direction, world.truth.lag_days) == (direction, lag)
    assert (world.truth.path == 0).all()
    np.testing.assert_array_equal(world.scores, simulate(replace(SMALL, kind=kind, effect=0.0), 2).scores)


def test_an_effect_of_zero_is_no_effect():
    """The kind "effect" of size 0 is the very world of "no effect", truth included."""
    none, zero = simulate(SMALL, 3), simulate(replace(SMALL, kind="effect", effect=0.0), 3)
    np.testing.assert_array_equal(zero.positions, none.positions)
    np.testing.assert_array_equal(zero.votes, none.votes)
    assert (zero.truth.direction, zero.truth.lag_days) == ("neither", None)


# --- the panel, against its definition


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_panel_follows_from_the_tables(seed, missing):
    """The panel is what its docstring says of the result lists on file: pairs found often enough, capped when lost."""
    settings = replace(TINY, missing=missing, hidden=0.3, resets=0.3)
    world = simulate(settings, seed)
    rankings, votes = world.tables()
    found, read = {}, {}
    for k, url, position, day in zip(*rankings.values(), strict=True):
        found.setdefault((k, url), {})[day] = position
        read.setdefault(k, set()).add(day)
    often = {pair: days for pair, days in found.items() if 2 * len(days) >= len(read[pair[0]])}
    expected = {(k, u, d): days.get(d, settings.depth + 1) for (k, u), days in often.items() for d in read[k]}
    p = world.panel
    rows = [(world.keyword(k), world.url(u), d) for k, u, d in zip(p.keyword, p.page, p.step, strict=True)]
    assert dict(zip(rows, p.position.tolist(), strict=True)) == expected
    assert len(rows) == len(expected) and settings.depth + 1 in p.position
    counts = {(u, d): n for u, d, n in zip(*votes.values(), strict=True)}
    assert len(counts) == p.votes.size
    at = [counts[world.url(u), d] for u, d in zip(p.page, p.step, strict=True)]
    np.testing.assert_array_equal(at, p.votes[p.page, p.step])


def test_lists_in_tables_are_whole():
    """Each list that was read holds positions 1 to depth once, under addresses of the page's domain."""
    world = simulate(replace(SMALL, missing=0.2), 1)
    rankings, _ = world.tables()
    lists = rankings["position"].reshape(int(world.was_read.sum()), -1)
    np.testing.assert_array_equal(np.sort(lists, axis=1), np.tile(np.arange(1, 21), (len(lists), 1)))
    assert world.url(7).startswith(f"https://www.{world.domain(7)}/") and world.domain(7).endswith(".example")
    assert len({world.url(page) for page in range(len(world.votes))}) == len(world.votes)


def test_lost_pages_are_capped():
    """Pages that fall below the depth now and then stand one below it; nobody stands lower."""
    panel = simulate(Settings(depth=10, keywords=20, noise="iid"), 1).panel
    assert panel.position.max() == 11
    assert 0.05 < (panel.position == 11).mean() < 0.3


# --- what is hidden


@pytest.mark.parametrize("share", [0.15, 0.5])
def test_missing_and_hidden_shares_are_as_set(share):
    """Lists not read and counts not known come in the shares asked for, counts half in runs of about five days."""
    settings = Settings(keywords=30, missing=share, hidden=share, days=365)
    drawn = [simulate(settings, seed) for seed in range(3)]
    lost = [~world.was_read for world in drawn]
    assert np.mean(lost) == pytest.approx(share, abs=0.03)
    assert np.mean([x.all(axis=0) for x in lost]) == pytest.approx(share / 3, abs=0.03)
    hidden = np.concatenate([~world.known for world in drawn])
    throughout = hidden.all(axis=1)
    assert throughout.mean() == pytest.approx(share / 10, abs=0.02)
    assert hidden[~throughout].mean() == pytest.approx(share, abs=0.01)
    runs, single = share / 2, share / 2 / (1 - share / 2)
    both_known = (1 - single) ** 2 * (1 - runs - runs / 5)
    seen = ~hidden[~throughout]
    assert (seen[:, 1:] & seen[:, :-1]).mean() == pytest.approx(both_known, abs=0.01)


@pytest.mark.parametrize("kind", KINDS)
def test_sparse_pages_never_get_a_vote(kind):
    """Half of the pages stay at 0 in every kind of world, and hidden counts are NaN, never 0."""
    world = simulate(replace(SMALL, kind=kind, sparse=0.5, hidden=0.2, arrivals="steady"), 1)
    assert 0.5 <= (world.votes[:, -1] == 0).mean() < 0.6
    np.testing.assert_array_equal(np.isnan(world.panel.votes), ~world.known)
    np.testing.assert_array_equal(world.panel.votes[world.known], world.votes[world.known])


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_sparse_share_is_exact(share):
    """In a year every page is posted about, except for exactly the share that never is."""
    world = simulate(replace(SMALL, sparse=share, days=365), 1)
    assert (world.votes[:, -1] == 0).sum() == round(share * len(world.votes))


def test_resets_change_the_ruler_and_nothing_else():
    """Recounted pages are about the share asked for, and positions are those of the world without recounts."""
    settings = Settings(kind="effect", arrivals="steady")
    plain, reset = simulate(settings, 1), simulate(replace(settings, resets=0.3), 1)
    assert (reset.panel.ruler.max(axis=1) == 1).mean() == pytest.approx(0.3, abs=0.07)
    np.testing.assert_array_equal(reset.positions, plain.positions)
    same = reset.panel.ruler == 0
    np.testing.assert_array_equal(reset.votes[same], plain.votes[same])
    assert (reset.votes[~same] < plain.votes[~same]).all()


# --- the mechanisms


@pytest.mark.parametrize("arrivals", ARRIVALS)
def test_naive_correlation_is_fooled(arrivals):
    """Within lists, votes go with height in "effect", "shared cause" and "reverse" alike, and not in "no effect"."""
    settings = Settings(keywords=40, days=20, arrivals=arrivals)
    mean = {k: np.mean([naive_rho(replace(settings, kind=k), seed) for seed in range(10, 18)]) for k in KINDS}
    assert abs(mean["no effect"]) < 0.06
    assert min(mean["effect"], mean["reverse"], mean["shared cause"]) > 0.12
    assert mean["shock"] > 0.02


@pytest.mark.parametrize("tails", ["normal", "gumbel", "student"])
def test_noise_has_variance_one_and_the_tails_asked_for(tails):
    """Noise forgets as it should; gumbel leans towards good scores, student has heavy tails on both sides."""
    world = Settings(keywords=40, tails=tails, noise="iid", page_noise=0.0, domain_noise=0.0)
    noise = noise_of(world, 1, lay(world, 1))
    assert noise.mean() == pytest.approx(0, abs=0.02) and noise.var() == pytest.approx(1, abs=0.1)
    skew, kurtosis = (noise**3).mean(), (noise**4).mean()
    assert skew == pytest.approx(1.14 if tails == "gumbel" else 0, abs=0.3 if tails == "student" else 0.1)
    assert kurtosis > 5 if tails != "normal" else kurtosis == pytest.approx(3, abs=0.1)


@pytest.mark.parametrize(("kind", "day", "week"), [("ar", 0.8, 0.8**7), ("iid", 0, 0), ("walk", 0.29, 0.27)])
def test_noise_remembers_as_asked(kind, day, week):
    """Within a series, "ar" fades by 0.8 a day, "iid" has no memory, "walk" hardly fades in a week."""
    world = Settings(keywords=60, noise=kind, page_noise=0.0, domain_noise=0.0)
    noise = noise_of(world, 2, lay(world, 2))[WARM_UP_DAYS:]
    assert np.corrcoef(noise[:-1].ravel(), noise[1:].ravel())[0, 1] == pytest.approx(
        day, abs=0.25 * (kind == "walk") + 0.03
    )
    assert np.corrcoef(noise[:-7].ravel(), noise[7:].ravel())[0, 1] == pytest.approx(
        week, abs=0.25 * (kind == "walk") + 0.03
    )


def test_noise_is_shared_as_asked():
    """Two keywords of one page share the page's and the domain's part, two pages of one domain the domain's alone."""
    world = Settings(keywords=60, domains=40, noise="iid", page_noise=0.4, domain_noise=0.2)
    ground = lay(world, 3)
    noise = noise_of(world, 3, ground).reshape(-1, ground.candidates.size)
    page, domain = ground.candidates.ravel(), ground.domain[ground.candidates.ravel()]
    together = np.corrcoef(noise.T)
    same_page, same_domain = page[:, None] == page, domain[:, None] == domain
    np.fill_diagonal(same_page, False)
    assert together[same_page].mean() == pytest.approx(0.6, abs=0.03)
    assert together[same_domain & (page[:, None] != page)].mean() == pytest.approx(0.2, abs=0.05)
    assert together[~same_domain].mean() == pytest.approx(0, abs=0.03)


def test_pages_share_keywords_and_domains_are_uneven():
    """A list holds different pages, a page is in three lists on average, and the largest domain has many."""
    world = Settings()
    ground = lay(world, 1)
    assert all(len(set(pages)) == world.candidates for pages in ground.candidates.tolist())
    assert np.bincount(ground.candidates.ravel(), minlength=world.n_pages).mean() == 3
    size = np.sort(np.bincount(ground.domain))[::-1]
    assert size[0] > 0.1 * world.n_pages and size[:10].sum() > 0.5 * world.n_pages and size.min() == 1


def test_bursts_come_within_days():
    """Most days bring a page nothing and few bring a lot; four days hold most of the votes of two weeks."""
    new = new_votes(simulate(Settings(days=365), 1))
    assert (new == 0).mean() > 0.5
    biggest = new[:, 20:-20].argmax(axis=1) + 20
    rows = np.arange(len(new))
    near = sum(new[rows, biggest + d] for d in range(4))
    assert near.sum() > 0.7 * sum(new[rows, biggest + d] for d in range(-4, 10)).sum()


def test_steady_votes_are_poisson_around_rates_that_vary():
    """Of one page the variance is the mean; between pages it is many times that."""
    new = new_votes(simulate(Settings(days=365, arrivals="steady"), 1))
    assert (new.var(axis=1) / np.maximum(new.mean(axis=1), 1e-9))[new.mean(axis=1) > 0.2].mean() == pytest.approx(
        1, abs=0.03
    )
    assert new.mean(axis=1).var() == pytest.approx(1 / 0.7, rel=0.25)


def test_viral_votes_call_for_more():
    """Tomorrow's votes grow with today's, by less than one each, and the largest days dwarf the usual ones."""
    new = new_votes(simulate(Settings(days=365, arrivals="viral"), 1))
    today, tomorrow = new[:, :-1].ravel(), new[:, 1:].ravel()
    usual = today < 50
    slope = np.polyfit(today[usual], tomorrow[usual], 1)[0]
    assert 0.6 < slope < 1
    assert new.max() > 200 * new.mean()


def test_shared_cause_votes_follow_quality_alone():
    """The same throw of quality draws votes in "shared cause" and leaves them alone in "no effect"."""
    for kind, low, high in (("shared cause", 0.6, 1.0), ("no effect", -0.15, 0.15)):
        world = Settings(kind=kind)
        ground = lay(world, 5)
        assert low < np.corrcoef(ground.quality, np.log1p(arrive(world, 5, ground).sum(axis=0)))[0, 1] < high


@pytest.mark.parametrize("arrivals", ARRIVALS)
def test_reverse_votes_follow_the_day_before(arrivals):
    """With yesterday's positions turned round in a lone list, the votes of that day alone go to the other pages."""
    world = Settings(kind="reverse", keywords=1, candidates=400, pages_share=1, arrivals=arrivals, days=2)
    ground = lay(world, 1)
    first = np.tile(np.arange(1, 401, dtype=np.int16), (WARM_UP_DAYS + 2, 1, 1))
    turned = first.copy()
    turned[10] = turned[10][:, ::-1]
    before, after = follow(world, 1, ground, first), follow(world, 1, ground, turned)
    best, worst = ground.candidates[0, :10], ground.candidates[0, -10:]
    np.testing.assert_array_equal(before[:11], after[:11])
    assert before[11, best].sum() > 0 == before[11, worst].sum()
    assert after[11, best].sum() == 0 and after[:11, worst].sum() == 0 < after[11, worst].sum()
    assert after[12:, worst].sum() == 0 < after[12:, best].sum()


@pytest.mark.parametrize(("spread", "low", "high"), [(0.0, 1.0, 1.0), (0.5, 0.83, 0.9), (3.0, 0.25, 0.32)])
def test_news_brings_votes_the_same_day_as_far_as_set(spread, low, high):
    """News lifts the score and brings its votes on one day, or the later the larger the spread, never before."""
    world = Settings(kind="shock", shock_spread=spread, days=300)
    lift, votes, half_life = news(world, 1)
    fresh = lift.copy()
    fresh[1:] -= 0.5 ** (1 / half_life) * lift[:-1]
    is_news = fresh > 1e-9
    assert fresh.min() > -1e-9 and is_news.mean() == pytest.approx(0.012, abs=0.001)
    lone = is_news & (np.cumsum(is_news, axis=0) == 1)
    day, page = np.nonzero(lone[:-40])
    total = sum((votes[day + d, page] * (np.cumsum(is_news, axis=0)[day + d, page] == 1)).sum() for d in range(40))
    assert low <= votes[day, page].sum() / total <= high
    assert (votes[np.cumsum(is_news, axis=0) == 0] == 0).all()
    assert np.corrcoef(fresh[is_news], votes[is_news])[0, 1] > 0.3


def test_news_fades_at_a_speed_of_its_world():
    """Half-lives lie between 3 days and never, and both quick and lasting ones occur."""
    half_life = np.array([news(replace(TINY, kind="shock"), seed)[2] for seed in range(200)])
    assert half_life.min() >= 3 and np.median(half_life) < 12
    assert np.isinf(half_life).mean() == pytest.approx(0.2, abs=0.08)
    assert np.isnan(simulate(TINY, 1).truth.half_life_days)
    assert simulate(replace(TINY, kind="shock"), 7).truth.half_life_days == half_life[7]


# --- properties


def arrays_of(world):
    """Every array of a world by name."""
    parts = {"world": world, "panel": world.panel, "truth": world.truth}
    named = {f"{p}.{f.name}": getattr(part, f.name) for p, part in parts.items() for f in fields(part)}
    return {name: x for name, x in named.items() if isinstance(x, np.ndarray)}


@hypothesis_settings(max_examples=60, deadline=None, derandomize=True)
@given(worlds, st.integers(0, 10**6))
def test_any_world_is_whole(settings, seed):
    """Same seed, same world; positions are permutations in order of score; votes never fall but by a recount."""
    world, again = simulate(settings, seed), simulate(settings, seed)
    for name, x in arrays_of(world).items():
        np.testing.assert_array_equal(x, arrays_of(again)[name], err_msg=name)
    days, lists, candidates = world.positions.shape
    everyone = np.broadcast_to(np.arange(1, candidates + 1), (days, lists, candidates))
    np.testing.assert_array_equal(np.sort(world.positions, axis=-1), everyone)
    ranked = np.take_along_axis(world.scores, np.argsort(world.positions, axis=-1), axis=-1)
    assert (np.diff(ranked, axis=-1) <= 0).all()
    assert (world.votes >= 0).all() and (new_votes(world)[np.diff(world.panel.ruler, axis=1) == 0] >= 0).all()
    assert world.panel.position.min(initial=1) == 1
    assert world.panel.position.max(initial=1) <= settings.depth + 1
    path = world.truth.path * np.sign(settings.effect)
    assert np.isnan(path).all() or (path >= 0).all()


@pytest.mark.parametrize("arrivals", ARRIVALS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_future_never_changes_the_past(kind, arrivals, monkeypatch):
    """Other noise from a day on leaves positions before it, and votes up to it (which saw the day before), alone."""
    settings, day = replace(SMALL, kind=kind, arrivals=arrivals), 25
    plain = simulate(settings, 6)

    def other_later(*args):
        noise = noise_of(*args)
        noise[WARM_UP_DAYS + day :] *= -3
        return noise

    monkeypatch.setattr(simulation, "noise_of", other_later)
    changed = simulate(settings, 6)
    np.testing.assert_array_equal(changed.positions[:day], plain.positions[:day])
    np.testing.assert_array_equal(changed.votes[:, : day + 1], plain.votes[:, : day + 1])
    assert (changed.positions[day] != plain.positions[day]).any()
    assert (changed.votes != plain.votes).any() == (kind == "reverse")


@pytest.mark.parametrize("kind", KINDS)
def test_a_longer_world_begins_as_the_shorter(kind):
    """Days are thrown one after the other: more of them change nothing of the first ones."""
    short = simulate(replace(SMALL, kind=kind, hidden=0.2, missing=0.2), 8)
    long = simulate(replace(SMALL, kind=kind, hidden=0.2, missing=0.2, days=70), 8)
    np.testing.assert_array_equal(long.positions[:40], short.positions)
    np.testing.assert_array_equal(long.votes[:, :40], short.votes)
    np.testing.assert_array_equal(long.known[:, :40], short.known)
    np.testing.assert_array_equal(long.was_read[:, :40], short.was_read)


def test_one_mechanism_does_not_shift_another():
    """Hiding, missing, other tails of noise or another effect leave votes alone; other arrivals leave scores alone."""
    plain = simulate(SMALL, 9)
    for change in ({"hidden": 0.3}, {"missing": 0.3}, {"tails": "student"}, {"kind": "effect", "lag": 5}, {"depth": 7}):
        np.testing.assert_array_equal(simulate(replace(SMALL, **change), 9).votes, plain.votes)
    for change in ({"arrivals": "viral"}, {"sparse": 0.5}, {"resets": 0.5}, {"kind": "reverse"}):
        np.testing.assert_array_equal(simulate(replace(SMALL, **change), 9).scores, plain.scores)
    assert (simulate(SMALL, 10).votes != plain.votes).any()
