"""Which file the rows of an import come from, so that the same file with a correction takes the place of the first one.

Two exports may hold the same bytes and still be two: when no count has moved since yesterday, or for the same words on
a phone. So an earlier import of the same bytes stays where another day, page, country … was said of it; the person is
told of both, and `--replace` settles it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from connectors.urls import url_key
from pipelines.files import values
from pipelines.files.plans import Plan
from pipelines.files.values import Cells
from pipelines.lake import Lake

if TYPE_CHECKING:
    from pipelines.files.fields import Kind

MARK = b"tallyrank_file"
CONNECTOR = "import"
# What a whole file may be about; all else that is said of a file only says how it is to be read
TIMES = ("observed_at", "ranked_at", "day")
SUBJECT = ("platform", "verb", "url", "object_id", "segment", "keyword", "engine", "country", "language", "device")


@dataclass(frozen=True, slots=True)
class Origin:
    """A file by the digest of its bytes, what was said of all its rows, and the verbs that it has columns for."""

    digest: str
    said: dict[str, str]
    verbs: tuple[str, ...] = ()

    def marked(self, rows: pa.Table) -> pa.Table:
        """The rows with their origin in the file's metadata."""
        return rows.replace_schema_metadata({**(rows.schema.metadata or {}), MARK: json.dumps(asdict(self)).encode()})

    @classmethod
    def of(cls, schema: pa.Schema) -> Origin | None:
        """The origin of rows in the lake; none where it was not noted."""
        mark = (schema.metadata or {}).get(MARK)
        if mark is None:
            return None
        said = json.loads(mark)
        return cls(said["digest"], said["said"], tuple(said["verbs"]))

    def differs(self, other: Origin) -> str:
        """By what the same bytes are two files, in words; nothing where they are one."""
        for name in (*TIMES, *SUBJECT):
            mine, theirs = self.said.get(name), other.said.get(name)
            if mine is not None and theirs is not None and mine != theirs:
                return f"{name} {theirs}"
        if self.verbs and other.verbs and not set(self.verbs) & set(other.verbs):
            return f"columns for {', '.join(other.verbs)}"
        return ""


def origin_of(kind: Kind, digest: str, plan: Plan, constants: Mapping[str, str]) -> Origin:
    """The origin of a file that is read by a plan; a default that nobody gave says nothing of it."""
    own = {name: text for name, text in plan.constants.items() if name in constants or kind.defaults.get(name) != text}
    said = {name: _alike(name, text) for name, text in own.items() if name in (*TIMES, *SUBJECT)}
    return Origin(digest, said, tuple(verb for verb in kind.verbs if verb in plan.columns))


def _alike(name: str, text: str) -> str:
    """One spelling for what means the same."""
    if name in TIMES:
        moment = values.times(Cells.same(text, 1)).values[0].as_py()
        return moment.isoformat() if moment else text
    return (url_key(text) or text) if name == "url" else text.strip().casefold()


@dataclass(frozen=True, slots=True)
class Earlier:
    """Other imports of the same bytes: those that give way, and those that stay because they differ in a subject."""

    replaced: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()

    def told(self) -> Iterator[str]:
        """Both in words."""
        if self.replaced:
            yield "the same file was imported before with other options: this import takes its place"
        for difference in self.kept:
            yield (
                f"the same file is also in the lake with {difference}; both are kept. "
                "If one of them was a mistake, import the right one again with --replace"
            )


def find_earlier(lake: Lake, layer: str, import_id: str, origin: Origin, is_replacing: bool) -> Earlier:
    """What a layer holds of the same file under other imports."""
    replaced, kept = [], []
    for stream, theirs in _origins(lake, layer):
        if stream == import_id or theirs.digest != origin.digest:
            continue
        if (difference := origin.differs(theirs)) and not is_replacing:
            kept.append(difference)
        else:
            replaced.append(stream)
    return Earlier(tuple(replaced), tuple(kept))


def _origins(lake: Lake, layer: str) -> Iterator[tuple[str, Origin]]:
    """Every import of a layer with its origin, which all of its days bear."""
    seen = set()
    for part in lake.parts(layer, CONNECTOR):
        if part.stream not in seen:
            seen.add(part.stream)
            if origin := Origin.of(pq.read_schema(lake.path(part))):
                yield part.stream, origin
