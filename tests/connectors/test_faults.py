"""The sandbox's faults do what they say, as a plain HTTP client sees them."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from connectors.sandbox.faults import Fault, Faults
from connectors.sandbox.server import build_app, running
from connectors.sandbox.world import TRUTH, World

PATH = "/2026-10-14/hatena/count/entries"


@pytest.fixture(scope="module")
def faults() -> Faults:
    """The switchboard of this module's sandbox."""
    return Faults()


@pytest.fixture(scope="module")
def server(world: World, faults: Faults) -> Iterator[str]:
    """A sandbox of its own, because requests are counted here."""
    with running(build_app(world, speed=1e6, faults=faults)) as address:
        yield address


@pytest.fixture
def client(server: str, faults: Faults, world: World) -> Iterator[httpx.Client]:
    """A plain client; every test begins without faults and with counters at 0."""
    faults.active, faults.served = [], {}
    with httpx.Client(base_url=server, params={"url": world.pages[0].url}) as client:
        yield client


def strike(faults: Faults, kind: str, times: int | None = None, platform: str = "hatena", chance: float = 1.0) -> None:
    """Switch one fault on."""
    faults.active.append(Fault(platform, kind, times, chance))


def test_no_fault(client: httpx.Client, world: World) -> None:
    """Without a fault the twin's answer arrives whole."""
    assert list(client.get(PATH).json()) == [world.pages[0].url]


@pytest.mark.parametrize("kind", ["400", "401", "404", "429", "500", "503"])
def test_statuses(client: httpx.Client, faults: Faults, kind: str) -> None:
    """A number is that status with an empty body."""
    strike(faults, kind)
    answer = client.get(PATH)
    assert (answer.status_code, answer.content) == (int(kind), b"")


def test_cut(client: httpx.Client, faults: Faults) -> None:
    """The connection ends inside the body: fewer bytes come than the headers promise."""
    strike(faults, "cut", times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        client.get(PATH)
    assert client.get(PATH).status_code == 200


def test_broken_json(client: httpx.Client, faults: Faults) -> None:
    """The body is half a document, while headers and status say that all is well."""
    whole = client.get(PATH)
    strike(faults, "broken_json")
    half = client.get(PATH)
    assert (half.status_code, half.headers["content-type"]) == (200, "application/json")
    assert half.content == whole.content[: len(whole.content) // 2]
    assert int(half.headers["content-length"]) == len(half.content)
    with pytest.raises(json.JSONDecodeError):
        half.json()


def test_html(client: httpx.Client, faults: Faults) -> None:
    """A web page comes instead of data, with status 200."""
    strike(faults, "html")
    answer = client.get(PATH)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html")
    assert answer.text.startswith("<!doctype html>")


def test_rename(client: httpx.Client, faults: Faults, world: World) -> None:
    """A field of the answer has another name, everywhere, and nothing else has changed."""
    url = world.pages[0].url
    before = client.get(PATH).json()
    strike(faults, f"rename:{url}")
    assert client.get(PATH).json() == {f"{url}_v2": before[url]}


def test_times_are_used_up(client: httpx.Client, faults: Faults) -> None:
    """A fault with times=2 hits two requests."""
    strike(faults, "500", times=2)
    assert [client.get(PATH).status_code for _ in range(4)] == [500, 500, 200, 200]


def test_faults_come_in_order(client: httpx.Client, faults: Faults) -> None:
    """The first fault that applies hits; when it is used up, the next one does."""
    strike(faults, "429", times=1)
    strike(faults, "503", times=1)
    assert [client.get(PATH).status_code for _ in range(3)] == [429, 503, 200]


@pytest.mark.parametrize(("platform", "hit"), [("hatena", True), ("*", True), ("reddit", False)])
def test_a_fault_has_its_platform(client: httpx.Client, faults: Faults, platform: str, hit: bool) -> None:
    """A fault hits its platform only, `*` all of them."""
    strike(faults, "500", platform=platform)
    assert (client.get(PATH).status_code == 500) is hit


def test_chance_is_drawn_from_the_seed(client: httpx.Client, faults: Faults) -> None:
    """A fault by chance hits some requests, and the same ones for the same seed."""
    strike(faults, "500", chance=0.5)
    runs = []
    for _ in range(2):
        faults.__post_init__()
        runs.append([client.get(PATH).status_code for _ in range(40)])
    assert runs[0] == runs[1]
    assert 8 < runs[0].count(500) < 32


def test_requests_are_counted(client: httpx.Client, faults: Faults) -> None:
    """Requests are counted by platform, the ones hit by a fault too; control requests are not counted."""
    strike(faults, "500", times=1)
    for _ in range(3):
        client.get(PATH)
    assert client.get("/_sandbox/served").json() == {"hatena": 3}


def test_faults_are_set_by_request(client: httpx.Client, faults: Faults) -> None:
    """POST /_sandbox/faults replaces the faults; control requests are never hit themselves."""
    strike(faults, "404", platform="*")
    wanted = [{"platform": "hatena", "kind": "503", "times": 1}]
    assert client.post("/_sandbox/faults", json=wanted).json() == {"active": 1}
    assert [client.get(PATH).status_code for _ in range(2)] == [503, 200]
    truth = {f"{platform} {verb}": words for (platform, verb), words in TRUTH.items()}
    assert client.get("/_sandbox/truth").json() == truth
