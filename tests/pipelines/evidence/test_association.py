"""The table `association`: the kernel's numbers, called over the right rows."""

from __future__ import annotations

import math
import random

import pyarrow.parquet as pq
import pytest

from connectors.records import RankKind, Status
from models.ranks.association import associate
from models.ranks.kendall import within_list_kendall
from pipelines.evidence import association as model
from pipelines.evidence import table
from pipelines.lake import Lake
from tests.pipelines.making import LIST_DAY, fill, made, result, rows, searched, seen

KEYWORDS = ("boots", "hats", "shoes", "socks")


def url(n, keyword="shoes"):
    """The address of a page."""
    return f"https://{keyword}.example/{n}"


def a_list(keyword="shoes", length=10, day=LIST_DAY, **more):
    """A result list of that many pages; averages lie a little beside whole numbers."""
    return [result(day, url(n, keyword), n, keyword=keyword, **more) for n in range(1, length + 1)]


def votes_for(keyword="shoes", length=10, seed=0, **more):
    """Readings of every page of a keyword: more votes for better places, with noise."""
    chance = random.Random(f"{keyword} {seed}")
    return [
        seen(29, max(0, length - n + chance.randint(-4, 4)), url=url(n, keyword), **more) for n in range(1, length + 1)
    ]


def association(folder, readings, results):
    """The rows of `association` over a lake."""
    lake = made(fill(folder, readings, results))
    written = table.build(lake, model.TABLE)
    with lake.connect() as con:
        found = model.correlations(con)
    assert sorted(map(repr, found)) == sorted(map(repr, written))
    return found


def by_depth(found, **where):
    """Rows by depth, of one engine, kind, platform and verb."""
    return {r["depth"]: r for r in found if all(r[k] == v for k, v in where.items())}


def by_hand(votes, results, depth):
    """What `associate` says of the results that stand within a depth, from plain lists."""
    counts = {o.url: o.count for o in votes}
    lists = sorted({(r.keyword, r.ranked_at) for r in results})
    within = [r for r in results if r.found and math.floor(r.position + 0.5) <= depth]
    return associate(
        [lists.index((r.keyword, r.ranked_at)) for r in within],
        [KEYWORDS.index(r.keyword) for r in within],
        [r.position for r in within],
        [math.nan if counts.get(r.url) is None else counts[r.url] for r in within],
        10**9,
    )


@pytest.mark.parametrize("kind", [RankKind.ORGANIC, RankKind.AVERAGE])
def test_the_table_says_what_the_kernel_says(tmp_path, kind):
    """Every depth equals a call of `associate` over the same lists, written out by hand."""
    lists = [r for k in KEYWORDS for day in (LIST_DAY, LIST_DAY + 1) for r in a_list(k, 24, day, rank_kind=kind)]
    votes = [o for k in KEYWORDS for o in votes_for(k, 24)]
    found = by_depth(association(tmp_path, votes, lists))
    assert list(found) == [10, 20, 30]
    for depth, row in found.items():
        expected = by_hand(votes, lists, depth)
        assert [row[n] for n in ("mean_rho", "ci_low", "ci_high")] == pytest.approx(
            [expected.mean_rho, expected.ci_low, expected.ci_high], abs=1e-12
        )
        assert [row[n] for n in ("n_lists", "n_skipped", "n_keywords")] == [8, 0, 4]
        assert 0 < row["ci_low"] < row["mean_rho"] < row["ci_high"] <= 1


def test_better_voted_pages_that_stand_higher_are_a_positive_number(tmp_path):
    """The sign: perfect agreement is +1, perfect disagreement -1."""
    up = [seen(29, 100 - n, url=url(n)) for n in range(1, 11)]
    down = [seen(29, n, url=url(n), verb="share") for n in range(1, 11)]
    found = association(tmp_path, up + down, a_list())
    assert {(r["verb"], r["mean_rho"]) for r in found} == {("like", 1.0), ("share", -1.0)}


@pytest.mark.parametrize(
    ("length", "depths"), [(9, [10]), (10, [10]), (11, [10, 20]), (31, [10, 20, 30, 50]), (80, [10, 20, 30, 50])]
)
def test_depths_go_as_far_as_lists_reach(tmp_path, length, depths):
    """A depth that would hold the same rows as the one before is not reported."""
    assert list(by_depth(association(tmp_path, votes_for(length=length), a_list(length=length)))) == depths


