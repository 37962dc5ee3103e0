"""The tables `virality` and `virality_curve`: the models' numbers over the right posts, and what is unknown."""

from __future__ import annotations

import numpy as np
import pytest

from connectors.records import Quality
from models.diffusion.concentration import gini, reshare_fraction
from models.diffusion.speed import MIN_POSTS
from pipelines.evidence import table, virality, virality_curve
from tests.pipelines.making import at, fill, made, seen

N = 30


def built(folder, readings):
    """Rows of both tables, by platform, verb and basis, and by platform and verb."""
    lake = made(fill(folder, readings))
    rows, curve = table.build(lake, virality.TABLE), table.build(lake, virality_curve.TABLE)
    return {(r["platform"], r["verb"], r["basis"]): r for r in rows}, curve


def post(n, counts, published=0.0, **more):
    """Readings of post n on a page of its own, half a day after publication and then daily."""
    more = {"url": f"https://site{n}.example/"} | more
    moments = [(published + 0.5 + day, count) for day, count in enumerate(counts)]
    return [seen(day, count, f"p{n}", published_at=at(published), **more) for day, count in moments]


def test_pins_beside_the_published_fraction(tmp_path):
    """Saves over saves and pins with the interval of the model, the published 80 %, and what that does not show."""
    saves = [n % 7 for n in range(N)]
    rows, _ = built(tmp_path, [o for n in range(N) for o in post(n, [saves[n]], platform="pinterest", verb="save")])
    row, expected = rows["pinterest", "save", "post"], reshare_fraction(saves, np.ones(N), np.arange(N))
    assert (row["n_originals"], row["n_reshares"]) == (N, sum(saves))
    assert [row[f"reshare_fraction{end}"] for end in ("", "_low", "_high")] == pytest.approx(
        [expected.value, expected.low, expected.high]
    )
    assert row["reshares_per_post"] == pytest.approx(sum(saves) / N)
    assert (row["published_fraction"], row["published_study"], row["published_year"]) == (0.8, "RJMetrics", 2012)
    assert row["is_inside"] is (expected.low - 0.005 <= 0.8 <= expected.high + 0.005)
    assert "one account" in row["caveat"]


def test_shares_that_count_the_post_itself(tmp_path):
    """Reddit: 1 per submission plus crossposts; a crosspost whose parent is read has 0 and is no original."""
    shares = [4] + [1] * (N - 2) + [0]
    rows, _ = built(tmp_path, [o for n in range(N) for o in post(n, [shares[n]], verb="share")])
    row = rows["reddit", "share", "post"]
    assert (row["n_originals"], row["n_reshares"]) == (N - 1, 3)
    assert row["reshare_fraction"] == pytest.approx(3 / (N + 2))
    assert row["published_fraction"] is None


def test_what_a_platform_does_not_count_is_unknown_and_said(tmp_path):
    """Hacker News has 1 for every story: no fraction of 0, no velocity of 0, but words. A like is no passing on."""
    stories = [o for n in range(N) for v in ("share", "like") for o in post(n, [1], platform="hackernews", verb=v)]
    rows, _ = built(tmp_path, stories)
    share, like = rows["hackernews", "share", "post"], rows["hackernews", "like", "post"]
    for name in ("reshare_fraction", "n_reshares", "first_day_median", "gini", "half_life_median"):
        assert share[name] is None
    assert share["why_not"].startswith("Hacker News does not count who passes a post on")
    assert (like["reshare_fraction"], like["n_reshares"], like["gini"]) == (None, None, pytest.approx(0))


def test_speed_and_curve(tmp_path):
    """Eight votes at once, then one a day for eight days, and none after: half, by hand; and the curve's rows."""
    counts = [8 + min(day, 8) for day in range(30)]
    rows, curve = built(tmp_path, [o for n in range(N) for o in post(n, counts)])
    row = rows["reddit", "like", "post"]
    assert row["first_day_median"] == pytest.approx(8.5)
    assert row["first_week_median"] == pytest.approx(14.5 / 7)
    assert (row["half_life_median"], row["n_half_life"], row["n_half_life_censored"]) == (pytest.approx(0.5), N, 0)
    assert (row["n_half_life_left_out"], row["why_not"], row["qualities"]) == (0, None, "exact")
    assert [c["age_days"] for c in curve] == list(range(29))
    assert {(c["platform"], c["verb"], c["horizon_days"], c["n_posts"]) for c in curve} == {("reddit", "like", 28, N)}
    assert [curve[a]["share_median"] for a in (0, 1, 28)] == pytest.approx([0, 8.5 / 16, 1])


def test_posts_that_still_grow_have_no_half_life_but_a_bound(tmp_path):
    """One vote a day without end: unknown, at least half of the time followed, and the reason names both numbers."""
    rows, _ = built(tmp_path, [o for n in range(N) for o in post(n, range(1, 31))])
    row = rows["reddit", "like", "post"]
    assert (row["half_life_median"], row["n_half_life_censored"]) == (None, N)
    assert row["half_life_at_least"] == pytest.approx(14.5)
    assert f"{N} of {N} posts still grew" in row["why_not"] and "at least 14 days" in row["why_not"]


def test_few_posts_say_nothing(tmp_path):
    """One below the least number: counts are told, numbers are unknown, and the sentence says how many it takes."""
    few = [o for n in range(MIN_POSTS - 1) for o in post(n, [3, 9], platform="x", verb="share")]
    rows, curve = built(tmp_path, few)
    row = rows["x", "share", "post"]
    assert (row["n_posts"], row["votes"], row["n_reshares"]) == (
        MIN_POSTS - 1,
        9 * (MIN_POSTS - 1),
        9 * (MIN_POSTS - 1),
    )
    assert [row[n] for n in ("reshare_fraction", "gini", "first_day_median", "is_inside")] == [None] * 4
    assert row["why_not"] == f"It takes {MIN_POSTS} posts to say anything; there are {MIN_POSTS - 1}."
    assert curve == []


def test_totals_of_pages_have_concentration_only(tmp_path):
    """The last known total of each page; posts of the same platform and verb are a row of their own."""
    pages = [f"https://site{n}.example/" for n in range(N)]
    totals = [seen(day, n * day, url=u, quality=Quality.FUZZED) for n, u in enumerate(pages) for day in (1, 2)]
    rows, _ = built(tmp_path, [*totals, *post(1, [5])])
    row = rows["reddit", "like", "page"]
    assert row["gini"] == pytest.approx(gini(2 * np.arange(N), np.arange(N)).value)
    assert (row["n_pages"], row["n_posts"], row["qualities"], row["votes"]) == (N, None, "fuzzed", N * (N - 1))
    assert row["why_not"].startswith("These are totals of pages, not of posts")
    assert rows["reddit", "like", "post"]["n_posts"] == 1
