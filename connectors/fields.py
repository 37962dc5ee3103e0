"""Values out of answers that may hold anything: what is there in the shape hoped for, or nothing.

None of these functions raises on an odd value. Whole numbers are read by `base.whole`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, tzinfo
from typing import Any

from pydantic import SecretStr

from connectors.base import whole

Item = dict[str, Any]


def dig(value: Any, *names: str) -> Any:
    """What stands under the names, one inside the other; None where any step is missing."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def text(value: Any) -> str | None:
    """A text that says something, or None."""
    return value if isinstance(value, str) and value.strip() else None


def first_text(values: Iterable[Any]) -> str | None:
    """The first text that says something."""
    return next(filter(text, values), None)


def listed(value: Any) -> list[Any]:
    """A list, empty where there is none."""
    return value if isinstance(value, list) else []


def mapping(value: Any) -> Item:
    """An object, empty where there is none."""
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> list[Item]:
    """The objects in a list, without anything else in it."""
    return [item for item in listed(value) if isinstance(item, dict)]


def picked(value: Any, names: Iterable[str]) -> Item:
    """The fields of those names; one that did not come stays away, one that is null stays null."""
    found = mapping(value)
    return {name: found[name] for name in names if name in found}


def total(values: Iterable[Any]) -> int | None:
    """The sum of whole numbers; None where one of them is unknown, or where there is none."""
    counts = [whole(value) for value in values]
    known = [count for count in counts if count is not None]
    return sum(known) if known and len(known) == len(counts) else None


def loads(body: Any) -> Any:
    """A text as JSON, or None where it is something else."""
    try:
        return json.loads(body)
    except (TypeError, ValueError):
        return None


def moment(value: Any) -> datetime | None:
    """An ISO 8601 text as a time in UTC; without a zone it is UTC."""
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
        return at and (at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None


def moment_in(form: str, value: Any) -> datetime | None:
    """A text in a form of its own (as `strptime` knows it, zone included) as a time in UTC."""
    try:
        return datetime.strptime(value, form).astimezone(UTC) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return None


def moment_of_day(value: Any, zone: tzinfo, clock: time = time()) -> datetime | None:
    """The moment (UTC) at which a day, written as ISO, has some time in a zone: by default when it begins."""
    try:
        return datetime.combine(date.fromisoformat(value), clock, zone).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None


def since_epoch(value: Any, per_second: int = 1) -> datetime | None:
    """A whole number of seconds (milliseconds: 1000 `per_second`) since 1970 as a time in UTC."""
    count = whole(value)
    try:
        return None if count is None else datetime.fromtimestamp(count / per_second, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def number(value: Any) -> float | None:
    """A number as received, or None; no text, and no boolean."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def comma_separated(words: str) -> list[str]:
    """The parts of a setting that lists something, each once."""
    return list(dict.fromkeys(part.strip() for part in words.split(",") if part.strip()))


def plain(secret: SecretStr | None) -> str:
    """A secret's text, empty where there is none."""
    return secret.get_secret_value() if secret else ""
