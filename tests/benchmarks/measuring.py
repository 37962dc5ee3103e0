"""Measure a function of a benchmark in a process of its own: nothing that ran before has warmed or filled anything."""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Measured:
    """Best wall time of some runs, highest memory of the whole process, and what the last run gave."""

    seconds: float
    peak_mib: float
    result: Any


def in_fresh_process(script: Path, arguments: Sequence[object], python: str = sys.executable) -> Measured:
    """Run `python script arguments`, which must end in `report`, with numerical libraries on one thread."""
    command = [python, str(script), *map(str, arguments)]
    done = subprocess.run(command, env=os.environ | ONE_THREAD, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr}")
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def report(call: Callable[[], Any], repeats: int) -> None:
    """Inside that process: time `call`, and print the best time, the peak and the last result as a line of JSON."""
    seconds, result = [], None
    for _ in range(repeats):
        began = time.perf_counter()
        result = call()
        seconds.append(time.perf_counter() - began)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": min(seconds), "peak_mib": peak, "result": result}))
