"""Does one platform matter for one site? What is known of the site, and a plain answer that says no more than that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np

from dashboards.analysis.examples import ask, example
from dashboards.words import (
    DIRECTIONS,
    Row,
    counted,
    direction,
    estimate_unit,
    interval,
    is_known,
    sentence_case,
    signed,
)  # fmt: skip
from models.guards import power
from models.in_time.timing import LAG, LEAD, MIN_KEYWORDS, MIN_PAGES, MIN_STEPS
from models.ranks.association import Association, associate

MIN_DAYS = MIN_STEPS + LAG + LEAD
DEPTH = 30  # results compared, as in the old studies
MOST_SITES = 2000
FEWEST_HOSTS = 10  # below, the interval is over keywords alone, as in the table association
# a site is a host and everything below it: example.com holds blog.example.com too
OF_SITE = "($site = '' OR ends_with('.' || split_part(r.page_key, '/', 1), '.' || $site))"
KNOWN = f"""
    SELECT
        count(*) AS results, count(DISTINCT r.page_key) AS pages, count(DISTINCT r.keyword_id) AS keywords,
        count(DISTINCT CAST(r.ranked_at AS DATE)) AS days, count(v.votes) AS known,
        count(DISTINCT CASE WHEN v.votes IS NOT NULL THEN r.page_key END) AS pages_known,
        count(DISTINCT CASE WHEN v.votes_7d > 0 THEN r.page_key END) AS pages_gaining
    FROM serp_results AS r
    LEFT JOIN serp_votes AS v ON v.result_id = r.result_id AND v.platform = $platform AND v.verb = $verb
    WHERE r.engine = $engine AND r.rank_kind = $rank_kind AND {OF_SITE}
"""
LISTS = f"""
    SELECT
        r.list_id, r.keyword_id, dense_rank() OVER (ORDER BY split_part(r.page_key, '/', 1)) AS host_id, r.position,
        v.votes
    FROM serp_results AS r
    LEFT JOIN serp_votes AS v ON v.result_id = r.result_id AND v.platform = $platform AND v.verb = $verb
    WHERE r.engine = $engine AND r.rank_kind = $rank_kind AND r.position IS NOT NULL AND r.list_id IN (
        SELECT r.list_id FROM serp_results AS r
        WHERE r.engine = $engine AND r.rank_kind = $rank_kind AND {OF_SITE}
    )
"""
SITES = """
    SELECT split_part(page_key, '/', 1) AS site, count(*) AS results FROM serp_results
    GROUP BY ALL ORDER BY results DESC, site LIMIT $most
