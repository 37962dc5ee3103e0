"""Export files dropped into `<data>/inbox/`: which lie still, of which kind each is, imported and then moved away.

A file in `inbox/votes`, `inbox/rankings`, `inbox/covariates` or `inbox/aliases` is of that kind; of one in `inbox`
itself the header decides. Afterwards it is in `inbox/done/<day>` or `inbox/refused/<day>`, with a text file of the
same name beside it that says what was read, or why it could not be.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from connectors.errors import TallyrankError
from dashboards.words import counted
from pipelines.console import out
from pipelines.files import known
from pipelines.files.choosing import KINDS, Options
from pipelines.files.encodings import members
from pipelines.files.inbox import Kept, import_file
from pipelines.files.tabular import possible_headers

FOLDER, DONE, REFUSED = "inbox", "done", "refused"
TEMPORARY = (".tmp", ".temp", ".part", ".partial", ".crdownload", ".download", ".filepart", ".swp", ".lock")
Seen = tuple[int, int]  # size and moment of the last change, by which a file that is still being written is told


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a file: where it is now, in words what was read or why not, and numbers where it was imported."""

    name: str
    place: str
    told: str
    kind: str = ""
    kept: Kept | None = None

    @property
    def is_refused(self) -> bool:
        """Whether nothing of it was imported."""
        return self.kept is None

    @property
    def is_new(self) -> bool:
        """Whether the lake holds more than before, or something else."""
        return self.kept is not None and self.kept.is_new


def waiting(data: Path) -> dict[str, Seen]:
    """The files that lie in the inbox, by their name below it; hidden, temporary and linked ones are passed over."""
    root = data / FOLDER
    found = {}
    for path in sorted(path for folder in (root, *(root / kind for kind in KINDS)) for path in _files(folder)):
        try:
            seen = path.stat()
        except FileNotFoundError:  # taken away while we looked
            continue
        found[path.relative_to(root).as_posix()] = (seen.st_size, seen.st_mtime_ns)
    return found


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir() if folder.is_dir() else ():
        is_passing = path.name.startswith((".", "~")) or path.name.endswith("~") or path.suffix.lower() in TEMPORARY
        if path.is_file() and not path.is_symlink() and not is_passing:
            yield path


def take(data: Path, name: str, day: date) -> Taken | None:
    """Import one file of the inbox as far as it goes without asking anybody, and move it away with a note beside it.

    None when it is there no more. Whatever is wrong with it ends in `refused`, so that nothing is tried for ever.
    """
    path = data / FOLDER / name
    if name not in waiting(data):
        return None
    kind = ""
    with out.capture() as said:
        try:
            kind = kind_of(path, data)
            kept, why = import_file(data, kind, path, {}, {}, Options(is_sure=True)), ""
        except TallyrankError as error:
            kept, why = None, str(error)
        except Exception as error:  # a fault of ours, or a file that breaks a library: it must not come back every time
            kept, why = None, f"unexpected {type(error).__name__}: {' '.join(str(error).split())[:300]}"
    told = said.get().strip() if kept else _refusal(name, why, data)
    return Taken(name, _moved(data, path, REFUSED if kept is None else DONE, day, told), told, kind, kept)


def _refusal(name: str, why: str, data: Path) -> str:
    plain = why.replace(f"{data / FOLDER}/", "").removeprefix(f"{name}: ")
    again = "Mend the file and drop it again, or import it by hand: `tallyrank import --help` says how."
    return f"{name} was not imported: {plain}\n{again}"


def kind_of(path: Path, data: Path) -> str:
    """What a file holds: by its folder, by our own names of columns, or by the tool whose header it bears.

    Raises TallyrankError with what to do when none of them says so, or when they say several things.
    """
    folder = path.parent.relative_to(data / FOLDER).as_posix()
    if folder in KINDS:
        return folder
    found = _own(path) or _tools(path)
    if len(found) == 1:
        return found.pop()
    places = ", ".join(f"{FOLDER}/{kind}" for kind in KINDS)
    seen = f"it may hold {' or '.join(sorted(found))}" if found else "no format that is known has such a header"
    raise TallyrankError(f"{seen}; put it into one of {places}")


def _own(path: Path) -> set[str]:
    """The kinds all of whose columns the file has by our names; an address alone says nothing."""
    kinds = {kind.name: set(kind.required) for kind in KINDS.values() if len(kind.required) > 1}
    headers = [{name.strip().casefold() for name in header} for header in _headers(path)]
    return {name for name, required in kinds.items() if any(required <= header for header in headers)}


def _tools(path: Path) -> set[str]:
    """The kinds of the formats that fit one of its tables."""
    return {f.kind for table in members(path) or [path] for f in known.recognise(possible_headers(table))}


def _headers(path: Path) -> list[list[str]]:
    return [header for table in members(path) or [path] for header in possible_headers(table)]


def _moved(data: Path, path: Path, to: str, day: date, told: str) -> str:
    """Move a file away under a name that is free, with the note; where it is now, below the data folder."""
    folder = data / FOLDER / to / day.isoformat()
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / path.name
    number = 1
    while target.exists() or _note(target).exists():
        number += 1
        target = folder / f"{path.stem} ({number}){path.suffix}"
    _note(target).write_text(f"{told}\n", encoding="utf-8")
    shutil.move(path, target)
    return target.relative_to(data).as_posix()


def _note(path: Path) -> Path:
    return path.with_name(f"{path.name}.txt")


def summary(taken: Taken) -> str:
    """One line about a file."""
    if taken.kept is None:
        return taken.told.splitlines()[0]
    kept = taken.kept
    news = "" if kept.is_new else ", nothing new"
    rejects = f", {counted(kept.n_rejects, 'row')} set aside" if kept.n_rejects else ""
    return f"{taken.name}: {kept.n_rows:,} {taken.kind}{rejects}{news}"
