"""Cost of the rank-ordered logit beside statsmodels and lifelines. Prints a markdown section.

Run as `python tests/benchmarks/bench_ordered_logit.py`; some minutes, most of them statsmodels'. lifelines needs an
older pandas than ours, so it is asked only if TALLYRANK_BENCH_PEERS names a python that has it (minutes more). Every
row is measured in a fresh process, compiled code being warmed up before the clock starts. Compare ratios, not seconds.
"""

import math
import os
import platform
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))  # a script sees its own folder, not the repository's

import numpy as np
from measuring import Measured, in_fresh_process, report

COLUMNS = 8
TRUTH = np.linspace(-0.3, 0.5, COLUMNS)
PEERS = "TALLYRANK_BENCH_PEERS"
LARGE = (
    ("ours", 100_000, 20, "f8"),
    ("ours", 100_000, 100, "f8"),
    ("ours", 1_000_000, 20, "f8"),
    ("no sandwich", 1_000_000, 20, "f8"),
    ("ours", 1_000_000, 20, "f4"),
    ("from disk", 1_000_000, 20, "f8"),
)
BLOCKS = 20  # files that "from disk" reads one after the other, in every pass
Data = tuple[np.ndarray, np.ndarray, np.ndarray]


def simulated(lists: int, m: int, dtype: str, seed: int = 0) -> Data:
    """list_id, position, x of lists drawn from the model, from the top down; made piece by piece, to need no room."""
    rng, step = np.random.default_rng(seed), max(1, 20_000 // m)
    x = np.empty((lists * m, COLUMNS), dtype)
    for first in range(0, lists, step):
        piece = rng.standard_normal((min(step, lists - first), m, COLUMNS))
        order = np.argsort(-(piece @ TRUTH + rng.gumbel(size=piece.shape[:2])), axis=1)
        piece = np.take_along_axis(piece, order[:, :, None], axis=1)
        x[first * m : first * m + piece.shape[0] * m] = piece.reshape(-1, COLUMNS)
    ids = np.repeat(np.arange(lists, dtype=np.int32), m)
    return ids, np.tile(np.arange(1, m + 1, dtype=np.uint8), lists), x


def ours(data: Data, threads: int, is_clustered: bool) -> Callable[[], list[float]]:
    """The fit, if wanted with errors clustered by list, warmed up on a few lists."""
    from models.ordered_logit.fit import Block, fit

    ids, position, x = data
    few = slice(0, 10 * int(position.max()))
    fit(Block(ids[few], position[few], x[few], clusters={"list": ids[few]}), threads=threads)
    clusters = {"list": ids} if is_clustered else {}
    return lambda: list(fit(Block(ids, position, x, clusters=clusters), threads=threads).coef)


def from_disk(lists: int, m: int, dtype: str, threads: int, folder: Path) -> Callable[[], list[float]]:
    """The fit, with errors clustered by list, over blocks that are read from files in every pass."""
    from models.ordered_logit.fit import Block, fit

    each = lists // BLOCKS
    for i in range(BLOCKS):
        ids, position, x = simulated(each, m, dtype, i)
        np.savez(folder / f"{i}.npz", ids=ids + np.int32(i * each), position=position, x=x)

    def blocks() -> Iterator[Block]:
        for i in range(BLOCKS):
            with np.load(folder / f"{i}.npz") as part:
                yield Block(part["ids"], part["position"], part["x"], clusters={"list": part["ids"]})

    return lambda: list(fit(blocks, threads=threads).coef)


def statsmodels(data: Data) -> Callable[[], list[float]]:
    """Cox's regression stratified by list, model errors only."""
    from statsmodels.duration.hazard_regression import PHReg

    ids, position, x = data
    return lambda: list(PHReg(position.astype(float), x, status=np.ones(ids.size), strata=ids).fit().params)


def lifelines(data: Data) -> Callable[[], list[float]]:
    """The same, in lifelines."""
    import pandas as pd
    from lifelines import CoxPHFitter

    ids, position, x = data
    frame = pd.DataFrame(x, columns=[f"x{i}" for i in range(COLUMNS)]).assign(position=position, list=ids)
    return lambda: list(CoxPHFitter().fit(frame, "position", strata=["list"]).params_)


def run(kind: str, lists: str, m: str, dtype: str, threads: str, repeats: str) -> None:
    """In a fresh process: measure one row."""
    warnings.simplefilter("ignore")
    if kind == "from disk":
        with TemporaryDirectory() as folder:
            report(from_disk(int(lists), int(m), dtype, int(threads), Path(folder)), int(repeats))
        return
    data = simulated(int(lists), int(m), dtype)
    makers = {
        "ours": lambda: ours(data, int(threads), True),
        "no sandwich": lambda: ours(data, int(threads), False),
        "statsmodels": lambda: statsmodels(data),
        "lifelines": lambda: lifelines(data),
    }
    report(makers[kind](), int(repeats))


def measured(kind: str, lists: int, m: int, dtype: str = "f8", threads: int = 1, repeats: int = 3) -> Measured:
    """One row, from a fresh process; lifelines from the peers' python."""
    python = os.environ[PEERS] if kind == "lifelines" else sys.executable
    return in_fresh_process(Path(__file__), (kind, lists, m, dtype, threads, repeats), python)


def against_peers() -> None:
    """10,000 lists of 20: all three, their ratios and how far their coefficients lie from ours."""
    print(
        "| 10,000 x 20 | time | ratio | peak memory | largest difference of a coefficient |\n|---|---:|---:|---:|---:|"
    )
    base = measured("ours", 10_000, 20, repeats=5)
    for kind in ("ours", "statsmodels", "lifelines"):
        if kind == "lifelines" and PEERS not in os.environ:
            print(f"| lifelines | not run: {PEERS} names no python | | | |")
            continue
        row = base if kind == "ours" else measured(kind, 10_000, 20, repeats=1)
        apart = np.abs(np.subtract(row.result, base.result)).max()
        ratio = row.seconds / base.seconds
        print(f"| {kind} | {row.seconds:,.3f} s | {ratio:,.1f} | {row.peak_mib:,.0f} MiB | {apart:.0e} |", flush=True)


def alone() -> None:
    """Ours on larger data, by threads and type of x, and how time grows with rows."""
    print("\n| ours | threads | time | ns per row | peak memory of the process |\n|---|---:|---:|---:|---:|")
    seconds: dict[Any, float] = {}
    for kind, lists, m, dtype in LARGE:
        for threads in (1, 2):
            row = measured(kind, lists, m, dtype, threads, 3)
            seconds[kind, lists, m, dtype, threads] = row.seconds
            name = f"{lists:,} x {m}, float{8 * int(dtype[1])}{'' if kind == 'ours' else f', {kind}'}"
            each = row.seconds / lists / m * 1e9
            print(f"| {name} | {threads} | {row.seconds:,.2f} s | {each:,.0f} | {row.peak_mib:,.0f} MiB |", flush=True)
    few, many = (seconds["ours", lists, 20, "f8", 1] for lists in (100_000, 1_000_000))
    print(
        f"\nTen times the lists take {many / few:.1f} times as long: time grows as rows to the power of "
        f"{math.log10(many / few):.2f}."
    )


TITLE = f"""
## Adjusted: the rank-ordered logit

{COLUMNS} covariates, full rankings, lists sorted; ours with a sandwich by list, statsmodels and lifelines without one.
The aim: 100,000 lists of 20 in at most 0.5 s, 1,000,000 in at most 4 s and 1.5 GiB, the data included (as float64 they
are 1.2 GiB). "From disk" holds one block of twenty at a time and counts the reading.
"""


def main() -> None:
    """Measure and print."""
    import numba

    print(TITLE)
    print(
        f"Python {platform.python_version()}, numpy {np.__version__}, numba {numba.__version__}, {platform.machine()}\n"
    )
    against_peers()
    alone()


if __name__ == "__main__":
    run(*sys.argv[1:]) if len(sys.argv) > 1 else main()
