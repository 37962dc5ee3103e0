"""What every twin stands on: the world, the day in the address, quota windows, and how a twin is found."""

from __future__ import annotations

import importlib
import pkgutil
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from operator import attrgetter

from starlette.requests import Request
from starlette.routing import BaseRoute

import connectors.sandbox as package
from connectors.sandbox.world import World, WorldPost, noon


@dataclass(frozen=True)
class Twin:
    """The local double of one platform: its routes, served below `/<day>/<name>`.

    `keys` are settings that it only accepts with these values; any other key may be anything. `post_id` is the id that
    a post of the world has on this platform; None where its posts are others than `world.posts(name)`.
    """

    name: str
    routes: Sequence[BaseRoute]
    keys: Mapping[str, str] = field(default_factory=dict)
    post_id: Callable[[WorldPost], str] | None = attrgetter("object_id")


@dataclass
class Stage:
    """Shared by all twins of one server. `speed` makes quota windows pass that many times faster than real time."""

    world: World
    speed: float = 1.0
    _hits: dict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))
    _spent: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def window(self, key: str, limit: int, seconds: float, cost: int = 1) -> tuple[int, float]:
        """Spend from a sliding window of sped-up time: what remains (below 0: refused) and the seconds to its reset."""
        now, span, hits = time.monotonic(), seconds / self.speed, self._hits[key]
        while hits and hits[0] <= now - span:
            hits.popleft()
        remaining = limit - len(hits) - cost
        if remaining >= 0:
            hits.extend([now] * cost)
        return remaining, (hits[0] + span - now if hits else span)

    def allowance(self, key: str, limit: int, cost: int = 1) -> int:
        """Spend from an allowance that never refills (put the day in `key`): what remains, below 0 when refused."""
        remaining = limit - self._spent[key] - cost
        if remaining >= 0:
            self._spent[key] += cost
        return remaining


def stage_of(request: Request) -> Stage:
    """The stage a request plays on."""
    stage: Stage = request.app.state.stage
    return stage


def day_of(request: Request) -> date:
    """The day in the address."""
    return date.fromisoformat(request.path_params["day"])


def moment_of(request: Request) -> datetime:
    """The moment the request is answered at: noon (UTC) of the day in the address."""
    return noon(day_of(request))


def bearer_of(request: Request) -> str:
    """The bearer token in the header, empty where there is none."""
    return request.headers.get("authorization", "").removeprefix("Bearer ")


def twins() -> dict[str, Twin]:
    """Every twin, by name: one per module of this package that defines TWIN."""
    modules = [importlib.import_module(f"{package.__name__}.{i.name}") for i in pkgutil.iter_modules(package.__path__)]
    return {m.TWIN.name: m.TWIN for m in modules if hasattr(m, "TWIN")}
