"""Feeds (RSS, Atom, JSON Feed): the counts that publishers put beside their own entries, without a key.

The feeds are named by people: `addresses`, separated by commas, and a `file` of addresses, one a line. Without either
nothing is read. One request reads one feed, which holds its newest entries only (often 10 to 50; YouTube's channel feed
`https://www.youtube.com/feeds/videos.xml?channel_id=UC…` the 15 newest videos). With `pages` above 1, older pages are
read by the feed's own link `rel="next"`, and of WordPress by `?paged=N`, which answers 404 after the last.

- comment: `slash:comments`, else `thr:total`, else `thr:count` of a link `rel="replies"`, else the first number of
  `slash:hit_parade` (comments by score, the first being all). WordPress counts approved comments only.
- view: `media:statistics views`. Its `favorites` is left alone: YouTube always says 0 there.
- like: `media:starRating count`, which at YouTube seems to be the number of likes. UNVERIFIED, so `star_ratings` can
  turn it off, and its 0 is a default_zero.

Numbers come as text. An element that is missing is unknown, never 0: hidden where other entries of the feed have it,
unsupported where none has. JSON Feed has no counts but publishers' own extensions, which are not read: all unsupported.
`itunes:` has none either. `<comments>` is an address, no count; `wfw:commentRss`, a feed of the comments themselves,
holds names and words of people and is not read. Sites that cache their feed tell counts of some hours ago.

The page of an entry is its link (FeedBurner's `origLink` where it hides the link); its identity is the entry's id, made
unique by the feed's host where it is no URI. An entry in two feeds counts once. A feed that ends in the middle is a bad
answer, one that is merely untidy is read. Redirects are followed, five at most; addresses must lead to public hosts.

Conditional requests (ETag, Last-Modified) are not made: nothing is remembered between two days, and the answer "not
modified" (304) would be a count repeated from yesterday, which may not be stored. Once a day is less than any `<ttl>`.

With `base_url` set (a mirror, the sandbox) each feed is read at `<base_url>/<host><path>` instead. No names, titles or
texts are kept. UNVERIFIED: everything above is from specifications and from feedparser, not from live feeds.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urljoin

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from connectors.base import Ask, Connector, ConnectorSettings, Stream, VerbMeaning, failed, reading, whole
from connectors.errors import BadAnswer, BadRequest, ConfigurationError, Gone, SourceError
from connectors.fields import dig, mapping, moment, objects
from connectors.http import Answer, Http, by_status
from connectors.public import web_address
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb
from connectors.urls import host

NAME = "feeds"
MOST_REDIRECTS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})
UNREADABLE = "unreadable"
STARS, VIEWS, HIT_PARADE = "media:starRating", "media:statistics", "slash:hit_parade"
NATIVES: dict[Verb, tuple[str, ...]] = {
    Verb.COMMENT: ("slash:comments", "thr:total", "thr:count", HIT_PARADE),
    Verb.VIEW: (VIEWS,),
    Verb.LIKE: (STARS,),
}

_END = re.compile(r"</(?:\w+:)?(?:rss|feed|RDF|channel)\s*>")
_DECLARED = re.compile(rb"""^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._:-]+)""")
_PAGED = re.compile(r"(?<=[?&])paged=(\d{1,6})&?")
_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


class Settings(ConnectorSettings):
    """Settings of the feeds; no key is needed."""

    model_config = SettingsConfigDict(env_prefix="TALLYRANK_FEEDS_")
    reads_from: ClassVar[tuple[str, ...]] = ("addresses", "file")

    base_url: str = Field("", description="A mirror to read the feeds from; empty: each at its own address.")
    addresses: str = Field("", description="Addresses of feeds, separated by commas.")
    file: Path | None = Field(None, description="A file with more addresses of feeds, one a line; # begins a comment.")
    pages: int = Field(1, ge=1, le=100, description="Pages to read of feeds that have older entries on further pages.")
    star_ratings: bool = Field(True, description="Read the number of star ratings as likes (YouTube's channel feeds).")
    requests_per_second: float = Field(2.0, gt=0, description="Highest pace, over all feeds together.")
    concurrency: int = Field(4, ge=1, le=64, description="Feeds being read at once.")
    retries: int = Field(2, ge=0, description="Tries after the first for transient failures.")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a feed: identity, page, time, and its counts as text by the name of their element."""

    object_id: str
    url: str | None
    published_at: datetime | None
    counts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a feed: its entries, and the address of the next page where the feed names one."""

    entries: Sequence[Entry]
    following: str | None = None


def fetch(ask: Ask) -> Iterator[Raw]:
    """The entries of every feed; a feed that fails is one failed row."""
    try:
        feeds = list(enumerate(given(ask.settings), start=1))
    except SourceError as error:
        yield replace(failed(ask, "feeds", error), url=None)
        return
    seen: set[str] = set()
    is_public = not ask.base_url
    with (
        Http(NAME, ask, classify=_classify, is_public=is_public, encoding=encoding_of) as http,
        ThreadPoolExecutor(ask.settings.concurrency) as pool,
    ):
        for rows in pool.map(partial(_feed, ask, http), feeds):
            yield from (row for row in rows if row.status is Status.FAILED or row.subject not in seen)
            seen |= {row.subject for row in rows}


def given(settings: Any) -> list[str]:
    """The addresses that people named, each once."""
    lines = settings.addresses.split(",")
    if settings.file:
        try:
            text = settings.file.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeError):
            raise ConfigurationError(NAME, f"TALLYRANK_FEEDS_FILE: {settings.file} cannot be read") from None
        lines += [re.sub(r"(^|\s)#.*", "", line) for line in text.splitlines()]
    return list(dict.fromkeys(line.strip() for line in lines if line.strip()))


def _classify(answer: Answer) -> SourceError | None:
    """The common rule, but for redirects, which are followed here."""
    return None if answer.status in REDIRECTS else by_status(answer)


def _feed(ask: Ask, http: Http, feed: tuple[int, str]) -> list[Raw]:
    """The rows of one feed: what was read, and a failed row where it ended in an error."""
    number, text = feed
    rows: list[Raw] = []
    try:
        try:
            address = web_address(text)
        except ValueError as error:
            raise BadRequest(NAME, str(error)) from None
        for page in pages(partial(_page, ask, http), address, ask.settings.pages):
            told = sorted({name for entry in page.entries for name in entry.counts})
            rows += [_row(ask, entry, told) for entry in page.entries]
    except SourceError as error:
        # An address may hold a key: the feed is told by its number and host.
        name = f"feed {number}" + (f" ({where})" if (where := host(text)) else "")
        rows.append(Raw(name, ask.observed_at, Status.FAILED, error=f"{type(error).__name__}: {name}: {error.message}"))
    return rows


def pages(read: Callable[[str], Page], address: str, most: int) -> Iterator[Page]:
    """The pages of a feed with the entries that are new on each, until there is no further page or nothing new."""
    seen: set[str] = set()
    for number in range(1, most + 1):
        try:
            page = read(address)
        except Gone:
            if number == 1:
                raise
            return  # WordPress answers so after its last page
        fresh = {entry.object_id: entry for entry in page.entries if entry.object_id not in seen}
        if not fresh:
            return
        yield Page(list(fresh.values()))
        seen |= fresh.keys()
        if not page.following:
            return
        address = page.following


def _page(ask: Ask, http: Http, address: str) -> Page:
    address, answer = _read(ask, http, address)
    page = json_feed(answer) if answer.text.lstrip("\ufeff \t\r\n").startswith("{") else xml_feed(answer, address)
    entries = [entry for entry in page.entries if entry.object_id]
    entries = [replace(e, object_id=_identity(e.object_id, address), counts=_wanted(ask, e.counts)) for e in entries]
    return Page(entries, _joined(address, page.following) if page.following else None)


def _read(ask: Ask, http: Http, address: str) -> tuple[str, Answer]:
    """The answer behind the redirects, and the address it came from."""
    for _ in range(MOST_REDIRECTS + 1):
        answer = http.get(_place(ask, address))
        if answer.status not in REDIRECTS:
            return address, answer
        address = _joined(address, answer.headers.get("location", ""))
    raise BadAnswer(NAME, f"more than {MOST_REDIRECTS} redirects one after the other")


def _place(ask: Ask, address: str) -> str:
    """Where a feed is read: at its address, or at the mirror."""
    return f"{ask.base_url}/{address.partition('://')[2]}" if ask.base_url else address


def _joined(address: str, link: str) -> str:
    """A link of an answer as a whole address."""
    try:
        return web_address(urljoin(address, link.strip()))
    except ValueError:
        raise BadAnswer(NAME, "it leads on to what is no web address") from None


def _identity(entry_id: str, address: str) -> str:
    return entry_id if ":" in entry_id else f"{host(address)}/{entry_id}"


def _wanted(ask: Ask, counts: Mapping[str, Any]) -> dict[str, Any]:
    """The counts that are read, as written; of what is no number only that it is none, because it may be words."""
    wanted = {name: text for name, text in counts.items() if name != STARS or ask.settings.star_ratings}
    return {name: text if number_in(name, text) is not None else UNREADABLE for name, text in wanted.items()}


def encoding_of(body: bytes) -> str:
    """How an answer without a charset in its header is written: by its first bytes or its XML declaration."""
    if bom := next((name for mark, name in _BOMS if body.startswith(mark)), None):
        return bom
    declared = _DECLARED.search(body[:300])
    try:
        return codecs.lookup(declared[1].decode("ascii")).name if declared else "utf-8"
    except LookupError:
        return "utf-8"


def json_feed(answer: Answer) -> Page:
    """The entries of a JSON Feed, which have no counts."""
    body = answer.json()
    items = dig(body, "items")
    if not isinstance(items, list) or "jsonfeed.org/version/" not in str(body.get("version")):
        raise BadAnswer(NAME, f"no JSON Feed: {len(answer.text):,} characters")
    known = objects(items)
    entries = [
        Entry(str(i.get("id") or i.get("url") or ""), _page_address(i.get("url")), moment(i.get("date_published")), {})
        for i in known
    ]
    following = body.get("next_url")
    return Page(entries, following if isinstance(following, str) else None)


def xml_feed(answer: Answer, address: str) -> Page:
    """The entries of an RSS or Atom feed, links made whole by the feed's address."""
    import feedparser

    # A stream, never the text itself: feedparser would open a text that looks like an address or the name of a file.
    stream = io.BytesIO(answer.text.lstrip("\ufeff").encode())
    headers = {"content-type": "application/xml; charset=utf-8", "content-location": address}
    feed = feedparser.parse(stream, response_headers=headers, sanitize_html=False, resolve_relative_uris=False)
    if not feed.get("version"):
        raise BadAnswer(NAME, f"no feed: {len(answer.text):,} characters, {answer.headers.get('content-type', '?')}")
    if feed.get("bozo") and not _END.search(answer.text[-5000:]):
        raise BadAnswer(NAME, "the feed ends in the middle")
    return Page([_entry(entry) for entry in feed.entries], _next(feed.feed, address))


