"""Which address leads to which other one, over all files that were imported: the last word counts, chains are short."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.lake import ALIAS_SCHEMA, Lake, Part

PART = Part("aliases", "import", "files", date(1970, 1, 1))
KINDS = ("redirect", "canonical")  # a redirect is followed by everybody, a canonical address is advice


def add_aliases(lake: Lake, table: pa.Table) -> str:
    """Add to the aliases of the lake and say so in a sentence; nothing is written when nothing is new."""
    path = lake.path(PART)
    before = _pairs(pq.read_table(path, partitioning=None)) if path.exists() else {}
    now, n_loops = resolved(before | _pairs(table))
    n_new = len(now.items() - before.items())
    if now != before:
        rows = [(source, *target) for source, target in sorted(now.items())]
        columns = list(zip(*rows, strict=True)) or [()] * len(ALIAS_SCHEMA)
        lake.write(PART, pa.table(dict(zip(ALIAS_SCHEMA.names, map(list, columns), strict=True)), schema=ALIAS_SCHEMA))
    loops = f"; {n_loops:,} that lead in a circle are left out" if n_loops else ""
    return f"{len(now):,} aliases of addresses are known, {n_new:,} of them new{loops}"


def _pairs(table: pa.Table) -> dict[str, tuple[str, str]]:
    """Where each key leads and why; of several targets the first redirect, else the first of the file."""
    rows = zip(*(table[name].to_pylist() for name in ALIAS_SCHEMA.names), strict=True)
    found: dict[str, tuple[str, str]] = {}
    for source, target, kind in rows:
        if source not in found or (kind == KINDS[0] and found[source][1] != kind):
            found[source] = (target, kind)
    return found


def resolved(pairs: Mapping[str, tuple[str, str]]) -> tuple[dict[str, tuple[str, str]], int]:
    """Every key with the last address of its chain, and how many keys lead in a circle."""
    found = {}
    for source, (first, kind) in pairs.items():
        seen, at = {source}, first
        while at in pairs and at not in seen:
            seen.add(at)
            at = pairs[at][0]
        if at not in seen:
            found[source] = (at, kind)
    return found, len(pairs) - len(found)
