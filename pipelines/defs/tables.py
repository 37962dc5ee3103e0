"""Assets of everything after reading: retention, one per SQL file, the models, the published warehouse, the report."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from connectors.base import Connector
from connectors.errors import TallyrankError
from dashboards.plots import forest_png
from dashboards.report import write_report
from pipelines import analysis, publish, pull, sqlfile
from pipelines.defs.resources import LakeResource, done
from pipelines.defs.sources import parsed_key, raw_key

RETENTION = dg.AssetKey("retention")
POOL = "warehouse"


def retention_asset(connectors: dict[str, Connector]) -> dg.AssetsDefinition:
    """Deletes what a platform's terms do not let us keep."""
    limits = "; ".join(f"{c.title} {c.retention_days} days" for c in connectors.values() if c.retention_days)

    @dg.asset(
        key=RETENTION, group_name="published", pool=POOL, description=f"Deletes readings kept too long: {limits}."
    )
    def retention(lake: LakeResource) -> dg.MaterializeResult[None]:
        gone = pull.purge(lake.open(), connectors.values(), datetime.now(UTC))
        done("retention")
        return dg.MaterializeResult(metadata={"deleted_files": len(gone)})

    return retention


def table_asset(table: sqlfile.SqlTable, connectors: dict[str, Connector]) -> dg.AssetsDefinition:
    """The asset of one SQL file; it is audited before it replaces the table of before."""

    @dg.asset(
        name=table.name,
        deps=[*_upstream(table, connectors)],
        group_name=table.layer,
        kinds={"duckdb", "sql"},
        pool=POOL,
        description=table.header.description,
        metadata={"grain": ", ".join(table.header.grain), "dagster/column_schema": _schema(table)},
    )
    def made(lake: LakeResource) -> dg.MaterializeResult[None]:
        rows = _or_failure(lambda: sqlfile.build(lake.open(), table))
        done(table.name)
        return dg.MaterializeResult(metadata={"dagster/row_count": rows})

    return made


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


def _or_failure(work: Callable[[], int]) -> int:
    """Run work whose errors are already words for people; Dagster then shows them without a traceback."""
    try:
        return work()
    except TallyrankError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from None


@dg.asset(
    deps=["serp_results", "serp_votes"],
    group_name="models",
    kinds={"numpy"},
    pool=POOL,
    description=analysis.DESCRIPTION,
)
def association(lake: LakeResource) -> dg.MaterializeResult[None]:
    """Rung 1 of the evidence."""
    rows = analysis.build_association(lake.open())
    with lake.open().connect(analysis.ASSOCIATION) as con:
        found = analysis.correlations(con)
    done("association")
    return dg.MaterializeResult(
        metadata={"dagster/row_count": rows, "coefficients": dg.MetadataValue.md(_table(found)), **_plot(found)}
    )


def _table(rows: list[dict[str, Any]]) -> str:
    head = "| platform | verb | depth | mean rho | 95 % interval | lists | skipped |\n|---|---|---|---|---|---|---|\n"
    lines = [
        f"| {r['platform']} | {r['verb']} | {r['depth']} | {_number(r['mean_rho'])} | "
        f"{_number(r['ci_low'])} … {_number(r['ci_high'])} | {r['n_lists']} | {r['n_skipped']} |"
        for r in rows
    ]
    return head + "\n".join(lines)


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:+.3f}"


def _plot(rows: list[dict[str, Any]]) -> dict[str, dg.MetadataValue]:
    """The coefficients as a picture that the UI shows without scripts."""
    if not rows:
        return {}
    picture = base64.b64encode(forest_png(rows)).decode()
    return {"plot": dg.MetadataValue.md(f"![mean rho with 95 % interval](data:image/png;base64,{picture})")}


@dg.asset(
    deps=[*(dg.AssetKey(name) for name in sqlfile.tables()), "association"],
    group_name="published",
    kinds={"duckdb"},
    pool=POOL,
    description="data/warehouse.duckdb: every table with its comments, built aside and renamed into place.",
)
def warehouse(lake: LakeResource) -> dg.MaterializeResult[None]:
    """The database that people open."""
    rows = publish.publish(lake.open())
    done("warehouse")
    return dg.MaterializeResult(metadata={"path": dg.MetadataValue.path(str(lake.open().warehouse)), **rows})


@dg.asset(
    deps=["warehouse"],
    group_name="published",
    kinds={"plotly"},
    pool=POOL,
    description="data/report.html: one file, failures first.",
)
def report(lake: LakeResource) -> dg.MaterializeResult[None]:
    """The report that people read."""
    path = lake.open().root / "report.html"
    write_report(lake.open().warehouse, path)
    done("report")
    return dg.MaterializeResult(metadata={"path": dg.MetadataValue.path(str(path))})
