"""What is said of a project file that is wrong: every fault with the way to its entry, and what to do about it.

What was written below `platforms` is never repeated: somebody may have put a secret there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from connectors.base import Connector, ConnectorSettings, discover
from pipelines.project.checks import as_setting, nearest
from pipelines.project.tree import Where

MOST_SHOWN = 60


class Fault(NamedTuple):
    """Something wrong: the way to the entry, and what to do about it."""

    where: Where
    words: str


def of_pydantic(problems: Iterable[Any], model: type[BaseModel]) -> Iterator[Fault]:
    """The complaints of pydantic as faults; a list whose every entry is told of is not called too short as well."""
    found = [(tuple(part for part in problem["loc"] if part != "[key]"), problem) for problem in problems]
    for where, problem in found:
        is_told = any(other[: len(where)] == where and len(other) > len(where) for other, _ in found)
        if not (problem["type"] == "too_short" and is_told):
            yield Fault(where, _worded(problem, where, model))


def _worded(problem: Any, where: Where, model: type[BaseModel]) -> str:
    """What is wrong, beginning with the name and, where it can be no secret, with what was written."""
    name = _named(where)
    kind, limits = problem["type"], problem.get("ctx", {})
    if kind == "extra_forbidden":
        known = _fields(model, where[:-1])
        return f"{name} is not known here{nearest(str(where[-1]), known, 'known are ' + ', '.join(known))}"
    if where[-2:-1] == ("credentials",) or where[-3:-1] == ("credentials",):
        return f"{name} must be the NAME of an environment variable (capitals), never the secret itself"
    if kind == "string_pattern_mismatch" and (form := FORMS.get(str(where[-1]))):
        return f"{name} must be {form}"
    if known_words := MUST_BE.get(kind):
        return f"{name} {known_words.format(**limits)}"
    said = str(problem["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    is_shown = isinstance(problem["input"], str) and where[:1] != ("platforms",)
    shown = f" {_short(problem['input'])!r}" if is_shown and said.startswith("is ") else ""
    return f"{name}:{shown} {said}" if shown else f"{name}: {said}"


FORMS = {
    **dict.fromkeys(("name", "market"), "a short name: lower-case letters and digits, with hyphens between words"),
    "language": "a language, for example en or pt-BR",
    "days": "daily, weekdays, or weekly: and a day of the week, for example weekly:monday (no space)",
}
MUST_BE = {
    "missing": "is missing",
    "string_type": "must be text; put it in quotes, or leave the line out",
    "string_too_short": "is empty; write something, or leave the line out",
    "string_too_long": "is longer than {max_length} signs",
    "tuple_type": "must be a list: each entry on a line of its own, after a hyphen",
    "too_short": "needs an entry at least",
    "mapping_type": "must hold names with values, each on a line of its own",
    "dict_type": "must hold names with values, each on a line of its own",
    "model_type": "must hold names with values, each on a line of its own",
    "model_attributes_type": "must hold names with values, each on a line of its own",
    "literal_error": "must be {expected}",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false; or leave the line out",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number; or leave the line out",
    "float_parsing": "must be a number",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be {ge} or more",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be {le} or less",
    "string_pattern_mismatch": "must be of the form {pattern}",
}


def _named(where: Where) -> str:
    """The way to an entry as people say it: `keywords, entry 3, country`."""
    return (
        ", ".join(f"entry {part + 1}" if isinstance(part, int) else f"`{_short(part)}`" for part in where) or "the file"
    )


def _short(words: str) -> str:
    return words if len(words) <= MOST_SHOWN else f"{words[:MOST_SHOWN]}…"


def _fields(model: type[BaseModel], where: Where) -> list[str]:
    """The names that a part of the project may hold."""
    kind: Any = model
    for part in where:
        field = kind.model_fields.get(part) if _is_model(kind) else None
        kind = _model_in(field.annotation) if field else kind
    return list(kind.model_fields) if _is_model(kind) else []


def _model_in(kind: Any) -> Any:
    """The part that a type holds, however deep: `tuple[Keyword, ...]` holds Keyword; None where it holds none."""
    return kind if _is_model(kind) else next(filter(None, map(_model_in, get_args(kind))), None)


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def across(given: Any) -> Iterator[Fault]:
    """What one entry alone cannot show: names that stand twice or lead nowhere, and settings that a source lacks."""
    for names in ("markets", "subscriptions"):
        yield from _twice(_entries(given, names), names)
    markets = [m.get("name") for m in _entries(given, "markets").values()]
    for n, keyword in _entries(given, "keywords").items():
        name = keyword.get("market")
        if isinstance(name, str) and name not in markets:
            hint = nearest(name, [m for m in markets if isinstance(m, str)], "name it under `markets`")
            yield Fault(("keywords", n, "market"), f"{_short(name)!r} is none of the markets{hint}")
    platforms = given.get("platforms")
    for name, platform in platforms.items() if isinstance(platforms, dict) else ():
        if name in discover() and isinstance(platform, dict):
            yield from _of_source(discover()[name], platform)


def _entries(given: Any, name: str) -> dict[int, dict[str, Any]]:
    """The entries of a list that hold names with values, by their place."""
    entries = given.get(name)
    return {n: e for n, e in enumerate(entries) if isinstance(e, dict)} if isinstance(entries, list) else {}


def _twice(entries: dict[int, dict[str, Any]], of: str) -> Iterator[Fault]:
    seen: dict[str, int] = {}
    for n, entry in entries.items():
        name = entry.get("name")
        if isinstance(name, str) and seen.setdefault(name, n) != n:
            words = f"entry {seen[name] + 1} of `{of}` has the name {_short(name)!r} already; each name once"
            yield Fault((of, n, "name"), words)


def _of_source(connector: Connector, given: dict[str, Any]) -> Iterator[Fault]:
    """Settings that a source does not have, secrets among them, and values that it could not read."""
    fields = connector.settings.model_fields
    for part in ("credentials", "settings"):
        names = given.get(part)
        for name in names if isinstance(names, dict) else ():
            where: Where = ("platforms", connector.name, part, name)
            if name not in fields:
                hint = nearest(name, list(fields), f"`tallyrank doctor {connector.name}` tells of it")
                yield Fault(where, f"`{_short(name)}` is no setting of {connector.name}{hint}")
            elif part == "settings" and is_secret(fields[name]):
                yield Fault(where, f"`{name}` is a secret: put it into an environment variable, and that one's NAME "
                            "under `credentials`")  # fmt: skip
            elif part == "settings" and name == "enabled":
                yield Fault(where, "`enabled` stands beside `settings`, not below it")
    settings = given.get("settings")
    yield from _unreadable(connector, settings if isinstance(settings, dict) else {})


def is_secret(field: FieldInfo) -> bool:
    """Whether a setting is a key, token or password."""
    return SecretStr in (field.annotation, *get_args(field.annotation))


def _unreadable(connector: Connector, given: dict[str, Any]) -> Iterator[Fault]:
    """Values that the source's own settings refuse, whatever else is set; the values themselves are not repeated."""
    fields = connector.settings.model_fields
    values = {name: as_setting(v) for name, v in given.items() if name in fields and v is not None}
    for name, problem in _refused(connector.settings, values).items():
        said = MUST_BE.get(problem["type"], "")
        words = said.format(**problem.get("ctx", {})) or str(problem["msg"]).removeprefix("Value error, ")
        yield Fault(("platforms", connector.name, "settings", name), f"`{name}` {words}")


def _refused(settings: type[ConnectorSettings], values: dict[str, Any]) -> dict[str, Any]:
    try:
        settings(_env_file=None, **values)  # type: ignore[call-arg]
    except ValidationError as error:
        return {str(p["loc"][0]): p for p in error.errors(include_url=False) if p["loc"] and p["loc"][0] in values}
    except ValueError:
        return {}
    return {}
