"""The command line. Exit codes: 0 well, 1 the work failed, 2 wrong usage. Errors are one line that says what to do."""

from __future__ import annotations

import json
import os
import sys
from datetime import date, datetime, timedelta
from enum import StrEnum
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from connectors.errors import TallyrankError
from dashboards.safe import shown
from dashboards.words import counted
from pipelines.console import (
    CORRELATION_COLUMNS,
    CORRELATION_NUMBERS,
    VERDICT_COLUMNS,
    VERDICT_NUMBERS,
    correlation_rows,
    err,
    out,
    progress,
    table,
    verdict_rows,
)
from pipelines.experiment.command import app as experiment
from pipelines.folder import REPOSITORY, DataOption, folder_of, lake_of
from pipelines.mail.command import mail

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connectors.base import Connector
    from dashboards.report import Contents
    from dashboards.words import Row
    from pipelines.files.choosing import Options
    from pipelines.runs import Outcome, Reading

app = typer.Typer(
    help="Do social votes move search positions? Pull votes and rankings, join them, say what the data can tell.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
imports = typer.Typer(
    help=(
        "Import votes, rankings, covariates or aliases from a file. A file with our own names of columns, or with "
        "--map, is imported at once. Any other is recognised by its header (or named by --format), shown as it would "
        "be read, "
        "and imported when you agree: y on a terminal, --yes in a script. What you agreed to can be saved "
        "(--save-mapping) and used again without being asked (--mapping)."
    ),
    no_args_is_help=True,
)
app.add_typer(imports, name="import")
app.add_typer(experiment, name="experiment", help="Promote pages chosen by lot and see whether they rise.")
app.command()(mail)

INTERRUPTED, LONGEST_PROSE = 130, 3_000  # exit code, characters
UsageError: Any = typer.BadParameter.__mro__[1]  # Typer gives its base class no public name
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what it would cost; ask nothing.")]
Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="A day (UTC), YYYY-MM-DD.")]


class Format(StrEnum):
    """How results are printed."""

    TABLE = "table"
    JSON = "json"


class DecimalMark(StrEnum):
    """What stands before the decimals of a number."""

    POINT = "point"
    COMMA = "comma"


@app.callback()
def common(data: DataOption = None) -> None:
    """Options that stand before the command."""
    if data is not None:
        os.environ["TALLYRANK_DATA"] = str(data.resolve())


@app.command()
def demo(
    data: DataOption = None,
    days: Annotated[int, typer.Option(min=7, max=120, help="Days to read.")] = 51,
    keywords: Annotated[int, typer.Option(min=6, max=120, help="Keywords of the simulated world.")] = 30,
    seed: Annotated[int, typer.Option(help="Seed of the simulated world.")] = 3,
) -> None:
    """Run the main job on a simulated world: no keys, no internet, about three minutes."""
    from pipelines.demo import run_demo

    run_demo((data or folder_of(None) / "demo").resolve(), days, keywords, seed)


Several = list[str] | None


@app.command()
def init(
    name: Annotated[str | None, typer.Option(help="Name of the project.")] = None,
    timezone: Annotated[str | None, typer.Option(help="IANA name, for example Europe/Berlin.")] = None,
    site: Annotated[Several, typer.Option(help="A site of yours; may be repeated.")] = None,
    competitor: Annotated[Several, typer.Option(help="A competitor's site; may be repeated.")] = None,
    keyword: Annotated[Several, typer.Option(help="What to look up; may be repeated.")] = None,
    keywords_file: Annotated[Path | None, typer.Option(help="Text file of keywords, one a line.")] = None,
    country: Annotated[str | None, typer.Option(help="Where is searched, two letters.")] = None,
    language: Annotated[str | None, typer.Option(help="In which language is searched.")] = None,
    device: Annotated[str | None, typer.Option(help="On what is searched: desktop or mobile.")] = None,
    brand: Annotated[str | None, typer.Option(help="Name of your brand; else the project's.")] = None,
    brand_query: Annotated[Several, typer.Option(help="A search for your brand; may be repeated.")] = None,
    platform: Annotated[Several, typer.Option(help="A source to set up; may be repeated.")] = None,
    mail: Annotated[Several, typer.Option(help="Address that is sent a mail; may be repeated.")] = None,
    mail_time: Annotated[str | None, typer.Option(help="Time of the mail, HH:MM.")] = None,
    mail_language: Annotated[str | None, typer.Option(help="Language of the mail: en, de, es, zh or ms.")] = None,
    mail_days: Annotated[str | None, typer.Option(help="daily, weekdays, or weekly:monday.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing: defaults for what is not given.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Write anew a project file that is there.")] = False,
    data: DataOption = None,
) -> None:
    """Ask what your project is about (sites, keywords, sources, mail) and write its project file."""
    from pipelines.project import init as asking

    given = {n: value for n, value in locals().items() if n not in ("yes", "replace", "data", "asking")}
    asking.init(folder_of(data), given, is_sure=yes, is_replacing=replace)


