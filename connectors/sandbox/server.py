"""The sandbox server: every twin below `/<day>/<platform>`, faults and counters below `/_sandbox`.

`GET /_sandbox/served` counts requests by platform; `POST /_sandbox/faults` with
`[{"platform": "reddit", "kind": "429", "times": 3}]` replaces the faults that are switched on.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from connectors.sandbox.faults import Fault, FaultMiddleware, Faults
from connectors.sandbox.stage import Stage, twins
from connectors.sandbox.world import TRUTH, World


def build_app(world: World, *, speed: float = 1.0, faults: Faults | None = None) -> Starlette:
    """The application: one mount per twin."""
    faults = faults or Faults()
    mounts = [Mount(f"/{{day}}/{twin.name}", routes=list(twin.routes)) for twin in twins().values()]
    control = [
        Route("/_sandbox/served", _served),
        Route("/_sandbox/faults", _set_faults, methods=["POST"]),
        Route("/_sandbox/truth", _truth),
    ]
    app = Starlette(routes=[*control, *mounts], middleware=[Middleware(FaultMiddleware, faults=faults)])
    app.state.stage, app.state.faults = Stage(world, speed), faults
    return app


async def _served(request: Request) -> JSONResponse:
    return JSONResponse(request.app.state.faults.served)


async def _set_faults(request: Request) -> JSONResponse:
    request.app.state.faults.active = [Fault(**f) for f in await request.json()]
    return JSONResponse({"active": len(request.app.state.faults.active)})


async def _truth(request: Request) -> JSONResponse:
    return JSONResponse({f"{platform} {verb}": words for (platform, verb), words in TRUTH.items()})


def bound_socket(port: int = 0) -> socket.socket:
    """A listening loopback socket; port 0 takes a free one."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    return sock


def serve(app: Starlette, sock: socket.socket) -> uvicorn.Server:
    """A quiet uvicorn server for the app; the caller runs it with `.run(sockets=[sock])`."""
    return uvicorn.Server(uvicorn.Config(app, log_level="critical", access_log=False, lifespan="off"))


@contextmanager
def running(app: Starlette) -> Iterator[str]:
    """The app served from a thread of this process (tests): yields `http://127.0.0.1:<port>`."""
    sock = bound_socket()
    server = serve(app, sock)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(5)
