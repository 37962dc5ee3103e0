"""Which column of a file says which field: by a mapping, by a constant, or by its own name."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from connectors.errors import TallyrankError
from pipelines.files import dialect, values
from pipelines.files.known import Format
from pipelines.files.origins import Origin, origin_of
from pipelines.files.plans import Plan
from pipelines.files.tabular import Sheet, read_table
from pipelines.files.values import Cells, Parsed

# Fields of which a whole file may say the same
SAID_ONCE = frozenset({"platform", "verb", "observed_at", "keyword", "ranked_at", "url"})


class Incomplete(TallyrankError):
    """A file lacks a column that is needed, and nothing was given in its place; `brief` says so in few words."""

    def __init__(self, message: str, brief: str) -> None:
        super().__init__(message)
        self.brief = brief


@dataclass(frozen=True, slots=True)
class Kind:
    """What a file of one kind may say. `is_open`: a name that is no field may be given to a column of numbers."""

    name: str
    schema: pa.Schema
    required: tuple[str, ...]
    optional: tuple[str, ...]
    defaults: dict[str, str] = field(default_factory=dict)
    verbs: tuple[str, ...] = ()
    is_open: bool = False

    @property
    def fields(self) -> tuple[str, ...]:
        """All that may be given."""
        return self.required + self.optional


@dataclass(slots=True)
class Bound:
    """A file whose columns have been told apart."""

    kind: Kind
    path: Path
    sheet: Sheet
    plan: Plan
    import_id: str
    origin: Origin
    faults: list[pa.Array] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def n(self) -> int:
        """Rows that hold as many cells as the header."""
        return int(self.sheet.table.num_rows)

    @property
    def understood(self) -> dict[str, str]:
        """Every field with the column or the constant that it comes from."""
        return {name: self.plan.from_words(name) for name in {**self.plan.columns, **self.plan.constants}}

    def cells(self, name: str, is_number: bool = False) -> Cells:
        """The cells of a field, of several columns the first that says something; blank ones where it has none."""
        if name in self.plan.constants or name not in self.plan.columns:
            return Cells.same(self.plan.constants.get(name, ""), self.n)
        columns = [column for group in self.plan.columns[name] for column in group]
        return values.first_of([self._spelled(name, column, is_number) for column in columns])

    def numerals(self, name: str, column: str) -> Cells:
        """The cells of one of a field's columns, as numbers are spelled."""
        return self._spelled(name, column, True)

    def _spelled(self, name: str, column: str, is_number: bool) -> Cells:
        cells = self.column(column)
        cells = dialect.linked(cells) if column in self.plan.texts else cells
        is_typed = not pa.types.is_string(self._raw(column).type)
        return cells if is_number and is_typed else self.plan.dialect.spelled(name, cells, is_number)

    def column(self, name: str) -> Cells:
        """The cells of a column of the file."""
        try:
            return Cells.of(self._raw(name))
        except TallyrankError as error:
            raise TallyrankError(f"{self.path}, column {name!r}: {error}") from None

    def _raw(self, name: str) -> pa.ChunkedArray:
        return self.sheet.table.column(self.sheet.table.column_names.index(name))

    def take(self, name: str, parsed: Parsed, is_required: bool = False) -> pa.Array:
        """The values of a field; its faults become faults of the row."""
        self.faults.append(faults_of(name, parsed, is_required))
        return parsed.values

    def row_faults(self) -> pa.Array:
        """Of every row the first of its faults."""
        return pc.coalesce(*self.faults)

    def words(self, name: str, is_lower: bool = False, is_required: bool = False) -> pa.Array:
        """A field of names."""
        return self.take(name, values.words(self.cells(name), is_lower), is_required)

    def urls(self) -> dict[str, pa.Array]:
        """The page's address and its key."""
        url, key = values.addresses(self.cells("url"))
        return {"url": url, "url_key": self.take("url", key)}


def faults_of(name: str, parsed: Parsed, is_required: bool = False) -> pa.Array:
    """The faults of a field under its name."""
    faults = parsed.faults
    if is_required:
        faults = pc.coalesce(faults, fault_where(parsed.values.is_null(), "is blank"))
    return pc.binary_join_element_wise(f"{name}: ", faults, "")


def fault_where(is_wrong: pa.Array, fault: str) -> pa.Array:
    """The fault in the rows that are wrong; NULL is not wrong."""
    return pc.if_else(pc.fill_null(is_wrong, False), fault, pa.scalar(None, pa.string()))


def bind(
    kind: Kind, path: Path, mapping: dict[str, str], constants: dict[str, str], known: Format | None = None
) -> Bound:
    """Read a file and find its fields: by the names given, by those of a known format, else by our own."""
    path = Path(path)
    if known is None:
        _check_names(kind, mapping, constants)
        sheet = read_table(path, _is_ours(kind, mapping))
        plan, identity = _own_plan(kind, path, mapping, constants, sheet.table.column_names), {}
    else:
        sheet = read_table(path, known.is_known, lambda header: bool(known.matches(header)))
        plan = format_plan(kind, path, mapping, constants, known, sheet.table.column_names)
        identity = plan.described()
    if not sheet.table.num_rows and not sheet.rejects:
        raise TallyrankError(f"{path} has a header and no rows: export it again")
    said = [sheet.digest, kind.name, sorted(mapping.items()), sorted(constants.items()), *([identity] if known else [])]
    import_id = hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]
    return _kept(Bound(kind, path, sheet, plan, import_id, origin_of(kind, sheet.digest, plan, constants)))


