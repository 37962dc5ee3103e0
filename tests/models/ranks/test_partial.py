"""Partial rank correlation: against the reference case, statsmodels and simulation, what is refused, properties."""

import numpy as np
import pytest
from scipy import stats

from models.ranks.association import within_list_spearman
from models.ranks.partial import partial_spearman, within_list_partial
from tests.models.rank_cases import columns, domain_world, reference


@pytest.fixture
def serp(shared):
    """The rows of C1 by name."""
    return {name: np.array(x) for name, x in reference(shared, "DATA_serp")["inputs"].items()}


def of_serp(serp, list_id=None, **more):
    """Partial rank correlation of the reference rows."""
    lists = serp["kw"] if list_id is None else list_id
    covariates = {"links": serp["links"], "da": serp["da"]}
    return partial_spearman(lists, lists, serp["pos"], serp["shares"], covariates, **more)


def simulated(seed, lists=80, size=12, effect=0.0, noise=0.0):
    """list_id, position, votes and links of pages whose quality moves all three; links may be noisy."""
    rng = np.random.default_rng(seed)
    quality = rng.normal(size=(lists, size))
    votes = quality + rng.normal(size=quality.shape)
    height = quality + effect * votes + rng.normal(size=quality.shape)
    list_id, position, votes = columns(np.take_along_axis(votes, np.argsort(-height, axis=1), axis=1))
    quality = np.take_along_axis(quality, np.argsort(-height, axis=1), axis=1).ravel()
    return list_id, position, votes, quality + noise * rng.normal(size=quality.size)


# --- against references


def test_reference_within(serp, shared):
    """C1: partial and plain correlation within lists, with our sign."""
    out, found = reference(shared, "C1")["outputs"], of_serp(serp)
    assert -found.rho.value == pytest.approx(out["within_keyword_partial"], abs=1e-6)
    assert -found.raw.value == pytest.approx(out["within_keyword_raw"], abs=1e-6)
    assert (found.n_rows, found.n_lists, found.n_keywords, found.n_domains) == (104, 14, 14, None)


def test_reference_rank_regression(serp, shared):
    """C1: coefficients of votes, links and authority, and their errors clustered by keyword without a correction."""
    out, found = reference(shared, "C1")["outputs"], of_serp(serp, small_sample=False)
    assert found.names == ("votes", "links", "da")
    np.testing.assert_allclose(-found.coef, out["rank_regression_coef_shares_links_da"], atol=1e-6)
    np.testing.assert_allclose(found.se, out["rank_regression_cluster_kw_se_HC0"], atol=1e-6)


def test_reference_pooled(serp, shared):
    """C1: all rows as one list give the pooled values; one cluster has no error."""
    out, found = reference(shared, "C1")["outputs"], of_serp(serp, np.zeros(104, int))
    assert -found.rho.value == pytest.approx(out["pooled_partial_spearman"], abs=1e-6)
    assert -found.raw.value == pytest.approx(out["pooled_raw"], abs=1e-6)
    assert np.isnan([found.rho.low, found.raw.se]).all()
    t = found.rho.value * np.sqrt((104 - 4) / (1 - found.rho.value**2))
    assert 2 * stats.t.sf(abs(t), 104 - 4) == pytest.approx(out["pooled_p_t"], abs=1e-6)


def test_reference_per_list(serp, shared):
    """C1: the partial correlation inside every list, and their mean."""
    out = reference(shared, "C1")["outputs"]
    covariates = {"links": serp["links"], "da": serp["da"]}
    found = within_list_partial(serp["kw"], serp["pos"], serp["shares"], covariates, min_pairs=5)
    np.testing.assert_allclose(-found.rho, out["per_keyword_partial"], atol=1e-6)
    assert -found.rho.mean() == pytest.approx(out["per_keyword_partial_mean"], abs=1e-6)
    fewer = within_list_partial(serp["kw"], serp["pos"], serp["shares"], covariates)
    np.testing.assert_array_equal(fewer.list_id, found.list_id[found.n_pairs >= 7])


