"""A blank start: connected, with three examples to copy."""
# mypy: allow-untyped-defs
# ruff: noqa: B018, PLR1711  cells are written as marimo writes them

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="A blank start")

with app.setup:
    import duckdb
    import marimo as mo

    from dashboards import charts
    from dashboards.analysis.analyst import warehouse_path
    from dashboards.analysis.cells import listing, opened, picture
    from dashboards.analysis.examples import ask, examples


@app.cell(hide_code=True)
def _():
    mo.md("""
    # A blank start

    Connected already; three examples, then your own cells. This file is your copy, so change what you like. Every
    table and column is explained in docs/DATA.md. NULL is unknown, never 0.

    *In the editor nothing runs by itself: press ▶ at the bottom right once. After that everything follows.*
    """)
    return


@app.cell
def _():
    path = warehouse_path()
    where = opened(path)
    con = duckdb.connect(str(path), read_only=True)
    con.execute("SET TimeZone = 'UTC'")
    where
    return (con,)


@app.cell
def _(con):
    # 1. Which tables are there?
    tables = ask(con, "SELECT table_name, comment FROM duckdb_tables() ORDER BY table_name")
    listing(tables, {"table_name": "table", "comment": "what it holds"}, "No tables.")
    return


@app.cell
def _(con):
    # 2. A question of docs/QUERIES.md by its name; any SQL does as well.
    question = examples()["how_complete"].header
    answer = ask(con, "how_complete")
    listing(answer, {column: column for column in question.columns}, "No rows: no votes stand beside a result yet.")
    return


@app.cell
def _(con):
    # 3. A picture.
    picture(
        charts.forest(ask(con, "FROM association")),
        "Mean rank correlation inside lists with its 95 % interval, right of 0: better-voted pages stand higher. It "
        "does not say which brings the other.",
        "No correlation is known yet.",
    )
    return


if __name__ == "__main__":
    app.run()
