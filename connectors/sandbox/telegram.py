"""Twin of Telegram's public previews: web pages of 20 messages, shortened numbers, and redirects instead of errors.

Posts of the world stand in one of two channels; any other name is redirected. The first message of a channel is a
service message. Shy messages show no views. Some messages link by a preview only, some have no reactions, some have
paid stars beside them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from connectors.sandbox.stage import Twin, moment_of, stage_of
from connectors.sandbox.world import FIRST_DAY, WorldPost, noon

CHANNELS = ("tallyrank_twin", "twin_news")
PER_PAGE = 20
LETTERS = ((1_000_000_000, "B"), (1_000_000, "M"), (1_000, "K"))


def number_of(post: WorldPost) -> int:
    """A message's number: the later the message, the higher. The service message is 1."""
    return 2 + int((post.published_at - noon(FIRST_DAY)) / timedelta(seconds=1))


def channel_of(post: WorldPost) -> str:
    """The channel that a post stands in."""
    return CHANNELS[post.page.index % 2]


def id_of(post: WorldPost) -> str:
    """A message's id in addresses."""
    return f"{channel_of(post)}/{number_of(post)}"


def views(post: WorldPost, moment: datetime) -> str | None:
    """The views shown below a message."""
    return None if post.is_shy else short(90 * post.votes_at(moment) + 40)


def reactions(post: WorldPost, moment: datetime) -> list[str]:
    """The reactions shown below a message, none for some."""
    votes = post.votes_at(moment)
    return [] if number_of(post) % 7 == 3 else [short(3 * votes + 1), short(votes // 2 + 1)]


def short(number: int) -> str:
    """A number as it is shown: 845, 1.2K, 3M."""
    for size, letter in LETTERS:
        if number >= size:
            tenths = number * 10 // size
            return f"{tenths // 10}{f'.{tenths % 10}' if tenths % 10 else ''}{letter}"
    return str(number)


async def preview(request: Request) -> Response:
    """`/s/<channel>`: the newest messages below the number in `before`, newest last."""
    channel, before = request.path_params["channel"], request.query_params.get("before", "")
    if channel not in CHANNELS:
        return RedirectResponse(f"/{channel}", 302)
    moment = moment_of(request)
    posts = [p for p in stage_of(request).world.posts("telegram") if channel_of(p) == channel and p.exists_at(moment)]
    messages = [(1, _service(channel)), *((number_of(p), _message(p, moment)) for p in posts)]
    below = [text for number, text in messages if not before.isdecimal() or number < int(before)]
    return HTMLResponse(_document(channel, below[-PER_PAGE:]))


async def about(request: Request) -> Response:
    """`/<channel>`: a page about a channel, without messages."""
    return HTMLResponse('<!DOCTYPE html><html><body><div class="tgme_page">View in Telegram</div></body></html>')


def _document(channel: str, messages: list[str]) -> str:
    return (
        f'<!DOCTYPE html>\n<html><head><meta charset="utf-8"><title>Somebody Invented – Telegram</title></head><body>'
        f'<header><div class="tgme_channel_info_header_title">Somebody Invented</div><a href="https://t.me/{channel}">'
        f'</a></header><main><section class="tgme_channel_history js-message_history">{"".join(messages)}</section>'
        "</main></body></html>\n<!-- page generated in 9.13ms -->\n"
    )


def _wrapped(name: str, kind: str, inside: str) -> str:
    return (
        f'<div class="tgme_widget_message_wrap js-widget_message_wrap"><div class="tgme_widget_message {kind} '
        f'js-widget_message" data-post="{name}" data-view="x"><div class="tgme_widget_message_bubble">{inside}</div>'
        "</div></div>\n"
    )


def _service(channel: str) -> str:
    text = '<div class="tgme_widget_message_text js-message_text" dir="auto">Channel created</div>'
    return _wrapped(f"{channel}/1", "service_message", text + _footer(channel, 1, noon(FIRST_DAY), None))


def _message(post: WorldPost, moment: datetime) -> str:
    channel, number, link = channel_of(post), number_of(post), escape(post.url)
    author = f'<a class="tgme_widget_message_owner_name" href="https://t.me/{channel}"><span>Invented</span></a>'
    in_text = f' <a href="{link}" target="_blank" rel="noopener">{link}</a>' if number % 5 else ""
    text = (
        '<div class="tgme_widget_message_text js-message_text" dir="auto">Invented words of '
        f'<a href="https://t.me/somebody">@somebody</a> <a href="?q=%23x">#x</a>{in_text}</div>'
    )
    preview = f'<a class="tgme_widget_message_link_preview" href="{link}"><div class="link_preview_title">x</div></a>'
    footer = _footer(channel, number, post.published_at, views(post, moment))
    return _wrapped(
        f"{channel}/{number}", "text_not_supported_wrap", author + text + preview + _box(post, moment) + footer
    )


def _box(post: WorldPost, moment: datetime) -> str:
    """The reactions: custom and usual emoji, one of them a digit; for some messages paid stars before them."""
    emoji = ('<tg-emoji emoji-id="546"><i class="emoji"><b>1️⃣</b></i></tg-emoji>', '<i class="emoji"><b>❤</b></i>')
    paid = '<span class="tgme_reaction tgme_reaction_paid"><i class="icon"></i>7.03K</span>'
    counted = reactions(post, moment)
    if not counted:
        return ""
    usual = "".join(f'<span class="tgme_reaction">{e}{n}</span>' for e, n in zip(emoji, counted, strict=True))
    stars = paid if number_of(post) % 2 else ""
    return f'<div class="tgme_widget_message_reactions js-message_reactions">{stars}{usual}</div>'


def _footer(channel: str, number: int, at: datetime, seen: str | None) -> str:
    shown = "" if seen is None else f'<span class="tgme_widget_message_views">{seen}</span><span> views</span>'
    return (
        f'<div class="tgme_widget_message_footer compact"><div class="tgme_widget_message_info">{shown}<a '
        f'class="tgme_widget_message_date" href="https://t.me/{channel}/{number}"><time datetime="{at.isoformat()}" '
        f'class="time">{at:%H:%M}</time></a></div></div>'
    )


TWIN = Twin(
    "telegram",
    [Route("/s/{channel}", preview), Route("/{channel}", about)],
    keys={"channels": ",".join(CHANNELS)},
    post_id=id_of,
)
