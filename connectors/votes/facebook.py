"""Facebook: what it counts for any web page, and the counters of posts of our own Pages. Graph API v26.0.

- by_url: the Batch API, `POST /` with a form field `batch` of at most 50 items
  `{"method": "GET", "relative_url": "?id=<page>&fields=engagement,og_object{engagement}"}`. The answer is a list in the
  same order: `{"code", "body"}` with `body` a JSON text, or null for an item that took too long; those, and items that
  failed for a moment, are asked once more. Each item counts as one call towards Facebook's quota. Where a batch is not
  understood, each page is asked about by itself: `GET /?id=<page>&fields=…`.
- by_page: `/{page-id}/published_posts` for each Page in `pages`; nothing is asked when none is set. Where that edge is
  not known, `posts` and then `feed` (which also holds what visitors post). The page a post links to is its first
  attachment that leads away from Facebook; a post without one has no url.
- by_post: `GET /?ids=…`, 50 posts per request, the same counters.
- With `insights` on, both also ask `GET /{post-id}/insights?metric=…&period=lifetime` for views and for clicks, one
  metric per request, because one unknown name fails the whole question. A metric that Facebook no longer knows or that
  the token may not read is not asked about again for that Page in this run. Metrics answer with `values` or with
  `total_value`; an empty `data` stands for missing data and is never 0.

Page totals (basis page) and posts (basis post) are told apart by their basis and never added.

Verbs of a page: share is `share_count`, like is `reaction_count` (all reactions), comment is `comment_count`. Facebook
calls these values intentionally imprecise, so they are fuzzed. `comment_plugin_count` (comments in the page's own
Facebook box) is kept in the raw row and not counted. Verbs of a post: `shares.count`, `reactions.summary.total_count`,
`comments.summary.total_count`; exact. From the insights, and unread without them: view is `post_media_view` (times
shown or played; it took the place of the impressions, removed on 2025-11-15), click is `post_clicks` (anywhere in it).
`post_total_media_view_unique` counts people and is not read. Both names are settings, since Meta retires names often.

What a missing number means:
- Only `id` comes back: Facebook has never seen the page, so not_found.
- "Privacy zeros": all counters 0 while `og_object.engagement.count` (shares, reactions and comments in one) is above 0.
  Facebook zeroes the split for many apps; the verbs are hidden, and the sum cannot be split. All 0 without that sum
  cannot be told from it: a 0 of quality default_zero.
- `url_mode`: auto asks for both; engagement only for the split; og_object only for the sum, and every verb is hidden.
- A post without `shares` has none, as far as known: 0 of quality default_zero, if both other counters came.
- Any other counter that is gone is failed.
- Views and clicks: hidden where they were not asked for or the insights are empty, failed where they were refused or
  came in another shape; the other counters of the post stay as they are.

Quota: 10 questions per web page, app and hour (then an error, taken to be 613); an app may ask about 200 calls an hour
per daily user. Page tokens have an allowance of their own. `limit(0)` with `summary` counts without naming anybody.
Retention: as long as the purpose needs it.

UNVERIFIED: whether the split is still zeroed for new apps on v26; that absent `shares` means 0; that a page's address
variants share one number through `og:url`; that about 600 posts per year is all an edge returns; `post_clicks`
on v26, hence a setting.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Literal
from urllib.parse import quote, urlencode

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from connectors.base import Ask, Connector, Stream, VerbMeaning, account_rows, ask_in_batches, failed, reading, whole
from connectors.errors import (
    AuthError,
    BadAnswer,
    BadRequest,
    Gone,
    QuotaExhausted,
    RateLimited,
    SourceError,
    Unavailable,
)
from connectors.fallback import ManyOrOne, id_text
from connectors.fields import comma_separated, dig, listed, moment, picked, plain
from connectors.graph import MOST_IDS, GraphSettings, Item, connect, graph_error, is_told, items, refresh, stopping
from connectors.http import Answer, Http
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb
from connectors.urls import first_outside

NAME = "facebook"
BATCH = 50
PAGE_SIZE = 100
EDGES = ("published_posts", "posts", "feed")
COUNTERS = ("share_count", "reaction_count", "comment_count", "comment_plugin_count")
URL_FIELDS = {
    "auto": "engagement,og_object{engagement}",
    "engagement": "engagement",
    "og_object": "og_object{engagement}",
}
POST_FIELDS = "id,created_time,shares,reactions.limit(0).summary(total_count),comments.limit(0).summary(true)"
POST_NATIVES = {
    Verb.SHARE: "shares.count",
    Verb.LIKE: "reactions.summary.total_count",
    Verb.COMMENT: "comments.summary.total_count",
}
PAGE_VERBS = tuple(POST_NATIVES)
INSIGHT_VERBS = (Verb.VIEW, Verb.CLICK)

Refused = set[tuple[str, str]]  # Page and metric


class Settings(GraphSettings):
    """Settings of Facebook: a token, or an app's id and secret."""

    model_config = SettingsConfigDict(env_prefix="TALLYRANK_FACEBOOK_")
    instead: ClassVar[Mapping[tuple[str, ...], tuple[str, ...]]] = {("token",): ("app_id", "app_secret")}

    app_id: str | None = Field(None, description="App id; with the app secret it stands in for a token.")
    app_secret: SecretStr | None = Field(None, description="App secret: proves each request, and signs in with app_id.")
    pages: str = Field("", description="Ids of our own Pages, with commas between them; their posts are read.")
    url_mode: Literal["auto", "engagement", "og_object"] = Field(
        "auto", description="What to ask about a web page: the split counters, their sum, or both (auto)."
    )
    insights: bool = Field(False, description="Ask for views and clicks of our own posts, one request each per post.")
    view_metric: str = Field("post_media_view", description="The metric of the insights that is a view; empty: none.")
    click_metric: str = Field("post_clicks", description="The metric of the insights that is a click; empty: none.")

    @property
    def access_token(self) -> str:
        """The token given, or the app's own."""
        secret = plain(self.app_secret)
        return plain(self.token) or (f"{self.app_id}|{secret}" if self.app_id and secret else "")

    @property
    def page_ids(self) -> list[str]:
        """The Pages as a list, each once."""
        return comma_separated(self.pages)

    @property
    def metrics(self) -> dict[Verb, str]:
        """The metrics to ask the insights for, by verb; none unless they are wanted."""
        named = {Verb.VIEW: self.view_metric, Verb.CLICK: self.click_metric}
        return {verb: metric for verb, metric in named.items() if metric} if self.insights else {}


