"""Cost of the timing model, both directions, beside pyfixest's own regression. Prints a markdown section.

Run as `python tests/benchmarks/bench_timing.py`; some minutes. Panels are simulated worlds without effect: keywords of
20 pages, 120 days, a page in about three keywords, 5 % of counts hidden. Every row is measured in a fresh process, data
made and libraries loaded and warmed up before the clock starts. Compare ratios, not seconds.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("RAYON_NUM_THREADS", "1")  # pyfixest's solver is in Rust; one thread, as for the others
sys.path.insert(0, str(Path(__file__).parents[2]))  # a script sees its own folder, not the repository's

import math
import platform
from collections.abc import Callable
from importlib.metadata import version

import numpy as np
from measuring import Measured, in_fresh_process, report

from models.in_time.panel import Panel

PAGES, DAYS = 20, 120
SIZES = (500_000, 1_000_000, 2_500_000, 5_000_000)
MOST_SECONDS, MOST_GIB = 60, 6
WHAT = {
    "timing": "timing: forward, backward, three groupings, leave-one-out errors",
    "forward": "its forward direction alone",
    "same": "its regression alone, CRV1 by keyword",
    "feols": "pyfixest.feols, the same formula, CRV1 by keyword",
}


def simulated(page_days: int) -> Panel:
    """A panel of about so many rows."""
    from models.simulation.simulate import Settings, simulate

    keywords = round(page_days / PAGES / DAYS)
    settings = Settings(
        keywords=keywords, candidates=PAGES, depth=PAGES, days=DAYS, domains=max(80, keywords // 2), hidden=0.05
    )
    return simulate(settings, seed=0).panel


def both_directions(panel: Panel) -> Callable[[], list[float]]:
    """All that the product asks of one platform and verb; the path of the effect."""
    from models.in_time.timing import NAMES, own_share, timing, usable_rows

    scale = own_share(usable_rows(panel))

    def call() -> list[float]:
        found = timing(panel)
        assert found is not None
        return [found.path[name].estimate / scale for name in NAMES]

    return call


def forward(panel: Panel) -> Callable[[], list[float]]:
    """Rows, terms and the forward regression."""
    from models.in_time.timing import forward_fit, usable_rows

    def call() -> list[float]:
        fit = forward_fit(panel, usable_rows(panel))
        assert fit is not None
        return list(fit.coef)

    return call


def same(panel: Panel) -> Callable[[], list[float]]:
    """What pyfixest is asked for, from the rows made beforehand."""
    from models.in_time.panel_regression import fixed_effects
    from models.in_time.timing import usable_rows

    rows = usable_rows(panel)
    y, keyword = -panel.position[rows.index], panel.keyword[rows.index]

    def call() -> list[float]:
        effects = {"unit": rows.unit, "list": rows.lists}
        fit = fixed_effects(y, rows.terms, effects, {"keyword": keyword}, jackknife=False)
        assert fit is not None
        return list(fit.coef)

    return call


def feols(panel: Panel) -> Callable[[], list[float]]:
    """The forward regression as pyfixest does it, from a frame made beforehand, at its own (looser) tolerance."""
    import pandas as pd
    import pyfixest

    from models.in_time.timing import NAMES, usable_rows

    rows = usable_rows(panel)
    ids = {"unit": rows.unit, "list": rows.lists, "keyword": panel.keyword[rows.index]}
    frame = pd.DataFrame({"y": -panel.position[rows.index], **rows.terms, **ids})
    formula = f"y ~ {' + '.join(NAMES)} | unit + list"
    return lambda: list(pyfixest.feols(formula, frame, vcov={"CRV1": "keyword"}).coef()[list(NAMES)])


MAKERS = {"timing": both_directions, "forward": forward, "same": same, "feols": feols}


def run(kind: str, page_days: str, repeats: str) -> None:
    """In a fresh process: measure one row, after a small one has loaded and compiled what there is."""
    MAKERS[kind](simulated(48_000))()
    report(MAKERS[kind](simulated(int(page_days))), int(repeats))


def measured(kind: str, page_days: int, repeats: int) -> Measured:
    """One row, from a fresh process."""
    return in_fresh_process(Path(__file__), (kind, page_days, repeats))


def against_pyfixest() -> None:
    """The smallest panel: ours and pyfixest, their ratios and how far the coefficients lie apart."""
    print("| 0.5 million page-days | time | ratio | peak memory | largest difference of a coefficient |")
    print("|---|---:|---:|---:|---:|")
    rows = {kind: measured(kind, SIZES[0], 3) for kind in WHAT}
    peer = rows["feols"]
    for kind, row in rows.items():
        apart = np.abs(np.subtract(row.result, peer.result)).max()
        ratio = row.seconds / peer.seconds
        print(f"| {WHAT[kind]} | {row.seconds:,.2f} s | {ratio:,.2f} | {row.peak_mib:,.0f} MiB | {apart:.0e} |")


def alone() -> None:
    """Both directions on larger panels, and how time grows with page-days."""
    print("\n| timing, page-days | time | µs per page-day | peak memory of the process |\n|---|---:|---:|---:|")
    seconds, peak = {}, {}
    for n in SIZES:
        row = measured("timing", n, 2 if n < SIZES[-1] else 1)
        seconds[n], peak[n] = row.seconds, row.peak_mib
        print(f"| {n:,} | {row.seconds:,.1f} s | {row.seconds / n * 1e6:,.2f} | {row.peak_mib:,.0f} MiB |", flush=True)
    few, many = SIZES[0], SIZES[-1]
    power = math.log(seconds[many] / seconds[few]) / math.log(many / few)
    kept = seconds[many] < MOST_SECONDS and peak[many] < MOST_GIB * 1024
    print(
        f"\n{many // few} times the page-days take {seconds[many] / seconds[few]:.1f} times as long: time grows as "
        f"page-days to the power of {power:.2f}. The aim is {'kept' if kept else 'missed'}."
    )


TITLE = f"""
## Timing: do votes move before positions?

Keywords of {PAGES} pages, {DAYS} days, a page in about three keywords, 5 % of counts hidden; one thread. The memory is
that of the whole process, the simulated world included. The aim: {SIZES[-1]:,} page-days in less than {MOST_SECONDS} s
and {MOST_GIB} GiB.
"""


def main() -> None:
    """Measure and print."""
    print(TITLE)
    versions = ", ".join(f"{name} {version(name)}" for name in ("numpy", "pyfixest"))
    print(f"Python {platform.python_version()}, {versions}, {platform.machine()}\n")
    against_pyfixest()
    alone()


if __name__ == "__main__":
    run(*sys.argv[1:]) if len(sys.argv) > 1 else main()
