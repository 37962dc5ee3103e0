"""Votes, rankings and covariates from files: the unknown stays unknown, the unusable is named, nothing is guessed."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.errors import TallyrankError
from connectors.records import COVARIATE_SCHEMA, OBSERVATION_SCHEMA, RANKING_SCHEMA, Observation, Ranking, Status
from connectors.urls import url_key
from pipelines.files.imports import Imported, Reject, read_covariates, read_rankings, read_votes, write_rejects

QUIET = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
FRONT_PAGE = "data/hacker-news/frontpage_2021-03-01_14d.csv"
NOON = datetime(2026, 4, 3, 12, tzinfo=UTC)
Reader = Callable[[Path, dict[str, str], dict[str, str]], Imported]


def load(read: Reader, folder: Path, text: str, mapping: dict[str, str] | None = None, **constants: str) -> Imported:
    path = folder / "export.csv"
    path.write_text(text, encoding="utf-8", newline="")
    return read(path, mapping or {}, constants)


def count_of(folder: Path, text: str) -> dict[str, Any]:
    """What becomes of one count, beside a good row that keeps the file usable."""
    out = io.StringIO()
    csv.writer(out).writerows([["url", "count"], ["a.b", "1"], ["c.d", text]])
    said = {"platform": "reddit", "verb": "like", "observed_at": "2026-04-03"}
    found = load(read_votes, folder, out.getvalue(), **said)
    return found.table.to_pylist()[1] if not found.rejects else {"reason": found.rejects[0].reason}


def time_of(folder: Path, text: str) -> Any:
    """The moment that a cell is read as, or the reason why it is not."""
    head = "url;platform;verb;count;observed_at\na.b;x;like;1;2026-04-03\n"
    found = load(read_votes, folder, f"{head}a.b;x;like;1;{text}\n")
    return found.rejects[0].reason if found.rejects else found.table["observed_at"][1].as_py()


LONG = """\
url,platform,verb,observed_at,count,object_id,published_at,status
https://www.a.b/x?utm_source=y,Reddit,like,2026-04-03T12:00:00Z,5,t3_1,2026-04-01,
a.b/y,reddit,share,2026-04-03T12:00:00Z,,,,not_found
a.b/y,reddit,comment,2026-04-03T12:00:00Z,0,,,observed
"""


def test_long_votes(tmp_path: Path) -> None:
    """A file with our column names becomes observations in the records' own words, with keys and basis."""
    found = load(read_votes, tmp_path, LONG)
    assert found.table.schema == OBSERVATION_SCHEMA
    first, second, third = found.table.to_pylist()
    assert (first["url"], first["url_key"]) == ("https://www.a.b/x?utm_source=y", "a.b/x")
    assert (first["platform"], first["verb"], first["count"], first["status"]) == ("reddit", "like", 5, "observed")
    assert (first["basis"], first["published_at"]) == ("post", datetime(2026, 4, 1, tzinfo=UTC))
    assert (second["count"], second["status"], second["basis"]) == (None, "not_found", "page")
    assert (third["count"], third["status"], third["quality"]) == (0, "observed", "exact")
    for row in found.table.to_pylist():
        cells = {name: cell for name, cell in row.items() if name != "url_key"}
        Observation(**cells | {"status": Status(row["status"])})
    assert (found.n_read, found.rejects, found.notes) == (3, [], [])


def test_wide_votes(tmp_path: Path) -> None:
    """Columns mapped to verbs give one observation per verb and row; each remembers its column's name."""
    text = "Page,Up votes,Comments\na.b,7,\na.c,-,2\n"
    mapping = {"url": "Page", "like": "Up votes", "comment": "Comments"}
    found = load(read_votes, tmp_path, text, mapping, platform="reddit", observed_at="2026-04-03")
    seen = [(r["url"], r["verb"], r["count"], r["status"], r["native"]) for r in found.table.to_pylist()]
    assert seen == [
        ("a.b", "like", 7, "observed", "Up votes"),
        ("a.c", "like", None, "hidden", "Up votes"),
        ("a.b", "comment", None, "hidden", "Comments"),
        ("a.c", "comment", 2, "observed", "Comments"),
    ]
    assert found.understood == mapping | {"platform": "reddit", "observed_at": "2026-04-03"}


