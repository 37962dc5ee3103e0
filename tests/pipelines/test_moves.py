"""Moves of pages in search around posts: windows and signs by hand, and what is unknown."""

from __future__ import annotations

import numpy as np
import pytest

from connectors.records import RankKind
from pipelines import moves, posts
from tests.pipelines.making import PAGE, at, fill, made, result, seen

OTHER = "https://other.example/"


def found(folder, published, results, **more):
    """The moves around posts published on these days."""
    readings = [seen(60, 1, f"p{n}", published_at=at(day), **more) for n, day in enumerate(published)]
    with made(fill(folder, readings, results)).connect(*posts.TABLES, *moves.TABLES) as con:
        list(posts.posts_by_pair(con, "UTC"))
        return list(moves.moves(con, "UTC"))


def lists(places, **more):
    """One list a day from day 0 on; the page stands at each of these places (None: another page alone)."""
    for day, place in enumerate(places):
        yield result(day, OTHER, 50, depth=50, **more)
        if place is not None:
            yield result(day, PAGE, place, depth=50, **more)


def test_before_minus_after_by_hand(tmp_path):
    """Ninth for the week before, third and fifth for the two weeks after: 9 - 4 places gained, plus is better."""
    places = [30] * 3 + [9] * 7 + [3, 5] * 7 + [40] * 5
    (move,) = found(tmp_path, [10], lists(places))
    assert (move.platform, move.engine, move.rank_kind, move.region) == ("reddit", "google", "organic", None)
    assert move.gained.tolist() == [5]
    assert (move.hour.tolist(), move.page.size) == ([int(at(10).timestamp()) // 3600], 1)


def test_a_page_that_falls_out_of_the_lists_fell(tmp_path):
    """Missing from lists of depth 50 is place 51, not unknown: that would select on the outcome."""
    (move,) = found(tmp_path, [10], lists([1] * 18 + [None] * 7 + [1] * 9))
    assert move.gained.tolist() == pytest.approx([1 - (8 * 1 + 6 * 51) / 14])


def test_days_without_impressions_are_unknown(tmp_path):
    """An average has no place for a day on which nobody saw the page."""
    (move,) = found(tmp_path, [10], lists([4] * 10 + [2, None] * 7 + [4] * 3, rank_kind=RankKind.AVERAGE))
    assert move.gained.tolist() == [2]


@pytest.mark.parametrize("published", [0.0, 22.0])
def test_without_lists_on_both_sides_nothing_is_said(tmp_path, published):
    """Nothing before, or lists that end within the two weeks: no move, and not one of 0."""
    assert found(tmp_path, [published], lists([4] * 30)) == []


def test_countries_and_engines_are_apart_and_keywords_are_averaged(tmp_path):
    """Two keywords of one country make one number; another country and another engine have their own."""
    up, down = [5] * 10 + [3] * 20, [5] * 10 + [9] * 20
    results = [*lists(up, country="US"), *lists([5] * 30, country="US", keyword="hats"), *lists(down, country="DE"),
               *lists(down, engine="bing", country="US")]  # fmt: skip
    told = {(m.engine, m.region): m.gained.tolist() for m in found(tmp_path, [10], results)}
    assert told == {("google", "US"): [1.0], ("google", "DE"): [-4.0], ("bing", "US"): [-4.0]}


def test_posts_of_one_day_about_one_page_are_one(tmp_path):
    """The first stands for them; those of the next day and of another platform are posts of their own."""
    (move,) = found(tmp_path / "a", [10.5, 10.2, 10.9, 11.1], lists([4] * 40))
    assert move.hour.tolist() == [int(at(day).timestamp()) // 3600 for day in (10.2, 11.1)]
    assert np.all(move.gained == 0)
    assert [m.platform for m in found(tmp_path / "b", [10], lists([4] * 40), platform="x")] == ["x"]


def test_a_page_that_ranks_nowhere_has_no_move(tmp_path):
    """Posts about other pages say nothing on search."""
    assert found(tmp_path, [10], lists([4] * 40), url="https://nowhere.example/") == []
