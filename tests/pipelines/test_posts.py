"""Posts of the lake: which they are, on whose clock they were published, and how each platform counts passing on."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from connectors.base import discover
from connectors.errors import TallyrankError
from connectors.records import Status, Verb
from pipelines.posts import TABLES, ZONE, passing_on, posts_by_pair, zone
from tests.pipelines.making import at, fill, made, searched, seen


def posts(folder, readings, zone_name="UTC"):
    """The posts of a lake with these readings, by platform and verb."""
    with made(fill(folder, readings)).connect(*TABLES) as con:
        return {(p.platform, p.verb): p for p in posts_by_pair(con, zone_name)}


def test_readings_by_age_and_what_is_no_reading(tmp_path):
    """Ages from publication; searches, page totals, failed and hidden readings, and posts never read are left out."""
    found = posts(tmp_path, [
        seen(2, 5, "a", published_at=at(1)), seen(4, 9, "a", published_at=at(1)),
        seen(3, Status.FAILED, "a", published_at=at(1)), seen(5, Status.NOT_FOUND, "a", published_at=at(1)),
        seen(3, 7, "b", url="https://other.example/1"), seen(2, Status.HIDDEN, "c"), searched(2), seen(2, 100),
    ])  # fmt: skip
    (pair,) = found.values()
    assert pair.votes.tolist() == [9, 7]
    assert (pair.readings.post.tolist(), pair.readings.age_days.tolist()) == ([0, 0], [1, 3])
    assert pair.readings.votes.tolist() == [5, 9]
    assert (pair.hour.tolist(), pair.qualities) == ([int(at(1).timestamp()) // 3600, -1], ("exact",))
    assert len(set(pair.page)) == len(set(pair.domain)) == 2


def test_a_post_about_two_pages_is_one_post(tmp_path):
    """Its votes count once, for the first of its pages."""
    found = posts(tmp_path, [seen(2, 5, "a", url=f"https://x.example/{n}", published_at=at(1)) for n in (1, 2)])
    (pair,) = found.values()
    assert (pair.votes.tolist(), pair.readings.votes.tolist()) == ([5], [5])


def test_the_post_itself_is_none_of_its_reshares(tmp_path):
    """Where the number begins at 1 for the post, growth begins at 0; the number itself stays as read."""
    readings = [seen(n, n, "a", platform=p, verb="share", published_at=at(0)) for p in ("reddit", "x") for n in (1, 2)]
    found = posts(tmp_path, readings)
    assert found["reddit", "share"].readings.votes.tolist() == [0, 1]
    assert found["x", "share"].readings.votes.tolist() == [1, 2]
    assert found["reddit", "share"].votes.tolist() == [2]


@pytest.mark.parametrize(
    ("name", "hours"), [("UTC", (22, 22)), ("Europe/Berlin", (23, 24)), ("Asia/Kolkata", (27, 27))]
)
def test_hours_are_those_of_the_clock_of_the_zone(tmp_path, name, hours):
    """22:10 UTC before and after summer time began in Berlin (29 March 2026); half hours are cut off."""
    moments = [datetime(2026, 3, day, 22, 10, tzinfo=UTC) for day in (28, 29)]
    readings = [seen(90, 1, f"p{n}", published_at=m) for n, m in enumerate(moments)]
    (pair,) = posts(tmp_path, readings, name).values()
    midnights = [datetime(2026, 3, day, tzinfo=UTC).timestamp() / 3600 for day in (28, 29)]
    assert (pair.hour - np.array(midnights)).tolist() == list(hours)


def test_the_zone_comes_from_the_environment(monkeypatch):
    """UTC unless set; a name that is none is refused with what to do."""
    monkeypatch.delenv(ZONE, raising=False)
    assert zone() == "UTC"
    monkeypatch.setenv(ZONE, " Europe/Berlin ")
    assert zone() == "Europe/Berlin"
    for wrong in ("Berlin", "../etc/passwd", "Europe"):
        monkeypatch.setenv(ZONE, wrong)
        with pytest.raises(TallyrankError, match=f"{ZONE} is .*such as Europe/Berlin"):
            zone()


@pytest.mark.parametrize(
    ("platform", "verb", "how"),
    [
        ("facebook", "share", "counted"), ("reddit", "share", "beyond_the_post"),
        ("hackernews", "share", "not_counted"),
        ("pinterest", "save", "counted"), ("instagram", "save", None), ("facebook", "like", None),
        ("sprout_social:pinterest", "save", "counted"), ("buffer:bluesky", "share", "counted"),
        ("of_a_file", "share", "counted"), ("of_a_file", "save", None),
    ],
)  # fmt: skip
def test_how_passing_on_is_counted(platform, verb, how):
    """As the source declares; a tool counts shares its own way; what nobody declared follows the rule for all."""
    assert passing_on(platform, verb) == how


def test_a_share_that_begins_at_one_says_so():
    """A source whose words begin with "1 " for its shares declares that the post itself is in the number."""
    shares = {n: c.verbs[Verb.SHARE] for n, c in discover().items() if Verb.SHARE in c.verbs}
    begin_at_one = {name for name, meaning in shares.items() if meaning.meaning.startswith("1 ")}
    assert begin_at_one == {name for name, meaning in shares.items() if meaning.passing_on not in (None, "counted")}
    assert {"reddit", "bluesky", "hackernews"} <= begin_at_one
