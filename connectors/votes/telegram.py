"""Telegram: the public preview of named channels, a web page and no API. Off until you switch it on.

- channel: `GET https://t.me/s/<channel>[?before=<number>]`, about 20 messages per page, newest last; the page before
  begins below the lowest number. Nothing is asked before a channel is named.
- by_post: the same pages: `before` the newest message wanted, then on below the lowest one that came, so that one
  request answers for all messages on its page. A message that is missing between those that came is deleted.
- A channel that is private, restricted, a group or not there is redirected to another page: not permitted. A page
  without `</html>` or without a list of messages is a bad answer, and so is a channel without any message.

Read by class names: `tgme_widget_message` with `data-post="channel/123"`, `…_views` ("845", "1.2K", "3M"),
`time[datetime]`, the links in `…_text`, `…_link_preview`, and `tgme_reaction` with its number after the emoji.
Texts, titles and names are not kept.

Verbs: view is the number below the message, like is the sum of its reactions without `tgme_reaction_paid` (stars:
money, not people). A number without K, M or B is exact, a shortened one is rounded. A message may show no views, and
one without reactions has no place for them: hidden, because the page does not say whether that is none or not allowed.
Where no message of a page shows views, and where a number cannot be read, they are failed. The page is the first link
in the text that leads out of Telegram, else the preview below it. Service messages ("channel created") are passed over.

Forwards and replies, and exact numbers, are told only to a signed-in person (MTProto: api_id, api_hash and a session);
they are not read. The Bot API tells no views. There is no search by address.

UNVERIFIED: every class name and the redirect are known from clients, not from Telegram; there is no published allowance
to read these pages, so keep the pace low. Telegram restricts the reuse of content in its terms for the API.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from pydantic import Field
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
    failed,
    post_row,
    reading,
)
from connectors.errors import BadAnswer, BadRequest, NotPermitted, SourceError
from connectors.fields import mapping, moment, picked
from connectors.http import Answer, Http, by_status
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb
from connectors.urls import registrable_domain

NAME = "telegram"
ITSELF = frozenset({"t.me", "telegram.me", "telegram.org", "telegram.dog"})
TIMES = {"": 1, "K": 1_000, "M": 1_000_000, "B": 1_000_000_000}

_ID = re.compile(r"([A-Za-z0-9_]+)/([0-9]+)")
_NUMBER = re.compile(r"[0-9][0-9.,]*\s?[KMB]?", re.IGNORECASE)
_SHORT = re.compile(r"([0-9]+)(?:[.,]([0-9]+))?\s?([KMB])", re.IGNORECASE)

Item = Mapping[str, Any]


class Settings(ConnectorSettings):
    """Settings of Telegram; no key is needed."""

    model_config = SettingsConfigDict(env_prefix="TALLYRANK_TELEGRAM_")
    reads_from: ClassVar[tuple[str, ...]] = ("channels",)

    base_url: str = Field("https://t.me", description="Address of the public previews.")
    enabled: bool = Field(False, description="Set to true to read the public previews; there is no allowance for it.")
    channels: str = Field("", description="Public channels to read, by their short names, comma-separated.")
    messages_per_channel: int = Field(200, ge=1, description="Newest messages to list; older known ones go by id.")
    requests_per_second: float = Field(0.5, gt=0, description="Highest pace; nothing is published, so keep it low.")

    @property
    def channel_names(self) -> list[str]:
        """The channels, each once."""
        names = (c.strip().removeprefix("@") for c in self.channels.split(","))
        return list(dict.fromkeys(name for name in names if name))


def telegram_error(answer: Answer) -> SourceError | None:
    """What an answer says went wrong: a redirect is a channel without a public preview."""
    if 300 <= answer.status < 400:
        words = f"HTTP {answer.status}: no public preview; the channel is private, restricted, a group or not there"
        return NotPermitted(answer.source, words)
    return by_status(answer)


def fetch_channel(ask: Ask) -> Iterator[Raw]:
    """The newest messages of the channels in the settings."""
    with Http(NAME, ask, classify=telegram_error) as http:
        yield from account_rows(ask, ask.settings.channel_names, partial(_messages_of, ask, http))


def _messages_of(ask: Ask, http: Http, channel: str) -> Iterator[Raw]:
    if not re.fullmatch(r"[A-Za-z0-9_]+", channel):
        raise BadRequest(NAME, "not the short name of a channel: letters, digits and _")
    for message in listed(partial(_page, http, channel), ask.settings.messages_per_channel):
        if not message["is_service"]:
            yield Raw(message["id"], ask.observed_at, url=message["link"], payload=_kept(message))


def _kept(message: Item) -> dict[str, Any]:
    return picked(message, ("published_at", "views", "reactions"))


def _page(http: Http, channel: str, before: int | None) -> list[Item]:
    return messages_in(http.get(f"/s/{channel}", {"before": before} if before else {}).text)


def listed(page: Callable[[int | None], Sequence[Item]], most: int) -> Iterator[Item]:
    """The newest messages of a channel, newest first and each once, at most so many."""
    before, left = None, most
    while left > 0:
        found = page(before)
        older = {m["number"]: m for m in found if before is None or m["number"] < before}
        if not older and (found or before is None):
            raise BadAnswer(NAME, "no messages, or the page before is this page again: has the page changed?")
        yield from (older[number] for number in sorted(older, reverse=True)[:left])
        if not older or min(older) <= 1:
            return
        before, left = min(older), left - len(older)


def messages_in(text: str) -> list[Item]:
    """The messages of a channel's page, projected to what we keep and the page that each links to."""
    document = _document(text) if "</html>" in text else None
    if document is None or not document.xpath(_of_class("tgme_channel_history")):
        raise BadAnswer(NAME, f"no whole page with a channel's messages in {len(text):,} characters")
    found = [m for node in document.xpath(_of_class("tgme_widget_message")) if (m := _message(node))]
    if any(m["views"] is not None for m in found):
        return found
    return [{name: value for name, value in m.items() if name != "views"} for m in found]


