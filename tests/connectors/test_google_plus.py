"""Google+ from handwritten archives: lists that are counted, pages that are found, people that are left behind."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.base import Ask, parse_all
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb, raw_rows, raw_table
from connectors.votes.google_plus import CLOSED, CONNECTOR, Settings, is_post, moment, page_of

POSTS = CONNECTOR.stream("posts")
ARCHIVED_AT = datetime(2019, 4, 2, 12, tzinfo=UTC)
Question = Callable[..., Ask]
Post = dict[str, Any]
ADA = {
    "displayName": "Ada Invented",
    "profilePageUrl": "https://plus.google.com/112233",
    "resourceName": "users/112233",
}


def post(n: int = 1, **more: Any) -> Post:
    """A post as an archive holds it, with one action of each kind."""
    address = f"https://plus.google.com/112233/posts/P{n}"
    known = {
        "url": address,
        "creationTime": "2017-05-04 10:11:12+0000",
        "author": ADA,
        "content": 'Words of <a href="https://plus.google.com/445566">Ada Invented</a>',
        "link": {"title": "Title by Ada Invented", "url": f"https://a.example/{n}"},
        "plusOnes": [{"plusOner": ADA}],
        "reshares": [{"resharer": ADA}],
        "comments": [{"author": ADA, "content": "Ada says", "postUrl": address, "creationTime": "x"}],
        "resourceName": f"users/112233/posts/R{n}",
        "activityId": f"z{n}",
    }
    return {name: value for name, value in (known | more).items() if value is not ...}


@pytest.fixture
def archive(tmp_path: Path) -> Callable[..., Path]:
    """An archive as a folder: archive({"name.json": post()}); anything but text is written as JSON."""

    def make(files: dict[str, Any], folder: str = "Takeout/Google+ Stream/Posts") -> Path:
        place = tmp_path / folder
        place.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (place / name).write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return tmp_path

    return make


def zipped(place: Path, files: dict[str, Any]) -> Path:
    """An archive as a zip."""
    with zipfile.ZipFile(place, "w") as box:
        for name, content in files.items():
            box.writestr(name, content if isinstance(content, str) else json.dumps(content))
    return place


def told(question: Ask) -> list[Observation]:
    """Fetch and parse."""
    return [o for o in parse_all(CONNECTOR, POSTS, list(POSTS.fetch(question))) if isinstance(o, Observation)]


def counts(found: list[Observation]) -> dict[tuple[str | None, Verb], int | None]:
    """The numbers by post and verb."""
    return {(o.object_id, o.verb): o.count for o in found}


# --- posts -----------------------------------------------------------------------------------------------------------


@given(sizes=st.lists(st.tuples(*[st.integers(0, 4)] * 3), max_size=6), is_zip=st.booleans())
def test_lists_are_counted(sizes: list[tuple[int, int, int]], is_zip: bool, tmp_path_factory: Any) -> None:
    """Whatever the number of posts and actions, folder or zip: likes, shares and comments are the lengths of the lists;
    every post once, at the moment of the archive.
    """
    posts = {
        f"20170504 - Same title({n}).json": post(n, plusOnes=[ADA] * a, reshares=[ADA] * b, comments=[ADA] * c)
        for n, (a, b, c) in enumerate(sizes)
    }
    place = tmp_path_factory.mktemp("archive")
    zipped(place / "takeout-1.zip", posts) if is_zip else [
        (place / n).write_text(json.dumps(p)) for n, p in posts.items()
    ]
    made = Settings(_env_file=None, archive=place / "takeout-1.zip" if is_zip else place)  # type: ignore[call-arg]
    found = told(Ask(made, date(2026, 10, 14), datetime(2026, 10, 14, tzinfo=UTC)))
    verbs = (Verb.LIKE, Verb.SHARE, Verb.COMMENT)
    assert counts(found) == {
        (f"z{n}", verb): k for n, size in enumerate(sizes) for verb, k in zip(verbs, size, strict=True)
    }
    assert len(found) == 3 * len(sizes)
    assert {o.observed_at for o in found} <= {ARCHIVED_AT}
    assert {(o.basis, o.quality, o.status) for o in found} <= {(Basis.POST, Quality.LOWER_BOUND, Status.OBSERVED)}
    assert {o.url for o in found} == {f"https://a.example/{n}" for n in range(len(sizes))}


def test_a_missing_list_is_a_zero_and_another_shape_is_none(ask: Question, archive: Callable[..., Path]) -> None:
    """In the author's archive a list that is not there means nobody; one that is no list is failed."""
    place = archive({"a.json": post(1, plusOnes=..., reshares=...), "b.json": post(2, plusOnes=None, comments="7")})
    found = {(o.object_id, o.verb): (o.count, o.status) for o in told(ask(CONNECTOR, archive=place))}
    assert found == {
        ("z1", Verb.LIKE): (0, Status.OBSERVED),
        ("z1", Verb.SHARE): (0, Status.OBSERVED),
        ("z1", Verb.COMMENT): (1, Status.OBSERVED),
        ("z2", Verb.LIKE): (None, Status.FAILED),
        ("z2", Verb.SHARE): (1, Status.OBSERVED),
        ("z2", Verb.COMMENT): (None, Status.FAILED),
    }


