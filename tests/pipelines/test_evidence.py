"""The tables of the models: what every one of them keeps to, and verdicts on simulated worlds brought in as files."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.records import COVARIATE_SCHEMA, RankKind
from models.guards.multiplicity import adjust
from models.guards.placebo import placebos
from models.in_time.bursts import study
from models.in_time.timing import NAMES, timing, usable_rows
from models.ranks.replication import PUBLISHED
from models.simulation.simulate import Settings, simulate
from models.verdict import Evidence, verdicts
from pipelines import covariates, panels, sqlfile
from pipelines.evidence import adjusted, ledger, prediction, quasi_experiment, replication, table
from pipelines.evidence import timing as in_time
from pipelines.evidence import verdicts as words
from pipelines.experiment.plan import FOLDER
from pipelines.experiment.score import RESULT_SCHEMA
from pipelines.files.inbox import import_file
from pipelines.lake import Lake
from pipelines.lists import Lists, lists_of
from tests.pipelines.making import LIST_DAY, at, fill, key, made, part, result, rows, seen

TABLES = table.tables()
PNG = b"\x89PNG"


def all_made(lake):
    """The lake with the table of every model, and the rows of each."""
    return {name: table.build(lake, model) for name, model in TABLES.items()}


def page(keyword, n):
    """The address of a page."""
    return f"https://site{n}.example/{keyword}"


def few(n_keywords=3, length=8, days=(LIST_DAY,)):
    """A handful of lists, and one reading of every page in which better places have more votes."""
    names = [f"keyword {k:02}" for k in range(n_keywords)]
    lists = [result(d, page(k, n), n, keyword=k) for k in names for d in days for n in range(1, length + 1)]
    votes = [seen(29, 3 * (length - n) + (7 * n + i) % 5, url=page(k, n)) for i, k in enumerate(names)
             for n in range(1, length + 1)]  # fmt: skip
    return votes, lists


# --- every table


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """A lake in which nothing was read, with all tables."""
    lake = made(fill(tmp_path_factory.mktemp("empty")))
    return lake, all_made(lake)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A lake of three lists, with all tables."""
    lake = made(fill(tmp_path_factory.mktemp("tiny"), *few()))
    return lake, all_made(lake)


def test_the_models_are_those_of_the_folder():
    """One table per file of the folder that holds one, by its own name; none hides a table of a SQL file."""
    assert set(TABLES) == {
        "adjusted", "association", "audiences", "best_time", "best_time_summary", "brand_results", "breaks", "ledger",
        "mover_looks", "movers", "page_bursts", "page_labels", "prediction", "quasi_experiment", "regions",
        "replication", "reputation_days", "sources", "spending", "timing", "verdict_history", "verdicts", "virality",
        "virality_curve",
    }  # fmt: skip
    assert not set(TABLES) & set(sqlfile.tables())
    assert all(name == model.name for name, model in TABLES.items())


def test_tables_come_after_those_they_read():
    """Built in this order, everything a model reads is there; and what it reads exists."""
    ready = set(sqlfile.tables())
    for model in TABLES.values():
        assert set(model.reads) <= ready, model.name
        ready.add(model.name)


@pytest.mark.parametrize("name", TABLES)
def test_every_table_and_column_is_described(name):
    """A description that states the grain, a comment that is a sentence for every column, names as in SQL."""
    model = TABLES[name]
    assert len(model.description) > 40 and model.description.endswith(".")
    assert list(model.comments) == list(model.columns)
    for column, comment in model.comments.items():
        assert column.isidentifier() and column == column.lower()
        assert comment.endswith(".") and ".." not in comment and len(comment) > 3, (column, comment)


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("which", ["empty", "tiny"])
def test_the_file_has_the_declared_columns(name, which, request):
    """Names, order and types as declared, whether there are rows or none; unknown is NULL and never NaN."""
    lake, built = request.getfixturevalue(which)
    model = TABLES[name]
    found = pq.read_table(lake.table_path(name))
    assert {f.name: f.type for f in found.schema} == {n: kind for n, (kind, _) in model.columns.items()}
    assert found.schema.names == list(model.columns)
    assert found.to_pylist() == built[name]
    assert not any(isinstance(x, float) and math.isnan(x) for row in built[name] for x in row.values())


