"""Nothing is kept for longer than a platform allows, and what was deleted there is deleted here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pydantic import Field
from pydantic_settings import SettingsConfigDict

from connectors.base import Ask, Connector, ConnectorSettings, Stream, VerbMeaning, discover, parse_all, reading
from connectors.records import Basis, Observation, Raw, Status, Verb
from connectors.sandbox.server import build_app, running
from connectors.sandbox.stage import twins
from connectors.sandbox.world import World
from pipelines.lake import FETCHED_AT, Lake, Part
from pipelines.pull import KNOWN_POSTS_DAYS, known_posts, overdue_posts, pull_day
from pipelines.retention import Forgotten, forget_deleted, purge
from tests.pipelines.reading import point_at

FIRST = date(2026, 10, 1)
A, B = "https://a.example/a", "https://a.example/b"
DAY = timedelta(days=1)


class Settings(ConnectorSettings):
    """A host with a clock, so that any day may be asked about."""

    model_config = SettingsConfigDict(env_prefix="TALLYRANK_FAKE_")
    base_url: str = Field("http://127.0.0.1:1/{day}", description="Nowhere.")
    rediscover_days: int = 400


@dataclass
class Platform:
    """A platform with posts by page: `gone` are deleted, `down` cannot be read. `asked` lists the ids asked about."""

    pages: dict[str, list[str]] = field(default_factory=lambda: {A: ["p1", "p2"], B: ["p3"]})
    gone: set[str] = field(default_factory=set)
    down: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    def by_url(self, ask: Ask) -> Iterator[Raw]:
        """All posts of a page in one answer."""
        for url in ask.urls:
            there = [p for p in self.pages.get(url, []) if p not in self.gone]
            posts = [{"id": p, "link": f"{url}?by={p}", "likes": int(p[1:]), "marks": [{"n": 1}]} for p in there]
            yield Raw(url, ask.observed_at, url=url, payload={"answer": {"posts": posts}})

    def by_post(self, ask: Ask) -> Iterator[Raw]:
        """One post each."""
        for post in ask.posts:
            self.asked.append(post.object_id)
            if post.object_id in self.down:
                yield Raw(post.object_id, ask.observed_at, Status.FAILED, post.url, error="Unavailable: down")
                continue
            status = Status.NOT_FOUND if post.object_id in self.gone else Status.OBSERVED
            payload = {"id": post.object_id, "likes": int(post.object_id[1:]) + 100}
            yield Raw(post.object_id, ask.observed_at, status, post.url, payload if status is Status.OBSERVED else {})

    def connector(self, **more: Any) -> Connector:
        """The platform as a source that follows deletions."""
        known: dict[str, Any] = {
            "name": "fake", "title": "Fake", "signal": "votes", "settings": Settings, "quota": "-", "terms": "-",
            "keys_from": "-", "basis": Basis.POST, "forgets_deleted": True,
            "verbs": {Verb.LIKE: VerbMeaning("likes", "the number of the post")},
            "streams": (
                Stream("by_url", "Pages", "urls", self.by_url, parse_pages),
                Stream("by_post", "Posts", "posts", self.by_post, parse_posts),
            ),
        }  # fmt: skip
        return Connector(**known | more)


def parse_pages(rows: Sequence[Raw]) -> Iterator[Observation]:
    """A reading per post; a zero for a page without any."""
    for row in rows:
        posts = row.payload["answer"]["posts"]
        if not posts:
            yield reading(FAKE, Verb.LIKE, row, 0, absent=Status.FAILED)
        for post in posts:
            yield reading(
                FAKE, Verb.LIKE, row, post["likes"], absent=Status.FAILED, url=post["link"], object_id=post["id"]
            )


def parse_posts(rows: Sequence[Raw]) -> Iterator[Observation]:
    """A reading per post."""
    for row in rows:
        likes = (row.payload or {}).get("likes")
        absent = row.status if row.status is not Status.OBSERVED else Status.FAILED
        yield reading(FAKE, Verb.LIKE, row, likes, absent=absent, object_id=row.subject)


FAKE = Platform().connector()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake whose `pages.txt` lists the pages."""
    (tmp_path / "pages.txt").write_text(f"{A}\n{B}\n")
    return Lake(tmp_path)


@pytest.fixture
def platform() -> Platform:
    """A platform of three posts."""
    return Platform()


def kept(lake: Lake, layer: str) -> list[dict[str, Any]]:
    """Every row of a layer, with the day of its file."""
    return [
        row | {"stream": part.stream, "day": part.day}
        for part in lake.parts(layer)
        for row in pq.read_table(lake.path(part), partitioning=None).to_pylist()
    ]


def read(lake: Lake, connector: Connector, *days: date) -> None:
    """Read some days, and keep to the terms after each."""
    for day in days:
        pull_day(lake, connector, day)
        forget_deleted(lake, [connector])


