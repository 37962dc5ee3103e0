"""The rank-ordered logit: by hand, against R's survival and PlackettLuce and statsmodels, and by properties."""

import json
import warnings
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.duration.hazard_regression import PHReg

from models.ordered_logit.fit import Block, fit
from models.ordered_logit.statistics import ClusterScores, block_statistics, cluster_scores, score_residuals

R = 1e-6  # tolerance against R survival::coxph and PlackettLuce, as the reference cases ask

relaxed = settings(deadline=None, max_examples=20)


@pytest.fixture(scope="module")
def cases(shared):
    """The reference cases by id."""
    found = json.loads((shared / "data/reference/statistics.json").read_text(encoding="utf-8"))["cases"]
    return {case["id"]: case for case in found}


@pytest.fixture(scope="module")
def serp(cases):
    """Columns of the reference lists: list, position, x (n, 3) and domain."""
    d = cases["DATA_serp"]["inputs"]
    x = np.column_stack((np.log1p(d["shares"]), np.log1p(d["links"]), np.asarray(d["da"]) / 10))
    return np.asarray(d["kw"]), np.asarray(d["pos"]), x, np.asarray(d["dom"])


def simulated(seed=0, lists=40, longest=12, beta=(0.8, -0.4, 0.2)):
    """list_id, position, x of lists of 2 to `longest` rows drawn from the model, rows in random order."""
    rng = np.random.default_rng(seed)
    size = rng.integers(2, longest + 1, lists)
    ids = np.repeat(rng.permutation(lists) * 7 - 30, size)
    x = rng.normal(size=(ids.size, len(beta)))
    height = x @ np.asarray(beta) + rng.gumbel(size=ids.size)
    position = np.array([1 + ((ids == i) & (height > h)).sum() for i, h in zip(ids, height, strict=True)])
    shuffle = rng.permutation(ids.size)
    return ids[shuffle], position[shuffle].astype(float), x[shuffle]


def by_enumeration(block, beta):
    """The log-likelihood as defined: the sum of chances over all complete orders that fit what was seen."""
    eta = block.x @ beta + (0 if block.offset is None else block.offset)
    total = 0.0
    for name in np.unique(block.list_id):
        rows = np.flatnonzero(block.list_id == name)
        position = np.where(np.isnan(block.position[rows]), np.inf, block.position[rows])
        if block.top is not None:
            position[position > block.top] = np.inf
        weight, chance = np.exp(eta[rows]), 0.0
        for order in map(list, permutations(range(rows.size))):
            placed = position[order]
            if (placed[1:] >= placed[:-1]).all():
                chance += np.prod([weight[order[i]] / weight[order[i:]].sum() for i in range(rows.size)])
        total += np.log(chance)
    return total


def derivative(function, at, step=1e-5):
    """Central differences of a number or an array with respect to a vector."""
    moves = np.eye(at.size) * step
    return np.array([(function(at + move) - function(at - move)) / (2 * step) for move in moves])


def assert_same(one, two, tolerance):
    """Two fits agree in everything they estimate."""
    np.testing.assert_allclose(one.coef, two.coef, atol=tolerance, rtol=0)
    assert one.covariance.keys() == two.covariance.keys()
    for kind in one.covariance:
        np.testing.assert_allclose(one.covariance[kind], two.covariance[kind], atol=tolerance, rtol=0)
    np.testing.assert_allclose([one.loglik, one.score_test], [two.loglik, two.score_test], atol=100 * tolerance)


# --- by hand


def test_two_pages_are_a_coin_with_known_odds():
    """In lists of two that differ by 1, three of four times with the larger on top, odds are 3: b = log 3."""
    ids, position = np.repeat(np.arange(4), 2), np.tile([1, 2], 4)
    x = np.array([1.0, 0, 1, 0, 1, 0, 0, 1])[:, None]
    found = fit(Block(ids, position, x))
    assert found.coef[0] == pytest.approx(np.log(3), abs=1e-9)
    assert found.se()[0] == pytest.approx(1 / np.sqrt(4 * 0.75 * 0.25), abs=1e-9)
    assert found.loglik == pytest.approx(3 * np.log(0.75) + np.log(0.25), abs=1e-9)
    assert (found.n_lists, found.n_stages, found.n_rows, found.is_converged) == (4, 4, 8, True)


