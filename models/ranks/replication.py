"""Our within-list correlations beside the published ones, and why the two may differ.

The statistic is the same: Spearman's rho of a count and height inside the list of a keyword, first 30 results, averaged
over keywords. What was asked is not: other keywords, years and countries, and counts that were read otherwise. So a
difference has many fathers, and an agreement proves nothing about causes either; worlds in which votes do nothing and
a shared authority does all give 0.25 to 0.45 as well.

Published values are given to two digits and without intervals. They come from reports about the studies (see `source`),
since the studies themselves are no longer offered.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np

from models.ranks.association import Association

Pair = tuple[str, str]  # platform, verb
DIGITS = 0.005  # a published 0.34 is anything from 0.335 to 0.345
SHORTENED = date(2025, 9, 1)  # Google no longer answers num=100
COMPLETE = 0.95  # share of lists that must hold all places to call them complete


@dataclass(frozen=True)
class Published:
    """One published mean of within-list Spearman; `counted` is their word for what was counted."""

    study: str
    platform: str
    verb: str
    counted: str
    country: str
    year: int
    value: float
    depth: int
    keywords: int
    source: str


_GOOGLE_SHORTENED = " (since September 2025 Google no longer hands out 100 results at once)"
_2012 = ("US", 2012)
_2013 = ("US", 2013)
_SIZE = (30, 10_000)
_PRESS_2012, _PRESS_2013 = "chiefmarketer.com; scoop.it/smmtoday", "marketingcharts.com 30698"

PUBLISHED = (
    Published("Searchmetrics", "facebook", "share", "Facebook shares", *_2012, 0.37, *_SIZE, _PRESS_2012),
    Published("Searchmetrics", "facebook", "comment", "Facebook comments", *_2012, 0.33, *_SIZE, _PRESS_2012),
    Published("Searchmetrics", "facebook", "like", "Facebook likes", *_2012, 0.30, *_SIZE, _PRESS_2012),
    Published("Searchmetrics", "x", "share", "tweets", *_2012, 0.25, *_SIZE, _PRESS_2012),
    Published("Searchmetrics", "facebook", "share", "Facebook shares", *_2013, 0.34, *_SIZE, _PRESS_2013),
    Published("Searchmetrics", "facebook", "comment", "Facebook comments", *_2013, 0.33, *_SIZE, _PRESS_2013),
    Published("Searchmetrics", "facebook", "like", "Facebook likes", *_2013, 0.31, *_SIZE, _PRESS_2013),
    Published("Searchmetrics", "pinterest", "save", "pins", *_2013, 0.29, *_SIZE, _PRESS_2013),
    Published("Searchmetrics", "x", "share", "tweets", *_2013, 0.28, *_SIZE, _PRESS_2013),
)


@dataclass(frozen=True)
class OurData:
    """What our lists and counts of one platform and verb are like, as far as it can explain a difference.

    `complete_share` is the share of lists that hold all places down to the depth compared, `unknown_share` the share of
    results without a known count, `qualities` and `rank_kind` are words of the warehouse, `is_as_of` says that counts
    are those known at the moment of each list.
    """

    engine: str
    countries: frozenset[str]
    first_day: date
    last_day: date
    complete_share: float
    unknown_share: float
    qualities: frozenset[str]
    rank_kind: str
    is_as_of: bool


@dataclass(frozen=True)
class Replication:
    """A published value and ours: `difference` = ours - theirs, `is_inside` our interval or not (None without one)."""

    published: Published
    ours: Association
    difference: float
    is_inside: bool | None
    reasons: tuple[str, ...]


def compare(rows: Mapping[Pair, Association], data: Mapping[Pair, OurData]) -> list[Replication]:
    """Every published value of a platform and verb that we have a row of, beside that row, in the order of `PUBLISHED`.

    Both mappings go by (platform, verb). ValueError if a row that has a published value comes without its data.
    """
    pairs = [(theirs, (theirs.platform, theirs.verb)) for theirs in PUBLISHED]
    lacking = sorted({f"{pair[0]} {pair[1]}" for _, pair in pairs if pair in rows and pair not in data})
    if lacking:
        raise ValueError(f"data holds nothing on {', '.join(lacking)}: describe the lists and counts behind each row")
    return [_beside(theirs, rows[pair], data[pair]) for theirs, pair in pairs if pair in rows]


def _beside(theirs: Published, ours: Association, data: OurData) -> Replication:
    """One published value beside one row of ours."""
    is_known = not np.isnan([ours.ci_low, ours.ci_high]).any()
    is_inside = ours.ci_low - DIGITS <= theirs.value <= ours.ci_high + DIGITS if is_known else None
    reasons = tuple(words for applies, words in _reasons(theirs, ours, data) if applies)
    return Replication(theirs, ours, ours.mean_rho - theirs.value, is_inside, reasons)


def _reasons(theirs: Published, ours: Association, data: OurData) -> Iterable[tuple[bool, str]]:
    """Whether each reason applies, and its sentence."""
    return (*_of_lists(theirs, ours, data), *_of_counts(theirs, ours, data))


def _of_lists(theirs: Published, ours: Association, data: OurData) -> Iterable[tuple[bool, str]]:
    """Reasons that lie in what was asked of the search engine."""
    yield data.engine != "google", f"Their lists are Google's, ours those of {data.engine}."
    years = sorted({data.first_day.year, data.last_day.year})
    yield (
        data.countries != {theirs.country},
        f"Their lists are of {theirs.country}, ours of {', '.join(sorted(data.countries)) or 'no known country'}.",
    )
    yield (
        years != [theirs.year],
        f"Their lists are of {theirs.year}, ours of {' to '.join(map(str, years))}: search engines and platforms have "
        "changed since.",
    )
    yield (
        ours.n_keywords != theirs.keywords,
        f"They asked {theirs.keywords:,} keywords of their own choice, ours are {ours.n_keywords:,} others.",
    )
    yield (
        ours.depth != theirs.depth,
        f"They took the first {theirs.depth} results, our row the first {ours.depth}: depth alone changes the number.",
    )
    yield (
        data.complete_share < COMPLETE,
        f"Only {data.complete_share:.0%} of our lists hold all of the first {ours.depth} places"
        + _GOOGLE_SHORTENED * (data.engine == "google" and data.last_day >= SHORTENED)
        + ": shorter lists usually give smaller numbers.",
    )
    yield (
        data.rank_kind != "organic",
        f"Our positions are of the kind '{data.rank_kind}', theirs were places in one organic list.",
    )


def _of_counts(theirs: Published, ours: Association, data: OurData) -> Iterable[tuple[bool, str]]:
    """Reasons that lie in how votes were read."""
    coarse = sorted(data.qualities & {"rounded", "lower_bound"})
    yield (
        bool(coarse),
        f"Some of our counts are {' or '.join(coarse).replace('_', ' ')}: raw precision can no longer be read, so "
        "pages tie that did not tie then.",
    )
    yield (
        theirs.platform == "facebook" and data.last_day.year >= 2021,
        "Since 2021 Facebook may blur counts for privacy, which pulls a correlation towards 0.",
    )
    yield (
        "fuzzed" in data.qualities and theirs.platform != "facebook",
        "Some of our counts are blurred by the platform, which pulls a correlation towards 0.",
    )
    yield (
        "default_zero" in data.qualities,
        "Some of our zeros may be unknown counts, which pulls a correlation towards 0.",
    )
    yield (
        data.unknown_share > 0,
        f"We leave out results without a known count ({data.unknown_share:.0%}); their reports speak of none, so they "
        "seem to have counted them as zero.",
    )
    yield (
        ours.n_skipped > 0,
        f"We leave out {ours.n_skipped:,} lists in which nothing varies or too little is known; what they did with "
        "such lists is not told.",
    )
    yield (
        data.is_as_of,
        "Our counts are those known at the moment of each list; theirs, as far as their reports tell, are all that "
        "had gathered by the day they looked, votes after the list included.",
    )
