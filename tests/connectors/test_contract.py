"""What every connector promises, checked for whatever is discovered: a new file is tested the day it appears.

The first half needs the connector alone; the second asks its twin in the sandbox, where one of the same name exists.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import SecretStr

from connectors import errors
from connectors.base import (
    SIGNALS,
    Ask,
    Connector,
    ConnectorSettings,
    PaidSettings,
    Post,
    Stream,
    discover,
    failed,
    parse_all,
)
from connectors.errors import SourceError, Unavailable
from connectors.records import Observation, Ranking, Raw, Status, Verb, raw_rows, raw_table
from connectors.sandbox.faults import Fault, Faults
from connectors.sandbox.server import build_app, running
from connectors.sandbox.stage import twins
from connectors.sandbox.world import World
from connectors.urls import url_key

CONNECTORS = discover()
TWINS = twins()
STREAMS = [(connector, stream) for connector in CONNECTORS.values() for stream in connector.streams]
PLAYED = [(connector, stream) for connector, stream in STREAMS if connector.name in TWINS]
KINDS_OF_ERRORS = {name: kind for name, kind in vars(errors).items() if isinstance(kind, type)}
OF_PEOPLE = frozenset(
    {"author", "user", "username", "name", "title", "text", "caption", "message", "description", "selftext", "from"}
)
AT = datetime(2026, 10, 14, 12, tzinfo=UTC)
SECRET = "s3cr3t-do-not-show"

each_connector = pytest.mark.parametrize("connector", CONNECTORS.values(), ids=lambda c: c.name)
each_stream = pytest.mark.parametrize(("connector", "stream"), STREAMS, ids=[f"{c.name}-{s.name}" for c, s in STREAMS])
each_played_stream = pytest.mark.parametrize(
    ("connector", "stream"), PLAYED, ids=[f"{c.name}-{s.name}" for c, s in PLAYED]
)


def secrets(settings: type[ConnectorSettings]) -> list[str]:
    """The settings that hold a secret."""
    fields = settings.model_fields.items()
    return [n for n, f in fields if SecretStr in (f.annotation, *get_args(f.annotation))]


def verbs_of(connector: Connector, stream: Stream) -> set[Verb]:
    """The verbs that a stream reads."""
    return set(connector.verbs if stream.verbs is None else stream.verbs)


def credentials(settings: type[ConnectorSettings]) -> set[str]:
    """The secrets that a twin is shown: those that are required, and a ready token where one may be given."""
    return {name for name in secrets(settings) if name in (*settings.required, "token")}


# --- the connector alone ---------------------------------------------------------------------------------------------


@each_connector
def test_a_connector_is_found_where_its_name_says(connector: Connector) -> None:
    """One file `connectors/<signal>/<name>.py` with a docstring that tells the contract."""
    assert connector.signal in SIGNALS
    module = sys.modules[f"connectors.{connector.signal}.{connector.name}"]
    assert module.CONNECTOR is connector
    assert len(module.__doc__ or "") > 200, "the docstring of the module is the contract in our own words"


@each_connector
def test_a_connector_explains_itself(connector: Connector) -> None:
    """Title, quota, terms and where to get a key are told in words."""
    told = (connector.title, connector.quota, connector.terms, connector.keys_from, connector.cost, connector.verified)
    for words in told:
        assert words.strip()
    assert connector.retention_days is None or connector.retention_days > 0


@each_connector
def test_settings_follow_the_rule_of_names(connector: Connector) -> None:
    """Settings are read from TALLYRANK_<NAME>_<SETTING>, and each is described."""
    assert connector.settings.model_config.get("env_prefix") == f"TALLYRANK_{connector.name.upper()}_"
    classes = [c for c in connector.settings.__mro__ if issubclass(c, ConnectorSettings) and c is not ConnectorSettings]
    own = {n for c in classes for n in vars(c).get("__annotations__", ()) if n in connector.settings.model_fields}
    assert "base_url" in own
    assert [name for name in own if not connector.settings.model_fields[name].description] == []
    assert set(connector.settings.required) <= set(connector.settings.model_fields)


def test_shared_settings_are_described() -> None:
    """The settings that every connector inherits with a default are described too."""
    fields = ConnectorSettings.model_fields.items()
    assert [name for name, f in fields if not f.is_required() and not f.description] == []


@each_connector
def test_settings_stand_without_an_environment(connector: Connector, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything but credentials has a default; what is missing is named by its variable."""
    settings = connector.settings(_env_file=None)  # type: ignore[call-arg]
    assert settings.base_url.startswith(("https://", "http://127.0.0.1")) or not settings.base_url  # "": no one host
    assert all(name.startswith(f"TALLYRANK_{connector.name.upper()}_") for name in settings.missing())
    assert bool(settings.missing()) == bool(connector.settings.required)


