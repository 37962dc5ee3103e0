"""Tables as panels: positions day by day, votes as known at each moment, and what cannot be compared."""

from __future__ import annotations

import numpy as np
import pytest
import yaml

from connectors.records import RankKind, Status
from models.in_time.panel import Panel
from pipelines import panels
from tests.pipelines.making import START, at, fill, key, made, result, searched, seen

NOON = 0.5
A, B, C, D = (f"https://{name}.example/page" for name in "abcd")
NAN = float("nan")


def a_list(day, *urls, depth=None, **more):
    """A result list at noon of a day, best first."""
    return [result(day + NOON, url, n, depth=depth, **more) for n, url in enumerate(urls, 1)]


def daily(days, *urls, **more):
    """The same list on each of these days."""
    return [r for day in days for r in a_list(day, *urls, **more)]


def built(folder, readings, results):
    """Every panel of a lake, by engine, kind of position, platform and verb."""
    lake = made(fill(folder, readings, results))
    return {(*ranking, platform, verb): panel for ranking, platform, verb, panel in panels.panels(lake)}


def only(folder, readings, results):
    """The one panel of a lake."""
    ((_, panel),) = built(folder, readings, results).items()
    return panel


def read(*urls, day=0, count=5):
    """One reading of each page."""
    return [seen(day, count, url=url) for url in urls]


def places(panel, *urls):
    """Position by page and step; `urls` are the pages that take part, in the order of their keys."""
    assert panel.votes.shape[0] == len(urls)
    return {(urls[p], t): y for p, t, y in zip(panel.page, panel.step, panel.position, strict=True)}


def votes(panel):
    """The votes of the only page, step by step."""
    (row,) = panel.votes.tolist()
    return row


def changes(panel):
    """At which steps the ruler of the only page changes."""
    (row,) = panel.ruler.tolist()
    return [t for t in range(1, len(row)) if row[t] != row[t - 1]]


# --- positions


def test_a_page_that_was_not_found_stands_one_below_the_depth(tmp_path):
    """C is in one of two lists; in the other, which was read three deep, it stands at 4."""
    lists = a_list(0, A, B, C, depth=3) + a_list(1, B, A, depth=3)
    panel = only(tmp_path, read(A), lists)
    assert places(panel, A, B, C) == {(A, 0): 1, (B, 0): 2, (C, 0): 3, (A, 1): 2, (B, 1): 1, (C, 1): 4}
    assert (panel.depth, panel.step_days) == (3, 1)


def test_a_page_that_was_looked_for_and_not_found_is_the_same(tmp_path):
    """Censored in the file (found = false, depth = 3), or simply absent from a list of that depth."""
    missing = result(1 + NOON, C, None, depth=3)
    absent = a_list(0, A, B, C, depth=3) + a_list(1, B, A, depth=3)
    one, other = only(tmp_path / "a", read(A), absent), only(tmp_path / "b", read(A), [*absent, missing])
    assert places(one, A, B, C) == places(other, A, B, C)


def test_a_list_that_was_not_read_has_no_rows(tmp_path):
    """Not looked at is not "not found": the day has a step, and no row."""
    panel = only(tmp_path, read(A), daily((0, 1, 3), A, B, depth=2))
    assert sorted(set(panel.step.tolist())) == [0, 1, 3]
    assert panel.votes.shape == (2, 4)


@pytest.mark.parametrize(("days", "takes_part"), [((0, 1), True), ((0,), False)])
def test_a_page_takes_part_from_half_of_the_lists_on(tmp_path, days, takes_part):
    """B is in two of four lists, or in one of four; a passer-by is not a page that "fell" on all other days."""
    lists = [r for day in range(4) for r in a_list(day, *([A, B] if day in days else [A]), depth=2)]
    panel = only(tmp_path, read(A, B), lists)
    assert panel.votes.shape[0] == (2 if takes_part else 1)


def test_half_is_counted_per_keyword(tmp_path):
    """B is in every list of one keyword and in one of four of the other, in which it takes no part."""
    boots = daily(range(4), A, B, depth=2, keyword="boots")
    shoes = a_list(0, A, B, depth=2) + daily((1, 2, 3), A, depth=2)
    panel = only(tmp_path, read(A), boots + shoes)
    assert np.bincount(panel.keyword[panel.page == 1]).tolist() == [4]
    assert np.bincount(panel.keyword[panel.page == 0]).tolist() == [4, 4]


