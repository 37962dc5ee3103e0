"""The demo's ending: verdicts beside the truth, and why a true effect was not proved where it was not."""

from __future__ import annotations

import os
import signal
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from models.guards.breaks import between
from pipelines import breaks
from pipelines.demo import LAST_DAY, _on_a_true_effect, environment
from tests.conftest import TALLYRANK
from tests.dashboards.making import WHY, verdict

LONGEST = 51


@pytest.mark.parametrize(
    ("change", "why_not", "expected"),
    [
        ({}, None, "was found: votes move first, positions about 2 days later, at a false discovery rate of 0.004"),
        ({"verdict": "not enough data", "direction": "unknown"}, WHY, f"the verdict is 'not enough data': {WHY}"),
        ({"verdict": "cannot tell", "direction": "neither", "q_value": 0.13}, None, "is 0.13"),
        ({"verdict": "cannot tell", "direction": "simultaneous"}, None, "it looks as if both move together"),
        ({"verdict": "cannot tell", "direction": "unknown", "q_value": 0.06}, None, "is 0.060"),
        ({"verdict": "cannot tell"}, None, "placebos do as well, or bursts say otherwise"),
        ({"verdict": "contradicts", "direction": "neither"}, None, "the verdict is 'contradicts'"),
    ],
)
def test_a_true_effect_is_found_or_it_is_said_why_not(
    change: dict[str, Any], why_not: str | None, expected: str
) -> None:
    """Never more than the verdict of the warehouse says, and never silence about what was missed."""
    row = verdict(**change)
    assert expected in _on_a_true_effect(row, [row | {"why_not": why_not}])


def test_no_break_lies_in_the_days_of_the_demo() -> None:
    """The calendar of real breaks cuts the simulated days nowhere, neither of Google nor of a platform's likes."""
    first = LAST_DAY - timedelta(days=LONGEST - 1)
    calendar = breaks.load()
    assert between(first, LAST_DAY, calendar, engine="google", rank_kind="average") == ()
    assert between(first, LAST_DAY, calendar, platform="reddit", verb="like") == ()


def test_posts_on_reddit_are_found_while_they_are_young() -> None:
    """A post found more than two days late is no growth: the demo looks often enough where timing is asked."""
    assert environment("http://x")["TALLYRANK_REDDIT_REDISCOVER_DAYS"] == "2"


def test_a_shell_reads_what_the_sandbox_prints(tmp_path: Path) -> None:
    """Every export is one line of sh that gives the variable its very value, spaces and question marks included."""
    with subprocess.Popen(
        [*TALLYRANK, "sandbox", "--port", "0", "--keywords", "6"], stdout=subprocess.PIPE, text=True, env=os.environ
    ) as served:
        assert served.stdout
        address = served.stdout.readline().strip()
        expected = environment(address)
        lines = [served.stdout.readline() for _ in expected]
        served.send_signal(signal.SIGTERM)
    script = tmp_path / "exports.sh"
    script.write_text("set -eu\n" + "".join(lines) + "env -0\n")
    done = subprocess.run(
        ["/bin/sh", str(script)], capture_output=True, text=True, check=True, env={"PATH": "/usr/bin:/bin"}
    )
    told = dict(pair.partition("=")[::2] for pair in done.stdout.split("\0") if pair)
    assert {name: told.get(name) for name in expected} == expected
    assert any(" " in value for value in expected.values())
