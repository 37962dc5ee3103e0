"""What a connector is: settings, streams, verbs, quota and terms, and how the files of connectors are found.

A connector file defines one module-level `CONNECTOR`. Each of its streams has a *fetch* (network, no thinking) that
yields `Raw` rows and a *parse* (thinking, no network) that turns them into `Observation`s or `Ranking`s.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import islice
from typing import Any, ClassVar, Literal, TypeVar

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from connectors.errors import BudgetSpent, ConfigurationError, SourceError, Transient
from connectors.records import Basis, Observation, Quality, Ranking, RankKind, Raw, Status, Verb

SIGNALS = ("rankings", "votes")
PassingOn = Literal["counted", "beyond_the_post", "not_counted"]


class ConnectorSettings(BaseSettings):
    """Settings of one connector, read from `TALLYRANK_<CONNECTOR>_<SETTING>` and from `.env`.

    A `{day}` in `base_url` makes the host a time machine (the sandbox): it is replaced by the day asked about, and
    the host may then be asked about any day.

    `required` must be set, or for some of them what `instead` names. Where `reads_from` names settings, they say what
    is read, and until one of them is set there is nothing to read.
    """

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True)
    required: ClassVar[tuple[str, ...]] = ()
    instead: ClassVar[Mapping[tuple[str, ...], tuple[str, ...]]] = {}
    reads_from: ClassVar[tuple[str, ...]] = ()

    base_url: str
    enabled: bool = Field(True, description="Set to false to leave this source out of runs.")
    requests_per_second: float = Field(1.0, gt=0, description="Highest pace; the source's own headers may slow it.")
    concurrency: int = Field(1, ge=1, le=64, description="Requests under way at once.")
    retries: int = Field(4, ge=0, description="Tries after the first for transient failures.")
    retry_wait_seconds: float = Field(1.0, ge=0, description="First wait between tries; doubles each time.")
    timeout_seconds: float = Field(30.0, gt=0, description="Give a request up after this long.")
    rediscover_days: int = Field(7, ge=1, description="Look for new posts about a page again after this many days.")
    recheck_days: int = Field(30, ge=1, description="Look for posts that stayed unread again after this many days.")
    segment_minimum: int = Field(10, ge=0, description="Counts of a segment (country, age, …) below this are not kept.")

    @field_validator("*", mode="before")
    @classmethod
    def _stripped(cls, value: Any) -> Any:
        """Keys are pasted with line breaks at their end; sent so, they break the request."""
        return value.strip() if isinstance(value, str) else value

    @property
    def has_clock(self) -> bool:
        """Whether the host can be asked how any day looked."""
        return "{day}" in self.base_url

    def url_for(self, day: date) -> str:
        """The base address for a day, without a trailing slash."""
        return self.base_url.replace("{day}", day.isoformat()).rstrip("/")

    def other_url_for(self, day: date, given: str | None, usual: str) -> str:
        """Another address, like `url_for`: the one given, else `usual`, or `base_url` where that was changed."""
        is_usual = self.base_url.rstrip("/") == type(self).model_fields["base_url"].default.rstrip("/")
        return (given or (usual if is_usual else self.base_url)).replace("{day}", day.isoformat()).rstrip("/")

    def missing(self) -> tuple[str, ...]:
        """Environment variables that must be set before this source can be read."""
        spared = {name for names, others in self.instead.items() if all(map(self._has, others)) for name in names}
        return self._variables(name for name in self.required if name not in spared and not self._has(name))

    def wanted(self) -> str:
        """What is missing in words, with what would do in its place; empty where nothing is missing."""
        missing = self.missing()
        words = listed(missing)
        for names, others in self.instead.items():
            replaced = self._variables(names)
            if set(replaced) & set(missing):
                its_place = "" if set(missing) <= set(replaced) else f" in place of {listed(replaced)}"
                words += f", or {listed(self._variables(others))}{its_place}"
        return words

    def idle(self) -> str:
        """The variables of which one must name something to read; empty where there is something."""
        names = [name for name in self.reads_from if name not in self.required]
        return "" if any(map(self._has, names)) else " or ".join(self._variables(names))

    def _has(self, name: str) -> bool:
        return bool(_secret(getattr(self, name)))

    @classmethod
    def _variables(cls, names: Iterable[str]) -> tuple[str, ...]:
        return tuple(variable(cls, name) for name in names)


class PaidSettings(ConnectorSettings):
    """Settings of a source that costs money for each question."""

    budget_usd: float = Field(10.0, ge=0, description="Most US dollars to spend in a calendar month (UTC).")


def variable(settings: type[ConnectorSettings], name: str) -> str:
    """The environment variable of a setting."""
    return f"{settings.model_config.get('env_prefix', '')}{name}".upper()


def listed(names: Sequence[str]) -> str:
    """Names as a sentence lists them: `A, B and C`."""
    return " and ".join(", ".join(names).rsplit(", ", 1))


def _secret(value: Any) -> Any:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


@dataclass(frozen=True, slots=True)
class VerbMeaning:
    """What a verb is on one platform: the native field, its meaning in words, and how far it can be trusted.

    `passing_on` says how the number of one post counts those who put it before others: each of them, each of them
    beyond the post itself, or not at all. None: a share counts each of them, and no other verb is passing on.
    """

    native: str
    meaning: str
    quality: Quality = Quality.EXACT
    passing_on: PassingOn | None = None


@dataclass(frozen=True, slots=True)
class Post:
    """A known post: its id on the platform and the page it links to."""

    object_id: str
    url: str
    published_at: datetime | None = None

    @property
    def known(self) -> dict[str, str | None]:
        """What a row keeps of it: answers about a post may not say when it was published."""
        return {"published_at": self.published_at.isoformat() if self.published_at else None}


class Meter:
    """Counts the requests made and the money spent; safe to share between threads.

    `left_usd` is what may still be spent (None: no limit); `on_spend` is told of every amount before it is spent.
    """

    def __init__(self, left_usd: float | None = None, on_spend: Callable[[float], None] | None = None) -> None:
        self.requests = 0
        self.usd = 0.0
        self._left, self._on_spend, self._lock = left_usd, on_spend, threading.Lock()

    def count(self) -> None:
        """One more request has been sent."""
        with self._lock:
            self.requests += 1

    def spend(self, source: str, usd: float) -> None:
        """Spend money, to be called before the request that costs it; raises BudgetSpent where too little is left."""
        with self._lock:
            if self._left is not None and self.usd + usd > self._left + 1e-9:
                words = (
                    f"the next question costs ${usd:.4f}, and this month's budget has ${self._left - self.usd:.4f} left"
                )
                raise BudgetSpent(source, f"{words}; raise TALLYRANK_{source.upper()}_BUDGET_USD to go on")
            self._book(usd)

    def settle(self, usd: float) -> None:
        """Book a difference to what was spent, whatever is left: below 0 is money back."""
        with self._lock:
            self._book(usd)

    def _book(self, usd: float) -> None:
        self.usd += usd
        if self._on_spend:
            self._on_spend(usd)


@dataclass(frozen=True)
class Ask:
    """One question to a stream: the day, the moment readings are stamped with, and the pages, posts or keywords."""

    settings: Any
    day: date
    observed_at: datetime
    urls: Sequence[str] = ()
    posts: Sequence[Post] = ()
    keywords: Sequence[str] = ()
    meter: Meter = field(default_factory=Meter)

    @property
    def base_url(self) -> str:
        """The base address for this day."""
        return str(self.settings.url_for(self.day))


@dataclass(frozen=True)
class Stream:
    """One way of reading a source. `asks` says what it is asked about; `keeps_past` that any day may be asked.

    `requests_per_1000` is the documented minimum of requests for 1,000 subjects; where it depends on the data it is
    None, and `requests` says it in words (for 1,000 posts, unless said otherwise).
    `budget` names the setting that caps the subjects of one day. `basis` and `verbs` are given where they differ from
    the connector's. `usd` says what asking about n subjects costs under some settings, where it costs money.
    `is_segmented`: it tells of parts of the public only, never of the whole.
    """

    name: str
    title: str
    asks: Literal["urls", "posts", "keywords", "account"]
    fetch: Callable[[Ask], Iterator[Raw]]
    parse: Callable[[Sequence[Raw]], Iterator[Any]]
    batch: int = 1
    requests_per_1000: float | None = None
    requests: str = ""
    keeps_past: bool = False
    budget: str | None = None
    basis: Basis | None = None
    verbs: tuple[Verb, ...] | None = None
    usd: Callable[[Any, int], float] | None = None
    is_segmented: bool = False


@dataclass(frozen=True)
class Connector:
    """One platform or source, described well enough that assets, checks, docs and tests follow from it.

    `verified` says what of the contract was checked against real answers, and what was not. `retention_days` is how
    long the platform's terms let us keep what it answered, `kept` says it in words where they name no days;
    `forgets_deleted` that what was deleted there is to be deleted here. `is_tool`: it reports posts of several
    networks, each of which is a platform of its own. `rank_kinds`: what its positions mean, the usual one first.
    """

    name: str
    title: str
    signal: Literal["votes", "rankings"]
    settings: type[ConnectorSettings]
    streams: tuple[Stream, ...]
    quota: str
    terms: str
    keys_from: str
    verbs: Mapping[Verb, VerbMeaning] = field(default_factory=dict)
    basis: Basis = Basis.PAGE
    rank_kinds: tuple[RankKind, ...] = ()
    retention_days: int | None = None
    kept: str = ""
    forgets_deleted: bool = False
    is_tool: bool = False
    cost: str = "Free."
    verified: str = "Nothing against real answers: written from documentation."

    def configured(self) -> ConnectorSettings:
        """Settings from the environment; raises ConfigurationError in words when one of them is malformed."""
        try:
            return self.settings()  # type: ignore[call-arg]
        except ValueError as error:
            raise ConfigurationError(self.name, _plain(error, self.settings)) from None

    def ready(self) -> ConnectorSettings:
        """Settings that are complete; raises ConfigurationError naming what is missing and where to get it."""
        settings = self.configured()
        if wanted := settings.wanted():
            raise ConfigurationError(self.name, f"set {wanted}. {self.keys_from}")
        return settings

    def platform(self, object_id: str | None) -> str:
        """Where a post's votes were cast: the connector itself, or of a tool (its posts' ids are `<network>:<id>`) the
        network as the tool reports it. Networks are never added up.
        """
        network, colon, _ = (object_id or "").partition(":") if self.is_tool else ("", "", "")
        return f"{self.name}:{network}" if colon else self.name

    def stream(self, name: str) -> Stream:
        """The stream of that name."""
        return next(s for s in self.streams if s.name == name)


def _plain(error: ValueError, settings: type[ConnectorSettings]) -> str:
    """Which variables are malformed and what they must be, in one line, without the value (it may be a secret)."""
    if not isinstance(error, ValidationError):
        return "a setting is malformed; see the settings of the source"
    problems = error.errors(include_input=False, include_url=False)
    return "; ".join(f"{variable(settings, '.'.join(map(str, p['loc'])))} {_must(p)}" for p in problems)


def _must(problem: Any) -> str:
    """What a setting must be, from the kind of complaint."""
    kind, limits = problem["type"], problem.get("ctx", {})
    if known := MUST_BE.get(kind):
        return "must be " + known.format(**limits)
    words = problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return words if words.startswith("should") else f"is malformed: {words}"


MUST_BE = {
    **dict.fromkeys(("float_parsing", "float_type"), "a number"),
    **dict.fromkeys(("int_parsing", "int_type", "int_from_float"), "a whole number"),
    **dict.fromkeys(("bool_parsing", "bool_type"), "true or false"),
    **dict.fromkeys(("date_parsing", "date_from_datetime_parsing"), "a day, YYYY-MM-DD"),
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "{ge:g} or more",
    "less_than": "less than {lt:g}",
    "less_than_equal": "{le:g} or less",
    "literal_error": "{expected}",
    "string_pattern_mismatch": "of the form {pattern}",
}


def discover() -> dict[str, Connector]:
    """Every connector, by name: one per module of `connectors.rankings` and `connectors.votes`."""
    found: dict[str, Connector] = {}
    for signal in SIGNALS:
        package = importlib.import_module(f"connectors.{signal}")
        for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda i: i.name):
            connector = importlib.import_module(f"{package.__name__}.{info.name}").CONNECTOR
            found[connector.name] = connector
    return found


T = TypeVar("T", str, Post)


def ask_in_batches(
    ask: Ask, subjects: Sequence[T], size: int, answer: Callable[[list[T]], Iterable[Raw]]
) -> Iterator[Raw]:
    """Ask about all subjects, `size` at a time and up to the allowed number at once, keeping their order.

    A batch that fails becomes one failed row per subject and the rest goes on. After a fatal error (no permission,
    quota gone), or when BREAK_AFTER batches in a row could not be reached for all the retries, the remaining subjects
    fail with the same words and no request is made: an outage takes minutes, not hours.
    """
    fatal: list[SourceError] = []
    down: list[SourceError] = []

    def attempt(batch: list[T]) -> list[Raw]:
        """The rows of one batch, failed ones where it failed."""
        if fatal:
            return [failed(ask, s, fatal[0]) for s in batch]
        try:
            rows = list(answer(batch))
        except SourceError as error:
            down[:] = [*down, error] if isinstance(error, Transient) else []
            if error.is_fatal or len(down) >= BREAK_AFTER:
                fatal.append(error)
            return [failed(ask, s, error) for s in batch]
        down.clear()
        return rows

    with ThreadPoolExecutor(ask.settings.concurrency) as pool:
        for rows in pool.map(attempt, batches(subjects, size)):
            yield from rows


BREAK_AFTER = 3


def account_rows(ask: Ask, accounts: Iterable[str], read: Callable[[str], Iterable[Raw]]) -> Iterator[Raw]:
    """The rows of each account; one that fails ends in a failed row, and a fatal failure stops the rest."""
    fatal: SourceError | None = None
    for account in accounts:
        try:
            if fatal:
                raise fatal
            yield from read(account)
        except SourceError as error:
            fatal = error if error.is_fatal else fatal
            yield replace(failed(ask, account, error), url=None)


def batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Consecutive groups of at most `size` items."""
    rest = iter(items)
    while group := list(islice(rest, size)):
        yield group