def fetch_by_url(ask: Ask) -> Iterator[Raw]:
    """Facebook's own totals for web pages, 50 per request."""
    spent: list[SourceError] = []
    with connect(NAME, ask) as http:
        many, one = partial(_ask_urls, ask, http, spent), partial(_ask_url, ask, http)
        yield from ask_in_batches(ask, ask.urls, BATCH, ManyOrOne(ask, many, one))


def _ask_urls(ask: Ask, http: Http, spent: list[SourceError], urls: Sequence[str]) -> list[Raw]:
    if spent:
        raise QuotaExhausted(NAME, spent[0].message)
    fields = URL_FIELDS[ask.settings.url_mode]
    answers = _batch(http, urls, fields)
    again = [i for i, answer in enumerate(answers) if isinstance(answer, Unavailable)]
    if again:
        for i, answer in zip(again, _batch(http, [urls[i] for i in again], fields), strict=True):
            answers[i] = answer
    # Items without a wait of their own were refused for the whole app: what was answered is kept, no more is asked.
    spent.extend(a for a in answers if isinstance(a, RateLimited) and a.retry_after is None)
    return [_url_row(ask, url, answer) for url, answer in zip(urls, answers, strict=True)]


def _ask_url(ask: Ask, http: Http, url: str) -> Iterator[Raw]:
    answer: Any
    try:
        with stopping():
            answer = http.get("/", {"id": url, "fields": URL_FIELDS[ask.settings.url_mode]}).json()
    except Gone as error:
        if not is_told(error):
            raise
        answer = error
    if not isinstance(answer, Gone) and not dig(answer, "id"):
        raise BadAnswer(NAME, "the answer about a page is no object with an `id`")
    yield _url_row(ask, url, answer)


