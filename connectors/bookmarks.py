"""Bookmarks of our own account: what the services that keep them have in common.

Each bookmark is a post that saves one page. A row says `saved: 1` and when the bookmark was made, in the service's own
field and form; its title, tags and notes are never kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.base import Ask, Connector, Post, account_rows, reading
from connectors.fields import mapping
from connectors.records import Observation, Raw, Status, Verb


def own_rows(ask: Ask, read: Callable[[], Iterable[Raw]]) -> Iterator[Raw]:
    """The rows of the account, and a failed one where reading breaks off."""
    return account_rows(ask, ["account"], lambda _: read())


def bookmark_row(ask: Ask, object_id: str, link: Any, made: Mapping[str, Any]) -> Raw:
    """The row of a bookmark; one of something else than a web page has no address."""
    is_web = isinstance(link, str) and link.lower().startswith(("http://", "https://"))
    return Raw(object_id, ask.observed_at, url=link if is_web else None, payload={"saved": 1, **made})


def known_row(ask: Ask, post: Post, name: str, bookmark: Mapping[str, Any] | None) -> Raw:
    """The row of a known bookmark, gone where there is none; `name` is the field that says when it was made."""
    if bookmark is None:
        made = {name: post.known["published_at"]}
        return Raw(post.object_id, ask.observed_at, Status.NOT_FOUND, post.url, made)
    return Raw(post.object_id, ask.observed_at, url=post.url, payload={"saved": 1, name: bookmark.get(name)})


def readings(
    connector: Connector, rows: Sequence[Raw], made_at: Callable[[Mapping[str, Any]], datetime | None]
) -> Iterator[Observation]:
    """One reading per bookmark; `made_at` reads from a payload when it was made."""
    for row in rows:
        payload, is_gone = mapping(row.payload), row.status is Status.NOT_FOUND
        saved, absent = (None, Status.NOT_FOUND) if is_gone else (payload.get("saved"), Status.FAILED)
        more = {"object_id": row.subject, "published_at": made_at(payload)}
        yield reading(connector, Verb.SAVE, row, saved, absent=absent, **more)
