"""Assets at both ends of the tables: retention before them, the warehouse and the report after them."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import duckdb

from connectors.base import Connector
from dashboards.report import write_report
from dashboards.words import counted
from pipelines import changes, publish, retention, sqlfile
from pipelines.defs import guide
from pipelines.defs.grades import Grade, graded
from pipelines.defs.resources import LakeResource, done
from pipelines.defs.showing import or_failure
from pipelines.defs.source_checks import STALE_DAYS
from pipelines.defs.sources import LATE, STALE
from pipelines.defs.tables import POOL, RETENTION
from pipelines.evidence import table as evidence

WAREHOUSE = dg.AssetKey("warehouse")
FEW_ROWS = 1_000  # below, a table may halve for any reason
FRESH = dg.FreshnessPolicy.time_window(STALE, LATE)


def retention_asset(connectors: dict[str, Connector]) -> dg.AssetsDefinition:
    """Deletes what a platform's terms do not let us keep."""
    limits = "; ".join(f"{c.title} {c.retention_days} days" for c in connectors.values() if c.retention_days)
    forgetful = ", ".join(c.title for c in connectors.values() if c.forgets_deleted)
    about = f"Limits: {limits}. Forgotten where deleted: {forgetful}."

    @dg.asset(
        key=RETENTION, group_name=guide.CLEANED, pool=POOL, description=guide.RETENTION.replace("{limits}", about)
    )
    def kept(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult[None]:
        gone = retention.purge(lake.open(), connectors.values(), datetime.now(UTC))
        forgotten = retention.forget_deleted(lake.open(), connectors.values())
        done("retention")
        for doubt in forgotten.doubts:
            context.log.warning(doubt)
        numbers = {"deleted_files": len(gone), "forgotten_posts": forgotten.n_posts}
        return dg.MaterializeResult(metadata={**numbers, "doubts": "; ".join(forgotten.doubts) or "none"})

    return kept


@dg.asset(
    deps=[*sqlfile.tables(), *evidence.tables()],
    group_name=guide.PUBLISHED,
    kinds={"duckdb"},
    pool=POOL,
    description=guide.WAREHOUSE,
    freshness_policy=FRESH,
    check_specs=[
        dg.AssetCheckSpec(
            "whole",
            asset=WAREHOUSE,
            description="FAIL when the database does not open or lacks a table of before, REVIEW when a table lost "
            "more than half of its rows.",
        ),
        dg.AssetCheckSpec(
            "recent",
            asset=WAREHOUSE,
            description=f"REVIEW when its newest reading or result list is more than {STALE_DAYS} days old.",
        ),
    ],
)
def warehouse(
    context: dg.AssetExecutionContext, lake: LakeResource
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """The database that people open."""
    path = lake.open().warehouse
    with changes.kept(path) as before:
        or_failure(lambda: publish.publish(lake.open()))
        changed, whole = _compared(before, path)
    context.log.info(f"What changed:\n{changed}")
    shown = {"path": dg.MetadataValue.path(str(path)), "what_changed": dg.MetadataValue.md(changed)}
    yield dg.MaterializeResult(metadata=shown)
    yield whole
    yield recent(path, datetime.now(UTC).date())
    done("warehouse")


def _compared(before: Path | None, now: Path) -> tuple[str, dg.AssetCheckResult]:
    """What changed, and whether the new warehouse is whole."""
    try:
        with changes.warehouses(before or now, now) as con:
            rows = changes.row_counts(con, "now")
            was = changes.row_counts(con, "before") if before else {}
            return changes.of_warehouse(con) if before else changes.FIRST_TIME, whole(rows, was)
    except duckdb.Error as error:
        words, advice = f"it cannot be opened: {error}", "free space on the disk, then materialise this asset again"
        return "Unknown.", graded(WAREHOUSE, "whole", Grade.FAIL, words, advice)


def whole(now: dict[str, int], before: dict[str, int]) -> dg.AssetCheckResult:
    """Whether all tables of before are there, with at least half of their rows."""
    gone = [name for name in before if name not in now]
    halved = [
        f"{n} ({was:,} → {now[n]:,})" for n, was in before.items() if was >= FEW_ROWS and now.get(n, was) < was / 2
    ]
    if gone:
        words = f"tables of before are missing: {', '.join(gone)}"
        advice = "readers of these tables will fail; if Tallyrank was updated, its changelog says what replaces them"
        return graded(WAREHOUSE, "whole", Grade.FAIL, words, advice)
    if halved:
        advice = "retention or a removed import may explain it; else see which source stopped (source_health)"
        return graded(
            WAREHOUSE, "whole", Grade.REVIEW, f"more than half of the rows are gone: {', '.join(halved)}", advice
        )
    words = f"it opens; {counted(len(now), 'table')}, {sum(now.values()):,} rows, none missing."
    return graded(WAREHOUSE, "whole", Grade.PASS, words)


NEWEST = """
    SELECT greatest(
        (SELECT max(observed_at) FROM stg_observations WHERE status = 'observed'),
        (SELECT max(ranked_at) FROM stg_rankings)
    )
"""


def recent(path: Path, today: date) -> dg.AssetCheckResult:
    """How old the newest reading or result list is."""
    with duckdb.connect(str(path), read_only=True) as con:
        con.execute("SET TimeZone = 'UTC'")
        newest = con.execute(NEWEST).fetchall()[0][0]
    is_recent = newest is not None and today - newest.date() <= timedelta(days=STALE_DAYS)
    words = f"newest reading: {newest.date() if newest else 'none yet'}; today: {today}"
    advice = "switch the schedule `daily` on (Automation), or `tallyrank run`; a finished project needs nothing"
    return graded(WAREHOUSE, "recent", Grade.PASS if is_recent else Grade.REVIEW, words, advice)


@dg.asset(
    deps=["warehouse"],
    group_name=guide.PUBLISHED,
    kinds={"plotly"},
    pool=POOL,
    description=guide.REPORT,
    freshness_policy=FRESH,
)
def report(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult[None]:
    """The report that people read; as the last step of a run it says again what changed, where people look first."""
    path = lake.open().root / "report.html"
    write_report(lake.open().warehouse, path)
    done("report")
    return dg.MaterializeResult(metadata={"path": dg.MetadataValue.path(str(path)), **_changed_in(context)})


def _changed_in(context: dg.AssetExecutionContext) -> dict[str, dg.MetadataValue]:
    """What the warehouse of the same run said that changed; nothing where the report is made by itself."""
    event = context.instance.get_latest_materialization_event(WAREHOUSE)
    if event is None or event.run_id != context.run_id or event.asset_materialization is None:
        return {}
    told = event.asset_materialization.metadata.get("what_changed")
    return {"what_changed": told} if told else {}