def _entry(entry: Mapping[str, Any]) -> Entry:
    link = entry.get("feedburner_origlink") or entry.get("link")
    published = entry.get("published_parsed")
    at = moment("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}".format(*published[:6])) if published else None
    return Entry(str(entry.get("id") or link or ""), _page_address(link), at, counts_of(entry))


def counts_of(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The counts of an entry as feedparser names them, by the name of their element."""
    replies = [link for link in entry.get("links", ()) if link.get("rel") == "replies"]
    found = {
        "slash:comments": entry.get("slash_comments"),
        "thr:total": entry.get("thr_total"),
        "thr:count": next((link[k] for link in replies for k in ("thr:count", "count") if k in link), None),
        HIT_PARADE: entry.get("slash_hit_parade"),
        VIEWS: _attribute(entry.get("media_statistics"), "views"),
        STARS: _attribute(entry.get("media_starrating"), "count"),
    }
    return {name: text for name, text in found.items() if text is not None}


def _attribute(element: Any, name: str) -> Any:
    return element.get(name) if isinstance(element, Mapping) else None


def _next(feed: Mapping[str, Any], address: str) -> str | None:
    """The next page: by the feed's own link, or as WordPress numbers them."""
    links = [link.get("href") for link in feed.get("links", ()) if link.get("rel") == "next"]
    if links and links[0]:
        return str(links[0])
    if "wordpress.org" not in str(feed.get("generator", "")):
        return None
    found = _PAGED.search(address)
    first = (address.replace(found[0], "") if found else address).rstrip("?&")
    return f"{first}{'&' if '?' in first else '?'}paged={int(found[1]) + 1 if found else 2}"


def _page_address(link: Any) -> str | None:
    return link if isinstance(link, str) and re.match(r"https?://", link, re.IGNORECASE) and host(link) else None


def _row(ask: Ask, entry: Entry, told: Sequence[str]) -> Raw:
    at = entry.published_at.isoformat() if entry.published_at else None
    payload = {"published_at": at, "counts": dict(entry.counts), "told": list(told)}
    return Raw(entry.object_id, ask.observed_at, url=entry.url, payload=payload)


def parse(rows: Sequence[Raw]) -> Iterator[Observation]:
    """Three readings per entry."""
    for row in rows:
        payload = mapping(row.payload)
        more = {"object_id": row.subject, "published_at": moment(payload.get("published_at"))}
        for verb in CONNECTOR.verbs:
            yield _reading(row, verb, payload.get("counts"), payload.get("told"), more)


def _reading(row: Raw, verb: Verb, counts: Any, told: Any, more: Mapping[str, Any]) -> Observation:
    """The first count that is a number; else why there is none."""
    if not isinstance(counts, dict):
        return reading(CONNECTOR, verb, row, None, absent=Status.FAILED, **more)
    known = {n: number_in(n, counts[n]) for n in NATIVES[verb] if n in counts}
    native = next((n for n, number in known.items() if number is not None), None)
    if native is None:
        is_told = isinstance(told, list) and any(n in told for n in NATIVES[verb])
        absent = Status.FAILED if known else Status.HIDDEN if is_told else Status.UNSUPPORTED
        return reading(CONNECTOR, verb, row, None, absent=absent, **more)
    is_doubtful = native == STARS and known[native] == 0
    quality = Quality.DEFAULT_ZERO if is_doubtful else CONNECTOR.verbs[verb].quality
    return reading(
        CONNECTOR, verb, row, known[native], absent=Status.FAILED, **{**more, "native": native, "quality": quality}
    )


def number_in(native: str, text: Any) -> int | None:
    """The count in an element's text; None for what is no count."""
    first = text.partition(",")[0] if native == HIT_PARADE and isinstance(text, str) else text
    number = whole(first)
    return number if number is not None and number >= 0 else None


CONNECTOR = Connector(
    name=NAME,
    title="Feeds",
    signal="votes",
    settings=Settings,
    streams=(
        Stream(
            name="entries",
            title="Entries of RSS, Atom and JSON feeds",
            asks="account",
            requests="1 per feed",
            fetch=fetch,
            parse=parse,
        ),
    ),
    quota="No common limit; one request per feed and day, and one more per further page and per redirect.",
    terms="Each publisher's own; feeds are published to be read. Names, titles and texts are not kept.",
    keys_from="No key is needed: name feeds in TALLYRANK_FEEDS_ADDRESSES or TALLYRANK_FEEDS_FILE.",
    verbs={
        Verb.COMMENT: VerbMeaning(
            "slash:comments", "Comments on one entry as the publisher's feed counts them (approved ones in WordPress)."
        ),
        Verb.VIEW: VerbMeaning(VIEWS, "Views of one entry as its feed tells them (videos of a YouTube channel)."),
        Verb.LIKE: VerbMeaning(STARS, "Star ratings of one entry, at YouTube seemingly its likes; a 0 may be silence."),
    },
    basis=Basis.POST,
    verified="Parsing with feedparser 6.0.14 over handwritten feeds; no live feed was read.",
)
