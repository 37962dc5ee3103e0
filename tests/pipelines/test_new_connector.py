"""A platform is one file: it is found, gets its assets and is tested, and nothing else is edited."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

TOY = '''"""Toy: a platform that answers every page with the length of its address.

Contract: no network, no key, no quota. Verb like = the number of characters of the address, which is never hidden. A
missing `likes` would mean that the toy has changed, and is a failed reading. Nothing is kept of anybody.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from connectors.base import Ask, Connector, ConnectorSettings, Stream, VerbMeaning, reading
from connectors.records import Observation, Raw, Status, Verb


class Settings(ConnectorSettings):
    """Settings of the toy."""

    model_config = SettingsConfigDict(env_prefix="TALLYRANK_TOY_")
    base_url: str = Field("https://toy.invalid", description="Where the toy would be.")


def fetch(ask: Ask) -> Iterator[Raw]:
    """One row per page."""
    return (Raw(url, ask.observed_at, url=url, payload={"likes": len(url)}) for url in ask.urls)


def parse(rows: Sequence[Raw]) -> Iterator[Observation]:
    """One like count per row."""
    return (reading(CONNECTOR, Verb.LIKE, row, _likes(row), absent=Status.FAILED) for row in rows)


def _likes(row: Raw) -> object:
    return row.payload.get("likes") if isinstance(row.payload, dict) else None


CONNECTOR = Connector(
    name="toy", title="Toy", signal="votes", settings=Settings, quota="None.", terms="None.", keys_from="No key.",
    streams=(Stream("by_url", "Likes of pages", "urls", fetch, parse, requests="none"),),
    verbs={Verb.LIKE: VerbMeaning("likes", "characters of the address")},
)
'''


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The project's code in a folder of its own, with one file more."""
    for name in ("connectors", "pipelines", "models", "dashboards", "tests"):
        shutil.copytree(REPOSITORY / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "dagster.yaml"):
        shutil.copy(REPOSITORY / name, tmp_path / name)
    (tmp_path / "connectors" / "votes" / "toy.py").write_text(TOY, encoding="utf-8")
    return tmp_path


def _python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("TALLYRANK_", "PYTEST_"))}
    return subprocess.run(
        [sys.executable, "-W", "ignore", *arguments],
        cwd=folder,
        env=environment | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_one_file_makes_assets_and_checks_appear(copy: Path) -> None:
    """The new platform has raw and parsed assets, checks, a pool, and a place in the daily job."""
    code = (
        "from pipelines.definitions import build_defs; d = build_defs(); g = d.resolve_asset_graph();"
        "print(sorted(k.to_user_string() for k in g.get_all_asset_keys() if k.path[0] == 'toy'));"
        "print(sorted(c.name for c in g.asset_check_keys if c.asset_key.path[0] == 'toy'));"
        "print('read_toy' in [n.name for n in d.resolve_job_def('daily_votes').all_node_defs])"
    )
    result = _python(copy, "-c", code)
    assert result.stdout.splitlines() == [
        "['toy/by_url/parsed', 'toy/by_url/raw']",
        "['failed_reads', 'fresh', 'grain']",
        "True",
    ], result.stderr


def test_one_file_is_tested_by_the_contract_tests(copy: Path) -> None:
    """The contract tests run over the new platform; a broken promise of its file fails them."""
    arguments = ("-m", "pytest", "tests/connectors/test_contract.py", "-k", "toy", "-p", "no:cacheprovider")
    result = _python(copy, *arguments)
    assert result.returncode == 0, result.stdout
    assert " passed" in result.stdout
    broken = TOY.replace('env_prefix="TALLYRANK_TOY_"', 'env_prefix="TOY_"')
    (copy / "connectors" / "votes" / "toy.py").write_text(broken, encoding="utf-8")
    assert _python(copy, *arguments).returncode == 1