@app.command()
def sandbox(
    port: Annotated[int, typer.Option(help="Port on loopback; 0 takes a free one.")] = 8765,
    seed: Annotated[int, typer.Option(help="Seed of the simulated world.")] = 3,
    keywords: Annotated[int, typer.Option(min=6, max=120)] = 60,
    speed: Annotated[float, typer.Option(help="Times faster than real time quota windows pass; 1 is real.")] = 1000.0,
    fault: Annotated[
        list[str] | None, typer.Option(help="platform:kind[:chance], for example reddit:429:0.1; may be repeated.")
    ] = None,
    bare: Annotated[bool, typer.Option("--bare", help="Print the address and nothing else.")] = False,
) -> None:
    """Serve local twins of every platform on 127.0.0.1, all telling the story of one simulated world."""
    from pipelines.demo import serve_sandbox

    serve_sandbox(port, seed, keywords, speed, fault or [], bare=bare)


Mapping = Annotated[list[str] | None, typer.Option("--map", help="field=column; may be repeated.")]
File = Annotated[Path, typer.Argument(help="CSV, TSV or Parquet, also gzipped; a ZIP, or a.zip/b.csv; any encoding.")]
FormatName = Annotated[
    str | None, typer.Option("--format", help="Which tool the file is from; `tallyrank import formats` lists them.")
]
MappingName = Annotated[str | None, typer.Option("--mapping", help="Read it as a mapping says that was saved.")]
SaveMapping = Annotated[
    str | None, typer.Option(help="Remember how this file is read under a name (without the day of the export).")
]
Replace = Annotated[
    bool, typer.Option("--replace", help="Remove every earlier import of this very file, also of another day or page.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Agree to what a format proposes, without being asked.")]
DateFormat = Annotated[str | None, typer.Option(help="How days are written, for example DD.MM.YYYY or MM/DD/YYYY.")]
Decimal = Annotated[DecimalMark | None, typer.Option(help="Which mark stands before decimals; in 1.234,5 the comma.")]


def _constants(**given: str | int | None) -> dict[str, str]:
    return {name: str(value) for name, value in given.items() if value is not None}


@imports.command()
def votes(
    file: File,
    map: Mapping = None,
    platform: Annotated[str | None, typer.Option(help="The platform, where the file does not name it.")] = None,
    verb: Annotated[
        str | None, typer.Option(help="What is counted: share, like, comment, save, view or click.")
    ] = None,
    observed_at: Annotated[
        str | None, typer.Option(help="When the counts were taken: YYYY-MM-DD, or with a time.")
    ] = None,
    format: FormatName = None,
    mapping: MappingName = None,
    save_mapping: SaveMapping = None,
    date_format: DateFormat = None,
    decimal: Decimal = None,
    yes: Yes = False,
    replace: Replace = False,
    data: DataOption = None,
) -> None:
    """Votes: url, platform, verb, observed_at, count (+ object_id, published_at, status). Wide: --map like=upvotes."""
    constants = _constants(platform=platform, verb=verb, observed_at=observed_at)
    _import(
        "votes", file, map, constants, _options(format, mapping, save_mapping, date_format, decimal, yes, replace), data
    )


