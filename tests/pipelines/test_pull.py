"""What is asked on which day: pages once to find posts, posts by id from then on, and nothing kept too long."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pydantic import Field
from pydantic_settings import SettingsConfigDict

from connectors.base import Ask, Connector, ConnectorSettings, Stream, VerbMeaning, reading
from connectors.errors import ConfigurationError, PastRefused, Unavailable
from connectors.records import Basis, Raw, Status, Verb
from pipelines.lake import FETCHED_AT, Lake, Part
from pipelines.pages import pages
from pipelines.pull import known_posts, pull_day
from pipelines.retention import purge
from tests.pipelines.making import ranking_table, result

FIRST = date(2026, 10, 1)
PAGES = [f"https://a.example/{n}" for n in range(6)]


class Settings(ConnectorSettings):
    """A host with a clock, so that any day may be asked about."""

    model_config = SettingsConfigDict(env_prefix="TALLYRANK_FAKE_")
    base_url: str = Field("http://127.0.0.1:1/{day}", description="Nowhere.")
    per_day: int = Field(100, description="Pages a day.")
    rediscover_days: int = 3


def fake(log: list[Any], *, account_fails_on: date | None = None) -> Connector:
    """A platform on which page n has the one post "p<n>" with n likes; every question is written into `log`."""

    def by_url(ask: Ask) -> Iterator[Raw]:
        log.append((ask.day, "urls", list(ask.urls)))
        return (Raw(url, ask.observed_at, url=url, payload={"id": f"p{url[-1]}"}) for url in ask.urls)

    def by_post(ask: Ask) -> Iterator[Raw]:
        log.append((ask.day, "posts", [p.object_id for p in ask.posts]))
        gone = {"p1"} if ask.day > FIRST + timedelta(days=1) else set()
        for post in ask.posts:
            status = Status.NOT_FOUND if post.object_id in gone else Status.OBSERVED
            yield Raw(post.object_id, ask.observed_at, status, post.url, {"id": post.object_id})

    def account(ask: Ask) -> Iterator[Raw]:
        if ask.day == account_fails_on:
            raise Unavailable("fake", "down")
        yield Raw("mine", ask.observed_at, url="https://a.example/mine", payload={"id": "p9"})

    def parse(rows: Any) -> Iterator[Any]:
        for row in rows:
            likes = int(row.payload["id"][1:]) if row.status is Status.OBSERVED else None
            yield reading(connector, Verb.LIKE, row, likes, absent=row.status, object_id=row.payload["id"])

    connector = Connector(
        name="fake", title="Fake", signal="votes", settings=Settings, quota="-", terms="-", keys_from="-",
        streams=(
            Stream("by_post", "Posts", "posts", by_post, parse),
            Stream("by_url", "Pages", "urls", by_url, parse, budget="per_day"),
            Stream("mine", "Account", "account", account, parse),
        ),
        verbs={Verb.LIKE: VerbMeaning("likes", "number of the page")}, basis=Basis.POST, retention_days=30,
    )  # fmt: skip
    return connector


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake whose `pages.txt` lists the pages."""
    (tmp_path / "pages.txt").write_text("\n".join(PAGES))
    return Lake(tmp_path)


def test_pages_are_searched_once_and_posts_refreshed_by_id(lake: Lake) -> None:
    """Day one searches; later days refresh by id until a search is due; nothing is asked about twice."""
    log: list[Any] = []
    connector = fake(log)
    for n in range(4):
        pull_day(lake, connector, FIRST + timedelta(days=n))
    asked = {(day, kind): what for day, kind, what in log}
    assert asked[FIRST, "urls"] == PAGES
    assert (FIRST, "posts") not in asked
    assert asked[FIRST + timedelta(days=1), "posts"] == [f"p{n}" for n in range(6)]
    assert (FIRST + timedelta(days=1), "urls") not in asked
    assert asked[FIRST + timedelta(days=3), "urls"] == PAGES
    assert (FIRST + timedelta(days=3), "posts") not in asked


def test_posts_that_are_gone_are_not_asked_about_again(lake: Lake) -> None:
    """After "not found" a post is left alone."""
    connector = fake([])
    for n in range(3):
        pull_day(lake, connector, FIRST + timedelta(days=n))
    assert "p1" not in {p.object_id for p in known_posts(lake, connector, FIRST + timedelta(days=3))}


