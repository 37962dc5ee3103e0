"""Votes, rankings and covariates from files of other tools: the unusable is named, the unknown stays NULL."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.errors import TallyrankError
from connectors.records import (
    COVARIATE_SCHEMA,
    OBSERVATION_SCHEMA,
    RANKING_SCHEMA,
    Basis,
    Quality,
    RankKind,
    Status,
    Verb,
)
from dashboards.safe import as_cell
from pipelines.files import values
from pipelines.files.fields import Bound, Kind, bind, fault_where, faults_of
from pipelines.files.known import Format, formats
from pipelines.files.origins import Origin
from pipelines.files.plans import Plan
from pipelines.files.tabular import Reject, Sheet
from pipelines.lake import ALIAS_SCHEMA, replaced

VERBS = tuple(verb.value for verb in Verb)
UNKNOWN_DEPTH = "says not found, but not within how many results; give --depth to keep this row"
NOT_FOUND_ADVICE = "for a page that was not found leave position blank and give depth, or give found=false"
MOST = 2**62 // 10  # of one column, so that sums of several stay whole numbers


@dataclass(frozen=True, slots=True)
class Imported:
    """A file in our words.

    `understood` says for every field which column or constant it was taken from; `n_read` counts the file's rows,
    broken ones too; the same file under the same mapping and constants has the same `import_id`, and
    the same file at all the same digest in its `origin`.
    """

    table: pa.Table
    rejects: list[Reject]
    n_read: int
    understood: dict[str, str]
    import_id: str
    origin: Origin
    notes: list[str] = field(default_factory=list)
    plan: Plan | None = None
    columns: tuple[str, ...] = ()


_LONG = Kind(
    "votes",
    OBSERVATION_SCHEMA,
    ("url", "platform", "verb", "observed_at", "count"),
    ("object_id", "published_at", "status", "quality", "segment", "native"),
    verbs=VERBS,
)
_WIDE = Kind("votes", OBSERVATION_SCHEMA, ("url", "platform", "observed_at"), _LONG.optional[:-1], verbs=VERBS)
_RANKINGS = Kind(
    "rankings",
    RANKING_SCHEMA,
    ("keyword", "url", "position", "ranked_at"),
    ("engine", "country", "language", "device", "depth", "rank_kind", "found", "impressions", "clicks", "source"),
    {"engine": "google", "rank_kind": RankKind.ORGANIC.value},
)
_ALIASES = Kind("aliases", ALIAS_SCHEMA, ("from", "to"), ("kind",), {"kind": "redirect"})
_COVARIATES = Kind("covariates", COVARIATE_SCHEMA, ("url",), ("day",), is_open=True)
KINDS = (_LONG, _RANKINGS, _COVARIATES, _ALIASES)


@dataclass(frozen=True, slots=True)
class _Part:
    """Columns of the result, one value per row of the file; rows with a fault or without `is_kept` are left out."""

    columns: dict[str, pa.Array]
    faults: pa.Array
    is_kept: pa.Array | None = None


def read_votes(path: Path, mapping: dict[str, str], constants: dict[str, str], known: Format | None = None) -> Imported:
    """Observations: one per row, or one per row and verb where the mapping or the format names columns for verbs."""
    verbs = [verb for verb in VERBS if verb in mapping]
    if verbs and (clash := {"verb", "count"} & {*mapping, *constants}):
        raise TallyrankError(
            f"{' and '.join(sorted(clash))} cannot be given beside a column for {verbs[0]}: choose one"
        )
    is_wide = bool(verbs or (known and not {"verb", "count"} & known.columns.keys()))
    bound = bind(_WIDE if is_wide else _LONG, path, mapping, constants, known)
    verbs = [verb for verb in VERBS if is_wide and verb in bound.plan.columns]
    shared = bound.urls() | {
        "platform": bound.words("platform", is_lower=True, is_required=True),
        "observed_at": bound.take("observed_at", values.times(bound.cells("observed_at")), is_required=True),
        "object_id": bound.words("object_id"),
        "published_at": bound.take("published_at", values.times(bound.cells("published_at"))),
        "status": bound.take("status", values.choices(bound.cells("status"), tuple(Status))),
        "quality": bound.take("quality", values.choices(bound.cells("quality"), tuple(Quality))),
        "segment": bound.words("segment"),
    }
    shared["basis"] = pc.if_else(shared["object_id"].is_null(), Basis.PAGE.value, Basis.POST.value)
    parts = [_verb_part(bound, shared, verb) for verb in verbs] or [_long_part(bound, shared)]
    return _imported(bound, parts)


def _long_part(bound: Bound, shared: dict[str, pa.Array]) -> _Part:
    verb = bound.take("verb", values.choices(bound.cells("verb"), VERBS), is_required=True)
    native = bound.words("native")
    amount = _Amount.of(*values.counts(bound.cells("count", is_number=True)))
    return _count_part(bound, "count", amount, shared | {"verb": verb, "native": native})


def _verb_part(bound: Bound, shared: dict[str, pa.Array], verb: str) -> _Part:
    """The first group of the verb's columns that has a number, and which one it was."""
    first, *others = [_sum_of(bound, verb, group) for group in bound.plan.columns[verb]]
    native = pa.repeat(" + ".join(bound.plan.columns[verb][0]), bound.n)
    for other, group in zip(others, bound.plan.columns[verb][1:], strict=True):
        is_open = pc.and_(first.count.is_null(), first.faults.is_null())
        if bound.plan.is_zero_doubtful:
            is_nought = pc.and_(pc.equal(first.count, 0), pc.greater(other.count, 0))
            is_open = pc.or_(is_open, pc.fill_null(is_nought, False))
        native = pc.if_else(pc.and_(is_open, other.count.is_valid()), " + ".join(group), native)
        first = first.where_open(is_open, other)
    return _count_part(bound, verb, first, shared | {"verb": pa.repeat(verb, bound.n), "native": native})


