"""Paid sources: what they cost is written down before it is spent, ends at the budget, and is told beforehand."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field
from pydantic_settings import SettingsConfigDict

from connectors.base import Ask, Connector, PaidSettings, Stream, ask_in_batches
from connectors.errors import TallyrankError
from connectors.records import Ranking, RankKind, Raw, Status
from pipelines import estimate, money
from pipelines.demo import today
from pipelines.doctor import _monthly
from pipelines.lake import Lake
from pipelines.pull import pull_day

PRICE = 0.3


class Settings(PaidSettings):
    """A source whose every question costs 30 cents."""

    model_config = SettingsConfigDict(env_prefix="TALLYRANK_DEAR_")
    base_url: str = Field("http://127.0.0.1:1", description="Nowhere.")
    budget_usd: float = 1.0


def dear(asked: list[str], failing: Sequence[str] = ()) -> Connector:
    """A source of rankings that writes down what it was asked; some keywords fail after they were paid for."""

    def answer(ask: Ask, keywords: list[str]) -> Iterator[Raw]:
        ask.meter.spend("dear", PRICE)
        asked.extend(keywords)
        if keywords[0] in failing:
            yield Raw(keywords[0], ask.observed_at, Status.FAILED, error="Unavailable: down")
        else:
            yield Raw(keywords[0], ask.observed_at, payload={})

    def fetch(ask: Ask) -> Iterator[Raw]:
        return ask_in_batches(ask, ask.keywords, 1, lambda batch: answer(ask, batch))

    def parse(rows: Sequence[Raw]) -> Iterator[Ranking]:
        for row in rows:
            yield Ranking(row.subject, "https://a.example/", row.observed_at, 1, depth=10, rank_kind=RankKind.ORGANIC)

    streams = (Stream("lists", "Result lists", "keywords", fetch, parse, usd=lambda _, n: PRICE * n),)
    return Connector("dear", "Dear", "rankings", Settings, streams, quota="-", terms="-", keys_from="-")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake with five keywords to look up."""
    (tmp_path / "keywords.txt").write_text("# ours\none\ntwo\nthree\ntwo\nfour\nfive\n")
    return Lake(tmp_path)


def ledger(lake: Lake, *lines: dict[str, Any]) -> Path:
    """The ledger of the source, with these lines in it."""
    path = money.ledger(lake, dear([]))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_spending_ends_at_the_budget(lake: Lake) -> None:
    """A dollar pays for three questions of 30 cents; the rest fails in words that name the setting, unasked."""
    asked: list[str] = []
    day = pull_day(lake, dear(asked), today())[0]
    assert asked == ["one", "two", "three"]
    assert (day.n_rows, day.n_failed, round(day.usd, 2)) == (5, 2, 0.9)
    assert day.error is not None
    assert day.error.startswith(
        "BudgetSpent: the next question costs $0.3000, and this month's budget has $0.1000 left"
    )
    assert "TALLYRANK_DEAR_BUDGET_USD" in day.error


