"""What a mail says: failures first, what changed, what moved, what is next; an alarm where there is no report."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import duckdb
import pytest

from connectors.errors import TallyrankError
from dashboards.mail import edition as edition_module
from dashboards.mail.document import PNG, Document, Item, checked
from dashboards.mail.edition import Trouble, edition
from dashboards.mail.language import LOCALES, Span
from dashboards.mail.message import as_page, composed
from dashboards.mail.pictures import drawable
from dashboards.mail.render import as_html, as_text
from tests.dashboards.mail.mailing import DAY, MOVER, build, remembered, request
from tests.dashboards.making import NOTHING_YET, verdict

AT = datetime(2026, 10, 14, 7, tzinfo=UTC)
YESTERDAY = DAY - timedelta(days=1)
EVIL = '<script>alert(1)</script>\r\n\u202e=HYPERLINK("http://x")' + "x" * 10_000
UNSURE = verdict(
    platform="youtube", verb="view", verdict="cannot tell", direction="positions_lead", lag_days=None
) | dict.fromkeys(("estimate", "ci_low", "ci_high", "placebo_share", "mde"))
FAILED = {
    "connector": "facebook", "state": "failed", "n_failed": 40, "first_error": "Unavailable: HTTP 503",
    "last_good_day": date(2026, 10, 11),
}  # fmt: skip
VERDICTS = [verdict(), UNSURE, verdict(**NOTHING_YET | {"n_days": 26})]


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day on which things failed, changed and moved, with hostile names."""
    evil_mover = MOVER | {
        "page_key": EVIL,
        "keyword": EVIL,
        "q": 0.02,
        "position": None,
        "change": -12.5,
        "is_left": True,
    }
    movers = [
        MOVER | {"page_key": "fourth.example/", "q": 0.04},
        evil_mover,
        MOVER,
        MOVER | {"page_key": "ثعلب.example/", "q": 0.03, "is_entered": True, "position_before": 21.0},
        MOVER | {"page_key": "noise.example/", "q": 0.4, "is_discovery": False},
    ]
    sources = [{}, FAILED, {"connector": EVIL, "state": "partly failed", "n_failed": 2, "first_error": EVIL}]
    return build(tmp_path_factory.mktemp("busy"), verdicts=VERDICTS, sources=sources, movers=movers, history=[])


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day on which nothing happened."""
    return build(tmp_path_factory.mktemp("still"), verdicts=VERDICTS, movers=[], history=[])


CHANGED = remembered(verdict(verdict="cannot tell"), UNSURE, VERDICTS[2])


def text_of(warehouse: Path, **more: Any) -> str:
    """The plain part on one line, without marks of direction."""
    text = as_text(edition(warehouse, request(**more)))
    return " ".join(re.sub("[\u2068\u2069]", "", text).split())


def section(document: Document, title: str) -> list[Item]:
    """The items below a heading."""
    return list(next(s.items for s in document.sections if s.title == title))


def words(item: Item) -> str:
    """All that an item says."""
    return " ".join("".join(span.text for span in line) for line in (item.head, *item.more))


class Reader(HTMLParser):
    """What stands in a page: its texts by link, its pictures, its tags."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.linked: list[str] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close it."""
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        """Note what stands within a link."""
        if "a" in self.open:
            self.linked.append(data)


def test_failures_come_first(busy: Path) -> None:
    """Earlier mail, then sources, then verdicts, then pages, then the next decision; the subject in the same order."""
    troubles = [Trouble("bounced", YESTERDAY, "boss@example.com", "550 no such user")]
    document = edition(busy, request(memory=CHANGED, troubles=troubles))
    assert [s.title for s in document.sections] == [
        "Mail that did not arrive", "What could not be read", "Verdicts that changed", "Pages that moved",
        "When more will be known",
    ]  # fmt: skip
    assert document.subject == (
        "Acme, Oct 14, 2026: earlier mail did not arrive, 2 sources did not read well, 1 verdict changed, 4 pages moved"
    )


