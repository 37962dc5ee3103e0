"""The sandbox as a process, every connector pointed at it, and the demo run over it."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from connectors.base import discover
from connectors.errors import TallyrankError
from connectors.records import RankKind
from connectors.sandbox.faults import Fault, Faults
from connectors.sandbox.stage import twins
from connectors.sandbox.world import TRUTH, World
from dashboards.words import DIRECTIONS, Row, direction, signed, small
from pipelines import demo_brand
from pipelines.console import err, estimate_cells, out, progress, table

DUMMY_KEYS = ("token", "client_id", "client_secret", "api_key")
SHOWN = {platform for platform, _ in TRUTH} | {"search_console"}  # what the demo reads; the sandbox plays more
MARKER = ".tallyrank-demo"
SHOWN_DEPTH = 20
SPEED = 1e6  # quota windows of an hour pass in milliseconds: a demo of weeks takes seconds
LAST_DAY = date(2026, 8, 16)  # the 51 days up to it hold no break of data/breaks.yaml
NO_EFFECT = "no effect"
LONGER = "tallyrank demo --days 51 --keywords 50 (some minutes)"
# Looking for posts is dear. What is found more than two days late is no growth, so for timing one platform looks often.
REDISCOVER_DAYS = {"reddit": 2}
SELDOM = 28


def environment(address: str) -> dict[str, str]:
    """Settings that point every connector with a twin at a sandbox, with keys it accepts and no pace to keep."""
    found: dict[str, str] = {}
    for connector in discover().values():
        if connector.name in twins():
            prefix = f"TALLYRANK_{connector.name.upper()}_"
            found[f"{prefix}BASE_URL"] = f"{address}/{{day}}/{connector.name}"
            found[f"{prefix}REQUESTS_PER_SECOND"] = "100000"
            found[f"{prefix}REDISCOVER_DAYS"] = str(REDISCOVER_DAYS.get(connector.name, SELDOM))
            keys = dict.fromkeys((*DUMMY_KEYS, *connector.settings.required), "sandbox")
            keys |= twins()[connector.name].keys
            known = connector.settings.model_fields
            found |= {f"{prefix}{key.upper()}": value for key, value in keys.items() if key in known}
    return found


def only_shown(address: str) -> dict[str, str]:
    """The settings of a demo: the sources that it shows are at the sandbox, and every other one is switched off."""
    off = {f"TALLYRANK_{name.upper()}_ENABLED": "false" for name in discover() if name not in SHOWN}
    return environment(address) | off


@contextmanager
def sandbox(seed: int, keywords: int, speed: float) -> Iterator[str]:
    """A sandbox in a process of its own, ended with the block; yields its address."""
    command = [sys.executable, "-m", "pipelines.cli", "sandbox", "--port", "0", "--bare"]
    command += ["--seed", str(seed), "--keywords", str(keywords), "--speed", str(speed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  our own command
        try:
            address = process.stdout.readline().strip() if process.stdout else ""
            if not address:
                raise TallyrankError("the sandbox did not start; run `tallyrank sandbox` to see why")
            yield address
        finally:
            process.terminate()


@contextmanager
def pointed_at(address: str) -> Iterator[None]:
    """The connectors' settings of this process point at a sandbox inside the block, and nowhere else."""
    before = dict(os.environ)
    for name in [n for n in os.environ if n.startswith("TALLYRANK_")]:
        del os.environ[name]
    os.environ.update(only_shown(address) | demo_brand.settings())
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def fresh_folder(data: Path) -> None:
    """Empty a folder that an earlier demo filled; refuse one that holds anything else."""
    if data.exists() and any(data.iterdir()) and not (data / MARKER).exists():
        raise TallyrankError(f"{data} holds data that is not the demo's; choose another folder with --data")
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(parents=True)
    (data / MARKER).write_text("Made by `tallyrank demo` from the sandbox; may be deleted.\n", encoding="utf-8")


def today() -> date:
    """Today in UTC, which is what a day means everywhere in Tallyrank."""
    return datetime.now(UTC).date()


def run_demo(folder: Path, days: int, keywords: int, seed: int) -> None:
    """The main job over the sandbox, then what it found beside what is true in that world."""
    from pipelines import runs
    from pipelines.defs.resources import on_progress

    first = LAST_DAY - timedelta(days=days - 1)
    fresh_folder(folder)
    demo_brand.write(folder, World(seed, keywords), LAST_DAY)
    with sandbox(seed, keywords, SPEED) as address, pointed_at(address):
        n_steps = runs.steps(folder, first, LAST_DAY)
        with progress(f"{first} … {LAST_DAY}", n_steps) as tick, on_progress(tick):
            outcome = runs.run_days(folder, first, LAST_DAY)
    for step, words in outcome.failed.items():
        err.print(f"failed {step}: {words.splitlines()[0]}", markup=False)
    if "report" not in outcome.succeeded:
        raise TallyrankError("the demo could not finish; the lines above say why")
    _tell(folder, keywords, days)


