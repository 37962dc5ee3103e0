"""The report: failures first, nothing from outside trusted, one file."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dashboards import charts, words
from dashboards.plots.evidence import forest_png, paths_png, verdicts_png
from dashboards.report import Contents, read_contents, render, sentence, write_report
from dashboards.words import deepest
from pipelines.evidence import table as evidence
from tests.dashboards.making import PATH, ROWS, WHY, columns_of, row, verdict, warehouse

AT = datetime(2026, 10, 14, 12, tzinfo=UTC)
FACTS = {
    "keywords": 2, "lists": 4, "pages": 9, "readings": 30, "failed_readings": 3, "first_list": AT, "last_list": AT,
}  # fmt: skip


def source(**more: Any) -> dict[str, Any]:
    """A row of the state of sources."""
    return {
        "connector": "reddit", "stream": "by_url", "state": "well", "last_day": date(2026, 10, 14), "n_reads": 5,
        "n_failed": 0, "n_not_found": 0,
        "n_failed_readings": 0, "first_error": None, "last_good_day": date(2026, 10, 14),
        "days_with_failures": 0,
    } | more  # fmt: skip


def test_failures_stand_before_everything_else() -> None:
    """A source that did not read well is named above the numbers, with its error and its last good day."""
    bad = source(connector="hatena", state="failed", n_failed=5, first_error="Unavailable: HTTP 500")
    text = render(Contents(FACTS, [bad, source()], [row()]), AT)
    alarm = text.index("1 of 2 source streams did not read well")
    assert alarm < text.index("Unavailable: HTTP 500") < text.index("What is known") < text.index("+0.200")


def test_nothing_from_outside_is_markup() -> None:
    """Names and errors that hold markup are shown as text."""
    evil = "<script>alert(1)</script>"
    bad = source(state="failed", first_error=evil, connector=evil)
    text = render(Contents(FACTS, [bad], [row(platform=evil, engine=evil)]), AT)
    assert evil not in text
    assert "&lt;script&gt;alert(1)" in text


def test_the_file_needs_nothing_else() -> None:
    """No script, style, font or picture is loaded from anywhere."""
    text = render(Contents(FACTS, [source()], [row()]), AT)
    loaded = re.findall(r"<(?:script|link|img|iframe)[^>]+(?:src|href)\s*=\s*[\"']?([^\"'> ]+)", text)
    assert [address for address in loaded if not address.startswith("data:")] == []
    assert "Plotly" in text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "higher"),
        ({"mean_rho": -0.2, "ci_low": -0.3, "ci_high": -0.1}, "lower"),
        ({"ci_low": -0.1}, "cannot be told from zero"),
        ({"ci_low": None, "ci_high": None}, "uncertainty unknown"),
        ({"mean_rho": None, "ci_low": None, "ci_high": None, "n_lists": 0}, "no list"),
    ],
)
def test_words_say_no_more_than_the_number(change: dict[str, Any], words: str) -> None:
    """Direction only where the interval excludes zero; never a cause."""
    assert words in sentence(row(**change))


def test_unknown_intervals_are_called_unknown() -> None:
    """A missing interval is shown as unknown, not as zero width."""
    text = render(Contents(FACTS, [], [row(ci_low=None, ci_high=None)]), AT)
    assert "unknown … unknown" in text


def test_the_picture_shows_the_greatest_depth_once() -> None:
    """One mark per platform and verb; the PNG is a PNG, also with unknown intervals."""
    rows = [
        row(),
        row(depth=20, mean_rho=0.3),
        row(verb="share", ci_low=None, ci_high=None),
        row(verb="x", mean_rho=None),
    ]
    assert [(r["verb"], r["depth"]) for r in deepest(rows)] == [("share", 10), ("like", 20)]
    assert forest_png(rows).startswith(b"\x89PNG")


EVIL = "<script>alert(1)</script><b>"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The report of a small warehouse in which every model has something to say, without plotly's script."""
    folder = tmp_path_factory.mktemp("report")
    write_report(warehouse(folder, ROWS), folder / "report.html")
    text = (folder / "report.html").read_text(encoding="utf-8")
    script = max(re.findall(r"<script>.*?</script>", text, re.DOTALL), key=len)
    assert len(script) > 1_000_000 and text.count(script) == 1, "plotly.js is inlined once"
    rest = text.replace(script, "")
    assert len(rest) < 200_000
    return rest


def test_sections_stand_in_the_order_of_the_ladder(page: str) -> None:
    """Verdicts first, then one section per model, then the state of sources."""
    ids = re.findall(r'<h2 id="([a-z-]+)"', page)
    ladder = ["association", "adjusted", "timing", "quasi-experiment", "prediction", "replication", "guards"]
    assert ids == ["verdicts", "facts", *ladder, "sources"]


def test_a_verdict_is_said_in_words_with_what_it_rests_on(page: str) -> None:
    """The word (not only a colour), direction, lag, estimate with interval, q, placebos, smallest effect and prose."""
    card = page[page.index("<article") : page.index("</article>")]
    shown = " ".join(re.sub(r"<[^>]+>", " ", card).split())
    for words_shown in (
        "supports", "Votes move first, positions about 2 days later", "+0.61 (+0.40 … +0.82)", "0.004", "2 %", "0.35",
        "timing", "Prose of the verdict.",
    ):  # fmt: skip
        assert words_shown in shown
    assert words.COLOURS["supports"] in card


