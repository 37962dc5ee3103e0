"""Tumblr: notes of the posts of some blogs, and an old public count by web address (off by default). API v2.

- posts: `GET /v2/blog/{blog}/posts?limit=20&offset=…&reblog_info=true` for each blog in `blogs`, then, for posts that
  have notes, `GET /v2/blog/{blog}/notes?id=…&mode=conversation`, one request each. No more than `splits_per_day` posts
  are asked about so, those with the most notes first.
- by_post: the same notes of known posts. An id alone is looked for in every blog of `blogs`; `blog/id` names it.
- by_url: `GET /v2/share/stats?url=…`, the count behind old share buttons, without a key. It is undocumented, so nothing
  is asked unless `share_stats_per_day` is above 0. Likes, reblogs and replies in one number: a fuzzed share.

The page of a post is its `url` (of link posts), its `link_url` (of photos), the first link in its text that leads away
from Tumblr, or its `source_url`; a post without one has no url. Texts are read for that and not kept.

Verbs of a post: like is `total_likes`, share is `total_reblogs`, comment is `total_notes` less those two. These totals
come in mode `conversation` only. `note_count`, which the list tells, is all notes together: 0 means 0 of each, anything
else cannot be split, so the verbs of a post that was not asked about are hidden. A total that did not come is failed.

Traps: ids are above 2^53, so `id_string` is read. All reblogs of a post show the notes of its whole tree; a reblog of a
post that is read already is left out, or its notes would count twice. `offset` and `before` exclude each other; a page
may be short before the last one. Notes name people; they are dropped. `note_count` may lag behind the notes.

Errors are `{"meta": {"status", "msg"}, "response": [], "errors": [{"title", "code", "detail"}]}`; `meta.status`
decides, because an answer may be HTTP 200 with an error inside. 429: `X-Ratelimit-Perhour-…` and `-Perday-…` tell the
seconds that are left, or are missing. Quota: 1,000 requests an hour and 5,000 a day per key, 300 a minute per address.

UNVERIFIED: that reblogs share their notes, that a deleted post answers 404 to `notes`, whether share/stats still
answers and what its 0 means, how long numbers may be kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from html import unescape
from typing import Any, ClassVar
from urllib.parse import quote

from pydantic import Field, SecretStr
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
    reading,
    whole,
)
from connectors.errors import BadAnswer, Gone, SourceError
from connectors.fields import comma_separated, dig, loads, moment, objects, picked, since_epoch, text
from connectors.http import Answer, Http, by_status, retry_after
from connectors.limits import limited
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb
from connectors.urls import first_outside, links_in

NAME = "tumblr"
PAGE_SIZE = 20
TOTALS = ("total_notes", "total_likes", "total_reblogs")
TEXTS = ("body", "caption", "description", "text", "source", "answer")
OWN_SITES = ("tumblr.com", "tmblr.co")
WINDOWS = ("perhour", "perday")

_HREF = re.compile(r"""\bhref\s*=\s*["']([^"']+)["']""", re.IGNORECASE)
_TAG = re.compile(r"<[^>]*>")

Item = dict[str, Any]


class Settings(ConnectorSettings):
    """Settings of Tumblr: an application's key, and the blogs to read."""

    model_config = SettingsConfigDict(env_prefix="TALLYRANK_TUMBLR_")
    required: ClassVar[tuple[str, ...]] = ("api_key", "blogs")
    reads_from: ClassVar[tuple[str, ...]] = ("blogs",)

    base_url: str = Field("https://api.tumblr.com", description="Address of the API, without version.")
    api_key: SecretStr | None = Field(None, description="OAuth consumer key of the application.")
    blogs: str = Field("", description="Names of blogs, with commas between them; their posts are read.")
    requests_per_second: float = Field(0.27, gt=0, description="Highest pace; 1,000 requests an hour are allowed.")
    splits_per_day: int = Field(
        1000,
        ge=0,
        description="Posts per day whose notes are split into likes, reblogs and replies, the largest first.",
    )
    share_stats_per_day: int = Field(
        0, ge=0, description="Web addresses per day to ask the undocumented public count about; 0 leaves it off."
    )

    @property
    def blog_names(self) -> list[str]:
        """The blogs as a list, each once."""
        return comma_separated(self.blogs)

    def url_for(self, day: date) -> str:
        """As usual; a version at the end of the address is not repeated."""
        return super().url_for(day).removesuffix("/v2")


