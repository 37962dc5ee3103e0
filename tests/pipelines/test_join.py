"""Votes joined to rankings: by hand on small lakes, and against a slow and obvious reference on random ones."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.records import Basis, Quality, RankKind, Status
from tests.pipelines.making import (
    LIST_DAY,
    PAGE,
    START,
    at,
    fill,
    key,
    made,
    observation_table,
    part,
    ranking_table,
    result,
    rows,
    searched,
    seen,
    votes_in_memory,
)

FAILED, HIDDEN, GONE = Status.FAILED, Status.HIDDEN, Status.NOT_FOUND
OTHER = "https://example.com/b"
GROWTH = {"votes_1d": 1, "votes_7d": 7, "votes_28d": 28}


def joined(*readings, results=None, aliases=None):
    """The rows of serp_votes for one list on day 30, or for the results given."""
    return votes_in_memory(readings, [result()] if results is None else results, aliases)


def only(*readings, **more):
    """The one row of serp_votes."""
    (row,) = joined(*readings, **more)
    return row


def known(*readings, **more):
    """Votes, status and lower bound of the one row."""
    row = only(*readings, **more)
    return row["votes"], row["status"], row["is_lower_bound"]


def growth(*readings, **more):
    """Growth over 1, 7 and 28 days of the one row."""
    row = only(*readings, **more)
    return tuple(row[name] for name in GROWTH)


# --- as of the moment of the list


def test_the_last_reading_before_the_list_counts():
    """Votes are those of the last reading at or before the list's moment, with the moment of that reading."""
    row = only(seen(10, 5), seen(29, 7), seen(31, 900))
    assert (row["votes"], row["observed_at"]) == (7, at(29))


def test_a_reading_at_the_moment_of_the_list_counts():
    """ "At or before": the same microsecond is in time."""
    assert only(seen(29, 7), seen(LIST_DAY, 8))["votes"] == 8


def test_a_microsecond_late_is_late():
    """One microsecond after the list is the future."""
    late = replace(seen(0, 8), observed_at=at(LIST_DAY) + timedelta(microseconds=1))
    assert only(seen(29, 7), late)["votes"] == 7


def test_a_page_first_read_after_the_list_has_no_row():
    """What was never asked about in time is unknown, not zero: there is no row."""
    assert joined(seen(31, 900)) == []


def test_a_later_discovery_leaves_the_rows_of_before_alone():
    """A post found after the list, though older than it, changes neither the votes, nor the growth, nor the bound."""
    before = [seen(1, 10, "t3_a", published_at=at(0)), seen(29, 12, "t3_a", published_at=at(0))]
    late = seen(31, 50, "t3_b", published_at=at(5))
    assert joined(*before, late) == joined(*before)


def test_a_later_address_does_not_change_how_a_row_matched():
    """match_method says how result and votes met then; an exact address read after the list does not rewrite it."""
    before = [seen(29, 3, url=f"{PAGE}/")]
    assert only(*before)["match_method"] == "key"
    assert only(*before, seen(31, 4, url=PAGE))["match_method"] == "key"


# --- readings without a number


@pytest.mark.parametrize(("status", "shown"), [(HIDDEN, "hidden"), (FAILED, "failed")])
@pytest.mark.parametrize("post", [None, "t3_a"])
def test_a_last_reading_without_a_number_is_unknown(status, shown, post):
    """Hidden or failed: votes are NULL, and never the number of yesterday."""
    assert known(seen(28, 40, post), seen(29, status, post))[:2] == (None, shown)
    assert growth(seen(1, 10, post), seen(28, 40, post), seen(29, status, post)) == (None, None, None)


@pytest.mark.parametrize("status", [HIDDEN, FAILED])
def test_reading_again_makes_it_known_again(status):
    """After the gap the count is what is read then, not a sum over the gap, and growth is across the gap."""
    readings = [seen(1, 40), seen(25, status), seen(29.5, 43)]
    assert known(*readings) == (43, "observed", False)
    assert growth(*readings) == (None, 3, 3)


def test_one_failed_post_of_several_makes_the_page_unknown_until_it_is_read_again():
    """A sum over posts of which one could not be read is no sum."""
    readings = [seen(20, 4, "t3_a"), seen(20, 5, "t3_b"), seen(29, 6, "t3_a"), seen(29, FAILED, "t3_b")]
    assert known(*readings)[:2] == (None, "failed")
    assert known(*readings, seen(29.5, 7, "t3_b")) == (13, "observed", False)