def test_an_empty_lake_has_empty_tables(empty):
    """A first run publishes tables without rows, but for the calendar and the list of sources, and draws nothing."""
    assert {name for name, found in empty[1].items() if found} == {"breaks", "sources"}
    assert {model.draw([]) for model in TABLES.values()} == {b""}


def test_what_has_no_answer_says_why(tiny):
    """One row per ranking, platform and verb all the same, with a sentence in place of the numbers."""
    built = tiny[1]
    who = ("google", "organic", "reddit", "like")
    for name, number in (("timing", "after"), ("quasi_experiment", "after")):
        (row,) = built[name]
        assert (row["engine"], row["rank_kind"], row["platform"], row["verb"]) == who
        assert row[number] is None and row["path"] is None and len(row["why_not"]) > 20
    assert "it takes 14 days" in built["timing"][0]["why_not"]
    assert built["verdicts"][0]["verdict"] == "not enough data"
    assert built["timing"][0]["why_not"] in built["verdicts"][0]["prose"]
    assert built["replication"] == []


def test_pictures_are_pictures(tiny):
    """What is drawn is a PNG; what has nothing to draw is no bytes."""
    for name, model in TABLES.items():
        picture = model.draw(tiny[1][name])
        assert picture == b"" or picture.startswith(PNG)
    assert TABLES["association"].draw(tiny[1]["association"]).startswith(PNG)


def test_a_table_is_replaced_whole_or_not_at_all(tmp_path):
    """A model that fails, or gives a value of another type, leaves the table of before and nothing beside it."""
    lake = made(fill(tmp_path))
    model = replace(TABLES["ledger"], build=lambda _: [dict.fromkeys(TABLES["ledger"].columns)])
    table.build(lake, model)
    before = lake.table_path("ledger").read_bytes()

    def broken(_):
        raise ValueError("no")

    wrong = [dict.fromkeys(model.columns) | {"n_tests": "many"}]
    for failing in (broken, lambda _: wrong, lambda _: [{"family": "a column is missing"}]):
        with pytest.raises((ValueError, KeyError, pa.ArrowInvalid, pa.ArrowTypeError)):
            table.build(lake, replace(model, build=failing))
        assert lake.table_path("ledger").read_bytes() == before
    assert [p.name for p in lake.table_path("x").parent.glob("ledger*")] == ["ledger.parquet"]


def test_nan_becomes_null_also_in_paths(tmp_path):
    """Numbers that are none, alone and in lists, are NULL in the file; infinity stays what it is."""
    columns = {"x": (table.REAL, "X."), "path": (table.REALS, "Path.")}
    model = table.ModelTable("made_up", "A table.", columns, (), lambda _: [{"x": math.nan, "path": [1.0, math.nan]}])
    lake = Lake(tmp_path)
    assert table.build(lake, model) == [{"x": None, "path": [1.0, None]}]
    assert pq.read_table(lake.table_path("made_up")).to_pylist() == [{"x": None, "path": [1.0, None]}]
    infinite = replace(model, build=lambda _: [{"x": -math.inf, "path": None}])
    assert table.build(lake, infinite) == [{"x": -math.inf, "path": None}]


# --- simulated worlds, as files


SEED, DAYS, LISTED = 5, 60, 20
OTHER_PAGE = 37  # the second platform gives every page the votes of the page so many numbers on


def csv_file(path, columns, lines):
    """A file of these lines."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(lines)
    return path


def noon(day):
    """The moment of a world's day, as people write it."""
    return at(int(day) + 0.5).isoformat()


def brought_in(folder, world):
    """The lake of a data folder into which a person imported a world: its lists, and its votes as Facebook shares."""
    ranked, voted = world.tables()
    data = folder / "data"
    data.mkdir()
    (data / "breaks.yaml").write_text("breaks: []\n", encoding="utf-8")
    lines = zip(ranked["keyword"], ranked["url"], ranked["position"], map(noon, ranked["ranked_at"]), strict=True)
    file = csv_file(folder / "rankings.csv", ["keyword", "url", "position", "ranked_at"], lines)
    import_file(data, "rankings", file, {}, {"engine": "google", "depth": str(LISTED)})
    votes(folder, data, "facebook", "share", voted["url"], voted)
    return Lake(data)


