"""Twin of the publishers' feeds, as a mirror: the feed at `https://<host><path>` is served at `/<host><path>`.

Every site of the world has the same entries in several kinds of feed, the newest first: `/feed` (RSS of a WordPress,
ten per page, `?paged=N` up to a 404), `/atom` (all of them, RFC 4685 counts in the link to the replies), `/total`
(RSS, linked pages by `rel="next"`, RFC 4685 totals), `/slashdot` (only a hit parade), `/bare` (no counts) and
`/feed.json`. `www.youtube.com` has one channel, whose videos are the entries of all sites.
Entries that are shy lack their count; deleted ones are gone. Names and texts of people are in all of them.
`/moved` leads to `/feed` on, `/away` to another host, `/round` to itself; `/private` asks for a password, `/busy` says
when to come back, `/page` is a web page, `/unchanged` is always "not modified".
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from email.utils import format_datetime
from html import escape

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from connectors.sandbox.stage import Twin, moment_of, stage_of
from connectors.sandbox.world import World, WorldPost

PER_PAGE = 10
VIDEOS = 15
CHANNEL = "UCsandbox0000000000000000"
XML = "application/xml; charset=utf-8"
NAMESPACES = " ".join(
    f'xmlns:{prefix}="{uri}"'
    for prefix, uri in {
        "slash": "http://purl.org/rss/1.0/modules/slash/",
        "wfw": "http://wellformedweb.org/CommentAPI/",
        "dc": "http://purl.org/dc/elements/1.1/",
        "thr": "http://purl.org/syndication/thread/1.0",
        "atom": "http://www.w3.org/2005/Atom",
    }.items()
)


def entry_id(post: WorldPost) -> str:
    """The id of an entry in the RSS feeds of its site."""
    return f"https://www.{post.page.site}/?p={post.object_id}"


def comments(post: WorldPost, moment: datetime) -> int:
    """Comments below an entry: one for every three votes."""
    return post.votes_at(moment) // 3


def video_id(post: WorldPost) -> str:
    """The eleven characters of the entry's video."""
    return f"{int(post.object_id) % 10**11:011d}"


def entries(world: World, site: str | None, moment: datetime) -> list[WorldPost]:
    """The entries of a site (None: of all), the newest first."""
    posts = reversed(world.posts("feeds"))
    return [p for p in posts if p.exists_at(moment) and site in (None, p.page.site)]


def of_site(request: Request) -> list[WorldPost]:
    """The entries of the site that is asked."""
    site = request.path_params["host"].removeprefix("www.")
    return entries(stage_of(request).world, site, moment_of(request))


def missing() -> Response:
    """The page that stands where nothing is."""
    return Response("<!doctype html><title>Page not found</title>", 404, media_type="text/html")


def rss(items: Sequence[str], head: str = "") -> Response:
    """An RSS document."""
    body = f"""<?xml version="1.0" encoding="UTF-8"?><rss version="2.0" {NAMESPACES}><channel>
        <title>A site</title>{head}{"".join(items)}</channel></rss>"""
    return Response(body, media_type=XML)


def item(post: WorldPost, counts: str) -> str:
    """An entry of an RSS document."""
    guid, link = escape(entry_id(post)), escape(post.url)
    return f"""<item><title>Ada Invented's {escape(post.page.title)}</title><link>{link}</link>
        <comments>{link}#comments</comments><dc:creator><![CDATA[Ada Invented]]></dc:creator>
        <pubDate>{format_datetime(post.published_at)}</pubDate><guid isPermaLink="false">{guid}</guid>
        <description><![CDATA[<p>Words of Ada Invented</p>]]></description>
        <wfw:commentRss>{link}/feed</wfw:commentRss>{counts}</item>"""


def numbered(request: Request) -> int:
    """The page that is asked for."""
    text = request.query_params.get("paged", "1")
    return int(text) if text.isdecimal() else 1


def page_of(request: Request, posts: Sequence[WorldPost]) -> Sequence[WorldPost]:
    """The entries of the page that is asked for."""
    return posts[(numbered(request) - 1) * PER_PAGE : numbered(request) * PER_PAGE]


async def wordpress(request: Request) -> Response:
    """`/feed`: ten entries, `slash:comments`; not modified for who has it already."""
    moment, shown = moment_of(request), page_of(request, of_site(request))
    if not shown:
        return missing()
    tag = f'"{moment:%Y%m%d}-{numbered(request)}"'
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={"ETag": tag})
    counts = ["" if p.is_shy else f"<slash:comments>{comments(p, moment)}</slash:comments>" for p in shown]
    generator = "<generator>https://wordpress.org/?v=6.8</generator>"
    answer = rss([item(p, c) for p, c in zip(shown, counts, strict=True)], generator)
    answer.headers["ETag"] = tag
    return answer


async def total(request: Request) -> Response:
    """`/total`: `thr:total`, and a link to the next page as long as there is one."""
    posts, moment = of_site(request), moment_of(request)
    items = [
        item(p, "" if p.is_shy else f"<thr:total>{comments(p, moment)}</thr:total>") for p in page_of(request, posts)
    ]
    following = numbered(request) + 1
    more = f'<atom:link rel="next" href="/total?paged={following}"/>' if len(posts) > PER_PAGE * (following - 1) else ""
    return rss(items, more)


