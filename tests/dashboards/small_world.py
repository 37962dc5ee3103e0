"""A small published warehouse through the real SQL: positions and votes that can be counted by hand, and hostile text.

Thirty days of `KEYWORD` with six pages at the places 1 to 6. Page 5 has 10 likes up to day 14, gains 10 a day until it
has 70 on day 20, and stands on place 2 from day 21 on (page 2 falls to 5). The other pages keep 3 likes per place. On
the last day there is a list for `EVIL` as well, in which one page was looked for down to 10 and not found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from connectors.records import Observation, Ranking, Raw, Status, raw_table
from pipelines.evidence import table as evidence
from pipelines.lake import Lake
from pipelines.publish import publish
from tests.dashboards.making import PATH, ROWS, row, verdict
from tests.pipelines.making import at, fill, made, part, result, seen

KEYWORD = "shoes"
EVIL = '=hyperlink("http://evil.example")<script>alert(1)</script>'
DAYS = 30
BURST_FROM, BURST_TO = 14, 20
RISEN = 5


def site(page: int) -> str:
    """Host of a page: page 5 is on blog.mine.example, the others on hosts of their own."""
    return "blog.mine.example" if page == RISEN else f"site{page}.example"


def url(page: int) -> str:
    """Address of a page."""
    return f"https://{site(page)}/page"


def place(page: int, day: int) -> int:
    """Where a page stands: 2 and 5 change places after the burst."""
    return {2: RISEN, RISEN: 2}.get(page, page) if day > BURST_TO else page


def likes(page: int, day: int) -> int:
    """Likes of a page on a day."""
    if page != RISEN:
        return 3 * page
    return 10 + 10 * min(max(day - BURST_FROM, 0), BURST_TO - BURST_FROM)


def readings() -> Iterator[Observation]:
    """Likes on Reddit, a little before each list; shares on Facebook failed for one page and hidden for another."""
    for day in range(DAYS):
        yield from (seen(day - 0.1, likes(page, day), url=url(page)) for page in range(1, 7))
        for page, status in ((1, Status.FAILED), (2, Status.HIDDEN)):
            yield seen(day - 0.1, status, url=url(page), platform="facebook", verb="share")


def results() -> Iterator[Ranking]:
    """The lists."""
    for day in range(DAYS):
        yield from (result(day, url(page), place(page, day), keyword=KEYWORD, depth=10) for page in range(1, 7))
    last = DAYS - 1
    yield from (result(last, url(page), page, keyword=EVIL, depth=10) for page in range(1, 6))
    yield result(last, url(6), None, keyword=EVIL, depth=10)


PINTEREST = {"platform": "pinterest", "verb": "save"}
WORLD: dict[str, list[dict[str, Any]]] = ROWS | {
    "verdicts": [
        *ROWS["verdicts"],
        verdict(**PINTEREST, verdict="cannot tell", direction="positions_lead", lag_days=None, estimate=None,
                ci_low=None, ci_high=None, prose=f"pinterest save: cannot tell. {EVIL}"),
    ],
    "association": [
        row(pooled_rho=0.4), row(depth=20, mean_rho=0.3, pooled_rho=-0.1), row(verb="share", ci_low=None, ci_high=None),
        row(**PINTEREST, mean_rho=0.59, pooled_rho=0.5),
    ],
    "timing": [*ROWS["timing"], PINTEREST | {"p_forward": 1.0, "p_backward": 0.001, "step_days": 1} | PATH],
}  # fmt: skip


def published(folder: Path, rows: Mapping[str, Sequence[Mapping[str, Any]]], lake: Lake | None = None) -> Path:
    """Publish the tables of a lake with these rows in the tables of models; columns not named are unknown."""
    lake = made(lake or fill(folder))
    who = {name: verdict()[name] for name in ("engine", "rank_kind", "platform", "verb")}
    for name, table in evidence.tables().items():
        whole = [{column: (who | dict(r)).get(column) for column in table.columns} for r in rows.get(name, ())]
        schema = pa.schema([(column, kind) for column, (kind, _) in table.columns.items()])
        pq.write_table(pa.Table.from_pylist(whole, schema=schema), lake.table_path(name))
    publish(lake)
    return lake.warehouse


def small_world(folder: Path) -> Path:
    """The warehouse described above, with one source that failed on its last day."""
    lake = fill(folder, readings(), results())
    lake.write(part("raw", 0, "reddit", "by_url"), raw_table([Raw(url(1), at(0)), Raw(url(2), at(0))]))
    failed = Raw(url(1), at(1), Status.FAILED, error="Unavailable: HTTP 503")
    lake.write(part("raw", 1, "reddit", "by_url"), raw_table([failed, failed]))
    return published(folder, WORLD, lake)
