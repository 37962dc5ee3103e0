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