def _is_ours(kind: Kind, mapping: dict[str, str]) -> Callable[[str], bool]:
    known = {_plain(name) for name in (*kind.fields, *mapping.values())} - {""}
    return lambda name: _plain(name) in known


def _own_plan(kind: Kind, path: Path, mapping: dict[str, str], constants: dict[str, str], names: Sequence[str]) -> Plan:
    """A file in our own words, except where a mapping says otherwise."""
    found = {name: _column(path, column, names) for name, column in mapping.items()}
    own = {name: _own_column(path, name, names) for name in kind.fields if name not in found | constants}
    found |= {name: column for name, column in own.items() if column is not None}
    same = {name: text for name, text in kind.defaults.items() if name not in found} | constants
    _check_complete(kind, path, names, found | same)
    return Plan({name: ((column,),) for name, column in found.items()}, same)


def format_plan(
    kind: Kind,
    path: Path,
    mapping: dict[str, str],
    constants: dict[str, str],
    known: Format,
    names: Sequence[str],
) -> Plan:
    """A file of a known format; what is given beside it wins, but one page or keyword never for a column of them."""
    _check_names(kind, mapping, constants)
    plan = known.plan(names, path)
    for name in sorted({"url", "keyword"} & constants.keys() & plan.columns.keys()):
        column = plan.from_words(name)
        raise TallyrankError(f"{path} says in {column!r} which {name} each row is about: leave out --{name}")
    given = {name: ((_column(path, column, names),),) for name, column in mapping.items()}
    columns = {name: groups for name, groups in (plan.columns | given).items() if name not in constants}
    same = {name: text for name, text in (kind.defaults | plan.constants).items() if name not in columns} | constants
    _check_complete(kind, path, names, columns.keys() | same.keys(), known.needs)
    return replace(plan, columns=columns, constants=same)


def _kept(bound: Bound) -> Bound:
    """Without the rows that the plan leaves out, which are told."""
    for column, words in bound.plan.keep.items():
        cells = bound.column(column)
        is_kept = pa.array([text.casefold() in words for text in cells.texts]).take(cells.codes)
        if n_out := bound.n - (pc.sum(is_kept).as_py() or 0):
            bound.notes.append(f"{n_out:,} rows are left out: their {column} is not {' or '.join(filter(None, words))}")
            table, lines = bound.sheet.table.filter(is_kept), bound.sheet.lines[is_kept.to_numpy(zero_copy_only=False)]
            bound.sheet = replace(bound.sheet, table=table, lines=lines)
    return bound


def _check_names(kind: Kind, mapping: dict[str, str], constants: dict[str, str]) -> None:
    for names, allowed in ((mapping, kind.fields + kind.verbs), (constants, kind.fields)):
        for name in names:
            if name not in allowed and not (kind.is_open and names is mapping and name):
                advice = _near(name, allowed) or f"fields: {', '.join(allowed)}"
                raise TallyrankError(f"{name!r} is no field of {kind.name}; {advice}")


def _check_complete(
    kind: Kind, path: Path, names: Sequence[str], understood: Collection[str], needs: Mapping[str, str] | None = None
) -> None:
    missing = [name for name in kind.required if name not in understood]
    if not missing and not (needs is not None and kind.verbs and not {*kind.verbs, "count"} & set(understood)):
        return
    why = {name: f" ({words})" for name, words in (needs or {}).items()}
    ways = [
        f"--map {name}=COLUMN" + (f" or --{_option(name)} VALUE" if name in SAID_ONCE else "") + why.get(name, "")
        for name in missing
    ]
    missing = missing or ["any verb"]
    if kind.verbs and {"verb", "count", "any verb"} & set(missing):
        ways.append("(in place of verb and count: --map like=COLUMN, and so for other verbs)")
    lack, brief = f"no column for {', '.join(missing)}", [way.split("=COLUMN or ", 1)[-1] for way in ways]
    raise Incomplete(
        f"{path}: {lack} (the file has: {_listed(names)}); give {', '.join(ways)}", f"{lack}; give {', '.join(brief)}"
    )


def _option(name: str) -> str:
    return name.replace("_", "-")


def _column(path: Path, wanted: str, names: Sequence[str]) -> str:
    column = _own_column(path, wanted, names)
    if column is None:
        advice = _near(wanted, names) or f"the file has: {_listed(names)}"
        raise TallyrankError(f"{path} has no column {wanted!r}; {advice}")
    return column


def _own_column(path: Path, wanted: str, names: Sequence[str]) -> str | None:
    """The column of that very name, or of the same name in another spelling (`Observed At`)."""
    same = [name for name in names if name == wanted] or [n for n in names if n and _plain(n) == _plain(wanted)]
    if len(same) > 1:
        raise TallyrankError(f"{path} has {len(same)} columns {wanted!r} ({_listed(same)}): rename all but one")
    return same[0] if same else None


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "_", name.casefold()).strip("_") or name


def _near(name: str, names: Sequence[str]) -> str:
    plain = {_plain(known): known for known in names}
    near = [plain[match] for match in get_close_matches(_plain(name), plain, n=3)]
    return f"did you mean {' or '.join(map(repr, near))}?" if near else ""


def _listed(names: Sequence[str]) -> str:
    shown = [values.shown(name) for name in names[:20]]
    return ", ".join(shown) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
