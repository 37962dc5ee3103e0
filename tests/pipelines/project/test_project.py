"""The project file: what it may say, what is said where it is wrong, and what the sources are told of it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from datetime import date, time
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import ValidationError

from connectors.base import discover
from connectors.errors import TallyrankError
from pipelines import pages
from pipelines.definitions import build_defs
from pipelines.demo import pointed_at
from pipelines.lake import Lake
from pipelines.project import Brand, Keyword, Market, Platform, Project, Subscription, apply, is_within, load, parsed
from pipelines.project.schema import schema
from pipelines.project.settings import MARK, disagreements, market_settings, shared_market, unheard
from pipelines.project.tree import read
from tests.conftest import REPOSITORY

EXAMPLE = REPOSITORY / "data" / "project.example.yaml"


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No settings from outside: none of this process, and no `.env`; everything is as before afterwards."""
    before = dict(os.environ)
    for name in [n for n in os.environ if n.startswith("TALLYRANK_")]:
        del os.environ[name]
    monkeypatch.chdir(tmp_path)
    yield
    os.environ.clear()
    os.environ.update(before)


def written(folder: Path, text: str | bytes) -> Path:
    """A data folder with a project file."""
    content = text.encode() if isinstance(text, str) else text
    (folder / "project.yaml").write_bytes(content)
    return folder


def refused(folder: Path, text: str | bytes) -> str:
    """What is said about a file."""
    with pytest.raises(TallyrankError) as error:
        load(written(folder, text))
    return str(error.value).replace(f"{folder / 'project.yaml'}", "FILE")


def project(folder: Path, text: str) -> Project:
    """What a file says."""
    return load(written(folder, text))


def test_a_folder_without_the_file_has_an_empty_project(tmp_path: Path) -> None:
    """Nothing is asked of people who want no project file; so too where it holds comments alone."""
    assert load(tmp_path) == Project() == project(tmp_path, "# later\n") == project(tmp_path, "keywords:\n")
    assert (Project().schedule.hour, Project().schedule.minute, Project().schedule.timezone) == (5, 0, "UTC")


def test_a_file_of_another_name_is_not_passed_over_silently(tmp_path: Path) -> None:
    """project.yml would be read by nobody: that is said."""
    (tmp_path / "project.yml").write_text("name: x\n", encoding="utf-8")
    with pytest.raises(TallyrankError, match=r"rename it to project\.yaml"):
        load(tmp_path)


def test_the_example_loads() -> None:
    """The example that people copy is read without complaint, and begins with what editors look for."""
    content = EXAMPLE.read_bytes()
    assert content.startswith(b"# yaml-language-server: $schema=project.schema.json\n")
    found = parsed(content, EXAMPLE)
    assert [k.keyword for k in found.keywords] == ["laufschuhe damen", "1984", "trail running schuhe"]
    assert [s.timezone for s in found.subscriptions] == ["Europe/Berlin", "Asia/Singapore"]
    assert (found.schedule.hour, found.schedule.minute, found.schedule.timezone) == (5, 30, "Europe/Berlin")
    assert found.platforms["hackernews"].enabled is False


def test_the_example_fits_the_schema() -> None:
    """What editors are told agrees with what is read, and tells misspelt names and secrets in the wrong place too."""
    checker = jsonschema.Draft202012Validator(schema())
    assert list(checker.iter_errors(read(EXAMPLE.read_bytes(), EXAMPLE).value)) != []  # `true` is a text to our reader
    value = as_editors_read(EXAMPLE)
    assert [e.message for e in checker.iter_errors(value)] == []
    wrongs: tuple[dict[str, Any], ...] = (
        {"keyword": []},
        {"platforms": {"redit": {}}},
        {"platforms": {"reddit": {"settings": {"client_secret": "x"}}}},
        {"platforms": {"reddit": {"credentials": {"secret": "X"}}}},
        {"subscriptions": [{"name": "x", "to": []}]},
    )
    for wrong in wrongs:
        assert list(checker.iter_errors(value | wrong)), wrong