def test_wide_votes_lose_one_cell_only(tmp_path: Path) -> None:
    """A bad cell of a wide row is one reject and leaves the row's other verbs; a bad row is one reject, not many."""
    mapping = {"like": "l", "comment": "c"}
    text = "url,l,c\na.b,x,2\nmailto:me,1,1\n"
    found = load(read_votes, tmp_path, text, mapping, platform="p", observed_at="2026-04-03")
    assert [r["verb"] for r in found.table.to_pylist()] == ["comment"]
    assert [(r.line, r.reason, r.row) for r in found.rejects] == [
        (2, "like: 'x' is no whole number", "a.b,x,2"),
        (3, "url: 'mailto:me' is no web address", "mailto:me,1,1"),
    ]


@pytest.mark.parametrize("text", ["", " ", "-", "–", "—", "N/A", "n/a", "null", "NULL", "nan", "NaN", "NA", "\xa0"])
def test_blank_counts_are_unknown(tmp_path: Path, text: str) -> None:
    """A blank in any spelling is a row without a number, hidden; never 0, never a reject."""
    row = count_of(tmp_path, text)
    assert (row["count"], row["status"]) == (None, "hidden")


@pytest.mark.parametrize(
    ("text", "count", "quality"),
    [
        ("0", 0, "exact"),
        ("1234", 1234, "exact"),
        ("1,234", 1234, "exact"),
        ("1 234", 1234, "exact"),
        ("1\xa0234", 1234, "exact"),
        ("1\u202f234\u202f567", 1234567, "exact"),
        ("1'234", 1234, "exact"),
        ("12.0", 12, "exact"),
        ("+5", 5, "exact"),
        ("1.2K", 1200, "rounded"),
        ("1,2k", 1200, "rounded"),
        ("3M", 3_000_000, "rounded"),
        ("1.20E+06", 1_200_000, "rounded"),
        ("9223372036854775807", 2**63 - 1, "exact"),
    ],
)
def test_counts(tmp_path: Path, text: str, count: int, quality: str) -> None:
    """Thousands marks and written-out decimals are exact; K, M and powers of ten are rounded."""
    row = count_of(tmp_path, text)
    assert (row["count"], row["quality"], row["status"]) == (count, quality, "observed")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("-5", "count: '-5' is below 0"),
        ("−5", "count: '−5' is below 0"),
        ("abc", "is no whole number"),
        ("12.5", "is no whole number"),
        ("1.234", "is no whole number"),
        ("1,234K", "is no whole number"),
        ("1,23,4", "is no whole number"),
        ("٣", "is no whole number"),
        ("inf", "is no whole number"),
        ("9223372036854775808", "is too large"),
        ("1e999", "is too large"),
        ("9" * 5000, "is no whole number"),
    ],
)
def test_bad_counts(tmp_path: Path, text: str, reason: str) -> None:
    """A count that is negative, broken or readable in two ways is a reject that says so."""
    assert reason in count_of(tmp_path, text)["reason"]


def test_status_and_count_must_agree(tmp_path: Path) -> None:
    """A number beside a status that has none is a reject; so is an unknown status; `observed` without one is hidden."""
    head = "url,platform,verb,observed_at,count,status\n"
    rows = ["5,hidden", "5,odd", ",observed", "5,", "5,Observed", ",failed"]
    found = load(read_votes, tmp_path, head + "".join(f"a.b,p,like,2026-04-03,{row}\n" for row in rows))
    assert [(r.line, r.reason.partition(":")[0]) for r in found.rejects] == [(2, "count"), (3, "status")]
    assert found.table["status"].to_pylist() == ["hidden", "observed", "observed", "failed"]


