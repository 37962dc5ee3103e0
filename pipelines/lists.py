"""The result lists of the lake as arrays, with the votes of each platform and verb known at their moment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from connectors.urls import registrable_domain
from pipelines.lake import Lake
from pipelines.panels import Ranking, rankings

TABLES = ("serp_results", "serp_votes")
FEW_DOMAINS = 10  # below, errors cannot be clustered on domains


@dataclass(frozen=True, eq=False)
class Lists:
    """The found results of one ranking (n rows, by list and position); `place` is the position rounded to a whole."""

    ranking: Ranking
    result_id: NDArray[np.int64]
    list_id: NDArray[np.int64]
    keyword_id: NDArray[np.int64]
    domain_id: NDArray[np.int64]
    page_key: NDArray[Any]
    position: NDArray[np.float64]
    ranked_day: NDArray[np.datetime64]

    @property
    def place(self) -> NDArray[np.float64]:
        """Positions as whole places, averages rounded."""
        return np.floor(self.position + 0.5)

    @property
    def domains(self) -> NDArray[np.int64] | None:
        """Domains to cluster on; None where there are too few."""
        return self.domain_id if np.unique(self.domain_id).size >= FEW_DOMAINS else None


@dataclass(frozen=True, eq=False)
class Votes:
    """The votes (n,) of one platform and verb for the rows of `lists`; NaN where unknown."""

    lists: Lists
    platform: str
    verb: str
    votes: NDArray[np.float64]

    @property
    def who(self) -> dict[str, str]:
        """The columns that say whose numbers these are."""
        return self.lists.ranking._asdict() | {"platform": self.platform, "verb": self.verb}


def votes_by_pair(lake: Lake) -> Iterator[Votes]:
    """Every ranking with every platform and verb of which votes are known in it."""
    with lake.connect(*TABLES) as con:
        for ranking in rankings(con):
            lists = lists_of(con, ranking)
            yield from _pairs(con, lists)


def lists_of(con: duckdb.DuckDBPyConnection, ranking: Ranking) -> Lists:
    """The found results of one ranking."""
    rows = con.execute(
        "SELECT result_id, list_id, keyword_id, page_key, position, CAST(ranked_at AS DATE) AS ranked_day, "
        "dense_rank() OVER (ORDER BY page_key) - 1 AS page FROM serp_results "
        "WHERE engine = ? AND rank_kind = ? AND is_found ORDER BY list_id, position, url",
        [*ranking],
    ).fetchnumpy()
    pages, first = np.unique(rows["page"], return_index=True)
    names = [registrable_domain(str(url)) or str(url) for url in np.asarray(rows["page_key"])[first]]
    domain = np.unique(names, return_inverse=True)[1] if names else np.zeros(0, np.int64)
    columns = {name: np.asarray(rows[name], np.int64) for name in ("result_id", "list_id", "keyword_id")}
    return Lists(
        ranking, **columns, domain_id=domain[np.searchsorted(pages, rows["page"])].astype(np.int64),
        page_key=np.asarray(rows["page_key"]), position=np.asarray(rows["position"], np.float64),
        ranked_day=np.asarray(rows["ranked_day"], "datetime64[D]"),
    )  # fmt: skip


def _pairs(con: duckdb.DuckDBPyConnection, lists: Lists) -> Iterator[Votes]:
    rows = con.execute(
        "SELECT v.platform, v.verb, v.result_id, v.votes FROM serp_votes v "
        "JOIN serp_results r ON r.result_id = v.result_id "
        "WHERE r.engine = ? AND r.rank_kind = ? AND r.is_found AND v.votes IS NOT NULL",
        [*lists.ranking],
    ).fetch_df()
    order = np.argsort(lists.result_id)
    for (platform, verb), pair in rows.groupby(["platform", "verb"], sort=True):
        votes = np.full(lists.result_id.size, np.nan)
        votes[order[np.searchsorted(lists.result_id[order], pair["result_id"])]] = pair["votes"]
        yield Votes(lists, str(platform), str(verb), votes)
