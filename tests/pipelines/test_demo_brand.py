"""The demo's brand: a project file that is valid, labels of pages that stand in its lists, and settings that exist."""

from __future__ import annotations

from pathlib import Path

from connectors.base import discover, variable
from connectors.sandbox.world import World
from pipelines import demo_brand, labels, project
from pipelines.demo import LAST_DAY, SHOWN


def test_the_project_watches_searches_that_the_world_knows(tmp_path: Path) -> None:
    """Each brand query has a list, and our sites and the friend's are among its pages' sites."""
    world = World(keywords=6)
    demo_brand.write(tmp_path, world, LAST_DAY)
    made = project.load(tmp_path)
    (brand,) = made.brands
    assert made.searches == brand.queries == world.keywords[: demo_brand.N_QUERIES]
    sites = {page.site for query in brand.queries for page in world.results(query, LAST_DAY)}
    assert {*made.sites, *brand.friendly} <= sites


def test_labels_are_of_others_pages_on_page_one_and_below(tmp_path: Path) -> None:
    """Said to be simulated; one was changed, some hostile pages wait below page one, and some pages have no label."""
    world = World(keywords=6)
    demo_brand.write(tmp_path, world, LAST_DAY)
    found = labels.read(tmp_path)
    assert not found.faults
    holding = labels.latest(found.labels)
    assert len(holding) < len(found.labels)
    for query in world.keywords[: demo_brand.N_QUERIES]:
        places = {page.url: n for n, page in enumerate(world.results(query, LAST_DAY), 1)}
        mine = [entry for entry in holding.values() if entry.query == query]
        hostile = [places[entry.url] for entry in mine if entry.label == "hostile"]
        assert min(hostile) <= demo_brand.PAGE_ONE < max(hostile)
        assert len(mine) < len(places) / 2
    ours = project.load(tmp_path)
    assert not any(project.is_within(e.url, (*ours.sites, *ours.brands[0].friendly)) for e in found.labels)
    assert {entry.author for entry in found.labels} == {"demo"}
    assert all("simulated" in entry.note for entry in found.labels)


def test_every_setting_is_one_of_a_source_that_the_demo_reads() -> None:
    """A renamed setting would leave a page of the demo empty without a word."""
    known = discover()
    settings = [known[name].settings for name in {*SHOWN, demo_brand.LISTS}]
    names = {variable(each, field) for each in settings for field in each.model_fields}
    assert set(demo_brand.settings()) <= names
