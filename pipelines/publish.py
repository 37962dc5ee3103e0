"""Build the analysts' database under another name, rename it into place, and keep it readable while that happens.

A reader that has the old file open keeps it; whoever opens next gets the new one; nobody sees half. See DuckDB's
concurrency rules: a file that one process writes cannot be opened by another, so nobody ever writes the published one.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from pipelines import sqlfile
from pipelines.evidence import table as evidence
from pipelines.lake import Lake, replaced

PUBLISHED = ("marts", "staging")


def publish(lake: Lake) -> dict[str, int]:
    """Replace `warehouse.duckdb` by the tables of the lake, with their comments; returns rows per table."""
    with replaced(lake.warehouse) as temporary:
        rows = _fill(lake, temporary)
        temporary.chmod(0o444)
        for stale in (lake.warehouse, temporary):
            stale.with_name(stale.name + ".wal").unlink(missing_ok=True)
    return rows


def _fill(lake: Lake, path: Path) -> dict[str, int]:
    """One table per finished Parquet table, then views; closed and checkpointed at the end."""
    for stale in (path, path.with_name(path.name + ".wal")):  # of a killed process that had our number
        stale.unlink(missing_ok=True)
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.execute(f"ATTACH '{_escaped(path)}' AS warehouse (STORAGE_VERSION 'v1.5.0')")
        con.execute("USE warehouse")
        for name, (description, columns) in _tables().items():
            con.execute(f"CREATE TABLE {name} AS FROM {lake.file(lake.table_path(name))}")
            _comment(con, name, description, columns)
        _wide_view(con)
        counts = {name: con.execute(f"SELECT count(*) FROM {name}").fetchall()[0][0] for name in _tables()}
        con.execute("CHECKPOINT warehouse")
        con.execute("USE memory")
        con.execute("DETACH warehouse")
    return counts


def _tables() -> dict[str, tuple[str, dict[str, str]]]:
    made = {t.name: (t.header.description, t.header.columns) for t in sqlfile.tables().values()}
    return made | {t.name: (t.description, t.comments) for t in evidence.tables().values()}


def _comment(con: duckdb.DuckDBPyConnection, table: str, description: str, columns: dict[str, str]) -> None:
    con.execute(f"COMMENT ON TABLE {table} IS '{_sql(description)}'")
    for column, comment in columns.items():
        con.execute(f"COMMENT ON COLUMN {table}.{column} IS '{_sql(comment)}'")


def _wide_view(con: duckdb.DuckDBPyConnection) -> None:
    """`serp_votes_wide`: one row per keyword, list and result, with a column per platform and verb."""
    pairs = con.execute("SELECT DISTINCT platform, verb FROM serp_votes ORDER BY ALL").fetchall()
    columns = [
        f"max(CASE WHEN v.platform = '{_text(p)}' AND v.verb = '{v}' THEN v.{source} END) AS {_name(p, v + suffix)}"
        for p, v in pairs
        for source, suffix in (("votes", ""), ("votes_7d", "_7d"))
    ]
    more = "".join(f", {c}" for c in columns)
    con.execute(
        f"CREATE VIEW serp_votes_wide AS SELECT r.*{more} FROM serp_results r "
        "LEFT JOIN serp_votes v ON v.result_id = r.result_id GROUP BY ALL"
    )
    con.execute(
        "COMMENT ON VIEW serp_votes_wide IS 'One row per keyword, list and result, with the votes known at the "
        "moment of the list in a column per platform and verb; NULL is unknown.'"
    )


def _name(platform: str, rest: str) -> str:
    return '"' + f"{platform}_{rest}".replace('"', '""') + '"'


def _sql(text: str) -> str:
    return _text(" ".join(text.split()))


def _text(text: str) -> str:
    return text.replace("'", "''")


def _escaped(path: Path) -> str:
    return str(path).replace("'", "''")
