"""SQL files: what their headers promise is checked before a table is replaced, and the shipped ones stay portable."""

from __future__ import annotations

import re
from textwrap import dedent

import pyarrow as pa
import pytest
import sqlglot
from sqlglot import ErrorLevel, exp

from connectors.errors import TallyrankError
from connectors.records import COVARIATE_SCHEMA, Raw, Status, raw_table
from pipelines import sqlfile
from pipelines.lake import Lake
from tests.pipelines.making import at, built, fill, key, part, result, rows, searched, seen

SHIPPED = sqlfile.tables()
each_table = pytest.mark.parametrize("table", SHIPPED.values(), ids=SHIPPED)

GOOD = """\
/*
description: Votes by platform.
grain: [platform]
columns:
  platform: Where.
  n: How many readings.
checks:
  at least one: n >= 1
*/
SELECT platform, count(*) AS n FROM observations GROUP BY platform
"""


def file_in(folder, text=GOOD, name="votes", layer="staging"):
    """A SQL file below a folder."""
    path = folder / layer / f"{name}.sql"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text), encoding="utf-8")
    return path


def table_of(folder, text=GOOD):
    """One table from a text."""
    return sqlfile.load(file_in(folder / "sql", text))


def reading_only(folder, **reads):
    """A folder of tables, each of which reads others."""
    for name, sources in reads.items():
        joined = ", ".join(sources)
        file_in(folder, f"/*\ndescription: x\ngrain: [x]\ncolumns: {{x: y}}\n*/\nSELECT 1 AS x FROM {joined}", name)
    return folder


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """A lake without a file, built."""
    return built(Lake(tmp_path_factory.mktemp("empty")))


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A lake with something of everything, built."""
    a, b = "https://example.com/a", "https://example.com/b"
    readings = [
        seen(1, 10), seen(20, 12), seen(29, Status.FAILED), seen(2, 4, "p1"), seen(20, 5, "p1", url=b),
        seen(25, Status.NOT_FOUND, "p1"), seen(3, 7, "p2", published_at=at(2)), seen(29, Status.HIDDEN, "p2"),
        searched(1, url=b), searched(9, Status.FAILED, url=b), seen(5, 1, "p3", url=None), seen(6, 2, verb="share"),
        seen(7, Status.UNSUPPORTED, platform="hatena"), seen(8, 3, platform="hatena", url="https://old.example/a"),
        *(seen(day, day * day, platform="hatena") for day in range(0, 40, 3)), seen(2, 3, "p1", segment="country=DE"),
    ]  # fmt: skip
    lists = [result(day, url, n, keyword=f"Red  {w}", device=d)
             for day in (2, 9, 30, 41) for w in ("Shoes", "Boots") for d in (None, "mobile")
             for n, url in enumerate((a, b, f"{a}/"), 1)]  # fmt: skip
    lake = fill(
        tmp_path_factory.mktemp("filled"), readings, [*lists, result(5, b, None, depth=20)], {"old.example/a": key(a)}
    )
    lengths = {"url": [a, a], "url_key": [key(a), key(a)], "covariate_day": [None, at(3).date()], "name": ["words"] * 2}
    lake.write(part("covariates"), pa.table(lengths | {"value": [900.0, 950.0]}, schema=COVARIATE_SCHEMA))
    reads = [
        Raw("p1", at(1)),
        Raw("p2", at(1), Status.FAILED, error="Unavailable: down"),
        Raw("p3", at(1), Status.NOT_FOUND),
    ]
    lake.write(part("raw"), raw_table(reads))
    return built(lake)


# --- the audit


@each_table
def test_a_shipped_table_keeps_its_promises_on_nothing_and_on_something(table, empty, filled):
    """Every file passes its own audit on an empty lake, and has rows and the same types on a filled one."""
    assert rows(empty, f"FROM {table.name}") == []
    assert rows(filled, f"FROM {table.name}") != []
    assert types(empty, f"FROM {table.name}") == types(filled, f"FROM {table.name}")


@each_table
def test_building_a_table_again_changes_nothing(table, filled):
    """A table is a function of the lake: the same rows in the same order, numbers of lists included."""
    before = rows(filled, f"FROM {table.name} ORDER BY ALL")
    sqlfile.build(filled, table)
    assert rows(filled, f"FROM {table.name} ORDER BY ALL") == before


def test_a_good_file_is_built(tmp_path):
    """The number of rows comes back, and the table can be read beside the layers of the lake."""
    lake = fill(tmp_path, [seen(1, 5), seen(2, 6), seen(2, 6, platform="hatena")])
    assert sqlfile.build(lake, table_of(tmp_path)) == 2
    assert rows(lake, "FROM votes ORDER BY n") == [{"platform": "hatena", "n": 1}, {"platform": "reddit", "n": 2}]


BROKEN = {
    "columns in another order": ("SELECT platform, count(*) AS n", "SELECT count(*) AS n, platform", "columns"),
    "a column without a comment": ("count(*) AS n", "count(*) AS n, 1 AS more", "columns"),
    "a comment without a column": ("  n: How many readings.", "  n: How many.\n  more: What?", "columns"),
    "a grain that is not unique": ("GROUP BY platform", "GROUP BY platform, observed_at", "grain"),
    "an unknown in the grain": (
        "SELECT platform,",
        "SELECT nullif(platform, 'reddit') AS platform,",
        "platform is known",
    ),
    "a grain that is no column": ("grain: [platform]", "grain: [platfrom]", "platfrom is known"),
    "a check that does not hold": ("n >= 1", "n >= 2", "at least one"),
    "a check that is unknown": ("n >= 1", "nullif(n, 1) >= 1", "at least one"),
    "a check that makes no sense": ("n >= 1", "m >= 1", "at least one"),
}


@pytest.mark.parametrize(("good", "bad", "words"), BROKEN.values(), ids=BROKEN)
def test_a_table_that_fails_its_audit_never_replaces_the_good_one(tmp_path, good, bad, words):
    """The error names the table and what is wrong; the old file stays to the byte, and no other file."""
    lake = fill(tmp_path, [seen(1, 5), seen(2, 6), seen(2, 6, platform="hatena")])
    sqlfile.build(lake, table_of(tmp_path))
    before = lake.table_path("votes").read_bytes()
    assert good in GOOD
    with pytest.raises(sqlfile.AuditError, match=rf"^votes: .*{words}"):
        sqlfile.build(lake, table_of(tmp_path, GOOD.replace(good, bad)))
    assert lake.table_path("votes").read_bytes() == before
    assert [path.name for path in lake.table_path("votes").parent.iterdir()] == ["votes.parquet"]


# --- headers


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1 AS x",
        "/* description: x\nSELECT 1 AS x",
        GOOD.replace("grain: [platform]", "grain: [platform"),
        GOOD.replace("grain: [platform]\n", ""),
        GOOD.replace("grain: [platform]", "grain: []"),
        GOOD.replace("grain:", "grian:"),
        GOOD.replace("  platform: Where.", "  platform:"),
        GOOD.replace("  platform: Where.", "  platform: ''"),
        GOOD.replace("SELECT platform", "SELECT ((platform"),
        GOOD.partition("SELECT")[0],
        "",
    ],
)
def test_a_file_that_cannot_be_understood_is_named(tmp_path, text):
    """A missing, malformed or incomplete header, or a query that is none: one error with the file's name."""
    path = file_in(tmp_path, text)
    with pytest.raises(TallyrankError, match=re.escape(str(path))):
        sqlfile.load(path)


