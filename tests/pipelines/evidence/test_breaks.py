"""The calendar of breaks as a table: every entry, once for each engine or platform that it concerns."""

from __future__ import annotations

from pathlib import Path

from pipelines import breaks
from pipelines.evidence.breaks import build
from tests.pipelines.making import fill, made

OWN = """breaks:
- {id: our-tracker, kind: measurement, first_day: 2026-03-01, engines: [google, bing], rank_kinds: [organic],
   what: The tracker looks half as deep., source: our own notes}
- {id: new-likes, kind: measurement, first_day: 2026-04-01, last_day: 2026-04-03, platforms: [reddit], verbs: [like],
   what: Likes are counted anew., source: our own notes}
"""


def test_the_calendar_of_the_project_is_there(tmp_path: Path) -> None:
    """As many rows as entries concern engines and platforms, with both ends and the words for people."""
    rows = build(made(fill(tmp_path)))
    expected = [(b.id, b.first_day, b.last_day, b.what) for b in breaks.load() for _ in (*b.engines, *b.platforms)]
    assert [(r["id"], r["first_day"], r["last_day"], r["what"]) for r in rows] == expected


def test_people_s_own_calendar_takes_its_place(tmp_path: Path) -> None:
    """A row per engine; all verbs or kinds is NULL; a break of one day ends on it."""
    lake = made(fill(tmp_path))
    (lake.root / breaks.NAME).write_text(OWN, encoding="utf-8")
    rows = build(lake)
    assert [(r["id"], r["engine"], r["platform"]) for r in rows] == [
        ("our-tracker", "google", None), ("our-tracker", "bing", None), ("new-likes", None, "reddit"),
    ]  # fmt: skip
    assert (rows[0]["rank_kinds"], rows[0]["verbs"], rows[0]["last_day"]) == ("organic", None, rows[0]["first_day"])
    assert (rows[2]["rank_kinds"], rows[2]["verbs"]) == (None, "like")
