"""Who may look: everybody on this computer, from elsewhere who knows the password; and what no answer tells."""

from __future__ import annotations

import base64
import hashlib
import re
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import flask
import pytest
from argon2 import PasswordHasher
from flask.testing import FlaskClient
from flask.wrappers import Response
from werkzeug.test import TestResponse

from dashboards.web.app import Frame, make_app
from dashboards.web.locks import Lock
from dashboards.web.password import VARIABLE, set_password

RIGHT, OTHER = "correct horse battery", "another long password"
HTTPS = "https://example.com"
CHEAP = PasswordHasher(time_cost=1, memory_cost=64).hash(RIGHT)  # a real hash that is quick to check


@pytest.fixture(autouse=True)
def _no_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a password is set."""
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "password").write_text(CHEAP)
    return tmp_path / "web"


@pytest.fixture
def locked(tmp_path: Path, folder: Path) -> Frame:
    """The app behind a password."""
    return make_app(tmp_path / "warehouse.duckdb", Lock(folder))


@pytest.fixture
def unlocked(tmp_path: Path) -> Frame:
    """The app on loopback."""
    return make_app(tmp_path / "warehouse.duckdb")


class Browser(FlaskClient):
    """A browser that asks over https unless told otherwise."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        return super().open(*args, **{"base_url": HTTPS, **kwargs})


def visitor(app: Frame) -> FlaskClient:
    """A browser with an empty jar of cookies."""
    return Browser(app.server, Response)


def with_copied(cookie: str, app: Frame) -> TestResponse:
    """What a browser gets that was given somebody's cookie."""
    return Browser(app.server, Response, use_cookies=False).get("/_dash-layout", headers={"Cookie": cookie})


def sign_in(client: FlaskClient, password: str = RIGHT, wanted: str = "/") -> TestResponse:
    """Fill in the form as a person would: whatever it carries is sent back."""
    page = client.get("/login", query_string={"next": wanted}).text
    hidden = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page))
    return client.post("/login", data=hidden | {"password": password})


PUBLIC = {"/login", "/logout"}


def test_every_address_needs_a_session(locked: Frame) -> None:
    """Whatever rule the app has, by any method, a stranger gets the way to the sign-in page or 401, and no more."""
    for rule in locked.server.url_map.iter_rules():
        path = re.sub(r"<[^>]*>", "x", rule.rule)
        for method in ("GET", "POST", "HEAD", "PUT", "OPTIONS"):
            if path in PUBLIC or path == "/_favicon.ico":
                continue
            answer = visitor(locked).open(path, method=method)
            assert answer.status_code in (303, 401), (method, path, answer.status)
            if answer.status_code == 303:
                assert answer.headers["Location"].startswith("/login")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 303), ("/verdicts?engine=google", 303), ("/csv/verdicts/x.csv", 401), ("/_dash-layout", 401),
        ("/_dash-dependencies", 401), ("/assets/session.js", 401), ("/assets/style.css", 200), ("/_favicon.ico", 200),
        ("/assets/../style.css", 401), ("/login/../_dash-layout", 303), ("//login", 303),
    ],
)  # fmt: skip
def test_pages_lead_to_signing_in_and_the_rest_is_refused(locked: Frame, path: str, status: int) -> None:
    """Pages redirect; data and machinery answer 401; only what the sign-in page is drawn with is open."""
    assert visitor(locked).get(path).status_code == status


def test_after_signing_in_one_is_where_one_wanted(locked: Frame) -> None:
    """The address asked for, with its choices, survives signing in; then the app answers."""
    client, wanted = visitor(locked), "/keyword?keyword=red+shoes%20%26%20more&page=%C3%A4"
    sent = client.get(wanted).headers["Location"]
    assert parse_qs(urlsplit(sent).query) == {"next": [wanted]}
    page = client.get(sent).text
    hidden = {k: v.replace("&amp;", "&") for k, v in re.findall(r'name="(\w+)" value="([^"]*)"', page)}
    answer = client.post("/login", data=hidden | {"password": RIGHT})
    assert (answer.status_code, answer.headers["Location"]) == (303, wanted)
    assert client.get("/_dash-layout").status_code == 200
    assert client.get("/login").headers["Location"] == "/"