# --- order


def test_every_table_comes_after_those_it_reads():
    """Building in the order of `tables` never reads a table of yesterday."""
    order = list(SHIPPED)
    for table in SHIPPED.values():
        assert all(order.index(name) < order.index(table.name) for name in table.reads - set(sqlfile.SOURCES))


def test_dependencies_are_read_from_the_query(tmp_path):
    """Joins, subqueries and CTEs are looked into; names of CTEs are no tables."""
    query = """
    WITH a AS (SELECT * FROM rankings), b AS (SELECT * FROM a JOIN aliases USING (x))
    SELECT 1 AS x FROM b WHERE x IN (SELECT x FROM votes) UNION ALL SELECT 2 FROM observations AS o
    """
    table = table_of(tmp_path, GOOD.partition("SELECT")[0] + query)
    assert table.reads == {"rankings", "aliases", "votes", "observations"}


def test_the_order_is_the_same_every_time(tmp_path):
    """A chain against the alphabet is ordered by what reads what, across folders."""
    reading_only(tmp_path, a=["b"], b=["c"], c=["observations"])
    file_in(tmp_path, GOOD.replace("FROM observations", "FROM a"), "d", layer="marts")
    assert list(sqlfile.tables(tmp_path)) == ["c", "b", "a", "d"]


