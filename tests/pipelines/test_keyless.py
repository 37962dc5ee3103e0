"""Without any key: a list of pages, a file of rankings or an own SearXNG, and the sources that ask for no key."""

from __future__ import annotations

import csv
import subprocess
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from connectors.base import Connector, discover
from connectors.sandbox.world import World
from pipelines.demo import environment
from tests.conftest import TALLYRANK, environment_of

DAY = date(2026, 10, 14)
FEEDS = "https://www.alder.example/feed,https://www.birch.example/atom"
PLATFORMS = {"hatena", "hackernews", "lemmy", "stackexchange", "bluesky", "mastodon", "devto", "feeds"}


def is_keyless(connector: Connector) -> bool:
    """Whether a source works with nothing set."""
    return not connector.settings.required and bool(connector.settings.model_fields["enabled"].default)


@pytest.fixture
def keyless(sandbox: str, tmp_path: Path) -> dict[str, str]:
    """The environment of somebody without a single key; addresses alone are those of the sandbox."""
    names = [name for name, connector in discover().items() if is_keyless(connector)]
    addresses = {
        name: value
        for name, value in environment(sandbox).items()
        if name.endswith(("_BASE_URL", "_REQUESTS_PER_SECOND")) and any(f"_{n.upper()}_" in name for n in names)
    }
    ours = {k: v for k, v in environment_of(sandbox, tmp_path / "data").items() if not k.startswith("TALLYRANK_")}
    waits = {f"TALLYRANK_{name.upper()}_RETRY_WAIT_SECONDS": "0.01" for name in names}
    return ours | addresses | waits | {"TALLYRANK_DATA": str(tmp_path / "data")}


def run(environment: dict[str, str], folder: Path, *arguments: str) -> str:
    """A command that has to end well; what it printed."""
    done = subprocess.run(
        [*TALLYRANK, *arguments], env=environment, cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def observed(warehouse: Path) -> dict[str, int]:
    """Platforms by how many numbers were read."""
    with duckdb.connect(str(warehouse), read_only=True) as con:
        rows = con.execute(
            "SELECT platform, count(*) FROM stg_observations WHERE status = 'observed' GROUP BY platform"
        ).fetchall()
    return dict(rows)


def test_a_list_of_pages_and_a_file_of_rankings_are_enough(
    keyless: dict[str, str], world: World, tmp_path: Path
) -> None:
    """Every keyless platform gives numbers about the pages, and the correlation is there, with no key set at all."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "pages.txt").write_text("\n".join(p.url for p in world.pages))
    with (tmp_path / "ranks.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("keyword", "url", "position", "ranked_at"))
        for keyword in world.keywords:
            rows.writerows((keyword, p.url, n, DAY) for n, p in enumerate(world.results(keyword, DAY), 1))
    mine = keyless | {"TALLYRANK_FEEDS_ADDRESSES": FEEDS, "TALLYRANK_DEVTO_AUTHORS": "alder,birch"}
    run(mine, tmp_path, "import", "rankings", "ranks.csv")
    told = run(mine, tmp_path, "run", "--day", DAY.isoformat())
    assert "report:" in told
    found = observed(data / "warehouse.duckdb")
    assert set(found) >= PLATFORMS
    assert min(found[name] for name in PLATFORMS) > 0
    assert '"platform": "hatena"' in run(mine, tmp_path, "results", "--format", "json")


def test_a_searxng_gives_rankings_without_a_key(keyless: dict[str, str], world: World, tmp_path: Path) -> None:
    """Keywords in a file and an own SearXNG: its results are the pages that the platforms are then asked about."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "keywords.txt").write_text("\n".join(world.keywords[:3]))
    address = keyless["TALLYRANK_HATENA_BASE_URL"].partition("/{day}")[0]
    searxng = {name: value for name, value in environment(address).items() if "_SEARXNG_" in name}
    mine = keyless | searxng | {"TALLYRANK_SEARXNG_ENABLED": "true"}
    run(mine, tmp_path, "run", "--day", DAY.isoformat())
    with duckdb.connect(str(data / "warehouse.duckdb"), read_only=True) as con:
        kinds: Any = con.execute("SELECT DISTINCT rank_kind, source FROM stg_rankings").fetchall()
    assert kinds == [("list_index", "searxng")]
    assert observed(data / "warehouse.duckdb")["hatena"] > 0
