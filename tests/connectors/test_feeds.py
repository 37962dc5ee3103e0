"""Feeds against their twin and against handwritten documents: counts, what is missing, pages, redirects, refusals."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors import errors
from connectors.base import Ask, parse_all
from connectors.http import Answer
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb, raw_table
from connectors.sandbox import feeds as twin
from connectors.sandbox.server import running
from connectors.sandbox.world import World, WorldPost
from connectors.votes.feeds import (
    CONNECTOR,
    Entry,
    Page,
    Settings,
    encoding_of,
    json_feed,
    number_in,
    pages,
    xml_feed,
)
from connectors.votes.feeds import given as given_addresses

ENTRIES = CONNECTOR.stream("entries")
AT = datetime(2026, 10, 14, 12, tzinfo=UTC)
LATER = datetime(2027, 3, 20, 12, tzinfo=UTC)  # by then the world has shy entries and a deleted one
SITE = "alder.example"
HERE = f"https://www.{SITE}"
CHANNEL = f"https://www.youtube.com/feeds/videos.xml?channel_id={twin.CHANNEL}"
Question = Callable[..., Ask]


def told(question: Ask) -> list[Observation]:
    """Fetch and parse."""
    return [o for o in parse_all(CONNECTOR, ENTRIES, list(ENTRIES.fetch(question))) if isinstance(o, Observation)]


def of_verb(verb: Verb, found: Iterable[Observation]) -> dict[str, Observation]:
    """Readings of one verb by entry."""
    return {str(o.object_id): o for o in found if o.verb is verb}


def errors_in(rows: Iterable[Raw]) -> list[str]:
    """The classes of the errors told."""
    return [(row.error or "").partition(":")[0] for row in rows if row.status is Status.FAILED]


def xml(body: str, names: str = "") -> Page:
    """A page of a handwritten RSS feed."""
    text = f'<?xml version="1.0"?><rss version="2.0" {names}><channel>{body}</channel></rss>'
    return xml_feed(Answer("feeds", 200, {}, text), "https://a.example/feed")


def row_of(counts: dict[str, Any], told_by_feed: list[str] | None = None) -> Raw:
    """A stored row, written by hand."""
    payload = {"published_at": None, "counts": counts, "told": sorted(told_by_feed or counts)}
    return Raw("https://a.example/?p=1", AT, url="https://a.example/1", payload=payload)


def by_verb(row: Raw) -> dict[Verb, tuple[int | None, Status]]:
    """What one stored row says of each verb."""
    return {o.verb: (o.count, o.status) for o in ENTRIES.parse([row])}


@pytest.fixture
def posts(world: World) -> list[WorldPost]:
    """The entries of the site on the day of the fixture `ask`."""
    found = twin.entries(world, SITE, AT)
    assert len(found) >= 3
    return found


# --- the twin --------------------------------------------------------------------------------------------------------


def test_nothing_is_read_without_addresses(ask: Question) -> None:
    """The source is on by default and asks nobody anything before a feed is named."""
    question = ask(CONNECTOR)
    assert list(ENTRIES.fetch(question)) == []
    assert question.meter.requests == 0
    assert (question.settings.enabled, question.settings.missing()) == (True, ())


@pytest.mark.parametrize(
    ("path", "native", "most"),
    [
        ("feed", "slash:comments", twin.PER_PAGE),
        ("total", "thr:total", twin.PER_PAGE),
        ("atom", "thr:count", 999),
        ("slashdot", "slash:hit_parade", 999),
    ],
)
def test_comments_are_the_worlds(ask: Question, world: World, path: str, native: str, most: int) -> None:
    """Every way of telling comments gives the world's, on every site; a shy entry's are hidden; likes and views are
    not told by such feeds at all. One request per feed.
    """
    sites = sorted({p.page.site for p in world.posts("feeds")})
    truth = [p for site in sites for p in twin.entries(world, site, LATER)[:most]]
    question = ask(CONNECTOR, day=LATER.date(), addresses=",".join(f"https://www.{site}/{path}" for site in sites))
    found = told(question)
    comments = [o for o in found if o.verb is Verb.COMMENT]
    assert [(o.count, o.url) for o in comments] == [
        (None if p.is_shy else twin.comments(p, LATER), p.url) for p in truth
    ]
    assert {o.native for o in comments if o.count is not None} == {native}
    assert {o.status for o in comments if o.count is None} == {Status.HIDDEN}
    assert [o.published_at for o in comments] == [p.published_at for p in truth]
    assert {(o.count, o.status) for o in found if o.verb is not Verb.COMMENT} == {(None, Status.UNSUPPORTED)}
    assert {(o.basis, o.segment) for o in found} == {(Basis.POST, None)}
    assert any(p.is_shy for p in truth)
    assert question.meter.requests == len(sites)


def test_videos_of_a_channel(ask: Question, world: World) -> None:
    """A YouTube channel's feed has 15 videos with views and stars; its favorites, always 0, are nobody's save."""
    videos = {f"yt:video:{twin.video_id(p)}": p for p in twin.entries(world, None, LATER)[: twin.VIDEOS]}
    found = told(ask(CONNECTOR, day=LATER.date(), addresses=CHANNEL))
    likes, views = of_verb(Verb.LIKE, found), of_verb(Verb.VIEW, found)
    assert likes.keys() == views.keys() == videos.keys()
    for name, post in videos.items():
        assert views[name].count == 40 * post.votes_at(LATER)
        assert likes[name].count == (None if post.is_shy else post.votes_at(LATER))
        assert likes[name].status == (Status.HIDDEN if post.is_shy else Status.OBSERVED)
        assert likes[name].quality == (Quality.DEFAULT_ZERO if likes[name].count == 0 else Quality.EXACT)
        assert views[name].url == f"https://www.youtube.com/watch?v={twin.video_id(post)}"
    assert {o.verb for o in found} == {Verb.LIKE, Verb.VIEW, Verb.COMMENT}
    assert {o.status for o in of_verb(Verb.COMMENT, found).values()} == {Status.UNSUPPORTED}


def test_star_ratings_can_be_left_alone(ask: Question) -> None:
    """With star_ratings off likes are unsupported, and views stay."""
    found = told(ask(CONNECTOR, addresses=CHANNEL, star_ratings=False))
    assert {o.status for o in found if o.verb is Verb.LIKE} == {Status.UNSUPPORTED}
    assert {o.status for o in found if o.verb is Verb.VIEW} == {Status.OBSERVED}


@pytest.mark.parametrize("path", ["bare", "feed.json"])
def test_feeds_without_counts(ask: Question, posts: list[WorldPost], path: str) -> None:
    """Entries without any count are known, and every verb of theirs is unsupported, never 0."""
    found = told(ask(CONNECTOR, addresses=f"{HERE}/{path}"))
    assert [o.url for o in found] == [p.url for p in posts for _ in CONNECTOR.verbs]
    assert {(o.count, o.status) for o in found} == {(None, Status.UNSUPPORTED)}
    assert [o.published_at for o in found] == [p.published_at for p in posts for _ in CONNECTOR.verbs]


def test_an_entry_of_two_feeds_counts_once(ask: Question, posts: list[WorldPost]) -> None:
    """The same entry in several feeds, or a feed named twice, is read once; the first feed wins."""
    one = told(ask(CONNECTOR, addresses=f"{HERE}/feed"))
    assert told(ask(CONNECTOR, addresses=f"{HERE}/feed,{HERE}/bare,{HERE}/feed"))[: len(one)] == one
    both = told(ask(CONNECTOR, addresses=f"{HERE}/feed,{HERE}/bare"))
    assert len(both) == len({(o.object_id, o.verb) for o in both}) == 3 * len(posts)


def test_addresses_come_from_a_file_too(ask: Question, tmp_path: Path) -> None:
    """One address a line, comments and empty lines aside, after those of the setting; each once."""
    listed = tmp_path / "feeds.txt"
    listed.write_text(f"\ufeff# ours\n\n{HERE}/feed  # the blog\n  b.example/#top \n{HERE}/feed\n", encoding="utf-8")
    settings = ask(CONNECTOR, addresses=f"c.example/feed, {HERE}/feed,", file=listed).settings
    assert given_addresses(settings) == ["c.example/feed", f"{HERE}/feed", "b.example/#top"]
    assert told(ask(CONNECTOR, file=listed))[0].url


def test_a_file_that_cannot_be_read_is_named(ask: Question, tmp_path: Path) -> None:
    """One failed row says which setting to mend, and nothing is asked."""
    question = ask(CONNECTOR, addresses=f"{HERE}/feed", file=tmp_path / "none.txt")
    rows = list(ENTRIES.fetch(question))
    assert (errors_in(rows), question.meter.requests) == (["ConfigurationError"], 0)
    assert "TALLYRANK_FEEDS_FILE" in str(rows[0].error)
    assert rows[0].url is None


def test_no_words_of_people_are_kept(ask: Question) -> None:
    """Names, titles and texts are in every feed and in no stored row."""
    addresses = [f"{HERE}/{path}" for path in ("feed", "atom", "total", "slashdot", "bare", "feed.json")]
    question = ask(CONNECTOR, addresses=",".join([*addresses, CHANNEL]))
    for path in ("www.alder.example/feed", "www.alder.example/feed.json"):
        assert "Ada" in httpx.get(f"{question.base_url}/{path}").text
    assert "Ada" not in str(raw_table(list(ENTRIES.fetch(question))).to_pydict())


def test_the_twin_knows_what_has_not_changed(ask: Question) -> None:
    """Who sends the tag of the last answer is told 304 without a body; we keep no tag and send none."""
    address = f"{ask(CONNECTOR).base_url}/www.{SITE}/feed"
    first = httpx.get(address)
    again = httpx.get(address, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    asked: list[Any] = []

    async def feed(request: Request) -> Response:
        asked.append({"if-none-match", "if-modified-since"} & set(request.headers))
        return Response("<rss version='2.0'><channel/></rss>", media_type="text/xml")

    with running(Starlette(routes=[Route("/a.example/feed", feed)])) as mirror:
        assert list(ENTRIES.fetch(ask(CONNECTOR, base_url=mirror, addresses="a.example/feed"))) == []
    assert asked == [set()]


# --- pages -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "extra"), [("feed", 1), ("total", 0)])
def test_older_pages_are_read_when_asked_for(
    ask: Question, world: World, monkeypatch: pytest.MonkeyPatch, path: str, extra: int
) -> None:
    """By WordPress's numbers up to its 404, and by links to the next page: every entry once; else the first page."""
    monkeypatch.setattr(twin, "PER_PAGE", 2)
    posts = twin.entries(world, SITE, AT)
    question = ask(CONNECTOR, addresses=f"{HERE}/{path}", pages=50)
    rows = list(ENTRIES.fetch(question))
    assert [r.subject for r in rows] == [twin.entry_id(p) for p in posts]
    assert errors_in(rows) == []
    assert question.meter.requests == -(-len(posts) // 2) + extra
    short = ask(CONNECTOR, addresses=f"{HERE}/{path}")
    assert len(list(ENTRIES.fetch(short))) == 2
    assert short.meter.requests == 1


@given(
    sizes=st.lists(st.integers(0, 5), min_size=1, max_size=8),
    shift=st.integers(0, 2),
    most=st.integers(1, 10),
    is_gone=st.booleans(),
)
def test_paging_loses_and_repeats_nothing(sizes: list[int], shift: int, most: int, is_gone: bool) -> None:
    """Whatever the sizes of the pages, and when new entries push old ones on to the next: each entry once, in order."""
    starts = [sum(sizes[:n]) - shift * (n > 0) for n in range(len(sizes))]
    served = [[str(i) for i in range(max(a, 0), a + size)] for a, size in zip(starts, sizes, strict=True)]

    def read(address: str) -> Page:
        number = int(address)
        if number >= len(served):
            raise errors.Gone("feeds", "HTTP 404")
        more = str(number + 1) if is_gone or number + 1 < len(served) else None
        return Page([Entry(i, None, None, {}) for i in served[number]], more)

    found = [entry.object_id for page in pages(read, "0", most) for entry in page.entries]
    expected: list[str] = []
    for page in served[:most]:
        if not set(page) - set(expected):
            break
        expected += [i for i in page if i not in expected]
    assert found == expected


def test_a_first_page_that_is_gone_is_told(ask: Question) -> None:
    """A 404 ends a feed quietly after its first page only."""
    assert errors_in(ENTRIES.fetch(ask(CONNECTOR, addresses=f"{HERE}/nothing", pages=5))) == ["Gone"]


def test_what_was_read_before_a_failure_is_kept(ask: Question, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that fails ends that feed in one failed row; its entries so far, and other feeds, stay."""
    monkeypatch.setattr(twin, "PER_PAGE", 2)

    async def broken(request: Request) -> Response:
        if request.query_params.get("paged"):
            return Response("<html>", 200, media_type="text/html")
        generator = "<generator>https://wordpress.org/?v=6</generator>"
        generator += '<item><guid isPermaLink="false">7</guid></item>'
        return Response(f"<rss version='2.0'><channel>{generator}</channel></rss>", media_type="text/xml")

    with running(Starlette(routes=[Route("/{host}/feed", broken)])) as mirror:
        question = ask(CONNECTOR, base_url=mirror, addresses="a.example/feed,b.example/feed", pages=3)
        rows = list(ENTRIES.fetch(question))
    assert [r.subject for r in rows] == ["a.example/7", "feed 1 (a.example)", "b.example/7", "feed 2 (b.example)"]
    assert errors_in(rows) == ["BadAnswer", "BadAnswer"]


# --- redirects -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("address", "hops"), [(f"{HERE}/moved", 1), ("https://www.cedar.example/away", 2)])
def test_redirects_are_followed(ask: Question, world: World, address: str, hops: int) -> None:
    """To another path and to another host, whose entries then have that host's addresses."""
    site = SITE if hops == 1 else "birch.example"
    question = ask(CONNECTOR, addresses=address)
    rows = list(ENTRIES.fetch(question))
    assert [r.subject for r in rows] == [twin.entry_id(p) for p in twin.entries(world, site, AT)[: twin.PER_PAGE]]
    assert question.meter.requests == hops + 1


def test_redirects_have_an_end(ask: Question) -> None:
    """After five redirects the feed fails."""
    question = ask(CONNECTOR, addresses=f"{HERE}/round")
    assert errors_in(ENTRIES.fetch(question)) == ["BadAnswer"]
    assert question.meter.requests == 6


@pytest.mark.parametrize(
    ("location", "kind"),
    [
        ("", "BadAnswer"),
        ("ftp://a.example/", "BadAnswer"),
        ("https://u:p@a.example/feed", "BadAnswer"),
        ("http://[::1", "Unavailable"),
    ],
)
def test_redirects_to_no_web_address(ask: Question, location: str, kind: str) -> None:
    """A redirect to nowhere, to another scheme or with a password is a bad answer; a broken one a broken line."""

    async def moved(_request: Request) -> Response:
        return Response(status_code=301, headers={"Location": location} if location else {})

    with running(Starlette(routes=[Route("/a.example/feed", moved)])) as mirror:
        rows = list(ENTRIES.fetch(ask(CONNECTOR, base_url=mirror, addresses="a.example/feed")))
    assert errors_in(rows) == [kind]


@pytest.mark.parametrize("address", ["http://127.0.0.1:{port}/", "http://2130706433:{port}/", "localhost:{port}"])
def test_only_public_hosts_are_reached(ask: Question, address: str) -> None:
    """Without a mirror, an address inside our own network is refused before anything is sent."""
    asked: list[str] = []

    async def feed(request: Request) -> Response:
        asked.append(request.url.path)
        return Response("<rss version='2.0'/>")

    with running(Starlette(routes=[Route("/", feed)])) as server:
        port = server.rpartition(":")[2]
        rows = list(ENTRIES.fetch(ask(CONNECTOR, base_url="", addresses=address.format(port=port))))
    assert (errors_in(rows), asked) == (["NotPermitted"], [])
    assert "only public ones are read" in str(rows[0].error)


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "kind", "requests"),
    [
        (f"{HERE}/private", "AuthError", 1),
        (f"{HERE}/busy", "RateLimited", 1),
        (f"{HERE}/page", "BadAnswer", 1),
        (f"{HERE}/unchanged", "BadRequest", 1),
        (f"{HERE}/nothing", "Gone", 1),
        ("https://u:p4ss@a.example/", "BadRequest", 0),
        ("ftp://a.example/feed", "BadRequest", 0),
        ("see the blog", "BadRequest", 0),
    ],
)
def test_each_refusal_has_its_class(ask: Question, address: str, kind: str, requests: int) -> None:
    """A password asked for, a wait of an hour, a web page, an answer without news, nothing there, no address: each is
    told by its class with the feed's number, and the other feed is read all the same.
    """
    question = ask(CONNECTOR, addresses=f"{address},{HERE}/feed")
    rows = list(ENTRIES.fetch(question))
    assert errors_in(rows) == [kind]
    assert len(rows) > 1
    assert (rows[0].subject.startswith("feed 1"), rows[0].url) == (True, None)
    assert "p4ss" not in str(rows)
    assert question.meter.requests == requests + 1


