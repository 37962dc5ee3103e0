"""Notebooks: each runs over a full, an empty and a missing warehouse, and says what the warehouse says and no more."""

from __future__ import annotations

import html
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from scipy.stats import spearmanr

from dashboards.analysis import comparisons, one_site, timeline, worlds
from dashboards.analysis.analyst import not_ready, plain, shown
from dashboards.analysis.examples import ask
from pipelines import notebooks
from tests.conftest import REPOSITORY
from tests.dashboards.making import verdict
from tests.dashboards.small_world import DAYS, EVIL, KEYWORD, RISEN, likes, place, published, site, small_world

NAMES = list(notebooks.shipped())
Run = Callable[..., tuple[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the small world."""
    return small_world(tmp_path_factory.mktemp("full")).parent


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a warehouse without a row."""
    return published(tmp_path_factory.mktemp("empty"), {}).parent


@pytest.fixture
def con(full: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The small world, read-only."""
    with duckdb.connect(str(full / "warehouse.duckdb"), read_only=True) as con:
        con.execute("SET TimeZone = 'UTC'")
        yield con


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a notebook over a data folder; gives all that it shows as one text, and what it defines."""

    def go(name: str, data: Path, **defs: Any) -> tuple[str, dict[str, Any]]:
        monkeypatch.setenv("TALLYRANK_DATA", str(data))
        spec = spec_from_file_location(name, notebooks.SHIPPED / f"{name}.py")
        assert spec and spec.loader
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        outputs, found = module.app.run(defs=defs or None)
        return "\n".join(_text(output) for output in outputs), dict(found)

    return go


def _text(output: Any) -> str:
    """What a cell shows; marimo nests its elements as escaped JSON, so it is unescaped until nothing changes."""
    text, before = str(getattr(output, "text", output)), ""
    while text != before:
        before = text
        text = html.unescape(text.replace("\\u003c", "<").replace("&#92;", "\\").replace('\\"', '"'))
    return " ".join(text.split())


def test_each_runs_as_a_script(full: Path) -> None:
    """`python first_look.py` works, and so do the others, without a word of error."""
    run_all = "import runpy, sys; [runpy.run_path(path, run_name='__main__') for path in sys.argv[1:]]"
    done = subprocess.run(
        [sys.executable, "-c", run_all, *(str(notebooks.SHIPPED / f"{name}.py") for name in NAMES)],
        env=os.environ | {"TALLYRANK_DATA": str(full), "PYTHONPATH": str(REPOSITORY)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_warehouse_is_said_in_words(name: str, empty: Path, run: Run) -> None:
    """Every section says why there is nothing to see and no number is made up."""
    text, _ = run(name, empty)
    wanted = {
        "first_look": (
            "No result list yet",
            "No source has been read yet",
            "Votes are known for no result",
            "No verdict",
        ),
        "old_studies": ("There is no published value", "reach one depth only", "No correlation is known yet"),
        "my_site": ("Unknown.", "tallyrank doctor"),
        "blank": ("no votes stand beside a result yet", "No correlation is known yet"),
    }[name]
    for words in wanted:
        assert words in text, words


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_warehouse_says_what_to_do(name: str, tmp_path: Path, run: Run) -> None:
    """Before the first analysis the notebook names the file it looked for and the command that makes it."""
    text, found = run(name, tmp_path)
    assert str(tmp_path / "warehouse.duckdb") in text and "tallyrank analyze" in text
    assert "con" not in found


@pytest.mark.parametrize("content", [b"no database", None])
def test_a_warehouse_that_is_none_says_what_to_do(content: bytes | None, tmp_path: Path) -> None:
    """A broken file, or one of an older version, is named with what to do."""
    path = tmp_path / "warehouse.duckdb"
    if content is None:
        duckdb.connect(str(path)).close()
    else:
        path.write_bytes(content)
    assert str(path) in not_ready(path) and "tallyrank analyze" in not_ready(path)


def test_the_first_look_says_what_the_warehouse_says(full: Path, run: Run) -> None:
    """The failure, the tally of verdicts, the naive number and the estimate, as they stand in the tables."""
    text, found = run("first_look", full)
    assert "1 source stream had reads that failed" in text and "Unavailable: HTTP 503" in text
    assert "1 supports, 1 cannot tell, 1 not enough data" in text
    assert '"naive correlation":0.3,"verdict":"supports"' in text and "+0.40 … +0.82" in text
    assert [v["verdict"] for v in found["verdicts"]].count("supports") == 1
    assert "cannot tell: no estimate" in text, "a verdict without an estimate is no zero"


def test_old_studies_stand_beside_ours(full: Path, run: Run) -> None:
    """Published and own value, the sign that pooling turns round, and the number of worlds without an effect."""
    text, found = run("old_studies", full)
    assert [(r["published_rho"], r["mean_rho"]) for r in found["beside"]] == [(0.37, 0.2)]
    assert "reddit like the two even have different signs" in text
    assert "Other keywords." in text


def test_a_world_without_effect_gives_the_number_of_one_with(full: Path, run: Run) -> None:
    """What the notebook says of the worlds holds of the worlds that it draws."""
    del full, run
    rho = {r["kind"]: r["mean_rho"] for r in worlds.naive()}
    spread = next(r["ci_high"] - r["mean_rho"] for r in worlds.naive() if r["is_effect"])
    assert abs(rho["shared cause"] - rho["effect"]) < spread
    assert rho["reverse"] > 0.37
    assert sum(r["is_effect"] for r in worlds.naive()) == 1


def test_the_answer_for_pinterest_is_that_it_cannot_be_told(full: Path, run: Run) -> None:
    """The default question; positions move first, so more of the same is no way out and an experiment is named."""
    text, found = run("my_site", full)
    assert found["question"] == one_site.Question("google", "organic", "pinterest", "save", "")
    assert found["answer"] == "It cannot be told from these data. Positions move first."
    assert "tallyrank experiment design --platform pinterest --verb save" in found["needed"]
    assert "0 of 186 results have a known count" in text


class Chosen:
    """What a reader has chosen in a list."""

    def __init__(self, value: Any) -> None:
        self.value = value


def test_the_answer_for_another_site_follows_the_choice(full: Path, run: Run, con: duckdb.DuckDBPyConnection) -> None:
    """With another platform and a site chosen, all sections are about them, and the site is said to be too small."""
    association, verdicts = ask(con, "FROM association"), ask(con, "FROM verdicts")
    liked = next(v for v in verdicts if v["verb"] == "like")
    chosen = {"votes": Chosen(liked), "site": Chosen("mine.example"), "association": association, "verdicts": verdicts}
    text, found = run("my_site", full, **chosen)
    assert found["answer"].startswith("Yes, as far as these data can show it: +0.61 positions per doubling of votes")
    assert found["known"] == {
        "results": DAYS + 1, "pages": 1, "keywords": 2, "days": DAYS, "known": DAYS + 1, "pages_known": 1,
        "pages_gaining": 1,
    }  # fmt: skip
    assert "blog.mine.example/page" in text and "holds for this one as far as it is like them" in text


LIKED = one_site.Question("google", "organic", "reddit", "like", "mine.example")


def test_the_lists_of_a_site_are_compared_whole(con: duckdb.DuckDBPyConnection) -> None:
    """The correlation in the lists of a site takes its rivals in; scipy agrees list by list."""
    found = one_site.in_its_lists(con, LIKED)
    days = [
        spearmanr([-place(p, d) for p in range(1, 7)], [likes(p, d) for p in range(1, 7)]).statistic
        for d in range(DAYS)
    ]
    other = spearmanr([-p for p in range(1, 6)], [likes(p, DAYS - 1) for p in range(1, 6)]).statistic
    assert found is not None and found.n_lists == DAYS + 1
    assert found.mean_rho == pytest.approx(np.mean([*days, other]), abs=1e-12)


def test_a_site_is_a_host_and_what_is_below_it(con: duckdb.DuckDBPyConnection) -> None:
    """mine.example holds blog.mine.example, and ine.example does not."""
    names = ("mine.example", "blog.mine.example", "ine.example", "%", "")
    asked = {name: one_site.Question("google", "organic", "reddit", "like", name) for name in names}
    hosts = {name: one_site.known(con, question)["pages"] for name, question in asked.items()}
    assert hosts == {"mine.example": 1, "blog.mine.example": 1, "ine.example": 0, "%": 0, "": 6}
    assert set(one_site.sites(con)) == {site(page) for page in range(1, 7)}
    assert [b["gained"] for b in one_site.bursts(con, LIKED)] == [60]


NOTHING = {"results": 0, "pages": 0, "keywords": 0, "days": 0, "known": 0, "pages_known": 0, "pages_gaining": 0}
ENOUGH = {"results": 900, "pages": 40, "keywords": 12, "days": 40, "known": 800, "pages_known": 35, "pages_gaining": 25}


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (NOTHING, "stands in none of these result lists"),
        (ENOUGH | {"known": 0}, "known for none of them, which is not 0"),
        (ENOUGH, "may be enough to ask it by itself"),
        (ENOUGH | {"pages_gaining": 19}, "would be too little (it takes 20 pages that gain"),
        (ENOUGH | {"keywords": 9}, "would be too little"),
        (ENOUGH | {"days": 28}, "would be too little"),
    ],
)
def test_how_much_of_the_answer_is_about_the_site(found: dict[str, int], words: str) -> None:
    """Nothing, nothing known, too little, or enough: each is said, and unknown is not called 0."""
    assert words in one_site.of_the_site(LIKED, found)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {},
            "Yes, as far as these data can show it: +0.61 positions per doubling of votes (95 % interval +0.40 … +0.82",
        ),
        ({"rung": "experiment"}, "+0.61 positions gained by promotion"),
        ({"verdict": "contradicts", "estimate": 0.01, "ci_low": -0.05, "ci_high": 0.07}, "No, not to any use: +0.01"),
        (
            {"verdict": "cannot tell", "direction": "unknown", "lag_days": None},
            "cannot be told from these data. Not known",
        ),
        ({"verdict": "not enough data"}, "Unknown: there are not enough data"),
        (None, "Unknown: these data hold no likes on reddit"),
    ],
)
def test_the_answer_says_no_more_than_the_verdict(change: dict[str, Any] | None, words: str) -> None:
    """Yes, no, cannot be told or unknown, with the estimate where there is one."""
    assert words in one_site.answer(LIKED, None if change is None else verdict(**change))