@imports.command()
def rankings(
    file: File,
    map: Mapping = None,
    keyword: Annotated[str | None, typer.Option(help="The search, where the file does not name it.")] = None,
    url: Annotated[str | None, typer.Option(help="The page, where the file does not name it.")] = None,
    engine: Annotated[str | None, typer.Option(help="The search engine; google, where nothing says otherwise.")] = None,
    country: Annotated[str | None, typer.Option(help="Where was searched, for example us.")] = None,
    language: Annotated[str | None, typer.Option(help="In which language was searched, for example en.")] = None,
    device: Annotated[str | None, typer.Option(help="On what was searched: desktop or mobile.")] = None,
    depth: Annotated[
        int | None, typer.Option(help="How many results were looked at; a page without position was not among them.")
    ] = None,
    rank_kind: Annotated[
        str | None, typer.Option(help="organic (ads left out), absolute (all counted), average or list_index.")
    ] = None,
    ranked_at: Annotated[str | None, typer.Option(help="When was searched: YYYY-MM-DD, or with a time.")] = None,
    format: FormatName = None,
    mapping: MappingName = None,
    save_mapping: SaveMapping = None,
    date_format: DateFormat = None,
    decimal: Decimal = None,
    yes: Yes = False,
    replace: Replace = False,
    data: DataOption = None,
) -> None:
    """Rankings: keyword, url, position, ranked_at (+ engine, country, language, device, depth, rank_kind)."""
    constants = _constants(
        keyword=keyword, url=url, engine=engine, country=country, language=language, device=device, depth=depth,
        rank_kind=rank_kind, ranked_at=ranked_at,
    )  # fmt: skip
    _import(
        "rankings",
        file,
        map,
        constants,
        _options(format, mapping, save_mapping, date_format, decimal, yes, replace),
        data,
    )


@imports.command()
def covariates(
    file: File,
    map: Mapping = None,
    day: Annotated[str | None, typer.Option(help="The day that the numbers are of, YYYY-MM-DD.")] = None,
    format: FormatName = None,
    mapping: MappingName = None,
    save_mapping: SaveMapping = None,
    date_format: DateFormat = None,
    decimal: Decimal = None,
    yes: Yes = False,
    replace: Replace = False,
    data: DataOption = None,
) -> None:
    """What else is known of pages: url (+ day) and any numeric columns. A crawl also says which address leads where."""
    options = _options(format, mapping, save_mapping, date_format, decimal, yes, replace)
    _import("covariates", file, map, _constants(day=day), options, data)


@imports.command()
def aliases(
    file: File,
    map: Mapping = None,
    kind: Annotated[str | None, typer.Option(help="redirect or canonical, where the file does not say.")] = None,
    data: DataOption = None,
) -> None:
    """Which address leads to which other one: from, to (+ kind: redirect or canonical). The last import wins."""
    from pipelines.files.choosing import Options

    _import("aliases", file, map, _constants(kind=kind), Options(), data)


@imports.command()
def formats(data: DataOption = None) -> None:
    """List the exports of other tools that are known, and the mappings that were saved."""
    from pipelines.files.inbox import tell_formats

    tell_formats(lake_of(data))


def _options(
    format: str | None,
    mapping: str | None,
    save: str | None,
    date_format: str | None,
    decimal: DecimalMark | None,
    is_sure: bool,
    is_replacing: bool,
) -> Options:
    from pipelines.files.choosing import Options

    return Options(format, mapping, save, date_format, decimal.value if decimal else None, is_sure, is_replacing)


def _import(
    kind: str, file: Path, pairs: list[str] | None, constants: dict[str, str], options: Options, data: Path | None
) -> None:
    from pipelines.files.inbox import import_file

    mapping = {}
    for pair in pairs or []:
        field, equals, column = pair.partition("=")
        if not equals or not field or not column:
            raise typer.BadParameter(f"{pair!r} should look like field=column, for example --map like=upvotes")
        mapping[field.strip()] = column.strip()
    import_file(lake_of(data), kind, file, mapping, constants, options)