def test_a_hidden_post_among_known_ones_is_a_lower_bound():
    """The sum of what is known, marked as such; its growth is not known."""
    hidden = [seen(20, 5, "t3_b", published_at=at(19)), seen(29, HIDDEN, "t3_b")]
    readings = [seen(1, 4, "t3_a"), seen(29, 6, "t3_a"), *hidden]
    assert known(*readings) == (6, "observed", True)
    assert growth(*readings) == (None, None, None)


def test_hiding_a_count_is_no_loss_of_votes():
    """Known yesterday and hidden today is not growth of minus everything."""
    readings = [seen(1, 50, "t3_a"), seen(1, 50, "t3_b"), seen(29, 50, "t3_a"), seen(29.5, HIDDEN, "t3_b")]
    assert growth(*readings) == (None, None, None)


def test_only_hidden_posts_are_not_zero():
    """A search that found nothing, and later a post whose count is hidden: unknown, not 0."""
    assert known(searched(10), seen(29, HIDDEN, "t3_a", published_at=at(28)))[:2] == (None, "hidden")


def test_a_search_that_fails_after_a_zero_is_unknown():
    """The zero of an earlier search is not repeated when the last search failed; the next search mends it."""
    assert known(searched(10), searched(29, FAILED))[:2] == (None, "failed")
    assert known(searched(10), searched(28, FAILED), searched(29)) == (0, "observed", False)


def test_a_page_whose_only_search_failed_has_a_row_that_says_so():
    """It had been asked about by then: a row without a number, not no row."""
    assert known(searched(29, FAILED))[:2] == (None, "failed")


def test_a_failed_search_does_not_hide_the_posts_that_are_read():
    """Looking for more posts failed; the posts that are known were read, before and after."""
    readings = [seen(1, 4, "t3_a"), searched(20, FAILED), seen(29.5, 6, "t3_a")]
    assert known(*readings) == (6, "observed", False)
    assert growth(*readings) == (2, 2, 2)


def test_a_post_found_after_a_failed_search_ends_the_failure():
    """A later search that finds posts brings no row of its own: the posts speak."""
    assert known(searched(20, FAILED), seen(29, 6, "t3_a"))[:2] == (6, "observed")


def test_a_post_that_links_nowhere_belongs_to_no_page():
    """Own posts without an address are read too; they neither reach a page nor break a table."""
    assert joined(seen(29, 6, "t3_a", url=None), seen(29, FAILED, "t3_b", url=None)) == []


# --- growth


def test_growth_is_the_difference_between_two_readings():
    """Votes now less votes as of one, seven and 28 days before."""
    assert growth(seen(1, 10), seen(22, 15), seen(28.5, 18), seen(29.5, 20)) == (2, 5, 10)


def test_growth_over_a_window_that_begins_at_a_reading():
    """The window's start is "at or before" too."""
    assert growth(seen(LIST_DAY - 7, 15), seen(LIST_DAY - 1, 18), seen(29.5, 20)) == (2, 5, None)


@pytest.mark.parametrize("published", [None, 1, 22.9, LIST_DAY - 7])
def test_finding_an_old_post_is_no_growth(published):
    """Its votes may be old: growth is not known, also where nobody says when it was published."""
    found = seen(29.5, 50, "t3_b", published_at=None if published is None else at(published))
    assert growth(seen(1, 10, "t3_a"), found)[1] is None


def test_a_new_post_is_growth():
    """A post published within the window had no votes at its start."""
    new = seen(29.5, 50, "t3_b", published_at=at(29.2))
    assert growth(seen(1, 10, "t3_a"), new) == (50, 50, 50)
    assert growth(new) == (50, 50, 50)


def test_a_post_published_before_one_window_and_within_another():
    """Each window is judged by itself."""
    assert growth(seen(29.5, 50, "t3_b", published_at=at(25))) == (None, 50, 50)


def test_a_first_page_total_is_no_growth():
    """A page total has been growing since nobody knows when."""
    assert growth(seen(29.5, 50)) == (None, None, None)


