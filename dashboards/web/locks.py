"""Who may look: everybody on this computer, or from elsewhere whoever knows the password.

On loopback there is no password, and requests for any other host are refused, so that no website can reach the app by
naming itself into this computer. With a lock, all but the sign-in page and what it is drawn with needs a session.
"""

from __future__ import annotations

import ipaddress
import secrets
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import dash_mantine_components as dmc
import flask
from dash import Dash, html
from dash.development.base_component import Component
from flask.typing import ResponseReturnValue
from jinja2 import Environment, FileSystemLoader
from werkzeug.middleware.proxy_fix import ProxyFix

from dashboards.web import headers, password
from dashboards.web.visits import HOURS, Visits
from dashboards.words import counted

TEMPLATES = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True)
LARGEST, LARGEST_FORM, LONGEST_NEXT = 1_000_000, 10_000, 2_000  # bytes, bytes, characters
OPEN_TO_ALL = ("/login", "/logout", "/assets/style.css", "/_favicon.ico")
MACHINERY = ("/_", "/assets/", "/static/", "/csv/")
WRONG = "That is not the password."
OLD = "This form was too old. Please try again."
NOT_HERE = "This app answers on this computer only, as localhost or 127.0.0.1."
NOT_HTTPS = "This app is served over https only. A proxy in front of it has to set X-Forwarded-Proto."
ELSEWHERE = "This request came from another site and was not carried out."


@dataclass(frozen=True)
class Lock:
    """A password in front of the app, which is then served over https only.

    `folder` holds the hash, the key of the cookies, the sessions and what is counted of attempts. Behind one proxy, the
    scheme and the address of the visitor are what that proxy says.
    """

    folder: Path
    is_behind_proxy: bool = False


def secure(app: Dash, lock: Lock | None) -> None:
    """Headers and plain errors on every answer; then the lock, or without one the rules of loopback."""
    app.server.config["MAX_CONTENT_LENGTH"] = LARGEST
    headers.say_what_may(app, is_https=lock is not None)
    headers.say_errors_plainly(app)
    app.server.before_request(_from_https if lock else _from_this_computer)
    app.server.before_request(_from_ourselves)
    if lock:
        _lock(app, lock)


def way_out(lock: Lock | None) -> list[Component]:
    """The button that ends the session, where there are sessions."""
    button = dmc.Button("Sign out", buttonProps={"type": "submit"}, variant="default")
    return [html.Form(button, action="/logout", method="post")] if lock else []


def _from_this_computer() -> ResponseReturnValue | None:
    """Refuse requests under a name that is not this computer's (DNS rebinding)."""
    return None if _is_loopback(urlsplit(f"//{flask.request.host}").hostname) else headers.plain(NOT_HERE, 421)


def _is_loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def _from_https() -> ResponseReturnValue | None:
    return None if flask.request.is_secure else headers.plain(NOT_HTTPS, 403)


def _from_ourselves() -> ResponseReturnValue | None:
    """Refuse what another site makes a browser send (CSRF).

    Browsers say where a request comes from, in Sec-Fetch-Site or, older ones, in Origin; programs say neither, and have
    no cookie that a site could abuse.
    """
    asked = flask.request
    if asked.method in ("GET", "HEAD", "OPTIONS"):
        return None
    site, origin = asked.headers.get("Sec-Fetch-Site"), asked.headers.get("Origin")
    is_ours = site == "same-origin" if site else origin is None or origin == f"{asked.scheme}://{asked.host}"
    return None if is_ours else headers.plain(ELSEWHERE, 403)