@app.command()
def run(
    day: Day = None,
    first: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day; today if left out.")
    ] = None,
    source: Annotated[
        list[str] | None, typer.Option(help="Read this source alone; may be repeated. Then all is analysed as ever.")
    ] = None,
    dry_run: DryRun = False,
    data: DataOption = None,
) -> None:
    """Read every configured source (or those named) for today (or the days given), then analyse and publish."""
    from pipelines import runs, single

    days = _days(day, first, last)
    folder, named = lake_of(data), [single.source(name) for name in dict.fromkeys(source or ())]
    _tell_days(days, is_open=first is not None and last is None)
    if dry_run:
        _warn_if_idle(folder, named)
        _tell_costs(folder, days, named)
        return
    for connector in named:
        single.usable(connector)
    _warn_if_idle(folder, named)
    names = [connector.name for connector in named]
    n_steps = runs.steps(folder, *days, names)
    outcome = _with_progress(f"{days[0]} … {days[1]}", n_steps, lambda: runs.run_days(folder, *days, names))
    _conclude(folder, outcome)


def _tell_days(days: tuple[date, date], *, is_open: bool) -> None:
    """Say up to when a run goes whose last day was left out."""
    n_days = (days[1] - days[0]).days + 1
    if is_open and n_days > 1:
        err.print(f"{counted(n_days, 'day')}, {days[0]} to {days[1]} (today); --to ends it earlier")


def _tell_costs(folder: Path, days: tuple[date, date], named: list[Connector]) -> None:
    """What the paid sources (or those named) would cost over the days."""
    from connectors.base import discover
    from pipelines import estimate
    from pipelines.lake import Lake

    chosen, is_named = named or list(discover().values()), bool(named)
    every = [days[0] + timedelta(days=n) for n in range((days[1] - days[0]).days + 1)]
    if refusing := estimate.refusing(chosen, every, is_named=is_named):
        err.print(f"asked about today only: {', '.join(refusing)}")
    estimate.tell(estimate.over_days(Lake(folder), chosen, every, is_named=is_named), len(every))


def _days(day: datetime | None, first: datetime | None, last: datetime | None) -> tuple[date, date]:
    from pipelines.demo import today

    if day and (first or last):
        raise typer.BadParameter("give either --day or --from and --to")
    start = day or first
    end = day or last
    begin = start.date() if start else (end.date() if end else today())
    finish = end.date() if end else today()
    if begin > finish:
        raise typer.BadParameter(f"--from {begin} is after --to {finish}")
    return begin, finish


def _warn_if_idle(folder: Path, named: list[Connector]) -> None:
    from connectors.base import discover
    from pipelines.defs.jobs import half_set, is_ready
    from pipelines.lake import Lake
    from pipelines.pages import LIST, pages

    chosen = named or list(discover().values())
    ready = {c.signal for c in chosen if is_ready(c)}
    for connector in chosen:
        if words := half_set(connector):
            err.print(f"left out: {words}", markup=False)
    if "rankings" not in ready and not pages(Lake(folder), date.max):
        err.print(
            f"No pages to ask about yet: list addresses in {folder / LIST} (one a line), import rankings, or set up a "
            "source of rankings (`tallyrank doctor`)."
        )


def _with_progress(title: str, total: int, work: Any) -> Outcome:
    from pipelines.defs.resources import on_progress

    with progress(title, total) as tick, on_progress(tick):
        outcome: Outcome = work()
    return outcome


def _conclude(folder: Path, outcome: Outcome) -> None:
    """Failures first, a line for each source, then what was read and where the results are; exit code 1 when something
    failed.
    """
    from pipelines.runs import step

    for name, words in outcome.failed.items():
        lines = words.splitlines()
        more = f" (and {len(lines) - 3} more)" if len(lines) > 3 else ""
        err.print("[red]failed[/red] ", end="")
        err.print(f"{name}: {'; '.join(lines[:3])}{more}", markup=False)
    if outcome.refused:
        hint = "" if any(r.rows for r in outcome.readings.values()) else "; leave out --day, --from and --to"
        err.print(f"asked about today only: {', '.join(outcome.refused)}{hint}", markup=False)
    well = {name: r for name, r in outcome.readings.items() if step(name) not in outcome.failed}
    for name, reading in well.items():
        if reading.warnings and (reading.failed or name not in outcome.refused):
            told = "; ".join(f"{stream}: {words}" for stream, words in reading.warnings.items())
            err.print(f"not all read: {name}: {told}", markup=False)
    _tell_readings(folder, {name: r for name, r in well.items() if r.rows or name not in outcome.refused})
    if "report" in outcome.succeeded:
        out.print(f"warehouse: {folder / 'warehouse.duckdb'}\nreport:    {folder / 'report.html'}")
        out.print("Next: tallyrank results")
    if outcome.is_failed:
        raise typer.Exit(1)