@each_connector
def test_settings_never_show_a_secret(connector: Connector) -> None:
    """Credentials are SecretStr: they show neither as text, nor as JSON, nor in a complaint."""
    known = dict.fromkeys(secrets(connector.settings), SECRET)
    settings = connector.settings(_env_file=None, **known)  # type: ignore[call-arg]
    shown = f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()} {settings.missing()}"
    assert SECRET not in shown
    looks_secret = [n for n in connector.settings.model_fields if n.endswith(("token", "secret", "password", "key"))]
    assert set(looks_secret) <= set(known)


@each_connector
def test_verbs_have_a_meaning(connector: Connector) -> None:
    """Votes have verbs with the native field's name and a meaning in words; rankings have none."""
    assert bool(connector.verbs) == (connector.signal == "votes")
    for verb, meaning in connector.verbs.items():
        assert isinstance(verb, Verb)
        assert meaning.native.strip()
        assert len(meaning.meaning.split()) >= 3


@each_connector
def test_rankings_say_what_a_position_means(connector: Connector) -> None:
    """Sources of rankings name the kinds of their positions; votes have none."""
    assert bool(connector.rank_kinds) == (connector.signal == "rankings")


@each_connector
def test_a_source_is_free_or_says_what_it_costs(connector: Connector) -> None:
    """The cost begins with `Free`, or names a plan, or is counted in dollars against a budget."""
    is_free, is_paid = connector.cost.startswith("Free"), issubclass(connector.settings, PaidSettings)
    assert (
        ("$" in connector.cost and not is_free)
        if is_paid
        else (is_free or "plan" in connector.cost or "paid" in connector.cost)
    )


@each_connector
def test_what_stands_in_for_settings_are_settings(connector: Connector) -> None:
    """What may be set instead of a key, and what names the things to read, are settings of the source."""
    settings = connector.settings
    for names, others in settings.instead.items():
        assert set(names) <= set(settings.required)
        assert set(others) <= set(settings.model_fields) - set(names)
    assert set(settings.reads_from) <= set(settings.model_fields)


@each_connector
def test_streams_are_well_formed(connector: Connector) -> None:
    """Streams have names of their own and sizes that make sense; a budget names a setting."""
    names = [stream.name for stream in connector.streams]
    assert names
    assert len(set(names)) == len(names)
    for stream in connector.streams:
        assert stream.name.isidentifier()
        assert stream.title.strip()
        assert stream.asks in ("urls", "posts", "keywords", "account")
        assert stream.usd is None or issubclass(connector.settings, PaidSettings)
        assert stream.batch >= 1
        assert stream.requests if stream.requests_per_1000 is None else stream.requests_per_1000 > 0
        assert stream.budget is None or stream.budget in connector.settings.model_fields


@each_stream
def test_nothing_stored_is_nothing_parsed(connector: Connector, stream: Stream) -> None:
    """Parsing no rows gives no records."""
    assert parse_all(connector, stream, []) == []


@each_stream
def test_a_failed_row_is_explained(connector: Connector, stream: Stream) -> None:
    """A failed row becomes one failed observation per verb, without a number."""
    question = Ask(None, AT.date(), AT)
    if stream.asks == "keywords":
        assert (
            parse_all(connector, stream, [failed(question, "a word", Unavailable(connector.name, "it was down"))]) == []
        )
        return
    subject = Post("1", "https://a.example/") if stream.asks == "posts" else "https://a.example/"
    row = failed(question, subject, Unavailable(connector.name, "it was down"))
    parsed = parse_all(connector, stream, [row])
    assert sorted(o.verb for o in parsed if isinstance(o, Observation)) == sorted(verbs_of(connector, stream))
    assert {(o.status, o.count, o.url) for o in parsed} <= {(Status.FAILED, None, "https://a.example/")}
    assert raw_rows(raw_table([row])) == [row]