def test_stored_rows_without_a_count_are_failed() -> None:
    """A stored row that lost a field tells that verb as failed, never as 0, and keeps the others."""
    row = Raw("z1", ARCHIVED_AT, payload={"plusOnes": 2, "comments": None, "captured_on": "soon"})
    found = {o.verb: (o.count, o.status, o.observed_at) for o in POSTS.parse([row])}
    assert found == {
        Verb.LIKE: (2, Status.OBSERVED, ARCHIVED_AT),
        Verb.SHARE: (None, Status.FAILED, ARCHIVED_AT),
        Verb.COMMENT: (None, Status.FAILED, ARCHIVED_AT),
    }


def test_no_people_leave_the_archive(ask: Question, archive: Callable[..., Path]) -> None:
    """Names, numbers of accounts, words, and titles in the names of files are not kept; rows survive storage."""
    place = archive({"20170504 - Ada Invented.json": post(1), "b.json": post(2, activityId=..., link=...)})
    rows = list(POSTS.fetch(ask(CONNECTOR, archive=place)))
    assert len(rows) == 2
    kept = str(raw_table(rows).to_pydict())
    assert not [word for word in ("Ada", "112233", "445566", "says", "Title", "Words") if word in kept]
    assert raw_rows(raw_table(rows)) == rows


@pytest.mark.parametrize(
    ("change", "identity"),
    [({}, "z1"), ({"activityId": ...}, "R1"), ({"activityId": "", "resourceName": "users/1/posts/T9"}, "T9")],
)
def test_a_post_has_an_id_without_its_author(
    ask: Question, archive: Callable[..., Path], change: Post, identity: str
) -> None:
    """The activity id, else the end of the resource's name."""
    [row] = POSTS.fetch(ask(CONNECTOR, archive=archive({"a.json": post(1, **change)})))
    assert row.subject == identity


@pytest.mark.parametrize(
    ("change", "url"),
    [
        ({}, "https://a.example/1"),
        ({"link": {"title": "no url"}, "content": "none"}, None),
        ({"link": None, "content": None}, None),
        ({"link": {"url": "https://plus.google.com/112233/albums/1"}, "content": "x"}, None),
        ({"link": ..., "content": 'see <a href="https://b.example/?x=1&amp;y=2" rel="nofollow">here</a>'},
         "https://b.example/?x=1&y=2"),
        ({"link": ..., "content": '<a href="https://plus.google.com/9">Ada</a>: https://c.example/p.'},
         "https://c.example/p"),
        ({"link": {"url": 7}, "content": ["x"]}, None),
        ({"link": {"url": "mailto:ada@a.example"}, "content": "x"}, None),
    ],
)  # fmt: skip
def test_the_page_of_a_post(change: Post, url: str | None) -> None:
    """The link, else the first link in the text that leads out of Google+; links within lead to people."""
    assert page_of(post(1, **change)) == url