def test_more_votes_on_top_is_positive():
    """The sign is that of better positions."""
    rng = np.random.default_rng(0)
    x = np.sort(rng.normal(size=(50, 10)), axis=1)[:, ::-1] + rng.normal(size=(50, 10))
    assert fit(Block(np.repeat(np.arange(50), 10), np.tile(np.arange(1, 11), 50), x.reshape(-1, 1))).coef[0] > 0


@pytest.mark.parametrize("seed", range(6))
def test_equals_the_sum_over_all_orders(seed):
    """With ties, censored rows, `top` and an offset at once, the log-likelihood is that of enumeration, to 1e-12."""
    rng = np.random.default_rng(seed)
    ids = np.repeat(np.arange(8), rng.integers(1, 7, 8))
    position = rng.integers(1, 5, ids.size).astype(float)
    censored = rng.random(ids.size) < 0.3
    position[censored] = np.nan
    block = Block(ids, position, rng.normal(size=(ids.size, 3)), rng.normal(size=ids.size), censored, top=3)
    beta = rng.normal(size=3)
    found = block_statistics(beta, block)
    assert found.loglik == pytest.approx(by_enumeration(block, beta), abs=1e-12)


@pytest.mark.parametrize("is_tied", [False, True])
def test_derivatives_are_those_of_the_loglik(is_tied):
    """Gradient and Hessian agree with differences of log-likelihood and gradient; residuals sum to the gradient."""
    ids, position, x = simulated(3, 12)
    position = np.ceil(position / 3) if is_tied else position
    block, beta = Block(ids, position, x, top=6), np.array([0.3, -0.5, 0.9])
    found = block_statistics(beta, block)
    slope = derivative(lambda b: block_statistics(b, block).loglik, beta)
    curve = derivative(lambda b: block_statistics(b, block).gradient, beta)
    np.testing.assert_allclose(found.gradient, slope, atol=1e-7)
    np.testing.assert_allclose(found.hessian, curve, atol=1e-7)
    np.testing.assert_allclose(score_residuals(beta, block).sum(axis=0), found.gradient, atol=1e-12)


def test_untied_lists_give_the_same_through_the_sum_over_orders():
    """A tie among the last two of a list says as much as both censored, wherever the sums are taken."""
    ids, position, x = simulated(5, 20, 6)
    last = np.array([p >= position[ids == i].max() - 1 for i, p in zip(ids, position, strict=True)])
    tied = np.where(last, 99.0, position)
    tied[np.flatnonzero(last)[:1]] = 99.0
    censored = np.where(last, np.nan, position)
    beta = np.array([0.5, 0.1, -0.3])
    one, two = block_statistics(beta, Block(ids, tied, x)), block_statistics(beta, Block(ids, censored, x, None, last))
    assert one.loglik == pytest.approx(two.loglik, abs=1e-12)
    np.testing.assert_allclose(one.gradient, two.gradient, atol=1e-12)
    np.testing.assert_allclose(one.hessian, two.hessian, atol=1e-12)


def test_residuals_of_tied_rows_are_averages_over_orders():
    """A row's residual in a band is its mean over the two orders, each weighing its chance given the band."""
    x = np.array([[0.2], [1.1], [-0.4], [0.7]])
    beta, ids = np.array([0.9]), np.zeros(4, int)
    orders = [np.array([1.0, 2, 3, 4]), np.array([2.0, 1, 3, 4])]
    chance = np.array([np.exp(block_statistics(beta, Block(ids, p, x)).loglik) for p in orders])
    each = [score_residuals(beta, Block(ids, p, x)) for p in orders]
    expected = sum(c * r for c, r in zip(chance / chance.sum(), each, strict=True))
    found = score_residuals(beta, Block(ids, np.array([1.0, 1, 3, 4]), x))
    np.testing.assert_allclose(found, expected, atol=1e-13)