@pytest.mark.parametrize(
    "text",
    [
        "2026-04-03T12:00:00Z",
        "2026-04-03 12:00:00",
        "2026-04-03 12:00",
        "2026-04-03 12:00:00+00",
        "2026-04-03 12:00:00+0000",
        "2026-04-03T12:00:00.000+00:00",
        "2026-04-03T14:00:00+02:00",
        "2026-04-03T06:30:00-0530",
        "2026-04-03 12:00:00 UTC",
        "2026-04-03t12:00:00,0000000z",
        "20260403T120000Z",
        "2026/4/3 12:00",
        "1775217600",
        "1775217600.0",
        "1775217600000",
    ],
)
def test_times(tmp_path: Path, text: str) -> None:
    """Every spelling of ISO 8601, with any zone, and unix seconds are the same moment; without a zone it is UTC."""
    assert time_of(tmp_path, text) == NOON


def test_days_and_fractions(tmp_path: Path) -> None:
    """A day is its midnight in UTC; fractions are kept to the microsecond."""
    assert time_of(tmp_path, "2026-04-03") == time_of(tmp_path, "20260403") == datetime(2026, 4, 3, tzinfo=UTC)
    assert time_of(tmp_path, "2026-04-03 12:00:00.1234567+00") == NOON.replace(microsecond=123456)


@pytest.mark.parametrize("text", ["03/04/2026", "3.4.2026", "03-04-26 12:00", "13/04/2026"])
def test_day_first_or_month_first_is_never_guessed(tmp_path: Path, text: str) -> None:
    """A day that could be another day is a reject that names the form to use."""
    assert "leaves open which number is the day: write it as YYYY-MM-DD" in time_of(tmp_path, text)


@pytest.mark.parametrize(
    "text", ["yesterday", "2026-02-30", "2026-04-03T25:00", "0000-00-00", "1970-01-01", "2026-04-03T12:00+99:00", "42"]
)
def test_bad_times(tmp_path: Path, text: str) -> None:
    """What is no moment, or one before the web, is a reject; a blank is one too where the time is needed."""
    assert "is no time between" in time_of(tmp_path, text)
    assert time_of(tmp_path, "") == "observed_at: is blank"


@QUIET
@given(
    st.integers(700_000_000, 4_000_000_000),
    st.integers(0, 999_999),
    st.integers(-12 * 60, 14 * 60),
    st.sampled_from("T "),
)
def test_any_moment_survives(tmp_path: Path, seconds: int, micros: int, ahead: int, between: str) -> None:
    """What Python writes as ISO 8601, in any zone, is read as the same moment."""
    zone = timezone(timedelta(minutes=ahead))
    moment = datetime.fromtimestamp(seconds, zone) + timedelta(microseconds=micros)
    assert time_of(tmp_path, moment.isoformat(between)) == moment


RANKS = "keyword,url,position,ranked_at,depth,found\n"


def rank(folder: Path, position: str, depth: str = "", found: str = "") -> Any:
    """What becomes of one result: (position, found, depth) or the reason of its reject."""
    row = f"k,a.b,{position},2026-04-03,{depth},{found}\n"
    made = load(read_rankings, folder, f"{RANKS}k,a.b,1,2026-04-03,,\n{row}")
    if made.rejects:
        return made.rejects[0].reason
    Ranking(**{name: cell for name, cell in made.table.to_pylist()[1].items() if name != "url_key"})
    return tuple(made.table.to_pylist()[1][name] for name in ("position", "found", "depth"))


def test_positions(tmp_path: Path) -> None:
    """Positions begin at 1 and may be averages; a page not found has none, whichever way the file says so."""
    assert rank(tmp_path, "1") == (1.0, True, None)
    assert rank(tmp_path, "4.5", "10", "true") == (4.5, True, 10)
    assert rank(tmp_path, '"4,5"') == (4.5, True, None)
    assert rank(tmp_path, "", "100") == (None, False, 100)
    assert rank(tmp_path, "-", "100", "no") == (None, False, 100)
    assert rank(tmp_path, "", "", "FALSE") == (None, False, None)


