"""Google+: the posts of one account from its archive. The network closed on 2019-04-02 and answers nobody any more.

`archive` names what Google Takeout gave: a zip, or a folder of the unpacked files or of several zips. The network is
not used. Two kinds of files are read, wherever they stand, because Takeout translates the names of its folders:

- posts, one JSON file each (`Google+ Stream/Posts/20190301 - <title>.json`; equal titles end in `(1)`, and are other
  posts): `url`, `creationTime`, `link.url`, `content` (HTML), `activityId`, and lists of single actions, `plusOnes`,
  `reshares` and `comments`. There are no counters, so the lists are counted. A list that is missing means that nobody
  did it: in the author's own archive that is a true 0, as far as actions were public and visible to the author, so
  every count is a lower bound. The page is `link.url`, else the first link in the content that leads out of Google+.
- `+1s.html`, a file of bookmarks with the pages outside that the account itself gave a +1 (UNVERIFIED): one like each.
  Bookmarks of another name are a browser's and are left alone.

`ActivityLog/*.json` (what the account did elsewhere), media and their `.metadata.csv` have no counts: passed over.
Times are written `2017-05-04 10:11:12+0000`, also with `+00:00`, `GMT-07:00` or no zone (taken for UTC).

Counts are of the day the archive was made: readings bear `captured_on`, by default the day Google+ closed, whatever day
they are read on; about earlier days the archive says nothing. A post that is in several zips is read once, in its
fullest form. Files that cannot be read are counted in one failed row.

Verbs: like is +1s, share is reshares, comment is comments. Names, ids and words of people, the titles in file names
included, never leave the archive; a post is known by its activity id, because its address holds its author's number.
UNVERIFIED: all of it; the shapes are from descriptions of archives by others, none was at hand.
"""

from __future__ import annotations

import html
import json
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from connectors.base import Ask, Connector, ConnectorSettings, Stream, VerbMeaning, failed, reading
from connectors.errors import BadAnswer, ConfigurationError
from connectors.fields import mapping
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb, day_noon
from connectors.urls import host, links_in

NAME = "google_plus"
CLOSED = date(2019, 4, 2)
SITE = "plus.google.com"
MOST_BYTES = 32 * 1024 * 1024
ENDINGS = (".json", ".html")

_TIME = re.compile(r"\s*(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(.*)", re.DOTALL)
_ZONE = re.compile(r"([+-])(\d\d):?(\d\d)\s*\Z")
_BOOKMARK = re.compile(r'<DT>\s*<A\b[^>]*?\bHREF="([^"]*)"([^>]*)>', re.IGNORECASE)
_ADDED = re.compile(r'\bADD_DATE="(\d{1,18})"', re.IGNORECASE)


class Settings(ConnectorSettings):
    """Settings of Google+; there is no host and no key, only an archive."""

    model_config = SettingsConfigDict(env_prefix="TALLYRANK_GOOGLE_PLUS_")
    required: ClassVar[tuple[str, ...]] = ("archive",)

    base_url: str = Field("", description="Not used: Google+ has been closed since 2019.")
    archive: Path | None = Field(None, description="Zip of Google Takeout, or a folder with its files or zips.")
    captured_on: date = Field(CLOSED, description="The day the archive was made; by default the last of Google+.")


def fetch(ask: Ask) -> Iterator[Raw]:
    """The posts and +1s of the archive, each once; nothing about days before it was made."""
    settings = ask.settings
    if settings.archive is None or ask.day < settings.captured_on:
        return
    if not settings.archive.exists():
        words = f"TALLYRANK_GOOGLE_PLUS_ARCHIVE: there is no {settings.archive}"
        yield replace(failed(ask, "archive", ConfigurationError(NAME, words)), url=None)
        return
    rows: dict[str, Raw] = {}
    n_broken = 0
    for name, body in files_in(settings.archive):
        found = None if body is None else _rows(ask, name, body)
        n_broken += found is None
        for row in found or ():
            rows[row.subject] = max(rows.get(row.subject, row), row, key=_total)
    yield from rows.values()
    if n_broken:
        error = BadAnswer(NAME, f"{n_broken} files of the archive cannot be read")
        yield replace(failed(ask, "archive", error), url=None)


def files_in(place: Path) -> Iterator[tuple[str, bytes | None]]:
    """Name and content of the files of an archive that may matter, in order of their names; None: cannot be read."""
    if place.is_dir():
        for path in sorted(place.rglob("*")):
            yield from files_in(path) if path.is_file() and not path.is_symlink() else ()
    elif place.suffix.lower() == ".zip":
        yield from _zipped(place)
    elif place.suffix.lower() in ENDINGS:
        try:
            yield from [(place.name, place.read_bytes())] if place.stat().st_size <= MOST_BYTES else []
        except OSError:
            yield place.name, None


def _zipped(place: Path) -> Iterator[tuple[str, bytes | None]]:
    try:
        with zipfile.ZipFile(place) as box:
            wanted = [i for i in box.infolist() if i.filename.lower().endswith(ENDINGS) and i.file_size <= MOST_BYTES]
            for info in sorted(wanted, key=lambda i: i.filename):
                yield info.filename.rpartition("/")[2], _member(box, info)
    except (OSError, zipfile.BadZipFile):
        yield place.name, None


