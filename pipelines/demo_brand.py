"""What the demo watches beside its keywords: the page one of a brand, what its pages are called, and who votes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

from connectors.sandbox.pinterest import AD_ACCOUNT
from connectors.sandbox.world import Page, World
from pipelines import labels, project

BRAND, OURS, FRIEND, RIVAL = "Alder", ("alder.example", "birch.example"), "cedar.example", "elm.example"
N_QUERIES = 2  # far below the keywords that evidence takes: these lists are for Reputation, and change no verdict
AUTHOR, NOTE = "demo", "simulated, like everything in the demo"
MORE_NOTE = "a second look; simulated"
LISTS = "serper"  # averages of Search Console show our own pages only, so page one is read from result lists
PAGE_ONE = 10
FILE = """\
# Made by `tallyrank demo`: the project of a simulated world.
name: Demo
sites: [{ours}]
competitors: [{rival}]
brands:
  - name: {brand}
    queries: [{queries}]
    friendly: [{friend}]
"""


def settings() -> dict[str, str]:
    """Variables that switch on result lists for the brand, and the audiences of two platforms."""
    home = f"https://www.{OURS[0]}/"
    return {
        f"TALLYRANK_{LISTS.upper()}_ENABLED": "true",
        f"TALLYRANK_{LISTS.upper()}_DEPTH": "20",
        "TALLYRANK_PINTEREST_AD_ACCOUNT": AD_ACCOUNT,
        "TALLYRANK_PINTEREST_AUDIENCE_URL": home,
        "TALLYRANK_INSTAGRAM_AUDIENCE_URL": home,
    }


def write(folder: Path, world: World, last: date) -> None:
    """Write the project file and some labels of pages that stand in the lists of the last day."""
    queries = world.keywords[:N_QUERIES]
    words = FILE.format(ours=", ".join(OURS), rival=RIVAL, brand=BRAND, queries=", ".join(queries), friend=FRIEND)
    (folder / project.NAME).write_text(words, encoding="utf-8")
    for query in queries:
        for url, label, note in _said(world.results(query, last)):
            labels.add(folder, url, label, AUTHOR, query, note)


def _said(results: Sequence[Page]) -> Iterator[tuple[str, str, str]]:
    """Addresses with labels: some on page one, one of them changed later, and some below; others stay unlabelled."""
    sites = (*OURS, FRIEND)
    page_one, below = (
        [p.url for p in some if p.site not in sites] for some in (results[:PAGE_ONE], results[PAGE_ONE:])
    )
    yield from ((url, "neutral", NOTE) for url in page_one[:3])
    yield from ((url, "hostile", MORE_NOTE) for url in page_one[2:3])
    yield from ((url, "hostile", NOTE) for url in below[:2])