@pytest.mark.parametrize(("before", "after", "change"), [(100, 89, None), (100, 90, -10), (40, 35, -5), (40, 34, None)])
def test_a_reset_is_a_fall_by_more_than_a_tenth_and_more_than_five(before, after, change):
    """Growth across a reset is NULL; a smaller fall is people taking votes back."""
    assert growth(seen(1, before), seen(29.5, after)) == (change, change, change)


def test_growth_after_a_reset_is_known_again():
    """Only windows that contain the reset are lost."""
    assert growth(seen(1, 100), seen(25, 10), seen(29.5, 13)) == (3, None, None)


def test_a_reset_behind_a_failed_reading_is_a_reset():
    """The count is compared with the last one known, however many readings failed in between."""
    assert growth(seen(1, 100), seen(20, FAILED), seen(29.5, 10)) == (None, None, None)


def test_a_post_that_is_gone_counts_nothing_from_then_on():
    """0 from the moment it was not found, and growth across that is NULL."""
    readings = [seen(1, 40, "t3_a"), seen(25, GONE, "t3_a"), seen(1, 2, "t3_b")]
    assert known(*readings) == (2, "observed", False)
    assert growth(*readings) == (0, None, None)


def test_a_post_that_comes_back_is_no_burst():
    """Removed and restored: the votes it had are not votes of today."""
    readings = [seen(1, 40, "t3_a"), seen(25, GONE, "t3_a"), seen(29.5, 40, "t3_a")]
    assert known(*readings) == (40, "observed", False)
    assert growth(*readings) == (None, None, None)


def test_a_post_that_comes_back_after_a_failed_reading_is_no_burst():
    """A failure in between does not make the return a birth."""
    readings = [seen(1, 40, "t3_a"), seen(20, GONE, "t3_a"), seen(25, FAILED, "t3_a"), seen(29.5, 40, "t3_a")]
    assert growth(*readings) == (None, None, None)


def test_a_page_that_is_not_found_is_not_zero():
    """A platform that does not know a page gives no total; 0 is for posts that were there."""
    assert known(seen(29, GONE))[:2] == (None, "hidden")


# --- posts that are found late


def staged(*readings):
    """is_late of every reading in the order of time, and n_late of every moment of the page's total."""
    points, totals = (
        votes_in_memory(readings, [result()], table=table, order=order)
        for table, order in (("stg_points", "observed_at, subject"), ("stg_totals", "valid_from"))
    )
    return [r["is_late"] for r in points], [r["n_late"] for r in totals]


@pytest.mark.parametrize(
    ("published", "is_late"), [(None, True), (5, True), (27.9, True), (LIST_DAY - 2, False), (29.5, False), (31, False)]
)
def test_a_post_is_late_if_it_may_have_been_there_for_more_than_two_days(published, is_late):
    """Two days to the microsecond are in time; a post of unknown age may be old."""
    post = seen(LIST_DAY, 50, "t3_a", published_at=None if published is None else at(published))
    assert staged(post) == ([is_late], [int(is_late)])


def test_a_post_is_late_once():
    """Only its first reading is; the total remembers it from then on."""
    readings = [seen(day, 50 + day, "t3_a", published_at=at(1)) for day in (10, 11, 12)]
    assert staged(*readings) == ([True, False, False], [1, 1, 1])


def test_late_posts_are_counted_as_they_come():
    """A page's number of late posts grows with each; a post in time leaves it."""
    readings = [
        seen(10, 5, "t3_a", published_at=at(1)),
        seen(11, 5, "t3_b", published_at=at(10.5)),
        seen(12, 5, "t3_c", published_at=at(1)),
        seen(12, 6, "t3_d"),
    ]
    assert staged(*readings) == ([True, False, True, True], [1, 1, 3])


def test_the_first_reading_of_a_page_total_is_late():
    """A platform's own total has been growing since nobody knows when, like a post of unknown age."""
    assert staged(seen(10, 5), seen(11, 6)) == ([True, False], [1, 1])


def test_a_search_is_never_late():
    """It finds nothing, or fails; posts that come after it are judged by their own age."""
    new = seen(12, 5, "t3_a", published_at=at(11))
    assert staged(searched(10), searched(11, FAILED), new) == ([False, False, False], [0, 0, 0])


def test_a_post_whose_first_reading_failed_is_late_all_the_same():
    """What counts is when it was found, not when its number could be read."""
    readings = [seen(10, FAILED, "t3_a", published_at=at(1)), seen(11, 5, "t3_a", published_at=at(1))]
    assert staged(*readings) == ([True, False], [1, 1])