def votes(folder, data, platform, verb, urls, voted):
    """Import counts (hidden ones blank) as those of a platform and verb."""
    counts = ["" if np.isnan(n) else int(n) for n in voted["count"]]
    lines = zip(urls, counts, map(noon, voted["observed_at"]), strict=True)
    file = csv_file(folder / f"{platform}.csv", ["url", "count", "observed_at"], lines)
    import_file(data, "votes", file, {}, {"platform": platform, "verb": verb})


@pytest.fixture(scope="module")
def effect(tmp_path_factory):
    """A world in which shares lift pages, with a second platform whose votes are those of other pages."""
    folder = tmp_path_factory.mktemp("effect")
    world = simulate(Settings(kind="effect", keywords=30, days=DAYS), SEED)
    lake, voted = brought_in(folder, world), world.tables()[1]
    others = np.roll(np.array([world.url(p) for p in range(len(world.votes))]), OTHER_PAGE)
    votes(folder, lake.root, "reddit", "like", np.repeat(others, DAYS), voted)
    return world, made(lake), all_made(lake)


@pytest.fixture(scope="module")
def confounded(tmp_path_factory):
    """A world in which good pages get votes and votes do nothing."""
    world = simulate(Settings(kind="shared cause", keywords=30, days=DAYS), SEED)
    lake = made(brought_in(tmp_path_factory.mktemp("confounded"), world))
    return world, lake, all_made(lake)


def of(built, name, platform="facebook"):
    """The one row of a table on a platform."""
    (row,) = (r for r in built[name] if r["platform"] == platform)
    return row


def test_a_real_effect_is_supported(effect):
    """From files to the word: supports, votes first, the true size in the interval, days after the votes."""
    world, _, built = effect
    row = of(built, "verdicts")
    assert (row["verdict"], row["direction"], row["engine"], row["rank_kind"]) == (
        "supports", "votes_lead", "google", "organic",
    )  # fmt: skip
    assert row["rung"] in ("timing", "quasi-experiment")
    assert row["ci_low"] <= world.truth.path[1:15].mean() <= row["ci_high"]
    assert row["estimate"] > row["mde"] > 0
    assert 1 <= row["lag_days"] <= 4
    assert row["placebo_share"] <= 0.05 and row["q_value"] < 0.001 and 0 < row["robustness"] < 1
    assert (row["n_keywords"], row["n_days"]) == (30, DAYS)
    assert row["prose"].startswith("facebook share: supports.")


def test_votes_of_other_pages_are_not_supported(effect):
    """The same lists and the same counts on the wrong pages: nothing leads."""
    row = of(effect[2], "verdicts", "reddit")
    assert row["verdict"] in ("cannot tell", "contradicts")
    assert row["direction"] in ("neither", "unknown")


def test_the_strongest_word_comes_first(effect):
    """People read from the top, and see it drawn."""
    found = effect[2]["verdicts"]
    assert [r["platform"] for r in found] == ["facebook", "reddit"]
    assert all(TABLES[name].draw(effect[2][name]).startswith(PNG) for name in ("verdicts", "timing", "adjusted"))


def test_a_shared_cause_is_not_supported(confounded):
    """Better-voted pages stand clearly higher in every list, and nothing moves in time: not supports."""
    _, _, built = confounded
    row, plain = of(built, "verdicts"), built["association"][-1]
    assert plain["ci_low"] > 0.1
    assert row["verdict"] in ("cannot tell", "contradicts")
    assert row["direction"] == "neither" and row["lag_days"] is None
    assert row["ci_low"] <= 0 <= row["ci_high"]
    assert "stand higher" in row["prose"] and "do not move after votes" in row["prose"]


