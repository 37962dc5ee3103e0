"""Search Console against its twin: positions of the world, windows of days, pages of rows, what every error means."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from connectors import search_analytics
from connectors.base import Ask, parse_all
from connectors.errors import (
    AuthError,
    BadAnswer,
    BadRequest,
    ConfigurationError,
    NotPermitted,
    PastRefused,
    QuotaExhausted,
    RateLimited,
    SourceError,
    Unavailable,
)
from connectors.google import PACIFIC
from connectors.http import Answer
from connectors.rankings.search_console import CONNECTOR, Settings, classify_for, parse
from connectors.records import Ranking, RankKind, Raw, Status
from connectors.sandbox.search_console import appearances, is_anonymous, property_of
from connectors.sandbox.server import running
from connectors.sandbox.world import DEPTH, SITES, World
from connectors.search_analytics import all_rows, country, entries
from tests.conftest import DAY

NAME = "search_console"
ELM = "sc-domain:elm.example"
TOKEN = "ya29.very-secret"


def read(ask: Ask, stream: str = "query_page") -> tuple[list[Raw], list[Ranking]]:
    """A stream's rows and rankings."""
    rows = list(CONNECTOR.stream(stream).fetch(ask))
    return rows, parse_all(CONNECTOR, CONNECTOR.stream(stream), rows)  # type: ignore[return-value]


def truth(world: World, site: str, day: date) -> dict[tuple[str, str], int]:
    """(keyword, page) -> true position, for what the twin shows of a site on a day."""
    positions = world.positions[world.day_index(day)]
    return {
        (keyword, world.pages[page].url): int(positions[k, c])
        for k, keyword in enumerate(world.keywords)
        for c, page in enumerate(world.candidates[k])
        if world.pages[page].site == site and positions[k, c] <= DEPTH and not is_anonymous(site, keyword)
    }


@contextmanager
def scripted(handler: Callable[[Request, Any], JSONResponse]) -> Iterator[str]:
    """A real server whose every answer comes from `handler`, which also gets the body."""

    async def answer(request: Request) -> JSONResponse:
        body = await request.body()
        return handler(request, json.loads(body) if body.startswith(b"{") else None)

    with running(Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])])) as address:
        yield address


@pytest.fixture
def put(sandbox: str) -> Callable[..., httpx.Response]:
    """A query put to the twin directly: put("elm", dimensions=[...])."""

    def send(site: str = "elm", token: str = "t", **body: Any) -> httpx.Response:
        known = {"startDate": str(DAY - timedelta(days=5)), "endDate": str(DAY - timedelta(days=5))}
        address = f"{sandbox}/{DAY}/search_console/webmasters/v3/sites/sc-domain%3A{site}.example/searchAnalytics/query"
        return httpx.post(address, json=known | body, headers={"Authorization": f"Bearer {token}"})

    return send


def test_positions_are_those_of_the_world(ask: Any, world: World) -> None:
    """Every page within the first 20 has its true position, made worse by less than a half, on each final day."""
    _, found = read(ask(CONNECTOR, token=TOKEN, sites=ELM))
    by_day: dict[datetime, dict[tuple[str, str], Ranking]] = {}
    for r in found:
        by_day.setdefault(r.ranked_at, {})[r.keyword, r.url] = r
    days = [DAY - timedelta(days=4), DAY - timedelta(days=3)]
    assert sorted(by_day) == [datetime(d.year, d.month, d.day, 7, tzinfo=UTC) for d in days]
    for day, rankings in zip(days, (by_day[at] for at in sorted(by_day)), strict=True):
        expected = truth(world, "elm.example", day)
        assert set(rankings) == set(expected)
        assert all(0 <= (r.position or 0) - expected[key] < 0.5 for key, r in rankings.items())


def test_a_ranking_says_what_its_position_is(ask: Any) -> None:
    """Averages are marked as such: no depth, no country, no device; impressions and clicks are there."""
    _, found = read(ask(CONNECTOR, token=TOKEN, sites=ELM))
    assert {(r.rank_kind, r.engine, r.source, r.depth, r.country, r.device, r.found) for r in found} == {
        (RankKind.AVERAGE, "google", "search_console", None, None, None, True)
    }
    assert all((r.impressions or 0) > 0 and r.clicks is not None and r.clicks <= (r.impressions or 0) for r in found)


def test_impressions_fall_with_the_position(ask: Any) -> None:
    """For one keyword and day, a page that stands higher is seen and clicked at least as much."""
    _, found = read(ask(CONNECTOR, token=TOKEN))
    keyword, at = found[0].keyword, found[0].ranked_at
    listed = sorted((r for r in found if (r.keyword, r.ranked_at) == (keyword, at)), key=lambda r: r.position or 0)
    assert (listed[0].impressions or 0) > 2 * (listed[-1].impressions or 0)
    assert (listed[0].clicks or 0) > 2 * (listed[-1].clicks or 0)