def test_averages_are_never_made_up_for_absent_pages(tmp_path):
    """A mean position of a page that was not shown is unknown: no row, and nothing is capped or left out by depth."""
    average = {"rank_kind": RankKind.AVERAGE}
    shown = [result(0 + NOON, A, 1.4, **average), result(0 + NOON, B, 37.5, **average)]
    panel = only(tmp_path, read(A), [*shown, result(1 + NOON, A, 1.6, **average)])
    assert places(panel, A, B) == {(A, 0): 1.4, (B, 0): 37.5, (A, 1): 1.6}
    assert panel.depth == 38


def test_the_depth_is_that_of_nearly_all_lists(tmp_path):
    """One list of eleven that ends early is left out; results deeper than the others go count as not found."""
    lists = daily(range(9), A, B, C, depth=3) + a_list(9, A, depth=1) + a_list(10, A, B, D, C, depth=4)
    panel = only(tmp_path, read(A), lists)
    assert panel.depth == 3
    assert 9 not in panel.step
    assert places(panel, A, B, C)[C, 10] == 4


def test_without_a_named_depth_a_list_is_as_deep_as_its_last_result(tmp_path):
    """Three results, nothing said: read three deep."""
    panel = only(tmp_path, read(A), a_list(0, A, B, C) + a_list(1, B, A, D) + a_list(2, A, B, C))
    assert panel.depth == 3
    assert places(panel, A, B, C)[C, 1] == 4


def test_the_last_list_of_a_day_stands(tmp_path):
    """Read in the morning and in the evening: the evening's counts, once."""
    morning = [result(0.25, A, 1), result(0.25, B, 2)]
    evening = [result(0.75, B, 1), result(0.75, A, 2)]
    assert places(only(tmp_path, read(A), morning + evening), A, B) == {(A, 0): 2, (B, 0): 1}


def test_two_addresses_of_a_page_are_one_page_at_the_better_place(tmp_path):
    """One list shows a page twice: it stands where it is first seen."""
    lists = [result(NOON, A, 2), result(NOON, f"{A}/", 3), result(NOON, B, 1)]
    assert places(only(tmp_path, read(A), lists), A, B) == {(A, 0): 2, (B, 0): 1}


def test_devices_countries_languages_and_sources_are_series_of_their_own(tmp_path):
    """One keyword on two devices is two series: positions of one are no earlier positions of the other."""
    others = [{}, {"device": "mobile"}, {"country": "jp"}, {"language": "ja"}, {"source": "elsewhere"}]
    lists = [r for n, more in enumerate(others) for r in daily((0, 1), *([A, B] if n else [B, A]), **more)]
    panel = only(tmp_path, read(A), lists)
    assert sorted(set(panel.keyword.tolist())) == [0, 1, 2, 3, 4]
    by_series = {int(k): set(panel.position[(panel.keyword == k) & (panel.page == 0)]) for k in panel.keyword}
    assert sorted(by_series.values(), key=min) == [{1}, {1}, {1}, {1}, {2}]


def test_engines_kinds_platforms_and_verbs_are_panels_of_their_own(tmp_path):
    """One panel per ranking and pair; a pair of which no page of a ranking was read has none there."""
    lists = a_list(0, A, B) + a_list(0, C, engine="bing") + a_list(0, A, rank_kind=RankKind.AVERAGE)
    readings = [seen(0, 5, url=A), seen(0, 6, url=A, verb="share"), seen(0, 7, url=C, platform="hatena")]
    found = built(tmp_path, readings, lists)
    assert set(found) == {
        ("google", "organic", "reddit", "like"), ("google", "organic", "reddit", "share"),
        ("google", "average", "reddit", "like"), ("google", "average", "reddit", "share"),
        ("bing", "organic", "hatena", "like"),
    }  # fmt: skip
    assert found["google", "organic", "reddit", "share"].votes[0, 0] == 6