def test_posts_of_the_same_title_and_of_several_zips(ask: Question, tmp_path: Path) -> None:
    """Files that end in (1) are other posts; a post in two zips is read once, in its fullest form; order is by name."""
    zipped(tmp_path / "takeout-001.zip", {"T/A title.json": post(1, plusOnes=[ADA] * 5), "T/A title(1).json": post(2)})
    zipped(tmp_path / "takeout-002.zip", {"T/A title.json": post(1), "T/media.jpg": "x"})
    zipped(tmp_path / "takeout-003.ZIP", {"T/A title.json": post(1, plusOnes=[ADA] * 9)})
    found = counts(told(ask(CONNECTOR, archive=tmp_path)))
    assert {key: n for key, n in found.items() if key[1] is Verb.LIKE} == {("z1", Verb.LIKE): 9, ("z2", Verb.LIKE): 1}


# --- other files -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "document",
    [
        {
            "items": [
                {"timestampMs": "1493892672000", "postPlusOneAddedItem": {"postPermalink": "https://plus.google.com/1"}}
            ]
        },
        [post(1)],
        post(1, url="https://elsewhere.example/plus.google.com"),
        post(1, creationTime=...),
        post(1, activityId=..., resourceName=...),
        "https://plus.google.com/1",
        7,
    ],
)
def test_other_documents_are_passed_over(ask: Question, archive: Callable[..., Path], document: Any) -> None:
    """Logs of activity and whatever else mentions Google+ are no posts, and no failure."""
    assert not is_post(document)
    assert list(POSTS.fetch(ask(CONNECTOR, archive=archive({"x.json": json.dumps(document)})))) == []


PLUS_ONES = """<!DOCTYPE NETSCAPE-Bookmark-file-1><TITLE>Bookmarks</TITLE><DL><p>
<DT><A HREF="https://a.example/?x=1&amp;y=2" ADD_DATE="1493892672">Words of Ada</A>
<DT><a href="http://b.example/" add_date="1493892672000000">B</a>
<DT><A HREF="https://c.example/">C</A><DT><A HREF="javascript:alert(1)">D</A></DL>"""


def test_pages_that_were_given_a_plus_one(ask: Question, archive: Callable[..., Path]) -> None:
    """One like per page in the file of +1s, with its time in seconds or microseconds; other verbs are not told."""
    found = told(ask(CONNECTOR, archive=archive({"+1s.html": PLUS_ONES}, "Takeout/+1s")))
    at = datetime(2017, 5, 4, 10, 11, 12, tzinfo=UTC)
    assert [(o.url, o.verb, o.count, o.published_at) for o in found] == [
        ("https://a.example/?x=1&y=2", Verb.LIKE, 1, at),
        ("http://b.example/", Verb.LIKE, 1, at),
        ("https://c.example/", Verb.LIKE, 1, None),
    ]
    assert {(o.native, o.quality, o.observed_at) for o in found} == {("+1", Quality.LOWER_BOUND, ARCHIVED_AT)}
    assert len({o.object_id for o in found}) == 3


def test_bookmarks_of_a_browser_are_left_alone(ask: Question, archive: Callable[..., Path]) -> None:
    """The same format under another name is no +1."""
    assert list(POSTS.fetch(ask(CONNECTOR, archive=archive({"Bookmarks.html": PLUS_ONES}, "Takeout/Chrome")))) == []


