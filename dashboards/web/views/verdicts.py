"""Verdicts: for each platform and verb the word, what it rests on, and the naive number beside the honest one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from dash import html
from dash.development.base_component import Component

from dashboards import charts, safe, words
from dashboards.web.common import EVERY, or_every
from dashboards.web.figures import themed
from dashboards.web.parts import MOST_WORDS, aria
from dashboards.web.view import Block, Chart, Filter, Note, Part, Query, Table, View, link

VERDICTS = "SELECT * FROM verdicts ORDER BY ALL"
NAIVE = """
    SELECT engine, rank_kind, platform, verb, arg_max(mean_rho, depth) AS mean_rho, max(depth) AS depth
    FROM association WHERE mean_rho IS NOT NULL GROUP BY ALL
"""
WHY_NOT = "SELECT engine, rank_kind, platform, verb, why_not FROM timing WHERE why_not IS NOT NULL"
NONE_YET = (
    "No verdict yet: it takes result lists with pages whose votes are known. Import rankings and votes, or run the "
    "sources, then analyse again."
)


def blocks(query: Query) -> Sequence[Block]:
    """A tally, a card for each combination, and the estimates side by side."""
    every = words.strongest_first(query.rows(VERDICTS))
    if not every:
        return [Note(NONE_YET)]
    shown = [v for v in every if query["word"] in (EVERY, v["verdict"]) and query["platform"] in (EVERY, v["platform"])]
    naive = {words.pair(r): r for r in query.rows(NAIVE)}
    judged = [v for v in shown if v["verdict"] != words.NOT_ENOUGH]
    cards = html.Div([_card(v, every, naive.get(words.pair(v))) for v in judged], className="cards")
    return [
        Part(
            html.P([html.Strong(words.tally(shown) or "None"), f" of {len(every)} combinations of platform and verb."])
        ),
        *([Part(cards)] if judged else []),
        _estimates(judged),
        _beside(shown, naive),
        _too_few([v for v in shown if v["verdict"] == words.NOT_ENOUGH], every, _missing(query)),
        Part(_meanings()),
    ]


def _card(verdict: words.Row, every: Sequence[words.Row], naive: words.Row | None) -> Component:
    """One combination: the word first, the naive number beside the honest one, then what it rests on."""
    word = verdict["verdict"]
    return html.Article(
        [
            html.H2(words.label(verdict, every)),
            html.P([html.Span(f"{words.MARKS[word]} ", **aria(hidden="true")), word], className="word"),
            html.P(f"{words.sentence_case(words.direction(verdict))}."),
            html.Div(
                [
                    _figure("naive correlation", words.signed(naive["mean_rho"], 2) if naive else words.UNKNOWN, ""),
                    _figure(words.estimate_unit(verdict), _estimate(verdict), _interval(verdict)),
                ],
                className="figures",
            ),
            html.P(_guards(verdict), className="guards"),
            html.Details([html.Summary("In words"), html.P(safe.shown(verdict["prose"], MOST_WORDS))]),
        ],
        className=f"card {word.replace(' ', '-')}",
    )


def _figure(name: str, value: str, more: str) -> Component:
    return html.Div([html.Strong(value), html.Span(f" {more}"), html.Div(name)])


def _interval(verdict: words.Row) -> str:
    return "" if verdict["estimate"] is None else f"({words.interval(verdict['ci_low'], verdict['ci_high'], 2)})"


def _guards(verdict: words.Row) -> str:
    """The rung, the guards and the data, in one sentence each."""
    size = {name: words.count(verdict[f"n_{name}"]) for name in ("keywords", "pages", "days")}
    return (
        f"Highest rung with an answer: {verdict['rung']}. False discovery rate {words.small(verdict['q_value'])}; "
        f"placebos that do as well: {words.percent(verdict['placebo_share'])}; smallest effect that would be seen: "
        f"{words.magnitude(verdict['mde'])}. Data: {', '.join(f'{n} {name}' for name, n in size.items())}."
    )


def _estimate(verdict: words.Row) -> str:
    return "none given" if verdict["estimate"] is None else words.signed(verdict["estimate"], 2)


def _estimates(shown: Sequence[words.Row]) -> Block:
    return Chart(
        "estimates",
        "What positions did after votes doubled",
        themed(charts.estimates(shown)),
        "Each dot is what positions did after votes doubled (right of 0: they improved), with its 95 % interval; a "
        "combination without a dot has no estimate that could be read as an effect, which is not an effect of 0.",
        pd.DataFrame([_named(v, ("verdict", "rung", "estimate", "ci_low", "ci_high", "q_value")) for v in shown]),
        "No combination has an estimate that could be read as an effect.",
    )


def _beside(shown: Sequence[words.Row], naive: Mapping[tuple[Any, ...], words.Row]) -> Block:
    found = [
        _named(v, ("verdict", "estimate", "ci_low", "ci_high", "mde", "placebo_share", "robustness"))
        | {
            "ranking": words.ranking(v),
            "mean_rho": (naive.get(words.pair(v)) or {}).get("mean_rho"),
            "timing": link("timing", pair=f"{v['platform']} {v['verb']}"),
        }
        for v in shown
    ]
    columns = {
        "platform": "platform",
        "verb": "verb",
        **({"ranking": "ranking"} if len({f["ranking"] for f in found}) > 1 else {}),
        "mean_rho": "naive correlation",
        "verdict": "verdict",
        "estimate": "positions",
        "ci_low": "from",
        "ci_high": "to",
    }
    return Table(
        "beside",
        "The naive number beside the honest one",
        pd.DataFrame(found),
        "A correlation of votes with height looks the same whether votes lift positions, positions bring votes, or a "
        "third thing brings both; the verdict asks which, and may say that it cannot tell.",
        columns,
        {"platform": "timing"},
    )


def _too_few(rows: Sequence[words.Row], every: Sequence[words.Row], missing: Mapping[tuple[Any, ...], str]) -> Block:
    data = [
        _named(v, ("rung", "n_keywords", "n_pages", "n_days", "prose"))
        | {"of": words.label(v, every), "missing": missing.get(words.pair(v), words.UNKNOWN)}
        for v in rows
    ]
    columns = {
        "of": "platform and verb",
        "rung": "highest rung",
        "n_keywords": "keywords",
        "n_pages": "pages",
        "n_days": "days",
        "missing": "what is missing",
    }
    return Table(
        "not-enough",
        "Not enough data",
        pd.DataFrame(data),
        "It takes about 29 days, 20 pages that gain votes and 10 keywords to ask what moves first. The whole of it in "
        "words is in the CSV.",
        columns,
        empty="Every combination shown has enough data to ask what moves first.",
    )


def _missing(query: Query) -> dict[tuple[Any, ...], str]:
    """What each combination lacks, without the remarks that follow a semicolon: the CSV has them in its prose."""
    return {words.pair(r): r["why_not"].partition(";")[0] for r in query.rows(WHY_NOT)}


def _named(verdict: words.Row, names: Sequence[str]) -> dict[str, Any]:
    return {name: verdict[name] for name in ("engine", "rank_kind", "platform", "verb", *names)}


def _meanings() -> Component:
    meant = [html.Li([html.Strong(word), f": {meaning}."]) for word, meaning in words.MEANINGS.items()]
    return html.Details([html.Summary("What the words mean"), html.Ul(meant)], open=False)


def summary(query: Query) -> Sequence[str]:
    """Each verdict in a line."""
    every = words.strongest_first(query.rows(VERDICTS))
    return [f"{words.label(v, every)}: {v['verdict']}, {words.direction(v)}" for v in every] or [NONE_YET]


def _words(query: Query) -> list[tuple[str, str]]:
    there = {v["verdict"] for v in query.rows(VERDICTS)}
    return or_every("verdict", ((w, w) for w in words.ORDER if w in there))


def _platforms(query: Query) -> list[tuple[str, str]]:
    return or_every("platform", ((p, p) for p in sorted({v["platform"] for v in query.rows(VERDICTS)})))


VIEW = View(
    "verdicts",
    "Verdicts",
    "Do votes move search positions? For each platform and verb: what the data say, and how sure that is.",
    10,
    blocks,
    (Filter("word", "Verdict", _words), Filter("platform", "Platform", _platforms)),
    summary,
)
