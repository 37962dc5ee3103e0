"""The web app as a process: served, refused where it would stand open, ended by Ctrl-C, and used in a real browser."""

from __future__ import annotations

import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
import typer
from argon2 import PasswordHasher

from connectors.errors import TallyrankError
from dashboards.web.app import make_app
from dashboards.web.password import VARIABLE, is_right
from dashboards.web.server import THREADS, WORKERS, ready_app
from pipelines.dashboard_cli import Wish, ask_password, serve_dashboard
from tests.conftest import REPOSITORY, TALLYRANK

RIGHT = "correct horse battery"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Certificate and key of this computer, of an authority of our own."""
    folder = tmp_path_factory.mktemp("tls")
    made = trustme.CA().issue_cert("localhost", "127.0.0.1")
    made.cert_chain_pems[0].write_to_path(str(folder / "certificate.pem"))
    made.private_key_pem.write_to_path(str(folder / "key.pem"))
    return folder / "certificate.pem", folder / "key.pem"


def environment(data: Path) -> dict[str, str]:
    """The environment of a process with a data folder and a password that is quick to check."""
    cheap = PasswordHasher(time_cost=1, memory_cost=64).hash(RIGHT)
    ours = {"TALLYRANK_DATA": str(data), "PYTHONPATH": str(REPOSITORY), VARIABLE: cheap, "PYTHONUNBUFFERED": "1"}
    return {k: v for k, v in os.environ.items() if not k.startswith("TALLYRANK_")} | ours


@contextmanager
def served(data: Path, *options: str | Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The address of the app served by the command, in a process of its own, and the process."""
    command = [*TALLYRANK, "dashboard", "--port", "0", *map(str, options)]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment(data), cwd=data, start_new_session=True, **pipes) as process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            found = re.fullmatch(r"served on (https?://\S+) \(Ctrl-C ends it\)\n", said)
            assert found, said
            yield found[1], process
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory, certificate: tuple[Path, Path]) -> Iterator[str]:
    """The address of the app over https, with a password."""
    with served(tmp_path_factory.mktemp("data"), "--certificate", certificate[0], "--key", certificate[1]) as (
        found,
        _,
    ):
        yield found


def get(address: str, **headers: str) -> tuple[int, str, dict[str, str]]:
    """Status, words and headers of an answer; any certificate will do."""
    request = urllib.request.Request(address, headers=headers)
    context = ssl._create_unverified_context() if address.startswith("https") else None
    try:
        with urllib.request.urlopen(request, timeout=60, context=context) as answer:
            return answer.status, answer.read().decode(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), dict(error.headers)


def test_it_is_served_on_loopback_and_ends_on_ctrl_c(tmp_path: Path) -> None:
    """Without options: this computer, no password; a missing warehouse is told there and here; Ctrl-C is a good end."""
    with served(tmp_path) as (address, process):
        assert address.startswith("http://127.0.0.1:")
        status, words, headers = get(f"{address}/")
        assert (status, headers["Server"]) == (200, "gunicorn")
        assert "does not exist yet" in words
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers too
        _, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert err.startswith(f"{tmp_path / 'warehouse.duckdb'} does not exist yet; until `tallyrank analyze`")
    assert err.count("\n") == 1