def test_files_that_cannot_be_read_are_told_once(ask: Question, archive: Callable[..., Path]) -> None:
    """A cut file, a broken zip and a locked one cost themselves: one failed row counts them, without their names."""
    place = archive({"Ada cut.json": json.dumps(post(1))[:-9], "good.json": post(2), "x.json": "{no json"})
    (place / "Ada.zip").write_bytes(b"PK no zip")
    locked = zipped(place / "locked.zip", {"a.json": post(3)})
    locked.write_bytes(
        locked.read_bytes().replace(b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01")
    )
    rows = list(POSTS.fetch(ask(CONNECTOR, archive=place)))
    assert [(r.subject, r.status) for r in rows] == [("z2", Status.OBSERVED), ("archive", Status.FAILED)]
    assert rows[1].error == "BadAnswer: 3 files of the archive cannot be read"
    assert rows[1].url is None
    failures = parse_all(CONNECTOR, POSTS, rows[1:])
    assert {o.status for o in failures if isinstance(o, Observation)} == {Status.FAILED}


def test_huge_files_are_passed_over(
    ask: Question, archive: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file bigger than any post is not read into memory, in a folder or in a zip."""
    monkeypatch.setattr("connectors.votes.google_plus.MOST_BYTES", 5000)
    place = archive({"big.json": post(1, content="x" * 9000), "small.json": post(2)})
    zipped(place / "big.zip", {"big.json": post(3, content="x" * 9000)})
    assert [r.subject for r in POSTS.fetch(ask(CONNECTOR, archive=place))] == ["z2"]


# --- days and settings -----------------------------------------------------------------------------------------------


def test_an_archive_speaks_of_its_day(ask: Question, archive: Callable[..., Path]) -> None:
    """Readings bear the day the archive was made; asked about an earlier day it says nothing; no request is made."""
    place = archive({"a.json": post(1)})
    question = ask(CONNECTOR, archive=place, captured_on="2019-03-07")
    assert {o.observed_at for o in told(question)} == {datetime(2019, 3, 7, 12, tzinfo=UTC)}
    assert told(ask(CONNECTOR, archive=place, captured_on="2019-03-07", day=date(2019, 3, 7)))
    assert told(ask(CONNECTOR, archive=place, captured_on="2019-03-07", day=date(2019, 3, 6))) == []
    assert question.meter.requests == 0
    assert POSTS.keeps_past


def test_without_an_archive(ask: Question, tmp_path: Path) -> None:
    """Not named: what is missing is said and nothing read. Named and not there: one failed row says which setting."""
    assert list(POSTS.fetch(ask(CONNECTOR))) == []
    assert ask(CONNECTOR).settings.missing() == ("TALLYRANK_GOOGLE_PLUS_ARCHIVE",)
    [row] = POSTS.fetch(ask(CONNECTOR, archive=tmp_path / "none.zip"))
    assert (row.error or "").startswith("ConfigurationError: TALLYRANK_GOOGLE_PLUS_ARCHIVE")
    assert row.url is None
    assert Settings(_env_file=None).captured_on == CLOSED  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2017-05-04 10:11:12+0000", datetime(2017, 5, 4, 10, 11, 12, tzinfo=UTC)),
        ("2017-05-04T10:11:12Z", datetime(2017, 5, 4, 10, 11, 12, tzinfo=UTC)),
        ("2017-05-04 10:11:12+02:00", datetime(2017, 5, 4, 8, 11, 12, tzinfo=UTC)),
        ("2017-05-04 10:11:12.345-0730", datetime(2017, 5, 4, 17, 41, 12, tzinfo=UTC)),
        ("2017-05-04 10:11:12:GMT-07:00", datetime(2017, 5, 4, 17, 11, 12, tzinfo=UTC)),
        ("2017-05-04 10:11:12 :zzzz", datetime(2017, 5, 4, 10, 11, 12, tzinfo=UTC)),
        ("2017-05-04 10:11:12", datetime(2017, 5, 4, 10, 11, 12, tzinfo=UTC)),
        ("2017-13-04 10:11:12+0000", None),
        ("0001-01-01 00:00:00+1400", None),
        ("yesterday", None),
        (1493892672, None),
        (None, None),
    ],
)
def test_times_in_every_form(text: Any, at: datetime | None) -> None:
    """Offsets with and without colon or letters; none is UTC; what is no time is none."""
    assert moment(text) == at
