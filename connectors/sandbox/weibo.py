"""Twin of Sina Weibo: short links and their totals, the timeline of one account, counters by id, the business calls.

The account wrote every post of the world; texts write links as `t.cn`, and the posts about one page in nine have none.
Some posts of a timeline belong to others and are left out, so pages are short. Shy posts have no likes. Numbers
are text in counts by id and by link. Short links are made of the address, so each spelling has one of its own.

Tokens choose the behaviour: `expired…` and `forged…` are refused, `unreviewed…` has too many users, `narrow…` may not
ask, `spent…` is over its limit in the words of today's table and `busy…` meets the same code in the words of the older
one once a day; `quiet…` is refused as HTTP 200 with a code written as text.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime, timedelta, timezone
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.sandbox.stage import Twin, day_of, moment_of, stage_of
from connectors.sandbox.world import World, WorldPost

BEIJING = timezone(timedelta(hours=8))
MOST_LINKS, MOST_IDS = 20, 100
REQUESTS_PER_HOUR = 1000
REFUSALS: dict[str, tuple[int, int | str, str]] = {
    "expired": (403, 21327, "expired_token"),
    "forged": (400, "21332", "invalid_access_token"),
    "unreviewed": (403, 21321, "Applications over the unaudited use restrictions!"),
    "narrow": (403, 10014, "Insufficient app permissions"),
    "spent": (403, 10023, "User requests out of rate limit!"),
    "quiet": (200, "10022", "IP requests out of rate limit!"),
}


def counters(post: WorldPost, moment: datetime) -> dict[str, int]:
    """The true counters of a post."""
    votes = post.votes_at(moment)
    return {"reposts": votes, "comments": votes // 3, "attitudes": 2 * votes, "reads": 150 * votes + 9}


def has_link(post: WorldPost) -> bool:
    """Whether a post links to its page; few do not."""
    return post.page.index % 9 != 4


def totals(world: World, address: str, moment: datetime) -> dict[str, int]:
    """How often one spelling of an address was posted (the post itself and its reposts), and the comments there."""
    posts = [p for p in world.posts("weibo") if p.url == address and has_link(p) and p.exists_at(moment)]
    found = [counters(p, moment) for p in posts]
    return {
        "share_counts": sum(1 + f["reposts"] for f in found),
        "comment_counts": sum(f["comments"] for f in found),
    }


def short_of(address: str) -> str:
    """The short link of an address."""
    return f"http://t.cn/{urlsafe_b64encode(address.encode()).decode().rstrip('=')}"


def long_of(link: str) -> str | None:
    """The address behind a short link."""
    code = link.removeprefix("http://t.cn/")
    try:
        return urlsafe_b64decode(code + "=" * (-len(code) % 4)).decode() if code != link else None
    except ValueError:
        return None


def refuse(request: Request, status: int, code: int | str, words: str) -> Response:
    """Weibo's envelope of errors."""
    path = "/2/" + request.url.path.partition("/weibo/")[2]
    return JSONResponse({"error": words, "error_code": code, "request": path}, status)


def stop(request: Request) -> Response | None:
    """The refusal that a token meets, if any."""
    token, stage, day = request.query_params.get("access_token", ""), stage_of(request), day_of(request)
    if not token:
        return refuse(request, 400, 10006, "Source paramter (appkey) is missing")
    for kind, refusal in REFUSALS.items():
        if token.startswith(kind):
            return refuse(request, *refusal)
    if token.startswith("busy") and stage.allowance(f"weibo-busy:{day}:{token}", 1) >= 0:
        return refuse(request, 503, 10023, "Too many pending tasks,system is busy")
    if stage.window(f"weibo:{day}:{token}", REQUESTS_PER_HOUR, 3600)[0] < 0:
        return refuse(request, 403, 10024, "User requests for (%s) out of rate limit!")
    return None


async def links(request: Request) -> Response:
    """`/short_url/…`: shorten, expand, share/counts, comment/counts; 20 links at most."""
    if refusal := stop(request):
        return refusal
    call = request.path_params["call"].removesuffix(".json")
    asked = request.query_params.getlist("url_long" if call == "shorten" else "url_short")
    if not 1 <= len(asked) <= MOST_LINKS:
        return refuse(request, 400, 10008, "Param error, see doc for more info")
    if call == "shorten":
        entries = [_shortened(address) for address in asked]
    elif call in ("expand", "share/counts", "comment/counts"):
        entries = [_told(request, call, link) for link in asked]
    else:
        return refuse(request, 404, 10020, "Request api not found")
    return JSONResponse({"urls": entries})