def test_a_failed_source_says_since_when(busy: Path) -> None:
    """Its error, its last good day, and that what it would have told is unknown."""
    found = section(edition(busy, request()), "What could not be read")
    said = (
        "facebook · by_url: nothing could be read on Oct 14, 2026. Unavailable: HTTP 503 Last read well: Oct 11, 2026."
    )
    assert said in map(words, found)
    assert words(found[-1]) == "What they would have told is unknown. It is not counted as a change."


def test_a_source_that_nobody_looked_at_is_stale(tmp_path: Path) -> None:
    """Two days without a look are told, a month is a source given up; when nothing is looked at, that comes first."""
    old = [
        {"connector": c, "last_day": DAY - timedelta(days=n)} for c, n in (("late", 1), ("stale", 2), ("given_up", 31))
    ]
    old[1] |= {"state": "failed", "last_good_day": None}
    warehouse = build(tmp_path, sources=[{}, *old], movers=[], history=[])
    said = text_of(warehouse)
    assert said.count("stale") == 1
    assert "It was never read well." in said
    assert "stale: not read since Oct 12, 2026." in said
    assert "late: " not in said
    assert "given_up" not in said
    halted = text_of(warehouse, today=DAY + timedelta(days=2))
    assert halted.startswith("Nothing read since Oct 14, 2026")
    assert "Nothing has been read since Oct 14, 2026. All that follows is as of that day." in halted


def test_a_stream_may_rest(tmp_path: Path) -> None:
    """A source of which another stream was read today is not stale; a fault of a resting one is told for a week."""
    for days, is_told in ((8, True), (9, False)):
        resting = {"stream": "by_post", "last_day": DAY - timedelta(days=days), "state": "failed", "n_failed": 4}
        warehouse = build(tmp_path / str(days), sources=[{}, resting], movers=[], history=[])
        said = text_of(warehouse)
        assert "not read since" not in said
        assert ("reddit · by_post: nothing could be read" in said) is is_told


def test_a_verdict_that_changed_says_what_it_rests_on(busy: Path) -> None:
    """The word before and now, the direction, the estimate with its interval, and the guards."""
    [item, compared] = section(edition(busy, request(memory=CHANGED)), "Verdicts that changed")
    assert words(item) == (
        "reddit like: ✓ supports (before: cannot tell) Votes move first, positions about 2 days later. "
        "+0.61 positions per doubling of votes (95 % interval +0.40 to +0.82). "
        "Guards: false discovery rate 0.4\u00a0%; placebos that do as well 2.0\u00a0%; smallest effect seen "
        "reliably 0.35."
    )
    assert "Compared with the mail of Oct 13, 2026. Verdicts now: 1 supports, 1 cannot tell, 1 not enough" in words(
        compared
    )


def test_what_is_not_known_is_said_to_be_unknown(busy: Path) -> None:
    """An estimate that is none, and guards that were not computed, never become numbers."""
    memory = remembered(verdict(), UNSURE | {"verdict": "supports"}, VERDICTS[2])
    [item, _] = section(edition(busy, request(memory=memory)), "Verdicts that changed")
    assert "No estimate: these data give none that could be read as an effect." in words(item)
    assert "placebos that do as well unknown; smallest effect seen reliably unknown." in words(item)


def test_a_change_where_the_source_failed_is_doubted(tmp_path: Path) -> None:
    """A platform that did not read well may change its verdict again."""
    warehouse = build(tmp_path, sources=[{}, {"stream": "by_post", "state": "failed"}], movers=[], history=[])
    assert "reddit did not read well, so this may change again." in text_of(warehouse, memory=CHANGED)


def test_new_and_gone_verdicts(still: Path) -> None:
    """A new pair is told once it has enough data; one whose data are gone is told with its last word."""
    gone = verdict(platform="a|b", verdict="contradicts")
    found = section(edition(still, request(memory=remembered(gone, UNSURE))), "Verdicts that changed")
    assert [words(item)[:35] for item in found[:-1]] == [
        "reddit like: ✓ supports (new) Votes",
        "a|b like: no verdict any more (befo",
    ]