def test_what_is_paid_for_is_not_asked_again(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second run of a day asks only about what failed, and keeps the rest; the whole costs no more than once each."""
    monkeypatch.setenv("TALLYRANK_DEAR_BUDGET_USD", "100")
    asked: list[str] = []
    pull_day(lake, dear(asked, failing=["two"]), today())
    day = pull_day(lake, dear(asked), today())[0]
    assert asked == ["one", "two", "three", "four", "five", "two"]
    assert (day.n_rows, day.n_failed, day.n_parsed) == (5, 0, 5)
    assert round(money.spent(money.ledger(lake, dear([])), today()), 2) == 1.8


def test_the_budget_is_of_the_calendar_month(lake: Lake) -> None:
    """What was spent in earlier months does not count; what was spent this month, by other runs, does."""
    path = ledger(
        lake, {"at": "2020-01-31T10:00:00+00:00", "usd": 50.0}, {"at": datetime.now(UTC).isoformat(), "usd": 0.5}
    )
    assert money.spent(path, today()) == 0.5
    asked: list[str] = []
    pull_day(lake, dear(asked), today())
    assert asked == ["one"]


def test_money_is_noted_before_it_is_spent(lake: Lake) -> None:
    """Each question has its line in the ledger by the time it is sent: a killed run has spent no more than that."""
    seen: list[float] = []
    asked: list[str] = []
    meter = money.meter(lake, dear(asked), Settings(_env_file=None))  # type: ignore[call-arg]
    for _ in range(2):
        meter.spend("dear", PRICE)
        seen.append(round(money.spent(money.ledger(lake, dear([])), today()), 2))
    assert seen == [0.3, 0.6]


def test_a_damaged_ledger_is_named(lake: Lake) -> None:
    """Nothing is spent on the word of a ledger that cannot be read."""
    path = money.ledger(lake, dear([]))
    path.parent.mkdir(parents=True)
    path.write_text('{"at": "2026')
    with pytest.raises(TallyrankError, match=r"dear\.jsonl: a line is damaged"):
        pull_day(lake, dear([]), today())


def test_the_sandbox_costs_nothing(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host with a clock is the sandbox: no ledger, no budget."""
    monkeypatch.setenv("TALLYRANK_DEAR_BASE_URL", "http://127.0.0.1:1/{day}")
    asked: list[str] = []
    pull_day(lake, dear(asked), today())
    assert len(asked) == 5
    assert not money.ledger(lake, dear([])).exists()


def test_costs_are_told_beforehand(lake: Lake, capsys: pytest.CaptureFixture[str]) -> None:
    """A dry run asks nothing, counts the questions, and says where the budget will not do."""
    asked: list[str] = []
    found = list(estimate.estimates(lake, [dear(asked)], today()))
    assert [(e.n_subjects, round(e.usd, 2), e.left_usd) for e in found] == [(5, 1.5, 1.0)]
    estimate.tell(found)
    words = capsys.readouterr().out
    assert asked == []
    assert "$1.50" in words
    assert "not covered by the budget, and cut off where it ends: dear" in words


def test_what_is_paid_for_is_not_estimated_again(lake: Lake) -> None:
    """After a run, a dry run of the same day counts only what is still to ask."""
    pull_day(lake, dear([]), today())
    assert [e.n_subjects for e in estimate.estimates(lake, [dear([])], today())] == [2]


def test_a_day_that_is_refused_costs_nothing(lake: Lake) -> None:
    """Of a week up to today, a live source is asked about today only, and named as one that is."""
    days = [today() - timedelta(days=n) for n in range(7)]
    found = estimate.over_days(lake, [dear([])], days)
    assert [(e.n_subjects, round(e.usd, 2)) for e in found] == [(5, 1.5)]
    assert estimate.refusing([dear([])], days) == ["dear"]
    assert estimate.over_days(lake, [dear([])], days[1:]) == []
    assert estimate.refusing([dear([])], days[:1]) == []


def test_every_day_of_a_backfill_is_priced(lake: Lake, capsys: pytest.CaptureFixture[str]) -> None:
    """Where past days can be asked about, each one costs; what is left is of the month in which it is spent, now."""
    ledger(lake, {"at": datetime.now(UTC).isoformat(), "usd": 0.25})
    source = dear([])
    kept = replace(source, streams=(replace(source.streams[0], keeps_past=True),))
    days = [today() - timedelta(days=n) for n in range(40, 43)]
    found = estimate.over_days(lake, [kept], days)
    assert [(e.n_subjects, round(e.usd, 2), e.left_usd) for e in found] == [(15, 4.5, 0.75)]
    estimate.tell(found, len(days))
    words = capsys.readouterr().out
    assert "together: $4.50 these 3 days" in words and "a month of such days" not in words


def test_an_estimate_of_a_named_source_takes_no_key(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its key and switched off it is priced where it was named, and else left out."""

    class Locked(Settings):
        required = ("token",)
        token: str | None = None

    monkeypatch.setenv("TALLYRANK_DEAR_ENABLED", "false")
    locked = replace(dear([]), settings=Locked)
    assert list(estimate.estimates(lake, [locked], today())) == []
    assert [e.n_subjects for e in estimate.estimates(lake, [locked], today(), is_named=True)] == [5]


def test_the_doctor_tells_the_cost_of_a_month(lake: Lake) -> None:
    """Five keywords a day, a month long."""
    assert _monthly(lake, [dear([])]) == {"dear": f"${5 * PRICE * estimate.DAYS_A_MONTH:,.2f}"}
