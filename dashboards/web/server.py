"""The web app served by gunicorn from this process: two workers, each with its own connection to the warehouse."""

from __future__ import annotations

import errno
import logging
import signal
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dash import Dash
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from connectors.errors import TallyrankError
from dashboards.web.labels import Labels
from dashboards.web.locks import Lock

WORKERS, THREADS = 2, 8
PATIENCE = 5  # seconds for a visitor who has begun to ask and says nothing more, and for questions when it ends


@dataclass(frozen=True)
class Place:
    """Where to serve: an address, a port (0 takes a free one) and, for https, certificate and key as PEM files."""

    host: str = "127.0.0.1"
    port: int = 8050
    certificate: Path | None = None
    key: Path | None = None


def serve(
    warehouse: Path, place: Place, lock: Lock | None, tell: Callable[[str], None], labels: Labels | None = None
) -> None:
    """Serve until Ctrl-C or SIGTERM; `tell` gets the address as soon as it answers. Without labels, none can be set.

    Raises TallyrankError where the place cannot be had.
    """
    _check_certificate(place)
    listener = _listener(place)
    address = _address(place, listener.getsockname()[1])
    settings = _settings(place, listener.detach(), lambda _: tell(address))
    _Served(lambda: ready_app(warehouse, lock, labels), settings).run()


def _listener(place: Place) -> socket.socket:
    """A socket bound to the place: bound here, so that what is wrong can be said in one line."""
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", PATIENCE, 0))  # inherited
    if hasattr(socket, "TCP_DEFER_ACCEPT"):  # who connects and says nothing takes no thread
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, PATIENCE)
    try:
        listener.bind((place.host, place.port))
    except OSError as error:
        listener.close()
        raise TallyrankError(_why_not(place, error)) from None
    return listener


def _why_not(place: Place, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {place.port} of {place.host} is in use; stop what uses it, or give another --port"
    if error.errno == errno.EACCES:
        return f"port {place.port} is reserved for the system; give a --port from 1024 on"
    return f"cannot serve on {place.host}: {error.strerror or error}; --host wants an address of this computer"


def _check_certificate(place: Place) -> None:
    if place.certificate is None:
        return
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(place.certificate, place.key)
    except OSError as error:  # what ssl raises is one too
        words = f"{place.certificate} and {place.key} cannot be used as certificate and key"
        raise TallyrankError(f"{words} (PEM files wanted): {error.strerror or error}") from None


def _address(place: Place, port: int) -> str:
    host = f"[{place.host}]" if ":" in place.host else place.host
    return f"{'https' if place.certificate else 'http'}://{host}:{port}"


def _settings(place: Place, listener: int, when_ready: Callable[[Arbiter], None]) -> dict[str, Any]:
    tls = {"certfile": str(place.certificate), "keyfile": str(place.key)} if place.certificate else {}
    return tls | {
        "bind": f"fd://{listener}", "workers": WORKERS, "worker_class": "gthread", "threads": THREADS,
        "preload_app": False, "graceful_timeout": PATIENCE, "keepalive": 5, "timeout": 60, "loglevel": "warning",
        "when_ready": when_ready, "post_worker_init": _leave_ending_to_the_parent, "control_socket_disable": True,
        "ssl_context": _impatient,
        "forwarded_allow_ips": "", "secure_scheme_headers": {},  # what a proxy says is the lock's to believe
    }  # fmt: skip


class _Impatient(ssl.SSLSocket):
    """A connection over TLS that is cut when its visitor has begun to speak and stops: it holds one of few threads."""

    def setblocking(self, flag: bool) -> None:
        """What waits, waits no longer than our patience."""
        self.settimeout(PATIENCE if flag else 0.0)

    def do_handshake(self, block: bool = False) -> None:
        """The handshake, in one patience altogether."""
        with _taken_for_gone():
            self.setblocking(True)
            super().do_handshake()

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """What the visitor says next."""
        with _taken_for_gone():
            return super().recv(buflen, flags)


@contextmanager
def _taken_for_gone() -> Iterator[None]:
    """Gunicorn lets go quietly of visitors that are gone, and logs all others who are slow."""
    try:
        yield
    except TimeoutError:
        raise ConnectionResetError(errno.ECONNRESET, "nothing was said for too long") from None


def _impatient(_: Any, usual: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    context = usual()
    context.sslsocket_class = _Impatient
    return context


def ready_app(warehouse: Path, lock: Lock | None, labels: Labels | None = None) -> Dash:
    """The app after its first answer: Dash sets itself up during it, and refuses bundles asked for meanwhile."""
    from dashboards.web.app import make_app

    app = make_app(warehouse, lock, labels)
    app.server.test_client().get("/")
    return app


class _Served(BaseApplication):  # type: ignore[misc]
    """The app as gunicorn wants it: made in each worker, after the fork, for DuckDB does not survive one."""

    def __init__(self, make: Callable[[], Dash], settings: dict[str, Any]) -> None:
        self._make, self._settings = make, settings
        super().__init__()

    def load_config(self) -> None:
        """Our settings; none from files or the environment."""
        for name, value in self._settings.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """The app, in a worker."""
        return self._make().server

    def run(self) -> None:
        """Serve until a signal ends it; trouble goes to standard error."""
        logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
        _Gentle(self).run()


class _Gentle(Arbiter):  # type: ignore[misc]
    """Ends on Ctrl-C as on SIGTERM: what is being answered is answered first. A second Ctrl-C ends it at once."""

    def handle_int(self) -> None:
        """SIGINT is taken for SIGTERM."""
        self.handle_term()


def _leave_ending_to_the_parent(_: Any) -> None:
    """A terminal sends Ctrl-C to the workers too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
