"""Text from outside breaks neither the headers of a mail nor the addresses in it."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default

import pytest
from hypothesis import given

from connectors.errors import TallyrankError
from dashboards.mail.links import Links, links
from dashboards.mail.message import address, headed, plain_message
from tests.dashboards.test_safe import HOSTILE

AT = datetime(2026, 10, 14, 7, tzinfo=UTC)


@given(HOSTILE, HOSTILE)
def test_no_header_comes_of_text(subject: str, line: str) -> None:
    """A subject with line breaks adds no header and no second body."""
    made = plain_message(f"{subject}\r\nBcc: evil@example.com", [line], "a@example.com", ["b@example.com"], AT)
    read = message_from_bytes(made.as_bytes(), policy=default)
    assert read["Bcc"] is None
    assert sorted(read.keys()) == sorted(made.keys())


@pytest.mark.parametrize(
    "given_address",
    ["a@example.com\r\nBcc: evil@example.com", "a@example.com, b@example.com", "nobody", "ä@example.com", "", "a@b c"],
)
def test_an_address_that_is_none_is_refused(given_address: str) -> None:
    """Also one that would break out of its header."""
    with pytest.raises(TallyrankError, match="no address of mail"):
        headed("x", "a@example.com", [given_address], AT)


def test_an_address_with_a_name() -> None:
    """Is one."""
    assert address("Tallyrank <t@example.com>") == "Tallyrank <t@example.com>"


def test_links_are_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keywords and pages stand encoded in the address of the web app, which the environment names."""
    monkeypatch.setenv("TALLYRANK_DASHBOARD_URL", "https://rank.example.com/app/")
    found = links()
    assert found.keyword('a&b="<x>') == "https://rank.example.com/app/keyword?keyword=a%26b%3D%22%3Cx%3E"
    assert found.page("x.example/a?b=c#d") == "https://rank.example.com/app/page?page=x.example%2Fa%3Fb%3Dc%23d"
    assert found.sources == "https://rank.example.com/app/sources"


def test_a_link_does_not_grow_beyond_use() -> None:
    """A page whose name is endless leads to the page to search."""
    assert Links().page("x" * 10_000) == "http://127.0.0.1:8050/page"


@pytest.mark.parametrize(
    "given_url", ["javascript:alert(1)", "rank.example.com", "https://me:secret@x.example", "http://"]
)
def test_what_is_no_web_address_is_refused(monkeypatch: pytest.MonkeyPatch, given_url: str) -> None:
    """With the name of the variable, and without what stood in it."""
    monkeypatch.setenv("TALLYRANK_DASHBOARD_URL", given_url)
    with pytest.raises(TallyrankError, match="TALLYRANK_DASHBOARD_URL") as caught:
        links()
    assert "secret" not in str(caught.value)
