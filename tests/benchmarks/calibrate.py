"""How often the verdict is right on worlds whose truth is known: run as a script, prints docs/CALIBRATION.md.

Every kind of truth under every hardship, `SEEDS` worlds each, on as many processes as there are cores. The mechanisms
of the worlds (arrival of votes, noise, tails, lag) go round with the seed, see models/calibration.py.
"""

from __future__ import annotations

import os

for library in ("OPENBLAS", "OMP", "RAYON", "NUMBA"):  # one thread each: there is one process per core
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import platform  # noqa: E402
import sys  # noqa: E402
from collections.abc import Iterator  # noqa: E402
from concurrent.futures import ProcessPoolExecutor  # noqa: E402
from datetime import UTC, datetime  # noqa: E402
from math import isnan, sqrt  # noqa: E402

from models.calibration import Summary, Trial, summary, trial, varied  # noqa: E402
from models.simulation.simulate import HARDSHIPS, KINDS, Settings, under  # noqa: E402

SEEDS = 200
FIRST_SEED = 20_000
WORLD = {"keywords": 40, "days": 75}
IDLE = ("no effect", "shared cause", "reverse", "shock")  # kinds in which votes do nothing


def main(seeds: int = SEEDS) -> None:
    """Run all worlds and print the document."""
    cells = [(kind, hardship) for hardship in HARDSHIPS for kind in KINDS]
    tasks = [(kind, hardship, FIRST_SEED + i) for kind, hardship in cells for i in range(seeds)]
    with ProcessPoolExecutor() as pool:
        trials = list(pool.map(one, tasks, chunksize=10))
    found = {cell: trials[i * seeds : (i + 1) * seeds] for i, cell in enumerate(cells)}
    for line in document(found, seeds):
        print(line)


def one(task: tuple[str, str, int]) -> Trial:
    """The trial of one kind, hardship and seed."""
    kind, hardship, seed = task
    return trial(varied(under(hardship, Settings(kind=kind, **WORLD)), seed), seed)  # type: ignore[arg-type]


def document(found: dict[tuple[str, str], list[Trial]], seeds: int) -> Iterator[str]:
    """The lines of docs/CALIBRATION.md."""
    worst = max(summary(t).supports for (kind, _), t in found.items() if kind in IDLE)
    idle = [t for (kind, _), trials in found.items() if kind in IDLE for t in trials]
    effects = [t for (kind, _), trials in found.items() if kind == "effect" for t in trials]
    readable = ("no effect", "effect", "shared cause")
    plain = [t for (kind, _), trials in found.items() if kind in readable for t in trials]
    every = [t for trials in found.values() for t in trials]
    machine = f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}"
    head = HEAD.format(day=datetime.now(UTC).date(), seeds=seeds, first=FIRST_SEED, machine=machine, **WORLD)
    yield from head.split("\n")
    yield (
        f"- **False `supports`**: {count(idle, 'supports')} of {len(idle)} worlds without effect; worst line "
        f"{percent(worst)} (allowed: 5 %)."
    )
    s = summary(effects)
    yield (
        f"- **Power**: {percent(s.power)} of the {s.n_detectable} worlds whose effect is at least the minimum "
        "detectable one (asked: 80 %)."
    )
    s = summary(plain)
    yield (
        f"- **Coverage** of 95 % intervals: {percent(s.coverage)} of {s.n_estimates}, in worlds of no effect, effect "
        f"and shared cause (asked: 93–97 %; two standard errors of it: {percent(noise(0.95, s.n_estimates))})."
    )
    s = summary(every)
    yield (
        f"- **Direction**: right in {percent(s.direction)} of {s.n_directions} worlds that could tell (asked: 90 %)."
    )
    fooled = summary(idle).fooled
    yield (
        f"- **The naive correlation** is clearly positive in {percent(fooled)} of the worlds in which votes do nothing."
    )
    for hardship in HARDSHIPS:
        yield from ("", f"## {hardship}", "", *table({kind: summary(found[kind, hardship]) for kind in KINDS}))
    yield from ("", *FOOT.split("\n"))


def count(trials: list[Trial], word: str) -> int:
    return sum(t.verdict.verdict == word for t in trials)


def noise(share: float, n: int) -> float:
    """Two standard errors of a share of n."""
    return 2 * sqrt(share * (1 - share) / max(n, 1))


def table(rows: dict[str, Summary]) -> Iterator[str]:
    """One line per kind of truth."""
    words = (
        "supports",
        "contradicts",
        "cannot tell",
        "not enough data",
        "power (of)",
        "coverage (of)",
        "direction (of)",
    )
    columns = ("truth", *words, "naive rho", "naive clearly > 0", "estimate, truth")
    yield f"| {' | '.join(columns)} |"
    yield "|---" * len(columns) + "|"
    for kind, s in rows.items():
        shares = (s.supports, s.contradicts, s.cannot_tell, s.not_enough)
        yield (
            f"| {kind} | {' | '.join(percent(x) for x in shares)} | {of(s.power, s.n_detectable)} | "
            f"{of(s.coverage, s.n_estimates)} | {of(s.direction, s.n_directions)} | {number(s.mean_naive)} | "
            f"{percent(s.fooled)} | {number(s.mean_estimate)}, {number(s.mean_truth)} |"
        )


def percent(share: float) -> str:
    return "–" if isnan(share) else f"{100 * share:.1f} %"


def of(share: float, n: int) -> str:
    return "–" if isnan(share) else f"{100 * share:.1f} % ({n})"


def number(value: float) -> str:
    return "–" if isnan(value) else f"{value:+.2f}"


HEAD = """# Calibration: how often the verdict is right

Made by `make calibrate` on {day}: {seeds} simulated worlds per line, seeds {first} and up, {keywords} keywords and
{days} days each, on {machine}. The simulator is `models/simulation/simulate.py`; what is counted,
`models/calibration.py`. Votes come in bursts or in self-exciting cascades, noise is autoregressive, independent or a
random walk, with normal, Gumbel or Student tails, and an effect comes 1 to 5 days after the votes; these go round with
the seed.
"""
FOOT = """*Power* counts worlds whose true effect is at least the minimum detectable effect printed beside the verdict;
*coverage* counts verdicts that give an estimate (none is given where positions lead or both move on one day);
*direction* leaves out `unknown` and effects too small to be seen.
The truth is the mean gain over days 1 to 14 after votes double, from exact counterfactuals. *Naive* is the mean
within-list rank correlation, "clearly" by its 95 % interval: what a tool that stops at correlation would report."""


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else SEEDS)
