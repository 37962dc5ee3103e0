"""One subscription's mail of one day: a report where there is one to make, else an alarm that says just that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal

import duckdb

from connectors.errors import TallyrankError
from dashboards.mail import failures, sentences
from dashboards.mail.document import Document, Item, Picture, Section, checked
from dashboards.mail.facts import Facts, read_facts
from dashboards.mail.language import Line, Span, foreign, joined, plain, tongue
from dashboards.mail.links import links
from dashboards.mail.news import Memory, News, news
from dashboards.mail.pictures import estimates_png, has_path, paths_png
from dashboards.mail.render import words
from dashboards.mail.writer import BAD, Writer
from dashboards.words import Row, sentence_case


@dataclass(frozen=True)
class Trouble:
    """What became of an earlier mail: not accepted, came back, late, or nobody knows (then without an address).

    `unread`: reports about earlier mail cannot be read.
    """

    kind: Literal["refused", "bounced", "delayed", "unknown", "unread"]
    day: date | None
    address: str = ""
    words: str = ""


@dataclass(frozen=True)
class Request:
    """Whose mail, in which language, of which local day, and what earlier mails told. `last_run` is the newest day on
    which anything was read into the lake (None: nobody knows), which the warehouse has to reach.
    """

    project: str
    subscription: str
    language: str
    today: date
    memory: Memory = field(default_factory=Memory)
    troubles: Sequence[Trouble] = ()
    last_run: date | None = None


def edition(warehouse: Path, request: Request) -> Document:
    """The whole mail, checked. Whatever keeps the report from being made is what the mail says instead."""
    w = Writer(tongue(request.language), links())
    if not warehouse.exists():
        missing = w.t.line("There is no warehouse: nothing has been analysed yet, or its file was removed.")
        return alarm(w, request, [Item(missing, colour=BAD)])
    try:
        facts = read_facts(warehouse, request.memory.movers)
        why = _why_not(w, facts, request)
        return alarm(w, request, why) if why else checked(report(w, facts, request))
    except duckdb.Error as error:
        return alarm(w, request, [_broken(w.t.line("The warehouse cannot be read."), error)])
    except Exception as error:  # a fault of ours must not become silence: the readers are told that there is no report
        return alarm(w, request, [_broken(w.t.line("The report could not be made."), error)])


def _broken(head: Line, error: Exception) -> Item:
    told = str(error) if isinstance(error, TallyrankError) else f"{type(error).__name__}: {error}"
    return Item(head, [(foreign(told, most=180),)], colour=BAD)


def _why_not(w: Writer, facts: Facts, request: Request) -> list[Item]:
    """Why there is no report to make: the analysis did not finish, nothing is there, or every source failed."""
    last, sources = facts.last_look, facts.contents.sources
    if request.last_run and (last is None or last < request.last_run):
        ends = w.t.day(last) if last else w.t.say("unknown")
        behind = w.t.line(
            "Data were read on {day}, but the warehouse ends on {ends}: the analysis did not finish.",
            day=w.t.day(request.last_run), ends=ends,
        )  # fmt: skip
        return [Item(behind, colour=BAD)]
    if facts.is_empty:
        nothing = w.t.line("Nothing has been read or imported yet: no result list, no votes.")
        return [Item(nothing, colour=BAD)]
    newest = [s for s in sources if s["last_day"] == last]
    if last is None or not newest or any(s["state"] != "failed" for s in newest):
        return []
    failed = Item(w.t.line("Every source failed on {day}.", day=Span(w.t.day(last), w.links.sources)), colour=BAD)
    section = failures.sources(w, news(facts, request.memory, last))
    return [failed, *(section.items if section else ())]


def alarm(w: Writer, request: Request, why: Sequence[Item]) -> Document:
    """A mail that says that there is no report, why, and what to do."""
    todo = w.t.line(
        "What to do: run tallyrank doctor, then tallyrank analyze, and see the runs in the Dagster UI (tallyrank ui)."
    )
    unknown = w.t.line("Verdicts and positions are unknown until then; nothing is reported as changed.")
    items = [*why, Item(unknown), Item(todo)]
    title = w.t.say("Alarm: there is no report today")
    return checked(
        Document(
            w.t, _subject(w, request, title), title, _about(w, request, None),
            [*_troubles(w, request.troubles), Section(w.t.say("Why there is no report"), items, is_bad=True)],
            _footer(w, request),
        )
    )  # fmt: skip


def report(w: Writer, facts: Facts, request: Request) -> Document:
    """The report: troubles and failures first, then what changed, then what is next; three lines on a quiet day."""
    found = news(facts, request.memory, request.today)
    w = w.about(found.verdicts)
    sections = _troubles(w, request.troubles)
    if found.is_quiet:
        sections.append(sentences.quiet(w, found))
    else:
        bad = failures.sources(w, found)
        sections += [*([bad] if bad else []), _changes(w, found), _movers(w, found), sentences.outlook(w, found)]
    headline = sentences.headline(w, found, len(request.troubles))
    return Document(
        w.t, _subject(w, request, headline), sentence_case(headline), _about(w, request, found), sections,
        _footer(w, request), found.told, found.is_quiet and not request.troubles,
    )  # fmt: skip


def _troubles(w: Writer, troubles: Sequence[Trouble]) -> list[Section]:
    items = [_trouble(w, trouble) for trouble in troubles]
    return [Section(w.t.say("Mail that did not arrive"), items, is_bad=True)] if items else []


def _trouble(w: Writer, trouble: Trouble) -> Item:
    day = w.t.day(trouble.day) if trouble.day else w.t.say("unknown")
    if trouble.kind == "unknown":
        unknown = w.t.line(
            "Whether the mail of {day} arrived is unknown: sending it was interrupted. It was not sent again, so that "
            "nobody gets it twice.",
            day=day,
        )
        return Item(unknown, colour=BAD)
    if trouble.kind == "unread":
        return Item(w.t.line("Reports about earlier mail cannot be read."), [(foreign(trouble.words, most=180),)], BAD)
    address = foreign(trouble.address, most=80, is_strong=True)
    heads = {
        "refused": w.t.line("The mail of {day} was not accepted for {address}.", day=day, address=address),
        "bounced": w.t.line("The mail of {day} to {address} came back.", day=day, address=address),
        "delayed": w.t.line("The mail of {day} to {address} is late.", day=day, address=address),
    }
    return Item(heads[trouble.kind], [(foreign(trouble.words, most=180),)] if trouble.words else (), colour=BAD)


def _changes(w: Writer, found: News) -> Section:
    section = sentences.changes(w, found)
    rows = [c.row for c in (found.changes or ())[: sentences.MOST_CHANGES] if sentences.is_estimated(c)]
    if not rows:
        return section
    alt = w.t.line(
        "Positions gained in the two weeks after votes doubled, with 95 % intervals: {items}.",
        items=joined([_estimate_words(w, row) for row in rows], "; "),
    )  # fmt: skip
    caption = w.t.say(
        "Right of the dotted line: pages stood higher after votes doubled. A bar that crosses it is no finding."
    )
    return Section(section.title, section.items, picture=Picture("verdicts", estimates_png(rows), words(alt), caption))


def _estimate_words(w: Writer, row: Row) -> Line:
    estimate, low, high = (w.t.signed(row[n]) for n in ("estimate", "ci_low", "ci_high"))
    return (*w.pair(row), Span(f" {estimate} ({low} … {high})"))


def _movers(w: Writer, found: News) -> Section:
    section = sentences.movers(w, found)
    drawn = [(mover, path) for mover, path in found.movers or () if has_path(path)]
    if not drawn:
        return section
    days = [w.t.day(path[n]["day"]) for _, path in drawn for n in (0, -1)]
    moved = [(foreign(m["page_key"], most=70), Span(": "), *_path_words(w, path)) for m, path in drawn]
    alt = w.t.line("Positions over the last weeks: {items}.", items=joined(moved, "; "))
    caption = w.t.say(
        "The first place is on top. A gap is a day without a reading; a triangle, not found that far down."
    )
    return Section(section.title, section.items, picture=Picture("movers", paths_png(drawn, days), words(alt), caption))


def _path_words(w: Writer, path: Sequence[Row]) -> Line:
    """Where a path begins and ends, in words."""
    ends = [(path[n]["day"], path[n]["position"]) for n in (0, -1)]
    return joined([(Span(f"{w.t.day(day)} {w.t.number(p, 1) if p is not None else '–'}"),) for day, p in ends], " → ")


def _subject(w: Writer, request: Request, facts: str) -> str:
    """What stands in the list of mails: who, when, what; one line whatever the project is called."""
    name = foreign(request.project, most=40).text
    return plain(w.t.line("{name}, {day}: {facts}", name=name, day=w.t.day(request.today), facts=facts))


def _about(w: Writer, request: Request, found: News | None) -> Line:
    project = foreign(request.project, most=60)
    if found is None or found.as_of is None:
        return w.t.line("{project}, {day}", project=project, day=w.t.day(request.today))
    as_of = w.of_verdicts(w.t.day(found.as_of))
    return w.t.line(
        "{project}, {day}; result lists up to {as_of}", project=project, day=w.t.day(request.today), as_of=as_of
    )


def _footer(w: Writer, request: Request) -> list[Line]:
    app = Span(w.t.say("Open the web app"), w.links.verdicts)
    why = w.t.line(
        "You get this mail because your address stands below the subscription {name} in project.yaml. Whoever keeps "
        "that file can change or end it.",
        name=foreign(request.subscription, most=60),
    )  # fmt: skip
    return [(app,), why]
