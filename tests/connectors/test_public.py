"""Addresses given by people: their spelling, which hosts may be reached, and where a connection goes."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from ipaddress import IPv4Address
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from connectors import errors, public
from connectors.base import Ask
from connectors.http import Http
from connectors.public import NotPublic, TooLong, addresses, is_public, unpacked, web_address
from connectors.sandbox.server import running

AT = datetime(2026, 10, 14, 12, tzinfo=UTC)
HERE = ("93.184.215.14", "2606:4700::1111")
Names = Callable[..., list[str]]


def question(**settings: Any) -> Ask:
    """A question to whole addresses, with one more try after a failure."""
    known = {"requests_per_second": 1e6, "retries": 1, "retry_wait_seconds": 0.0, "timeout_seconds": 5.0} | settings
    return Ask(SimpleNamespace(**known, url_for=lambda day: ""), AT.date(), AT)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """A name server that answers as told, names("h.example", ["1.1.1.1"], [...]): one list per question, the last for
    ever. Returns the list of the names it was asked about.
    """
    known: dict[str, list[list[str]]] = {}
    asked: list[str] = []
    system = socket.getaddrinfo

    def resolve(host: str, port: int, *args: Any, **more: Any) -> Any:
        if host == "127.0.0.1":  # the connection itself, by number
            return system(host, port, *args, **more)
        asked.append(host)
        answers = known.get(host)
        if not answers:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (number, port)) for number in found]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)

    def tell(host: str, *answers: list[str]) -> list[str]:
        known[host] = list(answers)
        return asked

    return tell


class Line:
    """What was sent to which address; answers by address, an exception or a response."""

    def __init__(self, **answers: Any) -> None:
        self.sent: list[httpx.Request] = []
        self.answers = answers

    def respond(self, request: httpx.Request) -> httpx.Response:
        """The answer of an address, else an empty one."""
        self.sent.append(request)
        answer: Any = self.answers.get(request.url.path.strip("/"), httpx.Response(200, text="fine"))
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, stream=answer.stream)

    def http(self, **settings: Any) -> Http:
        """A client of whole addresses on this line."""
        transport = httpx.MockTransport(self.respond)
        return Http("feeds", question(**settings), is_public=True, transport=transport, sleep=lambda _: None)


# --- spelling --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("https://a.example/feed?x=1#top", "https://a.example/feed?x=1"),
        ("  A.example/Feed ", "https://a.example/Feed"),
        ("//a.example", "https://a.example/"),
        ("feed://a.example/rss", "https://a.example/rss"),
        ("feed:https://a.example/rss", "https://a.example/rss"),
        ("feed:http://a.example/rss", "http://a.example/rss"),
        ("http://a.example:80/ü", "http://a.example/%C3%BC"),
        ("a.example:8080/x", "https://a.example:8080/x"),
        ("http://bücher.example/", "http://xn--bcher-kva.example/"),
        ("http://0177.1/", "http://127.0.0.1/"),
        ("http://2130706433/", "http://127.0.0.1/"),
        ("http://0x7f.0.0.1/", "http://127.0.0.1/"),
        ("http://[::FFFF:127.0.0.1]/", "http://[::ffff:7f00:1]/"),
    ],
)
def test_addresses_have_one_spelling(text: str, address: str) -> None:
    """What people write becomes what is sent, numbers in every base included; writing it again changes nothing."""
    assert web_address(text) == address
    assert web_address(address) == address


@pytest.mark.parametrize(
    "text",
    ["", " ", "ftp://a.example/x", "file:///etc/passwd", "gopher://a.example/", "https://", "http://a b/", "http://[::1",
     "https://u:p@a.example/", "https://u@a.example/", "u:p@a.example", "http://a.example:99999/", "http://256.1.1.1.1/"],
)  # fmt: skip
def test_what_is_no_address_is_said(text: str) -> None:
    """Other schemes, broken addresses, and names with passwords are refused in words that do not repeat them."""
    with pytest.raises(ValueError, match=r"^(this is not a web address|an address that holds a name and a password)"):
        web_address(text)


# --- which addresses are public --------------------------------------------------------------------------------------

CLOSED = (
    "127.0.0.1", "127.255.0.3", "0.0.0.0", "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "100.100.100.200", "192.0.0.192", "168.63.129.16", "192.0.2.1", "198.18.0.1", "198.51.100.7", "203.0.113.9",
    "192.88.99.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1",
    "fd00:ec2::254", "fec0::1", "ff02::1", "ff0e::1", "2001:db8::1", "3fff::1", "100::1", "5f00::1", "64:ff9b:1::1",
    "2001::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:c0a8:101::1",
)  # fmt: skip
OPEN = (*HERE, "8.8.8.8", "1.1.1.1", "172.32.0.1", "2a00:1450:4001::1", "::ffff:8.8.8.8", "64:ff9b::808:808")


@pytest.mark.parametrize("number", CLOSED)
def test_closed_addresses(number: str) -> None:
    """Loopback, private, link-local, metadata, reserved and documentation addresses are not public, in IPv6 neither."""
    assert not is_public(number)


@pytest.mark.parametrize("number", OPEN)
def test_open_addresses(number: str) -> None:
    """Addresses of the public internet are, also inside IPv6."""
    assert is_public(number)


@given(number=st.integers(0, 2**32 - 1))
def test_ipv4_inside_ipv6_is_judged_alike(number: int) -> None:
    """Whatever the IPv4 address: mapped, translated and tunnelled forms are public exactly when it is."""
    four = IPv4Address(number)
    tunnelled = f"2002:{number >> 16:x}:{number & 0xFFFF:x}::1"
    assert {is_public(form) for form in (f"::ffff:{four}", f"64:ff9b::{four}", tunnelled)} == {is_public(str(four))}


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0177.0.0.1", "0x7f.1", "127.1", "::1", "localhost"])
def test_numbers_in_any_base_are_resolved_and_refused(host: str) -> None:
    """The system's own reading of a host decides: decimal, octal, hex and short forms of loopback are refused."""
    with pytest.raises(NotPublic, match="only public ones are read"):
        addresses(host, 80)


