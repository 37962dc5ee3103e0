"""Cost of the association rung: within-list Spearman and Kendall, their intervals, and others beside them, in Markdown.

Run as `python tests/benchmarks/bench_association.py`; one thread, some five minutes. Compare ratios within a run,
not times between machines. `--data FOLDER LISTS M` only writes data, `--other NAME FOLDER LISTS M` measures one way
of `OTHERS` on it and prints JSON.
"""

import json
import os
import platform
import resource
import subprocess
import sys
import time
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")  # before numpy reads them
os.environ.update(POLARS_MAX_THREADS="1")
sys.path.insert(0, str(Path(__file__).parents[2]))  # a script sees its own folder, not the repository's

import numpy as np
import pandas as pd
import scipy
from scipy.stats import kendalltau, spearmanr

from models.ranks.association import associate, spearman_rectangle, within_list_spearman
from models.ranks.bootstrap import cluster_bootstrap_mean
from models.ranks.kendall import within_list_kendall
from models.ranks.partial import partial_spearman

SAMPLE = 1_000  # lists that the slowest ways are given; their cost grows in proportion to lists
SHAPES = ((1_000_000, 20), (100_000, 100))
PATIENCE = 10  # seconds from which on a run is not repeated
SAME = 1e-9  # means of rho of two ways that compute the same
Row = tuple[str, float, float, str]  # name, seconds, peak MB, note
Columns = tuple[np.ndarray, np.ndarray, np.ndarray]


def simulated(lists: int, m: int, seed: int = 0) -> Columns:
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


def ours(list_id: np.ndarray, position: np.ndarray, votes: np.ndarray) -> Callable[[], np.ndarray]:
    """This project's Spearman."""
    return lambda: within_list_spearman(list_id, position, votes).rho


def ours_kendall(list_id: np.ndarray, position: np.ndarray, votes: np.ndarray) -> Callable[[], np.ndarray]:
    """This project's Kendall."""
    return lambda: within_list_kendall(list_id, position, votes).rho


def pandas_apply(statistic: Callable[..., object]) -> Callable[..., Callable[[], np.ndarray]]:
    """What one would write first."""

    def prepared(list_id: np.ndarray, position: np.ndarray, votes: np.ndarray) -> Callable[[], np.ndarray]:
        frame = pd.DataFrame({"list_id": list_id, "position": position, "votes": votes})
        groups = frame.groupby("list_id")[["position", "votes"]]
        return lambda: groups.apply(lambda g: statistic(-g["position"], g["votes"]).statistic).to_numpy()

    return prepared


def pandas_ranks(list_id: np.ndarray, position: np.ndarray, votes: np.ndarray) -> Callable[[], np.ndarray]:
    """What one would write next: ranks by group, then sums by group."""
    frame = pd.DataFrame({"list_id": list_id, "h": -position, "s": votes})

    def run() -> np.ndarray:
        rank = frame.groupby("list_id")[["h", "s"]].rank()
        rank -= rank.groupby(frame["list_id"]).transform("mean")
        sums = pd.DataFrame({"hs": rank.h * rank.s, "hh": rank.h**2, "ss": rank.s**2}).groupby(frame["list_id"]).sum()
        return (sums.hs / np.sqrt(sums.hh * sums.ss)).to_numpy()

    return run


def polars_ranks(list_id: np.ndarray, position: np.ndarray, votes: np.ndarray) -> Callable[[], np.ndarray]:
    """Ranks and their correlation in polars' own aggregation."""
    import polars as pl

    rho = pl.corr(pl.col("h").rank("average"), pl.col("s").rank("average")).alias("rho")
    query = pl.LazyFrame({"list_id": list_id, "h": -position, "s": votes}).group_by("list_id").agg(rho)

    def run() -> np.ndarray:
        return query.collect()["rho"].to_numpy()

    return run


def duckdb_ranks(list_id: np.ndarray, position: np.ndarray, votes: np.ndarray) -> Callable[[], np.ndarray]:
    """Average ranks as windows: rank() and half of the ties beyond the first."""
    import duckdb

    con = duckdb.connect(config={"threads": 1})
    frame = pd.DataFrame({"l": list_id, "h": -position, "s": votes})
    con.execute("CREATE TABLE t AS SELECT * FROM frame")
    del frame
    ranks = ", ".join(
        f"rank() OVER (PARTITION BY l ORDER BY {x}) + (count(*) OVER (PARTITION BY l, {x}) - 1) / 2 AS r{x}"
        for x in "hs"
    )
    query = f"SELECT corr(rh, rs) AS rho FROM (SELECT l, {ranks} FROM t) GROUP BY l"
    return lambda: con.execute(query).fetchnumpy()["rho"]


OTHERS = {
    "within_list_spearman": (ours, False),
    "pandas, ranks by group": (pandas_ranks, False),
    "polars, ranks in an aggregation": (polars_ranks, False),
    "DuckDB, ranks as windows": (duckdb_ranks, False),
    "pandas groupby.apply(scipy.stats.spearmanr)": (pandas_apply(spearmanr), True),
    "within_list_kendall": (ours_kendall, False),
    "pandas groupby.apply(scipy.stats.kendalltau)": (pandas_apply(kendalltau), True),
}  # name: how to prepare a run, and whether it is given a sample only


