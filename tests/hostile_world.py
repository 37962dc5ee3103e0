"""A lake in which every text that can come from outside is hostile, filled by the commands that people use."""

from __future__ import annotations

import csv
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from connectors.records import Raw, Status, raw_table
from pipelines import labels
from pipelines.lake import Lake
from tests.conftest import REPOSITORY, TALLYRANK, environment_of
from tests.pipelines.making import START, at, part

SCRIPT = "<script>window.pwned=1</script><img src=x onerror=window.pwned=2>"
FORMULA = '=hyperlink("http://evil.example","click")'
PICTURE = "![x](http://evil.example/x.png) [y](javascript:alert(1)) <b>bold</b> %{x} {{7*7}} $x^2$ `c` | d"
BIDI = "\u202ereversed \u2066open \u200fright"
TERMINAL = "esc \x1b[31mred\x1b]0;owned\x07 bell [bold red]rich[/] \x9b31m"
LONG = "long " + "x" * 10_000
TEXTS = (SCRIPT, FORMULA, PICTURE, BIDI, TERMINAL, LONG)
MARKS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
EVIL = " ".join((SCRIPT, FORMULA, PICTURE, BIDI, TERMINAL))
DAYS, KEYWORDS, PAGES = 31, 10, 5
BRAND_LISTS, WIDE_PLATFORMS = 3, 1


def texts(n: int) -> list[str]:
    """So many different hostile texts."""
    return [f"{TEXTS[i % len(TEXTS)]} {i}" for i in range(n)]


def page(keyword: int, place: int) -> str:
    """Address of a page, with something hostile in its path and its query."""
    text = TEXTS[(keyword + place) % len(TEXTS)]
    evil = quote(text, safe="<>=\"'(){}[]| ") if text != LONG else text.replace(" ", "-")
    return f"https://site{keyword % 7}-{place}.example/{keyword}/{evil}?q={evil[:200]}"


def votes_of(keyword: int, place: int, day: int) -> int:
    """Votes that jump now and then, at other days on every page."""
    jumps = sum((keyword * 7 + place * 5 + d * 3) % 17 == 0 for d in range(day))
    return 5 + 3 * place + day + 40 * jumps


def rankings() -> Iterator[dict[str, Any]]:
    """Each keyword's list day by day; pages change places."""
    for n, keyword in enumerate(texts(KEYWORDS)):
        for day in range(DAYS):
            order = sorted(range(PAGES), key=lambda p, n=n, day=day: (p * 3 + n + (day // 5) * (p % 3)) % 11)
            for place, of in enumerate(order, 1):
                yield {
                    "keyword": keyword, "url": page(n, of), "position": place, "depth": 20,
                    "ranked_at": (START + timedelta(days=day, hours=12)).isoformat(), "engine": f"google {SCRIPT}",
                    "country": ("us", f"de {FORMULA}")[n % 2], "device": BIDI, "source": f"tool {TERMINAL} {PICTURE}",
                }  # fmt: skip


def votes() -> Iterator[dict[str, Any]]:
    """Votes of two platforms on all pages and all days, of others on a few days."""
    for n, platform in enumerate((f"{SCRIPT} {BIDI}", FORMULA, *TEXTS[2:])):
        days = DAYS if n < WIDE_PLATFORMS else 4
        for day in range(days):
            for keyword in range(KEYWORDS):
                for of in range(PAGES):
                    yield {
                        "url": page(keyword, of), "platform": platform, "verb": "like",
                        "observed_at": (START + timedelta(days=day, hours=6)).isoformat(),
                        "count": votes_of(keyword + n, of, day), "object_id": "", "published_at": "",
                    }  # fmt: skip
                    if n == 0 and day:
                        posted = START + timedelta(days=(keyword * 3 + of) % 5, hours=(keyword * 5 + of * 7) % 24)
                        yield {
                            "url": page(keyword, of), "platform": f"posts {SCRIPT}", "verb": "share",
                            "observed_at": (START + timedelta(days=day + 5, hours=6)).isoformat(),
                            "count": 3 * day + of, "object_id": f"{EVIL} {keyword} {of}",
                            "published_at": posted.isoformat(),
                        }  # fmt: skip


def covariates() -> Iterator[dict[str, Any]]:
    """Numbers of pages under hostile names."""
    for keyword in range(KEYWORDS):
        for of in range(PAGES):
            number = 1 + (keyword * 7 + of * 3) % 13
            yield {"url": page(keyword, of), "day": "2026-01-01", SCRIPT: number, FORMULA: number**2 % 11}


def write(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    """Rows as a CSV file."""
    whole = list(rows)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(whole[0]))
        writer.writeheader()
        writer.writerows(whole)
    return path


def tallyrank(data: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """The command as a user calls it, over a data folder."""
    command = [*TALLYRANK, "--data", str(data), *map(str, arguments)]
    return subprocess.run(
        command, env=environment_of("http://127.0.0.1:9", data), cwd=REPOSITORY, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip


def project() -> dict[str, Any]:
    """A project file in which every name that is free text is hostile."""
    clean = [" ".join("".join(c for c in t if c.isprintable() or c in MARKS).split())[:380] for t in texts(KEYWORDS)]
    brand = {"name": clean[0], "queries": clean[:BRAND_LISTS], "friendly": ["site1-1.example"]}
    return {
        "name": clean[3],
        "sites": ["site0-0.example/<script>alert(1)</script>"],
        "keywords": clean,
        "brands": [brand, {"name": clean[1], "queries": [clean[1]]}],
        "subscriptions": [{"name": "morning", "to": ["reader@example.com"]}],
    }


def fill(data: Path) -> Sequence[subprocess.CompletedProcess[str]]:
    """Import, label and fail, then analyse; what each command said."""
    data.mkdir()
    (data / "project.yaml").write_text(yaml.safe_dump(project(), allow_unicode=True), encoding="utf-8")
    for of in range(PAGES):
        labels.add(data, page(0, of)[:1_900], labels.LABELS[of % 4], EVIL[:90], note=EVIL)
    reads(Lake(data))
    files = {"rankings": rankings(), "votes": votes(), "covariates": covariates()}
    said = [
        tallyrank(data, "import", kind, write(data.parent / f"{kind} {FORMULA[:10]}[bold].csv", rows))
        for kind, rows in files.items()
    ]
    return [*said, tallyrank(data, "analyze")]


def reads(lake: Lake) -> None:
    """A source whose every read failed with words of the platform's own, and one that read well."""
    errors = [Raw(page(0, n), at(DAYS - 1), Status.FAILED, error=f"BadAnswer: {t}") for n, t in enumerate(TEXTS)]
    lake.write(part("raw", DAYS - 1, "reddit", "by_url"), raw_table(errors))
    lake.write(part("raw", DAYS - 1, "hatena", "by_url"), raw_table([Raw(page(0, 0), at(DAYS - 1))]))
    evil = [Raw(page(0, 0), at(DAYS - 1), Status.FAILED, error=f"BadAnswer: {EVIL}")]
    lake.write(part("raw", DAYS - 1, "lobsters", "by_url"), raw_table(evil))
