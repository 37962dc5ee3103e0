"""What is new: failures, verdicts that changed, pages that moved, the next decision. No words of any language."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from dashboards import words
from dashboards.mail.facts import Facts, mover_key
from dashboards.mail.outlook import Outlook, outlook
from dashboards.words import Row

STALE_DAYS = 2  # one day may be missed by a late run; after two, somebody should look
GONE_DAYS = 30  # a source not looked at for so long was given up, not forgotten
HALT_DAYS = 2
FAILING_DAYS = (
    8  # posts are looked for anew every week; a fault older than that was asked about again, or never will be
)


@dataclass(frozen=True)
class Memory:
    """What earlier mails of a subscription told: the day of the last report (None: there was none), its verdicts by
    pair, and the movers of the last week.
    """

    day: date | None = None
    verdicts: Mapping[str, str] = field(default_factory=dict)
    movers: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Told:
    """What a mail told, for the next one to compare with."""

    verdicts: Mapping[str, str]
    movers: Sequence[str]


@dataclass(frozen=True)
class Change:
    """A verdict that changed: `before` and `now` are its words, None where there was or is none."""

    row: Row
    before: str | None
    now: str | None


@dataclass(frozen=True)
class News:
    """What a mail has to tell. `changes` and `movers` are None where they are unknown, not where there are none.

    On the rankings `unseen` no move could be told from noise yet; `is_blind`: on none could one.
    """

    failures: Sequence[Row]
    stale: Sequence[Row]
    halted_since: date | None
    changes: Sequence[Change] | None
    compared_with: date | None
    is_first: bool
    movers: Sequence[tuple[Row, Sequence[Row]]] | None
    n_more_movers: int
    unseen: Sequence[Row]
    is_blind: bool
    outlook: Outlook
    verdicts: Sequence[Row]
    as_of: date | None

    @property
    def is_quiet(self) -> bool:
        """Whether all is known and nothing happened."""
        is_still = self.changes is not None and self.movers is not None and not self.changes and not self.movers
        return is_still and not (self.failures or self.stale or self.halted_since or self.is_first)

    @property
    def troubled(self) -> set[str]:
        """Names of sources that did not read well."""
        return {row["connector"] for row in (*self.failures, *self.stale)}

    @property
    def told(self) -> Told:
        """What the readers know afterwards."""
        keys = tuple(mover_key(row) for row, _ in self.movers or ())
        return Told({pair_key(v): v["verdict"] for v in self.verdicts}, keys)


def news(facts: Facts, memory: Memory, today: date) -> News:
    """What is new since the last mail, as seen on a local day."""
    verdicts, sources, last = facts.contents.verdicts, facts.contents.sources, facts.last_look
    newest = _newest(sources)
    behind = {name for name, row in newest.items() if last and (last - row["last_day"]).days >= STALE_DAYS}
    stale = [newest[name] for name in sorted(behind) if last and (last - newest[name]["last_day"]).days <= GONE_DAYS]
    before, day = _before(facts, memory)
    shown = None if facts.movers is None else list(zip(facts.movers, facts.paths, strict=False))
    return News(
        failures=[s for s in sources if s["connector"] not in behind and _is_failing(s, last)], stale=stale,
        halted_since=last if last and (today - last).days >= HALT_DAYS else None,
        changes=None if before is None else _changes(before, verdicts), compared_with=day,
        is_first=memory.day is None, movers=shown,
        n_more_movers=len(facts.movers or ()) - len(shown or ()),
        unseen=facts.unseen, is_blind=0 < facts.n_looks == len(facts.unseen),
        outlook=outlook(verdicts, facts.contents.evidence.get("timing", ()), today), verdicts=verdicts,
        as_of=facts.as_of,
    )  # fmt: skip


def _newest(sources: Sequence[Row]) -> dict[str, Row]:
    """The stream of each source that was read last. A stream alone may rest for days: there was nothing to ask."""
    return {s["connector"]: s for s in sorted(sources, key=lambda s: (s["last_day"], s["stream"]))}


def _is_failing(row: Row, last: date | None) -> bool:
    """Whether a stream did not read well, lately enough to matter still."""
    return row["state"] != "well" and last is not None and (last - row["last_day"]).days <= FAILING_DAYS


def _before(facts: Facts, memory: Memory) -> tuple[dict[str, str] | None, date | None]:
    """The verdicts to compare with: those of the last mail, else those of the data day before the newest, else none."""
    if memory.day is not None:
        return dict(memory.verdicts), memory.day
    days = sorted({row["as_of_day"] for row in facts.history or ()})
    if len(days) < 2:
        return None, None
    return {pair_key(r): r["verdict"] for r in facts.history or () if r["as_of_day"] == days[-2]}, days[-2]


def _changes(before: dict[str, str], verdicts: Sequence[Row]) -> list[Change]:
    """Verdicts with another word than before, the strongest first; then those that are gone."""
    now = {pair_key(v): v for v in verdicts}
    changed = [Change(v, before.get(key), v["verdict"]) for key, v in now.items() if before.get(key) != v["verdict"]]
    worth = [c for c in changed if c.before is not None or c.now != "not enough data"]
    gone = [Change(_row_of(key), word, None) for key, word in sorted(before.items()) if key not in now]
    return worth + gone


PAIR = ("engine", "rank_kind", "platform", "verb")


def pair_key(row: Row) -> str:
    """What a verdict is about, as one text."""
    return json.dumps(words.pair(row), ensure_ascii=False)


def _row_of(key: str) -> Row:
    return dict(zip(PAIR, json.loads(key), strict=True))