def test_one_closed_address_closes_the_host(names: Names) -> None:
    """A host that leads to a public and a private address is refused; one that leads to two public ones has both."""
    names("mixed.example", [HERE[0], "10.0.0.5"])
    names("good.example", [*HERE, HERE[0]])
    with pytest.raises(NotPublic, match=r"mixed\.example leads to 10\.0\.0\.5"):
        addresses("mixed.example", 443)
    assert addresses("good.example", 443) == list(HERE)


# --- the connection --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "host"), zip(HERE, ("93.184.215.14", "[2606:4700::1111]"), strict=True))
def test_the_checked_address_is_the_one_connected_to(names: Names, number: str, host: str) -> None:
    """The connection goes to the number; the header Host and the certificate's name stay the host's."""
    names("h.example", [number])
    line = Line()
    assert line.http().get("https://h.example:8443/feed?a=b").text == "fine"
    [sent] = line.sent
    assert str(sent.url) == f"https://{host}:8443/feed?a=b"
    assert (sent.headers["host"], sent.extensions["sni_hostname"]) == ("h.example:8443", "h.example")


def test_a_name_that_changes_its_answer_gains_nothing(names: Names) -> None:
    """Each request asks the name once and connects to that answer; when it turns private the request is refused."""
    asked = names("turn.example", [HERE[0]], ["127.0.0.1"])
    line = Line()
    http = line.http()
    assert http.get("http://turn.example/").status == 200
    with pytest.raises(errors.NotPermitted, match=r"turn\.example leads to 127\.0\.0\.1"):
        http.get("http://turn.example/")
    assert asked == ["turn.example"] * 2
    assert [sent.url.host for sent in line.sent] == [HERE[0]]


def test_a_refused_host_is_not_tried_again(names: Names) -> None:
    """No connection is made and no second try, and the error is no end of the other questions."""
    asked = names("inside.example", ["169.254.169.254"])
    line = Line()
    with pytest.raises(errors.NotPermitted) as caught:
        line.http(retries=4).get("http://inside.example/latest/meta-data/")
    assert (line.sent, asked, caught.value.is_fatal) == ([], ["inside.example"], False)


def test_an_unknown_name_is_unavailable(names: Names) -> None:
    """A name without address is tried again, then told with the host."""
    asked = names("other.example", [HERE[0]])
    with pytest.raises(errors.Unavailable, match=r"ConnectError at gone\.example: this name has no address"):
        Line().http().get("https://gone.example/feed")
    assert asked == ["gone.example"] * 2


def test_the_next_address_is_tried(names: Names) -> None:
    """Where the first address cannot be reached the second is; a line that breaks later is not such a case."""
    names("two.example", list(HERE))
    line = Line(feed=httpx.ConnectError("refused"))
    with pytest.raises(errors.Unavailable, match="refused"):
        line.http(retries=0).get("https://two.example/feed")
    assert [sent.url.host for sent in line.sent] == list(HERE)
    line = Line(feed=httpx.ReadTimeout("slow"))
    with pytest.raises(errors.Unavailable, match="slow"):
        line.http(retries=0).get("https://two.example/feed")
    assert [sent.url.host for sent in line.sent] == [HERE[0]]


def test_redirects_are_handed_back(names: Names) -> None:
    """The transport follows none by itself: each hop is a request, and checked, of its own."""
    names("h.example", [HERE[0]])
    line = Line(feed=httpx.Response(302, headers={"Location": "http://127.0.0.1/"}))
    answer = line.http()
    with pytest.raises(errors.BadRequest, match="HTTP 302"):
        answer.get("http://h.example/feed")
    assert len(line.sent) == 1