def test_keys_in_addresses_are_not_told(ask: Question) -> None:
    """The address of a private feed may hold a key: a failed row names its host, and not the rest."""
    [row] = ENTRIES.fetch(ask(CONNECTOR, addresses=f"{HERE}/nothing?key=s3cr3t"))
    assert (row.subject, "s3cr3t" in str(row)) == (f"feed 1 (www.{SITE})", False)


@pytest.mark.parametrize("status", [429, 503])
def test_a_short_wait_is_obeyed(ask: Question, status: int) -> None:
    """`Retry-After` in seconds is waited for, then the feed is read."""
    answers = [status, 200]

    async def feed(_request: Request) -> Response:
        body = "<rss version='2.0'><channel><item><guid>x:1</guid></item></channel></rss>"
        return Response(body, answers.pop(0), headers={"Retry-After": "0"})

    with running(Starlette(routes=[Route("/a.example/feed", feed)])) as mirror:
        rows = list(ENTRIES.fetch(ask(CONNECTOR, base_url=mirror, addresses="a.example/feed")))
    assert [(r.subject, r.status) for r in rows] == [("x:1", Status.OBSERVED)]


# --- reading documents -----------------------------------------------------------------------------------------------


def test_the_first_number_wins() -> None:
    """Several elements tell comments: slash:comments before thr:total before the hit parade; rubbish is passed over."""
    everything = {"slash:hit_parade": "9,3", "thr:count": "8", "thr:total": "7", "slash:comments": "6"}
    for native, count in (("slash:comments", 6), ("thr:total", 7), ("thr:count", 8), ("slash:hit_parade", 9)):
        assert by_verb(row_of(everything))[Verb.COMMENT] == (count, Status.OBSERVED)
        everything[native] = "many"
    assert by_verb(row_of(everything))[Verb.COMMENT] == (None, Status.FAILED)


