"""SearXNG: result lists through a search engine of your own, which asks other engines; no key, off by default.

**Asked** by `GET {base}/search` at your own instance (port 8888 by default) with `format=json`, `q`, `engines`,
`categories=general`, `language` (`en-US`; `all`), `pageno` (from 1), `safesearch=0`. JSON is off in a fresh instance:
it answers 403 until `json` stands in `search.formats` of its settings.yml.

**Meaning.** The order of an answer is SearXNG's own score over all engines asked, no engine's order. So ask one engine
(`engines`, google by default): a result's `positions[0]` is then its place on that engine's page, ten more for each
page before, and `Ranking.engine` is that engine. With several engines, or none named, the place is the index in the
merged list and the engine is called searxng. Both are a `list_index`; `source` says searxng, because what an instance
sees is not what a person sees. `positions` is not in the order of `engines`. There is no device; a region in
`language` is the country.

**Addresses** are changed before they reach us: tracking parameters are taken off, names in other scripts are decoded.

**Nothing found is unknown**, never "not in the list": blocked engines stand in `unresponsive_engines` (pairs of a name
and words, in the language of the instance) of an answer with HTTP 200. A first page without results is a failed read:
after a CAPTCHA the engine is left alone for an hour, after "too many requests" or "access denied" for three minutes,
so no further try is made. An empty later page, with no engine blocked, is the end. An engine whose name the instance
does not know is left out without a word; results of another engine than the one asked are a bad answer. Where one of
several engines is missing, the list is kept and says which.

**Errors**: 400 without a question, 403 as above, 429 from the instance's own limiter (off by default; with it, four
questions an hour for anything but HTML).

`number_of_results` was removed in May 2026 and is not read. UNVERIFIED: that ten results are a page for every engine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from connectors.base import Ask, Connector, ConnectorSettings, Stream, ask_in_batches, whole
from connectors.errors import BadAnswer, ConfigurationError, RateLimited, SourceError, Unavailable
from connectors.fields import dig, listed, loads
from connectors.http import Answer, Http, by_status, retry_after
from connectors.records import Ranking, RankKind, Raw
from connectors.serp import Entry, Page, entries_of, list_rows, rankings

NAME = "searxng"
PAGE_SIZE = 10
SUSPENDED = {"captcha": 3600.0, "too many requests": 180.0, "access denied": 180.0}  # seconds an engine is left alone
SWITCH_ON = (
    "switch JSON on: add `json` to the list `formats` below `search:` in the instance's settings.yml, restart it"
)


class Settings(ConnectorSettings):
    """Settings of SearXNG; no key is needed, but an instance of your own."""

    model_config = SettingsConfigDict(env_prefix="TALLYRANK_SEARXNG_")

    enabled: bool = Field(False, description="Set to true once your instance runs; engines may block its address.")
    base_url: str = Field("http://127.0.0.1:8888", description="Address of your instance.")
    requests_per_second: float = Field(0.2, gt=0, description="Highest pace; engines block an address that asks often.")
    engines: str = Field("google", description="Engines asked, with commas; one gives its own places, empty for all.")
    language: str = Field(
        "en-US", description="Language, with the country behind a hyphen where wanted; `all` for any."
    )
    depth: int = Field(10, ge=1, le=100, description="Results wished for; every ten are one question.")

    @property
    def engine_names(self) -> list[str]:
        """The engines asked."""
        return [name.strip().lower() for name in self.engines.split(",") if name.strip()]

    @property
    def only_engine(self) -> str | None:
        """The engine asked, where it is one."""
        return self.engine_names[0] if len(self.engine_names) == 1 else None


def fetch(ask: Ask) -> Iterator[Raw]:
    """The result list of each keyword."""
    with Http(NAME, ask, classify=searxng_error) as http:
        yield from ask_in_batches(ask, list(dict.fromkeys(ask.keywords)), 1, partial(_list, ask, http))


def _list(ask: Ask, http: Http, keywords: Sequence[str]) -> list[Raw]:
    settings, missing = ask.settings, set[str]()
    language, _, country = settings.language.partition("-")
    facts = {"engine": settings.only_engine or NAME, "country": country.lower() or None}
    facts |= {"language": language if language not in ("", "all", "auto") else None}
    known = {"engines": ",".join(settings.engine_names), "language": settings.language}
    asked = {"q": keywords[0], "format": "json", "categories": "general", "safesearch": 0}

    def read(number: int) -> Page:
        question = asked | {name: value for name, value in known.items() if value} | {"pageno": number + 1}
        answer = http.get("/search", question).json()
        missing.update(name for name, _ in blocked(answer))
        return page_of(answer, settings.only_engine, is_first=number == 0)

    rows = list_rows(ask, keywords[0], facts, read, size=PAGE_SIZE, wished=settings.depth)
    if missing:
        rows[0].payload["unresponsive"] = sorted(missing)
    return rows


def page_of(answer: Any, engine: str | None, *, is_first: bool) -> Page:
    """The results of an answer; a first page without any says nothing about the list, a later one is its end."""
    results = dig(answer, "results")
    entries = entries_of(NAME, results, "results", "url")
    if not entries and is_first:
        raise BadAnswer(NAME, "no results and no engine blocked: unknown, for an engine may have failed without a word")
    if engine:
        for entry, result in zip(entries, results, strict=True):
            _put_place(entry, result, engine)
    return Page(entries, is_last=not entries)


def _put_place(entry: Entry, result: Any, engine: str) -> None:
    """The result's place on the page of the one engine asked."""
    engines, positions = result.get("engines"), result.get("positions")
    place = whole(positions[0]) if isinstance(positions, list) and positions else None
    if place is None or place < 1:
        raise BadAnswer(NAME, "a result has no `positions`: its place is unknown")
    if isinstance(engines, list) and engine not in [str(name).lower() for name in engines]:
        raise BadAnswer(NAME, f"results are of other engines than {engine!r}: does the instance know that name?")
    entry["place"] = place


