"""What every answer tells the browser about what it may do, and errors in plain words."""

from __future__ import annotations

import logging
from functools import cache

import flask
from dash import Dash
from dash.exceptions import DependencyException, InvalidResourceError
from werkzeug.exceptions import HTTPException

log = logging.getLogger(__name__)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
HSTS = "max-age=31536000"
A_YEAR = "private, max-age=31536000, immutable"
WORDS = {
    400: "This request cannot be understood.",
    401: "You are not signed in. Open the app and sign in.",
    403: "This is not allowed.",
    404: "There is nothing at this address.",
    405: "This address cannot be used in this way.",
    413: "What was sent is too large.",
    414: "This address is too long.",
    415: "What was sent is of a kind that is not read here.",
}
UNEXPECTED = "Something unexpected happened; the log of the web app says what."


def say_what_may(app: Dash, *, is_https: bool) -> None:
    """Put the headers on every answer of the app."""

    server: flask.Flask = app.server

    @cache
    def policy() -> str:
        """The policy, made at the first answer, when every script of Dash's own is known.

        Dash hashes the scripts that it was given, not the page that it served: what slipped into a page is not let in.
        """
        scripts = " ".join(dict.fromkeys(app.csp_hashes()))
        return (
            f"default-src 'none'; script-src 'self' {scripts}; style-src 'self' 'unsafe-inline'; "
            "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; manifest-src 'self'; "
            "frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'"
        )

    @server.after_request
    def headers(answer: flask.Response) -> flask.Response:
        for name, words in HEADERS.items():
            answer.headers[name] = words
        answer.headers["Content-Security-Policy"] = policy()
        if is_https:
            answer.headers["Strict-Transport-Security"] = HSTS
        answer.headers["Cache-Control"] = _kept(answer)
        return answer


def _kept(answer: flask.Response) -> str:
    """How long a browser may keep an answer: bundles and styles, whose names change with them, long; data never."""
    path, is_well = flask.request.path, answer.status_code in (200, 304)
    if is_well and path.startswith("/_dash-component-suites/"):
        return A_YEAR if answer.cache_control.max_age else "private, no-cache"
    if is_well and path.startswith(("/assets/", "/_favicon.ico")):
        return A_YEAR if {"m", "v"} & set(flask.request.args) else "private, no-cache"
    return "no-store"


def say_errors_plainly(app: Dash) -> None:
    """Answer what goes wrong in a sentence; what nobody expected goes to the log whole, and to nobody else."""
    server: flask.Flask = app.server

    @server.errorhandler(HTTPException)
    def known(error: HTTPException) -> flask.typing.ResponseReturnValue:
        code = error.code or 500
        if code < 400:
            return error.get_response()
        return plain(WORDS.get(code, WORDS[400] if code < 500 else UNEXPECTED), code)

    @server.errorhandler(DependencyException)
    @server.errorhandler(InvalidResourceError)  # Dash's own words repeat what was asked for, as HTML
    def missing(_: Exception) -> flask.typing.ResponseReturnValue:
        return plain(WORDS[404], 404)

    @server.errorhandler(Exception)
    def unexpected(_: Exception) -> flask.typing.ResponseReturnValue:
        log.exception("%s %s", flask.request.method, flask.request.path)
        return plain(UNEXPECTED, 500)


def plain(words: str, status: int) -> flask.Response:
    """Words as the whole answer."""
    return flask.Response(f"{words}\n", status, content_type="text/plain; charset=utf-8")
