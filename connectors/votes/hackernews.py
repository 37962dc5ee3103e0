"""Hacker News through Algolia's public search: stories that link to a page, with points and comments, without a key.

`GET /search_by_date` answers newest first. Parameters used: `query`, `restrictSearchableAttributes=url`,
`tags=story` (a comma is AND, parentheses are OR), `typoTolerance=false`, `hitsPerPage` (at most 1,000), `page` (from 0)
and `numericFilters=created_at_i<=…`. Filters on points or comments are refused with 400 since about June 2026.

- by_url: one search per site, because `url` is searched as words: the answer holds every story of the site and some
  strangers, and pages are told apart here, by URL key. A search serves about 1,000 stories at most, so a bigger site
  is read in windows of time, each ending where the one before stopped.
- by_post: `tags=story,(story_1,story_2,…)`, 50 stories per request. Without `story` their comments would come too.
  Stories that do not come back are gone.
- Several stories may link to one page (it was submitted again): each is a post of its own, and a page is their sum.
  Pages asked for in two spellings of one key get the same stories each, under the spelling asked for.
- A page without stories gets zeros of quality lower_bound: a story may link to it by an address we cannot recognise.

Verbs: like is `points`, comment is `num_comments`, share is 1 per story. Every story has points, so a missing or null
`points` is failed. Null keys may be left out by the index, so a missing or null `num_comments` is hidden.

Errors are `{"message", "status"}` or `{"code", "message"}`; 10,000 requests per hour and address, then 429.
`objectID` is text, `url` is null on stories without a link. Author, title and text are not kept.

UNVERIFIED: the body of a 429, how soon a deleted story leaves the index, how old `points` of an old story may be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from connectors.base import (
    Ask,
    Connector,
    ConnectorSettings,
    Post,
    Stream,
    VerbMeaning,
    ask_in_batches,
    failed,
    nothing_found,
    post_row,
    reading,
    whole,
)
from connectors.errors import BadAnswer, BadRequest
from connectors.fields import mapping, moment, picked, since_epoch
from connectors.http import Http
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb
from connectors.urls import host, url_key

NAME = "hackernews"
BATCH = 50
MOST_HITS = 1000
KEPT = ("objectID", "points", "num_comments", "created_at_i")

Hit = Mapping[str, Any]


class Settings(ConnectorSettings):
    """Settings of Hacker News; no key is needed."""

    model_config = SettingsConfigDict(env_prefix="TALLYRANK_HACKERNEWS_")

    base_url: str = Field("https://hn.algolia.com/api/v1", description="Address of the search service.")
    requests_per_second: float = Field(2.0, gt=0, description="Highest pace; 10,000 requests per hour are allowed.")
    concurrency: int = Field(2, ge=1, le=64, description="Requests under way at once.")
    hits_per_page: int = Field(MOST_HITS, ge=1, le=MOST_HITS, description="Stories per page of a search by site.")


@dataclass(frozen=True, slots=True)
class Found:
    """One page of a search: its stories, the pages that can be read, and the stories there are."""

    hits: list[Hit]
    pages: int
    total: int


Search = Callable[[Mapping[str, Any]], Found]


def fetch_by_url(ask: Ask) -> Iterator[Raw]:
    """The stories of each page, by one search per site."""
    sites: dict[str, list[str]] = {}
    for url in dict.fromkeys(ask.urls):
        sites.setdefault(host(url_key(url)) or "", []).append(url)
    for url in sites.pop("", []):
        yield failed(ask, url, BadRequest(NAME, "this is not a web address"))
    with Http(NAME, ask) as http:
        search = partial(_search, http)

        def answer(batch: list[str]) -> Iterator[Raw]:
            return _rows(ask, sites[batch[0]], _stories_of(search, batch[0], ask.settings.hits_per_page))

        for row in ask_in_batches(ask, list(sites), 1, answer):
            concerned = sites[row.subject] if row.status is Status.FAILED else [row.subject]
            yield from (replace(row, subject=url, url=url) for url in concerned)


def _stories_of(search: Search, site: str, size: int) -> list[Hit]:
    asked = {"query": site, "restrictSearchableAttributes": "url", "tags": "story", "typoTolerance": "false"}
    found = list(stories(search, {**asked, "hitsPerPage": size}))
    if found and not any(hit.get("url") for hit in found):
        raise BadAnswer(NAME, "no story found by its address has a `url`: the field may have been renamed")
    return found


def stories(search: Search, asked: Mapping[str, Any]) -> Iterator[Hit]:
    """Every story of a search, newest first and each once, however many there are."""
    seen: set[str] = set()
    window = dict(asked)
    while True:
        hits, total = _window(search, window)
        fresh = {str(hit.get("objectID")): hit for hit in hits if str(hit.get("objectID")) not in seen}
        yield from fresh.values()
        seen |= fresh.keys()
        if len(hits) >= total or not fresh:
            return
        window["numericFilters"] = f"created_at_i<={_oldest(hits)}"


def _window(search: Search, asked: Mapping[str, Any]) -> tuple[list[Hit], int]:
    """The stories that one search serves over all its pages, and the number there are."""
    first = search(asked)
    later = [search({**asked, "page": page}) for page in range(1, first.pages)]
    return [hit for found in (first, *later) for hit in found.hits], first.total


def _oldest(hits: Iterable[Hit]) -> int:
    moments = [whole(hit.get("created_at_i")) for hit in hits]
    known = [moment for moment in moments if moment is not None]
    if len(known) < len(moments):
        raise BadAnswer(NAME, "a story has no `created_at_i`, so the older ones cannot be asked for")
    return min(known)


def _search(http: Http, asked: Mapping[str, Any]) -> Found:
    answer = http.get("/search_by_date", asked).json()
    fields = mapping(answer)
    hits, pages, total = fields.get("hits"), whole(fields.get("nbPages")), whole(fields.get("nbHits"))
    if not isinstance(hits, list) or pages is None or total is None:
        raise BadAnswer(NAME, "the answer has no `hits`, `nbPages` or `nbHits`")
    if not all(isinstance(hit, dict) and hit.get("objectID") for hit in hits):
        raise BadAnswer(NAME, "a story has no `objectID`")
    return Found(hits, pages, total)


def _rows(ask: Ask, urls: Sequence[str], found: Iterable[Hit]) -> Iterator[Raw]:
    """The site's stories sorted to the pages asked about; a page without any gets a row that says so."""
    by_key: dict[str | None, list[Hit]] = {}
    for hit in found:
        by_key.setdefault(url_key(str(hit.get("url") or "")), []).append(hit)
    for url in urls:
        payloads = [_kept(hit) for hit in by_key.get(url_key(url), [])] or [{"stories": 0}]
        yield from (Raw(url, ask.observed_at, url=url, payload=payload) for payload in payloads)


