"""The report: failures first, nothing from outside trusted, one file."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Any

import pytest

from dashboards.plots import deepest, forest_png
from dashboards.report import Contents, render, sentence

AT = datetime(2026, 10, 14, 12, tzinfo=UTC)
FACTS = {
    "keywords": 2, "lists": 4, "pages": 9, "readings": 30, "failed_readings": 3, "first_list": AT, "last_list": AT,
}  # fmt: skip


def row(**more: Any) -> dict[str, Any]:
    """A row of the association table."""
    return {
        "engine": "google", "rank_kind": "organic", "platform": "reddit", "verb": "like", "depth": 10, "mean_rho": 0.2,
        "ci_low": 0.1, "ci_high": 0.3, "n_lists": 4, "n_skipped": 1, "n_keywords": 2,
    } | more  # fmt: skip


def source(**more: Any) -> dict[str, Any]:
    """A row of the state of sources."""
    return {
        "connector": "reddit", "stream": "by_url", "state": "well", "last_day": date(2026, 10, 14), "n_reads": 5,
        "n_failed": 0, "n_not_found": 0,
        "n_failed_readings": 0, "first_error": None, "last_good_day": date(2026, 10, 14),
        "days_with_failures": 0,
    } | more  # fmt: skip


def test_failures_stand_before_everything_else() -> None:
    """A source that did not read well is named above the numbers, with its error and its last good day."""
    bad = source(connector="hatena", state="failed", n_failed=5, first_error="Unavailable: HTTP 500")
    text = render(Contents(FACTS, [bad, source()], [row()]), AT)
    alarm = text.index("1 of 2 source streams did not read well")
    assert alarm < text.index("Unavailable: HTTP 500") < text.index("What is known") < text.index("+0.200")


def test_nothing_from_outside_is_markup() -> None:
    """Names and errors that hold markup are shown as text."""
    evil = "<script>alert(1)</script>"
    bad = source(state="failed", first_error=evil, connector=evil)
    text = render(Contents(FACTS, [bad], [row(platform=evil, engine=evil)]), AT)
    assert evil not in text
    assert "&lt;script&gt;alert(1)" in text


def test_the_file_needs_nothing_else() -> None:
    """No script, style, font or picture is loaded from anywhere."""
    text = render(Contents(FACTS, [source()], [row()]), AT)
    loaded = re.findall(r"<(?:script|link|img|iframe)[^>]+(?:src|href)\s*=\s*[\"']?([^\"'> ]+)", text)
    assert [address for address in loaded if not address.startswith("data:")] == []
    assert "Plotly" in text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "higher"),
        ({"mean_rho": -0.2, "ci_low": -0.3, "ci_high": -0.1}, "lower"),
        ({"ci_low": -0.1}, "cannot be told from zero"),
        ({"ci_low": None, "ci_high": None}, "uncertainty unknown"),
        ({"mean_rho": None, "ci_low": None, "ci_high": None, "n_lists": 0}, "no list"),
    ],
)
def test_words_say_no_more_than_the_number(change: dict[str, Any], words: str) -> None:
    """Direction only where the interval excludes zero; never a cause."""
    assert words in sentence(row(**change))


def test_unknown_intervals_are_called_unknown() -> None:
    """A missing interval is shown as unknown, not as zero width."""
    text = render(Contents(FACTS, [], [row(ci_low=None, ci_high=None)]), AT)
    assert "unknown … unknown" in text


def test_the_picture_shows_the_greatest_depth_once() -> None:
    """One mark per platform and verb; the PNG is a PNG, also with unknown intervals."""
    rows = [
        row(),
        row(depth=20, mean_rho=0.3),
        row(verb="share", ci_low=None, ci_high=None),
        row(verb="x", mean_rho=None),
    ]
    assert [(r["verb"], r["depth"]) for r in deepest(rows)] == [("share", 10), ("like", 20)]
    assert forest_png(rows).startswith(b"\x89PNG")
