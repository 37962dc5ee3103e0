"""Which parts of the public the votes come from, where platforms tell (models/audiences.py)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

from models.audiences import share
from pipelines.evidence.table import DAY, FLAG, REAL, TEXT, WHO, WHOLE, ModelTable, Rows
from pipelines.lake import Lake

READS = ("vote_segments",)
SMALL = 10  # a cell with fewer votes is withheld
LATEST = """
    WITH told AS (
        SELECT
            *, CAST(observed_at AS DATE) AS day,
            list_transform(string_split(segment, ';'), lambda part: string_split(part, '=')[1]) AS dimension,
            list_transform(string_split(segment, ';'), lambda part: part[strpos(part, '=') + 1 :]) AS names
        FROM vote_segments WHERE contains(segment, '=') AND status IN ('observed', 'hidden')
    ),
    recent AS (
        SELECT * FROM told
        QUALIFY day = max(day) OVER (PARTITION BY platform, verb, basis, subject, dimension)
            AND row_number() OVER (PARTITION BY platform, verb, basis, subject, segment ORDER BY observed_at DESC) = 1
    )
    SELECT
        platform, verb, basis, list_aggregate(dimension, 'string_agg', ';') AS dimension,
        list_aggregate(names, 'string_agg', ';') AS segment, coalesce(url_key, subject) AS page, sum(count) AS votes,
        count(DISTINCT subject) AS n_subjects, count(*) FILTER (count IS NULL) AS n_suppressed, max(day) AS last_day
    FROM recent GROUP BY ALL ORDER BY ALL
"""


class Dimension(NamedTuple):
    """One way to part one public."""

    platform: str
    verb: str
    basis: str
    dimension: str


@dataclass
class Cell:
    """One segment of it: votes by page where they are known, and how many counts there are and are withheld."""

    votes: dict[str, int] = field(default_factory=dict)
    n_subjects: int = 0
    n_suppressed: int = 0
    last_day: date = date.min

    @property
    def is_suppressed(self) -> bool:
        """Whether too few votes are known of it to be told."""
        return sum(self.votes.values()) < SMALL


def build(lake: Lake) -> Rows:
    """One row per platform, verb, basis, dimension and segment."""
    with lake.connect(*READS) as con:
        told = con.execute(LATEST).fetchall()
    found: dict[Dimension, dict[str, Cell]] = defaultdict(lambda: defaultdict(Cell))
    for *who, segment, page, votes, n_subjects, n_suppressed, day in told:
        cell = found[Dimension(*who)][segment]
        if votes is not None:
            cell.votes[page] = int(votes)
        cell.n_subjects += n_subjects
        cell.n_suppressed += n_suppressed
        cell.last_day = max(cell.last_day, day)
    return [row for dimension, cells in found.items() for row in _rows(dimension, cells)]


def _rows(dimension: Dimension, cells: dict[str, Cell]) -> Rows:
    """Shares of what is told: withheld cells are in no total, or subtracting would give them away."""
    kept = {name: cell for name, cell in cells.items() if not cell.is_suppressed}
    by_page: dict[str, int] = defaultdict(int)
    for cell in kept.values():
        for page, votes in cell.votes.items():
            by_page[page] += votes
    start = dimension._asdict()
    return [
        start | {"segment": name} | _figures(cell, name in kept, len(kept), by_page) for name, cell in cells.items()
    ]


def _figures(cell: Cell, is_kept: bool, n_kept: int, by_page: dict[str, int]) -> dict[str, Any]:
    """What is told of a cell; a share needs another segment to be a share of anything."""
    row: dict[str, Any] = dict.fromkeys(NUMBERS) | {
        "n_subjects": cell.n_subjects, "n_suppressed": cell.n_suppressed, "is_suppressed": not is_kept,
        "last_day": cell.last_day,
    }  # fmt: skip
    if not is_kept:
        return row
    row |= {"votes": sum(cell.votes.values()), "n_pages": len(cell.votes)}
    if n_kept < 2:
        return row
    pages = [page for page in cell.votes if by_page[page]]
    found = share([cell.votes[page] for page in pages], [by_page[page] for page in pages])
    whole = sum(by_page.values())
    return row | {
        "share": found.value, "ci_low": found.low, "ci_high": found.high, "share_of_all": row["votes"] / whole
    }  # fmt: skip


NUMBERS: dict[str, Any] = {
    "votes": (WHOLE, "Votes known of it, latest count of every subject; NULL where withheld."),
    "share": (
        REAL,
        "Its share of the votes told in this dimension, over the pages that tell of it; pages weigh alike where they "
        "differ, so that none rules it. NULL where withheld, or where no other segment is told.",
    ),
    "ci_low": (REAL, "Lower end of its 95 % interval over pages; NULL with one page."),
    "ci_high": (REAL, "Upper end of its 95 % interval."),
    "share_of_all": (
        REAL,
        "Its votes as a share of all votes told in this dimension, large pages counting most; at least that, as pages "
        "that do not tell of it are counted in full.",
    ),
    "n_pages": (WHOLE, "Pages (or posts without one, or the account) with a known count of it; NULL where withheld."),
}
COLUMNS: dict[str, Any] = {
    "platform": WHO["platform"],
    "verb": WHO["verb"],
    "basis": (TEXT, '"page" or "post": what was counted; the two are never added.'),
    "dimension": (TEXT, "What parts the public: country, age, device; several at once are joined by a semicolon."),
    "segment": (TEXT, "Which part of it."),
    **NUMBERS,
    "n_subjects": (WHOLE, "Things counted of which the platform names the segment."),
    "n_suppressed": (WHOLE, "Of those, how many whose count is withheld; shares of the others are then too high."),
    "is_suppressed": (FLAG, "Whether its numbers are withheld: fewer than 10 votes are known of it."),
    "last_day": (DAY, "Day of the latest count."),
}
TABLE = ModelTable(
    "audiences",
    "Audiences: which parts of the public the votes come from, where a platform tells, as shares of what is told. "
    "Platforms withhold small segments, and what is withheld is unknown. One row per platform, verb, basis, dimension "
    "and segment.",
    COLUMNS,
    READS,
    build,
)