def _batch(http: Http, urls: Sequence[str], fields: str) -> list[Item | SourceError]:
    """One item per page: what Facebook knows, or why it does not say."""
    asked = [{"method": "GET", "relative_url": "?" + urlencode({"id": url, "fields": fields})} for url in urls]
    with stopping():
        answers = http.post("/", data={"batch": json.dumps(asked), "include_headers": "false"}).json()
    if not isinstance(answers, list) or len(answers) != len(urls):
        raise BadAnswer(NAME, "the answer to a batch is no list with one item per page")
    return [_item(answer) for answer in answers]


def _item(answer: Any) -> Item | SourceError:
    if answer is None:
        return Unavailable(NAME, "Facebook took too long over this page, twice")
    code, body = whole(dig(answer, "code")), dig(answer, "body")
    if code is None or not isinstance(body, str):
        return BadAnswer(NAME, "an item of a batch has no `code` or no `body`")
    inner = Answer(NAME, code, {}, body)
    if error := graph_error(inner):
        return error
    try:
        found = inner.json()
    except BadAnswer as error:
        return error
    return found if isinstance(found, dict) else BadAnswer(NAME, "the answer about a page is no object")


def _url_row(ask: Ask, url: str, answer: Item | SourceError) -> Raw:
    if isinstance(answer, Gone):
        return Raw(url, ask.observed_at, Status.NOT_FOUND, url)
    if isinstance(answer, SourceError):
        if answer.is_fatal:
            raise answer
        return failed(ask, url, answer)
    return Raw(url, ask.observed_at, url=url, payload=project_url(answer))


def project_url(body: Item) -> Item:
    """What parsing reads of the answer about a web page; `unread` names fields that nobody asked for."""
    kept: Item = {}
    if "engagement" in body:
        counts = body["engagement"]
        kept["engagement"] = picked(counts, COUNTERS) if isinstance(counts, dict) else None
    if "og_object" in body:
        kept["og_object"] = {"engagement": {"count": dig(body["og_object"], "engagement", "count")}}
    unread = sorted(set(body) - {"id", "engagement", "og_object"})
    return kept | ({"unread": unread} if unread else {})


def parse_by_url(rows: Sequence[Raw]) -> Iterator[Observation]:
    """Three readings per web page."""
    for row in rows:
        counts, absent, quality = _page_counts(row.payload)
        for verb in PAGE_VERBS:
            value = counts.get(CONNECTOR.verbs[verb].native)
            yield reading(CONNECTOR, verb, row, value, absent=absent, quality=quality)


def _page_counts(payload: Any) -> tuple[Mapping[str, Any], Status, Quality]:
    """The counters, what it means that one is missing, and how far they can be trusted."""
    counts, total = dig(payload, "engagement"), whole(dig(payload, "og_object", "engagement", "count"))
    if isinstance(counts, dict):
        is_zero = all(whole(counts.get(CONNECTOR.verbs[verb].native)) == 0 for verb in PAGE_VERBS)
        if is_zero and total:
            return {}, Status.HIDDEN, Quality.FUZZED
        return counts, Status.FAILED, Quality.DEFAULT_ZERO if is_zero and total is None else Quality.FUZZED
    if dig(payload, "unread"):
        return {}, Status.FAILED, Quality.FUZZED
    return {}, Status.HIDDEN if payload else Status.NOT_FOUND, Quality.FUZZED


def fetch_by_page(ask: Ask) -> Iterator[Raw]:
    """The posts of our own Pages."""
    if not ask.settings.page_ids:
        return
    with connect(NAME, ask) as http:
        yield from account_rows(ask, ask.settings.page_ids, partial(_posts_of, ask, http))


