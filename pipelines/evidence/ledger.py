"""Everything that was tried, with its p-value and false discovery rate (models/guards/multiplicity.py)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb

from models.guards.multiplicity import Entry, Ledger
from pipelines.evidence.table import FLAG, REAL, TEXT, WHOLE, ModelTable, Rows, rows_of
from pipelines.lake import Lake

TESTS = {  # table: column of its p, and what the test asks
    "adjusted": {"p_value": "votes go with positions, given what is known of the pages"},
    "timing": {
        "p_forward": "positions move after votes",
        "p_backward": "votes follow positions",
        "p_same_day": "both move on one day",
    },
    "quasi_experiment": {"p_effect": "positions move after bursts of votes"},
}


def build(lake: Lake) -> Rows:
    """One row per test; each question is a family of its own, over all rankings, platforms and verbs."""
    with lake.connect(*TESTS) as con:
        return Ledger().record(_entries(con)).rows()


def _entries(con: duckdb.DuckDBPyConnection) -> Iterator[Entry]:
    for table, questions in TESTS.items():
        for row in rows_of(con, table):
            who = " / ".join(str(row[n]) for n in ("engine", "rank_kind", "platform", "verb"))
            for column, question in questions.items():
                yield Entry(f"{table}: {question}", who, float("nan") if row[column] is None else row[column])


COLUMNS: dict[str, Any] = {
    "family": (TEXT, "The question asked, and by which model; corrections are made within a family."),
    "hypothesis": (TEXT, "Engine, kind of position, platform and verb it was asked of."),
    "look": (WHOLE, "1 for the first look at it."),
    "p": (REAL, "p-value; NULL where the test could not be made."),
    "q": (REAL, "False discovery rate (Benjamini-Hochberg) at which it would be called a finding."),
    "n_tests": (WHOLE, "Tests made in the family."),
    "is_discovery": (FLAG, "Whether it is one at 5 %."),
}
TABLE = ModelTable(
    "ledger",
    "The ledger: every test that was made, its p-value, and the false discovery rate over its family.",
    COLUMNS,
    tuple(TESTS),
    build,
)
