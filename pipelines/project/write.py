"""The text of a project file, from what somebody answered: with comments that explain, and such that it loads."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from connectors.base import Connector, discover, variable

SCHEMA = Path(__file__).resolve().parents[2] / "data" / "project.schema.json"
MARKET = "main"
WHOLE: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False}  # addresses are never cut
PLAIN = re.compile(r"[^\W\d_][\w./@-]*( [\w./@-]+)*")
# words that readers of YAML 1.1 take for something else
ODD = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


@dataclass(frozen=True)
class Answers:
    """What `tallyrank init` was told; empty where nothing was."""

    name: str
    timezone: str
    sites: tuple[str, ...] = ()
    competitors: tuple[str, ...] = ()
    country: str = ""
    language: str = ""
    device: str = ""
    keywords: tuple[str, ...] = ()
    brand: str = ""
    queries: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    mail_to: tuple[str, ...] = ()
    mail_time: str = "07:00"
    mail_language: str = "en"
    mail_days: str = "daily"


def text_of(answers: Answers, folder: Path) -> str:
    """The whole file."""
    parts = (_head(answers, folder), _sites(answers), _searches(answers), _platforms(answers), _times(answers))
    return "\n".join("\n".join([*part, ""]) for part in parts)


def quoted(words: str) -> str:
    """A text as YAML holds it: bare where every reader takes it for text, else in quotes."""
    if PLAIN.fullmatch(words) and words.lower() not in ODD:
        return words
    return str(yaml.safe_dump(words, default_style='"', allow_unicode=True, width=float("inf"))).strip()


def secrets_of(connector: Connector) -> dict[str, str]:
    """What a source needs before it can be read, with the environment variable that is to hold each."""
    return {name: variable(connector.settings, name) for name in connector.settings.required}


def _head(answers: Answers, folder: Path) -> Iterator[str]:
    if SCHEMA.exists():
        where = SCHEMA.name if folder == SCHEMA.parent else str(SCHEMA)
        yield f"# yaml-language-server: $schema={where}"
    yield "# The project file of Tallyrank; change it at will, it is read at every run. No secret belongs here."
    yield from ("", f"name: {quoted(answers.name)}", f"timezone: {quoted(answers.timezone)}")


def _sites(answers: Answers) -> Iterator[str]:
    yield "# What is ours: domains (with everything below them), hosts, or beginnings of addresses."
    yield from _listed("sites", answers.sites)
    yield from ("", "# Whom we compare ourselves with.")
    yield from _listed("competitors", answers.competitors)


def _listed(name: str, entries: Iterable[str]) -> list[str]:
    """A list, one entry a line."""
    lines = [f"  - {quoted(entry)}" for entry in entries]
    return [f"{name}:", *lines] if lines else [f"{name}: []"]


def _searches(answers: Answers) -> Iterator[str]:
    yield "# Where searches are made. What all keywords agree on is handed to every source that has such a setting."
    parts = {"country": answers.country, "language": answers.language, "device": answers.device}
    lines = [f"    {name}: {quoted(value)}" for name, value in parts.items() if value]
    yield from ["markets:", f"  - name: {MARKET}", *lines] if lines else ["markets: []"]
    yield from ("", "# What is looked up, beside the lines of keywords.txt.")
    yield from _listed("keywords", answers.keywords)
    yield from ("", "# Names whose page one is watched; their queries are looked up too.")
    if not answers.queries:
        yield "brands: []"
        return
    yield from ("brands:", f"  - name: {quoted(answers.brand or answers.name)}")
    yield from (f"    {line}" for line in _listed("queries", answers.queries))


def _platforms(answers: Answers) -> Iterator[str]:
    yield "# Sources by the names that `tallyrank doctor` lists; those that need no key are read without a word here."
    yield "# Below `credentials` stand NAMES of environment variables; put their values into the environment or .env."
    yield "platforms:" if answers.platforms else "platforms: {}"
    for name in answers.platforms:
        yield from _platform(discover()[name])


def _platform(connector: Connector) -> Iterator[str]:
    settings = connector.settings
    idle = [name for name in settings.reads_from if name not in settings.required]
    is_off = not settings.model_fields["enabled"].default
    yield f"  {connector.name}:"
    yield from textwrap.wrap(connector.keys_from, 110, initial_indent="    # ", subsequent_indent="    # ", **WHOLE)
    if idle:
        yield f"    # What it reads: {' or '.join(idle)}, to be written below `settings:`"
    if is_off or not secrets_of(connector):
        yield "    enabled: true"
    if secrets := secrets_of(connector):
        yield "    credentials:"
        yield from (f"      {name}: {holder}" for name, holder in secrets.items())


def _times(answers: Answers) -> Iterator[str]:
    yield from ("# When the daily run begins, in the project's time zone.", "schedule:", '  time: "05:00"', "")
    yield "# Who is sent a mail, and when: daily, weekdays, or weekly:monday; in en, de, es, zh or ms."
    if not answers.mail_to:
        yield "subscriptions: []"
        return
    yield from ("subscriptions:", "  - name: morning")
    yield from (f"    {line}" for line in _listed("to", answers.mail_to))
    yield from (f'    time: "{answers.mail_time}"', f"    language: {answers.mail_language}")
    yield f"    days: {answers.mail_days}"