def test_missing_is_never_zero() -> None:
    """A true 0 is 0; missing in this entry is hidden, missing in the feed unsupported, unreadable failed."""
    assert by_verb(row_of({"slash:comments": "0"}))[Verb.COMMENT] == (0, Status.OBSERVED)
    assert by_verb(row_of({}, ["slash:comments"]))[Verb.COMMENT] == (None, Status.HIDDEN)
    assert by_verb(row_of({}))[Verb.COMMENT] == (None, Status.UNSUPPORTED)
    assert by_verb(row_of({"slash:comments": ""}))[Verb.COMMENT] == (None, Status.FAILED)


def test_one_lost_element_costs_its_verb_only() -> None:
    """When views cannot be read any more, likes and comments of the same entry stay."""
    row = row_of({"media:statistics": "1.2K", "media:starRating": "5", "slash:comments": "3"})
    assert by_verb(row) == {
        Verb.COMMENT: (3, Status.OBSERVED),
        Verb.VIEW: (None, Status.FAILED),
        Verb.LIKE: (5, Status.OBSERVED),
    }


@pytest.mark.parametrize(
    ("native", "text", "number"),
    [
        ("slash:comments", " 12 ", 12),
        ("slash:comments", "-1", None),
        ("slash:comments", "1,234", None),
        ("slash:comments", "12 comments", None),
        ("slash:comments", None, None),
        ("slash:hit_parade", "12,3,0", 12),
        ("slash:hit_parade", ",3", None),
        ("slash:hit_parade", 5, 5),
        ("media:statistics", "1.5", None),
    ],
)
def test_numbers_come_as_text(native: str, text: Any, number: int | None) -> None:
    """Digits are a count; everything else, a negative number too, is none."""
    assert number_in(native, text) == number


