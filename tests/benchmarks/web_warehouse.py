"""A published warehouse of any size, for measuring pages: a made-up world of result lists and votes over 400 days.

    python tests/benchmarks/web_warehouse.py FOLDER [RESULTS]     builds it, then times queries that pages ask

Readings and lists are written as staging would have them; from these, the shipped SQL makes the tables, and `publish`
the file. serp_votes alone is made by a shorter way with the same rows (a test compares them): here everything is read
at fixed hours, so that votes as of a list are those of its day. Tables of models hold a row per platform and verb.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[2]))  # a script sees its own folder, not the repository's

from pipelines import labels, publish, sqlfile
from pipelines.evidence import table as evidence
from pipelines.lake import Lake
from tests.dashboards import making

DAYS, PLACES, CANDIDATES = 400, 20, 26  # days of lists, results in a list, pages that compete for them
PAIRS = (
    ("facebook", "share", "page"), ("facebook", "like", "page"), ("facebook", "comment", "page"),
    ("hatena", "save", "page"), ("reddit", "like", "post"), ("reddit", "comment", "post"), ("reddit", "share", "post"),
    ("pinterest", "save", "post"), ("youtube", "view", "post"), ("youtube", "like", "post"),
)  # fmt: skip
FAILED_OF_100 = 1
RESULTS = 1_000_000  # with ten pairs each, ten million rows of serp_votes
MADE_FOR_REAL = ("breaks", "sources", "spending", "page_labels", "brand_results", "reputation_days")
PROJECT = """
sites: [site1.example]
brands:
  - {name: Brand, queries: [keyword 0, keyword 1], friendly: [site10.example]}
"""

GUIDES = """
    SELECT
        page,
        'site' || page % 97 || '.example/guide-' || page || '-' || ['best', 'cheap', 'awful'][page % 3 + 1] AS page_key
    FROM range($pages) t(page)