def test_a_small_sample_factor_is_applied_to_each_sandwich():
    """G / (G - 1) multiplies a one-way variance; the model's own is left alone."""
    ids, position, x = simulated(1)
    clusters = {"domain": np.arange(ids.size) % 11}
    plain = fit(Block(ids, position, x, clusters=clusters))
    larger = fit(Block(ids, position, x, clusters=clusters), small_sample=True)
    np.testing.assert_allclose(larger.covariance["domain"], plain.covariance["domain"] * 11 / 10, rtol=1e-12)
    np.testing.assert_allclose(larger.covariance["model"], plain.covariance["model"], rtol=1e-12)


# --- against references


def test_full_ranking_equals_coxph(cases, serp):
    """D1: coefficients, all four kinds of errors, likelihoods, score test, robust Wald, residuals and meat are R's."""
    ids, position, x, domain = serp
    block, out = Block(ids, position, x, clusters={"keyword": ids, "domain": domain}), cases["D1"]["outputs"]
    found = fit(block, clip=False)
    np.testing.assert_allclose(found.coef, out["coef"], atol=R)
    np.testing.assert_allclose(found.se(), out["se_model"], atol=R)
    np.testing.assert_allclose(found.se("keyword"), out["se_cluster_keyword"], atol=R)
    np.testing.assert_allclose(found.se("domain"), out["se_cluster_domain"], atol=R)
    np.testing.assert_allclose(found.se("keyword & domain"), out["se_twoway_kw_domain_CGM_nocorr"], atol=R)
    np.testing.assert_allclose(found.covariance["model"], out["vcov_model"], atol=R)
    tests = [found.loglik_null, found.loglik, found.score_test, found.wald("keyword")]
    expected = [out["loglik_null"], out["loglik"], out["score_test"], out["wald_robust"]]
    np.testing.assert_allclose(tests, expected, atol=R)
    np.testing.assert_allclose(score_residuals(found.coef, block)[:10], out["score_residuals_first10"], atol=R)
    np.testing.assert_allclose(cluster_scores(found.coef, block)[("keyword",)].meat, out["meat_keyword"], atol=1e-5)
    assert found.n_clusters == {
        "keyword": 14,
        "domain": len(set(domain)),
        "keyword & domain": len(set(zip(ids, domain, strict=True))),
    }


def test_a_two_way_matrix_with_a_negative_eigenvalue_is_mended_and_told(serp):
    """D1's two-way matrix is not positive semi-definite: clipped it is, errors grow, and a note says so."""
    ids, position, x, domain = serp
    block = Block(ids, position, x, clusters={"keyword": ids, "domain": domain})
    mended, raw = fit(block), fit(block, clip=False)
    assert np.linalg.eigvalsh(raw.covariance["keyword & domain"])[0] < -1e-6
    assert np.linalg.eigvalsh(mended.covariance["keyword & domain"])[0] > -1e-15
    assert (mended.se("keyword & domain") >= raw.se("keyword & domain")).all()
    assert np.isnan([mended.wald("keyword & domain"), raw.wald("keyword & domain")]).all()
    assert "negative eigenvalue, which was set to 0" in mended.notes[0]
    assert "no joint test" in raw.notes[0]


def test_top_three_equals_coxph(cases, serp):
    """D2: with three stages a list, the others staying in every risk set."""
    ids, position, x, _ = serp
    out = cases["D2"]["outputs"]
    found = fit(Block(ids, position, x, top=3, clusters={"keyword": ids}))
    np.testing.assert_allclose(found.coef, out["coef"], atol=R)
    np.testing.assert_allclose(found.se(), out["se_model"], atol=R)
    np.testing.assert_allclose(found.se("keyword"), out["se_cluster_keyword"], atol=R)
    np.testing.assert_allclose([found.loglik_null, found.loglik], out["loglik"], atol=R)


