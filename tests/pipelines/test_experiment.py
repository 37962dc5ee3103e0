"""Experiments from the lake to the word: design, plan file, score, refusals, and the command line."""

from __future__ import annotations

import csv
import json
import random
from datetime import date, timedelta

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from connectors.errors import TallyrankError
from connectors.records import RankKind, Verb
from pipelines import sqlfile
from pipelines.experiment import command
from pipelines.experiment.design import Wish, design
from pipelines.experiment.history import growth, opened, places, votes
from pipelines.experiment.plan import ResultList, digests, read_plan, write_plan
from pipelines.experiment.score import keep, kept_results, score, sentence
from pipelines.lake import Lake
from tests.pipelines.making import START, fill, result, seen

DAYS = 100  # of history
DEPTH = 30
N_PAGES = 24
FIRST = START.date()
TODAY = FIRST + timedelta(days=DAYS)
SHORT = {"before_days": 14, "washout_days": 2, "after_days": 14, "seed": 7}
LIST = ResultList(keyword="shoes", country=None, language=None, device=None, source=None)


READ = ("stg_observations", "stg_points", "stg_totals", "stg_rankings", "serp_results")


def made(lake):
    """The same lake with the tables that experiments read, made by the shipped SQL."""
    lake.table_path("x").parent.mkdir(parents=True, exist_ok=True)
    with lake.connect("observations", "rankings", "aliases") as con:
        for name in READ:
            con.execute(f"CREATE TABLE {name} AS {sqlfile.tables()[name].query}")
            con.execute(f"COPY {name} TO '{lake.table_path(name)}' (FORMAT parquet)")
    return lake


def page(n):
    """The address of a page; its join key is the same without the scheme."""
    return f"https://site{n}.example/p"


def keyword(n):
    """What it ranks for."""
    return f"thing {n}"


def positions(n, days):
    """Where a page stands each day: about its own level, wandering a little."""
    chance, level = random.Random(n), 5 + n % 12
    return [max(1, level + chance.choice((-1, 0, 0, 0, 1))) for _ in range(days)]


def rankings(days=DAYS, effect=None, skipped=()):
    """A list of depth 30 per page and day; from day 100 on the pages in `effect` stand so many places higher."""
    moved = effect or {}
    return [
        result(
            day, page(n), max(1, place - (moved.get(page(n), 0) if day >= DAYS else 0)), keyword=keyword(n), depth=DEPTH
        )
        for n in range(N_PAGES)
        for day, place in enumerate(positions(n, days))
        if not (page(n) in skipped and day >= DAYS)
    ]


def readings(gains=None, days=DAYS):
    """Likes of every page: a few at the start, and where told, after the experiment's start more."""
    before = [seen(50, n, url=page(n)) for n in range(N_PAGES)]
    return before + [seen(days - 1, n + (gains or {}).get(page(n), 0), url=page(n)) for n in range(N_PAGES) if gains]


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """100 days of 24 pages, each alone in its lists."""
    return made(fill(tmp_path_factory.mktemp("history"), readings(), rankings()))


@pytest.fixture(scope="module")
def plan(lake):
    """The plan designed from it."""
    return design(lake, Wish("reddit", Verb.LIKE, **SHORT), TODAY).plan


def later(folder, plan, effect=0, gain=None, days=DAYS + 17, **more):
    """The lake when the plan's days are over: promoted pages rose by `effect` and gained so many likes."""
    promoted = {pair.promote.url for pair in plan.pairs}
    gains = None if gain is None else {page(n): gain if page(n) in promoted else 1 for n in range(N_PAGES)}
    moved = dict.fromkeys(promoted, effect)
    return made(fill(folder, readings(gains, days), rankings(days, moved, **more)))


# --- the history


def matrix(folder, results, depth, days, kind="organic"):
    """Capped positions of page A in the list "shoes"."""
    known = made(fill(folder, (), results))
    with opened(known, "google", kind) as con:
        return places(con, [LIST], [("example.com/a", 0)], (FIRST, FIRST + timedelta(days=days - 1)), depth)[0]