def test_late_posts_are_counted_per_page_platform_and_verb():
    """A late post of one page, platform or verb is none of another's."""
    late = {"published_at": at(1)}
    readings = [
        seen(10, 5, "t3_a", **late), seen(10, 5, "t3_a", url=OTHER, published_at=at(9)),
        seen(10, 5, "t3_a", verb="share", **late), seen(11, 5, "t3_b", platform="hatena", published_at=at(10)),
    ]  # fmt: skip
    found = votes_in_memory(readings, [result()], table="stg_totals", order="platform, verb, page_key")
    assert [(r["platform"], r["verb"], r["page_key"], r["n_late"]) for r in found] == [
        ("hatena", "like", key(PAGE), 0), ("reddit", "like", key(PAGE), 1), ("reddit", "like", key(OTHER), 0),
        ("reddit", "share", key(PAGE), 1),
    ]  # fmt: skip


# --- sums


def test_posts_add_up():
    """A page's count is the sum over its posts, each by its own last reading."""
    assert known(seen(3, 4, "t3_a"), seen(9, 5, "t3_b"), seen(20, 6, "t3_a")) == (11, "observed", False)


def test_page_totals_and_posts_are_never_added():
    """The platform's own total is preferred when it is known; else the posts speak."""
    readings = [seen(10, 100), seen(10, 7, "t3_a")]
    assert (only(*readings)["votes"], only(*readings)["basis"]) == (100, "page")
    hidden = only(*readings, seen(29, HIDDEN))
    assert (hidden["votes"], hidden["basis"]) == (7, "post")


def test_growth_never_crosses_from_posts_to_totals():
    """Growth is within one basis: yesterday's posts are no start for today's total."""
    assert growth(seen(1, 7, "t3_a"), seen(29.5, 100)) == (None, None, None)


def test_nothing_found_is_zero_and_later_posts_add_up():
    """A search that found no post is a known zero; posts found later are counted."""
    assert known(searched(10)) == (0, "observed", False)
    assert known(searched(10), seen(20, 3, "t3_a"), seen(21, 4, "t3_b")) == (7, "observed", False)


def test_a_post_after_a_search_without_one_is_growth():
    """Known to be absent, published since, found: all of its votes are new."""
    new = seen(29.5, 3, "t3_a", published_at=at(26))
    assert growth(searched(1), searched(20), new) == growth(searched(20), new) == growth(new) == (None, 3, 3)


def test_a_first_search_without_a_post_is_a_zero_without_growth():
    """Posts may have come and gone before anybody looked."""
    assert growth(searched(25)) == (0, None, None)


def test_a_post_with_two_links_counts_for_both_pages():
    """One video that links to two pages is a post of each, read after read."""
    readings = [seen(d, n, "v1", url=u) for d, n in ((10, 40), (29, 45)) for u in (PAGE, OTHER)]
    found = joined(*readings, results=[result(), result(url=OTHER, position=2)])
    assert [(r["url"], r["votes"], r["votes_7d"]) for r in found] == [(PAGE, 45, 5), (OTHER, 45, 5)]


def test_platforms_and_verbs_do_not_mix():
    """The same post id on two platforms and under two verbs are four counts."""
    readings = [
        seen(29, 10 * p + v, "1", platform=platform, verb=verb)
        for p, platform in enumerate(("hackernews", "reddit"), 1)
        for v, verb in enumerate(("comment", "like"), 1)
    ]
    found = {(r["platform"], r["verb"]): r["votes"] for r in joined(*readings, seen(29.5, FAILED, "1", verb="share"))}
    assert found == {
        ("hackernews", "comment"): 11, ("hackernews", "like"): 12, ("reddit", "comment"): 21, ("reddit", "like"): 22,
        ("reddit", "share"): None,
    }  # fmt: skip


@pytest.mark.parametrize("post", [None, "t3_a"])
def test_the_same_reading_twice_counts_once(tmp_path, post):
    """Arriving through two connectors, two streams or on two days of looking, one reading is one reading."""
    lake = fill(tmp_path, [seen(1, 5, post), seen(29, 9, post)], [result()])
    again = observation_table([seen(29, 9, post)])
    for other in ({"day": 1}, {"stream": "more"}, {"connector": "import"}):
        lake.write(part("observations", **other), again)
    (row,) = rows(made(lake), "FROM serp_votes")
    assert (row["votes"], row["votes_7d"]) == (9, 4)
    assert len(rows(lake, "FROM stg_observations")) == 2


