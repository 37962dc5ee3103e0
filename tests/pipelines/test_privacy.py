"""Nothing of people gets into the lake: no name, no handle, no id, no title and no words of anybody.

Every source reads its twin, whose answers are full of invented people and their words. What stands in the answers where
people stand, and every mark that the twins put on what they invent, is then looked for in every text and number of
every Parquet file below `lake/`, by whatever key or column it may have come there.
"""

from __future__ import annotations

import gzip
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connectors.base import Ask, Connector, Meter, Stream, discover
from connectors.records import day_noon
from connectors.sandbox.server import build_app, running
from connectors.sandbox.stage import twins
from connectors.sandbox.world import World
from connectors.votes import reddit
from pipelines.lake import Lake
from pipelines.pull import fetch, keep, known_posts, pull_day
from tests.pipelines.reading import point_at

DAY = date(2026, 10, 14)
CONNECTORS = discover()
PLAYED = [name for name in CONNECTORS if name in twins()]

# How the twins mark what they invent.
MARKS = re.compile(
    r"(?i)invented|visitor\w{4,}|person_?\d\w*|\bperson_\w+|\bt2_\w+|@friend|"
    r"look at this|i tried the|all about the|like and subscribe|read this|somebody's|ada's"
)
# Where people and their words stand in answers, whatever the platform.
WORDS = frozenset(
    {
        "title", "text", "caption", "description", "description_plain", "video_description", "selftext", "body",
        "body_html", "body_markdown", "body_text", "content", "commentary", "summary", "snippet", "excerpt", "note",
        "digest", "extended", "social_sentence", "display_name", "displayname", "screen_name", "nickname", "full_name",
        "fullname", "first_name", "last_name", "author_name", "author_fullname", "author", "username", "user_name",
        "handle", "acct", "actor_id", "did", "blog_name", "reblogged_from_name", "channeltitle", "customurl",
        "videoownerchanneltitle", "profilename", "socialnetworkusername", "email", "submitter_user", "commenting_user",
        "user_id", "author_id", "from_id", "signer_id", "uid",
    }
)  # fmt: skip
PEOPLE = frozenset({"author", "user", "owner", "creator", "account", "from", "person", "profile", "mentions"})
# What an answer says there and the lake may hold, because it speaks of nobody or is the only name that a post has.
ALLOWED = {
    "bluesky": ("did", "a post's address, its only id, begins with that of its account"),
    "devto": ("username", "a post's own address names the author; the authors are named in the settings"),
}
# Twins of services that answer with numbers and addresses alone.
SILENT = ("bing_webmaster", "hatena", "search_console", "yandex", "youtube_analytics")
SHORTEST, SMALLEST = 5, 100_000


@dataclass
class Recorder:
    """Passes requests on to the sandbox and keeps what it answers, by platform."""

    app: ASGIApp
    bodies: dict[str, set[bytes]] = field(default_factory=lambda: defaultdict(set))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        parts, body = scope.get("path", "").split("/"), bytearray()

        async def through(message: Message) -> None:
            if message["type"] == "http.response.body":
                body.extend(message.get("body", b""))
            await send(message)

        await self.app(scope, receive, through)
        self.bodies[parts[2] if len(parts) > 2 else ""].add(bytes(body))

    def texts(self, name: str) -> Iterator[str]:
        """What a platform answered."""
        for body in self.bodies[name]:
            yield (gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body).decode()


@dataclass(frozen=True)
class Filled:
    """A lake, and what the twins answered while it was filled."""

    lake: Lake
    recorder: Recorder

    def held(self, name: str) -> list[str]:
        """Every different text and number that the lake holds of a source."""
        files = (self.lake.root / "lake").glob(f"*/connector={name}/**/*.parquet")
        columns = (c for path in sorted(files) for c in pq.read_table(path, partitioning=None).columns)
        return sorted({str(value) for column in columns for value in column.unique().to_pylist()})


def fill(root: Path, address: str, names: list[str], world: World, patch: pytest.MonkeyPatch) -> Lake:
    """A lake filled by every stream of some sources, with whatever they can be told to read besides."""
    point_at(address, [CONNECTORS[name] for name in names], patch)
    (root / "pages.txt").write_text("\n".join(page.url for page in world.pages))
    (root / "keywords.txt").write_text("\n".join(world.keywords))
    lake = Lake(root)
    for name in names:
        for day in (DAY - timedelta(days=1), DAY):
            pull_day(lake, CONNECTORS[name], day)
        for stream in CONNECTORS[name].streams:
            if stream.asks == "posts":
                refresh(lake, CONNECTORS[name], stream, DAY + timedelta(days=1))
    return lake


