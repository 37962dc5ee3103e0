"""How much of an allowed rate the pace uses, and whether it is ever refused. Prints a markdown section.

Run as `python tests/benchmarks/bench_pace.py`; some three minutes. A real server on loopback allows each connector so
many requests in any minute (a sliding window) and refuses what is more; processes, threads and partitions ask it as
fast as the pace of `connectors/pace.py` lets them. Shares are the server's own count against its own allowance.
"""

import os
import platform
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # a script sees its own folder, not the repository's

from connectors.pace import MARGIN, Pace
from tests.benchmarks.paced import Trial, run_trial

TRIAL = Trial(window_seconds=60.0, seconds=135.0, allowed=(60, 100, 600, 3000), processes=4, partitions=4)
LEAST_SHARE = 0.95
TURNS = 2000


def turn_cost() -> float:
    """Seconds that one turn costs where nobody has to wait and no other process wants one."""
    with tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = folder
        pace = Pace(999, of=("bench", "host"))
        pace._sleep = lambda _: None  # the cost alone, without the waiting
        began = time.perf_counter()
        for _ in range(TURNS):
            pace.wait()
        seconds = (time.perf_counter() - began) / TURNS
        tempfile.tempdir = None
    return seconds


TITLE = f"""
## Pace: a platform's allowance, used and never overdrawn

{TRIAL.processes} processes at once, in each {TRIAL.partitions} partitions of every connector with a client and a thread
of their own. The server counts requests in a sliding window of {TRIAL.window_seconds:.0f} s and refuses what is too
much; {TRIAL.seconds:.0f} s. The aim: at least {LEAST_SHARE:.0%} of every allowance, and no refusal. Turns are
{MARGIN:.0%} further apart than the rate allows, so {1 / (1 + MARGIN):.1%} is the most.
"""


def main() -> None:
    """Measure and print."""
    print(TITLE)
    versions = ", ".join(f"{name} {version(name)}" for name in ("httpx", "filelock"))
    print(f"Python {platform.python_version()}, {versions}, {platform.machine()}, {os.cpu_count()} cores\n")
    print("| allowed a minute | answered | refused | share of the allowed rate |\n|---:|---:|---:|---:|")
    results = run_trial(TRIAL)
    for allowed, result in zip(TRIAL.allowed, results, strict=True):
        print(f"| {allowed:,} | {result.answered:,} | {result.refused} | {result.share:.1%} |", flush=True)
    is_kept = all(r.share >= LEAST_SHARE and r.refused == 0 for r in results)
    print(
        f"\nThe aim is {'kept' if is_kept else 'missed'}. A turn costs {turn_cost() * 1e6:,.0f} µs where nobody waits."
    )


if __name__ == "__main__":
    main()