def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    """The line says which port, and what to do; the exit code is 1."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = str(taken.getsockname()[1])
        command = [*TALLYRANK, "dashboard", "--port", port]
        done = subprocess.run(
            command, env=environment(tmp_path), capture_output=True, text=True, timeout=60, check=False
        )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"tallyrank: port {port} of 127.0.0.1 is in use; stop what uses it")
    assert "Traceback" not in done.stderr


def test_a_new_worker_answers_a_browser_that_asks_for_all_at_once(tmp_path: Path) -> None:
    """Every bundle is there, though the first questions to a worker come together."""
    page = make_app(tmp_path / "none.duckdb").server.test_client().get("/").text
    named = re.findall(r'src="(/_dash-component-suites/[^"]+)"', page)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # threads come between each other more often
    try:
        for _ in range(8):
            app = ready_app(tmp_path / "none.duckdb", None)
            with ThreadPoolExecutor(len(named)) as pool:
                answers = pool.map(lambda path, app=app: app.server.test_client().get(path).status_code, named)
            assert set(answers) == {200}
    finally:
        sys.setswitchinterval(before)


HERE = "127.0.0.1"


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (Wish("0.0.0.0", 0, None, None, False), "others can reach the app"),
        (Wish("::", 0, None, None, False), "others can reach the app"),
        (Wish("192.0.2.1", 0, None, None, False), "others can reach the app"),
        (Wish("0.0.0.0", 0, None, None, True), "no password is set"),
        (Wish(HERE, 0, None, None, True), "no password is set"),
        (Wish(HERE, 0, Path("c.pem"), Path("k.pem"), False), "no password is set"),
    ],
)
def test_nothing_stands_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wish: Wish, words: str) -> None:
    """Where others could look, a password and https are needed: refused before a socket is opened."""
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(TallyrankError, match=words):
        serve_dashboard(tmp_path, wish)


@pytest.mark.parametrize(
    "wish",
    [
        Wish("example.com", 0, None, None, False),
        Wish(HERE, 0, Path("c.pem"), None, False),
        Wish(HERE, 0, Path("c.pem"), Path("k.pem"), True),
    ],
)
def test_wrong_usage_is_told(tmp_path: Path, wish: Wish) -> None:
    """Options that do not fit together, or name no address, are wrong usage."""
    with pytest.raises(typer.BadParameter):
        serve_dashboard(tmp_path, wish)


def test_an_address_of_another_computer_and_a_bad_certificate_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, certificate: tuple[Path, Path]
) -> None:
    """Each is an error in words that names what was given."""
    monkeypatch.setenv(VARIABLE, PasswordHasher(time_cost=1, memory_cost=64).hash(RIGHT))
    with pytest.raises(TallyrankError, match=r"cannot serve on 192\.0\.2\.1"):
        serve_dashboard(tmp_path, Wish("192.0.2.1", 0, *certificate, False))
    with pytest.raises(TallyrankError, match="cannot be used as certificate and key"):
        serve_dashboard(tmp_path, Wish(HERE, 0, certificate[1], certificate[1], False))


@pytest.mark.parametrize(
    ("typed", "words"),
    [([RIGHT, RIGHT], None), ([RIGHT, f"{RIGHT}x"], "not the same"), (["short"], "at least 12")],
)
def test_a_password_is_asked_for_twice(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    typed: list[str],
    words: str | None,
) -> None:
    """Typed twice alike it is set, else nothing is; it is never shown."""
    monkeypatch.delenv(VARIABLE, raising=False)
    answers = iter(typed)
    monkeypatch.setattr("typer.prompt", _prompt(answers))
    if words:
        with pytest.raises(TallyrankError, match=words):
            ask_password(tmp_path)
    else:
        ask_password(tmp_path)
    assert is_right(tmp_path / "web", RIGHT) is (words is None)
    assert RIGHT not in capsys.readouterr().out


def _prompt(answers: Iterator[str]) -> Callable[..., str]:
    """A person at the keyboard, whose typing must be hidden."""

    def prompt(_: str, *, hide_input: bool) -> str:
        assert hide_input
        return next(answers)

    return prompt


def test_visitors_who_fall_silent_stop_nobody(secured: str) -> None:
    """Half a handshake on every thread, and connections that say nothing: the next visitor is still answered."""
    port = int(secured.rsplit(":", 1)[1])
    with ExitStack() as open_ones:
        for n in range(WORKERS * THREADS * 2):
            silent = open_ones.enter_context(socket.create_connection(("127.0.0.1", port)))
            silent.sendall(b"\x16" if n % 2 else b"")
        assert get(f"{secured}/login")[0] == 200


def test_over_https_a_stranger_sees_the_sign_in_page(secured: str) -> None:
    """The page asked for leads to signing in; https is to stay."""
    status, words, headers = get(f"{secured}/verdicts")
    assert (status, headers["Strict-Transport-Security"]) == (200, "max-age=31536000")
    assert "Sign in" in words
    assert get(f"{secured}/_dash-layout")[0] == 401


def faults_of(page: Any) -> list[str]:
    """What the page complains of on the console, from now on."""
    found: list[str] = []
    page.on("console", lambda said: found.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


def test_in_a_browser_one_signs_in_looks_around_and_signs_out(browser: Any, secured: str) -> None:
    """Through the sign-in page to the page asked for, with nothing that the policy forbids; out again, and shut."""
    with closing(browser.new_context(ignore_https_errors=True)) as context:
        page = context.new_page()
        faults = faults_of(page)
        page.goto(f"{secured}/platforms")
        page.get_by_label("Password").fill(RIGHT)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("button", name="Sign out").wait_for()
        assert page.url.startswith(f"{secured}/platforms")
        assert page.evaluate("document.cookie") == ""
        (cookie,) = context.cookies()
        assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "Lax")
        page.get_by_role("button", name="Sign out").click()
        page.get_by_label("Password").wait_for()
        assert faults == []
        context.add_cookies([cookie])
        page.goto(f"{secured}/")
        assert page.url == f"{secured}/login"


def test_a_session_that_ended_meanwhile_leads_to_signing_in(browser: Any, secured: str) -> None:
    """Who clicks after the session ended is asked for the password, not left with a page that does nothing."""
    with closing(browser.new_context(ignore_https_errors=True)) as context:
        page = context.new_page()
        page.goto(f"{secured}/")
        page.get_by_label("Password").fill(RIGHT)
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Sign out").wait_for()
        context.clear_cookies()
        page.get_by_role("link", name="Platforms").first.click()
        page.wait_for_url("**/login?next=%2Fplatforms*")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_sign_in_page_works_without_scripts_for_everyone(browser: Any, secured: str, scheme: str) -> None:
    """A wrong password is said where the field is; axe finds no fault; a phone needs no sideways scrolling."""
    from axe_playwright_python.sync_playwright import Axe

    shape: dict[str, Any] = {"viewport": {"width": 360, "height": 640}, "color_scheme": scheme}
    with closing(browser.new_context(ignore_https_errors=True, bypass_csp=True, **shape)) as context:
        page = context.new_page()
        page.goto(f"{secured}/login")
        page.get_by_label("Password").fill("a wrong password")
        page.keyboard.press("Enter")
        assert page.get_by_role("alert").inner_text() == "That is not the password."
        assert Axe().run(page).response["violations"] == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    with closing(browser.new_context(ignore_https_errors=True, java_script_enabled=False)) as context:
        page = context.new_page()
        page.goto(f"{secured}/login")
        page.get_by_label("Password").fill(RIGHT)
        page.get_by_role("button", name="Sign in").click()
        assert page.get_by_role("heading", level=1).first.is_visible()
        assert "/login" not in page.url