def test_domains_are_numbered_by_who_registered_them(tmp_path):
    """Hosts of one registrable domain are one domain, also below a suffix of two parts."""
    urls = ["https://a.shop.co.uk/1", "https://b.shop.co.uk/2", "https://other.co.uk/3", "https://www.other.co.uk/4"]
    panel = only(tmp_path, read(urls[0]), a_list(0, *urls))
    by_key = dict(zip(sorted(map(key, urls)), panel.domain.tolist(), strict=True))
    shop, other = ({by_key[key(u)] for u in pair} for pair in (urls[:2], urls[2:]))
    assert len(shop) == len(other) == 1 and shop != other
    assert sorted(set(panel.domain.tolist())) == [0, 1]


# --- votes


def test_votes_are_those_known_at_the_moment_of_the_list(tmp_path):
    """The last reading at or before noon; the afternoon's counts from the next day on, never before."""
    readings = [seen(0.4, 10, url=A), seen(0.6, 20, url=A), seen(2 + NOON, 30, url=A), seen(3.6, 99, url=A)]
    assert votes(only(tmp_path, readings, daily(range(4), A))) == [10, 20, 30, 30]


def test_later_readings_change_no_earlier_step(tmp_path):
    """The future never changes the past: votes and rulers up to a day are the same with and without what follows."""
    early = [seen(day + 0.2, 10 * day, url=A) for day in range(4)]
    late = [seen(4.2, 2, url=A), seen(5.2, 900, url=A), seen(4.3, 70, "t3_a", url=A), seen(5, Status.FAILED, url=A)]
    lists = daily(range(7), A)
    one, other = only(tmp_path / "a", early, lists), only(tmp_path / "b", early + late, lists)
    np.testing.assert_array_equal(one.votes[:, :4], other.votes[:, :4])
    np.testing.assert_array_equal(one.ruler[:, :4], other.ruler[:, :4])


def test_a_day_without_a_list_has_votes_of_the_usual_time(tmp_path):
    """Lists come at noon: votes read in the morning are those of the day, those of the evening are not."""
    readings = [seen(0, 1, url=A), seen(1.4, 2, url=A), seen(1.6, 3, url=A)]
    assert votes(only(tmp_path, readings, daily((0, 2), A))) == [1, 2, 3]


def test_a_reading_of_more_than_three_steps_ago_is_unknown(tmp_path):
    """Three days later to the minute it still counts; afterwards nobody knows, and it is not repeated."""
    assert votes(only(tmp_path, [seen(NOON, 5, url=A)], daily(range(6), A))) == pytest.approx(
        [5, 5, 5, 5, NAN, NAN], nan_ok=True
    )


@pytest.mark.parametrize("status", [Status.FAILED, Status.HIDDEN])
def test_a_reading_without_a_number_is_unknown_until_the_next(tmp_path, status):
    """Never the number of yesterday, and never 0."""
    readings = [seen(0, 5, url=A), seen(1, status, url=A), seen(3, 8, url=A)]
    assert votes(only(tmp_path, readings, daily(range(4), A))) == pytest.approx([5, NAN, NAN, 8], nan_ok=True)


def test_a_page_that_was_never_read_is_unknown(tmp_path):
    """B stands in the lists and nobody asked about it: NaN throughout; before its first reading A is unknown too."""
    panel = only(tmp_path, [seen(1, 5, url=A)], daily(range(3), A, B))
    np.testing.assert_array_equal(panel.votes, [[NAN, 5, 5], [NAN, NAN, NAN]])


def test_a_known_zero_is_a_zero(tmp_path):
    """A search that found no post says 0."""
    assert votes(only(tmp_path, [searched(0, url=A)], daily(range(2), A))) == [0, 0]


def test_posts_add_up_and_never_mix_with_page_totals(tmp_path):
    """The platform's own total speaks where it is known, for the whole series."""
    posts = [seen(0, 3, "t3_a", url=A), seen(1, 4, "t3_b", url=A, published_at=at(0.9))]
    lists = daily(range(2), A)
    assert votes(only(tmp_path / "a", posts, lists)) == [3, 7]
    assert votes(only(tmp_path / "b", [*posts, seen(1, 100, url=A)], lists)) == pytest.approx([NAN, 100], nan_ok=True)