def _tell_readings(folder: Path, readings: dict[str, Reading]) -> None:
    """What was read of each source, and why nothing was where nothing was asked."""
    from connectors.base import discover
    from pipelines.demo import today
    from pipelines.estimate import why_idle
    from pipelines.lake import Lake

    for name, reading in readings.items():
        if not (reading.rows or reading.failed or reading.requests):
            told = f"nothing asked; {why_idle(Lake(folder), discover()[name], today())}"
        else:
            failed = f", {reading.failed:,} failed" if reading.failed else ""
            spent = f", ${reading.usd:,.2f}" if reading.usd else ""
            told = f"{counted(reading.rows, 'row')} read{failed}, {counted(reading.requests, 'request')}{spent}"
        out.print(f"{name}: {told}", markup=False)


@app.command()
def analyze(data: DataOption = None) -> None:
    """Make tables, models, warehouse and report from what is in the lake."""
    from pipelines import runs, sqlfile
    from pipelines.evidence import table as evidence

    folder = lake_of(data)
    total = len(sqlfile.tables()) + len(evidence.tables()) + len(("retention", "warehouse", "report"))
    _conclude(folder, _with_progress("analyze", total, lambda: runs.analyze(folder)))


@app.command()
def results(
    data: DataOption = None,
    format: Annotated[Format, typer.Option(help="table for people, json for programs.")] = Format.TABLE,
    explain: Annotated[bool, typer.Option("--explain", help="Say in words what each verdict rests on.")] = False,
) -> None:
    """Print the verdicts and correlations of the published warehouse."""
    found = published(lake_of(data))
    if format is Format.JSON:
        print(json.dumps(_as_json(found), indent=2, allow_nan=False))
        return
    _tell_verdicts(found.verdicts, explain)
    if not found.correlations:
        return
    title = "Mean within-list rank correlation of votes with height (an association never earns supports)"
    table(title, CORRELATION_COLUMNS, correlation_rows(found.correlations), CORRELATION_NUMBERS)


def published(folder: Path) -> Contents:
    """What the published warehouse says."""
    from dashboards.report import read_contents

    return read_contents(_warehouse(folder))


CORRELATION_KEYS = (
    "platform", "verb", "depth", "mean_rho", "ci_low", "ci_high", "n_lists", "n_skipped", "engine", "rank_kind",
    "n_keywords",
)  # fmt: skip
VERDICT_KEYS = (
    "platform", "verb", "rung", "verdict", "direction", "lag_days", "estimate", "ci_low", "ci_high", "q_value",
    "n_keywords", "n_pages", "n_days", "mde", "placebo_share", "prose", "engine", "rank_kind", "robustness",
)  # fmt: skip


def _as_json(found: Contents) -> dict[str, list[dict[str, Any]]]:
    return {
        "correlations": [{name: _finite(r[name]) for name in CORRELATION_KEYS} for r in found.correlations],
        "verdicts": [{name: _finite(v.get(name)) for name in VERDICT_KEYS} for v in found.verdicts],
    }


def _finite(value: Any) -> Any:
    """The value, or null where it is a number that JSON has no word for."""
    return None if isinstance(value, float) and not isfinite(value) else value


def _tell_verdicts(verdicts: Sequence[Row], explain: bool) -> None:
    """The verdicts as a table, then in words where asked for."""
    if not verdicts:
        out.print(
            "No verdict yet: it takes result lists with pages whose votes are known. Import rankings and votes "
            "(`tallyrank import --help`) or read the sources (`tallyrank doctor`), then `tallyrank analyze`."
        )
        return
    title = "Verdicts; positions gained in the two weeks after votes doubled, plus is better"
    table(title, VERDICT_COLUMNS, verdict_rows(verdicts), VERDICT_NUMBERS)
    out.print("")
    if not explain:
        out.print("Why: tallyrank results --explain\n")
    for verdict in verdicts if explain else ():
        out.print(f"{shown(verdict['prose'], LONGEST_PROSE)}\n", markup=False)


