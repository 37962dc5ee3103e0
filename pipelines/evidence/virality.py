"""What is passed on, how fast and how long posts collect votes, and how unevenly (models/diffusion)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import numpy as np

from connectors.base import discover
from models.diffusion.concentration import MIN_GINI, MIN_TOP, UNKNOWN, Part, gini, reshare_fraction, top_share
from models.diffusion.published import is_inside, published
from models.diffusion.readings import Floats, Ints
from models.diffusion.speed import DAY, EARLY, FOLLOWED, MIN_POSTS, WEEK, Quartiles, curve, half_life, velocity
from pipelines.evidence.table import FLAG, REAL, REALS, TEXT, WHOLE, ModelTable, Rows
from pipelines.lake import Lake
from pipelines.posts import TABLES, Posts, posts_by_pair, zone

TOPS = {"top_1": 0.01, "top_10": 0.1}


def build(lake: Lake) -> Rows:
    """One row per platform, verb and basis."""
    with lake.connect(*TABLES) as con:
        return [*(_of_posts(p) for p in posts_by_pair(con, zone())), *_of_pages(con)]


def _of_posts(posts: Posts) -> dict[str, Any]:
    who = {"platform": posts.platform, "verb": posts.verb, "basis": "post", "qualities": ", ".join(posts.qualities)}
    size = {"n_posts": posts.votes.size, "n_pages": np.unique(posts.page).size, "votes": _total(posts.votes)}
    row: dict[str, Any] = dict.fromkeys(COLUMNS) | who | size
    if posts.passing_on == "not_counted":
        title = discover()[posts.platform].title if posts.platform in discover() else posts.platform
        return row | {"why_not": f"{title} does not count who passes a post on: the number is 1 for each post."}
    row |= _passed_on(posts) | _speed(posts) | _concentration(posts.votes, posts.page)
    return row | {"why_not": _why_not(row)}


def _of_pages(con: duckdb.DuckDBPyConnection) -> Iterator[dict[str, Any]]:
    """Rows of totals that a platform gives for whole pages: only how uneven they are can be told."""
    pairs = con.execute(
        "SELECT DISTINCT platform, verb FROM stg_observations WHERE basis = 'page' AND status = 'observed' ORDER BY ALL"
    ).fetchall()
    for pair in pairs:
        votes, qualities = con.execute(
            """
            SELECT list(votes), list_sort(list_distinct(flatten(list(qualities)))) FROM (
                SELECT arg_max(count, observed_at) AS votes, list(DISTINCT quality) AS qualities
                FROM stg_observations WHERE basis = 'page' AND status = 'observed' AND platform = ? AND verb = ?
                GROUP BY page_key ORDER BY page_key
            )
            """,
            [*pair],
        ).fetchall()[0]
        counts = np.array(votes, dtype=np.float64)
        who = {"platform": pair[0], "verb": pair[1], "basis": "page", "qualities": ", ".join(qualities)}
        row: dict[str, Any] = dict.fromkeys(COLUMNS) | who | {"n_pages": counts.size, "votes": _total(counts)}
        row |= _concentration(counts, np.arange(counts.size))
        yield row | {"why_not": f"{ONLY_TOTALS} {_few(counts.size, 'pages')}".strip()}


def _total(votes: Floats) -> int:
    return int(np.maximum(votes, 0).sum())


def _passed_on(posts: Posts) -> dict[str, Any]:
    """The reshare fraction and the published one beside it."""
    if posts.passing_on is None:
        return {}
    is_original = posts.votes >= 1 if posts.passing_on == "beyond_the_post" else np.ones(posts.votes.size, bool)
    itself = is_original if posts.passing_on == "beyond_the_post" else 0
    reshares = np.maximum(posts.votes - itself, 0.0)
    found = reshare_fraction(reshares, is_original, posts.page) if reshares.size >= MIN_POSTS else UNKNOWN
    row = {"n_originals": int(is_original.sum()), "n_reshares": int(reshares.sum())} | _part("reshare_fraction", found)
    if reshares.size >= MIN_POSTS and is_original.any():
        row["reshares_per_post"] = float(reshares.sum() / is_original.sum())
    return row | _beside(posts, found)


def _beside(posts: Posts, ours: Part) -> dict[str, Any]:
    theirs = published(posts.platform, posts.verb)
    if theirs is None:
        return {}
    return {
        "published_fraction": theirs.value, "published_study": theirs.study, "published_year": theirs.year,
        "published_source": theirs.source, "is_inside": is_inside(theirs, ours), "caveat": theirs.caveat,
    }  # fmt: skip


def _speed(posts: Posts) -> dict[str, Any]:
    readings = posts.readings
    row = _quartiles("first_day", velocity(readings, DAY)) | _quartiles("first_week", velocity(readings, WEEK))
    half = half_life(readings)
    row |= _quartiles("half_life", half) | {"half_life_at_least": half.at_least}
    row |= {"n_half_life_censored": half.n_censored, "n_half_life_left_out": posts.votes.size - half.n}
    found = curve(readings)
    if found:
        row |= {
            "curve_days": list(map(float, range(found.horizon + 1))), "curve_q1": found.q1.tolist(),
            "curve_median": found.median.tolist(), "curve_q3": found.q3.tolist(), "n_curve": found.n,
        }  # fmt: skip
    return row


def _quartiles(name: str, found: Quartiles) -> dict[str, Any]:
    return {f"{name}_q1": found.q1, f"{name}_median": found.median, f"{name}_q3": found.q3, f"n_{name}": found.n}


def _concentration(votes: Floats, page: Ints) -> dict[str, Any]:
    enough = votes.size >= MIN_POSTS
    row = _part("gini", gini(votes, page) if enough else UNKNOWN)
    for name, part in TOPS.items():
        row |= _part(f"{name}_share", top_share(votes, page, part) if enough else UNKNOWN)
    return row


def _part(name: str, found: Part) -> dict[str, float]:
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}


ONLY_TOTALS = (
    "These are totals of pages, not of posts, so passing on, speed and half-life are unknown."  # of basis page
)


def _few(n: int, what: str) -> str:
    return f"It takes {MIN_POSTS} {what} to say anything; there {'is' if n == 1 else 'are'} {n}." * (n < MIN_POSTS)


def _why_not(row: dict[str, Any]) -> str | None:
    """What is unknown in a row of posts, and why; None where nothing is."""
    if row["n_posts"] < MIN_POSTS:
        return _few(row["n_posts"], "posts")
    said = []
    if max(row["n_first_day"], row["n_first_week"]) < MIN_POSTS:
        said.append("Velocity is unknown: too few posts were read within days of their publication.")
    if row["n_half_life"] < MIN_POSTS:
        said.append(
            f"Half-life is unknown: it takes {MIN_POSTS} posts with votes that were read from their first {EARLY:.0f} "
            f"days until they were {FOLLOWED:.0f} days old; there are {row['n_half_life']}."
        )
    elif np.isnan(row["half_life_median"]):
        said.append(
            f"Half-life is unknown: {row['n_half_life_censored']} of {row['n_half_life']} posts still grew when they "
            f"were last read. It is at least {row['half_life_at_least']:.2g} days."
        )
    return " ".join(said) or None


def _parts(name: str, what: str) -> dict[str, tuple[Any, str]]:
    return {
        name: (REAL, what),
        f"{name}_low": (REAL, "Lower end of its 95 % interval, pages drawn at random; NULL where unknown."),
        f"{name}_high": (REAL, "Upper end of that interval."),
    }


def _spread(name: str, what: str, counted: str) -> dict[str, tuple[Any, str]]:
    return {
        f"{name}_median": (REAL, f"{what}: median over posts; NULL with fewer than {MIN_POSTS} posts."),
        f"{name}_q1": (REAL, "A quarter of the posts lie below this."),
        f"{name}_q3": (REAL, "A quarter of the posts lie above this."),
        f"n_{name}": (WHOLE, counted),
    }


COLUMNS: dict[str, Any] = {
    "platform": (TEXT, "Where the votes were cast."),
    "verb": (TEXT, "What people did."),
    "basis": (TEXT, '"post" where single posts are counted, "page" where the platform gives totals of pages.'),
    "qualities": (TEXT, "How far the counts can be trusted: exact, rounded, lower_bound, fuzzed or default_zero."),
    "n_posts": (WHOLE, "Posts with a known count; NULL for totals of pages."),
    "n_pages": (WHOLE, "Pages that these are about."),
    "votes": (WHOLE, "Votes at the last readings, net scores below zero counted as 0."),
    "n_originals": (WHOLE, "Posts that are no reshare of another; NULL where the verb is not passing on."),
    "n_reshares": (WHOLE, "How often they were passed on; NULL where the verb is not passing on."),
    **_parts(
        "reshare_fraction",
        "Of all acts of putting a thing before people, the part that passes on somebody else's post: reshares / "
        "(reshares + originals). Only posts that link to known pages are in it.",
    ),
    "reshares_per_post": (REAL, "Reshares per original post, the mean."),
    "published_fraction": (REAL, "A published value of that fraction; NULL where we know of none."),
    "published_study": (TEXT, "Who published it."),
    "published_year": (WHOLE, "Its year."),
    "published_source": (TEXT, "Where the published value was found."),
    "is_inside": (FLAG, "Whether the published value lies in our interval; NULL without one."),
    "caveat": (TEXT, "What the comparison with the published value does not show."),
    **_spread("first_day", "Votes per day in the first day after publication", "Posts read close enough to it."),
    **_spread("first_week", "Votes per day in the first 7 days after publication", "Posts read close enough to it."),
    **_spread(
        "half_life",
        "Days after publication until half of the votes of the last reading were there, with posts that still grow "
        "taken as longer than that (Kaplan-Meier)",
        f"Posts behind it: with votes, read from their first {EARLY:.0f} days until {FOLLOWED:.0f} days or longer.",
    ),
    "half_life_at_least": (
        REAL, "The median half-life is not below this, whatever becomes of posts that still grow; NULL where unknown.",
    ),
    "n_half_life_censored": (WHOLE, "Of those, posts that still grew by over 5 % in the week before the last reading."),
    "n_half_life_left_out": (
        WHOLE, "Posts left out: without votes, found late, read too short or with gaps, or counted anew.",
    ),
    **_parts(
        "gini",
        "Gini index of votes over posts (or pages): 0 if all have equally many, 1 if one has all. Posts of all ages "
        f"are in it. The interval (from {MIN_GINI} on) is too narrow where a few posts have most votes.",
    ),
    **_parts(
        "top_1_share",
        "Share of all votes that the top 1 % has, from 100 posts (or pages) on, with an interval from "
        f"{100 * MIN_TOP}.",
    ),
    **_parts(
        "top_10_share",
        f"Share of all votes that the top 10 % has, from {MIN_POSTS} posts (or pages) on, with an interval from "
        f"{10 * MIN_TOP}.",
    ),
    "n_curve": (WHOLE, "Posts behind the curve of table virality_curve; NULL where there is none."),
    "curve_days": (REALS, "Ages of that curve in days."),
    "curve_median": (REALS, "Median share of the votes of the last of these days that posts had at each age."),
    "curve_q1": (REALS, "A quarter of the posts had less."),
    "curve_q3": (REALS, "A quarter of the posts had more."),
    "why_not": (TEXT, "What is unknown, and why; NULL where nothing is."),
}  # fmt: skip
TABLE = ModelTable(
    "virality",
    "Virality: which part of all acts is passing on, how many votes posts collect per day, when half of them are "
    "there, and how unevenly they are spread. One row per platform, verb and basis. It describes, and says nothing on "
    "search.",
    COLUMNS,
    TABLES,
    build,
)