def test_a_pacific_day_begins_by_its_own_clock() -> None:
    """A data day starts at 07:00 UTC in summer and at 08:00 UTC in winter."""
    payload = {"query": "q", "position": 1.5}
    days = {"2026-07-01": 7, "2026-12-01": 8}
    for day, hour in days.items():
        (r,) = parse([Raw(ELM, datetime.now(UTC), url="https://www.elm.example/", payload=payload | {"date": day})])
        assert r.ranked_at.isoformat() == f"{day}T{hour:02}:00:00+00:00"
        assert (r.impressions, r.clicks) == (None, None)


def test_all_verified_properties_are_read(ask: Any) -> None:
    """Without sites in the settings: one request lists them, one per property and day reads them; no unverified one."""
    question = ask(CONNECTOR, token=TOKEN)
    rows, _ = read(question)
    assert {r.payload["site"] for r in rows} == {property_of(f"{s}.example") for s in SITES}
    assert {r.status for r in rows} == {Status.OBSERVED}
    assert question.meter.requests == 1 + len(SITES) * 5


@pytest.mark.parametrize("days_back", [1, 3, 4, 9])
def test_the_window_ends_on_the_day_asked(ask: Any, days_back: int) -> None:
    """`days_back` data days, the day itself included; days without final data give no rows and are no failure."""
    question = ask(CONNECTOR, token=TOKEN, sites=ELM, days_back=days_back)
    rows, _ = read(question)
    assert question.meter.requests == days_back
    expected = {str(DAY - timedelta(days=n)) for n in range(3, days_back)}
    assert {r.payload["date"] for r in rows} == expected


def test_unfinished_days_on_request(ask: Any) -> None:
    """`data_state=all` adds the days up to yesterday, and tomorrow they hold more."""
    today, _ = read(ask(CONNECTOR, token=TOKEN, sites=ELM, data_state="all"))
    later, _ = read(ask(CONNECTOR, token=TOKEN, sites=ELM, data_state="all", day=DAY + timedelta(days=2)))
    fresh = str(DAY - timedelta(days=1))
    seen = [sum(r.payload["impressions"] for r in rows if r.payload["date"] == fresh) for rows in (today, later)]
    assert 0 < seen[0] < seen[1]