def as_editors_read(path: Path) -> Any:
    """A file as a common reader of YAML reads it."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_every_name_of_the_schema_is_described() -> None:
    """An editor shows a meaning and an example for every name of ours."""
    found = schema()
    parts = {"project": found, **found["$defs"]}
    names = {(part, n): f for part, held in parts.items() for n, f in held.get("properties", {}).items()}
    assert len(names) > 30
    assert [name for name, field in names.items() if not field.get("description")] == []
    assert [name for name, field in names.items() if not field.get("examples")] == []
    checker = jsonschema.Draft202012Validator(found)
    for (part, name), field in names.items():
        if part == "project":
            assert [e.message for value in field["examples"] for e in checker.iter_errors({name: value})] == []
            assert all(Project.model_validate({name: value}) for value in field["examples"])


def test_words_stay_as_they_are_written(tmp_path: Path) -> None:
    """Norway is no falsehood, 17:30 no number, 1984 a keyword, `on` and a day too; `true` and numbers are read."""
    found = project(
        tmp_path,
        "markets: [{name: no, country: no, language: nb}]\nkeywords: [1984, on, 2026-01-05, 1e3, 012]\n"
        "schedule: {time: 17:30}\nsubscriptions: [{name: a, to: [a@b.example], time: 9:05, quiet: off}]\n"
        "platforms: {brave: {enabled: yes, settings: {depth: 20}}, feeds: {settings: {addresses: [a, b]}}, hatena: }\n",
    )
    assert found.market_of(found.keywords[0]) == {"country": "no", "language": "nb", "device": None}
    assert found.searches == ("1984", "on", "2026-01-05", "1e3", "012")
    assert (found.schedule.hour, found.schedule.minute) == (17, 30)
    assert (found.subscriptions[0].at, found.subscriptions[0].quiet) == (time(9, 5), False)
    assert found.platforms["brave"] == Platform(enabled=True, settings={"depth": "20"})
    assert found.platforms["feeds"].settings == {"addresses": "a,b"}
    assert found.platforms["hatena"] == Platform()


def test_every_fault_is_told_with_its_line(tmp_path: Path) -> None:
    """All at once, in the order of the file, each with what to do; misspelt names with the one that was meant."""
    told = refused(
        tmp_path,
        "nam: Acme\ntimezone: Europe/Berln\nsites: [foo]\ncompetitors: a.example\nmarkets:\n"
        "  - {name: one, country: uk}\n  - name: one\nkeywords:\n  - ''\n  - keyword: boots\n    market: on\n"
        "    devic: mobile\nplatforms:\n  redit: {}\n  reddit:\n    settings:\n      rediscover_day: 3\n"
        "      retries: many\nbrands:\n  - name: A\nschedule:\n  hour: 24\n",
    )
    assert told.splitlines() == [
        "FILE: 14 things to correct",
        "  line 1: `nam` is not known here; did you mean 'name'?",
        "  line 2: `timezone`: 'Europe/Berln' is no time zone; did you mean 'Europe/Berlin'?",
        "  line 3: `sites`, entry 1: 'foo' is no site; write a domain (example.com) or the beginning of addresses "
        "(https://…)",
        "  line 4: `competitors` must be a list: each entry on a line of its own, after a hyphen",
        "  line 6: `markets`, entry 1, `country`: 'uk' is no country of ISO 3166; the United Kingdom is gb",
        "  line 7: entry 1 of `markets` has the name 'one' already; each name once",
        "  line 9: `keywords`, entry 1, `keyword` is empty; write something, or leave the line out",
        "  line 11: 'on' is none of the markets; did you mean 'one'?",
        "  line 12: `keywords`, entry 2, `devic` is not known here; did you mean 'device'?",
        "  line 14: `platforms`, `redit`: is no source; did you mean 'reddit'?",
        "  line 17: `rediscover_day` is no setting of reddit; did you mean 'rediscover_days'?",
        "  line 18: `retries` must be a whole number",
        "  line 20: `brands`, entry 1, `queries` is missing",
        "  line 22: `schedule`, `hour` must be 23 or less",
    ]


def test_one_fault_is_one_line(tmp_path: Path) -> None:
    """File, line, what, and what to do."""
    assert refused(tmp_path, "name: x\nsite: [a.example]\n") == (
        "FILE, line 2: `site` is not known here; did you mean 'sites'?"
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"name: a\nsites: []\nname: b\n", "line 3: 'name' stands on line 1 already; put both under one"),
        (b"schedule:\n  hour: 3\n  hour: 4\n", "line 3: 'hour' stands on line 2 already"),
        (b"keywords:\n\t- a\n", "line 2: a tab stands where YAML wants spaces"),
        (b"name: x\nsites: [\xff]\n", "line 2: not text in UTF-8"),
        ("name: x".encode("utf-16"), "line 1: not text in UTF-8"),
        (b"- a\n", "line 1: must begin with names"),
        (b"name: a: b\n", "line 1: a colon too many"),
        (b"name: @x\n", "line 1: a text that begins with such a sign must stand in quotes"),
        (b"name: x\nsites: [a.example\n", "line 3: is not YAML"),
        (b"name: !!python/object/apply:os.system [x]\n", "line 1: a text that begins with ! must stand in quotes"),
        (b"name: x\nkeywords: &a [*a]\n", "line 2: an entry that refers to itself"),
        (b"name: x\n---\nname: y\n", "line 2: a second document begins here"),
        (b"name: x\nsites: [\x07]\n", "line 2: an invisible control character"),
        (b"[" * 1500, "nested too deeply"),
        (b"? [a]\n: b\n", "line 1: a name before the colon is missing"),
        (b"schedule: {time: '05:00', hour: 4}\n", "give either `time` or `hour` and `minute`"),
        (b"schedule: {time: '25:00'}\n", "'25:00' is no time of day; write HH:MM"),
        (b"timezone: ../../etc/passwd\n", "is no time zone"),
        (b"subscriptions: [{name: a, to: [a@b.example], days: weekly}]\n", "for example weekly:monday"),
        (b"subscriptions: [{name: a, to: [a@b.example], language: fr}]\n", "must be 'en', 'de', 'es', 'zh' or 'ms'"),
        (b"subscriptions: [{name: a, to: []}]\n", "`to` needs an entry at least"),
        (b"subscriptions: [{name: A b, to: [a@b.example]}]\n", "lower-case letters and digits"),
        (b"platforms: {dataforseo: {settings: {device: toaster}}}\n", "`device` must be 'desktop' or 'mobile'"),
        (b"platforms: {brave: {settings: {enabled: true}}}\n", "`enabled` stands beside `settings`"),
        (b"platforms: {brave: {enabled: perhaps}}\n", "`enabled` must be true or false"),
        (b'keywords: ["a\\nb"]\n', "must stand on one line"),
    ],
)
def test_traps_of_yaml_and_values_are_told_in_words(tmp_path: Path, content: bytes, words: str) -> None:
    """By file and line, with no word of a library's; nothing of the traps becomes a value."""
    told = refused(tmp_path, content)
    assert words in told
    assert told.startswith("FILE")
    assert "\n" not in told and "pydantic" not in told.lower()