class TestDeleted:
    """A post that is gone on its platform leaves the lake."""

    def test_nothing_is_forgotten_while_it_is_there(self, lake: Lake, platform: Platform) -> None:
        """Posts that can be read, or that cannot be reached, stay with all their readings."""
        connector = platform.connector()
        pull_day(lake, connector, FIRST)
        platform.down |= {"p2"}
        pull_day(lake, connector, FIRST + DAY)
        before = [kept(lake, layer) for layer in ("raw", "observations")]
        assert forget_deleted(lake, [connector]) == Forgotten(0)
        assert [kept(lake, layer) for layer in ("raw", "observations")] == before

    def test_a_deleted_post_leaves_every_file(self, lake: Lake, platform: Platform) -> None:
        """Its rows, its failed reads and its place in other answers go; its id stays, without address and number."""
        connector = platform.connector()
        read(lake, connector, FIRST, FIRST + DAY)
        platform.down |= {"p2"}
        read(lake, connector, FIRST + 2 * DAY)
        platform.down, platform.gone = set(), {"p2"}
        pull_day(lake, connector, FIRST + 3 * DAY)
        assert forget_deleted(lake, [connector]) == Forgotten(1)
        of_p2 = [r for r in kept(lake, "observations") if r["object_id"] == "p2"]
        assert [(r["day"], r["status"], r["count"], r["url"], r["url_key"], r["published_at"]) for r in of_p2] == [
            (FIRST + 3 * DAY, "not_found", None, None, None, None)
        ]
        raw = [r for r in kept(lake, "raw") if "p2" in str(r)]
        assert [(r["day"], r["subject"], r["status"], r["url"], r["payload"], r["error"]) for r in raw] == [
            (FIRST + 3 * DAY, "p2", "not_found", None, None, None)
        ]

    def test_other_posts_keep_everything(self, lake: Lake, platform: Platform) -> None:
        """The rows of other posts, those of the same page too, are what they were."""
        connector = platform.connector()
        read(lake, connector, FIRST, FIRST + DAY)
        platform.gone |= {"p2"}
        pull_day(lake, connector, FIRST + 2 * DAY)
        before = [r for r in kept(lake, "observations") if r["object_id"] != "p2"]
        forget_deleted(lake, [connector])
        assert [r for r in kept(lake, "observations") if r["object_id"] != "p2"] == before
        rows = lake.read_raw("fake", "by_url", FIRST) or []
        again = parse_all(connector, connector.stream("by_url"), rows)
        assert {r.object_id: r.count for r in again if isinstance(r, Observation)} == {"p1": 1, "p3": 3}

    def test_no_zero_is_made_of_a_page_whose_only_post_is_gone(self, lake: Lake, platform: Platform) -> None:
        """The answer about a page goes as a whole where it would else say that nothing was found."""
        connector = platform.connector()
        read(lake, connector, FIRST)
        platform.gone |= {"p3"}
        read(lake, connector, FIRST + DAY)
        assert [r.subject for r in lake.read_raw("fake", "by_url", FIRST) or []] == [A]
        assert [r for r in kept(lake, "observations") if r["count"] == 0] == []

    def test_it_is_not_asked_for_again(self, lake: Lake, platform: Platform) -> None:
        """What is gone is neither refreshed nor due, on any later day."""
        connector = platform.connector()
        read(lake, connector, FIRST)
        platform.gone |= {"p2"}
        read(lake, connector, FIRST + DAY)
        platform.asked.clear()
        read(lake, connector, FIRST + 2 * DAY)
        assert set(platform.asked) == {"p1", "p3"}
        assert "p2" not in {p.object_id for p in overdue_posts(lake, connector, FIRST + 500 * DAY, 30)}

    def test_a_post_that_is_found_again_counts_again(self, lake: Lake, platform: Platform) -> None:
        """Protected for a while, then public: it is read as a new one, and what was forgotten stays so."""
        connector = platform.connector()
        read(lake, connector, FIRST)
        platform.gone |= {"p2"}
        read(lake, connector, FIRST + DAY)
        platform.gone.clear()
        found_again = FIRST + 401 * DAY
        read(lake, connector, found_again)
        assert "p2" in {p.object_id for p in known_posts(lake, connector, found_again + DAY)}
        counted = [r["day"] for r in kept(lake, "observations") if r["object_id"] == "p2" and r["count"] is not None]
        assert counted == [found_again]

    def test_forgetting_twice_changes_nothing(self, lake: Lake, platform: Platform) -> None:
        """A second time finds nothing to do and writes no file."""
        connector = platform.connector()
        read(lake, connector, FIRST)
        platform.gone |= {"p2", "p3"}
        read(lake, connector, FIRST + DAY)
        files = {p: p.stat().st_mtime_ns for p in lake.root.rglob("*.parquet")}
        assert forget_deleted(lake, [connector]) == Forgotten(0)
        assert {p: p.stat().st_mtime_ns for p in lake.root.rglob("*.parquet")} == files

    def test_a_killed_forgetting_is_finished_by_the_next(self, lake: Lake, platform: Platform) -> None:
        """Whichever file was the last to be written, a second run ends as an undisturbed one."""
        connector = platform.connector()
        read(lake, connector, FIRST)
        platform.gone |= {"p2"}
        pull_day(lake, connector, FIRST + DAY)
        before = {p: p.read_bytes() for p in lake.root.rglob("*.parquet")}
        forget_deleted(lake, [connector])
        after = kept(lake, "raw"), kept(lake, "observations")
        changed = [p for p, content in before.items() if p.read_bytes() != content]
        assert len(changed) == 4
        last = [p for p in changed if "observations" in str(p)]
        for n in range(len(last)):
            for path in last[n:]:
                path.write_bytes(before[path])
            forget_deleted(lake, [connector])
            assert (kept(lake, "raw"), kept(lake, "observations")) == after

    def test_a_platform_that_seems_to_lose_everything_is_doubted(
        self, lake: Lake, platform: Platform, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """More than half of many posts gone at once is how a broken answer looks: nothing goes unless one insists."""
        connector = platform.connector()
        read(lake, connector, FIRST)
        platform.gone |= {"p1", "p2", "p3"}
        pull_day(lake, connector, FIRST + DAY)
        monkeypatch.setattr("pipelines.retention.FEW", 2)
        before = [kept(lake, layer) for layer in ("raw", "observations")]
        doubted = forget_deleted(lake, [connector])
        assert doubted.n_posts == 0
        assert "3 of 3 posts seem to be deleted there" in doubted.doubts[0]
        assert [kept(lake, layer) for layer in ("raw", "observations")] == before
        monkeypatch.setenv("TALLYRANK_FORGET_ALL", "true")
        assert forget_deleted(lake, [connector]) == Forgotten(3)

    def test_the_moment_of_reading_stays(self, lake: Lake, platform: Platform) -> None:
        """A file written anew without a post is no younger for it: it goes when its time is over."""
        connector = platform.connector(retention_days=30)
        read(lake, connector, FIRST)
        part = Part("observations", "fake", "by_url", FIRST)
        aged(lake, part, 31)
        platform.gone |= {"p2"}
        pull_day(lake, connector, FIRST + DAY)
        assert forget_deleted(lake, [connector]) == Forgotten(1)
        assert purge(lake, [connector], datetime.now(UTC)) == [part]

    def test_only_where_the_terms_ask_for_it(self, lake: Lake, platform: Platform) -> None:
        """Other sources keep what they have read."""
        connector = platform.connector(forgets_deleted=False)
        pull_day(lake, connector, FIRST)
        platform.gone |= {"p2"}
        pull_day(lake, connector, FIRST + DAY)
        assert forget_deleted(lake, [connector]) == Forgotten(0)
        assert len([r for r in kept(lake, "observations") if r["object_id"] == "p2" and r["count"] == 2]) == 1

    def test_a_post_under_several_pages_leaves_one_row(self, lake: Lake, platform: Platform) -> None:
        """Whichever pages it was found for, one row per verb says that it is gone: readings stay unique."""
        platform.pages = {A: ["p1"], B: ["p1"]}
        connector = platform.connector()
        read(lake, connector, FIRST)
        platform.gone |= {"p1"}
        read(lake, connector, FIRST + DAY)
        assert [r["object_id"] for r in kept(lake, "observations") if r["day"] > FIRST] == ["p1"]
        assert [r["subject"] for r in kept(lake, "raw") if r["day"] > FIRST] == ["p1"]


def aged(lake: Lake, part: Part, days: int) -> None:
    """Say of a file that it was read so many days ago."""
    table = pq.read_table(lake.path(part), partitioning=None)
    long_ago = (datetime.now(UTC) - timedelta(days=days)).isoformat().encode()
    pq.write_table(table.replace_schema_metadata({FETCHED_AT: long_ago}), lake.path(part))


class TestOverdue:
    """What lies in the lake and is refreshed no more is looked for by id from time to time."""

    LATER = FIRST + (KNOWN_POSTS_DAYS + 1) * DAY

    def test_posts_are_refreshed_daily_at_first(self, lake: Lake, platform: Platform) -> None:
        """As long as a post is refreshed daily it is not overdue as well: nothing is asked about twice."""
        connector = platform.connector()
        read(lake, connector, FIRST)
        read(lake, connector, FIRST + KNOWN_POSTS_DAYS * DAY)
        assert sorted(platform.asked) == ["p1", "p2", "p3"]
        assert overdue_posts(lake, connector, FIRST + KNOWN_POSTS_DAYS * DAY, 1) == []

    def test_posts_left_alone_for_long_are_asked_about(self, lake: Lake, platform: Platform) -> None:
        """After a long gap every kept post is looked for by its id, and the deleted one is forgotten."""
        connector = platform.connector()
        read(lake, connector, FIRST)
        platform.gone |= {"p2"}
        read(lake, connector, self.LATER)
        assert sorted(platform.asked) == ["p1", "p2", "p3"]
        assert {r["object_id"] for r in kept(lake, "observations") if r["url"]} == {"p1", "p3"}

    def test_a_post_that_always_fails_stays_due(self, lake: Lake, platform: Platform) -> None:
        """A failed read is no answer: the post is asked about again."""
        connector = platform.connector()
        read(lake, connector, FIRST)
        platform.down |= {"p1"}
        read(lake, connector, self.LATER)
        due = overdue_posts(lake, connector, self.LATER + DAY, 30)
        assert [(p.object_id, p.url) for p in due] == [("p1", f"{A}?by=p1")]

    @pytest.mark.parametrize("days", [30, 90])
    def test_how_often_is_a_setting(
        self, days: int, lake: Lake, platform: Platform, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """TALLYRANK_<NAME>_RECHECK_DAYS; 30 unless set."""
        if days != 30:
            monkeypatch.setenv("TALLYRANK_FAKE_RECHECK_DAYS", str(days))
        assert FAKE.configured().recheck_days == days
        connector = platform.connector()
        read(lake, connector, FIRST, self.LATER)
        assert bool(platform.asked) == (days == 30)
        read(lake, connector, FIRST + 90 * DAY)
        assert set(platform.asked) == {"p1", "p2", "p3"}

    def test_only_where_deletions_are_followed(self, lake: Lake, platform: Platform) -> None:
        """Other sources are not asked about what they were not asked about before."""
        connector = platform.connector(forgets_deleted=False)
        read(lake, connector, FIRST, self.LATER)
        assert platform.asked == []


# --- the sources themselves ------------------------------------------------------------------------------------------

FORGETFUL = [c for c in discover().values() if c.forgets_deleted and c.name in twins()]


@pytest.fixture(scope="module")
def large() -> World:
    """A world with deleted posts on every platform."""
    return World(seed=3, keywords=18)


@pytest.fixture(scope="module")
def served(large: World) -> Iterator[str]:
    """That world in a sandbox."""
    with running(build_app(large, speed=1e6)) as address:
        yield address


def test_terms_that_ask_for_it_are_followed() -> None:
    """Sources whose terms ask to delete what was deleted there, and to keep things for so many days only."""
    found = discover()
    assert {"reddit", "youtube", "x", "mastodon", "lemmy", "bluesky", "tiktok_research"} <= {c.name for c in FORGETFUL}
    assert (found["youtube"].retention_days, found["tiktok_research"].retention_days) == (30, 15)


@pytest.mark.parametrize("connector", FORGETFUL, ids=lambda c: c.name)
def test_a_post_deleted_on_the_platform_leaves_the_lake(
    connector: Connector, large: World, served: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read before and after its deletion: nothing in the lake tells of the post but the id that is gone."""
    point_at(served, [connector], monkeypatch)
    post_id = twins()[connector.name].post_id
    assert post_id is not None
    lake = Lake(tmp_path)
    doomed = [p for p in large.posts(connector.name) if p.deleted_day]
    assert doomed, "the world deletes no post of this platform: take a larger one"
    (tmp_path / "pages.txt").write_text("\n".join(p.page.url for p in doomed))
    for post in doomed:
        assert post.deleted_day is not None
        pull_day(lake, connector, post.published_at.date() + DAY)
        if str(post_id(post)) in told(lake):
            break
    else:
        pytest.fail("no post was found before its deletion")
    pull_day(lake, connector, post.deleted_day)
    others = told(lake)
    assert forget_deleted(lake, [connector]).n_posts >= 1
    assert told(lake) < others
    assert str(post_id(post)) not in told(lake)
    assert not any(str(post_id(post)) in text for text in texts(lake))


def told(lake: Lake) -> set[str]:
    """The posts that the lake tells something of."""
    rows = kept(lake, "observations")
    return {r["object_id"] for r in rows if r["object_id"] and (r["url"] or r["status"] != "not_found")}


def texts(lake: Lake) -> Iterator[str]:
    """Every text in raw rows, but the subjects of those that say a post is gone."""
    for row in kept(lake, "raw"):
        values = row if row["status"] != "not_found" or row["url"] else row | {"subject": ""}
        yield from (v for v in values.values() if isinstance(v, str))