def test_places_are_capped_and_absence_is_known_only_down_to_the_depth(tmp_path):
    """Found, too deep, looked for in vain, not in a list read deep enough: known; a shallow or unread list: NaN."""
    b = "https://example.com/b"
    results = [
        result(0, position=4, depth=30),
        result(1, position=25, depth=30),
        result(2, position=None, depth=30),
        result(3, url=b, position=2, depth=20),
        result(4, position=1, depth=10),
        result(4, url=b, position=2, depth=10),
    ]
    np.testing.assert_array_equal(matrix(tmp_path, results, 20, 6), [4, 21, 21, 21, np.nan, np.nan])


def test_a_list_that_fills_every_place_says_how_deep_it_was_read(tmp_path):
    """Without a depth: places 1 to 3 all there means read to 3; with gaps, an absent page is unknown."""
    names = [f"https://example.com/{x}" for x in "bcd"]
    full = [result(0, url=u, position=i) for i, u in enumerate(names, 1)]
    gaps = [result(1, url=u, position=2 * i) for i, u in enumerate(names, 1)]
    found = matrix(tmp_path, [*full, *gaps, result(2, position=9)], 3, 3)
    np.testing.assert_array_equal(found, [4, np.nan, 4])


def test_averages_are_unknown_without_impressions(tmp_path):
    """A page that a day's averages do not name had no impressions: its place is unknown, not beyond the depth."""
    average = {"rank_kind": RankKind.AVERAGE}
    results = [result(0, position=1.0, **average), result(1, url="https://example.com/b", position=1.0, **average)]
    np.testing.assert_array_equal(matrix(tmp_path, results, 20, 2, "average"), [1, np.nan])


def test_lists_of_one_day_are_averaged(tmp_path):
    """Morning and evening count as one day; another device is another list."""
    results = [
        result(0.1, position=4, depth=30),
        result(0.9, position=8, depth=30),
        result(0.5, position=30, depth=30, device="mobile"),
    ]
    np.testing.assert_array_equal(matrix(tmp_path, results, 20, 1), [6])


def test_votes_and_their_growth(tmp_path):
    """As of the start of each day; growth needs a number on both sides, a reading in between, and no reset."""
    urls = [f"https://example.com/{x}" for x in "abcd"]
    keys = [u.removeprefix("https://") for u in urls]
    counts = [
        *(seen(0.5, 100, url=u) for u in urls),
        seen(3.5, 130, url=urls[0]),
        seen(3.5, 20, url=urls[1]),
        seen(9.5, 999, url=urls[0]),
        seen(9.5, 999, url=urls[2]),
    ]
    known = made(fill(tmp_path, counts, [result(1)]))
    day = [FIRST + timedelta(days=i) for i in range(11)]
    with opened(known, "google", "organic") as con:
        likes = votes(con, keys, ("reddit", "like"), (day[0], day[4]))
        np.testing.assert_array_equal(likes[0], [np.nan, 100, 100, 100, 130])
        assert np.isnan(votes(con, keys, ("reddit", "share"), (day[0], day[4]))).all()
        gained = growth(con, [*keys, "nobody.example"], ("reddit", "like"), day[1], day[4])
        np.testing.assert_array_equal(gained, [30, np.nan, np.nan, np.nan, np.nan])


# --- design


def test_a_plan_pairs_like_pages_by_lot(plan):
    """Twelve pairs of 24 pages, no page twice, levels close, the dates and numbers of the wish, nothing shared."""
    urls = [p.url for p in plan.pages]
    assert sorted(urls) == sorted(page(n) for n in range(N_PAGES))
    levels = {page(n): 5 + n % 12 for n in range(N_PAGES)}
    apart = [abs(levels[p.promote.url] - levels[p.leave_alone.url]) for p in plan.pairs]
    assert np.mean(apart) < 2
    assert (plan.start_day, plan.end_day) == (TODAY, TODAY + timedelta(days=15))
    assert (plan.depth, plan.min_before_days, plan.min_after_days, plan.n_shared_lists) == (DEPTH, 7, 7, 0)
    assert 0 < plan.expected_mde < 1
    assert 0 < plan.expected_sd < 1


def test_the_seed_decides_the_coins_and_nothing_else(lake, plan):
    """The same seed gives the same plan; another one the same pairs with other coins."""
    again, other = (
        design(lake, Wish("reddit", Verb.LIKE, **SHORT | {"seed": s}), TODAY).plan for s in (SHORT["seed"], 8)
    )
    assert again.pairs == plan.pairs
    assert other.pairs != plan.pairs

    def unordered(one):
        return {frozenset((p.promote.url, p.leave_alone.url)) for p in one.pairs}

    assert unordered(other) == unordered(plan)