def test_what_has_not_enough_data_is_folded_below_the_rest(page: str) -> None:
    """One card for the answer; the other combination stands in a closed <details>, with its prose."""
    assert page.count("<article") == 1
    folded = page[page.index("</article>") : page.index("Prose of what is missing.")]
    assert "<details>" in folded and "not enough data" in folded


def test_every_chart_has_a_sentence_below_it(page: str) -> None:
    """Ten pictures of eight kinds; after each kind follows the note that says how to read it."""
    sections = re.split(r"<h2 ", page)[1:]
    drawn = [s for s in sections if "plotly-graph-div" in s]
    assert len(drawn) == 8
    for section in drawn:
        assert re.search(r'plotly-graph-div.*?<p class="note">Each|<p class="note">A diamond', section, re.DOTALL)


@pytest.mark.parametrize(
    "shown",
    ["Words of the odds.", "votes never vary", WHY, "fewer than 30 bursts", "Words of the benchmark.",
     "Other keywords.", "timing: positions move after votes", "&lt; 0.001", "fake dates"],
)  # fmt: skip
def test_every_model_has_its_say(page: str, shown: str) -> None:
    """What each table says, or why it says nothing, stands on the page."""
    assert shown in page


def test_empty_tables_say_why_there_is_nothing(tmp_path: Path) -> None:
    """A warehouse without a row gives a page without pictures and a sentence in every section."""
    text = render(read_contents(warehouse(tmp_path, {})), AT)
    assert "plotly-graph-div" not in text and len(text) < 100_000
    for section in re.split(r"<h2 ", text)[1:]:
        assert re.search(r"<p>[^<]{30,}", section), section[:80]


def test_a_warehouse_of_before_has_no_verdicts(tmp_path: Path) -> None:
    """Tables that are not there are read as empty; the correlations still show."""
    path = warehouse(tmp_path, {"association": [row()]})
    with duckdb.connect(str(path)) as con:
        for name in set(evidence.tables()) - {"association"}:
            con.execute(f"DROP TABLE {name}")
    contents = read_contents(path)
    assert contents.verdicts == [] and "+0.200" in render(contents, AT)


def test_nothing_that_models_pass_on_is_markup(tmp_path: Path) -> None:
    """Names, reasons and prose that hold markup are shown as text, in tables and in pictures."""
    texts = ("platform", "prose", "in_words", "feature", "study", "reasons", "family", "covariates")
    rows = {name: [r | {n: EVIL for n in texts if n in columns_of(name)} for r in made] for name, made in ROWS.items()}
    rows["timing"][1]["why_not"] = EVIL
    text = render(read_contents(warehouse(tmp_path, rows)), AT)
    assert EVIL not in text and "</b>" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_markup_in_labels_of_pictures_is_text() -> None:
    """Plotly reads some HTML in labels, matplotlib formulas between dollars: neither sees any."""
    assert charts.estimates([verdict(platform=EVIL)]).data[0].y[0].startswith("&lt;script&gt;")
    assert charts.path(PATH | {"step_days": 1}, EVIL).layout.title.text.startswith("&lt;script&gt;")
    assert verdicts_png([verdict(platform="a$\\nope$b")]).startswith(b"\x89PNG")


def test_paths_are_days_and_bands_may_be_unknown() -> None:
    """Weekly steps are drawn as days; an unknown end of a band is left out, not drawn as 0."""
    figure = charts.path(PATH | {"step_days": 7}, "reddit like")
    assert list(figure.data[2].x) == [-49, -21, -7, 0, 7, 14]
    assert figure.data[0].y[-1] is None and "unknown" in figure.data[2].text[-1]
    assert paths_png([verdict() | PATH | {"step_days": 7}]).startswith(b"\x89PNG")


def test_verdicts_are_ordered_by_word_then_rung_then_q() -> None:
    """The strongest first; the warehouse's order does not matter."""
    rows = [
        verdict(platform="e", verdict="not enough data", rung="adjusted", q_value=None),
        verdict(platform="d", verdict="cannot tell", q_value=0.5),
        verdict(platform="c", verdict="contradicts"),
        verdict(platform="b"),
        verdict(platform="a", q_value=0.001),
        verdict(platform="f", rung="experiment", q_value=0.04),
    ]
    assert "".join(v["platform"] for v in words.strongest_first(rows)) == "fabcde"
    assert words.tally(rows) == "3 supports, 1 contradicts, 1 cannot tell, 1 not enough data"


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (words.small(0.0), "< 0.001"), (words.small(0.0312), "0.031"), (words.small(None), "unknown"),
        (words.percent(0.0), "0 %"), (words.percent(0.0004), "< 0.1 %"), (words.percent(None), "unknown"),
        (words.signed(float("inf")), "unknown"), (words.interval(None, 0.5, 2), "unknown … +0.50"),
        (words.direction(verdict(lag_days=1)), "votes move first, positions about 1 day later"),
    ],
)  # fmt: skip
def test_numbers_are_shown_for_what_they_are(shown: str, expected: str) -> None:
    """Small is not zero, unknown is not a number."""
    assert shown == expected
