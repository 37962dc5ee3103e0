"""The HTTP client of all connectors: pace, retries, waits, errors in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from connectors import errors
from connectors.base import Ask, ask_in_batches
from connectors.http import LONGEST_WAIT_SECONDS, USER_AGENT, Answer, Http, by_status, retry_after
from connectors.pace import MARGIN
from connectors.records import Raw

AT = datetime(2026, 10, 14, 12, tzinfo=UTC)
SECRET = "s3cr3t-do-not-show"
GOOD = httpx.Response(200, json={"fine": True})


def question(**settings: Any) -> Ask:
    """A question whose source lives at a made-up address."""
    known = {"requests_per_second": 1e6, "retries": 4, "retry_wait_seconds": 1.0, "timeout_seconds": 5.0} | settings
    known["url_for"] = lambda day: "https://source.example/api"
    return Ask(SimpleNamespace(**known), AT.date(), AT)


class Line:
    """A line to a source that answers as it is told: one response or exception per request, the last for ever."""

    def __init__(self, *script: httpx.Response | Exception) -> None:
        self.script, self.sent, self.slept = list(script), [], []  # type: ignore[var-annotated]

    def respond(self, request: httpx.Request) -> httpx.Response:
        """The next entry of the script."""
        self.sent.append(request)
        entry = self.script[min(len(self.sent), len(self.script)) - 1]
        if isinstance(entry, Exception):
            raise entry
        return httpx.Response(entry.status_code, headers=entry.headers, content=entry.content)

    def http(self, ask: Ask | None = None, **more: Any) -> Http:
        """A client on this line; sleeping is only written down."""
        transport = httpx.MockTransport(self.respond)
        return Http("source", ask or question(), transport=transport, sleep=self.slept.append, **more)

    @property
    def waits(self) -> list[float]:
        """Waits between tries, without the tiny ones of the pace."""
        return [seconds for seconds in self.slept if seconds > 0.01]


def answer(status: int, text: str = "", **headers: str) -> Answer:
    """An answer written by hand."""
    return Answer("source", status, {name.replace("_", "-"): value for name, value in headers.items()}, text)


class TestPace:
    """The client keeps the pace that its settings allow."""

    def test_requests_keep_the_pace(self) -> None:
        """Every request waits for its turn, tries after a failure too, and is counted."""
        line = Line(httpx.Response(503), GOOD)
        ask = question(requests_per_second=0.01, retry_wait_seconds=0.0)
        line.http(ask).get("/x")
        assert [s for s in line.slept if s > 1] == [pytest.approx(100 * (1 + MARGIN), abs=1)]
        assert ask.meter.requests == len(line.sent) == 2


class TestRetry:
    """Only named transient failures are tried again, after the wait that the source or the settings ask for."""

    @pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
    def test_transient_statuses(self, status: int) -> None:
        """A passing trouble ends in the good answer."""
        line = Line(httpx.Response(status), httpx.Response(status), GOOD)
        assert line.http().get("/x").json() == {"fine": True}
        assert len(line.sent) == 3

    @pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 410, 413, 422, 451])
    def test_other_statuses(self, status: int) -> None:
        """What would fail again is asked once."""
        line = Line(httpx.Response(status), GOOD)
        with pytest.raises(errors.SourceError):
            line.http().get("/x")
        assert (len(line.sent), line.waits) == (1, [])

    @pytest.mark.parametrize(
        "trouble",
        [
            httpx.ConnectError("refused"),
            httpx.ReadTimeout("slow"),
            httpx.RemoteProtocolError("cut"),
            httpx.DecodingError("not gzip"),
        ],
        ids=lambda e: type(e).__name__,
    )
    def test_broken_lines(self, trouble: Exception) -> None:
        """A line that breaks is tried again, and named by kind and host when it stays broken."""
        line = Line(trouble, GOOD)
        assert line.http().get("/x").status == 200
        dead = Line(trouble)
        with pytest.raises(errors.Unavailable, match=f"{type(trouble).__name__} at source.example"):
            dead.http().get("/x")
        assert len(dead.sent) == 5

    def test_tries_are_limited(self) -> None:
        """`retries` tries after the first, then the last failure; waits double."""
        line = Line(httpx.Response(503))
        with pytest.raises(errors.Unavailable):
            line.http(question(retries=3)).get("/x")
        assert (len(line.sent), line.waits) == (4, [1.0, 2.0, 4.0])

    def test_no_retries(self) -> None:
        """With retries=0 there is one try."""
        line = Line(httpx.Response(500))
        with pytest.raises(errors.Unavailable):
            line.http(question(retries=0)).get("/x")
        assert len(line.sent) == 1

    def test_waits_have_an_end(self) -> None:
        """Doubling stops at the longest wait."""
        line = Line(httpx.Response(503))
        with pytest.raises(errors.Unavailable):
            line.http(question(retries=9)).get("/x")
        assert max(line.waits) == LONGEST_WAIT_SECONDS

    @pytest.mark.parametrize("status", [429, 503])
    def test_retry_after_is_obeyed(self, status: int) -> None:
        """The source's own number of seconds is waited, not ours."""
        line = Line(httpx.Response(status, headers={"Retry-After": "17"}), GOOD)
        line.http().get("/x")
        assert line.waits == [17.0]

    def test_a_wait_too_long_is_no_wait(self) -> None:
        """A source that asks for more patience than a run has fails at once, with its wait."""
        line = Line(httpx.Response(429, headers={"Retry-After": "3600"}), GOOD)
        with pytest.raises(errors.RateLimited) as caught:
            line.http().get("/x")
        assert (caught.value.retry_after, len(line.sent), line.waits) == (3600.0, 1, [])

    def test_a_rule_of_its_own(self) -> None:
        """A platform's own reading of answers decides what is tried again, at HTTP 200 too."""

        def classify(given: Answer) -> errors.SourceError | None:
            return errors.RateLimited("source", "busy", 2.0) if "busy" in given.text else None

        line = Line(httpx.Response(200, text="busy"), GOOD)
        assert line.http(classify=classify).get("/x").json() == {"fine": True}
        assert line.waits == [2.0]

    def test_headers_may_slow_the_pace(self) -> None:
        """`after` sees every answer and may ask for a pause before the next request."""
        line = Line(httpx.Response(200, headers={"X-Left": "0"}, json={}))
        http = line.http(after=lambda given, pace: pace.pause(60) if given.headers["x-left"] == "0" else None)
        http.get("/x")
        http.get("/x")
        assert line.waits == [pytest.approx(60, abs=1)]


