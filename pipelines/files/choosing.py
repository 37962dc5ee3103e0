"""Which format a file is read by: the one that is named, else our own words, else the one whose header it bears."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

from connectors.errors import TallyrankError
from pipelines.files import imports, known
from pipelines.files.dialect import date_format
from pipelines.files.encodings import members
from pipelines.files.fields import Incomplete, Kind
from pipelines.files.imports import Imported
from pipelines.files.known import Format
from pipelines.files.tabular import possible_headers, read_table

Reader: TypeAlias = Callable[..., Imported]
READERS: dict[str, Reader] = {
    "votes": imports.read_votes,
    "rankings": imports.read_rankings,
    "covariates": imports.read_covariates,
    "aliases": imports.read_aliases,
}
KINDS: dict[str, Kind] = {kind.name: kind for kind in imports.KINDS}


@dataclass(frozen=True, slots=True)
class Options:
    """What was said beside the columns: a format or a saved mapping by name, the spelling, what needs no asking."""

    format: str | None = None
    mapping: str | None = None
    save_mapping: str | None = None
    date_format: str | None = None
    decimal: str | None = None
    is_sure: bool = False
    is_replacing: bool = False

    def spelled(self, chosen: Format) -> Format:
        """A format with the spelling that was given for this file."""
        dates = {"dates": [date_format(self.date_format)]} if self.date_format else {}
        return chosen.model_copy(update=dates | ({"decimal": self.decimal} if self.decimal else {}))


@dataclass(frozen=True, slots=True)
class Request:
    """A file of one kind, with the columns and constants that were given for it."""

    kind: str
    file: Path
    mapping: dict[str, str] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)
    options: Options = Options()

    def read(self, chosen: Format | None, file: Path | None = None) -> Imported:
        """The file (or a table in it) by a format; without one by our own words."""
        more: Any = {"known": self.options.spelled(chosen)} if chosen else {}
        return READERS[self.kind](file or self.file, self.mapping, self.constants, **more)


@dataclass(frozen=True, slots=True)
class Choice:
    """A file as read, by which format, and whether somebody has yet to agree to what was found."""

    found: Imported
    file: Path
    format: Format | None = None
    is_proposal: bool = False


def choose(request: Request, folder: Path) -> Choice:
    """Read a file by what was said of it, else by what its header says."""
    options = request.options
    if len(tables := members(request.file)) == 1:
        request = replace(request, file=tables[0])
    if options.mapping and options.format:
        raise TallyrankError("give --format or --mapping: a mapping says everything that a format says")
    if options.mapping:
        saved = known.mapping(folder, options.mapping)
        _check_kind(request, saved)
        _check_columns(request.file, saved)
        return Choice(request.read(saved), request.file, saved)
    if options.format:
        return _by(request, [known.by_name(options.format)])
    if members(request.file):
        return _recognised(request, TallyrankError(f"{request.file}: none of its tables is of a format that is known"))
    try:
        return _own(request)
    except Incomplete as error:
        if request.mapping:
            raise
        return _recognised(request, error)


def _own(request: Request) -> Choice:
    """In our own words; a tool's export that lacks some of them and was merely completed is read by its format."""
    has_spelling = request.options.date_format or request.options.decimal
    found = request.read(_ours(request) if has_spelling else None)
    tools = known.recognise([found.columns])
    tool = next((f for f in tools if f.kind == request.kind and not f.is_general and not f.refuse), None)
    if tool and not request.mapping and request.constants.keys() & set(KINDS[request.kind].required):
        return _by(request, [tool])
    if tool:
        found.notes.append(f"this looks like an export of {tool.title}: --format {tool.name} knows more of it")
    return Choice(found, request.file)


def _ours(request: Request) -> Format:
    """A file with our own names of columns, as a format that a spelling can be given to."""
    kind = KINDS[request.kind]
    has_verbs = bool(set(kind.verbs) & request.mapping.keys())
    fields = [name for name in kind.fields if not (has_verbs and name in ("verb", "count", "native"))]
    said = {"name": "", "title": "our own names", "kind": kind.name, "columns": {name: [name] for name in fields}}
    return Format.model_validate(said)