SLASH = 'xmlns:slash="http://purl.org/rss/1.0/modules/slash/" xmlns:thr="http://purl.org/syndication/thread/1.0"'


def test_ids_and_links_of_entries() -> None:
    """A guid that is an address is link and id; a relative link is made whole; FeedBurner's own link is passed over; an
    entry with neither id nor link, and a link that is no web address, are left out.
    """
    burner = 'xmlns:feedburner="http://rssnamespace.org/feedburner/ext/1.0"'
    page = xml(
        """<item><guid>https://a.example/1</guid></item><item><guid isPermaLink="false">22</guid><link>/2</link></item>
        <item><link>https://feeds.example/~r/3</link><feedburner:origLink>https://a.example/3</feedburner:origLink>
        <guid isPermaLink="false">tag:3</guid></item><item><title>nothing</title></item>
        <item><guid isPermaLink="false">mail</guid><link>mailto:ada@a.example</link></item>""",
        burner,
    )
    assert [(e.object_id, e.url) for e in page.entries] == [
        ("https://a.example/1", "https://a.example/1"),
        ("22", "https://a.example/2"),
        ("tag:3", "https://a.example/3"),
        ("", None),
        ("mail", None),
    ]


def test_entries_without_identity_are_left_out(ask: Question) -> None:
    """An entry with neither id nor link cannot be told from others; ids that are no URI get the feed's host."""

    async def feed(_request: Request) -> Response:
        items = '<item><title>x</title></item><item><guid isPermaLink="false">22</guid></item>'
        return Response(f"<rss version='2.0'><channel>{items}</channel></rss>", media_type="text/xml")

    with running(Starlette(routes=[Route("/{host}/feed", feed)])) as mirror:
        rows = list(ENTRIES.fetch(ask(CONNECTOR, base_url=mirror, addresses="a.example/feed,b.example/feed")))
    assert [r.subject for r in rows] == ["a.example/22", "b.example/22"]