def blocked(answer: Any) -> list[tuple[str, str]]:
    """The engines that gave nothing, and why."""
    pairs = listed(dig(answer, "unresponsive_engines"))
    return [(str(pair[0]), str(pair[1])) for pair in pairs if isinstance(pair, list) and len(pair) > 1]


def searxng_error(answer: Answer) -> SourceError | None:
    """What the instance itself refuses; blocked engines are told inside of a 200."""
    if answer.status == 403:
        return ConfigurationError(answer.source, f"the instance refuses JSON (HTTP 403); {SWITCH_ON}")
    if answer.status == 429:
        words = "the instance's own limiter stops us (HTTP 429); set `limiter: false` or let this address pass"
        return RateLimited(answer.source, words, retry_after(answer))
    return by_status(answer) or _nothing_but_blocked(answer)


def _nothing_but_blocked(answer: Answer) -> SourceError | None:
    """An answer without results whose engines were blocked."""
    body = loads(answer.text)
    reasons = blocked(body)
    if not reasons or dig(body, "results"):
        return None
    words = ", ".join(f"{name}: {reason}" for name, reason in reasons)
    pauses = [seconds for word, seconds in SUSPENDED.items() if word in words.lower()]
    if pauses:
        return RateLimited(answer.source, f"blocked by the engine ({words})", max(pauses))
    return Unavailable(answer.source, f"no engine answered the instance ({words})")


def parse(rows: Sequence[Raw]) -> Iterator[Ranking]:
    """The results of each list, by their index in it."""
    return rankings(NAME, rows, RankKind.LIST_INDEX)


CONNECTOR = Connector(
    name=NAME,
    title="SearXNG",
    signal="rankings",
    settings=Settings,
    streams=(
        Stream(
            name="results",
            title="Results of keywords through an instance of your own",
            asks="keywords",
            fetch=fetch,
            parse=parse,
            requests_per_1000=1000,
        ),
    ),
    quota="None of its own; the engines behind it block an address that asks often.",
    terms="Free software on a machine of yours. The engines behind it do not welcome being read by programs.",
    rank_kinds=(RankKind.LIST_INDEX,),
    keys_from="No key is needed: run an instance (https://docs.searxng.org) and switch JSON on in its settings.yml.",
    cost="Free; the instance runs on a machine of yours.",
    verified="Nothing against a running instance: written from SearXNG's source of August 2026.",
)
