"""Reputation: whose page one is it? Labels of people and of the project, warnings, days a hostile result is there."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.records import RankKind, Status
from pipelines import labels
from pipelines.evidence import brand_results, page_labels, reputation_days, table
from tests.pipelines.making import fill, key, made, result, seen

OURS, FRIEND, FOE, STRANGER = (f"https://{name}.example/acme" for name in ("ours", "friend", "foe", "stranger"))
PROJECT = """
sites: [ours.example]
brands:
  - {name: Acme, queries: ["Acme  Shoes", acme], friendly: [friend.example, ours.example]}
  - {name: Other, queries: [other]}
"""


def lake_of(folder, lists, votes=(), project=PROJECT):
    """A lake with result lists of "acme shoes", votes and a project file."""
    (folder / "project.yaml").write_text(project, encoding="utf-8")
    return made(fill(folder, votes, lists))


def listed(day, *urls, keyword="ACME shoes", first=1, **more):
    """A list that holds these pages from a position on."""
    return [result(day, url, n, keyword=keyword, **more) for n, url in enumerate(urls, first)]


def built(lake):
    """The three tables."""
    return tuple(table.build(lake, module.TABLE) for module in (page_labels, brand_results, reputation_days))


def said(rows):
    """Page, query, label and origin."""
    return sorted((r["page_key"], r["query"] or "", r["label"], r["origin"]) for r in rows)


# --- labels


def test_the_project_says_what_is_ours_and_friendly(tmp_path):
    """Our sites for every query, friends for their brand's queries; what is ours needs no friend."""
    found, results, _ = built(lake_of(tmp_path, listed(1, OURS, FRIEND, STRANGER)))
    assert said(found) == [
        (key(FRIEND), "acme", "friendly", "project"), (key(FRIEND), "acme shoes", "friendly", "project"),
        (key(OURS), "", "owned", "project"),
    ]  # fmt: skip
    assert [(r["position"], r["label"]) for r in results] == [(2, "friendly"), (1, "owned"), (3, None)]


def test_people_win_over_the_project(tmp_path):
    """For every query, or for the one that they name."""
    lake = lake_of(tmp_path, [*listed(1, OURS, FRIEND), *listed(1, OURS, FRIEND, keyword="acme")])
    labels.add(tmp_path, OURS, "neutral", "Ann", query="acme")
    labels.add(tmp_path, FRIEND, "hostile", "Bob", note="no longer")
    found, results, _ = built(lake)
    assert said(found) == [
        (key(FRIEND), "", "hostile", "person"), (key(OURS), "", "owned", "project"),
        (key(OURS), "acme", "neutral", "person"),
    ]  # fmt: skip
    mine = next(r for r in found if r["label"] == "hostile")
    assert (mine["author"], mine["note"]) == ("Bob", "no longer") and mine["labelled_at"] is not None
    assert [(r["query"], r["label"]) for r in results] == [
        ("acme", "hostile"), ("acme", "neutral"), ("acme shoes", "hostile"), ("acme shoes", "owned"),
    ]  # fmt: skip


def test_a_slip_in_the_ledger_keeps_no_table_from_being_made(tmp_path, caplog):
    """It is logged with its line; the page stays unlabelled."""
    lake = lake_of(tmp_path, listed(1, FOE))
    (tmp_path / labels.NAME).write_text(f"{','.join(labels.HEADER)}\n{FOE},,evil,Ann,2026-01-01,\n", encoding="utf-8")
    _, results, _ = built(lake)
    assert [r["label"] for r in results] == [None]
    assert "line 2 is not read" in caplog.text


def test_without_brands_there_is_nothing(tmp_path):
    """No project file: no labels, no results, no days."""
    assert built(made(fill(tmp_path, [], listed(1, FOE)))) == ([], [], [])


# --- results


def test_only_brand_queries_and_only_the_first_fifty(tmp_path):
    """Other keywords are no reputation; below fifty nobody looks."""
    lists = [
        *listed(1, OURS, FOE, first=50),
        *listed(1, STRANGER, keyword="boots"),
        result(1, FRIEND, None, keyword="acme", depth=9),
    ]
    _, results, _ = built(lake_of(tmp_path, lists))
    assert [(r["page_key"], r["position"], r["is_page_one"]) for r in results] == [(key(OURS), 50, False)]


def test_averages_of_search_console_are_no_page_one(tmp_path):
    """They show our own pages only: all of page one would seem ours."""
    lists = listed(1, OURS, rank_kind=RankKind.AVERAGE)
    assert built(lake_of(tmp_path, lists))[1:] == ([], [])


