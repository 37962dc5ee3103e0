"""Assets of tables: one per SQL file, one per model; each says what changed and is checked."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow.parquet as pq

from connectors.base import Connector
from dashboards.plots.health import health_png
from pipelines import changes, pull, sqlfile
from pipelines.defs import guide, table_checks
from pipelines.defs.resources import AnalysisResource, LakeResource, done
from pipelines.defs.showing import markdown, or_failure, plot
from pipelines.defs.sources import parsed_key, raw_key, rows_told
from pipelines.evidence import table as evidence
from pipelines.lake import Lake

RETENTION = dg.AssetKey("retention")
POOL = "warehouse"
DRAWN = {"source_health": health_png}
Made = Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]


def table_asset(table: sqlfile.SqlTable, connectors: dict[str, Connector]) -> dg.AssetsDefinition:
    """The asset of one SQL file; it is audited before it replaces the table of before."""

    @dg.asset(
        name=table.name,
        deps=[*_upstream(table, connectors)],
        group_name=guide.OF_LAYER[table.layer],
        kinds={"duckdb", "sql"},
        pool=POOL,
        description=guide.of_table(table),
        metadata={"grain": ", ".join(table.header.grain), "dagster/column_schema": _schema(table)},
        check_specs=[table_checks.audit_spec(table), *table_checks.usable_specs(table)],
    )
    def made(lake: LakeResource) -> Made:
        folder = lake.open()
        path = folder.table_path(table.name)
        with changes.kept(path) as before:
            try:
                or_failure(lambda: sqlfile.build(folder, table))
            except dg.Failure as fault:
                yield table_checks.audited(table, str(fault.description))
                raise
            yield dg.MaterializeResult(
                metadata=_told(table.name, before, path, table.header.columns) | _drawn(folder, table.name)
            )
        yield table_checks.audited(table)
        yield from table_checks.usable(table, folder)
        done(table.name)

    return made


def _told(name: str, before: Path | None, now: Path, comments: Mapping[str, str]) -> dict[str, Any]:
    """Rows now and before, the columns with their types, and what changed where that can be said in words."""
    rows = rows_told(_n_rows(now), _n_rows(before) if before else None)
    columns = [dg.TableColumn(f.name, str(f.type), comments.get(f.name)) for f in pq.read_schema(now)]
    rows["dagster/column_schema"] = dg.TableSchema(columns=columns)
    changed = changes.of_table(name, before, now)
    return rows if changed is None else rows | {"what_changed": dg.MetadataValue.md(changed)}


def _n_rows(path: Path) -> int:
    return int(pq.read_metadata(path).num_rows)


def _drawn(lake: Lake, name: str) -> dict[str, dg.MetadataValue]:
    """The picture of a table that has one."""
    if name not in DRAWN:
        return {}
    with lake.connect(name) as con:
        return plot(name, DRAWN[name](evidence.rows_of(con, name)))


def _upstream(table: sqlfile.SqlTable, connectors: dict[str, Connector]) -> set[dg.AssetKey]:
    """The tables a table reads; for the layers of the lake, everything that writes into them, after retention."""
    keys = {dg.AssetKey(name) for name in table.reads if name in sqlfile.tables()}
    for signal, layer in pull.PARSED_LAYER.items():
        if layer in table.reads:
            keys |= {parsed_key(c, s) for c in connectors.values() for s in c.streams if c.signal == signal}
    if "reads" in table.reads:
        keys |= {raw_key(c, s) for c in connectors.values() for s in c.streams}
    return keys | ({RETENTION} if table.reads & set(sqlfile.SOURCES) else set())


def _schema(table: sqlfile.SqlTable) -> dg.TableSchema:
    columns = [dg.TableColumn(name, description=comment) for name, comment in table.header.columns.items()]
    return dg.TableSchema(columns=columns)


def model_asset(table: evidence.ModelTable) -> dg.AssetsDefinition:
    """The asset of one model: its table, and its rows and picture in the UI."""
    columns = [dg.TableColumn(name, str(kind), comment) for name, (kind, comment) in table.columns.items()]

    @dg.asset(
        name=table.name,
        deps=list(table.reads),
        group_name=guide.EVIDENCE,
        kinds={"numpy"},
        pool=POOL,
        description=guide.of_model(table),
        metadata={"dagster/column_schema": dg.TableSchema(columns=columns)},
        check_specs=table_checks.enough_specs(table),
    )
    def made(lake: LakeResource, analysis: AnalysisResource) -> Made:
        folder = lake.open()
        path = folder.table_path(table.name)
        with changes.kept(path) as before:
            rows = or_failure(lambda: _built(folder, table, analysis))
            shown = {"rows": dg.MetadataValue.md(markdown(rows)), **plot(table.name, table.draw(rows))}
            yield dg.MaterializeResult(metadata=_told(table.name, before, path, table.comments) | shown)
        yield from table_checks.enough(table, rows)
        done(table.name)

    return made


def _built(lake: Lake, table: evidence.ModelTable, analysis: AnalysisResource) -> evidence.Rows:
    with analysis.applied(lake):
        return evidence.build(lake, table)
