"""Addresses of the web app's pages, for every number of a mail."""

from __future__ import annotations

import os
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from connectors.errors import TallyrankError

VARIABLE = "TALLYRANK_DASHBOARD_URL"
DEFAULT = "http://127.0.0.1:8050"
LONGEST = 1_200


@dataclass(frozen=True)
class Links:
    """Pages of the web app below `base`."""

    base: str = DEFAULT

    @property
    def verdicts(self) -> str:
        """All verdicts."""
        return f"{self.base}/verdicts"

    @property
    def sources(self) -> str:
        """The health of every source."""
        return f"{self.base}/sources"

    @property
    def timing(self) -> str:
        """What moves first."""
        return f"{self.base}/timing"

    def keyword(self, name: str) -> str:
        """A keyword's result list over time, by the name of its series (`words.series_name`) or the keyword alone."""
        return self._about("keyword", name)

    def page(self, page_key: str) -> str:
        """One page with its votes and keywords."""
        return self._about("page", page_key)

    def _about(self, name: str, value: str) -> str:
        """The page of one thing; where its name is longer than mail programs let an address be, the page to search."""
        query = quote(value, safe="")
        return f"{self.base}/{name}?{name}={query}" if len(query) <= LONGEST else f"{self.base}/{name}"


def links() -> Links:
    """Links to the address in TALLYRANK_DASHBOARD_URL; TallyrankError where that is no web address."""
    given = os.environ.get(VARIABLE, "").strip() or DEFAULT
    parts = urlsplit(given)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise TallyrankError(f"{VARIABLE} wants the address of the web app, for example {DEFAULT}")
    return Links(given.rstrip("/"))