def _document(text: str) -> Any:
    """The page as a tree; None for what is none."""
    from lxml import etree, html

    try:
        return html.fromstring(text.encode(), parser=html.HTMLParser(encoding="utf-8"))
    except (etree.LxmlError, ValueError):
        return None


def _of_class(name: str, below: str = "//*") -> str:
    """The XPath of elements of a class."""
    return f"{below}[contains(concat(' ', normalize-space(@class), ' '), ' {name} ')]"


def _message(node: Any) -> Item | None:
    """One message; None for what has no id."""
    found = _ID.fullmatch(node.get("data-post") or "")
    if found is None:
        return None
    views = node.xpath(_of_class("tgme_widget_message_views", ".//*"))
    times = node.xpath(".//time/@datetime")
    return {
        "id": found[0],
        "number": int(found[2]),
        "link": _link(node),
        "is_service": "service_message" in node.get("class").split(),
        "published_at": str(times[-1]) if times else None,
        "views": "".join(views[0].itertext()).strip() if views else None,
        "reactions": [_number(r) for r in node.xpath(_of_class("tgme_reaction", ".//*")) if not _is_paid(r)],
    }


def _is_paid(reaction: Any) -> bool:
    return "tgme_reaction_paid" in (reaction.get("class") or "").split()


def _number(reaction: Any) -> str | None:
    """The number at the end of a reaction; the emoji before it may hold digits of its own."""
    tail = [*reaction.itertext()][-1:]
    found = _NUMBER.fullmatch(tail[0].strip()) if tail else None
    return found[0] if found else None


def _link(node: Any) -> str | None:
    """The first link that leads out of Telegram: in the text, else the preview."""
    in_text = node.xpath(f"{_of_class('tgme_widget_message_text', './/*')}//a/@href")
    preview = node.xpath(f"{_of_class('tgme_widget_message_link_preview', './/a')}/@href")
    outside = (str(link) for link in (*in_text, *preview) if _leads_out(str(link)))
    return next(outside, None)


def _leads_out(link: str) -> bool:
    return link.startswith(("http://", "https://")) and registrable_domain(link) not in (None, *ITSELF)


def fetch_by_post(ask: Ask) -> Iterator[Raw]:
    """The counters of known messages, as many to a request as stand on one page."""
    channels: dict[str, list[Post]] = {}
    for post in ask.posts:
        found = _ID.fullmatch(post.object_id)
        channels.setdefault(found[1] if found else "", []).append(post)
    for post in channels.pop("", []):
        yield failed(ask, post, BadRequest(NAME, "not the id of a message, which is <channel>/<number>"))
    with Http(NAME, ask, classify=telegram_error) as http:
        for row in ask_in_batches(ask, list(channels), 1, lambda names: _refreshed(ask, http, channels[names[0]])):
            is_channel = row.status is Status.FAILED and row.subject in channels
            yield from (_failed(row, post) for post in channels[row.subject]) if is_channel else (row,)


