"""Do sudden bursts of votes move positions, against like pages of the same list? A graded-dose event study.

A burst of a page is a growth of votes within `WIDTH` days of at least one doubling and five votes, and at least
`ODD` robust standard deviations (1.4826 MAD) above the page's usual growth, after `SPAN` days in which the votes grew
by no more than `QUIET` doublings, with no break of the rankings within `SPAN` days. Day 0 is the first day that brings
a tenth of it. For every list in which the
bursting page stands, up to `MATCHES` pages of the same list are taken whose votes did not grow by more than `QUIET`
doublings from `SPAN` days before to `SPAN` days after, whose mean position in the week before is closest (within
`CALIPER`), and which are not of the same domain. With g the height of the page minus the mean height of its matches,
both minus their means over the week before,

    path[h] = sum z g[h] / sum z d,    after = mean of path over days 1 .. SPAN,

z the size of the burst in doublings (the dose) and d the mean number of extra doublings in force over the days after,
against the matches: votes that go on coming are part of the dose, and the burst alone is the instrument for it (a Wald
ratio). Every event is compared with pages that had none in its own window, so effects that differ from event to event
do not get negative weights as in a two-way fixed effects regression (Goodman-Bacon 2021; the design is the stacked one
of Cengiz et al. 2019, the estimator a local projection, Dube et al. 2023).

Assumes that without the burst the page would have gone on like its matches. The days before must be flat: `p_before`
tests that they are (days 14..8, 7..4 and 3..2 before), and a path that stood up on the very day of the burst
(`after_same_day` not above 0) speaks of a cause of both. Errors are the widest of those clustered on pages,
domains and keywords: one page bursts in all its lists at once.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.in_time.panel import Floats, Ints, Panel, mean_known
from models.in_time.panel_regression import Contrast, Fit, agreed, by_cluster, counted
from models.in_time.timing import bridged

WIDTH, SPAN = 3, 14
START = 0.1  # the share of a burst that the first day of it brings
ODD, LEAST_DOUBLINGS, LEAST_VOTES, QUIET = 4.0, 1.0, 5, 0.5
ROUNDING = 1e-6  # whole votes come back from logarithms a hair too few
MATCHES, CALIPER = 3, 4.0
BASE = 7
WINDOWS = {"after": (1, SPAN), "same day": (0, 0), "14 to 8 before": (-14, -8), "7 to 4 before": (-7, -4)} | {
    "3 and 2 before": (-3, -2)
}
MIN_EVENTS, MIN_PAGES = 30, 15
MIN_DAYS = 3  # known days that a mean over a week or two needs


@dataclass(frozen=True, eq=False)
class Bursts:
    """Bursts found: `page` (E,), first `step` (E,) and `size` (E,) in doublings."""

    page: Ints
    step: Ints
    size: Floats


@dataclass(frozen=True, eq=False)
class Study:
    """The event study; effects in positions per doubling, positive = better.

    `path` (2 SPAN + 1,) with standard errors `path_se` runs from SPAN days before to SPAN days after; `after` and
    `after_same_day` decide together as in models/in_time/timing.py; `p_effect` is two-sided for both. `n_events` counts
    page x list events, `n_pages` the pages behind them.
    """

    path: Floats
    path_se: Floats
    after: Contrast
    after_same_day: Contrast
    p_effect: float
    sign: int
    p_before: float
    n_events: int
    n_pages: int
    n_keywords: int
    dose: Floats


def find_bursts(panel: Panel) -> Bursts:
    """All bursts of all pages, by step and page."""
    level = bridged(panel)
    growth, gained = np.full(level.shape, np.nan), np.full(level.shape, np.nan)
    before, after, first = level[:, :-WIDTH], level[:, WIDTH:], slice(1, level.shape[1] - WIDTH + 1)
    alike = panel.ruler[:, WIDTH:] == panel.ruler[:, :-WIDTH]
    growth[:, first] = np.where(alike, after - before, np.nan)
    gained[:, first] = np.exp2(after) - np.exp2(before)
    is_large = (growth >= _threshold(growth) - ROUNDING) & (gained >= LEAST_VOTES - ROUNDING)
    is_burst = is_large & _was_quiet(panel, level)
    page, step = np.nonzero(is_burst & ~_earlier(is_burst))
    size = growth[page, step]
    for _ in range(WIDTH - 1):
        late = level[page, step] - level[page, step - 1] < START * size
        step = step + late
    last = level.shape[1] - 1
    whole = panel.segment[np.maximum(step - SPAN, 0)] == panel.segment[np.minimum(step + SPAN, last)]
    return Bursts(page[whole], step[whole], size[whole])


def _was_quiet(panel: Panel, level: Floats) -> NDArray[np.bool_]:
    """Whether votes grew by no more than `QUIET` doublings in the `SPAN` days up to the day before each step (P, T)."""
    quiet = np.zeros(level.shape, dtype=bool)
    for t in range(2, level.shape[1]):
        last, first = t - 1, max(t - 1 - SPAN, 0)
        with np.errstate(invalid="ignore"):
            little = level[:, last] - level[:, first] <= QUIET
        quiet[:, t] = little & (panel.ruler[:, last] == panel.ruler[:, first])
    return quiet


def _earlier(is_burst: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether one of the `WIDTH` - 1 steps before is a burst too: then this is the same one (P, T)."""
    earlier = np.zeros(is_burst.shape, dtype=bool)
    for k in range(1, WIDTH):
        earlier[:, k:] |= is_burst[:, :-k]
    return earlier


