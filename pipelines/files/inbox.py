"""Imported files on their way into the lake: understood, agreed to, kept day by day, the unusable set aside."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import typer

from connectors.errors import TallyrankError
from dashboards.words import counted
from pipelines.console import out, table
from pipelines.files import aliases, imports, known
from pipelines.files.aliases import add_aliases
from pipelines.files.choosing import Choice, Options, Request, choose, unread
from pipelines.files.dialect import date_words
from pipelines.files.origins import Earlier, find_earlier
from pipelines.files.plans import Plan
from pipelines.lake import Lake, Part

CONNECTOR = "import"
LAYERS = {
    "votes": ("observations", "observed_at"),
    "rankings": ("rankings", "ranked_at"),
    "covariates": ("covariates", "covariate_day"),
}
NO_DAY = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Kept:
    """What came of an import: rows kept, rows set aside, and whether anything in the lake is otherwise than before."""

    n_rows: int
    n_rejects: int
    is_new: bool


def import_file(
    folder: Path,
    kind: str,
    file: Path,
    mapping: dict[str, str],
    constants: dict[str, str],
    options: Options = Options(),  # noqa: B008  frozen
    agree: Callable[[], bool] | None = None,
) -> Kept:
    """Import a file into the lake and say what was understood. The same file again, understood alike, changes nothing;
    understood otherwise, it takes the place of what was imported of it before.

    What a format proposes is shown first and kept only when `agree` says so. Raises TallyrankError when the file cannot
    be read, holds no usable row, or nobody agreed.
    """
    request = Request(kind, Path(file), mapping, constants, options)
    choice = choose(request, folder)
    if choice.is_proposal:
        _propose(request, choice)
        if not options.is_sure and not (agree or _asked)():
            raise TallyrankError(f"{file.name} was not imported: nobody agreed to the table above")
    if options.save_mapping and choice.found.plan:
        title = f"{choice.format.title if choice.format else 'columns'} as in {file.name}"
        path = known.remember(folder, options.save_mapping, kind, choice.found.plan, title)
        out.print(f"mapping saved in {path}: --mapping {options.save_mapping} uses it", markup=False)
    return _keep(Lake(folder), request, choice)


def _asked() -> bool:
    """Whether the person at the terminal agrees; without a terminal nobody can be asked."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise TallyrankError("nothing was imported: look at the table, then add --yes (there is no terminal to ask on)")
    return typer.confirm("Import it so?", default=False)


def _propose(request: Request, choice: Choice) -> None:
    """The file as it would be read: every field with its column, every column that is not read, what is not sure."""
    found, chosen = choice.found, choice.format
    title = f"{choice.file.name} as {request.kind}: {chosen.title}" if chosen else choice.file.name
    plan = found.plan or Plan({}, {})
    rows = [
        (name, "", words) if name in plan.constants else (name, words, "") for name, words in found.understood.items()
    ]
    rows += [(f"alias ({kind})", column, "") for kind, column in plan.aliases.items()]
    table(title, ("field", "from column", "same in every row"), rows)
    left = [f"{name} ({why})" if why else name for name, why in unread(choice)]
    out.print(f"not read: {', '.join(left) or 'no column is left over'}", markup=False)
    for words in _spelling(plan):
        out.print(words, markup=False)
    for words in chosen.notes if chosen else ():
        out.print(f"note: {words}", markup=False)
    for words in chosen.unverified if chosen else ():
        out.print(f"not verified: {words}", markup=False)
    for note in found.notes:
        out.print(f"note: {note}", markup=False)
    n_rows = f"{found.table.num_rows:,} {request.kind} of {counted(found.n_read, 'row')}"
    out.print(f"{n_rows}; {counted(len(found.rejects), 'row')} cannot be used{_first(found)}", markup=False)


def _first(found: imports.Imported) -> str:
    """The first row that cannot be used, in words."""
    return f", first: line {found.rejects[0].line}: {found.rejects[0].reason}" if found.rejects else ""


def _spelling(plan: Plan) -> Iterator[str]:
    """How the cells are taken, where that is not a matter of course."""
    if plan.dialect.dates:
        yield f"days are read as {' or '.join(map(date_words, plan.dialect.dates))} (else --date-format)"
    if plan.dialect.decimal:
        yield f"the decimal mark is read as '{plan.dialect.decimal}' (else --decimal)"
    for name, texts in plan.dialect.unknown.items():
        yield f"unknown, beside blank cells: {', '.join(texts)} in {name}"
    for column, words in plan.keep.items():
        yield f"only rows whose {column} is {' or '.join(word or 'blank' for word in words)}"
    if plan.is_blank_absent:
        is_deep = "depth" in {**plan.columns, **plan.constants}
        more = "" if is_deep else "; such rows are set aside unless you give --depth"
        yield f"a row without a position is a page that was looked for and not found{more}"


