"""Who writes the sentences of a mail: one language, links to one web app, and the words that all sections share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dashboards.mail.language import Line, Span, Tongue, foreign, joined
from dashboards.mail.links import Links
from dashboards.words import COLOURS, DIRECTIONS, MARKS, ORDER, Row

BAD, SOFT = COLOURS["contradicts"], COLOURS["not enough data"]
MOST_NAMES = 3
VERBS = ("share", "like", "comment", "save", "view", "click")
VOCABULARY = (*ORDER, *DIRECTIONS.values(), *VERBS, "unknown")


@dataclass(frozen=True)
class Writer:
    """Writes in one language, with links to one web app. `is_mixed`: there are several rankings, so each is named."""

    t: Tongue
    links: Links
    is_mixed: bool = False

    def about(self, verdicts: Sequence[Row]) -> Writer:
        """A writer about these verdicts."""
        return replace(self, is_mixed=len({(v["engine"], v["rank_kind"]) for v in verdicts}) > 1)

    def pair(self, row: Row, *, is_strong: bool = False) -> Line:
        """Platform and verb, with the engine and the kind of position where there are several."""
        verb = Span(f" {self.t.say(row['verb'])}", is_strong=is_strong)
        ranking = (
            Span(" ("),
            foreign(row["engine"], most=30),
            Span(", "),
            foreign(row["rank_kind"], most=30),
            Span(")"),
        )
        name = (foreign(row["platform"], most=40, is_strong=is_strong), verb)
        return (*name, *ranking) if self.is_mixed else name

    def word(self, word: str) -> Span:
        """A verdict, with its mark."""
        return Span(f"{MARKS[word]} {self.t.say(word)}", self.links.verdicts, is_strong=True)

    def of_verdicts(self, text: str) -> Span:
        """A number that the page of verdicts explains."""
        return Span(text, self.links.verdicts)

    def tally(self, verdicts: Sequence[Row]) -> Line:
        """How many of each word."""
        counts = {word: sum(v["verdict"] == word for v in verdicts) for word in ORDER}
        parts: list[Line] = [
            (self.of_verdicts(self.t.number(n)), Span(f" {self.t.say(word)}")) for word, n in counts.items() if n
        ]
        return joined(parts) or self.t.line("none yet")

    def names(self, rows: Sequence[Row]) -> Line:
        """Some pairs by name, the others by number."""
        shown = [self.pair(row) for row in rows[:MOST_NAMES]]
        left = len(rows) - len(shown)
        return joined(shown + ([self.t.counted("{n} more", "{n} more", left)] if left else []))