def test_the_panel_of_the_files_is_the_panel_of_the_world(tmp_path):
    """Every position and every count of a world with missing lists and hidden counts comes back as it was."""
    world = simulate(Settings(keywords=12, days=20, missing=0.2, hidden=0.2), 3)
    lake = made(brought_in(tmp_path, world))
    with lake.connect(*panels.TABLES) as con:
        found = panels.positions(con, panels.Ranking("google", "organic"), (), 1)
        panel = panels.votes_of(con, found, "facebook", "share", ())
        names = con.execute("SELECT DISTINCT keyword_id, keyword FROM serp_results ORDER BY ALL").fetchall()
    pages = [int(str(name).rpartition("-")[2]) for name in found.pages]
    keywords = [int(name.rpartition(" ")[2]) for _, name in names]
    columns = (panel.keyword, panel.page, panel.step, panel.position)
    first = (found.days[0] - at(0).date()).days
    ours = {(keywords[k], pages[p], first + t, y) for k, p, t, y in zip(*columns, strict=True)}
    truth = world.panel
    theirs = set(zip(truth.keyword, truth.page, truth.step, truth.position, strict=True))
    assert ours == theirs and len(ours) == panel.keyword.size > 1000
    np.testing.assert_array_equal(panel.votes, truth.votes[pages][:, first : first + len(found.days)])
    assert 0.1 < np.isnan(panel.votes).mean() < 0.4
    same = truth.domain[pages][:, None] == truth.domain[pages]
    np.testing.assert_array_equal(panel.domain[:, None] == panel.domain, same)


# --- from rows back to answers


def panel_of(lake, platform="facebook"):
    """The panel behind the row of a platform."""
    (panel,) = (panel for _, name, _, panel in panels.panels(lake) if name == platform)
    return panel


def test_timing_is_the_model_and_comes_back_from_its_row(effect):
    """Every number of the answer, after a trip through the file; verdicts from both are the same."""
    _, lake, _ = effect
    with lake.connect("timing") as con:
        row = next(r for r in table.rows_of(con, "timing") if r["platform"] == "facebook")
    real, again = timing(panel_of(lake)), in_time.timing_of(row)
    for name in ("after", "after_same_day", "after_long_before", "same_day"):
        assert getattr(again, name) == getattr(real, name)
        assert (row[f"{name}_low"], row[f"{name}_high"]) == pytest.approx(getattr(real, name).interval, abs=1e-12)
    plain = ("p_forward", "sign", "p_leads", "p_same_day", "p_backward", "lead_share", "n_rows", "n_pages")
    assert [getattr(again, n) for n in (*plain, "n_keywords", "n_steps")] == [
        getattr(real, n) for n in (*plain, "n_keywords", "n_steps")
    ]
    assert [again.path[n].estimate for n in NAMES] == [real.path[n].estimate for n in NAMES]
    one, other = (verdicts([Evidence("facebook", "share", timing=t)]) for t in (real, again))
    assert repr(one) == repr(other)
    assert (row["direction"], row["why_not"], row["step_days"]) == ("votes_lead", None, 1)
    assert row["path_first_day"] == [-7, -3, -1, 0, 1, 2, 4, 8]


def test_placebos_come_back_from_the_row(effect):
    """The shares of every kind stand in the table; share and number come back."""
    _, lake, built = effect
    row, panel = of(built, "timing", "reddit"), panel_of(lake, "reddit")
    real = placebos(panel, usable_rows(panel), timing(panel))
    again = in_time.placebos_of(row)
    assert (again.share, again.n) == (real.share, real.n)
    kinds = ("placebo_shuffled", "placebo_unrelated", "placebo_dates", "placebo_future")
    assert [row[k] for k in kinds] == list(real.by_kind.values())


def test_bursts_come_back_from_the_row(effect):
    """What the verdict reads of the event study; the path, day by day, stands in the table."""
    _, lake, built = effect
    row, real = of(built, "quasi_experiment"), study(panel_of(lake))
    again = quasi_experiment.study_of(row)
    for name in ("after", "after_same_day"):
        one, other = getattr(again, name), getattr(real, name)
        assert (one.estimate, one.se) == (other.estimate, other.se)
    assert again.after.interval == pytest.approx(real.after.interval, abs=1e-12)
    names = ("p_effect", "sign", "p_before", "n_events", "n_pages", "n_keywords")
    assert [getattr(again, n) for n in names] == [getattr(real, n) for n in names]
    np.testing.assert_array_equal(row["path"], real.path)
    assert row["path_first_day"] == list(range(-14, 15)) and len(row["path_low"]) == len(row["path_high"]) == 29
    assert all(low < mid < high for low, mid, high in zip(row["path_low"], row["path"], row["path_high"], strict=True))