def _shortened(address: str) -> dict[str, Any]:
    is_address = address.startswith(("http://", "https://"))
    return {
        "result": is_address,
        "url_short": short_of(address) if is_address else "",
        "url_long": address,
        "type": 0,
    }


def _told(request: Request, call: str, link: str) -> dict[str, Any]:
    address = long_of(link) or ""
    entry: dict[str, Any] = {"url_short": link, "url_long": address}
    if call == "expand":
        return entry | {"type": 0, "result": bool(address)}
    field = call.replace("/", "_")
    return entry | {field: str(totals(stage_of(request).world, address, moment_of(request))[field])}


async def timeline(request: Request) -> Response:
    """`/statuses/user_timeline.json` and `…/biz.json`: the account's posts, newest first, some of them left out."""
    if refusal := stop(request):
        return refusal
    try:
        size, page = (int(request.query_params.get(name, n)) for name, n in (("count", 20), ("page", 1)))
    except ValueError:
        return refuse(request, 400, 10008, "Param error, see doc for more info")
    moment = moment_of(request)
    posts = [p for p in stage_of(request).world.posts("weibo") if p.exists_at(moment)][::-1]
    size, start = min(max(size, 1), 100), (max(page, 1) - 1) * min(max(size, 1), 100)
    strangers = len(posts) // 4  # posts of others, announced in the total and never served
    served = (posts + [None] * strangers)[start : start + size]
    bodies = [_status(post, moment) for post in served if post]
    return JSONResponse(
        {"statuses": bodies, "previous_cursor": 0, "next_cursor": 0, "total_number": len(posts) + strangers}
    )


def _status(post: WorldPost, moment: datetime) -> dict[str, Any]:
    found = counters(post, moment)
    link = f" {short_of(post.url)} 看看" if has_link(post) else ""
    return {
        "created_at": f"{post.published_at.astimezone(BEIJING):%a %b %d %H:%M:%S %z %Y}",
        "id": int(post.object_id),
        "mid": post.object_id,
        "idstr": post.object_id,
        "text": f"@somebody_invented{link}",
        "source": '<a href="http://app.weibo.com/" rel="nofollow">invented app</a>',
        "user": {"id": 1404376560, "screen_name": "somebody_invented"},
        "reposts_count": found["reposts"],
        "comments_count": found["comments"],
    } | ({} if post.is_shy else {"attitudes_count": found["attitudes"]})


async def counts(request: Request) -> Response:
    """`/statuses/count.json`, and the business calls that say `likes` and add `reads`."""
    if refusal := stop(request):
        return refusal
    ids, moment, world = request.query_params.get("ids", "").split(","), moment_of(request), stage_of(request).world
    if len(ids) > MOST_IDS or not all(ids):
        return refuse(request, 400, 10008, "Param error, see doc for more info")
    found = [post for post in (world.post("weibo", i) for i in ids) if post and post.exists_at(moment)]
    return JSONResponse([_count(post, moment, request.url.path) for post in found])


def _count(post: WorldPost, moment: datetime, path: str) -> dict[str, Any]:
    told, is_business = counters(post, moment), path.endswith("/biz.json")
    body: dict[str, Any] = {"id": post.object_id, "comments": str(told["comments"]), "reposts": str(told["reposts"])}
    if not post.is_shy:
        body["likes" if is_business else "attitudes"] = str(told["attitudes"])
    return body | ({"reads": told["reads"]} if "count_sp" in path else {})


async def show(request: Request) -> Response:
    """`/statuses/show.json`: one post, or 20101."""
    if refusal := stop(request):
        return refusal
    post = stage_of(request).world.post("weibo", request.query_params.get("id", ""))
    if post is None or not post.exists_at(moment_of(request)):
        return refuse(request, 400, 20101, "target weibo does not exist!")
    return JSONResponse(_status(post, moment_of(request)))


TWIN = Twin(
    "weibo",
    [
        Route("/short_url/{call:path}", links),
        Route("/statuses/user_timeline.json", timeline),
        Route("/statuses/user_timeline/biz.json", timeline),
        Route("/statuses/count.json", counts),
        Route("/statuses/count/biz.json", counts),
        Route("/media_statuses/count_sp/biz.json", counts),
        Route("/statuses/show.json", show),
    ],
)
