"""Which pages are ours, friendly, neutral or hostile: what people said (pipelines/labels.py), else the project file."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from pipelines import labels, project
from pipelines.evidence.table import TEXT, ModelTable, Rows
from pipelines.labels import Label
from pipelines.lake import Lake

READS = ("pages",)
PERSON, PROJECT = "person", "project"


def build(lake: Lake) -> Rows:
    """What people said last of each page, then what follows from the project file where nobody said anything."""
    found = labels.read(lake.root)
    for fault in found.faults:  # a slip in a file that people edit keeps no report from being made
        logging.getLogger(__name__).warning("%s", fault)
    said = labels.latest(found.labels)
    with lake.connect(*READS) as con:
        keys = [key for (key,) in con.execute("SELECT page_key FROM pages ORDER BY page_key").fetchall()]
    return [*map(_of_person, said.values()), *_of_project(project.load(lake.root), keys, said.keys())]


def _of_person(said: Label) -> dict[str, Any]:
    return {
        "page_key": said.page_key, "query": said.query, "label": said.label, "author": said.author,
        "labelled_at": said.labelled_at, "note": said.note or None, "origin": PERSON,
    }  # fmt: skip


def _of_project(ours: project.Project, keys: list[str], said: Any) -> Iterator[dict[str, Any]]:
    """Pages of our sites are owned, those of a brand's friends friendly for its queries."""
    rest = [key for key in keys if (key, None) not in said]
    for key in rest:
        if project.is_within(key, ours.sites):
            yield _row(key, None, "owned")
            continue
        for brand in ours.brands:
            if project.is_within(key, brand.friendly):
                for query in dict.fromkeys(map(labels.same_query, brand.queries)):
                    if (key, query) not in said:
                        yield _row(key, query, "friendly")


def _row(key: str, query: str | None, label: str) -> dict[str, Any]:
    unsaid = dict.fromkeys(("author", "labelled_at", "note"))
    return {"page_key": key, "query": query, "label": label, "origin": PROJECT} | unsaid


COLUMNS: dict[str, Any] = {
    "page_key": (TEXT, "Join key of the page."),
    "query": (TEXT, "The brand query it is said for; NULL where for every one. A label for one query wins there."),
    "label": (TEXT, "owned, friendly, neutral or hostile."),
    "author": (TEXT, "Who said so; NULL where it follows from the project file."),
    "labelled_at": (
        pa.timestamp("us", tz="UTC"),
        "When it was said (UTC); NULL where it follows from the project file.",
    ),
    "note": (TEXT, "Why, in the author's words; NULL where nothing was noted."),
    "origin": (TEXT, "person, or project for the sites and friends that the project file names."),
}
TABLE = ModelTable(
    "page_labels",
    "What pages are in the eyes of those who watch a brand. People set labels (`tallyrank label`, history in "
    "labels.csv) and win over the project file's sites and friends. One row per page and query.",
    COLUMNS,
    READS,
    build,
)
