"""Faults on demand, as middleware before every twin: what breaks in real life, switched on by name.

Kinds: `429`, `500`, `503` (any status: answered with an empty body), `cut` (the connection ends inside the body),
`broken_json` (the body is cut in half, but whole by its headers), `html` (a page instead of data),
`rename:<field>` (a field of the answer has another name).
"""

from __future__ import annotations

import gzip
import random
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Message, Receive, Scope, Send


@dataclass
class Fault:
    """A fault of one platform (`*` for all), for the next `times` requests (None: for ever), each with a `chance`."""

    platform: str
    kind: str
    times: int | None = None
    chance: float = 1.0


@dataclass
class Faults:
    """The faults that are switched on, and how many requests each platform has served."""

    seed: int = 0
    active: list[Fault] = field(default_factory=list)
    served: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def strike(self, platform: str) -> Fault | None:
        """The fault that hits this request, if any; counts the request and uses the fault up."""
        self.served[platform] = self.served.get(platform, 0) + 1
        for fault in self.active:
            if fault.platform in (platform, "*") and fault.times != 0 and self._random.random() < fault.chance:
                fault.times = None if fault.times is None else fault.times - 1
                return fault
        return None


class CutConnection(Exception):
    """Ends a response in the middle, as a broken line does."""


class FaultMiddleware:
    """Plain ASGI, because a response must be broken below the level of responses."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self.app, self.faults = app, faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        parts = scope.get("path", "").split("/")
        if scope["type"] != "http" or len(parts) < 3 or parts[1].startswith("_"):
            return await self.app(scope, receive, send)
        fault = self.faults.strike(parts[2])
        if fault is None:
            return await self.app(scope, receive, send)
        if fault.kind.isdigit():
            return await _respond(send, int(fault.kind), b"")
        if fault.kind == "html":
            return await _respond(send, 200, b"<!doctype html><title>Just a moment</title>", b"text/html")
        start, body = await _whole(self.app, scope, receive)
        if (b"content-encoding", b"gzip") in start["headers"] and fault.kind != "cut":
            body = gzip.decompress(body)
        if fault.kind == "cut":
            await send(start)
            await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
            raise CutConnection(fault.platform)
        if fault.kind.startswith("rename:"):
            name = fault.kind.removeprefix("rename:").encode()
            body = body.replace(b'"' + name + b'":', b'"' + name + b'_v2":')
        elif fault.kind == "broken_json":
            body = body[: len(body) // 2]
        return await _respond(send, start["status"], body)


async def _respond(send: Send, status: int, body: bytes, kind: bytes = b"application/json") -> None:
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _whole(app: ASGIApp, scope: Scope, receive: Receive) -> tuple[Message, bytes]:
    start: list[Message] = []
    body = bytearray()

    async def collect(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.append(message)
        else:
            body.extend(message.get("body", b""))

    await app(scope, receive, collect)
    return start[0], bytes(body)