# --- rulers


def test_a_steady_series_has_one_ruler(tmp_path):
    """Growth, small losses and a gap in reading leave the ruler as it is."""
    readings = [seen(day, count, url=A) for day, count in ((0, 50), (1, 60), (2, 57), (6, 90))]
    assert changes(only(tmp_path, readings, daily(range(8), A))) == []


def test_a_reset_changes_the_ruler(tmp_path):
    """From the first list that sees the fall on."""
    readings = [seen(0, 100, url=A), seen(1.8, 10, url=A), seen(3, 12, url=A)]
    assert changes(only(tmp_path, readings, daily(range(5), A))) == [2]


@pytest.mark.parametrize(("published", "ruler_changes"), [(0.1, [4]), (None, [4]), (2.9, [])])
def test_a_post_found_late_changes_the_ruler(tmp_path, published, ruler_changes):
    """Its votes came before it was found: they are no growth of that day. A fresh post is growth."""
    post = seen(3.8, 40, "t3_b", url=A, published_at=None if published is None else at(published))
    readings = [seen(day, 5, "t3_a", url=A, published_at=at(-0.5)) for day in range(6)]
    panel = only(tmp_path, [*readings, post], daily(range(6), A))
    assert (changes(panel), votes(panel)[3:5]) == (ruler_changes, [5, 45])


def test_a_hidden_count_among_known_ones_changes_the_ruler_and_back(tmp_path):
    """A sum over fewer posts is another quantity; when the post is read again, it is the old one."""
    steady = [seen(day, 5, "t3_a", url=A, published_at=at(-0.5)) for day in range(5)]
    other = [seen(day, n, "t3_b", url=A, published_at=at(-0.5)) for day, n in ((0, 9), (2, Status.HIDDEN), (4, 9))]
    panel = only(tmp_path, steady + other, daily(range(6), A))
    assert votes(panel)[:5] == [14, 14, 5, 5, 14]
    assert changes(panel) == [2, 4]
    assert panel.ruler[0, 4] == panel.ruler[0, 0]


# --- weeks


def test_weekly_lists_make_weekly_steps(tmp_path):
    """A step is a week; moments, rows and staleness count in weeks."""
    panel = only(tmp_path, [seen(0, 5, url=A), seen(7.5, 6, url=A)], daily((0, 7, 14, 21, 28, 35), A, B))
    assert panel.step_days == 7
    assert sorted(set(panel.step.tolist())) == list(range(6))
    assert panel.votes[0].tolist() == pytest.approx([5, 6, 6, 6, 6, NAN], nan_ok=True)


def test_weekly_readings_make_weekly_steps_of_daily_lists(tmp_path):
    """Votes once a week say nothing of days: the last list of each week stands."""
    lists = [r for day in range(21) for r in a_list(day, *((B, A) if day % 7 == 6 else (A, B)))]
    panel = only(tmp_path, [seen(7 * week, 5 + week, url=A) for week in range(3)], lists)
    assert (panel.step_days, panel.votes.shape) == (7, (2, 3))
    assert places(panel, A, B) == {(A, t): 2 for t in range(3)} | {(B, t): 1 for t in range(3)}
    assert panel.votes[0].tolist() == [5, 6, 7]


@pytest.mark.parametrize(("gap", "step_days"), [(1, 1), (3, 1), (4, 7)])
def test_steps_are_weeks_from_four_days_between_lists_on(tmp_path, gap, step_days):
    """Every third day is still daily with gaps."""
    assert only(tmp_path, read(A), daily(range(0, 20, gap), A)).step_days == step_days


# --- breaks


def calendar(folder, *entries):
    """The data folder's own calendar of breaks."""
    folder.mkdir(parents=True, exist_ok=True)
    words = {"kind": "measurement", "what": "Something changed.", "source": "A changelog."}
    whole = [words | {"first_day": at(day).date()} | more for day, more in entries]
    (folder / "breaks.yaml").write_text(yaml.safe_dump({"breaks": whole}))


