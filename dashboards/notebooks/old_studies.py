"""The old studies again: the published correlations beside yours, and why such a number proves nothing by itself."""
# mypy: allow-untyped-defs
# ruff: noqa: B018, PLR1711  cells are written as marimo writes them

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="The old studies again")

with app.setup(hide_code=True):
    import duckdb
    import marimo as mo

    from dashboards import charts
    from dashboards.analysis import comparisons, worlds
    from dashboards.analysis.analyst import plain, warehouse_path
    from dashboards.analysis.cells import listing, opened, picture
    from dashboards.analysis.examples import ask
    from dashboards.words import label


@app.cell(hide_code=True)
def _():
    mo.md("""
    # The old studies again

    Between 2011 and 2015 two families of studies made the round: Searchmetrics (10,000 keywords, the first 30
    results, 2012 and 2013) and Moz (10,217 searches and the first 30 results in 2011; 16,521 and the first 50 in
    2015). All took a list of results, ranked the pages by shares and by position, and averaged the rank correlation
    over keywords. Facebook shares came out at 0.30 to 0.37, and many read: *shares make pages rise*.

    This notebook computes the same number from your data, shows what it depends on, and what it cannot tell.

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
    beside = ask(con, "FROM replication ORDER BY platform, verb, year, engine, rank_kind")
    mo.vstack(
        [
            mo.md("## Theirs and yours"),
            picture(
                charts.replication(beside),
                "A diamond is a published value, the dot beside it is yours with its 95 % interval. It does not say "
                "that the studies were right or wrong: agreement is what a world without any effect would give as "
                "well (see below), and a difference has many fathers (see the table).",
                "There is no published value for a platform and verb whose votes are in your data. The table knows "
                "Searchmetrics' values for Facebook, Pinterest and X (tweets).",
            ),
        ]
    )
    return (beside,)


@app.cell(hide_code=True)
def _(beside):
    _names = {
        "platform": "platform", "verb": "verb", "study": "study", "year": "year", "published_rho": "published",
        "mean_rho": "yours", "ci_low": "from", "ci_high": "to", "is_inside": "theirs within",
    }  # fmt: skip
    _why = {f"{label(r, beside)}, {r['study']} {r['year']}: why they may differ": r["reasons"] for r in beside}
    mo.vstack(
        [
            listing([{**r, "year": str(r["year"])} for r in beside], _names, ""),
            mo.accordion({title: mo.md(plain(reasons)) for title, reasons in _why.items()}),
        ]
    ) if beside else None
    return


@app.cell(hide_code=True)
def _(con):
    correlations = ask(con, "FROM association ORDER BY engine, rank_kind, platform, verb, depth")
    mo.vstack(
        [
            mo.md("## The number depends on how deep one looks"),
            picture(
                comparisons.depths(correlations),
                "Each mark is the mean correlation inside lists that are cut after so many results, darker for "
                "deeper. Marks of one line that part say that the bottom of the lists differs from the top; a "
                "number of the first 30 and one of the first 10 are two different numbers. They do not say that "
                "votes do more further down.",
                "Your lists reach one depth only, or no correlation is known yet, so there is nothing to compare.",
            ),
        ]
    )
    return (correlations,)


@app.cell(hide_code=True)
def _(correlations):
    _turned = comparisons.reversed_signs(correlations)
    _words = (
        f"For {plain(', '.join(_turned))} the two even have different signs: throwing lists together turns the "
        "answer round (Simpson's paradox)."
        if _turned
        else "In your data no sign turns round, but it can (Simpson's paradox)."
    )
    mo.vstack(
        [
            mo.md("## Pages that do not compete"),
            picture(
                comparisons.within_and_pooled(correlations),
                "The dot compares pages of one list with each other; the diamond throws the pages of all lists "
                "together, as if a page about shoes competed with one about clocks. Popular keywords have more "
                f"votes on all their pages, so the diamond mixes keywords with pages. {_words} Neither mark says "
                "what votes do.",
                "No correlation is known yet.",
            ),
        ]
    )
    return


@app.cell(hide_code=True)
def _():
    worlds_seen = worlds.naive()
    mo.vstack(
        [
            mo.md(f"""
        ## Why the number proves nothing

        Five small simulated worlds of {worlds.KEYWORDS} keywords over {worlds.DAYS} days, whose truth is known
        because it was put in; in four of them votes do nothing to positions.
        """),
            picture(
                worlds.picture(worlds_seen),
                "Each dot is what an old study would have found in that world, with its 95 % interval; green is the "
                "only one in which votes move positions. A shared cause gives about the same number as that effect, "
                "and a world in which high places bring votes gives more than the 0.37 of 2012, both without any "
                "effect. So the number does not say in which world you live; the order in time parts some of them, "
                "an experiment all.",
                "",
            ),
        ]
    )
    return (worlds_seen,)


@app.cell(hide_code=True)
def _():
    mo.md("""
    ## What the authors said themselves

    Moz wrote beside its numbers that a correlation is not a cause. In 2011 it went one step further and *predicted*
    the Facebook shares of pages from other things known of them, links above all: the predicted shares went with
    positions nearly as well (0.27) as the true ones (0.30). What ranks a page also gets it shared.

    Tallyrank's verdicts therefore never rest on this number: see `tallyrank notebook first_look` for what is left of
    it, and docs/CALIBRATION.md for how often that is right in worlds whose truth is known.
    """)
    return


if __name__ == "__main__":
    app.run()