def _warehouse(folder: Path) -> Path:
    path = folder / "warehouse.duckdb"
    if not path.exists():
        raise TallyrankError(f"{path} does not exist yet; run `tallyrank analyze` (or `tallyrank demo`) first")
    return path


@app.command()
def report(
    out_file: Annotated[Path, typer.Option("--out", help="Where to write the HTML file.")],
    data: DataOption = None,
) -> None:
    """Write the report of the published warehouse as one HTML file."""
    from dashboards.report import write_report

    write_report(_warehouse(lake_of(data)), out_file.resolve())
    out.print(f"report: {out_file.resolve()}")


@app.command()
def pull(
    connector: Annotated[str, typer.Argument(help="Name of the source, as `tallyrank doctor` lists it.")],
    out_file: Annotated[Path | None, typer.Option("--out", help="Parquet file to write the readings to.")] = None,
    urls: Annotated[Path | None, typer.Option(help="Text file of page addresses, one a line.")] = None,
    posts: Annotated[Path | None, typer.Option(help="Text file of post ids, one a line (id, or id,url).")] = None,
    keywords: Annotated[Path | None, typer.Option(help="Text file of keywords, one a line.")] = None,
    stream: Annotated[str | None, typer.Option(help="Which of its streams, where several would do.")] = None,
    day: Day = None,
    dry_run: DryRun = False,
    data: DataOption = None,
) -> None:
    """Read one source by itself and write what it says, without touching the lake."""
    from pipelines.lake import Lake
    from pipelines.single import Subjects, estimate_pull, pull_to_file

    chosen = _days(day, None, None)[0]
    about = Subjects(urls, posts, keywords, stream)
    if dry_run:
        estimate_pull(Lake(lake_of(data)), connector, about, chosen)
    elif out_file is None:
        raise typer.BadParameter("give --out FILE to write the readings to (a --dry-run needs none)")
    else:
        pull_to_file(Lake(lake_of(data)), connector, out_file.resolve(), about, chosen)


@app.command()
def doctor(
    source: Annotated[str | None, typer.Argument(help="Name of one source, to be told all about it.")] = None,
    data: DataOption = None,
    offline: Annotated[bool, typer.Option("--offline", help="Do not try to reach the hosts.")] = False,
) -> None:
    """Say what is configured, what is missing and where to get it, and whether the hosts answer."""
    from pipelines.doctor import examine

    examine(lake_of(data), offline=offline, only=source)


@app.command()
def label(
    url: Annotated[str | None, typer.Argument(help="Address of the page.")] = None,
    label: Annotated[str | None, typer.Argument(help="owned, friendly, neutral or hostile.")] = None,
    author: Annotated[str | None, typer.Option(help="Who says so; kept with the label.")] = None,
    query: Annotated[str | None, typer.Option(help="For this brand query alone; for every one, if left out.")] = None,
    note: Annotated[str, typer.Option(help="Why, in a few words; kept with the label.")] = "",
    list_: Annotated[bool, typer.Option("--list", help="Show every label ever set, the newest first.")] = False,
    data: DataOption = None,
) -> None:
    """Say what a page in the results of a brand query is: owned, friendly, neutral or hostile. The last label holds."""
    from pipelines import labels

    folder = lake_of(data)
    if list_:
        out.print("\n".join(labels.told(folder)), markup=False, soft_wrap=True)
        return
    if url is None or label is None or author is None:
        raise typer.BadParameter("give URL LABEL --author NAME, or --list")
    made = labels.add(folder, url, label, author, query, note)
    about = f"for {made.query!r}" if made.query else "for every brand query"
    out.print(f"{made.url} is {made.label} {about}; `tallyrank analyze` takes it over", markup=False, soft_wrap=True)


