"""`tallyrank experiment design` and `tallyrank experiment score`."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connectors.records import RankKind, Verb
from pipelines.console import err, out, table
from pipelines.folder import DataOption, lake_of

if TYPE_CHECKING:
    from pipelines.experiment.design import Design
    from pipelines.experiment.score import Score
    from pipelines.lake import Lake

app = typer.Typer(
    help="Promote pages chosen by lot and see whether they rise: the only clean test of cause.", no_args_is_help=True
)


class Format(StrEnum):
    """How results are printed."""

    TABLE = "table"
    JSON = "json"


FormatOption = Annotated[Format, typer.Option(help="table for people, json for programs.")]


def today() -> date:
    """Today in UTC."""
    return datetime.now(UTC).date()


def _lake(data: Path | None) -> Lake:
    from pipelines.lake import Lake

    return Lake(lake_of(data))


@app.command()
def design(
    platform: Annotated[str, typer.Option(help="Where the votes are to be won, for example reddit.")],
    verb: Annotated[Verb | None, typer.Option(help="What people are to do; must be given.")] = None,
    effect: Annotated[float, typer.Option(help="The smallest rise, in places, that would be worth the work.")] = 1.0,
    urls: Annotated[
        Path | None,
        typer.Option(help="Text file of candidate pages, one a line, a topic after a tab; else all that rank."),
    ] = None,
    site: Annotated[list[str] | None, typer.Option(help="Only pages of this site; may be repeated.")] = None,
    start: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day of promotion; else as soon as can be.")
    ] = None,
    before: Annotated[int, typer.Option(min=1, help="Days compared before the start.")] = 28,
    washout: Annotated[int, typer.Option(min=0, help="Days for promoting, not compared.")] = 3,
    after: Annotated[int, typer.Option(min=1, help="Days compared after that.")] = 28,
    pairs: Annotated[int | None, typer.Option(min=1, help="At most so many pairs; else all that can be made.")] = None,
    min_days: Annotated[
        int | None, typer.Option(min=1, help="Days a page must rank, of those before; else half of the days read.")
    ] = None,
    allow_competing: Annotated[
        bool, typer.Option("--allow-competing", help="Let two pages of one result list be a pair.")
    ] = False,
    engine: Annotated[str | None, typer.Option(help="Search engine, where the history holds several.")] = None,
    rank_kind: Annotated[RankKind | None, typer.Option(help="Kind of position, where there are several.")] = None,
    depth: Annotated[int | None, typer.Option(min=1, help="Positions are cut here; else as deep as is read.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of the coins; else drawn, and written down.")] = None,
    alpha: Annotated[float, typer.Option(help="Chance of a false alarm that is accepted.")] = 0.05,
    power: Annotated[float, typer.Option(help="Chance of finding the effect that is wanted.")] = 0.8,
    promotion: Annotated[str, typer.Option(help="What is done to promote a page, in your words.")] = "",
    out_file: Annotated[
        Path | None, typer.Option("--out", help="Plan file (YAML); else <data>/experiments/<plan>.yaml.")
    ] = None,
    data: DataOption = None,
    format: FormatOption = Format.TABLE,
) -> None:
    """Pair pages by their history, toss a coin per pair, and say beforehand what the experiment can find."""
    from pipelines.experiment import design as experiment
    from pipelines.experiment.plan import plan_path, write_plan

    if verb is None:  # required by hand: a missing choice makes Typer's message many lines long
        raise typer.BadParameter(f"--verb is missing: {', '.join(Verb)}")
    lake = _lake(data)
    wish = experiment.Wish(
        platform=platform, verb=verb, effect=effect, before_days=before, washout_days=washout, after_days=after,
        start=start.date() if start else None, n_pairs=pairs, min_days=min_days, engine=engine, rank_kind=rank_kind,
        depth=depth, urls=urls, sites=tuple(site or ()), is_competing_allowed=allow_competing, seed=seed, alpha=alpha,
        power=power, promotion=promotion,
    )  # fmt: skip
    made = experiment.design(lake, wish, today())
    path = out_file.resolve() if out_file else plan_path(lake, made.plan.plan_id)
    assignment = write_plan(path, made.plan)
    _tell_design(made, path, assignment, format)


def _tell_design(made: Design, path: Path, assignment: Path, format: Format) -> None:
    plan, planned = made.plan, made.lengths[0]
    if format is Format.JSON:
        names = ("after_days", "sd", "mde", "n_needed", "n_placebos")
        lengths = [{n: getattr(length, n) for n in names} for length in made.lengths]
        answer = {
            "plan": path, "assignment": assignment, "plan_id": plan.plan_id, "n_pairs": len(plan.pairs),
            "start_day": plan.start_day, "end_day": plan.end_day, "n_shared_lists": plan.n_shared_lists,
            "n_lists": len(plan.lists), "lengths": lengths,
        }  # fmt: skip
        print(json.dumps(answer, indent=2, default=str))
        return
    columns = (
        "days after",
        "sd of a pair",
        f"found by {len(plan.pairs)} pairs",
        f"pairs for {plan.worthwhile_effect:g}",
    )
    rows = [[x.after_days, f"{x.sd:.2f}", f"{x.mde:.2f} places", x.n_needed] for x in made.lengths]
    table(f"{len(plan.pairs)} pairs of {made.n_candidates} candidates, from {plan.start_day}", columns, rows, columns)
    out.print(f"\n{_advice(made)}", markup=False)
    out.print(f"\nplan:       {path}\nassignment: {assignment}", markup=False)
    out.print(
        f"Next: promote from {plan.start_day}; after {plan.end_day}: tallyrank experiment score {path}", markup=False
    )
    if (plan.start_day - made.last_day).days > 1:
        err.print(f"note: the history ends with {made.last_day}; the days up to {plan.start_day} must be read too",
                  markup=False)  # fmt: skip
    if planned.mde > plan.worthwhile_effect:
        err.print("note: this experiment will probably miss an effect of the size you call worthwhile", markup=False)


def _advice(made: Design) -> str:
    """What the numbers mean, in words."""
    plan, planned = made.plan, made.lengths[0]
    chance, worth = f"{100 * plan.power:g} %", f"{plan.worthwhile_effect:g} places"
    found = (
        f"With {len(plan.pairs)} pairs and {planned.after_days} days, an effect of {planned.mde:.1f} places is found"
    )
    words = [f"{found} with a chance of {chance}."]
    enough = next((x for x in made.lengths if x.mde <= plan.worthwhile_effect), None)
    if planned.mde <= plan.worthwhile_effect:
        words.append(f"{worth} would need {planned.n_needed} pairs.")
    elif enough:
        words.append(f"For {worth}, compare {enough.after_days} days (--after), or take {planned.n_needed} pairs.")
    else:
        words.append(f"For {worth}, take {planned.n_needed} pairs; longer does not help as far as history can tell.")
    if made.n_listed is not None:
        words.append(f"{made.n_candidates} of {made.n_listed} addresses listed rank often enough.")
    words.append(f"Promoted pages and pages left alone meet in {plan.n_shared_lists} of {len(plan.lists)} lists.")
    if plan.n_shared_lists:
        words.append("There one's rise is the other's fall, so an effect may look up to twice as large.")
    return " ".join(words)


@app.command()
def score(
    plan: Annotated[Path, typer.Argument(help="The plan file that design wrote.")],
    peek: Annotated[bool, typer.Option("--peek", help="Look before the end; the result will not count.")] = False,
    data: DataOption = None,
    format: FormatOption = Format.TABLE,
) -> None:
    """Compare promoted pages with their twins when the plan's days are over; refuses early looks and edited plans."""
    from pipelines.experiment import score as experiment_score
    from pipelines.experiment.plan import read_plan

    lake = _lake(data)
    result = experiment_score.score(lake, read_plan(plan), today(), peek)
    kept = experiment_score.keep(lake, result)
    _tell_score(result, kept, format)