@dataclass(frozen=True, slots=True)
class _Amount:
    """Of every row a count or NULL, whether it was written rounded, and what is wrong with it or NULL."""

    count: pa.Array
    is_rounded: pa.Array
    faults: pa.Array

    @classmethod
    def of(cls, parsed: values.Parsed, is_rounded: pa.Array) -> _Amount:
        return cls(parsed.values, is_rounded, parsed.faults)

    def plus(self, other: _Amount) -> _Amount:
        """The sum of what is known; unknown where neither is."""
        both = pc.and_(self.count.is_valid(), other.count.is_valid())
        total = pc.add(pc.fill_null(self.count, 0), pc.fill_null(other.count, 0))
        return _Amount(
            pc.if_else(both, total, pc.coalesce(self.count, other.count)),
            pc.or_(self.is_rounded, other.is_rounded),
            pc.coalesce(self.faults, other.faults),
        )

    def where_open(self, is_open: pa.Array, other: _Amount) -> _Amount:
        """The other one in the rows that are open."""
        return _Amount(
            pc.if_else(is_open, other.count, self.count),
            pc.if_else(is_open, other.is_rounded, self.is_rounded),
            pc.if_else(is_open, other.faults, self.faults),
        )


def _sum_of(bound: Bound, verb: str, columns: tuple[str, ...]) -> _Amount:
    parts = [_Amount.of(*values.counts(bound.numerals(verb, column), most=MOST)) for column in columns]
    return reduce(_Amount.plus, parts)


def _count_part(bound: Bound, name: str, amount: _Amount, columns: dict[str, pa.Array]) -> _Part:
    """Counts with their status: an unknown count is hidden unless the file says why it is unknown."""
    status, quality = columns["status"], pc.fill_null(columns["quality"], Quality.EXACT.value)
    is_other = pc.fill_null(pc.not_equal(status, Status.OBSERVED.value), False)
    clash = pc.and_(amount.count.is_valid(), is_other)
    why = pc.binary_join_element_wise(
        f"{name}: a number stands beside status '", status, "': leave one of them blank", ""
    )
    faults = pc.binary_join_element_wise(f"{name}: ", amount.faults, "")
    faults = pc.coalesce(faults, pc.if_else(clash, why, pa.scalar(None, pa.string())))
    unknown = pc.if_else(is_other, status, Status.HIDDEN.value)
    is_exact = pc.equal(quality, Quality.EXACT.value)
    quality = pc.if_else(pc.and_(amount.is_rounded, is_exact), Quality.ROUNDED.value, quality)
    if bound.plan.is_zero_doubtful:
        is_zero = pc.and_(pc.fill_null(pc.equal(amount.count, 0), False), is_exact)
        quality = pc.if_else(is_zero, Quality.DEFAULT_ZERO.value, quality)
    more = {
        "count": amount.count,
        "status": pc.if_else(amount.count.is_valid(), Status.OBSERVED.value, unknown),
        "quality": quality,
    }
    return _Part(columns | more, faults)


