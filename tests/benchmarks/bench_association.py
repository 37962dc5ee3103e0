"""Cost of the association rung: within-list Spearman, its bootstrap, and pandas beside them. Prints a markdown table.

Run as `python tests/benchmarks/bench_association.py`; one thread, about half a minute. Compare ratios within a run, not
times between machines.
"""

import os
import platform
import sys
import time
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")  # before numpy reads them
sys.path.insert(0, str(Path(__file__).parents[2]))  # a script sees its own folder, not the repository's

import numpy as np
import pandas as pd
import scipy
from scipy.stats import spearmanr

from models.association import associate, spearman_rectangle, within_list_spearman
from models.bootstrap import cluster_bootstrap_mean

SAMPLE = 1_000  # lists that pandas is given; its cost grows in proportion to lists
Row = tuple[str, float, float, str]  # name, seconds, peak MB, note


def simulated(lists: int, m: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """list_id, position and heavy-tailed votes with a third of zeros, row by row."""
    rng = np.random.default_rng(seed)
    votes = np.floor(rng.lognormal(1, 2, lists * m)) * (rng.random(lists * m) > 0.3)
    return np.repeat(np.arange(lists), m), np.tile(np.arange(1.0, m + 1), lists), votes


def measure(name: str, call: Callable[[], object], repeats: int = 3, scale: float = 1, note: str = "") -> Row:
    """Best time of some runs, and the peak of memory that one more run adds."""
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return name, min(seconds) * scale, peak_mb(call), note


def peak_mb(call: Callable[[], object]) -> float:
    """Memory at its highest while running, beyond what was held before."""
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


def pandas_apply(list_id: np.ndarray, position: np.ndarray, votes: np.ndarray) -> object:
    """What one would write first."""
    frame = pd.DataFrame({"list_id": list_id, "position": position, "votes": votes})
    groups = frame.groupby("list_id")[["position", "votes"]]
    return groups.apply(lambda g: spearmanr(-g["position"], g["votes"]).statistic)


def spearman_rows() -> Iterator[Row]:
    """Within-list Spearman in its entry points and on other kinds of data."""
    ids, position, votes = simulated(1_000_000, 20)
    wide_position, wide_votes = position.reshape(-1, 20), votes.reshape(-1, 20)
    mixed = np.random.default_rng(1).permuted(wide_position, axis=1).ravel()
    unknown = np.where(np.random.default_rng(2).random(votes.size) < 0.1, np.nan, votes)
    real = np.log1p(votes)
    yield measure("within_list_spearman, 1,000,000 x 20", lambda: within_list_spearman(ids, position, votes))
    yield measure("spearman_rectangle, 1,000,000 x 20", lambda: spearman_rectangle(wide_position, wide_votes))
    yield measure("... positions in random order", lambda: within_list_spearman(ids, mixed, votes), 2)
    yield measure("... 10 % of votes unknown", lambda: within_list_spearman(ids, position, unknown), 2)
    yield measure("... real-valued votes", lambda: within_list_spearman(ids, position, real), 2)
    yield measure("associate at depth 10, every list a keyword", lambda: associate(ids, ids, position, votes, 10), 2)
    rows = SAMPLE * 20
    head = (ids[:rows], position[:rows], votes[:rows])
    yield measure(
        "pandas groupby.apply(spearmanr), 1,000,000 x 20",
        lambda: pandas_apply(*head),
        1,
        1_000_000 / SAMPLE,
        f"time extrapolated from {SAMPLE:,} lists, memory of those",
    )
    long = simulated(100_000, 100)
    yield measure("within_list_spearman, 100,000 x 100", lambda: within_list_spearman(*long))


def bootstrap_rows() -> Iterator[Row]:
    """1,000 draws over 1,000,000 lists."""
    values = np.random.default_rng(3).normal(0.1, 0.2, 1_000_000)
    for clusters in (1_000_000, 1_000):
        cluster = np.random.default_rng(4).permutation(values.size) % clusters
        name = f"cluster_bootstrap_mean, 1,000,000 lists, {clusters:,} clusters"
        yield measure(name, lambda cluster=cluster: cluster_bootstrap_mean(values, cluster))


TITLE = f"""# Benchmarks

Made by `make bench` on {date.today().isoformat()}. Compare ratios, not seconds: all rows of a table were measured in
one run, one after the other, on one thread of a shared machine; each time is the best of its repetitions.

## Association: Spearman within result lists, bootstrap over keywords

The aim: 1,000,000 lists of 20 in at most 0.5 s on one core, and 1,000 bootstrap draws for less than the statistic
itself.
"""  # noqa: DTZ011  the day on this machine is what is meant


def main() -> None:
    """Measure and print."""
    warnings.simplefilter("ignore")  # scipy warns of every constant list
    rows = [*spearman_rows(), *bootstrap_rows()]
    versions = f"Python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}"
    print(TITLE)
    print(f"{versions}, pandas {pd.__version__}, {platform.machine()}, 1 thread\n")
    print("| case | time | ratio | extra peak memory | note |\n|---|---:|---:|---:|---|")
    for name, seconds, peak, note in rows:
        print(f"| {name} | {seconds:,.3f} s | {seconds / rows[0][1]:,.2f} | {peak:,.0f} MB | {note} |")


if __name__ == "__main__":
    main()
