"""The exports of other tools that are known, one YAML file each in `formats/`; a new tool is a new file there.

A format says what it holds (`kind`), by which names in the header it is recognised (`recognised`, one list for each
language or version), and which column is which field (`columns`). There a name is a key of `names` (one column under
all its names) or a column's own name; the first name that has a value counts, and `a + b` adds two columns up.
`beside` says by a column's name which fields are read otherwise in a file that has that column.
A mapping that was remembered is a format of the user's own, kept in `<data>/mappings/`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from connectors.errors import TallyrankError
from pipelines.files.dialect import DECIMALS, Dialect, date_format
from pipelines.files.plans import Groups, Names, Plan, plain
from pipelines.lake import replaced

FOLDER = Path(__file__).parent / "formats"
PER_FILE = frozenset({"observed_at", "ranked_at", "day"})  # never remembered: the next export is of another day
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}")


class Format(BaseModel):
    """What is known of one tool's export."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    title: str
    kind: Literal["votes", "rankings", "covariates", "aliases"]
    extends: str = ""
    recognised: list[list[str]] = []
    pattern: str = ""
    width: int | None = None
    names: dict[str, list[str]] = {}
    columns: dict[str, list[str | list[str]]] = {}
    beside: dict[str, dict[str, list[str | list[str]]]] = {}
    fallback: dict[str, list[str | list[str]]] = {}
    texts: list[str] = []
    order: list[str] = []
    constants: dict[str, str] = {}
    file_name: str = ""
    unknown: dict[str, list[str]] = {}
    words: dict[str, dict[str, str]] = {}
    prefix: dict[str, str] = {}
    keep: dict[str, list[str]] = {}
    aliases: dict[str, str] = {}
    ignored: dict[str, str] = {}
    dates: list[str] = []
    decimal: Literal["", "point", "comma"] = ""
    is_closed: bool = False
    is_blank_absent: bool = False
    is_zero_doubtful: bool = False
    is_general: bool = False
    needs: dict[str, str] = {}
    refuse: str = ""
    notes: list[str] = []
    unverified: list[str] = []

    @field_validator("dates")
    @classmethod
    def _codes(cls, forms: list[str]) -> list[str]:
        return [date_format(form) for form in forms]

    def matches(self, header: Sequence[str]) -> int:
        """How many names of the header are those of this format; 0 where it is not recognised."""
        if len(header) < 2 or (self.width is not None and len(header) != self.width):
            return 0
        if self.pattern and not any(re.search(self.pattern, name) for name in header):
            return 0
        names = Names(header)
        return max((len(g) for g in self.recognised if names.has_all(self._resolved(g, names))), default=0)

    def _resolved(self, group: Iterable[str], names: Names) -> list[str]:
        """The names to look for; a key of `names` stands for whichever of its spellings is there."""
        return [names.find(self.names[name]) or name if name in self.names else name for name in group]

    def is_known(self, column: str) -> bool:
        """Whether a column's name is one that this format speaks of."""
        return plain(column) in self._spellings()

    def _spellings(self) -> set[str]:
        beside = [groups for fields in self.beside.values() for groups in fields.values()]
        keys = [
            key
            for groups in (*self.columns.values(), *self.fallback.values(), *beside)
            for group in groups
            for key in _keys(group)
        ]
        every = [self.names.get(key, [key]) for key in [*keys, *self.keep, *self.aliases.values()]]
        return {plain(name) for names in every for name in names}

    def plan(self, header: Sequence[str], file: Path) -> Plan:
        """How a file with this header is read."""
        names = Names(header)
        said = dict(self.columns)
        for name, fields in self.beside.items():
            said |= fields if self._find(name, names) else {}
        columns = {field: found for field, groups in said.items() if (found := self._groups(groups, names))}
        spare = {f: found for f, g in self.fallback.items() if f not in columns and (found := self._groups(g, names))}
        columns = {field: groups for field, groups in columns.items() if groups not in spare.values()} | spare
        if self.order and len(header) == len(self.order) and not columns.keys() >= set(self.order) & set(self.columns):
            columns |= {f: ((column,),) for f, column in zip(self.order, header, strict=True) if f in self.columns}
        shown = re.search(self.file_name, file.name, re.IGNORECASE) if self.file_name else None
        spoken = {name: text for name, text in (shown.groupdict() if shown else {}).items() if name not in columns}
        texts = [self._find(name, names) for name in self.texts]
        kept = {self._find(name, names): tuple(w.casefold() for w in words) for name, words in self.keep.items()}
        aliases = {kind: self._find(name, names) for kind, name in self.aliases.items()}
        ignored = {self._find(name, names): why for name, why in self.ignored.items()}
        return Plan(
            columns,
            self.constants | spoken,
            self.dialect(),
            self.name,
            tuple(text for text in texts if text),
            {column: words for column, words in kept.items() if column},
            {kind: column for kind, column in aliases.items() if column},
            {column: why for column, why in ignored.items() if column},
            self.is_closed,
            self.is_blank_absent,
            self.is_zero_doubtful,
        )

    def dialect(self) -> Dialect:
        """How cells of this format are spelled."""
        unknown = {f: tuple(text.casefold() for text in texts) for f, texts in self.unknown.items()}
        words = {f: {k.casefold(): v for k, v in known.items()} for f, known in self.words.items()}
        return Dialect(DECIMALS.get(self.decimal, ""), tuple(self.dates), unknown, words, self.prefix)

    def _find(self, name: str, names: Names) -> str:
        return names.find(self.names.get(name, [name])) or ""

    def _groups(self, groups: Iterable[str | list[str]], names: Names) -> Groups:
        found = [[c for key in _keys(group) if (c := self._find(key, names))] for group in groups]
        return tuple(tuple(dict.fromkeys(group)) for group in found if group)


