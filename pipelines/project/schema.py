"""The JSON schema of the project file, for editors: every name with its meaning, also the settings of each source."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from pydantic.fields import FieldInfo

from connectors.base import Connector, discover
from pipelines.project import Project
from pipelines.project.faults import is_secret

TITLE = "Project file of Tallyrank"


def page() -> str:
    """The schema as the text of a file."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def schema() -> dict[str, Any]:
    """The schema of what `project.load` accepts; below `platforms`, the sources that are known and their settings."""
    found = Project.model_json_schema(mode="validation")
    found |= {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": TITLE}
    platforms = found["properties"]["platforms"]
    platforms |= {"properties": {c.name: _source(c) for c in discover().values()}, "additionalProperties": False}
    plain: dict[str, Any] = _without_titles(found)
    return plain


def _source(connector: Connector) -> dict[str, Any]:
    """What may be said of one source: its secrets by variable, its other settings by value."""
    fields = {name: f for name, f in connector.settings.model_fields.items() if name != "enabled"}
    plain = [name for name, field in fields.items() if not is_secret(field)]
    secret = [name for name in fields if name not in plain]
    parts = {
        "credentials": {"properties": _meanings(fields, secret), "propertyNames": {"enum": list(fields)}},
        "settings": {"properties": _meanings(fields, plain), "additionalProperties": False},
    }
    about = f"{connector.title} ({connector.signal}). {connector.keys_from}"
    return {"description": about, "anyOf": [{"$ref": "#/$defs/Platform"}, {"type": "null"}], "properties": parts}


def _meanings(fields: dict[str, FieldInfo], names: Iterable[str]) -> dict[str, Any]:
    """Names of settings with what they mean."""
    return {name: {"description": fields[name].description or name.replace("_", " ")} for name in names}


def _without_titles(part: Any, *, is_names: bool = False) -> Any:
    """The schema without the titles that pydantic makes of names: editors would show them above the descriptions."""
    if isinstance(part, list):
        return [_without_titles(each) for each in part]
    if not isinstance(part, dict):
        return part
    kept = {k: v for k, v in part.items() if is_names or k != "title" or v == TITLE}
    return {k: _without_titles(v, is_names=k in ("properties", "$defs") and not is_names) for k, v in kept.items()}