def measure_other(name: str, folder: Path, lists: int, m: int) -> dict[str, float]:
    """Seconds (best of two runs, long ones once), memory that they add to the data, and the mean of what came out."""
    warnings.simplefilter("ignore")  # scipy warns of every constant list
    prepare, is_sampled = OTHERS[name]
    rows = SAMPLE * m if is_sampled else lists * m
    run = prepare(*(np.load(folder / f"{i}.npy")[:rows] for i in range(3)))
    before, seconds = memory_mb(), [float("inf")]
    while len(seconds) < 3 and (len(seconds) == 1 or seconds[-1] < PATIENCE):
        began = time.perf_counter()
        rho = run()
        seconds.append(time.perf_counter() - began)
    known = np.ma.masked_invalid(np.ma.filled(rho, np.nan).astype(float)).compressed()
    scale = lists / SAMPLE if is_sampled else 1.0
    return {"seconds": min(seconds) * scale, "peak": memory_mb() - before, "mean": known.mean(), "n": known.size}


def memory_mb() -> float:
    """The most memory that this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def in_fresh_process(*arguments: object) -> str:
    """What this script prints when it is run in a process of its own; data made there would hide memory used later."""
    command = [sys.executable, __file__, *map(str, arguments)]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def beside_others(lists: int, m: int) -> Iterator[str]:
    """One line of a table per way."""
    first: dict[str, dict[str, float]] = {}
    with TemporaryDirectory() as folder:
        in_fresh_process("--data", folder, lists, m)
        for name in OTHERS:
            found = json.loads(in_fresh_process("--other", name, folder, lists, m))
            ours = first.setdefault("kendall" if "kendall" in name else "spearman", found)
            yield line_beside(name, found, ours)


def line_beside(name: str, found: dict[str, float], ours: dict[str, float]) -> str:
    """A line of the table; RuntimeError if a way that saw all lists found another mean than ours."""
    is_sampled = OTHERS[name][1]
    if not is_sampled and (abs(found["mean"] - ours["mean"]) > SAME or found["n"] != ours["n"]):
        raise RuntimeError(f"{name} finds another mean: {found} beside {ours}")
    note = f"extrapolated from {SAMPLE:,} lists, memory of those" if is_sampled else ""
    ratio = found["seconds"] / ours["seconds"]
    return f"| {name} | {found['seconds']:,.2f} s | {ratio:,.1f} | {found['peak']:,.0f} MB | {note} |"


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
    long = simulated(100_000, 100)
    yield measure("within_list_spearman, 100,000 x 100", lambda: within_list_spearman(*long))
    yield from smaller_rows()


def smaller_rows() -> Iterator[Row]:
    """What is run on single markets: 100,000 lists."""
    ids, position, votes = simulated(100_000, 20)
    rng = np.random.default_rng(5)
    domain, links, mixed = (
        rng.integers(0, 5_000, ids.size),
        rng.random(ids.size),
        rng.permuted(position.reshape(-1, 20), axis=1).ravel(),
    )
    yield measure("within_list_kendall, 100,000 x 20", lambda: within_list_kendall(ids, position, votes))
    yield measure("... positions in random order", lambda: within_list_kendall(ids, mixed, votes))
    yield measure("associate, 100,000 x 20", lambda: associate(ids, ids, position, votes, 20))
    with_domains = "... interval by keyword and 5,000 domains"
    yield measure(with_domains, lambda: associate(ids, ids, position, votes, 20, domain_id=domain))
    yield measure(
        "partial_spearman, 100,000 x 20, one covariate",
        lambda: partial_spearman(ids, ids, position, votes, {"links": links}, domain_id=domain),
    )


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

## Association: rank correlation within result lists, and its intervals

The aim: 1,000,000 lists of 20 in at most 0.5 s on one core, and 1,000 bootstrap draws for less than the statistic
itself.
"""  # noqa: DTZ011  the day on this machine is what is meant


OTHERS_TITLE = """
### Beside others, {lists:,} lists of {m}

Each line in a fresh process with one thread: the better of two runs (of one beyond {patience} s), and the memory
(ru_maxrss) that they add to the data. Ratios of Kendall are to `within_list_kendall`. Lines without a note gave the
same mean over all lists.
"""


def answer(what: str, *arguments: str) -> str:
    """What a process of its own does: make data, or measure one way on it."""
    *name, folder, lists, m = arguments
    if what == "--other":
        return json.dumps(measure_other(*name, Path(folder), int(lists), int(m)), default=float)
    for i, column in enumerate(simulated(int(lists), int(m))):
        np.save(Path(folder) / f"{i}.npy", column)
    return ""


def main() -> None:
    """Measure and print."""
    if sys.argv[1:]:
        print(answer(*sys.argv[1:]))
        return
    tables = [(shape, list(beside_others(*shape))) for shape in SHAPES]  # first, while this process holds nothing
    rows = [*spearman_rows(), *bootstrap_rows()]
    versions = f"Python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}"
    print(TITLE)
    print(f"{versions}, pandas {pd.__version__}, {platform.machine()}, 1 thread\n")
    print("| case | time | ratio | extra peak memory | note |\n|---|---:|---:|---:|---|")
    for name, seconds, peak, note in rows:
        print(f"| {name} | {seconds:,.3f} s | {seconds / rows[0][1]:,.2f} | {peak:,.0f} MB | {note} |")
    for (lists, m), lines in tables:
        print(OTHERS_TITLE.format(lists=lists, m=m, patience=PATIENCE))
        print("| way | time | ratio | extra peak memory | note |\n|---|---:|---:|---:|---|", *lines, sep="\n")


if __name__ == "__main__":
    main()