def _keys(group: str | list[str]) -> list[str]:
    return group.split(" + ") if isinstance(group, str) else group


@cache
def formats() -> dict[str, Format]:
    """All known formats by name."""
    raw = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.yaml"))}
    return {name: _format(name, _extended(name, raw)) for name in raw}


def _extended(name: str, raw: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """A format with what it takes over from another one; its own columns and names win one by one."""
    own = raw[name]
    if not own.get("extends"):
        return own
    base = {k: v for k, v in _extended(own["extends"], raw).items() if k not in ("recognised", "is_general")}
    merged = {k: base[k] | own[k] if isinstance(base.get(k), dict) else own[k] for k in own}
    return base | merged


def _format(name: str, said: Any) -> Format:
    try:
        return Format(name=name, **said)
    except (ValidationError, TypeError) as error:
        faults = error.errors() if isinstance(error, ValidationError) else []
        where = (
            "; ".join(f"{'.'.join(map(str, f['loc']))}: {f['msg']}" for f in faults[:3]) or "it is no list of fields"
        )
        raise TallyrankError(f"the format {name!r} cannot be read ({where}): correct or delete its file") from None


def recognise(headers: Iterable[Sequence[str]]) -> list[Format]:
    """The formats that fit the file best (several only when they fit equally); none when no line is their header."""
    for header in headers:
        scores = [((not f.is_general, n), f) for f in formats().values() if (n := f.matches(header))]
        if scores:
            best = max(score for score, _ in scores)
            return [f for score, f in scores if score == best]
    return []


def by_name(name: str) -> Format:
    """The format of that name."""
    if name not in formats():
        raise TallyrankError(f"{name!r} is no known format; `tallyrank import formats` lists them")
    return formats()[name]


def mapping_path(folder: Path, name: str) -> Path:
    """Where a mapping is remembered."""
    if not _NAME.fullmatch(name):
        raise TallyrankError(f"{name!r} cannot name a mapping: use letters, digits, dots, dashes and underscores")
    return folder / "mappings" / f"{name}.yaml"


def mappings(folder: Path) -> Iterator[Format]:
    """The mappings that were remembered, by name."""
    for path in sorted((folder / "mappings").glob("*.yaml")):
        yield mapping(folder, path.stem)


def mapping(folder: Path, name: str) -> Format:
    """A mapping that was remembered."""
    path = mapping_path(folder, name)
    if not path.exists():
        known = ", ".join(p.stem for p in sorted(path.parent.glob("*.yaml"))) or "none yet"
        raise TallyrankError(f"no mapping {name!r} was saved (saved: {known}); --save-mapping {name} saves one")
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        raise TallyrankError(f"{path} is no readable YAML: correct it, or save the mapping again") from None
    return _format(name, said)


def remember(folder: Path, name: str, kind: str, plan: Plan, title: str) -> Path:
    """Save a plan as a mapping; the day of the export is left out, because the next file is of another day."""
    said: dict[str, Any] = {
        "title": title,
        "kind": kind,
        "columns": {f: [list(group) for group in groups] for f, groups in plan.columns.items()},
        "constants": {f: text for f, text in plan.constants.items() if f not in PER_FILE},
        "texts": list(plan.texts),
        "keep": {column: list(words) for column, words in plan.keep.items()},
        "aliases": plan.aliases,
        "unknown": {f: list(texts) for f, texts in plan.dialect.unknown.items()},
        "words": plan.dialect.words,
        "prefix": plan.dialect.prefix,
        "dates": list(plan.dialect.dates),
        "decimal": {v: k for k, v in DECIMALS.items()}.get(plan.dialect.decimal, ""),
        "is_closed": plan.is_closed,
        "is_blank_absent": plan.is_blank_absent,
        "is_zero_doubtful": plan.is_zero_doubtful,
    }
    path = mapping_path(folder, name)
    with replaced(path) as temporary:
        kept = {key: value for key, value in said.items() if value}
        temporary.write_text(yaml.safe_dump(kept, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path
