"""The command line as people use it: what it prints, what it exits with, and what it does to the lake."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import zipfile
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import pyarrow.parquet as pq
import pytest
import typer

from connectors.sandbox.world import TRUTH
from pipelines.cli import imports
from tests.conftest import TALLYRANK, environment_of
from tests.dashboards.making import ROWS, verdict, warehouse

FRONT_PAGE = "data/hacker-news/frontpage_2021-03-01_14d.csv"
VOTES = """url,platform,verb,observed_at,count
https://a.example/1,reddit,like,2026-10-01T00:00:00Z,5
https://a.example/2,reddit,like,2026-10-01T00:00:00Z,many
https://a.example/3,reddit,like,2026-10-01T00:00:00Z,
"""


def files(folder: Path) -> dict[str, int]:
    """Every file of a folder with the moment it was last written."""
    return {str(p): p.stat().st_mtime_ns for p in folder.rglob("*.parquet")}


class TestRealData:
    """Two weeks of a real front page with real votes, imported and analysed as the README says."""

    EXPECTED: ClassVar = {
        ("like", 10): 0.1874, ("like", 20): 0.1876, ("like", 30): 0.1502,
        ("comment", 10): 0.1074, ("comment", 20): 0.0860, ("comment", 30): 0.0517,
    }  # fmt: skip

    @pytest.fixture
    def imported(self, tallyrank: Any, shared: Path) -> Any:
        """The file imported twice over: once as votes, once as rankings."""
        wide = ("--map", "like=upvotes", "--map", "comment=comments")
        votes = tallyrank("import", "votes", shared / FRONT_PAGE, "--platform", "hackernews", *wide)
        assert votes.returncode == 0, votes.stderr
        where = ("--keyword", "front page", "--engine", "hackernews", "--map", "ranked_at=observed_at")
        rankings = tallyrank("import", "rankings", shared / FRONT_PAGE, *where)
        assert rankings.returncode == 0, rankings.stderr
        return tallyrank

    def test_correlations_are_those_of_the_reference(self, imported: Any, tmp_path: Path) -> None:
        """Mean within-list Spearman to four decimals over 625 lists; job ads without votes are unknown, not zero."""
        assert imported("analyze").returncode == 0
        found = json.loads(imported("results", "--format", "json").stdout)
        assert {(v["platform"], v["verb"]) for v in found["verdicts"]} == {
            ("hackernews", "like"),
            ("hackernews", "comment"),
        }
        assert {v["verdict"] for v in found["verdicts"]} == {"not enough data"}, "one keyword proves nothing"
        assert all(v["estimate"] is None and v["prose"] for v in found["verdicts"])
        rows = {(r["verb"], r["depth"]): r for r in found["correlations"]}
        assert {key: round(r["mean_rho"], 4) for key, r in rows.items()} == self.EXPECTED
        assert {(r["platform"], r["n_lists"], r["n_skipped"]) for r in rows.values()} == {("hackernews", 625, 0)}
        assert all(r["ci_low"] is None for r in rows.values()), "one keyword tells nothing of its own uncertainty"
        with duckdb.connect(str(tmp_path / "data" / "warehouse.duckdb"), read_only=True) as con:
            jobs = con.execute(
                "SELECT count(*), count(votes) FROM serp_votes WHERE url LIKE 'https://www.workatastartup.com/%'"
            ).fetchall()
        assert jobs[0][0] > 0 and jobs[0][1] == 0


class TestImport:
    """Imports keep what is usable, name what is not, and change nothing when repeated."""

    def test_bad_rows_are_set_aside_with_line_and_reason(self, tallyrank: Any, tmp_path: Path) -> None:
        """One row of three is unusable: it stands in the rejects file, the others in the lake, the unknown as NULL."""
        (tmp_path / "votes.csv").write_text(VOTES)
        result = tallyrank("import", "votes", "votes.csv")
        assert result.returncode == 0, result.stderr
        rejects = next((tmp_path / "data" / "rejects").glob("*.csv")).read_text()
        assert "3," in rejects and "many" in rejects
        kept = pq.read_table(next((tmp_path / "data" / "lake" / "observations").rglob("*.parquet")), partitioning=None)
        assert kept["count"].to_pylist() == [5, None]
        assert kept["status"].to_pylist() == ["observed", "hidden"]

    def test_the_same_file_again_changes_nothing(self, tallyrank: Any, tmp_path: Path) -> None:
        """Not a single file is written the second time; another mapping is another import."""
        (tmp_path / "votes.csv").write_text(VOTES)
        tallyrank("import", "votes", "votes.csv")
        before = files(tmp_path / "data")
        again = tallyrank("import", "votes", "votes.csv")
        assert again.returncode == 0
        assert "already in the lake" in again.stdout
        assert files(tmp_path / "data") == before

    def test_a_file_without_a_usable_row_is_an_error(self, tallyrank: Any, tmp_path: Path) -> None:
        """Exit code 1, one line, nothing in the lake."""
        (tmp_path / "votes.csv").write_text("url,platform,verb,observed_at,count\nhttps://a.example,x,like,never,1\n")
        result = tallyrank("import", "votes", "votes.csv")
        assert result.returncode == 1
        assert len(result.stderr.splitlines()) == 1
        assert not files(tmp_path)

    def test_covariates_reach_the_warehouse(self, tallyrank: Any, tmp_path: Path) -> None:
        """Numbers about pages are kept in long form under the page's key."""
        (tmp_path / "links.csv").write_text("url,links,note\nhttps://www.a.example/1/,12,old\n")
        assert tallyrank("import", "covariates", "links.csv").returncode == 0
        assert tallyrank("analyze").returncode == 0
        with duckdb.connect(str(tmp_path / "data" / "warehouse.duckdb"), read_only=True) as con:
            rows = con.execute("SELECT page_key, name, value FROM page_covariates").fetchall()
        assert rows == [("a.example/1", "links", 12.0)]


