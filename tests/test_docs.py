"""Documents tell the truth: what they name exists, what is generated is up to date."""

from __future__ import annotations

import re
import subprocess

import pytest

from pipelines.docs import PAGES as PAGES_MADE
from tests.conftest import REPOSITORY, TALLYRANK

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
PAGES = ["README.md", "CONTRIBUTING.md", "DECISIONS.md", "CHANGELOG.md", "data/README.md"]


@pytest.mark.parametrize("page", PAGES_MADE)
def test_generated_pages_are_what_connectors_say(page: str) -> None:
    """`.env.example` and `docs/SOURCES.md` equal what `make docs` would write."""
    assert (REPOSITORY / page).read_text(encoding="utf-8") == PAGES_MADE[page]()


def section(name: str) -> str:
    """What the page of sources says of one of them."""
    return PAGES_MADE["docs/SOURCES.md"]().split(f'<a id="{name}"></a>')[1].split("<a id=")[0]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("x", "that link to pages, counted. Asked about pages you list or that rank; gives share, totals of a page."),
        ("pinterest", "gives save, totals of a page."),
        ("pinterest", "gives view, totals of a page, by segment and never added up."),
        ("vk", "Asked about pages you list or that rank; gives share, totals of a page."),
        ("threads", "Asked about your own account; gives share, like, comment, view, numbers of single posts."),
        ("google_plus", "Asked about a file of yours;"),
        ("feeds", "Asked about what you name in the settings;"),
        ("search_console", "Position: `average`, the mean of all places"),
        ("search_console", "Asked about your own sites; past days too."),
        ("dataforseo", "Position: `organic`, the place among unpaid results; with a setting also `absolute`"),
        ("brave", "Depth: 20 results at first (`TALLYRANK_BRAVE_DEPTH`)."),
        ("brave", "Asked about keywords you list; of today only."),
        ("lobsters", "**Off by default.** Set `TALLYRANK_LOBSTERS_ENABLED=true`"),
        ("buffer", "Kept: as the networks' own rules say"),
        ("youtube", "Kept: 30 days"),
        ("hatena", "Kept: no limit set by its terms that we know."),
        ("format-loomly", "Read: as [Post report of any social media management tool](#format-any_tool)."),
        ("format-sprout_social", "(#format-any_tool), but share from `Shares`"),
        ("format-any_tool", "Header: `linked_content` or `permalink`, and one of `shares`, `reactions`,"),
        ("format-semrush", "Header: `Keyword`, `Position`, `Search Volume`, `URL`."),
    ],
)  # fmt: skip
def test_the_page_of_sources_says_it_of_each_stream(name: str, words: str) -> None:
    """What a stream is asked about, which verbs on which basis it gives, what a position means, how long it is kept."""
    assert words in section(name)


def test_the_page_of_sources_says_what_each_needs() -> None:
    """In the table: a key, a key and money, a file, names, or nothing, and which sources are off by default."""
    lines = PAGES_MADE["docs/SOURCES.md"]().splitlines()
    told = {line.split("](#")[1].split(")")[0]: line.split(" | ")[-2] for line in lines if line.startswith("| [")}
    wanted = {
        "hatena": "no key", "reddit": "a key", "x": "a key and money", "serpbear": "a file", "google_plus": "a file",
        "feeds": "names to read", "telegram": "names to read; off by default", "snapchat": "a key; off by default",
    }  # fmt: skip
    assert {name: told[name] for name in wanted} == wanted
    assert not any("asked about urls" in line or "asked about account" in line for line in lines)


def test_the_example_of_settings_names_what_would_do_instead() -> None:
    """A needed key says which other settings stand for it, and a source that is off how to switch it on."""
    text = PAGES_MADE[".env.example"]()
    assert "(needed, or TALLYRANK_X_API_KEY and TALLYRANK_X_API_SECRET)\n# TALLYRANK_X_TOKEN=" in text
    assert "# --- Lobsters (votes). Off until TALLYRANK_LOBSTERS_ENABLED=true. No key is needed" in text


@pytest.mark.parametrize("page", PAGES)
def test_links_between_pages_lead_somewhere(page: str) -> None:
    """Every relative link of a page is a file of the project."""
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (REPOSITORY / page).parent.joinpath(target).exists(), target


def test_commands_of_the_readme_exist() -> None:
    """Every `tallyrank <command>` of the README and every make target is there."""
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"make (\w+)", README)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    known = subprocess.run([*TALLYRANK, "--help"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    for command in set(re.findall(r"^tallyrank (\w+)", README, re.MULTILINE)):
        assert re.search(rf"\b{command}\b", known), command


def test_tables_of_the_readme_are_published() -> None:
    """The tables that the README explains are tables of the warehouse."""
    from pipelines.publish import _tables

    section = README.split("| table | one row is |")[1].split("\n\n")[0]
    named = set(re.findall(r"`(\w+)`", section.replace("one result", ""))) - {"serp_votes_wide"}
    assert named <= set(_tables())


def test_the_lock_names_no_address() -> None:
    """The pin list holds names and hashes, and nothing of where packages were downloaded from."""
    assert "://" not in (REPOSITORY / "requirements.lock").read_text(encoding="utf-8")