def _failed(row: Raw, post: Post) -> Raw:
    return Raw(post.object_id, row.observed_at, Status.FAILED, post.url, error=row.error)


def _refreshed(ask: Ask, http: Http, posts: Sequence[Post]) -> Iterator[Raw]:
    """The rows of one channel's messages; where a page fails after others came, only what is below it fails."""
    left = sorted(posts, key=_place, reverse=True)
    while left:
        try:
            page = _page_down_to(http, *_place(left[0]))
        except SourceError as error:
            if len(left) == len(posts):
                raise
            yield from (failed(ask, post, error) for post in left)
            return
        answered = [post for post in left if _place(post)[1] >= min(page)]
        yield from (_row(ask, post, page.get(_place(post)[1])) for post in answered)
        left = left[len(answered) :]


def _page_down_to(http: Http, channel: str, number: int) -> dict[int, Item]:
    """The page whose newest place is that of a message, whether or not the message is still there."""
    page = {message["number"]: message for message in _page(http, channel, number + 1)}
    if not page or min(page) > number:
        raise BadAnswer(NAME, f"no message at or below number {number}: has the page changed?")
    return page


def _place(post: Post) -> tuple[str, int]:
    channel, _, number = post.object_id.partition("/")
    return channel, int(number)


def _row(ask: Ask, post: Post, message: Item | None) -> Raw:
    if message is not None:
        return Raw(post.object_id, ask.observed_at, url=post.url, payload=_kept(message))
    return post_row(ask, post, None)


def parse(rows: Sequence[Raw]) -> Iterator[Observation]:
    """Two readings per message."""
    for row in rows:
        payload = mapping(row.payload)
        views, reactions = payload.get("views"), payload.get("reactions")
        texts = {Verb.VIEW: None if views is None else [views], Verb.LIKE: reactions or None}
        for verb, native in ((Verb.VIEW, "views"), (Verb.LIKE, "reactions")):
            is_withheld = native in payload and texts[verb] is None
            absent = Status.HIDDEN if is_withheld else Status.FAILED
            count, quality = total_of(texts[verb])
            yield reading(
                CONNECTOR, verb, row, count, absent=row.status if row.status is Status.NOT_FOUND else absent,
                quality=quality, object_id=row.subject, published_at=moment(payload.get("published_at")),
            )  # fmt: skip


def total_of(texts: Any) -> tuple[int | None, Quality]:
    """The sum of numbers as they are shown, rounded if one of them is; None when one of them is no number."""
    numbers = [shown(text) for text in texts] if isinstance(texts, list) else []
    known = [number for number in numbers if number is not None]
    is_exact = bool(known) and all(exact for _, exact in known)
    total = sum(count for count, _ in known) if known and len(known) == len(numbers) else None
    return total, Quality.EXACT if is_exact else Quality.ROUNDED


def shown(text: Any) -> tuple[int, bool] | None:
    """A number as Telegram shows it, and whether it is exact: "845" is, "1.2K" stands for about 1,200."""
    if not isinstance(text, str):
        return None
    if re.fullmatch(r"[0-9]+", text.strip()):
        return int(text), True
    if not (found := _SHORT.fullmatch(text.strip())):
        return None
    whole, part, letter = found[1], found[2] or "", found[3].upper()
    return int(whole + part) * TIMES[letter] // 10 ** len(part), False


CONNECTOR = Connector(
    name=NAME,
    title="Telegram",
    signal="votes",
    settings=Settings,
    streams=(
        Stream(
            name="channel",
            title="Messages of the channels in the settings",
            asks="account",
            requests="50",
            fetch=fetch_channel,
            parse=parse,
            batch=20,
        ),
        Stream(
            name="by_post",
            title="Counters of known messages, about 20 per request where they follow each other",
            asks="posts",
            requests="50 for messages in a row",
            fetch=fetch_by_post,
            parse=parse,
        ),
    ),
    quota="No limit is published; about 20 messages per request, one request in two seconds.",
    terms="A web page, not an API: no allowance to read it by machine is published, so it is off by default. Texts and "
    "names are not kept.",
    keys_from="No key is needed: name public channels in TALLYRANK_TELEGRAM_CHANNELS.",
    verbs={
        Verb.VIEW: VerbMeaning("views", "Views of one message; shortened from a thousand on.", Quality.ROUNDED),
        Verb.LIKE: VerbMeaning("reactions", "Reactions to one message, without paid stars.", Quality.ROUNDED),
    },
    basis=Basis.POST,
    verified="Nothing against real answers: written from clients that read these pages.",
)
