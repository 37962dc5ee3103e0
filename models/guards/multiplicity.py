"""How often would chance alone look like this, when many pairs are tried? Adjusted p-values, and a ledger of all tries.

With p(1) <= ... <= p(m) of a family of m tests that were made:

- Bonferroni m p(i); Holm 1979 max_{j<=i} (m - j + 1) p(j); Hochberg 1988 min_{j>=i} (m - j + 1) p(j) bound the chance
  of even one false alarm. Hochberg needs independent or positively dependent tests, the other two need nothing.
- Benjamini & Hochberg 1995 min_{j>=i} m p(j) / j bounds the share of false alarms among the alarms, for independent or
  positively dependent tests; Benjamini & Yekutieli 2001 multiplies by 1 + 1/2 + ... + 1/m and needs nothing.

How it fails: when the family is chosen, or a test added, after a look at the results. So a family (platform x verb x
lag x rung) is declared before the run, and the `Ledger` keeps every look. A test that could not be made is NaN: it is
no evidence either way, stays NaN and does not count in m.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import isnan
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Method = Literal["bh", "by", "holm", "hochberg", "bonferroni"]


def adjust(p: ArrayLike, method: Method = "bh") -> Floats:
    """Adjusted p-values (n,) of one family's p-values (n,), NaN where p is; ValueError for a p outside 0 .. 1."""
    values = np.asarray(p, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"p must be one-dimensional, not of shape {values.shape}: adjust one family at a time")
    if method not in get_args(Method):
        raise ValueError(f"{method!r} is no method of adjustment: use one of {', '.join(get_args(Method))}")
    if ((values < 0) | (values > 1)).any():
        raise ValueError("a p-value lies outside 0 .. 1: give p-values, and NaN for tests that could not be made")
    made = np.flatnonzero(~np.isnan(values))
    order = made[np.argsort(values[made], kind="stable")]
    adjusted = np.full(values.shape, np.nan)
    adjusted[order] = _of_sorted(values[order], method)
    return adjusted


def _of_sorted(p: Floats, method: Method) -> Floats:
    """Adjusted values (m,) of ascending p (m,)."""
    m = p.size
    rank = np.arange(1, m + 1)
    if method == "bonferroni":
        return np.minimum(m * p, 1.0)
    if method == "holm":
        return np.minimum(np.maximum.accumulate((m - rank + 1) * p), 1.0)
    harmonic = (1.0 / rank).sum() if method == "by" else 1.0
    factor = (m - rank + 1.0) if method == "hochberg" else m * harmonic / rank
    up: Floats = np.minimum(np.minimum.accumulate((factor * p)[::-1])[::-1], 1.0)
    return up


@dataclass(frozen=True)
class Entry:
    """One look at one hypothesis of a family; `p` is NaN if the test could not be made. Looks count from 1."""

    family: str
    hypothesis: str
    p: float
    look: int = 1

    def __post_init__(self) -> None:
        if not (isnan(self.p) or 0 <= self.p <= 1):
            raise ValueError(f"p of {self.family} / {self.hypothesis} is {self.p}: it must lie in 0 .. 1, or be NaN")


@dataclass(frozen=True)
class Ledger:
    """Everything that was tried, in the order of trying; a ledger is never changed, `record` gives a longer one."""

    entries: tuple[Entry, ...] = ()

    def __post_init__(self) -> None:
        keys = [(e.family, e.hypothesis, e.look) for e in self.entries]
        if len(set(keys)) < len(keys):
            raise ValueError("a ledger holds each look at a hypothesis once: add entries with record()")

    def record(self, entries: Iterable[Entry], *, looking_again: bool = False) -> "Ledger":
        """The ledger with more entries.

        The same p as in the last look adds nothing; a test that could be made at last replaces its NaN. Another p for
        a hypothesis already tested is a second look and raises ValueError, unless `looking_again`: then both looks
        stand, and both count as tests of the family.
        """
        kept = {(e.family, e.hypothesis, e.look): e for e in self.entries}
        looks = {(e.family, e.hypothesis): e.look for e in sorted(self.entries, key=lambda e: e.look)}
        for entry in entries:
            name = (entry.family, entry.hypothesis)
            before = kept.get((*name, looks.get(name, 0)))
            look = _look(before, entry, looking_again)
            looks[name] = look
            kept[(*name, look)] = replace(entry, look=look)
        return Ledger(tuple(kept.values()))

    def q_values(self, method: Method = "bh") -> Floats:
        """Adjusted p-values (n,) in the order of the entries, each family adjusted by itself."""
        p, family = np.array([e.p for e in self.entries], dtype=float), np.array([e.family for e in self.entries])
        q = np.full(p.shape, np.nan)
        for name in set(family.tolist()):
            q[family == name] = adjust(p[family == name], method)
        return q

    def rows(self, method: Method = "bh", level: float = 0.05) -> list[dict[str, Any]]:
        """Rows for a table: family, hypothesis, look, p, q, n_tests (made, in the family), is_discovery; or None."""
        made = Counter(e.family for e in self.entries if not isnan(e.p))
        pairs = zip(self.entries, self.q_values(method).tolist(), strict=True)
        return [_row(entry, q, made[entry.family], level) for entry, q in pairs]


def _look(before: Entry | None, entry: Entry, looking_again: bool) -> int:
    """The number of this look; ValueError when it is a second one that nobody asked for."""
    if before is None:
        return 1
    if isnan(before.p) or before.p == entry.p:
        return before.look
    if looking_again:
        return before.look + 1
    raise ValueError(
        f"{entry.family} / {entry.hypothesis} was already tested with p = {before.p:.4g}, and now p = {entry.p:.4g}: "
        "looking twice finds more by chance. Keep the first look, or pass looking_again=True to count both."
    )


def _row(entry: Entry, q: float, n_tests: int, level: float) -> dict[str, Any]:
    known = not isnan(entry.p)
    return {
        "family": entry.family,
        "hypothesis": entry.hypothesis,
        "look": entry.look,
        "p": entry.p if known else None,
        "q": q if known else None,
        "n_tests": n_tests,
        "is_discovery": q <= level if known else None,
    }
