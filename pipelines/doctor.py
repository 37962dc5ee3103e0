"""What is configured, what is missing and where to get it, and whether the hosts answer."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from connectors.base import Connector, ConnectorSettings, PaidSettings, discover, listed, variable
from connectors.errors import ConfigurationError, TallyrankError
from connectors.http import reachable
from pipelines import estimate, project
from pipelines.console import out, table
from pipelines.demo import today
from pipelines.lake import Lake
from pipelines.pages import LIST, pages
from pipelines.project.settings import disagreements

REPOSITORY = Path(__file__).resolve().parents[1]
INDENT = "    "
WIDE = 120  # columns of a terminal that a table of five columns and advice needs
READY, IDLE, OFF, NOT_READY = "ready", "nothing to read", "switched off", "not ready"
SUBJECTS = {"urls": "pages", "posts": "posts", "keywords": "keywords", "account": "accounts"}


@dataclass(frozen=True, slots=True)
class Finding:
    """What the doctor says of one source."""

    name: str
    signal: str
    state: str
    advice: str
    price: str
    host: str


def examine(folder: Path, *, offline: bool, only: str | None = None) -> None:
    """Print the state of every source, or of one, then of the data folder."""
    chosen = [_named(only)] if only else list(discover().values())
    lake = Lake(folder)
    found = sorted(_findings(lake, chosen, offline=offline), key=lambda f: (_order(f.state), f.signal, f.name))
    if only:
        _tell_one(chosen[0], found[0])
    elif out.width >= WIDE:
        names = ("source", "gives", "state", "what to do", "a month", "host")
        table("Sources", names, [[f.name, f.signal, f.state, f.advice, f.price, f.host] for f in found])
    else:
        out.print("\n".join(lines(found, out.width)), markup=False)
    _tell_folder(lake)


def lines(found: Sequence[Finding], width: int) -> Iterator[str]:
    """The sources on a narrow terminal: a line for each, and what to do below it."""
    names, states = max(len(f.name) for f in found), max(len(f.state) for f in found)
    for each in found:
        facts = f"{each.name:{names}}  {each.state:{states}}  {each.signal}, {each.price}; host: {each.host}"
        yield from _wrapped(facts, width, "")
        yield from _wrapped(each.advice, width)


def _wrapped(words: str, width: int, first: str = INDENT, rest: str = INDENT) -> list[str]:
    """Lines of at most `width`; addresses and names of settings are never cut, so that they can be copied."""
    wrap = textwrap.TextWrapper(
        width, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )
    return wrap.wrap(words)


def _order(state: str) -> int:
    return (READY, IDLE, NOT_READY, OFF).index(state)


def _named(name: str) -> Connector:
    known = discover()
    if name not in known:
        near = get_close_matches(name, known, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "`tallyrank doctor` lists them all"
        raise TallyrankError(f"{name!r} is no known source; {hint}")
    return known[name]


def _findings(lake: Lake, connectors: list[Connector], *, offline: bool) -> Iterator[Finding]:
    with ThreadPoolExecutor(8) as pool:
        hosts = list(pool.map(_host, connectors)) if not offline else ["not tried"] * len(connectors)
    costs = _monthly(lake, connectors)
    for connector, host in zip(connectors, hosts, strict=True):
        state, advice = diagnosis(connector)
        yield Finding(
            connector.name, connector.signal, state, advice, costs.get(connector.name, price(connector)), host
        )


def _monthly(lake: Lake, connectors: list[Connector]) -> dict[str, str]:
    """What the sources that cost money and are ready would cost, asked every day about what there is to ask now."""
    words = {}
    for connector in connectors:
        if costs := list(estimate.estimates(lake, [connector], today())):
            usd = sum(cost.usd_a_month for cost in costs)
            asked = dict.fromkeys(SUBJECTS[connector.stream(cost.stream).asks] for cost in costs)
            has_none = not any(cost.n_subjects for cost in costs)
            words[connector.name] = f"${usd:,.2f}" + (f" (no {' or '.join(asked)} yet)" if has_none else "")
    return words


def price(connector: Connector) -> str:
    """What a source costs, in a word or two, from what it says of its cost."""
    if issubclass(connector.settings, PaidSettings):
        return "costs money"
    return "free" if connector.cost.startswith("Free") else "part of its plan"


def diagnosis(connector: Connector) -> tuple[str, str]:
    """The state of a source, and everything that is left to do before it reads something."""
    try:
        settings = connector.configured()
    except ConfigurationError as error:
        return NOT_READY, error.message
    wanted, idle = settings.wanted(), settings.idle()
    steps = [f"{variable(connector.settings, 'enabled')}=true"] if not settings.enabled else []
    steps += [each for each in (wanted, idle) if each]
    state = OFF if not settings.enabled else NOT_READY if wanted else IDLE if idle else READY
    is_new = bool(wanted or idle) or not connector.settings.model_fields["enabled"].default
    where = f". {connector.keys_from}" if is_new else ""
    return (state, f"set {'; '.join(steps)}{where}") if steps else (state, "")


def _tell_one(connector: Connector, found: Finding) -> None:
    out.print(f"{connector.title} ({found.name}): {found.state}", markup=False)
    told = {
        "to do": found.advice or "nothing",
        "gives": f"{found.signal}: {'; '.join(stream.title for stream in connector.streams)}",
        "a month": found.price,
        "cost": connector.cost,
        "limits": connector.quota,
        "terms": connector.terms,
        "host": found.host,
        "set now": ", ".join(_set_now(connector)) or "nothing; its own defaults hold",
    }
    for name, words in told.items():
        out.print("\n".join(_wrapped(words, out.width, f"{name:9}", " " * 9)), markup=False)
    out.print("")


def _set_now(connector: Connector) -> list[str]:
    """The variables of a source that are set, in the environment or in `.env`; never what they hold."""
    try:
        settings = connector.configured()
    except ConfigurationError:
        return ["not known while one of them is malformed"]
    return sorted(variable(connector.settings, name) for name in settings.model_fields_set)


def _tell_folder(lake: Lake) -> None:
    folder = lake.root
    out.print(f"\nsettings:    {settings_read_from()}", markup=False)
    out.print(f"data folder: {folder}{'' if folder.exists() else ' (made on the first run)'}", markup=False)
    out.print(f"project:     {_project(folder)}", markup=False)
    built = str(lake.warehouse) if lake.warehouse.exists() else "none yet: run `tallyrank analyze`"
    out.print(f"warehouse:   {built}", markup=False)
    n_pages = len(pages(lake, today()))
    hint = "" if n_pages else f"; list some in {folder / LIST}, or import rankings"
    out.print(f"pages to ask about: {n_pages}{hint}", markup=False)


def _project(folder: Path) -> str:
    """Where the project file is, and what of the market its keywords do not agree on."""
    if not (folder / project.NAME).exists():
        return "no project file; `tallyrank init` asks and writes one"
    differing = disagreements(project.load(folder))
    more = f"; keywords differ in {listed(differing)}, each is looked up in its own" if differing else ""
    return f"{folder / project.NAME}{more}"


def settings_read_from() -> str:
    """Where settings come from: the environment, and the `.env` of the folder where the command is given."""
    here = Path.cwd() / str(ConnectorSettings.model_config.get("env_file"))
    if here.is_file():
        return f"the environment, then {here}"
    other = REPOSITORY / here.name
    hint = f" ({other} is read only from its own folder)" if other.is_file() else ""
    return f"the environment alone; there is no {here}{hint}"


def _host(connector: Connector) -> str:
    try:
        address = connector.configured().url_for(today())
        return reachable(address) if address else "no one host"
    except ConfigurationError:
        return "not tried"
