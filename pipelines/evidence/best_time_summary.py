"""Is there a best time to publish? One answer per question, judged on votes and on search (models/best_time)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from math import exp
from typing import Any, Literal

import duckdb
import numpy as np
import pyarrow as pa

from dashboards.words import interval, magnitude
from models.best_time.design import HOURS, PARTS
from models.best_time.study import Answer, Study, answers, study
from models.diffusion.readings import Floats, Ints
from models.diffusion.speed import WEEK, early_votes
from pipelines import moves, posts
from pipelines.evidence.table import REAL, REALS, TEXT, WHOLE, ModelTable, Rows
from pipelines.lake import Lake
from pipelines.posts import Posts

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
UNITS = {"votes": "log of votes", "search": "positions"}
DAY_TYPE = pa.date32()
EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, eq=False)
class Question:
    """One set of posts with what came of each: who asks, outcome, local hour, domain and page (n,)."""

    outcome: Literal["votes", "search"]
    who: dict[str, Any]
    values: Floats
    hour: Ints
    domain: Ints
    page: Ints


def build(lake: Lake) -> Rows:
    """One row per question, answered together."""
    zone = posts.zone()
    with lake.connect(*posts.TABLES, *moves.TABLES) as con:
        questions = list(_questions(con, zone))
    studies = [study(q.values, q.hour, q.domain) for q in questions]
    found = zip(questions, studies, answers(studies), strict=True)
    return [_row(question, made, *answer) | {"timezone": zone} for question, made, answer in found]


def _questions(con: duckdb.DuckDBPyConnection, zone: str) -> Iterator[Question]:
    for pair in posts.posts_by_pair(con, zone):
        if pair.passing_on != "not_counted":
            yield _of_votes(pair)
    for found in moves.moves(con, zone):
        who = {"platform": found.platform, "engine": found.engine, "rank_kind": found.rank_kind, "region": found.region}
        yield Question("search", who, found.gained, found.hour, found.domain, found.page)


def _of_votes(pair: Posts) -> Question:
    votes = early_votes(pair.readings, WEEK)
    known = ~np.isnan(votes) & (pair.hour >= 0)
    outcome = np.log1p(np.maximum(votes[known], 0.0))
    who = {"platform": pair.platform, "verb": pair.verb, "region": "all"}
    return Question("votes", who, outcome, pair.hour[known], pair.domain[known], pair.page[known])


def _row(question: Question, found: Study | str, answer: Answer, q: float) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(COLUMNS) | {"outcome": question.outcome} | question.who
    days = question.hour // 24
    row |= {"answer": answer, "n_posts": question.values.size, "n_pages": np.unique(question.page).size}
    if days.size:
        row |= {"first_day": _date(days.min()), "last_day": _date(days.max())}
    if isinstance(found, str):
        return row | {"why_not": found, "in_words": f"Not enough data: {found}."}
    row |= _numbers(found) | {"q_value": q, "unit": UNITS[question.outcome]}
    best = _best(found) if answer == "differs" else {}
    return row | best | {"in_words": _in_words(row | best)}


def _date(day: np.int64) -> date:
    return EPOCH + timedelta(days=int(day))


def _numbers(found: Study) -> dict[str, Any]:
    surface = found.surface
    return {
        "p_value": found.p, "n_weeks": found.n_weeks, "spread": surface.spread, "spread_below": surface.spread_below,
        "effects": surface.effect.tolist(), "effects_low": surface.low.tolist(), "effects_high": surface.high.tolist(),
        "posts": list(map(float, found.n_cell)),
    }  # fmt: skip


def _best(found: Study) -> dict[str, Any]:
    """The cell with posts that is best by its posterior mean."""
    surface = found.surface
    cell = int(np.argmax(np.where(np.array(found.n_cell) > 0, surface.effect, -np.inf)))
    return {
        "best_weekday": cell // PARTS + 1, "best_hour": cell % PARTS * HOURS,
        "best_effect": float(surface.effect[cell]), "best_low": float(surface.low[cell]),
        "best_high": float(surface.high[cell]),
    }  # fmt: skip


def _in_words(row: dict[str, Any]) -> str:
    """The answer in a sentence or two."""
    if row["answer"] == "no detectable difference":
        return (
            f"No detectable difference between times to publish. If there is one, the best and the worst time differ "
            f"by less than {_size(row['spread_below'], row['unit'])} (with 95 % probability)."
        )
    hour = row["best_hour"]
    when = f"{WEEKDAYS[row['best_weekday'] - 1]}, {hour:02}:00 to {hour + HOURS:02}:00"
    return (
        f"It matters when one publishes. Best is {when}: {_gain(row)}. The best and the worst time differ by "
        f"{_size(row['spread'], row['unit'])}, probably by less than {_size(row['spread_below'], row['unit'])}. Posts "
        "were not published at times drawn by lot, so something else may set them apart."
    )


def _size(spread: float, unit: str) -> str:
    if unit == UNITS["votes"]:
        ratio = exp(spread)
        return f"{magnitude(100 * (ratio - 1))} % in votes" if ratio < 2 else f"a factor of {magnitude(ratio)} in votes"
    return f"{magnitude(spread)} positions"


def _gain(row: dict[str, Any]) -> str:
    low, high, effect = row["best_low"], row["best_high"], row["best_effect"]
    if row["unit"] == UNITS["votes"]:
        votes = f"{magnitude(exp(effect))} times the votes of the average time"
        return f"{votes} (95 % interval {magnitude(exp(low))} … {magnitude(exp(high))})"
    return f"{effect:+.1f} positions against the average time (95 % interval {interval(low, high, 1)})"


QUESTION: dict[str, Any] = {
    "outcome": (
        TEXT,
        '"votes": votes in the first 7 days, on a log scale; "search": positions that the linked page gained from the '
        "week before publication to the 14 days after it.",
    ),
    "platform": (TEXT, "Where the posts were published."),
    "verb": (TEXT, "Which votes were counted; NULL for search."),
    "engine": (TEXT, "Search engine or ranking; NULL for votes."),
    "rank_kind": (TEXT, 'What "position" means; NULL for votes.'),
    "region": (
        TEXT,
        'Country of the result lists, NULL where they do not say; "all" for votes, whose voters are unknown.',
    ),
    "timezone": (TEXT, "On whose clock weekdays and hours are told (TALLYRANK_TIMEZONE)."),
}
COLUMNS: dict[str, Any] = QUESTION | {
    "answer": (TEXT, '"differs", "no detectable difference" or "not enough data".'),
    "in_words": (TEXT, "The answer in words."),
    "why_not": (TEXT, "Why there are not enough data; NULL otherwise."),
    "n_posts": (WHOLE, "Posts whose outcome is known."),
    "n_pages": (WHOLE, "Pages that these link to."),
    "n_weeks": (WHOLE, "Weeks with posts on two days or more; NULL where not asked."),
    "first_day": (DAY_TYPE, "First day of publication; NULL without posts."),
    "last_day": (DAY_TYPE, "Last day of publication; NULL without posts."),
    "p_value": (
        REAL, "How often times dealt anew within weeks differ as much; NULL where not asked.",
    ),
    "q_value": (REAL, "The same, with the false discovery rate held over all questions of this table."),
    "unit": (TEXT, 'Of spread and effects: "log of votes" (exp gives a factor) or "positions"; plus is better.'),
    "spread": (REAL, "Difference between the best and the worst time that has posts: posterior median."),
    "spread_below": (REAL, "That difference is smaller than this with 95 % probability."),
    "best_weekday": (WHOLE, 'Best weekday, 1 is Monday; NULL unless the answer is "differs".'),
    "best_hour": (WHOLE, f"First hour of the best {HOURS} hours of that day; NULL likewise."),
    "best_effect": (REAL, "What that time is worth against the average time; NULL likewise."),
    "best_low": (REAL, "Lower end of its 95 % interval."),
    "best_high": (REAL, "Upper end of its 95 % interval."),
    "posts": (REALS, f"Posts in each {HOURS} hours of the week from Monday 0:00 on; as rows in best_time."),
    "effects": (REALS, "Effect of each of these; as rows in best_time."),
    "effects_low": (REALS, "Lower ends of their 95 % intervals."),
    "effects_high": (REALS, "Upper ends of their 95 % intervals."),
}  # fmt: skip
TABLE = ModelTable(
    "best_time_summary",
    "Best time to publish: does it matter, by how much at most, and which time is best if it does? One row per "
    "outcome, platform, verb (votes) or ranking and region (search). Posts are compared within domain and week.",
    COLUMNS,
    ("stg_observations", "serp_results"),
    build,
)
