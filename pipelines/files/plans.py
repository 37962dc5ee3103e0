"""How one file is read: which column is which field, what is the same in every row, and how its cells are spelled.

A plan is proposed by a format, shown to whoever imports, and remembered as a mapping.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any, TypeAlias

from pipelines.files.dialect import PLAIN, Dialect

# The first group with a value counts; the columns of one group are added up
Groups: TypeAlias = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done with a file, in the names of its own columns.

    `texts` are columns of which the first address in each cell counts; `keep` says by column which rows are read;
    `aliases` by kind which column holds the address that the page's own leads to. `ignored` says why a column that
    could be read is not.
    """

    columns: dict[str, Groups]
    constants: dict[str, str]
    dialect: Dialect = PLAIN
    source: str = ""
    texts: tuple[str, ...] = ()
    keep: dict[str, tuple[str, ...]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    ignored: dict[str, str] = field(default_factory=dict)
    is_closed: bool = False
    is_blank_absent: bool = False
    is_zero_doubtful: bool = False

    def described(self) -> dict[str, Any]:
        """Everything that decides what becomes of the file."""
        return {name: value for name, value in asdict(self).items() if name not in ("source", "ignored")}

    def from_words(self, name: str) -> str:
        """Where a field comes from, for people: `Reactions, else Likes + Favorites`."""
        if name in self.constants:
            return self.constants[name]
        return ", else ".join(" + ".join(group) for group in self.columns[name])

    def used(self) -> set[str]:
        """The columns that something is read from."""
        inner = {column for groups in self.columns.values() for group in groups for column in group}
        return inner | set(self.keep) | set(self.aliases.values())


@lru_cache(maxsize=1 << 14)
def plain(name: str) -> str:
    """A column's name without case, accents and punctuation."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(c))
    return re.sub(r"[\W_]+", "_", bare).strip("_") or name


@lru_cache(maxsize=1 << 14)
def bracketless(name: str) -> str:
    """The same without what stands in brackets: `Date (GMT)` is a date."""
    rest = re.sub(r"\([^()]*\)|\[[^\[\]]*\]", " ", name)
    return plain(rest if rest.strip() else name)


class Names:
    """The columns of a file, found by their names in any spelling."""

    def __init__(self, columns: Sequence[str]) -> None:
        self.columns = [column for column in columns if column]
        self._by_name: dict[str, list[str]] = {}
        for spelling in (plain, bracketless):
            known = set(self._by_name)
            for column in self.columns:
                if (name := spelling(column)) not in known:
                    self._by_name.setdefault(name, []).append(column)

    def find(self, names: Iterable[str]) -> str | None:
        """The first of the names that exactly one column has."""
        for name in names:
            found = self._by_name.get(plain(name), [])
            if len(found) == 1:
                return found[0]
        return None

    def has_all(self, names: Iterable[str]) -> bool:
        """Whether each of the names stands in the header."""
        return all(plain(name) in self._by_name for name in names)