@dataclass(frozen=True, slots=True)
class Listed:
    """A post as a blog's list tells it: where it is, the page it links to, and what its notes belong to."""

    blog: str
    post: Post
    note_count: int | None
    root: str

    @property
    def is_original(self) -> bool:
        """Whether it is no reblog."""
        return self.root == self.post.object_id


def tumblr_error(answer: Answer, key: str = "") -> SourceError | None:
    """What an answer says went wrong, by the status inside it or else by that of HTTP."""
    body = loads(answer.text)
    inner = whole(dig(body, "meta", "status"))
    status = inner if inner is not None and inner >= 300 else answer.status
    if status < 300:
        return None
    if status == 404 and inner is None:  # a wrong address, and no post that is gone
        return BadAnswer(answer.source, "HTTP 404, and not in Tumblr's envelope; is the address right?")
    words = _words(body) or answer.text
    answer = replace(answer, status=status, text=words.replace(key, "***") if key else words)
    return _too_fast(answer) if status == 429 else by_status(answer)


def _words(body: Any) -> str:
    """The refusal in one line."""
    first = next(iter(objects(dig(body, "errors"))), None)
    told = [dig(body, "meta", "msg"), dig(first, "title"), dig(first, "detail")]
    return "; ".join(dict.fromkeys(word for word in told if isinstance(word, str) and word))


def _too_fast(answer: Answer) -> SourceError:
    return limited(answer.source, f"HTTP 429: {answer.text[:160]}", seconds_left(answer))


def seconds_left(answer: Answer) -> float | None:
    """Seconds until the last of the windows that are used up begins anew; None where the headers do not say."""
    told = answer.headers
    used_up = [window for window in WINDOWS if told.get(f"x-ratelimit-{window}-remaining") == "0"]
    resets = [told.get(f"x-ratelimit-{window}-reset", "") for window in used_up]
    known = [float(reset) for reset in resets if reset.isdecimal()]
    return max(known) if known else retry_after(answer)


def _connect(ask: Ask, *, is_keyed: bool = True) -> Http:
    key = ask.settings.api_key.get_secret_value() if is_keyed and ask.settings.api_key else ""
    return Http(NAME, ask, classify=partial(tumblr_error, key=key), params={"api_key": key} if key else {})


def _response(http: Http, path: str, params: Mapping[str, Any]) -> Item:
    """What stands inside the envelope of an answer."""
    found = dig(http.get(path, params).json(), "response")
    if not isinstance(found, dict):
        raise BadAnswer(NAME, "the answer has no object `response`")
    return found


def fetch_posts(ask: Ask) -> Iterator[Raw]:
    """The posts of all blogs, the largest of them with their notes split."""
    with _connect(ask) as http:
        found, problems = _listing(ask, http)
        yield from _rows(ask, http, without_repeats(found))
    yield from problems


def _listing(ask: Ask, http: Http) -> tuple[list[Listed], list[Raw]]:
    """What the blogs list, and a failed row for each list that broke off; a fatal failure ends them all."""
    found: list[Listed] = []
    problems: list[Raw] = []
    fatal: SourceError | None = None
    for blog in ask.settings.blog_names:
        try:
            if fatal:
                raise fatal
            for one in _posts_of(http, blog):
                found.append(one)  # one by one: what came before a failure is kept
        except SourceError as error:
            fatal = error if error.is_fatal else None
            problems.append(replace(failed(ask, blog, error), url=None))
    return found, problems


def _posts_of(http: Http, blog: str) -> Iterator[Listed]:
    def page(offset: int) -> Item:
        asked = {"limit": PAGE_SIZE, "offset": offset, "reblog_info": "true"}
        return _response(http, f"/v2/blog/{quote(blog, safe='')}/posts", asked)

    for item in listed(page):
        post = Post(id_of(item), page_of(item) or "", since_epoch(item.get("timestamp")))
        root = item.get("reblogged_root_id")
        yield Listed(blog, post, whole(item.get("note_count")), str(root) if root else post.object_id)


