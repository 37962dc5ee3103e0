"""Keywords in markets of their own: looked up there, paid for there, and filed under it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from connectors.base import discover
from connectors.sandbox.world import World
from pipelines import estimate, project
from pipelines.lake import Lake
from pipelines.project.settings import market_settings
from pipelines.pull import pull_day
from tests.conftest import sandbox_settings

DAY = date(2026, 10, 14)
FILE = """
markets:
  - {name: us, country: us, language: en, device: desktop}
  - {name: germany, country: de, language: de, device: mobile}
keywords:
  - ONE
  - {keyword: TWO, market: germany}
  - {keyword: THREE, market: germany}
  - {keyword: THREE, market: germany, country: fr}
"""
NAMES = ("ONE", "TWO", "THREE", "FOUR")  # each stands for a keyword of the sandbox's world


@pytest.fixture
def lake(tmp_path: Path, sandbox: str, world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lake]:
    """A lake with keywords in three markets, and sources pointed at the sandbox."""
    for name, value in sandbox_settings(sandbox).items():
        if not name.endswith(("_COUNTRY", "_LANGUAGE", "_DEVICE")):  # what is chosen by hand is another test's
            monkeypatch.setenv(name, value)
    monkeypatch.setenv(project.settings.MARK, "")
    for name in ("SERPER", "SERPAPI", "DATAFORSEO"):
        monkeypatch.setenv(f"TALLYRANK_{name}_ENABLED", "true")
    write(tmp_path / project.NAME, FILE, world)
    write(tmp_path / "keywords.txt", "FOUR\n", world)
    project.apply(project.load(tmp_path))
    yield Lake(tmp_path)
    project.apply(project.Project())  # takes back what a test has set


def write(path: Path, text: str, world: World) -> None:
    """A file in which names stand for keywords of the world."""
    for name, keyword in zip(NAMES, world.keywords, strict=False):
        text = text.replace(name, keyword)
    path.write_text(text, encoding="utf-8")


def looked_up(lake: Lake, world: World, source: str, *facts: str) -> set[tuple[str | None, ...]]:
    """The keywords that have a list, by their names here, with what it is filed under."""
    pull_day(lake, discover()[source], DAY)
    names = dict(zip(world.keywords, NAMES, strict=False))
    with lake.connect("rankings") as con:
        rows = con.execute(f"SELECT DISTINCT keyword, {', '.join(facts)} FROM rankings").fetchall()
    return {(names[keyword], *rest) for keyword, *rest in rows}


def test_each_keyword_is_looked_up_in_its_market(lake: Lake, world: World) -> None:
    """A keyword that stands twice is looked up twice; lines of keywords.txt in the first market."""
    assert looked_up(lake, world, "serpapi", "country", "language", "device") == {
        ("FOUR", "us", "en", "desktop"), ("ONE", "us", "en", "desktop"),
        ("TWO", "de", "de", "mobile"), ("THREE", "de", "de", "mobile"), ("THREE", "fr", "de", "mobile"),
    }  # fmt: skip


def test_a_source_that_takes_numbers_is_told_the_number(lake: Lake, world: World) -> None:
    """DataForSEO searches by the number of a country: the label and the place agree."""
    found = looked_up(lake, world, "dataforseo", "country", "language")
    assert {("TWO", "de", "de"), ("THREE", "fr", "de"), ("FOUR", "us", "en")} <= found
    stream = discover()["dataforseo"].streams[0].name
    where = {r.payload["country"]: r.payload["location"] for r in lake.read_raw("dataforseo", stream, DAY) or []}
    assert where == {"us": 2840, "de": 2276, "fr": 2250}


def test_what_somebody_chose_by_hand_stays(lake: Lake, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A country in the environment holds for every keyword; what it does not name still follows the market."""
    monkeypatch.setenv("TALLYRANK_SERPER_COUNTRY", "it")
    project.apply(project.load(lake.root))
    assert looked_up(lake, world, "serper", "country", "language") == {
        ("FOUR", "it", "en"), ("ONE", "it", "en"), ("TWO", "it", "de"), ("THREE", "it", "de"),
    }  # fmt: skip


def test_it_costs_what_is_asked_and_nothing_twice(lake: Lake, world: World) -> None:
    """Five look-ups are priced, five are paid for, and a second run of the day asks nothing."""
    serper = discover()["serper"]
    (before,) = estimate.over_days(lake, [serper], [DAY], is_named=True)
    assert before.n_subjects == 5
    (first,) = pull_day(lake, serper, DAY)
    (again,) = pull_day(lake, serper, DAY)
    assert (first.n_failed, again.n_requests) == (0, 0)
    rows = lake.read_raw("serper", serper.streams[0].name, DAY) or []
    assert sorted(Counter(r.subject for r in rows).values()) == [1, 1, 1, 2]


def test_where_all_agree_nothing_is_split(lake: Lake, world: World) -> None:
    """One market: one part, whose settings are those that `apply` has set."""
    write(lake.root / project.NAME, "markets: [{name: de, country: de}]\nkeywords: [ONE, TWO]\n", world)
    project.apply(project.load(lake.root))
    assert looked_up(lake, world, "serper", "country") == {("ONE", "de"), ("TWO", "de"), ("FOUR", "de")}


@pytest.mark.parametrize(
    ("country", "number"), [("us", 840), ("de", 276), ("fr", 250), ("et", 231), ("sd", 729), ("ye", 887), ("gb", 826)]
)
def test_countries_have_the_numbers_of_today(country: str, number: int) -> None:
    """Not those of the states that they followed."""
    market = {"country": country, "language": None, "device": None}
    assert market_settings(discover()["dataforseo"], market)["location_code"] == str(2000 + number)