def test_rising_votes_below_page_one_are_an_early_warning_only_where_the_page_is_hostile(tmp_path):
    """Named by platform and verb, never added up; on page one it is no early warning any more."""
    votes = [seen(d, 5 * d, url=u, verb=v) for d in range(1, 10) for u in (FOE, STRANGER) for v in ("like", "share")]
    votes += [seen(d, 7, url=FOE, platform="hatena", verb="save") for d in range(1, 10)]
    lists = [*listed(9, FOE, STRANGER, first=11), *listed(10, FOE, STRANGER, first=10)]
    lake = lake_of(tmp_path, lists, votes)
    labels.add(tmp_path, FOE, "hostile", "Ann")
    found = {(r["day"].day, r["page_key"]): r for r in built(lake)[1]}
    foe = found[10, key(FOE)]
    assert (foe["n_platforms_rising"], foe["rising"], foe["is_warning"]) == (1, "reddit like, reddit share", True)
    assert found[10, key(STRANGER)]["n_platforms_rising"] == 1 and not found[10, key(STRANGER)]["is_warning"]
    assert found[11, key(FOE)]["is_page_one"] and not found[11, key(FOE)]["is_warning"]


@pytest.mark.parametrize(
    ("votes", "rising"),
    [
        ([], None), ([(9, Status.FAILED), (10, 5)], None), ([(8, 5), (9, 5)], 0), ([(8, 5), (9, 4)], 0),
        ([(1, 5), (2, 50), (3, 50), (12, 50)], 0), ([(1, 5), (2, 50), (12, 90)], None),
        ([(2, 5), (3, 50)], 1), ([(4, 5), (6, 50)], 1),
    ],
)  # fmt: skip
def test_rising_is_what_is_known_of_the_seven_days(tmp_path, votes, rising):
    """Unknown is NULL; no gain, a loss, and gains of longer ago are none; gains after the day are not foreseen."""
    readings = [seen(d, count, url=FOE) for d, count in votes]
    (row,) = built(lake_of(tmp_path, listed(9, FOE), readings))[1]
    assert row["n_platforms_rising"] == rising


@pytest.mark.parametrize(
    ("address", "label"),
    [
        ("x.example/acme-is-terrible", "hostile"), ("x.example/best-acme-shoes?q=terrible", "friendly"),
        ("terrible.example/acme", None), ("x.example/shoes%20for%20men", None), ("x.example", None),
    ],
)  # fmt: skip
def test_words_of_the_address_suggest_and_no_more(address, label):
    """English words of the path; where none of them has a polarity it is unknown, not neutral."""
    found = brand_results.suggest(address)
    assert found.label == label
    assert found.score is None or -1 <= found.score <= 1
    assert (found.score is None) == (label is None)


def test_a_suggestion_is_no_label(tmp_path):
    """An unlabelled page stays unlabelled, whatever its address sounds like."""
    (row,) = built(lake_of(tmp_path, listed(1, "https://x.example/terrible")))[1]
    assert (row["label"], row["suggestion"]) == (None, "hostile")


# --- days


def test_shares_are_of_page_one_and_sum_to_one(tmp_path):
    """Twelve results: ten are on page one; the hostile one at 12 is named as the highest and is there for 0 days."""
    urls = [OURS, FRIEND, *(f"https://s{n}.example/" for n in range(9)), FOE]
    lake = lake_of(tmp_path, listed(1, *urls))
    labels.add(tmp_path, FOE, "hostile", "Ann")
    (row,) = built(lake)[2]
    shares = [row[name] for name in reputation_days.SHARES]
    assert (row["n_results"], shares) == (10, [0.1, 0.1, 0, 0, 0.8])
    assert (row["hostile_position"], row["hostile_url"], row["days_there"]) == (12, FOE, 0)


def test_no_result_on_page_one_is_no_share(tmp_path):
    """Shares of nothing are unknown."""
    (row,) = built(lake_of(tmp_path, listed(1, OURS, first=11)))[2]
    assert row["n_results"] == 0 and {row[name] for name in reputation_days.SHARES} == {None}


def test_days_there_count_lists_in_a_row_at_or_above_the_position(tmp_path):
    """It rises: the row of the higher place begins anew. It falls: the days it stood higher count too. A day without a
    list does not count.
    """
    lists = [
        row for day, place in ((1, 5), (2, 3), (3, 4), (5, 4), (6, 11), (7, 2)) for row in listed(day, FOE, first=place)
    ]
    lake = lake_of(tmp_path, lists)
    labels.add(tmp_path, FOE, "hostile", "Ann")
    assert [(r["hostile_position"], r["days_there"]) for r in built(lake)[2]] == [
        (5, 1), (3, 1), (4, 2), (4, 3), (11, 0), (2, 1),
    ]  # fmt: skip


PLACES = st.lists(st.one_of(st.none(), st.integers(1, 14)), min_size=1, max_size=30)


@given(PLACES)
def test_days_there_are_those_that_counting_back_gives(places):
    """Against the plain way: from each list back, as long as the highest hostile result on page one is as high."""
    results = [
        {"day": date(2026, 1, 1) + timedelta(days=n), "position": p or 1, "is_page_one": (p or 1) <= 10, "url": "u",
         "label": "hostile" if p else None, "is_warning": False}
        for n, p in enumerate(places)
    ]  # fmt: skip
    found = [row["days_there"] for row in reputation_days._days((1, "Acme", "acme"), results)]
    for n, place in enumerate(places):
        back = 0
        while place and place <= 10 and back <= n and (before := places[n - back]) and before <= place:
            back += 1
        assert found[n] == back
