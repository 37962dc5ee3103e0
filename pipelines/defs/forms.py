"""Jobs with a form in the launchpad: add keywords, read past days, analyse again in another way."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from connectors.base import Connector, discover
from connectors.errors import PastRefused, TallyrankError
from dashboards.analysis.analyst import plain
from dashboards.words import counted
from pipelines import single
from pipelines.defs.jobs import ANALYSIS, is_ready
from pipelines.defs.resources import ACROSS_BREAKS, LakeResource, check_breaks
from pipelines.defs.showing import failure, or_failure
from pipelines.defs.sources import FIRST_DAY
from pipelines.lake import Lake, replaced
from pipelines.pages import KEYWORDS, keywords, listed
from pipelines.pull import refuse_past

ADD, BACKFILL, AGAIN = "add_keywords", "backfill_days", "re_analyse"
LONGEST_KEYWORD, MOST_DAYS = 400, 400
IN_PROCESS = dg.in_process_executor


class NewKeywords(dg.Config):
    """Which searches to follow from now on."""

    keywords: list[str] = Field(
        default=[],
        description='The searches as people type them, for example ["running shoes", "trail shoes"]. Those that are '
        "known already are left out; capitals and double spaces make no difference.",
    )


@dg.op(name="write_keywords", pool="keywords", description="Adds keywords to keywords.txt of the data folder.")
def write_keywords(context: dg.OpExecutionContext, config: NewKeywords, lake: LakeResource) -> None:
    """Add what is new, and say what is looked up from now on."""
    folder = lake.open()
    added = or_failure(lambda: add_keywords(folder, config.keywords))
    words = (
        f"{counted(len(added), 'keyword')} added" if added else "No keyword was added: all are known, or none was given"
    )
    context.log.info(f"{words}; {len(keywords(folder)):,} are looked up from the next daily run on.")
    context.add_output_metadata(
        {"added": dg.MetadataValue.md(_bullets([plain(each) for each in added])), "keywords": len(keywords(folder))}
    )


def add_keywords(lake: Lake, given: list[str]) -> list[str]:
    """Append the keywords that are new to keywords.txt and give them; raises TallyrankError for what is no keyword."""
    seen = {_same(keyword) for keyword in keywords(lake)}
    added = []
    for keyword in map(_keyword, given):
        if keyword and _same(keyword) not in seen:
            seen.add(_same(keyword))
            added.append(keyword)
    path = lake.root / KEYWORDS
    if added:
        listed(path)  # says in words when the file is no text
        before = path.read_text(encoding="utf-8-sig").rstrip("\n") if path.exists() else ""
        with replaced(path) as temporary:
            temporary.write_text("\n".join([*filter(None, [before]), *added, ""]), encoding="utf-8")
    return added


def _keyword(text: str) -> str:
    keyword = text.strip()
    if len(keyword.splitlines()) > 1:
        raise TallyrankError(f"{keyword[:60]!r} has several lines: give each keyword as an entry of its own")
    if keyword.startswith("#"):
        raise TallyrankError(f"{keyword!r} begins with #, which keywords.txt takes for a remark: write it without")
    if len(keyword) > LONGEST_KEYWORD:
        raise TallyrankError(f"{keyword[:60]!r}… is longer than {LONGEST_KEYWORD} characters: no one searches for that")
    return " ".join(keyword.split())


def _same(keyword: str) -> str:
    return " ".join(keyword.split()).casefold()


class PastDays(dg.Config):
    """Which days of the past to read, and of whom."""

    first_day: str = Field(default="yesterday", description="First day (UTC), YYYY-MM-DD, or `yesterday`.")
    last_day: str = Field(default="yesterday", description="Last day (UTC), YYYY-MM-DD, or `yesterday`.")
    sources: list[str] = Field(
        default=[],
        description="Names of sources, as `tallyrank doctor` lists them. Empty: all that are switched on and keep the "
        "past. Most counters of votes can only be read live; those are refused.",
    )


@dg.op(name="read_past_days", pool="backfill", description="Reads past days, then makes and publishes everything anew.")
def read_past_days(context: dg.OpExecutionContext, config: PastDays, lake: LakeResource) -> None:
    """Start the daily jobs for the range of days, each as a run of its own, and tell what came of it."""
    from pipelines.runs import run_days_in

    first, last = or_failure(lambda: days_of(config, _today()))
    names = or_failure(lambda: backfillable(config.sources, first, last))
    context.log.info(
        f"Reading {', '.join(names)} for {first} to {last}; each job is a run of its own in the list of runs."
    )
    outcome = or_failure(lambda: run_days_in(context.instance, Path(lake.data_dir), first, last, names))
    told = {n: f"{counted(r.rows, 'row')}, {r.failed:,} failed" for n, r in outcome.readings.items()}
    metadata = {"read": dg.MetadataValue.md(_bullets([f"**{plain(n)}**: {plain(words)}" for n, words in told.items()]))}
    if outcome.failed:
        raise failure("\n".join(f"{name}: {words}" for name, words in outcome.failed.items()), metadata)
    context.add_output_metadata(metadata)


def days_of(config: PastDays, today: date) -> tuple[date, date]:
    """The first and last day meant; raises TallyrankError in words for days that cannot be meant."""
    first, last = (_day(name, getattr(config, name), today) for name in ("first_day", "last_day"))
    if first > last:
        raise TallyrankError(f"first_day {first} is after last_day {last}: exchange them")
    if last > today:
        raise TallyrankError(f"last_day {last} has not come yet: today is {today} (UTC)")
    if first < date.fromisoformat(FIRST_DAY):
        raise TallyrankError(f"first_day {first} is too long ago: days are kept from {FIRST_DAY} on")
    if (last - first).days >= MOST_DAYS:
        raise TallyrankError(f"{first} to {last} are more than {MOST_DAYS} days: read them in several parts")
    return first, last


def _day(name: str, text: str, today: date) -> date:
    words = {"today": today, "yesterday": today - timedelta(days=1)}
    try:
        return words.get(text.strip().lower()) or date.fromisoformat(text.strip())
    except ValueError:
        raise TallyrankError(f"{name} {text!r} is no day: write YYYY-MM-DD, or `yesterday`") from None


def backfillable(named: list[str], first: date, last: date) -> list[str]:
    """The sources that can be asked about every one of the days; raises TallyrankError where a named one cannot, or
    none can.
    """
    chosen = [single.source(name) for name in dict.fromkeys(named)] or [c for c in discover().values() if is_ready(c)]
    for connector in chosen:
        single.usable(connector)
    refusing = {c.name for c in chosen if _is_live(c, first, last)}
    if named and refusing:
        live = ", ".join(sorted(refusing))
        raise TallyrankError(f"{live}: can only be read live, not for {first} to {last}; leave it out of sources")
    if not (keeping := [c.name for c in chosen if c.name not in refusing]):
        raise TallyrankError(_none_keeps(chosen))
    return keeping


def _none_keeps(ready: list[Connector]) -> str:
    asked = ", ".join(c.name for c in ready) or "none is switched on"
    return f"no source that is switched on keeps the past ({asked}): there is nothing to read for days gone by"


def _is_live(connector: Connector, first: date, last: date) -> bool:
    """Whether a stream of it cannot be asked about some of the days."""
    try:
        for stream in connector.streams:
            for day in (first, last):  # the past or today: what holds for the ends holds for what is between
                refuse_past(connector, stream, connector.configured(), day)
    except PastRefused:
        return True
    return False


def _bullets(lines: list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines) or "none"


def _today() -> date:
    return datetime.now(UTC).date()


class Again(dg.Config):
    """How to look at the data this once."""

    across_breaks: list[str] = Field(default=[], description=ACROSS_BREAKS)


@dg.op(name="analyse_anew", pool="backfill", description="Makes every table and model anew and publishes them.")
def analyse_anew(context: dg.OpExecutionContext, config: Again, lake: LakeResource) -> None:
    """Start the analysis as a run of its own, and tell how it ended."""
    from pipelines.runs import analyze_in

    or_failure(lambda: check_breaks(config.across_breaks, lake.open()))
    outcome = or_failure(lambda: analyze_in(context.instance, Path(lake.data_dir), config.across_breaks))
    if outcome.failed:
        raise failure("\n".join(f"{name}: {words}" for name, words in outcome.failed.items()))
    context.log.info(
        f"{counted(len(outcome.succeeded), 'step')} made; `warehouse` in the run {ANALYSIS} says what changed."
    )


def _form(op: Any, name: str, about: str, config: dg.Config) -> dg.JobDefinition:
    """A job of one op, whose launchpad opens with the whole form filled in."""

    @dg.job(
        name=name,
        description=about,
        executor_def=IN_PROCESS,
        config=dg.RunConfig(ops={op.name: config}),
    )
    def made() -> None:
        op()

    return made


def jobs() -> list[Any]:
    """The three jobs."""
    again = (
        "Form: make tables, models and verdicts anew, if you like across breaks; the next daily run takes that back."
    )
    return [
        _form(write_keywords, ADD, "Form: add keywords to those that are looked up every day.", NewKeywords()),
        _form(read_past_days, BACKFILL, "Form: read past days of the sources that keep the past.", PastDays()),
        _form(analyse_anew, AGAIN, again, Again()),
    ]