def _posts_of(ask: Ask, http: Http, page: str) -> Iterator[Raw]:
    fields, refused = {"fields": f"{POST_FIELDS},attachments{{unshimmed_url,url}}"}, Refused()
    for item in _listed(http, page, fields):
        if not isinstance(item.get("id"), str):
            raise BadAnswer(NAME, "a post has no `id`")
        yield Raw(item["id"], ask.observed_at, url=link_of(item), payload=_completed(ask, http, refused, item))


def _listed(http: Http, page: str, fields: Mapping[str, Any]) -> Iterator[Item]:
    """The posts of a Page, by the first edge that is known."""
    refusals: list[SourceError] = []
    for edge in EDGES:
        try:
            yield from items(http, f"/{page}/{edge}", fields, PAGE_SIZE)
            return
        except (BadRequest, Gone) as error:
            refusals.append(error)
            if not _is_unknown_edge(error):
                break
    raise refusals[0]


def _is_unknown_edge(error: SourceError) -> bool:
    return error.message.startswith("HTTP") or "nonexisting field" in error.message


def link_of(item: Item) -> str | None:
    """The first address attached to a post that leads away from Facebook."""
    attached = listed(dig(item, "attachments", "data"))
    return first_outside([dig(a, "unshimmed_url") or dig(a, "url") for a in attached], ["facebook.com"])


def project_post(item: Item) -> Item:
    """What parsing reads of a post: when it was published, counters that came, and names of those that did not."""
    kept: Item = {"created_time": item.get("created_time"), "lacks": []}
    for verb, native in POST_NATIVES.items():
        name, *inner = native.split(".")
        if name in item:
            kept[verb.value] = dig(item[name], *inner)
        else:
            kept["lacks"].append(verb.value)
    return kept


def _completed(ask: Ask, http: Http, refused: Refused, item: Item) -> Item:
    """The projected post, with its insights where they are asked for."""
    kept, post = project_post(item), id_text(item.get("id"))
    if not ask.settings.metrics or not isinstance(post, str):
        return kept
    found = {verb.value: _insight(http, post, metric, refused) for verb, metric in ask.settings.metrics.items()}
    return kept | {"insights": found}


def _insight(http: Http, post: str, metric: str, refused: Refused) -> Item:
    """One metric of a post. Its failure costs nothing else; a refused token alone ends the questions."""
    page = post.partition("_")[0]
    if (page, metric) in refused:
        return {"metric": metric, "is_failed": True}
    try:
        with stopping():
            answer = http.get(f"/{quote(post, safe='')}/insights", {"metric": metric, "period": "lifetime"})
        return {"metric": metric, "count": project_insight(answer.json(), metric)}
    except AuthError:
        raise
    except SourceError as error:
        if not _is_of_one_post(error):
            refused.add((page, metric))
        return {"metric": metric, "is_failed": True}


def _is_of_one_post(error: SourceError) -> bool:
    """Whether the same question about another post of the Page may be answered."""
    is_gone = isinstance(error, Gone) and is_told(error)
    return is_gone or isinstance(error, BadAnswer) or (isinstance(error, BadRequest) and "metric" not in error.message)


def project_insight(body: Any, metric: str) -> int | None:
    """The number of a metric, from `values` (the last one) or from `total_value`; None for an empty list."""
    data = dig(body, "data")
    if not isinstance(data, list):
        raise BadAnswer(NAME, "the insights of a post have no list `data`")
    found = next((m for m in data if dig(m, "name") == metric), None)
    values = listed(dig(found, "values"))
    last = whole(dig(values[-1], "value")) if values else None
    count = whole(dig(found, "total_value", "value")) if last is None else last
    if data and count is None:
        raise BadAnswer(NAME, f"the insights of a post hold no number of {metric}")
    return count


