"""How pages moved in search around the publication of posts about them: before minus after, so plus is better.

Before is the week up to the publication, after the two weeks from it. As in panels, a page takes part in a series of
lists if it is in at least half of them, and stands at depth + 1 in those where it is not; of averages (Search Console)
only days with impressions are known. The first post of a platform on a page and day stands for the others of that day.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import duckdb
import numpy as np

from models.diffusion.readings import Floats, Ints
from pipelines.panels import DEPTH_SHARE, SECONDS_PER_DAY, SHARE_OF_LISTS
from pipelines.posts import POST, hour_of

TABLES = ("serp_results",)
BEFORE, AFTER = 7.0, 14.0
NEARLY = 1.0  # lists must reach to within this many days of the end of `AFTER`


@dataclass(frozen=True, eq=False)
class Moves:
    """Of posts on one platform (n,): positions gained in one ranking and region, hour of publication, and domain.

    `region` is the country of the lists, None where they do not say.
    """

    platform: str
    engine: str
    rank_kind: str
    region: str | None
    gained: Floats
    hour: Ints
    domain: Ints
    page: Ints


@dataclass(frozen=True, eq=False)
class Places:
    """Positions of pairs (series, page), by pair and time in days; and what each pair (P,) belongs to."""

    key: Floats
    total: Floats
    page: Ints
    where: Ints
    last: Floats


DAYS = 1e6  # more than any day since 1970, so that pair and day fit into one sortable number


def moves(con: duckdb.DuckDBPyConnection, zone_name: str) -> Iterator[Moves]:
    """Moves by platform, ranking and region; needs the table `page_names` of pipelines.posts."""
    _make_places(con)
    wheres = con.execute("SELECT DISTINCT place, engine, rank_kind, country FROM series ORDER BY place").fetchall()
    places = _places(con)
    posts = _posts(con, zone_name)
    for platform, day, hour, page, domain in posts:
        event, pair = _met(page, places.page)
        gained = _gained(places, pair, day[event])
        for number, engine, rank_kind, country in wheres:
            some = (places.where[pair] == number) & ~np.isnan(gained)
            if some.any():
                seen, code = np.unique(event[some], return_inverse=True)
                mean = np.bincount(code, weights=gained[some]) / np.bincount(code)
                yield Moves(platform, engine, rank_kind, country, mean, hour[seen], domain[seen], page[seen])


def _make_places(con: duckdb.DuckDBPyConnection) -> None:
    """Temporary tables `series` and `places`."""
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE lists AS
        SELECT list_id, any_value(engine) AS engine, any_value(rank_kind) AS rank_kind, any_value(country) AS country,
            dense_rank() OVER (ORDER BY any_value(keyword_id), any_value(engine), any_value(rank_kind),
                any_value(country), any_value(language), any_value(device), any_value(source)) AS series,
            epoch(any_value(ranked_at)) / $day AS day, coalesce(max(depth), ceil(max(position))) AS depth
        FROM serp_results GROUP BY list_id
        """,
        {"day": float(SECONDS_PER_DAY)},
    )
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE series AS
        SELECT series, any_value(engine) AS engine, any_value(rank_kind) AS rank_kind, any_value(country) AS country,
            dense_rank() OVER (ORDER BY any_value(engine), any_value(rank_kind), any_value(country)) - 1 AS place,
            any_value(rank_kind) = 'average' AS is_average, quantile_disc(depth, $share) AS depth, max(day) AS last_day
        FROM lists GROUP BY series
        """,
        {"share": DEPTH_SHARE},
    )
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE places AS
        WITH good AS (
            SELECT l.list_id, l.series, l.day, s.is_average, s.depth FROM lists l JOIN series s USING (series)
            WHERE s.is_average OR l.depth >= s.depth
        ),
        n AS (SELECT series, count(*) AS n FROM good GROUP BY series),
        found AS (
            SELECT r.list_id, p.page, min(r.position) AS position FROM serp_results r JOIN page_names p USING (page_key)
            WHERE r.is_found GROUP BY r.list_id, p.page
        ),
        part AS (
            SELECT g.series, f.page FROM good g JOIN found f USING (list_id) JOIN n USING (series)
            WHERE g.is_average OR f.position <= g.depth
            GROUP BY g.series, f.page, n.n, g.is_average HAVING g.is_average OR count(*) >= $share * n.n
        )
        SELECT dense_rank() OVER (ORDER BY g.series, p.page) - 1 AS pair, g.series, p.page, g.day,
            CASE WHEN g.is_average THEN f.position
                ELSE least(coalesce(f.position, g.depth + 1), g.depth + 1) END AS position
        FROM good g JOIN part p USING (series) LEFT JOIN found f ON f.list_id = g.list_id AND f.page = p.page
        WHERE NOT g.is_average OR f.position IS NOT NULL
        """,
        {"share": SHARE_OF_LISTS},
    )


