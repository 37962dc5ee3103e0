"""The posts of the lake: what was counted of each by age, when it was published, and on which page it is about."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
from numpy.typing import NDArray

from connectors.base import PassingOn, discover
from connectors.errors import TallyrankError
from connectors.records import Verb
from connectors.urls import registrable_domain
from models.diffusion.readings import Floats, Ints, Readings
from pipelines.panels import SECONDS_PER_DAY

TABLES = ("stg_observations",)
ZONE = "TALLYRANK_TIMEZONE"
POST = "basis = 'post' AND subject <> url_key"  # a post, not a search for posts that found none
HOURS_PER_DAY = 24


@dataclass(frozen=True, eq=False)
class Posts:
    """The posts (P,) of one platform and verb that were ever counted.

    `page` and `domain` are numbers; `hour` is that of publication, in hours since 1970 on the clock of a time zone,
    below 0 where it is not known. `votes` are those of the last reading. `passing_on` as in
    connectors.base.VerbMeaning.
    """

    platform: str
    verb: str
    page: Ints
    domain: Ints
    hour: Ints
    votes: Floats
    qualities: tuple[str, ...]
    passing_on: PassingOn | None
    readings: Readings

    @property
    def day(self) -> Ints:
        """Day of publication since 1970."""
        return self.hour // HOURS_PER_DAY


def zone() -> str:
    """The time zone in which days begin and hours are told, from the environment; UTC if none is set."""
    name = os.environ.get(ZONE, "").strip() or "UTC"
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise TallyrankError(
            f"{ZONE} is {name!r}, which is no time zone: set it to a name such as Europe/Berlin, or leave it out "
            "for UTC"
        ) from None
    return name


def posts_by_pair(con: duckdb.DuckDBPyConnection, zone_name: str) -> Iterator[Posts]:
    """All posts, platform by platform and verb by verb."""
    _name_pages(con)
    pairs = con.execute(
        f"SELECT DISTINCT platform, verb FROM stg_observations WHERE {POST} AND status = 'observed' ORDER BY ALL"
    ).fetchall()
    for platform, verb in pairs:
        yield _posts(con, platform, verb, zone_name)


def passing_on(platform: str, verb: str) -> PassingOn | None:
    """How a platform's verb counts those who pass a post on; of a tool's `tool:network`, as that tool counts it.

    What is known of neither follows the rule for all: a share counts each of them.
    """
    tool, _, network = platform.partition(":")
    found = _declared(tool, verb)
    if verb == Verb.SHARE:
        return found or "counted"
    return found or _declared(network, verb)


def _declared(name: str, verb: str) -> PassingOn | None:
    connector = discover().get(name)
    meaning = connector.verbs.get(Verb(verb)) if connector else None
    return meaning.passing_on if meaning else None


def _name_pages(con: duckdb.DuckDBPyConnection) -> None:
    """Temporary table `page_names`: page_key, number, and number of its domain, of all pages that posts are about."""
    keys = np.asarray(
        con.execute(f"SELECT DISTINCT page_key FROM stg_observations WHERE {POST} ORDER BY 1").fetchnumpy()["page_key"]
    )
    names = [registrable_domain(str(key)) or str(key) for key in keys]
    domain = np.unique(names, return_inverse=True)[1] if names else np.zeros(0, np.int64)
    con.execute("CREATE OR REPLACE TEMP TABLE page_names (page_key VARCHAR, page BIGINT, domain BIGINT)")
    con.register("named", {"page_key": keys.astype(str), "page": np.arange(keys.size), "domain": domain})
    con.execute("INSERT INTO page_names SELECT page_key, page, domain FROM named")
    con.unregister("named")


def _posts(con: duckdb.DuckDBPyConnection, platform: str, verb: str, zone_name: str) -> Posts:
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE known AS
        SELECT subject, observed_at, min(published_at) AS published_at, min(page_key) AS page_key, max(count) AS count,
            min(quality) AS quality
        FROM stg_observations WHERE {POST} AND platform = ? AND verb = ? AND status = 'observed'
        GROUP BY subject, observed_at
        """,
        [platform, verb],
    )
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE posts AS
        SELECT row_number() OVER (ORDER BY k.subject) - 1 AS post, k.subject, k.published_at, k.votes, n.page, n.domain
        FROM (
            SELECT subject, min(published_at) AS published_at, min(page_key) AS page_key,
                arg_max(count, observed_at) AS votes
            FROM known GROUP BY subject
        ) k JOIN page_names n USING (page_key)
        """
    )
    posts = _columns(con.execute(
        f"SELECT page, domain, votes, coalesce({hour_of('published_at')}, -1) AS hour FROM posts ORDER BY post",
        {"zone": zone_name},
    ).fetchnumpy())  # fmt: skip
    qualities = con.execute("SELECT DISTINCT quality FROM known WHERE quality IS NOT NULL ORDER BY 1").fetchall()
    how = passing_on(platform, verb)
    itself = 1.0 if how == "beyond_the_post" else 0.0
    return Posts(
        platform, verb, posts["page"], posts["domain"], posts["hour"], posts["votes"].astype(np.float64),
        tuple(row[0] for row in qualities), how, _readings(con, posts["page"].size, itself),
    )  # fmt: skip


def hour_of(moment: str) -> str:
    """SQL: hours since 1970 on the clock of $zone, whatever daylight saving does in between."""
    return f"CAST(floor(epoch(timezone($zone, {moment})) / 3600) AS BIGINT)"


def _readings(con: duckdb.DuckDBPyConnection, n_posts: int, itself: float) -> Readings:
    """Readings since publication of posts whose publication is known, without the post itself."""
    rows = _columns(con.execute(
        f"""
        SELECT p.post, (epoch(k.observed_at) - epoch(p.published_at)) / {SECONDS_PER_DAY} AS age, k.count
        FROM known k JOIN posts p USING (subject) WHERE k.observed_at >= p.published_at ORDER BY p.post, k.observed_at
        """
    ).fetchnumpy())  # fmt: skip
    votes = np.maximum(rows["count"].astype(np.float64) - itself, -np.inf if itself == 0 else 0.0)
    return Readings(rows["post"].astype(np.int64), rows["age"].astype(np.float64), votes, n_posts)


def _columns(found: dict[str, Any]) -> dict[str, NDArray[Any]]:
    return {name: np.asarray(column) for name, column in found.items()}