@pytest.mark.parametrize(
    "address",
    ["me", "me@example", "a@b.example\r\nBcc: c@d.example", "a@b.example,c@d.example", "A <a@b.example>",
     "a@b.example\n", "@b.example", "a@", "a@-b.example", "a..b@c.example", "ä@b.example", "a@b@c.example",
     '"a"@b.example', "a b@c.example"],
)  # fmt: skip
def test_addresses_that_could_smuggle_a_header_in_are_refused(address: str) -> None:
    """One plain address an entry: no line breaks, lists, names or quotes."""
    with pytest.raises(ValidationError):
        Subscription(name="x", to=(address,))


def test_plain_addresses_are_taken() -> None:
    """With a plus, with dots, of a subdomain, of this machine."""
    to = ("a.b+c@d.example", "x_y@mail.d-e.example", "root@localhost")
    assert Subscription(name="x", to=to).to == to


def test_a_secret_is_never_repeated(tmp_path: Path) -> None:
    """Neither under credentials nor under settings nor in a broken file; how to do it rightly is said instead."""
    secret = "sk-live-4f9aXyz"
    for text in (
        f"platforms: {{reddit: {{credentials: {{client_secret: {secret}}}}}}}",
        f"platforms: {{reddit: {{settings: {{client_secret: {secret}}}}}}}",
        f"platforms: {{reddit: {{settings: {{retries: {secret}}}}}}}",
        f"platforms: {{reddit: {secret}}}",
        f"platforms: {{reddit: {{enabled: {secret}}}}}",
        f"platforms:\n  reddit:\n    credentials: {{client_secret: {secret}: x}}",
        f'platforms: {{reddit: {{credentials: {{client_secret: "{secret}}}}}}}',
        *(f"platforms: {{reddit: {{credentials: {{client_secret: {sign}{secret}}}}}}}" for sign in "!*&@%|>`"),
        f"platforms: {{reddit: {{credentials: {{client_secret: !x!{secret}}}}}}}",
    ):
        assert secret not in refused(tmp_path, text), text
    told = refused(tmp_path, f"platforms: {{reddit: {{settings: {{client_secret: {secret}}}}}}}")
    assert "put it into an environment variable, and that one's NAME under `credentials`" in told