def test_top_one_is_the_conditional_logit(cases, serp):
    """D2: with one stage a list, it is McFadden's choice of one page; rows below may as well be censored."""
    ids, position, x, _ = serp
    out = cases["D2"]["outputs"]
    below = position > 1
    for block in (Block(ids, position, x, top=1), Block(ids, np.where(below, np.nan, position), x, None, below)):
        found = fit(block)
        np.testing.assert_allclose(found.coef, out["top1_conditional_logit_coef"], atol=R)
        np.testing.assert_allclose(found.se(), out["top1_se"], atol=R)


def test_bands_of_positions_have_the_marginal_likelihood(cases, serp):
    """D3: equals the sum over orders; Efron, Breslow and the discrete model are other models with other numbers."""
    ids, _, x, _ = serp
    out = cases["D3"]["outputs"]
    found = fit(Block(ids, np.asarray(cases["D3"]["inputs"]["bucket"]), x))
    np.testing.assert_allclose(found.coef, out["marginal"]["coef"], atol=R)
    np.testing.assert_allclose(found.se(), out["marginal"]["se"], atol=R)
    assert found.loglik == pytest.approx(out["marginal"]["loglik"], abs=R)
    for other in ("efron", "breslow", "exact"):
        assert abs(found.coef[0] - out[other]["coef"][0]) > 0.01
        assert abs(found.loglik - out[other]["loglik"]) > 0.5


def breslow(ids, time, has_event, x):
    """The blocks of Breslow's approximation: every event is a list of its own, all who are still there being below."""
    stages = [np.flatnonzero((ids == ids[i]) & (time >= time[i]) & (np.arange(ids.size) != i)) for i in range(ids.size)]
    rows = np.concatenate([np.append(i, stages[i]) for i in np.flatnonzero(has_event)])
    sizes = [1 + stages[i].size for i in np.flatnonzero(has_event)]
    lists = np.repeat(np.arange(len(sizes)), sizes)
    is_first = np.diff(lists, prepend=-1) > 0
    return Block(lists, np.where(is_first, 1.0, np.nan), x[rows], is_censored=~is_first)


def test_breslows_approximation_can_be_written_as_lists(cases, serp):
    """D3 and D4 (test1): a list per event, its risk set censored below it, gives coxph's numbers for ties="breslow".

    The rest of D4 cannot be expressed and is left out: Efron's approximation and the discrete model are other
    likelihoods, test1 and lung have tied times throughout, and lung's rows do not come with the reference cases.
    """
    ids, _, x, _ = serp
    d3, d4 = cases["D3"], cases["D4"]
    test1 = {name: np.asarray(values) for name, values in d4["inputs"]["test1"].items()}
    bands = np.asarray(d3["inputs"]["bucket"])
    found = fit(breslow(ids, bands, np.ones(ids.size, bool), x))
    np.testing.assert_allclose(found.coef, d3["outputs"]["breslow"]["coef"], atol=R)
    np.testing.assert_allclose(found.se(), d3["outputs"]["breslow"]["se"], atol=R)
    found = fit(breslow(test1["sex"], test1["time"], test1["status"] == 1, test1["x"][:, None].astype(float)))
    out = d4["outputs"]["D_test1_breslow"]
    values = [found.coef[0], found.se()[0], found.loglik_null, found.loglik, found.score_test, found.wald()]
    expected = [out["coef"], out["naive_se"], *out["loglik"], out["score_test"], out["wald"]]
    np.testing.assert_allclose(values, expected, atol=R)


def worths(orderings, items):
    """The block of item worths: one-hot columns of all items but the first; who is absent is not in the list."""
    ids = np.repeat(np.arange(len(orderings)), [len(o) for o in orderings])
    position = np.concatenate([np.arange(1.0, len(o) + 1) for o in orderings])
    return Block(ids, position, np.eye(items)[np.concatenate(orderings)][:, 1:])