def test_rows_without_an_answer_come_back_as_none(tiny):
    """Nothing is made of a row that only says why."""
    (late,), (sudden,) = tiny[1]["timing"], tiny[1]["quasi_experiment"]
    assert in_time.timing_of(late) is None and in_time.placebos_of(late) is None
    assert quasi_experiment.study_of(sudden) is None


# --- the ledger


def test_the_ledger_holds_every_test_that_was_made(effect):
    """Five questions of two pairs, each with the p of its table; q over the pairs of one question."""
    _, _, built = effect
    found = built["ledger"]
    assert len(found) == 10 and {r["look"] for r in found} == {1}
    for name, questions in ledger.TESTS.items():
        for column, question in questions.items():
            family = [r for r in found if r["family"] == f"{name}: {question}"]
            p = {f"google / organic / {r['platform']} / {r['verb']}": r[column] for r in built[name]}
            assert {r["hypothesis"]: r["p"] for r in family} == p
            unknown = [math.nan if r["p"] is None else r["p"] for r in family]
            assert [r["q"] for r in family] == [None if math.isnan(q) else q for q in adjust(unknown)]
            assert {r["n_tests"] for r in family} == {sum(r["p"] is not None for r in family)}
            assert [r["is_discovery"] for r in family] == [None if r["q"] is None else r["q"] <= 0.05 for r in family]


def test_verdicts_and_ledger_agree_on_the_false_discovery_rate(effect):
    """The q beside a verdict is the ledger's for the forward question."""
    _, _, built = effect
    forward = {r["hypothesis"]: r["q"] for r in built["ledger"] if r["family"].endswith("move after votes")}
    assert len(forward) == 2
    for row in built["verdicts"]:
        assert row["q_value"] == forward[f"google / organic / {row['platform']} / {row['verb']}"]


def test_what_could_not_be_tested_stands_in_the_ledger_without_a_number(tiny):
    """Nothing tried is hidden: p and q are NULL and count in no family."""
    tried = {r["family"]: r for r in tiny[1]["ledger"]}
    row = tried["timing: positions move after votes"]
    assert (row["p"], row["q"], row["is_discovery"], row["n_tests"]) == (None, None, None, 0)


# --- published values


def test_facebook_shares_stand_beside_what_was_published(effect):
    """One row per published value of the pair; other platforms have none."""
    found = effect[2]["replication"]
    wanted = [p for p in PUBLISHED if (p.platform, p.verb) == ("facebook", "share")]
    assert sorted((r["year"], r["published_rho"]) for r in found) == sorted((p.year, p.value) for p in wanted)
    ours = next(r for r in effect[2]["association"] if r["platform"] == "facebook" and r["depth"] == 20)
    for row in found:
        assert (row["mean_rho"], row["depth"]) == (ours["mean_rho"], 20)
        assert row["difference"] == pytest.approx(ours["mean_rho"] - row["published_rho"], abs=1e-12)
        # a published value is rounded to two digits
        inside = ours["ci_low"] <= row["published_rho"] + 0.005 and row["published_rho"] - 0.005 <= ours["ci_high"]
        assert row["is_inside"] == inside
        assert len(row["reasons"]) > 20


def test_a_world_without_effect_is_set_beside_the_published_values_too(confounded):
    """That is the point of the table: a shared cause alone gives a correlation of the published size."""
    found = confounded[2]["replication"]
    assert len(found) == 2 and all(abs(r["difference"]) < 0.15 for r in found)
    assert set(replication.READS) <= set(TABLES) | set(sqlfile.tables())


# --- prediction


def test_the_benchmark_says_whether_votes_help(effect):
    """One row per feature, the same gain on each; shares of importance sum to 1, the votes that lift weigh most."""
    found = effect[2]["prediction"]
    assert {r["feature"] for r in found} == {"facebook share", "reddit like"}
    assert sum(r["importance"] for r in found) == pytest.approx(1, abs=1e-9)
    assert max(found, key=lambda r: r["importance"])["feature"] == "facebook share"
    (gain,) = {r["gain"] for r in found}
    assert gain == pytest.approx(found[0]["ndcg_with"] - found[0]["ndcg_without"], abs=1e-12)
    assert gain > 0 and found[0]["why_not"] is None


