"""The questions of `tallyrank init`: each is asked again until its answer is one; options answer in their place."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import typer
from pydantic import TypeAdapter, ValidationError

from connectors.base import Connector, PaidSettings, discover
from connectors.errors import TallyrankError
from pipelines.console import out
from pipelines.pages import listed as lines_of
from pipelines.project import checks as check
from pipelines.project.faults import FORMS, MUST_BE
from pipelines.project.parts import Country, Device, Language, Site, Subscription, Text
from pipelines.project.write import Answers

HELLO = (
    "A project file says what is yours, what is looked up, and who is told. Every answer can be changed later.\n"
    "Empty answers take what stands in brackets, or leave a part out; Ctrl-C ends this and writes nothing.\n"
)
WRAPPED: dict[str, Any] = {"initial_indent": "  ", "subsequent_indent": "    ", "break_on_hyphens": False}
T = TypeVar("T")
Check = Callable[[str], str]
Given = Mapping[str, Any]


@dataclass(frozen=True)
class Asking:
    """Where an answer comes from: what was given; else, with `is_sure`, the default; else the person."""

    given: Given
    is_sure: bool

    def one(self, name: str, question: str, default: str, checked: Check) -> str:
        """One answer."""
        if self.given.get(name) is not None:
            return _checked(name, str(self.given[name]), checked)
        return default if self.is_sure else _until(question, default, partial(_worded, checked))

    def many(self, name: str, question: str, checked: Check) -> tuple[str, ...]:
        """Answers with commas between, each once; none where nothing was said."""
        if self.given.get(name):
            return tuple(dict.fromkeys(_checked(name, each, checked) for each in self.given[name]))
        return () if self.is_sure else _until(question, "", partial(_each, checked))


def answers_of(asking: Asking) -> Answers:
    """Every answer, in the order of the file."""
    if not asking.is_sure:
        say(HELLO)
    name = asking.one("name", "Name of the project", "My project", _valid(Text))
    timezone = asking.one("timezone", "Time zone", zone_here(), check.timezone)
    sites = asking.many(
        "site", "Your sites, with commas between (example.com, https://example.org/shop/)", _valid(Site)
    )
    rivals = asking.many("competitor", "Competitors' sites, with commas between", _valid(Site))
    country = asking.one("country", "Country of the search, two letters", "us", _valid(Country))
    language = asking.one("language", "Language of the search", "en", _valid(Language))
    device = asking.one("device", "On what is searched: desktop or mobile", "desktop", _valid(Device))
    keywords = _keywords(asking)
    queries = asking.many(
        "brand_query", "Searches for your brand, with commas between (acme, acme reviews)", _valid(Text)
    )
    brand = asking.one("brand", "Name of the brand", name, _valid(Text)) if queries else ""
    return Answers(
        name, timezone, sites, rivals, country, language, device, keywords, brand, queries, _platforms(asking),
        *_subscription(asking),
    )  # fmt: skip


def say(words: str) -> None:
    out.print(words, markup=False)


def _keywords(asking: Asking) -> tuple[str, ...]:
    """Keywords by option, from a file, or pasted one a line up to an empty one."""
    checked, file = _valid(Text), asking.given.get("keywords_file")
    found = list(asking.given.get("keyword") or ())
    if file is not None:
        found += _of_file(Path(file))
    if found or file is not None or asking.is_sure:
        return tuple(dict.fromkeys(_checked("keyword", each, checked) for each in found))
    say("Keywords to look up: paste them, one a line, and end with an empty line; or @FILE to read them from a file.")
    lines: dict[str, None] = {}
    while words := input("  ").strip():
        try:
            more = _of_file(Path(words[1:]).expanduser()) if words.startswith("@") else [words]
            lines |= dict.fromkeys([_worded(checked, each) for each in more])
        except TallyrankError as error:
            say(f"  {error}")
    return tuple(lines)


def _of_file(path: Path) -> list[str]:
    if not path.is_file():
        raise TallyrankError(f"{path} is not there: name a text file with one keyword a line")
    return lines_of(path)


def _platforms(asking: Asking) -> tuple[str, ...]:
    """The sources to set up."""
    if not (asking.is_sure or asking.given.get("platform")):
        _tell_sources()
    return asking.many("platform", "Which of them will you set up? Names with commas between", check.source)


def _tell_sources() -> None:
    """What is read without a key, and what else there is."""
    kinds: dict[str, list[str]] = {
        "read without a key": [],
        "need a key, a file or a name to read": [],
        "cost money": [],
    }
    for connector in discover().values():
        kinds[_kind(connector)].append(connector.name)
    say("\nSources (`tallyrank doctor NAME` tells about each; keys can wait until later):")
    for kind, names in kinds.items():
        say(textwrap.fill(f"{kind}: {', '.join(sorted(names))}", out.width, **WRAPPED))


def _kind(connector: Connector) -> str:
    settings = connector.settings
    if issubclass(settings, PaidSettings):
        return "cost money"
    is_on = settings.model_fields["enabled"].default
    is_free = is_on and not settings.required and not settings.reads_from
    return "read without a key" if is_free else "need a key, a file or a name to read"


def _subscription(asking: Asking) -> tuple[tuple[str, ...], str, str, str]:
    to = asking.many("mail", "Who is sent a daily mail? Addresses with commas between", check.address)
    if not to:
        return (), "07:00", "en", "daily"
    time = asking.one("mail_time", "Time of the mail", "07:00", check.clock)
    language = asking.one("mail_language", "Language of the mail: en, de, es, zh or ms", "en", _field("language"))
    days = asking.one("mail_days", "Days: daily, weekdays, or weekly:monday", "daily", _field("days"))
    return to, time, language, days


def _valid(kind: Any) -> Check:
    """A check by a type of the project's models."""
    adapter: TypeAdapter[str] = TypeAdapter(kind)

    def checked(words: str) -> str:
        try:
            return adapter.validate_python(words)
        except ValidationError as error:
            raise ValueError(_said(error, "language")) from None

    return checked


