"""The report: one self-contained HTML file with the verdicts, what they rest on, and the state of each source."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import jinja2
from markupsafe import Markup

from dashboards import words
from dashboards.reading import mappings
from dashboards.safe import shown
from dashboards.sections import figures

TEMPLATES = Path(__file__).parent / "templates"
LONGEST = 3_000  # characters of any text; our own have fewer
EVIDENCE = ("verdicts", "adjusted", "timing", "quasi_experiment", "prediction", "replication", "ledger")

SOURCES = """
    FROM source_status
    ORDER BY state = 'well', n_failed::DOUBLE / greatest(n_reads, 1) DESC, connector, stream
"""
CORRELATIONS = "SELECT * FROM association ORDER BY engine, rank_kind, platform, verb, depth"
FACTS = """
    SELECT
        (SELECT count(DISTINCT keyword_id) FROM serp_results) AS keywords,
        (SELECT count(DISTINCT list_id) FROM serp_results) AS lists,
        (SELECT count(DISTINCT page_key) FROM serp_results) AS pages,
        (SELECT count(*) FROM stg_observations WHERE status = 'observed') AS readings,
        (SELECT count(*) FROM stg_observations WHERE status = 'failed') AS failed_readings,
        (SELECT min(ranked_at) FROM serp_results) AS first_list,
        (SELECT max(ranked_at) FROM serp_results) AS last_list
"""


@dataclass(frozen=True)
class Contents:
    """What the report says: counts of what is there, the state of each source, the correlations, the other evidence.

    `evidence` holds the rows of the tables of `EVIDENCE` by name; a table that the warehouse lacks has none.
    """

    facts: dict[str, Any]
    sources: list[dict[str, Any]]
    correlations: list[dict[str, Any]]
    evidence: Mapping[str, Sequence[words.Row]] = field(default_factory=dict)

    @property
    def failures(self) -> list[dict[str, Any]]:
        """Sources whose last day was not well."""
        return [s for s in self.sources if s["state"] != "well"]

    @property
    def verdicts(self) -> list[words.Row]:
        """The verdicts, the strongest first."""
        return words.strongest_first(self.evidence.get("verdicts", ()))

    def rows(self, table: str) -> list[words.Row]:
        """Rows of one table of evidence; those about a pair in the order of the verdicts."""
        found = self.evidence.get(table, ())
        is_by_pair = bool(found) and {"platform", "verb"} <= found[0].keys()
        return words.in_order_of(self.verdicts, found) if is_by_pair else list(found)


def read_contents(warehouse: Path) -> Contents:
    """Read everything from the published warehouse, which is opened read-only."""
    with duckdb.connect(str(warehouse), read_only=True) as con:
        con.execute("SET TimeZone = 'UTC'")
        facts, sources, found = (mappings(con.execute(query)) for query in (FACTS, SOURCES, CORRELATIONS))
        there = {row["name"] for row in mappings(con.execute("SHOW TABLES"))}
        tables = [name for name in EVIDENCE if name in there]
        evidence = {name: mappings(con.execute(f"SELECT * FROM {name} ORDER BY ALL")) for name in tables}
    return Contents(facts[0], sources, found, evidence)


def write_report(warehouse: Path, path: Path) -> None:
    """Write the report of a warehouse to `path`; the file appears whole or not at all."""
    contents = read_contents(warehouse)
    text = render(contents, datetime.now(UTC))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def render(contents: Contents, made_at: datetime) -> str:
    """The report as one HTML text; everything that came from outside is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_plain,
    )
    shared = (words.signed, words.interval, words.small, words.percent, words.count)
    environment.filters |= {f.__name__: f for f in shared}
    environment.globals |= {"words": words, "sentence": sentence}
    drawn = figures(contents.correlations, contents.verdicts, contents.rows)
    page = environment.get_template("report.html.j2")
    return page.render(contents=contents, made_at=made_at, drawn=drawn)


def _plain(value: Any) -> Any:
    """What is written into the page: text from outside as one line that ends somewhere; pieces of HTML as they are."""
    return shown(value, LONGEST) if isinstance(value, str) and not isinstance(value, Markup) else value


def sentence(row: words.Row) -> str:
    """What one coefficient says, and no more."""
    if row["mean_rho"] is None:
        return "no list could be compared"
    if row["ci_low"] is None:
        return "uncertainty unknown: fewer than two keywords"
    if row["ci_low"] > 0:
        return "more votes go with higher places"
    if row["ci_high"] < 0:
        return "more votes go with lower places"
    return "cannot be told from zero"