@pytest.mark.parametrize("cells", [("0", "10"), ("-1",), ("0.5",), ("",), ("", "10", "true")])
def test_not_found_must_be_said_clearly(tmp_path: Path, cells: tuple[str, ...]) -> None:
    """Position 0 and a blank without depth are rejects that say how a page not found is written."""
    assert "leave position blank and give depth, or give found=false" in rank(tmp_path, *cells)


@pytest.mark.parametrize("cells", [("3", "", "false"), ("3", "0"), ("x",), ("3", "", "maybe"), ("3", "2.5")])
def test_bad_rankings(tmp_path: Path, cells: tuple[str, ...]) -> None:
    """Contradictions and cells of the wrong kind are rejects."""
    assert isinstance(rank(tmp_path, *cells), str)


def test_rankings_have_defaults_and_constants(tmp_path: Path) -> None:
    """Engine and kind have defaults, constants complete a file and override its columns."""
    text = "URL,Position,engine\na.b,1,Bing\na.c,2,\n"
    found = load(read_rankings, tmp_path, text, keyword="tea", ranked_at="2026-04-03", country="us")
    assert found.table.schema == RANKING_SCHEMA
    assert found.table["engine"].to_pylist() == ["bing", "google"]
    assert found.table["rank_kind"].to_pylist() == ["organic"] * 2
    assert (found.understood["url"], found.understood["keyword"], found.understood["country"]) == ("URL", "tea", "us")
    found = load(read_rankings, tmp_path, text, keyword="tea", ranked_at="2026-04-03", engine="duckduckgo")
    assert found.table["engine"].to_pylist() == ["duckduckgo"] * 2


def test_keywords_are_taken_as_they_are(tmp_path: Path) -> None:
    """`null` and `nan` are searches that people make; a blank keyword is a reject."""
    text = "keyword,url,position,ranked_at\n" + "".join(f"{k},a.b,1,2026-04-03\n" for k in ("null", "nan", " "))
    found = load(read_rankings, tmp_path, text)
    assert found.table["keyword"].to_pylist() == ["null", "nan"]
    assert [(r.line, r.reason) for r in found.rejects] == [(4, "keyword: is blank")]


def test_covariates(tmp_path: Path) -> None:
    """Columns of numbers are melted, blanks give no row, bad cells are rejects, columns of words are noted."""
    text = 'url,day,title,words,share of voice,2\na.b,2026-04-03,1984,"1,200",45%,\na.c,,Tea,x,-,\na.d,,Milk,7,0,\n'
    found = load(read_covariates, tmp_path, text, {"voice": "share of voice"})
    assert found.table.schema == COVARIATE_SCHEMA
    seen = [tuple(row.values()) for row in found.table.select([0, 2, 3, 4]).to_pylist()]
    assert sorted(seen, key=str) == sorted(
        [
            ("a.b", date(2026, 4, 3), "words", 1200.0),
            ("a.d", None, "words", 7.0),
            ("a.b", date(2026, 4, 3), "voice", 0.45),
            ("a.d", None, "voice", 0.0),
        ],
        key=str,
    )
    assert [(r.line, r.reason) for r in found.rejects] == [(3, "words: 'x' is no number")]
    assert [note.split("'")[1] for note in found.notes] == ["title", "2"]
    assert "title" not in found.understood


@pytest.mark.parametrize("url", ["", " ", "-", "null", "mailto:a@b.c", "/path", '"a.b\nc.d"', "tel:911"])
def test_urls_without_key(tmp_path: Path, url: str) -> None:
    """What is no web address is a reject."""
    found = load(read_covariates, tmp_path, f"url,n\na.b,1\n{url},2\n")
    assert (found.table.num_rows, [r.reason[:4] for r in found.rejects]) == (1, ["url:"])


