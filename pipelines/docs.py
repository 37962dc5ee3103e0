"""Generated pages: `.env.example`, from what the connectors say of themselves; a test compares it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from connectors.base import ConnectorSettings, discover

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
        own = [n for n in connector.settings.model_fields if n not in SHARED]
        own.sort(key=lambda n: n not in connector.settings.required)
        lines += ["", f"# --- {connector.title} ({connector.signal}). {connector.keys_from}"]
        lines += _lines(connector.name, connector.settings, own)
    return "\n".join(lines) + "\n"


SHARED = [n for n in ConnectorSettings.model_fields if n not in ("base_url", "requests_per_second")]


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


if __name__ == "__main__":
    (REPOSITORY / ".env.example").write_text(env_example(), encoding="utf-8")