def test_of_two_forms_of_a_reading_the_number_is_kept():
    """A number beats a failure, the higher number beats the lower one."""
    assert known(seen(29, FAILED), seen(29, 7), seen(29, 8)) == (8, "observed", False)


# --- which page


def test_match_methods():
    """The same address is exact, another spelling of it a key, an alias an alias."""
    aliases = {key(OTHER): key(PAGE)}
    assert only(seen(29, 3))["match_method"] == "exact"
    assert only(seen(29, 3, url=f"{PAGE}/"))["match_method"] == "key"
    redirected = only(seen(29, 3, url=OTHER), aliases=aliases)
    assert (redirected["votes"], redirected["match_method"], redirected["page_key"]) == (3, "alias", key(PAGE))
    old = only(seen(29, 3), results=[result(url=OTHER)], aliases=aliases)
    assert (old["votes"], old["match_method"], old["page_key"]) == (3, "alias", key(PAGE))


def test_posts_that_link_to_an_old_address_add_up_with_those_to_the_new_one():
    """An alias makes one page of two addresses."""
    readings = [seen(29, 3, "t3_a", url=OTHER), seen(29, 4, "t3_b")]
    row = only(*readings, aliases={key(OTHER): key(PAGE)})
    assert (row["votes"], row["match_method"]) == (7, "exact")
    assert only(*readings)["votes"] == 4


def test_match_methods_are_per_platform():
    """An exact address on one platform does not make another platform's match exact."""
    readings = [seen(29, 3), seen(29, 4, url=f"{PAGE}/", platform="hatena")]
    assert {r["platform"]: r["match_method"] for r in joined(*readings)} == {"reddit": "exact", "hatena": "key"}


# --- lists


def ranked(tmp_path, *results):
    """serp_results of a lake with these results, in order of result_id."""
    return rows(made(fill(tmp_path, [], results)), "FROM serp_results ORDER BY result_id")


def test_what_was_looked_for_and_not_found_is_kept_without_a_position(tmp_path):
    """Censored: is_found is false, the depth is there, the position is NULL, never 0 or depth + 1."""
    found, missing = ranked(tmp_path, result(depth=20), result(url=OTHER, position=None, depth=20))
    assert (found["position"], found["is_found"]) == (1, True)
    assert (missing["url"], missing["position"], missing["is_found"], missing["depth"]) == (OTHER, None, False, 20)


def test_a_censored_result_has_its_votes():
    """Votes of pages that do not rank are as good as of those that do."""
    row = only(seen(29, 3), results=[result(position=None, depth=20)])
    assert (row["votes"], row["position"]) == (3, None)


@pytest.mark.parametrize(
    "other",
    [
        {"day": LIST_DAY + 1}, {"device": "mobile"}, {"engine": "bing"}, {"rank_kind": RankKind.AVERAGE},
        {"country": "jp"}, {"language": "ja"}, {"source": "elsewhere"}, {"keyword": "boots"},
    ],
)  # fmt: skip
def test_what_makes_another_list(tmp_path, other):
    """Another moment, device, engine, kind, place, language, source or keyword is another list."""
    found = ranked(tmp_path, result(), result(**other))
    assert len({r["list_id"] for r in found}) == len(found) == 2


def test_what_makes_another_keyword(tmp_path):
    """Lists of one keyword are not independent, whatever the device and the moment; another engine is another one."""
    lists = [result(), result(day=31), result(device="mobile"), result(engine="bing"), result(keyword="boots")]
    assert len({r["keyword_id"] for r in ranked(tmp_path, *lists)}) == 3


def test_keywords_are_folded(tmp_path):
    """Case and runs of white space do not make another keyword, and white space alone is no part of it."""
    found = ranked(tmp_path, result(keyword=" Red\t\n Shoes "), result(keyword="red shoes", url=OTHER, position=2))
    assert {(r["keyword"], r["list_id"]) for r in found} == {("red shoes", 1)}


def test_the_same_list_from_two_sources_of_one_look_is_one_list(tmp_path):
    """A list whose results stand in two files of one day is joined again."""
    lake = fill(tmp_path, [], [result()])
    lake.write(part("rankings", stream="more"), ranking_table([result(url=OTHER, position=2), result()]))
    found = rows(made(lake), "SELECT url, list_id FROM serp_results ORDER BY result_id")
    assert [tuple(r.values()) for r in found] == [(PAGE, 1), (OTHER, 1)]