def test_errors_equal_statsmodels(serp):
    """Errors clustered by keyword and domain are statsmodels' two-way errors of the same rank regression."""
    sm = pytest.importorskip("statsmodels.api")
    found = of_serp(serp, domain_id=serp["dom"])
    ranks = np.column_stack([serp[name].astype(float) for name in ("pos", "shares", "links", "da")])
    for k in np.unique(serp["kw"]):
        ranks[serp["kw"] == k] = stats.rankdata(ranks[serp["kw"] == k], axis=0) - (1 + (serp["kw"] == k).sum()) / 2
    model = sm.OLS(-ranks[:, 0], ranks[:, 1:])
    keyword, domain, both = (
        model.fit(cov_type="cluster", cov_kwds={"groups": g, "df_correction": False}).bse ** 2 * factor
        for g, factor in ((serp["kw"], 1), (serp["dom"], 1), (serp["kw"] * 100 + serp["dom"], 1))
    )
    undo = (104 - 1) / (104 - 3)  # statsmodels' (n - 1) / (n - k), which belongs to least squares and not to ranks
    expected = np.maximum(np.maximum(keyword, domain), keyword + domain - both) / undo
    np.testing.assert_allclose(found.se**2, expected, rtol=1e-9)
    assert found.n_domains == np.unique(serp["dom"]).size


def test_without_covariates_it_is_the_plain_correlation():
    """No covariate: both numbers agree, and lists of one length without ties have the mean of their rho."""
    rng = np.random.default_rng(1)
    list_id, position, votes = columns(rng.random((40, 10)))
    found = partial_spearman(list_id, list_id, position, votes, {})
    plain = within_list_spearman(list_id, position, votes).rho
    assert found.rho == found.raw
    assert found.rho.value == pytest.approx(plain.mean(), abs=1e-12)
    assert found.rho.se == pytest.approx(plain.std(ddof=1) / np.sqrt(40), rel=1e-9)
    np.testing.assert_allclose(within_list_partial(list_id, position, votes, {}).rho, plain, atol=1e-12)


# --- what it is for


def test_a_measured_cause_is_taken_out_and_an_effect_is_not():
    """Quality moves votes and positions: most of the plain number goes, unless votes do something themselves.

    What stays, 0.05 in lists of 12, is the known weakness of partial ranks that the module speaks of.
    """
    none, some = (
        partial_spearman(d[0], d[0], *d[1:3], {"quality": d[3]})
        for d in (simulated(2, lists=400), simulated(2, lists=400, effect=0.5))
    )
    assert none.raw.low > 0.4
    assert none.rho.value == pytest.approx(0.05, abs=0.03)
    assert some.rho.low > 0.3


def test_a_noisy_covariate_leaves_what_votes_did_not_earn():
    """With links that measure quality badly the partial number stays above 0 although votes do nothing."""
    data = simulated(3, lists=400, noise=1.0)
    assert partial_spearman(data[0], data[0], *data[1:3], {"links": data[3]}).rho.low > 0.1


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_intervals_cover_under_domain_effects(share):
    """Only domain effects and a covariate of no use: the two-way interval holds 0 in 88 to 99 % of 150 worlds."""
    rng, held = np.random.default_rng(4), []
    for _ in range(150):
        keyword, domain, position, votes = domain_world(rng, 80, 12, 300, share)
        covariates = {"age": rng.random(votes.size)}
        found = partial_spearman(keyword, keyword, position, votes, covariates, domain_id=domain).rho
        held.append(found.low <= 0 <= found.high)
    assert 0.88 <= np.mean(held) <= 0.99


# --- unknown, refused, properties


def test_rows_with_anything_unknown_are_left_out():
    """A NaN in any column removes its row before ranks are taken, and short lists go with it."""
    list_id, position, votes, links = simulated(5, lists=20, size=8)
    holes = links.copy()
    holes[[0, 3, 9, 10, 11, 12]] = np.nan
    known = ~np.isnan(holes)
    known[8:16] = False  # five of eight rows are below min_pairs = 5
    found = partial_spearman(list_id, list_id, position, votes, {"links": holes})
    expected = partial_spearman(list_id[known], list_id[known], position[known], votes[known], {"links": links[known]})
    assert found.rho == expected.rho
    assert found.n_lists == 19


def test_constant_covariates_are_refused_by_name():
    """A covariate that is the same on all pages of each list cannot explain places in it."""
    list_id, position, votes, links = simulated(6)
    with pytest.raises(ValueError, match="covariate volume is the same on all pages of every list"):
        partial_spearman(list_id, list_id, position, votes, {"links": links, "volume": list_id * 1.0})


