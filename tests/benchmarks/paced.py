"""A trial of the pace: processes, threads and connectors at once against a server that refuses what is too much."""

from __future__ import annotations

import multiprocessing
import tempfile
import threading
import time
from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.base import Ask
from connectors.errors import RateLimited
from connectors.http import Http
from connectors.sandbox.server import running


@dataclass(frozen=True)
class Trial:
    """Who asks for how long, and how many requests of each connector the server allows in any `window_seconds`."""

    window_seconds: float
    seconds: float
    allowed: tuple[int, ...]
    processes: int = 4
    partitions: int = 3

    @property
    def connectors(self) -> list[str]:
        """Their names."""
        return [f"c{n}" for n in range(len(self.allowed))]


@dataclass
class Gate:
    """One connector's allowance at the server: a sliding window, the moments of answers, the number of refusals."""

    allowed: int
    window_seconds: float
    refused: int = 0
    answered_at: list[float] = field(default_factory=list)
    _open: deque[float] = field(default_factory=deque)

    def admits(self) -> bool:
        """Whether a request that arrives now is answered."""
        now = time.monotonic()
        while self._open and self._open[0] <= now - self.window_seconds:
            self._open.popleft()
        if len(self._open) >= self.allowed:
            self.refused += 1
            return False
        self._open.append(now)
        self.answered_at.append(now)
        return True


@dataclass(frozen=True)
class Result:
    """What the server saw of one connector: requests answered and refused, and the share of the allowed rate used."""

    connector: str
    answered: int
    refused: int
    share: float


def run_trial(trial: Trial) -> list[Result]:
    """Serve on loopback, let the processes ask, and report by connector; raises RuntimeError when one of them broke."""
    gates = {c: Gate(n, trial.window_seconds) for c, n in zip(trial.connectors, trial.allowed, strict=True)}

    async def answer(request: Request) -> Response:
        return JSONResponse({}, 200 if gates[request.path_params["connector"]].admits() else 429)

    app = Starlette(routes=[Route("/{connector}", answer)])
    with tempfile.TemporaryDirectory() as folder, running(app) as address:
        context = multiprocessing.get_context("spawn")
        start = context.Barrier(trial.processes)
        workers = [context.Process(target=work, args=(trial, address, folder, start)) for _ in range(trial.processes)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    if any(worker.exitcode for worker in workers):
        raise RuntimeError("a process of the trial broke")
    return [_result(name, gate) for name, gate in gates.items()]


def _result(name: str, gate: Gate) -> Result:
    span = gate.answered_at[-1] - gate.answered_at[0]
    rate = (len(gate.answered_at) - 1) / span
    return Result(name, len(gate.answered_at), gate.refused, rate * gate.window_seconds / gate.allowed)


def work(trial: Trial, address: str, folder: str, start: Any) -> None:
    """One process: a client and a thread for each connector and partition, asking as fast as the pace lets them."""
    tempfile.tempdir = folder
    troubles: list[BaseException] = []
    with ExitStack() as stack:
        clients = [
            (stack.enter_context(_client(name, address, allowed / trial.window_seconds)), name)
            for name, allowed in zip(trial.connectors, trial.allowed, strict=True)
            for _ in range(trial.partitions)
        ]
        start.wait(120)
        end = time.monotonic() + trial.seconds
        threads = [threading.Thread(target=_ask, args=(*client, end, troubles)) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if troubles:
        raise troubles[0]


def _client(name: str, address: str, per_second: float) -> Http:
    known = {"requests_per_second": per_second, "retries": 0, "retry_wait_seconds": 0.0, "timeout_seconds": 30.0}
    settings = SimpleNamespace(**known, url_for=lambda day: address)
    now = datetime.now(UTC)
    return Http(name, Ask(settings, now.date(), now))


def _ask(http: Http, name: str, end: float, troubles: list[BaseException]) -> None:
    try:
        while time.monotonic() < end:
            try:
                http.get(f"/{name}")
            except RateLimited:
                continue
    except Exception as error:
        troubles.append(error)