def test_a_list_read_again_is_kept_as_read_last(tmp_path):
    """A later look replaces the list: positions move, and what is no longer in it does not stay behind."""
    third = "https://example.com/c"
    lake = fill(tmp_path, [], [result(), result(url=OTHER, position=2)])
    lake.write(part("rankings", 1), ranking_table([result(position=2), result(url=third, position=1)]))
    found = rows(made(lake), "SELECT url, position FROM serp_results ORDER BY result_id")
    assert [tuple(r.values()) for r in found] == [(third, 1), (PAGE, 2)]


def test_a_look_that_brought_nothing_takes_nothing_away(tmp_path):
    """A failed look leaves an empty file; the list stays as it was read before."""
    lake = fill(tmp_path, [], [result()])
    lake.write(part("rankings", 1), ranking_table([]))
    assert len(rows(made(lake), "FROM serp_results")) == 1


def test_two_addresses_of_one_page_in_one_list_are_two_results(tmp_path):
    """Results are addresses; each gets the votes of its page."""
    found = joined(seen(29, 3), results=[result(), result(url=f"{PAGE}/", position=2)])
    assert [(r["votes"], r["match_method"]) for r in found] == [(3, "exact"), (3, "key")]


# --- against a slow and obvious reference

STATUSES = st.one_of(st.integers(0, 60), st.sampled_from([FAILED, HIDDEN, GONE]))
MOMENTS = st.integers(0, 80).map(lambda halves: halves / 2)


@st.composite
def readings(draw, first=0.0):
    """A reading of one of two pages, by total, by post or by search, on one of two platforms, from a day on."""
    day, count = first + draw(MOMENTS), draw(STATUSES)
    more = {"platform": draw(st.sampled_from(["reddit", "hatena"])), "url": draw(st.sampled_from([PAGE, OTHER]))}
    kind = draw(st.sampled_from(["page", "post", "post", "search"]))
    if kind == "page":
        return seen(day, count, **more)
    if kind == "search":
        return searched(day, count if isinstance(count, Status) else 0, quality=Quality.LOWER_BOUND, **more)
    published = draw(st.one_of(st.none(), st.integers(-4, 80).map(lambda halves: at(halves / 2))))
    return seen(day, count, draw(st.sampled_from(["1", "2", "3"])), published_at=published, **more)


LISTS = st.lists(st.builds(result, day=MOMENTS, url=st.sampled_from([PAGE, OTHER])), min_size=1, max_size=4).map(
    lambda found: list({(r.ranked_at, r.url): r for r in found}.values())
)


def reference(read, results):
    """serp_votes by loops over everything: platform, verb, votes, growth, status, basis, bound, by moment and URL."""
    expected = []
    for r in results:
        mine = [o for o in read if key(o.url) == key(r.url) and o.observed_at <= r.ranked_at]
        for platform in sorted({o.platform for o in mine}):
            totals = {
                basis: Total([o for o in mine if o.platform == platform and o.basis == basis], r.ranked_at)
                for basis in (Basis.PAGE, Basis.POST)
            }
            asked = [b for b in totals if totals[b].series]
            basis = min(asked, key=lambda b: (totals[b].votes is None, b))
            expected.append((r.ranked_at, r.url, platform, basis, *totals[basis].answer()))
    return sorted(expected, key=lambda row: row[:3])