class TestRequests:
    """What is sent."""

    def test_address_parameters_and_name(self) -> None:
        """Paths stand below the base address, parameters may repeat, common ones are added, we say who we are."""
        line = Line(GOOD)
        line.http(params={"key": "k"}, headers={"X-A": "b"}).get("/x", [("url", "a&b"), ("url", "é")])
        [sent] = line.sent
        assert str(sent.url) == "https://source.example/api/x?key=k&url=a%26b&url=%C3%A9"
        assert (sent.headers["user-agent"], sent.headers["x-a"]) == (USER_AGENT, "b")

    def test_post(self) -> None:
        """Forms and JSON are posted, and retried like questions."""
        line = Line(httpx.Response(500), GOOD)
        line.http().post("/x", data={"a": "b"})
        assert [(r.method, r.content) for r in line.sent] == [("POST", b"a=b")] * 2

    def test_a_client_closes(self) -> None:
        """A client is a context; after it nothing can be sent."""
        line = Line(GOOD)
        with line.http() as http:
            http.get("/x")
        with pytest.raises(RuntimeError):
            http.get("/x")


class TestSecrets:
    """A secret in an address or a header shows nowhere."""

    TROUBLES: tuple[httpx.Response | Exception, ...] = (
        *(httpx.Response(status, text="no") for status in (400, 401, 403, 404, 429, 500)),
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
        httpx.UnsupportedProtocol("what"),
    )

    @pytest.mark.parametrize("trouble", TROUBLES, ids=lambda t: getattr(t, "status_code", type(t).__name__))
    def test_not_in_errors(self, trouble: httpx.Response | Exception, caplog: pytest.LogCaptureFixture) -> None:
        """Neither the error, nor what caused it, nor the log holds a token from the address or the headers."""
        caplog.set_level("INFO")
        http = Line(trouble).http(question(retries=1), params={"key": SECRET}, headers={"Authorization": SECRET})
        with pytest.raises(errors.SourceError) as caught:
            http.get("/x", {"token": SECRET})
        assert not any(SECRET in f"{e!r} {e}" for e in chain(caught.value))
        assert SECRET not in caplog.text

    def test_not_in_bad_answers(self) -> None:
        """A bad answer says its length and type: no address, and no words of the body, which may be people's."""
        http = Line(httpx.Response(200, text="<html>" + "x" * 500)).http(params={"key": SECRET})
        with pytest.raises(errors.BadAnswer) as caught:
            http.get("/x").json()
        assert SECRET not in str(caught.value)
        assert len(str(caught.value)) < 200
        assert "HTTP 200, but not JSON: 506 characters" in str(caught.value)
        assert "<html>" not in str(caught.value)

    def test_not_from_a_header_that_cannot_be_sent(self, ask: Any, connectors: Any) -> None:
        """A key with a control character inside is a configuration error that does not repeat it; ends are stripped."""
        pinterest = connectors["pinterest"]
        rows = list(pinterest.stream("pins").fetch(ask(pinterest, token="s3cr\n3t")))
        assert [(r.error or "").partition(":")[0] for r in rows] == ["ConfigurationError"]
        assert "s3cr" not in str(rows)
        assert ask(pinterest, token=" s3cr3t\n").settings.token.get_secret_value() == "s3cr3t"


