"""The catalogue of sources and what they cost: from the connectors, the environment and the ledgers."""

from __future__ import annotations

import json
from datetime import date

import pytest

from connectors.base import discover
from pipelines.evidence import sources, spending, table
from pipelines.lake import Lake

SECRET = "s3cret-key-of-mine"


@pytest.fixture
def lake(tmp_path, monkeypatch):
    """An empty lake, and no settings but those that a test sets."""
    monkeypatch.chdir(tmp_path)  # no .env
    return Lake(tmp_path)


def catalogue(lake):
    """The rows by name of the source."""
    return {row["connector"]: row for row in table.build(lake, sources.TABLE)}


def spend(lake, connector, *entries):
    """Write a ledger of spending."""
    path = lake.root / "spending" / f"{connector}.jsonl"
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps({"at": at, "usd": usd}) + "\n" for at, usd in entries), encoding="utf-8")
    return path


def test_every_source_is_there_with_what_it_says_of_itself(lake):
    """Title, terms, quota and cost are the connector's own words; each verb has its meaning."""
    found = catalogue(lake)
    assert found.keys() == discover().keys()
    for name, connector in discover().items():
        row = found[name]
        assert (row["title"], row["terms"], row["quota"]) == (connector.title, connector.terms, connector.quota)
        assert len((row["meanings"] or "").splitlines()) == len(connector.verbs)
        assert all(m.meaning in row["meanings"] for m in connector.verbs.values())


def test_ready_is_switched_on_with_everything_it_needs(lake, monkeypatch):
    """Without its key it is not ready and says what to do; with it it is; switched off it is neither."""
    assert (catalogue(lake)["serper"]["state"], catalogue(lake)["serper"]["is_ready"]) == ("not ready", False)
    assert "TALLYRANK_SERPER_API_KEY" in catalogue(lake)["serper"]["to_do"]
    monkeypatch.setenv("TALLYRANK_SERPER_API_KEY", SECRET)
    row = catalogue(lake)["serper"]
    assert (row["state"], row["is_ready"], row["is_enabled"], row["to_do"]) == ("ready", True, True, None)
    monkeypatch.setenv("TALLYRANK_SERPER_ENABLED", "false")
    row = catalogue(lake)["serper"]
    assert (row["state"], row["is_ready"], row["is_enabled"]) == ("switched off", False, False)


def test_no_secret_reaches_the_table(lake, monkeypatch):
    """Neither as a value nor in the words about a malformed setting, whose state is then unknown."""
    for name in ("API_KEY", "BUDGET_USD"):
        monkeypatch.setenv(f"TALLYRANK_SERPER_{name}", SECRET)
    row = catalogue(lake)["serper"]
    assert (row["is_enabled"], row["budget_usd"], row["is_ready"]) == (None, None, False)
    assert "TALLYRANK_SERPER_BUDGET_USD must be a number" in row["to_do"]
    assert SECRET not in str(catalogue(lake))


def test_spending_is_summed_by_month(lake, monkeypatch):
    """Money that came back counts; the budget is that of now; a source without a ledger has no row."""
    monkeypatch.setenv("TALLYRANK_SERPER_BUDGET_USD", "25")
    spend(lake, "serper", ("2026-10-01T00:00:00+00:00", 0.5), ("2026-10-31T23:59:59+00:00", 0.25),
          ("2026-11-01T00:00:00+00:00", 1.0), ("2026-11-02T00:00:00+00:00", -0.25))  # fmt: skip
    assert table.build(lake, spending.TABLE) == [
        {"connector": "serper", "month": date(2026, month, 1), "usd": 0.75, "budget_usd": 25.0, "problem": None}
        for month in (10, 11)
    ]


def test_a_damaged_ledger_is_unknown_and_says_so(lake):
    """Not $0, and no reason to make no tables at all."""
    path = spend(lake, "serper", ("2026-10-01T00:00:00+00:00", 0.5))
    path.write_text(path.read_text(encoding="utf-8") + "{half", encoding="utf-8")
    (row,) = table.build(lake, spending.TABLE)
    assert (row["month"], row["usd"]) == (None, None)
    assert "a line is damaged" in row["problem"]
