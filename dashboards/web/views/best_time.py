"""Best time to publish: weekday and hour, judged on votes and on search, with "no detectable difference" allowed."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp

import pandas as pd
import plotly.graph_objects as go

from dashboards import words
from dashboards.web.figures import laid_out, plain
from dashboards.web.view import Block, Chart, Filter, Note, Query, Table, View

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
NAME = "concat_ws(' ', platform, verb, CASE WHEN outcome = 'search' THEN concat_ws(' ', engine, rank_kind) END)"
ASKED = f"""
    SELECT *, {NAME} AS name, coalesce(region, 'not stated') AS where_asked
    FROM best_time_summary WHERE outcome = ? ORDER BY answer = 'differs' DESC, answer = 'not enough data', q_value, name
"""
CELLS = f"""
    SELECT weekday, hour, n_posts, effect, effect_low, effect_high, factor FROM best_time
    WHERE outcome = ? AND {NAME} = ? AND coalesce(region, 'not stated') = ? ORDER BY weekday, hour
"""
OUTCOMES = {"votes": "votes collected", "search": "search position"}
HEIGHT = 330


def blocks(query: Query) -> Sequence[Block]:
    """The answer in words, the week as a map, and every question that was asked."""
    every = query.rows(ASKED, query["outcome"])
    row = next((r for r in every if (r["name"], r["where_asked"]) == (query["of"], query["region"])), None)
    if row is None:
        return [Note("No post with a known time of publication has been read yet.")]
    cells = query.frame(CELLS, query["outcome"], query["of"], query["region"])
    return [Note(f"{row['name']}: {row['in_words']}"), _week(row, cells), _every(query)]


def _week(row: words.Row, cells: pd.DataFrame) -> Block:
    """Weekday by hour, the estimate in colour and its interval on pointing."""
    figure = go.Figure()
    if len(cells):
        grid = cells.pivot(index="weekday", columns="hour", values="effect")
        edge = max(abs(cells["effect"]).max(), 1e-9)
        told = cells.assign(told=[_told(row, cell) for cell in cells.to_dict("records")])
        figure.add_heatmap(
            x=[f"{hour:02}" for hour in grid.columns], y=[WEEKDAYS[day - 1] for day in grid.index], z=grid.to_numpy(),
            zmin=-edge, zmax=edge, zmid=0, colorscale=[[0, words.SECOND], [0.5, "#cfd6de"], [1, words.ACCENT]],
            xgap=2, ygap=2, text=told.pivot(index="weekday", columns="hour", values="told").to_numpy(),
            colorbar=_scale(row, edge), hovertemplate="%{text}<extra></extra>",
        )  # fmt: skip
        laid_out(figure, HEIGHT, xaxis_title=f"hour from which on ({row['timezone']})")
        figure.update_yaxes(autorange="reversed")
    return Chart(
        "week",
        "What each time of the week is worth against the average time",
        figure if len(cells) else None,
        _how(row),
        cells,
        f"{words.sentence_case(row['why_not'] or 'There are not enough data')}.",
    )


def _scale(row: words.Row, edge: float) -> dict[str, object]:
    """The key to the colours: logarithms are told as the factor that they are."""
    if row["outcome"] != "votes":
        return {"title": plain(str(row["unit"])), "len": 0.9}
    ticks = [-edge, -edge / 2, 0, edge / 2, edge]
    return {"title": "votes", "len": 0.9, "tickvals": ticks, "ticktext": [_size(row, tick) for tick in ticks]}


def _size(row: words.Row, effect: float) -> str:
    """An effect for people: `× 1.20` of the average where it is a logarithm of votes, else with its sign."""
    return f"× {exp(effect):.2f}" if row["outcome"] == "votes" else words.signed(effect, 2)


def _told(row: words.Row, cell: dict[str, float]) -> str:
    day, hour = WEEKDAYS[int(cell["weekday"]) - 1], int(cell["hour"])
    effect, low, high = (_size(row, cell[name]) for name in ("effect", "effect_low", "effect_high"))
    unit = "the usual votes" if row["outcome"] == "votes" else plain(str(row["unit"]))
    return f"{day} from {hour:02}:00, {words.counted(int(cell['n_posts']), 'post')}: {effect} ({low} … {high}) {unit}"


def _how(row: words.Row) -> str:
    """How to read the map; where nothing differs, that its colours are noise."""
    drawn = "Cells with few posts are drawn towards the average (partial pooling); point at one for its 95 % interval."
    if row["answer"] == "differs":
        return (
            f"Blue is better, brown worse, than the average time. {drawn} That a time goes with more does not say why."
        )
    return (
        f"No difference between times can be told from chance: the colours are noise, shown so that you need not take "
        f"our word for it. {drawn}"
    )


def _every(query: Query) -> Block:
    found, rows = query.frame(ASKED, query["outcome"]), query.rows(ASKED, query["outcome"])
    spreads = {name: [_spread(row, row[name]) for row in rows] for name in ("spread", "spread_below")}
    data = found.assign(difference=spreads["spread"], difference_below=spreads["spread_below"])
    columns = {
        "name": "of", "where_asked": "region", "answer": "answer", "n_posts": "posts",
        "difference": "best against worst", "difference_below": "surely below",
        "q_value": "false discovery rate", "why_not": "why there is no answer",
    }  # fmt: skip
    return Table(
        "asked",
        "Every question asked",
        data.drop(columns=["posts", "effects", "effects_low", "effects_high"]).fillna({"why_not": ""}),
        f"Judged on {OUTCOMES[query['outcome']]}. The more questions are asked, the more differences turn up by "
        "chance: the "
        "false discovery rate allows for that.",
        columns,
    )


def _spread(row: words.Row, spread: float | None) -> str:
    """What lies between the best and the worst time: a factor of votes, or positions."""
    if not words.is_known(spread):
        return words.UNKNOWN
    return f"{exp(spread):.2g} times" if row["outcome"] == "votes" else f"{spread:.2g} {row['unit']}"


def _outcomes(query: Query) -> list[tuple[str, str]]:
    found = {r["outcome"] for r in query.rows("SELECT DISTINCT outcome FROM best_time_summary")}
    return [(value, title) for value, title in OUTCOMES.items() if value in found]


def _names(query: Query) -> list[tuple[str, str]]:
    return [(name, name) for name in dict.fromkeys(r["name"] for r in query.rows(ASKED, query["outcome"]))]


def _regions(query: Query) -> list[tuple[str, str]]:
    found = [r["where_asked"] for r in query.rows(ASKED, query["outcome"]) if r["name"] == query["of"]]
    return [(region, region) for region in dict.fromkeys(found)]


VIEW = View(
    "best-time",
    "Best time to publish",
    "Does it matter on which weekday and hour a post is published, for votes and for search?",
    80,
    blocks,
    (Filter("outcome", "Judged on", _outcomes), Filter("of", "Posts on", _names), Filter("region", "Region", _regions)),
)