def test_several_rankings_are_told_apart(tmp_path: Path) -> None:
    """The same votes on two rankings are two verdicts; with one ranking its name would only be in the way."""
    two = [verdict(), verdict(rank_kind="average", verdict="cannot tell")]
    said = text_of(build(tmp_path, verdicts=two, movers=[], history=[]), memory=remembered(two[0]))
    assert "reddit like (google, average): ? cannot tell (new)" in said


def test_a_first_mail_says_how_things_stand(still: Path) -> None:
    """Without a mail to compare with, and without history, no change is claimed."""
    document = edition(still, request())
    [first, standing] = section(document, "Verdicts")
    assert "Verdicts now: 1 supports, 1 cannot tell, 1 not enough data." in words(first)
    assert words(standing).startswith("reddit like: ✓ supports Votes move first")
    assert document.subject.endswith("first report")


def test_a_first_mail_compares_with_the_day_before_where_there_is_one(tmp_path: Path) -> None:
    """The history of verdicts stands in for the mail that nobody got."""
    columns = ("engine", "rank_kind", "platform", "verb", "rung", "verdict", "direction")
    rows = [
        {name: v[name] for name in columns} | {"as_of_day": DAY - timedelta(days=n)} | ({"verdict": w} if w else {})
        for n, w in ((0, ""), (1, "cannot tell"), (2, "supports"))
        for v in [verdict()]
    ]
    warehouse = build(tmp_path, verdicts=[verdict()], movers=[], history=rows)
    said = text_of(warehouse)
    assert "reddit like: ✓ supports (before: cannot tell)" in said
    assert "Compared with the data of Oct 13, 2026." in said


def test_at_most_three_movers_by_what_is_surest(busy: Path) -> None:
    """Discoveries only, by q; the others are counted."""
    found = section(edition(busy, request(memory=CHANGED)), "Pages that moved")
    assert len(found) == 4
    assert words(found[0]) == (
        "cedar.example/kettles rose from 8.5 to 3 "
        "Search: best kettle (google, us, mobile), Oct 14, 2026. False discovery rate 1.0\u00a0%."
    )
    assert "left the first 20 (it stood at 8.5)" in words(found[1])
    assert "entered the first 20 and stands at 3" in words(found[2])
    assert words(found[3]) == "1 more page moved."


def test_tables_that_are_missing_are_unknown(tmp_path: Path) -> None:
    """An older warehouse without movers: unknown, not none, and therefore no quiet day."""
    document = edition(build(tmp_path, verdicts=VERDICTS), request(memory=remembered(*VERDICTS)))
    assert not document.is_quiet
    assert "Unknown: nobody has looked for them yet." in words(section(document, "Pages that moved")[0])


def test_a_quiet_day_has_three_lines(still: Path) -> None:
    """What did not happen, how things stand, and when more will be known."""
    document = edition(still, request(memory=remembered(*VERDICTS)))
    assert document.is_quiet
    [only] = document.sections
    assert [words(item).split(",")[0] for item in only.items] == [
        "Every source read well", "Verdicts with data up to Oct 14", "Next decision date: Oct 17",
    ]  # fmt: skip
    assert "enough days to ask what moves first for reddit share" in words(only.items[2])
    troubled = edition(still, request(memory=remembered(*VERDICTS), troubles=[Trouble("unknown", YESTERDAY)]))
    assert not troubled.is_quiet


def test_moves_that_nobody_can_tell_yet_are_unknown(tmp_path: Path) -> None:
    """With too short a past no mover is not no move: in the report, and in the three lines of a quiet day."""
    looks = [
        {"engine": "google", "rank_kind": k, "has_enough_past": h} for k, h in (("average", False), ("organic", True))
    ]
    memory = remembered(*VERDICTS)
    blind = build(tmp_path / "blind", verdicts=VERDICTS, movers=[], history=[], looks=looks[:1])
    said = text_of(blind, memory=CHANGED)
    assert "Unknown on google · average: the past is still too short to tell a move from noise." in said
    assert "No page moved" not in said
    quiet = edition(blind, request(memory=memory))
    assert (quiet.is_quiet, len(quiet.sections[0].items)) == (True, 3)
    assert "Whether pages moved is unknown" in words(quiet.sections[0].items[0])
    partly = text_of(build(tmp_path / "partly", verdicts=VERDICTS, movers=[], history=[], looks=looks), memory=memory)
    assert "no page moved beyond noise. Unknown on google · average: the past" in partly


