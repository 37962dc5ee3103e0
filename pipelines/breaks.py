"""The calendar of breaks: `breaks.yaml` of the data folder, or the one that comes with the project, read and checked.

People may add breaks of their own to the file. What is wrong with it is said by file and entry, all of it at once.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from difflib import get_close_matches
from functools import cache, lru_cache
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, ValidationInfo, field_validator

from connectors.base import discover
from connectors.errors import TallyrankError
from connectors.records import RankKind, Verb
from models.guards.breaks import Break, Kind

NAME = "breaks.yaml"
SHIPPED = Path(__file__).resolve().parents[1] / "data" / NAME
ENGINES = frozenset({"google", "bing", "yahoo", "duckduckgo", "brave", "yandex", "naver", "baidu", "seznam"})
# platforms without a connector of their own, whose counts people import
IMPORTED = frozenset(
    {"bluesky", "devto", "lemmy", "linkedin", "lobsters", "mastodon", "snapchat", "threads", "tiktok", "tumblr"}
    | {"vk", "wechat", "weibo", "x"}
)

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]


class Entry(BaseModel):
    """One entry of the file."""

    model_config = ConfigDict(extra="forbid")
    id: Name
    kind: Kind
    first_day: date
    last_day: date | None = None
    engines: tuple[str, ...] = ()
    rank_kinds: tuple[RankKind, ...] = ()
    platforms: tuple[str, ...] = ()
    verbs: tuple[Verb, ...] = ()
    what: Text
    source: Text = Field(description="Where the dates are from; a break without a source cannot be checked.")

    @field_validator("engines")
    @classmethod
    def _engines(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return _known(names, ENGINES, "engine")

    @field_validator("platforms")
    @classmethod
    def _platforms(cls, names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        return _known(names, _platform_names() | frozenset(info.context or ()), "platform")

    def checked(self) -> Break:
        """As a break of the model; raises ValueError in words when its parts contradict each other."""
        if self.rank_kinds and not self.engines:
            raise ValueError("rank_kinds belong to engines: name the engines")
        if self.verbs and not self.platforms:
            raise ValueError("verbs belong to platforms: name the platforms")
        kinds, verbs = tuple(k.value for k in self.rank_kinds), tuple(v.value for v in self.verbs)
        last = self.last_day or self.first_day
        scope = (self.engines, kinds, self.platforms, verbs)
        return Break(self.id, self.kind, self.first_day, last, self.what, self.source, *scope)


def calendar_of(data: Path) -> Path:
    """The file of a data folder, if it has one, else the one that comes with the project."""
    own = data / NAME
    return own if own.exists() else SHIPPED


def load(path: Path = SHIPPED, more_platforms: Collection[str] = ()) -> tuple[Break, ...]:
    """The breaks of a file, by first day; TallyrankError naming file and entry for whatever is wrong in it.

    `more_platforms` are names known from elsewhere (imported votes) beside those of connectors.
    """
    found: dict[str, Break] = {}
    faults: list[str] = []
    for number, raw in enumerate(_entries(path), start=1):
        name = f"entry {number}" + (f" ({raw['id']})" if isinstance(raw, dict) and "id" in raw else "")
        try:
            made = Entry.model_validate(raw, context=frozenset(more_platforms)).checked()
        except ValidationError as error:
            faults += [f"{name}: {_plain(problem)}" for problem in error.errors(include_url=False)]
            continue
        except ValueError as error:
            faults.append(f"{name}: {error}")
            continue
        if made.id in found:
            faults.append(f"{name}: another entry has the same id")
        found[made.id] = made
    if faults:
        raise TallyrankError(f"{path}: " + "; ".join(faults))
    return tuple(sorted(found.values(), key=lambda b: (b.first_day, b.id)))


def _entries(path: Path) -> list[Any]:
    """The list below `breaks:`, not yet looked at."""
    try:
        content = _parsed(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise TallyrankError(f"{path} cannot be read ({error}): check its name and permissions") from None
    except yaml.YAMLError as error:
        raise TallyrankError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    entries = content.get("breaks") if isinstance(content, dict) else None
    if not isinstance(entries, list) or len(content) > 1:
        raise TallyrankError(f"{path}: must hold one list, named `breaks:`, and nothing else")
    return entries


@lru_cache(maxsize=8)
def _parsed(text: str) -> Any:
    """What a text in YAML says. Every model asks for the breaks, and parsing them takes longer than many a model."""
    return yaml.safe_load(text)


@cache
def _platform_names() -> frozenset[str]:
    return IMPORTED | {name for name, connector in discover().items() if connector.signal == "votes"}


def _known(names: tuple[str, ...], known: Collection[str], what: str) -> tuple[str, ...]:
    """The names, or ValueError with the nearest known one for the first that is not known."""
    for name in names:
        if name not in known:
            near = get_close_matches(name.lower(), sorted(known), n=1, cutoff=0)
            raise ValueError(f"{name!r} is no {what} we know; the nearest is {near[0]!r}")
    return names


def _plain(problem: Any) -> str:
    """Pydantic's complaint as `field: what`."""
    field = ".".join(str(part) for part in problem["loc"])
    said = str(problem["msg"]).removeprefix("Value error, ")
    return f"{field}: {said}" if field else said