@each_stream
@pytest.mark.parametrize("payload", [None, {}, [], "", 0, "x", [None], {"zz": {"zz": []}}], ids=repr)
def test_parsing_never_trips(connector: Connector, stream: Stream, payload: Any) -> None:
    """A stored row of any other shape is no exception and no number."""
    parsed = list(stream.parse([Raw("1", AT, url="https://a.example/", payload=payload)]))
    assert [o for o in parsed if isinstance(o, Ranking) or o.count == 0] == []


def test_discovery_is_light() -> None:
    """Finding the connectors imports no heavy client of a platform and nothing of the layers below."""
    heavy = ("praw", "googleapiclient", "dagster", "duckdb", "pandas", "models", "pipelines", "connectors.sandbox")
    code = f"import sys, connectors.base as b; b.discover(); print([m for m in {heavy} if m in sys.modules])"
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- the connector and its twin --------------------------------------------------------------------------------------


@dataclass
class Told:
    """What one question to a twin gave: the rows, what they parse to, and the requests it took."""

    question: Ask
    rows: list[Raw]
    parsed: list[Any]

    @property
    def requests(self) -> int:
        """Requests sent."""
        return self.question.meter.requests


def tell(connector: Connector, stream: Stream, question: Ask) -> Told:
    """Fetch and parse."""
    rows = list(stream.fetch(question))
    return Told(question, rows, parse_all(connector, stream, rows))


@contextmanager
def asked(
    world: World, connector: Connector, stream: Stream, faults: Sequence[Fault] = (), **settings: Any
) -> Iterator[Ask]:
    """The question that suits a stream, put to a sandbox of its own (allowances of a shared one would run dry)."""
    with running(build_app(world, speed=1e6, faults=Faults(active=list(faults)))) as address:
        known: dict[str, Any] = dict.fromkeys(credentials(connector.settings), SECRET)
        known |= {stream.budget: 1000} if stream.budget else {}
        known |= TWINS[connector.name].keys
        known |= {"base_url": f"{address}/{{day}}/{connector.name}", "requests_per_second": 1e6}
        made = connector.settings(_env_file=None, retry_wait_seconds=0.0, **known | settings)  # type: ignore[call-arg]
        question = Ask(made, AT.date(), AT)
        if stream.asks == "urls":
            question = replace(question, urls=tuple(page.url for page in world.pages))
        elif stream.asks == "posts":
            question = replace(question, posts=posts_of(world, connector))
        elif stream.asks == "keywords":
            question = replace(question, keywords=world.keywords)
        yield question


def posts_of(world: World, connector: Connector) -> tuple[Post, ...]:
    """The posts that the other streams of a connector find."""
    found = [o for s in connector.streams if s.asks != "posts" for o in undisturbed(world, connector, s).parsed]
    return tuple({o.object_id: Post(o.object_id, o.url, o.published_at) for o in found if o.object_id}.values())


ANSWERS: dict[tuple[str, str], Told] = {}


def undisturbed(world: World, connector: Connector, stream: Stream) -> Told:
    """The answer without any fault, asked for once."""
    key = connector.name, stream.name
    if key not in ANSWERS:
        with asked(world, connector, stream) as question:
            ANSWERS[key] = tell(connector, stream, question)
    return ANSWERS[key]


@pytest.fixture
def calm(world: World, connector: Connector, stream: Stream) -> Told:
    """The undisturbed answer of the stream under test; skips when it asks nothing before an account is named."""
    told = undisturbed(world, connector, stream)
    if not told.requests:
        assert stream.asks == "account", "no request was made"
        pytest.skip("asks nothing before an account is named in the settings")
    return told


Trouble = Callable[..., Told]


@pytest.fixture
def trouble(world: World) -> Trouble:
    """The answer while a twin has a fault: trouble(connector, stream, "500", times=2)."""

    def make(connector: Connector, stream: Stream, kind: str, times: int | None = None, **settings: Any) -> Told:
        with asked(world, connector, stream, [Fault(connector.name, kind, times)], **settings) as question:
            return tell(connector, stream, question)

    return make