def test_a_benchmark_of_too_few_keywords_says_so(tmp_path):
    """One keyword cannot be split into folds: no gain, and words that say how few there are."""
    (row,) = table.build(made(fill(tmp_path, *few(n_keywords=1))), prediction.TABLE)
    assert (row["gain"], row["ndcg_with"], row["importance"], row["n_keywords"]) == (None, None, None, 1)
    assert row["in_words"].startswith("Not enough data")


# --- covariates


def known_of(lake, values):
    """The lake with these covariates: (url, name, value, day or None)."""
    columns = {
        "url": [v[0] for v in values], "url_key": [key(v[0]) for v in values],
        "covariate_day": [None if v[3] is None else at(v[3]).date() for v in values],
        "name": [v[1] for v in values], "value": [float(v[2]) for v in values],
    }  # fmt: skip
    lake.write(part("covariates"), pa.table(columns, schema=COVARIATE_SCHEMA))
    return made(lake)


def beside(lake):
    """Covariates of the found results, by address and day."""
    with lake.connect("serp_results") as con:
        lists = lists_of(con, panels.Ranking("google", "organic"))
    who = [(str(k), (d - np.datetime64(at(0).date())).astype(int)) for k, d in zip(*named(lists), strict=True)]
    return {name: dict(zip(who, x.tolist(), strict=True)) for name, x in covariates.covariates(lake, lists).items()}


def named(lists: Lists):
    """Join keys and days of the rows."""
    return lists.page_key, lists.ranked_day


def test_a_covariate_is_its_last_value_at_or_before_the_day_of_the_list(tmp_path):
    """Never tomorrow's; before the first value it is unknown, and so is a page that has none."""
    a, b, c = (page("shoes", n) for n in (1, 2, 3))
    lists = [result(d, url, n) for d in (10, 20, 30) for n, url in enumerate((a, b, c), 1)]
    values = [(a, "links", 5, 10), (a, "links", 7, 20), (a, "links", 99, 31), (b, "links", 3, 25), (b, "age", 2, 1)]
    found = beside(known_of(fill(tmp_path, [], lists), values))
    links = {
        (k, d): found["links"].get((key(u), d)) for k, u in zip("abc", (a, b, c), strict=True) for d in (10, 20, 30)
    }
    assert links == pytest.approx(
        {("a", 10): 5, ("a", 20): 7, ("a", 30): 7, ("b", 10): math.nan, ("b", 20): math.nan, ("b", 30): 3}
        | {("c", d): math.nan for d in (10, 20, 30)},
        nan_ok=True,
    )
    assert found["age"][key(b), 30] == 2 and math.isnan(found["age"][key(a), 30])


def test_a_covariate_without_a_day_has_always_held(tmp_path):
    """A file that names no day speaks of all lists, until a dated value follows."""
    a = page("shoes", 1)
    lists = [result(d, a, 1) for d in (10, 20)]
    found = beside(known_of(fill(tmp_path, [], lists), [(a, "links", 5, None), (a, "links", 8, 15)]))
    assert found["links"] == {(key(a), 10): 5, (key(a), 20): 8}


def test_without_covariates_there_are_none(tmp_path):
    """An empty mapping, and lists as they were."""
    assert beside(made(fill(tmp_path, [], [result()]))) == {}


@pytest.mark.parametrize(("n_known", "is_kept"), [(10, True), (8, True), (7, False), (0, False)])
def test_a_covariate_must_be_known_for_four_in_five(n_known, is_kept):
    """Of the rows whose votes are known; the others do not count."""
    x = np.where(np.arange(12) < n_known, 1.0 + np.arange(12) % 3, np.nan)
    rows_with_votes = np.arange(12) < 10
    assert list(covariates.usable({"links": x}, rows_with_votes)) == (["links"] if is_kept else [])
    assert covariates.usable({"links": x}, np.zeros(12, dtype=bool)) == {}


@pytest.mark.parametrize(
    ("values", "is_logged"),
    [
        ([1, 2, 3, 51], True),
        ([1, 2, 3, 50], False),
        ([0, 0, 0, 21], True),
        ([0, 0, 0, 20], False),
        ([-1, 2, 3, 900], False),
    ],
)
def test_skewed_covariates_are_taken_as_logarithms(values, is_logged):
    """The largest more than twenty times the median (at least 1): log2(1 + x). With negative values, as it is."""
    x = np.array(values, dtype=float)
    (found,) = covariates.usable({"links": x}, np.ones(4, dtype=bool)).values()
    np.testing.assert_array_equal(found, np.log2(1 + x) if is_logged else x)


