"""A first look: what is there, how complete it is, what can be said, and one keyword over time."""
# mypy: allow-untyped-defs
# ruff: noqa: B018, PLR1711  cells are written as marimo writes them

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="A first look")

with app.setup(hide_code=True):
    import duckdb
    import marimo as mo

    from dashboards.analysis import comparisons, timeline
    from dashboards.analysis.analyst import plain, warehouse_path
    from dashboards.analysis.cells import listing, opened, picture, said
    from dashboards.analysis.examples import ask
    from dashboards.words import MEANINGS, counted, interval, label, strongest_first, tally


@app.cell(hide_code=True)
def _():
    mo.md("""
    # A first look

    What is in your data, how much of it is known, and what it can say. Nothing here changes anything: the warehouse
    is opened to be read. What is not known is called *unknown* and is never a 0.

    Code is folded where you need not see it; point at a cell to unfold it. The questions in `ask(con, "…")` are
    those of docs/QUERIES.md, and any SQL goes there too.

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


@app.cell(hide_code=True)
def _(con):
    _names = {
        "engine": "ranking",
        "rank_kind": "position is",
        "keywords": "keywords",
        "lists": "lists",
        "pages": "pages",
        "first_day": "from",
        "last_day": "to",
        "days": "days with a list",
    }
    mo.vstack(
        [
            mo.md("## What is there"),
            listing(
                ask(con, "what_is_there"),
                _names,
                "No result list yet. Import rankings (`tallyrank import rankings FILE`) or set up a source of rankings "
                "(`tallyrank doctor`), then `tallyrank analyze`.",
            ),
        ]
    )
    return


@app.cell(hide_code=True)
def _(con):
    failures = ask(con, "failed_reads")
    _reads = ask(con, "SELECT count(*) AS n FROM source_health")[0]["n"]
    _names = {
        "connector": "source",
        "stream": "stream",
        "last_day": "last looked",
        "last_good_day": "last worked",
        "days_with_failures": "days with failures",
        "failed": "failed reads",
        "first_error": "what it said",
    }
    if failures:
        _streams = counted(len(failures), "source stream")
        _told = said(f"**{_streams} had reads that failed.** What they missed is unknown below.", "danger")
    elif _reads:
        _told = said("Every read of every source went well.", "success")
    else:
        _told = said("No source has been read yet; imported files do not count here.")
    mo.vstack([mo.md("## What could not be read"), _told, *([listing(failures, _names, "")] if failures else [])])
    return


@app.cell(hide_code=True)
def _(con):
    complete = ask(con, "how_complete")
    mo.vstack(
        [
            mo.md("## How complete is it?"),
            picture(
                comparisons.completeness(complete),
                "Each bar is all results of all lists: blue is the share whose votes were known at the moment of "
                "the list, the rest is unknown and why. It does not say whether the known ones are like the others: "
                "a platform that is known for a tenth of the results speaks for that tenth.",
                "Votes are known for no result yet, so there is nothing to compare.",
            ),
        ]
    )
    return (complete,)


@app.cell(hide_code=True)
def _(con):
    verdicts = ask(con, "FROM verdicts")
    correlations = ask(con, "FROM association")
    _meanings = "\n".join(f"- **{word}**: {meaning}." for word, meaning in MEANINGS.items())
    mo.md(f"""
    ## What can be said

    {f"{len(verdicts)} combinations of platform and verb: **{tally(verdicts)}**." if verdicts else "No verdict yet."}

    {_meanings}
    """)
    return correlations, verdicts


@app.cell(hide_code=True)
def _(correlations, verdicts):
    picture(
        comparisons.naive_and_honest(verdicts, correlations),
        "On the left the number that an old study would have printed, on the right what is left of it when votes "
        "must come before the positions: positions gained after votes doubled, plus is better, with 95 % intervals. "
        "A line without a mark on the right has no estimate that could be read as an effect, which is not an effect "
        "of 0. Neither side rules out a cause that brings votes first and lifts the page later; only an experiment "
        "does.",
        "No combination has enough data for a second number beside the naive one. It takes about 29 days of lists and "
        "votes, 20 pages that gain votes and 10 keywords.",
    )
    return


@app.cell(hide_code=True)
def _(con):
    _said = ask(con, "do_votes_move_positions")
    _rows = [{**r, "about": label(r, _said), "interval": interval(r["ci_low"], r["ci_high"], 2)} for r in _said]
    listing(
        _rows,
        {
            "about": "votes", "naive_rho": "naive correlation", "verdict": "verdict", "rung": "highest rung",
            "estimate": "positions per doubling", "interval": "95 % interval",
        },
        "No verdict yet: it takes result lists with pages whose votes are known.",
    )  # fmt: skip
    return


@app.cell(hide_code=True)
def _(verdicts):
    _prose = "\n\n".join(plain(v["prose"]) for v in strongest_first(verdicts))
    mo.accordion({"Each verdict in words": mo.md(_prose)}) if verdicts else None
    return


@app.cell(hide_code=True)
def _(complete, con, verdicts):
    _series = timeline.series(con)
    _pairs = {
        f"{r['platform']} {r['verb']}": (r["platform"], r["verb"]) for r in [*strongest_first(verdicts), *complete]
    }
    keyword = mo.ui.dropdown(_series, value=next(iter(_series), None), label="Keyword", searchable=True)
    votes = mo.ui.dropdown(_pairs, value=next(iter(_pairs), None), label="Votes")
    mo.vstack([mo.md("## One keyword over time"), mo.hstack([keyword, votes], justify="start", gap=2)])
    return keyword, votes


@app.cell(hide_code=True)
def _(con, keyword, votes):
    _is_chosen = bool(keyword.value and votes.value)
    _rows = timeline.points(con, keyword.value, *votes.value) if _is_chosen else []
    _counted = " ".join((votes.value[1] + "s", "on", votes.value[0])) if _is_chosen else ""
    picture(
        timeline.over_time(_rows, _counted),
        f"The pages that stood highest for *{plain(keyword.selected_key)}*, at most {timeline.MOST}: their places "
        f"above (1 is the top), their {plain(_counted)} below, on the same days. A gap is a day on which the number "
        "is unknown; an open triangle says that the page was looked for down to that place and not found. Two lines "
        "that move together do not say which moved the other.",
        "No keyword with a result list and votes to follow yet.",
    )
    return


@app.cell(hide_code=True)
def _():
    mo.md("""
    ## Next

    `tallyrank notebook my_site` asks the question for one platform and one site, `tallyrank notebook old_studies`
    sets your numbers beside the published ones, `tallyrank notebook blank` is an empty page that is connected
    already.
    """)
    return


if __name__ == "__main__":
    app.run()
