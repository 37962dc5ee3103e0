"""Series of result lists by name: addresses are shared and mailed, and numbers of series change with every build."""

from __future__ import annotations

from dashboards.web.view import Query
from dashboards.words import SERIES, Row

LONGEST = 400  # characters of a name in an address; a longer keyword goes by its number
SETTING = "concat_ws(', ', engine, country, language, device, rank_kind, source)"
LABEL = f"keyword || ' · ' || {SETTING}"
_PARTS = ", ".join(f"coalesce({name}, '-')" for name in SERIES)
_WHOLE = f"concat_ws(' · ', {_PARTS})"  # what words.series_name says
NAME = f"CASE WHEN length({_WHOLE}) <= {LONGEST} THEN {_WHOLE} ELSE series_id::VARCHAR END"
NAMED = f"""
    SELECT *, {LABEL} AS label FROM keyword_series WHERE $1 IN ({NAME}, {_WHOLE}) OR keyword = lower($1)
    ORDER BY $1 IN ({NAME}, {_WHOLE}) DESC, n_lists DESC, series_id LIMIT 1
"""


def series_named(query: Query, name: str) -> Row | None:
    """The series of that name, or of that keyword the one with most lists; None where there is none."""
    found = query.rows(NAMED, name)
    return found[0] if found else None