def fetch_by_post(ask: Ask) -> Iterator[Raw]:
    """The counters of known posts, 50 per request."""
    with connect(NAME, ask) as http:
        yield from refresh(ask, http, POST_FIELDS, partial(_completed, ask, http, Refused()))


def parse_posts(rows: Sequence[Raw]) -> Iterator[Observation]:
    """Five readings per post; views and clicks have a number only where the insights were asked for."""
    for row in rows:
        payload = row.payload if isinstance(row.payload, dict) else {}
        absent = Status.NOT_FOUND if row.status is Status.NOT_FOUND else Status.FAILED
        is_unshared = payload.get("lacks") == ["share"]
        at = moment(payload.get("created_time")) or moment(payload.get("published_at"))
        for verb, native in POST_NATIVES.items():
            is_default = verb is Verb.SHARE and is_unshared
            yield reading(
                CONNECTOR, verb, row, 0 if is_default else payload.get(verb.value), absent=absent, native=native,
                quality=Quality.DEFAULT_ZERO if is_default else Quality.EXACT, basis=Basis.POST, object_id=row.subject,
                published_at=at,
            )  # fmt: skip
        for verb in INSIGHT_VERBS:
            found = dig(payload, "insights", verb.value)
            is_unread = absent is Status.FAILED and dig(found, "is_failed") is not True
            yield reading(
                CONNECTOR, verb, row, dig(found, "count"), absent=Status.HIDDEN if is_unread else absent,
                native=str(dig(found, "metric") or CONNECTOR.verbs[verb].native), basis=Basis.POST,
                object_id=row.subject, published_at=at,
            )  # fmt: skip


CONNECTOR = Connector(
    name=NAME,
    title="Facebook",
    signal="votes",
    settings=Settings,
    streams=(
        Stream(
            name="by_url",
            title="Facebook's own totals for web pages",
            asks="urls",
            fetch=fetch_by_url,
            parse=parse_by_url,
            batch=BATCH,
            requests_per_1000=20,
            verbs=PAGE_VERBS,
        ),
        Stream(
            name="by_page",
            title="Posts of our own Pages",
            asks="account",
            requests="10; with insights 2 more per post",
            fetch=fetch_by_page,
            parse=parse_posts,
            basis=Basis.POST,
            batch=PAGE_SIZE,
        ),
        Stream(
            name="by_post",
            title="Counters of known posts",
            asks="posts",
            fetch=fetch_by_post,
            parse=parse_posts,
            basis=Basis.POST,
            batch=MOST_IDS,
            requests_per_1000=20,
        ),
    ),
    quota="About 200 calls an hour per daily user of the app, each page of a batch being one; 10 per page and hour.",
    terms="Meta Platform Terms: keep no longer than the purpose needs, delete on request. Nobody's name is asked for.",
    kept="as long as the purpose needs it, and until somebody asks for its deletion",
    keys_from="Create an app at developers.facebook.com; for web pages its id (TALLYRANK_FACEBOOK_APP_ID) and secret "
    "(TALLYRANK_FACEBOOK_APP_SECRET) are enough, posts need the token of the Page with pages_read_engagement, "
    "for views and clicks read_insights too (TALLYRANK_FACEBOOK_TOKEN).",
    verbs={
        Verb.SHARE: VerbMeaning(
            "share_count", "Times the page was shared on Facebook, imprecise by intent.", Quality.FUZZED
        ),
        Verb.LIKE: VerbMeaning(
            "reaction_count", "Reactions of every kind to shares of the page, imprecise by intent.", Quality.FUZZED
        ),
        Verb.COMMENT: VerbMeaning(
            "comment_count", "Comments on shares of the page, imprecise by intent.", Quality.FUZZED
        ),
        Verb.VIEW: VerbMeaning(
            "post_media_view",
            "Times a post of our own Pages was shown or played; read only where insights are asked for.",
        ),
        Verb.CLICK: VerbMeaning(
            "post_clicks", "Clicks anywhere in a post of our own Pages; read only where insights are asked for."
        ),
    },
    basis=Basis.PAGE,
)