def test_the_future_of_a_plan_is_not_known(lake):
    """A start on a day that has been read, or before today, is refused; a later one is kept."""
    wish = {**SHORT, "platform": "reddit", "verb": Verb.LIKE}
    for start, today in ((TODAY - timedelta(days=1), FIRST), (TODAY, TODAY + timedelta(days=1))):
        with pytest.raises(TallyrankError, match="too early"):
            design(lake, Wish(**wish, start=start), today)
    assert design(lake, Wish(**wish, start=TODAY + timedelta(days=9)), TODAY).plan.start_day.day == 20


def test_more_pairs_and_longer_windows_are_reckoned(lake, plan):
    """Each length says its spread, what the pairs find, and the pairs for the wish; a smaller wish needs more pairs."""
    made_plan = design(lake, Wish("reddit", Verb.LIKE, effect=0.05, **SHORT), TODAY)
    planned = made_plan.lengths[0]
    assert planned.after_days == 14
    assert made_plan.lengths[1].after_days == 28
    assert (planned.sd, planned.mde) == pytest.approx((plan.expected_sd, plan.expected_mde), abs=1e-4)
    assert planned.n_needed > len(plan.pairs)


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"before_days": 60, "after_days": 60}, "spans 100 days, and 60 before"),
        ({"min_days": 15}, "0 candidates rank"),
        ({"sites": ("site1.example", "site2.example")}, "2 candidates rank .* give 1 pairs"),
        ({"n_pairs": 5}, "at least 6 pairs"),
        ({"before_days": 40, "washout_days": 2, "after_days": 40, "n_pairs": 8}, "8 placebo pairs, and 20 are needed"),
        ({"engine": "bing"}, r"history holds google \(organic\)"),
        ({"effect": 0.0}, "--effect"),
        ({"platform": "Red dit"}, "--platform"),
    ],
)
def test_what_cannot_work_is_refused_with_numbers(lake, wish, words):
    """Too little history, too few pages, several or no engines: an error says how much there is and what to do."""
    with pytest.raises(TallyrankError, match=words):
        design(lake, Wish(**{"platform": "reddit", "verb": Verb.LIKE} | SHORT | wish), TODAY)


def test_an_empty_lake_is_refused(tmp_path):
    """Nothing analysed yet: the error names the command that is missing."""
    with pytest.raises(TallyrankError, match="tallyrank analyze"):
        design(Lake(tmp_path), Wish("reddit", Verb.LIKE), TODAY)


def test_candidates_by_file(lake, tmp_path):
    """Only the pages of the file, topics after a tab kept together, addresses that do not rank counted."""
    lines = [f"{page(n)}\t{'even' if n % 2 == 0 else 'odd'}" for n in range(16)]
    (tmp_path / "urls.txt").write_text("# mine\n" + "\n".join([*lines, "https://nobody.example/x"]))
    found = design(lake, Wish("reddit", Verb.LIKE, urls=tmp_path / "urls.txt", **SHORT), TODAY)
    assert (found.n_candidates, found.n_listed, len(found.plan.pairs)) == (16, 17, 8)
    number = {page(n): n for n in range(16)}
    same = [number[p.promote.url] % 2 == number[p.leave_alone.url] % 2 for p in found.plan.pairs]
    assert np.mean(same) >= 0.75
    (tmp_path / "urls.txt").write_text("mailto:me@example.com\n")
    with pytest.raises(TallyrankError, match="no web address"):
        design(lake, Wish("reddit", Verb.LIKE, urls=tmp_path / "urls.txt", **SHORT), TODAY)


