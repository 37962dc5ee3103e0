"""Hatena Bookmark: how often a web page is bookmarked, asked by address and without a key.

`GET /count/entries?url=…&url=…` takes up to 50 addresses and answers with one JSON object: each address exactly as it
was sent, with its number of bookmarks. An address nobody bookmarked has a true 0. Nothing is paged.

Addresses are compared letter by letter, so `http://` and `https://` are two entries with two sets of bookmarks: both
are asked for and added (25 pages per request), unless `both_schemes` is off (50 pages). Spellings with another host or
trailing slash are further entries, which are not asked for.

- save: bookmarks of the page, public and private ones.
- Every address comes back; one that does not means that the format has changed: failed, never 0 and never half a sum.
- A request line that is too long (50 long Japanese addresses) is refused with 414 and asked again in halves.
- Pace: no limit is published; the developers' page asks for patience between requests, so one per second.
- A User-Agent must be sent: without one parts of the service answer with an empty body.
- Comments on bookmarks (`/entry/jsonlite/`) carry people's names and words and are not read.

UNVERIFIED: the status of a 51st address (414 or 400), any envelope of errors, whether addresses differing only in the
fragment are one entry.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from connectors.base import (
    Ask,
    Connector,
    ConnectorSettings,
    Stream,
    VerbMeaning,
    ask_in_batches,
    failed,
    reading,
)
from connectors.errors import BadAnswer, BadRequest, SourceError
from connectors.fields import dig, listed, total
from connectors.http import Answer, Http, by_status
from connectors.records import Observation, Raw, Status, Verb

NAME = "hatena"
MOST_ADDRESSES = 50


class Settings(ConnectorSettings):
    """Settings of Hatena Bookmark; no key is needed."""

    model_config = SettingsConfigDict(env_prefix="TALLYRANK_HATENA_")

    base_url: str = Field("https://bookmark.hatenaapis.com", description="Address of the service.")
    requests_per_second: float = Field(1.0, gt=0, description="Highest pace; the service asks for patience.")
    both_schemes: bool = Field(True, description="Add the bookmarks of the http:// and the https:// address of a page.")


def fetch_by_url(ask: Ask) -> Iterator[Raw]:
    """The bookmark counts of each page's addresses."""
    size = MOST_ADDRESSES // 2 if ask.settings.both_schemes else MOST_ADDRESSES
    with Http(NAME, ask, classify=_classify) as http:
        yield from ask_in_batches(ask, list(dict.fromkeys(ask.urls)), size, partial(_rows, ask, http))


def _rows(ask: Ask, http: Http, urls: list[str]) -> list[Raw]:
    """One row per page; a list of pages that the service finds too long is asked for in halves."""
    addresses = {url: _addresses(url, ask.settings.both_schemes) for url in urls}
    answer = http.get("/count/entries", [("url", a) for group in addresses.values() for a in group])
    if answer.status != 414:
        counts = _counts(answer)
        return [_row(ask, url, {a: counts.get(a) for a in group}) for url, group in addresses.items()]
    if len(urls) == 1:
        return [failed(ask, urls[0], BadRequest(NAME, "HTTP 414: the address is too long for the service"))]
    half = len(urls) // 2
    return [*_rows(ask, http, urls[:half]), *_rows(ask, http, urls[half:])]


def _classify(answer: Answer) -> SourceError | None:
    """The common rule, but for a request line that is too long: it may still be split."""
    return None if answer.status == 414 else by_status(answer)


def _addresses(url: str, both: bool) -> list[str]:
    found = re.match(r"(https?)://", url, re.IGNORECASE)
    scheme, rest = (found[1].lower(), url[found.end() :]) if found else ("https", url)
    return [f"{s}://{rest}" for s in (("https", "http") if both else (scheme,))]


def _counts(answer: Answer) -> dict[str, Any]:
    counts = answer.json()
    if not isinstance(counts, dict):
        raise BadAnswer(NAME, f"expected one object of counts by address, got {answer.text[:80]!r}")
    return counts


def _row(ask: Ask, url: str, counts: Mapping[str, Any]) -> Raw:
    entries = [{"url": address, "count": count} for address, count in counts.items()]
    return Raw(url, ask.observed_at, url=url, payload={"entries": entries})


def parse_by_url(rows: Sequence[Raw]) -> Iterator[Observation]:
    """One reading per page: the sum over its addresses, failed when one of them is missing."""
    for row in rows:
        yield reading(CONNECTOR, Verb.SAVE, row, _total(row.payload), absent=Status.FAILED)


def _total(payload: Any) -> int | None:
    return total(dig(entry, "count") for entry in listed(dig(payload, "entries")))


CONNECTOR = Connector(
    name=NAME,
    title="Hatena Bookmark",
    signal="votes",
    settings=Settings,
    streams=(
        Stream(
            name="by_url",
            title="Bookmarks of pages, by address",
            asks="urls",
            fetch=fetch_by_url,
            parse=parse_by_url,
            batch=MOST_ADDRESSES // 2,
            requests_per_1000=40,
        ),
    ),
    quota="No limit is published; one request per second, 25 pages each (50 with both_schemes off).",
    terms="Public counters; no rule on keeping them was found. Names and comments of people are never read.",
    keys_from="No key is needed.",
    verbs={
        Verb.SAVE: VerbMeaning(
            "count",
            "Bookmarks of the page at Hatena, public and private, its http and https addresses added.",
        )
    },
)
