"""The first section of a report: what could not be read. Unknown is said to be unknown, and is no change."""

from __future__ import annotations

from dashboards.mail.document import Item, Section
from dashboards.mail.language import Line, Span, foreign
from dashboards.mail.news import News
from dashboards.mail.writer import BAD, Writer
from dashboards.words import Row

MOST_SOURCES = 8


def sources(w: Writer, news: News) -> Section | None:
    """What could not be read; None where all was."""
    items = [_source(w, row) for row in news.failures] + [_stale(w, row) for row in news.stale]
    shown = items[:MOST_SOURCES]
    if left := len(items) - len(shown):
        at = w.links.sources
        shown.append(Item(w.t.counted("{n} more source failed.", "{n} more sources failed.", left, at)))
    if news.halted_since:
        day = Span(w.t.day(news.halted_since), w.links.sources)
        halted = w.t.line("Nothing has been read since {day}. All that follows is as of that day.", day=day)
        shown.insert(0, Item(halted, colour=BAD))
    if not shown:
        return None
    rest = [Item(w.t.line("What they would have told is unknown. It is not counted as a change."))] if items else []
    return Section(w.t.say("What could not be read"), [*shown, *rest], is_bad=True)


def _source(w: Writer, row: Row) -> Item:
    t, name = w.t, _source_name(row)
    number = {n: Span(t.number(row[n]), w.links.sources) for n in ("n_failed", "n_reads")}
    day = Span(t.day(row["last_day"]), w.links.sources)
    if row["state"] == "failed":
        head = t.line("{source}: nothing could be read on {day}.", source=name, day=day)
    elif row["n_failed"]:
        head = t.line(
            "{source}: {failed} of {reads} reads failed on {day}.",
            source=name, failed=number["n_failed"], reads=number["n_reads"], day=day,
        )  # fmt: skip
    else:
        head = t.counted(
            "{source}: {n} count came without its number on {day}.",
            "{source}: {n} counts came without their numbers on {day}.",
            row["n_failed_readings"], w.links.sources, source=name, day=day,
        )  # fmt: skip
    return Item(head, [*_error(row), *_last_good(w, row)], colour=BAD)


def _stale(w: Writer, row: Row) -> Item:
    day = Span(w.t.day(row["last_day"]), w.links.sources)
    head = w.t.line(
        "{source}: not read since {day}.", source=foreign(row["connector"], most=40, is_strong=True), day=day
    )
    return Item(head, _last_good(w, row) if row["state"] != "well" else (), colour=BAD)


def _source_name(row: Row) -> Line:
    return (foreign(row["connector"], most=40, is_strong=True), Span(" · "), foreign(row["stream"], most=40))


def _error(row: Row) -> list[Line]:
    return [(foreign(row["first_error"], most=180),)] if row["first_error"] else []


def _last_good(w: Writer, row: Row) -> list[Line]:
    if row["last_good_day"] == row["last_day"]:
        return []
    if row["last_good_day"] is None:
        return [w.t.line("It was never read well.")]
    return [w.t.line("Last read well: {day}.", day=Span(w.t.day(row["last_good_day"]), w.links.sources))]
