"""The calendar of breaks as a table, for pages that draw series over time."""

from __future__ import annotations

import pyarrow as pa

from pipelines.evidence.table import TEXT, ModelTable, Rows
from pipelines.lake import Lake
from pipelines.panels import calendar

DAY = pa.date32()


def build(lake: Lake) -> Rows:
    """One row per break and what it concerns: an engine, or a platform."""
    return [
        {
            "id": each.id, "kind": each.kind, "first_day": each.first_day, "last_day": each.last_day, "engine": engine,
            "platform": platform, "rank_kinds": ", ".join(each.rank_kinds) or None,
            "verbs": ", ".join(each.verbs) or None, "what": each.what, "source": each.source,
        }
        for each in calendar(lake)
        for engine, platform in [*((e, None) for e in each.engines), *((None, p) for p in each.platforms)]
    ]  # fmt: skip


TABLE = ModelTable(
    "breaks",
    "Days on which a ruler changed: across them series are not compared unless asked. One row per break and engine or "
    "platform.",
    {
        "id": (TEXT, "Name of the break, as TALLYRANK_ACROSS_BREAKS takes it."),
        "kind": (TEXT, "measurement: the numbers mean something else afterwards; update: the search engine changed."),
        "first_day": (DAY, "First day of the change."),
        "last_day": (DAY, "Last day of the change."),
        "engine": (TEXT, "Search engine whose positions it concerns; NULL for a platform."),
        "platform": (TEXT, "Platform whose votes it concerns; NULL for an engine."),
        "rank_kinds": (TEXT, "Kinds of position it concerns; NULL means all."),
        "verbs": (TEXT, "Verbs it concerns; NULL means all."),
        "what": (TEXT, "What changed, in one sentence."),
        "source": (TEXT, "Where the dates are from."),
    },
    ("stg_totals",),
    build,
)
