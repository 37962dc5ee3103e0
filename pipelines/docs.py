"""Generated pages: settings, sources and the schema of the project file, from what the connectors say of themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from connectors.base import SIGNALS, Connector, ConnectorSettings, PaidSettings, Stream, discover, listed, variable
from connectors.records import Basis, RankKind, Verb
from pipelines import dictionary
from pipelines.files.known import Format, formats
from pipelines.mail import settings as mail_settings
from pipelines.project import schema as project_schema

REPOSITORY = Path(__file__).resolve().parents[1]


def env_example() -> str:
    """Every setting of every connector with its meaning, what is needed first; all lines commented out."""
    lines = [
        "# Copy to .env and fill in what you have; every line is optional. `tallyrank doctor` says what is missing.",
        "# Made by `make docs` from the connectors.",
        "",
        "# Where the data are kept (else data/ of the project).",
        "# TALLYRANK_DATA=",
        "",
        "# --- Every source takes these too, with its own name for SOURCE",
        *_lines("source", ConnectorSettings, SHARED),
    ]
    for connector in discover().values():
        is_off = not connector.settings.model_fields["enabled"].default
        switch = f" Off until TALLYRANK_{connector.name.upper()}_ENABLED=true." if is_off else ""
        own = [n for n, field in connector.settings.model_fields.items() if n not in SHARED or _differs(n, field)]
        own.sort(key=lambda n: n not in connector.settings.required)
        lines += ["", f"# --- {connector.title} ({connector.signal}).{switch} {connector.keys_from}"]
        lines += _lines(connector.name, connector.settings, own)
    return "\n".join([*lines, *mail_settings.described()]) + "\n"


SHARED = [n for n in ConnectorSettings.model_fields if n not in ("base_url", "requests_per_second")]


def _differs(name: str, field: FieldInfo) -> bool:
    """Whether a source has a default of its own for what every source takes."""
    return bool(field.default != ConnectorSettings.model_fields[name].default)


def _lines(name: str, settings: type[ConnectorSettings], names: Iterable[str]) -> Iterator[str]:
    for each in names:
        field = settings.model_fields[each]
        needed = _needed(settings, each)
        yield f"# {field.description or each}{needed}"
        yield f"# TALLYRANK_{name.upper()}_{each.upper()}={_shown(field.default)}"


def _needed(settings: type[ConnectorSettings], name: str) -> str:
    """Whether a setting must be given, and what would do in its place."""
    if name not in settings.required:
        return ""
    others = [listed(tuple(variable(settings, o) for o in s)) for names, s in settings.instead.items() if name in names]
    return f" (needed, or {' or '.join(others)})" if others else " (needed)"


def _shown(default: Any) -> str:
    if default is None or isinstance(default, SecretStr):
        return ""
    return str(default).lower() if isinstance(default, bool) else str(default)


def sources() -> str:
    """Every source with what it gives, needs, costs and forbids."""
    found = discover().values()
    lines = [
        "# Sources",
        "",
        "Made by `make docs` from the connectors; a test compares it. `tallyrank doctor` says which are ready for you.",
        "",
        f"{len(found)} sources are read by connectors; files of other tools are imported, see the end. No source was",
        "read live while this was written: each says what was checked against real answers.",
        "",
    ]
    for signal in reversed(SIGNALS):
        some = sorted((c for c in found if c.signal == signal), key=lambda c: c.title.lower())
        lines += [f"## {signal.capitalize()}", "", *_overview(some), "", *(s for c in some for s in _section(c))]
    return "\n".join([*lines, *_formats()])


def _overview(connectors: list[Connector]) -> Iterator[str]:
    verbs = [v for v in Verb if any(v in c.verbs for c in connectors)]
    yield f"| source | asked about | {''.join(f'{v.value} | ' for v in verbs)}needs | requests per 1,000 |"
    yield f"|---|---|{'---|' * len(verbs)}---|---|"
    for c in connectors:
        marks = "".join(f"{'✓' if v in c.verbs else ''} | " for v in verbs)
        asks = ", ".join(dict.fromkeys(_asked_about(c, s) for s in c.streams))
        costs = "; ".join(f"{s.name}: {_per_1000(s)}" for s in c.streams)
        yield f"| [{c.title}](#{c.name}) | {asks} | {marks}{_needs(c)} | {costs} |"


ASKED_ABOUT = {
    "urls": "pages you list or that rank",
    "posts": "posts found before",
    "keywords": "keywords you list",
}


def _asked_about(connector: Connector, stream: Stream) -> str:
    """What a stream is asked about, in words of its reader."""
    if stream.asks != "account":
        return ASKED_ABOUT[stream.asks]
    if _reads_file(connector):
        return "a file of yours"
    own = "account" if connector.signal == "votes" else "sites"
    return "what you name in the settings" if connector.settings.reads_from else f"your own {own}"


def _reads_file(connector: Connector) -> bool:
    """Whether a source is a file, or a folder of files, and no host."""
    fields = connector.settings.model_fields
    return any(Path in (fields[n].annotation, *get_args(fields[n].annotation)) for n in connector.settings.required)


def _needs(connector: Connector) -> str:
    """What a source needs before it reads anything."""
    settings, need = connector.settings, "no key"
    if _reads_file(connector):
        need = "a file"
    elif settings.required:
        need = "a key and money" if issubclass(settings, PaidSettings) else "a key"
    elif settings.reads_from:
        need = "names to read"
    return need if settings.model_fields["enabled"].default else f"{need}; off by default"


def _per_1000(stream: Stream) -> str:
    return stream.requests if stream.requests_per_1000 is None else f"{stream.requests_per_1000:,.0f}"


def _section(connector: Connector) -> Iterator[str]:
    kept = f"{connector.retention_days} days" if connector.retention_days else connector.kept or NO_LIMIT
    forgets = "; what is deleted there is deleted here" if connector.forgets_deleted else ""
    yield from (f'<a id="{connector.name}"></a>', "", f"### {connector.title}", "")
    if not connector.settings.model_fields["enabled"].default:
        yield from (f"**Off by default.** Set `{variable(connector.settings, 'enabled')}=true` to switch it on.", "")
    yield from (f"- **{s.name}**: {s.title}. {_of_stream(connector, s)}." for s in connector.streams)
    yield from (f"- {v.value} = `{m.native}` ({m.quality.value}): {m.meaning}" for v, m in connector.verbs.items())
    if connector.signal == "rankings":
        yield from _positions(connector)
    yield f"- Needs: {connector.keys_from}"
    yield from (f"- Cost: {connector.cost}", f"- Limits: {connector.quota}", f"- Kept: {kept}{forgets}.")
    yield from (f"- Terms: {connector.terms}", f"- Verified: {connector.verified}", "")


NO_LIMIT = "no limit set by its terms that we know"


def _of_stream(connector: Connector, stream: Stream) -> str:
    """What a stream is asked about, which days it can tell of, and what its numbers are."""
    facts = [f"Asked about {_asked_about(connector, stream)}"]
    if connector.signal == "rankings":
        facts += ["past days too" if stream.keeps_past else "of today only"]
        return "; ".join(facts)
    verbs = ", ".join(v for v in Verb if v in (stream.verbs or connector.verbs))
    basis = {Basis.PAGE: "totals of a page", Basis.POST: "numbers of single posts"}[stream.basis or connector.basis]
    segments = ", by segment and never added up" if stream.is_segmented else ""
    facts += [f"gives {verbs}, {basis}{segments}"]
    return "; ".join([*facts, "past days too"] if stream.keeps_past else facts)


POSITIONS = {
    RankKind.ORGANIC: "the place among unpaid results",
    RankKind.ABSOLUTE: "the place among everything shown, with news, videos and posts",
    RankKind.AVERAGE: "the mean of all places it was shown at in a day or week",
    RankKind.LIST_INDEX: "the place in the list as the source gave it",
}


def _positions(connector: Connector) -> Iterator[str]:
    """What a position means, and how deep the lists go."""
    kinds = "; with a setting also ".join(f"`{kind}`, {POSITIONS[kind]}" for kind in connector.rank_kinds)
    field = connector.settings.model_fields.get("depth")
    depth = (
        f"{field.default} results at first (`{variable(connector.settings, 'depth')}`)"
        if field
        else "not told, an average has none"
    )
    yield f"- Position: {kinds}. Depth: {depth}."


def _formats() -> Iterator[str]:
    """The files of other tools that the import knows."""
    known = sorted(formats().values(), key=lambda f: (f.kind, f.title.lower()))
    yield from ("## Files of other tools", "")
    yield "`tallyrank import KIND FILE` recognises these by their header (else name one with `--format NAME`), shows"
    yield "how every column was understood, and asks before it writes. CSV, TSV, Parquet, ZIP, gzip; any encoding."
    yield ""
    for each in known:
        yield from _format_lines(each)


def _format_lines(known: Format) -> Iterator[str]:
    by = _header(known) or f"not recognised by itself, name it: `--format {known.name}`"
    yield from (
        f'<a id="format-{known.name}"></a>',
        "",
        f"### {known.title}",
        "",
        f"- Format `{known.name}` of {known.kind}.",
    )
    yield f"- Header: {by}{_other_names(known)}."
    if known.refuse:
        yield from (f"- Not imported: {known.refuse}.", "")
        return
    if known.kind == "rankings":
        depth = known.constants.get("depth", "not in the file, `--depth` says it")
        yield f"- Position means `{known.constants.get('rank_kind', 'organic')}`; depth: {depth}."
    yield f"- Read: {_columns(known)}."
    if known.aliases:
        yield f"- Aliases: {', '.join(f'{kind} from `{column}`' for kind, column in known.aliases.items())}."
    base = formats().get(known.extends)
    said = {*base.notes, *base.unverified, *base.needs.items()} if base else set()
    yield from (f"- To be given where no column says it: {n[0]}, {n[1]}." for n in known.needs.items() if n not in said)
    yield from (f"- {note}" for note in known.notes if note not in said)
    yield from (f"- Not verified: {words}" for words in known.unverified if words not in said)
    yield ""


def _header(known: Format) -> str:
    """The names by which a file is recognised; what differs in one name only is said once."""
    groups = [[f"`{known.names.get(n, [n])[0]}`" for n in group] for group in known.recognised]
    first = list(dict.fromkeys(group[0] for group in groups))
    last = list(dict.fromkeys(group[-1] for group in groups))
    if len(groups) > 2 and len(groups) == len(first) * len(last) and {len(group) for group in groups} == {2}:
        return f"{' or '.join(first)}, and one of {', '.join(last)}"
    return "; or ".join(", ".join(group) for group in groups)


def _columns(known: Format) -> str:
    """Which column is which field; of a format that extends another one, only what differs."""
    base = formats().get(known.extends)
    own = [f for f in known.columns if base is None or _source(known, f) != _source(base, f)]
    parts = [f"{field} from {_source(known, field)}" for field in own]
    if base is None:
        return ", ".join(parts)
    return f"as [{base.title}](#format-{base.name})" + (f", but {', '.join(parts)}" if parts else "")


def _source(known: Format, field: str) -> str:
    """The names of a field's columns, each by its first name."""
    groups = [group.split(" + ") if isinstance(group, str) else group for group in known.columns[field]]
    return ", else ".join(" + ".join(f"`{known.names.get(n, [n])[0]}`" for n in group) for group in groups)


def _other_names(known: Format) -> str:
    has_more = any(len(known.names.get(name, [])) > 1 for group in known.recognised for name in group)
    return ", also under other names and in other languages" if has_more else ""


PAGES: dict[str, Callable[[], str]] = {
    ".env.example": env_example,
    "docs/SOURCES.md": sources,
    "data/project.schema.json": project_schema.page,
    "docs/DATA.md": dictionary.page,
    "docs/QUERIES.md": dictionary.queries,
}


if __name__ == "__main__":
    for name, page in PAGES.items():
        (REPOSITORY / name).write_text(page(), encoding="utf-8")
