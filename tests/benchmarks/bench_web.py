"""The web app over ten million rows of votes: one reader, then fifty while new versions are published.

Run as `python tests/benchmarks/bench_web.py [FOLDER]`; some six minutes, 6 GB of memory and of disk. Prints a markdown
section. The warehouse is made by web_warehouse.py (kept in FOLDER, where one is named, and used again) and served by
`tallyrank dashboard` itself, two processes of it, on loopback.
"""

from __future__ import annotations

import os
import platform
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import quantiles

import duckdb
import httpx
from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[2]))  # a script sees its own folder, not the repository's

from connectors.errors import TallyrankError
from dashboards.web.view import View, choose, discover
from dashboards.web.warehouse import Warehouse
from tests.benchmarks.web_warehouse import RESULTS, build

OPENINGS, CHOICES = 10, 30  # of each page
READERS, SECONDS, THINKING, PUBLISH_EVERY = 50, 60.0, 5.0, 10.0
PAINT_AIM, FILTER_AIM = 1.0, 0.3  # seconds, at the 95th percentile
SEED = 5


@dataclass
class Answers:
    """Seconds that answers took, and what went wrong."""

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def time(self, ask: Callable[[], str | None]) -> None:
        """Time a question, whose answer is None or what is wrong with it."""
        began = time.perf_counter()
        trouble = ask()
        self.seconds.append(time.perf_counter() - began)
        if trouble:
            self.errors.append(trouble)


def percentile(seconds: list[float], share: int) -> float:
    """A percentile in milliseconds."""
    return 1000 * quantiles(seconds, n=100, method="inclusive")[share - 1]


