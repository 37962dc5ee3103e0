"""The marts behind the pages of the web app: by hand on small lakes, and held against serp_votes on random ones."""

from __future__ import annotations

from datetime import date, timedelta

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.records import RankKind, Raw, Status, raw_table
from pipelines import publish, sqlfile
from pipelines.evidence import table as evidence
from tests.pipelines.making import (
    PAGE,
    at,
    fill,
    key,
    made,
    part,
    result,
    rows,
    searched,
    seen,
    votes_in_memory,
)

FAILED, HIDDEN = Status.FAILED, Status.HIDDEN
OTHER, THIRD = "https://example.com/b", "https://third.example/c?id=1"


def day(n):
    """The day so many days after the first."""
    return date(2026, 1, 1) + timedelta(days=n)


def made_of(table, readings=(), results=(), order="ALL"):
    """The rows of one mart, audited."""
    return votes_in_memory(readings, results, is_audited=True, table=table, order=order)


# --- keyword_series


def test_a_series_is_one_ruler():
    """Another device, country, kind of position or source is another series, unknown ones included."""
    rulers = [{}, {"device": "mobile"}, {"country": "de"}, {"rank_kind": RankKind.ABSOLUTE}, {"source": "serper"}]
    found = made_of("keyword_series", results=[result(n, **r) for r in rulers for n in (1, 2)])
    assert [r["series_id"] for r in found] == [1, 2, 3, 4, 5]
    assert {(r["n_lists"], r["n_pages"], r["first_day"], r["last_day"]) for r in found} == {(2, 1, day(1), day(2))}
    which = {(r["device"], r["country"], r["rank_kind"], r["source"]) for r in found}
    kind, source = RankKind.ORGANIC.value, found[0]["source"]
    assert ("mobile", None, kind, source) in which and (None, None, kind, "serper") in which
    assert len({r["keyword_id"] for r in found}) == 2


def test_depth_is_that_of_the_last_list_also_when_it_is_unknown():
    """A source that looks less deep than before says so; one that says nothing any more is unknown."""
    lists = [result(1, depth=50), result(2, depth=20), result(1, keyword="boots", depth=50), result(2, keyword="boots")]
    assert [(r["keyword"], r["depth"]) for r in made_of("keyword_series", results=lists)] == [
        ("boots", None), ("shoes", 20),
    ]  # fmt: skip


def test_pages_looked_for_and_never_found_are_not_counted():
    """n_pages counts what stood in a list."""
    (row,) = made_of("keyword_series", results=[result(1), result(1, OTHER, None, depth=10)])
    assert (row["n_pages"], row["n_lists"]) == (1, 1)


# --- keyword_days


def places(*results):
    """Day, page and position of every row of keyword_days."""
    found = made_of("keyword_days", results=results, order="series_id, day, page_key")
    return [(r["day"], r["page_key"], r["position"]) for r in found]


def test_the_last_list_of_a_day_stands_for_it():
    """A page that was in the morning's list alone is not in the day."""
    assert places(result(3.2, PAGE, 4), result(3.2, OTHER, 1), result(3.7, PAGE, 6)) == [(day(3), key(PAGE), 6)]


def test_a_page_stands_at_the_best_of_its_addresses():
    """Two addresses of one page in one list: the higher one, found before not found."""
    assert places(result(3, f"{PAGE}/", 7), result(3, PAGE, 4)) == [(day(3), key(PAGE), 4)]
    assert places(result(3, f"{PAGE}/", 7), result(3, PAGE, None, depth=10)) == [(day(3), key(PAGE), 7)]


def test_looked_for_and_not_found_is_a_row_without_a_position():
    """Censored: position NULL, is_found false, the depth that was looked to; never 0 or depth + 1."""
    (row,) = made_of("keyword_days", results=[result(3, PAGE, None, depth=20)])
    assert (row["position"], row["is_found"], row["depth"], row["url"]) == (None, False, 20, PAGE)


def test_a_day_without_a_list_has_no_row():
    """Not read is not "not found"."""
    assert [d for d, *_ in places(result(1), result(4))] == [day(1), day(4)]