def test_missing_columns_are_named(tmp_path: Path) -> None:
    """A file without a needed column is refused with its columns and the options to give."""
    with pytest.raises(TallyrankError) as caught:
        load(read_votes, tmp_path, "Link,Likes\na.b,1\n")
    for part in ("'Link', 'Likes'", "--map url=COLUMN", "--map platform=COLUMN or --platform VALUE", "--map like="):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("mapping", "constants", "message"),
    [
        ({"likes": "n"}, {}, "'likes' is no field of votes; did you mean 'like'"),
        ({"like": "upvote"}, {}, "no column 'upvote'; did you mean 'Upvotes'"),
        ({"like": "zzz"}, {}, "no column 'zzz'; the file has: 'url', 'Upvotes'"),
        ({"like": "Upvotes"}, {"count": "5"}, "choose one"),
        ({}, {"plattform": "x"}, "did you mean 'platform'"),
    ],
)
def test_wrong_names(tmp_path: Path, mapping: dict[str, str], constants: dict[str, str], message: str) -> None:
    """Unknown fields and columns are refused with near matches."""
    with pytest.raises(TallyrankError, match=message):
        load(read_votes, tmp_path, "url,Upvotes,n\na.b,1,2\n", mapping, **constants)


def test_column_that_stands_twice(tmp_path: Path) -> None:
    """A needed column that the file has twice is refused; one that nobody needs does no harm."""
    with pytest.raises(TallyrankError, match="has 2 columns 'url'"):
        load(read_covariates, tmp_path, "url,url,n\na.b,a.c,1\n")
    found = load(read_covariates, tmp_path, "url,n,n\na.b,1,2\n")
    assert found.table["value"].to_pylist() == [1.0]
    assert found.notes == ["1 columns are ignored: their names stand twice"]


def test_file_without_usable_row(tmp_path: Path) -> None:
    """When nothing is usable the error gives the first three reasons; a mere header is told apart."""
    with pytest.raises(TallyrankError) as caught:
        load(read_covariates, tmp_path, "url,n\n-,1\nmailto:x,2\n/p,3\n/q,4\nbroken\n")
    assert "none of its 5 rows can be used (line 2: url: is blank; line 3:" in str(caught.value)
    assert "line 5" not in str(caught.value)
    with pytest.raises(TallyrankError, match="has a header and no rows"):
        load(read_covariates, tmp_path, "url,n\n")


def test_parquet_types(tmp_path: Path) -> None:
    """Typed columns say the same as their spelling in a CSV; a column of lists is refused by name."""
    columns = {
        "url": pa.array(["a.b", "a.c"]).dictionary_encode(),
        "platform": ["x", "x"],
        "verb": ["like", "like"],
        "observed_at": pa.array([NOON, NOON], pa.timestamp("ns", "Europe/Berlin")),
        "count": pa.array([1e6, None], pa.float64()),
        "published_at": pa.array([date(2026, 4, 1), None]),
    }
    path = tmp_path / "votes.parquet"
    pq.write_table(pa.table(columns), path)
    first, second = read_votes(path, {}, {}).table.to_pylist()
    assert (first["count"], first["quality"], first["observed_at"]) == (1_000_000, "exact", NOON)
    assert (first["published_at"], second["count"], second["status"]) == (
        datetime(2026, 4, 1, tzinfo=UTC),
        None,
        "hidden",
    )
    pq.write_table(pa.table(columns | {"count": [[1], [2]]}), path)
    with pytest.raises(TallyrankError, match="column 'count'"):
        read_votes(path, {}, {})


def test_import_id(tmp_path: Path) -> None:
    """The same bytes, mapping and constants are the same import; any other mapping, constant or kind is another."""
    same = [load(read_covariates, tmp_path, "url,n,day\na.b,1,2026-04-03\n").import_id for _ in range(2)]
    others = [
        load(read_covariates, tmp_path, "url,n,day\na.b,2,2026-04-03\n").import_id,
        load(read_covariates, tmp_path, "url,n,day\na.b,1,2026-04-03\n", {"m": "n"}).import_id,
        load(read_covariates, tmp_path, "url,n,day\na.b,1,2026-04-03\n", day="2026-04-04").import_id,
    ]
    assert len({*same, *others}) == 4
    assert same[0] == same[1] and int(same[0], 16) >= 0