def test_the_cookie_is_kept_from_scripts_and_from_http(locked: Frame) -> None:
    """The session's cookie: this host, https, no scripts, not from other sites' forms, twelve hours."""
    cookie = sign_in(visitor(locked)).headers["Set-Cookie"]
    parts = {part.strip().split("=")[0] for part in cookie.split(";")}
    assert {"Secure", "HttpOnly", "SameSite", "Path", "Expires"} <= parts
    assert "Domain" not in parts
    assert cookie.startswith("__Host-tallyrank=")
    assert "SameSite=Lax" in cookie
    assert "Path=/" in cookie


def test_a_wrong_password_is_told_and_opens_nothing(locked: Frame) -> None:
    """403, a sentence that a screen reader says, the form again, and still no session."""
    client = visitor(locked)
    answer = sign_in(client, OTHER)
    assert answer.status_code == 403
    assert 'role="alert">That is not the password.' in answer.text
    assert OTHER not in answer.text
    assert client.get("/_dash-layout").status_code == 401


def test_guessing_is_stopped_even_where_the_guess_is_right(locked: Frame, folder: Path) -> None:
    """After five attempts the sixth waits, though it is right: it is not looked at. Later it is."""
    assert [sign_in(visitor(locked), OTHER).status_code for _ in range(5)] == [403] * 5
    stopped = sign_in(visitor(locked))
    assert stopped.status_code == 429
    assert 1 <= int(stopped.headers["Retry-After"]) <= 2
    assert "too many attempts. Please try again in" in stopped.text
    with sqlite3.connect(folder / "visits.sqlite") as con:
        con.execute("UPDATE attempts SET at = at - 60")
    assert sign_in(visitor(locked)).status_code == 303


@pytest.mark.parametrize("token", ["", "wrong", "ä"])
def test_a_form_that_is_not_ours_is_not_looked_at(locked: Frame, folder: Path, token: str) -> None:
    """Without the token of its own page the right password opens nothing, and no attempt is counted."""
    client = visitor(locked)
    client.get("/login")
    answer = client.post("/login", data={"csrf": token, "password": RIGHT})
    assert answer.status_code == 400
    assert "This form was too old" in answer.text
    assert visitor(locked).post("/login", data={"csrf": token, "password": RIGHT}).status_code == 400
    with sqlite3.connect(folder / "visits.sqlite") as con:
        assert con.execute("SELECT count(*) FROM attempts").fetchone() == (0,)


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.example", "https://evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil.example",
        "/\n/evil.example", "javascript:alert(1)", "evil.example", "", "/login", "/logout", "/" + "x" * 2_000,
        "///evil.example", " //evil.example", "/\x7f/evil.example",
    ],
)  # fmt: skip
def test_no_address_leads_elsewhere(locked: Frame, wanted: str) -> None:
    """After signing in one stays here, whatever the link said."""
    assert sign_in(visitor(locked), wanted=wanted).headers["Location"] == "/"


def test_signing_out_ends_stolen_copies_too(locked: Frame) -> None:
    """After signing out a copied cookie opens nothing."""
    client = visitor(locked)
    cookie = sign_in(client).headers["Set-Cookie"].split(";")[0]
    assert with_copied(cookie, locked).status_code == 200
    assert client.post("/logout").headers["Location"] == "/login"
    assert client.get("/_dash-layout").status_code == 401
    assert with_copied(cookie, locked).status_code == 401
    assert client.post("/logout").status_code == 303


def test_a_new_password_ends_all_sessions(locked: Frame, folder: Path) -> None:
    """Whoever is signed in has to do it again, with the new one."""
    client = visitor(locked)
    sign_in(client)
    set_password(folder, OTHER)
    assert client.get("/_dash-layout").status_code == 401
    assert sign_in(client).status_code == 403
    assert sign_in(client, OTHER).status_code == 303


def test_without_a_password_file_nobody_is_in(locked: Frame, folder: Path) -> None:
    """Where the hash vanished, the app is shut, not open."""
    client = visitor(locked)
    sign_in(client)
    (folder / "password").unlink()
    assert client.get("/_dash-layout").status_code == 401
    assert sign_in(client, "").status_code == 403


def test_sessions_survive_a_restart(locked: Frame, tmp_path: Path, folder: Path) -> None:
    """Another worker, or the same one after a restart, knows the session."""
    cookie = sign_in(visitor(locked)).headers["Set-Cookie"].split(";")[0]
    again = make_app(tmp_path / "warehouse.duckdb", Lock(folder))
    assert with_copied(cookie, again).status_code == 200