def test_series_do_not_mix():
    """The same page on desktop and on mobile: a row each, by the number of keyword_series."""
    lists = [result(3, PAGE, 2, device="mobile"), result(3, PAGE, 5, device="desktop")]
    found = made_of("keyword_days", results=lists)
    series = {r["series_id"]: r["device"] for r in made_of("keyword_series", results=lists)}
    assert {series[r["series_id"]]: r["position"] for r in found} == {"mobile": 2, "desktop": 5}


# --- page_votes


def daily(*readings):
    """Day, votes, change and status of every row of page_votes."""
    found = made_of("page_votes", readings, order="platform, verb, day")
    return [(r["day"], r["votes"], r["change"], r["status"]) for r in found]


def test_votes_are_those_of_the_end_of_the_day_and_changes_add_up():
    """The last reading of a day stands for it; what came within the day is in its change."""
    assert daily(seen(1, 10), seen(2.2, 12), seen(2.9, 15), seen(4, 16)) == [
        (day(1), 10, None, "observed"), (day(2), 15, 5, "observed"), (day(4), 16, 1, "observed"),
    ]  # fmt: skip


@pytest.mark.parametrize(("status", "shown"), [(FAILED, "failed"), (HIDDEN, "hidden")])
def test_a_day_without_a_number_is_unknown_and_so_are_the_changes_beside_it(status, shown):
    """Never the number of yesterday, and no change from or to what is unknown."""
    assert daily(seen(1, 10), seen(2, status), seen(3, 14), seen(4, 15)) == [
        (day(1), 10, None, "observed"), (day(2), None, None, shown), (day(3), 14, None, "observed"),
        (day(4), 15, 1, "observed"),
    ]  # fmt: skip


def test_a_reset_is_no_change():
    """A recount is unknown growth; a vote taken back is a small loss."""
    assert [change for _, _, change, _ in daily(seen(1, 100), seen(2, 99), seen(3, 20), seen(4, 21))] == [
        None, -1, None, 1,
    ]  # fmt: skip


def test_finding_an_old_post_is_no_change_and_a_new_post_is():
    """What a post gained before it was found is not known; what it gained since its publication is."""
    first = [seen(n, 10, "p1", published_at=at(0)) for n in (1, 2)]
    old = seen(2, 50, "p2", published_at=at(0.5))
    same = seen(2, 50, "p2", published_at=at(1))  # "at or before" the reading of yesterday, as in serp_votes
    new = seen(2, 50, "p2", published_at=at(1.5))
    assert daily(*first, old)[1][1:3] == (60, None)
    assert daily(*first, same)[1][1:3] == (60, None)
    assert daily(*first, new)[1][1:3] == (60, 50)


@pytest.mark.parametrize(("published", "change"), [(1.1, 7), (0.9, None), (None, None)])
def test_the_first_day_is_a_change_only_for_posts_of_that_day(published, change):
    """Published today and read today: all of it is today's. Anything older may be older votes."""
    moment = None if published is None else at(published)
    assert daily(seen(1.5, 7, "p1", published_at=moment)) == [(day(1), 7, change, "observed")]


def test_a_search_that_finds_nothing_is_zero_and_the_first_post_is_growth():
    """0 by a search, then a post younger than that search."""
    assert daily(searched(1), seen(2, 6, "p1", published_at=at(1.5))) == [
        (day(1), 0, None, "observed"), (day(2), 6, 6, "observed"),
    ]  # fmt: skip


def test_a_search_and_the_first_post_of_one_day_are_one_row():
    """The search of the morning says nothing against a post published after it."""
    assert daily(searched(1.2), seen(1.5, 6, "p1", published_at=at(1.3))) == [(day(1), 6, 6, "observed")]


def test_a_hidden_post_among_known_ones_makes_a_lower_bound():
    """The sum of what is known, marked as such, without a change."""
    found = made_of(
        "page_votes", [seen(1, 4, "p1"), seen(1, 5, "p2"), seen(2, 6, "p1"), seen(2, HIDDEN, "p2")], order="day"
    )
    assert [(r["votes"], r["change"], r["is_lower_bound"]) for r in found] == [(9, None, False), (6, None, True)]