def test_pages_of_rows_add_up(ask: Any) -> None:
    """A small row limit takes more requests and gives the same rows."""
    whole = read(ask(CONNECTOR, token=TOKEN, sites=ELM))
    question = ask(CONNECTOR, token=TOKEN, sites=ELM, row_limit=4)
    assert read(question) == whole
    counts = [sum(r.payload["date"] == str(DAY - timedelta(days=n)) for r in whole[0]) for n in range(5)]
    assert question.meter.requests == sum(n // 4 + 1 for n in counts)


def row(n: int) -> dict[str, Any]:
    """An invented row."""
    return {"keys": ["2026-10-01", f"q{n}", "https://www.elm.example/"], "position": 1.0}


def slicer(rows: Sequence[dict[str, Any]], limit: int) -> Callable[[int], dict[str, Any]]:
    """Serves rows as Google does: by startRow, and without `rows` when there are none."""
    return lambda start: {"rows": page} if (page := list(rows[start : start + limit])) else {}


@given(total=st.integers(0, 60), limit=st.integers(1, 25))
def test_paging_loses_and_repeats_nothing(total: int, limit: int) -> None:
    """Whatever the numbers: every row once, in order."""
    rows, is_capped, _ = all_rows(NAME, slicer([row(n) for n in range(total)], limit), limit, 3)
    assert rows == [row(n) for n in range(total)]
    assert not is_capped


@given(st.lists(st.integers(0, 9)), st.integers(1, 10))
def test_ties_that_move_between_pages_are_counted_once(numbers: list[int], limit: int) -> None:
    """Rows are told apart by their keys."""
    rows, _, _ = all_rows(NAME, slicer([row(n) for n in numbers], limit), limit, 3)
    assert rows == [row(n) for n in dict.fromkeys(numbers)]


@pytest.mark.parametrize(("total", "is_capped"), [(49_999, False), (50_000, True), (60_000, True)])
def test_the_cap_of_a_day_is_marked(total: int, is_capped: bool) -> None:
    """Google keeps 50,000 rows per day; from there on rows are missing, and nothing more is asked."""
    asked: list[int] = []
    serve = slicer([row(n) for n in range(total)], 25_000)
    rows, capped, _ = all_rows(NAME, lambda start: asked.append(start) or serve(start), 25_000, 3)  # type: ignore[func-returns-value]
    assert (len(rows), capped) == (min(total, 50_000), is_capped)
    assert asked == [0, 25_000]


def test_people_see_that_a_day_was_capped(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows of such a day are read and marked, and a failed row beside them says in words what is missing."""
    rows, _ = read(ask(CONNECTOR, token=TOKEN, sites=ELM))
    assert {r.payload["capped"] for r in rows} == {False}
    monkeypatch.setattr(search_analytics, "MOST_ROWS_A_DAY", 8)
    rows, found = read(ask(CONNECTOR, token=TOKEN, sites=ELM, row_limit=4))
    assert {r.payload["capped"] for r in rows} == {True}
    told = [r for r in rows if r.status is Status.FAILED]
    days = [str(DAY - timedelta(days=n)) for n in (4, 3)]
    assert [r.subject for r in told] == [f"{ELM} {day} beyond the cap" for day in days]
    assert all(r.url is None and "rarer questions are missing" in (r.error or "") for r in told)
    assert len(found) == len(rows) - 2 == 2 * 8


def test_rows_hold_what_parsing_reads(ask: Any) -> None:
    """The site, the date, the query and three numbers; the page is the row's address."""
    rows, _ = read(ask(CONNECTOR, token=TOKEN, sites=ELM))
    assert {frozenset(r.payload) for r in rows} == {
        frozenset({"site", "date", "query", "clicks", "impressions", "position", "capped"})
    }
    assert all((r.url or "").startswith("https://www.elm.example/") for r in rows)
    assert all(r.subject == f"{ELM} {r.payload['date']}" and r.payload["site"] == ELM for r in rows)


def test_one_refused_property_stops_no_other(ask: Any) -> None:
    """A property of somebody else: failed rows for each of its days, asked once; the others are read."""
    question = ask(CONNECTOR, token=TOKEN, sites=f"sc-domain:other.example,{ELM}", concurrency=1)
    rows, found = read(question)
    bad = [r for r in rows if r.status is Status.FAILED]
    assert {r.payload["site"] for r in bad} == {"sc-domain:other.example"}
    assert [r.payload["date"] for r in bad] == [str(DAY - timedelta(days=n)) for n in reversed(range(5))]
    assert all((r.error or "").startswith("NotPermitted: HTTP 403 forbidden") and r.url is None for r in bad)
    assert found
    assert question.meter.requests == 1 + 5


@pytest.mark.parametrize("sites", ["", ELM])
def test_an_expired_token_needs_a_new_sign_in(ask: Any, sites: str) -> None:
    """401: one request, failed rows that say what to do."""
    question = ask(CONNECTOR, token="expired", sites=sites, concurrency=1)
    rows, found = read(question)
    assert question.meter.requests == 1
    assert found == []
    assert all((r.error or "").startswith("AuthError") and "TALLYRANK" in (r.error or "") for r in rows)


def test_the_load_quota_ends_the_run(ask: Any) -> None:
    """403 quotaExceeded: neither tried again nor asked about other days or properties."""
    question = ask(CONNECTOR, token="exhausted", concurrency=1)
    rows, _ = read(question)
    assert question.meter.requests == 2
    assert len(rows) == len(SITES) * 5
    assert all((r.error or "").startswith("QuotaExhausted: HTTP 403 quotaExceeded") for r in rows)


def test_no_property_is_told(ask: Any) -> None:
    """An account without any property is a matter for a person, not an empty day."""
    with scripted(lambda *_: JSONResponse({})) as address:
        rows, _ = read(ask(CONNECTOR, token=TOKEN, base_url=address))
    assert [(r.subject, r.status) for r in rows] == [("sites", Status.FAILED)]
    assert "add it as a user" in (rows[0].error or "")


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [
        (403, "forbidden", NotPermitted),
        (403, "quotaExceeded", QuotaExhausted),
        (403, "dailyLimitExceeded", QuotaExhausted),
        (403, "rateLimitExceeded", RateLimited),
        (429, "rateLimitExceeded", RateLimited),
        (403, "insufficientPermissions", ConfigurationError),
        (403, "accessNotConfigured", ConfigurationError),
        (401, "authError", AuthError),
        (400, "invalid_grant", AuthError),
        (400, "invalidParameter", BadRequest),
        (500, "backendError", Unavailable),
        (503, "backendError", Unavailable),
    ],
)
def test_every_documented_error_has_its_class(ask: Any, status: int, reason: str, kind: type[SourceError]) -> None:
    """The reason decides; the status where no reason is known."""
    entry = {"message": "Words.", "domain": "usageLimits", "reason": reason}
    body = json.dumps({"error": {"code": status, "message": "Words.", "errors": [entry]}})
    error = classify_for(ask(CONNECTOR))(Answer("search_console", status, {}, body))
    assert type(error) is kind
    assert isinstance(error, SourceError)
    assert reason in error.message


def test_the_load_quota_says_how_long_to_wait(ask: Any) -> None:
    """A quarter of an hour from the moment of reading; a day's quota until midnight Pacific."""
    question = ask(CONNECTOR)
    for reason, resets_at in {
        "quotaExceeded": question.observed_at + timedelta(minutes=15),
        "dailyLimitExceeded": datetime(2026, 10, 15, 7, tzinfo=UTC),
    }.items():
        body = json.dumps({"error": {"errors": [{"reason": reason}]}})
        error = classify_for(question)(Answer("search_console", 403, {}, body))
        assert isinstance(error, QuotaExhausted)
        assert error.resets_at == resets_at


@pytest.mark.parametrize("name", ["rows", "keys", "position"])
def test_renamed_fields_are_failures(ask: Any, fault: Any, name: str) -> None:
    """A field that always was there and is gone: the day failed, instead of seeming empty."""
    fault("search_console", f"rename:{name}")
    rows, found = read(ask(CONNECTOR, token=TOKEN, sites=ELM))
    bad = [r for r in rows if r.payload["date"] <= str(DAY - timedelta(days=3))]
    assert len(bad) == 2
    assert all((r.error or "").startswith("BadAnswer") for r in bad)
    assert found == []


@pytest.mark.parametrize("name", ["clicks", "impressions"])
def test_a_missing_metric_is_unknown(ask: Any, fault: Any, name: str) -> None:
    """Without clicks or impressions the position is still read, and the number is None, not 0."""
    fault("search_console", f"rename:{name}")
    _, found = read(ask(CONNECTOR, token=TOKEN, sites=ELM))
    assert found
    assert {getattr(r, name) for r in found} == {None}


@pytest.mark.parametrize("answer", [{"rows": "x"}, {"rows": [1]}, {"zeilen": [{"keys": []}]}])
def test_a_list_of_another_shape_is_a_bad_answer(answer: Any) -> None:
    """`rows` of another kind, or a list under another name."""
    with pytest.raises(BadAnswer):
        entries(NAME, answer, "rows")
    assert entries(NAME, {"responseAggregationType": "byPage", "metadata": {}, "new": []}, "rows") == []


@pytest.mark.parametrize("kind", ["404", "html", "broken_json", "cut", "503"])
def test_the_token_shows_nowhere(ask: Any, fault: Any, kind: str, caplog: Any) -> None:
    """Neither rows nor logs tell the token."""
    caplog.set_level("DEBUG")
    fault("search_console", kind)
    rows, _ = read(ask(CONNECTOR, token=TOKEN, sites=ELM, retries=1))
    assert {r.status for r in rows} == {Status.FAILED}
    assert TOKEN not in repr(rows) + caplog.text


def test_a_past_that_google_forgot_is_refused(ask: Any) -> None:
    """A window that lies further back than 16 months is refused in words, before any request."""
    real = {"base_url": "https://searchconsole.invalid", "token": TOKEN, "sites": ELM}
    question = ask(CONNECTOR, day=date(2020, 1, 1), **real)
    with pytest.raises(PastRefused, match="16 months"):
        read(question)
    assert question.meter.requests == 0


def test_a_window_is_cut_to_what_google_keeps(ask: Any) -> None:
    """Of a window that is partly out of reach only the days within reach are asked about; days to come never."""
    asked: list[str] = []

    def handler(_: Request, body: Any) -> JSONResponse:
        asked.append(body["startDate"])
        return JSONResponse({"responseAggregationType": "byPage"})

    today = datetime.now(PACIFIC).date()
    with scripted(handler) as address:
        for day in (today - timedelta(days=486), today, today + timedelta(days=2)):
            read(ask(CONNECTOR, day=day, base_url=address, token=TOKEN, sites=ELM, days_back=3, concurrency=1))
    oldest = [today - timedelta(days=486)]
    assert asked == [str(d) for d in oldest + [today - timedelta(days=n) for n in (2, 1, 0)] + [today]]


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A service account's key file, without the address of a token endpoint."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    known = {"type": "service_account", "client_email": "a@b.example", "private_key": pem, "private_key_id": "1"}
    file = tmp_path_factory.mktemp("keys") / "account.json"
    file.write_text(json.dumps(known))
    return file


def test_a_service_account_signs_in_by_itself(ask: Any, sandbox: str, key_file: Path, tmp_path: Path) -> None:
    """A key file instead of a token: a token is fetched with it, and the rows are the same."""
    known = json.loads(key_file.read_text()) | {"token_uri": f"{sandbox}/{DAY}/search_console/token"}
    (file := tmp_path / "account.json").write_text(json.dumps(known))
    assert read(ask(CONNECTOR, service_account_file=file, sites=ELM)) == read(ask(CONNECTOR, token="t", sites=ELM))


@pytest.mark.parametrize(("answer", "kind"), [(400, "AuthError"), (None, "Unavailable")])
def test_a_refused_service_account_is_told(
    ask: Any, key_file: Path, tmp_path: Path, answer: int | None, kind: str
) -> None:
    """Refused, or nobody there: failed rows with the class that fits."""
    with scripted(lambda *_: JSONResponse({"error": "invalid_grant"}, answer or 200)) as address:
        uri = f"{address}/token" if answer else "http://127.0.0.1:9/token"
        (file := tmp_path / "account.json").write_text(
            json.dumps(json.loads(key_file.read_text()) | {"token_uri": uri})
        )
        rows, _ = read(ask(CONNECTOR, service_account_file=file, sites=ELM, retries=0, days_back=1))
    assert [(r.error or "").partition(":")[0] for r in rows] == [kind], rows


def test_an_unreadable_key_file_is_named(ask: Any, tmp_path: Path) -> None:
    """A file that is not there, or holds something else, is a matter for a person."""
    (broken := tmp_path / "broken.json").write_text('{"private_key": "hush"}')
    for file in (tmp_path / "none.json", broken):
        with pytest.raises(ConfigurationError, match="SERVICE_ACCOUNT_FILE") as caught:
            read(ask(CONNECTOR, service_account_file=file))
        assert "hush" not in str(caught.value)


def test_a_token_or_a_key_file_will_do(tmp_path: Path) -> None:
    """One of the two is required."""
    assert Settings(_env_file=None).missing() == ("TALLYRANK_SEARCH_CONSOLE_TOKEN",)  # type: ignore[call-arg]
    assert Settings(_env_file=None, token="t").missing() == ()  # type: ignore[call-arg, arg-type]
    assert Settings(_env_file=None, service_account_file=tmp_path).missing() == ()  # type: ignore[call-arg]


def test_a_property_in_the_form_of_an_address_is_asked_for_as_written(ask: Any) -> None:
    """Slashes and the colon of a property's name are encoded, the last slash stays."""
    paths: list[bytes] = []

    def handler(request: Request, _: Any) -> JSONResponse:
        paths.append(request.scope["raw_path"])
        return JSONResponse({})

    with scripted(handler) as address:
        read(ask(CONNECTOR, base_url=address, token=TOKEN, sites="https://www.elm.example/", days_back=1, day=_today()))
    assert paths == [b"/webmasters/v3/sites/https%3A%2F%2Fwww.elm.example%2F/searchAnalytics/query"]


def _today() -> date:
    return datetime.now(PACIFIC).date()


# --- splits -----------------------------------------------------------------------------------------------------------

SPLIT = {"by_country": "country", "by_device": "device", "by_appearance": "searchAppearance"}
ALL = {"token": TOKEN, "sites": ELM, "splits": "country,device, searchAppearance", "segment_minimum": 0}


@pytest.mark.parametrize("stream", SPLIT)
def test_splits_are_off_unless_named(ask: Any, stream: str) -> None:
    """Parts cost load quota and repeat what the main lists count: nothing is asked before the setting names them."""
    question = ask(CONNECTOR, token=TOKEN, sites=ELM, splits=",".join(set(SPLIT.values()) - {SPLIT[stream]}))
    assert read(question, stream) == ([], [])
    assert question.meter.requests == 0


def test_a_split_that_does_not_exist_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt name is told with the names there are, instead of being passed over."""
    monkeypatch.setenv("TALLYRANK_SEARCH_CONSOLE_SPLITS", "country,shoe")
    with pytest.raises(ConfigurationError, match="no such split: shoe; there are country, device, searchAppearance"):
        CONNECTOR.configured()


@pytest.mark.parametrize(("stream", "values"), [("by_country", {"us", "gb", "de"}), ("by_device", None)])
def test_parts_add_up_to_the_main_lists(ask: Any, stream: str, values: set[str] | None) -> None:
    """Countries (in two letters) or devices: the impressions and clicks of a page add up to those of the main list."""
    _, whole = read(ask(CONNECTOR, **ALL))
    _, parts = read(ask(CONNECTOR, **ALL), stream)
    field = SPLIT[stream]
    assert {getattr(r, field) for r in parts} == (values or {"mobile", "desktop", "tablet"})
    assert {(r.rank_kind, r.source, r.depth) for r in parts} == {(RankKind.AVERAGE, f"{NAME}/{field}", None)}
    for number in ("impressions", "clicks"):
        sums: dict[Any, float] = {}
        for r in parts:
            key = (r.keyword, r.url, r.ranked_at)
            sums[key] = sums.get(key, 0) + getattr(r, number)
        assert sums == {(r.keyword, r.url, r.ranked_at): getattr(r, number) for r in whole}


def test_appearances_are_listed_first_and_then_used_as_filters(ask: Any) -> None:
    """One question for the appearances of each day, one for each of them; its pages are those with that appearance."""
    question = ask(CONNECTOR, **ALL)
    rows, parts = read(question, "by_appearance")
    _, whole = read(ask(CONNECTOR, **ALL))
    names = {name for r in whole for name in appearances(r.url)}
    assert names == {"VIDEO", "REVIEW_SNIPPET"}
    assert question.meter.requests == 5 + 2 * len(names)  # two of the five days have final data
    expected = {
        (f"{NAME}/{a.lower()}", r.keyword, r.url, r.ranked_at, r.position) for r in whole for a in appearances(r.url)
    }
    assert {(r.source, r.keyword, r.url, r.ranked_at, r.position) for r in parts} == expected
    assert len(parts) == len(expected)
    assert {r.payload["searchAppearance"] for r in rows} == names


def test_lists_of_parts_never_mix_with_the_main_ones(ask: Any) -> None:
    """By keyword, country, device, source and moment, no list of one stream is one of another."""
    known: dict[str, set[Any]] = {}
    for stream in ("query_page", *SPLIT):
        _, found = read(ask(CONNECTOR, **ALL), stream)
        known[stream] = {(r.keyword, r.country, r.device, r.source, r.ranked_at) for r in found}
        assert found
    assert sum(map(len, known.values())) == len(set().union(*known.values()))


@pytest.mark.parametrize("stream", SPLIT)
def test_a_row_without_its_part_is_in_no_list(ask: Any, stream: str) -> None:
    """A stored row of a part that does not say which part is left out, rather than taken for the whole."""
    rows, _ = read(ask(CONNECTOR, **ALL), stream)
    for value in (None, "", 3):
        changed = [Raw(r.subject, r.observed_at, url=r.url, payload=r.payload | {SPLIT[stream]: value}) for r in rows]
        assert parse_all(CONNECTOR, CONNECTOR.stream(stream), changed) == []


def test_small_counts_of_a_part_are_not_kept(ask: Any) -> None:
    """Below the minimum neither impressions nor clicks are stored: the position stays, the number is unknown, not 0."""
    _, exact = read(ask(CONNECTOR, **ALL), "by_country")
    rows, found = read(ask(CONNECTOR, **ALL | {"segment_minimum": 10}), "by_country")
    assert [r.position for r in found] == [r.position for r in exact]
    for name in ("impressions", "clicks"):
        assert [getattr(r, name) for r in found] == [n if (n := getattr(r, name)) >= 10 else None for r in exact]
        assert any(getattr(r, name) is None for r in found)
        assert not any(isinstance(n := r.payload[name], int | float) and n < 10 for r in rows)


def test_a_capped_appearance_is_told_by_its_name(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cap holds for each question, and the failed rows of two appearances of one day are two."""
    monkeypatch.setattr(search_analytics, "MOST_ROWS_A_DAY", 2)
    rows, found = read(ask(CONNECTOR, **ALL, row_limit=2), "by_appearance")
    told = [r.subject for r in rows if r.status is Status.FAILED]
    assert found
    assert len(told) == len(set(told)) > 0
    assert all("VIDEO" in subject or "REVIEW_SNIPPET" in subject for subject in told)


@pytest.mark.parametrize(
    ("code", "expected"), [("usa", "us"), ("GBR", "gb"), ("xkk", "xkk"), ("zzz", "zzz"), (None, None)]
)
def test_countries_are_in_two_letters(code: Any, expected: Any) -> None:
    """As other sources write them; what the standard does not know stays as it is, and is never taken for the whole."""
    assert country(code) == expected


def test_every_country_has_a_code_of_its_own() -> None:
    """The table maps 249 codes of three letters to as many of two."""
    table = search_analytics._two_letters()
    assert len(table) == len(set(table.values())) == 249
    assert all(len(a) == 3 and len(b) == 2 for a, b in table.items())


# --- days -------------------------------------------------------------------------------------------------------------


def test_unfinished_days_are_marked(ask: Any) -> None:
    """With `all`, Google names the first incomplete day: rows from there on say so, in either spelling of the name."""
    rows, _ = read(ask(CONNECTOR, token=TOKEN, sites=ELM, data_state="all"))
    marked = {r.payload["date"]: r.payload.get("unfinished") for r in rows}
    days = [str(DAY - timedelta(days=n)) for n in (4, 3, 2, 1)]
    assert marked == dict(zip(days, [None, None, True, True], strict=True))
    told = {"rows": [row(1)], "metadata": {"first_incomplete_date": "2026-10-01"}}
    assert all_rows(NAME, lambda _: told, 25_000, 3).unfinished_from == "2026-10-01"


def test_the_oldest_day_is_asked_for_first(ask: Any) -> None:
    """Where a quota ends the asking, the days that are left out have another look to come."""
    asked: list[tuple[str, str]] = []

    def handler(request: Request, body: Any) -> JSONResponse:
        asked.append((body["startDate"], request.url.path.split("/")[-3]))
        return JSONResponse({})

    with scripted(handler) as address:
        question = {"token": TOKEN, "sites": "sc-domain:a.example,sc-domain:b.example", "days_back": 2}
        read(ask(CONNECTOR, base_url=address, day=_today(), concurrency=1, **question))
    days = [str(_today() - timedelta(days=n)) for n in (1, 0)]
    assert asked == [(day, f"sc-domain:{site}.example") for day in days for site in "ab"]


LAST = DAY - timedelta(days=4)


@contextmanager
def flaky(sandbox: str, day: date, site: str, status: int = 500, reason: str = "backendError") -> Iterator[str]:
    """The twin behind a server that refuses questions about one property and one data day; its base address."""

    def handler(request: Request, body: Any) -> JSONResponse:
        path = request.scope["raw_path"].decode()
        if body["startDate"] == str(day) and site in request.url.path:
            entry = {"message": "Words.", "reason": reason}
            return JSONResponse({"error": {"code": status, "message": "Words.", "errors": [entry]}}, status)
        told = httpx.post(sandbox + path, json=body, headers={"Authorization": "Bearer t"})
        return JSONResponse(told.json(), told.status_code)

    with scripted(handler) as address:
        yield f"{address}/{{day}}/{NAME}"


def read_flaky(ask: Any, sandbox: str, day: date, **more: Any) -> tuple[list[Raw], set[tuple[str, str]]]:
    """The rows, and (property, day) of what was kept, when elm cannot be read for one data day."""
    server = {name: more.pop(name) for name in ("status", "reason") if name in more}
    with flaky(sandbox, day, ELM, **server) as address:
        sites = f"sc-domain:alder.example,{ELM}"
        rows, _ = read(ask(CONNECTOR, base_url=address, token=TOKEN, sites=sites, retries=0, **more))
    return rows, {(r.payload["site"], r.payload["date"]) for r in rows if r.status is Status.OBSERVED}


def test_a_failure_on_the_last_look_leaves_the_look_before(ask: Any, sandbox: str) -> None:
    """Lists are shared by properties and the last look wins as a whole: so nobody's rows of that day are kept, told
    after the failure itself; the other days are untouched.
    """
    rows, kept = read_flaky(ask, sandbox, LAST)
    assert kept == {("sc-domain:alder.example", str(DAY - timedelta(days=3))), (ELM, str(DAY - timedelta(days=3)))}
    bad = [r for r in rows if r.status is Status.FAILED]
    assert [r.subject for r in bad] == [f"{ELM} {LAST}", f"sc-domain:alder.example {LAST}"]
    assert (bad[0].error or "").startswith("Unavailable: HTTP 500")
    assert f"because {ELM} failed: the look before stands" in (bad[1].error or "")
    assert {r.url for r in bad} == {None}


def test_a_failure_on_an_earlier_look_takes_nothing_away(ask: Any, sandbox: str) -> None:
    """There is another look tomorrow: the other property's rows of that day are kept."""
    day = DAY - timedelta(days=3)
    rows, kept = read_flaky(ask, sandbox, day)
    assert kept == {("sc-domain:alder.example", str(d)) for d in (LAST, day)} | {(ELM, str(LAST))}
    assert [r.subject for r in rows if r.status is Status.FAILED] == [f"{ELM} {day}"]


@pytest.mark.parametrize(
    ("days_back", "data_state", "is_kept"), [(4, "final", True), (3, "all", False), (2, "all", True)]
)
def test_rows_are_only_given_up_where_an_earlier_look_had_some(
    ask: Any, sandbox: str, days_back: int, data_state: str, is_kept: bool
) -> None:
    """Where the last look at a day is the first that can see its rows, what was read is kept."""
    last = DAY - timedelta(days=days_back - 1)
    _, kept = read_flaky(ask, sandbox, last, days_back=days_back, data_state=data_state)
    assert (("sc-domain:alder.example", str(last)) in kept) == is_kept


def test_a_refused_property_takes_nothing_from_others_on_the_last_look(ask: Any, sandbox: str) -> None:
    """403 forbidden is no trouble of one day: the other property's last look is kept."""
    _, kept = read_flaky(ask, sandbox, LAST, status=403, reason="forbidden")
    assert ("sc-domain:alder.example", str(LAST)) in kept


# --- the twin ---------------------------------------------------------------------------------------------------------


def test_the_twin_leaves_rows_out_when_there_are_none(put: Any) -> None:
    """Yesterday's final data do not exist yet: an answer without `rows`."""
    answer = put(startDate=str(DAY), endDate=str(DAY), dimensions=["page"]).json()
    assert answer == {"responseAggregationType": "byPage"}


@pytest.mark.parametrize(
    "body",
    [
        {"dimensions": ["hour"]},
        {"dimensions": ["page"], "aggregationType": "byProperty"},
        {"dimensions": ["query", "query"]},
        {"dimensions": ["shoe"]},
        {"dimensions": ["device"], "type": "discover"},
        {"dimensions": ["query"], "type": "googleNews"},
        {"dimensions": ["searchAppearance", "query"]},
        {"rowLimit": 25_001},
        {"rowLimit": 0},
        {"startRow": -1},
        {"startDate": "yesterday"},
        {"startDate": "2026-10-02", "endDate": "2026-10-01"},
        {"dimensionFilterGroups": [{"filters": [{"dimension": "date", "expression": "x"}]}]},
        {
            "aggregationType": "BY_PROPERTY",
            "dimensionFilterGroups": [{"filters": [{"dimension": "page", "expression": "x"}]}],
        },
    ],
)
def test_the_twin_refuses_what_google_refuses(put: Any, body: dict[str, Any]) -> None:
    """400 in the envelope."""
    answer = put(**body)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == 400


def test_the_twin_sorts_by_clicks_in_floats(put: Any) -> None:
    """Rows by clicks, the most first; all metrics are floating-point; ctr is a share. By date alone: by date."""
    rows = put(dimensions=["query", "page"]).json()["rows"]
    clicks = [r["clicks"] for r in rows]
    assert clicks == sorted(clicks, reverse=True)
    assert {type(r[name]) for r in rows for name in ("clicks", "impressions", "ctr", "position")} == {float}
    assert all(r["ctr"] == r["clicks"] / r["impressions"] for r in rows)
    days = [r["keys"][0] for r in put(startDate=str(DAY - timedelta(days=9)), dimensions=["date"]).json()["rows"]]
    assert days == sorted(days)


def test_the_twin_weighs_positions_by_impressions(put: Any) -> None:
    """Fewer dimensions are sums of more, and positions are averages weighted by impressions."""
    first = str(DAY - timedelta(days=8))
    fine = put(startDate=first, dimensions=["DATE", "QUERY", "PAGE", "COUNTRY", "DEVICE"], rowLimit=25_000).json()[
        "rows"
    ]
    coarse = put(startDate=first, dimensions=["page"], rowLimit=25_000).json()["rows"]
    shown = [r for r in coarse if r["keys"][0] in {f["keys"][2] for f in fine}]
    assert shown
    for r in shown:
        mine = [f for f in fine if f["keys"][2] == r["keys"][0]]
        assert sum(f["impressions"] for f in mine) <= r["impressions"]
    named = put(startDate=first, dimensions=["query", "page"], rowLimit=25_000).json()["rows"]
    for r in named:
        mine = [f for f in fine if f["keys"][1:3] == r["keys"]]
        assert sum(f["impressions"] for f in mine) == r["impressions"]
        assert sum(f["clicks"] for f in mine) == r["clicks"]
        weighted = sum(f["impressions"] * f["position"] for f in mine) / r["impressions"]
        assert r["position"] == pytest.approx(weighted)


def test_the_twin_hides_rare_questions_from_rows_and_not_from_totals(put: Any, world: World) -> None:
    """By page, rows with questions add up to the total where all questions are named, and to less elsewhere."""
    for site in SITES:
        named = put(site, dimensions=["query", "page"], rowLimit=25_000).json()["rows"]
        total = put(site, aggregationType="byPage").json()["rows"][0]
        assert "keys" not in total
        hidden = any(is_anonymous(f"{site}.example", keyword) for keyword in world.keywords)
        assert (sum(r["impressions"] for r in named) < total["impressions"]) == hidden


def test_the_twin_counts_an_impression_of_two_pages_once_by_property(put: Any) -> None:
    """By property a question is counted once, at its topmost page; by page once per page."""
    by_page = put(dimensions=["query"], aggregationType="byPage").json()
    by_property = put(dimensions=["query"]).json()
    assert (by_page["responseAggregationType"], by_property["responseAggregationType"]) == ("byPage", "byProperty")
    many = {r["keys"][0]: r for r in by_page["rows"]}
    once = {r["keys"][0]: r for r in by_property["rows"]}
    assert set(many) == set(once)
    assert all(once[q]["impressions"] <= many[q]["impressions"] for q in once)
    assert all(once[q]["position"] <= many[q]["position"] for q in once)
    assert any(once[q]["impressions"] < many[q]["impressions"] for q in once)


def test_the_twin_filters(put: Any) -> None:
    """Filters on dimensions that are not grouped by."""
    page = put(dimensions=["page"]).json()["rows"][0]["keys"][0]
    only = {"dimension": "page", "operator": "EQUALS", "expression": page}
    rows = put(dimensions=["query", "page"], dimensionFilterGroups=[{"filters": [only]}]).json()["rows"]
    assert {r["keys"][1] for r in rows} == {page}
    mobile = {"dimension": "device", "expression": "mobile"}
    rows = put(dimensions=["device"], dimensionFilterGroups=[{"filters": [mobile]}]).json()["rows"]
    assert [r["keys"] for r in rows] == [["MOBILE"]]


def test_the_twin_says_which_days_are_unfinished(put: Any) -> None:
    """`all` by date names the first incomplete day; hours need hourly_all and carry Pacific time."""
    answer = put(startDate=str(DAY - timedelta(days=5)), endDate=str(DAY), dimensions=["date"], dataState="all").json()
    assert answer["metadata"] == {"firstIncompleteDate": str(DAY - timedelta(days=2))}
    assert answer["rows"][-1]["keys"] == [str(DAY - timedelta(days=1))]
    hours = put(dimensions=["hour"], dataState="HOURLY_ALL").json()["rows"]
    assert all(r["keys"][0].endswith(":00:00-07:00") for r in hours)


def test_the_twin_signs_in_as_google_does(put: Any, sandbox: str) -> None:
    """No token and an expired one: 401; somebody else's property: 403; the rows come 1,000 at most by default."""
    assert httpx.get(f"{sandbox}/{DAY}/search_console/webmasters/v3/sites").status_code == 401
    assert put(token="expired").status_code == 401
    refused = put("other")
    assert refused.status_code == 403
    assert refused.json()["error"]["errors"][0]["reason"] == "forbidden"
    first = str(DAY - timedelta(days=120))
    rows = put(startDate=first, dimensions=["date", "query", "page"]).json()["rows"]
    assert len(rows) == 1000