def test_a_forged_cookie_opens_nothing(locked: Frame) -> None:
    """A cookie signed with another key, or with a made-up token under ours, is no session."""
    client = visitor(locked)
    with client.session_transaction(base_url=HTTPS) as session:
        session["token"] = "made up"
    assert client.get("/_dash-layout").status_code == 401
    other = flask.Flask("other")
    other.secret_key = "x"
    forged = other.session_interface.get_signing_serializer(other).dumps({"token": "x"})  # type: ignore[attr-defined]
    assert with_copied(f"__Host-tallyrank={forged}", locked).status_code == 401


@pytest.mark.parametrize(
    ("headers", "is_let_in"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "{ours}"}, False),
        ({"Origin": "{ours}"}, True),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "{ours}.evil.example"}, False),
        ({}, True),
    ],
)
@pytest.mark.parametrize("is_locked", [True, False])
def test_other_sites_cannot_ask_through_a_browser(
    request: pytest.FixtureRequest, headers: dict[str, str], is_let_in: bool, is_locked: bool
) -> None:
    """What another site makes a browser post is refused, on loopback as behind the password."""
    app = request.getfixturevalue("locked" if is_locked else "unlocked")
    client, ours = (visitor(app), HTTPS) if is_locked else (app.server.test_client(), "http://localhost")
    sent = {name: words.format(ours=ours) for name, words in headers.items()}
    answer = client.post("/_dash-update-component", json={}, headers=sent)
    assert (answer.status_code != 403) is is_let_in
    if not is_let_in:
        assert "another site" in answer.text


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200), ("localhost:8050", 200), ("127.0.0.1:1", 200), ("[::1]:8050", 200), ("LOCALHOST", 200),
        ("evil.example", 421), ("127.0.0.1.evil.example", 421), ("localhost.evil.example:8050", 421), ("10.0.0.1", 421),
        ("0.0.0.0", 421), ("127.0.0.1@evil.example", 421), ("[::2]", 421), ("", 421),
    ],
)  # fmt: skip
def test_on_loopback_no_other_name_is_answered(unlocked: Frame, host: str, status: int) -> None:
    """A website that points its name at this computer reaches nothing."""
    answer = unlocked.server.test_client().get("/_dash-layout", headers={"Host": host})
    assert answer.status_code in ((status,) if status == 200 else (status, 400))


def test_a_lock_is_for_https_only(locked: Frame) -> None:
    """Over http nothing is asked or answered, and a header that nobody was told to trust changes nothing."""
    client = locked.server.test_client()
    for headers in ({}, {"X-Forwarded-Proto": "https"}):
        answer = client.get("/login", headers=headers)
        assert (answer.status_code, "https only" in answer.text) == (403, True)


def test_one_proxy_is_believed(tmp_path: Path, folder: Path) -> None:
    """Behind a proxy, the scheme and the address it adds count: visitors wait each for themselves."""
    app = make_app(tmp_path / "warehouse.duckdb", Lock(folder, is_behind_proxy=True))

    def come(forwarded: str) -> int:
        client = app.server.test_client()
        client.environ_base |= {"HTTP_X_FORWARDED_PROTO": "https", "HTTP_X_FORWARDED_FOR": forwarded}
        with client.session_transaction(base_url="https://localhost") as session:
            session["csrf"] = "token"
        sent = {"csrf": "token", "password": OTHER}
        return client.post("/login", data=sent, base_url="https://localhost").status_code

    assert [come(f"192.0.2.{n}, 198.51.100.7") for n in range(6)] == [403] * 5 + [429]
    assert come("203.0.113.9") == 403
    assert app.server.test_client().get("/login").status_code == 403


def inline_scripts(page: str) -> list[str]:
    """The scripts that stand in a page itself and are run; comments are not."""
    page = re.sub(r"<!--.*?-->", "", page, flags=re.DOTALL)
    found = re.findall(r"<script([^>]*)>(.*?)</script>", page, flags=re.DOTALL)
    return [words for given, words in found if "src=" not in given and "application/json" not in given]


def test_the_policy_lets_in_dashs_own_scripts_and_no_others(unlocked: Frame) -> None:
    """Each inline script of the served page is named by its hash, there are no others, and nothing may be evaluated."""
    answer = unlocked.server.test_client().get("/")
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";"))
    hashes = {
        f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'"
        for s in inline_scripts(answer.text)
    }
    assert hashes
    assert set(policy["script-src"].split()) == hashes | {"'self'"}
    assert (policy["default-src"], policy["frame-ancestors"], policy["base-uri"]) == ("'none'",) * 3
    assert (policy["connect-src"], policy["form-action"]) == ("'self'", "'self'")