def test_untidy_feeds_are_read_and_cut_ones_are_not() -> None:
    """A feed with a bare ampersand is read; the same feed cut in the middle is a bad answer."""
    text = f"""<rss version="2.0" {SLASH}><channel><title>Salt & pepper</title><item><guid>a:1</guid>
        <slash:comments>4</slash:comments></item><item><guid>a:2</guid></item></channel></rss><!-- cached -->"""
    page = xml_feed(Answer("feeds", 200, {}, text), "https://a.example/")
    assert [(e.object_id, dict(e.counts)) for e in page.entries] == [("a:1", {"slash:comments": "4"}), ("a:2", {})]
    with pytest.raises(errors.BadAnswer, match="ends in the middle"):
        xml_feed(Answer("feeds", 200, {}, text[: text.index("<item><guid>a:2")]), "https://a.example/")


@pytest.mark.parametrize(
    "text", ["", "words", "/etc/hostname", "https://a.example/feed", "<html><body>x</body></html>"]
)
def test_what_is_no_feed_is_said(text: str) -> None:
    """Nothing, words, a page: a bad answer that does not repeat them. A path or an address as text is not opened."""
    with pytest.raises(errors.BadAnswer, match="no feed") as caught:
        xml_feed(Answer("feeds", 200, {"content-type": "text/html"}, text), "https://a.example/")
    assert not text or text not in str(caught.value)


