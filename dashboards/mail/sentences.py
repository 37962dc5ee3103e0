"""The other sections of a report: each takes what is new and says it in one language, every number with its link."""

from __future__ import annotations

from dashboards.mail.document import Item, Section
from dashboards.mail.language import Line, Span, foreign, joined, plain
from dashboards.mail.news import Change, News
from dashboards.mail.writer import BAD, SOFT, Writer
from dashboards.words import COLOURS, DIRECTIONS, RUNGS, Row, is_known, sentence_case, series_name
from models.in_time.direction import INFORMATIVE

MOST_CHANGES = 5


def changes(w: Writer, news: News) -> Section:
    """Verdicts that changed, and what they are compared with."""
    if news.changes is None:
        return Section(w.t.say("Verdicts"), _first(w, news))
    title = w.t.say("Verdicts that changed")
    items = [_change(w, news, change) for change in news.changes[:MOST_CHANGES]]
    if left := len(news.changes) - len(items):
        at = w.links.verdicts
        items.append(Item(w.t.counted("{n} more verdict changed.", "{n} more verdicts changed.", left, at)))
    if not items:
        items = [Item(w.t.line("No verdict changed."))]
    return Section(title, [*items, Item(_compared(w, news))])


def _first(w: Writer, news: News) -> list[Item]:
    """What a first mail says in place of changes: how it stands, and the verdicts that say something."""
    first = w.t.line("This is the first mail of this subscription, so there is nothing to compare with yet.")
    decided = [v for v in news.verdicts if v["verdict"] in ("supports", "contradicts")][:MOST_CHANGES]
    tally = w.t.line("Verdicts now: {tally}.", tally=w.tally(news.verdicts))
    return [Item(first, [tally]), *(_standing(w, news, v) for v in decided)]


def _standing(w: Writer, news: News, row: Row) -> Item:
    head = w.t.line("{pair}: {now}", pair=w.pair(row, is_strong=True), now=w.word(row["verdict"]))
    return Item(head, _details(w, news, row), COLOURS[row["verdict"]])


def _details(w: Writer, news: News, row: Row) -> list[Line]:
    return [_direction(w, row), _estimate(w, row), *_guards(w, row), *_caution(w, news, row)]


def _compared(w: Writer, news: News) -> Line:
    assert news.compared_with is not None
    day, tally = w.of_verdicts(w.t.day(news.compared_with)), w.tally(news.verdicts)
    if news.is_first:
        return w.t.line("Compared with the data of {day}. Verdicts now: {tally}.", day=day, tally=tally)
    return w.t.line("Compared with the mail of {day}. Verdicts now: {tally}.", day=day, tally=tally)


def _change(w: Writer, news: News, change: Change) -> Item:
    t, row, pair = w.t, change.row, w.pair(change.row, is_strong=True)
    if change.now is None:
        before = w.of_verdicts(t.say(change.before or "unknown"))
        gone = t.line("{pair}: no verdict any more (before: {before}); its data are gone.", pair=pair, before=before)
        return Item(gone, colour=SOFT)
    now = w.word(change.now)
    if change.before is None:
        head = t.line("{pair}: {now} (new)", pair=pair, now=now)
    else:
        head = t.line("{pair}: {now} (before: {before})", pair=pair, now=now, before=t.say(change.before))
    return Item(head, _details(w, news, row), COLOURS[change.now])


def _direction(w: Writer, row: Row) -> Line:
    moved, days = DIRECTIONS[row["direction"]], row["lag_days"]
    words = sentence_case(w.t.say(moved))
    if days is None:
        return w.t.line("{direction}.", direction=Span(words, w.links.timing))
    return w.t.counted(
        "{direction}, positions about {n} day later.", "{direction}, positions about {n} days later.", days,
        w.links.timing, direction=words,
    )  # fmt: skip


def _estimate(w: Writer, row: Row) -> Line:
    if row["estimate"] is None:
        return w.t.line("No estimate: these data give none that could be read as an effect.")
    names = {"estimate": "estimate", "low": "ci_low", "high": "ci_high"}
    values = {name: w.of_verdicts(w.t.signed(row[column])) for name, column in names.items()}
    if row["rung"] == RUNGS[-1]:
        return w.t.line("{estimate} positions by promotion (95 % interval {low} to {high}).", **values)
    return w.t.line("{estimate} positions per doubling of votes (95 % interval {low} to {high}).", **values)


def _guards(w: Writer, row: Row) -> list[Line]:
    """What stands beside the estimate; a guard that was not computed is unknown."""
    if row["verdict"] == "not enough data":
        return []
    values = {"q": w.t.percent(row["q_value"]), "placebos": w.t.percent(row["placebo_share"])}
    values["mde"] = w.t.number(row["mde"], 2)
    linked = {name: w.of_verdicts(value) for name, value in values.items()}
    line = w.t.line(
        "Guards: false discovery rate {q}; placebos that do as well {placebos}; smallest effect seen reliably {mde}.",
        **linked,
    )
    return [line]


def _caution(w: Writer, news: News, row: Row) -> list[Line]:
    if row["platform"] not in news.troubled:
        return []
    return [
        w.t.line("{platform} did not read well, so this may change again.", platform=foreign(row["platform"], most=40))
    ]