def _keep(lake: Lake, request: Request, choice: Choice) -> Kept:
    found = choice.found
    leads = _written_at(lake, aliases.PART)
    n_days = n_new = 0
    words, earlier = "", Earlier()
    if request.kind in LAYERS:
        layer, moment = LAYERS[request.kind]
        for day, rows in by_day(found.table, moment):
            part = Part(layer, CONNECTOR, found.import_id, day)
            n_days += 1
            if not lake.path(part).exists():
                lake.write(part, found.origin.marked(rows))
                n_new += 1
        earlier = find_earlier(lake, layer, found.import_id, found.origin, request.options.is_replacing)
        for import_id in earlier.replaced:
            _forget(lake, layer, import_id)
    else:
        words = add_aliases(lake, found.table)
    rejects = lake.root / "rejects" / f"{choice.file.name}.{found.import_id}.csv"
    if found.rejects:
        imports.write_rejects(found.rejects, rejects)
    if not choice.is_proposal:
        _tell_reading(request.kind, choice)
    _summarise(request.kind, found, n_days, n_new, rejects, choice.is_proposal)
    for sentence in earlier.told():
        out.print(sentence, markup=False)
    if choice.format and found.plan and found.plan.aliases:
        beside = imports.aliases_beside(choice.file, request.mapping, request.constants, choice.format)
        words = add_aliases(lake, beside)
    if words:
        out.print(words)
    is_new = bool(n_new or earlier.replaced) or leads != _written_at(lake, aliases.PART)
    return Kept(found.table.num_rows, len(found.rejects), is_new)


def _written_at(lake: Lake, part: Part) -> int | None:
    """When a part was written last; None where there is none."""
    path = lake.path(part)
    return path.stat().st_mtime_ns if path.exists() else None


def by_day(table: pa.Table, moment: str) -> Iterator[tuple[date, pa.Table]]:
    """The rows of each day (UTC), in the order of the file."""
    days = pc.fill_null(pc.cast(table[moment], pa.date32()), NO_DAY)
    for day in sorted(pc.unique(days).to_pylist()):
        yield day, table.filter(pc.equal(days, day))


def _forget(lake: Lake, layer: str, import_id: str) -> None:
    """Remove an import, and what of it was set aside."""
    for part in list(lake.parts(layer, CONNECTOR, import_id)):
        lake.remove(part)
    for path in (lake.root / "rejects").glob(f"*.{import_id}.csv"):
        path.unlink()


def _tell_reading(kind: str, choice: Choice) -> None:
    """How a file was read that nobody was shown before."""
    understood = ", ".join(f"{field} from {column}" for field, column in choice.found.understood.items())
    out.print(f"{choice.file.name}: {counted(choice.found.n_read, 'row')} read as {kind} ({understood})", markup=False)
    for note in choice.found.notes:
        out.print(f"note: {note}", markup=False)


def _summarise(kind: str, found: imports.Imported, n_days: int, n_new: int, rejects: Path, is_shown: bool) -> None:
    """What was kept and what was set aside; the reason only where no table was shown before."""
    unknown = found.table["status"].to_pylist().count("hidden") if kind == "votes" else 0
    more = f", of which {unknown:,} have no number (unknown, not zero)" if unknown else ""
    news = "" if n_new or kind not in LAYERS else "; nothing new, this file is already in the lake"
    over = f" over {counted(n_days, 'day')}" if kind in LAYERS else ""
    out.print(f"{found.table.num_rows:,} {kind} kept{over}{more}{news}")
    if found.rejects:
        first = "" if is_shown else _first(found)
        out.print(f"{counted(len(found.rejects), 'row')} set aside in {rejects}{first}", markup=False)


def tell_formats(folder: Path) -> None:
    """List the formats that are known and the mappings that were saved."""
    every = sorted(known.formats().values(), key=lambda f: (f.kind, bool(f.refuse), f.name))
    rows = [(f.name, f.kind, f.title, _how(f)) for f in every]
    table("Formats: tallyrank import KIND FILE --format NAME", ("name", "kind", "export", "known by"), rows)
    saved = [(f.name, f.kind, f.title, "--mapping") for f in known.mappings(folder)]
    out.print("")
    if saved:
        table(
            "Saved mappings: tallyrank import KIND FILE --mapping NAME", ("name", "kind", "export", "known by"), saved
        )
    else:
        out.print("No mapping saved yet: --save-mapping NAME saves how a file was read.")


def _how(chosen: known.Format) -> str:
    if chosen.refuse:
        return f"not imported: {chosen.refuse}"
    return "its header" if chosen.recognised else "--format only; its columns were never seen"