def refresh(lake: Lake, connector: Connector, stream: Stream, day: date) -> None:
    """Read known posts by id, also those that a listing would read today."""
    ask = Ask(connector.ready(), day, day_noon(day))
    ask = replace(ask, posts=tuple(known_posts(lake, connector, day)))
    keep(lake, connector, stream, day, fetch(connector, stream, ask) if ask.posts else [], Meter())


@pytest.fixture(scope="module")
def filled(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """One lake of every source that has a twin."""
    app = build_app(world, speed=1e6)
    recorder = Recorder(app)
    with running(recorder) as address, pytest.MonkeyPatch.context() as patch:  # type: ignore[arg-type]
        yield Filled(fill(tmp_path_factory.mktemp("lake"), address, PLAYED, world, patch), recorder)


def said_of_people(answer: Any, allowed: str = "", key: str = "", *, is_person: bool = False) -> Iterator[str]:
    """The texts and numbers of an answer that stand where people and their words stand."""
    name = key.lower()
    if isinstance(answer, dict):
        is_below = is_person or name in PEOPLE
        for each, value in answer.items():
            yield from said_of_people(value, allowed, each, is_person=is_below)
    elif isinstance(answer, list):
        for value in answer:
            yield from said_of_people(value, allowed, key, is_person=is_person)
    elif name != allowed and (is_person or name in WORDS):
        if isinstance(answer, str) and len(answer) >= SHORTEST and not re.fullmatch(r"https?://\S+", answer):
            yield answer
        elif isinstance(answer, int) and answer >= SMALLEST:
            yield str(answer)


def people_in(filled: Filled, name: str) -> set[str]:
    """Everything of people in the answers of a platform: by where it stands, and by the twins' own marks."""
    allowed, _ = ALLOWED.get(name, ("", ""))
    found: set[str] = set()
    for text in filled.recorder.texts(name):
        found |= set(MARKS.findall(text))
        try:
            found |= set(said_of_people(json.loads(text), allowed))
        except ValueError:
            continue
    return found


def leaks(filled: Filled, name: str) -> list[str]:
    """What of people in the answers of a platform the lake holds, and any other mark of what the twins invent."""
    held = "\n".join(filled.held(name))
    return sorted(p for p in people_in(filled, name) if p in held) + MARKS.findall(held)


@pytest.mark.parametrize("name", PLAYED)
def test_nothing_of_people_is_in_the_lake(name: str, filled: Filled) -> None:
    """No text or number of any file of a source is one of those that its answers say of people."""
    assert filled.held(name), "the source has left nothing in the lake: this would prove nothing"
    assert leaks(filled, name) == []


@pytest.mark.parametrize("name", [n for n in PLAYED if n not in SILENT])
def test_answers_are_full_of_people(name: str, filled: Filled) -> None:
    """Every twin whose platform tells of people does so too: there is something to be found."""
    assert people_in(filled, name)


@pytest.mark.parametrize("name", SILENT)
def test_silent_answers_tell_of_nobody(name: str, filled: Filled) -> None:
    """Those said to answer with numbers alone do so; one that begins to tell of people belongs to the others."""
    assert filled.recorder.bodies[name]
    assert people_in(filled, name) == set()


@pytest.mark.parametrize("field_kept", ["author", "author_fullname", "title"])
def test_a_source_that_keeps_people_is_caught(
    field_kept: str, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Reddit connector that keeps one field too many fails the test above."""
    monkeypatch.setattr(reddit, "FIELDS", (*reddit.FIELDS, field_kept))
    recorder = Recorder(build_app(world, speed=1e6))
    with running(recorder) as address:  # type: ignore[arg-type]
        broken = Filled(fill(tmp_path, address, ["reddit"], world, monkeypatch), recorder)
    assert leaks(broken, "reddit")


@pytest.mark.parametrize("name", ALLOWED)
def test_exceptions_are_needed(name: str, filled: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is allowed to be kept is kept; an exception that nobody needs any more goes."""
    monkeypatch.delitem(ALLOWED, name)
    assert leaks(filled, name)
