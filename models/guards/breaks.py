"""Dates on which a ruler changed, and the segments of days within which its readings can be compared.

A break lasts from `first_day` to `last_day`. Days before it, days within it and days after it are three segments: while
a change rolls out, readings compare with neither side. A break of one day makes two, before it | from it on. Several
breaks cut independently: two days are comparable exactly if no break begins, or ends after having begun, between them.

Of two kinds: with a *measurement* break the numbers mean something else afterwards (Google's `num=100`, a platform's
new "view"); with an *update* the ruler is the same and the search engine changed (a core update), so positions move
without any votes. Both split by default.

Days are those that the source of the dates counts in (Google: Pacific), so a reading around midnight may fall on the
wrong side. A break that nobody listed is not seen. Pure: the calendar itself is read elsewhere.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Ints = NDArray[np.int64]
Kind = Literal["measurement", "update"]
KINDS: tuple[Kind, ...] = ("measurement", "update")


@dataclass(frozen=True)
class Break:
    """A change of one ruler: of positions (`engines`, and `rank_kinds` if not all) or votes (`platforms`, `verbs`).

    Empty `rank_kinds` or `verbs` mean all. `what` is one sentence for people, `source` says where the dates are from.
    """

    id: str
    kind: Kind
    first_day: date
    last_day: date
    what: str
    source: str
    engines: tuple[str, ...] = ()
    rank_kinds: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.last_day < self.first_day:
            raise ValueError(
                f"break {self.id} ends on {self.last_day}, before it begins on {self.first_day}: swap them"
            )
        if bool(self.engines) == bool(self.platforms):
            raise ValueError(f"break {self.id} needs engines or platforms, and not both: make two breaks of it")

    @property
    def cuts(self) -> tuple[date, ...]:
        """First days of the segments that begin with or after this break."""
        if self.first_day == self.last_day:
            return (self.first_day,)
        return (self.first_day, self.last_day + timedelta(days=1))

    def concerns(
        self,
        engine: str | None = None,
        rank_kind: str | None = None,
        platform: str | None = None,
        verb: str | None = None,
    ) -> bool:
        """Whether it changes this engine's positions or this platform's votes; a kind or verb left out is any."""
        if engine in self.engines:
            return _holds(self.rank_kinds, rank_kind)
        return platform in self.platforms and _holds(self.verbs, verb)


def segments(
    days: ArrayLike,
    breaks: Iterable[Break],
    *,
    engine: str | None = None,
    rank_kind: str | None = None,
    platform: str | None = None,
    verb: str | None = None,
    kinds: Collection[Kind] = KINDS,
) -> Ints:
    """Segment (T,) of each day (T,): days are comparable if their segments are equal.

    `days` are dates or datetime64, in any order. With an engine, breaks of its positions cut; with a platform, those of
    its votes; with both, all of them. A segment is the number of cuts up to the day, so a day has the same one whatever
    the other days are. Raises ValueError for unknown days and when neither engine nor platform is named.
    """
    wanted = _days(days)
    if engine is None and platform is None:
        raise ValueError("name an engine, a platform or both: a break concerns one ruler, not all of them")
    cuts = {day for b in breaks if b.kind in kinds and b.concerns(engine, rank_kind, platform, verb) for day in b.cuts}
    ordered = np.array(sorted(cuts), dtype="datetime64[D]")
    return np.searchsorted(ordered, wanted, side="right").astype(np.int64)


def between(
    first_day: date,
    last_day: date,
    breaks: Iterable[Break],
    *,
    engine: str | None = None,
    rank_kind: str | None = None,
    platform: str | None = None,
    verb: str | None = None,
    kinds: Collection[Kind] = KINDS,
) -> tuple[Break, ...]:
    """The breaks that keep some days of a span from being compared with others, by first day: for charts and texts."""
    if last_day < first_day:
        raise ValueError(f"a span of days ends on {last_day}, before it begins on {first_day}: swap them")
    cutting = (b for b in breaks if any(first_day < day <= last_day for day in b.cuts))
    named = (b for b in cutting if b.kind in kinds and b.concerns(engine, rank_kind, platform, verb))
    return tuple(sorted(named, key=lambda b: (b.first_day, b.id)))


def _holds(names: tuple[str, ...], name: str | None) -> bool:
    """Whether a list of names, all if empty, holds a name, any if None."""
    return not names or name is None or name in names


def _days(days: ArrayLike) -> NDArray[np.datetime64]:
    found = np.asarray(days)
    if found.size == 0:
        found = found.astype("datetime64[D]")
    if found.ndim != 1 or found.dtype.kind not in "MO":
        raise ValueError(f"days must be one row of dates, not {found.dtype} of shape {found.shape}")
    whole: NDArray[np.datetime64] = found.astype("datetime64[D]")
    if np.isnat(whole).any():
        raise ValueError("a day is unknown: leave rows without a day out")
    return whole