def test_days_of_a_subscription() -> None:
    """Every day, Monday to Friday, or one day of the week."""
    week = [date(2026, 11, 16 + n) for n in range(7)]
    days = {"daily": 7, "weekdays": 5, "weekly:sunday": 1}
    mails = {d: Subscription(name="x", to=("a@b.example",), days=d) for d in days}
    assert {d: sum(map(mail.is_on, week)) for d, mail in mails.items()} == days
    assert mails["weekly:sunday"].is_on(week[6])
    assert not mails["weekdays"].is_on(week[5])


def test_time_zones_are_the_projects_unless_named(tmp_path: Path) -> None:
    """Schedule and mails are meant in local time."""
    found = project(
        tmp_path,
        "timezone: Asia/Singapore\nsubscriptions:\n  - {name: a, to: [a@b.example]}\n"
        "  - {name: b, to: [a@b.example], timezone: UTC}\n",
    )
    assert found.schedule.timezone == "Asia/Singapore"
    assert [s.timezone for s in found.subscriptions] == ["Asia/Singapore", "UTC"]


@pytest.mark.parametrize(
    ("url", "is_ours"),
    [
        ("https://example.com/", True), ("https://www.example.com/a", True), ("https://blog.example.com/a", True),
        ("https://notexample.com/", False), ("https://example.com.evil.example/", False),
        ("https://other.example/shop", True), ("https://other.example/shop/shoes?x=1", True),
        ("https://other.example/shopping", False), ("https://other.example/", False), ("not an address", False),
    ],
)  # fmt: skip
def test_pages_within_sites(url: str, is_ours: bool) -> None:
    """A domain holds its hosts, an address what is below it by whole segments; look-alikes are outside."""
    assert is_within(url, ["example.com", "https://other.example/shop/"]) is is_ours


def test_keywords_and_brand_queries_are_looked_up(tmp_path: Path) -> None:
    """After the lines of keywords.txt, each once; sites are not asked about by themselves."""
    (tmp_path / "keywords.txt").write_text("shoes\nboots\n", encoding="utf-8")
    written(tmp_path, "sites: [a.example]\nkeywords: [boots, hats]\nbrands: [{name: A, queries: [acme, hats]}]\n")
    assert pages.keywords(Lake(tmp_path)) == ["shoes", "boots", "hats", "acme"]
    assert pages.pages(Lake(tmp_path), date(2026, 10, 14)) == []