def read_rankings(
    path: Path, mapping: dict[str, str], constants: dict[str, str], known: Format | None = None
) -> Imported:
    """Results of result lists; a page that was looked for and not seen has no position, and found=false."""
    bound = bind(_RANKINGS, path, mapping, constants, known)
    columns = bound.urls() | {
        "keyword": bound.take("keyword", values.words(bound.cells("keyword"), blanks=("",)), is_required=True),
        "ranked_at": bound.take("ranked_at", values.times(bound.cells("ranked_at")), is_required=True),
        "position": bound.take("position", values.numbers(bound.cells("position", is_number=True))),
        "depth": bound.take("depth", values.counts(bound.cells("depth", is_number=True), least=1, most=2**31 - 1)[0]),
        "engine": pc.fill_null(bound.words("engine", is_lower=True), _RANKINGS.defaults["engine"]),
        "device": bound.words("device", is_lower=True),
        "rank_kind": _rank_kind(bound),
    }
    columns |= {name: bound.words(name) for name in ("country", "language", "source")}
    columns |= {name: _amount(bound, name) for name in ("impressions", "clicks")}
    found = bound.take("found", values.flags(bound.cells("found")))
    why_blank = UNKNOWN_DEPTH if bound.plan.is_blank_absent else f"is blank; {NOT_FOUND_ADVICE}"
    faults = _position_faults(columns["position"], columns["depth"], found, why_blank)
    return _imported(bound, [_Part(columns | {"found": columns["position"].is_valid()}, faults)])


def _rank_kind(bound: Bound) -> pa.Array:
    parsed = values.choices(bound.cells("rank_kind"), tuple(RankKind))
    return pc.fill_null(bound.take("rank_kind", parsed), _RANKINGS.defaults["rank_kind"])


def _amount(bound: Bound, name: str) -> pa.Array:
    amount = bound.take(name, values.numbers(bound.cells(name, is_number=True)))
    bound.faults.append(fault_where(pc.less(amount, 0), f"{name}: is below 0"))
    return amount


def _position_faults(position: pa.Array, depth: pa.Array, found: pa.Array, why_blank: str) -> pa.Array:
    is_blank = position.is_null()
    is_silent = pc.and_(found.is_null(), depth.is_null())
    return pc.coalesce(
        fault_where(pc.less(position, 1), f"position: is below 1; {NOT_FOUND_ADVICE}"),
        fault_where(pc.and_(pc.invert(is_blank), pc.invert(found)), "found: is false beside a position"),
        fault_where(pc.and_(is_blank, found), f"position: is blank beside found=true; {NOT_FOUND_ADVICE}"),
        fault_where(pc.and_(is_blank, is_silent), f"position: {why_blank}"),
    )


def read_covariates(
    path: Path, mapping: dict[str, str], constants: dict[str, str], known: Format | None = None
) -> Imported:
    """Every column of numbers, as one row per page, day and name; a mapping may give a column another name."""
    bound = bind(_COVARIATES, path, mapping, constants, known)
    shared = bound.urls()
    shared["covariate_day"] = bound.take("day", values.times(bound.cells("day"))).cast(pa.date32())
    parts = [_number_part(bound, shared, name, column) for column, name in _number_columns(bound).items()]
    return _imported(bound, [part for part in parts if part])


def read_aliases(
    path: Path, mapping: dict[str, str], constants: dict[str, str], known: Format | None = None
) -> Imported:
    """Which address leads to which other one (redirects, canonical addresses); none leads to itself."""
    bound = bind(_ALIASES, path, mapping, constants, known)
    keys = {}
    for name in ("from", "to"):
        keys[f"{name}_key"] = bound.take(name, values.addresses(bound.cells(name))[1])
    keys["kind"] = bound.words("kind", is_lower=True)
    return _imported(bound, [_alias_part(keys)])


def _alias_part(keys: dict[str, pa.Array]) -> _Part:
    is_other = pc.fill_null(pc.not_equal(keys["from_key"], keys["to_key"]), False)
    faults = pa.nulls(len(is_other), pa.string())
    return _Part(keys | {"kind": pc.fill_null(keys["kind"], _ALIASES.defaults["kind"])}, faults, is_other)


def aliases_beside(path: Path, mapping: dict[str, str], constants: dict[str, str], known: Format) -> pa.Table:
    """The aliases that a file of another kind holds too, of all its rows; blank and unusable addresses lead nowhere."""
    bound = bind(_COVARIATES, path, mapping, constants, known.model_copy(update={"keep": {}}))
    _, source = values.addresses(bound.cells("url"))
    tables = [ALIAS_SCHEMA.empty_table()]
    for kind, column in bound.plan.aliases.items():
        target = values.addresses(bound.column(column))[1].values
        keys = {"from_key": source.values, "to_key": target, "kind": pa.repeat(kind, bound.n)}
        tables.append(pa.table(keys, schema=ALIAS_SCHEMA).filter(_alias_part(keys).is_kept))
    return pa.concat_tables(tables)


