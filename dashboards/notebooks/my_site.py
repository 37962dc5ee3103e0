"""Does Pinterest (or another platform) matter for my site? Rung by rung, ending in a plain answer."""
# mypy: allow-untyped-defs
# ruff: noqa: B018, PLR1711  cells are written as marimo writes them

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Does Pinterest matter for my site?")

with app.setup(hide_code=True):
    import duckdb
    import marimo as mo

    from dashboards import charts
    from dashboards.analysis import one_site
    from dashboards.analysis.analyst import plain, warehouse_path
    from dashboards.analysis.cells import KINDS, listing, opened, picture, said
    from dashboards.analysis.examples import ask
    from dashboards.words import interval, label, signed


@app.cell(hide_code=True)
def _():
    mo.md("""
    # Does Pinterest matter for my site?

    Or Reddit, or any platform whose votes are in your data. Choose below; everything follows your choice, down to
    the plain answer at the end, which may well be *it cannot be told*.

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
    verdicts = ask(con, "FROM verdicts ORDER BY platform, verb, engine, rank_kind")
    association = ask(con, "FROM association ORDER BY depth DESC")
    _pairs = {label(v, verdicts): v for v in verdicts}
    _first = next((name for name in _pairs if name.startswith("pinterest save")), next(iter(_pairs), None))
    _sites = {"all sites": ""} | {site: site for site in one_site.sites(con)}
    votes = mo.ui.dropdown(_pairs, value=_first, label="Votes", searchable=True)
    site = mo.ui.dropdown(_sites, value="all sites", label="Site", searchable=True)
    mo.hstack([votes, site], justify="start", gap=2)
    return association, site, verdicts, votes


@app.cell(hide_code=True)
def _(con, site, votes):
    mo.stop(
        votes.value is None,
        said(
            "**Unknown.** No votes and positions stand together in these data yet, so nothing can be asked of any "
            "platform. Import votes and rankings, or set up sources (`tallyrank doctor`), then `tallyrank analyze`.",
        ),
    )
    verdict = votes.value
    question = one_site.Question(
        **{name: verdict[name] for name in ("engine", "rank_kind", "platform", "verb")}, site=site.value
    )
    known = one_site.known(con, question)
    mo.md(f"""
    ## What is known

    {plain(one_site.of_the_site(question, known))}
    {known["known"]:,} of {known["results"]:,} results have a known count; the others are unknown, not 0.
    """)
    return known, question, verdict


@app.cell(hide_code=True)
def _(association, con, question):
    _all = question.one_of([r for r in association if r["mean_rho"] is not None])
    _here = one_site.in_its_lists(con, question) if question.site else None
    _whole = (
        f"Over all lists the mean rank correlation is **{signed(_all['mean_rho'], 2)}** "
        f"(95 % interval {interval(_all['ci_low'], _all['ci_high'], 2)}; plus: better-voted pages stand higher)."
        if _all
        else "No list has enough known votes for a correlation."
    )
    _part = (
        f"In the {_here.n_lists:,} lists that {plain(question.site)} stands in it is **{signed(_here.mean_rho, 2)}** "
        f"({interval(_here.ci_low, _here.ci_high, 2)})."
        if _here
        else (f"In the lists of {plain(question.site)} it is unknown." if question.site else "")
    )
    mo.md(f"""
    ## 1. Do pages with more {plain(question.votes)} stand higher?

    {_whole} {_part}

    This is the number of the old studies. It looks the same whether votes lift pages, high places bring votes, or a
    good page earns both, so it never answers the question by itself.
    """)
    return


@app.cell(hide_code=True)
def _(con, question):
    _row = question.one_of(ask(con, "FROM adjusted"))
    if _row is None or _row["odds"] is None:
        _told = f"Not answered: {plain((_row and _row['why_not']) or 'nothing is known of it')}."
    elif _row["covariates"]:
        _told = f"Among pages equal in {plain(_row['covariates'])}: {plain(_row['in_words'])}"
    else:
        _told = (
            f"{plain(_row['in_words'])} Nothing is known of the pages but their votes, so nothing was made equal, "
            "and this is the first rung told in other words. `tallyrank import covariates` brings links, age or "
            "length."
        )
    mo.vstack(
        [
            mo.md(f"## 2. Still, among pages that are equal otherwise?\n\n{_told}"),
            picture(
                charts.odds([_row] if _row else []),
                "The dot says how many times the odds of outranking a neighbour are after votes double; right of 1 "
                "is better. It does not say what a page would gain by more votes.",
                "No odds to draw.",
            ),
        ]
    )
    return


@app.cell(hide_code=True)
def _(con, question):
    _row = question.one_of(ask(con, "FROM timing"))
    _why = (_row and _row["why_not"]) or "nothing is known of it"
    mo.vstack(
        [
            mo.md("## 3. Which moves first?"),
            picture(
                charts.path(_row, question.votes) if _row and _row["path"] else None,
                "How many positions better pages stand before (left) and after (right) the day their votes doubled, "
                "with a 95 % band, over all sites. An effect lies flat on the left and rises on the right; a line "
                "that has moved before day 0 says that positions came first. It does not rule out news that brings "
                "votes first and lifts the page later.",
                f"Not answered: {plain(_why)}.",
            ),
        ]
    )
    return


@app.cell(hide_code=True)
def _(con, question):
    _row = question.one_of(ask(con, "FROM quasi_experiment"))
    _why = (_row and _row["why_not"]) or "nothing is known of it"
    mo.vstack(
        [
            mo.md("## 4. What happens after bursts of votes?"),
            picture(
                charts.path(_row, question.votes, "the burst") if _row and _row["path"] else None,
                "Pages around a sudden burst of votes, against quiet pages of the same lists, over all sites; read "
                "as above. It does not say that votes did it if the burst and the rise have one cause.",
                f"Not answered: {plain(_why)}.",
            ),
        ]
    )
    return


@app.cell(hide_code=True)
def _(con, question):
    mo.vstack(
        [
            mo.md(f"The best weeks of {'the pages of ' + plain(question.site) if question.site else 'single pages'}:"),
            listing(
                one_site.bursts(con, question),
                {
                    "page_key": "page",
                    "last_day": "week up to",
                    "gained": "votes",
                    "before": "place before",
                    "after": "after",
                    "places_gained": "gained",
                    "keywords": "keywords",
                },
                "No week with known growth and known places before and after.",
            ),
            mo.md(
                "*Gained* is places, plus is better. Single pages, picked because they gained most: examples to "
                "look at, not evidence."
            ),
        ]
    )
    return


@app.cell(hide_code=True)
def _():
    target = mo.ui.slider(
        0.1, 3.0, step=0.1, value=1.0, show_value=True, label="Positions per doubling worth knowing about"
    )
    mo.vstack([mo.md("## What would it take to know?"), target])
    return (target,)


@app.cell(hide_code=True)
def _(target, verdict):
    needed = one_site.takes(verdict, target.value)
    mo.md(needed)
    return (needed,)


@app.cell(hide_code=True)
def _(known, question, verdict):
    answer = one_site.answer(question, verdict)
    mo.vstack(
        [
            mo.md(f"## The answer: do {plain(question.votes)} matter for {plain(question.site or 'these sites')}?"),
            said(
                f"**{plain(answer)}**\n\n{plain(one_site.of_the_site(question, known))}\n\n*Why:* "
                f"{plain(verdict['prose'])}",
                KINDS.get(verdict["verdict"], "neutral"),
            ),
        ]
    )
    return (answer,)


if __name__ == "__main__":
    app.run()