def test_the_page_total_speaks_where_it_is_known_also_on_a_day_when_only_posts_were_read():
    """A known total of yesterday is not replaced by a sum over posts, as in serp_votes: that day has no row."""
    posts = [seen(n, 3 * n, "p1") for n in (1, 2, 3)]
    found = made_of("page_votes", [seen(1, 100), *posts, seen(3, FAILED)], order="day")
    assert [(r["day"], r["basis"], r["votes"], r["change"], r["day_before"]) for r in found] == [
        (day(1), "page", 100, None, None), (day(3), "post", 9, 3, day(2)),
    ]  # fmt: skip


def moments_of(draw_day):
    """A reading of one of three subjects on a day."""
    counts = st.one_of(st.integers(0, 40), st.sampled_from([FAILED, HIDDEN, Status.NOT_FOUND]))
    return st.builds(
        lambda d, h, post, count, age: seen(
            d + h / 4, count, post, published_at=None if age is None else at(d - age)
        ),
        draw_day, st.integers(0, 3), st.sampled_from([None, "p1", "p2"]), counts, st.sampled_from([None, 0.3, 5]),
    )  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(st.lists(moments_of(st.integers(1, 8)), min_size=1, max_size=14))
def test_the_end_of_a_day_is_what_a_list_at_its_end_would_see(readings):
    """Votes, status, basis and bound equal those of serp_votes for a list a moment before midnight."""
    names = ("votes", "status", "basis", "is_lower_bound", "observed_at")
    lists = [result(n + 0.99999) for n in range(1, 9)]
    joined = {r["ranked_at"].date(): r for r in votes_in_memory(readings, lists)}
    for row in votes_in_memory(readings, [], table="page_votes", order="day"):
        assert [row[n] for n in names] == [joined[row["day"]][n] for n in names]
    fresh = {d for d, r in joined.items() if r["observed_at"].date() == d}
    assert {r["day"] for r in votes_in_memory(readings, [], table="page_votes", order="day")} == fresh


@settings(max_examples=25, deadline=None)
@given(st.lists(moments_of(st.integers(1, 8)), min_size=1, max_size=12))
def test_a_change_from_yesterday_is_the_growth_of_serp_votes(readings):
    """Read once a day at one hour, the change since yesterday is votes_1d of a list at that very moment."""
    once = {(r.observed_at.date(), r.object_id): r for r in readings}.values()
    daily = [seen((r.observed_at.date() - day(0)).days + 0.5, r.count if r.count is not None else r.status, r.object_id,
                  published_at=r.published_at) for r in once]  # fmt: skip
    lists = [result(n + 0.5) for n in range(1, 9)]
    joined = {(r["ranked_at"].date(), r["basis"]): r["votes_1d"] for r in votes_in_memory(daily, lists)}
    for row in votes_in_memory(daily, [], table="page_votes", order="day"):
        if row["day_before"] == row["day"] - timedelta(days=1):
            assert row["change"] == joined[row["day"], row["basis"]]


# --- pages


def test_a_page_at_a_glance():
    """Keywords, best place on its latest day, platforms with a number, first day; the address as a list wrote it."""
    lists = [
        result(2, THIRD, 1, keyword="a"), result(5, THIRD, 4, keyword="a"), result(5, THIRD, 3, keyword="b"),
        result(9, THIRD, None, keyword="b", depth=10),
    ]  # fmt: skip
    votes = [seen(1, 5, url=f"{THIRD}/"), seen(1, FAILED, url=THIRD, platform="hatena")]
    (row,) = made_of("pages", votes, lists)
    assert row == {
        "page_key": key(THIRD), "url": THIRD, "domain": "third.example", "n_keywords": 2, "best_position": 3,
        "last_ranked_day": day(5), "n_platforms": 1, "n_readings": 2, "first_day": day(1),
    }  # fmt: skip


def test_a_page_that_never_ranked_and_one_without_votes():
    """Both are there; what is not known of them is NULL, what is counted is 0."""
    found = {r["page_key"]: r for r in made_of("pages", [seen(4, 5)], [result(2, OTHER, 7)])}
    voted, ranked = found[key(PAGE)], found[key(OTHER)]
    assert (voted["n_keywords"], voted["best_position"], voted["last_ranked_day"]) == (0, None, None)
    assert (voted["url"], voted["first_day"], ranked["first_day"]) == (PAGE, day(4), day(2))
    assert (ranked["n_platforms"], ranked["n_readings"], ranked["best_position"]) == (0, 0, 7)