@app.command()
def dashboard(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8050,
    host: Annotated[
        str, typer.Option(help="Address to serve on. Other than loopback it needs a password and https.")
    ] = "127.0.0.1",
    certificate: Annotated[Path | None, typer.Option(help="Certificate for https, a PEM file.")] = None,
    key: Annotated[Path | None, typer.Option(help="Its key, a PEM file.")] = None,
    behind_proxy: Annotated[
        bool,
        typer.Option(
            "--behind-proxy",
            help="One proxy in front does https, passes Host on, and sets X-Forwarded-For and X-Forwarded-Proto.",
        ),
    ] = False,
    set_password: Annotated[
        bool, typer.Option("--set-password", help="Ask for a new password, keep its hash, and serve nothing.")
    ] = False,
    data: DataOption = None,
) -> None:
    """Serve the web app: on this computer without a password, elsewhere over https with one. Ctrl-C ends it."""
    from pipelines import dashboard_cli

    if set_password:
        dashboard_cli.ask_password(folder_of(data))
    else:
        wish = dashboard_cli.Wish(host, port, certificate, key, behind_proxy)
        dashboard_cli.serve_dashboard(folder_of(data), wish)


@app.command()
def notebook(
    name: Annotated[str, typer.Argument(help="Which one; --list says what there is.")] = "first_look",
    read: Annotated[bool, typer.Option("--read", help="Show it as a page to read, without its code.")] = False,
    listing: Annotated[bool, typer.Option("--list", help="List the notebooks and open none.")] = False,
    port: Annotated[int, typer.Option(help="Port on loopback.")] = 2718,
    headless: Annotated[bool, typer.Option("--headless", help="Open no browser; the address is printed.")] = False,
    data: DataOption = None,
) -> None:
    """Open a notebook over the data folder, as a copy of yours in its folder notebooks/. Ctrl-C ends it."""
    from pipelines import notebooks

    folder = lake_of(data)
    if listing:
        for each, words in notebooks.shipped().items():
            out.print(f"{each}: {words}", markup=False)
        return
    command = notebooks.command(folder / "notebooks" / f"{name}.py", port, is_reading=read, is_headless=headless)
    copy = notebooks.own(folder, name)
    if copy.is_changed:
        err.print("This copy differs from the notebook that comes along; delete it to get that one anew.")
    out.print(f"notebook: {copy.path}", markup=False)
    if not read:
        out.print("Nothing runs by itself: press ▶ at the bottom right to run all. To read without code: --read")
    sys.stdout.flush()
    os.execv(sys.executable, command)  # noqa: S606  our own command


@app.command()
def ui(
    data: DataOption = None,
    port: Annotated[int, typer.Option(help="Port on loopback.")] = 3000,
) -> None:
    """Open the Dagster UI over the data folder: assets, runs, checks, the daily schedule. Ctrl-C ends it."""
    from pipelines.runs import dagster_home

    os.environ["DAGSTER_HOME"] = str(dagster_home(lake_of(data)))
    command = [sys.executable, "-m", "dagster", "dev", "-m", "pipelines.definitions", "-d", str(REPOSITORY)]
    os.chdir(REPOSITORY)
    os.execv(sys.executable, [*command, "-h", "127.0.0.1", "-p", str(port)])  # noqa: S606  our own command


def main() -> None:
    """Entry point: errors become one line and an exit code."""
    try:
        code = app(standalone_mode=False)
        if code == INTERRUPTED:  # how Typer passes Ctrl-C on
            raise KeyboardInterrupt
        sys.exit(code)
    except UsageError as error:
        if not error.format_message():  # no command: the help has been printed
            sys.exit(2)
        command = error.ctx.command_path if error.ctx else "tallyrank"
        _fail(f"{_plain(error.format_message())} (see `{command} --help`)", 2)
    except (typer.Abort, KeyboardInterrupt):
        _fail("stopped; what was read so far is kept, and running again goes on from there", INTERRUPTED)
    except TallyrankError as error:
        _fail(str(error), 1)
    except Exception as error:  # the last line of defence before a traceback reaches a user
        if os.environ.get("TALLYRANK_DEBUG"):
            raise
        words = " ".join(str(error).split())[:300]
        _fail(f"unexpected {type(error).__name__}: {words} (set TALLYRANK_DEBUG=1 to see where)", 1)


def _plain(words: str) -> str:
    """What Typer says of a wrong option, without its own jargon."""
    plain = words.replace("Value error, ", "")
    return plain.replace("does not match the formats '%Y-%m-%d'", "is no day; write it as YYYY-MM-DD")


def _fail(words: str, code: int) -> NoReturn:
    err.print(f"tallyrank: {words}", markup=False)
    sys.exit(code)


if __name__ == "__main__":
    main()
