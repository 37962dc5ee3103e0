"""Design an experiment from the user's own history: which pages, in which pairs, for how long, and what it could find.

Scoring it is in score.py, the plan file in plan.py, reading the lake in history.py.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from math import ceil
from pathlib import Path

import duckdb
import numpy as np

from connectors.errors import TallyrankError
from connectors.records import RankKind, Verb
from connectors.urls import registrable_domain, url_key
from models.trials.design import History, pair_pages, placebo_differences
from models.trials.experiment import (
    Ints,
    Windows,
    fewest_pairs,
    minimum_detectable,
    pairs_needed,
    spread,
)
from pipelines.experiment import history as past
from pipelines.experiment.history import Candidate
from pipelines.experiment.plan import NAME, Page, Pair, Plan, ResultList
from pipelines.lake import Lake
from pipelines.pages import listed

MOST_PAGES = 2000  # candidates; beyond, as many are drawn by lot
MOST_HISTORY = 400  # days looked at
FEWEST_PLACEBOS = 20  # pair differences below which the spread of the outcome is not known
LENGTHS = (1, 2, 3, 4)  # times the planned days after the start, tried when asking how long to wait
OUTCOME = (
    "per page, mean over its lists of (mean position in the {w.before} days before the start - mean position in the "
    "{w.after} days after {w.washout} days of washout); looked for and not found within {depth} counts as {depth} + 1, "
    "unknown days are left out; a list counts with at least {w.min_before} known days before and {w.min_after} after, "
    "a page with at least half of its lists, a pair with both pages"
)
TEST = (
    "two-sided randomisation test over the coins of the pairs; statistic: mean over pairs of the change of the "
    "promoted page minus that of the other"
)
STOP = (
    "no peeking: scored once, after {end}; promotion is neither stopped nor prolonged because of positions seen before"
)


@dataclass(frozen=True)
class Wish:
    """What the user asks of a design; None leaves the choice to the history."""

    platform: str
    verb: Verb
    effect: float = 1.0
    before_days: int = 28
    washout_days: int = 3
    after_days: int = 28
    start: date | None = None
    n_pairs: int | None = None
    min_days: int | None = None
    engine: str | None = None
    rank_kind: RankKind | None = None
    depth: int | None = None
    urls: Path | None = None
    sites: tuple[str, ...] = ()
    is_competing_allowed: bool = False
    seed: int | None = None
    alpha: float = 0.05
    power: float = 0.8
    promotion: str = ""


@dataclass(frozen=True)
class Length:
    """What so many days after the start can find: spread of a pair, minimum detectable effect, pairs needed."""

    after_days: int
    sd: float
    mde: float
    n_needed: int
    n_placebos: int


@dataclass(frozen=True)
class Design:
    """A plan, what other lengths and numbers of pairs would give, and up to which day the history was known."""

    plan: Plan
    lengths: list[Length]
    n_candidates: int
    n_listed: int | None
    last_day: date


@dataclass(frozen=True, eq=False)
class _Past:
    """The history of the candidates, with their names."""

    history: History
    pages: list[Candidate]
    rulers: list[ResultList]


def design(lake: Lake, wish: Wish, today: date) -> Design:
    """Pair the candidates, toss the coins, say what can be found; raises TallyrankError when history is too short."""
    _check(wish)
    seed = secrets.randbelow(2**32) if wish.seed is None else wish.seed
    engine, kind = past.chosen_kind(lake, wish.engine, wish.rank_kind)
    with past.opened(lake, engine, kind) as con:
        days = _days(con, wish)
        start = _start(wish, days[1], today)
        recent = days[1] - timedelta(days=wish.before_days - 1)
        depth = wish.depth or past.usual_depth(con, recent)
        windows = _windows(wish, past.usual_days(con, recent))
        able = past.candidates(con, recent, depth, windows.min_before)
        topics = _topics(wish.urls)
        pages = _chosen(con, able, topics, wish, seed)
        known = _past(con, pages, topics, wish, days, depth)
    pairs = _pairs(known.history, windows, wish, len(pages))
    lengths = _lengths(known.history, windows, wish, len(pairs), seed)
    plan = _plan(wish, (engine, kind), seed, start, known, windows, pairs, lengths[0])
    return Design(plan, lengths, len(pages), None if topics is None else len(topics), days[1])


def _check(wish: Wish) -> None:
    if not re.fullmatch(NAME, wish.platform):
        raise TallyrankError(f"--platform {wish.platform!r} is no name of a platform: small letters, digits, - and _")
    if not (wish.effect > 0 and 0 < wish.alpha < 1 and 0 < wish.power < 1):
        raise TallyrankError("--effect must be above 0 places, --alpha and --power between 0 and 1")
    if min(wish.before_days, wish.after_days) < 1 or wish.washout_days < 0:
        raise TallyrankError("--before and --after must be at least a day, --washout not negative")


def _days(con: duckdb.DuckDBPyConnection, wish: Wish) -> tuple[date, date]:
    """First and last day of the history used; refused when one placebo experiment does not fit in."""
    first, last = past.first_day(con), past.last_day(con)
    needed = wish.before_days + wish.washout_days + wish.after_days
    n = (last - first).days + 1 if first and last else 0
    if first is None or last is None or n < needed:
        raise TallyrankError(
            f"the history is too short: it spans {n} days, and {wish.before_days} before + {wish.washout_days} washout "
            f"+ {wish.after_days} after = {needed} days are needed to see how pages drift without promotion; wait "
            f"{needed - n} days, import older rankings, or choose shorter --before and --after"
        )
    return max(first, last - timedelta(days=MOST_HISTORY - 1)), last


def _start(wish: Wish, last: date, today: date) -> date:
    """The day promotion starts: nothing of its outcome may be known yet."""
    start = wish.start or max(today, last + timedelta(days=1))
    if start <= last or start < today:
        raise TallyrankError(
            f"--start {start} is too early: the history already reaches {last} and today is {today}; what is known "
            "before the coins are tossed cannot be an outcome"
        )
    return start


def _windows(wish: Wish, usual: int) -> Windows:
    """The days compared; unless told, half of the days on which lists are usually read must be known."""
    fewest = wish.min_days or max(2, ceil(usual / 2))
    after = max(1, ceil(fewest * wish.after_days / wish.before_days))
    return Windows(wish.before_days, wish.washout_days, wish.after_days, fewest, min(after, wish.after_days))


def _topics(path: Path | None) -> dict[str, str] | None:
    """Topic by address of a file of candidates: one address a line, a topic after a tab where known."""
    if path is None:
        return None
    if not path.is_file():
        raise TallyrankError(f"{path} is no file; --urls wants a text file with one address a line")
    lines = [line.partition("\t") for line in listed(path)]
    found = {address.strip(): topic.strip() for address, _, topic in lines}
    if wrong := [address for address in found if url_key(address) is None]:
        raise TallyrankError(f"{path}: {wrong[0]!r} is no web address; write one address a line")
    return found


def _chosen(
    con: duckdb.DuckDBPyConnection, able: list[Candidate], topics: dict[str, str] | None, wish: Wish, seed: int
) -> list[Candidate]:
    """The pages that rank enough and are meant, by file or by site; too many are cut by lot."""
    if topics is not None:
        keys = dict(zip(_keys(con, topics), topics, strict=True))
        able = [Candidate(c.key, keys[c.key], c.lists) for c in able if c.key in keys]
    if wish.sites:
        wanted = {registrable_domain(site) for site in wish.sites}
        able = [c for c in able if registrable_domain(c.url) in wanted]
    drawn = np.random.default_rng([seed, 1]).permutation(len(able))[:MOST_PAGES]
    return [able[i] for i in sorted(drawn)]


def _keys(con: duckdb.DuckDBPyConnection, addresses: Sequence[str] | dict[str, str]) -> list[str]:
    return past.current_keys(con, [url_key(address) or address for address in addresses])


def _past(
    con: duckdb.DuckDBPyConnection,
    pages: list[Candidate],
    topics: dict[str, str] | None,
    wish: Wish,
    days: tuple[date, date],
    depth: int,
) -> _Past:
    """Everything known of the candidates over the days of the history."""
    rulers = list(dict.fromkeys(ruler for page in pages for ruler in page.lists))
    number = {ruler: i for i, ruler in enumerate(rulers)}
    page, ruler = _columns([[number[r] for r in p.lists] for p in pages])
    keys = [p.key for p in pages]
    series = past.places(con, rulers, [(keys[p], r) for p, r in zip(page, ruler, strict=True)], days, depth)
    votes = past.votes(con, keys, (wish.platform, wish.verb.value), days)
    names = [(topics or {}).get(p.url, "") for p in pages]
    topic = np.unique(np.array(names, dtype=str), return_inverse=True)[1].astype(np.int64)
    return _Past(History(series, page, ruler, votes, topic, depth), pages, rulers)


def _columns(lists: Sequence[Sequence[int]]) -> tuple[Ints, Ints]:
    """Pages with their lists as two columns: page, list."""
    rows = [(p, r) for p, rulers in enumerate(lists) for r in rulers]
    table = np.array(rows, dtype=np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def _pairs(history: History, windows: Windows, wish: Wish, n_pages: int) -> Ints:
    """The pairs of the plan; refused when no result could reach alpha."""
    pairs = pair_pages(history, history.n_days, windows, wish.n_pairs, wish.is_competing_allowed)
    fewest = fewest_pairs(wish.alpha)
    if len(pairs) < fewest:
        allowed = "" if wish.is_competing_allowed else " (pages of one list are not paired; --allow-competing does)"
        raise TallyrankError(
            f"{n_pages} candidates rank on at least {windows.min_before} of the last {windows.before} days and give "
            f"{len(pairs)} pairs{allowed}; at least {fewest} pairs are needed for p < {wish.alpha:g}: add pages or "
            "lower --min-days"
        )
    return pairs


def _lengths(history: History, windows: Windows, wish: Wish, n_pairs: int, seed: int) -> list[Length]:
    """The planned length first, then its multiples as far as the history can tell."""
    found: list[Length] = []
    for times in LENGTHS:
        longer = replace(windows, after=windows.after * times, min_after=windows.min_after * times)
        placebos = placebo_differences(history, longer, wish.n_pairs, wish.is_competing_allowed)
        if placebos.size < FEWEST_PLACEBOS:
            break
        mde = minimum_detectable(placebos, n_pairs, wish.alpha, wish.power, seed)
        needed = pairs_needed(placebos, wish.effect, wish.alpha, wish.power, seed)
        found.append(Length(longer.after, spread(placebos), mde, needed, placebos.size))
    if not found:
        raise TallyrankError(
            f"the history is too short: past windows of {windows.before} + {windows.washout} + {windows.after} days "
            f"give {placebos.size} placebo pairs, and {FEWEST_PLACEBOS} are needed to know the spread of a pair; wait, "
            "import older rankings, add pages, or choose shorter --before and --after"
        )
    return found


def _plan(
    wish: Wish, kind: tuple[str, str], seed: int, start: date, known: _Past, windows: Windows, pairs: Ints, at: Length
) -> Plan:
    """The plan in full; a coin per pair says which page is promoted."""
    coins = np.random.default_rng([seed, 0]).integers(0, 2, len(pairs))
    promoted, others = np.where(coins[:, None] == 1, pairs[:, ::-1], pairs).T.tolist()
    used = sorted({r for p in pairs.ravel().tolist() for r in _lists_of(known, p)})
    number = {r: i for i, r in enumerate(used, 1)}
    stands = [{r for p in side for r in _lists_of(known, p)} for side in (promoted, others)]
    end = start + timedelta(days=windows.washout + windows.after - 1)
    name = f"{wish.platform} {wish.verb.value}"
    return Plan(
        version=1,
        plan_id=f"{start:%Y%m%d}-{wish.platform}-{wish.verb.value}-{seed:08x}",
        created_at=datetime.now(UTC).replace(microsecond=0),
        seed=seed,
        hypothesis=f"promoting a page to gain {name}s improves its mean position by at least {wish.effect:g} places",
        platform=wish.platform,
        verb=wish.verb,
        promotion=wish.promotion or f"promote each chosen page so that it gains {name}s; leave the others alone",
        engine=kind[0],
        rank_kind=RankKind(kind[1]),
        depth=known.history.depth,
        outcome=OUTCOME.format(depth=known.history.depth, w=windows),
        before_days=windows.before,
        washout_days=windows.washout,
        after_days=windows.after,
        min_before_days=windows.min_before,
        min_after_days=windows.min_after,
        start_day=start,
        end_day=end,
        test=TEST,
        alpha=wish.alpha,
        power=wish.power,
        worthwhile_effect=wish.effect,
        expected_sd=round(at.sd, 4),
        expected_mde=round(at.mde, 4),
        n_placebo_pairs=at.n_placebos,
        n_shared_lists=len(stands[0] & stands[1]),
        stop_rule=STOP.format(end=end),
        lists=[known.rulers[r] for r in used],
        pairs=[
            Pair(promote=_page(known, p, number), leave_alone=_page(known, o, number))
            for p, o in zip(promoted, others, strict=True)
        ],
    )


def _lists_of(known: _Past, page: int) -> list[int]:
    found: list[int] = known.history.ruler[known.history.page == page].tolist()
    return found


def _page(known: _Past, page: int, number: dict[int, int]) -> Page:
    candidate = known.pages[page]
    return Page(url=candidate.url, key=candidate.key, lists=[number[r] for r in _lists_of(known, page)])