def _places(con: duckdb.DuckDBPyConnection) -> Places:
    rows = con.execute("SELECT pair, day, position FROM places ORDER BY pair, day").fetchnumpy()
    pairs = con.execute(
        "SELECT any_value(page) AS page, any_value(place) AS place, any_value(last_day) AS last FROM places "
        "JOIN series USING (series) GROUP BY pair ORDER BY pair"
    ).fetchnumpy()
    return Places(
        np.asarray(rows["pair"]) * DAYS + np.asarray(rows["day"]),
        np.concatenate(([0.0], np.cumsum(np.asarray(rows["position"], np.float64)))),
        np.asarray(pairs["page"], np.int64), np.asarray(pairs["place"], np.int64),
        np.asarray(pairs["last"], np.float64),
    )  # fmt: skip


def _posts(con: duckdb.DuckDBPyConnection, zone_name: str) -> Iterator[tuple[str, Floats, Ints, Ints, Ints]]:
    """Per platform: moment (in days), local hour, page and domain of the first post of each page and local day."""
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE firsts AS
        SELECT platform, page, any_value(domain) AS domain, min(epoch(published_at)) / $day AS day,
            min({hour_of("published_at")}) AS hour
        FROM stg_observations JOIN page_names USING (page_key)
        WHERE {POST} AND published_at IS NOT NULL GROUP BY platform, page, {hour_of("published_at")} // 24
        """,
        {"zone": zone_name, "day": float(SECONDS_PER_DAY)},
    )
    for (platform,) in con.execute("SELECT DISTINCT platform FROM firsts ORDER BY 1").fetchall():
        rows = con.execute(
            "SELECT day, hour, page, domain FROM firsts WHERE platform = ? ORDER BY page, day", [platform]
        ).fetchnumpy()
        whole = (np.asarray(rows[name], np.int64) for name in ("hour", "page", "domain"))
        yield platform, np.asarray(rows["day"], np.float64), *whole


def _met(page: Ints, page_of_pair: Ints) -> tuple[Ints, Ints]:
    """Every post (m,) with every pair (m,) of its page."""
    order = np.argsort(page_of_pair, kind="stable")
    ordered = page_of_pair[order]
    first, last = np.searchsorted(ordered, page, "left"), np.searchsorted(ordered, page, "right")
    n = last - first
    event = np.repeat(np.arange(page.size), n)
    within = np.arange(event.size) - np.repeat(np.cumsum(n) - n, n)
    return event, order[np.repeat(first, n) + within]


def _gained(places: Places, pair: Ints, day: Floats) -> Floats:
    """Mean position before minus after (m,); NaN where either is unknown, or the lists end too early."""
    start, middle, end = (
        np.searchsorted(places.key, pair * DAYS + day + shift, "left") for shift in (-BEFORE, 0.0, AFTER)
    )
    n_before, n_after = middle - start, end - middle
    is_known = (n_before > 0) & (n_after > 0) & (places.last[pair] >= day + AFTER - NEARLY)
    before = (places.total[middle] - places.total[start]) / np.maximum(n_before, 1)
    after = (places.total[end] - places.total[middle]) / np.maximum(n_after, 1)
    return np.where(is_known, before - after, np.nan)