def test_an_unknown_dependency_is_named(tmp_path):
    """Who reads it, and what it is called."""
    with pytest.raises(TallyrankError, match=r"a\.sql reads nothing_known"):
        sqlfile.tables(reading_only(tmp_path, a=["nothing_known", "observations"]))


@pytest.mark.parametrize("reads", [{"a": ["b"], "b": ["c"], "c": ["a"]}, {"a": ["a"]}])
def test_a_circle_is_shown(tmp_path, reads):
    """Tables that read each other: an error of ours that names them all."""
    with pytest.raises(TallyrankError, match="circle") as raised:
        sqlfile.tables(reading_only(tmp_path, **reads))
    assert set(re.findall(r"\b[abc]\b", str(raised.value).partition(":")[2])) == set(reads)


def test_two_files_of_one_name_are_refused(tmp_path):
    """A table lives in one folder; the second file would silently win."""
    file_in(tmp_path, layer="staging")
    file_in(tmp_path, layer="marts")
    with pytest.raises(TallyrankError, match=r"votes\.sql stands in marts and staging"):
        sqlfile.tables(tmp_path)


@each_table
def test_no_cte_takes_the_name_of_a_table(table):
    """It would hide a dependency, and the table might be built from yesterday's."""
    named = {cte.alias for cte in tree_of(table.query).find_all(exp.CTE)}
    assert not named & {*SHIPPED, *sqlfile.SOURCES}


# --- the portable subset

FUNCTIONS = (
    exp.Case, exp.Cast, exp.Coalesce, exp.Count, exp.DenseRank, exp.If, exp.Lag, exp.Lead, exp.Lower, exp.Max, exp.Min,
    exp.RegexpReplace, exp.RowNumber, exp.Sum, exp.Trim, exp.And, exp.Or,
)  # fmt: skip
FOREIGN = (
    exp.Qualify, exp.Pivot, exp.IntDiv, exp.Div, exp.AtTimeZone, exp.Array, exp.Struct, exp.Lambda, exp.TryCast,
    exp.Bracket, exp.RegexpLike, exp.Lateral, exp.Unnest, exp.TableSample, exp.Rollup, exp.Cube, exp.GroupingSets,
)  # fmt: skip
TYPES = {"BIGINT", "INTEGER", "DOUBLE", "VARCHAR", "BOOLEAN", "DATE", "TIMESTAMP WITH TIME ZONE"}


def tree_of(query):
    """The parsed query."""
    return sqlglot.parse_one(query, read="duckdb")


def faults(query):
    """What a query uses that other engines lack, or understand in another way."""
    found = set()
    for node in tree_of(query).walk():
        if isinstance(node, exp.Func) and not isinstance(node, FUNCTIONS):
            found.add(f"function {node.sql_name() if not isinstance(node, exp.Anonymous) else node.name}")
        if isinstance(node, FOREIGN):
            found.add(type(node).__name__)
        found |= set(_clauses(node))
    return found


def _clauses(node):
    """Clauses that are arguments of other nodes."""
    if isinstance(node, exp.Join) and (str(node.args.get("method")) == "ASOF" or node.args.get("using")):
        yield "ASOF or USING"
    if isinstance(node, exp.Group) and node.args.get("all"):
        yield "GROUP BY ALL"
    if isinstance(node, exp.Star) and any(node.args.get(name) for name in ("except_", "except", "replace", "rename")):
        yield "EXCLUDE"
    if isinstance(node, exp.Select) and node.args.get("distinct") and node.args["distinct"].args.get("on"):
        yield "DISTINCT ON"
    if isinstance(node, exp.Order) and any(e.name.upper() == "ALL" for e in node.expressions):
        yield "ORDER BY ALL"
    if isinstance(node, exp.Interval) and not isinstance(node.parent, exp.Sub | exp.Add):
        yield "INTERVAL"


