"""A warehouse for mails: what is read well, what failed, what changed, what moved."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from dashboards.mail.edition import Request
from dashboards.mail.news import Memory, pair_key
from tests.dashboards.making import NOTHING_YET, ROWS, verdict, warehouse

DAY = date(2026, 10, 14)
KEYWORD = "best kettle"
PAGE = "cedar.example/kettles"
STATUS = {
    "connector": "reddit", "stream": "by_url", "last_day": DAY, "last_good_day": DAY, "state": "well", "n_reads": 40,
    "n_failed": 0, "n_not_found": 0, "n_failed_readings": 0, "first_error": None, "days_with_failures": 0,
}  # fmt: skip
MOVER = {
    "keyword": KEYWORD, "engine": "google", "country": "us", "language": None, "device": "mobile",
    "rank_kind": "organic", "source": "serper", "page_key": PAGE, "url": f"https://{PAGE}", "day": DAY, "position": 3.0,
    "position_before": 8.5, "change": 5.5, "is_left": False, "is_entered": False, "depth": 20, "p": 0.0001, "q": 0.01,
    "is_discovery": True, "window_days": 3,
}  # fmt: skip
MOVERS = """
    CREATE OR REPLACE TABLE movers (keyword VARCHAR, engine VARCHAR, country VARCHAR, language VARCHAR, device VARCHAR,
        rank_kind VARCHAR, source VARCHAR, page_key VARCHAR, url VARCHAR, day DATE, position DOUBLE,
        position_before DOUBLE, change DOUBLE, is_left BOOLEAN, is_entered BOOLEAN,
        depth INTEGER, p DOUBLE, q DOUBLE, is_discovery BOOLEAN,
        window_days INTEGER)
"""
HISTORY = """
    CREATE OR REPLACE TABLE verdict_history (as_of_day DATE, engine VARCHAR, rank_kind VARCHAR, platform VARCHAR,
        verb VARCHAR, rung VARCHAR, verdict VARCHAR, direction VARCHAR, estimate DOUBLE, ci_low DOUBLE, ci_high DOUBLE,
        q_value DOUBLE)
"""
LOOKS = """
    CREATE OR REPLACE TABLE mover_looks (engine VARCHAR, rank_kind VARCHAR, has_enough_past BOOLEAN, why_not VARCHAR)
"""
LISTS = """
    CREATE OR REPLACE TABLE serp_results (result_id BIGINT, keyword_id VARCHAR, list_id VARCHAR, keyword VARCHAR,
        engine VARCHAR, country VARCHAR, language VARCHAR, device VARCHAR, rank_kind VARCHAR, source VARCHAR,
        ranked_at TIMESTAMPTZ, page_key VARCHAR, position DOUBLE, is_found BOOLEAN, depth INTEGER)
"""


def build(
    folder: Path,
    *,
    verdicts: list[dict[str, Any]] | None = None,
    sources: list[dict[str, Any]] | None = None,
    history: list[dict[str, Any]] | None = None,
    movers: list[dict[str, Any]] | None = None,
    looks: list[dict[str, Any]] | None = None,
) -> Path:
    """A warehouse with these rows; without `history` or `movers` those tables are missing, as in an older one."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = ROWS | {"verdicts": [verdict(), verdict(**NOTHING_YET)] if verdicts is None else verdicts}
    path = warehouse(folder, rows)
    with duckdb.connect(str(path)) as con:
        fill(con, "source_status", [STATUS] if sources is None else [STATUS | s for s in sources])
        for name, made, given in (("movers", MOVERS, movers), ("verdict_history", HISTORY, history)):
            con.execute(f"DROP TABLE IF EXISTS {name}")
            if given is not None:
                con.execute(made)
                fill(con, name, given)
        con.execute(LISTS)
        con.execute(LOOKS)
        fill(con, "mover_looks", looks or [])
        fill(con, "serp_results", [r for m in movers or () for r in places(m)] or places(MOVER))
    return path


def places(mover: dict[str, Any]) -> list[dict[str, Any]]:
    """Four weeks of a page's places: a gap of three days, two days below the depth, and the move at the end."""
    rows = []
    for n in range(28):
        if 10 <= n < 13:
            continue
        lost = n in (16, 17)
        at = datetime.combine(mover["day"] - timedelta(days=27 - n), datetime.min.time(), UTC)
        end = mover["position"] if n >= 25 else mover["position_before"]
        rows.append(
            {
                name: mover[name]
                for name in ("keyword", "engine", "country", "language", "device", "rank_kind", "page_key")
            }
            | {
                "keyword_id": "1",
                "list_id": str(n),
                "source": mover["source"],
                "ranked_at": at,
                "depth": mover["depth"],
            }
            | {"position": None if lost or end is None else end + n % 2, "is_found": not lost}
        )
    return rows


def fill(con: duckdb.DuckDBPyConnection, table: str, rows: list[dict[str, Any]]) -> None:
    """Insert rows by the names of their columns."""
    if rows:
        con.register("given", pa.Table.from_pylist(rows))
        con.execute(f"INSERT INTO {table} BY NAME FROM given")
        con.unregister("given")


def request(**more: Any) -> Request:
    """A request for the mail of the day after the data."""
    return Request(**({"project": "Acme", "subscription": "morning", "language": "en", "today": DAY} | more))


def remembered(*rows: dict[str, Any], **more: Any) -> Memory:
    """What a reader knows who was told these verdicts the day before."""
    told = {pair_key(r): r["verdict"] for r in rows}
    return Memory(**({"day": DAY - timedelta(days=1), "verdicts": told} | more))
