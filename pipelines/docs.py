"""Generated pages: `.env.example` and `docs/SOURCES.md`, from what the connectors say of themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from connectors.base import SIGNALS, Connector, ConnectorSettings, Stream, discover
from connectors.records import Verb
from pipelines.files.known import Format, formats

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
        own = [n for n, field in connector.settings.model_fields.items() if n not in SHARED or _differs(n, field)]
        own.sort(key=lambda n: n not in connector.settings.required)
        lines += ["", f"# --- {connector.title} ({connector.signal}). {connector.keys_from}"]
        lines += _lines(connector.name, connector.settings, own)
    return "\n".join(lines) + "\n"


SHARED = [n for n in ConnectorSettings.model_fields if n not in ("base_url", "requests_per_second")]


def _differs(name: str, field: FieldInfo) -> bool:
    """Whether a source has a default of its own for what every source takes."""
    return bool(field.default != ConnectorSettings.model_fields[name].default)


def _lines(name: str, settings: type[ConnectorSettings], names: Iterable[str]) -> Iterator[str]:
    for each in names:
        field = settings.model_fields[each]
        needed = " (needed)" if each in settings.required else ""
        yield f"# {field.description or each}{needed}"
        yield f"# TALLYRANK_{name.upper()}_{each.upper()}={_shown(field.default)}"


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
    yield f"| source | asked about | {''.join(f'{v.value} | ' for v in verbs)}key | requests per 1,000 |"
    yield f"|---|---|{'---|' * len(verbs)}---|---|"
    for c in connectors:
        marks = "".join(f"{'✓' if v in c.verbs else ''} | " for v in verbs)
        asks = ", ".join(dict.fromkeys(s.asks for s in c.streams))
        costs = "; ".join(f"{s.name}: {_per_1000(s)}" for s in c.streams)
        yield f"| [{c.title}](#{c.name}) | {asks} | {marks}{'yes' if c.settings.required else 'no'} | {costs} |"


def _per_1000(stream: Stream) -> str:
    return stream.requests if stream.requests_per_1000 is None else f"{stream.requests_per_1000:,.0f}"


def _section(connector: Connector) -> Iterator[str]:
    kept = f"{connector.retention_days} days" if connector.retention_days else "no limit set by its terms that we know"
    forgets = "; what is deleted there is deleted here" if connector.forgets_deleted else ""
    yield from (f'<a id="{connector.name}"></a>', "", f"### {connector.title}", "")
    yield from (f"- **{s.name}**: {s.title} (asked about {s.asks})." for s in connector.streams)
    yield from (f"- {v.value} = `{m.native}` ({m.quality.value}): {m.meaning}" for v, m in connector.verbs.items())
    is_off = not connector.settings.model_fields["enabled"].default
    yield f"- Key: {connector.keys_from}" + (" Off until you switch it on." if is_off else "")
    yield from (f"- Cost: {connector.cost}", f"- Limits: {connector.quota}", f"- Kept: {kept}{forgets}.")
    yield from (f"- Terms: {connector.terms}", f"- Verified: {connector.verified}", "")


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
    headers = [", ".join(f"`{known.names.get(n, [n])[0]}`" for n in group) for group in known.recognised]
    by = "; or ".join(headers) if headers else f"not recognised by itself, name it: `--format {known.name}`"
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
    yield f"- Read: {', '.join(f'{field} from {_source(known, field)}' for field in known.columns)}."
    if known.aliases:
        yield f"- Aliases: {', '.join(f'{kind} from `{column}`' for kind, column in known.aliases.items())}."
    yield from (f"- To be given where no column says it: {field}, {why}." for field, why in known.needs.items())
    yield from (f"- {note}" for note in known.notes)
    yield from (f"- Not verified: {words}" for words in known.unverified)
    yield ""


def _source(known: Format, field: str) -> str:
    """The names of a field's columns, each by its first name."""
    groups = [group.split(" + ") if isinstance(group, str) else group for group in known.columns[field]]
    return ", else ".join(" + ".join(f"`{known.names.get(n, [n])[0]}`" for n in group) for group in groups)


def _other_names(known: Format) -> str:
    has_more = any(len(known.names.get(name, [])) > 1 for group in known.recognised for name in group)
    return ", also under other names and in other languages" if has_more else ""


PAGES: dict[str, Callable[[], str]] = {".env.example": env_example, "docs/SOURCES.md": sources}


if __name__ == "__main__":
    for name, page in PAGES.items():
        (REPOSITORY / name).write_text(page(), encoding="utf-8")