"""
RANKINGS = """
    WITH scored AS (
        SELECT
            s.series, d.day, (s.series * 8 + c.place * 5) % $pages AS page,
            c.place + 6.0 * (hash(s.series, c.place, d.day // 5) % 1000) / 1000
                + 2.0 * (hash(s.series, c.place, d.day) % 1000) / 1000 AS score
        FROM range($series) s(series), range($days) d(day), range($candidates) c(place)
    ),
    placed AS (SELECT *, row_number() OVER (PARTITION BY series, day ORDER BY score, page) AS position FROM scored)
    SELECT
        series * $days + day + 1 AS list_id, series // 2 + 1 AS keyword_id, 'keyword ' || series // 2 AS keyword,
        'google' AS engine, 'us' AS country, 'en' AS language, ['desktop', 'mobile'][series % 2 + 1] AS device,
        'organic' AS rank_kind, 'serper' AS source,
        TIMESTAMPTZ '2025-01-01 18:00:00+00' + to_days(CAST(day AS INTEGER)) AS ranked_at,
        p.page_key, p.page_key AS url_key, 'https://' || p.page_key AS url, CAST(position AS DOUBLE) AS position,
        true AS is_found, CAST($places AS BIGINT) AS depth, CAST(NULL AS BIGINT) AS impressions,
        CAST(NULL AS BIGINT) AS clicks
    FROM placed JOIN guides p USING (page) WHERE position <= $places
"""
OBSERVATIONS = """
    WITH read AS (
        SELECT
            p.*, r.platform, r.verb, r.basis, d.day, hash(p.page, r.platform, r.verb) AS h,
            hash(p.page, r.platform, d.day) % 100 < $failed AS is_failed
        FROM guides p, pairs r, range($days) d(day)
    )
    SELECT
        platform, verb, basis, CASE basis WHEN 'page' THEN page_key ELSE 'post' || page END AS subject, page_key,
        page_key AS url_key, 'https://' || page_key AS url,
        TIMESTAMPTZ '2025-01-01 12:00:00+00' + to_days(CAST(day AS INTEGER)) AS observed_at,
        CASE basis WHEN 'post' THEN TIMESTAMPTZ '2024-12-01 00:00:00+00' END AS published_at,
        CASE WHEN NOT is_failed
            THEN CAST(h % 500 + day * (h % 5) + (day + h % 60) // 60 * (h % 41) AS BIGINT) END AS count,
        CASE WHEN is_failed THEN 'failed' ELSE 'observed' END AS status, 'exact' AS quality, verb AS native,
        platform AS connector
    FROM read
"""
VOTES = """
    WITH grown AS (
        SELECT
            *, votes - lag(votes, 1) OVER pair AS votes_1d, votes - lag(votes, 7) OVER pair AS votes_7d,
            votes - lag(votes, 28) OVER pair AS votes_28d
        FROM page_votes WINDOW pair AS (PARTITION BY page_key, platform, verb ORDER BY day)
    )
    SELECT
        r.result_id, r.list_id, r.keyword, r.ranked_at, r.url, r.page_key, r.position, v.platform, v.verb, v.votes,
        v.status, v.observed_at, v.votes_1d, v.votes_7d, v.votes_28d, v.basis, v.is_lower_bound,
        'exact' AS match_method
    FROM serp_results r JOIN grown v ON v.page_key = r.page_key AND v.day = CAST(r.ranked_at AS DATE)
"""
HEALTH = """
    SELECT
        platform AS connector, 'by_url' AS stream, DATE '2025-01-01' + CAST(day AS INTEGER) AS day, $pages AS n_reads,
        CASE WHEN day % 30 = 7 THEN 3 ELSE 0 END AS n_failed, 0 AS n_not_found,
        CASE WHEN day % 30 = 7 THEN 'Unavailable: the host did not answer' END AS first_error, false AS is_failed,
        0 AS n_failed_readings
    FROM (SELECT DISTINCT platform FROM pairs), range($days) d(day)
"""
WRITTEN = {
    "stg_rankings": RANKINGS, "stg_observations": OBSERVATIONS, "serp_votes": VOTES, "source_health": HEALTH,
}  # fmt: skip


def build(path: Path, results: int) -> None:
    """Write a published warehouse with so many results of lists (a little fewer), each with votes of all of `PAIRS`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        lake = Lake(folder)
        _people(lake)
        _tables(lake, results)
        for table in evidence.tables().values():
            _model(lake, table)
        publish.publish(lake)
        lake.warehouse.replace(path)


def _people(lake: Lake) -> None:
    """What people wrote: a project file, and a few labels."""
    (lake.root / "project.yaml").write_text(PROJECT, encoding="utf-8")
    for page in range(2, 30, 3):
        labels.add(lake.root, f"https://site{page}.example/guide-{page}-awful", "hostile", "Ann")


def _tables(lake: Lake, results: int) -> None:
    """The tables of SQL files: four of them written, the others made from these by their own queries."""
    days = min(DAYS, max(results // PLACES, 1))
    series = max(results // (days * PLACES), 1)
    size = {"series": series, "pages": series * 8 + CANDIDATES, "days": days}
    lake.table_path("x").parent.mkdir(parents=True)
    with lake.connect() as con:
        con.execute(f"SET temp_directory = '{_quoted(lake.root / 'spill')}'")
        con.execute(f"CREATE TABLE guides AS {_filled(GUIDES, size)}")
        con.execute("CREATE TABLE pairs (platform VARCHAR, verb VARCHAR, basis VARCHAR)")
        con.executemany("INSERT INTO pairs VALUES (?, ?, ?)", [*PAIRS])
        for name in _order():
            _write(con, lake, name, size)
    for name in sqlfile.tables().keys() - WRITTEN.keys():
        if not lake.table_path(name).exists():
            sqlfile.build(lake, sqlfile.tables()[name])


def _order() -> list[str]:
    """Tables to make from what is written, each after those it reads; serp_votes comes after page_votes here."""
    names = [name for name, table in sqlfile.tables().items() if not table.reads & {"observations", "covariates"}]
    rest = [name for name in names if name not in ("stg_rankings", "source_health", "serp_votes")]
    return ["stg_rankings", "stg_observations", "source_health", *rest, "serp_votes"]


def _write(con: duckdb.DuckDBPyConnection, lake: Lake, name: str, size: dict[str, int]) -> None:
    query = _filled(WRITTEN[name], size) if name in WRITTEN else sqlfile.tables()[name].query
    order = " ORDER BY result_id, platform, verb" if name == "serp_votes" else ""
    con.execute(f"COPY ({query}{order}) TO '{_quoted(lake.table_path(name))}' (FORMAT parquet)")
    con.execute(f"CREATE OR REPLACE VIEW {name} AS FROM {lake.file(lake.table_path(name))}")


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _filled(query: str, size: dict[str, int]) -> str:
    """The query with numbers in place of names; COPY takes no parameters."""
    for name, value in (size | {"places": PLACES, "candidates": CANDIDATES, "failed": FAILED_OF_100}).items():
        query = query.replace(f"${name}", str(value))
    return query


def _model(lake: Lake, table: evidence.ModelTable) -> None:
    """A model's table: made for real where that is quick, else the rows of the report's tests for every pair."""
    if table.name in MADE_FOR_REAL:
        evidence.build(lake, table)
        return
    who = {"engine": "google", "rank_kind": "organic"}
    rows = [
        {name: (row | who | {"platform": platform, "verb": verb}).get(name) for name in table.columns}
        for row in making.ROWS.get(table.name, ())
        for platform, verb, _ in PAIRS
    ]
    schema = pa.schema([(name, kind) for name, (kind, _) in table.columns.items()])
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), lake.table_path(table.name))


EVERY = [[n] for n in range(1, 41)]
ALIKE: list[list[int]] = [[]] * 40
QUERIES = {
    "one series over a year": (
        "SELECT d.*, s.keyword FROM keyword_days d JOIN keyword_series s USING (series_id) WHERE d.series_id = ?", EVERY
    ),
    "one list": (
        "SELECT * FROM keyword_days WHERE series_id = ? AND day = DATE '2025-06-01' ORDER BY position", EVERY
    ),
    "votes of one page over a year": ("SELECT * FROM page_votes WHERE page_key = $page", None),
    "votes of the pages of one series": (
        "SELECT * FROM page_votes WHERE platform = 'reddit' AND verb = 'like' AND page_key IN "
        "(SELECT page_key FROM keyword_days WHERE series_id = ?)", EVERY,
    ),
    "positions of one page over a year": (
        "SELECT d.*, s.keyword, s.device FROM keyword_days d JOIN keyword_series s USING (series_id) "
        "WHERE d.page_key = $page", None,
    ),
    "search box, by beginning": (
        "SELECT * FROM pages WHERE starts_with(page_key, $page[:8]) ORDER BY n_keywords DESC LIMIT 20", None
    ),
    "search box, anywhere": ("SELECT * FROM pages WHERE contains(page_key, $page[-12:]) LIMIT 20", None),
    "search box of keywords": ("SELECT * FROM keyword_series WHERE contains(keyword, 'word 1') LIMIT 20", ALIKE),
    "reputation of a brand": ("SELECT * FROM reputation_days WHERE brand = 'Brand' ORDER BY day", ALIKE),
    "early warnings": (
        "SELECT * FROM brand_results WHERE is_warning AND day = (SELECT max(day) FROM brand_results)", ALIKE
    ),
    "sources": ("SELECT * FROM sources JOIN source_status USING (connector)", ALIKE),
}  # fmt: skip


def timed(con: duckdb.DuckDBPyConnection) -> dict[str, list[float]]:
    """Milliseconds that each query of `QUERIES` takes, asked up to 40 times about different things, sorted."""
    keys = con.execute("SELECT page_key FROM pages ORDER BY hash(page_key) LIMIT 40").fetchall()
    found: dict[str, list[float]] = {}
    for name, (query, given) in QUERIES.items():
        about: list[Any] = [{"page": key} for (key,) in keys] if given is None else given
        found[name] = sorted(_milliseconds(con, query, each) for each in about)
    return found


def _milliseconds(con: duckdb.DuckDBPyConnection, query: str, about: Any) -> float:
    began = time.perf_counter()
    con.execute(query, about).fetchnumpy()
    return 1000 * (time.perf_counter() - began)


def main(folder: Path, results: int) -> None:
    """Build, then print sizes and times."""
    path = folder / "warehouse.duckdb"
    began = time.perf_counter()
    build(path, results)
    seconds, size = time.perf_counter() - began, path.stat().st_size / 2**20
    print(f"built in {seconds:.0f} s, {size:,.0f} MiB, {os.cpu_count()} cores, {datetime.now(UTC):%Y-%m-%d}\n")
    with duckdb.connect(str(path), read_only=True) as con:
        for name in ("serp_votes", "serp_results", "page_votes", "keyword_days", "pages", "brand_results"):
            print(f"- {name}: {con.execute(f'SELECT count(*) FROM {name}').fetchall()[0][0]:,} rows")
        print("\n| query | median | 95th percentile | worst |\n|---|---:|---:|---:|")
        for name, times in timed(con).items():
            median, high = times[len(times) // 2], times[int(0.95 * len(times))]
            print(f"| {name} | {median:.0f} ms | {high:.0f} ms | {times[-1]:.0f} ms |")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else RESULTS)