def _tell(folder: Path, keywords: int, days: int) -> None:
    """What a correlation says, what the verdict says, and what is true."""
    from dashboards.report import read_contents

    found = read_contents(folder / "warehouse.duckdb")
    naive = {_votes(r): r for r in _told(found.correlations) if r["depth"] == SHOWN_DEPTH}
    judged = [v for v in _told(found.verdicts) if _votes(v) in TRUTH]
    table(
        f"Simulated: {keywords} keywords, {days} days of {len({v['platform'] for v in judged})} platforms",
        ("platform", "verb", "mean rho", "verdict", "direction", "positions", "95 % interval", "truth in this world"),
        [_line(v, naive.get(_votes(v))) for v in judged],
        ("mean rho", "positions", "95 % interval"),
    )
    out.print(
        "\nmean rho: rank correlation; positions: gained in the two weeks after votes doubled, where it can be read"
    )
    _tell_fooled([r for votes, r in naive.items() if TRUTH.get(votes, "").startswith(NO_EFFECT)])
    for verdict in judged:
        if not TRUTH[_votes(verdict)].startswith(NO_EFFECT):
            out.print(f"\n{_on_a_true_effect(verdict, found.rows('timing'))}", markup=False)
    out.print(f"\nreport:    {folder / 'report.html'}\nwarehouse: {folder / 'warehouse.duckdb'}")
    _next(f"tallyrank --data {_short(folder)}")


def _told(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """What rests on all keywords; the lists of the brand's queries are too few to judge by."""
    return [dict(row) for row in rows if row["rank_kind"] == RankKind.AVERAGE]


def _votes(row: Row) -> tuple[str, str]:
    return row["platform"], row["verb"]


def _line(verdict: Row, naive: Row | None) -> list[str]:
    rho = signed(naive["mean_rho"] if naive else None)
    words = [verdict["verdict"], DIRECTIONS[verdict["direction"]], *estimate_cells(verdict)]
    return [*_votes(verdict), rho, *words, TRUTH[_votes(verdict)]]


def _tell_fooled(without_effect: list[dict[str, Any]]) -> None:
    """Which correlations would have misled."""
    fooled = [r for r in without_effect if (r["ci_low"] or 0) > 0]
    if fooled:
        names = " and ".join(f"{r['platform']} {r['verb']}s" for r in fooled)
        out.print(
            f"\nThe naive correlation is fooled: {names} go with high positions and do nothing there; they\n"
            "follow good pages, or the positions themselves. An association alone never earns 'supports'."
        )


def _on_a_true_effect(verdict: Row, timing: Sequence[Row]) -> str:
    """Whether an effect that is there was found, and else why not."""
    name = f"{verdict['platform']} {verdict['verb']}s"
    if verdict["verdict"] == "supports":
        return (
            f"What {name} do was found: {direction(verdict)}, at a false discovery rate of {small(verdict['q_value'])}."
        )
    why = next((t["why_not"] for t in timing if _votes(t) == _votes(verdict)), None)
    return (
        f"The effect of {name} is real here, and the verdict is '{verdict['verdict']}': {why or _why(verdict)}.\n"
        f"More days and keywords show more: {LONGER}."
    )


def _why(verdict: Row) -> str:
    """What kept a verdict that timing could be asked for from supporting."""
    if verdict["direction"] == "votes_lead":
        return "votes move first, but placebos do as well, or bursts say otherwise"
    if verdict["direction"] in ("positions_lead", "simultaneous"):
        return f"it looks as if {DIRECTIONS[verdict['direction']]}"
    return f"the false discovery rate is {small(verdict['q_value'])}, and below 0.05 is asked for"


def _next(command: str) -> None:
    steps = {
        f"{command} dashboard": "the same in your browser, page by page",
        f"{command} results": "every verdict and correlation",
        f"{command} results --explain": "what each verdict rests on, in words",
        f"{command} mail --dry-run": "today's mail, without sending it",
        f"{command} ui": "assets, runs and checks in the Dagster UI",
        "tallyrank doctor": "which sources are ready for your own data",
        "tallyrank import --help": "your own files",
    }
    width = max(map(len, steps)) + 3
    out.print("\nNext (tallyrank is .venv/bin/tallyrank):")
    for step, why in steps.items():
        out.print(f"  {step:<{width}}{why}", markup=False)


def _short(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def serve_sandbox(port: int, seed: int, keywords: int, speed: float, faults: list[str], *, bare: bool) -> None:
    """Serve until interrupted; prints the address, and the settings that point Tallyrank at it."""
    from connectors.sandbox.server import bound_socket, build_app, serve
    from connectors.sandbox.world import World

    active = Faults(seed, [_fault(words) for words in faults])
    application = build_app(World(seed, keywords), speed=speed, faults=active)
    try:
        sock = bound_socket(port)
    except OSError as error:
        raise TallyrankError(f"port {port} cannot be used ({error.strerror}); choose another with --port") from None
    address = f"http://127.0.0.1:{sock.getsockname()[1]}"
    print(address, flush=True)
    if not bare:
        for name, value in environment(address).items():
            print(f"export {name}={shlex.quote(value)}", flush=True)
    serve(application, sock).run(sockets=[sock])


def _fault(words: str) -> Fault:
    """`reddit:429:0.1`, `youtube:rename:likeCount`, `*:503`."""
    platform, _, kind = words.partition(":")
    kind, _, chance = kind.rpartition(":") if _is_number(kind.rpartition(":")[2]) and ":" in kind else (kind, "", "")
    if not platform or not kind:
        raise TallyrankError(f"--fault {words}: should look like platform:kind[:chance], for example reddit:429:0.1")
    return Fault(platform, kind, chance=float(chance or 1))


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()