"""


@dataclass(frozen=True)
class Question:
    """Whether `verb` on `platform` matters for `site` (a host; empty for all of them) in one ranking."""

    engine: str
    rank_kind: str
    platform: str
    verb: str
    site: str = ""

    def about(self, row: Row) -> bool:
        """Whether a row of evidence is about this ranking, platform and verb."""
        return all(row[n] == getattr(self, n) for n in ("engine", "rank_kind", "platform", "verb"))

    def one_of(self, rows: Sequence[Row]) -> Row | None:
        """The first row about this question; None where it was never asked."""
        return next((row for row in rows if self.about(row)), None)

    @property
    def votes(self) -> str:
        """What is counted, in the plural: `saves on pinterest`."""
        return f"{self.verb}s on {self.platform}"


def sites(con: duckdb.DuckDBPyConnection) -> list[str]:
    """The hosts that rank, those with most results first, at most `MOST_SITES`."""
    return [row["site"] for row in ask(con, SITES, most=MOST_SITES)]


def known(con: duckdb.DuckDBPyConnection, question: Question) -> Row:
    """How many results, pages, keywords and days there are of the site, and for how many the votes are known."""
    return ask(con, KNOWN, **vars(question))[0]


def in_its_lists(con: duckdb.DuckDBPyConnection, question: Question) -> Association | None:
    """The association in the lists that the site stands in, its rivals included; None where no list gives one."""
    found = con.execute(LISTS, vars(question)).fetchnumpy()
    position, votes = (np.ma.filled(found[n].astype(np.float64), np.nan) for n in ("position", "votes"))
    if not position.size:
        return None
    lists, keywords, hosts = (np.ma.filled(found[n], 0).astype(np.int64) for n in ("list_id", "keyword_id", "host_id"))
    domains = hosts if hosts.max() >= FEWEST_HOSTS else None
    rho = associate(lists, keywords, position, votes, DEPTH, domain_id=domains)
    return rho if is_known(rho.mean_rho) else None


def bursts(con: duckdb.DuckDBPyConnection, question: Question, most: int = 10) -> list[Row]:
    """The weeks in which pages of the site gained most, with their positions before and after."""
    return ask(
        con,
        f"SELECT * FROM ({example('biggest_bursts').sql}) AS r WHERE r.engine = $engine AND r.rank_kind = $rank_kind "
        f"AND r.platform = $platform AND r.verb = $verb AND {OF_SITE} ORDER BY gained DESC, page_key LIMIT {most}",
        **vars(question),
    )


def answer(question: Question, verdict: Row | None) -> str:
    """The answer in one or two sentences, from the verdict alone; "cannot be told" where that is the answer."""
    if verdict is None:
        return f"Unknown: these data hold no {question.votes}, so nothing was asked."
    if verdict["verdict"] == "not enough data":
        return f"Unknown: there are not enough data to ask whether {question.votes} matter."
    if verdict["verdict"] == "cannot tell":
        return f"It cannot be told from these data. {sentence_case(direction(verdict))}."
    measured = _measured(verdict)
    if verdict["verdict"] == "supports":
        return f"Yes, as far as these data can show it: {measured}."
    return f"No, not to any use: {measured}."


def _measured(verdict: Row) -> str:
    """The estimate with its interval."""
    if not is_known(verdict["estimate"]):
        return "no estimate is given"
    ends = interval(verdict["ci_low"], verdict["ci_high"], 2)
    return f"{signed(verdict['estimate'], 2)} {estimate_unit(verdict)} (95 % interval {ends}; plus is better)"


def of_the_site(question: Question, found: Row) -> str:
    """How far that answer is about the site: it rests on all sites together, and this says how much of it is here."""
    if not question.site:
        return "This is said of all sites in the data together."
    if not found["results"]:
        return f"{question.site} stands in none of these result lists, so nothing is known of it."
    here = f"{question.site} has {counted(found['pages'], 'page')} in lists of {counted(found['keywords'], 'keyword')}"
    if not found["known"]:
        return (
            f"{here}, and {question.votes} are known for none of them, which is not 0: the answer is about other sites."
        )
    told = (
        f"{here} on {counted(found['days'], 'day')}; {question.votes} are known for {found['pages_known']:,} of the "
        f"pages and grew on {found['pages_gaining']:,}."
    )
    return f"{told} {_alone(found)}"


def _alone(found: Row) -> str:
    """Whether the site could be asked by itself."""
    least = {"pages_gaining": MIN_PAGES, "keywords": MIN_KEYWORDS, "days": MIN_DAYS}
    if any(found[name] < n for name, n in least.items()):
        return (
            f"Asked by itself it would be too little (it takes {MIN_PAGES} pages that gain, {MIN_KEYWORDS} keywords "
            f"and {MIN_DAYS} days), so the answer rests on all sites, and holds for this one as far as it is like them."
        )
    return (
        "That may be enough to ask it by itself: import its rankings alone into a data folder of its own (--data) and "
        "analyse there. The answer above rests on all sites."
    )


def takes(verdict: Row | None, target: float) -> str:
    """What seeing an effect of `target` positions per doubling would take, from the smallest effect seen now."""
    if verdict is not None and verdict["direction"] in ("positions_lead", "simultaneous"):
        return (
            f"More of the same would not answer it: {DIRECTIONS[verdict['direction']]}, and watching longer does not "
            "part the two. An experiment does: `tallyrank experiment design "
            f"--platform {verdict['platform']} --verb {verdict['verb']}` draws by lot which pages to promote."
        )
    if verdict is None or not is_known(verdict["mde"]) or not verdict["n_keywords"]:
        return (
            "How much more would be needed is not known: no effect was estimated, so nothing says how much it varies."
        )
    se = verdict["mde"] / power.standard_errors()
    return power.words(se, target, verdict["n_keywords"], max(1, verdict["n_days"] // 7))