def failed(ask: Ask, subject: str | Post, error: SourceError) -> Raw:
    """The row that says: we could not read this, and why."""
    words = f"{type(error).__name__}: {error.message}"
    if isinstance(subject, Post):
        return Raw(subject.object_id, ask.observed_at, Status.FAILED, subject.url, error=words)
    return Raw(subject, ask.observed_at, Status.FAILED, None if ask.keywords else subject, error=words)


def post_row(ask: Ask, post: Post, kept: Mapping[str, Any] | None) -> Raw:
    """The row of a known post: what was kept of the answer, or that the post is gone (None)."""
    status = Status.NOT_FOUND if kept is None else Status.OBSERVED
    return Raw(post.object_id, ask.observed_at, status, post.url, {**(kept or {}), **post.known})


def parse_all(connector: Connector, stream: Stream, rows: Sequence[Raw]) -> list[Observation | Ranking]:
    """Parse a day's rows; a failed row becomes one failed observation per verb, so that its absence is explained."""
    good = [r for r in rows if r.status is not Status.FAILED]
    parsed = list(stream.parse(good))
    if connector.signal == "votes":
        parsed += [o for r in rows if r.status is Status.FAILED for o in _failures(connector, stream, r)]
    return parsed


def _failures(connector: Connector, stream: Stream, row: Raw) -> Iterator[Observation]:
    is_post = stream.asks == "posts" or (stream.asks == "account" and row.url is not None)
    object_id = row.subject if is_post else None
    for verb in stream.verbs or tuple(connector.verbs):
        meaning = connector.verbs[verb]
        yield Observation(
            connector.platform(object_id), verb, row.url, row.observed_at, None, Status.FAILED, meaning.quality,
            stream.basis or connector.basis, object_id, None, meaning.native, ANY if stream.is_segmented else None,
        )  # fmt: skip