def _field(name: str) -> Check:
    """A check by a field of a subscription."""

    def checked(words: str) -> str:
        try:
            made = Subscription.model_validate({"name": "x", "to": ["a@b.example"], name: words})
        except ValidationError as error:
            raise ValueError(_said(error, name)) from None
        return str(getattr(made, name))

    return checked


def _said(error: ValidationError, form: str) -> str:
    """What pydantic complains of, in our words."""
    problem = error.errors(include_url=False)[0]
    if problem["type"] == "string_pattern_mismatch":
        return f"must be {FORMS[form]}"
    known = MUST_BE.get(problem["type"], "").format(**problem.get("ctx", {}))
    return known or problem["msg"].removeprefix("Value error, ")


def _worded(checked: Check, words: str) -> str:
    """What the check makes of the words, or a whole sentence about them."""
    try:
        return checked(words)
    except ValueError as error:
        raise TallyrankError(f"{words!r} {error}") from None


def _checked(name: str, words: str, checked: Check) -> str:
    """A value given as an option; a sentence that names the option where it is wrong."""
    try:
        return _worded(checked, words)
    except TallyrankError as error:
        raise TallyrankError(f"--{name.replace('_', '-')}: {error}") from None


def _until(question: str, default: str, read: Callable[[str], T]) -> T:
    """Ask until the answer, or the default in place of an empty one, is one."""
    while True:
        words = str(typer.prompt(question, default=default, show_default=bool(default))).strip()
        try:
            return read(words)
        except TallyrankError as error:
            say(f"  {error}")


def _each(checked: Check, words: str) -> tuple[str, ...]:
    """Answers with commas between, each checked, each once."""
    parts = filter(None, (each.strip() for each in words.split(",")))
    return tuple(dict.fromkeys(_worded(checked, each) for each in parts))


def zone_here() -> str:
    """The time zone of this machine, or UTC where it does not say."""
    link = Path("/etc/localtime")
    target = os.environ.get("TZ") or (str(link.resolve()).partition("zoneinfo/")[2] if link.is_symlink() else "")
    try:
        return check.timezone(target)
    except ValueError:
        return "UTC"