def test_item_worths_of_partial_rankings_equal_plackettluce(cases):
    """E1: twelve partial rankings of five items, without the pseudo-rankings that PlackettLuce adds by default."""
    rankings, out = np.asarray(cases["E1"]["inputs"]["rankings"]), cases["E1"]["outputs"]
    orderings = [np.argsort(np.where(row == 0, 99, row), kind="stable")[: (row > 0).sum()] for row in rankings]
    found = fit(worths(orderings, 5))
    np.testing.assert_allclose(found.coef, out["log_worth_ref_A"][1:], atol=R)
    np.testing.assert_allclose(found.se(), out["se"][1:], atol=R)
    assert found.loglik == pytest.approx(out["loglik"], abs=R)


def test_nascar_equals_plackettluce(shared):
    """Hunter's (2004) 36 races of 83 drivers: worths, errors and likelihood of a model with 82 columns."""
    data = json.loads((shared / "data/reference/plackett_luce_nascar.json").read_text(encoding="utf-8"))
    place = {name: i for i, name in enumerate(data["log_worth"])}
    drivers = data["drivers"]
    orderings = [[place[drivers[d - 1]] for d in race if drivers[d - 1] in place] for race in data["orderings_1based"]]
    found = fit(worths(orderings, len(place)), names=list(place)[1:])
    np.testing.assert_allclose(found.coef, list(data["log_worth"].values())[1:], atol=R)
    np.testing.assert_allclose(found.se(), [data["se"][name] for name in found.names], atol=R)
    assert found.loglik == pytest.approx(data["loglik"], abs=R)


def test_equals_statsmodels():
    """300 simulated lists of 2 to 12: coefficients, errors and residuals are PHReg's, to 1e-6."""
    ids, position, x = simulated(11, 300)
    found = fit(Block(ids, position, x))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = PHReg(position, x, strata=ids, status=np.ones(ids.size)).fit()
    np.testing.assert_allclose(found.coef, other.params, atol=1e-6)
    np.testing.assert_allclose(found.se(), other.bse, atol=1e-6)
    assert found.loglik == pytest.approx(other.llf, abs=1e-6)


def test_intervals_hold_the_truth():
    """Over 200 simulated worlds, the 95 % interval of each coefficient holds it in 90 to 99 % of them."""
    truth = np.array([0.8, -0.4, 0.2])
    ends = [fit(Block(*simulated(seed, 30))).interval() for seed in range(200)]
    share = np.mean([(e[:, 0] < truth) & (truth < e[:, 1]) for e in ends], axis=0)
    assert ((share > 0.90) & (share < 0.99)).all()


# --- by properties