def test_what_it_takes_agrees_with_the_verdict() -> None:
    """The smallest effect seen is the verdict's own; a quarter of it wants sixteen times the keywords."""
    words = one_site.takes(verdict(mde=2.0, n_keywords=10, n_days=70), 0.5)
    assert "an effect of 2 positions" in words and "16 times as many keywords (160 instead of 10)" in words
    assert "at least 160 weeks instead of 10" in words
    assert "enough to see 3" in one_site.takes(verdict(mde=2.0), 3.0)
    assert "not known" in one_site.takes(verdict(mde=None), 1.0) and "not known" in one_site.takes(None, 1.0)


def test_a_gap_stays_a_gap_and_not_found_is_an_open_mark(con: duckdb.DuckDBPyConnection) -> None:
    """Unknown votes draw nothing, a page that was not found has no position, and names are not markup."""
    series = {s["keyword"]: s for s in timeline.series(con).values()}
    rows = timeline.points(con, series[KEYWORD], "facebook", "share")
    assert len(rows) == timeline.MOST * DAYS and {r["votes"] for r in rows} == {None}
    figure = timeline.over_time(rows, "<b>shares")
    assert figure is not None and figure.layout.yaxis2.title.text == "&lt;b&gt;shares"
    gone = [
        {
            "page_key": "a<b>",
            "ranked_at": 1,
            "position": None,
            "is_found": False,
            "depth": 10,
            "votes": None,
            "status": None,
        }
    ]
    drawn = timeline.over_time(gone, "likes")
    assert drawn is not None and [list(t.y) for t in drawn.data] == [[None], [None], [10]]
    assert drawn.data[0].name == "a&lt;b&gt;" and "not among the first" in drawn.data[2].hovertemplate
    assert timeline.over_time([], "likes") is None