ALARM = "Alarm: there is no report today"


def test_no_warehouse_is_an_alarm(tmp_path: Path) -> None:
    """It says that and no more, with what to do, also where the file is something else."""
    assert "There is no warehouse" in text_of(tmp_path / "none")
    broken = tmp_path / "warehouse.duckdb"
    broken.write_bytes(b"no database" * 1000)
    document = edition(broken, request(memory=CHANGED))
    assert document.subject == f"Acme, Oct 14, 2026: {ALARM}"
    assert document.told is None
    assert "The warehouse cannot be read." in as_text(document)
    assert "nothing is reported as changed" in text_of(broken)


def test_a_warehouse_behind_the_last_run_is_an_alarm(busy: Path) -> None:
    """The analysis did not finish: none of its numbers are told."""
    said = text_of(busy, memory=CHANGED, last_run=DAY + timedelta(days=1))
    assert "Data were read on Oct 15, 2026, but the warehouse ends on Oct 14, 2026" in said
    assert "supports" not in said
    assert ALARM not in text_of(busy, last_run=DAY)


def test_a_warehouse_without_anything_in_it_is_an_alarm(tmp_path: Path) -> None:
    """After an analysis of nothing: no verdict, no "nothing moved", but that nothing is there and what to do."""
    path = build(tmp_path, verdicts=[], sources=[])
    with duckdb.connect(str(path)) as con:
        con.execute("DELETE FROM serp_results")
    said = text_of(path, memory=CHANGED)
    assert "Nothing has been read or imported yet: no result list, no votes." in said
    assert ALARM in said
    assert "moved beyond noise" not in said


def test_every_source_failed_is_an_alarm(tmp_path: Path) -> None:
    """With each error; one source that read something makes a report."""
    all_bad = [FAILED, FAILED | {"connector": "reddit", "first_error": "HTTP 401"}]
    said = text_of(build(tmp_path / "bad", sources=all_bad, movers=[MOVER]), memory=CHANGED)
    assert "Every source failed on Oct 14, 2026." in said
    assert "HTTP 503" in said
    assert "HTTP 401" in said
    assert "cedar.example" not in said
    partly = build(tmp_path / "partly", sources=[FAILED, {"state": "partly failed", "n_failed": 1}], movers=[])
    assert ALARM not in text_of(partly)