REPORT = """Published;Netzwerk;Link URL;Geteilt;Reaktionen;Likes;Wer
20.11.2026;Facebook;https://a.example/1;1.234;-;5;Ann
"""
SAID = ("--observed-at", "2026-11-20", "--date-format", "DD.MM.YYYY", "--decimal", "comma")


class TestFormats:
    """Exports of other tools are shown as they would be read, and imported when somebody agrees."""

    @pytest.fixture
    def report(self, tmp_path: Path) -> Path:
        """A post report with names that are not ours."""
        path = tmp_path / "report.csv"
        path.write_text(REPORT, encoding="utf-8")
        return path

    def test_a_script_must_agree(self, tallyrank: Any, report: Path, tmp_path: Path) -> None:
        """Without a terminal and without --yes the table is shown and nothing is written; exit code 1."""
        result = tallyrank("import", "votes", report, *SAID)
        assert result.returncode == 1
        assert "add --yes" in result.stderr and len(result.stderr.splitlines()) == 1
        shown = {line.split()[0]: line for line in result.stdout.splitlines() if line}
        assert "Link URL" in shown["url"] and "Reaktionen, else Likes" in shown["like"]
        assert "2026-11-20" in shown["observed_at"] and "Wer" in shown["not"]
        assert "days are read as DD.MM.YYYY" in result.stdout and "decimal mark is read as ','" in result.stdout
        assert not (tmp_path / "data").exists()

    def test_yes_then_a_mapping_that_asks_no_more(self, tallyrank: Any, report: Path, tmp_path: Path) -> None:
        """What was agreed to is saved, listed, and read again without a word; the same file changes nothing."""
        first = tallyrank("import", "votes", report, *SAID, "--yes", "--save-mapping", "weekly")
        assert first.returncode == 0, first.stderr
        kept = pq.read_table(next((tmp_path / "data" / "lake" / "observations").rglob("*.parquet")), partitioning=None)
        seen = {(row["verb"], row["count"], row["native"]) for row in kept.to_pylist()}
        assert seen == {("share", 1234, "Geteilt"), ("like", 5, "Likes")}
        assert "weekly" in tallyrank("import", "formats").stdout
        again = tallyrank("import", "votes", report, "--observed-at", "2026-11-20", "--mapping", "weekly")
        assert again.returncode == 0 and "already in the lake" in again.stdout

    @pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 1), ("", 1)])
    def test_a_terminal_is_asked(self, answer: str, code: int, report: Path, tmp_path: Path, sandbox: str) -> None:
        """`y` imports; `n` and a mere Enter do not, and write nothing."""
        ours, theirs = pty.openpty()
        command = [*TALLYRANK, "import", "votes", str(report), *SAID]
        environment = environment_of(sandbox, tmp_path / "data")
        with subprocess.Popen(command, env=environment, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE) as process:
            os.write(ours, f"{answer}\n".encode())
            _, errors = process.communicate(timeout=120)
        os.close(theirs)
        os.close(ours)
        assert process.returncode == code, errors
        assert (tmp_path / "data" / "lake").exists() == (code == 0)
        assert ("nobody agreed" in errors.decode()) == (code == 1)

    def test_formats_are_listed(self, tallyrank: Any) -> None:
        """Every format with its kind, also those that are recognised only to say why they are of no use."""
        text = tallyrank("import", "formats").stdout
        assert "sprout_social" in text and "not imported" in text and "No mapping saved yet" in text

    def test_a_correction_replaces_and_says_so(self, tallyrank: Any, report: Path, tmp_path: Path) -> None:
        """Another day of the same bytes stays beside the first one until --replace; one line tells of either."""
        day = ("--date-format", "DD.MM.YYYY", "--decimal", "comma", "--yes")
        tallyrank("import", "votes", report, *SAID, "--yes")
        other = tallyrank("import", "votes", report, "--observed-at", "2026-11-21", *day)
        assert "both are kept" in " ".join(other.stdout.split())
        days = [path.parent.name for path in (tmp_path / "data" / "lake" / "observations").rglob("*.parquet")]
        assert sorted(days) == ["day=2026-11-20", "day=2026-11-21"]
        last = tallyrank("import", "votes", report, "--observed-at", "2026-11-21", *day, "--replace")
        assert last.returncode == 0 and "takes its place" in " ".join(last.stdout.split())
        days = [path.parent.name for path in (tmp_path / "data" / "lake" / "observations").rglob("*.parquet")]
        assert days == ["day=2026-11-21"]

    def test_an_incomplete_archive_has_a_line_for_each_table(self, tallyrank: Any, tmp_path: Path) -> None:
        """What each table still needs stands on its own line, below what is wrong."""
        with zipfile.ZipFile(tmp_path / "gsc.zip", "w") as file:
            file.writestr("Queries.csv", "Top queries,Clicks,Impressions,CTR,Position\ntea,5,100,5%,3.4\n")
            file.writestr("Pages.csv", "Top pages,Clicks,Impressions,CTR,Position\nhttps://a.b,5,100,5%,7.5\n")
        result = tallyrank("import", "rankings", "gsc.zip")
        first, *lines = result.stderr.splitlines()
        assert result.returncode == 1 and first.startswith("tallyrank: ")
        assert [line.split()[0] for line in lines] == ["Queries.csv:", "Pages.csv:"]

    def test_aliases_are_imported(self, tallyrank: Any, tmp_path: Path) -> None:
        """Two columns say which address leads where."""
        (tmp_path / "moved.csv").write_text("from,to\nhttps://a.example/old,https://a.example/new\n")
        result = tallyrank("import", "aliases", "moved.csv")
        assert result.returncode == 0, result.stderr
        assert "1 aliases of addresses are known, 1 of them new" in result.stdout


