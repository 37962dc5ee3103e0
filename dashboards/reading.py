"""Answers of the warehouse as rows by name."""

from __future__ import annotations

from typing import Any

import duckdb


def mappings(answer: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """The rows of an answer by the names of their columns, None where unknown."""
    names = [column[0] for column in answer.description or []]
    return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]
