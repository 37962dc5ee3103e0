"""Constellation (constellation.microcosm.blue), somebody else's index of the links between Bluesky's records.

It knows which posts link to an address, not how often they are liked; Bluesky tells that. Addresses are compared letter
by letter, so several spellings are asked about. `GET /links/all/count?target=…` tells where in posts an address stands
(it is deprecated; without it the four known places are asked); `GET /xrpc/blue.microcosm.links.getBacklinks?subject=…`
with `source=<collection>:<place>` lists the posts, paged by `cursor`. A post that holds a link twice is listed twice.
It refuses with an empty 400. Hobby hardware, and its robots.txt keeps crawlers out: ask little and say who asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import can_ada

from connectors.base import Ask, whole
from connectors.errors import BadAnswer, BadRequest, Gone
from connectors.fields import dig, mapping
from connectors.http import USER_AGENT, Http
from connectors.urls import url_variants

MOST = 100
SLOWER = 3.0
COLLECTION = "app.bsky.feed.post"
PLACES = (
    ".embed.external.uri",
    ".embed.media.external.uri",
    ".facets[].features[app.bsky.richtext.facet#link].uri",
    ".facets[app.bsky.richtext.facet].features[app.bsky.richtext.facet#link].uri",
)


def index_of(source: str, ask: Ask, address: str, contact: str) -> Http:
    """A client of the index at an address, slower than the source, that tells whom to write to."""
    pace = ask.settings.requests_per_second / SLOWER
    slower = replace(ask, settings=ask.settings.model_copy(update={"requests_per_second": pace}))
    headers = {"Accept": "application/json", "User-Agent": f"{USER_AGENT} {contact}".strip()}
    return Http(source, slower, headers=headers, base_url=address)


def posts_about(source: str, index: Http, url: str, most_pages: int) -> list[str]:
    """The addresses (at://) of the posts that link to a page in one of its spellings, each once."""
    plain = (str(can_ada.parse(spelling).href) for spelling in url_variants(url) if "#" not in spelling)
    spellings = list(dict.fromkeys(plain))
    if not spellings:
        raise BadRequest(source, "this is not a web address")
    places = ((spelling, place) for spelling in spellings for place in _places(source, index, spelling))
    pages = (partial(_backlinks, source, index, spelling, place) for spelling, place in places)
    return list(dict.fromkeys(uri for page in pages for uri in linking_posts(page, most_pages)))


def _places(source: str, index: Http, target: str) -> list[str]:
    """Where in posts an address stands."""
    try:
        links = dig(index.get("/links/all/count", {"target": target}).json(), "links")
    except Gone:
        return list(PLACES)
    if not isinstance(links, dict):
        raise BadAnswer(source, "Constellation's answer has no `links`")
    return [place for place, count in mapping(links.get(COLLECTION)).items() if whole(count)]


def linking_posts(page: Callable[[str | None], tuple[list[str], str | None]], most: int) -> Iterator[str]:
    """The posts that link from one place, each once, over at most so many pages."""
    seen: set[str] = set()
    cursor: str | None = None
    for _ in range(most):
        uris, following = page(cursor)
        fresh = dict.fromkeys(uri for uri in uris if uri not in seen)
        yield from fresh
        seen |= fresh.keys()
        if not following or following == cursor:
            return
        cursor = following


def _backlinks(source: str, index: Http, target: str, place: str, cursor: str | None) -> tuple[list[str], str | None]:
    asked = {"subject": target, "source": f"{COLLECTION}:{place.removeprefix('.')}", "limit": MOST}
    answer = index.get("/xrpc/blue.microcosm.links.getBacklinks", asked | ({"cursor": cursor} if cursor else {})).json()
    records, following = dig(answer, "records"), dig(answer, "cursor")
    if not isinstance(records, list) or not all(dig(r, "did") and dig(r, "rkey") for r in records):
        raise BadAnswer(source, "Constellation's answer has no `records`, or one has no `did` or `rkey`")
    uris = [f"at://{record['did']}/{COLLECTION}/{record['rkey']}" for record in records]
    return uris, following if isinstance(following, str) else None