def test_rejects_file(tmp_path: Path) -> None:
    """Rejects are written whole, readable again, and no cell of them is a formula."""
    path = tmp_path / "deep" / "rejects.csv"
    rows = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "a,b", '"q"']
    write_rejects([Reject(2, "because", row) for row in rows], path)
    with path.open(encoding="utf-8", newline="") as file:
        head, *cells = csv.reader(file)
    assert head == ["line", "reason", "row"]
    assert [row for _, _, row in cells] == [f"'{row}" for row in rows[:6]] + rows[6:]
    assert [file.name for file in path.parent.iterdir()] == ["rejects.csv"]


def test_real_front_page(shared: Path) -> None:
    """A real export gives every row as votes and as rankings; what it leaves blank stays unknown."""
    path = shared / FRONT_PAGE
    votes = read_votes(path, {"like": "upvotes", "comment": "comments"}, {"platform": "hackernews"})
    assert (votes.n_read, votes.table.num_rows, votes.rejects) == (18_750, 37_500, [])
    unknown = [row for row in votes.table.select(["count", "status"]).to_pylist() if row["count"] is None]
    assert unknown and {row["status"] for row in unknown} == {"hidden"}
    ranks = read_rankings(path, {"ranked_at": "observed_at"}, {"keyword": "front page", "engine": "hackernews"})
    assert (ranks.n_read, ranks.table.num_rows, ranks.rejects) == (18_750, 18_750, [])
    assert any(url.startswith("item?id=") for url in ranks.table["url"].to_pylist())


CELL = st.sampled_from(["a.b", "reddit", "like", "2026-04-03", "5", "1.2K", "", "-", "hidden", "0", "x", '"', "=1"])


@QUIET
@given(st.lists(st.lists(CELL, min_size=1, max_size=7), min_size=1, max_size=10))
def test_every_row_is_used_or_set_aside(tmp_path: Path, table: list[list[str]]) -> None:
    """Usable rows and rejects are together the rows read, and a kept count belongs to status observed."""
    out = io.StringIO()
    good = ["a.b", "reddit", "like", "2026-04-03", "5", ""]
    names = ["url", "platform", "verb", "observed_at", "count", "status"]
    csv.writer(out).writerows([names, good, *(row for row in table if any(row))])
    found = load(read_votes, tmp_path, out.getvalue())
    assert found.table.num_rows + len(found.rejects) == found.n_read
    assert found.n_read == 1 + sum(any(row) for row in table)
    for row in found.table.to_pylist():
        assert (row["count"] is not None) == (row["status"] == "observed")
        assert row["url_key"] == url_key(row["url"]) is not None


@QUIET
@given(
    st.sampled_from([read_votes, read_rankings, read_covariates]),
    st.sampled_from([b"", b"url,n\n", b"url,platform,verb,observed_at,count\n", b"keyword;url;position;ranked_at\n"]),
    st.binary(max_size=200) | st.text(st.sampled_from('a.b,;"\n09-/:TZ\xe9'), max_size=200).map(str.encode),
)
def test_only_our_error(tmp_path: Path, read: Reader, head: bytes, body: bytes) -> None:
    """Importing arbitrary bytes raises nothing but a TallyrankError of one line."""
    path = tmp_path / "export.csv"
    path.write_bytes(head + body)
    try:
        read(path, {}, {})
    except TallyrankError as error:
        assert "\n" not in str(error)


def test_many_rows_are_quick(tmp_path: Path) -> None:
    """A hundred thousand votes take a second or so, and a million ten times that."""
    lines = (f"https://a{i % 5000}.com/p,reddit,like,2026-04-{1 + i % 28:02d} 00:00:00,{i}" for i in range(100_000))
    start = time.perf_counter()
    found = load(read_votes, tmp_path, "url,platform,verb,observed_at,count\n" + "\n".join(lines))
    assert time.perf_counter() - start < 5.0  # on a busy machine
    assert found.table.num_rows == 100_000
