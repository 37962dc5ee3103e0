"""Assets of everything after reading: retention, one per SQL file, the models, the published warehouse, the report."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import dagster as dg

from connectors.base import Connector
from connectors.errors import TallyrankError
from dashboards.report import write_report
from pipelines import publish, pull, retention, sqlfile
from pipelines.defs.resources import LakeResource, done
from pipelines.defs.sources import parsed_key, raw_key
from pipelines.evidence import table as evidence

RETENTION = dg.AssetKey("retention")
POOL = "warehouse"
T = TypeVar("T")
MOST_ROWS_SHOWN = 200


def retention_asset(connectors: dict[str, Connector]) -> dg.AssetsDefinition:
    """Deletes what a platform's terms do not let us keep."""
    limits = "; ".join(f"{c.title} {c.retention_days} days" for c in connectors.values() if c.retention_days)
    forgetful = ", ".join(c.title for c in connectors.values() if c.forgets_deleted)
    about = f"Deletes readings kept too long: {limits}. Forgets posts that are gone there: {forgetful}."

    @dg.asset(key=RETENTION, group_name="published", pool=POOL, description=about)
    def kept(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult[None]:
        gone = retention.purge(lake.open(), connectors.values(), datetime.now(UTC))
        forgotten = retention.forget_deleted(lake.open(), connectors.values())
        done("retention")
        for doubt in forgotten.doubts:
            context.log.warning(doubt)
        numbers = {"deleted_files": len(gone), "forgotten_posts": forgotten.n_posts}
        return dg.MaterializeResult(metadata={**numbers, "doubts": "; ".join(forgotten.doubts) or "none"})

    return kept


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


def _or_failure(work: Callable[[], T]) -> T:
    """Run work whose errors are already words for people; Dagster then shows them without a traceback."""
    try:
        return work()
    except TallyrankError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from None


def model_asset(table: evidence.ModelTable) -> dg.AssetsDefinition:
    """The asset of one model: its table, and its rows and picture in the UI."""
    columns = [dg.TableColumn(name, str(kind), comment) for name, (kind, comment) in table.columns.items()]

    @dg.asset(
        name=table.name,
        deps=list(table.reads),
        group_name="models",
        kinds={"numpy"},
        pool=POOL,
        description=table.description,
        metadata={"dagster/column_schema": dg.TableSchema(columns=columns)},
    )
    def made(lake: LakeResource) -> dg.MaterializeResult[None]:
        rows = _or_failure(lambda: evidence.build(lake.open(), table))
        done(table.name)
        shown = {"rows": dg.MetadataValue.md(_markdown(rows)), **_plot(table, rows)}
        return dg.MaterializeResult(metadata={"dagster/row_count": len(rows), **shown})

    return made


def _markdown(rows: evidence.Rows) -> str:
    """Rows as a Markdown table, lists left out: pictures show those."""
    if not rows:
        return "Nothing to show yet."
    names = [n for n in rows[0] if not any(isinstance(r[n], list) for r in rows)]
    lines = ["| " + " | ".join(_cell(r[n]) for n in names) + " |" for r in rows[:MOST_ROWS_SHOWN]]
    return "\n".join(["| " + " | ".join(names) + " |", "|---" * len(names) + "|", *lines])


def _cell(value: Any) -> str:
    if value is None:
        return "unknown"
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return " ".join(text.replace("|", "/").split())


def _plot(table: evidence.ModelTable, rows: evidence.Rows) -> dict[str, dg.MetadataValue]:
    """The table as a picture that the UI shows without scripts."""
    picture = table.draw(rows)
    if not picture:
        return {}
    return {"plot": dg.MetadataValue.md(f"![{table.name}](data:image/png;base64,{base64.b64encode(picture).decode()})")}


@dg.asset(
    deps=[*sqlfile.tables(), *evidence.tables()],
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