def _tell_score(result: Score, kept: Path | None, format: Format) -> None:
    from pipelines.experiment.score import days_left, sentence

    late = days_left(result.plan, result.last_day)
    if format is Format.JSON:
        print(json.dumps(_as_json(result) | {"sentence": sentence(result), "kept": kept}, indent=2, default=str))
        return
    row = result.row()
    columns = ("platform", "verb", "places", "interval", "p", "pairs", "verdict")
    interval = "unknown" if row["ci_low"] is None else f"{row['ci_low']:+.2f} … {row['ci_high']:+.2f}"
    word = row["verdict"] if result.is_usable else "not usable (peek)"
    cells = [row["platform"], row["verb"], _number(row["estimate"], "+.2f"), interval, _number(row["p_value"], ".4f"),
             f"{row['n_pairs']} of {row['n_planned']}", word]  # fmt: skip
    table(f"Experiment {result.plan.plan_id}: places gained by promotion, plus is better", columns, [cells])
    out.print(f"\n{sentence(result)}", markup=False)
    for words in result.dropped:
        out.print(f"left out: {words}", markup=False)
    if late and result.is_usable:
        err.print(f"note: the last list was read {late} days before the experiment's end", markup=False)
    if kept:
        out.print(f"result: {kept}", markup=False)


def _number(value: float | None, form: str) -> str:
    return "unknown" if value is None else f"{value:{form}}"


def _as_json(result: Score) -> dict[str, Any]:
    votes = result.votes
    check = {"n_pairs": votes.n_pairs, "mean_promoted": votes.mean_promoted, "mean_others": votes.mean_others,
             "p_value": votes.p, "is_treated": votes.is_treated}  # fmt: skip
    return result.row() | {"is_usable": result.is_usable, "votes": check, "dropped": result.dropped}