@each_table
def test_a_shipped_file_keeps_to_the_portable_subset(table):
    """Only functions and clauses that other engines understand alike (reference/engines.md, "Silent differences")."""
    assert faults(table.query) == set()


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM a ASOF JOIN b ON a.k = b.k AND a.t >= b.t", "SELECT * FROM a ASOF LEFT JOIN b USING (k, t)",
        "SELECT x FROM a QUALIFY row_number() OVER (ORDER BY x) = 1", "PIVOT a ON x USING sum(y)",
        "SELECT time_bucket(INTERVAL 1 DAY, t) FROM a", "SELECT arg_max(x, y) FROM a", "SELECT arg_min(x, y) FROM a",
        "SELECT max_by(x, y) FROM a", "SELECT approx_count_distinct(x) FROM a", "SELECT approx_quantile(x, 0.5) FROM a",
        "SELECT list(x) FROM a", "SELECT list_transform(x, lambda y: y + 1) FROM a", "SELECT [1, 2]",
        "SELECT x[1] FROM a",
        "SELECT unnest(x) FROM a", "SELECT x // 2 FROM a", "SELECT x / 2 FROM a",
        "SELECT x, count(*) FROM a GROUP BY ALL",
        "SELECT * EXCLUDE (x) FROM a", "SELECT * REPLACE (1 AS x) FROM a", "SELECT DISTINCT ON (x) x, y FROM a",
        "SELECT INTERVAL 1 DAY AS x", "SELECT date_diff('day', t, u) FROM a", "SELECT t AT TIME ZONE 'UTC' FROM a",
        "SELECT ln(x) FROM a", "SELECT corr(x, y) FROM a", "SELECT hash(x) FROM a", "SELECT dayofweek(t) FROM a",
        "SELECT {'a': 1}", "SELECT any_value(x) FROM a", "SELECT x FROM a ORDER BY ALL",
        "SELECT TRY_CAST(x AS INT) FROM a",
    ],
)  # fmt: skip
def test_the_lint_finds(query):
    """What is silently different elsewhere does not get past the lint."""
    assert faults(query)


@each_table
def test_a_shipped_file_becomes_spark_sql(table):
    """sqlglot translates it without giving anything up, and Spark's grammar takes it back."""
    (translated,) = sqlglot.transpile(table.query, read="duckdb", write="spark", unsupported_level=ErrorLevel.RAISE)
    assert sqlglot.parse_one(translated, read="spark")


@each_table
def test_the_way_to_spark_and_back_keeps_every_row(table, filled):
    """Translated to Spark's SQL and back again, the query gives the same rows."""
    (there,) = sqlglot.transpile(table.query, read="duckdb", write="spark", unsupported_level=ErrorLevel.RAISE)
    (back,) = sqlglot.transpile(there, read="spark", write="duckdb", unsupported_level=ErrorLevel.RAISE)
    assert rows(filled, f"FROM ({back}) ORDER BY ALL") == rows(filled, f"FROM ({table.query}) ORDER BY ALL")


def types(lake, query):
    """Columns of a query and their types."""
    return {r["column_name"]: r["column_type"] for r in rows(lake, f"DESCRIBE {query}")}


@each_table
def test_columns_have_types_that_parquet_keeps(table, filled):
    """No INTERVAL (Spark cannot open the file), no HUGEINT or DECIMAL (stored as a float): made as it is read."""
    assert set(types(filled, table.query).values()) <= TYPES
    assert types(filled, table.query) == types(filled, f"FROM {table.name}")


def test_splits_of_search_console_are_kept_and_not_analysed(tmp_path):
    """A list by country repeats the main list: it stands in stg_rankings, and no model counts it again."""
    lists = [result(source="search_console"), result(source="search_console/country", country="de")]
    lake = built(fill(tmp_path, [], lists))
    sources = [{r["source"] for r in rows(lake, f"SELECT source FROM {t}")} for t in ("stg_rankings", "serp_results")]
    assert sources == [{"search_console", "search_console/country"}, {"search_console"}]