def subjects_of(question: Ask) -> set[str]:
    """What the rows must be about."""
    return {*question.urls, *(p.object_id for p in question.posts), *question.keywords}


def identity(record: Any) -> Any:
    """What must not repeat within one answer."""
    if isinstance(record, Observation):
        return record.object_id, record.verb, record.url, record.segment
    return replace(record, clicks=None, impressions=None)


@each_played_stream
def test_every_subject_is_answered(connector: Connector, stream: Stream, calm: Told) -> None:
    """Each page or post asked about has a row and a record, and nothing went wrong."""
    assert [r.error for r in calm.rows if r.status is Status.FAILED] == []
    subjects = subjects_of(calm.question)
    assert subjects or stream.asks == "account"
    assert subjects <= {r.subject for r in calm.rows}
    if stream.asks == "urls":
        assert {url_key(url) for url in subjects} <= {url_key(record.url) for record in calm.parsed}
    if stream.asks == "posts":
        assert subjects == {o.object_id for o in calm.parsed}
        assert {o.verb for o in calm.parsed} == verbs_of(connector, stream)
    if stream.asks == "keywords":
        assert subjects == {r.keyword for r in calm.parsed}


@each_played_stream
def test_nothing_is_told_twice(connector: Connector, stream: Stream, calm: Told) -> None:
    """No (post, verb, page) and no result of a list repeats within one answer."""
    repeated = {key: n for key, n in Counter(map(identity, calm.parsed)).items() if n > 1}
    assert repeated == {}


@each_played_stream
def test_readings_speak_of_their_connector(connector: Connector, stream: Stream, calm: Told) -> None:
    """Records carry the connector's name, its verbs, the asked moment, and an id exactly when about one post."""
    assert {r.observed_at for r in calm.rows} == {calm.question.observed_at}
    for o in calm.parsed:
        if isinstance(o, Observation):
            assert o.platform == connector.platform(o.object_id)
            assert o.observed_at == calm.question.observed_at
            assert o.verb in connector.verbs
            assert (o.segment is not None) == stream.is_segmented
            assert o.native
            assert o.published_at is None or o.published_at.tzinfo is not None
        else:
            assert o.rank_kind in connector.rank_kinds


@each_played_stream
def test_only_observed_readings_have_numbers(connector: Connector, stream: Stream, calm: Told) -> None:
    """A count is None exactly when the status is not observed, and never negative but for scores."""
    for o in calm.parsed:
        if isinstance(o, Observation):
            assert (o.count is None) == (o.status is not Status.OBSERVED)
            assert o.count is None or isinstance(o.count, int)


@each_played_stream
def test_posts_that_are_not_there_are_not_found(connector: Connector, stream: Stream, world: World) -> None:
    """Ids of posts that do not exist yet come back as not found, for every verb and in every batch."""
    later = posts_to_come(world, connector) if stream.asks == "posts" else []
    if not later:
        pytest.skip("the world has no posts to come for this stream")
    with asked(world, connector, stream) as question:
        mixed = [p for pair in zip(question.posts, later, strict=False) for p in pair]
        parsed = tell(connector, stream, replace(question, posts=tuple(mixed))).parsed
    unknown = {p.object_id for p in later}
    assert {o.object_id for o in parsed} == {p.object_id for p in mixed}
    assert {o.status for o in parsed if o.object_id in unknown} == {Status.NOT_FOUND}
    assert {o.verb for o in parsed if o.object_id in unknown} == verbs_of(connector, stream)


def posts_to_come(world: World, connector: Connector) -> list[Post]:
    """Posts that do not exist at the moment of the questions."""
    post_id = TWINS[connector.name].post_id
    posts = world.posts(connector.name) if post_id else ()
    return [Post(post_id(p), p.url) for p in posts if post_id and p.published_at > AT]


@each_played_stream
def test_payloads_are_free_of_people(connector: Connector, stream: Stream, calm: Told) -> None:
    """No stored field is a name, an author or anybody's words."""
    kept = {key for r in calm.rows for path, _ in dicts_in(r.payload) for key in node(r.payload, path)}
    assert kept & OF_PEOPLE == set()
    assert SECRET not in repr(calm.rows)


@each_played_stream
def test_rows_survive_storage(connector: Connector, stream: Stream, calm: Told) -> None:
    """What is stored parses to the same as what was fetched."""
    stored = raw_rows(raw_table(calm.rows))
    assert stored == calm.rows
    assert parse_all(connector, stream, stored) == calm.parsed