def _member(box: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes | None:
    try:
        return box.read(info)
    except (OSError, RuntimeError, NotImplementedError, zipfile.BadZipFile, ValueError, EOFError):
        return None  # locked, cut, or packed in a way unknown here


def _rows(ask: Ask, name: str, body: bytes) -> list[Raw] | None:
    """The rows of one file; None when it should be one of ours and is broken."""
    text = body.decode("utf-8-sig", "replace")
    if name.lower().endswith(".html"):
        return list(_plus_ones(ask, text)) if "+1" in name else []
    if SITE not in text:
        return []
    try:
        post = json.loads(text)
    except ValueError:
        return None
    return [_post(ask, post)] if is_post(post) else []


def is_post(post: Any) -> bool:
    """Whether a JSON document is one post: at its own address on Google+, with an id and a time."""
    if not isinstance(post, dict) or not (post.get("activityId") or post.get("resourceName")):
        return False
    address = post.get("url")
    return "creationTime" in post and isinstance(address, str) and host(address) == SITE


def _post(ask: Ask, post: Mapping[str, Any]) -> Raw:
    payload = {name: _length(post.get(name, [])) for name in ("plusOnes", "reshares", "comments")}
    more = {"created_at": _text(moment(post["creationTime"])), "captured_on": ask.settings.captured_on.isoformat()}
    # Without an activity id: the end of the resource's name, whose beginning is the number of its author.
    identity = str(post.get("activityId") or str(post.get("resourceName")).rpartition("/")[2])
    return Raw(identity, ask.observed_at, url=page_of(post), payload=payload | more)


def _length(actions: Any) -> int | None:
    return len(actions) if isinstance(actions, list) else None


def page_of(post: Mapping[str, Any]) -> str | None:
    """The page that a post links to: by its link, else by its text; links within Google+ lead to people."""
    link, content = post.get("link"), post.get("content")
    given = link.get("url") if isinstance(link, dict) else None
    written = links_in(html.unescape(content)) if isinstance(content, str) else []
    found = [given] if isinstance(given, str) else []
    return next((url for url in (*found, *written) if host(url) not in (None, SITE)), None)


def _plus_ones(ask: Ask, text: str) -> Iterator[Raw]:
    """The pages that the account gave a +1."""
    captured = ask.settings.captured_on.isoformat()
    for address, rest in _BOOKMARK.findall(text):
        url, added = html.unescape(address), _ADDED.search(rest)
        if re.match(r"https?://", url, re.IGNORECASE) and host(url):
            at = _text(_added_at(int(added[1]))) if added else None
            payload = {"plus_one": 1, "created_at": at, "captured_on": captured}
            yield Raw(f"+1 {url}", ask.observed_at, url=url, payload=payload)


def _added_at(number: int) -> datetime | None:
    """A time in seconds, milliseconds or microseconds since 1970: bookmarks are written in all of them."""
    while number > 10**11:
        number //= 1000
    return datetime.fromtimestamp(number, UTC) if number else None


def moment(text: Any) -> datetime | None:
    """A time as archives write it, in UTC; None for what is no time."""
    found = _TIME.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    zone = _ZONE.search(found[3])
    try:
        at = datetime.fromisoformat(f"{found[1]}T{found[2]}+00:00")
        offset = timedelta(hours=int(zone[2]), minutes=int(zone[3])) if zone else timedelta(0)
        return at + offset if zone and zone[1] == "-" else at - offset
    except (ValueError, OverflowError):
        return None


def _text(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _total(row: Raw) -> int:
    return sum(value for value in row.payload.values() if isinstance(value, int))


def parse(rows: Sequence[Raw]) -> Iterator[Observation]:
    """Three readings per post, one per page that was given a +1; all of the day the archive was made."""
    for row in rows:
        payload = mapping(row.payload)
        more: dict[str, Any] = {"object_id": row.subject, "published_at": _known(payload.get("created_at"))}
        more["observed_at"] = _captured_at(payload.get("captured_on")) or row.observed_at
        if "plus_one" in payload:
            yield reading(CONNECTOR, Verb.LIKE, row, payload["plus_one"], absent=Status.FAILED, native="+1", **more)
            continue
        for verb, meaning in CONNECTOR.verbs.items():
            yield reading(CONNECTOR, verb, row, payload.get(meaning.native), absent=Status.FAILED, **more)


def _known(text: Any) -> datetime | None:
    return moment(text) if isinstance(text, str) else None


def _captured_at(text: Any) -> datetime | None:
    try:
        return day_noon(date.fromisoformat(text)) if isinstance(text, str) else None
    except ValueError:
        return None


CONNECTOR = Connector(
    name=NAME,
    title="Google+ (archive)",
    signal="votes",
    settings=Settings,
    streams=(
        Stream(
            name="posts",
            title="Posts and +1s of an account's archive",
            asks="account",
            requests="none",
            fetch=fetch,
            parse=parse,
            keeps_past=True,
        ),
    ),
    quota="None: a file is read, no question is asked.",
    terms="An archive of the account's own data. Names, ids and words of the people in it are not kept.",
    keys_from="Point it at the zip, or at the folder, that Google Takeout gave before Google+ closed in April 2019.",
    verbs={
        Verb.LIKE: VerbMeaning(
            "plusOnes", "+1s of one post that its author could see, and 1 per page that got the account's own +1.",
            Quality.LOWER_BOUND,
        ),
        Verb.SHARE: VerbMeaning("reshares", "Reshares of one post that its author could see.", Quality.LOWER_BOUND),
        Verb.COMMENT: VerbMeaning("comments", "Comments on one post that its author could see.", Quality.LOWER_BOUND),
    },
    basis=Basis.POST,
    verified="Nothing against a real archive: the shapes are from descriptions by others.",
)  # fmt: skip