def test_collinear_covariates_are_refused_by_name():
    """Covariates that order pages alike, or that order them as votes do, are named together."""
    list_id, position, votes, links = simulated(7)
    with pytest.raises(ValueError, match="log_links is determined by links inside lists"):
        partial_spearman(list_id, list_id, position, votes, {"links": links, "log_links": np.exp(links)})
    with pytest.raises(ValueError, match="votes is determined by likes inside lists"):
        partial_spearman(list_id, list_id, position, votes, {"links": links, "likes": votes * 3})


def test_bad_columns_are_refused():
    """Infinite covariates, names that are taken, lengths and lists in two clusters are errors that say which."""
    list_id, position, votes, links = simulated(8)
    with pytest.raises(ValueError, match="links holds an infinite"):
        partial_spearman(list_id, list_id, position, votes, {"links": np.where(links > 1, np.inf, links)})
    with pytest.raises(ValueError, match="may not be called votes"):
        partial_spearman(list_id, list_id, position, votes, {"votes": links})
    with pytest.raises(ValueError, match="votes and links must be one-dimensional and equally long"):
        partial_spearman(list_id, list_id, position, votes, {"links": links[1:]})
    with pytest.raises(ValueError, match="one cluster"):
        partial_spearman(list_id, np.arange(list_id.size), position, votes, {"links": links})


def test_nothing_known_is_unknown():
    """Constant votes or no rows: NaN, not 0."""
    list_id, position, votes, links = simulated(9)
    for found in (
        partial_spearman(list_id, list_id, position, np.ones(votes.size), {"links": links}),
        partial_spearman([], [], [], [], {"links": []}),
    ):
        assert np.isnan([found.rho.value, found.raw.low, *found.coef, *found.se]).all()
    assert within_list_partial([], [], [], {"links": []}).rho.size == 0
    flat = within_list_partial(list_id, position, votes, {"links": np.where(list_id == 3, 1.0, links)})
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(flat.rho)), [3])


def test_order_of_rows_names_and_scale_do_not_matter():
    """Rows in any order, other numbers for lists, covariates in another order or unit: the same to 1e-12."""
    list_id, position, votes, links = simulated(10, lists=30)
    rng = np.random.default_rng(11)
    age, order = rng.random(votes.size), rng.permutation(votes.size)
    plain = partial_spearman(list_id, list_id, position, votes, {"links": links, "age": age})
    ids = (1000 - 7 * list_id)[order]
    covariates = {"age": age[order] * 365, "links": np.exp(links[order])}
    mixed = partial_spearman(ids, ids, position[order], np.exp(votes[order]), covariates)
    assert mixed.rho.value == pytest.approx(plain.rho.value, abs=1e-12)
    assert mixed.rho.se == pytest.approx(plain.rho.se, abs=1e-12)
    np.testing.assert_allclose(mixed.coef, plain.coef[[0, 2, 1]], atol=1e-12)


def test_reversing_votes_flips_the_sign():
    """Negated votes negate the number and keep its error; negated covariates change nothing."""
    list_id, position, votes, links = simulated(12, lists=30)
    plain, other = (
        partial_spearman(list_id, list_id, position, sign * votes, {"links": sign * links}).rho for sign in (1, -1)
    )
    assert other.value == pytest.approx(-plain.value, abs=1e-12)
    assert other.se == pytest.approx(plain.se, abs=1e-12)


def test_every_keyword_twice_divides_the_errors():
    """P1: the same coefficients, and errors smaller by sqrt(2) but for G / (G - 1)."""
    list_id, position, votes, links = simulated(13, lists=40)
    twice = [np.r_[x, x] for x in (position, votes, links)]
    ids = np.r_[list_id, list_id + 40]
    one = partial_spearman(list_id, list_id, position, votes, {"links": links}, small_sample=False)
    two = partial_spearman(ids, ids, *twice[:2], {"links": twice[2]}, small_sample=False)
    np.testing.assert_allclose(two.coef, one.coef, atol=1e-12)
    np.testing.assert_allclose(two.se, one.se / np.sqrt(2), rtol=1e-12)
