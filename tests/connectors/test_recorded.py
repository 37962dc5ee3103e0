"""Recorded answers of the real services, served again over HTTP and read by the whole connector, fetch and parse."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from connectors.base import Ask, Connector, Post, parse_all
from connectors.records import Observation, Status
from connectors.sandbox.server import running

EMPTY = {"facebook": {"data": []}, "youtube": {"items": []}}

# Each recording: the connector and stream that reads it, the subjects asked about, and what must come of it.
RECORDINGS: dict[str, tuple[str, str, Callable[[Any], list[str]], str]] = {
    "facebook/error.json": ("facebook", "by_url", lambda _: ["https://example.com/"], "failed"),
    "facebook/feeds_default_fields_p1.json": ("facebook", "by_page", lambda _: [], "readings"),
    "facebook/multi_posts_data_fields.json": ("facebook", "by_post", list, "readings"),
    "instagram/medias_fields.json": ("instagram", "by_post", list, "readings"),
    "instagram/insights_new.json": ("instagram", "media", lambda _: [], "no numbers"),
    "reddit/info_url.json": ("reddit", "by_url", lambda _: ["https://youtube.com/"], "readings"),
    "youtube/error_response.json": ("youtube", "by_post", lambda _: ["abc"], "failed"),
    "youtube/search_by_keywords_p1.json": ("youtube", "by_url", lambda _: ["https://example.com/"], "readings"),
    "youtube/videos_chart_paged_1.json": (
        "youtube", "by_post", lambda answer: [i["id"] for i in answer["items"]], "readings",
    ),
    "youtube/videos_info_multi.json": (
        "youtube", "by_post", lambda answer: [i["id"] for i in answer["items"]], "readings",
    ),
}  # fmt: skip


@contextmanager
def replaying(answer: Any, platform: str) -> Iterator[str]:
    """A server that knows one answer, whatever it is asked; an error comes with its status, further pages are empty."""
    seen: list[str] = []

    async def reply(request: Request) -> JSONResponse:
        is_again = f"{request.url.path} {sorted(request.query_params)}" in seen or "after" in request.query_params
        seen.append(f"{request.url.path} {sorted(request.query_params)}")
        if isinstance(answer, dict) and "error" in answer:
            return JSONResponse(answer, 400)
        return JSONResponse(EMPTY[platform] if is_again and platform in EMPTY else answer)

    with running(Starlette(routes=[Route("/{path:path}", reply, methods=["GET", "POST"])])) as address:
        yield address


def ask_replayed(connector: Connector, stream: str, address: str, subjects: list[str]) -> Ask:
    """A question to the server of recordings; credentials are made up."""
    from tests.conftest import DAY

    known = connector.settings.model_fields
    made_up = {n: SecretStr("x") for n in ("token", "api_key", "client_id", "client_secret") if n in known}
    accounts = {n: "19292868552" for n in ("pages", "user_id") if n in known}
    settings = connector.settings(
        _env_file=None, base_url=address, requests_per_second=1e6, retries=0, **made_up, **accounts
    )  # type: ignore[call-arg]
    from connectors.records import day_noon

    asks = connector.stream(stream).asks
    return Ask(
        settings, DAY, day_noon(DAY),
        urls=tuple(subjects) if asks == "urls" else (),
        posts=tuple(Post(s, "https://example.com/") for s in subjects) if asks == "posts" else (),
    )  # fmt: skip


def test_every_recording_is_read(shared: Path) -> None:
    """No recorded answer lies there unread."""
    folder = shared / "data" / "responses"
    assert {str(p.relative_to(folder)) for p in folder.rglob("*.json")} == set(RECORDINGS)


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_recorded_answer_goes_through_the_connector(
    name: str, shared: Path, connectors: dict[str, Connector]
) -> None:
    """Real shapes lead to readings (or, for errors, to failed rows in words), and never to an invented number."""
    answer = json.loads((shared / "data" / "responses" / name).read_text(encoding="utf-8"))
    platform, stream_name, subjects, outcome = RECORDINGS[name]
    connector = connectors[platform]
    stream = connector.stream(stream_name)
    with replaying(answer, platform) as address:
        rows = list(stream.fetch(ask_replayed(connector, stream_name, address, subjects(answer))))
    parsed = parse_all(connector, stream, rows)
    assert rows
    assert all(isinstance(o, Observation) for o in parsed)
    if outcome == "readings":
        assert parsed
        assert any(row.status is not Status.FAILED for row in rows)
    else:
        assert not any(o.count for o in parsed)
    if outcome == "failed":
        assert all(row.status is Status.FAILED and row.error for row in rows)


def test_recorded_insights_have_the_shape_of_segments(shared: Path, connectors: dict[str, Connector]) -> None:
    """A real breakdown (of a medium's profile visits) is read as the audience's are: one segment, with its number."""
    text = (shared / "data" / "responses" / "instagram" / "insights_new.json").read_text(encoding="utf-8")
    connector = connectors["instagram"]
    stream = connector.stream("audience")
    chosen = {"audience_metric": "profile_activity", "audience_breakdowns": "action_type", "audience_views": ""}
    with replaying(json.loads(text), "instagram") as address:
        ask = ask_replayed(connector, "audience", address, [])
        known = ask.settings.model_copy(update=chosen | {"audience_url": "https://example.com/"})
        parsed = parse_all(connector, stream, list(stream.fetch(replace(ask, settings=known))))
    found = [(o.segment, o.count, o.native) for o in parsed if isinstance(o, Observation)]
    assert found == [("action_type=bio_link_clicked", 11, "profile_activity")]
