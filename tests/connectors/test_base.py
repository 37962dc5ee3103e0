"""What connectors share: rows of known posts and of accounts, readings of pages without posts, second addresses."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from connectors.base import Ask, Post, account_rows, discover, nothing_found, post_row
from connectors.errors import NotPermitted, QuotaExhausted, SourceError
from connectors.records import Quality, Raw, Status
from connectors.votes import vk

AT = datetime(2026, 11, 18, 12, tzinfo=UTC)
QUESTION = Ask(None, AT.date(), AT)
PUBLISHED = datetime(2026, 11, 1, 9, tzinfo=UTC)
POST = Post("7", "https://a.example/", PUBLISHED)
CONNECTOR = discover()["hackernews"]


def test_a_known_post_keeps_when_it_was_published() -> None:
    """Whether it is there or gone, its row has its page and the moment that was known before."""
    known = {"published_at": PUBLISHED.isoformat()}
    assert post_row(QUESTION, POST, {"likes": 3}) == Raw("7", AT, url=POST.url, payload={"likes": 3} | known)
    assert post_row(QUESTION, POST, None) == Raw("7", AT, Status.NOT_FOUND, POST.url, known)
    assert post_row(QUESTION, POST, {}).status is Status.OBSERVED
    assert Post("7", "").known == {"published_at": None}


@pytest.mark.parametrize(("found", "count", "status"), [(0, 0, Status.OBSERVED), (None, None, Status.FAILED)])
def test_only_a_search_that_came_back_empty_makes_zeros(found: Any, count: int | None, status: Status) -> None:
    """One reading per verb: 0 where the source said that there is nothing, else a failure."""
    readings = list(nothing_found(CONNECTOR, Raw("u", AT, url="u"), found, quality=Quality.LOWER_BOUND))
    assert [r.verb for r in readings] == list(CONNECTOR.verbs)
    assert {(r.count, r.status, r.quality) for r in readings} == {(count, status, Quality.LOWER_BOUND)}


@pytest.mark.parametrize(
    ("error", "asked"),
    [(NotPermitted("s", "closed"), ["a", "b", "c"]), (QuotaExhausted("s", "spent"), ["a", "b"])],
)
def test_accounts_fail_by_themselves_until_a_failure_concerns_all(error: SourceError, asked: list[str]) -> None:
    """What was read of an account stays beside its failed row; after a fatal failure no further account is asked."""
    seen: list[str] = []

    def read(account: str) -> Iterator[Raw]:
        seen.append(account)
        yield Raw(f"post of {account}", AT)
        if account == "b":
            raise error

    rows = list(account_rows(QUESTION, "abc", read))
    assert seen == asked
    assert [r.subject for r in rows if r.status is Status.OBSERVED] == [f"post of {name}" for name in asked]
    bad = [r.subject for r in rows if r.status is Status.FAILED]
    assert bad == (["b"] if "c" in asked else ["b", "c"])
    assert all(r.url is None and error.message in str(r.error) for r in rows if r.status is Status.FAILED)


@pytest.mark.parametrize(
    ("base", "given", "address"),
    [
        (vk.API, None, "https://usual.example"),
        (vk.API + "/", None, "https://usual.example"),
        ("http://localhost/{day}/vk/", None, "http://localhost/2026-11-18/vk"),
        ("http://localhost/{day}/vk", "https://given.example/", "https://given.example"),
    ],
)
def test_a_second_address_follows_the_first(base: str, given: str | None, address: str) -> None:
    """Unless it is given, the other address of a source is the usual one, or the first where that was changed."""
    settings = vk.Settings.model_validate({"base_url": base})
    assert settings.other_url_for(date(2026, 11, 18), given, "https://usual.example/") == address
