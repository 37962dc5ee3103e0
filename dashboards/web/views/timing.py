"""Timing: do votes move before positions, or after? One platform and verb, both directions on one grid of days."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from dashboards import charts, words
from dashboards.web.common import judged_first
from dashboards.web.figures import laid_out, plain, themed
from dashboards.web.view import Block, Chart, Filter, Note, Query, Table, View, link

PAIRS = "SELECT DISTINCT platform || ' ' || verb AS pair FROM timing ORDER BY ALL"
RANKINGS = "SELECT DISTINCT engine || ' ' || rank_kind AS ranking, engine, rank_kind FROM timing ORDER BY ALL"
ONE = "SELECT * FROM {} WHERE engine || ' ' || rank_kind = ? AND platform || ' ' || verb = ? ORDER BY ALL"
TICKS = (1e-6, 1e-5, 1e-4, 0.001, 0.01, 0.05, 0.1, 0.5, 1)  # of p
QUESTIONS = {
    "p_forward": "positions move after votes",
    "p_same_day": "both move on the same day",
    "p_leads": "positions moved before votes (then votes did not begin it)",
    "p_backward": "votes move after positions",
}
EVERY_PAIR = """
    SELECT platform, verb, direction, after AS positions, after_low AS ci_low, after_high AS ci_high,
        lag * step_days AS lag_days, p_forward, p_same_day, p_leads, p_backward, placebo_share, n_pages, n_keywords,
        why_not
    FROM timing WHERE engine || ' ' || rank_kind = ? ORDER BY p_forward NULLS LAST, platform, verb
"""
HOW = (
    "The line shows how many positions better pages stand before (left) and after (right) the day {event}, with its "
    "95 % "
    "band, compared with other pages of the same lists: an effect lies flat on the left and rises on the right; "
    "what moved "
    "before day 0, or on the day itself, speaks of something else, and no line rules out a hidden cause of both."
)


def blocks(query: Query) -> Sequence[Block]:
    """The path around votes, around bursts, the four tests, and every pair beside each other."""
    timing = query.rows(ONE.format("timing"), query["ranking"], query["pair"])
    bursts = query.rows(ONE.format("quasi_experiment"), query["ranking"], query["pair"])
    if not timing:
        return [Note("Not asked yet: there is no day on which both positions and votes are known.")]
    row = timing[0]
    return [
        Note(_answer(row)),
        _path(row, "path", "Positions around a doubling of votes", "votes doubled", "votes came"),
        _tests(row),
        *(
            _path(b, "bursts", "Positions around sudden bursts of votes", "of the burst", "the burst")
            for b in bursts[:1]
        ),
        _every(query),
    ]


def _answer(row: words.Row) -> str:
    """What timing says of the pair, in a sentence."""
    name = f"{row['platform']} {row['verb']}"
    if row["why_not"]:
        return f"{name}: not answered, {row['why_not']}."
    size = f"{words.count(row['n_pages'])} pages and {words.count(row['n_steps'])} steps in time"
    return f"{name}: {words.DIRECTIONS[row['direction'] or 'unknown']}, over {size}."


def _path(row: words.Row, id: str, title: str, day: str, event: str) -> Block:
    figure = themed(charts.path(row, "", event)) if row["path"] else None
    names = ("path_first_day", "path", "path_low", "path_high")
    heads = ("days_after", "positions_gained", "ci_low", "ci_high")
    step = row["step_days"] or 1
    columns = {head: row[name] if row["path"] else [] for head, name in zip(heads, names, strict=True)}
    columns["days_after"] = [d * step for d in columns["days_after"]]
    why = f"No line can be drawn: {row['why_not'] or 'too few pages'}."
    return Chart(id, title, figure, HOW.format(event=day), pd.DataFrame(columns), why)


def _tests(row: words.Row) -> Block:
    """Both directions and both controls, by how surely each is seen."""
    asked = {words_: row[name] for name, words_ in QUESTIONS.items()}
    data = pd.DataFrame({"question": list(asked), "p": list(asked.values())})
    known = data.dropna()
    figure = go.Figure(
        go.Bar(
            y=[plain(q, 80) for q in known["question"]], x=[max(p, 1e-6) for p in known["p"]], orientation="h",
            marker_color=[words.ACCENT if p < 0.05 else words.MUTED for p in known["p"]],
            hovertemplate="%{y}: p %{x:.3g}<extra></extra>",
        )
    )  # fmt: skip
    figure.add_vline(x=0.05, line_color=words.SECOND, line_dash="dot")
    laid_out(figure, 250, xaxis_title="p (short bars are surprising without such a move)")
    figure.update_xaxes(type="log", tickvals=TICKS, ticktext=[f"{tick:g}" for tick in TICKS])
    figure.update_yaxes(autorange="reversed")
    return Chart(
        "directions",
        "Which moves first? Both directions asked alike",
        figure if len(known) else None,
        "Each bar is the p-value of one question; coloured ones are below 0.05 (dotted line). Votes come first where "
        "the first bar is coloured and the last two are not: positions then moved after votes by more than on the day "
        "itself. These are single tests, before the many pairs that were tried are allowed for.",
        data,
        f"No test could be made: {row['why_not'] or 'too few data'}.",
    )


def _every(query: Query) -> Block:
    found = query.frame(EVERY_PAIR, query["ranking"])
    pairs = zip(found["platform"], found["verb"], strict=True)
    data = found.assign(
        direction=found["direction"].map(words.DIRECTIONS),
        address=[link("timing", pair=f"{p} {v}", ranking=query["ranking"]) for p, v in pairs],
    )
    heads = {
        "platform": "platform", "verb": "verb", "direction": "direction", "positions": "positions", "ci_low": "from",
        "ci_high": "to", "p_forward": "p, after", "p_leads": "p, before", "p_backward": "p, votes after",
        "n_pages": "pages",
    }  # fmt: skip
    sentence = (
        "Positions gained in the two weeks after votes doubled; plus is better. Why there is no answer: in the CSV."
    )
    return Table("every", "Every platform and verb", data, sentence, heads, {"platform": "address"})


def _pairs(query: Query) -> list[tuple[str, str]]:
    return judged_first(query, [r["pair"] for r in query.rows(PAIRS)])


def _rankings(query: Query) -> list[tuple[str, str]]:
    return [(r["ranking"], f"{r['engine']}, {r['rank_kind']} position") for r in query.rows(RANKINGS)]


VIEW = View(
    "timing",
    "Timing",
    "Do votes move before positions, or after? Both directions, on one grid of days.",
    50,
    blocks,
    (Filter("pair", "Platform and verb", _pairs), Filter("ranking", "Ranking", _rankings)),
)