def with_covariates(folder, n_keywords, names, share=1.0):
    """A lake in which `names` are known of a share of the pages, links drive both places and votes."""
    chance = np.random.default_rng(7)
    readings, lists, values = [], [], []
    for k in range(n_keywords):
        keyword = f"keyword {k:02}"
        links = chance.normal(size=8)
        order = np.argsort(-(links + 0.5 * chance.normal(size=8)))
        for place, n in enumerate(order, 1):
            url = page(keyword, n)
            lists.append(result(url=url, position=place, keyword=keyword))
            readings.append(seen(29, int(np.exp(2 + links[n] + 0.5 * chance.normal())), url=url))
            values += [(url, name, links[n] if name == "links" else chance.normal(), 1) for name in names
                       if n < 8 * share]  # fmt: skip
    return known_of(fill(folder, readings, lists), values)


def adjusted_row(lake):
    """The one row of `adjusted`."""
    (row,) = table.build(lake, adjusted.TABLE)
    return row


def test_equal_pages_take_the_association_of_a_shared_cause_away(tmp_path):
    """Links drive votes and places: raw, votes go with places; among pages of equal links, much less."""
    plain = adjusted_row(with_covariates(tmp_path / "a", 40, []))
    given = adjusted_row(with_covariates(tmp_path / "b", 40, ["links"]))
    assert (plain["covariates"], plain["partial_rho"]) == ("", None)
    assert plain["odds_low"] > 1
    assert (given["covariates"], given["left_out"]) == ("links", "")
    assert 1 < given["odds"] ** 2 < plain["odds"]
    assert given["partial_low"] <= given["partial_rho"] <= given["partial_high"]
    assert given["partial_rho"] < given["raw_rho"] / 2
    assert (given["n_keywords"], given["n_rows"], given["why_not"]) == (40, 320, None)
    assert 0 <= given["p_value"] <= 1 and "keyword" in given["clustered_on"]


def test_a_covariate_known_for_too_few_pages_is_left_out_by_name(tmp_path):
    """Half of the pages have it: the answer is that without it, and the table says so."""
    row = adjusted_row(with_covariates(tmp_path, 30, ["links"], share=0.5))
    assert (row["covariates"], row["left_out"]) == ("", "links")
    assert row["odds"] is not None


def test_more_covariates_than_keywords_bear_are_left_out(tmp_path):
    """Ten keywords per column, one of which the votes are: thirty keywords bear two."""
    row = adjusted_row(with_covariates(tmp_path, 30, ["a", "b", "c", "links"]))
    assert (row["covariates"], row["left_out"]) == ("a, b", "c, links")


def test_only_what_was_adjusted_for_reaches_the_verdict_as_adjusted(tmp_path):
    """Without covariates the logit is another association: the rung stays below; with them, they are named."""
    for covariate, rung in (([], "association"), (["links"], "adjusted")):
        lake = with_covariates(tmp_path / rung, 30, covariate)
        (row,) = all_made(lake)["verdicts"]
        assert (row["rung"], row["verdict"]) == (rung, "not enough data")
        assert ("among pages of equal links" in row["prose"]) == bool(covariate)