def test_a_fault_of_ours_is_an_alarm(busy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a report never leaves; its readers are told that there is none."""
    monkeypatch.setattr(edition_module, "paths_png", lambda *_: b"")
    said = text_of(busy, memory=CHANGED)
    assert "The report could not be made." in said
    assert "the picture movers is empty" in said


def test_a_blank_part_is_refused(still: Path) -> None:
    """A section without items, a line without words, a missing subject."""
    document = edition(still, request())
    empty = replace(document.sections[0], items=[])
    blank = replace(document.sections[0], items=[Item((Span(" "),))])
    for bad in (replace(document, subject=" "), *(replace(document, sections=s) for s in ([], [empty], [blank]))):
        with pytest.raises(TallyrankError, match="half a report"):
            checked(bad)


def test_text_from_outside_is_harmless(busy: Path) -> None:
    """Markup is text, directions are kept to themselves, ten thousand characters are shortened, in every part."""
    document = edition(busy, request(memory=CHANGED, project=EVIL, troubles=[Trouble("refused", DAY, EVIL, EVIL)]))
    text, html = as_text(document), as_html(document, lambda p: f"cid:{p.name}")
    reader = Reader(html)
    assert {tag for tag, _ in reader.tags} <= {
        "html", "head", "meta", "title", "style", "body", "table", "tr", "td", "div", "h1", "h2", "p", "a", "bdi",
        "strong", "img",
    }  # fmt: skip
    assert not any(name.startswith("on") for _, attributes in reader.tags for name in attributes)
    assert all(str(a["href"]).startswith("http://127.0.0.1:8050/") for tag, a in reader.tags if tag == "a")
    assert "\u202e" not in text + html
    assert max(len(s.text) for line in document.lines() for s in line) <= 180
    assert max(map(len, html.splitlines())) < 8_000
    assert "\r" not in document.subject
    assert "\n" not in document.subject
    assert len(document.subject) < 200


def test_every_number_of_the_report_leads_to_the_web_app(busy: Path) -> None:
    """Estimates, intervals, guards, positions, counts and rates are links."""
    reader = Reader(as_html(edition(busy, request(memory=CHANGED)), lambda p: p.name))
    expected = {
        "+0.61",
        "+0.40",
        "+0.82",
        "0.4\u00a0%",
        "2.0\u00a0%",
        "0.35",
        "8.5",
        "3",
        "20",
        "1.0\u00a0%",
        "40",
        "2",
    }
    assert expected <= set(reader.linked)


def test_pictures_say_in_words_what_they_show(busy: Path) -> None:
    """Each has a text in its place, lies inside the message, and is named there once."""
    document = edition(busy, request(memory=CHANGED))
    mail = composed(document, "Rank <rank@example.com>", ["a@example.com"], AT)
    html = mail.get_body(("html",))
    assert isinstance(html, EmailMessage)
    shown = [a for tag, a in Reader(html.get_content()).tags if tag == "img"]
    inside = {
        part["Content-ID"][1:-1]: part.get_content() for part in mail.walk() if part.get_content_type() == "image/png"
    }
    assert [str(a["src"]).removeprefix("cid:") for a in shown] == list(inside)
    assert all(png.startswith(PNG) and len(png) < 200_000 for png in inside.values())
    alts = [re.sub("[\u2068\u2069]", "", str(a["alt"])) for a in shown]
    assert alts[0].endswith("with 95 % intervals: reddit like +0.61 (+0.40 … +0.82).")
    assert "cedar.example/kettles: Sep 17, 2026 8.5 → Oct 14, 2026 4" in alts[1]


def test_what_the_font_cannot_write_becomes_a_number() -> None:
    """Chinese, Arabic and nothing at all; a dollar sign is no formula."""
    assert [drawable(name, 2) for name in ("vk like", "长", "ثعلب", "", "a$b$")] == [
        "vk like",
        "(2)",
        "(2)",
        "(2)",
        "a$b$",
    ]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("code", LOCALES)
def test_every_language_renders(busy: Path, still: Path, code: str, tmp_path: Path) -> None:
    """Report, quiet day and alarm, in text, HTML and pictures; English words of ours are left in no other language."""
    every = [
        edition(busy, request(language=code, memory=CHANGED)),
        edition(still, request(language=code, memory=remembered(*VERDICTS))),
        edition(tmp_path / "none", request(language=code)),
    ]
    said = "\n".join(as_text(d) + as_page(d) for d in every)
    assert f'<html lang="{LOCALES[code].replace("_", "-")}"' in said
    ours = ("positions per doubling", "could not be read", "Every source read well", "Alarm: there is", "Compared with")
    assert all((words in said) == (code == "en") for words in ours)


def test_what_was_told_is_what_the_next_mail_compares_with(busy: Path) -> None:
    """Read back as memory, the same warehouse gives no change and no mover again."""
    first = edition(busy, request(memory=CHANGED))
    assert first.told is not None
    memory = replace(CHANGED, verdicts=first.told.verdicts, movers=frozenset(first.told.movers))
    said = text_of(busy, memory=memory)
    assert "No verdict changed." in said
    assert "cedar.example/kettles" not in said
    assert "fourth.example/" in said