def reading(connector: Connector, verb: Verb, row: Raw, value: Any, *, absent: Status, **more: Any) -> Observation:
    """One observation from a value as received: a whole number (also as text) is observed; None or rubbish is not.

    `absent` is what a missing value means on this platform for this verb; `more` overrides any other field.
    """
    meaning = connector.verbs[verb]
    count = whole(value)
    return replace(
        Observation(
            connector.platform(more.get("object_id")), verb, row.url, row.observed_at, count,
            absent if count is None else Status.OBSERVED, meaning.quality, connector.basis, None, None, meaning.native,
        ),
        **more,
    )  # fmt: skip


def nothing_found(connector: Connector, row: Raw, found: Any, **more: Any) -> Iterator[Observation]:
    """The readings of a page without posts: 0 where the search came back empty (`found` is 0), else failed."""
    count = 0 if whole(found) == 0 else None
    for verb in connector.verbs:
        yield reading(connector, verb, row, count, absent=Status.FAILED, **more)


def cell(ask: Ask, value: Any) -> Any:
    """A segment's count as it may be kept: the whole number, None where unknown, SUPPRESSED where it is so small that
    it could speak of single people.
    """
    count = whole(value)
    return SUPPRESSED if count is not None and count < ask.settings.segment_minimum else count


SUPPRESSED = "suppressed"
ANY = "*"  # the segment of a reading that failed for all of them


def whole(value: Any) -> int | None:
    """A whole number from an int, an integral float or digits as text; None for everything else, bool included."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, str):
        return int(value) if re.fullmatch(r"-?[0-9]+", value.strip()) else None
    return value if isinstance(value, int) else None