def test_every_option_of_an_import_says_what_it_is() -> None:
    """No option stands in the help without a word."""
    commands = typer.main.get_command(imports).commands  # type: ignore[attr-defined]
    params = [(name, param) for name, command in commands.items() for param in command.params]
    assert len(params) > 40
    assert [(name, param.name) for name, param in params if not param.help] == []


WRONG_USAGE = [
    ("results", "--format", "xml"),
    ("results", "--nope"),
    ("nope",),
    ("import", "votes"),
    ("import", "votes", "x.csv", "--map", "like"),
    ("import", "votes", "x.csv", "--decimal", "dot"),
    ("run", "--from", "2026-10-02", "--to", "2026-10-01"),
    ("run", "--day", "tomorrow"),
    ("run", "--day", "2026-10-01", "--to", "2026-10-01"),
    ("run", "--day", "2026-13-14"),
    ("pull", "hatena", "--urls", "x.txt"),
]
FAILING_WORK = [
    ("results",),
    ("report", "--out", "x.html"),
    ("import", "votes", "missing.csv"),
    ("import", "votes", "missing.csv", "--format", "nope"),
    ("import", "votes", "missing.csv", "--mapping", "nope"),
    ("pull", "nope", "--out", "x.parquet"),
    ("pull", "lobsters", "--out", "x.parquet", "--urls", "x.txt"),
    ("run", "--source", "nope"),
    ("pull", "hatena", "--urls", "missing.txt", "--out", "x.parquet"),
    ("pull", "hatena", "--out", "x.parquet"),
]