def listed(page: Callable[[int], Item]) -> Iterator[Item]:
    """Every post of a blog, each once; `page` gives the answer for an offset."""
    seen: set[str] = set()
    offset = 0
    while True:
        response = page(offset)
        posts, total = response.get("posts"), whole(response.get("total_posts"))
        if not isinstance(posts, list) or not all(id_of(post) for post in posts):
            raise BadAnswer(NAME, "a page of posts has no list `posts`, or a post has no id")
        fresh = {id_of(post): post for post in posts if id_of(post) not in seen}
        yield from fresh.values()
        seen |= fresh.keys()
        offset += len(posts) or PAGE_SIZE
        is_last = not posts if total is None else offset >= total
        if is_last and len(posts) < PAGE_SIZE:
            return


def id_of(post: Any) -> str:
    """The id as text: as a number it is too large for many readers of JSON."""
    return text(dig(post, "id_string")) or str(whole(dig(post, "id")) or "")


def page_of(post: Item) -> str | None:
    """The web page a post is about: the first of its links that leads away from Tumblr."""
    return first_outside(_links(post), OWN_SITES)


def _links(post: Item) -> Iterator[Any]:
    yield from (post.get("url"), post.get("link_url"))
    texts = [words for name in TEXTS if (words := text(post.get(name)))]
    yield from (unescape(address) for words in texts for address in _HREF.findall(words))
    yield from (link for words in texts for link in links_in(unescape(_TAG.sub(" ", words))))
    yield post.get("source_url")


def without_repeats(found: Sequence[Listed]) -> list[Listed]:
    """The posts without the reblogs whose notes are read with another post."""
    taken = {listed.post.object_id for listed in found if listed.is_original}
    kept = []
    for one in found:
        if one.is_original or one.root not in taken:
            kept.append(one)
            taken.add(one.root)
    return kept


def _rows(ask: Ask, http: Http, found: Sequence[Listed]) -> Iterator[Raw]:
    """A row per post: with its notes split where there is anything to split and the day's number allows it."""
    by_id = {one.post.object_id: one for one in found}
    noted = sorted((one for one in found if one.note_count != 0), key=_by_notes)[: ask.settings.splits_per_day]
    chosen = {one.post.object_id for one in noted}

    def with_totals(posts: Sequence[Post]) -> Iterator[Raw]:
        for post in posts:
            one = by_id[post.object_id]
            try:
                yield _row(ask, post, one, _totals(http, one.blog, post))
            except Gone:  # deleted since the list was read
                yield replace(_row(ask, post, one, None), status=Status.NOT_FOUND)

    yield from (_row(ask, one.post, one, None) for one in found if one.post.object_id not in chosen)
    rows = ask_in_batches(ask, [one.post for one in noted], 1, with_totals)
    yield from (replace(row, url=row.url or None) for row in rows)


def _by_notes(one: Listed) -> tuple[bool, int]:
    """The most notes first, after those whose number is unknown."""
    return one.note_count is not None, -(one.note_count or 0)


def _totals(http: Http, blog: str, post: Post) -> Item:
    """The totals of a post's notes; Gone when the blog has no such post."""
    number = post.object_id.rpartition("/")[2]
    found = _response(http, f"/v2/blog/{quote(blog, safe='')}/notes", {"id": number, "mode": "conversation"})
    kept = picked(found, TOTALS)
    if not kept:
        raise BadAnswer(NAME, "the notes of a post come without their totals")
    return kept


def _row(ask: Ask, post: Post, one: Listed | None, totals: Item | None) -> Raw:
    payload = {**post.known, "note_count": one.note_count if one else None, "totals": totals}
    return Raw(post.object_id, ask.observed_at, url=post.url or None, payload=payload)


def fetch_by_post(ask: Ask) -> Iterator[Raw]:
    """The notes of known posts."""

    def rows(posts: Sequence[Post]) -> Iterator[Raw]:
        for post in posts:
            totals = _found(http, ask.settings.blog_names, post)
            row = replace(_row(ask, post, None, totals), url=post.url)
            yield row if totals is not None else replace(row, status=Status.NOT_FOUND)

    with _connect(ask) as http:
        yield from ask_in_batches(ask, ask.posts, 1, rows)


def _found(http: Http, blogs: Sequence[str], post: Post) -> Item | None:
    """The totals of a post in the first blog that has it."""
    named = post.object_id.rpartition("/")[0]
    for blog in [named] if named else blogs:
        try:
            return _totals(http, blog, post)
        except Gone:
            continue
    return None