async def slashdot(request: Request) -> Response:
    """`/slashdot`: comments by score, the first number being all of them."""
    moment = moment_of(request)
    parades = {p: f"{comments(p, moment)},{comments(p, moment) // 2},0" for p in of_site(request) if not p.is_shy}
    return rss(
        [
            item(p, f"<slash:hit_parade>{parades[p]}</slash:hit_parade>" if p in parades else "")
            for p in of_site(request)
        ]
    )


async def bare(request: Request) -> Response:
    """`/bare`: entries without any count."""
    return rss([item(p, "") for p in of_site(request)])


async def atom(request: Request) -> Response:
    """`/atom`: the count stands on the link to the replies."""
    moment = moment_of(request)
    found = "".join(_atom_entry(p, "" if p.is_shy else f'thr:count="{comments(p, moment)}"') for p in of_site(request))
    namespaces = 'xmlns="http://www.w3.org/2005/Atom" xmlns:thr="http://purl.org/syndication/thread/1.0"'
    return Response(f'<?xml version="1.0"?><feed {namespaces}><title>A site</title>{found}</feed>', media_type=XML)


def _atom_entry(post: WorldPost, count: str) -> str:
    link = escape(post.url)
    return f"""<entry><id>tag:{post.page.site},2026:{post.object_id}</id><title>Ada Invented</title>
        <author><name>Ada Invented</name></author><published>{post.published_at.isoformat()}</published>
        <link rel="alternate" href="{link}"/><link rel="replies" href="{link}#comments" {count}/></entry>"""


async def json_feed(request: Request) -> Response:
    """`/feed.json`: no counts, as the format has none."""
    items = [
        {"id": entry_id(p), "url": p.url, "date_published": p.published_at.isoformat(), "content_text": "Ada's words"}
        for p in of_site(request)
    ]
    body = {"version": "https://jsonfeed.org/version/1.1", "title": "A site", "items": items}
    return JSONResponse(body, media_type="application/feed+json")


async def channel(request: Request) -> Response:
    """YouTube: the newest videos of a channel, with views and star ratings."""
    if request.query_params.get("channel_id") != CHANNEL:
        return missing()
    moment = moment_of(request)
    found = "".join(_video(p, moment) for p in entries(stage_of(request).world, None, moment)[:VIDEOS])
    namespaces = """xmlns="http://www.w3.org/2005/Atom" xmlns:yt="http://www.youtube.com/xml/schemas/2015"
        xmlns:media="http://search.yahoo.com/mrss/" """
    return Response(f'<?xml version="1.0"?><feed {namespaces}><title>Ada</title>{found}</feed>', media_type="text/xml")


def _video(post: WorldPost, moment: datetime) -> str:
    video, votes = video_id(post), post.votes_at(moment)
    stars = "" if post.is_shy else f'<media:starRating count="{votes}" average="5.00" min="1" max="5"/>'
    return f"""<entry><id>yt:video:{video}</id><yt:videoId>{video}</yt:videoId><title>Ada Invented</title>
        <link rel="alternate" href="https://www.youtube.com/watch?v={video}"/><author><name>Ada Invented</name></author>
        <published>{post.published_at.isoformat()}</published><media:group><media:title>Ada Invented</media:title>
        <media:description>{escape(post.url)}</media:description><media:community>{stars}
        <media:statistics views="{40 * votes}" favorites="0"/></media:community></media:group></entry>"""


async def elsewhere(request: Request) -> Response:
    """What is at an address besides feeds: redirects, refusals, a web page."""
    host, kind = request.path_params["host"], request.path_params["kind"]
    answers = {
        "moved": Response(status_code=301, headers={"Location": "/feed"}),
        "away": Response(status_code=302, headers={"Location": "https://www.birch.example/moved"}),
        "round": Response(status_code=307, headers={"Location": f"https://{host}/round"}),
        "private": PlainTextResponse("Password, please", 401, headers={"WWW-Authenticate": "Basic"}),
        "busy": PlainTextResponse("Later", 429, headers={"Retry-After": "3600"}),
        "page": Response("<!doctype html><title>Ada Invented</title><p>words", media_type="text/html"),
        "unchanged": Response(status_code=304),
    }
    return answers.get(kind) or missing()


TWIN = Twin(
    "feeds",
    [
        Route("/www.youtube.com/feeds/videos.xml", channel),
        Route("/{host}/feed", wordpress),
        Route("/{host}/total", total),
        Route("/{host}/slashdot", slashdot),
        Route("/{host}/bare", bare),
        Route("/{host}/atom", atom),
        Route("/{host}/feed.json", json_feed),
        Route("/{host}/{kind}", elsewhere),
    ],
    keys={
        "addresses": f"https://www.alder.example/feed, https://www.youtube.com/feeds/videos.xml?channel_id={CHANNEL}"
    },
    post_id=entry_id,
)