def test_entities_are_not_unfolded() -> None:
    """Neither a file of ours nor a bomb of entities (ten to the tenth letters) gets into what is read."""
    nested = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<!DOCTYPE r [<!ENTITY f SYSTEM "file:///etc/passwd"><!ENTITY a0 "aaaaaaaaaa">{nested}]>'
    text = f"""<?xml version="1.0"?>{bomb}<rss version="2.0" {SLASH}><channel><item><guid>x:&f;</guid>
        <slash:comments>&a9;3</slash:comments></item></channel></rss>"""
    [entry] = xml_feed(Answer("feeds", 200, {}, text), "https://a.example/").entries
    assert "root" not in str(entry)
    assert len(str(entry)) < 500


def test_words_in_place_of_a_number_are_not_kept(ask: Question) -> None:
    """What is no count is kept as unreadable, without its words, and is failed."""

    async def feed(_request: Request) -> Response:
        items = "<item><guid>x:1</guid><slash:comments>Ada says three</slash:comments></item>"
        return Response(f"<rss version='2.0' {SLASH}><channel>{items}</channel></rss>", media_type="text/xml")

    with running(Starlette(routes=[Route("/a.example/feed", feed)])) as mirror:
        rows = list(ENTRIES.fetch(ask(CONNECTOR, base_url=mirror, addresses="a.example/feed")))
    assert rows[0].payload["counts"] == {"slash:comments": "unreadable"}
    assert by_verb(rows[0])[Verb.COMMENT] == (None, Status.FAILED)