def parse_posts(rows: Sequence[Raw]) -> Iterator[Observation]:
    """Three readings per post."""
    for row in rows:
        published = moment(dig(row.payload, "published_at"))
        counts, absent = _counts(row)
        for verb in CONNECTOR.verbs:
            more = {"object_id": row.subject, "published_at": published}
            yield reading(CONNECTOR, verb, row, counts.get(verb), absent=absent, **more)


def _counts(row: Raw) -> tuple[dict[Verb, int | None], Status]:
    """The counts by verb, and what it means that one is missing."""
    totals, notes = dig(row.payload, "totals"), whole(dig(row.payload, "note_count"))
    if row.status is Status.NOT_FOUND:
        return {}, Status.NOT_FOUND
    if isinstance(totals, dict):
        return split(totals), Status.FAILED
    if notes == 0:
        return dict.fromkeys(CONNECTOR.verbs, 0), Status.FAILED
    return {}, Status.FAILED if notes is None else Status.HIDDEN


def split(totals: Item) -> dict[Verb, int | None]:
    """Likes, reblogs, and what is left of the notes: replies."""
    notes, likes, reblogs = (whole(totals.get(name)) for name in TOTALS)
    is_known = notes is not None and likes is not None and reblogs is not None
    replies = (notes or 0) - (likes or 0) - (reblogs or 0) if is_known else None
    is_sound = replies is not None and replies >= 0
    return {Verb.LIKE: likes, Verb.SHARE: reblogs, Verb.COMMENT: replies if is_sound else None}


def fetch_by_url(ask: Ask) -> Iterator[Raw]:
    """The public count of each web address; nothing unless it is switched on."""
    if not ask.settings.share_stats_per_day:
        return
    with _connect(ask, is_keyed=False) as http:
        yield from ask_in_batches(ask, ask.urls, 1, partial(_stats, ask, http))


def _stats(ask: Ask, http: Http, urls: Sequence[str]) -> Iterator[Raw]:
    for url in urls:
        found = _response(http, "/v2/share/stats", {"url": url})
        if "note_count" not in found:
            raise BadAnswer(NAME, "the public count has no `note_count`")
        yield Raw(url, ask.observed_at, url=url, payload={"note_count": found["note_count"]})


def parse_by_url(rows: Sequence[Raw]) -> Iterator[Observation]:
    """One reading per web address."""
    for row in rows:
        count = dig(row.payload, "note_count")
        quality = Quality.FUZZED if whole(count) else Quality.DEFAULT_ZERO
        more = {"basis": Basis.PAGE, "native": "share_stats.note_count", "quality": quality}
        yield reading(CONNECTOR, Verb.SHARE, row, count, absent=Status.FAILED, **more)


CONNECTOR = Connector(
    name=NAME,
    title="Tumblr",
    signal="votes",
    settings=Settings,
    streams=(
        Stream(
            name="posts",
            title="Posts of chosen blogs",
            asks="account",
            requests="1,050 at most",
            fetch=fetch_posts,
            parse=parse_posts,
        ),
        Stream(
            name="by_post",
            title="Notes of known posts",
            asks="posts",
            fetch=fetch_by_post,
            parse=parse_posts,
            requests_per_1000=1000,
        ),
        Stream(
            name="by_url",
            title="The undocumented public count of web addresses",
            asks="urls",
            fetch=fetch_by_url,
            parse=parse_by_url,
            requests_per_1000=1000,
            budget="share_stats_per_day",
            basis=Basis.PAGE,
            verbs=(Verb.SHARE,),
        ),
    ),
    quota="1,000 requests an hour and 5,000 a day per key. 20 posts per request, one more for each with notes.",
    terms="A key per application, a constant user agent, no keys to dodge limits. Names and texts are not kept.",
    keys_from="Register an application at tumblr.com/oauth/apps and copy its OAuth consumer key.",
    verbs={
        Verb.LIKE: VerbMeaning("total_likes", "Likes of one post and of all its reblogs."),
        Verb.SHARE: VerbMeaning(
            "total_reblogs", "Reblogs of one post; for a page as a whole, all notes of posts that link to it."
        ),
        Verb.COMMENT: VerbMeaning(
            "total_notes-total_likes-total_reblogs", "Notes of one post that are neither likes nor reblogs: replies."
        ),
    },
    basis=Basis.POST,
    verified="Written from the documentation of 2024; pytumblr reads the twin made from it. Nothing was read live.",
)
