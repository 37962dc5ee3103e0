"""The words, order, numbers and colours that all views share: report, web app, mail, command line, pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import Any, TypeGuard

from dashboards.safe import shown

Row = Mapping[str, Any]
LONGEST_NAME, LONGEST_LABEL = 60, 150  # characters of a platform or an engine, which files may call anything; of both

MEANINGS = {
    "supports": "positions improve after votes, not before and not on the same day; placebos do worse; and the false "
    "discovery rate over everything tried is at most 5 %",
    "contradicts": "positions fall after votes by the same standard, or an effect worth having would have been seen "
    "and was not",
    "cannot tell": "there are enough data, and they do not say",
    "not enough data": "too few days, pages or keywords to ask whether votes or positions move first",
}
ORDER = tuple(MEANINGS)
NOT_ENOUGH = ORDER[-1]
COLOURS = {"supports": "#00695c", "contradicts": "#a8430b", "cannot tell": "#4a5568", "not enough data": "#7a8494"}
MARKS = {"supports": "✓", "contradicts": "✗", "cannot tell": "?", "not enough data": "…"}
ACCENT, MUTED, SECOND = "#2457a7", "#8a94a6", "#b3590a"
PALETTE = (ACCENT, SECOND, "#00806f", "#8e4fa8", "#b8336a", "#5f7a1f", "#7a6a55", "#3f8ea8")  # of lines side by side
RUNGS = ("none", "association", "adjusted", "timing", "quasi-experiment", "experiment")
DIRECTIONS = {
    "votes_lead": "votes move first",
    "positions_lead": "positions move first",
    "simultaneous": "both move together",
    "neither": "neither moves after the other",
    "unknown": "not known which moves first",
}
UNKNOWN = "unknown"
LABELS = ("owned", "friendly", "neutral", "hostile")  # what people call pages, the best first
UNLABELLED = "unlabelled"
SERIES = ("keyword", "engine", "country", "language", "device", "rank_kind", "source")  # what tells lists apart


def label(row: Row, rows: Sequence[Row]) -> str:
    """`platform verb`, with the engine where there are several; names from outside made harmless."""
    several = len({(r["engine"], r["rank_kind"]) for r in rows}) > 1
    return f"{shown(row['platform'], LONGEST_NAME)} {row['verb']}" + (f" ({ranking(row)})" if several else "")


def ranking(row: Row) -> str:
    """Whose positions, and of which kind: `google, average`; a name from outside made harmless."""
    return f"{shown(row['engine'], LONGEST_NAME)}, {row['rank_kind']}"


def deepest(rows: Iterable[Row]) -> list[Row]:
    """One row per engine, kind of position, platform and verb, by mean rho: the deepest that has one."""
    best: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        if row["mean_rho"] is not None and (pair(row) not in best or row["depth"] > best[pair(row)]["depth"]):
            best[pair(row)] = row
    return sorted(best.values(), key=lambda r: float(r["mean_rho"]))


def strongest_first(verdicts: Iterable[Row]) -> list[Row]:
    """By word, then the highest rung, then the smallest q; by name where all that is equal."""
    return sorted(
        verdicts,
        key=lambda v: (
            ORDER.index(v["verdict"]), -RUNGS.index(v["rung"]), 1.0 if v["q_value"] is None else v["q_value"],
            v["platform"], v["verb"], v["engine"], v["rank_kind"],
        ),
    )  # fmt: skip


def in_order_of(verdicts: Iterable[Row], rows: Iterable[Row]) -> list[Row]:
    """Rows of another table in the order of their verdicts; those without one last."""
    keys = [pair(v) for v in strongest_first(verdicts)]
    place = {key: n for n, key in enumerate(keys)}
    return sorted(rows, key=lambda r: place.get(pair(r), len(place)))


def pair(row: Row) -> tuple[Any, ...]:
    """What a row is about: engine, kind of position, platform and verb."""
    return row["engine"], row["rank_kind"], row["platform"], row["verb"]


def series_name(row: Row) -> str:
    """A series of result lists as addresses of the web app name it; what is unknown of it is a dash."""
    return " · ".join("-" if row[name] is None else str(row[name]) for name in SERIES)


def signed(value: float | None, digits: int = 3) -> str:
    """A number with its sign, or `unknown`."""
    return f"{value:+.{digits}f}" if is_known(value) else UNKNOWN


def interval(low: float | None, high: float | None, digits: int = 3) -> str:
    """Both ends of an interval, or `unknown`; never a width that nobody computed."""
    return f"{signed(low, digits)} … {signed(high, digits)}"


def small(value: float | None) -> str:
    """A p- or q-value: three decimals, and no zero that is none."""
    if not is_known(value):
        return UNKNOWN
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def percent(value: float | None) -> str:
    """A share of 1 in per cent."""
    if not is_known(value):
        return UNKNOWN
    return "< 0.1 %" if 0 < value < 0.001 else f"{100 * value:.3g} %"


def magnitude(value: float | None) -> str:
    """A size in two digits, without a sign."""
    return f"{value:.2g}" if is_known(value) else UNKNOWN


def count(value: float | None) -> str:
    """A whole number with its thousands apart, or `unknown`."""
    return f"{value:,.0f}" if is_known(value) else UNKNOWN


def counted(n: int, noun: str) -> str:
    """A number with its noun: `1 request`, `2 requests`."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def sentence_case(text: str) -> str:
    """The text with a capital first letter, the rest as it is."""
    return text[:1].upper() + text[1:]


def tally(verdicts: Sequence[Row]) -> str:
    """How many of each word: `1 supports, 3 cannot tell`."""
    counts = {word: sum(v["verdict"] == word for v in verdicts) for word in ORDER}
    return ", ".join(f"{n} {word}" for word, n in counts.items() if n)


def is_known(value: float | None) -> TypeGuard[float]:
    """Whether it is a number that says something: neither missing nor infinite."""
    return value is not None and isfinite(value)


def direction(verdict: Row) -> str:
    """Which moves first, and how long after votes where they do."""
    words, later = DIRECTIONS[verdict["direction"]], lag(verdict)
    return f"{words}, positions about {later} later" if later else words


def lag(verdict: Row) -> str:
    """Days from votes to half of the move; empty unless votes lead."""
    days = verdict["lag_days"]
    return "" if days is None else counted(days, "day")


def estimate_unit(verdict: Row) -> str:
    """What the estimate of a verdict counts."""
    return "positions gained by promotion" if verdict["rung"] == "experiment" else "positions per doubling of votes"


def reasons(rows: Sequence[Row]) -> list[tuple[str, list[str]]]:
    """Why there is no answer, each reason with whom it is true of, the most frequent first."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if row["why_not"]:
            found.setdefault(row["why_not"], []).append(label(row, rows))
    return sorted(found.items(), key=lambda item: -len(item[1]))