@pytest.fixture
def loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loopback counts as public, for tests that need a real server."""
    monkeypatch.setattr(public, "is_public", lambda number: number == "127.0.0.1")


@pytest.fixture
def server() -> Iterator[str]:
    """A server that tells the host it was asked for and the port it was asked from."""

    async def tell(request: Request) -> JSONResponse:
        return JSONResponse({"host": request.headers["host"], "from": request.client.port if request.client else 0})

    with running(Starlette(routes=[Route("/", tell)])) as address:
        yield address.rpartition(":")[2]


def test_a_real_connection(names: Names, loopback: None, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server sees the host's name; no proxy of the machine comes between; no connection serves a second name."""
    for variable in ("HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    names("a.example", ["127.0.0.1"])
    names("b.example", ["127.0.0.1"])
    with Http("feeds", question(), is_public=True) as http:
        seen = [http.get(f"http://{name}.example:{server}/").json() for name in "ab"]
    assert [s["host"] for s in seen] == [f"a.example:{server}", f"b.example:{server}"]
    assert seen[0]["from"] != seen[1]["from"]


def test_the_certificate_is_asked_of_the_name(names: Names, loopback: None) -> None:
    """A TLS connection to the number names the host, so that the host's certificate is sent and checked."""
    heard: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sni_callback = lambda _socket, name, _context: heard.append(name)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(5)

    def shake_hands() -> None:
        line, _ = listener.accept()
        with line, pytest.raises(OSError):  # the server has no certificate: it only listens to the greeting
            context.wrap_socket(line, server_side=True)

    thread = threading.Thread(target=shake_hands)
    thread.start()
    names("secure.example", ["127.0.0.1"])
    with pytest.raises(errors.Unavailable), Http("feeds", question(retries=0), is_public=True) as http:
        http.get(f"https://secure.example:{listener.getsockname()[1]}/")
    thread.join(5)
    listener.close()
    assert heard == ["secure.example"]


def test_other_sources_reach_every_host(server: str) -> None:
    """Without `is_public` nothing is checked: a service's own address is ours, not people's."""
    with Http("source", question()) as http:
        assert http.get(f"http://127.0.0.1:{server}/").status == 200


# --- bodies ----------------------------------------------------------------------------------------------------------


@given(chunks=st.lists(st.binary(max_size=40)), most=st.integers(0, 200), is_zipped=st.booleans())
def test_bodies_come_whole_or_not_at_all(chunks: list[bytes], most: int, is_zipped: bool) -> None:
    """However a body is cut in pieces: within the limit every byte comes, above it an error does."""
    whole = b"".join(chunks)
    sent = [bytes([b]) for b in gzip.compress(whole)] if is_zipped else chunks
    found = unpacked(sent, "gzip" if is_zipped else "", most)
    if len(whole) <= most:
        assert b"".join(found) == whole
    else:
        with pytest.raises(TooLong, match=f"longer than {most:,} bytes"):
            list(found)


def test_a_long_or_broken_body_is_told(names: Names) -> None:
    """Too long, and a small answer that unpacks into a huge one, is a bad answer, asked once; a broken zip is tried
    again; a whole zip is read; only gzip is asked for.
    """
    names("h.example", [HERE[0]])
    line = Line(
        long=httpx.Response(200, content=b"0" * (public.MOST_BYTES + 1)),
        bomb=zipped(gzip.compress(b"0" * (public.MOST_BYTES + 1))),
        broken=zipped(b"\x1f\x8b\x08no zip"),
        whole=zipped(gzip.compress("fünf".encode())),
    )
    http = line.http()
    for path in ("long", "bomb"):
        with pytest.raises(errors.BadAnswer, match="longer than"):
            http.get(f"http://h.example/{path}")
    assert len(line.sent) == 2
    with pytest.raises(errors.Unavailable, match="cannot be unzipped"):
        http.get("http://h.example/broken")
    assert len(line.sent) == 4
    assert http.get("http://h.example/whole").text == "fünf"
    assert {sent.headers["accept-encoding"] for sent in line.sent} == {"gzip"}


def zipped(body: bytes) -> httpx.Response:
    """A response whose body is sent as it stands and declared to be gzip."""
    return httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=httpx.ByteStream(body))


def test_a_zip_of_either_kind() -> None:
    """Gzip and zlib are both unpacked; what claims neither is handed through."""
    assert b"".join(unpacked([zlib.compress(b"abc")], "deflate")) == b"abc"
    assert b"".join(unpacked([gzip.compress(b"abc")], "x-gzip")) == b"abc"
    assert b"".join(unpacked([b"abc"], "br")) == b"abc"