def test_the_best_steady_pages_are_followed(con: duckdb.DuckDBPyConnection) -> None:
    """The five that stand highest on average, in that order; the sixth is left out."""
    chosen = next(s for s in timeline.series(con).values() if s["keyword"] == KEYWORD)
    rows = timeline.points(con, chosen, "reddit", "like")
    mean = {site(p): np.mean([place(p, d) for d in range(DAYS)]) for p in range(1, 7)}
    best = sorted(mean, key=mean.__getitem__)[: timeline.MOST]
    assert list(dict.fromkeys(r["page_key"].split("/")[0] for r in rows)) == best
    assert [r["votes"] for r in rows if r["page_key"].startswith(site(RISEN))] == [likes(RISEN, d) for d in range(DAYS)]


def test_pictures_show_the_numbers_of_the_tables(con: duckdb.DuckDBPyConnection) -> None:
    """Shares add up to 1, the deepest correlation is the naive one, and depths are told apart."""
    shares = comparisons.completeness(ask(con, "how_complete"))
    assert shares is not None
    assert np.sum([trace.x for trace in shares.data], axis=0) == pytest.approx([1.0, 1.0])
    association = ask(con, "FROM association")
    both = comparisons.naive_and_honest(ask(con, "FROM verdicts"), association)
    assert both is not None and [list(t.x) for t in both.data] == [[0.59, 0.3], [None, 0.61]]
    depths = comparisons.depths(association)
    assert depths is not None and {t.name: list(t.x) for t in depths.data} == {"top 10": [0.2], "top 20": [0.3]}
    assert comparisons.reversed_signs(association) == ["reddit like"]


def test_text_from_outside_is_neither_markup_nor_formula() -> None:
    """In markdown nothing is a tag, emphasis or link; in a table no cell is a formula; unknown is a word."""
    assert "<" not in plain(EVIL) and html.unescape(plain(EVIL)) == EVIL
    assert plain("[a] *c*") == "&#91;a&#93; &#42;c&#42;"
    rows = [{"a": EVIL, "b": None, "n": 3}, {"a": "+0.40 … +0.82", "b": float("nan"), "n": 4}]
    told = shown(rows, {"a": "text", "b": "number", "n": "count"})
    assert told[0]["text"] == f"'{EVIL}" and told[1]["text"] == "+0.40 … +0.82"
    assert [r["number"] for r in told] == ["unknown", "unknown"]
    assert [r["count"] for r in told] == [3, 4], "whole numbers sort as numbers"