def movers(w: Writer, news: News) -> Section:
    """The few pages that moved beyond noise and beyond multiplicity."""
    title = w.t.say("Pages that moved")
    if news.movers is None:
        return Section(title, [Item(w.t.line("Unknown: nobody has looked for them yet. Run tallyrank analyze."))])
    items = [_mover(w, row) for row, _ in news.movers]
    blind = [Item(_blind(w, news))] if news.unseen else []
    if left := news.n_more_movers:
        at = w.links.keyword(series_name(news.movers[0][0]))
        items.append(Item(w.t.counted("{n} more page moved.", "{n} more pages moved.", left, at)))
    none = [] if news.is_blind else [Item(w.t.line("No page moved beyond noise."))]
    return Section(title, [*(items or none), *blind])


def _blind(w: Writer, news: News) -> Line:
    """On which rankings nobody can tell yet."""
    names = [
        (foreign(look["engine"], most=30), Span(" · "), foreign(look["rank_kind"], most=30)) for look in news.unseen
    ]
    return w.t.line(
        "Unknown on {names}: the past is still too short to tell a move from noise.", names=joined([*names])
    )


def _mover(w: Writer, row: Row) -> Item:
    t, at = w.t, w.links.keyword(series_name(row))
    before, now, depth = (Span(t.number(row[n], 1), at) for n in ("position_before", "position", "depth"))
    page = foreign(row["page_key"], w.links.page(str(row["page_key"])), 70, is_strong=True)
    if row["is_left"]:
        head = t.line("{page} left the first {depth} (it stood at {before})", page=page, depth=depth, before=before)
    elif row["is_entered"]:
        head = t.line("{page} entered the first {depth} and stands at {now}", page=page, depth=depth, now=now)
    elif row["change"] > 0:
        head = t.line("{page} rose from {before} to {now}", page=page, before=before, now=now)
    else:
        head = t.line("{page} fell from {before} to {now}", page=page, before=before, now=now)
    where = [(foreign(row[n], most=30),) for n in ("engine", "country", "device") if row[n]]
    found = t.line(
        "Search: {keyword} ({where}), {day}. False discovery rate {q}.",
        keyword=foreign(row["keyword"], at, 60), where=joined([tuple(part) for part in where]) or t.say("unknown"),
        day=t.day(row["day"]), q=Span(t.percent(row["q"]), at),
    )  # fmt: skip
    return Item(head, [found], colour=COLOURS["supports"] if (row["change"] or 0) > 0 else BAD)


def decision(w: Writer, news: News) -> Line:
    """When more will be known."""
    t, found = w.t, news.outlook
    if found.day is None:
        if found.why == "decided":
            return t.line("Next decision date: none; no verdict waits for more data.")
        return t.line("Next decision date: not known. More days alone may not tell; an experiment can.")
    day, names = Span(t.day(found.day), w.links.timing, is_strong=True), w.names(found.rows)
    if found.why == "days":
        return t.line(
            "Next decision date: {day} at the earliest, if every day is read: enough days to ask what moves first for "
            "{names}.",
            day=day, names=names,
        )  # fmt: skip
    return t.line(
        "Next decision date: {day} at the earliest, if every day is read: an effect of {size} per doubling would then "
        "be seen 4 times in 5 for {names}.",
        day=day, names=names, size=t.counted("{n} position", "{n} positions", int(INFORMATIVE)),
    )  # fmt: skip


def outlook(w: Writer, news: News) -> Section:
    """The next decision as a section."""
    return Section(w.t.say("When more will be known"), [Item(decision(w, news))])


def quiet(w: Writer, news: News) -> Section:
    """A quiet day in three lines."""
    still = w.t.line("Every source read well, no verdict changed, and no page moved beyond noise.")
    if news.is_blind:
        still = w.t.line(
            "Every source read well and no verdict changed. Whether pages moved is unknown: the past is still too "
            "short to tell a move from noise."
        )
    elif news.unseen:
        still = (*still, Span(" "), *_blind(w, news))
    day = w.of_verdicts(w.t.day(news.as_of) if news.as_of else w.t.say("unknown"))
    now = w.t.line("Verdicts with data up to {day}: {tally}.", day=day, tally=w.tally(news.verdicts))
    return Section(w.t.say("How things stand"), [Item(still), Item(now), Item(decision(w, news))])


def headline(w: Writer, news: News, troubles: int) -> str:
    """The subject's facts, the worst first."""
    t, parts = w.t, []
    bad = len(news.failures) + len(news.stale)
    if troubles:
        parts.append(t.line("earlier mail did not arrive"))
    if news.halted_since:
        parts.append(t.line("nothing read since {day}", day=t.day(news.halted_since)))
    if bad:
        parts.append(t.counted("{n} source did not read well", "{n} sources did not read well", bad))
    if news.changes:
        parts.append(t.counted("{n} verdict changed", "{n} verdicts changed", len(news.changes)))
    if news.movers:
        n = len(news.movers) + news.n_more_movers
        parts.append(t.counted("{n} page moved", "{n} pages moved", n))
    if news.is_first and not parts:
        return t.say("first report")
    return plain(joined(parts)) or (t.say("a quiet day") if news.is_quiet else t.say("nothing new"))


def is_estimated(change: Change) -> bool:
    """Whether a change can be drawn."""
    return change.now is not None and is_known(change.row["estimate"])