@pytest.mark.parametrize(
    ("arguments", "code"), [(a, 2) for a in WRONG_USAGE] + [(a, 1) for a in FAILING_WORK], ids=lambda a: " ".join(a)
    if isinstance(a, tuple) else str(a),
)  # fmt: skip
def test_errors_are_one_line_and_an_exit_code(arguments: tuple[str, ...], code: int, tallyrank: Any) -> None:
    """2 for wrong usage, 1 for failed work; one line that names the trouble, never a traceback."""
    result = tallyrank(*arguments)
    assert result.returncode == code, result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("tallyrank: ")
    assert result.stdout == ""


def test_data_folder_by_option_before_or_after_the_command(tallyrank: Any, tmp_path: Path) -> None:
    """`--data DIR` may stand on either side of the command, and wins over TALLYRANK_DATA."""
    for arguments in (("--data", "other", "results"), ("results", "--data", "other")):
        assert str(tmp_path / "other") in tallyrank(*arguments).stderr


def test_analyze_of_an_empty_lake_publishes_empty_tables(tallyrank: Any, tmp_path: Path) -> None:
    """Nothing imported yet is no error: an empty warehouse and a report that says what to do."""
    assert tallyrank("analyze").returncode == 0
    assert json.loads(tallyrank("results", "--format", "json").stdout) == {"correlations": [], "verdicts": []}
    assert "Import rankings and votes" in (tmp_path / "data" / "report.html").read_text()


VERDICT_KEYS = {
    "platform", "verb", "rung", "verdict", "direction", "lag_days", "estimate", "ci_low", "ci_high", "q_value",
    "n_keywords", "n_pages", "n_days", "mde", "placebo_share", "prose", "engine", "rank_kind", "robustness",
}  # fmt: skip


class TestResults:
    """What `results` prints of a warehouse with one verdict and one combination of too few data."""

    @pytest.fixture
    def published(self, tallyrank: Any, tmp_path: Path) -> Any:
        """The command line over a warehouse that is there already."""
        (tmp_path / "data").mkdir()
        warehouse(tmp_path / "data", ROWS)
        return tallyrank

    def test_json_holds_every_number_of_a_verdict(self, published: Any) -> None:
        """All keys on all rows, the strongest first, null where nothing is known."""
        found = json.loads(published("results", "--format", "json").stdout)["verdicts"]
        assert [set(v) for v in found] == [VERDICT_KEYS, VERDICT_KEYS]
        assert [v["verdict"] for v in found] == ["supports", "not enough data"]
        assert (found[0]["estimate"], found[0]["lag_days"], found[0]["robustness"]) == (0.61, 2, 0.17)
        assert found[1]["estimate"] is None and found[1]["q_value"] is None

    def test_json_knows_no_infinity(self, tallyrank: Any, tmp_path: Path) -> None:
        """An interval without an end is null: JSON has no word for it."""
        (tmp_path / "data").mkdir()
        warehouse(tmp_path / "data", {"verdicts": [verdict(ci_low=float("-inf"))]})
        text = tallyrank("results", "--format", "json").stdout
        assert json.loads(text)["verdicts"][0]["ci_low"] is None and "Infinity" not in text

    def test_verdicts_come_before_correlations(self, published: Any) -> None:
        """Word, direction, estimate, interval and q on one line; the prose only where it is asked for."""
        plain, explained = published("results").stdout, published("results", "--explain").stdout
        line = next(line for line in plain.splitlines() if line.startswith("reddit like"))
        for shown in ("supports", "votes move first", "2 days", "+0.61", "+0.40 … +0.82", "0.004"):
            assert shown in line
        assert plain.index("reddit like") < plain.index("Mean within-list rank correlation")
        assert "Prose of the verdict." not in plain and "Prose of the verdict." in explained
        assert "Prose of what is missing." in explained

    def test_a_warehouse_of_before_has_no_verdicts(self, published: Any, tmp_path: Path) -> None:
        """Without the table there is an empty list and no crash."""
        with duckdb.connect(str(tmp_path / "data" / "warehouse.duckdb")) as con:
            con.execute("DROP TABLE verdicts")
        assert json.loads(published("results", "--format", "json").stdout)["verdicts"] == []
        assert "No verdict yet" in published("results").stdout