def _number_columns(bound: Bound) -> dict[str, str]:
    """The columns that are no field, and under which name each goes on; names that stand twice are read once."""
    single = {name: groups[0][0] for name, groups in bound.plan.columns.items()}
    taken = {single.get(name) for name in _COVARIATES.fields}
    given = {column: name for name, column in single.items() if name not in _COVARIATES.fields}
    if bound.plan.is_closed:
        return given
    columns = [c for c in bound.sheet.table.column_names if c and c not in taken]
    names = given | {c: c for c in columns if c not in given and c not in given.values()}
    if n_more := len(columns) - len(names):
        bound.notes.append(f"{n_more} columns are ignored: their names stand twice")
    return names


def _number_part(bound: Bound, shared: dict[str, pa.Array], name: str, column: str) -> _Part | None:
    """None for a column of words: fewer than half of its cells that are not blank are numbers."""
    try:
        parsed = values.numbers(bound.numerals(name, column))
    except TallyrankError as error:
        bound.notes.append(f"column {values.shown(column)} is ignored: {error}")
        return None
    n_numbers, n_faults = (len(array) - array.null_count for array in (parsed.values, parsed.faults))
    if n_numbers < max(n_faults, 1):
        bound.notes.append(f"column {values.shown(column)} is ignored: it holds no numbers")
        return None
    bound.plan.columns[name] = ((column,),)
    columns = shared | {"name": pa.repeat(name, bound.n), "value": parsed.values}
    return _Part(columns, faults_of(name, parsed), parsed.values.is_valid())


def write_rejects(rejects: Iterable[Reject], path: Path) -> None:
    """A CSV that a spreadsheet opens without running anything; whoever looks sees the old file or the whole new one."""
    with replaced(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("line", "reason", "row"))
        writer.writerows((r.line, as_cell(r.reason), as_cell(r.row)) for r in rejects)


def _imported(bound: Bound, parts: list[_Part]) -> Imported:
    """What is left of the parts, and every fault with its line."""
    sheet, row_faults = bound.sheet, bound.row_faults()
    rejects, tables = sheet.rejects + _rejects(sheet, row_faults), [bound.kind.schema.empty_table()]
    for part in parts:
        faults = pc.if_else(row_faults.is_null(), part.faults, pa.scalar(None, pa.string()))
        rejects += _rejects(sheet, faults)
        is_good = pc.and_(row_faults.is_null(), faults.is_null())
        is_good = is_good if part.is_kept is None else pc.and_(is_good, part.is_kept)
        tables.append(_typed(part.columns, bound).filter(is_good))
    table = pa.concat_tables(tables)
    rejects.sort(key=lambda reject: reject.line)
    if not table.num_rows:
        raise _useless(bound, rejects)
    n_read, notes = bound.n + len(sheet.rejects), sheet.notes + bound.notes
    names = tuple(sheet.table.column_names)
    understood = bound.understood
    return Imported(table, rejects, n_read, understood, bound.import_id, bound.origin, notes, bound.plan, names)


def _typed(columns: dict[str, pa.Array], bound: Bound) -> pa.Table:
    schema = bound.kind.schema
    return pa.table({f.name: columns[f.name].cast(f.type) for f in schema}, schema=schema)


def _rejects(sheet: Sheet, faults: pa.Array) -> list[Reject]:
    rows = np.flatnonzero(faults.is_valid().to_numpy(zero_copy_only=False))
    texts, reasons = sheet.texts(rows), faults.take(pa.array(rows)).to_pylist()
    return [Reject(int(n), why, row) for n, why, row in zip(sheet.lines[rows], reasons, texts, strict=True)]


def _useless(bound: Bound, rejects: list[Reject]) -> TallyrankError:
    reasons = [f"line {reject.line}: {reject.reason}" for reject in rejects[:3]] or bound.notes[:3]
    n_read = bound.n + len(bound.sheet.rejects)
    because = "; ".join(reasons) or "its cells are blank"
    advice = _address_advice(bound, rejects) or "correct the file"
    none = f"none of its {n_read:,} rows can" if n_read > 1 else "its only row cannot"
    return TallyrankError(f"{bound.path}: {none} be used ({because}): {advice}")


def _address_advice(bound: Bound, rejects: list[Reject]) -> str:
    """What to do where the page is what every row lacks; nothing where something else is wrong too."""
    broken = {reject.line for reject in bound.sheet.rejects}
    faults = [reject.reason for reject in rejects if reject.line not in broken]
    if "url" not in bound.plan.columns or not faults or not all(fault.startswith("url: ") for fault in faults):
        return ""
    by = f"--format {bound.plan.source} " if bound.plan.source in formats() else ""
    return f"no web address in column {bound.plan.from_words('url')}; give {by}--map url=COLUMN"
