"""The project's settings as the environment variables that sources read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from babel.core import get_global
from dotenv import dotenv_values

from connectors.base import Connector, ConnectorSettings, discover, variable

if TYPE_CHECKING:
    from pipelines.project import Project

MARK = "TALLYRANK_FROM_PROJECT"  # names what was set here, also for processes that inherit it
MARKET = ("country", "language", "device")
# ISO numbers of states that ended; in CLDR they lead to their successors, which have numbers of their own
FORMER = frozenset({230, 249, 278, 280, 720, 736, 886})
PLACES = ("country", "location", "location_code", "location_name", "region", "search_type")
Market = dict[str, str | None]


def set_variables(project: Project) -> None:
    """Set what the project says and nobody else did, after taking back what an earlier call set."""
    for name in filter(None, os.environ.pop(MARK, "").split(",")):
        os.environ.pop(name, None)
    written = _dotenv()
    mine = {
        name: value for name, value in _variables(project, written) if not (os.environ.get(name) or written.get(name))
    }
    os.environ.update(mine)
    if mine:
        os.environ[MARK] = ",".join(mine)


def _dotenv() -> dict[str, str]:
    """The variables of the `.env` from which sources read too."""
    found = dotenv_values(Path(str(ConnectorSettings.model_config.get("env_file"))), interpolate=True)
    return {name.upper(): value for name, value in found.items() if value}


def _variables(project: Project, written: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Every variable that the project would set; what it says of a source itself comes after the market, and wins."""
    if "timezone" in project.model_fields_set:
        yield "TALLYRANK_TIMEZONE", project.timezone
    known = discover()
    for connector in known.values():
        if connector.signal == "rankings":
            market = _market_for(connector, project, written)
            for name, value in market_settings(connector, market).items():
                yield variable(connector.settings, name), value
    for source, platform in project.platforms.items():
        settings = known[source].settings
        if platform.enabled is not None:
            yield variable(settings, "enabled"), str(platform.enabled).lower()
        for name, value in platform.settings.items():
            yield variable(settings, name), value
        for name, holder in platform.credentials.items():
            if secret := os.environ.get(holder) or written.get(holder):
                yield variable(settings, name), secret


def _market_for(connector: Connector, project: Project, written: dict[str, str]) -> Market:
    """What all keywords agree on, as far as nobody chose otherwise for this source."""
    return _unless_chosen(shared_market(project), _chosen(connector, project, written))


def _unless_chosen(market: Market, chosen: set[str]) -> Market:
    """A market without its country where somebody chose the place of the search by hand: a list must not be filed under
    a country that it was not searched in.
    """
    return market | ({"country": None} if chosen & set(PLACES) else {})


def _chosen(connector: Connector, project: Project, written: dict[str, str]) -> set[str]:
    """The settings of a source that somebody chose: below `platforms`, in `.env`, or in the environment (where what the
    project file itself has set does not count).
    """
    platform = project.platforms.get(connector.name)
    ours = set(os.environ.get(MARK, "").split(","))
    variables = {name: variable(connector.settings, name) for name in connector.settings.model_fields}
    set_there = {n for n, v in variables.items() if written.get(v) or (os.environ.get(v) and v not in ours)}
    return set_there | (set(platform.settings) if platform else set())


def by_market(
    connector: Connector, project: Project, texts: Iterable[str]
) -> dict[tuple[tuple[str, str], ...], list[str]]:
    """Keywords by the settings that tell a source their market, in the order of their first; a keyword that the project
    names in several markets stands in each. No settings: what the source has serves.
    """
    from pipelines.project import Keyword

    chosen = _chosen(connector, project, _dotenv())
    named: dict[str, list[Keyword]] = {}
    for keyword in project.keywords:
        named.setdefault(keyword.keyword, []).append(keyword)
    found: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for text in dict.fromkeys(texts):
        for keyword in named.get(text) or [Keyword(keyword=text)]:
            told = market_settings(connector, _unless_chosen(project.market_of(keyword), chosen))
            settings = tuple(sorted((name, value) for name, value in told.items() if name not in chosen))
            if text not in found.setdefault(settings, []):
                found[settings].append(text)
    return found


def shared_market(project: Project) -> Market:
    """Country, language and device, each where all that is looked up agrees on it; else None."""
    from pipelines.project import Keyword

    queries = [Keyword(keyword=query) for brand in project.brands for query in brand.queries]
    markets = [project.market_of(keyword) for keyword in (*project.keywords, *queries)]
    values = {name: {market[name] for market in markets} for name in MARKET}
    return {name: next(iter(found)) if len(found) == 1 else None for name, found in values.items()}


def disagreements(project: Project) -> list[str]:
    """Of country, language and device, those that keywords name and do not agree on: each is then asked in its own."""
    named = {n for k in project.keywords for n, value in project.market_of(k).items() if value}
    return [name for name in MARKET if name in named and shared_market(project)[name] is None]


def market_settings(connector: Connector, market: Market) -> dict[str, str]:
    """How a source of rankings is told the market: by its settings of that name, unless it has a way of its own."""
    if connector.name in OWN_WAYS:
        return OWN_WAYS[connector.name](market)
    return {n: value for n, value in market.items() if value and n in connector.settings.model_fields}


def unheard(connector: Connector, market: Market) -> list[str]:
    """What of a market a source cannot be told: leaving it out changes none of its settings."""
    whole = market_settings(connector, market)
    return [n for n, value in market.items() if value and market_settings(connector, market | {n: None}) == whole]


def _dataforseo(market: Market) -> dict[str, str]:
    """Its `country` is a name on the list alone; where the search is made, the number of the country says."""
    found = {name: value for name, value in market.items() if value}
    if country := found.pop("country", None):
        if (number := _numbers().get(country.upper())) is None:
            return found
        found |= {"country": country, "location_code": str(2000 + number)}
    return found


def _numbers() -> dict[str, int]:
    """The ISO 3166 number of each country, by its two letters; from 900 on they are nobody's."""
    numbers = {int(n): to[0] for n, to in get_global("territory_aliases").items() if n.isdigit() and len(to) == 1}
    return {country: number for number, country in numbers.items() if number < 900 and number not in FORMER}


def _searxng(market: Market) -> dict[str, str]:
    """Language and country are one setting; a country alone cannot be said."""
    language, country = market["language"], market["country"]
    if not language:
        return {}
    return {"language": language if "-" in language or not country else f"{language}-{country.upper()}"}


def _yandex(market: Market) -> dict[str, str]:
    """Its `country` is a name on the list alone; it has an index for some countries."""
    from connectors.rankings.yandex import COUNTRIES

    kinds = {country: kind for kind, country in COUNTRIES.items() if country}
    kind = kinds.get(market["country"] or "")
    return {"search_type": kind} if kind else {}


OWN_WAYS = {"dataforseo": _dataforseo, "searxng": _searxng, "yandex": _yandex}