def _kept(hit: Hit) -> dict[str, Any]:
    return picked(hit, KEPT)


def fetch_by_post(ask: Ask) -> Iterator[Raw]:
    """The counters of known stories."""
    with Http(NAME, ask) as http:
        yield from ask_in_batches(ask, ask.posts, BATCH, partial(_refresh, ask, http))


def _refresh(ask: Ask, http: Http, posts: Sequence[Post]) -> list[Raw]:
    tags = ",".join(f"story_{post.object_id}" for post in posts)
    found = _search(http, {"tags": f"story,({tags})", "hitsPerPage": MOST_HITS})
    by_id = {str(hit["objectID"]): hit for hit in found.hits}
    return [_row(ask, post, by_id.get(post.object_id)) for post in posts]


def _row(ask: Ask, post: Post, hit: Hit | None) -> Raw:
    return post_row(ask, post, None if hit is None else _kept(hit))


def parse_by_url(rows: Sequence[Raw]) -> Iterator[Observation]:
    """Three readings per story, or three zeros of quality lower_bound for a page that has none."""
    for row in rows:
        payload = mapping(row.payload)
        if object_id := payload.get("objectID"):
            yield from _story(row, payload, str(object_id))
        else:
            yield from nothing_found(CONNECTOR, row, payload.get("stories"), quality=Quality.LOWER_BOUND)


def parse_by_post(rows: Sequence[Raw]) -> Iterator[Observation]:
    """Three readings per story that was asked for."""
    for row in rows:
        payload = mapping(row.payload)
        if row.status is Status.NOT_FOUND:
            more = {"object_id": row.subject, "published_at": _published_at(payload)}
            yield from _readings(row, {}, Status.NOT_FOUND, **more)
        else:
            yield from _story(row, payload, row.subject)


def _story(row: Raw, payload: Hit, object_id: str) -> Iterator[Observation]:
    counts = {Verb.LIKE: payload.get("points"), Verb.COMMENT: payload.get("num_comments"), Verb.SHARE: 1}
    more = {"object_id": object_id, "published_at": _published_at(payload)}
    yield from _readings(row, counts, Status.FAILED, **more)


def _readings(row: Raw, counts: Mapping[Verb, Any], absent: Status, **more: Any) -> Iterator[Observation]:
    for verb in CONNECTOR.verbs:
        is_hidden = verb is Verb.COMMENT and verb in counts
        status = Status.HIDDEN if is_hidden else absent
        yield reading(CONNECTOR, verb, row, counts.get(verb), absent=status, **more)


def _published_at(payload: Hit) -> datetime | None:
    """When the story was submitted, by the answer or else as it was known before."""
    return since_epoch(payload.get("created_at_i")) or moment(payload.get("published_at"))


CONNECTOR = Connector(
    name=NAME,
    title="Hacker News",
    signal="votes",
    settings=Settings,
    streams=(
        Stream(
            name="by_url",
            title="Stories that link to pages, by one search per site",
            asks="urls",
            requests="1 to a few per site",
            fetch=fetch_by_url,
            parse=parse_by_url,
        ),
        Stream(
            name="by_post",
            title="Counters of known stories",
            asks="posts",
            fetch=fetch_by_post,
            parse=parse_by_post,
            batch=BATCH,
            requests_per_1000=20,
        ),
    ),
    quota="10,000 requests per hour and address; one or a few per site to find stories, one per 50 stories to refresh.",
    terms="A public search index; no rule on keeping its counters was found. Authors, titles and texts are not kept.",
    keys_from="No key is needed.",
    verbs={
        Verb.LIKE: VerbMeaning("points", "Points of one story, as Hacker News shows them."),
        Verb.COMMENT: VerbMeaning("num_comments", "Comments below one story, replies included."),
        Verb.SHARE: VerbMeaning(
            "stories",
            "1 per story that links to the page; a page's shares are its submissions.",
            passing_on="not_counted",
        ),
    },
    basis=Basis.POST,
)
