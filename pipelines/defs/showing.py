"""Rows and pictures as metadata that the UI shows without scripts."""

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import dagster as dg

from connectors.errors import TallyrankError
from dashboards.analysis.analyst import plain
from dashboards.safe import shown

T = TypeVar("T")
MOST_ROWS_SHOWN, LONGEST = 200, 600  # rows, characters of a cell


def or_failure(work: Callable[[], T]) -> T:
    """Run work whose errors are already words for people; Dagster then shows them without a traceback."""
    try:
        return work()
    except TallyrankError as error:
        raise failure(str(error)) from None


def failure(words: str, metadata: dict[str, Any] | None = None) -> dg.Failure:
    """A failure in words, which no retry would mend."""
    return dg.Failure(description=words, metadata=metadata or {}, allow_retries=False)


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as a Markdown table, lists left out: pictures show those."""
    if not rows:
        return "Nothing to show yet."
    names = [n for n in rows[0] if not any(isinstance(r[n], list) for r in rows)]
    lines = ["| " + " | ".join(_cell(r[n]) for n in names) + " |" for r in rows[:MOST_ROWS_SHOWN]]
    return "\n".join(["| " + " | ".join(names) + " |", "|---" * len(names) + "|", *lines])


def _cell(value: Any) -> str:
    if value is None:
        return "unknown"
    return f"{value:.4g}" if isinstance(value, float) else plain(shown(value, LONGEST))


def plot(name: str, picture: bytes) -> dict[str, dg.MetadataValue]:
    """A PNG as Markdown; nothing where there is nothing to draw."""
    if not picture:
        return {}
    return {"plot": dg.MetadataValue.md(f"![{name}](data:image/png;base64,{base64.b64encode(picture).decode()})")}