def test_a_budget_asks_about_those_first_who_were_never_asked(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pages a day: three days cover six pages, none twice."""
    monkeypatch.setenv("TALLYRANK_FAKE_PER_DAY", "2")
    log: list[Any] = []
    connector = fake(log)
    for n in range(3):
        pull_day(lake, connector, FIRST + timedelta(days=n))
    assert sorted(url for _, kind, urls in log if kind == "urls" for url in urls) == PAGES


def test_an_account_that_cannot_be_listed_leaves_its_posts_unknown(lake: Lake) -> None:
    """The posts it had are failed readings of that day, not the numbers of the day before."""
    bad = FIRST + timedelta(days=1)
    connector = fake([], account_fails_on=bad)
    pull_day(lake, connector, FIRST)
    outcomes = {o.stream: o for o in pull_day(lake, connector, bad)}
    assert outcomes["mine"].is_failed
    rows = pq.read_table(lake.path(Part("observations", "fake", "mine", bad)), partitioning=None).to_pylist()
    assert ("p9", "failed", None) in [(r["object_id"], r["status"], r["count"]) for r in rows]


def test_what_was_read_well_today_survives_a_failing_second_run(lake: Lake) -> None:
    """A live counter cannot be read again tomorrow: a failed read does not replace a good one of the same day."""
    pull_day(lake, fake([]), FIRST)
    before = pq.read_table(lake.path(Part("observations", "fake", "by_url", FIRST)), partitioning=None).to_pylist()
    broken = fake([])
    streams = tuple(replace(s, fetch=_down) if s.name == "by_url" else s for s in broken.streams)
    outcomes = {o.stream: o for o in pull_day(lake, replace(broken, streams=streams), FIRST)}
    assert outcomes["by_url"].is_failed
    after = pq.read_table(lake.path(Part("observations", "fake", "by_url", FIRST)), partitioning=None).to_pylist()
    assert after == before


def _down(ask: Ask) -> Iterator[Raw]:
    return (Raw(url, ask.observed_at, Status.FAILED, url, error="Unavailable: down") for url in ask.urls)


def test_pages_come_keyword_by_keyword_and_not_by_position(tmp_path: Path) -> None:
    """Cut anywhere, the order holds whole lists, and within a list it does not follow the position."""
    lake = Lake(tmp_path)
    rows = [
        result(keyword=f"k{k}", url=f"https://a.example/{k}-{p}", position=p) for k in range(5) for p in range(1, 13)
    ]
    lake.write(Part("rankings", "import", "x", FIRST), ranking_table(rows))
    order = [url.rpartition("/")[2].split("-") for url in pages(lake, FIRST)]
    keywords = [k for k, _ in order]
    assert sorted(keywords) == sorted(keywords, key=keywords.index) or len(set(keywords[:12])) == 1
    assert [len(set(keywords[i : i + 12])) for i in range(0, 60, 12)] == [1] * 5
    assert any([int(p) for _, p in order[i : i + 12]] != list(range(1, 13)) for i in range(0, 60, 12))


def test_a_live_host_is_only_asked_about_today(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a clock in its address, a host refuses every other day before anything is asked or written."""
    monkeypatch.setenv("TALLYRANK_FAKE_BASE_URL", "http://127.0.0.1:1")
    with pytest.raises(PastRefused, match="live"):
        pull_day(lake, fake([]), FIRST)
    assert not list(lake.parts("raw"))
    assert pull_day(lake, fake([]), datetime.now(UTC).date())


def test_a_source_without_its_key_says_what_to_set(lake: Lake) -> None:
    """The error names the variable and where to get the key."""

    class Locked(Settings):
        required = ("token",)
        token: str | None = None

    with pytest.raises(ConfigurationError, match="TALLYRANK_FAKE_TOKEN"):
        pull_day(lake, replace(fake([]), settings=Locked), FIRST)


def test_what_may_not_be_kept_is_deleted(lake: Lake) -> None:
    """Files read longer ago than the platform allows go, raw and parsed; younger ones stay."""
    connector = fake([])
    pull_day(lake, connector, FIRST)
    pull_day(lake, connector, FIRST + timedelta(days=1))
    old = Part("raw", "fake", "by_url", FIRST)
    table = pq.read_table(lake.path(old), partitioning=None)
    long_ago = (datetime.now(UTC) - timedelta(days=31)).isoformat().encode()
    pq.write_table(table.replace_schema_metadata({FETCHED_AT: long_ago}), lake.path(old))
    assert purge(lake, [connector], datetime.now(UTC)) == [old]
    assert not lake.path(old).exists()
    everything = {p for layer in ("raw", "observations") for p in lake.parts(layer)}
    assert set(purge(lake, [connector], datetime.now(UTC) + timedelta(days=40))) == everything