def _lock(app: Dash, lock: Lock) -> None:
    """Cookies, sessions and the pages for signing in and out."""
    server: flask.Flask = app.server
    visits = Visits(lock.folder)
    if lock.is_behind_proxy:
        server.wsgi_app = ProxyFix(server.wsgi_app, x_for=1, x_proto=1)  # type: ignore[method-assign]
    server.secret_key = password.session_key(lock.folder)
    server.config.update(_COOKIES)

    def is_in() -> bool:
        return visits.is_in(flask.session.get("token"), password.mark(lock.folder))

    @server.before_request
    def gate() -> ResponseReturnValue | None:
        return None if flask.request.path in OPEN_TO_ALL or is_in() else _turned_away()

    @server.get("/login")
    def ask() -> ResponseReturnValue:
        return flask.redirect(_next(), 303) if is_in() else _form()

    @server.post("/login")
    def answer() -> ResponseReturnValue:
        return _sign_in(visits, lock.folder)

    @server.post("/logout")
    def leave() -> ResponseReturnValue:
        visits.leave(flask.session.get("token"))
        flask.session.clear()
        return flask.redirect("/login", 303)


_COOKIES: dict[str, Any] = {
    "SESSION_COOKIE_NAME": "__Host-tallyrank",  # browsers take such a name from this very host over https only
    "SESSION_COOKIE_SECURE": True,
    "SESSION_COOKIE_HTTPONLY": True,
    "SESSION_COOKIE_SAMESITE": "Lax",  # Strict would ask everyone again who follows a link from the mail
    "SESSION_REFRESH_EACH_REQUEST": False,
    "PERMANENT_SESSION_LIFETIME": timedelta(hours=HOURS),
}


def _turned_away() -> ResponseReturnValue:
    """To the sign-in page and back from there; what is not a page of the app only hears that it may not."""
    asked = flask.request
    if asked.method not in ("GET", "HEAD") or asked.path.startswith(MACHINERY):
        return headers.plain(headers.WORDS[401], 401)
    wanted = asked.full_path.removesuffix("?")
    is_worth_it = wanted != "/" and len(wanted) <= LONGEST_NEXT
    return flask.redirect(f"/login?next={quote(wanted, safe='/')}" if is_worth_it else "/login", 303)


def _sign_in(visits: Visits, folder: Path) -> ResponseReturnValue:
    """Try a password: refused unlooked-at where the form is not ours, or where there were too many tries."""
    flask.request.max_content_length = LARGEST_FORM
    given, expected = flask.request.form.get("csrf", ""), flask.session.get("csrf", "")
    if not expected or not secrets.compare_digest(given.encode(), expected.encode()):
        return _form(OLD, 400)
    if seconds := visits.attempt(flask.request.remote_addr):
        return _form(_too_many(seconds), 429, {"Retry-After": str(seconds)})
    mark = password.mark(folder)
    if not password.is_right(folder, flask.request.form.get("password", "")):
        return _form(WRONG, 403)
    flask.session.clear()
    flask.session.permanent = True
    flask.session["token"] = visits.welcome(flask.request.remote_addr, mark)
    return flask.redirect(_next(), 303)


def _too_many(seconds: int) -> str:
    wait = counted(seconds, "second") if seconds < 120 else f"{-(-seconds // 60)} minutes"
    return f"There were too many attempts. Please try again in {wait}."


def _form(trouble: str = "", status: int = 200, more: dict[str, str] | None = None) -> ResponseReturnValue:
    """The sign-in page, with a token that only a form of ours carries."""
    token = flask.session.setdefault("csrf", secrets.token_urlsafe(32))
    page = TEMPLATES.get_template("login.html.j2").render(trouble=trouble, csrf=token, next=_next())
    return flask.Response(page, status, more, content_type="text/html; charset=utf-8")


def _next() -> str:
    """Where to go after signing in: a page of this app, whatever the address asks for.

    Browsers read a backslash as a slash and leave out control characters, so both could hide the name of a host.
    """
    wanted = flask.request.values.get("next", "/")
    is_safe = wanted.startswith("/") and not wanted.startswith(("//", "/login", "/logout"))
    is_plain = "\\" not in wanted and all(letter > " " and letter != "\x7f" for letter in wanted)
    return wanted if is_safe and is_plain and len(wanted) <= LONGEST_NEXT else "/"