def test_experiments_have_their_commands(tallyrank: Any) -> None:
    """`experiment design` and `experiment score` are there."""
    text = tallyrank("experiment", "--help").stdout
    assert "design" in text and "score" in text


def test_doctor_names_what_is_missing_and_where_to_get_it(tallyrank: Any) -> None:
    """A source without its key is listed with the variable to set; the others are ready."""
    result = tallyrank("doctor", TALLYRANK_YOUTUBE_API_KEY="", TALLYRANK_YOUTUBE_TOKEN="")
    assert result.returncode == 0
    lines = {line.split()[0]: line for line in result.stdout.splitlines() if line.strip()}
    assert "TALLYRANK_YOUTUBE_API_KEY" in lines["youtube"]
    assert "ready" in lines["hatena"] and "answers" in lines["hatena"]


def test_a_malformed_setting_is_named_without_its_value(tallyrank: Any) -> None:
    """The doctor says which setting is wrong and never prints what it holds."""
    result = tallyrank("doctor", "--offline", TALLYRANK_HATENA_CONCURRENCY="s3cr3t")
    assert "TALLYRANK_HATENA_CONCURRENCY must be a whole number" in " ".join(result.stdout.split())
    assert "s3cr3t" not in result.stdout + result.stderr


def test_a_source_set_up_by_half_is_named(tallyrank: Any) -> None:
    """A malformed setting or one key of two does not drop a source in silence."""
    result = tallyrank("run", "--day", "2026-10-14", TALLYRANK_HATENA_RETRIES="abc", TALLYRANK_INSTAGRAM_USER_ID="")
    assert "left out: hatena: TALLYRANK_HATENA_RETRIES must be a whole number" in result.stderr
    assert "left out: instagram: set TALLYRANK_INSTAGRAM_USER_ID too" in result.stderr


def test_pull_writes_readings_of_one_source(tallyrank: Any, tmp_path: Path, world: Any) -> None:
    """One connector by itself: addresses in, Parquet out, the lake untouched."""
    (tmp_path / "urls.txt").write_text("# pages\n" + "\n".join(page.url for page in world.pages[:3]))
    result = tallyrank("pull", "hatena", "--urls", "urls.txt", "--out", "out.parquet", "--day", "2026-10-14")
    assert result.returncode == 0, result.stderr
    assert pq.read_table(tmp_path / "out.parquet").num_rows == 3
    assert not (tmp_path / "data").exists()


def test_pull_says_when_there_was_nothing_to_ask(tallyrank: Any, tmp_path: Path) -> None:
    """Nothing named yet, or an empty file: exit code 1, what to do in one line, and no file of no readings."""
    (tmp_path / "urls.txt").write_text("# none yet\n")
    feeds = {"TALLYRANK_FEEDS_ENABLED": "true", "TALLYRANK_FEEDS_ADDRESSES": ""}
    for arguments, words in (
        (("feeds",), "feeds: nothing was asked; name feeds in TALLYRANK_FEEDS_ADDRESSES"),
        (("hatena", "--urls", "urls.txt"), "hatena: nothing was asked; urls.txt has no entries"),
    ):
        result = tallyrank("pull", *arguments, "--out", "out.parquet", "--day", "2026-10-14", **feeds)
        assert (result.returncode, result.stdout) == (1, "")
        assert result.stderr.startswith(f"tallyrank: {words}") and len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "out.parquet").exists()