def test_competitors_are_kept_apart_and_shared_lists_counted(tmp_path):
    """Two pages per list: no pair within one, every list that holds both arms is counted; a flag allows such pairs."""
    shared = [
        result(day, page(n), place + 0.5 * (n % 2), keyword=keyword(n // 2), depth=DEPTH)
        for n in range(N_PAGES)
        for day, place in enumerate(positions(n - n % 2, 60))
    ]
    lake, today = made(fill(tmp_path, (), shared)), FIRST + timedelta(days=60)
    apart = design(lake, Wish("reddit", Verb.LIKE, **SHORT), today).plan
    together = design(lake, Wish("reddit", Verb.LIKE, is_competing_allowed=True, **SHORT), today).plan
    assert all(set(p.promote.lists).isdisjoint(p.leave_alone.lists) for p in apart.pairs)
    assert any(p.promote.lists == p.leave_alone.lists for p in together.pairs)
    arms = [{i for p in apart.pairs for i in getattr(p, arm).lists} for arm in ("promote", "leave_alone")]
    assert apart.n_shared_lists == len(arms[0] & arms[1]) > 0


# --- the plan file


def test_a_plan_survives_its_file(plan, tmp_path):
    """What is read is what was written; a plan is never replaced."""
    write_plan(tmp_path / "plan.yaml", plan)
    assert read_plan(tmp_path / "plan.yaml") == plan
    with pytest.raises(TallyrankError, match="not replaced"):
        write_plan(tmp_path / "plan.yaml", plan)
    with pytest.raises(TallyrankError, match=r"ends in \.yaml"):
        write_plan(tmp_path / "plan.csv", plan)


def swap(content):
    """Promote the other page of the second pair."""
    pair = content["pairs"][1]
    pair["promote"], pair["leave_alone"] = pair["leave_alone"], pair["promote"]


EDITS = {
    "seed": lambda c: c.update(seed=1),
    "worthwhile_effect": lambda c: c.update(worthwhile_effect=0.1),
    "end_day": lambda c: c.update(end_day="2026-04-13"),
    r"pairs\[2\]": swap,
    r"pairs\[12\]": lambda c: c["pairs"].pop(),
    r"lists\[3\]": lambda c: c["lists"][2].update(keyword="other"),
    "alpha": lambda c: c.pop("alpha"),
    "note": lambda c: c.update(note="mine"),
    "digest": lambda c: c["digest"].update(plan="0"),
}


@pytest.mark.parametrize("field", EDITS)
def test_an_edited_plan_is_not_scored_and_the_field_is_named(field, plan, tmp_path):
    """Any change of content is an error that says where; order and layout of the file do not matter."""
    path = tmp_path / "plan.yaml"
    write_plan(path, plan)
    content = yaml.safe_load(path.read_text())
    path.write_text(json.dumps(dict(reversed(content.items()))))
    assert read_plan(path) == plan
    EDITS[field](content)
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(TallyrankError, match=f"edited after it was written: {field}[;, ]"):
        read_plan(path)


@pytest.mark.parametrize("text", ["", "a: [", "seed: 1", "- 1"])
def test_other_files_are_no_plans(text, tmp_path):
    """Missing, broken or foreign files give one line."""
    (tmp_path / "plan.yaml").write_text(text)
    with pytest.raises(TallyrankError, match="plan"):
        read_plan(tmp_path / "plan.yaml")
    with pytest.raises(TallyrankError, match="cannot be read"):
        read_plan(tmp_path / "missing.yaml")


def test_the_assignment_is_safe_to_open_in_a_spreadsheet(plan, tmp_path):
    """One line per page with what to do and when; a keyword that a spreadsheet would calculate is made text."""
    evil = plan.lists[0].model_copy(update={"keyword": "=cmd|' /C calc'!A0"})
    changed = plan.model_copy(update={"lists": [evil, *plan.lists[1:]]})
    with write_plan(tmp_path / "plan.yaml", changed).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [r["action"] for r in rows] == ["promote", "leave alone"] * len(plan.pairs)
    assert {r["url"] for r in rows if r["action"] == "promote"} == {p.promote.url for p in plan.pairs}
    assert {r["first_day"] for r in rows} == {str(TODAY)}
    assert [r["keywords"] for r in rows if "cmd" in r["keywords"]] == ["'=cmd|' /C calc'!A0"]
    assert not any(cell.startswith(("=", "+", "-", "@")) for r in rows for cell in r.values())


# --- score


def test_a_true_effect_is_supported(plan, tmp_path):
    """Promoted pages rose by 2 places and gained votes: the estimate is near 2, the word is supports, a row is kept."""
    lake = later(tmp_path, plan, effect=2, gain=40)
    found = score(lake, plan, plan.end_day + timedelta(days=1))
    assert found.verdict == "supports"
    assert found.test.estimate == pytest.approx(2, abs=0.4)
    assert found.test.low <= 2 <= found.test.high
    assert (found.votes.is_treated, found.votes.mean_promoted, found.votes.mean_others) == (True, 40.0, 1.0)
    assert "supports that promotion moves positions" in sentence(found)
    assert "40.0 promoted, 1.0 left alone" in sentence(found)
    keep(lake, found)
    keep(lake, found)
    (row,) = kept_results(lake).to_pylist()
    assert (row["platform"], row["verb"], row["n_pairs"], row["verdict"]) == ("reddit", "like", 12, "supports")
    assert row["ci_low"] <= row["estimate"] <= row["ci_high"]
    assert row["plan_digest"] == digests(plan)["plan"]


def test_no_effect_contradicts_a_worthwhile_one(plan, tmp_path):
    """Votes rose, positions did not, and the interval lies below one place: contradicts."""
    found = score(later(tmp_path, plan, gain=40), plan, date(2027, 1, 1))
    assert found.test.high < plan.worthwhile_effect
    assert found.verdict == "contradicts"
    assert "the whole interval lies below" in sentence(found)


@pytest.mark.parametrize(("gain", "is_treated", "word"), [(1, False, "cannot tell"), (None, None, "supports")])
def test_votes_that_did_not_rise_settle_nothing(gain, is_treated, word, plan, tmp_path):
    """A rise without votes cannot be theirs; where votes were never read again, the result says so."""
    found = score(later(tmp_path, plan, effect=2, gain=gain), plan, date(2027, 1, 1))
    assert (found.votes.is_treated, found.verdict) == (is_treated, word)
    if gain is None:
        assert "Whether votes rose is not known" in sentence(found)


def test_pages_without_days_drop_their_pair_by_name(plan, tmp_path):
    """A page whose list was not read any more leaves its pair out; with 5 pairs left there is not enough data."""
    gone = [pair.leave_alone.url for pair in plan.pairs]
    found = score(later(tmp_path / "one", plan, effect=2, skipped=gone[:1]), plan, date(2027, 1, 1))
    assert found.test.n_pairs == 11
    assert found.dropped == [f"pair 1: too few known days for {gone[0]}"]
    found = score(later(tmp_path / "many", plan, effect=2, skipped=gone[:7]), plan, date(2027, 1, 1))
    assert (found.verdict, found.test.n_pairs, len(found.dropped)) == ("not enough data", 5, 7)
    assert found.row()["ci_low"] is None
    assert "5 of 12 pairs" in sentence(found)
    nothing = score(later(tmp_path / "all", plan, skipped=gone), plan, date(2027, 1, 1))
    assert (nothing.row()["estimate"], nothing.row()["p_value"], nothing.verdict) == (None, None, "not enough data")


def test_an_early_look_is_refused_or_does_not_count(plan, tmp_path):
    """On the last day itself it is refused; a peek shows numbers, earns no word and is not kept."""
    lake = later(tmp_path, plan, effect=2, days=DAYS + 8)
    with pytest.raises(TallyrankError, match="--peek"):
        score(lake, plan, plan.end_day)
    found = score(lake, plan, plan.end_day, is_peek=True)
    assert found.test.estimate == pytest.approx(2, abs=0.5)
    assert (found.verdict, found.is_usable, keep(lake, found)) == ("cannot tell", False, None)
    assert sentence(found).startswith("NOT USABLE")
    assert kept_results(lake).num_rows == 0
    late = score(lake, plan, date(2027, 1, 1), is_peek=True)
    assert not late.is_usable


def test_a_lake_without_the_days_after_is_refused(lake, plan):
    """The days are over but nothing was read since the start: the error says what to run."""
    with pytest.raises(TallyrankError, match="no google list has been read since the start"):
        score(lake, plan, date(2027, 1, 1))


def test_a_page_that_moved_is_followed(plan, tmp_path):
    """A redirect learnt after the plan joins the old key to the new one."""
    lake = later(tmp_path, plan, effect=2)
    old = plan.pairs[0].promote
    moved = [
        r if r.url != old.url else result(
            (r.ranked_at - START).days, "https://new.example/", r.position, keyword=r.keyword, depth=DEPTH
        )
        for r in rankings(DAYS + 17, {p.promote.url: 2 for p in plan.pairs})
    ]  # fmt: skip
    after = made(fill(tmp_path / "moved", readings(), moved, {old.key: "new.example"}))
    assert score(after, plan, date(2027, 1, 1)).test == score(lake, plan, date(2027, 1, 1)).test


# --- the command line


@pytest.fixture
def run(monkeypatch):
    """The commands on a day of our choice; returns (exit code, output), raising what the command line would print."""

    def invoke(today, *arguments):
        monkeypatch.setattr(command, "today", lambda: today)
        answer = CliRunner(env={"COLUMNS": "200"}).invoke(command.app, [str(a) for a in arguments])
        if answer.exception and not isinstance(answer.exception, SystemExit):
            raise answer.exception
        return answer.exit_code, answer.output

    return invoke


def test_round_trip_on_the_command_line(run, tmp_path, monkeypatch):
    """Design, promote, score: files where they are said to be, a table with the word, JSON for programs."""
    monkeypatch.setenv("TALLYRANK_DATA", str(tmp_path))
    made(fill(tmp_path, readings(), rankings()))
    wish = ("--before", 14, "--washout", 2, "--after", 14, "--seed", 7)
    code, text = run(TODAY, "design", "--platform", "reddit", "--verb", "like", *wish)
    assert code == 0
    path = next((tmp_path / "experiments").glob("*.yaml"))
    assert str(path) in text and str(path.with_suffix(".csv")) in text
    assert "12 pairs" in text and "meet in 0 of 24 lists" in text

    plan = read_plan(path)
    later(tmp_path, plan, effect=2, gain=40)
    with pytest.raises(TallyrankError, match="looking early"):
        run(plan.end_day, "score", path)
    code, text = run(plan.end_day + timedelta(days=1), "score", path)
    assert code == 0
    assert "supports" in text and "12 of 12" in text
    assert path.with_suffix(".parquet").exists()
    code, text = run(plan.end_day + timedelta(days=1), "score", path, "--format", "json")
    answer = json.loads(text)
    assert (answer["verdict"], answer["n_pairs"], answer["is_usable"]) == ("supports", 12, True)
    assert answer["votes"]["is_treated"] is True
    assert answer["ci_low"] <= answer["estimate"] <= answer["ci_high"]


def test_design_as_json_and_a_word_of_warning(run, lake, tmp_path):
    """Programs get every length; a wish that is out of reach is said to be."""
    common = ("design", "--platform", "reddit", "--verb", "like", "--before", 14, "--after", 14, "--data", lake.root)
    code, text = run(TODAY, *common, "--out", tmp_path / "a.yaml", "--format", "json")
    answer = json.loads(text)
    assert (code, answer["n_pairs"], answer["plan"]) == (0, 12, str(tmp_path / "a.yaml"))
    assert [x["after_days"] for x in answer["lengths"]][:2] == [14, 28]
    code, text = run(TODAY, *common, "--out", tmp_path / "b.yaml", "--effect", 0.02)
    assert code == 0
    assert "will probably miss" in text


def test_days_that_nobody_has_read_yet_are_named(run, lake, tmp_path):
    """Designing on a stale history says up to when it reaches."""
    common = ("design", "--platform", "reddit", "--verb", "like", "--before", 14, "--after", 14, "--data", lake.root)
    _, text = run(TODAY, *common, "--out", tmp_path / "a.yaml")
    assert "history ends" not in text
    _, text = run(TODAY + timedelta(days=5), *common, "--out", tmp_path / "b.yaml")
    assert f"the history ends with {TODAY - timedelta(days=1)}" in text


def test_wrong_usage_of_design(run, lake):
    """Without a verb, or with one that nobody knows, the exit code is 2 and nothing is written."""
    for verb in ((), ("--verb", "shout")):
        code, text = run(TODAY, "design", "--platform", "reddit", *verb, "--data", lake.root)
        assert code == 2
        assert "verb" in text
    assert not (lake.root / "experiments").exists()


def test_the_peek_is_marked_in_every_form(run, plan, tmp_path):
    """Table, sentence and JSON all say that an early look does not count."""
    later(tmp_path, plan, effect=2, days=DAYS + 8)
    path = tmp_path / "plan.yaml"
    write_plan(path, plan)
    _, text = run(plan.end_day, "score", path, "--peek", "--data", tmp_path)
    assert "not usable (peek)" in text and "NOT USABLE" in text
    _, text = run(plan.end_day, "score", path, "--peek", "--data", tmp_path, "--format", "json")
    assert json.loads(text)["is_usable"] is False
    assert not list(tmp_path.glob("experiments/*.parquet"))