@contextmanager
def served(data: Path) -> Iterator[str]:
    """The web app as `tallyrank dashboard` serves it."""
    command = [sys.executable, "-m", "pipelines.cli", "dashboard", "--data", str(data), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield process.stdout.readline().split()[2]
        finally:
            process.terminate()


def some_choices(view: View, warehouse: Warehouse, draw: random.Random) -> dict[str, str]:
    """One value for each filter of a page, each as likely as the others."""
    chosen: dict[str, str] = {}
    for each in view.filters:
        query, _ = choose(view, warehouse, chosen)
        typed = str(draw.randrange(1000)) if each.search else ""
        options = each.search(query, typed) if each.search else each.options(query)
        if options:
            chosen[each.name] = draw.choice(options)[0]
    return chosen


def question(path: str, chosen: dict[str, str]) -> dict[str, object]:
    """What the browser asks when a choice has changed the address."""
    outputs = [("controls", "children"), ("content", "children"), ("heading", "children"), ("status", "children")]
    outputs += [("said", "children"), ("page", "data")]
    search = f"?{httpx.QueryParams(chosen)}"
    return {
        "output": "..".join(["", "...".join(f"{i}.{p}" for i, p in outputs), ""]),
        "outputs": [{"id": i, "property": p} for i, p in outputs],
        "inputs": [
            {"id": "address", "property": "pathname", "value": f"/{path}"},
            {"id": "address", "property": "search", "value": search},
        ],
        "changedPropIds": ["address.search"],
        "state": [[], [], {"id": "page", "property": "data", "value": None}],
    }


def ask(client: httpx.Client, path: str, chosen: dict[str, str]) -> str | None:
    """Ask for a page's contents; what is wrong with the answer, if anything."""
    try:
        answer = client.post("/_dash-update-component", json=question(path, chosen))
    except httpx.HTTPError as error:
        return f"{type(error).__name__} {error}"
    if answer.status_code != 200:
        return f"{path}: {answer.status_code}"
    return f"{path}: an alarm instead of contents" if "note alarm" in answer.text and path != "sources" else None


def one_reader(address: str, warehouse: Warehouse) -> dict[str, Answers]:
    """Every page asked again and again with other choices, one question after the other."""
    draw = random.Random(SEED)
    found = {path: Answers() for path in discover()}
    with httpx.Client(base_url=address, timeout=60) as client:
        for path, view in discover().items():
            for _ in range(CHOICES):
                chosen = some_choices(view, warehouse, draw)
                found[path].time(lambda path=path, chosen=chosen: ask(client, path, chosen))
    return found


DRAWN = """() => {
    const blocks = document.querySelectorAll('#content > *').length;
    const graphs = [...document.querySelectorAll('.dash-graph')];
    return blocks && graphs.every((g) => g.querySelector('.main-svg')) ? performance.now() : 0;
}"""


def in_a_browser(address: str) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Seconds to the first contentful paint, and until every picture is drawn, of each page, nothing cached."""
    paints: dict[str, list[float]] = {path: [] for path in discover()}
    drawn: dict[str, list[float]] = {path: [] for path in discover()}
    path_of_browser = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path_of_browser, args=["--no-sandbox"])
        for path in discover():
            for _ in range(OPENINGS):
                page = browser.new_context().new_page()
                page.goto(f"{address}/{path}", wait_until="commit")
                drawn[path].append(page.wait_for_function(DRAWN, polling=20).json_value() / 1000)
                paints[path].append(_first_paint(page))
                page.context.close()
        browser.close()
    return paints, drawn


def _first_paint(page: Page) -> float:
    script = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
    return float(page.evaluate(script)) / 1000


def many_readers(address: str, data: Path, warehouse: Warehouse) -> tuple[Answers, int]:
    """Fifty readers with choices of their own, each thinking some seconds, while versions are published."""
    draw = random.Random(SEED + 1)
    views = list(discover().items())
    plans = [[(p, some_choices(v, warehouse, draw)) for p, v in draw.choices(views, k=20)] for _ in range(READERS)]
    ends, found, lock = time.monotonic() + SECONDS, Answers(), threading.Lock()

    def read(plan: list[tuple[str, dict[str, str]]], seed: int) -> None:
        mine, own = Answers(), random.Random(seed)
        with httpx.Client(base_url=address, timeout=60) as client:
            time.sleep(own.uniform(0, THINKING))
            for path, chosen in plan * 100:
                if time.monotonic() > ends:
                    break
                mine.time(lambda path=path, chosen=chosen: ask(client, path, chosen))
                time.sleep(own.uniform(0.5, 1.5) * THINKING)
        with lock:
            found.seconds += mine.seconds
            found.errors += mine.errors

    threads = [threading.Thread(target=read, args=(plan, n)) for n, plan in enumerate(plans)]
    for thread in threads:
        thread.start()
    published = _publish_until(ends, data / "warehouse.duckdb")
    for thread in threads:
        thread.join()
    return found, published


def _publish_until(ends: float, path: Path) -> int:
    """Rename a whole new version into place every ten seconds; how often."""
    n = 0
    while time.monotonic() + PUBLISH_EVERY < ends:
        began = time.monotonic()
        fresh = path.with_name("next.duckdb")
        shutil.copyfile(path, fresh)
        fresh.chmod(0o444)
        fresh.replace(path)
        n += 1
        time.sleep(max(PUBLISH_EVERY - (time.monotonic() - began), 0))
    return n


def rows_of(path: Path) -> int:
    """Rows of serp_votes."""
    with duckdb.connect(str(path), read_only=True) as con:
        return int(con.execute("SELECT count(*) FROM serp_votes").fetchall()[0][0])


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder)
        path = data / "warehouse.duckdb"
        if not path.exists():
            build(path, RESULTS)
        print(TITLE.format(rows=rows_of(path), size=path.stat().st_size / 2**30))
        versions = ", ".join(f"{name} {version(name)}" for name in ("dash", "plotly", "duckdb", "gunicorn"))
        print(f"Python {platform.python_version()}, {versions}, {platform.machine()}, {os.cpu_count()} cores\n")
        warehouse = Warehouse(path)
        with served(data) as address:
            alone = one_reader(address, warehouse)
            paints, drawn = in_a_browser(address)
            many, published = many_readers(address, data, warehouse)
    _tell_pages(alone, paints, drawn)
    _tell_many(many, published)
    if trouble := [e for a in alone.values() for e in a.errors] + many.errors:
        raise TallyrankError(f"{len(trouble)} answers were wrong, first: {trouble[0]}")


TITLE = """
## Web app: {rows:,} rows of serp_votes

A warehouse of {size:.1f} GiB, served by `tallyrank dashboard` on loopback. One reader: every page with choices drawn at
random, none asked twice on purpose; the time is from the question that a choice makes to the last byte of the answer.
First paint and all drawn: Chromium without a screen, nothing cached, from the start of the navigation.
"""


def _tell_pages(alone: dict[str, Answers], paints: dict[str, list[float]], drawn: dict[str, list[float]]) -> None:
    head = "| page | filter, median | filter, 95th percentile | first paint, 95th percentile | all drawn, median |"
    print(f"{head}\n|---|---:|---:|---:|---:|")
    for path, answers in alone.items():
        numbers = (percentile(answers.seconds, 50), percentile(answers.seconds, 95))
        opened = (percentile(paints[path], 95), percentile(drawn[path], 50))
        print(f"| {path} | " + " | ".join(f"{n:,.0f} ms" for n in (*numbers, *opened)) + " |")
    filters = percentile([s for a in alone.values() for s in a.seconds], 95)
    paint = percentile([s for seconds in paints.values() for s in seconds], 95)
    print(
        f"\nOver all pages, at the 95th percentile: any filter {filters:,.0f} ms (aim {FILTER_AIM * 1000:.0f}: "
        f"{_kept(filters, FILTER_AIM)}), first paint {paint:,.0f} ms (aim {PAINT_AIM * 1000:,.0f}: "
        f"{_kept(paint, PAINT_AIM)}).\n"
    )


def _kept(milliseconds: float, aim: float) -> str:
    return "kept" if milliseconds <= 1000 * aim else "missed"


def _tell_many(many: Answers, published: int) -> None:
    print(
        f"{READERS} readers at once for {SECONDS:.0f} s, each asking for another page or choice about every "
        f"{THINKING:.0f} s, while a version was renamed into place {published} times: {len(many.seconds):,} answers, "
        f"{len(many.errors)} errors; median {percentile(many.seconds, 50):,.0f} ms, 95th percentile "
        f"{percentile(many.seconds, 95):,.0f} ms. The readers and the copying of versions share the cores with the app."
    )


if __name__ == "__main__":
    main()