def test_pull_refuses_a_source_that_is_off(tallyrank: Any, tmp_path: Path) -> None:
    """Off by its owner's wish or by ours: it is not asked before it is switched on."""
    (tmp_path / "urls.txt").write_text("https://a.example/\n")
    pull = ("pull", "lobsters", "--urls", "urls.txt", "--out", "out.parquet", "--day", "2026-10-14")
    result = tallyrank(*pull)
    assert result.returncode == 1
    assert result.stderr == "tallyrank: lobsters: switched off; set TALLYRANK_LOBSTERS_ENABLED=true to ask it\n"
    assert tallyrank(*pull, TALLYRANK_LOBSTERS_ENABLED="true").returncode == 0


def test_a_dry_pull_takes_neither_a_key_nor_a_file(tallyrank: Any, tmp_path: Path) -> None:
    """An estimate writes nothing and asks nothing; a source that costs nothing says so."""
    (tmp_path / "keywords.txt").write_text("one\ntwo\n")
    bare = {"TALLYRANK_SERPER_API_KEY": "", "TALLYRANK_SERPER_ENABLED": "false"}
    result = tallyrank("pull", "serper", "--keywords", "keywords.txt", "--dry-run", "--day", "2026-10-14", **bare)
    assert result.returncode == 0, result.stderr
    assert "serper" in result.stdout and "nothing was asked" in result.stdout
    (tmp_path / "urls.txt").write_text("https://a.example/\n")
    free = tallyrank("pull", "hatena", "--urls", "urls.txt", "--dry-run", "--day", "2026-10-14")
    assert (free.returncode, free.stderr) == (0, "") and "costs nothing" in free.stdout


def test_a_dry_run_prices_each_day_and_named_sources_without_a_key(tallyrank: Any, tmp_path: Path) -> None:
    """Two keywords over three days are six questions; a host that is asked today only costs nothing in the past."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "keywords.txt").write_text("one\ntwo\n")
    bare = {"TALLYRANK_SERPER_API_KEY": "", "TALLYRANK_SERPER_ENABLED": "false"}
    dry = ("run", "--from", "2026-10-12", "--to", "2026-10-14", "--dry-run", "--source", "serper")
    result = tallyrank(*dry, **bare)
    assert result.returncode == 0, result.stderr
    (line,) = [line.split() for line in result.stdout.splitlines() if line.startswith("serper")]
    assert line[2] == "6" and "these 3 days" in result.stdout
    live = tallyrank(*dry, **bare, TALLYRANK_SERPER_BASE_URL="http://127.0.0.1:1")
    assert live.returncode == 0
    assert "asked about today only: serper" in live.stderr and "costs nothing" in live.stdout
    assert not (tmp_path / "data" / "lake").exists()


def test_a_run_without_a_last_day_says_how_far_it_goes(tallyrank: Any) -> None:
    """`--from` alone goes on until today, and says so."""
    told = tallyrank("run", "--from", "2026-10-12", "--dry-run").stderr
    assert "2026-10-12 to " in told and "(today); --to ends it earlier" in told


def test_a_day_that_is_none_is_told_plainly(tallyrank: Any) -> None:
    """The thirteenth month is no day; no word of the parser's."""
    words = tallyrank("run", "--day", "2026-13-14").stderr
    assert "'2026-13-14' is no day; write it as YYYY-MM-DD" in words
    assert "Value error" not in words and "%Y" not in words


def test_the_demo_ends_with_verdicts_paths_and_next_steps(tallyrank: Any, tmp_path: Path) -> None:
    """A small demo: every verdict beside its truth, no failure, and a folder of other data is refused."""
    result = tallyrank("demo", "--keywords", "6", "--days", "7", "--data", tmp_path / "demo")
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    for (platform, verb), truth in TRUTH.items():
        lines = [line for line in result.stdout.splitlines() if line.startswith(platform) and f" {verb} " in line]
        assert len(lines) == 1 and truth in lines[0]
        assert "not enough data" in lines[0], "a week shows nothing of what moves first"
    assert "the verdict is 'not enough data': it takes 14 days" in result.stdout
    for path in ("report.html", "warehouse.duckdb"):
        assert str(tmp_path / "demo" / path) in result.stdout
        assert (tmp_path / "demo" / path).exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "precious.csv").touch()
    refused = tallyrank("demo", "--data", tmp_path / "mine")
    assert refused.returncode == 1
    assert (tmp_path / "mine" / "precious.csv").exists()
