"""Addresses of keywords: those that are shared and those of the mail open the series that they name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import duckdb
import pytest

from dashboards.mail.links import Links
from dashboards.web.series import series_named
from dashboards.web.view import Query, choose, discover, link
from dashboards.web.warehouse import Warehouse
from dashboards.words import SERIES, series_name

LONG = "x" * 500
LISTS = [
    ("acme", "google", "us", "en", None, "organic", "serper", 9),
    ("acme", "google", "us", None, "en", "organic", "serper", 30),
    ("acme & co", "google", "de", "de", "mobile", "organic", "serper", 5),
    (LONG, "google", "de", "de", "mobile", "organic", "serper", 5),
    ("2", "google", "de", "de", "mobile", "organic", "serper", 5),
]
ROWS = [dict(zip(SERIES, each[:-1], strict=True)) for each in LISTS]


def made(folder: Path, shift: int = 0) -> Query:
    """A warehouse of these series, whose numbers begin behind `shift`."""
    path = folder / f"{shift}.duckdb"
    columns = f"{', '.join(f'{name} VARCHAR' for name in SERIES)}, n_lists BIGINT, series_id BIGINT"
    with duckdb.connect(str(path)) as con:
        con.execute(f"CREATE TABLE keyword_series ({columns})")
        rows = [[*each, n + shift] for n, each in enumerate(LISTS, 1)]
        con.executemany(f"INSERT INTO keyword_series VALUES ({', '.join('?' * 9)})", rows)
    return Query(Warehouse(path))


def opened(query: Query, address: str) -> tuple[object, ...]:
    """The series that the Keyword page shows under an address, without a complaint."""
    view = discover()["keyword"]
    alone = replace(view, filters=view.filters[:1])
    chosen, complaints = choose(alone, query.warehouse, dict(parse_qsl(urlsplit(address).query)))
    found = series_named(query, chosen["keyword"])
    assert found is not None and complaints == []
    return tuple(found[name] for name in SERIES)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["keyword"][:9])
def test_a_number_of_a_mail_leads_to_its_own_series(row: dict[str, str | None], tmp_path: Path) -> None:
    """Also where another series of the keyword has more lists, or the keyword looks like a number."""
    assert opened(made(tmp_path), Links().keyword(series_name(row))) == tuple(row.values())


def test_a_shared_address_holds_in_the_next_build(tmp_path: Path) -> None:
    """Series are numbered anew with every build; the address names them, unless the keyword is longer than one is."""
    today, tomorrow = made(tmp_path), made(tmp_path, shift=1)
    options = discover()["keyword"].filters[0].search
    assert options is not None
    names = [name for name, _ in options(today, "")]
    for name in names:
        if len(name) > 1:
            assert opened(today, link("keyword", keyword=name)) == opened(tomorrow, link("keyword", keyword=name))
    assert [name for name in names if len(name) == 1] == ["4"] and len(names) == len(LISTS)


def test_a_keyword_alone_is_the_series_with_most_lists(tmp_path: Path) -> None:
    """As a person would type it into the address, in whatever case."""
    assert opened(made(tmp_path), "/keyword?keyword=Acme") == LISTS[1][:-1]
    assert series_named(made(tmp_path, shift=9), "nobody asked") is None