ENGINE = (3, {"id": "engine", "engines": ["google"]})
PLATFORM = (5, {"id": "platform", "platforms": ["reddit"], "verbs": ["like"]})
ELSEWHERE = [
    (2, {"id": "bing", "engines": ["bing"]}),
    (2, {"id": "pins", "platforms": ["pinterest"]}),
    (4, {"id": "shares", "platforms": ["reddit"], "verbs": ["share"]}),
    (4, {"id": "averages", "engines": ["google"], "rank_kinds": ["average"]}),
]


def cuts(folder):
    """Steps at which segments and rulers change in eight steady days."""
    panel = only(folder, [seen(day, 5, url=A) for day in range(8)], daily(range(8), A))
    return [t for t in range(1, 8) if panel.segment[t] != panel.segment[t - 1]], changes(panel)


def test_breaks_of_the_engine_split_positions_and_of_the_platform_votes(tmp_path):
    """Each at its day; breaks of others, of other verbs and of other kinds of position split nothing."""
    calendar(tmp_path, ENGINE, PLATFORM, *ELSEWHERE)
    assert cuts(tmp_path) == ([3], [5])


def test_without_breaks_nothing_is_split(tmp_path):
    """A calendar that is empty."""
    calendar(tmp_path)
    assert cuts(tmp_path) == ([], [])


def test_the_shipped_calendar_speaks_where_the_folder_has_none(tmp_path):
    """Google's core update of December 2025 splits lists of those days."""
    before = (at(0).date() - at(-25).date()).days
    lists = daily(range(-before, 3), A)
    panel = only(tmp_path, read(A), lists)
    days = [at(day).date().isoformat() for day in range(-before, 3)]
    assert [days[t] for t in range(1, len(days)) if panel.segment[t] != panel.segment[t - 1]] == [
        "2025-12-11",
        "2025-12-30",
    ]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("engine", ([], [5])), ("platform", ([3], [])), ("platform, engine", ([], [])), ("all", ([], [])),
        ("", ([3], [5])), ("bing,nonsense", ([3], [5])),
    ],
)  # fmt: skip
def test_breaks_can_be_looked_across(tmp_path, monkeypatch, asked, expected):
    """By id, several, or all; other names change nothing."""
    monkeypatch.setenv(panels.ACROSS, asked)
    calendar(tmp_path, ENGINE, PLATFORM, *ELSEWHERE)
    assert cuts(tmp_path) == expected


def test_platforms_that_were_imported_may_have_breaks(tmp_path):
    """A platform without a connector is known to the calendar from its votes."""
    calendar(tmp_path, (2, {"id": "ours", "platforms": ["our forum"]}))
    readings = [seen(day, 5, url=A, platform="our forum") for day in range(4)]
    assert changes(only(tmp_path, readings, daily(range(4), A))) == [2]


# --- nothing to build


@pytest.mark.parametrize(
    ("results", "why"),
    [
        ([result(NOON, A, None, depth=20)], "no page is in half of the lists of its keyword"),
        ([result(NOON, A, None)], "no list of this ranking holds a result"),
        (
            [r for n in range(3) for r in a_list(n, f"https://x.example/{n}", depth=1)],
            "no page is in half of the lists",
        ),
    ],
)
def test_where_nothing_can_be_built_it_is_said_in_words(tmp_path, results, why):
    """Not found anywhere, or never the same page twice."""
    readings = read(A, *(f"https://x.example/{n}" for n in range(3)))
    found = only(tmp_path, readings, results)
    assert isinstance(found, str) and found.startswith(why)


def test_an_empty_lake_has_no_panels(tmp_path):
    """Nothing read, nothing ranked: no pair, no error; votes alone make none either."""
    assert built(tmp_path / "a", [], []) == {}
    assert built(tmp_path / "b", read(A), []) == {}
    assert built(tmp_path / "c", [], a_list(0, A)) == {}


def test_days_count_from_the_first_list(tmp_path):
    """Votes read weeks before the first list do not make steps."""
    panel = only(tmp_path, [seen(day, 5, url=A) for day in range(0, 40, 2)], daily(range(30, 34), A))
    assert isinstance(panel, Panel) and panel.votes.shape == (1, 4)
    assert at(0) == START