def _recognised(request: Request, otherwise: TallyrankError) -> Choice:
    """By the format whose names stand in the header of the file, or of the one fitting table of an archive."""
    tables = members(request.file) or [request.file]
    fitting = [(table, f) for table in tables for f in known.recognise(possible_headers(table))]
    mine = [(table, f) for table, f in fitting if f.kind == request.kind]
    others = [f for _, f in fitting if f.kind != request.kind and not f.is_general]
    if not mine and others:
        raise TallyrankError(
            f"{request.file} is an export of {others[0].title}, which holds {others[0].kind}: "
            f"tallyrank import {others[0].kind} {request.file.name}"
        )
    if not mine:
        raise otherwise
    if len(tables) > 1:
        return _one_table(request, mine)
    return _by(request, [f for _, f in mine])


def _one_table(request: Request, tables: list[tuple[Path, Format]]) -> Choice:
    """Of the tables of an archive the one that is complete with what was given."""
    ways = []
    for table, chosen in tables:
        try:
            found = request.read(chosen, table)
            found.notes.extend(_filters(request.file))
            return Choice(found, table, chosen, is_proposal=True)
        except TallyrankError as error:
            why = error.brief if isinstance(error, Incomplete) else str(error).removeprefix(f"{table}: ")
            ways.append(f"  {table.name}: {why}")
    raise TallyrankError("\n".join([f"{request.file} has no table that is complete with what was given:", *ways]))


def _filters(archive: Path) -> list[str]:
    """What an archive says of itself, in a table of two columns: which filters the export had."""
    notes = []
    for path in members(archive):
        header = max(possible_headers(path), key=len, default=[])
        if len(header) == 2:
            rows = read_table(path, header.__contains__).table
            said = [f"{name}: {text}" for name, text in zip(*(c.to_pylist()[:20] for c in rows.columns), strict=True)]
            notes.append(f"{path.name} says {'; '.join(said)}")
    return notes


def _by(request: Request, chosen: list[Format]) -> Choice:
    if len(chosen) > 1:
        names = " or ".join(f"--format {f.name}" for f in chosen)
        raise TallyrankError(f"{request.file} may be {' or '.join(f.title for f in chosen)}: say {names}")
    _check_kind(request, chosen[0])
    if tables := members(request.file):
        return _one_table(request, [(table, chosen[0]) for table in tables if _fits(chosen[0], table)])
    return Choice(request.read(chosen[0]), request.file, chosen[0], is_proposal=True)


def _fits(chosen: Format, table: Path) -> bool:
    return not chosen.recognised or any(map(chosen.matches, possible_headers(table)))


def _check_kind(request: Request, chosen: Format) -> None:
    if chosen.refuse:
        raise TallyrankError(f"{request.file} is an export of {chosen.title}: {chosen.refuse}")
    if chosen.kind != request.kind:
        raise TallyrankError(
            f"{chosen.name!r} is a format of {chosen.kind}: tallyrank import {chosen.kind} {request.file}"
        )


def _check_columns(file: Path, saved: Format) -> None:
    """A mapping that was saved names its columns; when one is gone, the file is another one."""
    wanted = {str(column) for groups in saved.columns.values() for group in groups for column in group}
    best = max(possible_headers(file), key=lambda header: len(wanted & set(header)), default=[])
    if missing := sorted(wanted - set(best)):
        raise TallyrankError(
            f"{file} lacks columns of the mapping {saved.name!r}: {', '.join(missing)}; "
            "import it without --mapping, look at the table, and save the mapping again"
        )


def unread(choice: Choice) -> list[tuple[str, str]]:
    """The columns that nothing is read from, each with the reason where there is one."""
    plan = choice.found.plan
    used = plan.used() if plan else set()
    return [
        (name, plan.ignored.get(name, "") if plan else "") for name in choice.found.columns if name and name not in used
    ]