class Total:
    """What is known of one basis of a page at a moment, from readings at or before it."""

    def __init__(self, read, moment):
        self.moment, self.read, self.series = moment, read, {}
        for o in sorted(read, key=lambda o: o.observed_at):
            self.series.setdefault(o.object_id, {}).setdefault(o.observed_at, []).append(o)
        self.series = {s: [self.best(same) for same in by_at.values()] for s, by_at in self.series.items()}

    @staticmethod
    def best(same):
        """A number before none, then the higher one; of the rest they are told apart by nothing (see `clash`)."""
        return min(same, key=lambda o: (o.status != Status.OBSERVED, -(o.count or 0)))

    @staticmethod
    def number(o):
        """What a reading says: a post that is gone has 0 votes."""
        return 0 if o.status == GONE and o.object_id is not None else o.count

    @property
    def speaking(self):
        """The last readings that make the count: those of posts, or of the search while no post is known."""
        last = {subject: series[-1] for subject, series in self.series.items()}
        posts = [o for subject, o in last.items() if subject is not None]
        return posts or list(last.values())

    @property
    def is_blind(self):
        return any(self.number(o) is None for o in self.speaking)

    @property
    def votes(self):
        numbers = [self.number(o) for o in self.speaking if self.number(o) is not None]
        has_failed = any(o.status == FAILED for o in self.speaking)
        return sum(numbers) if numbers and not has_failed else None

    @property
    def status(self):
        if self.votes is not None:
            return "observed"
        return "failed" if any(o.status == FAILED for o in self.speaking) else "hidden"

    def growth(self, days):
        """Votes now less votes then, None for every reason that the headers name."""
        then = self.moment - timedelta(days=days)
        before = Total([o for o in self.read if o.observed_at <= then], then)
        is_unknown = self.votes is None or self.is_blind or before.is_blind
        speaking = [s for s in self.series.values() if s[-1] in self.speaking]
        is_late = any(self.is_late(s, then) for s in speaking)
        if is_unknown or is_late or any(self.has_reset(s, then) for s in self.series.values()):
            return None
        return self.votes - (before.votes or 0)

    @staticmethod
    def is_late(series, then):
        """First read after `then`, though it may have had votes before."""
        first = series[0]
        is_new = first.published_at is not None and then < first.published_at < first.observed_at
        return first.observed_at > then and not is_new

    def has_reset(self, series, then):
        """A fall, a vanishing or a return after `then`; readings that say nothing are passed over."""
        told = [o for o in series if o.status in {Status.OBSERVED, GONE}]
        numbers = [o for o in series if self.number(o) is not None]
        turned = [b for a, b in pairwise(told) if (a.status == GONE) != (b.status == GONE)]
        fallen = [b for a, b in pairwise(numbers) if self.fell(self.number(a), self.number(b))]
        return any(o.observed_at > then for o in turned + fallen)

    @staticmethod
    def fell(before, after):
        return before - after > 5 and (before - after) * 10 > before

    def answer(self):
        observed_at = max(s[-1].observed_at for s in self.series.values())
        return (self.votes, self.status, self.is_blind, observed_at, *(self.growth(d) for d in GROWTH.values()))


def unambiguous(read):
    """One reading per subject and moment, so that no rule about doubles is needed."""
    return list({(o.platform, o.basis, o.object_id, o.url, o.observed_at): o for o in read}.values())


FEW, MANY = (st.lists(readings(), max_size=n).map(unambiguous) for n in (10, 14))


def answers(found):
    """Rows of serp_votes in the order and form of the reference."""
    names = ("ranked_at", "url", "platform", "basis", "votes", "status", "is_lower_bound", "observed_at", *GROWTH)
    return [tuple(row[n] for n in names) for row in found]


@settings(max_examples=100, deadline=None)
@given(MANY, LISTS)
def test_random_lakes_agree_with_the_reference(read, results):
    """Votes, status, bound, moment and growth of every result equal those of loops over all readings."""
    assert answers(votes_in_memory(read, results)) == reference(read, results)


@settings(max_examples=30, deadline=None)
@given(FEW, st.lists(readings(first=40.5), min_size=1, max_size=6), LISTS)
def test_the_future_never_changes_the_past(read, later, results):
    """Readings later than every list change nothing in serp_votes, not one cell."""
    assert votes_in_memory(read + later, results) == votes_in_memory(read, results)


@settings(max_examples=15, deadline=None)
@given(st.lists(readings(), max_size=10), LISTS, st.randoms())
def test_the_order_of_arrival_does_not_matter(read, results, random):
    """Readings in another order, and some of them twice, give the same rows."""
    shuffled = read + [o for o in read if random.random() < 0.3]
    random.shuffle(shuffled)
    assert votes_in_memory(shuffled, results, is_audited=True) == votes_in_memory(read, results)


def test_the_reference_itself_by_hand():
    """The reference is no echo: a case worked out on paper."""
    read = [seen(1, 10, "1", published_at=START), seen(29.5, 4, "2", published_at=at(29.2))]
    (row,) = reference(read, [result()])
    assert row[4:] == (14, "observed", False, at(29.5), 4, 4, 4)
