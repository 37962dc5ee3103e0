"""Twin of Algolia's Hacker News search: words instead of addresses, strangers among the hits, 1,000 hits at most."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from math import ceil
from operator import eq, ge, gt, le, lt
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from connectors.sandbox.stage import Twin, moment_of, stage_of
from connectors.sandbox.world import World, WorldPost

MOST_HITS = 1000
REQUESTS_PER_HOUR = 10_000
COMPARISONS = {"<=": le, ">=": ge, "<": lt, ">": gt, "=": eq}


@dataclass(frozen=True, slots=True)
class Item:
    """One thing in the index, made from a post of the world: its story, a stranger beside it, or a comment below it."""

    object_id: str
    post: WorldPost
    created_at: datetime
    url: str | None
    story_id: int
    words: frozenset[str]
    tags: frozenset[str]

    @property
    def is_comment(self) -> bool:
        return "comment" in self.tags


class Refused(Exception):
    """The question is wrong; the words are Algolia's."""


def comments(post: WorldPost, moment: datetime) -> int:
    """Comments below a story: two for every five points."""
    return post.votes_at(moment) * 2 // 5


@lru_cache(maxsize=4)
def items(world: World) -> tuple[Item, ...]:
    """Everything the index will ever hold, newest first."""
    found = [item for n, post in enumerate(world.posts("hackernews")) for item in _items_of(n, post)]
    return tuple(sorted(found, key=lambda i: (i.created_at, i.object_id), reverse=True))


def _items_of(n: int, post: WorldPost) -> list[Item]:
    """The story, a comment, and every third time a story that only looks alike to a search by words."""
    strangers = (f"{post.page.url}/part-2", f"https://about.example/www.{post.page.site}", None)
    others = [_item(post, 2, "story", strangers[n // 3 % 3])] if n % 3 == 0 else []
    return [_item(post, 0, "story", post.url), _item(post, 1, "comment", None), *others]


def _item(post: WorldPost, offset: int, kind: str, url: str | None) -> Item:
    number = int(post.object_id) + offset
    story = number if kind == "story" else int(post.object_id)
    tags = frozenset({kind, f"author_visitor{number}", f"story_{story}"})
    return Item(str(number), post, post.published_at + timedelta(hours=offset), url, story, _words(url or ""), tags)


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"[a-z0-9]+", text.lower()))


async def search(request: Request) -> JSONResponse:
    """`/search` and `/search_by_date`: the hits that match query, tags and numeric filters, one page of them."""
    moment, client = moment_of(request), request.client.host if request.client else ""
    remaining, _ = stage_of(request).window(f"hackernews {client}", REQUESTS_PER_HOUR, 3600)
    if remaining < 0:
        return JSONResponse({"message": "Too many requests", "status": 429}, 429)
    try:
        hits = _matching(request, moment)
        page, size = _number(request, "page", 0, 0), _number(request, "hitsPerPage", 20, 1)
    except Refused as refusal:
        return JSONResponse({"code": 400, "message": str(refusal)}, 400)
    if not request.url.path.endswith("_by_date"):
        hits.sort(key=lambda i: -i.post.votes_at(moment))
    return JSONResponse(_page(request, moment, hits, page, size))


def _page(request: Request, moment: datetime, hits: list[Item], page: int, size: int) -> dict[str, Any]:
    served = hits[:MOST_HITS]
    return {
        "hits": [_hit(item, moment) for item in served[page * size : (page + 1) * size]],
        "page": page,
        "nbHits": len(hits),
        "nbPages": ceil(len(served) / size),
        "hitsPerPage": size,
        "exhaustiveNbHits": True,
        "processingTimeMS": 4,
        "query": request.query_params.get("query", ""),
        "params": request.url.query,
    }


def _number(request: Request, name: str, default: int, least: int) -> int:
    text = request.query_params.get(name, str(default))
    if not text.isdigit() or not least <= int(text) <= MOST_HITS:
        raise Refused(f"invalid {name}: {text}")
    return int(text)


def _matching(request: Request, moment: datetime) -> list[Item]:
    asked = request.query_params
    *whole_words, prefix = re.findall(r"[a-z0-9]+", asked.get("query", "").lower()) or [""]
    wanted = [frozenset((a or b).split(",")) for a, b in re.findall(r"\(([^)]*)\)|([^,()]+)", asked.get("tags", ""))]
    limits = [_limit(text) for text in asked.get("numericFilters", "").split(",") if text]
    return [
        item
        for item in items(stage_of(request).world)
        if item.post.exists_at(moment)
        and item.created_at <= moment
        and item.words.issuperset(whole_words)
        and (not prefix or any(word.startswith(prefix) for word in item.words))
        and all(tags & item.tags for tags in wanted)
        and all(COMPARISONS[sign](int(item.created_at.timestamp()), number) for sign, number in limits)
    ]


def _limit(text: str) -> tuple[str, int]:
    found = re.fullmatch(r"(\w+)(<=|>=|<|>|=)(-?\d+)", text)
    if found is None:
        raise Refused(f"invalid numericFilters: {text}")
    if found[1] != "created_at_i":
        words = "attribute not specified in numericAttributesForFiltering setting"
        raise Refused(f"invalid numeric attribute({found[1]}), {words}")
    return found[2], int(found[3])


def _hit(item: Item, moment: datetime) -> dict[str, Any]:
    counts = {"points": None, "num_comments": None} if item.is_comment else _counts(item, moment)
    return {
        "objectID": item.object_id,
        "title": None if item.is_comment else f"An invented title {item.object_id}",
        "url": item.url,
        "author": f"visitor{item.object_id}",
        **counts,
        "created_at": f"{item.created_at:%Y-%m-%dT%H:%M:%SZ}",
        "created_at_i": int(item.created_at.timestamp()),
        "story_text": None,
        "comment_text": "Invented words" if item.is_comment else None,
        "story_id": item.story_id,
        "parent_id": item.story_id if item.is_comment else None,
        "_tags": sorted(item.tags),
        "_highlightResult": {"url": {"value": item.url or "", "matchLevel": "full", "matchedWords": []}},
    }


def _counts(item: Item, moment: datetime) -> dict[str, int | None]:
    """Points, and comments but for shy stories: theirs are null, or left out as newer indexes do."""
    points = {"points": item.post.votes_at(moment)}
    if not item.post.is_shy:
        return {**points, "num_comments": comments(item.post, moment)}
    return {**points, "num_comments": None} if int(item.object_id) % 2 else {**points}


TWIN = Twin("hackernews", [Route("/search", search), Route("/search_by_date", search)])