def test_an_outage_stops_the_asking() -> None:
    """After three batches in a row that could not be reached, the rest fails with the same words and is not asked."""
    asked: list[str] = []

    def answer(urls: list[str]) -> list[Raw]:
        asked.extend(urls)
        raise errors.Unavailable("source", "down")

    rows = list(ask_in_batches(question(concurrency=1), [f"u{n}" for n in range(9)], 1, answer))
    assert asked == ["u0", "u1", "u2"]
    assert [r.error for r in rows] == ["Unavailable: down"] * 9


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what a traceback would show as its causes."""
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


class TestByStatus:
    """The common meaning of statuses."""

    @pytest.mark.parametrize(
        ("statuses", "kind"),
        [
            ((400, 405, 409, 413, 414, 415, 422, 501, 301, 302, 304), errors.BadRequest),
            ((401,), errors.AuthError),
            ((402,), errors.WalletEmpty),
            ((403,), errors.NotPermitted),
            ((404, 410, 451), errors.Gone),
            ((429,), errors.RateLimited),
            ((408, 500, 502, 503, 504, 520, 529), errors.Unavailable),
        ],
    )
    def test_table(self, statuses: tuple[int, ...], kind: type[errors.SourceError]) -> None:
        """Each status has one class, with status and words of the source."""
        for status in statuses:
            error = by_status(answer(status, "the words"))
            assert type(error) is kind
            assert str(error) == f"source: HTTP {status}: the words"

    @pytest.mark.parametrize("status", [200, 201, 202, 204, 206])
    def test_success(self, status: int) -> None:
        """2xx is no error."""
        assert by_status(answer(status)) is None

    def test_words_are_short(self) -> None:
        """A page of HTML does not become the message."""
        assert len(str(by_status(answer(500, "x" * 10_000)))) < 250

    @pytest.mark.parametrize(
        ("value", "seconds"),
        [("17", 17.0), ("0", 0.0), ("1.5", 1.5), ("", None), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("-3", None)],
    )
    def test_retry_after(self, value: str, seconds: float | None) -> None:
        """Only a plain number of seconds is read."""
        given = answer(429, retry_after=value)
        assert retry_after(given) == seconds
        assert getattr(by_status(given), "retry_after", 0) == seconds
        assert retry_after(answer(429)) is None


TREE: dict[type[errors.SourceError], Callable[[], errors.SourceError]] = {
    errors.RateLimited: lambda: errors.RateLimited("source", "words", 3.0),
    errors.QuotaExhausted: lambda: errors.QuotaExhausted("source", "words", AT),
    errors.BadAnswer: lambda: errors.BadAnswer("source", "words"),
}


@pytest.mark.parametrize("make", TREE.values(), ids=[kind.__name__ for kind in TREE])
def test_errors_cross_processes(make: Callable[[], errors.SourceError]) -> None:
    """An error that was pickled on its way between processes is the same error."""
    import pickle

    error = make()
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))