def test_the_domain_is_the_host_of_the_key():
    """Without path or query; of what has no host it is unknown."""
    urls = ["https://a.example", "https://b.example?q=1", "android-app://com.app"]
    found = made_of("pages", [], [result(1, url, n) for n, url in enumerate(urls, 1)], order="best_position")
    assert [r["domain"] for r in found] == ["a.example", "b.example", "com.app"]  # this file's keys have no scheme


# --- vote_pairs


def test_a_pair_tells_what_is_known_of_it():
    """Pages with a number, days of readings, and of these those that failed; each pair for itself."""
    readings = [seen(1, 5), seen(2, FAILED), seen(1, HIDDEN, url=OTHER), seen(4, 2, verb="share", url=OTHER)]
    likes, shares = made_of("vote_pairs", readings)
    assert (likes["n_pages"], likes["n_readings"], likes["n_failed"]) == (1, 3, 1)
    assert (likes["first_day"], likes["last_day"]) == (day(1), day(2))
    assert (shares["verb"], shares["n_pages"], shares["first_day"]) == ("share", 1, day(4))


# --- source_status


def health(folder, days):
    """source_status of a source whose reads on each day had these states."""
    lake = fill(folder)
    for n, states in days.items():
        raw = [Raw(f"p{i}", at(n), s, error="Down" if s is FAILED else None) for i, s in enumerate(states)]
        lake.write(part("raw", n), raw_table(raw))
    (row,) = rows(made(lake), "FROM source_status")
    return row


def test_the_state_of_a_source_is_that_of_its_last_day(tmp_path):
    """Failed as a whole today, well before: the last good day is named, and the days with failures counted."""
    ok = Status.OBSERVED
    row = health(tmp_path, {1: [ok, ok], 2: [ok, FAILED], 4: [FAILED, FAILED]})
    assert (row["state"], row["last_day"], row["last_good_day"]) == ("failed", day(4), day(2))
    assert (row["n_reads"], row["n_failed"], row["first_error"]) == (2, 2, "Down")
    assert (row["n_days"], row["days_with_failures"]) == (3, 2)


@pytest.mark.parametrize(("states", "state"), [(["observed"] * 2, "well"), (["observed", "failed"], "partly failed")])
def test_some_failed_reads_are_partly_failed(tmp_path, states, state):
    """One failed read among good ones is said, whatever the days before were."""
    row = health(tmp_path, {1: [FAILED], 2: [Status(s) for s in states]})
    assert (row["state"], row["last_good_day"], row["days_with_failures"]) == (state, day(2), 1 + (state != "well"))


def test_a_source_that_never_worked_has_no_good_day(tmp_path):
    """Unknown is NULL, not the first day."""
    assert health(tmp_path, {1: [FAILED]})["last_good_day"] is None


# --- the order of rows


ORDERED = ("keyword_series", "keyword_days", "page_votes", "pages", "source_status")


def test_the_published_rows_are_in_the_order_of_the_grain(tmp_path):
    """Zone maps leave out row groups only where rows lie together: the order reaches the published file."""
    urls = [f"https://s{n % 3}.example/{n}" for n in range(12)]
    lists = [result(d, url, n, keyword=k) for d in (3, 1, 2) for k in "ba" for n, url in enumerate(reversed(urls), 1)]
    votes = [seen(d, d, url=url, verb=v) for v in ("share", "like") for d in (5, 2) for url in urls]
    lake = fill(tmp_path, votes, lists)
    for stream in ("b", "a"):
        lake.write(part("raw", 1, stream=stream), raw_table([Raw("p", at(1))]))
    for table in sqlfile.tables().values():
        sqlfile.build(lake, table)
    for model in evidence.tables().values():
        evidence.build(lake, model)
    publish.publish(lake)
    with duckdb.connect(str(lake.warehouse), read_only=True) as con:
        for name in ORDERED:
            grain = ", ".join(sqlfile.tables()[name].header.grain)
            stored = con.execute(f"SELECT {grain} FROM {name} ORDER BY rowid").fetchall()
            assert len(stored) > 1 and stored == sorted(stored)
