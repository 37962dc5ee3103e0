"""The tables `best_time_summary` and `best_time`: an effect of the time is found where there is one, and only there."""

from __future__ import annotations

from datetime import date
from math import exp

import numpy as np
import pytest

from connectors.records import Status
from models.best_time.design import CELLS, HOURS, PARTS
from models.best_time.study import study
from pipelines.evidence import best_time, best_time_summary, table
from pipelines.posts import ZONE
from tests.pipelines.making import START, at, fill, made, result, seen

PAGES, DAYS = 6, 84  # from Thursday, 2026-01-01, on


def built(folder, readings, results=()):
    """Rows of both tables."""
    lake = made(fill(folder, readings, results))
    return table.build(lake, best_time_summary.TABLE), table.build(lake, best_time.TABLE)


def page(n):
    """The address of a page on a domain of its own."""
    return f"https://site{n}.example/"


def published(seed=1, n=120):
    """Moments (days since the start) and pages of posts."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, DAYS, n) + (8 + rng.integers(0, 12, n)) / 24, rng.integers(0, PAGES, n)


def is_weekend(day):
    """Whether a day since the start is a Saturday or Sunday."""
    return (START.weekday() + int(day)) % 7 >= 5


def posts(gain=lambda _: 0.0, seed=1, **more):
    """Readings of posts around a week: some 30 votes, and as many times more as exp(gain) of the moment says."""
    moments, pages = published(seed)
    noise = np.random.default_rng(seed + 1).normal(0, 0.4, moments.size)
    counts = [round(exp(3.4 + e + gain(m))) for m, e in zip(moments, noise, strict=True)]
    return [
        seen(m + age, count if age > 7 else count // 2, f"p{n}", url=page(p), published_at=at(m), **more)
        for n, (m, p, count) in enumerate(zip(moments, pages, counts, strict=True))
        for age in (6.5, 7.5)
    ]


def test_without_an_effect_there_is_no_detectable_difference(tmp_path):
    """The word, its q, how large a difference there could be, and no best time; 56 cells whose intervals hold 0."""
    (row,), cells = built(tmp_path, posts())
    assert (row["answer"], row["outcome"], row["verb"], row["region"]) == (
        "no detectable difference", "votes", "like", "all",
    )  # fmt: skip
    assert row["q_value"] > 0.05 and row["best_weekday"] is None and row["why_not"] is None
    assert 0 < row["spread"] < row["spread_below"] < 1
    assert "No detectable difference" in row["in_words"] and "differ by less than" in row["in_words"]
    assert (row["n_posts"], row["n_pages"], row["timezone"]) == (120, PAGES, "UTC")
    assert date(2026, 1, 1) <= row["first_day"] < row["last_day"] <= date(2026, 3, 25)
    assert len(cells) == CELLS
    assert all(c["effect_low"] <= 0 <= c["effect_high"] for c in cells)


def test_weekends_with_three_times_the_votes_are_found(tmp_path):
    """The word, the best time on a weekend, its factor, and the caveat that times were not drawn by lot."""
    (row,), cells = built(tmp_path, posts(lambda m: 1.1 * is_weekend(m)))
    assert row["answer"] == "differs"
    assert row["best_weekday"] in (6, 7) and 6 <= row["best_hour"] <= 18
    assert row["best_low"] > 0
    assert "Best is S" in row["in_words"] and "drawn by lot" in row["in_words"]
    effects = {(c["weekday"], c["hour"]): c for c in cells}
    assert effects[6, 12]["effect"] - effects[3, 12]["effect"] == pytest.approx(1.1, abs=0.35)
    assert effects[6, 12]["factor"] == pytest.approx(exp(effects[6, 12]["effect"]))
    assert sum(c["n_posts"] for c in cells) == 120


def test_the_table_says_what_the_model_says(tmp_path):
    """p and surface equal a call of the model on log votes after a week, hours and domains, written out by hand."""
    (row,), _ = built(tmp_path, posts(seed=4))
    moments, pages = published(4)
    counts = {o.object_id: o.count for o in posts(seed=4)}
    halves = [counts[f"p{n}"] // 2 + (counts[f"p{n}"] - counts[f"p{n}"] // 2) / 2 for n in range(120)]
    hour = np.floor(moments * 24 + 1e-9).astype(int) + int(START.timestamp()) // 3600
    order = np.argsort([f"p{n}" for n in range(120)])
    expected = study(np.log1p(halves)[order], hour[order], pages[order])
    assert row["p_value"] == expected.p
    assert row["posts"] == list(expected.n_cell)
    np.testing.assert_allclose(row["effects"], expected.surface.effect, atol=1e-6)


def test_the_clock_is_that_of_the_zone(tmp_path, monkeypatch):
    """The same posts, told on the clock of Auckland, thirteen hours later."""
    monkeypatch.delenv(ZONE, raising=False)
    here = built(tmp_path / "a", posts())[0][0]
    monkeypatch.setenv(ZONE, "Pacific/Auckland")
    there = built(tmp_path / "b", posts())[0][0]
    assert (here["timezone"], there["timezone"]) == ("UTC", "Pacific/Auckland")
    early = [sum(r["posts"][cell] for cell in range(CELLS) if cell % PARTS * HOURS < 9) for r in (here, there)]
    assert early[0] < 30 < early[1]


def ranked(gain=lambda _: 0.0):
    """A list a day in which each page stands near 20, and better for two weeks after a post by its gain."""
    moments, pages = published()
    rng = np.random.default_rng(9)
    for day in range(DAYS + 20):
        for p in range(PAGES):
            gains = [gain(m) for m, q in zip(moments, pages, strict=True) if q == p and m <= day < m + 14]
            place = 20 - sum(gains) + rng.normal(0, 0.5)
            yield result(day, page(p), float(np.clip(place, 1, 50)), depth=50, country="US", keyword="shoes")


def test_search_is_a_question_of_its_own(tmp_path):
    """Per platform and country, in positions; verbs do not multiply it, and votes know no country."""
    readings = [*posts(), *posts(verb="comment")]
    rows, cells = built(tmp_path, readings, ranked())
    assert [(r["outcome"], r["verb"], r["engine"], r["region"]) for r in rows] == [
        ("votes", "comment", None, "all"), ("votes", "like", None, "all"), ("search", None, "google", "US"),
    ]  # fmt: skip
    search = rows[-1]
    assert (search["unit"], search["answer"]) == ("positions", "no detectable difference")
    assert search["in_words"].endswith("positions (with 95 % probability).")
    assert {c["factor"] for c in cells if c["outcome"] == "search"} == {None}
    assert len(cells) == 3 * CELLS


def test_what_could_not_be_asked_says_why(tmp_path):
    """Posts found late, failed readings and unknown publication leave too few: a row with words, and no cells."""
    late = [seen(m + 20, 5, f"p{n}", published_at=at(m)) for n, m in enumerate(published()[0])]
    undated = [seen(7, 5, f"q{n}") for n in range(60)]
    failed = [seen(7, Status.FAILED, f"r{n}", published_at=at(0)) for n in range(60)]
    (row,), cells = built(tmp_path, [*late, *undated, *failed])
    assert (row["answer"], row["p_value"], row["n_posts"], row["first_day"]) == ("not enough data", None, 0, None)
    assert row["in_words"] == f"Not enough data: {row['why_not']}."
    assert cells == []


def test_the_number_one_of_every_story_is_no_question(tmp_path):
    """A share that only counts the post itself cannot depend on the time."""
    assert built(tmp_path, posts(platform="hackernews", verb="share")) == ([], [])
