"""Each layer imports only what it may: read from the source, so that a crossing is named by file and line."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
LAYERS = ("connectors", "models", "pipelines", "dashboards")


@dataclass(frozen=True)
class Import:
    """One module imported by one file."""

    file: str
    line: int
    module: str

    @property
    def top(self) -> str:
        """The package imported."""
        return self.module.partition(".")[0]

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.module}"


def imports_in(source: str, file: str) -> Iterator[Import]:
    """Every import of a file, inside functions and under TYPE_CHECKING too; a relative one by its absolute name."""
    package = file.split("/")[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (Import(file, node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            yield Import(file, node.lineno, ".".join([*base, *filter(None, [node.module])]))


def imports_below(folder: str) -> list[Import]:
    """Every import of the files below a folder of the repository."""
    files = sorted((REPOSITORY / folder).rglob("*.py"))
    names = [(path, path.relative_to(REPOSITORY).as_posix()) for path in files]
    return [found for path, name in names for found in imports_in(path.read_text(encoding="utf-8"), name)]


def crossings(folder: str, forbidden: set[str]) -> list[str]:
    """The imports below a folder that it may not make, in words."""
    return [f"{found}, but {folder}/ may not" for found in imports_below(folder) if found.top in forbidden]


@pytest.mark.parametrize("layer", ["connectors", "models"])
@pytest.mark.parametrize("forbidden", ["dagster", "duckdb", "pipelines", "dashboards"])
def test_sources_and_models_know_nothing_of_the_flow(layer: str, forbidden: str) -> None:
    """connectors/ and models/ import neither Dagster nor DuckDB nor the layers below them."""
    assert crossings(layer, {forbidden}) == []


def test_connectors_know_no_models() -> None:
    """Where signals come from does not depend on what is learnt of them."""
    assert crossings("connectors", {"models"}) == []


ONLY_HERE = {  # libraries that one file of models/ needs, and no other may
    "pyfixest": "models/in_time/panel_regression.py",
    "lightgbm": "models/predict/prediction.py",
}


def test_models_are_arrays_and_themselves() -> None:
    """models/ imports numpy, scipy, numba, itself and the standard library; what else, in one named file each."""
    allowed = {"numpy", "scipy", "numba", "models", *sys.stdlib_module_names}
    strangers = [
        f"{found}, but models/ may import numpy, scipy and numba only"
        for found in imports_below("models")
        if found.top not in allowed and ONLY_HERE.get(found.top) != found.file
    ]
    assert strangers == []


def test_only_pipelines_know_dagster() -> None:
    """Dagster is a thin skin: imported below pipelines/ and nowhere else."""
    elsewhere = [layer for layer in LAYERS if layer != "pipelines"]
    assert [words for layer in elsewhere for words in crossings(layer, {"dagster"})] == []


def test_only_one_file_knows_httpx() -> None:
    """httpx is imported in connectors/http.py alone (and in tests)."""
    found = [i for layer in LAYERS for i in imports_below(layer) if i.top == "httpx"]
    assert [f"{i}, but only connectors/http.py may" for i in found if i.file != "connectors/http.py"] == []
    assert found, "connectors/http.py imports httpx no more: move this rule to where it went"


def test_the_sandbox_is_no_source() -> None:
    """Sources do not know their twins: nothing in connectors/ but the sandbox itself imports it."""
    found = [i for i in imports_below("connectors") if i.module.startswith("connectors.sandbox")]
    assert [f"{i}, but sources may not know their twins" for i in found if "/sandbox/" not in i.file] == []


def test_no_layer_needs_the_tests() -> None:
    """Nothing of the product imports its tests or the tools of testing."""
    assert [w for layer in LAYERS for w in crossings(layer, {"tests", "pytest", "hypothesis", "conftest"})] == []


@pytest.mark.parametrize(
    ("source", "module"),
    [
        ("import dagster as dg", "dagster"),
        ("def f():\n    from duckdb import sql", "duckdb"),
        ("if TYPE_CHECKING:\n    import pipelines.lake", "pipelines.lake"),
        ("from . import base", "connectors.votes"),
        ("from ..http import Http", "connectors.http"),
    ],
)
def test_the_reader_sees_every_import(source: str, module: str) -> None:
    """Imports hidden in functions, under TYPE_CHECKING, or written relatively are read too."""
    assert [i.module for i in imports_in(source, "connectors/votes/x.py")] == [module]