def test_what_was_not_found_does_not_make_a_list_deeper(tmp_path):
    """A page looked for down to 100 and not found has no position: it is in no depth and in no rho."""
    missing = [result(url=url(n), position=None, depth=100) for n in range(11, 15)]
    votes = votes_for(length=15)
    with_missing = association(tmp_path / "a", votes, a_list() + missing)
    assert with_missing == association(tmp_path / "b", votes, a_list())
    assert list(by_depth(with_missing)) == [10]


def test_average_positions_are_rounded_for_the_depth_and_not_for_the_rank(tmp_path):
    """10.4 lies within ten and 10.5 does not; within the depth, the averages themselves are ranked."""
    places = [1.2, 1.4, 3, 5, 7, 9.6, 10.4, 10.5]
    lists = [result(url=url(n), position=p, rank_kind=RankKind.AVERAGE) for n, p in enumerate(places, 1)]
    votes = [seen(29, 50 - n, url=url(n)) for n in range(1, 8)] + [seen(29, 1000, url=url(8))]
    found = by_depth(association(tmp_path, votes, lists))
    assert found[10]["mean_rho"] == pytest.approx(1, abs=1e-12)
    assert found[20]["mean_rho"] == pytest.approx(by_hand(votes, lists, 20).mean_rho, abs=1e-12)
    assert found[20]["mean_rho"] < 1


def test_engines_and_kinds_of_position_are_apart(tmp_path):
    """Organic places of one engine, of another, and averages are three answers, each over its own lists."""
    kinds = [{"engine": "google"}, {"engine": "bing"}, {"engine": "google", "rank_kind": RankKind.AVERAGE}]
    lengths = (12, 25, 8)
    lists = [r for more, n in zip(kinds, lengths, strict=True) for r in a_list(length=n, **more)]
    found = association(tmp_path, votes_for(length=25), lists)
    assert [(r["engine"], r["rank_kind"], r["depth"]) for r in found] == [
        ("bing", "organic", 10), ("bing", "organic", 20), ("bing", "organic", 30), ("google", "average", 10),
        ("google", "organic", 10), ("google", "organic", 20),
    ]  # fmt: skip
    assert {r["n_lists"] for r in found} == {1}


def test_platforms_and_verbs_are_apart(tmp_path):
    """The answer for one pair does not change when another pair is read."""
    alone = association(tmp_path / "a", votes_for(), a_list())
    more = votes_for(seed=1, platform="hatena") + votes_for(seed=2, verb="share")
    together = association(tmp_path / "b", votes_for() + more, a_list())
    assert len(together) == 3
    assert [r for r in together if (r["platform"], r["verb"]) == ("reddit", "like")] == alone


def test_an_interval_needs_two_keywords_and_is_null_without(tmp_path):
    """Unknown is NULL in the table, never NaN."""
    association(tmp_path, votes_for(), [*a_list(), *a_list(day=LIST_DAY + 1)])
    (row,) = pq.read_table(Lake(tmp_path).table_path(model.TABLE.name)).to_pylist()
    assert (row["ci_low"], row["ci_high"], row["n_lists"], row["n_keywords"]) == (None, None, 2, 1)
    assert -1 <= row["mean_rho"] <= 1


def test_lists_that_say_nothing_are_counted_and_the_mean_is_null(tmp_path):
    """Votes that do not vary give no rho: the list is skipped, and nothing is made up."""
    (row,) = association(tmp_path, [seen(29, 7, url=url(n)) for n in range(1, 11)], a_list())
    assert (row["mean_rho"], row["ci_low"], row["n_lists"], row["n_skipped"], row["n_keywords"]) == (
        None,
        None,
        0,
        1,
        0,
    )


def test_unknown_votes_are_left_out_and_zeros_are_not(tmp_path):
    """Four known votes are too few, however many are hidden; a known zero is a vote."""
    hidden = [seen(29, Status.HIDDEN, url=url(n)) for n in range(5, 11)]
    four = [seen(29, 9 - n, url=url(n)) for n in range(1, 5)]
    (row,) = association(tmp_path / "a", four + hidden, a_list())
    assert (row["mean_rho"], row["n_skipped"]) == (None, 1)
    (row,) = association(tmp_path / "b", [*four, *hidden[1:], searched(29, url=url(5))], a_list())
    assert (row["mean_rho"], row["n_lists"]) == (pytest.approx(1, abs=1e-12), 1)


