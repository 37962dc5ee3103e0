"""Which pages to pair before a coin is tossed, and how far pairs drift apart when nothing is promoted.

Pages are described by their history up to a day: mean position, trend, restlessness, votes so far, number of lists.
Each is centred on the median, divided by 1.4826 x the median absolute deviation and cut at +-`CUT` (one page gone
viral must not set the scale); their distance is Mahalanobis's, with a little ridge. Pairs are the global greedy
matching (the closest two pages first), improved by exchanging partners between two pairs as long as the sum of
distances falls (2-opt). The optimum (Derigs 1988; Lu et al. 2011, "optimal nonbipartite matching") is at best a few
per cent lower, see the tests. Matching serves precision only: the coin alone makes the comparison fair.

Placebo experiments repeat all of it in past windows, with the pages and the history that were known then, and take
the difference of each pair. How it fails: a past that was calmer than the future (core updates), and pages chosen
because they rank today, whose past is not that of pages at random.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from models.trials.experiment import Floats, Ints, Windows, changes, mean_by_page

Flags = NDArray[np.bool_]

CUT = 4.0  # scaled features are cut here
RIDGE = 0.05
OTHER_TOPIC = 8.0  # added to a squared distance; two pages at random are about 2 x features = 10 apart
SWEEPS = 20
MOST_WINDOWS = 8  # placebo windows looked at, the latest first


@dataclass(frozen=True, eq=False)
class History:
    """Capped positions `series` (S, T) by day, NaN where unknown; row s is page `page[s]` in result list `ruler[s]`.

    `votes` (P, T) is the count known at the start of each day, NaN where unknown; `topic` (P,) numbers the page's topic
    (all the same where none is known). A position above `depth` means: not found down to there.
    """

    series: Floats
    page: Ints
    ruler: Ints
    votes: Floats
    topic: Ints
    depth: int

    def __post_init__(self) -> None:
        rows, pages = self.series.shape[:1], self.votes.shape[:1]
        if self.page.shape != rows or self.ruler.shape != rows or self.topic.shape != pages:
            raise ValueError("page and ruler have one entry per row of series, topic one per row of votes")
        if self.page.size and (self.page.min() < 0 or self.page.max() >= pages[0]):
            raise ValueError(f"page must number the {pages[0]} rows of votes, from 0")

    @property
    def n_days(self) -> int:
        """Days of history, T."""
        return int(self.series.shape[1])

    @property
    def n_pages(self) -> int:
        """Pages, P."""
        return int(self.votes.shape[0])


def competing(history: History) -> Flags:
    """Which pages (P, P) stand in one result list, where one's rise is another's fall."""
    stands = np.zeros((history.n_pages, int(history.ruler.max(initial=-1)) + 1), dtype=np.float32)
    stands[history.page, history.ruler] = 1.0
    return np.asarray(stands @ stands.T > 0)


def rank_enough(history: History, start: int, windows: Windows) -> Flags:
    """Pages (P,) found in one of their lists on `min_before` of the days before `start`."""
    days = history.series[:, start - windows.before : start]
    enough = (days <= history.depth).sum(axis=1) >= windows.min_before
    return np.bincount(history.page[enough], minlength=history.n_pages) > 0


def features(history: History, start: int, before: int) -> Floats:
    """What is known of each page before `start` (P, 5): level, trend, log restlessness, log votes, log lists."""
    days = history.series[:, start - before : start]
    middle = before // 2
    columns = (_level(days), _level(days[:, middle:]) - _level(days[:, :middle]), np.log1p(_restless(days)))
    by_page = [mean_by_page(column, history.page, history.n_pages) for column in columns]
    votes = np.log1p(np.maximum(history.votes[:, max(start - 1, 0)], 0.0))
    lists = np.log1p(np.bincount(history.page, minlength=history.n_pages))
    return np.column_stack([*by_page, votes, lists])


def _level(days: Floats) -> Floats:
    known = np.isfinite(days)
    n = known.sum(axis=1)
    return np.where(n > 0, np.where(known, days, 0.0).sum(axis=1) / np.maximum(n, 1), np.nan)


def _restless(days: Floats) -> Floats:
    """Standard deviation of the known days of each row."""
    spread: Floats = np.sqrt(_level((days - _level(days)[:, None]) ** 2))
    return spread


def distances(x: Floats) -> Floats:
    """Squared Mahalanobis distances (P, P) of robustly scaled features (P, F); an unknown value is taken as typical."""
    z = np.column_stack([_scaled(column) for column in x.T])
    cov = z.T @ z / max(z.shape[0], 1)
    cov += np.diag(RIDGE * np.diag(cov) + (np.diag(cov) == 0))
    y = z @ np.linalg.cholesky(np.linalg.inv(cov))
    square = (y**2).sum(axis=1)
    d: Floats = np.maximum(square[:, None] + square - 2 * y @ y.T, 0.0)
    return d


def _scaled(column: Floats) -> Floats:
    known = column[np.isfinite(column)]
    if not known.size:
        return np.zeros_like(column)
    centre = np.median(known)
    scale = 1.4826 * np.median(np.abs(known - centre)) or known.std() or 1.0
    return np.where(np.isfinite(column), np.clip((column - centre) / scale, -CUT, CUT), 0.0)


def match(distance: Floats, is_barred: Flags) -> Ints:
    """Pairs of pages (n, 2), the closest first, from distances (P, P); barred pairs are never made.

    Greedy, then improved by exchanges; pages for which no partner is left stay alone. Raises ValueError when the
    shapes do not fit.
    """
    if distance.ndim != 2 or distance.shape != is_barred.shape or distance.shape[0] != distance.shape[1]:
        raise ValueError("distance and is_barred must be square tables of one shape")
    d = np.where(is_barred | np.eye(distance.shape[0], dtype=bool), np.inf, distance)
    pairs = _improved(_with_singles(_greedy(d), d), d)
    return pairs[np.argsort(d[pairs[:, 0], pairs[:, 1]], kind="stable")]


def _greedy(d: Floats) -> Ints:
    """The closest two pages, then the closest two of the others, and so on: pairs nearest to each other, in rounds."""
    jitter = np.triu(np.random.default_rng(0).random(d.shape), 1)  # equal distances would make one pair a round
    d = d + 1e-9 * (jitter + jitter.T)
    left, pairs = np.arange(d.shape[0]), [np.empty((0, 2), dtype=np.int64)]
    while left.size > 1:
        near = d[np.ix_(left, left)]
        nearest, me = near.argmin(axis=1), np.arange(left.size)
        chosen = np.flatnonzero((nearest[nearest] == me) & (me < nearest) & np.isfinite(near[me, nearest]))
        if not chosen.size:
            break
        pairs.append(np.column_stack((left[chosen], left[nearest[chosen]])))
        left = np.delete(left, np.concatenate((chosen, nearest[chosen])))
    return np.concatenate(pairs)


def _with_singles(pairs: Ints, d: Floats) -> Ints:
    """One pair more for every two pages left alone (barred from each other) that fit with the two of some pair."""
    single = set(range(d.shape[0])) - set(pairs.ravel().tolist())
    for s, t in combinations(sorted(single), 2):
        if pairs.size and {s, t} <= single:
            a, b = pairs.T
            cost = np.stack((d[s, a] + d[t, b], d[s, b] + d[t, a]))
            way, i = np.unravel_index(cost.argmin(), cost.shape)
            if np.isfinite(cost[way, i]):
                one, other = pairs[i, way], pairs[i, 1 - way]
                pairs = np.concatenate((np.delete(pairs, i, axis=0), [[s, one], [t, other]]))
                single -= {s, t}
    return pairs


def _improved(pairs: Ints, d: Floats) -> Ints:
    """2-opt: exchange partners between two pairs, or with a page left alone, as long as the sum falls."""
    pairs = pairs.copy()
    single = np.setdiff1d(np.arange(d.shape[0]), pairs)
    for _ in range(SWEEPS):
        exchanges = [_exchange(pairs, i, d) for i in range(len(pairs))]
        relieved = [_relieve(pairs, single, i, d) for i in range(single.size if len(pairs) else 0)]
        if not any(exchanges) and not any(relieved):
            break
    return pairs


def _exchange(pairs: Ints, i: int, d: Floats) -> bool:
    """The best exchange of pair i with another pair, made in place if it lowers the sum."""
    (a, b), (c, e) = pairs[i], pairs.T
    ways = np.stack((d[a, c] + d[b, e], d[a, e] + d[b, c]))
    gain = d[a, b] + d[c, e] - ways.min(axis=0)
    j = int(gain.argmax())
    if gain[j] <= 1e-9:
        return False
    way = int(ways[:, j].argmin())
    pairs[i], pairs[j] = (a, pairs[j, way]), (b, pairs[j, 1 - way])
    return True


def _relieve(pairs: Ints, single: Ints, i: int, d: Floats) -> bool:
    """The single page i takes the place of the page it relieves best, in place, if that lowers the sum."""
    gain = d[pairs[:, 0], pairs[:, 1], None] - d[single[i], pairs[:, ::-1]]  # column 0: in place of the first page
    j, side = np.unravel_index(gain.argmax(), gain.shape)
    if gain[j, side] <= 1e-9:
        return False
    pairs[j, side], single[i] = single[i], pairs[j, side]
    return True


def pair_pages(
    history: History, start: int, windows: Windows, n_pairs: int | None = None, is_competing_allowed: bool = False
) -> Ints:
    """Pairs of like pages (n, 2), the closest first, from what was known before `start`; at most `n_pairs`.

    Pages of one topic are preferred. Pages that compete in a list are never paired unless allowed.
    """
    able = np.flatnonzero(rank_enough(history, start, windows))
    known = distances(features(history, start, windows.before)[able])
    topic = history.topic[able]
    is_barred = np.zeros_like(known, dtype=bool) if is_competing_allowed else competing(history)[np.ix_(able, able)]
    pairs: Ints = able[match(known + OTHER_TOPIC * (topic[:, None] != topic), is_barred)]
    return pairs[:n_pairs]


def placebo_starts(n_days: int, windows: Windows) -> list[int]:
    """Past days at which a placebo experiment could have started, the latest first; days compared never overlap."""
    last, step = n_days - windows.washout - windows.after, windows.washout + windows.after
    return list(range(last, windows.before - 1, -step))[:MOST_WINDOWS]


def placebo_differences(
    history: History, windows: Windows, n_pairs: int | None = None, is_competing_allowed: bool = False
) -> Floats:
    """Differences (m,) of the pairs of all placebo experiments; pairs with an unknown page are left out."""
    found = [np.empty(0)]
    for start in placebo_starts(history.n_days, windows):
        pairs = pair_pages(history, start, windows, n_pairs, is_competing_allowed)
        change = changes(history.series, history.page, history.n_pages, start, windows)
        found.append(change[pairs[:, 0]] - change[pairs[:, 1]])
    differences = np.concatenate(found)
    return differences[np.isfinite(differences)]