def test_credentials_come_from_the_named_variables(tmp_path: Path) -> None:
    """The source finds them as if they were set for it; one that is not set leaves the source as it was."""
    found = project(tmp_path, "platforms: {reddit: {credentials: {client_id: MY_ID, client_secret: MY_SECRET}}}\n")
    os.environ["MY_ID"] = "abc"
    apply(found)
    assert os.environ["TALLYRANK_REDDIT_CLIENT_ID"] == "abc"
    assert discover()["reddit"].configured().missing() == ("TALLYRANK_REDDIT_CLIENT_SECRET",)


def test_what_is_set_already_wins_over_the_file(tmp_path: Path) -> None:
    """A variable of the environment, and one of `.env`; an empty one counts as not set."""
    found = project(
        tmp_path, "platforms: {brave: {enabled: false, settings: {depth: 40, country: de, language: fr}}}\n"
    )
    (tmp_path / ".env").write_text("TALLYRANK_BRAVE_COUNTRY=at\n", encoding="utf-8")
    os.environ.update({"TALLYRANK_BRAVE_DEPTH": "20", "TALLYRANK_BRAVE_LANGUAGE": ""})
    apply(found)
    settings: Any = discover()["brave"].configured()
    assert (settings.depth, settings.country, settings.language, settings.enabled) == (20, "at", "fr", False)


def test_a_named_variable_may_stand_in_the_env_file(tmp_path: Path) -> None:
    """`.env` holds secrets under names of people's own too."""
    (tmp_path / ".env").write_text("OUR_KEY=abc\n", encoding="utf-8")
    apply(project(tmp_path, "platforms: {serper: {credentials: {api_key: OUR_KEY}}}\n"))
    assert discover()["serper"].configured().missing() == ()


def test_a_changed_file_holds_from_then_on(tmp_path: Path) -> None:
    """What the file said before is taken back, also by a process that inherited it; what others set stays."""
    os.environ["TALLYRANK_HATENA_RETRIES"] = "7"
    apply(project(tmp_path, "timezone: UTC\nplatforms: {hatena: {settings: {retries: 2, concurrency: 3}}}\n"))
    assert os.environ["TALLYRANK_HATENA_CONCURRENCY"] == "3"
    apply(project(tmp_path, "platforms: {hatena: {settings: {timeout_seconds: 9}}}\n"))
    ours = {name: value for name, value in os.environ.items() if name.startswith("TALLYRANK_") and name != MARK}
    assert ours == {"TALLYRANK_HATENA_RETRIES": "7", "TALLYRANK_HATENA_TIMEOUT_SECONDS": "9"}
    apply(Project())
    assert [name for name in os.environ if name.startswith("TALLYRANK_")] == ["TALLYRANK_HATENA_RETRIES"]


def test_dagster_is_told_without_the_command_line(tmp_path: Path) -> None:
    """Definitions of a folder with a project file hold what it says: a switched-on source is in the daily job."""
    written(tmp_path, "platforms: {searxng: {enabled: true}}\n")
    names = {job.name for job in build_defs(tmp_path).jobs or []}
    assert "daily_rankings" in names
    build_defs(tmp_path / "elsewhere")
    assert "TALLYRANK_SEARXNG_ENABLED" not in os.environ


def test_the_demo_knows_nothing_of_the_project(tmp_path: Path) -> None:
    """Inside the demo no setting of a project holds, and afterwards all do again."""
    apply(project(tmp_path, "platforms: {hatena: {settings: {retries: 2}}}\n"))
    before = dict(os.environ)
    with pointed_at("http://127.0.0.1:1"):
        build_defs(tmp_path / "demo")
        assert "TALLYRANK_HATENA_RETRIES" not in os.environ
    assert dict(os.environ) == before


GERMANY = Market(name="germany", country="de", language="de", device="mobile")