def test_a_pair_without_a_single_number_is_no_row(tmp_path):
    """Asked about and never known: nothing to compare, so nothing is said."""
    hidden = [seen(29, Status.HIDDEN, url=url(n)) for n in range(1, 11)]
    assert association(tmp_path, hidden, a_list()) == []


def test_an_empty_lake_gives_an_empty_table_of_the_right_types(tmp_path):
    """A first run without rankings publishes a table without rows."""
    assert association(tmp_path, [], []) == []
    schema = pq.read_schema(Lake(tmp_path).table_path(model.TABLE.name))
    assert {field.name: field.type for field in schema} == {n: kind for n, (kind, _) in model.COLUMNS.items()}


def test_the_future_does_not_change_the_table(tmp_path):
    """Votes read after the lists, and posts found after them, leave every number as it was."""
    later = [seen(LIST_DAY + 1, 10_000 * n, f"p{n}", url=url(n)) for n in range(1, 11)]
    before = association(tmp_path / "a", votes_for(), a_list())
    assert association(tmp_path / "b", votes_for() + later, a_list()) == before


def test_the_table_has_one_row_per_its_keys(tmp_path):
    """Engine, kind, platform, verb and depth identify a row, in the file as in `correlations`."""
    found = association(tmp_path, votes_for(length=25) + votes_for(length=25, verb="share"), a_list(length=25))
    keys = [(r["engine"], r["rank_kind"], r["platform"], r["verb"], r["depth"]) for r in found]
    assert keys == sorted(set(keys))
    assert rows(Lake(tmp_path), "SELECT count(*) AS n FROM association") == [{"n": len(keys)}]


def test_other_averages_stand_beside_the_mean(tmp_path):
    """Kendall's tau is the mean of the kernel's, Fisher's average lies between the lists' own values."""
    lists = [r for k in KEYWORDS for r in a_list(k)]
    votes = [o for k in KEYWORDS for o in votes_for(k)]
    (row,) = association(tmp_path, votes, lists)
    taus = [
        within_list_kendall([0] * 10, list(range(1, 11)), [o.count for o in votes if f"{k}.example" in o.url]).rho[0]
        for k in KEYWORDS
    ]
    assert row["mean_tau"] == pytest.approx(sum(taus) / 4, abs=1e-12)
    assert 0 < row["mean_tau"] < row["mean_rho"] < 1
    assert row["fisher_z_rho"] == pytest.approx(row["mean_rho"], abs=0.1)


def test_a_deeper_look_says_how_much_it_changes(tmp_path):
    """Nothing to compare at the first depth; at the second, the mean of the lists' differences and its interval."""
    lists = [r for k in KEYWORDS for r in a_list(k, 20)]
    found = by_depth(association(tmp_path, [o for k in KEYWORDS for o in votes_for(k, 20)], lists))
    assert [found[10][n] for n in ("deeper_by", "deeper_low", "deeper_high")] == [None, None, None]
    assert found[20]["deeper_by"] == pytest.approx(found[20]["mean_rho"] - found[10]["mean_rho"], abs=1e-12)
    assert found[20]["deeper_low"] < found[20]["deeper_by"] < found[20]["deeper_high"]


@pytest.mark.parametrize(("n_domains", "told"), [(9, None), (10, 10)])
def test_domains_are_clusters_from_ten_on(tmp_path, n_domains, told):
    """Below ten domains the interval is over keywords only, and the table says so by NULL."""

    def page(keyword, n):
        return f"https://site{(n + len(keyword)) % n_domains}.example/{keyword}/{n}"

    lists = [result(url=page(k, n), position=n, keyword=k) for k in KEYWORDS for n in range(1, 11)]
    votes = [seen(29, (37 * n + len(k)) % 50, url=page(k, n)) for k in KEYWORDS for n in range(1, 11)]
    (row,) = association(tmp_path, votes, lists)
    assert (row["n_domains"], row["ci_low"] is None) == (told, False)