@relaxed
@given(st.integers(0, 10**6), st.floats(1e-6, 1e6), st.booleans())
def test_units_of_a_column_do_not_matter(seed, unit, is_tied):
    """c times a column gives 1 / c of its coefficient and the same likelihood, however odd the unit."""
    ids, position, x = simulated(seed, 60, 8)
    position = np.ceil(position / 2) if is_tied else position
    scale = np.array([unit, 1.0, 1 / unit])
    one, two = fit(Block(ids, position, x)), fit(Block(ids, position, x * scale))
    np.testing.assert_allclose(two.coef * scale, one.coef, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(two.se() * scale, one.se(), rtol=1e-6)
    assert two.loglik == pytest.approx(one.loglik, abs=1e-9)


@relaxed
@given(st.integers(0, 10**6), st.booleans())
def test_order_of_rows_and_names_of_lists_do_not_matter(seed, is_tied):
    """Sorted rows, shuffled rows and other list numbers give the same numbers; so does a number added to a column."""
    ids, position, x = simulated(seed)
    position = np.ceil(position / 2) if is_tied else position
    domain = np.arange(ids.size) % 9
    order = np.lexsort((position, -ids))
    shuffled = Block(ids, position, x, clusters={"list": ids + 30, "domain": domain})
    moved = x[order] + np.array([1e6, -5.0, 0.0])
    clusters = {"list": ids[order] + 30, "domain": domain[order]}
    assert_same(fit(shuffled), fit(Block(1000 - ids[order], position[order], x[order], clusters=clusters)), 1e-12)
    assert_same(fit(shuffled), fit(Block(1000 - ids[order], position[order], moved, clusters=clusters)), 1e-8)


@relaxed
@given(st.integers(0, 10**6), st.lists(st.integers(0, 40), max_size=5), st.booleans())
def test_any_split_into_blocks_gives_the_same(seed, cuts, is_tied):
    """Statistics and cluster scores add: blocks, read anew for every pass, give the fit of the whole to 1e-10."""
    ids, position, x = simulated(seed)
    position = np.ceil(position / 2) if is_tied else position
    columns = (ids, position, x, np.sin(np.arange(ids.size)))
    clusters = {"list": ids + 30, "domain": np.arange(ids.size) * 37 % 13}
    part = np.searchsorted(sorted(cuts), (ids + 30) // 7, side="right")

    def blocks():
        for here in (part == k for k in np.unique(part)):
            yield Block(*(c[here] for c in columns), clusters={k: v[here] for k, v in clusters.items()})

    whole = Block(*columns, clusters=clusters)
    assert_same(fit(whole), fit(blocks), 1e-10)
    beta = np.array([0.2, 0.3, -0.1])
    parts = [block_statistics(beta, block) for block in blocks()]
    summed, direct = sum(parts[1:], parts[0]), block_statistics(beta, whole)
    np.testing.assert_allclose(summed.hessian, direct.hessian, atol=1e-10)
    assert (summed.n_lists, summed.n_stages, summed.n_rows) == (direct.n_lists, direct.n_stages, direct.n_rows)


def test_threads_do_not_change_a_bit():
    """On more rows than one piece holds, one thread and three give equal bits; so do float32 columns, one by one."""
    rng = np.random.default_rng(0)
    ids, x = np.repeat(np.arange(20_000), 10), rng.normal(size=(200_000, 2)).astype(np.float32)
    position = np.tile(np.arange(1, 11), 20_000)
    block = Block(ids, position, x, clusters={"list": ids})
    one, three = fit(block, threads=1), fit(block, threads=3)
    np.testing.assert_array_equal(one.coef, three.coef)
    np.testing.assert_array_equal(one.covariance["list"], three.covariance["list"])
    wide = fit(Block(ids, position, x.astype(float), clusters={"list": ids}))
    assert_same(one, wide, 1e-12)


def test_a_warm_start_ends_in_the_same_place():
    """Large data are approached from a sample of lists: the same coefficients as from 0, in fewer passes."""
    rng = np.random.default_rng(1)
    lists, m, beta = 45_000, 10, np.array([0.9, -0.5])
    x = rng.normal(size=(lists, m, 2))
    order = np.argsort(-(x @ beta + rng.gumbel(size=(lists, m))), axis=1)
    x = np.take_along_axis(x, order[:, :, None], axis=1).reshape(-1, 2)
    ids, position = np.repeat(np.arange(lists), m), np.tile(np.arange(1, m + 1), lists)
    halves = [slice(0, 225_000), slice(225_000, None)]
    cold = fit(lambda: (Block(ids[h], position[h], x[h]) for h in halves))
    warm = fit(Block(ids, position, x))
    np.testing.assert_allclose(warm.coef, cold.coef, atol=1e-8)
    np.testing.assert_allclose(warm.se(), cold.se(), rtol=1e-4)
    assert warm.n_passes < cold.n_passes


def test_every_list_twice_halves_the_variances(serp):
    """P1: the same lists under other names leave coefficients alone and divide every error by the root of 2."""
    ids, position, x, _ = serp
    one = fit(Block(ids, position, x, clusters={"keyword": ids}))
    twice = [np.concatenate((c, c)) for c in (position, x)]
    both = np.concatenate((ids, ids + 100))
    two = fit(Block(both, *twice, clusters={"keyword": both}))
    np.testing.assert_allclose(two.coef, one.coef, atol=1e-9)
    for kind in ("model", "keyword"):
        np.testing.assert_allclose(two.se(kind), one.se(kind) / np.sqrt(2), atol=1e-9)


def test_a_reversed_list_is_another_model(cases, serp):
    """P1: Plackett-Luce is not reversible; positions counted from below give R's other numbers, not the negative."""
    ids, position, x, _ = serp
    found = fit(Block(ids, -position, x))
    np.testing.assert_allclose(found.coef, cases["P1"]["outputs"]["reversed_ranking_coef"], atol=R)
    assert np.abs(found.coef + fit(Block(ids, position, x)).coef).max() > 0.05


def test_swapping_tied_rows_changes_nothing():
    """P1: which of two tied rows comes first in the data is of no account."""
    ids, position, x = simulated(2, 30)
    position = np.ceil(position / 2)
    order = np.lexsort((position, ids))
    ids, position, x = ids[order], position[order], x[order]
    tie = np.flatnonzero((np.diff(position) == 0) & (np.diff(ids) == 0))[0]
    swapped = x.copy()
    swapped[[tie, tie + 1]] = x[[tie + 1, tie]]
    assert_same(fit(Block(ids, position, x)), fit(Block(ids, position, swapped)), 1e-12)


def test_an_offset_stands_for_candidates_that_were_sampled():
    """Of 200 candidates, the first ten and a tenth of the others with offset log 10 give the coefficient of all."""
    rng = np.random.default_rng(4)
    lists, m, beta = 400, 200, 0.8
    x = rng.normal(size=(lists, m))
    x = np.take_along_axis(x, np.argsort(-(beta * x + rng.gumbel(size=(lists, m))), axis=1), axis=1)
    kept = np.concatenate((x[:, :10], x[:, 10::10]), axis=1)
    width = kept.shape[1]
    ids, is_sampled = np.repeat(np.arange(lists), width), np.tile(np.arange(width) >= 10, lists)
    position = np.where(is_sampled, np.nan, np.tile(np.arange(1.0, width + 1), lists))
    columns = (ids, position, kept.reshape(-1, 1))
    with_offset = fit(Block(*columns, np.where(is_sampled, np.log(10), 0.0), is_sampled)).coef[0]
    without = fit(Block(*columns, None, is_sampled)).coef[0]
    assert abs(with_offset - beta) < 0.05
    assert without < beta - 0.08


def test_cluster_scores_of_blocks_join_by_cluster():
    """A domain that lies in two blocks is one cluster: its scores add."""
    one = ClusterScores(np.array([1, 4]), np.array([[1.0], [2.0]]))
    two = ClusterScores(np.array([0, 4]), np.array([[5.0], [3.0]]))
    joined = one + two
    np.testing.assert_array_equal(joined.ids, [0, 1, 4])
    np.testing.assert_array_equal(joined.sums, [[5.0], [1.0], [5.0]])
    assert joined.meat[0, 0] == 51


# --- what cannot be answered


def test_a_column_constant_inside_lists_is_refused_by_name():
    """A property of the keyword cannot order its pages: refused, large or small, alone or with noise of rounding."""
    ids, position, x = simulated(0)
    for value in (np.ones(ids.size), ids * 1e5 + 0.1, np.sqrt(ids + 31.0) * (1 + 1e-16 * x[:, 0])):
        with pytest.raises(ValueError, match="'popularity' does not vary inside any list"):
            fit(Block(ids, position, np.column_stack((x, value))), names=["a", "b", "c", "popularity"])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_collinear_columns_are_refused_by_name(dtype):
    """Columns that make up one another inside lists are named; an innocent one is not."""
    ids, position, x = simulated(0)
    both = np.column_stack((x, x[:, 0] - 2 * x[:, 1] + ids)).astype(dtype)
    with pytest.raises(ValueError, match=r"^'a', 'b' and 'd' cannot be told apart"):
        fit(Block(ids, position, both), names=["a", "b", "c", "d"])


def test_separation_is_refused_by_name():
    """A column that foretells every order has no finite coefficient: the message names it and says where it runs."""
    ids, position, x = simulated(0)
    with pytest.raises(ValueError, match=r"'brand' runs off to -infinity.*separation"):
        fit(Block(ids, position, np.column_stack((x, position))), names=["a", "b", "c", "brand"])


def test_a_strong_column_is_not_taken_for_separation():
    """One list in 400 that goes the other way is enough for a finite answer."""
    ids = np.repeat(np.arange(400), 2)
    x = np.tile([1.0, 0.0], 400)
    x[:2] = [0.0, 1.0]
    assert fit(Block(ids, np.tile([1, 2], 400), x[:, None])).coef[0] == pytest.approx(np.log(399), abs=1e-8)


def test_lists_that_tell_nothing_are_refused():
    """One-row lists, lists of one band, lists where nothing is within `top`, no rows: a sentence, not a number."""
    x = np.arange(4.0)[:, None]
    alone, together = np.arange(4), np.zeros(4, int)
    for ids, position, top in ((alone, np.ones(4), None), (together, np.ones(4), None), (together, alone + 5, 3)):
        with pytest.raises(ValueError, match="no list tells anything"):
            fit(Block(ids, position, x, top=top))
    with pytest.raises(ValueError, match="no list tells anything"):
        fit(Block(np.empty(0, int), np.empty(0), np.empty((0, 1))))
    with pytest.raises(ValueError, match="no block"):
        fit(lambda: iter(()))


def test_a_band_too_large_is_refused_unless_it_does_not_matter():
    """Twelve rows at one position are refused by list and position; at a list's end, or beyond `top`, they pass."""
    rng = np.random.default_rng(0)
    ids, x = np.repeat([17, 18], [14, 6]), rng.normal(size=(20, 1))
    position = np.array([1.0] + [3.0] * 12 + [9.0] + [1, 2, 3, 4, 5, 6])
    with pytest.raises(ValueError, match="list 17 has 12 rows at position 3"):
        fit(Block(ids, position, x))
    assert fit(Block(ids, position, x, top=2)).n_stages == 1 + 2
    position[13] = 3.0
    assert fit(Block(ids, position, x)).n_lists == 2


def test_numbers_that_are_not_finite_are_refused_by_name():
    """An unknown covariate is neither 0 nor dropped in silence."""
    ids, position, x = simulated(0)
    x[5, 1] = np.nan
    with pytest.raises(ValueError, match=r"^'links' holds numbers that are not finite"):
        fit(Block(ids, position, x), names=["shares", "links", "age"])


def test_positions_and_censoring_must_agree():
    """An unknown position is not "not found": each row without a position is confirmed, none with one is."""
    ids, x = np.zeros(3, int), np.arange(3.0)[:, None]
    with pytest.raises(ValueError, match="position of row 1 is unknown"):
        fit(Block(ids, np.array([1, np.nan, 2]), x))
    with pytest.raises(ValueError, match="row 2 is censored and has a position"):
        fit(Block(ids, np.array([1, np.nan, 2]), x, is_censored=np.array([False, True, True])))
    with pytest.raises(ValueError, match="infinite"):
        fit(Block(ids, np.array([1, np.inf, 2]), x))


def test_columns_that_do_not_fit_are_refused():
    """Shapes, kinds and names that make no sense are errors, not wrong numbers."""
    ids, position, x = simulated(0)
    with pytest.raises(ValueError, match="do not fit"):
        fit(Block(ids, position[1:], x))
    with pytest.raises(ValueError, match="list_id must be integers"):
        fit(Block(ids / 2, position, x))
    with pytest.raises(ValueError, match="2 names for 3 columns"):
        fit(Block(ids, position, x), names=["a", "b"])
    with pytest.raises(ValueError, match="offset must be"):
        fit(Block(ids, position, x, np.ones(3)))
    with pytest.raises(ValueError, match="cluster 'domain' must be"):
        fit(Block(ids, position, x, clusters={"domain": ids - 1000}))
    with pytest.raises(ValueError, match="one coefficient per column"):
        block_statistics([1.0], Block(ids, position, x))


def test_too_few_passes_are_told():
    """A fit that was stopped says so and claims nothing."""
    found = fit(Block(*simulated(0)), max_passes=1)
    assert not found.is_converged
    assert "Not converged" in found.notes[0]