def test_the_market_is_handed_to_each_source_in_its_own_words(tmp_path: Path) -> None:
    """Country, language and device under the settings that a source has, and a place by number where it wants one."""
    apply(Project(markets=(GERMANY,), keywords=(Keyword(keyword="a"),)))
    told = {name: discover()[name].configured().model_dump() for name in ("serper", "serpapi", "dataforseo", "searxng")}
    assert (told["serper"]["country"], told["serper"]["language"]) == ("de", "de")
    assert told["serpapi"]["device"] == told["dataforseo"]["device"] == "mobile"
    assert (told["dataforseo"]["location_code"], told["dataforseo"]["country"]) == (2276, "de")
    assert told["searxng"]["language"] == "de-DE"


def test_a_place_chosen_by_hand_is_not_given_another_country(tmp_path: Path) -> None:
    """A list must not be filed under a country that it was not searched in."""
    os.environ["TALLYRANK_DATAFORSEO_LOCATION_CODE"] = "2250"
    apply(Project(markets=(GERMANY,), keywords=(Keyword(keyword="a"),)))
    assert "TALLYRANK_DATAFORSEO_COUNTRY" not in os.environ
    assert os.environ["TALLYRANK_DATAFORSEO_LANGUAGE"] == "de"


def test_every_country_has_its_number() -> None:
    """The number of ISO 3166, for a few known ones; where none is known nothing is handed over."""
    numbers = {"de": "2276", "us": "2840", "no": "2578", "gb": "2826", "my": "2458", "sg": "2702", "cn": "2156"}
    source = discover()["dataforseo"]
    made = {c: market_settings(source, {"country": c, "language": None, "device": None}) for c in numbers}
    assert {country: settings["location_code"] for country, settings in made.items()} == numbers
    assert market_settings(source, {"country": "xk", "language": None, "device": None}) == {}


def test_keywords_that_disagree_leave_the_sources_own_settings(tmp_path: Path) -> None:
    """Each of country, language and device by itself; keywords without one are of the first market, brands too."""
    austria = Keyword(keyword="b", country="at")
    found = Project(markets=(GERMANY,), keywords=(Keyword(keyword="a"), austria))
    assert shared_market(found) == {"country": None, "language": "de", "device": "mobile"}
    assert disagreements(found) == ["country"]
    alone = Project(markets=(GERMANY,), keywords=(austria,))
    assert shared_market(alone)["country"] == "at"
    assert shared_market(
        Project(markets=(GERMANY,), keywords=(austria,), brands=(Brand(name="A", queries=("a",)),))
    ) == (shared_market(found))
    assert shared_market(Project()) == {"country": None, "language": None, "device": None}


def test_what_a_source_cannot_be_told() -> None:
    """Serper has no device; Naver is asked in Korea alone; DataForSEO takes all three; Yandex some countries."""
    market: dict[str, str | None] = {"country": "tr", "language": "tr", "device": "mobile"}
    lost = {name: unheard(discover()[name], market) for name in ("serper", "naver", "dataforseo", "yandex", "searxng")}
    assert lost == {
        "serper": ["device"], "naver": ["country", "language", "device"], "dataforseo": [],
        "yandex": ["language", "device"], "searxng": ["device"],
    }  # fmt: skip


def test_the_doctor_tells_of_the_project(tallyrank: Callable[..., Any], tmp_path: Path) -> None:
    """Where the file is and where its keywords disagree; without one, how to get one; a broken one is an error."""
    data = tmp_path / "lake"
    data.mkdir()
    assert "`tallyrank init` asks and writes one" in tallyrank("doctor", "--offline", data=data).stdout
    written(data, "keywords: [{keyword: a, country: de}, {keyword: b, country: at}]\n")
    assert "keywords differ in country" in tallyrank("doctor", "--offline", data=data).stdout
    written(data, "keyword: [a]\n")
    done = tallyrank("doctor", "--offline", data=data)
    assert done.returncode == 1
    assert re.search(r"project\.yaml, line 1: `keyword` is not known here; did you mean 'keywords'\?", done.stderr)
