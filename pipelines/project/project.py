"""The project file `<data>/project.yaml`: what we own, whom we watch, what is looked up where, and who is told when.

`load` reads and checks it; a folder without the file has an empty project. `apply` hands its settings to the sources
as the environment variables that they read, so that a variable that is set already wins over the file. No secret
stands in the file: `credentials` name environment variables.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field, ValidationError, ValidationInfo, field_validator

from connectors.errors import TallyrankError
from connectors.urls import url_key
from pipelines.project import faults as faulty
from pipelines.project.parts import (
    BareKeyword,
    BarePlatform,
    Brand,
    Keyword,
    Market,
    Part,
    Platform,
    Schedule,
    Site,
    Source,
    Subscription,
    Text,
    TimeZone,
)
from pipelines.project.tree import Tree, read

__all__ = [
    "Brand",
    "Keyword",
    "Market",
    "Platform",
    "Project",
    "Schedule",
    "Subscription",
    "apply",
    "is_within",
    "load",
]

NAME = "project.yaml"
T = TypeVar("T", Schedule, Subscription)


class Project(Part):
    """Everything of the project file; what is left out has the value shown here."""

    name: Text = Field(
        default="My project", description="Name of the project, as people read it.", examples=["Acme Shoes"]
    )
    timezone: TimeZone = Field(default="UTC", description="IANA name of the time zone.", examples=["Europe/Berlin"])
    sites: tuple[Site, ...] = Field(
        default=(),
        description="What is ours: a domain (with all below it), a host, or the beginning of addresses. Its pages are "
        "recognised in result lists; platforms are not asked about them for that alone (pages.txt lists what is to be "
        "asked about).",
        examples=[["example.com", "https://example.org/shop/"]],
    )
    competitors: tuple[Site, ...] = Field(
        default=(), description="Whom we compare ourselves with, written like sites.", examples=[["competitor.example"]]
    )
    markets: tuple[Market, ...] = Field(
        default=(),
        description="Where searches are made; the first is the usual one.",
        examples=[[{"name": "germany", "country": "de", "language": "de"}]],
    )
    keywords: tuple[BareKeyword, ...] = Field(
        default=(),
        description="What is looked up, beside the lines of keywords.txt: the words alone, or with a market. Sources "
        "of rankings look each up in its market, and in several where it stands here several times. Brave and Serper "
        "know no device; SearXNG takes a country only with a language, and no device; Yandex takes only the country, "
        "of those it has an index of; Naver searches in Korea alone. A source whose place, language or device is set "
        "by hand keeps it. The lines of keywords.txt are looked up in the first market.",
        examples=[["running shoes", {"keyword": "laufschuhe", "market": "germany"}]],
    )
    brands: tuple[Brand, ...] = Field(
        default=(),
        description="Names whose page one is watched.",
        examples=[[{"name": "Acme", "queries": ["acme", "acme reviews"]}]],
    )
    platforms: Mapping[Source, BarePlatform] = Field(
        default_factory=dict,
        description="Sources by the names that `tallyrank doctor` lists.",
        examples=[
            {"reddit": {"credentials": {"client_id": "TALLYRANK_REDDIT_CLIENT_ID"}}, "hatena": {"enabled": False}}
        ],
    )
    schedule: Schedule = Field(
        default_factory=Schedule,
        validate_default=True,
        description="When the daily run begins; 05:00 in the project's time zone, unless told otherwise.",
        examples=[{"time": "05:30"}],
    )
    subscriptions: tuple[Subscription, ...] = Field(
        default=(),
        description="Who is sent a mail, and when.",
        examples=[[{"name": "morning", "to": ["me@example.com"], "time": "07:30", "days": "weekdays"}]],
    )

    @field_validator("schedule")
    @classmethod
    def _schedule_zone(cls, schedule: Schedule, info: ValidationInfo) -> Schedule:
        return _zoned(schedule, info)

    @field_validator("subscriptions")
    @classmethod
    def _mail_zones(cls, given: tuple[Subscription, ...], info: ValidationInfo) -> tuple[Subscription, ...]:
        return tuple(_zoned(each, info) for each in given)

    @property
    def searches(self) -> tuple[str, ...]:
        """All that is to be looked up, each once: the keywords, then the queries of brands."""
        queries = (query for brand in self.brands for query in brand.queries)
        return tuple(dict.fromkeys([*(k.keyword for k in self.keywords), *queries]))

    def market_of(self, keyword: Keyword) -> dict[str, str | None]:
        """Country, language and device of a keyword; None where neither it nor its market names one."""
        usual = next((m for m in self.markets if keyword.market in (None, m.name)), None)
        names = ("country", "language", "device")
        return {name: getattr(keyword, name) or getattr(usual, name, None) for name in names}


def _zoned(part: T, info: ValidationInfo) -> T:
    """The part with the project's time zone where it names none."""
    if "timezone" in part.model_fields_set or "timezone" not in info.data:
        return part
    return part.model_copy(update={"timezone": info.data["timezone"]})


def is_within(url: str, sites: Iterable[str]) -> bool:
    """Whether a page lies on one of the sites: on a domain or a host below it, or below an address, whole segments."""
    page = url_key(url) or ""
    host = page.partition("/")[0]
    for site in filter(None, map(url_key, sites)):
        if page == site or page.startswith((f"{site}/", f"{site}?")) or ("/" not in site and host.endswith(f".{site}")):
            return True
    return False


def load(data: Path) -> Project:
    """The project of a data folder, an empty one where it has no file; TallyrankError with every fault and its line."""
    path = data / NAME
    if not path.exists():
        if (other := path.with_suffix(".yml")).exists():
            raise TallyrankError(f"{other} is not read: rename it to {NAME}")
        return Project()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise TallyrankError(f"{path} cannot be read ({error.strerror}): check its permissions") from None
    return parsed(content, path)


@lru_cache(maxsize=16)
def parsed(content: bytes, path: Path) -> Project:
    """The project that a file's content says; TallyrankError with every fault and its line. Remembered by content."""
    tree = read(content, path)
    try:
        project = Project.model_validate(tree.value)
        problems: Any = ()
    except ValidationError as error:
        problems = error.errors(include_url=False)
    faults = [*faulty.of_pydantic(problems, Project), *faulty.across(tree.value)]
    if faults:
        raise TallyrankError(_told(faults, tree, path))
    return project


def _told(faults: Iterable[faulty.Fault], tree: Tree, path: Path) -> str:
    """Every fault with its line, in the order of the file."""
    lines = sorted({(tree.line(fault.where), fault.words) for fault in faults})
    if len(lines) == 1:
        return f"{path}, line {lines[0][0]}: {lines[0][1]}"
    return "\n".join([f"{path}: {len(lines)} things to correct", *(f"  line {n}: {words}" for n, words in lines)])


def apply(project: Project) -> None:
    """Hand the project's settings to the sources: sets environment variables of this process that are not set yet.

    What an earlier call set is taken back first, so that a changed file, or another folder's, holds from now on.
    """
    from pipelines.project.settings import set_variables

    set_variables(project)