def test_the_sign_in_page_has_no_script(locked: Frame) -> None:
    """It works without any."""
    page = visitor(locked).get("/login").text
    assert "<script" not in page
    assert 'autocomplete="current-password"' in page


EVERYWHERE = {
    "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
}  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 303), ("GET", "/login", 200), ("POST", "/login", 400), ("GET", "/_dash-layout", 401),
        ("GET", "/assets/style.css", 200), ("PUT", "/login", 405), ("DELETE", "/_dash-layout", 401),
    ],
)  # fmt: skip
def test_every_answer_has_the_headers(locked: Frame, method: str, path: str, status: int) -> None:
    """Redirects, refusals and errors too; with a lock, also that https stays https."""
    answer = visitor(locked).open(path, method=method)
    assert answer.status_code == status
    assert {name: answer.headers.get(name) for name in EVERYWHERE} == EVERYWHERE
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=")
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_on_loopback_https_is_not_demanded(unlocked: Frame) -> None:
    """A browser told once that localhost is https would find nothing else there again."""
    assert "Strict-Transport-Security" not in unlocked.server.test_client().get("/").headers


def test_data_is_not_kept_and_bundles_are(unlocked: Frame) -> None:
    """Pages and data are asked for anew; what has its version in its name is kept for a year."""
    client = unlocked.server.test_client()
    page = client.get("/")
    for path in ("/_dash-layout", "/_dash-dependencies", "/csv/verdicts/none.csv"):
        assert client.get(path).headers["Cache-Control"] == "no-store"
    assert page.headers["Cache-Control"] == "no-store"
    named = re.findall(r'(?:src|href)="(/(?:_dash-component-suites|assets)/[^"]+)"', page.text)
    assert len(named) > 5
    assert {client.get(path).headers["Cache-Control"] for path in named} == {"private, max-age=31536000, immutable"}
    assert client.get("/assets/style.css").headers["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize(
    ("method", "path", "more", "status"),
    [
        ("GET", "/assets/none.js", {}, 404),
        ("GET", "/_dash-component-suites/<script>alert(1)</script>/x.js", {}, 404),
        ("GET", "/_dash-component-suites/dash/../../../etc/passwd", {}, 404),
        ("PUT", "/", {}, 405),
        ("POST", "/_dash-update-component", {"data": "no json", "content_type": "application/json"}, 400),
        ("POST", "/_dash-update-component", {"data": "x", "content_type": "text/plain"}, 415),
        ("POST", "/_dash-update-component", {"data": b"x" * 2_000_000, "content_type": "application/json"}, 413),
        ("POST", "/_dash-update-component", {"json": {"output": "nothing.here", "inputs": []}}, 500),
        ("GET", "/boom", {}, 500),
    ],
)  # fmt: skip
def test_errors_are_words(unlocked: Frame, method: str, path: str, more: dict[str, Any], status: int) -> None:
    """What goes wrong is a plain sentence: no stack trace, no file, nothing of what was asked repeated as HTML."""
    unlocked.server.add_url_rule("/boom", "boom", lambda: 1 / 0)
    answer = unlocked.server.test_client().open(path, method=method, **more)
    assert answer.status_code == status
    assert answer.content_type == "text/plain; charset=utf-8"
    assert re.fullmatch(r"[A-Z][\w ,;]+\.\n", answer.text)


def test_what_was_unexpected_goes_to_the_log(unlocked: Frame, caplog: pytest.LogCaptureFixture) -> None:
    """The log has the whole story that the visitor is not told."""
    unlocked.server.add_url_rule("/boom", "boom", lambda: 1 / 0)
    unlocked.server.test_client().get("/boom")
    assert "ZeroDivisionError" in caplog.text


def test_the_way_out_is_where_there_is_a_lock(locked: Frame, unlocked: Frame) -> None:
    """Who is signed in can sign out; on loopback there is nothing to sign out of."""
    client = visitor(locked)
    sign_in(client)
    assert "Sign out" in client.get("/_dash-layout").text
    assert "Sign out" not in unlocked.server.test_client().get("/_dash-layout").text