@each_played_stream
def test_requests_are_the_documented_minimum(connector: Connector, stream: Stream, calm: Told) -> None:
    """As many requests as whole batches take, where the connector says how many that are."""
    if stream.requests_per_1000 is None:
        pytest.skip("the number of requests depends on the data")
    subjects = subjects_of(calm.question) or {r.subject for r in calm.rows}
    per_batch = stream.requests_per_1000 * stream.batch / 1000
    assert calm.requests == ceil(len(subjects) / stream.batch) * per_batch


Path_ = tuple[Any, ...]


def dicts_in(payload: Any, path: Path_ = ()) -> Iterator[tuple[Path_, dict[str, Any]]]:
    """Every dict inside a payload, with the way to it."""
    if isinstance(payload, dict):
        yield path, payload
    steps = payload.items() if isinstance(payload, dict) else enumerate(payload) if isinstance(payload, list) else ()
    for step, inner in steps:
        yield from dicts_in(inner, (*path, step))


def node(payload: Any, path: Path_) -> Any:
    """What stands at the end of a way."""
    for step in path:
        payload = payload[step]
    return payload


def copy_of(payload: Any) -> Any:
    """A copy that may be changed."""
    return json.loads(json.dumps(payload))


@each_played_stream
def test_unknown_keys_change_nothing(connector: Connector, stream: Stream, calm: Told) -> None:
    """Platforms add fields: a payload with more keys, at any level, parses to the same."""
    rows = [replace(r, payload=copy_of(r.payload)) for r in calm.rows]
    for row in rows:
        for _, inner in list(dicts_in(row.payload)):
            inner |= {"zz_number": 7, "zz_nested": {"zz_list": [{"count": 3}]}}
    assert parse_all(connector, stream, rows) == calm.parsed


@each_played_stream
def test_a_missing_key_is_never_a_zero(connector: Connector, stream: Stream, calm: Told) -> None:
    """Without any one of its keys a row still parses, and no number becomes 0 that was none before."""
    for row in samples(calm.rows):
        before = zeros(stream.parse([row]))
        for path, inner in dicts_in(row.payload):
            for key in inner:
                payload = copy_of(row.payload)
                del node(payload, path)[key]
                new = zeros(stream.parse([replace(row, payload=payload)])) - before
                assert not new, f"without {[*path, key]} there is a new zero: {row.payload}"


@each_played_stream
def test_a_null_is_never_a_zero(connector: Connector, stream: Stream, calm: Told) -> None:
    """The same holds when any one of its values is null."""
    for row in samples(calm.rows):
        before = zeros(stream.parse([row]))
        for path, inner in dicts_in(row.payload):
            for key in inner:
                payload = copy_of(row.payload)
                node(payload, path)[key] = None
                new = zeros(stream.parse([replace(row, payload=payload)])) - before
                assert not new, f"with null for {[*path, key]} there is a new zero: {row.payload}"


def samples(rows: Sequence[Raw], most: int = 8) -> list[Raw]:
    """Some rows of each shape (which keys there are, and which are null or 0)."""
    taken: dict[Any, list[Raw]] = {}
    for row in rows:
        shape = repr([(p, k, v if v in (None, 0, "0") else "") for p, d in dicts_in(row.payload) for k, v in d.items()])
        group = taken.setdefault((row.status, shape), [])
        if row.status is not Status.FAILED and len(group) < most:
            group.append(row)
    return [row for group in taken.values() for row in group]


def zeros(records: Iterator[Any]) -> Counter[Any]:
    """The zeros in some records, by what they count."""
    found: Counter[Any] = Counter()
    for r in records:
        numbers = {r.verb: r.count} if isinstance(r, Observation) else {"clicks": r.clicks, "shown": r.impressions}
        found.update(what for what, number in numbers.items() if number == 0)
    return found


@each_played_stream
@pytest.mark.parametrize("kind", ["429", "500", "cut"])
def test_transient_failures_leave_no_trace(
    connector: Connector, stream: Stream, calm: Told, kind: str, trouble: Trouble
) -> None:
    """Asked too fast, an error of the server, a broken line: tried again, with the same result."""
    told = trouble(connector, stream, kind, times=2)
    assert told.parsed == calm.parsed
    assert told.rows == calm.rows
    assert told.requests == calm.requests + 2