def _threshold(growth: Floats) -> Floats:
    """From what growth on a burst is odd for each page (P, 1)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # pages without any known growth have no usual one
        usual = np.nanmedian(growth, axis=1, keepdims=True)
        spread = 1.4826 * np.nanmedian(np.abs(growth - usual), axis=1, keepdims=True)
    return np.maximum(LEAST_DOUBLINGS, usual + ODD * spread)


class Units(NamedTuple):
    """Pages within keywords, sorted by keyword: ids (U,) and heights (U, T + 2 SPAN), padded with NaN on both sides."""

    keyword: Ints
    page: Ints
    height: Floats


def units_of(panel: Panel) -> Units:
    """The panel's rows as a table of page-in-keyword x step."""
    pages, steps = panel.votes.shape
    code, unit = np.unique(panel.keyword * pages + panel.page, return_inverse=True)
    height = np.full((code.size, steps + 2 * SPAN), np.nan)
    height[unit, panel.step + SPAN] = -panel.position
    return Units(code // pages, code % pages, height)


class Events(NamedTuple):
    """One row per burst x list: size, height against matches (E, 2 SPAN + 1), dose, and whose it is."""

    size: Floats
    gap: Floats
    dose: Floats
    page: Ints
    keyword: Ints


def events_of(panel: Panel, bursts: Bursts) -> Events:
    """Match every burst in each of its lists; events without a match or with too few known days are left out."""
    units, level = units_of(panel), bridged(panel)
    base = _rolling_base(units.height)
    extra, quiet = _extra_doublings(panel, level), _is_quiet(panel, level)
    starts = np.flatnonzero(np.diff(units.keyword, prepend=-1))
    parts = [
        part
        for a, b in zip(starts, [*starts[1:], units.keyword.size], strict=True)
        if (part := _events_of_keyword(panel, bursts, units, slice(a, b), base, extra, quiet)) is not None
    ]
    if not parts:
        return Events(
            np.zeros(0), np.zeros((0, 2 * SPAN + 1)), np.zeros(0), np.zeros(0, np.int64), np.zeros(0, np.int64)
        )
    return Events(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _events_of_keyword(
    panel: Panel, bursts: Bursts, units: Units, rows: slice, base: Floats, extra: Floats, quiet: NDArray[np.bool_]
) -> Events | None:
    """The events in one keyword's lists."""
    pages = units.page[rows]
    place = np.full(panel.votes.shape[0], -1)
    place[pages] = np.arange(pages.size)
    mine = np.flatnonzero(place[bursts.page] >= 0)
    u, t = place[bursts.page[mine]], bursts.step[mine]
    before = base[rows][:, t].T  # (E, units)
    away = np.abs(before - before[np.arange(u.size), u][:, None])
    other = panel.domain[pages][None, :] != panel.domain[pages[u]][:, None]
    away[~(other & quiet[pages][:, t].T & (away <= CALIPER))] = np.inf
    away[np.isnan(away)] = np.inf
    match = np.argsort(away, axis=1, kind="stable")[:, :MATCHES]
    is_match = np.isfinite(np.take_along_axis(away, match, axis=1))
    kept = is_match.any(axis=1)
    u, t, match, is_match, mine = u[kept], t[kept], match[kept], is_match[kept], mine[kept]
    if not u.size:
        return None
    height, days = units.height[rows], t[:, None] + np.arange(2 * SPAN + 1)
    own = height[u[:, None], days] - base[rows][u, t][:, None]
    others = height[match[:, :, None], days[:, None, :]] - base[rows][match, t[:, None]][:, :, None]
    gap = own - mean_known(np.where(is_match[:, :, None], others, np.nan), 1)
    theirs = np.where(is_match, extra[pages[match], t[:, None]], np.nan)
    dose = extra[pages[u], t] - mean_known(theirs, 1)
    known = np.isfinite(gap[:, SPAN + 1 :]).sum(axis=1) >= MIN_DAYS
    known &= np.isfinite(dose) & np.isfinite(gap[:, SPAN])
    keyword = np.full(u.size, units.keyword[rows.start])
    return Events(bursts.size[mine][known], gap[known], dose[known], pages[u][known], keyword[known])


def _rolling_base(height: Floats) -> Floats:
    """Mean height (U, T) over the `BASE` days before each step; NaN with fewer than `MIN_DAYS` known."""
    known = np.isfinite(height)
    total, n = (np.cumsum(np.pad(x, ((0, 0), (1, 0))), axis=1) for x in (np.where(known, height, 0.0), known))
    last = slice(SPAN, height.shape[1] - SPAN)
    first = slice(SPAN - BASE, height.shape[1] - SPAN - BASE)
    count = (n[:, last] - n[:, first]).astype(np.float64)
    return np.where(count >= MIN_DAYS, (total[:, last] - total[:, first]) / np.maximum(count, 1.0), np.nan)


def _extra_doublings(panel: Panel, level: Floats) -> Floats:
    """Mean doublings in force on the days before days 1 .. SPAN, less those on the day before day 0 (P, T).

    Days on another ruler than the day before day 0 are unknown.
    """
    steps, around = level.shape[1], ((0, 0), (1, SPAN))
    padded, ruler = np.pad(level, around, constant_values=np.nan), np.pad(panel.ruler, around, mode="edge")
    before, alike = padded[:, :steps], ruler[:, :steps]
    ahead = [np.where(ruler[:, h : h + steps] == alike, padded[:, h : h + steps], np.nan) for h in range(1, SPAN + 1)]
    return mean_known(np.stack(ahead), 0) - before


def _is_quiet(panel: Panel, level: Floats) -> NDArray[np.bool_]:
    """Whether a page's votes grew by no more than `QUIET` doublings around each step (P, T)."""
    steps = np.arange(level.shape[1])
    first, last = np.maximum(steps - SPAN, 0), np.minimum(steps + SPAN, level.shape[1] - 1)
    with np.errstate(invalid="ignore"):
        little = np.abs(level[:, last] - level[:, first]) <= QUIET
    alike: NDArray[np.bool_] = panel.ruler[:, last] == panel.ruler[:, first]
    return little & alike


def study(panel: Panel) -> Study | None:
    """The event study of one panel; None with fewer than `MIN_EVENTS` events or `MIN_PAGES` pages."""
    return study_of(panel, events_of(panel, find_bursts(panel)))


def study_of(panel: Panel, events: Events) -> Study | None:
    """Effects from matched events."""
    gaps = {name: mean_known(events.gap[:, SPAN + a : SPAN + b + 1], 1) for name, (a, b) in WINDOWS.items()}
    known: NDArray[np.bool_] = np.logical_and.reduce([np.isfinite(gap) for gap in gaps.values()])
    pages, keywords = events.page[known], events.keyword[known]
    if known.sum() < MIN_EVENTS or np.unique(pages).size < MIN_PAGES:
        return None
    days = {f"day {h}": gap for h, gap in zip(range(-SPAN, SPAN + 1), events.gap.T, strict=True)}
    fit = _ratios(panel, events, gaps | days, known)
    if fit is None:
        return None
    scale = _own_share(panel)
    after = fit.contrast({"after": 1.0}).scaled(scale)
    after_same_day = fit.contrast({"after": 1.0, "same day": -1.0}).scaled(scale)
    p_effect, sign = agreed((after, after_same_day))
    path = [fit.contrast({name: 1.0}).scaled(scale) for name in days]
    return Study(
        path=np.array([c.estimate for c in path]), path_se=np.array([c.se for c in path]),
        after=after, after_same_day=after_same_day, p_effect=p_effect, sign=sign,
        p_before=fit.joint_p(("14 to 8 before", "7 to 4 before", "3 and 2 before")), n_events=int(known.sum()),
        n_pages=int(np.unique(pages).size), n_keywords=int(np.unique(keywords).size), dose=events.size[known],
    )  # fmt: skip


def _ratios(panel: Panel, events: Events, gaps: Mapping[str, Floats], kept: NDArray[np.bool_]) -> Fit | None:
    """sum z g / sum z d of every gap over its known events, with errors by leaving out one cluster at a time."""
    z, d = events.size[kept], events.dose[kept]
    table = np.column_stack([gap[kept] for gap in gaps.values()])
    weight = np.where(np.isfinite(table), z[:, None], 0.0)
    dose = weight * d[:, None]
    whole = dose.sum(axis=0)
    if (whole <= 0).any():
        return None
    coef = (weight * np.nan_to_num(table)).sum(axis=0) / whole
    score = weight * np.nan_to_num(table) - dose * coef
    groups = {"page": events.page[kept], "domain": panel.domain[events.page[kept]], "keyword": events.keyword[kept]}
    codes = {name: ids for name, given in groups.items() if (ids := counted(given)).max() > 0}
    shifts = {name: -by_cluster(score, ids) / (whole - by_cluster(dose, ids)) for name, ids in codes.items()}
    return Fit(tuple(gaps), coef, shifts, np.diag((score**2).sum(axis=0) / whole**2), len(score), len(score) - 1)


def _own_share(panel: Panel) -> float:
    """1 - 1/n for lists of n rows: one page's rise is the fall of its matches, by 1/n each."""
    lists = np.unique(panel.keyword * panel.votes.shape[1] + panel.step).size
    return 1.0 - lists / panel.keyword.size
