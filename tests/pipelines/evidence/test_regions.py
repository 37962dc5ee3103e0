"""The table `regions`: the same numbers as `association` where there is one region, and honest answers."""

from __future__ import annotations

import random

import pytest

from pipelines.evidence import association, table
from pipelines.evidence import regions as model
from tests.pipelines.making import LIST_DAY, fill, made, result, seen


def world(country, n_keywords=12, sign=1, **more):
    """Lists of ten in which votes go with (or against) positions, a little noise in it; and their votes."""
    chance = random.Random(f"{country} {sign}")
    lists, votes = [], []
    for k in range(n_keywords):
        for n in range(1, 11):
            url = f"https://site{n}.example/{country}/{k}"
            lists.append(result(LIST_DAY, url, n, keyword=f"keyword {k}", country=country, **more))
            votes.append(seen(29, max(0, 20 - sign * n + chance.randint(-9, 9)), url=url))
    return lists, votes


def regions(folder, *worlds):
    """The rows by dimension and region."""
    lists, votes = ([x for part in parts for x in part] for parts in zip(*worlds, strict=True))
    lake = made(fill(folder, votes, lists))
    return lake, {(r["dimension"], r["region"]): r for r in table.build(lake, model.TABLE)}


def test_one_region_is_the_association_and_no_comparison(tmp_path):
    """The same rho and interval as rung 1, "not stated" where the source does not say, and no answer."""
    lake, found = regions(tmp_path, world("DE"))
    (rung,) = table.build(lake, association.TABLE)
    row = found["country", "DE"]
    assert [row[n] for n in ("mean_rho", "ci_low", "ci_high")] == [rung[n] for n in ("mean_rho", "ci_low", "ci_high")]
    assert set(found) == {("country", "DE"), ("device", "not stated"), ("language", "not stated")}
    assert {(r["answer"], r["p"], r["q"]) for r in found.values()} == {("not enough data", None, None)}
    assert "two regions" in row["why_not"] and "there is 1" in row["why_not"]
    assert found["device", "not stated"]["pooled_rho"] is None
    assert found["device", "not stated"]["mean_rho"] == row["mean_rho"]


def test_countries_with_opposite_signs_differ(tmp_path):
    """Votes go with positions here and against them there."""
    _, found = regions(tmp_path, world("DE"), world("FR", sign=-1))
    one, other = found["country", "DE"], found["country", "FR"]
    assert one["answer"] == other["answer"] == "differs"
    assert one["mean_rho"] > 0.3 and other["mean_rho"] < -0.3 and one["q"] < 0.001 and one["spread"] > 0.1
    assert found["device", "not stated"]["answer"] == "not enough data"


def test_countries_alike_are_not_told_apart(tmp_path):
    """Three of the same kind: no difference that could be seen, and estimates drawn together."""
    _, found = regions(tmp_path, world("DE"), world("FR"), world("US"))
    rows = [found["country", name] for name in ("DE", "FR", "US")]
    assert {(r["answer"], r["why_not"], r["n_regions"]) for r in rows} == {("no detectable difference", None, 3)}
    raw, pooled = ([r[n] for r in rows] for n in ("mean_rho", "pooled_rho"))
    assert max(pooled) - min(pooled) < max(raw) - min(raw)
    assert all(r["pooled_low"] < r["pooled_rho"] < r["pooled_high"] for r in rows)


def test_lists_that_do_not_say_their_country_are_no_country(tmp_path):
    """They have a row, and are compared with nothing."""
    _, found = regions(tmp_path, world("DE"), world(None, sign=-1))
    row = found["country", "not stated"]
    assert (row["answer"], row["n_regions"], row["pooled_rho"]) == ("not enough data", 1, None)
    assert row["mean_rho"] < 0


def test_a_region_with_few_keywords_takes_no_part(tmp_path):
    """Its own number stands there, without a comparison."""
    _, found = regions(tmp_path, world("DE"), world("FR", n_keywords=4, sign=-1))
    assert found["country", "FR"]["n_keywords"] == 4
    assert found["country", "FR"]["answer"] == "not enough data" and found["country", "FR"]["pooled_rho"] is None


def test_results_below_twenty_are_not_looked_at(tmp_path):
    """The depth is 20, whatever the lists reach."""
    lists, votes = world("DE")
    deeper = [
        result(LIST_DAY, f"https://deep.example/{n}", n, keyword="keyword 0", country="DE") for n in range(21, 31)
    ]
    more = [seen(29, 10_000, url=r.url) for r in deeper]
    _, alone = regions(tmp_path / "a", (lists, votes))
    _, both = regions(tmp_path / "b", (lists + deeper, votes + more))
    assert both["country", "DE"]["mean_rho"] == pytest.approx(alone["country", "DE"]["mean_rho"])