@pytest.mark.parametrize(
    "body",
    ["{", "[]", "{}", '{"version": "1", "items": []}', '{"version": "https://jsonfeed.org/version/1.1"}'],
)
def test_what_is_no_json_feed_is_said(body: str) -> None:
    """Half a document, another version or no items: a bad answer."""
    with pytest.raises(errors.BadAnswer):
        json_feed(Answer("feeds", 200, {}, body))


def test_json_feeds() -> None:
    """Numbers as ids, a missing address, another zone, rubbish among the items, a next page."""
    body = """{"version": "https://jsonfeed.org/version/1", "next_url": "https://a.example/2.json", "items": [
        {"id": 7, "url": "https://a.example/7", "date_published": "2026-10-01T12:00:00+02:00", "_x": {"likes": 3}},
        {"id": "8", "date_published": "soon"}, "x", {"url": "https://a.example/9"}]}"""
    page = json_feed(Answer("feeds", 200, {}, body))
    at = datetime(2026, 10, 1, 10, tzinfo=UTC)
    assert [(e.object_id, e.url, e.published_at) for e in page.entries] == [
        ("7", "https://a.example/7", at),
        ("8", None, None),
        ("https://a.example/9", "https://a.example/9", None),
    ]
    assert page.following == "https://a.example/2.json"
    assert [dict(e.counts) for e in page.entries] == [{}, {}, {}]


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b"<rss/>", "utf-8"),
        (b'<?xml version="1.0" encoding="UTF-8"?>', "utf-8"),
        (b"\xef\xbb\xbf<rss/>", "utf-8-sig"),
        (b"<?xml version='1.0' encoding='windows-1251'?>", "cp1251"),
        (b'\n<?xml version="1.0"  encoding = "Shift_JIS" ?>', "shift_jis"),
        ("<rss/>".encode("utf-16"), "utf-16"),
        (b'<?xml version="1.0" encoding="klingon"?>', "utf-8"),
        (b"", "utf-8"),
    ],
)
def test_how_a_feed_is_written(body: bytes, name: str) -> None:
    """The first bytes or the XML declaration tell the encoding; an unknown one is taken for UTF-8."""
    assert encoding_of(body) == name


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "windows-1251", "shift_jis"])
def test_feeds_in_other_encodings(ask: Question, encoding: str) -> None:
    """Without a charset in the header, links in other scripts come whole."""
    declared = "utf-8" if encoding == "utf-8-sig" else encoding
    word = "привет"
    text = f"""<?xml version="1.0" encoding="{declared}"?><rss version="2.0" {SLASH}><channel><item>
        <guid isPermaLink="false">x:1</guid><link>https://a.example/{word}</link><slash:comments>5</slash:comments>
        </item></channel></rss>"""

    async def feed(_request: Request) -> Response:
        return Response(text.encode(encoding), headers={"Content-Type": "application/rss+xml"})

    with running(Starlette(routes=[Route("/a.example/feed", feed)])) as mirror:
        found = told(ask(CONNECTOR, base_url=mirror, addresses="a.example/feed"))
    comment = next(o for o in found if o.verb is Verb.COMMENT)
    assert (comment.count, comment.url) == (5, f"https://a.example/{word}")


@pytest.mark.parametrize("published", [None, 7, "soon", "0001-01-01T00:00:00+23:00"])
def test_rubbish_for_a_time_is_no_time(published: Any) -> None:
    """A stored time that cannot be read is unknown, and the counts stay."""
    row = row_of({"slash:comments": "3"})
    found = list(ENTRIES.parse([replace(row, payload=row.payload | {"published_at": published})]))
    assert {o.published_at for o in found} == {None}
    assert by_verb(row)[Verb.COMMENT] == (3, Status.OBSERVED)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Addresses and the file are read from their variables; an empty file name is none."""
    monkeypatch.setenv("TALLYRANK_FEEDS_ADDRESSES", "a.example/feed")
    monkeypatch.setenv("TALLYRANK_FEEDS_FILE", "")
    settings = Settings(_env_file=None)  # type: ignore[call-arg]
    assert (settings.addresses, settings.file, settings.base_url) == ("a.example/feed", None, "")