@each_played_stream
@pytest.mark.parametrize("kind", ["broken_json", "html"])
def test_unreadable_answers_are_failed_rows(
    connector: Connector, stream: Stream, calm: Told, kind: str, trouble: Trouble
) -> None:
    """Half a JSON document or a web page instead of data: failed rows, neither an exception nor a number."""
    told = trouble(connector, stream, kind)
    assert_failed(connector, stream, told)
    assert {r.error.partition(":")[0] for r in told.rows if r.error} <= set(KINDS_OF_ERRORS)


@each_played_stream
def test_refused_credentials_are_named(connector: Connector, stream: Stream, calm: Told, trouble: Trouble) -> None:
    """After a 401 every row says that the sign-in failed, and no further question is asked."""
    told = trouble(connector, stream, "401")
    assert_failed(connector, stream, told)
    assert {r.error.partition(":")[0] for r in told.rows if r.error} == {"AuthError"}
    assert told.requests <= max(2, 2 * told.question.settings.concurrency)


@each_played_stream
def test_an_empty_wallet_is_not_asked_again(connector: Connector, stream: Stream, calm: Told, trouble: Trouble) -> None:
    """Credits used up (402): every row says so, and beyond the questions under way nothing is asked."""
    if stream.usd is None:
        pytest.skip("asking costs nothing")
    told = trouble(connector, stream, "402")
    assert_failed(connector, stream, told)
    assert {r.error.partition(":")[0] for r in told.rows if r.error} == {"WalletEmpty"}
    assert told.requests <= max(2, 2 * told.question.settings.concurrency)


RETIRED = [
    (connector, stream, verb)
    for connector, stream in PLAYED
    if connector.signal == "votes" and not stream.is_segmented
    for verb in (connector.verbs if stream.verbs is None else stream.verbs)
]


@pytest.mark.parametrize(
    ("connector", "stream", "verb"), RETIRED, ids=[f"{c.name}-{s.name}-{v.value}" for c, s, v in RETIRED]
)
def test_a_retired_counter_costs_its_own_verb_alone(
    connector: Connector, stream: Stream, verb: Verb, calm: Told, trouble: Trouble
) -> None:
    """Where the platform renames one counter, its verb loses its numbers and every other verb keeps them."""
    told = trouble(connector, stream, f"rename:{connector.verbs[verb].native}")
    if told.parsed == calm.parsed or {count for _, _, count in numbers(calm, verb)} <= {0, 1}:
        pytest.skip("the counter is no field of an answer by that very name")
    derived = {v for v, meaning in connector.verbs.items() if connector.verbs[verb].native in meaning.native}
    for other in verbs_of(connector, stream) - derived:
        assert numbers(told, other) == numbers(calm, other)
    assert numbers(told, verb) < numbers(calm, verb), "numbers are lost, and none is made up"


def numbers(told: Told, verb: Verb) -> set[Any]:
    """What was read of a verb."""
    return {(o.object_id, o.url, o.count) for o in told.parsed if o.verb is verb and o.count is not None}


@each_played_stream
def test_an_outage_is_failed_rows(connector: Connector, stream: Stream, calm: Told, trouble: Trouble) -> None:
    """A server that stays down gives failed rows that say so, once the tries are used up."""
    told = trouble(connector, stream, "503", retries=1)
    assert_failed(connector, stream, told)
    assert {r.error.partition(":")[0] for r in told.rows if r.error} == {"Unavailable"}


def assert_failed(connector: Connector, stream: Stream, told: Told) -> None:
    """All is failed, every subject has a row that says why without the secret, and there is no number."""
    assert told.rows
    assert subjects_of(told.question) <= {r.subject for r in told.rows}
    assert {r.status for r in told.rows} == {Status.FAILED}
    for row in told.rows:
        name, _, words = (row.error or "").partition(": ")
        assert issubclass(KINDS_OF_ERRORS[name], SourceError)
        assert words.strip()
        assert SECRET not in words
    assert {o.count for o in told.parsed} <= {None}
    assert len(told.parsed) == len(told.rows) * len(verbs_of(connector, stream))