def test_averages_of_equal_rank_are_an_answer_or_a_reason(tmp_path):
    """Two pages at one average position: no crash, a number or a sentence."""
    readings, lists = few()
    tied = [replace(r, rank_kind=RankKind.AVERAGE, position=float(r.position // 2 + 1)) for r in lists]
    row = adjusted_row(made(fill(tmp_path, readings, tied)))
    assert (row["odds"] is None) == (row["why_not"] is not None)


# --- experiments


def scored(lake, plan_id="plan", **more):
    """Keep a result of a scored experiment in the data folder."""
    row = {
        "plan_id": plan_id, "platform": "reddit", "verb": "like", "engine": "google", "rank_kind": "organic",
        "estimate": 2.5, "ci_low": 1.0, "ci_high": 4.0, "p_value": 0.004, "n_pairs": 24, "n_planned": 25,
        "worthwhile_effect": 1.0, "alpha": 0.05, "is_treated": True, "verdict": "supports",
        "start_day": date(2026, 1, 1), "end_day": date(2026, 2, 1), "plan_digest": "x",
        "scored_at": datetime(2026, 2, 2, tzinfo=UTC),
    } | more  # fmt: skip
    (lake.root / FOLDER).mkdir(parents=True, exist_ok=True)
    path = lake.root / FOLDER / f"{plan_id}.parquet"
    pq.write_table(pa.Table.from_pylist([row], schema=RESULT_SCHEMA), path)


@pytest.fixture
def lake_of_few(tmp_path) -> Iterator[Lake]:
    """A lake of its own with what verdicts read."""
    lake = made(fill(tmp_path, *few()))
    for name in words.READS[:4]:
        table.build(lake, TABLES[name])
    return lake


def told(lake):
    """The rows of `verdicts` by platform."""
    return {r["platform"]: r for r in table.build(lake, words.TABLE)}


def test_a_scored_experiment_reaches_the_verdict(lake_of_few):
    """Its word, estimate and interval, on the highest rung."""
    scored(lake_of_few)
    row = told(lake_of_few)["reddit"]
    assert (row["verdict"], row["rung"]) == ("supports", "experiment")
    assert (row["estimate"], row["ci_low"], row["ci_high"]) == (2.5, 1.0, 4.0)
    assert "24 pairs" in row["prose"]


def test_of_several_experiments_the_last_scored_speaks(lake_of_few):
    """By the moment of scoring, whatever the files are called."""
    scored(lake_of_few, "a", verdict="contradicts", estimate=-0.1, scored_at=datetime(2026, 5, 1, tzinfo=UTC))
    scored(lake_of_few, "b")
    assert told(lake_of_few)["reddit"]["verdict"] == "contradicts"


def test_an_experiment_of_another_verb_says_nothing_here(lake_of_few):
    """It has a row of its own, with or without votes read; the others stay."""
    scored(lake_of_few, platform="x", verb="share")
    found = told(lake_of_few)
    assert (found["reddit"]["rung"], found["reddit"]["verdict"]) == ("association", "not enough data")
    assert (found["x"]["rung"], found["x"]["verdict"]) == ("experiment", "supports")


@pytest.mark.parametrize("more", [{"estimate": None}, {"is_treated": False, "verdict": "cannot tell"}])
def test_an_experiment_that_measured_nothing_does_not_speak(lake_of_few, more):
    """No pair could be compared, or promotion brought no votes: it says nothing of votes, and the ladder stands."""
    scored(lake_of_few, **more)
    assert told(lake_of_few)["reddit"]["rung"] == "association"


def test_an_experiment_without_an_interval_is_told_without_one(lake_of_few):
    """Too few pairs left: its interval has no ends, and the text holds no hole."""
    scored(lake_of_few, ci_low=None, ci_high=None, n_pairs=3, p_value=0.25, verdict="not enough data", is_treated=None)
    row = told(lake_of_few)["reddit"]
    assert (row["verdict"], row["ci_low"], row["ci_high"]) == ("not enough data", None, None)
    assert "too few pairs for an interval" in row["prose"] and "nan" not in row["prose"].lower().split()


# --- counts


def test_keywords_pages_and_days_are_counted_where_votes_are_known(tmp_path):
    """Two days of three lists; one page was read too late for the first day, and one not at all."""
    readings, lists = few(days=(LIST_DAY, LIST_DAY + 1))
    late = [replace(r, observed_at=r.observed_at + timedelta(days=1.5)) if r is readings[0] else r for r in readings]
    lake = made(fill(tmp_path, late[:-1], lists))
    (row,) = all_made(lake)["verdicts"]
    assert (row["n_keywords"], row["n_pages"], row["n_days"]) == (3, 23, 2)


def test_rows_come_in_the_order_of_their_first_columns(effect):
    """`rows_of` is the same whoever wrote the file."""
    _, lake, built = effect
    with lake.connect("association") as con:
        found = table.rows_of(con, "association")
    assert [(r["platform"], r["depth"]) for r in found] == [
        ("facebook", 10), ("facebook", 20), ("reddit", 10), ("reddit", 20),
    ]  # fmt: skip
    assert found == rows(lake, "FROM association ORDER BY ALL")
    assert isinstance(con, duckdb.DuckDBPyConnection) and len(built["association"]) == 4
