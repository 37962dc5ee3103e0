"""dev.to, and any other site that runs Forem (API v1): the articles of named authors, without a key.

There is no search by address. An article names the page it is a copy of (`canonical_url`; its own address where it was
written for dev.to first), so the articles of the authors in the settings are listed and joined by that.

- articles: `GET /articles?username=…&page=…&per_page=1000`, newest first; the name of a person or an organization.
  There is no total: the end is an empty list. Nothing is asked before an author is named. With a key,
  `GET /articles/me/published` comes first and brings `page_views_count`, which nobody else is told.
- by_post: `GET /articles/{id}`, one article per request; 404 for one that is deleted or not public any more.

Headers: `Accept: application/vnd.forem.api-v1+json`, and `api-key` where there is one. More than 3 requests a second
from one address get 429 with `Retry-After`. Errors are `{"error", "status"}`; 401 for a refused key.
`tag_list` and `tags` change their types between a list and one article; they are not read. Names, titles and texts are
not kept.

Verbs: like is `public_reactions_count`, comment is `comments_count`, view is `page_views_count` (hidden where it
is null, and where the article is not read as one's own). Any other missing counter is failed. There are no shares.

UNVERIFIED: `page_views_count` (known from use, not in the published schema), the answer for an author that is not there
(an empty list is assumed), a `page_size` above what other Forem sites allow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, ClassVar

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from connectors.base import (
    Ask,
    Connector,
    ConnectorSettings,
    Post,
    Stream,
    VerbMeaning,
    account_rows,
    ask_in_batches,
    post_row,
    reading,
    whole,
)
from connectors.errors import BadAnswer, BadRequest, Gone
from connectors.fields import mapping, moment, picked, plain
from connectors.http import Http
from connectors.records import Basis, Observation, Raw, Status, Verb

NAME = "devto"
MOST = 1000
ME = "me"
KEPT = ("public_reactions_count", "comments_count", "page_views_count", "published_timestamp")

Item = Mapping[str, Any]


class Settings(ConnectorSettings):
    """Settings of dev.to; no key is needed."""

    model_config = SettingsConfigDict(env_prefix="TALLYRANK_DEVTO_")
    reads_from: ClassVar[tuple[str, ...]] = ("authors",)

    base_url: str = Field("https://dev.to/api", description="Address of the API, of dev.to or another Forem site.")
    authors: str = Field("", description="Whose articles to read: names of people or organizations, comma-separated.")
    api_key: SecretStr | None = Field(None, description="API key, to read the views of one's own articles; optional.")
    page_size: int = Field(MOST, ge=1, le=MOST, description="Articles per request.")
    requests_per_second: float = Field(2.0, gt=0, description="Highest pace; 3 a second are allowed.")

    @property
    def key(self) -> str:
        """The API key; empty when none is set."""
        return plain(self.api_key)

    @property
    def listings(self) -> list[str]:
        """Whose articles to list, each once: our own first, because only they tell views."""
        named = dict.fromkeys(a.strip().removeprefix("@") for a in self.authors.split(","))
        return [ME] * bool(self.key) + [author for author in named if author]


def _http(ask: Ask) -> Http:
    key = {"api-key": ask.settings.key} if ask.settings.key else {}
    return Http(NAME, ask, headers={"Accept": "application/vnd.forem.api-v1+json", **key})


def fetch_articles(ask: Ask) -> Iterator[Raw]:
    """All articles of the authors in the settings, each once."""
    seen: set[str] = set()
    with _http(ask) as http:
        for row in account_rows(ask, ask.settings.listings, partial(_articles_of, ask, http)):
            if row.status is Status.FAILED or row.subject not in seen:
                yield row
            seen.add(row.subject)


def _articles_of(ask: Ask, http: Http, author: str) -> Iterator[Raw]:
    path, who = ("/articles/me/published", {}) if author == ME else ("/articles", {"username": author})
    for article in listed(lambda page: _page(http, path, {**who, "page": page, "per_page": ask.settings.page_size})):
        yield Raw(str(article["id"]), ask.observed_at, url=page_of(article), payload=_kept(article, author == ME))


def _page(http: Http, path: str, params: Mapping[str, Any]) -> list[Item]:
    articles = http.get(path, params).json()
    if not isinstance(articles, list) or not all(_has_id(article) for article in articles):
        raise BadAnswer(NAME, "the answer is no list of articles, or an article has no `id`")
    return articles


def _has_id(article: Any) -> bool:
    return isinstance(article, dict) and whole(article.get("id")) is not None


def listed(page_of_list: Callable[[int], Sequence[Item]]) -> Iterator[Item]:
    """The articles of all pages up to the first empty one, each once."""
    seen: set[Any] = set()
    before: list[Any] = []
    page = 1
    while articles := {article["id"]: article for article in page_of_list(page)}:
        if list(articles) == before:
            raise BadAnswer(NAME, "the next page of articles is this page again")
        yield from (article for number, article in articles.items() if number not in seen)
        seen |= articles.keys()
        before, page = list(articles), page + 1


def page_of(article: Item) -> str | None:
    """The web page an article is about: the one it is a copy of, or else itself."""
    addresses = (article.get("canonical_url"), article.get("url"))
    return next((url for url in addresses if isinstance(url, str) and url), None)


def _kept(article: Item, is_own: bool) -> dict[str, Any]:
    return picked(article, KEPT) | {"is_own": is_own}


def fetch_by_post(ask: Ask) -> Iterator[Raw]:
    """The counters of known articles."""
    with _http(ask) as http:
        yield from ask_in_batches(ask, ask.posts, 1, lambda posts: [_refreshed(ask, http, posts[0])])


def _refreshed(ask: Ask, http: Http, post: Post) -> Raw:
    if whole(post.object_id) is None:
        raise BadRequest(NAME, "not the id of an article, which is a number")
    try:
        article = http.get(f"/articles/{post.object_id}").json()
    except Gone:
        return post_row(ask, post, None)
    if not _has_id(article) or str(article["id"]) != post.object_id:
        raise BadAnswer(NAME, "the answer is not the article that was asked for")
    return post_row(ask, post, _kept(article, is_own=False))


def parse(rows: Sequence[Raw]) -> Iterator[Observation]:
    """Three readings per article."""
    for row in rows:
        payload = mapping(row.payload)
        more: dict[str, Any] = {"object_id": row.subject, "published_at": _published_at(payload)}
        for verb, meaning in CONNECTOR.verbs.items():
            is_gone = row.status is Status.NOT_FOUND
            is_withheld = verb is Verb.VIEW and (payload.get("is_own") is False or meaning.native in payload)
            absent = row.status if is_gone else Status.HIDDEN if is_withheld else Status.FAILED
            yield reading(CONNECTOR, verb, row, payload.get(meaning.native), absent=absent, **more)


def _published_at(payload: Item) -> datetime | None:
    """When the article was published, by the answer or else as it was known before; without a zone it is UTC."""
    return moment(payload.get("published_timestamp") or payload.get("published_at"))


CONNECTOR = Connector(
    name=NAME,
    title="dev.to",
    signal="votes",
    settings=Settings,
    streams=(
        Stream(
            name="articles",
            title="Articles of the authors in the settings",
            asks="account",
            requests="2 per author of up to 1,000",
            fetch=fetch_articles,
            parse=parse,
            batch=MOST,
        ),
        Stream(
            name="by_post",
            title="Counters of known articles that their author's list does not hold any more",
            asks="posts",
            fetch=fetch_by_post,
            parse=parse,
            requests_per_1000=1000,
        ),
    ),
    quota="3 requests a second per address; two requests read up to 1,000 articles of an author.",
    terms="A public API; no rule on keeping its counters was found. Names, titles and texts of people are not kept.",
    keys_from="No key is needed, only the authors in TALLYRANK_DEVTO_AUTHORS. The views of your own articles need a "
    "key from dev.to/settings/extensions.",
    verbs={
        Verb.LIKE: VerbMeaning("public_reactions_count", "Public reactions of every kind to one article."),
        Verb.COMMENT: VerbMeaning("comments_count", "Comments below one article, replies included."),
        Verb.VIEW: VerbMeaning("page_views_count", "Views of one article, told to its own author only."),
    },
    basis=Basis.POST,
    verified="Nothing against real answers: written from the published schema and the source code of Forem.",
)
