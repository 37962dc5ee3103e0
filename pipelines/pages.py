"""Which pages to ask the platforms about: the addresses people list, and the pages that rank."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from pathlib import Path

from connectors.errors import TallyrankError
from connectors.urls import url_key
from pipelines import project
from pipelines.lake import Lake, Part

MOST_PAGES = 5_000
LIST = "pages.txt"
KEYWORDS = "keywords.txt"


def pages(lake: Lake, day: date) -> list[str]:
    """Addresses to ask about on a day, one per join key: those listed in `<data>/pages.txt` first, then those that the
    rankings read up to that day hold; at most MOST_PAGES.

    Pages that rank come keyword by keyword, keywords and pages in an order drawn by hash: where a budget ends the
    asking, whole lists are known and others not at all. In order of position, it would be the high places that are
    known, and the correlation would be of our own making.
    """
    chosen: dict[str, str] = {}
    for url in [*listed(lake.root / LIST), *_ranked(lake, day)]:
        key = url_key(url)
        if key is not None and "." in key.partition("/")[0]:
            chosen.setdefault(key, url)
        if len(chosen) >= MOST_PAGES:
            break
    return list(chosen.values())


def keywords(lake: Lake) -> list[str]:
    """The keywords to look up, each once: the lines of `<data>/keywords.txt`, then those of the project file with the
    queries of its brands.
    """
    return list(dict.fromkeys([*listed(lake.root / KEYWORDS), *project.load(lake.root).searches]))


def listed(path: Path) -> list[str]:
    """The lines of a text file; blank ones and those that begin with # are passed over."""
    if not path.exists():
        return []
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except UnicodeDecodeError:
        raise TallyrankError(f"{path}: not a text file in UTF-8; save it as plain text, one entry a line") from None
    return [line for line in lines if line and not line.startswith("#")]


def _ranked(lake: Lake, day: date) -> list[str]:
    parts = [part for part in lake.parts("rankings") if part.day <= day]
    return _ranked_in(lake.root, tuple((part, lake.path(part).stat().st_mtime_ns) for part in parts))


@lru_cache(maxsize=64)
def _ranked_in(root: Path, parts: tuple[tuple[Part, int], ...]) -> list[str]:
    """Remembered as long as no part is written anew: every stream of every source asks for the same pages."""
    select = f"""
        SELECT url FROM parts WHERE found GROUP BY url
        ORDER BY min(md5(keyword)), md5(url) LIMIT {2 * MOST_PAGES}
    """
    return [row[0] for row in Lake(root).query((part for part, _ in parts), "rankings", select)]
