"""The plan of an experiment: written before the coin's pages are promoted, and not to be changed afterwards.

A plan is a YAML file with a digest of its content, as a whole and field by field, so that a later edit is noticed and
named. That guards against slips and second thoughts, not against somebody who writes a new digest too: keep the plan
where others can see it. Beside it stands a CSV that tells people what to promote and what to leave alone.
"""

from __future__ import annotations

import csv
import hashlib
import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from connectors.errors import TallyrankError
from connectors.records import RankKind, Verb
from dashboards.safe import as_cell
from models.trials.experiment import Windows
from pipelines.lake import Lake, replaced

FOLDER = "experiments"
HEADER = (
    "# Written by `tallyrank experiment design` before the start. Not to be edited: `score` refuses a changed plan.\n"
)
NAME = r"[a-z0-9][a-z0-9_-]{0,39}"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ResultList(_Part):
    """One list that is read again and again: the same keyword seen from the same place by the same source."""

    keyword: str
    country: str | None
    language: str | None
    device: str | None
    source: str | None


class Page(_Part):
    """One page: its address, its join key on the day of the plan, and its lists, by number from 1."""

    url: str
    key: str
    lists: Annotated[list[int], Field(min_length=1)]


class Pair(_Part):
    """Two like pages and what the coin said."""

    promote: Page
    leave_alone: Page


class Plan(_Part):
    """Everything that decides the result, fixed before it is known."""

    version: Literal[1]
    plan_id: Annotated[str, Field(pattern=r"^[a-z0-9_-]+$")]
    created_at: datetime
    seed: Annotated[int, Field(ge=0)]
    hypothesis: str
    platform: Annotated[str, Field(pattern=f"^{NAME}$")]
    verb: Verb
    promotion: str
    engine: str
    rank_kind: RankKind
    depth: Annotated[int, Field(ge=1)]
    outcome: str
    before_days: Annotated[int, Field(ge=1)]
    washout_days: Annotated[int, Field(ge=0)]
    after_days: Annotated[int, Field(ge=1)]
    min_before_days: Annotated[int, Field(ge=1)]
    min_after_days: Annotated[int, Field(ge=1)]
    start_day: date
    end_day: date
    test: str
    alpha: Annotated[float, Field(gt=0, lt=1)]
    power: Annotated[float, Field(gt=0, lt=1)]
    worthwhile_effect: Annotated[float, Field(gt=0)]
    expected_sd: float
    expected_mde: float
    n_placebo_pairs: int
    n_shared_lists: int
    stop_rule: str
    lists: list[ResultList]
    pairs: Annotated[list[Pair], Field(min_length=1)]

    @property
    def windows(self) -> Windows:
        """The days compared, for the models."""
        return Windows(self.before_days, self.washout_days, self.after_days, self.min_before_days, self.min_after_days)

    @property
    def first_day(self) -> date:
        """The first day that is compared."""
        return self.start_day - timedelta(days=self.before_days)

    @property
    def pages(self) -> list[Page]:
        """Of every pair the promoted page, then the other."""
        return [page for pair in self.pairs for page in (pair.promote, pair.leave_alone)]


def plan_path(lake: Lake, plan_id: str) -> Path:
    """Where a plan is kept unless another place is named."""
    return lake.root / FOLDER / f"{plan_id}.yaml"


def digests(plan: Plan) -> dict[str, Any]:
    """sha256 of the content, and shortened of every field; `lists` and `pairs` entry by entry."""
    content = plan.model_dump(mode="json")
    fields: dict[str, Any] = {}
    for name, value in content.items():
        entries = {f"{name}[{i}]": entry for i, entry in enumerate(value, 1)} if isinstance(value, list) else {}
        fields |= entries or {name: value}
    return {"plan": _digest(content), "fields": {name: _digest(value)[:16] for name, value in fields.items()}}


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def write_plan(path: Path, plan: Plan) -> Path:
    """Write the plan and, beside it, the assignment as CSV, whose path is returned.

    Refuses to replace a file, because a coin that may be tossed again is no coin.
    """
    if path.suffix not in (".yaml", ".yml"):
        raise TallyrankError(f"--out {path}: a plan is a YAML file; give it a name that ends in .yaml")
    assignment = path.with_suffix(".csv")
    for there in (path, assignment):
        if there.exists():
            raise TallyrankError(f"{there} is there already, and a plan is not replaced: name another file with --out")
    content = plan.model_dump(mode="json") | {"digest": digests(plan)}
    with replaced(path) as temporary:
        text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)
        temporary.write_text(HEADER + text, encoding="utf-8")
    _write_assignment(assignment, plan)
    return assignment


def read_plan(path: Path) -> Plan:
    """The plan of a file; raises TallyrankError naming the fields that are not as they were written."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        words = " ".join(str(error).split())
        raise TallyrankError(f"{path} cannot be read as a plan ({words}); name the file that design wrote") from None
    if not isinstance(content, dict) or not isinstance(content.get("digest"), dict):
        raise TallyrankError(f"{path} is no plan with a digest; name the file that `tallyrank experiment design` wrote")
    written = content.pop("digest")
    try:
        plan = Plan.model_validate(content)
    except ValidationError as error:
        raise _edited(path, [".".join(map(str, e["loc"])) for e in error.errors()]) from None
    if changed := _changes(written, digests(plan)):
        raise _edited(path, changed)
    return plan


def _changes(written: dict[str, Any], now: dict[str, Any]) -> list[str]:
    fields = written.get("fields")
    then: dict[str, Any] = fields if isinstance(fields, dict) else {}
    changed = [name for name in {**now["fields"], **then} if now["fields"].get(name) != then.get(name)]
    return changed or ([] if written.get("plan") == now["plan"] else ["digest"])


def _edited(path: Path, fields: list[str]) -> TallyrankError:
    more = f" and {len(fields) - 5} more" if len(fields) > 5 else ""
    return TallyrankError(
        f"{path} was edited after it was written: {', '.join(fields[:5])}{more}; a changed plan is not scored: put the "
        "original back, or design a new experiment"
    )


def _write_assignment(path: Path, plan: Plan) -> None:
    """What people are to do, as CSV: one line per page; cells that a spreadsheet would calculate are made text."""
    last = plan.start_day + timedelta(days=max(plan.washout_days - 1, 0))
    with replaced(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["pair", "action", "url", "platform", "verb", "first_day", "last_day", "keywords"])
        for number, pair in enumerate(plan.pairs, 1):
            for action, page in (("promote", pair.promote), ("leave alone", pair.leave_alone)):
                days = (plan.start_day, last) if action == "promote" else (plan.start_day, plan.end_day)
                keywords = "; ".join(dict.fromkeys(plan.lists[i - 1].keyword for i in page.lists))
                cells = [number, action, page.url, plan.platform, plan.verb.value, *days, keywords]
                writer.writerow([as_cell(str(cell)) for cell in cells])
